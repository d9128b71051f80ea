/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_pager.c: results that are longer than the screen, at a terminal.
 *
 * Output goes to $FIRN_PAGER, $PAGER or less, through a pipe. less is told, unless the environment
 * says otherwise, to end by itself where a result fits on the screen, and to leave it there. "cat"
 * and an empty text mean none. A user who leaves the pager before the end has seen enough: the
 * writer sees a closed pipe, and ends.
 *
 * A command's pager starts with its first output, so a command that fails before that has none.
 * Output is kept until it is more than the terminal shows: what fits has no pager, whatever the
 * program. A terminal of which nothing is known (TERM is unset) or that can only print (TERM is
 * dumb) has none either.
 *
 * The pager is in the group of processes of the terminal, as the program is: ctrl-C reaches both.
 * It ends the writer's work, and the program waits until the pager is left.
 */
#include "term/term.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_FOUND = 127 };

static struct {
    pid_t pid; /* 0: there is none */
    int to;
} pager;

/* Whether a program is on the path. */
static bool
is_installed(const char *name)
{
    assert(name[0] != '\0');
    const char *path = getenv("PATH");
    char file[512];
    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");
        int wrote = snprintf(file, sizeof file, "%.*s/%s", (int)size, path, name);
        if (wrote > 0 && (size_t)wrote < sizeof file && access(file, X_OK) == 0) {
            return true;
        }
        path += size + (path[size] == ':');
    }
    return false;
}

/* The command, or NULL. */
static const char *
find_command(void)
{
    const char *terminal = getenv("TERM");
    if (terminal == NULL || terminal[0] == '\0' || strcmp(terminal, "dumb") == 0) {
        return NULL;
    }
    const char *command = getenv("FIRN_PAGER");
    command = command != NULL ? command : getenv("PAGER");
    if (command == NULL) {
        return is_installed("less") ? "less" : NULL;
    }
    return command[0] == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

static int
term_pager_start(const char *command, int from)
{
    assert(from >= 0);
    char *const arguments[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, strdup(command), NULL};
    int rc = arguments[2] == NULL ? ENOMEM : fi_term_spawn(arguments, from, -1, &pager.pid);
    free(arguments[2]);
    return rc;
}

bool
fi_term_pager_open(void)
{
    int ends[2];
    const char *command = pager.pid == 0 ? find_command() : NULL;
    if (command == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    (void)setenv("LESS", "FRX", 0);
    if (term_pager_start(command, ends[0]) != 0) {
        pager.pid = 0;
        (void)close(ends[1]);
    }
    (void)close(ends[0]);
    if (pager.pid == 0) {
        return false;
    }
    pager.to = ends[1];
    fi_term_out_divert(pager.to);
    return true;
}

bool
fi_term_pager_close(bool *out_was_left)
{
    int status = 0;
    assert(pager.pid > 0);
    fi_term_out_flush();
    *out_was_left = fi_term_out_error() == EPIPE;
    fi_term_out_divert(STDOUT_FILENO);
    (void)close(pager.to);
    while (waitpid(pager.pid, &status, 0) < 0 && errno == EINTR) {
    }
    pager.pid = 0;
    return !WIFEXITED(status) || WEXITSTATUS(status) != NOT_FOUND;
}

bool
fi_term_pager_is_open(void)
{
    return pager.pid > 0;
}

static void
open_now(void)
{
    fi_term_meter_silence();
    (void)fi_term_pager_open();
}

void
fi_term_pager_disarm(void)
{
    if (pager.pid == 0) {
        fi_term_out_before_first(NULL);
    }
}

void
fi_term_pager_resolve(void)
{
    if (fi_term_out_fits()) {
        fi_term_pager_disarm();
    }
}

bool
fi_term_pager_arm(void)
{
    bool is_wanted = isatty(STDOUT_FILENO) == 1 && find_command() != NULL;
    if (is_wanted) {
        fi_term_out_before_first(open_now);
    }
    return is_wanted;
}
