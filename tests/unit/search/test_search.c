/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: searches against measuring every row of a scan: random tables, changes, transactions, snapshots and
 * checkpoints; what they refuse; and what happens when memory runs out.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_table.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

static firn_error err;

enum { DIMENSIONS_MAX = 40 };

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    size_t n;
};

static void
begin(struct rig *rig, const char *definition, size_t n)
{
    test_table_create(rig->dir, rig->path, definition, &rig->store, &rig->table);
    rig->n = n;
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static firn_value
vector_of(const float *numbers, size_t n)
{
    firn_value value = firn_blob(firn_bytes(numbers, n * sizeof *numbers));
    value.type = FIRN_TYPE_VECTOR;
    return value;
}

/* ---- measuring every row ---- */

/* A row as a scan has it: the number of its key, kind and distance. */
struct near {
    double distance;
    int64_t id;
    int64_t kind;
};

static int
compare(const void *a, const void *b)
{
    const struct near *left = a;
    const struct near *right = b;
    if (left->distance != right->distance) {
        return left->distance < right->distance ? -1 : 1;
    }
    return (left->id > right->id) - (left->id < right->id);
}

static struct near *
measure_all(const struct rig *rig, const float *query, const firn_search_options *options,
            size_t *out_count)
{
    firn_scan_options scan_options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    const firn_scan_batch *batch;
    struct near *all = NULL;
    size_t count = 0;
    scan_options.select = "id, kind, v";
    scan_options.where = options->where;
    scan_options.txn = options->txn;
    scan_options.snapshot = options->snapshot;
    OK(firn_scan_open(rig->table, &scan_options, &scan, &err));
    for (;;) {
        OK(firn_scan_next(scan, &batch, &err));
        if (batch == NULL) {
            break;
        }
        size_t rows = firn_scan_batch_rows(batch);
        all = realloc(all, (count + rows) * sizeof *all);
        assert_non_null(all);
        for (size_t i = 0; i < rows; i++) {
            firn_value vector = firn_scan_value(batch, 2, i);
            if (!firn_is_null(vector)) {
                float copy[DIMENSIONS_MAX];
                assert_int_equal(vector.as.bytes.size, rig->n * sizeof(float));
                memcpy(copy, vector.as.bytes.data, vector.as.bytes.size);
                all[count++] = (struct near){
                    .distance = firn_vector_distance(options->metric, query, copy, rig->n),
                    .id = firn_scan_value(batch, 0, i).as.i64,
                    .kind = firn_scan_value(batch, 1, i).as.i64};
            }
        }
    }
    firn_scan_close(scan);
    if (count > 0) {
        qsort(all, count, sizeof *all, compare);
    }
    *out_count = count;
    return all;
}

static void
check_same(const firn_search_result *a, const firn_search_result *b)
{
    assert_int_equal(firn_search_result_count(a), firn_search_result_count(b));
    for (size_t i = 0; i < firn_search_result_count(a); i++) {
        assert_true(firn_search_result_distance(a, i) == firn_search_result_distance(b, i));
        assert_int_equal(firn_search_result_key(a, i, NULL)[0].as.i64,
                         firn_search_result_key(b, i, NULL)[0].as.i64);
        assert_int_equal(firn_search_result_values(a, i, NULL)[0].as.i64,
                         firn_search_result_values(b, i, NULL)[0].as.i64);
    }
}

/* Of several queries at once each has the answer that it has alone: `wanted`, of the first and the last one. */
static void
check_many(const struct rig *rig, const float *query, firn_search_options options,
           const firn_search_result *wanted)
{
    enum { MANY = 7 };
    float queries[MANY * DIMENSIONS_MAX] = {0};
    firn_search_result *all[MANY];
    const size_t n = rig->n;
    const size_t count = 1 + (size_t)options.k % MANY;
    for (size_t i = 0; i < n; i++) {
        queries[n + i] = -query[i];
        queries[2 * n + i] = query[n - 1 - i];
        queries[4 * n + i] = query[i] / 2;
        queries[5 * n + i] = (float)i;
        queries[(count - 1) * n + i] = query[i];
        queries[i] = query[i];
    }
    OK(firn_table_search_many(rig->table, "v", queries, count, n, &options, all, &err));
    check_same(all[0], wanted);
    check_same(all[count - 1], wanted);
    for (size_t i = 1; i + 1 < count; i++) {
        firn_search_result *alone;
        OK(firn_table_search(rig->table, "v", queries + i * n, n, &options, &alone, &err));
        check_same(all[i], alone);
        firn_search_result_destroy(alone);
    }
    for (size_t i = 0; i < count; i++) {
        firn_search_result_destroy(all[i]);
    }
}

static void
check_search(const struct rig *rig, const float *query, firn_search_options options)
{
    static const char *const columns[] = {"kind", "v", "id"};
    firn_search_result *result;
    size_t count;
    options.columns = columns;
    options.column_count = 3;
    struct near *all = measure_all(rig, query, &options, &count);
    OK(firn_table_search(rig->table, "v", query, rig->n, &options, &result, &err));
    size_t wanted = count < options.k ? count : (size_t)options.k;
    assert_int_equal(firn_search_result_count(result), wanted);
    for (size_t i = 0; i < wanted; i++) {
        size_t keys;
        size_t values;
        const firn_value *key = firn_search_result_key(result, i, &keys);
        const firn_value *row = firn_search_result_values(result, i, &values);
        assert_int_equal(keys, 1);
        assert_int_equal(values, 3);
        assert_true(firn_search_result_distance(result, i) == all[i].distance);
        assert_int_equal(key[0].as.i64, all[i].id);
        assert_int_equal(row[2].as.i64, all[i].id);
        assert_int_equal(row[0].as.i64, all[i].kind);
        assert_int_equal(row[1].as.bytes.size, rig->n * sizeof(float));
        float copy[DIMENSIONS_MAX];
        memcpy(copy, row[1].as.bytes.data, row[1].as.bytes.size);
        assert_true(firn_vector_distance(options.metric, query, copy, rig->n) == all[i].distance);
    }
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result_get_stats(result, &stats);
    assert_true(options.k == 0 || stats.rows_measured == count);
    assert_true(stats.rows_judged <= stats.rows_measured);
    check_many(rig, query, options, result);
    firn_search_result_destroy(result);
    free(all);
}

/* ---- random tables ---- */

static float
number(struct test_random *random, unsigned kind)
{
    double unit = (double)(test_random_next(random) >> 11) / 0x1p53 * 2 - 1;
    switch (kind) {
    case 1: /* few different ones: many rows at the same distance */
        return (float)(int)(unit * 2);
    case 2:
        return (float)(unit * 0x1p-130);
    case 3:
        return (float)(unit * 0x1.fp127);
    case 4:
        return (float)ldexp(unit, (int)test_random_below(random, 270) - 143);
    case 5: /* far from the origin, and close to each other */
        return (float)(1000 + unit / 1000);
    default:
        return (float)unit;
    }
}

static void
fill_vector(struct test_random *random, unsigned kind, size_t n, float *out)
{
    const bool is_zero = test_random_below(random, 50) == 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = is_zero ? 0 : number(random, kind);
    }
}

