/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/test_cli_text.c: how numbers, sizes, times and foreign bytes look; reading numbers.
 */
#include <locale.h>
#include <time.h>
#include <wchar.h>

#include "command/command.h"
#include "support/test.h"
#include "support/test_random.h"
#include "term/term.h"

static char escaped[8192];
static size_t escaped_size;

static void
collect(const void *data, size_t size)
{
    assert_true(escaped_size + size < sizeof escaped);
    memcpy(escaped + escaped_size, data, size);
    escaped_size += size;
    escaped[escaped_size] = '\0';
}

static const char *
escape(const void *data, size_t size)
{
    escaped_size = 0;
    escaped[0] = '\0';
    fi_term_text_escape(firn_bytes(data, size), collect);
    return escaped;
}

/* As the writer of JSON sees it, which adds the bytes in hexadecimal to what is not. */
static bool
is_utf8(firn_slice bytes)
{
    struct fi_term_writer writer = {.put = NULL};
    fi_term_writer_bytes(&writer, "k", bytes);
    bool has_hex = memmem(writer.data, writer.size, "\"k_hex\":", 8) != NULL;
    fi_term_writer_deinit(&writer);
    return !has_hex;
}

#define ESCAPE(literal) escape(literal, sizeof(literal) - 1)

static void
printable_text_stays_as_it_is(void **state)
{
    assert_string_equal(ESCAPE(""), "");
    assert_string_equal(ESCAPE("a b-rf * \"'"), "a b-rf * \"'");
    assert_string_equal(ESCAPE("\xC3\xA9 e\xCC\x81 \xF0\x9F\x98\x80 \xD7\x90"),
                        "\xC3\xA9 e\xCC\x81 \xF0\x9F\x98\x80 \xD7\x90");
}

static const char *
cut(const char *text, size_t columns)
{
    escaped_size = 0;
    escaped[0] = '\0';
    fi_term_width_cut(firn_str(text), columns, collect);
    return escaped;
}

static void
a_text_is_cut_after_whole_characters_of_its_first_line(void **state)
{
    assert_string_equal(cut("", 4), "");
    assert_string_equal(cut("four", 4), "four");
    assert_string_equal(cut("fives", 4), "fiv\xE2\x80\xA6");
    assert_string_equal(cut("a\nb", 4), "a\xE2\x80\xA6");
    assert_string_equal(cut("line\n", 4), "line");
    assert_string_equal(cut("line\n\n", 4), "lin\xE2\x80\xA6");
    assert_int_equal(setenv("LC_ALL", "C", 1), 0);
    assert_string_equal(cut("fives", 4), "f...");
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    assert_string_equal(cut("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 4),
                        "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9");
    assert_string_equal(cut("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", 4),
                        "\xC3\xA9\xC3\xA9\xC3\xA9\xE2\x80\xA6");
    assert_string_equal(cut("ab\033cd", 7), "ab\\033\xE2\x80\xA6"); /* escapes stay whole */
    assert_string_equal(cut("ab\033cd", 6), "ab\xE2\x80\xA6");
    assert_string_equal(cut("\xE2\x80", 8), "\\342\\200"); /* broken at the end */
    assert_string_equal(cut("abc", 0), "\xE2\x80\xA6");
}

static void
control_characters_and_broken_utf8_are_escaped(void **state)
{
    assert_string_equal(ESCAPE("\a\b\t\n\v\f\r"), "\\a\\b\\t\\n\\v\\f\\r");
    assert_string_equal(ESCAPE("\0\x1B\x7F"), "\\000\\033\\177");
    assert_string_equal(ESCAPE("a\\b"), "a\\\\b");
    assert_string_equal(ESCAPE("\xFF\xC3("), "\\377\\303(");
    assert_string_equal(ESCAPE("\xC2\x9B"), "\\302\\233");          /* C1 */
    assert_string_equal(ESCAPE("\xE2\x80\xAE"), "\\342\\200\\256"); /* right-to-left override */
    assert_string_equal(ESCAPE("\xC0\xAF"), "\\300\\257");          /* overlong */
    assert_string_equal(ESCAPE("\xED\xA0\x80"), "\\355\\240\\200"); /* surrogate */
    assert_string_equal(ESCAPE("\xF4\x90\x80\x80"), "\\364\\220\\200\\200");
    assert_string_equal(ESCAPE("\xE2\x82"), "\\342\\202"); /* cut short */
}

/* Turns what fi_term_text_escape gave back into bytes. */
static size_t
unescape(const char *text, uint8_t *out)
{
    static const char letters[] = "abtnvfr";
    size_t size = 0;
    while (*text != '\0') {
        const char *letter = NULL;
        if (*text != '\\') {
            out[size++] = (uint8_t)*text++;
        } else if (text[1] == '\\') {
            out[size++] = '\\';
            text += 2;
        } else if ((letter = strchr(letters, text[1])) != NULL) {
            out[size++] = (uint8_t)(7 + (letter - letters));
            text += 2;
        } else {
            unsigned value = 0;
            assert_int_equal(sscanf(text + 1, "%3o", &value), 1);
            out[size++] = (uint8_t)value;
            text += 4;
        }
    }
    return size;
}

static void
escaping_can_be_undone_and_hides_nothing(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 1);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        uint8_t back[40];
        size_t size = test_random_below(&random, sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            /* More often than by chance: what begins or continues a sequence, and backslashes. */
            static const uint8_t likely[] = {'\\', '\n', '0', 0xC2, 0x80, 0x9F, 0xE2, 0xAE};
            bytes[i] = test_random_below(&random, 2) == 0
                           ? likely[test_random_below(&random, sizeof likely)]
                           : (uint8_t)test_random_below(&random, 256);
        }
        const char *text = escape(bytes, size);
        assert_true(is_utf8(firn_str(text)));
        for (const char *at = text; *at != '\0'; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
        }
        assert_int_equal(unescape(text, back), size);
        assert_memory_equal(back, bytes, size);
    }
}

