/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: searches among some rows only: at each share of rows all that is found is allowed, as many as were wanted,
 * and nearly the nearest.
 */
#include "unit/graph/graph_fixture.h"

#include <stdio.h>

#include "graph/graph_internal.h"
#include "support/test_share.h"

enum { ROWS_MAX = 60000, DIMENSIONS = 16, K = 10, QUERIES = 40, WORDS = ROWS_MAX / 64 + 1 };

static uint32_t rows = ROWS_MAX; /* fewer in a build that has only a share of what is tried */

static uint64_t
choose(struct test_random *random, uint64_t *allowed, uint64_t of_thousand)
{
    uint64_t count = 0;
    memset(allowed, 0, WORDS * sizeof *allowed);
    for (uint64_t row = 0; row < rows; row++) {
        if (test_random_below(random, 1000) < of_thousand) {
            allowed[row / 64] |= UINT64_C(1) << row % 64;
            count++;
        }
    }
    return count;
}

static void
test_any_share_of_rows_is_found(void **state)
{
    static const uint64_t shares[] = {0, 1, 10, 50, 200, 350, 390, 500, 900, 1000};
    static uint64_t allowed[WORDS];
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "filter", 21);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, rows, DIMENSIONS, &random);
    fixture.parameters.m = 12;
    fixture.parameters.ef_construction = 80;
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        uint64_t count = choose(&random, allowed, shares[i]);
        const struct fi_graph_search_options options = {
            .wanted = 4 * K, .ef = 100, .allowed = allowed, .allowed_count = count};
        size_t k = count < K ? (size_t)count : K;
        double recall = k == 0 ? 1
                               : graph_fixture_recall(&fixture, fixture.graph, GRAPH_UNIFORM,
                                                      QUERIES, k, &options, &random);
        (void)printf("%llu of 1,000 rows: recall %.4f\n", (unsigned long long)shares[i], recall);
        assert_true(recall >= 0.95);
    }
    graph_fixture_deinit(&fixture);
}

/* A graph of all rows with few links, which two tests search; begun by the first of them. */
static struct graph_fixture few_links;

static const struct graph_fixture *
graph_of_few_links(void)
{
    struct test_random random;
    firn_error err;
    if (few_links.graph == NULL) {
        test_random_init(&random, "few links", 22);
        graph_fixture_init(&few_links, GRAPH_UNIFORM, FI_VECTOR_L2, rows, DIMENSIONS, &random);
        few_links.parameters.m = 8;
        few_links.parameters.ef_construction = 40;
        assert_int_equal(graph_fixture_build(&few_links, few_links.os, 2, &err), FIRN_OK);
    }
    return &few_links;
}

static int
end_few_links(void **state)
{
    if (few_links.graph != NULL) {
        graph_fixture_deinit(&few_links);
    }
    return 0;
}

/* A walk that keeps no more nodes than are wanted finds as many, although it begins at one that is not allowed. */
static void
test_narrow_walks_find_enough(void **state)
{
    static uint64_t allowed[WORDS];
    struct test_random random;
    firn_error err;
    size_t walks = 0;
    if (rows < ROWS_MAX) {
        return; /* all rows of a small graph are compared: this is for the build with all of them */
    }
    test_random_init(&random, "narrow", 27);
    const struct graph_fixture *fixture = graph_of_few_links();
    const uint64_t count = choose(&random, allowed, 250);
    for (size_t q = 0; q < QUERIES; q++) {
        const struct fi_graph_search_options options = {
            .wanted = K, .ef = K, .allowed = allowed, .allowed_count = count};
        struct fi_graph_candidate found[K];
        struct fi_graph_search_counts how;
        size_t found_count;
        float query[DIMENSIONS];
        graph_fixture_query(fixture, GRAPH_UNIFORM, &random, query);
        assert_int_equal(fi_graph_search(fixture->graph, query, &options, fixture->scratch, found,
                                         &found_count, &how, &err),
                         FIRN_OK);
        assert_int_equal(found_count, K);
        walks += !how.is_exhaustive;
    }
    assert_true(walks >= QUERIES * 9 / 10);
}

/* What is allowed lies far from the query: a walk alone would end before it comes there. */
static void
test_far_rows_are_found(void **state)
{
    static uint64_t allowed[WORDS];
    struct test_random random;
    test_random_init(&random, "far", 22);
    const struct graph_fixture *fixture = graph_of_few_links();
    for (size_t share = 0; share < 3; share++) {
        /* Those on one side alone. */
        const float limits[] = {0.7F, 0.3F, 0.0F};
        uint64_t count = 0;
        memset(allowed, 0, sizeof allowed);
        for (uint64_t row = 0; row < rows; row++) {
            if (graph_fixture_vector(fixture, row)[0] > limits[share]) {
                allowed[row / 64] |= UINT64_C(1) << row % 64;
                count++;
            }
        }
        const struct fi_graph_search_options options = {
            .wanted = 4 * K, .ef = 100, .allowed = allowed, .allowed_count = count};
        size_t hits = 0;
        for (size_t q = 0; q < QUERIES; q++) {
            float query[DIMENSIONS];
            graph_fixture_query(fixture, GRAPH_UNIFORM, &random, query);
            query[0] = -1;
            hits += graph_fixture_hits(fixture, fixture->graph, query, K, &options);
        }
        (void)printf("%llu rows on the other side: %zu of %d\n", (unsigned long long)count, hits,
                     K * QUERIES);
        assert_true((double)hits >= 0.90 * K * QUERIES);
    }
}

