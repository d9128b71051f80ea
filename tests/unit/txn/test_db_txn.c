/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: transactions, one after the other and in one thread: what they see, savepoints, limits,
 * doing it again, and every use that is not allowed.
 */
#include "base/bytes.h"
#include "inspect/inspect.h"
#include "support/store/txn_support.h"
#include "txn/txn_internal.h"

/* ---- what is seen ---- */

static void
a_transaction_sees_the_state_of_its_beginning(void **state)
{
    db_support_put(scene.k, "a", "1");
    db_support_put(scene.k, "b", "1");
    struct firn_txn *txn = begin(&snapshot);
    db_support_put(scene.k, "a", "2");
    db_support_put(scene.k, "c", "2");
    assert_true(equal(get(txn, "a"), "1"));
    assert_null(get(txn, "c"));
    assert_string_equal(walk(txn, false), "a=1 b=1 ");
    assert_string_equal(walk(txn, true), "b=1 a=1 ");
    settle(2);
    assert_string_equal(walk(txn, false), "a=1 b=1 ");
    commit(txn);
}

/* S-C13 */
static void
own_writes_are_seen_and_others_see_them_after_the_commit(void **state)
{
    db_support_put(scene.k, "a", "1");
    db_support_put(scene.k, "d", "1");
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "b", "2");
    delete_key(txn, "a");
    assert_null(get(txn, "a"));
    assert_true(equal(get(txn, "b"), "2"));
    assert_string_equal(walk(txn, false), "b=2 d=1 ");
    assert_string_equal(walk(txn, true), "d=1 b=2 ");
    assert_string_equal(db_support_keys(scene.k, NULL, false), "a d ");
    struct firn_txn *other = begin(&snapshot);
    commit(txn);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "b d ");
    assert_string_equal(walk(other, false), "a=1 d=1 ");
    commit(other);
}

static void
own_range_deletes_hide_what_came_before_them(void **state)
{
    for (char c = 'a'; c <= 'h'; c++) {
        db_support_put(scene.k, (char[]){c, 0}, "1");
    }
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "c", "2");
    delete_range(txn, "b", "g");
    put(txn, "d", "3");
    put(txn, "dd", "3");
    assert_null(get(txn, "c"));
    assert_null(get(txn, "f"));
    assert_true(equal(get(txn, "d"), "3"));
    assert_string_equal(walk(txn, false), "a=1 d=3 dd=3 g=1 h=1 ");
    assert_string_equal(walk(txn, true), "h=1 g=1 dd=3 d=3 a=1 ");
    delete_range(txn, "h", "a"); /* nothing */
    delete_range(txn, "d", "e");
    assert_string_equal(walk(txn, false), "a=1 g=1 h=1 ");
    put(txn, "c", "4");
    commit(txn);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "a c g h ");
    assert_value("c", "4");
}

