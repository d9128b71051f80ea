/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_internal.h: what the files of transactions share.
 */
#ifndef FIRN_TXN_TXN_INTERNAL_H
#define FIRN_TXN_TXN_INTERNAL_H

#include "base/arena.h"
#include "store/db_store_handle.h"
#include "txn/txn.h"

/* ==== the write set of a transaction ====
 *
 * A batch whose operations are found by key, and can be taken back.
 *
 * One thread.
 */

/* Zeroed is empty. */
struct fi_txn_writes {
    struct firn_db_batch batch;
    struct fi_buf older; /* of each operation, as uint32_t: the one before it on its key, plus 1 */
    struct fi_buf nodes; /* a skip list, as uint32_t: see txn_writes.c */
    size_t range_count;
    size_t marked;          /* the operations before the newest mark, which no longer change */
    size_t pointless_bytes; /* of operations that tidying removes, without their frames */
    uint64_t changes;       /* grows with each change */
};

/* A position in a write set. */
struct fi_txn_writes_mark {
    struct fi_db_batch_mark batch;
    size_t pointless_bytes;
};

/* A key that was written; 0: no key. Valid until a change. */
typedef uint32_t fi_txn_writes_place;

enum fi_txn_writes_answer {
    FI_TXN_WRITES_NOTHING, /* the transaction has not written the key */
    FI_TXN_WRITES_DELETED,
    FI_TXN_WRITES_PUT,
    FI_TXN_WRITES_MERGED /* an operand for the value that the snapshot has */
};

void fi_txn_writes_deinit(struct fi_txn_writes *writes);
/* The memory that it uses. */
size_t fi_txn_writes_size_bytes(const struct fi_txn_writes *writes);
static inline bool
fi_txn_writes_is_empty(const struct fi_txn_writes *writes)
{
    return fi_db_batch_op_count(&writes->batch) == 0;
}

/* Copies key and value. The value is as it is stored (base/entry.h); of a range delete, the upper
 * bound. Fails as fi_db_batch_put does, and then changes nothing. */
FIRN_MUST_CHECK int fi_txn_writes_add(struct fi_txn_writes *writes,
                                      struct firn_db_keyspace *keyspace,
                                      const struct fi_entry *entry, firn_error *err);
/* Appends an operand to the newest write on the key, if fi_db_batch_extend can, and the write is
 * after the newest mark. Fails as that function does. */
FIRN_MUST_CHECK int fi_txn_writes_extend(struct fi_txn_writes *writes,
                                         const struct fi_db_tree *tree, firn_slice key,
                                         firn_slice operand);
/* *out_value is borrowed until the next change. Set only for PUT, and for MERGED, where it is the
 * operand as it is stored. */
enum fi_txn_writes_answer fi_txn_writes_get(const struct fi_txn_writes *writes,
                                            const struct fi_db_tree *tree, firn_slice key,
                                            firn_slice *out_value);

/* Sets a mark, to which the write set can go back. The caller keeps the marks, the oldest first. */
struct fi_txn_writes_mark fi_txn_writes_mark(struct fi_txn_writes *writes);
/* Takes back what was written after the mark, and removes the later marks. FIRN_NO_MEMORY: nothing
 * was taken back. */
FIRN_MUST_CHECK int fi_txn_writes_rewind(struct fi_txn_writes *writes,
                                         const struct fi_txn_writes_mark *mark, firn_error *err);
/* Removes a mark and all later ones; last is the one before it, or NULL if there is none. The time
 * depends only on what was written after the mark. */
void fi_txn_writes_unmark(struct fi_txn_writes *writes, const struct fi_txn_writes_mark *mark,
                          const struct fi_txn_writes_mark *last);

/* Removes overwritten operations, except those that rolling back to one of the marks (all that are
 * set, ascending) would bring back, and adapts the marks. FIRN_NO_MEMORY: nothing has changed. */
FIRN_MUST_CHECK int fi_txn_writes_tidy(struct fi_txn_writes *writes,
                                       struct fi_txn_writes_mark *const *marks, size_t mark_count,
                                       firn_error *err);

/* ---- in the order of keys ---- */

/* The first key of a tree that is >= key, or > key. */
fi_txn_writes_place fi_txn_writes_seek(const struct fi_txn_writes *writes,
                                       const struct fi_db_tree *tree, firn_slice key);
fi_txn_writes_place fi_txn_writes_seek_after(const struct fi_txn_writes *writes,
                                             const struct fi_db_tree *tree, firn_slice key);
/* The last key of a tree that is < *key; NULL: the last one. */
fi_txn_writes_place fi_txn_writes_seek_before(const struct fi_txn_writes *writes,
                                              const struct fi_db_tree *tree, const firn_slice *key);
/* The next key of the same tree. */
fi_txn_writes_place fi_txn_writes_next(const struct fi_txn_writes *writes,
                                       fi_txn_writes_place place);
/* The first key of all trees, in the order of their numbers. */
fi_txn_writes_place fi_txn_writes_first(const struct fi_txn_writes *writes);
fi_txn_writes_place fi_txn_writes_next_of_all(const struct fi_txn_writes *writes,
                                              fi_txn_writes_place place);
