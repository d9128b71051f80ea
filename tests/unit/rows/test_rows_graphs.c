/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: graphs are built over the runs of a table, and attached: with power cut at each call to the system, each call
 * failing, and allocations failing. What is left is a whole store, with the graph or without, whose searches find the
 * nearest rows; then it can be built. So are runs that are joined to have one graph. And calls that fail while a graph is
 * searched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/xxh3.h"
#include "compaction/compaction.h"
#include "inspect/inspect.h"
#include "rows_show.h"
#include "schema/schema.h"
#include "search/search_run.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { ROWS = 4200, DIMENSIONS = 3, PARTS = 3, K = 10, SEARCHES = 3 };

/* Every 16th row gets another vector. */
static int
change_rows(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    int rc = FIRN_OK;
    for (int64_t i = 0; i < ROWS && rc == FIRN_OK; i += 16) {
        const float numbers[DIMENSIONS] = {(float)i, 0.5F, 1};
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(ctx, txn, FIRN_ROWS_UPSERT, values, 2, err);
    }
    return rc;
}

static int
put_rows(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    struct test_random random = {7};
    int rc = FIRN_OK;
    for (int64_t i = 0; i < ROWS && rc == FIRN_OK; i++) {
        float numbers[DIMENSIONS];
        for (size_t j = 0; j < DIMENSIONS; j++) {
            numbers[j] = (float)test_random_below(&random, 1000);
        }
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(ctx, txn, FIRN_ROWS_INSERT, values, 2, err);
    }
    return rc;
}

/* A store with a run of so many rows. */
static void
make_store(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_table *table;
    db_support_init(support, 3);
    DB_OK(firn_db_open(support->dir, &db_support_create, &db, &err));
    DB_OK(rows_make(db, "t", "id i64, v vector(3), primary key (id)", &table, &err));
    const struct firn_db_txn_run run = {.attempts_max = 3, .work = put_rows, .ctx = table};
    DB_OK(firn_db_txn_run(db, &run, &err));
    DB_OK(firn_db_maintain_compact(db, NULL, &err));
    DB_OK(firn_db_close(db, &err));
}

