/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/archive_writer.h: the files of a store that is closed, moved into one file. One thread.
 */
#ifndef FIRN_STOREFILE_ARCHIVE_WRITER_H
#define FIRN_STOREFILE_ARCHIVE_WRITER_H

#include "os/os.h"
#include "storefile/storefile_progress.h"

/* Writes an archive (archive_format.h), read at a time, to a file that is empty, and syncs it.
 * The store is a store no more afterwards, whatever is returned. */
FIRN_MUST_CHECK int firn_archive_writer_run(struct firn_os_dir *store, struct firn_os_file *file,
                                            int64_t time_ns,
                                            struct firn_storefile_progress *progress,
                                            firn_error *err);

#endif
