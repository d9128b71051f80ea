/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_short.h: reads numbers of at most 16 digits, dates and timestamps, eight characters at
 * once.
 *
 * Most values in files are such. Each function returns false if a text is written in another way,
 * is out of range or is malformed; the readers of text_value.c and text_time.c then look at it
 * again, character by character. A text that is read here is read there with the same value. No
 * byte outside of the text is read. Any thread.
 *
 * The digits of a word are added up in pairs, then in fours, then in eights (D. Lemire, "Quickly
 * parsing eight digits").
 */
#ifndef FIRN_TEXT_TEXT_SHORT_H
#define FIRN_TEXT_TEXT_SHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/calendar.h"
#include "firn/types.h"

enum { FI_TEXT_SHORT_DIGITS = 8, FI_TEXT_SHORT_DATE_SIZE = 10, FI_TEXT_SHORT_SECOND_SIZE = 19 };

/* Whether a word has eight digits. *out: the pairs of them, the first one lowest, as numbers of 16
 * bits. */
static inline bool
fi_text_short_pairs(uint64_t word, uint64_t *out)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    /* '0' to '9', and also when six is added, are 0x30 to 0x3f. */
    const uint64_t nibbles = (word & high) | ((word + UINT64_C(0x0606060606060606)) & high) >> 4;
    *out = ((word & ~high) * (10 * 0x100 + 1) >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    return nibbles == UINT64_C(0x3333333333333333);
}

/* Eight digits, the first one in the lowest byte, as a number. */
static inline bool
fi_text_short_word(uint64_t word, uint64_t *out)
{
    uint64_t pairs;
    const bool is_number = fi_text_short_pairs(word, &pairs);
    pairs = (pairs * (100 * 0x10000 + 1) >> 16) & UINT64_C(0x0000ffff0000ffff);
    *out = pairs * (10000 * UINT64_C(0x100000000) + 1) >> 32;
    return is_number;
}

/* 1 to 8 digits. */
static inline bool
fi_text_short_eight(const uint8_t *at, size_t size, uint64_t *out)
{
    uint64_t word;
    DCHECK(size > 0 && size <= FI_TEXT_SHORT_DIGITS);
    /* Loads that overlap read the same bytes to the same places. */
    if (size >= 4) {
        word = fi_load_le32(at) | (uint64_t)fi_load_le32(at + size - 4) << 8 * (size - 4);
    } else {
        word = at[0] | (uint64_t)at[size / 2] << 8 * (size / 2) |
               (uint64_t)at[size - 1] << 8 * (size - 1);
    }
    /* Zeros go in front. */
    word = word << 8 * (FI_TEXT_SHORT_DIGITS - size) |
           UINT64_C(0x3030303030303030) >> 8 * (size - 1) >> 8;
    return fi_text_short_word(word, out);
}

/* 1 to 16 digits. */
static inline bool
fi_text_short_digits(const uint8_t *at, size_t size, uint64_t *out)
{
    uint64_t low;
    if (size - 1 < FI_TEXT_SHORT_DIGITS) {
        return fi_text_short_eight(at, size, out);
    }
    const size_t rest = size - FI_TEXT_SHORT_DIGITS;
    if (rest - 1 >= FI_TEXT_SHORT_DIGITS || !fi_text_short_eight(at, rest, out) ||
        !fi_text_short_word(fi_load_le64(at + rest), &low)) {
        return false;
    }
    *out = *out * 100000000 + low;
    return true;
}

/* An integer: digits, perhaps after a minus. *out is its absolute value. */
static inline bool
fi_text_short_integer(firn_slice text, bool *out_is_negative, uint64_t *out)
{
    if (text.size == 0) {
        return false;
    }
    const size_t first = text.data[0] == '-';
    *out_is_negative = first > 0;
    return fi_text_short_digits(text.data + first, text.size - first, out);
}

/* A decimal that has as many digits after its point as its scale. *out: in units of 10^-scale. */
static inline bool
fi_text_short_decimal(firn_slice text, unsigned precision, unsigned scale, int64_t *out)
{
    const size_t after = scale > 0 ? scale + 1 : 0; /* bytes of the point and what follows it */
    uint64_t number;
    bool is_negative;
    if (text.size <= after ||
        !fi_text_short_integer(firn_bytes(text.data, text.size - after), &is_negative, &number)) {
        return false;
    }
    const uint8_t *point = text.data + text.size - after;
    if (text.size - is_negative - (scale > 0) > precision || (scale > 0 && *point != '.')) {
        return false;
    }
    DCHECK(precision <= 18); /* so that nothing overflows */
    uint32_t largest = 0;
    for (unsigned i = 1; i <= scale; i++) {
        const uint32_t digit = (uint8_t)(point[i] - '0');
        largest = digit > largest ? digit : largest;
        number = number * 10 + digit;
    }
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return largest <= 9;
}

/* A date like 2026-11-23, as days since 1970-01-01; see text_time.c. */
static inline bool
fi_text_short_date(firn_slice text, int64_t *out_days)
{
    uint64_t pairs;
    if (text.size != FI_TEXT_SHORT_DATE_SIZE) {
        return false;
    }
    const uint64_t word = fi_load_le64(text.data);
    const uint64_t digits = (word & UINT64_C(0xffffffff)) | (word >> 8 & UINT64_C(0xffff00000000)) |
                            (uint64_t)fi_load_le16(text.data + 8) << 48;
    if ((word & UINT64_C(0xff0000ff00000000)) != UINT64_C(0x2d00002d00000000) ||
        !fi_text_short_pairs(digits, &pairs)) {
        return false;
    }
    const uint32_t year = 100 * (uint32_t)(pairs & 0xff) + (uint32_t)(pairs >> 16 & 0xff);
    const uint32_t month = pairs >> 32 & 0xff;
    const uint32_t day = pairs >> 48 & 0xff;
    if (month - 1 >= 12 || day - 1 >= fi_calendar_near_month_days(year, month)) {
        return false;
    }
    *out_days = fi_calendar_near_days(year, month, day);
    return true;
}

/* A clock like 23:59:59, as seconds. `word` has its characters, the first one in the lowest
 * byte. */
static inline bool
fi_text_short_clock(uint64_t word, uint32_t *out)
{
    uint64_t pairs;
    const uint64_t digits = (word & UINT64_C(0xffff)) | (word >> 8 & UINT64_C(0xffff0000)) |
                            (word >> 16 & UINT64_C(0xffff00000000)) | UINT64_C(0x3030) << 48;
    if ((word & UINT64_C(0x0000ff0000ff0000)) != UINT64_C(0x00003a00003a0000) ||
        !fi_text_short_pairs(digits, &pairs)) {
        return false;
    }
    const uint32_t hour = pairs & 0xff;
    const uint32_t minute = pairs >> 16 & 0xff;
    const uint32_t second = pairs >> 32 & 0xff;
    *out = (hour * 60 + minute) * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* A timestamp like 2026-11-23 23:59:59 or, with 1 to 6 more digits, 2026-11-23 23:59:59.5, as
 * microseconds since 1970-01-01; see text_time.c. */
static inline bool
fi_text_short_timestamp(firn_slice text, int64_t *out_us)
{
    static const uint32_t units[] = {0, 100000, 10000, 1000, 100, 10, 1};
    const size_t rest = text.size - FI_TEXT_SHORT_SECOND_SIZE; /* of the fraction, with its point */
    uint64_t fraction = 0;
    uint32_t seconds;
    int64_t days;
    if (text.size < FI_TEXT_SHORT_SECOND_SIZE || rest == 1 || rest > 7 ||
        (text.data[10] != ' ' && text.data[10] != 'T') ||
        !fi_text_short_date(firn_bytes(text.data, FI_TEXT_SHORT_DATE_SIZE), &days) ||
        !fi_text_short_clock(fi_load_le64(text.data + 11), &seconds)) {
        return false;
    }
    if (rest > 1) {
        const uint8_t *point = text.data + FI_TEXT_SHORT_SECOND_SIZE;
        if (*point != '.' || !fi_text_short_eight(point + 1, rest - 1, &fraction)) {
            return false;
        }
        fraction *= units[rest - 1];
    }
    *out_us = (days * 86400 + seconds) * 1000000 + (int64_t)fraction;
    return true;
}

#endif
