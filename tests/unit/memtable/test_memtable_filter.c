/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/memtable: the filter of a memtable: never a wrong no, seldom a wrong perhaps, and no failure for want of it.
 */
#include "base/bytes.h"
#include "memtable/memtable.h"
#include "memtable/memtable_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"

/* A table of half a megabyte, which some 10,000 of these entries fill. */
enum { TABLE_BYTES = 512 << 10, ENTRIES = 10000, VALUE_SIZE = 16, KEY_SIZE = 12 };

static struct fi_memtable *
make_table(size_t expected_bytes)
{
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    fi_memtable_expect(table, expected_bytes);
    return table;
}

static firn_slice
key_of(uint64_t number, uint8_t key[KEY_SIZE])
{
    fi_store_be32(key, UINT32_C(0x6b65793a));
    fi_store_be64(key + 4, number * UINT64_C(0x9e3779b97f4a7c15));
    return firn_bytes(key, KEY_SIZE);
}

static void
add(struct fi_memtable *table, uint64_t number)
{
    uint8_t key[KEY_SIZE];
    static const uint8_t value[VALUE_SIZE];
    struct fi_entry entry = {.key = key_of(number, key),
                             .value = firn_bytes(value, sizeof value),
                             .sequence = number + 1,
                             .kind = FI_ENTRY_PUT};
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
}

static bool
is_found(const struct fi_memtable *table, uint64_t number)
{
    uint8_t key[KEY_SIZE];
    struct fi_snapshot_interval all = {1, UINT64_MAX - 1};
    struct fi_entry entry;
    return fi_memtable_get(table, key_of(number, key), &(struct fi_snapshot){&all, 1, 0, NULL},
                           &entry);
}

static bool
may_hold(const struct fi_memtable *table, uint64_t number)
{
    uint8_t key[KEY_SIZE];
    return fi_memtable_filter_may_hold(table, key_of(number, key));
}

static unsigned
count_passed(const struct fi_memtable *table, uint64_t first, uint64_t count)
{
    unsigned passed = 0;
    for (uint64_t i = first; i < first + count; i++) {
        passed += may_hold(table, i);
    }
    return passed;
}

static void
what_is_there_is_found_before_and_after_the_filter_comes(void **state)
{
    struct fi_memtable *table = make_table(TABLE_BYTES);
    bool had_filter = false;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        add(table, i);
        bool has_filter = fi_memtable_filter_size_bytes(table) > 0;
        /* When it comes, of all; else of the newest and some others. */
        for (uint64_t j = has_filter && !had_filter ? 0 : i - i % 97; j <= i; j++) {
            assert_true(may_hold(table, j));
            assert_true(is_found(table, j));
        }
        had_filter = has_filter;
    }
    assert_true(had_filter);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        assert_true(is_found(table, i));
        assert_false(is_found(table, ENTRIES + i));
    }
    fi_memtable_destroy(table);
}

static void
few_of_the_absent_pass_a_table_of_the_expected_size(void **state)
{
    struct fi_memtable *table = make_table(TABLE_BYTES);
    uint64_t count = 0;
    while (fi_memtable_size_bytes(table) < TABLE_BYTES) {
        add(table, count++);
    }
    /* A thirtieth is what the bits a key give. */
    assert_true(count > ENTRIES / 2);
    assert_in_range(count_passed(table, count, 100000), 100, 5000);
    /* Half full it passes fewer. */
    struct fi_memtable *half = make_table(TABLE_BYTES);
    for (uint64_t i = 0; i < count / 2; i++) {
        add(half, i);
    }
    assert_in_range(count_passed(half, count, 100000), 1, 1000);
    fi_memtable_destroy(half);
    fi_memtable_destroy(table);
}

static void
more_keys_than_were_expected_are_found_too(void **state)
{
    struct fi_memtable *table = make_table(64 << 10);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        add(table, i);
    }
    assert_true(fi_memtable_filter_size_bytes(table) > 0);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        assert_true(is_found(table, i));
    }
    fi_memtable_destroy(table);
}

static void
its_memory_is_the_tables_and_bounded(void **state)
{
    struct fi_memtable *with = make_table(TABLE_BYTES);
    struct fi_memtable *without = make_table(0);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        add(with, i);
        add(without, i);
    }
    size_t filter = fi_memtable_filter_size_bytes(with);
    assert_int_equal(fi_memtable_filter_size_bytes(without), 0);
    assert_in_range(filter, 4096, TABLE_BYTES / 8 + 256);
    assert_int_equal(fi_memtable_size_bytes(with), fi_memtable_size_bytes(without) + filter);
    fi_memtable_destroy(with);
    fi_memtable_destroy(without);
}

static void
without_memory_for_it_there_is_none(void **state)
{
    test_alloc_install();
    struct fi_memtable *table = make_table(TABLE_BYTES);
    uint64_t i = 0;
    for (; i < 2048; i++) {
        add(table, i);
    }
    /* The next entry has its own memory, and brings the filter. */
    assert_int_equal(fi_memtable_reserve(table, 1, KEY_SIZE + VALUE_SIZE, NULL), FIRN_OK);
    test_alloc_fail_at(1, true);
    add(table, i++);
    test_alloc_fail_at(0, false);
    for (; i < ENTRIES; i++) {
        add(table, i);
    }
    assert_int_equal(fi_memtable_filter_size_bytes(table), 0);
    for (uint64_t j = 0; j < ENTRIES; j++) {
        assert_true(is_found(table, j));
    }
    fi_memtable_destroy(table);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_found_before_and_after_the_filter_comes),
        cmocka_unit_test(few_of_the_absent_pass_a_table_of_the_expected_size),
        cmocka_unit_test(more_keys_than_were_expected_are_found_too),
        cmocka_unit_test(its_memory_is_the_tables_and_bounded),
        cmocka_unit_test(without_memory_for_it_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
