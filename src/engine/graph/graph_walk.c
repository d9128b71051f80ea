/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_walk.c: walking from node to node towards a query, for building and for searching.
 *
 * The pool is one array of the nearest nodes found so far, in order; a node's distance, its number
 * and whether its links were followed are one number of 64 bits. The nearest node that was not
 * followed yet is followed next: the codes of its new neighbours are compared with the query, and
 * the neighbours are inserted into the pool, which has a limit. The walk ends when all nodes of the
 * pool were followed (algorithm 2 of the paper, with candidates and results in one array).
 *
 * A walk waits for memory, because the codes that it compares are far from each other. So the
 * neighbours of a node are gathered first, and their codes prefetched together, before the first is
 * compared; the links of the next node are prefetched meanwhile.
 *
 * (I1) Bits of `visited` are set only in words that `touched` names: clearing them costs what the
 *      last walk visited.
 * (I2) Numbers of nodes are checked before they are used: links come from a file.
 * (I3) The graph and the query alone determine the order in which nodes are gathered and compared.
 *      Ties are broken by number. So a walk always finds the same nodes. (Not checked: tests
 *      compare the answers of graphs that were built alike.)
 *
 * Descent. The paper keeps one node above the level that a walk is for. With clusters, that one
 * often is the nearest of a wrong cluster, from which no link leads on: then the walk finds none of
 * the nearest. After merges of graphs this happened to 0.6 % of the queries among 20 clusters. With
 * four nodes it is 0.02 %, for 3 % more codes that are compared.
 *
 * Choosing neighbours: from the nearest on, a candidate is taken if it is nearer to the node than
 * to each that was taken before (algorithm 4). Remaining places go to the nearest of the others, as
 * the paper allows: with the data that was tried, this finds a little more for the same number of
 * compared codes.
 *
 * Memory: a bit for each node, and the pool. There is no recursion.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/search.h"

enum {
    CACHE_LINE = 64,
    PREFETCHED_MAX = 1024,
    DESCENT = 4 /* nodes of a pool above the level that a walk is for */
};

/* ---- room ---- */

static int
grow_u64(uint64_t **array, size_t *room, size_t wanted)
{
    return FI_VEC_RESERVE(*array, wanted, *room, NULL);
}

FI_GRAPH_SMALL static int
grow_visited(const struct fi_graph *graph, struct fi_graph_scratch *scratch)
{
    size_t words = ((size_t)graph->count + 63) / 64;
    if (words > scratch->visited_words) {
        uint64_t *bits = fi_alloc_zeroed(words * sizeof *bits);
        if (bits == NULL) {
            return FIRN_NO_MEMORY;
        }
        fi_free(scratch->visited);
        scratch->visited = bits;
        scratch->visited_words = words;
        scratch->touched_count = 0; /* (I1) */
    }
    /* One more than words: mark writes beyond the numbers that count. */
    if (words >= scratch->touched_room) {
        uint32_t *touched = fi_alloc_array(words + 1, sizeof *touched);
        if (touched == NULL) {
            return FIRN_NO_MEMORY;
        }
        if (scratch->touched_count > 0) {
            memcpy(touched, scratch->touched, scratch->touched_count * sizeof *touched);
        }
        fi_free(scratch->touched);
        scratch->touched = touched;
        scratch->touched_room = words + 1;
    }
    return FIRN_OK;
}

int
fi_graph_walk_prepare_pool(struct fi_graph_scratch *scratch, size_t limit, firn_error *err)
{
    DCHECK(limit > 0);
    return grow_u64(&scratch->pool.items, &scratch->pool.room, limit) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a search among vectors");
}

FI_GRAPH_SMALL int
fi_graph_walk_prepare(const struct fi_graph *graph, struct fi_graph_scratch *scratch, size_t limit,
                      firn_error *err)
{
    int rc = FIRN_OK;
    size_t chosen = (size_t)graph->link_width + 1;
    chosen = chosen > graph->parameters.m ? chosen : graph->parameters.m;
    DCHECK(limit > 0);
    limit = limit > DESCENT ? limit : DESCENT;
    FI_TRY(grow_visited(graph, scratch));
    FI_TRY(grow_u64(&scratch->pool.items, &scratch->pool.room, limit));
    FI_TRY(grow_u64(&scratch->chosen, &scratch->chosen_room, chosen));
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a search among vectors");
}

