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
