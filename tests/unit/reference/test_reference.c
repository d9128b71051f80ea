/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reference: what a text that names a checkpoint means, and which texts name none.
 */
#include "reference/reference.h"
#include "support/test.h"

/* 2026-11-20T14:00:05.250Z, a Friday. */
static const int64_t now_ns = INT64_C(1795183205250000000);
static const int64_t second_ns = INT64_C(1000000000);
static const int64_t day_ns = INT64_C(86400000000000);

static const struct fi_reference_clock utc = {INT64_C(1795183205250000000), NULL};

static enum fi_reference_kind
kind_of(const char *text)
{
    struct fi_reference read;
    firn_error err;
    int rc = fi_reference_read(text, &utc, &read, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_INVALID);
    return rc == FIRN_OK ? read.kind : 0;
}

static void
each_text_is_of_one_kind(void **state)
{
    assert_int_equal(kind_of("12"), FI_REFERENCE_NUMBER);
    assert_int_equal(kind_of("2026"), FI_REFERENCE_NUMBER);
    assert_int_equal(kind_of("klmn"), FI_REFERENCE_ID);
    assert_int_equal(kind_of("KLMNzyxW"), FI_REFERENCE_ID);
    assert_int_equal(kind_of("latest"), FI_REFERENCE_LATEST);
    assert_int_equal(kind_of("v1.0"), FI_REFERENCE_NAME);
    assert_int_equal(kind_of("top"), FI_REFERENCE_NAME);
    assert_int_equal(kind_of("before/the-agent"), FI_REFERENCE_NAME);
    assert_int_equal(kind_of("2026-11-20"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("now"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("14:30"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("yesterday 14:30"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("10pm"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("noon"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("Noon"), FI_REFERENCE_TIME);
    assert_int_equal(kind_of("noonx"), FI_REFERENCE_ID);
    assert_int_equal(kind_of("midnight"),
                     FI_REFERENCE_NAME); /* a time where nothing is called so */
    static const char *const none[] = {"",
                                       " ",
                                       "%",
                                       "_",
                                       "*",
                                       "../x",
                                       "latest ",
                                       " latest",
                                       "LATEST",
                                       "Latest",
                                       "NOW",
                                       "-1",
                                       "+1",
                                       "0",
                                       "00",
                                       "1.0",
                                       "1x",
                                       "1 ",
                                       "0x1",
                                       "99999999999999999999",
                                       "stop!",
                                       "k*",
                                       "kkkk\n",
                                       "~",
                                       "~1",
                                       "latest~",
                                       "latest~x",
                                       "latest~-1",
                                       "latest~1~1",
                                       "latest~ 1",
                                       "1~99999999999999999999",
                                       "now~1",
                                       "2026-11-20~1",
                                       "\xc3\xbc",
                                       "-rf",
                                       ".hidden",
                                       "/tag",
                                       "1tag",
                                       "a tag",
                                       "a\xff"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        if (kind_of(none[i]) != 0) {
            fail_msg("'%s' is read as a reference", none[i]);
        }
    }
}

static void
so_many_before_is_read_after_every_base_but_a_time(void **state)
{
    struct fi_reference read;
    firn_error err;
    assert_int_equal(fi_reference_read("latest~0", &utc, &read, &err), FIRN_OK);
    assert_int_equal(read.back, 0);
    assert_int_equal(fi_reference_read("12~34", &utc, &read, &err), FIRN_OK);
    assert_int_equal(read.number, 12);
    assert_int_equal(read.back, 34);
    assert_int_equal(fi_reference_read("KLMN~2", &utc, &read, &err), FIRN_OK);
    assert_string_equal(read.id, "klmn");
    assert_int_equal(read.back, 2);
    assert_int_equal(fi_reference_read("v1~999999999999999999", &utc, &read, &err), FIRN_OK);
    assert_int_equal(read.kind, FI_REFERENCE_NAME);
    assert_int_equal(read.name.size, 2);
    assert_true(read.back == UINT64_C(999999999999999999));
}

static void
a_name_cannot_be_taken_for_another_kind(void **state)
{
    static const char *const good[] = {"a",   "A",    "v1.0",    "k1",       "zz",     "run",
                                       "abc", "kkka", "latest2", "now-2026", "x+y/z.w"};
    static const char *const bad[] = {"noon", "",     "1",      "1a",     "-a",       "kkkk",
                                      "stop", "Stop", "latest", "Latest", "now",      "yesterday",
                                      "a b",  "a~1",  "a\n",    "a:b",    "\xc3\xa4", "YESTERDAY"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(fi_reference_is_name(firn_str(good[i])));
        assert_int_equal(kind_of(good[i]), FI_REFERENCE_NAME);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(fi_reference_is_name(firn_str(bad[i])));
    }
    assert_false(fi_reference_is_name(firn_bytes("a\0b", 3)));
    char longest[FI_REFERENCE_NAME_SIZE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    assert_true(fi_reference_is_name(firn_bytes(longest, FI_REFERENCE_NAME_SIZE_MAX)));
    assert_false(fi_reference_is_name(firn_bytes(longest, FI_REFERENCE_NAME_SIZE_MAX + 1)));
}

static void
assert_time_by(const struct fi_reference_clock *clock, const char *text, int64_t expected)
{
    int64_t read = -1;
    if (!fi_reference_time_read(text, clock, &read) || read != expected) {
        fail_msg("'%s' is read as %lld, not %lld", text, (long long)read, (long long)expected);
    }
}

static void
assert_time(const char *text, int64_t expected)
{
    assert_time_by(&utc, text, expected);
}

static void
times_are_read_to_the_end_of_what_they_name(void **state)
{
    int64_t day = INT64_C(1795132800) * second_ns; /* 2026-11-20 */
    int64_t hour = 3600 * second_ns;
    int64_t rest = second_ns - 1;
    assert_time("now", now_ns);
    assert_time("2026-11-20", day + rest);
    int64_t minute_rest = 60 * second_ns - 1;
    assert_time("2026-11-20 14:00", day + 14 * hour + minute_rest);
    assert_time("2026-11-20T14:00", day + 14 * hour + minute_rest);
    assert_time("2026-11-20 2:00pm", day + 14 * hour + minute_rest);
    assert_time("2026-11-20 02:00:05 PM UTC", day + 14 * hour + 5 * second_ns + rest);
    assert_time("2026-11-20 12:00am", day + minute_rest);
    assert_time("2026-11-20 12:59 pm", day + 12 * hour + 59 * 60 * second_ns + minute_rest);
    assert_time("2026-11-20 14:00:05", day + 14 * hour + 5 * second_ns + rest);
    assert_time("2026-11-20 14:00:05 UTC", day + 14 * hour + 5 * second_ns + rest);
    assert_time("2026-11-20T14:00:05.25Z", now_ns);
    assert_time("2026-11-20T14:00:05.250000000Z", now_ns);
    assert_time("2026-11-20T14:00:05.000000001Z", day + 14 * hour + 5 * second_ns + 1);
    assert_time("2026-11-20 15:30 +0130", day + 14 * hour + minute_rest);
    assert_time("2026-11-20 15:30+01:30", day + 14 * hour + minute_rest);
    assert_time("2026-11-20 08:00 -06", day + 14 * hour + minute_rest);
    assert_time("1970-01-01", rest);
    assert_time("2000-02-29", INT64_C(951782400) * second_ns + rest);
    assert_time("2261-12-31 23:59:59.999999999", INT64_C(9214646400) * second_ns - 1);
}

static void
times_ago_are_counted_from_now(void **state)
{
    int64_t minute = 60 * second_ns;
    assert_time("0 seconds ago", now_ns);
    assert_time("1 second ago", now_ns - second_ns);
    assert_time("90s ago", now_ns - 90 * second_ns);
    assert_time("10 minutes ago", now_ns - 10 * minute);
    assert_time("10m ago", now_ns - 10 * minute);
    assert_time("10m", now_ns - 10 * minute);
    assert_time("2 hours", now_ns - 120 * minute);
    assert_time("3d", now_ns - 3 * day_ns);
    assert_time("a minute ago", now_ns - minute);
    assert_time("an hour ago", now_ns - 60 * minute);
    assert_time("2h30m", now_ns - 150 * minute);
    assert_time("2h 30m ago", now_ns - 150 * minute);
    assert_time("1 day 2 hours 3 minutes ago", now_ns - day_ns - 123 * minute);
    assert_time("1 month 1d", now_ns - 32 * day_ns);
    assert_time("last week", now_ns - 7 * day_ns);
    assert_time("last month", now_ns - 31 * day_ns);
    assert_time("last hour", now_ns - 60 * minute);
    assert_time("999999999h 999999999 years", 0);
    assert_time("2 hrs ago", now_ns - 120 * minute);
    assert_time("3 days ago", now_ns - 3 * day_ns);
    assert_time("2 weeks ago", now_ns - 14 * day_ns);
    assert_time("yesterday", now_ns - day_ns);
    assert_time("1 month ago", now_ns - 31 * day_ns);   /* October has 31 days */
    assert_time("9 months ago", now_ns - 273 * day_ns); /* 2026-02-20 */
    assert_time("1 year ago", now_ns - 365 * day_ns);
    assert_time("3 years ago", now_ns - 1096 * day_ns);   /* 2024 was a leap year */
    assert_time("56 years ago", now_ns - 20454 * day_ns); /* 1970-11-20 */
    /* Before 1970 there is nothing: such a time is the earliest one. */
    assert_time("57 years ago", 0);
    assert_time("100 years ago", 0);
    assert_time("999999999 months ago", 0);
    assert_time("999999999 years ago", 0);
    assert_time("999999999 days ago", 0);
    assert_time("999999999 weeks ago", 0);
    assert_time("999999999 hours ago", 0);
    int64_t read;
    int64_t end_of_may = INT64_C(1780228800) * second_ns; /* 2026-05-31 12:00 */
    const struct fi_reference_clock then = {end_of_may, NULL};
    assert_true(fi_reference_time_read("3 months ago", &then, &read));
    assert_true(read == end_of_may - 92 * day_ns); /* the 28th of February */
}

static void
what_is_nearly_a_time_is_none(void **state)
{
    static const char *const none[] = {"ago",
                                       "minutes ago",
                                       "-1 days ago",
                                       "1.5 hours ago",
                                       "an hour",
                                       "5x",
                                       "m",
                                       "10  minutes ago",
                                       "10 minutes  ago",
                                       "10 minutes ago ",
                                       "ten minutes ago",
                                       "1 fortnight ago",
                                       "9999999999 seconds ago",
                                       "2026-13-01",
                                       "2026-00-01",
                                       "2026-02-29",
                                       "2026-11-31",
                                       "2026-11-00",
                                       "1969-12-31",
                                       "2262-01-01",
                                       "26-11-20",
                                       "2026-1-2",
                                       "2026/11/20",
                                       "2026-11-20 ",
                                       "2026-11-20T",
                                       "2026-11-20 24:00",
                                       "2026-11-20 12:60",
                                       "2026-11-20 12:00:60",
                                       "2026-11-20 1:00",
                                       "2026-11-20 12",
                                       "2026-11-20 12:00:",
                                       "2026-11-20 12:00:00.",
                                       "2026-11-20 12:00.5",
                                       "2026-11-20 12:00:00.1234567891",
                                       "2026-11-20 12:00 ",
                                       "2026-11-20 12:00 CET",
                                       "2026-11-20 12:00 +",
                                       "2026-11-20 12:00 +1",
                                       "2026-11-20 12:00 +24",
                                       "2026-11-20 12:00 +01:",
                                       "2026-11-20 12:00 +01:60",
                                       "2026-11-20 12:00Zx",
                                       "2026-11-20+01",
                                       "24:00",
                                       "9:00",
                                       "14",
                                       "14:00 UTC",
                                       "14:00Z",
                                       "14:00 ago",
                                       "yesterday ",
                                       "yesterday 14",
                                       "yesterday  14:00",
                                       "yesterday 2026-11-20",
                                       "14:00 yesterday",
                                       "Now",
                                       "today",
                                       "Today 14:00",
                                       "last",
                                       "last 2 weeks",
                                       "last week ago",
                                       "last  week",
                                       "mon",
                                       "mondays",
                                       "monday ago",
                                       "monday14:00",
                                       "monday 14",
                                       "2h30",
                                       "2h30m ",
                                       "2h  30m",
                                       "2h-30m",
                                       "13:05pm",
                                       "0:05am",
                                       "10:05 p",
                                       "10:05  pm",
                                       "10pmm",
                                       "10 p",
                                       "10  pm",
                                       "13pm",
                                       "0am",
                                       "10:pm",
                                       "noonday",
                                       "noon pm",
                                       "12 noon",
                                       "midnight ago",
                                       "10:05pmm",
                                       "pm"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        int64_t read = 4711;
        if (fi_reference_time_read(none[i], &utc, &read)) {
            fail_msg("'%s' is read as a time", none[i]);
        }
        assert_int_equal(read, 4711);
    }
}

/* New York in 2026: five hours behind UTC, four from 8 March 7:00 to 1 November 6:00 UTC. */
static int64_t
new_york(int64_t since_epoch_s)
{
    return since_epoch_s >= 1772953200 && since_epoch_s < 1793512800 ? -4 * 3600 : -5 * 3600;
}

static int64_t
ahead(int64_t since_epoch_s)
{
    (void)since_epoch_s;
    return 14 * 3600;
}

static void
times_without_a_zone_are_local(void **state)
{
    const struct fi_reference_clock clock = {now_ns, new_york}; /* it is 9:00:05.25 */
    int64_t day = INT64_C(1795132800) * second_ns;              /* 2026-11-20 00:00 UTC */
    int64_t hour = 3600 * second_ns;
    int64_t rest = second_ns - 1;
    int64_t all = 60 * second_ns - 1; /* of a minute */
    assert_time_by(&clock, "2026-11-20", day + 5 * hour + rest);
    assert_time_by(&clock, "2026-11-20 14:00", day + 19 * hour + all);
    assert_time_by(&clock, "2026-11-20T14:00:05.25", day + 19 * hour + 5250 * second_ns / 1000);
    assert_time_by(&clock, "2026-07-01 12:00", INT64_C(1782921600) * second_ns + all);
    assert_time_by(&clock, "2026-11-20 14:00 UTC", day + 14 * hour + all);
    assert_time_by(&clock, "2026-11-20T14:00+01:00", day + 13 * hour + all);
    /* Clocks were set back: 1:30 came twice, and the later one is meant. They were set forward: there was no
     * 2:30. */
    int64_t back = INT64_C(1793512800) * second_ns;
    assert_time_by(&clock, "2026-11-01 00:59:59", back - hour - second_ns + rest);
    assert_time_by(&clock, "2026-11-01 01:30", back + hour / 2 + all);
    assert_time_by(&clock, "2026-11-01 02:00", back + hour + all);
    int64_t forward = INT64_C(1772953200) * second_ns;
    assert_time_by(&clock, "2026-03-08 01:59:59", forward - second_ns + rest);
    assert_time_by(&clock, "2026-03-08 02:30", forward + hour / 2 + all);
    assert_time_by(&clock, "2026-03-08 03:00", forward + all);
}

static void
a_clock_alone_is_the_last_such_time(void **state)
{
    const struct fi_reference_clock clock = {now_ns, new_york}; /* it is 9:00:05.25 */
    int64_t day = INT64_C(1795132800) * second_ns + 5 * 3600 * second_ns;
    int64_t hour = 3600 * second_ns;
    int64_t rest = second_ns - 1;
    int64_t all = 60 * second_ns - 1; /* of a minute */
    assert_time_by(&clock, "00:00", day + all);
    assert_time_by(&clock, "08:30", day + 17 * hour / 2 + all);
    assert_time_by(&clock, "09:00:05", day + 9 * hour + 5 * second_ns + rest);
    assert_time_by(&clock, "09:00:06", day - day_ns + 9 * hour + 6 * second_ns + rest);
    assert_time_by(&clock, "14:30", day - day_ns + 29 * hour / 2 + all);
    assert_time_by(&clock, "yesterday 08:30", day - day_ns + 17 * hour / 2 + all);
    assert_time_by(&clock, "yesterday 14:30", day - day_ns + 29 * hour / 2 + all);
    assert_time_by(&clock, "yesterday", now_ns - day_ns);
    assert_time_by(&clock, "today 08:30", day + 17 * hour / 2 + all);
    assert_time_by(&clock, "today 14:30", day + 29 * hour / 2 + all); /* is to come */
    assert_time_by(&clock, "8:30am", day + 17 * hour / 2 + all);
    assert_time_by(&clock, "10:05pm", day - day_ns + 22 * hour + 300 * second_ns + all);
    assert_time_by(&clock, "yesterday 10:05 pm", day - day_ns + 22 * hour + 300 * second_ns + all);
    assert_time_by(&clock, "12:05am", day + 300 * second_ns + all);
    assert_time_by(&clock, "10pm", day - day_ns + 22 * hour + all);
    assert_time_by(&clock, "10 PM", day - day_ns + 22 * hour + all);
    assert_time_by(&clock, "9am", day + 9 * hour + all);
    assert_time_by(&clock, "12am", day + all);
    assert_time_by(&clock, "yesterday 12pm", day - day_ns + 12 * hour + all);
    assert_time_by(&clock, "noon", day - day_ns + 12 * hour + all);
    assert_time_by(&clock, "midnight", day + all);
    assert_time_by(&clock, "monday Noon", day - 4 * day_ns + 12 * hour + all);
    assert_time_by(&clock, "2026-11-19 10pm", day - day_ns + 22 * hour + all);
    assert_time_by(&clock, "09:00", day + 9 * hour + all); /* it has begun */
    /* It is a Friday. */
    assert_time_by(&clock, "thursday", now_ns - day_ns);
    assert_time_by(&clock, "Saturday", now_ns - 6 * day_ns);
    assert_time_by(&clock, "friday", now_ns - 7 * day_ns);
    assert_time_by(&clock, "last monday", now_ns - 4 * day_ns);
    assert_time_by(&clock, "monday 14:30", day - 4 * day_ns + 29 * hour / 2 + all);
    assert_time_by(&clock, "friday 08:30", day + 17 * hour / 2 + all);
    assert_time_by(&clock, "friday 14:30", day - 7 * day_ns + 29 * hour / 2 + all);
    assert_time("14:00:05", now_ns - second_ns / 4 + rest);
    assert_time("14:00:06", now_ns - second_ns / 4 + second_ns - day_ns + rest);
    /* The day before had 25 hours. */
    const struct fi_reference_clock monday = {(INT64_C(1793512800) + 86400) * second_ns,
                                              new_york}; /* it is 1:00 on 2 November */
    assert_time_by(&monday, "02:00", (INT64_C(1793512800) + 3600) * second_ns + all);
    assert_time_by(&monday, "yesterday 00:30", (INT64_C(1793512800) - 5400) * second_ns + all);
    /* Before 1970 there is nothing. */
    const struct fi_reference_clock first = {second_ns, ahead}; /* it is 14:00:01 */
    assert_time_by(&first, "14:00", all);
    assert_time_by(&first, "14:30", 0);
    assert_time_by(&first, "yesterday 23:00", 0);
    assert_time_by(&first, "1970-01-01", 0);
}

/* Every day from 1970 to 2261, against counting. */
static void
every_date_follows_the_one_before(void **state)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = second_ns - 1;
    char text[16];
    for (int year = 1970; year <= 2261; year++) {
        for (int month = 1; month <= 12; month++) {
            bool leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            int last = days[month - 1] + (month == 2 && leaps ? 1 : 0);
            for (int day = 1; day <= last; day++) {
                (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                assert_time(text, expected);
                expected += day_ns;
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_is_of_one_kind),
        cmocka_unit_test(so_many_before_is_read_after_every_base_but_a_time),
        cmocka_unit_test(a_name_cannot_be_taken_for_another_kind),
        cmocka_unit_test(times_are_read_to_the_end_of_what_they_name),
        cmocka_unit_test(times_ago_are_counted_from_now),
        cmocka_unit_test(times_without_a_zone_are_local),
        cmocka_unit_test(a_clock_alone_is_the_last_such_time),
        cmocka_unit_test(what_is_nearly_a_time_is_none),
        cmocka_unit_test(every_date_follows_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
