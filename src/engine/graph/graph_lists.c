/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_lists.c: nodes in lists instead of links between nodes, for graphs that memory cannot
 * hold.
 *
 * A walk compares codes that lie anywhere, so it is only fast if all of them are in memory. A graph
 * that memory does not hold has no links. Its nodes are divided into lists of nodes that are near
 * each other; each list has a center. A search compares the query with all centers, and then with
 * the nodes of the nearest lists (an inverted file: Sivic and Zisserman, "Video Google: A text
 * retrieval approach to object matching in videos", 2003; for vectors, Jegou, Douze and Schmid,
 * "Product quantization for nearest neighbor search", 2011). The nodes of a list have consecutive
 * numbers, so their codes lie side by side in the file, and so do their vectors. In a graph that is
 * open, sketches stand for codes (graph_sketch.c).
 *
 * Centers are found by Lloyd's algorithm among a sample of the nodes, and are codes as those of
 * nodes are. Under DOT, centers are chosen by distance, and searches compare products with them.
 *
 * The width of a search (ef) means what it means for a walk, how many of the nearest nodes are
 * kept: with that width, lists are read until PER_WIDTH times as many codes were compared. So
 * widths are measured, and chosen, as for walks (graph_measure.c, graph_recall.c).
 *
 * Several graphs are searched as if they were one: of all their lists the nearest are read. A list
 * is read if its center is within a radius, which is chosen so that the search compares as many
 * codes as all graphs together need. A graph whose nodes are far from the query costs little.
 *
 * (I1) Lists are consecutive, and all nodes are in them: starts ascend from 0 to the number of
 *      nodes.
 *
 * Memory of a build: a sum for each number of each center, and 12 bytes for each node.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"

enum {
    NODES_PER_LIST = 128,
    SAMPLE_PER_LIST = 24,
    ROUNDS = 5,
    PER_WIDTH = 32,
    AHEAD = 2,            /* lists that are fetched before they are needed */
    SORTED_LISTS = 32,    /* that are put in order first; then as many again, and so on */
    BUILD_NODE_BYTES = 40 /* of each node while it is built, beside its code */
};

/* ---- building ---- */

struct gathering {
    struct fi_graph *graph;
    const struct fi_graph_team *team;
    float *sums; /* of the nodes of each list in the sample, a number for each of a code */
    uint32_t *counts;
    uint32_t *list_of;   /* of each node */
    uint32_t *number_of; /* the new one of each */
    uint32_t first;      /* node of the sample */
    uint32_t stride;     /* between two nodes of it */
};

static uint8_t *
node_record(const struct fi_graph *graph, uint32_t node)
{
    return graph->code_pages.data + (size_t)node * graph->codes.stride;
}

/* Distances of the query to the centers of four lists; of those beyond the last list, to that of
 * the first one. */
static void
measure_four_centers(const struct fi_graph *graph, const struct fi_graph_query *query,
                     uint32_t list, float out[4])
{
    const uint8_t *centers[4];
    for (uint32_t k = 0; k < 4; k++) {
        centers[k] = fi_graph_center_of(graph, list + k < graph->list_count ? list + k : list);
    }
    fi_graph_code_measure_four(graph, query, centers, out);
}

/* The list whose center is nearest to a node. */
static uint32_t
nearest_list(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t node)
{
    float least = __builtin_inff();
    uint32_t nearest = 0;
    fi_graph_code_query_of(graph, node_record(graph, node), &scratch->query);
    for (uint32_t list = 0; list < graph->list_count; list += 4) {
        float distances[4];
        measure_four_centers(graph, &scratch->query, list, distances);
        for (uint32_t k = 0; k < 4; k++) {
            if (distances[k] < least) {
                least = distances[k];
                nearest = list + k;
            }
        }
    }
    return nearest;
}

static void
add_to_list(const struct gathering *gathering, uint32_t list, uint32_t node)
{
    const struct fi_graph *graph = gathering->graph;
    const uint8_t *record = node_record(graph, node);
    float *sums = gathering->sums + (size_t)list * graph->numbers;
    const float scale = fi_graph_scale_of(graph, record);
    for (uint32_t i = 0; i < graph->numbers; i++) {
        sums[i] += scale * (float)(record[i] - 128);
    }
    gathering->counts[list]++;
}

