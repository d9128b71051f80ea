/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_recover.h: walking a log from its oldest segment to its end, and judging what is found.
 */
#ifndef FIRN_LOG_LOG_RECOVER_H
#define FIRN_LOG_LOG_RECOVER_H

#include "base/buf.h"
#include "log/log.h"
#include "log/log_format.h"

struct firn_log_recover {
    struct firn_log_format_segment last; /* the newest segment */
    uint64_t end;                        /* of the log, in the newest segment */
    uint64_t durable;           /* what the newest segment's own records say is durable, in bytes */
    uint64_t older_size_bytes;  /* up to their ends, of the segments before the newest */
    uint64_t file_size_bytes;   /* of the newest segment */
    struct firn_buf older_ends; /* the end of each of those, 8 bytes, from the oldest on */
    bool needs_new_segment;     /* the newest one must not be appended to */
    struct firn_log_recovery found;
};

/* Shows every record to visit, in order. out is to be deinitialised whatever is returned. Writes
 * nothing. */
FIRN_MUST_CHECK int
firn_log_recover_run(struct firn_os_dir *dir, const struct firn_log_options *options,
                     int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                  struct firn_log_position position, firn_error *err),
                     void *ctx, struct firn_log_recover *out, firn_error *err);
void firn_log_recover_deinit(struct firn_log_recover *recover);

#endif
