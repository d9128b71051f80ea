/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_archive_writer.h: the files of a store that is closed, moved into one file. One thread.
 */
#ifndef FIRN_STORE_DB_ARCHIVE_WRITER_H
#define FIRN_STORE_DB_ARCHIVE_WRITER_H

#include "os/os.h"
#include "store/db_progress.h"

/* Writes an archive (db_archive_format.h), read at a time, to a file that is empty, and syncs it.
 * The store is a store no more afterwards, whatever is returned. */
FIRN_MUST_CHECK int firn_db_archive_writer_run(struct firn_os_dir *store, struct firn_os_file *file,
                                               int64_t time_ns, struct firn_db_progress *progress,
                                               firn_error *err);

#endif
