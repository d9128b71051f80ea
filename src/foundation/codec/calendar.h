/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/calendar.h: the proleptic Gregorian calendar: days and microseconds since 1970-01-01, in
 * UTC, as dates and as text.
 *
 * The calendar repeats after 400 years of 146,097 days. Inside of these eras, years begin on March
 * 1st, so that a leap day is the last day of its year and months before it have fixed lengths (H.
 * Hinnant, "chrono-compatible low-level date algorithms"). All divisions round down, also before
 * year 0. There are no leap seconds.
 *
 * The functions take any number of days or microseconds; nothing overflows. Any thread.
 */
#ifndef FIRN_CODEC_CALENDAR_H
#define FIRN_CODEC_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FI_CALENDAR_ERA_YEARS = 400,
    FI_CALENDAR_ERA_DAYS = 146097,
    FI_CALENDAR_EPOCH_DAYS = 719468,  /* from 0000-03-01 to 1970-01-01 */
    FI_CALENDAR_DATE_FIRST = -719162, /* 0001-01-01: the first date that a column holds */
    FI_CALENDAR_DATE_LAST = 2932896   /* 9999-12-31 */
};
#define FI_CALENDAR_SECOND_US INT64_C(1000000)
#define FI_CALENDAR_DAY_US (86400 * FI_CALENDAR_SECOND_US)
#define FI_CALENDAR_TIME_FIRST (FI_CALENDAR_DATE_FIRST * FI_CALENDAR_DAY_US)
#define FI_CALENDAR_TIME_LAST ((FI_CALENDAR_DATE_LAST + 1) * FI_CALENDAR_DAY_US - 1)

struct fi_calendar_date {
    int64_t year;
    uint32_t month; /* 1 to 12 */
    uint32_t day;   /* 1 to 31 */
};

/* The quotient, rounded down. Requires: by > 0. */
static inline int64_t
fi_calendar_divide(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

/* For years from 0 to 9999, which nearly all dates have. Requires: a month from 1 to 12. */
static inline uint32_t
fi_calendar_near_month_days(uint32_t year, uint32_t month)
{
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 ? 28 + (uint32_t)is_leap : 30 + ((month + (month >> 3)) & 1);
}

/* The days since 1970-01-01, for the same years. Requires: a day that the month has. */
static inline int32_t
fi_calendar_near_days(uint32_t year, uint32_t month, uint32_t day)
{
    const bool is_before = month <= 2;                               /* March */
    const uint32_t years = year + FI_CALENDAR_ERA_YEARS - is_before; /* from an era earlier on */
    const uint32_t from_march = is_before ? month + 9 : month - 3;
    const uint32_t days =
        years * 365 + years / 4 - years / 100 + years / 400 + (153 * from_march + 2) / 5 + day - 1;
    return (int32_t)days - FI_CALENDAR_ERA_DAYS - FI_CALENDAR_EPOCH_DAYS;
}

/* The same for any year; fi_calendar_days takes one of at most 15 digits. */
static inline uint32_t
fi_calendar_month_days(int64_t year, uint32_t month)
{
    const int64_t era = fi_calendar_divide(year, FI_CALENDAR_ERA_YEARS);
    return fi_calendar_near_month_days((uint32_t)(year - era * FI_CALENDAR_ERA_YEARS), month);
}
static inline int64_t
fi_calendar_days(struct fi_calendar_date date)
{
    const int64_t era = fi_calendar_divide(date.year, FI_CALENDAR_ERA_YEARS);
    return era * FI_CALENDAR_ERA_DAYS +
           fi_calendar_near_days((uint32_t)(date.year - era * FI_CALENDAR_ERA_YEARS), date.month,
                                 date.day);
}

static inline struct fi_calendar_date
fi_calendar_date_of(int64_t days)
{
    /* The epoch is not the beginning of an era. Its days are added to the remainder, so that
     * nothing overflows. */
    int64_t era = fi_calendar_divide(days, FI_CALENDAR_ERA_DAYS);
    const uint32_t since =
        (uint32_t)((uint64_t)days - (uint64_t)era * FI_CALENDAR_ERA_DAYS) + FI_CALENDAR_EPOCH_DAYS;
    era += since / FI_CALENDAR_ERA_DAYS;
    const uint32_t day = since % FI_CALENDAR_ERA_DAYS;
    const uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const uint32_t of_year = day - (365 * year + year / 4 - year / 100);
    const uint32_t from_march = (5 * of_year + 2) / 153;
    struct fi_calendar_date date;
    date.day = of_year - (153 * from_march + 2) / 5 + 1;
    date.month = from_march < 10 ? from_march + 3 : from_march - 9;
    date.year = era * FI_CALENDAR_ERA_YEARS + year + (date.month <= 2);
    return date;
}

/* ==== text ====
 *
 * Years from 0000 to 9999 have four digits and no sign, others have a sign; 0000 is the year before
 * 0001. */

static inline char *
fi_calendar_put_two(char *out, uint32_t number)
{
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
    return out + 2;
}

static inline char *
fi_calendar_put_after(char *out, char mark, uint32_t number)
{
    *out = mark;
    return fi_calendar_put_two(out + 1, number);
}

/* Write the text ("2026-11-20", "2026-11-20 14:00:00.5"), without a NUL, and return its size. Of
 * years of four digits a date has 10 bytes, a timestamp 26 at most. */
enum { FI_CALENDAR_TEXT_SIZE_MAX = 48 };

static inline size_t
fi_calendar_write_date(int64_t days, char *out)
{
    const struct fi_calendar_date date = fi_calendar_date_of(days);
    const uint64_t year = (uint64_t)(date.year < 0 ? -date.year : date.year);
    char *at = out;
    if (date.year < 0 || date.year > 9999) {
        *at++ = date.year < 0 ? '-' : '+';
    }
    uint64_t unit = 1000;
    while (year / unit >= 10) {
        unit *= 10;
    }
    for (; unit > 1000; unit /= 10) {
        *at++ = (char)('0' + year / unit % 10);
    }
    at = fi_calendar_put_two(at, (uint32_t)(year / 100 % 100));
    at = fi_calendar_put_two(at, (uint32_t)(year % 100));
    at = fi_calendar_put_after(at, '-', date.month);
    at = fi_calendar_put_after(at, '-', date.day);
    return (size_t)(at - out);
}

static inline size_t
fi_calendar_write_timestamp(int64_t us, char *out)
{
    const int64_t days = fi_calendar_divide(us, FI_CALENDAR_DAY_US);
    /* The first day begins before the first microsecond there is. */
    const uint64_t rest = (uint64_t)us - (uint64_t)days * (uint64_t)FI_CALENDAR_DAY_US;
    const uint32_t seconds = (uint32_t)(rest / (uint64_t)FI_CALENDAR_SECOND_US);
    const uint32_t fraction = (uint32_t)(rest % (uint64_t)FI_CALENDAR_SECOND_US);
    char *at = out + fi_calendar_write_date(days, out);
    at = fi_calendar_put_after(at, ' ', seconds / 3600);
    at = fi_calendar_put_after(at, ':', seconds / 60 % 60);
    at = fi_calendar_put_after(at, ':', seconds % 60);
    if (fraction > 0) {
        at = fi_calendar_put_after(at, '.', fraction / 10000);
        at = fi_calendar_put_two(at, fraction / 100 % 100);
        at = fi_calendar_put_two(at, fraction % 100);
        while (at[-1] == '0') {
            at--;
        }
    }
    return (size_t)(at - out);
}

#endif
