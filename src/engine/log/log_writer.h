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
#include "os/os_window.h"

/* Embedded in the caller's memory; zeroed is empty. For one thread at a time, and for one file at a
 * time: between two of them stands firn_log_writer_leave. */
struct firn_log_writer {
    struct firn_buf buffer; /* for records that no window takes; reused */
    uint8_t *record;        /* the record being put together: in the window or in the buffer */
    size_t record_size;
    /* A large record instead, written from where its parts are (log_direct.c): these are borrowed
     * until that; NULL: it is none. */
    const firn_slice *direct_parts;
    size_t direct_part_count;
    struct firn_log_format_record direct_record;
    struct firn_os_window window; /* onto a part of what is ready */
    uint64_t ready_end;   /* behind the log's end the file has bytes that mean nothing, up to here;
                             not so where this is below that end */
    uint64_t load_bytes;  /* appended since this was last 0 */
    uint64_t ready_after; /* so much of it; set when the writer is made */
    bool has_no_windows;  /* this file can have none */
};

void firn_log_writer_deinit(struct firn_log_writer *writer);

struct firn_log_writer_place {
    struct firn_os_file *file;
    uint64_t salt;
    uint64_t offset;  /* where the record is to stand */
    uint64_t durable; /* the mark it carries, in bytes */
};

/* Space is got ready in steps of so many bytes: four times ready_after, 64 KiB to 256 KiB. */
uint64_t firn_log_writer_ready_step(const struct firn_log_writer *writer);

/* Puts a record together, where it is to stand if a window is there, else in memory; of a large one
 * the parts are borrowed until it is written. FIRN_LIMIT, FIRN_NO_MEMORY: nothing has happened. */
FIRN_MUST_CHECK int firn_log_writer_prepare(struct firn_log_writer *writer,
                                            const struct firn_log_writer_place *place, uint8_t type,
                                            const firn_slice *parts, size_t part_count,
                                            firn_error *err);
/* Hands it to the kernel; *out_end is where the next record will stand. */
FIRN_MUST_CHECK int firn_log_writer_write(struct firn_log_writer *writer,
                                          const struct firn_log_writer_place *place,
                                          uint64_t *out_end, firn_error *err);
/* Cuts the file off at the end of the log, and what is ready with it. */
FIRN_MUST_CHECK int firn_log_writer_trim(struct firn_log_writer *writer, struct firn_os_file *file,
                                         uint64_t end, firn_error *err);
/* The writer is done with this file. */
void firn_log_writer_leave(struct firn_log_writer *writer);
/* It begins with another, which has zeros behind the log's end, up to ready_end. */
void firn_log_writer_enter(struct firn_log_writer *writer, uint64_t ready_end);
/* Writes one of the log's own records and syncs the file. Everything before it must be durable. */
FIRN_MUST_CHECK int firn_log_writer_seal(struct firn_os_file *file, uint64_t salt, uint64_t offset,
                                         uint8_t type, firn_error *err);
/* Writes the bytes [start, end) of a file over themselves and syncs it. */
FIRN_MUST_CHECK int firn_log_writer_settle(struct firn_log_writer *writer,
                                           struct firn_os_file *file, uint64_t start, uint64_t end,
                                           firn_error *err);

#endif
