/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_pieces.h: what a scan of columns reads of a tree, cut into pieces: row groups that can be read
 * as they lie, and ranges of keys whose versions must be merged (lsm_winners.h).
 *
 * How a direct piece is read. firn_lsm_pieces_rows says which rows of the group belong to the piece; all
 * of them are rows that the view sees, in the order of keys. Their columns, those of the primary key
 * included, are chunks of the group:
 *
 *     rc = firn_column_pin_chunk(piece.run, piece.group, column->id, FIRN_BLOCK_CACHE_SCAN, &pin, err);
 *
 * FIRN_OK: pin.chunk has a value for each row of the group (encoding/encoding.h); rows outside of
 * [first, first + count) are to be left out. FIRN_NOT_FOUND: the run was written before the column was
 * there; all rows have column->initial. FIRN_LIMIT: the group has one row, and its value lies in pieces
 * (firn_column_read_large). firn_column_info_of tells bounds for pruning without reading anything: where
 * the column's bounds rule out all values, the whole piece may be left out, because no other part has
 * anything of its keys that the view sees.
 *
 * A piece that is not direct must not be pruned by anything but keys. Loose pieces may be: each row of them is a version
 * of its own, and what hides it is asked when it is found. Winners of the one that is not direct are rows of memtables.
 *
 * Threads: open and close belong to one thread; between them any number of threads may read the same
 * pieces.
 */
#ifndef FIRN_LSM_LSM_PIECES_H
#define FIRN_LSM_LSM_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/view.h"
#include "column/column.h"
#include "lsm/lsm.h"

struct firn_lsm_pieces;

struct firn_lsm_pieces_options {
    const struct firn_view *view; /* borrowed until close; stays live as long (lsm.h) */
    const firn_slice *lower;      /* NULL: no bound; copied */
    const firn_slice *upper;
    uint64_t time_ms; /* of the reading; FIRN_LSM_TIME_NOW: when the pieces are opened */
    /* The columns of the tree's key, where the caller knows them; borrowed for the call. NULL: a run or the
     * host says them. */
    const struct firn_column_layout *layout;
    /* For callers that ask of single rows whether the view sees them (firn_lsm_pieces_shows): each row group is a
     * piece, even if others overlap it, and the memtables' rows are one more piece. Fails if a run cannot be divided.
     * */
    bool is_loose;
};

/* A piece; slices are borrowed from the pieces. */
struct firn_lsm_piece {
    struct firn_run *run; /* a run of columns: the group is read as it lies; NULL: to be merged */
    uint32_t group;
    uint64_t rows_max; /* at most so many rows; of one that is to be merged about so many */
    firn_slice lower;  /* keys k of the piece have lower <= k, */
    firn_slice upper;  /* and k < upper, unless */
    bool has_upper;    /* is false */
    bool is_loose;     /* of a run: the view may not see all rows of it */
};

/* Pins one state of the tree until close: its memtables and runs, as a cursor does. Reads indexes of
 * runs, and no row. A run that cannot be opened makes pieces that are to be merged, and an error when
 * those are read. */
FIRN_MUST_CHECK int firn_lsm_pieces_open(struct firn_lsm_tree *tree,
                                         const struct firn_lsm_pieces_options *options,
                                         struct firn_lsm_pieces **out, firn_error *err);
/* No winners may be open. NULL is fine. */
void firn_lsm_pieces_close(struct firn_lsm_pieces *pieces);

/* Pieces are disjoint and in the order of keys (loose ones are neither). All rows that the view sees within the bounds lie in
 * one; where there surely are none, there may be no piece. */
size_t firn_lsm_pieces_count(const struct firn_lsm_pieces *pieces);
/* Requires: i < count. */
void firn_lsm_pieces_at(const struct firn_lsm_pieces *pieces, size_t i, struct firn_lsm_piece *out);

/* Whether the row is the version of its key that the view sees. group: that of the row, open (lsm_group.h); key: its
 * encoded key. Fails as a get does. Any thread. */
struct firn_lsm_group;
FIRN_MUST_CHECK int firn_lsm_pieces_shows(struct firn_lsm_pieces *pieces,
                                          struct firn_lsm_group *group, uint32_t row,
                                          firn_slice key, bool *out, firn_error *err);

/* A run of columns that the pieces read, and a graph that is attached to it. */
struct firn_lsm_pieces_graph {
    struct firn_run *run;
    const struct firn_graph *graph;
};
/* Appends such graphs to out (of struct firn_lsm_pieces_graph): over that column, by that metric (enum
 * firn_vector_metric), at most one for each run; they are open until the pieces are closed. A run without one, or whose
 * graph is damaged, is left out; those are counted in *out_damaged. One thread. */
FIRN_MUST_CHECK int firn_lsm_pieces_graphs(struct firn_lsm_pieces *pieces, uint32_t column,
                                           uint32_t metric, struct firn_buf *out,
                                           uint64_t *out_damaged, firn_error *err);

/* Of a direct piece: which rows of the group lie within the bounds. Reads keys only where a bound cuts
 * the group, and may find no row there. Fails as firn_column_pin_chunk does. Any thread. */
FIRN_MUST_CHECK int firn_lsm_pieces_rows(struct firn_lsm_pieces *pieces, size_t i,
                                         uint32_t *out_first, uint32_t *out_count, firn_error *err);

#endif
