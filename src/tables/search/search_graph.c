/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_graph.c: the graphs of runs (graph/graph.h) as sources of near rows.
 *
 * A graph compares codes, so all nodes that a walk keeps are candidates. The distances of those
 * that the errors of codes do not exclude are computed in double precision, from the vectors in its
 * file, and the nearest are named.
 *
 * The wanted recall determines how many nodes a walk keeps (ef), as was measured when the graph was
 * built. Each graph of a search has its own. If no walk is known to find so much, the search is
 * exact. A walk that finds fewer rows than wanted is repeated, four times as wide each time; at the
 * end all codes are compared.
 *
 * Graphs that memory does not hold have lists of nodes instead of links (graph/graph_lists.c). They
 * are searched with the same widths; but of what their lists contain, only the nearest by their
 * sketches are candidates. Several of them are searched together. If the nearest rows are spread
 * over all of them evenly, each has its part of those that are wanted, and the sum of the widths
 * for these parts is enough. If they are in one graph, most of its lists that are needed are among
 * the nearest of all. What one of them has found makes rows that are farther of no use, so the next
 * ones read fewer vectors.
 *
 * An exact search compares all codes, with bounds of their errors (graph/graph_exact.c), and only
 * names rows that are among the nearest of the run.
 *
 * With COSINE a vector of zeros has no node. Its distance to every vector is 1: if the candidates
 * are not nearer than that, and there are rows without a node, no row is named, and all rows are
 * compared.
 *
 * Threads: one at a time.
 */
#include "search/search_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "column/column.h"
#include "lsm/lsm_pieces.h"

enum {
    WIDER = 4, /* factor of ef, each time too few rows were found */
    /* How many of the nodes in lists are candidates. The nearest by their vectors are among so many
     * of the nearest by their sketches; a walk keeps more because it goes on from them. */
    LISTED_TIMES = 4, /* of the rows that are wanted, and */
    LISTED_LEAST = 64,
    SHARE_MIN = 16 /* graphs are used if at most one in so many rows is wanted */
};
#define RECALL_DEFAULT 0.95

static double
recall_of(const struct fi_search_ask *ask)
{
    return ask->recall == 0 ? RECALL_DEFAULT : ask->recall;
}

/* How wide a walk has to be; 0: none is wide enough, so that all codes are compared, with
 * bounds. */
static size_t
ef_of(const struct fi_graph *graph, const struct fi_search_ask *ask)
{
    return ask->ef != 0 ? ask->ef : fi_graph_recall_width(graph, ask->wanted, recall_of(ask));
}

static int
open_source(void *ctx, struct fi_run *run, uint32_t column, enum fi_vector_metric metric,
            void **out, firn_error *err)
{
    const struct fi_search_graphs *graphs = ctx;
    const struct fi_lsm_pieces_graph *all = (const void *)graphs->list.data;
    (void)err;
    *out = NULL;
    for (size_t i = 0; i < graphs->list.size / sizeof *all; i++) {
        const struct fi_graph_parameters *parameters = fi_graph_search_parameters(all[i].graph);
        if (all[i].run == run && parameters->dimensions == graphs->request->dimensions &&
            graphs->request->k <= fi_graph_search_rows(all[i].graph) / SHARE_MIN) {
            DCHECK(parameters->column == column && parameters->metric == metric);
            *out = (void *)(uintptr_t)all[i].graph;
        }
    }
    (void)column;
    (void)metric;
    return FIRN_OK;
}

static void
close_source(void *ctx, void *source)
{
    (void)ctx; /* graphs are open as long as the pieces */
    (void)source;
}