void
fi_graph_walk_begin(struct fi_graph_scratch *scratch, size_t limit)
{
    DCHECK(limit <= scratch->pool.room);
    for (size_t i = 0; i < scratch->touched_count; i++) {
        scratch->visited[scratch->touched[i]] = 0;
    }
    scratch->touched_count = 0;
    scratch->pool.count = 0;
    scratch->pool.next = 0;
    scratch->pool.limit = limit;
    scratch->batch_count = 0;
    if (scratch->left_out != 0) {
        const uint32_t node = scratch->left_out - 1;
        scratch->visited[node / 64] |= UINT64_C(1) << node % 64;
        scratch->touched[scratch->touched_count++] = node / 64; /* (I1) */
    }
}

/* Marks a node; false if it was marked. Without a branch, because none could be foreseen: about
 * half of the nodes that a walk meets were visited before. */
static inline bool
graph_walk_mark(uint64_t *visited, uint32_t *touched, size_t *touched_count, uint32_t node)
{
    uint64_t *word = &visited[node / 64];
    const uint64_t bits = *word;
    touched[*touched_count] = node / 64;
    *touched_count += bits == 0;
    *word = bits | UINT64_C(1) << node % 64;
    return (bits >> node % 64 & 1) == 0;
}

static inline bool
graph_walk_visit(struct fi_graph_scratch *scratch, uint32_t node)
{
    DCHECK(scratch->touched_count < scratch->touched_room); /* (I1) */
    return graph_walk_mark(scratch->visited, scratch->touched, &scratch->touched_count, node);
}

bool
fi_graph_walk_visit(struct fi_graph_scratch *scratch, uint32_t node)
{
    return graph_walk_visit(scratch, node);
}

/* ---- the pool ---- */

static inline void
pool_offer(struct fi_graph_pool *pool, uint64_t item)
{
    size_t low = 0;
    if (pool->count == pool->limit && item >= pool->items[pool->count - 1]) {
        return;
    }
    /* Without a branch, because none could be foreseen. */
    for (size_t left = pool->count; left > 0;) {
        const size_t half = (left + 1) / 2;
        low += half & -(size_t)(pool->items[low + half - 1] < item);
        left -= half;
    }
    size_t last = pool->count < pool->limit ? pool->count++ : pool->count - 1;
    memmove(&pool->items[low + 1], &pool->items[low], (last - low) * sizeof *pool->items);
    pool->items[low] = item;
    pool->next = low < pool->next ? low : pool->next;
}

/* ---- measuring ---- */

static void
release_pins(const struct fi_graph *graph, struct fi_graph_scratch *scratch)
{
    for (size_t i = 0; i < scratch->pin_count; i++) {
        fi_block_cache_unpin(graph->cache, &scratch->pins[i]);
    }
    scratch->pin_count = 0;
}

/* Reads the block of record i of an array. */
static int
graph_walk_fetch(const struct fi_graph *graph, const struct fi_graph_array *array, uint32_t i,
                 struct fi_block_pin *pin, const uint8_t **out, firn_error *err)
{
    const uint8_t *place;
    uint32_t block = fi_graph_array_block(array, i);
    int rc = fi_graph_read_block(graph, array, block, pin, &place, err);
    *out = rc == FIRN_OK ? place + (size_t)(i - block * array->per_block) * array->stride : NULL;
    return rc;
}

static inline void
graph_walk_prefetch(const uint8_t *record, size_t size)
{
    size = size > PREFETCHED_MAX ? PREFETCHED_MAX : size;
    for (size_t at = 0; at < size; at += CACHE_LINE) {
        __builtin_prefetch(record + at);
    }
}

/* The records of nodes; on their way from memory. */
static int
locate(const struct fi_graph *graph, struct fi_graph_scratch *scratch, const uint32_t *nodes,
       size_t count, const uint8_t **out, firn_error *err)
{
    DCHECK(scratch->pin_count == 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = fi_graph_array_at(&graph->codes, nodes[i]);
        if (out[i] != NULL) {
            graph_walk_prefetch(out[i], graph->codes.stride);
            continue;
        }
        struct fi_block_pin *pin = &scratch->pins[scratch->pin_count];
        *pin = (struct fi_block_pin){.data = NULL};
        FI_TRY_RETURN(graph_walk_fetch(graph, &graph->codes, nodes[i], pin, &out[i], err));
        scratch->pin_count += pin->data != NULL ? 1 : 0;
    }
    return FIRN_OK;
}

