/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/scan.h: queries over a table: filters, computed columns, groups, order.
 *
 *     firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
 *     options.select = "kind, count(*), sum(price * amount)";
 *     options.where = "day >= '2026-01-01' and shop = ?";
 *     options.group_by = "kind";
 *     options.order_by = "3 desc";
 *     options.parameters = &shop;
 *     options.parameter_count = 1;
 *     code = firn_scan_open(table, &options, &scan, &err);
 *     while (code == FIRN_OK && (code = firn_scan_next(scan, &batch, &err)) == FIRN_OK && batch != NULL) {
 *         for (size_t row = 0; row < firn_scan_batch_rows(batch); row++) {
 *             ... firn_scan_value(batch, 0, row) ...
 *         }
 *     }
 *     firn_scan_close(scan);
 *
 * - A scan sees one state of the table: a snapshot's, or that of the moment when it was opened. In a transaction
 *   it also sees what the transaction wrote before. It is unspecified whether it sees what the transaction writes,
 *   or rolls back to a savepoint, while the scan is open. Rows come in batches of up to 1,024, column by column.
 * - Without order_by, rows come in the order of the primary key, or of the index that the options name. Groups
 *   come in no particular order.
 * - Integers and decimals are exact: FIRN_LIMIT if a result does not fit, never a wrong number. A division by zero
 *   is null. The sum of floating-point numbers depends on their order, which is fixed if one thread reads.
 * - A scan may join the rows of another one, on one equation: the option `join`.
 * - A comparison with null is null; `where` keeps the rows for which the condition is true.
 * - Floating-point numbers compare as in keys: -0 equals 0, and all NaNs are equal and come after all numbers.
 */
#ifndef FIRN_SCAN_H
#define FIRN_SCAN_H

#include <stdbool.h>

#include "notice.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FIRN_SCAN_BATCH_ROWS_MAX = 1024 };

/* One thread at a time; in a transaction, the transaction's thread. firn_store_close returns FIRN_MISUSE while a
 * scan is open. Requires: a scan is closed before its transaction ends. */
typedef struct firn_scan firn_scan;

typedef struct firn_scan_options {
    size_t size; /* sizeof(firn_scan_options) */
    /* The state to read: that of a transaction, with its own writes, or that of a snapshot. Both NULL: the
     * present one. A serializable transaction conflicts with commits that change anything in the scanned
     * range. */
    firn_txn *txn;
    firn_snapshot *snapshot; /* may be closed before the scan */
    /* Expressions separated by commas, each optionally followed by "as NAME". NULL: all columns of the table, in
     * the order in which they were added, then those of the joined scan. The texts of all options are borrowed until firn_scan_open
     * returns. */
    const char *select;
    const char *where; /* a condition; NULL: all rows */
    /* Values for the question marks in the texts, in the order select, where, group_by, order_by, join_on. Their
     * bytes are borrowed until firn_scan_open returns. */
    const firn_value *parameters;
    size_t parameter_count;
    /* Expressions separated by commas. NULL: one group of all rows if there are aggregates, else no groups. */
    const char *group_by;
    /* Separated by commas: expressions, numbers of selected columns (from 1), or their names, each optionally
     * followed by "desc". Nulls come first, with "desc" last. */
    const char *order_by;
    uint64_t limit;  /* the most rows; 0: all (but --limit 0 of the program prints none) */
    uint64_t offset; /* how many rows are left out at the beginning */
    /* The index by which rows are found and ordered; NULL: the primary key. */
    const char *index;
    firn_table_bound lower; /* of the primary key, or of the index (table.h) */
    firn_table_bound upper;
    bool descending; /* reverse the order of the key or index; not with order_by or groups */
    /* The number of threads that read; 0: one per processor, at most 8; 1: only the caller's thread. Rows that are
     * neither grouped nor ordered are always read by the caller's thread. */
    unsigned threads;
    /* The memory for groups and sorting; 0: a quarter of the store's memory, at least 16 MiB. Beyond it, data goes
     * to temporary files of the store. A store in memory, or opened for reading, has none: FIRN_LIMIT. Joined rows
     * may take half of it: FIRN_LIMIT if they need more. */
    uint64_t memory_bytes;
    /* on_progress is called by the thread that calls firn_scan_next, while it reads rows: in a call that groups or
     * orders them, and while it looks for the next ones that fulfil the condition. files_done is the number of rows
     * that this thread has read. It restarts at 0 if several threads had too little memory and one thread reads
     * everything again. */
    firn_callbacks callbacks;
    /* Joins the rows of another scan, which has not been read yet: firn_scan_open reads it to its end and keeps its
     * rows in memory, so it may be closed then, or be of another store. Each row of the table comes with each joined
     * row for which join_on is true, in their order; a row that has none is left out. All texts may use the columns of
     * both, so no two may have one name. Conditions on the table alone are tested before the join. NULL: none. */
    firn_scan *join;
    /* "EXPRESSION = COLUMN": an expression over columns of the table, and a column of the joined scan. Both are
     * integers, or both have the same type, but not F32 or F64; decimals also have the same scale. Null equals
     * nothing. */
    const char *join_on;
} firn_scan_options;
#define FIRN_SCAN_OPTIONS_INIT                                                               \
    {                                                                                        \
        sizeof(firn_scan_options), NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0, 0, NULL,  \
            {NULL, 0, false}, {NULL, 0, false}, false, 0, 0, FIRN_CALLBACKS_INIT, NULL, NULL \
    }

