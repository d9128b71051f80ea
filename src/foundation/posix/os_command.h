/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_command.h: a program that is run for what it prints.
 */
#ifndef FIRN_POSIX_OS_COMMAND_H
#define FIRN_POSIX_OS_COMMAND_H

#include "os/os.h"
#include "posix/os_stream.h"

/* Runs a program, found by PATH, with these words (NULL at the end), without a shell; what it
 * prints is appended to out, as by fi_os_stream_read. It reads nothing, its errors go where this
 * process's do, and it has no other descriptor of this process. FIRN_IO if it fails, prints more
 * than it may, or takes longer, when it is killed, as when the step fails. FIRN_NOT_FOUND: there is
 * no such program. Only in a real process; else FIRN_UNSUPPORTED. */
FIRN_MUST_CHECK int fi_os_command_run(struct fi_os *os, const char *const *words,
                                      const struct fi_os_stream_limits *limits, struct fi_buf *out,
                                      firn_error *err);

#endif
