/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_literal.h: constants in definitions of tables: values as words, and back.
 */
#ifndef FIRN_SCHEMA_SCHEMA_LITERAL_H
#define FIRN_SCHEMA_SCHEMA_LITERAL_H

#include "base/buf.h"
#include "firn/value.h"
#include "schema/schema.h"

enum fi_schema_literal_form {
    FI_SCHEMA_LITERAL_WORD,   /* null, true, … */
    FI_SCHEMA_LITERAL_NUMBER, /* -1.5e3 */
    FI_SCHEMA_LITERAL_STRING, /* what was between the quotes, each '' one quote */
    FI_SCHEMA_LITERAL_HEX     /* what was between the quotes of x'…' */
};
struct fi_schema_literal {
    enum fi_schema_literal_form form;
    firn_slice text;
};

/* Reads a literal as a value for a column of that type and scale. Bytes go to memory, which has
 * room for text.size and may be the text itself; *out_bytes is their number. Returns NULL, or what
 * is wrong ("is not a date"). It is not checked whether the column accepts the value. */
const char *fi_schema_literal_read(const struct fi_schema_literal *literal, firn_type type,
                                   uint32_t scale, uint8_t *memory, size_t *out_bytes,
                                   firn_value *out);
/* Appends a cell as a literal that reads back as the same cell. Requires: it is not null.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_schema_literal_append(const struct fi_schema_column *column,
                                             const struct fi_cell *cell, struct fi_buf *out);

#endif
