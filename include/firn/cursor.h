/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/cursor.h: iterating over the keys of a keyspace in byte order, forwards and backwards.
 *
 * - A cursor shows the state at the time it was opened, or a snapshot; later commits are not visible
 *   to it. A cursor of a transaction (firn_txn_cursor_open, firn/txn.h) also shows the transaction's
 *   own writes.
 * - Keys and values are borrowed until the cursor moves or is closed.
 * - An open cursor keeps what it sees: overwritten values and dropped keyspaces take up space until it
 *   is closed.
 * - It belongs to one thread at a time. Close it before its store.
 * - Damage is reported when it is reached: a move onto a bad block returns FIRN_CORRUPT and leaves the cursor
 *   without a position. A seek past the block continues.
 * - Deleted keys are skipped. Many single deletes that compaction has not removed yet make iteration
 *   slow; firn_delete_range leaves nothing to skip.
 */
#ifndef FIRN_CURSOR_H
#define FIRN_CURSOR_H

#include <stdbool.h>

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_db_cursor firn_cursor;

/* A bound or prefix whose data is NULL does not limit the cursor. The cursor copies them. */
typedef struct firn_cursor_options {
    size_t size;             /* sizeof(firn_cursor_options) */
    firn_slice lower;        /* first key, included */
    firn_slice upper;        /* last key, excluded */
    firn_slice prefix;       /* only keys that begin with it, within the bounds */
    firn_snapshot *snapshot; /* NULL: now; may be closed before the cursor */
    bool keys_only;          /* do not read values; they are shown as empty */
} firn_cursor_options;
#define FIRN_CURSOR_OPTIONS_INIT                                                  \
    {                                                                             \
        sizeof(firn_cursor_options), {NULL, 0}, {NULL, 0}, {NULL, 0}, NULL, false \
    }
/* Opens a cursor without a position: call first, last or seek. Cursors take memory, but keep no files open: a store has at
 * most a quarter of the file descriptors that its process may have, and at most 512, however many cursors there are. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_open(firn_keyspace *keyspace,
                                              const firn_cursor_options *options, firn_cursor **out,
                                              firn_error *err);
/* Closes a cursor. NULL is allowed. */
FIRN_API void firn_cursor_close(firn_cursor *cursor);
/* Move to the first, to the last, or to an entry near a key. Moves return FIRN_OK even if there is
 * no such entry: call firn_cursor_valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_first(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_last(firn_cursor *cursor, firn_error *err);
/* Moves to the first key >= key, or (seek_before) the last key < key, within the bounds. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek(firn_cursor *cursor, firn_slice key, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek_before(firn_cursor *cursor, firn_slice key,
                                                     firn_error *err);
/* Move to the next and to the previous entry, and tell whether there is one. Moving past either
 * end makes the cursor invalid. FIRN_MISUSE if it is not valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_next(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_prev(firn_cursor *cursor, firn_error *err);
FIRN_API bool firn_cursor_valid(const firn_cursor *cursor);
/* The key and the value at the cursor's position; their data is never NULL. If the cursor is not valid,
 * the slices are empty and their data is NULL. */
FIRN_API firn_slice firn_cursor_key(const firn_cursor *cursor);
FIRN_API firn_slice firn_cursor_value(const firn_cursor *cursor);
/* When the value expires, in milliseconds since 1970; 0: never. If operands were merged into an
 * expiring value, the time at which that value expires. */
FIRN_API uint64_t firn_cursor_expires_ms(const firn_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif
