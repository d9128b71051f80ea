/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/json: rows from lines of JSON, and written as them. Every text is read at once, byte by
 * byte, and in random pieces, with the same outcome.
 */
#include "base/slice.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "unit/text/exchange_fixture.h"
#include "json/json_reader.h"
#include "json/json_writer.h"

#define NAME(text)                                \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
static const struct fi_text_value_column columns[] = {
    {NAME("id"), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}},
    {NAME("t"), {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}},
    {NAME("d"), {FIRN_TYPE_DECIMAL, 10, 2, 0, {NULL, 0}}},
    {NAME("\xc3\xa4\n"), {FIRN_TYPE_BOOL, 0, 0, 0, {NULL, 0}}},
    {NAME("v"), {FIRN_TYPE_VECTOR, 0, 0, 2, {NULL, 0}}},
    {NAME("when"), {FIRN_TYPE_DATE, 0, 0, 0, {NULL, 0}}},
    {NAME("b"), {FIRN_TYPE_BLOB, 0, 0, 0, {NULL, 0}}},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* Appends "LINE:value|value|...;" where values that are not given are left out and null is "~", or
 * "LINE!text{raw};". */
static bool
note(struct fi_buf *out, int rc, const struct fi_json_record *record, const firn_error *err)
{
    if (rc != FIRN_OK) {
        assert_null(record->values);
        assert_int_equal(fi_buf_append_format(out, "%llu!%d %s{", (unsigned long long)record->line,
                                              rc, err->text),
                         FIRN_OK);
        assert_int_equal(fi_buf_append_slice(out, record->raw), FIRN_OK);
        assert_int_equal(fi_buf_append_str(out, "};"), FIRN_OK);
        return rc == FIRN_INVALID;
    }
    if (record->values == NULL) {
        return false;
    }
    assert_int_equal(fi_buf_append_format(out, "%llu:", (unsigned long long)record->line), FIRN_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        firn_value value = record->values[i];
        if (!record->is_given[i]) {
            assert_true(firn_is_null(value));
        } else if (firn_is_null(value)) {
            assert_int_equal(fi_buf_append_str(out, "~"), FIRN_OK);
        } else {
            assert_int_equal(fi_text_value_append(&columns[i].type, value, out), FIRN_OK);
        }
        assert_int_equal(fi_buf_append_str(out, i + 1 < COLUMNS ? "|" : ";"), FIRN_OK);
    }
    return true;
}

enum pieces { WHOLE, BYTES, RANDOM };

static void
read_all(const struct fi_json_reader_options *options, firn_slice text, enum pieces pieces,
         struct test_random *random, struct fi_buf *out)
{
    struct fi_json_reader *reader;
    struct fi_json_record record;
    firn_error err;
    bool has_failed = false;
    assert_int_equal(fi_json_reader_create(options, &reader, &err), FIRN_OK);
    fi_buf_clear(out);
    for (size_t at = 0; at < text.size && !has_failed;) {
        size_t left = text.size - at;
        size_t size = pieces == WHOLE   ? left
                      : pieces == BYTES ? 1
                                        : (size_t)test_random_below(random, left + 1);
        uint8_t *copy = malloc(size > 0 ? size : 1);
        assert_non_null(copy);
        memcpy(copy, text.data + at, size);
        fi_json_reader_feed(reader, firn_bytes(copy, size));
        int rc;
        do {
            rc = fi_json_reader_next(reader, &record, &err);
        } while (note(out, rc, &record, &err));
        has_failed = rc != FIRN_OK;
        memset(copy, '?', size);
        free(copy);
        at += size;
    }
    if (!has_failed) {
        fi_json_reader_finish(reader);
        while (note(out, fi_json_reader_next(reader, &record, &err), &record, &err)) {
        }
    }
    fi_json_reader_destroy(reader);
}

