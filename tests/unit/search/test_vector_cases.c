/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: 8,000 uniform vectors of 64 numbers, with 16 links and 200 candidates: how many of the nearest rows a search
 * with a given width, or for a given recall, finds; the same when half of the rows have moved; and graphs that are built in
 * the background.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 64, K = 10, ROWS = 8000, QUERIES = 50 };

static struct {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    int64_t rows;
    float vectors[ROWS][N];
} rig;

static void
fill_vector(struct test_random *random, float *out)
{
    for (size_t i = 0; i < N; i++) {
        out[i] = (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
    }
}

/* New vectors for every step-th row. */
static void
put_rows(int64_t step)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    OK(firn_txn_begin(rig.store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = 0; id < rig.rows; id += step) {
        fill_vector(&rig.random, rig.vectors[id]);
        firn_value vector = firn_blob(firn_bytes(rig.vectors[id], sizeof rig.vectors[id]));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value row[] = {firn_i64(id), vector};
        OK(firn_table_upsert(rig.table, &options, row, 2, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
load_rows(void)
{
    firn_table_bulk *bulk;
    OK(firn_table_bulk_open(rig.table, NULL, &bulk, &err));
    for (int64_t id = 0; id < rig.rows; id++) {
        fill_vector(&rig.random, rig.vectors[id]);
        firn_value vector = firn_blob(firn_bytes(rig.vectors[id], sizeof rig.vectors[id]));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value row[] = {firn_i64(id), vector};
        OK(firn_table_bulk_put(bulk, row, 2, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
}

/* An empty table. */
static void
begin(uint64_t seed, int64_t rows, uint32_t ef_construction)
{
    firn_table_def *def;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    test_random_init(&rig.random, "vector_cases", seed);
    rig.rows = rows;
    test_temp_make(rig.dir, sizeof rig.dir);
    (void)snprintf(rig.path, sizeof rig.path, "%s/s.firn", rig.dir);
    OK(firn_store_open(rig.path, NULL, &rig.store, &err));
    OK(firn_table_def_parse("id i64 primary key, v vector(64)", &def, &err));
    OK(firn_table_create(rig.store, "t", def, &rig.table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 16;
    index.ef_construction = ef_construction;
    OK(firn_table_add_vector_index(rig.table, &index, &err));
}

static void
end(void)
{
    OK(firn_store_close(rig.store, &err));
    OK(firn_store_destroy(rig.path, &err));
    assert_int_equal(rmdir(rig.dir), 0);
}

/* The distance of the K-th nearest row. */
static double
limit_of(const float *query)
{
    double nearest[K];
    size_t count = 0;
    for (int64_t id = 0; id < rig.rows; id++) {
        const double distance = firn_vector_distance(FIRN_METRIC_L2, query, rig.vectors[id], N);
        if (count == K && distance >= nearest[K - 1]) {
            continue;
        }
        size_t at = count < K ? count++ : K - 1;
        for (; at > 0 && nearest[at - 1] > distance; at--) {
            nearest[at] = nearest[at - 1];
        }
        nearest[at] = distance;
    }
    return nearest[K - 1];
}

struct outcome {
    double recall;
    uint64_t walked;
    uint64_t judged;
};

/* All distances are those of the vectors that rows have now. */
static struct outcome
search(uint32_t ef, double recall)
{
    struct test_random random = {17};
    struct outcome outcome = {0, 0, 0};
    size_t hits = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        float query[N];
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
        firn_search_result *found;
        fill_vector(&random, query);
        options.k = K;
        options.metric = FIRN_METRIC_L2;
        options.ef = ef;
        options.recall = recall;
        const double limit = limit_of(query);
        OK(firn_table_search(rig.table, "v", query, N, &options, &found, &err));
        firn_search_result_get_stats(found, &stats);
        outcome.walked += stats.rows_walked;
        outcome.judged += stats.rows_judged;
        assert_int_equal(firn_search_result_count(found), K);
        for (size_t i = 0; i < K; i++) {
            const double distance = firn_search_result_distance(found, i);
            const int64_t id = firn_search_result_key(found, i, NULL)[0].as.i64;
            assert_true(id >= 0 && id < rig.rows);
            assert_true(distance ==
                        firn_vector_distance(FIRN_METRIC_L2, query, rig.vectors[id], N));
            hits += distance <= limit;
        }
        firn_search_result_destroy(found);
    }
    outcome.recall = (double)hits / (K * QUERIES);
    print_message("ef %u, recall %.2f: %.4f found, %llu walked\n", ef, recall, outcome.recall,
                  (unsigned long long)outcome.walked);
    return outcome;
}

/* ---- tests ---- */

static void
a_width_and_a_wanted_recall_are_kept(void **state)
{
    static const double recalls[] = {0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1};
    uint64_t walked = 0;
    begin(1, test_share_of(1, 0).step > 1 ? 5000 : ROWS, 200);
    put_rows(1);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_true(search(100, 0).recall >= 0.95);
    assert_true(search(200, 0).recall >= 0.98);
    /* A width also limits how many vectors are compared exactly. */
    assert_in_range(search(2 * K + 1, 0).judged, QUERIES * K, QUERIES * (2 * K + 1));
    assert_in_range(search(K + 3, 0).judged, QUERIES * K, QUERIES * (K + 3));
    assert_int_equal(search(1, 0).judged, QUERIES * K);
    for (size_t i = 0; i < sizeof recalls / sizeof recalls[0]; i++) {
        const struct outcome outcome = search(0, recalls[i]);
        assert_true(outcome.recall >= recalls[i] - 0.03);
        assert_true(outcome.walked > 0 && outcome.walked >= walked);
        walked = outcome.walked;
    }
    /* Half of the rows move, and are not found where they were. */
    put_rows(2);
    assert_true(search(200, 0).recall >= 0.95);
    OK(firn_store_compact(rig.store, NULL, &err));
    const struct outcome moved = search(200, 0);
    assert_true(moved.recall >= 0.95 && moved.walked > 0);
    end();
}

/* After a flush, and after a load; nobody compacts the table. */
static void
graphs_are_built_in_the_background(void **state)
{
    for (int is_load = 0; is_load < 2; is_load++) {
        firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
        struct outcome outcome = {0, 0, 0};
        begin(2, 4200, 20);
        if (is_load != 0) {
            load_rows();
        } else {
            put_rows(1);
            OK(firn_store_flush(rig.store, &err));
        }
        for (unsigned i = 0; i < 6000 && stats.graphs_built == 0; i++) {
            (void)usleep(20000);
            OK(firn_store_stats(rig.store, &stats, &err));
        }
        for (unsigned i = 0; i < 100 && outcome.walked == 0; i++) { /* it is attached later */
            (void)usleep(20000);
            outcome = search(100, 0);
        }
        assert_true(outcome.walked > 0);
        end();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_width_and_a_wanted_recall_are_kept),
        cmocka_unit_test(graphs_are_built_in_the_background),
    };
    return cmocka_run_group_tests_name("vector_cases", tests, NULL, NULL);
}
