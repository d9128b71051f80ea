/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_put_if.c: writes that depend on the value that a key has.
 *
 * Each is a transaction of one read and one write, repeated while other commits to the key come first.
 * Each such commit is progress of somebody else's, so the attempts have no limit.
 */
#include <limits.h>

#include "base/check.h"
#include "base/slice.h"
#include "txn/db_txn_internal.h"

struct putting {
    struct firn_db_keyspace *keyspace;
    const struct firn_db_txn_put_if *what;
    bool is_missing; /* the key had no value */
    bool is_put;
};

static int
put_if(struct firn_db_txn *txn, void *ctx, firn_error *err)
{
    struct putting *putting = ctx;
    const struct firn_db_txn_put_if *what = putting->what;
    struct firn_buf found = {0};
    int rc = firn_db_txn_get(txn, putting->keyspace, what->key, &found, err);
    putting->is_missing = rc == FIRN_NOT_FOUND;
    putting->is_put = false;
    if (rc == FIRN_NOT_FOUND) {
        putting->is_put = what->expected == NULL;
    } else if (rc == FIRN_OK) {
        putting->is_put =
            what->expected != NULL && firn_slice_equal(firn_buf_slice(&found), *what->expected);
    }
    firn_buf_deinit(&found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (!putting->is_put) {
        return FIRN_OK;
    }
    return what->ttl_ms == 0 ? firn_db_txn_put(txn, putting->keyspace, what->key, what->value, err)
                             : firn_db_txn_put_ttl(txn, putting->keyspace, what->key, what->value,
                                                   what->ttl_ms, err);
}

int
firn_db_txn_put_if(struct firn_db_keyspace *keyspace, const struct firn_db_txn_put_if *what,
                   firn_error *err)
{
    struct firn_db *db = firn_db_keyspace_db(keyspace);
    struct putting putting = {.keyspace = keyspace, .what = what};
    const struct firn_db_txn_run run = {
        .durability = what->durability, .attempts_max = UINT_MAX, .work = put_if, .ctx = &putting};
    if (firn_db_is_read_only(db)) {
        return firn_error_set(err, FIRN_READ_ONLY, "the store is open for reading only");
    }
    int rc = firn_db_txn_run(db, &run, err);
    if (rc != FIRN_OK || putting.is_put) {
        return rc;
    }
    if (what->expected == NULL) {
        DCHECK(!putting.is_missing);
        return firn_error_set(err, FIRN_EXISTS, "the key has a value already");
    }
    return putting.is_missing
               ? firn_error_set(err, FIRN_NOT_FOUND, "the key has no value to be compared")
               : firn_error_set(err, FIRN_CONFLICT, "the key has another value than expected");
}
