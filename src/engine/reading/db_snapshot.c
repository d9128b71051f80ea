/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_snapshot.c: opening and closing snapshots, and why compaction keeps what they see.
 *
 * A snapshot is a place on a line of history (history.h): what the line sees, up to a sequence.
 * Public snapshots, cursors, and reads that need a registered snapshot (db_get.c) are in one list
 * (db_snapshot_list.c). A flush or compaction of lsm/ asks for the list before it decides what to
 * drop (db_snapshot_take.c). The checkpoints and "now", the newest line without an end, are always
 * in it.
 *
 * (I1) A snapshot of now is registered with the newest published sequence, and both steps hold a
 *      mutex that take holds too: the state mutex, or that of a part of the list. A version that a
 *      compaction can drop was in a frozen memtable, so it was published before the compaction
 *      asked. So a snapshot is in the list that the compaction got, or it sees all newer versions
 *      because of which the compaction may drop something. A later restore makes now of a
 *      checkpoint that is in the list, and of what comes after; a later checkpoint is what now was.
 * (I2) A cursor at a public snapshot copies the place of that snapshot, which is in the list; a
 *      snapshot at a checkpoint is registered while the checkpoint is in it. The copy may be in
 *      another part of the list, and the snapshot closed right afterwards: so take locks all parts
 *      at once, and finds one or the other.
 * (I3) Reading now without the mutex (fi_db_snapshot_enter_now): the intervals of now are read
 *      before and after the published sequence. If the first read finds the old intervals, and the
 *      sequence is that of the new line, then the second read finds the new intervals, because they
 *      are stored before the sequence is. A new line with an older sequence is the line as it
 *      begins: the restore is durable by then. Such a reader is inside the epoch while it uses the
 *      snapshot, unless now is the first line, which has no intervals (history.c, I5).
 * (I4) A version that a compaction drops because no snapshot needs it is no younger than any
 *      transaction that begins later, for the reason given in (I1). So a transaction that looks for
 *      what was written since it began finds all of it.
 * (I1) and (I4) are not checked: only lsm/ knows what a compaction drops.
 *
 * Time. A snapshot reads at the time of its opening, a checkpoint at that of its creation. Puts
 * that expire by then are gone for it, and later ones stay, however long it is open. So a
 * compaction learns at what time each snapshot reads. For "now" that is the moment at which it
 * asks, since later reads read at a later time: the clock is read with the mutex held. (If the
 * system's clock is set back this fails: what had expired may be seen again, or not.)
 *
 * A node also counts as a user of the image of a read-only handle; a replaced image is closed when
 * its last user leaves (db_image.c).
 *
 * Locking: the state mutex, and then those of the list.
 */
#include "reading/db_reading_handle.h"

#include "base/check.h"
#include "base/mem.h"

struct fi_snapshot
fi_db_snapshot_now_in(const struct fi_db_image *image, uint64_t sequence)
{
    return fi_history_snapshot(image->history.now, sequence);
}

struct fi_snapshot
fi_db_snapshot_now(struct firn_db *db, const struct fi_db_image *image, bool is_outside)
{
    DCHECK(db->is_read_only || is_outside);
    uint64_t sequence = fi_db_snapshot_newest(db, image);
    return is_outside ? fi_history_snapshot(NULL, sequence)
                      : fi_db_snapshot_now_in(image, sequence);
}

struct fi_snapshot
fi_db_snapshot_enter_now(struct firn_db *db, bool is_outside, size_t *out_slot)
{
    DCHECK(!db->is_read_only);
    const struct fi_db_image *image = fi_db_image(db);
    uint64_t last;
    *out_slot = SIZE_MAX;
    if (is_outside) {
        return fi_history_snapshot(NULL, fi_db_published(db));
    }
    const struct fi_db_intervals *intervals = fi_db_snapshot_find_now(db, image, &last);
    if (intervals != NULL) {
        *out_slot = fi_epoch_enter(&db->epoch);
        intervals = fi_db_snapshot_find_now(db, image, &last);
    }
    DCHECK(intervals == NULL || *out_slot != SIZE_MAX); /* (I3) */
    return fi_history_snapshot_of(intervals, last);
}

void
fi_db_snapshot_leave_now(struct firn_db *db, size_t slot)
{
    if (slot != SIZE_MAX) {
        fi_epoch_leave(&db->epoch, slot);
    }
}

/* ---- opening and closing ---- */

/* Adds a snapshot of a line that is now, or has a snapshot: so it has its intervals. */
static void
add_locked(struct firn_db *db, struct fi_db_snapshot_node *node, struct fi_db_line *line,
           uint64_t sequence)
{
    CHECK(fi_db_snapshot_list_add_locked(db, node, line, sequence, NULL) == FIRN_OK);
}

void
fi_db_snapshot_register(struct firn_db *db, struct fi_db_snapshot_node *node,
                        const struct fi_db_tree *tree, bool is_outside)
{
    node->tree = tree;
    node->was_now = true;
    if (!is_outside && fi_db_snapshot_list_add_now(db, node)) {
        return;
    }
    fi_os_mutex_lock(&db->state_mutex);
    node->time_ms = fi_db_time_ms(db);
    node->image = fi_db_image(db);
    add_locked(db, node, is_outside ? NULL : node->image->history.now,
               fi_db_snapshot_newest(db, node->image));
    fi_os_mutex_unlock(&db->state_mutex);
}

void
fi_db_snapshot_register_at(struct firn_db *db, struct fi_db_snapshot_node *node,
                           const struct fi_db_tree *tree,
                           const struct fi_db_snapshot_node *snapshot, bool is_outside)
{
    node->time_ms = snapshot->time_ms;
    node->tree = tree;
    node->was_now = snapshot->was_now;
    if (!is_outside && fi_db_snapshot_list_add_copy(db, node, snapshot)) {
        return;
    }
    fi_os_mutex_lock(&db->state_mutex);
    DCHECK(snapshot->image->user_count > 0 &&
           (snapshot->line == NULL || snapshot->line->snapshots > 0)); /* (I2) */
    node->image = snapshot->image;
    if (is_outside) {
        add_locked(db, node, NULL, fi_db_snapshot_newest(db, node->image));
    } else {
        add_locked(db, node, snapshot->line, snapshot->sequence);
    }
    fi_os_mutex_unlock(&db->state_mutex);
}

/* Opens a snapshot at a checkpoint; FIRN_NOT_FOUND. */
static int
register_checkpoint(struct firn_db *db, struct fi_db_snapshot_node *node,
                    const uint8_t id[FI_HISTORY_ID_SIZE], firn_error *err)
{
    fi_os_mutex_lock(&db->state_mutex);
    node->image = fi_db_image(db);
    node->tree = NULL;
    const struct fi_db_checkpoint *found = fi_history_find(&node->image->history, id);
    int rc = FIRN_NOT_FOUND;
    if (found != NULL) {
        node->time_ms = fi_db_snapshot_time_of(found);
        rc = fi_db_snapshot_list_add_locked(db, node, found->line, found->sequence, err);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return rc == FIRN_NOT_FOUND ? fi_error_set(err, rc, "the checkpoint is gone") : rc;
}

void
fi_db_snapshot_unregister(struct firn_db *db, struct fi_db_snapshot_node *node)
{
    if (fi_db_snapshot_list_remove(db, node)) {
        node->image->retire(node->image);
    }
}

void
fi_db_snapshot_destroy_all(struct firn_db *db)
{
    struct fi_db_snapshot_node *node;
    while ((node = fi_db_snapshot_list_first(db)) != NULL) {
        struct fi_db_image *image = node->image;
        bool is_last = fi_db_snapshot_list_remove(db, node);
        node->destroy(node);
        if (is_last) {
            image->retire(image);
        }
    }
    fi_db_snapshot_list_release_all(db);
}

/* ---- public snapshots ---- */

static void
db_snapshot_destroy(struct fi_db_snapshot_node *node)
{
    fi_free((char *)node - offsetof(struct firn_snapshot, node));
}

static struct firn_snapshot *
db_snapshot_create(struct firn_db *db, firn_error *err)
{
    struct firn_snapshot *snapshot = fi_alloc_zeroed(sizeof *snapshot);
    if (snapshot == NULL) {
        (void)fi_error_no_memory(err, "a snapshot");
        return NULL;
    }
    fi_os_process_init_mark(&snapshot->mark);
    snapshot->db = db;
    snapshot->node.destroy = db_snapshot_destroy;
    return snapshot;
}

int
fi_db_snapshot_open(struct firn_db *db, struct firn_snapshot **out, firn_error *err)
{
    *out = db_snapshot_create(db, err);
    if (*out == NULL) {
        return FIRN_NO_MEMORY;
    }
    fi_db_snapshot_register(db, &(*out)->node, NULL, false);
    return FIRN_OK;
}

int
fi_db_snapshot_open_copy(const struct firn_snapshot *from, struct firn_snapshot **out,
                         firn_error *err)
{
    *out = db_snapshot_create(from->db, err);
    if (*out == NULL) {
        return FIRN_NO_MEMORY;
    }
    fi_db_snapshot_register_at(from->db, &(*out)->node, NULL, &from->node, false);
    return FIRN_OK;
}

int
fi_db_snapshot_open_checkpoint(struct firn_db *db, const uint8_t id[FI_HISTORY_ID_SIZE],
                               struct firn_snapshot **out, firn_error *err)
{
    *out = db_snapshot_create(db, err);
    if (*out == NULL) {
        return FIRN_NO_MEMORY;
    }
    int rc = register_checkpoint(db, &(*out)->node, id, err);
    if (rc != FIRN_OK) {
        fi_free(*out);
        *out = NULL;
    }
    return rc;
}

void
fi_db_snapshot_close(struct firn_snapshot *snapshot)
{
    if (snapshot != NULL) {
        fi_db_snapshot_unregister(snapshot->db, &snapshot->node);
        fi_free(snapshot);
    }
}
