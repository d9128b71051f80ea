/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_internal.h: what the files of transactions share.
 */
#ifndef FIRN_TXN_DB_TXN_INTERNAL_H
#define FIRN_TXN_DB_TXN_INTERNAL_H

#include "txn/db_txn.h"
#include "txn/db_txn_reads.h"
#include "txn/db_txn_writes.h"

enum firn_db_txn_state {
    FIRN_DB_TXN_OPEN,
    FIRN_DB_TXN_COMMITTED,
    FIRN_DB_TXN_ROLLED_BACK,
    FIRN_DB_TXN_FAILED /* its commit was refused */
};

struct firn_db_txn {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_db_view view; /* what it reads; registered while it is open */
    enum firn_db_txn_state state;
    bool is_read_only;
    bool notes_reads;
    bool is_lent;     /* to the work of db_txn_run.c, whose is not to free it */
    uint64_t checked; /* nothing up to this sequence conflicts with it */
    struct firn_db_txn_writes writes;
    struct firn_db_txn_reads reads;
    struct firn_buf savepoints; /* of struct firn_db_txn_savepoint, the oldest first */
    uint64_t next_savepoint;
    struct firn_db_txn_cursor *cursors; /* open ones */
};

/* ---- db_txn_cursor.c ---- */

/* The transaction ends: its cursors go on without it, and its reads are complete. */
void firn_db_txn_cursor_detach_all(struct firn_db_txn *txn);

#endif
