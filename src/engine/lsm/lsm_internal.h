/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_internal.h: what the files of lsm/ that know a whole store's trees share. The essay is in
 * lsm.c.
 */
#ifndef FIRN_LSM_LSM_INTERNAL_H
#define FIRN_LSM_LSM_INTERNAL_H

#include "base/epoch.h"
#include "lsm/lsm.h"
#include "lsm/lsm_state.h"
#include "memtable/memtable_pool.h"
#include "merge/merge_view_map.h"
#include "threads/os_thread.h"
#include "version/manifest.h"
#include "version/run_file.h"

/* The directory of runs in that of the store. */
#define FIRN_LSM_RUNS "runs"

/* So many history runs go into one compaction at most. */
enum { FIRN_COMPACTION_HISTORY_MAX = 64 };

/* Of level l of a version, from <= l <= to, the runs [begin[l], end[l]) go to level `to`; and some
 * history runs, where `to` is the last level or history. */
#define FIRN_LSM_NO_VALUES UINT64_MAX

struct firn_compaction_plan {
    unsigned from;
    unsigned to;
    size_t begin[FIRN_VERSION_LEVELS_ALL];
    size_t end[FIRN_VERSION_LEVELS_ALL];
    uint32_t history[FIRN_COMPACTION_HISTORY_MAX]; /* places in the level, ascending */
    unsigned history_count;
    bool is_removal;  /* of history runs that no view reads: nothing needs to be written */
    firn_slice lower; /* of all of them; the bytes belong to their files */
    firn_slice upper;
    bool is_move;     /* nothing needs to be written */
    bool is_thorough; /* values leave every value file that has garbage: see compaction_sparse.c */
    /* The one value file that values may leave; 0: any, FIRN_LSM_NO_VALUES: none. */
    uint64_t values_of;
};

/* A flush or a compaction that has been picked. */
struct firn_compaction_work {
    enum firn_compaction_work_kind kind;
    struct firn_lsm *lsm;
    struct firn_lsm_tree *tree;
    struct firn_compaction_work *next; /* of the tree's works */
    struct firn_compaction_work
        *also; /* of another tree, to be run together with this one; or NULL */

    /* A flush: frozen memtables, the newest first; the work has a reference to each. */
    struct firn_tree_memtable **memtables;
    size_t memtable_count;

    /* A compaction: what to do with which version; the work has a reference to it. */
    struct firn_version *version;
    struct firn_compaction_plan plan;
    const struct firn_step *step; /* the wish's */
};

/* The live views, for one work. Zeroed: none are taken. */
struct firn_compaction_work_views {
    struct firn_view_list list; /* the host's */
    struct firn_merge_view_map map;
    bool is_taken;
};
FIRN_MUST_CHECK int firn_compaction_work_take_views(const struct firn_compaction_work *work,
                                                    struct firn_compaction_work_views *out,
                                                    firn_error *err);
void firn_compaction_work_release_views(const struct firn_compaction_work *work,
                                        struct firn_compaction_work_views *views);

struct firn_lsm_tree {
    struct firn_lsm *lsm;
    uint32_t id;
    _Atomic(struct firn_lsm_state *) state;
    _Atomic uint64_t flushed;
    _Atomic bool separates;            /* large values go to value files */
    struct firn_tree_memtable *active; /* the first of the state's; the writer's */

    /* Guarded by the mutex of lsm; the holder of the edit token may read is_named. */
    bool is_named;    /* MANIFEST has it */
    bool is_dropping; /* no new works */
    bool is_held;     /* likewise, for a while: see bulk_load.c */
    bool is_flushing;
    bool has_gaps;        /* a work has met a now of more than one interval: after a restore */
    unsigned overwritten; /* of 1,000 entries that last came to the last level: replaced others */
    struct firn_lsm_value_stats values; /* of the newest version */
    bool may_have_sparse;               /* some value file may be worth giving up */
    struct firn_compaction_work *works;
    struct firn_lsm_state *spare; /* room for the state that an edit will install */
};

struct firn_lsm_stray {
    char name[FIRN_RUN_FILE_NAME_SIZE];
};

