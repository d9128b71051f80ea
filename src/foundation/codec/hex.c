/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/hex.c: bytes as hexadecimal digits, for names of objects and for messages.
 *
 * Digits are written in lower case and read in any case. Decoding reads exactly the requested
 * digits and does not look at what follows them: the caller knows the length and checks it. It
 * stops at the first character that is not a digit, so it does not read past the end of a
 * NUL-terminated text that is too short. Nothing here is secret, so nothing here runs in constant
 * time.
 */
#include "codec/hex.h"

#include "base/check.h"

void
fi_hex_encode(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    DCHECK(data != NULL || size == 0);
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

/* 0 to 15, or -1. */
static int
digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool
fi_hex_decode(const char *digits, uint8_t *out, size_t size)
{
    DCHECK(digits != NULL);
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(digits[2 * i]);
        if (high < 0) {
            return false;
        }
        int low = digit_value(digits[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool
fi_hex_read_uuid(firn_slice text, uint8_t *out)
{
    static const uint8_t starts[] = {0, 9, 14, 19, 24, FI_HEX_UUID_TEXT_SIZE + 1};
    bool is_uuid = text.size == FI_HEX_UUID_TEXT_SIZE;
    for (size_t i = 0; i + 1 < sizeof starts && is_uuid; i++) {
        const size_t size = (starts[i + 1] - starts[i] - 1u) / 2;
        is_uuid = (i == 0 || text.data[starts[i] - 1] == '-') &&
                  fi_hex_decode((const char *)text.data + starts[i], out, size);
        out += size;
    }
    return is_uuid;
}
