/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: which values a column takes, and what becomes of them.
 */
#include <float.h>
#include <math.h>

#include "schema_support.h"
#include "support/test.h"

static const char table[] =
    "k i64 primary key, \"bool\" bool, i8 i8, i16 i16, i32 i32, i64 i64, u8 u8, u16 u16, u32 u32, "
    "u64 u64, f32 f32, f64 f64, d182 decimal(18, 2), d42 decimal(4, 2), d180 decimal(18, 0), "
    "\"date\" date, ts timestamp, \"text\" text, blob blob, uuid uuid, vec vector(2), "
    "needed i8 not null";

static struct fi_schema *schema;

static int
begin(void **state)
{
    schema = schema_of(table);
    return 0;
}

static int
end(void **state)
{
    fi_schema_unref(schema);
    return 0;
}

static struct fi_cell cell;
static firn_error err;

static int
put(const char *name, firn_value value)
{
    const struct fi_schema_column *column = fi_schema_find(schema, firn_str(name));
    assert_non_null(column);
    err.text[0] = '\0';
    int rc = fi_schema_value_to_cell(column, &value, &cell, &err);
    if (rc == FIRN_OK) {
        assert_true(fi_schema_value_is_sound(column, &cell));
        firn_value back = fi_schema_value_of(column, &cell);
        struct fi_cell again;
        assert_true(back.type == FIRN_TYPE_NULL || back.type == column->type);
        assert_int_equal(fi_schema_value_to_cell(column, &back, &again, NULL), FIRN_OK);
        assert_int_equal(again.kind, cell.kind);
    } else {
        assert_int_equal(err.code, rc);
        assert_non_null(strstr(err.text, name));
        assert_non_null(strstr(err.text, firn_type_name(column->type)));
    }
    return rc;
}

static firn_value
typed(firn_type type, uint64_t number)
{
    firn_value value = {.type = type};
    value.as.u64 = number;
    return value;
}

static firn_value
f32(float number)
{
    firn_value value = {.type = FIRN_TYPE_F32};
    value.as.f32 = number;
    return value;
}

static firn_value
bytes(firn_type type, const void *data, size_t size)
{
    firn_value value = firn_blob(firn_bytes(data, size));
    value.type = type;
    return value;
}

