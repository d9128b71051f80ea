/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/csv: CSV taken apart and written. Every text is read at once, byte by byte, and in random
 * pieces, with the same outcome.
 */
#include "base/slice.h"
#include "csv/csv_mask.h"
#include "csv/csv_reader.h"
#include "csv/csv_writer.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "unit/text/exchange_fixture.h"

static const struct fi_csv_reader_options defaults;

/* Appends what next gave to a transcript: "LINE:[field]<quoted>null|" for a record, "LINE!text" for
 * an error. */
static bool
note(struct fi_buf *out, int rc, const struct fi_csv_record *record, const firn_error *err)
{
    if (rc != FIRN_OK) {
        assert_int_equal(record->count, 0);
        assert_int_equal(fi_buf_append_format(out, "%llu!%d %s{", (unsigned long long)record->line,
                                              rc, err->text),
                         FIRN_OK);
        assert_int_equal(fi_buf_append_slice(out, record->raw), FIRN_OK);
        assert_int_equal(fi_buf_append_str(out, "}|"), FIRN_OK);
        return rc == FIRN_INVALID;
    }
    if (record->count == 0) {
        return false;
    }
    assert_int_equal(fi_buf_append_format(out, "%llu:", (unsigned long long)record->line), FIRN_OK);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct fi_csv_field *field = &record->fields[i];
        assert_non_null(field->text.data);
        assert_int_equal(fi_buf_append_str(out, field->is_null     ? "~"
                                                : field->is_quoted ? "<"
                                                                   : "["),
                         FIRN_OK);
        assert_int_equal(fi_buf_append_slice(out, field->text), FIRN_OK);
        assert_int_equal(fi_buf_append_str(out, field->is_null     ? ""
                                                : field->is_quoted ? ">"
                                                                   : "]"),
                         FIRN_OK);
    }
    assert_int_equal(fi_buf_append_str(out, "|"), FIRN_OK);
    return true;
}

/* How a text is divided: all at once; into single bytes; at random. */
enum pieces { WHOLE, BYTES, RANDOM, EMPTY_ONES_TOO };

static void
read_all(const struct fi_csv_reader_options *options, firn_slice text, enum pieces pieces,
         struct test_random *random, struct fi_buf *out)
{
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    firn_error err;
    bool has_failed = false;
    assert_int_equal(fi_csv_reader_create(options, &reader, &err), FIRN_OK);
    fi_buf_clear(out);
    for (size_t at = 0; at < text.size && !has_failed;) {
        size_t left = text.size - at;
        size_t size = pieces == WHOLE ? left
                      : pieces == BYTES
                          ? 1
                          : (size_t)test_random_below(random, left < 200 ? left + 1 : 200);
        /* Exactly as large as the piece, so that reads past it are found. */
        uint8_t *copy = malloc(size > 0 ? size : 1);
        assert_non_null(copy);
        memcpy(copy, text.data + at, size);
        fi_csv_reader_feed(reader, firn_bytes(copy, size));
        int rc;
        do {
            rc = fi_csv_reader_next(reader, &record, &err);
        } while (note(out, rc, &record, &err));
        has_failed = rc != FIRN_OK;
        /* Nothing of it is looked at any more. */
        memset(copy, '?', size);
        free(copy);
        at += size;
    }
    if (!has_failed) {
        fi_csv_reader_finish(reader);
        while (note(out, fi_csv_reader_next(reader, &record, &err), &record, &err)) {
        }
        assert_int_equal(record.count, 0);
    }
    fi_csv_reader_destroy(reader);
}