static void
cursors_turn_seek_and_keep_their_bounds_over_own_writes(void **state)
{
    firn_error err;
    db_support_put(scene.k, "b", "1");
    db_support_put(scene.k, "d", "1");
    db_support_put(scene.k, "f", "1");
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "a", "2");
    put(txn, "c", "2");
    put(txn, "d", "2");
    put(txn, "e", "2");
    put(txn, "g", "2");
    const firn_slice lower = firn_str("b");
    const firn_slice upper = firn_str("f");
    struct firn_db_cursor *cursor =
        open_cursor(txn, &(struct fi_db_cursor_options){.lower = &lower, .upper = &upper});
    static const char steps[] = "FnnNppLppPSnTp";
    static const char *const at[] = {"b", "c", "d", "e", "d", "c", "e",
                                     "d", "c", "b", "c", "d", "d", "c"};
    for (size_t i = 0; steps[i] != '\0'; i++) {
        switch (steps[i]) {
        case 'F':
            DB_OK(fi_db_cursor_first(cursor, &err));
            break;
        case 'L':
            DB_OK(fi_db_cursor_last(cursor, &err));
            break;
        case 'S':
            DB_OK(fi_db_cursor_seek(cursor, firn_str("bb"), &err));
            break;
        case 'T':
            DB_OK(fi_db_cursor_seek_before(cursor, firn_str("e"), &err));
            break;
        case 'p':
        case 'P':
            DB_OK(fi_db_cursor_prev(cursor, &err));
            break;
        default:
            DB_OK(fi_db_cursor_next(cursor, &err));
            break;
        }
        assert_true(fi_db_cursor_valid(cursor));
        assert_int_equal(fi_db_cursor_key(cursor).data[0], at[i][0]);
    }
    DB_OK(fi_db_cursor_seek(cursor, firn_str("f"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    assert_int_equal(fi_db_cursor_key(cursor).size, 0);
    assert_int_equal(fi_db_cursor_value(cursor).size, 0);
    DB_OK(fi_db_cursor_seek_before(cursor, firn_str("b"), &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_FAILS(fi_db_cursor_next(cursor, &err), FIRN_MISUSE, "stands on no entry");
    /* A key that the cursor gave may say where it goes. */
    DB_OK(fi_db_cursor_seek(cursor, firn_str("e"), &err));
    DB_OK(fi_db_cursor_seek_before(cursor, fi_db_cursor_key(cursor), &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'd');
    fi_db_cursor_close(cursor);
    const firn_slice nothing = firn_str("a");
    cursor = open_cursor(txn, &(struct fi_db_cursor_options){.lower = &lower, .upper = &nothing});
    DB_OK(fi_db_cursor_first(cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
    const firn_slice prefix = firn_str("g");
    cursor = open_cursor(txn, &(struct fi_db_cursor_options){.prefix = &prefix});
    DB_OK(fi_db_cursor_last(cursor, &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'g');
    fi_db_cursor_close(cursor);
    rolls_back(txn);
}

static void
a_cursor_follows_what_is_written_while_it_is_open(void **state)
{
    firn_error err;
    db_support_put(scene.k, "a", "1");
    db_support_put(scene.k, "c", "1");
    db_support_put(scene.k, "e", "1");
    struct firn_txn *txn = begin(&snapshot);
    uint64_t savepoint;
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    struct firn_db_cursor *cursor = open_cursor(txn, NULL);
    DB_OK(fi_db_cursor_first(cursor, &err));
    put(txn, "b", "2");
    delete_key(txn, "c");
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'b');
    put(txn, "b", "another value that needs other memory");
    assert_int_equal(fi_db_cursor_value(cursor).data[0], '2');
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'e');
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'c');
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_int_equal(fi_db_cursor_key(cursor).data[0], 'a');
    fi_db_cursor_close(cursor);
    rolls_back(txn);
}

static void
a_transaction_writes_into_several_keyspaces_at_once(void **state)
{
    firn_error err;
    struct firn_txn *txn = begin(&snapshot);
    struct firn_db_keyspace *later = db_support_keyspace(scene.db, "later");
    struct fi_buf out = {0};
    put(txn, "a", "1");
    DB_FAILS(fi_txn_get(txn, later, firn_str("a"), &out, &err), FIRN_NOT_FOUND, "later");
    DB_OK(fi_txn_put(txn, later, firn_str("a"), firn_str("2"), &err));
    DB_OK(fi_txn_get(txn, later, firn_str("a"), &out, &err));
    assert_int_equal(out.data[0], '2');
    fi_buf_deinit(&out);
    assert_string_equal(walk(txn, false), "a=1 ");
    commit(txn);
    assert_value("a", "1");
    assert_string_equal(db_support_get(later, "a"), "2");
}

/* ---- savepoints ---- */

static void
a_savepoint_takes_back_what_came_after_it(void **state)
{
    firn_error err;
    uint64_t outer;
    uint64_t inner;
    uint64_t last;
    db_support_put(scene.k, "a", "0");
    db_support_put(scene.k, "r", "0");
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "a", "1");
    DB_OK(fi_txn_savepoint(txn, &outer, &err));
    put(txn, "a", "2");
    put(txn, "b", "2");
    DB_OK(fi_txn_savepoint(txn, &inner, &err));
    delete_key(txn, "a");
    delete_range(txn, "b", "z");
    put(txn, "c", "3");
    DB_OK(fi_txn_savepoint(txn, &last, &err));
    assert_string_equal(walk(txn, false), "c=3 ");
    DB_OK(fi_txn_rollback_to(txn, inner, &err));
    assert_string_equal(walk(txn, false), "a=2 b=2 r=0 ");
    DB_FAILS(fi_txn_rollback_to(txn, last, &err), FIRN_NOT_FOUND, "has no savepoint 3");
    put(txn, "d", "4");
    DB_OK(fi_txn_rollback_to(txn, inner, &err)); /* it is still set */
    DB_OK(fi_txn_release(txn, inner, &err));
    DB_FAILS(fi_txn_release(txn, inner, &err), FIRN_NOT_FOUND, "has no savepoint 2");
    put(txn, "e", "5");
    assert_string_equal(walk(txn, false), "a=2 b=2 e=5 r=0 ");
    DB_OK(fi_txn_rollback_to(txn, outer, &err));
    assert_string_equal(walk(txn, false), "a=1 r=0 ");
    commit(txn);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "a r ");
    assert_value("a", "1");
}

static void
what_was_taken_back_is_no_write_and_read_all_the_same(void **state)
{
    firn_error err;
    uint64_t savepoint;
    struct firn_txn *txn = begin(&serializable);
    put(txn, "a", "1");
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    put(txn, "b", "1");
    delete_range(txn, "c", "d");
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    db_support_put(scene.k, "b", "2");
    db_support_put(scene.k, "cc", "2");
    commit(txn);
    assert_value("b", "2");
    txn = begin(&serializable);
    put(txn, "a", "1");
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    assert_true(equal(get(txn, "b"), "2"));
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    db_support_put(scene.k, "b", "3");
    conflicts(txn, "\"b\"");
}

/* ---- merges and times to live ---- */

static void
add(struct firn_txn *txn, int64_t number)
{
    firn_error err;
    uint8_t bytes[8];
    firn_number(number, bytes);
    DB_OK(fi_txn_merge(txn, scene.k, firn_str("n"), FIRN_MERGE_ADD, firn_bytes(bytes, 8), &err));
}

/* What get and a cursor show of "n". */
static int64_t
number_in(struct firn_txn *txn, bool is_back)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_txn_get(txn, scene.k, firn_str("n"), &out, &err));
    assert_int_equal(out.size, 8);
    int64_t number = firn_number_of(out.data, out.size);
    fi_buf_deinit(&out);
    struct firn_db_cursor *cursor = open_cursor(txn, NULL);
    DB_OK(is_back ? fi_db_cursor_seek_before(cursor, firn_str("o"), &err)
                  : fi_db_cursor_seek(cursor, firn_str("n"), &err));
    assert_int_equal(firn_number_of(fi_db_cursor_value(cursor).data, 8), number);
    fi_db_cursor_close(cursor);
    return number;
}

static void
put_number(struct firn_txn *txn, int64_t number)
{
    firn_error err;
    uint8_t bytes[8];
    firn_number(number, bytes);
    DB_OK(fi_txn_put(txn, scene.k, firn_str("n"), firn_bytes(bytes, 8), &err));
}

static void
merges_add_to_the_view_and_to_own_writes(void **state)
{
    firn_error err;
    uint64_t savepoint;
    uint8_t bytes[8];
    firn_number(1, bytes);
    struct firn_txn *txn = begin(&serializable);
    put_number(txn, 10);
    commit(txn);
    txn = begin(&serializable);
    add(txn, 5);
    assert_int_equal(number_in(txn, false), 15);
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    add(txn, -2);
    assert_int_equal(number_in(txn, true), 13);
    DB_FAILS(fi_txn_merge(txn, scene.k, firn_str("n"), FIRN_MERGE_MIN, firn_bytes(bytes, 8), &err),
             FIRN_INVALID, "merged by another operator");
    DB_FAILS(fi_txn_merge(txn, scene.k, firn_str("n"), FIRN_MERGE_ADD, firn_bytes(bytes, 7), &err),
             FIRN_INVALID, "");
    delete_key(txn, "n");
    add(txn, 1);
    assert_int_equal(number_in(txn, false), 1);
    put_number(txn, 100);
    add(txn, 1);
    assert_int_equal(number_in(txn, true), 101);
    delete_range(txn, "m", "o");
    add(txn, 3);
    assert_int_equal(number_in(txn, false), 3);
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    assert_int_equal(number_in(txn, true), 15);
    add(txn, 1);
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    fi_txn_close(txn);
    txn = begin(&snapshot);
    assert_int_equal(number_in(txn, false), 16);
    /* A merge is a write, on either side. */
    add(txn, 1);
    DB_OK(fi_db_merge(scene.k, firn_str("n"), FIRN_MERGE_ADD, firn_bytes(bytes, 8),
                      FIRN_DURABILITY_DEFAULT, &err));
    conflicts(txn, "\"n\"");
    /* Upon nothing. */
    txn = begin(&snapshot);
    DB_OK(fi_txn_merge(txn, scene.k, firn_str("new"), FIRN_MERGE_APPEND, firn_str("ab"), &err));
    DB_OK(fi_txn_merge(txn, scene.k, firn_str("new"), FIRN_MERGE_APPEND, firn_str("cd"), &err));
    assert_true(equal(get(txn, "new"), "abcd"));
    commit(txn);
    assert_value("new", "abcd");
}

static size_t
size_in(struct firn_txn *txn, const char *key)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_txn_get(txn, scene.k, firn_str(key), &out, &err));
    size_t size = out.size;
    fi_buf_deinit(&out);
    return size;
}

