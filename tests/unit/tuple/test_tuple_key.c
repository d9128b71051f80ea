/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tuple: parts of keys by type (docs/formats/tuple.md, "Typed keys").
 */
#include <math.h>

#include "base/slice.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "tuple/tuple.h"

enum { PARTS_MAX = 4, TEXT_MAX = 16 };

struct part {
    firn_type type;
    bool is_nullable;
};

struct value {
    struct fi_cell cell;
    uint8_t bytes[TEXT_MAX];
};

static uint64_t
edge(struct test_random *random)
{
    uint64_t bit = (uint64_t)1 << test_random_below(random, 64);
    switch (test_random_below(random, 3)) {
    case 0:
        return bit - 1 + test_random_below(random, 3);
    case 1:
        return 0 - bit + test_random_below(random, 2);
    default:
        return test_random_next(random);
    }
}

static double
draw_real(struct test_random *random)
{
    static const double reals[] = {-INFINITY, -1e300, -1.5, -4.9e-324, -0.0,     0.0,
                                   4.9e-324,  0.1,    1.5,  1e300,     INFINITY, NAN};
    uint64_t bits = edge(random);
    double real;
    memcpy(&real, &bits, sizeof real);
    return test_random_below(random, 2) == 0
               ? real
               : reals[test_random_below(random, sizeof reals / sizeof reals[0])];
}

static void
draw(struct test_random *random, struct part part, struct value *out)
{
    static const uint8_t bytes[] = {0, 0, 1, 2, 'a', 0xfe, 0xff};
    uint32_t bits = (uint32_t)edge(random);
    out->cell = (struct fi_cell){.kind = fi_physical_of(part.type)};
    if (part.is_nullable && test_random_below(random, 4) == 0) {
        out->cell.kind = FI_PHYSICAL_NONE;
    }
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        out->bytes[i] = bytes[test_random_below(random, sizeof bytes)];
    }
    switch (out->cell.kind) {
    case FI_PHYSICAL_F32:
        memcpy(&out->cell.as.f32, &bits, sizeof bits);
        if (test_random_below(random, 2) == 0) {
            out->cell.as.f32 = (float)draw_real(random);
        }
        break;
    case FI_PHYSICAL_F64:
        out->cell.as.f64 = draw_real(random);
        break;
    case FI_PHYSICAL_BYTES:
        out->cell.as.bytes = firn_bytes(
            out->bytes, part.type == FIRN_TYPE_UUID ? 16 : test_random_below(random, TEXT_MAX + 1));
        break;
    default:
        out->cell.as.u64 =
            part.type == FIRN_TYPE_BOOL ? test_random_below(random, 2) : edge(random);
        break;
    }
}

static int
compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    }
    return (a > b) - (a < b);
}

static int
compare(const struct fi_cell *a, const struct fi_cell *b)
{
    if (a->kind != b->kind) { /* one is null */
        return a->kind == FI_PHYSICAL_NONE ? -1 : 1;
    }
    switch (a->kind) {
    case FI_PHYSICAL_NONE:
        return 0;
    case FI_PHYSICAL_I64:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case FI_PHYSICAL_U64:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case FI_PHYSICAL_F32:
        return compare_reals((double)a->as.f32, (double)b->as.f32);
    case FI_PHYSICAL_F64:
        return compare_reals(a->as.f64, b->as.f64);
    default:
        return fi_slice_compare(a->as.bytes, b->as.bytes);
    }
}

static int
sign(int number)
{
    return (number > 0) - (number < 0);
}

static size_t
draw_parts(struct test_random *random, struct part *parts)
{
    size_t count = 1 + test_random_below(random, PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        parts[i].type = (firn_type)(1 + test_random_below(random, FIRN_TYPE_VECTOR - 1));
        parts[i].is_nullable = test_random_below(random, 2) == 0;
    }
    return count;
}

static void
keys_are_ordered_as_their_values_are(void **state)
{
    struct test_random random;
    struct fi_buf keys[2] = {{0}, {0}};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 50000; round++) {
        struct part parts[PARTS_MAX];
        size_t count = draw_parts(&random, parts);
        int expected = 0;
        fi_buf_clear(&keys[0]);
        fi_buf_clear(&keys[1]);
        for (size_t i = 0; i < count; i++) {
            struct value values[2];
            draw(&random, parts[i], &values[0]);
            draw(&random, parts[i], &values[1]);
            if (i + 1 < count && test_random_below(&random, 2) == 0) {
                values[1].cell = values[0].cell;
            }
            for (size_t at = 0; at < 2; at++) {
                assert_int_equal(fi_tuple_key_add(&keys[at], parts[i].type, parts[i].is_nullable,
                                                  &values[at].cell),
                                 FIRN_OK);
            }
            expected = expected != 0 ? expected : compare(&values[0].cell, &values[1].cell);
            int found = fi_slice_compare(fi_buf_slice(&keys[0]), fi_buf_slice(&keys[1]));
            assert_int_equal(sign(found), sign(expected));
        }
    }
    fi_buf_deinit(&keys[0]);
    fi_buf_deinit(&keys[1]);
}