/* Finds the lists of part of a sample. */
static void
find_lists(void *ctx, struct fi_graph_scratch *scratch, uint32_t begin, uint32_t end)
{
    const struct gathering *gathering = ctx;
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t node = gathering->first + i * gathering->stride;
        DCHECK(node < gathering->graph->count);
        gathering->list_of[node] = nearest_list(gathering->graph, scratch, node);
    }
}

/* Finds the lists of a sample: every so many nodes. */
static int
find_sample(struct gathering *gathering, uint32_t first, uint32_t stride, firn_error *err)
{
    const uint32_t count = (gathering->graph->count - first + stride - 1) / stride;
    gathering->first = first;
    gathering->stride = stride;
    return gathering->team->run(gathering->team->ctx, count, find_lists, gathering, err);
}

/* Each round has another sample. */
static int
improve_centers(struct gathering *gathering, uint32_t round, firn_error *err)
{
    struct fi_graph *graph = gathering->graph;
    const uint32_t sample = graph->list_count * SAMPLE_PER_LIST;
    const uint32_t stride = graph->count / sample == 0 ? 1 : graph->count / sample;
    memset(gathering->sums, 0, (size_t)graph->list_count * graph->numbers * sizeof(float));
    memset(gathering->counts, 0, graph->list_count * sizeof *gathering->counts);
    FI_TRY_RETURN(find_sample(gathering, round % stride, stride, err));
    for (uint32_t node = round % stride; node < graph->count; node += stride) {
        add_to_list(gathering, gathering->list_of[node], node);
    }
    for (uint32_t list = 0; list < graph->list_count; list++) {
        float *sums = gathering->sums + (size_t)list * graph->numbers;
        /* One that has lost all nodes stays where it is. */
        for (uint32_t i = 0; i < graph->numbers && gathering->counts[list] > 0; i++) {
            sums[i] /= (float)gathering->counts[list];
        }
        if (gathering->counts[list] > 0) {
            fi_graph_code_write_center(graph, sums,
                                       graph->centers + (size_t)list * graph->codes.stride);
        }
    }
    return FIRN_OK;
}

static int
find_centers(struct gathering *gathering, firn_error *err)
{
    struct fi_graph *graph = gathering->graph;
    for (uint32_t list = 0; list < graph->list_count; list++) {
        const uint64_t part = graph->count / graph->list_count;
        const uint64_t within = fi_graph_mix(graph->parameters.seed, list) % part;
        memcpy(graph->centers + (size_t)list * graph->codes.stride,
               node_record(graph, (uint32_t)(list * part + within)), graph->codes.stride);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        FI_TRY_RETURN(improve_centers(gathering, round, err));
    }
    return FIRN_OK;
}

/* Gives all nodes their lists, and new numbers by these. */
static int
divide(struct gathering *gathering, firn_error *err)
{
    struct fi_graph *graph = gathering->graph;
    memset(graph->list_starts, 0, ((size_t)graph->list_count + 1) * sizeof *graph->list_starts);
    if (graph->count > 0) {
        FI_TRY_RETURN(find_sample(gathering, 0, 1, err));
    }
    for (uint32_t node = 0; node < graph->count; node++) {
        graph->list_starts[gathering->list_of[node] + 1]++;
    }
    for (uint32_t list = 0; list < graph->list_count; list++) {
        graph->list_starts[list + 1] += graph->list_starts[list];
        gathering->counts[list] = graph->list_starts[list];
    }
    DCHECK(graph->list_starts[graph->list_count] == graph->count); /* (I1) */
    for (uint32_t node = 0; node < graph->count; node++) {
        gathering->number_of[node] = gathering->counts[gathering->list_of[node]]++;
    }
    return FIRN_OK;
}

/* Puts the codes where the new numbers say, cycle by cycle. */
static void
move_codes(const struct gathering *gathering, uint8_t *carried)
{
    const struct fi_graph *graph = gathering->graph;
    const size_t stride = graph->codes.stride;
    /* Lists are no longer needed. A node that is in its place leads to itself. */
    uint32_t *to = gathering->list_of;
    memcpy(to, gathering->number_of, (size_t)graph->count * sizeof *to);
    for (uint32_t node = 0; node < graph->count; node++) {
        while (to[node] != node) {
            const uint32_t target = to[node];
            memcpy(carried, node_record(graph, target), stride);
            memcpy(node_record(graph, target), node_record(graph, node), stride);
            memcpy(node_record(graph, node), carried, stride);
            to[node] = to[target];
            to[target] = target;
        }
    }
}

