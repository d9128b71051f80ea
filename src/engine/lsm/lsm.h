/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm.h: the trees of a store: memtables, runs in levels, and the MANIFEST that
 * says which runs there are.
 *
 * The room store owns the log, the order of commits, published sequences, the list of snapshots,
 * and the threads. This room decides where versions of keys are kept and which of them may be
 * dropped.
 *
 * Threads: one thread at a time (the leader of commits) applies, reserves, freezes and drops. Gets
 * and cursors run beside it, on any threads. Any thread may pick works, which run concurrently with
 * each other and with everything else.
 *
 * Failure: reads that meet damage return FIRN_CORRUPT with the file, the offset and what is lost,
 * and never FIRN_NOT_FOUND for a key that may exist; the rest stays readable. A work that fails
 * leaves everything as it was and may be picked again. A MANIFEST that could not be written or
 * synced latches all further works (FIRN_FAILED), because its contents are unknown.
 */
#ifndef FIRN_LSM_LSM_H
#define FIRN_LSM_LSM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/snapshot.h"
#include "base/step.h"
#include "log/log.h"
#include "os/os.h"
#include "run/run_kind.h"
#include "version/version_file.h"

struct fi_lsm;
struct fi_lsm_tree;
struct fi_memtable;

/* What the trees ask of the store. Called from works, on any thread, with no lock of lsm/ held. */
struct fi_lsm_host {
    void *ctx;
    /* Syncs the log up to and including everything that was applied before the call. */
    int (*sync_log)(void *ctx, firn_error *err);
    /* Whether files may still be written and MANIFEST changed: asked before each of both. May be
     * NULL: yes. */
    int (*may_change)(void *ctx, firn_error *err);
    /* How far the log is durable; each change of MANIFEST records it. segment 0: not known. May be
     * NULL. */
    struct fi_log_position (*log_durable)(void *ctx);
    /* All snapshots that may still read the tree, now ([1, UINT64_MAX]) included. They stay valid
     * until release_snapshots. A snapshot that is opened later must see at least what "now" saw.
     * Snapshots whose newest intervals begin at the same sequence have the same older intervals. */
    int (*take_snapshots)(void *ctx, uint32_t tree_id, struct fi_snapshot_list *out,
                          firn_error *err);
    void (*release_snapshots)(void *ctx, struct fi_snapshot_list *snapshots);
    /* Whether no other process uses a MANIFEST version below this one. */
    bool (*no_reader_below)(void *ctx, uint64_t version);
    /* The size in bytes of a log segment that is complete; 0 if it may still grow. NULL if and only
     * if lend_log_segment is NULL. */
    uint64_t (*log_segment_bytes)(void *ctx, uint64_t segment);
    /* Gives the file of a complete segment a second name: fi_log_lend. */
    int (*lend_log_segment)(void *ctx, uint64_t segment, struct fi_os_dir *to_dir, const char *to,
                            firn_error *err);
    /* The columns of runs of the tree that are written from now on, if its kind of runs has a
     * layout: one allocation, for fi_free. May be NULL: no tree is of such a kind. */
    int (*take_layout)(void *ctx, uint32_t tree_id, struct fi_column_layout **out, firn_error *err);
    /* A tree is read so much that it should be merged: there is a compaction to be picked. Called
     * by readers, which must not wait. May be NULL. */
    void (*wants_compaction)(void *ctx);
};

