/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the public face of transactions: what an application does, and every argument that
 * cannot be meant.
 */
#include "firn/firn.h"
#include "support/test.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)
#define FAILS(expression, wanted)                  \
    do {                                           \
        err.code = FIRN_OK;                        \
        assert_int_equal((expression), (wanted));  \
        assert_int_equal(err.code, (wanted));      \
        assert_int_not_equal(strlen(err.text), 0); \
    } while (0)

static firn_store *store;
static firn_keyspace *k;

static int
set_up(void **state)
{
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &k, &err));
    return 0;
}

static int
tear_down(void **state)
{
    OK(firn_store_close(store, &err));
    return 0;
}

static void
assert_value(firn_txn *txn, const char *key, const char *value)
{
    uint8_t *found;
    size_t size;
    OK(firn_txn_get(txn, k, firn_str(key), &found, &size, &err));
    assert_int_equal(size, strlen(value));
    assert_memory_equal(found, value, size);
    firn_release(found);
}

static void
an_application_changes_several_keys_at_once(void **state)
{
    firn_txn *txn;
    uint64_t savepoint;
    uint8_t *value = (uint8_t *)"";
    size_t size = 1;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    firn_write_options fast = FIRN_WRITE_OPTIONS_INIT;
    fast.durability = FIRN_DURABILITY_OS;
    options.isolation = FIRN_ISOLATION_SERIALIZABLE;
    OK(firn_put(k, firn_str("a"), firn_str("1"), NULL, &err));
    OK(firn_txn_begin(store, &options, &txn, &err));
    FAILS(firn_store_close(store, &err), FIRN_MISUSE);
    OK(firn_txn_put(txn, k, firn_str("b"), firn_str(""), &err));
    OK(firn_txn_delete(txn, k, firn_str("a"), &err));
    OK(firn_txn_put_ttl(txn, k, firn_str("c"), firn_str("1"), 60000, &err));
    OK(firn_txn_merge(txn, k, firn_str("d"), FIRN_MERGE_APPEND, firn_str("1"), &err));
    assert_value(txn, "c", "1");
    assert_value(txn, "d", "1");
    OK(firn_txn_savepoint(txn, &savepoint, &err));
    OK(firn_txn_delete_range(txn, k, firn_str("a"), firn_str("z"), &err));
    FAILS(firn_txn_get(txn, k, firn_str("b"), &value, &size, &err), FIRN_NOT_FOUND);
    assert_null(value);
    assert_int_equal(size, 0);
    OK(firn_txn_rollback_to(txn, savepoint, &err));
    OK(firn_txn_release(txn, savepoint, &err));
    FAILS(firn_txn_release(txn, savepoint, &err), FIRN_NOT_FOUND);
    assert_value(txn, "b", "");
    firn_cursor *cursor;
    firn_cursor_options only = FIRN_CURSOR_OPTIONS_INIT;
    only.prefix = firn_str("b");
    OK(firn_txn_cursor_open(txn, k, &only, &cursor, &err));
    OK(firn_cursor_first(cursor, &err));
    assert_true(firn_cursor_valid(cursor));
    assert_int_equal(firn_cursor_key(cursor).data[0], 'b');
    OK(firn_cursor_next(cursor, &err));
    assert_false(firn_cursor_valid(cursor));
    OK(firn_txn_commit(txn, &fast, &err));
    FAILS(firn_cursor_first(cursor, &err), FIRN_MISUSE);
    firn_cursor_close(cursor);
    FAILS(firn_txn_commit(txn, NULL, &err), FIRN_MISUSE);
    firn_txn_close(txn);
    FAILS(firn_get(k, firn_str("a"), &value, &size, &err), FIRN_NOT_FOUND);
    firn_txn_close(NULL);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_txn_put(txn, k, firn_str("e"), firn_str("1"), &err));
    firn_txn_close(txn); /* rolls back */
    OK(firn_txn_begin(store, NULL, &txn, &err));
    FAILS(firn_txn_get(txn, k, firn_str("e"), &value, &size, &err), FIRN_NOT_FOUND);
    OK(firn_txn_rollback(txn, &err));
    firn_txn_close(txn);
}

