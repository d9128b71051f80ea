/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_internal.h: what the passes of a checkout share. checkout_plan.c and
 * checkout_verify.c only read, checkout_stage.c writes new entries beside their targets,
 * checkout_swap.c moves them into place and removes old ones; checkout_batch.c runs one pass on
 * several threads.
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

/* ---- one entry of a tree, made on disk: checkout_write.c ---- */

/* Of one thread. Set objects in a zeroed struct, then call init. */
struct fi_checkout_write {
    struct fi_objects *objects; /* borrowed */
    struct fi_pack_scratch *scratch;
    /* If not NULL, all of its threads read the content of files, and not this one alone. */
    const struct fi_objects_spread *spread;
    struct fi_buf buf;
    bool is_foreign; /* another user's store may not grant rights: checkout_write.c */
    bool sync;       /* makes each new file durable with its attributes, but not its name */
    /* Reports what could not be set on an entry that was otherwise written; may be NULL. */
    void (*on_incomplete)(void *ctx, firn_slice path, const char *text);
    void *ctx;
};

FIRN_MUST_CHECK int fi_checkout_write_init(struct fi_checkout_write *write,
                                           struct fi_objects *objects, firn_error *err);
void fi_checkout_write_deinit(struct fi_checkout_write *write);

/* Sets owner, attributes (removing others), mode and time of an existing entry. */
FIRN_MUST_CHECK int fi_checkout_write_metadata(struct fi_checkout_write *write,
                                               struct fi_os_node node, firn_slice path,
                                               const struct fi_tree_entry *entry, firn_error *err);

/* The new name in dir under which to make an entry. path is for notices. */
struct fi_checkout_write_target {
    struct fi_os_dir *dir;
    const char *name;
    firn_slice path;
    bool may_inherit; /* new entries may inherit attributes (a default ACL) */
};
/* Makes a file or a link. Requires: the name is free. On failure nothing is left there. Every byte
 * is verified. */
FIRN_MUST_CHECK int fi_checkout_write_entry(struct fi_checkout_write *write,
                                            const struct fi_checkout_write_target *target,
                                            const struct fi_tree_entry *entry, firn_error *err);

/* The changes of the plan, for the passes that follow: checkout_record.c. A zeroed struct is
 * empty. */
struct fi_checkout_recorded;
struct fi_checkout_record {
    struct fi_arena arena;
    struct fi_checkout_recorded *first; /* in the order of the walk */
    struct fi_checkout_recorded *last;
    bool is_whole;   /* the plan is over, and all of its changes are here */
    bool is_dropped; /* there were too many */
};
void fi_checkout_record_deinit(struct fi_checkout_record *record);
/* Records a copy of a change. Requires: the change comes next in the walk. */
FIRN_MUST_CHECK int fi_checkout_record_add(struct fi_checkout_record *record,
                                           const struct fi_difference_walk_change *change,
                                           firn_error *err);
/* After the last change of the plan. */
void fi_checkout_record_finish(struct fi_checkout_record *record);
/* Calls visit as the walk did. Requires: is_whole. */
FIRN_MUST_CHECK int fi_checkout_record_replay(
    const struct fi_checkout_record *record,
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err),
    void *ctx, firn_error *err);

struct batch;
struct staging;
struct swapping;
struct verifying;

/* Up to this many changes, each entry is synced by itself; with more, the whole file system. */
enum { FI_CHECKOUT_FEW = 32 };

/* A directory whose metadata is set at the end, deepest first. */
struct fi_checkout_dir {
    const char *path;               /* in checkout->arena, NUL-terminated */
    struct fi_tree_entry entry;     /* xattrs in checkout->arena */
    bool only_time;                 /* an unchanged directory: changes inside moved its time */
    bool is_touched;                /* an entry of the directory itself was changed */
    struct fi_checkout_dir *parent; /* the remembered one that it is in, or NULL */
    struct fi_checkout_dir *next;
};

/* A directory that was made writable temporarily. */
struct fi_checkout_loosened {
    const char *path; /* in checkout->arena, NUL-terminated */
    uint32_t mode;    /* its own mode */
    struct fi_checkout_loosened *next;
};