static void
assert_reads_options(const struct fi_csv_reader_options *options, const char *text, size_t size,
                     const char *expected)
{
    struct fi_buf out = {0};
    struct test_random random = {size + 7};
    for (enum pieces pieces = WHOLE; pieces <= EMPTY_ONES_TOO; pieces++) {
        read_all(options, firn_bytes(text, size), pieces, &random, &out);
        const char *found = fi_buf_text(&out);
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
    fi_buf_deinit(&out);
}

static void
assert_reads(const char *text, const char *expected)
{
    assert_reads_options(&defaults, text, strlen(text), expected);
}

static void
the_examples_of_the_rfc_are_read(void **state)
{
    assert_reads("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "1:[aaa][bbb][ccc]|2:[zzz][yyy][xxx]|");
    assert_reads("aaa,bbb,ccc\r\nzzz,yyy,xxx", "1:[aaa][bbb][ccc]|2:[zzz][yyy][xxx]|");
    assert_reads("field_name,field_name,field_name\r\naaa,bbb,ccc\r\n",
                 "1:[field_name][field_name][field_name]|2:[aaa][bbb][ccc]|");
    assert_reads("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", "1:<aaa><bbb><ccc>|2:[zzz][yyy][xxx]|");
    assert_reads("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
                 "1:<aaa><b\r\nbb><ccc>|3:[zzz][yyy][xxx]|");
    assert_reads("\"aaa\",\"b\"\"bb\",\"ccc\"", "1:<aaa><b\"bb><ccc>|");
}

static void
lines_end_with_lf_cr_or_both(void **state)
{
    assert_reads("", "");
    assert_reads("a", "1:[a]|");
    assert_reads("a\n", "1:[a]|");
    assert_reads("a\nb\n", "1:[a]|2:[b]|");
    assert_reads("a\rb\r", "1:[a]|2:[b]|");
    assert_reads("a\r\nb\r\n", "1:[a]|2:[b]|");
    assert_reads("a\n\rb", "1:[a]|2:~|3:[b]|");
    assert_reads("a\r\r\nb", "1:[a]|2:~|3:[b]|");
    assert_reads("a,b\rc,d\ne,f\r\ng,h", "1:[a][b]|2:[c][d]|3:[e][f]|4:[g][h]|");
    assert_reads("\"a\rb\r\nc\nd\"\ne", "1:<a\rb\r\nc\nd>|5:[e]|");
}

static void
empty_lines_count_only_where_records_have_one_field(void **state)
{
    assert_reads("a\n\nb\n\n", "1:[a]|2:~|3:[b]|4:~|");
    assert_reads("a,b\n\nc,d\n\n\n", "1:[a][b]|3:[c][d]|");
    assert_reads("\n\na,b\n", "3:[a][b]|");
    assert_reads("\n\n", "");
    const struct fi_csv_reader_options one = {.fields = 1};
    assert_reads_options(&one, "\n\"\"\n", 4, "1:~|2:<>|");
}

static void
nulls_are_unquoted(void **state)
{
    assert_reads(",\"\", ,x\n,,,\n", "1:~<>[ ][x]|2:~~~~|");
    const struct fi_csv_reader_options options = {.format.null_text = firn_str("NULL")};
    const char text[] = "NULL,\"NULL\",null,,NULLS\n";
    assert_reads_options(&options, text, sizeof text - 1, "1:~NULL<NULL>[null][][NULLS]|");
}

static void
quotes_are_special_only_where_a_field_begins(void **state)
{
    assert_reads("5\" disk,a\"b\"c, \"x\"\n", "1:[5\" disk][a\"b\"c][ \"x\"]|");
    assert_reads("\"\"\"\",\"\"\"a\"\"\",\"\"\n", "1:<\"><\"a\"><>|");
    assert_reads("\"a,b\",\"\n\",\",\"\n", "1:<a,b><\n><,>|");
    assert_reads("\"\"\"\"\"\"", "1:<\"\">|");
    assert_reads("\"a\"", "1:<a>|");
    assert_reads("x,\"a\"", "1:[x]<a>|");
    assert_reads("x,", "1:[x]~|");
}

static void
delimiter_and_quote_can_be_others(void **state)
{
    const struct fi_csv_reader_options tabs = {.format = {.delimiter = '\t', .quote = '\''}};
    assert_reads_options(&tabs, "a,b\t'c\td'\t\"e\"", 13, "1:[a,b]<c\td>[\"e\"]|");
    const struct fi_csv_reader_options plain = {.format = {.has_no_quotes = true}};
    assert_reads_options(&plain, "\"a,b\"\n\"\",'\n", 11, "1:[\"a][b\"]|2:[\"\"][']|");
}

static void
a_byte_order_mark_is_left_out(void **state)
{
    assert_reads("\xef\xbb\xbf"
                 "a,b\n",
                 "1:[a][b]|");
    assert_reads("\xef\xbb\xbf\"a\",b\n", "1:<a>[b]|");
    assert_reads("\xef\xbb\xbf", "");
    assert_reads("\xef\xbb", "1:[\xef\xbb]|");
    assert_reads("\xef", "1:[\xef]|");
    assert_reads("\xef\xbb,x\n", "1:[\xef\xbb][x]|");
    assert_reads("a,\xef\xbb\xbf\n\xef\xbb\xbf,b\n", "1:[a][\xef\xbb\xbf]|2:[\xef\xbb\xbf][b]|");
    assert_reads("\xef\xbb\xbf\xef\xbb\xbfx\n", "1:[\xef\xbb\xbfx]|");
}

static void
errors_say_the_line_and_reading_goes_on(void **state)
{
    assert_reads("a,b\nc\nd,e,f\ng,h\n",
                 "1:[a][b]|2!-4 line 2: the record has 1 fields, not 2{c}|"
                 "3!-4 line 3: the record has 3 fields, not 2{d,e,f}|4:[g][h]|");
    assert_reads("a,b\n\"c\"x,d\ne,f\n",
                 "1:[a][b]|2!-4 line 2: text follows the closing quote of field 1{\"c\"x,d}|"
                 "3:[e][f]|");
    assert_reads("a,b\nc,\"d\" \"e\"\ng,h",
                 "1:[a][b]|2!-4 line 2: text follows the closing quote of field 2{c,\"d\" \"e\"}|"
                 "3:[g][h]|");
    assert_reads("\"a\"b", "1!-4 line 1: text follows the closing quote of field 1{\"a\"b}|");
    assert_reads("a,b\nc,\n\"d\ne,\nf\"\"",
                 "1:[a][b]|2:[c]~|"
                 "3!-4 line 3: the quote that line 3 opens is not closed{\"d\ne,\nf\"\"}|");
    assert_reads("\"a\n\nb\",\"",
                 "1!-4 line 1: the quote that line 3 opens is not closed{\"a\n\nb\",\"}|");
    const struct fi_csv_reader_options three = {.fields = 3};
    assert_reads_options(&three, "a,b\n", 4, "1!-4 line 1: the record has 2 fields, not 3{a,b}|");
}

static void
records_and_fields_have_limits(void **state)
{
    const struct fi_csv_reader_options small = {.field_size_max = 5, .record_size_max = 20};
    static const char limit[] =
        "line 2: a field is larger than 5 bytes, or the record larger than 20";
    char expected[200];
    (void)snprintf(expected, sizeof expected, "1:[12345]<12345>|0!-7 %s{}|", limit);
    assert_reads_options(&small, "12345,\"12345\"\n123456,1\n1,2\n", 27, expected);
    assert_reads_options(&small, "12345,\"12345\"\n\"123456\",1\n", 25, expected);
    assert_reads_options(&small, "12345,\"12345\"\n1,\"1234567890", 27, expected);
    (void)snprintf(expected, sizeof expected, "1:[a][b][c][d]|0!-7 %s{}|", limit);
    assert_reads_options(&small, "a,b,c,d\n12345,12345,12345,123\n", 30, expected);
    assert_reads_options(&small, "a,b,c,d\n12345,12345,12345,12\n", 29,
                         "1:[a][b][c][d]|2:[12345][12345][12345][12]|");
    /* Before its end is seen: memory is bounded. */
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    assert_int_equal(fi_csv_reader_create(&small, &reader, NULL), FIRN_OK);
    fi_csv_reader_feed(reader, firn_str("12345678"));
    assert_int_equal(fi_csv_reader_next(reader, &record, NULL), FIRN_LIMIT);
    fi_csv_reader_destroy(reader);
    struct fi_buf text = {0};
    for (int i = 0; i < FI_CSV_FIELDS_MAX - 1; i++) {
        assert_int_equal(fi_buf_append_str(&text, ","), FIRN_OK);
    }
    struct fi_buf out = {0};
    struct fi_buf wanted = {0};
    read_all(&defaults, fi_buf_slice(&text), WHOLE, NULL, &out);
    assert_int_equal(out.size, 2 + FI_CSV_FIELDS_MAX + 1);
    size_t line = text.size;
    assert_int_equal(fi_buf_append_str(&text, ",\"\n,,\"\nx\n"), FIRN_OK);
    assert_int_equal(
        fi_buf_append_str(&wanted, "1!-4 line 1: the record has more than 4096 fields{"), FIRN_OK);
    assert_int_equal(fi_buf_append(&wanted, text.data, line), FIRN_OK);
    assert_int_equal(fi_buf_append_str(&wanted, ",\"\n,,\"}|3:[x]|"), FIRN_OK);
    assert_int_equal(fi_buf_append(&text, "", 1), FIRN_OK);
    const char *shown = fi_buf_text(&wanted);
    assert_non_null(shown);
    assert_reads((const char *)text.data, shown);
    fi_buf_deinit(&text);
    fi_buf_deinit(&wanted);
    fi_buf_deinit(&out);
}

static void
options_that_mean_nothing_are_refused(void **state)
{
    const struct fi_csv_reader_options bad[] = {
        {.format.delimiter = '\n'},
        {.format.delimiter = '"'},
        {.format.quote = '\r'},
        {.format.quote = ','},
        {.format.delimiter = (char)0xc3},
        {.format.null_text = firn_str("a,b")},
        {.format.null_text = firn_str("\"\"")},
        {.format.null_text = firn_str("a\n")},
        {.fields = FI_CSV_FIELDS_MAX + 1},
        {.record_size_max = ((size_t)2 << 30) + 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fi_csv_reader *reader;
        firn_error err = {0};
        assert_int_equal(fi_csv_reader_create(&bad[i], &reader, &err), FIRN_INVALID);
        assert_null(reader);
        assert_int_equal(err.code, FIRN_INVALID);
    }
}

static void
the_kernel_finds_what_its_twin_finds(void **state)
{
    struct test_random random;
    test_random_init(&random, "csv", 1);
    static const uint8_t often[] = {',', '"', '\n', '\r', 0x80, 0x8a, 0x0b, 0, '#', 0xff};
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[FI_CSV_MASK_BYTES + 1];
        test_random_fill(&random, bytes, sizeof bytes);
        for (size_t b = 0; b < sizeof bytes && i % 2 == 0; b++) {
            bytes[b] = often[bytes[b] % sizeof often];
        }
        uint8_t delimiter = i % 3 == 0 ? ',' : (uint8_t)test_random_below(&random, 128);
        uint8_t quote = i % 5 == 0 ? '"' : (uint8_t)test_random_below(&random, 128);
        uint64_t expected = 0;
        bool is_ascii = true;
        bool found = true;
        bool found_plain = true;
        for (size_t b = 0; b < FI_CSV_MASK_BYTES && i % 7 == 0; b++) {
            bytes[b + 1] &= i % 2 == 0 || b != (size_t)i % FI_CSV_MASK_BYTES ? 0x7f : 0xff;
        }
        for (size_t b = 0; b < FI_CSV_MASK_BYTES; b++) {
            uint8_t byte = bytes[b + 1];
            is_ascii = is_ascii && byte < 0x80;
            if (byte == delimiter || byte == quote || byte == '\n' || byte == '\r') {
                expected |= UINT64_C(1) << b;
            }
        }
        assert_true(fi_csv_mask(bytes + 1, delimiter, quote, &found) == expected);
        assert_true(fi_csv_mask_plain(bytes + 1, delimiter, quote, &found_plain) == expected);
        assert_true(found == is_ascii && found_plain == is_ascii);
    }
}

/* Reads the values of all records of the piece, and counts those that are refused. */
static void
drain_values(struct fi_csv_reader *reader, const struct fi_text_value_column *columns,
             size_t *refused)
{
    struct fi_buf memory = {0};
    struct fi_csv_record record;
    firn_value values[2];
    firn_error err;
    for (;;) {
        assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
        if (record.count == 0) {
            break;
        }
        assert_int_equal(record.count, 2);
        *refused += fi_csv_reader_values(&record, columns, &memory, values, &err) != FIRN_OK;
    }
    fi_buf_deinit(&memory);
}

/* Wherever the bytes are among blocks and pieces, a text that is not UTF-8 is no value. */
static void
text_is_checked_in_every_place(void **state)
{
    const struct fi_text_value_column columns[] = {
        {firn_str("a"), {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}},
        {firn_str("b"), {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}}};
    enum { SIZE = 190 }; /* of almost three blocks */
    for (size_t piece = 1; piece <= SIZE; piece += piece < 8 ? 1 : 23) {
        for (size_t wrong = 0; wrong < SIZE; wrong++) {
            char text[SIZE];
            struct fi_csv_reader *reader;
            size_t refused = 0;
            firn_error err;
            for (size_t i = 0; i < SIZE; i++) {
                text[i] = "abc,defgh\n"[i % 10];
            }
            if (text[wrong] == ',' || text[wrong] == '\n') {
                continue;
            }
            text[wrong] = wrong % 2 == 0 ? '\xef' : '\x80';
            assert_int_equal(fi_csv_reader_create(&defaults, &reader, &err), FIRN_OK);
            for (size_t at = 0; at <= SIZE; at += piece) {
                if (at < SIZE) {
                    fi_csv_reader_feed(reader, firn_bytes((const uint8_t *)text + at,
                                                          SIZE - at < piece ? SIZE - at : piece));
                }
                if (at + piece > SIZE) { /* it was the last one */
                    drain_values(reader, columns, &refused);
                    fi_csv_reader_finish(reader);
                }
                drain_values(reader, columns, &refused);
            }
            assert_int_equal(refused, 1);
            fi_csv_reader_destroy(reader);
        }
    }
}

/* ---- a reader that is as simple as can be ---- */

/* RFC 4180 byte by byte, of texts without errors but for the number of fields; as note writes them. */
static bool
read_simply(firn_slice text, struct fi_buf *out)
{
    size_t at = 0;
    unsigned long long line = 1;
    uint32_t expected = 0;
    fi_buf_clear(out);
    while (at < text.size) {
        size_t start = at;
        unsigned long long first = line;
        uint32_t count = 0;
        struct fi_buf record = {0};
        bool is_end = false;
        while (!is_end) {
            bool is_quoted = at < text.size && text.data[at] == '"';
            struct fi_buf field = {0};
            at += is_quoted;
            while (at < text.size) {
                uint8_t byte = text.data[at];
                if (is_quoted && byte == '"') {
                    if (at + 1 == text.size || text.data[at + 1] != '"') {
                        break;
                    }
                    at++;
                } else if (is_quoted && (byte == '\n' || byte == '\r')) {
                    line += !(byte == '\n' && text.data[at - 1] == '\r');
                } else if (!is_quoted && (byte == ',' || byte == '\n' || byte == '\r')) {
                    break;
                }
                assert_int_equal(fi_buf_append_u8(&field, byte), FIRN_OK);
                at++;
            }
            bool is_closed = !is_quoted || at < text.size;
            at += is_quoted && is_closed;
            is_end = at == text.size || text.data[at] != ',';
            bool is_good = is_closed && (!is_end || at == text.size || text.data[at] == '\n' ||
                                         text.data[at] == '\r');
            bool is_null = !is_quoted && field.size == 0;
            FI_IGNORE(fi_buf_append_str(&record, is_null ? "~" : is_quoted ? "<" : "["));
            FI_IGNORE(fi_buf_append_slice(&record, fi_buf_slice(&field)));
            FI_IGNORE(fi_buf_append_str(&record, is_null ? "" : is_quoted ? ">" : "]"));
            fi_buf_deinit(&field);
            if (!is_good) {
                fi_buf_deinit(&record);
                return false;
            }
            count++;
            at += !is_end;
        }
        size_t end = at;
        if (at < text.size) {
            at += text.data[at] == '\r' && at + 1 < text.size && text.data[at + 1] == '\n' ? 2 : 1;
            line++;
        }
        if (end > start || expected == 1) {
            expected = expected == 0 ? count : expected;
            if (count == expected) {
                FI_IGNORE(fi_buf_append_format(out, "%llu:", first));
                FI_IGNORE(fi_buf_append_slice(out, fi_buf_slice(&record)));
            } else {
                FI_IGNORE(fi_buf_append_format(
                    out, "%llu!-4 line %llu: the record has %u fields, not %u{", first, first,
                    count, expected));
                FI_IGNORE(fi_buf_append(out, text.data + start, end - start));
                FI_IGNORE(fi_buf_append_str(out, "}"));
            }
            FI_IGNORE(fi_buf_append_str(out, "|"));
        }
        fi_buf_deinit(&record);
    }
    return true;
}

static void
random_texts_are_read_alike_in_all_pieces(void **state)
{
    struct test_random random;
    struct fi_buf text = {0};
    struct fi_buf whole = {0};
    struct fi_buf parts = {0};
    struct fi_buf simple = {0};
    uint64_t good = 0;
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 1000000 : 30000;
    test_random_init(&random, "csv", 2);
    for (uint64_t i = 0; i < rounds; i++) {
        static const char bytes[] = ",,,\"\"\"\n\n\rab \xef\xbb\xbf";
        fi_buf_clear(&text);
        uint64_t size = test_random_below(&random, i % 16 == 0 ? 700 : 30);
        uint64_t letters = i % 4 == 0 ? 3 : 1;
        for (uint64_t b = 0; b < size; b++) {
            uint8_t byte = test_random_below(&random, letters) == 0
                               ? (uint8_t)bytes[test_random_below(&random, sizeof bytes)]
                               : (uint8_t)'x';
            assert_int_equal(fi_buf_append_u8(&text, byte), FIRN_OK);
        }
        firn_slice slice = fi_buf_slice(&text);
        slice.data = slice.data == NULL ? (const uint8_t *)"" : slice.data;
        struct fi_csv_reader_options options = {.fields = (uint32_t)test_random_below(&random, 3),
                                                .field_size_max = i % 5 == 0 ? 12 : 0,
                                                .record_size_max = i % 7 == 0 ? 40 : 0};
        read_all(&options, slice, WHOLE, &random, &whole);
        read_all(&options, slice, i % 2 == 0 ? BYTES : RANDOM, &random, &parts);
        assert_true(fi_slice_equal(fi_buf_slice(&whole), fi_buf_slice(&parts)));
        bool has_bom = slice.size >= 1 && slice.data[0] == 0xef;
        if (!has_bom && read_simply(slice, &simple)) {
            good++;
            read_all(&defaults, slice, WHOLE, &random, &whole);
            assert_true(fi_slice_equal(fi_buf_slice(&whole), fi_buf_slice(&simple)));
        }
    }
    printf("count: %llu texts, %llu of them without a stray quote\n", (unsigned long long)rounds,
           (unsigned long long)good);
    assert_true(good > rounds / 20);
    fi_buf_deinit(&text);
    fi_buf_deinit(&whole);
    fi_buf_deinit(&parts);
    fi_buf_deinit(&simple);
}

static void
one_byte_at_a_time_is_not_slow(void **state)
{
    /* Twice as many bytes in a field take twice as long: a megabyte here would take hours otherwise. */
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    firn_error err;
    assert_int_equal(fi_csv_reader_create(&defaults, &reader, &err), FIRN_OK);
    for (size_t i = 0; i < 1 << 20; i++) {
        fi_csv_reader_feed(reader, firn_str(i == 0 ? "\"" : i % 3 == 0 ? "\n" : ","));
        assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
        assert_int_equal(record.count, 0);
    }
    fi_csv_reader_feed(reader, firn_str("\"\n"));
    assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.fields[0].text.size, (1 << 20) - 1);
    fi_csv_reader_destroy(reader);
}

/* ---- values, and writing ---- */

static void
fields_become_values_of_their_columns(void **state)
{
    const struct fi_text_value_column columns[] = {
        {firn_str("id"), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}},
        {firn_str("left out"), {FIRN_TYPE_NULL, 0, 0, 0, {NULL, 0}}},
        {firn_str("price"), {FIRN_TYPE_DECIMAL, 10, 2, 0, {NULL, 0}}},
        {firn_str("name"), {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}}};
    struct fi_csv_reader *reader;
    struct fi_csv_record record;
    struct fi_buf memory = {0};
    firn_value values[4];
    firn_error err;
    assert_int_equal(fi_csv_reader_create(&defaults, &reader, &err), FIRN_OK);
    fi_csv_reader_feed(reader, firn_str("7,x,1.5,\"a \"\"b\"\"\"\n,,,\n8,,\"\",c\n9,,1.234,d\n"));
    assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
    assert_int_equal(fi_csv_reader_values(&record, columns, &memory, values, &err), FIRN_OK);
    assert_int_equal(values[0].as.i64, 7);
    assert_true(firn_is_null(values[1]));
    assert_int_equal(values[2].as.i64, 150);
    assert_true(fi_slice_equal(values[3].as.bytes, firn_str("a \"b\"")));
    assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
    assert_int_equal(fi_csv_reader_values(&record, columns, &memory, values, &err), FIRN_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(firn_is_null(values[i]));
    }
    assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
    assert_int_equal(fi_csv_reader_values(&record, columns, &memory, values, &err), FIRN_INVALID);
    assert_string_equal(err.text,
                        "line 3, column price: cannot read \"\" as decimal(10, 2): it is empty");
    assert_int_equal(fi_csv_reader_next(reader, &record, &err), FIRN_OK);
    assert_int_equal(fi_csv_reader_values(&record, columns, &memory, values, &err), FIRN_INVALID);
    assert_string_equal(err.text, "line 4, column price: cannot read \"1.234\" as decimal(10, 2): "
                                  "it has too many digits after the point");
    fi_csv_reader_destroy(reader);
    fi_buf_deinit(&memory);
}

