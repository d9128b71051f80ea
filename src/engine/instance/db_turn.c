/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_turn.c: freezing memtables, and turning the log: new segments that no commit has to
 * wait for.
 *
 * When memtables are frozen the log turns: it begins a new segment. Before that the present segment
 * must be durable. After a minute of unsynced commits it may have as much unsynced data as a
 * memtable holds, and a leader that synced it would stop all commits for as long as the disk takes.
 * So this is done ahead:
 *
 *   idle      the leader finds that memtables should be frozen. If little of the log is unsynced,
 *             it turns the log at once. Otherwise it submits a job and changes nothing: commits
 *             continue into the same memtable and the same segment.
 *   readying  the job gets a spare file for the next segment (log_rotate.c) and syncs the log,
 *   again
 *             and again, because commits continue meanwhile, until little is unsynced. No turn
 *             begins during this: the leader would wait for that sync to end.
 *   ready     the next leader freezes memtables and turns the log: little is left to be synced.
 *
 * A job also finishes what a turn leaves to be done. No turn begins while another thread syncs the
 * log (a flush does that before its runs are installed).
 *
 * (I1) Memory does not depend on the job. If a memtable or the log has grown a quarter beyond its
 *      limit, it is frozen all the same, and the leader does what is left. So memory is bounded
 *      even if the job is late, does not run or fails; and in simulation, where jobs run only while
 *      a thread waits. (Not checked: the caller decides is_urgent.)
 *
 * A sync that fails in the job latches the log; the next commit reports it.
 *
 * Leaders change `phase`, except for the step from readying to ready, which is the job's. A job
 * that ends late may mark a later turn as ready that is not: that turn then takes longer, and
 * nothing else.
 *
 * The oldest segments are removed once their data is in runs and no reader needs them.
 *
 * For the leader only, except where db_internal.h says otherwise.
 */
#include "base/check.h"
#include "instance/db_handle.h"

/* ---- getting the log ready ---- */

/* QUICK_BYTES_MAX is synced in a few milliseconds. The bytes written during the job's last sync may
 * be more than that. If they are much more, the log became ready long ago, for a turn that did not
 * come. Each sync covers what came during the previous one, so a few syncs make it little, unless
 * the disk is slower than the commits. */
enum { QUICK_BYTES_MAX = 1 << 20, READY_BYTES_MAX = 8 << 20, READY_SYNCS_MAX = 6 };

enum phase { PHASE_IDLE, PHASE_READYING, PHASE_READY };

static void
run_ready(void *arg)
{
    struct firn_db *db = arg;
    firn_error err;
    int rc;
    unsigned syncs = 0;
    fi_log_rotate_prepare(db->log);
    do {
        rc = fi_log_sync(db->log, &err);
    } while (rc == FIRN_OK && ++syncs < READY_SYNCS_MAX &&
             fi_log_unsynced_bytes(db->log) > QUICK_BYTES_MAX);
    if (rc != FIRN_OK) {
        fi_db_jobs_note_failure(db, &err);
    }
    int expected = PHASE_READYING;
    (void)atomic_compare_exchange_strong(&db->lead.rotate_phase, &expected, PHASE_READY);
}

static void
run_finish(void *arg)
{
    struct firn_db *db = arg;
    firn_error err;
    if (fi_log_sync(db->log, &err) != FIRN_OK) {
        fi_db_jobs_note_failure(db, &err);
    }
}

bool
fi_db_turn_may_begin(struct firn_db *db, bool is_urgent)
{
    DCHECK(fi_db_is_led(db));
    int phase = atomic_load(&db->lead.rotate_phase);
    DCHECK(phase >= PHASE_IDLE && phase <= PHASE_READY);
    uint64_t unsynced = fi_log_unsynced_bytes(db->log);
    if (!is_urgent && fi_log_is_syncing(db->log)) {
        return false;
    }
    if (is_urgent || (phase == PHASE_IDLE && unsynced <= QUICK_BYTES_MAX) ||
        (phase == PHASE_READY && unsynced <= READY_BYTES_MAX)) {
        return true;
    }
    if (phase != PHASE_READYING) {
        atomic_store(&db->lead.rotate_phase, PHASE_READYING);
        if (!fi_db_jobs_submit_log(db, run_ready)) {
            atomic_store(&db->lead.rotate_phase, PHASE_READY);
        }
    }
    return false;
}

/* Turns it. */
static int
rotate_begin(struct firn_db *db, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    int rc = fi_log_rotate_begin(db->log, err);
    atomic_store(&db->lead.rotate_phase, PHASE_IDLE);
    if (rc == FIRN_OK) {
        fi_db_jobs_watch_rest(db);
    }
    return rc;
}

void
fi_db_turn_end(struct firn_db *db)
{
    /* If it cannot be submitted, the next sync does it. */
    (void)fi_db_jobs_submit_log(db, run_finish);
}

/* ---- freezing ---- */

static int
db_turn_freeze(struct fi_db_tree *tree, bool *has_frozen, firn_error *err)
{
    DCHECK(tree->first_segment == 0 || !tree->is_removed);
    int rc = FIRN_OK;
    if (tree->first_segment != 0) {
        rc = fi_lsm_tree_freeze(tree->lsm_tree, err);
        if (rc == FIRN_OK) {
            tree->first_segment = 0;
            *has_frozen = true;
        }
    }
    return rc;
}

/* The size of a memtable that can be frozen; 0 if it is small. */
static size_t
active_bytes(const struct fi_db_tree *tree)
{
    return tree->first_segment == 0 ? 0 : fi_lsm_tree_active_excess(tree->lsm_tree);
}

