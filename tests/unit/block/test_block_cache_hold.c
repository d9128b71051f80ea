/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: what is held in the cache for long, and guides, which lead to blocks without its
 * table.
 */
#include "unit/block/cache_fixture.h"

#include <pthread.h>

#include "support/test_random.h"

static const size_t KIB = 1024;
static const size_t MIB = 1 << 20;

static size_t
used_bytes(const struct cache_world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->cache, &stats);
    assert_true(stats.used_bytes <= fi_block_cache_budget_bytes(world->cache));
    return stats.used_bytes;
}

/* ---- holding ---- */

static void
half_of_the_budget_can_be_held_and_more_by_graphs(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, 1, 1, 100);
    struct fi_block_cache *cache = world.cache;
    assert_true(fi_block_cache_hold(cache, 300 * KIB));
    assert_false(fi_block_cache_hold(cache, 212 * KIB + 1));
    assert_false(fi_block_cache_hold(cache, SIZE_MAX));
    assert_true(fi_block_cache_hold(cache, 212 * KIB));
    assert_false(fi_block_cache_hold(cache, 1));
    assert_true(fi_block_cache_hold(cache, 0));
    fi_block_cache_hold_release(cache, 300 * KIB);
    assert_true(fi_block_cache_hold(cache, 300 * KIB));
    /* Graphs may have more; what is held for others counts. */
    assert_false(fi_block_cache_hold_graph(cache, 384 * KIB + 1));
    assert_true(fi_block_cache_hold_graph(cache, 384 * KIB));
    assert_false(fi_block_cache_hold_graph(cache, 1));
    assert_false(fi_block_cache_hold(cache, 0));
    fi_block_cache_hold_release(cache, 896 * KIB);
    assert_true(fi_block_cache_hold(cache, 512 * KIB));
    fi_block_cache_hold_release(cache, 512 * KIB);
    cache_world_deinit(&world);
}

static void
memory_that_is_held_stays_while_blocks_come_and_go(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 200 * KIB, CACHE_FIXTURE_BLOCKS_MAX, 1, 4096);
    static const size_t sizes[] = {1, 4096, 4097, 20000};
    struct fi_block_memory taken[4];
    for (size_t n = 0; n < 4; n++) {
        size_t before = used_bytes(&world);
        assert_true(fi_block_cache_hold_take(world.cache, sizes[n], &taken[n]));
        assert_int_equal((uintptr_t)taken[n].data % 64, 0);
        assert_true(sizes[n] <= FI_BLOCK_CACHE_SLOT_SIZE || used_bytes(&world) > before);
        uint8_t *bytes = taken[n].data;
        for (size_t i = 0; i < sizes[n]; i++) {
            assert_int_equal(bytes[i], 0);
            bytes[i] = (uint8_t)(n + 1);
        }
    }
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < world.file.count; i++) {
            cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
        }
        (void)used_bytes(&world);
    }
    for (size_t n = 0; n < 4; n++) {
        const uint8_t *bytes = taken[n].data;
        for (size_t i = 0; i < sizes[n]; i++) {
            assert_int_equal(bytes[i], n + 1);
        }
        fi_block_cache_hold_give(world.cache, &taken[n]);
        assert_null(taken[n].data);
        fi_block_cache_hold_give(world.cache, &taken[n]); /* empty */
    }
    cache_world_deinit(&world);
}

static void
what_was_held_is_room_again(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 400 * KIB, 1, 1, 100);
    struct fi_block_memory taken[256];
    size_t first_count = 0;
    for (int round = 0; round < 3; round++) {
        size_t count = 0;
        while (fi_block_cache_hold_take(world.cache, 10000, &taken[count])) {
            assert_true(++count < 256);
        }
        assert_null(taken[count].data);
        assert_true(count > 0);
        assert_true(round == 0 || count == first_count);
        first_count = count;
        while (count > 0) {
            fi_block_cache_hold_give(world.cache, &taken[--count]);
        }
    }
    assert_false(fi_block_cache_hold_take(world.cache, SIZE_MAX, &taken[0]));
    cache_world_deinit(&world);
}