static void
assert_written(const struct fi_csv_format *format, const char *text, const char *expected)
{
    const struct fi_text_value_column column = {firn_str("c"),
                                                {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}};
    const struct fi_text_value_column columns[2] = {column, column};
    const firn_value values[2] = {firn_text("x"), text == NULL ? firn_null() : firn_text(text)};
    struct fi_buf out = {0};
    firn_error err;
    int rc = fi_csv_writer_row(format, columns, values, 2, &out, &err);
    assert_int_equal(rc, expected == NULL ? FIRN_INVALID : FIRN_OK);
    const char *found = fi_buf_text(&out);
    assert_non_null(found);
    assert_string_equal(found, expected == NULL ? "" : expected);
    fi_buf_deinit(&out);
}

static void
quotes_are_written_only_where_they_are_needed(void **state)
{
    const struct fi_csv_format format = {0};
    assert_written(&format, "plain text", "x,plain text\n");
    assert_written(&format, " spaces ", "x, spaces \n");
    assert_written(&format, "", "x,\"\"\n");
    assert_written(&format, NULL, "x,\n");
    assert_written(&format, "a,b", "x,\"a,b\"\n");
    assert_written(&format, "a\nb", "x,\"a\nb\"\n");
    assert_written(&format, "a\rb", "x,\"a\rb\"\n");
    assert_written(&format, "\"", "x,\"\"\"\"\n");
    assert_written(&format, "say \"so\"", "x,\"say \"\"so\"\"\"\n");
    assert_written(&format, "\xef\xbb\xbfz", "x,\"\xef\xbb\xbfz\"\n");
    assert_written(&format,
                   "more than sixty-four bytes, and in the first of them there is a delimiter",
                   "x,\"more than sixty-four bytes, and in the first of them there is a "
                   "delimiter\"\n");
    assert_written(&format,
                   "more than sixty-four bytes and there is a delimiter only behind them, there",
                   "x,\"more than sixty-four bytes and there is a delimiter only behind them, "
                   "there\"\n");
    const struct fi_csv_format other = {
        .delimiter = ';', .quote = '\'', .null_text = firn_str("NULL")};
    assert_written(&other, "a,b", "x;a,b\n");
    assert_written(&other, "a;b", "x;'a;b'\n");
    assert_written(&other, "it's", "x;'it''s'\n");
    assert_written(&other, "NULL", "x;'NULL'\n");
    assert_written(&other, NULL, "x;NULL\n");
    assert_written(&other, "", "x;\n");
    const struct fi_csv_format none = {.has_no_quotes = true, .null_text = firn_str("\\N")};
    assert_written(&none, "a\"b", "x,a\"b\n");
    assert_written(&none, "a,b", NULL);
    assert_written(&none, "\\N", NULL);
    assert_written(&none, NULL, "x,\\N\n");
}

