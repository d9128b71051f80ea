/* SPDX-License-Identifier: Apache-2.0
 *
 * s3/s3_time.c: three spellings of a time. Years have four digits.
 */
#include "s3/s3_time.h"

#include <string.h>

#include "codec/calendar.h"

/* Digits and fixed bytes: in a pattern Y, M, D, h, m and s are digits, '?' is any byte, and all
 * others are themselves. */
struct parts {
    uint32_t year;
    uint32_t month;
    uint32_t day;
    uint32_t hour;
    uint32_t minute;
    uint32_t second;
};

static bool
read_pattern(firn_slice text, const char *pattern, struct parts *parts)
{
    size_t size = strlen(pattern);
    if (text.size < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text.data[i];
        uint32_t *part = pattern[i] == 'Y'   ? &parts->year
                         : pattern[i] == 'M' ? &parts->month
                         : pattern[i] == 'D' ? &parts->day
                         : pattern[i] == 'h' ? &parts->hour
                         : pattern[i] == 'm' ? &parts->minute
                         : pattern[i] == 's' ? &parts->second
                                             : NULL;
        if (part == NULL) {
            if (pattern[i] != '?' && byte != (uint8_t)pattern[i]) {
                return false;
            }
            continue;
        }
        if (byte < '0' || byte > '9') {
            return false;
        }
        *part = *part * 10 + (uint32_t)(byte - '0');
    }
    return true;
}

static bool
to_seconds(const struct parts *parts, int64_t *out_s)
{
    if (parts->month < 1 || parts->month > 12 || parts->day < 1 ||
        parts->day > fi_calendar_near_month_days(parts->year, parts->month) || parts->hour > 23 ||
        parts->minute > 59 || parts->second > 60) {
        return false;
    }
    *out_s = INT64_C(86400) * fi_calendar_near_days(parts->year, parts->month, parts->day) +
             INT64_C(3600) * parts->hour + INT64_C(60) * parts->minute + parts->second;
    return true;
}

bool
fi_s3_time_parse_http(firn_slice text, int64_t *out_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct parts parts = {0};
    if (text.size != 29 || !read_pattern(text, "???, DD ??? YYYY hh:mm:ss ???", &parts) ||
        memcmp(text.data + 26, "GMT", 3) != 0) {
        return false;
    }
    for (uint32_t month = 0; month < 12; month++) {
        if (memcmp(text.data + 8, months + 3 * (size_t)month, 3) == 0) {
            parts.month = month + 1;
        }
    }
    return to_seconds(&parts, out_s);
}

bool
fi_s3_time_parse_iso(firn_slice text, int64_t *out_s)
{
    struct parts parts = {0};
    if (!read_pattern(text, "YYYY-MM-DDThh:mm:ss", &parts)) {
        return false;
    }
    size_t at = 19;
    if (at < text.size && text.data[at] == '.') {
        do {
            at++;
        } while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9');
    }
    firn_slice zone = firn_bytes(text.data + at, text.size - at);
    if (!(zone.size == 1 && zone.data[0] == 'Z') &&
        !(zone.size == 6 && memcmp(zone.data, "+00:00", 6) == 0)) {
        return false;
    }
    return to_seconds(&parts, out_s);
}

void
fi_s3_time_write_compact(int64_t seconds, char out[FI_S3_TIME_COMPACT_SIZE])
{
    int64_t days = fi_calendar_divide(seconds, 86400);
    uint32_t left = (uint32_t)(seconds - days * 86400);
    struct fi_calendar_date date = fi_calendar_date_of(days);
    uint32_t year = (uint32_t)(date.year > 0 && date.year <= 9999 ? date.year : 0);
    char *at = fi_calendar_put_two(out, year / 100);
    at = fi_calendar_put_two(at, year % 100);
    at = fi_calendar_put_two(at, date.month);
    at = fi_calendar_put_two(at, date.day);
    at = fi_calendar_put_after(at, 'T', left / 3600);
    at = fi_calendar_put_two(at, left / 60 % 60);
    at = fi_calendar_put_two(at, left % 60);
    *at++ = 'Z';
    *at = 0;
}
