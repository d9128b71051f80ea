/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_dir.c: the wrappers for directories as handles: open, list, sync, query.
 *
 * A wrapper checks names (os.h I1), calls one primitive of the implementation, and turns its errno
 * into an error that names the path. Handles are allocated here, before the implementation is
 * called, so that an implementation has nothing to allocate and nothing to undo.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "os/os_path.h"
#include "os/os_seal.h"

/* ==== guards (os_guard.h) ====
 *
 * The wrappers here and in os.c and os_file.c ask the guard of a directory, if it has one. A guard
 * belongs to the handle that it was attached to, whose struct outlives all handles opened from it
 * (I1). Its functions are called without any lock of this room.
 */

void
fi_os_dir_set_guard(struct fi_os_dir *dir, struct fi_os_guard *guard)
{
    CHECK(dir->guard == NULL && guard != NULL && !dir->owns_guard);
    dir->guard = guard;
    dir->owns_guard = true;
}

void
fi_os_dir_set_seal(struct fi_os_dir *dir, struct fi_os_seal *seal)
{
    CHECK(dir->seal == NULL && seal != NULL && !dir->owns_seal);
    dir->seal = seal;
    dir->owns_seal = true;
}

struct fi_os_seal *
fi_os_dir_seal(const struct fi_os_dir *dir)
{
    return dir->seal;
}

struct fi_os_guard *
fi_os_dir_guard(const struct fi_os_dir *dir)
{
    return dir->guard;
}

int
fi_os_guard_path(const struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    const size_t name_size = strlen(name);
    size_t size = name_size;
    DCHECK(dir->guard != NULL);
    for (const struct fi_os_dir *at = dir; !at->owns_guard; at = at->parent) {
        size += strlen(at->name) + (at->name[0] != '\0');
    }
    int rc =
        fi_buf_reserve(out, size + 1); /* memory also for the path of the directory itself, "" */
    rc = rc == FIRN_OK ? fi_buf_set_size(out, size) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    uint8_t *end = out->data + size - name_size;
    memcpy(end, name, name_size); // NOLINT(bugprone-not-null-terminated-result): counted bytes
    for (const struct fi_os_dir *at = dir; !at->owns_guard; at = at->parent) {
        if (at->name[0] != '\0') {
            *--end = '/';
            end -= strlen(at->name);
            memcpy(end, at->name, strlen(at->name));
        }
    }
    DCHECK(end == out->data);
    return FIRN_OK;
}

static int
list_all(struct fi_os_dir *dir, int (*visit)(void *ctx, const struct fi_os_dirent *entry),
         void *ctx, firn_error *err)
{
    DCHECK(dir != NULL && visit != NULL);
    int visited = FIRN_OK;
    int error_number = dir->os->ops->dir_list(dir, visit, ctx, &visited);
    if (error_number != 0) {
        return fi_os_path_result(err, error_number, "list directory", dir, NULL);
    }
    return visited == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the names in a directory")
                                     : visited;
}

int
fi_os_guard_list(struct fi_os_dir *dir, int (*visit)(void *ctx, const struct fi_os_dirent *entry),
                 void *ctx, firn_error *err)
{
    return list_all(dir, visit, ctx, err);
}

struct guarded_list {
    struct fi_os_dir *dir;
    int (*visit)(void *ctx, const struct fi_os_dirent *entry);
    void *ctx;
    firn_error *err;
};

