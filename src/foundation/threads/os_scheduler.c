/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_scheduler.c: jobs of a simulation.
 *
 * Nothing runs beside anything. A job that was submitted lies in the queue of its pool until
 * somebody waits: then one job is picked by the seed and run to its end on the stack of whoever
 * waits. So a run of a whole store, with all its background work, is a function of one seed.
 *
 * The picking keeps to what a pool of n threads could do. Its threads take jobs in the order of
 * submission, and n of them are under way at most; which of those under way gets on is anybody's
 * guess. So among the first n - r jobs of a queue, where r is how many of its jobs are suspended in
 * a wait further down on the stack, each may be next. A pool of one thread therefore runs its jobs
 * in order, and a pool whose threads all wait for a job that has none left to run on deadlocks here
 * as it would in production.
 *
 * (I1) running_count ≤ threads of each queue, so the depth of nested waits is bounded by the
 *   threads of all pools.
 * (I2) A wait that finds no job to run can never end: firn_check_failed reports a deadlock. There
 *      is no time-out that could hide it.
 *
 * Limits: picking and removing are linear in the number of queues and of jobs waiting, which suits
 * simulations.
 */
#include "threads/os_scheduler.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "threads/os_lock_check.h"

struct job {
    void (*run)(void *arg);
    void *arg;
    uint64_t sequence;
};

/* A job that is under way, on the stack frame that runs it. */
struct running {
    struct running *next;
    uint64_t sequence;
};

struct firn_os_scheduler_queue {
    struct firn_os_scheduler *scheduler;
    struct firn_os_scheduler_queue *next;
    struct job *jobs; /* in order of submission */
    size_t count;
    size_t capacity;
    uint64_t next_sequence;
    size_t threads;
    size_t running_count;
    struct running *running;
};

void
firn_os_scheduler_init(struct firn_os_scheduler *scheduler, uint64_t seed)
{
    *scheduler = (struct firn_os_scheduler){.prng = {seed}};
}

void
firn_os_scheduler_deinit(struct firn_os_scheduler *scheduler)
{
    CHECK(scheduler->queues == NULL);
}

struct firn_os_scheduler_queue *
firn_os_scheduler_add_queue(struct firn_os_scheduler *scheduler, unsigned threads)
{
    struct firn_os_scheduler_queue *queue = firn_alloc_zeroed(sizeof *queue);
    if (queue != NULL) {
        queue->scheduler = scheduler;
        queue->threads = threads;
        queue->next = scheduler->queues;
        scheduler->queues = queue;
    }
    return queue;
}

void
firn_os_scheduler_remove_queue(struct firn_os_scheduler_queue *queue)
{
    while (queue->count > 0 || queue->running_count > 0) {
        firn_os_scheduler_run_one(queue->scheduler);
    }
    struct firn_os_scheduler_queue **link = &queue->scheduler->queues;
    while (*link != queue) {
        link = &(*link)->next;
    }
    *link = queue->next;
    firn_free(queue->jobs);
    firn_free(queue);
}

int
firn_os_scheduler_submit(struct firn_os_scheduler_queue *queue, void (*run)(void *arg), void *arg)
{
    struct job *jobs =
        firn_grow_array(queue->jobs, queue->count + 1, &queue->capacity, sizeof *jobs);
    if (jobs == NULL) {
        return ENOMEM;
    }
    queue->jobs = jobs;
    queue->jobs[queue->count++] = (struct job){run, arg, queue->next_sequence++};
    return 0;
}

/* How many of the queue's jobs a thread could be working on next. */
static size_t
runnable(const struct firn_os_scheduler_queue *queue)
{
    size_t free_threads = queue->threads - queue->running_count;
    return queue->count < free_threads ? queue->count : free_threads;
}

static void
run_job(struct firn_os_scheduler_queue *queue, size_t index)
{
    struct job job = queue->jobs[index];
    queue->count--;
    memmove(&queue->jobs[index], &queue->jobs[index + 1], (queue->count - index) * sizeof job);
    struct running running = {queue->running, job.sequence};
    queue->running = &running;
    queue->running_count++;
    unsigned begun = firn_os_lock_check_begin_job();
    job.run(job.arg);
    firn_os_lock_check_end_job(begun);
    queue->running = running.next; /* jobs on one stack end in reverse order */
    queue->running_count--;
}

void
firn_os_scheduler_run_one(struct firn_os_scheduler *scheduler)
{
    size_t total = 0;
    for (struct firn_os_scheduler_queue *queue = scheduler->queues; queue; queue = queue->next) {
        total += runnable(queue);
    }
    if (total == 0) {
        firn_check_failed(__FILE__, __LINE__, "deadlock: a wait with no job left to run");
    }
    size_t pick = (size_t)firn_os_prng_below(&scheduler->prng, total);
    for (struct firn_os_scheduler_queue *queue = scheduler->queues; queue; queue = queue->next) {
        size_t count = runnable(queue);
        if (pick < count) {
            run_job(queue, pick);
            return;
        }
        pick -= count;
    }
}

static bool
any_unfinished_before(const struct firn_os_scheduler_queue *queue, uint64_t end)
{
    for (const struct running *at = queue->running; at != NULL; at = at->next) {
        if (at->sequence < end) {
            return true;
        }
    }
    return queue->count > 0 && queue->jobs[0].sequence < end; /* jobs ascend in sequence */
}

void
firn_os_scheduler_drain(struct firn_os_scheduler_queue *queue)
{
    uint64_t end = queue->next_sequence;
    while (any_unfinished_before(queue, end)) {
        firn_os_scheduler_run_one(queue->scheduler);
    }
}
