/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_read.c: a rule file on disk.
 *
 * It is read like any file of a workspace: no link is followed, nothing but a regular file is
 * opened, and its access time stays. A file that grows while it is read is taken as long as it was;
 * the next walk sees the rest. One that is larger than a rule file may be is not read at all: half
 * of its rules could say the opposite of all of them.
 */
#include "base/check.h"
#include "rules/rules_internal.h"

/* The whole of an open file, into a buffer. */
static int
read_content(struct firn_os_file *file, uint64_t size, struct firn_buf *out, firn_error *err)
{
    if (size > FIRN_IGNORE_FILE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "larger than %d bytes", FIRN_IGNORE_FILE_SIZE_MAX);
    }
    size_t read = 0;
    if (firn_buf_set_size(out, (size_t)size) != FIRN_OK) {
        return firn_error_no_memory(err, "the rules of a file");
    }
    int rc = size > 0 ? firn_os_file_read(file, 0, out->data, out->size, &read, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        DCHECK(read <= out->size);
        out->size = read;
    }
    return rc;
}

int
firn_rules_read(struct firn_os_dir *dir, enum firn_ignore_rules_kind kind,
                void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
                struct firn_ignore_file **out, firn_error *err)
{
    *out = NULL;
    struct firn_os_file *file = NULL;
    struct firn_os_stat stat;
    struct firn_buf content = {0};
    int rc = firn_os_file_open_stat(dir, firn_ignore_rules_name(kind),
                                    FIRN_OS_READ | FIRN_OS_NO_ATIME, 0, &file, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_INVALID) {
        return firn_error_set(err, rc, "no regular file");
    }
    if (rc == FIRN_OK) {
        rc = read_content(file, stat.size_bytes, &content, err);
    }
    if (rc == FIRN_OK) {
        rc = firn_ignore_file_create(firn_buf_slice(&content), on_bad, ctx, out, err);
    }
    firn_buf_deinit(&content);
    firn_os_file_close(file);
    return rc;
}
