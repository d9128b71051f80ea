/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: buffers, arrays that grow, halving, arenas, the hash map, error texts, readers of untrusted
 * bytes.
 */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/snapshot.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

static void
error_text_is_cut_visibly_and_codes_follow_errno(void **state)
{
    firn_error err;
    char longer[2 * FIRN_ERROR_TEXT_SIZE];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(fi_error_set(&err, FIRN_CORRUPT, "%s", longer), FIRN_CORRUPT);
    assert_int_equal(strlen(err.text), FIRN_ERROR_TEXT_SIZE - 1);
    assert_string_equal(err.text + FIRN_ERROR_TEXT_SIZE - 4, "...");

    assert_int_equal(fi_error_set_errno(&err, ENOSPC, "could not write 'a'"), FIRN_NO_SPACE);
    assert_int_equal(err.os_errno, ENOSPC);
    assert_non_null(strstr(err.text, "could not write 'a': "));
    fi_error_prefix(&err, "save");
    fi_error_prefix(NULL, "nobody asks");
    assert_int_equal(err.code, FIRN_NO_SPACE);
    assert_int_equal(strncmp(err.text, "save: could not", 15), 0);
    assert_int_equal(fi_error_set(NULL, FIRN_IO, "nobody asks"), FIRN_IO);
    assert_int_equal(fi_error_set_named(&err, FIRN_NOT_FOUND, "no '", "%s", "' here"),
                     FIRN_NOT_FOUND);
    assert_string_equal(err.text, "no '%s' here");
    assert_int_equal(err.os_errno, 0);
    longer[FIRN_ERROR_TEXT_SIZE - 3] = '\0';
    assert_int_equal(fi_error_set_named(&err, FIRN_EXISTS, "a", longer, ""), FIRN_EXISTS);
    assert_string_equal(err.text + 1, longer);
    assert_int_equal(fi_error_set_named(&err, FIRN_EXISTS, "a", longer, "b"), FIRN_EXISTS);
    assert_string_equal(err.text + FIRN_ERROR_TEXT_SIZE - 4, "xxb"); /* it just fits */
    assert_int_equal(fi_error_set_named(&err, FIRN_EXISTS, "ab", longer, "b"), FIRN_EXISTS);
    assert_int_equal(strlen(err.text), FIRN_ERROR_TEXT_SIZE - 1);
    assert_string_equal(err.text + FIRN_ERROR_TEXT_SIZE - 4, "...");
    assert_int_equal(fi_error_set_named(NULL, FIRN_IO, "a", "b", "c"), FIRN_IO);
    assert_string_equal(firn_code_name(FIRN_NEWER), "FIRN_NEWER");
    assert_string_equal(firn_code_text(-999), "unknown error");
}

static void
buf_grows_and_survives_failed_allocation(void **state)
{
    test_alloc_install();
    struct fi_buf buf = {0};
    assert_int_equal(fi_buf_append_str(&buf, "hello"), FIRN_OK);
    assert_int_equal(fi_buf_append_le32(&buf, 0x01020304), FIRN_OK);
    assert_int_equal(fi_buf_append_format(&buf, "%d", 42), FIRN_OK);
    assert_int_equal(buf.size, 11);
    assert_string_equal(fi_buf_text(&buf) + 9, "42");
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_buf_reserve(&buf, 1 << 20), FIRN_NO_MEMORY);
    assert_int_equal(fi_buf_reserve(&buf, SIZE_MAX), FIRN_NO_MEMORY);
    assert_int_equal(buf.size, 11);
    test_alloc_fail_at(0, false);
    fi_buf_deinit(&buf);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
an_assigned_slice_takes_the_place_of_the_contents(void **state)
{
    test_alloc_install();
    struct fi_buf buf = {0};
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t size = 0; size <= sizeof bytes; size += 50) {
        assert_int_equal(fi_buf_assign(&buf, firn_bytes(bytes, size)), FIRN_OK);
        assert_int_equal(buf.size, size);
        assert_true(size == 0 || memcmp(buf.data, bytes, size) == 0);
        assert_int_equal(fi_buf_assign(&buf, firn_bytes(bytes + 7, 5)), FIRN_OK);
        assert_int_equal(buf.size, 5);
        assert_memory_equal(buf.data, bytes + 7, 5);
    }
    test_alloc_fail_at(1, true);
    uint8_t *large = malloc(4096);
    assert_non_null(large);
    assert_int_equal(fi_buf_assign(&buf, firn_bytes(large, 4096)), FIRN_NO_MEMORY);
    assert_memory_equal(buf.data, bytes + 7, 5);
    assert_int_equal(buf.size, 5);
    free(large);
    test_alloc_fail_at(0, false);
    fi_buf_deinit(&buf);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
