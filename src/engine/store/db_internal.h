/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_internal.h: what only the files of store/ share. Only files of this folder and tests
 * include it.
 */
#ifndef FIRN_STORE_DB_INTERNAL_H
#define FIRN_STORE_DB_INTERNAL_H

#include "store/db_handle.h"

/* ---- db.c ---- */

/* As firn_db_open; takes ownership of dir, even on failure. */
FIRN_MUST_CHECK int firn_db_open_owned(struct firn_os_dir *dir,
                                       const struct firn_db_options *options, struct firn_db **out,
                                       firn_error *err);
/* ---- db_maintain.c ---- */

/* Writes all memtables to runs, in the calling thread. */
FIRN_MUST_CHECK int firn_db_maintain_flush_memtables(struct firn_db *db, firn_error *err);

/* ---- db_dropped.c ---- */

/* Removes dropped trees that no reader uses. Requires: the leader's place is taken. */
FIRN_MUST_CHECK int firn_db_dropped_remove(struct firn_db *db, firn_error *err);

/* ---- db_create.c ---- */

/* The contents of a directory that may be a store. */
struct firn_db_create_survey {
    bool has_identity;
    bool has_data;      /* a log, or trees */
    bool has_runs;      /* a directory for these */
    bool is_unfinished; /* its identity was never put in place */
    char other[256];    /* the name of a foreign entry, or "" */
};
FIRN_MUST_CHECK int firn_db_create_look(struct firn_os_dir *dir, struct firn_db_create_survey *out,
                                        firn_error *err);
/* FIRN_INVALID or FIRN_CORRUPT if no store may be created in such a directory. */
FIRN_MUST_CHECK int firn_db_create_allowed(struct firn_os_dir *dir,
                                           const struct firn_db_create_survey *survey,
                                           firn_error *err);
/* Creates a store in db->dir: identity, log and image. Requires: the lock is held. */
FIRN_MUST_CHECK int firn_db_create_store(struct firn_db *db, firn_error *err);
/* Upgrades a store of an older version to this one. Requires: nothing has been opened. */
FIRN_MUST_CHECK int firn_db_create_raise_version(struct firn_db *db, firn_error *err);

/* What a commit changes besides its writes to the list of keyspaces. */
struct firn_db_write_change {
    struct firn_db_tree *creates; /* or NULL */
    struct firn_db_tree *drops;   /* or NULL; end is the note for it */
    struct firn_db_name_end *end;
};

/* A commit in the queue of commits, in the stack frame of its thread. */
struct firn_db_write {
    const struct firn_db_batch *batch;
    const struct firn_db_write_check *check; /* or NULL */
    struct firn_db_write_change change;
    bool wants_sync;
    bool is_urgent; /* it was refused for lack of space, and is tried again */
    struct firn_db_write *next;
    uint64_t sequence;    /* 0: refused, or a barrier */
    uint64_t segment;     /* of the log */
    uint64_t body_offset; /* of the batch's body in the segment's file */
    bool is_waiting;      /* woken is initialised */
    bool is_done;
    int rc;
    firn_error *err; /* the caller's */
    struct firn_os_cond woken;
};

/* ---- db_lead.c ---- */

/* Latches the handle: remembers the first failure; later commits are refused. */
void firn_db_lead_latch(struct firn_db *db, const firn_error *err);
/* Whether the handle is still the only one that writes; if not, latches it and returns FIRN_FAILED. Another
 * failure says that it could not be found out. No mutex of the store may be held. */
FIRN_MUST_CHECK int firn_db_lead_check_lock(struct firn_db *db, firn_error *err);
/* Records the version of MANIFEST in the log, unless the log has it. Syncs nothing. Requires: the
 * leader's place is taken. */
FIRN_MUST_CHECK int firn_db_lead_vouch(struct firn_db *db, firn_error *err);
/* For the leader of commits, which holds their mutex: latches the handle; returns FIRN_FAILED, with the reason,
 * for a latched handle; gives the place to the next thread that waits for it. */
