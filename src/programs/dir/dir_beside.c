/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_beside.c: what a restore, undo or revert changes for other programs, and cannot say by
 * its changes.
 *
 * - A checkpoint that is older than the hooks of a coding agent takes them out of its settings.
 * - A worktree or a submodule of git has a file .git, which is in no checkpoint (tree_reserved.c).
 *   If its directory was removed, a restore brings the rest back, and git takes it for files of the
 *   repository around. So what git knows of its worktrees, in .git/worktrees, and the paths in
 *   .gitmodules are looked at before and after: a directory counts if it has something in it, but
 *   no .git, and was not so before.
 *
 * Only a repository in the root of the workspace is looked at. Its files may come from elsewhere:
 * no link is followed, regular files alone are read, up to a limit, and what they say decides
 * nothing but below which directories a .git is looked for. What cannot be read counts as missing.
 */
#include "dir/dir.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook/hook.h"
#include "task/task.h"
#include "term/term.h"

enum { FILE_SIZE_MAX = 1 << 20, DIRS_MAX = 1000 };

/* ---- files of git ---- */

/* A path below the root of the workspace; none of its components is a link
 * (task/task_beneath.c). */
struct below {
    char path[PATH_MAX];
    struct fi_task_beneath at;
};

/* false: the directory of its last component cannot be opened. */
static bool
open_below(struct below *below, const char *root, const char *path)
{
    firn_error err;
    int size = snprintf(below->path, sizeof(below->path), "%s/%s", root, path);
    return size > 0 && (size_t)size < sizeof(below->path) &&
           fi_task_beneath_open(&below->at, below->path, strlen(root), FI_TASK_BENEATH_MAKES_NONE,
                                &err) == FIRN_OK &&
           below->at.fd >= 0;
}

/* The directory of the last component; closes what open_below has opened. NULL: it cannot be
 * read. */
static DIR *
list_below(struct below *below)
{
    DIR *dir = fdopendir(below->at.fd);
    if (dir == NULL) {
        fi_task_beneath_close(&below->at);
    }
    return dir;
}

/* The beginning of a regular file; NULL if there is none. The caller frees it. */
static char *
read_file(const char *root, const char *path)
{
    struct below below;
    firn_error err;
    int file = -1;
    size_t size = 0;
    if (!open_below(&below, root, path)) {
        return NULL;
    }
    int code = fi_task_beneath_read(&below.at, &file, &err);
    fi_task_beneath_close(&below.at);
    char *text = code == FIRN_OK && file >= 0 ? malloc(FILE_SIZE_MAX + 1) : NULL;
    while (text != NULL && size < FILE_SIZE_MAX) {
        ssize_t got = read(file, text + size, FILE_SIZE_MAX - size);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
    }
    if (text != NULL) {
        text[size] = '\0';
    }
    if (file >= 0) {
        (void)close(file);
    }
    return text;
}

/* Makes an absolute path of components alone: without "", "." and "..". */
static void
dir_beside_normalize(char *path)
{
    size_t size = 0;
    assert(path[0] == '/');
    for (const char *at = path; *at != '\0';) {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            while (size > 0 && path[--size] != '/') {
            }
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            path[size++] = '/';
            memmove(path + size, at, length);
            size += length;
        }
        at += length;
    }
    path[size] = '\0';
}

