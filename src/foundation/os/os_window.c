/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_window.c: the wrappers for windows.
 *
 * An implementation with windows maps a range of a file to memory (file_map) and unmaps it
 * (file_unmap). There are two kinds of that memory:
 *
 *   shared    a mapping of the file: a store changes the file, is visible to every reader of it at
 *             once, and is kept by the kernel when the process dies. A commit has nothing to do, so
 *             there is no file_commit.
 *   a copy    the machine in memory has no pages. The memory is a copy of the bytes; file_commit
 *             is a write. So a store that was not committed is not in the file; the crash tests cut
 *             the power at each commit, and inside it.
 *
 * A commit is one attempt except for interruptions, as a write is: a failed one has written a part.
 *
 * Requires: the bytes of a window were written before, not merely reserved. A store into a hole, or
 * into space that the file system fills at its first use, may need space that a full disk does not
 * have. This is checked once, when the window is opened.
 */
#include "os/os_window.h"

#include <errno.h>

#include "base/check.h"
#include "base/checked.h"
#include "os/os_path.h"

static int
os_window_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    DCHECK(file->os != NULL && offset % FI_OS_WINDOW_ALIGNMENT == 0 && size > 0);
    const struct fi_os_ops *ops = file->os->ops;
    return ops->file_map != NULL ? ops->file_map(file, offset, size, out) : EOPNOTSUPP;
}

int
fi_os_window_open(struct fi_os_file *file, uint64_t offset, size_t size, struct fi_os_window *out,
                  firn_error *err)
{
    *out = (struct fi_os_window){0};
    if (!fi_os_process_is_own(&file->mark)) {
        return fi_os_process_refuse("a file", err);
    }
    struct fi_os_stat stat;
    FI_TRY_RETURN(fi_os_file_stat(file, &stat, err));
    if (size == 0 || offset % FI_OS_WINDOW_ALIGNMENT != 0 ||
        !fi_range_inside(offset, size, stat.size_bytes)) {
        return fi_error_set(err, FIRN_INVALID, "cannot open a window of %zu bytes onto '%s'", size,
                            fi_os_file_path(file));
    }
    uint8_t *data = NULL;
    int error_number = os_window_map(file, offset, size, &data);
    if (error_number != 0) {
        return fi_os_path_result(err, error_number, "map", file->dir, file->name);
    }
    *out = (struct fi_os_window){
        .file = file, .offset = offset, .size = size, .data = data, .mark = file->mark};
    return FIRN_OK;
}

void
fi_os_window_close(struct fi_os_window *window)
{
    if (window->file != NULL) {
        window->file->os->ops->file_unmap(window->file, window->data, window->size);
    }
    *window = (struct fi_os_window){0};
}

int
fi_os_window_commit(struct fi_os_window *window, uint64_t offset, size_t size, firn_error *err)
{
    const uint8_t *data = fi_os_window_at(window, offset, size);
    CHECK(data != NULL);
    struct fi_os_file *file = window->file;
    if (file->os->ops->file_commit == NULL) {
        return FIRN_OK;
    }
    int error_number;
    do {
        error_number = file->os->ops->file_commit(file, offset, data, size);
    } while (error_number == EINTR);
    return fi_os_path_result(err, error_number, "write", file->dir, file->name);
}
