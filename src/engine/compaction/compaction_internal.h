/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_internal.h: works and their plans, and what the files of the room share.
 */
#ifndef FIRN_COMPACTION_COMPACTION_INTERNAL_H
#define FIRN_COMPACTION_COMPACTION_INTERNAL_H

#include "base/hash_map.h"
#include "compaction/compaction.h"
#include "lsm/lsm_handle.h"
#include "memtable/memtable.h"
#include "merge/merge.h"
#include "run/run_value_file.h"

/* At most this many history runs go into one compaction. */
enum { FI_COMPACTION_HISTORY_MAX = 64 };

/* At most this many value files are emptied together if space is short. */
enum { FI_COMPACTION_LEAVING_MAX = 64 };

/* The value files that values may leave: any, or those listed, which may be none. */
struct fi_compaction_leaving {
    enum { FI_COMPACTION_LEAVE_ANY, FI_COMPACTION_LEAVE_LISTED } from;
    unsigned count; /* of listed ones */
    uint64_t numbers[FI_COMPACTION_LEAVING_MAX];
};

/* For each level l of a version with from <= l <= to, the runs [begin[l], end[l]) go to level `to`;
 * if `to` is the last level or history, some history runs too. */
struct fi_compaction_plan {
    unsigned from;
    unsigned to;
    size_t begin[FI_VERSION_LEVELS_ALL];
    size_t end[FI_VERSION_LEVELS_ALL];
    uint32_t history[FI_COMPACTION_HISTORY_MAX]; /* indexes in the level, ascending */
    unsigned history_count;
    bool is_removal;  /* of history runs that no snapshot reads: nothing needs to be written */
    firn_slice lower; /* of all of them; the bytes belong to their files */
    firn_slice upper;
    bool is_move;     /* nothing needs to be written */
    bool is_thorough; /* values leave every value file that has garbage: see compaction_sparse.c */
    struct fi_compaction_leaving leaving;
    const struct fi_compaction_outdated *outdated; /* value files that values leave; NULL: none */
};

/* A flush or a compaction that has been picked. */
struct fi_compaction_work {
    enum fi_compaction_work_kind kind;
    struct fi_lsm *lsm;
    struct fi_lsm_tree *tree;
    struct fi_compaction_work *next; /* of the tree's works */
    /* of another tree, to be run together with this one; or NULL */
    struct fi_compaction_work *also;

    /* A flush: frozen memtables, the newest first; the work has a reference to each. */
    struct fi_tree_memtable **memtables;
    size_t memtable_count;

    /* A compaction: the plan, and its version, to which the work has a reference. */
    struct fi_version *version;
    struct fi_compaction_plan plan;
    const struct fi_step *step; /* the wish's */
};

/* A work without a plan, which conflicts with no other: it prevents the tree from being dropped.
 * NULL: memory is out. The mutex is held. */
struct fi_compaction_work *fi_compaction_work_make_locked(struct fi_lsm_tree *tree)
    __attribute__((warn_unused_result));

/* How many entries all levels but that of history have, each counted as often as runs have it. */
uint64_t fi_compaction_entries_of(const struct fi_version *version);

struct fi_column_layout;
/* How large runs of a tree may be that get graphs. Requires: the mutex is not held. */
struct fi_lsm_graph_limits fi_compaction_graph_limits_of(const struct fi_lsm_tree *tree,
                                                         const struct fi_column_layout *layout);
/* Whether neighbours of the last level should be merged, so that they have one graph. The mutex is
 * held. */
bool fi_compaction_garbage_has_joint_locked(const struct fi_lsm_tree *tree);
/* For runs that are not installed yet: notes for each the input whose graphs may be taken over. */
struct fi_compaction_output;
void fi_compaction_graph_inherit(struct fi_lsm *lsm, struct fi_version_file *const *inputs,
                                 size_t input_count, const struct fi_compaction_output *output);

