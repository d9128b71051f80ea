/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_walk.h: what differs between two trees, in one walk over both that visits only
 * directories whose objects differ. The same two trees always give the same sequence of changes.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_WALK_H
#define FIRN_DIFFERENCE_DIFFERENCE_WALK_H

#include <stdbool.h>

#include "base/error.h"
#include "firn/workspace.h"
#include "tree/tree.h"

/* What differs, as bits: the public ones. */
enum firn_difference_walk_what {
    FIRN_DIFFERENCE_WALK_TYPE = FIRN_CHANGED_TYPE,
    FIRN_DIFFERENCE_WALK_CONTENT = FIRN_CHANGED_CONTENT, /* never of a directory */
    FIRN_DIFFERENCE_WALK_GROUP = FIRN_CHANGED_LINKS,
    FIRN_DIFFERENCE_WALK_MODE = FIRN_CHANGED_MODE,
    FIRN_DIFFERENCE_WALK_OWNER = FIRN_CHANGED_OWNER,
    FIRN_DIFFERENCE_WALK_MTIME = FIRN_CHANGED_MTIME,
    FIRN_DIFFERENCE_WALK_XATTRS = FIRN_CHANGED_XATTRS
};

enum firn_difference_walk_kind {
    FIRN_DIFFERENCE_WALK_NOTHING = 0, /* never the kind of a change */
    FIRN_DIFFERENCE_WALK_ADDED = 1,
    FIRN_DIFFERENCE_WALK_REMOVED,
    FIRN_DIFFERENCE_WALK_CHANGED, /* `what` is not 0 */
    FIRN_DIFFERENCE_WALK_SAME /* where asked for, and directories that differ only in what they hold */
};

struct firn_difference_walk_change {
    enum firn_difference_walk_kind kind;
    unsigned what;
    firn_slice path;                      /* "" is the root itself */
    const struct firn_tree_entry *before; /* NULL for ADDED */
    const struct firn_tree_entry *after;  /* NULL for REMOVED */
    bool is_entered; /* a directory on both sides whose objects differ: changes below it follow */
};

/* Which bits differ between two entries of one name. What lies in two directories is not compared. */
unsigned firn_difference_walk_what(const struct firn_tree_entry *before,
                                   const struct firn_tree_entry *after);

/* What a change does to files, directories not counted: ADDED, REMOVED (a type may change to or
 * from a directory), CHANGED, SAME or NOTHING. */
static inline enum firn_difference_walk_kind
firn_difference_walk_of_file(const struct firn_difference_walk_change *change)
{
    bool was_file = change->before != NULL && change->before->kind != FIRN_TREE_DIR;
    bool is_file = change->after != NULL && change->after->kind != FIRN_TREE_DIR;
    if (was_file && is_file) {
        return change->kind;
    }
    return is_file    ? FIRN_DIFFERENCE_WALK_ADDED
           : was_file ? FIRN_DIFFERENCE_WALK_REMOVED
                      : FIRN_DIFFERENCE_WALK_NOTHING;
}

/* Whether only the time of a directory is another: it moves with every change inside. */
static inline bool
firn_difference_walk_is_dir_time(const struct firn_difference_walk_change *change)
{
    return change->kind == FIRN_DIFFERENCE_WALK_CHANGED &&
           change->what == FIRN_DIFFERENCE_WALK_MTIME && change->after->kind == FIRN_TREE_DIR;
}

struct firn_difference_walk_side {
    const struct firn_tree_source *source;
    const struct firn_tree_entry *root; /* NULL: an empty side, on which not even the root exists */
};

struct firn_difference_walk_options {
    struct firn_tree_filter *filter; /* NULL: everything */
    bool with_same;                  /* every entry, also in directories whose objects are equal */
    /* Not NULL: a file on both sides of which it is true counts as one whose content differs. */
    bool (*is_to_replace)(const void *ctx, firn_slice path);
    const void *ctx; /* for that */
    /* Entries of reserved names (tree.h), and what is below them, count as being on neither
     * side: for callers that write and remove. */
    bool without_reserved;
    /* Is told of each such entry that the filter selects, once, before the neighbours that follow; may
     * be NULL. */
    void (*on_reserved)(void *reserved_ctx, firn_slice path, const char *reason);
    void *reserved_ctx;
};

/* Calls visit for each change: names in byte order, a directory before what is in it (removed
 * ones too). Where a type changes, CHANGED comes first and then the entries of the directory
 * that came or went. Directories on both sides whose objects differ are always visited (SAME if
 * their own metadata is equal). The root is visited like any directory, unless a filter leaves
 * it out. Everything is borrowed until visit returns; another return than FIRN_OK ends the walk. */
FIRN_MUST_CHECK int firn_difference_walk(
    const struct firn_difference_walk_side *before, const struct firn_difference_walk_side *after,
    const struct firn_difference_walk_options *options,
    int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err),
    void *ctx, firn_error *err);

/* The public face of a change that is not SAME; *out points into the two others. */
void firn_difference_walk_to_change(const struct firn_difference_walk_change *change,
                                    firn_entry_info *before, firn_entry_info *after,
                                    firn_change *out);
/* The public face of an entry. */
void firn_difference_walk_to_info(firn_slice path, const struct firn_tree_entry *entry,
                                  firn_entry_info *out);

#endif
