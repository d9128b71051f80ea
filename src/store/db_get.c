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
 *      meets the result; so the second look sees the asking.)
 *
 * A read-only handle has no works. There the image is what may go, by a refresh: readings are
 * inside the epoch while they use it.
 *
 * A keyspace that was dropped is told by dropped_at: a reading of now looks before it reads, a
 * reading at a view compares sequences. A reading that has looked just before the drop may still
 * find everything, or nothing, as if the drop came in between.
 */
#include "store/db_internal.h"

uint64_t
firn_db_get_time_ms(struct firn_db *db)
{
    return (uint64_t)(firn_os_now_ns(db->os) / 1000000);
}

static int
get_at(struct firn_db_tree *tree, uint64_t sequence, uint64_t time_ms, firn_slice key,
       struct firn_buf *out, firn_error *err)
{
    const struct firn_view_interval interval = firn_db_interval(sequence);
    const struct firn_view view = {&interval, 1};
    return firn_lsm_tree_get_at(tree->lsm_tree, key, &view, time_ms, out, err);
}

int
firn_db_get_seen(struct firn_db_tree *tree, uint64_t sequence, firn_slice key, struct firn_buf *out,
                 firn_error *err)
{
    return get_at(tree, sequence, FIRN_LSM_TIME_NOW, key, out, err);
}

/* With a view that is registered. */
static int
get_registered(struct firn_db *db, struct firn_db_tree *tree, firn_slice key, struct firn_buf *out,
               firn_error *err)
{
    struct firn_db_view_node node;
    firn_db_view_register(db, &node, tree);
    int rc = firn_db_get_seen(tree, node.sequence, key, out, err);
    firn_db_view_unregister(db, &node);
    return rc;
}

int
firn_db_get_newest(struct firn_db *db, struct firn_db_tree *tree, firn_slice key,
                   struct firn_buf *out, firn_error *err)
{
    uint64_t before = atomic_load_explicit(&db->views_taken, memory_order_acquire);
    int rc = firn_db_get_seen(tree, firn_db_published(db), key, out, err);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&db->views_taken, memory_order_relaxed) == before) {
        return rc;
    }
    return get_registered(db, tree, key, out, err);
}

int
firn_db_get_refuse_dropped(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return firn_error_set(err, FIRN_MISUSE, "the keyspace '%s' was dropped", keyspace->name);
}

int
firn_db_get_refuse_missing(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no such key in keyspace '%s'",
                          keyspace->name);
}

/* ---- the tree that a handle stands for ---- */

int
firn_db_get_tree(const struct firn_db_keyspace *keyspace, const struct firn_db_image *image,
                 uint64_t sequence, struct firn_db_tree **out, firn_error *err)
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
    uint64_t dropped_at = atomic_load_explicit(&tree->dropped_at, memory_order_acquire);
    if (dropped_at != 0 && dropped_at <= sequence) {
        return firn_db_get_refuse_dropped(keyspace, err);
    }
    *out = tree;
    return FIRN_OK;
}

/* The image of a reading, how far it sees, and when. */
struct moment {
    const struct firn_db_image *image;
    uint64_t sequence;
    uint64_t time_ms;
};

static int
get_from_image(struct firn_db_keyspace *keyspace, const struct moment *moment, firn_slice key,
               struct firn_buf *out, firn_error *err)
{
    struct firn_db_tree *tree;
    int rc = firn_db_get_tree(keyspace, moment->image, moment->sequence, &tree, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return tree == NULL ? FIRN_NOT_FOUND
                        : get_at(tree, moment->sequence, moment->time_ms, key, out, err);
}

/* ---- readings ---- */

static int
get_now(struct firn_db_keyspace *keyspace, firn_slice key, struct firn_buf *out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (!db->is_read_only) {
        struct firn_db_tree *tree = keyspace->tree;
        return atomic_load_explicit(&tree->dropped_at, memory_order_acquire) != 0
                   ? firn_db_get_refuse_dropped(keyspace, err)
                   : firn_db_get_newest(db, tree, key, out, err);
    }
    size_t slot = firn_epoch_enter(&db->epoch);
    const struct firn_db_image *image = firn_db_image(db);
    const struct moment moment = {image, image->last_sequence, FIRN_LSM_TIME_NOW};
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
    const struct moment moment = {view->node.image, view->node.sequence, view->node.time_ms};
    int rc = get_from_image(keyspace, &moment, key, out, err);
    return rc == FIRN_NOT_FOUND ? firn_db_get_refuse_missing(keyspace, err) : rc;
}
