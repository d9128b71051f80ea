/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: nodes in lists: every row is in one of them, with its code and its vector; the recall of widths is what was
 * measured, also of several graphs that are searched as one; conditions and exact searches give what comparing all gives; a file
 * whose numbers make no sense is refused.
 */
#include "unit/graph/graph_fixture.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/sort.h"
#include "cipher/cipher_keyring.h"
#include "graph/graph_format.h"
#include "graph/graph_internal.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_seal.h"

enum { ROWS = 6000, DIMENSIONS = 24, QUERIES = 60, K = 10 };

static void
build(struct graph_fixture *fixture, enum graph_fixture_style style, enum fi_vector_metric metric,
      uint32_t rows, unsigned threads, bool has_missing)
{
    struct test_random random;
    firn_error err;
    test_random_init(&random, "lists", 61);
    graph_fixture_init(fixture, style, metric, rows, DIMENSIONS, &random);
    fixture->is_listed = true;
    if (has_missing) {
        fixture->missing = calloc(rows + 1, 1);
        assert_non_null(fixture->missing);
        for (uint32_t i = 0; i < rows; i += 5) {
            fixture->missing[i] = 1;
        }
    }
    assert_int_equal(graph_fixture_build(fixture, fixture->os, threads, &err), FIRN_OK);
}

/* The list that a node is in. */
static uint32_t
list_of(const struct fi_graph *graph, uint32_t node)
{
    uint32_t list = 0;
    while (graph->list_starts[list + 1] <= node) {
        list++;
    }
    return list;
}

static float
distance_of(const struct fi_graph *graph, const struct fi_graph_query *query, uint32_t list)
{
    const uint8_t *center = graph->centers + (size_t)list * graph->codes.stride;
    const uint8_t *const four[4] = {center, center, center, center};
    float distances[4];
    fi_graph_code_measure_four(graph, query, four, distances);
    return distances[0];
}

static void
every_row_is_in_one_list(void **state)
{
    static const enum graph_fixture_style styles[] = {GRAPH_UNIFORM, GRAPH_CLUSTERED, GRAPH_TWINS};
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        struct graph_fixture fixture;
        const uint32_t rows = styles[i] == GRAPH_TWINS ? 4 * ROWS : ROWS; /* few have nodes */
        build(&fixture, styles[i], FI_VECTOR_L2, rows, 2, i == 1);
        const struct fi_graph *graph = fixture.graph;
        uint8_t *seen = calloc(rows, 1);
        uint8_t *record = calloc(1, graph->codes.stride);
        float transformed[DIMENSIONS];
        assert_true(seen != NULL && record != NULL);
        assert_true(graph->list_count > 1 && graph->list_count == graph->count / 128);
        assert_int_equal(graph->list_starts[0], 0);
        assert_int_equal(graph->list_starts[graph->list_count], graph->count);
        for (uint32_t node = 0; node < graph->count; node++) {
            const uint32_t row = graph->rows_of[node];
            assert_true(row < rows && seen[row] == 0);
            seen[row] = 1;
            fi_graph_code_write(graph, (const uint8_t *)graph_fixture_vector(&fixture, row),
                                transformed, record);
            assert_memory_equal(record, fi_graph_array_at(&graph->codes, node),
                                graph->codes.stride);
        }
        for (uint32_t j = 0; j < graph->twin_count; j++) {
            assert_true(graph->twin_rows[j] < rows && seen[graph->twin_rows[j]] == 0);
            seen[graph->twin_rows[j]] = 1;
            assert_true(j == 0 || graph->twin_nodes[j - 1] <= graph->twin_nodes[j]);
            assert_memory_equal(
                graph_fixture_vector(&fixture, graph->twin_rows[j]),
                graph_fixture_vector(&fixture, graph->rows_of[graph->twin_nodes[j]]),
                DIMENSIONS * sizeof(float));
        }
        for (uint32_t row = 0; row < rows; row++) {
            assert_true((seen[row] == 0) == (fixture.missing != NULL && fixture.missing[row] != 0));
        }
        free(seen);
        free(record);
        graph_fixture_deinit(&fixture);
    }
}

