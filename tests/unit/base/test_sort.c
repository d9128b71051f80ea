/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: sorting, compared with a simpler way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sort.h"
#include "support/test_random.h"

struct record {
    uint32_t key;
    uint32_t tie;
    uint8_t payload[41];
};

static int
compare_records(const void *a, const void *b)
{
    const struct record *left = a;
    const struct record *right = b;
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return (left->tie > right->tie) - (left->tie < right->tie);
}

static void
insertion_sort(struct record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct record record = records[i];
        size_t at = i;
        for (; at > 0 && compare_records(&record, &records[at - 1]) < 0; at--) {
            records[at] = records[at - 1];
        }
        records[at] = record;
    }
}

/* Keys below `keys`, so that a small number makes many ties on the first field. */
static void
sort_and_compare(struct test_random *random, size_t count, uint64_t keys)
{
    static struct record records[700];
    static struct record expected[700];
    memset(records, 0, sizeof records);
    for (size_t i = 0; i < count; i++) {
        records[i].key = (uint32_t)test_random_below(random, keys);
        records[i].tie = (uint32_t)i;
        memset(records[i].payload, (int)(i & 0xff), sizeof records[i].payload);
    }
    memcpy(expected, records, sizeof expected);
    insertion_sort(expected, count);
    firn_sort(records, count, sizeof *records, compare_records);
    assert_memory_equal(records, expected, sizeof expected);
}

static void
any_input_comes_out_sorted_and_complete(void **state)
{
    (void)state;
    struct test_random random;
    test_random_init(&random, "sort", 11);
    for (size_t count = 0; count < 70; count++) {
        for (uint64_t keys = 1; keys <= 1024; keys *= 4) {
            sort_and_compare(&random, count, keys);
        }
    }
    sort_and_compare(&random, 700, 10);
    sort_and_compare(&random, 700, UINT32_MAX);
}

static int
compare_numbers(const void *a, const void *b)
{
    uint64_t left;
    uint64_t right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

static void
sorted_and_reversed_input_comes_out_sorted(void **state)
{
    (void)state;
    uint64_t numbers[1000];
    for (int turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < 1000; i++) {
            numbers[i] = turn == 0 ? i : 999 - i;
        }
        firn_sort(numbers, 1000, sizeof *numbers, compare_numbers);
        for (uint64_t i = 0; i < 1000; i++) {
            assert_int_equal(numbers[i], i);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_input_comes_out_sorted_and_complete),
        cmocka_unit_test(sorted_and_reversed_input_comes_out_sorted),
    };
    return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
