/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_window.c: the wrappers for windows.
 *
 * An implementation that has windows gives memory for a stretch of a file (file_map) and takes it
 * back (file_unmap). There are two kinds of that memory:
 *
 *   shared    a mapping of the file: a store is a change of the file, visible to every reader of it
 *             at once, and kept by the kernel when the process dies. Nothing is left to be done, so
 *             there is no file_commit.
 *   a copy    the machine in memory has no such thing as pages. It gives a copy of the bytes, and
 *             file_commit is a write. So what was stored and not committed is not in the file; the
 *             crash tests cut the power at each commit, and inside it.
 *
 * A commit is one attempt but for interruptions, as a write is: what fails has written a part.
 *
 * The bytes of a window must have been written before, not merely reserved: a store into a hole, or
 * into space that the file system fills at its first use, may need what a full disk has not. That
 * the bytes are there is checked once, when the window is opened.
 */
#include "os/os_window.h"

#include <errno.h>

#include "base/check.h"
#include "base/checked.h"
#include "os/os_path.h"

static int
map(struct firn_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    const struct firn_os_ops *ops = file->os->ops;
    return ops->file_map != NULL ? ops->file_map(file, offset, size, out) : EOPNOTSUPP;
}

int
firn_os_window_open(struct firn_os_file *file, uint64_t offset, size_t size,
                    struct firn_os_window *out, firn_error *err)
{
    *out = (struct firn_os_window){0};
    if (!firn_os_process_is_own(&file->mark)) {
        return firn_os_process_refuse("a file", err);
    }
    struct firn_os_stat stat;
    int rc;
    FIRN_TRY(firn_os_file_stat(file, &stat, err));
    if (size == 0 || offset % FIRN_OS_WINDOW_ALIGNMENT != 0 ||
        !firn_range_inside(offset, size, stat.size_bytes)) {
        return firn_error_set(err, FIRN_INVALID, "cannot open a window of %zu bytes onto '%s'",
                              size, firn_os_file_path(file));
    }
    uint8_t *data = NULL;
    int error_number = map(file, offset, size, &data);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "map", file->dir, file->name);
    }
    *out = (struct firn_os_window){
        .file = file, .offset = offset, .size = size, .data = data, .mark = file->mark};
out:
    return rc;
}

void
firn_os_window_close(struct firn_os_window *window)
{
    if (window->file != NULL) {
        window->file->os->ops->file_unmap(window->file, window->data, window->size);
    }
    *window = (struct firn_os_window){0};
}

int
firn_os_window_commit(struct firn_os_window *window, uint64_t offset, size_t size, firn_error *err)
{
    const uint8_t *data = firn_os_window_at(window, offset, size);
    CHECK(data != NULL);
    struct firn_os_file *file = window->file;
    if (file->os->ops->file_commit == NULL) {
        return FIRN_OK;
    }
    int error_number;
    do {
        error_number = file->os->ops->file_commit(file, offset, data, size);
    } while (error_number == EINTR);
    return error_number == 0
               ? FIRN_OK
               : firn_os_path_error(err, error_number, "write", file->dir, file->name);
}
