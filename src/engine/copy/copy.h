/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy.h: copies of stores: clones, and checkpoints in single files.
 */
#ifndef FIRN_COPY_COPY_H
#define FIRN_COPY_COPY_H

#include "store/db.h"
#include "storefile/storefile.h"

/* ==== clones: copies of whole stores. Any thread; commits wait during the second half ==== */

/* Makes a store of the directory, which must be empty or what an earlier attempt left; durable on
 * return. FIRN_EXISTS if there is a store already. progress (may be NULL) gets the files. */
FIRN_MUST_CHECK int fi_copy_clone(struct firn_db *db, struct fi_os_dir *to,
                                  struct fi_storefile_progress *progress, firn_error *err);
/* The same for the directory at a user's path, whose last component is created if necessary. */
FIRN_MUST_CHECK int fi_copy_clone_path(struct firn_db *db, struct fi_os *os, const char *path,
                                       struct fi_storefile_progress *progress, firn_error *err);

/* ==== exports and imports ====
 *
 * An export writes one checkpoint as a store in a single file (archive.h); an import makes a store
 * in a directory of such a file. One thread; other commits and reads continue meanwhile.
 */

struct fi_copy_export_target {
    struct fi_os *os;
    const char *path;      /* of the file; its directory must exist */
    bool replace_existing; /* replace a file of that name; else FIRN_EXISTS */
    bool in_clear;         /* also if the store is encrypted */
    /* Gives, alone, what shall open the file. NULL: the environment does, if the store is
     * encrypted. */
    const struct fi_unlock_source *keys;
};
/* Writes what a checkpoint (NULL: now) sees. On FIRN_OK the file exists, complete and durable;
 * otherwise what was there before is unchanged. If the store is encrypted the file is as well, with
 * keys of its own, unless it shall be in clear; if the store is in clear the file is encrypted
 * where keys are given. FIRN_DENIED: nothing was given that shall open it. */
FIRN_MUST_CHECK int fi_copy_export(struct firn_db *db, const char *reference,
                                   const struct fi_copy_export_target *target,
                                   struct fi_storefile_progress *progress, firn_error *err);

/* Makes a store of the file in the directory `path`, which is created if necessary. *out is the
 * checkpoint in the file. FIRN_EXISTS if there is a store already. The store of an encrypted file
 * has its keys; unlock opens them, as in struct fi_db_options. */
FIRN_MUST_CHECK int fi_copy_import(struct fi_os *os, const char *file, const char *path,
                                   const struct fi_unlock_source *unlock,
                                   struct fi_storefile_progress *progress,
                                   struct fi_db_checkpoint_info *out, firn_error *err);

#endif