/* Adds the index and builds its graph; returns the first error. */
static int
index_and_build(struct firn_os_dir *dir, firn_error *err)
{
    static const struct firn_schema_vector_index model = {
        .name = {(const uint8_t *)"near", 4}, .metric = 1, .m = 4, .ef_construction = 8};
    struct firn_db *db = NULL;
    struct firn_table *table;
    int rc;
    FIRN_TRY(firn_db_open(dir, &db_support_existing, &db, err));
    FIRN_TRY(firn_rows_open(db, "t", &table, err));
    rc = firn_rows_index_add_vectors(table, &model, firn_str("v"), err);
    rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
    FIRN_TRY(rc);
    FIRN_TRY(firn_db_maintain_compact(db, NULL, err));
out:
    if (db != NULL) {
        int close_rc = firn_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

static int
count_graph(void *ctx, const struct firn_os_dirent *entry)
{
    *(size_t *)ctx += strstr(entry->name, ".graph") != NULL;
    return FIRN_OK;
}

static size_t
count_graphs(struct firn_os_dir *dir)
{
    firn_error err;
    struct firn_os_dir *runs;
    size_t count = 0;
    DB_OK(firn_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(firn_os_dir_list(runs, count_graph, &count, &err));
    firn_os_dir_close(runs);
    return count;
}

/* A store with a run that has a graph, and changes that are not in it. */
static void
make_store_with_graph(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_table *table;
    make_store(support);
    DB_OK(index_and_build(support->dir, &err));
    DB_OK(firn_db_open(support->dir, &db_support_existing, &db, &err));
    DB_OK(firn_rows_open(db, "t", &table, &err));
    const struct firn_db_txn_run run = {.attempts_max = 3, .work = change_rows, .ctx = table};
    DB_OK(firn_db_txn_run(db, &run, &err));
    DB_OK(firn_db_close(db, &err));
}

struct rows_to_put {
    struct firn_table *table;
    int64_t first;
    int64_t end;
};

static int
put_some(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    const struct rows_to_put *what = ctx;
    int rc = FIRN_OK;
    for (int64_t i = what->first; i < what->end && rc == FIRN_OK; i++) {
        const float numbers[DIMENSIONS] = {(float)(i % 100), (float)(i % 77), (float)i};
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(what->table, txn, FIRN_ROWS_UPSERT, values, 2, err);
    }
    return rc;
}

static void
put_range(struct firn_db *db, int64_t first, int64_t end)
{
    firn_error err;
    struct rows_to_put what = {.first = first, .end = end};
    const struct firn_db_txn_run run = {.attempts_max = 3, .work = put_some, .ctx = &what};
    DB_OK(firn_rows_open(db, "t", &what.table, &err));
    DB_OK(firn_db_txn_run(db, &run, &err));
}

/* A store with three runs in the last level, which no index has made one. */
static void
make_store_with_parts(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    make_store(support);
    for (int64_t part = 1; part < PARTS; part++) {
        DB_OK(firn_db_open(support->dir, &db_support_existing, &db, &err));
        put_range(db, part * ROWS, part * ROWS + ROWS);
        DB_OK(firn_db_maintain_compact(db, NULL, &err));
        DB_OK(firn_db_stats(db, &stats, &err));
        DB_OK(firn_db_close(db, &err));
    }
    assert_true(stats.levels[FIRN_STORE_LEVELS - 1].files >= PARTS);
}

/* A number that depends on all rows, and on their order. */
static uint64_t
sum_rows(struct firn_db *db)
{
    firn_error err;
    struct firn_table *table;
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    const struct firn_rows_cursor_options options = {.is_descending = false};
    struct firn_buf all = {0};
    size_t count;
    DB_OK(firn_rows_open(db, "t", &table, &err));
    DB_OK(firn_rows_read_cursor_open(table, &options, &cursor, &err));
    DB_OK(firn_rows_read_cursor_next(cursor, &row, &err));
    for (; row != NULL;) {
        const firn_value *values = firn_rows_read_row_values(row, &count);
        assert_int_equal(count, 2);
        assert_int_equal(firn_buf_append(&all, &values[0].as.i64, 8), FIRN_OK);
        assert_int_equal(firn_buf_append(&all, values[1].as.bytes.data, values[1].as.bytes.size),
                         FIRN_OK);
        DB_OK(firn_rows_read_cursor_next(cursor, &row, &err));
    }
    firn_rows_read_cursor_close(cursor);
    uint64_t sum = firn_xxh3(all.data, all.size, 0);
    firn_buf_deinit(&all);
    return sum;
}

/* ---- searches ---- */

/* How searches of stores that were opened again went. */
static struct {
    uint64_t walks;  /* that used a graph */
    uint64_t others; /* of stores that had none */
    uint64_t hits;
    uint64_t all;
} found;

static int
search(struct firn_db *db, const float *query, bool is_exact, struct firn_search_result **out,
       firn_error *err)
{
    struct firn_table *table;
    const struct firn_search_request request = {.column = "v",
                                                .query = query,
                                                .dimensions = DIMENSIONS,
                                                .k = K,
                                                .metric = FIRN_VECTOR_L2,
                                                .is_exact = is_exact,
                                                .threads = 1};
    *out = NULL;
    int rc = firn_rows_open(db, "t", &table, err);
    return rc == FIRN_OK ? firn_search_run(table, &request, out, err) : rc;
}

/* All rows, and the distances of the K nearest, ascending. */
struct nearest {
    float vectors[PARTS * ROWS][DIMENSIONS];
    int64_t count;
    double distances[K];
};

static void
read_vectors(struct firn_db *db, struct nearest *out)
{
    firn_error err;
    struct firn_table *table;
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    const struct firn_rows_cursor_options options = {.is_descending = false};
    size_t count;
    out->count = 0;
    DB_OK(firn_rows_open(db, "t", &table, &err));
    DB_OK(firn_rows_read_cursor_open(table, &options, &cursor, &err));
    DB_OK(firn_rows_read_cursor_next(cursor, &row, &err));
    for (; row != NULL; out->count++) {
        const firn_value *values = firn_rows_read_row_values(row, &count);
        assert_true(out->count < PARTS * ROWS && values[0].as.i64 == out->count);
        memcpy(out->vectors[out->count], values[1].as.bytes.data, sizeof out->vectors[0]);
        DB_OK(firn_rows_read_cursor_next(cursor, &row, &err));
    }
    firn_rows_read_cursor_close(cursor);
}

static void
measure_all(struct nearest *nearest, const float *query)
{
    size_t count = 0;
    for (int64_t id = 0; id < nearest->count; id++) {
        const double distance =
            firn_vector_distance_exact(FIRN_VECTOR_L2, query, nearest->vectors[id], DIMENSIONS);
        if (count == K && distance >= nearest->distances[K - 1]) {
            continue;
        }
        size_t at = count < K ? count++ : K - 1;
        for (; at > 0 && nearest->distances[at - 1] > distance; at--) {
            nearest->distances[at] = nearest->distances[at - 1];
        }
        nearest->distances[at] = distance;
    }
    assert_int_equal(count, K);
}

/* What is found are rows, at their distances; exact searches find the nearest. Returns how many of these are found. */
static uint64_t
judge(const struct nearest *nearest, const float *query, bool is_exact,
      const struct firn_search_result *result)
{
    uint64_t hits = 0;
    assert_int_equal(result->count, K);
    for (size_t i = 0; i < K; i++) {
        const double distance = result->rows[i].distance;
        const int64_t id = result->rows[i].key[0].as.i64;
        assert_true(id >= 0 && id < nearest->count);
        assert_true(distance == firn_vector_distance_exact(FIRN_VECTOR_L2, query,
                                                           nearest->vectors[id], DIMENSIONS));
        assert_true(i == 0 || distance >= result->rows[i - 1].distance);
        assert_true(!is_exact || distance == nearest->distances[i]);
        hits += distance <= nearest->distances[K - 1];
    }
    return hits;
}

/* No graph is damaged: one that is not whole is not attached. */
static void
check_searches(struct firn_db *db)
{
    static struct nearest nearest;
    struct test_random random = {11};
    firn_error err;
    read_vectors(db, &nearest);
    for (size_t i = 0; i < 2 * SEARCHES; i++) {
        struct firn_search_result *result;
        float query[DIMENSIONS];
        for (size_t j = 0; j < DIMENSIONS; j++) {
            query[j] = (float)test_random_below(&random, 1000);
        }
        measure_all(&nearest, query);
        DB_OK(search(db, query, i % 2 != 0, &result, &err));
        const uint64_t hits = judge(&nearest, query, i % 2 != 0, result);
        assert_int_equal(result->stats.graphs_damaged, 0);
        if (result->stats.rows_walked == 0) {
            assert_int_equal(hits, K);
            found.others++;
        } else {
            found.walks++;
            found.hits += hits;
            found.all += K;
        }
        firn_search_result_free(result);
    }
}

static void
expect_recall(bool has_both)
{
    const double recall = (double)found.hits / (double)found.all;
    print_message("count: %llu searches by graphs, recall %.4f, and %llu without\n",
                  (unsigned long long)found.walks, recall, (unsigned long long)found.others);
    assert_true(found.walks > 0 && (!has_both || found.others > 0));
    assert_true(recall >= 0.95);
    memset(&found, 0, sizeof found);
}

/* The store is whole, with the rows that it had, and its searches find them. After every fourth point also (that takes most
 * of the time): the graph can be built, and then there is one. */
static void
verify(struct firn_os_dir *dir, uint64_t sum, uint64_t point)
{
    firn_error err;
    struct firn_db *db;
    firn_store_check_result report = FIRN_STORE_CHECK_RESULT_INIT;
    DB_OK(firn_db_open(dir, &db_support_existing, &db, &err));
    check_searches(db);
    DB_OK(firn_db_check(db, NULL, &report, &err));
    assert_true(sum_rows(db) == sum);
    DB_OK(firn_db_close(db, &err));
    if (point % 4 != 0 && !test_is_long()) {
        return;
    }
    DB_OK(index_and_build(dir, &err));
    DB_OK(firn_db_open(dir, &db_support_existing, &db, &err));
    DB_OK(firn_db_check(db, NULL, &report, &err));
    assert_true(sum_rows(db) == sum);
    check_searches(db);
    DB_OK(firn_db_close(db, &err));
    assert_int_equal(count_graphs(dir), 1);
}

static void
open_clone(const struct db_support *from, struct db_support *out)
{
    firn_error err;
    DB_OK(firn_sim_memory_clone(from->os, &out->os, &err));
    DB_OK(firn_os_dir_open_path(out->os, "/store", &out->dir, &err));
}

/* Leaves the store alone: opening it may change its files. */
static uint64_t
sum_store(const struct db_support *support)
{
    struct db_support clone;
    open_clone(support, &clone);
    struct firn_db *db = db_support_open(clone.dir);
    uint64_t sum = sum_rows(db);
    firn_db_abandon(db);
    db_support_deinit(&clone);
    return sum;
}

static void
cut_everywhere(void (*make)(struct db_support *support))
{
    struct db_support base;
    const struct test_share share = test_share_of(1, 0);
    bool is_reached = true;
    uint64_t cuts = 0;
    make(&base);
    const uint64_t sum = sum_store(&base);
    for (uint64_t n = share.first; is_reached; n += share.step, cuts++) {
        struct db_support support;
        firn_error err;
        open_clone(&base, &support);
        firn_sim_memory_set_cut_at(support.os, firn_sim_memory_calls(support.os) + n);
        int rc = index_and_build(support.dir, &err);
        is_reached = firn_sim_memory_is_off(support.os);
        assert_true(rc == FIRN_OK || is_reached);
        firn_sim_memory_set_cut_at(support.os, 0);
        db_support_cut(&support, 17 * n);
        verify(support.dir, sum, cuts);
        db_support_deinit(&support);
    }
    print_message("count: %llu power cuts while a graph is built and attached\n",
                  (unsigned long long)cuts);
    expect_recall(share.step == 1);
    assert_true(cuts * share.step > 20);
    db_support_deinit(&base);
}

static void
a_power_cut_at_any_call_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    cut_everywhere(make_store);
}

static void
a_power_cut_at_any_call_of_a_merge_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    cut_everywhere(make_store_with_graph);
}

static void
fail_everywhere(void (*make)(struct db_support *support))
{
    struct db_support base;
    const struct test_share share = test_share_of(3, 1);
    bool was_hit = true;
    uint64_t calls = 0;
    make(&base);
    const uint64_t sum = sum_store(&base);
    for (uint64_t n = share.first; was_hit; n += share.step, calls++) {
        struct db_support support;
        struct firn_os *faulty;
        struct firn_os_dir *dir;
        firn_error err;
        open_clone(&base, &support);
        DB_OK(firn_sim_fault_create(support.os, &faulty, &err));
        DB_OK(firn_os_dir_open_path(faulty, "/store", &dir, &err));
        const struct firn_sim_fault_plan plan = {.call = n,
                                                 .for_ever = calls % 2 == 0,
                                                 .classes = FIRN_SIM_FAULT_ALL,
                                                 .kind = FIRN_SIM_FAULT_FAILS,
                                                 .error_number = calls % 4 < 2 ? 5 : 28};
        firn_sim_fault_set_plan(faulty, &plan);
        int rc = index_and_build(dir, &err);
        was_hit = firn_sim_fault_hits(faulty) > 0;
        assert_true(rc == FIRN_OK || was_hit);
        firn_sim_fault_set_plan(faulty, NULL);
        firn_os_dir_close(dir);
        firn_sim_fault_destroy(faulty);
        verify(support.dir, sum, calls);
        db_support_deinit(&support);
    }
    expect_recall(false);
    db_support_deinit(&base);
}

static void
a_call_that_fails_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    fail_everywhere(make_store);
}

