/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_collect.c: a garbage collection in the background.
 *
 * It runs this program as `firn gc --auto` in a detached process. The process has a session of its
 * own, so neither Ctrl-C nor a closed terminal ends it. It inherits no open file, so a pipe that we
 * write to is closed when we exit. It leaves the current directory, which a user may want to
 * unmount, and has low priority. The command that started it does not learn its result: if it
 * fails, the next one tries again (catalog_due.c).
 *
 * A check without locks decides here whether there is enough garbage, so the deleting commands need
 * not know, and no process is started in vain. None is started if the setting gc.auto is false.
 *
 * The process is forked by a child that exits at once, so it is no child of a program that runs for
 * long. Between fork and exec only system calls are made, because other threads may be running.
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
task_collect_start(const firn_workspace *workspace)
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
                         (char *)(uintptr_t) "--directory",
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
fi_task_collect_if_due(firn_workspace *workspace)
{
    if (is_due(workspace)) {
        task_collect_start(workspace);
    }
}
