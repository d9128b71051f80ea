/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange/short_text.h: reads numbers of at most 16 digits and dates, eight characters at once.
 *
 * Most values in files are such. Each function returns false if a text is written in another way, is out of range or
 * is malformed; the readers of value_text.c and time_text.c then look at it again, character by character. A text that is
 * read here is read there with the same value. No byte outside of the text is read. Any thread.
 *
 * The digits of a word are added up in pairs, then in fours, then in eights (D. Lemire, "Quickly parsing eight digits").
 */
#ifndef FIRN_EXCHANGE_SHORT_TEXT_H
#define FIRN_EXCHANGE_SHORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/check.h"
#include "firn/types.h"

enum { FIRN_SHORT_TEXT_DIGITS = 8, FIRN_SHORT_TEXT_DATE_SIZE = 10 };

/* A word of eight characters, the first one in the lowest byte, as a number. */
static inline bool
firn_short_text_word(uint64_t word, uint64_t *out)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    /* '0' to '9', and also when six is added, are 0x30 to 0x3f. */
    const uint64_t nibbles = (word & high) | ((word + UINT64_C(0x0606060606060606)) & high) >> 4;
    word = (word & ~high) * (10 * 0x100 + 1) >> 8;
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) * (100 * 0x10000 + 1) >> 16;
    *out = (word & UINT64_C(0x0000ffff0000ffff)) * (10000 * UINT64_C(0x100000000) + 1) >> 32;
    return nibbles == UINT64_C(0x3333333333333333);
}

/* 1 to 8 digits. */
static inline bool
firn_short_text_eight(const uint8_t *at, size_t size, uint64_t *out)
{
    uint64_t word;
    DCHECK(size > 0 && size <= FIRN_SHORT_TEXT_DIGITS);
    /* Loads that overlap read the same bytes to the same places. */
    if (size >= 4) {
        word = firn_load_le32(at) | (uint64_t)firn_load_le32(at + size - 4) << 8 * (size - 4);
    } else {
        word = at[0] | (uint64_t)at[size / 2] << 8 * (size / 2) |
               (uint64_t)at[size - 1] << 8 * (size - 1);
    }
    /* Zeros go in front. */
    word = word << 8 * (FIRN_SHORT_TEXT_DIGITS - size) |
           UINT64_C(0x3030303030303030) >> 8 * (size - 1) >> 8;
    return firn_short_text_word(word, out);
}

/* 1 to 16 digits. */
static inline bool
firn_short_text_digits(const uint8_t *at, size_t size, uint64_t *out)
{
    uint64_t low;
    if (size - 1 < FIRN_SHORT_TEXT_DIGITS) {
        return firn_short_text_eight(at, size, out);
    }
    const size_t rest = size - FIRN_SHORT_TEXT_DIGITS;
    if (rest - 1 >= FIRN_SHORT_TEXT_DIGITS || !firn_short_text_eight(at, rest, out) ||
        !firn_short_text_word(firn_load_le64(at + rest), &low)) {
        return false;
    }
    *out = *out * 100000000 + low;
    return true;
}

/* An integer: digits, perhaps after a minus. *out is its absolute value. */
static inline bool
firn_short_text_integer(firn_slice text, bool *out_is_negative, uint64_t *out)
{
    if (text.size == 0) {
        return false;
    }
    const size_t first = text.data[0] == '-';
    *out_is_negative = first > 0;
    return firn_short_text_digits(text.data + first, text.size - first, out);
}

/* A decimal that has as many digits after its point as its scale, at most 8. *out: in units of 10^-scale. */
static inline bool
firn_short_text_decimal(firn_slice text, unsigned precision, unsigned scale, int64_t *out)
{
    static const uint32_t powers[] = {1,      10,      100,      1000,     10000,
                                      100000, 1000000, 10000000, 100000000};
    const size_t after = scale > 0 ? scale + 1 : 0; /* bytes of the point and what follows it */
    uint64_t number;
    uint64_t fraction = 0;
    bool is_negative;
    if (scale > FIRN_SHORT_TEXT_DIGITS || text.size <= after ||
        !firn_short_text_integer(firn_bytes(text.data, text.size - after), &is_negative, &number)) {
        return false;
    }
    const size_t digits = text.size - is_negative - (scale > 0);
    const uint8_t *point = text.data + text.size - after;
    if (digits > precision ||
        (scale > 0 && (*point != '.' || !firn_short_text_eight(point + 1, scale, &fraction)))) {
        return false;
    }
    DCHECK(digits <= 18);
    number = number * powers[scale] + fraction;
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

/* A date like 2026-11-23, as days since 1970-01-01; see time_text.c. */
static inline bool
firn_short_text_date(firn_slice text, int64_t *out_days)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t number;
    if (text.size != FIRN_SHORT_TEXT_DATE_SIZE) {
        return false;
    }
    const uint64_t word = firn_load_le64(text.data);
    const uint64_t digits = (word & UINT64_C(0xffffffff)) | (word >> 8 & UINT64_C(0xffff00000000)) |
                            (uint64_t)text.data[8] << 48 | (uint64_t)text.data[9] << 56;
    if ((word & UINT64_C(0xff0000ff00000000)) != UINT64_C(0x2d00002d00000000) ||
        !firn_short_text_word(digits, &number)) {
        return false;
    }
    const uint32_t month = (uint32_t)number / 100 % 100;
    const uint32_t day = (uint32_t)number % 100;
    uint32_t year = (uint32_t)number / 10000;
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month - 1 >= 12 || day - 1 >= (uint32_t)lengths[month - 1] + (month == 2 && is_leap)) {
        return false;
    }
    /* Years begin in March, and an era earlier: no number is below 0. */
    year = year + 400 - (month <= 2);
    const uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const uint32_t days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    *out_days = (int64_t)days - 146097 - 719468;
    return true;
}

#endif
