/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_measure.c: how much of what is nearest walks through a graph find, measured when it
 * is built.
 *
 * How wide a walk must be for a given recall depends on the vectors: between data sets it differs
 * by a factor of fifty. So at the end of a build some of the graph's own vectors become queries.
 * One pass over all vectors finds what is nearest to each. Then walks of 16, 32, 64 and so on are
 * compared with that, until they find all of it, or until they compare so many codes that comparing
 * all of them, one after the other, is as fast. The file keeps the recall of each width, and a
 * search takes the width that it needs (graph_recall.c).
 *
 * (I1) A query's own node takes no part: walks act as if it was not there, and it is not among its
 *      own nearest. With it, each query would find itself and its neighbours by its own links.
 *      Without it there are gaps where it was, so that recall is rather too low than too high.
 * (I2) What counts is found among all nodes that a walk keeps: the search compares the vectors of
 *      all of them that may be among the nearest (graph_exact.c). So the nearest are those by the
 *      vectors, not by codes. (Not checked: tests compare the recall of searches with what was
 *      wanted.)
 * (I3) A recall is the mean of the queries less its standard error, and at most 1 - 1 / (4 n) for n
 *      queries: so few say nothing about rarer failures.
 * (I4) The numbers do not depend on the number of threads: each query has its own. (Not checked:
 *      tests compare the graphs of one thread and of several.)
 *
 * The queries are like the rows. The recall of searches for vectors that are unlike all rows is
 * unknown.
 *
 * Time: a distance to each query for each row, and on average less than that many codes: one to
 * four percent of a build. The recall for the nearest row is the least certain, as it rests on one
 * row of each query; and several graphs with lists that are searched together rely on it, so these
 * have more queries. Memory: 2 NEAR_MAX numbers of 8 bytes for each query, one megabyte or four.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/sort.h"

enum {
    QUERIES = 64,
    QUERIES_LISTED = 256,
    NODES_MIN = 4,   /* for each query: fewer are compared, whatever is wanted */
    NEAR_MAX = 1024, /* nearest that are known of each query */
    NEAR_FEW = 128,  /* in graphs where walks for 1,000 compare too many codes anyway: */
    FEW_NODES = 16000,
    FIRST_WIDTH = 16
};

struct query {
    uint32_t node;
    uint8_t *vector;
    uint64_t *near; /* distances and nodes, ascending; once settled, nodes and places, ascending */
    size_t count;
    uint32_t most;                 /* distances below it are kept */
    size_t last[FI_GRAPH_RECALLS]; /* places before it are as near as the last that is wanted */
    size_t hits[FI_GRAPH_RECALLS];
    uint64_t evaluated;
};

struct fi_graph_measure {
    const struct fi_graph *graph;
    const struct fi_vector_kernels *kernels;
    uint8_t *vectors; /* of all queries */
    uint64_t *near;
    size_t near_most; /* of a query; as many again are kept until they are sorted */
    size_t ef;
    uint32_t noted; /* queries whose vectors are there */
    uint32_t count;
    struct query queries[]; /* count */
};

