/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_directory.c: -C DIR.
 *
 * As in git, make and tar the program changes to the directory before the command runs, and every
 * relative path in an argument, an option or the environment starts there (I1). If -C is repeated,
 * each directory is relative to the one before. PWD, the name by which the directory was reached,
 * is changed too.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

/* `path` as seen from `from`, which may be NULL; on the heap. */
static char *
path_from(const char *from, const char *path)
{
    assert(path != NULL);
    bool is_whole = from == NULL || path[0] == '/';
    size_t size = (is_whole ? 0 : strlen(from) + 1) + strlen(path) + 1;
    char *joined = malloc(size);
    if (joined != NULL) {
        (void)snprintf(joined, size, "%s%s%s", is_whole ? "" : from, is_whole ? "" : "/", path);
    }
    return joined;
}

int
fi_command_directory_take(struct fi_cli *cli, const char *value)
{
    char *directory = path_from(cli->directory, value);
    if (directory == NULL) {
        return fi_command_report_no_memory(cli);
    }
    free(cli->directory);
    cli->directory = directory;
    return FI_EXIT_OK;
}

int
fi_command_directory_enter(struct fi_cli *cli)
{
    assert(cli->workspace == NULL); /* (I1): nothing was opened before */
    const char *from = getenv("PWD");
    if (cli->directory == NULL) {
        return FI_EXIT_OK;
    }
    if (chdir(cli->directory) != 0) {
        int error = errno;
        bool is_missing = error == ENOENT || error == ENOTDIR;
        return fi_command_report_error(cli, is_missing ? FIRN_NOT_FOUND : FIRN_DENIED,
                                       is_missing ? fi_command_gone_hint(cli) : NULL,
                                       "could not open directory '%s': %s", cli->directory,
                                       strerror(error));
    }
    char *reached = path_from(from, cli->directory);
    bool is_told = reached != NULL && reached[0] == '/' && setenv("PWD", reached, 1) == 0;
    free(reached);
    return is_told || unsetenv("PWD") == 0 ? FI_EXIT_OK : fi_command_report_no_memory(cli);
}
