/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: scans through the public API: what they refuse, what they promise of states and transactions,
 * what they do not read, and what happens when memory runs out.
 */
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
};

static void
begin(struct rig *rig, const char *definition)
{
    test_table_create(rig->dir, rig->path, definition, &rig->store, &rig->table);
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static const char definition[] = "id i64 primary key, n i32, name text, price decimal(8, 2), f f64";

static void
put(struct rig *rig, firn_txn *txn, int64_t id)
{
    char name[32];
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = txn;
    (void)snprintf(name, sizeof name, "name%" PRId64, id % 10);
    firn_value row[] = {firn_i64(id), id % 7 == 0 ? firn_null() : firn_i64(id % 100),
                        firn_text(name), firn_typed_i64(FIRN_TYPE_DECIMAL, id * 5),
                        firn_f64((double)id / 4)};
    OK(firn_table_upsert(rig->table, &options, row, 5, &err));
}

static void
fill(struct rig *rig, int64_t from, int64_t to)
{
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    for (int64_t id = from; id < to; id++) {
        put(rig, txn, id);
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

/* The only value of a query with one row and one column. */
static firn_value
ask(struct rig *rig, const firn_scan_options *options)
{
    firn_scan *scan;
    const firn_scan_batch *batch;
    OK(firn_scan_open(rig->table, options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    assert_non_null(batch);
    assert_int_equal(firn_scan_batch_rows(batch), 1);
    firn_value value = firn_scan_value(batch, 0, 0);
    OK(firn_scan_next(scan, &batch, &err));
    assert_null(batch);
    firn_scan_close(scan);
    return value;
}

static int64_t
count(struct rig *rig, const char *where, firn_snapshot *snapshot, firn_txn *txn)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = "count(*)";
    options.where = where;
    options.snapshot = snapshot;
    options.txn = txn;
    return ask(rig, &options).as.i64;
}

static void
wrong_queries_are_refused(void **state)
{
    static const struct {
        firn_scan_options options;
        int code;
        const char *says;
    } cases[] = {
        {{.size = sizeof(firn_scan_options), .select = "nothing"}, FIRN_NOT_FOUND, "nothing"},
        {{.size = sizeof(firn_scan_options), .select = "id,"}, FIRN_INVALID, "select"},
        {{.size = sizeof(firn_scan_options), .where = "n +"}, FIRN_INVALID, "where"},
        {{.size = sizeof(firn_scan_options), .where = "n"}, FIRN_INVALID, "where"},
        {{.size = sizeof(firn_scan_options), .where = "count(*) > 1"}, FIRN_INVALID, "where"},
        {{.size = sizeof(firn_scan_options), .where = "n = ?"}, FIRN_INVALID, "question mark"},
        {{.size = sizeof(firn_scan_options), .select = "n, count(*)"}, FIRN_INVALID, "n"},
        {{.size = sizeof(firn_scan_options), .group_by = "sum(n)"}, FIRN_INVALID, "group by"},
        {{.size = sizeof(firn_scan_options), .select = "id", .order_by = "3"},
         FIRN_INVALID,
         "order by"},
        {{.size = sizeof(firn_scan_options), .index = "none"}, FIRN_NOT_FOUND, "none"},
        {{.size = sizeof(firn_scan_options), .order_by = "n", .descending = true},
         FIRN_INVALID,
         "desc"},
        {{.size = sizeof(firn_scan_options), .parameter_count = 1}, FIRN_INVALID, "parameters"},
        {{.size = 1}, FIRN_INVALID, "size"},
    };
    struct rig rig;
    begin(&rig, definition);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_scan *scan = NULL;
        int rc = firn_scan_open(rig.table, &cases[i].options, &scan, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("case %zu: %d: %s", i, rc, err.text);
        }
        assert_null(scan);
    }
    firn_value extra = firn_i64(1);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    options.parameters = &extra;
    options.parameter_count = 1;
    assert_int_equal(firn_scan_open(rig.table, &options, &scan, &err), FIRN_INVALID);
    assert_int_equal(firn_scan_open(NULL, NULL, &scan, &err), FIRN_INVALID);
    assert_int_equal(firn_scan_open(rig.table, NULL, NULL, &err), FIRN_INVALID);
    firn_scan_close(NULL);
    end(&rig);
}

static void
an_empty_table_has_no_rows_and_one_group(void **state)
{
    struct rig rig;
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    begin(&rig, definition);
    OK(firn_scan_open(rig.table, NULL, &scan, &err));
    assert_int_equal(firn_scan_column_count(scan), 5);
    OK(firn_scan_next(scan, &batch, &err));
    assert_null(batch);
    OK(firn_scan_next(scan, &batch, &err));
    assert_null(batch);
    firn_scan_close(scan);
    assert_int_equal(count(&rig, NULL, NULL, NULL), 0);
    options.select = "sum(n)";
    assert_true(firn_is_null(ask(&rig, &options)));
    options.select = "count(*)";
    options.group_by = "n";
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    assert_null(batch);
    firn_scan_close(scan);
    end(&rig);
}

static void
columns_say_what_they_are(void **state)
{
    struct rig rig;
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
    firn_scan_array array = FIRN_SCAN_ARRAY_INIT;
    begin(&rig, definition);
    fill(&rig, 0, 8);
    options.select = "id, price * 2 as twice, null, name, n > 3";
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    assert_int_equal(firn_scan_column_count(scan), 5);
    firn_scan_column_at(scan, 0, &column);
    assert_string_equal(column.name, "id");
    assert_int_equal(column.type, FIRN_TYPE_I64);
    assert_true(column.not_null);
    firn_scan_column_at(scan, 1, &column);
    assert_string_equal(column.name, "twice");
    assert_int_equal(column.type, FIRN_TYPE_DECIMAL);
    assert_int_equal(column.scale, 2);
    assert_false(column.not_null);
    firn_scan_column_at(scan, 4, &column);
    assert_int_equal(column.type, FIRN_TYPE_BOOL);
    firn_scan_column_at(scan, 5, &column);
    assert_null(column.name);
    OK(firn_scan_next(scan, &batch, &err));
    assert_int_equal(firn_scan_batch_rows(batch), 8);
    firn_scan_batch_column(batch, 1, &array);
    assert_int_equal(array.as.i64[3], 30);
    assert_true(firn_is_null(firn_scan_value(batch, 2, 3)));
    assert_true(firn_is_null(firn_scan_value(batch, 4, 7)));
    assert_true(firn_scan_value(batch, 4, 4).as.boolean);
    firn_scan_close(scan);
    end(&rig);
}

static void
a_scan_sees_one_state(void **state)
{
    struct rig rig;
    firn_snapshot *snapshot;
    firn_txn *txn;
    firn_scan *scan;
    const firn_scan_batch *batch;
    uint64_t rows = 0;
    begin(&rig, definition);
    fill(&rig, 0, 3000);
    OK(firn_snapshot_open(rig.store, NULL, &snapshot, &err));
    OK(firn_scan_open(rig.table, NULL, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    rows += firn_scan_batch_rows(batch);
    fill(&rig, 1500, 5000);
    OK(firn_store_flush(rig.store, &err));
    OK(firn_store_compact(rig.store, NULL, &err));
    do {
        OK(firn_scan_next(scan, &batch, &err));
        rows += firn_scan_batch_rows(batch);
    } while (batch != NULL);
    firn_scan_close(scan);
    assert_int_equal(rows, 3000);
    assert_int_equal(count(&rig, NULL, snapshot, NULL), 3000);
    assert_int_equal(count(&rig, NULL, NULL, NULL), 5000);
    OK(firn_txn_begin(rig.store, NULL, &txn, &err));
    assert_int_equal(count(&rig, "n is null", NULL, txn), 715);
    put(&rig, txn, 7007);
    assert_int_equal(count(&rig, "n is null", NULL, txn), 716);
    assert_int_equal(count(&rig, "n is null", NULL, NULL), 715);
    OK(firn_txn_rollback(txn, &err));
    firn_txn_close(txn);
    firn_snapshot_close(snapshot);
    end(&rig);
}

static void
a_serializable_transaction_depends_on_what_it_scanned(void **state)
{
    struct rig rig;
    firn_txn *txn;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    options.isolation = FIRN_ISOLATION_SERIALIZABLE;
    begin(&rig, definition);
    fill(&rig, 0, 100);
    OK(firn_txn_begin(rig.store, &options, &txn, &err));
    assert_int_equal(count(&rig, NULL, NULL, txn), 100);
    put(&rig, NULL, 500); /* by another */
    put(&rig, txn, 501);
    FAILS(firn_txn_commit(txn, NULL, &err), FIRN_CONFLICT,
          "of table 't', which the transaction has");
    firn_txn_close(txn);
    assert_int_equal(count(&rig, NULL, NULL, NULL), 101);
    end(&rig);
}

static void
what_bounds_exclude_is_not_read(void **state)
{
    struct rig rig;
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    begin(&rig, definition);
    fill(&rig, 0, 20000);
    OK(firn_store_flush(rig.store, &err));
    options.where = "price between 50.00 and 51.00";
    options.select = "id";
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    assert_int_equal(firn_scan_batch_rows(batch), 21);
    assert_int_equal(firn_scan_value(batch, 0, 0).as.i64, 1000);
    OK(firn_scan_next(scan, &batch, &err));
    assert_null(batch);
    firn_scan_get_stats(scan, &stats);
    assert_true(stats.rows_read <= 2048);
    assert_int_equal(stats.rows_read + stats.rows_pruned, 20000);
    assert_int_equal(stats.rows_merged, 0);
    assert_int_equal(stats.rows_returned, 21);
    firn_scan_close(scan);
    /* A newer row elsewhere in the column's values: the old version must not come back. */
    firn_value row[] = {firn_i64(1000), firn_null(), firn_null(),
                        firn_typed_i64(FIRN_TYPE_DECIMAL, 1), firn_null()};
    OK(firn_table_upsert(rig.table, NULL, row, 5, &err));
    options.select = "count(*)";
    assert_int_equal(ask(&rig, &options).as.i64, 20);
    OK(firn_store_flush(rig.store, &err));
    assert_int_equal(ask(&rig, &options).as.i64, 20);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(ask(&rig, &options).as.i64, 20);
    end(&rig);
}

static void
sums_that_do_not_fit_are_refused(void **state)
{
    struct rig rig;
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    begin(&rig, "id i64 primary key, big i64");
    firn_value one[] = {firn_i64(1), firn_i64(INT64_MAX)};
    firn_value two[] = {firn_i64(2), firn_i64(1)};
    firn_value three[] = {firn_i64(3), firn_i64(-1)};
    OK(firn_table_insert(rig.table, NULL, one, 2, &err));
    OK(firn_table_insert(rig.table, NULL, two, 2, &err));
    options.select = "sum(big)";
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    assert_int_equal(firn_scan_next(scan, &batch, &err), FIRN_LIMIT);
    assert_null(batch);
    assert_int_equal(firn_scan_next(scan, &batch, &err), FIRN_LIMIT);
    firn_scan_close(scan);
    OK(firn_table_insert(rig.table, NULL, three, 2, &err));
    assert_true(ask(&rig, &options).as.i64 == INT64_MAX);
    options.select = "big + 1";
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    assert_int_equal(firn_scan_next(scan, &batch, &err), FIRN_LIMIT);
    firn_scan_close(scan);
    options.where = "big < 5"; /* the row that does not fit is not computed */
    OK(firn_scan_open(rig.table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    assert_int_equal(firn_scan_batch_rows(batch), 2);
    firn_scan_close(scan);
    end(&rig);
}

static void
the_store_stays_open_while_a_scan_is(void **state)
{
    struct rig rig;
    firn_scan *scan;
    begin(&rig, definition);
    fill(&rig, 0, 10);
    OK(firn_scan_open(rig.table, NULL, &scan, &err));
    assert_int_equal(firn_store_close(rig.store, &err), FIRN_MISUSE);
    firn_scan_close(scan);
    end(&rig);
}

/* ---- damage ---- */

/* The path of the only run of columns of the store. */
static void
find_run(const struct rig *rig, char *out, size_t size)
{
    char dir[TEST_TEMP_SIZE + 16];
    unsigned found = 0;
    (void)snprintf(dir, sizeof dir, "%s/runs", rig->path);
    DIR *entries = opendir(dir);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (strstr(entry->d_name, ".column") != NULL) {
            (void)snprintf(out, size, "%s/%.64s", dir, entry->d_name);
            found++;
        }
    }
    assert_int_equal(closedir(entries), 0);
    assert_int_equal(found, 1);
}

static void
flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    assert_int_equal(fclose(file), 0);
}

/* Counts the values of one column: FIRN_OK and how many, or the failure. */
static int
count_column(struct rig *rig, const char *column, int64_t *out)
{
    char select[32];
    firn_scan *scan;
    const firn_scan_batch *batch;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    (void)snprintf(select, sizeof select, "max(%s), count(%s)", column, column);
    options.select = select;
    int rc = firn_scan_open(rig->table, &options, &scan, &err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_scan_next(scan, &batch, &err);
    *out = rc == FIRN_OK ? firn_scan_value(batch, 1, 0).as.i64 : 0;
    firn_scan_close(scan);
    return rc;
}

static void
a_damaged_chunk_hides_its_column_alone(void **state)
{
    static const char *const columns[] = {"id", "n", "name", "price", "f"};
    static const int64_t counts[] = {5000, 4285, 5000, 5000, 5000};
    struct rig rig;
    char path[TEST_TEMP_SIZE + 96];
    struct stat status;
    unsigned damaged = 0;
    begin(&rig, definition);
    fill(&rig, 0, 5000);
    OK(firn_store_flush(rig.store, &err));
    find_run(&rig, path, sizeof path);
    assert_int_equal(stat(path, &status), 0);
    for (unsigned i = 0; i < 60; i++) {
        long at = (long)(status.st_size * i / 60);
        unsigned failed = 0;
        OK(firn_store_close(rig.store, &err));
        flip(path, at);
        if (firn_store_open(rig.path, NULL, &rig.store, &err) != FIRN_OK) {
            flip(path, at);
            OK(firn_store_open(rig.path, NULL, &rig.store, &err));
            OK(firn_table_open(rig.store, "t", &rig.table, &err));
            continue;
        }
        int rc = firn_table_open(rig.store, "t", &rig.table, &err);
        for (unsigned k = 0; rc == FIRN_OK && k < 5; k++) {
            int64_t count = 0;
            int counted = count_column(&rig, columns[k], &count);
            if (counted == FIRN_OK) {
                assert_int_equal(count, counts[k]);
                continue;
            }
            assert_int_equal(counted, FIRN_CORRUPT);
            assert_non_null(strstr(err.text, ".column"));
            failed++;
        }
        /* A chunk, the index of the run, or what no column needs. */
        assert_true(failed <= 1 || failed == 5);
        damaged += failed == 1;
        OK(firn_store_close(rig.store, &err));
        flip(path, at);
        OK(firn_store_open(rig.path, NULL, &rig.store, &err));
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
    }
    assert_true(damaged > 20);
    end(&rig);
}

/* Runs a few queries; FIRN_OK, or the failure of one. */
static int
run_queries(struct rig *rig)
{
    static const firn_scan_options queries[] = {
        {.size = sizeof(firn_scan_options), .where = "n between 3 and 90 and name like 'name1%'"},
        {.size = sizeof(firn_scan_options),
         .select = "name, count(*), sum(price), avg(f), count(distinct n)",
         .group_by = "name",
         .order_by = "2 desc, name",
         .threads = 2},
        {.size = sizeof(firn_scan_options),
         .select = "id, n * 2 + 1",
         .order_by = "f desc",
         .limit = 5},
        {.size = sizeof(firn_scan_options),
         .select = "id, name || 'x'",
         .order_by = "name, id",
         .memory_bytes = 1},
        {.size = sizeof(firn_scan_options), .descending = true, .limit = 3}};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        firn_scan *scan;
        const firn_scan_batch *batch = NULL;
        int rc = firn_scan_open(rig->table, &queries[i], &scan, &err);
        if (rc != FIRN_OK) {
            return rc;
        }
        do {
            rc = firn_scan_next(scan, &batch, &err);
        } while (rc == FIRN_OK && batch != NULL);
        firn_scan_close(scan);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static void
scans_bear_failed_allocations(void **state)
{
    struct rig rig;
    uint64_t failed = 0;
    test_alloc_install();
    begin(&rig, definition);
    fill(&rig, 0, 1500);
    OK(firn_store_flush(rig.store, &err));
    fill(&rig, 1000, 1700);
    OK(run_queries(&rig)); /* what is kept for the next ones is there */
    struct test_fault fault = {.every = 1, .loop = 1};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = run_queries(&rig);
        test_fault_end(&fault);
        if (!fault.was_hit) {
            assert_int_equal(rc, FIRN_OK);
            break;
        }
        assert_true(rc == FIRN_NO_MEMORY || rc == FIRN_OK);
        failed++;
    }
    OK(run_queries(&rig));
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    print_message("count: %" PRIu64 " allocations of scans that failed\n", failed);
}

static int
stop_later(void *ctx, const firn_progress *progress)
{
    uint64_t *rows = ctx;
    if (progress->files_done == 0) {
        (void)usleep(250000); /* the next call is due at once */
        return FIRN_OK;
    }
    *rows = progress->files_done;
    return FIRN_CANCELLED;
}

/* Whatever it does with rows, and however they are read: also while it finds none. */
static void
a_scan_is_cancelled_while_it_looks_for_rows(void **state)
{
    static const struct {
        const char *select, *group_by, *order_by;
    } cases[] = {{"id", NULL, NULL},
                 {"count(*)", NULL, NULL},
                 {"id", NULL, "name"},
                 {"name, count(*)", "name", NULL}};
    struct rig rig;
    begin(&rig, definition);
    fill(&rig, 0, 30000);
    for (int flushed = 0; flushed < 2; flushed++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            const firn_scan_batch *batch;
            firn_scan *scan;
            uint64_t rows = 0;
            firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
            options.select = cases[i].select;
            options.group_by = cases[i].group_by;
            options.order_by = cases[i].order_by;
            options.where = "id * 2 = 1";
            options.threads = 1;
            options.callbacks.on_progress = stop_later;
            options.callbacks.ctx = &rows;
            OK(firn_scan_open(rig.table, &options, &scan, &err));
            assert_int_equal(firn_scan_next(scan, &batch, &err), FIRN_CANCELLED);
            assert_null(batch);
            assert_true(rows > 0 && rows < 30000);
            firn_scan_close(scan);
        }
        OK(firn_store_flush(rig.store, &err));
    }
    end(&rig);
}

/* The number of rows that a limit leaves, and the sum of their ids. */
static void
take_limited(struct rig *rig, const char *where, uint64_t offset, uint64_t limit, bool descending,
             int64_t out[2])
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    const firn_scan_batch *batch;
    firn_scan *scan;
    options.select = "id, name, id + 1";
    options.where = where;
    options.offset = offset;
    options.limit = limit;
    options.descending = descending;
    out[0] = out[1] = 0;
    OK(firn_scan_open(rig->table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    while (batch != NULL) {
        for (size_t i = 0; i < firn_scan_batch_rows(batch); i++) {
            char name[32];
            const int64_t id = firn_scan_value(batch, 0, i).as.i64;
            const firn_slice text = firn_scan_value(batch, 1, i).as.bytes;
            const int size = snprintf(name, sizeof name, "name%" PRId64, id % 10);
            assert_int_equal(text.size, size);
            assert_memory_equal(text.data, name, text.size);
            assert_int_equal(firn_scan_value(batch, 2, i).as.i64, id + 1);
            out[0]++;
            out[1] += id;
        }
        OK(firn_scan_next(scan, &batch, &err));
    }
    firn_scan_close(scan);
}

static void
a_limit_leaves_the_first_rows(void **state)
{
    static const uint64_t numbers[] = {1, 2, 10, 127, 129, 1023, 1024, 1025, 3000, 9000};
    enum { ROWS = 5000, NUMBERS = sizeof numbers / sizeof numbers[0] };
    struct rig rig;
    begin(&rig, definition);
    fill(&rig, 0, ROWS);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < (size_t)NUMBERS * (NUMBERS + 1) * 4; i++) {
            const uint64_t limit = numbers[i % NUMBERS];
            const size_t skip = i / NUMBERS % (NUMBERS + 1);
            const uint64_t offset = skip == 0 ? 0 : numbers[skip - 1];
            const bool is_part = (i / NUMBERS / (NUMBERS + 1)) % 2 == 1;
            const bool descending = i / NUMBERS / (NUMBERS + 1) / 2 == 1;
            const uint64_t all = is_part ? ROWS / 10 : ROWS;
            int64_t expected[2] = {0, 0};
            int64_t found[2];
            for (uint64_t k = offset; k < all && k - offset < limit; k++) {
                expected[0]++;
                expected[1] += (int64_t)((descending ? all - 1 - k : k) * (is_part ? 10 : 1));
            }
            take_limited(&rig, is_part ? "name = 'name0'" : NULL, offset, limit, descending, found);
            assert_int_equal(found[0], expected[0]);
            assert_int_equal(found[1], expected[1]);
        }
        OK(firn_store_flush(rig.store, &err));
    }
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_queries_are_refused),
        cmocka_unit_test(an_empty_table_has_no_rows_and_one_group),
        cmocka_unit_test(columns_say_what_they_are),
        cmocka_unit_test(a_scan_sees_one_state),
        cmocka_unit_test(a_serializable_transaction_depends_on_what_it_scanned),
        cmocka_unit_test(what_bounds_exclude_is_not_read),
        cmocka_unit_test(sums_that_do_not_fit_are_refused),
        cmocka_unit_test(the_store_stays_open_while_a_scan_is),
        cmocka_unit_test(a_scan_is_cancelled_while_it_looks_for_rows),
        cmocka_unit_test(a_limit_leaves_the_first_rows),
        cmocka_unit_test(a_damaged_chunk_hides_its_column_alone),
        cmocka_unit_test(scans_bear_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