static void
a_call_of_a_merge_that_fails_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    fail_everywhere(make_store_with_graph);
}

static void
run_out_everywhere(void (*make)(struct db_support *support))
{
    const struct test_share share = test_share_of(1, 2);
    int rc = FIRN_NO_MEMORY;
    uint64_t failed = 0;
    test_alloc_install();
    struct db_support base;
    make(&base);
    const uint64_t sum = sum_store(&base);
    for (uint64_t n = share.first; rc != FIRN_OK; n += share.step * (1 + n / 60), failed++) {
        struct db_support support;
        firn_error err;
        open_clone(&base, &support);
        test_alloc_fail_at(n, false);
        rc = index_and_build(support.dir, &err);
        bool was_hit = test_alloc_calls() >= n;
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || was_hit);
        if (failed % 4 == 0) {
            verify(support.dir, sum, failed);
        }
        db_support_deinit(&support);
        rc = was_hit ? FIRN_NO_MEMORY : rc;
    }
    db_support_deinit(&base);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
an_allocation_that_fails_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    run_out_everywhere(make_store);
}

static void
an_allocation_of_a_merge_that_fails_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    run_out_everywhere(make_store_with_graph);
}

static void
a_power_cut_at_any_call_of_a_join_leaves_all_rows(void **state)
{
    (void)state;
    cut_everywhere(make_store_with_parts);
}

