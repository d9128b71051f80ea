/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_run.c: repeating a transaction until it commits; and puts that depend on the present
 * value of a key, which are transactions of one read and one write that are repeated in this way.
 *
 * A conflict means that another transaction committed, so among transactions that conflict
 * repeatedly one always makes progress; but a long one may lose to short ones every time. Each
 * attempt therefore waits for a random time from a range that doubles from WAIT_NS_MIN to
 * WAIT_NS_MAX, so that transactions that conflicted once do not stay in step. The first two
 * attempts do not wait: most conflicts are over at once.
 *
 * If syncs are slow, nearly every moment falls into a commit that has its place in the order and is
 * not published yet. A transaction that begins then does not see that commit, and loses to it if
 * both write the same key. So after its wait an attempt lets all queued commits end first
 * (fi_db_write_barrier). Its thread is then running, mostly as the leader of the last of them,
 * while the other committers are still being woken; so its own commit is likely to precede their
 * next ones.
 *
 * Any result of the work other than FIRN_CONFLICT ends the loop: an error rolls back. The handle is
 * lent to the work, which may end the transaction; if the work closes the handle, that only rolls
 * back.
 *
 * Each conflict of a put is a commit of another thread to the same key, so its attempts have no
 * limit.
 */
#include <limits.h>

#include "base/check.h"
#include "base/slice.h"
#include "txn/txn_internal.h"

enum { WAIT_NS_MIN = 20000, WAIT_NS_MAX = 20000000, ATTEMPTS_WITHOUT_WAIT = 2 };

static int
txn_run_attempt(struct firn_db *db, const struct fi_txn_run *run, firn_error *err)
{
    struct firn_txn *txn = NULL;
    int rc;
    FI_TRY(fi_txn_begin(db, &run->options, &txn, err));
    txn->is_lent = true;
    rc = run->work(run->ctx, txn, err);
    txn->is_lent = false;
    FI_TRY(rc);
    /* The work may have ended it already. */
    if (txn->state == FI_TXN_OPEN) {
        FI_TRY(fi_txn_commit(txn, run->durability, err));
    }
out:
    fi_txn_close(txn);
    return rc;
}

static void
txn_run_wait(struct firn_db *db, unsigned attempts)
{
    uint64_t span_ns = WAIT_NS_MIN;
    uint64_t random;
    for (unsigned i = ATTEMPTS_WITHOUT_WAIT; i < attempts && span_ns < WAIT_NS_MAX; i++) {
        span_ns *= 2;
    }
    if (fi_os_random(db->os, &random, sizeof random, NULL) != FIRN_OK) {
        random = (uint64_t)fi_os_monotonic_ns(db->os);
    }
    fi_os_sleep_ns(db->os, (int64_t)(random % span_ns));
}

int
fi_txn_run(struct firn_db *db, const struct fi_txn_run *run, firn_error *err)
{
    DCHECK(run->attempts_max > 0);
    firn_error found;
    int rc = FIRN_CONFLICT;
    for (unsigned attempts = 0; attempts < run->attempts_max && rc == FIRN_CONFLICT; attempts++) {
        if (attempts >= ATTEMPTS_WITHOUT_WAIT) {
            txn_run_wait(db, attempts);
            if (!fi_db_is_read_only(db)) {
                fi_db_write_barrier(db);
            }
        }
        rc = txn_run_attempt(db, run, &found);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* ---- puts that depend on the value ---- */

struct putting {
    struct firn_db_keyspace *keyspace;
    const struct fi_txn_run_put_if *what;
    bool is_missing; /* the key had no value */
    bool is_put;
};

static int
put_if(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct putting *putting = ctx;
    const struct fi_txn_run_put_if *what = putting->what;
    struct fi_buf found = {0};
    int rc = fi_txn_get(txn, putting->keyspace, what->key, &found, err);
    putting->is_missing = rc == FIRN_NOT_FOUND;
    putting->is_put = false;
    if (rc == FIRN_NOT_FOUND) {
        putting->is_put = what->expected == NULL;
    } else if (rc == FIRN_OK) {
        putting->is_put =
            what->expected != NULL && fi_slice_equal(fi_buf_slice(&found), *what->expected);
    }
    fi_buf_deinit(&found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (!putting->is_put) {
        return FIRN_OK;
    }
    return fi_txn_put_ttl(txn, putting->keyspace, what->key, what->value, what->ttl_ms, err);
}

int
fi_txn_run_put_if(struct firn_db_keyspace *keyspace, const struct fi_txn_run_put_if *what,
                  firn_error *err)
{
    struct firn_db *db = fi_db_keyspace_db(keyspace);
    struct putting putting = {.keyspace = keyspace, .what = what};
    const struct fi_txn_run run = {
        .durability = what->durability, .attempts_max = UINT_MAX, .work = put_if, .ctx = &putting};
    if (fi_db_is_read_only(db)) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    int rc = fi_txn_run(db, &run, err);
    if (rc != FIRN_OK || putting.is_put) {
        return rc;
    }
    if (what->expected == NULL) {
        DCHECK(!putting.is_missing);
        return fi_error_set(err, FIRN_EXISTS, "the key has a value already");
    }
    return putting.is_missing
               ? fi_error_set(err, FIRN_NOT_FOUND, "the key has no value to be compared")
               : fi_error_set(err, FIRN_CONFLICT, "the key has another value than expected");
}
