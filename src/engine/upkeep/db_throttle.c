/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_throttle.c: keeping memtables, level 0 and the log within bounds: when memtables are
 * frozen, and when commits have to wait for the background.
 *
 * After a group of commits:
 *   A memtable that has used its share of memory is frozen.
 *   If all memtables together have more than their share, and none waits to be flushed yet, the
 *     largest are frozen: as many as give back half of the share of one, so that small ones are
 *     flushed together.
 *   If the log has more than its share, and nothing waits, all memtables with data of its oldest
 *     segment are frozen.
 *   If memtables have taken memory from their pool, a job prepares more.
 * With each freezing the log begins a new segment (db_turn.c), so that one round of flushes makes a
 * segment superfluous.
 *
 * A store may have many thousands of keyspaces with a few entries each, and a run for each would
 * cost far more than it frees. So small memtables wait for each other:
 *   The first FI_LSM_SMALL_BYTES of each memtable do not count for the limits of memory: they
 *     belong to what a keyspace takes anyway (FI_DB_KEYSPACE_BYTES). A memtable without more is
 *     not frozen for memory.
 *   The log may have FI_DB_TURN_LOG_PER_RUN bytes more for each keyspace before data in it forces
 *     memtables to be frozen. At closing, and when the store is idle, all are flushed only if the
 *     log has as many bytes for each of them. Until then the log keeps their data; it is a few
 *     megabytes, and each opening replays it.
 * So (I2) a flush that nobody asked for writes at most one run for FI_DB_TURN_LOG_PER_RUN bytes
 * of the log, apart from those for memory and for a full disk. (Not asserted: the two places that
 * decide ask fi_db_turn_flush_pays.)
 *
 * While blocks do not need all of the cache's memory, memtables borrow from it before they are
 * frozen early, and the log may grow with them: with many keyspaces, flushed runs are then larger
 * and fewer. Memtables that wait for their flush do not borrow.
 *
 * Before a group:
 *   Each failure of the background is returned once, and the work is asked for again. So it cannot
 *   go unnoticed, and it cannot keep the store from working once its cause is gone.
 *   While level 0 has too many runs, commits are delayed in proportion to their bytes: enough for
 *   merging to catch up, and spread over all commits rather than one long halt.
 *   If that is not enough (level 0 has far too many runs), or memtables have used all their memory,
 *   the commit waits until the background has made progress or has failed. If memtables are the
 *   reason and the disk is full, the commit is then refused.
 *
 * (I1) No commit waits for a background that has nothing to do: in that case a commit that is too
 *      large is let through (a single batch may be larger than every limit). (Not checked:
 *      fi_db_jobs_wait reports this at the only place that waits.)
 *
 * All of this is done by the leader, so by one thread at a time.
 */
#include "base/check.h"
#include "upkeep/db_upkeep_handle.h"

/* ---- watching ---- */

enum {
    LEVEL0_SLOW = 12, /* runs; an ordinary compaction begins with 4 */
    LEVEL0_STOP = 30,
    SLOW_NS_PER_KIB = 40000, /* 25 MiB a second */
    SLEEP_NS_MIN = 1000000
};

/* ---- limits ---- */

/* How many bytes of the log each borrowed byte of memory allows: while the memtable that is frozen
 * next grew, the log took about twice as much as all memtables hold. */
enum { LOG_PER_BORROWED = 2 };

static size_t
borrowed_bytes(const struct firn_db *db)
{
    return fi_block_cache_lend_bytes(db->cache);
}

/* Above this limit memtables are frozen early. */
static size_t
memtables_limit(const struct firn_db *db)
{
    return db->limits.memtables +
           (fi_block_cache_lend_is_recalled(db->cache) ? 0 : borrowed_bytes(db));
}

static uint64_t
log_limit(struct firn_db *db)
{
    return db->limits.log + (uint64_t)LOG_PER_BORROWED * borrowed_bytes(db) +
           (uint64_t)FI_DB_TURN_LOG_PER_RUN *
               atomic_load_explicit(&fi_db_image(db)->tree_count, memory_order_relaxed);
}

/* ---- before ---- */

