/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: the room in a program of its own: registered twice, closed in any order, and without memory wherever that
 * may be missed, SQLite's and firn's.
 */
#include <sqlite3.h>

#include "sql/sql.h"
#include "support/test.h"
#include "support/test_alloc.h"

/* ---- SQLite's memory, of which the n-th call may fail ---- */

static sqlite3_mem_methods real_methods;
static uint64_t calls;
static uint64_t fail_at;

static void *
failing_malloc(int size)
{
    return ++calls == fail_at ? NULL : real_methods.xMalloc(size);
}

static void *
failing_realloc(void *memory, int size)
{
    return ++calls == fail_at ? NULL : real_methods.xRealloc(memory, size);
}

static int
set_up_all(void **state)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods), SQLITE_OK);
    sqlite3_mem_methods methods = real_methods;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    return sqlite3_initialize() == SQLITE_OK ? 0 : 1;
}

/* ---- statements ---- */

static sqlite3 *
open_connection(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    return db;
}

static int
run(sqlite3 *db, const char *text)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static void
must(sqlite3 *db, const char *text)
{
    int rc = run(db, text);
    if (rc != SQLITE_OK) {
        fail_msg("%s: %d %s", text, rc, sqlite3_errmsg(db));
    }
}

static int64_t
number(sqlite3 *db, const char *text)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    int64_t value = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return value;
}

static sqlite3 *
open_with_rows(void)
{
    sqlite3 *db = open_connection();
    must(db, "SELECT firn_attach(':memory:')");
    must(db, "SELECT firn_create('CREATE TABLE t (a TEXT, b INT, n BIGINT, d DATE, x BLOB, PRIMARY "
             "KEY (a, b),"
             " UNIQUE INDEX by_n (n), INDEX by_d (d))')");
    must(db, "SELECT firn_create('CREATE KEYSPACE k')");
    must(db, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 200) "
             "INSERT INTO t SELECT 'a' || (i % 10), i, i, date('2026-01-01', i || ' days'), "
             "zeroblob(i) FROM c");
    must(db, "INSERT INTO k VALUES ('one', 'x', NULL), ('two', x'00', 4102444800000)");
    return db;
}

/* ---- tests ---- */

