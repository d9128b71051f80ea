/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_visible.c: in which snapshots a keyspace exists, and which trees are therefore kept.
 *
 * The list of keyspaces is a tree like others, so snapshots, checkpoints and restores apply to it.
 * Restoring an earlier checkpoint brings a dropped keyspace back, and removes one that was created
 * after the checkpoint. Numbers are given out once, so there is one put of each number. A keyspace
 * exists in a snapshot that sees this put, and nothing newer under the same name. In memory, each
 * tree has the sequence of its put, and a chain of what came later under its name, oldest first.
 * Trees of one name share their chain.
 *
 * (I1) No snapshot that sees the put sees a later version of the name that does not concern the
 *      keyspace: a name is used again only after a drop that the snapshot sees.
 * (I2) A tree is kept as long as its keyspace exists now, in a checkpoint or in an open snapshot.
 *      The list itself and firn's own keyspaces are outside snapshots: they exist until they are
 *      dropped. Their names are looked up in the whole list (db_keyspace.c).
 * (I3) Compaction of the list drops a version only if no snapshot needs it (merge.h), so the
 *      remaining versions suffice for all remaining snapshots.
 * (Not checked: they concern versions that are in runs, or gone.)
 *
 * Locking: only the leader of commits extends chains, at their ends; any thread may walk them. The
 * rest belongs to the leader.
 */
#include "base/check.h"
#include "reading/db_reading_handle.h"

bool
fi_db_visible_is_ended(const struct fi_db_tree *tree, const struct fi_snapshot *snapshot)
{
    /* Acquire pairs with the release stores of the leader. */
    const struct fi_db_name_end *end = atomic_load_explicit(&tree->ends, memory_order_acquire);
    while (end != NULL) {
        if (fi_snapshot_sees(snapshot, end->sequence)) {
            return true;
        }
        end = atomic_load_explicit(&end->newer, memory_order_acquire);
    }
    return false;
}

bool
fi_db_visible_in(const struct fi_db_tree *tree, const struct fi_snapshot *snapshot)
{
    bool is_there = tree->id == FI_DB_KEYSPACE_LIST || tree->is_system ||
                    fi_snapshot_sees(snapshot, tree->created_at);
    return is_there && !fi_db_visible_is_ended(tree, snapshot);
}

struct fi_db_name_end *
fi_db_visible_make_end(struct fi_db_image *image)
{
    struct fi_db_name_end *end = fi_arena_alloc(&image->ends, sizeof *end);
    if (end != NULL) {
        end->sequence = 0;
        atomic_init(&end->newer, NULL);
    }
    return end;
}

/* ---- what exists now ---- */

/* The snapshot by which a tree is judged: firn's own keyspaces are outside snapshots. */
static struct fi_snapshot
snapshot_for(const struct fi_db_tree *tree, const struct fi_snapshot *snapshot)
{
    return tree->is_system ? fi_history_snapshot(NULL, UINT64_MAX) : *snapshot;
}

void
fi_db_visible_update(struct firn_db *db, struct fi_db_image *image)
{
    DCHECK(fi_db_is_led(db));
    const struct fi_snapshot now = fi_db_snapshot_now_in(image, UINT64_MAX);
    uint64_t out_count = 0;
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        struct fi_db_tree *tree = fi_db_trees_at(image, i);
        struct fi_snapshot snapshot = snapshot_for(tree, &now);
        bool is_out = tree->created_at != 0 && !fi_db_visible_in(tree, &snapshot);
        tree->is_dropping = is_out;
        out_count += is_out && !tree->is_removed;
        /* Pairs with the acquire loads of reads. */
        atomic_store_explicit(&tree->is_out, is_out, memory_order_release);
    }
    if (!db->is_read_only) {
        db->lead.out_count = out_count;
    }
}

/* Whether the keyspace exists after the sequences from first to last, given that before them it
 * was_there: one of them may have created it, or ended it. */
static bool
is_there_after(const struct fi_db_tree *tree, uint64_t first, uint64_t last, bool was_there)
{
    DCHECK(first <= last);
    const struct fi_db_name_end *end = atomic_load_explicit(&tree->ends, memory_order_acquire);
    bool is_there = was_there || (tree->created_at >= first && tree->created_at <= last);
    for (; end != NULL && is_there; end = atomic_load_explicit(&end->newer, memory_order_acquire)) {
        is_there = end->sequence < first || end->sequence > last;
    }
    return is_there;
}

/* Whether a checkpoint has the keyspace. Parents come before their children, so it is already known
 * whether a line's parent has it. */
static bool
has_checkpoint(const struct fi_db_image *image, const struct fi_db_tree *tree)
{
    const struct fi_history *history = &image->history;
    for (size_t i = 0; i < fi_history_line_count(history); i++) {
        struct fi_db_line *line = fi_history_line(history, i);
        const struct fi_db_line *parent = line->parent;
        line->index =
            parent != NULL && is_there_after(tree, parent->first, line->fork, parent->index != 0);
    }
    for (size_t i = 0; i < fi_history_count(history); i++) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i);
        const struct fi_db_line *line = checkpoint->line;
        if (is_there_after(tree, line->first, checkpoint->sequence, line->index != 0)) {
            return true;
        }
    }
    return false;
}

bool
fi_db_visible_is_kept(const struct fi_db_image *image, const struct fi_db_tree *tree)
{
    DCHECK(fi_db_is_led(image->db));
    return tree->created_at == 0 || !atomic_load_explicit(&tree->is_out, memory_order_relaxed) ||
           (!tree->is_system && has_checkpoint(image, tree));
}