struct fi_checkout {
    struct fi_checkout_options options;
    struct fi_os *os;
    bool into_empty;
    bool syncs_each; /* few changes, and none that only a sync of the file system makes durable */
    bool is_superuser;
    bool is_undone;
    uint64_t planned_left; /* counts.not_restored after the plan */
    bool is_silent;        /* findings are not reported now */
    struct fi_checkout_counts counts;
    struct fi_arena arena;
    struct fi_hash_map new_roots; /* paths of directories that are built under a temporary name */
    struct fi_hash_map left;      /* what no pass changes: checkout_left.c */
    struct fi_checkout_record record;      /* the changes for the passes */
    struct fi_buf excluded;                /* the last path reported as excluded by rules */
    struct fi_checkout_loosened *loosened; /* newest first; under mutex */
    struct fi_buf path;                    /* working memory for mapping paths */
    struct fi_checkout_dir *dirs;          /* newest first, so deepest first */
    struct fi_buf removed_dirs; /* physical paths, each with its NUL, in the order of the walk */

    struct fi_os_mutex mutex; /* callbacks, counts.incomplete and progress, while threads run */
    struct fi_os_jobs *jobs;
    /* The state of a pass while it runs; each belongs to one file. */
    struct batch *batch;
    struct staging *staging;
    struct swapping *swapping;
    struct verifying *verifying;
    struct fi_checkout_write *writers; /* one a thread */
    unsigned writer_count;
    struct fi_objects_spread spread; /* of all writers, for one large file */
    firn_progress progress;
    int64_t progress_due_ns;
};

/* ---- names and places: checkout_place.c ---- */

void fi_checkout_place_init(struct fi_checkout *checkout);
/* Whether a change makes a new directory that is built under a temporary name: one whose parent
 * is there already. */
bool fi_checkout_place_is_new_root(struct fi_checkout *checkout, firn_slice path);
FIRN_MUST_CHECK int fi_checkout_place_add_new_root(struct fi_checkout *checkout, firn_slice path,
                                                   firn_error *err);

/* Where the new entry for a path is built before the swap. Inside a new root that is the final name
 * below the root's temporary one. */
struct fi_checkout_place {
    struct fi_buf dir; /* relative path of the directory, with a NUL after it */
    char name[FI_TREE_NAME_SIZE_MAX + 1];
    bool is_direct; /* under its own name: nothing to swap */
};
FIRN_MUST_CHECK int fi_checkout_place_staged(struct fi_checkout *checkout, firn_slice path,
                                             struct fi_checkout_place *out, firn_error *err);
/* Where an entry is while a directory above it has its temporary name; root_size is the size of
 * that directory's path within path. */
FIRN_MUST_CHECK int fi_checkout_place_moved(struct fi_checkout *checkout, firn_slice path,
                                            size_t root_size, struct fi_checkout_place *out,
                                            firn_error *err);
/* The final place of a path. */
FIRN_MUST_CHECK int fi_checkout_place_final(firn_slice path, struct fi_checkout_place *out,
                                            firn_error *err);

/* ---- walking: checkout_walk.c ---- */

/* Calls visit for each change that is not left alone: those of the plan's record or, without one,
 * of a walk over the trees. */
FIRN_MUST_CHECK int fi_checkout_walk(struct fi_checkout *checkout,
                                     int (*visit)(void *ctx,
                                                  const struct fi_difference_walk_change *change,
                                                  firn_error *err),
                                     firn_error *err);
/* The same with a context for visit that is not the checkout. */
FIRN_MUST_CHECK int fi_checkout_walk_with(
    struct fi_checkout *checkout,
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err),
    void *ctx, firn_error *err);
/* The options of that walk. */
struct fi_difference_walk_options fi_checkout_walk_options(const struct fi_checkout *checkout);

/* Whether a change needs new content on disk (a file or link to be written or linked). */
bool fi_checkout_walk_needs_content(const struct fi_difference_walk_change *change);
/* Whether a change makes a directory that was not there. */
bool fi_checkout_walk_makes_dir(const struct fi_difference_walk_change *change);

/* One thread's part in a batch. */
struct fi_checkout_worker {
    struct fi_checkout *checkout;
    struct fi_checkout_write *write;
    struct fi_os_dir *dir; /* the last directory, and its path */
    struct fi_buf dir_path;
    struct fi_checkout_place place;
};

/* Collects the changes that need content and passes them, a batch at a time, to work on several
 * threads. A hard link is dropped, and the entry becomes a file of its own, if the link names a
 * path that the filter leaves out, a reserved name, or an entry that is left as it is. */
