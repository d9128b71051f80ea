/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm.h: the trees of a store: memtables, runs in levels, and the MANIFEST that
 * says which runs there are.
 *
 * What store/ keeps for itself: the log, the order of commits, published sequences, the list of
 * views, the threads. What it leaves to this: where versions of keys are and which of them may go.
 *
 * Threads: apply, reserve, freeze and drop from one thread at a time (the leader of commits); gets
 * and cursors from any threads beside it; work_pick from any thread, and the works that it hands
 * out run beside each other and beside all else.
 *
 * Failure: reads that meet damage return FIRN_CORRUPT with file, offset and what is lost, and never
 * FIRN_NOT_FOUND for what may exist; the rest stays readable. A work that failed leaves everything
 * as it was and may be picked again; a MANIFEST that could not be written or synced latches all
 * further works (FIRN_FAILED), because what it holds is unknown.
 */
#ifndef FIRN_LSM_LSM_H
#define FIRN_LSM_LSM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/step.h"
#include "base/view.h"
#include "block/run_kind.h"
#include "log/log.h"
#include "os/os.h"
#include "version/run_file.h"

struct firn_lsm;
struct firn_lsm_tree;
struct firn_memtable;

/* What the trees ask of the store; called from works, on any thread, without a lock of lsm/. */
struct firn_lsm_host {
    void *ctx;
    /* Makes the log durable through everything that was applied before the call. */
    int (*sync_log)(void *ctx, firn_error *err);
    /* How far the log is durable: MANIFEST names it with each change. segment 0: not known. May be
     * NULL. */
    struct firn_log_position (*log_durable)(void *ctx);
    /* All views that may still read the tree, now ([1, UINT64_MAX]) included. They stay valid until
     * release_views. A view that is opened later must see no less than "now" saw. Views whose newest
     * intervals begin at the same sequence have the same older intervals. */
    int (*take_views)(void *ctx, uint32_t tree_id, struct firn_view_list *out, firn_error *err);
    void (*release_views)(void *ctx, struct firn_view_list *views);
    /* Whether no other process reads by a MANIFEST version below this one. */
    bool (*no_reader_below)(void *ctx, uint64_t version);
    /* Bytes of a segment of the log to which no more will be added, else 0. May be NULL, as the next
     * one then is. */
    uint64_t (*log_segment_bytes)(void *ctx, uint64_t segment);
    /* Gives such a segment's file a second name: firn_log_lend. */
    int (*lend_log_segment)(void *ctx, uint64_t segment, struct firn_os_dir *to_dir, const char *to,
                            firn_error *err);
    /* The columns that runs of the tree are to have that are written from now on, where its kind of runs
     * has a layout: one allocation, for firn_free. May be NULL: no tree is of such a kind. */
    int (*take_layout)(void *ctx, uint32_t tree_id, struct firn_column_layout **out,
                       firn_error *err);
};

struct firn_lsm_options {
    /* The kinds of runs, each with a name and a number of its own; NULL ends the list. The first one
     * is that of trees of which nothing else is said, and of a load's scratch files. Borrowed. */
    const struct firn_run_kind *const *kinds;
    struct firn_block_cache *cache; /* borrowed */
    struct firn_lsm_host host;
    bool is_read_only;            /* nothing is written; no works */
    bool may_miss;                /* for repairs: files may be missing */
    size_t run_bytes_target;      /* a compaction begins a new run beyond it; 0: 32 MiB */
    uint64_t level_bytes_base;    /* of the first level that is not empty; 0: 256 MiB */
    unsigned level_factor;        /* 0: 10 */
    unsigned level0_runs_target;  /* as many runs in level 0 ask for a compaction; 0: 4 */
    size_t memtable_bytes_target; /* the caller freezes a memtable that is larger; 0: unknown */
    uint64_t level0_bytes_target; /* likewise; less where writes replace others; 0: 256 MiB */
    unsigned history_runs_target; /* as many small history runs ask for a merge; 0: 8 */
    enum firn_codec codec;        /* of new runs */
    enum firn_codec codec_bottom; /* of new runs in the last level */
    /* Of trees that separate values: */
    size_t value_size_min;            /* values from so many bytes on; 0: 4 KiB */
    uint64_t value_file_bytes_target; /* a new value file begins beyond it; 0: 64 MiB */
    uint64_t value_file_bytes_small;  /* smaller ones are merged; 0: a 64th of the target */
};