int
fi_graph_walk_measure(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                      const uint32_t *nodes, size_t count, firn_error *err)
{
    const uint8_t *records[FI_GRAPH_BATCH_MAX + 3];
    int rc = FIRN_OK;
    DCHECK(count <= FI_GRAPH_BATCH_MAX);
    if (count == 0) {
        return FIRN_OK;
    }
    FI_TRY(locate(graph, scratch, nodes, count, records, err));
    for (size_t i = count; i < count + 3; i++) {
        records[i] = records[count - 1];
    }
    for (size_t i = 0; i < count; i += 4) {
        float distances[4];
        size_t four = count - i < 4 ? count - i : 4;
        fi_graph_code_measure_four(graph, &scratch->query, &records[i], distances);
        for (size_t j = 0; j < four; j++) {
            pool_offer(&scratch->pool, fi_graph_item(distances[j], nodes[i + j]));
        }
    }
    scratch->evaluated += count;
out:
    release_pins(graph, scratch);
    return rc;
}

/* Where the records of four nodes lie; they are on their way from memory. The first is NULL if one
 * of them was not read. */
static inline void
locate_four(const struct fi_graph *graph, const uint32_t *nodes, size_t count,
            const uint8_t *out[4])
{
    for (size_t k = 0; k < 4; k++) {
        out[k] = fi_graph_array_at(&graph->codes, nodes[k < count ? k : 0]);
        if (out[k] != NULL) {
            graph_walk_prefetch(out[k], graph->codes.stride);
        } else {
            out[0] = NULL;
        }
    }
}

void
fi_graph_walk_offer_near(struct fi_graph_pool *pool, const float distances[4],
                         const uint32_t *nodes, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        pool_offer(pool, fi_graph_item(distances[k], nodes[k]));
    }
}

/* Measures nodes whose records lie side by side: those that are given, or, if that is NULL,
 * consecutive ones from `first` on. */
static __attribute__((noinline)) void
measure_side_by_side(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                     const uint8_t *records, size_t count, const uint32_t *nodes, uint32_t first)
{
    const size_t stride = graph->codes.stride;
    for (size_t i = 0; i < count; i += 4) {
        const size_t n = count - i < 4 ? count - i : 4;
        const uint8_t *four[4];
        uint32_t numbers[4];
        float distances[4];
        for (size_t k = 0; k < 4; k++) {
            four[k] = k < n ? records + k * stride : records;
            numbers[k] = first + (uint32_t)(i + k);
        }
        fi_graph_code_measure_four(graph, &scratch->query, four, distances);
        fi_graph_walk_offer(&scratch->pool, distances, nodes != NULL ? nodes + i : numbers, n);
        records += 4 * stride;
    }
    scratch->evaluated += count;
}

void
fi_graph_walk_measure_gathered(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                               const struct fi_graph_gathered *gathered)
{
    measure_side_by_side(graph, scratch, gathered->codes, gathered->count, gathered->nodes, 0);
}

void
fi_graph_walk_measure_run(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                          uint32_t first, const uint8_t *records, size_t count)
{
    measure_side_by_side(graph, scratch, records, count, NULL, first);
}

int
fi_graph_walk_measure_all(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                          const uint32_t *nodes, size_t count, firn_error *err)
{
    enum { LEAD = 4 }; /* fours that are on their way */
    const uint8_t *records[LEAD][4];
    const size_t fours = (count + 3) / 4;
    for (size_t i = 0; i < fours + LEAD; i++) {
        const uint8_t **four = records[i % LEAD];
        if (i >= LEAD) {
            const uint32_t *measured = nodes + 4 * (i - LEAD);
            const size_t n = count - 4 * (i - LEAD) < 4 ? count - 4 * (i - LEAD) : 4;
            float distances[4];
            if (four[0] == NULL) {
                FI_TRY_RETURN(fi_graph_walk_measure(graph, scratch, measured, n, err));
            } else {
                fi_graph_code_measure_four(graph, &scratch->query, four, distances);
                scratch->evaluated += n;
                fi_graph_walk_offer(&scratch->pool, distances, measured, n);
            }
        }
        if (i < fours) {
            locate_four(graph, nodes + 4 * i, count - 4 * i, four);
        }
    }
    return FIRN_OK;
}

/* Measures what was gathered. */
static int
measure_batch(const struct fi_graph *graph, struct fi_graph_scratch *scratch, firn_error *err)
{
    size_t count = scratch->batch_count;
    scratch->batch_count = 0;
    return fi_graph_walk_measure(graph, scratch, scratch->batch, count, err);
}

int
fi_graph_walk_enter(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t node,
                    firn_error *err)
{
    DCHECK(node < graph->count);
    return graph_walk_visit(scratch, node) ? fi_graph_walk_measure(graph, scratch, &node, 1, err)
                                           : FIRN_OK;
}

/* ---- links ---- */

