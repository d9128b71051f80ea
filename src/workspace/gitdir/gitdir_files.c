/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_files.c: small files of git's directory.
 *
 * Nothing here follows a link. Files that are written are not synced one by one: the caller syncs
 * the file system before the directory gets its name.
 */
#include "base/check.h"
#include "base/slice.h"
#include "gitdir/gitdir_internal.h"

int
fi_gitdir_files_read(struct fi_os_dir *dir, const char *name, size_t size_max, struct fi_buf *out,
                     firn_error *err)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    size_t size = 0;
    int rc;
    fi_buf_clear(out);
    FI_TRY(fi_os_file_open_stat(dir, name, FI_OS_READ, 0, &file, &stat, err));
    if (stat.size_bytes > size_max) {
        rc = fi_error_set(err, FIRN_LIMIT, "'%.400s' is too large", name);
        goto out;
    }
    if (fi_buf_set_size(out, (size_t)stat.size_bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a file");
        goto out;
    }
    FI_TRY(fi_os_file_read(file, 0, out->data, out->size, &size, err));
    out->size = size;
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_gitdir_files_write(struct fi_os_dir *dir, const char *name, uint32_t mode, firn_slice content,
                      firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_gitdir_files_remove(dir, name, err));
    FI_TRY(fi_os_file_open(dir, name,
                           FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_FOR_OWNER,
                           mode & 0777, &file, err));
    FI_TRY(fi_os_file_write(file, 0, content.data, content.size, err));
    FI_TRY(fi_os_set_mode((struct fi_os_node){.file = file}, mode & 0777, err));
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_gitdir_files_remove(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    int rc = fi_os_remove_file(dir, name, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_gitdir_files_path(firn_slice path, const char *name, struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    return fi_buf_append_slice(out, path) == FIRN_OK &&
                   (path.size == 0 || fi_buf_append_u8(out, '/') == FIRN_OK) &&
                   fi_buf_append_str(out, name) == FIRN_OK && fi_buf_text(out) != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a path");
}

bool
fi_gitdir_files_has(struct fi_os_dir *dir, const char *name, enum fi_os_kind kind)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, name, &stat, NULL) == FIRN_OK && stat.kind == kind;
}