static void
append(struct firn_txn *txn, const char *key, const char *operand)
{
    firn_error err;
    DB_OK(fi_txn_merge(txn, scene.k, firn_str(key), FIRN_MERGE_APPEND, firn_str(operand), &err));
}

static void
appends_to_one_key_are_one_write_but_for_savepoints_between_them(void **state)
{
    firn_error err;
    uint64_t savepoint;
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "a", "a");
    for (unsigned i = 0; i < 300; i++) {
        append(txn, "log", "0123456789");
    }
    assert_int_equal(fi_db_batch_op_count(&txn->writes.batch), 2);
    assert_true(fi_txn_writes_size_bytes(&txn->writes) < 8192);
    assert_int_equal(size_in(txn, "log"), 3000);
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    append(txn, "log", "b");
    append(txn, "log", "c");
    append(txn, "a", "d");
    assert_int_equal(fi_db_batch_op_count(&txn->writes.batch), 4);
    assert_int_equal(size_in(txn, "log"), 3002);
    assert_true(equal(get(txn, "a"), "ad"));
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    assert_int_equal(size_in(txn, "log"), 3000);
    assert_true(equal(get(txn, "a"), "a"));
    append(txn, "log", "e");
    commit(txn);
    assert_int_equal(strlen(db_support_get(scene.k, "log")), 3001);
}