static void
headers_are_written_like_fields(void **state)
{
    const struct fi_csv_format format = {0};
    const struct fi_text_value_column columns[] = {
        {firn_str("id"), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}},
        {firn_str("a,b"), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}},
        {firn_str(""), {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}}}};
    struct fi_buf out = {0};
    firn_error err;
    assert_int_equal(fi_csv_writer_header(&format, columns, 3, &out, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str("id,\"a,b\",\"\"\n")));
    const struct fi_csv_format none = {.has_no_quotes = true};
    assert_int_equal(fi_csv_writer_header(&none, columns, 3, &out, &err), FIRN_INVALID);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str("id,\"a,b\",\"\"\n")));
    fi_buf_deinit(&out);
    /* Nothing is in the buffer before the first field, which is empty. */
    assert_int_equal(fi_csv_writer_header(&format, columns + 2, 1, &out, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str("\"\"\n")));
    fi_buf_deinit(&out);
}

static void
random_rows_are_read_as_they_were_written(void **state)
{
    static const struct fi_csv_format formats[] = {
        {0},
        {.delimiter = '\t', .quote = '\''},
        {.delimiter = '1', .quote = '-'},
        {.delimiter = ';', .null_text = {(const uint8_t *)"NULL", 4}},
        {.null_text = {(const uint8_t *)"1", 1}}};
    enum { ROWS = 5 };
    struct test_random random;
    struct fi_buf memory[ROWS] = {{0}};
    struct fi_buf out = {0};
    struct fi_buf read = {0};
    firn_value rows[ROWS][FIXTURE_COLUMNS];
    firn_value back[FIXTURE_COLUMNS];
    firn_error err;
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 100000 : 5000;
    test_random_init(&random, "csv", 3);
    for (uint64_t i = 0; i < rounds; i++) {
        const struct fi_csv_format *format =
            &formats[test_random_below(&random, sizeof formats / sizeof formats[0])];
        /* All columns, or the first few from some on; one column with nulls needs its number. */
        size_t from = (size_t)test_random_below(&random, FIXTURE_COLUMNS);
        size_t count = i % 2 == 0 ? FIXTURE_COLUMNS - from
                                  : 1 + (size_t)test_random_below(&random, FIXTURE_COLUMNS - from);
        const struct fi_text_value_column *columns = fixture_columns + from;
        fi_buf_clear(&out);
        assert_int_equal(fi_csv_writer_header(format, columns, count, &out, &err), FIRN_OK);
        for (size_t r = 0; r < ROWS; r++) {
            fixture_row(&random, &memory[r], rows[r]);
            assert_int_equal(fi_csv_writer_row(format, columns, rows[r] + from, count, &out, &err),
                             FIRN_OK);
        }
        struct fi_csv_reader *reader;
        struct fi_csv_record record;
        const struct fi_csv_reader_options options = {.format = *format};
        assert_int_equal(fi_csv_reader_create(&options, &reader, &err), FIRN_OK);
        size_t at = 0;
        for (size_t r = 0; r <= ROWS;) {
            int rc = fi_csv_reader_next(reader, &record, &err);
            if (rc != FIRN_OK) {
                fail_msg("%s", err.text);
            }
            if (record.count == 0) {
                assert_true(at < out.size);
                size_t size = 1 + (size_t)test_random_below(&random, out.size - at);
                fi_csv_reader_feed(reader, firn_bytes(out.data + at, size));
                at += size;
                continue;
            }
            assert_int_equal(record.count, count);
            if (r == 0) {
                for (size_t c = 0; c < count; c++) {
                    assert_true(fi_slice_equal(record.fields[c].text, columns[c].name));
                }
            } else {
                rc = fi_csv_reader_values(&record, columns, &read, back, &err);
                if (rc != FIRN_OK) {
                    fail_msg("%s", err.text);
                }
                for (size_t c = 0; c < count; c++) {
                    assert_true(fixture_values_equal(rows[r - 1][from + c], back[c]));
                }
            }
            r++;
        }
        fi_csv_reader_destroy(reader);
    }
    for (size_t r = 0; r < ROWS; r++) {
        fi_buf_deinit(&memory[r]);
    }
    fi_buf_deinit(&out);
    fi_buf_deinit(&read);
}

