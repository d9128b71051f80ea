/* SPDX-License-Identifier: Apache-2.0
 *
 * base/step.h: long work tells what it has done, in small steps, and hears whether it is still
 * wanted.
 */
#ifndef FIRN_BASE_STEP_H
#define FIRN_BASE_STEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The receiver of steps. It is called in the thread that works, perhaps for every entry, so it has
 * to be quick. Another return than FIRN_OK, such as FIRN_CANCELLED, ends the work, which returns
 * that. */
struct firn_step {
    int (*told)(void *ctx, uint64_t files, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* So much more is done; step may be NULL. */
FIRN_MUST_CHECK static inline int
firn_step_tell(const struct firn_step *step, uint64_t files, uint64_t bytes, firn_error *err)
{
    return step == NULL ? FIRN_OK : step->told(step->ctx, files, bytes, err);
}

#endif
