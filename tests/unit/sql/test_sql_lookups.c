/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: what a statement reads and keeps that looks a table up again and again: rows in memory take no more bytes than their
 * numbers need, and lookups in the store read no columns that SQLite does not ask for.
 */
#include <sqlite3.h>

#include "firn/firn.h"
#include "sql/sql.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_table.h"

/* The notes are larger than the cache. */
enum { ROWS = 12000, PARTS = 3, NOTE_SIZE = 700, KEYS = 300, MEMORY_BYTES = 4 << 20 };

static sqlite3 *db;
static firn_store *store;
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

static int64_t
number_of(const char *text)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    const int64_t number = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return number;
}

static void
fill(firn_table *table)
{
    struct test_random random = {1};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_error err;
    options.durability = FIRN_DURABILITY_OS;
    for (int64_t i = 0; i < ROWS; i++) {
        char note[NOTE_SIZE];
        for (size_t k = 0; k < sizeof note; k++) {
            note[k] = (char)(33 + test_random_below(&random, 90));
        }
        const firn_slice text = firn_bytes(note, sizeof note);
        firn_value row[] = {firn_i64(1000000 + i / PARTS),
                            firn_i64(i % PARTS),
                            firn_i64(i % 100),
                            firn_i64(-7),
                            firn_i64(i % 3 - 1),
                            {.type = FIRN_TYPE_TEXT, .as = {.bytes = text}}};
        OK(firn_table_upsert(table, &options, row, sizeof row / sizeof row[0], &err));
    }
}

static int
setup(void **state)
{
    char text[TEST_TABLE_PATH_SIZE + 40];
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_error err;
    firn_table *table;
    test_table_create(dir, path,
                      "k i64, part i64, a i64, b i64, c i64, note text, primary key (k, part)",
                      &store, &table);
    fill(table);
    OK(firn_store_flush(store, &err));
    OK(firn_store_compact(store, NULL, &err));
    OK(firn_store_close(store, &err));
    options.memory_bytes = MEMORY_BYTES;
    OK(firn_store_open(path, &options, &store, &err));
    assert_int_equal(fi_sql_store_lend(store, path, false), SQLITE_OK);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s')", path);
    must(text);
    /* In no order. */
    must("SELECT firn_create('CREATE TABLE keys (n INTEGER PRIMARY KEY, k BIGINT)')");
    must(
        "INSERT INTO keys WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "299) SELECT i, 1000000 + i * 1741 % 4000 FROM n");
    return 0;
}

static int
teardown(void **state)
{
    firn_error err;
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    OK(fi_sql_store_undo(store));
    OK(firn_store_close(store, &err));
    OK(firn_store_destroy(path, &err));
    return rmdir(dir);
}

static uint64_t
misses(void)
{
    firn_store_statistics stats = {.size = sizeof stats};
    firn_error err;
    OK(firn_store_stats(store, &stats, &err));
    return stats.cache_misses;
}

/* Looks up with no memory for rows; the limit is taken away afterwards. */
static int64_t
number_without_memory(const char *text, uint64_t *out_misses)
{
    (void)sqlite3_hard_heap_limit64(sqlite3_memory_used() + (160 << 10));
    *out_misses = misses();
    const int64_t number = number_of(text);
    *out_misses = misses() - *out_misses;
    (void)sqlite3_hard_heap_limit64(0);
    return number;
}

static void
numbers_in_memory_take_the_bytes_that_they_need(void **state)
{
    (void)sqlite3_memory_highwater(1);
    const int64_t before = sqlite3_memory_used();
    /* Keys descend, so that no scan goes along. */
    assert_int_equal(number_of("SELECT sum(t.a + t.b + t.c + t.part) FROM (SELECT k FROM keys "
                               "ORDER BY k DESC) AS x CROSS JOIN t WHERE t.k = x.k"),
                     number_of("SELECT sum(a + b + c + part) FROM t WHERE k IN (SELECT k FROM "
                               "keys)"));
    const int64_t taken = sqlite3_memory_highwater(0) - before;
    /* k, part, a, b and c of a row: twenty bits; eight bytes for finding it; and what is open meanwhile. As words: 40 bytes. */
    if (taken > ROWS * 11 + (200 << 10)) {
        fail_msg("%lld bytes for %d rows", (long long)taken, ROWS);
    }
}

static void
lookups_leave_columns_alone_that_are_not_asked_for(void **state)
{
    uint64_t missed;
    assert_int_equal(
        number_without_memory("SELECT count(*) FROM keys WHERE EXISTS (SELECT * FROM t "
                              "WHERE t.k = keys.k AND t.a <> keys.n)",
                              &missed),
        KEYS);
    if (missed > KEYS / 2) {
        fail_msg("%llu blocks were read for %d lookups", (unsigned long long)missed, KEYS);
    }
}

static void
a_column_that_is_asked_for_late_is_read(void **state)
{
    uint64_t missed;
    assert_int_equal(
        number_without_memory("SELECT sum(n) FROM keys WHERE EXISTS (SELECT * FROM t WHERE t.k = "
                              "keys.k AND keys.n > 200 AND length(t.note) = 700 AND t.b = -7)",
                              &missed),
        number_of("SELECT sum(n) FROM keys WHERE n > 200"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_leave_columns_alone_that_are_not_asked_for),
        cmocka_unit_test(a_column_that_is_asked_for_late_is_read),
        cmocka_unit_test(numbers_in_memory_take_the_bytes_that_they_need),
    };
    return cmocka_run_group_tests_name("sql lookups", tests, setup, teardown);
}
