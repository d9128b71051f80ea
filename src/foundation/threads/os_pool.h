/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_pool.h: a pool of real threads that run jobs. Only files of this folder include it.
 */
#ifndef FIRN_THREADS_OS_POOL_H
#define FIRN_THREADS_OS_POOL_H

#include "threads/os_thread.h"

struct firn_os_pool;

/* Starts no thread yet. NULL when memory is out. */
struct firn_os_pool *firn_os_pool_create(struct firn_os *os, unsigned threads)
    __attribute__((warn_unused_result));
/* Threads that start from now on run at a lower priority, where the system knows one for threads. */
void firn_os_pool_step_back(struct firn_os_pool *pool);
/* Runs what was submitted, then ends the threads. */
void firn_os_pool_destroy(struct firn_os_pool *pool);
/* 0, ENOMEM, or the errno of a first thread that could not be started; then the job was not
 * taken. */
int firn_os_pool_submit(struct firn_os_pool *pool, void (*run)(void *arg), void *arg)
    __attribute__((warn_unused_result));
/* Returns when all jobs submitted before the call have ended. */
void firn_os_pool_wait(struct firn_os_pool *pool);

#endif
