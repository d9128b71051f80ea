/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_callback.c: counts the callbacks that each thread is inside of.
 *
 * Every public function that takes a handle reads the count, so it uses the fastest model of
 * thread-local variables: one load at a fixed distance from the thread pointer.
 */
#include "threads/os_callback.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "threads/os_lock_check.h"

_Thread_local unsigned fi_os_callback_depth FI_OS_CALLBACK_MODEL;

unsigned
fi_os_callback_begin(void)
{
    fi_os_callback_depth++;
    DCHECK(fi_os_callback_is_running());
    return fi_os_lock_check_begin_job();
}

void
fi_os_callback_end(unsigned begun)
{
    DCHECK(fi_os_callback_is_running());
    fi_os_lock_check_end_job(begun);
    fi_os_callback_depth--;
}

void
fi_os_callback_notice(const firn_callbacks *callbacks, const firn_notice *notice)
{
    DCHECK(notice != NULL);
    if (callbacks->on_notice == NULL) {
        return;
    }
    unsigned begun = fi_os_callback_begin();
    callbacks->on_notice(callbacks->ctx, notice);
    fi_os_callback_end(begun);
}

bool
fi_os_callback_is_phase(const char *phase)
{
    static const char *const phases[] = {FIRN_PROGRESS_PHASES};
    size_t i = 0;
    while (i < sizeof phases / sizeof *phases && strcmp(phase, phases[i]) != 0) {
        i++;
    }
    return i < sizeof phases / sizeof *phases;
}

int
fi_os_callback_progress(const firn_callbacks *callbacks, const firn_progress *progress)
{
    DCHECK(progress != NULL && fi_os_callback_is_phase(progress->phase));
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    unsigned begun = fi_os_callback_begin();
    int rc = callbacks->on_progress(callbacks->ctx, progress);
    fi_os_callback_end(begun);
    return rc;
}

int
fi_os_callback_refuse(const char *what, firn_error *err)
{
    DCHECK(fi_os_callback_is_running());
    return fi_error_set(err, FIRN_MISUSE,
                        "a callback must not use %s: the call that it belongs to is still running",
                        what);
}
