/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: handles used in ways that their state does not allow: each is a defined error. What needs
 * a table of open handles is so in debug builds alone.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "api/api_handle.h"
#include "firn/arrow.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)
#define MISUSED(expression) assert_int_equal((expression), FIRN_MISUSE)
#define INVALID(expression) assert_int_equal((expression), FIRN_INVALID)

static const firn_slice key = {(const uint8_t *)"key", 3};

static firn_store *
open_store(void)
{
    firn_store *store;
    OK(firn_store_open_memory(1 << 24, NULL, &store, &err));
    return store;
}

static firn_keyspace *
open_keyspace(firn_store *store)
{
    firn_keyspace *keyspace;
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    return keyspace;
}

/* Every function of a transaction but begin and close. */
static void
assert_txn_refuses(firn_txn *txn, firn_keyspace *keyspace)
{
    uint8_t *value;
    size_t size;
    uint64_t savepoint;
    firn_cursor *cursor;
    MISUSED(firn_txn_get(txn, keyspace, key, &value, &size, &err));
    MISUSED(firn_txn_put(txn, keyspace, key, key, &err));
    MISUSED(firn_txn_put_ttl(txn, keyspace, key, key, 1, &err));
    MISUSED(firn_txn_merge(txn, keyspace, key, FIRN_MERGE_APPEND, key, &err));
    MISUSED(firn_txn_delete(txn, keyspace, key, &err));
    MISUSED(firn_txn_delete_range(txn, keyspace, key, key, &err));
    MISUSED(firn_txn_cursor_open(txn, keyspace, NULL, &cursor, &err));
    assert_null(cursor);
    MISUSED(firn_txn_savepoint(txn, &savepoint, &err));
    MISUSED(firn_txn_rollback_to(txn, 1, &err));
    MISUSED(firn_txn_release(txn, 1, &err));
    MISUSED(firn_txn_commit(txn, NULL, &err));
    MISUSED(firn_txn_rollback(txn, &err));
}

/* Every function of a cursor but close. */
static void
assert_cursor_refuses(firn_cursor *cursor)
{
    MISUSED(firn_cursor_first(cursor, &err));
    MISUSED(firn_cursor_last(cursor, &err));
    MISUSED(firn_cursor_seek(cursor, key, &err));
    MISUSED(firn_cursor_seek_before(cursor, key, &err));
    MISUSED(firn_cursor_next(cursor, &err));
    MISUSED(firn_cursor_prev(cursor, &err));
    assert_false(firn_cursor_valid(cursor));
    assert_int_equal(firn_cursor_key(cursor).size, 0);
    assert_int_equal(firn_cursor_value(cursor).size, 0);
    assert_int_equal(firn_cursor_expires_ms(cursor), 0);
}

/* ---- in all builds ---- */

static void
an_ended_transaction_refuses_everything(void **state)
{
    for (int way = 0; way < 3; way++) {
        firn_store *store = open_store();
        firn_keyspace *keyspace = open_keyspace(store);
        firn_txn *txn;
        firn_txn *other;
        firn_cursor *cursor;
        OK(firn_txn_begin(store, NULL, &txn, &err));
        OK(firn_txn_begin(store, NULL, &other, &err));
        OK(firn_txn_cursor_open(txn, keyspace, NULL, &cursor, &err));
        OK(firn_txn_put(txn, keyspace, key, key, &err));
        OK(firn_txn_put(other, keyspace, key, key, &err));
        if (way == 0) {
            OK(firn_txn_commit(txn, NULL, &err));
        } else if (way == 1) {
            OK(firn_txn_rollback(txn, &err));
        } else {
            OK(firn_txn_commit(other, NULL, &err));
            assert_int_equal(firn_txn_commit(txn, NULL, &err), FIRN_CONFLICT);
        }
        assert_txn_refuses(txn, keyspace);
        assert_cursor_refuses(cursor);
        MISUSED(firn_store_close(store, &err)); /* the cursor is open */
        firn_cursor_close(cursor);
        firn_txn_close(other);
        OK(firn_store_close(store, &err));
        assert_txn_refuses(txn, keyspace);
        firn_txn_close(txn);
    }
}

