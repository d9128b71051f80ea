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
 * - A scan sees one state of the table: a snapshot's, or that of the moment when it was opened. In a transaction it
 *   sees what the transaction has written before, too; whether it sees what is written, or rolled back to a
 *   savepoint, while the scan is open is not said. Rows come in batches of up to 1,024, column by column.
 * - Without order_by the rows come in the order of the primary key (or of the index that the options name)
 *   if nothing is grouped; groups come in no particular order.
 * - Whole numbers and decimals are exact: what does not fit is FIRN_LIMIT, never a wrong number. A division by
 *   zero is null. The sum of floating-point numbers depends on their order, which is fixed for one thread.
 * - Comparisons with null are null; where and having keep rows for which the condition is true.
 * - Floating-point numbers compare as in keys: -0 equals 0, and every NaN is one number after all others.
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

typedef struct firn_scan_options {
    size_t size; /* sizeof(firn_scan_options) */
    /* Where rows are read: in a transaction, its own writes included, or in a snapshot; NULL, both: now. A
     * serializable transaction conflicts with commits that change what the scan could have read. */
    firn_txn *txn;
    firn_snapshot *snapshot; /* may be closed before the scan */
    /* Expressions with commas between them, each with "as NAME" if it is to have another name. NULL: all
     * columns of the table, in the order in which they were added. The texts of all options are borrowed
     * until firn_scan_open returns. */
    const char *select;
    const char *where; /* a condition; NULL: all rows */
    /* Values of the question marks in the texts, in the order select, where, group_by, order_by. Bytes
     * are borrowed until firn_scan_open returns. */
    const firn_value *parameters;
    size_t parameter_count;
    /* Expressions with commas between them; NULL: one group if there are aggregates, else none. */
    const char *group_by;
    /* Expressions with commas between them, or numbers of selected columns from 1 on, or their names, each
     * with "desc" if it is to descend. Nulls come first, and last if it descends. */
    const char *order_by;
    uint64_t limit;  /* the most rows; 0: all (but --limit 0 of the program prints none) */
    uint64_t offset; /* how many rows are left out at the beginning */
    /* The index by which rows are found, and whose order they have; NULL: the primary key. */
    const char *index;
    firn_table_bound lower; /* of the primary key, or of the index (table.h) */
    firn_table_bound upper;
    bool descending; /* reverses the order of the key or index; not with order_by or groups */
    /* Threads that read at once; 0: as many as there are processors, at most 8; 1: the caller's alone. Rows
     * that are neither grouped nor ordered are read by the caller's. */
    unsigned threads;
    /* For groups and sorting; 0: a quarter of the store's memory, at least 16 MiB. What needs more goes to
     * temporary files of the store; where there can be none (a store in memory, or opened for reading),
     * it is FIRN_LIMIT. */
    uint64_t memory_bytes;
    /* on_progress is called by the thread that calls firn_scan_next, while that reads rows into groups or an
     * order: files_done is the number of rows which that thread has read. It begins again at 0 where several
     * threads had too little memory, and one reads everything anew. */
    firn_callbacks callbacks;
} firn_scan_options;
#define FIRN_SCAN_OPTIONS_INIT                                                              \
    {                                                                                       \
        sizeof(firn_scan_options), NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0, 0, NULL, \
            {NULL, 0, false}, {NULL, 0, false}, false, 0, 0, FIRN_CALLBACKS_INIT            \
    }

/* One thread at a time. A scan in a transaction follows the transaction's thread, and must be closed before the
 * transaction ends. All scans must be closed before the store. */
typedef struct firn_scan firn_scan;
typedef struct firn_scan_batch firn_scan_batch;

/* FIRN_INVALID says where in which text; FIRN_NOT_FOUND: there is no such column or index. */
FIRN_API FIRN_MUST_CHECK int firn_scan_open(firn_table *table, const firn_scan_options *options,
                                            firn_scan **out, firn_error *err);
/* NULL is allowed. */
FIRN_API void firn_scan_close(firn_scan *scan);

typedef struct firn_scan_column {
    size_t size;      /* sizeof(firn_scan_column) */
    const char *name; /* owned by the scan */
    firn_type type;
    uint32_t precision;  /* of DECIMAL */
    uint32_t scale;      /* of DECIMAL */
    uint32_t dimensions; /* of VECTOR */
    bool not_null;       /* no value can be null */
} firn_scan_column;
#define FIRN_SCAN_COLUMN_INIT                                          \
    {                                                                  \
        sizeof(firn_scan_column), NULL, FIRN_TYPE_NULL, 0, 0, 0, false \
    }
FIRN_API size_t firn_scan_column_count(const firn_scan *scan);
/* Requires: i < firn_scan_column_count(scan). */
FIRN_API void firn_scan_column_at(const firn_scan *scan, size_t i, firn_scan_column *out);

/* The next rows; *out is NULL at the end. A batch has 1 to 1,024 rows; it is owned by the scan until its next
 * call. After a failure the scan can only be closed. */
FIRN_API FIRN_MUST_CHECK int firn_scan_next(firn_scan *scan, const firn_scan_batch **out,
                                            firn_error *err);

FIRN_API size_t firn_scan_batch_rows(const firn_scan_batch *batch);
/* One value. Requires: column and row are below their counts. Bytes are owned by the batch. */
FIRN_API firn_value firn_scan_value(const firn_scan_batch *batch, size_t column, size_t row);
/* A column of a batch as an array of as many values as it has rows. */
typedef struct firn_scan_array {
    size_t size; /* sizeof(firn_scan_array) */
    /* Bit row % 64 of word row / 64: the value is not null; NULL: none is null. Where it is null the value means
     * nothing. */
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
    size_t size;        /* sizeof(firn_scan_stats) */
    uint64_t rows_read; /* that were looked at, or counted without a look at them */
    uint64_t
        rows_pruned; /* that were not, because of the smallest and largest values that are stored with them */
    uint64_t
        rows_merged; /* of those read, rows of key ranges where more than one run or memtable has rows */
    uint64_t rows_returned;
    uint64_t bytes_spilled; /* to temporary files */
    unsigned threads;
} firn_scan_stats;
#define FIRN_SCAN_STATS_INIT                      \
    {                                             \
        sizeof(firn_scan_stats), 0, 0, 0, 0, 0, 0 \
    }
FIRN_API void firn_scan_get_stats(const firn_scan *scan, firn_scan_stats *out);

#ifdef __cplusplus
}
#endif
#endif
