/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_cond.c: condition variables, of threads or of the simulation.
 *
 * In simulation a wait runs jobs inline until one of them has signalled this condition. It does not
 * evaluate the caller's predicate, and it never returns early: a forgotten signal becomes a
 * deadlock, as it would with threads. A signal wakes all waiters in simulation. Every caller must
 * allow for that anyway, since spurious wake-ups are possible.
 */
#include <errno.h>
#include <time.h>

#include "base/check.h"
#include "os/os_ops.h"
#include "threads/os_lock_check.h"
#include "threads/os_scheduler.h"

void
fi_os_cond_init(struct fi_os *os, struct fi_os_cond *cond)
{
    cond->os = os;
    cond->signals_in_simulation = 0;
    pthread_condattr_t attributes;
    int error_number = pthread_condattr_init(&attributes);
    CHECK(error_number == 0);
    error_number = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    CHECK(error_number == 0);
    error_number = pthread_cond_init(&cond->posix, &attributes);
    CHECK(error_number == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void
fi_os_cond_deinit(struct fi_os_cond *cond)
{
    int error_number = pthread_cond_destroy(&cond->posix);
    CHECK(error_number == 0);
}

void
fi_os_cond_wait(struct fi_os_cond *cond, struct fi_os_mutex *mutex)
{
    struct fi_os_scheduler *scheduler = cond->os->scheduler;
    if (scheduler == NULL) {
        fi_os_lock_check_release(mutex);
        int error_number = pthread_cond_wait(&cond->posix, &mutex->posix);
        CHECK(error_number == 0);
        fi_os_lock_check_acquire(mutex);
        return;
    }
    uint64_t signals = cond->signals_in_simulation;
    fi_os_mutex_unlock(mutex);
    while (cond->signals_in_simulation == signals) {
        fi_os_scheduler_run_one(scheduler);
    }
    fi_os_mutex_lock(mutex);
}

void
fi_os_cond_wait_for(struct fi_os_cond *cond, struct fi_os_mutex *mutex, int64_t duration_ns)
{
    enum { NS_IN_S = 1000000000 };
    struct timespec end;
    if (cond->os->scheduler != NULL) {
        fi_os_mutex_unlock(mutex);
        fi_os_sleep_ns(cond->os, duration_ns);
        fi_os_mutex_lock(mutex);
        return;
    }
    int error_number = clock_gettime(CLOCK_MONOTONIC, &end) == 0 ? 0 : errno;
    CHECK(error_number == 0);
    int64_t ns = end.tv_nsec + duration_ns % NS_IN_S;
    end.tv_sec += (time_t)(duration_ns / NS_IN_S + ns / NS_IN_S);
    end.tv_nsec = (long)(ns % NS_IN_S);
    fi_os_lock_check_release(mutex);
    error_number = pthread_cond_timedwait(&cond->posix, &mutex->posix, &end);
    CHECK(error_number == 0 || error_number == ETIMEDOUT);
    fi_os_lock_check_acquire(mutex);
}

void
fi_os_cond_signal(struct fi_os_cond *cond)
{
    if (cond->os->scheduler != NULL) {
        cond->signals_in_simulation++;
        return;
    }
    int error_number = pthread_cond_signal(&cond->posix);
    CHECK(error_number == 0);
}

void
fi_os_cond_broadcast(struct fi_os_cond *cond)
{
    if (cond->os->scheduler != NULL) {
        cond->signals_in_simulation++;
        return;
    }
    int error_number = pthread_cond_broadcast(&cond->posix);
    CHECK(error_number == 0);
}
