/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_lock_check.c: the order of mutexes, checked in debug builds.
 *
 * Each thread records the mutexes that it holds, oldest first. Taking one whose rank is not above
 * all of them could deadlock with a thread that takes them in the opposite order, whether or not it
 * does so today. So a test ends at its first wrong order.
 *
 * (I1) held[base .. count) ascends strictly in rank. Mutexes may be released in any order.
 * (I2) Below base are the mutexes of callers that wait on this stack while a job is run in
 *      simulation; they belong to other threads of the simulated production.
 */
#include "threads/os_lock_check.h"

#ifdef FIRN_DEBUG

#include <string.h>

#include "base/check.h"

enum {
    HELD_MAX = 256
}; /* ranks held at once by one thread, times the jobs that wait on one stack in simulation */

static _Thread_local struct {
    const struct fi_os_mutex *held[HELD_MAX];
    unsigned base;
    unsigned count;
} thread;

void
fi_os_lock_check_acquire(const struct fi_os_mutex *mutex)
{
    if (thread.count > thread.base) {
        CHECK(mutex->rank > thread.held[thread.count - 1]->rank);
    }
    CHECK(thread.count < HELD_MAX);
    thread.held[thread.count++] = mutex;
}

void
fi_os_lock_check_release(const struct fi_os_mutex *mutex)
{
    unsigned i = thread.count;
    while (i > thread.base && thread.held[i - 1] != mutex) {
        i--;
    }
    CHECK(i > thread.base); /* this thread does not hold it */
    for (; i < thread.count; i++) {
        thread.held[i - 1] = thread.held[i];
    }
    thread.count--;
}

void
fi_os_mutex_assert_held(const struct fi_os_mutex *mutex)
{
    unsigned i = thread.count;
    while (i > thread.base && thread.held[i - 1] != mutex) {
        i--;
    }
    CHECK(i > thread.base); /* this thread does not hold it */
}

unsigned
fi_os_lock_check_begin_job(void)
{
    unsigned base = thread.base;
    thread.base = thread.count;
    return base;
}

void
fi_os_lock_check_end_job(unsigned begun)
{
    CHECK(thread.count == thread.base); /* the job ended with a mutex held */
    thread.base = begun;
}

#else

typedef int fi_os_lock_check_is_for_debug_builds;

#endif
