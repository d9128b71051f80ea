/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_pace.c: keeping memtables, level 0 and the log within bounds: when memtables are frozen,
 * when commits have to wait for the background, and which segments of the log are removed.
 *
 * After a group of commits:
 *   A memtable that has used its share of memory is frozen.
 *   If all memtables together have more than their share, and none waits to be flushed yet, the largest
 *     are frozen: as many as give back half of the share of one, so that small ones are flushed together.
 *   If the log has more than its share, and nothing waits, all memtables with data of its oldest segment
 *     are frozen.
 *   If memtables have taken memory from their pool, a job prepares more.
 * With each freezing the log begins a new segment, so that one round of flushes makes a segment
 * superfluous. The oldest segments are removed once their data is in runs and no reader needs them.
 *
 * A store may have many thousands of keyspaces with a few entries each, and a run for each would cost
 * far more than it frees. So small memtables wait for each other:
 *   The first FIRN_LSM_SMALL_BYTES of each memtable do not count for the limits of memory: they belong
 *     to what a keyspace takes anyway (FIRN_DB_KEYSPACE_BYTES). A memtable without more is not frozen
 *     for memory.
 *   The log may have LOG_PER_RUN bytes more for each keyspace before data in it forces memtables to be
 *     frozen. At closing, and when the store is idle, all are flushed only if the log has as many bytes
 *     for each of them. Until then the log keeps their data; it is a few megabytes, and each opening
 *     replays it.
 * So (I3) a flush that nobody asked for writes at most one run for LOG_PER_RUN bytes of the log, apart
 * from those for memory and for a full disk. (Not asserted: the two places that decide ask flush_pays.)
 *
 * While blocks do not need all of the cache's memory, memtables borrow from it before they are frozen
 * early, and the log may grow with them: with many keyspaces, flushed runs are then larger and fewer.
 * Memtables that wait for their flush do not borrow.
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
 *      firn_db_jobs_wait reports this at the only place that waits.)
 *
 * All of this is done by the leader, so by one thread at a time.
 */
#include "base/check.h"
#include "store/db_internal.h"

/* ==== new segments of the log that no commit has to wait for ====
 *
 * When memtables are frozen the log turns: it begins a new segment. Before that the present segment
 * must be durable. After a minute of unsynced commits it may have as much unsynced data as a memtable
 * holds, and a leader that synced it would stop all commits for as long as the disk takes. So this is
 * done ahead:
 *
 *   idle      the leader finds that memtables should be frozen. If little of the log is unsynced, it
 *             turns the log at once. Otherwise it submits a job and changes nothing: commits continue
 *             into the same memtable and the same segment.
 *   readying  the job gets a spare file for the next segment (log_rotate.c) and syncs the log, again
 *             and again, because commits continue meanwhile, until little is unsynced. No turn begins
 *             during this: the leader would wait for that sync to end.
 *   ready     the next leader freezes memtables and turns the log: little is left to be synced.
 *
 * A job also finishes what a turn leaves to be done. No turn begins while another thread syncs the log
 * (a flush does that before its runs are installed).
 *
 * (I2) Memory does not depend on the job. If a memtable or the log has grown a quarter beyond its
 *      limit, it is frozen all the same, and the leader does what is left. So memory is bounded even
 *      if the job is late, does not run or fails; and in simulation, where jobs run only while a
 *      thread waits. (Not checked: the caller decides is_urgent.)
 *
 * A sync that fails in the job latches the log; the next commit reports it.
 *
 * Leaders change `phase`, except for the step from readying to ready, which is the job's. A job that
 * ends late may mark a later turn as ready that is not: that turn then takes longer, and nothing else.
 */

/* QUICK_BYTES_MAX is synced in a few milliseconds. The bytes written during the job's last sync may be more
 * than that. If they are much more, the log became ready long ago, for a turn that did not come. Each sync
 * covers what came during the previous one, so a few syncs make it little, unless the disk is slower than
 * the commits. */
enum { QUICK_BYTES_MAX = 1 << 20, READY_BYTES_MAX = 8 << 20, READY_SYNCS_MAX = 6 };

enum phase { PHASE_IDLE, PHASE_READYING, PHASE_READY };

