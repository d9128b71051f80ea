/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: searches by graphs against searches that look at all rows: after loads, changes, deletes and compactions, in
 * snapshots and transactions, under conditions, after opening again, and where a graph is damaged or missing.
 */
#include <dirent.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 24, K = 10, CENTRES = 30 };

/* Enough rows for a graph, also after a sixth of half of them is gone. */
static const int64_t rows_all = 5000;
static size_t query_count = 20;

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    float centres[CENTRES][N];
    float spread; /* of vectors around their centre */
};

static float
number(struct test_random *random)
{
    return (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
}

static void
fill_vector(struct rig *rig, float *out)
{
    const float *centre = rig->centres[test_random_below(&rig->random, CENTRES)];
    for (size_t i = 0; i < N; i++) {
        out[i] = centre[i] + rig->spread * (number(&rig->random) + number(&rig->random));
    }
}

static firn_value
vector_of(const float *numbers)
{
    firn_value value = firn_blob(firn_bytes(numbers, N * sizeof *numbers));
    value.type = FIRN_TYPE_VECTOR;
    return value;
}

static void
put(struct rig *rig, firn_txn *txn, int64_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    float vector[N];
    fill_vector(rig, vector);
    options.txn = txn;
    const firn_value row[] = {firn_i64(id), firn_i64(id % 1000), vector_of(vector)};
    OK(firn_table_upsert(rig->table, &options, row, 3, &err));
}

static void
put_range(struct rig *rig, int64_t from, int64_t to, int64_t step)
{
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    for (int64_t id = from; id < to; id += step) {
        put(rig, txn, id);
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
delete_range(struct rig *rig, int64_t from, int64_t to, int64_t step)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = from; id < to; id += step) {
        const firn_value key = firn_i64(id);
        OK(firn_table_delete(rig->table, &options, &key, 1, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
add_index(struct rig *rig, const char *name, firn_metric metric)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    index.name = name;
    index.column = "v";
    index.metric = metric;
    index.m = 8;
    index.ef_construction = 40;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
}

static void
begin(struct rig *rig, uint64_t seed)
{
    firn_table_def *def;
    *rig = (struct rig){.store = NULL, .spread = 1};
    test_random_init(&rig->random, "vector_index", seed);
    for (size_t i = 0; i < CENTRES; i++) {
        for (size_t j = 0; j < N; j++) {
            rig->centres[i][j] = 3 * number(&rig->random);
        }
    }
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_def_parse("id i64 primary key, kind i32, v vector(24)", &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
}

static void
end(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

static void
reopen(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

/* ---- searches ---- */

/* How many of the exact nearest a search finds; distances and keys are right in any case. */
static size_t
hits_of(const struct rig *rig, const float *query, firn_search_options options,
        firn_search_stats *stats)
{
    firn_search_result *found;
    firn_search_result *exact;
    size_t hits = 0;
    options.exact = false;
    OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
    *stats = (firn_search_stats)FIRN_SEARCH_STATS_INIT;
    firn_search_result_get_stats(found, stats);
    options.exact = true;
    OK(firn_table_search(rig->table, "v", query, N, &options, &exact, &err));
    size_t count = firn_search_result_count(exact);
    assert_int_equal(firn_search_result_count(found), count);
    for (size_t i = 0; i < count; i++) {
        double distance = firn_search_result_distance(found, i);
        assert_true(distance >= firn_search_result_distance(exact, i));
        assert_true(i == 0 || distance >= firn_search_result_distance(found, i - 1));
        hits += distance <= firn_search_result_distance(exact, count - 1);
        firn_value vector = firn_search_result_values(found, i, NULL)[0];
        float copy[N];
        assert_int_equal(vector.as.bytes.size, sizeof copy);
        memcpy(copy, vector.as.bytes.data, sizeof copy);
        assert_true(firn_vector_distance(options.metric, query, copy, N) == distance);
    }
    firn_search_result_destroy(found);
    firn_search_result_destroy(exact);
    return hits;
}

struct outcome {
    double recall;
    uint64_t walked;
    uint64_t measured;
    uint64_t damaged;
};

static struct outcome
search_many(struct rig *rig, firn_search_options options)
{
    static const char *const columns[] = {"v"};
    struct outcome outcome = {0, 0, 0, 0};
    size_t hits = 0;
    options.columns = columns;
    options.column_count = 1;
    options.k = K;
    for (size_t q = 0; q < query_count; q++) {
        float query[N];
        firn_search_stats stats;
        fill_vector(rig, query);
        hits += hits_of(rig, query, options, &stats);
        outcome.walked += stats.rows_walked;
        outcome.measured += stats.rows_measured;
        outcome.damaged += stats.graphs_damaged;
    }
    outcome.recall = (double)hits / (double)(K * query_count);
    return outcome;
}

static struct outcome
search_by(struct rig *rig, firn_metric metric)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.metric = metric;
    return search_many(rig, options);
}

/* ---- tests ---- */

static void
compacted_tables_are_searched_by_graphs(void **state)
{
    struct rig rig;
    begin(&rig, 1);
    add_index(&rig, "near", FIRN_METRIC_COSINE);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    struct outcome outcome = search_by(&rig, FIRN_METRIC_COSINE);
    assert_true(outcome.recall >= 0.95);
    assert_true(outcome.walked > 0);
    assert_int_equal(outcome.measured, 0);
    assert_true(outcome.walked < query_count * (uint64_t)rows_all / 2);
    /* Another metric has no graph. */
    outcome = search_by(&rig, FIRN_METRIC_L2);
    assert_true(outcome.recall >= 1);
    assert_int_equal(outcome.walked, 0);
    reopen(&rig);
    outcome = search_by(&rig, FIRN_METRIC_COSINE);
    assert_true(outcome.recall >= 0.95);
    assert_true(outcome.walked > 0);
    OK(firn_store_check(rig.store, NULL, NULL, &err));
    end(&rig);
}

/* Vectors so near to each other that their codes are alike: only the vectors tell which is nearest. */
static void
codes_that_are_alike_hide_nothing(void **state)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    struct rig rig;
    begin(&rig, 10);
    rig.spread = 0.005F;
    add_index(&rig, "near", FIRN_METRIC_L2);
    put_range(&rig, 0, 4200, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    options.metric = FIRN_METRIC_L2;
    options.ef = 400; /* more than a centre has */
    struct outcome outcome = search_many(&rig, options);
    assert_true(outcome.recall >= 0.99 && outcome.walked > 0);
    options.where = "kind < 500"; /* few enough that all their codes are compared */
    outcome = search_many(&rig, options);
    assert_true(outcome.recall >= 0.99 && outcome.walked > 0);
    end(&rig);
}

static void
indexes_of_tables_with_rows_are_built(void **state)
{
    struct rig rig;
    begin(&rig, 2);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    add_index(&rig, "a", FIRN_METRIC_L2);
    add_index(&rig, "b", FIRN_METRIC_DOT);
    OK(firn_store_compact(rig.store, NULL, &err));
    struct outcome outcome = search_by(&rig, FIRN_METRIC_L2);
    assert_true(outcome.recall >= 0.95 && outcome.walked > 0);
    outcome = search_by(&rig, FIRN_METRIC_DOT);
    assert_true(outcome.recall >= 0.90 && outcome.walked > 0);
    /* Without the index its graphs are not used; with it again they are there at once. */
    OK(firn_table_drop_index(rig.table, "a", &err));
    OK(firn_table_drop_index(rig.table, "b", &err));
    assert_int_equal(search_by(&rig, FIRN_METRIC_L2).walked, 0);
    add_index(&rig, "c", FIRN_METRIC_L2);
    assert_true(search_by(&rig, FIRN_METRIC_L2).walked > 0);
    end(&rig);
}

static void
conditions_hold_at_any_share_of_rows(void **state)
{
    static const char *const wheres[] = {"kind < 900", "kind < 500", "kind < 300", "kind < 100",
                                         "kind < 10",  "kind = 5",   "kind < 0",   "id >= 0"};
    struct rig rig;
    begin(&rig, 3);
    add_index(&rig, "near", FIRN_METRIC_L2);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    for (size_t i = 0; i < sizeof wheres / sizeof wheres[0]; i++) {
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        options.metric = FIRN_METRIC_L2;
        options.where = wheres[i];
        struct outcome outcome = search_many(&rig, options);
        print_message("%s: recall %.3f\n", wheres[i], outcome.recall);
        /* One kind has fewer rows than are wanted. */
        double few = 0.85 * (double)rows_all / 9000;
        assert_true(outcome.recall >= (i == 6 ? 0 : i == 5 ? few : 0.95));
        assert_int_equal(outcome.measured, 0);
    }
    end(&rig);
}

static void
changes_are_found_and_what_was_is_not(void **state)
{
    struct rig rig;
    firn_snapshot *before;
    begin(&rig, 4);
    add_index(&rig, "near", FIRN_METRIC_L2);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    OK(firn_snapshot_open(rig.store, NULL, &before, &err));
    /* Half of the rows move, others go. hits_of holds all that is found against what rows are now. */
    put_range(&rig, 0, rows_all, 2);
    delete_range(&rig, 1, rows_all, 6);
    put_range(&rig, rows_all, rows_all + 300, 1);
    assert_true(search_by(&rig, FIRN_METRIC_L2).recall >= 0.95);
    OK(firn_store_flush(rig.store, &err));
    assert_true(search_by(&rig, FIRN_METRIC_L2).recall >= 0.95);
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.metric = FIRN_METRIC_L2;
    options.snapshot = before;
    assert_true(search_many(&rig, options).recall >= 0.95);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_true(search_many(&rig, options).recall >= 0.95);
    struct outcome outcome = search_by(&rig, FIRN_METRIC_L2);
    assert_true(outcome.recall >= 0.95 && outcome.walked > 0);
    firn_snapshot_close(before);
    /* Few are left. */
    delete_range(&rig, 0, rows_all, 2);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_true(search_by(&rig, FIRN_METRIC_L2).recall >= 0.95);
    end(&rig);
}

static void
transactions_find_their_own_rows_alone(void **state)
{
    struct rig rig;
    firn_txn *txn;
    begin(&rig, 5);
    add_index(&rig, "near", FIRN_METRIC_L2);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    OK(firn_txn_begin(rig.store, NULL, &txn, &err));
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.metric = FIRN_METRIC_L2;
    options.txn = txn;
    assert_true(search_many(&rig, options).recall >= 0.95);
    for (int64_t id = rows_all; id < rows_all + 100; id++) {
        put(&rig, txn, id);
    }
    assert_true(search_many(&rig, options).recall >= 1);
    firn_txn_close(txn);
    struct outcome outcome = search_by(&rig, FIRN_METRIC_L2);
    assert_true(outcome.recall >= 0.95 && outcome.walked > 0);
    end(&rig);
}

static void
checkpoints_keep_their_answers(void **state)
{
    struct rig rig;
    begin(&rig, 6);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_checkpoint_create(rig.store, "without", NULL, NULL, &err));
    add_index(&rig, "near", FIRN_METRIC_L2);
    OK(firn_store_compact(rig.store, NULL, &err));
    OK(firn_store_checkpoint_create(rig.store, "with", NULL, NULL, &err));
    put_range(&rig, 0, rows_all, 3);
    OK(firn_store_compact(rig.store, NULL, &err));
    for (int i = 0; i < 2; i++) {
        OK(firn_store_restore(rig.store, i == 0 ? "without" : "with", NULL, &err));
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
        assert_true(search_by(&rig, FIRN_METRIC_L2).recall >= 0.95);
        OK(firn_store_compact(rig.store, NULL, &err));
        assert_true(search_by(&rig, FIRN_METRIC_L2).recall >= 0.95);
    }
    end(&rig);
}

/* Calls act with the path of each graph's file. */
static size_t
each_graph(const struct rig *rig, void (*act)(const char *path))
{
    char runs[2 * TEST_TEMP_SIZE];
    size_t count = 0;
    (void)snprintf(runs, sizeof runs, "%s/runs", rig->path);
    DIR *dir = opendir(runs);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strstr(entry->d_name, ".graph") != NULL) {
            char path[4 * TEST_TEMP_SIZE + 300];
            (void)snprintf(path, sizeof path, "%s/%s", runs, entry->d_name);
            count++;
            if (act != NULL) {
                act(path);
            }
        }
    }
    assert_int_equal(closedir(dir), 0);
    return count;
}

static void
damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    uint8_t bytes[8192];
    assert_non_null(file);
    assert_int_equal(fseek(file, 20000, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 0x55;
    }
    assert_int_equal(fseek(file, 20000, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
}

static void
truncate_file(const char *path)
{
    assert_int_equal(truncate(path, 100), 0);
}

static void
remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void
damaged_and_missing_graphs_are_done_without(void **state)
{
    static void (*const acts[])(const char *path) = {damage, truncate_file, remove_file};
    for (size_t i = 0; i < 3; i++) {
        struct rig rig;
        begin(&rig, 7);
        add_index(&rig, "near", FIRN_METRIC_L2);
        put_range(&rig, 0, rows_all, 1);
        OK(firn_store_compact(rig.store, NULL, &err));
        OK(firn_store_close(rig.store, &err));
        assert_int_equal(each_graph(&rig, acts[i]), 1);
        OK(firn_store_open(rig.path, NULL, &rig.store, &err));
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
        struct outcome outcome = search_by(&rig, FIRN_METRIC_L2);
        assert_true(outcome.recall >= 0.95);
        assert_true(i == 0 || outcome.recall >= 1);
        assert_true(outcome.damaged > 0);
        assert_int_equal(firn_store_check(rig.store, NULL, NULL, &err), FIRN_CORRUPT);
        end(&rig);
    }
}

/* What was compacted away takes its graphs along; dropped tables leave nothing. */
static void
graphs_go_with_their_runs(void **state)
{
    struct rig rig;
    begin(&rig, 8);
    add_index(&rig, "near", FIRN_METRIC_L2);
    for (int i = 0; i < 4; i++) {
        put_range(&rig, 0, rows_all, 1);
        OK(firn_store_compact(rig.store, NULL, &err));
        assert_int_equal(each_graph(&rig, NULL), 1);
    }
    delete_range(&rig, 0, rows_all - 100, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(each_graph(&rig, NULL), 0);
    put_range(&rig, 0, rows_all, 1);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(each_graph(&rig, NULL), 1);
    OK(firn_table_drop(rig.store, "t", &err));
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(each_graph(&rig, NULL), 0);
    end(&rig);
}

static void
impossible_indexes_are_refused(void **state)
{
    struct rig rig;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    begin(&rig, 9);
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_INVALID);
    index.name = "x";
    index.column = "none";
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_NOT_FOUND);
    index.column = "kind";
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_INVALID);
    index.column = "v";
    index.m = 3;
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_INVALID);
    index.m = 16;
    index.ef_construction = 0;
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_INVALID);
    index.ef_construction = 100;
    index.metric = (firn_metric)7;
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_INVALID);
    index.metric = FIRN_METRIC_DOT;
    OK(firn_table_add_vector_index(rig.table, &index, &err));
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_EXISTS);
    const char *columns[] = {"kind"};
    const firn_table_index other = {"x", columns, 1, false};
    assert_int_equal(firn_table_add_index(rig.table, &other, &err), FIRN_EXISTS);
    assert_int_equal(firn_table_drop_column(rig.table, "v", &err), FIRN_INVALID);
    assert_non_null(strstr(err.text, "index x"));
    reopen(&rig);
    assert_int_equal(firn_table_add_vector_index(rig.table, &index, &err), FIRN_EXISTS);
    OK(firn_table_drop_index(rig.table, "x", &err));
    assert_int_equal(firn_table_drop_index(rig.table, "x", &err), FIRN_NOT_FOUND);
    OK(firn_table_drop_column(rig.table, "v", &err));
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compacted_tables_are_searched_by_graphs),
        cmocka_unit_test(codes_that_are_alike_hide_nothing),
        cmocka_unit_test(indexes_of_tables_with_rows_are_built),
        cmocka_unit_test(conditions_hold_at_any_share_of_rows),
        cmocka_unit_test(changes_are_found_and_what_was_is_not),
        cmocka_unit_test(transactions_find_their_own_rows_alone),
        cmocka_unit_test(checkpoints_keep_their_answers),
        cmocka_unit_test(damaged_and_missing_graphs_are_done_without),
        cmocka_unit_test(graphs_go_with_their_runs),
        cmocka_unit_test(impossible_indexes_are_refused),
    };
    if (test_is_long()) {
        query_count = 100;
    }
    return cmocka_run_group_tests_name("vector_index", tests, NULL, NULL);
}