static void
slow_down(struct firn_db *db, size_t bytes, unsigned level0)
{
    DCHECK(level0 >= LEVEL0_SLOW && level0 < LEVEL0_STOP);
    /* Twice as slow at the end as at the beginning. */
    enum { RANGE = LEVEL0_STOP - LEVEL0_SLOW };
    int64_t least_ns = (int64_t)(bytes / 64 + 1) * (SLOW_NS_PER_KIB / 16);
    db->lead.slowdown_debt_ns += least_ns + least_ns * (int64_t)(level0 - LEVEL0_SLOW) / RANGE;
    if (db->lead.slowdown_debt_ns >= SLEEP_NS_MIN) {
        fi_os_sleep_ns(db->os, db->lead.slowdown_debt_ns);
        fi_db_count(&db->counters.slowdowns, 1);
        fi_db_count(&db->counters.slowdown_ns, (uint64_t)db->lead.slowdown_debt_ns);
        db->lead.slowdown_debt_ns = 0;
    }
}

static bool
has_full_memtables(struct firn_db *db, unsigned frozen)
{
    return frozen > 0 && fi_lsm_memtable_excess(fi_db_image(db)->lsm) >=
                             db->limits.memtables_max + borrowed_bytes(db);
}

/* Whether a commit must still wait. */
static bool
must_wait(struct firn_db *db, unsigned *out_level0)
{
    unsigned frozen;
    fi_lsm_pressure(fi_db_image(db)->lsm, &frozen, out_level0);
    return *out_level0 >= LEVEL0_STOP || has_full_memtables(db, frozen);
}

/* On a full disk, memtables that cannot be flushed accept nothing more. If runs of level 0 cannot
 * be merged, commits continue: those accepted then only delete, and that frees space. */
static int
check_space(struct firn_db *db, firn_error *err)
{
    unsigned frozen;
    unsigned level0;
    fi_lsm_pressure(fi_db_image(db)->lsm, &frozen, &level0);
    if (!atomic_load(&db->space.is_full) || !has_full_memtables(db, frozen)) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_NO_SPACE, "no space is left for '%s'", fi_os_dir_path(db->dir));
}

static int
wait_for_background(struct firn_db *db, firn_error *err)
{
    unsigned level0;
    int64_t began = fi_os_monotonic_ns(db->os);
    int rc = FIRN_OK;
    fi_db_jobs_wake(db);
    fi_db_jobs_wake_compactions(db);
    while (rc == FIRN_OK && must_wait(db, &level0) && fi_db_jobs_wait(db)) {
        rc = fi_db_jobs_take_failure(db, err);
    }
    if (rc == FIRN_OK) {
        rc = check_space(db, err);
    }
    fi_db_count(&db->counters.stalls, 1);
    fi_db_count(&db->counters.stall_ns, (uint64_t)(fi_os_monotonic_ns(db->os) - began));
    return rc;
}

int
fi_db_throttle_admit(struct firn_db *db, size_t bytes, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    unsigned level0;
    int rc = fi_db_jobs_take_failure(db, err);
    if (rc != FIRN_OK) {
        fi_db_jobs_wake(db);
        return rc;
    }
    if (must_wait(db, &level0)) {
        return wait_for_background(db, err);
    }
    if (level0 >= LEVEL0_SLOW) {
        slow_down(db, bytes, level0);
    }
    return FIRN_OK;
}

/* ---- after ---- */

/* Why memtables should be frozen. */
struct need {
    bool is_there;
    bool is_urgent; /* a quarter beyond the limit */
};

static void
add_need(struct need *need, uint64_t bytes, uint64_t limit)
{
    need->is_there = need->is_there || bytes > limit;
    need->is_urgent = need->is_urgent || bytes > limit + limit / 4;
}

static struct need
find_need(struct firn_db *db, const struct fi_db_tree *touched)
{
    struct need need = {0};
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    unsigned frozen;
    unsigned level0;
    for (const struct fi_db_tree *tree = touched; tree != NULL; tree = tree->next_touched) {
        add_need(&need, fi_lsm_tree_active_bytes(tree->lsm_tree) + 1, db->limits.memtable);
    }
    fi_lsm_pressure(lsm, &frozen, &level0);
    if (frozen == 0) {
        add_need(&need, fi_lsm_memtable_excess(lsm), memtables_limit(db));
    }
    add_need(&need, fi_log_size_bytes(db->log), log_limit(db));
    return need;
}

