/* SPDX-License-Identifier: Apache-2.0
 *
 * json/json_writer.h: rows as JSON lines.
 *
 * Numbers, including decimals, are JSON numbers with all their digits, at any size; bool is true or
 * false; a vector is an array of numbers. All other values are strings with the text of
 * text/text_value.h, and so are "nan", "inf", "-inf", and a vector with one of those, because JSON
 * has no such numbers. Null is null. json/json_reader.h reads the same values back.
 */
#ifndef FIRN_JSON_JSON_WRITER_H
#define FIRN_JSON_JSON_WRITER_H

#include "text/text_value.h"

/* Appends a row and a line feed. Requires: values are null or of their columns' types. On failure
 * out is as it was: FIRN_INVALID if a name or a text is not valid UTF-8; FIRN_NO_MEMORY. Any
 * thread. */
FIRN_MUST_CHECK int fi_json_writer_row(const struct fi_text_value_column *columns,
                                       const firn_value *values, size_t count, struct fi_buf *out,
                                       firn_error *err);

#endif
