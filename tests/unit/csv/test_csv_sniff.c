/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of a CSV text is found out from a sample; lines before it are skipped; dates are read by a pattern.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "codec/calendar.h"
#include "csv/csv_sniff.h"
#include "support/test.h"
#include "text/text_pattern.h"
#include "text/text_time.h"

/* What is found, as "; " h2": delimiter, quote, h if there is a header, lines that are skipped. */
static void
assert_form(const char *text, bool is_whole, const char *expected)
{
    struct fi_csv_sniff sniff = {.sample = firn_str(text),
                                 .is_whole = is_whole,
                                 .wants_delimiter = true,
                                 .wants_quote = true,
                                 .wants_header = true,
                                 .wants_skip = true};
    char found[64];
    firn_error err;
    assert_int_equal(fi_csv_sniff(&sniff, &err), FIRN_OK);
    (void)snprintf(found, sizeof found, "%c%c%s%llu", fi_csv_format_delimiter(&sniff.format),
                   fi_csv_format_quote(&sniff.format), sniff.no_header ? "-" : "h",
                   (unsigned long long)sniff.skip);
    assert_string_equal(found, expected);
}

static void
delimiters_are_found(void **state)
{
    assert_form("a,b\n1,2\n", true, ",\"h0");
    assert_form("a;b\n1,5;2,5\n", true, ";\"h0");
    assert_form("a\tb\n1,2\tx;y\n", true, "\t\"h0");
    assert_form("a|b\n1|x,y\n2|z\n", true, "|\"h0");
    assert_form("1;2\n3;4\n", true, ";\"-0");
    assert_form("\xef\xbb\xbf"
                "a;b\n1;2\n",
                true, ";\"h0");
    assert_form("sep=|\na|b;c;d\n1|2;3;4\n", true, "|\"h1");
    assert_form("sep=;\r\na;b\r\n1;2\r\n", true, ";\"h1");
    assert_form("\"sep=;\"\r\na;b\r\n1;2\r\n", true, ";\"h1");
    assert_form("\"sep=;\na;b\n1;2\n", true, ",\"h0"); /* in a quote that is never closed */
    assert_form("\"sep=;x\"\na,b\n1;2\n", true, ",\"h0");
    /* The quoted parts do not count. */
    assert_form("a;b\n\"x,y,z\";1\n\"x,y,z\";2\n", true, ";\"h0");
    assert_form("a,b\n\"x\n;;;\",1\n", true, ",\"h0");
}

static void
what_is_plain_stays_plain(void **state)
{
    assert_form("", true, ",\"h0");
    assert_form("name\n", true, ",\"h0");
    assert_form("text\nno, it is one column;\nof words | and such\n", true, ",\"h0");
    /* One wrong record in ten is not enough for another delimiter, as it is none for this one. */
    assert_form("a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1,2\n1;2;3\n1,2\n", true, ",\"h0");
    assert_form("a;b,c\n1;2,3\n1;2,3;4\n", true, ",\"h0");
}

static void
quotes_are_found(void **state)
{
    assert_form("a,b\n1,'x,y'\n2,'it''s'\n", true, ",'h0");
    assert_form("'x,y',1\n'z,z',2\n", true, ",'-0");
    assert_form("say,n\n'tis,1\nit's,2\n'nother,3\n", true, ",\"h0");
    assert_form("\"x,y\",1\n\"z,'\",2\n", true, ",\"-0");
}

/* The import has to name the line with the quote, so the form is that of the records before it. */
static void
a_quote_that_is_never_closed_hides_nothing(void **state)
{
    assert_form("a;b\n1;2\n3;\"x\n4;5\n", true, ";\"h0");
    assert_form("a,b\n1,\"2\n3,4\n5,6\n", true, ",\"h0");
    assert_form("a,b\n1,\"2\n3,4\n5,6\n", false, ",\"h0");
    assert_form("a;\"b\n1;2\n", true, ";\"h0");
    assert_form("\"a;b\n1;2\n", true, ",\"h0");
    assert_form("a,b\n1,\"x\" y\n2,\"z\" w\n", true, ",\"h0");
    assert_form("a,b\n'1','x'\n2,\"z\n", true, ",'h0");
}

static void
a_sample_may_end_anywhere(void **state)
{
    static const char text[] = "a;b;c\n1;\"x;\ny\";3\n4;z;6\n7;8;9\n";
    for (size_t size = strlen("a;b;c\n"); size < sizeof text - 1; size++) {
        char part[sizeof text];
        memcpy(part, text, size);
        part[size] = '\0';
        assert_form(part, false, ";\"h0");
    }
}

static void
what_is_given_is_kept(void **state)
{
    struct fi_csv_sniff sniff = {.sample = firn_str("title;\nx;y,z\n1;2,3\n"),
                                 .is_whole = true,
                                 .wants_quote = true,
                                 .wants_header = true,
                                 .skip = 1};
    firn_error err;
    sniff.format.delimiter = ',';
    assert_int_equal(fi_csv_sniff(&sniff, &err), FIRN_OK);
    assert_int_equal(sniff.format.delimiter, ',');
    assert_int_equal(sniff.skip, 1);
    sniff.format.delimiter = '\n';
    assert_int_equal(fi_csv_sniff(&sniff, &err), FIRN_INVALID);
    /* A candidate that the text for null rules out is none. */
    sniff.format = (struct fi_csv_format){.null_text = firn_str("a,b")};
    sniff.wants_delimiter = true;
    assert_int_equal(fi_csv_sniff(&sniff, &err), FIRN_INVALID);
    sniff.format = (struct fi_csv_format){.null_text = firn_str("a;b")};
    assert_int_equal(fi_csv_sniff(&sniff, &err), FIRN_OK);
    assert_int_equal(fi_csv_format_delimiter(&sniff.format), ',');
}

