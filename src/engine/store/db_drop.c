/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_drop.c: dropping keyspaces.
 *
 * A drop is one commit into the list of keyspaces: the name is deleted, and the empty name is put
 * to the next number to be given, so that no number is ever given again, whatever becomes of the
 * names. From its sequence on the keyspace is gone: the leader refuses commits into it, readings of
 * now say so, and views and cursors that were opened before go on reading.
 *
 * The tree goes later, when nobody can read it: no checkpoint has the keyspace, and no view or
 * cursor is open that does (a restore may bring the keyspace back until then); and when the drop is
 * on the disk, whatever durability was asked for: a power cut that took the commit
 * back would leave a keyspace without its runs. That is looked at when a keyspace is dropped,
 * flushed and compacted, when checkpoints are deleted, and at closing. What is left by a crash goes
 * at the next opening, where no views are open. A restore, too, may leave keyspaces that nothing
 * but its safety checkpoint has.
 */
#include "store/db_internal.h"

#include "base/check.h"

static bool
is_read_locked(const struct firn_db *db, const struct firn_db_tree *tree)
{
    firn_os_mutex_assert_held(&db->state_mutex);
    for (const struct firn_db_view_node *node = db->views; node != NULL; node = node->next) {
        bool may_read = node->tree != NULL
                            ? node->tree == tree
                            : !tree->is_system && firn_db_visible_in(tree, &node->view);
        if (may_read) {
            return true;
        }
    }
    return false;
}

/* The next tree that may go, or NULL. */
static struct firn_db_tree *
find_reapable(struct firn_db *db)
{
    DCHECK(firn_db_is_led(db));
    struct firn_db_tree *found = NULL;
    firn_os_mutex_lock(&db->state_mutex);
    const struct firn_db_image *image = firn_db_image(db);
    for (size_t i = 0; i < firn_db_image_tree_count(image) && found == NULL; i++) {
        struct firn_db_tree *tree = firn_db_image_tree(image, i);
        if (!tree->is_removed && !firn_db_visible_is_kept(image, tree) &&
            !is_read_locked(db, tree)) {
            found = tree;
        }
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return found;
}

int
firn_db_drop_reap(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    struct firn_db_tree *tree = db->lead.out_count > 0 ? find_reapable(db) : NULL;
    int rc = FIRN_OK;
    if (tree == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_sync(db, err));
    for (; tree != NULL; tree = find_reapable(db)) {
        CHECK(tree->id != FIRN_DB_KEYSPACE_LIST && !tree->is_removed);
        FIRN_TRY(firn_lsm_tree_drop(tree->lsm_tree, err));
        tree->is_removed = true;
        tree->first_segment = 0;
        DCHECK(db->lead.out_count > 0);
        db->lead.out_count--;
        firn_db_space_settle(db);
    }
out:
    return rc;
}

static int
commit_drop(struct firn_db *db, const char *name, uint64_t id, firn_error *err)
{
    struct firn_db_image *image = firn_db_image(db);
    struct firn_db_batch batch = {0};
    struct firn_db_write_change change = {.end = firn_db_visible_make_end(image)};
    int rc;
    DCHECK(db->is_changing_list);
    if (change.end == NULL) {
        return firn_error_no_memory(err, "dropping a keyspace");
    }
    firn_os_mutex_lock(&db->state_mutex);
    struct firn_db_tree *tree = firn_db_image_find(image, id);
    uint64_t next_id = image->next_id;
    firn_os_mutex_unlock(&db->state_mutex);
    CHECK(tree != NULL);
    change.drops = tree;
    FIRN_TRY(firn_db_batch_list(&batch, db, firn_str(name), NULL, err));
    FIRN_TRY(firn_db_batch_list(&batch, db, firn_bytes(NULL, 0), &next_id, err));
    FIRN_TRY(firn_db_write_list(db, &batch, &change, err));
out:
    firn_db_batch_deinit(&batch);
    return rc;
}

int
firn_db_drop_keyspace(struct firn_db *db, const char *name, firn_error *err)
{
    uint64_t id;
    int rc = firn_db_keyspace_check_name(name, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (db->is_read_only) {
        return firn_db_write_refuse_read_only(db, err);
    }
    firn_db_keyspace_begin_change(db);
    rc = firn_db_keyspace_find(db, name, &id, err);
    if (rc == FIRN_OK) {
        rc = commit_drop(db, name, id, err);
    }
    firn_db_keyspace_end_change(db);
    if (rc == FIRN_OK) {
        /* The keyspace is gone; that its space is not yet is no failure of the drop. */
        firn_error found;
        firn_db_write_begin_exclusive(db);
        if (firn_db_drop_reap(db, &found) != FIRN_OK) {
            firn_db_jobs_note_failure(db, &found);
        }
        firn_db_write_end_exclusive(db);
    }
    return rc;
}
