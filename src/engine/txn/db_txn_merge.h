/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_merge.h: merges within a transaction.
 *
 * One thread.
 */
#ifndef FIRN_TXN_DB_TXN_MERGE_H
#define FIRN_TXN_DB_TXN_MERGE_H

#include "txn/db_txn_writes.h"

/* Adds to what the transaction did to the key. FIRN_INVALID where that was a merge with another
 * operator, or a put with a time to live; nothing has changed then. */
FIRN_MUST_CHECK int firn_db_txn_merge_add(struct firn_db_txn_writes *writes,
                                          struct firn_db_keyspace *keyspace, firn_slice key,
                                          firn_slice merge, firn_error *err);
/* Replaces the contents of out with what a merge makes of a value, or of none (NULL), which may not
 * lie in out. */
FIRN_MUST_CHECK int firn_db_txn_merge_into(firn_slice merge, const firn_slice *value,
                                           struct firn_buf *out, firn_error *err);

#endif
