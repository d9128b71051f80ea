/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/expr: the language: what texts mean, their types, and what is wrong with others.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "expr_fixture.h"
#include "support/test.h"
#include "support/test_alloc.h"

static struct fi_schema *schema;

static int
set_up(void **state)
{
    schema = fixture_schema();
    return 0;
}

static int
tear_down(void **state)
{
    fi_schema_unref(schema);
    return 0;
}

/* ---- constants ---- */

/* A constant as "type value". */
static void
expect(const char *text, const char *expected)
{
    struct fi_expr *expr = fixture_expr(schema, text);
    const struct fi_expr_type *type = fi_expr_type_of(expr);
    struct fi_cell cell;
    char found[4200];
    if (!fi_expr_is_constant(expr, &cell)) {
        fail_msg("%s is not constant", text);
    }
    (void)snprintf(found, sizeof found, "%s%s%s",
                   type->type == FIRN_TYPE_NULL ? "null" : firn_type_name(type->type), " ",
                   fixture_text(type, &cell));
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: %s, not %s", text, found, expected);
    }
    fi_expr_destroy(expr);
}

static void
numbers_are_exact(void **state)
{
    expect("1 + 2 * 3", "i64 7");
    expect("(1 + 2) * 3 - -1", "i64 10");
    expect("7 % 3", "i64 1");
    expect("-7 % 3", "i64 -1");
    expect("7 % 0", "i64 null");
    expect("7 / 2", "f64 3.5");
    expect("7 / 0", "f64 null");
    expect("-9223372036854775808", "i64 -9223372036854775808");
    expect("-9223372036854775808 % -1", "i64 0");
    expect("9223372036854775808", "u64 9223372036854775808");
    expect("9223372036854775808 + 1", "u64 9223372036854775809");
    expect("0.1 + 0.2", "decimal 0.3");
    expect("0.1 + 0.2 = 0.3", "bool true");
    expect("1.10 * 1.1", "decimal 1.210");
    expect("1 - 0.05", "decimal 0.95");
    expect("5.5 % 2", "decimal 1.5");
    expect("1e3 + 1", "f64 1001.0");
    expect("0.1e0 + 0.2e0 = 0.3e0", "bool false");
    expect("abs(-5)", "i64 5");
    expect("abs(-5.25)", "decimal 5.25");
    expect("round(2.5)", "decimal 3");
    expect("round(-2.5)", "decimal -3");
    expect("round(2.345, 2)", "decimal 2.35");
    expect("round(2.5e0)", "f64 3.0");
    expect("floor(-2.5)", "decimal -3");
    expect("ceil(-2.5)", "decimal -2");
    expect("floor(-2.5e0)", "f64 -3.0");
    expect("ceil(2.1e0)", "f64 3.0");
    expect("cast(2.5 as i32)", "i32 3");
    expect("cast('12.30' as decimal(5, 2))", "decimal 12.30");
    expect("cast(1 as bool)", "bool true");
    expect("cast(300 as u16)", "u16 300");
    expect("cast(12.345 as decimal(4, 1))", "decimal 12.3");
    /* The float 0.15 is below 0.15, and 0.15 times 10 as a float is 1.5. */
    expect("cast(cast(0.15 as f64) as decimal(4, 1))", "decimal 0.1");
    expect("cast(cast(-0.15 as f64) as decimal(4, 1))", "decimal -0.1");
    expect("cast(cast(0.25 as f64) as decimal(4, 1))", "decimal 0.3");
    expect("cast(cast(-0.25 as f64) as decimal(4, 1))", "decimal -0.3");
    expect("cast(cast(123456789.5 as f64) as i64)", "i64 123456790");
    expect("cast(cast(900719925474099 as f64) as decimal(18, 2))", "decimal 900719925474099.00");
    expect("cast(0.1 as f32)", "f32 0.1");
    expect("least(3, 1, null, 2)", "i64 1");
    expect("greatest(1, 2.5)", "decimal 2.5");
    expect("18446744073709551615 > -1", "bool true");
    expect("18446744073709551615 = -1", "bool false");
}