static void
options_that_cannot_be_meant_do_not_end_a_transaction(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    firn_txn *txn;
    const firn_write_options ttl = {sizeof ttl, FIRN_DURABILITY_DEFAULT, 5};
    const firn_write_options none = {1, FIRN_DURABILITY_DEFAULT, 0};
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_txn_put(txn, keyspace, key, key, &err));
    INVALID(firn_txn_commit(txn, &ttl, &err));
    INVALID(firn_txn_commit(txn, &none, &err));
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    OK(firn_store_close(store, &err));
}

static void
a_store_with_open_children_stays_open(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    firn_snapshot *snapshot;
    firn_cursor *cursor;
    firn_txn *txn;
    firn_bulk *bulk;
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    MISUSED(firn_store_close(store, &err));
    OK(firn_put(keyspace, key, key, NULL, &err));
    firn_snapshot_close(snapshot);
    OK(firn_cursor_open(keyspace, NULL, &cursor, &err));
    MISUSED(firn_store_close(store, &err));
    OK(firn_cursor_first(cursor, &err));
    firn_cursor_close(cursor);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    MISUSED(firn_store_close(store, &err));
    OK(firn_txn_put(txn, keyspace, key, key, &err));
    firn_txn_close(txn);
    OK(firn_bulk_open(keyspace, NULL, &bulk, &err));
    MISUSED(firn_store_close(store, &err));
    OK(firn_bulk_put(bulk, key, key, &err));
    OK(firn_bulk_commit(bulk, &err));
    MISUSED(firn_bulk_commit(bulk, &err));
    MISUSED(firn_bulk_put(bulk, firn_str("l"), key, &err));
    MISUSED(firn_bulk_put_ttl(bulk, firn_str("l"), key, 1, &err));
    MISUSED(firn_store_close(store, &err));
    firn_bulk_close(bulk);
    OK(firn_store_close(store, &err));
}

static int
close_store(void *ctx, const char *name)
{
    (void)name;
    return firn_store_close(ctx, &err);
}

static int
close_at_difference(void *ctx, const firn_store_difference *difference)
{
    (void)difference;
    return firn_store_close(ctx, &err);
}

static void
visitors_cannot_close_what_they_visit(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    firn_snapshot *snapshot;
    OK(firn_store_checkpoint_create(store, "a", NULL, NULL, &err));
    OK(firn_put(keyspace, key, key, NULL, &err));
    MISUSED(firn_keyspace_list(store, close_store, store, &err));
    MISUSED(firn_store_diff(store, "a", NULL, NULL, close_at_difference, store, &err));
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    MISUSED(firn_snapshot_keyspace_list(snapshot, close_store, store, &err));
    firn_snapshot_close(snapshot);
    OK(firn_store_close(store, &err));
}

/* A batch may outlive its store; what it holds belongs to that one, even where another store lies at
 * the same address. */
static void
a_batch_of_a_closed_store_is_refused_by_the_next(void **state)
{
    firn_batch *batch;
    OK(firn_batch_create(&batch, &err));
    for (int i = 0; i < 20; i++) {
        firn_store *store = open_store();
        firn_keyspace *keyspace = open_keyspace(store);
        firn_batch_clear(batch);
        OK(firn_batch_put(batch, keyspace, key, key, &err));
        OK(firn_batch_merge(batch, keyspace, firn_str("m"), FIRN_MERGE_APPEND, key, &err));
        OK(firn_batch_delete_range(batch, keyspace, firn_str("a"), firn_str("b"), &err));
        OK(firn_store_close(store, &err));
        store = open_store();
        keyspace = open_keyspace(store);
        INVALID(firn_store_write(store, batch, NULL, &err));
        INVALID(firn_batch_put(batch, keyspace, key, key, &err));
        INVALID(firn_batch_merge(batch, keyspace, key, FIRN_MERGE_APPEND, key, &err));
        INVALID(firn_batch_delete(batch, keyspace, key, &err));
        assert_int_equal(firn_batch_count(batch), 3);
        OK(firn_store_close(store, &err));
    }
    firn_batch_destroy(batch);
}