static void
a_call_of_a_join_that_fails_leaves_all_rows(void **state)
{
    (void)state;
    fail_everywhere(make_store_with_parts);
}

static void
an_allocation_of_a_join_that_fails_leaves_all_rows(void **state)
{
    (void)state;
    run_out_everywhere(make_store_with_parts);
}

/* Runs that are older than the index become one, with one graph. */
static void
runs_of_a_table_that_gets_an_index_become_one(void **state)
{
    struct db_support support;
    struct firn_db *db;
    firn_error err;
    (void)state;
    make_store_with_parts(&support);
    const uint64_t sum = sum_store(&support);
    DB_OK(index_and_build(support.dir, &err));
    DB_OK(firn_db_open(support.dir, &db_support_existing, &db, &err));
    assert_int_equal(count_graphs(support.dir), 1);
    assert_true(sum_rows(db) == sum);
    DB_OK(firn_db_close(db, &err));
    db_support_deinit(&support);
}

/* A search of a store that was just opened reads the graph, and rows that it does not have: with one of its calls failing it
 * fails, or finds what it should. The next one is right in any case. */
static void
a_call_that_fails_while_a_graph_is_searched_is_no_wrong_answer(void **state)
{
    static struct nearest nearest;
    static const float query[DIMENSIONS] = {500, 400, 300};
    struct db_support base;
    bool was_hit = true;
    uint64_t failed = 0;
    (void)state;
    make_store_with_graph(&base);
    for (uint64_t n = 1; was_hit; n++) {
        struct db_support support;
        struct firn_os *faulty;
        struct firn_os_dir *dir;
        struct firn_db *db;
        firn_error err;
        open_clone(&base, &support);
        DB_OK(firn_sim_fault_create(support.os, &faulty, &err));
        DB_OK(firn_os_dir_open_path(faulty, "/store", &dir, &err));
        DB_OK(firn_db_open(dir, &db_support_read_only, &db, &err));
        const struct firn_sim_fault_plan plan = {.call = n,
                                                 .for_ever = n % 2 == 0,
                                                 .classes =
                                                     FIRN_SIM_FAULT_OPENS | FIRN_SIM_FAULT_READS,
                                                 .kind = FIRN_SIM_FAULT_FAILS,
                                                 .error_number = 5};
        for (int is_exact = 0; is_exact < 2; is_exact++) {
            struct firn_search_result *result;
            firn_sim_fault_set_plan(faulty, is_exact == 0 ? &plan : NULL);
            int rc = search(db, query, is_exact != 0, &result, &err);
            was_hit = is_exact == 0 ? firn_sim_fault_hits(faulty) > 0 : was_hit;
            assert_true(rc == FIRN_OK || (rc == FIRN_IO && is_exact == 0 && was_hit));
            assert_true((rc == FIRN_OK) == (result != NULL));
            failed += rc != FIRN_OK;
            if (rc == FIRN_OK) {
                firn_sim_fault_set_plan(faulty, NULL);
                read_vectors(db, &nearest);
                measure_all(&nearest, query);
                assert_true(judge(&nearest, query, is_exact != 0, result) >= K - 3);
            }
            firn_search_result_free(result);
        }
        DB_OK(firn_db_close(db, &err));
        firn_os_dir_close(dir);
        firn_sim_fault_destroy(faulty);
        db_support_deinit(&support);
        assert_true(n < 1000);
    }
    print_message("count: %u searches of a graph with a call that failed\n", (unsigned)failed);
    assert_true(failed > 3);
    db_support_deinit(&base);
}

