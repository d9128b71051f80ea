/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_thread.h: mutexes, conditions and jobs.
 *
 * Background work is a job. In production jobs run on the threads of a pool. In simulation nothing
 * runs in parallel: submitted jobs wait in a queue. A caller that waits (for a condition, for a
 * pool to drain) runs the next job inline on its own stack; the seed picks it among those that the
 * threads of a pool could be working on. So a pool of one thread runs its jobs in order in both. A
 * wait for a condition ends only when it was signalled. A wait with nothing left to run is a
 * deadlock and is reported as such (CHECK). So a job must never wait for something that only an
 * earlier job can do that is suspended below it on the stack; jobs that wait for nothing are always
 * safe.
 *
 * Mutexes have ranks (enum fi_lock_rank). A thread may take a mutex only if its rank is larger than
 * those of all mutexes that the thread holds. Debug builds CHECK that. Locks guard memory work, not
 * I/O.
 */
#ifndef FIRN_THREADS_OS_THREAD_H
#define FIRN_THREADS_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The table of all mutexes. A thread takes them only in ascending order. */

enum fi_lock_rank {
    FI_LOCK_WORKSPACE_WALK = 10, /* workspace: the stack of directories to visit */
    FI_LOCK_WORKSPACE_TREE = 15, /* workspace: results that walkers share; bucket: parts */
    FI_LOCK_PACK_WRITER = 20,    /* pack: claimed hashes and the file's end */
    FI_LOCK_PACK_SET = 25,       /* pack: open packs, idle working memory */
    FI_LOCK_TABLES = 27,         /* rows: making, changing and dropping tables */
    FI_LOCK_TABLE = 28,          /* rows: the state of one table */
    FI_LOCK_DB_COMMIT = 30,      /* store: the queue of committers */
    FI_LOCK_DB_STATE = 40,       /* store: keyspaces, sequence, cursors, failure latch */
    FI_LOCK_DB_JOBS = 42,        /* store: background work, its failures, the reserve */
    FI_LOCK_LSM = 45,            /* lsm: current versions, memtables, works */
    FI_LOCK_LSM_FILES = 47,      /* lsm: which run files are open */
    FI_LOCK_LOG = 50,            /* log: the segment's buffer and offsets */
    FI_LOCK_BLOCK_WRITER = 55,   /* block: the end of a file being written */
    FI_LOCK_LSM_MEMORY = 57,     /* lsm: memory that no memtable uses */
    FI_LOCK_BLOCK_FILES = 58,    /* block: which sealed files are open */
    FI_LOCK_BLOCK_CACHE = 60,    /* block: cache shards */
    FI_LOCK_DB_SNAPSHOTS = 61,   /* reading: the lists of open snapshots; and the 15 after it */
    FI_LOCK_OS_KNOWN = 80,       /* hosted: the list of a directory's own files */
    FI_LOCK_OS = 90              /* os: job queues and the memory file system */
};

struct fi_os;

/* Embedded in the caller's memory; the members are the implementation's. */
struct fi_os_mutex {
    struct fi_os *os;
    enum fi_lock_rank rank;
    bool held_in_simulation;
    pthread_mutex_t posix;
};

struct fi_os_cond {
    struct fi_os *os;
    uint64_t signals_in_simulation;
    pthread_cond_t posix;
};

void fi_os_mutex_init(struct fi_os *os, struct fi_os_mutex *mutex, enum fi_lock_rank rank);
void fi_os_mutex_deinit(struct fi_os_mutex *mutex);
void fi_os_mutex_lock(struct fi_os_mutex *mutex);
void fi_os_mutex_unlock(struct fi_os_mutex *mutex);
/* Fails a CHECK in debug builds if this thread does not hold the mutex: the first line of a
 * function whose caller must hold it. Does nothing in release builds. */
#ifdef FIRN_DEBUG
void fi_os_mutex_assert_held(const struct fi_os_mutex *mutex);
#else
static inline void
fi_os_mutex_assert_held(const struct fi_os_mutex *mutex)
{
    (void)mutex;
}
#endif

void fi_os_cond_init(struct fi_os *os, struct fi_os_cond *cond);
void fi_os_cond_deinit(struct fi_os_cond *cond);
/* May wake without a signal: wait in a loop that tests the predicate. */
void fi_os_cond_wait(struct fi_os_cond *cond, struct fi_os_mutex *mutex);
/* Like fi_os_cond_wait, with a time limit. In simulation nothing else runs meanwhile: only the
 * clock advances. */
void fi_os_cond_wait_for(struct fi_os_cond *cond, struct fi_os_mutex *mutex, int64_t duration_ns);
void fi_os_cond_signal(struct fi_os_cond *cond);
void fi_os_cond_broadcast(struct fi_os_cond *cond);

/* Whether jobs run on threads; false in simulation. */
bool fi_os_has_threads(const struct fi_os *os);

struct fi_os_jobs;

/* A pool of `threads` ≥ 1 threads (started on demand; none in simulation). */
FIRN_MUST_CHECK int fi_os_jobs_create(struct fi_os *os, unsigned threads, struct fi_os_jobs **out,
                                      firn_error *err);
/* How nice the threads of a pool are: with a third of the usual share of a processor, where callers
 * may come to wait for its jobs, so that a busy machine does not starve them; or with a tenth. */
enum fi_os_jobs_nice { FI_OS_JOBS_BACK = 5, FI_OS_JOBS_FAR_BACK = 10 };
/* Gives the pool's threads a lower priority than others. Requires: no job was submitted yet. */
void fi_os_jobs_step_back(struct fi_os_jobs *jobs, enum fi_os_jobs_nice nice);
/* Runs all submitted jobs, then ends the threads. NULL is allowed. */
void fi_os_jobs_destroy(struct fi_os_jobs *jobs);
/* run(arg) will be called once, on a thread of the pool. Fails only without memory or a first
 * thread. */
FIRN_MUST_CHECK int fi_os_jobs_submit(struct fi_os_jobs *jobs, void (*run)(void *arg), void *arg,
                                      firn_error *err);
/* Returns when every job submitted so far has ended. Must not be called from a job of the same
 * pool. */
void fi_os_jobs_wait(struct fi_os_jobs *jobs);

#endif