void firn_db_lead_latch_locked(struct firn_db *db, const firn_error *err);
int firn_db_lead_refuse_failed_locked(const struct firn_db *db, firn_error *err);
void firn_db_lead_end_locked(struct firn_db *db);
/* Wakes the thread of a queued commit if it waits. */
void firn_db_lead_wake(struct firn_db_write *commit);

/* ---- db_reader.c ---- */

/* Whether any process reads the store now. */
FIRN_MUST_CHECK int firn_db_reader_is_any(struct firn_os_dir *dir, bool *out, firn_error *err);
/* From now on keeps only the files that this version of MANIFEST, and newer ones, use. */
FIRN_MUST_CHECK int firn_db_reader_lock_version(struct firn_os_file *file, uint64_t version,
                                                firn_error *err);
/* The gate for the logs of a store that is written: shut while a process may be reading them. */
struct firn_log_gate firn_db_reader_gate(struct firn_db *db);

/* ---- db_log.c ---- */

/* The sequence of a load is the next multiple of this, which limits the commits while one is open. */
#define FIRN_DB_LOAD_STEP (UINT64_C(1) << 28)

/* Called before a group of commits that wants a sync is appended: readers stop here. For the leader only. */
void firn_db_log_fence_raise(struct firn_db *db);
/* Called when a group is acknowledged: readers see it. For the leader only. */
void firn_db_log_fence_lower(struct firn_db *db, bool was_synced);

/* ---- db_replay.c ---- */

/* The facts in MANIFEST against which the log is checked while it is read. */
struct firn_db_vouch {
    struct firn_db *db;
    uint64_t version;
    struct firn_log_position log_end;
    uint64_t vouched; /* the newest version named in the log */
};
/* Before a store is closed: records in the log and in MANIFEST where the other one ends. */
FIRN_MUST_CHECK int firn_db_replay_vouch_close(struct firn_db *db, firn_error *err);
/* Opens an image and, unless read-only, the log, and fills the image from the log. */
FIRN_MUST_CHECK int firn_db_replay(struct firn_db *db, struct firn_db_image **out, firn_error *err);

/* ---- db_trees.c ---- */

/* The tree with a number, or NULL. Requires: the caller holds the state mutex, or leads, or no other
 * thread knows the image. */
struct firn_db_tree *firn_db_trees_find(const struct firn_db_image *image, uint64_t id);
/* The tree was removed from MANIFEST. For the leader. */
void firn_db_trees_note_removed(struct firn_db_image *image, struct firn_db_tree *tree);

/* ---- db_segments.c; the mutex of commits guards it ---- */

/* Whether noting the commits of a group cannot fail; makes room for that: for two more segments, the most that a
 * group touches. */
bool firn_db_segments_has_room(const struct firn_db_image *image);
FIRN_MUST_CHECK int firn_db_segments_make_room(struct firn_db_image *image, firn_error *err);
void firn_db_segments_note_commit(struct firn_db_image *image, uint64_t segment);
void firn_db_segments_remove(struct firn_db_image *image, uint64_t before);
/* Whether the remaining segments of the log have commits, or changes of checkpoints. */
bool firn_db_segments_has_commits(const struct firn_db_image *image);

/* ---- db_handles.c ---- */

void firn_db_handles_init(struct firn_db *db);
void firn_db_handles_destroy_all(struct firn_db *db);
/* The handle for a number, or NULL if none was given out. */
struct firn_db_keyspace *firn_db_handles_find(struct firn_db *db, uint32_t id);
/* The handle for a number, created if necessary. Requires, as the next two: the state mutex is held. */
FIRN_MUST_CHECK int firn_db_handles_get_locked(struct firn_db *db, struct firn_db_image *image,
                                               uint64_t id, const char *name,
                                               struct firn_db_keyspace **out, firn_error *err);
/* Makes a handle and room for it; the caller publishes or discards it. NULL: out of memory. */
struct firn_db_keyspace *firn_db_handles_prepare_locked(struct firn_db *db,
                                                        struct firn_db_tree *tree, const char *name)
    __attribute__((warn_unused_result));
/* Gives it out, unless another thread that saw the name has given out another one, which is then returned. Cannot fail. */
struct firn_db_keyspace *firn_db_handles_publish_locked(struct firn_db *db,
                                                        struct firn_db_keyspace *prepared)
    __attribute__((warn_unused_result));
