/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: every comparison of columns of every type with values of every type gives what SQLite gives for a table of its own
 * with the same rows, as a constant, as a parameter and as a value of another table, in every order; and transactions do as
 * SQLite's do.
 */
#include <sqlite3.h>

#include "sql/sql.h"
#include "support/test.h"
#include "support/test_random.h"

enum { ROWS = 260, TEXT_MAX = 600, RESULT_MAX = 1 << 18 };

static sqlite3 *db;

static void
must(const char *text)
{
    char *problem = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &problem) != SQLITE_OK) {
        fail_msg("%s: %s", text, problem);
    }
}

/* The rows of a statement as text. */
static void
read_rows(const char *text, const char *parameter, char *out)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_stmt *constant = NULL;
    size_t size = 0;
    int rc;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    if (parameter != NULL) {
        char select[TEXT_MAX];
        (void)snprintf(select, sizeof select, "SELECT %s", parameter);
        assert_int_equal(sqlite3_prepare_v2(db, select, -1, &constant, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(constant), SQLITE_ROW);
        for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
            assert_int_equal(sqlite3_bind_value(stmt, i, sqlite3_column_value(constant, 0)),
                             SQLITE_OK);
        }
    }
    out[0] = '\0';
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            int type = sqlite3_column_type(stmt, i);
            const char *value = (const char *)sqlite3_column_text(stmt, i);
            size += (size_t)snprintf(out + size, RESULT_MAX - size, "%d:%s|", type,
                                     value != NULL ? value : "");
            assert_true(size < RESULT_MAX);
        }
    }
    if (rc != SQLITE_DONE) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(constant);
    (void)sqlite3_finalize(stmt);
}

static char found[RESULT_MAX];
static char wanted[RESULT_MAX];

static size_t
common_size(const char *a, const char *b)
{
    size_t at = 0;
    while (a[at] != '\0' && a[at] == b[at]) {
        at++;
    }
    return at;
}

/* A statement with "%s" for the table gives the same rows for both. */
static void
compare(const char *format, const char *parameter)
{
    char text[TEXT_MAX];
    (void)sqlite3_snprintf(sizeof text, text, format, "plain", "plain");
    read_rows(text, parameter, wanted);
    (void)sqlite3_snprintf(sizeof text, text, format, "t", "t");
    read_rows(text, parameter, found);
    if (strcmp(found, wanted) != 0) {
        size_t at = common_size(found, wanted);
        at -= at < 40 ? at : 40;
        fail_msg("%s (parameter %s)\nfirn:   %.300s\nSQLite: %.300s", text,
                 parameter != NULL ? parameter : "none", found + at, wanted + at);
    }
}

/* ---- the tables ---- */

static const char *const columns[] = {"id", "n",    "big", "d",    "whole", "day",
                                      "at", "name", "b",   "flag", "x"};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void
insert_row(struct test_random *random, int id)
{
    static const char *const names[] = {"''",    "'a'", "'A'", "'ab'", "'aB'",
                                        "'abc'", "'b'", "'5'", "'05'", "'\xc3\xa4'"};
    char row[TEXT_MAX];
    char text[TEXT_MAX + 40];
    int number = (int)test_random_below(random, 40) - 20;
    if (test_random_below(random, 10) == 0) {
        (void)snprintf(row, sizeof row,
                       "%d, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL", id);
    } else {
        (void)snprintf(
            row, sizeof row,
            "%d, %d, %d, %d.%02d, %d, '2026-%02d-%02d', '2026-01-%02d 10:00:00%s', %s, x'%02x', "
            "%d, %d.5",
            id, number, number * 100, number, (int)test_random_below(random, 100), number,
            1 + (int)test_random_below(random, 12), 1 + (int)test_random_below(random, 28),
            1 + (int)test_random_below(random, 28), test_random_below(random, 2) == 0 ? "" : ".25",
            names[test_random_below(random, 10)], (unsigned)test_random_below(random, 256),
            (int)test_random_below(random, 2), number);
    }
    (void)snprintf(text, sizeof text, "INSERT INTO t VALUES (%s)", row);
    must(text);
    (void)snprintf(text, sizeof text, "INSERT INTO plain VALUES (%s)", row);
    must(text);
}

