/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: how many of the exact nearest a graph finds: floors for each kind of data and metric; the same graph with any
 * number of threads, and with a seed.
 */
#include "unit/graph/graph_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_internal.h"
#include "support/test_share.h"
#include "support/test_threads.h"

enum { K = 10, QUERIES = 100 };

struct floors {
    size_t ef;
    double recall;
};

static void
assert_floor(const struct graph_fixture *fixture, enum graph_fixture_style style,
             const struct floors *floors, struct test_random *random)
{
    const struct fi_graph_search_options options = {.wanted = 4 * K, .ef = floors->ef};
    double recall =
        graph_fixture_recall(fixture, fixture->graph, style, QUERIES, K, &options, random);
    (void)printf("ef %zu: recall %.4f, at least %.2f\n", floors->ef, recall, floors->recall);
    assert_true(recall >= floors->recall);
}

static void
check_recall(const char *name, enum graph_fixture_style style, enum fi_vector_metric metric,
             uint32_t rows, uint32_t dimensions, const struct floors *floors, size_t count)
{
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, name, 11);
    if (test_share_of(1, 0).step > 1) {
        rows /= 2; /* no build but the one that tries all has to show this of large graphs */
    }
    graph_fixture_init(&fixture, style, metric, rows, dimensions, &random);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    assert_int_equal(fi_graph_search_rows(fixture.graph), rows);
    assert_int_equal(fi_graph_search_count(fixture.graph), rows);
    for (size_t i = 0; i < count; i++) {
        assert_floor(&fixture, style, &floors[i], &random);
    }
    graph_fixture_deinit(&fixture);
}

static void
test_uniform_vectors_are_found(void **state)
{
    const struct floors floors[] = {{100, 0.95}, {200, 0.98}};
    check_recall("uniform", GRAPH_UNIFORM, FI_VECTOR_L2, 8000, 64, floors, 2);
}

static void
test_clustered_vectors_are_found(void **state)
{
    const struct floors floors[] = {{100, 0.97}, {200, 0.98}};
    check_recall("clustered", GRAPH_CLUSTERED, FI_VECTOR_L2, 8000, 48, floors, 2);
}

static void
test_cosine_finds_directions(void **state)
{
    const struct floors floors[] = {{100, 0.95}, {200, 0.98}};
    check_recall("cosine", GRAPH_CLUSTERED, FI_VECTOR_COSINE, 6000, 100, floors, 2);
}

static void
test_products_are_found_whatever_the_lengths(void **state)
{
    const struct floors floors[] = {{100, 0.90}, {200, 0.95}};
    check_recall("dot", GRAPH_SPREAD, FI_VECTOR_DOT, 6000, 40, floors, 2);
}

static void
test_many_equal_vectors_are_found(void **state)
{
    const struct floors floors[] = {{100, 0.95}};
    check_recall("twins", GRAPH_TWINS, FI_VECTOR_L2, 5000, 24, floors, 1);
}

static void
test_one_number_is_a_vector(void **state)
{
    const struct floors floors[] = {{64, 0.95}};
    check_recall("one", GRAPH_UNIFORM, FI_VECTOR_L2, 2000, 1, floors, 1);
}

static void
test_long_vectors_are_found(void **state)
{
    const struct floors floors[] = {{64, 0.90}};
    check_recall("long", GRAPH_CLUSTERED, FI_VECTOR_COSINE, 600, 5000, floors, 1);
}

/* All of a group of equal vectors, which is larger than a list of links. */
static void
test_all_equal_vectors_are_reached(void **state)
{
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "equal", 12);
    graph_fixture_init(&fixture, GRAPH_TWINS, FI_VECTOR_L2, 3000, 16, &random);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
    size_t reached = 0;
    size_t all = 0;
    for (uint64_t row = 0; row < 20; row++) {
        const float *query = graph_fixture_vector(&fixture, row);
        struct fi_graph_candidate found[200];
        size_t count;
        const struct fi_graph_search_options options = {.wanted = 200, .ef = 300};
        assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                         &count, NULL, &err),
                         FIRN_OK);
        for (size_t i = 0; i < count; i++) {
            reached += found[i].distance <= 0;
        }
        for (uint64_t other = 0; other < fixture.rows; other++) {
            all += memcmp(query, graph_fixture_vector(&fixture, other), 16 * sizeof(float)) == 0;
        }
    }
    (void)printf("%zu of %zu\n", reached, all);
    assert_true(reached * 100 >= all * 97);
    graph_fixture_deinit(&fixture);
}

