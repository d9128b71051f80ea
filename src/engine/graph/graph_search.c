/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_search.c: finding candidates, with and without a filter.
 *
 * Without a filter, a search goes from the entry down to level 0, and walks there. The nearest
 * nodes of the pool are the candidates. In a graph with lists it compares the nodes of the nearest
 * lists instead (graph_lists.c); in what follows, that counts as a walk.
 *
 * With a filter, it walks through all nodes, and keeps so many that enough of them are allowed. The
 * recall of a walk for the K nearest nodes is known (graph_recall.c), and does not depend on which
 * of them are allowed. So if the wanted number of allowed nodes is among the K nearest, that
 * fraction of them is found. K is first guessed from the share of the rows that are allowed. If K
 * was too small, because the allowed nodes lie elsewhere, a wider walk follows.
 *
 * Comparing all allowed codes, one after the other, costs less than a walk that compares more than
 * a sixth as many, or half as many in lists. (CODES_PART was measured: a walk waits for memory.) If
 * a walk is expected to, or the walks together did, all allowed codes are compared.
 *
 * (I1) If a search with a filter gives fewer candidates than wanted, all allowed rows were
 *      compared, except for lists within a radius. Without a filter the graph may not lead to more:
 *      the caller asks for a wider walk.
 */
#include "graph/graph_internal.h"

#include "base/check.h"
#include "base/mem.h"

enum {
    WIDER = 4, /* each time, at least */
    WIDER_MAX = 16,
    BATCH = 256,
    WITHIN_KEPT = 4 /* nodes for a candidate, where half of them are allowed */
};

FI_GRAPH_SMALL int
fi_graph_search_scratch_create(struct fi_graph_scratch **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a search among vectors");
}

FI_GRAPH_SMALL void
fi_graph_search_scratch_destroy(struct fi_graph_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    DCHECK(scratch->pin_count == 0);
    fi_free(scratch->pool.items);
    fi_free(scratch->query.codes);
    fi_free(scratch->other.codes);
    fi_free(scratch->transformed);
    fi_free(scratch->visited);
    fi_free(scratch->touched);
    fi_free(scratch->chosen);
    fi_free(scratch->found);
    if (scratch->sketches != NULL) {
        scratch->sketching->destroy(scratch->sketches);
    }
    fi_free(scratch);
}

const struct fi_graph_parameters *
fi_graph_search_parameters(const struct fi_graph *graph)
{
    return &graph->parameters;
}

bool
fi_graph_search_is_listed(const struct fi_graph *graph)
{
    return graph->is_listed;
}

uint64_t
fi_graph_search_rows(const struct fi_graph *graph)
{
    return graph->rows;
}

uint32_t
fi_graph_search_count(const struct fi_graph *graph)
{
    return graph->count + graph->twin_count;
}

static uint64_t
row_of(const struct fi_graph *graph, uint32_t node)
{
    DCHECK(node < graph->count);
    return graph->rows_of == NULL ? node : graph->rows_of[node];
}

static bool
has_bit(const uint64_t *bits, uint64_t i)
{
    return (bits[i / 64] >> i % 64 & 1) != 0;
}

/* How many candidates there is room for. */
static size_t
most_of(const struct fi_graph_search_options *options)
{
    return options->most > options->wanted ? options->most : options->wanted;
}

/* ---- ways to search ---- */

/* Nodes whose codes are measured together. */
struct batch {
    const struct fi_graph *graph;
    struct fi_graph_scratch *scratch;
    uint32_t nodes[BATCH + 64]; /* those of a word of bits may go beyond a full batch */
    size_t count;
    struct fi_graph_gathered *gathered; /* gets copies; NULL: nobody wants them */
};

FI_GRAPH_SMALL static void
gather(const struct batch *batch, size_t count)
{
    struct fi_graph_gathered *into = batch->gathered;
    const size_t stride = batch->graph->codes.stride;
    DCHECK(count <= into->room - into->count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *record = fi_graph_array_at(&batch->graph->codes, batch->nodes[i]);
        CHECK(record != NULL); /* measured before; and a graph that has memos keeps its blocks */
        memcpy(into->codes + into->count * stride, record, stride);
        into->nodes[into->count++] = batch->nodes[i];
    }
}

static __attribute__((noinline)) int
flush(struct batch *batch, firn_error *err)
{
    const size_t count = batch->count;
    DCHECK(count <= sizeof batch->nodes / sizeof batch->nodes[0]);
    batch->count = 0;
    int rc = fi_graph_walk_measure_all(batch->graph, batch->scratch, batch->nodes, count, err);
    if (rc == FIRN_OK && batch->gathered != NULL) {
        gather(batch, count);
    }
    return rc;
}