static void
handles_of_two_stores_do_not_mix(void **state)
{
    firn_store *one = open_store();
    firn_store *two = open_store();
    firn_keyspace *mine = open_keyspace(one);
    firn_keyspace *other = open_keyspace(two);
    firn_snapshot *snapshot;
    firn_txn *txn;
    firn_batch *batch;
    firn_cursor *cursor;
    firn_pin *pin;
    firn_slice pinned;
    uint8_t *got;
    size_t got_size;
    uint8_t *value;
    size_t size;
    firn_cursor_options at = FIRN_CURSOR_OPTIONS_INIT;
    OK(firn_snapshot_open(one, NULL, &snapshot, &err));
    OK(firn_txn_begin(one, NULL, &txn, &err));
    OK(firn_batch_create(&batch, &err));
    OK(firn_batch_put(batch, mine, key, key, &err));
    at.snapshot = snapshot;
    INVALID(firn_snapshot_get(snapshot, other, key, &value, &size, &err));
    assert_string_equal(err.text, "the snapshot is one of another store");
    INVALID(firn_get_many(other, snapshot, &key, 1, &got, &got_size, &err));
    INVALID(firn_get_pinned(other, snapshot, key, &pin, &pinned, &err));
    INVALID(firn_cursor_open(other, &at, &cursor, &err));
    INVALID(firn_txn_get(txn, other, key, &value, &size, &err));
    INVALID(firn_txn_put(txn, other, key, key, &err));
    INVALID(firn_txn_put_ttl(txn, other, key, key, 1, &err));
    INVALID(firn_txn_merge(txn, other, key, FIRN_MERGE_APPEND, key, &err));
    INVALID(firn_txn_delete_range(txn, other, key, firn_str("z"), &err));
    INVALID(firn_txn_cursor_open(txn, other, NULL, &cursor, &err));
    INVALID(firn_txn_cursor_open(txn, mine, &at, &cursor, &err));
    INVALID(firn_batch_put(batch, other, key, key, &err));
    INVALID(firn_store_write(two, batch, NULL, &err));
    firn_batch_destroy(batch);
    firn_txn_close(txn);
    firn_snapshot_close(snapshot);
    OK(firn_store_close(one, &err));
    OK(firn_store_close(two, &err));
}

static int
close_inside(void *ctx, firn_txn *txn, firn_error *error)
{
    int rc = firn_txn_put(txn, ctx, key, key, error);
    firn_txn_close(txn);
    return rc;
}

static int
commit_and_close_inside(void *ctx, firn_txn *txn, firn_error *error)
{
    int rc = firn_txn_put(txn, ctx, key, key, error);
    rc = rc == FIRN_OK ? firn_txn_commit(txn, NULL, error) : rc;
    firn_txn_close(txn);
    return rc;
}

static void
work_that_closes_its_transaction_rolls_it_back(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    uint8_t *value;
    size_t size;
    OK(firn_txn_run(store, NULL, close_inside, keyspace, &err));
    assert_int_equal(firn_get(keyspace, key, &value, &size, &err), FIRN_NOT_FOUND);
    OK(firn_txn_run(store, NULL, commit_and_close_inside, keyspace, &err));
    OK(firn_get(keyspace, key, &value, &size, &err));
    firn_release(value);
    OK(firn_store_close(store, &err));
}

