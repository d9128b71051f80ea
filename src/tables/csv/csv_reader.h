/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_reader.h: reads CSV (RFC 4180), piece by piece.
 *
 *     fi_csv_reader_create(&options, &reader, err)
 *     for each piece of the text:
 *         fi_csv_reader_feed(reader, piece)
 *         while (fi_csv_reader_next(reader, &record, err) == FIRN_OK && record.count > 0) …
 *     fi_csv_reader_finish(reader), and next until it finds nothing
 *
 * The division of the text into pieces does not matter. One thread at a time.
 *
 * Records end with LF, CR LF or CR. A field that begins with a quote ends with the next single one;
 * a doubled quote is one in its text. In any other field a quote is an ordinary character; spaces
 * belong to fields. A byte order mark at the beginning is skipped. If records have one field, an
 * empty line is a record with one empty field; otherwise empty lines are skipped.
 */
#ifndef FIRN_CSV_CSV_READER_H
#define FIRN_CSV_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "csv/csv_format.h"
#include "text/text_value.h"

/* Zeros are the defaults. */
struct fi_csv_reader_options {
    struct fi_csv_format format;
    uint32_t fields; /* of each record, up to FI_CSV_FIELDS_MAX; 0: as many as the first one has */
    size_t field_size_max;  /* 0: 16 MiB */
    size_t record_size_max; /* 0: 64 MiB; at most 2 GiB */
    uint64_t first_line;    /* the number of the first line; 0: 1 */
};

struct fi_csv_field {
    firn_slice text; /* without quotes; data is never NULL */
    bool is_quoted;
    bool is_null; /* unquoted, and the format's text for null */
};

struct fi_csv_record {
    const struct fi_csv_field *fields;
    uint32_t count; /* 0: there is no record yet, or no more */
    uint64_t line;  /* of its first byte, from 1 */
    firn_slice raw; /* all of it, without the end of the line */
    bool is_ascii;  /* all of it is; false may mean that the bytes beside it are not */
};

struct fi_csv_reader;

/* FIRN_INVALID: the options are invalid; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_csv_reader_create(const struct fi_csv_reader_options *options,
                                         struct fi_csv_reader **out, firn_error *err);
void fi_csv_reader_destroy(struct fi_csv_reader *reader);

/* Gives the next piece, which must not change until next has found nothing more in it. Requires:
 * next has found nothing more in the piece before; finish was not called. */
void fi_csv_reader_feed(struct fi_csv_reader *reader, firn_slice piece);
/* There are no more pieces. Requires: as feed. */
void fi_csv_reader_finish(struct fi_csv_reader *reader);

/* Finds the next record. All of *out is valid until the next call. count is 0 if a piece is needed,
 * or, after finish, if there are no more records. FIRN_INVALID: a record has a wrong number of
 * fields, text after a closing quote, too many fields, or an unclosed quote. *out has its line and
 * raw text, with count 0. The next call continues with the next record, or, after text that follows
 * a closing quote, with the next line. FIRN_LIMIT: a field or a record is too large;
 * FIRN_NO_MEMORY. Every later call fails in the same way. */
FIRN_MUST_CHECK int fi_csv_reader_next(struct fi_csv_reader *reader, struct fi_csv_record *out,
                                       firn_error *err);

/* After FIRN_INVALID: whether the text ended within quotes that were never closed. */
bool fi_csv_reader_is_within_quotes(const struct fi_csv_reader *reader);

/* Reads the fields of a record as values of as many columns; fields of columns of type
 * FIRN_TYPE_NULL become null. Overwrites memory; the values are valid as long as memory and the
 * record. Requires: the record has that many fields. FIRN_INVALID with line and column,
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_csv_reader_values(const struct fi_csv_record *record,
                                         const struct fi_text_value_column *columns,
                                         struct fi_buf *memory, firn_value *out, firn_error *err);

#endif
