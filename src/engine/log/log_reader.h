/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_reader.h: reading the records of one segment, and searching for records behind bad bytes.
 */
#ifndef FIRN_LOG_LOG_READER_H
#define FIRN_LOG_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "log/log_format.h"
#include "os/os.h"

/* Embedded in the caller's memory. A zeroed one may be closed. */
struct firn_log_reader {
    struct firn_os_file *file;
    struct firn_log_format_segment segment;
    uint64_t size_bytes;    /* of the file, when it was last asked */
    struct firn_buf window; /* bytes of the file … */
    uint64_t window_offset; /* … from here */
};

/* Opens a segment for reading. FIRN_NOT_FOUND where there is none. */
FIRN_MUST_CHECK int firn_log_reader_open(struct firn_log_reader *reader, struct firn_os_dir *dir,
                                         const char *prefix, uint64_t number, firn_error *err);
void firn_log_reader_close(struct firn_log_reader *reader);
/* Forgets what was read and asks for the file's size again: another process may be appending. */
FIRN_MUST_CHECK int firn_log_reader_refresh(struct firn_log_reader *reader, firn_error *err);

/* Whether the file is still that segment: another process may have given the segment up and be
 * using its file for a later one. */
FIRN_MUST_CHECK int firn_log_reader_is_current(struct firn_log_reader *reader, bool *out,
                                               firn_error *err);

struct firn_log_reader_record {
    struct firn_log_format_record header;
    firn_slice payload; /* borrowed until the next call on the reader */
    uint64_t end;       /* where the next record begins */
};

/* Reads the record at an offset that is a multiple of 8. *out_is_valid is false, and *out
 * undefined, where no whole, verified record of this segment stands there; that is no error. */
FIRN_MUST_CHECK int firn_log_reader_read(struct firn_log_reader *reader, uint64_t offset,
                                         struct firn_log_reader_record *out, bool *out_is_valid,
                                         firn_error *err);

/* What lies behind the last good record. */
struct firn_log_reader_tail {
    bool is_blank;         /* nothing but zeros */
    bool has_torn_record;  /* bytes that cannot be explained as unused space */
    bool has_later_record; /* a whole record of this segment stands further behind */
    uint64_t durable;      /* the highest mark of those, in bytes; 0 without any */
};

/* Looks at everything from offset to the end of the file. FIRN_CORRUPT if the bytes are so made
 * that finding records among them would take unreasonably long. */
FIRN_MUST_CHECK int firn_log_reader_tail(struct firn_log_reader *reader, uint64_t offset,
                                         struct firn_log_reader_tail *out, firn_error *err);

/* The first whole record at or behind *offset, a multiple of 8, which is set to the place behind it;
 * *out_is_found is false where there is none. *vain_bytes, 0 at first, counts what was read for
 * nothing: FIRN_CORRUPT when that becomes unreasonable. */
FIRN_MUST_CHECK int firn_log_reader_find(struct firn_log_reader *reader, uint64_t *offset,
                                         uint64_t *vain_bytes, struct firn_log_reader_record *out,
                                         bool *out_is_found, firn_error *err);

#endif