/* ---- memory ---- */

static const struct fi_text_value_column two_columns[] = {
    {{(const uint8_t *)"a", 1}, {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}}},
    {{(const uint8_t *)"b", 1}, {FIRN_TYPE_BLOB, 0, 0, 0, {NULL, 0}}}};

/* Reads and writes with every kind of copy; the first failure. */
static int
read_and_write(struct fi_buf *out, firn_error *err)
{
    static const char *const pieces[] = {"\"a\"\"b", "\",\\x01\nc", ",", "\\x02\n\xc3\xa4,\\x03"};
    const struct fi_csv_reader_options options = {.format.null_text = firn_str("null")};
    struct fi_csv_reader *reader = NULL;
    struct fi_csv_record record;
    struct fi_buf memory = {0};
    firn_value values[2];
    int rc = fi_csv_reader_create(&options, &reader, err);
    if (rc == FIRN_OK) {
        rc = fi_csv_writer_header(&options.format, two_columns, 2, out, err);
    }
    for (size_t i = 0; i <= sizeof pieces / sizeof pieces[0] && rc == FIRN_OK; i++) {
        if (i < sizeof pieces / sizeof pieces[0]) {
            fi_csv_reader_feed(reader, firn_str(pieces[i]));
        } else {
            fi_csv_reader_finish(reader);
        }
        for (;;) {
            rc = fi_csv_reader_next(reader, &record, err);
            if (rc != FIRN_OK) {
                firn_error again;
                assert_int_equal(fi_csv_reader_next(reader, &record, &again), rc);
                break;
            }
            if (record.count == 0) {
                break;
            }
            rc = fi_csv_reader_values(&record, two_columns, &memory, values, err);
            if (rc == FIRN_OK) {
                size_t size = out->size;
                rc = fi_csv_writer_row(&options.format, two_columns, values, 2, out, err);
                assert_true(rc == FIRN_OK || out->size == size);
            }
            if (rc != FIRN_OK) {
                break;
            }
        }
    }
    fi_csv_reader_destroy(reader);
    fi_buf_deinit(&memory);
    return rc;
}

