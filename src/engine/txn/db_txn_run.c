/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_run.c: doing a transaction again until it goes through.
 *
 * A conflict means that another transaction went through, so of those that meet again and again one
 * always gets on; but a long one may lose to short ones every time. Each attempt therefore waits
 * before the next: a time chosen at random from a span that doubles from WAIT_NS_MIN to WAIT_NS_MAX,
 * so that those that met once do not meet in step. The first two attempts wait for nothing: most
 * conflicts are gone at once.
 *
 * What the work returns other than FIRN_CONFLICT ends it: an error rolls back. The handle is lent to
 * the work, which may end the transaction; were it to close the handle, that only rolls back.
 */
#include "base/check.h"
#include "txn/db_txn_internal.h"

enum { WAIT_NS_MIN = 20000, WAIT_NS_MAX = 20000000, ATTEMPTS_WITHOUT_WAIT = 2 };

static int
attempt(struct firn_db *db, const struct firn_db_txn_run *run, firn_error *err)
{
    struct firn_db_txn *txn = NULL;
    int rc;
    FIRN_TRY(firn_db_txn_begin(db, &run->options, &txn, err));
    txn->is_lent = true;
    rc = run->work(txn, run->ctx, err);
    txn->is_lent = false;
    FIRN_TRY(rc);
    /* The work may have ended it already. */
    if (txn->state == FIRN_DB_TXN_OPEN) {
        FIRN_TRY(firn_db_txn_commit(txn, run->durability, err));
    }
out:
    firn_db_txn_close(txn);
    return rc;
}

static void
wait(struct firn_db *db, unsigned attempts)
{
    uint64_t span_ns = WAIT_NS_MIN;
    uint64_t random;
    for (unsigned i = ATTEMPTS_WITHOUT_WAIT; i < attempts && span_ns < WAIT_NS_MAX; i++) {
        span_ns *= 2;
    }
    if (firn_os_random(db->os, &random, sizeof random, NULL) != FIRN_OK) {
        random = (uint64_t)firn_os_monotonic_ns(db->os);
    }
    firn_os_sleep_ns(db->os, (int64_t)(random % span_ns));
}

int
firn_db_txn_run(struct firn_db *db, const struct firn_db_txn_run *run, firn_error *err)
{
    DCHECK(run->attempts_max > 0);
    firn_error found;
    int rc = FIRN_CONFLICT;
    for (unsigned attempts = 0; attempts < run->attempts_max && rc == FIRN_CONFLICT; attempts++) {
        if (attempts >= ATTEMPTS_WITHOUT_WAIT) {
            wait(db, attempts);
        }
        rc = attempt(db, run, &found);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}