/* Candidates that the caller does not want, because they were deleted: there are more. */
static void
test_after_deletes_there_are_others(void **state)
{
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    uint64_t alive[4000 / 64 + 1];
    size_t hits = 0;
    test_random_init(&random, "deletes", 13);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 4000, 32, &random);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    for (size_t i = 0; i < sizeof alive / sizeof alive[0]; i++) {
        alive[i] = test_random_next(&random) & test_random_next(&random); /* a quarter */
    }
    for (size_t q = 0; q < QUERIES; q++) {
        float query[32];
        double exact[K];
        struct fi_graph_candidate found[400];
        size_t count;
        size_t shown = 0;
        const struct fi_graph_search_options options = {.wanted = 400, .ef = 400};
        graph_fixture_query(&fixture, GRAPH_UNIFORM, &random, query);
        assert_int_equal(graph_fixture_exact(&fixture, query, K, alive, exact), K);
        assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                         &count, NULL, &err),
                         FIRN_OK);
        for (size_t i = 0; i < count; i++) {
            uint64_t row = found[i].row;
            if ((alive[row / 64] >> row % 64 & 1) != 0) {
                double distance = fi_vector_distance_exact(FI_VECTOR_L2, query,
                                                           graph_fixture_vector(&fixture, row), 32);
                shown++;
                hits += distance <= exact[K - 1];
            }
        }
        assert_true(shown >= K);
    }
    assert_true((double)hits >= 0.97 * K * QUERIES);
    graph_fixture_deinit(&fixture);
}

/* ---- walks that begin in the right place ---- */

/* A vector beside the centre of a cluster. */
static void
fill_near(const float *centre, uint32_t dimensions, struct test_random *random, float *out)
{
    for (uint32_t i = 0; i < dimensions; i++) {
        out[i] = centre[i] + graph_fixture_number(random) / 50;
    }
}

/* Many small clusters that lie far apart: level 0 has no links from one to another, so a walk that descends into a wrong cluster
 * finds no neighbour. If a descent keeps one node, 4 % of the queries end so; with four nodes, but without links to those that
 * descents do not find (graph_connect.c), whole clusters are missed in half of the graphs. Returns how many queries end so. */
static size_t
miss_clusters(uint64_t seed, size_t asked)
{
    enum { CLUSTERS = 100, EACH = 150, WIDTH = 64 };
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    float centres[CLUSTERS][WIDTH];
    size_t missed = 0;
    test_random_init(&random, "descent", seed);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, CLUSTERS * EACH, WIDTH, &random);
    fixture.parameters.m = 8;
    fixture.parameters.ef_construction = 40;
    for (size_t i = 0; i < (size_t)CLUSTERS * WIDTH; i++) {
        centres[i / WIDTH][i % WIDTH] = graph_fixture_number(&random);
    }
    for (uint32_t row = 0; row < fixture.rows; row++) {
        fill_near(centres[row % CLUSTERS], WIDTH, &random, fixture.vectors + (size_t)row * WIDTH);
    }
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    for (size_t q = 0; q < asked; q++) {
        const struct fi_graph_search_options options = {.wanted = K, .ef = K};
        struct fi_graph_candidate found[K];
        float query[WIDTH];
        size_t count;
        fill_near(centres[q % CLUSTERS], WIDTH, &random, query);
        assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                         &count, NULL, &err),
                         FIRN_OK);
        missed += count == 0 || found[0].row % CLUSTERS != q % CLUSTERS;
    }
    (void)printf("%zu of %zu miss their cluster\n", missed, asked);
    graph_fixture_deinit(&fixture);
    return missed;
}

static void
test_walks_descend_into_the_right_cluster(void **state)
{
    enum { GRAPHS = 4, ASKED = 2000 };
    for (uint64_t i = 0; i < GRAPHS; i++) {
        assert_true(miss_clusters(1 + i, ASKED) <= ASKED / 500);
    }
}

/* ---- the same graph ---- */

