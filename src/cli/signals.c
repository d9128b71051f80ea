/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/signals.c: the state in which the program starts, and being asked to stop.
 *
 * SIGINT, SIGTERM and SIGHUP set a flag. Long work asks for the flag a few times a second (the
 * library's on_progress) and cancels itself, so that temporary files go and the exit code says what
 * happened. The handler is good for one signal: the second one ends the program at once, which the
 * store survives like any crash. System calls are restarted; the one place that waits for a person,
 * reading standard input, polls first and poll is never restarted.
 *
 * SIGPIPE and SIGXFSZ are ignored: they would kill a restore in the middle because somebody closed
 * a pager. The failed write is noticed instead (out.c). A program whose reader has gone should
 * still die of SIGPIPE in the end, silently, as every other one in a pipeline does; where it was
 * started with SIGPIPE ignored it must report an error instead. A signal that the starter ignores
 * (nohup) stays ignored.
 *
 * A program started with a closed descriptor 0, 1 or 2 would get it for the first file it opens,
 * and then print into the store. So all three are opened, on a device, in the direction in which
 * using them fails.
 */
#include "cli/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit_code.h"

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a signal handler may use it");
static atomic_int caught; /* relaxed: read by any thread, and says nothing else */
static bool may_die_of_pipe;

static void
on_signal(int number)
{
    atomic_store_explicit(&caught, number, memory_order_relaxed);
}

static void
open_closed_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free number is this one. */
            if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
                _exit(FIRN_EXIT_FAILED);
            }
        }
    }
}

void
firn_signals_setup(void)
{
    static const int asking_to_stop[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before;
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);

    open_closed_descriptors();

    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGXFSZ, &action, NULL);
    may_die_of_pipe = sigaction(SIGPIPE, &action, &before) == 0 && before.sa_handler == SIG_DFL;

    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    for (size_t i = 0; i < sizeof(asking_to_stop) / sizeof(asking_to_stop[0]); i++) {
        if (sigaction(asking_to_stop[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            (void)sigaction(asking_to_stop[i], &action, NULL);
        }
    }
}

int
firn_signals_caught(void)
{
    return atomic_load_explicit(&caught, memory_order_relaxed);
}

void
firn_signals_die_of_pipe(void)
{
    if (may_die_of_pipe) {
        struct sigaction action;
        memset(&action, 0, sizeof(action));
        sigemptyset(&action.sa_mask);
        action.sa_handler = SIG_DFL;
        (void)sigaction(SIGPIPE, &action, NULL);
        (void)raise(SIGPIPE);
    }
}
