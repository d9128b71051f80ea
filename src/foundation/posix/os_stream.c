/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_stream.c: see os_stream.h. The bytes may be a secret, so they are read to where they
 * stay. Whether there is more than there may be is seen by one byte that is not kept.
 */
#include "posix/os_stream.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/check.h"
#include "posix/os_default.h"

enum { PIECE = 4096, NS_PER_MS = 1000000, WAIT_MS_MAX = 100 };

/* Waits until there is something to read; false: not yet. */
static bool
wait_for_some(int fd, int64_t left_ns)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int64_t left_ms = left_ns / NS_PER_MS + 1;
    return poll(&wanted, 1, (int)(left_ms < WAIT_MS_MAX ? left_ms : WAIT_MS_MAX)) > 0;
}

/* Reads once. *out_got is negative if there is nothing yet. */
static int
read_piece(int fd, const char *name, size_t left, struct fi_buf *out, ssize_t *out_got,
           firn_error *err)
{
    uint8_t beyond;
    const size_t size = left < PIECE ? left : PIECE;
    if (fi_buf_reserve(out, size) != FIRN_OK) {
        return fi_error_no_memory(err, "what is read");
    }
    *out_got = size > 0 ? read(fd, out->data + out->size, size) : read(fd, &beyond, 1);
    if (*out_got < 0 && errno != EINTR && errno != EAGAIN) {
        return fi_error_set_errno(err, errno, "could not read from '%.200s'", name);
    }
    return FIRN_OK;
}

int
fi_os_stream_read(int fd, const char *name, const struct fi_os_stream_limits *limits,
                  int64_t end_ns, struct fi_buf *out, firn_error *err)
{
    size_t left = limits->size_max;
    DCHECK(fd >= 0 && name != NULL);
    for (;;) {
        const int64_t left_ns = end_ns - fi_os_monotonic_ns(fi_os_default());
        ssize_t got = -1;
        if (left_ns <= 0) {
            return fi_error_set(err, FIRN_IO, "'%.200s' took too long", name);
        }
        FI_TRY_RETURN(fi_step_report(limits->step, 0, 0, err));
        if (wait_for_some(fd, left_ns)) {
            FI_TRY_RETURN(read_piece(fd, name, left, out, &got, err));
        }
        if (got == 0) {
            return FIRN_OK;
        }
        if (got > 0 && left == 0) {
            return fi_error_set(err, FIRN_IO, "'%.200s' gives more than %zu bytes", name,
                                limits->size_max);
        }
        if (got > 0) {
            out->size += (size_t)got;
            left -= (size_t)got;
        }
    }
}
