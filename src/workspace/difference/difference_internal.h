/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_internal.h: the content of a file brought into memory, out of the store or off the
 * disk.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H
#define FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H

#include "base/buf.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "lines/line_merge.h"
#include "objects/objects.h"
#include "os/os.h"

/* What becomes of one path in a merge of three trees. */

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

/* A version that the store has, in the place of out's contents. *out_is_text is false, and out is
 * not all of it, where the first bytes show that it is no text. FIRN_CORRUPT. */
FIRN_MUST_CHECK int firn_difference_content_load_stored(struct firn_objects *objects,
                                                        struct firn_packfile_scratch *scratch,
                                                        const struct firn_tree_entry *entry,
                                                        struct firn_buf *out, bool *out_is_text,
                                                        firn_error *err);

/* What a file of the disk has now. *out_is_same is false where that is something else than the
 * entry says, or where there is no such file any more; *out_is_text as above. FIRN_DENIED, FIRN_IO …
 * where it cannot be read. */
FIRN_MUST_CHECK int firn_difference_content_load_disk(struct firn_os_dir *root, firn_slice path,
                                                      const struct firn_tree_entry *entry,
                                                      struct firn_buf *out, bool *out_is_same,
                                                      bool *out_is_text, firn_error *err);

/* Whether anything stands at a path below root; no link is followed. */
FIRN_MUST_CHECK int firn_difference_content_stands(struct firn_os_dir *root, firn_slice path,
                                                   bool *out, firn_error *err);

/* Three versions of a text file merged line by line. */

/* Of each version and of what becomes of them. */
enum { FIRN_DIFFERENCE_MERGE_CONTENT_SIZE_MAX = 8 << 20 };

struct firn_difference_merge_content {
    struct firn_objects *objects;
    struct firn_os_dir *disk;
    struct firn_packfile_scratch *scratch;
    struct firn_buf base;
    struct firn_buf ours;
    struct firn_buf theirs;
    struct firn_line_merge merge; /* of the last call */
};

enum firn_difference_merge_content_outcome {
    FIRN_DIFFERENCE_MERGE_CONTENT_MERGED,   /* merge.text, without conflicts */
    FIRN_DIFFERENCE_MERGE_CONTENT_CONFLICT, /* merge.conflicts */
    FIRN_DIFFERENCE_MERGE_CONTENT_NO_LINES  /* a version is not text, or too large */
};

#endif