/* NULL is fine. */
void firn_db_handles_discard(struct firn_db_keyspace *prepared);

/* ---- db_history.c ---- */

/* Saves the history in MANIFEST if the log before `segment` has changes that MANIFEST lacks. For the
 * leader only. */
FIRN_MUST_CHECK int firn_db_history_save_before(struct firn_db *db, uint64_t segment,
                                                firn_error *err);

/* ---- db_image.c ---- */

/* Opens the trees, and reads the list of keyspaces from the runs. */
FIRN_MUST_CHECK int firn_db_image_open(struct firn_db *db, struct firn_db_image **out,
                                       firn_error *err);
/* As firn_lsm_close; always frees the image. */
FIRN_MUST_CHECK int firn_db_image_close(struct firn_db_image *image, firn_error *err);
/* Writes nothing. NULL is fine. */
void firn_db_image_abandon(struct firn_db_image *image);
/* The same for one that was replaced and has no users, once all reads have left it. */
void firn_db_image_retire(struct firn_db_image *image);
/* Reads the whole list. Requires: no other thread knows the image. */
FIRN_MUST_CHECK int firn_db_image_read_list(struct firn_db_image *image, firn_error *err);
/* Adds the tree of the next keyspace, or finds the one that a failed creation left. Requires: the state
 * mutex is held, or no other thread knows the image. */
FIRN_MUST_CHECK int firn_db_image_add(struct firn_db_image *image, firn_slice name,
                                      const struct firn_keyspace_entry *entry,
                                      struct firn_db_tree **out, firn_error *err);
/* Whether keyspaces of that name are firn's own, which do not count for the limit. */
bool firn_db_image_is_own(firn_slice name);
/* The tree for an entry of the list, which gives its number to a name. FIRN_CORRUPT if another entry
 * gave the number a different type or schema. */
FIRN_MUST_CHECK int firn_db_image_name(struct firn_db_image *image,
                                       const struct firn_keyspace_entry *put,
                                       const struct firn_entry *entry, struct firn_db_tree **out,
                                       firn_error *err);
/* Removes, durably, the trees of keyspaces that neither now nor a checkpoint has. Requires: no other
 * thread knows the image. */
FIRN_MUST_CHECK int firn_db_image_remove_dropped(struct firn_db_image *image, firn_error *err);
/* ---- db_apply.c ---- */

/* Notes that a commit ended the keyspace. For the leader only. */
void firn_db_apply_end(struct firn_db_tree *tree, struct firn_db_name_end *end, uint64_t sequence);
/* Called by the leader before it applies a commit: prefetches the memory that the first operation
 * needs. */
void firn_db_apply_prepare(const struct firn_db_apply *commit);
/* Applies the operations of one commit to the trees. Fails only with FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_db_apply(const struct firn_db_apply *commit, firn_error *err);
/* Notes that operation number `index` of a commit deletes a range. */
FIRN_MUST_CHECK int firn_db_apply_ranges_add(struct firn_db_ranges *ranges,
                                             struct firn_db_tree *tree, firn_slice lower,
                                             firn_slice upper, size_t index, firn_error *err);
void firn_db_apply_ranges_deinit(struct firn_db_ranges *ranges);
/* Whether an operation from number `index` on deletes a range of the tree that contains the key. For
 * the batch's owner. */
bool firn_db_apply_ranges_deletes(const struct firn_db_ranges *ranges,
                                  const struct firn_db_tree *tree, firn_slice key, size_t index);

/* ---- db_get.c ---- */

/* What to read. */
struct firn_db_get_what {
    firn_slice key;
    const struct firn_run_projection *columns; /* the columns of a row that are needed; NULL: all */
};
/* The newest published value of a key of a tree; see firn_db_get. is_outside: the key is outside
 * views. */
FIRN_MUST_CHECK int firn_db_get_newest(struct firn_db *db, struct firn_db_tree *tree,
                                       bool is_outside, const struct firn_db_get_what *what,
                                       struct firn_buf *out, firn_error *err);

/* ---- db_view.c ---- */

