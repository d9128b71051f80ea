/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_jobs.c: background work: flushes and compactions as jobs.
 *
 * There are several pools, so that a long compaction never keeps a memtable in memory: one thread
 * for flushes, the others (at least one) for compactions, one that only waits for syncs of the log,
 * and one that only waits for the store to be idle (db_turn.c, db_rest.c). A job does one flush or
 * compaction after another until lsm/ has no more. A request submits a job if none runs; if one
 * runs, the request makes it look once more before it ends:
 *
 * (I1) After fi_db_jobs_wake there is a job that has yet to ask lsm/ for work, or that will ask
 *      again. So nothing that could be done is left undone.
 * (I2) A job that fails notes its failure and ends; fi_db_throttle_admit returns each failure to
 *      one commit. That commit asks for flushes again, so a flush that cannot be done refuses every
 *      commit, with its reason, until it can. Compactions are asked for when a flush has ended: one
 *      that cannot be done, because a run is damaged, costs one commit for each memtable, until
 *      level 0 is full. Nothing goes unnoticed, and nothing is retried in a loop. (Not checked: it
 *      is a rule for the callers.)
 *
 * A flush or compaction that found no space is not a failure of this kind: commits learn that the
 * disk is full (db_space.c), and it is tried again with the next request.
 *
 * Graphs over runs (compaction_graph.c) are built by one more thread, which may run for minutes; so
 * no flush or compaction waits for it. Failing to build a graph does not fail commits: searches
 * work without it, and it is tried again when more runs come. Closing ends the building at its next
 * step.
 *
 * If a job for flushes or compactions cannot be submitted (no memory, no thread), it runs in the
 * thread that asked for it.
 *
 * In simulation jobs run inline, while a thread waits, in an order that follows from the seed.
 *
 * Locking: the mutex of jobs guards all fields; flushes and compactions run without it.
 */
#include "base/check.h"
#include "instance/db_handle.h"

#include <string.h>

/* With this many runs in level 0, opening starts a thread that looks for compactions: a program
 * that ends soon after it has written leaves its compactions to the next one. */
enum { LEVEL0_BUSY = 2 };

static const struct fi_compaction_work_wish flush_wish = {.flushes = true};
static const struct fi_compaction_work_wish compaction_wish = {.compactions = true};

/* ---- failures ---- */

/* For fi_inspect_stats. */
static void
record_failure_locked(struct fi_db_jobs *jobs, const firn_error *err)
{
    fi_os_mutex_assert_held(&jobs->mutex);
    DCHECK(err->code != FIRN_OK);
    jobs->failure_count++;
    jobs->last_code = err->code;
    size_t size = strlen(err->text);
    size = size < sizeof jobs->last_text ? size : sizeof jobs->last_text - 1;
    memcpy(jobs->last_text, err->text, size);
    jobs->last_text[size] = '\0';
}

static void
note_failure_locked(struct fi_db_jobs *jobs, const firn_error *err)
{
    fi_os_mutex_assert_held(&jobs->mutex);
    record_failure_locked(jobs, err);
    if (!jobs->has_failure) {
        jobs->has_failure = true;
        jobs->failure = *err;
    }
    fi_os_cond_broadcast(&jobs->changed);
}

void
fi_db_jobs_note_failure(struct firn_db *db, const firn_error *err)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    note_failure_locked(&db->jobs, err);
    fi_os_mutex_unlock(&db->jobs.mutex);
}

int
fi_db_jobs_take_failure(struct firn_db *db, firn_error *err)
{
    struct fi_db_jobs *jobs = &db->jobs;
    int rc = FIRN_OK;
    DCHECK(err != NULL);
    if (!atomic_load(&jobs->has_failure)) {
        return FIRN_OK;
    }
    fi_os_mutex_lock(&jobs->mutex);
    if (jobs->has_failure) {
        jobs->has_failure = false;
        *err = jobs->failure;
        rc = err->code;
        fi_error_prefix(err, "background work of '%s' failed", fi_os_dir_path(db->dir));
    }
    fi_os_mutex_unlock(&jobs->mutex);
    return rc;
}

/* ---- flushes and compactions ---- */

