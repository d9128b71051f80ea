/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: rows of keys and values: what is printed can be read again, and whatever else comes is an
 * error.
 */
#include <unistd.h>

#include "data/data.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"
#include "term/term.h"

enum { ROWS = 40, SIZE_MAX_OF_FIELD = 300 };

static struct fi_cli cli;
static char folder[TEST_TEMP_SIZE];
static char path[TEST_TEMP_SIZE + 8];
static FILE *file;

static int
set_up(void **state)
{
    test_temp_make(folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/rows", folder);
    file = fopen(path, "w");
    return file == NULL;
}

static int
tear_down(void **state)
{
    return unlink(path) != 0 || rmdir(folder) != 0;
}

static void
put(const void *data, size_t size)
{
    assert_int_equal(fwrite(data, 1, size, file), size);
}

static void
put_field(firn_slice bytes, enum fi_data_rows_form form)
{
    if (form == FI_DATA_ROWS_TEXT) {
        fi_term_text_escape(bytes, put);
    } else if (form == FI_DATA_ROWS_HEX) {
        for (size_t i = 0; i < bytes.size; i++) {
            assert_int_equal(fprintf(file, i % 2 == 0 ? "%02x" : "%02X", bytes.data[i]), 2);
        }
    } else {
        put(bytes.data, bytes.size);
    }
}

static void
put_size(size_t size)
{
    const uint8_t bytes[] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                             (uint8_t)(size >> 24)};
    put(bytes, sizeof bytes);
}

/* Whether all of it is UTF-8. */
static bool
is_text(firn_slice bytes)
{
    uint32_t point;
    size_t size = 1;
    for (size_t at = 0; at < bytes.size && size > 0; at += size) {
        size = fi_term_text_decode(firn_bytes(bytes.data + at, bytes.size - at), &point);
    }
    return size > 0;
}

/* As firn prints it, or as others may: every byte of a string as an escape, digits where there need
 * not be any. */
static void
put_json(firn_slice key, firn_slice value)
{
    static unsigned rounds;
    const firn_slice fields[] = {key, value};
    static const char *const names[] = {"key", "value"};
    unsigned round = rounds++;
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = (i + round) % 2;
        firn_slice bytes = fields[which];
        bool is_utf8 = is_text(bytes) && round % 3 != 0;
        assert_true(fprintf(file, "%s\"%s%s\"%s\"", i == 0 ? "{ " : "\t,", names[which],
                            is_utf8 ? "" : "_hex", round % 5 == 0 ? " : " : ":") > 0);
        for (size_t at = 0; at < bytes.size; at++) {
            uint8_t byte = bytes.data[at];
            bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\' && byte != '/';
            if (!is_utf8) {
                assert_int_equal(fprintf(file, "%02x", byte), 2);
            } else if (is_plain || byte >= 0x80) {
                put(&byte, 1);
            } else {
                assert_int_equal(fprintf(file, "\\u%04X", byte), 6);
            }
        }
        put("\"", 1);
    }
    put(round % 4 == 0 ? " }\r\n" : "}\n", round % 4 == 0 ? 4 : 2);
}

static void
put_row(firn_slice key, firn_slice value, enum fi_data_rows_form form, bool is_last)
{
    if (form == FI_DATA_ROWS_JSON) {
        put_json(key, value);
        return;
    }
    if (form == FI_DATA_ROWS_BINARY) {
        put_size(key.size);
        put_size(value.size);
    }
    put_field(key, form);
    if (form != FI_DATA_ROWS_BINARY) {
        put("\t", 1);
    }
    put_field(value, form);
    /* The last line need not end. */
    if (form != FI_DATA_ROWS_BINARY && !is_last) {
        put("\n", 1);
    }
}

/* Letters, or anything. */
static firn_slice
random_bytes(struct test_random *random, uint8_t *out)
{
    size_t size = test_random_below(random, SIZE_MAX_OF_FIELD);
    test_random_fill(random, out, size);
    for (size_t i = 0; size % 2 == 0 && i < size; i++) {
        out[i] = (uint8_t)("\\\t\na1"[out[i] % 5]);
    }
    return firn_bytes(out, size);
}

static void
expect_equal(const struct fi_data_bytes *found, firn_slice expected)
{
    assert_int_equal(found->size, expected.size);
    if (expected.size > 0) {
        assert_memory_equal(found->data, expected.data, expected.size);
    }
}