/* The view of now, up to what is published; for an image of a read-only handle, up to its end.
 * is_outside: what is outside views. It is not registered as a view. Requires: is_outside, or the
 * handle is read-only and its image stays. */
struct firn_view firn_db_view_now(struct firn_db *db, const struct firn_db_image *image,
                                  bool is_outside);
/* The same for a handle that writes, on any thread; the view is valid until firn_db_view_leave_now
 * gets *out_slot. It is not registered as a view: see db_get.c. */
struct firn_view firn_db_view_enter_now(struct firn_db *db, bool is_outside, size_t *out_slot);
void firn_db_view_leave_now(struct firn_db *db, size_t slot);
/* The view of now in an image, up to a sequence. For the leader, or if no other thread knows the
 * image. */
struct firn_view firn_db_view_now_in(const struct firn_db_image *image, uint64_t sequence);
/* Opens another view of what a view sees, which must stay open during the call; is_outside: of what is
 * outside views, in the same image. */
void firn_db_view_register_at(struct firn_db *db, struct firn_db_view_node *node,
                              const struct firn_db_tree *tree, const struct firn_db_view_node *view,
                              bool is_outside);
void firn_db_view_destroy_all(struct firn_db *db);
/* For struct firn_lsm_host. */
FIRN_MUST_CHECK int firn_db_view_take(void *db, uint32_t tree_id, struct firn_view_list *out,
                                      firn_error *err);
void firn_db_view_release(void *db, struct firn_view_list *views);

/* ---- db_layout.c ---- */

/* For struct firn_lsm_host; ctx is the store. */
FIRN_MUST_CHECK int firn_db_layout_take(void *ctx, uint32_t tree_id,
                                        struct firn_column_layout **out, firn_error *err);

/* ---- db_keyspace.c ---- */

FIRN_MUST_CHECK int firn_db_keyspace_check_name(const char *name, firn_error *err);
int firn_db_keyspace_refuse_missing(struct firn_db *db, const char *name, firn_error *err);
/* Visits the names in the list as a view sees it, of keyspaces of one type (NULL: all). */
FIRN_MUST_CHECK int firn_db_keyspace_list_at(struct firn_db_view *view,
                                             const enum firn_keyspace_entry_type *type,
                                             int (*visit)(void *ctx, const char *name), void *ctx,
                                             firn_error *err);
/* Take and give back the right to change the list of keyspaces. */
void firn_db_keyspace_begin_change(struct firn_db *db);
void firn_db_keyspace_end_change(struct firn_db *db);
/* ---- db_cursor.c ---- */

/* A cursor over the list of keyspaces. */
FIRN_MUST_CHECK int firn_db_cursor_open_list(struct firn_db *db, bool is_outside,
                                             const struct firn_db_cursor_options *options,
                                             struct firn_db_cursor **out, firn_error *err);

/* ---- db_batch.c ---- */

/* Copies a batch into an empty one, without gaps and without the values of replaced operations. */
FIRN_MUST_CHECK int firn_db_batch_copy_to_commit(struct firn_db_batch *batch,
                                                 const struct firn_db_batch *from, firn_error *err);
/* FIRN_LIMIT if one of them is too large. */
FIRN_MUST_CHECK int firn_db_batch_check_sizes(firn_slice key, firn_slice value, firn_error *err);
/* A write to the list of keyspaces; put NULL: deletes the name. */
FIRN_MUST_CHECK int firn_db_batch_list(struct firn_db_batch *batch, struct firn_db *db,
                                       firn_slice name, const struct firn_keyspace_entry *put,
                                       firn_error *err);

/* ---- db_visible.c ---- */

/* Whether the keyspace has ended in a view. Any thread. */
bool firn_db_visible_is_ended(const struct firn_db_tree *tree, const struct firn_view *view);
/* Memory for such a note, freed with the image. NULL: out of memory. Requires: the caller has the right
 * to change the list, or no other thread knows the image. */
struct firn_db_name_end *firn_db_visible_make_end(struct firn_db_image *image)
    __attribute__((warn_unused_result));
