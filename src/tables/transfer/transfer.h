/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer.h: rows of tables from CSV, JSON lines and files of vectors, and as text. The
 * public twin, with the caveats, is include/firn/exchange.h.
 *
 * One thread at a time.
 */
#ifndef FIRN_TRANSFER_TRANSFER_H
#define FIRN_TRANSFER_TRANSFER_H

#include "firn/exchange.h"
#include "rows/rows.h"
#include "storefile/storefile.h"

/* Converts a program's description of a text to one for the readers and writers, which borrows from
 * it. FIRN_INVALID. */
struct fi_csv_format;
FIRN_MUST_CHECK int fi_transfer_import_format(const firn_text_form *form, struct fi_csv_format *out,
                                              firn_error *err);
/* The same for a reader; reading may be NULL. */
struct fi_csv_reader_options;
FIRN_MUST_CHECK int fi_transfer_import_reading(const firn_text_form *form,
                                               const firn_text_reading *reading,
                                               struct fi_csv_reader_options *out, firn_error *err);
/* As firn_text_sniff. */
FIRN_MUST_CHECK int fi_transfer_guess_form(firn_slice sample, bool is_whole, unsigned wanted,
                                           firn_text_form *form, firn_text_reading *reading,
                                           firn_error *err);

/* A source of bytes, piece by piece. */
struct fi_transfer_source {
    firn_read_bytes read;
    void *ctx;
};
/* Loads all rows of the text into the table, by one commit. progress reports the reading, and then
 * the commit. *statistics is written also after a failure. FIRN_INVALID, FIRN_LIMIT: the text is
 * invalid, or, if on_reject is NULL, a row, with its line; else as fi_rows_bulk_put and
 * fi_rows_bulk_commit, or the result of read or on_reject. */
FIRN_MUST_CHECK int fi_transfer_import(struct firn_table *table,
                                       const struct fi_transfer_source *source,
                                       const firn_import_options *options,
                                       struct fi_storefile_progress *progress,
                                       firn_import_statistics *statistics, firn_error *err);

/* Calls visit for each vector of a file, with its number, from 1. As firn_vectors_read; progress
 * (NULL: none) counts bytes, and out_bytes (NULL is allowed) gets their number, also after a
 * failure. */
struct fi_transfer_vectors {
    firn_vectors_kind kind;
    size_t dimensions;
    int (*visit)(void *ctx, uint64_t number, const float *vector, size_t dimensions);
    void *ctx;
    struct fi_storefile_progress *progress;
    uint64_t *out_bytes;
};
FIRN_MUST_CHECK int fi_transfer_vectors_read(const struct fi_transfer_source *source,
                                             const struct fi_transfer_vectors *what,
                                             firn_error *err);
/* Loads a row for each vector of a file, by one commit. *statistics is written also after a
 * failure. */
FIRN_MUST_CHECK int fi_transfer_vectors_import(struct firn_table *table,
                                               const struct fi_transfer_source *source,
                                               const firn_vectors_import_options *options,
                                               struct fi_storefile_progress *progress,
                                               firn_import_statistics *statistics, firn_error *err);

/* A destination of bytes. */
struct fi_transfer_sink {
    firn_write_bytes write;
    void *ctx;
};
/* Writes the rows of the state that is read, in the order of the key, or of the index. *statistics
 * is written also after a failure. FIRN_INVALID: the form cannot express a text; else as a cursor,
 * or the result of write. */
FIRN_MUST_CHECK int fi_transfer_export(struct firn_table *table,
                                       const struct fi_transfer_sink *sink,
                                       const firn_text_form *form, const struct fi_rows_read *read,
                                       struct fi_storefile_progress *progress,
                                       firn_export_statistics *statistics, firn_error *err);

/* Appends the definition of a table that the text's sample fits, without a NUL. FIRN_INVALID: the
 * text is damaged, or has no columns. */
FIRN_MUST_CHECK int fi_transfer_guess(const struct fi_transfer_source *source,
                                      const firn_guess_options *options, struct fi_buf *out,
                                      firn_error *err);

#endif