static void
assert_reads_options(const struct fi_json_reader_options *options, const char *text,
                     const char *expected)
{
    struct fi_buf out = {0};
    struct test_random random = {strlen(text)};
    for (enum pieces pieces = WHOLE; pieces <= RANDOM; pieces++) {
        read_all(options, firn_str(text), pieces, &random, &out);
        const char *found = fi_buf_text(&out);
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
    fi_buf_deinit(&out);
}

static const struct fi_json_reader_options strict = {.columns = columns, .count = COLUMNS};
static const struct fi_json_reader_options lenient = {
    .columns = columns, .count = COLUMNS, .ignores_unknown = true};

static void
assert_reads(const char *text, const char *expected)
{
    assert_reads_options(&strict, text, expected);
}

/* A line that is refused with a text that ends so. */
static void
assert_refuses(const char *line, const char *defect)
{
    struct fi_buf expected = {0};
    assert_int_equal(fi_buf_append_format(&expected, "1!-4 line 1%s{%s};2:2||||||;", defect, line),
                     FIRN_OK);
    struct fi_buf text = {0};
    assert_int_equal(fi_buf_append_format(&text, "%s\n{\"id\":2}\n", line), FIRN_OK);
    const char *lines = fi_buf_text(&text);
    const char *wanted = fi_buf_text(&expected);
    assert_non_null(lines);
    assert_non_null(wanted);
    assert_reads(lines, wanted);
    fi_buf_deinit(&text);
    fi_buf_deinit(&expected);
}

static void
objects_become_rows(void **state)
{
    assert_reads("", "");
    assert_reads("{}", "1:||||||;");
    assert_reads("{\"id\":1,\"t\":\"a\"}\n{\"t\":null,\"id\":-2}\n", "1:1|a|||||;2:-2|~|||||;");
    assert_reads(" \t{ \"id\" : 1 , \"d\":1.5\t} \r\n\n  \r\n{\"id\":2}",
                 "1:1||1.50||||;4:2||||||;");
    assert_reads("\xef\xbb\xbf{\"id\":1}\n", "1:1||||||;");
    assert_reads(
        "{\"id\":9223372036854775807,\"d\":-12345678.90,\"\\u00e4\\n\":true,\"v\":[1,-2.5e0],"
        "\"when\":\"2026-11-20\",\"b\":\"\\\\x00FF\"}",
        "1:9223372036854775807||-12345678.90|true|[1.0,-2.5]|2026-11-20|\\x00ff;");
    assert_reads("{\"id\":\"7\",\"d\":\"1.5\",\"v\":\"[nan,1]\",\"\xc3\xa4\\n\":0}",
                 "1:7||1.50|false|[nan,1.0]||;");
}

static void
text_columns_take_every_value(void **state)
{
    assert_reads("{\"t\":12.50}", "1:|12.50|||||;");
    assert_reads("{\"t\":true}\n{\"t\":false}", "1:|true|||||;2:|false|||||;");
    assert_reads("{\"t\": [1, {\"a\": [ ]}, \"\\u0041\"] }",
                 "1:|[1, {\"a\": [ ]}, \"\\u0041\"]|||||;");
    assert_reads("{\"t\":{\"a\":{},\"a\":[[]]}}", "1:|{\"a\":{},\"a\":[[]]}|||||;");
}

static void
strings_have_escapes(void **state)
{
    assert_reads("{\"t\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "1:|\"\\/\b\f\n\r\t|||||;");
    assert_reads("{\"t\":\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\\uD83D\\uDE00x\"}",
                 "1:|A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf0\x9f\x98\x80x|||||;");
    assert_reads("{\"t\":\"\xc3\xa4\x7f\"}", "1:|\xc3\xa4\x7f|||||;");
    assert_reads("{\"\\u0074\":\"x\"}", "1:|x|||||;");
    assert_reads("{\"t\":\"\\uffff\\ud7ff\\ue000\"}",
                 "1:|\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80|||||;");
    static const char *const bad[] = {"\\x",
                                      "\\",
                                      "\\u",
                                      "\\u12",
                                      "\\u12g4",
                                      "\\ud800",
                                      "\\udc00",
                                      "\\ud800\\u0041",
                                      "\\ud800x",
                                      "\\ud800\\ud800",
                                      "\\ud800\\udbff",
                                      "\\ude00\\ud83d",
                                      "\\U0041",
                                      "\\a",
                                      "\\'",
                                      "\\ud83d\\ude0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fi_buf out = {0};
        char line[64];
        (void)snprintf(line, sizeof line, "{\"t\":\"%s\"}", bad[i]);
        read_all(&strict, firn_str(line), WHOLE, NULL, &out);
        const char *found = fi_buf_text(&out);
        assert_non_null(found);
        assert_non_null(strstr(found, "!-4 line 1, byte "));
        fi_buf_deinit(&out);
    }
    assert_refuses("{\"t\":\"a\tb\"}", ", byte 8: a control character in a string");
    assert_refuses("{\"t\":\"\x01\"}", ", byte 7: a control character in a string");
    assert_refuses("{\"t\":\"abc", ", byte 10: a string that does not end");
    assert_refuses("{\"t\":\"\xc3\"}", ": the line is not valid UTF-8");
    assert_refuses("{\"t\":\"\xed\xa0\x80\"}", ": the line is not valid UTF-8");
}

static void
a_string_may_have_a_nul(void **state)
{
    struct fi_json_reader *reader;
    struct fi_json_record record;
    firn_error err;
    assert_int_equal(fi_json_reader_create(&strict, &reader, &err), FIRN_OK);
    fi_json_reader_feed(reader, firn_str("{\"t\":\"a\\u0000b\"}\n"));
    assert_int_equal(fi_json_reader_next(reader, &record, &err), FIRN_OK);
    assert_true(fi_slice_equal(record.values[1].as.bytes, firn_bytes("a\0b", 3)));
    fi_json_reader_destroy(reader);
}

static void
numbers_are_those_of_json(void **state)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "-1",
                                       "10",
                                       "0.5",
                                       "-0.5",
                                       "1e5",
                                       "1E+5",
                                       "1.5e-5",
                                       "1234567890123456789012345"};
    static const char *const bad[] = {"01",  "-",        "+1",        "1.",    ".5",   "1e",
                                      "1e+", "00",       "-01",       "0x1",   "1.e5", "--1",
                                      "NaN", "Infinity", "-Infinity", "1_000", "1,"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char line[64];
        char expected[64];
        (void)snprintf(line, sizeof line, "{\"t\":%s}", good[i]);
        (void)snprintf(expected, sizeof expected, "1:|%s|||||;", good[i]);
        assert_reads(line, expected);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fi_buf out = {0};
        char line[64];
        (void)snprintf(line, sizeof line, "{\"t\":%s}", bad[i]);
        read_all(&strict, firn_str(line), WHOLE, NULL, &out);
        const char *found = fi_buf_text(&out);
        assert_non_null(found);
        assert_non_null(strstr(found, "!-4 line 1, byte "));
        fi_buf_deinit(&out);
    }
}

