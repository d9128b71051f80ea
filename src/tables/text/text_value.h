/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_value.h: a value of each type as text. docs/exchange.md is the prose twin.
 *
 *   bool          true false t f 1 0, in any case; true and false are written
 *   i8 … u64      a sign and digits
 *   f32 f64       see text/text_float.h
 *   decimal(p,s)  a sign, digits with at most one point, an exponent; it must fit without rounding
 *   date, timestamp   see text/text_time.h
 *   text          UTF-8, as it is
 *   blob          "\x" and two hexadecimal digits a byte
 *   uuid          8-4-4-4-12 hexadecimal digits
 *   vector(n)     [1.0,2.5,3.0]: n elements as f32
 *
 * Spaces and tabs around a text are ignored, except for type text. A value that was written is read
 * as the same value; there is only one NaN. Any thread.
 */
#ifndef FIRN_TEXT_TEXT_VALUE_H
#define FIRN_TEXT_TEXT_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "type/type.h"

enum { FI_TEXT_VALUE_DIGITS_MAX = 18, FI_TEXT_VALUE_DIMENSIONS_MAX = 1 << 20 };

struct fi_text_value_type {
    firn_type type;
    uint8_t precision;   /* of DECIMAL: its digits, 1 to 18 */
    uint8_t scale;       /* of DECIMAL: those after the point, 0 to precision */
    uint32_t dimensions; /* of VECTOR: 1 to FI_TEXT_VALUE_DIMENSIONS_MAX */
    /* Of DATE and TIMESTAMP: how they are read (text_pattern.h); empty: ISO 8601. Borrowed. */
    firn_slice pattern;
};

/* Sets how a type of dates or timestamps is read; of others nothing changes. */
static inline void
fi_text_value_set_pattern(struct fi_text_value_type *type, firn_slice date, firn_slice timestamp)
{
    if (fi_type_is_time(type->type)) {
        type->pattern = type->type == FIRN_TYPE_DATE ? date : timestamp;
    }
}

/* A column of rows of text. */
struct fi_text_value_column {
    firn_slice name; /* borrowed */
    struct fi_text_value_type type;
};

/* The most bytes of memory that values need for each byte of their texts. */
enum { FI_TEXT_VALUE_ROOM = 2 };

/* Reads a value. The bytes of TEXT are borrowed from text; those of other types are appended to
 * memory, whose contents move if it must grow. To read several values, the caller first reserves
 * FI_TEXT_VALUE_ROOM bytes for each byte of all texts, so that nothing moves. The values are
 * valid as long as text and memory. FIRN_INVALID, with the type, the beginning of the text and what
 * is wrong; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_text_value_read(const struct fi_text_value_type *type, firn_slice text,
                                       struct fi_buf *memory, firn_value *out, firn_error *err);

/* The same for a text without spaces around it, and a type other than TEXT: NULL, or what is wrong
 * ("is out of range"). Requires: memory has that room; it may be the text's. For types without
 * bytes it may be NULL. */
FIRN_MUST_CHECK const char *fi_text_value_parse(const struct fi_text_value_type *type,
                                                firn_slice text, struct fi_buf *memory,
                                                firn_value *out);

/* Appends the text of a value. Requires: the value is of the type, and not null; a UUID has 16
 * bytes, a VECTOR 4 for each dimension. FIRN_NO_MEMORY leaves out as it was. */
FIRN_MUST_CHECK int fi_text_value_append(const struct fi_text_value_type *type, firn_value value,
                                         struct fi_buf *out);

/* Writes the beginning of a text for a message, with a NUL: control characters and invalid UTF-8
 * become escapes such as "\x0a", and "..." stands for the part that does not fit. */
enum { FI_TEXT_VALUE_SHORT_SIZE = 64 };
void fi_text_value_shorten(firn_slice text, char *out);

#endif
