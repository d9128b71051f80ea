/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_source.h: sources, such as graphs, which find near rows of a run without reading
 * all of them.
 *
 * A search asks for a source of each run whose rows it could read directly. Rows of a run that has
 * one are not measured: the rows that fulfil the condition are noted, and the source names near
 * ones among those. All other rows, including those that must be merged with newer versions, are
 * measured one by one. If pieces are loose (lsm/lsm_pieces.h), a source may name rows that the
 * snapshot no longer sees; then it is asked for more.
 *
 * Rows of a run have numbers from 0 on over all of its groups, in order.
 */
#ifndef FIRN_SEARCH_SEARCH_SOURCE_H
#define FIRN_SEARCH_SEARCH_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vector/vector_distance.h"

struct fi_graph_memo;
struct fi_run;

struct fi_search_candidate {
    uint64_t row;
    double distance; /* that of fi_vector_distance_exact */
};

/* Sources look for rows together only if at least one in so many of the rows of each is allowed. */
enum { FI_SEARCH_SHARED_PART = 2 };

/* A request to a source. */
struct fi_search_ask {
    const float *query;
    size_t dimensions;
    size_t wanted;           /* candidates, at most */
    uint32_t ef;             /* 0: by recall */
    double recall;           /* 0: the default; 1: as is_exact */
    bool is_exact;           /* none may be missed: a source that cannot promise this names none */
    bool is_shared;          /* as `share` said: rows that are farther than others may be missed */
    double most;             /* only if is_shared: rows that are farther are of no use */
    const uint64_t *allowed; /* a bit for each row of the run; NULL: all may be found */
    uint64_t allowed_count;
    const struct fi_graph_memo *memo; /* whose bits `allowed` is; NULL: it is none's */
};

/* The functions of sources. A search calls them from one thread. */
struct fi_search_sources {
    void *ctx;
    /* Opens the graph of a column of a run, for a metric; *out is NULL if there is none, or it is
     * damaged: then rows are measured. The run lives until close. */
    int (*open)(void *ctx, struct fi_run *run, uint32_t column, enum fi_vector_metric metric,
                void **out, firn_error *err);
    void (*close)(void *ctx, void *source);
    /* Finds near rows among the allowed ones, in any order, none twice: *out_count of them in out,
     * which has room for ask->wanted. If there are too few, or after FIRN_CORRUPT, the search
     * measures all rows instead. */
    int (*find)(void *ctx, void *source, const struct fi_search_ask *ask,
                struct fi_search_candidate *out, size_t *out_count, firn_error *err);
    /* The rows of the run that fulfil the condition of the search, until close; NULL: not known.
     * May be NULL. */
    const struct fi_graph_memo *(*known)(void *ctx, void *source);
    /* Remembers these rows: a bit for each row, and one word more than the bits need. May be
     * NULL. */
    void (*learn)(void *ctx, void *source, const uint64_t *bits, uint64_t count);
    /* Chooses sources that look for the nearest rows of all of them together, by the requests that
     * come next (FI_SEARCH_SHARED_PART): out[i] is true for these. If the request to one of them
     * is_shared, it may name fewer rows than are wanted. May be NULL. */
    int (*share)(void *ctx, void *const *sources, size_t count, const struct fi_search_ask *asks,
                 bool *out, firn_error *err);
};

#endif