/* Each node is in the list whose center is nearest to it. */
static void
lists_have_what_is_near(void **state)
{
    struct graph_fixture fixture;
    firn_error err;
    build(&fixture, GRAPH_CLUSTERED, FI_VECTOR_L2, ROWS, 2, false);
    const struct fi_graph *graph = fixture.graph;
    struct fi_graph_scratch *scratch = fixture.scratch;
    assert_int_equal(fi_graph_code_prepare(graph, scratch, &err), FIRN_OK);
    for (uint32_t node = 0; node < graph->count; node += 37) {
        fi_graph_code_query_of(graph, fi_graph_array_at(&graph->codes, node), &scratch->query);
        const float own = distance_of(graph, &scratch->query, list_of(graph, node));
        for (uint32_t list = 0; list < graph->list_count; list++) {
            assert_true(distance_of(graph, &scratch->query, list) >= own);
        }
    }
    graph_fixture_deinit(&fixture);
}

/* Number i that a record stands for. */
static double
number_of(const struct fi_graph *graph, const uint8_t *record, uint32_t i)
{
    float scale;
    memcpy(&scale, record + graph->codes.stride - FI_GRAPH_CODE_TAIL, sizeof scale);
    return (double)scale * (record[i] - 128);
}

/* A center is much nearer to the mean of its list than a node is. */
static void
centers_are_in_the_middle(void **state)
{
    struct graph_fixture fixture;
    build(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, ROWS, 2, false);
    const struct fi_graph *graph = fixture.graph;
    double of_centers = 0;
    double of_nodes = 0;
    for (uint32_t list = 0; list < graph->list_count; list++) {
        const uint32_t first = graph->list_starts[list];
        const uint32_t count = graph->list_starts[list + 1] - first;
        const uint8_t *center = graph->centers + (size_t)list * graph->codes.stride;
        for (uint32_t i = 0; i < DIMENSIONS && count > 0; i++) {
            double mean = 0;
            double square = 0;
            for (uint32_t j = 0; j < count; j++) {
                const double number =
                    number_of(graph, fi_graph_array_at(&graph->codes, first + j), i);
                mean += number / count;
                square += number * number / count;
            }
            const double off = number_of(graph, center, i) - mean;
            of_centers += off * off;
            of_nodes += square - mean * mean;
        }
    }
    (void)printf("%.4f of a node's distance\n", of_centers / of_nodes);
    assert_true(of_centers < of_nodes / 10);
    graph_fixture_deinit(&fixture);
}

static void
threads_do_not_matter(void **state)
{
    struct graph_fixture one;
    struct graph_fixture three;
    build(&one, GRAPH_CLUSTERED, FI_VECTOR_COSINE, ROWS, 1, true);
    build(&three, GRAPH_CLUSTERED, FI_VECTOR_COSINE, ROWS, 3, true);
    const struct fi_graph *graphs[2] = {one.graph, three.graph};
    assert_int_equal(graphs[0]->list_count, graphs[1]->list_count);
    assert_memory_equal(graphs[0]->rows_of, graphs[1]->rows_of,
                        graphs[0]->count * sizeof(uint32_t));
    assert_memory_equal(graphs[0]->centers, graphs[1]->centers,
                        (size_t)graphs[0]->list_count * graphs[0]->codes.stride);
    assert_memory_equal(&graphs[0]->widths, &graphs[1]->widths, sizeof graphs[0]->widths);
    graph_fixture_deinit(&one);
    graph_fixture_deinit(&three);
}

/* The width for a recall has it, for queries that the graph has not seen, of each kind and metric. */
static void
widths_have_the_recall_that_was_measured(void **state)
{
    static const struct {
        enum graph_fixture_style style;
        enum fi_vector_metric metric;
    } cases[] = {{GRAPH_UNIFORM, FI_VECTOR_L2},
                 {GRAPH_CLUSTERED, FI_VECTOR_L2},
                 {GRAPH_CLUSTERED, FI_VECTOR_COSINE},
                 {GRAPH_SPREAD, FI_VECTOR_DOT},
                 {GRAPH_TWINS, FI_VECTOR_L2}};
    static const double recalls[] = {0.8, 0.95};
    struct test_random random;
    test_random_init(&random, "recalls", 62);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct graph_fixture fixture;
        build(&fixture, cases[i].style, cases[i].metric, ROWS, 2, false);
        for (size_t r = 0; r < sizeof recalls / sizeof recalls[0]; r++) {
            const size_t ef = fi_graph_recall_width(fixture.graph, K, recalls[r]);
            const struct fi_graph_search_options options = {.wanted = 10 * K,
                                                            .ef = ef == 0 ? FI_GRAPH_EF_MAX : ef};
            const double recall = graph_fixture_recall(&fixture, fixture.graph, cases[i].style,
                                                       QUERIES, K, &options, &random);
            (void)printf("case %zu: width %zu for %.2f has %.4f\n", i, ef, recalls[r], recall);
            assert_true(ef > 0 || cases[i].style != GRAPH_CLUSTERED);
            assert_true(recall >= recalls[r] - 0.05);
        }
        graph_fixture_deinit(&fixture);
    }
}