static void
round_trip(enum fi_data_rows_form form, uint64_t seed)
{
    static uint8_t keys[ROWS][SIZE_MAX_OF_FIELD];
    static uint8_t values[ROWS][SIZE_MAX_OF_FIELD];
    firn_slice key[ROWS];
    firn_slice value[ROWS];
    struct test_random random;
    struct fi_data_rows rows;
    bool is_end;
    test_random_init(&random, "cli_rows", seed);
    for (size_t i = 0; i < ROWS; i++) {
        key[i] = random_bytes(&random, keys[i]);
        value[i] = random_bytes(&random, values[i]);
        put_row(key[i], value[i], form, i + 1 == ROWS);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fi_data_rows_open(&cli, path, form, &rows), FI_EXIT_OK);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(fi_data_rows_next(&rows, &is_end), FI_EXIT_OK);
        assert_false(is_end);
        assert_int_equal(rows.number, i + 1);
        expect_equal(&rows.key, key[i]);
        expect_equal(&rows.value, value[i]);
    }
    assert_int_equal(fi_data_rows_next(&rows, &is_end), FI_EXIT_OK);
    assert_true(is_end);
    fi_data_rows_close(&rows);
}

static void
text_is_read_as_it_was_printed(void **state)
{
    round_trip(FI_DATA_ROWS_TEXT, 61);
}

static void
digits_are_read_as_they_were_printed(void **state)
{
    round_trip(FI_DATA_ROWS_HEX, 62);
}

static void
binary_rows_are_read_as_they_were_written(void **state)
{
    round_trip(FI_DATA_ROWS_BINARY, 63);
}

static void
json_rows_are_read_as_they_were_written(void **state)
{
    round_trip(FI_DATA_ROWS_JSON, 65);
}

/* Reads one line; returns the exit code. */
static int
read_line(const char *line, struct fi_data_rows *rows)
{
    bool is_end;
    assert_non_null(file = freopen(path, "w", file));
    put(line, strlen(line));
    assert_int_equal(fflush(file), 0);
    assert_int_equal(fi_data_rows_open(&cli, path, FI_DATA_ROWS_JSON, rows), FI_EXIT_OK);
    return fi_data_rows_next(rows, &is_end);
}

static void
json_rows_mean_what_json_means(void **state)
{
    struct fi_data_rows rows;
    static const struct {
        const char *line;
        const char *value; /* NULL: it is refused */
    } lines[] = {
        {"{\"key\":\"k\",\"value\":\"\"}", ""},
        {" \t{ \"value\" : \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\" , \"key\":\"k\" } \n",
         "a\"\\/\b\f\n\r\t"},
        {"{\"key\":\"k\",\"value\":\"\\u00e4\\u20AC\\ud83d\\uDE00\\u007f\"}",
         "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f"},
        {"{\"key\":\"k\",\"value\":\"\xc3\xa4\"}", "\xc3\xa4"},
        {"{\"key\":\"k\",\"value\":\"?\",\"value_hex\":\"61ff\"}", "a\xff"},
        {"{\"key\":\"k\",\"value_hex\":\"61fF\",\"value\":\"what\"}", "a\xff"},
        {"{\"key_hex\":\"6b\",\"value_hex\":\"\"}", ""},
        {"{}", NULL},
        {"[]", NULL},
        {"{\"key\":\"k\"}", NULL},
        {"{\"value\":\"v\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\"", NULL},
        {"{\"key\":\"k\",\"value\":\"v\"},", NULL},
        {"{\"key\":\"k\",\"value\":\"v\"}x", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"value\":\"v\"}", NULL},
        {"{\"key\":\"k\",\"value_hex\":\"61\",\"value_hex\":\"61\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"more\":\"x\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"a very long name indeed\":\"x\"}", NULL},
        {"{\"key\":\"k\",\"expires_ms\": 77 , \"value\":\"v\"}", "v"},
        {"{\"expires_ms\":18446744073709551615,\"key\":\"k\",\"value\":\"v\"}", "v"},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":0}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":\"7\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":7.5}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":-7}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":18446744073709551616}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":7,\"expires_ms\":7}", NULL},
        {"{\"key\":\"k\",\"value\":\"v\",\"expires_ms\":7", NULL},
        {"{\"key\":\"k\",\"value\":1815}", NULL},
        {"{\"key\":\"k\",\"value\":null}", NULL},
        {"{\"key\" \"k\",\"value\":\"v\"}", NULL},
        {"{key:\"k\",\"value\":\"v\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"a\nb\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"v", NULL},
        {"{\"key\":\"k\",\"value\":\"\\x\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"\\u12g4\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"\\ud83d\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"\\ud83d\\u0041\"}", NULL},
        {"{\"key\":\"k\",\"value\":\"\\ude00\"}", NULL},
        {"{\"key\":\"k\",\"value_hex\":\"6\"}", NULL},
        {"{\"key\":\"k\",\"value_hex\":\"6x\"}", NULL},
    };
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int exit_code = read_line(lines[i].line, &rows);
        assert_int_equal(exit_code, lines[i].value != NULL ? FI_EXIT_OK : FI_EXIT_USAGE);
        if (lines[i].value != NULL) {
            expect_equal(&rows.key, firn_str("k"));
            expect_equal(&rows.value, firn_str(lines[i].value));
            bool expires = strstr(lines[i].line, "expires") != NULL;
            assert_true(expires == (rows.expires_ms == 77 || rows.expires_ms == UINT64_MAX));
        }
        fi_data_rows_close(&rows);
    }
    /* Text may be too long where it is only there to be read by people. */
    for (size_t size_max = 2; size_max <= 4; size_max++) {
        static const char *const both[] = {
            "{\"key\":\"k\",\"value\":\"\xef\xbf\xbd\",\"value_hex\":\"ff\"}",
            "{\"key\":\"k\",\"value_hex\":\"ff\",\"value\":\"\xef\xbf\xbd\"}",
            "{\"key\":\"k\",\"value\":\"\xef\xbf\xbd\"}"};
        for (size_t i = 0; i < 3; i++) {
            bool is_end;
            (void)read_line(both[i], &rows);
            fi_data_rows_close(&rows);
            assert_int_equal(fi_data_rows_open(&cli, path, FI_DATA_ROWS_JSON, &rows), FI_EXIT_OK);
            rows.value_size_max = size_max;
            assert_int_equal(fi_data_rows_next(&rows, &is_end),
                             i < 2 || size_max >= 3 ? FI_EXIT_OK : FI_EXIT_FAILED);
            fi_data_rows_close(&rows);
        }
    }
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(saved), 0);
    assert_int_equal(fclose(file), 0);
}

