/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_worktrees.c: the workspaces that are worktrees of one git repository.
 *
 * Agents work in worktrees of their own, and each is a workspace with turns of its own. Which
 * directories those are is not asked of the repository, whose files may come from elsewhere: of the
 * workspaces that this user has saved, those count that lead to the same repository. A directory
 * .git is the repository; a file .git names a directory, in which a file commondir names it.
 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "turn/turn_internal.h"

enum { WORKTREES_MAX = 256 };

/* The first line of a regular file, without `prefix`, which it must begin with. */
static bool
read_line(const char *path, const char *prefix, char *out, size_t size)
{
    struct stat stat;
    const size_t prefix_size = strlen(prefix);
    char line[PATH_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t got = fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)
                      ? read(fd, line, sizeof(line) - 1)
                      : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got <= 0) {
        return false;
    }
    line[got] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, prefix, prefix_size) != 0 || line[prefix_size] == '\0' ||
        strlen(line) - prefix_size >= size) {
        return false;
    }
    memcpy(out, line + prefix_size, strlen(line) - prefix_size + 1);
    return true;
}

/* The path of `name` as seen from a directory. */
static bool
turn_worktrees_join(const char *dir, const char *name, char *out, size_t size)
{
    int length =
        name[0] == '/' ? snprintf(out, size, "%s", name) : snprintf(out, size, "%s/%s", dir, name);
    return length > 0 && (size_t)length < size;
}

/* Looks at the directory of the repository that a working tree belongs to. */
static bool
find_repository(const char *root, struct stat *out)
{
    char path[PATH_MAX];
    char name[PATH_MAX];
    char dir[PATH_MAX];
    if (!turn_worktrees_join(root, ".git", path, sizeof(path)) || lstat(path, out) != 0) {
        return false;
    }
    if (S_ISDIR(out->st_mode)) {
        return true;
    }
    return read_line(path, "gitdir: ", name, sizeof(name)) &&
           turn_worktrees_join(root, name, dir, sizeof(dir)) &&
           turn_worktrees_join(dir, "commondir", path, sizeof(path)) &&
           read_line(path, "", name, sizeof(name)) &&
           turn_worktrees_join(dir, name, path, sizeof(path)) && stat(path, out) == 0 &&
           S_ISDIR(out->st_mode);
}

struct finding {
    const char *own_root;
    struct stat repository;
    struct fi_turn_worktrees *found;
};

static int
turn_worktrees_visit(void *ctx, const firn_workspace_info *info)
{
    struct finding *finding = ctx;
    struct fi_turn_worktrees *found = finding->found;
    struct stat repository;
    assert(found->count <= WORKTREES_MAX);
    if (info->damage != NULL) { /* whose history it has is not known */
        fi_command_report_path("could not be read", firn_str(info->store_path), info->damage);
        found->has_unread = true;
        return FIRN_OK;
    }
    if (!info->is_there || info->checkpoints == 0 || found->count == WORKTREES_MAX ||
        strcmp(info->root, finding->own_root) == 0 || !find_repository(info->root, &repository) ||
        repository.st_dev != finding->repository.st_dev ||
        repository.st_ino != finding->repository.st_ino) {
        return FIRN_OK;
    }
    char *root = strdup(info->root);
    if (root == NULL) {
        return FIRN_NO_MEMORY;
    }
    found->roots[found->count++] = root;
    return FIRN_OK;
}

int
fi_turn_worktrees_find(firn_workspace *workspace, struct fi_turn_worktrees *out, firn_error *err)
{
    struct finding finding = {.own_root = firn_workspace_root(workspace), .found = out};
    *out = (struct fi_turn_worktrees){.roots = NULL};
    if (!find_repository(finding.own_root, &finding.repository)) {
        return FIRN_OK;
    }
    out->roots = calloc(WORKTREES_MAX, sizeof(*out->roots));
    if (out->roots == NULL) {
        *err = (firn_error){.code = FIRN_NO_MEMORY};
        return FIRN_NO_MEMORY;
    }
    return firn_workspaces_list(NULL, turn_worktrees_visit, &finding, err);
}

void
fi_turn_worktrees_deinit(struct fi_turn_worktrees *worktrees)
{
    for (size_t i = 0; i < worktrees->count; i++) {
        free(worktrees->roots[i]);
    }
    free(worktrees->roots);
    *worktrees = (struct fi_turn_worktrees){.roots = NULL};
}