static void pace_rest_watch(struct firn_db *db);

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

/* Whether the log should be turned to its next segment now; if it is not ready, has that prepared.
 * For the leader only. */
static bool
rotate_may_begin(struct firn_db *db, bool is_urgent)
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

/* Turns it. */
static int
rotate_begin(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    int rc = firn_log_rotate_begin(db->log, err);
    atomic_store(&db->lead.rotate_phase, PHASE_IDLE);
    if (rc == FIRN_OK) {
        pace_rest_watch(db);
    }
    return rc;
}

/* Has a job finish the turn. */
static void
rotate_end(struct firn_db *db)
{
    /* If it cannot be submitted, the next sync does it. */
    (void)firn_db_jobs_submit_log(db, run_finish);
}

/* ==== an idle store frees what it keeps for writing ====
 *
 * Under load the log has a file ready for its next segment, of the size of the last ones. The newest
 * segment may be such a file with little in it, the log is as long as memory is large, and the reserve
 * has the size for that (log_rotate.c, db_space.c). All of this saves time while commits come. After
 * REST_NS without a commit, memtables are flushed, the log begins a fresh file, its spare is removed,
 * and the reserve shrinks to the size that it should have. Later commits create all of it again when
 * they need it.
 *
 * When the log turns, or has more than LEAST_BYTES, a thread begins to watch for idleness, unless there is
 * one. The thread ends once the space has been freed, so a store that is rarely written to has no such thread. In simulation
 * there are no threads: tests call firn_db_pace_rest_look after they have moved the clock.
 *
 * Small amounts are left: freeing them costs as much as it gains. If readers keep segments of the log
 * from being removed, these stay, and nothing is tried again before the next commit.
 *
 * Locking: the mutex of jobs guards the fields.
 *
 * Failure: what cannot be freed stays; the next commit finds what latched the log.
 */

#define REST_NS INT64_C(10000000000)
#define LEAST_BYTES (UINT64_C(1) << 20)

/* ---- what can be freed ---- */

/* Whether the files of the log take up enough space to be worth the work, and the runs. */
static bool
is_worth_it(struct firn_db *db)
{
    return firn_db_space_of(db->dir, "", firn_db_log_is_name) > LEAST_BYTES &&
           firn_db_pace_flush_pays(db);
}

/* ---- freeing ---- */

/* Ends the newest segment too, if it has no record but its file was another segment's. */
static void
leave_segment(struct firn_db *db)
{
    firn_error err;
    firn_db_lead_begin(db);
    if (firn_log_rotate(db->log, &err) != FIRN_OK && firn_log_has_failed(db->log)) {
        firn_db_lead_latch(db, &err);
    }
    firn_db_lead_end(db);
    FIRN_IGNORE(firn_db_maintain_flush(db, NULL));
}

static void
give_back(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    if (atomic_load(&db->space.is_full)) {
        return; /* that has freed more */
    }
    firn_log_rotate_keep_spares(db->log, false);
    if (firn_db_maintain_flush(db, NULL) == FIRN_OK && is_worth_it(db)) {
        leave_segment(db);
    }
    firn_log_rotate_keep_spares(db->log, true);
    if (atomic_load(&db->space.is_full)) {
        firn_log_rotate_keep_spares(db->log, false);
    }
    firn_db_space_trim(db);
}

/* ---- watching ---- */

bool
firn_db_pace_rest_look(struct firn_db *db)
{
    struct firn_db_rest *rest = &db->rest;
    uint64_t published = firn_db_published(db);
    int64_t now = firn_os_monotonic_ns(db->os);
    firn_os_mutex_lock(&db->jobs.mutex);
    if (rest->published != published) {
        rest->published = published;
        rest->since_ns = now;
    }
    bool is_over = now - rest->since_ns >= REST_NS;
    firn_os_mutex_unlock(&db->jobs.mutex);
    if (is_over && is_worth_it(db)) {
        atomic_store(&rest->is_giving_back, true);
        give_back(db);
        atomic_store(&rest->is_giving_back, false);
    }
    if (is_over) {
        firn_db_memory_settle(db);
    }
    return is_over;
}