static inline int
graph_search_add(struct batch *batch, uint32_t node, firn_error *err)
{
    batch->nodes[batch->count++] = node;
    return batch->count >= BATCH ? flush(batch, err) : FIRN_OK;
}

/* Adds the nodes base + i for each bit i. The first two are written whether there or not: in most
 * words of a filter that is worth this there are no more, and which of none, one and two it is no
 * processor can foresee. */
static inline int
add_bits(struct batch *batch, uint32_t base, uint64_t bits, firn_error *err)
{
    const uint64_t top = UINT64_C(1) << 63; /* of no bits, the first one is not defined */
    const uint64_t second = bits & (bits - 1);
    uint32_t *nodes = batch->nodes + batch->count;
    nodes[0] = base + (uint32_t)__builtin_ctzll(bits | top);
    nodes[1] = base + (uint32_t)__builtin_ctzll(second | top);
    nodes += (bits != 0) + (second != 0);
    for (uint64_t rest = second & (second - 1); rest != 0; rest &= rest - 1) {
        *nodes++ = base + (uint32_t)__builtin_ctzll(rest);
    }
    batch->count = (size_t)(nodes - batch->nodes);
    return batch->count >= BATCH ? flush(batch, err) : FIRN_OK;
}

/* Nodes whose own row is allowed. */
static int
add_rows(struct batch *batch, const uint64_t *allowed, firn_error *err)
{
    const struct fi_graph *graph = batch->graph;
    uint64_t before =
        0; /* rows without a node of their own, up to the last one; they only become more */
    for (uint64_t word = 0; word * 64 < graph->rows; word++) {
        /* Bits beyond the last row mean nothing. */
        const uint64_t left = graph->rows - word * 64;
        const uint64_t mask = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
        uint64_t bits = allowed[word] & mask;
        if (graph->rows_of == NULL) {
            FI_TRY_RETURN(add_bits(batch, (uint32_t)(word * 64), bits, err));
            continue;
        }
        for (; bits != 0; bits &= bits - 1) {
            const uint64_t row = word * 64 + (uint64_t)__builtin_ctzll(bits);
            uint64_t node = row - before;
            node = node < graph->count ? node : graph->count;
            while (node > 0 && graph->rows_of[node - 1] >= row) {
                node--;
            }
            before = row - node;
            if (node < graph->count && graph->rows_of[node] == row) {
                FI_TRY_RETURN(graph_search_add(batch, (uint32_t)node, err));
            }
        }
    }
    return FIRN_OK;
}

/* Nodes that are allowed, where they are not in the order of rows. */
FI_GRAPH_SMALL static int
add_listed(struct batch *batch, const uint64_t *allowed, firn_error *err)
{
    for (uint32_t node = 0; node < batch->graph->count; node++) {
        if (fi_graph_walk_is_allowed(batch->graph, allowed, node)) {
            FI_TRY_RETURN(graph_search_add(batch, node, err));
        }
    }
    return FIRN_OK;
}

/* Nodes whose own row is not allowed, but one of its twins. */
static int
add_twins(struct batch *batch, const uint64_t *allowed, firn_error *err)
{
    const struct fi_graph *graph = batch->graph;
    uint32_t last = FI_GRAPH_NONE;
    for (uint32_t i = 0; i < graph->twin_count; i++) {
        const uint32_t node = graph->twin_nodes[i];
        if (node != last && has_bit(allowed, graph->twin_rows[i]) &&
            !has_bit(allowed, row_of(graph, node))) {
            last = node;
            FI_TRY_RETURN(graph_search_add(batch, node, err));
        }
    }
    return FIRN_OK;
}

/* Measures the codes of all rows that are allowed. */
static int
measure_allowed(const struct fi_graph *graph, const struct fi_graph_search_options *options,
                struct fi_graph_scratch *scratch, firn_error *err)
{
    struct batch batch = {.graph = graph, .scratch = scratch, .count = 0};
    struct fi_graph_gathered *gathered = NULL;
    int rc = FIRN_OK;
    scratch->sketched = NULL;
    fi_graph_walk_begin(scratch, most_of(options));
    if (options->memo != NULL) {
        DCHECK(options->allowed == options->memo->bits);
        const struct fi_graph_gathered *copies = fi_graph_memo_gathered(options->memo);
        if (copies != NULL) {
            fi_graph_walk_measure_gathered(graph, scratch, copies);
            return FIRN_OK;
        }
        gathered = fi_graph_memo_gather(graph, options->memo);
        batch.gathered = gathered;
    }
    if (options->allowed != NULL && graph->is_listed) {
        FI_TRY(add_listed(&batch, options->allowed, err));
    } else if (options->allowed != NULL) {
        FI_TRY(add_rows(&batch, options->allowed, err));
        FI_TRY(add_twins(&batch, options->allowed, err));
    }
    for (uint32_t node = 0; options->allowed == NULL && node < graph->count; node++) {
        FI_TRY(graph_search_add(&batch, node, err));
    }
    rc = flush(&batch, err);
out:
    if (gathered != NULL) {
        fi_graph_memo_gather_end(graph, options->memo, gathered, rc == FIRN_OK);
    }
    return rc;
}