static int
visit_known(void *ctx, const struct fi_os_dirent *entry)
{
    struct guarded_list *list = ctx;
    struct fi_os_guard *guard = list->dir->guard;
    int rc = guard->ops->knows(guard, list->dir, entry->name, list->err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    return list->visit(list->ctx, entry);
}

/* Asks the guard about an entry that is needed. FIRN_OK also if there is none. */
static int
assess_needed(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    struct fi_os_guard_entry entry = {.head_size = 0};
    struct fi_os_guard *guard = dir->guard;
    int rc = fi_os_guard_stat(dir, name, &entry.stat, err);
    if (rc == FIRN_OK) {
        rc = guard->ops->check(guard, dir, name, &entry, true, err);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

struct search {
    struct fi_os_dir *dir;
    bool (*is_needed)(const void *ctx, const char *name);
    const void *ctx;
    firn_error *err;
};

static int
visit_needed(void *ctx, const struct fi_os_dirent *entry)
{
    const struct search *search = ctx;
    return search->is_needed(search->ctx, entry->name)
               ? assess_needed(search->dir, entry->name, search->err)
               : FIRN_OK;
}

int
fi_os_dir_refuse_foreign(struct fi_os_dir *dir,
                         bool (*is_needed)(const void *ctx, const char *name), const void *ctx,
                         firn_error *err)
{
    struct search search = {dir, is_needed, ctx, err};
    struct fi_os_dir *own;
    if (dir->guard == NULL) {
        return FIRN_OK;
    }
    /* A handle of its own: others may be listing the caller's. */
    int rc = fi_os_dir_open_beneath(dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = list_all(own, visit_needed, &search, err);
        fi_os_dir_close(own);
    }
    return rc;
}

int
fi_os_dir_refuse_foreign_name(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    return dir->guard == NULL ? FIRN_OK : assess_needed(dir, name, err);
}

/* Ends the opening of a directory below another: a guard may say that it does not count. */
static int
query_guard(struct fi_os_dir *parent, const char *name, struct fi_os_dir **dir, firn_error *err)
{
    struct fi_os_guard *guard = parent->guard;
    if (guard == NULL || name[0] == '\0') {
        return FIRN_OK;
    }
    int rc = guard->ops->knows(guard, parent, name, err);
    if (rc != FIRN_OK) {
        fi_os_dir_close(*dir);
        *dir = NULL;
    }
    return rc;
}

/* ==== the wrappers for directories as handles: open, list, sync, ask ==== */

/* Ends an opening: hands the filled handle out, or frees it and says why it could not be opened. */
static int
finish_open(struct fi_os_dir *dir, int error_number, struct fi_os_dir **out, firn_error *err)
{
    DCHECK(*out == NULL && error_number >= 0);
    if (error_number == 0) {
        *out = dir;
        return FIRN_OK;
    }
    int rc = fi_os_path_result(err, error_number, "open directory", dir, NULL);
    fi_os_path_unref_dir(dir);
    return rc;
}

int
fi_os_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir **out, firn_error *err)
{
    *out = NULL;
    struct fi_os_dir *dir = fi_os_path_new_dir(os, NULL, path);
    if (dir == NULL) {
        return fi_error_no_memory(err, "a directory handle");
    }
    return finish_open(dir, os->ops->dir_open_path(os, path, dir), out, err);
}

int
fi_os_dir_open_real(struct fi_os *os, const char *path, struct fi_os_dir **out, firn_error *err)
{
    *out = NULL;
    if (path[0] != '/' || os->ops->dir_open_real == NULL) {
        return fi_os_dir_open_path(os, path, out, err);
    }
    struct fi_os_dir *dir = fi_os_path_new_dir(os, NULL, path);
    if (dir == NULL) {
        return fi_error_no_memory(err, "a directory handle");
    }
    return finish_open(dir, os->ops->dir_open_real(os, path, dir), out, err);
}

int
fi_os_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir **out, firn_error *err)
{
    *out = NULL;
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    struct fi_os_dir *dir = fi_os_path_new_dir(parent->os, parent, name);
    if (dir == NULL) {
        return fi_error_no_memory(err, "a directory handle");
    }
    FI_TRY_RETURN(finish_open(dir, parent->os->ops->dir_open(parent, name, dir), out, err));
    return query_guard(parent, name, out, err);
}

int
fi_os_dir_open_sealed(struct fi_os_dir *parent, const char *name, struct fi_os_seal *seal,
                      struct fi_os_dir **out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    *out = NULL;
    int rc = fi_os_dir_open(parent, name, &dir, err);
    if (rc != FIRN_OK) {
        seal->destroy(seal);
        return rc;
    }
    CHECK(dir != NULL);
    dir->seal = NULL; /* nothing was opened from it yet */
    fi_os_dir_set_seal(dir, seal);
    *out = dir;
    return FIRN_OK;
}

int
fi_os_dir_open_beneath(struct fi_os_dir *root, const char *relative_path, struct fi_os_dir **out,
                       firn_error *err)
{
    *out = NULL;
    FI_TRY_RETURN(fi_os_path_check_relative(relative_path, err));
    struct fi_os_dir *dir = fi_os_path_new_dir(root->os, root, relative_path);
    if (dir == NULL) {
        return fi_error_no_memory(err, "a directory handle");
    }
    FI_TRY_RETURN(
        finish_open(dir, root->os->ops->dir_open_beneath(root, relative_path, dir), out, err));
    return query_guard(root, relative_path, out, err);
}

void
fi_os_dir_close(struct fi_os_dir *dir)
{
    if (dir == NULL) {
        return;
    }
    dir->os->ops->dir_close(dir);
    fi_os_path_unref_dir(dir);
}

struct fi_os *
fi_os_dir_os(const struct fi_os_dir *dir)
{
    return dir->os;
}

const char *
fi_os_dir_path(struct fi_os_dir *dir)
{
    return fi_os_path_of_dir(dir);
}

int
fi_os_dir_list(struct fi_os_dir *dir, int (*visit)(void *ctx, const struct fi_os_dirent *entry),
               void *ctx, firn_error *err)
{
    struct guarded_list list = {dir, visit, ctx, err};
    return dir->guard == NULL ? list_all(dir, visit, ctx, err)
                              : list_all(dir, visit_known, &list, err);
}

void
fi_os_dir_refresh(struct fi_os_dir *dir)
{
    if (dir->os->ops->dir_refresh != NULL) {
        dir->os->ops->dir_refresh(dir);
    }
}

/* What a guard has admitted is durable before the names are. */
static int
sync_guard(struct fi_os_dir *dir, firn_error *err)
{
    return dir->guard == NULL ? FIRN_OK : dir->guard->ops->sync(dir->guard, err);
}

int
fi_os_dir_sync(struct fi_os_dir *dir, firn_error *err)
{
    const struct fi_os_ops *ops = dir->os->ops;
    FI_TRY_RETURN(sync_guard(dir, err));
    int error_number = ops->dir_sync != NULL ? ops->dir_sync(dir) : ops->refusal;
    if (error_number == 0 && dir->guard != NULL) {
        dir->guard->ops->synced(dir->guard, dir);
    }
    return fi_os_path_result(err, error_number, "sync directory", dir, NULL);
}

int
fi_os_dir_sync_filesystem(struct fi_os_dir *dir, firn_error *err)
{
    const struct fi_os_ops *ops = dir->os->ops;
    FI_TRY_RETURN(sync_guard(dir, err));
    int error_number =
        ops->dir_sync_filesystem != NULL ? ops->dir_sync_filesystem(dir) : ops->refusal;
    if (error_number == 0 && dir->guard != NULL) {
        dir->guard->ops->synced(dir->guard, NULL);
    }
    return fi_os_path_result(err, error_number, "sync the file system of", dir, NULL);
}

int
fi_os_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out, firn_error *err)
{
    return fi_os_path_result(err, dir->os->ops->dir_real_path(dir, out), "find the real path of",
                             dir, NULL);
}

int
fi_os_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out, firn_error *err)
{
    *out = 0;
    return fi_os_path_result(err, dir->os->ops->dir_free_bytes(dir, out),
                             "ask for the free space at", dir, NULL);
}

bool
fi_os_dir_keeps_identity(struct fi_os_dir *dir)
{
    const struct fi_os_ops *ops = dir->os->ops;
    return ops->dir_keeps_identity == NULL || ops->dir_keeps_identity(dir);
}

int
fi_os_dir_check_names(struct fi_os_dir *dir, firn_error *err)
{
    const struct fi_os_ops *ops = dir->os->ops;
    return fi_os_path_result(err, ops->dir_check_names != NULL ? ops->dir_check_names(dir) : 0,
                             "write in directory", dir, NULL);
}

int
fi_os_dir_stat(struct fi_os_dir *dir, struct fi_os_stat *out, firn_error *err)
{
    return fi_os_path_result(err, dir->os->ops->stat(dir, NULL, out), "read the attributes of", dir,
                             NULL);
}