/* The live snapshots, for one work. Zeroed: none are taken. */
struct fi_compaction_work_snapshots {
    struct fi_snapshot_list list; /* the host's */
    struct fi_merge_snapshot_map map;
    bool is_taken;
};
FIRN_MUST_CHECK int fi_compaction_work_take_snapshots(const struct fi_compaction_work *work,
                                                      struct fi_compaction_work_snapshots *out,
                                                      firn_error *err);
void fi_compaction_work_release_snapshots(const struct fi_compaction_work *work,
                                          struct fi_compaction_work_snapshots *snapshots);

/* The target sizes of levels. */
struct fi_compaction_pick_targets {
    unsigned base; /* the level that level 0 is merged into; levels between are empty */
    /* of levels from 1 on; 0 for those above the first that should have something */
    uint64_t bytes[FI_VERSION_LEVELS];
};
void fi_compaction_pick_targets_of(const struct fi_version *version,
                                   const struct fi_lsm_options *options,
                                   struct fi_compaction_pick_targets *out);

struct fi_compaction_pick {
    struct fi_lsm_tree *tree; /* NULL: nothing found so far */
    uint64_t urgency;
    struct fi_compaction_plan plan;
};

enum fi_compaction_pick_mode {
    FI_COMPACTION_PICK_DEMANDED,
    FI_COMPACTION_PICK_UNHURRIED,
    FI_COMPACTION_PICK_DAMAGED /* unhurried, and runs that could not be read before are tried */
};

/* Puts the tree's most urgent compaction that can run beside its works into *pick, if it is more
 * urgent than the one there. If room_bytes is not 0, only compactions that read no more than that,
 * and unhurried ones go down one level at a time. The mutex of lsm is held. */
void fi_compaction_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                               uint64_t room_bytes, struct fi_compaction_pick *pick);
/* The same for optional compactions, of runs that overlap a range. */
void fi_compaction_pick_range_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                     const struct fi_lsm_range *range, uint64_t room_bytes,
                                     struct fi_compaction_pick *pick);

/* The same for the compaction that makes a small tree one run, however little was added. */
void fi_compaction_pick_one_locked(struct fi_lsm_tree *tree, uint64_t room_bytes,
                                   struct fi_compaction_pick *pick);

/* A plan that rewrites a run of a level other than 0 in its place; false if it cannot run beside
 * the tree's works. The mutex is held. */
bool fi_compaction_pick_rewrite_locked(const struct fi_lsm_tree *tree,
                                       enum fi_compaction_pick_mode mode, unsigned level, size_t i,
                                       struct fi_compaction_plan *out);

/* compaction_renew.c: the next run of a tree to be written anew; false: there is none that can be.
 * The mutex is held. */
bool fi_compaction_renew_pick_locked(struct fi_lsm_tree *tree,
                                     const struct fi_compaction_outdated *outdated,
                                     const struct fi_merge_snapshot_map *snapshots,
                                     struct fi_compaction_plan *out);
/* Whether there is one. The mutex is held. */
bool fi_compaction_renew_is_due_locked(const struct fi_lsm_tree *tree,
                                       const struct fi_compaction_outdated *outdated);
/* NULL: none are. */
bool fi_compaction_renew_has(const struct fi_compaction_outdated *outdated, uint64_t number);

/* Whether the plan can run beside the tree's works, and reads no run that could not be read before,
 * unless the mode asks for these. The mutex is held. */
bool fi_compaction_pick_may_run_locked(const struct fi_lsm_tree *tree,
                                       const struct fi_version *version,
                                       enum fi_compaction_pick_mode mode,
                                       const struct fi_compaction_plan *plan);
/* The oldest runs of level 0, to be written to the level below; false as above. The mutex is
 * held. */
bool fi_compaction_pick_level0_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                      struct fi_compaction_plan *out);
/* Whether a compaction that was picked conflicts with the plan. The mutex is held. */
bool fi_compaction_pick_is_blocked_locked(const struct fi_lsm_tree *tree,
                                          const struct fi_compaction_plan *plan);
