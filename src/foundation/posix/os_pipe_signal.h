/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_pipe_signal.h: keeps SIGPIPE from a thread while it runs code that may raise it, as
 * libraries do that write to sockets. No handler is installed, and other threads keep theirs.
 */
#ifndef FIRN_POSIX_OS_PIPE_SIGNAL_H
#define FIRN_POSIX_OS_PIPE_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

struct fi_os_pipe_signal {
    sigset_t before;
    bool was_pending;
};

void fi_os_pipe_signal_hold(struct fi_os_pipe_signal *hold);
/* One that was raised meanwhile is gone. */
void fi_os_pipe_signal_release(const struct fi_os_pipe_signal *hold);

#endif