static void
what_is_put_for_a_time_is_there_for_the_transaction(void **state)
{
    firn_error err;
    struct firn_txn *txn = begin(&snapshot);
    DB_OK(fi_txn_put_ttl(txn, scene.k, firn_str("s"), firn_str("session"), 50, &err));
    assert_true(equal(get(txn, "s"), "session"));
    assert_string_equal(walk(txn, false), "s=session ");
    DB_FAILS(fi_txn_merge(txn, scene.k, firn_str("s"), FIRN_MERGE_APPEND, firn_str("x"), &err),
             FIRN_INVALID, "put with a time to live");
    commit(txn);
    txn = begin(&snapshot);
    assert_value("s", "session");
    fi_os_sleep_ns(scene.support.os, 60000000);
    assert_value("s", NULL);
    assert_true(equal(get(txn, "s"), "session"));
    put(txn, "s", "again");
    commit(txn);
    assert_value("s", "again");
}

/* ---- limits ---- */

static void
a_write_set_beyond_the_budget_is_refused_and_the_transaction_goes_on(void **state)
{
    enum { VALUE = 64 << 10 };
    static uint8_t value[VALUE];
    firn_error err;
    struct firn_txn *txn = begin(&snapshot);
    unsigned count = 0;
    int rc;
    for (;; count++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", count);
        rc = fi_txn_put(txn, scene.k, firn_str(key), firn_bytes(value, VALUE), &err);
        if (rc != FIRN_OK) {
            break;
        }
    }
    DB_FAILS(rc, FIRN_LIMIT, "would take more than 4194304 bytes");
    assert_in_range(count, 60, 63);
    put(txn, "small", "1");
    assert_true(equal(get(txn, "small"), "1"));
    uint64_t savepoint = 0;
    do {
        rc = fi_txn_savepoint(txn, &savepoint, &err);
    } while (rc == FIRN_OK);
    DB_FAILS(rc, FIRN_LIMIT, "would take more");
    commit(txn);
    assert_value("small", "1");
    static uint8_t long_key[FIRN_KEY_SIZE_MAX + 1];
    txn = begin(&snapshot);
    DB_FAILS(fi_txn_put(txn, scene.k, firn_bytes(long_key, sizeof long_key), firn_str(""), &err),
             FIRN_LIMIT, "key of 524289 bytes");
    DB_OK(fi_txn_delete(txn, scene.k, firn_bytes(long_key, FIRN_KEY_SIZE_MAX), &err));
    commit(txn);
}

