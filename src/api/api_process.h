/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_process.h: handles that were opened before a fork, in the child: every function refuses
 * them, and looks at nothing in them but their mark. Locks inside may be held by threads that the
 * child does not have, and the files are the parent's.
 *
 * The structure of every public handle begins with its mark, so the mark can be read without knowing
 * the structure. Closing such a handle leaves its memory to the end of the process, because a thread
 * that the child does not have may have been changing it.
 *
 * The same questions refuse every handle to on_notice and on_progress (threads/os_callback.h).
 */
#ifndef FIRN_API_API_PROCESS_H
#define FIRN_API_API_PROCESS_H

#include <stddef.h>

#include "base/error.h"
#include "os/os_process.h"
#include "threads/os_callback.h"

/* Whether a handle, which is not NULL, was opened by this process. */
static inline bool
api_process_is_own(const void *handle)
{
    return firn_os_process_is_own((const struct firn_os_process_mark *)handle);
}

/* Whether a function without an error may use a handle. */
static inline bool
api_process_may_use(const void *handle)
{
    return handle != NULL && api_process_is_own(handle);
}

/* Whether a function may close a handle: nothing is closed in on_notice and on_progress either, because the
 * operation that called them may be using it. */
static inline bool
api_process_may_close(const void *handle)
{
    return api_process_may_use(handle) && !firn_os_callback_is_running();
}

/* Returns FIRN_MISUSE from the function around it, which opens something, if it is called in on_notice or
 * on_progress: what it opened could neither be used nor closed there. */
#define API_OPENS(what, err)                                  \
    do {                                                      \
        if (firn_os_callback_is_running()) {                  \
            return firn_os_callback_refuse("a " what, (err)); \
        }                                                     \
    } while (0)

#endif
