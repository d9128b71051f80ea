/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows/rows_graph.c: points are taken by test_share: the power is cut at each of them, every third call fails, and
 * allocations seldomer the later they are. The recall of all searches of a loop is judged at its end.
 */
#include "rows_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/xxh3.h"
#include "inspect/inspect.h"
#include "rows_show.h"
#include "schema/schema.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { SEARCHES = 3 };

/* Every 16th row gets another vector. */
static int
change_rows(void *ctx, struct firn_txn *txn, firn_error *err)
{
    int rc = FIRN_OK;
    for (int64_t i = 0; i < ROWS_GRAPH_ROWS && rc == FIRN_OK; i += 16) {
        const float numbers[ROWS_GRAPH_DIMENSIONS] = {(float)i, 0.5F, 1};
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(ctx, txn, FI_ROWS_UPSERT, values, 2, err);
    }
    return rc;
}

static int
put_rows(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct test_random random = {7};
    int rc = FIRN_OK;
    for (int64_t i = 0; i < ROWS_GRAPH_ROWS && rc == FIRN_OK; i++) {
        float numbers[ROWS_GRAPH_DIMENSIONS];
        for (size_t j = 0; j < ROWS_GRAPH_DIMENSIONS; j++) {
            numbers[j] = (float)test_random_below(&random, 1000);
        }
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(ctx, txn, FI_ROWS_INSERT, values, 2, err);
    }
    return rc;
}

