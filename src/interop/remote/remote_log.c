/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_log.c: the states of a remote one after the other, as far as they are still there.
 *
 * Reading begins with a full state, or the first, so that what a state changes is known of all but
 * that one. Where states are missing between others, a prune has removed them: it goes on with the
 * next full one.
 */
#include <string.h>

#include "base/check.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

/* The least number from n on with which reading can begin. */
static uint64_t
next_start(uint64_t n)
{
    const uint64_t rest = n % FI_REMOTE_FULL_EVERY;
    return n <= 1 || rest == 0 ? n : n + FI_REMOTE_FULL_EVERY - rest;
}

/* Where reading begins, so that the state before `first` is known, if it is still there. */
static uint64_t
find_start(const struct fi_remote_numbers *numbers, uint64_t first)
{
    const uint64_t before = first > 1 ? first - 1 : 1;
    const uint64_t full = before - before % FI_REMOTE_FULL_EVERY;
    const uint64_t start = full > 0 ? full : 1;
    return start >= numbers->first ? start : next_start(numbers->first);
}

struct reading {
    struct fi_remote *remote;
    struct fi_remote_state state; /* what the one before says; number 0: it is not known */
    uint64_t first;               /* of those that are visited */
    fi_remote_log_visit *visit;
    void *ctx;
};

/* FIRN_NOT_FOUND: it is not there, or does not follow the one before. */
static int
read_next(struct reading *reading, uint64_t number, firn_error *err)
{
    struct fi_remote_record record;
    FI_TRY_RETURN(fi_remote_read_state(reading->remote, number, &record, err));
    const struct fi_remote_state *before = &reading->state;
    const bool is_known =
        before->number + 1 == number && memcmp(record.prev, before->nonce, sizeof record.prev) == 0;
    int rc = is_known || record.is_full
                 ? FIRN_OK
                 : fi_error_set(err, FIRN_NOT_FOUND, "a state of the remote was removed");
    if (rc == FIRN_OK && number >= reading->first) {
        rc = reading->visit(reading->ctx, &record, is_known ? before : NULL, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_remote_state_apply(&reading->state, &record, err);
    }
    fi_remote_state_record_deinit(&record);
    return rc;
}

int
fi_remote_log(struct fi_remote *remote, uint64_t limit, fi_remote_log_visit *visit, void *ctx,
              firn_error *err)
{
    struct reading reading = {.remote = remote, .visit = visit, .ctx = ctx};
    struct fi_remote_numbers numbers;
    int rc = FIRN_OK;
    FI_TRY_RETURN(fi_remote_list_numbers(remote, 1, &numbers, err));
    if (numbers.count == 0) {
        return FIRN_OK;
    }
    reading.first = limit > 0 && numbers.last >= limit ? numbers.last - limit + 1 : 1;
    for (uint64_t number = find_start(&numbers, reading.first); number <= numbers.last;) {
        rc = read_next(&reading, number, err);
        number++;
        if (rc == FIRN_NOT_FOUND) {
            fi_remote_state_deinit(&reading.state);
            number = next_start(number);
            rc = FIRN_OK;
        }
        if (rc != FIRN_OK) {
            break;
        }
    }
    fi_remote_state_deinit(&reading.state);
    return rc;
}