/* ---- several graphs ---- */

enum { PARTS = 3, PER_WIDTH = 32 };

/* Divides the rows of a graph among several: each gets every third row, or those that lie beside each other in one dimension. */
static void
split(const struct graph_fixture *whole, enum graph_fixture_style style, bool is_sorted,
      struct graph_fixture parts[PARTS])
{
    static uint64_t order[PARTS * ROWS];
    struct test_random random;
    firn_error err;
    test_random_init(&random, "split", 67);
    for (uint32_t row = 0; row < PARTS * ROWS; row++) {
        const float first = graph_fixture_vector(whole, row)[0];
        order[row] = (uint64_t)(is_sorted ? fi_graph_order_of(first) : row % PARTS) << 32 | row;
    }
    fi_sort_u64(order, PARTS * ROWS);
    for (size_t i = 0; i < PARTS; i++) {
        graph_fixture_init(&parts[i], style, whole->parameters.metric, ROWS, DIMENSIONS, &random);
        for (uint32_t row = 0; row < ROWS; row++) {
            memcpy(parts[i].vectors + (size_t)row * DIMENSIONS,
                   graph_fixture_vector(whole, (uint32_t)order[i * ROWS + row]),
                   DIMENSIONS * sizeof(float));
        }
        parts[i].is_listed = true;
        assert_int_equal(graph_fixture_build(&parts[i], parts[i].os, 2, &err), FIRN_OK);
    }
}

/* The radius of a graph as a distance, or a product, of vectors. */
static double
true_radius(const struct fi_graph *graph, float radius)
{
    return graph->parameters.metric == FI_VECTOR_L2 ? (double)radius / graph->scale / graph->scale
           : graph->parameters.metric == FI_VECTOR_DOT ? ((double)radius - 2) / graph->scale
                                                       : (double)radius;
}

