/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_pattern.c: takes a text apart by a pattern, and lets text_time.c judge the result.
 *
 * The fields that were found are written as ISO 8601, which the reader of text_time.c then checks
 * and converts. So the calendar has one implementation, and 30 February is refused with the same
 * words.
 */
#include "text/text_pattern.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "text/text_time.h"

static const char not_pattern[] = "does not have the form of the pattern";

struct fields {
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned microsecond;
    int zone_minutes;
    bool has_half; /* %p */
    bool is_afternoon;
    bool has_time; /* anything of it that is not 0 */
};

static bool
is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* A number of up to that many digits at the beginning of *text, which it leaves. */
static bool
parse_number(firn_slice *text, size_t least, size_t most, unsigned *out)
{
    size_t size = 0;
    *out = 0;
    while (size < most && size < text->size && is_digit(text->data[size])) {
        *out = *out * 10 + (unsigned)(text->data[size++] - '0');
    }
    *text = firn_bytes(text->data + size, text->size - size);
    return size >= least;
}

static bool
parse_byte(firn_slice *text, uint8_t byte)
{
    if (text->size == 0 || text->data[0] != byte) {
        return false;
    }
    *text = firn_bytes(text->data + 1, text->size - 1);
    return true;
}

/* A word in any case. word is in small letters. */
static bool
parse_word(firn_slice *text, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i < size; i++) {
        if (i >= text->size || (text->data[i] | 0x20) != (uint8_t)word[i]) {
            return false;
        }
    }
    *text = firn_bytes(text->data + size, text->size - size);
    return true;
}

static bool
parse_month(firn_slice *text, unsigned *out)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (unsigned i = 0; i < 12; i++) {
        char shorter[4] = {names[i][0], names[i][1], names[i][2], '\0'};
        if (parse_word(text, names[i]) || parse_word(text, shorter)) {
            *out = i + 1;
            return true;
        }
    }
    return false;
}

