/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_maintain.c: flushing and compacting on request.
 *
 * Freezing takes the leader's place for a moment. The flushes and compactions are done in the
 * calling thread, beside commits and background work. Compacting flushes, and then does every
 * compaction that lsm/ suggests, until there is none. Commits made meanwhile may be included or
 * not. Cancelling ends the running compaction, whose inputs stay; earlier ones have been installed.
 */
#include "base/check.h"
#include "upkeep/db_upkeep_handle.h"

static int
db_maintain_freeze(struct firn_db *db, firn_error *err)
{
    fi_db_lead_begin(db);
    DCHECK(!db->is_read_only);
    /* A commit may have failed since the caller checked, and left memtables that must not be
     * written. */
    int rc = fi_db_lead_refuse_failed(db, err);
    if (rc == FIRN_OK) {
        rc = fi_db_turn_freeze_all(db, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_dropped_remove(db, err);
    }
    fi_db_lead_end(db);
    return rc;
}

static int
db_maintain_trim(struct firn_db *db, firn_error *err)
{
    bool has_more;
    fi_db_lead_begin(db);
    int rc = fi_db_turn_trim(db, &has_more, err);
    if (rc == FIRN_OK && has_more) {
        rc = fi_log_rotate(db->log, err);
        if (rc == FIRN_NO_SPACE && !fi_log_has_failed(db->log)) {
            rc = FIRN_OK;
        }
    }
    fi_db_lead_end(db);
    return rc;
}

/* A failed log latches the handle. */
static int
latch_with_log(struct firn_db *db, int rc, const firn_error *err)
{
    if (rc != FIRN_OK && fi_log_has_failed(db->log)) {
        fi_db_lead_latch(db, err);
    }
    return rc;
}

int
fi_db_maintain_flush_memtables(struct firn_db *db, firn_error *err)
{
    const struct fi_compaction_work_wish wish = {.flushes = true};
    FI_TRY_RETURN(db_maintain_freeze(db, err));
    return fi_db_jobs_finish(db, &wish, err);
}

static int
check_writable(struct firn_db *db, firn_error *err)
{
    return db->is_read_only ? fi_db_lead_refuse_read_only(db, err)
                            : fi_db_lead_refuse_failed(db, err);
}

/* A file that was given up is removed when the segment after it begins. */
static int
renew_log(struct firn_db *db, firn_error *err)
{
    bool has_more;
    int rc;
    fi_db_lead_begin(db);
    FI_TRY(fi_db_lead_refuse_failed(db, err));
    FI_TRY(fi_log_rotate(db->log, err));
    FI_TRY(fi_db_turn_trim(db, &has_more, err));
    rc = fi_log_rotate(db->log, err);
out:
    fi_db_lead_end(db);
    return rc;
}

static int
renew_manifest(struct firn_db *db, firn_error *err)
{
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    FI_TRY_RETURN(fi_lsm_install_snapshot(lsm, err));
    return fi_lsm_install_snapshot(lsm, err);
}

struct request {
    struct fi_storefile_progress *progress;        /* of compacting; may be NULL */
    const struct firn_db_keyspace *whole;          /* of tidying, or of a range; may be NULL */
    const struct fi_lsm_range *range;              /* of compacting; may be NULL */
    const struct fi_compaction_outdated *outdated; /* of renewing */
};

static int
db_maintain_flush(struct firn_db *db, const struct request *request, firn_error *err)
{
    (void)request;
    int rc = fi_db_maintain_flush_memtables(db, err);
    rc = rc == FIRN_OK ? db_maintain_trim(db, err) : rc;
    if (rc == FIRN_OK) {
        fi_db_jobs_wake_graphs(db);
    }
    return rc;
}

static int
db_maintain_tidy(struct firn_db *db, const struct request *request, firn_error *err)
{
    const struct fi_compaction_work_wish wish = {.compactions = true};
    FI_TRY_RETURN(fi_db_maintain_flush_memtables(db, err));
    FI_TRY_RETURN(fi_db_jobs_finish(db, &wish, err));
    if (request->whole != NULL) {
        const struct fi_compaction_work_wish all = {
            .compactions = true, .is_unhurried = true, .tree = request->whole->tree->lsm_tree};
        FI_TRY_RETURN(fi_db_jobs_finish(db, &all, err));
    }
    FI_TRY_RETURN(db_maintain_trim(db, err));
    fi_db_jobs_wake_graphs(db);
    return FIRN_OK;
}

static int
db_maintain_compact(struct firn_db *db, const struct request *request, firn_error *err)
{
    struct fi_compaction_work_wish wish = {
        .compactions = true, .is_unhurried = true, .range = request->range};
    DCHECK(request->range == NULL || request->whole != NULL);
    if (request->whole != NULL) {
        wish.tree = request->whole->tree->lsm_tree;
    }
    FI_TRY_RETURN(fi_db_maintain_flush_memtables(db, err));
    FI_TRY_RETURN(db_maintain_trim(db, err)); /* on a full disk merging needs the log's space */
    FI_TRY_RETURN(
        fi_storefile_progress_begin_steps(request->progress, "merge", 0, 0, &wish.step, err));
    FI_TRY_RETURN(fi_db_jobs_finish(db, &wish, err));
    if (request->range == NULL) {
        FI_TRY_RETURN(fi_db_jobs_finish_graphs(db, wish.tree, wish.step, err));
    }
    return db_maintain_trim(db, err);
}

static int
db_maintain_renew(struct firn_db *db, const struct request *request, firn_error *err)
{
    struct fi_compaction_work_wish wish = {
        .compactions = true, .is_unhurried = true, .outdated = request->outdated};
    fi_log_rotate_keep_spares(db->log, false);
    FI_TRY_RETURN(fi_db_maintain_flush_memtables(db, err));
    FI_TRY_RETURN(
        fi_storefile_progress_begin_steps(request->progress, "merge", 0, 0, &wish.step, err));
    FI_TRY_RETURN(fi_db_jobs_finish(db, &wish, err));
    FI_TRY_RETURN(fi_db_jobs_finish_graphs(db, NULL, wish.step, err));
    FI_TRY_RETURN(renew_log(db, err));
    FI_TRY_RETURN(renew_manifest(db, err));
    fi_lsm_collect(fi_db_image(db)->lsm);
    return FIRN_OK;
}

static int
db_maintain_run(struct firn_db *db,
                int (*action)(struct firn_db *db, const struct request *request, firn_error *err),
                const struct request *request, firn_error *err)
{
    firn_error found;
    FI_TRY_RETURN(check_writable(db, err));
    int rc = latch_with_log(db, action(db, request, &found), &found);
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

int
fi_db_maintain_flush(struct firn_db *db, firn_error *err)
{
    const struct request request = {0};
    return db_maintain_run(db, db_maintain_flush, &request, err);
}

int
fi_db_maintain_tidy(struct firn_db *db, const struct firn_db_keyspace *whole, firn_error *err)
{
    const struct request request = {.whole = whole};
    return db_maintain_run(db, db_maintain_tidy, &request, err);
}

int
fi_db_maintain_compact(struct firn_db *db, struct fi_storefile_progress *progress, firn_error *err)
{
    const struct request request = {.progress = progress};
    return db_maintain_run(db, db_maintain_compact, &request, err);
}

int
fi_db_maintain_compact_range(const struct firn_db_keyspace *keyspace,
                             const struct fi_lsm_range *range,
                             struct fi_storefile_progress *progress, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    if (atomic_load_explicit(&keyspace->tree->is_out, memory_order_acquire)) {
        return fi_error_set(err, FIRN_MISUSE, "the keyspace '%s' was dropped", keyspace->name);
    }
    const struct request request = {.progress = progress, .whole = keyspace, .range = range};
    return db_maintain_run(db, db_maintain_compact, &request, err);
}

int
fi_db_maintain_renew(struct firn_db *db, const struct fi_compaction_outdated *outdated,
                     struct fi_storefile_progress *progress, firn_error *err)
{
    const struct request request = {.progress = progress, .outdated = outdated};
    return db_maintain_run(db, db_maintain_renew, &request, err);
}

void
fi_db_maintain_graphs(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    fi_db_jobs_wake_graphs(db);
}

/* ---- versions of MANIFEST ---- */

static int
db_maintain_advance(struct firn_db *db, firn_error *err)
{
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    DCHECK(fi_db_is_led(db));
    return fi_lsm_install_history(lsm, fi_lsm_history(lsm), fi_lsm_sequence(lsm), err);
}

int
fi_db_maintain_advance(struct firn_db *db, firn_error *err)
{
    /* Not while another thread saves a new history. */
    fi_db_lead_begin(db);
    int rc = fi_db_lead_refuse_failed(db, err);
    if (rc == FIRN_OK) {
        rc = db_maintain_advance(db, err);
    }
    if (rc == FIRN_NO_SPACE && fi_db_space_give_up_all(db)) {
        rc = db_maintain_advance(db, err); /* before files are removed */
    }
    fi_db_lead_end(db);
    return rc;
}
