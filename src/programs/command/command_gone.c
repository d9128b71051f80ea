/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_gone.c: directories that were saved and are gone, as a whole.
 *
 * A shell whose current directory was removed still has its path in PWD, and a person who removed
 * the directory stands in the one above it. The history is in a store elsewhere, under the path: an
 * empty directory of that path continues it, and a restore fills it. PWD comes from the
 * environment, so it only chooses among the directories that the stores of this user name, and only
 * what does not exist counts.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"

struct search {
    const char *path;
    bool is_above; /* wanted is a directory that was in the path, else the path's or one above it */
    char root[PATH_MAX];
};

static bool
is_within(const char *path, const char *other)
{
    const size_t size = strlen(other);
    return strncmp(path, other, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static int
command_gone_match(void *ctx, const firn_workspace_info *info)
{
    struct search *search = ctx;
    if (info->damage != NULL || info->is_there || strlen(info->root) >= sizeof(search->root)) {
        return FIRN_OK;
    }
    const size_t size = strlen(search->path);
    bool is_it = search->is_above
                     ? is_within(info->root, search->path) && info->root[size] == '/' &&
                           strchr(info->root + size + 1, '/') == NULL
                     : is_within(search->path, info->root);
    if (is_it) {
        (void)snprintf(search->root, sizeof(search->root), "%s", info->root);
    }
    return is_it ? FIRN_CANCELLED : FIRN_OK;
}

static bool
command_gone_find(const struct fi_cli *cli, struct search *search)
{
    search->root[0] = '\0';
    int code = firn_workspaces_list(cli->store_path, command_gone_match, search, NULL);
    return (code == FIRN_OK || code == FIRN_CANCELLED) && search->root[0] != '\0';
}

/* Where the command was meant to run; false if that is there, or not known. */
static bool
find_missing(const struct fi_cli *cli, char out[PATH_MAX])
{
    struct stat there;
    char here[PATH_MAX];
    const char *from = getcwd(here, sizeof(here)) != NULL ? here : getenv("PWD");
    const char *path = cli->directory != NULL ? cli->directory : ".";
    bool is_here = strcmp(path, ".") == 0;
    if (from == NULL || from[0] != '/') {
        from = "";
    }
    if (path[0] != '/' && from[0] == '\0') {
        return false;
    }
    int size = path[0] == '/' ? snprintf(out, PATH_MAX, "%s", path)
                              : snprintf(out, PATH_MAX, "%s%s%s", from, is_here ? "" : "/",
                                         is_here ? "" : path);
    while (size > 1 && size < PATH_MAX && out[size - 1] == '/') {
        out[--size] = '\0';
    }
    return size > 0 && size < PATH_MAX && lstat(out, &there) != 0 && errno == ENOENT;
}

bool
fi_command_gone_find(const struct fi_cli *cli, char out[PATH_MAX])
{
    char path[PATH_MAX];
    struct search search = {.path = path};
    if (!find_missing(cli, path) || !command_gone_find(cli, &search)) {
        return false;
    }
    memcpy(out, search.root, sizeof(search.root));
    return true;
}

/* What to type; a path that a shell would need quoted in another way is only named. */
static const char *
command_gone_describe(const char *root)
{
    static char text[3 * PATH_MAX];
    if (strchr(root, '\'') != NULL) {
        (void)snprintf(text, sizeof(text),
                       "%s was saved and is gone: make it again, and in it run firn restore latest",
                       root);
    } else {
        (void)snprintf(text, sizeof(text),
                       "'%s' was saved and is gone; this brings it back, with --git at its end "
                       "also its git repositories: mkdir -p '%s' && firn -C '%s' restore latest",
                       root, root, root);
    }
    return text;
}

const char *
fi_command_gone_hint(const struct fi_cli *cli)
{
    char root[PATH_MAX];
    return fi_command_gone_find(cli, root) ? command_gone_describe(root) : fi_command_missing_hint;
}

const char *
fi_command_gone_below_hint(const struct fi_cli *cli, const char *directory)
{
    struct search search = {.path = directory, .is_above = true};
    return command_gone_find(cli, &search) ? command_gone_describe(search.root) : NULL;
}