/* Whether a file or directory of that name in the store's directory belongs to the trees. */
bool firn_lsm_is_name(const char *name);
/* Whether one in its directory "runs" does; kinds as in the options. */
bool firn_lsm_is_run_name(const char *name, const struct firn_run_kind *const *kinds);
/* Opens the MANIFEST and what it names in dir (the store's; runs lie in its directory "runs"), or,
 * where there is none, makes an empty one if create is true (read-only: in memory alone) and else
 * returns FIRN_NOT_FOUND; FIRN_CORRUPT where there is none, but runs, and where MANIFEST is older
 * than the runs (lsm.c). dir is borrowed. Unless read-only, files that belong to nothing and that
 * no reader may use are removed by the first collect: replaying the log may show before that
 * MANIFEST is not the newest. Read-only beside a writer: FIRN_BUSY or FIRN_NOT_FOUND where the
 * writer took away what was being read, if no lock kept it from that. */
FIRN_MUST_CHECK int firn_lsm_open(struct firn_os_dir *dir, const struct firn_lsm_options *options,
                                  bool create, struct firn_lsm **out, firn_error *err);
/* Requires: no cursor is open, and no work runs. Memtables are dropped: their contents are in the log.
 * Frees the handle, also after a failure. NULL is allowed. */
FIRN_MUST_CHECK int firn_lsm_close(struct firn_lsm *lsm, firn_error *err);
/* As a crash would: nothing is written. */
void firn_lsm_abandon(struct firn_lsm *lsm);

/* The largest sequence that the MANIFEST names. */
uint64_t firn_lsm_sequence(const struct firn_lsm *lsm);
/* Grows by one with every installed change; in the MANIFEST, so the same for all processes. It has
 * been written there before no_reader_below is asked about it. */
uint64_t firn_lsm_version(struct firn_lsm *lsm);
/* How far the log was durable when MANIFEST was last changed before this opening; segment 0: not
 * known. */
struct firn_log_position firn_lsm_log_end(const struct firn_lsm *lsm);
/* The version that the MANIFEST in dir has now; a writer may append beside it. */
FIRN_MUST_CHECK int firn_lsm_read_version(struct firn_os_dir *dir, uint64_t *out, firn_error *err);
/* A record of MANIFEST that says nothing but how far the log is durable: no new version. */
FIRN_MUST_CHECK int firn_lsm_install_log_end(struct firn_lsm *lsm, firn_error *err);
/* How many files MANIFEST named at the opening that were not there: what they held cannot be read.
 * *out_name is the name of one of them, or "". */
uint64_t firn_lsm_missing_files(const struct firn_lsm *lsm, const char **out_name);
/* What the store keeps in MANIFEST beside the trees, in a format of its own: as the last save, of
 * this process or one before, left it; empty: nothing. Borrowed until the next save. */
firn_slice firn_lsm_history(const struct firn_lsm *lsm);
/* Replaces it, durably, and names a sequence. A failure is as one of a work. Any thread, one at a
 * time. */
FIRN_MUST_CHECK int firn_lsm_install_history(struct firn_lsm *lsm, firn_slice history,
                                             uint64_t sequence, firn_error *err);
/* The oldest segment of the log that holds something no run has; all older ones may go. UINT64_MAX
 * if the memtables are empty. */
uint64_t firn_lsm_log_floor(struct firn_lsm *lsm);

/* The directory for temporary files; NULL where nothing is written. Borrowed. Any thread. */
struct firn_os_dir *firn_lsm_scratch_dir(const struct firn_lsm *lsm);
/* A name for one, which no file has had: the next opening that writes removes what a crash left there.
 * Not read-only. Any thread. */
