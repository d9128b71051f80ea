/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_command.c: running a program with posix_spawn, and reading its output from a pipe.
 *
 * The library never forks, so none of its code runs in the child. All signals have their default
 * actions there. The child inherits only the pipe and standard error. Other descriptors of the host
 * program, such as those of a database or a socket, are closed in it even if they were opened
 * without close-on-exec. glibc 2.34 closes them by close_range, or as the child's /proc/self/fd
 * lists them. Other C libraries get a list of the descriptors that are open at the start, so one
 * that another thread opens at that moment may be inherited.
 *
 * Where this process ignores SIGCHLD there is no exit code: what the program printed counts.
 */
#include "posix/os_command.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "posix/os_default.h"

extern char **environ;

enum { NS_PER_MS = 1000000 };

/* Of those that are open now. */
static int
os_command_add_closing_each(posix_spawn_file_actions_t *actions)
{
    DIR *list = opendir("/proc/self/fd");
    const struct dirent *entry;
    int rc = 0;
    if (list == NULL) {
        return errno;
    }
    while (rc == 0 && (entry = readdir(list)) != NULL) {
        int fd = 0; /* of "." and "..", too */
        for (const char *at = entry->d_name; *at >= '0' && *at <= '9'; at++) {
            fd = fd * 10 + (*at - '0');
        }
        if (fd > STDERR_FILENO) {
            rc = posix_spawn_file_actions_addclose(actions, fd);
        }
    }
    (void)closedir(list);
    return rc;
}

/* Closes all descriptors after standard error in the child. */
static int
os_command_add_closing(posix_spawn_file_actions_t *actions)
{
    int (*add)(posix_spawn_file_actions_t *, int) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "posix_spawn_file_actions_addclosefrom_np");
    _Static_assert(sizeof add == sizeof found, "dlsym gives functions, too");
    memcpy(&add, &found, sizeof add);
    return add != NULL ? add(actions, STDERR_FILENO + 1) : os_command_add_closing_each(actions);
}

static int
os_command_spawn(char *const *words, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        rc = rc != 0 ? rc : os_command_add_closing(&actions);
        rc = rc != 0 ? rc : posix_spawnattr_setsigmask(&attributes, &none);
        rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(&attributes, &all);
        rc = rc != 0 ? rc
                     : posix_spawnattr_setflags(&attributes,
                                                POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        rc = rc != 0 ? rc : posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Ends a child that may have ended by itself: then the number may be another process's. */
static void
os_command_end(pid_t pid)
{
    if (waitpid(pid, NULL, WNOHANG) == 0) {
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

/* Waits for its end until then, as it may go on after it has closed its output. */
static int
os_command_wait(struct fi_os *os, const char *name, pid_t pid, const struct fi_step *step,
                int64_t end_ns, firn_error *err)
{
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        int rc = fi_step_report(step, 0, 0, err);
        if (rc == FIRN_OK && fi_os_monotonic_ns(os) >= end_ns) {
            rc = fi_error_set(err, FIRN_IO, "'%.200s' took too long", name);
        }
        if (rc != FIRN_OK) {
            os_command_end(pid);
            return rc;
        }
        fi_os_sleep_ns(os, INT64_C(5) * NS_PER_MS);
    }
    if (ended == pid && WIFSIGNALED(status)) {
        return fi_error_set(err, FIRN_IO, "'%.200s' was ended by signal %d", name,
                            WTERMSIG(status));
    }
    if (ended == pid && WEXITSTATUS(status) != 0) {
        return fi_error_set(err, FIRN_IO, "'%.200s' failed with exit code %d", name,
                            WEXITSTATUS(status));
    }
    return FIRN_OK;
}

int
fi_os_command_run(struct fi_os *os, const char *const *words,
                  const struct fi_os_stream_limits *limits, struct fi_buf *out, firn_error *err)
{
    DCHECK(words[0] != NULL);
    if (os != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "no programs can be run here");
    }
    const int64_t end_ns = fi_os_monotonic_ns(os) + limits->timeout_ns;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return fi_error_set_errno(err, errno, "could not make a pipe");
    }
    /* posix_spawn changes none of them. */
    union {
        const char *const *given;
        char *const *taken;
    } both = {words};
    pid_t pid = -1;
    int error_number = os_command_spawn(both.taken, ends[1], &pid);
    (void)close(ends[1]);
    if (error_number != 0) {
        (void)close(ends[0]);
        return fi_error_set_errno(err, error_number, "could not run '%.200s'", words[0]);
    }
    int rc = fi_os_stream_read(ends[0], words[0], limits, end_ns, out, err);
    (void)close(ends[0]);
    if (rc != FIRN_OK) {
        os_command_end(pid);
        return rc;
    }
    return os_command_wait(os, words[0], pid, limits->step, end_ns, err);
}