static const char *const operands[] = {"0",
                                       "5",
                                       "-3",
                                       "7.0",
                                       "2.5",
                                       "-0.01",
                                       "3.07",
                                       "1000",
                                       "-1000",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "1e18",
                                       "1e300",
                                       "-1e300",
                                       "'5'",
                                       "'05'",
                                       "'-3'",
                                       "' 7'",
                                       "'5x'",
                                       "''",
                                       "'a'",
                                       "'AB'",
                                       "x''",
                                       "x'41'",
                                       "x'ff'",
                                       "NULL",
                                       "'2026-06-15'",
                                       "'2026-06'",
                                       "'2026'",
                                       "'2026-06-15 00:00:00'",
                                       "'2026-01-15 10:00:00.25'",
                                       "'2026-01-15 10:00:00'",
                                       "'9999'"};
enum { OPERANDS = sizeof operands / sizeof operands[0] };

static void
make_outer_tables(void)
{
    char text[TEXT_MAX];
    must("CREATE TABLE o (v, w)");
    must("CREATE TABLE words (v TEXT, w INT)");
    for (int repeat = 0; repeat < 3; repeat++) {
        for (size_t i = 0; i < OPERANDS; i++) {
            (void)snprintf(text, sizeof text, "INSERT INTO o VALUES (%s, %d)", operands[i],
                           (int)i - 16);
            must(text);
        }
    }
    must("INSERT INTO words SELECT name, n FROM plain WHERE id % 3 <> 0");
    /* A number a row, and each value of every column. */
    for (size_t c = 0; c < COLUMNS; c++) {
        (void)snprintf(text, sizeof text,
                       "INSERT INTO o SELECT DISTINCT %s, id %% 40 - 20 FROM plain WHERE id < 60",
                       columns[c]);
        must(text);
    }
}

static int
set_up(void **state)
{
    struct test_random random;
    test_random_init(&random, "sql_reads", 20);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    must("SELECT firn_attach(':memory:')");
    must(
        "SELECT firn_create('CREATE TABLE t (id INTEGER PRIMARY KEY, n TINYINT, big BIGINT, d "
        "DECIMAL(6,2), whole DECIMAL(9,0),"
        " day DATE, at TIMESTAMP, name TEXT, b BLOB, flag BOOLEAN, x REAL, INDEX by_n (n), INDEX "
        "by_d (d), INDEX by_day (day),"
        " INDEX by_name (name, n), INDEX by_at (at), INDEX by_b (b), INDEX by_flag (flag, day))')");
    must("CREATE TABLE plain (id INTEGER PRIMARY KEY, n INT, big INT, d REAL, whole INT, day TEXT, "
         "at TEXT, name TEXT, b BLOB, flag BOOLEAN,"
         " x REAL)");
    must("BEGIN");
    for (int i = 1; i <= ROWS; i++) {
        insert_row(&random, i);
    }
    must("COMMIT");
    make_outer_tables();
    return 0;
}

static int
tear_down(void **state)
{
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return 0;
}

/* ---- reading ---- */