static void
what_is_no_object_is_refused(void **state)
{
    assert_refuses("[]", ", byte 1: no object");
    assert_refuses("1", ", byte 1: no object");
    assert_refuses("{", ", byte 2: no key");
    assert_refuses("{\"id\"", ", byte 6: no colon after a key");
    assert_refuses("{\"id\":", ", byte 7: the end of the line");
    assert_refuses("{\"id\":1", ", byte 8: neither a comma nor a closing brace");
    assert_refuses("{\"id\":1,", ", byte 9: no key");
    assert_refuses("{\"id\":1,}", ", byte 9: no key");
    assert_refuses("{,}", ", byte 2: no key");
    assert_refuses("{id:1}", ", byte 2: no key");
    assert_refuses("{\"id\":1 \"t\":2}", ", byte 9: neither a comma nor a closing brace");
    assert_refuses("{\"id\":1}}", ", byte 9: something after the object");
    assert_refuses("{\"id\":1} {\"id\":2}", ", byte 10: something after the object");
    assert_refuses("{\"id\":tru}", ", byte 7: no value");
    assert_refuses("{\"id\":nul", ", byte 7: no value");
    assert_refuses("{\"t\":[1,]}", ", byte 9: no value");
    assert_refuses("{\"t\":[1 2]}", ", byte 9: neither a comma nor a closing bracket");
    assert_refuses("{\"t\":[1}", ", byte 8: neither a comma nor a closing bracket");
    assert_refuses("{\"t\":[}]}", ", byte 7: no value");
    assert_refuses("{\"t\":{\"a\"}}", ", byte 10: no colon after a key");
    assert_refuses("{\"t\":{\"a\":1,}}", ", byte 13: no key");
    assert_refuses("{\"t\":{\"a\":1]}", ", byte 12: neither a comma nor a closing brace");
    assert_refuses("{\"t\":{1:1}}", ", byte 7: no key");
    assert_refuses("{\"t\":[[[", ", byte 9: the end of the line");
    assert_refuses("{\"t\":\v1}", ", byte 6: no value");
}

