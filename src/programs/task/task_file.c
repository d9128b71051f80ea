/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_file.c: a file that a command writes atomically.
 *
 * The content goes to a temporary file beside the path. The temporary file is synced and renamed
 * when it is complete, and then its directory is synced. So a command that fails, is interrupted or
 * loses power leaves what was at the path as it was (I1), and a reader never sees a part.
 *
 * A file that is replaced keeps its mode, and its owner if root replaces it. A file that its user
 * may not write is not replaced either, although a rename could. A new file with contents of a
 * store can be read by its user alone, as the store can (I3; not checked: a file system may give
 * other modes).
 *
 * A path that the user gave may not be a symbolic link to a file, or to nothing: the link may have
 * come with a tree, and lead to any file of the user's. Directories before the name are followed. A
 * path that firn itself chose is reached without following any link (task_beneath.c).
 *
 * Fifos and devices have no content to protect: they are opened and written directly, also through
 * a link (/dev/stdout is one), and never removed (I2). In place of a file whose path firn chose
 * they are refused too.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term_try.h"

enum { SHOWN_MAX = 800, MODE_BITS = 0777, TRIES_MAX = 100 };

static int
task_file_fail(const struct fi_task_file *file, const char *what, firn_error *err)
{
    assert(errno != 0);
    const int error = errno;
    memset(err, 0, sizeof(*err));
    err->os_errno = error;
    err->code = error == EACCES || error == EPERM    ? FIRN_DENIED
                : error == EROFS                     ? FIRN_READ_ONLY
                : error == ENOSPC || error == EDQUOT ? FIRN_NO_SPACE
                : error == ENOENT                    ? FIRN_NOT_FOUND
                : error == EEXIST                    ? FIRN_EXISTS
                                                     : FIRN_IO;
    (void)snprintf(err->text, sizeof(err->text), "could not %s '%.*s': %s", what, SHOWN_MAX,
                   file->name, strerror(error));
    return err->code;
}

/* The umask can only be read by setting it. */
static mode_t
mode_of_new(mode_t mode)
{
    const mode_t mask = umask(0);
    (void)umask(mask);
    return mode & ~mask;
}

/* Fills file->path, and *out_before if anything is there. */
static int
task_file_resolve(struct fi_task_file *file, bool *out_is_there, struct stat *out_before,
                  firn_error *err)
{
    struct stat target;
    if (file->name[0] == '\0') {
        errno = ENOENT;
        return task_file_fail(file, "create", err);
    }
    if (strlen(file->name) >= sizeof(file->path)) {
        errno = ENAMETOOLONG;
        return task_file_fail(file, "create", err);
    }
    (void)snprintf(file->path, sizeof(file->path), "%s", file->name);
    *out_is_there = lstat(file->name, out_before) == 0;
    if (!*out_is_there) {
        return errno == ENOENT ? FIRN_OK : task_file_fail(file, "find", err);
    }
    if (S_ISLNK(out_before->st_mode)) {
        if (stat(file->name, &target) != 0 || S_ISREG(target.st_mode) || S_ISDIR(target.st_mode)) {
            return fi_task_beneath_refuse_link(file->name, err);
        }
        *out_before = target;
    }
    return FIRN_OK;
}

