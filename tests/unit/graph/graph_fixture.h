/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph/graph_fixture.h: vectors, a graph over them, and the judge: the exact nearest ones.
 */
#ifndef FIRN_GRAPH_FIXTURE_H
#define FIRN_GRAPH_FIXTURE_H

#include "graph/graph.h"
#include "os/os.h"
#include "support/test.h"
#include "support/test_random.h"

enum graph_fixture_style {
    GRAPH_UNIFORM,   /* each number in [-1, 1) */
    GRAPH_CLUSTERED, /* around 40 centres */
    GRAPH_TWINS,     /* as uniform, but each vector is there 50 times */
    GRAPH_SPREAD     /* lengths from 1 to 8, for products */
};

struct graph_fixture {
    struct fi_os *os; /* with threads */
    struct fi_graph_parameters parameters;
    uint32_t rows;
    float *vectors;
    uint8_t *missing;           /* one for each row that has no vector; NULL: none is missing */
    const struct fi_graph *old; /* what a build may keep of; NULL: nothing */
    bool is_listed;             /* it has lists instead of links */
    struct fi_graph *graph;
    struct fi_graph_scratch *scratch;
    int read_fails; /* after so many calls of the source; 0: never */
};

void graph_fixture_init(struct graph_fixture *fixture, enum graph_fixture_style style,
                        enum fi_vector_metric metric, uint32_t rows, uint32_t dimensions,
                        struct test_random *random);
void graph_fixture_deinit(struct graph_fixture *fixture);
/* Like the vectors: a query that is none of them. */
void graph_fixture_query(const struct graph_fixture *fixture, enum graph_fixture_style style,
                         struct test_random *random, float *out);
float graph_fixture_number(struct test_random *random);
const float *graph_fixture_vector(const struct graph_fixture *fixture, uint64_t row);
/* As graph says. */
int graph_fixture_build(struct graph_fixture *fixture, struct fi_os *os, unsigned threads,
                        firn_error *err);
/* Writes the graph that was built. */
int graph_fixture_write(struct graph_fixture *fixture, struct fi_os_dir *dir, const char *name,
                        uint64_t *out_bytes, uint64_t *out_identity, firn_error *err);
/* The exact distances of the k nearest rows that are allowed (NULL: all), ascending; returns how many. */
size_t graph_fixture_exact(const struct graph_fixture *fixture, const float *query, size_t k,
                           const uint64_t *allowed, double *out);
/* Of the k nearest, how many a search finds that is asked for `wanted` candidates, which are ranked exactly; ties with the
 * k-th count. */
size_t graph_fixture_hits(const struct graph_fixture *fixture, const struct fi_graph *graph,
                          const float *query, size_t k,
                          const struct fi_graph_search_options *options);
/* Of many queries, as a share. */
double graph_fixture_recall(const struct graph_fixture *fixture, const struct fi_graph *graph,
                            enum graph_fixture_style style, size_t queries, size_t k,
                            const struct fi_graph_search_options *options,
                            struct test_random *random);

#endif