/* Does one flush or compaction, if there is any. */
static int
do_work(struct firn_db *db, const struct fi_compaction_work_wish *wish, bool *out_did,
        firn_error *err)
{
    DCHECK(!db->is_read_only && (wish->flushes || wish->compactions));
    struct fi_compaction_work *work;
    struct fi_compaction_work_wish within = *wish;
    within.room_bytes = fi_db_space_room(db);
    int rc = fi_compaction_work_pick(fi_db_image(db)->lsm, &within, &work, err);
    *out_did = rc == FIRN_OK && work != NULL;
    if (*out_did) {
        bool is_flush = fi_compaction_work_kind(work) == FI_COMPACTION_WORK_FLUSH;
        rc = fi_compaction_run(work, err);
        fi_db_space_sync_removals(db);
        if (is_flush) {
            fi_db_memory_borrow(db);
        }
        if (is_flush && rc == FIRN_OK) {
            fi_db_space_keep(db);
        }
    }
    return rc;
}

static bool
is_closing(struct firn_db *db)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    bool is_closing = db->jobs.is_closing;
    fi_os_mutex_unlock(&db->jobs.mutex);
    return is_closing;
}

static void
announce(struct firn_db *db)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    fi_os_cond_broadcast(&db->jobs.changed);
    fi_os_mutex_unlock(&db->jobs.mutex);
}

/* Repeats this until there is none, one fails, or the store is closing. */
static int
do_works(struct firn_db *db, const struct fi_compaction_work_wish *wish, firn_error *err)
{
    bool did = true;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && did && !is_closing(db)) {
        rc = do_work(db, wish, &did, err);
        if (rc == FIRN_NO_SPACE && fi_db_space_give_up(db)) {
            /* Once: most of the reserve is gone afterwards. */
            rc = FIRN_OK;
            did = true;
        }
        if (rc == FIRN_OK && did && wish->flushes) {
            fi_db_jobs_wake_compactions(db);
        }
        if (rc == FIRN_OK && did) {
            fi_db_jobs_wake_graphs(db);
        }
        announce(db);
    }
    return rc;
}

/* Called when a job has found no more work: whether it must look once more. */
static bool
ends_locked(struct firn_db *db, int rc, const firn_error *err, bool has_new_wish)
{
    fi_os_mutex_assert_held(&db->jobs.mutex);
    if (rc == FIRN_NO_SPACE) {
        record_failure_locked(&db->jobs, err);
    } else if (rc != FIRN_OK) {
        note_failure_locked(&db->jobs, err);
    }
    return rc != FIRN_OK || db->jobs.is_closing || !has_new_wish;
}

static void
run_flushes(void *arg)
{
    struct firn_db *db = arg;
    struct fi_db_jobs *jobs = &db->jobs;
    bool is_over = false;
    while (!is_over) {
        firn_error err;
        fi_os_mutex_lock(&jobs->mutex);
        uint64_t wishes = jobs->flush_wishes;
        fi_os_mutex_unlock(&jobs->mutex);
        int rc = do_works(db, &flush_wish, &err);
        fi_os_mutex_lock(&jobs->mutex);
        is_over = ends_locked(db, rc, &err, jobs->flush_wishes != wishes);
        DCHECK(jobs->is_flushing); /* (I1) */
        if (is_over) {
            jobs->is_flushing = false;
            fi_os_cond_broadcast(&jobs->changed);
        }
        fi_os_mutex_unlock(&jobs->mutex);
    }
}

static void
run_compactions(void *arg)
{
    struct firn_db *db = arg;
    struct fi_db_jobs *jobs = &db->jobs;
    bool is_over = false;
    while (!is_over) {
        firn_error err;
        fi_os_mutex_lock(&jobs->mutex);
        uint64_t wishes = jobs->compaction_wishes;
        fi_os_mutex_unlock(&jobs->mutex);
        int rc = do_works(db, &compaction_wish, &err);
        fi_lsm_collect(fi_db_image(db)->lsm);
        fi_os_mutex_lock(&jobs->mutex);
        is_over = ends_locked(db, rc, &err, jobs->compaction_wishes != wishes);
        DCHECK(jobs->compacting > 0 && jobs->compacting <= jobs->compaction_threads); /* (I1) */
        if (is_over) {
            jobs->compacting--;
            fi_os_cond_broadcast(&jobs->changed);
        }
        fi_os_mutex_unlock(&jobs->mutex);
    }
}

