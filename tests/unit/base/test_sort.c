/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: sorting, compared with a simpler way.
 */
#include "base/sort.h"
#include "support/test.h"
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
    fi_sort(records, count, sizeof *records, compare_records);
    assert_memory_equal(records, expected, sizeof expected);
}

static void
any_input_comes_out_sorted_and_complete(void **state)
{
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
    uint64_t numbers[1000];
    for (int turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < 1000; i++) {
            numbers[i] = turn == 0 ? i : 999 - i;
        }
        fi_sort(numbers, 1000, sizeof *numbers, compare_numbers);
        for (uint64_t i = 0; i < 1000; i++) {
            assert_int_equal(numbers[i], i);
        }
    }
}

static void
numbers_are_sorted_made_unique_and_found(void **state)
{
    struct test_random random;
    uint64_t numbers[100];
    test_random_init(&random, "sort", 2);
    fi_sort_u64(NULL, 0);
    assert_int_equal(fi_sort_unique_u64(NULL, 0), 0);
    assert_false(fi_sort_has_u64(NULL, 0, 1));
    for (unsigned round = 0; round < 200; round++) {
        size_t count = (size_t)test_random_below(&random, 100) + 1;
        bool is_there[60] = {false};
        size_t expected = 0;
        for (size_t i = 0; i < count; i++) {
            numbers[i] = test_random_below(&random, 60);
            expected += is_there[numbers[i]] ? 0 : 1;
            is_there[numbers[i]] = true;
        }
        if (round % 2 == 0) {
            assert_int_equal(fi_sort_unique_u64(numbers, count), expected);
            count = expected;
        } else {
            fi_sort_u64(numbers, count);
        }
        for (size_t i = 1; i < count; i++) {
            assert_true(numbers[i - 1] < numbers[i] ||
                        (round % 2 == 1 && numbers[i - 1] == numbers[i]));
        }
        for (uint64_t number = 0; number < 60; number++) {
            assert_int_equal(fi_sort_has_u64(numbers, count, number), is_there[number]);
        }
        assert_false(fi_sort_has_u64(numbers, count, UINT64_MAX));
    }
    /* Numbers whose difference has no sign. */
    uint64_t far[] = {UINT64_MAX, 0, UINT64_C(1) << 63, 1};
    fi_sort_u64(far, 4);
    assert_true(far[0] == 0 && far[1] == 1 && far[2] == UINT64_C(1) << 63 && far[3] == UINT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_input_comes_out_sorted_and_complete),
        cmocka_unit_test(sorted_and_reversed_input_comes_out_sorted),
        cmocka_unit_test(numbers_are_sorted_made_unique_and_found),
    };
    return cmocka_run_group_tests_name("sort", tests, NULL, NULL);
}
