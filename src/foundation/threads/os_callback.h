/* SPDX-License-Identifier: Apache-2.0
 *
 * threads/os_callback.h: calling functions of the program that must not use handles: on_notice and
 * on_progress (firn/notice.h), and those of imports and exports (firn/exchange.h); and whether this
 * thread is inside of one. Every such call of the library is made between fi_os_callback_begin
 * and fi_os_callback_end.
 *
 * The caller may hold mutexes of the operation. They do not count in the order of mutexes that the
 * callback takes, as if it were a job of its own. Public functions refuse to use handles in a
 * callback (fi_os_callback_refuse), so it cannot wait for these mutexes.
 */
#ifndef FIRN_THREADS_OS_CALLBACK_H
#define FIRN_THREADS_OS_CALLBACK_H

#include <stdbool.h>

#include "base/error.h"
#include "firn/notice.h"

/* Called before and after a callback. The result is passed to the end. */
unsigned fi_os_callback_begin(void);
void fi_os_callback_end(unsigned begun);

/* Calls callbacks->on_notice, if there is one. */
void fi_os_callback_notice(const firn_callbacks *callbacks, const firn_notice *notice);
/* Whether FIRN_PROGRESS_PHASES lists it. */
bool fi_os_callback_is_phase(const char *phase);
/* Calls callbacks->on_progress, if there is one, and returns its result, else FIRN_OK. Requires:
 * the phase is listed. */
int fi_os_callback_progress(const firn_callbacks *callbacks, const firn_progress *progress);
/* How many such calls this thread is inside of. Each thread has its own count, in memory that a
 * program reserves for libraries loaded later, so that every public function can read it without a
 * call. That memory is small: debug builds, which also count locks by thread, use another model. */
#ifdef FIRN_DEBUG
#define FI_OS_CALLBACK_MODEL
#else
#define FI_OS_CALLBACK_MODEL __attribute__((tls_model("initial-exec")))
#endif
extern _Thread_local unsigned fi_os_callback_depth FI_OS_CALLBACK_MODEL;

static inline bool
fi_os_callback_is_running(void)
{
    return fi_os_callback_depth > 0;
}

/* Sets and returns FIRN_MISUSE: a callback must not use `what` ("the store"). */
int fi_os_callback_refuse(const char *what, firn_error *err);

#endif