void firn_lsm_scratch_name(struct firn_lsm *lsm, char out[FIRN_RUN_FILE_NAME_SIZE]);

/* ---- trees ---- */

/* The tree with that number, empty if the MANIFEST does not name it. kind, one of the options, is
 * that of all its runs; NULL: what it is, and the first one where nothing says so yet. FIRN_CORRUPT
 * where the tree is of another kind, and something has come into it. Owned by lsm. One at a time. */
FIRN_MUST_CHECK int firn_lsm_tree_open(struct firn_lsm *lsm, uint32_t id,
                                       const struct firn_run_kind *kind, struct firn_lsm_tree **out,
                                       firn_error *err);
/* Whether flushes, loads and compactions from now on put large values into value files of their own,
 * which runs refer to. At first they do not. Any thread. */
void firn_lsm_tree_separate_values(struct firn_lsm_tree *tree, bool separates);
/* Forgets the tree and its runs, durably. No cursor may be open on it, no work may run on it (it
 * waits for those). Gets may run beside it: the handle stays until lsm is closed, and they find
 * nothing afterwards. */
FIRN_MUST_CHECK int firn_lsm_tree_drop(struct firn_lsm_tree *tree, firn_error *err);
/* Calls visit with the number of each tree that the MANIFEST names, in ascending order. */
FIRN_MUST_CHECK int firn_lsm_tree_list(struct firn_lsm *lsm,
                                       int (*visit)(void *ctx, uint32_t id, firn_error *err),
                                       void *ctx, firn_error *err);
/* Versions up to here are in runs: a replay of the log leaves them out. */
uint64_t firn_lsm_tree_flushed(const struct firn_lsm_tree *tree);

/* Takes memory for that many further entries: see firn_memtable_reserve. */
FIRN_MUST_CHECK int firn_lsm_tree_reserve(struct firn_lsm_tree *tree, size_t entry_count,
                                          size_t content_bytes, firn_error *err);
/* The same for range deletes. */
FIRN_MUST_CHECK int firn_lsm_tree_reserve_ranges(struct firn_lsm_tree *tree, size_t range_count,
                                                 size_t content_bytes, firn_error *err);
/* Before a version of that key is applied, as firn_memtable_prepare. For the writer. */
void firn_lsm_tree_prepare(struct firn_lsm_tree *tree, firn_slice key, uint64_t sequence);
/* Where the log has an entry. */
struct firn_lsm_place {
    uint64_t segment;
    uint64_t value_offset; /* in the segment's file; 0: not told, and it has the value nowhere */
};
/* Adds a version or, with FIRN_ENTRY_RANGE_DELETE, a range; FIRN_EXISTS as firn_memtable_add. */
FIRN_MUST_CHECK int firn_lsm_tree_apply(struct firn_lsm_tree *tree, const struct firn_entry *entry,
                                        const struct firn_lsm_place *place, firn_error *err);
/* Bytes of the memtable that takes writes now. For the writer. */
size_t firn_lsm_tree_active_bytes(const struct firn_lsm_tree *tree);
/* The same of all memtables of all trees, frozen ones included. Any thread. */
size_t firn_lsm_memtable_bytes(const struct firn_lsm *lsm);
/* Whether memtables took memory of which little is left ready, and getting more of it ready, which
 * may take milliseconds: for background jobs. Any thread; prepare one at a time. */
bool firn_lsm_wants_memory(const struct firn_lsm *lsm);
void firn_lsm_prepare_memory(struct firn_lsm *lsm);
/* Closes the active memtable, which then waits to be flushed, and begins a new one. Nothing happens
 * to an empty one. Between commits only. */
FIRN_MUST_CHECK int firn_lsm_tree_freeze(struct firn_lsm_tree *tree, firn_error *err);

/* The time of a reading, in milliseconds since 1970: puts that expire then or before are gone. Now
 * is when the clock says so while it is being read. */