static void
a_store_is_not_closed_while_its_tables_are_read_or_loaded(void **state)
{
    firn_store *store = open_store();
    firn_table_def *def;
    firn_table *table;
    firn_table_cursor *cursor;
    firn_table_bulk *bulk;
    firn_table_diff *diff;
    firn_scan *scan;
    struct ArrowArrayStream stream;
    OK(firn_table_def_parse("id i64 primary key", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    OK(firn_table_cursor_open(table, NULL, &cursor, &err));
    MISUSED(firn_store_close(store, &err));
    firn_table_cursor_close(cursor);
    OK(firn_table_bulk_open(table, NULL, &bulk, &err));
    MISUSED(firn_store_close(store, &err));
    firn_table_bulk_close(bulk);
    OK(firn_table_diff_open(store, "t", NULL, &diff, &err));
    MISUSED(firn_store_close(store, &err));
    firn_table_diff_close(diff);
    OK(firn_scan_open(table, NULL, &scan, &err));
    MISUSED(firn_store_close(store, &err));
    OK(firn_scan_to_arrow(scan, &stream, &err));
    MISUSED(firn_store_close(store, &err));
    stream.release(&stream);
    OK(firn_store_close(store, &err));
}

static void
closing_nothing_is_fine(void **state)
{
    OK(firn_store_close(NULL, &err));
    firn_snapshot_close(NULL);
    firn_cursor_close(NULL);
    firn_txn_close(NULL);
    firn_batch_destroy(NULL);
    firn_batch_clear(NULL);
    firn_bulk_close(NULL);
    firn_release(NULL);
    assert_int_equal(firn_batch_count(NULL), 0);
    assert_false(firn_cursor_valid(NULL));
}

/* ---- in debug builds ---- */

#ifdef FIRN_DEBUG

static int
visit_name(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return FIRN_OK;
}

static void
assert_store_refuses(firn_store *store)
{
    firn_store_statistics stats = {.size = sizeof stats};
    firn_store_checkpoint found = {.size = sizeof found};
    firn_keyspace *keyspace;
    firn_snapshot *snapshot;
    firn_txn *txn;
    char *json;
    MISUSED(firn_store_close(store, &err));
    MISUSED(firn_store_sync(store, &err));
    MISUSED(firn_store_clone(store, "/nowhere/x", NULL, &err));
    MISUSED(firn_store_refresh(store, &err));
    MISUSED(firn_store_flush(store, &err));
    MISUSED(firn_store_compact(store, NULL, &err));
    MISUSED(firn_store_stats(store, &stats, &err));
    MISUSED(firn_store_stats_json(store, &json, &err));
    MISUSED(firn_store_check(store, NULL, NULL, &err));
    MISUSED(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    MISUSED(firn_keyspace_drop(store, "k", &err));
    MISUSED(firn_keyspace_list(store, visit_name, NULL, &err));
    MISUSED(firn_snapshot_open(store, NULL, &snapshot, &err));
    MISUSED(firn_txn_begin(store, NULL, &txn, &err));
    MISUSED(firn_txn_run(store, NULL, close_inside, NULL, &err));
    MISUSED(firn_store_checkpoint_create(store, "a", NULL, NULL, &err));
    MISUSED(firn_store_checkpoint_find(store, "a", &found, &err));
    MISUSED(firn_store_checkpoint_delete(store, NULL, 0, &err));
    MISUSED(firn_store_restore(store, "a", NULL, &err));
    MISUSED(firn_store_undo(store, NULL, &err));
    MISUSED(firn_store_diff(store, NULL, NULL, NULL, close_at_difference, NULL, &err));
    MISUSED(firn_store_export(store, NULL, "/nowhere/x", NULL, &err));
}

static void
assert_keyspace_refuses(firn_keyspace *keyspace)
{
    firn_cursor *cursor;
    firn_bulk *bulk;
    firn_batch *batch;
    firn_pin *pin;
    firn_slice pinned;
    uint8_t *got;
    size_t got_size;
    uint8_t *value;
    size_t size;
    MISUSED(firn_put(keyspace, key, key, NULL, &err));
    MISUSED(firn_merge(keyspace, key, FIRN_MERGE_APPEND, key, NULL, &err));
    MISUSED(firn_delete(keyspace, key, NULL, &err));
    MISUSED(firn_delete_range(keyspace, key, key, NULL, &err));
    MISUSED(firn_get(keyspace, key, &value, &size, &err));
    MISUSED(firn_get_many(keyspace, NULL, &key, 1, &got, &got_size, &err));
    MISUSED(firn_get_pinned(keyspace, NULL, key, &pin, &pinned, &err));
    MISUSED(firn_cursor_open(keyspace, NULL, &cursor, &err));
    MISUSED(firn_bulk_open(keyspace, NULL, &bulk, &err));
    OK(firn_batch_create(&batch, &err));
    MISUSED(firn_batch_put(batch, keyspace, key, key, &err));
    firn_batch_destroy(batch);
}

static void
closed_handles_are_known(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    firn_snapshot *snapshot;
    firn_cursor *cursor;
    firn_txn *txn;
    firn_bulk *bulk;
    firn_batch *batch;
    firn_keyspace *found;
    uint8_t *value;
    size_t size;
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    firn_snapshot_close(snapshot);
    firn_snapshot_close(snapshot);
    MISUSED(firn_snapshot_get(snapshot, keyspace, key, &value, &size, &err));
    MISUSED(firn_snapshot_keyspace_open(snapshot, "k", &found, &err));
    MISUSED(firn_snapshot_keyspace_list(snapshot, visit_name, NULL, &err));
    OK(firn_cursor_open(keyspace, NULL, &cursor, &err));
    firn_cursor_close(cursor);
    firn_cursor_close(cursor);
    assert_cursor_refuses(cursor);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    firn_txn_close(txn);
    firn_txn_close(txn);
    assert_txn_refuses(txn, keyspace);
    OK(firn_bulk_open(keyspace, NULL, &bulk, &err));
    firn_bulk_close(bulk);
    firn_bulk_close(bulk);
    MISUSED(firn_bulk_put(bulk, key, key, &err));
    MISUSED(firn_bulk_commit(bulk, &err));
    assert_int_equal(firn_bulk_count(bulk), 0);
    OK(firn_batch_create(&batch, &err));
    firn_batch_destroy(batch);
    firn_batch_destroy(batch);
    firn_batch_clear(batch);
    assert_int_equal(firn_batch_count(batch), 0);
    MISUSED(firn_batch_put(batch, keyspace, key, key, &err));
    MISUSED(firn_store_write(store, batch, NULL, &err));
    OK(firn_store_close(store, &err));
    assert_store_refuses(store);
    assert_keyspace_refuses(keyspace);
    /* A handle of another kind is none either. */
    store = open_store();
    MISUSED(firn_snapshot_keyspace_list((firn_snapshot *)(void *)store, visit_name, NULL, &err));
    OK(firn_store_close(store, &err));
}

static void
a_scan_that_is_in_use_or_closed_is_not_joined(void **state)
{
    firn_store *store = open_store();
    firn_table_def *def;
    firn_table *table;
    firn_scan *scan;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = "id as other";
    OK(firn_table_def_parse("id i64 primary key", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    OK(firn_scan_open(table, &options, &options.join, &err));
    options.select = NULL;
    options.join_on = "id = other";
    OK(fi_api_handle_enter(options.join, FI_API_HANDLE_SCAN, &err));
    MISUSED(firn_scan_open(table, &options, &scan, &err));
    assert_non_null(strstr(err.text, "another thread"));
    fi_api_handle_leave(options.join);
    OK(firn_scan_open(table, &options, &scan, &err));
    firn_scan_close(scan);
    firn_scan_close(options.join);
    MISUSED(firn_scan_open(table, &options, &scan, &err));
    OK(firn_store_close(store, &err));
}

static void
a_handle_that_is_in_use_is_refused(void **state)
{
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    firn_cursor *cursor;
    firn_cursor *inner;
    firn_txn *txn;
    firn_batch *batch;
    OK(firn_cursor_open(keyspace, NULL, &cursor, &err));
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_txn_cursor_open(txn, keyspace, NULL, &inner, &err));
    OK(firn_batch_create(&batch, &err));
    OK(fi_api_handle_enter(cursor, FI_API_HANDLE_CURSOR, &err));
    assert_cursor_refuses(cursor);
    assert_non_null(strstr(err.text, "another thread"));
    fi_api_handle_leave(cursor);
    OK(firn_cursor_first(cursor, &err));
    /* A transaction and its cursors belong together. */
    OK(fi_api_handle_enter(inner, FI_API_HANDLE_CURSOR, &err));
    assert_txn_refuses(txn, keyspace);
    fi_api_handle_leave(inner);
    OK(firn_txn_put(txn, keyspace, key, key, &err));
    OK(fi_api_handle_enter(txn, FI_API_HANDLE_TXN, &err));
    assert_cursor_refuses(inner);
    fi_api_handle_leave(txn);
    OK(firn_cursor_first(inner, &err));
    OK(fi_api_handle_enter(batch, FI_API_HANDLE_BATCH, &err));
    MISUSED(firn_batch_put(batch, keyspace, key, key, &err));
    MISUSED(firn_store_write(store, batch, NULL, &err));
    fi_api_handle_leave(batch);
    OK(firn_batch_put(batch, keyspace, key, key, &err));
    firn_batch_destroy(batch);
    firn_txn_close(txn);
    /* On its own it goes on being a handle. */
    MISUSED(firn_cursor_first(inner, &err));
    assert_non_null(strstr(err.text, "has ended"));
    firn_cursor_close(inner);
    firn_cursor_close(cursor);
    OK(firn_store_close(store, &err));
}

/* Two threads in one transaction and one cursor: each call is done, or refused; never both at once,
 * which the thread sanitizer would see. */
struct shared {
    firn_keyspace *keyspace;
    firn_txn *txn;
    firn_cursor *cursor;
    int refused[2];
    int unexpected[2];
};

struct visitor {
    struct shared *shared;
    int number;
};

static void
note(const struct visitor *visitor, int rc)
{
    visitor->shared->refused[visitor->number] += rc == FIRN_MISUSE;
    visitor->shared->unexpected[visitor->number] += rc != FIRN_MISUSE && rc != FIRN_OK;
}

static void *
visit_both(void *arg)
{
    enum { ROUNDS = 3000 };
    const struct visitor *visitor = arg;
    struct shared *shared = visitor->shared;
    firn_error error;
    for (int i = 0; i < ROUNDS; i++) {
        note(visitor, firn_txn_put(shared->txn, shared->keyspace, key, key, &error));
        note(visitor, firn_cursor_first(shared->cursor, &error));
        note(visitor, firn_cursor_seek(shared->cursor, key, &error));
    }
    return NULL;
}

static void
two_threads_inside_one_handle_do_no_harm(void **state)
{
    firn_store *store = open_store();
    struct shared shared = {.keyspace = open_keyspace(store)};
    struct visitor visitors[2] = {{&shared, 0}, {&shared, 1}};
    pthread_t threads[2];
    OK(firn_txn_begin(store, NULL, &shared.txn, &err));
    OK(firn_txn_cursor_open(shared.txn, shared.keyspace, NULL, &shared.cursor, &err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, visit_both, &visitors[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(shared.unexpected[i], 0);
    }
    (void)printf("%d calls refused\n", shared.refused[0] + shared.refused[1]);
    firn_cursor_close(shared.cursor);
    OK(firn_txn_commit(shared.txn, NULL, &err));
    firn_txn_close(shared.txn);
    OK(firn_store_close(store, &err));
}

/* More handles than the table has room for are not watched; they work. */
static void
any_number_of_handles_may_be_open(void **state)
{
    enum { COUNT = 9000 };
    static firn_batch *batches[COUNT];
    for (int i = 0; i < COUNT; i++) {
        OK(firn_batch_create(&batches[i], &err));
    }
    firn_store *store = open_store();
    firn_keyspace *keyspace = open_keyspace(store);
    OK(firn_batch_put(batches[COUNT - 1], keyspace, key, key, &err));
    OK(firn_store_write(store, batches[COUNT - 1], NULL, &err));
    OK(firn_store_close(store, &err));
    for (int i = 0; i < COUNT; i++) {
        firn_batch_destroy(batches[i]);
    }
}

#endif

/* ---- handles in callbacks ---- */

enum { WITHIN_MAX = 64 };

/* What on_notice and on_progress do with handles, which may be on any thread, one at a time. */
struct within {
    firn_store *store;
    firn_keyspace *keyspace;
    firn_workspace *workspace;
    firn_snapshot *kept;
    unsigned progress_count;
    unsigned notice_count;
    unsigned use_count;
    unsigned refused_count; /* with FIRN_MISUSE */
    char text[sizeof(((firn_error *)0)->text)];
};

static int
pass_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

static void
note_use(struct within *within, int rc, const firn_error *error)
{
    within->use_count++;
    if (rc == FIRN_MISUSE) {
        within->refused_count++;
        (void)snprintf(within->text, sizeof within->text, "%s", error->text);
    }
}

static void
use_handles(struct within *within)
{
    firn_error error;
    firn_store *opened;
    bool exists;
    note_use(within, firn_exists(within->keyspace, key, &exists, &error), &error);
    note_use(within, firn_put(within->keyspace, key, key, NULL, &error), &error);
    note_use(within, firn_store_compact(within->store, NULL, &error), &error);
    note_use(within, firn_store_checkpoint_create(within->store, NULL, NULL, NULL, &error), &error);
    note_use(within, firn_store_close(within->store, &error), &error);
    if (within->workspace != NULL) {
        note_use(within,
                 firn_workspace_list(within->workspace, NULL, pass_checkpoint, NULL, &error),
                 &error);
        note_use(within, firn_workspace_save(within->workspace, NULL, NULL, &error), &error);
        note_use(within, firn_workspace_restore(within->workspace, "1", NULL, NULL, &error),
                 &error);
    }
    note_use(within, firn_store_open_memory(1 << 20, NULL, &opened, &error), &error);
    firn_snapshot_close(within->kept); /* does nothing */
    firn_workspace_close(within->workspace);
}

static int
use_handles_in_progress(void *ctx, const firn_progress *progress)
{
    struct within *within = ctx;
    (void)progress;
    if (within->progress_count++ < WITHIN_MAX) {
        use_handles(within);
    }
    return FIRN_OK;
}

static void
use_handles_in_notice(void *ctx, const firn_notice *notice)
{
    struct within *within = ctx;
    (void)notice;
    within->notice_count++;
    use_handles(within);
}

/* They were called, refused throughout, and the handles are as good as before. */
static void
assert_refused(struct within *within)
{
    bool exists;
    assert_true(within->progress_count > 0);
    assert_true(within->use_count > 0);
    assert_int_equal(within->refused_count, within->use_count);
    assert_non_null(strstr(within->text, "a callback must not use "));
    OK(firn_exists(within->keyspace, key, &exists, &err));
    assert_false(exists);
    *within = (struct within){.store = within->store,
                              .keyspace = within->keyspace,
                              .kept = within->kept,
                              .workspace = within->workspace};
}

static void
write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
remove_folder(const char *folder)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void
callbacks_of_stores_cannot_use_handles(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char path[128];
    test_temp_make(folder, sizeof folder);
    struct within within = {.store = open_store()};
    within.keyspace = open_keyspace(within.store);
    OK(firn_snapshot_open(within.store, NULL, &within.kept, &err));
    const firn_callbacks callbacks = {use_handles_in_notice, use_handles_in_progress, &within};
    firn_store_maintenance_options maintenance = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    firn_store_check_options check = FIRN_STORE_CHECK_OPTIONS_INIT;
    firn_store_export_options export = FIRN_STORE_EXPORT_OPTIONS_INIT;
    maintenance.callbacks = check.callbacks = export.callbacks = callbacks;
    OK(firn_put(within.keyspace, firn_str("other"), key, NULL, &err));
    OK(firn_store_check(within.store, &check, NULL, &err));
    assert_refused(&within);
    (void)snprintf(path, sizeof path, "%s/exported", folder);
    OK(firn_store_export(within.store, NULL, path, &export, &err));
    assert_refused(&within);
    (void)snprintf(path, sizeof path, "%s/clone", folder);
    OK(firn_store_clone(within.store, path, &maintenance, &err));
    assert_refused(&within);
    firn_snapshot_close(within.kept);
    OK(firn_store_close(within.store, &err));
    remove_folder(folder);
}

/* One row, then a line that is none. */
static int
use_handles_in_read(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    static const char text[] = "id\n7\nx\n";
    struct within *within = ctx;
    (void)error;
    use_handles(within);
    assert_true(capacity >= sizeof text);
    *out_size = within->progress_count++ == 0 ? sizeof text - 1 : 0;
    memcpy(buffer, text, *out_size);
    return FIRN_OK;
}

static int
use_handles_in_reject(void *ctx, const firn_import_reject *reject)
{
    struct within *within = ctx;
    assert_int_equal(reject->line, 3);
    within->notice_count++;
    use_handles(within);
    return FIRN_OK;
}

static int
use_handles_in_write(void *ctx, firn_slice bytes, firn_error *error)
{
    (void)bytes;
    (void)error;
    ((struct within *)ctx)->progress_count++;
    use_handles(ctx);
    return FIRN_OK;
}

static void
callbacks_of_imports_and_exports_cannot_use_handles(void **state)
{
    struct within within = {.store = open_store()};
    firn_table_def *def;
    firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
    firn_table *table;
    within.keyspace = open_keyspace(within.store);
    OK(firn_snapshot_open(within.store, NULL, &within.kept, &err));
    OK(firn_table_def_parse("id i64, primary key (id)", &def, &err));
    OK(firn_table_create(within.store, "t", def, &table, &err));
    firn_release(def);
    options.on_reject = use_handles_in_reject;
    options.callbacks.ctx = &within;
    OK(firn_table_import(table, use_handles_in_read, &within, &options, NULL, &err));
    assert_int_equal(within.notice_count, 1);
    assert_refused(&within);
    OK(firn_table_export(table, use_handles_in_write, &within, NULL, NULL, &err));
    assert_refused(&within);
    firn_snapshot_close(within.kept);
    OK(firn_store_close(within.store, &err));
}

static void
callbacks_of_workspaces_cannot_use_handles(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char root[64];
    char path[128];
    test_temp_make(folder, sizeof folder);
    (void)snprintf(root, sizeof root, "%s/root", folder);
    (void)snprintf(path, sizeof path, "%s/store", folder);
    assert_int_equal(mkdir(root, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/fifo", root);
    assert_int_equal(mkfifo(path, 0644), 0); /* a notice */
    (void)snprintf(path, sizeof path, "%s/store", folder);
    write_file(root, "a", "1");
    struct within within = {.store = open_store()};
    within.keyspace = open_keyspace(within.store);
    OK(firn_snapshot_open(within.store, NULL, &within.kept, &err));
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = path;
    OK(firn_workspace_open(root, &options, &within.workspace, &err));
    const firn_callbacks callbacks = {use_handles_in_notice, use_handles_in_progress, &within};
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_gc_options gc = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_check_options check = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    save.callbacks = status.callbacks = restore.callbacks = gc.callbacks = check.callbacks =
        callbacks;
    OK(firn_workspace_save(within.workspace, &save, NULL, &err));
    assert_true(within.notice_count > 0);
    assert_refused(&within);
    write_file(root, "a", "22");
    OK(firn_workspace_status(within.workspace, &status, NULL, NULL, NULL, &err));
    assert_refused(&within);
    OK(firn_workspace_restore(within.workspace, "1", &restore, NULL, &err));
    assert_refused(&within);
    OK(firn_workspace_gc(within.workspace, &gc, NULL, &err));
    assert_refused(&within);
    OK(firn_workspace_check(within.workspace, &check, NULL, &err));
    assert_refused(&within);
    firn_workspace_close(within.workspace);
    firn_snapshot_close(within.kept);
    OK(firn_store_close(within.store, &err));
    remove_folder(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ended_transaction_refuses_everything),
        cmocka_unit_test(options_that_cannot_be_meant_do_not_end_a_transaction),
        cmocka_unit_test(a_store_with_open_children_stays_open),
        cmocka_unit_test(visitors_cannot_close_what_they_visit),
        cmocka_unit_test(a_batch_of_a_closed_store_is_refused_by_the_next),
        cmocka_unit_test(handles_of_two_stores_do_not_mix),
        cmocka_unit_test(work_that_closes_its_transaction_rolls_it_back),
        cmocka_unit_test(a_store_is_not_closed_while_its_tables_are_read_or_loaded),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test(callbacks_of_stores_cannot_use_handles),
        cmocka_unit_test(callbacks_of_imports_and_exports_cannot_use_handles),
        cmocka_unit_test(callbacks_of_workspaces_cannot_use_handles),
#ifdef FIRN_DEBUG
        cmocka_unit_test(closed_handles_are_known),
        cmocka_unit_test(a_handle_that_is_in_use_is_refused),
        cmocka_unit_test(a_scan_that_is_in_use_or_closed_is_not_joined),
        cmocka_unit_test(two_threads_inside_one_handle_do_no_harm),
        cmocka_unit_test(any_number_of_handles_may_be_open), /* last: the table is full then */
#endif
    };
    return cmocka_run_group_tests_name("misuse_api", tests, NULL, NULL);
}
