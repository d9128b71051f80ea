/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: graphs of tables whose rows change again and again, with a compaction each time: searches against a model and
 * against exact ones, beside threads that search all the time, and with old graphs that are damaged.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

static firn_error err;

enum { N = 16, K = 10, ROWS = 4500, IDS = 2 * ROWS, QUERIES = 40, QUERIES_LONG = 240 };

/* Where vectors lie: around four centres, close around a hundred, or anywhere. */
enum style { FOUR_CENTRES, CLUSTERED, UNIFORM };
static const char *const styles[] = {"four centres", "clustered", "uniform"};

/* A store, and what its table should have. */
struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    float (*model)[N];
    bool *is_there;
    size_t count;
    size_t ids; /* rows that there may be: IDS, or more */
    enum style style;
};

static float
number(struct test_random *random)
{
    return (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
}

static void
fill_vector(enum style style, struct test_random *random, float *out)
{
    const float far = style == FOUR_CENTRES ? (float)test_random_below(random, 4) : 0;
    struct test_random centre = {1 + test_random_below(random, 100)};
    for (size_t i = 0; i < N; i++) {
        out[i] =
            style == CLUSTERED ? 4 * number(&centre) + number(random) : far + 2 * number(random);
    }
}

static void
put(struct rig *rig, firn_txn *txn, size_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    float *vector = rig->model[id];
    size_t twin = (size_t)test_random_below(&rig->random, rig->ids);
    fill_vector(rig->style, &rig->random, vector);
    if (id % 8 == 0 && rig->is_there[twin]) {
        memcpy(vector, rig->model[twin], sizeof rig->model[id]);
    }
    firn_value value = firn_blob(firn_bytes(vector, sizeof rig->model[id]));
    value.type = FIRN_TYPE_VECTOR;
    options.txn = txn;
    const firn_value row[] = {firn_i64((int64_t)id), value};
    OK(firn_table_upsert(rig->table, &options, row, 2, &err));
    rig->count += rig->is_there[id] ? 0 : 1;
    rig->is_there[id] = true;
}

static void
remove_row(struct rig *rig, firn_txn *txn, size_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    const firn_value key = firn_i64((int64_t)id);
    options.txn = txn;
    OK(firn_table_delete(rig->table, &options, &key, 1, &err));
    rig->count -= rig->is_there[id] ? 1 : 0;
    rig->is_there[id] = false;
}

/* In one transaction; more in a larger table. */
static void
change(struct rig *rig, size_t puts, size_t deletes)
{
    firn_txn *txn;
    puts *= rig->ids / IDS;
    deletes *= rig->ids / IDS;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    for (size_t i = 0; i < puts; i++) {
        put(rig, txn, (size_t)test_random_below(&rig->random, rig->ids));
    }
    for (size_t i = 0; i < deletes; i++) {
        size_t id = (size_t)test_random_below(&rig->random, rig->ids);
        if (rig->is_there[id]) {
            remove_row(rig, txn, id);
        }
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
compact(struct rig *rig)
{
    OK(firn_store_compact(rig->store, NULL, &err));
}

static firn_store_statistics
stats_of(const struct rig *rig)
{
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    OK(firn_store_stats(rig->store, &stats, &err));
    return stats;
}

static void
begin_with(struct rig *rig, enum style style, size_t ids, uint64_t seed)
{
    firn_table_def *def;
    firn_txn *txn;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    *rig = (struct rig){.style = style, .ids = ids};
    test_random_init(&rig->random, "vector_merge", seed);
    rig->model = calloc(ids, sizeof *rig->model);
    rig->is_there = calloc(ids, sizeof *rig->is_there);
    assert_true(rig->model != NULL && rig->is_there != NULL);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_def_parse("id i64 primary key, v vector(16)", &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 8;
    index.ef_construction = 40;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    for (size_t id = 0; id < ids; id += IDS / ROWS) {
        put(rig, txn, id);
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    compact(rig);
    assert_int_equal(stats_of(rig).graphs_merged, 0);
}

static void
begin(struct rig *rig, uint64_t seed)
{
    begin_with(rig, FOUR_CENTRES, IDS, seed);
}

static void
end(struct rig *rig)
{
    OK(firn_store_check(rig->store, NULL, NULL, &err));
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
    free(rig->model);
    free(rig->is_there);
}

static void
reopen(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

/* ---- searches ---- */

/* The distance of the K-th nearest row of the model. */
static double
bound_of(const struct rig *rig, const float *query)
{
    double nearest[K];
    size_t count = 0;
    for (size_t id = 0; id < rig->ids; id++) {
        double distance =
            rig->is_there[id] ? firn_vector_distance(FIRN_METRIC_L2, query, rig->model[id], N) : 0;
        if (!rig->is_there[id] || (count == K && distance >= nearest[K - 1])) {
            continue;
        }
        size_t at = count < K ? count++ : K - 1;
        for (; at > 0 && nearest[at - 1] > distance; at--) {
            nearest[at] = nearest[at - 1];
        }
        nearest[at] = distance;
    }
    assert_int_equal(count, K);
    return nearest[K - 1];
}

/* Which share of the model's nearest rows is found, with a recall wanted that is too small to be safe. What is found is right. */
static double
recall_of(struct rig *rig)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    struct test_random random = {99};
    uint64_t walked = 0;
    size_t hits = 0;
    options.metric = FIRN_METRIC_L2;
    options.k = K;
    options.ef = 24;
    /* With 40 of them the recall among 50,000 rows is wrong by three hundredths. */
    const size_t queries = rig->ids > IDS ? QUERIES_LONG : QUERIES;
    for (size_t q = 0; q < queries; q++) {
        float query[N];
        firn_search_result *found;
        firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
        fill_vector(rig->style, &random, query);
        double bound = bound_of(rig, query);
        OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
        firn_search_result_get_stats(found, &stats);
        walked += stats.rows_walked;
        assert_int_equal(firn_search_result_count(found), K);
        for (size_t i = 0; i < K; i++) {
            double distance = firn_search_result_distance(found, i);
            size_t id = (size_t)firn_search_result_key(found, i, NULL)[0].as.i64;
            assert_true(id < rig->ids && rig->is_there[id]);
            assert_true(firn_vector_distance(FIRN_METRIC_L2, query, rig->model[id], N) == distance);
            hits += distance <= bound;
        }
        firn_search_result_destroy(found);
    }
    assert_true(walked > 0);
    return (double)hits / (double)(K * queries);
}

/* Calls act with the path of each graph's file. */
static size_t
each_file(const struct rig *rig, const char *suffix, void (*act)(const char *path))
{
    char runs[2 * TEST_TEMP_SIZE];
    size_t count = 0;
    (void)snprintf(runs, sizeof runs, "%s/runs", rig->path);
    DIR *dir = opendir(runs);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strstr(entry->d_name, suffix) != NULL) {
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

static size_t
each_graph(const struct rig *rig, void (*act)(const char *path))
{
    return each_file(rig, ".graph", act);
}

/* Bytes in the middle, where links are, or the end. */
static void
damage_middle(const char *path)
{
    FILE *file = fopen(path, "r+b");
    uint8_t bytes[16384] = {0};
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_int_equal(fseek(file, ftell(file) / 3, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    assert_int_equal(fclose(file), 0);
}

static void
truncate_file(const char *path)
{
    assert_int_equal(truncate(path, 100), 0);
}

/* ---- tests ---- */

static void
check_merges(enum style style, size_t ids)
{
    struct rig rig;
    double lowest = 1;
    begin_with(&rig, style, ids, 61);
    for (int round = 0; round < 50; round++) {
        change(&rig, 40, 20);
        OK(firn_store_flush(rig.store, &err));
        change(&rig, 100 + (size_t)(round % 5) * 20, 80);
        if (round % 10 == 0) {
            assert_true(recall_of(&rig) >=
                        0.85); /* beside rows in memory, and runs without a graph */
        }
        compact(&rig);
        if (round % 5 == 4) {
            double recall = recall_of(&rig);
            lowest = recall < lowest ? recall : lowest;
        }
    }
    firn_store_statistics stats = stats_of(&rig);
    double merged = recall_of(&rig);
    assert_true(stats.graphs_merged >= 50 && stats.graphs_damaged == 0);
    /* The same rows, and a graph that was built of them alone. */
    OK(firn_store_close(rig.store, &err));
    assert_int_equal(each_graph(&rig, truncate_file), 1);
    OK(firn_store_open(rig.path, NULL, &rig.store, &err));
    OK(firn_table_open(rig.store, "t", &rig.table, &err));
    compact(&rig);
    assert_int_equal(stats_of(&rig).graphs_merged, 0);
    assert_int_equal(stats_of(&rig).graphs_built, 1);
    double fresh = recall_of(&rig);
    print_message("%s, %zu rows: recall %.4f after %u merges, at least %.4f meanwhile, %.4f "
                  "fresh\n",
                  styles[style], rig.count, merged, (unsigned)stats.graphs_merged, lowest, fresh);
    assert_true(merged >= 0.97 * fresh && lowest >= 0.94 * fresh);
    change(&rig, 10, 0);
    compact(&rig); /* the damaged file goes */
    end(&rig);
}

/* A change of few rows, a flush, another change, and a compaction, 50 times over: each row is changed about twice. */
static void
recall_holds_after_fifty_merges(void **state)
{
    for (enum style style = FOUR_CENTRES; style <= UNIFORM; style++) {
        check_merges(style, IDS);
        if (test_is_long()) {
            check_merges(style, (size_t)10 * IDS);
        }
    }
}

/* How many damaged graphs a search meets. */
static uint64_t
damaged_in(const struct rig *rig)
{
    const float query[N] = {1};
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_result *found;
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    options.metric = FIRN_METRIC_L2;
    options.k = K;
    OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
    firn_search_result_get_stats(found, &stats);
    firn_search_result_destroy(found);
    return stats.graphs_damaged;
}

static void
damaged_graphs_are_built_again(void **state)
{
    static void (*const acts[])(const char *path) = {damage_middle, truncate_file};
    /* A build that the background cancels, because its run goes, drops the damaged graph unseen: then
     * once more. */
    uint64_t noticed = 0;
    for (size_t i = 0; i < 2 || (noticed == 0 && i < 10); i++) {
        struct rig rig;
        begin(&rig, 62);
        OK(firn_store_close(rig.store, &err));
        assert_int_equal(each_graph(&rig, acts[i % 2]), 1);
        OK(firn_store_open(rig.path, NULL, &rig.store, &err));
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
        assert_true(damaged_in(&rig) > 0);
        change(&rig, 100, 100);
        compact(&rig);
        firn_store_statistics stats = stats_of(&rig);
        noticed += stats.graphs_damaged;
        /* One is built from nothing: by the compaction, or before it by the background; then the compaction merges that one. */
        assert_true(stats.graphs_built > stats.graphs_merged && damaged_in(&rig) == 0);
        assert_true(recall_of(&rig) >= 0.9);
        assert_int_equal(each_graph(&rig, NULL), 1);
        end(&rig);
    }
    assert_true(noticed > 0);
}

/* Snapshots keep runs that were compacted; a store that was opened again merges graphs too. */
static void
snapshots_and_openings_do_no_harm(void **state)
{
    struct rig rig;
    firn_snapshot *before;
    begin(&rig, 63);
    for (int round = 0; round < 6; round++) {
        OK(firn_snapshot_open(rig.store, NULL, &before, &err));
        change(&rig, 100, 100);
        compact(&rig);
        assert_int_equal(stats_of(&rig).graphs_merged, 1);
        assert_true(recall_of(&rig) >= 0.85);
        firn_snapshot_close(before);
        reopen(&rig);
        assert_true(recall_of(&rig) >= 0.85);
    }
    assert_int_equal(each_graph(&rig, NULL), 1);
    end(&rig);
}

/* ---- many runs ---- */

enum { WIDE = 32 };

static void
fill_wide(struct rig *rig, int64_t rows)
{
    static float vector[WIDE];
    for (int64_t id = 0; id < rows; id += 1000) {
        firn_txn *txn;
        firn_row_options put_options = FIRN_ROW_OPTIONS_INIT;
        OK(firn_txn_begin(rig->store, NULL, &txn, &err));
        put_options.txn = txn;
        for (int64_t i = 0; i < 1000; i++) {
            for (size_t j = 0; j < WIDE; j++) {
                vector[j] = number(&rig->random);
            }
            firn_value value = firn_blob(firn_bytes(vector, sizeof vector));
            value.type = FIRN_TYPE_VECTOR;
            const firn_value row[] = {firn_i64(id + i), value};
            OK(firn_table_upsert(rig->table, &put_options, row, 2, &err));
        }
        OK(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
    }
}

/* All rows are reached by graphs, but those of a few runs that are too small for one. */
static void
assert_graphs_serve(struct rig *rig)
{
    float query[WIDE];
    firn_search_options search = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result *found;
    search.ef = 64;
    for (size_t j = 0; j < WIDE; j++) {
        query[j] = number(&rig->random);
    }
    OK(firn_table_search(rig->table, "v", query, WIDE, &search, &found, &err));
    firn_search_result_get_stats(found, &stats);
    assert_int_equal(firn_search_result_count(found), K);
    firn_search_result_destroy(found);
    assert_true(stats.rows_walked > 0 && stats.rows_measured < 3 * 4096);
}

/* Memory has room for the links of two runs. If there are more, these have lists, so that every run has a graph; if there are
 * many more, all have lists, and are larger. */
static void
with_little_memory_every_run_has_a_graph(void **state)
{
    static const struct {
        int64_t rows;
        size_t least;
        size_t most;
    } rounds[] = {{60000, 4, 8}, {120000, 2, 4}};
    for (size_t round = 0; round < sizeof rounds / sizeof rounds[0]; round++) {
        struct rig rig = {.store = NULL};
        firn_store_options options = FIRN_STORE_OPTIONS_INIT;
        firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
        firn_table_def *def;
        test_random_init(&rig.random, "vector_merge", 65);
        test_temp_make(rig.dir, sizeof rig.dir);
        (void)snprintf(rig.path, sizeof rig.path, "%s/s.firn", rig.dir);
        options.memory_bytes = 8 << 20;
        OK(firn_store_open(rig.path, &options, &rig.store, &err));
        OK(firn_table_def_parse("id i64 primary key, v vector(32)", &def, &err));
        OK(firn_table_create(rig.store, "t", def, &rig.table, &err));
        firn_release(def);
        index.name = "near";
        index.column = "v";
        index.m = 4;
        index.ef_construction = 4;
        OK(firn_table_add_vector_index(rig.table, &index, &err));
        fill_wide(&rig, rounds[round].rows);
        compact(&rig);
        const size_t graphs = each_graph(&rig, NULL);
        print_message("%d rows: %zu graphs, %zu runs\n", (int)rounds[round].rows, graphs,
                      each_file(&rig, ".column", NULL));
        assert_true(graphs >= rounds[round].least && graphs <= rounds[round].most);
        assert_graphs_serve(&rig);
        OK(firn_store_check(rig.store, NULL, NULL, &err));
        OK(firn_store_close(rig.store, &err));
        OK(firn_store_destroy(rig.path, &err));
        assert_int_equal(rmdir(rig.dir), 0);
    }
}

/* ---- threads ---- */

struct searcher {
    firn_table *table;
    _Atomic bool *is_over;
    uint64_t seed;
    size_t searches;
};

static void *
search_on(void *arg)
{
    struct searcher *searcher = arg;
    struct test_random random = {searcher->seed};
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.metric = FIRN_METRIC_L2;
    options.k = K;
    while (!atomic_load(searcher->is_over)) {
        float query[N];
        firn_search_result *found;
        firn_error own;
        const int64_t most = IDS / 2 + (int64_t)test_random_below(&random, 3);
        const firn_value parameter = firn_i64(most);
        const uint64_t way = test_random_below(&random, 4);
        fill_vector(FOUR_CENTRES, &random, query);
        options.exact = way == 0;
        options.where = way == 1 ? "id < ?" : NULL; /* graphs remember the answer */
        options.parameters = &parameter;
        options.parameter_count = way == 1 ? 1 : 0;
        assert_int_equal(firn_table_search(searcher->table, "v", query, N, &options, &found, &own),
                         FIRN_OK);
        assert_int_equal(firn_search_result_count(found), K);
        for (size_t i = 0; i < K; i++) {
            assert_true(i == 0 || firn_search_result_distance(found, i) >=
                                      firn_search_result_distance(found, i - 1));
            assert_true(way != 1 || firn_search_result_key(found, i, NULL)[0].as.i64 < most);
        }
        firn_search_result_destroy(found);
        searcher->searches++;
    }
    return NULL;
}

static void
threads_search_beside_writes_and_merges(void **state)
{
    struct rig rig;
    struct searcher searchers[2];
    pthread_t threads[2];
    _Atomic bool is_over = false;
    begin(&rig, 64);
    for (size_t i = 0; i < 2; i++) {
        searchers[i] = (struct searcher){rig.table, &is_over, i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, search_on, &searchers[i]), 0);
    }
    for (int round = 0; round < 6; round++) {
        change(&rig, 100, 100);
        OK(firn_store_flush(rig.store, &err));
        change(&rig, 50, 50);
        compact(&rig);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(searchers[i].searches > 0);
    }
    assert_true(stats_of(&rig).graphs_merged > 0);
    assert_true(recall_of(&rig) >= 0.85);
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recall_holds_after_fifty_merges),
        cmocka_unit_test(damaged_graphs_are_built_again),
        cmocka_unit_test(snapshots_and_openings_do_no_harm),
        cmocka_unit_test(with_little_memory_every_run_has_a_graph),
        cmocka_unit_test(threads_search_beside_writes_and_merges),
    };
    test_threads_only();
    return cmocka_run_group_tests_name("vector_merge", tests, NULL, NULL);
}