/* Freezes the largest memtables: as many bytes as all together have beyond their limit, plus half
 * of the share of one. With fewer bytes a flush would sync for little; with more, runs would be
 * smaller. */
static int
freeze_largest(struct firn_db *db, bool *has_frozen, firn_error *err)
{
    size_t bytes = fi_lsm_memtable_excess(fi_db_image(db)->lsm);
    size_t limit = memtables_limit(db);
    size_t wanted = (bytes > limit ? bytes - limit : 0) + db->limits.memtable / 2;
    return fi_db_turn_freeze_bytes(db, wanted, has_frozen, err);
}

/* If all together are too large, and none is being flushed. */
static int
freeze_early(struct firn_db *db, bool *has_frozen, firn_error *err)
{
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    unsigned frozen;
    unsigned level0;
    int rc = FIRN_OK;
    fi_lsm_pressure(lsm, &frozen, &level0);
    if (frozen > 0) {
        return FIRN_OK;
    }
    if (fi_lsm_memtable_excess(lsm) > memtables_limit(db)) {
        rc = freeze_largest(db, has_frozen, err);
    }
    if (rc == FIRN_OK && fi_log_size_bytes(db->log) > log_limit(db)) {
        rc = fi_db_turn_freeze_up_to(db, fi_db_turn_oldest_segment(db), has_frozen, err);
    }
    return rc;
}

static int
freeze_full(struct firn_db *db, struct fi_db_tree *touched, firn_error *err)
{
    bool has_frozen = false;
    bool has_more = false;
    struct need need = find_need(db, touched);
    int rc = FIRN_OK;
    DCHECK(fi_db_is_led(db));
    if (!need.is_there || !fi_db_turn_may_begin(db, need.is_urgent)) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_turn_freeze_grown(db, touched, &has_frozen, err));
    FI_TRY(freeze_early(db, &has_frozen, err));
    if (!has_frozen && fi_log_size_bytes(db->log) > log_limit(db)) {
        FI_TRY(fi_db_turn_trim(db, &has_more, err));
    }
    if (has_frozen || has_more) {
        FI_TRY(fi_db_turn_begin(db, err));
        fi_db_turn_end(db);
    }
out:
    if (has_frozen) {
        fi_db_jobs_wake(db);
    }
    return rc;
}

/* ---- memory ---- */

static void
run_prepare_memory(void *arg)
{
    struct firn_db *db = arg;
    fi_lsm_prepare_memory(fi_db_image(db)->lsm);
    atomic_store(&db->lead.is_preparing_memory, false);
}

/* Prepares memory, so that the next commits need not wait for the system to clear pages. */
static void
prepare_memory(struct firn_db *db)
{
    if (fi_lsm_wants_memory(fi_db_image(db)->lsm) &&
        !atomic_exchange(&db->lead.is_preparing_memory, true) &&
        !fi_db_jobs_submit_log(db, run_prepare_memory)) {
        atomic_store(&db->lead.is_preparing_memory, false);
    }
}

void
fi_db_throttle_follow_up(struct firn_db *db, struct fi_db_tree *touched)
{
    firn_error err;
    prepare_memory(db);
    if (fi_lsm_memtable_excess(fi_db_image(db)->lsm) > memtables_limit(db)) {
        fi_db_memory_borrow(db);
    }
    if (freeze_full(db, touched, &err) != FIRN_OK) {
        fi_db_jobs_note_failure(db, &err);
    }
    bool has_taken_back = fi_db_memory_undo(db);
    uint64_t log_bytes = fi_log_size_bytes(db->log);
    if (log_bytes > FI_DB_REST_LEAST_BYTES || has_taken_back) {
        fi_db_jobs_watch_rest(db);
    }
    if (log_bytes >= db->space.next_look_bytes) {
        db->space.next_look_bytes = 2 * log_bytes;
        fi_db_space_keep(db);
    }
}