static void
assert_same_answers(const struct graph_fixture *a, const struct graph_fixture *b,
                    struct test_random *random)
{
    firn_error err;
    for (size_t q = 0; q < 50; q++) {
        float query[24];
        struct fi_graph_candidate left[30];
        struct fi_graph_candidate right[30];
        size_t left_count;
        size_t right_count;
        struct fi_graph_search_counts left_counts;
        struct fi_graph_search_counts right_counts;
        const struct fi_graph_search_options options = {.wanted = 30, .ef = 30};
        graph_fixture_query(a, GRAPH_UNIFORM, random, query);
        assert_int_equal(fi_graph_search(a->graph, query, &options, a->scratch, left, &left_count,
                                         &left_counts, &err),
                         FIRN_OK);
        assert_int_equal(fi_graph_search(b->graph, query, &options, b->scratch, right, &right_count,
                                         &right_counts, &err),
                         FIRN_OK);
        assert_int_equal(left_count, right_count);
        assert_int_equal(left_counts.evaluated, right_counts.evaluated);
        assert_int_equal(left_counts.expanded, right_counts.expanded);
        for (size_t i = 0; i < left_count; i++) {
            assert_int_equal(left[i].row, right[i].row);
        }
    }
}

static void
test_threads_make_the_same_graph(void **state)
{
    struct graph_fixture one;
    struct graph_fixture many;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "threads", 14);
    struct test_random again = random;
    graph_fixture_init(&one, GRAPH_UNIFORM, FI_VECTOR_L2, 3000, 24, &random);
    graph_fixture_init(&many, GRAPH_UNIFORM, FI_VECTOR_L2, 3000, 24, &again);
    assert_int_equal(graph_fixture_build(&one, one.os, 1, &err), FIRN_OK);
    assert_int_equal(graph_fixture_build(&many, many.os, 4, &err), FIRN_OK);
    assert_same_answers(&one, &many, &random);
    assert_true(one.graph->widths.is_measured);
    assert_memory_equal(&one.graph->widths, &many.graph->widths, sizeof one.graph->widths);
    graph_fixture_deinit(&one);
    graph_fixture_deinit(&many);
}

/* ---- what cannot be ---- */

static void
test_small_graphs_find_all(void **state)
{
    struct test_random random;
    firn_error err;
    test_random_init(&random, "small", 15);
    for (uint32_t rows = 0; rows < 70; rows++) {
        struct graph_fixture fixture;
        float query[3];
        struct fi_graph_candidate found[100];
        size_t count;
        struct fi_graph_search_counts counts;
        const struct fi_graph_search_options options = {.wanted = 100, .ef = 100};
        graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, rows, 3, &random);
        assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
        graph_fixture_query(&fixture, GRAPH_UNIFORM, &random, query);
        assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                         &count, &counts, &err),
                         FIRN_OK);
        assert_int_equal(count, rows);
        assert_true(counts.is_exhaustive);
        graph_fixture_deinit(&fixture);
    }
}

static void
test_odd_numbers_do_no_harm(void **state)
{
    static const float odd[] = {0, -0.0F, 1e-45F, -1e-38F, 3.4e38F, -3.4e38F, 1e-30F, 1e30F, 1, -1};
    struct test_random random;
    firn_error err;
    test_random_init(&random, "odd", 16);
    for (unsigned metric = FI_VECTOR_L2; metric <= FI_VECTOR_METRIC_LAST; metric++) {
        struct graph_fixture fixture;
        graph_fixture_init(&fixture, GRAPH_UNIFORM, (enum fi_vector_metric)metric, 500, 5, &random);
        for (size_t i = 0; i < 2500; i++) {
            fixture.vectors[i] = odd[test_random_below(&random, 10)];
        }
        memset(fixture.vectors, 0, 50 * sizeof(float)); /* ten zero vectors */
        fixture.vectors[60] = __builtin_nanf("");
        assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
        assert_true(fi_graph_search_count(fixture.graph) <= 500);
        assert_true(metric == FI_VECTOR_COSINE ? fi_graph_search_count(fixture.graph) <= 490
                                               : fi_graph_search_count(fixture.graph) >= 499);
        for (size_t q = 0; q < 50; q++) {
            float query[5];
            struct fi_graph_candidate found[20];
            size_t count;
            const struct fi_graph_search_options options = {.wanted = 20, .ef = 50};
            for (size_t i = 0; i < 5; i++) {
                query[i] = q == 0 ? 0 : odd[test_random_below(&random, 10)];
            }
            assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                             &count, NULL, &err),
                             FIRN_OK);
            assert_true(count > 0);
        }
        graph_fixture_deinit(&fixture);
    }
}

