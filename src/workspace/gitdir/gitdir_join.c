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
    struct fi_gitdir_walk walk; /* directories that may have objects; the mark is the depth */
    firn_slice path;            /* of one of them */
    uint8_t depth;
    bool is_repository;
};

/* A directory of the present repository, and the same one of the stage. */
struct both {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
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

static int
join_object(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    const struct both *both = ctx;
    return kind == FI_OS_FILE && is_object_name(name) ? join_file(both->from, both->to, name, err)
                                                      : FIRN_OK;
}

/* Calls visit for what a directory of both has in the present repository. */
static int
join_directory(const struct both *outer, const char *name, fi_gitdir_walk_visit *visit,
               firn_error *err)
{
    struct both both = {NULL, NULL};
    int rc = fi_os_dir_open(outer->from, name, &both.from, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_os_make_dir(outer->to, name, 0777, err);
    FI_TRY(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY(fi_os_dir_open(outer->to, name, &both.to, err));
    rc = fi_gitdir_walk_list(both.from, visit, &both, err);
out:
    fi_os_dir_close(both.from);
    fi_os_dir_close(both.to);
    return rc;
}

/* That of packs, or of the objects whose hashes begin alike. */
static int
join_group(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    return kind == FI_OS_DIR && strcmp(name, "info") != 0 && is_object_name(name)
               ? join_directory(ctx, name, join_object, err)
               : FIRN_OK;
}

static int
join_packs(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    return strcmp(name, "pack") == 0 ? join_group(ctx, name, kind, err) : FIRN_OK;
}

static int
join_objects(const struct both *both, firn_error *err)
{
    FI_TRY_RETURN(join_directory(both, "objects", join_group, err));
    /* Once more: git puts a pack in place before it removes what is in it. */
    return join_directory(both, "objects", join_packs, err);
}

static int
add_below(void *ctx, const char *name, enum fi_os_kind kind, firn_error *err)
{
    struct joining *joining = ctx;
    return kind == FI_OS_DIR && joining->depth < LEVELS_MAX &&
                   (!joining->is_repository || strcmp(name, "modules") == 0 ||
                    strcmp(name, "worktrees") == 0)
               ? fi_gitdir_walk_add(&joining->walk, joining->depth + 1, joining->path, name, err)
               : FIRN_OK;
}

/* A directory of both that may be a repository, or have some below it. */
static int
join_level(struct joining *joining, const char *path, firn_error *err)
{
    struct both both = {NULL, NULL};
    int rc;
    FI_TRY(fi_os_dir_open_beneath(joining->gitdir->present, path, &both.from, err));
    FI_TRY(fi_os_dir_open_beneath(joining->gitdir->stage, path, &both.to, err));
    joining->path = firn_str(path);
    joining->is_repository = path[0] == '\0' || fi_gitdir_files_has(both.from, "HEAD", FI_OS_FILE);
    FI_TRY(joining->is_repository ? join_objects(&both, err) : FIRN_OK);
    rc = fi_gitdir_walk_list(both.from, add_below, joining, err);
out:
    fi_os_dir_close(both.from);
    fi_os_dir_close(both.to);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_gitdir_join(struct fi_gitdir *gitdir, firn_error *err)
{
    struct joining joining = {.gitdir = gitdir};
    int rc;
    DCHECK(gitdir->present != NULL);
    FI_TRY(fi_gitdir_walk_add(&joining.walk, 0, firn_bytes(NULL, 0), "", err));
    for (;;) {
        const char *path;
        FI_TRY(fi_gitdir_walk_next(&joining.walk, &joining.depth, &path, err));
        if (path == NULL) {
            break;
        }
        FI_TRY(join_level(&joining, path, err));
    }
out:
    fi_gitdir_walk_deinit(&joining.walk);
    return rc;
}
