/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_internal.h: works and their plans, and what the files of the room share.
 */
#ifndef FIRN_COMPACTION_COMPACTION_INTERNAL_H
#define FIRN_COMPACTION_COMPACTION_INTERNAL_H

#include "base/hash_map.h"
#include "block/value_file.h"
#include "compaction/compaction.h"
#include "lsm/lsm_internal.h"
#include "memtable/memtable.h"
#include "merge/merge.h"

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
    bool is_thorough; /* values leave every value file that has garbage: see compaction_work.c */
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

/* A work without a plan, which meets no other: it keeps the tree from being dropped. NULL: memory is out. The mutex is
 * held. */
struct firn_compaction_work *firn_compaction_work_make_locked(struct firn_lsm_tree *tree)
    __attribute__((warn_unused_result));

/* Of runs that are not installed yet: notes for each the input whose graphs may become its own. */
struct firn_compaction_output;
void firn_compaction_graph_inherit(struct firn_lsm *lsm, struct firn_run_file *const *inputs,
                                   size_t input_count, const struct firn_compaction_output *output);

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

/* What the sizes of levels are measured against. */
struct firn_compaction_pick_targets {
    unsigned base; /* where level 0 is merged into; levels between are empty */
    uint64_t
        bytes[FIRN_VERSION_LEVELS]; /* of levels from 1 on; 0 for those above the first that should
                                        have something */
};
void firn_compaction_pick_targets_of(const struct firn_version *version,
                                     const struct firn_lsm_options *options,
                                     struct firn_compaction_pick_targets *out);

struct firn_compaction_pick {
    struct firn_lsm_tree *tree; /* NULL: nothing found so far */
    uint64_t urgency;
    struct firn_compaction_plan plan;
};

enum firn_compaction_pick_mode {
    FIRN_COMPACTION_PICK_DEMANDED,
    FIRN_COMPACTION_PICK_UNHURRIED,
    FIRN_COMPACTION_PICK_DAMAGED /* unhurried, and runs that could not be read before are tried */
};

/* Puts the tree's most urgent compaction in *pick, if there is one that is more urgent than what is
 * there and can run beside the tree's works. With room_bytes, unless that is 0, only such as read no
 * more than that, and unhurried ones go down level by level. The mutex of lsm is held. */
void firn_compaction_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                 uint64_t room_bytes, struct firn_compaction_pick *pick);
/* The same of optional compactions, of runs that reach into a range. */
void firn_compaction_pick_range_locked(struct firn_lsm_tree *tree,
                                       enum firn_compaction_pick_mode mode,
                                       const struct firn_lsm_range *range, uint64_t room_bytes,
                                       struct firn_compaction_pick *pick);

/* The same of the compaction that makes one run of a small tree, however little has come. */
void firn_compaction_pick_one_locked(struct firn_lsm_tree *tree, uint64_t room_bytes,
                                     struct firn_compaction_pick *pick);

/* A plan that writes a run of a level other than 0 again, in its place; false where that cannot run
 * beside the tree's works. The mutex is held. */
bool firn_compaction_pick_rewrite_locked(const struct firn_lsm_tree *tree,
                                         enum firn_compaction_pick_mode mode, unsigned level,
                                         size_t i, struct firn_compaction_plan *out);

/* Whether the plan can run beside the tree's works, and reads no run that could not be read before
 * unless the mode asks for those. The mutex is held. */
bool firn_compaction_pick_may_run_locked(const struct firn_lsm_tree *tree,
                                         const struct firn_version *version,
                                         enum firn_compaction_pick_mode mode,
                                         const struct firn_compaction_plan *plan);
/* Whether a compaction that is handed out meets the plan. The mutex is held. */
bool firn_compaction_pick_is_blocked_locked(const struct firn_lsm_tree *tree,
                                            const struct firn_compaction_plan *plan);
/* Makes the plan's bounds reach over a run. */
void firn_compaction_pick_extend(struct firn_compaction_plan *plan,
                                 const struct firn_merge_level_run *run);