/* Extends the plan's bounds to include a run. */
void fi_compaction_pick_extend(struct fi_compaction_plan *plan,
                               const struct fi_merge_level_run *run);

/* How many bytes of files the plan reads. */
uint64_t fi_compaction_pick_bytes(const struct fi_version *version,
                                  const struct fi_compaction_plan *plan);

/* Takes the runs [begin, end) of level `from`, and all runs that must be included of the levels
 * down to `to`. */
void fi_compaction_pick_plan(const struct fi_version *version, unsigned from, size_t begin,
                             size_t end, unsigned to, struct fi_compaction_plan *out);
/* How many entries rewriting at the bottom may drop: tombstones and superseded versions. */
static inline uint64_t
fi_compaction_pick_garbage_of(const struct fi_manifest_run *info)
{
    return info->tombstone_count + info->range_count + info->older_count;
}

/* segments of the log that a flush makes value files, instead of writing their values again. */

enum { FI_COMPACTION_ADOPT_SEGMENTS_MAX = 16 };

struct fi_compaction_adopt_segment {
    uint64_t number;              /* of the segment */
    uint64_t bytes;               /* of its values that a run may refer to, as far as counted */
    struct fi_version_file *file; /* NULL: it was not adopted */
};

/* In the caller's memory. */
struct fi_compaction_adopt {
    struct fi_compaction_adopt_segment segments[FI_COMPACTION_ADOPT_SEGMENTS_MAX];
    size_t count;
};

/* Adopts the worthwhile ones of the segments with large values of a flush's memtables. Their names
 * are durable when that of a later run is; the next collection removes files that no run refers to.
 * Requires: the log is synced up to the end of the memtables. */
void fi_compaction_adopt_begin(const struct fi_compaction_work *work,
                               struct fi_compaction_adopt *out);
/* The file that a value's segment has become; NULL: none. */
struct fi_version_file *fi_compaction_adopt_find(const struct fi_compaction_adopt *adopt,
                                                 const struct fi_memtable_logged *logged);
/* Releases the files. */
void fi_compaction_adopt_end(struct fi_compaction_adopt *adopt);

/* ==== the large values of runs that are being written, and the references to them ====
 *
 * One thread. Use: begin; place for each entry before it goes into a run; list and hold when a run
 * is finished; finish when all runs are; end in any case.
 */

struct fi_compaction_values_options {
    struct fi_lsm *lsm;
    bool separates;   /* large values go to value files */
    bool is_of_cells; /* those of cells of rows: builders get the placer */
    bool is_thorough; /* live values leave every file with garbage */
    const struct fi_compaction_leaving *leaving;   /* outlives this; NULL: any */
    const struct fi_compaction_outdated *outdated; /* as in the plan */
    enum fi_codec codec;
    const struct fi_compaction_adopt *adopt; /* of a flush; may be NULL */
    struct fi_block_publisher *publisher;    /* as in struct fi_run_builder_options */
};

/* In the caller's memory. */
struct fi_compaction_values {
    struct fi_compaction_values_options options;
    struct fi_run_placer placer;        /* has the address of this */
    struct fi_run_value_writer *writer; /* NULL: no file is open */
    struct fi_version_file *file;       /* that it writes */
    struct fi_hash_map tallies;         /* of all files referred to; see compaction_values.c */
    struct fi_buf written;              /* of struct fi_version_file *, each counted: own files */
    struct fi_buf references;           /* of struct fi_manifest_reference, for list */
    struct fi_buf stored;               /* the value of the last placed entry */
    struct fi_buf moved;
    uint64_t bytes; /* of finished files */
};

void fi_compaction_values_begin(struct fi_compaction_values *output,
                                const struct fi_compaction_values_options *options);
