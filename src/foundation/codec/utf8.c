/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/utf8.c: UTF-8 as defined by RFC 3629.
 *
 * File names are bytes; whether they are also text only decides how they are shown (JSON escapes
 * other bytes). A sequence is valid if it is the shortest form of a Unicode scalar value: no
 * overlong forms, no surrogates, nothing above U+10FFFF. The first byte determines the length and
 * the smallest value that needs it.
 *
 * Decoding never reads past the slice. A result of 0 tells the caller that the next byte is not
 * text, and the caller continues after that byte.
 */
#include "codec/utf8.h"

#include "base/bytes.h"
#include "base/check.h"

/* The length that a first byte announces, its payload, and the smallest value of that length; 0
 * for no first byte. */
static size_t
first_byte(uint8_t byte, uint32_t *value, uint32_t *smallest)
{
    if (byte >= 0xc2 && byte <= 0xdf) {
        *value = byte & 0x1f;
        *smallest = 0x80;
        return 2;
    }
    if (byte >= 0xe0 && byte <= 0xef) {
        *value = byte & 0x0f;
        *smallest = 0x800;
        return 3;
    }
    if (byte >= 0xf0 && byte <= 0xf4) {
        *value = byte & 0x07;
        *smallest = 0x10000;
        return 4;
    }
    return 0;
}

size_t
fi_utf8_decode(firn_slice text, uint32_t *out)
{
    if (text.size == 0) {
        return 0;
    }
    if (text.data[0] < 0x80) {
        *out = text.data[0];
        return 1;
    }
    uint32_t value = 0;
    uint32_t smallest = 0;
    size_t size = first_byte(text.data[0], &value, &smallest);
    if (size == 0 || size > text.size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text.data[i] & 0x3f);
    }
    bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < smallest || value > 0x10ffff || is_surrogate) {
        return 0;
    }
    *out = value;
    return size;
}

bool
fi_utf8_is_valid(firn_slice text)
{
    size_t at = 0;
    while (at < text.size) {
        if (text.size - at >= 8 &&
            (fi_load_le64(text.data + at) & UINT64_C(0x8080808080808080)) == 0) {
            at += 8;
            continue;
        }
        if (text.data[at] < 0x80) {
            at++;
            continue;
        }
        uint32_t value;
        size_t size = fi_utf8_decode(firn_bytes(text.data + at, text.size - at), &value);
        if (size == 0) {
            return false;
        }
        at += size;
        DCHECK(at <= text.size);
    }
    return true;
}
