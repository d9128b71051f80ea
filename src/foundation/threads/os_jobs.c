/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_jobs.c: jobs, on the threads of a pool (os_pool.c) or in a simulation (os_scheduler.c).
 *
 * Which of the two follows from the implementation of the seam that the jobs are created for;
 * callers cannot tell.
 */
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "os/os_ops.h"
#include "threads/os_pool.h"
#include "threads/os_scheduler.h"

/* One of the two is set. */
struct firn_os_jobs {
    struct firn_os_pool *pool;
    struct firn_os_scheduler_queue *queue;
};

bool
firn_os_has_threads(const struct firn_os *os)
{
    return os->scheduler == NULL;
}

int
firn_os_jobs_create(struct firn_os *os, unsigned threads, struct firn_os_jobs **out,
                    firn_error *err)
{
    CHECK(threads >= 1);
    *out = NULL;
    struct firn_os_jobs *jobs = firn_alloc_zeroed(sizeof *jobs);
    if (jobs == NULL) {
        return firn_error_no_memory(err, "a pool of jobs");
    }
    if (os->scheduler != NULL) {
        jobs->queue = firn_os_scheduler_add_queue(os->scheduler, threads);
    } else {
        jobs->pool = firn_os_pool_create(os, threads);
    }
    if (jobs->queue == NULL && jobs->pool == NULL) {
        firn_free(jobs);
        return firn_error_no_memory(err, "a pool of jobs");
    }
    *out = jobs;
    return FIRN_OK;
}

void
firn_os_jobs_step_back(struct firn_os_jobs *jobs)
{
    if (jobs->pool != NULL) {
        firn_os_pool_step_back(jobs->pool);
    }
}

void
firn_os_jobs_destroy(struct firn_os_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    if (jobs->queue != NULL) {
        firn_os_scheduler_remove_queue(jobs->queue);
    } else {
        firn_os_pool_destroy(jobs->pool);
    }
    firn_free(jobs);
}

int
firn_os_jobs_submit(struct firn_os_jobs *jobs, void (*run)(void *arg), void *arg, firn_error *err)
{
    int error_number = jobs->queue != NULL ? firn_os_scheduler_submit(jobs->queue, run, arg)
                                           : firn_os_pool_submit(jobs->pool, run, arg);
    if (error_number != 0) {
        return firn_error_set_errno(err, error_number, "could not submit a job");
    }
    return FIRN_OK;
}

void
firn_os_jobs_wait(struct firn_os_jobs *jobs)
{
    if (jobs->queue != NULL) {
        firn_os_scheduler_drain(jobs->queue);
    } else {
        firn_os_pool_wait(jobs->pool);
    }
}