static int
append_one(void *ctx, firn_txn *txn, firn_error *inner)
{
    unsigned *attempts = ctx;
    ++*attempts;
    OK(firn_txn_put(txn, k, firn_str("n"), firn_str("1"), inner));
    if (*attempts < 3) {
        OK(firn_put(k, firn_str("n"), firn_str("other"), NULL, inner));
    }
    return FIRN_OK;
}

static void
a_transaction_is_run_until_it_goes_through(void **state)
{
    unsigned attempts = 0;
    firn_txn_run_options options = FIRN_TXN_RUN_OPTIONS_INIT;
    OK(firn_txn_run(store, NULL, append_one, &attempts, &err));
    assert_int_equal(attempts, 3);
    attempts = 0;
    options.attempts_max = 2;
    options.isolation = FIRN_ISOLATION_SNAPSHOT;
    options.durability = FIRN_DURABILITY_FULL;
    FAILS(firn_txn_run(store, &options, append_one, &attempts, &err), FIRN_CONFLICT);
    assert_int_equal(attempts, 2);
}

static void
options_of_other_versions_are_understood(void **state)
{
    struct {
        firn_txn_options known;
        uint64_t more;
    } longer = {FIRN_TXN_OPTIONS_INIT, 0};
    firn_txn *txn;
    longer.known.size = sizeof longer;
    longer.known.read_only = true;
    OK(firn_txn_begin(store, &longer.known, &txn, &err));
    FAILS(firn_txn_put(txn, k, firn_str("a"), firn_str("1"), &err), FIRN_READ_ONLY);
    firn_txn_close(txn);
    longer.more = 1;
    FAILS(firn_txn_begin(store, &longer.known, &txn, &err), FIRN_UNSUPPORTED);
    longer.known.size = sizeof(size_t); /* nothing but the size is known: not read-only */
    OK(firn_txn_begin(store, &longer.known, &txn, &err));
    OK(firn_txn_put(txn, k, firn_str("a"), firn_str("1"), &err));
    firn_txn_close(txn);
    longer.known.size = 0;
    FAILS(firn_txn_begin(store, &longer.known, &txn, &err), FIRN_INVALID);
}

