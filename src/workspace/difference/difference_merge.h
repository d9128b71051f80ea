/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge.h: three trees made into one: what ours and theirs have each changed of the
 * base.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_MERGE_H
#define FIRN_DIFFERENCE_DIFFERENCE_MERGE_H

#include "difference/difference_walk.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "os/os.h"

/* All is borrowed. */
struct firn_difference_merge_options {
    struct firn_difference_walk_side base; /* each has a root */
    struct firn_difference_walk_side ours; /* what lies on the disk */
    struct firn_difference_walk_side theirs;
    struct firn_tree_filter *filter; /* NULL: all; what it leaves out stays as ours has it */
    struct firn_objects *objects;
    struct firn_os_dir *disk;
    int64_t now_ns; /* the time of files that are merged line by line */
    /* Takes what is made: directories, parts before the index above them, and contents. */
    int (*put)(void *ctx, const struct firn_objects_object *object, firn_error *err);
    int (*on_conflict)(void *ctx, const firn_revert_conflict *conflict, firn_error *err);
    /* A path that differs, that ours has not, and where something stands all the same. */
    int (*on_left_alone)(void *ctx, firn_slice path, firn_error *err);
    /* A reserved name (tree.h) at which theirs differs from the base; may be NULL. */
    void (*on_reserved)(void *ctx, firn_slice path, const char *reason);
    void *ctx;
};

struct firn_difference_merge_result {
    struct firn_tree_entry root; /* its attributes are borrowed from the roots of the sides */
    uint64_t lines_merged;       /* files */
};

/* Merges. After a conflict the walk goes on, with ours at that path. FIRN_CONFLICT if a file on the
 * disk is not what ours says any more. The same trees give the same result. One thread. */
FIRN_MUST_CHECK int firn_difference_merge(const struct firn_difference_merge_options *options,
                                          struct firn_difference_merge_result *out,
                                          firn_error *err);

/* What lies in a tree, as a checkpoint's record counts it. */
struct firn_difference_merge_counts {
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
};
/* Walks a merged tree to its end: counts, and calls on_conflict (HARD_LINKS) for each entry that
 * names another one which is not the same file. difference_merge_links.c. */
FIRN_MUST_CHECK int firn_difference_merge_links_check(
    const struct firn_difference_walk_side *tree,
    int (*on_conflict)(void *ctx, const firn_revert_conflict *conflict, firn_error *err), void *ctx,
    struct firn_difference_merge_counts *out, firn_error *err);

#endif
