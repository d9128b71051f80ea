/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir.c: the steps of restoring a repository.
 *
 *   look     for git's locks in the present directory; if there are any, nothing is done
 *   stage    what the checkpoint has, in a new directory beside (gitdir_stage.c)
 *   settle   configuration, hooks, links (gitdir_settle.c)
 *   lock     the present directory, as git does (gitdir_locks.c)
 *   check    that the present directory is what the caller has saved
 *   join     the objects of the present repository (gitdir_join.c)
 *   sync     all of it
 *   swap     both directories exchange their names in one step, or the new one gets its name
 *   check    again: what git does without any of those locks (a new branch) may have come between.
 *            Then the directories exchange their names once more
 *   join     again, from the old directory: a fetch takes none of these locks
 *   clear    the old directory
 *
 * So at every moment .git is the whole old repository or the whole new one (I1; not checked: a
 * test kills restores). The caller has made a checkpoint of the old one; a directory with the store
 * itself in it is never replaced. After a crash the
 * temporary directory is left, under a name that the path determines; the next restore removes it.
 * Its name is one that no save takes in (tree_reserved.c).
 *
 * Where the file system cannot exchange two names, the old one has a third name between two
 * renames. If that is what a crash left, the next restore gives it back first; until then saves and
 * status say so (ws_save_repositories.c).
 *
 * The kind of a .git that is a file is restored only if it names a directory of the workspace, or
 * the checkpoint is one of this workspace.
 */
#include "gitdir/gitdir.h"

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "gitdir/gitdir_internal.h"
#include "repository/repository.h"

enum { FILE_SIZE_MAX = 4096 };

static const char NAME[] = ".git";
static const uint8_t TAG[FI_CHECKOUT_TAG_SIZE] = FI_REPOSITORY_TAG;

struct names {
    char temporary[FI_CHECKOUT_NAME_SIZE];
    char aside[FI_CHECKOUT_NAME_SIZE];
};

static void
make_names(const struct fi_gitdir_request *request, struct names *out)
{
    fi_checkout_place_temporary(TAG, request->path, out->temporary);
    fi_checkout_place_aside(TAG, request->path, out->aside);
    DCHECK(strncmp(out->aside, FI_REPOSITORY_TEMPORARY, sizeof FI_REPOSITORY_TEMPORARY - 1) == 0);
}