typedef struct firn_scan_batch firn_scan_batch;

/* Opens a scan. FIRN_INVALID names the text and the position in it. FIRN_NOT_FOUND if there is no such column or
 * index. */
FIRN_API FIRN_MUST_CHECK int firn_scan_open(firn_table *table, const firn_scan_options *options,
                                            firn_scan **out, firn_error *err);
/* Closes a scan. NULL is allowed. */
FIRN_API void firn_scan_close(firn_scan *scan);

typedef struct firn_scan_column {
    size_t size;      /* sizeof(firn_scan_column) */
    const char *name; /* owned by the scan */
    firn_type type;
    uint32_t precision;  /* of DECIMAL */
    uint32_t scale;      /* of DECIMAL */
    uint32_t dimensions; /* of VECTOR */
    bool not_null;       /* the values are never null */
} firn_scan_column;
#define FIRN_SCAN_COLUMN_INIT                                          \
    {                                                                  \
        sizeof(firn_scan_column), NULL, FIRN_TYPE_NULL, 0, 0, 0, false \
    }
/* How many columns the batches of a scan have. */
FIRN_API size_t firn_scan_column_count(const firn_scan *scan);
/* The i-th column, from 0; beyond the last one *out is as its macro makes it. */
FIRN_API void firn_scan_column_at(const firn_scan *scan, size_t i, firn_scan_column *out);

/* Returns the next batch of 1 to 1,024 rows; *out is NULL at the end. The batch belongs to the scan and is valid until
 * the next call on the scan. After a failure the scan can only be closed. */
FIRN_API FIRN_MUST_CHECK int firn_scan_next(firn_scan *scan, const firn_scan_batch **out,
                                            firn_error *err);

/* How many rows a batch has. */
FIRN_API size_t firn_scan_batch_rows(const firn_scan_batch *batch);
/* One value of a batch; its bytes belong to the batch. Requires: column and row are less than
 * their counts. */
FIRN_API firn_value firn_scan_value(const firn_scan_batch *batch, size_t column, size_t row);
/* A column of a batch, as an array with one value for each row. */
typedef struct firn_scan_array {
    size_t size; /* sizeof(firn_scan_array) */
    /* Bit row % 64 of word row / 64 is set if the value is not null. NULL: no value is null. The array's element
     * of a null value is undefined. */
    const uint64_t *valid;
    union {
        const int64_t *i64;      /* I8 to I64, DECIMAL, DATE, TIMESTAMP */
        const uint64_t *u64;     /* U8 to U64; BOOL as 0 and 1 */
        const float *f32;        /* F32 */
        const double *f64;       /* F64 */
        const firn_slice *bytes; /* TEXT, BLOB, UUID, VECTOR */
    } as;
} firn_scan_array;
#define FIRN_SCAN_ARRAY_INIT           \
    {                                  \
        sizeof(firn_scan_array), NULL, \
        {                              \
            NULL                       \
        }                              \
    }
FIRN_API void firn_scan_batch_column(const firn_scan_batch *batch, size_t column,
                                     firn_scan_array *out);

typedef struct firn_scan_stats {
    size_t size;          /* sizeof(firn_scan_stats) */
    uint64_t rows_read;   /* or counted without reading them */
    uint64_t rows_pruned; /* skipped: bounds or Bloom filters stored with them exclude them */
    uint64_t rows_merged; /* of rows_read: where several runs or memtables overlap */
    uint64_t rows_returned;
    uint64_t bytes_spilled; /* to temporary files */
    unsigned threads;
} firn_scan_stats;
#define FIRN_SCAN_STATS_INIT                      \
    {                                             \
        sizeof(firn_scan_stats), 0, 0, 0, 0, 0, 0 \
    }
/* What the scan has read so far, of its own table. */
FIRN_API void firn_scan_get_stats(const firn_scan *scan, firn_scan_stats *out);

#ifdef __cplusplus
}
#endif
#endif