static void
a_merge_keeps_the_graph(void **state)
{
    struct db_support support;
    struct firn_db *db;
    firn_error err;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    (void)state;
    make_store_with_graph(&support);
    DB_OK(firn_db_open(support.dir, &db_support_existing, &db, &err));
    DB_OK(firn_db_maintain_compact(db, NULL, &err));
    DB_OK(firn_db_stats(db, &stats, &err));
    assert_int_equal(stats.graphs_built, 1);
    assert_int_equal(stats.graphs_merged, 1);
    assert_int_equal(stats.graphs_damaged, 0);
    DB_OK(firn_db_close(db, &err));
    assert_int_equal(count_graphs(support.dir), 1);
    db_support_deinit(&support);
}

/* Writes of graphs fail as on a full disk. */
static void
refuse_graphs(void *ctx, const struct firn_sim_fault_call *call)
{
    static const struct firn_sim_fault_plan plan = {.call = 1,
                                                    .classes = FIRN_SIM_FAULT_WRITES,
                                                    .kind = FIRN_SIM_FAULT_FAILS,
                                                    .error_number = 28};
    if (call->kind == FIRN_SIM_FAULT_WRITES && call->name != NULL &&
        strstr(call->name, ".graph") != NULL) {
        firn_sim_fault_set_plan(ctx, &plan);
    }
}

