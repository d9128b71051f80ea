/* SPDX-License-Identifier: Apache-2.0 */
#include "expr_fixture.h"

#include "base/mem.h"
#include "schema/schema.h"
#include "support/test.h"
#include "text/text_value.h"

struct fi_schema *
fixture_schema(void)
{
    static const char text[] =
        "id i64 primary key, b bool, i8 i8, i16 i16, i32 i32, i64 i64, u8 u8, u32 u32, u64 u64, "
        "f32 f32, f64 f64, d2 decimal(12, 2), d4 decimal(18, 4), day date, at timestamp, t text, "
        "t2 text, x blob, u uuid, v vector(2), \"odd name\" i32";
    firn_table_def *def = NULL;
    struct fi_schema *schema = NULL;
    assert_int_equal(firn_table_def_parse(text, &def, NULL), FIRN_OK);
    assert_int_equal(fi_schema_def_create(def, &schema, NULL), FIRN_OK);
    fi_free(def);
    assert_int_equal(schema->column_count, FIXTURE_COLUMNS);
    return schema;
}

static int64_t
draw_signed(struct test_random *random, int64_t min, int64_t max)
{
    switch (test_random_below(random, 8)) {
    case 0:
        return min;
    case 1:
        return max;
    case 2:
        return max - (int64_t)test_random_below(random, 2);
    case 3:
        return (int64_t)((uint64_t)min +
                         test_random_next(random) % ((uint64_t)max - (uint64_t)min));
    default:
        return (int64_t)test_random_below(random, 13) - 6 < min
                   ? 0
                   : (int64_t)test_random_below(random, 7) - (min < 0 ? 3 : 0);
    }
}

static double
draw_real(struct test_random *random)
{
    static const double edges[] = {0.0,   -0.0, 0.5,   -0.5,  0.1,  1.5,      -2.5,
                                   1e300, 3e9,  -1e19, 1e-30, 1e18, 16777217, 9007199254740993.0};
    switch (test_random_below(random, 6)) {
    case 0:
        return (double)__builtin_nan("");
    case 1:
        return test_random_below(random, 2) == 0 ? (double)__builtin_inf()
                                                 : -(double)__builtin_inf();
    case 2:
    case 3:
        return edges[test_random_below(random, sizeof edges / sizeof edges[0])];
    default:
        return (double)test_random_below(random, 7) - 3;
    }
}

static void
draw_number(struct test_random *random, const struct fi_schema_column *column, uint64_t *out)
{
    static const int64_t limits[] = {0,         0,         INT8_MAX,   INT16_MAX,  INT32_MAX,
                                     INT64_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX, INT64_MAX};
    int64_t number = 0;
    double real;
    switch (column->type) {
    case FIRN_TYPE_BOOL:
        number = (int64_t)test_random_below(random, 2);
        break;
    case FIRN_TYPE_DECIMAL: {
        int64_t max = 1;
        for (uint32_t i = 0; i < column->precision; i++) {
            max *= 10;
        }
        number = draw_signed(random, 1 - max, max - 1);
        break;
    }
    case FIRN_TYPE_DATE:
        number = draw_signed(random, -719162, 2932896);
        break;
    case FIRN_TYPE_TIMESTAMP:
        number =
            draw_signed(random, -719162 * INT64_C(86400000000), 2932897 * INT64_C(86400000000) - 1);
        break;
    case FIRN_TYPE_F64:
        real = draw_real(random);
        memcpy(&number, &real, sizeof real);
        break;
    case FIRN_TYPE_U64:
        *out = test_random_below(random, 6) == 0 ? UINT64_MAX - test_random_below(random, 3)
                                                 : (uint64_t)draw_signed(random, 0, INT64_MAX);
        return;
    default:
        number = draw_signed(random, column->type >= FIRN_TYPE_U8 ? 0 : -limits[column->type] - 1,
                             limits[column->type]);
        break;
    }
    *out = (uint64_t)number;
}