static void
failed_allocations_are_told(void **state)
{
    test_alloc_install();
    uint64_t calls = 0;
    for (uint64_t n = 1; n <= calls || n == 1; n++) {
        struct fi_buf out = {0};
        firn_error err = {0};
        if (n == 1) {
            test_alloc_fail_at(0, false);
            assert_int_equal(read_and_write(&out, &err), FIRN_OK);
            assert_true(fi_slice_equal(
                fi_buf_slice(&out), firn_str("a,b\n\"a\"\"b\",\\x01\nc,\\x02\n\xc3\xa4,\\x03\n")));
            calls = test_alloc_calls();
            fi_buf_deinit(&out);
        }
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
        cmocka_unit_test(the_examples_of_the_rfc_are_read),
        cmocka_unit_test(lines_end_with_lf_cr_or_both),
        cmocka_unit_test(empty_lines_count_only_where_records_have_one_field),
        cmocka_unit_test(nulls_are_unquoted),
        cmocka_unit_test(quotes_are_special_only_where_a_field_begins),
        cmocka_unit_test(delimiter_and_quote_can_be_others),
        cmocka_unit_test(a_byte_order_mark_is_left_out),
        cmocka_unit_test(errors_say_the_line_and_reading_goes_on),
        cmocka_unit_test(records_and_fields_have_limits),
        cmocka_unit_test(options_that_mean_nothing_are_refused),
        cmocka_unit_test(text_is_checked_in_every_place),
        cmocka_unit_test(the_kernel_finds_what_its_twin_finds),
        cmocka_unit_test(random_texts_are_read_alike_in_all_pieces),
        cmocka_unit_test(one_byte_at_a_time_is_not_slow),
        cmocka_unit_test(fields_become_values_of_their_columns),
        cmocka_unit_test(quotes_are_written_only_where_they_are_needed),
        cmocka_unit_test(headers_are_written_like_fields),
        cmocka_unit_test(random_rows_are_read_as_they_were_written),
        cmocka_unit_test(failed_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