static void
what_is_written_over_takes_no_room_for_long(void **state)
{
    enum { WRITES = 60000 }; /* three times as much as there is room for */
    firn_error err;
    uint64_t savepoint;
    struct firn_txn *txn = begin(&snapshot);
    struct firn_db_cursor *cursor = open_cursor(txn, NULL);
    char value[160];
    for (unsigned i = 0; i < WRITES; i++) {
        (void)snprintf(value, sizeof value, "%0140u", i);
        put(txn, i % 2 == 0 ? "a" : "b", value);
        if (i == WRITES / 2) {
            DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
            DB_OK(fi_db_cursor_first(cursor, &err));
        }
    }
    DB_OK(fi_db_cursor_next(cursor, &err));
    firn_slice found = fi_db_cursor_value(cursor);
    assert_memory_equal(found.data + found.size - 5, "59999", 5);
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    fi_db_cursor_close(cursor);
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    fi_txn_close(txn);
    assert_string_equal(db_support_get(scene.k, "a") + 135, "30000");
    assert_string_equal(db_support_get(scene.k, "b") + 135, "29999");
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(scene.db, &stats, &err));
    assert_true(stats.commit_bytes < 1000);
}

/* A few large values that were overwritten make room, however many small ones were not. */
static void
large_values_that_are_written_over_make_room(void **state)
{
    enum { SMALL = 2000, LARGE = 1 << 20, TIMES = 40 };
    firn_error err;
    uint8_t *value = calloc(1, LARGE);
    assert_non_null(value);
    struct firn_txn *txn = begin(&snapshot);
    for (unsigned i = 0; i < SMALL; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", i);
        put(txn, key, "small");
    }
    for (unsigned i = 0; i < TIMES; i++) {
        value[0] = (uint8_t)i;
        DB_OK(fi_txn_put(txn, scene.k, firn_str("large"), firn_bytes(value, LARGE), &err));
    }
    commit(txn);
    free(value);
}

/* What a savepoint protects is not gone over again and again: it stays within a hundred times the work that
 * is needed, where each write over the limit used to go over all. */
static void
writes_at_the_limit_do_not_tidy_in_vain(void **state)
{
    enum { VALUE = 100, TRIES = 20000 };
    firn_error err;
    uint64_t savepoint;
    uint8_t value[VALUE] = {0};
    struct firn_txn *txn = begin(&snapshot);
    for (unsigned i = 0; i < 12000; i++) {
        put(txn, "a", "1");
        DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
        DB_OK(fi_txn_put(txn, scene.k, firn_str("b"), firn_bytes(value, VALUE), &err));
    }
    unsigned key = 0;
    while (fi_txn_put(txn, scene.k, firn_bytes(&key, sizeof key), firn_bytes(value, VALUE), &err) ==
           FIRN_OK) {
        key++;
    }
    uint64_t changes = txn->writes.changes;
    for (unsigned i = 0; i < TRIES; i++) {
        DB_FAILS(
            fi_txn_put(txn, scene.k, firn_bytes(&key, sizeof key), firn_bytes(value, VALUE), &err),
            FIRN_LIMIT, "would take more");
    }
    assert_int_equal(txn->writes.changes, changes); /* tidying is one */
    assert_int_equal(fi_txn_rollback_to(txn, 1, &err), FIRN_OK);
    put(txn, "small", "1");
    commit(txn);
    assert_value("small", "1");
}

/* ---- ends and misuse ---- */

