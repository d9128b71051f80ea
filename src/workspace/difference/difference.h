/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference.h: what differs between two trees, in one walk over both that visits only
 * directories whose objects differ. The same two trees always give the same sequence of changes.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_H
#define FIRN_DIFFERENCE_DIFFERENCE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "firn/workspace.h"
#include "lines/lines_diff.h"
#include "objects/objects.h"
#include "os/os.h"
#include "pack/pack.h"
#include "tree/tree.h"

/* What differs, as bits: the public ones. */
enum fi_difference_walk_what {
    FI_DIFFERENCE_WALK_TYPE = FIRN_CHANGED_TYPE,
    FI_DIFFERENCE_WALK_CONTENT = FIRN_CHANGED_CONTENT, /* never of a directory */
    FI_DIFFERENCE_WALK_GROUP = FIRN_CHANGED_LINKS,
    FI_DIFFERENCE_WALK_MODE = FIRN_CHANGED_MODE,
    FI_DIFFERENCE_WALK_OWNER = FIRN_CHANGED_OWNER,
    FI_DIFFERENCE_WALK_MTIME = FIRN_CHANGED_MTIME,
    FI_DIFFERENCE_WALK_XATTRS = FIRN_CHANGED_XATTRS
};

enum fi_difference_walk_kind {
    FI_DIFFERENCE_WALK_NOTHING = 0, /* never the kind of a change */
    FI_DIFFERENCE_WALK_ADDED = 1,
    FI_DIFFERENCE_WALK_REMOVED,
    FI_DIFFERENCE_WALK_CHANGED, /* `what` is not 0 */
    FI_DIFFERENCE_WALK_SAME     /* with with_same; and directories in which only entries differ */
};

struct fi_difference_walk_change {
    enum fi_difference_walk_kind kind;
    unsigned what;
    firn_slice path;                    /* "" is the root itself */
    const struct fi_tree_entry *before; /* NULL for ADDED */
    const struct fi_tree_entry *after;  /* NULL for REMOVED */
    bool is_entered; /* a directory on both sides whose objects differ: changes below it follow */
};

/* Which bits differ between two entries of one name. The contents of two directories are not
 * compared. */
unsigned fi_difference_walk_what(const struct fi_tree_entry *before,
                                 const struct fi_tree_entry *after);

/* The effect of a change on files, ignoring directories: ADDED, REMOVED (a type may change to or
 * from a directory), CHANGED, SAME or NOTHING. */
static inline enum fi_difference_walk_kind
fi_difference_walk_of_file(const struct fi_difference_walk_change *change)
{
    bool was_file = change->before != NULL && change->before->kind != FI_TREE_DIR;
    bool is_file = change->after != NULL && change->after->kind != FI_TREE_DIR;
    if (was_file && is_file) {
        return change->kind;
    }
    return is_file    ? FI_DIFFERENCE_WALK_ADDED
           : was_file ? FI_DIFFERENCE_WALK_REMOVED
                      : FI_DIFFERENCE_WALK_NOTHING;
}

/* Whether only the time of a directory differs; every change inside changes it. */
static inline bool
fi_difference_walk_is_dir_time(const struct fi_difference_walk_change *change)
{
    return change->kind == FI_DIFFERENCE_WALK_CHANGED && change->what == FI_DIFFERENCE_WALK_MTIME &&
           change->after->kind == FI_TREE_DIR;
}

/* Whether only the time of a file or link differs: nothing that people call a change. */
static inline bool
fi_difference_walk_is_times_only(const struct fi_difference_walk_change *change)
{
    return change->kind == FI_DIFFERENCE_WALK_CHANGED && change->what == FI_DIFFERENCE_WALK_MTIME &&
           change->after->kind != FI_TREE_DIR;
}

struct fi_difference_walk_side {
    const struct fi_tree_source *source;
    const struct fi_tree_entry *root; /* NULL: an empty side, on which not even the root exists */
};

struct fi_difference_walk_options {
    struct fi_tree_filter *filter; /* NULL: everything */
    bool with_same;                /* every entry, also in directories whose objects are equal */
    /* If not NULL: a file on both sides for which it returns true counts as different in
     * content. */
    bool (*is_to_replace)(const void *ctx, firn_slice path);
    const void *ctx; /* for is_to_replace */
    /* Entries of reserved names (tree.h), and all below them, count as missing on both sides: for
     * callers that write and remove. */
    bool without_reserved;
    /* Called once for each such entry that the filter selects, before the entries that follow it;
     * may be NULL. */
    void (*on_reserved)(void *reserved_ctx, firn_slice path, const char *reason);
    void *reserved_ctx;
};

