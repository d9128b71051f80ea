/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/txn.h: transactions: read one consistent state, write to any keyspaces, all or nothing.
 *
 * - Transactions are optimistic: nothing is locked and nothing waits; whether a transaction may commit
 *   is decided when it commits. FIRN_CONFLICT means that another commit came first; the error's text
 *   names the key, of a table by its values. Nothing of the transaction was written: begin a new one
 *   and redo everything, reads included. firn_txn_run does that.
 * - FIRN_ISOLATION_SNAPSHOT (the default) detects two transactions that write the same key. It does not
 *   detect two that each read what the other writes (write skew): if a rule spans several keys, both
 *   may pass a check that only one of them leaves true. FIRN_ISOLATION_SERIALIZABLE detects that too,
 *   among all transactions that use it: the result is as if they had run one after the other. It
 *   remembers the keys and ranges that were read.
 * - Single writes and batches (firn_put, firn_store_write) never conflict themselves; to open
 *   transactions they count like any commit. Restoring a checkpoint of the store counts as a write to
 *   every key.
 * - The writes of a transaction stay in memory until it commits: at most a quarter of the store's
 *   memory_bytes, then FIRN_LIMIT; the refused write changes nothing and the transaction continues. A
 *   serializable transaction that reads very much may conflict with writes next to what it read.
 * - An open transaction keeps what it sees, like a snapshot, and what was deleted after it began takes
 *   up space until it ends. Keep transactions short.
 * - A failed commit ends the transaction, for any reason. After commit or rollback every function
 *   but firn_txn_close returns FIRN_MISUSE; so do its cursors, except for firn_cursor_close.
 * - firn_store_close fails with FIRN_MISUSE while a transaction is open. One that has ended may be
 *   closed after the store.
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

typedef struct firn_txn firn_txn;

typedef enum firn_isolation {
    FIRN_ISOLATION_DEFAULT = 0, /* snapshot */
    FIRN_ISOLATION_SNAPSHOT = 1,
    FIRN_ISOLATION_SERIALIZABLE = 2
} firn_isolation;
/* The name of an isolation ("snapshot"), constant; never NULL. Any thread. */
FIRN_API const char *firn_isolation_name(firn_isolation isolation);

typedef struct firn_txn_options {
    size_t size; /* sizeof(firn_txn_options) */
    firn_isolation isolation;
    bool read_only; /* writes give FIRN_READ_ONLY; reads are not remembered */
} firn_txn_options;
#define FIRN_TXN_OPTIONS_INIT                                   \
    {                                                           \
        sizeof(firn_txn_options), FIRN_ISOLATION_DEFAULT, false \
    }

/* Begins a transaction, which reads the present state. On a read-only store every transaction is
 * read-only. */
FIRN_API FIRN_MUST_CHECK int firn_txn_begin(firn_store *store, const firn_txn_options *options,
                                            firn_txn **out, firn_error *err);
/* Makes all writes of the transaction visible at once, with the durability that options give.
 * FIRN_CONFLICT if other commits came first. A transaction without writes always succeeds. Ends the
 * transaction, also if it fails, unless it returns FIRN_INVALID because of options. */
FIRN_API FIRN_MUST_CHECK int firn_txn_commit(firn_txn *txn, const firn_write_options *options,
                                             firn_error *err);
/* Discards the writes and ends the transaction. */
FIRN_API FIRN_MUST_CHECK int firn_txn_rollback(firn_txn *txn, firn_error *err);
/* Releases the handle; rolls back a transaction that has not ended. NULL is allowed. */
FIRN_API void firn_txn_close(firn_txn *txn);

/* Read and write what the transaction sees, like firn_get and the others: the state when it
 * began, and its own writes. Keyspaces opened later may be used too, and are empty at first. */
FIRN_API FIRN_MUST_CHECK int firn_txn_get(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                          uint8_t **out, size_t *out_size, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_put(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                          firn_slice value, firn_error *err);
/* Writes an entry that expires. The time to live starts with this call; 0: the value never
 * expires. */
FIRN_API FIRN_MUST_CHECK int firn_txn_put_ttl(firn_txn *txn, firn_keyspace *keyspace,
                                              firn_slice key, firn_slice value, uint64_t ttl_ms,
                                              firn_error *err);
/* Combine an operand with a value, or delete a key, like firn_merge and firn_delete. For
 * conflicts it is a write and not a read. Combines with what the transaction did to the key
 * before: FIRN_INVALID if that was a merge with another operator, or a put with a time to live. */
FIRN_API FIRN_MUST_CHECK int firn_txn_merge(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                            firn_merge_operator operation, firn_slice operand,
                                            firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_txn_delete(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
                                             firn_error *err);
/* Deletes a range of keys, like firn_delete_range. Counts as a write to every key of the range,
 * missing ones included. */
FIRN_API FIRN_MUST_CHECK int firn_txn_delete_range(firn_txn *txn, firn_keyspace *keyspace,
                                                   firn_slice lower, firn_slice upper,
                                                   firn_error *err);
/* Opens a cursor over what the transaction sees. Each move takes account of the writes made up to then.
 * FIRN_INVALID unless options->snapshot is NULL. */
FIRN_API FIRN_MUST_CHECK int firn_txn_cursor_open(firn_txn *txn, firn_keyspace *keyspace,
                                                  const firn_cursor_options *options,
                                                  firn_cursor **out, firn_error *err);

/* Set a savepoint, roll back to one, and release one. Savepoints are numbered; 0 is never used.
 * Rolling back to one undoes the writes made since; it stays set, and later ones are removed.
 * Releasing one removes it and the later ones and keeps the writes. FIRN_NOT_FOUND if it was
 * removed. Reads made since still count as reads. */
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
/* Begins a transaction, calls work, and commits. If work or the commit returns FIRN_CONFLICT, all of it
 * is repeated after a short random wait that grows, up to attempts_max times; then the last conflict is
 * returned. So work may run several times: it must have no effects besides the transaction and must
 * not rely on earlier attempts. If work returns any other error, the transaction is rolled back and
 * the error is returned. Work may commit or roll back the transaction itself; closing it there rolls
 * it back. Work must not close the store. */
FIRN_API FIRN_MUST_CHECK int firn_txn_run(firn_store *store, const firn_txn_run_options *options,
                                          int (*work)(void *ctx, firn_txn *txn, firn_error *err),
                                          void *ctx, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
