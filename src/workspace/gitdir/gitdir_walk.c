/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_walk.c: walks through git's directory.
 *
 * A walk is a list of paths that are still to be visited, the last one first: no recursion,
 * whatever the directory has. Each has a mark, which the caller gives it. The list has, for each,
 * the path with a NUL, the mark and the size of both.
 *
 * A directory is listed as a whole before anything in it is changed.
 */
#include "base/check.h"
#include "base/slice.h"
#include "gitdir/gitdir_internal.h"

struct collecting {
    struct fi_os_dir *dir;
    struct fi_buf entries; /* of each: its kind, and its name with a NUL */
};

static int
collect(void *ctx, const struct fi_os_dirent *entry)
{
    struct collecting *collecting = ctx;
    struct fi_os_stat stat = {.kind = entry->kind};
    if (entry->kind == FI_OS_UNKNOWN &&
        fi_os_stat(collecting->dir, entry->name, &stat, NULL) != FIRN_OK) {
        return FIRN_OK; /* it is gone */
    }
    FI_TRY_RETURN(fi_buf_append_u8(&collecting->entries, (uint8_t)stat.kind));
    return fi_buf_append(&collecting->entries, entry->name, entry->name_size + 1);
}

int
fi_gitdir_walk_list(struct fi_os_dir *dir, fi_gitdir_walk_visit *visit, void *ctx, firn_error *err)
{
    struct collecting collecting = {.dir = dir};
    const struct fi_buf *entries = &collecting.entries;
    int rc = fi_os_dir_list(dir, collect, &collecting, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "a list of directories");
    }
    for (size_t at = 0; rc == FIRN_OK && at < entries->size;) {
        const char *name = (const char *)entries->data + at + 1;
        const enum fi_os_kind kind = (enum fi_os_kind)entries->data[at];
        at += strlen(name) + 2;
        rc = visit(ctx, name, kind, err);
    }
    fi_buf_deinit(&collecting.entries);
    return rc;
}

int
fi_gitdir_walk_add(struct fi_gitdir_walk *walk, uint8_t mark, firn_slice path, const char *name,
                   firn_error *err)
{
    struct fi_buf *waiting = &walk->waiting;
    const size_t start = waiting->size;
    if (fi_buf_append_slice(waiting, path) == FIRN_OK &&
        (path.size == 0 || name[0] == '\0' || fi_buf_append_u8(waiting, '/') == FIRN_OK) &&
        fi_buf_append(waiting, name, strlen(name) + 1) == FIRN_OK &&
        fi_buf_append_u8(waiting, mark) == FIRN_OK) {
        const size_t size = waiting->size - start;
        if (fi_buf_append(waiting, &size, sizeof size) == FIRN_OK) {
            return FIRN_OK;
        }
    }
    return fi_error_no_memory(err, "a list of directories");
}

int
fi_gitdir_walk_next(struct fi_gitdir_walk *walk, uint8_t *out_mark, const char **out_path,
                    firn_error *err)
{
    struct fi_buf *waiting = &walk->waiting;
    size_t size;
    *out_path = NULL;
    if (waiting->size == 0) {
        return FIRN_OK;
    }
    waiting->size -= sizeof size;
    memcpy(&size, waiting->data + waiting->size, sizeof size);
    CHECK(size >= 2 && size <= waiting->size);
    waiting->size -= size;
    if (fi_buf_assign(&walk->path, firn_bytes(waiting->data + waiting->size, size)) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    *out_mark = walk->path.data[size - 1];
    *out_path = (const char *)walk->path.data;
    return FIRN_OK;
}

void
fi_gitdir_walk_deinit(struct fi_gitdir_walk *walk)
{
    fi_buf_deinit(&walk->waiting);
    fi_buf_deinit(&walk->path);
}