FIRN_MUST_CHECK int
fi_checkout_batch_run(struct fi_checkout *checkout, const char *phase,
                      int (*work)(struct fi_checkout_worker *worker, firn_slice path,
                                  const struct fi_tree_entry *entry, firn_error *err),
                      firn_error *err);
/* The path that an entry must be linked to, or an empty slice. */
firn_slice fi_checkout_batch_link_of(struct fi_checkout *checkout,
                                     const struct fi_tree_entry *entry);

/* The same for the directory that was built at a place. */
FIRN_MUST_CHECK int fi_checkout_clear_place(struct fi_checkout *checkout,
                                            const struct fi_checkout_place *place, firn_error *err);

/* ---- directories: checkout_dir.c ---- */

/* Opens the directory of a place, or keeps the open one if it is the same. A directory that is not
 * writable is made writable until fi_checkout_dir_tighten. */
FIRN_MUST_CHECK int fi_checkout_dir_open(struct fi_checkout *checkout, const struct fi_buf *dir,
                                         struct fi_os_dir **cache, struct fi_buf *cache_path,
                                         firn_error *err);

/* Sets back the modes of directories that were made writable: of all, or only of those that the
 * filter leaves out, if the directories of the walk have their final modes already. */
FIRN_MUST_CHECK int fi_checkout_dir_tighten(struct fi_checkout *checkout, bool all,
                                            firn_error *err);

/* ---- what no pass changes: checkout_left.c ---- */

void fi_checkout_left_init(struct fi_checkout *checkout);
/* Whether the entry at a path, or one above it, is left as it is with everything below. */
bool fi_checkout_left_has_whole(const struct fi_checkout *checkout, firn_slice path);
/* The same, or the entry at the path is left by itself. */
bool fi_checkout_left_has(const struct fi_checkout *checkout, firn_slice path);
/* Leaves an existing entry alone, but not what is below it. Reports nothing. */
FIRN_MUST_CHECK int fi_checkout_left_itself(struct fi_checkout *checkout, firn_slice path,
                                            firn_error *err);
/* Leaves an entry and everything below it alone, because rules exclude it now; reported as the
 * first excluded_size bytes of its path. */
FIRN_MUST_CHECK int fi_checkout_left_excluded(struct fi_checkout *checkout, firn_slice path,
                                              size_t excluded_size, firn_error *err);
/* The same for a reason that makes the restore incomplete; text is one line. Any thread, but not
 * during a walk on another thread. */
FIRN_MUST_CHECK int fi_checkout_left_behind(struct fi_checkout *checkout, firn_slice path,
                                            const char *text, firn_error *err);
/* The same for a directory's own attributes only: what is in it is changed. */
FIRN_MUST_CHECK int fi_checkout_left_attributes(struct fi_checkout *checkout, firn_slice path,
                                                const char *text, firn_error *err);

/* ---- what the caller is told: checkout_progress.c ---- */

/* Begins a phase and reports it. FIRN_CANCELLED if the caller cancels, unless it is too late for
 * that (fi_checkout_progress_finishing). */
FIRN_MUST_CHECK int fi_checkout_progress_phase(struct fi_checkout *checkout, const char *phase,
                                               uint64_t files_total, uint64_t bytes_total,
                                               firn_error *err);
/* The same, without resetting the counts. */
FIRN_MUST_CHECK int fi_checkout_progress_phase_next(struct fi_checkout *checkout, const char *phase,
                                                    firn_error *err);
/* From here on the restore cannot be cancelled. */
void fi_checkout_progress_finishing(struct fi_checkout *checkout);
/* Reports progress, a few times a second; FIRN_CANCELLED as above. Any thread. */
FIRN_MUST_CHECK int fi_checkout_progress(struct fi_checkout *checkout, uint64_t files,
                                         uint64_t bytes, firn_error *err);
void fi_checkout_progress_notice(struct fi_checkout *checkout, firn_notice_kind kind,
                                 firn_slice path, const char *text);

/* The last component of a path. */
static inline firn_slice
fi_checkout_name_in(firn_slice path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return firn_bytes(path.data + at, path.size - at);
}

/* ---- the passes ---- */