/* Puts the value of an entry into a file, if it belongs there: *out is the entry for the run,
 * borrowed until the next call. Counts the run's references. */
FIRN_MUST_CHECK int fi_compaction_values_place(struct fi_compaction_values *output,
                                               const struct fi_entry *entry, struct fi_entry *out,
                                               firn_error *err);
/* Adds the references of the entries since the last hold to *info; borrowed until the next call. */
FIRN_MUST_CHECK int fi_compaction_values_list(struct fi_compaction_values *output,
                                              struct fi_manifest_run *info, firn_error *err);
/* Gives the run's file, which was made with that info, its value files. */
void fi_compaction_values_hold(struct fi_compaction_values *output, struct fi_version_file *run);
/* Makes all value files durable, or leaves that to the publisher. Records the contents of the files
 * in the runs, which no edit names yet. */
FIRN_MUST_CHECK int fi_compaction_values_finish(struct fi_compaction_values *output,
                                                const struct fi_version_added *runs, size_t count,
                                                firn_error *err);
/* Releases the files: those that no run refers to, even an unfinished one, are removed. */
void fi_compaction_values_end(struct fi_compaction_values *output);

/* ==== compaction_writer.c: writing a run, until it can be installed ==== */

/* Runs that were written and are not installed yet. In the caller's memory; zeroed at first. */
struct fi_compaction_output {
    struct fi_version_added *runs; /* each with a reference of the caller's */
    size_t count;
    size_t capacity;
    uint64_t bytes;
    uint64_t versions_dropped;
};

/* Zeroed: no run is open. One thread. Must not be moved in memory while a run is open. */
struct fi_compaction_writer {
    struct fi_lsm *lsm;
    const struct fi_run_kind *kind;
    struct fi_run_builder *builder;          /* NULL: no run is open */
    struct fi_run_attacher attacher;         /* the builder's */
    uint64_t number;                         /* of its file */
    uint64_t entry_count;                    /* in it */
    struct fi_lsm_graph_limits graph_limits; /* of the run */
    struct fi_manifest_run expiry;           /* of its expiring puts, and nothing else */
};

/* Opens a file with the next number for a run of that kind. tree: the tree that the run is for;
 * NULL: none, and the kind has no layout. Requires: no run is open. */
FIRN_MUST_CHECK int fi_compaction_writer_begin(struct fi_compaction_writer *writer,
                                               struct fi_lsm *lsm, const struct fi_run_kind *kind,
                                               const struct fi_lsm_tree *tree,
                                               const struct fi_run_builder_options *options,
                                               firn_error *err);
/* Whether the open run should end before the next entry; false if no run is open. */
bool fi_compaction_writer_is_full(const struct fi_compaction_writer *writer, uint64_t bytes_target);
/* Adds a placed entry to the open run: its value may be in a value file. */
FIRN_MUST_CHECK int fi_compaction_writer_add(struct fi_compaction_writer *writer,
                                             const struct fi_entry *entry,
                                             const struct fi_entry *placed, firn_error *err);
/* Adds rows to the open run. Requires: its kind takes them. */
FIRN_MUST_CHECK int fi_compaction_writer_add_columns(struct fi_compaction_writer *writer,
                                                     const struct fi_run_columns *columns,
                                                     firn_error *err);
/* Adds a batch to the open run and moves the batch's cursor past it. Requires: run and cursor are
 * of one kind. */
FIRN_MUST_CHECK int fi_compaction_writer_add_from(struct fi_compaction_writer *writer,
                                                  const struct fi_run_batch *batch,
                                                  firn_error *err);
/* Records the origin in the open run (NULL: it belongs to no tree) and finishes the run. The caller
 * deinits *out, which must be zeroed before. After a failure the run is still open. */
FIRN_MUST_CHECK int fi_compaction_writer_end(struct fi_compaction_writer *writer,
                                             struct fi_lsm_origin *origin, bool is_last,
                                             struct fi_run_summary *out, firn_error *err);