/* Determines for each tree whether its keyspace exists now. For the leader only. */
void firn_db_visible_update(struct firn_db *db, struct firn_db_image *image);
/* Whether the keyspace exists now or in a checkpoint. For the leader only. */
bool firn_db_visible_is_kept(const struct firn_db_image *image, const struct firn_db_tree *tree);
/* ---- db_write.c ---- */

/* As firn_db_write, for a batch that names or drops a tree. */
FIRN_MUST_CHECK int firn_db_write_list(struct firn_db *db, const struct firn_db_batch *batch,
                                       const struct firn_db_write_change *change, firn_error *err);

/* ---- db_memory.c; any thread ---- */

struct firn_db_limits firn_db_memory_divide(uint64_t memory);
/* Borrows memory of the block cache for what memtables use beyond their own share, as far as the cache
 * lends it, and gives back the rest. */
void firn_db_memory_borrow(struct firn_db *db);
/* Adds to the cache what memtables leave of their share; nothing while a load is open. */
void firn_db_memory_settle(struct firn_db *db);
/* The same if memtables have grown into what the cache has; whether that was so. */
bool firn_db_memory_take_back(struct firn_db *db);

/* ---- db_turn.c; for the leader only ---- */

/* How many bytes of the log a run must save: a file takes at least a block of the disk, some syncs, and a
 * place in MANIFEST. */
enum { FIRN_DB_TURN_LOG_PER_RUN = 4 << 10 };

/* Freeze memtables, and set *has_frozen if there was one: those of a list (linked by next_touched) that have
 * the size for it; roughly the largest, until they have `wanted` bytes together; those with data of a segment
 * of the log, or of an older one. */
FIRN_MUST_CHECK int firn_db_turn_freeze_grown(struct firn_db *db, struct firn_db_tree *touched,
                                              bool *has_frozen, firn_error *err);
FIRN_MUST_CHECK int firn_db_turn_freeze_bytes(struct firn_db *db, size_t wanted, bool *has_frozen,
                                              firn_error *err);
FIRN_MUST_CHECK int firn_db_turn_freeze_up_to(struct firn_db *db, uint64_t segment,
                                              bool *has_frozen, firn_error *err);
/* The oldest segment with data of an active memtable; 0 if there is none. */
uint64_t firn_db_turn_oldest_segment(struct firn_db *db);
/* Whether the log should turn to its next segment now; if it is not ready, has that prepared. */
bool firn_db_turn_may_begin(struct firn_db *db, bool is_urgent);
/* Begins a new segment; segments that are no longer needed are removed with that. */
FIRN_MUST_CHECK int firn_db_turn_begin(struct firn_db *db, firn_error *err);
/* Has a job finish the turn. */
void firn_db_turn_end(struct firn_db *db);
/* Decides which segments of the log are no longer needed; the next one that is begun removes them. */
FIRN_MUST_CHECK int firn_db_turn_trim(struct firn_db *db, bool *out_has_more, firn_error *err);
/* Whether the log has enough bytes for each run that a flush of all memtables would write. Any thread. */
bool firn_db_turn_flush_pays(struct firn_db *db);

/* ---- db_rest.c ---- */

/* A log that is longer is worth shortening. */
#define FIRN_DB_REST_LEAST_BYTES (UINT64_C(1) << 20)

/* For struct firn_db_rest: waits until the store is idle, and then frees what is kept for commits. */
void firn_db_rest_watch(void *db);
/* Whether there was no commit for a while; if so, frees what is kept for future commits. One thread at
 * a time. */
bool firn_db_rest_look(struct firn_db *db);

/* ---- db_pace.c ---- */

/* Called before bytes are committed: waits until there is room, or fails with the reason. For the leader
 * only, as the next two. */
FIRN_MUST_CHECK int firn_db_pace_admit(struct firn_db *db, size_t bytes, firn_error *err);
/* Called after a group has written to the trees of a list (linked by next_touched): freezes memtables that
 * have grown too large. Failures are noted. */
void firn_db_pace_follow_up(struct firn_db *db, struct firn_db_tree *touched);
/* ---- db_jobs.c ---- */