static int
compare_distances(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The distance of the K-th nearest row of all parts. */
static double
exact_of(const struct graph_fixture parts[PARTS], const float *query, const uint64_t *allowed)
{
    double all[PARTS * K];
    for (size_t i = 0; i < PARTS; i++) {
        assert_int_equal(graph_fixture_exact(&parts[i], query, K, allowed, all + i * K), K);
    }
    qsort(all, PARTS * K, sizeof all[0], compare_distances);
    return all[K - 1];
}

/* Searches all parts together; returns how many of the K nearest were found. *compared is advanced. allowed, which may be NULL, has
 * bits for the rows of each part. */
static size_t
hits_of(const struct graph_fixture parts[PARTS], uint64_t width, const float *query,
        const uint64_t *allowed, uint64_t *compared)
{
    const enum fi_vector_metric metric = parts[0].parameters.metric;
    const double most = exact_of(parts, query, allowed);
    const struct fi_graph *graphs[PARTS];
    float radii[PARTS];
    size_t hits = 0;
    firn_error err;
    for (size_t i = 0; i < PARTS; i++) {
        graphs[i] = parts[i].graph;
    }
    assert_int_equal(
        fi_graph_lists_share(graphs, PARTS, query, width, parts[0].scratch, radii, &err), FIRN_OK);
    for (size_t i = 0; i < PARTS; i++) {
        struct fi_graph_candidate found[100];
        struct fi_graph_search_counts counts;
        size_t count;
        assert_true(radii[i] > 0);
        const double one = true_radius(graphs[0], radii[0]);
        const double other = true_radius(graphs[i], radii[i]);
        assert_true(other - one < 1e-4 * fabs(one) && one - other < 1e-4 * fabs(one));
        const struct fi_graph_search_options options = {
            .wanted = 100, .radius = radii[i], .allowed = allowed, .allowed_count = ROWS / 2};
        assert_int_equal(fi_graph_search(graphs[i], query, &options, parts[i].scratch, found,
                                         &count, &counts, &err),
                         FIRN_OK);
        const uint64_t nodes = counts.evaluated - graphs[i]->list_count;
        *compared += nodes;
        assert_true(count == 100 ||
                    nodes < 400); /* rows that are not allowed take nobody's place */
        for (size_t j = 0; j < count; j++) {
            const uint64_t row = found[j].row;
            assert_true(allowed == NULL || (allowed[row / 64] >> row % 64 & 1) != 0);
            hits += fi_vector_distance_exact(metric, query, graph_fixture_vector(&parts[i], row),
                                             DIMENSIONS) <= most;
        }
    }
    return hits < K ? hits : K;
}

/* The widths of graphs for their part of the wanted rows are enough for all of them together, whether each graph has some of
 * the rows that are near or only one of them has, and whether all rows are allowed or half. As many codes are compared as the
 * widths say. */
static void
several_graphs_are_searched_as_one(void **state)
{
    static const enum fi_vector_metric metrics[] = {FI_VECTOR_L2, FI_VECTOR_COSINE, FI_VECTOR_DOT};
    static uint64_t half[ROWS / 64 + 1];
    struct test_random random;
    test_random_init(&random, "several", 68);
    for (size_t i = 0; i < sizeof half / sizeof half[0]; i++) {
        half[i] = test_random_next(&random);
    }
    for (size_t round = 0; round < 2 * sizeof metrics / sizeof metrics[0]; round++) {
        const enum fi_vector_metric metric = metrics[round / 2];
        const enum graph_fixture_style style =
            metric == FI_VECTOR_DOT ? GRAPH_SPREAD : GRAPH_CLUSTERED;
        const double recall = metric == FI_VECTOR_DOT ? 0.75 : 0.9;
        struct graph_fixture whole;
        struct graph_fixture parts[PARTS];
        uint64_t width = 0;
        uint64_t alone = 0;
        uint64_t compared = 0;
        size_t hits[2] = {0};
        graph_fixture_init(&whole, style, metric, PARTS * ROWS, DIMENSIONS, &random);
        split(&whole, style, round % 2 == 1, parts);
        for (size_t i = 0; i < PARTS; i++) {
            const size_t of_part = fi_graph_recall_width(parts[i].graph, 2 * K / PARTS + 1, recall);
            assert_true(of_part > 0);
            width += of_part;
            alone += fi_graph_recall_width(parts[i].graph, K, recall);
        }
        for (size_t q = 0; q < QUERIES; q++) {
            float query[DIMENSIONS];
            graph_fixture_query(&whole, style, &random, query);
            hits[0] += hits_of(parts, width, query, NULL, &compared);
            hits[1] += hits_of(parts, width, query, half, &compared);
        }
        (void)printf("metric %d, %s: width %u of %u, %u codes, recall %.4f, among half %.4f\n",
                     (int)metric, round % 2 == 1 ? "sorted" : "mixed", (unsigned)width,
                     (unsigned)alone, (unsigned)(compared / QUERIES / 2),
                     (double)hits[0] / (QUERIES * K), (double)hits[1] / (QUERIES * K));
        assert_true(width <= alone);
        assert_true(compared >= 2 * width * PER_WIDTH * QUERIES);
        assert_true(compared <= 2 * (width * PER_WIDTH + 1500) * QUERIES); /* a list more */
        assert_true((double)hits[0] >= QUERIES * K * (recall - 0.05));
        assert_true((double)hits[1] >= QUERIES * K * (recall - 0.05));
        graph_fixture_deinit(&whole);
        for (size_t i = 0; i < PARTS; i++) {
            graph_fixture_deinit(&parts[i]);
        }
    }
}

/* ---- files ---- */

struct file {
    struct graph_fixture fixture;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct fi_run_env env;
    struct fi_run *run;
};

/* cipher: 0: none. */
static void
open_file_with(struct file *file, enum graph_fixture_style style, enum fi_vector_metric metric,
               uint32_t rows, bool has_missing, unsigned cipher)
{
    static const uint8_t key[FI_CIPHER_KEY_SIZE] = {1};
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    uint64_t bytes;
    uint64_t identity;
    firn_error err;
    build(&file->fixture, style, metric, rows, 1, has_missing);
    assert_int_equal(fi_sim_memory_create(5, &file->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(file->os, "/", &file->dir, NULL), FIRN_OK);
    if (cipher != 0) {
        assert_int_equal(fi_cipher_keyring_create(cipher, &master, 1, &keyring, &err), FIRN_OK);
        fi_os_dir_set_seal(file->dir, fi_cipher_keyring_seal(keyring));
    }
    assert_int_equal(fi_block_cache_create(file->os, 1 << 20, &file->cache, NULL), FIRN_OK);
    assert_int_equal(
        graph_fixture_write(&file->fixture, file->dir, "good", &bytes, &identity, &err), FIRN_OK);
    file->env = (struct fi_run_env){.dir = file->dir, .cache = file->cache};
    assert_int_equal(fi_graph_read_kind.open(&file->env, "good", &file->run, &err), FIRN_OK);
    assert_true(fi_graph_search_is_listed(fi_graph_read_of(file->run)));
}

static void
open_file(struct file *file, enum graph_fixture_style style, enum fi_vector_metric metric,
          uint32_t rows, bool has_missing)
{
    open_file_with(file, style, metric, rows, has_missing, 0);
}

static void
close_file(struct file *file)
{
    fi_graph_read_kind.close(file->run);
    graph_fixture_deinit(&file->fixture);
    fi_block_cache_destroy(file->cache);
    fi_os_dir_close(file->dir);
    fi_sim_memory_destroy(file->os);
}

/* A search that is to be exact finds what comparing all vectors finds, among some rows, too. */
static void
exact_searches_are_exact(void **state)
{
    static uint64_t allowed[ROWS / 64 + 1];
    struct file file;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "exact", 63);
    open_file(&file, GRAPH_CLUSTERED, FI_VECTOR_L2, ROWS, true);
    const struct fi_graph *graph = fi_graph_read_of(file.run);
    for (size_t q = 0; q < QUERIES; q++) {
        float query[DIMENSIONS];
        struct fi_graph_candidate found[K];
        double distances[K];
        double expected[K];
        size_t count;
        struct fi_graph_search_counts counts;
        struct fi_graph_search_options options = {.wanted = K};
        graph_fixture_query(&file.fixture, GRAPH_CLUSTERED, &random, query);
        if (q % 2 == 1) {
            for (size_t row = 0; row < ROWS; row++) {
                const uint64_t bit = UINT64_C(1) << row % 64;
                const bool is_allowed = test_random_below(&random, 10) == 0;
                allowed[row / 64] = is_allowed ? allowed[row / 64] | bit : allowed[row / 64] & ~bit;
                options.allowed_count += is_allowed;
            }
            options.allowed = allowed;
        }
        assert_int_equal(fi_graph_exact(graph, query, &options, file.fixture.scratch, found,
                                        distances, &count, &counts, &err),
                         FIRN_OK);
        assert_int_equal(count,
                         graph_fixture_exact(&file.fixture, query, K, options.allowed, expected));
        for (size_t i = 0; i < count; i++) {
            assert_true(distances[i] == expected[i]);
        }
    }
    close_file(&file);
}

/* What a search has found is ranked by the vectors. */
static void
candidates_are_ranked_by_their_vectors(void **state)
{
    struct file file;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "rank", 64);
    open_file(&file, GRAPH_TWINS, FI_VECTOR_L2, ROWS, false);
    const struct fi_graph *graph = fi_graph_read_of(file.run);
    for (size_t q = 0; q < QUERIES; q++) {
        float query[DIMENSIONS];
        struct fi_graph_candidate found[100];
        double distances[100];
        double expected[K];
        size_t count;
        uint64_t judged;
        const struct fi_graph_search_options all = {.wanted = 100, .ef = FI_GRAPH_EF_MAX};
        const struct fi_graph_search_options few = {.wanted = K};
        graph_fixture_query(&file.fixture, GRAPH_UNIFORM, &random, query);
        assert_int_equal(
            fi_graph_search(graph, query, &all, file.fixture.scratch, found, &count, NULL, &err),
            FIRN_OK);
        assert_int_equal(count, 100);
        assert_int_equal(fi_graph_exact_rank(graph, query, &few, INFINITY, file.fixture.scratch,
                                             found, distances, &count, &judged, &err),
                         FIRN_OK);
        assert_int_equal(count, K);
        assert_int_equal(graph_fixture_exact(&file.fixture, query, K, NULL, expected), K);
        for (size_t i = 0; i < K; i++) {
            assert_true(distances[i] == expected[i]);
        }
    }
    close_file(&file);
}

/* Searches two graphs in the same way, which find the same rows at the same distances, in the same order. */
static void
expect_same(const struct fi_graph *const graphs[2], const struct graph_fixture *fixture,
            struct fi_graph_scratch *const scratches[2], struct test_random *random)
{
    firn_error err;
    for (size_t q = 0; q < QUERIES; q++) {
        float query[DIMENSIONS];
        struct fi_graph_candidate found[2][30];
        size_t counts[2];
        const struct fi_graph_search_options options = {.wanted = 30, .ef = 40};
        graph_fixture_query(fixture, GRAPH_CLUSTERED, random, query);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(fi_graph_search(graphs[i], query, &options, scratches[i], found[i],
                                             &counts[i], NULL, &err),
                             FIRN_OK);
            assert_int_equal(counts[i], 30);
        }
        for (size_t i = 0; i < 30; i++) {
            assert_int_equal(found[0][i].row, found[1][i].row);
            assert_true(found[0][i].distance == found[1][i].distance);
        }
    }
}

static void
encrypted_files_give_the_same(void **state)
{
    struct file plain;
    open_file(&plain, GRAPH_CLUSTERED, FI_VECTOR_COSINE, ROWS / 2, true);
    for (unsigned cipher = 1; cipher <= 3; cipher++) {
        struct file file;
        struct test_random random;
        if (fi_cipher_check(cipher, NULL) != FIRN_OK) {
            continue;
        }
        test_random_init(&random, "encrypted", 66);
        open_file_with(&file, GRAPH_CLUSTERED, FI_VECTOR_COSINE, ROWS / 2, true, cipher);
        const struct fi_graph *const graphs[2] = {fi_graph_read_of(plain.run),
                                                  fi_graph_read_of(file.run)};
        struct fi_graph_scratch *const scratches[2] = {plain.fixture.scratch, file.fixture.scratch};
        expect_same(graphs, &plain.fixture, scratches, &random);
        close_file(&file);
    }
    close_file(&plain);
}