static void
arguments_that_cannot_be_meant_are_refused(void **state)
{
    firn_txn *txn;
    firn_txn *none = (firn_txn *)1;
    uint8_t *value;
    size_t size;
    uint64_t savepoint;
    firn_cursor *cursor;
    const firn_slice a = firn_str("a");
    const firn_slice bad = firn_bytes(NULL, 1);
    unsigned attempts = 0;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    firn_txn_run_options run = FIRN_TXN_RUN_OPTIONS_INIT;
    firn_write_options writing = FIRN_WRITE_OPTIONS_INIT;
    firn_cursor_options bounds = FIRN_CURSOR_OPTIONS_INIT;
    firn_snapshot *snapshot;

    FAILS(firn_txn_begin(NULL, NULL, &none, &err), FIRN_INVALID);
    assert_null(none);
    FAILS(firn_txn_begin(store, NULL, NULL, &err), FIRN_INVALID);
    options.isolation = (firn_isolation)3;
    FAILS(firn_txn_begin(store, &options, &txn, &err), FIRN_INVALID);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    FAILS(firn_txn_get(NULL, k, a, &value, &size, &err), FIRN_INVALID);
    FAILS(firn_txn_get(txn, NULL, a, &value, &size, &err), FIRN_INVALID);
    FAILS(firn_txn_get(txn, k, bad, &value, &size, &err), FIRN_INVALID);
    FAILS(firn_txn_get(txn, k, a, NULL, &size, &err), FIRN_INVALID);
    FAILS(firn_txn_get(txn, k, a, &value, NULL, &err), FIRN_INVALID);
    FAILS(firn_txn_put(NULL, k, a, a, &err), FIRN_INVALID);
    FAILS(firn_txn_put(txn, NULL, a, a, &err), FIRN_INVALID);
    FAILS(firn_txn_put(txn, k, bad, a, &err), FIRN_INVALID);
    FAILS(firn_txn_put(txn, k, a, bad, &err), FIRN_INVALID);
    FAILS(firn_txn_put_ttl(NULL, k, a, a, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_put_ttl(txn, NULL, a, a, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_put_ttl(txn, k, bad, a, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_put_ttl(txn, k, a, bad, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_merge(NULL, k, a, FIRN_MERGE_APPEND, a, &err), FIRN_INVALID);
    FAILS(firn_txn_merge(txn, NULL, a, FIRN_MERGE_APPEND, a, &err), FIRN_INVALID);
    FAILS(firn_txn_merge(txn, k, bad, FIRN_MERGE_APPEND, a, &err), FIRN_INVALID);
    FAILS(firn_txn_merge(txn, k, a, FIRN_MERGE_APPEND, bad, &err), FIRN_INVALID);
    FAILS(firn_txn_merge(txn, k, a, (firn_merge_operator)0, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete(NULL, k, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete(txn, NULL, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete(txn, k, bad, &err), FIRN_INVALID);
    FAILS(firn_txn_delete_range(NULL, k, a, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete_range(txn, NULL, a, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete_range(txn, k, bad, a, &err), FIRN_INVALID);
    FAILS(firn_txn_delete_range(txn, k, a, bad, &err), FIRN_INVALID);
    FAILS(firn_txn_cursor_open(NULL, k, NULL, &cursor, &err), FIRN_INVALID);
    FAILS(firn_txn_cursor_open(txn, NULL, NULL, &cursor, &err), FIRN_INVALID);
    FAILS(firn_txn_cursor_open(txn, k, NULL, NULL, &err), FIRN_INVALID);
    bounds.lower.size = 1;
    FAILS(firn_txn_cursor_open(txn, k, &bounds, &cursor, &err), FIRN_INVALID);
    bounds.lower.size = 0;
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    bounds.snapshot = snapshot;
    FAILS(firn_txn_cursor_open(txn, k, &bounds, &cursor, &err), FIRN_INVALID);
    assert_null(cursor);
    firn_snapshot_close(snapshot);
    FAILS(firn_txn_savepoint(NULL, &savepoint, &err), FIRN_INVALID);
    FAILS(firn_txn_savepoint(txn, NULL, &err), FIRN_INVALID);
    FAILS(firn_txn_rollback_to(NULL, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_rollback_to(txn, 0, &err), FIRN_NOT_FOUND);
    FAILS(firn_txn_release(NULL, 1, &err), FIRN_INVALID);
    FAILS(firn_txn_rollback(NULL, &err), FIRN_INVALID);
    FAILS(firn_txn_commit(NULL, NULL, &err), FIRN_INVALID);
    /* What was never tried has not ended the transaction. */
    writing.durability = (firn_durability)7;
    FAILS(firn_txn_commit(txn, &writing, &err), FIRN_INVALID);
    OK(firn_txn_put(txn, k, a, a, &err));
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    FAILS(firn_txn_run(NULL, NULL, append_one, &attempts, &err), FIRN_INVALID);
    FAILS(firn_txn_run(store, NULL, NULL, &attempts, &err), FIRN_INVALID);
    run.isolation = (firn_isolation)-1;
    FAILS(firn_txn_run(store, &run, append_one, &attempts, &err), FIRN_INVALID);
    run.isolation = FIRN_ISOLATION_DEFAULT;
    run.durability = (firn_durability)7;
    FAILS(firn_txn_run(store, &run, append_one, &attempts, &err), FIRN_INVALID);
    assert_int_equal(attempts, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_application_changes_several_keys_at_once),
        TEST(a_transaction_is_run_until_it_goes_through),
        TEST(options_of_other_versions_are_understood),
        TEST(arguments_that_cannot_be_meant_are_refused),
    };
    return cmocka_run_group_tests_name("txn_api", tests, NULL, NULL);
}
