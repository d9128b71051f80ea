/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_merge.c: what a new graph takes over from an older one, whose run was compacted into
 * the new one's.
 *
 * Most vectors of the largest run that a compaction reads are in its output, too. Their nodes keep
 * their levels and their links, and only the others are searched for neighbours. Codes are made
 * anew: mean and scale are those of all vectors.
 *
 *   1. The vectors of the old graph's file are read. Fingerprints say which rows have the same
 *      vectors (match).
 *   2. If more than a fifth of the old nodes are gone, the rest has too many gaps, and nothing is
 *      kept (fi_graph_merge_keep).
 *   3. Each node that is kept gets the links of its old node (links). In place of each neighbour
 *      that is gone it gets one of the neighbours of that neighbour, chosen as in a plain build
 *      among those that are nearest (after Singh et al., "FreshDiskANN", 2021, where all are chosen
 *      together). So a link that leads far away, to another cluster, is replaced by another one.
 *   4. Nodes that no path leads to any more are inserted like those of new rows (graph_build.c,
 *      make_order).
 *
 * (I1) No two old nodes become one node, and a list that is taken over has each node once, not its
 *      own node, and only nodes of its level: whatever the old file says.
 *
 * The same rows and the same old graph make the same graph.
 *
 * Memory: a number of 4 bytes for each node and each old one.
 *
 * Failure: an old file that cannot be read, or makes no sense, is no failure. The caller builds
 * without it.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/search.h"
#include "codec/xxh3.h"

enum {
    GONE_PART = 5, /* of the old nodes: beyond it nothing is kept */
    NEAREST = 6    /* neighbours of one that is gone, of which one takes its place */
};

static int
note_damage(struct fi_graph_merge *merge, int rc)
{
    if (rc == FIRN_OK || rc == FIRN_NO_MEMORY) {
        return rc;
    }
    merge->is_damaged = true;
    fi_graph_merge_forget(merge);
    return FIRN_OK;
}

void
fi_graph_merge_forget(struct fi_graph_merge *merge)
{
    fi_free(merge->node_of);
    fi_free(merge->old_of);
    *merge = (struct fi_graph_merge){.is_damaged = merge->is_damaged};
}

/* ---- which nodes stay ---- */

