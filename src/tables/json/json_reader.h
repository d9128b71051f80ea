/* SPDX-License-Identifier: Apache-2.0
 *
 * json/json_reader.h: rows from JSON lines: one object (RFC 8259) a line, its keys the names of
 * columns.
 *
 * It is used like csv/csv_reader.h: create, feed, next, finish. The division of the text into
 * pieces does not matter. One thread at a time.
 *
 *   null           null
 *   a string       any type: the value that its text means (text/text_value.h)
 *   a number       integers, decimals, f32, f64 and bool (0 and 1)
 *   true, false    bool
 *   an array       vectors, if all elements are numbers
 *
 * Values of columns of type FIRN_TYPE_NULL become null. Columns of type text take every value:
 * numbers, true and false, arrays and objects as their JSON text. Lines end with LF; empty lines
 * are skipped, and so is a byte order mark at the beginning. No key may come twice in a line's
 * object; keys of nested objects are not compared. Values are nested up to FI_JSON_DEPTH_MAX
 * deep.
 */
#ifndef FIRN_JSON_JSON_READER_H
#define FIRN_JSON_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/text_value.h"

enum { FI_JSON_DEPTH_MAX = 64 /* the line's object is at depth 1 */ };

/* Zeros are the defaults. */
struct fi_json_reader_options {
    /* borrowed, with their names, as long as the reader lives */
    const struct fi_text_value_column *columns;
    uint32_t count;
    bool ignores_unknown; /* keys without a column; otherwise they are errors */
    size_t line_size_max; /* 0: 64 MiB; at most 2 GiB */
};

struct fi_json_record {
    const firn_value *values; /* of each column; NULL: there is no record yet, or no more */
    const bool *is_given;     /* whether the line has the column's key; values of others are null */
    uint64_t line;            /* from 1 */
    firn_slice raw;           /* the line without its end */
};

struct fi_json_reader;

/* FIRN_INVALID: two columns have one name, or a limit is invalid; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_json_reader_create(const struct fi_json_reader_options *options,
                                          struct fi_json_reader **out, firn_error *err);
void fi_json_reader_destroy(struct fi_json_reader *reader);

/* Gives the next piece, which must not change until next has found nothing more in it. Requires:
 * next has found nothing more in the piece before; finish was not called. */
void fi_json_reader_feed(struct fi_json_reader *reader, firn_slice piece);
/* There are no more pieces. Requires: as feed. */
void fi_json_reader_finish(struct fi_json_reader *reader);

/* Reads the next line. All of *out is valid until the next call. values is NULL if a piece is
 * needed, or, after finish, if there are no more lines. FIRN_INVALID: the line is no object, or
 * does not fit the columns. *out has line and raw text; the next call continues with the next line.
 * FIRN_LIMIT: a line is too long; FIRN_NO_MEMORY. Every later call fails in the same way. */
FIRN_MUST_CHECK int fi_json_reader_next(struct fi_json_reader *reader, struct fi_json_record *out,
                                        firn_error *err);

#endif
