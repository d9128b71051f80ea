/* SPDX-License-Identifier: Apache-2.0
 *
 * tempfile/tempfile.h: a file that is written under a temporary name and gets its own name when it
 * is complete. One thread at a time.
 */
#ifndef FIRN_TEMPFILE_TEMPFILE_H
#define FIRN_TEMPFILE_TEMPFILE_H

#include <stdint.h>

#include "os/os.h"

struct fi_tempfile {
    struct fi_os_dir *dir;   /* borrowed */
    struct fi_os_file *file; /* for reading and writing; NULL: nothing is open */
    char name[48];           /* "": there is no file, or it has its own name */
};

/* Creates the empty file .firn-<kind>-<16 hex digits>.tmp (kind: at most 8 letters), and removes
 * those of that kind that no living process holds. Only this user may read it. */
FIRN_MUST_CHECK int fi_tempfile_create(struct fi_tempfile *temp, struct fi_os_dir *dir,
                                       const char *kind, firn_error *err);
/* The same for bytes that are encrypted already, where a directory has keys (os/os_seal.h). */
FIRN_MUST_CHECK int fi_tempfile_create_sealed(struct fi_tempfile *temp, struct fi_os_dir *dir,
                                              const char *kind, firn_error *err);
/* Syncs the file and renames it. A file that it replaces leaves it its mode.
 * FI_OS_RENAME_NO_REPLACE: FIRN_EXISTS if the name is taken; the file then stays a temporary one.
 * The name is durable after the caller has synced the directory. */
FIRN_MUST_CHECK int fi_tempfile_put(struct fi_tempfile *temp, const char *name,
                                    enum fi_os_rename_mode mode, firn_error *err);
/* Closes the file, and removes it unless it got its name. Fine on a zeroed struct. */
void fi_tempfile_discard(struct fi_tempfile *temp);

#endif
