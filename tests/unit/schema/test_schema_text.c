/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: definitions of tables as text.
 */
#include <math.h>

#include "base/mem.h"
#include "schema/schema_literal.h"
#include "schema_support.h"
#include "support/test.h"

static void
expect_text(const char *text, const char *expected)
{
    struct fi_schema *schema = schema_of(text);
    struct fi_buf out = {0};
    assert_int_equal(fi_schema_text_append(schema, &out), FIRN_OK);
    assert_string_equal(fi_buf_text(&out), expected);
    fi_buf_deinit(&out);
    fi_schema_unref(schema);
}

static void
texts_are_read_and_written(void **state)
{
    expect_text("id i64 auto, name text BLOOM not null, born date null bloom default '2000-01-01', "
                "price decimal(12,2), "
                "emb vector(100), primary key (id), unique index by_name (name)",
                "id i64 auto, name text not null bloom, born date default '2000-01-01' bloom, "
                "price decimal(12, 2), "
                "emb vector(100), primary key (id), unique index by_name (name)");
    expect_text("ID INTEGER PRIMARY KEY,\n\tn Numeric(5) NOT NULL DEFAULT -12,INDEX x(n,ID)",
                "ID i32, n decimal(5, 0) not null default -12, primary key (ID), index x (n, ID)");
    expect_text(
        "a boolean default TRUE, b tinyint, c smallint, d bigint, e real, f double precision, "
        "g double, h float, i datetime, j varchar, k string, l bytea, m uint8, n uint64, "
        "o int16, p int primary key, q float32, r float64, s int32, t uint16, u uint32, v int64",
        "a bool default true, b i8, c i16, d i64, e f32, f f64, g f64, h f64, i timestamp, "
        "j text, k text, l blob, m u8, n u64, o i16, p i32, q f32, r f64, s i32, t u16, u u32, "
        "v i64, primary key (p)");
    expect_text(
        "\"key\" text default 'it''s', \"a \"\"b\"\"\" blob default x'00FF', "
        "\"9\" uuid default 'C0FFEE00-0000-4000-8000-00000000000f', \xc3\xa9 text, x i8 not null, "
        "date date, v vector(1) default x'0000803f', primary key (\"key\"), "
        "index \"index\" (\"a \"\"b\"\"\")",
        "\"key\" text default 'it''s', \"a \"\"b\"\"\" blob default x'00ff', "
        "\"9\" uuid default 'c0ffee00-0000-4000-8000-00000000000f', \"\xc3\xa9\" text, "
        "x i8 not null, date date, v vector(1) default x'0000803f', primary key (\"key\"), "
        "index \"index\" (\"a \"\"b\"\"\")");
    expect_text("a i8 primary key, b text default null, c text null",
                "a i8, b text, c text, primary key (a)");
}