/* What it reads, in bytes of files. */
uint64_t firn_compaction_pick_bytes(const struct firn_version *version,
                                    const struct firn_compaction_plan *plan);

/* Takes [begin, end) of level `from`, and all that must go along of the levels down to `to`. */
void firn_compaction_pick_plan(const struct firn_version *version, unsigned from, size_t begin,
                               size_t end, unsigned to, struct firn_compaction_plan *out);
/* What a rewriting at the bottom may drop: tombstones, and versions older than another one. */
static inline uint64_t
firn_compaction_pick_garbage_of(const struct firn_manifest_run *info)
{
    return info->tombstone_count + info->range_count + info->older_count;
}

/* segments of the log that a flush makes value files, instead of writing their values again. */

enum { FIRN_COMPACTION_ADOPT_SEGMENTS_MAX = 16 };

struct firn_compaction_adopt_segment {
    uint64_t number;            /* of the segment */
    uint64_t bytes;             /* of its values that a run may refer to, as far as was counted */
    struct firn_run_file *file; /* NULL: it was not adopted */
};

/* In the caller's memory. */
struct firn_compaction_adopt {
    struct firn_compaction_adopt_segment segments[FIRN_COMPACTION_ADOPT_SEGMENTS_MAX];
    size_t count;
};

/* Adopts what is worth it of the segments that have large values of the memtables which a flush
 * takes, under names that are durable when that of a later run is; removed again by the next
 * collection unless a run comes to refer to them. The log was synced through all of them. */
void firn_compaction_adopt_begin(const struct firn_compaction_work *work,
                                 struct firn_compaction_adopt *out);
/* The file that a value's segment has become; NULL: none. */
struct firn_run_file *firn_compaction_adopt_find(const struct firn_compaction_adopt *adopt,
                                                 const struct firn_memtable_logged *logged);
/* Lets go of the files. */
void firn_compaction_adopt_end(struct firn_compaction_adopt *adopt);

/* ==== where the large values go of runs that are being written, and what the runs refer to ====
 *
 * One thread. Use: begin; place for each entry on its way into a run; list and hold when a run is
 * finished; finish when all are; end in any case.
 */

struct firn_compaction_values_options {
    struct firn_lsm *lsm;
    bool separates;     /* large values go to value files */
    bool is_of_cells;   /* those of cells of rows: builders get the placer */
    bool is_thorough;   /* what is alive leaves every file with garbage */
    uint64_t values_of; /* as in struct firn_compaction_plan */
    enum firn_codec codec;
    const struct firn_compaction_adopt *adopt; /* of a flush; may be NULL */
    struct firn_block_publisher *publisher;    /* as in struct firn_run_builder_options */
};

/* In the caller's memory. */
struct firn_compaction_values {
    struct firn_compaction_values_options options;
    struct firn_run_placer placer;    /* has the address of this */
    struct firn_value_writer *writer; /* NULL: no file is open */
    struct firn_run_file *file;       /* that it writes */
    struct firn_hash_map tallies; /* of all files that were referred to; see compaction_values.c */
    struct firn_buf written;      /* of struct firn_run_file *, each counted: own files */
    struct firn_buf references;   /* of struct firn_manifest_reference, for list */
    struct firn_buf stored;       /* the value of the entry that was placed last */
    struct firn_buf moved;
    uint64_t bytes; /* of finished files */
};

void firn_compaction_values_begin(struct firn_compaction_values *output,
                                  const struct firn_compaction_values_options *options);
/* Puts the value of an entry into a file, if that is where it belongs: *out is what the run gets,
 * borrowed until the next call. Notes what the run refers to. */
FIRN_MUST_CHECK int firn_compaction_values_place(struct firn_compaction_values *output,
                                                 const struct firn_entry *entry,
                                                 struct firn_entry *out, firn_error *err);
