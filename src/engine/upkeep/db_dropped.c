/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_dropped.c: removing the trees of dropped keyspaces.
 *
 * A drop is a commit (db_keyspace.c). The tree is removed later, when two things hold. Nothing can
 * read it: no checkpoint has the keyspace, and neither has an open snapshot or cursor (until then a
 * restore may bring the keyspace back). And the drop is on the disk, whatever the durability: a
 * power cut that took the commit back would leave a keyspace without its runs. This is checked when
 * a keyspace is dropped, flushed or compacted, when checkpoints are deleted, and at closing. Trees
 * that a crash leaves are removed at the next opening, when no snapshots are open. A restore, too,
 * may leave keyspaces that only its safety checkpoint has.
 */
#include "base/check.h"
#include "upkeep/db_upkeep_handle.h"

static bool
is_read_locked(struct firn_db *db, const struct fi_db_tree *tree)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    const struct fi_db_snapshot_node *node = fi_db_snapshot_list_first(db);
    for (; node != NULL; node = fi_db_snapshot_list_next(db, node)) {
        bool may_read = node->tree != NULL
                            ? node->tree == tree
                            : !tree->is_system && fi_db_visible_in(tree, &node->snapshot);
        if (may_read) {
            return true;
        }
    }
    return false;
}

/* The next tree that may be removed, or NULL. */
static struct fi_db_tree *
find_removable(struct firn_db *db)
{
    DCHECK(fi_db_is_led(db));
    struct fi_db_tree *found = NULL;
    fi_os_mutex_lock(&db->state_mutex);
    fi_db_snapshot_list_lock(db);
    const struct fi_db_image *image = fi_db_image(db);
    for (size_t i = 0; i < fi_db_trees_count(image) && found == NULL; i++) {
        struct fi_db_tree *tree = fi_db_trees_at(image, i);
        if (!tree->is_removed && !fi_db_visible_is_kept(image, tree) && !is_read_locked(db, tree)) {
            found = tree;
        }
    }
    fi_db_snapshot_list_unlock(db);
    fi_os_mutex_unlock(&db->state_mutex);
    return found;
}

int
fi_db_dropped_remove(struct firn_db *db, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    struct fi_db_tree *tree = db->lead.out_count > 0 ? find_removable(db) : NULL;
    if (tree == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_db_log_sync(db, err));
    for (; tree != NULL; tree = find_removable(db)) {
        CHECK(tree->id != FI_DB_KEYSPACE_LIST && !tree->is_removed);
        FI_TRY_RETURN(fi_lsm_tree_drop(tree->lsm_tree, err));
        fi_db_trees_note_removed(fi_db_image(db), tree);
        tree->first_segment = 0;
        DCHECK(db->lead.out_count > 0);
        db->lead.out_count--;
        fi_db_space_sync_removals(db);
    }
    return FIRN_OK;
}
