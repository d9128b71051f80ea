/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: functions act only in a statement of the program itself, and schemas open only what it has named. tests/sql/effects.py attacks
 * each function and module; this has one case for each of the rules (E1) to (E3) of sql_effect.c.
 */
#include <unistd.h>

#include <sqlite3.h>

#include "firn/firn.h"
#include "sql/sql.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

static sqlite3 *db;
static char dir[TEST_TEMP_SIZE];
enum { PATH_SIZE = TEST_TEMP_SIZE + 16 };

static char path[PATH_SIZE];
static char file[PATH_SIZE];

static int
run(const char *text)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static void
must(const char *text)
{
    if (run(text) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
}

static void
refused(const char *text, const char *why)
{
    assert_int_equal(run(text), SQLITE_PERM);
    assert_non_null(strstr(sqlite3_errmsg(db), why));
}

static int
count(const char *text)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int number = sqlite3_column_int(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return number;
}

static int
checkpoints(void)
{
    return count("SELECT count(*) FROM firn_checkpoints()");
}

static void
connect(void)
{
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
}

static void
attach(const char *options)
{
    char text[PATH_SIZE + 80];
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s'%s)", path, options);
    must(text);
}

static int
setup(void **state)
{
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/app.firn", dir);
    (void)snprintf(file, sizeof file, "%s/foreign.db", dir);
    connect();
    attach(", 'create'");
    must("SELECT firn_create('CREATE TABLE t (id INTEGER PRIMARY KEY)')");
    return 0;
}

static int
teardown(void **state)
{
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    firn_error err;
    OK(firn_store_destroy(path, &err));
    (void)remove(file);
    return rmdir(dir);
}

static void
return_one(sqlite3_context *ctx, int number, sqlite3_value **values)
{
    (void)number;
    (void)values;
    sqlite3_result_int(ctx, 1);
}

/* A file whose maker had a function firn_checkpoint of its own; attached as f. */
static void
attach_foreign(const char *script)
{
    sqlite3 *maker = NULL;
    char text[PATH_SIZE + 80];
    (void)remove(file);
    assert_int_equal(sqlite3_open(file, &maker), SQLITE_OK);
    assert_int_equal(sqlite3_create_function(maker, "firn_checkpoint", 1,
                                             SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, return_one,
                                             NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(maker, script, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(maker), SQLITE_OK);
    (void)snprintf(text, sizeof text, "ATTACH '%s' AS f", file);
    must(text);
}

static void
test_a_check_of_a_file_calls_nothing(void **state)
{
    attach_foreign("CREATE TABLE notes(a, CHECK(firn_checkpoint('x') IS NOT NULL))");
    assert_int_not_equal(run("INSERT INTO f.notes VALUES (1)"), SQLITE_OK);
    (void)run("PRAGMA f.quick_check");
    assert_int_equal(checkpoints(), 0);
    must("DETACH f");
}

static void
test_only_a_select_without_tables_acts(void **state)
{
    static const char why[] = "acts only in a statement of its own";
    must("CREATE TABLE mine(a); INSERT INTO mine VALUES ('x')");
    refused("INSERT INTO mine SELECT firn_checkpoint('x')", why);
    refused("SELECT firn_checkpoint(a) FROM mine", why);
    refused("SELECT 1 WHERE firn_checkpoint('x') IN mine", why);
    refused("VALUES (firn_checkpoint('x'))", why);
    assert_int_equal(checkpoints(), 0);
    must("/* FROM */ SELECT firn_checkpoint(substr('x from in', 1, 1)) AS \"in\" -- from");
    assert_int_equal(checkpoints(), 1);
}

static void
test_a_statement_inside_of_another_does_not_act(void **state)
{
    refused("SELECT * FROM firn_query('SELECT firn_checkpoint(''x'')')", "");
    assert_int_equal(checkpoints(), 0);
}

static void
test_a_statement_between_two_rows_does_not_matter(void **state)
{
    sqlite3_stmt *reading = NULL;
    must("CREATE TABLE rows(a); INSERT INTO rows VALUES (1), (2)");
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT a FROM rows", -1, &reading, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(reading), SQLITE_ROW);
    must("SELECT firn_checkpoint('between')");
    assert_int_equal(sqlite3_step(reading), SQLITE_ROW);
    assert_int_equal(sqlite3_finalize(reading), SQLITE_OK);
    assert_int_equal(checkpoints(), 1);
}

static void
test_an_open_blob_refuses(void **state)
{
    sqlite3_blob *blob = NULL;
    static const char why[] = "inside of another statement";
    must("CREATE TABLE blobs(b); INSERT INTO blobs VALUES (x'00ff')");
    assert_int_equal(sqlite3_blob_open(db, "main", "blobs", "b", 1, 0, &blob), SQLITE_OK);
    refused("SELECT firn_checkpoint('blob')", why);
    assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
    assert_int_equal(checkpoints(), 0);
}

static void
test_a_schema_opens_what_the_program_has_named(void **state)
{
    char text[2 * PATH_SIZE + 200];
    (void)snprintf(text, sizeof text, "CREATE VIRTUAL TABLE f.evil USING firn('%s', 't')", path);
    attach_foreign("CREATE TABLE notes(a)");
    must(text);
    must("SELECT * FROM f.evil");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    connect();
    (void)snprintf(text, sizeof text, "ATTACH '%s' AS f", file);
    must(text);
    refused("SELECT * FROM f.evil", "has not attached");
    attach(", 'read-only'");
    refused("SELECT * FROM f.evil", "wants to write");
    must("SELECT firn_detach('app')");
    attach("");
    must("SELECT * FROM f.evil");
}

/* What another process does, which writes. */
static void
define(const char *statement)
{
    char text[PATH_SIZE + 80];
    sqlite3 *reader = db;
    connect();
    attach("");
    (void)snprintf(text, sizeof text, "SELECT firn_create('%s')", statement);
    must(text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db = reader;
}

static void
test_a_reader_notices_what_a_writer_defines(void **state)
{
    define("CREATE TABLE u (id INTEGER PRIMARY KEY, a TEXT)");
    must("SELECT firn_detach('app')");
    attach(", 'read-only'");
    must("SELECT * FROM u");
    define("ALTER TABLE u DROP COLUMN a");
    define("ALTER TABLE u ADD COLUMN b TEXT");
    assert_int_equal(run("SELECT * FROM u"), SQLITE_ERROR); /* a is gone */
    must("SELECT b FROM u");
    define("CREATE TABLE v (id INTEGER PRIMARY KEY)");
    attach(", 'read-only'");
    must("SELECT id FROM v");
}

static int
count_steps(void *ctx)
{
    ++*(int *)ctx;
    return 0;
}

static void
test_attaching_again_does_not_read_the_schema_for_each_table(void **state)
{
    enum { TABLES = 150, STEPS = 10 };
    int tens = 0;
    for (int i = 0; i < TABLES; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "SELECT firn_create('CREATE TABLE t%d (id INTEGER)')", i);
        must(text);
    }
    sqlite3_progress_handler(db, STEPS, count_steps, &tens);
    attach("");
    sqlite3_progress_handler(db, 0, NULL, NULL);
    assert_true(tens * STEPS < TABLES * TABLES);
    must("SELECT id FROM t149");
    must("DROP TABLE t7");
    must("ALTER TABLE t8 RENAME TO other");
    attach("");
    must("SELECT id FROM t7");
    must("SELECT id FROM other");
    assert_int_equal(run("SELECT id FROM t8"), SQLITE_ERROR);
}

static void
test_a_confined_connection(void **state)
{
    char text[2 * PATH_SIZE + 200];
    assert_int_equal(fi_sql_confine(db, path), SQLITE_OK);
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s/other.firn', 'create')", dir);
    refused(text, "opens nothing but its own store");
    refused("SELECT * FROM firn_log('.')", "opens nothing but its own store");
    assert_int_equal(run("SELECT fts3_tokenizer('x', x'4141414141414141')"), SQLITE_ERROR);
    assert_int_equal(count("PRAGMA trusted_schema"), 0);
    assert_int_equal(count("PRAGMA cell_size_check"), 1);
    must("SELECT firn_detach('app')");
    attach("");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_check_of_a_file_calls_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_a_select_without_tables_acts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_statement_inside_of_another_does_not_act, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_statement_between_two_rows_does_not_matter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_open_blob_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_schema_opens_what_the_program_has_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_notices_what_a_writer_defines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_attaching_again_does_not_read_the_schema_for_each_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_confined_connection, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