int
fi_graph_measure_create(const struct fi_graph *graph, struct fi_graph_measure **out,
                        firn_error *err)
{
    const size_t size = 4 * (size_t)graph->parameters.dimensions;
    const uint32_t queries =
        graph->is_listed && graph->count >= NODES_MIN * QUERIES_LISTED ? QUERIES_LISTED : QUERIES;
    *out = NULL;
    if (graph->count < NODES_MIN * queries) {
        return FIRN_OK;
    }
    struct fi_graph_measure *measure =
        fi_alloc_zeroed(sizeof *measure + queries * sizeof measure->queries[0]);
    if (measure == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    measure->graph = graph;
    measure->count = queries;
    measure->kernels = fi_vector_distance_kernels();
    measure->ef = FIRST_WIDTH;
    measure->near_most = graph->count < FEW_NODES ? NEAR_FEW : NEAR_MAX;
    measure->vectors = fi_alloc_array(queries, size);
    measure->near = fi_alloc_array((size_t)queries * 2 * measure->near_most, sizeof *measure->near);
    if (measure->vectors == NULL || measure->near == NULL) {
        fi_graph_measure_destroy(measure);
        return fi_error_no_memory(err, "a graph");
    }
    const uint32_t part = graph->count / queries;
    for (uint32_t i = 0; i < queries; i++) {
        struct query *query = &measure->queries[i];
        query->node = i * part + (uint32_t)(fi_graph_mix(graph->parameters.seed, i) % part);
        query->most = UINT32_MAX;
        query->vector = measure->vectors + (size_t)i * size;
        query->near = measure->near + (size_t)i * 2 * measure->near_most;
    }
    *out = measure;
    return FIRN_OK;
}

void
fi_graph_measure_destroy(struct fi_graph_measure *measure)
{
    if (measure == NULL) {
        return;
    }
    fi_free(measure->vectors);
    fi_free(measure->near);
    fi_free(measure);
}

uint32_t
fi_graph_measure_count(const struct fi_graph_measure *measure)
{
    return measure->count;
}

void
fi_graph_measure_note(struct fi_graph_measure *measure, uint32_t node, const uint8_t *vector)
{
    if (measure != NULL && measure->noted < measure->count &&
        measure->queries[measure->noted].node == node) {
        memcpy(measure->queries[measure->noted++].vector, vector,
               4 * (size_t)measure->graph->parameters.dimensions);
    }
}

/* ---- the nearest ---- */

/* Something that grows with the distances of four vectors. */
static void
measure_four(const struct fi_graph_measure *measure, const struct query *query,
             const void *const rows[4], float out[4])
{
    const struct fi_graph_parameters *parameters = &measure->graph->parameters;
    float norms[4];
    if (parameters->metric == FI_VECTOR_L2) {
        measure->kernels->l2_four(query->vector, rows, parameters->dimensions, out);
        return;
    }
    measure->kernels->dot_norm_four(query->vector, rows, parameters->dimensions, out, norms);
    for (size_t j = 0; j < 4; j++) {
        const bool is_cosine = parameters->metric == FI_VECTOR_COSINE;
        const double length = is_cosine ? fi_vector_distance_root((double)norms[j]) : 1;
        out[j] = length > 0 ? (float)(-(double)out[j] / length) : 0;
    }
}

static void
keep_nearest(struct query *query, size_t most)
{
    fi_sort_u64(query->near, query->count);
    if (query->count > most) {
        query->count = most;
        query->most = (uint32_t)(query->near[most - 1] >> 32);
    }
}

void
fi_graph_measure_compare(struct fi_graph_measure *measure, uint32_t i, uint32_t first,
                         const uint8_t *const *vectors, size_t count)
{
    struct query *query = &measure->queries[i];
    for (size_t at = 0; at < count; at += 4) {
        const size_t four = count - at < 4 ? count - at : 4;
        const void *rows[4];
        float distances[4];
        for (size_t j = 0; j < 4; j++) {
            rows[j] = vectors[at + (j < four ? j : 0)];
        }
        measure_four(measure, query, rows, distances);
        for (size_t j = 0; j < four; j++) {
            const uint32_t node = first + (uint32_t)(at + j);
            const uint32_t order = fi_graph_order_of(distances[j]);
            if (order < query->most && node != query->node) { /* (I1) */
                query->near[query->count++] = (uint64_t)order << 32 | node;
                if (query->count == 2 * measure->near_most) {
                    keep_nearest(query, measure->near_most);
                }
            }
        }
    }
}

void
fi_graph_measure_resolve(struct fi_graph_measure *measure, uint32_t i)
{
    struct query *query = &measure->queries[i];
    keep_nearest(query, measure->near_most);
    for (size_t r = 0; r < FI_GRAPH_RECALLS; r++) {
        /* Others at the same distance as the last one are as good. */
        size_t last = fi_graph_recall_wanted(r);
        while (last < query->count && query->near[last] >> 32 == query->near[last - 1] >> 32) {
            last++;
        }
        query->last[r] = last;
    }
    for (size_t place = 0; place < query->count; place++) {
        query->near[place] = query->near[place] << 32 | place;
    }
    fi_sort_u64(query->near, query->count);
}

void
fi_graph_measure_renumber(struct fi_graph_measure *measure, const uint32_t *number_of)
{
    for (uint32_t i = 0; measure != NULL && i < measure->count; i++) {
        struct query *query = &measure->queries[i];
        query->node = number_of[query->node];
        for (size_t at = 0; at < query->count; at++) {
            const uint64_t node = number_of[query->near[at] >> 32];
            query->near[at] = node << 32 | (uint32_t)query->near[at];
        }
        fi_sort_u64(query->near, query->count);
    }
}

/* ---- walking ---- */

/* The place of a node among the nearest; NEAR_MAX: it has none. */
static size_t
place_of(const struct query *query, uint32_t node)
{
    size_t low = 0;
    size_t high = query->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (query->near[middle] >> 32 < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < query->count && query->near[low] >> 32 == node ? (uint32_t)query->near[low]
                                                                : NEAR_MAX;
}

static void
count_hits(struct query *query, const struct fi_graph_candidate *found, size_t count)
{
    memset(query->hits, 0, sizeof query->hits);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || found[i].node != found[i - 1].node) { /* rows of a node follow each other */
            const size_t place = place_of(query, found[i].node);
            DCHECK(found[i].node != query->node); /* (I1) */
            for (size_t r = 0; r < FI_GRAPH_RECALLS; r++) {
                query->hits[r] += place < query->last[r] && place < NEAR_MAX;
            }
        }
    }
}

