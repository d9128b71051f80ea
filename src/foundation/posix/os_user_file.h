/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_user_file.h: all bytes of a file that a user named: a regular file, or a fifo, such as a
 * shell makes of <(command).
 */
#ifndef FIRN_POSIX_OS_USER_FILE_H
#define FIRN_POSIX_OS_USER_FILE_H

#include "os/os.h"
#include "posix/os_stream.h"

/* Appends them; links are followed. Codes of fi_os_stream_read, and those of opening. FIRN_INVALID:
 * it is something else, such as a terminal. A simulated machine has no fifos. */
FIRN_MUST_CHECK int fi_os_user_file_read(struct fi_os *os, const char *path,
                                         const struct fi_os_stream_limits *limits,
                                         struct fi_buf *out, firn_error *err);

#endif
