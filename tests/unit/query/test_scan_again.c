/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: scans that ask for the same columns again: the plan of the one before, which the table keeps, is only used where
 * a new one would be the same.
 */
#include <pthread.h>

#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"
#include "support/test_table.h"
#include "support/test_threads.h"

enum { ROWS = 3000, THREADS = 4, ROUNDS = 60 };

static firn_error err;

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TABLE_PATH_SIZE];
    firn_store *store;
    firn_table *table;
};

/* Rows (i, 2 i, "t<i>") for i below ROWS. */
static void
begin(struct rig *rig)
{
    test_table_create(rig->dir, rig->path, "id i64 primary key, n i64 not null, t text",
                      &rig->store, &rig->table);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t i = 0; i < ROWS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "t%d", (int)i);
        const firn_value row[] = {firn_i64(i), firn_i64(2 * i), firn_text(text)};
        OK(firn_table_insert(rig->table, &options, row, 3, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static firn_scan *
open_scan(const struct rig *rig, const char *select, firn_snapshot *snapshot, bool is_descending)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    options.select = select;
    options.snapshot = snapshot;
    options.descending = is_descending;
    options.threads = 1;
    OK(firn_scan_open(rig->table, &options, &scan, &err));
    return scan;
}

/* Reads to the end: the sum of a column of whole numbers, and its first value. */
static int64_t
read_sum(firn_scan *scan, size_t column, int64_t *out_first)
{
    const firn_scan_batch *batch = NULL;
    int64_t sum = 0;
    bool is_first = true;
    OK(firn_scan_next(scan, &batch, &err));
    while (batch != NULL) {
        firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
        firn_scan_batch_column(batch, column, &array);
        if (is_first) {
            *out_first = array.as.i64[0];
            is_first = false;
        }
        for (size_t i = 0; i < firn_scan_batch_rows(batch); i++) {
            sum += array.as.i64[i];
        }
        OK(firn_scan_next(scan, &batch, &err));
    }
    firn_scan_close(scan);
    return sum;
}

static const int64_t all_ids = (int64_t)ROWS * (ROWS - 1) / 2;

static void
test_the_same_columns_in_other_orders(void **state)
{
    struct rig rig;
    int64_t first = -1;
    begin(&rig);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(read_sum(open_scan(&rig, "id, n", NULL, false), 1, &first), 2 * all_ids);
        assert_int_equal(first, 0);
        assert_int_equal(read_sum(open_scan(&rig, "n, id", NULL, false), 1, &first), all_ids);
        assert_int_equal(read_sum(open_scan(&rig, "n, id", NULL, true), 0, &first), 2 * all_ids);
        assert_int_equal(first, 2 * (ROWS - 1)); /* from the end */
        assert_int_equal(read_sum(open_scan(&rig, "n, id", NULL, false), 0, &first), 2 * all_ids);
        assert_int_equal(first, 0);
    }
    /* Two at once, and what no scan may take from another: groups, conditions, parameters. */
    firn_scan *one = open_scan(&rig, "id, n", NULL, false);
    firn_scan *two = open_scan(&rig, "id, n", NULL, true);
    assert_int_equal(read_sum(one, 0, &first), all_ids);
    assert_int_equal(first, 0);
    assert_int_equal(read_sum(two, 0, &first), all_ids);
    assert_int_equal(first, ROWS - 1);
    assert_int_equal(read_sum(open_scan(&rig, "sum(id)", NULL, false), 0, &first), all_ids);
    assert_int_equal(read_sum(open_scan(&rig, "sum(id)", NULL, false), 0, &first), all_ids);
    for (int64_t i = 1; i < 4; i++) {
        const firn_value parameter = firn_i64(i);
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        firn_scan *scan;
        options.select = "id + ?";
        options.parameters = &parameter;
        options.parameter_count = 1;
        OK(firn_scan_open(rig.table, &options, &scan, &err));
        assert_int_equal(read_sum(scan, 0, &first), all_ids + i * ROWS);
        options.select = "id, n";
        options.where = "id < ?";
        OK(firn_scan_open(rig.table, &options, &scan, &err));
        assert_int_equal(read_sum(scan, 0, &first), i * (i - 1) / 2);
    }
    end(&rig);
}