static void
check_random(const struct rig *rig, struct test_random *random, unsigned kind,
             firn_snapshot *snapshot, firn_txn *txn)
{
    static const uint64_t ks[] = {0, 1, 2, 3, 10, 100, 5000};
    static const char *const wheres[] = {NULL,     "kind = 3",  "kind < 5 and id > 100",
                                         "id = 7", "kind = 99", "v is not null"};
    float query[DIMENSIONS_MAX];
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    fill_vector(random, kind, rig->n, query);
    options.k = ks[test_random_below(random, 7)];
    options.metric = (firn_metric)(1 + test_random_below(random, 3));
    options.where = wheres[test_random_below(random, 6)];
    options.threads = (unsigned)test_random_below(random, 4);
    options.snapshot = snapshot;
    options.txn = txn;
    check_search(rig, query, options);
}

static void
change(const struct rig *rig, struct test_random *random, unsigned kind, firn_txn *txn)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    float vector[DIMENSIONS_MAX];
    options.txn = txn;
    firn_value id = firn_i64((int64_t)test_random_below(random, 2000));
    if (test_random_below(random, 4) == 0) {
        int rc = firn_table_delete(rig->table, &options, &id, 1, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        return;
    }
    fill_vector(random, kind, rig->n, vector);
    firn_value row[] = {id, firn_i64((int64_t)test_random_below(random, 10)),
                        test_random_below(random, 20) == 0 ? firn_null()
                                                           : vector_of(vector, rig->n)};
    OK(firn_table_upsert(rig->table, &options, row, 3, &err));
}