/* S-C14 */
static void
what_has_ended_refuses_everything(void **state)
{
    static const char *const texts[] = {"it was committed", "it was rolled back",
                                        "ended with a commit that failed"};
    for (int way = 0; way < 3; way++) {
        firn_error err;
        struct fi_buf out = {0};
        uint64_t savepoint;
        struct firn_db_cursor *none;
        struct firn_txn *txn = begin(&serializable);
        struct firn_db_cursor *cursor = open_cursor(txn, NULL);
        put(txn, "a", "1");
        DB_OK(fi_db_cursor_first(cursor, &err));
        if (way == 0) {
            DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
        } else if (way == 1) {
            DB_OK(fi_txn_rollback(txn, &err));
        } else {
            db_support_put(scene.k, "a", "2");
            DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT, "");
        }
        const char *text = texts[way];
        DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_rollback(txn, &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_get(txn, scene.k, firn_str("a"), &out, &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_put(txn, scene.k, firn_str("a"), firn_str(""), &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_delete(txn, scene.k, firn_str("a"), &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_delete_range(txn, scene.k, firn_str("a"), firn_str("b"), &err), FIRN_MISUSE,
                 text);
        DB_FAILS(fi_txn_cursor_open(txn, scene.k, NULL, &none, &err), FIRN_MISUSE, text);
        assert_null(none);
        DB_FAILS(fi_txn_savepoint(txn, &savepoint, &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_rollback_to(txn, 1, &err), FIRN_MISUSE, text);
        DB_FAILS(fi_txn_release(txn, 1, &err), FIRN_MISUSE, text);
        assert_false(fi_db_cursor_valid(cursor));
        assert_int_equal(fi_db_cursor_key(cursor).size, 0);
        DB_FAILS(fi_db_cursor_next(cursor, &err), FIRN_MISUSE, "the transaction of the cursor");
        DB_FAILS(fi_db_cursor_prev(cursor, &err), FIRN_MISUSE, "the transaction of the cursor");
        DB_FAILS(fi_db_cursor_first(cursor, &err), FIRN_MISUSE, "the transaction of the cursor");
        DB_FAILS(fi_db_cursor_last(cursor, &err), FIRN_MISUSE, "the transaction of the cursor");
        DB_FAILS(fi_db_cursor_seek(cursor, firn_str("a"), &err), FIRN_MISUSE, "the transaction");
        DB_FAILS(fi_db_cursor_seek_before(cursor, firn_str("a"), &err), FIRN_MISUSE, "the tr");
        fi_txn_close(txn);
        fi_db_cursor_close(cursor);
    }
}

static void
a_store_with_open_transactions_does_not_close(void **state)
{
    firn_error err;
    struct firn_txn *open = begin(&snapshot);
    struct firn_txn *ended = begin(&snapshot);
    DB_OK(fi_txn_rollback(ended, &err));
    DB_FAILS(fi_db_close(scene.db, &err), FIRN_MISUSE,
             "1 cursors, snapshots, transactions or pins are open");
    put(open, "a", "1");
    commit(open);
    DB_OK(fi_db_close(scene.db, &err));
    /* What has ended needs the store no more. */
    DB_FAILS(fi_txn_commit(ended, FIRN_DURABILITY_DEFAULT, &err), FIRN_MISUSE, "rolled back");
    fi_txn_close(ended);
    scene.db = db_support_open(scene.support.dir);
    scene.k = db_support_keyspace(scene.db, "k");
    assert_value("a", "1");
    /* Giving up the store takes transactions and cursors with it, in any order. */
    struct firn_txn *gone = begin(&serializable);
    (void)open_cursor(gone, NULL);
    put(begin(&snapshot), "a", "2");
    (void)open_cursor(gone, NULL);
    fi_db_abandon(scene.db);
    scene.db = db_support_open(scene.support.dir);
    scene.k = db_support_keyspace(scene.db, "k");
    assert_value("a", "1");
}

/* S-C12 */
static void
a_transaction_for_reading_refuses_writes_and_commits(void **state)
{
    firn_error err;
    db_support_put(scene.k, "a", "1");
    struct firn_txn *txn = begin(&reading);
    DB_FAILS(fi_txn_put(txn, scene.k, firn_str("a"), firn_str("2"), &err), FIRN_READ_ONLY,
             "begun for reading only");
    DB_FAILS(fi_txn_delete(txn, scene.k, firn_str("a"), &err), FIRN_READ_ONLY, "reading only");
    DB_FAILS(fi_txn_delete_range(txn, scene.k, firn_str("a"), firn_str("b"), &err), FIRN_READ_ONLY,
             "reading only");
    assert_true(equal(get(txn, "a"), "1"));
    db_support_put(scene.k, "a", "2");
    assert_true(equal(get(txn, "a"), "1"));
    commit(txn);
    /* On a store that is open for reading every transaction is one. */
    struct firn_db *own = scene.db;
    struct firn_db_keyspace *k = scene.k;
    DB_OK(fi_db_open(scene.support.dir, &db_support_read_only, &scene.db, &err));
    scene.k = db_support_keyspace(scene.db, "k");
    txn = begin(&serializable);
    assert_true(equal(get(txn, "a"), "2"));
    assert_string_equal(walk(txn, false), "a=2 ");
    assert_string_equal(walk(txn, true), "a=2 ");
    DB_FAILS(fi_txn_put(txn, scene.k, firn_str("a"), firn_str("3"), &err), FIRN_READ_ONLY,
             "open for reading only");
    DB_FAILS(fi_txn_put(txn, k, firn_str("a"), firn_str("3"), &err), FIRN_INVALID,
             "of another store");
    commit(txn);
    DB_OK(fi_db_close(scene.db, &err));
    scene.db = own;
    scene.k = k;
}

static void
a_reader_that_moves_on_leaves_its_transactions_where_they_are(void **state)
{
    firn_error err;
    struct firn_db *own = scene.db;
    struct firn_db_keyspace *k = scene.k;
    db_support_put(k, "a", "1");
    DB_OK(fi_db_open(scene.support.dir, &db_support_read_only, &scene.db, &err));
    scene.k = db_support_keyspace(scene.db, "k");
    struct firn_txn *before = begin(&snapshot);
    db_support_put(k, "a", "2");
    DB_OK(fi_db_maintain_compact(own, NULL, &err));
    DB_OK(fi_db_refresh(scene.db, &err));
    struct firn_txn *after = begin(&snapshot);
    assert_true(equal(get(before, "a"), "1"));
    assert_string_equal(walk(before, true), "a=1 ");
    assert_true(equal(get(after, "a"), "2"));
    commit(before);
    commit(after);
    DB_OK(fi_db_close(scene.db, &err));
    scene.db = own;
    scene.k = k;
}

/* S-C11, where the disk is full. */
static void
a_commit_without_space_leaves_no_trace_and_can_be_tried_again(void **state)
{
    enum { VALUE = 1 << 20, LIMIT = 6 << 20 };
    firn_error err;
    struct firn_db *db;
    struct firn_db *own = scene.db;
    struct firn_db_keyspace *k = scene.k;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 64 << 20};
    uint8_t *value = calloc(1, VALUE);
    assert_non_null(value);
    DB_OK(fi_db_memory_open(LIMIT, &options, &db, &err));
    scene.db = db;
    scene.k = db_support_keyspace(db, "k");
    struct firn_txn *txn = begin(&snapshot);
    put(txn, "small", "1");
    for (unsigned i = 0; i < 8; i++) {
        DB_OK(fi_txn_put(txn, scene.k, firn_bytes(&i, sizeof i), firn_bytes(value, VALUE), &err));
    }
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_OS, &err), FIRN_NO_SPACE, "");
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_OS, &err), FIRN_MISUSE, "commit that failed");
    fi_txn_close(txn);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "");
    txn = begin(&snapshot);
    assert_null(get(txn, "small"));
    put(txn, "small", "2");
    commit(txn);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "small ");
    DB_OK(fi_db_close(db, &err));
    free(value);
    scene.db = own;
    scene.k = k;
}

