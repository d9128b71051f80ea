/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_lock_check.h: the order of mutexes, checked in debug builds. Only files of this folder
 * include it.
 */
#ifndef FIRN_THREADS_OS_LOCK_CHECK_H
#define FIRN_THREADS_OS_LOCK_CHECK_H

#include "threads/os_thread.h"

#ifdef FIRN_DEBUG

/* CHECKs that the rank of mutex is above that of every mutex this thread holds, and counts it as
 * held. To be called before the mutex is taken, so that a wrong order is reported instead of
 * hanging. */
void firn_os_lock_check_acquire(const struct firn_os_mutex *mutex);
/* CHECKs that this thread holds the mutex. */
void firn_os_lock_check_release(const struct firn_os_mutex *mutex);
/* In simulation a job runs on the stack of the waiting caller, but stands for a thread of its own:
 * between begin and end what the waiter holds does not count. begin returns what end wants back;
 * end CHECKs that the job let go of all. */
unsigned firn_os_lock_check_begin_job(void);
void firn_os_lock_check_end_job(unsigned begun);

#else

static inline void
firn_os_lock_check_acquire(const struct firn_os_mutex *mutex)
{
    (void)mutex;
}

static inline void
firn_os_lock_check_release(const struct firn_os_mutex *mutex)
{
    (void)mutex;
}

static inline unsigned
firn_os_lock_check_begin_job(void)
{
    return 0;
}

static inline void
firn_os_lock_check_end_job(unsigned begun)
{
    (void)begun;
}

#endif
#endif