/* Calls visit for each change: names in byte order, a directory before its entries, also a removed
 * one. If a type changes to or from a directory, CHANGED comes first and then the entries of the
 * directory. Directories on both sides whose objects differ are always visited (SAME if their own
 * metadata is equal). The root is visited like any directory, unless a filter excludes it. What is
 * equal on both sides may not be read, so that damage there is not found and a filter may not
 * meet its paths there; with_same reads everything.
 * Everything is borrowed until visit returns; a return other than FIRN_OK ends the walk. */
FIRN_MUST_CHECK int fi_difference_walk(
    const struct fi_difference_walk_side *before, const struct fi_difference_walk_side *after,
    const struct fi_difference_walk_options *options,
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err),
    void *ctx, firn_error *err);

/* The public form of a change that is not SAME; *out points into *before and *after. */
void fi_difference_walk_to_change(const struct fi_difference_walk_change *change,
                                  firn_workspace_entry *before, firn_workspace_entry *after,
                                  firn_workspace_change *out);
/* The public form of an entry. */
void fi_difference_walk_to_info(firn_slice path, const struct fi_tree_entry *entry,
                                firn_workspace_entry *out);

/* Merging three trees: what ours and theirs have each changed since the base. */

/* The largest version of a file that is merged line by line, and the largest result. */
enum { FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX = 8 << 20 };

/* All is borrowed. */
struct fi_difference_merge_options {
    struct fi_difference_walk_side base; /* each has a root */
    struct fi_difference_walk_side ours; /* what is on the disk */
    struct fi_difference_walk_side theirs;
    struct fi_tree_filter *filter; /* NULL: all; what it excludes stays as ours has it */
    struct fi_objects *objects;
    struct fi_os_dir *disk;
    int64_t now_ns; /* the time of files that are merged line by line */
    /* Receives the new objects: contents and directories, parts before the index that names
     * them. */
    int (*put)(void *ctx, const struct fi_objects_object *object, firn_error *err);
    int (*on_conflict)(void *ctx, const firn_workspace_revert_conflict *conflict, firn_error *err);
    /* A path that differs and that ours does not have, although it exists on the disk. */
    int (*on_left_alone)(void *ctx, firn_slice path, firn_error *err);
    /* A reserved name (tree.h) at which theirs differs from the base; may be NULL. */
    void (*on_reserved)(void *ctx, firn_slice path, const char *reason);
    void *ctx;
};

struct fi_difference_merge_result {
    struct fi_tree_entry root; /* its attributes are borrowed from the roots of the sides */
    uint64_t lines_merged;     /* files */
};

/* Merges. After a conflict the walk continues, with ours at that path. FIRN_CONFLICT if a file on
 * the disk no longer matches ours. The same trees give the same result. One thread. */
FIRN_MUST_CHECK int fi_difference_merge(const struct fi_difference_merge_options *options,
                                        struct fi_difference_merge_result *out, firn_error *err);

/* What is in a tree, counted as in a checkpoint's record. */
struct fi_difference_merge_counts {
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
};
/* Walks a whole merged tree: counts, and calls on_conflict (HARD_LINKS) for each entry that links
 * to one which is not the same file. */
FIRN_MUST_CHECK int fi_difference_merge_links_check(
    const struct fi_difference_walk_side *tree,
    int (*on_conflict)(void *ctx, const firn_workspace_revert_conflict *conflict, firn_error *err),
    void *ctx, struct fi_difference_merge_counts *out, firn_error *err);

/* A tree without some of its paths. */

struct fi_difference_forget_counts {
    uint64_t files;
    uint64_t directories;
    uint64_t bytes; /* of contents that have no name left */
};

/* For many trees, one after the other; shared parts are visited once. One thread. */
struct fi_difference_forget;
/* All is borrowed. The names of forgotten objects are added to the set `gone` (catalog.h). */
FIRN_MUST_CHECK int fi_difference_forget_create(const struct fi_tree_source *source,
                                                struct fi_tree_filter *paths,
                                                struct fi_hash_map *gone,
                                                struct fi_difference_forget **out, firn_error *err);
void fi_difference_forget_destroy(struct fi_difference_forget *forget);

/* Counts what a tree has at the paths; all zeros: nothing. */
FIRN_MUST_CHECK int fi_difference_forget_survey(struct fi_difference_forget *forget,
                                                const firn_hash *root,
                                                struct fi_difference_forget_counts *out,
                                                firn_error *err);
/* Adds the directories of the tree without the paths; *out is its root. */
FIRN_MUST_CHECK int fi_difference_forget_rewrite(struct fi_difference_forget *forget,
                                                 const firn_hash *root,
                                                 struct fi_objects_session_lane *lane,
                                                 firn_hash *out, firn_error *err);
/* After a survey, of that tree: whether an entry of a directory that does not lead to the paths
 * changes. */
bool fi_difference_forget_concerns(const struct fi_difference_forget *forget,
                                   const firn_hash *directory);
/* The same: which first name an entry that stays gets. */
firn_slice fi_difference_forget_link(const struct fi_difference_forget *forget, firn_slice path,
                                     const struct fi_tree_entry *entry);

/* A tree with some of its paths as another tree has them. */

/* All is borrowed. */
struct fi_difference_graft_options {
    struct fi_difference_walk_side ours; /* each has a root */
    struct fi_difference_walk_side theirs;
    struct fi_tree_filter *filter; /* these paths and what is below them; at least one */
    /* Receives the new directories, parts before the index that names them. */
    int (*put)(void *ctx, const struct fi_objects_object *object, firn_error *err);
    /* May make another entry of the one that a file of theirs gets, which is *entry; NULL: none.
     * What it borrows lives until the next call. */
    int (*replace)(void *ctx, firn_slice path, const struct fi_tree_entry *ours,
                   struct fi_tree_entry *entry, firn_error *err);
    void *ctx;
};

/* *out_root is the root's object; all else of it is as in ours. A path that only a file of ours
 * keeps from being there is there nevertheless: a restore finds that out. The same trees give the
 * same result. One thread. */
FIRN_MUST_CHECK int fi_difference_graft(const struct fi_difference_graft_options *options,
                                        firn_hash *out_root, firn_error *err);

/* The contents of two versions of a file, compared line by line. */

struct fi_difference_lines {
    struct fi_objects *objects;
    struct fi_os_dir *disk; /* the root of the second side; NULL: that side is stored too */
    struct fi_pack_scratch *scratch;
    firn_callbacks callbacks;
    firn_diff_algorithm algorithm; /* FIRN_DIFF_MYERS at first */
    bool ignores_space;            /* white space is no difference; false at first */
    struct fi_buf before;
    struct fi_buf after;
    struct fi_buf bare_before; /* without white space */
    struct fi_buf bare_after;
    struct fi_lines_diff diff;
};

/* objects and disk are borrowed. */
FIRN_MUST_CHECK int fi_difference_lines_init(struct fi_difference_lines *out,
                                             struct fi_objects *objects, struct fi_os_dir *disk,
                                             const firn_callbacks *callbacks, firn_error *err);
/* A zeroed struct is fine. */
void fi_difference_lines_deinit(struct fi_difference_lines *lines);

/* Sets the fields of *out that are about lines, borrowed until the next call. A file on the disk
 * that no longer matches the change, or cannot be read, is reported by a notice. FIRN_CORRUPT if
 * stored content is damaged. */
FIRN_MUST_CHECK int fi_difference_lines_compare(struct fi_difference_lines *lines,
                                                const struct fi_difference_walk_change *change,
                                                firn_workspace_difference *out, firn_error *err);

/* Renames: removed files that were added under another name. */

/* The most added and removed files in one difference; with more, no renames are found. */
enum { FI_DIFFERENCE_RENAMES_FILES_MAX = 1 << 17 };

struct fi_difference_renames_file;

/* A zeroed struct has none. */
struct fi_difference_renames {
    struct fi_arena arena;
    struct fi_difference_renames_file **files; /* as added; sorted by match */
    size_t count;
    size_t capacity;
    struct fi_hash_map by_path; /* pointers to those that have a partner; set up by match */
    bool is_given_up;
};

void fi_difference_renames_init(struct fi_difference_renames *renames);
void fi_difference_renames_deinit(struct fi_difference_renames *renames);

/* Adds a change; copies everything that is needed of it. */
FIRN_MUST_CHECK int fi_difference_renames_add(struct fi_difference_renames *renames,
                                              const struct fi_difference_walk_change *change,
                                              firn_error *err);
/* Pairs each removed file with at most one added file. Call once. */
FIRN_MUST_CHECK int fi_difference_renames_match(struct fi_difference_renames *renames,
                                                firn_error *err);

/* Finds the rename that a change, ADDED or REMOVED, is part of: the removed entry and its path,
 * borrowed as long as renames. False if there is none. */
bool fi_difference_renames_find(const struct fi_difference_renames *renames,
                                const struct fi_difference_walk_change *change,
                                const struct fi_tree_entry **out_before, firn_slice *out_path);

#endif
