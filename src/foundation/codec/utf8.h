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
size_t fi_utf8_decode(firn_slice text, uint32_t *out);
bool fi_utf8_is_valid(firn_slice text);

#endif
