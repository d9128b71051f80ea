/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: scans of rows in files give what SQLite gives for a table of its own with the same rows: texts that come again and
 * again, some of which outlive their batch, and limits that are not enough.
 */
#include <sqlite3.h>

#include "firn/firn.h"
#include "sql/sql.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_table.h"

enum { ROWS = 5000, TEXT_MAX = 600, FEW = 5, NAME_SIZE = 80 };

static sqlite3 *db;
static char dir[TEST_TEMP_SIZE];
static char path[TEST_TABLE_PATH_SIZE];

static void
must(const char *text)
{
    char *problem = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &problem) != SQLITE_OK) {
        fail_msg("%s: %s", text, problem);
    }
}

/* few: five texts, one of which is long; some: 200; many: each another one, and after row 3000 two. */
static void
fill(firn_table *table)
{
    static const char *const few[FEW] = {"", "red", "gr\xc3\xbcn", "red2", NULL};
    firn_error err;
    for (int64_t id = 1; id <= ROWS; id++) {
        char name[3][NAME_SIZE];
        const char *text = few[id * 7 % FEW];
        (void)snprintf(name[0], NAME_SIZE, "%070d", (int)(id % FEW));
        (void)snprintf(name[1], NAME_SIZE, "some %d", (int)(id * 13 % 200));
        (void)snprintf(name[2], NAME_SIZE, "many %d", (int)(id < 3000 ? id : id % 2));
        firn_value row[] = {firn_i64(id), text != NULL ? firn_text(text) : firn_text(name[0]),
                            id % 11 == 0 ? firn_null() : firn_text(name[1]), firn_text(name[2]),
                            firn_i64(id % 17)};
        OK(firn_table_upsert(table, NULL, row, 5, &err));
    }
}

static int
setup(void **state)
{
    char text[TEXT_MAX];
    firn_error err;
    firn_store *store;
    firn_table *table;
    test_table_create(dir, path, "id i64 primary key, few text, some text, many text, n i64",
                      &store, &table);
    fill(table);
    OK(firn_store_flush(store, &err));
    OK(firn_store_close(store, &err));
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s')", path);
    must(text);
    must("CREATE TABLE plain AS SELECT * FROM t");
    return 0;
}

static int
teardown(void **state)
{
    firn_error err;
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    OK(firn_store_destroy(path, &err));
    return rmdir(dir);
}

static sqlite3_stmt *
prepare(const char *format, const char *table)
{
    char text[TEXT_MAX];
    sqlite3_stmt *stmt = NULL;
    (void)sqlite3_snprintf(sizeof text, text, format, table, table);
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    return stmt;
}

static void
same_value(const char *format, sqlite3_stmt *mine, sqlite3_stmt *theirs, int i)
{
    const int type = sqlite3_column_type(theirs, i);
    const char *x = (const char *)sqlite3_column_text(mine, i);
    const char *y = (const char *)sqlite3_column_text(theirs, i);
    if (sqlite3_column_type(mine, i) != type ||
        sqlite3_column_bytes(mine, i) != sqlite3_column_bytes(theirs, i) ||
        (type != SQLITE_NULL && strcmp(x, y) != 0)) {
        fail_msg("%s: column %d is '%s', not '%s'", format, i, x != NULL ? x : "null",
                 y != NULL ? y : "null");
    }
}

/* A statement with "%s" for the table gives the same rows for both; twice. */
static void
compare(const char *format)
{
    sqlite3_stmt *mine = prepare(format, "t");
    sqlite3_stmt *theirs = prepare(format, "plain");
    for (int round = 0; round < 2; round++) {
        int rc = SQLITE_ROW;
        while (rc == SQLITE_ROW) {
            rc = sqlite3_step(theirs);
            if (sqlite3_step(mine) != rc) {
                fail_msg("%s: %s", format, sqlite3_errmsg(db));
            }
            for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(theirs); i++) {
                same_value(format, mine, theirs, i);
            }
        }
        assert_int_equal(rc, SQLITE_DONE);
        assert_int_equal(sqlite3_reset(mine), SQLITE_OK);
        assert_int_equal(sqlite3_reset(theirs), SQLITE_OK);
    }
    (void)sqlite3_finalize(mine);
    (void)sqlite3_finalize(theirs);
}

static void
texts_outlive_their_batch(void **state)
{
    static const char *const formats[] = {
        "SELECT * FROM %s",
        "SELECT few, some, many FROM %s WHERE n < 9",
        "SELECT min(few), max(few), min(some), max(some), min(many), max(many) FROM %s",
        "SELECT few, count(*), min(some), max(many) FROM %s GROUP BY few",
        "SELECT id, few, lag(few) OVER (ORDER BY id), first_value(some) OVER (ORDER BY id) FROM %s",
        "SELECT group_concat(few, some) FROM %s",
        "SELECT few || some, coalesce(some, few), iif(n > 8, few, many) FROM %s",
        "SELECT DISTINCT few, some FROM %s ORDER BY 1, 2",
        "SELECT a.few, b.some FROM %s a JOIN %s b ON b.id = a.n WHERE a.some > 'some 15'",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        compare(formats[i]);
    }
}

/* One statement reads while others learn texts, and the table is read from the end. */
static void
statements_share_texts(void **state)
{
    sqlite3_stmt *first = prepare("SELECT few, some FROM %s", "t");
    sqlite3_stmt *second = prepare("SELECT few, some FROM %s ORDER BY id", "plain");
    for (int row = 0; row < ROWS; row++) {
        assert_int_equal(sqlite3_step(first), SQLITE_ROW);
        assert_int_equal(sqlite3_step(second), SQLITE_ROW);
        if (row % 1000 == 500) {
            compare("SELECT some, few FROM %s ORDER BY id DESC LIMIT 2000");
        }
        same_value("shared", first, second, 0);
        same_value("shared", first, second, 1);
    }
    (void)sqlite3_finalize(first);
    (void)sqlite3_finalize(second);
}

static void
limits_that_are_not_enough(void **state)
{
    static const char *const formats[] = {
        "SELECT * FROM %s LIMIT 1",
        "SELECT * FROM %s LIMIT 10",
        "SELECT * FROM %s LIMIT 511",
        "SELECT * FROM %s LIMIT 512",
        "SELECT * FROM %s LIMIT 9000",
        "SELECT * FROM %s ORDER BY id DESC LIMIT 20",
        "SELECT * FROM %s WHERE n %% 5 = 1 LIMIT 20",
        "SELECT * FROM %s WHERE n = id LIMIT 17",
        "SELECT * FROM %s WHERE n = id ORDER BY id DESC LIMIT 17",
        "SELECT * FROM %s WHERE length(some) = 6 AND abs(n) = 3 LIMIT 50",
        "SELECT * FROM (SELECT * FROM %s LIMIT 40) WHERE n = 3",
        "SELECT id FROM %s UNION ALL SELECT id + 1 FROM %s LIMIT 10 OFFSET 4995",
        "SELECT id FROM %s UNION ALL SELECT -id FROM %s LIMIT 300",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        compare(formats[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_outlive_their_batch),
        cmocka_unit_test(statements_share_texts),
        cmocka_unit_test(limits_that_are_not_enough),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
