/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_reading_handle.h: what the rooms that work on the structures of an open
 * store call to read it.
 */
#ifndef FIRN_READING_DB_READING_HANDLE_H
#define FIRN_READING_DB_READING_HANDLE_H

#include "instance/db_handle.h"
#include "reading/db_reading.h"

/* ---- db_cursor.c ---- */

/* What a cursor shows in place of the layer below it: a transaction merges its writes into what its
 * snapshot has (txn_cursor.c). The functions match those of cursors in store/db.h. */
struct fi_db_cursor_overlay {
    const struct fi_db_cursor_overlay_kind *kind;
};
struct fi_db_cursor_overlay_kind {
    void (*destroy)(struct fi_db_cursor_overlay *overlay);
    int (*first)(struct fi_db_cursor_overlay *overlay, firn_error *err);
    int (*last)(struct fi_db_cursor_overlay *overlay, firn_error *err);
    int (*seek)(struct fi_db_cursor_overlay *overlay, firn_slice key, firn_error *err);
    int (*seek_before)(struct fi_db_cursor_overlay *overlay, firn_slice key, firn_error *err);
    int (*next)(struct fi_db_cursor_overlay *overlay, firn_error *err);
    int (*prev)(struct fi_db_cursor_overlay *overlay, firn_error *err);
    bool (*valid)(const struct fi_db_cursor_overlay *overlay);
    firn_slice (*key)(const struct fi_db_cursor_overlay *overlay);
    firn_slice (*value)(const struct fi_db_cursor_overlay *overlay);
};
/* The layer below an overlay, which outlives it. */
struct fi_db_cursor_base {
    struct firn_db_keyspace *keyspace;
    struct fi_lsm_cursor *inner; /* NULL: nothing is within the bounds */
    firn_slice lower;
    const firn_slice *upper; /* NULL: no bound; a copy of the caller's */
};
/* As fi_db_cursor_open. Before that returns, make(ctx) creates the overlay, which the cursor
 * owns. */
typedef int fi_db_cursor_overlay_make(void *ctx, const struct fi_db_cursor_base *base,
                                      struct fi_db_cursor_overlay **out, firn_error *err);
FIRN_MUST_CHECK int fi_db_cursor_open_overlaid(struct firn_db_keyspace *keyspace,
                                               const struct fi_db_cursor_options *options,
                                               fi_db_cursor_overlay_make *make, void *ctx,
                                               struct firn_db_cursor **out, firn_error *err);
/* A cursor over the list of keyspaces. */
FIRN_MUST_CHECK int fi_db_cursor_open_list(struct firn_db *db, bool is_outside,
                                           const struct fi_db_cursor_options *options,
                                           struct firn_db_cursor **out, firn_error *err);

/* ---- db_get.c ---- */

/* The tree of a keyspace in an image, for reading by a snapshot. *out is NULL if the image is older
 * than the keyspace; FIRN_MISUSE if the keyspace was dropped in the snapshot. */
FIRN_MUST_CHECK int fi_db_get_tree(const struct firn_db_keyspace *keyspace,
                                   const struct fi_db_image *image,
                                   const struct fi_snapshot *snapshot, struct fi_db_tree **out,
                                   firn_error *err);
/* Sets and returns FIRN_NOT_FOUND. */
int fi_db_get_refuse_missing(const struct firn_db_keyspace *keyspace, firn_error *err);
/* FIRN_MISUSE for a keyspace that does not exist now. */
int fi_db_get_refuse_dropped(const struct firn_db_keyspace *keyspace, firn_error *err);
/* What to read. */
struct fi_db_get_what {
    firn_slice key;
    const struct fi_run_projection *columns; /* the columns of a row that are needed; NULL: all */
};
/* The newest published value of a key of a tree; see fi_db_get. is_outside: the key is outside
 * snapshots. */
FIRN_MUST_CHECK int fi_db_get_newest(struct firn_db *db, struct fi_db_tree *tree, bool is_outside,
                                     const struct fi_db_get_what *what, struct fi_buf *out,
                                     firn_error *err);

/* ---- db_snapshot.c ---- */

/* The entry of a name in the list of keyspaces, as the snapshot sees it; replaces the contents of
 * *bytes, into which *out points. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_db_keyspace_entry_in(struct firn_snapshot *snapshot, const char *name,
                                            struct fi_buf *bytes, struct fi_storefile_keyspace *out,
                                            firn_error *err);
/* Opens a snapshot of what is published now. node is the caller's memory, zeroed except for the
 * fields that the caller sets. */
void fi_db_snapshot_register(struct firn_db *db, struct fi_db_snapshot_node *node,
                             const struct fi_db_tree *tree, bool is_outside);
/* As fi_db_snapshot_open, at a checkpoint. */
FIRN_MUST_CHECK int fi_db_snapshot_open_checkpoint(struct firn_db *db,
                                                   const uint8_t id[FI_HISTORY_ID_SIZE],
                                                   struct firn_snapshot **out, firn_error *err);
void fi_db_snapshot_unregister(struct firn_db *db, struct fi_db_snapshot_node *node);
/* The snapshot of now, up to what is published; for an image of a read-only handle, up to its end.
 * is_outside: what is outside snapshots. It is not registered as a snapshot. Requires: is_outside,
 * or the handle is read-only and its image stays. */
struct fi_snapshot fi_db_snapshot_now(struct firn_db *db, const struct fi_db_image *image,
                                      bool is_outside);
/* The same for a handle that writes, on any thread; the snapshot is valid until
 * fi_db_snapshot_leave_now gets *out_slot. It is not registered as a snapshot: see db_get.c. */