static void
test_comparisons(void **state)
{
    static const char *const signs[] = {"=", "<", "<=", ">", ">=", "<>", "IS", "IS NOT"};
    char format[TEXT_MAX];
    for (size_t c = 0; c < COLUMNS; c++) {
        for (size_t o = 0; o < OPERANDS; o++) {
            for (size_t s = 0; s < sizeof signs / sizeof signs[0]; s++) {
                (void)snprintf(format, sizeof format,
                               "SELECT id FROM %%s WHERE %s %s ? ORDER BY id", columns[c],
                               signs[s]);
                compare(format, operands[o]);
                (void)snprintf(format, sizeof format,
                               "SELECT id FROM %%s WHERE %s %s %s ORDER BY id LIMIT 5 OFFSET 3",
                               columns[c], signs[s], operands[o]);
                compare(format, NULL);
            }
            (void)snprintf(format, sizeof format,
                           "SELECT id FROM %%s WHERE %s IN (%s, 5, 'a', ?) ORDER BY id", columns[c],
                           operands[o]);
            compare(format, operands[(o + 7) % OPERANDS]);
            (void)snprintf(format, sizeof format,
                           "SELECT id FROM %%s WHERE %s BETWEEN %s AND ? ORDER BY id DESC",
                           columns[c], operands[o]);
            compare(format, operands[(o + 3) % OPERANDS]);
        }
        (void)snprintf(format, sizeof format, "SELECT id FROM %%s WHERE %s IS NULL ORDER BY id",
                       columns[c]);
        compare(format, NULL);
        (void)snprintf(format, sizeof format, "SELECT id FROM %%s WHERE %s IS NOT NULL ORDER BY id",
                       columns[c]);
        compare(format, NULL);
    }
}

static void
test_patterns(void **state)
{
    static const char *const patterns[] = {"a%", "A%", "a_",    "%b", "",  "ab", "\xc3\xa4%",
                                           "a*", "A*", "[ab]*", "?b", "5", NULL};
    for (size_t i = 0; patterns[i] != NULL; i++) {
        char quoted[40];
        (void)snprintf(quoted, sizeof quoted, "'%s'", patterns[i]);
        compare("SELECT id, name FROM %s WHERE name LIKE ? ORDER BY id", quoted);
        compare("SELECT id, name FROM %s WHERE name GLOB ? ORDER BY id", quoted);
        compare("SELECT id, name FROM %s WHERE n LIKE ? ORDER BY id", quoted);
    }
}

static void
test_orders(void **state)
{
    char format[TEXT_MAX];
    for (size_t c = 0; c < COLUMNS; c++) {
        for (int direction = 0; direction < 2; direction++) {
            const char *word = direction == 0 ? "" : "DESC";
            /* A limit makes indexes worth their while. */
            (void)snprintf(format, sizeof format,
                           "SELECT id, %s FROM %%s ORDER BY %s %s, id %s LIMIT 5", columns[c],
                           columns[c], word, word);
            compare(format, NULL);
            (void)snprintf(format, sizeof format,
                           "SELECT id, %s FROM %%s ORDER BY %s %s, id %s LIMIT 4", columns[c],
                           columns[c], word, direction == 0 ? "DESC" : "");
            compare(format, NULL);
            for (size_t o = 0; o < OPERANDS; o++) {
                (void)snprintf(format, sizeof format,
                               "SELECT id, %s FROM %%s WHERE %s < ? ORDER BY %s %s, id %s LIMIT 3",
                               columns[c], columns[c], columns[c], word, word);
                compare(format, operands[o]);
                (void)snprintf(format, sizeof format,
                               "SELECT id, %s FROM %%s WHERE %s >= ? ORDER BY %s %s, id %s LIMIT 3",
                               columns[c], columns[c], columns[c], word, word);
                compare(format, operands[o]);
            }
            (void)snprintf(format, sizeof format, "SELECT * FROM %%s ORDER BY %s %s, id %s",
                           columns[c], word, word);
            compare(format, NULL);
            (void)snprintf(format, sizeof format,
                           "SELECT id, %s FROM %%s WHERE flag = 1 ORDER BY %s %s, id LIMIT 30",
                           columns[c], columns[c], word);
            compare(format, NULL);
        }
        (void)snprintf(format, sizeof format,
                       "SELECT %s, count(*), min(id) FROM %%s GROUP BY %s ORDER BY 1", columns[c],
                       columns[c]);
        compare(format, NULL);
        (void)snprintf(format, sizeof format,
                       "SELECT min(%s), max(%s), count(%s), count(DISTINCT %s) FROM %%s",
                       columns[c], columns[c], columns[c], columns[c]);
        compare(format, NULL);
    }
    compare("SELECT n, id FROM %s WHERE name = 'a' ORDER BY n, id", NULL);
    compare("SELECT n, id FROM %s WHERE name = ? ORDER BY n DESC, id DESC", "'a'");
    compare("SELECT n, id FROM %s WHERE name = ? ORDER BY n DESC, id DESC", "5");
}