/* False if the store is closing. */
static bool
wait(struct firn_db *db, int64_t duration_ns)
{
    struct firn_db_jobs *jobs = &db->jobs;
    int64_t end = firn_os_monotonic_ns(db->os) + duration_ns;
    firn_os_mutex_lock(&jobs->mutex);
    for (int64_t left = duration_ns; left > 0 && !jobs->is_closing;) {
        firn_os_cond_wait_for(&jobs->closing, &jobs->mutex, left);
        left = end - firn_os_monotonic_ns(db->os);
    }
    bool goes_on = !jobs->is_closing;
    firn_os_mutex_unlock(&jobs->mutex);
    return goes_on;
}

static void
run_watch(void *arg)
{
    struct firn_db *db = arg;
    bool goes_on = wait(db, REST_NS / 2);
    while (goes_on && !firn_db_pace_rest_look(db)) {
        goes_on = wait(db, REST_NS / 2);
    }
    atomic_store(&db->rest.is_watching, false);
    firn_os_mutex_lock(&db->jobs.mutex);
    uint64_t seen = db->rest.published;
    firn_os_mutex_unlock(&db->jobs.mutex);
    /* A turn in between did not start another watch. */
    if (goes_on && firn_db_published(db) != seen) {
        pace_rest_watch(db);
    }
}

/* Starts watching for the store to become idle, unless a job does. Any thread. */
static void
pace_rest_watch(struct firn_db *db)
{
    struct firn_db_rest *rest = &db->rest;
    if (!firn_os_has_threads(db->os) || atomic_load(&rest->is_giving_back) ||
        atomic_exchange(&rest->is_watching, true)) {
        return;
    }
    if (!firn_db_jobs_submit_rest(db, run_watch)) {
        atomic_store(&rest->is_watching, false);
    }
}

enum {
    LEVEL0_SLOW = 12, /* runs; an ordinary compaction begins with 4 */
    LEVEL0_STOP = 30,
    SLOW_NS_PER_KIB = 40000, /* 25 MiB a second */
    SLEEP_NS_MIN = 1000000
};

/* ---- limits ---- */

/* How many bytes of the log each borrowed byte of memory allows: while the memtable that is frozen next
 * grew, the log took about twice as much as all memtables hold. */
enum { LOG_PER_BORROWED = 2 };

/* How many bytes of the log a run must save: a file takes at least a block of the disk, some syncs, and a
 * place in MANIFEST. */
enum { LOG_PER_RUN = 4 << 10 };

static size_t
borrowed_bytes(const struct firn_db *db)
{
    return firn_block_cache_lend_bytes(db->cache);
}

/* Above this limit memtables are frozen early. */
static size_t
memtables_limit(const struct firn_db *db)
{
    return db->limits.memtables +
           (firn_block_cache_lend_is_recalled(db->cache) ? 0 : borrowed_bytes(db));
}

static uint64_t
log_limit(struct firn_db *db)
{
    return db->limits.log + (uint64_t)LOG_PER_BORROWED * borrowed_bytes(db) +
           (uint64_t)LOG_PER_RUN *
               atomic_load_explicit(&firn_db_image(db)->tree_count, memory_order_relaxed);
}

bool
firn_db_pace_flush_pays(struct firn_db *db)
{
    const struct firn_db_image *image = firn_db_image(db);
    uint64_t runs = 0;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_trees_count(image); i++) {
        runs += firn_db_trees_at(image, i)->first_segment != 0;
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return firn_log_size_bytes(db->log) >= runs * LOG_PER_RUN;
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
        firn_os_sleep_ns(db->os, db->lead.slowdown_debt_ns);
        firn_db_count(&db->counters.slowdowns, 1);
        firn_db_count(&db->counters.slowdown_ns, (uint64_t)db->lead.slowdown_debt_ns);
        db->lead.slowdown_debt_ns = 0;
    }
}

static bool
has_full_memtables(struct firn_db *db, unsigned frozen)
{
    return frozen > 0 && firn_lsm_memtable_excess(firn_db_image(db)->lsm) >=
                             db->limits.memtables_max + borrowed_bytes(db);
}