static void
constants_are_what_they_say(void **state)
{
    static const struct {
        const char *type;
        const char *given;
        const char *written;
    } cases[] = {
        {"i64", "-9223372036854775808", "-9223372036854775808"},
        {"i64", "+5", "5"},
        {"u64", "18446744073709551615", "18446744073709551615"},
        {"decimal(18, 4)", "-0.5", "-0.5000"},
        {"decimal(18, 18)", "0.000000000000000001", "0.000000000000000001"},
        {"decimal(4, 2)", "10", "10.00"},
        {"decimal(3)", "-999", "-999"},
        {"f64", "0.1", "0.1"},
        {"f64", "-1.50", "-1.5"},
        {"f64", "1e22", "1e22"},
        {"f64", "1e30", "1e30"},
        {"f64", "1.25E-7", "1.25e-7"},
        {"f64", "123456", "123456.0"},
        {"f64", "0.0001", "0.0001"},
        {"f64", "-0", "-0.0"},
        {"f64", "0e500", "0.0"},
        {"f64", "0.30000000000000004", "0.30000000000000004"},
        {"f64", "0.12345678901234567", "0.12345678901234566"},
        {"f64", "1e-30", "1e-30"},
        {"f64", "1e-400", "0.0"},
        {"f64", "1.7976931348623157e308", "1.7976931348623157e308"},
        {"f64", "4.9406564584124654e-324", "5e-324"},
        {"f64", "nan", "nan"},
        {"f64", "Infinity", "inf"},
        {"f64", "-infinity", "-inf"},
        {"f64", "inf", "inf"},
        {"f32", "0.1", "0.1"},
        {"f32", "16777216", "16777216.0"},
        {"f32", "3.4028234663852886e38", "3.4028235e38"},
        /* Between 1 and the next number: rounded to an f64 first, it would be a tie. */
        {"f32", "1.00000005960464478", "1.0000001"},
        {"date", "'0001-01-01'", "'0001-01-01'"},
        {"date", "'9999-12-31'", "'9999-12-31'"},
        {"date", "'2000-02-29'", "'2000-02-29'"},
        {"timestamp", "'2000-01-31'", "'2000-01-31 00:00:00'"},
        {"timestamp", "'2000-01-31T23:59'", "'2000-01-31 23:59:00'"},
        {"timestamp", "'1969-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'"},
        {"timestamp", "'0001-01-01 00:00:00Z'", "'0001-01-01 00:00:00'"},
        {"timestamp", "'2000-01-31 23:59:59.5'", "'2000-01-31 23:59:59.5'"},
        {"text", "''", "''"},
        {"text", "'a\"b\n, primary key (é)'", "'a\"b\n, primary key (é)'"},
        {"blob", "x''", "x''"},
        {"uuid", "x'00112233445566778899aabbccddeeff'", "'00112233-4455-6677-8899-aabbccddeeff'"},
        {"bool", "False", "false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        char expected[200];
        (void)snprintf(text, sizeof text, "k i8 primary key, v %s default %s", cases[i].type,
                       cases[i].given);
        const char *type =
            strcmp(cases[i].type, "decimal(3)") == 0 ? "decimal(3, 0)" : cases[i].type;
        (void)snprintf(expected, sizeof expected, "k i8, v %s default %s, primary key (k)", type,
                       cases[i].written);
        expect_text(text, expected);
    }
    struct fi_schema *schema = schema_of("k i8 primary key, d date default '1970-01-02', "
                                         "t timestamp default '1970-01-01 00:00:01.000002', "
                                         "m date default '1900-03-01', f f64 default 0.3");
    assert_true(schema->columns[1].default_value.as.i64 == 1);
    assert_true(schema->columns[2].default_value.as.i64 == 1000002);
    assert_true(schema->columns[3].default_value.as.i64 == -25508);
    assert_true(schema->columns[4].default_value.as.f64 == 0.3);
    fi_schema_unref(schema);
}

static void
errors_say_where(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "at its end (byte 1): expected a name"},
        {"a", "(byte 2): expected a type"},
        {"a i64,", "(byte 7): expected a name"},
        {"a i65", "byte 3 (i65): expected a type"},
        {"a int8", "write i8 or i64"},
        {"a i64 b", "byte 7 (b): expected a comma"},
        {"a i64 null not null", "byte 12 (not null): repeated for one column"},
        {"a i64 default 1 default 2", "byte 17 (default 2): repeated for one column"},
        {"a text default 'x', b text default 'y' default 'z'", "repeated for one column"},
        {"a i64 not", "after not"},
        {"a i64 primary", "after primary"},
        {"a i64 unique", "unique index NAME"},
        {"a i64 primary key, primary key (a)", "second primary key"},
        {"a i64 primary key, b i64 primary key", "second primary key"},
        {"primary a", "after primary"},
        {"unique a", "after unique"},
        {"a i64 null primary key", "never null"},
        {"a i64 primary key null", "never null"},
        {"a i64, primary key a", "expected ("},
        {"a i64, primary key (a", "expected )"},
        {"a i64, primary key ()", "expected a name"},
        {"a i64, index (a)", "expected a name"},
        {"a varchar(20)", "not limited"},
        {"a decimal", "expected ("},
        {"a decimal(x)", "expected a number"},
        {"a decimal(4, 77) default 1", "too many digits"},
        {"a decimal(99999, 99999) default 0.5", "too many digits"},
        {"a vector(-1)", "expected a number"},
        {"a vector(100000)", "expected a number"},
        {"a text default", "expected a value"},
        {"a text default 'abc", "quote"},
        {"a text default abc", "single quotes"},
        {"a text default x'0", "quote"},
        {"a blob default x'0'", "hexadecimal"},
        {"a blob default x'0g'", "hexadecimal"},
        {"\"a", "quote"},
        {"\"\" i64", "1 to 255"},
        {"a ; i64", "expected a type"},
        {"a i64 default 1.5", "not a whole number"},
        {"a i64 default 1e3", "not a whole number"},
        {"a i64 default 99999999999999999999", "out of range"},
        {"a i64 default -9223372036854775809", "out of range"},
        {"a i64 default --1", "expected a value after 'default'"},
        {"a i64 default 1.", "not a whole number"},
        {"a i64 default 1.2.3", "not a whole number"},
        {"a decimal(4,2) default 1.234", "too many digits after the point"},
        {"a f64 default 1e99999", "too large"},
        {"a f64 default 1e309", "too large"},
        {"a f32 default 1e39", "too large"},
        {"a f64 default 0x1.8", "ends in letters"},
        {"a date default '2001-02-29'", "not a day of the calendar"},
        {"a date default '1900-02-29'", "not a day of the calendar"},
        {"a date default '2000-13-01'", "not a day of the calendar"},
        {"a date default '2000-1-1'", "not a date"},
        {"a date default '2000-01-01 '", "not a date"},
        {"a timestamp default '2000-01-01 24:00'", "not a time of a day"},
        {"a timestamp default '2000-01-01 23:60'", "not a time of a day"},
        {"a timestamp default '2000-01-01 23:59:60'", "not a time of a day"},
        {"a timestamp default '2000-01-01 23:59:59.'", "not a timestamp"},
        {"a timestamp default '2000-01-01 23:59:59.1234567'", "finer than microseconds"},
        {"a uuid default '00112233-4455-6677-8899-aabbccddeef'", "not a uuid"},
        {"a uuid default '00112233+4455-6677-8899-aabbccddeeff'", "not a uuid"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        firn_table_def *def = NULL;
        firn_error err;
        assert_int_equal(firn_table_def_parse(bad[i].text, &def, &err), FIRN_INVALID);
        assert_null(def);
        if (strstr(err.text, bad[i].says) == NULL) {
            fail_msg("%s: %s", bad[i].text, err.text);
        }
    }
    firn_table_def *def = NULL;
    assert_int_equal(firn_table_def_parse(NULL, &def, NULL), FIRN_INVALID);
    assert_int_equal(firn_table_def_parse("a i8", NULL, NULL), FIRN_INVALID);
}

