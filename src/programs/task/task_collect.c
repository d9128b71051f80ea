/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_collect.c: a garbage collection in the background.
 *
 * It is `firn gc --auto` of this very program, in a detached process: in a session of its own, so that
 * neither Ctrl-C nor a terminal that is closed ends it; without any file that we have open or were
 * given, so that a pipe that we write to ends with us; not in a directory that a user may want to
 * unmount; and of low priority. The command that started it does not learn how it
 * ends: it is housekeeping, and if it fails the next one tries again (catalog_due.c).
 *
 * Whether there is enough garbage is asked here, by a look that locks nothing, so that commands
 * which delete need not know it and no process is begun in vain. Nor is one where the setting
 * gc.auto is false.
 *
 * It is started by way of a child that exits at once, so that it is no child of a program that runs
 * for long. Between fork and exec only calls of the system are made: other threads may be running.
 */
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NICENESS = 10 };

static int
take_setting(void *ctx, const firn_config_setting *setting)
{
    bool *out = ctx;
    if (strcmp(setting->key, "gc.auto") == 0) {
        *out = strcmp(setting->value, "true") == 0;
    }
    return FIRN_OK;
}

static bool
is_due(firn_workspace *workspace)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
    bool is_wanted = false;
    options.automatic = true;
    options.dry_run = true;
    return firn_config_list_readable(workspace, take_setting, NULL, &is_wanted, NULL) == FIRN_OK &&
           is_wanted && firn_workspace_gc(workspace, &options, &result, NULL) == FIRN_OK &&
           result.is_due;
}

/* ---- a process of its own ---- */

static void
become_program(char *const *arguments)
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
    (void)execv("/proc/self/exe", arguments);
}

static void
start(const firn_workspace *workspace)
{
    /* The store's path may be relative to the directory that we are in. */
    char *store = realpath(firn_workspace_store_path(workspace), NULL);
    if (store == NULL) {
        return;
    }
    /* execv takes them as they are and changes none. */
    char *arguments[] = {(char *)(uintptr_t) "firn",
                         (char *)(uintptr_t) "gc",
                         (char *)(uintptr_t) "--auto",
                         (char *)(uintptr_t) "--quiet",
                         (char *)(uintptr_t) "--workspace",
                         (char *)(uintptr_t)firn_workspace_root(workspace),
                         (char *)(uintptr_t) "--store",
                         store,
                         NULL};
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
    free(store);
}

void
firn_task_collect_if_due(firn_workspace *workspace)
{
    if (is_due(workspace)) {
        start(workspace);
    }
}