/* Removes the open run, if any. */
void fi_compaction_writer_abandon(struct fi_compaction_writer *writer);
/* What MANIFEST will say about the run that was finished last, as far as its builder knows: the
 * caller adds the level and what else the tree knows. Borrows the bounds of the summary. */
struct fi_manifest_run fi_compaction_writer_info(const struct fi_compaction_writer *writer,
                                                 const struct fi_run_summary *summary);
/* Room for one more run in the output. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_compaction_writer_reserve(struct fi_compaction_output *out, firn_error *err);
/* Adds the finished run, with its references, to the output. Requires: the output has room. */
FIRN_MUST_CHECK int fi_compaction_writer_take(const struct fi_compaction_writer *writer,
                                              struct fi_manifest_run *info, uint64_t cache_file,
                                              struct fi_compaction_values *values,
                                              struct fi_compaction_output *out, firn_error *err);
/* Removes the finished run and its attachments, which no edit names. */
void fi_compaction_writer_discard(const struct fi_compaction_writer *writer,
                                  const struct fi_run_summary *summary);
/* Removes a finished file that no edit names. */
static inline void
fi_compaction_remove_file(struct fi_lsm *lsm, const struct fi_run_kind *kind, uint64_t number)
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(number, kind, name);
    FI_IGNORE(fi_os_remove_file(lsm->runs_dir, name, NULL));
}

/* ==== what a compaction reads (compaction_inputs.c) ==== */

struct fi_compaction_inputs {
    struct fi_merge *merge;
    struct fi_version_source *sources; /* at most one for each input */
    size_t source_count;
    struct fi_version_file **files;
    size_t file_count;
    uint64_t bytes;
    uint64_t entries;       /* of levels, history left out */
    uint64_t entries_above; /* of levels above the output's */
    uint64_t found;         /* what readers look for: see struct fi_run_builder_options */
    /* Pins of the runs with range deletes, and their range deletes. */
    struct fi_version_file_handle **pins;
    const struct fi_range_set **ranges;
    size_t range_set_count;
    struct fi_version_file *
        *unread; /* of files: range deletes of these could not be read at first */
    size_t unread_count;
    const struct fi_version_file **covered; /* of files: nothing of these is kept */
    size_t covered_count;
    struct fi_compaction_span *older;
    size_t older_count;
    struct fi_compaction_between *between;
    size_t between_count;
    struct fi_version_file **history; /* the last of files, which are history runs */
};
/* Whether an error means that a file cannot be read. A file that is another than the one that was
 * made (os/os_guard.h) cannot be read either. */
static inline bool
fi_compaction_inputs_is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_UNTRUSTED;
}
/* Lists the files of the plan. Requires: *inputs is zeroed; the caller must deinit it, even on
 * failure. */
FIRN_MUST_CHECK int fi_compaction_inputs_list(const struct fi_compaction_work *work,
                                              struct fi_compaction_inputs *inputs, firn_error *err);
/* Likewise, and makes the merge. */
FIRN_MUST_CHECK int fi_compaction_inputs_open(const struct fi_compaction_work *work,
                                              const struct fi_merge_snapshot_map *snapshots,
                                              struct fi_compaction_inputs *inputs, firn_error *err);
void fi_compaction_inputs_deinit(struct fi_compaction_inputs *inputs);

/* ==== writing the kept versions of a flush or a compaction to new runs ==== */

