/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_rest.c: a store that nobody writes to gives back what it keeps for writing.
 *
 * Under load the log has a file ready for its next segment, of the size that the last ones had, the
 * newest segment may be such a file with little in it, the log itself is as long as memory is large, and
 * the reserve was made for that (log_rotate.c, db_space.c). All of this saves time as long as commits
 * come. Once there was none for REST_NS, memtables are flushed, the log begins a fresh file, its spare
 * goes, and the reserve shrinks to what it should be. The next commits make all of it anew, as they need
 * it.
 *
 * With a turn of the log a thread begins to watch for that, unless there is one; it ends when the store
 * has rested, so a store that is hardly written to has none. In simulation there are no threads: tests
 * call firn_db_rest_look when they have moved the clock.
 *
 * A little is left alone: giving it back costs as much as it is worth. Where readers keep the log from
 * being given up it stays, and nothing is tried again before the next turn.
 *
 * Locking: the mutex of jobs guards the fields.
 *
 * Failure: what cannot be given back stays; what latches the log is found by the next commit.
 */
#include "base/check.h"
#include "store/db_internal.h"

#define REST_NS INT64_C(10000000000)
#define LEAST_BYTES (UINT64_C(1) << 20)

/* ---- what there is ---- */

struct survey {
    struct firn_os_dir *dir;
    uint64_t bytes;
};

static int
add_file(void *ctx, const struct firn_os_dirent *entry)
{
    struct survey *survey = ctx;
    struct firn_os_stat stat;
    if (firn_db_log_is_name(entry->name) &&
        firn_os_stat(survey->dir, entry->name, &stat, NULL) == FIRN_OK) {
        survey->bytes += stat.allocated_bytes;
    }
    return FIRN_OK;
}

/* Whether files of the log take up so much that it is worth the work. */
static bool
is_worth_it(struct firn_db *db)
{
    struct survey survey = {0};
    if (firn_os_dir_open_beneath(db->dir, "", &survey.dir, NULL) == FIRN_OK) {
        FIRN_IGNORE(firn_os_dir_list(survey.dir, add_file, &survey, NULL));
    }
    firn_os_dir_close(survey.dir);
    return survey.bytes > LEAST_BYTES;
}

/* ---- giving back ---- */

/* The newest segment has no record, but its file was another segment's: it ends too. */
static void
leave_segment(struct firn_db *db)
{
    firn_error err;
    firn_db_write_begin_exclusive(db);
    if (firn_log_rotate(db->log, &err) != FIRN_OK && firn_log_has_failed(db->log)) {
        firn_db_write_latch(db, &err);
    }
    firn_db_write_end_exclusive(db);
    FIRN_IGNORE(firn_db_maintain_flush(db, NULL));
}

static void
give_back(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    if (atomic_load(&db->space.is_full)) {
        return; /* that has given back more */
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

/* ---- noticing ---- */

bool
firn_db_rest_look(struct firn_db *db)
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
    return is_over;
}

/* False: the store is closing. */
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
    while (goes_on && !firn_db_rest_look(db)) {
        goes_on = wait(db, REST_NS / 2);
    }
    atomic_store(&db->rest.is_watching, false);
    /* Of a turn in between nobody was told. */
    if (goes_on && firn_db_published(db) != db->rest.published) {
        firn_db_rest_watch(db);
    }
}

void
firn_db_rest_watch(struct firn_db *db)
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
