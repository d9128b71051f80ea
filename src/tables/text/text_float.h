/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_float.h: floating-point numbers as text.
 *
 * Reading rounds to the nearest number, ties to even, for texts of any length. Writing gives
 * the shortest text that is read as the same number, and of those the nearest. Nothing depends on
 * the locale or on the processor's rounding mode. Any thread.
 */
#ifndef FIRN_TEXT_TEXT_FLOAT_H
#define FIRN_TEXT_TEXT_FLOAT_H

#include <stddef.h>

#include "firn/types.h"

/*   number := sign? (digits ("." digits*)? | "." digits) (("e" | "E") sign? digits)?
 *           | sign? ("inf" | "infinity" | "nan"), in any case
 * Numbers too small become 0. Returns NULL, or what is wrong with the text ("is too large", …). */
FIRN_MUST_CHECK const char *fi_text_float_read64(firn_slice text, double *out);
FIRN_MUST_CHECK const char *fi_text_float_read32(firn_slice text, float *out);

/* Writes the text, without a NUL, and returns its size. It has a point or an exponent ("3.0",
 * "0.1", "1e22", "1.5e-7") or is "nan", "inf" or "-inf". */
enum { FI_TEXT_FLOAT_SIZE_MAX = 32 };
size_t fi_text_float_write64(double number, char *out);
size_t fi_text_float_write32(float number, char *out);

#endif