static void
keys_are_read_as_they_were_added(void **state)
{
    struct test_random random;
    struct fi_buf key = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 20000; round++) {
        struct part parts[PARTS_MAX];
        struct value values[PARTS_MAX];
        struct fi_cell read[PARTS_MAX];
        size_t count = draw_parts(&random, parts);
        fi_buf_clear(&key);
        for (size_t i = 0; i < count; i++) {
            draw(&random, parts[i], &values[i]);
            assert_int_equal(
                fi_tuple_key_add(&key, parts[i].type, parts[i].is_nullable, &values[i].cell),
                FIRN_OK);
        }
        /* Memory with room for the whole key does not move; without it is made. */
        uint8_t space[256];
        bool is_roomy = test_random_below(&random, 2) == 0;
        struct fi_buf memory = {0};
        if (is_roomy) {
            assert_true(key.size < sizeof space);
            memory = fi_buf_borrowed(space, key.size);
        }
        firn_slice rest = fi_buf_slice(&key);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(
                fi_tuple_key_read(&rest, parts[i].type, parts[i].is_nullable, &memory, &read[i]),
                FIRN_OK);
            assert_int_equal(read[i].kind, values[i].cell.kind);
            assert_int_equal(compare(&read[i], &values[i].cell), 0);
            if (read[i].kind == FI_PHYSICAL_F32 && !isnan(values[i].cell.as.f32)) {
                float expected = values[i].cell.as.f32 + 0.0F;
                assert_memory_equal(&read[i].as.f32, &expected, sizeof expected);
            }
        }
        assert_int_equal(rest.size, 0);
        if (is_roomy) {
            assert_ptr_equal(memory.data, key.size == 0 ? NULL : space);
            for (size_t i = 0; i < count; i++) { /* earlier ones are still there */
                assert_int_equal(compare(&read[i], &values[i].cell), 0);
            }
        }
        fi_buf_deinit(&memory);
    }
    fi_buf_deinit(&key);
}

/* ---- bytes that are not trusted ---- */

/* Reads all parts from bytes in memory of their own size; what is read is written as just these. */
static bool
read_alone(const uint8_t *data, size_t size, const struct part *parts, size_t count)
{
    uint8_t *alone = malloc(size == 0 ? 1 : size);
    struct fi_buf memory = {0};
    struct fi_buf again = {0};
    assert_non_null(alone);
    memcpy(alone, data, size);
    firn_slice rest = firn_bytes(alone, size);
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        struct fi_cell cell;
        firn_slice before = rest;
        rc = fi_tuple_key_read(&rest, parts[i].type, parts[i].is_nullable, &memory, &cell);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        if (rc == FIRN_OK) {
            assert_int_equal(fi_tuple_key_add(&again, parts[i].type, parts[i].is_nullable, &cell),
                             FIRN_OK);
        } else {
            assert_ptr_equal(rest.data, before.data);
            assert_int_equal(rest.size, before.size);
        }
    }
    assert_int_equal(again.size, size - rest.size);
    assert_true(again.size == 0 || memcmp(again.data, alone, again.size) == 0);
    bool is_whole = rc == FIRN_OK && rest.size == 0;
    fi_buf_deinit(&memory);
    fi_buf_deinit(&again);
    free(alone);
    return is_whole;
}

static void
cut_and_flipped_keys_are_refused_or_other_keys(void **state)
{
    struct test_random random;
    struct fi_buf key = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 300; round++) {
        struct part parts[PARTS_MAX];
        size_t count = draw_parts(&random, parts);
        fi_buf_clear(&key);
        for (size_t i = 0; i < count; i++) {
            struct value value;
            draw(&random, parts[i], &value);
            assert_int_equal(
                fi_tuple_key_add(&key, parts[i].type, parts[i].is_nullable, &value.cell), FIRN_OK);
        }
        assert_true(read_alone(key.data, key.size, parts, count));
        for (size_t size = 0; size < key.size; size++) {
            assert_false(read_alone(key.data, size, parts, count)); /* no key is a prefix */
        }
        for (size_t bit = 0; bit < key.size * 8; bit++) {
            key.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)read_alone(key.data, key.size, parts, count);
            key.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    fi_buf_deinit(&key);
}