/* The newest operation on the key; it and its bytes are borrowed until the next change. */
const struct fi_db_op *fi_txn_writes_op(const struct fi_txn_writes *writes,
                                        fi_txn_writes_place place);
firn_slice fi_txn_writes_key(const struct fi_txn_writes *writes, fi_txn_writes_place place);
/* PUT, MERGED or DELETED; *out_value as above. */
enum fi_txn_writes_answer fi_txn_writes_at(const struct fi_txn_writes *writes,
                                           fi_txn_writes_place place, firn_slice *out_value);
/* Whether a range delete of the transaction hides the snapshot's entry of key; then *out is a
 * hidden range around the key. */
bool fi_txn_writes_hides(const struct fi_txn_writes *writes, const struct fi_db_tree *tree,
                         firn_slice key, struct fi_range_stretch *out);

/* ==== the read set of a serializable transaction: keys and ranges, in bounded memory ====
 *
 * One thread.
 */

/* The keys k with lower <= k < upper; without has_upper, all from lower on. */
struct fi_txn_reads_range {
    struct firn_db_keyspace *keyspace;
    firn_slice lower;
    firn_slice upper;
    bool has_upper;
};

/* Zeroed except for limit_bytes: empty. */
struct fi_txn_reads {
    size_t limit_bytes;
    struct fi_buf ranges; /* of struct fi_txn_reads_range; bounds are in the arena */
    struct fi_arena arena;
    size_t content_bytes; /* of ranges and bounds */
    size_t tidy_at_bytes; /* size at which ranges are merged */
    bool is_incomplete;   /* something is missing for lack of memory */
};

void fi_txn_reads_deinit(struct fi_txn_reads *reads);
/* These cannot fail: see is_incomplete. Bounds are copied. After many reads, more may be noted than
 * was read. */
void fi_txn_reads_add_key(struct fi_txn_reads *reads, struct firn_db_keyspace *keyspace,
                          firn_slice key);
void fi_txn_reads_add(struct fi_txn_reads *reads, const struct fi_txn_reads_range *range);
size_t fi_txn_reads_count(const struct fi_txn_reads *reads);
const struct fi_txn_reads_range *fi_txn_reads_at(const struct fi_txn_reads *reads, size_t i);
/* Sorts and merges the ranges. */
void fi_txn_reads_tidy(struct fi_txn_reads *reads);
/* Whether a range is a single key: lower. */
bool fi_txn_reads_is_key(const struct fi_txn_reads_range *range);

enum fi_txn_state {
    FI_TXN_OPEN,
    FI_TXN_COMMITTED,
    FI_TXN_ROLLED_BACK,
    FI_TXN_FAILED /* its commit was refused */
};

struct firn_txn {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_snapshot snapshot; /* what it reads; registered while it is open */
    enum fi_txn_state state;
    bool is_read_only;
    bool notes_reads;
    bool is_lent;     /* the work of txn_run.c uses it and does not free it */
    uint64_t checked; /* nothing up to this sequence conflicts with it */
    struct fi_txn_writes writes;
    struct fi_txn_reads reads;
    struct fi_buf savepoints; /* of struct fi_txn_savepoint, the oldest first */
    uint64_t next_savepoint;
    struct fi_txn_cursor *cursors; /* open ones */
};

/* ---- txn_cursor.c ---- */

/* Called when the transaction ends: detaches its cursors, which show nothing afterwards, and
 * completes its read set. */
void fi_txn_cursor_detach_all(struct firn_txn *txn);

/* ---- txn_conflict.c ---- */

/* FIRN_CONFLICT, which names keyspace and key, if a published commit conflicts. Advances
 * txn->checked, so that the leader has less to check. For the thread of the transaction. */
FIRN_MUST_CHECK int fi_txn_conflict_check(struct firn_txn *txn, firn_error *err);
/* Checks the rest: everything that was applied before the commit gets its place in the order. ctx
 * is the transaction. For the leader only. */
FIRN_MUST_CHECK int fi_txn_conflict_check_leading(const void *ctx, struct firn_db *db,
                                                  firn_error *err);

/* ==== merges within a transaction ====
 *
 * One thread.
 */

/* Combines a merge with what the transaction did to the key. *out_grown is the size of the value
 * that was copied and has grown, or 0. FIRN_INVALID, with nothing changed, if the last write was a
 * merge with another operator, or a put with a time to live. */
FIRN_MUST_CHECK int fi_txn_merge_add(struct fi_txn_writes *writes,
                                     struct firn_db_keyspace *keyspace, firn_slice key,
                                     firn_slice merge, size_t *out_grown, firn_error *err);
/* Replaces the contents of out with the result of a merge on a value (NULL: on none). Requires: the
 * value is not in out. */
FIRN_MUST_CHECK int fi_txn_merge_into(firn_slice merge, const firn_slice *value, struct fi_buf *out,
                                      firn_error *err);

/* ==== the cursor of a transaction ====
 *
 * It merges the transaction's own writes into what the snapshot has, and notes what is walked over.
 *
 * For the thread of the transaction.
 */

/* A fi_db_cursor_overlay_make; ctx is the transaction, which is open. */
FIRN_MUST_CHECK int fi_txn_cursor_create(void *ctx, const struct fi_db_cursor_base *base,
                                         struct fi_db_cursor_overlay **out, firn_error *err);

#endif