struct fi_lsm_options {
    /* The kinds of runs, each with a name and a number of its own; NULL ends the list. The first
     * one is the default for trees, and is used for a load's scratch files. Borrowed. */
    const struct fi_run_kind *const *kinds;
    struct fi_block_cache *cache; /* borrowed */
    struct fi_lsm_host host;
    bool is_read_only;            /* nothing is written; no works */
    bool may_miss;                /* for repairs: files may be missing */
    uint64_t trees_max;           /* FIRN_LIMIT if MANIFEST names more; 0: any number */
    size_t run_bytes_target;      /* a compaction starts a new run above this; 0: 32 MiB */
    uint64_t level_bytes_base;    /* of the first level that is not empty; 0: 256 MiB */
    unsigned level_factor;        /* 0: 10 */
    unsigned level0_runs_target;  /* this many runs in level 0 trigger a compaction; 0: 4 */
    size_t memtable_bytes_target; /* the caller freezes a memtable that is larger; 0: unknown */
    uint64_t level0_bytes_target; /* trigger one too; less if writes replace others; 0: 256 MiB */
    unsigned history_runs_target; /* this many small history runs trigger a merge; 0: 8 */
    enum fi_codec codec;          /* of new runs */
    enum fi_codec codec_bottom;   /* of new runs in the last level */
    /* For trees that separate values: */
    size_t value_size_min;            /* values of at least this size; 0: 4 KiB */
    uint64_t value_file_bytes_target; /* a new value file starts above this; 0: 64 MiB */
    uint64_t value_file_bytes_small;  /* smaller ones are merged; 0: a 64th of the target */
};

/* Whether a file or directory of that name in the store's directory belongs to the trees. */
bool fi_lsm_is_name(const char *name);
/* The same for a name in its directory "runs"; kinds as in the options. */
bool fi_lsm_is_run_name(const char *name, const struct fi_run_kind *const *kinds);
/* Opens the MANIFEST and what it names in dir (the store's directory; runs are in its subdirectory
 * "runs"). Without a MANIFEST, makes an empty one if create is true (if read-only, only in memory),
 * else returns FIRN_NOT_FOUND. FIRN_CORRUPT if there are runs but no MANIFEST, or if MANIFEST is
 * older than the runs (lsm.c). dir is borrowed. Unless read-only, the first collect removes files
 * that belong to nothing and that no reader may use; not the opening, since replaying the log may
 * yet show that MANIFEST is not the newest. Read-only beside a writer: FIRN_BUSY or FIRN_NOT_FOUND
 * if the writer removed what was being read and no lock prevented that. */
FIRN_MUST_CHECK int fi_lsm_open(struct fi_os_dir *dir, const struct fi_lsm_options *options,
                                bool create, struct fi_lsm **out, firn_error *err);
/* Requires: no cursor is open, and no work runs. Memtables are dropped: their contents are in the
 * log. Frees the handle, even on failure. NULL is allowed. */
FIRN_MUST_CHECK int fi_lsm_close(struct fi_lsm *lsm, firn_error *err);
/* As a crash would: nothing is written. */
void fi_lsm_abandon(struct fi_lsm *lsm);

/* The largest sequence that the MANIFEST names. */
uint64_t fi_lsm_sequence(const struct fi_lsm *lsm);
/* The version of MANIFEST: every installed change adds one. All processes see the same version. It
 * has been written to MANIFEST before no_reader_below is asked about it. */
uint64_t fi_lsm_version(struct fi_lsm *lsm);
/* Whether MANIFEST is certainly as it was when these trees were opened, read-only. Any thread. */
bool fi_lsm_is_newest(const struct fi_lsm *lsm);
/* How far the log was durable when MANIFEST was last changed before this opening; segment 0: not
 * known. */
struct fi_log_position fi_lsm_log_end(const struct fi_lsm *lsm);
/* The current version of the MANIFEST in dir; a writer may be appending to it. */
FIRN_MUST_CHECK int fi_lsm_read_version(struct fi_os_dir *dir, uint64_t *out, firn_error *err);
/* Appends a record to MANIFEST that only says how far the log is durable; the version stays. */
FIRN_MUST_CHECK int fi_lsm_install_log_end(struct fi_lsm *lsm, firn_error *err);
/* Writes MANIFEST anew, as a snapshot in a segment of its own, and gives up the segments before; a
 * second call removes their files, unless a reader needs them. */
