/* SPDX-License-Identifier: Apache-2.0
 *
 * api/txn_api.c: the public functions of transactions: arguments are checked here, everything else
 * is in store/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "firn/txn.h"
#include "txn/txn.h"

enum { ATTEMPTS_DEFAULT = 100 };

static bool
is_isolation(firn_isolation isolation)
{
    return isolation == FIRN_ISOLATION_DEFAULT || isolation == FIRN_ISOLATION_SNAPSHOT ||
           isolation == FIRN_ISOLATION_SERIALIZABLE;
}

/* ---- beginning and ending ---- */

int
firn_txn_begin(firn_store *store, const firn_txn_options *options, firn_txn **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_txn_options given = FIRN_TXN_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(store != NULL, err, "store must not be NULL");
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(is_isolation(given.isolation), err, "the isolation is not a firn_isolation");
    API_OPEN(store, STORE, err);
    const struct fi_txn_options inner = {.is_serializable =
                                             given.isolation == FIRN_ISOLATION_SERIALIZABLE,
                                         .is_read_only = given.read_only};
    int rc = fi_txn_begin(store, &inner, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TXN, NULL);
}

int
firn_txn_commit(firn_txn *txn, const firn_write_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_durability durability;
    API_REQUIRE(txn != NULL, err, "txn must not be NULL");
    int rc = api_store_read_write_options(options, &durability, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_ENTER(txn, TXN, err);
    rc = fi_txn_commit(txn, durability, err);
    fi_api_handle_leave(txn);
    return api_check_told(rc, err);
}

int
firn_txn_rollback(firn_txn *txn, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_rollback(txn, err), err);
}

void
firn_txn_close(firn_txn *txn)
{
    if (fi_api_handle_check(txn, FI_API_HANDLE_TXN, NULL) == FIRN_OK) {
        fi_api_handle_closing(txn);
        fi_txn_close(txn);
        fi_api_handle_closed(txn);
    }
}

/* ---- reading and writing ---- */

int
firn_txn_get(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, uint8_t **out,
             size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_buf value = {0};
    API_REQUIRE(out != NULL && out_size != NULL, err, "out and out_size must not be NULL");
    *out = NULL;
    *out_size = 0;
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(key), err,
                "txn, keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    int rc = fi_txn_get(txn, keyspace, key, &value, err);
    fi_api_handle_leave(txn);
    rc = api_store_give_value(rc, &value, out, out_size, err);
    return api_check_told(rc, err);
}

int
firn_txn_put(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, firn_slice value,
             firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(value),
                err, "txn, keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_put(txn, keyspace, key, value, err), err);
}

int
firn_txn_put_ttl(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, firn_slice value,
                 uint64_t ttl_ms, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(value),
                err, "txn, keyspace, key and value must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_put_ttl(txn, keyspace, key, value, ttl_ms, err), err);
}

int
firn_txn_merge(firn_txn *txn, firn_keyspace *keyspace, firn_slice key,
               firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(key) &&
                    api_check_is_slice(operand),
                err, "txn, keyspace, key and operand must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_merge(txn, keyspace, key, operation, operand, err), err);
}

int
firn_txn_delete(firn_txn *txn, firn_keyspace *keyspace, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(key), err,
                "txn, keyspace and key must not be NULL");
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_delete(txn, keyspace, key, err), err);
}

int
firn_txn_delete_range(firn_txn *txn, firn_keyspace *keyspace, firn_slice lower, firn_slice upper,
                      firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(txn != NULL && keyspace != NULL && api_check_is_slice(lower) &&
                    api_check_is_slice(upper),
                err, "txn, keyspace, lower and upper must not be NULL");
    API_REQUIRE_UPPER(upper, err);
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_delete_range(txn, keyspace, lower, upper, err), err);
}

int
firn_txn_cursor_open(firn_txn *txn, firn_keyspace *keyspace, const firn_cursor_options *options,
                     firn_cursor **out, firn_error *err)
{
    API_ANY_ERROR(err);
    struct api_store_cursor_options inner;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(txn != NULL && keyspace != NULL, err, "txn and keyspace must not be NULL");
    int rc = api_store_read_cursor_options(options, &inner, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN(keyspace, KEYSPACE, err);
    API_ENTER(txn, TXN, err);
    rc = fi_txn_cursor_open(txn, keyspace, &inner.options, out, err);
    fi_api_handle_leave(txn);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_CURSOR, txn);
}

/* ---- savepoints ---- */

int
firn_txn_savepoint(firn_txn *txn, uint64_t *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = 0;
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_savepoint(txn, out, err), err);
}

int
firn_txn_rollback_to(firn_txn *txn, uint64_t savepoint, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_rollback_to(txn, savepoint, err), err);
}

int
firn_txn_release(firn_txn *txn, uint64_t savepoint, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(txn, TXN, err);
    return fi_api_handle_left(txn, fi_txn_release(txn, savepoint, err), err);
}

/* ---- doing it again ---- */

/* The caller's work. */
struct running {
    int (*work)(void *ctx, firn_txn *txn, firn_error *err);
    void *ctx;
};

static int
work_once(void *ctx, firn_txn *txn, firn_error *err)
{
    const struct running *running = ctx;
    fi_api_handle_opened(txn, FI_API_HANDLE_TXN, NULL);
    int rc = running->work(running->ctx, txn, err);
    fi_api_handle_closing(txn);
    fi_api_handle_closed(txn);
    return rc;
}

int
firn_txn_run(firn_store *store, const firn_txn_run_options *options,
             int (*work)(void *ctx, firn_txn *txn, firn_error *err), void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_txn_run_options given = FIRN_TXN_RUN_OPTIONS_INIT;
    API_REQUIRE(store != NULL && work != NULL, err, "store and work must not be NULL");
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(is_isolation(given.isolation), err, "the isolation is not a firn_isolation");
    API_REQUIRE(api_store_is_durability(given.durability), err,
                "the durability is not a firn_durability");
    API_OPEN(store, STORE, err);
    struct running running = {work, ctx};
    const struct fi_txn_run run = {
        .options = {.is_serializable = given.isolation == FIRN_ISOLATION_SERIALIZABLE},
        .durability = given.durability,
        .attempts_max = given.attempts_max == 0 ? ATTEMPTS_DEFAULT : given.attempts_max,
        .work = work_once,
        .ctx = &running};
    api_check_begin_visits(err);
    int rc = fi_txn_run(store, &run, err);
    return api_check_end_visits(rc, err);
}
