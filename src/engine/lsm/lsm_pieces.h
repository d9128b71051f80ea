/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_pieces.h: what a scan of columns reads of a tree, cut into pieces: row groups that can be
 * read directly, and ranges of keys whose versions must be merged (lsm_winners.h).
 *
 * How a direct piece is read. fi_lsm_pieces_rows says which rows of the group belong to the
 * piece. The snapshot sees all of them, and they are in the order of keys. Their columns, those of
 * the primary key included, are chunks of the group:
 *
 *     rc = fi_column_pin_chunk(piece.run, piece.group, column->id, FI_BLOCK_CACHE_SCAN, &pin,
 *     err);
 *
 * FIRN_OK: pin.chunk has a value for each row of the group (chunk/chunk_encoding.h); rows outside
 * [first, first + count) must be skipped. FIRN_NOT_FOUND: the run is older than the column; all
 * rows have column->initial. FIRN_LIMIT: the group has one row, whose value is stored in pieces
 * (fi_column_read_large). fi_column_info_of returns bounds for pruning without reading
 * anything: if these rule out all values, the whole piece may be skipped, because the snapshot sees
 * no version of its keys in any other part.
 *
 * A piece that is not direct must be pruned by keys only. Loose pieces may be pruned by values too:
 * each of their rows is a version by itself, and whether a newer one hides it is asked when it is
 * found. The one loose piece that is not direct has the winners in memtables.
 *
 * Threads: one thread opens and closes; in between any number of threads may read the same pieces.
 */
#ifndef FIRN_LSM_LSM_PIECES_H
#define FIRN_LSM_LSM_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/snapshot.h"
#include "column/column.h"
#include "lsm/lsm.h"

struct fi_lsm_pieces;

struct fi_lsm_pieces_options {
    const struct fi_snapshot *snapshot; /* borrowed until close; stays live as long (lsm.h) */
    const firn_slice *lower;            /* NULL: no bound; copied */
    const firn_slice *upper;
    uint64_t time_ms; /* of the reading; FI_LSM_TIME_NOW: when the pieces are opened */
    /* The columns of the tree's key, if the caller knows them; borrowed for the call. NULL: they
     * are taken from a run or the host. */
    const struct fi_column_layout *layout;
    /* For callers that ask whether the snapshot sees single rows (fi_lsm_pieces_shows): each row
     * group is a piece, even if others overlap it, and the memtables' rows are one more piece.
     * Fails if a run cannot be divided. */
    bool is_loose;
};

/* A piece; slices are borrowed from the pieces. */
struct fi_lsm_piece {
    struct fi_run *run; /* a run by columns: the group is read directly; NULL: to be merged */
    uint32_t group;
    uint64_t rows_max; /* at most this many rows; about this many if it is to be merged */
    firn_slice lower;  /* keys k of the piece have lower <= k, */
    firn_slice upper;  /* and k < upper, unless */
    bool has_upper;    /* is false */
    bool is_loose;     /* of a run: the snapshot may not see all rows of it */
};

/* Pins one state of the tree until close, as a cursor does. Reads indexes of runs, but no rows. A
 * run that cannot be opened becomes pieces that are to be merged; reading these fails. */
FIRN_MUST_CHECK int fi_lsm_pieces_open(struct fi_lsm_tree *tree,
                                       const struct fi_lsm_pieces_options *options,
                                       struct fi_lsm_pieces **out, firn_error *err);
/* Requires: no winners are open. NULL is fine. */
void fi_lsm_pieces_close(struct fi_lsm_pieces *pieces);

/* Pieces are disjoint and in the order of keys (loose ones are neither). Every row that the
 * snapshot sees within the bounds is in a piece; ranges that surely have none may have no piece. */
size_t fi_lsm_pieces_count(const struct fi_lsm_pieces *pieces);
/* Requires: i < count. */
void fi_lsm_pieces_at(const struct fi_lsm_pieces *pieces, size_t i, struct fi_lsm_piece *out);

/* Whether the row is the version of its key that the snapshot sees. group: the open row group of
 * the row (lsm_group.h); key: its encoded key. Fails as a get does. Any thread. */
struct fi_lsm_group;
FIRN_MUST_CHECK int fi_lsm_pieces_shows(struct fi_lsm_pieces *pieces, struct fi_lsm_group *group,
                                        uint32_t row, firn_slice key, bool *out, firn_error *err);

/* A run by columns that the pieces read, and the graph that is attached to it. */
struct fi_lsm_pieces_graph {
    struct fi_run *run;
    const struct fi_graph *graph;
    struct fi_version_file *run_file;
    struct fi_version_file *graph_file;
};
/* Appends the graphs over that column and metric (enum fi_vector_metric) to out (of struct
 * fi_lsm_pieces_graph), at most one for each run. They are open until the pieces are closed. Runs
 * without a graph are left out, as are those with a damaged graph, which *out_damaged counts. One
 * thread. */
FIRN_MUST_CHECK int fi_lsm_pieces_graphs(struct fi_lsm_pieces *pieces, uint32_t column,
                                         uint32_t metric, struct fi_buf *out, uint64_t *out_damaged,
                                         firn_error *err);
/* Notes that the graph is damaged, if that was found only when it was searched: until the store is
 * closed it is not used any more, and the next compaction builds another one. Any thread. */
void fi_lsm_pieces_graph_spoil(const struct fi_lsm_pieces_graph *graph);

/* For a direct piece: which rows of the group lie within the bounds; there may be none. Reads keys
 * only if a bound cuts the group. Fails as fi_column_pin_chunk does. Any thread. */
FIRN_MUST_CHECK int fi_lsm_pieces_rows(struct fi_lsm_pieces *pieces, size_t i, uint32_t *out_first,
                                       uint32_t *out_count, firn_error *err);

#endif
