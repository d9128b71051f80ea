/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_writes.h: what a transaction has written: a batch, found by key, that can go back.
 *
 * One thread.
 */
#ifndef FIRN_TXN_DB_TXN_WRITES_H
#define FIRN_TXN_DB_TXN_WRITES_H

#include "store/db_internal.h"

/* Zeroed is empty. */
struct firn_db_txn_writes {
    struct firn_db_batch batch;
    struct firn_buf
        older; /* of each operation, as uint32_t: the one before it on its key, plus 1 */
    struct firn_buf nodes; /* a skip list, as uint32_t: see db_txn_writes.c */
    size_t range_count;
    size_t overwritten_count; /* operations that a later one on their key makes pointless */
    uint64_t changes;         /* grows with each */
};

/* A key that was written; 0 is none. Valid until a change. */
typedef uint32_t firn_db_txn_writes_place;

enum firn_db_txn_writes_answer {
    FIRN_DB_TXN_WRITES_NOTHING, /* the transaction has not touched it */
    FIRN_DB_TXN_WRITES_DELETED,
    FIRN_DB_TXN_WRITES_PUT,
    FIRN_DB_TXN_WRITES_MERGED /* into what the store has */
};

void firn_db_txn_writes_deinit(struct firn_db_txn_writes *writes);
/* Memory that is used. */
size_t firn_db_txn_writes_size_bytes(const struct firn_db_txn_writes *writes);
static inline bool
firn_db_txn_writes_is_empty(const struct firn_db_txn_writes *writes)
{
    return firn_db_batch_op_count(&writes->batch) == 0;
}

/* Fails as firn_db_batch_put does, and changes nothing then; key and value are copied. The value is
 * what is stored (base/entry.h); of a range delete the upper bound. */
FIRN_MUST_CHECK int firn_db_txn_writes_add(struct firn_db_txn_writes *writes,
                                           struct firn_db_keyspace *keyspace,
                                           const struct firn_entry *entry, firn_error *err);
/* *out_value is borrowed until the next change; only of PUT, and of MERGED, where it is the operand
 * as it is stored. */
enum firn_db_txn_writes_answer firn_db_txn_writes_get(const struct firn_db_txn_writes *writes,
                                                      const struct firn_db_tree *tree,
                                                      firn_slice key, firn_slice *out_value);

static inline struct firn_db_batch_mark
firn_db_txn_writes_mark(const struct firn_db_txn_writes *writes)
{
    return firn_db_batch_mark(&writes->batch);
}
/* Takes back what came behind the mark. FIRN_NO_MEMORY: nothing is taken back. */
FIRN_MUST_CHECK int firn_db_txn_writes_rewind(struct firn_db_txn_writes *writes,
                                              const struct firn_db_batch_mark *mark,
                                              firn_error *err);

/* Leaves out what was written over, but for what going back to one of the marks (ascending) would
 * bring back; the marks are moved along. FIRN_NO_MEMORY: nothing has changed. */
FIRN_MUST_CHECK int firn_db_txn_writes_tidy(struct firn_db_txn_writes *writes,
                                            struct firn_db_batch_mark *const *marks,
                                            size_t mark_count, firn_error *err);

/* ---- in the order of keys ---- */

/* The first key of a tree that is >= key, or > key. */
firn_db_txn_writes_place firn_db_txn_writes_seek(const struct firn_db_txn_writes *writes,
                                                 const struct firn_db_tree *tree, firn_slice key);
firn_db_txn_writes_place firn_db_txn_writes_seek_after(const struct firn_db_txn_writes *writes,
                                                       const struct firn_db_tree *tree,
                                                       firn_slice key);
/* The last key of a tree that is < *key; NULL: the last one. */
firn_db_txn_writes_place firn_db_txn_writes_seek_before(const struct firn_db_txn_writes *writes,
                                                        const struct firn_db_tree *tree,
                                                        const firn_slice *key);
/* The next key of the same tree. */
firn_db_txn_writes_place firn_db_txn_writes_next(const struct firn_db_txn_writes *writes,
                                                 firn_db_txn_writes_place place);
/* Of all trees, by their numbers. */
firn_db_txn_writes_place firn_db_txn_writes_first(const struct firn_db_txn_writes *writes);
firn_db_txn_writes_place firn_db_txn_writes_next_of_all(const struct firn_db_txn_writes *writes,
                                                        firn_db_txn_writes_place place);
/* The newest operation on the key; borrowed until the next change, as its bytes are. */
const struct firn_db_op *firn_db_txn_writes_op(const struct firn_db_txn_writes *writes,
                                               firn_db_txn_writes_place place);
firn_slice firn_db_txn_writes_key(const struct firn_db_txn_writes *writes,
                                  firn_db_txn_writes_place place);
/* PUT, MERGED or DELETED; *out_value as above. */
enum firn_db_txn_writes_answer firn_db_txn_writes_at(const struct firn_db_txn_writes *writes,
                                                     firn_db_txn_writes_place place,
                                                     firn_slice *out_value);
/* Whether a range delete of the transaction hides what the store has of key; then *out is a stretch
 * around it that is hidden. */
bool firn_db_txn_writes_hides(const struct firn_db_txn_writes *writes,
                              const struct firn_db_tree *tree, firn_slice key,
                              struct firn_range_stretch *out);

#endif