static int
refuse_link(const struct fi_graph *graph, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': a link of a graph leads nowhere",
                        graph->reader == NULL ? "a graph" : fi_block_reader_path(graph->reader));
}

FI_GRAPH_SMALL uint32_t *
fi_graph_walk_upper_list(const struct fi_graph *graph, uint32_t node, uint32_t level)
{
    const uint32_t place = fi_graph_find_upper(graph, node);
    DCHECK(level > 0 && place < graph->upper_count &&
           graph->upper_starts[place + 1] - graph->upper_starts[place] >= level);
    return graph->upper_links +
           ((size_t)graph->upper_starts[place] + level - 1) * graph->parameters.m;
}

FI_GRAPH_SMALL uint32_t
fi_graph_walk_level_of(const struct fi_graph *graph, uint32_t node)
{
    uint32_t place = fi_graph_find_upper(graph, node);
    return place == graph->upper_count
               ? 0
               : graph->upper_starts[place + 1] - graph->upper_starts[place];
}

int
fi_graph_walk_links(const struct fi_graph *graph, uint32_t node, uint32_t level,
                    struct fi_block_pin *pin, const uint8_t **out, size_t *out_width,
                    firn_error *err)
{
    if (level == 0) {
        *out_width = graph->link_width;
        *out = fi_graph_array_at(&graph->links, node);
        return *out != NULL ? FIRN_OK : graph_walk_fetch(graph, &graph->links, node, pin, out, err);
    }
    uint32_t place = fi_graph_find_upper(graph, node);
    if (place == graph->upper_count ||
        graph->upper_starts[place + 1] - graph->upper_starts[place] < level) {
        return refuse_link(graph, err); /* (I2) */
    }
    size_t list = (size_t)graph->upper_starts[place] + level - 1;
    *out_width = graph->parameters.m;
    *out = (const uint8_t *)(graph->upper_links + list * graph->parameters.m);
    return FIRN_OK;
}

size_t
fi_graph_walk_first_twin(const struct fi_graph *graph, uint32_t node)
{
    size_t low = 0;
    size_t high = graph->twin_count;
    if (graph->twin_marks != NULL && (graph->twin_marks[node / 64] >> node % 64 & 1) == 0) {
        return graph->twin_count;
    }
    FI_SEARCH_FIRST(low, high, middle, graph->twin_nodes[middle] < node);
    return low;
}

bool
fi_graph_walk_is_allowed(const struct fi_graph *graph, const uint64_t *allowed, uint32_t node)
{
    uint32_t row = graph->rows_of == NULL ? node : graph->rows_of[node];
    bool is_allowed = (allowed[row / 64] >> row % 64 & 1) != 0;
    if (is_allowed || graph->twin_count == 0) {
        return is_allowed;
    }
    for (size_t i = fi_graph_walk_first_twin(graph, node);
         i < graph->twin_count && graph->twin_nodes[i] == node && !is_allowed; i++) {
        row = graph->twin_rows[i];
        is_allowed = (allowed[row / 64] >> row % 64 & 1) != 0;
    }
    return is_allowed;
}

/* Gathers the neighbours of a node that were not seen yet. */
static int
gather_all(const struct fi_graph *graph, struct fi_graph_scratch *scratch, const uint8_t *links,
           size_t width, firn_error *err)
{
    int rc = FIRN_OK;
    /* In variables, which no store to memory can change. */
    size_t touched_count = scratch->touched_count;
    size_t count = scratch->batch_count;
    for (size_t k = 0; k < width; k++) {
        uint32_t node = fi_graph_link(links, k);
        if (node == FI_GRAPH_NONE) {
            break;
        }
        if (node >= graph->count) {
            rc = refuse_link(graph, err); /* (I2) */
            break;
        }
        DCHECK(touched_count < scratch->touched_room); /* (I1) */
        scratch->batch[count] = node;
        count += graph_walk_mark(scratch->visited, scratch->touched, &touched_count, node);
        if (count == FI_GRAPH_BATCH_MAX) {
            scratch->batch_count = count;
            FI_TRY(measure_batch(graph, scratch, err));
            count = 0;
        }
    }
    scratch->batch_count = count;
out:
    scratch->touched_count = touched_count;
    return rc;
}

/* ---- walking ---- */

static void
prefetch_next(const struct fi_graph *graph, const struct fi_graph_scratch *scratch)
{
    const struct fi_graph_pool *pool = &scratch->pool;
    for (size_t i = pool->next; i < pool->count && i < pool->next + 4; i++) {
        if ((pool->items[i] & 1) == 0) {
            const uint8_t *links =
                fi_graph_array_at(&graph->links, fi_graph_item_node(pool->items[i]));
            if (links != NULL) {
                graph_walk_prefetch(links, 4 * (size_t)graph->link_width);
            }
            return;
        }
    }
}

