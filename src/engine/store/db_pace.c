/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_pace.c: keeping memtables, level 0 and the log within bounds: when memtables are frozen,
 * when commits have to wait for the background, and what of the log is given up.
 *
 * After a group of commits:
 *   a memtable that has its share of memory is frozen;
 *   if all together have more than theirs, and none waits to be flushed yet, the largest are: as many as
 *     give back half of the share of one, so that small ones are flushed together;
 *   if the log has more than its share, and nothing waits, all that hold its oldest segment are;
 *   if memtables have taken memory from their pool, a job gets more ready.
 * With each freezing the log begins a new segment, so that a segment holds what one round of
 * flushes makes superfluous, and the oldest segments are given up as far as runs have them and no
 * reader needs them.
 *
 * While blocks do not need all of the cache's memory, memtables borrow of it before they are frozen
 * early, and the log may grow with them: with many keyspaces the runs that are flushed are larger,
 * and fewer. Memtables that wait for their flush do not borrow.
 *
 * Before a group:
 *   A failure of the background is returned, once each, and the work is asked for again. So it
 *   cannot go unnoticed, and it cannot keep the store from working once its cause is gone.
 *   While level 0 has too many runs commits are slowed down, in proportion to their bytes: so much
 *   that merging can catch up, spread over all of them rather than as one long halt.
 *   Where that is not enough (level 0 has far too many runs), or memtables have all their memory,
 *   the commit waits, until the background has got on or has failed. On a full disk it is refused
 *   then if memtables are the reason.
 *
 * (I1) Nobody waits for a background that has nothing to do: then whatever is too large is let
 *      through (it may be one batch larger than everything). (Not checked: firn_db_jobs_wait tells it
 *      at the only place that waits.)
 *
 * All of it is the leader's, so one thread at a time.
 */
#include "base/check.h"
#include "store/db_checkpoint.h"
#include "store/db_internal.h"

enum {
    LEVEL0_SLOW = 12, /* runs, where an ordinary compaction begins with 4 */
    LEVEL0_STOP = 30,
    SLOW_NS_PER_KIB = 40000, /* 25 MiB a second */
    SLEEP_NS_MIN = 1000000
};

/* ---- limits ---- */

/* How many bytes of the log each borrowed byte of memory allows: the memtable that is frozen next has
 * grown since the log was about twice as long as what all memtables hold. */
enum { LOG_PER_BORROWED = 2 };

static size_t
borrowed_bytes(const struct firn_db *db)
{
    return firn_block_cache_lend_bytes(db->cache);
}

/* Beyond it memtables are frozen early. */
static size_t
memtables_limit(const struct firn_db *db)
{
    return db->limits.memtables +
           (firn_block_cache_lend_is_recalled(db->cache) ? 0 : borrowed_bytes(db));
}

static uint64_t
log_limit(const struct firn_db *db)
{
    return db->limits.log + (uint64_t)LOG_PER_BORROWED * borrowed_bytes(db);
}

void
firn_db_pace_borrow(struct firn_db *db)
{
    const struct firn_db_limits *limits = &db->limits;
    struct firn_lsm *lsm = firn_db_image(db)->lsm;
    size_t bytes = firn_lsm_memtable_bytes(lsm);
    size_t step = limits->memtable / 4;
    size_t borrowed = borrowed_bytes(db);
    size_t wanted =
        bytes <= limits->memtables ? 0 : (bytes - limits->memtables) / step * step + step;
    unsigned frozen;
    unsigned level0;
    firn_lsm_pressure(lsm, &frozen, &level0);
    if (frozen > 0 && wanted > borrowed) {
        return; /* more would only let more memtables wait for a flush */
    }
    if (wanted != borrowed && limits->disk_bytes == UINT64_MAX) {
        (void)firn_block_cache_lend(db->cache, wanted);
    }
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
    return frozen > 0 && firn_lsm_memtable_bytes(firn_db_image(db)->lsm) >=
                             db->limits.memtables_max + borrowed_bytes(db);
}