buf_keeps_every_byte_while_it_grows(void **state)
{
    struct fi_buf buf = {0};
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(fi_buf_append_u8(&buf, (uint8_t)(i * 7)), FIRN_OK);
        assert_true(buf.size <= buf.capacity);
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(buf.data[i], (uint8_t)(i * 7));
    }
    fi_buf_deinit(&buf);
}

static void
varints_round_trip_and_have_one_form(void **state)
{
    struct fi_buf buf = {0};
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t delta = 0; delta < 3; delta++) {
            uint64_t value = (UINT64_C(1) << bit) + delta - 1;
            fi_buf_clear(&buf);
            assert_int_equal(fi_buf_append_varint(&buf, value), FIRN_OK);
            assert_int_equal(fi_varint_size(value), buf.size);
            struct fi_reader reader = fi_reader_of(fi_buf_slice(&buf));
            uint64_t back = ~value;
            assert_true(fi_reader_varint(&reader, &back));
            assert_int_equal(back, value);
            assert_int_equal(fi_reader_left(&reader), 0);
            reader = fi_reader_of(firn_bytes(buf.data, buf.size - 1));
            assert_false(fi_reader_varint(&reader, &back));
        }
    }
    assert_int_equal(fi_varint_size(UINT64_MAX), FI_VARINT_SIZE_MAX);
    uint64_t value;
    struct fi_reader longer = fi_reader_of(firn_bytes("\x80\x00", 2));
    assert_false(fi_reader_varint(&longer, &value));
    struct fi_reader wider =
        fi_reader_of(firn_bytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    assert_false(fi_reader_varint(&wider, &value));
    struct fi_reader sized = fi_reader_of(firn_bytes("\x05"
                                                     "abc",
                                                     4));
    firn_slice slice;
    assert_false(fi_reader_sized(&sized, 100, &slice));
    assert_int_equal(fi_reader_left(&sized), 4);
    fi_buf_deinit(&buf);
}

