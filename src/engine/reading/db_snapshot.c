/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_snapshot.c: which snapshots are open, and what compaction must therefore keep.
 *
 * A snapshot is a place on a line of history (history.h): what the line sees, up to a sequence.
 * Public snapshots, cursors, and reads that need a registered snapshot (db_get.c) are nodes of one
 * list. A flush or compaction of lsm/ asks for the list before it decides what to drop
 * (fi_db_snapshot_take). The checkpoints and "now", the newest line without an end, are always in
 * it.
 *
 * (I1) A snapshot of now is registered with the newest published sequence, and both steps hold the
 *      mutex that take holds too. A version that a compaction can drop was in a frozen memtable, so
 *      it was published before the compaction asked. So a snapshot is in the list that the
 *      compaction got, or it sees all newer versions because of which the compaction may drop
 *      something. A later restore makes now of a checkpoint that is in the list, and of what comes
 *      after; a later checkpoint is what now was.
 * (I2) A cursor at a public snapshot copies the place of that snapshot, which is in the list; a
 *      snapshot at a checkpoint is registered while the checkpoint is in it.
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
 * System trees are outside snapshots. Only cursors and reads of that tree itself count for it, and
 * its now is everything committed, also after restores. A cursor counts for its own tree alone, so
 * a long-lived cursor costs other keyspaces nothing. The list of keyspaces has both: names inside
 * snapshots, and names of system keyspaces, which are outside. So for that tree everything counts
 * as a snapshot too.
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
 * Locking: the state mutex.
 */
#include "reading/db_reading_handle.h"

#include "base/check.h"
#include "base/mem.h"

struct fi_snapshot
fi_db_snapshot_now_in(const struct fi_db_image *image, uint64_t sequence)
{
    return fi_history_snapshot(image->history.now, sequence);
}

static uint64_t
newest_sequence(struct firn_db *db, const struct fi_db_image *image)
{
    return db->is_read_only ? image->last_sequence : fi_db_published(db);
}

struct fi_snapshot
fi_db_snapshot_now(struct firn_db *db, const struct fi_db_image *image, bool is_outside)
{
    DCHECK(db->is_read_only || is_outside);
    uint64_t sequence = newest_sequence(db, image);
    return is_outside ? fi_history_snapshot(NULL, sequence)
                      : fi_db_snapshot_now_in(image, sequence);
}

/* (I3) Sets the intervals of now, and returns the sequence up to which now sees them. */
static uint64_t
find_now(struct firn_db *db, const struct fi_history *history,
         struct fi_db_intervals **out_intervals)
{
    struct fi_db_intervals *intervals;
    struct fi_db_intervals *again =
        atomic_load_explicit(&history->now_intervals, memory_order_seq_cst);
    uint64_t sequence;
    do {
        intervals = again;
        sequence = fi_db_published(db);
        /* Pairs with the store in fi_history_apply. */
        again = atomic_load_explicit(&history->now_intervals, memory_order_seq_cst);
    } while (again != intervals);
    *out_intervals = intervals;
    return sequence;
}

struct fi_snapshot
fi_db_snapshot_enter_now(struct firn_db *db, bool is_outside, size_t *out_slot)
{
    DCHECK(!db->is_read_only);
    const struct fi_history *history = &fi_db_image(db)->history;
    struct fi_db_intervals *intervals = NULL;
    *out_slot = SIZE_MAX;
    if (is_outside) {
        return fi_history_snapshot(NULL, fi_db_published(db));
    }
    uint64_t last = find_now(db, history, &intervals);
    if (intervals != NULL) {
        *out_slot = fi_epoch_enter(&db->epoch);
        last = find_now(db, history, &intervals);
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

/* ---- the list ---- */

static int
link_locked(struct firn_db *db, struct fi_db_snapshot_node *node, struct fi_db_line *line,
            uint64_t sequence, firn_error *err)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    DCHECK(node->next == NULL && node->previous == NULL && node->line == NULL);
    FI_TRY_RETURN(line != NULL ? fi_history_ref(line, err) : FIRN_OK);
    node->line = line;
    node->sequence =
        line != NULL && line->begin > 1 && sequence < line->begin ? line->begin : sequence;
    node->snapshot = fi_history_snapshot(line, sequence);
    node->previous = NULL;
    node->next = db->snapshots;
    if (db->snapshots != NULL) {
        db->snapshots->previous = node;
    }
    db->snapshots = node;
    db->snapshot_count++;
    node->image->user_count++;
    return FIRN_OK;
}

static void
unlink_locked(struct firn_db *db, struct fi_db_snapshot_node *node)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    DCHECK(node->previous != NULL || db->snapshots == node);
    DCHECK(db->snapshot_count > 0 && node->image->user_count > 0);
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else {
        db->snapshots = node->next;
    }
    if (node->next != NULL) {
        node->next->previous = node->previous;
    }
    db->snapshot_count--;
    node->image->user_count--;
    if (node->line != NULL) {
        fi_history_unref(&node->image->history, node->line);
    }
}