static int
make_room(struct fi_search_graphs *graphs, size_t room, firn_error *err)
{
    if (room <= graphs->room) {
        return FIRN_OK;
    }
    struct fi_graph_candidate *candidates =
        fi_resize_array(graphs->candidates, room, sizeof *candidates);
    graphs->candidates = candidates != NULL ? candidates : graphs->candidates;
    double *distances = fi_resize_array(graphs->distances, room, sizeof *distances);
    graphs->distances = distances != NULL ? distances : graphs->distances;
    if (candidates == NULL || distances == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    graphs->room = room;
    return FIRN_OK;
}

static size_t
search_graph_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- graphs that are searched together ---- */

/* Whether a row without a node has no distance: under COSINE, one with zeros has a distance. */
static bool
has_all_nodes(const struct fi_graph *graph)
{
    return fi_graph_search_parameters(graph)->metric != FI_VECTOR_COSINE ||
           fi_graph_search_count(graph) == fi_graph_search_rows(graph);
}

/* The sum of the widths of the graphs that were chosen, of which so many rows are allowed together;
 * 0: no search by widths finds enough. */
static uint64_t
shared_width(const struct fi_search_graphs *graphs, const struct fi_search_ask *ask,
             uint64_t allowed)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < graphs->shared_count; i++) {
        struct fi_search_ask part = *ask;
        const double rows = (double)fi_graph_search_rows(graphs->shared[i]);
        part.wanted = (size_t)(rows / (double)allowed * (double)ask->wanted) + 1;
        const size_t width = ef_of(graphs->shared[i], &part);
        if (width == 0) {
            return 0;
        }
        sum += width;
    }
    return sum;
}

static int
search_graph_share(void *ctx, void *const *sources, size_t count, const struct fi_search_ask *asks,
                   bool *out, firn_error *err)
{
    struct fi_search_graphs *graphs = ctx;
    uint64_t allowed = 0;
    const struct fi_graph **shared = fi_resize_array(graphs->shared, count, sizeof(void *));
    graphs->shared = shared != NULL ? shared : graphs->shared;
    float *radii = fi_resize_array(graphs->radii, count, sizeof *radii);
    graphs->radii = radii != NULL ? radii : graphs->radii;
    graphs->shared_count = 0;
    memset(out, 0, count * sizeof *out);
    if (shared == NULL || radii == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (size_t i = 0; i < count; i++) {
        if (fi_graph_search_is_listed(sources[i]) && has_all_nodes(sources[i])) {
            DCHECK(asks[i].allowed_count >=
                   fi_graph_search_rows(sources[i]) / FI_SEARCH_SHARED_PART);
            allowed += asks[i].allowed_count;
            graphs->shared[graphs->shared_count++] = sources[i];
            out[i] = true;
        }
    }
    const uint64_t width =
        asks[0].is_exact || graphs->shared_count < 2 ? 0 : shared_width(graphs, &asks[0], allowed);
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return FIRN_OK;
    }
    return fi_graph_lists_share(graphs->shared, graphs->shared_count, asks[0].query, width,
                                graphs->scratch, graphs->radii, err);
}

static float
radius_of(const struct fi_search_graphs *graphs, const struct fi_graph *graph)
{
    for (size_t i = 0; i < graphs->shared_count; i++) {
        if (graphs->shared[i] == graph) {
            return graphs->radii[i];
        }
    }
    return 0;
}

/* ---- one graph ---- */

/* Finds candidates and the distances of the nearest. */
static int
find_candidates(struct fi_search_graphs *graphs, const struct fi_graph *graph,
                const struct fi_search_ask *ask, size_t ef, size_t *out_count, firn_error *err)
{
    struct fi_graph_search_options options = {.wanted = ask->wanted,
                                              .ef = ef,
                                              .recall = ask->ef == 0 ? recall_of(ask) : 0,
                                              .allowed = ask->allowed,
                                              .allowed_count = ask->allowed_count,
                                              .memo = ask->memo};
    struct fi_graph_search_counts counts;
    uint64_t judged = 0;
    int rc = FIRN_OK;
    options.wanted = search_graph_smaller(options.wanted, FI_GRAPH_EF_MAX);
    options.most = search_graph_smaller(options.ef, FI_GRAPH_EF_MAX);
    if (fi_graph_search_is_listed(graph)) {
        options.most =
            search_graph_smaller(options.most, LISTED_TIMES * options.wanted + LISTED_LEAST);
    }
    options.most = options.most > options.wanted ? options.most : options.wanted;
    options.radius = ask->is_shared ? radius_of(graphs, graph) : 0;
    FI_TRY(make_room(graphs, options.most, err));
    do {
        FI_TRY(fi_graph_search(graph, ask->query, &options, graphs->scratch, graphs->candidates,
                               out_count, &counts, err));
        graphs->evaluated += counts.evaluated;
        options.ef *= WIDER;
    } while (options.radius == 0 && !counts.is_exhaustive && *out_count < ask->wanted &&
             options.ef <= WIDER * (size_t)FI_GRAPH_EF_MAX);
    rc = fi_graph_exact_rank(graph, ask->query, &options,
                             ask->is_shared ? ask->most : __builtin_inf(), graphs->scratch,
                             graphs->candidates, graphs->distances, out_count, &judged, err);
    graphs->judged += judged;
out:
    return rc;
}