struct firn_lsm {
    struct firn_os *os;
    struct firn_os_dir *dir;         /* the store's; borrowed */
    struct firn_os_dir *runs_dir;    /* NULL: there is none */
    struct firn_lsm_options options; /* zeros replaced by defaults */
    struct firn_epoch epoch;
    struct firn_lsm_files files;
    struct firn_memtable_pool memtable_pool;
    _Atomic size_t memtable_bytes;
    _Atomic uint64_t version;  /* of MANIFEST; the holder of the token writes it */
    _Atomic uint64_t sequence; /* likewise: the largest that MANIFEST names */
    _Atomic unsigned frozen_max;
    _Atomic unsigned level0_max;

    struct firn_os_mutex mutex;
    struct firn_os_cond changed; /* a work ended, the edit token is free */

    /* Whoever has set is_editing has the token: with it alone MANIFEST, the versions of trees and
     * is_named are changed. What is below is read and written under the mutex. */
    bool is_editing;
    struct firn_manifest *manifest; /* NULL: read-only */
    bool has_failed;                /* MANIFEST is latched */
    struct firn_buf history;        /* that MANIFEST has; the holder of the token writes it */
    uint64_t next_number;
    struct firn_lsm_tree **trees; /* by ascending id */
    size_t tree_count;
    size_t tree_capacity;
    struct firn_lsm_tree **dropped; /* their handles stay until close */
    size_t dropped_count;
    uint64_t freeze_count;
    struct firn_lsm_stats counters; /* those of works */

    /* Files to be removed. Whoever has set is_collecting works on the lists alone. */
    bool is_collecting;            /* under the mutex */
    uint64_t waiting_count;        /* under the mutex */
    struct firn_run_file *waiting; /* linked by next_unused */
    struct firn_lsm_stray *strays; /* found at open */
    size_t stray_count;
    uint64_t stray_version;
    struct firn_buf gone; /* under the mutex, of uint64_t: see lsm_origin.c */
    bool has_lost_gone;   /* likewise */

    /* Since the opening. */
    struct firn_log_position log_end; /* that MANIFEST named */
    uint64_t missing_count;           /* files that MANIFEST names */
    char missing_name[FIRN_RUN_FILE_NAME_SIZE];
};

/* ---- lsm.c ---- */

/* The number in "<number>.<letters>" or "<number>.<letters>.tmp"; 0 for names that are not ours. */
uint64_t firn_lsm_number_in_name(const char *name);
/* A number for a new file. */
uint64_t firn_lsm_take_number(struct firn_lsm *lsm);
/* Brings frozen_max and level0_max up to date. The mutex is held. */
void firn_lsm_measure_locked(struct firn_lsm *lsm);
/* What a tree reads by now, with a reference. */
struct firn_lsm_state *firn_lsm_state_of(struct firn_lsm_tree *tree);

/* ---- lsm_files.c ---- */

/* Compares the directory of runs with what MANIFEST names. */
FIRN_MUST_CHECK int firn_lsm_files_compare(struct firn_lsm *lsm,
                                           const struct firn_manifest_state *state,
                                           firn_error *err);

/* ---- lsm_collect.c ---- */

/* Releases the memory of files that no version names, and leaves the files. At the end. */
void firn_lsm_collect_memory(struct firn_lsm *lsm);

/* ---- lsm_install.c ---- */

/* A change of one tree that goes to MANIFEST and then to readers. */
struct firn_lsm_install_change {
    struct firn_lsm_tree *tree;
    bool drops_tree; /* and all of its memtables; `removed` names all of its runs */
    /* Flushed, the oldest ones of the tree. */
    struct firn_tree_memtable *const *memtables;
    size_t memtable_count;
    struct firn_run_file *const *removed;
    size_t removed_count;
    const struct firn_version_added *added;
    size_t added_count;
};
/* Makes the change, durably. After a failure nothing has changed for readers; *out_is_certain tells
 * whether MANIFEST surely does not have it either: if not, no file may be removed. */
FIRN_MUST_CHECK int firn_lsm_install(struct firn_lsm *lsm,
                                     const struct firn_lsm_install_change *change,
                                     bool *out_is_certain, firn_error *err);
/* The same of changes of several trees, none twice: one edit of MANIFEST, all or nothing. count > 0. */
FIRN_MUST_CHECK int firn_lsm_install_all(struct firn_lsm *lsm,
                                         const struct firn_lsm_install_change *changes,
                                         size_t count, bool *out_is_certain, firn_error *err);

#endif
