/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_mutex.c: mutexes, of threads or of the simulation.
 *
 * In production a mutex is a pthread mutex. In simulation there is one stack and nothing runs in
 * parallel: a mutex is a flag, and finding it set means that its holder is suspended further down
 * on this very stack and can never release it. That is a deadlock, and CHECK reports it.
 *
 * The order of ranks is checked first in both (os_lock_check.c), so that a wrong order is found
 * even if it happens to do no harm.
 */
#include "base/check.h"
#include "os/os_ops.h"
#include "threads/os_lock_check.h"

void
fi_os_mutex_init(struct fi_os *os, struct fi_os_mutex *mutex, enum fi_lock_rank rank)
{
    mutex->os = os;
    mutex->rank = rank;
    mutex->held_in_simulation = false;
    int error_number = pthread_mutex_init(&mutex->posix, NULL);
    CHECK(error_number == 0);
}

void
fi_os_mutex_deinit(struct fi_os_mutex *mutex)
{
    CHECK(!mutex->held_in_simulation);
    int error_number = pthread_mutex_destroy(&mutex->posix);
    CHECK(error_number == 0); /* still held: its holder would use freed memory */
}

void
fi_os_mutex_lock(struct fi_os_mutex *mutex)
{
    fi_os_lock_check_acquire(mutex);
    if (mutex->os->scheduler != NULL) {
        CHECK(!mutex->held_in_simulation); /* else its holder is suspended below us */
        mutex->held_in_simulation = true;
        return;
    }
    int error_number = pthread_mutex_lock(&mutex->posix);
    CHECK(error_number == 0);
}

void
fi_os_mutex_unlock(struct fi_os_mutex *mutex)
{
    fi_os_lock_check_release(mutex);
    if (mutex->os->scheduler != NULL) {
        CHECK(mutex->held_in_simulation);
        mutex->held_in_simulation = false;
        return;
    }
    int error_number = pthread_mutex_unlock(&mutex->posix);
    CHECK(error_number == 0);
}
