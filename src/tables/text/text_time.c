/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_time.c: dates and timestamps as text are taken apart from left to right, part by part.
 *
 * Days and microseconds have 64 bits, so years have up to 17 digits. Numbers are added up with more
 * bits; a text whose sum does not fit is out of range.
 */
#include "text/text_time.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "codec/calendar.h"

__extension__ typedef __int128 i128;

static const char no_date[] = "is not a date like 2026-11-20";
static const char no_timestamp[] = "is not a timestamp like 2026-11-20 14:00:00";
static const char no_such_day[] = "is not a day of the calendar";
static const char no_such_time[] = "is not a time of a day";
static const char out_of_range[] = "is out of range";
static const char too_fine[] = "has a fraction finer than microseconds";

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool
text_time_accept(struct cursor *cursor, char wanted)
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
parse_two(struct cursor *cursor, uint32_t *out)
{
    if (cursor->end - cursor->at < 2) {
        return false;
    }
    uint8_t tens = (uint8_t)(cursor->at[0] - '0');
    uint8_t ones = (uint8_t)(cursor->at[1] - '0');
    if (tens > 9 || ones > 9) {
        return false;
    }
    *out = tens * 10u + ones;
    cursor->at += 2;
    return true;
}

static const char *
parse_year(struct cursor *cursor, int64_t *out)
{
    bool is_negative = text_time_accept(cursor, '-');
    if (!is_negative) {
        (void)text_time_accept(cursor, '+');
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

static const char *
parse_date(struct cursor *cursor, int64_t *out)
{
    struct fi_calendar_date date = {.year = 0};
    const char *defect = parse_year(cursor, &date.year);
    if (defect != NULL) {
        return defect;
    }
    if (!text_time_accept(cursor, '-') || !parse_two(cursor, &date.month) ||
        !text_time_accept(cursor, '-') || !parse_two(cursor, &date.day)) {
        return no_date;
    }
    if (date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > fi_calendar_month_days(date.year, date.month)) {
        return no_such_day;
    }
    const int64_t era = fi_calendar_divide(date.year, FI_CALENDAR_ERA_YEARS);
    date.year -= era * FI_CALENDAR_ERA_YEARS;
    const i128 days = (i128)era * FI_CALENDAR_ERA_DAYS + fi_calendar_days(date);
    *out = (int64_t)days;
    return days == *out ? NULL : out_of_range;
}

const char *
fi_text_time_read_date(firn_slice text, int64_t *out_days)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = text.size == 0 ? nothing : text.data;
    struct cursor cursor = {data, data + text.size};
    int64_t days;
    const char *defect = parse_date(&cursor, &days);
    if (defect == NULL && cursor.at < cursor.end) {
        defect = no_date;
    }
    if (defect == NULL) {
        *out_days = days;
    }
    return defect;
}

static const char *
parse_fraction(struct cursor *cursor, int64_t *us)
{
    int64_t unit = FI_CALENDAR_SECOND_US;
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
parse_clock(struct cursor *cursor, int64_t *out_us)
{
    uint32_t hour;
    uint32_t minute;
    uint32_t second = 0;
    const char *defect = NULL;
    if (!parse_two(cursor, &hour) || !text_time_accept(cursor, ':') ||
        !parse_two(cursor, &minute)) {
        return no_timestamp;
    }
    bool has_seconds = text_time_accept(cursor, ':');
    if (has_seconds && !parse_two(cursor, &second)) {
        return no_timestamp;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return no_such_time;
    }
    *out_us = ((hour * INT64_C(60) + minute) * 60 + second) * FI_CALENDAR_SECOND_US;
    if (has_seconds && text_time_accept(cursor, '.')) {
        defect = parse_fraction(cursor, out_us);
    }
    return defect;
}

static const char *
parse_zone(struct cursor *cursor, int64_t *out_us)
{
    *out_us = 0;
    bool has_space = text_time_accept(cursor, ' ');
    if (text_time_accept(cursor, 'Z') || text_time_accept(cursor, 'z')) {
        return NULL;
    }
    bool is_west = text_time_accept(cursor, '-');
    if (!is_west && !text_time_accept(cursor, '+')) {
        return has_space ? no_timestamp : NULL;
    }
    uint32_t hours;
    uint32_t minutes = 0;
    if (!parse_two(cursor, &hours)) {
        return no_timestamp;
    }
    if (text_time_accept(cursor, ':') || has_digit(cursor)) {
        if (!parse_two(cursor, &minutes)) {
            return no_timestamp;
        }
    }
    if (hours > 23 || minutes > 59) {
        return no_such_time;
    }
    int64_t offset_us = (hours * INT64_C(60) + minutes) * 60 * FI_CALENDAR_SECOND_US;
    *out_us = is_west ? -offset_us : offset_us;
    return NULL;
}

const char *
fi_text_time_read_timestamp(firn_slice text, int64_t *out_us)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = text.size == 0 ? nothing : text.data;
    struct cursor cursor = {data, data + text.size};
    int64_t days;
    int64_t clock = 0;
    int64_t zone = 0;
    const char *defect = parse_date(&cursor, &days);
    if (defect != NULL) {
        return defect == no_date ? no_timestamp : defect;
    }
    if (text_time_accept(&cursor, ' ') || text_time_accept(&cursor, 'T') ||
        text_time_accept(&cursor, 't')) {
        defect = parse_clock(&cursor, &clock);
        if (defect == NULL) {
            defect = parse_zone(&cursor, &zone);
        }
    }
    if (defect == NULL && cursor.at < cursor.end) {
        defect = no_timestamp;
    }
    if (defect != NULL) {
        return defect;
    }
    DCHECK(clock >= 0 && clock < FI_CALENDAR_DAY_US && zone > -FI_CALENDAR_DAY_US &&
           zone < FI_CALENDAR_DAY_US);
    i128 us = (i128)days * (i128)FI_CALENDAR_DAY_US + clock - zone;
    if (us < INT64_MIN || us > INT64_MAX) {
        return out_of_range;
    }
    *out_us = (int64_t)us;
    return NULL;
}
