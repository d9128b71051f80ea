/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_file.c: a small file that is read whole, and replaced whole.
 *
 * The new content gets the file's name when it is complete (task_file.c). People keep settings as links
 * into another directory: those stay links.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"

static int
fail(firn_error *err, const char *what, const char *path)
{
    int error = errno;
    memset(err, 0, sizeof(*err));
    err->os_errno = error;
    err->code = error == EACCES || error == EPERM ? FIRN_DENIED
                : error == EROFS                  ? FIRN_READ_ONLY
                : error == ENOSPC                 ? FIRN_NO_SPACE
                : error == EFBIG                  ? FIRN_LIMIT
                : error == ENOMEM                 ? FIRN_NO_MEMORY
                                                  : FIRN_IO;
    (void)snprintf(err->text, sizeof(err->text), "could not %s '%s': %s", what, path,
                   strerror(error));
    return err->code;
}

/* Reads all of it into memory that it makes; -1 and errno if that fails. */
static ssize_t
read_all(int fd, char **out)
{
    size_t capacity = 4096;
    size_t size = 0;
    char *data = malloc(capacity);
    while (data != NULL) {
        ssize_t got = read(fd, data + size, capacity - size);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            *out = got == 0 ? data : NULL;
            if (got < 0) {
                free(data);
            }
            return got == 0 ? (ssize_t)size : -1;
        }
        size += got > 0 ? (size_t)got : 0;
        if (size > FIRN_HOOK_FILE_SIZE_MAX) {
            free(data);
            errno = EFBIG;
            return -1;
        }
        if (size == capacity) {
            char *grown = realloc(data, capacity *= 2);
            if (grown == NULL) {
                free(data);
            }
            data = grown;
        }
    }
    errno = ENOMEM;
    return -1;
}

/* A tree from elsewhere may have anything at that path: a fifo must not hold up the reader, nor a terminal
 * become the process's own. A directory is for read to refuse. -1 and errno. */
static int
open_regular(const char *path)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &file) != 0 || !(S_ISREG(file.st_mode) || S_ISDIR(file.st_mode)))) {
        (void)close(fd);
        errno = ENOTSUP;
        return -1;
    }
    return fd;
}

int
firn_hook_file_read(const char *path, char **out, size_t *out_size, firn_error *err)
{
    *out = NULL;
    *out_size = 0;
    int fd = open_regular(path);
    if (fd < 0) {
        return errno == ENOENT ? FIRN_OK : fail(err, "open", path);
    }
    ssize_t size = read_all(fd, out);
    int code = size < 0 ? fail(err, "read", path) : FIRN_OK;
    *out_size = size < 0 ? 0 : (size_t)size;
    (void)close(fd);
    return code;
}

static bool
sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced;
}

/* The directory of a file: out[PATH_MAX]. */
static void
directory_of(const char *path, char *out)
{
    assert(path != NULL && out != NULL);
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(out, slash == NULL ? "." : path, slash == NULL ? 1 : size);
    out[slash == NULL ? 1 : size] = '\0';
}

int
firn_hook_file_remove(const char *path, const char *text, bool *out_removed, firn_error *err)
{
    char directory[PATH_MAX];
    struct stat file;
    *out_removed = lstat(path, &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 1 &&
                   strlen(path) < sizeof(directory);
    if (!*out_removed) {
        return firn_hook_file_replace(path, text, err);
    }
    directory_of(path, directory);
    if (unlink(path) != 0) {
        return fail(err, "remove", path);
    }
    return sync_directory(directory) ? FIRN_OK : fail(err, "sync", directory);
}

static int
replace(const char *path, const char *text, bool is_script, firn_error *err)
{
    assert(text != NULL);
    char directory[PATH_MAX];
    struct firn_task_file file;
    struct stat made;
    if (strlen(path) >= sizeof(directory)) {
        errno = ENAMETOOLONG;
        return fail(err, "write", path);
    }
    directory_of(path, directory);
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return fail(err, "make the directory", directory);
    }
    int code = firn_task_file_create(&file, path, true, err);
    if (code == FIRN_OK && is_script) { /* who may read it may run it */
        mode_t readers = fstat(file.fd, &made) == 0 ? made.st_mode & 0444 : 0400;
        if (fchmod(file.fd, (made.st_mode & 0777) | readers >> 2) != 0) {
            code = fail(err, "set the mode of", path);
        }
    }
    if (code == FIRN_OK) {
        code = firn_task_file_write(&file, firn_str(text), err);
        code = code == FIRN_OK ? firn_task_file_finish(&file, err) : code;
    }
    firn_task_file_discard(&file);
    return code;
}

int
firn_hook_file_replace(const char *path, const char *text, firn_error *err)
{
    return replace(path, text, false, err);
}

int
firn_hook_file_replace_script(const char *path, const char *text, firn_error *err)
{
    return replace(path, text, true, err);
}

int
firn_hook_file_make_directories(const char *path, size_t base_size, firn_error *err)
{
    char directory[PATH_MAX];
    assert(base_size <= strlen(path));
    for (const char *at = strchr(path + base_size, '/'); at != NULL; at = strchr(at + 1, '/')) {
        size_t size = (size_t)(at - path);
        if (size == 0 || size >= sizeof(directory)) {
            continue; /* the root, or too long for what follows to succeed */
        }
        memcpy(directory, path, size);
        directory[size] = '\0';
        if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
            return fail(err, "make the directory", directory);
        }
    }
    return FIRN_OK;
}
