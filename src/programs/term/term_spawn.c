/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_spawn.c: starts another program, such as a pager, a browser, or git.
 *
 * This program ignores SIGPIPE and SIGXFSZ, and a signal that is ignored or blocked stays so in
 * programs that it starts. They expect to be ended by a closed pipe, so they get the default, and
 * no signal blocked.
 */
#include "term/term.h"

#include <assert.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <unistd.h>

extern char **environ;

static int
redirect(posix_spawn_file_actions_t *actions, int from, int to)
{
    int rc = from >= 0 ? posix_spawn_file_actions_adddup2(actions, from, STDIN_FILENO) : 0;
    return rc == 0 && to >= 0 ? posix_spawn_file_actions_adddup2(actions, to, STDOUT_FILENO) : rc;
}

static int
reset_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGXFSZ);
    int rc = posix_spawnattr_setsigmask(attributes, &none);
    rc = rc == 0 ? posix_spawnattr_setsigdefault(attributes, &defaults) : rc;
    return rc == 0 ? posix_spawnattr_setflags(attributes,
                                              POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
                   : rc;
}

int
fi_term_spawn(char *const arguments[], int from, int to, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    assert(arguments[0] != NULL);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = redirect(&actions, from, to);
        rc = rc == 0 ? reset_signals(&attributes) : rc;
        rc = rc == 0 ? posix_spawnp(out, arguments[0], &actions, &attributes, arguments, environ)
                     : rc;
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}
