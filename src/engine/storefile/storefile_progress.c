/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_progress.c: reporting the progress of long operations.
 *
 * Steps may be as small as one entry, so the clock is not read at each step, but only after a
 * number of bytes; an entry counts as some bytes even if it is empty.
 */
#include "base/check.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"

#define INTERVAL_NS INT64_C(200000000)
enum { STEP_BYTES = 32, LOOK_BYTES = 64 << 10 };

static int
storefile_progress_report(struct fi_storefile_progress *progress, int64_t now_ns, firn_error *err)
{
    progress->due_ns = now_ns + INTERVAL_NS;
    const firn_callbacks callbacks = {.on_progress = progress->on_progress, .ctx = progress->ctx};
    return fi_os_callback_progress(&callbacks, &progress->now) == FIRN_OK
               ? FIRN_OK
               : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_storefile_progress_begin(struct fi_storefile_progress *progress, const char *phase,
                            uint64_t files_total, uint64_t bytes_total, firn_error *err)
{
    DCHECK(fi_os_callback_is_phase(phase) &&
           (progress->on_progress == NULL || progress->os != NULL));
    progress->now =
        (firn_progress){.phase = phase, .files_total = files_total, .bytes_total = bytes_total};
    progress->untold_bytes = 0;
    return progress->on_progress != NULL
               ? storefile_progress_report(progress, fi_os_monotonic_ns(progress->os), err)
               : FIRN_OK;
}

int
fi_storefile_progress_step(struct fi_storefile_progress *progress, uint64_t files, uint64_t bytes,
                           firn_error *err)
{
    DCHECK(progress->now.phase != NULL);
    progress->now.files_done += files;
    progress->now.bytes_done += bytes;
    progress->untold_bytes += bytes + STEP_BYTES;
    if (progress->on_progress == NULL || progress->untold_bytes < LOOK_BYTES) {
        return FIRN_OK;
    }
    progress->untold_bytes = 0;
    int64_t now_ns = fi_os_monotonic_ns(progress->os);
    return now_ns >= progress->due_ns ? storefile_progress_report(progress, now_ns, err) : FIRN_OK;
}

static int
told(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    return fi_storefile_progress_step(ctx, files, bytes, err);
}

int
fi_storefile_progress_begin_steps(struct fi_storefile_progress *progress, const char *phase,
                                  uint64_t files_total, uint64_t bytes_total,
                                  const struct fi_step **out, firn_error *err)
{
    *out = NULL;
    if (progress == NULL) {
        return FIRN_OK;
    }
    progress->step = (struct fi_step){told, progress};
    *out = &progress->step;
    return fi_storefile_progress_begin(progress, phase, files_total, bytes_total, err);
}