/* ---- graphs ---- */

static int
report_closing(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    (void)files;
    (void)bytes;
    return is_closing(ctx) ? fi_error_set(err, FIRN_CANCELLED, "the store is being closed")
                           : FIRN_OK;
}

/* Builds graphs until no run lacks one, or one cannot be built, which is noted. */
static void
build_graphs(struct firn_db *db)
{
    const struct fi_step step = {report_closing, db};
    const struct fi_compaction_graph_options options = {
        .threads = db->threads > 1 ? db->threads : 1, .step = &step};
    bool did = true;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && did && !is_closing(db)) {
        firn_error err;
        rc = fi_compaction_graph_build(fi_db_image(db)->lsm, &options, &did, &err);
        fi_os_mutex_lock(&db->jobs.mutex);
        if (rc != FIRN_OK && rc != FIRN_CANCELLED) {
            record_failure_locked(&db->jobs, &err);
        }
        fi_os_cond_broadcast(&db->jobs.changed);
        fi_os_mutex_unlock(&db->jobs.mutex);
    }
}

static void
run_graphs(void *arg)
{
    struct firn_db *db = arg;
    struct fi_db_jobs *jobs = &db->jobs;
    bool is_over = false;
    while (!is_over) {
        fi_os_mutex_lock(&jobs->mutex);
        uint64_t wishes = jobs->graph_wishes;
        fi_os_mutex_unlock(&jobs->mutex);
        build_graphs(db);
        fi_os_mutex_lock(&jobs->mutex);
        is_over = jobs->is_closing || jobs->graph_wishes == wishes;
        DCHECK(jobs->is_graphing); /* (I1) */
        if (is_over) {
            jobs->is_graphing = false;
            fi_os_cond_broadcast(&jobs->changed);
        }
        fi_os_mutex_unlock(&jobs->mutex);
    }
}

/* ---- requests ---- */

static void
submit(struct firn_db *db, struct fi_os_jobs *pool, void (*run)(void *arg))
{
    DCHECK(pool != NULL);
    if (fi_os_jobs_submit(pool, run, db, NULL) != FIRN_OK) {
        run(db);
    }
}

/* Whether a thread has to be submitted, which then counts as compacting. */
static bool
wish_compactions(struct fi_db_jobs *jobs)
{
    fi_os_mutex_lock(&jobs->mutex);
    jobs->compaction_wishes++;
    bool is_wanted = !jobs->is_closing && jobs->compacting < jobs->compaction_threads;
    jobs->compacting += is_wanted ? 1 : 0;
    DCHECK(jobs->is_closing || jobs->compacting > 0); /* (I1) */
    fi_os_mutex_unlock(&jobs->mutex);
    return is_wanted;
}

void
fi_db_jobs_wake_compactions(struct firn_db *db)
{
    if (wish_compactions(&db->jobs)) {
        submit(db, db->jobs.compaction_pool, run_compactions);
    }
}

void
fi_db_jobs_suggest_compactions(void *ctx)
{
    struct firn_db *db = ctx;
    struct fi_db_jobs *jobs = &db->jobs;
    if (jobs->compaction_pool == NULL) {
        return; /* the store is being opened */
    }
    if (wish_compactions(jobs) &&
        fi_os_jobs_submit(jobs->compaction_pool, run_compactions, db, NULL) != FIRN_OK) {
        fi_os_mutex_lock(&jobs->mutex);
        jobs->compacting--;
        fi_os_cond_broadcast(&jobs->changed);
        fi_os_mutex_unlock(&jobs->mutex);
    }
}

