/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tuple: the table of types: each type has a row, and the rows say the same as the rooms that know single types.
 */
#include "support/test.h"
#include "tuple/tuple.h"

static void
each_type_is_found_by_its_name(void **state)
{
    for (int i = FIRN_TYPE_BOOL; i <= FIRN_TYPE_MAX; i++) {
        const firn_type type = (firn_type)i;
        char name[FI_TYPE_TEXT_SIZE];
        assert_true(fi_type_is_valid(type));
        assert_true(strlen(firn_type_name(type)) > 0);
        assert_int_equal(fi_type_named(firn_str(firn_type_name(type))), type);
        assert_memory_equal(fi_type_text(type, 12, 2, 3, name), firn_type_name(type),
                            strlen(firn_type_name(type)));
    }
    static const struct {
        const char *name;
        firn_type type;
    } others[] = {
        {"Boolean", FIRN_TYPE_BOOL},    {"INTEGER", FIRN_TYPE_I32}, {"bytea", FIRN_TYPE_BLOB},
        {"NUMERIC", FIRN_TYPE_DECIMAL}, {"null", FIRN_TYPE_NULL},   {"", FIRN_TYPE_NULL},
        {"i6", FIRN_TYPE_NULL},         {"i644", FIRN_TYPE_NULL},   {"int8", FIRN_TYPE_NULL}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(fi_type_named(firn_str(others[i].name)), others[i].type);
    }
    char text[FI_TYPE_TEXT_SIZE];
    assert_string_equal(fi_type_text(FIRN_TYPE_DECIMAL, 12, 2, 0, text), "decimal(12, 2)");
    assert_string_equal(fi_type_text(FIRN_TYPE_DECIMAL, 0, 0, 0, text), "decimal");
    assert_string_equal(fi_type_text(FIRN_TYPE_VECTOR, 0, 0, 768, text), "vector(768)");
}

static void
numbers_that_are_no_type_are_like_null(void **state)
{
    const int others[] = {-1, 0, FIRN_TYPE_MAX + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const firn_type type = (firn_type)others[i];
        assert_false(fi_type_is_valid(type) || fi_type_has_order(type));
        assert_int_equal(fi_type_class_of(type), FI_TYPE_CLASS_NULL);
        assert_int_equal(fi_physical_of(type), FI_PHYSICAL_NONE);
    }
}

static void
sizes_classes_and_ranges_agree(void **state)
{
    for (int i = FIRN_TYPE_BOOL; i <= FIRN_TYPE_MAX; i++) {
        const firn_type type = (firn_type)i;
        const struct fi_type_range range = fi_type_range_of(type, 18);
        const unsigned bits = 8U * fi_type_size(type);
        assert_true(fi_type_class_of(type) != FI_TYPE_CLASS_NULL);
        switch (fi_physical_of(type)) {
        case FI_PHYSICAL_I64:
            assert_true(range.min < 0 && range.max > 0 && range.max <= INT64_MAX && bits > 0);
            break;
        case FI_PHYSICAL_U64:
            assert_true(range.min == 0 && range.max > 0 && bits > 0);
            assert_true(range.max <= UINT64_MAX >> (64 - bits));
            break;
        case FI_PHYSICAL_F32:
        case FI_PHYSICAL_F64:
            assert_true(fi_type_is_float(type) && fi_type_is_number(type));
            break;
        case FI_PHYSICAL_BYTES:
            assert_false(fi_type_is_number(type));
            break;
        case FI_PHYSICAL_NONE:
            fail();
        }
        if (fi_type_is_integer(type)) {
            assert_int_equal(range.max, UINT64_MAX >> (64 - bits + !fi_type_is_unsigned(type)));
            assert_true(range.min == (fi_type_is_unsigned(type) ? 0 : -(int64_t)range.max - 1));
        }
        assert_int_equal(fi_type_bytes_size(type, 3), type == FIRN_TYPE_UUID     ? 16
                                                      : type == FIRN_TYPE_VECTOR ? 12
                                                                                 : 0);
        assert_int_equal(fi_type_has_order(type), type != FIRN_TYPE_VECTOR);
    }
    assert_int_equal(fi_type_range_of(FIRN_TYPE_DECIMAL, 4).min, -9999);
    assert_int_equal(fi_type_range_of(FIRN_TYPE_DECIMAL, 4).max, 9999);
}

static void
cells_are_values_and_back(void **state)
{
    const float one = 1;
    const firn_value values[] = {firn_bool(true),
                                 firn_typed_i64(FIRN_TYPE_I8, -1),
                                 firn_u64(UINT64_MAX),
                                 firn_f64(-0.0),
                                 {.type = FIRN_TYPE_F32, .as.f32 = one},
                                 firn_typed_i64(FIRN_TYPE_TIMESTAMP, INT64_MIN),
                                 firn_text("x"),
                                 firn_null()};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct fi_cell cell = fi_cell_of(&values[i]);
        const firn_value back = fi_cell_value(&cell, values[i].type);
        const struct fi_cell again = fi_cell_of(&back);
        assert_int_equal(back.type, values[i].type);
        assert_int_equal(again.kind, cell.kind);
        if (cell.kind == FI_PHYSICAL_BYTES) {
            assert_ptr_equal(back.as.bytes.data, values[i].as.bytes.data);
        } else if (cell.kind == FI_PHYSICAL_F32) {
            assert_memory_equal(&back.as.f32, &one, sizeof one);
        } else if (cell.kind != FI_PHYSICAL_NONE) {
            assert_int_equal(again.as.u64, cell.as.u64);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_found_by_its_name),
        cmocka_unit_test(numbers_that_are_no_type_are_like_null),
        cmocka_unit_test(sizes_classes_and_ranges_agree),
        cmocka_unit_test(cells_are_values_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