/* A store with a run of so many rows. */
void
rows_graph_make_store(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_table *table;
    db_support_init(support, 3);
    DB_OK(fi_db_open(support->dir, &db_support_create, &db, &err));
    DB_OK(rows_make(db, "t", "id i64, v vector(3), primary key (id)", &table, &err));
    const struct fi_txn_run run = {.attempts_max = 3, .work = put_rows, .ctx = table};
    DB_OK(fi_txn_run(db, &run, &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_db_close(db, &err));
}

/* Adds the index and builds its graph; returns the first error. */
int
rows_graph_index_and_build(struct fi_os_dir *dir, firn_error *err)
{
    static const struct fi_schema_vector_index model = {
        .name = {(const uint8_t *)"near", 4}, .metric = 1, .m = 4, .ef_construction = 8};
    struct firn_db *db = NULL;
    struct firn_table *table;
    int rc;
    FI_TRY(fi_db_open(dir, &db_support_existing, &db, err));
    FI_TRY(fi_rows_open(db, "t", &table, err));
    rc = fi_rows_index_add_vectors(table, &model, firn_str("v"), err);
    rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
    FI_TRY(rc);
    FI_TRY(fi_db_maintain_compact(db, NULL, err));
out:
    if (db != NULL) {
        int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

static int
count_graph(void *ctx, const struct fi_os_dirent *entry)
{
    *(size_t *)ctx += strstr(entry->name, ".graph") != NULL;
    return FIRN_OK;
}

size_t
rows_graph_count_graphs(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    size_t count = 0;
    DB_OK(fi_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, count_graph, &count, &err));
    fi_os_dir_close(runs);
    return count;
}

/* A store with a run that has a graph, and changes that are not in it. */
void
rows_graph_make_store_with_graph(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_table *table;
    rows_graph_make_store(support);
    DB_OK(rows_graph_index_and_build(support->dir, &err));
    DB_OK(fi_db_open(support->dir, &db_support_existing, &db, &err));
    DB_OK(fi_rows_open(db, "t", &table, &err));
    const struct fi_txn_run run = {.attempts_max = 3, .work = change_rows, .ctx = table};
    DB_OK(fi_txn_run(db, &run, &err));
    DB_OK(fi_db_close(db, &err));
}

struct rows_to_put {
    struct firn_table *table;
    int64_t first;
    int64_t end;
};

static int
put_some(void *ctx, struct firn_txn *txn, firn_error *err)
{
    const struct rows_to_put *what = ctx;
    int rc = FIRN_OK;
    for (int64_t i = what->first; i < what->end && rc == FIRN_OK; i++) {
        const float numbers[ROWS_GRAPH_DIMENSIONS] = {(float)(i % 100), (float)(i % 77), (float)i};
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64(i), vector};
        rc = rows_put(what->table, txn, FI_ROWS_UPSERT, values, 2, err);
    }
    return rc;
}

void
rows_graph_put_range(struct firn_db *db, int64_t first, int64_t end)
{
    firn_error err;
    struct rows_to_put what = {.first = first, .end = end};
    const struct fi_txn_run run = {.attempts_max = 3, .work = put_some, .ctx = &what};
    DB_OK(fi_rows_open(db, "t", &what.table, &err));
    DB_OK(fi_txn_run(db, &run, &err));
}

/* A store with three runs in the last level, which no index has made one. */
void
rows_graph_make_store_with_parts(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    rows_graph_make_store(support);
    for (int64_t part = 1; part < ROWS_GRAPH_PARTS; part++) {
        DB_OK(fi_db_open(support->dir, &db_support_existing, &db, &err));
        rows_graph_put_range(db, part * ROWS_GRAPH_ROWS, part * ROWS_GRAPH_ROWS + ROWS_GRAPH_ROWS);
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        DB_OK(fi_inspect_stats(db, &stats, &err));
        DB_OK(fi_db_close(db, &err));
    }
    assert_true(stats.levels[FIRN_STORE_LEVELS - 1].files >= ROWS_GRAPH_PARTS);
}

/* A number that depends on all rows, and on their order. */
uint64_t
rows_graph_sum_rows(struct firn_db *db)
{
    firn_error err;
    struct firn_table *table;
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    const struct fi_rows_cursor_options options = {.is_descending = false};
    struct fi_buf all = {0};
    size_t count;
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(fi_rows_read_cursor_open(table, &options, &cursor, &err));
    DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
    for (; row != NULL;) {
        const firn_value *values = fi_rows_read_row_values(row, &count);
        assert_int_equal(count, 2);
        assert_int_equal(fi_buf_append(&all, &values[0].as.i64, 8), FIRN_OK);
        assert_int_equal(fi_buf_append(&all, values[1].as.bytes.data, values[1].as.bytes.size),
                         FIRN_OK);
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
    }
    fi_rows_read_cursor_close(cursor);
    uint64_t sum = fi_xxh3(all.data, all.size, 0);
    fi_buf_deinit(&all);
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

int
rows_graph_search(struct firn_db *db, const float *query, bool is_exact,
                  struct firn_search_result **out, firn_error *err)
{
    struct firn_table *table;
    const struct fi_search_request request = {.column = "v",
                                              .query_count = 1,
                                              .query = query,
                                              .dimensions = ROWS_GRAPH_DIMENSIONS,
                                              .k = ROWS_GRAPH_K,
                                              .metric = FI_VECTOR_L2,
                                              .is_exact = is_exact,
                                              .threads = 1};
    *out = NULL;
    int rc = fi_rows_open(db, "t", &table, err);
    return rc == FIRN_OK ? fi_search_run(table, &request, out, err) : rc;
}

void
rows_graph_read_vectors(struct firn_db *db, struct rows_graph_nearest *out)
{
    firn_error err;
    struct firn_table *table;
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    const struct fi_rows_cursor_options options = {.is_descending = false};
    size_t count;
    out->count = 0;
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(fi_rows_read_cursor_open(table, &options, &cursor, &err));
    DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
    for (; row != NULL; out->count++) {
        const firn_value *values = fi_rows_read_row_values(row, &count);
        assert_true(out->count < ROWS_GRAPH_PARTS * ROWS_GRAPH_ROWS &&
                    values[0].as.i64 == out->count);
        memcpy(out->vectors[out->count], values[1].as.bytes.data, sizeof out->vectors[0]);
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
    }
    fi_rows_read_cursor_close(cursor);
}

void
rows_graph_measure_all(struct rows_graph_nearest *nearest, const float *query)
{
    size_t count = 0;
    for (int64_t id = 0; id < nearest->count; id++) {
        const double distance = fi_vector_distance_exact(FI_VECTOR_L2, query, nearest->vectors[id],
                                                         ROWS_GRAPH_DIMENSIONS);
        if (count == ROWS_GRAPH_K && distance >= nearest->distances[ROWS_GRAPH_K - 1]) {
            continue;
        }
        size_t at = count < ROWS_GRAPH_K ? count++ : ROWS_GRAPH_K - 1;
        for (; at > 0 && nearest->distances[at - 1] > distance; at--) {
            nearest->distances[at] = nearest->distances[at - 1];
        }
        nearest->distances[at] = distance;
    }
    assert_int_equal(count, ROWS_GRAPH_K);
}

/* What is found are rows, at their distances; exact searches find the nearest. Returns how many of these are found. */
uint64_t
rows_graph_judge(const struct rows_graph_nearest *nearest, const float *query, bool is_exact,
                 const struct firn_search_result *result)
{
    uint64_t hits = 0;
    assert_int_equal(result->count, ROWS_GRAPH_K);
    for (size_t i = 0; i < ROWS_GRAPH_K; i++) {
        const double distance = result->rows[i].distance;
        const int64_t id = result->rows[i].key[0].as.i64;
        assert_true(id >= 0 && id < nearest->count);
        assert_true(distance == fi_vector_distance_exact(FI_VECTOR_L2, query, nearest->vectors[id],
                                                         ROWS_GRAPH_DIMENSIONS));
        assert_true(i == 0 || distance >= result->rows[i - 1].distance);
        assert_true(!is_exact || distance == nearest->distances[i]);
        hits += distance <= nearest->distances[ROWS_GRAPH_K - 1];
    }
    return hits;
}

/* No graph is damaged: one that is not whole is not attached. */
static void
check_searches(struct firn_db *db)
{
    static struct rows_graph_nearest nearest;
    struct test_random random = {11};
    firn_error err;
    rows_graph_read_vectors(db, &nearest);
    for (size_t i = 0; i < 2 * SEARCHES; i++) {
        struct firn_search_result *result;
        float query[ROWS_GRAPH_DIMENSIONS];
        for (size_t j = 0; j < ROWS_GRAPH_DIMENSIONS; j++) {
            query[j] = (float)test_random_below(&random, 1000);
        }
        rows_graph_measure_all(&nearest, query);
        DB_OK(rows_graph_search(db, query, i % 2 != 0, &result, &err));
        const uint64_t hits = rows_graph_judge(&nearest, query, i % 2 != 0, result);
        assert_int_equal(result->stats.graphs_damaged, 0);
        if (result->stats.rows_walked == 0) {
            assert_int_equal(hits, ROWS_GRAPH_K);
            found.others++;
        } else {
            found.walks++;
            found.hits += hits;
            found.all += ROWS_GRAPH_K;
        }
        fi_search_result_free(result);
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
void
rows_graph_verify(struct fi_os_dir *dir, uint64_t sum, uint64_t point)
{
    firn_error err;
    struct firn_db *db;
    firn_store_check_result report = FIRN_STORE_CHECK_RESULT_INIT;
    DB_OK(fi_db_open(dir, &db_support_existing, &db, &err));
    check_searches(db);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_true(rows_graph_sum_rows(db) == sum);
    DB_OK(fi_db_close(db, &err));
    if (point % 4 != 0 && !test_is_long()) {
        return;
    }
    DB_OK(rows_graph_index_and_build(dir, &err));
    DB_OK(fi_db_open(dir, &db_support_existing, &db, &err));
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_true(rows_graph_sum_rows(db) == sum);
    check_searches(db);
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(rows_graph_count_graphs(dir), 1);
}

void
rows_graph_open_clone(const struct db_support *from, struct db_support *out)
{
    firn_error err;
    DB_OK(fi_sim_memory_clone(from->os, &out->os, &err));
    DB_OK(fi_os_dir_open_path(out->os, "/store", &out->dir, &err));
}

/* Leaves the store alone: opening it may change its files. */
uint64_t
rows_graph_sum_store(const struct db_support *support)
{
    struct db_support clone;
    rows_graph_open_clone(support, &clone);
    struct firn_db *db = db_support_open(clone.dir);
    uint64_t sum = rows_graph_sum_rows(db);
    fi_db_abandon(db);
    db_support_deinit(&clone);
    return sum;
}

void
rows_graph_cut_everywhere(void (*make)(struct db_support *support))
{
    struct db_support base;
    const struct test_share share = test_share_of(1, 0);
    bool is_reached = true;
    uint64_t cuts = 0;
    make(&base);
    const uint64_t sum = rows_graph_sum_store(&base);
    for (uint64_t n = share.first; is_reached; n += share.step, cuts++) {
        struct db_support support;
        firn_error err;
        rows_graph_open_clone(&base, &support);
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + n);
        int rc = rows_graph_index_and_build(support.dir, &err);
        is_reached = fi_sim_memory_is_off(support.os);
        assert_true(rc == FIRN_OK || is_reached);
        fi_sim_memory_set_cut_at(support.os, 0);
        db_support_cut(&support, 17 * n);
        rows_graph_verify(support.dir, sum, cuts);
        db_support_deinit(&support);
    }
    print_message("count: %llu power cuts while a graph is built and attached\n",
                  (unsigned long long)cuts);
    expect_recall(share.step == 1);
    assert_true(cuts * share.step > 20);
    db_support_deinit(&base);
}

void
rows_graph_fail_everywhere(void (*make)(struct db_support *support))
{
    struct db_support base;
    const struct test_share share = test_share_of(3, 1);
    bool was_hit = true;
    uint64_t calls = 0;
    make(&base);
    const uint64_t sum = rows_graph_sum_store(&base);
    for (uint64_t n = share.first; was_hit; n += share.step, calls++) {
        struct db_support support;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        firn_error err;
        rows_graph_open_clone(&base, &support);
        DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        const struct fi_sim_fault_plan plan = {.call = n,
                                               .for_ever = calls % 2 == 0,
                                               .classes = FI_SIM_FAULT_ALL,
                                               .kind = FI_SIM_FAULT_FAILS,
                                               .error_number = calls % 4 < 2 ? 5 : 28};
        fi_sim_fault_set_plan(faulty, &plan);
        int rc = rows_graph_index_and_build(dir, &err);
        was_hit = fi_sim_fault_hits(faulty) > 0;
        assert_true(rc == FIRN_OK || was_hit);
        fi_sim_fault_set_plan(faulty, NULL);
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        rows_graph_verify(support.dir, sum, calls);
        db_support_deinit(&support);
    }
    expect_recall(false);
    db_support_deinit(&base);
}

void
rows_graph_run_out_everywhere(void (*make)(struct db_support *support))
{
    const struct test_share share = test_share_of(1, 2);
    int rc = FIRN_NO_MEMORY;
    uint64_t failed = 0;
    test_alloc_install();
    struct db_support base;
    make(&base);
    const uint64_t sum = rows_graph_sum_store(&base);
    for (uint64_t n = share.first; rc != FIRN_OK; n += share.step * (1 + n / 60), failed++) {
        struct db_support support;
        firn_error err;
        rows_graph_open_clone(&base, &support);
        test_alloc_fail_at(n, false);
        rc = rows_graph_index_and_build(support.dir, &err);
        bool was_hit = test_alloc_calls() >= n;
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || was_hit);
        if (failed % 4 == 0) {
            rows_graph_verify(support.dir, sum, failed);
        }
        db_support_deinit(&support);
        rc = was_hit ? FIRN_NO_MEMORY : rc;
    }
    db_support_deinit(&base);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}