/* A compaction gives back the space of what it has merged, also where there is none for the new graph. */
static void
a_full_disk_keeps_no_run_for_its_graph(void **state)
{
    struct db_support support;
    struct firn_os *faulty;
    struct firn_os_dir *dir;
    struct firn_db *db;
    firn_error err;
    (void)state;
    make_store_with_graph(&support);
    DB_OK(firn_sim_fault_create(support.os, &faulty, &err));
    DB_OK(firn_os_dir_open_path(faulty, "/store", &dir, &err));
    DB_OK(firn_db_open(dir, &db_support_existing, &db, &err));
    assert_int_equal(count_graphs(dir), 1);
    firn_sim_fault_set_hook(faulty, refuse_graphs, faulty);
    assert_int_equal(firn_db_maintain_compact(db, NULL, &err), FIRN_NO_SPACE);
    assert_int_equal(count_graphs(dir), 0);
    firn_sim_fault_set_hook(faulty, NULL, NULL);
    firn_sim_fault_set_plan(faulty, NULL);
    DB_OK(firn_db_maintain_compact(db, NULL, &err));
    assert_int_equal(count_graphs(dir), 1);
    DB_OK(firn_db_close(db, &err));
    firn_os_dir_close(dir);
    firn_sim_fault_destroy(faulty);
    db_support_deinit(&support);
}

/* ---- what a graph inherits ---- */

static struct firn_db *
open_db(const struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(firn_db_open(support->dir, &db_support_existing, &db, &err));
    return db;
}

static firn_store_statistics
stats_of(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    DB_OK(firn_db_stats(db, &stats, &err));
    return stats;
}

static void
build_all(struct firn_db *db)
{
    firn_error err;
    const struct firn_compaction_graph_options options = {.threads = 1};
    bool did = true;
    while (did) {
        DB_OK(firn_compaction_graph_build(firn_db_image(db)->lsm, &options, &did, &err));
    }
}

/* A store with two runs that overlap; each has a graph. The second one is larger. */
static void
make_two_graphs(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    make_store(support);
    DB_OK(index_and_build(support->dir, &err));
    db = open_db(support);
    put_range(db, ROWS / 2, ROWS / 2 + ROWS + 800);
    DB_OK(firn_db_maintain_flush(db, &err));
    build_all(db);
    firn_db_abandon(db); /* closing it would compact */
    assert_int_equal(count_graphs(support->dir), 2);
}

/* The names of the files of graphs, the older one first. */
struct names {
    char all[2][64];
    size_t count;
};