static void
truth_has_three_values(void **state)
{
    expect("true and null", "bool null");
    expect("false and null", "bool false");
    expect("true or null", "bool true");
    expect("false or null", "bool null");
    expect("not null", "bool null");
    expect("null = null", "bool null");
    expect("null is null", "bool true");
    expect("1 is not null", "bool true");
    expect("null is distinct from 1", "bool true");
    expect("null is not distinct from null", "bool true");
    expect("1 is distinct from 1", "bool false");
    expect("1 in (2, null)", "bool null");
    expect("1 in (1, null)", "bool true");
    expect("1 not in (2, 3)", "bool true");
    expect("1 between 0 and 2", "bool true");
    expect("1 not between 0 and 2", "bool false");
    expect("1 between null and 0", "bool false");
    expect("null is true", "bool false");
    expect("null is not true", "bool true");
    expect("(1 > 2) is false", "bool true");
    expect("not 1 > 2 and 2 > 1", "bool true");
    expect("case when null then 1 when true then 2 else 3 end", "i64 2");
    expect("case when false then 1 end", "i64 null");
    expect("coalesce(null, null, 3)", "i64 3");
    expect("nullif(3, 3)", "i64 null");
    expect("nullif(3, 4)", "i64 3");
    expect("true or 1 % 0 = 1", "bool true");
}

static void
texts_and_times_have_functions(void **state)
{
    expect("'it''s'", "text it's");
    expect("'a' || 'b' || 1", "text ab1");
    expect("'a' || null", "text null");
    expect("length('\xc3\xa9t\xc3\xa9')", "i64 3");
    expect("length(x'00ff')", "i64 2");
    expect("upper('a\xc3\xa9z')", "text A\xc3\xa9Z");
    expect("lower('AbZ[')", "text abz[");
    expect("substr('h\xc3\xa9llo', 2, 3)", "text \xc3\xa9ll");
    expect("substr('hello', 4)", "text lo");
    expect("substr('hello', -1, 4)", "text he");
    expect("substr('hello', 2, -1)", "text ");
    expect("substr(x'010203', 2, 1)", "blob \\x02");
    expect("'abc' like 'a%'", "bool true");
    expect("'abc' like 'a_c'", "bool true");
    expect("'abc' like '%b%'", "bool true");
    expect("'abcbd' like '%b_'", "bool true");
    expect("'abc' not like 'b%'", "bool true");
    expect("'\xc3\xa9' like '_'", "bool true");
    expect("'' like '%'", "bool true");
    expect("'a' like ''", "bool false");
    expect("prefix('abc', 'ab')", "bool true");
    expect("starts_with('abc', 'bc')", "bool false");
    expect("'a' < 'b'", "bool true");
    expect("'B' < 'a'", "bool true");
    expect("date '2026-01-31' + 1", "date 2026-02-01");
    expect("1 + date '2024-02-28'", "date 2024-02-29");
    expect("date '2026-03-01' - '2026-02-01'", "i64 28");
    expect("timestamp '2026-01-01 00:00:01' - date '2026-01-01'", "i64 1000000");
    expect("date '2026-01-31' < '2026-02-01'", "bool true");
    expect("date '2026-01-31' < timestamp '2026-01-31 00:00:01'", "bool true");
    expect("year(date '2026-01-31')", "i64 2026");
    expect("extract(month from date '2026-01-31')", "i64 1");
    expect("day(timestamp '1969-12-31 23:59:59')", "i64 31");
    expect("hour(timestamp '1969-12-31 23:59:59')", "i64 23");
    expect("minute(timestamp '1969-12-31 23:59:58')", "i64 59");
    expect("second(timestamp '1969-12-31 23:59:58')", "i64 58");
    expect("date_trunc('month', timestamp '1969-12-31 23:59:59.5')",
           "timestamp 1969-12-01 00:00:00");
    expect("date_trunc('hour', timestamp '2026-05-05 23:59:59.5')",
           "timestamp 2026-05-05 23:00:00");
    expect("date_trunc('year', date '2024-12-31')", "date 2024-01-01");
    expect("cast(timestamp '1969-12-31 23:59:59.5' as date)", "date 1969-12-31");
    expect("cast(date '2026-01-31' as text)", "text 2026-01-31");
    expect("cast(1.50 as text)", "text 1.50");
    expect("cast(true as text)", "text true");
    expect("uuid 'c0ffee00-0000-4000-8000-000000000000' = x'c0ffee00000040008000000000000000'",
           "bool true");
}

/* ---- columns: types and errors ---- */

static void
expect_type(const char *text, const char *expected)
{
    struct fi_expr *expr = fixture_expr(schema, text);
    const struct fi_expr_type *type = fi_expr_type_of(expr);
    char found[64];
    (void)snprintf(found, sizeof found, "%s(%u, %u)%s", firn_type_name(type->type), type->precision,
                   type->scale, type->is_nullable ? "" : " not null");
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: %s, not %s", text, found, expected);
    }
    fi_expr_destroy(expr);
}

