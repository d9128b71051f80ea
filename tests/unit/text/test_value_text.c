/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/text: values of each type from text and to text.
 */
#include "base/slice.h"
#include "codec/calendar.h"
#include "exchange_fixture.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "text/text_time.h"
#include "text/text_value.h"

static const struct fi_text_value_type of_bool = {FIRN_TYPE_BOOL, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_i8 = {FIRN_TYPE_I8, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_i64 = {FIRN_TYPE_I64, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_u8 = {FIRN_TYPE_U8, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_u64 = {FIRN_TYPE_U64, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_f64 = {FIRN_TYPE_F64, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_decimal = {FIRN_TYPE_DECIMAL, 5, 2, 0, {NULL, 0}};
static const struct fi_text_value_type of_whole = {FIRN_TYPE_DECIMAL, 18, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_small = {FIRN_TYPE_DECIMAL, 18, 18, 0, {NULL, 0}};
static const struct fi_text_value_type of_date = {FIRN_TYPE_DATE, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_timestamp = {FIRN_TYPE_TIMESTAMP, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_text = {FIRN_TYPE_TEXT, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_blob = {FIRN_TYPE_BLOB, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_uuid = {FIRN_TYPE_UUID, 0, 0, 0, {NULL, 0}};
static const struct fi_text_value_type of_vector = {FIRN_TYPE_VECTOR, 0, 0, 3, {NULL, 0}};

/* Reads, and writes what was read; expected NULL: the text is refused. */
static void
assert_becomes(const struct fi_text_value_type *type, const char *text, const char *expected)
{
    struct fi_buf memory = {0};
    struct fi_buf written = {0};
    firn_value value;
    firn_error err = {0};
    int rc = fi_text_value_read(type, firn_str(text), &memory, &value, &err);
    if (expected == NULL) {
        assert_int_equal(rc, FIRN_INVALID);
        assert_int_equal(err.code, FIRN_INVALID);
        assert_non_null(strstr(err.text, "cannot read \""));
        assert_true(firn_is_null(value));
    } else {
        if (rc != FIRN_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(value.type, type->type);
        assert_int_equal(fi_text_value_append(type, value, &written), FIRN_OK);
        const char *shown = fi_buf_text(&written);
        assert_non_null(shown);
        assert_string_equal(shown, expected);
    }
    fi_buf_deinit(&memory);
    fi_buf_deinit(&written);
}

static void
assert_refused(const struct fi_text_value_type *type, const char *text, const char *message)
{
    struct fi_buf memory = {0};
    firn_value value;
    firn_error err = {0};
    assert_int_equal(fi_text_value_read(type, firn_str(text), &memory, &value, &err), FIRN_INVALID);
    assert_string_equal(err.text, message);
    fi_buf_deinit(&memory);
}

static void
bools_are_words_or_digits_in_any_case(void **state)
{
    static const char *const truths[] = {"true", "TRUE", "True", "t", "T", "1", " true\t"};
    static const char *const falsehoods[] = {"false", "False", "f", "F", "0"};
    static const char *const others[] = {"", "yes", "tr", "truee", "2", "10", "\x10", "\x11", "-1"};
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        assert_becomes(&of_bool, truths[i], "true");
    }
    for (size_t i = 0; i < sizeof falsehoods / sizeof falsehoods[0]; i++) {
        assert_becomes(&of_bool, falsehoods[i], "false");
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_becomes(&of_bool, others[i], NULL);
    }
}

static void
integers_are_read_within_their_range(void **state)
{
    assert_becomes(&of_i8, "127", "127");
    assert_becomes(&of_i8, "-128", "-128");
    assert_becomes(&of_i8, "+007", "7");
    assert_becomes(&of_i8, "-0", "0");
    assert_becomes(&of_i8, " 5 ", "5");
    assert_becomes(&of_i8, "128", NULL);
    assert_becomes(&of_i8, "-129", NULL);
    assert_becomes(&of_i64, "9223372036854775807", "9223372036854775807");
    assert_becomes(&of_i64, "-9223372036854775808", "-9223372036854775808");
    assert_becomes(&of_i64, "9223372036854775808", NULL);
    assert_becomes(&of_i64, "-9223372036854775809", NULL);
    assert_becomes(&of_u8, "255", "255");
    assert_becomes(&of_u8, "256", NULL);
    assert_becomes(&of_u8, "-1", NULL);
    assert_becomes(&of_u8, "-0", "0");
    assert_becomes(&of_u64, "18446744073709551615", "18446744073709551615");
    assert_becomes(&of_u64, "18446744073709551616", NULL);
    assert_becomes(&of_u64, "18446744073709551620", NULL);
    assert_becomes(&of_u64, "36893488147419103232", NULL);
    assert_becomes(&of_u64, "100000000000000000000000000000000000000", NULL);
    static const char *const others[] = {"",     "-",   "+",   "1.0", "1e3",
                                         "0x10", "1 2", "--1", "1a",  "１"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_becomes(&of_i64, others[i], NULL);
        assert_becomes(&of_u64, others[i], NULL);
    }
}

static void
decimals_are_exact_or_refused(void **state)
{
    struct fi_buf memory = {0};
    firn_value value;
    assert_int_equal(fi_text_value_read(&of_decimal, firn_str("12.3"), &memory, &value, NULL),
                     FIRN_OK);
    assert_int_equal(value.as.i64, 1230);
    assert_becomes(&of_decimal, "12.3", "12.30");
    assert_becomes(&of_decimal, "-.05", "-0.05");
    assert_becomes(&of_decimal, "5.", "5.00");
    assert_becomes(&of_decimal, "-0", "0.00");
    assert_becomes(&of_decimal, "999.99", "999.99");
    assert_becomes(&of_decimal, "-999.99", "-999.99");
    assert_becomes(&of_decimal, "1000", NULL);
    assert_becomes(&of_decimal, "999.990000000000000000000000000", "999.99");
    assert_becomes(&of_decimal, "000000000000000000000000000001.5", "1.50");
    assert_becomes(&of_decimal, "0.005", NULL);
    assert_becomes(&of_decimal, "0.000000000000000000000000000000000001", NULL);
    assert_becomes(&of_decimal, "0.00000000000000000000000000000000000", "0.00");
    assert_becomes(&of_decimal, "1e2", "100.00");
    assert_becomes(&of_decimal, "12345e-2", "123.45");
    assert_becomes(&of_decimal, "12345E-3", NULL);
    assert_becomes(&of_decimal, "1e3", NULL);
    assert_becomes(&of_decimal, "1e99999999999999999999", NULL);
    assert_becomes(&of_decimal, "0e99999999999999999999", "0.00");
    assert_becomes(&of_decimal, "100000000000000000000e-20", "1.00");
    assert_becomes(&of_decimal, "100000000000000000001e-20", NULL);
    assert_becomes(&of_whole, "999999999999999999", "999999999999999999");
    assert_becomes(&of_whole, "1000000000000000000", NULL);
    assert_becomes(&of_whole, "18446744073709551617", NULL);
    assert_becomes(&of_small, "0.999999999999999999", "0.999999999999999999");
    assert_becomes(&of_small, "-0.000000000000000001", "-0.000000000000000001");
    assert_becomes(&of_small, "1", NULL);
    static const char *const others[] = {"",   ".",   "-",     "1..2", "1.2.3", "e5",
                                         "1e", "1e+", "1e5.0", "nan",  "1,5",   "1 5"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_becomes(&of_decimal, others[i], NULL);
    }
    fi_buf_deinit(&memory);
}

static void
dates_are_days_of_the_calendar(void **state)
{
    int64_t days;
    assert_null(fi_text_time_read_date(firn_str("1970-01-01"), &days));
    assert_int_equal(days, 0);
    assert_null(fi_text_time_read_date(firn_str("2026-11-20"), &days));
    assert_int_equal(days, 20777);
    assert_null(fi_text_time_read_date(firn_str("1969-12-31"), &days));
    assert_int_equal(days, -1);
    assert_null(fi_text_time_read_date(firn_str("0000-03-01"), &days));
    assert_int_equal(days, -719468);
    static const char *const same[] = {
        "2000-02-29",  "2024-02-29",  "0000-02-29",   "0001-01-01",   "0000-01-01",   "9999-12-31",
        "-0001-12-31", "-0004-02-29", "+10000-01-01", "+12345-06-07", "-123456-01-31"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_becomes(&of_date, same[i], same[i]);
    }
    assert_becomes(&of_date, "12345-06-07", "+12345-06-07");
    assert_becomes(&of_date, "+2026-11-20", "2026-11-20");
    assert_becomes(&of_date, " 2026-11-20 ", "2026-11-20");
    static const char *const others[] = {"",
                                         "2026",
                                         "2026-11",
                                         "2026-11-",
                                         "2026-11-2",
                                         "2026-1-20",
                                         "2026-11-200",
                                         "26-11-20",
                                         "2026/11/20",
                                         "20261120",
                                         "2026-13-01",
                                         "2026-00-01",
                                         "2026-01-00",
                                         "2026-01-32",
                                         "2026-04-31",
                                         "2025-02-29",
                                         "1900-02-29",
                                         "2026-11-20x",
                                         "-0000-01-01",
                                         "2026-11-20 00:00",
                                         "99999999999999999-01-01",
                                         "999999999999999999-01-01",
                                         "--2026-01-01"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_becomes(&of_date, others[i], NULL);
    }
}

static void
every_day_follows_the_day_before(void **state)
{
    /* Eight hundred years around year 0, counted by hand. */
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days;
    assert_null(fi_text_time_read_date(firn_str("-0400-01-01"), &days));
    for (int year = -400; year < 400; year++) {
        for (int month = 1; month <= 12; month++) {
            bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            int length = lengths[month - 1] + (month == 2 && is_leap);
            for (int day = 1; day <= length; day++, days++) {
                char expected[32];
                char text[FI_CALENDAR_TEXT_SIZE_MAX];
                (void)snprintf(expected, sizeof expected, "%s%04d-%02d-%02d", year < 0 ? "-" : "",
                               year < 0 ? -year : year, month, day);
                size_t size = fi_calendar_write_date(days, text);
                assert_true(fi_slice_equal(firn_bytes(text, size), firn_str(expected)));
                int64_t back;
                assert_null(fi_text_time_read_date(firn_bytes(text, size), &back));
                assert_int_equal(back, days);
            }
        }
    }
}

static void
timestamps_are_microseconds_in_utc(void **state)
{
    int64_t us;
    assert_null(fi_text_time_read_timestamp(firn_str("1970-01-01 00:00:00.000001"), &us));
    assert_int_equal(us, 1);
    assert_null(fi_text_time_read_timestamp(firn_str("1969-12-31 23:59:59.999999"), &us));
    assert_int_equal(us, -1);
    assert_null(fi_text_time_read_timestamp(firn_str("2026-11-20 14:00:00.123456"), &us));
    assert_int_equal(us, INT64_C(1795183200123456));
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"2026-11-20 14:00:00.123456", "2026-11-20 14:00:00.123456"},
        {"2026-11-20T14:00:00.120Z", "2026-11-20 14:00:00.12"},
        {"2026-11-20t14:00:00z", "2026-11-20 14:00:00"},
        {"2026-11-20", "2026-11-20 00:00:00"},
        {"2026-11-20 14:05", "2026-11-20 14:05:00"},
        {"2026-11-20 14:05Z", "2026-11-20 14:05:00"},
        {"2026-11-20 14:00:00+02:00", "2026-11-20 12:00:00"},
        {"2026-11-20 14:00:00-0530", "2026-11-20 19:30:00"},
        {"2026-11-20 14:00:00 +02", "2026-11-20 12:00:00"},
        {"2026-11-20 00:00:00.5+23:59", "2026-11-19 00:01:00.5"},
        {"2026-11-20 14:00:00.123456000", "2026-11-20 14:00:00.123456"},
        {"1969-12-31 23:59:59.000001", "1969-12-31 23:59:59.000001"},
        {"0000-01-01 00:00:00", "0000-01-01 00:00:00"},
        {"-290308-12-21 19:59:05.224192", "-290308-12-21 19:59:05.224192"},
        {"+294247-01-10 04:00:54.775807", "+294247-01-10 04:00:54.775807"},
        {"+294247-01-10 05:00:54.775807+01", "+294247-01-10 04:00:54.775807"},
        {"-290308-12-21 19:59:05.224191", NULL},
        {"+294247-01-10 04:00:54.775808", NULL},
        {"2026-11-20 14:00:00.1234567", NULL},
        {"2026-11-20 14:00:00.", NULL},
        {"2026-11-20 14:00:60", NULL},
        {"2026-11-20 14:60:00", NULL},
        {"2026-11-20 24:00:00", NULL},
        {"2026-11-20 14", NULL},
        {"2026-11-20 ", "2026-11-20 00:00:00"}, /* spaces around a text */
        {"2026-11-20T", NULL},
        {"2026-11-20 1:00:00", NULL},
        {"2026-11-20 14:00:00 ", "2026-11-20 14:00:00"},
        {"2026-11-20 14:00:00 X", NULL},
        {"2026-11-20 14:00:00+2", NULL},
        {"2026-11-20 14:00:00+02:", NULL},
        {"2026-11-20 14:00:00+24:00", NULL},
        {"2026-11-20 14:00:00+02:60", NULL},
        {"2026-11-20 14:00:00ZZ", NULL},
        {"2026-02-30 14:00:00", NULL},
        {"99999999999999999-01-01", NULL},
        {"1795183200", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_becomes(&of_timestamp, cases[i].text, cases[i].expected);
    }
}

static void
other_types_are_read_as_they_are_written(void **state)
{
    assert_becomes(&of_text, " as it\nis \xe2\x82\xac ", " as it\nis \xe2\x82\xac ");
    assert_becomes(&of_text, "", "");
    assert_becomes(&of_text, "\xff", NULL);
    assert_becomes(&of_text, "\xed\xa0\x80", NULL);
    assert_becomes(&of_f64, "1e3", "1000.0");
    assert_becomes(&of_f64, "1e999", NULL);
    assert_becomes(&of_f64, "NaN", "nan");
    assert_becomes(&of_blob, "\\x", "\\x");
    assert_becomes(&of_blob, "\\x00fFaB", "\\x00ffab");
    assert_becomes(&of_blob, "\\XAB", "\\xab");
    assert_becomes(&of_blob, "\\xa", NULL);
    assert_becomes(&of_blob, "\\xag", NULL);
    assert_becomes(&of_blob, "ab", NULL);
    assert_becomes(&of_blob, "", NULL);
    assert_becomes(&of_uuid, "123E4567-e89b-12d3-A456-426614174000",
                   "123e4567-e89b-12d3-a456-426614174000");
    assert_becomes(&of_uuid, "123e4567e89b12d3a456426614174000", NULL);
    assert_becomes(&of_uuid, "123e4567-e89b-12d3-a456-42661417400", NULL);
    assert_becomes(&of_uuid, "123e4567-e89b-12d3-a456-42661417400g", NULL);
    assert_becomes(&of_uuid, "123e4567-e89b-12d3-a456_426614174000", NULL);
    assert_becomes(&of_uuid, "{123e4567-e89b-12d3-a456-426614174000}", NULL);
    assert_becomes(&of_vector, "[1,2.5,3]", "[1.0,2.5,3.0]");
    assert_becomes(&of_vector, " [ 1 , -2e3,\tnan ] ", "[1.0,-2000.0,nan]");
    assert_becomes(&of_vector, "[1,2]", NULL);
    assert_becomes(&of_vector, "[1,2,3,4]", NULL);
    assert_becomes(&of_vector, "[1,2,]", NULL);
    assert_becomes(&of_vector, "[1,,3]", NULL);
    assert_becomes(&of_vector, "[1,2,1e39]", NULL);
    assert_becomes(&of_vector, "1,2,3", NULL);
    assert_becomes(&of_vector, "[1,2,3", NULL);
    assert_becomes(&of_vector, "[]", NULL);
    assert_becomes(&of_vector, "[", NULL);
}

static void
messages_say_type_text_and_what_is_wrong(void **state)
{
    assert_refused(&of_u8, "300", "cannot read \"300\" as u8: it is out of range");
    assert_refused(&of_i64, "", "cannot read \"\" as i64: it is empty");
    assert_refused(
        &of_decimal, "0.005",
        "cannot read \"0.005\" as decimal(5, 2): it has too many digits after the point");
    assert_refused(&of_vector, "[1]",
                   "cannot read \"[1]\" as vector(3): it has another number of elements");
    assert_refused(&of_bool, "a\nb\x7f\xff",
                   "cannot read \"a\\x0ab\\x7f\\xff\" as bool: it is neither true nor false");
    assert_refused(&of_date,
                   "a text that goes on and on, and is no date, for more than is shown of it",
                   "cannot read \"a text that goes on and on, and is no date, for more than...\" "
                   "as date: it is not a date like 2026-11-20");
    assert_refused(
        &of_date,
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
        "cannot read \""
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4...\" "
        "as date: it is not a date like 2026-11-20");
}

static void
random_values_are_read_as_they_were_written(void **state)
{
    struct test_random random;
    struct fi_buf memory = {0};
    struct fi_buf text = {0};
    struct fi_buf read = {0};
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 1000000 : 30000;
    test_random_init(&random, "value_text", 1);
    assert_int_equal(fi_buf_reserve(&memory, FIXTURE_BYTES_MAX), FIRN_OK);
    for (uint64_t i = 0; i < rounds; i++) {
        for (size_t c = 0; c < FIXTURE_COLUMNS; c++) {
            const struct fi_text_value_type *type = &fixture_columns[c].type;
            fi_buf_clear(&memory);
            fi_buf_clear(&text);
            fi_buf_clear(&read);
            firn_value value = fixture_value(&random, type, &memory);
            if (firn_is_null(value)) {
                continue;
            }
            firn_value back;
            firn_error err;
            assert_int_equal(fi_text_value_append(type, value, &text), FIRN_OK);
            int rc = fi_text_value_read(type, fi_buf_slice(&text), &read, &back, &err);
            if (rc != FIRN_OK) {
                fail_msg("%s", err.text);
            }
            assert_true(fixture_values_equal(value, back));
            assert_true(read.size <= text.size * FI_TEXT_VALUE_ROOM);
        }
    }
    fi_buf_deinit(&memory);
    fi_buf_deinit(&text);
    fi_buf_deinit(&read);
}

/* A date that may not exist. */
static size_t
make_date(struct test_random *random, char out[static 32])
{
    return (size_t)snprintf(out, 32, "%04d-%02d-%02d", (int)test_random_below(random, 10000),
                            (int)test_random_below(random, 14), (int)test_random_below(random, 33));
}

/* A timestamp that may not exist, as it is or with another character. */
static size_t
make_timestamp(struct test_random *random, char out[static 32])
{
    static const char often[] = " T0:.-Z\x80";
    size_t size = make_date(random, out);
    size += (size_t)snprintf(out + size, 32 - size, "%c%02d:%02d:%02d",
                             test_random_below(random, 2) == 0 ? ' ' : 'T',
                             (int)test_random_below(random, 25), (int)test_random_below(random, 61),
                             (int)test_random_below(random, 61));
    if (test_random_below(random, 3) > 0) {
        const size_t digits = test_random_below(random, 9);
        (void)snprintf(out + size, 32 - size, ".%08d", (int)test_random_below(random, 100000000));
        size += 1 + digits;
    }
    if (test_random_below(random, 3) == 0) {
        out[test_random_below(random, size)] = often[test_random_below(random, sizeof often - 1)];
    }
    return size;
}

/* A text that mostly is a number, a date or a timestamp. */
static size_t
make_text(struct test_random *random, char out[static 32])
{
    static const char often[] = "0123456789012345678901234567890123456789-+.: e/\x80\xb0";
    size_t size = test_random_below(random, 21);
    switch (test_random_below(random, 8)) {
    case 0:
        return make_date(random, out);
    case 1:
    case 2:
        return make_timestamp(random, out);
    default:
        break;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)('0' + test_random_below(random, 10));
    }
    if (size > 0 && test_random_below(random, 3) == 0) {
        out[0] = '-';
    }
    if (size > 2 && test_random_below(random, 2) == 0) {
        out[size - 3] = '.';
    }
    for (uint64_t i = test_random_below(random, 3); size > 0 && i > 1; i--) {
        out[test_random_below(random, size)] = often[test_random_below(random, sizeof often - 1)];
    }
    return size;
}

/* A space before a text is ignored, but then the text is read character by character. */
static void
texts_that_are_read_at_once_mean_what_their_characters_mean(void **state)
{
    static const struct {
        firn_type type;
        uint8_t precision;
        uint8_t scale;
    } types[] = {
        {FIRN_TYPE_I8, 0, 0},       {FIRN_TYPE_I16, 0, 0},       {FIRN_TYPE_I32, 0, 0},
        {FIRN_TYPE_I64, 0, 0},      {FIRN_TYPE_U8, 0, 0},        {FIRN_TYPE_U16, 0, 0},
        {FIRN_TYPE_U32, 0, 0},      {FIRN_TYPE_U64, 0, 0},       {FIRN_TYPE_DECIMAL, 5, 2},
        {FIRN_TYPE_DECIMAL, 18, 2}, {FIRN_TYPE_DECIMAL, 18, 0},  {FIRN_TYPE_DECIMAL, 3, 0},
        {FIRN_TYPE_DECIMAL, 18, 8}, {FIRN_TYPE_DECIMAL, 18, 9},  {FIRN_TYPE_DECIMAL, 2, 2},
        {FIRN_TYPE_DATE, 0, 0},     {FIRN_TYPE_TIMESTAMP, 0, 0},
    };
    struct test_random random;
    struct fi_buf memory = {0};
    size_t counts[2] = {0};
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 10000000 : 100000;
    test_random_init(&random, "short_text", 1);
    for (uint64_t i = 0; i < rounds; i++) {
        char text[33] = " ";
        const size_t size = make_text(&random, text + 1);
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            const struct fi_text_value_type type = {
                .type = types[t].type, .precision = types[t].precision, .scale = types[t].scale};
            /* The text has no bytes around it that may be read. */
            uint8_t *exact = malloc(size + (size == 0));
            firn_value value;
            firn_value slow;
            assert_non_null(exact);
            memcpy(exact, text + 1, size);
            int rc = fi_text_value_read(&type, firn_bytes(exact, size), &memory, &value, NULL);
            free(exact);
            int slow_rc =
                fi_text_value_read(&type, firn_bytes(text, size + 1), &memory, &slow, NULL);
            if (rc != slow_rc || value.type != slow.type || value.as.i64 != slow.as.i64) {
                fail_msg("\"%.*s\" as type %zu: %d %lld, not %d %lld", (int)size, text + 1, t, rc,
                         (long long)value.as.i64, slow_rc, (long long)slow.as.i64);
            }
            counts[rc == FIRN_OK]++;
        }
    }
    assert_true(counts[0] > rounds && counts[1] > rounds);
    fi_buf_deinit(&memory);
}

static void
values_that_were_read_do_not_move_where_room_was_reserved(void **state)
{
    static const char uuid[] = "123e4567-e89b-12d3-a456-426614174000";
    struct fi_buf memory = {0};
    firn_value values[30];
    const size_t room = (sizeof uuid + 6 + 9) * 10 * FI_TEXT_VALUE_ROOM;
    assert_int_equal(fi_buf_reserve(&memory, room), FIRN_OK);
    const uint8_t *data = memory.data;
    for (size_t i = 0; i < 30; i += 3) {
        assert_int_equal(fi_text_value_read(&of_uuid, firn_str(uuid), &memory, &values[i], NULL),
                         FIRN_OK);
        assert_int_equal(
            fi_text_value_read(&of_blob, firn_str("\\x0102"), &memory, &values[i + 1], NULL),
            FIRN_OK);
        assert_int_equal(
            fi_text_value_read(&of_vector, firn_str("[1,2,3]"), &memory, &values[i + 2], NULL),
            FIRN_OK);
    }
    assert_ptr_equal(memory.data, data);
    for (size_t i = 0; i < 30; i++) {
        assert_true(fixture_values_equal(values[i], values[i % 3]));
    }
    fi_buf_deinit(&memory);
}

static void
failed_allocations_are_told_and_change_nothing(void **state)
{
    static const struct {
        const struct fi_text_value_type *type;
        const char *text;
    } cases[] = {{&of_blob, "\\x01"},
                 {&of_uuid, "123e4567-e89b-12d3-a456-426614174000"},
                 {&of_vector, "[1,2,3]"}};
    test_alloc_install();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_buf memory = {0};
        struct fi_buf written = {0};
        firn_value value;
        firn_error err = {0};
        test_alloc_fail_at(1, false);
        assert_int_equal(
            fi_text_value_read(cases[i].type, firn_str(cases[i].text), &memory, &value, &err),
            FIRN_NO_MEMORY);
        assert_int_equal(err.code, FIRN_NO_MEMORY);
        test_alloc_fail_at(0, false);
        assert_int_equal(
            fi_text_value_read(cases[i].type, firn_str(cases[i].text), &memory, &value, &err),
            FIRN_OK);
        test_alloc_fail_at(1, false);
        assert_int_equal(fi_text_value_append(cases[i].type, value, &written), FIRN_NO_MEMORY);
        assert_int_equal(written.size, 0);
        test_alloc_fail_at(0, false);
        fi_buf_deinit(&memory);
        fi_buf_deinit(&written);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bools_are_words_or_digits_in_any_case),
        cmocka_unit_test(integers_are_read_within_their_range),
        cmocka_unit_test(decimals_are_exact_or_refused),
        cmocka_unit_test(dates_are_days_of_the_calendar),
        cmocka_unit_test(every_day_follows_the_day_before),
        cmocka_unit_test(timestamps_are_microseconds_in_utc),
        cmocka_unit_test(other_types_are_read_as_they_are_written),
        cmocka_unit_test(messages_say_type_text_and_what_is_wrong),
        cmocka_unit_test(random_values_are_read_as_they_were_written),
        cmocka_unit_test(texts_that_are_read_at_once_mean_what_their_characters_mean),
        cmocka_unit_test(values_that_were_read_do_not_move_where_room_was_reserved),
        cmocka_unit_test(failed_allocations_are_told_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
