/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_txn_cursor.h: what a transaction's cursor has beyond another one: it shows the
 * transaction's own writes among what the view has, and notes what is walked over.
 *
 * The thread of the transaction.
 */
#ifndef FIRN_STORE_DB_TXN_CURSOR_H
#define FIRN_STORE_DB_TXN_CURSOR_H

#include "store/db_internal.h"
#include "store/db_txn.h"

struct firn_db_txn_cursor;

/* The cursor beneath and its bounds, which it outlives. */
struct firn_db_txn_cursor_base {
    struct firn_db_keyspace *keyspace;
    struct firn_lsm_cursor *inner; /* NULL: there is nothing within the bounds */
    firn_slice lower;
    const firn_slice *upper; /* NULL: no bound; what it points to is copied */
};

FIRN_MUST_CHECK int firn_db_txn_cursor_create(struct firn_db_txn *txn,
                                              const struct firn_db_txn_cursor_base *base,
                                              struct firn_db_txn_cursor **out, firn_error *err);
/* NULL is fine; the cursor beneath stays. */
void firn_db_txn_cursor_destroy(struct firn_db_txn_cursor *cursor);

/* As those of store/db.h; FIRN_MISUSE when the transaction has ended. */
FIRN_MUST_CHECK int firn_db_txn_cursor_first(struct firn_db_txn_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_txn_cursor_last(struct firn_db_txn_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_txn_cursor_seek(struct firn_db_txn_cursor *cursor, firn_slice key,
                                            firn_error *err);
FIRN_MUST_CHECK int firn_db_txn_cursor_seek_before(struct firn_db_txn_cursor *cursor,
                                                   firn_slice key, firn_error *err);
FIRN_MUST_CHECK int firn_db_txn_cursor_next(struct firn_db_txn_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_db_txn_cursor_prev(struct firn_db_txn_cursor *cursor, firn_error *err);
bool firn_db_txn_cursor_valid(const struct firn_db_txn_cursor *cursor);
firn_slice firn_db_txn_cursor_key(const struct firn_db_txn_cursor *cursor);
firn_slice firn_db_txn_cursor_value(const struct firn_db_txn_cursor *cursor);

#endif