void
fi_db_jobs_wake_graphs(struct firn_db *db)
{
    struct fi_db_jobs *jobs = &db->jobs;
    bool is_due = false;
    /* If a file cannot be read now, the next run makes us look again. */
    int rc = fi_compaction_graph_is_due(fi_db_image(db)->lsm, &is_due, NULL);
    if (rc != FIRN_OK || !is_due) {
        return;
    }
    fi_os_mutex_lock(&jobs->mutex);
    jobs->graph_wishes++;
    bool is_wanted = !jobs->is_closing && !jobs->is_graphing;
    jobs->is_graphing = jobs->is_graphing || is_wanted;
    fi_os_mutex_unlock(&jobs->mutex);
    if (is_wanted) {
        fi_db_jobs_wake_compactions(db); /* small runs should be merged first */
    }
    if (is_wanted && fi_os_jobs_submit(jobs->graph_pool, run_graphs, db, NULL) != FIRN_OK) {
        fi_os_mutex_lock(&jobs->mutex);
        jobs->is_graphing = false; /* another request will try again */
        fi_os_cond_broadcast(&jobs->changed);
        fi_os_mutex_unlock(&jobs->mutex);
    }
}

int
fi_db_jobs_finish_graphs(struct firn_db *db, const struct fi_lsm_tree *tree,
                         const struct fi_step *step, firn_error *err)
{
    const struct fi_compaction_graph_options options = {
        .tree = tree, .threads = db->threads > 1 ? db->threads : 1, .step = step};
    struct fi_db_jobs *jobs = &db->jobs;
    bool did = true;
    int rc = FIRN_OK;
    fi_os_mutex_lock(&jobs->mutex);
    while (jobs->is_graphing && !jobs->is_closing) {
        fi_os_cond_wait(&jobs->changed, &jobs->mutex);
    }
    fi_os_mutex_unlock(&jobs->mutex);
    while (rc == FIRN_OK && did) {
        rc = fi_compaction_graph_build(fi_db_image(db)->lsm, &options, &did, err);
    }
    return rc;
}

void
fi_db_jobs_wake_collection(struct firn_db *db)
{
    if (!db->is_read_only && fi_lsm_collect_is_due(fi_db_image(db)->lsm)) {
        fi_db_jobs_wake_compactions(db);
    }
}

void
fi_db_jobs_wake(struct firn_db *db)
{
    struct fi_db_jobs *jobs = &db->jobs;
    fi_os_mutex_lock(&jobs->mutex);
    jobs->flush_wishes++;
    bool is_wanted = !jobs->is_closing && !jobs->is_flushing;
    jobs->is_flushing = jobs->is_flushing || is_wanted;
    DCHECK(jobs->is_closing || jobs->is_flushing); /* (I1) */
    fi_os_mutex_unlock(&jobs->mutex);
    if (is_wanted) {
        submit(db, jobs->flush_pool, run_flushes);
    }
}

bool
fi_db_jobs_submit_log(struct firn_db *db, void (*run)(void *arg))
{
    return !is_closing(db) && fi_os_jobs_submit(db->jobs.log_pool, run, db, NULL) == FIRN_OK;
}

void
fi_db_jobs_watch_rest(struct firn_db *db)
{
    struct fi_db_rest *rest = &db->rest;
    if (!fi_os_has_threads(db->os) || atomic_load(&rest->is_giving_back) ||
        atomic_load(&rest->is_watching) || atomic_exchange(&rest->is_watching, true)) {
        return;
    }
    if (is_closing(db) || fi_os_jobs_submit(db->jobs.rest_pool, rest->watch, db, NULL) != FIRN_OK) {
        atomic_store(&rest->is_watching, false);
    }
}

bool
fi_db_jobs_wait(struct firn_db *db)
{
    struct fi_db_jobs *jobs = &db->jobs;
    fi_os_mutex_lock(&jobs->mutex);
    bool is_working = jobs->is_flushing || jobs->compacting > 0;
    if (is_working) {
        fi_os_cond_wait(&jobs->changed, &jobs->mutex);
    }
    fi_os_mutex_unlock(&jobs->mutex);
    return is_working;
}