static bool
is_entry(const struct fi_graph_measure *measure, const struct query *query)
{
    return !measure->graph->is_listed && query->node == measure->graph->entry;
}

int
fi_graph_measure_walk(struct fi_graph_measure *measure, uint32_t i,
                      struct fi_graph_scratch *scratch, firn_error *err)
{
    struct query *query = &measure->queries[i];
    if (is_entry(measure, query)) {
        return FIRN_OK; /* without it there is no walk */
    }
    const struct fi_graph_search_options options = {.wanted = measure->ef, .ef = measure->ef};
    struct fi_graph_search_counts counts;
    size_t count;
    int rc;
    FI_TRY_RETURN(FI_VEC_RESERVE(scratch->found, measure->ef, scratch->found_room, err));
    struct fi_graph_candidate *found = scratch->found;
    DCHECK(measure->noted == measure->count);
    scratch->left_out = query->node + 1; /* (I1) */
    rc = fi_graph_search(measure->graph, query->vector, &options, scratch, found, &count, &counts,
                         err);
    scratch->left_out = 0;
    if (rc == FIRN_OK) {
        count_hits(query, found, count);
        query->evaluated = counts.evaluated;
    }
    return rc;
}

/* ---- what comes out ---- */

/* The largest recall that can be told (I3). */
static double
most_of(const struct fi_graph_measure *measure)
{
    return 1 - 1.0 / (4 * measure->count);
}

/* (I3) */
static double
recall_of(const struct fi_graph_measure *measure, size_t r)
{
    const double wanted = (double)fi_graph_recall_wanted(r);
    double sum = 0;
    double squares = 0;
    uint32_t walks = 0;
    for (uint32_t i = 0; i < measure->count; i++) {
        if (is_entry(measure, &measure->queries[i])) {
            continue;
        }
        const double hits = (double)measure->queries[i].hits[r];
        const double found = hits < wanted ? hits / wanted : 1;
        sum += found;
        squares += found * found;
        walks++;
    }
    const double mean = sum / walks;
    const double variance = squares / walks - mean * mean;
    const double wrong = variance > 0 ? fi_vector_distance_root(variance / (walks - 1)) : 0;
    const double recall = mean - wrong;
    return recall > most_of(measure) ? most_of(measure) : recall > 0 ? recall : 0;
}

bool
fi_graph_measure_next(struct fi_graph_measure *measure, struct fi_graph *graph)
{
    struct fi_graph_widths *widths = &graph->widths;
    struct fi_graph_width *width = &widths->all[widths->count];
    uint64_t evaluated = 0;
    bool is_all = true;
    DCHECK(measure->count > 0);
    for (uint32_t i = 0; i < measure->count; i++) {
        evaluated += measure->queries[i].evaluated;
    }
    const uint64_t most =
        (uint64_t)graph->count * measure->count / fi_graph_codes_part(graph->is_listed);
    if (evaluated > most) {
        return false;
    }
    *width = (struct fi_graph_width){.ef = (uint32_t)measure->ef,
                                     .compared = (uint32_t)(evaluated / measure->count)};
    for (size_t r = 0; r < FI_GRAPH_RECALLS; r++) {
        const size_t wanted = fi_graph_recall_wanted(r);
        if (wanted <= measure->queries[0].count) {
            const double recall = recall_of(measure, r);
            DCHECK(recall >= 0 && recall <= most_of(measure)); /* (I3) */
            const uint16_t before = widths->count > 0 ? width[-1].recalls[r] : 0;
            width->recalls[r] = (uint16_t)(recall * UINT16_MAX);
            width->recalls[r] = width->recalls[r] > before ? width->recalls[r] : before;
            is_all = is_all && recall >= most_of(measure);
        }
    }
    widths->count++;
    measure->ef *= 2;
    /* Twice as wide, a walk compares more than half as many codes again. */
    return !is_all && evaluated + evaluated / 2 <= most && widths->count < FI_GRAPH_WIDTHS_MAX &&
           measure->ef < graph->count;
}
