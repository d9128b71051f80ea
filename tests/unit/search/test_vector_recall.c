/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: what `recall` promises, on twelve kinds of vectors: on average of the queries, searches find at least that
 * fraction of the nearest rows, among all rows and among those of random and of spatial conditions.
 *
 * A long run takes 60,000 rows and prints the figures of docs/vectors.md.
 */
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

enum { DIMENSIONS_MAX = 128, CENTRES = 400, REGIONS = 4, KINDS = 12 };

static firn_error err;
static size_t row_count = 4200;
static size_t query_count = 40;

struct maker {
    struct test_random random;
    size_t dimensions;
    float centres[CENTRES][DIMENSIONS_MAX];
    float sides[REGIONS][DIMENSIONS_MAX]; /* a row's region is the side that it is most on */
};

static double
uniform(struct maker *maker)
{
    return (double)(test_random_next(&maker->random) >> 11) / 9007199254740992.0;
}

static double
normal(struct maker *maker)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += uniform(maker);
    }
    return sum;
}

/* ---- twelve kinds of vectors ---- */

static void
fill_uniform(struct maker *maker, float *out)
{
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] = (float)(2 * uniform(maker) - 1);
    }
}

static void
fill_normal(struct maker *maker, float *out)
{
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] = (float)normal(maker);
    }
}

static void
fill_around(struct maker *maker, size_t centres, double width, float *out)
{
    const float *centre = maker->centres[test_random_below(&maker->random, centres)];
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] = (float)((double)centre[i] + width * normal(maker));
    }
}

static void
fill_clusters(struct maker *maker, float *out)
{
    fill_around(maker, 40, 0.5, out);
}

static void
fill_islands(struct maker *maker, float *out)
{
    fill_around(maker, CENTRES, 0.02, out);
}

/* Codes do not tell the vectors of a centre from each other. */
static void
fill_alike(struct maker *maker, float *out)
{
    fill_around(maker, 40, 0.002, out);
}

/* Some dimensions count more than others, as in embeddings. */
static void
fill_embedding(struct maker *maker, float *out)
{
    fill_around(maker, CENTRES, 0.6, out);
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] *= 3 / sqrtf(1 + (float)i);
    }
}

static void
fill_lengths(struct maker *maker, float *out)
{
    const double length = exp(normal(maker));
    fill_normal(maker, out);
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] = (float)(length * (double)out[i]);
    }
}

static void
fill_hubs(struct maker *maker, float *out)
{
    const float length = test_random_below(&maker->random, 200) == 0 ? 10 : 1;
    fill_normal(maker, out);
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] *= length;
    }
}

/* Each vector is there some twenty times. */
static void
fill_twins(struct maker *maker, float *out)
{
    const uint64_t state = maker->random.state;
    maker->random.state = test_random_below(&maker->random, row_count / 20 + 1) * 7919;
    fill_normal(maker, out);
    maker->random.state = state + 1;
}

/* Many are at the same distance. */
static void
fill_bits(struct maker *maker, float *out)
{
    fill_around(maker, CENTRES, 0.4, out);
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] = out[i] > 0 ? 1 : 0;
    }
}

/* A surface of three dimensions. */
static void
fill_surface(struct maker *maker, float *out)
{
    double at[3];
    for (size_t j = 0; j < 3; j++) {
        at[j] = uniform(maker);
    }
    for (size_t i = 0; i < maker->dimensions; i++) {
        double angle = 0;
        for (size_t j = 0; j < 3; j++) {
            angle += at[j] * (double)maker->centres[j][i];
        }
        out[i] = (float)(sin(2 * angle));
    }
}

/* Directions that are mostly those of a few, as after a poor training. */
static void
fill_cone(struct maker *maker, float *out)
{
    fill_normal(maker, out);
    for (size_t i = 0; i < maker->dimensions; i++) {
        out[i] += 3;
    }
}

