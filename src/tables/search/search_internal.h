/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_internal.h: what the files of the room share.
 */
#ifndef FIRN_SEARCH_SEARCH_INTERNAL_H
#define FIRN_SEARCH_SEARCH_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "column/column.h"
#include "graph/graph.h"
#include "search/search_run.h"
#include "search/search_source.h"
#include "vector/vector_code.h"

struct fi_lsm_pieces;

/* ---- distances: search_measure.c ---- */

/* The query of a search. Never changes while threads read it. */
struct fi_search_measure {
    enum fi_vector_metric metric;
    size_t dimensions;
    const struct fi_vector_kernels *kernels;
    const float *query;
    const float *compared; /* the query for kernels; for COSINE scaled to length 1 */
    double squares;        /* of the query */
    double length;         /* their root */
    double wrong;          /* the relative error of a kernel's sum */
    double vanished;       /* the further error due to numbers that were too small */
    float *own;            /* compared, if it is not the query */
    bool has_code;         /* can be compared with codes: */
    struct fi_vector_code_query code;
};
/* Borrows query i of the request until deinit. FIRN_NO_MEMORY. Requires: it is finite. */
FIRN_MUST_CHECK int fi_search_measure_init(struct fi_search_measure *measure,
                                           const struct fi_search_request *request, size_t i,
                                           firn_error *err);
/* A zeroed one is fine. */
void fi_search_measure_deinit(struct fi_search_measure *measure);
/* Which of four vectors may be at a distance of `most` or less: bit i. A vector whose bit is not
 * set is certainly not. */
unsigned fi_search_measure_four(const struct fi_search_measure *measure, const void *const rows[4],
                                double most);
/* The distance of a vector. NaN or infinity: the vector is not finite. */
double fi_search_measure_exact(const struct fi_search_measure *measure, const void *row);

/* ---- codes of rows: search_code.c ---- */

/* The codes of a batch of rows, in the cache or in memory of its own. One thread's; zeroed at
 * first. */
struct fi_search_code {
    firn_slice block; /* empty: there are none */
    struct fi_column_pin pin;
    struct fi_buf made;
};
/* Where a batch is: from row `row` of a group of a run on. run: NULL, if it is nowhere. */
struct fi_search_place {
    struct fi_run *run;
    size_t group;
    size_t row;
    uint32_t column;
};
/* Whether the codes of all rows that a search reads directly may be kept. */
bool fi_search_code_fits(const struct fi_lsm_pieces *pieces, size_t dimensions);
/* The codes that an earlier search has kept, if there are any. */
bool fi_search_code_find(struct fi_search_code *code, const struct fi_search_place *place);
/* Makes those of some rows, unless they take too much memory. The cache keeps them, if the place is
 * one: then they must be all rows of the batch whose vectors are not null (C1). */
FIRN_MUST_CHECK int fi_search_code_make(struct fi_search_code *code,
                                        const struct fi_search_place *place,
                                        const struct fi_chunk_values *vectors, const uint64_t *rows,
                                        size_t dimensions, firn_error *err);
/* There are none afterwards. */
void fi_search_code_drop(struct fi_search_code *code);
void fi_search_code_deinit(struct fi_search_code *code);

/* ---- the nearest: search_top.c ---- */

struct fi_search_near {
    double distance;
    struct fi_buf key; /* encoded: their bytes compare as keys do */
};
/* The k nearest rows that one thread has seen. A zeroed one with k set is empty. */
struct fi_search_top {
    struct fi_search_near *heap; /* the furthest first */
    size_t count;
    size_t capacity;
    size_t k;
};
void fi_search_top_deinit(struct fi_search_top *top);
/* The largest distance at which a row may still be among the k: infinity while there are fewer. */
double fi_search_top_most(const struct fi_search_top *top);
/* Takes a row, whose key is copied, if it is among the nearest. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_search_top_put(struct fi_search_top *top, double distance, firn_slice key,
                                      firn_error *err);
/* Moves at most k rows of all tops, which are empty afterwards, into out: nearest first, then by
 * key. out is sorted, and no heap. FIRN_NO_MEMORY. Requires: out is empty. */
FIRN_MUST_CHECK int fi_search_top_join(struct fi_search_top *tops, size_t count, size_t k,
                                       struct fi_search_top *out, firn_error *err);