#define FIRN_LSM_TIME_NOW UINT64_MAX

/* The newest value of key that view sees now, in place of out's contents (NULL: not wanted);
 * FIRN_NOT_FOUND, without a text, if there is none. Any thread. */
FIRN_MUST_CHECK int firn_lsm_tree_get(struct firn_lsm_tree *tree, firn_slice key,
                                      const struct firn_view *view, struct firn_buf *out,
                                      firn_error *err);
/* The same at a time. columns: what the value of a row needs, as in block/run_kind.h; NULL: all. */
FIRN_MUST_CHECK int firn_lsm_tree_get_at(struct firn_lsm_tree *tree, firn_slice key,
                                         const struct firn_view *view, uint64_t time_ms,
                                         const struct firn_run_projection *columns,
                                         struct firn_buf *out, firn_error *err);
/* The same with all columns, but the value is left where it lies in the cache, if that is possible: *pinned has it then,
 * else *out. The caller unpins it (firn_block_cache_unpin). */
FIRN_MUST_CHECK int firn_lsm_tree_get_pinned(struct firn_lsm_tree *tree, firn_slice key,
                                             const struct firn_view *view, uint64_t time_ms,
                                             struct firn_run_pinned *pinned, struct firn_buf *out,
                                             firn_error *err);
/* Brings near the processor what gets of these keys will look at; so many at most. */
enum { FIRN_LSM_PREFETCH_MAX = 16 };
void firn_lsm_tree_get_prefetch(struct firn_lsm_tree *tree, const firn_slice *keys, size_t count);

/* The keys k with lower <= k < *upper; NULL: no upper bound. */
struct firn_lsm_bounds {
    firn_slice lower;
    const firn_slice *upper;
};
/* Whether key was written (put, deleted, or covered by a range delete) by a commit with a sequence
 * of the interval, which must not be empty; certain only where that reaches from an open
 * transaction's beginning to the newest commit. Any thread. */
FIRN_MUST_CHECK int firn_lsm_tree_newer_key(struct firn_lsm_tree *tree, firn_slice key,
                                            const struct firn_view_interval *written, bool *out,
                                            firn_error *err);
/* Whether any key of the range was; *out_key (NULL: not wanted) gets one, or the beginning of what
 * a range delete took. Goes over all that memory has of the range. */
FIRN_MUST_CHECK int firn_lsm_tree_newer_range(struct firn_lsm_tree *tree,
                                              const struct firn_lsm_bounds *bounds,
                                              const struct firn_view_interval *written,
                                              struct firn_buf *out_key, bool *out, firn_error *err);

/* What a range of keys takes up, about: see lsm_tree.c. */
struct firn_lsm_size {
    uint64_t file_bytes;
    uint64_t file_entries;
    uint64_t value_bytes; /* in files of large values */
    uint64_t memory_bytes;
    uint64_t memory_entries;
};
/* Reads indexes of the runs that reach over an end of the range, and walks what memory has of it. Any
 * thread. */
FIRN_MUST_CHECK int firn_lsm_tree_size(struct firn_lsm_tree *tree,
                                       const struct firn_lsm_bounds *bounds,
                                       struct firn_lsm_size *out, firn_error *err);

/* ---- what a tree reads, part by part ---- */

/* A part of a tree: a memtable, or a run, which is open until visit returns. */
struct firn_lsm_part {
    const struct firn_memtable *memtable; /* NULL: it is a run */
    struct firn_run *run;
    struct firn_run_file *file; /* the run's; its info has bounds, numbers and attachments */
    unsigned level;             /* the run's; FIRN_VERSION_HISTORY: it is one of history */
};
/* Calls visit with each memtable, the newest first, and then each run, level by level, those of
 * level 0 from the newest on, that view (NULL: a reader of everything) may see something of. All of
 * them belong to one state of the tree: a version of a key is in one of them, even if runs are flushed
 * and merged meanwhile. If visit returns anything but FIRN_OK, the walk ends and that is returned.
 * A run that cannot be opened ends it too. Any thread. */
