/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_writer.h: putting records into one segment's file.
 */
#ifndef FIRN_LOG_LOG_WRITER_H
#define FIRN_LOG_LOG_WRITER_H

#include "base/buf.h"
#include "base/error.h"
#include "log/log_format.h"
#include "os/os.h"

/* Embedded in the caller's memory; zeroed is empty. For one thread at a time. */
struct firn_log_writer {
    struct firn_buf record; /* the record being put together; reused */
};

void firn_log_writer_deinit(struct firn_log_writer *writer);

struct firn_log_writer_place {
    struct firn_os_file *file;
    uint64_t salt;
    uint64_t offset;  /* where the record is to stand */
    uint64_t durable; /* the mark it carries, in bytes */
};

/* Puts a record together in memory. FIRN_LIMIT, FIRN_NO_MEMORY: nothing has happened. */
FIRN_MUST_CHECK int firn_log_writer_prepare(struct firn_log_writer *writer,
                                            const struct firn_log_writer_place *place, uint8_t type,
                                            const firn_slice *parts, size_t part_count,
                                            firn_error *err);
/* Hands it to the kernel with one write; *out_end is where the next record will stand. */
FIRN_MUST_CHECK int firn_log_writer_write(struct firn_log_writer *writer,
                                          const struct firn_log_writer_place *place,
                                          uint64_t *out_end, firn_error *err);
/* Writes one of the log's own records and syncs the file. Everything before it must be durable. */
FIRN_MUST_CHECK int firn_log_writer_seal(struct firn_log_writer *writer, struct firn_os_file *file,
                                         uint64_t salt, uint64_t offset, uint8_t type,
                                         firn_error *err);
/* Writes the bytes [start, end) of a file over themselves and syncs it. */
FIRN_MUST_CHECK int firn_log_writer_settle(struct firn_log_writer *writer,
                                           struct firn_os_file *file, uint64_t start, uint64_t end,
                                           firn_error *err);

#endif
