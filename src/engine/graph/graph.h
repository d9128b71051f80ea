/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph.h: a graph over the vectors of one column of one run, for finding near vectors
 * without comparing all (docs/formats/graph.md).
 *
 * It is a hierarchical navigable small world (Malkov and Yashunin, "Efficient and robust
 * approximate nearest neighbor search using Hierarchical Navigable Small World graphs", 2016) over
 * 8-bit codes of the vectors. It finds candidates: rows that are probably near. The caller reads
 * their vectors, computes the exact distances, and leaves out rows that its snapshot does not see.
 *
 * A graph is built in memory, written to a sealed file, and read from there through the block
 * cache. One that the cache cannot hold has lists of near nodes instead of links. Its nodes are
 * numbered from 0; each is one row of the run, and all others that have the same vector.
 *
 * Threads: a graph that is built or open is searched by any number of threads, each with a scratch
 * of its own.
 */
#ifndef FIRN_GRAPH_GRAPH_H
#define FIRN_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "run/run_kind.h"
#include "vector/vector_distance.h"

struct fi_graph;

enum {
    FI_GRAPH_M_MIN = 4,
    FI_GRAPH_M_MAX = 64,
    FI_GRAPH_M_DEFAULT = 16,
    FI_GRAPH_EF_CONSTRUCTION_MAX = 2000,
    FI_GRAPH_EF_CONSTRUCTION_DEFAULT = 200,
    FI_GRAPH_EF_MAX = 1 << 20
};
/* Maximum number of rows of a run that has a graph. */
#define FI_GRAPH_ROWS_MAX (UINT32_C(1) << 30)

/* The parameters of a graph. Two graphs with the same parameters over the same rows have the same
 * nodes. */
struct fi_graph_parameters {
    enum fi_vector_metric metric;
    uint32_t dimensions;
    uint32_t column; /* its number in the run */
    uint32_t m;      /* links of a node, and of level 0 twice as many, at most */
    uint32_t ef_construction;
    uint64_t seed;
};

/* ---- building (graph_build.c) ---- */

/* Where the vectors come from. One thread. */
struct fi_graph_source {
    void *ctx;
    uint64_t rows; /* of the run; at most FI_GRAPH_ROWS_MAX */
    /* The vectors of the rows from `first` on, count <= FI_GRAPH_READ_MAX of them, each of 4
     * bytes a dimension at any address; NULL: the row has none. Borrowed until the next call.
     * Called for all rows in order, each time. */
    int (*read)(void *ctx, uint64_t first, size_t count, const uint8_t **out, firn_error *err);
};
enum { FI_GRAPH_READ_MAX = 1024 };

struct fi_graph_build_options {
    struct fi_graph_parameters parameters;
    struct fi_os *os;           /* borrowed while this works */
    unsigned threads;           /* 0: 1. The graph is the same with any number */
    const struct fi_step *step; /* told of nodes that are linked, as files; may be NULL. Borrowed */
    /* An open graph of a run whose rows are partly the same: its links are kept, if that pays
     * (graph_merge.c). NULL: there is none. Borrowed */
    const struct fi_graph *old;
    /* The graph gets lists instead of links (graph_lists.c), because memory will not hold it:
     * building it takes less memory, and searches read more. */
    bool is_listed;
};
/* How a graph was built. */
struct fi_graph_build_counts {
    uint32_t kept;     /* nodes of the old graph */
    uint64_t compared; /* distances of codes that were computed */
    bool is_damaged;   /* the old graph was */
};
/* The approximate memory that building a graph over so many rows takes, and that the graph takes
 * when it is open. */
uint64_t fi_graph_build_bytes(const struct fi_graph_parameters *parameters, uint64_t rows);
uint64_t fi_graph_read_bytes_of(const struct fi_graph_parameters *parameters, uint64_t rows);
/* Likewise for one that is listed; it takes hardly any memory when it is open. */
uint64_t fi_graph_lists_build_bytes(const struct fi_graph_parameters *parameters, uint64_t rows);
/* A graph in memory. FIRN_INVALID for parameters beyond the limits; or the error of read or step. A
 * vector with a number that is not finite, and under COSINE a zero vector, is left out. */
FIRN_MUST_CHECK int fi_graph_build(const struct fi_graph_source *source,
                                   const struct fi_graph_build_options *options,
                                   struct fi_graph **out, firn_error *err);
const struct fi_graph_build_counts *fi_graph_build_counts_of(const struct fi_graph *graph);
/* Frees a graph that was built. NULL is allowed. */
void fi_graph_build_destroy(struct fi_graph *graph);

/* ---- the file (graph_write.c, graph_read.c) ---- */

/* Writes a graph that was built as the file `name` in dir, durably, with the vectors of its source,
 * which are read once more. *out_identity: the beginning of the file's. */
FIRN_MUST_CHECK int fi_graph_write(const struct fi_graph *graph,
                                   const struct fi_graph_source *source, struct fi_os_dir *dir,
                                   const char *name, uint64_t *out_bytes, uint64_t *out_identity,
                                   firn_error *err);

/* The kind of a graph as an attachment of a run. Open reads the header and the upper levels. Codes
 * and links are read into the cache when a search first uses them. They stay there while the graph
 * is open, if they fit into the part of the budget that may be held; otherwise they may be evicted.
 * check reads the whole file. */
extern const struct fi_run_kind fi_graph_read_kind;

/* An attachment of that kind as a graph, while it is open. */
const struct fi_graph *fi_graph_read_of(const struct fi_run *run);

const struct fi_graph_parameters *fi_graph_search_parameters(const struct fi_graph *graph);
/* Whether it has lists instead of links. */
bool fi_graph_search_is_listed(const struct fi_graph *graph);
/* The number of rows of the run that it was built for. */
uint64_t fi_graph_search_rows(const struct fi_graph *graph);
/* The number of rows that it has: all except those that were left out. */
uint32_t fi_graph_search_count(const struct fi_graph *graph);
/* The bytes of memory that it takes once all of it was read. */
uint64_t fi_graph_read_bytes(const struct fi_graph *graph);

/* ---- searching (graph_search.c) ---- */

/* Memory for searching. One thread at a time; for any graph, except that only the second function
 * (graph_sketch.c) makes one for graphs that are open and have lists. */
struct fi_graph_scratch;
FIRN_MUST_CHECK int fi_graph_search_scratch_create(struct fi_graph_scratch **out, firn_error *err);
FIRN_MUST_CHECK int fi_graph_sketch_scratch_create(struct fi_graph_scratch **out, firn_error *err);
/* NULL is allowed. */
void fi_graph_search_scratch_destroy(struct fi_graph_scratch *scratch);

/* The width (ef) of a walk that finds that fraction of the `wanted` nearest rows, on average of
 * queries that are like the rows; 0: no walk that was measured finds so much, or it is 1.
 * (graph_recall.c) */
size_t fi_graph_recall_width(const struct fi_graph *graph, size_t wanted, double recall);

/* Chooses which lists of several graphs of one column and metric a search reads: the nearest of all
 * of them, until as many codes are compared as by one graph's search of that width. out_radii: for
 * each graph, fi_graph_search_options.radius. Requires: all have lists. FIRN_NO_MEMORY.
 * (graph_lists.c) */
FIRN_MUST_CHECK int fi_graph_lists_share(const struct fi_graph *const *graphs, size_t count,
                                         const void *query, uint64_t width,
                                         struct fi_graph_scratch *scratch, float *out_radii,
                                         firn_error *err);

struct fi_graph_memo; /* see below */
struct fi_graph_search_options {
    size_t wanted; /* rows: with a filter no fewer are found, if there are as many */
    size_t most;   /* candidates, at most; 0: as many as are wanted */
    size_t ef;     /* how many of the nearest nodes a walk keeps, at least as many as either */
    /* Of a graph with lists: those that fi_graph_lists_share has chosen are searched, and fewer
     * rows than wanted may be found. At least half of the rows should be allowed. 0: `ef` says how
     * many. */
    float radius;
    /* With a filter: the fraction of the wanted rows to find, below 1, of which `ef` is the width
     * without a filter. 0: walks are wider in proportion. */
    double recall;
    /* A bit for each row of the run: those that may be found. NULL: all. */
    const uint64_t *allowed;
    uint64_t allowed_count; /* bits that are set; only with `allowed` */
    /* What `allowed` is the bits of, if it is a memo's: the search may keep the codes of its rows
     * side by side for the next one. NULL: it is none. */
    const struct fi_graph_memo *memo;
};
/* A candidate. */
struct fi_graph_candidate {
    uint64_t row;
    uint32_t node;  /* the graph's own */
    float distance; /* of codes or sketches; only good for comparing candidates of one search */
};
/* How a search went. */
struct fi_graph_search_counts {
    uint64_t evaluated; /* codes that were compared */
    uint64_t expanded;  /* nodes whose links were followed */
    /* all rows that may be found were looked at: there are no more than were found */
    bool is_exhaustive;
};
/* Finds rows near a query, of 4 bytes a dimension at any address, all numbers finite. Writes
 * *out_count of them to out, the nearest first; out has room for `most`. Deterministic.
 * out_counts may be NULL. FIRN_CORRUPT if the file is damaged; FIRN_NO_MEMORY, FIRN_IO. */
FIRN_MUST_CHECK int fi_graph_search(const struct fi_graph *graph, const void *query,
                                    const struct fi_graph_search_options *options,
                                    struct fi_graph_scratch *scratch,
                                    struct fi_graph_candidate *out, size_t *out_count,
                                    struct fi_graph_search_counts *out_counts, firn_error *err);

/* ---- conditions (graph_memo.c) ---- */

/* Which rows of the run fulfil a condition. */
struct fi_graph_memo {
    const uint64_t *bits; /* of each row, and zeros up to the end of word rows / 64 */
    uint64_t count;       /* that are set */
};
/* The result of find is valid until leave, which is passed the result of enter. Any thread;
 * nests. */
size_t fi_graph_memo_enter(const struct fi_graph *graph);
void fi_graph_memo_leave(const struct fi_graph *graph, size_t slot);
/* The memo of that key; NULL if there is none. */
const struct fi_graph_memo *fi_graph_memo_find(const struct fi_graph *graph, firn_slice key);
/* Keeps a copy of the bits, rows / 64 + 1 words, if there is memory. The key must contain
 * everything that the bits depend on, except the run. Any thread. */
void fi_graph_memo_keep(const struct fi_graph *graph, firn_slice key, const uint64_t *bits,
                        uint64_t count);

/* ---- exact search (graph_exact.c) ---- */

/* Finds the `wanted` nearest of the allowed rows, by the exact distances; rows at the same distance
 * are in the run's order. Writes *out_count of them, in that order; out and distances have room for
 * `wanted`. All codes are compared, and only vectors that these do not exclude are read: `expanded`
 * counts them. options->ef is ignored. *out_count is 0 if codes exclude too little: comparing all
 * vectors is better then. Requires: the graph is open. Fails as a search does. */
FIRN_MUST_CHECK int fi_graph_exact(const struct fi_graph *graph, const void *query,
                                   const struct fi_graph_search_options *options,
                                   struct fi_graph_scratch *scratch, struct fi_graph_candidate *out,
                                   double *distances, size_t *out_count,
                                   struct fi_graph_search_counts *out_counts, firn_error *err);

/* Of the candidates that a search with the same options found, finds the `wanted` nearest by the
 * exact distances, as fi_graph_exact does: none is left out whose code does not exclude it, or
 * whose sketch makes it unlikely (graph_sketch.c). Those that are farther than `most` may be left
 * out; infinity: none. They replace the *count candidates, and their distances are written; both
 * have room for as many as there are of either. *out_judged: vectors that were read. Requires: the
 * graph is open, and nothing else used the scratch after the search. Fails as a search does. */
FIRN_MUST_CHECK int fi_graph_exact_rank(const struct fi_graph *graph, const void *query,
                                        const struct fi_graph_search_options *options, double most,
                                        struct fi_graph_scratch *scratch,
                                        struct fi_graph_candidate *candidates, double *distances,
                                        size_t *count, uint64_t *out_judged, firn_error *err);

/* Writes the exact distances of candidates to the query (fi_vector_distance_exact) to out, from
 * the vectors in the file. Requires: the graph is open, and the candidates are from it. Fails as a
 * search does. */
FIRN_MUST_CHECK int fi_graph_read_assess(const struct fi_graph *graph, const void *query,
                                         const struct fi_graph_candidate *candidates, size_t count,
                                         double *out, firn_error *err);

#endif
