/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_rest.c: an idle store frees what it keeps for writing.
 *
 * Under load the log has a file ready for its next segment, of the size of the last ones. The
 * newest segment may be such a file with little in it, the log is as long as memory is large, and
 * the reserve has the size for that (log_rotate.c, db_space.c). All of this saves time while
 * commits come. After REST_NS without a commit, memtables are flushed, the log begins a fresh file,
 * its spare is removed, and the reserve shrinks to the size that it should have. Later commits
 * create all of it again when they need it.
 *
 * When the log turns, or has more than FI_DB_REST_LEAST_BYTES, a thread begins to watch for
 * idleness, unless there is one. The thread ends once the space has been freed, so a store that is
 * rarely written to has no such thread. In simulation there are no threads: tests call
 * fi_db_rest_inspect after they have moved the clock.
 *
 * Small amounts are left: freeing them costs as much as it gains. If readers keep segments of the
 * log from being removed, these stay, and nothing is tried again before the next commit.
 *
 * Locking: the mutex of jobs guards the fields.
 *
 * Failure: what cannot be freed stays; the next commit finds what latched the log.
 */
#include "base/check.h"
#include "upkeep/db_upkeep_handle.h"

#define REST_NS INT64_C(10000000000)

/* Whether the files of the log take up enough space to be worth the work, and the runs. */
static bool
is_worth_it(struct firn_db *db)
{
    return fi_db_space_of(db->dir, "", fi_db_log_is_name) > FI_DB_REST_LEAST_BYTES &&
           fi_db_turn_flush_pays(db);
}

/* Ends the newest segment too, if it has no record but its file was another segment's. */
static void
leave_segment(struct firn_db *db)
{
    firn_error err;
    fi_db_lead_begin(db);
    if (fi_log_rotate(db->log, &err) != FIRN_OK && fi_log_has_failed(db->log)) {
        fi_db_lead_latch(db, &err);
    }
    fi_db_lead_end(db);
    FI_IGNORE(fi_db_maintain_flush(db, NULL));
}

static void
give_back(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    if (atomic_load(&db->space.is_full)) {
        return; /* that has freed more */
    }
    fi_log_rotate_keep_spares(db->log, false);
    if (fi_db_maintain_flush(db, NULL) == FIRN_OK && is_worth_it(db)) {
        leave_segment(db);
    }
    fi_log_rotate_keep_spares(db->log, true);
    if (atomic_load(&db->space.is_full)) {
        fi_log_rotate_keep_spares(db->log, false);
    }
    fi_db_space_trim(db);
}

bool
fi_db_rest_inspect(struct firn_db *db)
{
    struct fi_db_rest *rest = &db->rest;
    uint64_t published = fi_db_published(db);
    int64_t now = fi_os_monotonic_ns(db->os);
    fi_os_mutex_lock(&db->jobs.mutex);
    if (rest->published != published) {
        rest->published = published;
        rest->since_ns = now;
    }
    bool is_over = now - rest->since_ns >= REST_NS;
    fi_os_mutex_unlock(&db->jobs.mutex);
    if (is_over && is_worth_it(db)) {
        atomic_store(&rest->is_giving_back, true);
        give_back(db);
        atomic_store(&rest->is_giving_back, false);
    }
    if (is_over) {
        fi_db_memory_resolve(db);
    }
    return is_over;
}

/* ---- watching ---- */

/* False if the store is closing. */
static bool
db_rest_wait(struct firn_db *db, int64_t duration_ns)
{
    struct fi_db_jobs *jobs = &db->jobs;
    int64_t end = fi_os_monotonic_ns(db->os) + duration_ns;
    fi_os_mutex_lock(&jobs->mutex);
    for (int64_t left = duration_ns; left > 0 && !jobs->is_closing;) {
        fi_os_cond_wait_for(&jobs->closing, &jobs->mutex, left);
        left = end - fi_os_monotonic_ns(db->os);
    }
    bool goes_on = !jobs->is_closing;
    fi_os_mutex_unlock(&jobs->mutex);
    return goes_on;
}

void
fi_db_rest_watch(void *arg)
{
    struct firn_db *db = arg;
    bool goes_on = db_rest_wait(db, REST_NS / 2);
    while (goes_on && !fi_db_rest_inspect(db)) {
        goes_on = db_rest_wait(db, REST_NS / 2);
    }
    atomic_store(&db->rest.is_watching, false);
    fi_os_mutex_lock(&db->jobs.mutex);
    uint64_t seen = db->rest.published;
    fi_os_mutex_unlock(&db->jobs.mutex);
    /* A turn in between did not start another watch. */
    if (goes_on && fi_db_published(db) != seen) {
        fi_db_jobs_watch_rest(db);
    }
}