static void
values_of_other_types_are_refused(void **state)
{
    assert_refuses("{\"id\":1.5}",
                   ", column id: cannot read \"1.5\" as i64: it is not a whole number");
    assert_refuses("{\"id\":15e-1}",
                   ", column id: cannot read \"15e-1\" as i64: it is not a whole number");
    assert_refuses("{\"id\":1e999999999999}",
                   ", column id: cannot read \"1e999999999999\" as i64: it is not a whole number");
    assert_refuses("{\"id\":1e-999999999999}",
                   ", column id: cannot read \"1e-999999999999\" as i64: it is not a whole number");
    assert_refuses("{\"id\":1e30}",
                   ", column id: cannot read \"1e30\" as i64: it is not a whole number");
    assert_refuses("{\"id\":10000000000000000000000000000001.0}",
                   ", column id: cannot read \"10000000000000000000000000000001.0\" as i64: it is "
                   "not a whole number");
    assert_refuses("{\"id\":9223372036854775808.0}",
                   ", column id: cannot read \"9223372036854775808\" as i64: it is out of range");
    assert_refuses("{\"id\":1.01}",
                   ", column id: cannot read \"1.01\" as i64: it is not a whole number");
    assert_reads("{\"id\":1.0}\n{\"id\":-20.000}\n{\"id\":10}",
                 "1:1||||||;2:-20||||||;3:10||||||;");
    assert_reads("{\"id\":1.0e1}\n{\"id\":-1.205E+3}\n{\"id\":1200e-2}\n{\"id\":0.0e999999999999}",
                 "1:10||||||;2:-1205||||||;3:12||||||;4:0||||||;");
    assert_reads("{\"id\":9223372036854775807.00}\n{\"id\":-9.223372036854775808e18}\n"
                 "{\"id\":0.001e3}\n{\"id\":102030.0}",
                 "1:9223372036854775807||||||;2:-9223372036854775808||||||;3:1||||||;"
                 "4:102030||||||;");
    assert_refuses("{\"id\":true}", ", column id: true is not a value of the column's type");
    assert_refuses("{\"id\":[1]}", ", column id: an array is not a value of the column's type");
    assert_refuses("{\"id\":{\"a\":1}}",
                   ", column id: an object is not a value of the column's type");
    assert_refuses("{\"when\":20261120}",
                   ", column when: a number is not a value of the column's type");
    assert_refuses("{\"when\":\"2026\"}",
                   ", column when: cannot read \"2026\" as date: it is not a date like 2026-11-20");
    assert_refuses(
        "{\"v\":[1,\"2\"]}",
        ", column v: cannot read \"[1,\"2\"]\" as vector(2): it has an element that is not an f32");
    assert_refuses(
        "{\"v\":[1,[2]]}",
        ", column v: cannot read \"[1,[2]]\" as vector(2): it has an element that is not an f32");
    assert_refuses("{\"b\":12}", ", column b: a number is not a value of the column's type");
}

