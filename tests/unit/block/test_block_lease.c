/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: leases of blocks: they keep their bytes after the unpin, the eviction, the file and the cache; they have a bound,
 * small blocks have none, and blocks that the cache does not keep do not count.
 */
#include "unit/block/cache_fixture.h"

#include <pthread.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static struct fi_block_lease *
lease_block(struct cache_world *world, size_t i, enum fi_block_cache_use use,
            struct fi_block_pin *out)
{
    firn_error err;
    struct fi_block_pin pin;
    assert_int_equal(cache_file_read(world->cache, &world->file, i, use, &pin, &err), FIRN_OK);
    struct fi_block_lease *lease = fi_block_cache_lease(world->cache, &pin);
    *out = pin;
    fi_block_cache_unpin(world->cache, &pin);
    return lease;
}

static void
what_is_leased_stays(void **state)
{
    enum { BLOCKS = 200 };
    struct cache_world *world = calloc(1, sizeof *world);
    struct fi_block_pin first;
    struct fi_block_pin second;
    assert_non_null(world);
    cache_bytes_install();
    cache_world_init(world, 2 * MIB, BLOCKS, 40 * KIB, 50 * KIB);
    struct fi_block_lease *a = lease_block(world, 3, FI_BLOCK_CACHE_DATA, &first);
    struct fi_block_lease *b = lease_block(world, 4, FI_BLOCK_CACHE_DATA, &second);
    struct fi_block_lease *again = lease_block(world, 3, FI_BLOCK_CACHE_DATA, &first);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_equal(a, again);
    for (size_t i = 0; i < BLOCKS; i++) { /* they are evicted */
        cache_file_visit(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA);
    }
    assert_false(cache_file_has(world->cache, &world->file, 3));
    assert_true(cache_file_matches(&world->file, 3, first.data, first.size));
    fi_block_cache_lease_end(a);
    fi_block_cache_drop_file(world->cache, world->file.id);
    assert_true(cache_file_matches(&world->file, 3, first.data, first.size));
    fi_block_cache_destroy(world->cache);
    world->cache = NULL;
    assert_true(cache_file_matches(&world->file, 3, first.data, first.size));
    assert_true(cache_file_matches(&world->file, 4, second.data, second.size));
    fi_block_cache_lease_end(again);
    fi_block_cache_lease_end(b);
    fi_block_cache_lease_end(NULL);
    cache_world_deinit(world);
    assert_int_equal(cache_bytes_alive(), 0);
    cache_bytes_uninstall();
    free(world);
}

static void
leases_have_a_bound(void **state)
{
    enum { BLOCKS = 100, SIZE = 40 * KIB };
    struct cache_world *world = calloc(1, sizeof *world);
    struct fi_block_lease *leases[BLOCKS];
    struct fi_block_pin pin;
    size_t count = 0;
    assert_non_null(world);
    cache_world_init(world, 2 * MIB, BLOCKS, SIZE, SIZE);
    for (size_t i = 0; i < BLOCKS; i++) {
        leases[count] = lease_block(world, i, FI_BLOCK_CACHE_DATA, &pin);
        count += leases[count] != NULL;
    }
    assert_int_equal(count, MIB / SIZE);
    fi_block_cache_lease_end(leases[--count]);
    leases[count] = lease_block(world, 7, FI_BLOCK_CACHE_DATA, &pin);
    assert_non_null(leases[count]);
    assert_null(lease_block(world, 8, FI_BLOCK_CACHE_DATA, &pin));
    /* The cache has no room in its budget for these: they are not its memory. */
    struct fi_block_lease *beyond = lease_block(world, 0, FI_BLOCK_CACHE_SCAN, &pin);
    assert_non_null(beyond);
    assert_true(cache_file_matches(&world->file, 0, pin.data, pin.size));
    fi_block_cache_lease_end(beyond);
    for (size_t i = 0; i <= count; i++) {
        fi_block_cache_lease_end(leases[i]);
    }
    cache_world_deinit(world);
    free(world);
}

static void
small_blocks_are_not_leased(void **state)
{
    struct cache_world *world = calloc(1, sizeof *world);
    struct fi_block_pin pin;
    assert_non_null(world);
    cache_world_init(world, 2 * MIB, 4, 100, 4096);
    assert_null(lease_block(world, 1, FI_BLOCK_CACHE_DATA, &pin));
    cache_world_deinit(world);
    free(world);
}

struct given {
    struct fi_block_lease *lease;
    const struct cache_file *file;
    struct fi_block_pin pin;
    size_t block;
};

static void *
read_and_end(void *arg)
{
    struct given *given = arg;
    bool is_right = cache_file_matches(given->file, given->block, given->pin.data, given->pin.size);
    fi_block_cache_lease_end(given->lease);
    return is_right ? given : NULL;
}

/* Threads end leases while blocks are evicted, and the cache goes. */
static void
leases_end_in_any_thread(void **state)
{
    enum { BLOCKS = 64, THREADS = 8 };
    for (unsigned round = 0; round < 20; round++) {
        struct cache_world *world = calloc(1, sizeof *world);
        struct given given[THREADS];
        pthread_t threads[THREADS];
        assert_non_null(world);
        cache_world_init(world, 1 * MIB, BLOCKS, 40 * KIB, 40 * KIB);
        for (size_t i = 0; i < THREADS; i++) {
            given[i] = (struct given){.file = &world->file, .block = i / 2};
            given[i].lease = lease_block(world, i / 2, FI_BLOCK_CACHE_DATA, &given[i].pin);
            assert_non_null(given[i].lease);
            assert_int_equal(pthread_create(&threads[i], NULL, read_and_end, &given[i]), 0);
        }
        for (size_t i = 0; i < BLOCKS && round % 2 == 0; i++) {
            cache_file_visit(world->cache, &world->file, i, FI_BLOCK_CACHE_DATA);
        }
        fi_block_cache_destroy(world->cache);
        world->cache = NULL;
        for (size_t i = 0; i < THREADS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_ptr_equal(result, &given[i]);
        }
        cache_world_deinit(world);
        free(world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_leased_stays),
        cmocka_unit_test(leases_have_a_bound),
        cmocka_unit_test(small_blocks_are_not_leased),
        cmocka_unit_test(leases_end_in_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
