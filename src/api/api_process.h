/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_process.h: refuses handles in a child process that were opened before the fork. A
 * function only reads the mark of such a handle: locks inside may be held by threads that the child
 * does not have, and the files are the parent's.
 *
 * The structure of every public handle begins with its mark, so the mark can be read without
 * knowing the structure. Closing such a handle keeps its memory until the process ends, because a
 * thread that the child does not have may have been changing it.
 *
 * The same checks refuse every handle in on_notice and on_progress (threads/os_callback.h).
 */
#ifndef FIRN_API_API_PROCESS_H
#define FIRN_API_API_PROCESS_H

#include <stddef.h>

#include "base/error.h"
#include "os/os_process.h"
#include "threads/os_callback.h"

/* Whether a handle was opened by this process. Requires: it is not NULL. */
static inline bool
api_process_is_own(const void *handle)
{
    return fi_os_process_is_own((const struct fi_os_process_mark *)handle);
}

/* Whether a function without an error may use a handle. */
static inline bool
api_process_may_use(const void *handle)
{
    return handle != NULL && api_process_is_own(handle);
}

/* Whether a function may close a handle. In on_notice and on_progress it may not, because the
 * operation that called them may be using the handle. */
static inline bool
api_process_may_close(const void *handle)
{
    return api_process_may_use(handle) && !fi_os_callback_is_running();
}

/* Returns FIRN_MISUSE from the enclosing function, which opens a handle, if it is called in
 * on_notice or on_progress: the handle could neither be used nor closed there. */
#define API_OPENS(what, err)                                \
    do {                                                    \
        if (fi_os_callback_is_running()) {                  \
            return fi_os_callback_refuse("a " what, (err)); \
        }                                                   \
    } while (0)

#endif
