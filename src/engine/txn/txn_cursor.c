/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_cursor.c: walking a keyspace as a transaction sees it: its own writes, over the snapshot
 * of its beginning.
 *
 * Two walks are merged: the inner cursor over the snapshot, and the places of the write set. Each
 * has a candidate, the next key in the direction of the walk, and the nearer candidate is shown. If
 * both have the same key, the transaction's own entry is shown; a merge operand appears as its
 * result on the snapshot's value. The transaction's deletes are not shown; they, and range deletes,
 * hide what the snapshot has. The inner cursor seeks past what a range delete hides, so a million
 * deleted keys cost one seek.
 *
 * The write set may change between two moves, and a savepoint may bring back what was hidden. After
 * such a change, and when the direction changes, both candidates are searched again from the key
 * that is shown. So a walk shows the writes as they are when it moves. An own write is shown from a
 * copy, which stays valid until the next move.
 *
 * What was read. A transaction that notes its reads must note every key that it saw, and every
 * range that it found empty. The span is the range that was walked over since the cursor was
 * placed. It is added to the read set when the cursor is placed again or closed, or when the
 * transaction commits.
 *
 * (I1) While `at` is not AT_NOTHING: walking forwards, each candidate is the first key of its walk
 *      at or after the shown key, and the smaller candidate is shown. Walking backwards, the same
 *      mirrored.
 * (I2) The span contains the shown key and all that was shown since the cursor was placed.
 *
 * After an error the cursor has no position; it can be placed again.
 */
#include "txn/txn_internal.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slice.h"

/* ==== a range of keys that only grows ====
 *
 * A cursor that turns around walks over keys that it has seen already, so the ends move outwards or
 * not at all. If the span begins after all keys (a walk backwards from the end of a keyspace), its
 * lower end is the first key that the walk reaches.
 *
 * One thread. Each function that takes keys returns FIRN_OK or FIRN_NO_MEMORY; after a failure the
 * span contains at least what it contained before.
 */

/* The keys k with lower <= k < upper; without has_upper, all from lower on. Zeroed: no key. */
struct span {
    bool is_begun;
    bool has_upper;
    struct fi_buf lower;
    struct fi_buf upper;
};

static void
span_deinit(struct span *span)
{
    fi_buf_deinit(&span->lower);
    fi_buf_deinit(&span->upper);
}

static bool
is_stretch(const struct span *span)
{
    return !span->is_begun || !span->has_upper ||
           fi_slice_compare(fi_buf_slice(&span->lower), fi_buf_slice(&span->upper)) <= 0;
}

/* Begins a new span: [key, key) or, for NULL, after all keys. */
static int
span_begin(struct span *span, const firn_slice *key)
{
    span->is_begun = false;
    span->has_upper = key != NULL;
    if (key != NULL) {
        FI_TRY_RETURN(fi_buf_assign(&span->lower, *key));
        FI_TRY_RETURN(fi_buf_assign(&span->upper, *key));
        span->is_begun = true;
    }
    return FIRN_OK;
}

/* Extends the span down to key, included. */
static int
span_reach_down(struct span *span, firn_slice key)
{
    if (span->is_begun && fi_slice_compare(key, fi_buf_slice(&span->lower)) >= 0) {
        return FIRN_OK;
    }
    int rc = fi_buf_assign(&span->lower, key);
    span->is_begun |= rc == FIRN_OK;
    DCHECK(rc != FIRN_OK || is_stretch(span));
    return rc;
}