static void
types_follow_rules(void **state)
{
    expect_type("id", "i64(0, 0) not null");
    expect_type("i8 + 1", "i64(0, 0)");
    expect_type("u8 + 1", "i64(0, 0)");
    expect_type("u8 - u32", "i64(0, 0)");
    expect_type("u64 + 1", "u64(0, 0)");
    expect_type("u64 + i8", "i64(0, 0)");
    expect_type("f32 + 1", "f64(0, 0)");
    expect_type("d2 + 1", "decimal(18, 2)");
    expect_type("d2 + d2", "decimal(13, 2)");
    expect_type("d2 * d4", "decimal(18, 6)");
    expect_type("d2 / 2", "f64(0, 0)");
    expect_type("d2 * (1 - d4)", "decimal(18, 6)");
    expect_type("sum(d2)", "decimal(18, 2)");
    expect_type("sum(u8)", "u64(0, 0)");
    expect_type("sum(f32)", "f64(0, 0)");
    expect_type("avg(i8)", "f64(0, 0)");
    expect_type("count(*)", "i64(0, 0) not null");
    expect_type("min(t)", "text(0, 0)");
    expect_type("id is null", "bool(0, 0) not null");
    expect_type("coalesce(i8, 0)", "i64(0, 0) not null");
    expect_type("case when b then day else '2026-01-01' end", "date(0, 0)");
    expect_type("\"odd name\"", "i32(0, 0)");
    expect_type("id % 2", "i64(0, 0)");
}

static void
expect_failure(const char *text, int code, const char *part)
{
    struct fi_expr_env env = {.schema = schema, .of = "where"};
    struct fi_expr *expr = NULL;
    firn_error err = {.code = 0};
    int rc = fi_expr_create(firn_str(text), &env, &expr, &err);
    if (rc != code || err.code != code || strstr(err.text, part) == NULL) {
        fail_msg("%s: %d %s", text, rc, err.text);
    }
    assert_null(expr);
}

static void
errors_say_where_and_what(void **state)
{
    expect_failure("", FIRN_INVALID, "where, character 1: expected a value, but the text ends");
    expect_failure("i8 +", FIRN_INVALID, "character 5");
    expect_failure("(i8", FIRN_INVALID, "expected \")\"");
    expect_failure("i8 i16", FIRN_INVALID, "expected an operator or the end, at \"i16\"");
    expect_failure("day2 > 1", FIRN_NOT_FOUND,
                   "there is no column \"day2\"; perhaps \"day\" is meant");
    expect_failure("1e400 > 1", FIRN_INVALID, "the number is too large");
    expect_failure("I8", FIRN_NOT_FOUND, "perhaps \"i8\"");
    expect_failure("frobnicate(1)", FIRN_INVALID, "there is no function \"frobnicate\"");
    expect_failure("t + 1", FIRN_INVALID, "there is no text + i64");
    expect_failure("day > 'tomorrow'", FIRN_INVALID, "'tomorrow' is not a value of type date");
    expect_failure("day > 5", FIRN_INVALID, "date and i64 have no type in common");
    expect_failure("'abc", FIRN_INVALID, "a quote is not closed");
    expect_failure("1 ~ 2", FIRN_INVALID, "no meaning");
    expect_failure("12abc", FIRN_INVALID, "a number ends in letters");
    expect_failure("i8 and b", FIRN_INVALID, "expected a condition");
    expect_failure("?", FIRN_INVALID, "there are 0 parameters");
    expect_failure("sum(sum(i8))", FIRN_INVALID, "an aggregate stands in another");
    expect_failure("sum(t)", FIRN_INVALID, "sum takes a number, not text");
    expect_failure("abs(1, 2)", FIRN_INVALID, "abs takes 1 argument, not 2");
    expect_failure("cast(v as i8)", FIRN_INVALID, "cannot be cast");
    expect_failure("v < v", FIRN_INVALID, "vectors have no order");
    expect_failure("d4 * d4 * d4 * d4 * d4", FIRN_INVALID, "20 digits after the point");
    expect_failure("x'0'", FIRN_INVALID, "hexadecimal");
    expect_failure("99999999999999999999", FIRN_INVALID, "too many digits");
    expect_failure("select", FIRN_NOT_FOUND, "no column");
    expect_failure("case i8 when 1 then 2 end", FIRN_INVALID, "expected \"when\"");
    expect_failure("\xc3\xa9 = 1 )", FIRN_INVALID, "character 7");
}

