/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/txn.h: transactions: reading one consistent state, writing into any keyspaces, all or
 * nothing.
 *
 * Caveats first.
 * - Transactions are optimistic: nothing is locked, nobody waits, and whether a transaction may
 *   commit is decided when it asks to. FIRN_CONFLICT means that another commit came first; the
 *   error's text names the key. Nothing of the transaction is there then: begin another one and do
 *   it all again, reads included. firn_txn_run does that.
 * - FIRN_ISOLATION_SNAPSHOT (the default) finds two transactions that write the same key. It does
 *   not find two that each read what the other one writes: where a rule spans several keys ("one
 *   of the two must be on call") both may pass a check that only one of them leaves true.
 *   FIRN_ISOLATION_SERIALIZABLE finds that too, for all transactions that use it: it is as if they
 *   had run one after the other. It remembers which keys and ranges were read.
 * - Single puts and batches (firn_put, firn_write) never conflict themselves; for transactions that
 *   are open meanwhile they count as any commit. Restoring a checkpoint of the store counts as a
 *   write to every key.
 * - What a transaction writes stays in memory until it commits: at most a quarter of the store's
 *   memory_bytes, then FIRN_LIMIT; the write that was refused leaves no trace, and the transaction
 *   goes on. One that reads very much and is serializable may conflict with writes next to what it
 *   read.
 * - An open transaction keeps what it sees, like a view; and deletes that came after it keep
 *   taking up space until it ends. Keep transactions short.
 * - A commit that failed, for whatever reason, has ended its transaction. After commit or rollback
 *   every function but firn_txn_close returns FIRN_MISUSE, and so do cursors of the transaction but
 *   for firn_cursor_close.
 * - firn_store_close refuses with FIRN_MISUSE while a transaction is open. One that has ended may
 *   be closed after the store.
 * - A transaction and its cursors belong to one thread at a time; any number of transactions may be
 *   open in any threads.
 */
#ifndef FIRN_TXN_H
#define FIRN_TXN_H

#include "cursor.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_db_txn firn_txn;

typedef enum firn_isolation {
    FIRN_ISOLATION_DEFAULT = 0, /* snapshot */
    FIRN_ISOLATION_SNAPSHOT = 1,
    FIRN_ISOLATION_SERIALIZABLE = 2
} firn_isolation;

typedef struct firn_txn_options {
    size_t size; /* sizeof(firn_txn_options) */
    firn_isolation isolation;
    bool read_only; /* writes are refused with FIRN_READ_ONLY; remembers no reads */
} firn_txn_options;
#define FIRN_TXN_OPTIONS_INIT                                   \
    {                                                           \
        sizeof(firn_txn_options), FIRN_ISOLATION_DEFAULT, false \
    }

/* Begins a transaction, which reads the state of this moment. options may be NULL. On a store that
 * is open for reading only, every transaction is read-only. */
FIRN_API FIRN_MUST_CHECK int firn_txn_begin(firn_store *store, const firn_txn_options *options,
                                            firn_txn **out, firn_error *err);
/* Makes all writes of the transaction visible at once, and durable as options (may be NULL) say;
 * FIRN_CONFLICT where others came first. A transaction that wrote nothing always succeeds. It has
 * ended afterwards, whatever is returned but FIRN_INVALID, for options that cannot be meant. */
FIRN_API FIRN_MUST_CHECK int firn_txn_commit(firn_txn *txn, const firn_write_options *options,
                                             firn_error *err);
/* Forgets all that the transaction wrote. It has ended afterwards. */
FIRN_API FIRN_MUST_CHECK int firn_txn_rollback(firn_txn *txn, firn_error *err);
/* Releases the handle; rolls back what has not ended. NULL is fine. */
FIRN_API void firn_txn_close(firn_txn *txn);

/* As firn_get and so on, of what the transaction sees: the state at its beginning, and its own
 * writes. A keyspace that was opened later can be used too, and is empty at first. */
FIRN_API FIRN_MUST_CHECK int firn_txn_get(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                          uint8_t **out, size_t *out_size, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_put(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                          firn_slice value, firn_error *err);
/* With a time to live, counted from this call. */
FIRN_API FIRN_MUST_CHECK int firn_txn_put_ttl(firn_txn *txn, firn_keyspace *keyspace,
                                              firn_slice key, firn_slice value, uint64_t ttl_ms,
                                              firn_error *err);
/* As firn_merge; for conflicts a write like any other, and no reading. Adds to what the transaction
 * did to the key before: FIRN_INVALID where that was a merge with another operator, or a put with a
 * time to live. */
FIRN_API FIRN_MUST_CHECK int firn_txn_merge(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                            firn_merge_operator operation, firn_slice operand,
                                            firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_delete(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                             firn_error *err);
/* Counts as a write to every key of the range, those included that are not there. */
FIRN_API FIRN_MUST_CHECK int firn_txn_delete_range(firn_txn *txn, firn_keyspace *keyspace,
                                                   firn_slice lower, firn_slice upper,
                                                   firn_error *err);
/* A cursor over what the transaction sees, to be used with the functions of store.h. options->view
 * must be NULL. Each move takes account of what was written up to then. */
FIRN_API FIRN_MUST_CHECK int firn_txn_cursor_open(firn_txn *txn, firn_keyspace *keyspace,
                                                  const firn_cursor_options *options,
                                                  firn_cursor **out, firn_error *err);

/* Savepoints. Setting one gives a number, never 0. Rolling back to it takes back what was written
 * since; it stays set, those that were set after it are gone. Releasing forgets it and those after
 * it, and keeps what was written. FIRN_NOT_FOUND for one that is gone. What was read since counts
 * as read all the same. */
FIRN_API FIRN_MUST_CHECK int firn_txn_savepoint(firn_txn *txn, uint64_t *out, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_rollback_to(firn_txn *txn, uint64_t savepoint,
                                                  firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_release(firn_txn *txn, uint64_t savepoint, firn_error *err);

typedef struct firn_txn_run_options {
    size_t size; /* sizeof(firn_txn_run_options) */
    firn_isolation isolation;
    firn_durability durability;
    unsigned attempts_max; /* 0: 100 */
} firn_txn_run_options;
#define FIRN_TXN_RUN_OPTIONS_INIT                                                        \
    {                                                                                    \
        sizeof(firn_txn_run_options), FIRN_ISOLATION_DEFAULT, FIRN_DURABILITY_DEFAULT, 0 \
    }
/* Begins a transaction, lets work read and write in it, and commits it; where work or the commit
 * returns FIRN_CONFLICT does all of it again, after a short random wait that grows, until
 * attempts_max is reached, which returns the last conflict. So work may run many times: it must
 * have no effects but those of the transaction, and begin from nothing each time. Anything else
 * that work returns but FIRN_OK rolls back and is returned. Work may commit the
 * transaction or roll it back, which is also all that closing it does there; it must not close the
 * store. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_txn_run(firn_store *store, const firn_txn_run_options *options,
                                          int (*work)(firn_txn *txn, void *ctx, firn_error *err),
                                          void *ctx, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