/* Puts rows and twins where the new numbers say. */
static int
move_rows(const struct gathering *gathering)
{
    struct fi_graph *graph = gathering->graph;
    uint64_t *twins = fi_alloc_array((size_t)graph->twin_count + 1, sizeof *twins);
    uint32_t *rows = fi_alloc_array((size_t)graph->count + 1, sizeof *rows);
    if (twins == NULL || rows == NULL) {
        fi_free(twins);
        fi_free(rows);
        return FIRN_NO_MEMORY;
    }
    for (uint32_t node = 0; node < graph->count; node++) {
        rows[gathering->number_of[node]] = graph->rows_of == NULL ? node : graph->rows_of[node];
    }
    for (uint32_t i = 0; i < graph->twin_count; i++) {
        twins[i] = (uint64_t)gathering->number_of[graph->twin_nodes[i]] << 32 | graph->twin_rows[i];
    }
    fi_sort_u64(twins, graph->twin_count);
    for (uint32_t i = 0; i < graph->twin_count; i++) {
        graph->twin_nodes[i] = (uint32_t)(twins[i] >> 32);
        graph->twin_rows[i] = (uint32_t)twins[i];
    }
    fi_free(twins);
    fi_free(graph->rows_of);
    graph->rows_of = rows;
    return FIRN_OK;
}