FIRN_MUST_CHECK int fi_lsm_install_snapshot(struct fi_lsm *lsm, firn_error *err);
/* How many of the files that MANIFEST named were missing at the opening: their contents cannot be
 * read. *out_name is the name of one of them, or "". */
uint64_t fi_lsm_missing_files(const struct fi_lsm *lsm, const char **out_name);
/* What the store keeps in MANIFEST beside the trees, in a format of its own, as last installed by
 * this process or an earlier one; may be empty. Borrowed until the next install. */
firn_slice fi_lsm_history(const struct fi_lsm *lsm);
/* Replaces the history durably, and records a sequence. Fails as a work does. Any thread, one at a
 * time. */
FIRN_MUST_CHECK int fi_lsm_install_history(struct fi_lsm *lsm, firn_slice history,
                                           uint64_t sequence, firn_error *err);
/* The oldest segment of the log that holds something that no run has; all older ones may be
 * deleted. UINT64_MAX if the memtables are empty. */
uint64_t fi_lsm_log_floor(struct fi_lsm *lsm);

/* The directory for temporary files; NULL if read-only. Borrowed. Any thread. */
struct fi_os_dir *fi_lsm_scratch_dir(const struct fi_lsm *lsm);
/* A name for a temporary file, which no file has had before. The next opening for writing removes
 * what a crash left under it. Requires: not read-only. Any thread. */
void fi_lsm_scratch_name(struct fi_lsm *lsm, char out[FI_VERSION_FILE_NAME_SIZE]);

/* ---- trees ---- */

/* The tree with that number, empty if the MANIFEST does not name it. kind, one of those in the
 * options, is the kind of all its runs; NULL: the kind that it already has, or else the first one.
 * FIRN_CORRUPT if the tree is of another kind and not new. Owned by lsm. One call at a time. */
FIRN_MUST_CHECK int fi_lsm_tree_open(struct fi_lsm *lsm, uint32_t id,
                                     const struct fi_run_kind *kind, struct fi_lsm_tree **out,
                                     firn_error *err);
/* Whether flushes, loads and compactions put large values into value files from now on. Initially
 * they do not. Any thread. */
void fi_lsm_tree_separate_values(struct fi_lsm_tree *tree, bool separates);
/* Drops the tree and its runs, durably. Requires: no cursor is open on it. Waits for works that run
 * on it. Gets may run concurrently: the handle stays until lsm is closed, and they find nothing
 * afterwards. */
FIRN_MUST_CHECK int fi_lsm_tree_drop(struct fi_lsm_tree *tree, firn_error *err);
/* Calls visit with the number of each tree that the MANIFEST names, in ascending order. */
FIRN_MUST_CHECK int fi_lsm_tree_list(struct fi_lsm *lsm,
                                     int (*visit)(void *ctx, uint32_t id, firn_error *err),
                                     void *ctx, firn_error *err);
/* Versions up to this sequence are in runs: a replay of the log skips them. */
uint64_t fi_lsm_tree_flushed(const struct fi_lsm_tree *tree);

/* Reserves memory for that many more entries: see fi_memtable_reserve. */
FIRN_MUST_CHECK int fi_lsm_tree_reserve(struct fi_lsm_tree *tree, size_t entry_count,
                                        size_t content_bytes, firn_error *err);
/* The same for range deletes. */
FIRN_MUST_CHECK int fi_lsm_tree_reserve_ranges(struct fi_lsm_tree *tree, size_t range_count,
                                               size_t content_bytes, firn_error *err);
/* See fi_memtable_prepare: to be called before a version of that key is applied. For the
 * writer. */
void fi_lsm_tree_prepare(struct fi_lsm_tree *tree, firn_slice key, uint64_t sequence);
/* Where an entry is in the log. */
struct fi_lsm_place {
    uint64_t segment;
    uint64_t value_offset; /* in the segment's file; 0: not known */
};
/* Adds a version or, with FI_ENTRY_RANGE_DELETE, a range; FIRN_EXISTS as fi_memtable_add. */
FIRN_MUST_CHECK int fi_lsm_tree_apply(struct fi_lsm_tree *tree, const struct fi_entry *entry,
                                      const struct fi_lsm_place *place, firn_error *err);
