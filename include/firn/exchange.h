/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/exchange.h: tables from CSV and JSON lines, and as these; tables from files of vectors.
 *
 *     firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
 *     firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
 *     code = firn_table_import(table, read_file, file, &options, &statistics, &err);
 *
 * - An import is one commit (table.h, "many rows at once"): all rows or none. Its rows must be new to the
 *   table; rows in the order of the primary key are the fastest.
 * - Values are written as firn_value_parse reads them (table.h). What is exported is imported as the
 *   same rows.
 * - CSV is that of RFC 4180: fields with commas between them, in double quotes where need be, in UTF-8. Lines
 *   end with LF or CR LF. Null is a field without quotes that is the text for null, which is empty unless
 *   the form says otherwise; an empty text is written in quotes.
 * - JSON lines have an object on each line, whose members are columns. A column that an object does not have
 *   gets its default.
 * - Text is read and written in pieces: only one piece, and one row, is in memory. A field may have 16 MiB, a
 *   row 64 MiB.
 */
#ifndef FIRN_EXCHANGE_H
#define FIRN_EXCHANGE_H

#include <stdbool.h>

#include "notice.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum firn_text_kind { FIRN_TEXT_CSV = 1, FIRN_TEXT_JSON_LINES = 2 } firn_text_kind;

/* What a text looks like. All but kind is of CSV alone. */
typedef struct firn_text_form {
    size_t size; /* sizeof(firn_text_form) */
    firn_text_kind kind;
    bool no_header; /* the first line has values, not the names of the columns */
    char delimiter; /* an ASCII character; 0: a comma */
    char quote;     /* an ASCII character; 0: a double quote */
    bool no_quotes; /* nothing is quoted: no value can have a delimiter or the end of a line */
    const char *null_text; /* what a field without quotes is that is null; NULL: nothing */
} firn_text_form;
#define FIRN_TEXT_FORM_INIT                                                   \
    {                                                                         \
        sizeof(firn_text_form), FIRN_TEXT_CSV, false, '\0', '\0', false, NULL \
    }

/* Puts up to `capacity` next bytes into buffer; *out_size is how many, and 0 means that the text is over. Anything but
 * FIRN_OK ends the call that needs the bytes, which returns that; an error's text should be in *err. */
typedef int (*firn_read_bytes)(void *ctx, void *buffer, size_t capacity, size_t *out_size,
                               firn_error *err);
/* Takes the next bytes, all of them. As firn_read_bytes otherwise. */
typedef int (*firn_write_bytes)(void *ctx, firn_slice bytes, firn_error *err);

/* ---- import ---- */

/* A line, or a row of more than one line, that makes no row of the table. Borrowed for the callback. */
typedef struct firn_import_reject {
    uint64_t line;   /* of its first byte, from 1 */
    firn_slice text; /* without the end of the line */
    const char *why; /* names the line, and the column where there is one */
} firn_import_reject;

typedef struct firn_import_options {
    size_t size; /* sizeof(firn_import_options) */
    firn_text_form form;
    /* Of CSV: the columns of the table that the fields belong to, in their order; "" for a field that is left
     * out. NULL: those that the header names; without a header, all columns of the table in the order in which
     * they were added, but for an auto column if there is one field less. */
    const char *const *columns;
    size_t column_count;
    /* A name in the header, or a member of an object, that is no column of the table is left out; otherwise it is
     * FIRN_INVALID. */
    bool ignore_unknown;
    /* Called for each line that is no row; if it returns FIRN_OK the import goes on without it, else it ends and
     * returns that. NULL: the first such line ends the import with FIRN_INVALID or FIRN_LIMIT. A row that is there
     * already is none of these: it fails the import. */
    int (*on_reject)(void *ctx, const firn_import_reject *reject);
    void *reject_ctx;
    uint64_t bytes_total; /* for callbacks.on_progress; 0: unknown */
    firn_callbacks callbacks;
} firn_import_options;
#define FIRN_IMPORT_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(firn_import_options), FIRN_TEXT_FORM_INIT, NULL, 0, false, NULL, NULL, 0, \
            FIRN_CALLBACKS_INIT                                                          \
    }

typedef struct firn_import_statistics {
    size_t size;   /* sizeof(firn_import_statistics) */
    uint64_t rows; /* that were read for the table; they are there if the import returned FIRN_OK */
    uint64_t rejected; /* lines that on_reject was called for */
    uint64_t bytes;    /* of the text */
} firn_import_statistics;
#define FIRN_IMPORT_STATISTICS_INIT             \
    {                                           \
        sizeof(firn_import_statistics), 0, 0, 0 \
    }

/* Inserts the rows of a text. options and statistics (which is filled in also after a failure) may be NULL. FIRN_INVALID and
 * FIRN_LIMIT name a line that is no row; FIRN_EXISTS names a row that is there already; FIRN_NOT_FOUND, a column that
 * the table does not have; FIRN_BUSY: a load is open; FIRN_CONFLICT: the table was changed meanwhile. */
FIRN_API FIRN_MUST_CHECK int firn_table_import(firn_table *table, firn_read_bytes read, void *ctx,
                                               const firn_import_options *options,
                                               firn_import_statistics *statistics, firn_error *err);

/* ---- files of vectors ---- */

