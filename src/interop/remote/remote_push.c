/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_push.c: publishing what a caller wants, however often others are first.
 */
#include "remote/remote_internal.h"

/* A lost race is repeated after a random time of at most so long. */
#define PAUSE_NS INT64_C(100000000)

int
fi_remote_push(struct fi_remote *remote, fi_remote_plan *plan, void *ctx, firn_error *err)
{
    struct fi_remote_change change = {0};
    bool is_published = false;
    int rc;
    FI_TRY(fi_remote_sync(remote, err));
    while (!is_published) {
        FI_TRY(fi_remote_upload_check(remote, err));
        FI_TRY(plan(ctx, remote, &change, err));
        if (fi_remote_state_change_is_empty(&change)) {
            break;
        }
        FI_TRY(fi_remote_publish(remote, &change, &is_published, err));
        fi_remote_state_change_clear(&change);
        if (!is_published) {
            /* Longer if it is the storage that does not answer. */
            FI_TRY(fi_remote_pause(remote, PAUSE_NS << remote->unknown_put_count, err));
        }
    }
out:
    fi_remote_state_change_clear(&change);
    return rc;
}
