/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/vector.h: searching the rows whose vectors are nearest to a given vector.
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
 * - Any VECTOR column of a table can be searched; an index is optional. Rows whose vector is null are never found.
 * - A smaller distance is nearer, with every metric. Distances are computed in double precision from the stored
 *   numbers and are the same on every processor.
 * - Results are ordered by distance, and by key if distances are equal.
 * - A search sees one state of the table, as a scan does (scan.h): the present one, that of a snapshot, or that of a
 *   transaction with its own writes.
 * - The numbers of vectors and queries must be finite: searches and inserts refuse others.
 */
#ifndef FIRN_VECTOR_H
#define FIRN_VECTOR_H

#include <stdbool.h>

#include "notice.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The distance of two vectors a and b. */
typedef enum firn_metric {
    /* The sum of the squares of the differences: the square of the Euclidean distance. */
    FIRN_METRIC_L2 = 1,
    /* The negative inner product, -(a . b). */
    FIRN_METRIC_DOT = 2,
    /* 1 - a . b / (|a| |b|): 0 for the same direction, 1 at right angles, 2 for the opposite one. The distance of a
     * vector of zeros to every vector is 1. */
    FIRN_METRIC_COSINE = 3
} firn_metric;

/* "l2", "dot", "cosine"; NULL for a number that is no metric. */
FIRN_API const char *firn_metric_name(firn_metric metric);

enum { FIRN_SEARCH_K_MAX = 1000000, FIRN_SEARCH_QUERIES_MAX = 65536 };

typedef struct firn_search_options {
    size_t size; /* sizeof(firn_search_options) */
    /* The state to read: that of a transaction, with its own writes, or that of a snapshot. Both NULL: the present
     * one. In a serializable transaction a search counts as a scan of the whole table. */
    firn_txn *txn;
    firn_snapshot *snapshot;
    uint64_t k; /* the most rows to find, 0 to 1,000,000 */
    firn_metric metric;
    /* A condition, as for a scan (scan.h): only rows that fulfil it are found. NULL: all rows. The texts and values
     * of all options are borrowed for the call. */
    const char *where;
    const firn_value *parameters; /* values of the question marks in where */
    size_t parameter_count;
    /* Names of the columns that the result contains in addition to the key; NULL: none. */
    const char *const *columns;
    size_t column_count;
    /* Miss no row, even if the column has graphs (firn_vector_index): they then only rule out rows that are certainly
     * too far away. */
    bool exact;
    /* How many candidates a walk of a graph keeps, at least k; 0: chosen by recall. The vectors of all that may be among
     * the nearest are compared exactly. Lists are read until 32 times as many codes were compared for each run that
     * has some. */
    uint32_t ef;
    /* The fraction of the nearest rows to find on average, above 0 to 1; 0: 0.95. 1, and what no walk of the graph was
     * measured to find, is as `exact`. */
    double recall;
    /* How many threads read; 0: one per processor, at most 8; 1: only the caller's thread. */
    unsigned threads;
    firn_callbacks callbacks; /* on_progress as in a scan */
} firn_search_options;
#define FIRN_SEARCH_OPTIONS_INIT                                                                 \
    {                                                                                            \
        sizeof(firn_search_options), NULL, NULL, 10, FIRN_METRIC_COSINE, NULL, NULL, 0, NULL, 0, \
            false, 0, 0, 0, FIRN_CALLBACKS_INIT                                                  \
    }

/* An index of vectors: runs (sorted files) of the table get graphs, in which a search finds near rows without
 * comparing all rows. Where memory has no room for a graph, a run gets lists of near rows instead, which are read from
 * the disk (docs/vectors.md). A search may miss some of the nearest: see recall above. */
typedef struct firn_vector_index {
    size_t size;        /* sizeof(firn_vector_index) */
    const char *name;   /* unique among the indexes of the table */
    const char *column; /* a VECTOR column */
    firn_metric metric; /* of the searches that it serves */
    uint32_t m; /* links of a node, 4 to 64: more links improve recall and take more memory */
    /* Candidates for the links of a row, 1 to 2,000: more candidates improve recall and take longer to build. */
    uint32_t ef_construction;
} firn_vector_index;
#define FIRN_VECTOR_INDEX_INIT                                             \
    {                                                                      \
        sizeof(firn_vector_index), NULL, NULL, FIRN_METRIC_COSINE, 16, 200 \
    }
