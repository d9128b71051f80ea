/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_pool.c: a pool of real threads.
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
 * waiter: with more threads than processors a commit would stop for the length of a time slice. So
 * the threads of such a pool run at a higher nice value (os_thread.h). Only Linux has one for each
 * thread.
 *
 * Failure. Only submitting can fail: if there is no memory for the ring, or the first thread cannot
 * be started. If a further thread cannot be started, there is only less parallelism.
 */
#include "threads/os_pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/check.h"
#include "base/mem.h"
#include "threads/os_lock_check.h"

struct job {
    void (*run)(void *arg);
    void *arg;
};

struct worker {
    struct fi_os_pool *pool;
    pthread_t thread;
    uint64_t sequence; /* of its current job; 0 if it has none */
};

struct fi_os_pool {
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
    int nice; /* of its threads, at least; 0: theirs is that of the thread that starts them */
    struct worker workers[];
};

struct fi_os_pool *
fi_os_pool_create(struct fi_os *os, unsigned threads)
{
    struct fi_os_pool *pool = fi_alloc_zeroed(sizeof *pool + threads * sizeof(struct worker));
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

void
fi_os_pool_step_back(struct fi_os_pool *pool, enum fi_os_jobs_nice nice)
{
    fi_os_mutex_lock(&pool->mutex);
    pool->nice = (int)nice;
    fi_os_mutex_unlock(&pool->mutex);
}

/* The calling thread. A refusal does no harm; an inherited lower priority is kept. */
static void
step_back(int nice)
{
#ifdef __linux__
    id_t thread = (id_t)syscall(SYS_gettid);
    int priority = getpriority(PRIO_PROCESS, thread);
    if (priority < nice) {
        (void)setpriority(PRIO_PROCESS, thread, nice);
    }
#endif
}

void
fi_os_pool_destroy(struct fi_os_pool *pool)
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
    struct fi_os_pool *pool = worker->pool;
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
    struct fi_os_pool *pool = worker->pool;
    struct job job;
    fi_os_mutex_lock(&pool->mutex);
    if (pool->nice > 0) {
        step_back(pool->nice);
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
start_worker_locked(struct fi_os_pool *pool)
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
grow_ring_locked(struct fi_os_pool *pool)
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
submit_locked(struct fi_os_pool *pool, struct job job)
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

int
fi_os_pool_submit(struct fi_os_pool *pool, void (*run)(void *arg), void *arg)
{
    fi_os_mutex_lock(&pool->mutex);
    int error_number = submit_locked(pool, (struct job){run, arg});
    fi_os_mutex_unlock(&pool->mutex);
    return error_number;
}

/* All jobs before the result have ended. */
static uint64_t
first_unfinished_locked(const struct fi_os_pool *pool)
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

void
fi_os_pool_wait(struct fi_os_pool *pool)
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