/* Whether a commit must not go on yet. */
static bool
must_wait(struct firn_db *db, unsigned *out_level0)
{
    unsigned frozen;
    firn_lsm_pressure(firn_db_image(db)->lsm, &frozen, out_level0);
    return *out_level0 >= LEVEL0_STOP || has_full_memtables(db, frozen);
}

/* On a full disk memtables that cannot be flushed take nothing more. Runs of level 0 that cannot be
 * merged do: who may commit then deletes, and that is the way out. */
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

/* Of a memtable that could be frozen. */
static size_t
active_bytes(const struct firn_db_tree *tree)
{
    return tree->first_segment == 0 ? 0 : firn_lsm_tree_active_bytes(tree->lsm_tree);
}

static size_t
find_largest_bytes(const struct firn_db_image *image)
{
    size_t most = 0;
    for (size_t i = 0; i < firn_db_image_tree_count(image); i++) {
        size_t bytes = active_bytes(firn_db_image_tree(image, i));
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Freezes memtables, the largest first, nearly: until they have so many bytes, or there is none. */
static int
freeze_bytes_locked(const struct firn_db_image *image, size_t wanted, bool *has_frozen,
                    firn_error *err)
{
    firn_os_mutex_assert_held(&image->db->state_mutex);
    size_t frozen = 0;
    int rc = FIRN_OK;
    size_t least = find_largest_bytes(image);
    while (least > 0 && frozen < wanted) {
        least -= least / 4 + 1;
        for (size_t i = 0; i < firn_db_image_tree_count(image) && frozen < wanted; i++) {
            struct firn_db_tree *tree = firn_db_image_tree(image, i);
            size_t bytes = active_bytes(tree);
            if (bytes > least) {
                FIRN_TRY(freeze(tree, has_frozen, err));
                frozen += bytes;
            }
        }
    }
out:
    return rc;
}

/* Freezes the largest memtables: as many bytes as all together have beyond their limit, and half of what
 * one may have. With fewer bytes at a time a flush would sync for little; with more, runs would be smaller.
 * Trees are added to an image only with the state mutex held. */
static int
freeze_largest(struct firn_db *db, bool *has_frozen, firn_error *err)
{
    const struct firn_db_image *image = firn_db_image(db);
    size_t bytes = firn_lsm_memtable_bytes(image->lsm);
    size_t limit = memtables_limit(db);
    size_t wanted = (bytes > limit ? bytes - limit : 0) + db->limits.memtable / 2;
    firn_os_mutex_lock(&db->state_mutex);
    int rc = freeze_bytes_locked(image, wanted, has_frozen, err);
    firn_os_mutex_unlock(&db->state_mutex);
    return rc;
}

/* Freezes what holds a segment of the log or an older one. */
static int
freeze_up_to(struct firn_db *db, uint64_t segment, bool *has_frozen, firn_error *err)
{
    const struct firn_db_image *image = firn_db_image(db);
    int rc = FIRN_OK;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_image_tree_count(image) && rc == FIRN_OK; i++) {
        struct firn_db_tree *tree = firn_db_image_tree(image, i);
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

/* The oldest segment that an active memtable holds; 0 if none holds anything. */
static uint64_t
oldest_segment(struct firn_db *db)
{
    const struct firn_db_image *image = firn_db_image(db);
    uint64_t oldest = 0;
    firn_os_mutex_lock(&db->state_mutex);
    for (size_t i = 0; i < firn_db_image_tree_count(image); i++) {
        uint64_t segment = firn_db_image_tree(image, i)->first_segment;
        if (segment != 0 && (oldest == 0 || segment < oldest)) {
            oldest = segment;
        }
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return oldest;
}

/* ---- the log ---- */

/* Whether no active memtable holds anything that only an older segment has beside it. */
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
    int rc = firn_db_checkpoint_save_before(db, floor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    /* Asked for after the floor: it is one at which that floor held. */
    uint64_t version = firn_lsm_version(lsm);
    if (floor > end.segment) {
        /* Nothing is needed; an empty log has nothing to give up. */
        bool is_empty = !firn_db_image_has_commits(firn_db_image(db)) &&
                        firn_log_oldest(db->log) == end.segment;
        floor = is_empty ? end.segment : end.segment + 1;
    }
    if (floor <= db->lead.log_floor || !firn_db_reader_none_below(db, version)) {
        return FIRN_OK;
    }
    CHECK(floor <= end.segment + 1 && floor > 0);
    DCHECK(is_needless_before(db, floor));
    rc = firn_log_remove_before(db->log, floor, err);
    if (rc == FIRN_OK) {
        firn_log_set_note(db->log, version);
        db->lead.log_floor = floor;
        *out_has_more = true;
        firn_os_mutex_lock(&db->commits.mutex);
        firn_db_image_forget_segments(firn_db_image(db), floor);
        firn_os_mutex_unlock(&db->commits.mutex);
    }
    return rc;
}

/* A new segment; what was given up goes with it. */
static int
begin_segment(struct firn_db *db, firn_error *err)
{
    DCHECK(firn_db_is_led(db));
    bool has_more;
    int rc = firn_db_pace_trim(db, &has_more, err);
    if (rc == FIRN_OK) {
        rc = firn_db_rotate_begin(db, err);
    }
    if (rc == FIRN_NO_SPACE && !firn_log_has_failed(db->log)) {
        /* The present segment goes on. */
        (void)firn_db_space_give_up(db);
        return FIRN_OK;
    }
    return rc;
}

/* ---- after ---- */

/* Why something should be done. */
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
        add_need(&need, firn_lsm_memtable_bytes(lsm), memtables_limit(db));
    }
    add_need(&need, firn_log_size_bytes(db->log), log_limit(db));
    return need;
}

/* Where all together are too large, and nothing is on its way out of memory. */
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
    if (firn_lsm_memtable_bytes(lsm) > memtables_limit(db)) {
        rc = freeze_largest(db, has_frozen, err);
    }
    if (rc == FIRN_OK && firn_log_size_bytes(db->log) > log_limit(db)) {
        rc = freeze_up_to(db, oldest_segment(db), has_frozen, err);
    }
    return rc;
}

static int
settle(struct firn_db *db, struct firn_db_tree *touched, firn_error *err)
{
    bool has_frozen = false;
    bool has_more = false;
    struct need need = find_need(db, touched);
    int rc = FIRN_OK;
    DCHECK(firn_db_is_led(db));
    if (!need.is_there || !firn_db_rotate_may_begin(db, need.is_urgent)) {
        return FIRN_OK;
    }
    FIRN_TRY(freeze_grown(db, touched, &has_frozen, err));
    FIRN_TRY(freeze_early(db, &has_frozen, err));
    if (!has_frozen && firn_log_size_bytes(db->log) > log_limit(db)) {
        FIRN_TRY(firn_db_pace_trim(db, &has_more, err));
    }
    if (has_frozen || has_more) {
        FIRN_TRY(begin_segment(db, err));
        firn_db_rotate_end(db);
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

/* So that the next commits need not wait for the system to clear pages. */
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
firn_db_pace_settle(struct firn_db *db, struct firn_db_tree *touched)
{
    firn_error err;
    prepare_memory(db);
    if (firn_lsm_memtable_bytes(firn_db_image(db)->lsm) > memtables_limit(db)) {
        firn_db_pace_borrow(db);
    }
    if (settle(db, touched, &err) != FIRN_OK) {
        firn_db_jobs_note_failure(db, &err);
    }
    uint64_t log_bytes = firn_log_size_bytes(db->log);
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
