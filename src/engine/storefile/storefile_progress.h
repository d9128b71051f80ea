/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_progress.h: telling how far long work has come, a few times a second, and whether it is
 * still wanted. One thread.
 */
#ifndef FIRN_STOREFILE_STOREFILE_PROGRESS_H
#define FIRN_STOREFILE_STOREFILE_PROGRESS_H

#include "base/error.h"
#include "base/step.h"
#include "firn/notice.h"
#include "os/os.h"

/* Zeroed tells nobody. */
struct firn_storefile_progress {
    int (*on_progress)(void *ctx, const firn_progress *progress); /* may be NULL */
    void *ctx;
    struct firn_os *os;
    firn_progress now;
    uint64_t untold_bytes; /* since the clock was asked */
    int64_t due_ns;
    struct firn_step step;
};

/* Begins a phase, with nothing done, and tells of it. A total of 0 is unknown. Here as below
 * FIRN_CANCELLED where the work is not wanted any more. */
FIRN_MUST_CHECK int firn_storefile_progress_begin(struct firn_storefile_progress *progress,
                                                  const char *phase, uint64_t files_total,
                                                  uint64_t bytes_total, firn_error *err);
/* So much more is done. */
FIRN_MUST_CHECK int firn_storefile_progress_step(struct firn_storefile_progress *progress,
                                                 uint64_t files, uint64_t bytes, firn_error *err);
/* Begins a phase of work that tells its steps to *out, which lives as long as progress. NULL for
 * both is nobody. */
FIRN_MUST_CHECK int firn_storefile_progress_begin_steps(struct firn_storefile_progress *progress,
                                                        const char *phase, uint64_t files_total,
                                                        uint64_t bytes_total,
                                                        const struct firn_step **out,
                                                        firn_error *err);

#endif