FIRN_MUST_CHECK int firn_lsm_tree_visit_parts(
    struct firn_lsm_tree *tree, const struct firn_view *view,
    int (*visit)(void *ctx, const struct firn_lsm_part *part, firn_error *err), void *ctx,
    firn_error *err);
/* Opens the i-th attachment of a run that is being visited; *out is open until firn_run_file_unpin of
 * *out_pin, which the caller does before visit returns. FIRN_CORRUPT: the run is to be read without. */
FIRN_MUST_CHECK int firn_lsm_tree_pin_attachment(const struct firn_lsm_part *part, size_t i,
                                                 struct firn_run **out,
                                                 struct firn_lsm_handle **out_pin, firn_error *err);

/* ---- cursors ---- */

/* Walks the keys that a view sees, over [lower, upper), as they were when it was created. */
struct firn_lsm_cursor;
struct firn_lsm_cursor_options {
    /* Borrowed; NULL: every version, also deleted ones, the newest of a key first. Only
     * first, seek and next are allowed then, and values in value files are not read: the entry has
     * the reference. */
    const struct firn_view *view;
    /* Without a view: versions that this one does not see may be left out by first and next, where
     * that saves reading. Borrowed; NULL: none. */
    const struct firn_view *only;
    const firn_slice *lower; /* NULL: no bound; copied */
    const firn_slice *upper;
    uint64_t time_ms; /* of the reading; FIRN_LSM_TIME_NOW: when the cursor is created */
    bool
        keys_only; /* what entries have as values means nothing; those in value files are not read */
    /* As in block/run_kind.h; borrowed as long as the cursor. NULL: all. What memtables have is whole. */
    const struct firn_run_projection *projection;
};
FIRN_MUST_CHECK int firn_lsm_cursor_create(struct firn_lsm_tree *tree,
                                           const struct firn_lsm_cursor_options *options,
                                           struct firn_lsm_cursor **out, firn_error *err);