void
fi_db_snapshot_register(struct firn_db *db, struct fi_db_snapshot_node *node,
                        const struct fi_db_tree *tree, bool is_outside)
{
    fi_os_mutex_lock(&db->state_mutex);
    node->time_ms = fi_db_time_ms(db);
    node->image = fi_db_image(db);
    node->tree = tree;
    node->was_now = true;
    struct fi_db_line *line = is_outside ? NULL : node->image->history.now;
    /* The line of now has its intervals. */
    CHECK(link_locked(db, node, line, newest_sequence(db, node->image), NULL) == FIRN_OK);
    fi_os_mutex_unlock(&db->state_mutex);
}

void
fi_db_snapshot_register_at(struct firn_db *db, struct fi_db_snapshot_node *node,
                           const struct fi_db_tree *tree,
                           const struct fi_db_snapshot_node *snapshot, bool is_outside)
{
    struct fi_db_line *line = snapshot->line;
    uint64_t sequence = snapshot->sequence;
    fi_os_mutex_lock(&db->state_mutex);
    DCHECK(snapshot->image->user_count > 0 &&
           (snapshot->line == NULL || snapshot->line->snapshots > 0)); /* (I2) */
    node->image = snapshot->image;
    node->time_ms = snapshot->time_ms;
    node->tree = tree;
    node->was_now = snapshot->was_now;
    if (is_outside) {
        line = NULL;
        sequence = newest_sequence(db, node->image);
    }
    /* The line of an open snapshot has its intervals. */
    CHECK(link_locked(db, node, line, sequence, NULL) == FIRN_OK);
    fi_os_mutex_unlock(&db->state_mutex);
}

/* The time at which a checkpoint reads: that of its creation. */
static uint64_t
time_of(const struct fi_db_checkpoint *checkpoint)
{
    return checkpoint->created_ns > 0 ? (uint64_t)(checkpoint->created_ns / 1000000) : 0;
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
        node->time_ms = time_of(found);
        rc = link_locked(db, node, found->line, found->sequence, err);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return rc == FIRN_NOT_FOUND ? fi_error_set(err, rc, "the checkpoint is gone") : rc;
}

void
fi_db_snapshot_unregister(struct firn_db *db, struct fi_db_snapshot_node *node)
{
    fi_os_mutex_lock(&db->state_mutex);
    unlink_locked(db, node);
    bool is_last = node->image->user_count == 0 && node->image != fi_db_image(db);
    fi_os_mutex_unlock(&db->state_mutex);
    if (is_last) {
        node->image->retire(node->image);
    }
}

void
fi_db_snapshot_destroy_all(struct firn_db *db)
{
    while (db->snapshots != NULL) {
        struct fi_db_snapshot_node *node = db->snapshots;
        struct fi_db_image *image = node->image;
        fi_os_mutex_lock(&db->state_mutex);
        unlink_locked(db, node);
        fi_os_mutex_unlock(&db->state_mutex);
        node->destroy(node);
        if (image->user_count == 0 && image != fi_db_image(db)) {
            image->retire(image);
        }
    }
}

/* ---- what compaction keeps ---- */

static bool
counts_for(const struct fi_db_snapshot_node *node, uint32_t tree_id, bool is_system)
{
    return node->tree != NULL ? node->tree->id == tree_id : !is_system;
}

/* What a flush or compaction gets, with room for branches and then places. */
struct taken {
    struct fi_db_line *now_line; /* NULL: none is held */
    struct fi_snapshot now;
    struct fi_snapshot_branch *branches;
    size_t branch_count;
    struct fi_snapshot_place *places;
    size_t place_count;
};

static struct taken *
db_snapshot_allocate(size_t branches, size_t places)
{
    struct taken *taken = fi_alloc(sizeof *taken + branches * sizeof(struct fi_snapshot_branch) +
                                   places * sizeof(struct fi_snapshot_place));
    if (taken != NULL) {
        *taken = (struct taken){.branches = (void *)(taken + 1)};
        taken->places = (void *)(taken->branches + branches);
    }
    return taken;
}

/* Fills in the lines, and after them the branch of everything outside snapshots. */
static void
add_branches(struct taken *taken, const struct fi_history *history)
{
    size_t count = fi_history_line_count(history);
    for (size_t i = 0; i < count; i++) {
        struct fi_db_line *line = fi_history_line(history, i);
        DCHECK(line->parent == NULL || line->parent->index < i);
        line->index = i;
        taken->branches[taken->branch_count++] = (struct fi_snapshot_branch){
            line->first, line->fork,
            line->parent != NULL ? (uint32_t)line->parent->index : FI_SNAPSHOT_ROOT};
    }
    taken->branches[taken->branch_count++] = (struct fi_snapshot_branch){1, 0, FI_SNAPSHOT_ROOT};
}

