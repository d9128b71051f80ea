/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote.c: the handle; finding out which state is the newest, and what it says.
 *
 * One list names all states after the one that is known, that one included: if it is not there any
 * more, it has been removed as old, or the bucket is not what it was. The states are then read and
 * applied one by one; if one is missing, or there are many, from the newest full one on. Then this
 * machine has not seen every state, and uploads have to be asked for again (e).
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

/* The first pause before states that were incomplete are read again; each is twice as long. */
#define PAUSE_NS INT64_C(250000000)

void
fi_remote_init(struct fi_remote *remote, struct fi_bucket *bucket, struct fi_os *os, const char *by)
{
    *remote = (struct fi_remote){.bucket = bucket, .os = os, .by = by};
}

void
fi_remote_deinit(struct fi_remote *remote)
{
    fi_remote_state_deinit(&remote->state);
    fi_remote_table_deinit(&remote->uploads);
    fi_buf_deinit(&remote->read);
    fi_buf_deinit(&remote->made);
    fi_buf_deinit(&remote->sealed);
}

/* ==== time ==== */

static struct fi_remote_moment
read_clocks(const struct fi_remote *remote)
{
    return (struct fi_remote_moment){.boot_ns = fi_os_boottime_ns(remote->os),
                                     .now_ns = fi_os_now_ns(remote->os),
                                     .storage_s = remote->bucket->answered_s};
}

/* A clock that went backwards says nothing, so that is long. */
static bool
is_long(int64_t from, int64_t to, int64_t max)
{
    return to < from || to - from > max;
}

bool
fi_remote_look_is_old(const struct fi_remote *remote)
{
    const int64_t max_ns = FI_REMOTE_LOOK_S * INT64_C(1000000000);
    struct fi_remote_moment now = read_clocks(remote);
    const struct fi_remote_moment *looked = &remote->looked;
    return !remote->has_looked || is_long(looked->boot_ns, now.boot_ns, max_ns) ||
           is_long(looked->now_ns, now.now_ns, max_ns) ||
           (looked->storage_s != 0 && is_long(looked->storage_s, now.storage_s, FI_REMOTE_LOOK_S));
}

int
fi_remote_pause(struct fi_remote *remote, int64_t max_ns, firn_error *err)
{
    uint32_t dice;
    FI_TRY_RETURN(fi_os_random(remote->os, &dice, sizeof dice, err));
    fi_os_sleep_ns(remote->os, dice % max_ns);
    return FIRN_OK;
}

/* ==== which states there are ==== */

static int
note_number(void *ctx, const struct fi_bucket_object *object)
{
    struct fi_remote_numbers *numbers = ctx;
    uint64_t number = fi_remote_state_number(object->name);
    if (++numbers->listed > FI_REMOTE_LISTED_MAX) {
        return FIRN_LIMIT;
    }
    if (number == 0) {
        return FIRN_OK; /* nothing of ours */
    }
    DCHECK(number > numbers->last); /* fi_bucket_list sees to it */
    numbers->first = numbers->count == 0 ? number : numbers->first;
    numbers->last = number;
    numbers->count++;
    return FIRN_OK;
}

int
fi_remote_list_numbers(struct fi_remote *remote, uint64_t first, struct fi_remote_numbers *numbers,
                       firn_error *err)
{
    char after[FI_REMOTE_STATE_NAME_SIZE];
    fi_remote_state_name(first - 1, after);
    *numbers = (struct fi_remote_numbers){.count = 0};
    int rc = fi_bucket_list(remote->bucket, "states/", after, note_number, numbers, err);
    return rc == FIRN_LIMIT ? fi_remote_too_many_listed(err) : rc;
}

int
fi_remote_too_many_listed(firn_error *err)
{
    return fi_error_set(err, FIRN_LIMIT,
                        "the storage lists more than %d objects where a remote has none or few; is "
                        "it that of the remote?",
                        FI_REMOTE_LISTED_MAX);
}

/* A look: what it finds is all there was when it began. The storage says the time of its answer,
 * not of the question; the difference is a request's, far below FI_REMOTE_LOOK_S. */
static int
look(struct fi_remote *remote, uint64_t first, struct fi_remote_numbers *numbers, firn_error *err)
{
    struct fi_remote_moment began = read_clocks(remote);
    FI_TRY_RETURN(fi_remote_list_numbers(remote, first, numbers, err));
    began.storage_s = remote->bucket->answered_s;
    remote->looked = began;
    remote->has_looked = true;
    if (numbers->last < remote->number_seen) {
        remote->has_looked = false;
        return fi_error_set(err, FIRN_CORRUPT,
                            "the remote has lost states: state %" PRIu64
                            " was there, and now neither it nor a later one is; the remote was "
                            "emptied, or replaced by an older copy",
                            remote->number_seen);
    }
    return FIRN_OK;
}

/* ==== reading and applying them ==== */

/* Its bytes, in remote->read. */
static int
get_state(struct fi_remote *remote, uint64_t number, const char *name, firn_error *err)
{
    if (remote->seal == NULL) {
        return fi_bucket_get(remote->bucket, name, 0, FI_REMOTE_STATE_SIZE_MAX, &remote->read, err);
    }
    FI_TRY_RETURN(fi_bucket_get(remote->bucket, name, 0,
                                FI_REMOTE_STATE_SIZE_MAX + FI_REMOTE_SEAL_OVERHEAD_MAX,
                                &remote->sealed, err));
    return fi_remote_seal_decrypt(remote->seal, number, fi_buf_slice(&remote->sealed),
                                  &remote->read, err);
}