/* Extends the span up to key, included. */
static int
span_reach_up(struct span *span, firn_slice key)
{
    DCHECK(is_stretch(span) && (span->is_begun || !span->has_upper));
    if (!span->has_upper || fi_slice_compare(key, fi_buf_slice(&span->upper)) < 0) {
        return FIRN_OK;
    }
    /* The next possible key is the key with a zero byte. Memory is reserved first, so that the span
     * never shrinks. */
    if (key.size + 1 > span->upper.capacity &&
        fi_buf_reserve(&span->upper, key.size + 1 - span->upper.size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    int rc = fi_buf_assign(&span->upper, key);
    return rc == FIRN_OK ? fi_buf_append_u8(&span->upper, 0) : rc;
}

/* Extends the span up to a bound, not included; NULL: to the end. */
static int
span_reach_bound(struct span *span, const firn_slice *bound)
{
    DCHECK(is_stretch(span));
    if (bound == NULL) {
        span->has_upper = false;
        fi_buf_clear(&span->upper);
        return FIRN_OK;
    }
    if (!span->has_upper || fi_slice_compare(*bound, fi_buf_slice(&span->upper)) <= 0) {
        return FIRN_OK;
    }
    return fi_buf_assign(&span->upper, *bound);
}

enum direction { FORWARDS, BACKWARDS };

enum at { AT_NOTHING, AT_SNAPSHOT, AT_OWN };

struct fi_txn_cursor {
    struct fi_db_cursor_overlay overlay; /* first */
    struct firn_txn *txn;                /* NULL: the transaction has ended */
    struct fi_txn_cursor *next;
    struct fi_txn_cursor *previous;
    struct firn_db_keyspace *keyspace;
    struct fi_lsm_cursor *inner; /* NULL: nothing to show */
    firn_slice lower;
    firn_slice upper;
    bool has_upper;
    enum direction direction;
    enum at at;
    fi_txn_writes_place own; /* the candidate in the write set as of `changes` */
    uint64_t changes;
    struct fi_buf key; /* the shown key; a copy if at is AT_OWN */
    struct fi_buf value;
    struct fi_buf target; /* where to place it: the caller's key may be the shown one */
    struct span span;
};

/* ---- life ---- */

/* Adds what was walked over to the read set. */
static void
end_span(struct firn_txn *txn, struct fi_txn_cursor *cursor)
{
    const struct span *span = &cursor->span;
    if (span->is_begun) {
        const struct fi_txn_reads_range range = {.keyspace = cursor->keyspace,
                                                 .lower = fi_buf_slice(&span->lower),
                                                 .upper = fi_buf_slice(&span->upper),
                                                 .has_upper = span->has_upper};
        fi_txn_reads_add(&txn->reads, &range);
    }
    cursor->span.is_begun = false;
}

static void
txn_cursor_detach(struct firn_txn *txn, struct fi_txn_cursor *cursor)
{
    DCHECK(cursor->txn == txn);
    DCHECK(cursor->previous != NULL || txn->cursors == cursor);
    end_span(txn, cursor);
    if (cursor->previous != NULL) {
        cursor->previous->next = cursor->next;
    } else {
        txn->cursors = cursor->next;
    }
    if (cursor->next != NULL) {
        cursor->next->previous = cursor->previous;
    }
    cursor->txn = NULL;
    cursor->at = AT_NOTHING;
}

void
fi_txn_cursor_detach_all(struct firn_txn *txn)
{
    while (txn->cursors != NULL) {
        txn_cursor_detach(txn, txn->cursors);
    }
}

/* ---- as an overlay ---- */

static struct fi_txn_cursor *
of(struct fi_db_cursor_overlay *overlay)
{
    return (struct fi_txn_cursor *)overlay;
}

static const struct fi_txn_cursor *
of_const(const struct fi_db_cursor_overlay *overlay)
{
    return (const struct fi_txn_cursor *)overlay;
}

static void
txn_cursor_destroy(struct fi_db_cursor_overlay *overlay)
{
    struct fi_txn_cursor *cursor = of(overlay);
    if (cursor->txn != NULL) {
        txn_cursor_detach(cursor->txn, cursor);
    }
    fi_buf_deinit(&cursor->key);
    fi_buf_deinit(&cursor->value);
    fi_buf_deinit(&cursor->target);
    span_deinit(&cursor->span);
    fi_free(cursor);
}

/* ---- candidates ---- */

static const struct fi_txn_writes *
writes_of(const struct fi_txn_cursor *cursor)
{
    return &cursor->txn->writes;
}

static bool
has_own(const struct fi_txn_cursor *cursor)
{
    return !fi_txn_writes_is_empty(writes_of(cursor));
}

static firn_slice
own_key(const struct fi_txn_cursor *cursor)
{
    DCHECK(cursor->own != 0 && cursor->changes == writes_of(cursor)->changes);
    return fi_txn_writes_key(writes_of(cursor), cursor->own);
}

static firn_slice
snapshot_key(const struct fi_txn_cursor *cursor)
{
    DCHECK(fi_lsm_cursor_valid(cursor->inner));
    return fi_lsm_cursor_entry(cursor->inner)->key;
}

/* Sets the own candidate, unless it is outside the bounds. */
static void
set_own(struct fi_txn_cursor *cursor, fi_txn_writes_place place)
{
    cursor->own = place;
    cursor->changes = writes_of(cursor)->changes;
    if (place == 0) {
        return;
    }
    firn_slice key = own_key(cursor);
    if (fi_slice_compare(key, cursor->lower) < 0 ||
        (cursor->has_upper && fi_slice_compare(key, cursor->upper) >= 0)) {
        cursor->own = 0;
    }
}

static void
seek_own(struct fi_txn_cursor *cursor, firn_slice key)
{
    set_own(cursor, has_own(cursor)
                        ? fi_txn_writes_seek(writes_of(cursor), cursor->keyspace->tree, key)
                        : 0);
}

static void
seek_own_after(struct fi_txn_cursor *cursor, firn_slice key)
{
    set_own(cursor, has_own(cursor)
                        ? fi_txn_writes_seek_after(writes_of(cursor), cursor->keyspace->tree, key)
                        : 0);
}

/* NULL: to the last one. */
static void
seek_own_before(struct fi_txn_cursor *cursor, const firn_slice *key)
{
    set_own(cursor, has_own(cursor)
                        ? fi_txn_writes_seek_before(writes_of(cursor), cursor->keyspace->tree, key)
                        : 0);
}

static void
advance_own(struct fi_txn_cursor *cursor)
{
    if (cursor->direction == FORWARDS) {
        set_own(cursor, fi_txn_writes_next(writes_of(cursor), cursor->own));
    } else {
        const firn_slice key = own_key(cursor);
        seek_own_before(cursor, &key);
    }
}

static int
advance_snapshot(struct fi_txn_cursor *cursor, firn_error *err)
{
    return cursor->direction == FORWARDS ? fi_lsm_cursor_next(cursor->inner, err)
                                         : fi_lsm_cursor_prev(cursor->inner, err);
}

static int
leave_stretch(struct fi_txn_cursor *cursor, const struct fi_range_stretch *stretch, firn_error *err)
{
    return cursor->direction == FORWARDS
               ? fi_lsm_cursor_seek(cursor->inner, stretch->upper, err)
               : fi_lsm_cursor_seek_before(cursor->inner, stretch->lower, err);
}

/* Shows the own candidate, which has that value; a merge operand is applied to the snapshot's
 * value. */
static int
show_own(struct fi_txn_cursor *cursor, enum fi_txn_writes_answer answer, firn_slice value,
         bool is_in_snapshot, firn_error *err)
{
    DCHECK(answer == FI_TXN_WRITES_PUT || answer == FI_TXN_WRITES_MERGED);
    int rc;
    if (answer == FI_TXN_WRITES_MERGED) {
        const struct fi_entry *entry = is_in_snapshot ? fi_lsm_cursor_entry(cursor->inner) : NULL;
        rc = fi_txn_merge_into(value, entry != NULL ? &entry->value : NULL, &cursor->value, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    } else if (fi_buf_assign(&cursor->value, value) != FIRN_OK) {
        return fi_error_no_memory(err, "an entry of a cursor");
    }
    if (fi_buf_assign(&cursor->key, own_key(cursor)) != FIRN_OK) {
        return fi_error_no_memory(err, "an entry of a cursor");
    }
    cursor->at = AT_OWN;
    return FIRN_OK;
}

/* Which candidate is nearer: < 0 the snapshot's, > 0 the own one, 0 both have the same key. */
static int
compare_candidates(const struct fi_txn_cursor *cursor)
{
    if (!fi_lsm_cursor_valid(cursor->inner)) {
        return 1;
    }
    if (cursor->own == 0) {
        return -1;
    }
    int order = fi_slice_compare(snapshot_key(cursor), own_key(cursor));
    return cursor->direction == FORWARDS ? order : -order;
}

/* Moves from the candidates to the next entry to be shown (I1). */
static int
txn_cursor_show(struct fi_txn_cursor *cursor, firn_error *err)
{
    const struct fi_txn_writes *writes = writes_of(cursor);
    cursor->at = AT_NOTHING;
    while (fi_lsm_cursor_valid(cursor->inner) || cursor->own != 0) {
        struct fi_range_stretch hidden;
        firn_slice value;
        int order = compare_candidates(cursor);
        if (order < 0) {
            if (!fi_txn_writes_hides(writes, cursor->keyspace->tree, snapshot_key(cursor),
                                     &hidden)) {
                cursor->at = AT_SNAPSHOT;
                return FIRN_OK;
            }
            FI_TRY_RETURN(leave_stretch(cursor, &hidden, err));
            continue;
        }
        enum fi_txn_writes_answer answer = fi_txn_writes_at(writes, cursor->own, &value);
        if (answer != FI_TXN_WRITES_DELETED) {
            return show_own(cursor, answer, value, order == 0, err);
        }
        if (order == 0) {
            FI_TRY_RETURN(advance_snapshot(cursor, err));
        }
        advance_own(cursor);
    }
    return FIRN_OK;
}

static firn_slice
shown_key(const struct fi_txn_cursor *cursor)
{
    switch (cursor->at) {
    case AT_SNAPSHOT:
        return snapshot_key(cursor);
    case AT_OWN:
        return fi_buf_slice(&cursor->key);
    case AT_NOTHING:
        break;
    }
    return firn_bytes(NULL, 0);
}

/* ---- what was walked over ---- */

/* Extends the span to the shown key, included, or to the end in the direction of the walk. */
static int
extend_span(struct fi_txn_cursor *cursor)
{
    firn_slice key = shown_key(cursor);
    if (cursor->direction == BACKWARDS) {
        return span_reach_down(&cursor->span, cursor->at == AT_NOTHING ? cursor->lower : key);
    }
    return cursor->at == AT_NOTHING
               ? span_reach_bound(&cursor->span, cursor->has_upper ? &cursor->upper : NULL)
               : span_reach_up(&cursor->span, key);
}

/* (I2) */
static bool
is_in_span(const struct fi_txn_cursor *cursor)
{
    const struct span *span = &cursor->span;
    firn_slice key = shown_key(cursor);
    return cursor->at == AT_NOTHING ||
           (span->is_begun && fi_slice_compare(fi_buf_slice(&span->lower), key) <= 0 &&
            (!span->has_upper || fi_slice_compare(key, fi_buf_slice(&span->upper)) < 0));
}

/* Called when a move has ended with rc. */
static int
end_move(struct fi_txn_cursor *cursor, int rc, firn_error *err)
{
    if (rc == FIRN_OK && cursor->txn->notes_reads && extend_span(cursor) != FIRN_OK) {
        rc = fi_error_no_memory(err, "what a transaction has read");
    }
    if (rc != FIRN_OK) {
        cursor->at = AT_NOTHING;
    }
    DCHECK(rc != FIRN_OK || !cursor->txn->notes_reads || is_in_span(cursor));
    return rc;
}

/* The same for a move that began at `from` (NULL: at the end), not at the cursor's position. */
static int
end_placing(struct fi_txn_cursor *cursor, int rc, const firn_slice *from, firn_error *err)
{
    if (rc == FIRN_OK && cursor->txn->notes_reads && span_begin(&cursor->span, from) != FIRN_OK) {
        rc = fi_error_no_memory(err, "what a transaction has read");
    }
    return end_move(cursor, rc, err);
}

/* ---- placing ---- */

static int
refuse_ended(firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE, "the transaction of the cursor has ended");
}

/* Sets both candidates at or after key. Requires: key is within the bounds. */
static int
place_forwards(struct fi_txn_cursor *cursor, firn_slice key, firn_error *err)
{
    DCHECK(fi_slice_compare(key, cursor->lower) >= 0);
    DCHECK(!cursor->has_upper || fi_slice_compare(key, cursor->upper) < 0);
    cursor->direction = FORWARDS;
    int rc = fi_lsm_cursor_seek(cursor->inner, key, err);
    if (rc == FIRN_OK) {
        seek_own(cursor, key);
        rc = txn_cursor_show(cursor, err);
    }
    return rc;
}

/* Sets both candidates before *key, or at the end. */
static int
place_backwards(struct fi_txn_cursor *cursor, const firn_slice *key, firn_error *err)
{
    DCHECK(key == NULL || !cursor->has_upper || fi_slice_compare(*key, cursor->upper) <= 0);
    cursor->direction = BACKWARDS;
    int rc = key == NULL ? fi_lsm_cursor_last(cursor->inner, err)
                         : fi_lsm_cursor_seek_before(cursor->inner, *key, err);
    if (rc == FIRN_OK) {
        seek_own_before(cursor, key);
        rc = txn_cursor_show(cursor, err);
    }
    return rc;
}

/* Whether there is nothing to show, or the transaction has ended; *out is what to return. */
static bool
is_without_move(struct fi_txn_cursor *cursor, int *out, firn_error *err)
{
    if (cursor->txn == NULL) {
        *out = refuse_ended(err);
        return true;
    }
    *out = FIRN_OK;
    end_span(cursor->txn, cursor);
    return cursor->inner == NULL;
}

/* Copies the target: a key that the caller got from this cursor does not outlive the move. */
static int
set_target(struct fi_txn_cursor *cursor, firn_slice key, firn_slice *out, firn_error *err)
{
    if (fi_buf_assign(&cursor->target, key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a cursor");
    }
    *out = fi_buf_slice(&cursor->target);
    return FIRN_OK;
}

static int
txn_cursor_seek(struct fi_db_cursor_overlay *overlay, firn_slice key, firn_error *err)
{
    struct fi_txn_cursor *cursor = of(overlay);
    firn_slice from;
    int rc;
    if (is_without_move(cursor, &rc, err)) {
        return rc;
    }
    if (cursor->has_upper && fi_slice_compare(key, cursor->upper) >= 0) {
        cursor->at = AT_NOTHING;
        return FIRN_OK;
    }
    rc = set_target(cursor, fi_slice_compare(key, cursor->lower) > 0 ? key : cursor->lower, &from,
                    err);
    rc = rc == FIRN_OK ? place_forwards(cursor, from, err) : rc;
    return end_placing(cursor, rc, &from, err);
}

static int
first(struct fi_db_cursor_overlay *overlay, firn_error *err)
{
    return txn_cursor_seek(overlay, of(overlay)->lower, err);
}

static int
seek_before(struct fi_db_cursor_overlay *overlay, firn_slice key, firn_error *err)
{
    struct fi_txn_cursor *cursor = of(overlay);
    firn_slice from;
    int rc;
    if (is_without_move(cursor, &rc, err)) {
        return rc;
    }
    if (fi_slice_compare(key, cursor->lower) <= 0) {
        cursor->at = AT_NOTHING;
        return FIRN_OK;
    }
    bool is_beyond = cursor->has_upper && fi_slice_compare(cursor->upper, key) < 0;
    rc = set_target(cursor, is_beyond ? cursor->upper : key, &from, err);
    rc = rc == FIRN_OK ? place_backwards(cursor, &from, err) : rc;
    return end_placing(cursor, rc, &from, err);
}

static int
last(struct fi_db_cursor_overlay *overlay, firn_error *err)
{
    struct fi_txn_cursor *cursor = of(overlay);
    int rc;
    if (is_without_move(cursor, &rc, err)) {
        return rc;
    }
    const firn_slice *from = cursor->has_upper ? &cursor->upper : NULL;
    return end_placing(cursor, place_backwards(cursor, from, err), from, err);
}

/* ---- steps ---- */

static int
begin_step(struct fi_txn_cursor *cursor, firn_error *err)
{
    if (cursor->txn == NULL) {
        return refuse_ended(err);
    }
    return cursor->at != AT_NOTHING
               ? FIRN_OK
               : fi_error_set(err, FIRN_MISUSE, "the cursor stands on no entry");
}

/* Whether the candidates are not those of the next step in a direction. */
static bool
is_lost(const struct fi_txn_cursor *cursor, enum direction direction)
{
    return cursor->direction != direction || cursor->changes != writes_of(cursor)->changes;
}

/* Copies the shown key, from which both candidates are searched again. */
static int
keep_key(struct fi_txn_cursor *cursor, firn_error *err)
{
    DCHECK(cursor->at != AT_NOTHING);
    if (cursor->at == AT_SNAPSHOT && fi_buf_assign(&cursor->key, snapshot_key(cursor)) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a cursor");
    }
    return FIRN_OK;
}

static int
find_after(struct fi_txn_cursor *cursor, firn_error *err)
{
    FI_TRY_RETURN(keep_key(cursor, err));
    firn_slice key = fi_buf_slice(&cursor->key);
    cursor->direction = FORWARDS;
    FI_TRY_RETURN(fi_lsm_cursor_seek(cursor->inner, key, err));
    if (fi_lsm_cursor_valid(cursor->inner) && fi_slice_equal(snapshot_key(cursor), key)) {
        FI_TRY_RETURN(advance_snapshot(cursor, err));
    }
    seek_own_after(cursor, key);
    return FIRN_OK;
}

static int
find_before(struct fi_txn_cursor *cursor, firn_error *err)
{
    FI_TRY_RETURN(keep_key(cursor, err));
    const firn_slice key = fi_buf_slice(&cursor->key);
    cursor->direction = BACKWARDS;
    FI_TRY_RETURN(fi_lsm_cursor_seek_before(cursor->inner, key, err));
    seek_own_before(cursor, &key);
    return FIRN_OK;
}

/* (I1), if the write set has not changed since. */
static bool
shows_nearest(const struct fi_txn_cursor *cursor)
{
    int order = compare_candidates(cursor);
    return cursor->at == AT_SNAPSHOT
               ? order < 0
               : order >= 0 && fi_slice_equal(own_key(cursor), fi_buf_slice(&cursor->key));
}

/* Moves the candidates that have the shown key (I1). */
static int
pass_shown(struct fi_txn_cursor *cursor, firn_error *err)
{
    DCHECK(cursor->at != AT_NOTHING && shows_nearest(cursor));
    if (cursor->at == AT_SNAPSHOT) {
        return advance_snapshot(cursor, err);
    }
    firn_slice key = fi_buf_slice(&cursor->key);
    advance_own(cursor);
    return fi_lsm_cursor_valid(cursor->inner) && fi_slice_equal(snapshot_key(cursor), key)
               ? advance_snapshot(cursor, err)
               : FIRN_OK;
}

static int
next(struct fi_db_cursor_overlay *overlay, firn_error *err)
{
    struct fi_txn_cursor *cursor = of(overlay);
    int rc;
    FI_TRY(begin_step(cursor, err));
    rc = is_lost(cursor, FORWARDS) ? find_after(cursor, err) : pass_shown(cursor, err);
    rc = end_move(cursor, rc == FIRN_OK ? txn_cursor_show(cursor, err) : rc, err);
out:
    return rc;
}

static int
prev(struct fi_db_cursor_overlay *overlay, firn_error *err)
{
    struct fi_txn_cursor *cursor = of(overlay);
    int rc;
    FI_TRY(begin_step(cursor, err));
    rc = is_lost(cursor, BACKWARDS) ? find_before(cursor, err) : pass_shown(cursor, err);
    rc = end_move(cursor, rc == FIRN_OK ? txn_cursor_show(cursor, err) : rc, err);
out:
    return rc;
}

/* ---- the present entry ---- */

static bool
valid(const struct fi_db_cursor_overlay *overlay)
{
    const struct fi_txn_cursor *cursor = of_const(overlay);
    return cursor->at != AT_NOTHING;
}

static firn_slice
key(const struct fi_db_cursor_overlay *overlay)
{
    return shown_key(of_const(overlay));
}

static firn_slice
value(const struct fi_db_cursor_overlay *overlay)
{
    const struct fi_txn_cursor *cursor = of_const(overlay);
    switch (cursor->at) {
    case AT_SNAPSHOT:
        return fi_lsm_cursor_entry(cursor->inner)->value;
    case AT_OWN:
        return fi_buf_slice(&cursor->value);
    case AT_NOTHING:
        break;
    }
    return firn_bytes(NULL, 0);
}

/* ---- beginning ---- */

int
fi_txn_cursor_create(void *ctx, const struct fi_db_cursor_base *base,
                     struct fi_db_cursor_overlay **out, firn_error *err)
{
    static const struct fi_db_cursor_overlay_kind kind = {txn_cursor_destroy,
                                                          first,
                                                          last,
                                                          txn_cursor_seek,
                                                          seek_before,
                                                          next,
                                                          prev,
                                                          valid,
                                                          key,
                                                          value};
    struct firn_txn *txn = ctx;
    DCHECK(txn->state == FI_TXN_OPEN);
    struct fi_txn_cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    *out = NULL;
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    cursor->overlay.kind = &kind;
    cursor->txn = txn;
    cursor->keyspace = base->keyspace;
    cursor->inner = base->inner;
    cursor->lower = base->lower;
    cursor->has_upper = base->upper != NULL;
    cursor->upper = base->upper != NULL ? *base->upper : firn_bytes(NULL, 0);
    cursor->next = txn->cursors;
    if (cursor->next != NULL) {
        cursor->next->previous = cursor;
    }
    txn->cursors = cursor;
    *out = &cursor->overlay;
    return FIRN_OK;
}
