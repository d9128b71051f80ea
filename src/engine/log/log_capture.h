/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_capture.h: which bytes of which files are a log, for who copies it beside its writer.
 */
#ifndef FIRN_LOG_LOG_CAPTURE_H
#define FIRN_LOG_LOG_CAPTURE_H

#include "base/buf.h"
#include "log/log.h"
#include "log/log_format.h"

struct firn_log_capture_segment {
    uint64_t number;
    uint64_t size_bytes;                          /* of the file, so many count */
    uint8_t header[FIRN_LOG_FORMAT_SEGMENT_SIZE]; /* with which the file begins, as long as it is
                                                     that segment */
};

/* Reads the log, showing its records to visit as firn_log_open does, and replaces the contents of out
 * by struct firn_log_capture_segment, the oldest first. Writes nothing. FIRN_BUSY where the files
 * changed so that it has to be tried again; otherwise as firn_log_open. */
FIRN_MUST_CHECK int
firn_log_capture(struct firn_os_dir *dir, const struct firn_log_options *options,
                 int (*visit)(void *ctx, uint8_t type, firn_slice record,
                              struct firn_log_position position, firn_error *err),
                 void *ctx, struct firn_buf *out, firn_error *err);

#endif
