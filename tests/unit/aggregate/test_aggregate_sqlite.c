/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups and orders against SQLite's own, over the same random rows: keys of whole numbers and
 * texts, and what both systems define alike.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "sim/sim_memory.h"
#include "support/test_os.h"

enum { COLUMNS = 4, BATCHES = 12, CALLS = 7 };

static const struct fixture_column columns[COLUMNS] = {
    {.type = FIRN_TYPE_I64, .variety = 900, .nulls = 20},
    {.type = FIRN_TYPE_BLOB, .variety = 6, .nulls = 5},
    {.type = FIRN_TYPE_I64, .variety = 3000, .factor = 1000003, .nulls = 4},
    {.type = FIRN_TYPE_BLOB, .variety = 60, .nulls = 4},
};

static void
sqlite_ok(sqlite3 *db, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
        print_error("%s\n", sqlite3_errmsg(db));
        fail();
    }
}

static void
bind(sqlite3_stmt *statement, int at, const struct fi_chunk_values *values, size_t row)
{
    if (values->valid != NULL && !fixture_bit(values->valid, row)) {
        assert_int_equal(sqlite3_bind_null(statement, at), SQLITE_OK);
    } else if (values->kind == FI_PHYSICAL_BYTES) {
        firn_slice bytes = values->as.bytes[row];
        assert_int_equal(sqlite3_bind_blob(statement, at,
                                           bytes.size == 0 ? (const void *)"" : bytes.data,
                                           (int)bytes.size, SQLITE_TRANSIENT),
                         SQLITE_OK);
    } else {
        assert_int_equal(sqlite3_bind_int64(statement, at, values->as.i64[row]), SQLITE_OK);
    }
}

static void
expect(sqlite3_stmt *statement, int at, const struct fi_chunk_values *values, size_t row)
{
    bool is_null = values->valid != NULL && !fixture_bit(values->valid, row);
    assert_true((sqlite3_column_type(statement, at) == SQLITE_NULL) == is_null);
    if (is_null) {
        return;
    }
    if (values->kind == FI_PHYSICAL_BYTES) {
        firn_slice bytes = values->as.bytes[row];
        assert_int_equal(sqlite3_column_bytes(statement, at), bytes.size);
        if (bytes.size > 0) {
            assert_memory_equal(sqlite3_column_blob(statement, at), bytes.data, bytes.size);
        }
    } else if (values->kind == FI_PHYSICAL_F64) {
        double other = sqlite3_column_double(statement, at);
        double distance = other - values->as.f64[row];
        double size = other < 0 ? -other : other;
        assert_true((distance < 0 ? -distance : distance) <= 1e-12 * size);
    } else {
        assert_int_equal(sqlite3_column_int64(statement, at), values->as.i64[row]);
    }
}

static struct fixture_values batches[BATCHES][COLUMNS];

static sqlite3 *
fill(void)
{
    struct test_random random;
    sqlite3 *db;
    sqlite3_stmt *insert;
    test_random_init(&random, "SQLite", 8);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite_ok(db, sqlite3_exec(db, "create table t(a, b, c, d); begin", NULL, NULL, NULL));
    sqlite_ok(db, sqlite3_prepare_v2(db, "insert into t values(?, ?, ?, ?)", -1, &insert, NULL));
    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            fixture_fill(&columns[i], &random, BATCH, &batches[b][i]);
        }
        for (size_t row = 0; row < BATCH; row++) {
            for (size_t i = 0; i < COLUMNS; i++) {
                bind(insert, (int)i + 1, &batches[b][i].values, row);
            }
            assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
            sqlite_ok(db, sqlite3_reset(insert));
        }
    }
    sqlite_ok(db, sqlite3_finalize(insert));
    sqlite_ok(db, sqlite3_exec(db, "commit", NULL, NULL, NULL));
    return db;
}

