/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_spread_run.c: one function, run by all threads that read a large object.
 *
 * Each thread has a scratch of its own.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

struct job {
    void (*work)(void *ctx, struct fi_pack_scratch *scratch);
    void *ctx;
    struct fi_pack_scratch *scratch;
};

static void
run_job(void *arg)
{
    const struct job *job = arg;
    job->work(job->ctx, job->scratch);
}

int
fi_objects_spread_run(const struct fi_objects_spread *spread,
                      void (*work)(void *ctx, struct fi_pack_scratch *scratch), void *ctx,
                      firn_error *err)
{
    DCHECK(spread->thread_count > 0);
    struct job *jobs = fi_alloc_array(spread->thread_count, sizeof *jobs);
    if (jobs == NULL) {
        return fi_error_no_memory(err, "a large file");
    }
    int rc = FIRN_OK;
    for (unsigned i = 0; i < spread->thread_count && rc == FIRN_OK; i++) {
        jobs[i] = (struct job){work, ctx, spread->scratches[i]};
        rc = fi_os_jobs_submit(spread->jobs, run_job, &jobs[i], err);
    }
    fi_os_jobs_wait(spread->jobs);
    fi_free(jobs);
    return rc;
}
