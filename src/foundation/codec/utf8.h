/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/utf8.h: recognizing and decoding UTF-8.
 */
#ifndef FIRN_CODEC_UTF8_H
#define FIRN_CODEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* The length (1 to 4) of the valid sequence at the start of text, with its code point in *out; 0
 * if there is none (overlong forms, surrogates, values above U+10FFFF, a cut sequence, an empty
 * text). */
static inline size_t
fi_utf8_decode(firn_slice text, uint32_t *out)
{
    const uint8_t first = text.size > 0 ? text.data[0] : 0xff;
    const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > text.size || (first >= 0x80 && first < 0xc2) || first > 0xf4) {
        return 0;
    }
    uint32_t value = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text.data[i] & 0x3f);
    }
    const bool is_longer = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
    if (is_longer || is_surrogate || value > 0x10ffff) {
        return 0;
    }
    *out = value;
    return size;
}
bool fi_utf8_is_valid(firn_slice text);

#endif
