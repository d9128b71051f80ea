/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query.h: queries over one table: which rows, which columns, groups, order; and the rows of
 * another query that are joined. The public twin is include/firn/scan.h.
 *
 * Threads: a scan belongs to one thread at a time. It has threads of its own, which only run during
 * calls of its functions.
 */
#ifndef FIRN_QUERY_QUERY_H
#define FIRN_QUERY_QUERY_H

#include "chunk/chunk_encoding.h"
#include "firn/scan.h"
#include "rows/rows.h"

struct fi_run;
struct fi_column_pin;
struct fi_lsm_pieces;

struct fi_query_options {
    struct firn_txn *txn;           /* its state, with its writes; or */
    struct firn_snapshot *snapshot; /* both NULL: now */
    /* As in firn_scan_options; borrowed until the query is open. */
    const char *select;
    const char *where;
    const firn_value *parameters;
    size_t parameter_count;
    const char *group_by;
    const char *order_by;
    uint64_t limit;
    uint64_t offset;
    const char *index;
    struct fi_rows_bound lower;
    struct fi_rows_bound upper;
    bool is_descending;
    unsigned threads;
    struct firn_scan *join; /* read to its end by fi_query_open; NULL: none */
    const char *join_on;
    /* The rows go to a visitor (fi_query_visit), not to fi_query_next. Requires: plain columns
     * in select; no group_by, order_by, limit or offset. */
    bool is_visited;
    /* With is_visited, without bounds: batches may have rows that the scan does not see
     * (fi_query_visit_place). The visitor must check its rows with fi_lsm_pieces_shows. */
    bool is_loose;
    uint64_t memory_bytes;
    int (*on_progress)(void *ctx, const firn_progress *progress); /* may be NULL */
    void *progress_ctx;
};

FIRN_MUST_CHECK int fi_query_open(struct firn_table *table, const struct fi_query_options *options,
                                  struct firn_scan **out, firn_error *err);
/* NULL is fine. */
void fi_query_close(struct firn_scan *scan);

size_t fi_query_column_count(const struct firn_scan *scan);
/* Fills all but the size. */
void fi_query_column_at(const struct firn_scan *scan, size_t i, firn_scan_column *out);
/* The next rows, borrowed until the next call; NULL at the end. After a failure, each call returns
 * the same failure again. */
FIRN_MUST_CHECK int fi_query_next(struct firn_scan *scan, const struct firn_scan_batch **out,
                                  firn_error *err);
size_t fi_query_batch_rows(const struct firn_scan_batch *batch);
const struct fi_chunk_values *fi_query_batch_column(const struct firn_scan_batch *batch,
                                                    size_t column);
/* The pinned chunk of a run that may hold the values of a column of the last batch; NULL: the
 * values were computed, or are elsewhere. Borrowed until the next call. */
const struct fi_column_pin *fi_query_batch_pin(const struct firn_scan *scan, size_t column);
firn_value fi_query_batch_value(const struct firn_scan_batch *batch, size_t column, size_t row);
/* Fills all but the size. */
void fi_query_get_stats(const struct firn_scan *scan, firn_scan_stats *out);

/* ---- rows to a visitor, by all threads at once ---- */

/* A batch that one thread has read: up to FI_CHUNK_BLOCK rows, some of which fulfil the
 * condition. */
struct fi_query_rows;
struct fi_query_visitor {
    /* Gets each batch with rows that fulfil the condition; each thread's batches come in the order
     * of the primary key. worker: the number of the thread, below fi_query_workers; calls with
     * the same number never overlap. If visit returns anything but FIRN_OK, the query ends. */
    int (*visit)(void *ctx, unsigned worker, struct fi_query_rows *rows, firn_error *err);
    /* May be NULL. Is offered consecutive rows of a run. is_met: it is known without reading them
     * that all fulfil the condition. true: the visitor takes them, and they come in no batch. */
    bool (*take)(void *ctx, struct fi_run *run, size_t group, size_t row, size_t count,
                 bool is_loose, bool is_met);
    void *ctx;
};
unsigned fi_query_workers(const struct firn_scan *scan);
/* Reads everything, once. Requires: options.is_visited. */
FIRN_MUST_CHECK int fi_query_visit(struct firn_scan *scan, const struct fi_query_visitor *visitor,
                                   firn_error *err);

/* The pieces that the scan reads, open as long as the scan; NULL: rows come from a cursor. */
struct fi_lsm_pieces *fi_query_pieces(const struct firn_scan *scan);

/* The rows of a batch that count, as a mask of FI_CHUNK_MASK_WORDS words: query_visit.c. */
const uint64_t *fi_query_visit_wanted(const struct fi_query_rows *rows);
/* Reads the values of a selected column, borrowed until visit returns. Only those of rows that
 * count have a meaning. */
FIRN_MUST_CHECK int fi_query_visit_column(struct fi_query_rows *rows, size_t i,
                                          struct fi_chunk_values *out, firn_error *err);
/* Whether the values of such a column, once they were read, are of use again: they were in the
 * cache because others had used them, or they came from elsewhere. */
bool fi_query_visit_was_used(const struct fi_query_rows *rows, size_t i);
/* Where the batch is stored: its first row is row *out_row of a group of a run, which lives as long
 * as the scan. false: the rows were merged, or read one by one. *out_is_loose: it may have rows
 * that the scan does not see. */
bool fi_query_visit_place(const struct fi_query_rows *rows, struct fi_run **out_run,
                          size_t *out_group, size_t *out_row, bool *out_is_loose);

#endif