static int
note_graph(void *ctx, const struct firn_os_dirent *entry)
{
    struct names *names = ctx;
    if (strstr(entry->name, ".graph") != NULL) {
        assert_true(names->count < 2);
        (void)snprintf(names->all[names->count++], sizeof names->all[0], "%s", entry->name);
    }
    return FIRN_OK;
}

/* Changes a byte in each of its pages. */
static void
damage_graph(const struct db_support *support, size_t which)
{
    firn_error err;
    struct firn_os_dir *runs;
    struct names names = {.count = 0};
    struct firn_buf bytes = {0};
    DB_OK(firn_os_dir_open(support->dir, "runs", &runs, &err));
    DB_OK(firn_os_dir_list(runs, note_graph, &names, &err));
    assert_int_equal(names.count, 2);
    size_t first = strcmp(names.all[0], names.all[1]) < 0 ? 0 : 1;
    const char *name = names.all[which == 0 ? first : 1 - first];
    test_file_read(runs, name, &bytes);
    for (size_t at = 5000; at < bytes.size; at += 1000) {
        bytes.data[at] ^= 0x40;
    }
    test_file_write(runs, name, bytes.data, bytes.size);
    firn_buf_deinit(&bytes);
    firn_os_dir_close(runs);
}

/* Both graphs are whole; the smaller one, or the larger one is damaged. If there is memory to keep what an open graph reads,
 * opening finds the damage, and that graph is built again before the runs are merged. If there is little, the merge finds
 * it. */
static void
of_two_graphs_the_larger_one_is_kept(void **state)
{
    enum { WHOLE, SMALLER, LARGER };
    static const struct {
        int damaged;
        size_t memory_bytes; /* 0: as usual */
        uint64_t built;
        uint64_t merged;
        bool is_met; /* by the merge */
    } rounds[] = {{WHOLE, 0, 1, 1, false},
                  {SMALLER, 0, 2, 1, false},
                  {LARGER, 0, 2, 1, false},
                  {LARGER, 1500000, 1, 0, true}};
    (void)state;
    for (size_t round = 0; round < sizeof rounds / sizeof rounds[0]; round++) {
        struct db_support support;
        struct firn_db *db;
        firn_error err;
        firn_store_check_result report = FIRN_STORE_CHECK_RESULT_INIT;
        make_two_graphs(&support);
        if (rounds[round].damaged != WHOLE) {
            damage_graph(&support, rounds[round].damaged == LARGER);
        }
        struct firn_db_options options = db_support_existing;
        if (rounds[round].memory_bytes != 0) {
            options.memory_bytes = rounds[round].memory_bytes;
        }
        DB_OK(firn_db_open(support.dir, &options, &db, &err));
        DB_OK(firn_db_maintain_compact(db, NULL, &err));
        firn_store_statistics stats = stats_of(db);
        assert_int_equal(stats.graphs_built, rounds[round].built);
        assert_int_equal(stats.graphs_merged, rounds[round].merged);
        assert_int_equal(stats.graphs_damaged > 0, rounds[round].is_met);
        DB_OK(firn_db_check(db, NULL, &report, &err));
        DB_OK(firn_db_close(db, &err));
        assert_int_equal(count_graphs(support.dir), 1);
        db_support_deinit(&support);
    }
}

struct patience {
    uint64_t left;
};

static int
lose_patience(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    struct patience *patience = ctx;
    (void)files;
    (void)bytes;
    if (patience->left == 0) {
        return firn_error_set(err, FIRN_CANCELLED, "enough");
    }
    patience->left--;
    return FIRN_OK;
}

/* Each index of a run takes its links over from the graph of its own metric. */
static void
each_of_two_indexes_keeps_its_graph(void **state)
{
    static const struct firn_schema_vector_index model = {
        .name = {(const uint8_t *)"far", 3}, .metric = 2, .m = 4, .ef_construction = 8};
    struct db_support support;
    struct firn_table *table;
    firn_error err;
    (void)state;
    make_store(&support);
    DB_OK(index_and_build(support.dir, &err));
    struct firn_db *db = open_db(&support);
    DB_OK(firn_rows_open(db, "t", &table, &err));
    DB_OK(firn_rows_index_add_vectors(table, &model, firn_str("v"), &err));
    DB_OK(firn_db_maintain_compact(db, NULL, &err));
    assert_int_equal(count_graphs(support.dir), 2);
    put_range(db, 7, 300);
    DB_OK(firn_db_maintain_compact(db, NULL, &err));
    firn_store_statistics stats = stats_of(db);
    assert_int_equal(stats.graphs_built, 3);
    assert_int_equal(stats.graphs_merged, 2);
    assert_int_equal(count_graphs(support.dir), 2);
    DB_OK(firn_db_close(db, &err));
    db_support_deinit(&support);
}

