/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_nodes.c: the nodes of a graph that is built: their rows, codes and levels.
 *
 * The vectors are read twice: to find their mean and scale, and to write their codes. After that
 * only codes are used.
 *
 * The seed and the node's number determine its level: level l or higher with probability m^-l.
 * Nodes that are kept of an older graph keep theirs (graph_merge.c).
 *
 * (I1) No two nodes have the same vector. The rows of equal vectors are twins of the first of them:
 *      as nodes they would fill lists of links, and hide the nodes farther away. Vectors count as
 *      equal if their fingerprints of 128 bits are.
 *
 * Memory: while rows are surveyed, a fingerprint and two numbers for each.
 *
 * Failure: the caller destroys the graph, and the measure.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"
#include "codec/xxh3.h"

/* ---- rows ---- */

/* Calls take with each vector that has a node. */
static int
read_all(struct fi_graph *graph, const struct fi_graph_source *source,
         int (*take)(struct fi_graph *graph, uint64_t row, const uint8_t *vector, void *ctx),
         void *ctx, firn_error *err)
{
    const uint8_t *vectors[FI_GRAPH_READ_MAX];
    for (uint64_t first = 0; first < source->rows;) {
        size_t count = fi_graph_step(graph, source->rows - first);
        FI_TRY_RETURN(source->read(source->ctx, first, count, vectors, err));
        for (size_t i = 0; i < count; i++) {
            if (vectors[i] != NULL && fi_graph_code_accepts(&graph->parameters, vectors[i]) &&
                take(graph, first + i, vectors[i], ctx) != FIRN_OK) {
                return fi_error_no_memory(err, "a graph");
            }
        }
        first += count;
    }
    return FIRN_OK;
}

/* A row with a vector. */
struct survey_row {
    uint8_t fingerprint[FI_XXH3_WIDE_SIZE]; /* of the vector */
    uint32_t row;
    uint32_t first; /* row with the same vector; itself: it has a node */
};

struct survey {
    struct fi_graph_survey all;
    struct fi_buf rows; /* of struct survey_row */
};

static int
take_survey(struct fi_graph *graph, uint64_t row, const uint8_t *vector, void *ctx)
{
    struct survey *survey = ctx;
    struct survey_row own = {.row = (uint32_t)row, .first = (uint32_t)row};
    fi_graph_code_survey(&graph->parameters, &survey->all, vector);
    fi_xxh3_wide(vector, 4 * (size_t)graph->parameters.dimensions, graph->parameters.seed,
                 own.fingerprint);
    return fi_buf_append(&survey->rows, &own, sizeof own);
}

