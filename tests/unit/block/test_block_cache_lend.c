/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: memory of the cache that is lent as long as no block needs it, and memory that is added to
 * the cache for a time.
 */
#include "unit/block/cache_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static const size_t KIB = 1024;
static const size_t MIB = 1 << 20;

static struct fi_block_cache_stats
stats_of(const struct cache_world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->cache, &stats);
    assert_true(stats.used_bytes + stats.lent_bytes <= fi_block_cache_budget_bytes(world->cache));
    assert_int_equal(stats.lent_bytes, fi_block_cache_lend_bytes(world->cache));
    return stats;
}

static void
read_blocks(struct cache_world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cache_file_visit(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA);
        (void)stats_of(world);
    }
}

static void
what_blocks_do_not_need_is_lent_but_for_a_quarter(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    assert_int_equal(fi_block_cache_lend(world.cache, 0), 0);
    assert_int_equal(fi_block_cache_lend(world.cache, 100 * KIB), 100 * KIB);
    /* What is asked for is all of it, not more. */
    assert_int_equal(fi_block_cache_lend(world.cache, 300 * KIB), 300 * KIB);
    assert_int_equal(stats_of(&world).lent_bytes, 300 * KIB);
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), 768 * KIB);
    assert_int_equal(fi_block_cache_lend(world.cache, 700 * KIB), 700 * KIB);
    assert_false(fi_block_cache_lend_is_recalled(world.cache));
    assert_int_equal(fi_block_cache_lend(world.cache, 0), 0);
    assert_int_equal(stats_of(&world).lent_bytes, 0);
    cache_world_deinit(&world);
}

static void
what_blocks_have_is_not_lent(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    read_blocks(&world, 128); /* 512 KiB */
    size_t used = stats_of(&world).used_bytes;
    assert_true(used >= 500 * KIB);
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), MIB - used);
    cache_world_deinit(&world);
}

static void
blocks_want_back_what_they_need_and_keep_it(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), 768 * KIB);
    /* They make do with the quarter that is theirs. */
    read_blocks(&world, 200);
    assert_true(stats_of(&world).evictions > 0);
    assert_true(stats_of(&world).used_bytes <= 256 * KIB);
    assert_true(fi_block_cache_lend_is_recalled(world.cache));
    /* Nothing more is lent meanwhile, and nothing is taken away. */
    assert_int_equal(fi_block_cache_lend(world.cache, 500 * KIB), 500 * KIB);
    assert_int_equal(fi_block_cache_lend(world.cache, 600 * KIB), 500 * KIB);
    assert_true(fi_block_cache_lend_is_recalled(world.cache));
    assert_int_equal(fi_block_cache_lend(world.cache, 0), 0);
    assert_false(fi_block_cache_lend_is_recalled(world.cache));
    /* What is lent again leaves them a quarter more than they had. */
    size_t used = stats_of(&world).used_bytes;
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), 768 * KIB - used);
    read_blocks(&world, 100);
    assert_true(stats_of(&world).used_bytes > used);
    cache_world_deinit(&world);
}

static void
a_cache_that_grows_asks_a_few_times_and_then_has_everything(void **state)
{
    struct cache_world world;
    unsigned rounds = 0;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    while (fi_block_cache_lend(world.cache, SIZE_MAX) > 0) {
        assert_true(++rounds <= 5);
        for (int i = 0; i < 3; i++) {
            read_blocks(&world, CACHE_FIXTURE_BLOCKS_MAX);
        }
        assert_true(fi_block_cache_lend_is_recalled(world.cache));
        assert_int_equal(fi_block_cache_lend(world.cache, 0), 0);
    }
    assert_true(rounds >= 2);
    cache_world_deinit(&world);
}

static void
memory_that_is_held_and_large_blocks_ask_too(void **state)
{
    struct cache_world world;
    struct fi_block_memory taken[64];
    size_t count = 0;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), 768 * KIB);
    while (count < 64 && fi_block_cache_hold_take(world.cache, 20000, &taken[count])) {
        (void)stats_of(&world);
        count++;
    }
    assert_in_range(count, 1, 12);
    assert_true(fi_block_cache_lend_is_recalled(world.cache));
    assert_int_equal(fi_block_cache_lend(world.cache, 0), 0);
    assert_true(count < 64 && fi_block_cache_hold_take(world.cache, 20000, &taken[count]));
    for (size_t i = 0; i <= count; i++) {
        fi_block_cache_hold_give(world.cache, &taken[i]);
    }
    cache_world_deinit(&world);
}

static void
a_cache_without_a_budget_lends_nothing(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 0, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    assert_int_equal(fi_block_cache_lend(world.cache, SIZE_MAX), 0);
    assert_int_equal(stats_of(&world).lent_bytes, 0);
    cache_world_deinit(&world);
}

/* ---- what is added ---- */

static size_t
visit_and_measure(struct cache_world *world, size_t count)
{
    struct fi_block_cache_stats stats;
    for (size_t i = 0; i < count; i++) {
        cache_file_visit(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA);
        fi_block_cache_stats(world->cache, &stats);
        assert_true(stats.used_bytes <= fi_block_cache_budget_bytes(world->cache) +
                                            fi_block_cache_lend_extra_bytes(world->cache));
    }
    return stats.used_bytes;
}