static void
keys_are_columns_and_come_once(void **state)
{
    assert_refuses("{\"id\":1,\"x\":2}", ": the key \"x\" is not a column");
    assert_refuses("{\"id\":1,\"id\":2}", ": the key \"id\" comes twice");
    assert_refuses("{\"id\":1,\"t\":2,\"\\u0069d\":null}", ": the key \"id\" comes twice");
    assert_reads_options(&lenient, "{\"x\":[1,{}],\"id\":1,\"y\":null}\n{\"x\":1}",
                         "1:1||||||;2:||||||;");
    assert_reads_options(
        &lenient, "{\"x\":1,\"y\":2,\"x\":3}\n{\"x\":1}",
        "1!-4 line 1: the key \"x\" comes twice{{\"x\":1,\"y\":2,\"x\":3}};2:||||||;");
    const struct fi_text_value_column twice[] = {columns[0], columns[1], columns[0]};
    const struct fi_json_reader_options options = {.columns = twice, .count = 3};
    struct fi_json_reader *reader;
    firn_error err;
    assert_int_equal(fi_json_reader_create(&options, &reader, &err), FIRN_INVALID);
    assert_null(reader);
    assert_string_equal(err.text, "two columns have the name id");

    /* A column that is left out is a key like others. */
    const struct fi_text_value_column none = {firn_str("id"), {FIRN_TYPE_NULL, 0, 0, 0, {NULL, 0}}};
    const struct fi_json_reader_options left_out = {.columns = &none, .count = 1};
    struct fi_json_record record;
    assert_int_equal(fi_json_reader_create(&left_out, &reader, &err), FIRN_OK);
    fi_json_reader_feed(reader, firn_str("{\"id\":[{}]}\n{\"id\":1,\"id\":2}\n"));
    assert_int_equal(fi_json_reader_next(reader, &record, &err), FIRN_OK);
    assert_true(record.is_given[0] && firn_is_null(record.values[0]));
    assert_int_equal(fi_json_reader_next(reader, &record, &err), FIRN_INVALID);
    fi_json_reader_destroy(reader);
}

static void
values_are_nested_up_to_a_limit(void **state)
{
    for (int depth = FI_JSON_DEPTH_MAX - 2; depth <= FI_JSON_DEPTH_MAX; depth++) {
        struct fi_buf line = {0};
        struct fi_buf out = {0};
        assert_int_equal(fi_buf_append_str(&line, "{\"t\":"), FIRN_OK);
        for (int i = 0; i < depth; i++) {
            assert_int_equal(fi_buf_append_str(&line, i % 2 == 0 ? "[" : "{\"k\":"), FIRN_OK);
        }
        assert_int_equal(fi_buf_append_str(&line, "1"), FIRN_OK);
        for (int i = depth - 1; i >= 0; i--) {
            assert_int_equal(fi_buf_append_str(&line, i % 2 == 0 ? "]" : "}"), FIRN_OK);
        }
        assert_int_equal(fi_buf_append_str(&line, "}"), FIRN_OK);
        read_all(&strict, fi_buf_slice(&line), WHOLE, NULL, &out);
        const char *found = fi_buf_text(&out);
        assert_non_null(found);
        assert_int_equal(strstr(found, "values nested too deeply") != NULL,
                         depth >= FI_JSON_DEPTH_MAX);
        fi_buf_deinit(&line);
        fi_buf_deinit(&out);
    }
}

static void
lines_have_a_limit(void **state)
{
    const struct fi_json_reader_options small = {
        .columns = columns, .count = COLUMNS, .line_size_max = 10};
    assert_reads_options(&small, "{\"id\":123}\n{\"id\":1}\n{\"id\":1234}\n{}",
                         "1:123||||||;2:1||||||;0!-7 line 3: the line is longer than 10 bytes{};");
    assert_reads_options(&small, "{\"id\":1}\n{\"id\":12345",
                         "1:1||||||;0!-7 line 2: the line is longer than 10 bytes{};");
}

