/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_check.h: whether what others have committed keeps a transaction from committing.
 */
#ifndef FIRN_TXN_DB_TXN_CHECK_H
#define FIRN_TXN_DB_TXN_CHECK_H

#include "store/db_internal.h"

/* FIRN_CONFLICT, which names keyspace and key, if a commit that is published conflicts. Moves
 * txn->checked on, so that the leader has less to look at. The thread of the transaction. */
FIRN_MUST_CHECK int firn_db_txn_check(struct firn_db_txn *txn, firn_error *err);
/* The rest, before the commit gets its place in the order: everything that was applied. ctx is the
 * transaction. The leader's. */
FIRN_MUST_CHECK int firn_db_txn_check_leading(const void *ctx, struct firn_db *db, firn_error *err);

#endif
