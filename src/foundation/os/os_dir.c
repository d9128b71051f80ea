/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_dir.c: the wrappers for directories as handles: open, list, sync, ask.
 *
 * A wrapper checks names (os.h I1), lets the implementation do the one primitive, and turns its
 * errno into an error that names the path. Handles are made here, before the implementation is
 * called, so that an implementation has nothing to allocate and nothing to undo.
 */
#include <errno.h>

#include "base/error.h"
#include "os/os_path.h"

/* Ends an opening: hands the filled handle out, or frees it and says why it could not be opened. */
static int
finish_open(struct firn_os_dir *dir, int error_number, struct firn_os_dir **out, firn_error *err)
{
    if (error_number == 0) {
        *out = dir;
        return FIRN_OK;
    }
    int rc = firn_os_path_error(err, error_number, "open directory", dir, NULL);
    firn_os_path_unref_dir(dir);
    return rc;
}

int
firn_os_dir_open_path(struct firn_os *os, const char *path, struct firn_os_dir **out,
                      firn_error *err)
{
    *out = NULL;
    struct firn_os_dir *dir = firn_os_path_new_dir(os, NULL, path);
    if (dir == NULL) {
        return firn_error_no_memory(err, "a directory handle");
    }
    return finish_open(dir, os->ops->dir_open_path(os, path, dir), out, err);
}

int
firn_os_dir_open(struct firn_os_dir *parent, const char *name, struct firn_os_dir **out,
                 firn_error *err)
{
    *out = NULL;
    int rc;
    FIRN_TRY(firn_os_path_check_name(name, err));
    struct firn_os_dir *dir = firn_os_path_new_dir(parent->os, parent, name);
    if (dir == NULL) {
        return firn_error_no_memory(err, "a directory handle");
    }
    rc = finish_open(dir, parent->os->ops->dir_open(parent, name, dir), out, err);
out:
    return rc;
}

int
firn_os_dir_open_beneath(struct firn_os_dir *root, const char *relative_path,
                         struct firn_os_dir **out, firn_error *err)
{
    *out = NULL;
    int rc;
    FIRN_TRY(firn_os_path_check_relative(relative_path, err));
    struct firn_os_dir *dir = firn_os_path_new_dir(root->os, root, relative_path);
    if (dir == NULL) {
        return firn_error_no_memory(err, "a directory handle");
    }
    rc = finish_open(dir, root->os->ops->dir_open_beneath(root, relative_path, dir), out, err);
out:
    return rc;
}

void
firn_os_dir_close(struct firn_os_dir *dir)
{
    if (dir == NULL) {
        return;
    }
    dir->os->ops->dir_close(dir);
    firn_os_path_unref_dir(dir);
}

struct firn_os *
firn_os_dir_os(const struct firn_os_dir *dir)
{
    return dir->os;
}

const char *
firn_os_dir_path(struct firn_os_dir *dir)
{
    return firn_os_path_of_dir(dir);
}

int
firn_os_dir_list(struct firn_os_dir *dir,
                 int (*visit)(void *ctx, const struct firn_os_dirent *entry), void *ctx,
                 firn_error *err)
{
    int visited = FIRN_OK;
    int error_number = dir->os->ops->dir_list(dir, visit, ctx, &visited);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "list directory", dir, NULL);
    }
    return visited;
}

int
firn_os_dir_sync(struct firn_os_dir *dir, firn_error *err)
{
    int error_number = dir->os->ops->dir_sync(dir);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "sync directory", dir, NULL);
    }
    return FIRN_OK;
}

int
firn_os_dir_sync_filesystem(struct firn_os_dir *dir, firn_error *err)
{
    int error_number = dir->os->ops->dir_sync_filesystem(dir);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "sync the file system of", dir, NULL);
    }
    return FIRN_OK;
}

int
firn_os_dir_real_path(struct firn_os_dir *dir, struct firn_buf *out, firn_error *err)
{
    int error_number = dir->os->ops->dir_real_path(dir, out);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "find the real path of", dir, NULL);
    }
    return FIRN_OK;
}

int
firn_os_dir_free_bytes(struct firn_os_dir *dir, uint64_t *out, firn_error *err)
{
    *out = 0;
    int error_number = dir->os->ops->dir_free_bytes(dir, out);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "ask for the free space at", dir, NULL);
    }
    return FIRN_OK;
}

int
firn_os_dir_check_names(struct firn_os_dir *dir, firn_error *err)
{
    const struct firn_os_ops *ops = dir->os->ops;
    int error_number = ops->dir_check_names != NULL ? ops->dir_check_names(dir) : 0;
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "write in directory", dir, NULL);
    }
    return FIRN_OK;
}

int
firn_os_dir_stat(struct firn_os_dir *dir, struct firn_os_stat *out, firn_error *err)
{
    int error_number = dir->os->ops->stat(dir, NULL, out);
    if (error_number != 0) {
        return firn_os_path_error(err, error_number, "read the attributes of", dir, NULL);
    }
    return FIRN_OK;
}