static int
search_graph_compare(const void *a, const void *b)
{
    const struct fi_search_candidate *left = a;
    const struct fi_search_candidate *right = b;
    return (left->distance > right->distance) - (left->distance < right->distance);
}

/* Whether a vector of zeros, which the graph does not have, may be as near as the rows found. */
static bool
may_miss_zeros(const struct fi_graph *graph, const struct fi_search_candidate *found, size_t count)
{
    return fi_graph_search_parameters(graph)->metric == FI_VECTOR_COSINE &&
           fi_graph_search_count(graph) < fi_graph_search_rows(graph) && count > 0 &&
           found[count - 1].distance >= 1;
}

/* Finds rows and their distances. */
static int
find_exact(struct fi_search_graphs *graphs, const struct fi_graph *graph,
           const struct fi_search_ask *ask, size_t *out_count, firn_error *err)
{
    const struct fi_graph_search_options options = {
        .wanted = ask->wanted, .allowed = ask->allowed, .allowed_count = ask->allowed_count};
    struct fi_graph_search_counts counts;
    FI_TRY_RETURN(make_room(graphs, ask->wanted, err));
    FI_TRY_RETURN(fi_graph_exact(graph, ask->query, &options, graphs->scratch, graphs->candidates,
                                 graphs->distances, out_count, &counts, err));
    graphs->evaluated += counts.evaluated;
    graphs->judged += counts.expanded;
    return FIRN_OK;
}

static void
note_damage(struct fi_search_graphs *graphs, const struct fi_graph *graph, int rc)
{
    const struct fi_lsm_pieces_graph *all = (const void *)graphs->list.data;
    for (size_t i = 0; rc == FIRN_CORRUPT && i < graphs->list.size / sizeof *all; i++) {
        if (all[i].graph == graph) {
            fi_lsm_pieces_graph_spoil(&all[i]);
            graphs->damaged++;
        }
    }
}

static int
find_near(void *ctx, void *source, const struct fi_search_ask *ask, struct fi_search_candidate *out,
          size_t *out_count, firn_error *err)
{
    struct fi_search_graphs *graphs = ctx;
    const struct fi_graph *graph = source;
    struct fi_search_candidate *all = NULL;
    size_t count;
    int rc;
    *out_count = 0;
    const size_t ef = ask->is_exact ? 0 : ask->is_shared ? FI_GRAPH_EF_MAX : ef_of(graph, ask);
    rc = ef == 0 ? find_exact(graphs, graph, ask, &count, err)
                 : find_candidates(graphs, graph, ask, ef, &count, err);
    if (rc != FIRN_OK) {
        note_damage(graphs, graph, rc);
        return rc;
    }
    all = fi_alloc_array(count + 1, sizeof *all);
    if (all == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct fi_search_candidate){graphs->candidates[i].row, graphs->distances[i]};
    }
    fi_sort(all, count, sizeof *all, search_graph_compare);
    count = count < ask->wanted ? count : ask->wanted;
    if (!may_miss_zeros(graph, all, count)) {
        *out_count = count;
        if (count > 0) {
            memcpy(out, all, count * sizeof *out);
        }
    }
    fi_free(all);
    return FIRN_OK;
}

/* ---- conditions that were evaluated before ---- */

static const struct fi_graph_memo *
known_to(void *ctx, void *source)
{
    const struct fi_search_graphs *graphs = ctx;
    return graphs->key.size == 0 ? NULL : fi_graph_memo_find(source, fi_buf_slice(&graphs->key));
}