/* What the entries since the last hold refer to, into *info; borrowed until the next call. */
FIRN_MUST_CHECK int firn_compaction_values_list(struct firn_compaction_values *output,
                                                struct firn_manifest_run *info, firn_error *err);
/* Gives the file that was made of that info its value files. */
void firn_compaction_values_hold(struct firn_compaction_values *output, struct firn_run_file *run);
/* Makes all value files durable, or leaves that to the publisher. The runs, which no edit names yet, learn what is in
 * them. */
FIRN_MUST_CHECK int firn_compaction_values_finish(struct firn_compaction_values *output,
                                                  const struct firn_version_added *runs,
                                                  size_t count, firn_error *err);
/* Lets go of the files: those that no run refers to, an unfinished one too, are removed. */
void firn_compaction_values_end(struct firn_compaction_values *output);

/* ==== run_writer.c: entries in order become a run that is not installed yet ==== */

/* Runs that were written and are not installed yet. In the caller's memory; zeroed at first. */
struct firn_compaction_output {
    struct firn_version_added *runs; /* each with a reference of the caller's */
    size_t count;
    size_t capacity;
    uint64_t bytes;
    uint64_t versions_dropped;
};

/* Zeroed: no run is open. One thread. It stays where it is while a run is open. */
struct firn_run_writer {
    struct firn_lsm *lsm;
    const struct firn_run_kind *kind;
    struct firn_run_builder *builder;  /* NULL: no run is open */
    struct firn_run_attacher attacher; /* the builder's */
    uint64_t number;                   /* of its file */
    uint64_t entry_count;              /* in it */
    uint64_t bytes_least;              /* of the run, where more entries come; see run_writer.c */
    struct firn_manifest_run expiry;   /* of its expiring puts, and nothing else */
};

/* Opens a file of the next number, a run of that kind. tree is the one that the run is for; NULL: none,
 * and the kind has no layout. No run is open. */
FIRN_MUST_CHECK int firn_run_writer_begin(struct firn_run_writer *writer, struct firn_lsm *lsm,
                                          const struct firn_run_kind *kind,
                                          const struct firn_lsm_tree *tree,
                                          const struct firn_run_builder_options *options,
                                          firn_error *err);
/* Adds an entry to the open run, as it is placed: its value may lie in a value file. */
FIRN_MUST_CHECK int firn_run_writer_add(struct firn_run_writer *writer,
                                        const struct firn_entry *entry,
                                        const struct firn_entry *placed, firn_error *err);
/* Adds rows to the open run, whose kind takes them. */
FIRN_MUST_CHECK int firn_run_writer_add_columns(struct firn_run_writer *writer,
                                                const struct firn_run_columns *columns,
                                                firn_error *err);
/* Adds a batch, whose cursor moves on after it, to the open run, whose kind is that of the cursor. */
FIRN_MUST_CHECK int firn_run_writer_add_from(struct firn_run_writer *writer,
                                             const struct firn_run_batch *batch, firn_error *err);
/* Tells the open run where it comes from (origin is NULL: it belongs to no tree) and finishes it; *out,
 * zeroed before, is the caller's to deinit. After a failure the run is still open. */
FIRN_MUST_CHECK int firn_run_writer_end(struct firn_run_writer *writer,
                                        struct firn_lsm_origin *origin, bool is_last,
                                        struct firn_run_summary *out, firn_error *err);
/* Removes an open run; nothing if none is open. */
void firn_run_writer_abandon(struct firn_run_writer *writer);
/* What MANIFEST will say of the run that was finished last, as far as its builder knows: its level,
 * and what else the tree knows, are the caller's to add. Borrows the bounds of the summary. */
struct firn_manifest_run firn_run_writer_info(const struct firn_run_writer *writer,
                                              const struct firn_run_summary *summary);
