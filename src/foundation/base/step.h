/* SPDX-License-Identifier: Apache-2.0
 *
 * base/step.h: long work reports its progress in small steps, and learns whether it was cancelled.
 */
#ifndef FIRN_BASE_STEP_H
#define FIRN_BASE_STEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The receiver of progress. It is called in the working thread, perhaps for every entry, so it must
 * be fast. A result other than FIRN_OK, such as FIRN_CANCELLED, ends the work, which returns it. */
struct fi_step {
    int (*told)(void *ctx, uint64_t files, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Reports further progress; step may be NULL. */
FIRN_MUST_CHECK static inline int
fi_step_report(const struct fi_step *step, uint64_t files, uint64_t bytes, firn_error *err)
{
    return step == NULL ? FIRN_OK : step->told(step->ctx, files, bytes, err);
}

#endif
