/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn.h: transactions inside the library. The public version, with the caveats, is
 * include/firn/txn.h. System keyspaces cannot be used: FIRN_INVALID.
 *
 * A transaction and its cursors belong to one thread at a time.
 */
#ifndef FIRN_TXN_TXN_H
#define FIRN_TXN_TXN_H

#include "firn/txn.h"
#include "store/db.h"

struct firn_txn;

struct fi_txn_options {
    bool is_serializable;
    bool is_read_only;
};

/* Requires: options is not NULL. */
FIRN_MUST_CHECK int fi_txn_begin(struct firn_db *db, const struct fi_txn_options *options,
                                 struct firn_txn **out, firn_error *err);
/* As firn_txn_commit: afterwards the transaction has ended, also after a failure. */
FIRN_MUST_CHECK int fi_txn_commit(struct firn_txn *txn, firn_durability durability,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_txn_rollback(struct firn_txn *txn, firn_error *err);
/* Rolls back if the transaction has not ended. NULL is fine. */
void fi_txn_close(struct firn_txn *txn);

/* Replaces the contents of out; FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_txn_get(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                               firn_slice key, struct fi_buf *out, firn_error *err);
/* The same; columns as in fi_db_get_columns. */
FIRN_MUST_CHECK int fi_txn_get_columns(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                       firn_slice key, const struct fi_run_projection *columns,
                                       struct fi_buf *out, firn_error *err);
FIRN_MUST_CHECK int fi_txn_put(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                               firn_slice key, firn_slice value, firn_error *err);
FIRN_MUST_CHECK int fi_txn_put_ttl(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                   firn_slice key, firn_slice value, uint64_t ttl_ms,
                                   firn_error *err);
/* When a value expires that has ttl_ms (not 0) to live from now on: the same time for several puts.
 * Requires: the transaction is open. */
uint64_t fi_txn_end_ms(const struct firn_txn *txn, uint64_t ttl_ms);
FIRN_MUST_CHECK int fi_txn_put_until(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                     firn_slice key, firn_slice value, uint64_t expires_ms,
                                     firn_error *err);
FIRN_MUST_CHECK int fi_txn_merge(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                 firn_slice key, firn_merge_operator operation, firn_slice operand,
                                 firn_error *err);
FIRN_MUST_CHECK int fi_txn_delete(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                  firn_slice key, firn_error *err);
FIRN_MUST_CHECK int fi_txn_delete_range(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                        firn_slice lower, firn_slice upper, firn_error *err);
/* FIRN_MISUSE if the transaction has ended. */
FIRN_MUST_CHECK int fi_txn_check_open(const struct firn_txn *txn, firn_error *err);
/* The snapshot that the transaction reads, without its own writes; owned by it, and valid while it
 * is open. Requires: the transaction is open. */
struct firn_snapshot *fi_txn_snapshot(struct firn_txn *txn);
/* From here on, with any isolation, the commit fails with FIRN_CONFLICT if another commit wrote the
 * key since the transaction began, unless the transaction writes nothing. */
FIRN_MUST_CHECK int fi_txn_depend(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                  firn_slice key, firn_error *err);
/* The same for all keys of the keyspace. */
FIRN_MUST_CHECK int fi_txn_depend_on_all(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                         firn_error *err);
/* Whether the transaction has written anything to the keyspace that was not rolled back. */
bool fi_txn_has_written(const struct firn_txn *txn, const struct firn_db_keyspace *keyspace);
/* Notes that the keys from lower on, and below *upper (NULL: no bound), were read. For reads that
 * bypass the transaction's own functions, so that a serializable transaction is validated.
 * Requires: fi_txn_snapshot was read. FIRN_MISUSE after the transaction has ended. */
FIRN_MUST_CHECK int fi_txn_read_range(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                      const firn_slice *lower, const firn_slice *upper,
                                      firn_error *err);
/* Requires: options->snapshot is NULL. The cursor outlives the end of the transaction, and then
 * returns FIRN_MISUSE. */
FIRN_MUST_CHECK int fi_txn_cursor_open(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                                       const struct fi_db_cursor_options *options,
                                       struct firn_db_cursor **out, firn_error *err);

FIRN_MUST_CHECK int fi_txn_savepoint(struct firn_txn *txn, uint64_t *out, firn_error *err);
FIRN_MUST_CHECK int fi_txn_rollback_to(struct firn_txn *txn, uint64_t savepoint, firn_error *err);
FIRN_MUST_CHECK int fi_txn_release(struct firn_txn *txn, uint64_t savepoint, firn_error *err);

struct fi_txn_run {
    struct fi_txn_options options;
    firn_durability durability;
    unsigned attempts_max; /* at least 1 */
    int (*work)(void *ctx, struct firn_txn *txn, firn_error *err);
    void *ctx;
};
/* As firn_txn_run. */
FIRN_MUST_CHECK int fi_txn_run(struct firn_db *db, const struct fi_txn_run *run, firn_error *err);

/* A put that depends on the present value of the key. */
struct fi_txn_run_put_if {
    firn_slice key;
    const firn_slice *expected; /* NULL: the key must have no value */
    firn_slice value;
    uint64_t ttl_ms; /* 0: never expires */
    firn_durability durability;
};
/* As firn_insert and firn_compare_and_put. Any thread. */
FIRN_MUST_CHECK int fi_txn_run_put_if(struct firn_db_keyspace *keyspace,
                                      const struct fi_txn_run_put_if *what, firn_error *err);

#endif
