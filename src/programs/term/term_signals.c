/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_signals.c: the state in which the program starts, and being asked to stop.
 *
 * SIGINT, SIGTERM and SIGHUP set a flag. Long work asks for the flag a few times a second (the
 * library's on_progress) and cancels itself, so that temporary files go and the exit code says what
 * happened. Work that can no longer be cancelled is finished, and a message says so (term_meter.c).
 * The second signal of a kind ends the program at once, which the store survives like any crash.
 * One that comes right after the first is the same request: timeout(1), shells and process managers
 * signal a process and its group, which one keystroke should not count as two. System calls are
 * restarted; the one place that waits for a person, reading standard input, polls first and poll is
 * never restarted.
 *
 * SIGPIPE and SIGXFSZ are ignored: they would kill a restore in the middle because the user closed
 * a pager. The failed write is noticed instead (term_out.c). A program whose reader has gone should
 * still die of SIGPIPE in the end, silently, as every other one in a pipeline does; where it was
 * started with SIGPIPE ignored it must report an error instead. A signal that the starter ignores
 * (nohup) stays ignored.
 *
 * A program started with a closed descriptor 0, 1 or 2 would get it for the first file it opens,
 * and then print into the store. So all three are opened, on a device, in the direction in which
 * using them fails.
 */
#include "term/term.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "a signal handler may use them");
_Static_assert(SIGINT <= SIGTERM && SIGHUP <= SIGTERM, "a place for each");
static atomic_int caught; /* relaxed: read by any thread, and says nothing else */
static bool may_die_of_pipe;
/* Pairs: the release in fi_term_signals_before_end, the acquire in the handlers. */
static void (*_Atomic before_end)(void);

static sem_t was_caught; /* posted by the handler: the one thing of its kind that it may do */

enum { SAME_REQUEST_MS = 100 };

/* For all that follow; SIG_DFL or SIG_IGN. */
static void
set_disposition(int number, void (*disposition)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    action.sa_handler = disposition;
    (void)sigaction(number, &action, NULL);
}

static void
call_before_end(void)
{
    void (*end)(void) = atomic_load_explicit(&before_end, memory_order_acquire);
    if (end != NULL) {
        end();
    }
}

static void
on_quit(int number)
{
    call_before_end();
    set_disposition(number, SIG_DFL);
    (void)raise(number); /* pending until the handler returns */
}

static void
on_signal(int number)
{
    static _Atomic int64_t first_ms[SIGTERM + 1]; /* by number; 0: none came */
    int saved_errno = errno;
    struct timespec time = {0, 0};
    int64_t none = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    int64_t now_ms = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000 + 1;
    if (atomic_compare_exchange_strong(&first_ms[number], &none, now_ms)) {
        atomic_store_explicit(&caught, number, memory_order_relaxed);
        (void)sem_post(&was_caught);
    } else if (now_ms - none >= SAME_REQUEST_MS) {
        call_before_end();
        set_disposition(number, SIG_DFL);
        (void)raise(number); /* pending until the handler returns */
    }
    errno = saved_errno;
}

static void
open_closed_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free number is this one. */
            if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
                _exit(FI_EXIT_FAILED);
            }
        }
    }
}

void
fi_term_signals_setup(void)
{
    static const int asking_to_stop[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before;
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);

    open_closed_descriptors();
    (void)sem_init(&was_caught, 0, 0);

    set_disposition(SIGXFSZ, SIG_IGN);
    action.sa_handler = SIG_IGN;
    may_die_of_pipe = sigaction(SIGPIPE, &action, &before) == 0 && before.sa_handler == SIG_DFL;

    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof(asking_to_stop) / sizeof(asking_to_stop[0]); i++) {
        if (sigaction(asking_to_stop[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            (void)sigaction(asking_to_stop[i], &action, NULL);
        }
    }
}

void
fi_term_signals_before_end(void (*end)(void))
{
    struct sigaction before;
    atomic_store_explicit(&before_end, end, memory_order_release);
    if (sigaction(SIGQUIT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        set_disposition(SIGQUIT, end != NULL ? on_quit : SIG_DFL);
    }
}

void
fi_term_signals_wait(long timeout_ns)
{
    assert(timeout_ns >= 0);
    struct timespec until = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += timeout_ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)sem_timedwait(&was_caught, &until);
}

void
fi_term_signals_wake(void)
{
    (void)sem_post(&was_caught);
}

int
fi_term_signals_caught(void)
{
    return atomic_load_explicit(&caught, memory_order_relaxed);
}

void
fi_term_signals_die_of_pipe(void)
{
    if (may_die_of_pipe) {
        set_disposition(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
}
