/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: blocks of many sizes in one cache: all of them lie within the budget, what is in use
 * stays beside a stream of other sizes, and no size starves when what is read changes.
 */
#include "unit/block/cache_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "hosted/os_ram.h"
#include "support/test_random.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

struct world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct cache_file files[2];
};

/* Two files, with blocks of some sizes each. */
static struct world *
world_create(size_t budget, const uint32_t sizes[2][2], const size_t counts[2])
{
    enum { DISK = 128 << 20 };
    firn_error err;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(fi_os_ram_create(DISK, &world->os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(world->os, budget, &world->cache, &err), FIRN_OK);
    for (uint32_t i = 0; i < 2; i++) {
        cache_file_create(world->dir, i == 0 ? "a" : "b", i, counts[i], sizes[i][0], sizes[i][1],
                          &world->files[i]);
        world->files[i].id = fi_block_cache_add_file(world->cache);
    }
    return world;
}

static void
world_destroy(struct world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->cache, &stats);
    assert_int_equal(stats.beyond_bytes, 0);
    fi_block_cache_destroy(world->cache);
    cache_file_close(&world->files[0]);
    cache_file_close(&world->files[1]);
    fi_os_dir_close(world->dir);
    fi_os_ram_destroy(world->os);
    free(world);
}

static uint64_t
misses_of(struct world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->cache, &stats);
    assert_true(stats.used_bytes <= fi_block_cache_budget_bytes(world->cache));
    return stats.misses;
}

/* Reads a block; other tests look at what is in it. */
static void
visit(struct world *world, uint32_t file, size_t i)
{
    firn_error err;
    struct fi_block_pin pin;
    assert_int_equal(
        cache_file_read(world->cache, &world->files[file], i, FI_BLOCK_CACHE_DATA, &pin, &err),
        FIRN_OK);
    fi_block_cache_unpin(world->cache, &pin);
}

/* Visits the first blocks of a file. */
static void
visit_first(struct world *world, uint32_t file, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        visit(world, file, i);
    }
}

/* ---- fairness ---- */

static const uint32_t rows_and_chunks[2][2] = {{3000, 4096}, {40 * KIB, 64 * KIB}};
static const size_t row_and_chunk_counts[2] = {1500, 300};

static void
blocks_in_use_stay_beside_a_stream_of_another_size(void **state)
{
    enum { STREAM = 12, ROUNDS = 40 };
    for (uint32_t used = 0; used < 2; used++) {
        struct world *world = world_create(8 * MIB, rows_and_chunks, row_and_chunk_counts);
        size_t in_use = used == 0 ? 750 : 60; /* about 3 MiB */
        size_t at = 0;
        for (int round = 0; round < 3; round++) {
            visit_first(world, used, in_use);
        }
        uint64_t missed = 0;
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t before = misses_of(world);
            visit_first(world, used, in_use);
            missed += misses_of(world) - before;
            for (size_t i = 0; i < (used == 0 ? STREAM : STREAM * 12); i++) {
                visit(world, 1 - used, at++ % world->files[1 - used].count);
            }
        }
        (void)printf("count: %u of %u blocks in use were read again beside a stream of %s ones\n",
                     (unsigned)missed, (unsigned)(in_use * ROUNDS), used == 0 ? "large" : "small");
        assert_true(missed < in_use * ROUNDS / 20);
        world_destroy(world);
    }
}

/* How many of the first blocks of a file are there. */
static size_t
count_first(struct world *world, uint32_t file, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct fi_block_pin pin;
        const struct cache_file *from = &world->files[file];
        kept += fi_block_cache_find(world->cache, from->id, from->refs[i].offset,
                                    FI_BLOCK_CACHE_DATA, &pin);
        fi_block_cache_unpin(world->cache, &pin);
    }
    return kept;
}

static void
memory_follows_what_is_read(void **state)
{
    static const size_t wanted[2] = {1300, 85}; /* about 5 MiB each */
    struct world *world = world_create(8 * MIB, rows_and_chunks, row_and_chunk_counts);
    for (uint32_t turn = 0; turn < 4; turn++) {
        uint32_t file = turn % 2;
        unsigned rounds = 0;
        size_t kept = 0;
        while (kept < wanted[file] * 9 / 10 && rounds < 60) {
            visit_first(world, file, wanted[file]);
            kept = count_first(world, file, wanted[file]);
            rounds++;
        }
        (void)printf("count: %u rounds until %s blocks had the memory\n", rounds,
                     file == 0 ? "small" : "large");
        assert_true(rounds <= 40);
        (void)misses_of(world);
    }
    world_destroy(world);
}

/* ---- which blocks are there ---- */

enum { MODEL_BLOCKS = 200 };

/* A block that was there and is not any more was evicted; one that was read is there, or found no
 * room. */
/* Blocks that are hardly larger than a slot are the most that there can be of larger ones. */
static void
blocks_a_little_larger_than_a_slot_have_the_budget(void **state)
{
    enum { SIZE = 5 * KIB, COUNT = 1300, ROUNDS = 40 }; /* 6.3 MiB of 8 */
    static const uint32_t sizes[2][2] = {{SIZE, SIZE}, {3000, 4096}};
    static const size_t counts[2] = {COUNT, 100};
    struct world *world = world_create(8 * MIB, sizes, counts);
    for (unsigned round = 0; round < ROUNDS; round++) {
        visit_first(world, 0, COUNT);
    }
    uint64_t before = misses_of(world);
    visit_first(world, 0, COUNT);
    (void)printf("count: %u of %u blocks of 5 KiB were read again\n",
                 (unsigned)(misses_of(world) - before), (unsigned)COUNT);
    assert_true(misses_of(world) - before < COUNT / 50);
    world_destroy(world);
}

