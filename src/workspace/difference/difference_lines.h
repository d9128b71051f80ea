/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_lines.h: the contents of two versions of a file, compared line by line.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_LINES_H
#define FIRN_DIFFERENCE_DIFFERENCE_LINES_H

#include "difference/difference_walk.h"
#include "firn/workspace.h"
#include "lines/line_diff.h"
#include "objects/objects.h"
#include "pack/packfile.h"

struct firn_difference_lines {
    struct firn_objects *objects;
    struct firn_os_dir *disk; /* the root that the second side lies in; NULL: it is stored too */
    struct firn_packfile_scratch *scratch;
    firn_callbacks callbacks;
    firn_diff_algorithm algorithm; /* FIRN_DIFF_MYERS at first */
    struct firn_buf before;
    struct firn_buf after;
    struct firn_line_diff diff;
};

/* objects and disk are borrowed. */
FIRN_MUST_CHECK int firn_difference_lines_init(struct firn_difference_lines *out,
                                               struct firn_objects *objects,
                                               struct firn_os_dir *disk,
                                               const firn_callbacks *callbacks, firn_error *err);
/* A zeroed struct is fine. */
void firn_difference_lines_deinit(struct firn_difference_lines *lines);

/* Fills the fields of *out that are about lines, borrowed until the next call. A file of the disk that is not what the change
 * says any more, or that cannot be read, is told by a notice. FIRN_CORRUPT for damage of what is
 * stored. */
FIRN_MUST_CHECK int firn_difference_lines_compare(struct firn_difference_lines *lines,
                                                  const struct firn_difference_walk_change *change,
                                                  firn_workspace_difference *out, firn_error *err);

#endif
