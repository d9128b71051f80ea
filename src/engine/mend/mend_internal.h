/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend_internal.h: what the files of the room share.
 */
#ifndef FIRN_MEND_MEND_INTERNAL_H
#define FIRN_MEND_MEND_INTERNAL_H

#include "base/arena.h"
#include "base/hash_map.h"
#include "lsm/lsm_handle.h"
#include "mend/mend.h"

/* Whether the cause of a failure is the file that is read, and not the machine. */
static inline bool
fi_mend_is_of_file(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

/* A run that MANIFEST or another run names, or whose file is there. */
struct fi_mend_gather_run {
    uint64_t number; /* first: the key */
    bool is_present;
    const struct fi_run_kind *kind; /* if present: by its name */
    bool is_named;                  /* by what is left of MANIFEST */
    bool was_named;                 /* certainly, at some time */
    bool is_gone;                   /* certainly replaced, or never to be named */
    bool is_replaced;               /* by a compaction that was certainly named */
    bool is_taken;
    bool has_origin;
    bool is_damaged; /* its origin, or the whole run, cannot be read */
    uint32_t tree;
    struct fi_manifest_run *info; /* of named and taken runs; in the arena */
    struct fi_run_origin origin;  /* lists in the arena */
};

struct fi_mend_gather_tree {
    uint64_t id;  /* first: the key */
    uint8_t kind; /* as MANIFEST or one of its runs says; 0: not known so far */
    bool is_dropped;
    bool has_unnamed;      /* runs that MANIFEST does not name are taken */
    uint64_t flushed;      /* by MANIFEST */
    uint64_t known;        /* by runs that were made after these commits had been flushed */
    uint64_t flushed_last; /* by the last flush of which a run is there */
};

struct fi_mend_gather {
    const struct fi_mend_gather_options *options;
    struct fi_mend_gather_result *result;
    struct fi_os_dir *runs_dir;
    struct fi_run_env env;
    struct fi_arena arena;
    struct fi_hash_map runs;        /* of struct fi_mend_gather_run */
    struct fi_hash_map trees;       /* of struct fi_mend_gather_tree */
    struct fi_hash_map value_files; /* of struct fi_manifest_reference: named by MANIFEST */
    struct fi_buf numbers;          /* of the origin that is being read */
    /* MANIFEST. */
    uint64_t version;
    uint64_t next_number;
    uint64_t sequence;
    struct fi_buf history;
    bool has_gap; /* edits are missing since the last snapshot */
};

static inline size_t
fi_mend_gather_run_count(const struct fi_mend_gather *gather)
{
    return gather->runs.count;
}

static inline struct fi_mend_gather_run *
fi_mend_gather_run_at(const struct fi_mend_gather *gather, size_t i)
{
    return fi_hash_map_at(&gather->runs, i);
}

/* NULL if there is none. Valid until the next run is added. */
struct fi_mend_gather_run *fi_mend_find(const struct fi_mend_gather *gather, uint64_t number);
struct fi_mend_gather_tree *fi_mend_find_tree(const struct fi_mend_gather *gather, uint32_t id);

/* ---- mend_find.c ---- */

/* Collects what MANIFEST and the runs say. */
FIRN_MUST_CHECK int fi_mend_find_all(struct fi_mend_gather *gather, struct fi_os_dir *manifest_dir,
                                     firn_error *err);

/* ---- mend_judge.c ---- */

/* Marks the runs that are taken. */
FIRN_MUST_CHECK int fi_mend_judge(struct fi_mend_gather *gather, firn_error *err);

#endif