void firn_lsm_cursor_destroy(struct firn_lsm_cursor *cursor);
FIRN_MUST_CHECK int firn_lsm_cursor_first(struct firn_lsm_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_lsm_cursor_last(struct firn_lsm_cursor *cursor, firn_error *err);
/* To the first key >= key, or the last key < key, within the bounds. */
FIRN_MUST_CHECK int firn_lsm_cursor_seek(struct firn_lsm_cursor *cursor, firn_slice key,
                                         firn_error *err);
FIRN_MUST_CHECK int firn_lsm_cursor_seek_before(struct firn_lsm_cursor *cursor, firn_slice key,
                                                firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int firn_lsm_cursor_next(struct firn_lsm_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_lsm_cursor_prev(struct firn_lsm_cursor *cursor, firn_error *err);
bool firn_lsm_cursor_valid(const struct firn_lsm_cursor *cursor);
/* Borrowed until the cursor moves. */
const struct firn_entry *firn_lsm_cursor_entry(const struct firn_lsm_cursor *cursor);
/* Of a cursor without a view: replaces the contents of out with the whole value of the entry, what
 * lies in a value file included. Only while valid. */
FIRN_MUST_CHECK int firn_lsm_cursor_read_value(const struct firn_lsm_cursor *cursor,
                                               struct firn_buf *out, firn_error *err);
/* As firn_merge_resolve_expires_ms. */
uint64_t firn_lsm_cursor_expires_ms(const struct firn_lsm_cursor *cursor);

/* ---- clones ---- */

/* The version of its MANIFEST. */
enum { FIRN_LSM_CLONE_VERSION = 1 };
/* What a clone gets beside the runs. */
struct firn_lsm_clone {
    struct firn_os_dir *dir; /* of the new store, without trees */
    firn_slice history;
    uint64_t sequence;            /* to be named */
    const struct firn_step *step; /* told of each file; may be NULL */
};
/* Puts what runs have into another directory, durably: the same files under names there, or copies,
 * and a MANIFEST. The caller keeps commits out. After a failure the caller removes what is left. */
FIRN_MUST_CHECK int firn_lsm_clone(struct firn_lsm *lsm, const struct firn_lsm_clone *clone,
                                   firn_error *err);

/* The segments of MANIFEST, "manifest-<number>.log", as firn_log_capture lists them, beside a process
 * that may be writing it; the version and the largest sequence that they name; and the name, from dir on, of a file that
 * they name, attachments of runs apart, and that is not there, or "". dir is that of the store, and its files are kept from going away
 * (db_reader.c); kinds as in the options: files of other kinds are not looked for. Fails as
 * firn_log_capture does, and where MANIFEST makes no sense. lsm_capture.c. */
enum { FIRN_LSM_CAPTURE_MISSING_SIZE = 80 };
FIRN_MUST_CHECK int firn_lsm_capture(struct firn_os_dir *dir,
                                     const struct firn_run_kind *const *kinds, struct firn_buf *out,
                                     uint64_t *out_version, uint64_t *out_sequence,
                                     char out_missing[FIRN_LSM_CAPTURE_MISSING_SIZE],
                                     firn_error *err);

/* ---- mending (mend.c) ---- */

struct firn_mend_result {
    uint64_t runs;      /* in all */
    uint64_t runs_lost; /* of these: MANIFEST names them no more */
};
/* Requires: no other process uses the directory. Reads every run that the MANIFEST names, reports damage
 * as firn_lsm_check does, and makes a MANIFEST that does without the damaged ones, durably. Their
 * versions are gone then, and older ones that these hid may show again. The files stay. options as
 * for opening, reading only. FIRN_CORRUPT, FIRN_NEWER and FIRN_NOT_FOUND where the MANIFEST itself
 * cannot be read. */
FIRN_MUST_CHECK int firn_mend(struct firn_os_dir *dir, const struct firn_lsm_options *options,
                              void (*on_damage)(void *ctx, const char *text), void *ctx,
                              struct firn_mend_result *out, firn_error *err);

/* A report of a damaged run of columns begins with this, the number of the tree's keyspace and a colon: the names
 * of tables and columns are known above (rows/rows.h). */
#define FIRN_MEND_KEYSPACE "keyspace "

/* What the MANIFEST in a directory says, and how the files of runs and values compare to it. */
struct firn_mend_found {
    uint64_t version;
    struct firn_log_position log_end; /* segment 0: not known */
    uint64_t unnamed; /* finished files that it does not name: left by a crash, or, where
                                         it was cut short, lost with what it said */
    uint64_t missing; /* files that it names and that are not there */
};
FIRN_MUST_CHECK int firn_mend_look(struct firn_os_dir *dir, struct firn_mend_found *out,
                                   firn_error *err);

/* ---- a new MANIFEST (mend_gather.c) ---- */

struct firn_mend_gather_options {
    struct firn_lsm_options lsm; /* kinds and cache */
    bool is_newest;              /* what is there of MANIFEST is all of it: nothing else counts */
    uint64_t log_sequence;       /* of the oldest commit that the log has; UINT64_MAX: none */
    void (*on_damage)(void *ctx, const char *text); /* never NULL */
    void *ctx;
};
struct firn_mend_gather_result {
    uint64_t runs_taken;     /* that no MANIFEST named */
    uint64_t runs_lost;      /* missing, or left out because nothing says what they are */
    uint64_t doubts;         /* decisions that were reported because they may be wrong */
    uint64_t sequence;       /* the largest that anything names */
    struct firn_buf history; /* that is named; the caller's to deinit */
};
/* Makes a MANIFEST in the directory `to`, which has none, and whose runs are those of `from`, out of
 * the records that can still be read of the MANIFEST in `from` and what the runs say of themselves.
 * Doubtful cases are reported, and decided so that nothing is lost that can be kept without
 * bringing back what was deleted. Then firn_mend verifies what it names. FIRN_NEWER where anything
 * was made by a newer firn. */
FIRN_MUST_CHECK int firn_mend_gather(struct firn_os_dir *from, struct firn_os_dir *to,
                                     const struct firn_mend_gather_options *options,
                                     struct firn_mend_gather_result *out, firn_error *err);

/* ---- differences ---- */

/* Walks the keys of which two views see something else, in order. The first view reads one tree,
 * the second one another, or the same; NULL is a tree without anything. Where they are the same,
 * only what the views see differently is visited. One thread. */
struct firn_lsm_diff;
struct firn_lsm_diff_side {
    struct firn_lsm_tree *tree;
    const struct firn_view *view; /* borrowed */
    uint64_t time_ms;             /* as of a cursor; the same for both */
};
struct firn_lsm_difference {
    firn_slice key;
    bool is_before; /* the first view sees something */
    bool is_after;
    firn_slice before; /* the values, if so */
    firn_slice after;
};
/* step (may be NULL) gets each key that is looked at; borrowed. */
FIRN_MUST_CHECK int firn_lsm_diff_create(const struct firn_lsm_diff_side *before,
                                         const struct firn_lsm_diff_side *after,
                                         const struct firn_step *step, struct firn_lsm_diff **out,
                                         firn_error *err);
/* NULL is fine. */
void firn_lsm_diff_destroy(struct firn_lsm_diff *diff);
/* The next one; false at the end. Borrowed until the next call. */
FIRN_MUST_CHECK int firn_lsm_diff_next(struct firn_lsm_diff *diff, struct firn_lsm_difference *out,
                                       bool *out_found, firn_error *err);

/* ---- what is left of files ---- */

/* Keys [*lower, *upper); NULL is no bound. */
struct firn_lsm_range {
    const firn_slice *lower;
    const firn_slice *upper;
};

/* Removes the files that no version and no reader uses any more. Works and close do this too; any
 * thread may, when a cursor or a reader has gone. */
void firn_lsm_collect(struct firn_lsm *lsm);
/* Whether the last reader of a file that is in no version any more has gone: worth a collection.
 * Any thread, cheap. */
bool firn_lsm_collect_is_due(const struct firn_lsm *lsm);

/* ---- looking ---- */

struct firn_lsm_level_stats {
    uint64_t runs;
    uint64_t bytes;
    uint64_t entries;
    uint64_t tombstones; /* ranges included */
};
struct firn_lsm_value_stats {
    uint64_t files;
    uint64_t bytes;      /* of values in them */
    uint64_t live_bytes; /* of those that runs refer to */
};
struct firn_lsm_attachment_stats {
    uint64_t files;
    uint64_t bytes;
};
struct firn_lsm_stats {
    struct firn_lsm_level_stats levels[FIRN_VERSION_LEVELS_ALL];
    struct firn_lsm_value_stats values;
    struct firn_lsm_attachment_stats attachments;
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
    uint64_t graphs_merged;  /* of these, with links of an older one */
    uint64_t graphs_damaged; /* older ones that could not be read */
    uint64_t waiting_files;  /* gone from the newest version, still used by an older one */
};
/* Of one tree, or of all where tree is NULL; works are counted for all. */
void firn_lsm_stats(struct firn_lsm *lsm, const struct firn_lsm_tree *tree,
                    struct firn_lsm_stats *out);
/* How many memtables of a tree wait, at most, and how many runs its level 0 has, at most: what the
 * pacing of commits looks at. Level 0 of a tree in which a compaction has found damage does not
 * count: waiting would not make it smaller. Any thread, cheap. */
void firn_lsm_pressure(struct firn_lsm *lsm, unsigned *out_frozen, unsigned *out_level0_runs);
/* Reads all runs of all trees and the MANIFEST again and verifies them; on_damage and step as in
 * run_kind.h. */
FIRN_MUST_CHECK int firn_lsm_check(struct firn_lsm *lsm,
                                   void (*on_damage)(void *ctx, const char *text), void *ctx,
                                   const struct firn_step *step, firn_error *err);

#endif
