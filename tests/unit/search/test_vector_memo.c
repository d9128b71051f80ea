/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: conditions that are asked again and again of a table with graphs, against a model in memory: graphs remember
 * which rows fulfil a condition, and must not do so when the rows, the columns, the parameters or the state are others.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 8, K = 6, ROWS = 6000, ROWS_MAX = 6600, KINDS = 40 };

struct model {
    struct {
        bool is_there;
        int kind;
        float v[N];
    } rows[ROWS_MAX];
};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    struct model now;
};

static void
begin(struct rig *rig, uint64_t seed)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    firn_table_def *def;
    memset(rig, 0, sizeof *rig);
    test_random_init(&rig->random, "vector_memo", seed);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_def_parse("id i64 primary key, kind i32, v vector(8)", &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 8;
    index.ef_construction = 20;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
}

static void
end(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
    free(rig);
}

static void
fill_vector(struct rig *rig, float *out)
{
    for (size_t i = 0; i < N; i++) {
        out[i] = (float)test_random_below(&rig->random, 1000000) / 1000;
    }
}

/* Writes new rows, or deletes, every step-th. */
static void
change(struct rig *rig, size_t from, size_t to, size_t step, bool is_delete)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (size_t id = from; id < to; id += step) {
        rig->now.rows[id].is_there = !is_delete;
        rig->now.rows[id].kind = (int)test_random_below(&rig->random, KINDS);
        fill_vector(rig, rig->now.rows[id].v);
        firn_value row[] = {firn_i64((int64_t)id), firn_i64(rig->now.rows[id].kind),
                            firn_blob(firn_bytes(rig->now.rows[id].v, N * sizeof(float)))};
        row[2].type = FIRN_TYPE_VECTOR;
        OK(is_delete ? firn_table_delete(rig->table, &options, row, 1, &err)
                     : firn_table_upsert(rig->table, &options, row, 3, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

/* The distances of the K nearest rows of kinds from first to last; returns how many there are. */
static size_t
nearest(const struct model *model, const float *query, int first, int last, double *out)
{
    size_t count = 0;
    for (size_t id = 0; id < ROWS_MAX; id++) {
        if (!model->rows[id].is_there || model->rows[id].kind < first ||
            model->rows[id].kind > last) {
            continue;
        }
        const double distance = firn_vector_distance(FIRN_METRIC_L2, query, model->rows[id].v, N);
        if (count == K && distance >= out[K - 1]) {
            continue;
        }
        size_t at = count < K ? count++ : K - 1;
        for (; at > 0 && out[at - 1] > distance; at--) {
            out[at] = out[at - 1];
        }
        out[at] = distance;
    }
    return count;
}

/* One search, exact or by a walk as wide as the graph, which finds all but for rare rows. */
static size_t
hits(struct rig *rig, const struct model *model, firn_search_options options, int first, int last)
{
    firn_search_result *found;
    double distances[K];
    float query[N];
    size_t count = 0;
    fill_vector(rig, query);
    const size_t wanted = nearest(model, query, first, last, distances);
    options.k = K;
    options.metric = FIRN_METRIC_L2;
    OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
    assert_int_equal(firn_search_result_count(found), wanted);
    for (size_t i = 0; i < wanted; i++) {
        const int64_t id = firn_search_result_key(found, i, NULL)[0].as.i64;
        const double distance = firn_search_result_distance(found, i);
        assert_true(id >= 0 && id < ROWS_MAX && model->rows[id].is_there);
        assert_true(model->rows[id].kind >= first && model->rows[id].kind <= last);
        assert_true(firn_vector_distance(FIRN_METRIC_L2, query, model->rows[id].v, N) == distance);
        count += distance <= distances[wanted - 1];
        assert_true(!options.exact || distance == distances[i]);
    }
    firn_search_result_destroy(found);
    return count;
}

/* The same conditions again and again, in any order: more of them than are remembered. */
static void
ask(struct rig *rig, const struct model *model, firn_snapshot *snapshot)
{
    size_t found = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < 60; i++) {
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        const int kind = (int)test_random_below(&rig->random, 6);
        const firn_value limit = firn_i64(kind * 7);
        char text[64];
        options.snapshot = snapshot;
        options.exact = test_random_below(&rig->random, 3) == 0;
        options.threads = (unsigned)test_random_below(&rig->random, 3);
        options.where = text;
        if (test_random_below(&rig->random, 2) == 0) {
            /* The parameter decides. */
            (void)snprintf(text, sizeof text, "kind <= ?");
            options.parameters = &limit;
            options.parameter_count = 1;
            found += hits(rig, model, options, 0, kind * 7);
        } else {
            (void)snprintf(text, sizeof text, "kind >= %d", kind * 7);
            found += hits(rig, model, options, kind * 7, KINDS);
        }
        wanted += K;
    }
    assert_true(found * 100 >= wanted * 90);
}

static void
conditions_follow_rows_and_states(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct model *before = malloc(sizeof *before);
    firn_snapshot *snapshot;
    assert_non_null(rig);
    assert_non_null(before);
    begin(rig, 1);
    change(rig, 0, ROWS, 1, false);
    OK(firn_store_compact(rig->store, NULL, &err));
    ask(rig, &rig->now, NULL);
    OK(firn_snapshot_open(rig->store, NULL, &snapshot, &err));
    OK(firn_store_checkpoint_create(rig->store, "before", NULL, NULL, &err));
    *before = rig->now;
    /* Rows in memory, then in a run without a graph, beside those that are remembered. */
    change(rig, 0, ROWS, 9, false);
    change(rig, 1, ROWS, 50, true);
    change(rig, ROWS, ROWS_MAX, 1, false);
    ask(rig, &rig->now, NULL);
    ask(rig, before, snapshot);
    OK(firn_store_flush(rig->store, &err));
    ask(rig, &rig->now, NULL);
    ask(rig, before, snapshot);
    OK(firn_store_compact(rig->store, NULL, &err));
    ask(rig, &rig->now, NULL);
    ask(rig, before, snapshot);
    firn_snapshot_close(snapshot);
    OK(firn_store_restore(rig->store, "before", NULL, &err));
    ask(rig, before, NULL);
    end(rig);
    free(before);
}

/* A column of the same name is another column: in each state, the condition means what it has. */
static void
conditions_follow_columns(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    firn_snapshot *snapshot;
    firn_table_column column = {.name = "kind", .type = FIRN_TYPE_I32};
    assert_non_null(rig);
    begin(rig, 2);
    change(rig, 0, ROWS, 1, false);
    OK(firn_store_compact(rig->store, NULL, &err));
    ask(rig, &rig->now, NULL);
    OK(firn_snapshot_open(rig->store, NULL, &snapshot, &err));
    OK(firn_store_checkpoint_create(rig->store, "before", NULL, NULL, &err));
    OK(firn_table_drop_column(rig->table, "kind", &err));
    OK(firn_table_add_column(rig->table, &column, &err)); /* null in all rows */
    for (size_t i = 0; i < 4; i++) {
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        options.where = i % 2 == 0 ? "kind >= 0" : "kind is null";
        options.k = K;
        options.metric = FIRN_METRIC_L2;
        firn_search_result *found;
        OK(firn_table_search(rig->table, "v", rig->now.rows[0].v, N, &options, &found, &err));
        assert_int_equal(firn_search_result_count(found), i % 2 == 0 ? 0 : K);
        firn_search_result_destroy(found);
        ask(rig, &rig->now, snapshot);
    }
    firn_snapshot_close(snapshot);
    OK(firn_store_restore(rig->store, "before", NULL, &err));
    ask(rig, &rig->now, NULL);
    end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_follow_rows_and_states),
        cmocka_unit_test(conditions_follow_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