/* line NULL: outside snapshots. */
static void
add_place(struct taken *taken, const struct fi_db_line *line, uint64_t sequence, uint64_t time_ms)
{
    size_t branch = line != NULL ? (size_t)line->index : taken->branch_count - 1;
    DCHECK(branch < taken->branch_count);
    taken->places[taken->place_count++] =
        (struct fi_snapshot_place){sequence, time_ms, (uint32_t)branch};
}

/* Fills in the snapshots; equal snapshots may occur more than once. */
static void
gather_locked(struct firn_db *db, const struct fi_db_image *image, uint32_t tree_id, bool is_system,
              struct taken *out)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    const struct fi_history *history = &image->history;
    uint64_t now_ms = fi_db_time_ms(db);
    add_branches(out, history);
    for (const struct fi_db_snapshot_node *node = db->snapshots; node != NULL; node = node->next) {
        if (counts_for(node, tree_id, is_system)) {
            add_place(out, node->line, node->sequence, node->time_ms);
        }
    }
    if (is_system || tree_id == FI_DB_KEYSPACE_LIST) {
        add_place(out, NULL, UINT64_MAX, now_ms);
        out->now = fi_history_snapshot(NULL, UINT64_MAX);
    }
    if (!is_system) {
        for (size_t i = 0; i < fi_history_count(history); i++) {
            const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i);
            add_place(out, checkpoint->line, checkpoint->sequence, time_of(checkpoint));
        }
        add_place(out, history->now, UINT64_MAX, now_ms);
        out->now = fi_db_snapshot_now_in(image, UINT64_MAX);
        out->now_line = history->now;
        CHECK(fi_history_ref(out->now_line, NULL) == FIRN_OK);
    }
}

/* Where tombstones are kept from: the oldest transaction that may still write looks for later
 * writes. */
static uint64_t
tombstones_kept_from_locked(const struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    uint64_t from = 0;
    for (const struct fi_db_snapshot_node *node = db->snapshots; node != NULL; node = node->next) {
        if (node->keeps_tombstones && (from == 0 || node->sequence < from - 1)) {
            from = node->sequence + 1;
        }
    }
    return from;
}

/* The image; during a replay, the one that is being filled. */
static struct fi_db_image *
image_of_works(struct firn_db *db)
{
    return db->replayed != NULL ? db->replayed : fi_db_image(db);
}

int
fi_db_snapshot_take(void *ctx, uint32_t tree_id, struct fi_snapshot_list *out, firn_error *err)
{
    struct firn_db *db = ctx;
    /* Before the list is read: see db_get.c. */
    atomic_fetch_add_explicit(&db->snapshots_taken, 1, memory_order_seq_cst);
    fi_os_mutex_lock(&db->state_mutex);
    struct fi_db_image *image = image_of_works(db);
    const struct fi_db_tree *tree = fi_db_trees_find(image, tree_id);
    bool is_system = tree != NULL && tree->is_system;
    uint64_t kept_from = is_system ? 0 : tombstones_kept_from_locked(db);
    size_t places = (size_t)db->snapshot_count + fi_history_count(&image->history) + 2;
    struct taken *taken = db_snapshot_allocate(fi_history_line_count(&image->history) + 1, places);
    if (taken != NULL) {
        gather_locked(db, image, tree_id, is_system, taken);
        DCHECK(taken->place_count > 0 && taken->place_count <= places);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    if (taken == NULL) {
        return fi_error_no_memory(err, "the list of snapshots");
    }
    /* For the list of keyspaces there are two. */
    const struct fi_snapshot *now = tree_id == FI_DB_KEYSPACE_LIST ? NULL : &taken->now;
    *out = (struct fi_snapshot_list){taken->branches,    taken->branch_count, taken->places,
                                     taken->place_count, kept_from,           now};
    return FIRN_OK;
}

void
fi_db_snapshot_release(void *ctx, struct fi_snapshot_list *snapshots)
{
    struct firn_db *db = ctx;
    struct taken *taken = (struct taken *)(uintptr_t)snapshots->branches - 1;
    if (taken->now_line != NULL) {
        fi_os_mutex_lock(&db->state_mutex);
        fi_history_unref(&image_of_works(db)->history, taken->now_line);
        fi_os_mutex_unlock(&db->state_mutex);
    }
    fi_free(taken);
    *snapshots = (struct fi_snapshot_list){0};
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