FIRN_MUST_CHECK int fi_checkout_stage(struct fi_checkout *checkout, firn_error *err);
/* Removes what stage made, and sets checkout->is_undone if all of it is gone. */
void fi_checkout_stage_undo(struct fi_checkout *checkout);
FIRN_MUST_CHECK int fi_checkout_swap(struct fi_checkout *checkout, firn_error *err);
/* Make durable what stage made, and what swap did: checkout_sync.c. */
FIRN_MUST_CHECK int fi_checkout_sync_staged(struct fi_checkout *checkout, firn_error *err);
FIRN_MUST_CHECK int fi_checkout_sync_swapped(struct fi_checkout *checkout, firn_error *err);
/* Counts the changes again, after more entries were left alone than planned. */
FIRN_MUST_CHECK int fi_checkout_plan_recount(struct fi_checkout *checkout, firn_error *err);

/* ---- changes that the system does not permit: checkout_able.c ---- */

enum { FI_CHECKOUT_ABLE_WHY_SIZE = FIRN_ERROR_TEXT_SIZE };

/* The state of one walk over the changes. Ready for use if all fields after the first two are
 * zero. */
struct fi_checkout_able {
    struct fi_os_dir *root; /* of the tree on disk; borrowed */
    uint32_t user;
    bool is_taken;         /* the fields below are of dir_path */
    struct fi_os_dir *dir; /* NULL: does not exist, or cannot be opened */
    struct fi_os_stat dir_stat;
    char dir_why[FI_CHECKOUT_ABLE_WHY_SIZE]; /* why no name in it can be changed, or "" */
    struct fi_buf dir_path;
    struct fi_checkout_place place;
    struct fi_buf mount; /* path of the last mount point */
};
/* Why a change cannot be made, or "". Requires: called for all changes in the order of the walk,
 * except those in new directories. */
FIRN_MUST_CHECK int fi_checkout_able_query(struct fi_checkout_able *able,
                                           const struct fi_difference_walk_change *change,
                                           char out_why[FI_CHECKOUT_ABLE_WHY_SIZE],
                                           firn_error *err);
void fi_checkout_able_deinit(struct fi_checkout_able *able);

/* Whether a failure means that the system refuses a change, and says nothing about other
 * entries. */
bool fi_checkout_able_is_refusal(int rc);

/* Setting aside a user's entry whose own name is taken, under a visible name. */

/* Renames `name` in dir to "<wanted>.firn-kept-<8 hex digits of tag>", followed by a number if that
 * is taken; wanted is cut if the whole would be too long. out gets the name. */
FIRN_MUST_CHECK int fi_checkout_swap_set_aside(struct fi_os_dir *dir, const char *name,
                                               firn_slice wanted, const uint8_t *tag,
                                               char out[FI_TREE_NAME_SIZE_MAX + 1],
                                               firn_error *err);

/* Comparing an entry on the disk with an entry of a tree, by content. */

/* What `name` in dir is compared with. buf is working memory. */
struct fi_checkout_look {
    struct fi_os_dir *dir;
    const char *name;
    const struct fi_os_stat *stat; /* of it */
    bool is_cut;                   /* only stat->size_bytes bytes of the file count */
    struct fi_buf *buf;
    struct fi_objects *objects; /* with the entry's content */
    /* Called while a large file is read; any return value other than FIRN_OK stops the comparison.
     * NULL: no call. */
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Whether it is a file with the same bytes, a link with the same target, or a directory too. Modes,
 * owners and times do not count, except that an unreadable file is compared by size, mode and
 * times. */
FIRN_MUST_CHECK int fi_checkout_inspect_equal(const struct fi_checkout_look *look,
                                              const struct fi_tree_entry *entry, bool *out,
                                              firn_error *err);

/* Copies the bytes of a slice; an empty one gets no data. False if memory runs out. */
static inline bool
fi_checkout_copy_slice(struct fi_arena *arena, firn_slice *slice)
{
    *slice = firn_bytes(slice->size == 0 ? NULL : fi_arena_copy(arena, slice->data, slice->size),
                        slice->size);
    return slice->size == 0 || slice->data != NULL;
}

/* ---- databases of SQLite: checkout_sqlite.c ---- */

/* To be called before a change: FIRN_BUSY for a database that a process has open, or a file beside
 * one. */
FIRN_MUST_CHECK int fi_checkout_sqlite_change(const struct fi_checkout_stores *stores,
                                              const struct fi_difference_walk_change *change,
                                              firn_error *err);

#endif