/* ---- transactions ---- */

static void
both(const char *format)
{
    char text[TEXT_MAX];
    (void)sqlite3_snprintf(sizeof text, text, format, "plain", "plain");
    must(text);
    (void)sqlite3_snprintf(sizeof text, text, format, "t", "t");
    must(text);
    compare("SELECT * FROM %s ORDER BY id", NULL);
}

static void
test_savepoints(void **state)
{
    must("SELECT firn_create('CREATE KEYSPACE k')");
    must("BEGIN");
    must("SAVEPOINT early");
    both("UPDATE %s SET n = 1 WHERE id < 50");
    must("INSERT INTO k VALUES ('one', '1', NULL)");
    must("SAVEPOINT a");
    both("DELETE FROM %s WHERE id < 100");
    must("INSERT INTO k VALUES ('two', '2', NULL)");
    must("SAVEPOINT b");
    must("DELETE FROM k");
    both("UPDATE %s SET name = 'new', id = id + 1000 WHERE id > 200");
    must("ROLLBACK TO b");
    compare("SELECT * FROM %s ORDER BY id", NULL);
    read_rows("SELECT key FROM k", NULL, found);
    assert_string_equal(found, "3:one|3:two|");
    both("UPDATE %s SET n = 3 WHERE n = 4");
    must("RELEASE b");
    must("SAVEPOINT b");
    both("DELETE FROM %s WHERE id < 150");
    must("ROLLBACK TO a");
    compare("SELECT * FROM %s ORDER BY id", NULL);
    read_rows("SELECT key FROM k", NULL, found);
    assert_string_equal(found, "3:one|");
    both("INSERT INTO %s (id, n) VALUES (5000, 5), (5001, 6)");
    must("SAVEPOINT c");
    both("DELETE FROM %s");
    must("ROLLBACK TO early");
    compare("SELECT * FROM %s ORDER BY id", NULL);
    must("SAVEPOINT a");
    both("DELETE FROM %s WHERE id = 7");
    must("ROLLBACK TO a");
    both("DELETE FROM %s WHERE id = 8");
    must("COMMIT");
    compare("SELECT * FROM %s ORDER BY id", NULL);
    must("BEGIN");
    both("DELETE FROM %s WHERE id > 20");
    must("ROLLBACK");
    compare("SELECT * FROM %s ORDER BY id", NULL);
}

/* What came before a savepoint that could not be set stays. */
static void
test_more_savepoints_than_there_may_be(void **state)
{
    must("BEGIN");
    both("DELETE FROM %s WHERE id = 9");
    for (int i = 0; i < 1000; i++) {
        must("SAVEPOINT s");
    }
    assert_int_not_equal(sqlite3_exec(db, "SAVEPOINT s", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(
        sqlite3_exec(db, "INSERT INTO t (id, n) VALUES (9000, 1), (9001, 2)", NULL, NULL, NULL),
        SQLITE_OK);
    compare("SELECT * FROM %s ORDER BY id", NULL);
    must("RELEASE s");
    both("INSERT INTO %s (id, n) VALUES (9000, 1), (9001, 2)");
    must("COMMIT");
    compare("SELECT * FROM %s ORDER BY id", NULL);
}

static void
test_a_failed_statement_changes_nothing(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO %s (id, n) VALUES (7000, 1), (1, 2)",
        "UPDATE %s SET id = id + 1 WHERE id IN (10, 20)",
    };
    must("BEGIN");
    for (size_t i = 0; i < 2; i++) {
        char text[TEXT_MAX];
        (void)sqlite3_snprintf(sizeof text, text, statements[i], "t");
        assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_CONSTRAINT);
        assert_string_equal(sqlite3_errmsg(db), "UNIQUE constraint failed: t.id");
        compare("SELECT * FROM %s ORDER BY id", NULL);
    }
    both("INSERT OR IGNORE INTO %s (id, n) VALUES (1, 100), (7001, 100)");
    both("INSERT OR REPLACE INTO %s (id, n) VALUES (1, 101), (7002, 101)");
    must("COMMIT");
    compare("SELECT * FROM %s ORDER BY id", NULL);
}