static void
test_a_table_that_changes(void **state)
{
    struct rig rig;
    int64_t first;
    firn_snapshot *before;
    firn_scan *scan;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    begin(&rig);
    OK(firn_snapshot_open(rig.store, NULL, &before, &err));
    assert_int_equal(read_sum(open_scan(&rig, "id, n", NULL, false), 1, &first), 2 * all_ids);
    OK(firn_table_rename_column(rig.table, "n", "m", &err));
    options.select = "id, n";
    FAILS(firn_scan_open(rig.table, &options, &scan, &err), FIRN_NOT_FOUND, "n");
    assert_int_equal(read_sum(open_scan(&rig, "id, n", before, false), 1, &first), 2 * all_ids);
    FAILS(firn_scan_open(rig.table, &options, &scan, &err), FIRN_NOT_FOUND, "n");
    /* The name again, of another column and type. */
    firn_table_def *def;
    OK(firn_table_def_parse("id i64 primary key, n decimal(6, 2) not null default 1.25", &def,
                            &err));
    OK(firn_table_add_column(rig.table, &def->columns[1], &err));
    firn_release(def);
    for (int round = 0; round < 2; round++) {
        scan = open_scan(&rig, "id, n", NULL, false);
        firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
        firn_scan_column_at(scan, 1, &column);
        assert_int_equal(column.type, FIRN_TYPE_DECIMAL);
        assert_int_equal(read_sum(scan, 1, &first), 125 * ROWS);
        scan = open_scan(&rig, "id, n", before, false);
        firn_scan_column_at(scan, 1, &column);
        assert_int_equal(column.type, FIRN_TYPE_I64);
        assert_int_equal(read_sum(scan, 1, &first), 2 * all_ids);
    }
    firn_snapshot_close(before);
    end(&rig);
}

static void
test_no_memory(void **state)
{
    struct rig rig;
    int64_t first;
    begin(&rig);
    uint64_t failed = 0;
    (void)read_sum(open_scan(&rig, "n, id", NULL, false), 0, &first);
    (void)read_sum(open_scan(&rig, "id, n", NULL, false), 0, &first);
    const int64_t alive = test_alloc_alive();
    for (uint64_t n = 1;; n++) {
        int rc = FIRN_OK;
        test_alloc_fail_at(n, false);
        /* "id, n" is kept of the round before in every second round. */
        for (int i = 0; i < 2 && rc == FIRN_OK; i++) {
            firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
            firn_scan *scan;
            const firn_scan_batch *batch = NULL;
            options.select = n % 2 == 0 ? "id, n" : i == 0 ? "n, id" : "id, n";
            options.threads = 1;
            rc = firn_scan_open(rig.table, &options, &scan, &err);
            if (rc == FIRN_OK) {
                rc = firn_scan_next(scan, &batch, &err);
                firn_scan_close(scan);
            }
        }
        const bool is_over = test_alloc_calls() < n;
        test_alloc_fail_at(0, false);
        if (is_over && n % 2 == 1) { /* which allocates more */
            break;
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        failed += rc != FIRN_OK;
    }
    assert_true(failed > 10);
    assert_int_equal(read_sum(open_scan(&rig, "id, n", NULL, false), 0, &first), all_ids);
    assert_int_equal(test_alloc_alive(), alive); /* one plan, as before */
    end(&rig);
}

/* ---- threads ---- */

static void *
scan_again(void *argument)
{
    const struct rig *rig = argument;
    for (int i = 0; i < ROUNDS; i++) {
        static const char *const selects[] = {"id, t", "id", "id, t"};
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        firn_error wrong;
        firn_scan *scan;
        const firn_scan_batch *batch = NULL;
        options.select = selects[i % 3];
        options.descending = i % 2 == 1;
        options.threads = 1;
        firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
        if (firn_scan_open(rig->table, &options, &scan, &wrong) != FIRN_OK ||
            firn_scan_next(scan, &batch, &wrong) != FIRN_OK) {
            return "a scan failed";
        }
        firn_scan_batch_column(batch, 0, &array);
        const bool is_right = array.as.i64[0] == (i % 2 == 1 ? ROWS - 1 : 0);
        firn_scan_close(scan);
        if (!is_right) {
            return "a scan began at another row";
        }
    }
    return NULL;
}

static void
test_threads_scan_a_table_that_changes(void **state)
{
    struct rig rig;
    pthread_t threads[THREADS];
    begin(&rig);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scan_again, &rig), 0);
    }
    for (int i = 0; i < 4; i++) {
        OK(firn_table_rename_column(rig.table, i % 2 == 0 ? "n" : "m", i % 2 == 0 ? "m" : "n",
                                    &err));
    }
    for (int i = 0; i < THREADS; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_columns_in_other_orders),
        cmocka_unit_test(test_a_table_that_changes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads_scan_a_table_that_changes),
    };
    test_threads_only();
    test_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
