/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange/time_text.c: the calendar.
 *
 * The Gregorian calendar repeats after 400 years of 146,097 days. Inside of these eras, years begin
 * on March 1st, so that a leap day is the last day of its year and months before it have fixed
 * lengths (H. Hinnant, "chrono-compatible low-level date algorithms"). All divisions round down,
 * also before year
 * 0.
 *
 * Days and microseconds have 64 bits, so years have up to 17 digits. Numbers are added up with
 * checked arithmetic; a text whose sum does not fit is out of range.
 */
#include "exchange/time_text.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

__extension__ typedef __int128 i128;

static const char no_date[] = "is not a date like 2026-11-20";
static const char no_timestamp[] = "is not a timestamp like 2026-11-20 14:00:00";
static const char no_such_day[] = "is not a day of the calendar";
static const char no_such_time[] = "is not a time of a day";
static const char out_of_range[] = "is out of range";
static const char too_fine[] = "has a fraction finer than microseconds";

enum {
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAYS = 719468 /* from 0000-03-01 to 1970-01-01 */
};
static const int64_t second_us = 1000000;
static const int64_t day_us = INT64_C(86400) * 1000000;

static int64_t
divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ==== reading ==== */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool
take(struct cursor *cursor, char wanted)
{
    DCHECK(cursor->at <= cursor->end);
    if (cursor->at == cursor->end || *cursor->at != (uint8_t)wanted) {
        return false;
    }
    cursor->at++;
    return true;
}

static bool
has_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && (uint8_t)(*cursor->at - '0') <= 9;
}

/* Two digits, 0 to 99. */
static bool
take_two(struct cursor *cursor, int *out)
{
    if (cursor->end - cursor->at < 2) {
        return false;
    }
    uint8_t tens = (uint8_t)(cursor->at[0] - '0');
    uint8_t ones = (uint8_t)(cursor->at[1] - '0');
    if (tens > 9 || ones > 9) {
        return false;
    }
    *out = tens * 10 + ones;
    cursor->at += 2;
    return true;
}

static const char *
take_year(struct cursor *cursor, int64_t *out)
{
    bool is_negative = take(cursor, '-');
    if (!is_negative) {
        (void)take(cursor, '+');
    }
    int64_t year = 0;
    size_t digits = 0;
    for (; has_digit(cursor); cursor->at++) {
        digits++;
        if (digits > 17) {
            return out_of_range;
        }
        year = year * 10 + (*cursor->at - '0');
    }
    if (digits < 4 || (is_negative && year == 0)) {
        return no_date;
    }
    *out = is_negative ? -year : year;
    return NULL;
}

static int
days_of_month(int64_t year, int month)
{
    DCHECK(month >= 1 && month <= 12);
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

/* Requires: the year has at most 17 digits. */
static bool
days_of(int64_t year, int month, int day, int64_t *out)
{
    DCHECK(year > -INT64_C(100000000000000000) && year < INT64_C(100000000000000000));
    year -= month <= 2;
    int64_t era = divide_down(year, ERA_YEARS);
    int64_t year_of_era = year - era * ERA_YEARS;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    DCHECK(day_of_era >= 0 && day_of_era < ERA_DAYS);
    i128 days = (i128)era * ERA_DAYS + day_of_era - EPOCH_DAYS;
    *out = (int64_t)days;
    return days == *out;
}

static const char *
take_date(struct cursor *cursor, int64_t *out)
{
    int64_t year = 0;
    int month;
    int day;
    const char *defect = take_year(cursor, &year);
    if (defect != NULL) {
        return defect;
    }
    if (!take(cursor, '-') || !take_two(cursor, &month) || !take(cursor, '-') ||
        !take_two(cursor, &day)) {
        return no_date;
    }
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) {
        return no_such_day;
    }
    return days_of(year, month, day, out) ? NULL : out_of_range;
}

const char *
fi_time_text_read_date(firn_slice text, int64_t *out_days)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = text.size == 0 ? nothing : text.data;
    struct cursor cursor = {data, data + text.size};
    int64_t days;
    const char *defect = take_date(&cursor, &days);
    if (defect == NULL && cursor.at < cursor.end) {
        defect = no_date;
    }
    if (defect == NULL) {
        *out_days = days;
    }
    return defect;
}

static const char *
take_fraction(struct cursor *cursor, int64_t *us)
{
    int64_t unit = second_us;
    if (!has_digit(cursor)) {
        return no_timestamp;
    }
    for (; has_digit(cursor); cursor->at++) {
        unit /= 10;
        if (unit == 0 && *cursor->at != '0') {
            return too_fine;
        }
        *us += unit * (*cursor->at - '0');
    }
    return NULL;
}

/* HH:MM, HH:MM:SS or HH:MM:SS.fraction */
static const char *
take_clock(struct cursor *cursor, int64_t *out_us)
{
    int hour;
    int minute;
    int second = 0;
    const char *defect = NULL;
    if (!take_two(cursor, &hour) || !take(cursor, ':') || !take_two(cursor, &minute)) {
        return no_timestamp;
    }
    bool has_seconds = take(cursor, ':');
    if (has_seconds && !take_two(cursor, &second)) {
        return no_timestamp;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return no_such_time;
    }
    *out_us = ((hour * INT64_C(60) + minute) * 60 + second) * second_us;
    if (has_seconds && take(cursor, '.')) {
        defect = take_fraction(cursor, out_us);
    }
    return defect;
}