static void
live(struct test_random *random, unsigned kind, size_t n)
{
    struct rig rig;
    char definition[100];
    firn_snapshot *snapshots[3] = {NULL, NULL, NULL};
    (void)snprintf(definition, sizeof definition, "id i64 primary key, kind i32, v vector(%zu)", n);
    begin(&rig, definition, n);
    for (unsigned step = 0; step < 24; step++) {
        firn_txn *txn;
        unsigned changes = (unsigned)test_random_below(random, 400);
        OK(firn_txn_begin(rig.store, NULL, &txn, &err));
        for (unsigned i = 0; i < changes; i++) {
            change(&rig, random, kind, txn);
        }
        if (changes > 0) {
            check_random(&rig, random, kind, NULL, txn);
            check_random(&rig, random, kind, NULL, NULL);
        }
        if (test_random_below(random, 5) > 0) {
            OK(firn_txn_commit(txn, NULL, &err));
        }
        firn_txn_close(txn);
        switch (test_random_below(random, 6)) {
        case 0:
            OK(firn_store_flush(rig.store, &err));
            break;
        case 1:
            OK(firn_store_compact(rig.store, NULL, &err));
            break;
        case 2: {
            size_t at = test_random_below(random, 3);
            firn_snapshot_close(snapshots[at]);
            OK(firn_snapshot_open(rig.store, NULL, &snapshots[at], &err));
            break;
        }
        default:
            break;
        }
        for (unsigned i = 0; i < 4; i++) {
            check_random(&rig, random, kind, i < 3 ? snapshots[i] : NULL, NULL);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        firn_snapshot_close(snapshots[i]);
    }
    end(&rig);
}

static void
searches_find_what_measuring_every_row_finds(void **state)
{
    static const size_t sizes[] = {3, 16, 1, 33, 7, 40};
    struct test_random random;
    test_random_init(&random, "search", 3);
    for (unsigned kind = 0; kind < 6; kind++) {
        live(&random, kind, sizes[kind]);
    }
}

static void
many_row_groups_are_searched_by_many_threads(void **state)
{
    enum { ROWS = 150000, N = 5 };
    struct test_random random;
    struct rig rig;
    firn_table_bulk *bulk;
    test_random_init(&random, "search_threads", 4);
    begin(&rig, "id i64 primary key, kind i32, v vector(5)", N);
    OK(firn_table_bulk_open(rig.table, NULL, &bulk, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        float vector[N];
        fill_vector(&random, id % 3 == 0 ? 1 : 0, N, vector);
        firn_value row[] = {firn_i64(id), firn_i64(id % 100), vector_of(vector, N)};
        OK(firn_table_bulk_put(bulk, row, 3, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    for (unsigned threads = 0; threads < 5; threads++) {
        for (unsigned metric = 1; metric <= 3; metric++) {
            float query[N];
            firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
            fill_vector(&random, threads % 2, N, query);
            options.k = threads == 0 ? 3000 : 25;
            options.metric = (firn_metric)metric;
            options.threads = threads;
            options.where = threads == 3 ? "kind = 42" : NULL;
            check_search(&rig, query, options);
        }
    }
    end(&rig);
}

/* ---- the cases of the list ---- */

static void
put_points(struct rig *rig)
{
    static const float points[5][2] = {{0, 0}, {1, 0}, {0, 2}, {3, 3}, {-1, -1}};
    for (int64_t id = 0; id < 5; id++) {
        firn_value row[] = {firn_i64(id), firn_i64(id % 2), vector_of(points[id], 2)};
        OK(firn_table_insert(rig->table, NULL, row, 3, &err));
    }
}

static void
check_ids(struct rig *rig, const firn_search_options *options, const float *query,
          const int64_t *ids, size_t count)
{
    firn_search_result *result;
    OK(firn_table_search(rig->table, "v", query, rig->n, options, &result, &err));
    assert_int_equal(firn_search_result_count(result), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(firn_search_result_key(result, i, NULL)[0].as.i64, ids[i]);
        assert_non_null(firn_search_result_key(result, i, NULL));
    }
    assert_null(firn_search_result_key(result, count, NULL));
    firn_search_result_destroy(result);
}

static void
few_rows_none_and_filters(void **state)
{
    static const float origin[2] = {0, 0};
    static const float east[2] = {5, 0};
    struct rig rig;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    begin(&rig, "id i64 primary key, kind i32, v vector(2)", 2);
    options.metric = FIRN_METRIC_L2;
    check_ids(&rig, &options, origin, NULL, 0);
    put_points(&rig);
    options.k = 0;
    check_ids(&rig, &options, origin, NULL, 0);
    options.k = 100;
    check_ids(&rig, &options, origin, (const int64_t[]){0, 1, 4, 2, 3}, 5);
    options.k = 2;
    options.where = "id in (1, 3)";
    check_ids(&rig, &options, origin, (const int64_t[]){1, 3}, 2);
    options.where = "kind = ?";
    options.parameters = (const firn_value[]){firn_i64(0)};
    options.parameter_count = 1;
    check_ids(&rig, &options, origin, (const int64_t[]){0, 4}, 2);
    options = (firn_search_options)FIRN_SEARCH_OPTIONS_INIT;
    /* The zero vector is at right angles to all, and comes by its key among those. */
    check_ids(&rig, &options, east, (const int64_t[]){1, 3, 0, 2, 4}, 5);
    check_ids(&rig, &options, origin, (const int64_t[]){0, 1, 2, 3, 4}, 5);
    options.metric = FIRN_METRIC_DOT;
    check_ids(&rig, &options, east, (const int64_t[]){3, 1, 0, 2, 4}, 5);
    end(&rig);
}

static void
check_refused(struct rig *rig, const char *column, const float *query, size_t n,
              const firn_search_options *options, int code, const char *says)
{
    firn_search_result *result = (firn_search_result *)rig;
    int rc = firn_table_search(rig->table, column, query, n, options, &result, &err);
    assert_int_equal(rc, code);
    assert_null(result);
    if (strstr(err.text, says) == NULL) {
        fail_msg("no \"%s\" in: %s", says, err.text);
    }
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    static const float good[3] = {1, 2, 3};
    static const float bad[3][2] = {{1, NAN}, {INFINITY, 1}, {1, -INFINITY}};
    struct rig rig;
    firn_table_def *def;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    begin(&rig, "id i64 primary key, kind i32, v vector(2)", 2);
    put_points(&rig);
    for (size_t i = 0; i < 3; i++) {
        firn_value row[] = {firn_i64(9), firn_i64(9), vector_of(bad[i], 2)};
        check_refused(&rig, "v", bad[i], 2, NULL, FIRN_INVALID, "finite");
        assert_int_equal(firn_table_insert(rig.table, NULL, row, 3, &err), FIRN_INVALID);
        assert_int_equal(firn_table_upsert(rig.table, NULL, row, 3, &err), FIRN_INVALID);
    }
    for (size_t n = 0; n < 4; n += n == 1 ? 2 : 1) {
        firn_value row[] = {firn_i64(9), firn_i64(9), vector_of(good, n)};
        check_refused(&rig, "v", good, n, NULL, FIRN_INVALID, "dimensions");
        assert_int_equal(firn_table_insert(rig.table, NULL, row, 3, &err), FIRN_INVALID);
    }
    check_refused(&rig, "v", good, (size_t)1 << 40, NULL, FIRN_INVALID, "dimensions");
    check_refused(&rig, "kind", good, 2, NULL, FIRN_INVALID, "vectors");
    check_refused(&rig, "w", good, 2, NULL, FIRN_NOT_FOUND, "w");
    check_refused(&rig, NULL, good, 2, NULL, FIRN_INVALID, "column");
    check_refused(&rig, "v", NULL, 2, NULL, FIRN_INVALID, "query");
    options.where = "kind +";
    check_refused(&rig, "v", good, 2, &options, FIRN_INVALID, "where");
    options.k = 0;
    check_refused(&rig, "v", good, 2, &options, FIRN_INVALID, "where");
    options = (firn_search_options)FIRN_SEARCH_OPTIONS_INIT;
    options.k = FIRN_SEARCH_K_MAX + 1;
    check_refused(&rig, "v", good, 2, &options, FIRN_LIMIT, "k");
    options = (firn_search_options)FIRN_SEARCH_OPTIONS_INIT;
    options.metric = (firn_metric)4;
    check_refused(&rig, "v", good, 2, &options, FIRN_INVALID, "metric");
    options = (firn_search_options)FIRN_SEARCH_OPTIONS_INIT;
    options.columns = (const char *const[]){"kind", "nothing"};
    options.column_count = 2;
    check_refused(&rig, "v", good, 2, &options, FIRN_NOT_FOUND, "nothing");
    static const char *const no_tables[] = {"id i64 primary key, v vector(0)",
                                            "id i64 primary key, v vector(65536)",
                                            "v vector(2) primary key"};
    for (size_t i = 0; i < 3; i++) {
        int rc = firn_table_def_parse(no_tables[i], &def, &err);
        if (rc == FIRN_OK) {
            rc = firn_table_create(rig.store, "none", def, NULL, &err);
            firn_release(def);
        }
        assert_int_equal(rc, FIRN_INVALID);
    }
    check_ids(&rig, NULL, good, (const int64_t[]){3, 2, 1, 0, 4}, 5);
    end(&rig);
}

static void
a_transaction_finds_its_own_rows_and_nobody_else_does(void **state)
{
    static const float query[2] = {3, 3};
    struct rig rig;
    firn_txn *txn;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_row_options row_options = FIRN_ROW_OPTIONS_INIT;
    begin(&rig, "id i64 primary key, kind i32, v vector(2)", 2);
    put_points(&rig);
    options.metric = FIRN_METRIC_L2;
    options.k = 2;
    OK(firn_txn_begin(rig.store, NULL, &txn, &err));
    row_options.txn = txn;
    firn_value row[] = {firn_i64(77), firn_i64(0), vector_of(query, 2)};
    OK(firn_table_insert(rig.table, &row_options, row, 3, &err));
    options.txn = txn;
    check_ids(&rig, &options, query, (const int64_t[]){3, 77}, 2);
    OK(firn_table_delete(rig.table, &row_options, (const firn_value[]){firn_i64(3)}, 1, &err));
    check_ids(&rig, &options, query, (const int64_t[]){77, 2}, 2);
    options.txn = NULL;
    check_ids(&rig, &options, query, (const int64_t[]){3, 2}, 2);
    firn_txn_close(txn);
    check_ids(&rig, &options, query, (const int64_t[]){3, 2}, 2);
    end(&rig);
}

static void
keys_of_any_columns_and_names_in_quotes(void **state)
{
    struct rig rig;
    firn_search_result *result;
    begin(&rig,
          "\"a \"\"b\" text, u uuid, f f64, n u8, \"my v\" vector(1), x blob, primary key (\"a "
          "\"\"b\", f, n, u)",
          1);
    for (unsigned i = 0; i < 30; i++) {
        uint8_t uuid[16] = {(uint8_t)(i * 7)};
        const float vector[1] = {(float)(i % 4)};
        firn_value row[] = {firn_text(i % 2 == 0 ? "" : "x\n\"y"),
                            firn_blob(firn_bytes(uuid, 16)),
                            firn_f64(i % 3 == 0 ? -0.5 : 1e300),
                            firn_u64(255 - i),
                            vector_of(vector, 1),
                            firn_blob(firn_bytes(uuid, i % 16))};
        OK(firn_table_insert(rig.table, NULL, row, 6, &err));
        if (i == 15) {
            OK(firn_store_flush(rig.store, &err));
        }
    }
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    const float query[1] = {1};
    firn_row *row;
    options.metric = FIRN_METRIC_L2;
    options.k = 30;
    options.columns = (const char *const[]){"x", "a \"b"};
    options.column_count = 2;
    OK(firn_row_create(&row, &err));
    OK(firn_table_search(rig.table, "my v", query, 1, &options, &result, &err));
    assert_int_equal(firn_search_result_count(result), 30);
    for (size_t i = 0; i < 30; i++) {
        size_t count;
        const firn_value *key = firn_search_result_key(result, i, &count);
        assert_int_equal(count, 4);
        OK(firn_table_get(rig.table, NULL, key, count, row, &err));
        const firn_value *values = firn_row_values(row);
        const firn_value *found = firn_search_result_values(result, i, &count);
        assert_int_equal(count, 2);
        assert_true(found[0].as.bytes.size == values[5].as.bytes.size);
        assert_memory_equal(found[0].as.bytes.data, values[5].as.bytes.data,
                            values[5].as.bytes.size);
        assert_true(found[1].as.bytes.size == values[0].as.bytes.size);
        assert_true(i == 0 || firn_search_result_distance(result, i - 1) <=
                                  firn_search_result_distance(result, i));
    }
    firn_search_result_destroy(result);
    firn_row_destroy(row);
    end(&rig);
}

static void
columns_that_came_later_and_rows_that_expire(void **state)
{
    static const float initial[2] = {1, 1};
    static const float query[2] = {1, 0.9F};
    struct rig rig;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_row_options row_options = FIRN_ROW_OPTIONS_INIT;
    begin(&rig, "id i64 primary key, kind i32, w vector(2)", 2);
    put_points(&rig);
    OK(firn_store_flush(rig.store, &err));
    const firn_value standard = vector_of(initial, 2);
    const firn_table_column column = {
        .name = "v", .type = FIRN_TYPE_VECTOR, .dimensions = 2, .default_value = &standard};
    OK(firn_table_add_column(rig.table, &column, &err));
    options.k = 3;
    check_ids(&rig, &options, query, (const int64_t[]){0, 1, 2}, 3);
    row_options.ttl_ms = 1;
    firn_value row[] = {firn_i64(-1), firn_i64(1), standard, vector_of(query, 2)};
    OK(firn_table_insert(rig.table, &row_options, row, 4, &err));
    (void)usleep(20000);
    check_ids(&rig, &options, query, (const int64_t[]){0, 1, 2}, 3);
    end(&rig);
}

static void
distances_are_as_the_metrics_say(void **state)
{
    static const float a[3] = {1, 2, 3};
    static const float b[3] = {-2, 0, 4};
    static const float zero[3] = {0, 0, 0};
    assert_true(firn_vector_distance(FIRN_METRIC_L2, a, b, 3) == 9 + 4 + 1);
    assert_true(firn_vector_distance(FIRN_METRIC_DOT, a, b, 3) == -10);
    assert_true(fabs(firn_vector_distance(FIRN_METRIC_COSINE, a, b, 3) - (1 - 10 / sqrt(280))) <
                1e-15);
    assert_true(firn_vector_distance(FIRN_METRIC_COSINE, a, a, 3) == 0);
    assert_true(firn_vector_distance(FIRN_METRIC_COSINE, a, zero, 3) == 1);
    assert_true(firn_vector_distance(FIRN_METRIC_COSINE, zero, zero, 3) == 1);
    assert_true(isnan(firn_vector_distance((firn_metric)0, a, b, 3)));
    assert_string_equal(firn_metric_name(FIRN_METRIC_COSINE), "cosine");
    assert_null(firn_metric_name((firn_metric)0));
    assert_true(firn_rrf((const uint64_t[]){1, 0, 3}, 3, 0) == 1.0 / 61 + 1.0 / 63);
    assert_true(firn_rrf(NULL, 0, 60) == 0);
}

/* ---- several queries ---- */

/* More queries than one pass over the rows has, with and without an index, over runs, rows in memory and a deleted one. */
static void
hundreds_of_queries_have_the_answers_of_each(void **state)
{
    enum { QUERIES = 300, N = 12, ROWS = 5000 };
    struct test_random random;
    struct rig rig;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    static float queries[QUERIES * N];
    static firn_search_result *all[QUERIES];
    firn_txn *txn = NULL;
    firn_row_options row_options = FIRN_ROW_OPTIONS_INIT;
    test_random_init(&random, __func__, 7);
    begin(&rig, "id i64 primary key, kind i32, v vector(12)", N);
    for (int64_t id = 0; id < ROWS; id++) {
        float vector[N];
        if (id % 1000 == 0) {
            OK(firn_txn_begin(rig.store, NULL, &txn, &err));
            row_options.txn = txn;
        }
        fill_vector(&random, 0, N, vector);
        firn_value row[] = {firn_i64(id), firn_i64(id % 10), vector_of(vector, N)};
        OK(firn_table_insert(rig.table, &row_options, row, 3, &err));
        if (id % 1000 == 999) {
            OK(firn_txn_commit(txn, NULL, &err));
            firn_txn_close(txn);
        }
        if (id == 3999) {
            OK(firn_store_flush(rig.store, &err));
        }
    }
    OK(firn_table_delete(rig.table, NULL, (const firn_value[]){firn_i64(17)}, 1, &err));
    for (size_t i = 0; i < QUERIES; i++) {
        fill_vector(&random, 0, N, queries + i * N);
    }
    options.columns = (const char *const[]){"kind"};
    options.column_count = 1;
    for (unsigned round = 0; round < 4; round++) {
        if (round == 3) {
            index.name = "near";
            index.column = "v";
            OK(firn_table_add_vector_index(rig.table, &index, &err));
            OK(firn_store_compact(rig.store, NULL, &err));
        }
        options.where = round == 1 ? "kind = 4" : NULL;
        options.k = round == 2 ? 40 : 10;
        OK(firn_table_search_many(rig.table, "v", queries, QUERIES, N, &options, all, &err));
        for (size_t i = 0; i < QUERIES; i++) {
            if (i % 20 == 0 || i + 1 == QUERIES) {
                firn_search_result *alone;
                OK(firn_table_search(rig.table, "v", queries + i * N, N, &options, &alone, &err));
                check_same(all[i], alone);
                firn_search_result_destroy(alone);
            }
            firn_search_result_destroy(all[i]);
        }
    }
    OK(firn_table_search_many(rig.table, "v", NULL, 0, N, &options, NULL, &err));
    queries[QUERIES * N - 1] = NAN;
    all[0] = all[QUERIES - 1] = (firn_search_result *)&rig;
    assert_int_equal(
        firn_table_search_many(rig.table, "v", queries, QUERIES, N, &options, all, &err),
        FIRN_INVALID);
    assert_true(all[0] == NULL && all[QUERIES - 1] == NULL);
    assert_int_equal(firn_table_search_many(rig.table, "v", NULL, 1, N, &options, all, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_table_search_many(rig.table, "v", queries, FIRN_SEARCH_QUERIES_MAX + 1, N,
                                            &options, all, &err),
                     FIRN_LIMIT);
    end(&rig);
}

/* ---- threads ---- */

struct beside {
    struct rig *rig;
    _Atomic bool is_over;
    _Atomic unsigned failures;
};

/* Rows (id, kind, v) whose vector says its id: what is found must fit its key. */
static void
pair_of(int64_t id, float *out)
{
    out[0] = (float)(id % 97);
    out[1] = (float)(id / 97);
}

static void *
search_on(void *arg)
{
    struct beside *beside = arg;
    static const char *const columns[] = {"v"};
    uint64_t round = 0;
    while (!atomic_load(&beside->is_over)) {
        firn_error error;
        firn_search_result *result;
        firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
        float query[2];
        pair_of((int64_t)(round++ * 31 % 3000), query);
        options.metric = FIRN_METRIC_L2;
        options.threads = (unsigned)(round % 3);
        options.columns = columns;
        options.column_count = 1;
        if (firn_table_search(beside->rig->table, "v", query, 2, &options, &result, &error) !=
            FIRN_OK) {
            (void)fprintf(stderr, "%s\n", error.text);
            atomic_fetch_add(&beside->failures, 1);
            continue;
        }
        for (size_t i = 0; i < firn_search_result_count(result); i++) {
            float wanted[2];
            const double distance = firn_search_result_distance(result, i);
            pair_of(firn_search_result_key(result, i, NULL)[0].as.i64, wanted);
            const firn_value *found = firn_search_result_values(result, i, NULL);
            const bool is_right =
                memcmp(found->as.bytes.data, wanted, sizeof wanted) == 0 &&
                distance == firn_vector_distance(FIRN_METRIC_L2, query, wanted, 2) &&
                (i == 0 || distance >= firn_search_result_distance(result, i - 1));
            atomic_fetch_add(&beside->failures, is_right ? 0 : 1);
        }
        firn_search_result_destroy(result);
    }
    return NULL;
}

static void
threads_search_beside_writes_flushes_and_merges(void **state)
{
    struct rig rig;
    struct beside beside = {.rig = &rig};
    struct test_random random;
    pthread_t threads[2];
    test_random_init(&random, "search_beside", 7);
    begin(&rig, "id i64 primary key, kind i32, v vector(2)", 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, search_on, &beside), 0);
    }
    for (unsigned round = 0; round < 30; round++) {
        firn_txn *txn;
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        OK(firn_txn_begin(rig.store, NULL, &txn, &err));
        options.txn = txn;
        for (unsigned i = 0; i < 100; i++) {
            float vector[2];
            const int64_t id = (int64_t)test_random_below(&random, 3000);
            pair_of(id, vector);
            firn_value row[] = {firn_i64(id), firn_i64(round), vector_of(vector, 2)};
            if (i % 5 == 0) {
                int rc = firn_table_delete(rig.table, &options, row, 1, &err);
                assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
            } else {
                OK(firn_table_upsert(rig.table, &options, row, 3, &err));
            }
        }
        OK(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
        if (round % 4 == 1) {
            OK(firn_store_flush(rig.store, &err));
        }
        if (round % 10 == 9) {
            OK(firn_store_compact(rig.store, NULL, &err));
        }
    }
    atomic_store(&beside.is_over, true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&beside.failures), 0);
    end(&rig);
}

/* ---- memory ---- */

static void
search_without_memory(const struct rig *rig)
{
    static const float query[2] = {1, 0.5F};
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.k = 7;
    options.where = "kind < 2";
    options.columns = (const char *const[]){"v", "kind"};
    options.column_count = 2;
    for (unsigned metric = 1; metric <= 3; metric++) {
        options.metric = (firn_metric)metric;
        struct test_fault fault = {.n = 0};
        while (test_fault_next(&fault)) {
            firn_search_result *result;
            test_fault_allocation(&fault);
            int rc = firn_table_search(rig->table, "v", query, 2, &options, &result, &err);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            assert_true((rc == FIRN_OK) == (result != NULL));
            assert_true(rc == FIRN_NO_MEMORY || firn_search_result_count(result) == 7);
            firn_search_result_destroy(result);
        }
    }
    struct test_fault fault = {.n = 0};
    options.where = NULL;
    while (test_fault_next(&fault)) {
        firn_search_result *all[5];
        const float queries[5][2] = {{1, 0.5F}, {0, 1}, {9, 9}, {0, 0}, {-1, 2}};
        test_fault_allocation(&fault);
        int rc = firn_table_search_many(rig->table, "v", queries[0], 5, 2, &options, all, &err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        for (size_t i = 0; i < 5; i++) {
            assert_true((rc == FIRN_OK) == (all[i] != NULL));
            assert_true(rc != FIRN_OK || firn_search_result_count(all[i]) == 7);
            firn_search_result_destroy(all[i]);
        }
    }
}

static void
without_memory_a_search_fails_and_leaks_nothing(void **state)
{
    struct rig rig;
    firn_txn *txn;
    test_alloc_install();
    begin(&rig, "id i64 primary key, kind i32, v vector(2)", 2);
    put_points(&rig);
    OK(firn_store_flush(rig.store, &err));
    OK(firn_txn_begin(rig.store, NULL, &txn, &err));
    for (int64_t id = 3; id < 60; id++) {
        const float vector[2] = {(float)id, (float)(id % 7)};
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        options.txn = txn;
        firn_value row[] = {firn_i64(id), firn_i64(id % 2), vector_of(vector, 2)};
        OK(firn_table_upsert(rig.table, &options, row, 3, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    search_without_memory(&rig);
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_as_the_metrics_say),
        cmocka_unit_test(few_rows_none_and_filters),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(a_transaction_finds_its_own_rows_and_nobody_else_does),
        cmocka_unit_test(keys_of_any_columns_and_names_in_quotes),
        cmocka_unit_test(columns_that_came_later_and_rows_that_expire),
        cmocka_unit_test(hundreds_of_queries_have_the_answers_of_each),
        cmocka_unit_test(searches_find_what_measuring_every_row_finds),
        cmocka_unit_test(many_row_groups_are_searched_by_many_threads),
        cmocka_unit_test(threads_search_beside_writes_flushes_and_merges),
        cmocka_unit_test(without_memory_a_search_fails_and_leaks_nothing),
    };
    test_threads_only();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
