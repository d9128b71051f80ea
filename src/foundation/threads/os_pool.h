/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_pool.h: a pool of threads that run jobs.
 *
 * Only files of this folder include it. Any thread, but destroy only one.
 */
#ifndef FIRN_THREADS_OS_POOL_H
#define FIRN_THREADS_OS_POOL_H

#include "threads/os_thread.h"

struct fi_os_pool;

/* Starts no thread yet. NULL if memory runs out. */
struct fi_os_pool *fi_os_pool_create(struct fi_os *os, unsigned threads);
/* Threads that start from now on get a lower priority, if the system has priorities for threads. */
void fi_os_pool_step_back(struct fi_os_pool *pool, enum fi_os_jobs_nice nice);
/* Runs all submitted jobs, then ends the threads. */
void fi_os_pool_destroy(struct fi_os_pool *pool);
/* 0, ENOMEM, or the errno of a first thread that could not be started; the job was not taken
 * then. */
int fi_os_pool_submit(struct fi_os_pool *pool, void (*run)(void *arg), void *arg);
/* Returns when all jobs submitted before the call have ended. */
void fi_os_pool_wait(struct fi_os_pool *pool);

#endif