static const char *
take_zone(struct cursor *cursor, int64_t *out_us)
{
    *out_us = 0;
    bool has_space = take(cursor, ' ');
    if (take(cursor, 'Z') || take(cursor, 'z')) {
        return NULL;
    }
    bool is_west = take(cursor, '-');
    if (!is_west && !take(cursor, '+')) {
        return has_space ? no_timestamp : NULL;
    }
    int hours;
    int minutes = 0;
    if (!take_two(cursor, &hours)) {
        return no_timestamp;
    }
    if (take(cursor, ':') || has_digit(cursor)) {
        if (!take_two(cursor, &minutes)) {
            return no_timestamp;
        }
    }
    if (hours > 23 || minutes > 59) {
        return no_such_time;
    }
    int64_t offset_us = (hours * INT64_C(60) + minutes) * 60 * second_us;
    *out_us = is_west ? -offset_us : offset_us;
    return NULL;
}

const char *
fi_time_text_read_timestamp(firn_slice text, int64_t *out_us)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = text.size == 0 ? nothing : text.data;
    struct cursor cursor = {data, data + text.size};
    int64_t days;
    int64_t clock = 0;
    int64_t zone = 0;
    const char *defect = take_date(&cursor, &days);
    if (defect != NULL) {
        return defect == no_date ? no_timestamp : defect;
    }
    if (take(&cursor, ' ') || take(&cursor, 'T') || take(&cursor, 't')) {
        defect = take_clock(&cursor, &clock);
        if (defect == NULL) {
            defect = take_zone(&cursor, &zone);
        }
    }
    if (defect == NULL && cursor.at < cursor.end) {
        defect = no_timestamp;
    }
    if (defect != NULL) {
        return defect;
    }
    DCHECK(clock >= 0 && clock < day_us && zone > -day_us && zone < day_us);
    i128 us = (i128)days * day_us + clock - zone;
    if (us < INT64_MIN || us > INT64_MAX) {
        return out_of_range;
    }
    *out_us = (int64_t)us;
    return NULL;
}

/* ==== writing ==== */

/* Writes at least `digits` digits. */
static size_t
put_number(char *out, size_t at, uint64_t number, size_t digits)
{
    char text[20];
    size_t first = sizeof text;
    while (number > 0 || sizeof text - first < digits) {
        text[--first] = (char)('0' + number % 10);
        number /= 10;
    }
    DCHECK(at + sizeof text - first <= FI_TIME_TEXT_SIZE_MAX);
    memcpy(out + at, text + first, sizeof text - first);
    return at + sizeof text - first;
}

static size_t
put_after(char *out, size_t at, char mark, uint64_t number)
{
    out[at] = mark;
    return put_number(out, at + 1, number, 2);
}

size_t
fi_time_text_write_date(int64_t days, char *out)
{
    /* The epoch is not the beginning of an era. EPOCH_DAYS is added to the remainder, which is
     * small, so that nothing overflows. */
    int64_t era = divide_down(days, ERA_DAYS);
    int64_t day_of_era = days % ERA_DAYS;
    day_of_era += (day_of_era < 0 ? ERA_DAYS : 0) + EPOCH_DAYS;
    era += day_of_era / ERA_DAYS;
    day_of_era %= ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153; /* from March */
    int64_t day = day_of_year - (153 * month_of_year + 2) / 5 + 1;
    int64_t month = month_of_year < 10 ? month_of_year + 3 : month_of_year - 9;
    int64_t year = era * ERA_YEARS + year_of_era + (month <= 2);
    DCHECK(month >= 1 && month <= 12 && day >= 1 && day <= days_of_month(year, (int)month));

    size_t at = 0;
    if (year < 0 || year > 9999) {
        out[at++] = year < 0 ? '-' : '+';
    }
    at = put_number(out, at, (uint64_t)(year < 0 ? -year : year), 4);
    at = put_after(out, at, '-', (uint64_t)month);
    return put_after(out, at, '-', (uint64_t)day);
}

size_t
fi_time_text_write_timestamp(int64_t us, char *out)
{
    int64_t days = divide_down(us, day_us);
    /* The first day begins before the first microsecond there is. */
    uint64_t rest = (uint64_t)us - (uint64_t)days * (uint64_t)day_us;
    DCHECK(rest < (uint64_t)day_us);
    uint64_t seconds = rest / (uint64_t)second_us;
    uint64_t fraction = rest % (uint64_t)second_us;
    size_t at = fi_time_text_write_date(days, out);
    at = put_after(out, at, ' ', seconds / 3600);
    at = put_after(out, at, ':', seconds / 60 % 60);
    at = put_after(out, at, ':', seconds % 60);
    if (fraction > 0) {
        out[at] = '.';
        at = put_number(out, at + 1, fraction, 6);
        while (out[at - 1] == '0') {
            at--;
        }
    }
    DCHECK(at <= FI_TIME_TEXT_SIZE_MAX);
    return at;
}
