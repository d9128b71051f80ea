/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_internal.h: what the passes of an apply share. The passes: checkout_plan.c and
 * checkout_verify.c look, checkout_stage.c writes beside, checkout_swap.c puts in place and
 * removes; checkout_batch.c runs one pass on several threads.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_INTERNAL_H
#define FIRN_CHECKOUT_CHECKOUT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "checkout/checkout.h"
#include "objects/objects.h"
#include "os/os.h"
#include "threads/os_thread.h"
#include "tree/tree.h"

/* Making one entry of a tree on disk: content, then owner, attributes, mode, time. */

/* One thread's. A zeroed struct with objects set, then init. */
struct firn_checkout_write {
    struct firn_objects *objects; /* borrowed */
    struct firn_packfile_scratch *scratch;
    /* Not NULL: the content of files is read by all of its threads, and not by this one alone. */
    const struct firn_objects_spread *spread;
    struct firn_buf buf;
    bool is_foreign; /* another user's store must not grant rights: checkout_stage.c */
    bool sync;       /* a file is durable, attributes too, when it is made; its name is not */
    /* Says what could not be set on an entry that was otherwise written; may be NULL. */
    void (*on_incomplete)(void *ctx, firn_slice path, const char *text);
    void *ctx;
};

FIRN_MUST_CHECK int firn_checkout_stage_write_init(struct firn_checkout_write *write,
                                                   struct firn_objects *objects, firn_error *err);
void firn_checkout_stage_write_deinit(struct firn_checkout_write *write);

/* Sets owner, attributes (removing others), mode and time of what is there. */
FIRN_MUST_CHECK int firn_checkout_stage_write_metadata(struct firn_checkout_write *write,
                                                       struct firn_os_node node, firn_slice path,
                                                       const struct firn_tree_entry *entry,
                                                       firn_error *err);

/* The changes of the plan, for the passes that follow: checkout_record.c. Zeroed it is empty. */
struct firn_checkout_recorded;
struct firn_checkout_record {
    struct firn_arena arena;
    struct firn_checkout_recorded *first; /* in the order of the walk */
    struct firn_checkout_recorded *last;
    bool is_whole;   /* the plan is over, and all of its changes are here */
    bool is_dropped; /* there were too many */
};
void firn_checkout_record_deinit(struct firn_checkout_record *record);
/* Records a copy of a change. Requires: it comes next in the walk. */
FIRN_MUST_CHECK int firn_checkout_record_add(struct firn_checkout_record *record,
                                             const struct firn_difference_walk_change *change,
                                             firn_error *err);
/* After the last change of the plan. */
void firn_checkout_record_finish(struct firn_checkout_record *record);
/* Calls visit as the walk did. Requires: is_whole. */
FIRN_MUST_CHECK int firn_checkout_record_replay(
    const struct firn_checkout_record *record,
    int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err),
    void *ctx, firn_error *err);

struct batch;
struct staging;
struct swapping;
struct verifying;

/* Up to so many changes, each thing is made durable by itself; above, the whole file system. */
enum { FIRN_CHECKOUT_FEW = 32 };

/* A directory whose metadata is set at the end, deepest first. */
struct firn_checkout_dir {
    const char *path;             /* in apply->arena, NUL-terminated */
    struct firn_tree_entry entry; /* xattrs in apply->arena */
    bool only_time;               /* it was there and is the same: changes in it moved its time */
    struct firn_checkout_dir *next;
};

/* A directory that was made writable for the moment. */
struct firn_checkout_loosened {
    const char *path; /* in apply->arena, NUL-terminated */
    uint32_t mode;    /* that it had */
    struct firn_checkout_loosened *next;
};

struct firn_checkout {
    struct firn_checkout_options options;
    struct firn_os *os;
    bool into_empty;
    bool syncs_each; /* few changes, and none that only a sync of the file system makes durable */
    bool is_superuser;
    bool is_undone;
    uint64_t planned_left; /* counts.not_restored after the plan */
    bool is_silent;        /* what is found is not told now */
    struct firn_checkout_counts counts;
    struct firn_arena arena;
    struct firn_hash_map new_roots; /* paths of directories that are built under a temporary name */
    struct firn_hash_map left;      /* what no pass changes: checkout.c */
    struct firn_checkout_record record;      /* what the passes go through */
    struct firn_buf excluded;                /* path that was reported last as left out by rules */
    struct firn_checkout_loosened *loosened; /* newest first; under mutex */
    struct firn_buf path;                    /* working memory of path mapping */
    struct firn_checkout_dir *dirs;          /* newest, that is deepest, first */
    struct firn_buf removed_dirs; /* physical paths, each with its NUL, in the order of the walk */

    struct firn_os_mutex mutex; /* callbacks, counts.incomplete and progress, while threads run */
    struct firn_os_jobs *jobs;
    /* The state of a pass while it runs; each belongs to one file. */
    struct batch *batch;
    struct staging *staging;
    struct swapping *swapping;
    struct verifying *verifying;
    struct firn_checkout_write *writers; /* one a thread */
    unsigned writer_count;
    struct firn_objects_spread spread; /* of all writers, for one large file */
    firn_progress progress;
    int64_t progress_due_ns;
};

