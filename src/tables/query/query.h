/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query.h: queries over one table: which rows, which columns, groups, order. The public twin is
 * include/firn/scan.h.
 *
 * Threads: a scan belongs to one thread at a time. It reads with threads of its own, which are idle when its
 * functions have returned.
 */
#ifndef FIRN_QUERY_QUERY_H
#define FIRN_QUERY_QUERY_H

#include "encoding/encoding.h"
#include "firn/scan.h"
#include "rows/rows.h"

struct firn_run;
struct firn_column_pin;
struct firn_lsm_pieces;

struct firn_query_options {
    struct firn_db_txn *txn;   /* what it sees, its writes included; or */
    struct firn_db_view *view; /* NULL, both: now */
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
    struct firn_rows_bound lower;
    struct firn_rows_bound upper;
    bool is_descending;
    unsigned threads;
    /* The rows go to a visitor (firn_query_visit), not to firn_query_next. Requires: plain columns in select; no group_by,
     * order_by, limit or offset. */
    bool is_visited;
    /* Of one that is visited, without bounds: batches may have rows that nobody sees (firn_query_visit_place), which the
     * visitor must ask for (firn_lsm_pieces_shows). */
    bool is_loose;
    uint64_t memory_bytes;
    int (*on_progress)(void *ctx, const firn_progress *progress); /* may be NULL */
    void *progress_ctx;
};

FIRN_MUST_CHECK int firn_query_open(struct firn_table *table,
                                    const struct firn_query_options *options,
                                    struct firn_scan **out, firn_error *err);
/* NULL is fine. */
void firn_query_close(struct firn_scan *scan);

size_t firn_query_column_count(const struct firn_scan *scan);
/* Fills all but the size. */
void firn_query_column_at(const struct firn_scan *scan, size_t i, firn_scan_column *out);
/* The next rows, borrowed until the next call; NULL at the end. After a failure the same failure is returned
 * again. */
FIRN_MUST_CHECK int firn_query_next(struct firn_scan *scan, const struct firn_scan_batch **out,
                                    firn_error *err);
size_t firn_query_batch_rows(const struct firn_scan_batch *batch);
const struct firn_chunk_values *firn_query_batch_column(const struct firn_scan_batch *batch,
                                                        size_t column);
/* The chunk of a run, pinned, that values of a column of the last batch may lie in, where they were not computed; NULL: they
 * lie elsewhere. Borrowed until the next call. */
const struct firn_column_pin *firn_query_batch_pin(const struct firn_scan *scan, size_t column);
firn_value firn_query_batch_value(const struct firn_scan_batch *batch, size_t column, size_t row);
/* Fills all but the size. */
void firn_query_get_stats(const struct firn_scan *scan, firn_scan_stats *out);

/* ---- rows to a visitor, by all threads at once ---- */

/* Rows as one thread reads them: a batch of up to FIRN_CHUNK_BLOCK, of which some fulfil the condition. */
struct firn_query_rows;
struct firn_query_visitor {
    /* Gets each batch with rows that fulfil the condition, in the order of the primary key as far as one thread sees it.
     * worker: the number of the thread, below firn_query_workers; calls with one number follow each other. If it
     * returns anything but FIRN_OK, the query ends. */
    int (*visit)(void *ctx, unsigned worker, struct firn_query_rows *rows, firn_error *err);
    /* May be NULL: is offered rows of a run that lie side by side. is_met: all of them fulfil the condition, which is known
     * without a look at them. true: it takes them, and they come in no batch. */
    bool (*take)(void *ctx, struct firn_run *run, size_t group, size_t row, size_t count,
                 bool is_loose, bool is_met);
    void *ctx;
};
unsigned firn_query_workers(const struct firn_scan *scan);
/* Reads everything, once. Requires: options.is_visited. */
FIRN_MUST_CHECK int firn_query_visit(struct firn_scan *scan,
                                     const struct firn_query_visitor *visitor, firn_error *err);

/* The pieces that it reads, open as long as the scan; NULL: rows come from a cursor. */
struct firn_lsm_pieces *firn_query_pieces(const struct firn_scan *scan);

/* Of a batch, query_visit.c: a mask of FIRN_CHUNK_MASK_WORDS words of the rows that count. */
const uint64_t *firn_query_visit_wanted(const struct firn_query_rows *rows);
/* The values of a column that is selected, read when they are asked for, and borrowed until visit returns. Only those of
 * rows that count mean something. */
FIRN_MUST_CHECK int firn_query_visit_column(struct firn_query_rows *rows, size_t i,
                                            struct firn_chunk_values *out, firn_error *err);
/* Where the batch lies as it is: its first row is row *out_row of a group of a run, which lives as long as the scan;
 * false: the rows were merged, or read one by one. *out_is_loose: not all of its rows are what the scan sees. */
bool firn_query_visit_place(const struct firn_query_rows *rows, struct firn_run **out_run,
                            size_t *out_group, size_t *out_row, bool *out_is_loose);

#endif
