/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_handle.h: the structures of the trees, and the functions of the room for the rooms that
 * work on these: compaction/ and rescue/. Others use lsm.h. The essay is in lsm.c.
 */
#ifndef FIRN_LSM_LSM_HANDLE_H
#define FIRN_LSM_LSM_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/epoch.h"
#include "lsm/lsm.h"
#include "manifest/manifest.h"
#include "memtable/memtable.h"
#include "merge/merge.h"
#include "threads/os_thread.h"
#include "version/version.h"
#include "version/version_file.h"

/* Of all memtables of the lsm. */
struct fi_lsm_totals {
    _Atomic size_t bytes;
    _Atomic size_t small_bytes; /* of these, the first FI_LSM_SMALL_BYTES of each memtable */
};

/* A memtable and what the tree knows about it. Shared by states. */
struct fi_tree_memtable {
    struct fi_memtable *table;
    struct fi_lsm_totals *totals;
    uint64_t freeze_number; /* in the order of freezing; guarded by the lsm's mutex */
    _Atomic size_t refs;
    uint8_t padding[32];          /* every read needs the above, and commits write the following */
    _Atomic uint64_t log_segment; /* the oldest with one of its entries; 0: it is empty */
    _Atomic uint64_t sequence_max;
    _Atomic size_t logged_bytes;  /* of values whose place in the log is known */
    _Atomic size_t counted_bytes; /* its share of the totals */
};

/* Published by a tree. memtables[0] takes writes, the others are frozen, the newest first. */
struct fi_lsm_superversion {
    _Atomic size_t refs;
    struct fi_epoch_node node;
    size_t memtable_capacity;
    uint8_t padding[24]; /* every cursor writes refs, and every read needs the following */
    struct fi_version *version;
    size_t memtable_count;
    struct fi_tree_memtable *memtables[];
};

void fi_lsm_superversion_ref_memtable(struct fi_tree_memtable *memtable);
/* NULL is fine. */
void fi_lsm_superversion_unref_memtable(struct fi_tree_memtable *memtable);
/* NULL is fine. */
void fi_lsm_superversion_unref(struct fi_lsm_superversion *state);

/* The directory of runs in the store's directory. */
#define FI_LSM_RUNS "runs"

struct fi_compaction_work;

/* How large a run may be that gets graphs (compaction_graph.c): a run that has reached one of both
 * is large enough. No rows: runs get no graphs. */
struct fi_lsm_graph_limits {
    uint64_t rows;
    uint64_t bytes;
};

struct fi_lsm_tree {
    struct fi_lsm *lsm;
    uint32_t id;
    _Atomic bool separates;         /* large values go to value files */
    const struct fi_run_kind *kind; /* of all its runs */
    _Atomic(struct fi_lsm_superversion *) state;
    _Atomic uint64_t flushed;
    struct fi_tree_memtable *active; /* the first of the state's; the writer's */

    /* Guarded by the mutex of lsm; the holder of the edit token may read is_named. */
    bool is_named;    /* MANIFEST has it */
    bool is_dropping; /* no new works */
    bool is_held;     /* likewise, for a while: see compaction_load.c */
    bool is_flushing;
    bool has_gaps;        /* a work has seen a "now" of more than one interval: after a restore */
    bool may_have_sparse; /* some value file may be worth rewriting */
    unsigned overwritten; /* of the last 1,000 entries in the last level: replaced others */
    struct fi_lsm_value_stats values;        /* of the newest version */
    struct fi_lsm_graph_limits graph_limits; /* of runs; no rows: they are not known yet, too */
    struct fi_compaction_work *works;
    struct fi_lsm_superversion *spare; /* room for the state that an edit will install */
};

struct fi_lsm_stray {
    char name[FI_VERSION_FILE_NAME_SIZE];
};

struct fi_lsm {
    struct fi_os *os;
    struct fi_os_dir *dir;         /* the store's; borrowed */
    struct fi_os_dir *runs_dir;    /* NULL: there is none */
    struct fi_lsm_options options; /* zeros replaced by defaults */
    struct fi_epoch epoch;
    struct fi_run_files files;
    struct fi_memtable_pool memtable_pool;
    struct fi_lsm_totals memtables;
    _Atomic uint64_t version;  /* of MANIFEST; the holder of the token writes it */
    _Atomic uint64_t sequence; /* likewise: the largest that MANIFEST names */
    _Atomic unsigned frozen_max;
    _Atomic unsigned level0_max;

    struct fi_os_mutex mutex;
    struct fi_os_cond changed; /* a work ended, the edit token is free */

    /* The thread that has set is_editing has the token: only its holder changes MANIFEST, the
     * versions of trees and is_named. The fields below are read and written under the mutex. */
    bool is_editing;
    struct fi_manifest *manifest;       /* NULL: read-only */
    struct fi_log_watch manifest_watch; /* read-only */
    bool has_failed;                    /* MANIFEST is latched */
    struct fi_buf history;              /* as in MANIFEST; the holder of the token writes it */
    uint64_t next_number;
    struct fi_version *no_runs; /* the version of all trees that have none; never NULL */
    struct fi_lsm_tree **trees; /* by ascending id */
    size_t tree_count;
    size_t tree_capacity;
    struct fi_lsm_tree **dropped; /* their handles stay until close */
    size_t dropped_count;
    uint64_t freeze_count;
    struct fi_lsm_stats counters; /* those of works */

