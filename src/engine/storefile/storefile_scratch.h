/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_scratch.h: a directory beside what is being made, gone when that is done. One thread.
 */
#ifndef FIRN_STOREFILE_STOREFILE_SCRATCH_H
#define FIRN_STOREFILE_STOREFILE_SCRATCH_H

#include "os/os.h"

struct firn_storefile_scratch {
    struct firn_os_dir *parent; /* borrowed */
    struct firn_os_dir *dir;
    struct firn_os_file *lock;
    char name[48]; /* "": it is not there */
};

/* Makes an empty directory (0700) with a name of its own, and removes those that other processes
 * left behind when they ended. Nothing about it is durable. */
FIRN_MUST_CHECK int firn_storefile_scratch_create(struct firn_storefile_scratch *scratch,
                                                  struct firn_os_dir *parent, firn_error *err);
/* Removes it with all that is in it: files, and two levels of directories. Fine on a zeroed struct,
 * and twice. */
void firn_storefile_scratch_remove(struct firn_storefile_scratch *scratch);

#endif
