/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_state.h: what a remote contains, as its newest state says, and changes of that
 * (docs/formats/remote.md).
 *
 * A remote is a sequence of states, numbered from 1. Each is one object, made by one put if absent,
 * so each number has one author. A state is a change of the one before it, or, at multiples of
 * FI_REMOTE_FULL_EVERY, everything. It has
 *
 *   entries  names with a value each: checkpoints, tags, pins, stores. Their meaning is for others.
 *   files    the packs and runs of the bucket that matter, each with a status:
 *
 *            put of an object          a state adds it
 *     (none) ----------------> orphan ----------------> LIVE
 *                                |                    ^   |
 *                     a state    v         adds it    |   | a state kills it: nothing needs it
 *                     dooms it  DOOMED ---------------+   |
 *                                |                        v
 *                                +--- a state kills it -> DEAD --- object removed, ---> (none)
 *                                                                  a state says gone
 *
 * (M1) The name of a file is never used again: what is DEAD stays dead. Not asserted: names come
 *      from the bucket, and applying a state refuses one that breaks this.
 * (M2) An object is removed only while the newest state says that it is DEAD. Not checked: only a
 *      judge who sees all machines can (tests/unit/remote).
 * (M3) The full state after any state is within the limits: a state that would break this is
 *      neither made nor read. Otherwise no machine could make the next full one. Not asserted:
 *      states come from the bucket, and are checked as foreign data.
 */
#ifndef FIRN_REMOTE_REMOTE_STATE_H
#define FIRN_REMOTE_REMOTE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "remote/remote_table.h"

enum {
    FI_REMOTE_FULL_EVERY = 32,
    FI_REMOTE_NONCE_SIZE = 8,
    FI_REMOTE_KEY_SIZE_MAX = 1024,
    FI_REMOTE_BY_SIZE_MAX = 255
};
/* An object of a state, and one of its values, are not larger. */
#define FI_REMOTE_STATE_SIZE_MAX (UINT64_C(64) << 20)
/* A remote has no more entries and files, and the lists of one state no more than twice as many: so
 * a reader needs a few times the bytes of a state. */
enum { FI_REMOTE_ITEMS_MAX = 1 << 20 };
/* What is left free of both limits, unless what is LIVE does not grow: so a prune can always name
 * what nothing needs. The uploads that one prune dooms take half of it at most. */
enum { FI_REMOTE_SIZE_RESERVE = 4 << 20, FI_REMOTE_ITEMS_RESERVE = 1 << 16 };

enum fi_remote_status { FI_REMOTE_LIVE = 1, FI_REMOTE_DOOMED = 2, FI_REMOTE_DEAD = 3 };

struct fi_remote_state {
    uint64_t number; /* 0: there is no state */
    uint8_t nonce[FI_REMOTE_NONCE_SIZE];
    struct fi_remote_table entries; /* without a status */
    struct fi_remote_table files;
};

/* Zeroed: changes nothing. */
struct fi_remote_change {
    struct fi_remote_table set; /* entries, replaced if they exist */
    struct fi_remote_table
        removed; /* entries, by their keys; those that do not exist are skipped */
    /* Files that become LIVE, each with its value; in a full state all files. One that is DEAD
     * cannot be among them. */
    struct fi_remote_table added;
    /* Files, by their names, each with the status DOOMED; skipped if the state knows them. */
    struct fi_remote_table doomed;
    struct fi_remote_table killed; /* LIVE or DOOMED; others are skipped */
    struct fi_remote_table gone;   /* DEAD; others are skipped */
};

/* One state as it is stored. */
struct fi_remote_record {
    uint64_t number;
    bool is_full; /* the change makes the state out of nothing */
    uint8_t nonce[FI_REMOTE_NONCE_SIZE];
    uint8_t prev[FI_REMOTE_NONCE_SIZE]; /* the nonce of the state before; zeros before the first */
    int64_t at_ns;                      /* by the clock of its author: for people alone */
    char by[FI_REMOTE_BY_SIZE_MAX + 1]; /* its author, for people alone */
    struct fi_remote_change change;
};

void fi_remote_state_deinit(struct fi_remote_state *state);
/* Releases what it has; it is empty, and usable, afterwards. */
void fi_remote_state_change_clear(struct fi_remote_change *change);
bool fi_remote_state_change_is_empty(const struct fi_remote_change *change);
void fi_remote_state_record_deinit(struct fi_remote_record *record);

/* Makes *state the one that the record says. FIRN_CORRUPT if the record cannot follow it: another
 * number, or another state before it; for a full one any state may be there. The same if it breaks
 * (M3). After an error the state is to be thrown away. */
FIRN_MUST_CHECK int fi_remote_state_apply(struct fi_remote_state *state,
                                          const struct fi_remote_record *record, firn_error *err);

/* Appends the bytes of the state that a change of `state` makes; those of a full one if its number
 * wants that. `state` is as before. record: number, nonces, at and by are taken from it, and its
 * change. FIRN_LIMIT: the state, or the full one that may follow it, would exceed a limit. */
FIRN_MUST_CHECK int fi_remote_state_encode(const struct fi_remote_state *state,
                                           const struct fi_remote_record *record,
                                           struct fi_buf *out, firn_error *err);
/* Reads a record, which must be that of number. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_remote_state_decode(firn_slice bytes, uint64_t number,
                                           struct fi_remote_record *out, firn_error *err);

/* Whether a state of that number is full. */
static inline bool
fi_remote_state_is_full(uint64_t number)
{
    return number % FI_REMOTE_FULL_EVERY == 0;
}

/* "states/0000000042". */
enum { FI_REMOTE_STATE_NAME_SIZE = 32 };
void fi_remote_state_name(uint64_t number, char out[FI_REMOTE_STATE_NAME_SIZE]);
/* The number of such a name; 0 if it is none. */
uint64_t fi_remote_state_number(const char *name);

#endif