static bool
is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '\\' && byte != '"';
}

/* At every place, as what is looked at many bytes at a time must not depend on it. */
static void
what_is_plain_or_text_is_told_at_every_place(void **state)
{
    enum { SIZE = 27 };
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < SIZE; at++) {
            for (size_t before = 0x20; before < 0x7F; before += 0x5E) {
                uint8_t bytes[SIZE];
                memset(bytes, (int)before, SIZE);
                bytes[at] = (uint8_t)byte;
                assert_int_equal(fi_term_text_plain(firn_bytes(bytes, SIZE)),
                                 is_plain((uint8_t)byte) ? SIZE : at);
                assert_int_equal(is_utf8(firn_bytes(bytes, SIZE)), byte < 0x80);
                bytes[at] = 'a';
                if (at + 1 < SIZE) {
                    bytes[at] = 0xC3;
                    bytes[at + 1] = (uint8_t)byte;
                    assert_int_equal(is_utf8(firn_bytes(bytes, SIZE)), (byte & 0xC0) == 0x80);
                    assert_int_equal(fi_term_text_plain(firn_bytes(bytes, SIZE)), at);
                }
            }
        }
    }
}

static void
numbers_have_commas(void **state)
{
    char out[FI_TERM_TEXT_NUMBER_SIZE];
    assert_string_equal(fi_term_text_number(0, out), "0");
    assert_string_equal(fi_term_text_number(999, out), "999");
    assert_string_equal(fi_term_text_number(1000, out), "1,000");
    assert_string_equal(fi_term_text_number(78635, out), "78,635");
    assert_string_equal(fi_term_text_number(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void
sizes_keep_three_places_at_most_and_never_show_1000(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "1 KB"},
        {1499, "1 KB"},
        {1500, "2 KB"},
        {13999, "14 KB"},
        {999499, "999 KB"},
        {999500, "1.0 MB"},
        {26149999, "26.1 MB"},
        {999949999, "999.9 MB"},
        {999950000, "1.00 GB"},
        {1301234567, "1.30 GB"},
        {999994999999, "999.99 GB"},
        {999995000000, "1.00 TB"},
        {UINT64_MAX, "18.45 EB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[FI_TERM_TEXT_SIZE_SIZE];
        assert_string_equal(fi_term_text_size(cases[i].bytes, out), cases[i].text);
    }
}

static void
times_are_local_back_to_before_the_epoch(void **state)
{
    char out[FI_TERM_TEXT_TIME_SIZE];
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    assert_string_equal(fi_term_text_time(0, out), "1970-01-01 00:00:00");
    assert_string_equal(fi_term_text_rfc3339(978307200123456789, out),
                        "2001-01-01T00:00:00.123456789Z");
    assert_string_equal(fi_term_text_rfc3339(-1, out), "1969-12-31T23:59:59.999999999Z");
    assert_string_equal(fi_term_text_rfc3339(INT64_MIN, out), "1677-09-21T00:12:43.145224192Z");
    assert_string_equal(fi_term_text_rfc3339(INT64_MAX, out), "2262-04-11T23:47:16.854775807Z");
    assert_string_equal(fi_term_text_zone(0, out), "+00:00");
    static const struct {
        const char *zone;
        const char *local;
        const char *exact;
    } local[] = {{"EST5", "2001-01-15 21:00:00", "2001-01-15T21:00:00.000000001-05:00"},
                 {"CET-1CEST,M3.5.0,M10.5.0/3", "2001-01-16 03:00:00",
                  "2001-01-16T03:00:00.000000001+01:00"},
                 {"AAA-5:45", "2001-01-16 07:45:00", "2001-01-16T07:45:00.000000001+05:45"},
                 {"YYY3:30", "2001-01-15 22:30:00", "2001-01-15T22:30:00.000000001-03:30"},
                 {"no such zone", "2001-01-16 02:00:00", "2001-01-16T02:00:00.000000001Z"}};
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        assert_int_equal(setenv("TZ", local[i].zone, 1), 0);
        tzset();
        assert_string_equal(fi_term_text_time(979610400000000001, out), local[i].local);
        assert_string_equal(fi_term_text_rfc3339(979610400000000001, out), local[i].exact);
    }
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
}

static void
only_plain_decimal_numbers_within_bounds_are_read(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      " 1",
                                      "0x1",
                                      "1e3",
                                      "1.0",
                                      "abc",
                                      "256",
                                      "999",
                                      "18446744073709551616"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(fi_command_number(bad[i], 255, &value));
        assert_int_equal(value, 7);
    }
    assert_true(fi_command_number("255", 255, &value));
    assert_int_equal(value, 255);
    assert_true(fi_command_number("000", 255, &value));
    assert_int_equal(value, 0);
    assert_true(fi_command_number("18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(fi_command_number("18446744073709551616", UINT64_MAX, &value));
    assert_false(fi_command_number("99999999999999999999", UINT64_MAX, &value));
}

/* ---- how wide texts are ---- */

static size_t
width(const char *text)
{
    return fi_term_width_of(firn_str(text));
}

static void
a_text_takes_columns(void **state)
{
    assert_int_equal(width(""), 0);
    assert_int_equal(width("plain"), 5);
    assert_int_equal(width("\xC3\xA9\xC3\x9F"), 2);
    assert_int_equal(width("e\xCC\x81"), 1);                            /* a combining accent */
    assert_int_equal(width("\xE6\xBC\xA2\xE5\xAD\x97"), 4);             /* ideographs */
    assert_int_equal(width("\xED\x95\x9C\xEA\xB8\x80"), 4);             /* Hangul */
    assert_int_equal(width("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), 2); /* of parts */
    assert_int_equal(width("\xF0\x9F\x98\x80"), 2);
    assert_int_equal(width("\xE2\x9D\xA4\xEF\xB8\x8F"), 1); /* a heart, and how to draw it */
    assert_int_equal(width("\xEF\xBC\xA1"), 2);             /* a full-width letter */
    assert_int_equal(width("\xE2\x80\x8B"), 0);             /* a space of no width */
    assert_int_equal(width("\xC2\xAD"), 1);
    assert_int_equal(width("\xF0\xA0\x80\x80"), 2); /* the first ideograph of plane 2 */
    assert_int_equal(width("\xFF\xC3"), 2);         /* no UTF-8 */
}

/* Beside the C library's table, which is of another version of Unicode: nearly all points agree. */
static void
widths_are_those_of_the_c_library(void **state)
{
    unsigned compared = 0;
    unsigned others = 0;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        skip();
    }
    for (uint32_t point = 0xA0; point < 0x110000; point++) {
        int wanted = point >= 0xD800 && point < 0xE000 ? -1 : wcwidth((wchar_t)point);
        char text[5] = "";
        mbstate_t shift = {0};
        if (wanted >= 0 && wcrtomb(text, (wchar_t)point, &shift) != (size_t)-1) {
            compared++;
            others += width(text) != (size_t)wanted;
        }
    }
    assert_true(compared > 100000);
    print_message("count: %u widths compared, %u others\n", compared, others);
    assert_true(others < compared / 200);
}

static void
a_text_is_cut_by_its_columns(void **state)
{
    const char *text = "\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2"; /* six columns */
    escaped_size = 0;
    fi_term_width_cut(firn_str(text), 6, collect);
    assert_string_equal(escaped, text);
    escaped_size = 0;
    fi_term_width_cut(firn_str(text), 5, collect);
    assert_string_equal(escaped, "\xE6\xBC\xA2\xE5\xAD\x97\xE2\x80\xA6");
    escaped_size = 0;
    fi_term_width_cut(firn_str(text), 4, collect);
    assert_string_equal(escaped, "\xE6\xBC\xA2\xE2\x80\xA6");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_takes_columns),
        cmocka_unit_test(widths_are_those_of_the_c_library),
        cmocka_unit_test(a_text_is_cut_by_its_columns),
        cmocka_unit_test(printable_text_stays_as_it_is),
        cmocka_unit_test(a_text_is_cut_after_whole_characters_of_its_first_line),
        cmocka_unit_test(control_characters_and_broken_utf8_are_escaped),
        cmocka_unit_test(escaping_can_be_undone_and_hides_nothing),
        cmocka_unit_test(what_is_plain_or_text_is_told_at_every_place),
        cmocka_unit_test(numbers_have_commas),
        cmocka_unit_test(sizes_keep_three_places_at_most_and_never_show_1000),
        cmocka_unit_test(times_are_local_back_to_before_the_epoch),
        cmocka_unit_test(only_plain_decimal_numbers_within_bounds_are_read),
    };
    (void)setenv("LC_ALL", "C.UTF-8", 1); /* what a text is cut with depends on it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