/* ---- joins, whose inner tables are looked up in memory after a few rows ---- */

static void
test_joins_by_each_column(void **state)
{
    static const char *const rests[] = {"",
                                        " AND b.n > 3",
                                        " AND b.n = o.w",
                                        " AND b.n < o.w",
                                        " AND b.d <= o.w AND b.name <> 'a'",
                                        " AND b.name IN ('a', 'b', 'abc')",
                                        " AND b.day IS NOT NULL",
                                        " AND b.name LIKE 'A%%'"};
    char format[TEXT_MAX];
    for (size_t c = 0; c < COLUMNS; c++) {
        for (size_t r = 0; r < sizeof rests / sizeof rests[0]; r++) {
            (void)snprintf(format, sizeof format,
                           "SELECT o.rowid, count(*), sum(b.id), min(b.d), max(b.name), min(b.x) "
                           "FROM o CROSS "
                           "JOIN %%s b WHERE b.%s = o.v%s GROUP BY o.rowid ORDER BY o.rowid",
                           columns[c], rests[r]);
            compare(format, NULL);
        }
        (void)snprintf(
            format, sizeof format,
            "SELECT words.rowid, b.id, b.at FROM words LEFT JOIN %%s b ON b.%s = words.v "
            "AND b.flag = 1 WHERE words.rowid < 60 ORDER BY 1, 2",
            columns[c]);
        compare(format, NULL);
    }
}

static void
test_joins_of_several_columns(void **state)
{
    static const char *const formats[] = {
        "SELECT o.rowid, b.id FROM o CROSS JOIN %s b WHERE b.name = o.v AND b.n = o.w ORDER BY 1, "
        "2",
        "SELECT count(*), sum(a.id * b.id) FROM %s a CROSS JOIN %s b ON a.name = b.name AND a.n = "
        "b.n",
        "SELECT count(*), sum(a.id * b.id) FROM %s a CROSS JOIN %s b ON a.flag = b.flag AND a.day "
        "= "
        "b.day AND b.id > 20",
        "SELECT a.id, (SELECT count(*) FROM %s b WHERE b.n = a.n AND b.day < a.day), (SELECT "
        "b.name "
        "FROM %s b WHERE b.d = a.d ORDER BY b.id LIMIT 1) FROM plain a ORDER BY a.id",
        "SELECT a.id, (SELECT b.id FROM %s b WHERE b.whole = a.whole ORDER BY b.id LIMIT 1) FROM "
        "plain a "
        "ORDER BY a.id",
        "SELECT a.id FROM plain a WHERE EXISTS (SELECT 1 FROM %s b WHERE b.b = a.b AND b.id <> "
        "a.id) "
        "ORDER BY 1",
        "SELECT count(*), sum(b.id), sum(c.id) FROM o CROSS JOIN %s b CROSS JOIN %s c WHERE b.n = "
        "3 "
        "AND c.name = 'a' AND c.flag = b.flag",
        "SELECT o.rowid, b.id FROM o CROSS JOIN %s b WHERE b.n > o.w AND b.name = 'ab' ORDER BY 1, "
        "2",
        "SELECT o.rowid, b.id FROM o CROSS JOIN %s b WHERE b.id = o.w ORDER BY 1",
        "SELECT o.rowid, b.id FROM o CROSS JOIN %s b WHERE b.flag = (o.w > 0) AND b.day > "
        "'2026-06-01' ORDER BY o.rowid, b.flag, b.day DESC, b.id DESC LIMIT 300",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        compare(formats[i], NULL);
    }
    /* In a transaction, which sees what it wrote. */
    must("BEGIN");
    both("UPDATE %s SET n = n + 1 WHERE id %% 4 = 0 AND n < 50");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        compare(formats[i], NULL);
    }
    must("ROLLBACK");
}

