/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/exchange.h: importing tables from CSV, JSON lines and files of vectors, and exporting them as CSV
 * and JSON lines.
 *
 *     firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
 *     firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
 *     code = firn_table_import(table, read_file, file, &options, &statistics, &err);
 *
 * - An import is one commit (table.h, "many rows at once"): all rows or none. The table must not contain any
 *   of the rows yet. Rows in the order of the primary key are imported fastest.
 * - Values have the form that firn_value_parse reads (table.h). Importing an exported text gives the same
 *   rows.
 * - CSV is as in RFC 4180, in UTF-8: fields are separated by commas, and quoted with double quotes if
 *   necessary. Lines end with LF or CR LF. An unquoted field that equals null_text (by default the empty
 *   text) is null. An empty text is written as "".
 * - JSON lines have one object on each line, whose members are columns. A column without a member gets its
 *   default.
 * - Text is read and written in pieces: only one piece and one row are in memory. Every row that an export writes
 *   can be read: a field of CSV has at most 513 MiB, a row of CSV or JSON lines 2 GiB.
 * - While firn_table_import, firn_table_import_vectors or firn_table_export calls `read`, `write` or on_reject,
 *   that function cannot use handles, neither those of the call nor others (as in notice.h, firn_callbacks): every
 *   function that takes or opens one returns FIRN_MISUSE. To pass rows from one table to another use arrow.h, or
 *   a thread for each. firn_vectors_read and firn_import_guess use no handle, so their `read` and `visit` may.
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

/* The form of a text. Everything but `kind` applies to CSV only. */
typedef struct firn_text_form {
    size_t size; /* sizeof(firn_text_form) */
    firn_text_kind kind;
    bool no_header; /* the first line contains values, not the names of the columns */
    char delimiter; /* an ASCII character; 0: a comma */
    char quote;     /* an ASCII character; 0: a double quote */
    bool no_quotes; /* fields are never quoted: a value cannot contain a delimiter or a line end */
    const char *null_text; /* an unquoted field with this text is null; NULL: an empty field is */
} firn_text_form;
#define FIRN_TEXT_FORM_INIT                                                   \
    {                                                                         \
        sizeof(firn_text_form), FIRN_TEXT_CSV, false, '\0', '\0', false, NULL \
    }

/* More about how a CSV text is read. */
typedef struct firn_text_reading {
    size_t size;         /* sizeof(firn_text_reading) */
    uint64_t skip_lines; /* before the header, or the first record */
    /* Unquoted fields with one of these texts are null, besides those with null_text. */
    const char *const *other_nulls;
    size_t other_null_count;
    /* How dates and timestamps are written, as for strptime: %d.%m.%Y, %m/%d/%Y %I:%M %p. Of the letters there
     * are Y y m b d H I M S f p z and %. NULL: ISO 8601, as firn_value_parse reads it. */
    const char *date_pattern;
    const char *timestamp_pattern;
} firn_text_reading;
#define FIRN_TEXT_READING_INIT                            \
    {                                                     \
        sizeof(firn_text_reading), 0, NULL, 0, NULL, NULL \
    }

/* What firn_text_sniff finds; to be combined with |. */
typedef enum firn_text_property {
    FIRN_TEXT_PROPERTY_DELIMITER = 1,
    FIRN_TEXT_PROPERTY_QUOTE = 2,
    FIRN_TEXT_PROPERTY_HEADER = 4,
    FIRN_TEXT_PROPERTY_SKIP = 8,
    FIRN_TEXT_PROPERTY_ALL = 15
} firn_text_property;

/* Finds out how a CSV text is written from its beginning (256 KiB are plenty), and sets the wanted properties of
 * *form and *reading; what else they say is given. is_whole: the text ends with the sample. The delimiter is a
 * comma, a semicolon, a tab or a bar, the quote " or '. There is a header if no field of the first record looks
 * like a value of another type than text, and its fields are different names or a column has another type
 * below. A first line sep=X, which Excel writes, is skipped. FIRN_UNSUPPORTED for JSON lines. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_text_sniff(firn_slice sample, bool is_whole, unsigned wanted,
                                             firn_text_form *form, firn_text_reading *reading,
                                             firn_error *err);

/* ---- import ---- */

/* A line, or several lines of one record, that cannot become a row of the table. Borrowed until on_reject
 * returns. */