static int
gather_lists(struct gathering *gathering, struct fi_graph_measure *measure, firn_error *err)
{
    struct fi_graph *graph = gathering->graph;
    const size_t lists = graph->list_count;
    graph->centers = fi_alloc_array(lists + 1, graph->codes.stride);
    graph->list_starts = fi_alloc_zeroed((lists + 1) * sizeof *graph->list_starts);
    gathering->sums = fi_alloc_array(lists * graph->numbers + 1, sizeof *gathering->sums);
    gathering->counts = fi_alloc_array(lists + 1, sizeof *gathering->counts);
    gathering->list_of = fi_alloc_array((size_t)graph->count + 1, sizeof *gathering->list_of);
    gathering->number_of = fi_alloc_array((size_t)graph->count + 1, sizeof *gathering->number_of);
    if (graph->centers == NULL || graph->list_starts == NULL || gathering->sums == NULL ||
        gathering->counts == NULL || gathering->list_of == NULL || gathering->number_of == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    FI_TRY_RETURN(lists > 0 ? find_centers(gathering, err) : FIRN_OK);
    FI_TRY_RETURN(divide(gathering, err));
    /* The place after the last center is free. */
    move_codes(gathering, graph->centers + lists * graph->codes.stride);
    if (move_rows(gathering) != FIRN_OK) {
        return fi_error_no_memory(err, "a graph");
    }
    fi_graph_code_end_centers(graph);
    fi_graph_measure_renumber(measure, gathering->number_of);
    return FIRN_OK;
}

int
fi_graph_lists_make(struct fi_graph *graph, const struct fi_graph_team *team,
                    struct fi_graph_measure *measure, firn_error *err)
{
    struct gathering gathering = {.graph = graph, .team = team};
    const uint32_t lists = graph->count / NODES_PER_LIST;
    DCHECK(graph->is_listed && graph->list_count == 0 && graph->links.blocks == 0);
    graph->list_count = lists < 1                    ? graph->count > 0 ? 1 : 0
                        : lists > FI_GRAPH_LISTS_MAX ? FI_GRAPH_LISTS_MAX
                                                     : lists;
    int rc = gather_lists(&gathering, measure, err);
    fi_free(gathering.sums);
    fi_free(gathering.counts);
    fi_free(gathering.list_of);
    fi_free(gathering.number_of);
    return rc;
}

uint64_t
fi_graph_lists_build_bytes(const struct fi_graph_parameters *parameters, uint64_t rows)
{
    return rows * (fi_graph_code_stride(parameters->dimensions) + BUILD_NODE_BYTES);
}

/* ---- searching ---- */

/* Measures consecutive nodes, without the one that is left out. */
static void
measure_nodes(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t first,
              uint32_t end, const uint8_t *records)
{
    const uint32_t left_out = scratch->left_out - 1; /* no node, if none is */
    if (left_out >= first && left_out < end) {
        fi_graph_walk_measure_run(graph, scratch, first, records, left_out - first);
        records += (size_t)(left_out + 1 - first) * graph->codes.stride;
        first = left_out + 1;
    }
    fi_graph_walk_measure_run(graph, scratch, first, records, end - first);
}

/* Measures the nodes of a list, whose center is at a distance: in a graph that was built, by their
 * codes; in one that is open, by their sketches. */
static int
measure_list(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t list,
             float distance, firn_error *err)
{
    const uint32_t begin = graph->list_starts[list];
    const uint32_t end = graph->list_starts[list + 1];
    DCHECK(begin <= end && end <= graph->count); /* (I1) */
    if (graph->reader != NULL) {
        return scratch->sketching->measure(graph, scratch, list, distance, err);
    }
    measure_nodes(graph, scratch, begin, end, node_record(graph, begin));
    return FIRN_OK;
}

/* Puts the `wanted` smallest numbers first, in any order (Hoare's selection). */
static void
select_smallest(uint64_t *numbers, size_t count, size_t wanted)
{
    size_t low = 0;
    size_t high = count; /* the border lies between them */
    while (high - low > 1 && wanted > low && wanted < high) {
        const uint64_t pivot = numbers[low + (high - low) / 2];
        size_t i = low;
        size_t j = high - 1;
        for (;;) {
            while (numbers[i] < pivot) {
                i++;
            }
            while (numbers[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            const uint64_t other = numbers[i];
            numbers[i++] = numbers[j];
            numbers[j--] = other;
        }
        /* All before i are at most the pivot, all from i on at least. */
        i = i > low ? i : low + 1;
        if (wanted < i) {
            high = i;
        } else {
            low = i;
        }
    }
}

/* All lists as items of their distance to the query, from an item on. */
static void
measure_centers(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint64_t *out)
{
    for (uint32_t list = 0; list < graph->list_count; list += 4) {
        float distances[4];
        measure_four_centers(graph, &scratch->query, list, distances);
        for (uint32_t k = 0; k < 4 && list + k < graph->list_count; k++) {
            out[list + k] = fi_graph_item(distances[k], list + k);
        }
    }
    scratch->evaluated += graph->list_count;
}

/* Puts some more of the smallest items in order, after those that are. */
static void
sort_more(uint64_t *items, size_t count, size_t *sorted)
{
    const size_t left = count - *sorted;
    const size_t more = left < SORTED_LISTS + *sorted ? left : SORTED_LISTS + *sorted;
    select_smallest(items + *sorted, left, more);
    fi_sort_u64(items + *sorted, more);
    *sorted += more;
}

/* Begins a search, and measures the centers. */
static int
begin_search(const struct fi_graph *graph, struct fi_graph_scratch *scratch, firn_error *err)
{
    DCHECK(graph->is_listed && scratch->pool.limit > 0);
    FI_TRY_RETURN(FI_VEC_RESERVE(scratch->chosen, graph->list_count, scratch->chosen_room, err));
    if (graph->reader != NULL) {
        CHECK(scratch->sketching != NULL);
        FI_TRY_RETURN(scratch->sketching->begin(graph, scratch, err));
    }
    measure_centers(graph, scratch, scratch->chosen);
    return FIRN_OK;
}

/* Measures the nodes of the list of item i, while those of a later one are on their way from
 * memory: items up to `known` are in their order. */
static int
measure_item(const struct fi_graph *graph, struct fi_graph_scratch *scratch, size_t i, size_t known,
             firn_error *err)
{
    const uint64_t item = scratch->chosen[i];
    if (graph->reader != NULL && i + AHEAD < known) {
        scratch->sketching->prefetch(graph, fi_graph_item_node(scratch->chosen[i + AHEAD]));
    }
    return measure_list(graph, scratch, fi_graph_item_node(item), fi_graph_item_distance(item),
                        err);
}

int
fi_graph_lists_search(const struct fi_graph *graph, struct fi_graph_scratch *scratch, size_t width,
                      firn_error *err)
{
    const uint64_t wanted = (uint64_t)width * PER_WIDTH;
    uint64_t compared = 0;
    size_t sorted = 0;
    FI_TRY_RETURN(begin_search(graph, scratch, err));
    for (uint32_t i = 0; i < graph->list_count && compared < wanted; i++) {
        if (i == sorted) {
            sort_more(scratch->chosen, graph->list_count, &sorted);
        }
        const uint32_t list = fi_graph_item_node(scratch->chosen[i]);
        compared += graph->list_starts[list + 1] - graph->list_starts[list];
        FI_TRY_RETURN(measure_item(graph, scratch, i, sorted, err));
    }
    return FIRN_OK;
}

int
fi_graph_lists_search_within(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                             float radius, firn_error *err)
{
    size_t count = 0;
    FI_TRY_RETURN(begin_search(graph, scratch, err));
    for (uint32_t list = 0; list < graph->list_count; list++) {
        if (fi_graph_item_distance(scratch->chosen[list]) <= radius) {
            scratch->chosen[count++] = scratch->chosen[list];
        }
    }
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(measure_item(graph, scratch, i, count, err));
    }
    return FIRN_OK;
}

/* ---- several graphs ---- */

/* The scale of one graph divided by that of another, which may be 0. */
static double
scale_by(const struct fi_graph *graph, const struct fi_graph *other)
{
    return other->scale > 0 ? graph->scale / other->scale : 1;
}

/* A distance from the query to a center of a graph in the unit of another one; under DOT it has the
 * order of the products, and may be negative. */
static double
distance_in(const struct fi_graph *unit, const struct fi_graph *graph, double distance)
{
    const double scale = scale_by(unit, graph);
    return graph->parameters.metric == FI_VECTOR_L2    ? distance * scale * scale
           : graph->parameters.metric == FI_VECTOR_DOT ? (distance - 2) * scale
                                                       : distance;
}

/* The reverse; at least the smallest radius that is not 0. */
static float
radius_from(const struct fi_graph *unit, const struct fi_graph *graph, double distance)
{
    const double scale = scale_by(graph, unit);
    const double radius = graph->parameters.metric == FI_VECTOR_L2    ? distance * scale * scale
                          : graph->parameters.metric == FI_VECTOR_DOT ? distance * scale + 2
                                                                      : distance;
    return radius > (double)__FLT_MIN__ ? (float)radius : __FLT_MIN__;
}

/* The number of nodes of a list, where those of all graphs are numbered one after the other. */
static uint32_t
size_of(const struct fi_graph *const *graphs, uint32_t number)
{
    while (number >= (*graphs)->list_count) {
        number -= (*graphs)->list_count;
        graphs++;
    }
    return (*graphs)->list_starts[number + 1] - (*graphs)->list_starts[number];
}

int
fi_graph_lists_share(const struct fi_graph *const *graphs, size_t count, const void *query,
                     uint64_t width, struct fi_graph_scratch *scratch, float *out_radii,
                     firn_error *err)
{
    size_t lists = 0;
    size_t sorted = 0;
    size_t at = 0;
    uint64_t compared = 0;
    for (size_t i = 0; i < count; i++) {
        DCHECK(graphs[i]->is_listed);
        DCHECK(graphs[i]->parameters.metric == graphs[0]->parameters.metric);
        lists += graphs[i]->list_count;
    }
    CHECK(lists <= UINT32_MAX);
    FI_TRY_RETURN(FI_VEC_RESERVE(scratch->chosen, lists, scratch->chosen_room, err));
    uint64_t *const items = scratch->chosen;
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(fi_graph_code_query(graphs[i], query, scratch, err));
        measure_centers(graphs[i], scratch, items + at);
        for (const size_t end = at + graphs[i]->list_count; at < end; at++) {
            const double distance = (double)fi_graph_item_distance(items[at]);
            const double common = distance_in(graphs[0], graphs[i], distance);
            items[at] = (uint64_t)fi_graph_order_of((float)common) << 32 | at;
        }
    }
    for (at = 0; at < lists && compared / PER_WIDTH < width; at++) {
        if (at == sorted) {
            sort_more(items, lists, &sorted);
        }
        compared += size_of(graphs, (uint32_t)items[at]);
    }
    const float common = at == 0 ? 0 : fi_graph_distance_of((uint32_t)(items[at - 1] >> 32));
    for (size_t i = 0; i < count; i++) {
        out_radii[i] = radius_from(graphs[0], graphs[i], (double)common);
    }
    return FIRN_OK;
}