static void
large_blocks_use_what_is_added_and_give_it_back(void **state)
{
    enum { COUNT = 64 }; /* of 40,000 bytes: 2.5 MB */
    struct cache_world world;
    struct fi_block_cache_stats stats;
    cache_world_init(&world, MIB, COUNT, 40000, 40000);
    assert_true(visit_and_measure(&world, COUNT) <= MIB);
    fi_block_cache_lend_set_extra(world.cache, 2 * MIB);
    assert_int_equal(fi_block_cache_lend_extra_bytes(world.cache), 2 * MIB);
    assert_true(visit_and_measure(&world, COUNT) >= (size_t)COUNT * 40000);
    for (size_t extra = 2 * MIB; extra > 0; extra -= MIB / 4) {
        fi_block_cache_lend_set_extra(world.cache, extra - MIB / 4);
        fi_block_cache_stats(world.cache, &stats);
        assert_true(stats.used_bytes <= MIB + extra - MIB / 4);
        assert_true(stats.used_bytes >=
                    (MIB + extra - MIB / 4) / 4); /* no more than needed, nearly */
    }
    assert_true(visit_and_measure(&world, COUNT) <= MIB);
    cache_world_deinit(&world);
}

static void
a_pinned_block_is_given_back_later(void **state)
{
    enum { COUNT = 64, PINS = 40 };
    struct cache_world world;
    struct fi_block_cache_stats stats;
    struct fi_block_pin pins[PINS];
    firn_error err;
    cache_world_init(&world, MIB, COUNT, 40000, 40000);
    fi_block_cache_lend_set_extra(world.cache, 2 * MIB);
    for (size_t i = 0; i < PINS; i++) {
        assert_int_equal(
            cache_file_read(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA, &pins[i], &err),
            FIRN_OK);
    }
    fi_block_cache_lend_set_extra(world.cache, 0);
    fi_block_cache_stats(world.cache, &stats);
    assert_true(stats.used_bytes > MIB);
    for (size_t i = 0; i < PINS; i++) {
        assert_true(cache_file_matches(&world.file, i, pins[i].data, 40000));
        fi_block_cache_unpin(world.cache, &pins[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
    }
    fi_block_cache_stats(world.cache, &stats);
    assert_true(stats.used_bytes <= MIB);
    cache_world_deinit(&world);
}

static void
small_blocks_stay_within_the_budget(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    fi_block_cache_lend_set_extra(world.cache, 2 * MIB);
    assert_true(visit_and_measure(&world, 1000) <= MIB);
    fi_block_cache_lend_set_extra(world.cache, 0);
    assert_true(visit_and_measure(&world, 1000) <= MIB);
    cache_world_deinit(&world);
}

/* ---- threads ---- */

struct shared {
    struct cache_world world;
    atomic_bool is_over;
};

static void *
run_reader(void *arg)
{
    struct shared *shared = arg;
    while (!atomic_load(&shared->is_over)) {
        for (size_t i = 0; i < CACHE_FIXTURE_BLOCKS_MAX; i++) {
            cache_file_visit(shared->world.cache, &shared->world.file, i, FI_BLOCK_CACHE_DATA);
        }
    }
    return NULL;
}

static void
lending_goes_on_beside_readers(void **state)
{
    struct shared shared = {.is_over = false};
    pthread_t readers[2];
    cache_world_init(&shared.world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 4000, 4096);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, run_reader, &shared), 0);
    }
    for (size_t i = 0; i < 2000; i++) {
        size_t wanted = fi_block_cache_lend_is_recalled(shared.world.cache) ? 0 : i % 700 * KIB;
        assert_true(fi_block_cache_lend(shared.world.cache, wanted) <= wanted);
        (void)stats_of(&shared.world);
    }
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    cache_world_deinit(&shared.world);
}

static void
adding_and_taking_back_go_on_beside_readers(void **state)
{
    enum { COUNT = 64 };
    struct shared shared = {.is_over = false};
    pthread_t readers[2];
    cache_world_init(&shared.world, MIB, CACHE_FIXTURE_BLOCKS_MAX, 3000, 20000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, run_reader, &shared), 0);
    }
    for (size_t i = 0; i < 500; i++) {
        fi_block_cache_lend_set_extra(shared.world.cache, i % 7 * 300 * KIB);
    }
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    fi_block_cache_lend_set_extra(shared.world.cache, 0);
    assert_true(visit_and_measure(&shared.world, COUNT) <= MIB);
    cache_world_deinit(&shared.world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_blocks_do_not_need_is_lent_but_for_a_quarter),
        cmocka_unit_test(what_blocks_have_is_not_lent),
        cmocka_unit_test(blocks_want_back_what_they_need_and_keep_it),
        cmocka_unit_test(a_cache_that_grows_asks_a_few_times_and_then_has_everything),
        cmocka_unit_test(memory_that_is_held_and_large_blocks_ask_too),
        cmocka_unit_test(a_cache_without_a_budget_lends_nothing),
        cmocka_unit_test(large_blocks_use_what_is_added_and_give_it_back),
        cmocka_unit_test(a_pinned_block_is_given_back_later),
        cmocka_unit_test(small_blocks_stay_within_the_budget),
        cmocka_unit_test(lending_goes_on_beside_readers),
        cmocka_unit_test(adding_and_taking_back_go_on_beside_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