/* Whether sketches are in the cache does not matter: there is none, or it has room for a few of them, or for all. */
static void
caches_do_not_matter(void **state)
{
    static const size_t budgets[] = {0, 64 << 10};
    struct file file;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "caches", 69);
    open_file(&file, GRAPH_CLUSTERED, FI_VECTOR_L2, ROWS, false);
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        struct fi_block_cache *cache;
        struct fi_graph_scratch *scratch;
        struct fi_run *run;
        assert_int_equal(fi_block_cache_create(file.os, budgets[i], &cache, NULL), FIRN_OK);
        const struct fi_run_env env = {.dir = file.dir, .cache = cache};
        assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
        assert_int_equal(fi_graph_sketch_scratch_create(&scratch, &err), FIRN_OK);
        const struct fi_graph *const graphs[2] = {fi_graph_read_of(file.run),
                                                  fi_graph_read_of(run)};
        struct fi_graph_scratch *const scratches[2] = {file.fixture.scratch, scratch};
        expect_same(graphs, &file.fixture, scratches, &random);
        fi_graph_search_scratch_destroy(scratch);
        fi_graph_read_kind.close(run);
        fi_block_cache_destroy(cache);
    }
    close_file(&file);
}

/* What the distances of a graph's codes are in: the root of a distance; under DOT half of it. */
static double
unit_of(const struct fi_graph *graph, double distance, double length)
{
    switch (graph->parameters.metric) {
    case FI_VECTOR_L2:
        return sqrt(distance) * graph->scale;
    case FI_VECTOR_COSINE:
        return sqrt(2 * distance);
    case FI_VECTOR_DOT:
        break;
    }
    return (2 + 2 * distance * graph->scale / length) / 2;
}

/* The errors of sketches have their bounds, but for one in thirty, for all metrics; of what is near a query more often than of
 * the rest. And they are not much smaller than these. */
static void
sketches_are_wrong_by_what_they_say(void **state)
{
    static const struct {
        enum graph_fixture_style style;
        enum fi_vector_metric metric;
    } cases[] = {{GRAPH_UNIFORM, FI_VECTOR_L2},
                 {GRAPH_CLUSTERED, FI_VECTOR_L2},
                 {GRAPH_CLUSTERED, FI_VECTOR_COSINE},
                 {GRAPH_SPREAD, FI_VECTOR_DOT}};
    struct test_random random;
    firn_error err;
    test_random_init(&random, "errors", 70);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct file file;
        static struct fi_graph_candidate found[1000];
        const enum fi_vector_metric metric = cases[i].metric;
        const struct fi_graph_search_options options = {.wanted = 1000, .ef = 1000};
        size_t beyond = 0;
        size_t half = 0;
        size_t all = 0;
        open_file(&file, cases[i].style, metric, ROWS, false);
        const struct fi_graph *graph = fi_graph_read_of(file.run);
        for (size_t q = 0; q < QUERIES; q++) {
            float query[DIMENSIONS];
            size_t count;
            graph_fixture_query(&file.fixture, cases[i].style, &random, query);
            assert_int_equal(fi_graph_search(graph, query, &options, file.fixture.scratch, found,
                                             &count, NULL, &err),
                             FIRN_OK);
            assert_true(file.fixture.scratch->sketched == graph);
            const double length = sqrt(fi_vector_distance_squares(query, DIMENSIONS));
            for (size_t j = 0; j < count; j++) {
                const double error =
                    (double)fi_graph_sketch_error(graph, file.fixture.scratch, found[j].node);
                const double distance = fi_vector_distance_exact(
                    metric, query, graph_fixture_vector(&file.fixture, (uint32_t)found[j].row),
                    DIMENSIONS);
                const double wrong =
                    fabs((metric == FI_VECTOR_DOT ? (double)found[j].distance / 2
                                                  : sqrt((double)found[j].distance)) -
                         unit_of(graph, distance, length));
                beyond += wrong > error;
                half += wrong > error / 2.5 / 2;
                all++;
            }
        }
        (void)printf("case %zu: beyond the bound %.4f, beyond half of the deviation %.4f\n", i,
                     (double)beyond / (double)all, (double)half / (double)all);
        assert_true(beyond * 30 <= all);
        assert_true(half * 3 >= all);
        close_file(&file);
    }
}

/* Rows that are farther than what is of use are not read. */
static void
far_rows_are_not_read(void **state)
{
    struct file file;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "far", 71);
    open_file(&file, GRAPH_CLUSTERED, FI_VECTOR_L2, ROWS, false);
    const struct fi_graph *graph = fi_graph_read_of(file.run);
    const struct fi_graph_search_options options = {.wanted = K, .most = 100, .ef = 200};
    for (size_t q = 0; q < QUERIES; q++) {
        float query[DIMENSIONS];
        double limits[3] = {INFINITY, 0, 0};
        double first[K];
        graph_fixture_query(&file.fixture, GRAPH_CLUSTERED, &random, query);
        uint64_t judged[3];
        for (size_t i = 0; i < 3; i++) {
            struct fi_graph_candidate found[100];
            double distances[100];
            size_t count;
            assert_int_equal(fi_graph_search(graph, query, &options, file.fixture.scratch, found,
                                             &count, NULL, &err),
                             FIRN_OK);
            assert_int_equal(fi_graph_exact_rank(graph, query, &options, limits[i],
                                                 file.fixture.scratch, found, distances, &count,
                                                 &judged[i], &err),
                             FIRN_OK);
            assert_true(i != 0 || count == K);
            for (size_t j = 0; j < K; j++) {
                first[j] = i == 0 ? distances[j] : first[j];
                assert_true(first[j] > limits[i] || (j < count && first[j] == distances[j]));
            }
            limits[1] = first[K / 2];
        }
        assert_true(judged[1] <= judged[0] && judged[2] <= judged[1]);
        assert_true(judged[2] < judged[0]);
    }
    close_file(&file);
}

/* Conditions that any share of the rows fulfil. */
static void
conditions_find_what_is_allowed(void **state)
{
    static const uint64_t shares[] = {0, 1, 10, 50, 200, 500, 1000};
    static uint64_t allowed[ROWS / 64 + 1];
    struct file file;
    struct test_random random;
    test_random_init(&random, "conditions", 65);
    open_file(&file, GRAPH_TWINS, FI_VECTOR_L2, ROWS, true);
    const struct fi_graph *graph = fi_graph_read_of(file.run);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t count = 0;
        memset(allowed, 0, sizeof allowed);
        for (uint32_t row = 0; row < ROWS; row++) {
            if (test_random_below(&random, 1000) < shares[i]) {
                allowed[row / 64] |= UINT64_C(1) << row % 64;
                count += file.fixture.missing[row] == 0;
            }
        }
        const struct fi_graph_search_options options = {
            .wanted = 4 * K, .ef = 200, .allowed = allowed, .allowed_count = count};
        const size_t k = count < K ? (size_t)count : K;
        const double recall = k == 0 ? 1
                                     : graph_fixture_recall(&file.fixture, graph, GRAPH_UNIFORM,
                                                            QUERIES, k, &options, &random);
        (void)printf("%llu of 1,000 rows: recall %.4f\n", (unsigned long long)shares[i], recall);
        assert_true(recall >= 0.9);
    }
    close_file(&file);
}

