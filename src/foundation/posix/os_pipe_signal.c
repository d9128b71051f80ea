/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_pipe_signal.c: blocks SIGPIPE in this thread, since the kernel sends it to the thread
 * that wrote. A SIGPIPE that was pending before stays pending: signals do not queue.
 */
#include "posix/os_pipe_signal.h"

#include <errno.h>
#include <time.h>

static sigset_t
only_pipe(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    return set;
}

void
fi_os_pipe_signal_hold(struct fi_os_pipe_signal *hold)
{
    const sigset_t set = only_pipe();
    sigset_t pending;
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    hold->was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &set, &hold->before);
}

void
fi_os_pipe_signal_release(const struct fi_os_pipe_signal *hold)
{
    const sigset_t set = only_pipe();
    const struct timespec now = {0, 0};
    if (!hold->was_pending) {
        while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &hold->before, NULL);
}