/* Of two clusters the query is in one, and nearly all that is allowed in the other: a few that are found beside the query are
 * not enough. */
static void
test_a_few_rows_here_do_not_hide_those_elsewhere(void **state)
{
    enum { EACH = 3000, HERE = 4 };
    static uint64_t allowed[2 * EACH / 64 + 1];
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "two", 28);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 2 * EACH, DIMENSIONS, &random);
    fixture.parameters.m = 8;
    fixture.parameters.ef_construction = 40;
    for (uint64_t row = EACH; row < (uint64_t)2 * EACH; row++) {
        fixture.vectors[row * DIMENSIONS] += 10;
        allowed[row / 64] |= UINT64_C(1) << row % 64;
    }
    allowed[0] |= (UINT64_C(1) << HERE) - 1;
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    size_t hits = 0;
    for (uint64_t row = 0; row < HERE; row++) {
        const float *query = graph_fixture_vector(&fixture, row);
        for (int by_recall = 0; by_recall < 2; by_recall++) {
            const struct fi_graph_search_options options = {.wanted = K,
                                                            .ef = K,
                                                            .recall = by_recall ? 0.5 : 0,
                                                            .allowed = allowed,
                                                            .allowed_count = EACH + HERE};
            hits += graph_fixture_hits(&fixture, fixture.graph, query, K, &options);
        }
    }
    assert_true(hits >= (size_t)2 * HERE * K * 9 / 10);
    graph_fixture_deinit(&fixture);
}

/* Rows without a vector are no nodes: rows and nodes have other numbers then. */
static void
test_rows_without_vectors_are_never_found(void **state)
{
    static uint64_t allowed[WORDS];
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    test_random_init(&random, "missing", 23);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 3000, DIMENSIONS, &random);
    fixture.missing = calloc(3000, 1);
    assert_non_null(fixture.missing);
    uint32_t there = 0;
    for (size_t i = 0; i < 3000; i++) {
        fixture.missing[i] = test_random_below(&random, 3) == 0;
        there += fixture.missing[i] == 0;
    }
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
    assert_int_equal(fi_graph_search_rows(fixture.graph), 3000);
    assert_int_equal(fi_graph_search_count(fixture.graph), there);
    struct fi_graph_search_options options = {.wanted = 40, .ef = 100};
    assert_true(graph_fixture_recall(&fixture, fixture.graph, GRAPH_UNIFORM, QUERIES, K, &options,
                                     &random) >= 0.97);
    uint64_t count = 0;
    for (uint64_t row = 0; row < 3000; row++) {
        if (row % 5 == 0 && fixture.missing[row] == 0) {
            allowed[row / 64] |= UINT64_C(1) << row % 64;
            count++;
        }
    }
    options.allowed = allowed;
    options.allowed_count = count;
    assert_true(graph_fixture_recall(&fixture, fixture.graph, GRAPH_UNIFORM, QUERIES, K, &options,
                                     &random) >= 0.97);
    graph_fixture_deinit(&fixture);
}

static void
test_nothing_wanted_is_nothing_found(void **state)
{
    uint64_t allowed[20] = {0};
    struct graph_fixture fixture;
    struct test_random random;
    firn_error err;
    size_t count = 1;
    float query[DIMENSIONS] = {0};
    test_random_init(&random, "nothing", 24);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 1000, DIMENSIONS, &random);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
    struct fi_graph_search_options options = {.wanted = 0, .ef = 10};
    assert_int_equal(
        fi_graph_search(fixture.graph, query, &options, fixture.scratch, NULL, &count, NULL, &err),
        FIRN_OK);
    assert_int_equal(count, 0);
    struct fi_graph_candidate found[5];
    options = (struct fi_graph_search_options){.wanted = 5, .ef = 1, .allowed = allowed};
    assert_int_equal(
        fi_graph_search(fixture.graph, query, &options, fixture.scratch, found, &count, NULL, &err),
        FIRN_OK);
    assert_int_equal(count, 0);
    graph_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_share_of_rows_is_found),
        cmocka_unit_test(test_narrow_walks_find_enough),
        cmocka_unit_test(test_far_rows_are_found),
        cmocka_unit_test(test_a_few_rows_here_do_not_hide_those_elsewhere),
        cmocka_unit_test(test_rows_without_vectors_are_never_found),
        cmocka_unit_test(test_nothing_wanted_is_nothing_found),
    };
    if (test_share_of(1, 0).step > 1) {
        rows = ROWS_MAX / 4;
    }
    return cmocka_run_group_tests_name("graph_filter", tests, NULL, end_few_links);
}