static void
test_registering_twice_changes_nothing(void **state)
{
    sqlite3 *db = open_with_rows();
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 200);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_closing_with_an_open_statement(void **state)
{
    sqlite3 *db = open_with_rows();
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM t", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_close(db), SQLITE_BUSY);
    assert_int_equal(sqlite3_close_v2(db), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void
test_closing_inside_of_a_transaction(void **state)
{
    sqlite3 *db = open_with_rows();
    must(db, "BEGIN");
    must(db, "DELETE FROM t");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_an_open_statement_keeps_its_state_and_the_next_one_sees_what_was_written(void **state)
{
    sqlite3 *db = open_with_rows();
    sqlite3_stmt *stmt = NULL;
    int count = 1;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM t", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    must(db, "DELETE FROM t WHERE b > 10");
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 10);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        count++;
    }
    assert_int_equal(count, 200);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_codes_of_failures(void **state)
{
    sqlite3 *db = open_with_rows();
    assert_int_equal(run(db, "INSERT INTO t (a, b) VALUES ('a1', 1)"), SQLITE_CONSTRAINT);
    assert_string_equal(sqlite3_errmsg(db), "UNIQUE constraint failed: t.a, t.b");
    assert_int_equal(run(db, "INSERT INTO t (a, b, d) VALUES ('q', 1, 'x')"), SQLITE_MISMATCH);
    assert_int_equal(run(db, "INSERT INTO t (a, b) VALUES ('q', 1e30)"), SQLITE_TOOBIG);
    assert_int_equal(run(db, "SELECT firn_attach('/nothing/here')"), SQLITE_ERROR);
    must(db, "SELECT firn_create('CREATE TABLE f (id INTEGER PRIMARY KEY, b BOOLEAN)')");
    assert_int_equal(run(db, "INSERT INTO f (b) VALUES (2)"), SQLITE_TOOBIG);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_names_that_differ_only_in_case(void **state)
{
    sqlite3 *db = open_with_rows();
    must(
        db,
        "SELECT firn_create('CREATE TABLE u (id INTEGER PRIMARY KEY, a INT, A INT, \"a:3\" INT)')");
    must(db, "INSERT INTO u (a, \"A:7\", \"a:3\") VALUES (1, 2, 3)");
    assert_int_equal(number(db, "SELECT 100 * a + 10 * \"A:7\" + \"a:3\" FROM u"), 123);
    must(db, "UPDATE u SET \"A:7\" = 5");
    assert_int_equal(number(db, "SELECT sum(A) * 10 + sum(\"A:7\") FROM u"), 15);
    /* The first of two tables in the order of bytes has the name, whichever was made first. */
    must(db, "SELECT firn_create('CREATE TABLE w (id INTEGER PRIMARY KEY, x INT)')");
    must(db, "INSERT INTO w (x) VALUES (1)");
    must(db, "SELECT firn_create('CREATE TABLE W (id INTEGER PRIMARY KEY, x INT)')");
    must(db, "INSERT INTO W (x) VALUES (2)");
    assert_int_equal(number(db, "SELECT 10 * (SELECT x FROM w) + x FROM \"w:2\""), 21);
    must(db, "SELECT firn_create('CREATE KEYSPACE K')");
    assert_int_equal(number(db, "SELECT count(*) FROM \"k:2\""), 2);
    must(db, "SELECT firn_drop('K')");
    assert_int_equal(number(db, "SELECT count(*) FROM k"), 2);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_entries_keep_their_time_to_live(void **state)
{
    sqlite3 *db = open_with_rows();
    must(db, "UPDATE k SET value = 'y' WHERE key = 'two'");
    assert_int_equal(number(db, "SELECT expires / 1000 FROM k WHERE key = 'two' AND value = 'y'"),
                     4102444800);
    must(db, "BEGIN; UPDATE k SET value = value || 'z'; UPDATE k SET key = 'three' WHERE key = "
             "'two'; COMMIT");
    assert_int_equal(
        number(db, "SELECT expires / 1000 FROM k WHERE key = 'three' AND value = 'yz'"),
        4102444800);
    assert_int_equal(number(db, "SELECT expires IS NULL FROM k WHERE key = 'one'"), 1);
    must(db, "UPDATE k SET expires = NULL");
    assert_int_equal(number(db, "SELECT count(expires) FROM k"), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* SQLite computes RETURNING of a virtual table before the row is written. */
static void
test_numbers_of_rows_are_told_after_the_statement(void **state)
{
    sqlite3 *db = open_with_rows();
    must(db, "SELECT firn_create('CREATE TABLE f (id INTEGER PRIMARY KEY, x INT)')");
    must(db, "INSERT INTO f (x) VALUES (7), (8)");
    assert_int_equal(number(db, "INSERT INTO f (x) VALUES (9) RETURNING x"), 9);
    assert_int_equal(sqlite3_last_insert_rowid(db), 3);
    assert_int_equal(
        number(db, "INSERT OR IGNORE INTO f (id, x) VALUES (40, 2), (3, 1) RETURNING id"), 40);
    assert_int_equal(number(db, "SELECT last_insert_rowid()"), 40);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A little of everything; the first code that is not SQLITE_OK. */
static int
work(sqlite3 *db)
{
    static const char *const statements[] = {
        "SELECT * FROM t WHERE a = 'a3' AND b = 3",
        "SELECT n, x FROM t WHERE n = 17",
        "SELECT * FROM t WHERE d BETWEEN '2026-01-10' AND '2026-02-10' ORDER BY d DESC LIMIT 5",
        "SELECT a, count(*) FROM t WHERE b IN (1, 2, 3, 40) OR a LIKE 'a1%' GROUP BY a",
        "SELECT * FROM k WHERE key > 'a'",
        "BEGIN",
        "SELECT max(n) FROM t",
        "INSERT INTO t VALUES ('new', 1, 1000, '2026-01-01', x'00')",
        "SAVEPOINT s",
        "UPDATE t SET n = n + 2000 WHERE b > 190",
        "INSERT OR REPLACE INTO t VALUES ('newer', 2, 1, NULL, NULL)",
        "UPDATE k SET value = 'y' WHERE key = 'one'",
        "ROLLBACK TO s",
        "DELETE FROM t WHERE a = 'a9'",
        "INSERT INTO k VALUES ('three', '3', NULL)",
        "COMMIT",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        int rc = run(db, statements[i]);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    return SQLITE_OK;
}

/* Nothing or all of the transaction of `work` is there. */
static void
check_rows(sqlite3 *db)
{
    if (sqlite3_get_autocommit(db) == 0) {
        must(db, "ROLLBACK");
    }
    int64_t count = number(db, "SELECT count(*) FROM t");
    bool is_done = count == 181;
    assert_true(is_done || count == 200);
    assert_int_equal(number(db, "SELECT count(*) FROM t WHERE n BETWEEN -1 AND 5000"), count);
    assert_int_equal(number(db, "SELECT count(*) FROM k"), is_done ? 3 : 2);
    assert_int_equal(number(db, "SELECT count(*) FROM t WHERE a = 'new'"), is_done ? 1 : 0);
}

static void
test_sqlite_without_memory(void **state)
{
    uint64_t step = 1;
    uint64_t tried = 0;
    assert_int_equal(sqlite3_close(open_with_rows()), SQLITE_OK);
    sqlite3_int64 used = sqlite3_memory_used(); /* of SQLite itself */
    for (uint64_t n = 1;; n += step) {
        sqlite3 *db = open_with_rows();
        calls = 0;
        fail_at = n;
        int rc = work(db);
        fail_at = 0;
        bool is_over = calls < n;
        if (!is_over && rc != SQLITE_OK && (rc & 255) != SQLITE_NOMEM &&
            (rc & 255) != SQLITE_ERROR && (rc & 255) != SQLITE_IOERR &&
            (rc & 255) != SQLITE_ABORT) {
            fail_msg("allocation %u: %d %s", (unsigned)n, rc, sqlite3_errmsg(db));
        }
        check_rows(db);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        if (sqlite3_memory_used() != used) {
            fail_msg("allocation %u: %d, and %d bytes are left", (unsigned)n, rc,
                     (int)(sqlite3_memory_used() - used));
        }
        if (is_over) {
            assert_int_equal(rc, SQLITE_OK);
            break;
        }
        tried++;
        step = 1 + n / 60; /* all of the first, fewer of those in long loops */
    }
    print_message("%u of SQLite's allocations failed\n", (unsigned)tried);
}

static void
test_firn_without_memory(void **state)
{
    uint64_t tried = 0;
    uint64_t step = 1;
    test_alloc_install();
    for (uint64_t n = 1;; n += step) {
        sqlite3 *db = open_with_rows();
        test_alloc_fail_at(n, false);
        int rc = work(db);
        bool is_over = test_alloc_calls() < n;
        test_alloc_fail_at(0, false);
        if (!is_over && rc != SQLITE_OK && (rc & 255) != SQLITE_NOMEM &&
            (rc & 255) != SQLITE_IOERR) {
            fail_msg("allocation %u: %d %s", (unsigned)n, rc, sqlite3_errmsg(db));
        }
        if (rc == SQLITE_OK || (rc & 255) == SQLITE_NOMEM) {
            check_rows(db);
        }
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        if (is_over) {
            assert_int_equal(rc, SQLITE_OK);
            break;
        }
        tried++;
        step = 1 + n / 40;
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    print_message("%u of firn's allocations failed\n", (unsigned)tried);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registering_twice_changes_nothing),
        cmocka_unit_test(test_closing_with_an_open_statement),
        cmocka_unit_test(test_closing_inside_of_a_transaction),
        cmocka_unit_test(
            test_an_open_statement_keeps_its_state_and_the_next_one_sees_what_was_written),
        cmocka_unit_test(test_names_that_differ_only_in_case),
        cmocka_unit_test(test_entries_keep_their_time_to_live),
        cmocka_unit_test(test_numbers_of_rows_are_told_after_the_statement),
        cmocka_unit_test(test_codes_of_failures),
        cmocka_unit_test(test_sqlite_without_memory),
        cmocka_unit_test(test_firn_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up_all, NULL);
}