static int
open_parent(struct fi_gitdir *gitdir, firn_error *err)
{
    const firn_slice path = gitdir->request->path;
    struct fi_buf dir = {0};
    int rc;
    CHECK(path.size >= sizeof NAME - 1);
    size_t size = path.size - (sizeof NAME - 1);
    size -= size > 0 ? 1 : 0;
    if (fi_buf_append(&dir, path.data, size) != FIRN_OK || fi_buf_text(&dir) == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    rc = fi_os_dir_open_beneath(gitdir->request->opened->root, (const char *)dir.data,
                                &gitdir->parent, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(err, rc, "its directory is not there");
    }
out:
    fi_buf_deinit(&dir);
    return rc;
}

/* Removes a temporary directory, if there is one. */
static int
clear(struct fi_gitdir *gitdir, const char *name, firn_error *err)
{
    struct fi_buf path = {0};
    int rc = fi_buf_append_str(&path, name) == FIRN_OK
                 ? fi_checkout_clear_tree(gitdir->parent, &path, path.size, err)
                 : fi_error_no_memory(err, "a path");
    fi_buf_deinit(&path);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Settles what a restore that was killed has left. */
static int
recover(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    struct fi_os_stat stat;
    if (fi_os_stat(gitdir->parent, NAME, &stat, NULL) == FIRN_NOT_FOUND &&
        fi_os_stat(gitdir->parent, names->aside, &stat, NULL) == FIRN_OK) {
        FI_TRY_RETURN(fi_os_rename(gitdir->parent, names->aside, gitdir->parent, NAME,
                                   FI_OS_RENAME_NO_REPLACE, err));
    }
    FI_TRY_RETURN(clear(gitdir, names->aside, err));
    return clear(gitdir, names->temporary, err);
}

/* Opens the present directory, if there is one. */
static int
open_present(struct fi_gitdir *gitdir, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(gitdir->parent, NAME, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK && stat.kind != FI_OS_DIR) {
        rc = fi_error_set(err, FIRN_EXISTS, "something else is there, and stays");
    }
    return rc == FIRN_OK ? fi_os_dir_open(gitdir->parent, NAME, &gitdir->present, err) : rc;
}

static int
build(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    FI_TRY_RETURN(fi_os_make_dir(gitdir->parent, names->temporary, 0700, err));
    FI_TRY_RETURN(fi_os_dir_open(gitdir->parent, names->temporary, &gitdir->stage, err));
    FI_TRY_RETURN(fi_gitdir_stage(gitdir, err));
    return fi_gitdir_settle(gitdir, err);
}

/* (I1) */
static int
put_in_place(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    FI_TRY_RETURN(fi_os_dir_sync_filesystem(gitdir->stage, err));
    if (gitdir->present != NULL) {
        return fi_checkout_swap_exchange(gitdir->parent, names->temporary, NAME, err);
    }
    int rc = fi_os_rename(gitdir->parent, names->temporary, gitdir->parent, NAME,
                          FI_OS_RENAME_NO_REPLACE, err);
    return rc == FIRN_UNSUPPORTED ? fi_os_rename(gitdir->parent, names->temporary, gitdir->parent,
                                                 NAME, FI_OS_RENAME_REPLACE, err)
                                  : rc;
}

/* Fails if git has changed the old directory before that lost its name, and gives it back. */
static int
check_exchanged(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    firn_hash after;
    int rc = fi_gitdir_locks_sum(gitdir, &after, err);
    if (rc == FIRN_OK && !fi_hash_equal(&gitdir->sum, &after)) {
        rc = fi_error_set(err, FIRN_CONFLICT,
                          "git has changed it meanwhile, so it stays as it is; restore again");
    }
    if (rc != FIRN_OK) {
        FI_TRY_RETURN(fi_checkout_swap_exchange(gitdir->parent, names->temporary, NAME, err));
    }
    return rc;
}

static int
exchange_locked(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    const struct fi_gitdir_request *request = gitdir->request;
    FI_TRY_RETURN(fi_gitdir_locks_sum(gitdir, &gitdir->sum, err));
    FI_TRY_RETURN(request->check_saved(request->ctx, request->path, err));
    FI_TRY_RETURN(fi_gitdir_join(gitdir, err));
    FI_TRY_RETURN(put_in_place(gitdir, names, err));
    return check_exchanged(gitdir, names, err);
}

static int
exchange(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    FI_TRY_RETURN(fi_gitdir_locks_take(gitdir, err));
    int rc = exchange_locked(gitdir, names, err);
    if (rc != FIRN_OK) {
        fi_gitdir_locks_release(gitdir);
    }
    return rc;
}

static int
restore_directory(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    int rc;
    FI_TRY(recover(gitdir, names, err));
    FI_TRY(open_present(gitdir, err));
    FI_TRY(gitdir->present != NULL ? fi_gitdir_locks_check(gitdir, err) : FIRN_OK);
    rc = build(gitdir, names, err);
    if (rc == FIRN_OK) {
        rc = gitdir->present != NULL ? exchange(gitdir, names, err)
                                     : put_in_place(gitdir, names, err);
    }
    if (rc != FIRN_OK) {
        FI_IGNORE(clear(gitdir, names->temporary, NULL));
        goto out;
    }
    if (gitdir->present != NULL) {
        FI_TRY(fi_gitdir_join(gitdir, err));
        FI_TRY(fi_os_dir_sync_filesystem(gitdir->stage, err));
        /* A system call may have found the old directory just before the exchange. */
        rc = check_exchanged(gitdir, names, err);
        if (rc != FIRN_OK) {
            fi_gitdir_locks_release(gitdir);
            FI_IGNORE(clear(gitdir, names->temporary, NULL));
            goto out;
        }
    }
    FI_TRY(fi_os_dir_sync(gitdir->parent, err));
    /* What cannot be removed now, the next restore removes. */
    FI_IGNORE(clear(gitdir, names->temporary, NULL));
out:
    return rc;
}

/* ---- a .git that is a file ---- */

static int
restore_file(struct fi_gitdir *gitdir, const struct names *names, firn_error *err)
{
    const struct fi_gitdir_request *request = gitdir->request;
    struct fi_objects *objects = request->opened->objects;
    struct fi_pack_scratch *scratch = NULL;
    struct fi_buf content = {0};
    struct fi_os_stat stat;
    int rc;
    if (!request->is_own && !request->all) {
        rc =
            fi_error_set(err, FIRN_UNTRUSTED, "it names a directory, and is not of this workspace");
        goto out;
    }
    if (fi_os_stat(gitdir->parent, NAME, &stat, NULL) == FIRN_OK) {
        rc = fi_error_set(err, FIRN_EXISTS, "something else is there, and stays");
        goto out;
    }
    if (request->state->kind != FI_TREE_FILE || request->state->size > FILE_SIZE_MAX) {
        rc = fi_error_set(err, FIRN_UNSUPPORTED, "it is no file that git makes");
        goto out;
    }
    FI_TRY(fi_pack_scratch_create(1, &scratch, err));
    FI_TRY(fi_objects_stream_whole(objects, scratch, &request->state->hash, &content, err));
    FI_TRY(fi_gitdir_files_write(gitdir->parent, names->temporary, request->state->mode,
                                 fi_buf_slice(&content), err));
    FI_TRY(fi_os_dir_sync_filesystem(gitdir->parent, err));
    FI_TRY(fi_os_rename(gitdir->parent, names->temporary, gitdir->parent, NAME,
                        FI_OS_RENAME_NO_REPLACE, err));
    rc = fi_os_dir_sync(gitdir->parent, err);
out:
    fi_pack_scratch_destroy(scratch);
    fi_buf_deinit(&content);
    return rc;
}

int
fi_gitdir_restore(const struct fi_gitdir_request *request, struct fi_buf *out_left, firn_error *err)
{
    struct fi_gitdir gitdir = {.request = request, .left = out_left};
    struct names names;
    int rc;
    make_names(request, &names);
    FI_TRY(open_parent(&gitdir, err));
    rc = request->state->kind == FI_TREE_DIR ? restore_directory(&gitdir, &names, err)
                                             : restore_file(&gitdir, &names, err);
out:
    fi_buf_deinit(&gitdir.locks);
    fi_os_dir_close(gitdir.stage);
    fi_os_dir_close(gitdir.present);
    fi_os_dir_close(gitdir.parent);
    return rc;
}

int
fi_gitdir_tidy(const struct fi_gitdir_request *request, firn_error *err)
{
    struct fi_gitdir gitdir = {.request = request};
    struct names names;
    int rc;
    make_names(request, &names);
    FI_TRY(open_parent(&gitdir, err));
    FI_TRY(recover(&gitdir, &names, err));
    if (open_present(&gitdir, NULL) == FIRN_OK && gitdir.present != NULL) {
        FI_IGNORE(fi_gitdir_locks_check(&gitdir, NULL)); /* removes those of a killed restore */
    }
out:
    fi_os_dir_close(gitdir.present);
    fi_os_dir_close(gitdir.parent);
    return rc;
}