static void
what_is_no_part_is_refused(void **state)
{
    static const struct {
        struct part part;
        const char *bytes;
        size_t size;
    } bad[] = {
        {{FIRN_TYPE_BOOL, false}, "\x02", 1},
        {{FIRN_TYPE_BOOL, true}, "\x02\x01", 2},
        {{FIRN_TYPE_BOOL, true}, "", 0},
        {{FIRN_TYPE_I64, true}, "\x01\x00\x00\x00\x00\x00\x00\x00", 8},
        {{FIRN_TYPE_F64, false}, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8}, /* -0 */
        {{FIRN_TYPE_F64, false}, "\xff\xf8\x00\x00\x00\x00\x00\x01", 8}, /* another NaN */
        {{FIRN_TYPE_F64, false}, "\x00\x07\xff\xff\xff\xff\xff\xff", 8}, /* a negative one */
        {{FIRN_TYPE_F32, false}, "\xbf\xf0\x00\x00\x00\x00\x00\x01", 8}, /* 1 + 2^-52 */
        {{FIRN_TYPE_F32, false}, "\xff\xef\xff\xff\xff\xff\xff\xff", 8}, /* the largest F64 */
        {{FIRN_TYPE_TEXT, false}, "a\x00", 2},
        {{FIRN_TYPE_TEXT, false}, "a\x00\x02", 3},
        {{FIRN_TYPE_UUID, false}, "123456789012345", 15},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fi_buf memory = {0};
        struct fi_cell cell;
        firn_slice rest = firn_bytes(bad[i].bytes, bad[i].size);
        assert_int_equal(
            fi_tuple_key_read(&rest, bad[i].part.type, bad[i].part.is_nullable, &memory, &cell),
            FIRN_CORRUPT);
        assert_int_equal(rest.size, bad[i].size);
        assert_int_equal(memory.size, 0);
        fi_buf_deinit(&memory);
    }
    assert_true(fi_type_has_order(FIRN_TYPE_BOOL));
    assert_true(fi_type_has_order(FIRN_TYPE_UUID));
    assert_false(fi_type_has_order(FIRN_TYPE_VECTOR));
    assert_false(fi_type_has_order(FIRN_TYPE_NULL));
}

static void
parts_are_as_the_specification_says(void **state)
{
    struct fi_buf key = {0};
    const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    const struct fi_cell small = {.kind = FI_PHYSICAL_I64, .as.i64 = -1};
    const struct fi_cell half = {.kind = FI_PHYSICAL_F32, .as.f32 = 1.5F};
    const struct fi_cell text = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes("a\0b", 3)};
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_TEXT, true, &null), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_I8, true, &small), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_F32, false, &half), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_TEXT, false, &text), FIRN_OK);
    static const char expected[] = "\x00"
                                   "\x01\x7f\xff\xff\xff\xff\xff\xff\xff"
                                   "\xbf\xf8\x00\x00\x00\x00\x00\x00"
                                   "a\x00\xff"
                                   "b\x00\x01";
    assert_int_equal(key.size, sizeof expected - 1);
    assert_memory_equal(key.data, expected, key.size);
    fi_buf_deinit(&key);
}

static void
without_memory_nothing_changes(void **state)
{
    static const uint8_t bytes[100] = {1, 0, 2};
    const struct fi_cell text = {.kind = FI_PHYSICAL_BYTES,
                                 .as.bytes = firn_bytes(bytes, sizeof bytes)};
    const struct fi_cell uuid = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(bytes, 16)};
    struct fi_cell cell;
    test_alloc_install();
    struct fi_buf key = {0};
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_TEXT, true, &text), FIRN_NO_MEMORY);
    assert_int_equal(key.size, 0);
    test_alloc_fail_at(0, false);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_UUID, false, &uuid), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_TEXT, true, &text), FIRN_OK);
    firn_slice rest = fi_buf_slice(&key);
    struct fi_buf memory = {0};
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_tuple_key_read(&rest, FIRN_TYPE_UUID, false, &memory, &cell),
                     FIRN_NO_MEMORY);
    assert_int_equal(rest.size, key.size);
    rest = firn_bytes(key.data + 16, key.size - 16);
    for (uint64_t at = 1; at <= 2; at++) { /* for the first look, and for the text */
        test_alloc_fail_at(at, true);
        assert_int_equal(fi_tuple_key_read(&rest, FIRN_TYPE_TEXT, true, &memory, &cell),
                         FIRN_NO_MEMORY);
        assert_int_equal(rest.size, key.size - 16);
        assert_int_equal(memory.size, 0);
    }
    test_alloc_fail_at(0, false);
    assert_int_equal(fi_tuple_key_read(&rest, FIRN_TYPE_TEXT, true, &memory, &cell), FIRN_OK);
    assert_int_equal(cell.as.bytes.size, sizeof bytes);
    fi_buf_deinit(&memory);
    fi_buf_deinit(&key);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_ordered_as_their_values_are),
        cmocka_unit_test(keys_are_read_as_they_were_added),
        cmocka_unit_test(cut_and_flipped_keys_are_refused_or_other_keys),
        cmocka_unit_test(what_is_no_part_is_refused),
        cmocka_unit_test(parts_are_as_the_specification_says),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