static void
keyspaces_that_were_dropped_or_are_firns_own_are_refused(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_keyspace *doomed = db_support_keyspace(scene.db, "doomed");
    struct firn_db_keyspace *system = db_support_keyspace(scene.db, "firn.own");
    struct firn_snapshot *view;
    db_support_put(doomed, "a", "1");
    struct firn_txn *txn = begin(&snapshot);
    struct firn_txn *reader = begin(&serializable);
    DB_FAILS(fi_txn_put(txn, system, firn_str("a"), firn_str("1"), &err), FIRN_INVALID,
             "firn's own");
    DB_OK(fi_db_snapshot_open(scene.db, &view, &err));
    struct firn_db_cursor *none;
    DB_FAILS(fi_txn_cursor_open(txn, scene.k, &(struct fi_db_cursor_options){.snapshot = view},
                                &none, &err),
             FIRN_INVALID, "cannot be at a snapshot");
    fi_db_snapshot_close(view);
    DB_OK(fi_txn_put(txn, doomed, firn_str("b"), firn_str("1"), &err));
    DB_OK(fi_txn_get(reader, doomed, firn_str("a"), &out, &err));
    put(reader, "x", "1");
    DB_OK(fi_db_keyspace_drop(scene.db, "doomed", &err));
    DB_OK(fi_txn_get(txn, doomed, firn_str("a"), &out, &err));
    DB_FAILS(fi_txn_put(txn, doomed, firn_str("c"), firn_str("1"), &err), FIRN_CONFLICT,
             "'doomed', into which the transaction writes, was dropped since it began");
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT,
             "was dropped since the transaction began");
    fi_txn_close(txn);
    txn = begin(&snapshot);
    DB_FAILS(fi_txn_put(txn, doomed, firn_str("c"), firn_str("1"), &err), FIRN_MISUSE,
             "'doomed' was dropped");
    fi_txn_close(txn);
    conflicts(reader, "'doomed', which the transaction has read, was dropped");
    fi_buf_deinit(&out);
}

/* ---- again ---- */

struct increment {
    unsigned attempts;
    unsigned interrupted; /* so many attempts meet another commit */
    int result;
};

static int
increment(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct increment *increment = ctx;
    uint8_t value[8];
    struct fi_buf out = {0};
    int rc = fi_txn_get(txn, scene.k, firn_str("n"), &out, err);
    uint64_t number = rc == FIRN_OK ? fi_load_le64(out.data) : 0;
    fi_buf_deinit(&out);
    if (increment->attempts++ < increment->interrupted) {
        fi_store_le64(value, number + 100);
        assert_int_equal(
            fi_db_put(scene.k, firn_str("n"), firn_bytes(value, 8), FIRN_DURABILITY_DEFAULT, err),
            FIRN_OK);
    }
    fi_store_le64(value, number + 1);
    assert_int_equal(fi_txn_put(txn, scene.k, firn_str("n"), firn_bytes(value, 8), err), FIRN_OK);
    return increment->result == FIRN_OK ? FIRN_OK
                                        : fi_error_set(err, increment->result, "the work gave up");
}