    /* Files to be removed. Only the thread that has set is_collecting uses the lists. */
    bool is_collecting;              /* under the mutex */
    uint64_t waiting_count;          /* under the mutex */
    struct fi_version_file *waiting; /* linked by next_unused */
    struct fi_lsm_stray *strays;     /* found at open */
    size_t stray_count;
    uint64_t stray_version;
    struct fi_buf gone; /* under the mutex, of uint64_t: see lsm_origin.c */
    bool has_lost_gone; /* likewise */

    /* Since the opening. */
    struct fi_log_position log_end; /* that MANIFEST named */
    uint64_t missing_count;         /* files that MANIFEST names */
    char missing_name[FI_VERSION_FILE_NAME_SIZE];
};

/* ---- lsm_measure.c ---- */

/* Brings frozen_max and level0_max up to date. The mutex is held. */
void fi_lsm_measure_locked(struct fi_lsm *lsm);

/* ---- lsm_superversion.c ---- */

/* The current state of a tree, with a reference. */
struct fi_lsm_superversion *fi_lsm_superversion_of(struct fi_lsm_tree *tree);

/* ---- lsm_number.c ---- */

/* The text after the digits that it begins with. */
const char *fi_lsm_number_skip(const char *text);
/* The number in "<number>.<letters>" or "<number>.<letters>.tmp"; 0 for names that are not ours. */
uint64_t fi_lsm_number_in_name(const char *name);

/* ---- lsm.c ---- */

/* A number for a new file. */
uint64_t fi_lsm_take_number(struct fi_lsm *lsm);

/* ---- lsm_install.c ---- */

/* Asks the host whether files may be written. */
FIRN_MUST_CHECK int fi_lsm_install_may_change(const struct fi_lsm *lsm, firn_error *err);

/* A change of one tree that goes to MANIFEST and then to readers. */
struct fi_lsm_install_change {
    struct fi_lsm_tree *tree;
    bool drops_tree; /* and all of its memtables; `removed` names all of its runs */
    /* The flushed ones: the oldest of the tree. */
    struct fi_tree_memtable *const *memtables;
    size_t memtable_count;
    struct fi_version_file *const *removed;
    size_t removed_count;
    const struct fi_version_added *added;
    size_t added_count;
    bool keeps_files; /* removed runs are added again, with other attachments */
};
/* Makes the change, durably. After a failure nothing has changed for readers. *out_is_certain says
 * whether MANIFEST certainly does not have the change either; if false, no file may be removed. */
FIRN_MUST_CHECK int fi_lsm_install(struct fi_lsm *lsm, const struct fi_lsm_install_change *change,
                                   bool *out_is_certain, firn_error *err);
/* The same for changes of several trees, each at most once: one edit of MANIFEST, all or nothing.
 * Requires: count > 0. */
FIRN_MUST_CHECK int fi_lsm_install_all(struct fi_lsm *lsm,
                                       const struct fi_lsm_install_change *changes, size_t count,
                                       bool *out_is_certain, firn_error *err);

/* ==== the origins of new runs ====
 *
 * What a run records about its origin (run/run_kind.h). Part of that is the list of files that
 * were replaced but are not yet removed.
 */

/* Of one flush, compaction or load. One thread. Zeroed: deinit is fine. */
struct fi_lsm_origin {
    struct fi_lsm_tree *tree;
    enum fi_run_origin_kind kind;
    uint64_t flushed; /* of a flush */
    uint64_t work;    /* 0: none is finished yet */
    uint32_t part;
    struct fi_buf inputs; /* numbers of a compaction's */
    struct fi_buf gone;
};
void fi_lsm_origin_begin(struct fi_lsm_origin *origin, struct fi_lsm_tree *tree,
                         enum fi_run_origin_kind kind);
/* For a compaction: what it replaces. */
FIRN_MUST_CHECK int fi_lsm_origin_set_inputs(struct fi_lsm_origin *origin,
                                             struct fi_version_file *const *files, size_t count,
                                             firn_error *err);
/* Records the origin in the run of that number. Requires: the run is finished right afterwards. */
FIRN_MUST_CHECK int fi_lsm_origin_report(struct fi_lsm_origin *origin,
                                         struct fi_run_builder *builder, uint64_t number,
                                         bool is_last, firn_error *err);
void fi_lsm_origin_deinit(struct fi_lsm_origin *origin);
/* Records in a run that it belongs to no tree. */
FIRN_MUST_CHECK int fi_lsm_origin_report_scratch(struct fi_run_builder *builder, firn_error *err);

/* The file of that number will be removed: MANIFEST does not name it any more, or never will. lsm's
 * mutex is held. */
void fi_lsm_origin_note_gone_locked(struct fi_lsm *lsm, uint64_t number);

/* ---- lsm_tree.c ---- */

/* NULL if there is none, or if it has been dropped. The handle stays until lsm is closed. */
struct fi_lsm_tree *fi_lsm_tree_find(struct fi_lsm *lsm, uint32_t id);

/* ---- lsm_collect.c ---- */

/* Whether a compaction should rewrite the live values of a file: if more than half of it is dead,
 * or, in a thorough compaction, any of it. */
bool fi_lsm_collect_is_worth_moving_locked(const struct fi_lsm *lsm,
                                           const struct fi_version_file *values, bool is_thorough);

#endif