static size_t
find_largest_bytes(const struct fi_db_image *image)
{
    size_t most = 0;
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        size_t bytes = active_bytes(fi_db_trees_at(image, i));
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Freezes memtables, roughly the largest first, until they have this many bytes or none is left. */
static int
freeze_bytes_locked(const struct fi_db_image *image, size_t wanted, bool *has_frozen,
                    firn_error *err)
{
    fi_os_mutex_assert_held(&image->db->state_mutex);
    size_t frozen = 0;
    size_t least = find_largest_bytes(image);
    while (least > 0 && frozen < wanted) {
        least -= least / 4 + 1;
        for (size_t i = 0; i < fi_db_trees_count(image) && frozen < wanted; i++) {
            struct fi_db_tree *tree = fi_db_trees_at(image, i);
            size_t bytes = active_bytes(tree);
            if (bytes > least) {
                FI_TRY_RETURN(db_turn_freeze(tree, has_frozen, err));
                frozen += bytes;
            }
        }
    }
    return FIRN_OK;
}

int
fi_db_turn_freeze_bytes(struct firn_db *db, size_t wanted, bool *has_frozen, firn_error *err)
{
    fi_os_mutex_lock(&db->state_mutex);
    int rc = freeze_bytes_locked(fi_db_image(db), wanted, has_frozen, err);
    fi_os_mutex_unlock(&db->state_mutex);
    return rc;
}

int
fi_db_turn_freeze_up_to(struct firn_db *db, uint64_t segment, bool *has_frozen, firn_error *err)
{
    const struct fi_db_image *image = fi_db_image(db);
    int rc = FIRN_OK;
    fi_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < fi_db_trees_count(image) && rc == FIRN_OK; i++) {
        struct fi_db_tree *tree = fi_db_trees_at(image, i);
        if (tree->first_segment <= segment) {
            rc = db_turn_freeze(tree, has_frozen, err);
        }
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return rc;
}

int
fi_db_turn_freeze_grown(struct firn_db *db, struct fi_db_tree *touched, bool *has_frozen,
                        firn_error *err)
{
    int rc = FIRN_OK;
    for (struct fi_db_tree *tree = touched; tree != NULL && rc == FIRN_OK;
         tree = tree->next_touched) {
        if (fi_lsm_tree_active_bytes(tree->lsm_tree) >= db->limits.memtable) {
            rc = db_turn_freeze(tree, has_frozen, err);
        }
    }
    return rc;
}

uint64_t
fi_db_turn_oldest_segment(struct firn_db *db)
{
    const struct fi_db_image *image = fi_db_image(db);
    uint64_t oldest = 0;
    fi_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        uint64_t segment = fi_db_trees_at(image, i)->first_segment;
        if (segment != 0 && (oldest == 0 || segment < oldest)) {
            oldest = segment;
        }
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return oldest;
}

/* ---- segments ---- */

/* Whether no active memtable has data that, besides the memtable, only an older segment has. */
static bool
is_needless_before(struct firn_db *db, uint64_t floor)
{
    uint64_t oldest = fi_db_turn_oldest_segment(db);
    return oldest == 0 || floor <= oldest;
}

int
fi_db_turn_trim(struct firn_db *db, bool *out_has_more, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    struct fi_log_position end = fi_log_end(db->log);
    uint64_t floor = fi_lsm_log_floor(lsm);
    *out_has_more = false;
    FI_TRY_RETURN(fi_db_history_save_before(db, floor, err));
    /* Asked after the floor: at this version the floor was valid. */
    uint64_t version = fi_lsm_version(lsm);
    if (floor > end.segment) {
        /* No segment is needed; an empty log has none to remove. */
        bool is_empty =
            !fi_db_segments_has_commits(fi_db_image(db)) && fi_log_oldest(db->log) == end.segment;
        floor = is_empty ? end.segment : end.segment + 1;
    }
    if (floor <= db->lead.log_floor || !fi_db_reader_none_below(db, version)) {
        return FIRN_OK;
    }
    CHECK(floor <= end.segment + 1 && floor > 0);
    DCHECK(is_needless_before(db, floor));
    int rc = fi_log_remove_before(db->log, floor, err);
    if (rc == FIRN_OK) {
        fi_log_set_note(db->log, version);
        db->lead.log_floor = floor;
        *out_has_more = true;
        fi_os_mutex_lock(&db->commits.mutex);
        fi_db_segments_remove(fi_db_image(db), floor);
        fi_os_mutex_unlock(&db->commits.mutex);
    }
    return rc;
}

int
fi_db_turn_begin(struct firn_db *db, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    bool has_more;
    int rc;
    FI_TRY(fi_db_lead_check_lock(db, err));
    rc = fi_db_turn_trim(db, &has_more, err);
    if (rc == FIRN_OK) {
        rc = rotate_begin(db, err);
    }
    if (rc == FIRN_NO_SPACE && !fi_log_has_failed(db->log)) {
        /* The present segment stays in use. */
        (void)fi_db_space_give_up(db);
        return FIRN_OK;
    }
out:
    return rc;
}

int
fi_db_turn_freeze_all(struct firn_db *db, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    bool has_frozen = false;
    int rc = fi_db_turn_freeze_up_to(db, UINT64_MAX, &has_frozen, err);
    return rc == FIRN_OK && has_frozen ? fi_db_turn_begin(db, err) : rc;
}

bool
fi_db_turn_flush_pays(struct firn_db *db)
{
    const struct fi_db_image *image = fi_db_image(db);
    uint64_t runs = 0;
    fi_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        runs += fi_db_trees_at(image, i)->first_segment != 0;
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return fi_log_size_bytes(db->log) >= runs * FI_DB_TURN_LOG_PER_RUN;
}