typedef struct firn_import_reject {
    uint64_t line;   /* the number of its first line, from 1 */
    firn_slice text; /* without the final line end */
    const char *why; /* the reason; names the line, and the column if one is to blame */
} firn_import_reject;

/* What to do with a row if another row has the same key, or the same values in a unique index. */
typedef enum firn_import_conflict {
    FIRN_IMPORT_CONFLICT_FAIL = 0, /* FIRN_EXISTS, and nothing is imported */
    FIRN_IMPORT_CONFLICT_SKIP = 1, /* the new row is left out, and the existing one stays */
    /* The new row replaces the one with the same key; FIRN_EXISTS if a third row has the same values in a
     * unique index. */
    FIRN_IMPORT_CONFLICT_REPLACE = 2
} firn_import_conflict;

typedef struct firn_import_options {
    size_t size; /* sizeof(firn_import_options) */
    firn_text_form form;
    /* CSV: the column that each field belongs to, in the order of the fields; "" skips a field. NULL: the
     * columns that the header names. Without a header: all columns of the table in the order in which they
     * were added, without an auto column if there is one field less. */
    const char *const *columns;
    size_t column_count;
    /* Skip fields and members that do not belong to a column of the table; otherwise they are
     * FIRN_INVALID. */
    bool ignore_unknown;
    /* Called for each line that cannot become a row. If it returns FIRN_OK, the import skips the line and
     * continues; otherwise the import ends and returns that value. NULL: the first such line ends the import
     * with FIRN_INVALID or FIRN_LIMIT. A row whose key the table contains already is not rejected: see
     * on_conflict. */
    int (*on_reject)(void *ctx, const firn_import_reject *reject);
    uint64_t bytes_total; /* for callbacks.on_progress; 0: unknown */
    firn_callbacks callbacks;
    /* This also applies to rows of the text: of two with one key, FIRN_IMPORT_CONFLICT_SKIP takes the first and
     * FIRN_IMPORT_CONFLICT_REPLACE the last. Except for FIRN_IMPORT_CONFLICT_REPLACE into a table without indexes, both read
     * each row that may exist, and write one transaction: FIRN_LIMIT if that does not fit into a
     * transaction's share of the store's memory (firn/txn.h). */
    firn_import_conflict on_conflict;
    const firn_text_reading *reading; /* NULL: the defaults */
} firn_import_options;
#define FIRN_IMPORT_OPTIONS_INIT                                                   \
    {                                                                              \
        sizeof(firn_import_options), FIRN_TEXT_FORM_INIT, NULL, 0, false, NULL, 0, \
            FIRN_CALLBACKS_INIT, FIRN_IMPORT_CONFLICT_FAIL, NULL                   \
    }

typedef struct firn_import_statistics {
    size_t size;   /* sizeof(firn_import_statistics) */
    uint64_t rows; /* rows that were read; the table contains them if the import returned FIRN_OK */
    uint64_t rejected; /* calls of on_reject */
    uint64_t bytes;    /* of the text */
    uint64_t skipped;  /* left out because of FIRN_IMPORT_CONFLICT_SKIP */
} firn_import_statistics;
#define FIRN_IMPORT_STATISTICS_INIT                \
    {                                              \
        sizeof(firn_import_statistics), 0, 0, 0, 0 \
    }

/* Inserts the rows of a text. options and statistics may be NULL; statistics are filled in after a failure,
 * too. FIRN_INVALID and FIRN_LIMIT name the line that cannot become a row. FIRN_EXISTS names a row that the
 * table contains already, unless on_conflict says otherwise. FIRN_NOT_FOUND names a column that the table does
 * not have. FIRN_BUSY if a bulk load is open. FIRN_CONFLICT if the table's definition or, with on_conflict, a
 * row of the text was changed meanwhile. */
FIRN_API FIRN_MUST_CHECK int firn_table_import(firn_table *table, firn_read_bytes read, void *ctx,
                                               const firn_import_options *options,
                                               firn_import_statistics *statistics, firn_error *err);

/* ---- files of vectors ---- */

