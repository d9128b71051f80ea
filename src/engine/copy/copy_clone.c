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

#include <string.h>

#include "base/check.h"
#include "os/os_clone.h"
#include "store/db_store_handle.h"

/* ---- packs ---- */

struct packs {
    struct firn_buf names; /* each with its NUL */
};

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    struct packs *packs = ctx;
    bool is_unfinished =
        entry->name_size > 4 && strcmp(entry->name + entry->name_size - 4, ".tmp") == 0;
    bool is_file = entry->kind == FIRN_OS_FILE || entry->kind == FIRN_OS_UNKNOWN;
    return is_file && !is_unfinished
               ? firn_buf_append(&packs->names, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

static int
clone_names(const struct packs *packs, struct firn_os_dir *from, struct firn_os_dir *to,
            const struct firn_step *step, firn_error *err)
{
    for (size_t at = 0; at < packs->names.size;) {
        const char *name = (const char *)packs->names.data + at;
        int rc = firn_os_clone_file(from, to, name, err);
        /* Garbage collection may have removed an unneeded file meanwhile. */
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
        rc = rc == FIRN_OK ? firn_step_tell(step, 1, 0, err) : rc;
        if (rc != FIRN_OK) {
            return rc;
        }
        at += strlen(name) + 1;
    }
    return firn_os_dir_sync(to, err);
}

static int
clone_packs(struct firn_db *db, struct firn_os_dir *to, const struct firn_step *step,
            firn_error *err)
{
    struct packs packs = {{0}};
    struct firn_os_dir *from_packs = NULL;
    struct firn_os_dir *to_packs = NULL;
    int rc = firn_os_dir_open(db->dir, FIRN_STOREFILE_PACKS_NAME, &from_packs, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FIRN_TRY(rc);
    rc = firn_os_dir_list(from_packs, keep_name, &packs, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = firn_error_no_memory(err, "the names of packs");
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_os_make_dir_for_owner(to, FIRN_STOREFILE_PACKS_NAME, to, 0700, err));
    FIRN_TRY(firn_os_dir_open(to, FIRN_STOREFILE_PACKS_NAME, &to_packs, err));
    FIRN_TRY(clone_names(&packs, from_packs, to_packs, step, err));
out:
    firn_buf_deinit(&packs.names);
    firn_os_dir_close(from_packs);
    firn_os_dir_close(to_packs);
    return rc;
}

/* ---- the trees ---- */

static int
clone_trees(struct firn_db *db, struct firn_os_dir *to, const struct firn_step *step,
            firn_error *err)
{
    struct firn_db_image *image = firn_db_image(db);
    struct firn_buf history = {0};
    int rc;
    DCHECK(firn_db_is_led(db) && db->commits.last_sequence == firn_db_published(db));
    FIRN_TRY(firn_db_history_encode(db, &history, err));
    const struct firn_lsm_clone clone = {.dir = to,
                                         .history = firn_buf_slice(&history),
                                         .sequence = db->commits.last_sequence,
                                         .step = step};
    FIRN_TRY(firn_lsm_clone(image->lsm, &clone, err));
out:
    firn_buf_deinit(&history);
    return rc;
}

static int
make_log(struct firn_os_dir *to, firn_error *err)
{
    struct firn_log_options options = firn_db_log_options(false);
    struct firn_log *log;
    /* The clone's MANIFEST has one version (db_replay.c). */
    options.note = FIRN_LSM_CLONE_VERSION;
    int rc = firn_log_create(to, &options, &log, err);
    return rc == FIRN_OK ? firn_log_close(log, err) : rc;
}

/* ---- the whole store ---- */

/* Whether no memtable has data that, besides the memtable, only the log has. */
static bool
is_flushed(struct firn_db *db)
{
    const struct firn_db_image *image = firn_db_image(db);
    bool is_flushed = true;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_trees_count(image); i++) {
        is_flushed = is_flushed && firn_db_trees_at(image, i)->first_segment == 0;
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return is_flushed;
}

/* Requires: the leader's place is taken, so nothing is committed. */
static int
flush_rest(struct firn_db *db, firn_error *err)
{
    const struct firn_compaction_work_wish wish = {.flushes = true};
    DCHECK(firn_db_is_led(db));
    FIRN_TRY_RETURN(firn_db_lead_refuse_failed(db, err));
    FIRN_TRY_RETURN(firn_db_turn_freeze_all(db, err));
    return firn_db_jobs_finish(db, &wish, err);
}

static int
fill(struct firn_db *db, struct firn_os_dir *to, const struct firn_step *step, firn_error *err)
{
    struct firn_storefile_identity identity;
    FIRN_TRY_RETURN(flush_rest(db, err));
    DCHECK(is_flushed(db));
    FIRN_TRY_RETURN(firn_db_create_begin(to, &identity, err));
    FIRN_TRY_RETURN(make_log(to, err));
    FIRN_TRY_RETURN(clone_packs(db, to, step, err));
    FIRN_TRY_RETURN(clone_trees(db, to, step, err));
    return firn_db_create_end(to, err);
}

int
firn_copy_clone(struct firn_db *db, struct firn_os_dir *to,
                struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_storefile_lock *lock = NULL;
    const struct firn_step *step;
    int rc;
    if (db->is_read_only) {
        return firn_db_lead_refuse_read_only(db, err);
    }
    FIRN_TRY(firn_db_create_may(to, err));
    FIRN_TRY(firn_storefile_lock_acquire(to, 0, &lock, err));
    FIRN_TRY(firn_db_create_may(to, err));
    FIRN_TRY(firn_db_maintain_flush(db, err));
    FIRN_TRY(firn_storefile_progress_begin_steps(progress, "write", 0, 0, &step, err));
    firn_db_lead_begin(db);
    rc = fill(db, to, step, err);
    firn_db_lead_end(db);
out:
    firn_storefile_lock_release(lock);
    return rc;
}

int
firn_copy_clone_path(struct firn_db *db, struct firn_os *os, const char *path,
                     struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_os_dir *to;
    if (db->is_read_only) {
        return firn_db_lead_refuse_read_only(db, err);
    }
    int rc = firn_db_path_make(os, path, &to, err);
    if (rc == FIRN_OK) {
        rc = firn_copy_clone(db, to, progress, err);
        firn_os_dir_close(to);
    }
    return rc;
}
