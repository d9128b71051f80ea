/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_scratch.c: a directory for checkpoints, outside of the workspace.
 *
 * What a checkpoint or a command has put there may be of any depth. So nothing is removed by
 * recursion: what is not empty in a directory is moved to the top under a number, and removed from
 * there. Two directories are open at a time.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "turn/turn_internal.h"

int
fi_turn_scratch_make(struct fi_turn_scratch *scratch, const firn_workspace *workspace,
                     firn_error *err)
{
    const char *root = firn_workspace_root(workspace);
    const char *given = getenv("TMPDIR");
    const char *name = strrchr(root, '/');
    char *real = realpath(given != NULL && given[0] == '/' ? given : "/tmp", NULL);
    const size_t root_size = strlen(root);
    int code = FIRN_OK;
    *err = (firn_error){.code = FIRN_OK};
    name = name != NULL && name[1] != '\0' ? name + 1 : "root";
    const int size =
        real == NULL ? -1
                     : snprintf(scratch->top, sizeof(scratch->top), "%s/firn-bisect-XXXXXX", real);
    if (real != NULL && strncmp(real, root, root_size) == 0 &&
        (real[root_size] == '/' || real[root_size] == '\0')) {
        (void)snprintf(err->text, sizeof(err->text),
                       "the directory for temporary files, '%.400s', is in the workspace", real);
        code = FIRN_INVALID;
    } else if (size < 0 || (size_t)size >= sizeof(scratch->top) || mkdtemp(scratch->top) == NULL) {
        (void)snprintf(err->text, sizeof(err->text), "could not make a temporary directory: %s",
                       strerror(errno));
        code = FIRN_IO;
    } else {
        const int place_size =
            snprintf(scratch->place, sizeof(scratch->place), "%s/%s", scratch->top, name);
        if (place_size < 0 || (size_t)place_size >= sizeof(scratch->place)) {
            (void)rmdir(scratch->top);
            (void)snprintf(err->text, sizeof(err->text), "the temporary path is too long");
            code = FIRN_LIMIT;
        }
    }
    if (code != FIRN_OK) {
        scratch->top[0] = '\0';
        err->code = code;
    }
    free(real);
    return code;
}

static bool
is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* So that a directory, which is no link, can be read and moved. What fails because this has failed
 * is reported. */
static void
make_accessible(int at, const char *name)
{
    if (fchmodat(at, name, S_IRWXU, 0) != 0) {
        return;
    }
}

/* Moves a directory to the top, under a number that is free. */
static int
move_up(int from, const char *name, int top, uint64_t *number)
{
    char up[24];
    int rc;
    do {
        (void)snprintf(up, sizeof(up), "%llu", (unsigned long long)++*number);
        rc = renameat(from, name, top, up);
    } while (rc != 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
    return rc == 0 ? 0 : errno;
}

/* Removes an entry of a directory, or moves it up. Returns an errno. */
static int
remove_entry(int directory, const char *name, int top, uint64_t *number)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    if (!S_ISDIR(status.st_mode)) {
        return unlinkat(directory, name, 0) == 0 || errno == ENOENT ? 0 : errno;
    }
    make_accessible(directory, name);
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0) {
        return 0;
    }
    return errno == ENOTEMPTY || errno == EEXIST ? move_up(directory, name, top, number) : errno;
}

/* Opens a directory; NULL, with errno, after a failure. */
static DIR *
open_directory(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL && fd >= 0) {
        const int error = errno;
        (void)close(fd);
        errno = error;
    }
    return directory;
}

/* Removes what is in a directory of the top, or moves it up. Returns an errno. */
static int
empty(int top, const char *name, uint64_t *number)
{
    DIR *directory = open_directory(top, name);
    int error = 0;
    if (directory == NULL) {
        return errno;
    }
    for (struct dirent *entry; error == 0 && (entry = readdir(directory)) != NULL;) {
        error =
            is_dots(entry->d_name) ? 0 : remove_entry(dirfd(directory), entry->d_name, top, number);
    }
    (void)closedir(directory);
    return error;
}

/* Removes the first entry that the top has; *out_is_empty: there was none. Returns an errno. */
static int
remove_first(int top, uint64_t *number, bool *out_is_empty)
{
    DIR *directory = open_directory(top, ".");
    struct dirent *entry;
    char name[256] = "";
    if (directory == NULL) {
        return errno;
    }
    while ((entry = readdir(directory)) != NULL && is_dots(entry->d_name)) {
        /* the next one */
    }
    if (entry != NULL) {
        (void)snprintf(name, sizeof(name), "%s", entry->d_name);
    }
    (void)closedir(directory);
    *out_is_empty = name[0] == '\0';
    if (*out_is_empty) {
        return 0;
    }
    if (unlinkat(top, name, 0) == 0 || unlinkat(top, name, AT_REMOVEDIR) == 0) {
        return 0;
    }
    make_accessible(top, name);
    return empty(top, name, number);
}

int
fi_turn_scratch_clear(struct fi_turn_scratch *scratch, bool removes_top)
{
    uint64_t number = 0;
    bool is_empty = false;
    if (scratch->top[0] == '\0') {
        return 0;
    }
    int top = open(scratch->top, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = top < 0 ? errno : 0;
    while (error == 0 && !is_empty) {
        error = remove_first(top, &number, &is_empty);
    }
    if (top >= 0) {
        (void)close(top);
    }
    if (error == 0 && removes_top) {
        error = rmdir(scratch->top) == 0 ? 0 : errno;
    }
    if (error == 0 && removes_top) {
        scratch->top[0] = '\0';
    }
    return error;
}
