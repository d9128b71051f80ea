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
firn_value firn_query_batch_value(const struct firn_scan_batch *batch, size_t column, size_t row);
/* Fills all but the size. */
void firn_query_get_stats(const struct firn_scan *scan, firn_scan_stats *out);

#endif
