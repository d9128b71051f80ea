/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_vectors.h: the vectors of one column of a run, row after row, as the source of a graph
 * (graph/graph.h).
 *
 * One thread. The run must stay open.
 */
#ifndef FIRN_LSM_LSM_VECTORS_H
#define FIRN_LSM_LSM_VECTORS_H

#include "base/buf.h"
#include "chunk/chunk_encoding.h"
#include "column/column.h"
#include "graph/graph.h"

/* One column of the row group. */
struct fi_lsm_vectors_column {
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch;
    bool has_chunk;
    size_t block; /* the block that values has; SIZE_MAX: none */
    struct fi_chunk_values values;
};

/* In the caller's memory. */
struct fi_lsm_vectors {
    struct fi_run *run;
    uint32_t column;
    uint32_t size; /* bytes of a vector */
    uint64_t rows; /* of the run */
    size_t group;
    uint64_t group_first; /* its first row */
    uint32_t group_rows;
    bool is_open; /* the group is */
    bool is_large;
    struct fi_lsm_vectors_column vectors;
    struct fi_lsm_vectors_column kinds;
    struct fi_buf large;
    struct fi_buf bytes;
};

/* FIRN_NOT_FOUND, without a text, where the run has no such column of vectors. The caller deinits
 * it then, too. */
FIRN_MUST_CHECK int fi_lsm_vectors_init(struct fi_lsm_vectors *vectors, struct fi_run *run,
                                        uint32_t column, firn_error *err);
void fi_lsm_vectors_deinit(struct fi_lsm_vectors *vectors);
/* Row i of the source is row i of the run, over all groups. Rows that are no puts, or whose vector
 * is null, have none. */
struct fi_graph_source fi_lsm_vectors_source(struct fi_lsm_vectors *vectors);

#endif