/* Whether a commit must still wait. */
static bool
must_wait(struct firn_db *db, unsigned *out_level0)
{
    unsigned frozen;
    firn_lsm_pressure(firn_db_image(db)->lsm, &frozen, out_level0);
    return *out_level0 >= LEVEL0_STOP || has_full_memtables(db, frozen);
}

/* On a full disk, memtables that cannot be flushed accept nothing more. If runs of level 0 cannot be
 * merged, commits continue: those accepted then only delete, and that frees space. */
static int
check_space(struct firn_db *db, firn_error *err)
{
    unsigned frozen;
    unsigned level0;
    firn_lsm_pressure(firn_db_image(db)->lsm, &frozen, &level0);
    if (!atomic_load(&db->space.is_full) || !has_full_memtables(db, frozen)) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_NO_SPACE, "no space is left for '%s'",
                          firn_os_dir_path(db->dir));
}

static int
wait_for_background(struct firn_db *db, firn_error *err)
{
    unsigned level0;
    int64_t began = firn_os_monotonic_ns(db->os);
    int rc = FIRN_OK;
    firn_db_jobs_wake(db);
    firn_db_jobs_wake_compactions(db);
    while (rc == FIRN_OK && must_wait(db, &level0) && firn_db_jobs_wait(db)) {
        rc = firn_db_jobs_take_failure(db, err);
    }
    if (rc == FIRN_OK) {
        rc = check_space(db, err);
    }
    firn_db_count(&db->counters.stalls, 1);
    firn_db_count(&db->counters.stall_ns, (uint64_t)(firn_os_monotonic_ns(db->os) - began));
    return rc;
}

