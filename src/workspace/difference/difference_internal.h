/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_internal.h: the content of a file brought into memory, out of the store or
 * off the disk; and the rule of a merge. Only difference*.c include it.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H
#define FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H

#include "base/buf.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "os/os.h"

/* A version that the store has, in the place of out's contents. *out_is_text is false, and out is
 * not all of it, where the first bytes show that it is not text. FIRN_CORRUPT. */
FIRN_MUST_CHECK int firn_difference_content_load_stored(struct firn_objects *objects,
                                                        struct firn_packfile_scratch *scratch,
                                                        const struct firn_tree_entry *entry,
                                                        struct firn_buf *out, bool *out_is_text,
                                                        firn_error *err);

/* Reads the present content of a file of the disk. *out_is_same is false where it is not what the entry
 * says, or there is no such file any more; *out_is_text as above. FIRN_DENIED, FIRN_IO … where it cannot
 * be read. */
FIRN_MUST_CHECK int firn_difference_content_load_disk(struct firn_os_dir *root, firn_slice path,
                                                      const struct firn_tree_entry *entry,
                                                      struct firn_buf *out, bool *out_is_same,
                                                      bool *out_is_text, firn_error *err);

/* Whether anything stands at a path below root; no link is followed. */
FIRN_MUST_CHECK int firn_difference_content_stands(struct firn_os_dir *root, firn_slice path,
                                                   bool *out, firn_error *err);

/* ---- what becomes of one path in a merge of three trees (difference_merge_entry.c) ---- */

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

/* Where the content of a merged file or link comes from. */
enum firn_difference_merge_entry_content {
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS,
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS,
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_BOTH, /* lines have to be merged */
    FIRN_DIFFERENCE_MERGE_ENTRY_CONTENT_CONFLICT
};

/* Whether both are missing, or both are there and equal in everything; directories by their
 * objects. */
bool firn_difference_merge_entry_equal(const struct firn_tree_entry *a,
                                       const struct firn_tree_entry *b);

/* At least one side has an entry. */
struct firn_difference_merge_entry_ruling
firn_difference_merge_entry_judge(const struct firn_difference_merge_entry_sides *sides);

/* The entry of a path that ours and theirs have, both as files, as links or as directories (base may
 * be missing or another kind); or only one of them, a directory. Its content is ours' or theirs';
 * *out_what has the bits of the attributes that are in conflict, where ours is taken. */
enum firn_difference_merge_entry_content
firn_difference_merge_entry_make(const struct firn_difference_merge_entry_sides *sides,
                                 struct firn_tree_entry *out, unsigned *out_what);

#endif
