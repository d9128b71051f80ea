/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_export.h: one checkpoint as a store of its own in a single file (archive.h), and such
 * a file as a store in a directory again. One thread; other commits and readings go on beside it.
 */
#ifndef FIRN_COPY_COPY_EXPORT_H
#define FIRN_COPY_COPY_EXPORT_H

#include "store/db.h"
#include "store/db_checkpoint.h"
#include "storefile/storefile_progress.h"

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
