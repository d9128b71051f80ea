/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: the kernels of the searches against their plain twins: every tag at every place, heads
 * of many distributions.
 */
#include "base/slice.h"
#include "row/row_heads.h"
#include "support/test.h"
#include "support/test_random.h"

static void
tags_are_matched_as_one_by_one(void **state)
{
    struct test_random random;
    test_random_init(&random, "tags", 11);
    for (int round = 0; round < 20000; round++) {
        uint8_t tags[16];
        for (size_t i = 0; i < sizeof tags; i++) {
            /* Few values, among them the ends of their range and neighbours of the one sought. */
            static const uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff};
            tags[i] = round % 2 == 0 ? values[test_random_below(&random, sizeof values)]
                                     : (uint8_t)test_random_next(&random);
        }
        uint8_t tag = tags[test_random_below(&random, sizeof tags)];
        tag = round % 5 == 0 ? (uint8_t)test_random_next(&random) : tag;
        uint32_t expected = 0;
        for (size_t i = 0; i < sizeof tags; i++) {
            expected |= (uint32_t)(tags[i] == tag) << i;
        }
        assert_int_equal(fi_row_tags_match_portable(tags, tag), expected);
        assert_int_equal(fi_row_tags_match(tags, tag), expected);
    }
}

static int
compare_numbers(const void *a, const void *b)
{
    uint64_t x = fi_load_le64(a);
    uint64_t y = fi_load_le64(b);
    return (x > y) - (x < y);
}

/* A number of a distribution: even, clustered, few values, growing by powers, the ends. */
static uint64_t
random_head(struct test_random *random, unsigned distribution)
{
    uint64_t number = test_random_next(random);
    switch (distribution) {
    case 0:
        return number;
    case 1:
        return (UINT64_C(1) << 40) + number % 10000;
    case 2:
        return number % 3 * (UINT64_MAX / 2);
    case 3:
        return number >> (number % 64);
    default:
        return number % 2 == 0 ? number % 5 : UINT64_MAX - number % 5;
    }
}

static size_t
count_below(const uint8_t *heads, size_t count, uint64_t head)
{
    size_t below = 0;
    for (size_t i = 0; i < count; i++) {
        below += fi_load_le64(heads + 8 * i) < head;
    }
    return below;
}

static void
heads_are_found_where_counting_finds_them(void **state)
{
    enum { COUNT_MAX = 700 };
    static uint8_t heads[8 * COUNT_MAX];
    struct test_random random;
    test_random_init(&random, "heads", 12);
    for (unsigned round = 0; round < 300; round++) {
        unsigned distribution = round % 5;
        size_t count = test_random_below(&random, round < 100 ? 80 : COUNT_MAX + 1);
        for (size_t i = 0; i < count; i++) {
            fi_store_le64(heads + 8 * i, random_head(&random, distribution));
        }
        qsort(heads, count, 8, compare_numbers);
        for (int probe = 0; probe < 100; probe++) {
            uint64_t head = random_head(&random, distribution);
            if (count > 0 && probe % 2 == 0) {
                head = fi_load_le64(heads + 8 * test_random_below(&random, count)) +
                       (uint64_t)(probe % 6) / 2 - 1;
            }
            size_t expected = count_below(heads, count, head);
            assert_int_equal(fi_row_heads_below_plain(heads, 0, count, head), expected);
            assert_int_equal(fi_row_heads_below(heads, 0, count, head), expected);
            size_t low = test_random_below(&random, expected + 1);
            assert_int_equal(fi_row_heads_below(heads, low, count, head), expected);
        }
    }
}

static int
compare_short_numbers(const void *a, const void *b)
{
    return (int)fi_load_le16(a) - (int)fi_load_le16(b);
}

static void
short_heads_are_found_where_counting_finds_them(void **state)
{
    enum { COUNT_MAX = 1000 };
    static const uint16_t masks[] = {0xffff, 0x0003, 0x8001, 0xff00};
    struct test_random random;
    test_random_init(&random, "short_heads", 13);
    for (unsigned round = 0; round < 300; round++) {
        size_t count = test_random_below(&random, round < 150 ? 50 : COUNT_MAX + 1);
        /* Of exactly this size, so that a sanitizer sees a read beyond it. */
        uint8_t *heads = malloc(2 * count + 1);
        assert_non_null(heads);
        uint16_t mask = masks[round % 4];
        for (size_t i = 0; i < count; i++) {
            fi_store_le16(heads + 2 * i, (uint16_t)test_random_next(&random) & mask);
        }
        qsort(heads, count, 2, compare_short_numbers);
        for (int probe = 0; probe < 60; probe++) {
            uint16_t head = (uint16_t)test_random_next(&random) & (probe % 2 ? mask : 0xffff);
            size_t expected = fi_row_heads_short_below_plain(heads, count, head);
            assert_int_equal(fi_row_heads_short_below(heads, count, head), expected);
        }
        assert_int_equal(fi_row_heads_short_below(heads, count, 0), 0);
        free(heads);
    }
}

static void
heads_have_the_order_of_their_keys(void **state)
{
    static const char *const keys[] = {"", "\001", "a", "ab", "abcdefgh", "abcdefgi", "b", "\377"};
    for (size_t i = 0; i + 1 < sizeof keys / sizeof keys[0]; i++) {
        assert_true(fi_slice_head(firn_str(keys[i])) < fi_slice_head(firn_str(keys[i + 1])));
        assert_true(fi_row_heads_short_of(firn_str(keys[i])) <=
                    fi_row_heads_short_of(firn_str(keys[i + 1])));
    }
    assert_int_equal(fi_slice_head(firn_str("a")), fi_slice_head(firn_bytes("a\0\0", 3)));
    assert_int_equal(fi_row_heads_short_of(firn_str("a")), 'a' << 8);
    assert_int_equal(fi_row_heads_short_of(firn_str("abc")), 'a' << 8 | 'b');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_matched_as_one_by_one),
        cmocka_unit_test(heads_are_found_where_counting_finds_them),
        cmocka_unit_test(short_heads_are_found_where_counting_finds_them),
        cmocka_unit_test(heads_have_the_order_of_their_keys),
    };
    return cmocka_run_group_tests_name("row_kernels", tests, NULL, NULL);
}
