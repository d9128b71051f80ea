/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_span.h: the stretch of keys that a cursor has walked over since it was placed.
 *
 * One thread. Each function that takes keys returns FIRN_OK or FIRN_NO_MEMORY; after that the span
 * holds at least what it held before.
 */
#ifndef FIRN_TXN_DB_TXN_SPAN_H
#define FIRN_TXN_DB_TXN_SPAN_H

#include <stdbool.h>

#include "base/buf.h"

/* The keys k with lower <= k < upper; without has_upper, all from lower on. Zeroed is none. */
struct firn_db_txn_span {
    bool is_begun;
    bool has_upper;
    struct firn_buf lower;
    struct firn_buf upper;
};

void firn_db_txn_span_deinit(struct firn_db_txn_span *span);
/* Begins anew, as [key, key) or, for NULL, behind all keys. */
FIRN_MUST_CHECK int firn_db_txn_span_begin(struct firn_db_txn_span *span, const firn_slice *key);
/* Makes it reach down to key, that included. */
FIRN_MUST_CHECK int firn_db_txn_span_reach_down(struct firn_db_txn_span *span, firn_slice key);
/* Makes it reach up to key, that included; or up to a bound, which is not; NULL: to the end. */
FIRN_MUST_CHECK int firn_db_txn_span_reach_up(struct firn_db_txn_span *span, firn_slice key);
FIRN_MUST_CHECK int firn_db_txn_span_reach_bound(struct firn_db_txn_span *span,
                                                 const firn_slice *bound);

#endif