static void
integers_are_taken_in_range(void **state)
{
    static const struct {
        const char *name;
        int64_t min;
        uint64_t max;
    } ranges[] = {
        {"i8", INT8_MIN, INT8_MAX},    {"i16", INT16_MIN, INT16_MAX}, {"i32", INT32_MIN, INT32_MAX},
        {"i64", INT64_MIN, INT64_MAX}, {"u8", 0, UINT8_MAX},          {"u16", 0, UINT16_MAX},
        {"u32", 0, UINT32_MAX},        {"u64", 0, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const char *name = ranges[i].name;
        assert_int_equal(put(name, firn_i64(ranges[i].min)), FIRN_OK);
        assert_true(cell.as.i64 == ranges[i].min);
        assert_int_equal(put(name, firn_u64(ranges[i].max)), FIRN_OK);
        assert_true(cell.as.u64 == ranges[i].max);
        if (ranges[i].min > INT64_MIN) {
            assert_int_equal(put(name, firn_i64(ranges[i].min - 1)), FIRN_LIMIT);
            assert_int_equal(put(name, firn_i64(INT64_MIN)), FIRN_LIMIT);
        }
        if (ranges[i].max < UINT64_MAX) {
            assert_int_equal(put(name, firn_u64(ranges[i].max + 1)), FIRN_LIMIT);
            assert_int_equal(put(name, firn_u64(UINT64_MAX)), FIRN_LIMIT);
        }
        assert_int_equal(put(name, typed(FIRN_TYPE_U16, 7)), FIRN_OK);
        assert_int_equal(put(name, typed(FIRN_TYPE_I8, 7)), FIRN_OK);
        assert_int_equal(put(name, firn_f64(1)), FIRN_INVALID);
        assert_int_equal(put(name, firn_bool(true)), FIRN_INVALID);
        assert_int_equal(put(name, firn_text("1")), FIRN_INVALID);
        assert_int_equal(put(name, typed(FIRN_TYPE_DECIMAL, 1)), FIRN_INVALID);
    }
    assert_non_null(strstr(err.text, "u64")); /* the last one: column, type, value */
    assert_int_equal(put("bool", firn_bool(true)), FIRN_OK);
    assert_int_equal(cell.as.u64, 1);
    assert_int_equal(put("bool", firn_i64(1)), FIRN_INVALID);
}

static void
decimals_are_scaled_and_never_rounded(void **state)
{
    assert_int_equal(put("d42", firn_i64(-99)), FIRN_OK);
    assert_true(cell.as.i64 == -9900);
    assert_int_equal(put("d42", firn_u64(100)), FIRN_LIMIT);
    assert_int_equal(put("d42", firn_i64(-100)), FIRN_LIMIT);
    assert_int_equal(put("d42", firn_typed_i64(FIRN_TYPE_DECIMAL, 9999)), FIRN_OK);
    assert_int_equal(put("d42", firn_typed_i64(FIRN_TYPE_DECIMAL, 10000)), FIRN_LIMIT);
    assert_non_null(strstr(err.text, "10000"));
    assert_non_null(strstr(err.text, "decimal(4, 2)"));
    assert_int_equal(put("d42", firn_typed_i64(FIRN_TYPE_DECIMAL, -9999)), FIRN_OK);
    assert_int_equal(put("d42", firn_typed_i64(FIRN_TYPE_DECIMAL, -10000)), FIRN_LIMIT);
    assert_int_equal(put("d182", firn_i64(9999999999999999)), FIRN_OK);
    assert_true(cell.as.i64 == 999999999999999900);
    assert_int_equal(put("d182", firn_i64(10000000000000000)), FIRN_LIMIT);
    assert_int_equal(put("d182", firn_i64(INT64_MIN)), FIRN_LIMIT);
    assert_int_equal(put("d182", firn_u64(UINT64_MAX)), FIRN_LIMIT);
    assert_int_equal(put("d182", firn_u64(UINT64_MAX / 100 + 1)), FIRN_LIMIT);
    assert_int_equal(put("d180", firn_i64(999999999999999999)), FIRN_OK);
    assert_int_equal(put("d180", firn_i64(1000000000000000000)), FIRN_LIMIT);
    assert_int_equal(put("d42", firn_f64(1)), FIRN_INVALID);
}

static void
floating_point_numbers_keep_what_they_are(void **state)
{
    assert_int_equal(put("f64", firn_f64(0.1)), FIRN_OK);
    assert_true(cell.as.f64 == 0.1);
    assert_int_equal(put("f64", f32(0.1F)), FIRN_OK);
    assert_true(cell.as.f64 == (double)0.1F);
    assert_int_equal(put("f64", firn_i64(INT64_MIN)), FIRN_OK);
    assert_true(cell.as.f64 == -0x1p63);
    assert_int_equal(put("f64", firn_i64((INT64_C(1) << 53) + 1)), FIRN_LIMIT);
    assert_int_equal(put("f64", firn_i64((INT64_C(1) << 53) - 1)), FIRN_OK);
    assert_int_equal(put("f64", firn_u64(UINT64_MAX)), FIRN_LIMIT);
    assert_int_equal(put("f64", firn_i64(0)), FIRN_OK);
    assert_int_equal(put("f64", firn_f64((double)NAN)), FIRN_OK);
    assert_int_equal(put("f32", firn_f64(0.1)), FIRN_OK);
    assert_true(cell.as.f32 == 0.1F);
    assert_int_equal(put("f32", firn_f64((double)FLT_MAX)), FIRN_OK);
    assert_int_equal(put("f32", firn_f64((double)FLT_MAX * 2)), FIRN_LIMIT);
    assert_int_equal(put("f32", firn_f64(-DBL_MAX)), FIRN_LIMIT);
    assert_int_equal(put("f32", firn_f64((double)-INFINITY)), FIRN_OK);
    assert_int_equal(put("f32", firn_f64((double)NAN)), FIRN_OK);
    assert_true(isnan(cell.as.f32));
    assert_int_equal(put("f32", firn_i64((1 << 24) + 1)), FIRN_LIMIT);
    assert_int_equal(put("f32", firn_i64(-(1 << 24))), FIRN_OK);
    assert_true(cell.as.f32 == -0x1p24F);
    assert_int_equal(put("f32", firn_u64((uint64_t)1 << 63)), FIRN_OK);
    assert_int_equal(put("f32", firn_text("1")), FIRN_INVALID);
    assert_int_equal(put("f64", typed(FIRN_TYPE_DECIMAL, 1)), FIRN_INVALID);
}

static void
days_and_times_have_four_digits_of_years(void **state)
{
    const int64_t day = 86400000000;
    assert_int_equal(put("date", firn_typed_i64(FIRN_TYPE_DATE, -719162)), FIRN_OK);
    assert_int_equal(put("date", firn_typed_i64(FIRN_TYPE_DATE, -719163)), FIRN_LIMIT);
    assert_int_equal(put("date", firn_typed_i64(FIRN_TYPE_DATE, 2932896)), FIRN_OK);
    assert_int_equal(put("date", firn_typed_i64(FIRN_TYPE_DATE, 2932897)), FIRN_LIMIT);
    assert_int_equal(put("date", firn_i64(0)), FIRN_INVALID);
    assert_int_equal(put("date", firn_typed_i64(FIRN_TYPE_TIMESTAMP, 0)), FIRN_INVALID);
    assert_int_equal(put("ts", firn_typed_i64(FIRN_TYPE_TIMESTAMP, -719162 * day)), FIRN_OK);
    assert_int_equal(put("ts", firn_typed_i64(FIRN_TYPE_TIMESTAMP, -719162 * day - 1)), FIRN_LIMIT);
    assert_int_equal(put("ts", firn_typed_i64(FIRN_TYPE_TIMESTAMP, 2932897 * day - 1)), FIRN_OK);
    assert_int_equal(put("ts", firn_typed_i64(FIRN_TYPE_TIMESTAMP, 2932897 * day)), FIRN_LIMIT);
    assert_int_equal(put("ts", firn_typed_i64(FIRN_TYPE_TIMESTAMP, INT64_MIN)), FIRN_LIMIT);
    assert_int_equal(put("ts", firn_i64(0)), FIRN_INVALID);
}

static void
bytes_are_what_the_type_says(void **state)
{
    static const uint8_t zeros[16];
    static const uint8_t infinite[8] = {0, 0, 0, 0, 0, 0, 0x80, 0xff};
    assert_int_equal(put("text", firn_text("")), FIRN_OK);
    assert_int_equal(cell.kind, FI_PHYSICAL_BYTES);
    assert_int_equal(put("text", firn_text_bytes(firn_bytes("a\0b", 3))), FIRN_OK);
    assert_int_equal(put("text", firn_text("\xc3\x28")), FIRN_INVALID);
    assert_int_equal(put("text", firn_blob(firn_str("a"))), FIRN_INVALID);
    assert_int_equal(put("text", firn_text_bytes(firn_bytes(NULL, 3))), FIRN_INVALID);
    assert_int_equal(put("blob", firn_blob(firn_bytes("\xff\0", 2))), FIRN_OK);
    assert_int_equal(put("blob", firn_blob(firn_bytes(NULL, 0))), FIRN_OK);
    assert_int_equal(put("blob", firn_text("a")), FIRN_INVALID);
    assert_int_equal(put("uuid", bytes(FIRN_TYPE_UUID, zeros, 16)), FIRN_OK);
    assert_int_equal(put("uuid", firn_blob(firn_bytes(zeros, 16))), FIRN_OK);
    assert_int_equal(put("uuid", firn_blob(firn_bytes(zeros, 15))), FIRN_INVALID);
    assert_int_equal(put("uuid", firn_text("0123456789abcdef")), FIRN_INVALID);
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, zeros, 8)), FIRN_OK);
    assert_int_equal(put("vec", firn_blob(firn_bytes(zeros, 8))), FIRN_OK);
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, zeros, 12)), FIRN_INVALID);
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, infinite, 8)), FIRN_INVALID);
    assert_int_equal(put("vec", bytes(FIRN_TYPE_UUID, zeros, 8)), FIRN_INVALID);
}