/* Whether a directory has something in it, but no .git. */
static bool
is_without_git(const char *root, const char *path)
{
    char probe[PATH_MAX];
    struct below below;
    struct stat stat;
    size_t count = 0;
    int length = snprintf(probe, sizeof(probe), "%s/.git", path);
    if (length < 0 || (size_t)length >= sizeof(probe) || !open_below(&below, root, probe)) {
        return false;
    }
    if (fstatat(below.at.fd, ".git", &stat, AT_SYMLINK_NOFOLLOW) == 0) {
        fi_task_beneath_close(&below.at);
        return false;
    }
    DIR *dir = list_below(&below);
    while (dir != NULL && count < 3 && readdir(dir) != NULL) { /* "." and ".." are two */
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count == 3;
}

static void
dir_beside_add(struct fi_dir_beside *beside, const char *root, const char *path, bool is_worktree)
{
    if (path[0] == '\0' || beside->bare_count == DIRS_MAX || !is_without_git(root, path)) {
        return;
    }
    struct fi_dir_bare *grown =
        realloc(beside->bare, (beside->bare_count + 1) * sizeof(*beside->bare));
    char *copy = strdup(path);
    if (grown != NULL) {
        beside->bare = grown;
    }
    if (grown == NULL || copy == NULL) { /* one that is not named */
        free(copy);
        return;
    }
    beside->bare[beside->bare_count++] = (struct fi_dir_bare){copy, is_worktree};
}

/* A worktree has a directory in .git/worktrees, with a file gitdir: the path of its file .git. */
static void
inspect_worktree(struct fi_dir_beside *beside, const char *root, const char *name)
{
    char from[NAME_MAX + 32];
    char path[2 * PATH_MAX];
    (void)snprintf(from, sizeof(from), ".git/worktrees/%s/gitdir", name);
    char *text = read_file(root, from);
    if (text == NULL) {
        return;
    }
    text[strcspn(text, "\r\n")] = '\0';
    int length = text[0] == '/'
                     ? snprintf(path, sizeof(path), "%s", text)
                     : snprintf(path, sizeof(path), "%s/.git/worktrees/%s/%s", root, name, text);
    free(text);
    if (length <= 0 || (size_t)length >= sizeof(path) || path[0] != '/') {
        return;
    }
    dir_beside_normalize(path);
    size_t size = strlen(path);
    size_t root_size = strlen(root);
    const size_t end = strlen("/.git");
    if (size > root_size + end && memcmp(path, root, root_size) == 0 && path[root_size] == '/' &&
        strcmp(path + size - end, "/.git") == 0) {
        path[size - end] = '\0';
        dir_beside_add(beside, root, path + root_size + 1, true);
    }
}

static void
inspect_worktrees(struct fi_dir_beside *beside, const char *root)
{
    struct below below;
    DIR *dir = open_below(&below, root, ".git/worktrees/.list") ? list_below(&below) : NULL;
    const struct dirent *entry;
    for (size_t i = 0; dir != NULL && i < DIRS_MAX && (entry = readdir(dir)) != NULL; i++) {
        if (entry->d_name[0] != '.') {
            inspect_worktree(beside, root, entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* Lines "path = DIRECTORY" name the submodules. */
static void
inspect_submodules(struct fi_dir_beside *beside, const char *root)
{
    char *text = read_file(root, ".gitmodules");
    char *rest = NULL;
    size_t count = 0;
    char *line = text != NULL ? strtok_r(text, "\r\n", &rest) : NULL;
    for (; line != NULL && count < DIRS_MAX; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        if (strncmp(line, "path", 4) != 0) {
            continue;
        }
        line += 4 + strspn(line + 4, " \t");
        if (*line != '=') {
            continue;
        }
        line += 1 + strspn(line + 1, " \t");
        size_t size = strlen(line);
        while (size > 0 && strchr(" \t/", line[size - 1]) != NULL) {
            size--;
        }
        if (size >= 2 && line[0] == '"' && line[size - 1] == '"') {
            line++;
            size -= 2;
        }
        line[size] = '\0';
        count++;
        if (line[0] != '/') {
            dir_beside_add(beside, root, line, false);
        }
    }
    free(text);
}

/* ---- before and after ---- */

static void
inspect_git(struct fi_dir_beside *beside, const char *root)
{
    inspect_worktrees(beside, root);
    inspect_submodules(beside, root);
}

static void
beside_deinit(struct fi_dir_beside *beside)
{
    for (size_t i = 0; i < beside->bare_count; i++) {
        free(beside->bare[i].path);
    }
    free(beside->bare);
}

static bool
was_bare(const struct fi_dir_beside *before, const char *path)
{
    for (size_t i = 0; i < before->bare_count; i++) {
        if (strcmp(before->bare[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void
report_hooks(const char *root, unsigned before)
{
    char text[FI_HOOK_AGENT_TEXT_SIZE];
    const char *path;
    unsigned lost = before & ~fi_hook_agent_inspect(root);
    fi_term_json_array("hooks_removed");
    while (fi_hook_agent_next_lost(&lost, &path, text)) {
        fi_term_json_string(NULL, path);
        fi_command_report_line("%s: %s", path, text);
    }
    fi_term_json_end();
}

static void
report_git(const char *root, const struct fi_dir_beside *before)
{
    struct fi_dir_beside now = {0};
    inspect_git(&now, root);
    fi_term_json_array("without_git");
    for (size_t i = 0; i < now.bare_count; i++) {
        const struct fi_dir_bare *bare = &now.bare[i];
        if (was_bare(before, bare->path)) {
            continue;
        }
        fi_term_json_object(NULL);
        fi_term_json_bytes("path", firn_str(bare->path));
        fi_term_json_string("kind", bare->is_worktree ? "worktree" : "submodule");
        fi_term_json_end();
        fi_command_report_path("back without its file .git", firn_str(bare->path),
                               bare->is_worktree
                                   ? "git worktree repair, with its path, makes it anew"
                                   : "git submodule update --init, with its path, makes it anew");
    }
    fi_term_json_end();
    beside_deinit(&now);
}

void
fi_dir_beside_inspect(const firn_workspace *workspace, struct fi_dir_beside *out)
{
    const char *root = firn_workspace_root(workspace);
    *out = (struct fi_dir_beside){.hooks = fi_hook_agent_inspect(root)};
    inspect_git(out, root);
}

void
fi_dir_beside_report(const firn_workspace *workspace, struct fi_dir_beside *before)
{
    const char *root = firn_workspace_root(workspace);
    report_hooks(root, before->hooks);
    report_git(root, before);
    beside_deinit(before);
    *before = (struct fi_dir_beside){0};
}

void
fi_dir_beside_drop(struct fi_dir_beside *before)
{
    beside_deinit(before);
    *before = (struct fi_dir_beside){0};
}
