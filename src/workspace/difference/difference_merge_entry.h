/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge_entry.h: what becomes of one path in a merge of three trees.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_MERGE_ENTRY_H
#define FIRN_DIFFERENCE_DIFFERENCE_MERGE_ENTRY_H

#include "difference/difference_walk.h"
#include "firn/workspace.h"

/* The entries of one path; NULL where a side has none. */
struct firn_difference_merge_entry_sides {
    const struct firn_tree_entry *base;
    const struct firn_tree_entry *ours;
    const struct firn_tree_entry *theirs;
};

enum firn_difference_merge_entry_verdict {
    FIRN_DIFFERENCE_MERGE_ENTRY_OURS,
    FIRN_DIFFERENCE_MERGE_ENTRY_THEIRS,
    FIRN_DIFFERENCE_MERGE_ENTRY_NOTHING,
    FIRN_DIFFERENCE_MERGE_ENTRY_DESCEND, /* into directories */
    FIRN_DIFFERENCE_MERGE_ENTRY_LEAF,    /* files on both sides, or links: attribute by attribute */
    FIRN_DIFFERENCE_MERGE_ENTRY_CONFLICT,
    /* A directory became something else on one side: that, unless the other side changed what lies in
     * it; then a conflict. */
    FIRN_DIFFERENCE_MERGE_ENTRY_THEIRS_OF_DIR,
    FIRN_DIFFERENCE_MERGE_ENTRY_OURS_OF_DIR
};

struct firn_difference_merge_entry_ruling {
    enum firn_difference_merge_entry_verdict verdict;
    firn_workspace_revert_conflict_kind conflict; /* of CONFLICT and of the two OF_DIR */
    /* Ours has nothing here: if something stands on the disk it was left out, and is left alone. */
    bool asks_disk;
};

/* At least one side has an entry. */
struct firn_difference_merge_entry_ruling
firn_difference_merge_entry_judge(const struct firn_difference_merge_entry_sides *sides);

/* Whether both are missing, or both are there and equal in everything; directories by their
 * objects. */
bool firn_difference_merge_entry_equal(const struct firn_tree_entry *a,
                                       const struct firn_tree_entry *b);

/* Where the content of a merged file or link comes from. */
enum firn_difference_merge_entry_content {
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS,
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS,
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_BOTH, /* lines have to be merged */
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_CONFLICT
};

/* The entry of a path that ours and theirs have, both as files, as links or as directories (base may
 * be missing or another kind); or only one of them, a directory. Its content is ours' or theirs';
 * *out_what has the bits of the attributes that are in conflict, where ours is taken. */
enum firn_difference_merge_entry_content
firn_difference_merge_entry_make(const struct firn_difference_merge_entry_sides *sides,
                                 struct firn_tree_entry *out, unsigned *out_what);

#endif