static const struct kind {
    const char *name;
    firn_metric metric;
    size_t dimensions;
    void (*fill)(struct maker *maker, float *out);
} kinds[KINDS] = {
    {"uniform", FIRN_METRIC_L2, 32, fill_uniform},
    {"normal, 128 numbers", FIRN_METRIC_L2, 128, fill_normal},
    {"clusters", FIRN_METRIC_L2, 48, fill_clusters},
    {"small clusters far apart", FIRN_METRIC_L2, 64, fill_islands},
    {"nearly equal", FIRN_METRIC_L2, 24, fill_alike},
    {"like embeddings", FIRN_METRIC_COSINE, 100, fill_embedding},
    {"lengths that differ, dot", FIRN_METRIC_DOT, 48, fill_lengths},
    {"a few long ones, dot", FIRN_METRIC_DOT, 48, fill_hubs},
    {"each twenty times", FIRN_METRIC_L2, 32, fill_twins},
    {"zeros and ones", FIRN_METRIC_L2, 64, fill_bits},
    {"a surface", FIRN_METRIC_COSINE, 64, fill_surface},
    {"a cone", FIRN_METRIC_COSINE, 64, fill_cone},
};

/* ---- a table of them ---- */

struct rig {
    const struct kind *kind;
    struct maker maker;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
};

static int
region_of(const struct maker *maker, const float *vector)
{
    int best = 0;
    double most = -1e300;
    for (int side = 0; side < REGIONS; side++) {
        double sum = 0;
        for (size_t i = 0; i < maker->dimensions; i++) {
            sum += (double)vector[i] * (double)maker->sides[side][i];
        }
        best = sum > most ? side : best;
        most = sum > most ? sum : most;
    }
    return best;
}

