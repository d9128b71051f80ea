/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_internal.h: loading the content of a file from the store or the disk; and
 * the rule of a merge. Only difference*.c include it.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H
#define FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H

#include "base/buf.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "os/os.h"

/* Loads a version from the store into *out. If its first bytes show that it is not text,
 * *out_is_text is false, and *out is incomplete. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_difference_content_load_stored(struct fi_objects *objects,
                                                      struct fi_pack_scratch *scratch,
                                                      const struct fi_tree_entry *entry,
                                                      struct fi_buf *out, bool *out_is_text,
                                                      firn_error *err);

/* Loads the present content of a file on the disk. *out_is_same is false if it does not match the
 * entry, or the file no longer exists; *out_is_text as above. FIRN_DENIED, FIRN_IO … if it cannot
 * be read. */
FIRN_MUST_CHECK int fi_difference_content_load_disk(struct fi_os_dir *root, firn_slice path,
                                                    const struct fi_tree_entry *entry,
                                                    struct fi_buf *out, bool *out_is_same,
                                                    bool *out_is_text, firn_error *err);

/* Whether a path below root exists; no link is followed. */
FIRN_MUST_CHECK int fi_difference_content_stands(struct fi_os_dir *root, firn_slice path, bool *out,
                                                 firn_error *err);

/* ---- the result of a merge of three trees for one path (difference_merge_entry.c) ---- */

/* The entries of one path; NULL if a side has none. */
struct fi_difference_merge_entry_sides {
    const struct fi_tree_entry *base;
    const struct fi_tree_entry *ours;
    const struct fi_tree_entry *theirs;
};

enum fi_difference_merge_entry_verdict {
    FI_DIFFERENCE_MERGE_ENTRY_OURS,
    FI_DIFFERENCE_MERGE_ENTRY_THEIRS,
    FI_DIFFERENCE_MERGE_ENTRY_NOTHING,
    FI_DIFFERENCE_MERGE_ENTRY_DESCEND, /* into directories */
    FI_DIFFERENCE_MERGE_ENTRY_LEAF,    /* files on both sides, or links: attribute by attribute */
    FI_DIFFERENCE_MERGE_ENTRY_CONFLICT,
    /* A directory became something else on the named side: that side's entry or, if the other side
     * changed anything below the directory, a conflict. */
    FI_DIFFERENCE_MERGE_ENTRY_THEIRS_OF_DIR,
    FI_DIFFERENCE_MERGE_ENTRY_OURS_OF_DIR
};

struct fi_difference_merge_entry_ruling {
    enum fi_difference_merge_entry_verdict verdict;
    firn_workspace_revert_conflict_kind conflict; /* of CONFLICT and of the two OF_DIR */
    /* Ours has no entry; if the path exists on the disk, a rule excludes it, and it is left
     * alone. */
    bool asks_disk;
};

/* Where the content of a merged file or link comes from. */
enum fi_difference_merge_entry_content {
    FI_DIFFERENCE_MERGE_ENTRY_CONTENT_OURS,
    FI_DIFFERENCE_MERGE_ENTRY_CONTENT_THEIRS,
    FI_DIFFERENCE_MERGE_ENTRY_CONTENT_BOTH, /* lines have to be merged */
    FI_DIFFERENCE_MERGE_ENTRY_CONTENT_CONFLICT
};

/* Whether both are missing, or both exist and are equal in everything; directories are compared by
 * their objects. */
bool fi_difference_merge_entry_equal(const struct fi_tree_entry *a, const struct fi_tree_entry *b);

/* Requires: at least one side has an entry. */
struct fi_difference_merge_entry_ruling
fi_difference_merge_entry_assess(const struct fi_difference_merge_entry_sides *sides);

/* Makes the entry of a path. Requires: ours and theirs are both files, links or directories (base
 * may be missing or of another kind), or only one of them exists and is a directory. The content in
 * *out is that of ours or theirs. *out_what has the bits of attributes in conflict, which are taken
 * from ours. */
enum fi_difference_merge_entry_content
fi_difference_merge_entry_make(const struct fi_difference_merge_entry_sides *sides,
                               struct fi_tree_entry *out, unsigned *out_what);

#endif