static void
texts_are_limited(void **state)
{
    char *text = fi_alloc(FI_EXPR_TEXT_SIZE_MAX + 2);
    assert_non_null(text);
    memset(text, '(', 10000);
    text[10000] = '\0';
    expect_failure(text, FIRN_LIMIT, "the depth");
    memset(text, '-', 10000);
    expect_failure(text, FIRN_LIMIT, "the depth");
    for (size_t i = 0; i < 10000; i++) {
        memcpy(text + i * 2, "1+", 2);
    }
    memcpy(text + 20000, "i8", 3);
    expect_failure(text, FIRN_LIMIT, "parts in each other");
    memset(text, ' ', FI_EXPR_TEXT_SIZE_MAX + 1);
    text[FI_EXPR_TEXT_SIZE_MAX + 1] = '\0';
    expect_failure(text, FIRN_LIMIT, "1048577 bytes");
    /* A long list is not deep. */
    size_t size = (size_t)snprintf(text, 100, "i64 in (0");
    for (size_t i = 0; i < 100000; i++) {
        size += (size_t)snprintf(text + size, 16, ",%zu", i % 70000);
    }
    memcpy(text + size, ")", 2);
    fi_expr_destroy(fixture_expr(schema, text));
    size = (size_t)snprintf(text, 100, "i64 = 0");
    for (size_t i = 0; i < 10000; i++) {
        size += (size_t)snprintf(text + size, 32, " or i64 = %zu", i);
    }
    fi_expr_destroy(fixture_expr(schema, text));
    fi_free(text);
}

/* ---- lists and groups ---- */

static void
lists_have_names_numbers_and_directions(void **state)
{
    struct fi_expr_env env = {.schema = schema, .of = "select"};
    struct fi_expr_list selected;
    struct fi_expr_list order;
    firn_error err;
    assert_int_equal(fi_expr_list_create(firn_str("t, i8  +\n1, sum(d2) as \"all\", *"),
                                         FI_EXPR_SELECT, &env, &selected, &err),
                     FIRN_OK);
    assert_int_equal(selected.count, 3 + FIXTURE_COLUMNS);
    assert_string_equal((const char *)selected.items[0].name.data, "t");
    assert_string_equal((const char *)selected.items[1].name.data, "i8 + 1");
    assert_string_equal((const char *)selected.items[2].name.data, "all");
    assert_string_equal((const char *)selected.items[3].name.data, "id");
    env = (struct fi_expr_env){
        .schema = schema, .of = "order_by", .selected = &selected, .selected_first = true};
    assert_int_equal(fi_expr_list_create(firn_str("3 desc, \"all\" asc, t, i16, \"all\" + 1"),
                                         FI_EXPR_ORDER, &env, &order, &err),
                     FIRN_OK);
    assert_int_equal(order.count, 5);
    assert_int_equal(order.items[0].selected, 2);
    assert_true(order.items[0].is_descending);
    assert_true(fi_expr_equal(order.items[0].expr, selected.items[2].expr));
    assert_int_equal(order.items[1].selected, 2);
    assert_false(order.items[1].is_descending);
    assert_int_equal(order.items[2].selected, 0);
    assert_int_equal(order.items[3].selected, 6);
    assert_true(order.items[4].selected == FI_EXPR_NONE);
    assert_true(fi_expr_has_aggregates(order.items[4].expr));
    fi_expr_list_deinit(&order);
    assert_int_equal(fi_expr_list_create(firn_str("100"), FI_EXPR_ORDER, &env, &order, &err),
                     FIRN_INVALID);
    env.no_aggregates = true;
    assert_int_equal(fi_expr_list_create(firn_str("3"), FI_EXPR_GROUP, &env, &order, &err),
                     FIRN_INVALID);
    fi_expr_list_deinit(&selected);
}

