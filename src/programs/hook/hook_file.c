/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_file.c: a small file that is read whole, and replaced whole.
 *
 * The new content gets the file's name when it is complete (task_file.c). The names are those that
 * agents use, so a tree from elsewhere may have anything there: links that lead to the user's own
 * files, fifos, devices. None of them is followed or opened (task_beneath.c).
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term_try.h"

/* Settings have nothing of a store in them, and a project's are its team's. */
enum { MODE_NEW = 0666 };

static int
hook_file_fail(firn_error *err, const char *what, const char *path)
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
        if (size > FI_HOOK_FILE_SIZE_MAX) {
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

int
fi_hook_file_read(const struct fi_hook_file_place *place, char **out, size_t *out_size,
                  firn_error *err)
{
    struct fi_task_beneath beneath;
    int fd = -1;
    *out = NULL;
    *out_size = 0;
    int code = fi_task_beneath_open(&beneath, place->path, place->base_size,
                                    FI_TASK_BENEATH_MAKES_NONE, err);
    if (code == FIRN_OK) {
        code = fi_task_beneath_read(&beneath, &fd, err);
        fi_task_beneath_close(&beneath);
    }
    if (code != FIRN_OK || fd < 0) {
        return code;
    }
    ssize_t size = read_all(fd, out);
    code = size < 0 ? hook_file_fail(err, "read", place->path) : FIRN_OK;
    *out_size = size < 0 ? 0 : (size_t)size;
    (void)close(fd);
    return code;
}

/* Opens the directory of the file, which is made if it is not there. */
static int
open_directory(const struct fi_hook_file_place *place, struct fi_task_beneath *out, firn_error *err)
{
    FI_TRY_RETURN(fi_task_beneath_open(
        out, place->path, place->base_size,
        place->is_chosen ? FI_TASK_BENEATH_MAKES_LAST : FI_TASK_BENEATH_MAKES_ALL, err));
    if (out->fd < 0) {
        errno = ENOENT;
        return hook_file_fail(err, "open the directory of", place->path);
    }
    return FIRN_OK;
}

int
fi_hook_file_remove(const struct fi_hook_file_place *place, const char *text, bool *out_removed,
                    firn_error *err)
{
    struct fi_task_beneath beneath;
    struct stat file;
    *out_removed = false;
    int code = open_directory(place, &beneath, err);
    if (code != FIRN_OK) {
        return code;
    }
    *out_removed = fstatat(beneath.fd, beneath.name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(file.st_mode) && file.st_nlink == 1;
    if (*out_removed && unlinkat(beneath.fd, beneath.name, 0) != 0) {
        code = hook_file_fail(err, "remove", place->path);
    } else if (*out_removed && fsync(beneath.fd) != 0) {
        code = hook_file_fail(err, "sync the directory of", place->path);
    }
    bool is_removed = *out_removed;
    fi_task_beneath_close(&beneath);
    return is_removed ? code : fi_hook_file_replace(place, text, err);
}

static int
hook_file_replace(const struct fi_hook_file_place *place, const char *text, bool is_script,
                  firn_error *err)
{
    assert(text != NULL);
    struct fi_task_beneath beneath;
    struct fi_task_file file;
    struct stat made;
    FI_TRY_RETURN(open_directory(place, &beneath, err));
    int code = fi_task_file_create_beneath(&file, &beneath, MODE_NEW, err);
    if (code == FIRN_OK && is_script) { /* who may read it may run it */
        mode_t readers = fstat(file.fd, &made) == 0 ? made.st_mode & 0444 : 0400;
        if (fchmod(file.fd, (made.st_mode & 0777) | readers >> 2) != 0) {
            code = hook_file_fail(err, "set the mode of", place->path);
        }
    }
    if (code == FIRN_OK) {
        code = fi_task_file_write(&file, firn_str(text), err);
        code = code == FIRN_OK ? fi_task_file_finish(&file, err) : code;
    }
    fi_task_file_discard(&file);
    fi_task_beneath_close(&beneath);
    return code;
}

int
fi_hook_file_replace(const struct fi_hook_file_place *place, const char *text, firn_error *err)
{
    return hook_file_replace(place, text, false, err);
}

int
fi_hook_file_replace_script(const struct fi_hook_file_place *place, const char *text,
                            firn_error *err)
{
    return hook_file_replace(place, text, true, err);
}
