/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_publish.c: making the next state.
 *
 *     put states/N+1 if absent
 *       made        -> ours
 *       not made    -> get it: our nonce?  -> ours: an answer was lost
 *                                  no      -> the winner's: it is applied, the caller plans again
 *       unknown     -> an error; a later look will find it, if it was made
 *
 * A number that is ours may have been free because its state was removed as old while this machine
 * slept (g). So if its look at the states is old, it looks once more: the state after ours must
 * name ours, or there must be none.
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

static int
note_any(void *ctx, const struct fi_bucket_object *object)
{
    *(bool *)ctx |= fi_remote_state_number(object->name) != 0;
    return FIRN_OK;
}

/* Whether the state that was just made is on the chain of the newest one. */
static int
is_on_chain(struct fi_remote *remote, const struct fi_remote_record *record, bool *out,
            firn_error *err)
{
    char name[FI_REMOTE_STATE_NAME_SIZE];
    bool is_followed = false;
    bool has_more;
    fi_remote_state_name(record->number, name);
    FI_TRY_RETURN(
        fi_bucket_list(remote->bucket, "states/", name, 1, note_any, &is_followed, &has_more, err));
    *out = !is_followed;
    if (!is_followed) {
        return FIRN_OK;
    }
    struct fi_remote_record next;
    int rc = fi_remote_read_state(remote, record->number + 1, &next, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* collected: so ours was old when it was made */
    }
    FI_TRY_RETURN(rc);
    *out = memcmp(next.prev, record->nonce, sizeof next.prev) == 0;
    fi_remote_state_record_deinit(&next);
    return FIRN_OK;
}

/* The number is ours. */
static int
win(struct fi_remote *remote, const struct fi_remote_record *record, bool *out_is_published,
    firn_error *err)
{
    *out_is_published = true;
    if (fi_os_monotonic_ns(remote->os) - remote->looked_ns > FI_REMOTE_LOOK_NS) {
        FI_TRY_RETURN(is_on_chain(remote, record, out_is_published, err));
    }
    return *out_is_published ? fi_remote_apply(remote, record, err) : fi_remote_resync(remote, err);
}

/* The number exists: whose is it? */
static int
compare_winner(struct fi_remote *remote, const struct fi_remote_record *record,
               bool *out_is_published, firn_error *err)
{
    struct fi_remote_record winner;
    *out_is_published = false;
    int rc = fi_remote_read_state(remote, record->number, &winner, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_remote_resync(remote, err); /* made, and removed as old: much time has passed */
    }
    FI_TRY_RETURN(rc);
    if (memcmp(winner.nonce, record->nonce, sizeof winner.nonce) == 0) {
        rc = win(remote, record, out_is_published, err);
    } else {
        remote->lost_race_count++;
        bool follows = memcmp(winner.prev, record->prev, sizeof winner.prev) == 0;
        rc = follows ? fi_remote_apply(remote, &winner, err) : fi_remote_resync(remote, err);
    }
    fi_remote_state_record_deinit(&winner);
    return rc;
}

int
fi_remote_publish(struct fi_remote *remote, const struct fi_remote_change *change,
                  bool *out_is_published, firn_error *err)
{
    struct fi_remote_record record = {
        .number = remote->state.number + 1, .at_ns = fi_os_now_ns(remote->os), .change = *change};
    char name[FI_REMOTE_STATE_NAME_SIZE];
    struct fi_buf bytes = {0};
    size_t by_size = strlen(remote->by);
    memcpy(record.by, remote->by, by_size < sizeof record.by ? by_size : sizeof record.by - 1);
    memcpy(record.prev, remote->state.nonce, sizeof record.prev);
    int rc;
    FI_TRY(fi_os_random(remote->os, record.nonce, sizeof record.nonce, err));
    FI_TRY(fi_remote_state_encode(&remote->state, &record, &bytes, err));
    fi_remote_state_name(record.number, name);
    rc = fi_bucket_put(remote->bucket, name, fi_buf_slice(&bytes), err);
    if (rc == FIRN_OK) {
        rc = win(remote, &record, out_is_published, err);
    } else if (rc == FIRN_EXISTS) {
        rc = compare_winner(remote, &record, out_is_published, err);
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}
