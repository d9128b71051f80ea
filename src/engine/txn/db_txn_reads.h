/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_reads.h: which keys and ranges a serializable transaction has read, in bounded
 * memory.
 *
 * One thread.
 */
#ifndef FIRN_TXN_DB_TXN_READS_H
#define FIRN_TXN_DB_TXN_READS_H

#include "base/arena.h"
#include "store/db_internal.h"

/* The keys k with lower <= k < upper; without has_upper, all from lower on. */
struct firn_db_txn_reads_range {
    struct firn_db_keyspace *keyspace;
    firn_slice lower;
    firn_slice upper;
    bool has_upper;
};

/* Zeroed but for limit_bytes is empty. */
struct firn_db_txn_reads {
    size_t limit_bytes;
    struct firn_buf ranges; /* of struct firn_db_txn_reads_range; bounds lie in the arena */
    struct firn_arena arena;
    size_t content_bytes; /* of ranges and bounds */
    size_t tidy_at_bytes; /* when so much is there, it is merged */
    bool is_incomplete;   /* memory was out: something is missing */
};

void firn_db_txn_reads_deinit(struct firn_db_txn_reads *reads);
/* Neither can fail: see is_incomplete. Bounds are copied. Where much has been read, more may be
 * noted than was. */
void firn_db_txn_reads_add_key(struct firn_db_txn_reads *reads, struct firn_db_keyspace *keyspace,
                               firn_slice key);
void firn_db_txn_reads_add(struct firn_db_txn_reads *reads,
                           const struct firn_db_txn_reads_range *range);
size_t firn_db_txn_reads_count(const struct firn_db_txn_reads *reads);
const struct firn_db_txn_reads_range *firn_db_txn_reads_at(const struct firn_db_txn_reads *reads,
                                                           size_t i);
/* Sorts and merges what there is. */
void firn_db_txn_reads_tidy(struct firn_db_txn_reads *reads);
/* Whether a range is a single key: lower. */
bool firn_db_txn_reads_is_key(const struct firn_db_txn_reads_range *range);

#endif
