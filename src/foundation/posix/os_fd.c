/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_fd.c: reading from a file descriptor that a user of the library opened: a file, a pipe,
 * a socket.
 *
 * It is read in order and belongs to the caller, so there is no handle. A simulated machine has no
 * descriptors.
 */
#include <errno.h>
#include <unistd.h>

#include "posix/os_default.h"

int
fi_os_fd_read(struct fi_os *os, int fd, void *data, size_t size, size_t *out_size, firn_error *err)
{
    *out_size = 0;
    if (os != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "there are no file descriptors here");
    }
    ssize_t got;
    do {
        got = read(fd, data, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return fi_error_set_errno(err, errno, "could not read from descriptor %d", fd);
    }
    *out_size = (size_t)got;
    return FIRN_OK;
}
