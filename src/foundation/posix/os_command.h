/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_command.h: a program that is run for what it prints.
 */
#ifndef FIRN_POSIX_OS_COMMAND_H
#define FIRN_POSIX_OS_COMMAND_H

#include "os/os.h"

/* Runs a program, found by PATH, with these words (NULL at the end), without a shell; what it
 * prints is appended to out. It reads nothing, its errors go where this process's do, and it has no
 * other descriptor of this process. FIRN_IO if it fails, prints more than size_max bytes, or takes
 * longer than timeout_ns, when it is killed. FIRN_NOT_FOUND: there is no such program. Only in a
 * real process; else FIRN_UNSUPPORTED. */
FIRN_MUST_CHECK int fi_os_command_run(struct fi_os *os, const char *const *words, size_t size_max,
                                      int64_t timeout_ns, struct fi_buf *out, firn_error *err);

#endif
