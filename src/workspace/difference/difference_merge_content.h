/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_merge_content.h: three versions of a text file merged line by line.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_MERGE_CONTENT_H
#define FIRN_DIFFERENCE_DIFFERENCE_MERGE_CONTENT_H

#include "difference/difference_merge_entry.h"
#include "lines/line_merge.h"
#include "objects/objects.h"
#include "os/os.h"

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

/* objects and disk are borrowed. */
FIRN_MUST_CHECK int firn_difference_merge_content_init(struct firn_difference_merge_content *out,
                                                       struct firn_objects *objects,
                                                       struct firn_os_dir *disk, firn_error *err);
/* A zeroed struct is fine. */
void firn_difference_merge_content_deinit(struct firn_difference_merge_content *content);

/* Merges three files; ours is read off the disk. FIRN_CONFLICT if it has another content there now;
 * FIRN_CORRUPT names the path. */
FIRN_MUST_CHECK int
firn_difference_merge_content_run(struct firn_difference_merge_content *content, firn_slice path,
                                  const struct firn_difference_merge_entry_sides *sides,
                                  enum firn_difference_merge_content_outcome *out, firn_error *err);

#endif