/* Groups that spill, in the order that sorting, which spills too, gives them. */
static void
test_groups_in_order_are_those_of_sqlite(void **state)
{
    struct fi_os *os;
    struct fixture_files files;
    firn_error err;
    const struct fi_aggregate_column types[COLUMNS + CALLS] = {
        {FIRN_TYPE_I64, 0}, {FIRN_TYPE_BLOB, 0}, {FIRN_TYPE_I64, 0}, {FIRN_TYPE_BLOB, 0}};
    const struct fi_aggregate_call calls[CALLS] = {
        {.function = FI_AGGREGATE_COUNT_ROWS},
        {.function = FI_AGGREGATE_COUNT, .argument = types[2]},
        {.function = FI_AGGREGATE_SUM, .argument = types[2]},
        {.function = FI_AGGREGATE_AVG, .argument = types[2]},
        {.function = FI_AGGREGATE_MIN, .argument = types[3]},
        {.function = FI_AGGREGATE_MAX, .argument = types[2]},
        {.function = FI_AGGREGATE_COUNT_DISTINCT, .argument = types[3]},
    };
    static const size_t arguments_of[CALLS] = {2, 2, 2, 2, 3, 2, 3};
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    sqlite3 *db = fill();
    fixture_files_init(&files, dir);
    struct fi_aggregate_spec spec = {
        .keys = types, .key_count = 2, .calls = calls, .call_count = CALLS, .spill = &files.spill};
    struct fi_aggregate *aggregate;
    struct fi_chunk_values out[2 + CALLS];
    size_t count;
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    for (size_t b = 0; b < BATCHES; b++) {
        struct fi_chunk_values keys[] = {batches[b][0].values, batches[b][1].values};
        struct fi_chunk_values arguments[CALLS];
        for (size_t c = 0; c < CALLS; c++) {
            arguments[c] = batches[b][arguments_of[c]].values;
        }
        TEST_OK(fi_aggregate_add(aggregate, keys, arguments, BATCH, NULL, &err), &err);
    }
    struct fi_aggregate_column result_types[2 + CALLS] = {types[0], types[1]};
    for (size_t c = 0; c < CALLS; c++) {
        result_types[2 + c].type = fi_aggregate_result_type(&calls[c]);
    }
    const struct fi_rowsort_key keys[] = {{2, true}, {1, false}, {0, true}};
    struct fi_rowsort_spec rows = {.columns = result_types,
                                   .column_count = 2 + CALLS,
                                   .keys = keys,
                                   .key_count = 3,
                                   .spill = &files.spill};
    struct fi_rowsort *sort;
    TEST_OK(fi_rowsort_create(&rows, &sort, &err), &err);
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    do {
        TEST_OK(fi_aggregate_next(aggregate, out, out + 2, &count, &err), &err);
        TEST_OK(fi_rowsort_add(sort, out, count, NULL, FI_ROWSORT_ARRIVAL, &err), &err);
    } while (count > 0);
    assert_true(fi_aggregate_spilled_bytes(aggregate) > 0);
    fi_aggregate_destroy(aggregate);
    TEST_OK(fi_rowsort_finish(sort, &err), &err);
    assert_true(fi_rowsort_spilled_bytes(sort) > 0);

    sqlite3_stmt *select;
    sqlite_ok(
        db, sqlite3_prepare_v2(db,
                               "select a, b, count(*), count(c), sum(c), avg(c), min(d), max(c), "
                               "count(distinct d) from t group by a, b order by 3 desc, 2, 1 desc",
                               -1, &select, NULL));
    do {
        TEST_OK(fi_rowsort_next(sort, out, &count, &err), &err);
        for (size_t row = 0; row < count; row++) {
            assert_int_equal(sqlite3_step(select), SQLITE_ROW);
            for (int i = 0; i < 2 + CALLS; i++) {
                expect(select, i, &out[i], row);
            }
        }
    } while (count > 0);
    assert_int_equal(sqlite3_step(select), SQLITE_DONE);
    sqlite_ok(db, sqlite3_finalize(select));
    fi_rowsort_destroy(sort);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    fixture_end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_in_order_are_those_of_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
