/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_progress.c: what a checkout tells its caller while it runs: phases and
 * progress, and notices about single entries.
 *
 * Callbacks come from the threads of a pass, one at a time, under the checkout's mutex. Once the
 * first entry may have been moved, the caller cannot cancel any more.
 */
#include "base/check.h"
#include "checkout/checkout_internal.h"
#include "threads/os_callback.h"

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000 };

void
fi_checkout_progress_notice(struct fi_checkout *checkout, firn_notice_kind kind, firn_slice path,
                            const char *text)
{
    const firn_callbacks *callbacks = &checkout->options.callbacks;
    if (callbacks->on_notice == NULL) {
        return;
    }
    firn_notice notice = {.kind = kind, .path = path, .text = text};
    fi_os_mutex_lock(&checkout->mutex);
    fi_os_callback_notice(callbacks, &notice);
    fi_os_mutex_unlock(&checkout->mutex);
}

static int
report_progress_locked(struct fi_checkout *checkout, int64_t now)
{
    fi_os_mutex_assert_held(&checkout->mutex);
    const struct fi_checkout_options *options = &checkout->options;
    const firn_callbacks *callbacks = &options->callbacks;
    checkout->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    if (options->on_step != NULL) {
        options->on_step(options->step_ctx, &checkout->progress);
    }
    int rc = callbacks->on_progress != NULL
                 ? fi_os_callback_progress(callbacks, &checkout->progress)
                 : FIRN_OK;
    return checkout->progress.is_finishing ? FIRN_OK : rc;
}

static int
begin_phase(struct fi_checkout *checkout, const firn_progress *progress, firn_error *err)
{
    DCHECK(fi_os_callback_is_phase(progress->phase));
    fi_os_mutex_lock(&checkout->mutex);
    bool is_finishing = checkout->progress.is_finishing;
    checkout->progress = *progress;
    checkout->progress.is_finishing = is_finishing;
    int rc = report_progress_locked(checkout, fi_os_monotonic_ns(checkout->os));
    fi_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_checkout_progress_phase(struct fi_checkout *checkout, const char *phase, uint64_t files_total,
                           uint64_t bytes_total, firn_error *err)
{
    const firn_progress progress = {
        .phase = phase, .files_total = files_total, .bytes_total = bytes_total};
    return begin_phase(checkout, &progress, err);
}

int
fi_checkout_progress_phase_next(struct fi_checkout *checkout, const char *phase, firn_error *err)
{
    firn_progress progress = checkout->progress;
    progress.phase = phase;
    return begin_phase(checkout, &progress, err);
}

void
fi_checkout_progress_finishing(struct fi_checkout *checkout)
{
    fi_os_mutex_lock(&checkout->mutex);
    checkout->progress.is_finishing = true;
    fi_os_mutex_unlock(&checkout->mutex);
}

int
fi_checkout_progress(struct fi_checkout *checkout, uint64_t files, uint64_t bytes, firn_error *err)
{
    if (checkout->options.callbacks.on_progress == NULL && checkout->options.on_step == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    fi_os_mutex_lock(&checkout->mutex);
    checkout->progress.files_done += files;
    checkout->progress.bytes_done += bytes;
    int64_t now = fi_os_monotonic_ns(checkout->os);
    if (now >= checkout->progress_due_ns) {
        rc = report_progress_locked(checkout, now);
    }
    fi_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}
