/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_lock_check.h: the order of mutexes, checked in debug builds. Only files of this folder
 * include it.
 */
#ifndef FIRN_THREADS_OS_LOCK_CHECK_H
#define FIRN_THREADS_OS_LOCK_CHECK_H

#include "threads/os_thread.h"

#ifdef FIRN_DEBUG

/* CHECKs that the rank of mutex is above that of every mutex this thread holds, and records it as
 * held. Called before the mutex is taken, so that a wrong order is reported instead of hanging. */
void fi_os_lock_check_acquire(const struct fi_os_mutex *mutex);
/* CHECKs that this thread holds the mutex, and removes it from the record. */
void fi_os_lock_check_release(const struct fi_os_mutex *mutex);
/* In simulation a job runs on the stack of the waiting caller, but represents a thread of its own:
 * between begin and end the waiter's mutexes do not count. The result of begin is passed to end,
 * which CHECKs that the job released all of its own. */
unsigned fi_os_lock_check_begin_job(void);
void fi_os_lock_check_end_job(unsigned begun);

#else

static inline void
fi_os_lock_check_acquire(const struct fi_os_mutex *mutex)
{
    (void)mutex;
}

static inline void
fi_os_lock_check_release(const struct fi_os_mutex *mutex)
{
    (void)mutex;
}

static inline unsigned
fi_os_lock_check_begin_job(void)
{
    return 0;
}

static inline void
fi_os_lock_check_end_job(unsigned begun)
{
    (void)begun;
}

#endif
#endif
