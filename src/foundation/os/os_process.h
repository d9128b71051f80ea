/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_process.h: which process something belongs to. A child of fork has all memory of its parent
 * and none of its threads: locks may stay held for ever, and descriptors and shared mappings are
 * the parent's. Objects that must not be used there carry a mark of the process that made them.
 */
#ifndef FIRN_OS_OS_PROCESS_H
#define FIRN_OS_OS_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The first member of every handle of the public interface (api/api_process.h). */
struct fi_os_process_mark {
    uint64_t process;
};

/* The number of this process, or 0 before its first mark. Only for the function below. */
extern _Atomic uint64_t *fi_os_process_number;

/* Marks an object that this process has just made. Any thread. */
void fi_os_process_init_mark(struct fi_os_process_mark *mark);

/* Whether this process made the marked object. Takes a nanosecond, no lock and no system call. */
static inline bool
fi_os_process_is_own(const struct fi_os_process_mark *mark)
{
    /* Relaxed: the number changes only in fork, which leaves one thread. */
    return atomic_load_explicit(fi_os_process_number, memory_order_relaxed) == mark->process;
}

/* FIRN_MISUSE, for use of an object of another process; what is its name: "the store". */
int fi_os_process_refuse(const char *what, firn_error *err);

/* How many file descriptors this process may have at once. */
size_t fi_os_process_descriptors_max(void);

#endif
