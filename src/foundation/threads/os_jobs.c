/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_jobs.c: jobs, on the threads of a pool or in a simulation.
 *
 * The `struct fi_os` for which the jobs are created decides which of the two; callers see no
 * difference.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/vec.h"
#include "os/os_ops.h"
#include "threads/os_lock_check.h"
#include "threads/os_scheduler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* ==== jobs of a simulation ====
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

/* A queue represents a pool of `threads` threads. NULL if memory runs out. */
static struct fi_os_scheduler_queue *
scheduler_add_queue(struct fi_os_scheduler *scheduler, unsigned threads)
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

/* Runs its jobs, then removes it. */
static void
scheduler_remove_queue(struct fi_os_scheduler_queue *queue)
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

/* 0, or ENOMEM. */
static int
scheduler_submit(struct fi_os_scheduler_queue *queue, void (*run)(void *arg), void *arg)
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

/* Runs jobs, of any queue, until all that were submitted to this one before the call have ended. */
static void
scheduler_drain(struct fi_os_scheduler_queue *queue)
{
    uint64_t end = queue->next_sequence;
    while (any_unfinished_before(queue, end)) {
        fi_os_scheduler_run_one(queue->scheduler);
    }
}

/* ==== a pool of real threads ====
 *
 * Jobs are in one ring, in order of submission; threads take them from its front. A thread is
 * started when a job finds no idle one and the pool does not have all its threads yet. So a pool
 * that is never used costs nothing.
 *
 * A wait is for the jobs that were submitted before it, not for an empty pool. Each job has a
 * sequence, and each thread publishes that of its current job. Since jobs are taken in order, all
 * jobs before the smallest published sequence and before the front of the ring have ended. So a
 * wait ends even if others keep submitting.
 *
 * (I1) The sequence of the job at the front of the ring is next_sequence - count.
 * (I2) The mutex is held for bookkeeping only, never while a job runs. (Not checked: worker_main
 *      unlocks it right before the call.)
 * (I3) Threads that exist are workers[0 .. started). None is started once stopping is set, so
 *      destroy can join them.
 *
 * Threads of a library must not take the signals of the program that embeds it: all signals are
 * blocked in them, except those that a fault of the thread itself raises.
 *
 * Stepping back. A thread for which a caller waits should not lose its processor to work without a
 * waiter: with more threads than processors a commit would stop for the length of a time slice. The
 * threads of such a pool run at nice STEP_BACK, a third of the usual share; less would let a busy
 * machine starve them. Only Linux has a priority for each thread.
 *
 * Failure. Only submitting can fail: if there is no memory for the ring, or the first thread cannot
 * be started. If a further thread cannot be started, there is only less parallelism.
 */

struct pool;

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/check.h"
#include "base/mem.h"

enum { STEP_BACK = 5 };

struct job {
    void (*run)(void *arg);
    void *arg;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    uint64_t sequence; /* of its current job; 0 if it has none */
};

struct pool {
    struct fi_os_mutex mutex; /* guards everything below */
    struct fi_os_cond work;   /* a job was submitted, or stopping was set */
    struct fi_os_cond done;   /* a job ended while a thread waits */
    struct job *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t front;
    size_t count;
    uint64_t next_sequence;
    unsigned threads;
    unsigned started;
    unsigned idle;
    unsigned waiters;
    bool stopping;
    bool steps_back;
    struct worker workers[];
};

/* Starts no thread yet. NULL if memory runs out. */
static struct pool *
pool_create(struct fi_os *os, unsigned threads)
{
    struct pool *pool = fi_alloc_zeroed(sizeof *pool + threads * sizeof(struct worker));
    if (pool == NULL) {
        return NULL;
    }
    fi_os_mutex_init(os, &pool->mutex, FI_LOCK_OS);
    fi_os_cond_init(os, &pool->work);
    fi_os_cond_init(os, &pool->done);
    pool->next_sequence = 1;
    pool->threads = threads;
    return pool;
}

