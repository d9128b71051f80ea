/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_report.c: what a collection tells: its progress, and damage.
 */
#include "base/check.h"
#include "gc/gc_internal.h"
#include "threads/os_callback.h"

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

int
fi_gc_report_progress(struct fi_gc *gc, const char *phase, uint64_t objects_done, firn_error *err)
{
    enum { OBJECTS_A_LOOK = 256 };
    return objects_done % OBJECTS_A_LOOK == 0
               ? fi_gc_report_progress_now(gc, phase, objects_done, err)
               : FIRN_OK;
}

int
fi_gc_report_progress_now(struct fi_gc *gc, const char *phase, uint64_t objects_done,
                          firn_error *err)
{
    const firn_callbacks *callbacks = &gc->options->callbacks;
    DCHECK(fi_os_callback_is_phase(phase));
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    int64_t now = fi_os_monotonic_ns(gc->ws->os);
    if (now < gc->progress_due_ns) {
        return FIRN_OK;
    }
    gc->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    firn_progress state = {.phase = phase, .files_done = objects_done};
    int rc = fi_os_callback_progress(callbacks, &state);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_gc_report_moved(struct fi_gc *gc, uint64_t objects_done, firn_error *err)
{
    const char *phase = gc->options->recompress_level > 0 ? "recompress" : "move";
    return fi_gc_report_progress_now(gc, phase, objects_done, err);
}

void
fi_gc_report_damage(struct fi_gc *gc, const char *text)
{
    gc->result->damaged++;
    fi_ws_report_damage(&gc->options->callbacks, text);
}