static void
parameters_are_taken_in_order(void **state)
{
    firn_value parameters[] = {firn_i64(5), firn_text("2026-01-01"),
                               firn_typed_i64(FIRN_TYPE_DECIMAL, 1230), firn_null()};
    size_t next = 0;
    struct fi_expr_env env = {
        .schema = schema, .parameters = parameters, .parameter_count = 4, .next_parameter = &next};
    struct fi_expr *expr;
    struct fi_expr *other = fixture_expr(schema, "i8 = 5 and day < date '2026-01-01'");
    firn_error err;
    assert_int_equal(fi_expr_create(firn_str("i8 = ? and day < ?"), &env, &expr, &err), FIRN_OK);
    assert_true(fi_expr_equal(expr, other));
    fi_expr_destroy(expr);
    fi_expr_destroy(other);
    assert_int_equal(fi_expr_create(firn_str("d2 = ?"), &env, &expr, &err), FIRN_OK);
    other = fixture_expr(schema, "d2 = 12.3");
    assert_true(fi_expr_equal(expr, other));
    fi_expr_destroy(expr);
    fi_expr_destroy(other);
    assert_int_equal(fi_expr_create(firn_str("i8 + ?"), &env, &expr, &err), FIRN_OK);
    fi_expr_destroy(expr);
    assert_int_equal(next, 4);
    next = 2;
    assert_int_equal(fi_expr_create(firn_str("? + 1"), &env, &expr, &err), FIRN_INVALID);
    next = 2;
    assert_int_equal(fi_expr_create(firn_str("?"), &env, &expr, &err), FIRN_INVALID);
}

static void
groups_have_keys_and_aggregates(void **state)
{
    struct fi_expr *key = fixture_expr(schema, "year(day)");
    struct fi_expr *exprs[] = {
        fixture_expr(schema, "year(day) + 1"), fixture_expr(schema, "sum(i8) / count(*)"),
        fixture_expr(schema, "count(*) - year(day)"), fixture_expr(schema, "i16 + sum(i8)")};
    const struct fi_expr *inputs[] = {exprs[0], exprs[1], exprs[2], exprs[3]};
    const struct fi_expr *keys[] = {key};
    struct fi_expr_group_input input = {
        .exprs = inputs, .expr_count = 3, .keys = keys, .key_count = 1};
    struct fi_expr_groups groups;
    firn_error err;
    assert_int_equal(fi_expr_group(&input, &groups, &err), FIRN_OK);
    assert_int_equal(groups.expr_count, 3);
    assert_int_equal(groups.aggregate_count, 2);
    assert_int_equal(groups.aggregates[0].function, FI_EXPR_SUM);
    assert_int_equal(groups.aggregates[1].function, FI_EXPR_COUNT_ROWS);
    assert_null(groups.aggregates[1].argument);
    uint32_t place;
    assert_true(fi_expr_is_column(groups.aggregates[0].argument, &place));
    assert_int_equal(place, 2);

    const struct fi_expr *rewritten[] = {groups.exprs[0], groups.exprs[1], groups.exprs[2]};
    struct fi_expr_eval *eval;
    assert_int_equal(fi_expr_eval_create(rewritten, 3, &eval, &err), FIRN_OK);
    int64_t years[] = {2024, 2025};
    int64_t sums[] = {10, 0};
    int64_t counts[] = {4, 0};
    uint64_t valid = 1;
    struct fi_chunk_values key_values = {.kind = FI_PHYSICAL_I64, .count = 2, .as.i64 = years};
    struct fi_chunk_values results[] = {
        {.kind = FI_PHYSICAL_I64, .count = 2, .valid = &valid, .as.i64 = sums},
        {.kind = FI_PHYSICAL_I64, .count = 2, .as.i64 = counts}};
    struct fi_expr_batch batch = {.count = 2, .aggregates = results, .keys = &key_values};
    struct fi_chunk_values out;
    fi_expr_eval_begin(eval, &batch);
    assert_int_equal(fi_expr_eval_values(eval, 0, &out, &err), FIRN_OK);
    assert_int_equal(out.as.i64[1], 2026);
    assert_int_equal(fi_expr_eval_values(eval, 1, &out, &err), FIRN_OK);
    assert_true(out.as.f64[0] == 2.5);
    assert_int_equal(out.valid[0] & 3, 1);
    assert_int_equal(fi_expr_eval_values(eval, 2, &out, &err), FIRN_OK);
    assert_int_equal(out.as.i64[0], 4 - 2024);
    fi_expr_eval_destroy(eval);
    fi_expr_groups_deinit(&groups);

    input.expr_count = 4;
    assert_int_equal(fi_expr_group(&input, &groups, &err), FIRN_INVALID);
    assert_non_null(strstr(err.text, "column \"i16\" is neither grouped by"));
    for (size_t i = 0; i < 4; i++) {
        fi_expr_destroy(exprs[i]);
    }
    fi_expr_destroy(key);
}

/* ---- rows ---- */

static const int64_t three_ids[] = {5, INT64_MAX, INT64_MIN};
static const int64_t three_units[] = {150, 999999999999, -5};