typedef enum firn_vectors_kind {
    /* Each vector: its length as 4 bytes, the lowest first, then that many f32. */
    FIRN_VECTORS_FVECS = 1,
    /* The same with bytes from 0 to 255. */
    FIRN_VECTORS_BVECS = 2,
    /* The same with whole numbers of 4 bytes; numbers that f32 cannot represent exactly are refused. */
    FIRN_VECTORS_IVECS = 3,
    /* A numpy array of one or two dimensions with a vector in each row, of f2, f4, f8, u1, i1, i2, i4. */
    FIRN_VECTORS_NPY = 4,
    /* f32 numbers alone. */
    FIRN_VECTORS_F32 = 5
} firn_vectors_kind;

/* Calls visit for each vector of a file, in order. `number` counts from 1. dimensions: the length that all vectors
 * must have; 0: that of the first vector, but F32 requires a length. FIRN_INVALID names the vector at which
 * the file is damaged, truncated, or not of this kind. The numbers may be infinite or NaN. Only one piece of the file
 * and one vector are in memory. Any thread. */
FIRN_API FIRN_MUST_CHECK int
firn_vectors_read(firn_read_bytes read, void *ctx, firn_vectors_kind kind, size_t dimensions,
                  int (*visit)(void *ctx, uint64_t number, const float *vector, size_t dimensions),
                  void *visit_ctx, firn_error *err);

typedef struct firn_vectors_import_options {
    size_t size; /* sizeof(firn_vectors_import_options) */
    firn_vectors_kind kind;
    const char *column;   /* of the table; NULL: its only column of vectors */
    int64_t first;        /* the key of the first vector, if the table does not number its rows */
    uint64_t bytes_total; /* for callbacks.on_progress; 0: unknown */
    firn_callbacks callbacks;
} firn_vectors_import_options;
#define FIRN_VECTORS_IMPORT_OPTIONS_INIT                                                         \
    {                                                                                            \
        sizeof(firn_vectors_import_options), FIRN_VECTORS_FVECS, NULL, 0, 0, FIRN_CALLBACKS_INIT \
    }

/* Inserts a row for each vector of a file, in one commit: all rows or none. The table's key is one column of whole
 * numbers: the table numbers the rows (auto), or they get the numbers from options->first on. Other columns get their
 * defaults. statistics as in firn_table_import. FIRN_INVALID also if a number is not finite, or if the table does not
 * have such columns. */
FIRN_API FIRN_MUST_CHECK int firn_table_import_vectors(firn_table *table, firn_read_bytes read,
                                                       void *ctx,
                                                       const firn_vectors_import_options *options,
                                                       firn_import_statistics *statistics,
                                                       firn_error *err);

/* ---- a definition from a sample ---- */

typedef struct firn_guess_options {
    size_t size; /* sizeof(firn_guess_options) */
    firn_text_form form;
    uint32_t sample_rows; /* how many rows are read; 0: 10,000 */
    /* Names of the columns of the primary key. NULL: a new first column "row" (i64 auto) is the key. */
    const char *const *key;
    size_t key_count;
    const firn_text_reading *reading; /* NULL: the defaults */
} firn_guess_options;
#define FIRN_GUESS_OPTIONS_INIT                                           \
    {                                                                     \
        sizeof(firn_guess_options), FIRN_TEXT_FORM_INIT, 0, NULL, 0, NULL \
    }

/* Reads the beginning of a CSV text and derives the definition of a table that fits it, as a text for
 * firn_table_def_parse. The caller frees *out with firn_release. Each column gets the first of these types
 * that fits all its values in the sample: bool, i64, u64, decimal, f64, date, timestamp, uuid, text. Numbers
 * with a plus sign or leading zeros are text. A column without a name, or with the name of an earlier column,
 * gets a new name. FIRN_UNSUPPORTED for JSON lines. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_import_guess(firn_read_bytes read, void *ctx,
                                               const firn_guess_options *options, char **out,
                                               firn_error *err);

/* ---- export ---- */

typedef struct firn_export_options {
    size_t size; /* sizeof(firn_export_options) */
    firn_text_form form;
    /* Which state is read (a snapshot, a transaction, or the present state), which columns, and in the order
     * of which index. FIRN_EXPORT_OPTIONS_INIT initialises it, including its size. */
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

/* Writes the rows of a table as they are at one moment. options and statistics may be NULL. Lines end with LF.
 * FIRN_INVALID if a value needs quotes and the form has none. */
FIRN_API FIRN_MUST_CHECK int firn_table_export(firn_table *table, firn_write_bytes write, void *ctx,
                                               const firn_export_options *options,
                                               firn_export_statistics *statistics, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