/* What was held before there were blocks, and what is held when they fill the cache. */
static void
what_is_held_finds_room_up_to_half_of_the_budget(void **state)
{
    enum { LARGE = 30000, PINS = 32 };
    struct cache_world world;
    static struct cache_file large;
    struct fi_block_pin pins[PINS];
    firn_error err;
    cache_world_init(&world, 2 * MIB, CACHE_FIXTURE_BLOCKS_MAX, 1, 4096);
    cache_file_create(world.dir, "large", 2, PINS, LARGE, LARGE, &large);
    large.id = fi_block_cache_add_file(world.cache);
    for (size_t i = 0; i < world.file.count; i++) {
        cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
    }
    assert_true(used_bytes(&world) > MIB);
    for (size_t i = 0; i < PINS; i++) {
        assert_true(fi_block_cache_hold(world.cache, LARGE));
        assert_int_equal(
            cache_file_read(world.cache, &large, i, FI_BLOCK_CACHE_INDEX, &pins[i], &err), FIRN_OK);
    }
    (void)used_bytes(&world);
    for (size_t i = 0; i < PINS; i++) {
        assert_true(cache_file_has(world.cache, &large, i));
        fi_block_cache_unpin(world.cache, &pins[i]);
        fi_block_cache_hold_release(world.cache, LARGE);
    }
    cache_file_close(&large);
    cache_world_deinit(&world);
}

static void
without_a_budget_nothing_can_be_held(void **state)
{
    struct cache_world world;
    struct fi_block_memory memory;
    cache_world_init(&world, 0, 1, 1, 100);
    assert_false(fi_block_cache_hold(world.cache, 1));
    assert_false(fi_block_cache_hold_take(world.cache, 1, &memory));
    assert_null(memory.data);
    cache_world_deinit(&world);
}

/* ---- guides ---- */

static bool
follow(struct cache_world *world, const struct fi_block_guide *guide, size_t i)
{
    struct fi_block_pin pin;
    const struct cache_file *file = &world->file;
    if (!fi_block_cache_guide_follow(world->cache, guide, file->id, &file->refs[i],
                                     FI_BLOCK_CACHE_DATA, &pin)) {
        assert_null(pin.data);
        return false;
    }
    assert_true(cache_file_matches(file, i, pin.data, pin.size));
    fi_block_cache_unpin(world->cache, &pin);
    return true;
}

static void
read_and_note(struct cache_world *world, size_t i, struct fi_block_guide *guide)
{
    struct fi_block_pin pin;
    assert_int_equal(
        cache_file_read(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA, &pin, NULL), FIRN_OK);
    fi_block_cache_guide_note(world->cache, &pin, guide);
    fi_block_cache_unpin(world->cache, &pin);
}

static void
a_guide_leads_to_its_block_and_to_no_other(void **state)
{
    struct cache_world world;
    cache_world_init(&world, MIB, 50, 1, 9000);
    struct fi_block_guide guides[50] = {{0}};
    for (size_t i = 0; i < 50; i++) {
        assert_false(follow(&world, &guides[i], i));
        read_and_note(&world, i, &guides[i]);
        fi_block_cache_guide_prefetch(world.cache, &guides[i], FI_BLOCK_CACHE_GUIDE_HEAD);
        assert_true(follow(&world, &guides[i], i));
        for (size_t other = 0; other < i; other++) {
            assert_false(follow(&world, &guides[i], other));
        }
    }
    struct fi_block_ref lie = world.file.refs[3];
    struct fi_block_pin pin;
    lie.raw_size++;
    assert_false(fi_block_cache_guide_follow(world.cache, &guides[3], world.file.id, &lie,
                                             FI_BLOCK_CACHE_DATA, &pin));
    lie.raw_size--;
    assert_false(fi_block_cache_guide_follow(world.cache, &guides[3], world.file.id + 1, &lie,
                                             FI_BLOCK_CACHE_DATA, &pin));
    fi_block_cache_drop_file(world.cache, world.file.id);
    for (size_t i = 0; i < 50; i++) {
        assert_false(follow(&world, &guides[i], i));
    }
    cache_world_deinit(&world);
}

static void
guides_never_lead_to_what_has_taken_the_place(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 400 * KIB, 200, 1, 6000);
    static struct fi_block_guide guides[CACHE_FIXTURE_BLOCKS_MAX];
    memset(guides, 0, sizeof guides);
    struct test_random random;
    test_random_init(&random, "guides", 5);
    size_t found = 0;
    size_t lost = 0;
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)test_random_below(&random, world.file.count);
        fi_block_cache_guide_prefetch(world.cache, &guides[i], FI_BLOCK_CACHE_GUIDE_HEAD);
        if (follow(&world, &guides[i], i)) {
            found++;
        } else {
            read_and_note(&world, i, &guides[i]);
            lost++;
        }
    }
    assert_true(found > 1000);
    assert_true(lost > 1000);
    cache_world_deinit(&world);
}

