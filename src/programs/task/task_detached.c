/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_detached.c: this program in the background.
 *
 * The process has a session of its own, so neither Ctrl-C nor a closed terminal ends it. It
 * inherits no open file, so a pipe that we write to is closed when we exit. It leaves the current
 * directory, which a user may want to unmount, and has low priority. The command that started it
 * does not learn its result.
 *
 * It is forked by a child that exits at once, so it is no child of a program that runs for long.
 * Between fork and exec only system calls are made, because other threads may be running.
 */
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NICENESS = 10 };

static void
become_program(const char *const *arguments)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0) {
        return;
    }
    (void)close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpriority(PRIO_PROCESS, 0, NICENESS);
    /* It takes them as they are and changes none. */
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
}

void
fi_task_detached_run(const char *const *arguments)
{
    pid_t child = fork();
    if (child == 0) {
        if (setsid() >= 0 && fork() == 0) {
            become_program(arguments);
        }
        _exit(0);
    }
    int status;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}
