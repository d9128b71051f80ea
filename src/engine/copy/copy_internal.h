/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_internal.h: what the files of the room share.
 */
#ifndef FIRN_COPY_COPY_INTERNAL_H
#define FIRN_COPY_COPY_INTERNAL_H

#include "copy/copy.h"

/* ---- copy_scratch.c ---- */

struct fi_copy_scratch {
    struct fi_os_dir *parent; /* borrowed */
    struct fi_os_dir *dir;
    struct fi_storefile_lock *lock;
    char name[48]; /* "": there is none */
};
/* Creates an empty directory (0700) with a unique name, and removes those left by other processes
 * that have ended. Nothing about it is durable. */
FIRN_MUST_CHECK int fi_copy_scratch_create(struct fi_copy_scratch *scratch,
                                           struct fi_os_dir *parent, firn_error *err);
/* Removes the directory with its contents. Fine on a zeroed struct, and twice. */
void fi_copy_scratch_remove(struct fi_copy_scratch *scratch);

/* ---- copy_snapshot.c ---- */

/* Copies all keyspaces of the snapshot, except firn's own, to a store without keyspaces, in bounded
 * memory. Requires: no other thread uses that store. */
FIRN_MUST_CHECK int fi_copy_snapshot(struct firn_snapshot *snapshot, struct firn_db *to,
                                     struct fi_storefile_progress *progress, firn_error *err);

#endif