static void
a_followed_block_is_kept_like_one_that_was_read(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 300 * KIB, CACHE_FIXTURE_BLOCKS_MAX, 1, 4096);
    struct fi_block_guide guide = {0};
    read_and_note(&world, 0, &guide);
    for (size_t i = 1; i < world.file.count; i++) {
        assert_true(follow(&world, &guide, 0));
        cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
    }
    cache_world_deinit(&world);
}

static void
a_block_beyond_the_budget_has_no_guide(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 0, 1, 1, 100);
    struct fi_block_guide guide = {0};
    read_and_note(&world, 0, &guide);
    fi_block_cache_guide_prefetch(world.cache, &guide, FI_BLOCK_CACHE_GUIDE_HEAD);
    assert_false(follow(&world, &guide, 0));
    cache_world_deinit(&world);
}

/* ---- threads ---- */

enum { THREADS = 3, STEPS = 4000 };

struct walker {
    struct cache_world *world;
    struct fi_block_guide *guides; /* of all walkers */
    struct test_random random;
};

/* Follows, reads, holds and gives back, while others do the same in too small a cache. */
static void *
walk(void *ctx)
{
    struct walker *walker = ctx;
    struct cache_world *world = walker->world;
    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)test_random_below(&walker->random, world->file.count);
        struct fi_block_guide *guide = &walker->guides[i];
        struct fi_block_pin pin;
        fi_block_cache_guide_prefetch(world->cache, guide, FI_BLOCK_CACHE_GUIDE_HEAD);
        if (!fi_block_cache_guide_follow(world->cache, guide, world->file.id, &world->file.refs[i],
                                         FI_BLOCK_CACHE_DATA, &pin)) {
            if (cache_file_read(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA, &pin, NULL) !=
                FIRN_OK) {
                return "a block could not be read";
            }
            fi_block_cache_guide_note(world->cache, &pin, guide);
        }
        bool is_right = cache_file_matches(&world->file, i, pin.data, pin.size);
        fi_block_cache_unpin(world->cache, &pin);
        if (!is_right) {
            return "a guide led to another block";
        }
        struct fi_block_memory memory;
        if (step % 16 == 0 && fi_block_cache_hold(world->cache, 8 * KIB)) {
            if (fi_block_cache_hold_take(world->cache, 8 * KIB, &memory)) {
                memset(memory.data, 1, 8 * KIB);
                fi_block_cache_hold_give(world->cache, &memory);
            }
            fi_block_cache_hold_release(world->cache, 8 * KIB);
        }
    }
    return NULL;
}

static void
threads_share_guides(void **state)
{
    struct cache_world world;
    cache_world_init(&world, 200 * KIB, CACHE_FIXTURE_BLOCKS_MAX, 1, 4096);
    static struct fi_block_guide guides[CACHE_FIXTURE_BLOCKS_MAX];
    memset(guides, 0, sizeof guides);
    struct walker walkers[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        walkers[i] = (struct walker){.world = &world, .guides = guides};
        test_random_init(&walkers[i].random, "threads", i);
        assert_int_equal(pthread_create(&threads[i], NULL, walk, &walkers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failure;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
    cache_world_deinit(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_of_the_budget_can_be_held_and_more_by_graphs),
        cmocka_unit_test(memory_that_is_held_stays_while_blocks_come_and_go),
        cmocka_unit_test(what_was_held_is_room_again),
        cmocka_unit_test(what_is_held_finds_room_up_to_half_of_the_budget),
        cmocka_unit_test(without_a_budget_nothing_can_be_held),
        cmocka_unit_test(a_guide_leads_to_its_block_and_to_no_other),
        cmocka_unit_test(guides_never_lead_to_what_has_taken_the_place),
        cmocka_unit_test(a_followed_block_is_kept_like_one_that_was_read),
        cmocka_unit_test(a_block_beyond_the_budget_has_no_guide),
        cmocka_unit_test(threads_share_guides),
    };
    return cmocka_run_group_tests_name("block_cache_hold", tests, NULL, NULL);
}
