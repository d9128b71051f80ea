/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: exact searches of tables with graphs against every distance computed here: no row is missed, ties included, for
 * vectors of all kinds, metrics, conditions, deleted and changed rows, snapshots, and a cache that cannot hold a graph.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

enum { N_MAX = 70, ROWS_MAX = 6000, K_MAX = 300 };

static const char *const kinds[] = {"uniform",    "clustered", "duplicates", "zeros",
                                    "one vector", "tiny",      "huge",       "far from 0"};
enum { UNIFORM, CLUSTERED, DUPLICATES, ZEROS, ONE, TINY, HUGE_ONES, FAR, KINDS };

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    size_t n;
    int kind;
    float centres[20][N_MAX];
    /* What the table has: of each id; deleted rows and nulls are not there. */
    float vectors[ROWS_MAX][N_MAX];
    bool is_there[ROWS_MAX];
    int64_t rows;
};

static float
number(struct test_random *random)
{
    return (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
}

static void
fill_vector(struct rig *rig, float *out)
{
    const float *centre = rig->centres[test_random_below(&rig->random, 20)];
    const bool is_zero = rig->kind == ZEROS && test_random_below(&rig->random, 3) == 0;
    for (size_t i = 0; i < rig->n; i++) {
        const float random = number(&rig->random);
        switch (rig->kind) {
        case UNIFORM:
            out[i] = random;
            break;
        case DUPLICATES:
            out[i] = centre[i] + (i == 0 ? (float)test_random_below(&rig->random, 8) : 0);
            break;
        case ONE:
            out[i] = 0.25F;
            break;
        case TINY:
            out[i] = random * 1e-38F;
            break;
        case HUGE_ONES:
            out[i] = random * 3e38F;
            break;
        case FAR:
            out[i] = 1000 + random;
            break;
        default:
            out[i] = is_zero ? 0 : centre[i] + random * 0.3F;
        }
    }
}

static firn_value
vector_of(const float *numbers, size_t n)
{
    firn_value value = firn_blob(firn_bytes(numbers, n * sizeof *numbers));
    value.type = FIRN_TYPE_VECTOR;
    return value;
}

static void
put(struct rig *rig, firn_txn *txn, int64_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    const bool is_null = test_random_below(&rig->random, 200) == 0;
    float *vector = rig->vectors[id];
    fill_vector(rig, vector);
    options.txn = txn;
    const firn_value row[] = {firn_i64(id), firn_i64(id % 100),
                              is_null ? firn_null() : vector_of(vector, rig->n)};
    OK(firn_table_upsert(rig->table, &options, row, 3, &err));
    rig->is_there[id] = !is_null;
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
    for (int64_t id = from; id < to; id += step) {
        const firn_value key = firn_i64(id);
        OK(firn_table_delete(rig->table, NULL, &key, 1, &err));
        rig->is_there[id] = false;
    }
}

static void
begin(struct rig *rig, int kind, size_t n, firn_metric metric, uint64_t memory, uint64_t seed)
{
    firn_table_def *def;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    char text[100];
    memset(rig, 0, sizeof *rig);
    rig->kind = kind;
    rig->n = n;
    rig->rows = 5000;
    test_random_init(&rig->random, "search_exact", seed);
    for (size_t i = 0; i < 20; i++) {
        for (size_t j = 0; j < N_MAX; j++) {
            rig->centres[i][j] = number(&rig->random);
        }
    }
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    if (memory > 0) {
        options.memory_bytes = memory;
    }
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
    (void)snprintf(text, sizeof text, "id i64 primary key, kind i32, v vector(%zu)", n);
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = metric;
    index.m = 4;
    index.ef_construction = 8; /* no walk depends on it here */
    OK(firn_table_add_vector_index(rig->table, &index, &err));
    put_range(rig, 0, rig->rows, 1);
    OK(firn_store_compact(rig->store, NULL, &err));
}

static void
end(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- the judge ---- */

struct near {
    double distance;
    int64_t id;
};

static int
compare(const void *a, const void *b)
{
    const struct near *left = a;
    const struct near *right = b;
    return left->distance != right->distance ? (left->distance > right->distance ? 1 : -1)
                                             : (left->id > right->id) - (left->id < right->id);
}

/* Every distance; where only rows whose id % 100 is below `most`. */
static size_t
all_near(const struct rig *rig, firn_metric metric, const float *query, int64_t most,
         struct near *out)
{
    size_t count = 0;
    for (int64_t id = 0; id < rig->rows; id++) {
        if (rig->is_there[id] && id % 100 < most) {
            out[count].distance = firn_vector_distance(metric, query, rig->vectors[id], rig->n);
            out[count++].id = id;
        }
    }
    qsort(out, count, sizeof *out, compare);
    return count;
}

static uint64_t
count_there(const struct rig *rig)
{
    uint64_t count = 0;
    for (int64_t id = 0; id < rig->rows; id++) {
        count += rig->is_there[id];
    }
    return count;
}

/* Asks, and compares; how many codes were compared, if few vectors were. */
static uint64_t
ask(struct rig *rig, firn_metric metric, const float *query, size_t k, int64_t most,
    firn_snapshot *snapshot)
{
    static struct near wanted[ROWS_MAX];
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result *found;
    char where[40];
    (void)snprintf(where, sizeof where, "kind < %d", (int)most);
    options.metric = metric;
    options.k = k;
    options.exact = true;
    options.snapshot = snapshot;
    options.where = most < 100 ? where : NULL;
    OK(firn_table_search(rig->table, "v", query, rig->n, &options, &found, &err));
    size_t count = all_near(rig, metric, query, most, wanted);
    count = count < k ? count : k;
    assert_int_equal(firn_search_result_count(found), count);
    for (size_t i = 0; i < count; i++) {
        if (firn_search_result_key(found, i, NULL)[0].as.i64 != wanted[i].id ||
            firn_search_result_distance(found, i) != wanted[i].distance) {
            fail_msg("kind %s, metric %d, most %d, row %zu: %lld at %.17g, not %lld at %.17g",
                     kinds[rig->kind], (int)metric, (int)most, i,
                     (long long)firn_search_result_key(found, i, NULL)[0].as.i64,
                     firn_search_result_distance(found, i), (long long)wanted[i].id,
                     wanted[i].distance);
        }
    }
    firn_search_result_get_stats(found, &stats);
    firn_search_result_destroy(found);
    return stats.rows_measured < count_there(rig) / 2 ? stats.rows_walked : 0;
}

static uint64_t
ask_all(struct rig *rig, firn_metric metric, firn_snapshot *snapshot)
{
    static const size_t ks[] = {1, 10, K_MAX};
    static const int64_t mosts[] = {100, 60, 20, 1, 0};
    uint64_t walked = 0;
    for (size_t q = 0; q < 6; q++) {
        float query[N_MAX];
        if (q == 0) {
            memcpy(query, rig->vectors[77], sizeof query); /* a row itself */
        } else if (q == 1) {
            memset(query, 0, sizeof query);
        } else {
            fill_vector(rig, query);
        }
        for (size_t i = 0; i < 3; i++) {
            for (size_t j = 0; j < 5; j++) {
                walked += ask(rig, metric, query, ks[i], mosts[j], snapshot);
            }
        }
    }
    return walked;
}

/* ---- tests ---- */

static struct rig rig;

static void
no_row_is_missed(void **state)
{
    static const size_t dimensions[] = {3, 24, 64, 70};
    for (int kind = 0; kind < KINDS; kind++) {
        for (int metric = FIRN_METRIC_L2; metric <= FIRN_METRIC_COSINE; metric++) {
            const size_t n = dimensions[(size_t)(kind + metric) % 4];
            begin(&rig, kind, n, (firn_metric)metric, 0, (uint64_t)kind);
            const uint64_t walked = ask_all(&rig, (firn_metric)metric, NULL);
            /* Codes exclude nearly all rows of ordinary vectors. */
            assert_true(walked > 0 || (kind != UNIFORM && kind != CLUSTERED));
            end(&rig);
        }
    }
}

static void
changes_and_snapshots_are_seen(void **state)
{
    for (int metric = FIRN_METRIC_L2; metric <= FIRN_METRIC_COSINE; metric++) {
        firn_snapshot *snapshot;
        static struct rig before;
        begin(&rig, CLUSTERED, 24, (firn_metric)metric, 0, 20);
        OK(firn_snapshot_open(rig.store, NULL, &snapshot, &err));
        before = rig;
        put_range(&rig, 3, rig.rows, 7);
        delete_range(&rig, 100, 4000, 9);
        rig.rows += 300;
        put_range(&rig, rig.rows - 300, rig.rows, 1);
        assert_true(ask_all(&rig, (firn_metric)metric, NULL) > 0);
        (void)ask_all(&before, (firn_metric)metric, snapshot);
        OK(firn_store_flush(rig.store, &err));
        (void)ask_all(&rig, (firn_metric)metric, NULL);
        OK(firn_store_compact(rig.store, NULL, &err));
        assert_true(ask_all(&rig, (firn_metric)metric, NULL) > 0);
        (void)ask_all(&before, (firn_metric)metric, snapshot);
        firn_snapshot_close(snapshot);
        end(&rig);
    }
}

static void
a_small_cache_gives_the_same(void **state)
{
    begin(&rig, CLUSTERED, 64, FIRN_METRIC_L2, (uint64_t)16 << 20, 30);
    OK(firn_store_close(rig.store, &err));
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = (uint64_t)1 << 20;
    OK(firn_store_open(rig.path, &options, &rig.store, &err));
    OK(firn_table_open(rig.store, "t", &rig.table, &err));
    assert_true(ask_all(&rig, FIRN_METRIC_L2, NULL) > 0);
    end(&rig);
}

/* All vectors are equal, and every step-th row is in a newer run than the others, or in memory. */
static void
rows_at_one_distance_come_by_key(void **state)
{
    static const float query[N_MAX] = {1};
    begin(&rig, ONE, 3, FIRN_METRIC_L2, 0, 50);
    for (int64_t step = 2; step < 6000; step *= 5) {
        for (int flushes = 0; flushes < 2; flushes++) {
            put_range(&rig, 1, rig.rows, step);
            if (flushes != 0) {
                OK(firn_store_flush(rig.store, &err));
            }
            for (size_t k = 1; k < K_MAX; k *= 4) {
                (void)ask(&rig, FIRN_METRIC_L2, query, k, 100, NULL);
                (void)ask(&rig, FIRN_METRIC_L2, query, k, 50, NULL);
            }
        }
    }
    end(&rig);
}

/* What is asked for does not fit the table, or the index. */
static void
odd_searches_of_indexed_tables(void **state)
{
    static const size_t ks[] = {0, 1, 4999, 6000};
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_result *found;
    float query[N_MAX] = {1};
    begin(&rig, CLUSTERED, 24, FIRN_METRIC_COSINE, 0, 40);
    options.ef = 1; /* fewer than are wanted */
    for (size_t i = 0; i < sizeof ks / sizeof ks[0]; i++) {
        for (size_t exact = 0; exact < 2; exact++) {
            const size_t there = (size_t)count_there(&rig);
            options.k = ks[i];
            options.exact = exact == 1;
            OK(firn_table_search(rig.table, "v", query, rig.n, &options, &found, &err));
            assert_int_equal(firn_search_result_count(found), ks[i] < there ? ks[i] : there);
            firn_search_result_destroy(found);
        }
    }
    options.k = 50;
    options.exact = false;
    OK(firn_table_search(rig.table, "v", query, rig.n, &options, &found, &err));
    assert_int_equal(firn_search_result_count(found), 50);
    firn_search_result_destroy(found);
    query[3] = __builtin_nanf("");
    assert_int_equal(firn_table_search(rig.table, "v", query, rig.n, &options, &found, &err),
                     FIRN_INVALID);
    query[3] = __builtin_inff();
    assert_int_equal(firn_table_search(rig.table, "v", query, rig.n, &options, &found, &err),
                     FIRN_INVALID);
    query[3] = 0;
    assert_int_equal(firn_table_search(rig.table, "v", query, rig.n + 1, &options, &found, &err),
                     FIRN_INVALID);
    delete_range(&rig, 0, rig.rows, 1);
    for (size_t i = 0; i < 2; i++) {
        OK(firn_table_search(rig.table, "v", query, rig.n, &options, &found, &err));
        assert_int_equal(firn_search_result_count(found), 0);
        firn_search_result_destroy(found);
        OK(firn_store_compact(rig.store, NULL, &err));
    }
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_is_missed),
        cmocka_unit_test(changes_and_snapshots_are_seen),
        cmocka_unit_test(a_small_cache_gives_the_same),
        cmocka_unit_test(rows_at_one_distance_come_by_key),
        cmocka_unit_test(odd_searches_of_indexed_tables),
    };
    return cmocka_run_group_tests_name("search_exact", tests, NULL, NULL);
}