/* Threads that start from now on get a lower priority, if the system has priorities for threads. */
static void
pool_step_back(struct pool *pool)
{
    fi_os_mutex_lock(&pool->mutex);
    pool->steps_back = true;
    fi_os_mutex_unlock(&pool->mutex);
}

/* The calling thread. A refusal does no harm; an inherited lower priority is kept. */
static void
step_back(void)
{
#ifdef __linux__
    id_t thread = (id_t)syscall(SYS_gettid);
    int priority = getpriority(PRIO_PROCESS, thread);
    if (priority < STEP_BACK) {
        (void)setpriority(PRIO_PROCESS, thread, STEP_BACK);
    }
#endif
}

/* Runs all submitted jobs, then ends the threads. */
static void
pool_destroy(struct pool *pool)
{
    fi_os_mutex_lock(&pool->mutex);
    pool->stopping = true;
    fi_os_cond_broadcast(&pool->work);
    fi_os_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->started; i++) {
        int error_number = pthread_join(pool->workers[i].thread, NULL);
        CHECK(error_number == 0);
    }
    CHECK(pool->count == 0);
    fi_os_cond_deinit(&pool->done);
    fi_os_cond_deinit(&pool->work);
    fi_os_mutex_deinit(&pool->mutex);
    fi_free(pool->ring);
    fi_free(pool);
}

/* Waits for the next job and takes it; false if there will be no more. */
static bool
take_job_locked(struct worker *worker, struct job *out)
{
    fi_os_mutex_assert_held(&worker->pool->mutex);
    struct pool *pool = worker->pool;
    while (pool->count == 0) {
        if (pool->stopping) {
            return false;
        }
        pool->idle++;
        fi_os_cond_wait(&pool->work, &pool->mutex);
        pool->idle--;
    }
    *out = pool->ring[pool->front];
    DCHECK(pool->count < pool->next_sequence); /* (I1) */
    worker->sequence = pool->next_sequence - pool->count;
    pool->front = (pool->front + 1) & (pool->capacity - 1);
    pool->count--;
    return true;
}

static void *
worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    struct job job;
    fi_os_mutex_lock(&pool->mutex);
    if (pool->steps_back) {
        step_back();
    }
    while (take_job_locked(worker, &job)) {
        fi_os_mutex_unlock(&pool->mutex);
        job.run(job.arg);
        fi_os_mutex_lock(&pool->mutex);
        worker->sequence = 0;
        if (pool->waiters > 0) {
            fi_os_cond_broadcast(&pool->done);
        }
    }
    fi_os_mutex_unlock(&pool->mutex);
    return NULL;
}

/* The signals that are meant for the program's own threads. */
static void
signals_of_the_program(sigset_t *out)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    (void)sigfillset(out);
    for (size_t i = 0; i < sizeof own_faults / sizeof own_faults[0]; i++) {
        (void)sigdelset(out, own_faults[i]);
    }
}

static int
start_worker_locked(struct pool *pool)
{
    fi_os_mutex_assert_held(&pool->mutex);
    DCHECK(pool->started < pool->threads && !pool->stopping); /* (I3) */
    struct worker *worker = &pool->workers[pool->started];
    worker->pool = pool;
    sigset_t blocked;
    sigset_t before;
    signals_of_the_program(&blocked);
    int error_number = pthread_sigmask(SIG_BLOCK, &blocked, &before);
    CHECK(error_number == 0);
    int result = pthread_create(&worker->thread, NULL, worker_main, worker);
    error_number = pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(error_number == 0);
    if (result == 0) {
        pool->started++;
    }
    return result;
}

static int
grow_ring_locked(struct pool *pool)
{
    fi_os_mutex_assert_held(&pool->mutex);
    size_t capacity = pool->capacity == 0 ? 16 : 2 * pool->capacity;
    struct job *ring = fi_alloc_array(capacity, sizeof *ring);
    if (ring == NULL) {
        return ENOMEM;
    }
    for (size_t i = 0; i < pool->count; i++) {
        ring[i] = pool->ring[(pool->front + i) & (pool->capacity - 1)];
    }
    fi_free(pool->ring);
    pool->ring = ring;
    pool->capacity = capacity;
    pool->front = 0;
    return 0;
}

