/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_cursor.h: what a transaction's cursor has beyond another one: it shows the
 * transaction's own writes among what the view has, and notes what is walked over.
 *
 * The thread of the transaction.
 */
#ifndef FIRN_TXN_DB_TXN_CURSOR_H
#define FIRN_TXN_DB_TXN_CURSOR_H

#include "store/db_internal.h"
#include "txn/db_txn.h"

/* A firn_db_cursor_overlay_make; ctx is the transaction, which is open. */
FIRN_MUST_CHECK int firn_db_txn_cursor_create(void *ctx, const struct firn_db_cursor_base *base,
                                              struct firn_db_cursor_overlay **out, firn_error *err);

#endif
