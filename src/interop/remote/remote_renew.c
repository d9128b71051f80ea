/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_renew.c: removing the states that an older master key opens.
 *
 *   1. find the last state that is encrypted with an older key
 *   2. make states that change nothing, until a full one comes after it; nothing that follows
 *      needs it then
 *   3. remove the states up to it that are old
 *
 * The author of a state has read the one before it, so he knows its key, and uses the newest key
 * that he knows. So states with older keys come before all that have the newest one, and the last
 * of them is found by halving (I1; not asserted: the storage can say anything of what it has).
 *
 * A full state makes all before it unnecessary, so only those go that come before the newest full
 * one, which has the newest key (I2). They go at the age at which any prune may remove states: a
 * machine that slept must not take the number of one for free and believe that it has published
 * (rule (g) of remote.h; I3). Afterwards the newest state has the newest key, so the author of the
 * next one knows that key. A remote without states gets one for it (I4; not asserted: unit/share
 * has such a remote). States are removed in ascending order, each by a request; a run that is
 * killed leaves what a prune may leave as well.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "remote/remote_internal.h"

/* The longest pause before a state that was not made is made again. */
#define PAUSE_NS INT64_C(100000000)

enum { TRIES_MAX = 8 };

struct listed {
    uint64_t number;
    int64_t age_s;
};

struct listing {
    struct listed *states; /* ascending */
    size_t count;
    size_t capacity;
    uint64_t listed;
    firn_error *err;
};

static int
note_state(void *ctx, const struct fi_bucket_object *object)
{
    struct listing *listing = ctx;
    const uint64_t number = fi_remote_state_number(object->name);
    if (++listing->listed > FI_REMOTE_LISTED_MAX) {
        return fi_remote_too_many_listed(listing->err);
    }
    if (number == 0) {
        return FIRN_OK; /* nothing of ours */
    }
    FI_TRY_RETURN(
        FI_VEC_RESERVE(listing->states, listing->count + 1, listing->capacity, listing->err));
    listing->states[listing->count++] = (struct listed){number, object->age_s};
    return FIRN_OK;
}

/* One that another machine has removed meanwhile was old. */
static int
is_outdated(struct fi_remote *remote, uint64_t number, bool *out, firn_error *err)
{
    char name[FI_REMOTE_STATE_NAME_SIZE];
    fi_remote_state_name(number, name);
    int rc = fi_bucket_get(remote->bucket, name, 0, FI_REMOTE_SEAL_HEAD_SIZE, &remote->sealed, err);
    *out = rc != FIRN_OK || !fi_remote_seal_is_newest(remote->seal, fi_buf_slice(&remote->sealed));
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* How many of them are outdated: the first ones (I1). */
static int
count_outdated(struct fi_remote *remote, const struct listing *listing, size_t *out,
               firn_error *err)
{
    size_t low = 0;
    for (size_t high = listing->count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        bool is_older;
        FI_TRY_RETURN(is_outdated(remote, listing->states[middle].number, &is_older, err));
        if (is_older) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = low;
    return FIRN_OK;
}

static uint64_t
newest_full(const struct fi_remote *remote)
{
    return remote->state.number - remote->state.number % FI_REMOTE_FULL_EVERY;
}

/* One that changes nothing, by this machine. */
static int
make_state(struct fi_remote *remote, uint64_t *made, firn_error *err)
{
    const struct fi_remote_change nothing = {.set = {NULL, 0, 0}};
    bool is_published;
    FI_TRY_RETURN(fi_remote_publish(remote, &nothing, &is_published, err));
    *made += is_published ? 1 : 0;
    return is_published ? FIRN_OK
                        : fi_remote_pause(remote, PAUSE_NS << remote->unknown_put_count, err);
}

/* Makes at least one, and until no reader needs that state. */
static int
make_full(struct fi_remote *remote, uint64_t last, uint64_t *made, firn_error *err)
{
    const uint64_t before = *made;
    while (*made == before || newest_full(remote) <= last) {
        FI_TRY_RETURN(make_state(remote, made, err));
    }
    return FIRN_OK;
}

/* Those that are there and known here; another machine may make more meanwhile. */
static int
list_states(struct fi_remote *remote, struct listing *listing, firn_error *err)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        listing->count = 0;
        listing->listed = 0;
        FI_TRY_RETURN(fi_bucket_list(remote->bucket, "states/", NULL, note_state, listing, err));
        if (listing->count == 0 ||
            listing->states[listing->count - 1].number <= remote->state.number) {
            return FIRN_OK;
        }
        FI_TRY_RETURN(fi_remote_sync(remote, err));
    }
    return fi_error_set(err, FIRN_BUSY, "other machines are making states all the time");
}

static bool
is_young(const struct listed *state)
{
    return state->age_s < FI_REMOTE_STATE_AGE_MIN_S;
}

static bool
is_any_young(const struct listing *listing, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any = any || is_young(&listing->states[i]);
    }
    return any;
}

/* Finds the outdated ones when a full state follows them. What others make meanwhile may be one of
 * them, until they have read one that is not. A directory tells the age of a file by the last
 * change beside it: so where one seems young, a state is made that is new. */
static int
prepare(struct fi_remote *remote, struct listing *listing, size_t *count, uint64_t *made,
        firn_error *err)
{
    for (;;) {
        FI_TRY_RETURN(list_states(remote, listing, err));
        FI_TRY_RETURN(count_outdated(remote, listing, count, err));
        const uint64_t last = *count > 0 ? listing->states[*count - 1].number : 0;
        if (*count == 0 ||
            (newest_full(remote) > last && (*made > 0 || !is_any_young(listing, *count)))) {
            return FIRN_OK;
        }
        FI_TRY_RETURN(make_full(remote, last, made, err));
    }
}

static int
remove_states(struct fi_remote *remote, const struct listing *listing, size_t count,
              struct fi_remote_renewed *out, firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct listed *state = &listing->states[i];
        char name[FI_REMOTE_STATE_NAME_SIZE];
        CHECK(state->number < newest_full(remote)); /* (I2) */
        if (is_young(state)) {                      /* (I3) */
            const int64_t wait_s = FI_REMOTE_STATE_AGE_MIN_S - state->age_s;
            out->left++;
            out->wait_s = wait_s > out->wait_s ? wait_s : out->wait_s;
            continue;
        }
        fi_remote_state_name(state->number, name);
        FI_TRY_RETURN(fi_bucket_remove(remote->bucket, name, err));
        out->removed++;
    }
    return FIRN_OK;
}

int
fi_remote_renew_states(struct fi_remote *remote, struct fi_remote_renewed *out, firn_error *err)
{
    struct listing listing = {.err = err};
    size_t count;
    int rc;
    CHECK(remote->seal != NULL);
    *out = (struct fi_remote_renewed){.left = 0};
    FI_TRY(fi_remote_sync(remote, err));
    while (remote->state.number == 0) { /* (I4) */
        FI_TRY(make_state(remote, &out->made, err));
    }
    FI_TRY(prepare(remote, &listing, &count, &out->made, err));
    rc = remove_states(remote, &listing, count, out, err);
out:
    fi_free(listing.states);
    return rc;
}