/* A line "sep=" may name a character that the given properties have already. */
static void
a_named_delimiter_that_does_not_fit_is_an_error(void **state)
{
    struct fi_csv_sniff sniffs[] = {
        {.format = {.null_text = firn_str("x;y")}, .wants_quote = true},
        {.format = {.quote = ';'}},
    };
    for (size_t i = 0; i < sizeof sniffs / sizeof sniffs[0]; i++) {
        firn_error err;
        sniffs[i].sample = firn_str("sep=;\na;b\n1;2\n");
        sniffs[i].is_whole = sniffs[i].wants_delimiter = sniffs[i].wants_skip = true;
        assert_int_equal(fi_csv_sniff(&sniffs[i], &err), FIRN_INVALID);
    }
}

static void
lines_are_skipped_in_pieces_of_any_size(void **state)
{
    static const char text[] = "1\n2\r3\r\n\r\n\n6\r";
    static const char *const rests[] = {text,     text + 2,  text + 4,  text + 7,
                                        text + 9, text + 10, text + 12, text + 12};
    for (size_t piece = 1; piece < sizeof text; piece++) {
        for (uint64_t lines = 0; lines < 8; lines++) {
            struct fi_csv_sniff_skip skip = {.left = lines};
            char rest[sizeof text] = {0};
            size_t size = 0;
            for (size_t at = 0; at < sizeof text - 1; at += piece) {
                size_t left = sizeof text - 1 - at;
                firn_slice part = fi_csv_sniff_skip_lines(
                    &skip, firn_bytes((const uint8_t *)text + at, left < piece ? left : piece));
                memcpy(rest + size, part.data, part.size);
                size += part.size;
            }
            assert_string_equal(rest, rests[lines]);
        }
    }
}

static void
assert_time(const char *pattern, const char *text, const char *expected)
{
    int64_t us;
    char iso[FI_CALENDAR_TEXT_SIZE_MAX + 1];
    assert_null(fi_text_pattern_defect(firn_str(pattern)));
    const char *defect = fi_text_pattern_read(firn_str(pattern), firn_str(text), &us);
    if (expected == NULL) {
        assert_non_null(defect);
        return;
    }
    assert_null(defect);
    iso[fi_calendar_write_timestamp(us, iso)] = '\0';
    assert_string_equal(iso, expected);
}

static void
times_are_read_by_a_pattern(void **state)
{
    int64_t days;
    assert_time("%d.%m.%Y %H:%M", "1.2.2024 5:06", "2024-02-01 05:06:00");
    assert_time("%m/%d/%y %I:%M %p", "12/31/99 12:05 AM", "1999-12-31 00:05:00");
    assert_time("%m/%d/%y %I:%M%p", "12/31/05 1:05pm", "2005-12-31 13:05:00");
    assert_time("%d %b %Y", "3  mar 2024", "2024-03-03 00:00:00");
    assert_time("%b %d, %Y", "September 9, 2024", "2024-09-09 00:00:00");
    assert_time("%Y%m%dT%H%M%S.%f%z", "20240229T235959.25+0130", "2024-02-29 22:29:59.25");
    assert_time("%Y-%m-%d %H:%M:%S%z", "2024-01-01 00:00:00Z", "2024-01-01 00:00:00");
    assert_time("%Y-%m-%d %z", "2024-01-01 -02", "2024-01-01 02:00:00");
    assert_time("%Y %m %d %%", "2024 1 1 %", "2024-01-01 00:00:00");
    assert_time("%d.%m.%Y", "30.02.2024", NULL);
    assert_time("%d.%m.%Y", "1.2.24", NULL);
    assert_time("%d.%m.%Y", "1.2.2024x", NULL);
    assert_time("%d.%m.%Y", "", NULL);
    assert_time("%d.%m.%Y %I%p", "1.2.2024 13pm", NULL);
    assert_time("%d.%m.%Y %z", "1.2.2024 +2", NULL);
    assert_null(fi_text_pattern_read_date(firn_str("%d.%m.%Y"), firn_str("2.1.1970"), &days));
    assert_int_equal(days, 1);
    assert_non_null(
        fi_text_pattern_read_date(firn_str("%d.%m.%Y %H"), firn_str("2.1.1970 1"), &days));
    static const char *const defects[] = {
        "", "%Y", "%Y-%m", "%Y-%m-%d %", "%Y-%m-%d %q", "%Y-%m-%d %I", "%Y-%m-%d %H %p"};
    for (size_t i = 0; i < sizeof defects / sizeof defects[0]; i++) {
        assert_non_null(fi_text_pattern_defect(firn_str(defects[i])));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delimiters_are_found),
        cmocka_unit_test(what_is_plain_stays_plain),
        cmocka_unit_test(quotes_are_found),
        cmocka_unit_test(a_quote_that_is_never_closed_hides_nothing),
        cmocka_unit_test(a_sample_may_end_anywhere),
        cmocka_unit_test(what_is_given_is_kept),
        cmocka_unit_test(a_named_delimiter_that_does_not_fit_is_an_error),
        cmocka_unit_test(lines_are_skipped_in_pieces_of_any_size),
        cmocka_unit_test(times_are_read_by_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