struct fi_snapshot fi_db_snapshot_enter_now(struct firn_db *db, bool is_outside, size_t *out_slot);
void fi_db_snapshot_leave_now(struct firn_db *db, size_t slot);
/* The snapshot of now in an image, up to a sequence. For the leader, or if no other thread knows
 * the image. */
struct fi_snapshot fi_db_snapshot_now_in(const struct fi_db_image *image, uint64_t sequence);
/* Opens another snapshot of what a snapshot sees, which must stay open during the call; is_outside:
 * of what is outside snapshots, in the same image. */
void fi_db_snapshot_register_at(struct firn_db *db, struct fi_db_snapshot_node *node,
                                const struct fi_db_tree *tree,
                                const struct fi_db_snapshot_node *snapshot, bool is_outside);
void fi_db_snapshot_destroy_all(struct firn_db *db);
/* Up to where now sees its line. */
static inline uint64_t
fi_db_snapshot_newest(struct firn_db *db, const struct fi_db_image *image)
{
    return db->is_read_only ? image->last_sequence : fi_db_published(db);
}
/* The intervals of now; *out_sequence is up to where now sees them: db_snapshot.c (I3). They may be
 * used inside the epoch, or with a reference to the line of now. */
static inline struct fi_db_intervals *
fi_db_snapshot_find_now(struct firn_db *db, const struct fi_db_image *image, uint64_t *out_sequence)
{
    const struct fi_history *history = &image->history;
    struct fi_db_intervals *intervals;
    struct fi_db_intervals *again =
        atomic_load_explicit(&history->now_intervals, memory_order_seq_cst);
    do {
        intervals = again;
        *out_sequence = fi_db_snapshot_newest(db, image);
        /* Pairs with the store in fi_history_apply. */
        again = atomic_load_explicit(&history->now_intervals, memory_order_seq_cst);
    } while (again != intervals);
    return intervals;
}
/* The time at which a checkpoint reads: that of its creation. */
static inline uint64_t
fi_db_snapshot_time_of(const struct fi_db_checkpoint *checkpoint)
{
    return checkpoint->created_ns > 0 ? (uint64_t)(checkpoint->created_ns / 1000000) : 0;
}

/* ---- db_snapshot_take.c; for struct fi_lsm_host ---- */

FIRN_MUST_CHECK int fi_db_snapshot_take(void *db, uint32_t tree_id, struct fi_snapshot_list *out,
                                        firn_error *err);
void fi_db_snapshot_take_release(void *db, struct fi_snapshot_list *snapshots);

/* ---- db_snapshot_list.c ---- */

void fi_db_snapshot_list_init(struct firn_db *db);
void fi_db_snapshot_list_deinit(struct firn_db *db);
/* Locks all parts of the list, so that it can be walked. Requires: the state mutex. */
void fi_db_snapshot_list_lock(struct firn_db *db);
void fi_db_snapshot_list_unlock(struct firn_db *db);
/* NULL: there is none, or no further one. These three require: the list is locked, or no other
 * thread uses the handle. */
struct fi_db_snapshot_node *fi_db_snapshot_list_first(struct firn_db *db);
struct fi_db_snapshot_node *fi_db_snapshot_list_next(struct firn_db *db,
                                                     const struct fi_db_snapshot_node *node);
size_t fi_db_snapshot_list_count(struct firn_db *db);
/* Adds a snapshot of now, or of what another one sees, which must stay open meanwhile. False: this
 * thread's part has no reference to that line, and the caller uses add_locked. */
bool fi_db_snapshot_list_add_now(struct firn_db *db, struct fi_db_snapshot_node *node)
    __attribute__((warn_unused_result));
bool fi_db_snapshot_list_add_copy(struct firn_db *db, struct fi_db_snapshot_node *node,
                                  const struct fi_db_snapshot_node *of)
    __attribute__((warn_unused_result));
/* Adds a snapshot at a place on a line of node->image; line NULL: outside snapshots. Fails only for
 * a line that is not now and has no snapshot: FIRN_NO_MEMORY. Requires: the state mutex. */
FIRN_MUST_CHECK int fi_db_snapshot_list_add_locked(struct firn_db *db,
                                                   struct fi_db_snapshot_node *node,
                                                   struct fi_db_line *line, uint64_t sequence,
                                                   firn_error *err);
/* Whether node->image was replaced and this was its last user: then the caller retires it. */
bool fi_db_snapshot_list_remove(struct firn_db *db, struct fi_db_snapshot_node *node)
    __attribute__((warn_unused_result));
/* Releases the list's references to a line that is no longer now, or to an image that was replaced,
 * where no snapshot uses them. The caller has held the state mutex since it replaced them. */
void fi_db_snapshot_list_release_old(struct firn_db *db);
/* Releases all that the list has references to. Requires: no snapshot is open or will be opened. */
void fi_db_snapshot_list_release_all(struct firn_db *db);

/* ---- db_visible.c ---- */

/* Whether the keyspace exists in a snapshot. For the leader only. */
bool fi_db_visible_in(const struct fi_db_tree *tree, const struct fi_snapshot *snapshot);
/* Whether the keyspace has ended in a snapshot. Any thread. */
bool fi_db_visible_is_ended(const struct fi_db_tree *tree, const struct fi_snapshot *snapshot);
/* Memory for such a note, freed with the image. NULL: out of memory. Requires: the caller has the
 * right to change the list, or no other thread knows the image. */
struct fi_db_name_end *fi_db_visible_make_end(struct fi_db_image *image)
    __attribute__((warn_unused_result));
/* Determines for each tree whether its keyspace exists now. For the leader only. */
void fi_db_visible_update(struct firn_db *db, struct fi_db_image *image);
/* Whether the keyspace exists now or in a checkpoint. For the leader only. */
bool fi_db_visible_is_kept(const struct fi_db_image *image, const struct fi_db_tree *tree);

#endif
