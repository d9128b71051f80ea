/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy.h: copies of stores: clones, and checkpoints in single files.
 */
#ifndef FIRN_COPY_COPY_H
#define FIRN_COPY_COPY_H

#include "store/db.h"
#include "storefile/storefile.h"

/* a second store that has all that one has. Any thread; commits wait for the second half of it. */

/* Makes the directory, which is empty or what an earlier attempt left, a store; durable when this
 * returns. FIRN_EXISTS where there is a store already. progress (may be NULL) gets the files. */
FIRN_MUST_CHECK int firn_copy_clone(struct firn_db *db, struct firn_os_dir *to,
                                    struct firn_storefile_progress *progress, firn_error *err);
/* The same in the directory that a user's path names; its last component is made if need be. */
FIRN_MUST_CHECK int firn_copy_clone_path(struct firn_db *db, struct firn_os *os, const char *path,
                                         struct firn_storefile_progress *progress, firn_error *err);

/* ==== exports and imports ====
 *
 * An export writes one checkpoint as a store in a single file (archive.h); an import makes such a file
 * a store in a directory again. One thread; other commits and reads continue meanwhile.
 */

struct firn_copy_export_target {
    struct firn_os *os;
    const char *path;      /* of the file; its directory is there */
    bool replace_existing; /* a file of that name may go; else FIRN_EXISTS */
};
/* Writes what a checkpoint sees, NULL: what now is. The file is there, whole and durable, when this
 * returns FIRN_OK; otherwise what was there before. */
FIRN_MUST_CHECK int firn_copy_export(struct firn_db *db, const char *reference,
                                     const struct firn_copy_export_target *target,
                                     struct firn_storefile_progress *progress, firn_error *err);

/* Makes a store in the directory `path`, which is made if need be, of the file. *out is the
 * checkpoint that the file holds. FIRN_EXISTS where there is a store already. */
FIRN_MUST_CHECK int firn_copy_import(struct firn_os *os, const char *file, const char *path,
                                     struct firn_storefile_progress *progress,
                                     struct firn_db_checkpoint_info *out, firn_error *err);

#endif