static void
large_rows_are_read_across_the_input(void **state)
{
    enum { SIZE = 200000 };
    struct fi_data_rows rows;
    bool is_end;
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    put_row(firn_str("key"), firn_bytes(bytes, SIZE), FI_DATA_ROWS_TEXT, false);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fi_data_rows_open(&cli, path, FI_DATA_ROWS_TEXT, &rows), FI_EXIT_OK);
    assert_int_equal(fi_data_rows_next(&rows, &is_end), FI_EXIT_OK);
    expect_equal(&rows.value, firn_bytes(bytes, SIZE));
    fi_data_rows_close(&rows);
    /* Limits are exact. */
    for (size_t less = 0; less < 2; less++) {
        assert_int_equal(fi_data_rows_open(&cli, path, FI_DATA_ROWS_TEXT, &rows), FI_EXIT_OK);
        rows.value_size_max = SIZE - less;
        assert_int_equal(fi_data_rows_next(&rows, &is_end),
                         less == 0 ? FI_EXIT_OK : FI_EXIT_FAILED);
        fi_data_rows_close(&rows);
        assert_int_equal(fi_data_rows_open(&cli, path, FI_DATA_ROWS_TEXT, &rows), FI_EXIT_OK);
        rows.key_size_max = 3 - less;
        assert_int_equal(fi_data_rows_next(&rows, &is_end),
                         less == 0 ? FI_EXIT_OK : FI_EXIT_FAILED);
        fi_data_rows_close(&rows);
    }
    free(bytes);
}

static void
anything_else_is_an_error_or_rows(void **state)
{
    static const char alphabet[] = "\\\\\t\t\n\nabt0137f\001\377{\"\":,}";
    struct test_random random;
    struct fi_data_rows rows;
    test_random_init(&random, "cli_rows_garbage", 64);
    /* Every mistake is reported. */
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    size_t wrong = 0;
    for (int round = 0; round < 3000; round++) {
        size_t size = test_random_below(&random, 40);
        assert_non_null(file = freopen(path, "w", file));
        for (size_t i = 0; i < size; i++) {
            assert_int_not_equal(
                fputc(alphabet[test_random_below(&random, sizeof alphabet - 1)], file), EOF);
        }
        assert_int_equal(fflush(file), 0);
        enum fi_data_rows_form form = (enum fi_data_rows_form)(round % 4);
        assert_int_equal(fi_data_rows_open(&cli, path, form, &rows), FI_EXIT_OK);
        bool is_end = false;
        int exit_code = FI_EXIT_OK;
        while (exit_code == FI_EXIT_OK && !is_end) {
            exit_code = fi_data_rows_next(&rows, &is_end);
            assert_true(rows.key.size + rows.value.size <= size);
        }
        assert_true(exit_code == FI_EXIT_OK || exit_code == FI_EXIT_USAGE ||
                    exit_code == FI_EXIT_FAILED);
        wrong += exit_code == FI_EXIT_OK ? 0 : 1;
        fi_data_rows_close(&rows);
    }
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_int_equal(close(saved), 0);
    assert_int_equal(fclose(file), 0);
    assert_in_range(wrong, 1000, 2995);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(text_is_read_as_it_was_printed),
        TEST(digits_are_read_as_they_were_printed),
        TEST(binary_rows_are_read_as_they_were_written),
        TEST(json_rows_are_read_as_they_were_written),
        TEST(json_rows_mean_what_json_means),
        TEST(large_rows_are_read_across_the_input),
        TEST(anything_else_is_an_error_or_rows),
    };
    return cmocka_run_group_tests_name("cli_rows", tests, NULL, NULL);
}
