/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_sync.c: making durable what the passes did.
 *
 * Where there is much, one call syncs the whole file system: cheaper than a call for each file, but
 * it also writes what others have left unwritten on that file system. So a few changes are synced
 * one by one: a new file when it is written (checkout_write.c), then the directories that got new names,
 * at the end every directory whose names or attributes changed. Two things a handle cannot sync: a
 * symbolic link's attributes, and a file that its owner may not read; where such a thing changes,
 * the whole file system is synced after all.
 */
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

struct syncing {
    struct firn_checkout *apply;
    struct firn_checkout_place place;
    struct firn_os_dir *dir; /* opened last */
    struct firn_buf dir_path;
};

/* Opens the directory of a place, and syncs it if asked to; or does nothing if it is the one of the
 * place before. */
static int
take_dir(struct syncing *syncing, bool sync, firn_error *err)
{
    firn_slice path = firn_buf_slice(&syncing->place.dir);
    DCHECK(syncing->apply->syncs_each);
    if (syncing->dir != NULL && firn_slice_equal(path, firn_buf_slice(&syncing->dir_path))) {
        return FIRN_OK;
    }
    firn_os_dir_close(syncing->dir);
    syncing->dir = NULL;
    firn_buf_clear(&syncing->dir_path);
    if (firn_buf_append_slice(&syncing->dir_path, path) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    int rc = firn_os_dir_open_beneath(syncing->apply->options.root,
                                      (const char *)syncing->place.dir.data, &syncing->dir, err);
    return rc == FIRN_OK && sync ? firn_os_dir_sync(syncing->dir, err) : rc;
}

static int
sync_staged_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct syncing *syncing = ctx;
    bool makes_dir = change->after != NULL && change->after->kind == FIRN_TREE_DIR &&
                     (change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
                      (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0);
    if (!firn_checkout_needs_content(change) && !(makes_dir && change->path.size > 0)) {
        return FIRN_OK;
    }
    int rc = firn_checkout_staged_place(syncing->apply, change->path, &syncing->place, err);
    return rc == FIRN_OK ? take_dir(syncing, true, err) : rc;
}

/* The attributes of a file that only got others. */
static int
sync_attributes(struct syncing *syncing, firn_error *err)
{
    struct firn_os_file *file;
    int rc = firn_os_file_open(syncing->dir, syncing->place.name, FIRN_OS_READ, 0, &file, err);
    if (rc == FIRN_DENIED) {
        return firn_os_dir_sync_filesystem(syncing->apply->options.root, err);
    }
    if (rc == FIRN_OK) {
        rc = firn_os_file_sync_all(file, err);
        firn_os_file_close(file);
    }
    return rc;
}

static int
sync_swapped_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct syncing *syncing = ctx;
    if (change->kind == FIRN_DIFFERENCE_WALK_SAME || change->path.size == 0) {
        return FIRN_OK;
    }
    int rc;
    FIRN_TRY(firn_checkout_final_place(change->path, &syncing->place, err));
    /* A directory of the walk is synced when it has got its attributes. */
    FIRN_TRY(take_dir(syncing, syncing->apply->options.filter != NULL, err));
    if (change->kind == FIRN_DIFFERENCE_WALK_CHANGED && change->after->kind == FIRN_TREE_FILE &&
        !firn_checkout_needs_content(change)) {
        rc = sync_attributes(syncing, err);
    }
out:
    /* The directory went with what was in it, or somebody took the file away. */
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
walk(struct firn_checkout *apply,
     int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err),
     firn_error *err)
{
    struct syncing syncing = {.apply = apply};
    int rc = firn_checkout_walk_with(apply, visit, &syncing, err);
    firn_os_dir_close(syncing.dir);
    firn_buf_deinit(&syncing.dir_path);
    firn_buf_deinit(&syncing.place.dir);
    return rc;
}

static int
sync_finished_dirs(struct firn_checkout *apply, firn_error *err)
{
    int rc = FIRN_OK;
    for (const struct firn_checkout_dir *item = apply->dirs; item != NULL && rc == FIRN_OK;
         item = item->next) {
        struct firn_os_dir *dir;
        rc = firn_os_dir_open_beneath(apply->options.root, item->path, &dir, err);
        if (rc == FIRN_OK) {
            rc = firn_os_dir_sync(dir, err);
            firn_os_dir_close(dir);
        }
    }
    return rc;
}

int
firn_checkout_sync_staged(struct firn_checkout *apply, firn_error *err)
{
    DCHECK(!apply->into_empty && !apply->progress.is_finishing);
    return apply->syncs_each ? walk(apply, sync_staged_one, err)
                             : firn_os_dir_sync_filesystem(apply->options.root, err);
}

int
firn_checkout_sync_swapped(struct firn_checkout *apply, firn_error *err)
{
    DCHECK(apply->progress.is_finishing && apply->removed_dirs.size == 0);
    if (!apply->syncs_each) {
        return firn_os_dir_sync_filesystem(apply->options.root, err);
    }
    int rc = walk(apply, sync_swapped_one, err);
    return rc == FIRN_OK ? sync_finished_dirs(apply, err) : rc;
}