/* Bytes of the active memtable. For the writer. */
size_t fi_lsm_tree_active_bytes(const struct fi_lsm_tree *tree);
/* The same of all memtables of all trees, frozen ones included. Any thread. */
size_t fi_lsm_memtable_bytes(const struct fi_lsm *lsm);
/* Both without the first FI_LSM_SMALL_BYTES of each memtable: a memtable with nothing beyond
 * these is small, and flushing it frees next to nothing. About a dozen short entries fit. */
enum { FI_LSM_SMALL_BYTES = 1536 };
size_t fi_lsm_tree_active_excess(const struct fi_lsm_tree *tree);
size_t fi_lsm_memtable_excess(const struct fi_lsm *lsm);
/* Whether little prepared memory is left for memtables, and preparing more of it, which may take
 * milliseconds: for background jobs. Any thread; prepare one at a time. */
bool fi_lsm_wants_memory(const struct fi_lsm *lsm);
void fi_lsm_prepare_memory(struct fi_lsm *lsm);
/* Freezes the active memtable, which then waits to be flushed, and begins a new one. Does nothing
 * if it is empty. Only between commits. */
FIRN_MUST_CHECK int fi_lsm_tree_freeze(struct fi_lsm_tree *tree, firn_error *err);

/* The time of a read, in milliseconds since 1970: puts that expire at or before it are not seen.
 * NOW: the clock is asked during the read. */
#define FI_LSM_TIME_NOW UINT64_MAX

/* Replaces the contents of out (NULL: not wanted) with the newest value of key that snapshot sees
 * now; FIRN_NOT_FOUND, without a text, if there is none. Any thread. */
FIRN_MUST_CHECK int fi_lsm_tree_get(struct fi_lsm_tree *tree, firn_slice key,
                                    const struct fi_snapshot *snapshot, struct fi_buf *out,
                                    firn_error *err);
/* The same at a time. columns: what the value of a row needs, as in run/run_kind.h; NULL: all. */
FIRN_MUST_CHECK int fi_lsm_tree_get_at(struct fi_lsm_tree *tree, firn_slice key,
                                       const struct fi_snapshot *snapshot, uint64_t time_ms,
                                       const struct fi_run_projection *columns, struct fi_buf *out,
                                       firn_error *err);
/* The same with all columns, but a value that is in the cache is not copied if that is possible:
 * then *pinned has it, else *out. The caller unpins it (fi_block_cache_unpin). */
FIRN_MUST_CHECK int fi_lsm_tree_get_pinned(struct fi_lsm_tree *tree, firn_slice key,
                                           const struct fi_snapshot *snapshot, uint64_t time_ms,
                                           struct fi_run_pinned *pinned, struct fi_buf *out,
                                           firn_error *err);
/* Prefetches what gets of these keys will look at. At most this many keys. */
enum { FI_LSM_PREFETCH_MAX = 16 };
void fi_lsm_tree_get_prefetch(struct fi_lsm_tree *tree, const firn_slice *keys, size_t count);

/* The keys k with lower <= k < *upper; NULL: no upper bound. */
struct fi_lsm_range {
    firn_slice lower;
    const firn_slice *upper;
};
/* Whether key was written (put, deleted, or covered by a range delete) by a commit with a sequence
 * in the interval, which must not be empty. The answer is certain only if the interval reaches from
 * the beginning of an open transaction to the newest commit. Any thread. */
FIRN_MUST_CHECK int fi_lsm_tree_newer_key(struct fi_lsm_tree *tree, firn_slice key,
                                          const struct fi_snapshot_interval *written, bool *out,
                                          firn_error *err);