static firn_slice
draw_bytes(struct test_random *random, const struct fi_schema_column *column, uint8_t *memory)
{
    static const char *const texts[] = {
        "",  "a", "ab", "abc", "b", "B", "a%", "\xc3\xa9", "x_y", "abcabc", "\xc3\xa9t\xc3\xa9",
        "Zz"};
    size_t size = column->fixed_size;
    if (size > 0) {
        memset(memory, (int)test_random_below(random, 3), size);
        return firn_bytes(memory, size);
    }
    return firn_str(texts[test_random_below(random, sizeof texts / sizeof texts[0])]);
}

void
fixture_draw(struct test_random *random, const struct fi_schema *schema, size_t count,
             uint64_t null_one_in, struct fixture_rows *out)
{
    memset(out, 0, sizeof *out);
    out->count = count;
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        struct fi_chunk_values *values = &out->columns[i];
        bool has_nulls = column->is_nullable && null_one_in > 0;
        values->kind = fi_physical_of(column->type);
        values->fixed_size = column->fixed_size;
        values->count = count;
        values->valid = has_nulls ? out->valid[i] : NULL;
        values->as.u64 = out->numbers[i];
        if (values->kind == FI_PHYSICAL_F32) {
            values->as.f32 = out->narrow[i];
        } else if (values->kind == FI_PHYSICAL_BYTES) {
            values->as.bytes = out->slices[i];
        }
        for (size_t row = 0; row < count; row++) {
            if (has_nulls && test_random_below(random, null_one_in) == 0) {
                out->slices[i][row] = firn_bytes("", 0);
                continue;
            }
            out->valid[i][row / 64] |= UINT64_C(1) << row % 64;
            out->narrow[i][row] = (float)draw_real(random);
            out->slices[i][row] = draw_bytes(random, column, out->bytes[i][row]);
            if (values->kind != FI_PHYSICAL_BYTES && values->kind != FI_PHYSICAL_F32) {
                draw_number(random, column, &out->numbers[i][row]);
            }
        }
    }
    for (size_t row = 0; row < count; row++) {
        out->numbers[0][row] = row;
    }
}

struct fi_cell
fixture_cell(const struct fi_chunk_values *values, size_t row)
{
    struct fi_cell cell = {.kind = values->kind};
    if (values->valid != NULL && (values->valid[row / 64] >> row % 64 & 1) == 0) {
        cell.kind = FI_PHYSICAL_NONE;
    } else if (values->kind == FI_PHYSICAL_BYTES) {
        cell.as.bytes = values->as.bytes[row];
    } else if (values->kind == FI_PHYSICAL_F32) {
        cell.as.f32 = values->as.f32[row];
    } else {
        cell.as.u64 = values->as.u64[row];
    }
    return cell;
}

struct fi_expr *
fixture_expr(const struct fi_schema *schema, const char *text)
{
    struct fi_expr_env env = {.schema = schema};
    struct fi_expr *expr = NULL;
    firn_error err = {.code = 0};
    int rc = fi_expr_create(firn_str(text), &env, &expr, &err);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return expr;
}

const char *
fixture_text(const struct fi_expr_type *type, const struct fi_cell *cell)
{
    static char texts[4][4096];
    static unsigned next;
    char *out = texts[next++ % 4];
    struct fi_buf buf = fi_buf_borrowed(out, sizeof texts[0]);
    firn_value value = {.type = type->type};
    if (cell->kind == FI_PHYSICAL_NONE) {
        return "null";
    }
    value.as.u64 = cell->as.u64;
    if (cell->kind == FI_PHYSICAL_BYTES) {
        value.as.bytes = cell->as.bytes;
    } else if (cell->kind == FI_PHYSICAL_F32) {
        value.as.f32 = cell->as.f32;
    } else if (type->type == FIRN_TYPE_BOOL) {
        value = firn_bool(cell->as.u64 != 0);
    }
    struct fi_text_value_type text_type = {.type = type->type,
                                           .precision = (uint8_t)type->precision,
                                           .scale = (uint8_t)type->scale,
                                           .dimensions = type->dimensions};
    assert_int_equal(fi_text_value_append(&text_type, value, &buf), FIRN_OK);
    assert_non_null(fi_buf_text(&buf));
    assert_true(buf.is_borrowed);
    return out;
}