static void
blocks_of_all_sizes_come_and_go(void **state)
{
    static const uint32_t sizes[2][2] = {{0, 70 * KIB}, {0, 9000}};
    static const size_t counts[2] = {MODEL_BLOCKS, MODEL_BLOCKS};
    static const size_t budgets[] = {256 * KIB, MIB, 3 * MIB, 8 * MIB, 64 * MIB};
    struct test_random random;
    test_random_init(&random, "block_cache_sizes", 1);
    for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
        struct world *world = world_create(budgets[b], sizes, counts);
        bool has[2][MODEL_BLOCKS] = {{false}};
        uint64_t gone = 0;
        for (unsigned step = 0; step < 2000; step++) {
            uint32_t f = (uint32_t)test_random_below(&random, 2);
            size_t range = test_random_below(&random, 3) == 0 ? MODEL_BLOCKS : MODEL_BLOCKS / 10;
            size_t i = (size_t)test_random_below(&random, range);
            bool was_there = cache_file_has(world->cache, &world->files[f], i);
            assert_true(has[f][i] || !was_there);
            cache_file_visit(world->cache, &world->files[f], i,
                             test_random_below(&random, 8) == 0 ? FI_BLOCK_CACHE_INDEX
                                                                : FI_BLOCK_CACHE_DATA);
            gone += has[f][i] && !was_there;
            has[f][i] = true;
            if (step % 1000 == 998) {
                struct fi_block_cache_stats stats;
                fi_block_cache_stats(world->cache, &stats);
                assert_true(stats.used_bytes <= budgets[b]);
                assert_int_equal(stats.blocks, count_first(world, 0, MODEL_BLOCKS) +
                                                   count_first(world, 1, MODEL_BLOCKS));
                assert_true(gone <= stats.evictions + step);
            }
            if (step % 1000 == 999) {
                fi_block_cache_drop_file(world->cache, world->files[f].id);
                memset(has[f], 0, sizeof has[f]);
                assert_int_equal(count_first(world, f, MODEL_BLOCKS), 0);
            }
        }
        assert_true(b < 4 || gone == 0); /* the last one has room for all */
        world_destroy(world);
    }
}

/* ---- threads ---- */

enum { THREADS = 4, HELD = 5 };

struct reader {
    struct world *world;
    struct test_random random;
    unsigned steps;
    bool is_right;
};

static void *
read_all_sizes(void *ctx)
{
    struct reader *reader = ctx;
    struct fi_block_pin pins[HELD] = {{.data = NULL}};
    size_t blocks[HELD] = {0};
    uint32_t files[HELD] = {0};
    reader->is_right = true;
    for (unsigned step = 0; step < reader->steps && reader->is_right; step++) {
        firn_error err;
        size_t at = (size_t)test_random_below(&reader->random, HELD);
        struct fi_block_cache *cache = reader->world->cache;
        if (pins[at].data != NULL) {
            reader->is_right = cache_file_matches(&reader->world->files[files[at]], blocks[at],
                                                  pins[at].data, pins[at].size);
            fi_block_cache_unpin(cache, &pins[at]);
        }
        /* Now this file is read more, now that. */
        files[at] = test_random_below(&reader->random, 8) > 0 ? step / 300 % 2 : 1 - step / 300 % 2;
        struct cache_file *file = &reader->world->files[files[at]];
        blocks[at] = (size_t)test_random_below(&reader->random, file->count);
        reader->is_right &= cache_file_read(cache, file, blocks[at], FI_BLOCK_CACHE_DATA, &pins[at],
                                            &err) == FIRN_OK;
        struct fi_block_cache_stats stats;
        if (step % 100 == 0) {
            fi_block_cache_stats(cache, &stats);
            reader->is_right &= stats.used_bytes <= fi_block_cache_budget_bytes(cache);
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        fi_block_cache_unpin(reader->world->cache, &pins[i]);
    }
    return NULL;
}

static void
threads_read_blocks_of_all_sizes(void **state)
{
    static const uint32_t sizes[2][2] = {{0, 6000}, {8000, 66 * KIB}};
    static const size_t counts[2] = {600, 200};
    static const size_t budgets[] = {512 * KIB, 2 * MIB, 6 * MIB};
    for (size_t b = 0; b < sizeof budgets / sizeof budgets[0]; b++) {
        struct world *world = world_create(budgets[b], sizes, counts);
        struct reader readers[THREADS];
        pthread_t threads[THREADS];
        for (uint32_t i = 0; i < THREADS; i++) {
            readers[i] = (struct reader){.world = world, .random = {i + 1}, .steps = 1000};
            assert_int_equal(pthread_create(&threads[i], NULL, read_all_sizes, &readers[i]), 0);
        }
        for (uint32_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_true(readers[i].is_right);
        }
        struct fi_block_cache_stats stats;
        fi_block_cache_stats(world->cache, &stats);
        assert_int_equal(stats.blocks, count_first(world, 0, world->files[0].count) +
                                           count_first(world, 1, world->files[1].count));
        world_destroy(world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_in_use_stay_beside_a_stream_of_another_size),
        cmocka_unit_test(memory_follows_what_is_read),
        cmocka_unit_test(blocks_a_little_larger_than_a_slot_have_the_budget),
        cmocka_unit_test(blocks_of_all_sizes_come_and_go),
        cmocka_unit_test(threads_read_blocks_of_all_sizes),
    };
    return cmocka_run_group_tests_name("block_cache_sizes", tests, NULL, NULL);
}