static void
test_offsets(void **state)
{
    static const char *const formats[] = {
        "SELECT * FROM %s LIMIT 10 OFFSET 100",
        "SELECT * FROM %s ORDER BY id DESC LIMIT 10 OFFSET 100",
        "SELECT name, d FROM %s LIMIT 3 OFFSET 255",
        "SELECT id FROM %s LIMIT 3 OFFSET 200",
        "SELECT name FROM %s LIMIT 5 OFFSET 1000",
        "SELECT id, name FROM %s WHERE n < big LIMIT 5 OFFSET 20",
        "SELECT id, name FROM %s WHERE n < big LIMIT 5 OFFSET 70",
        "SELECT id, name FROM %s WHERE n < big LIMIT 5 OFFSET 1000",
        "SELECT id, name FROM %s LIMIT 3 OFFSET 259",
        "SELECT id, name FROM %s LIMIT 3 OFFSET 260",
        "SELECT id, name FROM %s WHERE n > 3 LIMIT 5 OFFSET 20",
        "SELECT count(*), max(name) FROM (SELECT * FROM %s LIMIT 30 OFFSET 40)",
        "SELECT a.id, (SELECT b.name FROM %s b WHERE b.flag = a.flag ORDER BY b.id LIMIT 1 OFFSET "
        "3) FROM %s a "
        "ORDER "
        "BY 1 LIMIT 90 OFFSET 5",
        "SELECT * FROM %s LIMIT ? OFFSET ?",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        compare(formats[i], strchr(formats[i], '?') != NULL ? "7" : NULL);
    }
}

/* A parameter is no constant: a statement that runs again has another one. */
static void
test_joins_with_parameters(void **state)
{
    static const char *const parameters[] = {"3", "-7", "'a'", "NULL", "2.5"};
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        compare(
            "SELECT o.rowid, b.id FROM o CROSS JOIN %s b WHERE b.name = o.v AND b.n > ? ORDER BY "
            "1, 2",
            parameters[i]);
        compare("SELECT count(*), sum(b.id) FROM o CROSS JOIN %s b WHERE b.d < ?", parameters[i]);
    }
}

/* A join that has read its inner table reads it sooner the next time; one that then looks up few rows makes it forget that. Rows that
 * changed in between are seen. */
static void
test_joins_that_run_again(void **state)
{
    static const char *const limits[] = {"700", "3", "700", "60", "60", "1", "700", "20000"};
    static const char *const by[] = {"b.id", "b.k", "b.k + 0"};
    char format[TEXT_MAX];
    must("SELECT firn_create('CREATE TABLE big_t (id INTEGER PRIMARY KEY, k INT, s TEXT, INDEX "
         "by_k (k))');"
         "CREATE TABLE big_plain (id INTEGER PRIMARY KEY, k INT, s TEXT);"
         "CREATE INDEX by_k ON big_plain (k);"
         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
         "INSERT INTO big_plain SELECT i, i * 7 % 5000, 'text ' || i FROM n;"
         "INSERT INTO big_t SELECT * FROM big_plain");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (size_t k = 0; k < (i % 2 == 0 ? 2 : 3); k++) {
            (void)snprintf(format, sizeof format,
                           "SELECT count(*), sum(b.id), max(b.s) FROM (SELECT id FROM big_%%s "
                           "WHERE id <= ?) a "
                           "CROSS JOIN big_%%s b WHERE %s = a.id",
                           by[k]);
            compare(format, k == 2 ? "1" : limits[i]);
        }
        must("UPDATE big_t SET s = s || '!' WHERE id % 50 = 1;"
             "UPDATE big_plain SET s = s || '!' WHERE id % 50 = 1");
    }
    must("SELECT firn_drop('big_t'); DROP TABLE big_plain");
}

/* Keys that ascend are looked up along with one scan. They repeat, are missing, have rows in several batches, come from other
 * types, and at last descend. */