/* The same for any key of the range. *out_key (NULL: not wanted) gets one such key, or the lower
 * bound of a range delete. Walks all entries of the range in memtables. */
FIRN_MUST_CHECK int fi_lsm_tree_newer_range(struct fi_lsm_tree *tree,
                                            const struct fi_lsm_range *range,
                                            const struct fi_snapshot_interval *written,
                                            struct fi_buf *out_key, bool *out, firn_error *err);

/* About how much space a range of keys takes up: see lsm_tree_size.c. */
struct fi_lsm_size {
    uint64_t file_bytes;
    uint64_t file_entries;
    uint64_t value_bytes; /* in files of large values */
    uint64_t memory_bytes;
    uint64_t memory_entries;
};
/* Reads the indexes of runs that cross an end of the range, and walks the entries of the range in
 * memtables. Any thread. */
FIRN_MUST_CHECK int fi_lsm_tree_size(struct fi_lsm_tree *tree, const struct fi_lsm_range *range,
                                     struct fi_lsm_size *out, firn_error *err);

/* ---- what a tree reads, part by part ---- */

/* A part of a tree: a memtable, or a run, which is open until visit returns. */
struct fi_lsm_part {
    const struct fi_memtable *memtable; /* NULL: it is a run */
    struct fi_run *run;
    struct fi_version_file *file; /* the run's; its info has bounds, numbers and attachments */
    unsigned level;               /* the run's; FI_VERSION_HISTORY: it is a history run */
};
/* Calls visit with each memtable, the newest first, and then with each run that snapshot (NULL: a
 * reader of everything) may see something of, level by level; level 0 from the newest run on. All
 * of them belong to one state of the tree: no version of a key is missed or visited twice, even if
 * runs are flushed and merged meanwhile. If visit returns anything but FIRN_OK, the walk ends and
 * returns that. A run that cannot be opened ends it too. Any thread. */
FIRN_MUST_CHECK int
fi_lsm_tree_visit_parts(struct fi_lsm_tree *tree, const struct fi_snapshot *snapshot,
                        int (*visit)(void *ctx, const struct fi_lsm_part *part, firn_error *err),
                        void *ctx, firn_error *err);
/* Opens the i-th attachment of a run that is being visited. *out is open until the caller unpins
 * *out_pin with fi_version_file_unpin, which must happen before visit returns. FIRN_CORRUPT: the
 * run is to be read without the attachment. */
FIRN_MUST_CHECK int fi_lsm_tree_pin_attachment(const struct fi_lsm_part *part, size_t i,
                                               struct fi_run **out,
                                               struct fi_version_file_handle **out_pin,
                                               firn_error *err);

/* ---- cursors ---- */

/* Walks the keys in [lower, upper) that a snapshot sees, as they were when the cursor was
 * created. */
struct fi_lsm_cursor;
struct fi_lsm_cursor_options {
    /* Borrowed. NULL: the cursor shows every version, tombstones included, the newest of a key
     * first. Then only first, seek and next are allowed, and values in value files are not read:
     * the entry has the reference. */
    const struct fi_snapshot *snapshot;
    /* Without a snapshot: first and next may skip versions that this snapshot does not see, if that
     * saves reading. Borrowed; NULL: none is skipped. */
    const struct fi_snapshot *only;
    const firn_slice *lower; /* NULL: no bound; copied */
    const firn_slice *upper;
    uint64_t time_ms; /* of the read; FI_LSM_TIME_NOW: when the cursor is created */
    /* the values of entries are undefined, and values in value files are not read at all */
    bool keys_only;
    /* As in run/run_kind.h; borrowed as long as the cursor. NULL: all. Memtables give whole
     * values. */
    const struct fi_run_projection *projection;
};
FIRN_MUST_CHECK int fi_lsm_cursor_create(struct fi_lsm_tree *tree,
                                         const struct fi_lsm_cursor_options *options,
                                         struct fi_lsm_cursor **out, firn_error *err);