static void
nulls_are_taken_where_they_may_be(void **state)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        const char *name = (const char *)schema->columns[i].name.data;
        bool may_be = strcmp(name, "k") != 0 && strcmp(name, "needed") != 0;
        assert_int_equal(put(name, firn_null()), may_be ? FIRN_OK : FIRN_INVALID);
        assert_int_equal(cell.kind, FI_PHYSICAL_NONE);
        firn_value strange = {.type = (firn_type)(FIRN_TYPE_MAX + 1)};
        struct fi_cell none;
        assert_int_equal(fi_schema_value_to_cell(&schema->columns[i], &strange, &none, NULL),
                         FIRN_INVALID);
    }
}

static void
messages_hold_no_control_characters_and_end(void **state)
{
    char text[200];
    memset(text, 'x', sizeof text);
    text[3] = '\n';
    text[sizeof text - 1] = '\0';
    assert_int_equal(put("i8", firn_text(text)), FIRN_INVALID);
    assert_null(strchr(err.text, '\n'));
    assert_true(strlen(err.text) < 150);
    assert_int_equal(put("d42", firn_u64(123)), FIRN_LIMIT);
    assert_string_equal(err.text, "column d42, decimal(4, 2): u64 123 is out of range");
    assert_int_equal(put("needed", firn_null()), FIRN_INVALID);
    assert_string_equal(err.text, "column needed, i8: null is not allowed");
    assert_int_equal(put("uuid", firn_blob(firn_str("abc"))), FIRN_INVALID);
    assert_string_equal(err.text, "column uuid, uuid: blob of 3 bytes where 16 are needed");
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, "123456789012", 12)), FIRN_INVALID);
    assert_string_equal(err.text, "column vec, vector(2): vector of 3 numbers where 2 are needed");
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, "12345", 5)), FIRN_INVALID);
    assert_string_equal(err.text, "column vec, vector(2): vector of 5 bytes where 8 are needed");
    assert_int_equal(put("vec", firn_blob(firn_str("abc"))), FIRN_INVALID);
    assert_string_equal(err.text, "column vec, vector(2): blob of 3 bytes where 8 are needed");
    const float infinite[2] = {1, INFINITY};
    assert_int_equal(put("vec", bytes(FIRN_TYPE_VECTOR, infinite, 8)), FIRN_INVALID);
    assert_string_equal(err.text,
                        "column vec, vector(2): vector of 2 numbers has an infinity or a NaN");
}

