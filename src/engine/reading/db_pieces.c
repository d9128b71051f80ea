/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_pieces.c: what a column scan reads of a keyspace, at a snapshot.
 *
 * The pieces themselves are in lsm/ (lsm_pieces.h): they keep the memtables and runs as they were
 * when they were opened. This file adds the time by which values expire, and the snapshot, which is
 * registered while the pieces are open (as in db_cursor.c). Scans by other threads use the same
 * snapshot, which does not change.
 *
 * (I1) `inner` is NULL if there is nothing to read: an empty range, or a keyspace that the snapshot
 *      does not have.
 */
#include "lsm/lsm_pieces.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "reading/db_reading_handle.h"

struct fi_db_pieces {
    struct firn_db *db;
    struct fi_lsm_pieces *inner; /* (I1) */
    struct fi_db_snapshot_node node;
};

static void
db_pieces_destroy(struct fi_db_snapshot_node *node)
{
    struct fi_db_pieces *pieces = (void *)((char *)node - offsetof(struct fi_db_pieces, node));
    fi_lsm_pieces_close(pieces->inner);
    fi_free(pieces);
}

static void
register_snapshot(struct fi_db_pieces *pieces, const struct firn_db_keyspace *keyspace,
                  const struct firn_snapshot *snapshot)
{
    if (snapshot != NULL && !keyspace->is_system) {
        fi_db_snapshot_register_at(pieces->db, &pieces->node, keyspace->tree, &snapshot->node,
                                   false);
    } else {
        fi_db_snapshot_register(pieces->db, &pieces->node, keyspace->tree, keyspace->is_system);
    }
}

/* Refuses the keyspace as a cursor of now does. */
static bool
is_out(const struct firn_db_keyspace *keyspace, const struct firn_snapshot *snapshot)
{
    return snapshot == NULL && keyspace->tree != NULL &&
           atomic_load_explicit(&keyspace->tree->is_out, memory_order_acquire);
}

static int
open_inner(struct fi_db_pieces *pieces, struct fi_db_tree *tree, const firn_slice *lower,
           const firn_slice *upper, const struct fi_column_layout *layout, bool is_loose,
           firn_error *err)
{
    bool is_empty = lower != NULL && upper != NULL && fi_slice_compare(*lower, *upper) >= 0;
    DCHECK(pieces->inner == NULL && pieces->node.image != NULL);
    if (tree == NULL || is_empty) {
        return FIRN_OK; /* (I1) */
    }
    const struct fi_lsm_pieces_options options = {.snapshot = &pieces->node.snapshot,
                                                  .lower = lower,
                                                  .upper = upper,
                                                  .time_ms = pieces->node.time_ms,
                                                  .layout = layout,
                                                  .is_loose = is_loose};
    return fi_lsm_pieces_open(tree->lsm_tree, &options, &pieces->inner, err);
}

static int
open_pieces(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
            const firn_slice *lower, const firn_slice *upper, const struct fi_column_layout *layout,
            bool is_loose, struct fi_db_pieces **out, firn_error *err)
{
    struct fi_db_tree *tree;
    int rc;
    *out = NULL;
    if (snapshot != NULL && snapshot->db != keyspace->db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    }
    struct fi_db_pieces *pieces = fi_alloc_zeroed(sizeof *pieces);
    if (pieces == NULL) {
        return fi_error_no_memory(err, "the pieces of a scan");
    }
    pieces->db = keyspace->db;
    pieces->node.destroy = db_pieces_destroy;
    register_snapshot(pieces, keyspace, snapshot);
    if (is_out(keyspace, snapshot)) {
        rc = fi_db_get_refuse_dropped(keyspace, err);
        goto out;
    }
    FI_TRY(fi_db_get_tree(keyspace, pieces->node.image, &pieces->node.snapshot, &tree, err));
    FI_TRY(open_inner(pieces, tree, lower, upper, layout, is_loose, err));
    *out = pieces;
    pieces = NULL;
out:
    fi_db_pieces_close(pieces);
    return rc;
}

int
fi_db_pieces_open(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
                  const firn_slice *lower, const firn_slice *upper,
                  const struct fi_column_layout *layout, struct fi_db_pieces **out, firn_error *err)
{
    return open_pieces(keyspace, snapshot, lower, upper, layout, false, out, err);
}

int
fi_db_pieces_open_loose(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
                        const struct fi_column_layout *layout, struct fi_db_pieces **out,
                        firn_error *err)
{
    return open_pieces(keyspace, snapshot, NULL, NULL, layout, true, out, err);
}

void
fi_db_pieces_close(struct fi_db_pieces *pieces)
{
    if (pieces == NULL) {
        return;
    }
    struct firn_db *db = pieces->db;
    fi_lsm_pieces_close(pieces->inner);
    pieces->inner = NULL;
    fi_db_snapshot_unregister(db, &pieces->node);
    db_pieces_destroy(&pieces->node);
    fi_db_jobs_wake_collection(db);
}

struct fi_lsm_pieces *
fi_db_pieces_lsm(const struct fi_db_pieces *pieces)
{
    return pieces->inner;
}
