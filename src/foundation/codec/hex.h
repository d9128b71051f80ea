/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/hex.h: bytes as lower-case hexadecimal digits.
 */
#ifndef FIRN_CODEC_HEX_H
#define FIRN_CODEC_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * size digits and a NUL. */
void fi_hex_encode(const void *data, size_t size, char *out);
/* Reads 2 * size digits of any case; false if any is not a digit. */
bool fi_hex_decode(const char *digits, uint8_t *out, size_t size);

#endif
