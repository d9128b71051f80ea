/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_clone.c: a sealed file under a second name.
 *
 * A file that is never written again can be shared: a hard link costs no time and no space. If the
 * system refuses one, for any reason, the content is copied and synced, its holes as holes; if that
 * fails too, its error is the one that is reported.
 *
 * Memory: a buffer of BUFFER_SIZE.
 */
#include "os/os_clone.h"

#include "base/buf.h"
#include "base/check.h"

enum { BUFFER_SIZE = 1 << 20 };

static int
copy_content(struct fi_os_file *from, struct fi_os_file *to, struct fi_buf *buffer, firn_error *err)
{
    DCHECK(buffer->size == BUFFER_SIZE);
    uint64_t start = 0;
    uint64_t end = 0;
    for (;;) {
        FI_TRY_RETURN(fi_os_file_next_data(from, end, &start, &end, err));
        if (start >= end) {
            break;
        }
        while (start < end) {
            size_t size = end - start < BUFFER_SIZE ? (size_t)(end - start) : BUFFER_SIZE;
            FI_TRY_RETURN(fi_os_file_read_exact(from, start, buffer->data, size, err));
            FI_TRY_RETURN(fi_os_file_write(to, start, buffer->data, size, err));
            start += size;
        }
    }
    FI_TRY_RETURN(fi_os_file_truncate(to, end, err));
    return fi_os_file_sync(to, err);
}

static int
os_clone_copy(struct fi_os_dir *from, struct fi_os_dir *to, const char *name, firn_error *err)
{
    struct fi_os_file *source = NULL;
    struct fi_os_file *target = NULL;
    struct fi_buf buffer = {0};
    int rc;
    if (fi_buf_set_size(&buffer, BUFFER_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the copy of a file");
    }
    FI_TRY(fi_os_file_open(from, name, FI_OS_READ, 0, &source, err));
    FI_TRY(fi_os_file_open(to, name,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_SEALED,
                           0600, &target, err));
    rc = copy_content(source, target, &buffer, err);
    if (rc != FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(to, name, NULL));
    }
out:
    fi_os_file_close(source);
    fi_os_file_close(target);
    fi_buf_deinit(&buffer);
    return rc;
}

int
fi_os_clone_file(struct fi_os_dir *from, struct fi_os_dir *to, const char *name, firn_error *err)
{
    DCHECK(from != to);
    int rc = FIRN_UNSUPPORTED;
    if (fi_os_dir_os(from) == fi_os_dir_os(to)) {
        rc = fi_os_link(from, name, to, name, err);
    }
    bool is_final = rc == FIRN_OK || rc == FIRN_EXISTS || rc == FIRN_NOT_FOUND;
    return is_final ? rc : os_clone_copy(from, to, name, err);
}