int
fi_remote_read_state(struct fi_remote *remote, uint64_t number, struct fi_remote_record *out,
                     firn_error *err)
{
    char name[FI_REMOTE_STATE_NAME_SIZE];
    fi_remote_state_name(number, name);
    FI_TRY_RETURN(get_state(remote, number, name, err));
    return fi_remote_state_decode(fi_buf_slice(&remote->read), number, out, err);
}

void
fi_remote_resolve_uploads(struct fi_remote *remote)
{
    for (size_t i = remote->uploads.count; i > 0; i--) {
        firn_slice name = remote->uploads.items[i - 1].key;
        const struct fi_remote_item *file = fi_remote_table_find(&remote->state.files, name);
        if (file != NULL && file->status != FI_REMOTE_DOOMED) {
            fi_remote_table_remove(&remote->uploads, name);
        }
    }
}

static void
lose_sight(struct fi_remote *remote)
{
    for (size_t i = 0; i < remote->uploads.count; i++) {
        remote->uploads.items[i].status = FI_REMOTE_UPLOAD_NOTED;
    }
}

int
fi_remote_apply(struct fi_remote *remote, const struct fi_remote_record *record, firn_slice bytes,
                firn_error *err)
{
    int rc = fi_remote_state_apply(&remote->state, record, err);
    if (rc != FIRN_OK) {
        fi_remote_state_deinit(&remote->state);
        lose_sight(remote);
        return rc;
    }
    if (remote->state.number > remote->number_seen) {
        remote->number_seen = remote->state.number;
    }
    fi_remote_resolve_uploads(remote);
    return remote->keep == NULL ? FIRN_OK
                                : remote->keep(remote->keep_ctx, record->number, bytes, err);
}

int
fi_remote_restore(struct fi_remote *remote, uint64_t number, firn_slice bytes, firn_error *err)
{
    struct fi_remote_record record;
    FI_TRY_RETURN(fi_remote_state_decode(bytes, number, &record, err));
    int rc = fi_remote_state_apply(&remote->state, &record, err);
    fi_remote_state_record_deinit(&record);
    if (rc != FIRN_OK) {
        fi_remote_state_deinit(&remote->state);
    }
    return rc;
}

/* Applies the states from first to last. FIRN_NOT_FOUND: one was removed; FIRN_EXISTS: one does not
 * name the one before it. */
static int
apply_range(struct fi_remote *remote, uint64_t first, uint64_t last, firn_error *err)
{
    for (uint64_t number = first; number <= last; number++) {
        struct fi_remote_record record;
        FI_TRY_RETURN(fi_remote_read_state(remote, number, &record, err));
        bool follows = remote->state.number + 1 == number &&
                       memcmp(record.prev, remote->state.nonce, sizeof record.prev) == 0;
        int rc = FIRN_OK;
        if (!follows && !(record.is_full && number == first)) {
            rc = fi_error_set(err, FIRN_EXISTS, "state %" PRIu64 " follows another one", number);
        } else {
            if (!follows) {
                lose_sight(remote);
            }
            rc = fi_remote_apply(remote, &record, fi_buf_slice(&remote->read), err);
        }
        fi_remote_state_record_deinit(&record);
        FI_TRY_RETURN(rc);
    }
    return FIRN_OK;
}

/* The newest full state and what follows it, or all from the first state on. */
static int
apply_from_full(struct fi_remote *remote, const struct fi_remote_numbers *numbers, firn_error *err)
{
    uint64_t last = numbers->last;
    uint64_t first = last - last % FI_REMOTE_FULL_EVERY;
    struct fi_remote_state before = remote->state;
    remote->state = (struct fi_remote_state){.number = 0};
    lose_sight(remote);
    int rc = apply_range(remote, first > 0 ? first : 1, last, err);
    if (rc != FIRN_OK) { /* what was known stays */
        struct fi_remote_state incomplete = remote->state;
        remote->state = before;
        before = incomplete;
    }
    fi_remote_state_deinit(&before);
    return rc;
}

int
fi_remote_resync(struct fi_remote *remote, firn_error *err)
{
    struct fi_remote_numbers numbers;
    int rc;
    /* A state may be removed while it is about to be read; then there are newer ones. Or a cache
     * has not heard of it yet. */
    for (int tries = 0;; tries++) {
        FI_TRY_RETURN(look(remote, 1, &numbers, err));
        if (numbers.count == 0) {
            fi_remote_state_deinit(&remote->state);
            lose_sight(remote);
            return FIRN_OK;
        }
        rc = apply_from_full(remote, &numbers, err);
        if (rc != FIRN_NOT_FOUND && rc != FIRN_EXISTS) {
            break;
        }
        if (tries == 4) {
            fi_error_prefix(err, "the states of the remote are incomplete");
            if (err != NULL) {
                err->code = FIRN_CORRUPT;
            }
            rc = FIRN_CORRUPT;
            break;
        }
        FI_TRY_RETURN(fi_remote_pause(remote, PAUSE_NS << tries, err));
    }
    return rc;
}

int
fi_remote_sync(struct fi_remote *remote, firn_error *err)
{
    uint64_t known = remote->state.number;
    if (known == 0) {
        return fi_remote_resync(remote, err);
    }
    struct fi_remote_numbers numbers;
    FI_TRY_RETURN(look(remote, known, &numbers, err));
    DCHECK(numbers.count > 0); /* number_seen, at least */
    uint64_t last = numbers.last;
    bool is_whole = numbers.first == known && last - known + 1 == numbers.count;
    int rc = is_whole && last - known <= FI_REMOTE_FULL_EVERY
                 ? apply_range(remote, known + 1, last, err)
                 : FIRN_NOT_FOUND;
    if (rc == FIRN_NOT_FOUND || rc == FIRN_EXISTS) {
        rc = fi_remote_resync(remote, err);
    }
    return rc;
}
