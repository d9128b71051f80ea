/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_run.h: the rows whose vectors are nearest to a given one. The public twin is
 * include/firn/vector.h.
 *
 * Threads: a search has threads of its own, which only run during calls of its functions. A result
 * never changes.
 */
#ifndef FIRN_SEARCH_SEARCH_RUN_H
#define FIRN_SEARCH_SEARCH_RUN_H

#include "firn/vector.h"
#include "query/query.h"
#include "search/search_source.h"
#include "vector/vector_distance.h"

struct fi_search_request {
    struct firn_txn *txn;           /* its state, with its writes; or */
    struct firn_snapshot *snapshot; /* both NULL: now */
    const char *column;
    const float *query; /* of so many numbers; the next query follows it */
    size_t dimensions;
    size_t query_count;
    size_t k;
    enum fi_vector_metric metric;
    const char *where; /* as in fi_query_options, with its parameters */
    const firn_value *parameters;
    size_t parameter_count;
    const char *const *columns; /* of the result */
    size_t column_count;
    /* Sources of near rows; NULL: graphs, if there are any. Borrowed for the call. */
    const struct fi_search_sources *sources;
    uint32_t ef;   /* for sources; 0: by recall */
    double recall; /* 0: the default */
    bool is_exact; /* none of the nearest may be missed, with any sources */
    unsigned threads;
    int (*on_progress)(void *ctx, const firn_progress *progress); /* may be NULL */
    void *progress_ctx;
};

/* Makes a result for each query, all in one state. After a failure they are NULL. FIRN_NOT_FOUND,
 * FIRN_INVALID, FIRN_LIMIT as firn_table_search. */
FIRN_MUST_CHECK int fi_search_run(struct firn_table *table, const struct fi_search_request *request,
                                  struct firn_search_result **out, firn_error *err);

/* ---- results: search_result.c ---- */

/* Row i of a result. */
struct fi_search_row {
    double distance;
    const firn_value *key;
    const firn_value *values;
};
struct firn_search_result {
    struct fi_search_row *rows;
    size_t count;
    size_t key_count;    /* values of each key */
    size_t column_count; /* values of each row */
    firn_search_stats stats;
    struct fi_arena arena; /* keys, values, and their bytes */
};
/* NULL is fine. */
void fi_search_result_free(struct firn_search_result *result);

#endif
