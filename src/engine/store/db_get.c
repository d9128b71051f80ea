/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_get.c: reading one key.
 *
 * A reading of now takes no lock and registers no view: it reads [1, published]. That is safe
 * unless a work of lsm/ asked for the views after `published` was read and has already put what it
 * kept in the place of what it read: the work may have dropped a version that this reading sees,
 * because its view was in no list, for a newer one that it does not see. Works ask rarely, and each
 * asking moves views_taken on. So:
 *
 * (I1) views_taken is read before `published` and again after the reading. If it is the same, every
 *      work whose result the reading can have met asked before; what that work may drop something
 *      for was published before it asked (db_view.c, I1), so `published` was not older. If it has
 *      moved on, the reading is done again with a view that is registered.
 *      (A work's asking happens before its result is installed, and that before a reading that
 *      meets the result; so the second look sees the asking.) Not checked: one thread cannot see the
 *      order of another's steps.
 *
 * A read-only handle has no works. There the image is what may go, by a refresh: readings are
 * inside the epoch while they use it.
 *
 * Whether now has a keyspace is told by is_out: a reading of now looks before it reads, a reading
 * at a view looks at what came later under the name. A reading that has looked just before a drop
 * or a restore may still find everything, or nothing, as if that came in between.
 */
#include "base/check.h"
#include "store/db_internal.h"

uint64_t
firn_db_get_time_ms(struct firn_db *db)
{
    return (uint64_t)(firn_os_now_ns(db->os) / 1000000);
}

/* With a view that is registered. */
static int
get_registered(struct firn_db *db, struct firn_db_tree *tree, bool is_outside, firn_slice key,
               struct firn_buf *out, firn_error *err)
{
    struct firn_db_view_node node = {0};
    firn_db_view_register(db, &node, tree, is_outside);
    int rc = firn_lsm_tree_get(tree->lsm_tree, key, &node.view, out, err);
    firn_db_view_unregister(db, &node);
    return rc;
}

int
firn_db_get_newest(struct firn_db *db, struct firn_db_tree *tree, bool is_outside, firn_slice key,
                   struct firn_buf *out, firn_error *err)
{
    DCHECK(!db->is_read_only);
    uint64_t before = atomic_load_explicit(&db->views_taken, memory_order_acquire);
    size_t slot;
    const struct firn_view now = firn_db_view_enter_now(db, is_outside, &slot);
    int rc = firn_lsm_tree_get(tree->lsm_tree, key, &now, out, err);
    firn_db_view_leave_now(db, slot);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&db->views_taken, memory_order_relaxed) == before) {
        return rc;
    }
    return get_registered(db, tree, is_outside, key, out, err);
}

int
firn_db_get_refuse_dropped(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return firn_error_set(err, FIRN_MISUSE,
                          "the keyspace '%s' was dropped, or a checkpoint without it was restored",
                          keyspace->name);
}

int
firn_db_get_refuse_missing(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return firn_error_set_named(err, FIRN_NOT_FOUND, "there is no such key in keyspace '",
                                keyspace->name, "'");
}

/* ---- the tree that a handle stands for ---- */

int
firn_db_get_tree(const struct firn_db_keyspace *keyspace, const struct firn_db_image *image,
                 const struct firn_view *view, struct firn_db_tree **out, firn_error *err)
{
    struct firn_db_tree *tree = keyspace->tree;
    *out = NULL;
    if (tree == NULL) {
        tree = firn_db_image_find(image, keyspace->id);
    }
    if (tree == NULL) {
        /* Of an image that is older than the keyspace, or younger than its end. */
        return keyspace->id >= image->next_id ? FIRN_OK : firn_db_get_refuse_dropped(keyspace, err);
    }
    DCHECK(tree->id == keyspace->id);
    if (firn_db_visible_is_ended(tree, view)) {
        return firn_db_get_refuse_dropped(keyspace, err);
    }
    *out = tree;
    return FIRN_OK;
}

/* The image of a reading, what it sees, and when. */
struct moment {
    const struct firn_db_image *image;
    struct firn_view view;
    uint64_t time_ms;
};

static int
get_from_image(struct firn_db_keyspace *keyspace, const struct moment *moment, firn_slice key,
               struct firn_buf *out, firn_error *err)
{
    struct firn_db_tree *tree;
    int rc = firn_db_get_tree(keyspace, moment->image, &moment->view, &tree, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return tree == NULL ? FIRN_NOT_FOUND
                        : firn_lsm_tree_get_at(tree->lsm_tree, key, &moment->view, moment->time_ms,
                                               out, err);
}

/* ---- readings ---- */

static int
get_now(struct firn_db_keyspace *keyspace, firn_slice key, struct firn_buf *out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (!db->is_read_only) {
        struct firn_db_tree *tree = keyspace->tree;
        return atomic_load_explicit(&tree->is_out, memory_order_acquire)
                   ? firn_db_get_refuse_dropped(keyspace, err)
                   : firn_db_get_newest(db, tree, keyspace->is_system, key, out, err);
    }
    size_t slot = firn_epoch_enter(&db->epoch);
    const struct firn_db_image *image = firn_db_image(db);
    const struct moment moment = {image, firn_db_view_now(db, image, keyspace->is_system),
                                  FIRN_LSM_TIME_NOW};
    int rc = get_from_image(keyspace, &moment, key, out, err);
    firn_epoch_leave(&db->epoch, slot);
    return rc;
}

int
firn_db_get(struct firn_db_keyspace *keyspace, firn_slice key, struct firn_buf *out,
            firn_error *err)
{
    firn_buf_clear(out);
    int rc = get_now(keyspace, key, out, err);
    return rc == FIRN_NOT_FOUND ? firn_db_get_refuse_missing(keyspace, err) : rc;
}

int
firn_db_get_exists(struct firn_db_keyspace *keyspace, firn_slice key, bool *out, firn_error *err)
{
    int rc = get_now(keyspace, key, NULL, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_db_get_at(struct firn_db_keyspace *keyspace, struct firn_db_view *view, firn_slice key,
               struct firn_buf *out, firn_error *err)
{
    if (view == NULL || keyspace->is_system) {
        return firn_db_get(keyspace, key, out, err);
    }
    if (view->db != keyspace->db) {
        return firn_error_set(err, FIRN_INVALID, "the view is one of another store");
    }
    firn_buf_clear(out);
    const struct moment moment = {view->node.image, view->node.view, view->node.time_ms};
    int rc = get_from_image(keyspace, &moment, key, out, err);
    return rc == FIRN_NOT_FOUND ? firn_db_get_refuse_missing(keyspace, err) : rc;
}
