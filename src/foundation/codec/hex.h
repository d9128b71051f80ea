/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/hex.h: bytes as lower-case hexadecimal digits, and UUIDs.
 */
#ifndef FIRN_CODEC_HEX_H
#define FIRN_CODEC_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* Writes 2 * size digits and a NUL. */
void fi_hex_encode(const void *data, size_t size, char *out);
/* Reads 2 * size digits of any case; false if any is not a digit. */
bool fi_hex_decode(const char *digits, uint8_t *out, size_t size);

enum { FI_HEX_UUID_SIZE = 16, FI_HEX_UUID_TEXT_SIZE = 36 };
/* Writes 8-4-4-4-12 digits, without a NUL. */
static inline void
fi_hex_write_uuid(const uint8_t *uuid, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < FI_HEX_UUID_SIZE; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = digits[uuid[i] >> 4];
        *out++ = digits[uuid[i] & 15];
    }
}
/* Reads them, of any case; out may begin where the text does. */
bool fi_hex_read_uuid(firn_slice text, uint8_t *out);

#endif
