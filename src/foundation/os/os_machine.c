/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_machine.c: the machine and the process: clocks, randomness, ids, the environment.
 *
 * Clocks, the number of processors and the ids cannot fail. Randomness can (if the kernel is too
 * old), and there is no fallback to a weaker source.
 */
#include <sched.h>
#include <time.h>

#include "base/check.h"
#include "os/os.h"
#include "os/os_ops.h"

int64_t
fi_os_now_ns(struct fi_os *os)
{
    return os->ops->now_ns(os);
}

int64_t
fi_os_zone(int64_t since_epoch_s)
{
    time_t seconds = (time_t)since_epoch_s;
    struct tm parts;
    return localtime_r(&seconds, &parts) != NULL ? parts.tm_gmtoff : 0;
}

static struct fi_os *
machine_of(struct fi_os *os)
{
    while (os->machine != NULL) {
        os = os->machine;
    }
    return os;
}

int64_t
fi_os_monotonic_ns(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->monotonic_ns(os);
}

int64_t
fi_os_boottime_ns(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->boottime_ns != NULL ? os->ops->boottime_ns(os) : os->ops->monotonic_ns(os);
}

void
fi_os_sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    os = machine_of(os);
    if (duration_ns > 0) {
        os->ops->sleep_ns(os, duration_ns);
    }
}

bool
fi_os_yield(struct fi_os *os)
{
    return os->scheduler == NULL && sched_yield() == 0;
}

int
fi_os_random(struct fi_os *os, void *out, size_t size, firn_error *err)
{
    DCHECK(out != NULL || size == 0);
    os = machine_of(os);
    int error_number = os->ops->random(os, out, size);
    if (error_number != 0) {
        return fi_error_set_errno(err, error_number, "could not get random bytes");
    }
    return FIRN_OK;
}

unsigned
fi_os_cpu_count(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->cpu_count(os);
}

uint64_t
fi_os_process_id(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->process_id(os);
}

uint64_t
fi_os_boot_id(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->boot_id(os);
}

uint32_t
fi_os_user_id(struct fi_os *os)
{
    os = machine_of(os);
    return os->ops->user_id(os);
}

/* A simulated machine has none but XDG_DATA_HOME, a folder of its own: what else a test means to
 * set, it passes as an option. So no test depends on the environment that it is run in. */
const char *
fi_os_environment(struct fi_os *os, const char *name)
{
    DCHECK(name != NULL);
    return os->ops->environment == NULL ? NULL : os->ops->environment(os, name);
}