static void
random_texts_are_read_alike_in_all_pieces(void **state)
{
    static const char *const parts[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"id\"",
                                        "\"t\"",
                                        "\"",
                                        "1",
                                        "-1.5",
                                        "true",
                                        "\n",
                                        "{\"id\":1}\n",
                                        "\"t\":",
                                        "\\n",
                                        "\\u",
                                        "0041",
                                        "null",
                                        " ",
                                        "{\"t\":\"",
                                        "\"}\n",
                                        "x",
                                        "\r",
                                        "\"b\":\"\\\\x",
                                        "\xc3\xa4",
                                        "\"v\":[1,2]"};
    struct test_random random;
    struct fi_buf text = {0};
    struct fi_buf whole = {0};
    struct fi_buf other = {0};
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 1000000 : 20000;
    test_random_init(&random, "json", 1);
    for (uint64_t i = 0; i < rounds; i++) {
        fi_buf_clear(&text);
        for (uint64_t n = test_random_below(&random, 25); n > 0; n--) {
            assert_int_equal(
                fi_buf_append_str(
                    &text, parts[test_random_below(&random, sizeof parts / sizeof parts[0])]),
                FIRN_OK);
        }
        struct fi_json_reader_options options = i % 2 == 0 ? strict : lenient;
        options.line_size_max = i % 5 == 0 ? 30 : 0;
        firn_slice slice = text.data == NULL ? firn_bytes("", 0) : fi_buf_slice(&text);
        read_all(&options, slice, WHOLE, &random, &whole);
        read_all(&options, slice, i % 3 == 0 ? BYTES : RANDOM, &random, &other);
        assert_true(fi_slice_equal(fi_buf_slice(&whole), fi_buf_slice(&other)));
    }
    fi_buf_deinit(&text);
    fi_buf_deinit(&whole);
    fi_buf_deinit(&other);
}

/* ---- writing ---- */

static void
rows_are_written_as_objects(void **state)
{
    struct fi_buf out = {0};
    firn_error err;
    const uint8_t vector[8] = {0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xff}; /* 1, -inf */
    firn_value values[COLUMNS] = {firn_i64(INT64_MIN),
                                  firn_text("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4"),
                                  firn_typed_i64(FIRN_TYPE_DECIMAL, -5),
                                  firn_bool(false),
                                  {.type = FIRN_TYPE_VECTOR, .as.bytes = firn_bytes(vector, 8)},
                                  firn_null(),
                                  firn_blob(firn_bytes("\xab", 1))};
    assert_int_equal(fi_json_writer_row(columns, values, COLUMNS, &out, &err), FIRN_OK);
    const char *found = fi_buf_text(&out);
    assert_non_null(found);
    assert_string_equal(
        found,
        "{\"id\":-9223372036854775808,\"t\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\","
        "\"d\":-0.05,\"\xc3\xa4\\n\":false,\"v\":\"[1.0,-inf]\",\"when\":null,\"b\":"
        "\"\\\\xab\"}\n");
    size_t size = out.size;
    values[1] = firn_text("\xff");
    assert_int_equal(fi_json_writer_row(columns, values, COLUMNS, &out, &err), FIRN_INVALID);
    assert_string_equal(err.text, "column t: the text is not valid UTF-8");
    assert_int_equal(out.size, size);
    fi_buf_deinit(&out);
}

