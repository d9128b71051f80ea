/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: threads that read, hold and scan blocks of files that come and go, in caches that are
 * far too small for them, and in one of large pages. What each of them sees is compared byte for
 * byte.
 */
#include "unit/block/cache_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "hosted/os_ram.h"
#include "support/test_random.h"

enum { THREADS = 4, FILES = 4, BLOCKS = 120, HELD = 6 };

struct shared {
    struct fi_block_cache *cache;
    struct cache_file *files;
    /* A file is dropped and added anew under the write lock; nobody reads it then. */
    pthread_rwlock_t locks[FILES];
    size_t steps;
    bool has_room;        /* for all blocks at once */
    atomic_uint failures; /* cmocka's asserts belong to the main thread */
};

struct reader {
    struct shared *shared;
    struct test_random random;
    uint64_t reads;
};

struct held {
    struct fi_block_pin pin;
    uint32_t file;
    size_t block;
};

static void
expect(struct shared *shared, bool is_right, const char *what)
{
    if (!is_right && atomic_fetch_add(&shared->failures, 1) < 10) {
        (void)fprintf(stderr, "failed: %s\n", what);
    }
}

/* Reads a block of a file; the pin may be held for longer than the file is in the cache. */
static void
read_one(struct reader *reader, struct held *held)
{
    struct shared *shared = reader->shared;
    firn_error err;
    held->file = (uint32_t)test_random_below(&reader->random, FILES);
    size_t range = test_random_below(&reader->random, 2) == 0 ? BLOCKS / 8 : BLOCKS;
    held->block = test_random_below(&reader->random, range);
    enum fi_block_cache_use use = (enum fi_block_cache_use)test_random_below(&reader->random, 3);
    struct cache_file *file = &shared->files[held->file];
    (void)pthread_rwlock_rdlock(&shared->locks[held->file]);
    int rc = cache_file_read(shared->cache, file, held->block, use, &held->pin, &err);
    (void)pthread_rwlock_unlock(&shared->locks[held->file]);
    expect(shared, rc == FIRN_OK, "a read");
    reader->reads++;
}

static void
drop_one(struct reader *reader)
{
    struct shared *shared = reader->shared;
    uint32_t f = (uint32_t)test_random_below(&reader->random, FILES);
    (void)pthread_rwlock_wrlock(&shared->locks[f]);
    fi_block_cache_drop_file(shared->cache, shared->files[f].id);
    struct fi_block_pin pin;
    for (size_t i = 0; i < BLOCKS; i += 10) {
        expect(shared,
               !fi_block_cache_find(shared->cache, shared->files[f].id,
                                    shared->files[f].refs[i].offset, FI_BLOCK_CACHE_DATA, &pin),
               "a dropped block is gone");
    }
    shared->files[f].id = fi_block_cache_add_file(shared->cache);
    (void)pthread_rwlock_unlock(&shared->locks[f]);
}

static void
let_go(struct reader *reader, struct held *held)
{
    if (held->pin.data != NULL) {
        expect(reader->shared,
               cache_file_matches(&reader->shared->files[held->file], held->block, held->pin.data,
                                  held->pin.size),
               "the bytes of a block");
    }
    fi_block_cache_unpin(reader->shared->cache, &held->pin);
}

static void *
run_reader(void *arg)
{
    struct reader *reader = arg;
    struct held held[HELD] = {0};
    for (size_t step = 0; step < reader->shared->steps; step++) {
        struct held *one = &held[test_random_below(&reader->random, HELD)];
        let_go(reader, one);
        read_one(reader, one);
        if (test_random_below(&reader->random, 3) > 0) {
            let_go(reader, one);
        }
        if (test_random_below(&reader->random, 200) == 0) {
            drop_one(reader);
        }
        if (test_random_below(&reader->random, 1000) == 0) {
            struct fi_block_cache_stats stats;
            fi_block_cache_stats(reader->shared->cache, &stats);
            expect(reader->shared,
                   stats.used_bytes <= fi_block_cache_budget_bytes(reader->shared->cache),
                   "the budget");
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        let_go(reader, &held[i]);
    }
    return NULL;
}

/* When all threads have gone: every block that is counted is found, and right. */
static void
check_quiet(struct shared *shared, uint64_t reads)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(shared->cache, &stats);
    assert_int_equal(stats.beyond_bytes, 0);
    assert_true(shared->has_room || stats.evictions > 0);
    assert_true(stats.hits > 0);
    assert_true(stats.hits + stats.misses <= reads);
    size_t kept = 0;
    for (uint32_t f = 0; f < FILES; f++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            kept += cache_file_has(shared->cache, &shared->files[f], i);
        }
    }
    assert_int_equal(kept, stats.blocks);
    for (uint32_t f = 0; f < FILES; f++) {
        fi_block_cache_drop_file(shared->cache, shared->files[f].id);
    }
    fi_block_cache_stats(shared->cache, &stats);
    assert_int_equal(stats.blocks, 0);
}

static void
run_threads(struct shared *shared, uint64_t seed)
{
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    uint64_t reads = 0;
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.shared = shared};
        test_random_init(&readers[i].random, "threads", seed * THREADS + i);
        assert_int_equal(pthread_create(&threads[i], NULL, run_reader, &readers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        reads += readers[i].reads;
    }
    assert_int_equal(atomic_load(&shared->failures), 0);
    check_quiet(shared, reads);
}

static void
run_in(size_t budget, uint32_t size_max, uint64_t seed)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct shared shared = {.steps = getenv("FIRN_TEST_LONG") != NULL ? 400000 : 2500,
                            .has_room = budget > (size_t)FILES * BLOCKS * size_max};
    shared.files = calloc(FILES, sizeof shared.files[0]);
    assert_non_null(shared.files);
    assert_int_equal(fi_os_ram_create(64 << 20, &os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(os, budget, &shared.cache, &err), FIRN_OK);
    for (uint32_t f = 0; f < FILES; f++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", f);
        cache_file_create(dir, name, f, BLOCKS, 0, size_max, &shared.files[f]);
        shared.files[f].id = fi_block_cache_add_file(shared.cache);
        assert_int_equal(pthread_rwlock_init(&shared.locks[f], NULL), 0);
    }
    run_threads(&shared, seed);
    fi_block_cache_destroy(shared.cache);
    for (uint32_t f = 0; f < FILES; f++) {
        cache_file_close(&shared.files[f]);
        assert_int_equal(pthread_rwlock_destroy(&shared.locks[f]), 0);
    }
    free(shared.files);
    fi_os_dir_close(dir);
    fi_os_ram_destroy(os);
}

static void
threads_see_right_blocks_in_slots(void **state)
{
    run_in(300 << 10, 4096, 1);
}

static void
threads_see_right_blocks_in_a_few_slots(void **state)
{
    run_in(50 << 10, 600, 2);
}

static void
threads_see_right_blocks_of_all_sizes(void **state)
{
    run_in(600 << 10, 20000, 3);
}

static void
threads_see_right_blocks_where_all_have_room(void **state)
{
    run_in(100 << 20, 20000, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_see_right_blocks_in_slots),
        cmocka_unit_test(threads_see_right_blocks_in_a_few_slots),
        cmocka_unit_test(threads_see_right_blocks_of_all_sizes),
        cmocka_unit_test(threads_see_right_blocks_where_all_have_room),
    };
    return cmocka_run_group_tests_name("block_cache_threads", tests, NULL, NULL);
}