static uint64_t
number_now(void)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_db_get(scene.k, firn_str("n"), &out, &err));
    uint64_t number = fi_load_le64(out.data);
    fi_buf_deinit(&out);
    return number;
}

static void
running_a_transaction_tries_again_after_conflicts(void **state)
{
    firn_error err;
    struct increment work = {.interrupted = 5};
    struct fi_txn_run run = {.attempts_max = 10, .work = increment, .ctx = &work};
    DB_OK(fi_txn_run(scene.db, &run, &err));
    assert_int_equal(work.attempts, 6);
    assert_int_equal(number_now(), 501);
    work = (struct increment){.interrupted = 100};
    DB_FAILS(fi_txn_run(scene.db, &run, &err), FIRN_CONFLICT, "key \"n\"");
    assert_int_equal(work.attempts, 10);
    assert_int_equal(number_now(), 1501);
    work = (struct increment){.result = FIRN_CANCELLED};
    DB_FAILS(fi_txn_run(scene.db, &run, &err), FIRN_CANCELLED, "the work gave up");
    assert_int_equal(work.attempts, 1);
    work = (struct increment){.result = FIRN_CONFLICT};
    DB_FAILS(fi_txn_run(scene.db, &run, &err), FIRN_CONFLICT, "the work gave up");
    assert_int_equal(work.attempts, 10);
    assert_int_equal(number_now(), 1501);
}

static int
end_inside(void *ctx, struct firn_txn *txn, firn_error *err)
{
    assert_int_equal(fi_txn_put(txn, scene.k, firn_str("z"), firn_str("1"), err), FIRN_OK);
    return *(bool *)ctx ? fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, err)
                        : fi_txn_rollback(txn, err);
}

static void
work_may_end_its_transaction_itself(void **state)
{
    firn_error err;
    bool commits = false;
    struct fi_txn_run run = {.attempts_max = 1, .work = end_inside, .ctx = &commits};
    DB_OK(fi_txn_run(scene.db, &run, &err));
    assert_value("z", NULL);
    commits = true;
    DB_OK(fi_txn_run(scene.db, &run, &err));
    assert_value("z", "1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TXN_TEST(a_transaction_sees_the_state_of_its_beginning),
        TXN_TEST(own_writes_are_seen_and_others_see_them_after_the_commit),
        TXN_TEST(own_range_deletes_hide_what_came_before_them),
        TXN_TEST(cursors_turn_seek_and_keep_their_bounds_over_own_writes),
        TXN_TEST(a_cursor_follows_what_is_written_while_it_is_open),
        TXN_TEST(a_transaction_writes_into_several_keyspaces_at_once),
        TXN_TEST(a_savepoint_takes_back_what_came_after_it),
        TXN_TEST(what_was_taken_back_is_no_write_and_read_all_the_same),
        TXN_TEST(merges_add_to_the_view_and_to_own_writes),
        TXN_TEST(appends_to_one_key_are_one_write_but_for_savepoints_between_them),
        TXN_TEST(what_is_put_for_a_time_is_there_for_the_transaction),
        TXN_TEST(a_write_set_beyond_the_budget_is_refused_and_the_transaction_goes_on),
        TXN_TEST(what_is_written_over_takes_no_room_for_long),
        TXN_TEST(large_values_that_are_written_over_make_room),
        TXN_TEST(writes_at_the_limit_do_not_tidy_in_vain),
        TXN_TEST(what_has_ended_refuses_everything),
        TXN_TEST(a_store_with_open_transactions_does_not_close),
        TXN_TEST(a_transaction_for_reading_refuses_writes_and_commits),
        TXN_TEST(a_reader_that_moves_on_leaves_its_transactions_where_they_are),
        TXN_TEST(a_commit_without_space_leaves_no_trace_and_can_be_tried_again),
        TXN_TEST(keyspaces_that_were_dropped_or_are_firns_own_are_refused),
        TXN_TEST(running_a_transaction_tries_again_after_conflicts),
        TXN_TEST(work_may_end_its_transaction_itself),
    };
    return cmocka_run_group_tests_name("db_txn", tests, NULL, NULL);
}
