/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: files of the format's versions are read for ever.
 *
 * Contents of tests/formats/graph/links.graph, version 2, and lists.graph, version 3: a graph of 500 rows by the square of the
 * Euclidean distance, m 4. Number j of row i's vector is ((7 i + 3 j)^2 mod 1,009) / 1,009; every seventh row has none, and each of
 * the rows 100 to 119 has that of the row 100 before it. The measured widths are WIDTHS. FIRN_TEST_WRITE_GOLDEN=1 makes both; that
 * is right only for a new version. What a build chooses may change, so only what is read is compared.
 */
#include "unit/graph/graph_fixture.h"

#include <stdio.h>

#include "base/buf.h"
#include "block/block_cache.h"
#include "graph/graph_internal.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

enum { ROWS = 500, DIMENSIONS = 6, K = 10 };

static const struct fi_graph_widths WIDTHS = {
    .is_measured = true,
    .count = 2,
    .all = {{16, 200, {50000, 40000, 9000, 0}}, {32, 390, {60000, 55000, 20000, 100}}}};

/* The vectors are those above: the fixture's random ones are replaced. */
static void
fill(struct graph_fixture *fixture, bool is_listed)
{
    struct test_random random = {1};
    graph_fixture_init(fixture, GRAPH_UNIFORM, FI_VECTOR_L2, ROWS, DIMENSIONS, &random);
    fixture->is_listed = is_listed;
    fixture->parameters.m = 4;
    fixture->parameters.seed = 5;
    fixture->missing = calloc(ROWS, 1);
    assert_non_null(fixture->missing);
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint32_t like = i >= 100 && i < 120 ? i - 100 : i;
        fixture->missing[i] = like % 7 == 3;
        for (uint32_t j = 0; j < DIMENSIONS; j++) {
            const uint32_t number = 7 * like + 3 * j;
            fixture->vectors[(size_t)i * DIMENSIONS + j] = (float)(number * number % 1009) / 1009;
        }
    }
}

static void
write_golden(struct graph_fixture *fixture, struct fi_os_dir *dir, const char *path)
{
    struct fi_buf bytes = {0};
    uint64_t size;
    uint64_t identity;
    firn_error err;
    assert_int_equal(graph_fixture_build(fixture, fixture->os, 1, &err), FIRN_OK);
    fixture->graph->widths = WIDTHS;
    assert_int_equal(graph_fixture_write(fixture, dir, "new", &size, &identity, &err), FIRN_OK);
    test_file_read(dir, "new", &bytes);
    test_file_compare_golden(path, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

static void
read_golden(struct fi_os_dir *dir, const char *path)
{
    static uint8_t bytes[1 << 17];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size > 0 && size < sizeof bytes);
    test_file_write(dir, "golden", bytes, size);
}

/* All that the file says of the graph. */
static void
assert_described(const struct graph_fixture *fixture, const struct fi_graph *graph)
{
    const struct fi_graph_parameters *parameters = fi_graph_search_parameters(graph);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        rows += fixture->missing[i] == 0;
    }
    assert_int_equal(parameters->metric, FI_VECTOR_L2);
    assert_int_equal(parameters->dimensions, DIMENSIONS);
    assert_int_equal(parameters->column, fixture->parameters.column);
    assert_int_equal(parameters->m, 4);
    assert_int_equal(parameters->ef_construction, fixture->parameters.ef_construction);
    assert_int_equal(parameters->seed, 5);
    assert_int_equal(fi_graph_search_rows(graph), ROWS);
    assert_int_equal(fi_graph_search_count(graph), rows);
    assert_true(fi_graph_search_is_listed(graph) == fixture->is_listed);
    assert_int_equal(graph->list_count, fixture->is_listed ? 3 : 0);
    assert_memory_equal(&graph->widths, &WIDTHS, sizeof WIDTHS);
}

static void
assert_searched(struct graph_fixture *fixture, const struct fi_graph *graph)
{
    for (uint32_t q = 0; q < 50; q++) {
        float query[DIMENSIONS];
        struct fi_graph_candidate found[K];
        double distances[K];
        double expected[K];
        size_t count;
        struct fi_graph_search_counts counts;
        firn_error err;
        const struct fi_graph_search_options exact = {.wanted = K};
        const struct fi_graph_search_options wide = {.wanted = 4 * K, .ef = ROWS / 2};
        for (uint32_t j = 0; j < DIMENSIONS; j++) {
            query[j] = (float)((q * 37 + j * 11) % 100) / 100;
        }
        assert_int_equal(graph_fixture_exact(fixture, query, K, NULL, expected), K);
        assert_int_equal(fi_graph_exact(graph, query, &exact, fixture->scratch, found, distances,
                                        &count, &counts, &err),
                         FIRN_OK);
        assert_int_equal(count, K);
        for (size_t i = 0; i < K; i++) {
            assert_true(distances[i] == expected[i]);
        }
        assert_true(graph_fixture_hits(fixture, graph, query, K, &wide) >= K - 1);
    }
}

static void
count_damage(void *ctx, const char *text)
{
    assert_non_null(text);
    ++*(size_t *)ctx;
}

static void
golden_files_are_read_for_ever(void **state)
{
    static const char *const paths[] = {"tests/formats/graph/links.graph",
                                        "tests/formats/graph/lists.graph"};
    for (size_t i = 0; i < 2; i++) {
        struct graph_fixture fixture;
        struct fi_os *os;
        struct fi_os_dir *dir;
        struct fi_block_cache *cache;
        struct fi_run *run;
        size_t damaged = 0;
        firn_error err;
        fill(&fixture, i == 1);
        assert_int_equal(fi_sim_memory_create(5, &os, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_open_path(os, "/", &dir, NULL), FIRN_OK);
        assert_int_equal(fi_block_cache_create(os, 1 << 20, &cache, NULL), FIRN_OK);
        if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
            write_golden(&fixture, dir, paths[i]);
        }
        read_golden(dir, paths[i]);
        const struct fi_run_env env = {.dir = dir, .cache = cache};
        assert_int_equal(fi_graph_read_kind.open(&env, "golden", &run, &err), FIRN_OK);
        assert_described(&fixture, fi_graph_read_of(run));
        assert_searched(&fixture, fi_graph_read_of(run));
        assert_int_equal(fi_graph_read_kind.check(run, count_damage, &damaged, NULL, &err),
                         FIRN_OK);
        assert_int_equal(damaged, 0);
        fi_graph_read_kind.close(run);
        fi_block_cache_destroy(cache);
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(os);
        graph_fixture_deinit(&fixture);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files_are_read_for_ever),
    };
    return cmocka_run_group_tests_name("graph_format", tests, NULL, NULL);
}