/* ---- names ---- */

/* Whether a change makes a new directory that is built under a temporary name: one whose parent
 * is there already. */
bool firn_checkout_is_new_root(struct firn_checkout *apply, firn_slice path);
FIRN_MUST_CHECK int firn_checkout_add_new_root(struct firn_checkout *apply, firn_slice path,
                                               firn_error *err);

/* Where the new thing for a path is built, before the swap: appends parent directory and name,
 * each NUL-terminated text in the buffers given. Inside a new root that is the final name below
 * the root's temporary one. */
struct firn_checkout_place {
    struct firn_buf dir; /* relative path of the directory, with a NUL after it */
    char name[FIRN_TREE_NAME_SIZE_MAX + 1];
    bool is_direct; /* under its own name: nothing to swap */
};
FIRN_MUST_CHECK int firn_checkout_staged_place(struct firn_checkout *apply, firn_slice path,
                                               struct firn_checkout_place *out, firn_error *err);
/* Where something below a directory is that stands under its temporary name; root_size is that
 * directory's in path. */
FIRN_MUST_CHECK int firn_checkout_moved_place(struct firn_checkout *apply, firn_slice path,
                                              size_t root_size, struct firn_checkout_place *out,
                                              firn_error *err);
/* Its final place. */
FIRN_MUST_CHECK int firn_checkout_final_place(firn_slice path, struct firn_checkout_place *out,
                                              firn_error *err);

/* ---- walking ---- */

/* Calls visit for each change that is not left alone: those of the plan's record or, without one, of
 * a walk over the trees. */
FIRN_MUST_CHECK int firn_checkout_walk(
    struct firn_checkout *apply,
    int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err),
    firn_error *err);
/* How that walks. */
struct firn_difference_walk_options firn_checkout_diff_options(const struct firn_checkout *apply);

/* Whether a change needs new content on disk (a file or link to be written or linked). */
static inline bool
firn_checkout_needs_content(const struct firn_difference_walk_change *change)
{
    const unsigned rewrite =
        FIRN_DIFFERENCE_WALK_TYPE | FIRN_DIFFERENCE_WALK_CONTENT | FIRN_DIFFERENCE_WALK_GROUP;
    return change->after != NULL && change->after->kind != FIRN_TREE_DIR &&
           (change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
            (change->kind == FIRN_DIFFERENCE_WALK_CHANGED && (change->what & rewrite) != 0));
}

/* One thread's part in a batch. */
struct firn_checkout_worker {
    struct firn_checkout *apply;
    struct firn_checkout_write *write;
    struct firn_os_dir *dir; /* the directory that was used last, and its path */
    struct firn_buf dir_path;
    struct firn_checkout_place place;
};

/* Collects the changes that need content and hands them, a batch at a time, to work on several
 * threads. An entry whose hard link names a path that a filter leaves out, one with a reserved name,
 * or one that is left as it is, comes without it: it is a file of its own then. */
FIRN_MUST_CHECK int
firn_checkout_batch_run(struct firn_checkout *apply, const char *phase,
                        int (*work)(struct firn_checkout_worker *worker, firn_slice path,
                                    const struct firn_tree_entry *entry, firn_error *err),
                        firn_error *err);
/* The name that an entry shall be linked to, or an empty slice. */
firn_slice firn_checkout_batch_link_of(struct firn_checkout *apply,
                                       const struct firn_tree_entry *entry);

/* temporary and final, both there, change places. FIRN_NOT_FOUND if one is not. */
FIRN_MUST_CHECK int firn_checkout_swap_exchange(struct firn_os_dir *dir, const char *temporary,
                                                const char *final, firn_error *err);
/* Removes the directory at path, below root, with all that is in it; where base_size is 0 only what
 * is in it. base_size is the size of path, which is changed. checkout_clear.c. */
FIRN_MUST_CHECK int firn_checkout_clear_tree(struct firn_os_dir *root, struct firn_buf *path,
                                             size_t base_size, firn_error *err);

/* The same of the directory that was built at a place. */
FIRN_MUST_CHECK int firn_checkout_clear_place(struct firn_checkout *apply,
                                              const struct firn_checkout_place *place,
                                              firn_error *err);

/* Opens the directory of a place, or keeps the one that is open if it is the same. Makes it
 * writable, if it is not, until firn_checkout_tighten. */
FIRN_MUST_CHECK int firn_checkout_open_dir(struct firn_checkout *apply, const struct firn_buf *dir,
                                           struct firn_os_dir **cache, struct firn_buf *cache_path,
                                           firn_error *err);

/* Sets the modes back of directories that were made writable: of all of them, or, where the
 * directories of the walk have got theirs, of those that a filter leaves out. */
FIRN_MUST_CHECK int firn_checkout_tighten(struct firn_checkout *apply, bool all, firn_error *err);

/* ---- what no pass changes: checkout.c ---- */