/* So many of an item, in which # is a number, after the beginning and before the end. */
static char *
repeat(const char *begin, const char *item, size_t count, const char *end)
{
    struct fi_buf text = {0};
    assert_int_equal(fi_buf_append_str(&text, begin), FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        for (const char *at = item; *at != '\0'; at++) {
            assert_int_equal(*at == '#' ? fi_buf_append_format(&text, "%zu", i)
                                        : fi_buf_append_u8(&text, (uint8_t)*at),
                             FIRN_OK);
        }
    }
    assert_int_equal(fi_buf_append_str(&text, end), FIRN_OK);
    assert_non_null(fi_buf_text(&text));
    return (char *)text.data;
}

static void
texts_have_limits(void **state)
{
    static const struct {
        const char *begin;
        const char *item;
        size_t max;
        const char *end;
    } cases[] = {
        {"", "c# i8, ", FIRN_TABLE_COLUMNS_MAX, "primary key (c0)"},
        {"", "index i# (a), ", FIRN_TABLE_INDEXES_MAX, "a i8 primary key"},
        {"primary key (a", ", c#", FIRN_TABLE_KEY_COLUMNS_MAX - 1, ")"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t more = 0; more < 2; more++) {
            firn_table_def *def = NULL;
            char *text = repeat(cases[i].begin, cases[i].item, cases[i].max + more, cases[i].end);
            assert_int_equal(firn_table_def_parse(text, &def, NULL),
                             more == 0 ? FIRN_OK : FIRN_LIMIT);
            fi_free(def);
            fi_free(text);
        }
    }
    firn_table_def *def = NULL;
    char *text = repeat("", "a,", FIRN_TABLE_DEF_TEXT_MAX / 2 + 1, "");
    assert_int_equal(firn_table_def_parse(text, &def, NULL), FIRN_LIMIT);
    text[FIRN_TABLE_DEF_TEXT_MAX] = '\0';
    assert_int_equal(firn_table_def_parse(text, &def, NULL), FIRN_INVALID);
    memset(text, ' ', FIRN_TABLE_DEF_TEXT_MAX);
    assert_int_equal(firn_table_def_parse(text, &def, NULL), FIRN_INVALID);
    fi_free(text);
}

