/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_full.c: commits on a full disk.
 *
 * While the disk is full (db_space.c)
 *   commits that put anything fail with FIRN_NO_SPACE, without using the disk's last bytes;
 *   commits that only delete are accepted as long as enough is left for freeing their space;
 *   if not enough is left, a delete waits: its thread flushes memtables, has the log trimmed, and
 *   merges runs (drain). If background work used all remaining space for a time, the delete waits
 *   until that ends and tries again.
 * If level 0 cannot be merged for lack of space, deletes are accepted however many runs it has.
 * Each refused commit checks whether there is space again: enough for the reserve, for the commit
 * itself, and some more. If so, the reserve is restored and the commit accepted. Nothing has to be
 * reopened.
 *
 * Commits that free more than they take (fi_db_batch_frees_space) count as deletes, even if they
 * contain puts.
 */
#include "base/check.h"
#include "upkeep/db_upkeep_handle.h"

/* If there is no space, tries again with the last part of the reserve. */
static int
do_or_give_up_all(struct firn_db *db, int (*maintain)(struct firn_db *db, firn_error *err))
{
    int rc = maintain(db, NULL);
    return rc == FIRN_NO_SPACE && fi_db_space_give_up_all(db) ? maintain(db, NULL) : rc;
}

static int
db_full_compact(struct firn_db *db, firn_error *err)
{
    return fi_db_maintain_compact(db, NULL, err);
}

void
fi_db_full_drain(struct firn_db *db, bool has_waited)
{
    uint64_t now = fi_db_published(db);
    DCHECK(!db->is_read_only);
    fi_os_mutex_lock(&db->jobs.mutex);
    bool is_vain = db->space.failed_at == now && !has_waited;
    fi_os_mutex_unlock(&db->jobs.mutex);
    if (is_vain) {
        return;
    }
    (void)fi_db_space_give_up(db);
    int rc = do_or_give_up_all(db, fi_db_maintain_flush);
    if (fi_db_space_left(db) < fi_db_space_wanted(db) / 2) {
        /* Merges that finished before space ran out have helped as well. */
        int compact_rc = do_or_give_up_all(db, db_full_compact);
        rc = rc == FIRN_OK || compact_rc == FIRN_OK ? FIRN_OK : rc;
    }
    fi_os_mutex_lock(&db->jobs.mutex);
    db->space.failed_at = rc == FIRN_OK ? 0 : now;
    fi_os_mutex_unlock(&db->jobs.mutex);
}

static int
db_full_refuse(struct firn_db *db, firn_error *err)
{
    return fi_error_set(err, FIRN_NO_SPACE,
                        "no space is left for '%s'; until there is, it takes only deletes",
                        fi_os_dir_path(db->dir));
}

int
fi_db_full_admit(struct firn_db *db, bool has_puts, bool is_urgent, size_t bytes, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    if (!atomic_load(&db->space.is_full) || fi_db_space_is_back(db, bytes)) {
        return FIRN_OK;
    }
    fi_db_jobs_wake(db);
    fi_db_jobs_wake_compactions(db);
    if (has_puts) {
        return db_full_refuse(db, err);
    }
    /* As much again as the memtables need is left for merging. */
    uint64_t left = fi_lsm_memtable_bytes(fi_db_image(db)->lsm) + bytes + FI_DB_SPACE_SLACK;
    return !is_urgent && fi_db_space_left(db) < left ? db_full_refuse(db, err) : FIRN_OK;
}