static int
compare_fingerprints(const void *a, const void *b)
{
    const struct survey_row *left = a;
    const struct survey_row *right = b;
    int order = memcmp(left->fingerprint, right->fingerprint, sizeof left->fingerprint);
    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

/* By the node's row, then nodes before their twins, by row. */
static int
compare_firsts(const void *a, const void *b)
{
    const struct survey_row *left = a;
    const struct survey_row *right = b;
    return left->first != right->first ? (left->first > right->first ? 1 : -1)
                                       : (left->row > right->row) - (left->row < right->row);
}

/* For fi_graph_merge_match: the first row with that fingerprint. */
static uint32_t
find_row(const void *ctx, const uint8_t *fingerprint)
{
    const struct survey *survey = ctx;
    const struct survey_row *rows = (const struct survey_row *)(const void *)survey->rows.data;
    size_t count = survey->rows.size / sizeof *rows;
    size_t low = 0;
    size_t high = count;
    FI_SEARCH_FIRST(low, high, middle,
                    memcmp(rows[middle].fingerprint, fingerprint, FI_XXH3_WIDE_SIZE) < 0);
    bool is_there =
        low < count && memcmp(rows[low].fingerprint, fingerprint, FI_XXH3_WIDE_SIZE) == 0;
    return is_there ? rows[low].first : FI_GRAPH_NONE;
}

/* Gives nodes to the first rows of each vector; the others are their twins (I1). */
static int
make_nodes(struct fi_graph *graph, struct survey *survey, struct fi_graph_merge *merge)
{
    struct survey_row *rows = (struct survey_row *)(void *)survey->rows.data;
    size_t count = survey->rows.size / sizeof *rows;
    uint32_t twins = 0;
    fi_sort(rows, count, sizeof *rows, compare_fingerprints);
    for (size_t i = 1; i < count; i++) {
        if (memcmp(rows[i].fingerprint, rows[i - 1].fingerprint, FI_XXH3_WIDE_SIZE) == 0) {
            rows[i].first = rows[i - 1].first;
            twins++;
        }
    }
    if (fi_graph_merge_match(merge, graph->parameters.seed, find_row, survey, NULL) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    fi_sort(rows, count, sizeof *rows, compare_firsts);
    graph->count = (uint32_t)count - twins;
    graph->rows_of = fi_alloc_array((size_t)graph->count + 1, sizeof *graph->rows_of);
    graph->twin_nodes = fi_alloc_array((size_t)twins + 1, sizeof *graph->twin_nodes);
    graph->twin_rows = fi_alloc_array((size_t)twins + 1, sizeof *graph->twin_rows);
    if (graph->rows_of == NULL || graph->twin_nodes == NULL || graph->twin_rows == NULL) {
        return FIRN_NO_MEMORY;
    }
    uint32_t node = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].first == rows[i].row) {
            graph->rows_of[node++] = rows[i].row;
        } else {
            graph->twin_nodes[graph->twin_count] = node - 1;
            graph->twin_rows[graph->twin_count++] = rows[i].row;
        }
    }
    CHECK(node == graph->count && graph->twin_count == twins); /* (I1) */
    return fi_graph_merge_keep(merge, graph);
}

struct encoding {
    float *transformed;
    struct fi_graph_measure *measure;
    uint32_t next;
};

static int
take_code(struct fi_graph *graph, uint64_t row, const uint8_t *vector, void *ctx)
{
    struct encoding *encoding = ctx;
    uint32_t node = encoding->next;
    if (node == graph->count || graph->rows_of[node] != row) {
        return FIRN_OK; /* a twin */
    }
    encoding->next++;
    fi_graph_measure_note(encoding->measure, node, vector);
    fi_graph_code_write(graph, vector, encoding->transformed,
                        graph->code_pages.data + (size_t)node * graph->codes.stride);
    return FIRN_OK;
}

