/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_get.c: reading one key, or many.
 *
 * A read of now takes no lock and registers no snapshot: it reads [1, published]. That is safe
 * unless a flush or compaction asked for the snapshots after `published` was read, and has already
 * replaced what it read by what it kept. It may then have dropped a version that this read needs,
 * because of a newer one that this read does not see: the read's snapshot was in no list. Flushes
 * and compactions ask rarely, and each time snapshots_taken grows. So:
 *
 * (I1) snapshots_taken is read before `published` and again after the read. If it is unchanged,
 *      every compaction whose result the read can have met had asked earlier. All newer versions
 *      because of which that compaction may drop something were published before it asked
 *      (db_snapshot.c, I1), so `published` was not older. If snapshots_taken has changed, the read
 *      is repeated with a registered snapshot. (A compaction asks before it installs its result,
 *      and installs that before a read meets it; so the second look sees the change.) Not checked:
 *      one thread cannot see the order of another's steps.
 *
 * A read-only handle has no flushes and compactions. Its image may go away instead, by a refresh:
 * reads are inside the epoch while they use it.
 *
 * is_out says whether a keyspace does not exist now. A read of now checks it first; a read at a
 * snapshot checks what came later under the name. A read that has checked just before a drop or a
 * restore may still find everything, or nothing, as if the drop or restore came in between.
 *
 * Many keys. A read of one key waits for slow memory several times in sequence: for a filter, for
 * an index, for the place of its block. The addresses are known before the read gets there. So keys
 * are taken in groups. What all keys of a group need first is prefetched together, then what they
 * need next (fi_lsm_tree_get_prefetch). The reads themselves follow, and find most of it in the
 * caches. All keys are read at one snapshot: one of now that is registered during the call, or one
 * that the caller has opened. The first key that cannot be read ends the call; the caller's visitor
 * has seen the keys before it.
 *
 * Without a copy. A value in a cached block is returned in place: the block is pinned, and a pinned
 * block stays even if its file is removed. Values in memtables are copied, because a memtable is
 * freed as a whole, and one reader must not keep all of it. Also copied are values that expire,
 * results of merge operands, values in history runs, and values that are too large for the cache. A
 * pin counts as a user of the store, and of its memory: if so many blocks are pinned that others
 * find no room in the cache, further ones use memory beyond it (block_cache.h). Unlike the other
 * reads here, this one registers a snapshot and so takes a mutex, which is cheap compared to the
 * copy that it saves.
 */
#include "base/check.h"
#include "base/mem.h"
#include "reading/db_reading_handle.h"

/* ---- reading many keys of one keyspace at one snapshot ---- */

/* The prefetched memory of a group must stay in the processor's nearest caches until it is used. */
enum { GROUP = FI_LSM_PREFETCH_MAX };

struct reading {
    struct fi_db_tree *tree; /* NULL: nothing is there */
    struct fi_snapshot snapshot;
    uint64_t time_ms;
    const struct fi_db_get_many *what;
};

static int
get_one(const struct reading *reading, size_t i, struct fi_buf *value, firn_error *err)
{
    const struct fi_db_get_many *what = reading->what;
    DCHECK(i < what->count);
    int rc = FIRN_NOT_FOUND;
    if (reading->tree != NULL) {
        rc = fi_lsm_tree_get_at(reading->tree->lsm_tree, what->keys[i], &reading->snapshot,
                                reading->time_ms, what->columns, value, err);
    }
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        rc = what->visit(what->ctx, i, rc == FIRN_OK ? value : NULL, err);
    }
    return rc;
}

static int
get_group(const struct reading *reading, size_t begin, size_t end, firn_error *err)
{
    DCHECK(begin < end && end - begin <= GROUP);
    struct fi_buf value = {0};
    int rc = FIRN_OK;
    if (reading->tree != NULL) {
        fi_lsm_tree_get_prefetch(reading->tree->lsm_tree, reading->what->keys + begin, end - begin);
    }
    for (size_t i = begin; i < end && rc == FIRN_OK; i++) {
        fi_buf_clear(&value);
        rc = get_one(reading, i, &value, err);
    }
    fi_buf_deinit(&value);
    return rc;
}

static int
get_all(struct firn_db_keyspace *keyspace, const struct fi_db_snapshot_node *node,
        const struct fi_db_get_many *what, firn_error *err)
{
    struct reading reading = {.snapshot = node->snapshot, .time_ms = node->time_ms, .what = what};
    int rc = fi_db_get_tree(keyspace, node->image, &node->snapshot, &reading.tree, err);
    for (size_t i = 0; i < what->count && rc == FIRN_OK; i += GROUP) {
        size_t left = what->count - i;
        rc = get_group(&reading, i, i + (left < GROUP ? left : GROUP), err);
    }
    return rc;
}

int
fi_db_get_many(struct firn_db_keyspace *keyspace, const struct fi_db_get_many *what,
               firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (what->snapshot != NULL && what->snapshot->db != db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    }
    if (what->snapshot != NULL && !keyspace->is_system) {
        return get_all(keyspace, &what->snapshot->node, what, err);
    }
    struct fi_db_snapshot_node node = {0};
    fi_db_snapshot_register(db, &node, keyspace->tree, keyspace->is_system);
    int rc = get_all(keyspace, &node, what, err);
    fi_db_snapshot_unregister(db, &node);
    return rc;
}