/* Whether a path is of an entry that is left as it is with all in it, or lies below one. */
bool firn_checkout_left_has_whole(const struct firn_checkout *apply, firn_slice path);
/* The same, or of an entry that is left by itself. */
bool firn_checkout_left_has(const struct firn_checkout *apply, firn_slice path);
/* Leaves an entry alone, but not what is below it: it is there already. Reports nothing. */
FIRN_MUST_CHECK int firn_checkout_left_itself(struct firn_checkout *apply, firn_slice path,
                                              firn_error *err);
/* Leaves an entry alone, and all below it, because rules leave it out now; told by the first
 * excluded_size bytes of its path. */
FIRN_MUST_CHECK int firn_checkout_left_excluded(struct firn_checkout *apply, firn_slice path,
                                                size_t excluded_size, firn_error *err);
/* The same for a reason for which the restore is not complete; text is one line. Any thread, while no
 * other one walks. */
FIRN_MUST_CHECK int firn_checkout_left_behind(struct firn_checkout *apply, firn_slice path,
                                              const char *text, firn_error *err);
/* The same of a directory's own attributes: what is in it is changed. */
FIRN_MUST_CHECK int firn_checkout_left_attributes(struct firn_checkout *apply, firn_slice path,
                                                  const char *text, firn_error *err);

/* Begins a phase, and tells of it. FIRN_CANCELLED if the caller wants no more, unless it is too late for
 * that (firn_checkout_finishing). */
FIRN_MUST_CHECK int firn_checkout_phase(struct firn_checkout *apply, const char *phase,
                                        uint64_t files_total, uint64_t bytes_total,
                                        firn_error *err);
/* The same, with what is done counted on. */
FIRN_MUST_CHECK int firn_checkout_phase_next(struct firn_checkout *apply, const char *phase,
                                             firn_error *err);
/* From here on nothing cancels it. */
void firn_checkout_finishing(struct firn_checkout *apply);
/* Tells progress, a few times a second; FIRN_CANCELLED as above. Any thread. */
FIRN_MUST_CHECK int firn_checkout_progress(struct firn_checkout *apply, uint64_t files,
                                           uint64_t bytes, firn_error *err);
void firn_checkout_notice(struct firn_checkout *apply, firn_notice_kind kind, firn_slice path,
                          const char *text);

/* ---- what is displaced: checkout_swap.c ---- */

/* The last component of a path. */
firn_slice firn_checkout_swap_displaced_name(firn_slice path);

/* ---- the passes ---- */

FIRN_MUST_CHECK int firn_checkout_stage(struct firn_checkout *apply, firn_error *err);
/* Removes what stage made, and sets apply->is_undone if all of it is gone. */
void firn_checkout_stage_undo(struct firn_checkout *apply);
FIRN_MUST_CHECK int firn_checkout_swap(struct firn_checkout *apply, firn_error *err);
/* Counts anew what is done, after more was left than was planned. */
FIRN_MUST_CHECK int firn_checkout_plan_recount(struct firn_checkout *apply, firn_error *err);

/* Which changes the system will not let a restore make. */

/* Whether a failure means that the system does not let us do it, and says nothing about other
 * entries. */
bool firn_checkout_plan_is_refusal(int rc);

/* Putting aside a user's entry whose own name is taken, under a name that a user sees. */

/* Renames `name` in dir to "<wanted>.firn-kept-<8 hex digits of tag>", with a number after it if
 * that is taken; wanted is cut where the whole would be too long. out gets the name. */
FIRN_MUST_CHECK int firn_checkout_swap_set_aside(struct firn_os_dir *dir, const char *name,
                                                 firn_slice wanted, const uint8_t *tag,
                                                 char out[FIRN_TREE_NAME_SIZE_MAX + 1],
                                                 firn_error *err);

/* Whether what stands on the disk is what an entry of a tree says, by its content. */

/* What `name` in dir is compared with. buf is working memory. */
struct firn_checkout_look {
    struct firn_os_dir *dir;
    const char *name;
    const struct firn_os_stat *stat; /* of it */
    bool is_cut;                     /* only as many bytes of it count as that says */
    struct firn_buf *buf;
    struct firn_objects *objects; /* that the entry's content is one of */
    /* Called while a large file is read; any return value but FIRN_OK ends that. NULL: no call. */
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Whether it is a file of the same bytes, or a link with the same target; of directories, whether
 * it is one. Modes, owners and times do not count. A file that may not be read is told by its size,
 * mode and times. */
FIRN_MUST_CHECK int firn_checkout_look_equal(const struct firn_checkout_look *look,
                                             const struct firn_tree_entry *entry, bool *out,
                                             firn_error *err);

/* ---- databases of SQLite: checkout_sqlite.c ---- */

/* Before something is changed: FIRN_BUSY if it is a database that somebody has open, or a file beside one. */
FIRN_MUST_CHECK int firn_checkout_sqlite_change(const struct firn_checkout_stores *stores,
                                                const struct firn_difference_walk_change *change,
                                                firn_error *err);

#endif
