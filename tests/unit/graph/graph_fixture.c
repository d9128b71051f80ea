/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph/graph_fixture.c: see its header.
 */
#include "unit/graph/graph_fixture.h"

#include <stdio.h>

#include "base/mem.h"
#include "posix/os_default.h"

enum { CENTRES = 40, TWINS = 50 };

float
graph_fixture_number(struct test_random *random)
{
    return (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
}

/* The same centre each time. */
static float
centre_of(uint64_t centre, uint32_t i)
{
    struct test_random random = {centre * 7919 + i + 1};
    (void)test_random_next(&random);
    return 4 * graph_fixture_number(&random);
}

static void
make_vector(enum graph_fixture_style style, uint32_t dimensions, struct test_random *random,
            float *out)
{
    uint64_t centre = test_random_below(random, CENTRES);
    float length = style == GRAPH_SPREAD ? 1 + 7 * (graph_fixture_number(random) + 1) / 2 : 1;
    for (uint32_t i = 0; i < dimensions; i++) {
        /* The sum of some is nearly normal. */
        float number = graph_fixture_number(random);
        if (style == GRAPH_CLUSTERED) {
            number += graph_fixture_number(random) + graph_fixture_number(random);
            number = centre_of(centre, i) + number / 2;
        }
        out[i] = length * number;
    }
}

void
graph_fixture_init(struct graph_fixture *fixture, enum graph_fixture_style style,
                   enum fi_vector_metric metric, uint32_t rows, uint32_t dimensions,
                   struct test_random *random)
{
    *fixture = (struct graph_fixture){.os = fi_os_default(), .rows = rows};
    fixture->parameters =
        (struct fi_graph_parameters){.metric = metric,
                                     .dimensions = dimensions,
                                     .column = 3,
                                     .m = FI_GRAPH_M_DEFAULT,
                                     .ef_construction = FI_GRAPH_EF_CONSTRUCTION_DEFAULT,
                                     .seed = 42};
    fixture->vectors = malloc(((size_t)rows * dimensions + 1) * sizeof(float));
    assert_non_null(fixture->vectors);
    for (uint32_t i = 0; i < rows; i++) {
        float *vector = fixture->vectors + (size_t)i * dimensions;
        if (style == GRAPH_TWINS && i >= rows / TWINS) {
            const float *twin =
                graph_fixture_vector(fixture, test_random_below(random, rows / TWINS));
            memcpy(vector, twin, dimensions * sizeof(float));
        } else {
            make_vector(style, dimensions, random, vector);
        }
    }
    assert_int_equal(fi_graph_sketch_scratch_create(&fixture->scratch, NULL), FIRN_OK);
}

void
graph_fixture_deinit(struct graph_fixture *fixture)
{
    fi_graph_build_destroy(fixture->graph);
    fi_graph_search_scratch_destroy(fixture->scratch);
    free(fixture->vectors);
    free(fixture->missing);
}

void
graph_fixture_query(const struct graph_fixture *fixture, enum graph_fixture_style style,
                    struct test_random *random, float *out)
{
    make_vector(style, fixture->parameters.dimensions, random, out);
}

const float *
graph_fixture_vector(const struct graph_fixture *fixture, uint64_t row)
{
    return fixture->vectors + row * fixture->parameters.dimensions;
}

/* ---- building ---- */

static int
read_vectors(void *ctx, uint64_t first, size_t count, const uint8_t **out, firn_error *err)
{
    struct graph_fixture *fixture = ctx;
    assert_true(count <= FI_GRAPH_READ_MAX && first + count <= fixture->rows);
    if (fixture->read_fails > 0 && --fixture->read_fails == 0) {
        return fi_error_set(err, FIRN_IO, "could not read a vector");
    }
    for (size_t i = 0; i < count; i++) {
        bool is_missing = fixture->missing != NULL && fixture->missing[first + i] != 0;
        out[i] = is_missing ? NULL : (const uint8_t *)graph_fixture_vector(fixture, first + i);
    }
    return FIRN_OK;
}

int
graph_fixture_build(struct graph_fixture *fixture, struct fi_os *os, unsigned threads,
                    firn_error *err)
{
    const struct fi_graph_source source = {fixture, fixture->rows, read_vectors};
    const struct fi_graph_build_options options = {.parameters = fixture->parameters,
                                                   .os = os,
                                                   .threads = threads,
                                                   .old = fixture->old,
                                                   .is_listed = fixture->is_listed};
    struct fi_graph *graph;
    int rc = fi_graph_build(&source, &options, &graph, err);
    assert_true((rc == FIRN_OK) == (graph != NULL));
    if (rc == FIRN_OK) {
        fi_graph_build_destroy(fixture->graph);
        fixture->graph = graph;
    }
    return rc;
}

int
graph_fixture_write(struct graph_fixture *fixture, struct fi_os_dir *dir, const char *name,
                    uint64_t *out_bytes, uint64_t *out_identity, firn_error *err)
{
    const struct fi_graph_source source = {fixture, fixture->rows, read_vectors};
    return fi_graph_write(fixture->graph, &source, dir, name, out_bytes, out_identity, err);
}

/* ---- the judge ---- */

static double
distance_to(const struct graph_fixture *fixture, const float *query, uint64_t row)
{
    return fi_vector_distance_exact(fixture->parameters.metric, query,
                                    graph_fixture_vector(fixture, row),
                                    fixture->parameters.dimensions);
}

/* Keeps the k smallest, ascending. */
static size_t
keep(double *list, size_t count, size_t k, double distance)
{
    if (count == k && (k == 0 || distance >= list[k - 1])) {
        return count;
    }
    size_t at = count < k ? count++ : count - 1;
    for (; at > 0 && list[at - 1] > distance; at--) {
        list[at] = list[at - 1];
    }
    list[at] = distance;
    return count;
}

size_t
graph_fixture_exact(const struct graph_fixture *fixture, const float *query, size_t k,
                    const uint64_t *allowed, double *out)
{
    size_t count = 0;
    for (uint64_t row = 0; row < fixture->rows; row++) {
        bool is_missing = fixture->missing != NULL && fixture->missing[row] != 0;
        if (!is_missing && (allowed == NULL || (allowed[row / 64] >> row % 64 & 1) != 0)) {
            count = keep(out, count, k, distance_to(fixture, query, row));
        }
    }
    return count;
}

size_t
graph_fixture_hits(const struct graph_fixture *fixture, const struct fi_graph *graph,
                   const float *query, size_t k, const struct fi_graph_search_options *options)
{
    firn_error err;
    double *exact = malloc((k + 1) * sizeof *exact);
    double *found = malloc((k + 1) * sizeof *found);
    struct fi_graph_candidate *candidates = malloc((options->wanted + 1) * sizeof *candidates);
    size_t count;
    size_t found_count = 0;
    size_t hits = 0;
    assert_true(exact != NULL && found != NULL && candidates != NULL);
    size_t exact_count = graph_fixture_exact(fixture, query, k, options->allowed, exact);
    assert_int_equal(
        fi_graph_search(graph, query, options, fixture->scratch, candidates, &count, NULL, &err),
        FIRN_OK);
    assert_true(count <= options->wanted);
    for (size_t i = 0; i < count; i++) {
        uint64_t row = candidates[i].row;
        assert_true(row < fixture->rows);
        assert_true(i == 0 || candidates[i - 1].distance <= candidates[i].distance);
        assert_true(options->allowed == NULL || (options->allowed[row / 64] >> row % 64 & 1) != 0);
        for (size_t j = 0; j < i; j++) {
            assert_true(candidates[j].row != row);
        }
        found_count = keep(found, found_count, k, distance_to(fixture, query, row));
    }
    for (size_t i = 0; i < found_count; i++) {
        assert_true(found[i] >= exact[i]);
        hits += found[i] <= exact[exact_count - 1];
    }
    free(exact);
    free(found);
    free(candidates);
    return hits;
}

double
graph_fixture_recall(const struct graph_fixture *fixture, const struct fi_graph *graph,
                     enum graph_fixture_style style, size_t queries, size_t k,
                     const struct fi_graph_search_options *options, struct test_random *random)
{
    size_t hits = 0;
    float *query = malloc(fixture->parameters.dimensions * sizeof *query);
    assert_non_null(query);
    for (size_t i = 0; i < queries; i++) {
        graph_fixture_query(fixture, style, random, query);
        hits += graph_fixture_hits(fixture, graph, query, k, options);
    }
    free(query);
    return (double)hits / (double)(queries * k);
}