static bool
parse_zone(firn_slice *text, int *out_minutes)
{
    unsigned hours;
    unsigned minutes = 0;
    *out_minutes = 0;
    if (parse_word(text, "z")) {
        return true;
    }
    bool is_west = text->size > 0 && text->data[0] == '-';
    if ((!parse_byte(text, '+') && !parse_byte(text, '-')) || !parse_number(text, 2, 2, &hours)) {
        return false;
    }
    bool has_colon = parse_byte(text, ':');
    bool has_minutes = text->size > 0 && is_digit(text->data[0]);
    if ((has_colon || has_minutes) && !parse_number(text, 2, 2, &minutes)) {
        return false;
    }
    *out_minutes = (int)(hours * 60 + minutes) * (is_west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool
parse_fraction(firn_slice *text, unsigned *out)
{
    size_t before = text->size;
    if (!parse_number(text, 1, 6, out)) {
        return false;
    }
    for (size_t digits = before - text->size; digits < 6; digits++) {
        *out *= 10;
    }
    return true;
}

static bool
parse_field(firn_slice *text, uint8_t letter, struct fields *out)
{
    switch (letter) {
    case 'Y':
        return parse_number(text, 4, 4, &out->year);
    case 'y':
        if (!parse_number(text, 2, 2, &out->year)) {
            return false;
        }
        out->year += out->year < 69 ? 2000 : 1900;
        return true;
    case 'm':
        return parse_number(text, 1, 2, &out->month);
    case 'b':
        return parse_month(text, &out->month);
    case 'd':
        return parse_number(text, 1, 2, &out->day);
    case 'H':
        return parse_number(text, 1, 2, &out->hour);
    case 'I':
        return parse_number(text, 1, 2, &out->hour) && out->hour >= 1 && out->hour <= 12;
    case 'M':
        return parse_number(text, 1, 2, &out->minute);
    case 'S':
        return parse_number(text, 1, 2, &out->second);
    case 'f':
        return parse_fraction(text, &out->microsecond);
    case 'z':
        return parse_zone(text, &out->zone_minutes);
    case 'p':
        out->has_half = true;
        out->is_afternoon = text->size > 0 && (text->data[0] | 0x20) == 'p';
        return parse_word(text, "am") || parse_word(text, "pm");
    default:
        DCHECK(letter == '%');
        return parse_byte(text, '%');
    }
}

const char *
fi_text_pattern_defect(firn_slice pattern)
{
    static const char letters[] = "YymbdHIMSfzp%";
    unsigned dates = 0; /* 1 year, 2 month, 4 day */
    unsigned halves = 0;
    for (size_t i = 0; i < pattern.size; i++) {
        if (pattern.data[i] != '%') {
            continue;
        }
        if (++i == pattern.size || pattern.data[i] == '\0' ||
            strchr(letters, pattern.data[i]) == NULL) {
            return "a pattern of dates has %Y %y %m %b %d %H %I %M %S %f %p %z and %% alone";
        }
        char letter = (char)pattern.data[i];
        dates |= letter == 'Y' || letter == 'y'   ? 1
                 : letter == 'm' || letter == 'b' ? 2
                 : letter == 'd'                  ? 4
                                                  : 0;
        halves |= letter == 'I' ? 1 : letter == 'p' ? 2 : 0;
    }
    if (dates != 7) {
        return "a pattern of dates needs a year, a month and a day";
    }
    return halves == 1 || halves == 2 ? "in a pattern of dates %I and %p go together" : NULL;
}

/* Takes the text apart. Returns what is wrong. */
static const char *
text_pattern_accept(firn_slice pattern, firn_slice text, struct fields *out)
{
    *out = (struct fields){.year = 0};
    for (size_t i = 0; i < pattern.size; i++) {
        uint8_t byte = pattern.data[i];
        bool is_right = true;
        if (byte == '%') {
            CHECK(i + 1 < pattern.size);
            is_right = parse_field(&text, pattern.data[++i], out);
        } else if (byte == ' ') {
            while (parse_byte(&text, ' ')) {
            }
        } else {
            is_right = parse_byte(&text, byte);
        }
        if (!is_right) {
            return not_pattern;
        }
    }
    if (out->has_half) {
        out->hour = out->hour % 12 + (out->is_afternoon ? 12 : 0);
    }
    out->has_time =
        out->hour + out->minute + out->second + out->microsecond != 0 || out->zone_minutes != 0;
    return text.size > 0 ? not_pattern : NULL;
}

const char *
fi_text_pattern_read(firn_slice pattern, firn_slice text, int64_t *out_us)
{
    struct fields found;
    char iso[64];
    const char *defect = text_pattern_accept(pattern, text, &found);
    if (defect != NULL) {
        return defect;
    }
    unsigned zone = (unsigned)(found.zone_minutes < 0 ? -found.zone_minutes : found.zone_minutes);
    int size =
        snprintf(iso, sizeof iso, "%04u-%02u-%02u %02u:%02u:%02u.%06u%c%02u:%02u", found.year,
                 found.month, found.day, found.hour, found.minute, found.second, found.microsecond,
                 found.zone_minutes < 0 ? '-' : '+', zone / 60, zone % 60);
    CHECK(size > 0 && (size_t)size < sizeof iso);
    return fi_text_time_read_timestamp(firn_bytes((const uint8_t *)iso, (size_t)size), out_us);
}

const char *
fi_text_pattern_read_date(firn_slice pattern, firn_slice text, int64_t *out_days)
{
    struct fields found;
    char iso[32];
    const char *defect = text_pattern_accept(pattern, text, &found);
    if (defect != NULL || found.has_time) {
        return defect != NULL ? defect : "has a time, which a date has not";
    }
    int size = snprintf(iso, sizeof iso, "%04u-%02u-%02u", found.year, found.month, found.day);
    CHECK(size > 0 && (size_t)size < sizeof iso);
    return fi_text_time_read_date(firn_bytes((const uint8_t *)iso, (size_t)size), out_days);
}
