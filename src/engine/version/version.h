/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version.h: the runs of a tree, in levels: immutable, shared by reference counts.
 */
#ifndef FIRN_VERSION_VERSION_H
#define FIRN_VERSION_VERSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "base/snapshot.h"
#include "merge/merge.h"
#include "version/version_file.h"

/* Level 0 and history: runs that may overlap, the newest first. Other levels: by lower bound,
 * without overlap. */
struct fi_version_level {
    struct fi_merge_level_run *runs; /* each one's `run` is its struct fi_version_file */
    uint64_t *heads;                 /* the first bytes of the lower bounds, as numbers */
    size_t count;
    size_t with_ranges;    /* of the runs: those with range deletes */
    uint64_t bytes;        /* of files */
    uint64_t sequence_max; /* of all runs */
};

struct fi_version_hot;

/* See version_reads.h. */
struct fi_version_reads {
    uint64_t wanted; /* so many reads are worth a merge of all runs; 0: there is nothing to merge */
    _Atomic uint64_t noted;   /* samples of reads */
    _Atomic uint64_t written; /* what had been written at the last one */
    _Atomic uint64_t due;     /* contents up to this sequence should be merged */
};

/* Any thread. All versions of a key in a level are newer than those in deeper levels, and in a run
 * of level 0 newer than those in the runs that follow; range deletes count as versions of the keys
 * that they cover. Only history is not ordered by age, neither among its runs nor relative to the
 * levels. */
struct fi_version {
    _Atomic size_t refs;
    struct fi_version_level levels[FI_VERSION_LEVELS_ALL];
    size_t run_count;
    uint64_t history_last;                /* of all history runs (version_file.h) */
    _Atomic uint64_t skipped_by;          /* see version_history.c */
    _Atomic(struct fi_version_hot *) hot; /* version_hot.h; NULL: none */
    struct fi_version_reads reads;
};

static inline struct fi_version_file *
fi_version_file(const struct fi_version_level *level, size_t i)
{
    return level->runs[i].run;
}

struct fi_version_added {
    struct fi_version_file *file;
    unsigned level;
};

/* The base (NULL: empty) without the removed and with the added runs; a run that is in both changes
 * its level. FIRN_CORRUPT if runs of a level overlap. */
struct fi_version_change {
    const struct fi_version *base;
    struct fi_version_file *const *removed;
    size_t removed_count;
    const struct fi_version_added *added;
    size_t added_count;
};
FIRN_MUST_CHECK int fi_version_create(const struct fi_version_change *change,
                                      struct fi_version **out, firn_error *err);
void fi_version_ref(struct fi_version *version);
/* NULL is fine. */
void fi_version_unref(struct fi_version *version);

/* The only run that may hold key, in a level other than 0; NULL if there is none. */
struct fi_version_file *fi_version_find(const struct fi_version_level *level, firn_slice key);
/* The runs [*out_begin, *out_end) of a level other than 0 that overlap [lower, upper) (NULL: no
 * bound). */
void fi_version_overlap(const struct fi_version_level *level, const firn_slice *lower,
                        const firn_slice *upper, size_t *out_begin, size_t *out_end);

/* How many runs of level 0 a compaction can be expected to remove: all, or none if a run that
 * cannot be read prevents that. */
size_t fi_version_waiting_runs(const struct fi_version *version);

/* Whether a run overlaps [lower, upper) (NULL: no bound). */
bool fi_version_run_overlaps(const struct fi_merge_level_run *run, const firn_slice *lower,
                             const firn_slice *upper);

/* ==== finding the value files that runs in MANIFEST refer to ====
 *
 * Each value file is made once. Used while trees are opened; one thread.
 */

struct fi_version_values {
    struct fi_run_files *files;
    struct fi_hash_map map; /* of struct fi_version_file *, by number */
};

void fi_version_values_init(struct fi_version_values *names, struct fi_run_files *files);
/* Releases the files, which their runs keep. */
void fi_version_values_deinit(struct fi_version_values *names);
/* Gives a run its value files. FIRN_CORRUPT if another run disagrees about one of them. */
FIRN_MUST_CHECK int fi_version_values_link(struct fi_version_values *names,
                                           struct fi_version_file *run, firn_error *err);

