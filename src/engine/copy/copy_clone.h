/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_clone.h: a second store that has all that one has. Any thread; commits wait for the
 * second half of it.
 */
#ifndef FIRN_COPY_COPY_CLONE_H
#define FIRN_COPY_COPY_CLONE_H

#include "store/db.h"

/* Makes the directory, which is empty or what an earlier attempt left, a store; durable when this
 * returns. FIRN_EXISTS where there is a store already. progress (may be NULL) is told of files. */
FIRN_MUST_CHECK int firn_copy_clone(struct firn_db *db, struct firn_os_dir *to,
                                    struct firn_storefile_progress *progress, firn_error *err);
/* The same in the directory that a user's path names; its last component is made if need be. */
FIRN_MUST_CHECK int firn_copy_clone_path(struct firn_db *db, struct firn_os *os, const char *path,
                                         struct firn_storefile_progress *progress, firn_error *err);

#endif