/* Evaluates over three rows: id as above, d2 as above, all else null. Returns the code. */
static int
eval_three(const char *text, uint64_t rows, struct fi_cell out[3])
{
    struct fi_chunk_values columns[FIXTURE_COLUMNS] = {{.kind = FI_PHYSICAL_I64}};
    static const uint64_t none[FI_CHUNK_MASK_WORDS];
    static const firn_slice empty[3];
    uint64_t wanted[FI_CHUNK_MASK_WORDS] = {rows};
    struct fi_expr *expr = fixture_expr(schema, text);
    const struct fi_expr *exprs[] = {expr};
    struct fi_expr_batch batch = {.count = 3, .wanted = wanted, .columns = columns};
    struct fi_expr_eval *eval = NULL;
    struct fi_chunk_values values;
    firn_error err;
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        columns[i].kind = fi_physical_of(schema->columns[i].type);
        columns[i].count = 3;
        columns[i].valid = none;
        columns[i].as.bytes = empty;
    }
    columns[0].valid = NULL;
    columns[0].as.i64 = three_ids;
    columns[11].valid = NULL;
    columns[11].as.i64 = three_units;
    assert_int_equal(fi_expr_eval_create(exprs, 1, &eval, &err), FIRN_OK);
    fi_expr_eval_begin(eval, &batch);
    int rc = fi_expr_eval_values(eval, 0, &values, &err);
    for (size_t row = 0; rc == FIRN_OK && row < 3; row++) {
        static uint8_t copies[3][64];
        out[row] = fixture_cell(&values, row);
        if ((rows >> row & 1) != 0 && out[row].kind == FI_PHYSICAL_BYTES) {
            assert_true(out[row].as.bytes.size <= sizeof copies[0]);
            memcpy(copies[row], out[row].as.bytes.data, out[row].as.bytes.size);
            out[row].as.bytes.data = copies[row];
        }
        if ((rows >> row & 1) != 0 && out[row].kind == FI_PHYSICAL_NONE) {
            assert_true(values.kind == FI_PHYSICAL_BYTES || values.as.u64[row] == 0);
        }
    }
    fi_expr_eval_destroy(eval);
    fi_expr_destroy(expr);
    return rc;
}

static void
what_does_not_fit_fails_where_it_counts(void **state)
{
    struct fi_cell out[3];
    assert_int_equal(eval_three("id + 1", 7, out), FIRN_LIMIT);
    assert_int_equal(eval_three("id + 1", 5, out), FIRN_OK);
    assert_int_equal(out[0].as.i64, 6);
    assert_int_equal(eval_three("id - 1", 7, out), FIRN_LIMIT);
    assert_int_equal(eval_three("id - 1", 3, out), FIRN_OK);
    assert_int_equal(eval_three("id * 2", 1, out), FIRN_OK);
    assert_int_equal(eval_three("id * 2", 2, out), FIRN_LIMIT);
    assert_int_equal(eval_three("-id", 3, out), FIRN_OK);
    assert_int_equal(eval_three("-id", 4, out), FIRN_LIMIT);
    assert_int_equal(eval_three("abs(id)", 4, out), FIRN_LIMIT);
    assert_int_equal(eval_three("d2 * d2", 5, out), FIRN_OK);
    assert_int_equal(out[0].as.i64, 22500);
    assert_int_equal(out[2].as.i64, 25);
    assert_int_equal(eval_three("d2 * d2", 7, out), FIRN_LIMIT);
    assert_int_equal(eval_three("d2 * 1000000", 2, out), FIRN_OK);
    assert_int_equal(eval_three("d2 * 1000001", 2, out), FIRN_LIMIT);
    assert_int_equal(eval_three("d2 + 9999999999999999.99", 4, out), FIRN_OK);
    assert_int_equal(eval_three("d2 + 9999999999999999.99", 1, out), FIRN_LIMIT);
    assert_int_equal(eval_three("case when id = 5 then id * 2 else 0 end", 7, out), FIRN_OK);
    assert_int_equal(out[0].as.i64, 10);
    assert_int_equal(out[1].as.i64, 0);
    assert_int_equal(eval_three("id < 100 and id > 0 and id * 2 = 10", 7, out), FIRN_OK);
    assert_int_equal(out[0].as.u64, 1);
    assert_int_equal(eval_three("id + i64", 7, out), FIRN_OK);
    assert_int_equal(out[1].kind, FI_PHYSICAL_NONE);
    /* Values that are needed for few rows first, and then for others. */
    assert_int_equal(
        eval_three("case when id = 5 then d2 * 2 when id < 0 then d2 * 2 + 1 else 0 end", 7, out),
        FIRN_OK);
    assert_int_equal(out[0].as.i64, 300);
    assert_int_equal(out[1].as.i64, 0);
    assert_int_equal(out[2].as.i64, 90);
    assert_int_equal(eval_three("(d2 + 1) * (d2 + 1) - (d2 + 1)", 5, out), FIRN_OK);
    assert_int_equal(out[0].as.i64, 62500 - 25000);
    /* The first operand is held while the second one uses it, too. */
    assert_int_equal(eval_three("(d2 + 1) - (d2 + 1) * 2 * 3", 5, out), FIRN_OK);
    assert_int_equal(out[0].as.i64, 250 - 1500);
    assert_int_equal(eval_three("cast(id as i8)", 1, out), FIRN_OK);
    assert_int_equal(eval_three("cast(id as i8)", 3, out), FIRN_LIMIT);
    assert_int_equal(eval_three("cast(id as u64)", 3, out), FIRN_OK);
    assert_int_equal(eval_three("cast(id as u64)", 4, out), FIRN_LIMIT);
    assert_int_equal(eval_three("id % -1", 7, out), FIRN_OK);
    assert_int_equal(out[2].as.i64, 0);
    assert_int_equal(eval_three("id % (id - id)", 7, out), FIRN_OK);
    assert_int_equal(out[0].kind, FI_PHYSICAL_NONE);
    assert_int_equal(eval_three("cast(id || 'x' as i64)", 1, out), FIRN_INVALID);
    assert_int_equal(eval_three("'a' || id || 'b' || cast(id as text)", 7, out), FIRN_OK);
    assert_memory_equal(out[0].as.bytes.data, "a5b5", 4);
    assert_int_equal(eval_three("case when id = 5 then upper(t || id) when id > 5 then 'x' || id "
                                "else coalesce(t, 'n' || id) end",
                                7, out),
                     FIRN_OK);
    assert_int_equal(out[0].kind, FI_PHYSICAL_NONE);
    assert_memory_equal(out[1].as.bytes.data, "x9223", 5);
    assert_memory_equal(out[2].as.bytes.data, "n-9223", 6);
}

