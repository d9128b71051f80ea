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
fi_db_lead_latch_locked(struct firn_db *db, const firn_error *err)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(err->code != FIRN_OK);
    if (!db->commits.has_failed) {
        db->commits.has_failed = true;
        db->commits.failure = *err;
    }
}

int
fi_db_lead_refuse_failed_locked(const struct firn_db *db, firn_error *err)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.has_failed);
    return fi_error_set(
        err, FIRN_FAILED,
        "'%s' failed earlier and takes no more commits until it is opened again: %s",
        fi_os_dir_path(db->dir), db->commits.failure.text);
}

int
fi_db_lead_refuse_failed(struct firn_db *db, firn_error *err)
{
    fi_os_mutex_lock(&db->commits.mutex);
    int rc = db->commits.has_failed ? fi_db_lead_refuse_failed_locked(db, err) : FIRN_OK;
    fi_os_mutex_unlock(&db->commits.mutex);
    return rc;
}

void
fi_db_lead_latch(struct firn_db *db, const firn_error *err)
{
    fi_os_mutex_lock(&db->commits.mutex);
    fi_db_lead_latch_locked(db, err);
    fi_os_mutex_unlock(&db->commits.mutex);
}

int
fi_db_lead_refuse_read_only(struct firn_db *db, firn_error *err)
{
    return fi_error_set(err, FIRN_READ_ONLY, "'%s' is open for reading only",
                        fi_os_dir_path(db->dir));
}

int
fi_db_lead_check_lock(struct firn_db *db, firn_error *err)
{
    firn_error found;
    /* No other process can take away what locks a store in memory. */
    int rc = db->owned_os != NULL ? FIRN_OK : fi_storefile_lock_check(db->lock, db->dir, &found);
    DCHECK(!db->is_read_only);
    if (rc == FIRN_FAILED) {
        fi_db_lead_latch(db, &found);
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, &found);
    }
    return rc;
}

/* ---- the place ---- */

void
fi_db_lead_wake(struct fi_db_write *commit)
{
    if (commit->is_waiting) {
        fi_os_cond_signal(&commit->woken);
    }
}

void
fi_db_lead_end_locked(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading);
    db->commits.is_leading = false;
    if (db->commits.exclusive_waiting > 0) {
        fi_os_cond_signal(&db->commits.lead_ended);
    } else if (db->commits.head != NULL) {
        fi_db_lead_wake(db->commits.head);
    }
}

void
fi_db_lead_begin(struct firn_db *db)
{
    fi_os_mutex_lock(&db->commits.mutex);
    db->commits.exclusive_waiting++;
    while (db->commits.is_leading) {
        fi_os_cond_wait(&db->commits.lead_ended, &db->commits.mutex);
    }
    db->commits.exclusive_waiting--;
    db->commits.is_leading = true;
    fi_os_mutex_unlock(&db->commits.mutex);
}

void
fi_db_lead_end(struct firn_db *db)
{
    fi_os_mutex_lock(&db->commits.mutex);
    fi_db_lead_end_locked(db);
    fi_os_mutex_unlock(&db->commits.mutex);
}

/* ---- what the leader says of MANIFEST (db_replay_attest.c) ---- */

int
fi_db_lead_attest(struct firn_db *db, firn_error *err)
{
    uint64_t version = fi_lsm_version(fi_db_image(db)->lsm);
    uint8_t bytes[FI_STOREFILE_VOUCH_SIZE];
    const firn_slice part = firn_bytes(bytes, sizeof bytes);
    DCHECK(fi_db_is_led(db) && version >= db->lead.vouched); /* (I7) */
    if (version == db->lead.vouched || atomic_load(&db->space.is_full)) {
        return FIRN_OK;
    }
    fi_store_le64(bytes, version);
    fi_store_le64(bytes + 8, fi_db_image(db)->history.saved_sequence);
    int rc = fi_log_append(db->log, FI_STOREFILE_TYPE_VOUCH, &part, 1, NULL, err);
    if (rc == FIRN_OK) {
        db->lead.vouched = version;
    }
    return rc == FIRN_NO_SPACE && !fi_log_has_failed(db->log) ? FIRN_OK : rc;
}