/* Compacts the table, and builds no graph. */
static void
compact_runs(struct firn_db *db)
{
    firn_error err;
    struct firn_table *table;
    const struct firn_lsm_range all = {firn_str(""), NULL};
    DB_OK(firn_rows_open(db, "t", &table, &err));
    DB_OK(firn_db_maintain_compact_range(firn_rows_keyspace(table), &all, NULL, &err));
}

/* A run that is compacted before it has got a graph hands that of its forerunner on, wherever the building of its own was
 * ended. */
static void
a_graph_is_handed_on_until_one_is_built(void **state)
{
    struct db_support base;
    uint64_t ended = 0;
    int rc = FIRN_CANCELLED;
    (void)state;
    make_store_with_graph(&base);
    for (uint64_t n = 0; rc != FIRN_OK; n++) {
        struct db_support support;
        struct patience patience = {.left = n};
        const struct firn_step step = {lose_patience, &patience};
        const struct firn_compaction_graph_options options = {.threads = 1, .step = &step};
        bool did;
        firn_error err;
        open_clone(&base, &support);
        struct firn_db *db = open_db(&support);
        compact_runs(db);
        assert_int_equal(stats_of(db).graphs_built, 0);
        rc = firn_compaction_graph_build(firn_db_image(db)->lsm, &options, &did, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CANCELLED);
        assert_true(did);
        if (rc == FIRN_CANCELLED) {
            ended++;
            for (int64_t round = 0; round < 3; round++) {
                put_range(db, 1 + 20 * round, 30 + 20 * round);
                compact_runs(db);
            }
        }
        const uint64_t sum = sum_rows(db);
        build_all(db); /* a graph's forerunner goes when no graph is missing any more */
        firn_store_statistics stats = stats_of(db);
        /* One that was built, and not written any more, counts too. */
        assert_true(stats.graphs_merged > 0 && stats.graphs_merged == stats.graphs_built);
        assert_int_equal(stats.graphs_damaged, 0);
        DB_OK(firn_db_close(db, &err));
        assert_int_equal(count_graphs(support.dir), 1);
        verify(support.dir, sum, 0);
        db_support_deinit(&support);
        assert_true(n < 1000);
    }
    print_message("building was ended %u times\n", (unsigned)ended);
    assert_true(ended > 0);
    db_support_deinit(&base);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_graphs_the_larger_one_is_kept),
        cmocka_unit_test(each_of_two_indexes_keeps_its_graph),
        cmocka_unit_test(a_graph_is_handed_on_until_one_is_built),
        cmocka_unit_test(a_call_that_fails_while_a_graph_is_searched_is_no_wrong_answer),
        cmocka_unit_test(a_merge_keeps_the_graph),
        cmocka_unit_test(a_full_disk_keeps_no_run_for_its_graph),
        cmocka_unit_test(runs_of_a_table_that_gets_an_index_become_one),
        cmocka_unit_test(a_power_cut_at_any_call_of_a_join_leaves_all_rows),
        cmocka_unit_test(a_call_of_a_join_that_fails_leaves_all_rows),
        cmocka_unit_test(an_allocation_of_a_join_that_fails_leaves_all_rows),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_the_old_or_the_new),
        cmocka_unit_test(a_power_cut_at_any_call_of_a_merge_leaves_the_old_or_the_new),
        cmocka_unit_test(a_call_of_a_merge_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(an_allocation_of_a_merge_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(a_call_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(an_allocation_that_fails_leaves_the_old_or_the_new),
    };
    return cmocka_run_group_tests_name("rows_graphs", tests, NULL, NULL);
}