/* Keeps at most so many nodes, which are all that a walk keeps, or fewer of those that are found in
 * lists. */
FI_GRAPH_SMALL static int
graph_search_walk(const struct fi_graph *graph, size_t limit, size_t kept, uint64_t evaluated_max,
                  struct fi_graph_scratch *scratch, firn_error *err)
{
    FI_TRY_RETURN(fi_graph_walk_prepare(graph, scratch, limit, err));
    if (graph->is_listed) {
        fi_graph_walk_begin(scratch, kept);
        return fi_graph_lists_search(graph, scratch, limit, err);
    }
    FI_TRY_RETURN(fi_graph_walk_descend(graph, scratch, graph->top_level, 0, err));
    DCHECK(scratch->pool.count > 0);
    uint32_t node = fi_graph_item_node(scratch->pool.items[0]);
    fi_graph_walk_begin(scratch, limit);
    FI_TRY_RETURN(fi_graph_walk_enter(graph, scratch, node, err));
    return fi_graph_walk(graph, scratch, 0, evaluated_max, err);
}

/* Takes the rows of the first `nodes` of the pool's nodes that are allowed, up to `most`; out may
 * be NULL. */
static size_t
graph_search_collect(const struct fi_graph *graph, const struct fi_graph_search_options *options,
                     const struct fi_graph_pool *pool, size_t nodes, size_t most,
                     struct fi_graph_candidate *out)
{
    size_t count = 0;
    DCHECK(pool->count <= pool->limit);
    nodes = nodes < pool->count ? nodes : pool->count;
    for (size_t i = 0; i < nodes && count < most; i++) {
        uint32_t node = fi_graph_item_node(pool->items[i]);
        size_t twin = graph->twin_count == 0 ? 0 : fi_graph_walk_first_twin(graph, node);
        uint64_t row = row_of(graph, node);
        bool has_more = true;
        while (has_more && count < most) {
            if (options->allowed == NULL || has_bit(options->allowed, row)) {
                if (out != NULL) {
                    out[count] = (struct fi_graph_candidate){
                        row, node, fi_graph_item_distance(pool->items[i])};
                }
                count++;
            }
            has_more = twin < graph->twin_count && graph->twin_nodes[twin] == node;
            row = has_more ? graph->twin_rows[twin++] : 0;
        }
    }
    return count;
}

/* ---- filters ---- */

/* A walk that is to find the allowed ones of the `nearest` nodes. */
struct filtered {
    size_t nearest;
    size_t limit;
};

static size_t
multiplied(size_t value, uint64_t rows, uint64_t allowed)
{
    DCHECK(value <= FI_GRAPH_EF_MAX && allowed > 0 && allowed <= rows);
    const uint64_t wide = value * rows / allowed + 1;
    return wide < FI_GRAPH_EF_MAX ? (size_t)wide : FI_GRAPH_EF_MAX;
}

/* Sets the width. false: comparing what is allowed costs less. */
FI_GRAPH_SMALL static bool
plan(const struct fi_graph *graph, const struct fi_graph_search_options *options, size_t ef,
     size_t wanted, uint64_t spent, struct filtered *filtered)
{
    const uint64_t allowed = options->allowed_count;
    filtered->limit = options->recall > 0
                          ? fi_graph_recall_width(graph, filtered->nearest, options->recall)
                          : multiplied(ef, filtered->nearest, wanted);
    if (filtered->limit == 0 || filtered->limit >= graph->count) {
        return false;
    }
    spent += fi_graph_recall_compared(graph, filtered->limit);
    return spent < allowed / fi_graph_codes_part(graph->is_listed);
}

