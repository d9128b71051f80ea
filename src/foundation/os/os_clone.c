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
copy_content(struct firn_os_file *from, struct firn_os_file *to, struct firn_buf *buffer,
             firn_error *err)
{
    DCHECK(buffer->size == BUFFER_SIZE);
    uint64_t start = 0;
    uint64_t end = 0;
    for (;;) {
        FIRN_TRY_RETURN(firn_os_file_next_data(from, end, &start, &end, err));
        if (start >= end) {
            break;
        }
        while (start < end) {
            size_t size = end - start < BUFFER_SIZE ? (size_t)(end - start) : BUFFER_SIZE;
            FIRN_TRY_RETURN(firn_os_file_read_exact(from, start, buffer->data, size, err));
            FIRN_TRY_RETURN(firn_os_file_write(to, start, buffer->data, size, err));
            start += size;
        }
    }
    FIRN_TRY_RETURN(firn_os_file_truncate(to, end, err));
    return firn_os_file_sync(to, err);
}

static int
copy(struct firn_os_dir *from, struct firn_os_dir *to, const char *name, firn_error *err)
{
    struct firn_os_file *source = NULL;
    struct firn_os_file *target = NULL;
    struct firn_buf buffer = {0};
    int rc;
    if (firn_buf_set_size(&buffer, BUFFER_SIZE) != FIRN_OK) {
        return firn_error_no_memory(err, "the copy of a file");
    }
    FIRN_TRY(firn_os_file_open(from, name, FIRN_OS_READ, 0, &source, err));
    FIRN_TRY(firn_os_file_open(to, name,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE,
                               0600, &target, err));
    rc = copy_content(source, target, &buffer, err);
    if (rc != FIRN_OK) {
        FIRN_IGNORE(firn_os_remove_file(to, name, NULL));
    }
out:
    firn_os_file_close(source);
    firn_os_file_close(target);
    firn_buf_deinit(&buffer);
    return rc;
}

int
firn_os_clone_file(struct firn_os_dir *from, struct firn_os_dir *to, const char *name,
                   firn_error *err)
{
    DCHECK(from != to);
    int rc = FIRN_UNSUPPORTED;
    if (firn_os_dir_os(from) == firn_os_dir_os(to)) {
        rc = firn_os_link(from, name, to, name, err);
    }
    bool is_final = rc == FIRN_OK || rc == FIRN_EXISTS || rc == FIRN_NOT_FOUND;
    return is_final ? rc : copy(from, to, name, err);
}