static void
random_tables_are_read_as_they_are_written(void **state)
{
    struct test_random random;
    struct fi_buf text = {0};
    struct fi_buf again = {0};
    uint64_t compared = 0;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 3000; round++) {
        struct fi_schema *schema = schema_draw(&random, 12);
        bool has_nul = false;
        for (size_t i = 0; i < schema->column_count; i++) {
            const struct fi_cell *cell = &schema->columns[i].default_value;
            has_nul = has_nul || (schema->columns[i].type == FIRN_TYPE_TEXT &&
                                  cell->kind == FI_PHYSICAL_BYTES && cell->as.bytes.size > 0 &&
                                  memchr(cell->as.bytes.data, 0, cell->as.bytes.size) != NULL);
        }
        if (!has_nul) { /* a text ends there */
            fi_buf_clear(&text);
            fi_buf_clear(&again);
            assert_int_equal(fi_schema_text_append(schema, &text), FIRN_OK);
            struct fi_schema *read = schema_of(fi_buf_text(&text));
            assert_true(schema_same(schema, read));
            assert_int_equal(fi_schema_text_append(read, &again), FIRN_OK);
            assert_int_equal(text.size, again.size);
            fi_schema_unref(read);
            compared++;
        }
        fi_schema_unref(schema);
    }
    assert_true(compared > 2000);
    fi_buf_deinit(&text);
    fi_buf_deinit(&again);
}

static void
real_numbers_are_read_as_they_are_written(void **state)
{
    struct test_random random;
    struct fi_buf text = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 20000; round++) {
        struct fi_schema_column column = {.type = FIRN_TYPE_F64, .is_nullable = true};
        struct fi_cell cell = {.kind = FI_PHYSICAL_F64};
        struct fi_cell again;
        firn_value value;
        size_t bytes;
        uint64_t bits = test_random_next(&random);
        memcpy(&cell.as.f64, &bits, sizeof bits);
        if (round % 2 == 0) { /* one with few digits */
            cell.as.f64 = (double)(int64_t)(bits % 2000001 - 1000000) / 1000;
        }
        if (round % 3 == 0) {
            float number = (float)cell.as.f64;
            column.type = FIRN_TYPE_F32;
            cell = (struct fi_cell){.kind = FI_PHYSICAL_F32, .as.f32 = number};
        }
        if (cell.kind == FI_PHYSICAL_F32 ? isnan(cell.as.f32) : isnan(cell.as.f64)) {
            continue;
        }
        fi_buf_clear(&text);
        assert_int_equal(fi_schema_literal_append(&column, &cell, &text), FIRN_OK);
        struct fi_schema_literal literal = {FI_SCHEMA_LITERAL_NUMBER, fi_buf_slice(&text)};
        literal.form = text.data[0] == 'i' ? FI_SCHEMA_LITERAL_WORD : literal.form;
        assert_null(fi_schema_literal_read(&literal, column.type, 0, NULL, &bytes, &value));
        assert_int_equal(fi_schema_value_to_cell(&column, &value, &again, NULL), FIRN_OK);
        assert_int_equal(again.kind, cell.kind);
        assert_memory_equal(&again.as, &cell.as, cell.kind == FI_PHYSICAL_F32 ? 4 : 8);
        if (round % 2 == 0) {
            assert_true(text.size <= 9); /* as people write them */
        }
        if (text.data[0] != 'i' && text.data[1] != 'i') { /* the C library reads the same */
            double number = strtod(fi_buf_text(&text), NULL);
            if (cell.kind == FI_PHYSICAL_F32) {
                assert_true((float)number == cell.as.f32);
            } else {
                assert_memory_equal(&number, &cell.as.f64, sizeof number);
            }
        }
    }
    fi_buf_deinit(&text);
}