/* Walks until enough is found; *out_is_over: comparing what is allowed costs less. */
FI_GRAPH_SMALL static int
walk_filtered(const struct fi_graph *graph, const struct fi_graph_search_options *options,
              size_t ef, struct fi_graph_scratch *scratch, bool *out_is_over, firn_error *err)
{
    const size_t wanted =
        options->allowed_count < options->wanted ? (size_t)options->allowed_count : options->wanted;
    /* By chance, fewer than the expected number may be among the nearest. A caller who gives a
     * width accepts that. */
    const size_t spare = options->recall > 0 ? wanted / 4 + 1 : 0;
    const size_t expected =
        wanted + spare < FI_GRAPH_EF_MAX ? wanted + spare : (size_t)FI_GRAPH_EF_MAX;
    struct filtered filtered = {.nearest =
                                    multiplied(expected, graph->rows, options->allowed_count)};
    for (;;) {
        *out_is_over = !plan(graph, options, ef, wanted, scratch->evaluated, &filtered);
        if (*out_is_over) {
            break;
        }
        FI_TRY_RETURN(graph_search_walk(graph, filtered.limit, filtered.limit,
                                        options->allowed_count, scratch, err));
        const size_t found =
            graph_search_collect(graph, options, &scratch->pool, filtered.nearest, wanted, NULL);
        if (found >= wanted) {
            break;
        }
        *out_is_over = filtered.nearest == FI_GRAPH_EF_MAX;
        if (*out_is_over) {
            break;
        }
        size_t wider = multiplied(filtered.nearest, wanted + 1, found + 1);
        wider = wider < WIDER * filtered.nearest ? WIDER * filtered.nearest : wider;
        wider = wider > WIDER_MAX * filtered.nearest ? WIDER_MAX * filtered.nearest : wider;
        filtered.nearest = wider < FI_GRAPH_EF_MAX ? wider : FI_GRAPH_EF_MAX;
    }
    return FIRN_OK;
}

FI_GRAPH_SMALL static int
search_filtered(const struct fi_graph *graph, const struct fi_graph_search_options *options,
                size_t ef, struct fi_graph_scratch *scratch, bool *out_is_exhaustive,
                firn_error *err)
{
    int rc;
    DCHECK(options->allowed != NULL && options->allowed_count > 0);
    FI_TRY(walk_filtered(graph, options, ef, scratch, out_is_exhaustive, err));
    if (*out_is_exhaustive) {
        FI_TRY(fi_graph_walk_prepare_pool(scratch, most_of(options), err));
        rc = measure_allowed(graph, options, scratch, err);
    }
out:
    return rc;
}

FI_GRAPH_SMALL int
fi_graph_search(const struct fi_graph *graph, const void *query,
                const struct fi_graph_search_options *options, struct fi_graph_scratch *scratch,
                struct fi_graph_candidate *out, size_t *out_count,
                struct fi_graph_search_counts *out_counts, firn_error *err)
{
    const size_t most = most_of(options);
    size_t ef = options->ef < most ? most : options->ef;
    bool is_exhaustive = graph->count == 0;
    int rc = FIRN_OK;
    DCHECK(most <= FI_GRAPH_EF_MAX);
    *out_count = 0;
    ef = ef > FI_GRAPH_EF_MAX ? FI_GRAPH_EF_MAX : ef;
    scratch->evaluated = 0;
    scratch->expanded = 0;
    scratch->sketched = NULL;
    if (graph->count > 0 && options->wanted > 0 &&
        (options->allowed == NULL || options->allowed_count > 0)) {
        FI_TRY(fi_graph_code_query(graph, query, scratch, err));
        if (options->radius > 0) {
            /* Some that are kept may not be allowed. */
            const size_t kept = options->allowed != NULL ? WITHIN_KEPT * most : most;
            FI_TRY(fi_graph_walk_prepare_pool(scratch, kept, err));
            fi_graph_walk_begin(scratch, kept);
            FI_TRY(fi_graph_lists_search_within(graph, scratch, options->radius, err));
        } else if (options->allowed != NULL) {
            FI_TRY(search_filtered(graph, options, ef, scratch, &is_exhaustive, err));
        } else if (ef >= graph->count) {
            FI_TRY(fi_graph_walk_prepare_pool(scratch, most, err));
            FI_TRY(measure_allowed(graph, options, scratch, err));
            is_exhaustive = true;
        } else {
            FI_TRY(graph_search_walk(graph, ef, most, UINT64_MAX, scratch, err));
        }
        *out_count = graph_search_collect(graph, options, &scratch->pool, SIZE_MAX, most, out);
        /* (I1) */
        DCHECK(options->allowed == NULL || is_exhaustive || options->radius > 0 ||
               *out_count >= options->wanted);
    }
out:
    if (out_counts != NULL) {
        *out_counts =
            (struct fi_graph_search_counts){scratch->evaluated, scratch->expanded, is_exhaustive};
    }
    return rc;
}
