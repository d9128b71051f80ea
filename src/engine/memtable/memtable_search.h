/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_search.h: finding a slot inside one node. Inline, because descents of readers and of
 * the writer are made of little else.
 *
 * A node's heads are sorted, so the heads alone decide unless some are equal to the one looked for;
 * only then are keys compared. firn_memtable_heads_below is the kernel: it may be replaced by one
 * that compares many heads at once where the build need not see every access as an atomic one.
 *
 * A reader may run this over a node that a writer is changing. It then meets any mixture of old and
 * new fields: counts within the fan-out, entries that are whole or NULL. The result is nonsense
 * within bounds, and thrown away (I2).
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_SEARCH_H
#define FIRN_MEMTABLE_MEMTABLE_SEARCH_H

#include "memtable/memtable_node.h"

static inline uint64_t
firn_memtable_node_head(const struct firn_memtable_node *node, size_t slot)
{
    return atomic_load_explicit(&node->heads[slot], memory_order_relaxed);
}

/* How many of the first count heads are smaller than head. */
static inline size_t
firn_memtable_heads_below(const struct firn_memtable_node *node, size_t count, uint64_t head)
{
    size_t base = 0;
    size_t left = count;
    while (left > 1) {
        size_t half = left / 2;
        base += half & -(size_t)(firn_memtable_node_head(node, base + half - 1) < head);
        left -= half;
    }
    return base + (left == 1 && firn_memtable_node_head(node, base) < head);
}

/* Table order: keys by bytes, versions of a key newest first. */
static inline int
firn_memtable_compare(const uint8_t *entry, const struct firn_memtable_probe *probe)
{
    struct firn_entry decoded;
    firn_memtable_decode(entry, &decoded);
    int order = firn_slice_compare(decoded.key, probe->key);
    if (order != 0) {
        return order;
    }
    return (decoded.sequence < probe->sequence) - (decoded.sequence > probe->sequence);
}

/* How many entries lie before the probe's place, those equal to it counted where the probe
 * is_after. */
static inline size_t
firn_memtable_slot_of(const struct firn_memtable_node *node,
                      const struct firn_memtable_probe *probe)
{
    size_t count = firn_memtable_node_count(node);
    if (probe->side != 0) {
        return probe->side < 0 ? 0 : count;
    }
    size_t prefix_size = atomic_load_explicit(&node->prefix_size, memory_order_relaxed);
    uint64_t head = firn_memtable_head(probe->key, prefix_size);
    size_t low = firn_memtable_heads_below(node, count, head);
    size_t high = low;
    while (high < count && firn_memtable_node_head(node, high) == head) {
        high++;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const uint8_t *entry = firn_memtable_node_entry(node, middle);
        int order = entry == NULL ? 1 : firn_memtable_compare(entry, probe);
        if (order < 0 || (order == 0 && probe->is_after)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The child that leads to the probe's place: a separator equal to the probe belongs to the child
 * behind it. */
static inline size_t
firn_memtable_child_of(const struct firn_memtable_node *node,
                       const struct firn_memtable_probe *probe)
{
    struct firn_memtable_probe behind = *probe;
    behind.is_after = true;
    return firn_memtable_slot_of(node, &behind);
}

static inline struct firn_memtable_node *
firn_memtable_node_child(const struct firn_memtable_node *node, size_t slot)
{
    const struct firn_memtable_inner *inner = (const struct firn_memtable_inner *)node;
    /* Acquire pairs with the release store in set_child (memtable.c): the child's level is
     * there. */
    return atomic_load_explicit(&inner->children[slot], memory_order_acquire);
}

/* Starts fetching what a search in the node reads first. */
static inline void
firn_memtable_prefetch(const struct firn_memtable_node *node)
{
    const char *at = (const char *)node;
    for (size_t line = 0; line < 64 + sizeof node->heads; line += 64) {
        __builtin_prefetch(at + line);
    }
}

/* Where the key lies against what all keys of the table share: 0 is within. Read under the
 * root's version. */
static inline int
firn_memtable_side_of(const struct firn_memtable *table, firn_slice key)
{
    size_t size = atomic_load_explicit(&table->prefix_size, memory_order_relaxed);
    if (size == 0) {
        return 0;
    }
    /* Acquire pairs with the release store in add_first (memtable.c). */
    const uint8_t *prefix = atomic_load_explicit(&table->prefix, memory_order_acquire);
    if (prefix == NULL) {
        return 0;
    }
    size_t shared = key.size < size ? key.size : size;
    int order = shared == 0 ? 0 : memcmp(key.data, prefix, shared);
    return order != 0 ? order : (key.size < size ? -1 : 0);
}

#endif
