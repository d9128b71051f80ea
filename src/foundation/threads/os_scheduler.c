/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_scheduler.c: jobs of a simulation.
 *
 * Nothing runs in parallel. A submitted job stays in the queue of its pool until a caller waits:
 * then one job is picked by the seed and run to its end on the stack of the waiting caller. So a
 * run of a whole store, with all its background work, depends only on one seed.
 *
 * The choice follows what a pool of n threads could do. Its threads take jobs in the order of
 * submission, and at most n jobs are in progress; any of these may make progress next. So each of
 * the first n - r jobs of a queue may be next, where r is the number of its jobs that are suspended
 * in a wait further down on the stack. A pool of one thread therefore runs its jobs in order. A
 * pool whose threads all wait for a job that none of them is free to run deadlocks here as in
 * production.
 *
 * (I4) running_count ≤ threads of each queue, so the depth of nested waits is bounded by the
 *      threads of all pools.
 * (I5) A wait that finds no job to run can never end: fi_check_failed reports a deadlock. No
 *      time-out hides it.
 *
 * Limits: picking and removing take time linear in the number of queues and of waiting jobs, which
 * is good enough for simulations.
 */
#include "threads/os_scheduler.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "threads/os_lock_check.h"

struct scheduler_job {
    void (*run)(void *arg);
    void *arg;
    uint64_t sequence;
};

/* A job in progress, on the stack frame that runs it. */
struct running {
    struct running *next;
    uint64_t sequence;
};

struct fi_os_scheduler_queue {
    struct fi_os_scheduler *scheduler;
    struct fi_os_scheduler_queue *next;
    struct scheduler_job *jobs; /* in order of submission */
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
    size_t threads;
    size_t running_count;
    struct running *running;
};

void
fi_os_scheduler_init(struct fi_os_scheduler *scheduler, uint64_t seed)
{
    *scheduler = (struct fi_os_scheduler){.prng = {seed}};
}

void
fi_os_scheduler_deinit(struct fi_os_scheduler *scheduler)
{
    CHECK(scheduler->queues == NULL);
}

struct fi_os_scheduler_queue *
fi_os_scheduler_add_queue(struct fi_os_scheduler *scheduler, unsigned threads)
{
    struct fi_os_scheduler_queue *queue = fi_alloc_zeroed(sizeof *queue);
    if (queue != NULL) {
        queue->scheduler = scheduler;
        queue->threads = threads;
        queue->next = scheduler->queues;
        scheduler->queues = queue;
    }
    return queue;
}

void
fi_os_scheduler_remove_queue(struct fi_os_scheduler_queue *queue)
{
    while (queue->count > 0 || queue->running_count > 0) {
        fi_os_scheduler_run_one(queue->scheduler);
    }
    struct fi_os_scheduler_queue **link = &queue->scheduler->queues;
    while (*link != queue) {
        link = &(*link)->next;
    }
    *link = queue->next;
    fi_free(queue->jobs);
    fi_free(queue);
}

int
fi_os_scheduler_submit(struct fi_os_scheduler_queue *queue, void (*run)(void *arg), void *arg)
{
    if (FI_VEC_RESERVE(queue->jobs, queue->count + 1, queue->capacity, NULL) != FIRN_OK) {
        return ENOMEM;
    }
    queue->jobs[queue->count++] = (struct scheduler_job){run, arg, queue->next_sequence++};
    return 0;
}

/* How many of the queue's jobs a thread could be working on next. */
static size_t
runnable(const struct fi_os_scheduler_queue *queue)
{
    size_t free_threads = queue->threads - queue->running_count;
    return queue->count < free_threads ? queue->count : free_threads;
}

static void
run_job(struct fi_os_scheduler_queue *queue, size_t index)
{
    struct scheduler_job scheduler_job = queue->jobs[index];
    queue->count--;
    memmove(&queue->jobs[index], &queue->jobs[index + 1],
            (queue->count - index) * sizeof scheduler_job);
    struct running running = {queue->running, scheduler_job.sequence};
    queue->running = &running;
    queue->running_count++;
    DCHECK(queue->running_count <= queue->threads); /* (I4) */
    unsigned begun = fi_os_lock_check_begin_job();
    scheduler_job.run(scheduler_job.arg);
    fi_os_lock_check_end_job(begun);
    queue->running = running.next; /* jobs on one stack end in reverse order */
    queue->running_count--;
}

void
fi_os_scheduler_run_one(struct fi_os_scheduler *scheduler)
{
    size_t total = 0;
    for (struct fi_os_scheduler_queue *queue = scheduler->queues; queue; queue = queue->next) {
        total += runnable(queue);
    }
    if (total == 0) {
        /* (I5) */
        fi_check_failed(__FILE__, __LINE__, "deadlock: a wait with no scheduler_job left to run");
    }
    size_t pick = (size_t)fi_os_prng_below(&scheduler->prng, total);
    for (struct fi_os_scheduler_queue *queue = scheduler->queues; queue; queue = queue->next) {
        size_t count = runnable(queue);
        if (pick < count) {
            run_job(queue, pick);
            return;
        }
        pick -= count;
    }
}

static bool
any_unfinished_before(const struct fi_os_scheduler_queue *queue, uint64_t end)
{
    for (const struct running *at = queue->running; at != NULL; at = at->next) {
        if (at->sequence < end) {
            return true;
        }
    }
    return queue->count > 0 && queue->jobs[0].sequence < end; /* jobs ascend in sequence */
}

void
fi_os_scheduler_drain(struct fi_os_scheduler_queue *queue)
{
    uint64_t end = queue->next_sequence;
    while (any_unfinished_before(queue, end)) {
        fi_os_scheduler_run_one(queue->scheduler);
    }
}