static int
graph_walk_follow(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t node,
                  uint32_t level, firn_error *err)
{
    const uint8_t *links = NULL;
    size_t width = 0;
    int rc;
    FI_TRY(fi_graph_walk_links(graph, node, level, &scratch->link_pins[0], &links, &width, err));
    if (level == 0) {
        prefetch_next(graph, scratch);
    }
    FI_TRY(gather_all(graph, scratch, links, width, err));
    FI_TRY(measure_batch(graph, scratch, err));
    scratch->expanded++;
out:
    fi_block_cache_unpin(graph->cache, &scratch->link_pins[0]);
    return rc;
}

int
fi_graph_walk(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t level,
              uint64_t evaluated_max, firn_error *err)
{
    struct fi_graph_pool *pool = &scratch->pool;
    while (pool->next < pool->count && scratch->evaluated < evaluated_max) {
        uint64_t *item = &pool->items[pool->next++];
        if ((*item & 1) == 0) {
            *item |= 1;
            FI_TRY_RETURN(graph_walk_follow(graph, scratch, fi_graph_item_node(*item), level, err));
        }
    }
    return FIRN_OK;
}

int
fi_graph_walk_descend(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t from,
                      uint32_t level, firn_error *err)
{
    uint32_t node = graph->entry;
    DCHECK(graph->count > 0 && from <= graph->top_level);
    fi_graph_walk_begin(scratch, DESCENT);
    FI_TRY_RETURN(fi_graph_walk_enter(graph, scratch, node, err));
    for (uint32_t at = from; at > level; at--) {
        FI_TRY_RETURN(fi_graph_walk(graph, scratch, at, UINT64_MAX, err));
        for (size_t i = 0; i < scratch->pool.count; i++) {
            scratch->pool.items[i] &= ~UINT64_C(1);
        }
        scratch->pool.next = 0;
    }
    DCHECK(scratch->pool.count > 0 && scratch->pool.count <= DESCENT);
    return FIRN_OK;
}

/* ---- choosing neighbours ---- */

/* Whether one that was chosen is as near to the other query as `limit`. */
static bool
lies_behind(const struct fi_graph *graph, struct fi_graph_scratch *scratch, size_t chosen,
            float limit)
{
    const uint8_t *records[4];
    for (size_t i = 0; i < chosen; i += 4) {
        float distances[4];
        size_t four = chosen - i < 4 ? chosen - i : 4;
        for (size_t j = 0; j < 4; j++) {
            uint64_t item = scratch->chosen[i + (j < four ? j : 0)];
            records[j] = fi_graph_array_at(&graph->codes, fi_graph_item_node(item));
        }
        fi_graph_code_measure_four(graph, &scratch->other, records, distances);
        scratch->evaluated += four;
        for (size_t j = 0; j < four; j++) {
            if (distances[j] <= limit) {
                return true;
            }
        }
    }
    return false;
}

/* Requires: the graph is being built: all codes are in memory. */
int
fi_graph_walk_select(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                     const uint64_t *candidates, size_t count, size_t most, size_t *out_count,
                     firn_error *err)
{
    size_t chosen = *out_count;
    size_t others = 0;
    uint64_t kept[FI_GRAPH_M_MAX];
    if (grow_u64(&scratch->chosen, &scratch->chosen_room, most) != FIRN_OK) {
        return fi_error_no_memory(err, "a graph");
    }
    DCHECK(most <= (size_t)2 * FI_GRAPH_M_MAX && chosen <= most);
    for (size_t i = 0; i < count && chosen < most; i++) {
        const uint8_t *record = fi_graph_array_at(&graph->codes, fi_graph_item_node(candidates[i]));
        float own = fi_graph_item_distance(candidates[i]);
        fi_graph_code_query_of(graph, record, &scratch->other);
        if (i + 1 < count) {
            uint32_t next = fi_graph_item_node(candidates[i + 1]);
            graph_walk_prefetch(fi_graph_array_at(&graph->codes, next), graph->codes.stride);
        }
        if (!lies_behind(graph, scratch, chosen, own)) {
            scratch->chosen[chosen++] = candidates[i];
        } else if (others < FI_GRAPH_M_MAX) {
            kept[others++] = candidates[i];
        }
    }
    for (size_t i = 0; i < others && chosen < most; i++) {
        scratch->chosen[chosen++] = kept[i];
    }
    *out_count = chosen;
    return FIRN_OK;
}
