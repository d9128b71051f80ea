/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_rotate.c: turns of the log that no commit has to wait for.
 *
 * When memtables are frozen the log begins a new segment, and before that the present one must be
 * durable: after a minute of unsynced commits that is as much as a memtable holds, and syncing it
 * takes as long as a disk takes for so much. A leader that did this would stop all commits for that
 * time. So it is done ahead:
 *
 *   idle      the leader finds that memtables should be frozen. If little of the log is unsynced it
 *             goes on at once. Else it asks for a job and leaves things as they are: commits go on
 *             into the same memtable and the same segment.
 *   readying  the job gets a spare file for the next segment (log_rotate.c) and syncs the log; then
 *             again, since commits have gone on meanwhile, until little is left to be synced. No turn
 *             begins while it does: the leader would wait for that sync to end.
 *   ready     the next leader freezes and turns: what is left to be synced is little.
 *
 * What a turn leaves to be finished is left to a job as well. While anybody syncs the log (a flush does
 * before its runs are installed) no turn begins either.
 *
 * (I1) Nothing waits for the job but what it is for: a memtable that has grown a quarter beyond its
 *      size, or a log that has, is frozen all the same, and the leader does what there is to do. So
 *      memory is bounded where the job is late, does not run or fails; and so it is in simulation,
 *      where jobs run only while somebody waits. (Not checked: is_urgent is the caller's word.)
 *
 * A sync that fails in the job latches the log; the next commit finds that out and says so.
 *
 * `phase` is changed by leaders, but for the step from readying to ready, which is the job's. A job
 * that ends late may call a later turn ready that is not: it takes longer then, nothing else.
 */
#include "base/check.h"
#include "store/db_internal.h"

/* QUICK_BYTES_MAX is synced in a few milliseconds. What was written while the job synced for the last
 * time may be more; but where it is much more, the log was ready long ago, for a turn that did not
 * come. Each sync is of what came during the one before, so a few make it little, or the disk is
 * slower than the commits. */
enum { QUICK_BYTES_MAX = 1 << 20, READY_BYTES_MAX = 8 << 20, READY_SYNCS_MAX = 6 };

enum phase { PHASE_IDLE, PHASE_READYING, PHASE_READY };

static void
run_ready(void *arg)
{
    struct firn_db *db = arg;
    firn_error err;
    int rc;
    unsigned syncs = 0;
    firn_log_rotate_prepare(db->log);
    do {
        rc = firn_log_sync(db->log, &err);
    } while (rc == FIRN_OK && ++syncs < READY_SYNCS_MAX &&
             firn_log_unsynced_bytes(db->log) > QUICK_BYTES_MAX);
    if (rc != FIRN_OK) {
        firn_db_jobs_note_failure(db, &err);
    }
    int expected = PHASE_READYING;
    (void)atomic_compare_exchange_strong(&db->lead.rotate_phase, &expected, PHASE_READY);
}

static void
run_finish(void *arg)
{
    struct firn_db *db = arg;
    firn_error err;
    if (firn_log_sync(db->log, &err) != FIRN_OK) {
        firn_db_jobs_note_failure(db, &err);
    }
}

bool
firn_db_rotate_may_begin(struct firn_db *db, bool is_urgent)
{
    DCHECK(firn_db_is_led(db));
    int phase = atomic_load(&db->lead.rotate_phase);
    DCHECK(phase >= PHASE_IDLE && phase <= PHASE_READY);
    uint64_t unsynced = firn_log_unsynced_bytes(db->log);
    if (!is_urgent && firn_log_is_syncing(db->log)) {
        return false;
    }
    if (is_urgent || (phase == PHASE_IDLE && unsynced <= QUICK_BYTES_MAX) ||
        (phase == PHASE_READY && unsynced <= READY_BYTES_MAX)) {
        return true;
    }
    if (phase != PHASE_READYING) {
        atomic_store(&db->lead.rotate_phase, PHASE_READYING);
        if (!firn_db_jobs_submit_log(db, run_ready)) {
            atomic_store(&db->lead.rotate_phase, PHASE_READY);
        }
    }
    return false;
}

int
firn_db_rotate_begin(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    int rc = firn_log_rotate_begin(db->log, err);
    atomic_store(&db->lead.rotate_phase, PHASE_IDLE);
    if (rc == FIRN_OK) {
        firn_db_rest_watch(db);
    }
    return rc;
}

void
firn_db_rotate_end(struct firn_db *db)
{
    /* Where it cannot be submitted the next sync does it. */
    (void)firn_db_jobs_submit_log(db, run_finish);
}
