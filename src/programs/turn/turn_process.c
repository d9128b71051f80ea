/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_process.c: runs another program, and waits for it.
 *
 * The signals that matter are blocked from before the start until the end, and fetched one by one:
 * so none is lost, and none sets the flag that would cancel the save afterwards. One that came
 * before keeps the program from being started. What a person types, Ctrl-C and Ctrl-\, the kernel
 * sends to the program as well, unless it has left the process group; all else is handed on. The
 * program starts with no signal blocked (term_spawn.c).
 *
 * Where the program stops itself, this one stops too, so that a shell sees a job that is stopped.
 * Ctrl-Z stops both without that.
 */
#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "term/term.h"
#include "turn/turn_internal.h"

static double
now_seconds(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Whether the program has ended; then *status is how. */
static bool
has_ended(pid_t pid, int *status)
{
    pid_t changed = waitpid(pid, status, WNOHANG | WUNTRACED);
    if (changed < 0 && errno != EINTR) {
        *status = 0; /* nobody can tell */
        return true;
    }
    if (changed == pid && WIFSTOPPED(*status)) {
        if (WSTOPSIG(*status) != SIGTSTP) {
            (void)raise(SIGSTOP);
            (void)kill(pid, SIGCONT);
        }
        return false;
    }
    return changed == pid;
}

static int
wait_for(pid_t pid, const sigset_t *signals, int *out_received)
{
    int status = 0;
    while (!has_ended(pid, &status)) {
        siginfo_t info;
        int number = sigwaitinfo(signals, &info);
        *out_received = number > 0 && number != SIGCHLD ? number : *out_received;
        const bool has_it = info.si_code == SI_KERNEL && getpgid(pid) == getpgrp();
        if (number > 0 && number != SIGCHLD && !has_it) {
            (void)kill(pid, number);
        }
    }
    return status;
}

void
fi_turn_process_run(char *const words[], struct fi_turn_process *out)
{
    static const int handled[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD};
    sigset_t signals;
    sigset_t before;
    struct sigaction action = {.sa_handler = SIG_DFL};
    struct sigaction child_before;
    pid_t pid;
    *out = (struct fi_turn_process){.error = 0};
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
        (void)sigaddset(&signals, handled[i]);
    }
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGCHLD, &action, &child_before); /* ignored, it would take the status away */
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    out->interrupted = fi_term_signals_caught();
    const double began = now_seconds();
    out->error = out->interrupted != 0 ? EINTR : fi_term_spawn(words, -1, -1, &pid);
    if (out->error == 0) {
        const int status = wait_for(pid, &signals, &out->received);
        out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    out->seconds = now_seconds() - began;
    for (int number; (number = sigtimedwait(&signals, NULL, &(struct timespec){0, 0})) > 0;) {
        out->received = number != SIGCHLD ? number : out->received; /* it was for the program */
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)sigaction(SIGCHLD, &child_before, NULL);
}
