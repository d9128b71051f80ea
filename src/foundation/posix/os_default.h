/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_default.h: the real system, and the file descriptors that only it has.
 */
#ifndef FIRN_POSIX_OS_DEFAULT_H
#define FIRN_POSIX_OS_DEFAULT_H

#include "os/os.h"

/* The posix implementation; one for the process, never released. */
struct fi_os *fi_os_default(void);

/* Reads at most size bytes from a file descriptor of the caller's, at its own position; *out_size
 * is 0 only at the end. FIRN_UNSUPPORTED except in the posix implementation. */
FIRN_MUST_CHECK int fi_os_fd_read(struct fi_os *os, int fd, void *data, size_t size,
                                  size_t *out_size, firn_error *err);

#endif