static void
what_a_store_cannot_have_is_not_sound(void **state)
{
    static const struct {
        const char *name;
        struct fi_cell cell;
    } bad[] = {
        {"bool", {.kind = FI_PHYSICAL_U64, .as.u64 = 2}},
        {"bool", {.kind = FI_PHYSICAL_I64, .as.i64 = 1}},
        {"i8", {.kind = FI_PHYSICAL_I64, .as.i64 = -129}},
        {"i8", {.kind = FI_PHYSICAL_U64, .as.u64 = 1}},
        {"u16", {.kind = FI_PHYSICAL_U64, .as.u64 = 65536}},
        {"d42", {.kind = FI_PHYSICAL_I64, .as.i64 = 10000}},
        {"date", {.kind = FI_PHYSICAL_I64, .as.i64 = 2932897}},
        {"f32", {.kind = FI_PHYSICAL_F64, .as.f64 = 1}},
        {"uuid", {.kind = FI_PHYSICAL_BYTES, .as.bytes = {(const uint8_t *)"abc", 3}}},
        {"vec", {.kind = FI_PHYSICAL_BYTES, .as.bytes = {(const uint8_t *)"abcd", 4}}},
        {"needed", {.kind = FI_PHYSICAL_NONE}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct fi_schema_column *column = fi_schema_find(schema, firn_str(bad[i].name));
        assert_false(fi_schema_value_is_sound(column, &bad[i].cell));
    }
}

static void
random_values_come_back(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 20000; round++) {
        const struct fi_schema_column *column =
            &schema->columns[test_random_below(&random, schema->column_count)];
        uint8_t memory[SCHEMA_FIXED_SIZE_MAX];
        firn_value value = schema_draw_value(&random, column, memory);
        assert_int_equal(fi_schema_value_to_cell(column, &value, &cell, &err), FIRN_OK);
        assert_true(fi_schema_value_is_sound(column, &cell));
        firn_value back = fi_schema_value_of(column, &cell);
        assert_true(schema_same_value(&value, &back));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_taken_in_range),
        cmocka_unit_test(decimals_are_scaled_and_never_rounded),
        cmocka_unit_test(floating_point_numbers_keep_what_they_are),
        cmocka_unit_test(days_and_times_have_four_digits_of_years),
        cmocka_unit_test(bytes_are_what_the_type_says),
        cmocka_unit_test(nulls_are_taken_where_they_may_be),
        cmocka_unit_test(messages_hold_no_control_characters_and_end),
        cmocka_unit_test(what_a_store_cannot_have_is_not_sound),
        cmocka_unit_test(random_values_come_back),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