/* Room for one more run in the output. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_run_writer_reserve(struct firn_compaction_output *out, firn_error *err);
/* Makes the finished run, and what it refers to, the next one of the output, which has room. */
FIRN_MUST_CHECK int firn_run_writer_take(const struct firn_run_writer *writer,
                                         struct firn_manifest_run *info, uint64_t cache_file,
                                         struct firn_compaction_values *values,
                                         struct firn_compaction_output *out, firn_error *err);
/* Removes the finished run and its attachments, which no edit names. */
void firn_run_writer_discard(const struct firn_run_writer *writer,
                             const struct firn_run_summary *summary);
/* Removes a finished file that no edit names. */
void firn_run_writer_remove(struct firn_lsm *lsm, const struct firn_run_kind *kind,
                            uint64_t number);

/* ==== writing what a flush or a compaction keeps into new runs ==== */

struct firn_compaction_output_options {
    struct firn_lsm *lsm;
    const struct firn_run_kind *kind; /* of the runs: that of their tree */
    struct firn_lsm_origin *origin;   /* of all runs that are written */
    /* What goes into the runs: the stream's options, but for the rule, which follows from views. */
    struct firn_merge_stream_options stream;
    const struct firn_merge_view_map *views;
    /* Where the runs will be; but for what now does not read, which goes to history. In history:
     * together they are what `history` was. */
    unsigned level;
    struct firn_run_file *const *history;
    size_t history_count;
    bool without_filter;
    uint64_t *found;                           /* as in struct firn_run_builder_options */
    bool separates;                            /* large values go to value files */
    const struct firn_compaction_adopt *adopt; /* where they lie already; may be NULL */
    bool is_thorough;                          /* as in struct firn_compaction_plan */
    uint64_t values_of;                        /* likewise */
    uint64_t run_bytes_target;                 /* a new run begins beyond it; 0: there is one run */
    /* The level below that of the output: a run ends before it overlaps with too much there. NULL:
     * none. */
    const struct firn_version_level *next_level;
    struct firn_block_publisher *publisher; /* makes the files durable, later; NULL: at once */
};

/* Writes everything. After a failure no file is left after the next collection, and out is empty.
 * There may be nothing to write. */
FIRN_MUST_CHECK int
firn_compaction_output_write(const struct firn_compaction_output_options *options,
                             struct firn_compaction_output *out, firn_error *err);
/* Gives back the references; the next collection removes the files. */
void firn_compaction_output_remove(struct firn_lsm *lsm, struct firn_compaction_output *output);
/* Gives back the references; the files stay. */
void firn_compaction_output_deinit(struct firn_compaction_output *output);

/* ==== what a flush or a compaction wrote, from its writing until it is installed ==== */

/* In the caller's memory; zeroed at first. */
struct firn_compaction_result {
    struct firn_compaction_output runs;
    struct firn_run_file **removed;        /* owned; the files are those of the work's version */
    struct firn_version_added *moved;      /* owned; likewise */
    struct firn_lsm_install_change change; /* refers to these and to the work */
    /* Of a compaction: what it read. */
    uint64_t read_bytes;
    uint64_t entries;       /* of levels, history left out */
    uint64_t entries_above; /* of levels above the output's */
};

/* ==== which run of the last level is to be written again ==== */

/* Whether rewriting some run of the last level, or of history, can free anything, as far as can be
 * told without knowing the views. The mutex is held. */
bool firn_compaction_garbage_is_likely_locked(const struct firn_lsm_tree *tree,
                                              enum firn_compaction_pick_mode mode);
/* The first run of the last level whose rewriting can free something under these views, or moves
 * something to history; else what is to be done with history (compaction_garbage.c). It may run
 * beside the tree's works. *out_found tells whether there is one. The mutex is held. */
FIRN_MUST_CHECK int firn_compaction_garbage_pick_locked(struct firn_lsm_tree *tree,
                                                        enum firn_compaction_pick_mode mode,
                                                        const struct firn_merge_view_map *views,
                                                        struct firn_compaction_plan *out,
                                                        bool *out_found, firn_error *err);

#endif
