/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_publish.c: making the next state.
 *
 *     put states/N+1 if absent
 *       made        -> ours
 *       not made    -> get it: our nonce?  -> ours
 *                              another one -> the winner's: it is applied, the caller plans again
 *       no answer   -> get it: there       -> as above
 *                              not there   -> not published: the caller tries again. If the put is
 *                                             carried out after all, the next one finds it there
 *
 * A number that is ours may have been free because its state was removed as old while this
 * machine, or the request, slept (g). So if the last look at the states is old, it looks once more:
 * the state after ours must name ours, or there must be none. For the same reason, a winner is then
 * read along with all states instead of being applied by itself.
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

/* Whether the state that was just made is on the chain of the newest one. */
static int
is_on_chain(struct fi_remote *remote, const struct fi_remote_record *record, bool *out,
            firn_error *err)
{
    struct fi_remote_numbers numbers;
    struct fi_remote_record next;
    int rc = FIRN_OK;
    *out = false;
    FI_TRY_RETURN(fi_remote_list_numbers(remote, record->number + 1, &numbers, err));
    if (numbers.count == 0) {
        *out = true;
    } else if (numbers.first == record->number + 1) {
        rc = fi_remote_read_state(remote, record->number + 1, &next, err);
        if (rc == FIRN_OK) {
            *out = memcmp(next.prev, record->nonce, sizeof next.prev) == 0;
            fi_remote_state_record_deinit(&next);
        } else if (rc == FIRN_NOT_FOUND) {
            rc = FIRN_OK; /* removed as old: so ours was old when it was made */
        }
    }
    return rc;
}

/* The number is ours. */
static int
win(struct fi_remote *remote, const struct fi_remote_record *record, bool *out_is_published,
    firn_error *err)
{
    *out_is_published = true;
    if (fi_remote_look_is_old(remote)) {
        FI_TRY_RETURN(is_on_chain(remote, record, out_is_published, err));
    }
    return *out_is_published ? fi_remote_apply(remote, record, fi_buf_slice(&remote->made), err)
                             : fi_remote_resync(remote, err);
}

/* The number is not free: whose is it? */
static int
compare_winner(struct fi_remote *remote, const struct fi_remote_record *record,
               const struct fi_remote_record *winner, bool *out_is_published, firn_error *err)
{
    if (memcmp(winner->nonce, record->nonce, sizeof winner->nonce) == 0) {
        return win(remote, record, out_is_published, err);
    }
    remote->lost_race_count++;
    bool follows = memcmp(winner->prev, record->prev, sizeof winner->prev) == 0;
    return follows && !fi_remote_look_is_old(remote)
               ? fi_remote_apply(remote, winner, fi_buf_slice(&remote->read), err)
               : fi_remote_resync(remote, err);
}

/* The put made nothing, or had no answer. */
static int
read_winner(struct fi_remote *remote, const struct fi_remote_record *record, bool was_there,
            bool *out_is_published, firn_error *err)
{
    struct fi_remote_record winner;
    const firn_error unknown = err != NULL ? *err : (firn_error){.code = FIRN_IO};
    int rc = fi_remote_read_state(remote, record->number, &winner, err);
    if (rc == FIRN_NOT_FOUND && was_there) {
        /* Made, and removed as old: much time has passed. Or hidden by a cache. */
        return fi_remote_resync(remote, err);
    }
    if (rc == FIRN_NOT_FOUND && ++remote->unknown_put_count < FI_REMOTE_UNKNOWN_PUT_MAX) {
        return FIRN_OK;
    }
    if (rc == FIRN_NOT_FOUND) {
        remote->unknown_put_count = 0;
        fi_error_copy(err, &unknown);
        return FIRN_IO;
    }
    FI_TRY_RETURN(rc);
    remote->unknown_put_count = 0;
    rc = compare_winner(remote, record, &winner, out_is_published, err);
    fi_remote_state_record_deinit(&winner);
    return rc;
}

/* Bytes that other machines would refuse would end the remote for all, so they are read here. */
static int
check_bytes(const struct fi_remote *remote, const struct fi_remote_record *record, firn_slice bytes,
            firn_error *err)
{
    struct fi_remote_record read;
    for (size_t i = 0; i < record->change.added.count; i++) {
        const struct fi_remote_item *file =
            fi_remote_table_find(&remote->state.files, record->change.added.items[i].key);
        if (file != NULL && file->status == FI_REMOTE_DEAD) {
            return fi_error_set(err, FIRN_INVALID, "a file that is dead cannot be added: %.*s",
                                (int)file->key.size, (const char *)file->key.data);
        }
    }
    int rc = fi_remote_state_decode(bytes, record->number, &read, err);
    if (rc == FIRN_CORRUPT) {
        return fi_error_set(err, FIRN_INVALID,
                            "a state of a remote cannot have such names or values");
    }
    FI_TRY_RETURN(rc);
    fi_remote_state_record_deinit(&read);
    return FIRN_OK;
}

int
fi_remote_publish(struct fi_remote *remote, const struct fi_remote_change *change,
                  bool *out_is_published, firn_error *err)
{
    struct fi_remote_record record = {
        .number = remote->state.number + 1, .at_ns = fi_os_now_ns(remote->os), .change = *change};
    char name[FI_REMOTE_STATE_NAME_SIZE];
    struct fi_buf *bytes = &remote->made;
    size_t by_size = strlen(remote->by);
    memcpy(record.by, remote->by, by_size < sizeof record.by ? by_size : sizeof record.by - 1);
    memcpy(record.prev, remote->state.nonce, sizeof record.prev);
    *out_is_published = false;
    fi_buf_clear(bytes);
    FI_TRY_RETURN(fi_os_random(remote->os, record.nonce, sizeof record.nonce, err));
    FI_TRY_RETURN(fi_remote_state_encode(&remote->state, &record, bytes, err));
    FI_TRY_RETURN(check_bytes(remote, &record, fi_buf_slice(bytes), err));
    fi_remote_state_name(record.number, name);
    if (remote->seal != NULL) {
        FI_TRY_RETURN(fi_remote_seal_encrypt(remote->seal, remote->os, record.number,
                                             fi_buf_slice(bytes), &remote->sealed, err));
        bytes = &remote->sealed;
    }
    int rc = fi_bucket_put_bytes(remote->bucket, name, fi_buf_slice(bytes), err);
    if (rc == FIRN_OK) {
        remote->unknown_put_count = 0;
        rc = win(remote, &record, out_is_published, err);
    } else if (rc == FIRN_EXISTS || rc == FIRN_IO) {
        rc = read_winner(remote, &record, rc == FIRN_EXISTS, out_is_published, err);
    }
    return rc;
}
