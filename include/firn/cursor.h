/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/cursor.h: walking the keys of a keyspace in byte order, forwards and backwards.
 *
 * Caveats first.
 * - A cursor sees the state of the moment at which it was opened, or that of a view: what is
 *   committed afterwards, by whomever, it does not show. Inside a transaction,
 *   firn_txn_cursor_open (firn/txn.h) gives one that shows the transaction's own writes too.
 * - What it shows is borrowed: key and value are gone with its next move.
 * - A cursor that is open for long keeps what it sees: values that were overwritten, and keyspaces
 *   that were dropped, take up space until it is closed.
 * - It belongs to one thread at a time, and is to be closed before its store.
 * - Damage is met where it lies: the move that comes upon a bad block returns FIRN_CORRUPT, and the
 *   cursor stands nowhere. A seek to a place behind goes on.
 * - Deleted keys are skipped, not shown; a walk over many that were deleted one by one and are not
 *   merged away yet takes its time. firn_delete_range leaves nothing to skip.
 */
#ifndef FIRN_CURSOR_H
#define FIRN_CURSOR_H

#include <stdbool.h>

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_db_cursor firn_cursor;

/* A cursor walks the keys of one keyspace in byte order, at the view of the moment it was
 * opened, over [lower, upper). It starts nowhere: call first, last or seek. Keys and values are
 * borrowed until the cursor moves or closes. */
typedef struct firn_cursor_options {
    size_t size;       /* sizeof(firn_cursor_options) */
    const void *lower; /* first key included; NULL is no bound */
    size_t lower_size;
    const void *upper; /* first key excluded; NULL is no bound */
    size_t upper_size;
    const void *prefix; /* if not NULL: only keys that begin so, in addition to the bounds */
    size_t prefix_size;
    firn_snapshot *view; /* NULL: that of the moment; may be closed before the cursor */
    bool keys_only;      /* values are not read, and shown as empty */
} firn_cursor_options;
#define FIRN_CURSOR_OPTIONS_INIT                                            \
    {                                                                       \
        sizeof(firn_cursor_options), NULL, 0, NULL, 0, NULL, 0, NULL, false \
    }
FIRN_API FIRN_MUST_CHECK int firn_cursor_open(firn_keyspace *keyspace,
                                              const firn_cursor_options *options, firn_cursor **out,
                                              firn_error *err);
FIRN_API void firn_cursor_close(firn_cursor *cursor);
/* Each returns FIRN_OK also where there is no such entry: ask firn_cursor_valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_first(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_last(firn_cursor *cursor, firn_error *err);
/* To the first key ≥ key, or (seek_before) the last key < key, within the bounds. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek(firn_cursor *cursor, firn_slice key, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek_before(firn_cursor *cursor, firn_slice key,
                                                     firn_error *err);
/* Past either end the cursor becomes invalid. FIRN_MISUSE on a cursor that is not valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_next(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_prev(firn_cursor *cursor, firn_error *err);
FIRN_API bool firn_cursor_valid(const firn_cursor *cursor);
/* Only while valid, and then data is not NULL; an empty slice otherwise. */
FIRN_API firn_slice firn_cursor_key(const firn_cursor *cursor);
FIRN_API firn_slice firn_cursor_value(const firn_cursor *cursor);
/* When the value that the cursor stands on, or what was merged into one with a time to live, ends:
 * milliseconds since 1970, 0 for never. */
FIRN_API uint64_t firn_cursor_expires_ms(const firn_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif
