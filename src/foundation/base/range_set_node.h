/* SPDX-License-Identifier: Apache-2.0
 *
 * base/range_set_node.h: the nodes that range_set.c makes and range_set_lookup.c reads. The essay is
 * in range_set.c.
 */
#ifndef FIRN_BASE_RANGE_SET_NODE_H
#define FIRN_BASE_RANGE_SET_NODE_H

#include "base/range_set.h"
#include "base/slice.h"

/* The keys in [first->lower, last->upper), all of them covered. */
struct firn_range_span {
    const struct firn_range *first;
    const struct firn_range *last;
};

/* Followed in memory by the range (level 0) or by the spans. */
struct firn_range_node {
    const struct firn_range_node *older;
    const struct firn_range_node *parts; /* the newest of them; NULL in level 0 */
    uint64_t sequence_min;
    uint64_t sequence_max;
    size_t span_count;
    uint32_t part_count;
    uint32_t level;
};

static inline const struct firn_range *
firn_range_of(const struct firn_range_node *node)
{
    return (const struct firn_range *)(const void *)(node + 1);
}

static inline struct firn_range_span
firn_range_span_at(const struct firn_range_node *node, size_t i)
{
    if (node->level == 0) {
        return (struct firn_range_span){firn_range_of(node), firn_range_of(node)};
    }
    return ((const struct firn_range_span *)(const void *)(node + 1))[i];
}

/* Nodes that follow one another: a chain, or the parts of a node. */
struct firn_range_row {
    const struct firn_range_node *newest;
    size_t count;
};

static inline const struct firn_range_node *
firn_range_pop(struct firn_range_row *row)
{
    const struct firn_range_node *node = row->count == 0 ? NULL : row->newest;
    if (node != NULL) {
        row->newest = node->older;
        row->count--;
    }
    return node;
}

#endif
