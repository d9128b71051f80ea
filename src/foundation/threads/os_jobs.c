/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_jobs.c: jobs, on the threads of a pool (os_pool.c) or in a simulation
 * (os_scheduler.c).
 *
 * The `struct fi_os` for which the jobs are created decides which of the two; callers see no
 * difference.
 */
#include "base/check.h"
#include "base/mem.h"
#include "os/os_ops.h"
#include "threads/os_pool.h"
#include "threads/os_scheduler.h"

/* One of the two is set. */
struct fi_os_jobs {
    struct fi_os_pool *pool;
    struct fi_os_scheduler_queue *queue;
};

bool
fi_os_has_threads(const struct fi_os *os)
{
    return os->scheduler == NULL;
}

int
fi_os_jobs_create(struct fi_os *os, unsigned threads, struct fi_os_jobs **out, firn_error *err)
{
    CHECK(threads >= 1);
    *out = NULL;
    struct fi_os_jobs *jobs = fi_alloc_zeroed(sizeof *jobs);
    if (jobs == NULL) {
        return fi_error_no_memory(err, "a pool of jobs");
    }
    if (os->scheduler != NULL) {
        jobs->queue = fi_os_scheduler_add_queue(os->scheduler, threads);
    } else {
        jobs->pool = fi_os_pool_create(os, threads);
    }
    if (jobs->queue == NULL && jobs->pool == NULL) {
        fi_free(jobs);
        return fi_error_no_memory(err, "a pool of jobs");
    }
    *out = jobs;
    return FIRN_OK;
}

void
fi_os_jobs_step_back(struct fi_os_jobs *jobs, enum fi_os_jobs_nice nice)
{
    if (jobs->pool != NULL) {
        fi_os_pool_step_back(jobs->pool, nice);
    }
}

void
fi_os_jobs_destroy(struct fi_os_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    if (jobs->queue != NULL) {
        fi_os_scheduler_remove_queue(jobs->queue);
    } else {
        fi_os_pool_destroy(jobs->pool);
    }
    fi_free(jobs);
}

int
fi_os_jobs_submit(struct fi_os_jobs *jobs, void (*run)(void *arg), void *arg, firn_error *err)
{
    int error_number = jobs->queue != NULL ? fi_os_scheduler_submit(jobs->queue, run, arg)
                                           : fi_os_pool_submit(jobs->pool, run, arg);
    if (error_number != 0) {
        return fi_error_set_errno(err, error_number, "could not submit a job");
    }
    return FIRN_OK;
}

void
fi_os_jobs_wait(struct fi_os_jobs *jobs)
{
    if (jobs->queue != NULL) {
        fi_os_scheduler_drain(jobs->queue);
    } else {
        fi_os_pool_wait(jobs->pool);
    }
}