static void
random_rows_are_read_as_they_were_written(void **state)
{
    enum { ROWS = 4 };
    struct test_random random;
    struct fi_buf memory[ROWS] = {{0}};
    struct fi_buf out = {0};
    firn_value rows[ROWS][FIXTURE_COLUMNS];
    firn_error err;
    const struct fi_json_reader_options options = {.columns = fixture_columns,
                                                   .count = FIXTURE_COLUMNS};
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 100000 : 5000;
    test_random_init(&random, "json", 2);
    for (uint64_t i = 0; i < rounds; i++) {
        fi_buf_clear(&out);
        for (size_t r = 0; r < ROWS; r++) {
            fixture_row(&random, &memory[r], rows[r]);
            assert_int_equal(
                fi_json_writer_row(fixture_columns, rows[r], FIXTURE_COLUMNS, &out, &err), FIRN_OK);
        }
        struct fi_json_reader *reader;
        struct fi_json_record record;
        assert_int_equal(fi_json_reader_create(&options, &reader, &err), FIRN_OK);
        size_t at = 0;
        for (size_t r = 0; r < ROWS;) {
            int rc = fi_json_reader_next(reader, &record, &err);
            if (rc != FIRN_OK) {
                fail_msg("%s", err.text);
            }
            if (record.values == NULL) {
                assert_true(at < out.size);
                size_t size = 1 + (size_t)test_random_below(&random, out.size - at);
                fi_json_reader_feed(reader, firn_bytes(out.data + at, size));
                at += size;
                continue;
            }
            for (size_t c = 0; c < FIXTURE_COLUMNS; c++) {
                assert_true(record.is_given[c]);
                assert_true(fixture_values_equal(rows[r][c], record.values[c]));
            }
            r++;
        }
        fi_json_reader_destroy(reader);
    }
    for (size_t r = 0; r < ROWS; r++) {
        fi_buf_deinit(&memory[r]);
    }
    fi_buf_deinit(&out);
}

/* ---- memory ---- */

static int
read_and_write(struct fi_buf *out, firn_error *err)
{
    static const char *const pieces[] = {"{\"id\":1,\"x\":[],\"t\":\"a\\nb\",\"b\":\"\\\\x01\"",
                                         "}\n{\"v\":[1,2]}", "\n{\"y\":1}"};
    struct fi_json_reader *reader = NULL;
    struct fi_json_record record;
    int rc = fi_json_reader_create(&lenient, &reader, err);
    for (size_t i = 0; i <= sizeof pieces / sizeof pieces[0] && rc == FIRN_OK; i++) {
        if (i < sizeof pieces / sizeof pieces[0]) {
            fi_json_reader_feed(reader, firn_str(pieces[i]));
        } else {
            fi_json_reader_finish(reader);
        }
        for (;;) {
            rc = fi_json_reader_next(reader, &record, err);
            if (rc != FIRN_OK) {
                firn_error again;
                assert_int_equal(fi_json_reader_next(reader, &record, &again), rc);
                break;
            }
            if (record.values == NULL) {
                break;
            }
            size_t size = out->size;
            rc = fi_json_writer_row(columns, record.values, COLUMNS, out, err);
            if (rc != FIRN_OK) {
                assert_int_equal(out->size, size);
                break;
            }
        }
    }
    fi_json_reader_destroy(reader);
    return rc;
}

static void
failed_allocations_are_told(void **state)
{
    struct fi_buf out = {0};
    firn_error err = {0};
    test_alloc_install();
    test_alloc_fail_at(0, false);
    assert_int_equal(read_and_write(&out, &err), FIRN_OK);
    uint64_t calls = test_alloc_calls();
    fi_buf_deinit(&out);
    for (uint64_t n = 1; n <= calls; n++) {
        test_alloc_fail_at(n, n % 2 == 0);
        assert_int_equal(read_and_write(&out, &err), FIRN_NO_MEMORY);
        assert_int_equal(err.code, FIRN_NO_MEMORY);
        test_alloc_fail_at(0, false);
        fi_buf_deinit(&out);
        assert_int_equal(test_alloc_alive(), 0);
    }
    printf("count: %llu allocations failed\n", (unsigned long long)calls);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_become_rows),
        cmocka_unit_test(text_columns_take_every_value),
        cmocka_unit_test(strings_have_escapes),
        cmocka_unit_test(a_string_may_have_a_nul),
        cmocka_unit_test(numbers_are_those_of_json),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(values_of_other_types_are_refused),
        cmocka_unit_test(keys_are_columns_and_come_once),
        cmocka_unit_test(values_are_nested_up_to_a_limit),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(random_texts_are_read_alike_in_all_pieces),
        cmocka_unit_test(rows_are_written_as_objects),
        cmocka_unit_test(random_rows_are_read_as_they_were_written),
        cmocka_unit_test(failed_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