int
firn_db_pace_admit(struct firn_db *db, size_t bytes, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    unsigned level0;
    int rc = firn_db_jobs_take_failure(db, err);
    if (rc != FIRN_OK) {
        firn_db_jobs_wake(db);
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

/* ---- freezing ---- */

static int
freeze(struct firn_db_tree *tree, bool *has_frozen, firn_error *err)
{
    DCHECK(tree->first_segment == 0 || !tree->is_removed);
    int rc = FIRN_OK;
    if (tree->first_segment != 0) {
        rc = firn_lsm_tree_freeze(tree->lsm_tree, err);
        if (rc == FIRN_OK) {
            tree->first_segment = 0;
            *has_frozen = true;
        }
    }
    return rc;
}

/* The size of a memtable that can be frozen; 0 if it is small. */
static size_t
active_bytes(const struct firn_db_tree *tree)
{
    return tree->first_segment == 0 ? 0 : firn_lsm_tree_active_excess(tree->lsm_tree);
}

static size_t
find_largest_bytes(const struct firn_db_image *image)
{
    size_t most = 0;
    for (size_t i = 0; i < firn_db_trees_count(image); i++) {
        size_t bytes = active_bytes(firn_db_trees_at(image, i));
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Freezes memtables, roughly the largest first, until they have this many bytes or none is left. */
static int
freeze_bytes_locked(const struct firn_db_image *image, size_t wanted, bool *has_frozen,
                    firn_error *err)
{
    firn_os_mutex_assert_held(&image->db->state_mutex);
    size_t frozen = 0;
    size_t least = find_largest_bytes(image);
    while (least > 0 && frozen < wanted) {
        least -= least / 4 + 1;
        for (size_t i = 0; i < firn_db_trees_count(image) && frozen < wanted; i++) {
            struct firn_db_tree *tree = firn_db_trees_at(image, i);
            size_t bytes = active_bytes(tree);
            if (bytes > least) {
                FIRN_TRY_RETURN(freeze(tree, has_frozen, err));
                frozen += bytes;
            }
        }
    }
    return FIRN_OK;
}

/* Freezes the largest memtables: as many bytes as all together have beyond their limit, plus half of the
 * share of one. With fewer bytes a flush would sync for little; with more, runs would be smaller.
 * Trees are added to an image only with the state mutex held. */
static int
freeze_largest(struct firn_db *db, bool *has_frozen, firn_error *err)
{
    const struct firn_db_image *image = firn_db_image(db);
    size_t bytes = firn_lsm_memtable_excess(image->lsm);
    size_t limit = memtables_limit(db);
    size_t wanted = (bytes > limit ? bytes - limit : 0) + db->limits.memtable / 2;
    firn_os_mutex_lock(&db->state_mutex);
    int rc = freeze_bytes_locked(image, wanted, has_frozen, err);
    firn_os_mutex_unlock(&db->state_mutex);
    return rc;
}

/* Freezes memtables with data of a segment of the log or an older one. */
static int
freeze_up_to(struct firn_db *db, uint64_t segment, bool *has_frozen, firn_error *err)
{
    const struct firn_db_image *image = firn_db_image(db);
    int rc = FIRN_OK;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_trees_count(image) && rc == FIRN_OK; i++) {
        struct firn_db_tree *tree = firn_db_trees_at(image, i);
        if (tree->first_segment <= segment) {
            rc = freeze(tree, has_frozen, err);
        }
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return rc;
}

static int
freeze_grown(struct firn_db *db, struct firn_db_tree *touched, bool *has_frozen, firn_error *err)
{
    int rc = FIRN_OK;
    for (struct firn_db_tree *tree = touched; tree != NULL && rc == FIRN_OK;
         tree = tree->next_touched) {
        if (firn_lsm_tree_active_bytes(tree->lsm_tree) >= db->limits.memtable) {
            rc = freeze(tree, has_frozen, err);
        }
    }
    return rc;
}

/* The oldest segment with data of an active memtable; 0 if there is none. */
static uint64_t
oldest_segment(struct firn_db *db)
{
    const struct firn_db_image *image = firn_db_image(db);
    uint64_t oldest = 0;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_trees_count(image); i++) {
        uint64_t segment = firn_db_trees_at(image, i)->first_segment;
        if (segment != 0 && (oldest == 0 || segment < oldest)) {
            oldest = segment;
        }
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return oldest;
}

/* ---- the log ---- */

/* Whether no active memtable has data that, besides the memtable, only an older segment has. */
static bool
is_needless_before(struct firn_db *db, uint64_t floor)
{
    uint64_t oldest = oldest_segment(db);
    return oldest == 0 || floor <= oldest;
}

int
firn_db_pace_trim(struct firn_db *db, bool *out_has_more, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    struct firn_lsm *lsm = firn_db_image(db)->lsm;
    struct firn_log_position end = firn_log_end(db->log);
    uint64_t floor = firn_lsm_log_floor(lsm);
    *out_has_more = false;
    FIRN_TRY_RETURN(firn_db_checkpoint_save_before(db, floor, err));
    /* Asked after the floor: at this version the floor was valid. */
    uint64_t version = firn_lsm_version(lsm);
    if (floor > end.segment) {
        /* No segment is needed; an empty log has none to remove. */
        bool is_empty = !firn_db_image_has_commits(firn_db_image(db)) &&
                        firn_log_oldest(db->log) == end.segment;
        floor = is_empty ? end.segment : end.segment + 1;
    }
    if (floor <= db->lead.log_floor || !firn_db_reader_none_below(db, version)) {
        return FIRN_OK;
    }
    CHECK(floor <= end.segment + 1 && floor > 0);
    DCHECK(is_needless_before(db, floor));
    int rc = firn_log_remove_before(db->log, floor, err);
    if (rc == FIRN_OK) {
        firn_log_set_note(db->log, version);
        db->lead.log_floor = floor;
        *out_has_more = true;
        firn_os_mutex_lock(&db->commits.mutex);
        firn_db_image_remove_segments(firn_db_image(db), floor);
        firn_os_mutex_unlock(&db->commits.mutex);
    }
    return rc;
}

/* Begins a new segment; removed ones are deleted with that. */
static int
begin_segment(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    bool has_more;
    int rc;
    FIRN_TRY(firn_db_lead_check_lock(db, err));
    rc = firn_db_pace_trim(db, &has_more, err);
    if (rc == FIRN_OK) {
        rc = rotate_begin(db, err);
    }
    if (rc == FIRN_NO_SPACE && !firn_log_has_failed(db->log)) {
        /* The present segment stays in use. */
        (void)firn_db_space_give_up(db);
        return FIRN_OK;
    }
out:
    return rc;
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
find_need(struct firn_db *db, const struct firn_db_tree *touched)
{
    struct need need = {0};
    struct firn_lsm *lsm = firn_db_image(db)->lsm;
    unsigned frozen;
    unsigned level0;
    for (const struct firn_db_tree *tree = touched; tree != NULL; tree = tree->next_touched) {
        add_need(&need, firn_lsm_tree_active_bytes(tree->lsm_tree) + 1, db->limits.memtable);
    }
    firn_lsm_pressure(lsm, &frozen, &level0);
    if (frozen == 0) {
        add_need(&need, firn_lsm_memtable_excess(lsm), memtables_limit(db));
    }
    add_need(&need, firn_log_size_bytes(db->log), log_limit(db));
    return need;
}

/* If all together are too large, and none is being flushed. */
static int
freeze_early(struct firn_db *db, bool *has_frozen, firn_error *err)
{
    struct firn_lsm *lsm = firn_db_image(db)->lsm;
    unsigned frozen;
    unsigned level0;
    int rc = FIRN_OK;
    firn_lsm_pressure(lsm, &frozen, &level0);
    if (frozen > 0) {
        return FIRN_OK;
    }
    if (firn_lsm_memtable_excess(lsm) > memtables_limit(db)) {
        rc = freeze_largest(db, has_frozen, err);
    }
    if (rc == FIRN_OK && firn_log_size_bytes(db->log) > log_limit(db)) {
        rc = freeze_up_to(db, oldest_segment(db), has_frozen, err);
    }
    return rc;
}

static int
freeze_full(struct firn_db *db, struct firn_db_tree *touched, firn_error *err)
{
    bool has_frozen = false;
    bool has_more = false;
    struct need need = find_need(db, touched);
    int rc = FIRN_OK;
    DCHECK(firn_db_is_led(db));
    if (!need.is_there || !rotate_may_begin(db, need.is_urgent)) {
        return FIRN_OK;
    }
    FIRN_TRY(freeze_grown(db, touched, &has_frozen, err));
    FIRN_TRY(freeze_early(db, &has_frozen, err));
    if (!has_frozen && firn_log_size_bytes(db->log) > log_limit(db)) {
        FIRN_TRY(firn_db_pace_trim(db, &has_more, err));
    }
    if (has_frozen || has_more) {
        FIRN_TRY(begin_segment(db, err));
        rotate_end(db);
    }
out:
    if (has_frozen) {
        firn_db_jobs_wake(db);
    }
    return rc;
}

/* ---- memory ---- */

static void
run_prepare_memory(void *arg)
{
    struct firn_db *db = arg;
    firn_lsm_prepare_memory(firn_db_image(db)->lsm);
    atomic_store(&db->lead.is_preparing_memory, false);
}

/* Prepares memory, so that the next commits need not wait for the system to clear pages. */
static void
prepare_memory(struct firn_db *db)
{
    if (firn_lsm_wants_memory(firn_db_image(db)->lsm) &&
        !atomic_exchange(&db->lead.is_preparing_memory, true) &&
        !firn_db_jobs_submit_log(db, run_prepare_memory)) {
        atomic_store(&db->lead.is_preparing_memory, false);
    }
}

void
firn_db_pace_follow_up(struct firn_db *db, struct firn_db_tree *touched)
{
    firn_error err;
    prepare_memory(db);
    if (firn_lsm_memtable_excess(firn_db_image(db)->lsm) > memtables_limit(db)) {
        firn_db_memory_borrow(db);
    }
    if (freeze_full(db, touched, &err) != FIRN_OK) {
        firn_db_jobs_note_failure(db, &err);
    }
    bool has_taken_back = firn_db_memory_take_back(db);
    uint64_t log_bytes = firn_log_size_bytes(db->log);
    if ((log_bytes > LEAST_BYTES || has_taken_back) && !atomic_load(&db->rest.is_watching)) {
        pace_rest_watch(db);
    }
    if (log_bytes >= db->space.next_look_bytes) {
        db->space.next_look_bytes = 2 * log_bytes;
        firn_db_space_keep(db);
    }
}

int
firn_db_pace_freeze_all(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    bool has_frozen = false;
    int rc = freeze_up_to(db, UINT64_MAX, &has_frozen, err);
    return rc == FIRN_OK && has_frozen ? begin_segment(db, err) : rc;
}