/* ---- reading one key ---- */

/* Reads with a registered snapshot. */
static int
get_registered(struct firn_db *db, struct fi_db_tree *tree, bool is_outside,
               const struct fi_db_get_what *what, struct fi_buf *out, firn_error *err)
{
    struct fi_db_snapshot_node node = {0};
    fi_db_snapshot_register(db, &node, tree, is_outside);
    int rc = fi_lsm_tree_get_at(tree->lsm_tree, what->key, &node.snapshot, FI_LSM_TIME_NOW,
                                what->columns, out, err);
    fi_db_snapshot_unregister(db, &node);
    return rc;
}

int
fi_db_get_newest(struct firn_db *db, struct fi_db_tree *tree, bool is_outside,
                 const struct fi_db_get_what *what, struct fi_buf *out, firn_error *err)
{
    DCHECK(!db->is_read_only);
    uint64_t before = atomic_load_explicit(&db->snapshots_taken, memory_order_acquire);
    size_t slot;
    const struct fi_snapshot now = fi_db_snapshot_enter_now(db, is_outside, &slot);
    int rc = fi_lsm_tree_get_at(tree->lsm_tree, what->key, &now, FI_LSM_TIME_NOW, what->columns,
                                out, err);
    fi_db_snapshot_leave_now(db, slot);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&db->snapshots_taken, memory_order_relaxed) == before) {
        return rc;
    }
    return get_registered(db, tree, is_outside, what, out, err);
}

int
fi_db_get_refuse_dropped(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE,
                        "the keyspace '%s' was dropped, or a checkpoint without it was restored",
                        keyspace->name);
}

int
fi_db_get_refuse_missing(const struct firn_db_keyspace *keyspace, firn_error *err)
{
    return fi_error_set_named(err, FIRN_NOT_FOUND, "there is no such key in keyspace '",
                              keyspace->name, "'");
}

/* ---- the tree of a handle ---- */

int
fi_db_get_tree(const struct firn_db_keyspace *keyspace, const struct fi_db_image *image,
               const struct fi_snapshot *snapshot, struct fi_db_tree **out, firn_error *err)
{
    struct fi_db_tree *tree = keyspace->tree;
    *out = NULL;
    if (tree == NULL) {
        tree = fi_db_trees_find(image, keyspace->id);
    }
    if (tree == NULL) {
        /* The image is older than the keyspace, or newer than its end. */
        return keyspace->id >= image->next_id ? FIRN_OK : fi_db_get_refuse_dropped(keyspace, err);
    }
    DCHECK(tree->id == keyspace->id);
    if (fi_db_visible_is_ended(tree, snapshot)) {
        return fi_db_get_refuse_dropped(keyspace, err);
    }
    *out = tree;
    return FIRN_OK;
}

/* The image that is read, what the read sees, and at what time. */
struct moment {
    const struct fi_db_image *image;
    struct fi_snapshot snapshot;
    uint64_t time_ms;
};

static int
get_from_image(struct firn_db_keyspace *keyspace, const struct moment *moment,
               const struct fi_db_get_what *what, struct fi_buf *out, firn_error *err)
{
    struct fi_db_tree *tree;
    FI_TRY_RETURN(fi_db_get_tree(keyspace, moment->image, &moment->snapshot, &tree, err));
    return tree == NULL ? FIRN_NOT_FOUND
                        : fi_lsm_tree_get_at(tree->lsm_tree, what->key, &moment->snapshot,
                                             moment->time_ms, what->columns, out, err);
}

/* ---- reads ---- */

static int
get_now(struct firn_db_keyspace *keyspace, const struct fi_db_get_what *what, struct fi_buf *out,
        firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (!db->is_read_only) {
        struct fi_db_tree *tree = keyspace->tree;
        return atomic_load_explicit(&tree->is_out, memory_order_acquire)
                   ? fi_db_get_refuse_dropped(keyspace, err)
                   : fi_db_get_newest(db, tree, keyspace->is_system, what, out, err);
    }
    size_t slot = fi_epoch_enter(&db->epoch);
    const struct fi_db_image *image = fi_db_image(db);
    const struct moment moment = {image, fi_db_snapshot_now(db, image, keyspace->is_system),
                                  FI_LSM_TIME_NOW};
    int rc = get_from_image(keyspace, &moment, what, out, err);
    fi_epoch_leave(&db->epoch, slot);
    return rc;
}

int
fi_db_get(struct firn_db_keyspace *keyspace, firn_slice key, struct fi_buf *out, firn_error *err)
{
    return fi_db_get_columns(keyspace, NULL, key, NULL, out, err);
}