static int
submit_locked(struct pool *pool, struct job job)
{
    fi_os_mutex_assert_held(&pool->mutex);
    if (pool->count == pool->capacity) {
        int error_number = grow_ring_locked(pool);
        if (error_number != 0) {
            return error_number;
        }
    }
    if (pool->idle <= pool->count && pool->started < pool->threads && !pool->stopping) {
        int error_number = start_worker_locked(pool);
        if (error_number != 0 && pool->started == 0) {
            return error_number;
        }
    }
    pool->ring[(pool->front + pool->count) & (pool->capacity - 1)] = job;
    pool->count++;
    pool->next_sequence++;
    fi_os_cond_signal(&pool->work);
    return 0;
}

/* 0, ENOMEM, or the errno of a first thread that could not be started; the job was not taken
 * then. */
static int
pool_submit(struct pool *pool, void (*run)(void *arg), void *arg)
{
    fi_os_mutex_lock(&pool->mutex);
    int error_number = submit_locked(pool, (struct job){run, arg});
    fi_os_mutex_unlock(&pool->mutex);
    return error_number;
}

/* All jobs before the result have ended. */
static uint64_t
first_unfinished_locked(const struct pool *pool)
{
    fi_os_mutex_assert_held(&pool->mutex);
    uint64_t first = pool->next_sequence - pool->count;
    for (unsigned i = 0; i < pool->started; i++) {
        uint64_t sequence = pool->workers[i].sequence;
        if (sequence != 0 && sequence < first) {
            first = sequence;
        }
    }
    return first;
}

/* Returns when all jobs submitted before the call have ended. */
static void
pool_wait(struct pool *pool)
{
    fi_os_mutex_lock(&pool->mutex);
    uint64_t end = pool->next_sequence;
    pool->waiters++;
    while (first_unfinished_locked(pool) < end) {
        fi_os_cond_wait(&pool->done, &pool->mutex);
    }
    pool->waiters--;
    fi_os_mutex_unlock(&pool->mutex);
}

/* ==== jobs, on the threads of a pool or in a simulation ==== */

/* One of the two is set. */
struct fi_os_jobs {
    struct pool *pool;
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
        jobs->queue = scheduler_add_queue(os->scheduler, threads);
    } else {
        jobs->pool = pool_create(os, threads);
    }
    if (jobs->queue == NULL && jobs->pool == NULL) {
        fi_free(jobs);
        return fi_error_no_memory(err, "a pool of jobs");
    }
    *out = jobs;
    return FIRN_OK;
}

void
fi_os_jobs_step_back(struct fi_os_jobs *jobs)
{
    if (jobs->pool != NULL) {
        pool_step_back(jobs->pool);
    }
}

void
fi_os_jobs_destroy(struct fi_os_jobs *jobs)
{
    if (jobs == NULL) {
        return;
    }
    if (jobs->queue != NULL) {
        scheduler_remove_queue(jobs->queue);
    } else {
        pool_destroy(jobs->pool);
    }
    fi_free(jobs);
}

int
fi_os_jobs_submit(struct fi_os_jobs *jobs, void (*run)(void *arg), void *arg, firn_error *err)
{
    int error_number = jobs->queue != NULL ? scheduler_submit(jobs->queue, run, arg)
                                           : pool_submit(jobs->pool, run, arg);
    if (error_number != 0) {
        return fi_error_set_errno(err, error_number, "could not submit a job");
    }
    return FIRN_OK;
}

void
fi_os_jobs_wait(struct fi_os_jobs *jobs)
{
    if (jobs->queue != NULL) {
        scheduler_drain(jobs->queue);
    } else {
        pool_wait(jobs->pool);
    }
}