static void
arena_gives_aligned_memory_and_frees_all(void **state)
{
    test_alloc_install();
    struct fi_arena arena = {.chunk_size = 256};
    for (size_t i = 0; i < 500; i++) {
        size_t size = i % 90;
        uint8_t *memory = fi_arena_alloc(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 8, 0);
        memset(memory, 0xa5, size);
        assert_string_equal(fi_arena_str(&arena, "name", 4), "name");
    }
    test_alloc_fail_at(1, true);
    assert_null(fi_arena_alloc(&arena, 1000));
    test_alloc_fail_at(0, false);
    fi_arena_deinit(&arena);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static uint64_t
u64_hash(const void *record)
{
    uint64_t value;
    memcpy(&value, record, sizeof value);
    return value & 0xff; /* collides often, on purpose */
}

static bool
u64_equal(const void *record, const void *key)
{
    return memcmp(record, key, 8) == 0;
}

static void
hash_map_finds_what_was_inserted(void **state)
{
    test_alloc_install();
    struct fi_hash_map map;
    fi_hash_map_init(&map, 8, u64_hash, u64_equal);
    struct test_random random;
    test_random_init(&random, "hash_map", 7);
    uint64_t values[3000];
    for (size_t i = 0; i < 3000; i++) {
        values[i] = test_random_next(&random);
        assert_null(fi_hash_map_find(&map, u64_hash(&values[i]), &values[i]));
        assert_non_null(fi_hash_map_insert(&map, u64_hash(&values[i]), &values[i]));
    }
    for (size_t i = 0; i < 3000; i++) {
        assert_non_null(fi_hash_map_find(&map, u64_hash(&values[i]), &values[i]));
        assert_memory_equal(fi_hash_map_at(&map, i), &values[i], 8);
    }
    fi_hash_map_clear(&map);
    assert_null(fi_hash_map_find(&map, u64_hash(&values[0]), &values[0]));
    for (uint64_t n = 1; n < 10; n++) {
        fi_hash_map_deinit(&map);
        test_alloc_fail_at(n, false);
        size_t inserted = 0;
        for (size_t i = 0; i < 100; i++) {
            inserted += fi_hash_map_insert(&map, u64_hash(&values[i]), &values[i]) != NULL;
        }
        assert_int_equal(inserted, map.count);
    }
    test_alloc_fail_at(0, false);
    fi_hash_map_deinit(&map);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
checked_arithmetic_refuses_what_does_not_fit(void **state)
{
    size_t size = 1;
    uint64_t wide = 1;
    assert_false(fi_add_size(SIZE_MAX, 1, &size));
    assert_false(fi_mul_size(SIZE_MAX / 2, 3, &size));
    assert_false(fi_add_u64(UINT64_MAX, 1, &wide));
    assert_false(fi_mul_u64(UINT64_MAX, 2, &wide));
    assert_int_equal(size, 1);
    assert_true(fi_range_inside(4, 6, 10));
    assert_false(fi_range_inside(5, 6, 10));
    assert_false(fi_range_inside(UINT64_MAX, 2, 10));
    assert_null(fi_alloc_array(SIZE_MAX, 2));
}

static void
slices_order_by_bytes_then_length(void **state)
{
    assert_true(fi_slice_compare(firn_str("a"), firn_str("b")) < 0);
    assert_true(fi_slice_compare(firn_bytes("a", 1), firn_bytes("a\0b", 3)) < 0);
    assert_true(fi_slice_compare(firn_bytes("\xff", 1), firn_bytes("a", 1)) > 0);
    assert_true(fi_slice_equal(firn_bytes(NULL, 0), firn_str("")));
    assert_true(fi_slice_has_prefix(firn_str("abc"), firn_str("")));
    assert_false(fi_slice_has_prefix(firn_str("ab"), firn_str("abc")));
}

/* Intervals of like lengths, and such that begin far apart: with a guide they are found as without. */
static void
guides_lead_to_the_right_interval(void **state)
{
    enum { COUNT_MAX = 300 };
    struct test_random random;
    static struct fi_snapshot_interval intervals[COUNT_MAX];
    test_random_init(&random, "guides", 1);
    for (unsigned round = 0; round < 400; round++) {
        size_t count = 4 + (size_t)test_random_below(&random, COUNT_MAX - 4);
        uint64_t at = test_random_below(&random, 3) == 0 ? UINT64_C(1) << 40 : 1;
        for (size_t i = 0; i < count; i++) {
            bool is_far = round % 2 == 1 && test_random_below(&random, 20) == 0;
            at += 2 + test_random_below(&random, is_far ? UINT64_C(1) << 40 : 20);
            intervals[i].first = at;
            at += test_random_below(&random, 20);
            intervals[i].last = at;
        }
        intervals[count - 1].last = round % 3 == 0 ? UINT64_MAX : at;
        struct fi_snapshot_guide *guide = malloc(fi_snapshot_guide_size_bytes(count));
        assert_non_null(guide);
        fi_snapshot_guide_init(guide, intervals, count);
        const struct fi_snapshot plain = {intervals, count, 0, NULL};
        const struct fi_snapshot guided = {intervals, count, 0, guide};
        for (unsigned ask = 0; ask < 2000; ask++) {
            const struct fi_snapshot_interval *near = &intervals[test_random_below(&random, count)];
            uint64_t sequence = ask == 0   ? 0
                                : ask == 1 ? UINT64_MAX
                                           : (ask % 2 == 0 ? near->first : near->last) - 2 +
                                                 test_random_below(&random, 5);
            assert_int_equal(fi_snapshot_count_from(&guided, sequence),
                             fi_snapshot_count_from(&plain, sequence));
            assert_int_equal(fi_snapshot_sees(&guided, sequence),
                             fi_snapshot_sees(&plain, sequence));
        }
        free(guide);
    }
    assert_int_equal(fi_snapshot_guide_size_bytes(1), 0);
}

static void
an_array_whose_size_overflows_stays_as_it_is(void **state)
{
    (void)state;
    firn_error err = {0};
    uint32_t place = 1;
    uint32_t *array = &place;           /* never touched: each request is refused before */
    size_t capacity = SIZE_MAX / 2 + 1; /* twice it overflows */
    assert_int_equal(FI_VEC_RESERVE(array, SIZE_MAX, capacity, &err), FIRN_NO_MEMORY);
    assert_int_equal(err.code, FIRN_NO_MEMORY);
    assert_true(capacity == SIZE_MAX / 2 + 1 && array == &place);
    capacity = 1;
    assert_int_equal(FI_VEC_RESERVE(array, SIZE_MAX / 4 + 1, capacity, NULL), FIRN_NO_MEMORY);
    assert_true(capacity == 1 && array == &place && place == 1);
}

static void
room_for_nothing_allocates_nothing(void **state)
{
    (void)state;
    const char **array = NULL;
    size_t capacity = 0;
    assert_int_equal(FI_VEC_RESERVE(array, 0, capacity, NULL), FIRN_OK);
    assert_true(array == NULL && capacity == 0);
    assert_int_equal(FI_VEC_RESERVE(array, 1, capacity, NULL), FIRN_OK);
    assert_true(array != NULL && capacity == 8);
    fi_free(array);
}

static void
an_array_doubles_and_stays_when_memory_is_out(void **state)
{
    enum { COUNT = 5000 };
    uint32_t *array = NULL;
    size_t capacity = 0;
    unsigned moves = 0;
    firn_error err = {0};
    test_alloc_install();
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t before = capacity;
        test_alloc_fail_at(1, false);
        int rc = FI_VEC_RESERVE(array, i + 1, capacity, &err);
        test_alloc_fail_at(0, false);
        if (rc != FIRN_OK) { /* once for each step: what is there stays */
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_int_equal(err.code, FIRN_NO_MEMORY);
            assert_true(before == i && capacity == before);
            assert_int_equal(FI_VEC_RESERVE(array, i + 1, capacity, NULL), FIRN_OK);
            assert_true(array != NULL && capacity >= 2 * before && capacity > i);
            moves++;
        }
        array[i] = i;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(array[i], i);
    }
    assert_true(moves > 0 && moves <= 12);
    assert_int_equal(FI_VEC_RESERVE(array, 10 * COUNT, capacity, NULL), FIRN_OK);
    assert_int_equal(capacity, 10 * COUNT); /* not twice: one step may ask for more */
    assert_int_equal(array[COUNT - 1], COUNT - 1);
    fi_free(array);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
halving_finds_the_first_place_that_does_not_lie_before(void **state)
{
    uint32_t numbers[40];
    for (size_t count = 0; count <= 40; count++) {
        for (size_t i = 0; i < count; i++) {
            numbers[i] = (uint32_t)(i / 3 * 2); /* each three times, and gaps */
        }
        for (uint32_t wanted = 0; wanted < 30; wanted++) {
            size_t expected = 0;
            while (expected < count && numbers[expected] < wanted) {
                expected++;
            }
            size_t low = 0;
            size_t high = count;
            FI_SEARCH_FIRST(low, high, middle, numbers[middle] < wanted);
            assert_true(low == expected && high == expected);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_text_is_cut_visibly_and_codes_follow_errno),
        cmocka_unit_test(buf_grows_and_survives_failed_allocation),
        cmocka_unit_test(an_assigned_slice_takes_the_place_of_the_contents),
        cmocka_unit_test(buf_keeps_every_byte_while_it_grows),
        cmocka_unit_test(varints_round_trip_and_have_one_form),
        cmocka_unit_test(arena_gives_aligned_memory_and_frees_all),
        cmocka_unit_test(hash_map_finds_what_was_inserted),
        cmocka_unit_test(checked_arithmetic_refuses_what_does_not_fit),
        cmocka_unit_test(slices_order_by_bytes_then_length),
        cmocka_unit_test(guides_lead_to_the_right_interval),
        cmocka_unit_test(an_array_doubles_and_stays_when_memory_is_out),
        cmocka_unit_test(an_array_whose_size_overflows_stays_as_it_is),
        cmocka_unit_test(room_for_nothing_allocates_nothing),
        cmocka_unit_test(halving_finds_the_first_place_that_does_not_lie_before),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
