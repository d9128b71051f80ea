/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_lead.c: the leader's place, and the latch of a handle that failed.
 *
 * One thread at a time leads. The leader appends to the log, applies commits and publishes them
 * (db_write.c); other work that must not run beside a commit takes the place without one: freezing
 * everything for a flush, removing dropped trees, removing old segments of the log. A thread that
 * waits for the place goes before the commits that are queued.
 *
 * A handle whose log failed is latched: it takes no more commits (db_write.c, I3).
 *
 * Locking: the mutex of commits guards the place and the latch.
 */
#include "instance/db_handle.h"

#include "base/bytes.h"
#include "base/check.h"

/* ---- the latch ---- */

void
firn_db_lead_latch_locked(struct firn_db *db, const firn_error *err)
{
    firn_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(err->code != FIRN_OK);
    if (!db->commits.has_failed) {
        db->commits.has_failed = true;
        db->commits.failure = *err;
    }
}

int
firn_db_lead_refuse_failed_locked(const struct firn_db *db, firn_error *err)
{
    firn_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.has_failed);
    return firn_error_set(
        err, FIRN_FAILED,
        "'%s' failed earlier and takes no more commits until it is opened again: %s",
        firn_os_dir_path(db->dir), db->commits.failure.text);
}

int
firn_db_lead_refuse_failed(struct firn_db *db, firn_error *err)
{
    firn_os_mutex_lock(&db->commits.mutex);
    int rc = db->commits.has_failed ? firn_db_lead_refuse_failed_locked(db, err) : FIRN_OK;
    firn_os_mutex_unlock(&db->commits.mutex);
    return rc;
}

void
firn_db_lead_latch(struct firn_db *db, const firn_error *err)
{
    firn_os_mutex_lock(&db->commits.mutex);
    firn_db_lead_latch_locked(db, err);
    firn_os_mutex_unlock(&db->commits.mutex);
}

int
firn_db_lead_refuse_read_only(struct firn_db *db, firn_error *err)
{
    return firn_error_set(err, FIRN_READ_ONLY, "'%s' is open for reading only",
                          firn_os_dir_path(db->dir));
}

int
firn_db_lead_check_lock(struct firn_db *db, firn_error *err)
{
    firn_error found;
    /* No other process can take away what locks a store in memory. */
    int rc = db->owned_os != NULL ? FIRN_OK : firn_storefile_lock_check(db->lock, db->dir, &found);
    DCHECK(!db->is_read_only);
    if (rc == FIRN_FAILED) {
        firn_db_lead_latch(db, &found);
    }
    if (rc != FIRN_OK) {
        firn_error_copy(err, &found);
    }
    return rc;
}

/* ---- the place ---- */

void
firn_db_lead_wake(struct firn_db_write *commit)
{
    if (commit->is_waiting) {
        firn_os_cond_signal(&commit->woken);
    }
}

void
firn_db_lead_end_locked(struct firn_db *db)
{
    firn_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading);
    db->commits.is_leading = false;
    if (db->commits.exclusive_waiting > 0) {
        firn_os_cond_signal(&db->commits.lead_ended);
    } else if (db->commits.head != NULL) {
        firn_db_lead_wake(db->commits.head);
    }
}

void
firn_db_lead_begin(struct firn_db *db)
{
    firn_os_mutex_lock(&db->commits.mutex);
    db->commits.exclusive_waiting++;
    while (db->commits.is_leading) {
        firn_os_cond_wait(&db->commits.lead_ended, &db->commits.mutex);
    }
    db->commits.exclusive_waiting--;
    db->commits.is_leading = true;
    firn_os_mutex_unlock(&db->commits.mutex);
}

void
firn_db_lead_end(struct firn_db *db)
{
    firn_os_mutex_lock(&db->commits.mutex);
    firn_db_lead_end_locked(db);
    firn_os_mutex_unlock(&db->commits.mutex);
}

/* ---- what the leader says of MANIFEST (db_replay.c) ---- */

int
firn_db_lead_vouch(struct firn_db *db, firn_error *err)
{
    uint64_t version = firn_lsm_version(firn_db_image(db)->lsm);
    uint8_t bytes[FIRN_STOREFILE_VOUCH_SIZE];
    const firn_slice part = firn_bytes(bytes, sizeof bytes);
    DCHECK(firn_db_is_led(db) && version >= db->lead.vouched); /* (I7) */
    if (version == db->lead.vouched || atomic_load(&db->space.is_full)) {
        return FIRN_OK;
    }
    firn_store_le64(bytes, version);
    firn_store_le64(bytes + 8, firn_db_image(db)->history.saved_sequence);
    int rc = firn_log_append(db->log, FIRN_STOREFILE_TYPE_VOUCH, &part, 1, NULL, err);
    if (rc == FIRN_OK) {
        db->lead.vouched = version;
    }
    return rc == FIRN_NO_SPACE && !firn_log_has_failed(db->log) ? FIRN_OK : rc;
}