/* Makes the temporary file beside the path, which only its user may open (I3). */
static bool
make_temporary(struct fi_task_file *file)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (int i = 0; i < TRIES_MAX; i++) {
        uint8_t random[FI_TASK_FILE_LETTERS];
        char name[FI_TASK_FILE_LETTERS + 1] = "";
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            return false;
        }
        for (size_t at = 0; at < sizeof(random); at++) {
            name[at] = letters[random[at] % (sizeof(letters) - 1)];
        }
        (void)snprintf(file->temporary, sizeof(file->temporary), "%s.firn-%s", file->path, name);
        file->fd = openat(file->directory, file->temporary,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (file->fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (file->fd < 0) {
        file->temporary[0] = '\0';
    }
    return file->fd >= 0;
}

/* Begins the file beside one that is there (`before`), or is not (NULL), with this mode. */
static int
task_file_begin(struct fi_task_file *file, const struct stat *before, mode_t mode, firn_error *err)
{
    if (!make_temporary(file)) {
        return task_file_fail(file, "make a file beside", err);
    }
    const bool is_owned =
        before == NULL || geteuid() != 0 || fchown(file->fd, before->st_uid, before->st_gid) == 0;
    if (!is_owned ||
        fchmod(file->fd, before != NULL ? before->st_mode & MODE_BITS : mode_of_new(mode)) != 0) {
        const int code = task_file_fail(file, "make a file beside", err);
        fi_task_file_discard(file);
        return code;
    }
    return FIRN_OK;
}

int
fi_task_file_create(struct fi_task_file *file, const char *path, bool may_replace, firn_error *err)
{
    struct stat before;
    bool is_there = false;
    *file = (struct fi_task_file){
        .name = path, .may_replace = may_replace, .fd = -1, .directory = AT_FDCWD};
    FI_TRY_RETURN(task_file_resolve(file, &is_there, &before, err));
    if (is_there && !may_replace) {
        errno = EEXIST;
        return task_file_fail(file, "create", err);
    }
    if (is_there && access(file->path, W_OK) != 0) {
        return task_file_fail(file, "write", err);
    }
    file->is_direct = is_there && !S_ISREG(before.st_mode); /* (I2) */
    if (file->is_direct) {
        file->fd = open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (file->fd < 0) {
            return task_file_fail(file, "write", err);
        }
        if (fstat(file->fd, &before) != 0 || S_ISREG(before.st_mode)) { /* it was exchanged */
            fi_task_file_discard(file);
            return fi_task_beneath_refuse_link(file->name, err);
        }
        return FIRN_OK;
    }
    return task_file_begin(file, is_there ? &before : NULL, FI_TASK_FILE_MODE, err);
}

int
fi_task_file_create_beneath(struct fi_task_file *file, const struct fi_task_beneath *beneath,
                            mode_t mode, firn_error *err)
{
    struct stat before;
    assert(beneath->fd >= 0);
    *file = (struct fi_task_file){
        .name = beneath->path, .may_replace = true, .fd = -1, .directory = beneath->fd};
    const bool is_there = fstatat(beneath->fd, beneath->name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT) {
        return task_file_fail(file, "find", err);
    }
    if (is_there && !S_ISREG(before.st_mode)) {
        return S_ISLNK(before.st_mode) ? fi_task_beneath_refuse_link(beneath->path, err)
                                       : fi_task_beneath_refuse_kind(beneath->path, err);
    }
    if (is_there && faccessat(beneath->fd, beneath->name, W_OK, 0) != 0) {
        return task_file_fail(file, "write", err);
    }
    if (strlen(beneath->name) >= sizeof(file->path)) {
        errno = ENAMETOOLONG;
        return task_file_fail(file, "create", err);
    }
    (void)snprintf(file->path, sizeof(file->path), "%s", beneath->name);
    return task_file_begin(file, is_there ? &before : NULL, mode, err);
}

int
fi_task_file_write(struct fi_task_file *file, firn_slice bytes, firn_error *err)
{
    assert(file->fd >= 0);
    while (bytes.size > 0) {
        const ssize_t written = write(file->fd, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR) {
            return task_file_fail(file, "write", err);
        }
        if (written < 0) { /* a fifo may keep it waiting for ever */
            FI_TRY_RETURN(fi_command_go_on(err));
            continue;
        }
        bytes = firn_bytes(bytes.data + written, bytes.size - (size_t)written);
    }
    return FIRN_OK;
}

static bool
sync_directory(const struct fi_task_file *file)
{
    const char *path = file->path;
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX];
    if (file->directory != AT_FDCWD) {
        return fsync(file->directory) == 0;
    }
    if (slash == NULL) {
        (void)snprintf(directory, sizeof(directory), ".");
    } else {
        (void)snprintf(directory, sizeof(directory), "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
    }
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd); /* only read */
    }
    return is_synced;
}

/* Gives the temporary file its name. */
static bool
put_in_place(const struct fi_task_file *file)
{
    struct stat there;
    assert(!file->is_direct && file->temporary[0] != '\0'); /* (I1) */
    const int at = file->directory;
    if (file->may_replace) {
        return renameat(at, file->temporary, at, file->path) == 0;
    }
    if (renameat2(at, file->temporary, at, file->path, RENAME_NOREPLACE) == 0) {
        return true;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return false;
    }
    /* The file system cannot do both at once. */
    if (fstatat(at, file->path, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return renameat(at, file->temporary, at, file->path) == 0;
}

int
fi_task_file_finish(struct fi_task_file *file, firn_error *err)
{
    assert(file->fd >= 0 && file->is_direct == (file->temporary[0] == '\0')); /* (I2) */
    /* A fifo or a device cannot be synced. */
    bool is_fine = fsync(file->fd) == 0 || (file->is_direct && (errno == EINVAL || errno == EROFS));
    int error = errno;
    const int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0 && is_fine) {
        error = errno;
        is_fine = false;
    }
    if (is_fine && !file->is_direct) {
        is_fine = put_in_place(file);
        error = errno;
    }
    if (is_fine) {
        const bool is_synced = file->is_direct || sync_directory(file);
        file->temporary[0] = '\0';
        return is_synced ? FIRN_OK : task_file_fail(file, "sync the directory of", err);
    }
    fi_task_file_discard(file);
    errno = error;
    return task_file_fail(file, "write", err);
}

void
fi_task_file_discard(struct fi_task_file *file)
{
    if (file->fd > STDIN_FILENO) {
        (void)close(file->fd); /* what it holds is unwanted */
        file->fd = -1;
    }
    if (file->temporary[0] != '\0') { /* (I1), (I2): never the path itself */
        (void)unlinkat(file->directory, file->temporary, 0);
        file->temporary[0] = '\0';
    }
}
