/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange/json_writer.h: rows as JSON lines.
 *
 * Numbers are numbers with all their digits, at any size, decimals too; bool is true or false;
 * a vector is an array of numbers. All else is a string with the text of exchange/value_text.h, and so
 * are what JSON has no numbers for: "nan", "inf", "-inf", and a vector with one of those. Null is null.
 * exchange/json_reader.h reads the same values from that.
 */
#ifndef FIRN_EXCHANGE_JSON_WRITER_H
#define FIRN_EXCHANGE_JSON_WRITER_H

#include "exchange/value_text.h"

/* Appends a row and a line feed. Requires: values are null or of their columns' types. On failure
 * out is as it was: FIRN_INVALID where a name or a text is no valid UTF-8; FIRN_NO_MEMORY. Any
 * thread. */
FIRN_MUST_CHECK int firn_json_writer_row(const struct firn_value_text_column *columns,
                                         const firn_value *values, size_t count,
                                         struct firn_buf *out, firn_error *err);

#endif