FIRN_MUST_CHECK int firn_db_jobs_open(struct firn_db *db, firn_error *err);
/* Ends background work; what has begun is finished. */
void firn_db_jobs_stop(struct firn_db *db);
void firn_db_jobs_close(struct firn_db *db);
/* Ask for flushes (each asks for compactions when it ends), and for compactions. */
void firn_db_jobs_wake(struct firn_db *db);
/* Called after runs were added, or a table got an index of vectors: has missing graphs of runs built. */
void firn_db_jobs_wake_graphs(struct firn_db *db);
/* Builds the missing graphs of a tree's runs (NULL: all trees) in this thread, or waits for the thread that does. */
FIRN_MUST_CHECK int firn_db_jobs_finish_graphs(struct firn_db *db, const struct firn_lsm_tree *tree,
                                               const struct firn_step *step, firn_error *err);
void firn_db_jobs_wake_compactions(struct firn_db *db);
/* Takes the failure that no commit has returned yet, if there is one. Requires: err is not NULL. */
FIRN_MUST_CHECK int firn_db_jobs_take_failure(struct firn_db *db, firn_error *err);
void firn_db_jobs_note_failure(struct firn_db *db, const firn_error *err);
/* Submits a function that works on the log; false if that is not possible. */
bool firn_db_jobs_submit_log(struct firn_db *db, void (*run)(void *arg));
/* Starts watching for the store to become idle (db->rest.watch), unless a job does. It ends soon after
 * `closing`. Any thread. */
void firn_db_jobs_watch_rest(struct firn_db *db);
/* Waits for progress of background work; false if there is none. */
bool firn_db_jobs_wait(struct firn_db *db);

/* ---- db_space.c ---- */

/* The space that files of a directory take up, of those with a name that counts (NULL: all). What
 * cannot be read counts nothing. */
uint64_t firn_db_space_of(struct firn_os_dir *parent, const char *name,
                          bool (*counts)(const char *name));
/* Determines how large the store can become, and limits what it writes at once accordingly. Requires, for
 * this function and the next two: no other thread knows the handle. */
void firn_db_space_fit(struct firn_db *db);
/* Finds out how large the reserve is. */
void firn_db_space_look(struct firn_db *db);
/* Opening found no space: frees everything that is reserved for it. False if nothing was. */
bool firn_db_space_give_up_at_open(struct firn_db *db);
/* What is added to what is needed before the disk counts as having space. */
enum { FIRN_DB_SPACE_SLACK = 64 << 10 };
/* Whether there is space again for a commit of so many bytes; if so, the reserve is as before, and the disk no
 * longer counts as full. */
bool firn_db_space_is_back(struct firn_db *db, size_t bytes);
/* How large the reserve should be. Any thread. */
uint64_t firn_db_space_wanted(struct firn_db *db);
/* The free bytes, less what a flush of the memtables will need. Any thread. */
uint64_t firn_db_space_left(struct firn_db *db);
/* How many bytes a flush or compaction may write while the disk is full; else 0. Any thread. */
uint64_t firn_db_space_room(struct firn_db *db);
/* As firn_db_space_give_up, but frees the last part of the reserve too. */
bool firn_db_space_give_up_all(struct firn_db *db);
/* Makes the reserve as large as it should be, if possible. Any thread. */
void firn_db_space_keep(struct firn_db *db);
/* Frees what the reserve has beyond that, if possible. Any thread. */
void firn_db_space_trim(struct firn_db *db);

/* ---- db_full.c ---- */

/* FIRN_NO_SPACE while the disk is full, for a commit that puts anything. Also for a commit that does not,
 * if it leaves too little for the compactions that free space, unless is_urgent. For the leader only. */
FIRN_MUST_CHECK int firn_db_full_admit(struct firn_db *db, bool has_puts, bool is_urgent,
                                       size_t bytes, firn_error *err);
/* Frees the space of what was deleted, in the calling thread: called after a commit that only deletes
 * failed with FIRN_NO_SPACE. If that failed before, and nothing was committed since, it is not tried
 * again, unless the caller has waited for the background, which may have freed something. Any thread
 * that does not lead. */
void firn_db_full_drain(struct firn_db *db, bool has_waited);

#endif