typedef enum firn_vectors_kind {
    FIRN_VECTORS_FVECS =
        1, /* each vector: its length as 4 bytes, the lowest first, then so many f32 */
    FIRN_VECTORS_BVECS = 2, /* the same with bytes from 0 to 255 */
    FIRN_VECTORS_IVECS =
        3, /* the same with whole numbers of 4 bytes; those that no f32 is equal to are refused */
    FIRN_VECTORS_NPY =
        4, /* numpy's: an array of one or two dimensions, a vector a row, of f2, f4, f8, u1, i1, i2, i4 */
    FIRN_VECTORS_F32 = 5 /* f32 after f32 */
} firn_vectors_kind;

/* Calls visit for each vector of a file, with its number, from 1; the numbers are borrowed for the call. If visit returns
 * anything but FIRN_OK, the reading ends and that is returned. dimensions: what all vectors must have; 0: any, but all the
 * same; F32 needs it. FIRN_INVALID names the vector where the file is damaged, cut, or none of the kind. Whether
 * numbers are finite is not looked at. Only one piece and one vector are in memory. Any thread. */
FIRN_API FIRN_MUST_CHECK int
firn_vectors_read(firn_read_bytes read, void *ctx, firn_vectors_kind kind, size_t dimensions,
                  int (*visit)(void *ctx, uint64_t number, const float *vector, size_t dimensions),
                  void *visit_ctx, firn_error *err);

typedef struct firn_vectors_import_options {
    size_t size; /* sizeof(firn_vectors_import_options) */
    firn_vectors_kind kind;
    const char *column; /* of the table; NULL: the only one that has vectors */
    int64_t first;      /* the key of the first vector, where the table does not number its rows */
    uint64_t bytes_total; /* for callbacks.on_progress; 0: unknown */
    firn_callbacks callbacks;
} firn_vectors_import_options;
#define FIRN_VECTORS_IMPORT_OPTIONS_INIT                                                         \
    {                                                                                            \
        sizeof(firn_vectors_import_options), FIRN_VECTORS_FVECS, NULL, 0, 0, FIRN_CALLBACKS_INIT \
    }

/* Inserts a row for each vector of a file, by one commit: all or none. The table's key is one column of whole numbers: it
 * numbers the rows itself (auto), or they get the numbers from options->first on. Other columns get their defaults.
 * statistics as in firn_table_import. FIRN_INVALID also where a number is not finite, or the table does not fit. */
FIRN_API FIRN_MUST_CHECK int firn_table_import_vectors(firn_table *table, firn_read_bytes read,
                                                       void *ctx,
                                                       const firn_vectors_import_options *options,
                                                       firn_import_statistics *statistics,
                                                       firn_error *err);

/* ---- a definition from a sample ---- */

typedef struct firn_guess_options {
    size_t size; /* sizeof(firn_guess_options) */
    firn_text_form form;
    uint32_t sample_rows; /* how many rows are looked at; 0: 10,000 */
    /* Names of the columns of the primary key. NULL: a new column "row", i64 auto, comes before the others. */
    const char *const *key;
    size_t key_count;
} firn_guess_options;
#define FIRN_GUESS_OPTIONS_INIT                                     \
    {                                                               \
        sizeof(firn_guess_options), FIRN_TEXT_FORM_INIT, 0, NULL, 0 \
    }

/* Reads the beginning of a CSV text, and gives the definition of a table whose columns take what is there:
 * text that firn_table_def_parse reads, and which the caller gives back with firn_release. Each column gets
 * the first of these types that all its values in the sample have: bool, i64, u64, decimal, f64, date,
 * timestamp, uuid, text. Numbers with a plus or needless zeros are text. Columns without a name get one, and
 * so do those whose name came before. FIRN_UNSUPPORTED for JSON lines. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_import_guess(firn_read_bytes read, void *ctx,
                                               const firn_guess_options *options, char **out,
                                               firn_error *err);

/* ---- export ---- */

typedef struct firn_export_options {
    size_t size; /* sizeof(firn_export_options) */
    firn_text_form form;
    /* What is read: a snapshot, a transaction, or the present state; which columns, and in the order of which index. Its
     * size is part of it: fill it with FIRN_READ_OPTIONS_INIT, as FIRN_EXPORT_OPTIONS_INIT does. */
    firn_read_options read;
    firn_callbacks callbacks;
} firn_export_options;
#define FIRN_EXPORT_OPTIONS_INIT                                                  \
    {                                                                             \
        sizeof(firn_export_options), FIRN_TEXT_FORM_INIT, FIRN_READ_OPTIONS_INIT, \
            FIRN_CALLBACKS_INIT                                                   \
    }

typedef struct firn_export_statistics {
    size_t size; /* sizeof(firn_export_statistics) */
    uint64_t rows;
    uint64_t bytes;
} firn_export_statistics;
#define FIRN_EXPORT_STATISTICS_INIT          \
    {                                        \
        sizeof(firn_export_statistics), 0, 0 \
    }

/* Writes the rows of a table, as they are at one moment. options and statistics may be NULL. Lines end with LF. FIRN_INVALID
 * where the form has no quotes and a value needs them. */
FIRN_API FIRN_MUST_CHECK int firn_table_export(firn_table *table, firn_write_bytes write, void *ctx,
                                               const firn_export_options *options,
                                               firn_export_statistics *statistics, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
