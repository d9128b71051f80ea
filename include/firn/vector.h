/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/vector.h: the rows whose vectors are nearest to one.
 *
 *     firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
 *     options.k = 10;
 *     options.metric = FIRN_METRIC_COSINE;
 *     options.where = "lang = 'en'";
 *     options.columns = (const char *const[]){"title"};
 *     options.column_count = 1;
 *     code = firn_table_search(table, "embedding", query, 768, &options, &result, &err);
 *     for (size_t i = 0; code == FIRN_OK && i < firn_search_result_count(result); i++) {
 *         ... firn_search_result_distance(result, i), firn_search_result_values(result, i)[0] ...
 *     }
 *     firn_search_result_destroy(result);
 *
 * - The column is a VECTOR of any table: the rows need not be prepared. Rows without a vector (null) are never found.
 * - Smaller distances are nearer, whatever the metric. They are computed in double precision from the stored numbers, and
 *   are the same on every processor.
 * - Rows come by distance; rows of the same distance in the order of their keys.
 * - A search sees one state of the table, as a scan does (scan.h): a snapshot's, that of a transaction with what it has
 *   written, or that of the moment.
 * - Vectors and queries have finite numbers: others are refused, by inserts too.
 */
#ifndef FIRN_VECTOR_H
#define FIRN_VECTOR_H

#include <stdbool.h>

#include "notice.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far vectors a and b are from each other. */
typedef enum firn_metric {
    FIRN_METRIC_L2 =
        1, /* the sum of the squares of the differences (no root is taken: the order is the same) */
    FIRN_METRIC_DOT = 2, /* the negative inner product, -(a . b) */
    FIRN_METRIC_COSINE =
        3 /* 1 - a . b / (|a| |b|): 0 the same direction, 1 at right angles, 2 opposite. A vector of
                            * zeros has no direction: it is at the distance 1 of every vector, zeros too */
} firn_metric;

/* "l2", "dot", "cosine"; NULL for a number that is no metric. */
FIRN_API const char *firn_metric_name(firn_metric metric);

enum { FIRN_SEARCH_K_MAX = 1000000 };

typedef struct firn_search_options {
    size_t size; /* sizeof(firn_search_options) */
    /* Where rows are read: in a transaction, its own writes included, or in a snapshot; NULL, both: now. In a
     * serializable transaction a search counts as a scan of the whole table. */
    firn_txn *txn;
    firn_snapshot *snapshot;
    uint64_t k; /* so many rows at most, 0 to 1,000,000; all that there are where there are fewer */
    firn_metric metric;
    /* A condition as that of a scan (scan.h): only rows that fulfil it are found. NULL: all rows. The texts and values
     * of all options are borrowed for the call. */
    const char *where;
    const firn_value *parameters; /* values of the question marks in where */
    size_t parameter_count;
    /* Names of columns whose values the result is to have, besides the key; NULL: none. */
    const char *const *columns;
    size_t column_count;
    /* Looks at every row, even if there is a graph that finds near ones faster and may miss some (firn_vector_index). */
    bool exact;
    uint32_t ef;   /* how many rows a walk keeps in view; 0: chosen by recall. At least k are */
    double recall; /* the share of the nearest rows that a walk is to find, above 0 to 1; 0: 0.95 */
    unsigned
        threads; /* that read at once; 0: as many as there are processors, at most 8; 1: the caller's alone */
    firn_callbacks callbacks; /* on_progress as in a scan */
} firn_search_options;
#define FIRN_SEARCH_OPTIONS_INIT                                                                 \
    {                                                                                            \
        sizeof(firn_search_options), NULL, NULL, 10, FIRN_METRIC_COSINE, NULL, NULL, 0, NULL, 0, \
            false, 0, 0, 0, FIRN_CALLBACKS_INIT                                                  \
    }

/* An index of vectors: runs of the table get graphs, in which a search finds near rows without looking at all of them. It
 * may miss some: see recall above. */
