/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_join.c: objects that the present repository has and the checkpoint does not.
 *
 * A restore must not lose a commit that was made since, even if no reference names it afterwards:
 * git reflog and git fsck --lost-found still find it. Objects and packs never change, so each is
 * linked under its name, which says what is in it, or copied where links are not possible. A name
 * that is there already is the same object.
 *
 * The directories of objects are those beside a HEAD: of the repository, and below modules and
 * worktrees. One that the checkpoint does not have, of a submodule that was added since, is not
 * joined: it is in the checkpoint of the present state, which was made first.
 */
#include "base/check.h"
#include "base/slice.h"
#include "gitdir/gitdir_internal.h"

enum { LEVELS_MAX = 64, COPY_SIZE = 1 << 20 };

struct joining {
    struct fi_gitdir *gitdir;
    struct fi_buf waiting; /* paths of directories that may have objects, each with a NUL */
};

static int
copy_bytes(struct fi_os_file *from, struct fi_os_file *to, firn_error *err)
{
    struct fi_buf bytes = {0};
    uint64_t offset = 0;
    size_t size = 1;
    int rc = FIRN_OK;
    if (fi_buf_set_size(&bytes, COPY_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "a copy");
    }
    while (size > 0) {
        FI_TRY(fi_os_file_read(from, offset, bytes.data, COPY_SIZE, &size, err));
        FI_TRY(fi_os_file_write(to, offset, bytes.data, size, err));
        offset += size;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
copy_file(struct fi_os_dir *from, struct fi_os_dir *to, const char *name, firn_error *err)
{
    struct fi_os_file *source = NULL;
    struct fi_os_file *target = NULL;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_file_open_stat(from, name, FI_OS_READ, 0, &source, &stat, err));
    FI_TRY(fi_os_file_open(to, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_FOR_OWNER,
                           0600, &target, err));
    rc = copy_bytes(source, target, err);
    if (rc == FIRN_OK) {
        rc = fi_os_set_mode((struct fi_os_node){.file = target}, stat.mode & 0777, err);
    }
    if (rc != FIRN_OK) {
        FI_IGNORE(fi_gitdir_files_remove(to, name, NULL));
    }
out:
    fi_os_file_close(source);
    fi_os_file_close(target);
    return rc;
}

static int
join_file(struct fi_os_dir *from, struct fi_os_dir *to, const char *name, firn_error *err)
{
    firn_error cause;
    int rc = fi_os_link(from, name, to, name, &cause);
    if (rc == FIRN_EXISTS || rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* it is there; or git has moved it into a pack, which comes later */
    }
    rc = rc == FIRN_OK ? FIRN_OK : copy_file(from, to, name, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static bool
is_object_name(const char *name)
{
    const firn_slice slice = firn_str(name);
    return !fi_slice_has_prefix(slice, firn_str("tmp_")) &&
           !fi_slice_has_prefix(slice, firn_str("incoming-")) && strstr(name, ".lock") == NULL;
}

/* One directory of objects: that of packs, or those whose hashes begin alike. */
static int
join_directory(struct fi_os_dir *from, struct fi_os_dir *to, const char *name, firn_error *err)
{
    struct fi_os_dir *source = NULL;
    struct fi_os_dir *target = NULL;
    struct fi_buf entries = {0};
    const char *file;
    enum fi_os_kind kind;
    int rc = fi_os_dir_open(from, name, &source, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_os_make_dir(to, name, 0777, err);
    FI_TRY(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY(fi_os_dir_open(to, name, &target, err));
    FI_TRY(fi_gitdir_files_list(source, &entries, err));
    firn_slice left = fi_buf_slice(&entries);
    while (fi_gitdir_files_next(&left, &kind, &file)) {
        if (kind == FI_OS_FILE && is_object_name(file)) {
            FI_TRY(join_file(source, target, file, err));
        }
    }
out:
    fi_os_dir_close(source);
    fi_os_dir_close(target);
    fi_buf_deinit(&entries);
    return rc;
}

static int
join_objects(struct fi_os_dir *from, struct fi_os_dir *to, firn_error *err)
{
    struct fi_os_dir *source = NULL;
    struct fi_os_dir *target = NULL;
    struct fi_buf entries = {0};
    const char *name;
    enum fi_os_kind kind;
    int rc = fi_os_dir_open(from, "objects", &source, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_os_make_dir(to, "objects", 0777, err);
    FI_TRY(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY(fi_os_dir_open(to, "objects", &target, err));
    FI_TRY(fi_gitdir_files_list(source, &entries, err));
    firn_slice left = fi_buf_slice(&entries);
    while (fi_gitdir_files_next(&left, &kind, &name)) {
        if (kind == FI_OS_DIR && strcmp(name, "info") != 0 && is_object_name(name)) {
            FI_TRY(join_directory(source, target, name, err));
        }
    }
    /* Once more: git puts a pack in place before it removes what is in it. */
    rc = join_directory(source, target, "pack", err);
out:
    fi_os_dir_close(source);
    fi_os_dir_close(target);
    fi_buf_deinit(&entries);
    return rc;
}

static int
add_waiting(struct joining *joining, struct fi_os_dir *dir, firn_slice path, firn_error *err)
{
    struct fi_buf entries = {0};
    struct fi_buf inner = {0};
    const bool is_repository = path.size == 0 || fi_gitdir_files_has(dir, "HEAD", FI_OS_FILE);
    const char *name;
    enum fi_os_kind kind;
    int rc;
    FI_TRY(fi_gitdir_files_list(dir, &entries, err));
    firn_slice left = fi_buf_slice(&entries);
    while (fi_gitdir_files_next(&left, &kind, &name)) {
        if (kind != FI_OS_DIR ||
            (is_repository && strcmp(name, "modules") != 0 && strcmp(name, "worktrees") != 0)) {
            continue;
        }
        FI_TRY(fi_gitdir_files_path(path, name, &inner, err));
        if (fi_buf_append(&joining->waiting, inner.data, inner.size + 1) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a list of directories");
            goto out;
        }
    }
out:
    fi_buf_deinit(&entries);
    fi_buf_deinit(&inner);
    return rc;
}

/* A directory of both that may be a repository, or have some below it. */
static int
join_level(struct joining *joining, const char *path, firn_error *err)
{
    struct fi_os_dir *from = NULL;
    struct fi_os_dir *to = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(joining->gitdir->present, path, &from, err));
    FI_TRY(fi_os_dir_open_beneath(joining->gitdir->stage, path, &to, err));
    if (path[0] == '\0' || fi_gitdir_files_has(from, "HEAD", FI_OS_FILE)) {
        FI_TRY(join_objects(from, to, err));
    }
    FI_TRY(add_waiting(joining, from, firn_str(path), err));
out:
    fi_os_dir_close(from);
    fi_os_dir_close(to);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static unsigned
levels_of(const char *path)
{
    unsigned count = 0;
    for (; *path != '\0'; path++) {
        count += *path == '/';
    }
    return count;
}

int
fi_gitdir_join(struct fi_gitdir *gitdir, firn_error *err)
{
    struct joining joining = {.gitdir = gitdir};
    struct fi_buf path = {0};
    int rc;
    DCHECK(gitdir->present != NULL);
    rc = fi_buf_append_u8(&joining.waiting, '\0') == FIRN_OK
             ? FIRN_OK
             : fi_error_no_memory(err, "a list of directories");
    for (size_t at = 0; rc == FIRN_OK && at < joining.waiting.size;) {
        const firn_slice next = firn_str((const char *)joining.waiting.data + at);
        at += next.size + 1;
        fi_buf_clear(&path);
        if (fi_buf_append(&path, next.data, next.size + 1) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a path");
        } else if (levels_of((const char *)path.data) < LEVELS_MAX) {
            rc = join_level(&joining, (const char *)path.data, err);
        }
    }
    fi_buf_deinit(&joining.waiting);
    fi_buf_deinit(&path);
    return rc;
}