/* ---- runs with sources: search_source.c ---- */

/* The runs of a search that have a source. NULL: none has. */
struct fi_search_source_set;
/* pieces: those of the query; NULL: rows are read one by one. column: its number. */
FIRN_MUST_CHECK int fi_search_source_open(const struct fi_search_request *request, uint32_t column,
                                          const struct fi_lsm_pieces *pieces,
                                          struct fi_search_source_set **out, firn_error *err);
/* NULL is fine. */
void fi_search_source_close(struct fi_search_source_set *set);
/* Notes rows that may be found: those of a mask of FI_CHUNK_MASK_WORDS words from a row of a
 * group on, or `count` rows. is_loose: the search may not see all of them. false: the run has no
 * source, and they must be measured. Any thread. */
bool fi_search_source_note(struct fi_search_source_set *set, const struct fi_run *run, size_t group,
                           size_t row, const uint64_t *wanted, bool is_loose);
bool fi_search_source_note_all(struct fi_search_source_set *set, const struct fi_run *run,
                               size_t group, size_t row, size_t count, bool is_loose);
/* Notes the rows of a group that fulfil the condition, if the source knows them; false: it does
 * not. */
bool fi_search_source_note_known(struct fi_search_source_set *set, const struct fi_run *run,
                                 size_t group, size_t row, size_t count, bool is_loose);
/* Notes the rows of all pieces without reading any, out of *out_rows rows. False, if a piece is not
 * of a run with a source, or, with a condition, if the source does not know the rows that fulfil
 * it. */
bool fi_search_source_note_pieces(struct fi_search_source_set *set,
                                  const struct fi_lsm_pieces *pieces, bool has_condition,
                                  uint64_t *out_rows);
/* Tells sources which rows fulfil the condition: all pieces were visited. */
void fi_search_source_teach(struct fi_search_source_set *set, const struct fi_lsm_pieces *pieces);
/* Asks all sources for near rows among the noted ones, and puts them into top. *out_lacks: a source
 * named too few, or is damaged, and all rows must be measured. */
FIRN_MUST_CHECK int fi_search_source_query(const struct fi_search_source_set *set,
                                           struct fi_lsm_pieces *pieces,
                                           const struct fi_search_request *request,
                                           struct fi_search_top *top, bool *out_lacks,
                                           firn_error *err);

/* ---- graphs as sources: search_graph.c ---- */

/* The graphs of the runs that a search reads. Zeroed at first; the counts stay after close. */
struct fi_search_graphs {
    struct fi_search_sources sources; /* for the request */
    const struct fi_search_request *request;
    struct fi_buf list; /* of struct fi_lsm_pieces_graph */
    struct fi_buf key; /* of the condition, for memos (graph/graph_memo.c); empty: there are none */
    struct fi_buf places; /* a size_t for each graph: until it is returned, its memos stay */
    /* Graphs that a query searches together, and the radius of each: fi_graph_lists_share. */
    const struct fi_graph **shared;
    float *radii;
    size_t shared_count;
    struct fi_graph_scratch *scratch;
    struct fi_graph_candidate *candidates;
    double *distances;
    size_t room;        /* of both */
    uint64_t damaged;   /* graphs that could not be read */
    uint64_t evaluated; /* codes that were compared */
    uint64_t judged;    /* vectors that were measured */
};
/* Open until close, at most as long as the pieces (NULL: there are none). The request is
 * borrowed. */
FIRN_MUST_CHECK int fi_search_graph_open(struct fi_search_graphs *graphs,
                                         struct fi_lsm_pieces *pieces, uint32_t column,
                                         const struct fi_search_request *request,
                                         const struct fi_schema *schema, firn_error *err);
void fi_search_graph_close(struct fi_search_graphs *graphs);

/* ---- results: search_result.c ---- */

/* Decodes keys, and reads the requested columns. Rows that have expired since the search are left
 * out. snapshot: the state that was searched; NULL: that of the transaction. */
FIRN_MUST_CHECK int fi_search_result_make(struct firn_table *table,
                                          const struct fi_search_request *request,
                                          struct firn_snapshot *snapshot,
                                          const struct fi_schema *schema,
                                          const struct fi_search_top *top,
                                          struct firn_search_result **out, firn_error *err);

#endif