static void
load(struct rig *rig, size_t from, size_t to)
{
    firn_table_bulk *bulk;
    OK(firn_table_bulk_open(rig->table, NULL, &bulk, &err));
    for (size_t row = from; row < to; row++) {
        float numbers[DIMENSIONS_MAX];
        rig->kind->fill(&rig->maker, numbers);
        firn_value vector = firn_blob(firn_bytes(numbers, rig->maker.dimensions * sizeof *numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value values[] = {firn_i64((int64_t)row),
                                     firn_i64((int64_t)test_random_below(&rig->maker.random, 100)),
                                     firn_i64(region_of(&rig->maker, numbers)), vector};
        OK(firn_table_bulk_put(bulk, values, 4, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
}

static void
begin(struct rig *rig, const struct kind *kind)
{
    char text[100];
    firn_table_def *def;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    rig->kind = kind;
    test_random_init(&rig->maker.random, "vector_recall", (uint64_t)(kind - kinds) + 1);
    rig->maker.dimensions = kind->dimensions;
    for (size_t i = 0; i < CENTRES; i++) {
        fill_normal(&rig->maker, rig->maker.centres[i]);
    }
    for (size_t i = 0; i < REGIONS; i++) {
        fill_normal(&rig->maker, rig->maker.sides[i]);
    }
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    options.memory_bytes = 512 << 20;
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
    (void)snprintf(text, sizeof text, "id i64 primary key, part i32, region i32, v vector(%zu)",
                   kind->dimensions);
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = kind->metric;
    if (!test_is_long()) {
        index.m = 8;
        index.ef_construction = 40;
    }
    OK(firn_table_add_vector_index(rig->table, &index, &err));
    load(rig, 0, row_count);
    OK(firn_store_compact(rig->store, NULL, &err));
}

static void
end(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- searches ---- */

static double
seconds(void)
{
    struct timespec at;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at), 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

struct queries {
    float numbers[200][DIMENSIONS_MAX];
    firn_search_result *exact[200];
};

/* The exact results for queries; for a condition on a region, those that lie in another one. */
static void
ask_exact(struct rig *rig, firn_search_options options, bool is_far, struct queries *queries)
{
    options.exact = true;
    for (size_t q = 0; q < query_count; q++) {
        float *query = queries->numbers[q];
        for (int attempt = 0; attempt < 100; attempt++) {
            rig->kind->fill(&rig->maker, query);
            if (!is_far || region_of(&rig->maker, query) != 0) {
                break;
            }
        }
        OK(firn_table_search(rig->table, "v", query, rig->kind->dimensions, &options,
                             &queries->exact[q], &err));
    }
}

/* The fraction of the exact results that is found, and its standard error; rows at the same distance as the last are as
 * good. */
static double
recall_of(struct rig *rig, firn_search_options options, const struct queries *queries,
          double *out_wrong, uint64_t *out_walked, double *out_seconds)
{
    double sum = 0;
    double squares = 0;
    const double begun = seconds();
    *out_walked = 0;
    for (size_t q = 0; q < query_count; q++) {
        firn_search_result *found;
        firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
        const firn_search_result *exact = queries->exact[q];
        const size_t count = firn_search_result_count(exact);
        OK(firn_table_search(rig->table, "v", queries->numbers[q], rig->kind->dimensions, &options,
                             &found, &err));
        assert_int_equal(firn_search_result_count(found), count);
        firn_search_result_get_stats(found, &stats);
        *out_walked += stats.rows_walked;
        size_t hits = 0;
        for (size_t i = 0; i < count; i++) {
            hits += firn_search_result_distance(found, i) <=
                    firn_search_result_distance(exact, count - 1);
        }
        const double share = count > 0 ? (double)hits / (double)count : 1;
        sum += share;
        squares += share * share;
        firn_search_result_destroy(found);
    }
    const double mean = sum / (double)query_count;
    const double variance = squares / (double)query_count - mean * mean;
    *out_wrong = variance > 0 ? sqrt(variance / (double)query_count) : 0;
    *out_seconds = (seconds() - begun) / (double)query_count;
    *out_walked /= query_count;
    return mean;
}

static void
check_promise(struct rig *rig, const char *where, bool is_far, size_t k)
{
    static const double recalls[] = {0.8, 0.9, 0.95, 0.99};
    static struct queries queries;
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    char line[300];
    size_t at = 0;
    bool holds = true;
    options.k = k;
    options.metric = rig->kind->metric;
    options.where = where;
    options.threads = 1;
    ask_exact(rig, options, is_far, &queries);
    at = (size_t)snprintf(line, sizeof line, "| %-24s | %-12s | %4zu |", rig->kind->name,
                          where != NULL ? where : "", k);
    for (size_t i = 0; i < sizeof recalls / sizeof *recalls; i++) {
        uint64_t walked;
        double took;
        double wrong;
        options.recall = recalls[i];
        const double recall = recall_of(rig, options, &queries, &wrong, &walked, &took);
        /* The queries are a sample, too. */
        holds = holds && recall >= recalls[i] - 3 * wrong;
        at += (size_t)snprintf(line + at, sizeof line - at, " %.3f%s (%llu, %.0f us) |", recall,
                               recall >= recalls[i] ? "" : "!", (unsigned long long)walked,
                               took * 1e6);
    }
    print_message("%s\n", line);
    for (size_t q = 0; q < query_count; q++) {
        firn_search_result_destroy(queries.exact[q]);
    }
    assert_true(holds);
}

static void
recall_is_kept_on_twelve_kinds_of_vectors(void **state)
{
    static struct rig rig;
    for (size_t i = 0; i < KINDS; i++) {
        begin(&rig, &kinds[i]);
        check_promise(&rig, NULL, false, 10);
        check_promise(&rig, NULL, false, 100);
        check_promise(&rig, "part < 30", false, 10);
        check_promise(&rig, "region = 0", true, 10);
        if (test_is_long()) {
            check_promise(&rig, NULL, false, 500);
            check_promise(&rig, "part < 60", false, 10);
            check_promise(&rig, "part < 15", false, 10);
            check_promise(&rig, "region <> 0", false, 10);
            check_promise(&rig, "region = 0", false, 10);
            check_promise(&rig, "region = 0", true, 100);
        }
        end(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recall_is_kept_on_twelve_kinds_of_vectors),
    };
    if (test_is_long()) {
        row_count = 60000;
        query_count = 100;
    }
    return cmocka_run_group_tests_name("vector_recall", tests, NULL, NULL);
}
