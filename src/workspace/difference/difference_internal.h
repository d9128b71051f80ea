/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_internal.h: the content of a file brought into memory, out of the store or
 * off the disk. Only difference*.c include it.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H
#define FIRN_DIFFERENCE_DIFFERENCE_INTERNAL_H

#include "base/buf.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "os/os.h"

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

#endif