static void
search_graph_learn(void *ctx, void *source, const uint64_t *bits, uint64_t count)
{
    const struct fi_search_graphs *graphs = ctx;
    if (graphs->key.size > 0) {
        fi_graph_memo_keep(source, fi_buf_slice(&graphs->key), bits, count);
    }
}

static int
append_value(struct fi_buf *key, const firn_value *value)
{
    const struct fi_cell cell = fi_cell_of(value);
    const uint8_t type = (uint8_t)value->type;
    const double wide = cell.kind == FI_PHYSICAL_F32 ? (double)cell.as.f32 : 0;
    uint64_t number = cell.as.u64;
    int rc = fi_buf_append(key, &type, 1);
    if (cell.kind == FI_PHYSICAL_NONE) {
        return rc;
    }
    if (cell.kind == FI_PHYSICAL_F32) {
        memcpy(&number, &wide, sizeof wide);
    } else if (cell.kind == FI_PHYSICAL_BYTES) {
        number = cell.as.bytes.size;
        rc = rc == FIRN_OK ? fi_buf_append(key, cell.as.bytes.data, cell.as.bytes.size) : rc;
    }
    return rc == FIRN_OK ? fi_buf_append(key, &number, sizeof number) : rc;
}

/* The key of a condition: everything that decides which rows of a run fulfil it, which is its text,
 * its parameters and the columns. Searches in a transaction have no key. */
static int
make_key(struct fi_search_graphs *graphs, const struct fi_search_request *request,
         const struct fi_schema *schema, firn_error *err)
{
    int rc = FIRN_OK;
    if (request->where == NULL || request->txn != NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_schema_record_encode(schema, &graphs->key, err));
    rc = fi_buf_append(&graphs->key, request->where, strlen(request->where) + 1);
    for (size_t i = 0; rc == FIRN_OK && i < request->parameter_count; i++) {
        rc = append_value(&graphs->key, &request->parameters[i]);
    }
    for (size_t i = 0; rc == FIRN_OK && i < graphs->list.size / sizeof(struct fi_lsm_pieces_graph);
         i++) {
        const struct fi_lsm_pieces_graph *all = (const void *)graphs->list.data;
        const size_t place = fi_graph_memo_enter(all[i].graph);
        rc = fi_buf_append(&graphs->places, &place, sizeof place);
        if (rc != FIRN_OK) {
            fi_graph_memo_leave(all[i].graph, place);
        }
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a search");
out:
    return rc;
}

int
fi_search_graph_open(struct fi_search_graphs *graphs, struct fi_lsm_pieces *pieces, uint32_t column,
                     const struct fi_search_request *request, const struct fi_schema *schema,
                     firn_error *err)
{
    DCHECK(graphs->scratch == NULL && graphs->list.size == 0);
    graphs->sources = (struct fi_search_sources){
        .ctx = graphs,
        .open = open_source,
        .close = close_source,
        .share = search_graph_share,
        .find = find_near,
        .known = known_to,
        .learn = search_graph_learn,
    };
    graphs->request = request;
    graphs->damaged = 0;
    if (pieces != NULL) {
        FI_TRY_RETURN(fi_lsm_pieces_graphs(pieces, column, (uint32_t)request->metric, &graphs->list,
                                           &graphs->damaged, err));
    }
    FI_TRY_RETURN(make_key(graphs, request, schema, err));
    return fi_graph_sketch_scratch_create(&graphs->scratch, err);
}

void
fi_search_graph_close(struct fi_search_graphs *graphs)
{
    const struct fi_lsm_pieces_graph *all = (const void *)graphs->list.data;
    for (size_t i = 0; i < graphs->places.size / sizeof(size_t); i++) {
        fi_graph_memo_leave(all[i].graph, ((const size_t *)(const void *)graphs->places.data)[i]);
    }
    fi_graph_search_scratch_destroy(graphs->scratch);
    fi_buf_deinit(&graphs->key);
    fi_buf_deinit(&graphs->places);
    fi_free(graphs->shared);
    fi_free(graphs->radii);
    fi_free(graphs->candidates);
    fi_free(graphs->distances);
    fi_buf_deinit(&graphs->list);
    *graphs = (struct fi_search_graphs){
        .damaged = graphs->damaged, .evaluated = graphs->evaluated, .judged = graphs->judged};
}
