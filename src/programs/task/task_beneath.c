/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_beneath.c: a path that firn chose, in a tree that may come from elsewhere.
 *
 * A tree can bring a symbolic link at any name that firn reads or writes, such as ".claude", and so
 * lead it to the user's own files. So the path below a directory of the user's is walked with one
 * openat for each component, and none of them follows a link (I1; not checked: the flag is in the
 * one call). What comes after works with the descriptor at which the walk ended. So a component
 * that is exchanged meanwhile leads nowhere else.
 *
 * The directory at which the walk begins is the user's choice: its own path is followed as it is.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"

enum { SHOWN_MAX = 600 };

static int
task_beneath_fail(int error, const char *what, const char *path, size_t size, firn_error *err)
{
    assert(error != 0);
    memset(err, 0, sizeof(*err));
    err->os_errno = error;
    err->code = error == EACCES || error == EPERM    ? FIRN_DENIED
                : error == EROFS                     ? FIRN_READ_ONLY
                : error == ENOSPC || error == EDQUOT ? FIRN_NO_SPACE
                : error == ENOENT                    ? FIRN_NOT_FOUND
                                                     : FIRN_IO;
    (void)snprintf(err->text, sizeof(err->text), "could not %s '%.*s': %s", what,
                   size < SHOWN_MAX ? (int)size : SHOWN_MAX, path, strerror(error));
    return err->code;
}

static int
task_beneath_refuse(int error, const char *path, size_t size, const char *text, firn_error *err)
{
    memset(err, 0, sizeof(*err));
    err->code = FIRN_INVALID;
    err->os_errno = error;
    (void)snprintf(err->text, sizeof(err->text), "'%.*s' %s",
                   size < SHOWN_MAX ? (int)size : SHOWN_MAX, path, text);
    return err->code;
}

static int
refuse_link(const char *path, size_t size, firn_error *err)
{
    return task_beneath_refuse(ELOOP, path, size, "is a symbolic link, which is not followed here",
                               err);
}

int
fi_task_beneath_refuse_link(const char *path, firn_error *err)
{
    return refuse_link(path, strlen(path), err);
}

int
fi_task_beneath_refuse_kind(const char *path, firn_error *err)
{
    return task_beneath_refuse(ENOTSUP, path, strlen(path), "is not a regular file", err);
}

/* ---- the walk ---- */

static int
open_base(const char *path, size_t size, int *out, firn_error *err)
{
    char base[PATH_MAX];
    if (size >= sizeof(base)) {
        return task_beneath_fail(ENAMETOOLONG, "open the directory", path, size, err);
    }
    memcpy(base, path, size);
    base[size] = '\0';
    *out = open(size > 0 ? base : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out >= 0 ? FIRN_OK : task_beneath_fail(errno, "open the directory", path, size, err);
}

/* Replaces *fd by the directory `name` in it; -1 if that is not there. `size` is how much of the
 * path leads to it, for messages. (I1) */
static int
task_beneath_enter(const struct fi_task_beneath *beneath, int *fd, const char *name, size_t size,
                   bool makes, firn_error *err)
{
    struct stat there;
    if (makes && mkdirat(*fd, name, 0777) != 0 && errno != EEXIST) {
        return task_beneath_fail(errno, "make the directory", beneath->path, size, err);
    }
    const int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    const bool is_link =
        next < 0 && fstatat(*fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(there.st_mode);
    (void)close(*fd);
    *fd = next;
    if (next >= 0 || (error == ENOENT && !makes)) {
        return FIRN_OK;
    }
    return is_link ? refuse_link(beneath->path, size, err)
                   : task_beneath_fail(error, "open the directory", beneath->path, size, err);
}

int
fi_task_beneath_open(struct fi_task_beneath *out, const char *path, size_t base_size,
                     enum fi_task_beneath_makes makes, firn_error *err)
{
    char name[NAME_MAX + 1];
    const char *at = path + base_size;
    assert(base_size <= strlen(path));
    *out = (struct fi_task_beneath){.path = path, .fd = -1};
    int code = open_base(path, base_size, &out->fd, err);
    for (const char *slash; code == FIRN_OK && out->fd >= 0 && (slash = strchr(at, '/')) != NULL;
         at = slash + 1) {
        const size_t size = (size_t)(slash - at);
        const bool is_last = strchr(slash + 1, '/') == NULL;
        if (size == 0 || (size == 1 && at[0] == '.')) {
            continue;
        }
        if (size >= sizeof(name) || (size == 2 && memcmp(at, "..", 2) == 0)) {
            code = task_beneath_fail(size == 2 ? EINVAL : ENAMETOOLONG, "open the directory", path,
                                     (size_t)(slash - path), err);
            break;
        }
        memcpy(name, at, size);
        name[size] = '\0';
        code = task_beneath_enter(out, &out->fd, name, (size_t)(slash - path),
                                  makes == FI_TASK_BENEATH_MAKES_ALL ||
                                      (makes == FI_TASK_BENEATH_MAKES_LAST && is_last),
                                  err);
    }
    at = strrchr(path + base_size, '/') != NULL ? strrchr(path, '/') + 1 : path + base_size;
    if (code == FIRN_OK && (at[0] == '\0' || strcmp(at, ".") == 0 || strcmp(at, "..") == 0)) {
        code = task_beneath_refuse(EISDIR, path, strlen(path), "is not the name of a file", err);
    }
    out->name = at;
    if (code != FIRN_OK) {
        fi_task_beneath_close(out);
    }
    return code;
}

void
fi_task_beneath_close(struct fi_task_beneath *beneath)
{
    if (beneath->fd > STDERR_FILENO) {
        (void)close(beneath->fd);
    }
    beneath->fd = -1;
}

int
fi_task_beneath_read(const struct fi_task_beneath *beneath, int *out_fd, firn_error *err)
{
    struct stat file;
    *out_fd = -1;
    if (beneath->fd < 0) {
        return FIRN_OK;
    }
    const int fd = openat(beneath->fd, beneath->name,
                          O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT  ? FIRN_OK
               : errno == ELOOP ? fi_task_beneath_refuse_link(beneath->path, err)
               : errno == ENXIO
                   ? fi_task_beneath_refuse_kind(beneath->path, err)
                   : task_beneath_fail(errno, "open", beneath->path, strlen(beneath->path), err);
    }
    if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        (void)close(fd);
        return fi_task_beneath_refuse_kind(beneath->path, err);
    }
    *out_fd = fd;
    return FIRN_OK;
}
