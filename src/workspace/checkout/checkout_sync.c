/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_sync.c: makes durable what the passes did.
 *
 * For many changes one call syncs the whole file system. That is cheaper than a call for each file,
 * but also writes what other processes have left unwritten there. So a few changes are synced one
 * by one: a new file when it is written (checkout_stage.c), then the directories that got new
 * names, and at the end every directory whose names or attributes changed. Two things cannot be
 * synced with a handle: the attributes of a symbolic link, and a file that its owner may not read.
 * If such a thing changes, the whole file system is synced after all.
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

struct syncing {
    struct fi_checkout *checkout;
    struct fi_checkout_place place;
    struct fi_os_dir *dir; /* opened last */
    struct fi_buf dir_path;
};

/* Opens the directory of a place, and syncs it on request; does nothing if the place before was in
 * the same directory. */
static int
take_dir(struct syncing *syncing, bool sync, firn_error *err)
{
    firn_slice path = fi_buf_slice(&syncing->place.dir);
    DCHECK(syncing->checkout->syncs_each);
    if (syncing->dir != NULL && fi_slice_equal(path, fi_buf_slice(&syncing->dir_path))) {
        return FIRN_OK;
    }
    fi_os_dir_close(syncing->dir);
    syncing->dir = NULL;
    fi_buf_clear(&syncing->dir_path);
    if (fi_buf_append_slice(&syncing->dir_path, path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = fi_os_dir_open_beneath(syncing->checkout->options.root,
                                    (const char *)syncing->place.dir.data, &syncing->dir, err);
    return rc == FIRN_OK && sync ? fi_os_dir_sync(syncing->dir, err) : rc;
}

static int
sync_staged_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct syncing *syncing = ctx;
    if (!fi_checkout_walk_needs_content(change) && !fi_checkout_walk_makes_dir(change)) {
        return FIRN_OK;
    }
    int rc = fi_checkout_place_staged(syncing->checkout, change->path, &syncing->place, err);
    return rc == FIRN_OK ? take_dir(syncing, true, err) : rc;
}

/* Syncs a file of which only attributes changed. */
static int
sync_attributes(struct syncing *syncing, firn_error *err)
{
    struct fi_os_file *file;
    int rc = fi_os_file_open(syncing->dir, syncing->place.name, FI_OS_READ, 0, &file, err);
    if (rc == FIRN_DENIED) {
        return fi_os_dir_sync_filesystem(syncing->checkout->options.root, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_os_file_sync_all(file, err);
        fi_os_file_close(file);
    }
    return rc;
}

static int
sync_swapped_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct syncing *syncing = ctx;
    if (change->kind == FI_DIFFERENCE_WALK_SAME || change->path.size == 0) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(fi_checkout_place_final(change->path, &syncing->place, err));
    /* A directory of the walk is synced when it has got its attributes. */
    FI_TRY(take_dir(syncing, syncing->checkout->options.filter != NULL, err));
    if (change->kind == FI_DIFFERENCE_WALK_CHANGED && change->after->kind == FI_TREE_FILE &&
        !fi_checkout_walk_needs_content(change)) {
        rc = sync_attributes(syncing, err);
    }
out:
    /* The directory was removed with its contents, or the file was removed by another process. */
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
checkout_sync_walk(struct fi_checkout *checkout,
                   int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                firn_error *err),
                   firn_error *err)
{
    struct syncing syncing = {.checkout = checkout};
    int rc = fi_checkout_walk_with(checkout, visit, &syncing, err);
    fi_os_dir_close(syncing.dir);
    fi_buf_deinit(&syncing.dir_path);
    fi_buf_deinit(&syncing.place.dir);
    return rc;
}

/* Directories that are synced on all threads: a file system makes durable at once what waits. */
struct dirs_syncing {
    struct fi_checkout *checkout;
    const struct fi_checkout_dir *next; /* under checkout->mutex, as the following */
    int rc;                             /* the first failure */
    firn_error err;
};

static void
sync_dirs(void *arg)
{
    struct dirs_syncing *syncing = arg;
    struct fi_checkout *checkout = syncing->checkout;
    fi_os_mutex_lock(&checkout->mutex);
    while (syncing->next != NULL && syncing->rc == FIRN_OK) {
        const char *path = syncing->next->path;
        syncing->next = syncing->next->next;
        fi_os_mutex_unlock(&checkout->mutex);
        struct fi_os_dir *dir;
        firn_error err;
        int rc = fi_os_dir_open_beneath(checkout->options.root, path, &dir, &err);
        if (rc == FIRN_OK) {
            rc = fi_os_dir_sync(dir, &err);
            fi_os_dir_close(dir);
        }
        fi_os_mutex_lock(&checkout->mutex);
        if (rc != FIRN_OK && syncing->rc == FIRN_OK) {
            syncing->rc = rc;
            syncing->err = err;
        }
    }
    fi_os_mutex_unlock(&checkout->mutex);
}

static int
sync_finished_dirs(struct fi_checkout *checkout, firn_error *err)
{
    struct dirs_syncing syncing = {.checkout = checkout, .next = checkout->dirs};
    int rc = FIRN_OK;
    for (unsigned i = 0; i < checkout->writer_count && rc == FIRN_OK; i++) {
        rc = fi_os_jobs_submit(checkout->jobs, sync_dirs, &syncing, err);
    }
    fi_os_jobs_wait(checkout->jobs);
    if (rc == FIRN_OK && syncing.rc != FIRN_OK) {
        rc = syncing.rc;
        fi_error_copy(err, &syncing.err);
    }
    DCHECK(rc != FIRN_OK || syncing.next == NULL);
    return rc;
}

int
fi_checkout_sync_staged(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(!checkout->into_empty && !checkout->progress.is_finishing);
    return checkout->syncs_each ? checkout_sync_walk(checkout, sync_staged_one, err)
                                : fi_os_dir_sync_filesystem(checkout->options.root, err);
}

int
fi_checkout_sync_swapped(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->progress.is_finishing && checkout->removed_dirs.size == 0);
    if (!checkout->syncs_each) {
        return fi_os_dir_sync_filesystem(checkout->options.root, err);
    }
    int rc = checkout_sync_walk(checkout, sync_swapped_one, err);
    return rc == FIRN_OK ? sync_finished_dirs(checkout, err) : rc;
}
