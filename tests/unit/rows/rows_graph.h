/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows/rows_graph.h: a table whose runs have graphs, or could have them; what breaks the building of a graph, and the
 * judge of what is left: a whole store, with the graph or without, whose searches find the nearest rows.
 */
#ifndef FIRN_TEST_ROWS_GRAPH_H
#define FIRN_TEST_ROWS_GRAPH_H

#include "search/search_run.h"
#include "support/store/db_support.h"

enum { ROWS_GRAPH_ROWS = 4200, ROWS_GRAPH_DIMENSIONS = 3, ROWS_GRAPH_PARTS = 3, ROWS_GRAPH_K = 10 };

/* ---- stores ---- */

/* A store with a run of so many rows. */
void rows_graph_make_store(struct db_support *support);
/* A store with a run that has a graph, and changes that are not in it. */
void rows_graph_make_store_with_graph(struct db_support *support);
/* A store with three runs in the last level, which no index has made one. */
void rows_graph_make_store_with_parts(struct db_support *support);
/* Adds the index and builds its graph; returns the first error. */
int rows_graph_index_and_build(struct fi_os_dir *dir, firn_error *err);
/* Upserts the rows from first, and before end. */
void rows_graph_put_range(struct firn_db *db, int64_t first, int64_t end);
size_t rows_graph_count_graphs(struct fi_os_dir *dir);
/* A copy of the machine, with its directory open. */
void rows_graph_open_clone(const struct db_support *from, struct db_support *out);
/* A number that depends on all rows, and on their order; that of a store leaves the store alone. */
uint64_t rows_graph_sum_rows(struct firn_db *db);
uint64_t rows_graph_sum_store(const struct db_support *support);

/* ---- searches ---- */

/* All rows, and the distances of the k nearest, ascending. */
struct rows_graph_nearest {
    float vectors[ROWS_GRAPH_PARTS * ROWS_GRAPH_ROWS][ROWS_GRAPH_DIMENSIONS];
    int64_t count;
    double distances[ROWS_GRAPH_K];
};

void rows_graph_read_vectors(struct firn_db *db, struct rows_graph_nearest *out);
void rows_graph_measure_all(struct rows_graph_nearest *nearest, const float *query);
int rows_graph_search(struct firn_db *db, const float *query, bool is_exact,
                      struct firn_search_result **out, firn_error *err);
/* What is found are rows, at their distances; exact searches find the nearest. Returns how many of these are found. */
uint64_t rows_graph_judge(const struct rows_graph_nearest *nearest, const float *query,
                          bool is_exact, const struct firn_search_result *result);
/* The store is whole, with the rows of this sum, and its searches find them. After every fourth point also: the graph can be
 * built, and then there is one. */
void rows_graph_verify(struct fi_os_dir *dir, uint64_t sum, uint64_t point);

/* ---- what breaks rows_graph_index_and_build ---- */

/* Each in the store that `make` makes, at the share of points of this run: the power is cut at a call to the system; a call
 * fails; an allocation fails. */
void rows_graph_cut_everywhere(void (*make)(struct db_support *support));
void rows_graph_fail_everywhere(void (*make)(struct db_support *support));
void rows_graph_run_out_everywhere(void (*make)(struct db_support *support));

#endif