uint64_t
fi_db_get_stamp(const struct firn_db_keyspace *keyspace, const struct firn_snapshot *snapshot)
{
    struct firn_db *db = keyspace->db;
    if (db->is_read_only || keyspace->is_system ||
        atomic_load_explicit(&keyspace->tree->is_out, memory_order_acquire)) {
        return 0;
    }
    struct fi_snapshot_interval newest = {0};
    if (snapshot != NULL) {
        /* Commits before the opening of the store are not known: of those, only a snapshot of now
         * has all. */
        if (snapshot->db != db || !snapshot->node.was_now || snapshot->node.snapshot.count == 0) {
            return 0;
        }
        newest = fi_snapshot_at(&snapshot->node.snapshot, snapshot->node.snapshot.count - 1);
    } else {
        size_t slot;
        const struct fi_snapshot now = fi_db_snapshot_enter_now(db, false, &slot);
        if (now.count > 0) {
            newest = fi_snapshot_at(&now, now.count - 1);
        }
        fi_db_snapshot_leave_now(db, slot);
    }
    /* A restore begins an interval. A commit that changes the keyspace appears in written_at before
     * the snapshot includes it, and counts from then on. */
    uint64_t written = atomic_load_explicit(&keyspace->tree->written_at, memory_order_relaxed);
    if (written > newest.last) {
        return 0;
    }
    return written > newest.first ? written : newest.first;
}

int
fi_db_get_exists(struct firn_db_keyspace *keyspace, firn_slice key, bool *out, firn_error *err)
{
    const struct fi_db_get_what what = {.key = key};
    int rc = get_now(keyspace, &what, NULL, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_db_get_at(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, firn_slice key,
             struct fi_buf *out, firn_error *err)
{
    return fi_db_get_columns(keyspace, snapshot, key, NULL, out, err);
}

int
fi_db_get_columns(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, firn_slice key,
                  const struct fi_run_projection *columns, struct fi_buf *out, firn_error *err)
{
    const struct fi_db_get_what what = {key, columns};
    int rc;
    fi_buf_clear(out);
    if (snapshot == NULL || keyspace->is_system) {
        rc = get_now(keyspace, &what, out, err);
    } else if (snapshot->db != keyspace->db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    } else {
        const struct moment moment = {snapshot->node.image, snapshot->node.snapshot,
                                      snapshot->node.time_ms};
        rc = get_from_image(keyspace, &moment, &what, out, err);
    }
    return rc == FIRN_NOT_FOUND ? fi_db_get_refuse_missing(keyspace, err) : rc;
}

/* ---- reading one key without a copy ---- */

static int
get_pinned(struct firn_db_keyspace *keyspace, const struct fi_db_snapshot_node *node,
           firn_slice key, struct firn_db_pin *pin, firn_error *err)
{
    struct fi_db_tree *tree;
    FI_TRY_RETURN(fi_db_get_tree(keyspace, node->image, &node->snapshot, &tree, err));
    return tree == NULL ? FIRN_NOT_FOUND
                        : fi_lsm_tree_get_pinned(tree->lsm_tree, key, &node->snapshot,
                                                 node->time_ms, &pin->pinned, &pin->copy, err);
}

int
fi_db_get_pinned(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, firn_slice key,
                 struct firn_db_pin **out, firn_slice *out_value, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    struct firn_db_pin *pin;
    int rc;
    *out = NULL;
    *out_value = firn_bytes(NULL, 0);
    if (snapshot != NULL && snapshot->db != db) {
        return fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
    }
    pin = fi_alloc_zeroed(sizeof *pin);
    if (pin == NULL) {
        return fi_error_no_memory(err, "a pin");
    }
    fi_os_process_init_mark(&pin->mark);
    pin->db = db;
    /* Relaxed: closing while another thread reads is not allowed. */
    atomic_fetch_add_explicit(&db->pin_count, 1, memory_order_relaxed);
    if (snapshot != NULL && !keyspace->is_system) {
        rc = get_pinned(keyspace, &snapshot->node, key, pin, err);
    } else {
        struct fi_db_snapshot_node node = {0};
        fi_db_snapshot_register(db, &node, keyspace->tree, keyspace->is_system);
        rc = get_pinned(keyspace, &node, key, pin, err);
        fi_db_snapshot_unregister(db, &node);
    }
    if (rc != FIRN_OK) {
        fi_db_get_unpin(pin);
        return rc == FIRN_NOT_FOUND ? fi_db_get_refuse_missing(keyspace, err) : rc;
    }
    *out_value = pin->pinned.pin.data != NULL ? pin->pinned.value : fi_buf_slice(&pin->copy);
    if (out_value->data == NULL) {
        /* An empty copy has no memory, but a value that exists needs an address. */
        static const uint8_t nothing = 0;
        DCHECK(out_value->size == 0);
        out_value->data = &nothing;
    }
    *out = pin;
    return FIRN_OK;
}

void
fi_db_get_unpin(struct firn_db_pin *pin)
{
    if (pin == NULL) {
        return;
    }
    struct firn_db *db = pin->db;
    fi_block_cache_unpin(db->cache, &pin->pinned.pin);
    fi_buf_deinit(&pin->copy);
    fi_free(pin);
    uint64_t before = atomic_fetch_sub_explicit(&db->pin_count, 1, memory_order_release);
    DCHECK(before > 0);
}