/* With the largest codes in all places, too. */
static void
test_the_code_of_a_node_becomes_a_query(void **state)
{
    const uint32_t numbers[] = {1, 7, 8, 15, 1023, 1024, 1031, 3000, FI_VECTOR_DIMENSIONS_MAX};
    struct test_random random;
    test_random_init(&random, "code", 13);
    for (size_t n = 0; n < 2 * sizeof numbers / sizeof *numbers; n++) {
        struct fi_graph graph = {.numbers = numbers[n / 2]};
        graph.codes.stride = (uint32_t)fi_graph_code_stride(graph.numbers);
        graph.measured = fi_graph_measured(graph.numbers, graph.codes.stride);
        const float tail[] = {2, 3};
        struct fi_graph_query query = {.codes = malloc(graph.measured)};
        uint8_t *record = malloc(graph.codes.stride);
        int32_t sum = 0;
        assert_non_null(query.codes);
        assert_non_null(record);
        for (uint32_t i = 0; i < graph.codes.stride; i++) {
            record[i] = (uint8_t)(n % 2 == 0 ? 255 : test_random_below(&random, 256));
        }
        memcpy(record + graph.codes.stride - 8, tail, sizeof tail);
        fi_graph_code_query_of(&graph, record, &query);
        for (uint32_t i = 0; i < graph.measured; i++) {
            const int32_t code = i < graph.numbers ? record[i] - 128 : 0;
            assert_int_equal(query.codes[i], code);
            sum += code;
        }
        assert_int_equal(query.bias, 128 * sum);
        assert_true(query.scale >= 2 && query.scale <= 2 && query.norm >= 3 && query.norm <= 3);
        free(query.codes);
        free(record);
    }
}

static void
test_impossible_parameters_are_refused(void **state)
{
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "parameters", 17);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 10, 4, &random);
    const struct fi_graph_parameters fine = fixture.parameters;
    for (int i = 0; i < 8; i++) {
        fixture.parameters = fine;
        fixture.parameters.m = i == 0 ? FI_GRAPH_M_MIN - 1 : i == 1 ? FI_GRAPH_M_MAX + 1 : 16;
        fixture.parameters.ef_construction = i == 2   ? 0
                                             : i == 3 ? FI_GRAPH_EF_CONSTRUCTION_MAX + 1
                                                      : 100;
        fixture.parameters.dimensions = i == 4 ? 0 : i == 5 ? FI_VECTOR_DIMENSIONS_MAX + 1 : 4;
        fixture.parameters.metric = i == 6   ? (enum fi_vector_metric)0
                                    : i == 7 ? (enum fi_vector_metric)9
                                             : FI_VECTOR_L2;
        assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_INVALID);
    }
    graph_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform_vectors_are_found),
        cmocka_unit_test(test_clustered_vectors_are_found),
        cmocka_unit_test(test_cosine_finds_directions),
        cmocka_unit_test(test_products_are_found_whatever_the_lengths),
        cmocka_unit_test(test_many_equal_vectors_are_found),
        cmocka_unit_test(test_one_number_is_a_vector),
        cmocka_unit_test(test_long_vectors_are_found),
        cmocka_unit_test(test_all_equal_vectors_are_reached),
        cmocka_unit_test(test_after_deletes_there_are_others),
        cmocka_unit_test(test_walks_descend_into_the_right_cluster),
        cmocka_unit_test(test_threads_make_the_same_graph),
        cmocka_unit_test(test_small_graphs_find_all),
        cmocka_unit_test(test_odd_numbers_do_no_harm),
        cmocka_unit_test(test_the_code_of_a_node_becomes_a_query),
        cmocka_unit_test(test_impossible_parameters_are_refused),
    };
    test_threads_only();
    return cmocka_run_group_tests_name("graph_recall", tests, NULL, NULL);
}