/* What is no decimal has no scale, and its default is looked at before that is refused. */
static void
numbers_with_a_scale_are_refused(void **state)
{
    static const firn_type types[] = {FIRN_TYPE_I64, FIRN_TYPE_U8, FIRN_TYPE_F32, FIRN_TYPE_DATE,
                                      FIRN_TYPE_BOOL};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const firn_value value = types[i] == FIRN_TYPE_DATE   ? firn_typed_i64(types[i], 1)
                                 : types[i] == FIRN_TYPE_BOOL ? firn_bool(true)
                                                              : firn_i64(1);
        const char *const key[] = {"k"};
        const firn_table_column columns[] = {{.name = "k", .type = FIRN_TYPE_I8},
                                             {.name = "v",
                                              .type = types[i],
                                              .precision = UINT32_MAX,
                                              .scale = 4000000,
                                              .default_value = &value}};
        firn_table_def def = FIRN_TABLE_DEF_INIT;
        struct fi_schema *schema = NULL;
        firn_error err;
        def.columns = columns;
        def.column_count = 2;
        def.key = key;
        def.key_count = 1;
        assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
        assert_non_null(strstr(err.text, "only a decimal has a precision"));
    }
}

/* A key of a damaged index has any number. A default has none before the year 1: not as a text, and not as a value. */
static void
dates_of_all_years_are_written(void **state)
{
    static const struct {
        firn_type type;
        int64_t number;
        const char *text;
    } cases[] = {
        {FIRN_TYPE_DATE, -719163, "'0000-12-31'"},
        {FIRN_TYPE_DATE, -719469, "'0000-02-29'"},
        {FIRN_TYPE_DATE, 2932897, "'+10000-01-01'"},
        {FIRN_TYPE_DATE, INT64_MIN, "'-25252734927764585-06-07'"},
        {FIRN_TYPE_DATE, INT64_MAX, "'+25252734927768524-07-27'"},
        {FIRN_TYPE_TIMESTAMP, INT64_MIN, "'-290308-12-21 19:59:05.224192'"},
        {FIRN_TYPE_TIMESTAMP, INT64_MAX, "'+294247-01-10 04:00:54.775807'"},
    };
    struct fi_buf text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const firn_value value = firn_typed_i64(cases[i].type, cases[i].number);
        const struct fi_schema_column column = {.type = cases[i].type};
        const struct fi_cell cell = {.kind = FI_PHYSICAL_I64, .as.i64 = cases[i].number};
        fi_buf_clear(&text);
        assert_int_equal(fi_schema_literal_append(&column, &cell, &text), FIRN_OK);
        assert_string_equal(fi_buf_text(&text), cases[i].text);
        const char *const key[] = {"k"};
        const firn_table_column columns[] = {
            {.name = "k", .type = FIRN_TYPE_I8},
            {.name = "v", .type = cases[i].type, .default_value = &value}};
        firn_table_def def = FIRN_TABLE_DEF_INIT;
        def.columns = columns;
        def.column_count = 2;
        def.key = key;
        def.key_count = 1;
        struct fi_schema *schema = NULL;
        firn_error err;
        assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_LIMIT);
        assert_null(schema);
    }
    fi_buf_deinit(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_and_written),
        cmocka_unit_test(constants_are_what_they_say),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(texts_have_limits),
        cmocka_unit_test(random_tables_are_read_as_they_are_written),
        cmocka_unit_test(numbers_with_a_scale_are_refused),
        cmocka_unit_test(dates_of_all_years_are_written),
        cmocka_unit_test(real_numbers_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
