/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_clone.c: a second store with everything that the first has: data, checkpoints, and
 * firn's own keyspaces and files.
 *
 * Files that are never written again (runs, packs) are shared by hard links, or copied if that is
 * not possible, so that a clone takes no time and no space. The commits in the log are flushed
 * first, in two passes: one beside commits, which may take long, and a short one in the leader's
 * place, where nothing is committed until the clone is complete. So the clone is the state at one
 * moment, and its log is empty.
 *
 * The new directory becomes a store like any other (db_create.c): FIRN.tmp, files, FIRN. It has its
 * own identity. After a failure, a cancellation or a power cut the unfinished directory is not a
 * store, and the next attempt clears it.
 *
 * Packs of workspaces are included as they are in the directory at that moment. All packs that the
 * committed catalog names exist, because packs are durable before they are named, and removed
 * later.
 */
#include "copy/copy.h"

#include "base/check.h"
#include "os/os_clone.h"
#include "os/os_names.h"
#include "store/db_store_handle.h"

/* ---- packs ---- */

static int
clone_names(const struct fi_buf *names, struct fi_os_dir *from, struct fi_os_dir *to,
            const struct fi_step *step, firn_error *err)
{
    const char *name = NULL;
    while ((name = fi_os_names_next(names, name)) != NULL) {
        int rc = fi_os_clone_file(from, to, name, err);
        /* Garbage collection may have removed an unneeded file meanwhile. */
        FI_TRY_RETURN(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
        FI_TRY_RETURN(fi_step_report(step, 1, 0, err));
    }
    return fi_os_dir_sync(to, err);
}

static int
clone_packs(struct firn_db *db, struct fi_os_dir *to, const struct fi_step *step, firn_error *err)
{
    struct fi_buf names = {0};
    struct fi_os_dir *from_packs = NULL;
    struct fi_os_dir *to_packs = NULL;
    int rc = fi_os_dir_open(db->dir, FI_STOREFILE_PACKS_NAME, &from_packs, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_names_list(from_packs, fi_os_names_is_complete, &names, err));
    FI_TRY(fi_os_make_dir_for_owner(to, FI_STOREFILE_PACKS_NAME, to, 0700, err));
    FI_TRY(fi_os_dir_open(to, FI_STOREFILE_PACKS_NAME, &to_packs, err));
    FI_TRY(clone_names(&names, from_packs, to_packs, step, err));
out:
    fi_buf_deinit(&names);
    fi_os_dir_close(from_packs);
    fi_os_dir_close(to_packs);
    return rc;
}

/* ---- the trees ---- */

static int
clone_trees(struct firn_db *db, struct fi_os_dir *to, const struct fi_step *step, firn_error *err)
{
    struct fi_db_image *image = fi_db_image(db);
    struct fi_buf history = {0};
    int rc;
    DCHECK(fi_db_is_led(db) && db->commits.last_sequence == fi_db_published(db));
    FI_TRY(fi_db_history_encode(db, &history, err));
    const struct fi_lsm_clone clone = {.dir = to,
                                       .history = fi_buf_slice(&history),
                                       .sequence = db->commits.last_sequence,
                                       .step = step};
    FI_TRY(fi_lsm_clone(image->lsm, &clone, err));
out:
    fi_buf_deinit(&history);
    return rc;
}

static int
make_log(struct fi_os_dir *to, firn_error *err)
{
    struct fi_log_options options = fi_db_log_options(false);
    struct fi_log *log;
    /* The clone's MANIFEST has one version (db_replay_attest.c). */
    options.note = FI_LSM_CLONE_VERSION;
    int rc = fi_log_create(to, &options, &log, err);
    return rc == FIRN_OK ? fi_log_close(log, err) : rc;
}

/* ---- the whole store ---- */

/* Whether no memtable has data that, besides the memtable, only the log has. */
static bool
is_flushed(struct firn_db *db)
{
    const struct fi_db_image *image = fi_db_image(db);
    bool is_flushed = true;
    fi_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        is_flushed = is_flushed && fi_db_trees_at(image, i)->first_segment == 0;
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return is_flushed;
}

/* Requires: the leader's place is taken, so nothing is committed. */
static int
flush_rest(struct firn_db *db, firn_error *err)
{
    const struct fi_compaction_work_wish wish = {.flushes = true};
    DCHECK(fi_db_is_led(db));
    FI_TRY_RETURN(fi_db_lead_refuse_failed(db, err));
    FI_TRY_RETURN(fi_db_turn_freeze_all(db, err));
    return fi_db_jobs_finish(db, &wish, err);
}

static int
copy_clone_fill(struct firn_db *db, struct fi_os_dir *to, const struct fi_step *step,
                firn_error *err)
{
    struct fi_storefile_identity identity = {.cipher = db->identity.cipher};
    FI_TRY_RETURN(flush_rest(db, err));
    DCHECK(is_flushed(db));
    FI_TRY_RETURN(fi_db_create_begin(to, &identity, err));
    FI_TRY_RETURN(fi_db_keys_copy(db->dir, to, err));
    FI_TRY_RETURN(make_log(to, err));
    FI_TRY_RETURN(clone_packs(db, to, step, err));
    FI_TRY_RETURN(clone_trees(db, to, step, err));
    return fi_db_create_end(to, err);
}

int
fi_copy_clone(struct firn_db *db, struct fi_os_dir *to, struct fi_storefile_progress *progress,
              firn_error *err)
{
    struct fi_storefile_lock *lock = NULL;
    struct fi_os_dir *own = NULL; /* gets the keys of an encrypted store; the caller's does not */
    const struct fi_step *step;
    int rc;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    FI_TRY(fi_db_create_may(to, err));
    FI_TRY(fi_storefile_lock_acquire(to, 0, &lock, err));
    FI_TRY(fi_db_create_may(to, err));
    FI_TRY(fi_os_dir_open_beneath(to, "", &own, err));
    FI_TRY(fi_db_maintain_flush(db, err));
    FI_TRY(fi_storefile_progress_begin_steps(progress, "write", 0, 0, &step, err));
    fi_db_lead_begin(db);
    rc = copy_clone_fill(db, own, step, err);
    fi_db_lead_end(db);
out:
    fi_os_dir_close(own);
    fi_storefile_lock_release(lock);
    return rc;
}

int
fi_copy_clone_path(struct firn_db *db, struct fi_os *os, const char *path,
                   struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_os_dir *to;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    int rc = fi_db_path_make(os, path, &to, err);
    if (rc == FIRN_OK) {
        rc = fi_copy_clone(db, to, progress, err);
        fi_os_dir_close(to);
    }
    return rc;
}