struct fi_compaction_output_options {
    struct fi_lsm *lsm;
    const struct fi_run_kind *kind; /* of the runs: that of their tree */
    struct fi_lsm_origin *origin;   /* of all runs that are written */
    /* What goes into the runs: the stream's options without the rule, which follows from
     * snapshots. */
    struct fi_merge_stream_options stream;
    const struct fi_merge_snapshot_map *snapshots;
    /* The level of the runs; versions that now does not read go to history instead. If it is
     * history: together the runs replace `history`. */
    unsigned level;
    struct fi_version_file *const *history;
    size_t history_count;
    bool without_filter;
    uint64_t *found;                               /* as in struct fi_run_builder_options */
    bool separates;                                /* large values go to value files */
    const struct fi_compaction_adopt *adopt;       /* where they are already; may be NULL */
    bool is_thorough;                              /* as in struct fi_compaction_plan */
    const struct fi_compaction_leaving *leaving;   /* likewise */
    const struct fi_compaction_outdated *outdated; /* likewise; NULL: none */
    uint64_t run_bytes_target; /* a new run starts above this; 0: there is one run */
    /* The level below the output's: a run ends before it overlaps too much there. NULL: none. */
    const struct fi_version_level *next_level;
    struct fi_block_publisher *publisher; /* makes the files durable, later; NULL: at once */
};

/* Writes everything; there may be nothing to write. After a failure out is empty, and the next
 * collection removes the files. */
FIRN_MUST_CHECK int fi_compaction_output_write(const struct fi_compaction_output_options *options,
                                               struct fi_compaction_output *out, firn_error *err);
/* Releases the references; the next collection removes the files. */
void fi_compaction_output_remove(struct fi_lsm *lsm, struct fi_compaction_output *output);
/* Releases the references; the files stay. */
void fi_compaction_output_deinit(struct fi_compaction_output *output);

/* ==== the output of a flush or a compaction, until it is installed ==== */

/* In the caller's memory; zeroed at first. */
struct fi_compaction_result {
    struct fi_compaction_output runs;
    struct fi_version_file **removed;    /* owned; the files are those of the work's version */
    struct fi_version_added *moved;      /* owned; likewise */
    struct fi_lsm_install_change change; /* refers to these and to the work */
    /* Of a compaction: what it read. */
    uint64_t read_bytes;
    uint64_t entries;       /* of levels, history left out */
    uint64_t entries_above; /* of levels above the output's */
};

/* ==== flushes (compaction_flush.c) ==== */

/* Writes the output of a work of kind FLUSH; out says what is to be installed. The publisher makes
 * the files durable; if it is NULL, they are durable already. After a failure out is empty.
 * Requires: the log is durable up to everything that was applied. */
FIRN_MUST_CHECK int fi_compaction_flush_write(struct fi_compaction_work *work,
                                              struct fi_block_publisher *publisher,
                                              struct fi_compaction_result *out, firn_error *err);
/* Counts a flush that was installed. */
void fi_compaction_flush_count_locked(const struct fi_compaction_work *work,
                                      const struct fi_compaction_result *output);

/* ==== which runs to rewrite, so that a value file can be removed (compaction_sparse.c) ==== */

/* Picks a compaction that rewrites a run in place for that; false: there is none to run now. If
 * room_bytes is not 0, it empties a few files, with at most that many live bytes. */
bool fi_compaction_sparse_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                      uint64_t room_bytes, struct fi_compaction_plan *out);

/* ==== which run of the last level to rewrite ==== */

/* Whether rewriting some run of the last level, or of history, may free anything, as far as is
 * known without the snapshots. The mutex is held. */
bool fi_compaction_garbage_is_likely_locked(const struct fi_lsm_tree *tree,
                                            enum fi_compaction_pick_mode mode);
/* Picks the first run of the last level whose rewriting frees something under these snapshots, or
 * moves something to history; else work on history (compaction_garbage.c). It may run beside the
 * tree's works. *out_found says whether there is one. The mutex is held. */
FIRN_MUST_CHECK int fi_compaction_garbage_pick_locked(struct fi_lsm_tree *tree,
                                                      enum fi_compaction_pick_mode mode,
                                                      const struct fi_merge_snapshot_map *snapshots,
                                                      struct fi_compaction_plan *out,
                                                      bool *out_found, firn_error *err);

#endif