static int
match_all(struct fi_graph_merge *merge, uint64_t seed,
          uint32_t (*find)(const void *ctx, const uint8_t *fingerprint), const void *ctx,
          firn_error *err)
{
    const struct fi_graph *old = merge->old;
    const struct fi_graph_array *array = &old->vectors;
    uint8_t fingerprint[FI_XXH3_WIDE_SIZE];
    uint32_t node = 0;
    for (uint32_t block = 0; block < array->blocks; block++) {
        struct fi_block_pin pin;
        int rc = fi_graph_read_pinned(old, array, block, FI_BLOCK_CACHE_SCAN, &pin, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        for (size_t at = 0; at < pin.size; at += array->stride) {
            fi_xxh3_wide(pin.data + at, array->stride, seed, fingerprint);
            merge->node_of[node++] = find(ctx, fingerprint);
        }
        fi_block_cache_unpin(old->cache, &pin);
    }
    CHECK(node == old->count);
    return FIRN_OK;
}

int
fi_graph_merge_match(struct fi_graph_merge *merge, uint64_t seed,
                     uint32_t (*find)(const void *ctx, const uint8_t *fingerprint), const void *ctx,
                     firn_error *err)
{
    if (merge->old == NULL) {
        return FIRN_OK;
    }
    merge->node_of = fi_alloc_array((size_t)merge->old->count + 1, sizeof *merge->node_of);
    int rc = merge->node_of == NULL ? FIRN_NO_MEMORY : match_all(merge, seed, find, ctx, err);
    return note_damage(merge, rc);
}

int
fi_graph_merge_keep(struct fi_graph_merge *merge, const struct fi_graph *graph)
{
    uint32_t kept = 0;
    if (merge->old == NULL) {
        return FIRN_OK;
    }
    merge->old_of = fi_alloc_array((size_t)graph->count + 1, sizeof *merge->old_of);
    if (merge->old_of == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(merge->old_of, 0xff, graph->count * sizeof *merge->old_of);
    for (uint32_t i = 0; i < merge->old->count; i++) {
        uint32_t row = merge->node_of[i];
        size_t low = 0;
        size_t high = graph->count;
        FI_SEARCH_FIRST(low, high, middle, graph->rows_of[middle] < row);
        bool is_new = low < graph->count && graph->rows_of[low] == row &&
                      merge->old_of[low] == FI_GRAPH_NONE; /* (I1) */
        merge->node_of[i] = is_new ? (uint32_t)low : FI_GRAPH_NONE;
        if (is_new) {
            merge->old_of[low] = i;
            kept++;
        }
    }
    if (kept == 0 || merge->old->count - kept > merge->old->count / GONE_PART) {
        fi_graph_merge_forget(merge);
    }
    return FIRN_OK;
}

/* ---- their links ---- */

/* The node that an old one's link leads to, if it stays and was not met before; else
 * FI_GRAPH_NONE. */
static uint32_t
take_link(const struct fi_graph_merge *merge, const struct fi_graph *graph,
          struct fi_graph_scratch *scratch, uint32_t link, uint32_t level)
{
    uint32_t node = merge->node_of[link];
    bool is_taken = node != FI_GRAPH_NONE &&
                    (level == 0 || fi_graph_walk_level_of(graph, node) >= level) &&
                    fi_graph_walk_visit(scratch, node); /* (I1) */
    return is_taken ? node : FI_GRAPH_NONE;
}

/* Measures the neighbours of a neighbour that is gone. */
static int
measure_beyond(const struct fi_graph_merge *merge, const struct fi_graph *graph,
               struct fi_graph_scratch *scratch, uint32_t gone, uint32_t level, firn_error *err)
{
    uint32_t nodes[FI_GRAPH_BATCH_MAX];
    const uint8_t *links;
    size_t width;
    size_t count = 0;
    int rc;
    FI_TRY(
        fi_graph_walk_links(merge->old, gone, level, &scratch->link_pins[1], &links, &width, err));
    for (size_t k = 0; k < width; k++) {
        uint32_t link = fi_graph_link(links, k);
        uint32_t node = link < merge->old->count ? take_link(merge, graph, scratch, link, level)
                                                 : FI_GRAPH_NONE;
        if (node != FI_GRAPH_NONE) {
            nodes[count++] = node;
        }
        if (count == FI_GRAPH_BATCH_MAX || k + 1 == width) {
            FI_TRY(fi_graph_walk_measure(graph, scratch, nodes, count, err));
            count = 0;
        }
    }
out:
    fi_block_cache_unpin(merge->old->cache, &scratch->link_pins[1]);
    return rc;
}

/* Adds to the chosen nodes one of the neighbours of a neighbour that is gone, if there is one. */
static int
graph_merge_replace(const struct fi_graph_merge *merge, const struct fi_graph *graph,
                    struct fi_graph_scratch *scratch, uint32_t gone, uint32_t level, size_t *count,
                    firn_error *err)
{
    struct fi_graph_pool *pool = &scratch->pool;
    pool->count = 0;
    pool->next = 0;
    pool->limit = pool->room < NEAREST ? pool->room : NEAREST;
    FI_TRY_RETURN(measure_beyond(merge, graph, scratch, gone, level, err));
    return fi_graph_walk_select(graph, scratch, pool->items, pool->count, *count + 1, count, err);
}

int
fi_graph_merge_links(const struct fi_graph_merge *merge, const struct fi_graph *graph,
                     struct fi_graph_scratch *scratch, uint32_t node, uint32_t level,
                     uint32_t *list, size_t *out_count, firn_error *err)
{
    uint32_t gone[2 * FI_GRAPH_M_MAX];
    size_t gone_count = 0;
    const uint8_t *links;
    size_t width;
    size_t count = 0;
    int rc;
    DCHECK(merge->old_of[node] != FI_GRAPH_NONE);
    FI_TRY(fi_graph_walk_links(merge->old, merge->old_of[node], level, &scratch->link_pins[0],
                               &links, &width, err));
    fi_graph_walk_begin(scratch, 1);
    (void)fi_graph_walk_visit(scratch, node);
    for (size_t k = 0; k < width; k++) {
        uint32_t link = fi_graph_link(links, k);
        if (link >= merge->old->count) {
            break;
        }
        uint32_t to = take_link(merge, graph, scratch, link, level);
        if (to != FI_GRAPH_NONE) {
            scratch->chosen[count] = fi_graph_item(0, to);
            list[count++] = to;
        } else if (merge->node_of[link] == FI_GRAPH_NONE) {
            gone[gone_count++] = link;
        }
    }
    const size_t kept = count;
    if (gone_count > 0) {
        fi_graph_code_query_of(graph, fi_graph_array_at(&graph->codes, node), &scratch->query);
    }
    for (size_t i = 0; i < gone_count; i++) {
        FI_TRY(graph_merge_replace(merge, graph, scratch, gone[i], level, &count, err));
    }
    for (size_t i = kept; i < count; i++) {
        list[i] = fi_graph_item_node(scratch->chosen[i]);
        DCHECK(list[i] != node && (i == 0 || list[i] != list[0])); /* (I1) */
    }
    *out_count = count;
out:
    fi_block_cache_unpin(merge->old->cache, &scratch->link_pins[0]);
    return rc;
}