/* ---- splitting ---- */

static void
expect_split(const char *text, size_t conditions, bool has_rest, bool is_never)
{
    struct fi_expr *expr = fixture_expr(schema, text);
    struct fi_expr_where where;
    firn_error err;
    assert_int_equal(fi_expr_split(expr, &where, &err), FIRN_OK);
    if (where.count != conditions || (where.rest != NULL) != has_rest ||
        where.is_never != is_never) {
        fail_msg("%s: %zu conditions, rest %d, never %d", text, where.count, where.rest != NULL,
                 where.is_never);
    }
    fi_expr_where_deinit(&where);
    fi_expr_destroy(expr);
}

static void
conditions_are_split(void **state)
{
    expect_split("i8 < 1000", 1, false, false); /* is not null */
    expect_split("id < 9223372036854775807 or id is null", 1, false, false);
    expect_split("i8 > 1000", 0, false, true);
    expect_split("i8 = 1.5", 0, false, true);
    expect_split("d2 = 0.123", 0, false, true);
    expect_split("d2 <> 0.123", 1, false, false);
    expect_split("d2 between 1 and 2.5", 1, false, false);
    expect_split("u64 > -1", 1, false, false);
    expect_split("id >= -9223372036854775808", 0, false, false);
    expect_split("f32 = 1 and f64 < 2 and t = 'a' and t like 'ab%'", 4, false, false);
    expect_split("t like 'a%b'", 1, true, false);
    expect_split("t like '%b'", 0, true, false);
    expect_split("b and not b", 2, false, false);
    expect_split("b is true", 1, false, false);
    expect_split("b is not true", 0, true, false);
    expect_split("i8 in (3, 1, 2, 1, 1000)", 1, false, false);
    expect_split("i8 not in (3, 1)", 2, false, false);
    expect_split("i8 is null and t is not null", 2, false, false);
    expect_split("not (i8 > 1 or i16 > 1)", 2, false, false);
    expect_split("i8 > 1 or i16 > 1", 0, true, false);
    expect_split("i8 > i16 and i8 > 2", 1, true, false);
    expect_split("u = 'c0ffee00-0000-4000-8000-000000000000'", 1, false, false);
    expect_split("x = x'00'", 1, false, false);
    expect_split("prefix(t, 'a') and prefix(x, x'61')", 2, false, false);
    expect_split("day >= '2026-01-01' and at < '2026-01-01'", 2, false, false);
    expect_split("day >= '2026-01-01' and i8 > 0 and day < '2027-01-01'", 2, false, false);
    expect_split("f64 < 2.5 and f64 >= -1", 1, false, false);
    expect_split("i8 > 3 and i8 < 5 and i8 > 4", 2, false, false);
    expect_split("i8 < 3 and i8 > 4", 0, false, true);
    expect_split("t >= 'a' and t <= 'b'", 2, false, false);
    expect_split("day = timestamp '2026-01-01 00:00:01'", 0, false, true);
    expect_split("i8 = null", 0, false, true);
    expect_split("true", 0, false, false);
    expect_split("v = x'0000000000000000'", 1, false, false);
}

