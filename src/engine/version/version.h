/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version.h: which runs a tree has, in levels: immutable, shared by reference counts.
 */
#ifndef FIRN_VERSION_VERSION_H
#define FIRN_VERSION_VERSION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "merge/merge_level.h"
#include "version/run_file.h"
#include "version/version_levels.h"

/* Level 0 and history: runs that may overlap, the newest first. All others: by lower bound, without overlap. */
struct firn_version_level {
    struct firn_merge_level_run *runs; /* each one's `run` is its struct firn_run_file */
    uint64_t *heads;                   /* the first bytes of the lower bounds, as numbers */
    size_t count;
    size_t with_ranges;    /* of the runs: those with range deletes */
    uint64_t bytes;        /* of files */
    uint64_t sequence_max; /* of all runs */
};

/* Any thread. All versions of a key in a level are newer than those in deeper levels, and in level
 * 0 newer than those in the runs behind; range deletes count as versions of what they cover. Only
 * history has no order, neither between its runs nor to the levels. */
struct firn_version {
    _Atomic size_t refs;
    struct firn_version_level levels[FIRN_VERSION_LEVELS_ALL];
    size_t run_count;
    uint64_t history_last;       /* of all history runs (run_file.h) */
    _Atomic uint64_t skipped_by; /* see run_history.c */
};

static inline struct firn_run_file *
firn_version_file(const struct firn_version_level *level, size_t i)
{
    return level->runs[i].run;
}

struct firn_version_added {
    struct firn_run_file *file;
    unsigned level;
};

/* The base (NULL: empty) without the runs that are removed, and with those that are added; a run
 * may be both, and so change its level. FIRN_CORRUPT where runs of a level overlap. */
struct firn_version_change {
    const struct firn_version *base;
    struct firn_run_file *const *removed;
    size_t removed_count;
    const struct firn_version_added *added;
    size_t added_count;
};
FIRN_MUST_CHECK int firn_version_create(const struct firn_version_change *change,
                                        struct firn_version **out, firn_error *err);
void firn_version_ref(struct firn_version *version);
/* NULL is fine. */
void firn_version_unref(struct firn_version *version);

/* The one run that may hold key, of a level other than 0; NULL where there is none. */
struct firn_run_file *firn_version_find(const struct firn_version_level *level, firn_slice key);
/* The runs [*out_begin, *out_end) of a level other than 0 that reach into [lower, upper) (NULL: no
 * bound). */
void firn_version_overlap(const struct firn_version_level *level, const firn_slice *lower,
                          const firn_slice *upper, size_t *out_begin, size_t *out_end);

/* Runs of level 0 that a compaction can be expected to take away: all, or none where a run that
 * cannot be read keeps it from that. */
size_t firn_version_waiting_runs(const struct firn_version *version);

/* Whether a run reaches into [lower, upper) (NULL: no bound). */
bool firn_version_run_overlaps(const struct firn_merge_level_run *run, const firn_slice *lower,
                               const firn_slice *upper);

#endif