/* runs of a version as a source of a merge: each is pinned while the merge is in it. */

/* Files that the owner could not read before, and that must not be read now. */
struct fi_version_source_refused {
    const struct fi_version_file **files;
    size_t count;
};

/* Owned by the owner of the merge, and must live as long as the merge. Zeroed at first. */
struct fi_version_source {
    struct fi_version_file_handle *handle;           /* of the run that the source is in */
    const struct fi_version_source_refused *refused; /* NULL: none */
    /* Whether the owner wants no entry of a file, which then is not opened. NULL: it wants all. */
    bool (*is_unwanted)(void *ctx, const struct fi_version_file *file);
    void *ctx; /* for is_unwanted */
};

/* Adds the runs [begin, end) of a level to merge; for level 0 and history one run at a time. The
 * source uses state as its memory. */
struct fi_version_source_runs {
    const struct fi_version *version;
    unsigned level;
    size_t begin;
    size_t end;
    bool is_sequential;             /* read from the first to the last */
    const struct fi_snapshot *only; /* as in run/run_kind.h, and the next */
    uint64_t *found;
    const struct fi_run_projection *projection;
};
FIRN_MUST_CHECK int fi_version_source_add(struct fi_version_source *state,
                                          const struct fi_version_source_runs *runs,
                                          struct fi_merge *merge, firn_error *err);

/* ==== history runs: versions that "now" does not read, kept apart from those that it does ====
 *
 * The groups of a history run (manifest.h) say which sequences have superseded its versions. So a
 * snapshot can find out, without opening the run, that it has nothing to look for there.
 */

/* Whether a live snapshot reads nothing of a history run. Any thread. */
bool fi_version_history_is_skipped(const struct fi_manifest_run *run,
                                   const struct fi_snapshot *snapshot);
/* The same; answers for snapshots of one line are remembered (version_history.c). */
bool fi_version_history_is_file_skipped(struct fi_version_file *file,
                                        const struct fi_snapshot *snapshot);
/* Whether a snapshot skips all history runs of a version. Cheap for snapshots of now. */
bool fi_version_history_is_all_skipped(struct fi_version *version,
                                       const struct fi_snapshot *snapshot);

/* Whether a live snapshot sees one of the group's sequences, but not all of those that supersede
 * them. The group may be of any run. */
bool fi_version_history_is_group_needed(const struct fi_manifest_group *group,
                                        const struct fi_merge_snapshot_map *snapshots);
/* Whether some live snapshot reads a history run. Begins with the group that some snapshot read the
 * last time. Requires: mutex, which guards needed_by, is held. */
bool fi_version_history_is_needed_locked(struct fi_version_file *file,
                                         const struct fi_os_mutex *mutex,
                                         const struct fi_merge_snapshot_map *snapshots);

/* The groups of a run while it is written. One thread. */
struct fi_version_history_groups {
    const struct fi_snapshot *now;   /* borrowed */
    struct fi_manifest_group *slots; /* by what now sees; first is 0 if there is none */
    size_t slot_count;
    struct fi_buf others; /* of struct fi_manifest_group: those that now does not skip */
    struct fi_buf list;   /* likewise: made by list */
};
FIRN_MUST_CHECK int fi_version_history_groups_init(struct fi_version_history_groups *groups,
                                                   const struct fi_snapshot *now, firn_error *err);
/* Zeroed is fine. */
void fi_version_history_groups_deinit(struct fi_version_history_groups *groups);
void fi_version_history_groups_clear(struct fi_version_history_groups *groups);
/* Adds a version that now does not see (newer is 0), or one with a newer version of its key that
 * now sees; for a tombstone that hides only older versions in the run, newer is its own
 * sequence. */
void fi_version_history_groups_add(struct fi_version_history_groups *groups, uint64_t sequence,
                                   uint64_t newer);
/* Adds the groups of another run. */
FIRN_MUST_CHECK int fi_version_history_groups_add_run(struct fi_version_history_groups *groups,
                                                      const struct fi_manifest_run *run,
                                                      firn_error *err);
/* For the run: out->groups lives until the next call. */
FIRN_MUST_CHECK int fi_version_history_groups_list(struct fi_version_history_groups *groups,
                                                   struct fi_manifest_run *out, firn_error *err);

#endif