/* Adds an index to a table, which need not be empty. Graphs are built in the background for runs of 4,096 rows or
 * more; firn_store_compact builds missing graphs before it returns. Rows that are not in a graph yet are all
 * compared. firn_table_drop_index drops the index. FIRN_NOT_FOUND if there is no such column. FIRN_EXISTS if there is
 * an index of that name. FIRN_INVALID if a member of `index` is out of range. */
FIRN_API FIRN_MUST_CHECK int
firn_table_add_vector_index(firn_table *table, const firn_vector_index *index, firn_error *err);

/* The result of a search. It belongs to the caller and stays valid after the store is closed. Any thread may
 * read it. */
typedef struct firn_search_result firn_search_result;

/* Finds the k rows whose vectors in a column are nearest to the query, which has `dimensions` numbers. FIRN_NOT_FOUND
 * if there is no such column. FIRN_INVALID if the column's type is not VECTOR or has another length, if a number of
 * the query is not finite, or if `where` is not a condition. FIRN_LIMIT if k is too large. Any thread; with a
 * transaction, its thread. */
FIRN_API FIRN_MUST_CHECK int firn_table_search(firn_table *table, const char *column,
                                               const float *query, size_t dimensions,
                                               const firn_search_options *options,
                                               firn_search_result **out, firn_error *err);
/* The same for several queries at once, which all see the same state: query i is the `dimensions` numbers from
 * queries[i * dimensions] on. Puts the result that firn_table_search has for query i into out[i], which has room for
 * query_count; after a failure all are NULL. Without an index, rows are read once for up to 256 queries, which takes a
 * fraction of the time of as many searches; with one, the queries are answered one after the other. on_progress
 * counts each pass over the rows anew. FIRN_LIMIT for more than 65,536 queries. */
FIRN_API FIRN_MUST_CHECK int firn_table_search_many(firn_table *table, const char *column,
                                                    const float *queries, size_t query_count,
                                                    size_t dimensions,
                                                    const firn_search_options *options,
                                                    firn_search_result **out, firn_error *err);
/* Frees a result. NULL is allowed. */
FIRN_API void firn_search_result_destroy(firn_search_result *result);
/* How many rows were found. */
FIRN_API size_t firn_search_result_count(const firn_search_result *result);
/* The distance of row i; this and the next two describe row i, counted from 0; beyond the last
 * row they give 0 or NULL. Values belong to the result. */
FIRN_API double firn_search_result_distance(const firn_search_result *result, size_t i);
/* The values of the primary key, in its order, as firn_table_get takes them. */
FIRN_API const firn_value *firn_search_result_key(const firn_search_result *result, size_t i,
                                                  size_t *out_count);
/* The values of options.columns, in that order. */
FIRN_API const firn_value *firn_search_result_values(const firn_search_result *result, size_t i,
                                                     size_t *out_count);

typedef struct firn_search_stats {
    size_t size;          /* sizeof(firn_search_stats) */
    uint64_t rows_read;   /* including those that do not fulfil the condition */
    uint64_t rows_pruned; /* skipped, because of the smallest and largest values stored with them */
    uint64_t rows_merged; /* of rows_read: where several runs or memtables overlap */
    uint64_t rows_measured; /* whose distances were computed */
    uint64_t rows_judged;   /* of rows_measured: computed again, in double precision */
    unsigned threads;
    uint64_t rows_walked; /* whose codes a graph compared */
    /* Graphs that could not be read, so that all rows were compared: compact the table to rebuild them. */
    uint64_t graphs_damaged;
} firn_search_stats;
#define FIRN_SEARCH_STATS_INIT                            \
    {                                                     \
        sizeof(firn_search_stats), 0, 0, 0, 0, 0, 0, 0, 0 \
    }
/* What the search has read. */
FIRN_API void firn_search_result_get_stats(const firn_search_result *result,
                                           firn_search_stats *out);

/* The distance of two vectors of finite numbers, as a search computes it. */
FIRN_API double firn_vector_distance(firn_metric metric, const float *a, const float *b,
                                     size_t dimensions);

/* Reciprocal-rank fusion: a score for a row that several ranked lists (by meaning, by words, by date) may contain.
 * The score is the sum of 1 / (k + rank) over the lists; the best row has the largest. ranks[i] is the row's rank in
 * list i, from 1; 0: the list does not contain it. A larger k (0: 60) gives the first ranks less weight. Cormack,
 * Clarke and Buettcher, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods" (SIGIR
 * 2009). */
FIRN_API double firn_rrf(const uint64_t *ranks, size_t count, double k);

#ifdef __cplusplus
}
#endif
#endif
