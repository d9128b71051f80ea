/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_source.h: what finds near rows of a run without looking at all of them, as a graph does.
 *
 * A search asks for a source of each run whose rows it could read as they lie. Rows of a run that has one are not measured:
 * it is noted which of them fulfil the condition, and the source names near ones among those. All other rows, those
 * that must be merged with newer versions among them, are measured one by one. Where pieces are loose (lsm/lsm_pieces.h) a
 * source may name rows that the view does not see any more; then it is asked for more.
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

struct firn_graph_memo;
struct firn_run;

struct firn_search_candidate {
    uint64_t row;
    double distance; /* that of firn_vector_distance_exact */
};

/* What a source is asked. */
struct firn_search_ask {
    const float *query;
    size_t dimensions;
    size_t wanted;           /* candidates, at most */
    uint32_t ef;             /* 0: by recall */
    double recall;           /* 0: as by default */
    bool is_exact;           /* none may be missed: a source that cannot promise that names none */
    const uint64_t *allowed; /* a bit for each row of the run; NULL: all may be found */
    uint64_t allowed_count;
};

/* Where sources come from. A search calls them from one thread. */
struct firn_search_sources {
    void *ctx;
    /* The graph of a column of a run, for a metric; *out is NULL if there is none, or it is damaged: then rows are
     * measured. The run lives until close. */
    int (*open)(void *ctx, struct firn_run *run, uint32_t column, enum firn_vector_metric metric,
                void **out, firn_error *err);
    void (*close)(void *ctx, void *source);
    /* Near rows among those that are allowed, in any order, none twice, *out_count of them in out, which has room for
     * ask->wanted. If there are fewer than could be wanted, the search measures all rows instead. FIRN_CORRUPT: that,
     * too. */
    int (*find)(void *ctx, void *source, const struct firn_search_ask *ask,
                struct firn_search_candidate *out, size_t *out_count, firn_error *err);
    /* Which rows of the run fulfil the condition of the search, until close; NULL: that is not known. May be NULL. */
    const struct firn_graph_memo *(*known)(void *ctx, void *source);
    /* Learns it: a bit for each row, and a word for every 64 rows and one more. May be NULL. */
    void (*learn)(void *ctx, void *source, const uint64_t *bits, uint64_t count);
};

#endif