void fi_lsm_cursor_destroy(struct fi_lsm_cursor *cursor);
FIRN_MUST_CHECK int fi_lsm_cursor_first(struct fi_lsm_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_lsm_cursor_last(struct fi_lsm_cursor *cursor, firn_error *err);
/* To the first key >= key, or the last key < key, within the bounds. */
FIRN_MUST_CHECK int fi_lsm_cursor_seek(struct fi_lsm_cursor *cursor, firn_slice key,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_lsm_cursor_seek_before(struct fi_lsm_cursor *cursor, firn_slice key,
                                              firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int fi_lsm_cursor_next(struct fi_lsm_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int fi_lsm_cursor_prev(struct fi_lsm_cursor *cursor, firn_error *err);
bool fi_lsm_cursor_valid(const struct fi_lsm_cursor *cursor);
/* Borrowed until the cursor moves. */
const struct fi_entry *fi_lsm_cursor_entry(const struct fi_lsm_cursor *cursor);
/* For cursors without a snapshot: replaces the contents of out with the whole value of the entry,
 * even if that is in a value file. Only while valid. */
FIRN_MUST_CHECK int fi_lsm_cursor_read_value(const struct fi_lsm_cursor *cursor, struct fi_buf *out,
                                             firn_error *err);
/* As fi_merge_resolve_expires_ms. */
uint64_t fi_lsm_cursor_expires_ms(const struct fi_lsm_cursor *cursor);

/* ---- clones ---- */

/* The version of its MANIFEST. */
enum { FI_LSM_CLONE_VERSION = 1 };
/* What a clone gets beside the runs. */
struct fi_lsm_clone {
    struct fi_os_dir *dir; /* of the new store, without trees */
    firn_slice history;
    uint64_t sequence;          /* to be named */
    const struct fi_step *step; /* told of each file; may be NULL */
};
/* Clones the runs into another directory, durably: as hard links or copies, and a MANIFEST. The
 * caller keeps commits out. After a failure the caller removes what is left. */
FIRN_MUST_CHECK int fi_lsm_clone(struct fi_lsm *lsm, const struct fi_lsm_clone *clone,
                                 firn_error *err);

/* The segments of MANIFEST, "manifest-<number>.log", as fi_log_capture lists them, beside a
 * process that may be writing it; the version and the largest sequence that they name; and the
 * name, relative to dir, of a missing file that they name, or "" (attachments are not looked for).
 * dir is the store's, and its files are kept from being removed (db_reader.c). kinds as in the
 * options: files of other kinds are not looked for. Fails as fi_log_capture does, and if MANIFEST
 * is malformed. lsm_hot_copy.c. */
enum { FI_LSM_HOT_COPY_MISSING_SIZE = 80 };
FIRN_MUST_CHECK int fi_lsm_hot_copy(struct fi_os_dir *dir, const struct fi_run_kind *const *kinds,
                                    struct fi_buf *out, uint64_t *out_version,
                                    uint64_t *out_sequence,
                                    char out_missing[FI_LSM_HOT_COPY_MISSING_SIZE],
                                    firn_error *err);

/* ---- differences ---- */

/* Walks the keys for which two snapshots see different things, in order. The two snapshots may read
 * the same tree or two trees; NULL is an empty tree. In one tree, only what the snapshots see
 * differently is visited. One thread. */
struct fi_lsm_diff;
struct fi_lsm_diff_side {
    struct fi_lsm_tree *tree;
    const struct fi_snapshot *snapshot; /* borrowed */
    uint64_t time_ms;                   /* as for a cursor; the same for both */
};
struct fi_lsm_difference {
    firn_slice key;
    bool is_before; /* the first snapshot sees something */
    bool is_after;
    firn_slice before; /* the values, if so */
    firn_slice after;
};
/* step (may be NULL) is told each key that is looked at; borrowed. */
FIRN_MUST_CHECK int fi_lsm_diff_create(const struct fi_lsm_diff_side *before,
                                       const struct fi_lsm_diff_side *after,
                                       const struct fi_step *step, struct fi_lsm_diff **out,
                                       firn_error *err);
/* NULL is fine. */
void fi_lsm_diff_destroy(struct fi_lsm_diff *diff);
/* The next one; false at the end. Borrowed until the next call. */
FIRN_MUST_CHECK int fi_lsm_diff_next(struct fi_lsm_diff *diff, struct fi_lsm_difference *out,
                                     bool *out_found, firn_error *err);

/* ---- what is left of files ---- */

/* Removes the files that no version and no reader uses any more. Works and close do this too; any
 * thread may do it after a cursor or a reader has closed. */
void fi_lsm_collect(struct fi_lsm *lsm);
/* Whether a file that is in no version has lost its last reader, so that a collection is
 * worthwhile. Any thread, cheap. */
bool fi_lsm_collect_is_due(const struct fi_lsm *lsm);

/* ---- looking ---- */

struct fi_lsm_level_stats {
    uint64_t runs;
    uint64_t bytes;
    uint64_t entries;
    uint64_t tombstones; /* ranges included */
};
struct fi_lsm_value_stats {
    uint64_t files;
    uint64_t bytes;      /* of values in them */
    uint64_t live_bytes; /* of those that runs refer to */
};
struct fi_lsm_attachment_stats {
    uint64_t files;
    uint64_t bytes;
};
struct fi_lsm_stats {
    struct fi_lsm_level_stats levels[FI_VERSION_LEVELS_ALL];
    struct fi_lsm_value_stats values;
    struct fi_lsm_attachment_stats attachments;
    uint64_t memtables;
    uint64_t memtable_bytes;
    uint64_t frozen_memtables;
    uint64_t flushes;
    uint64_t flush_bytes; /* written */
    uint64_t compactions;
    uint64_t compaction_read_bytes;
    uint64_t compaction_write_bytes;
    uint64_t moves; /* compactions that only moved a run */
    uint64_t versions_dropped;
    uint64_t graphs;         /* that were built */
    uint64_t graphs_merged;  /* of these, those that took links from an older one */
    uint64_t graphs_damaged; /* older ones that could not be read */
    uint64_t waiting_files;  /* not in the newest version, still used by an older one */
};
/* For one tree, or for all if tree is NULL; works are counted for all. */
void fi_lsm_stats(struct fi_lsm *lsm, const struct fi_lsm_tree *tree, struct fi_lsm_stats *out);
/* The largest number of frozen memtables, and of runs in level 0, that any tree has: for write
 * throttling. Level 0 of a tree in which a compaction has found damage does not count: waiting
 * would not make it smaller. Any thread, cheap. */
void fi_lsm_pressure(struct fi_lsm *lsm, unsigned *out_frozen, unsigned *out_level0_runs);
/* Reads all runs of all trees and the MANIFEST again and verifies them; on_damage and step as in
 * run_kind.h. */
FIRN_MUST_CHECK int fi_lsm_check(struct fi_lsm *lsm, void (*on_damage)(void *ctx, const char *text),
                                 void *ctx, const struct fi_step *step, firn_error *err);
/* Where reports of damage in the runs of a tree go. */
struct fi_lsm_damage {
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    uint32_t tree;
};
/* Reads and verifies one run, as its kind does. */
FIRN_MUST_CHECK int fi_lsm_check_run(struct fi_run *run, struct fi_lsm_damage *damage,
                                     const struct fi_step *step, firn_error *err);
/* A report of a damaged run by columns begins with this, the number of the tree's keyspace and a
 * colon. rows_mend.c adds the names of table and column. */
#define FI_LSM_DAMAGE_KEYSPACE "keyspace "
/* Makes such a report; ctx is a struct fi_lsm_damage. */
void fi_lsm_check_report(void *ctx, const char *text);

#endif
