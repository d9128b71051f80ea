/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/memtable: memtables that take their memory from a pool, one after the other.
 */
#include "base/bytes.h"
#include "memtable/memtable.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"

enum { VALUE_SIZE = 200 };

struct scene {
    struct fi_os *os;
    struct fi_memtable_pool pool;
};

static void
make_scene(struct scene *scene)
{
    test_alloc_install();
    assert_int_equal(fi_sim_memory_create(1, &scene->os, NULL), FIRN_OK);
    fi_memtable_pool_init(&scene->pool, scene->os);
}

static void
drop_scene(struct scene *scene)
{
    fi_memtable_pool_deinit(&scene->pool);
    fi_sim_memory_destroy(scene->os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* Entry i has a key that scatters, and a value of bytes that follow from both. */
static void
describe(uint64_t i, uint64_t salt, uint8_t *key, uint8_t *value)
{
    fi_store_be64(key, i * UINT64_C(0x9e3779b97f4a7c15));
    memset(value, (int)(i * 7 + salt), VALUE_SIZE);
    fi_store_be64(value, i ^ salt);
}

static int
add(struct fi_memtable *table, uint64_t i, uint64_t salt)
{
    uint8_t key[8];
    uint8_t value[VALUE_SIZE];
    describe(i, salt, key, value);
    struct fi_entry entry = {.key = firn_bytes(key, sizeof key),
                             .value = firn_bytes(value, sizeof value),
                             .sequence = i + 1,
                             .kind = FI_ENTRY_PUT};
    firn_error err;
    return fi_memtable_add(table, &entry, &err);
}

static struct fi_memtable *
make_table(struct scene *scene)
{
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    fi_memtable_use_pool(table, &scene->pool);
    return table;
}

static struct fi_memtable *
fill_table(struct scene *scene, uint64_t count, uint64_t salt)
{
    struct fi_memtable *table = make_table(scene);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(add(table, i, salt), FIRN_OK);
    }
    return table;
}

static void
expect_all(const struct fi_memtable *table, uint64_t count, uint64_t salt)
{
    const struct fi_snapshot_interval interval = {1, count};
    const struct fi_snapshot snapshot = {&interval, 1, count, NULL};
    for (uint64_t i = 0; i < count; i++) {
        uint8_t key[8];
        uint8_t value[VALUE_SIZE];
        struct fi_entry found;
        describe(i, salt, key, value);
        assert_true(fi_memtable_get(table, firn_bytes(key, sizeof key), &snapshot, &found));
        assert_int_equal(found.value.size, VALUE_SIZE);
        assert_memory_equal(found.value.data, value, VALUE_SIZE);
    }
}

static void
a_large_table_gives_its_memory_to_the_next(void **state)
{
    struct scene scene;
    make_scene(&scene);
    struct fi_memtable *small = fill_table(&scene, 1000, 1);
    assert_null(scene.pool.free);
    struct fi_memtable *first = fill_table(&scene, 60000, 2);
    expect_all(first, 60000, 2);
    size_t size_bytes = fi_memtable_size_bytes(first);
    assert_true(size_bytes > 12 << 20 && size_bytes < 18 << 20);
    fi_memtable_destroy(first);
    size_t chunks = scene.pool.free_count;
    assert_true(chunks >= 1 && chunks <= 4);

    struct fi_memtable *second = fill_table(&scene, 60000, 3);
    assert_int_equal(scene.pool.free_count, 0);
    struct fi_memtable *third = fill_table(&scene, 50000, 4);
    expect_all(second, 60000, 3);
    expect_all(third, 50000, 4);
    expect_all(small, 1000, 1);
    /* No more is kept than one table had. */
    fi_memtable_destroy(third);
    fi_memtable_destroy(second);
    assert_int_equal(scene.pool.free_count, chunks);
    fi_memtable_destroy(small);
    assert_int_equal(scene.pool.free_count, chunks);
    drop_scene(&scene);
}

static void
chunks_are_got_ahead_while_tables_take_them(void **state)
{
    struct scene scene;
    make_scene(&scene);
    /* Nobody took any. */
    assert_false(fi_memtable_pool_is_low(&scene.pool));
    struct fi_memtable *small = fill_table(&scene, 1000, 1);
    assert_false(fi_memtable_pool_is_low(&scene.pool));
    struct fi_memtable *table = fill_table(&scene, 60000, 2);
    assert_true(fi_memtable_pool_is_low(&scene.pool));
    assert_int_equal(scene.pool.free_count, 0);
    fi_memtable_pool_fill(&scene.pool);
    assert_false(fi_memtable_pool_is_low(&scene.pool));
    assert_int_equal(scene.pool.free_count, FI_MEMTABLE_POOL_AHEAD);
    /* There is enough; and a table uses these. */
    fi_memtable_pool_fill(&scene.pool);
    assert_int_equal(scene.pool.free_count, FI_MEMTABLE_POOL_AHEAD);
    int64_t alive = test_alloc_alive();
    struct fi_memtable *next = fill_table(&scene, 40000, 3);
    assert_true(scene.pool.free_count < FI_MEMTABLE_POOL_AHEAD);
    assert_true(fi_memtable_pool_is_low(&scene.pool));
    expect_all(next, 40000, 3);
    expect_all(table, 60000, 2);
    fi_memtable_destroy(next);
    assert_true(test_alloc_alive() <= alive);
    /* Without memory there are none. */
    while (scene.pool.free != NULL) {
        struct fi_memtable_chunk *chunk = fi_memtable_pool_take(&scene.pool);
        struct fi_os_pages pages = chunk->pages;
        fi_os_pages_unmap(&pages);
    }
    test_alloc_fail_at(1, true);
    fi_memtable_pool_fill(&scene.pool);
    test_alloc_fail_at(0, false);
    assert_int_equal(scene.pool.free_count, 0);
    fi_memtable_destroy(table);
    fi_memtable_destroy(small);
    drop_scene(&scene);
}

static void
a_chunk_that_cannot_be_had_refuses_an_entry(void **state)
{
    struct scene scene;
    make_scene(&scene);
    struct fi_memtable *table = make_table(&scene);
    uint64_t count = 0;
    unsigned refusals = 0;
    while (refusals < 3) {
        test_alloc_fail_at(fi_memtable_size_bytes(table) < 9 << 20 ? 0 : 1, true);
        int rc = add(table, count, 9);
        test_alloc_fail_at(0, false);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_int_equal(fi_memtable_entry_count(table), count);
            refusals++;
            assert_int_equal(add(table, count, 9), FIRN_OK);
        }
        count++;
    }
    expect_all(table, count, 9);
    fi_memtable_destroy(table);
    drop_scene(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_table_gives_its_memory_to_the_next),
        cmocka_unit_test(chunks_are_got_ahead_while_tables_take_them),
        cmocka_unit_test(a_chunk_that_cannot_be_had_refuses_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
