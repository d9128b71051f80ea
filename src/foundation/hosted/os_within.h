/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_within.h: a read-only file system whose files are ranges of one file.
 *
 * For a directory that was packed into a single file: code that reads directories works here
 * unchanged. Nothing can be created, changed or removed (FIRN_READ_ONLY); locks are always granted,
 * since there is no writer. Its clock stands still at a given time; everything else (threads,
 * waiting, randomness) is that of the file's own implementation.
 *
 * Any number of threads.
 */
#ifndef FIRN_HOSTED_OS_WITHIN_H
#define FIRN_HOSTED_OS_WITHIN_H

#include "os/os.h"

/* A file: bytes [offset, offset + size) of the one file. */
struct fi_os_within_entry {
    const char *path; /* "name" or "directory/name" */
    uint64_t offset;
    uint64_t size;
};

/* Requires: entries are in ascending order of their paths, no path occurs twice or is a directory
 * of another, and all are inside the file. They are borrowed until destroy, and so is the file,
 * which is open for reading. Every path of the user's opens the root; messages show the path. */
FIRN_MUST_CHECK int fi_os_within_create(struct fi_os_file *file,
                                        const struct fi_os_within_entry *entries, size_t count,
                                        int64_t now_ns, struct fi_os **out, firn_error *err);
/* Requires: all handles were closed. NULL is allowed. */
void fi_os_within_destroy(struct fi_os *os);

#endif
