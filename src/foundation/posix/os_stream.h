/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_stream.h: reading a stream to its end, within limits: its writer may write too much, or
 * never end.
 */
#ifndef FIRN_POSIX_OS_STREAM_H
#define FIRN_POSIX_OS_STREAM_H

#include "base/buf.h"
#include "base/step.h"

struct fi_os_stream_limits {
    size_t size_max;
    int64_t timeout_ns;
    /* Told without progress, every tenth of a second while nothing comes; may be NULL. Its failure
     * ends the reading. */
    const struct fi_step *step;
};

/* Appends what comes from the descriptor until its end, which is before end_ns of the monotonic
 * clock. A borrowed buffer with room for size_max bytes is not replaced, and nothing of what was
 * read is anywhere else; after a failure it may have a part. name is for messages. FIRN_IO: there
 * is more than size_max bytes, or no end in time. */
FIRN_MUST_CHECK int fi_os_stream_read(int fd, const char *name,
                                      const struct fi_os_stream_limits *limits, int64_t end_ns,
                                      struct fi_buf *out, firn_error *err);

#endif