/* Returns a failure that concerns what the caller waited for. */
static int
own_failure(struct firn_db *db, firn_error *err)
{
    firn_error found;
    int rc = fi_db_jobs_take_failure(db, &found);
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

int
fi_db_jobs_finish(struct firn_db *db, const struct fi_compaction_work_wish *wish, firn_error *err)
{
    bool did = true;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && did) {
        rc = do_work(db, wish, &did, err);
        if (rc == FIRN_NO_SPACE && fi_db_space_give_up(db)) {
            rc = FIRN_OK;
            did = true;
        } else if (rc == FIRN_OK && !did) {
            /* When others have finished, there may be more to do. */
            did = fi_db_jobs_wait(db);
            rc = own_failure(db, err);
            rc = rc == FIRN_OK ? fi_step_report(wish->step, 0, 0, err) : rc;
        }
    }
    return rc;
}

/* ---- starting and stopping ---- */

int
fi_db_jobs_open(struct firn_db *db, firn_error *err)
{
    struct fi_db_jobs *jobs = &db->jobs;
    unsigned frozen;
    unsigned level0;
    DCHECK(jobs->flush_pool == NULL && !jobs->is_closing);
    jobs->compaction_threads = db->threads > 1 ? db->threads - 1 : 1;
    FI_TRY_RETURN(fi_os_jobs_create(db->os, 1, &jobs->flush_pool, err));
    FI_TRY_RETURN(fi_os_jobs_create(db->os, jobs->compaction_threads, &jobs->compaction_pool, err));
    FI_TRY_RETURN(fi_os_jobs_create(db->os, 1, &jobs->log_pool, err));
    FI_TRY_RETURN(fi_os_jobs_create(db->os, 1, &jobs->rest_pool, err));
    FI_TRY_RETURN(fi_os_jobs_create(db->os, 1, &jobs->graph_pool, err));
    /* So that readers and writers keep their processors. */
    fi_os_jobs_step_back(jobs->flush_pool, FI_OS_JOBS_BACK);
    fi_os_jobs_step_back(jobs->compaction_pool, FI_OS_JOBS_FAR_BACK);
    fi_os_jobs_step_back(jobs->graph_pool, FI_OS_JOBS_BACK);
    fi_lsm_pressure(fi_db_image(db)->lsm, &frozen, &level0);
    if (level0 >= LEVEL0_BUSY) {
        fi_db_jobs_wake_compactions(db);
    }
    fi_db_jobs_wake_graphs(db);
    return FIRN_OK;
}

void
fi_db_jobs_stop(struct firn_db *db)
{
    struct fi_db_jobs *jobs = &db->jobs;
    fi_os_mutex_lock(&jobs->mutex);
    jobs->is_closing = true;
    fi_os_cond_broadcast(&jobs->closing);
    fi_os_mutex_unlock(&jobs->mutex);
    if (jobs->rest_pool != NULL) {
        fi_os_jobs_wait(jobs->rest_pool);
    }
    if (jobs->flush_pool != NULL) {
        fi_os_jobs_wait(jobs->flush_pool);
    }
    if (jobs->compaction_pool != NULL) {
        fi_os_jobs_wait(jobs->compaction_pool);
    }
    if (jobs->graph_pool != NULL) {
        fi_os_jobs_wait(jobs->graph_pool);
    }
    if (jobs->log_pool != NULL) {
        fi_os_jobs_wait(jobs->log_pool);
    }
    fi_os_mutex_lock(&jobs->mutex);
    DCHECK(!jobs->is_flushing && jobs->compacting == 0 && !jobs->is_graphing);
    fi_os_mutex_unlock(&jobs->mutex);
}

void
fi_db_jobs_close(struct firn_db *db)
{
    fi_db_jobs_stop(db);
    fi_os_jobs_destroy(db->jobs.flush_pool);
    fi_os_jobs_destroy(db->jobs.compaction_pool);
    db->jobs.flush_pool = NULL;
    fi_os_jobs_destroy(db->jobs.log_pool);
    db->jobs.compaction_pool = NULL;
    db->jobs.log_pool = NULL;
    fi_os_jobs_destroy(db->jobs.rest_pool);
    db->jobs.rest_pool = NULL;
    fi_os_jobs_destroy(db->jobs.graph_pool);
    db->jobs.graph_pool = NULL;
}
