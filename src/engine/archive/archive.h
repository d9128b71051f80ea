/* SPDX-License-Identifier: Apache-2.0
 *
 * archive/archive.h: a store in a single file, which is read in place. copy.h creates such files.
 */
#ifndef FIRN_ARCHIVE_ARCHIVE_H
#define FIRN_ARCHIVE_ARCHIVE_H

#include "archive/archive_format.h"
#include "os/os.h"
#include "storefile/storefile.h"

/* Immutable; any thread. */
struct fi_archive {
    char *path; /* as given by the caller; for messages */
    struct fi_os_file *file;
    struct fi_os *os; /* in which the store is the root directory */
    struct fi_archive_format_toc toc;
    struct fi_os_within_entry *entries; /* parallel to the files of the table */
};

/* Whether a user's path leads to a regular file. */
bool fi_archive_is_file(struct fi_os *os, const char *path);
/* Opens the file at a user's path, following links. FIRN_INVALID if it is no archive; FIRN_CORRUPT,
 * FIRN_NEWER. */
FIRN_MUST_CHECK int fi_archive_open(struct fi_os *os, const char *path, struct fi_archive **out,
                                    firn_error *err);
/* Requires: everything opened in its os is closed. NULL is fine. */
void fi_archive_close(struct fi_archive *archive);
/* Reads the whole file and compares it with the table of contents. Calls on_damage (may be NULL)
 * for each part that differs from what was written, and step (may be NULL) for each file.
 * FIRN_CORRUPT if there was any damage. */
FIRN_MUST_CHECK int fi_archive_check(struct fi_archive *archive,
                                     void (*on_damage)(void *ctx, const char *text), void *ctx,
                                     const struct fi_step *step, firn_error *err);
/* The same for a part of it: the bytes before the first file; or file i of the table, with the
 * bytes after it. */
FIRN_MUST_CHECK int fi_archive_check_begin(struct fi_archive *archive, firn_error *err);
FIRN_MUST_CHECK int fi_archive_check_file(struct fi_archive *archive, size_t i, firn_error *err);
/* Copies file i to a new file, whose name is the last part of its path, syncs that, and verifies
 * the hash on the way. */
FIRN_MUST_CHECK int fi_archive_copy_out(struct fi_archive *archive, size_t i, struct fi_os_dir *to,
                                        struct fi_storefile_progress *progress, firn_error *err);

/* ---- moving the files of a closed store to one file; one thread ---- */

/* Writes an archive (archive_format.h) whose time of reading is time_ns to an empty file, and syncs
 * it. The directory is no store afterwards, also after a failure. */
FIRN_MUST_CHECK int fi_archive_writer_run(struct fi_os_dir *store, struct fi_os_file *file,
                                          int64_t time_ns, struct fi_storefile_progress *progress,
                                          firn_error *err);

#endif