static void
test_joins_in_the_order_of_the_key(void **state)
{
    static const char *const keys[] = {
        "SELECT i AS v, i %% 5 AS w FROM numbers WHERE i < 3000",
        "SELECT i / 3 AS v, i %% 5 AS w FROM numbers WHERE i < 3000",
        "SELECT i * 7 AS v, i AS w FROM numbers WHERE i < 900",
        "SELECT v, i AS w FROM mixed",
        "SELECT max(i, 40) - 40 AS v, i AS w FROM numbers WHERE i < 60",
        "SELECT i %% 800 AS v, i AS w FROM numbers WHERE i < 2000",
        "SELECT i - 2000 AS v, i AS w FROM numbers",
        "SELECT 5000 + i / 2 AS v, i AS w FROM numbers WHERE i < 40",
        "SELECT iif(i < 30, i, 500 + i / 20) AS v, i AS w FROM numbers WHERE i < 200"};
    static const char *const rests[] = {
        "CROSS JOIN line_%s l WHERE l.a = k.v",
        "CROSS JOIN line_%s l WHERE l.a = k.v AND l.s LIKE '%%7' AND l.b < k.w",
        "LEFT JOIN line_%s l ON l.a = k.v AND l.b = 1",
        "LEFT JOIN line_%s l ON l.a = k.v AND l.s IS NULL",
        "CROSS JOIN line_%s l CROSS JOIN line_%s m WHERE l.a = k.v AND l.b = 1 AND m.a = l.a",
        "CROSS JOIN single_%s l WHERE l.a = k.v"};
    char select[TEXT_MAX];
    must("SELECT firn_create('CREATE TABLE line_t (a INT, b INT, s TEXT, PRIMARY KEY (a, b))');"
         "SELECT firn_create('CREATE TABLE single_t (a INTEGER PRIMARY KEY, b INT, s TEXT)');"
         "CREATE TABLE line_plain (a INT, b INT, s TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
         "CREATE TABLE single_plain (a INTEGER PRIMARY KEY, b INT, s TEXT);"
         "CREATE TABLE numbers (i INTEGER PRIMARY KEY);"
         "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
         "INSERT INTO numbers SELECT i FROM n;"
         "CREATE TABLE mixed (i INTEGER PRIMARY KEY, v);"
         "INSERT INTO mixed SELECT i, CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN i + 0.5 WHEN 2 THEN "
         "'x' WHEN 3 THEN i + 0.0 WHEN 4 THEN CAST(i AS TEXT) ELSE i END FROM numbers WHERE i < "
         "1500;"
         "INSERT INTO line_plain SELECT n.i, 1 + j.i, 'text ' || (n.i * 3 + j.i) FROM numbers n, "
         "(SELECT i FROM numbers WHERE i < 6) j WHERE n.i % 10 <> 3 AND j.i <= n.i % 6;"
         "INSERT INTO line_plain SELECT 502, 100 + i, 'many ' || i FROM numbers WHERE i < 2500;"
         "INSERT INTO line_t SELECT * FROM line_plain;"
         "INSERT INTO single_plain SELECT i, i * 3, 'text ' || i FROM numbers WHERE i % 4 <> 2;"
         "INSERT INTO single_t SELECT * FROM single_plain");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (size_t k = 0; k < sizeof rests / sizeof rests[0]; k++) {
            (void)snprintf(select, sizeof select,
                           "SELECT k.w, count(*), sum(l.b), min(l.s), max(l.a) FROM (%s LIMIT "
                           "100000) k %s GROUP BY k.v, k.w ORDER BY k.v, k.w LIMIT 700",
                           keys[i], rests[k]);
            compare(select, NULL);
        }
    }
    must("SELECT firn_drop('line_t'), firn_drop('single_t');"
         "DROP TABLE line_plain; DROP TABLE single_plain; DROP TABLE numbers; DROP TABLE mixed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_joins_by_each_column),
        cmocka_unit_test(test_joins_of_several_columns),
        cmocka_unit_test(test_joins_with_parameters),
        cmocka_unit_test(test_joins_that_run_again),
        cmocka_unit_test(test_joins_in_the_order_of_the_key),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_savepoints),
        cmocka_unit_test(test_more_savepoints_than_there_may_be),
        cmocka_unit_test(test_a_failed_statement_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