typedef struct firn_vector_index {
    size_t size;        /* sizeof(firn_vector_index) */
    const char *name;   /* no other index of the table has it */
    const char *column; /* of a type VECTOR */
    firn_metric metric; /* of the searches that it serves */
    uint32_t m;         /* links of a node, 4 to 64: more find more, and take more memory */
    uint32_t
        ef_construction; /* nodes that are kept in view while a row's links are chosen, 1 to 2,000: more take longer
                                 to build, and find more */
} firn_vector_index;
#define FIRN_VECTOR_INDEX_INIT                                             \
    {                                                                      \
        sizeof(firn_vector_index), NULL, NULL, FIRN_METRIC_COSINE, 16, 200 \
    }
/* Adds an index to a table, which need not be empty. Graphs are built in the background, as runs of 4,096 rows or more
 * come; firn_store_compact builds those that are missing before it returns. Rows that are in no graph yet are all looked at.
 * firn_table_drop_index drops it. FIRN_NOT_FOUND: there is no such column. FIRN_EXISTS: there is an index of that name.
 * FIRN_INVALID. */
FIRN_API FIRN_MUST_CHECK int
firn_table_add_vector_index(firn_table *table, const firn_vector_index *index, firn_error *err);

/* What was found. It belongs to the caller, and needs neither the table nor the store. Any thread may read it. */
typedef struct firn_search_result firn_search_result;

/* The k rows whose vectors in a column are nearest to the query of `dimensions` numbers. FIRN_NOT_FOUND: there is no such
 * column. FIRN_INVALID: it has no vectors, or of another length; a number of the query is not finite; or where is no
 * condition. FIRN_LIMIT: k is too large. Any thread, and as a transaction or a snapshot allows. */
FIRN_API FIRN_MUST_CHECK int firn_table_search(firn_table *table, const char *column,
                                               const float *query, size_t dimensions,
                                               const firn_search_options *options,
                                               firn_search_result **out, firn_error *err);
/* NULL is allowed. */
FIRN_API void firn_search_result_destroy(firn_search_result *result);
/* How many rows were found. */
FIRN_API size_t firn_search_result_count(const firn_search_result *result);
/* Of row i, from 0: Requires: i < count. Values are owned by the result. */
FIRN_API double firn_search_result_distance(const firn_search_result *result, size_t i);
/* The values of the primary key, in its order, as firn_table_get takes them. */
FIRN_API const firn_value *firn_search_result_key(const firn_search_result *result, size_t i,
                                                  size_t *out_count);
/* The values of the columns that were asked for, in that order. */
FIRN_API const firn_value *firn_search_result_values(const firn_search_result *result, size_t i,
                                                     size_t *out_count);

typedef struct firn_search_stats {
    size_t size;          /* sizeof(firn_search_stats) */
    uint64_t rows_read;   /* that were looked at, those included that the condition left out */
    uint64_t rows_pruned; /* that were left out by the condition without a look at them */
    uint64_t
        rows_merged; /* of those read, rows of key ranges where more than one run or memtable has rows */
    uint64_t rows_measured; /* whose distances were computed */
    uint64_t
        rows_judged; /* of those, in double precision: rows that came near enough to be found */
    unsigned threads;
    uint64_t rows_walked; /* whose codes a graph compared */
    uint64_t
        graphs_damaged; /* graphs that could not be read, so that rows were measured instead: compact the table to
                              * make others */
} firn_search_stats;
#define FIRN_SEARCH_STATS_INIT                            \
    {                                                     \
        sizeof(firn_search_stats), 0, 0, 0, 0, 0, 0, 0, 0 \
    }
FIRN_API void firn_search_result_get_stats(const firn_search_result *result,
                                           firn_search_stats *out);

/* The distance between two vectors of finite numbers, as a search computes it. */
FIRN_API double firn_vector_distance(firn_metric metric, const float *a, const float *b,
                                     size_t dimensions);

/* Reciprocal-rank fusion: the score of a row that several lists have (by meaning, by words, by date), of which the best
 * row has the largest: the sum of 1 / (k + rank) over the lists. ranks[i] is the row's place in list i, from 1; 0: the list
 * does not have it. k (0: 60) says how little the first places count more than the next ones. Cormack, Clarke and Buettcher,
 * "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods" (SIGIR 2009). */
FIRN_API double firn_rrf(const uint64_t *ranks, size_t count, double k);

#ifdef __cplusplus
}
#endif
#endif