static int
map_array(struct fi_os *os, struct fi_graph_array *array, uint32_t count, struct fi_os_pages *pages,
          firn_error *err)
{
    size_t size = (size_t)array->blocks * array->per_block * array->stride;
    size_t large = FI_OS_PAGES_LARGE_SIZE;
    size = size >= large ? (size + large - 1) / large * large : size > 0 ? size : 1;
    (void)count;
    array->place = fi_alloc_array((size_t)array->blocks + 1, sizeof *array->place);
    if (array->place == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    FI_TRY_RETURN(fi_os_pages_map(os, size, pages, err));
    (void)fi_os_pages_prefer_large(pages);
    for (uint32_t i = 0; i < array->blocks; i++) {
        atomic_init(&array->place[i], pages->data + (size_t)i * array->per_block * array->stride);
    }
    return FIRN_OK;
}

/* Of a node that is new, by the seed. */
static uint32_t
random_level(const struct fi_graph *graph, uint32_t node)
{
    uint32_t level = 0;
    uint64_t random = fi_graph_mix(graph->parameters.seed, node);
    while (!graph->is_listed && random % graph->parameters.m == 0 && level < FI_GRAPH_LEVEL_MAX) {
        level++;
        random = fi_graph_mix(random, level);
    }
    return level;
}

/* The level of a node, which may be the highest one. */
static uint32_t
choose_level(struct fi_graph *graph, struct fi_graph_merge *merge, uint32_t node)
{
    if (merge->old == NULL || merge->old_of[node] == FI_GRAPH_NONE) {
        return random_level(graph, node);
    }
    uint32_t level = fi_graph_walk_level_of(merge->old, merge->old_of[node]);
    level = level < FI_GRAPH_LEVEL_MAX ? level : FI_GRAPH_LEVEL_MAX;
    if (level > merge->top_level || merge->entry == FI_GRAPH_NONE) {
        merge->top_level = level;
        merge->entry = node;
    }
    return level;
}

/* The nodes above level 0. */
static int
choose_levels(struct fi_graph *graph, struct fi_graph_merge *merge, firn_error *err)
{
    uint32_t m = graph->parameters.m;
    struct fi_buf nodes = {0};
    struct fi_buf starts = {0};
    uint32_t lists = 0;
    int rc = FIRN_OK;
    merge->entry = FI_GRAPH_NONE;
    for (uint32_t node = 0; node < graph->count; node++) {
        uint32_t level = choose_level(graph, merge, node);
        if (level == 0) {
            continue;
        }
        FI_TRY(fi_buf_append_le32(&nodes, node));
        FI_TRY(fi_buf_append_le32(&starts, lists));
        lists += level;
        if (level > graph->top_level) {
            graph->top_level = level;
            graph->entry = node;
        }
    }
    if (merge->old != NULL && merge->top_level == graph->top_level) {
        graph->entry = merge->entry;
    }
    graph->upper_count = (uint32_t)(nodes.size / 4);
    FI_TRY(fi_buf_append_le32(&starts, lists));
    FI_TRY(fi_buf_append_le32(&nodes, 0));
    graph->upper_links = fi_alloc_array((size_t)lists * m + 1, sizeof *graph->upper_links);
    if (graph->upper_links == NULL) {
        rc = FIRN_NO_MEMORY;
        goto out;
    }
    memset(graph->upper_links, 0xff, (size_t)lists * m * sizeof *graph->upper_links);
    graph->upper_nodes = (uint32_t *)(void *)nodes.data;
    graph->upper_starts = (uint32_t *)(void *)starts.data;
    return FIRN_OK;
out:
    fi_buf_deinit(&nodes);
    fi_buf_deinit(&starts);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a graph");
}

int
fi_graph_nodes_make(const struct fi_graph_source *source,
                    const struct fi_graph_build_options *options, struct fi_graph *graph,
                    struct fi_graph_merge *merge, struct fi_graph_measure **out_measure,
                    firn_error *err)
{
    struct survey survey = {.all = {.largest = 0}};
    struct encoding encoding = {.next = 0};
    int rc = FIRN_NO_MEMORY;
    survey.all.sums = fi_alloc_zeroed(graph->numbers * sizeof *survey.all.sums);
    graph->mean = fi_alloc_array(graph->numbers, sizeof *graph->mean);
    encoding.transformed = fi_alloc_array(graph->numbers, sizeof *encoding.transformed);
    if (survey.all.sums == NULL || graph->mean == NULL || encoding.transformed == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(read_all(graph, source, take_survey, &survey, err));
    fi_graph_code_set_scale(graph, &survey.all);
    if (make_nodes(graph, &survey, merge) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    fi_graph_read_array_set(&graph->codes, graph->codes.stride, graph->count);
    fi_graph_read_array_set(&graph->links, (size_t)graph->link_width * 4,
                            graph->is_listed ? 0 : graph->count);
    FI_TRY(map_array(options->os, &graph->codes, graph->count, &graph->code_pages, err));
    FI_TRY(map_array(options->os, &graph->links, graph->count, &graph->link_pages, err));
    memset(graph->link_pages.data, 0xff,
           (size_t)graph->links.blocks * graph->links.per_block * graph->links.stride);
    FI_TRY(fi_graph_measure_create(graph, out_measure, err));
    encoding.measure = *out_measure;
    FI_TRY(read_all(graph, source, take_code, &encoding, err));
    CHECK(encoding.next == graph->count); /* the source gives the same each time */
    if (graph->count == source->rows) {
        fi_free(graph->rows_of);
        graph->rows_of = NULL;
    }
    FI_TRY(choose_levels(graph, merge, err));
out:
    fi_free(survey.all.sums);
    fi_free(encoding.transformed);
    fi_buf_deinit(&survey.rows);
    return rc;
}