/* Changes one number of the section of lists, or of rows, and expects a refusal. */
static void
refuse(const struct file *file, const struct fi_buf *good, size_t at, uint32_t value)
{
    struct fi_buf bad = {0};
    struct fi_run *run;
    firn_error err;
    assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(good)), FIRN_OK);
    assert_int_not_equal(fi_load_le32(bad.data + at), value);
    fi_store_le32(bad.data + at, value);
    test_seal(bad.data, bad.size);
    test_file_write(file->dir, "bad", bad.data, bad.size);
    assert_int_equal(fi_graph_read_kind.open(&file->env, "bad", &run, &err), FIRN_CORRUPT);
    fi_buf_deinit(&bad);
}

/* Where the bytes are in a file. */
static size_t
find_bytes(const struct fi_buf *file, const void *bytes, size_t size)
{
    size_t at = 0;
    while (at + size <= file->size && memcmp(file->data + at, bytes, size) != 0) {
        at++;
    }
    assert_true(at + size <= file->size);
    return at;
}

static void
lists_that_make_no_sense_are_refused(void **state)
{
    struct file file;
    struct fi_buf good = {0};
    open_file(&file, GRAPH_UNIFORM, FI_VECTOR_L2, 1000, false);
    const struct fi_graph *graph = fi_graph_read_of(file.run);
    test_file_read(file.dir, "good", &good);
    assert_true(graph->list_count == 7 && graph->count == 1000);
    const size_t ends = find_bytes(&good, graph->list_starts + 1, 7 * sizeof(uint32_t));
    const size_t rows = find_bytes(&good, graph->rows_of, 1000 * sizeof(uint32_t));
    refuse(&file, &good, ends, 1001);                  /* descends after it */
    refuse(&file, &good, ends + 4, 0);                 /* descends */
    refuse(&file, &good, ends + 24, 999);              /* a node is in no list */
    refuse(&file, &good, ends + 24, UINT32_MAX);       /* more than there are */
    refuse(&file, &good, rows, 1000);                  /* no row */
    refuse(&file, &good, rows + 4, graph->rows_of[0]); /* a row of two nodes */
    const uint8_t begin[4] = {FI_GRAPH_VERSION_LISTS, 0, 0, 0};
    uint8_t header[12];
    memcpy(header, begin, sizeof begin);
    header[4] = FI_VECTOR_L2;
    header[5] = 0;
    header[6] = FI_GRAPH_M_DEFAULT;
    header[7] = 0;
    fi_store_le32(header + 8, DIMENSIONS);
    const size_t at = find_bytes(&good, header, sizeof header);
    refuse(&file, &good, at, FI_GRAPH_VERSION); /* a graph with links, which are not there */
    refuse(&file, &good, at + 44, 1);           /* a node above level 0 */
    refuse(&file, &good, at + 52, 0);           /* rows in order */
    const size_t number = at + 108 + 4 * (size_t)DIMENSIONS + 16 * (size_t)graph->widths.count;
    assert_int_equal(fi_load_le32(good.data + number), 7);
    refuse(&file, &good, number, 0);
    refuse(&file, &good, number, 6);
    refuse(&file, &good, number, FI_GRAPH_LISTS_MAX + 1);
    fi_buf_deinit(&good);
    close_file(&file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_in_one_list),
        cmocka_unit_test(lists_have_what_is_near),
        cmocka_unit_test(centers_are_in_the_middle),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(widths_have_the_recall_that_was_measured),
        cmocka_unit_test(several_graphs_are_searched_as_one),
        cmocka_unit_test(exact_searches_are_exact),
        cmocka_unit_test(candidates_are_ranked_by_their_vectors),
        cmocka_unit_test(encrypted_files_give_the_same),
        cmocka_unit_test(caches_do_not_matter),
        cmocka_unit_test(sketches_are_wrong_by_what_they_say),
        cmocka_unit_test(far_rows_are_not_read),
        cmocka_unit_test(conditions_find_what_is_allowed),
        cmocka_unit_test(lists_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests_name("graph_lists", tests, NULL, NULL);
}