/* ---- memory ---- */

static int
run_all(void)
{
    static const char *const texts[] = {
        "i8 + 1 > 2 and t || 'x' like 'a%' and i64 in (1, 2, 3, 400)",
        "case when d2 > 1.5 then lower(t) else cast(i8 as text) end = 'abc'",
        "coalesce(d2, 0) * 2 between 1 and least(i8, 5) or day is distinct from '2026-01-01'",
    };
    struct fixture_rows *rows = malloc(sizeof *rows);
    struct test_random random = {.state = 7};
    struct fi_expr_env env = {.schema = schema};
    firn_error err;
    int rc = FIRN_OK;
    assert_non_null(rows);
    fixture_draw(&random, schema, 100, 5, rows);
    for (size_t i = 0; i < 3 && rc == FIRN_OK; i++) {
        struct fi_expr *expr = NULL;
        struct fi_expr_eval *eval = NULL;
        struct fi_expr_where where = {.count = 0};
        struct fi_expr_list list = {.count = 0};
        uint64_t mask[FI_CHUNK_MASK_WORDS];
        memset(mask, 0xff, sizeof mask);
        rc = fi_expr_create(firn_str(texts[i]), &env, &expr, &err);
        const struct fi_expr *exprs[] = {expr};
        if (rc == FIRN_OK) {
            rc = fi_expr_split(expr, &where, &err);
        }
        if (rc == FIRN_OK) {
            rc = fi_expr_eval_create(exprs, 1, &eval, &err);
        }
        if (rc == FIRN_OK) {
            struct fi_expr_batch batch = {.count = 100, .columns = rows->columns};
            fi_expr_eval_begin(eval, &batch);
            rc = fi_expr_eval_filter(eval, 0, mask, &err);
        }
        if (rc == FIRN_OK) {
            rc = fi_expr_list_create(firn_str("sum(i8) as s, t, *"), FI_EXPR_SELECT, &env, &list,
                                     &err);
        }
        if (rc == FIRN_OK) {
            const struct fi_expr *few[] = {list.items[0].expr, list.items[1].expr};
            struct fi_expr_group_input input = {
                .exprs = few, .expr_count = 2, .keys = &few[1], .key_count = 1};
            struct fi_expr_groups groups;
            rc = fi_expr_group(&input, &groups, &err);
            fi_expr_groups_deinit(&groups);
        }
        fi_expr_list_deinit(&list);
        fi_expr_where_deinit(&where);
        fi_expr_eval_destroy(eval);
        fi_expr_destroy(expr);
    }
    free(rows);
    return rc;
}

static void
every_allocation_may_fail(void **state)
{
    fi_schema_unref(schema);
    test_alloc_install();
    schema = fixture_schema();
    int64_t alive = test_alloc_alive();
    int rc = FIRN_NO_MEMORY;
    uint64_t n = 0;
    while (rc != FIRN_OK) {
        test_alloc_fail_at(++n, false);
        rc = run_all();
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        assert_int_equal(test_alloc_alive(), alive);
        assert_true(n < 10000);
    }
    printf("%llu allocations were failed\n", (unsigned long long)n - 1);
    fi_schema_unref(schema);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    schema = fixture_schema();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(truth_has_three_values),
        cmocka_unit_test(texts_and_times_have_functions),
        cmocka_unit_test(types_follow_rules),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(texts_are_limited),
        cmocka_unit_test(lists_have_names_numbers_and_directions),
        cmocka_unit_test(parameters_are_taken_in_order),
        cmocka_unit_test(groups_have_keys_and_aggregates),
        cmocka_unit_test(what_does_not_fit_fails_where_it_counts),
        cmocka_unit_test(conditions_are_split),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
