/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_seek.c: how readers find a position without locks. The structure and its invariants
 * are in memtable.c.
 *
 * A descent holds the version of one node at a time. It reads the child's version before it
 * confirms the parent's: if the child was split in between, the parent was marked as changing
 * before the child was (I4), so the confirmation fails and the descent starts again. The same holds
 * sideways: a leaf's neighbour is read, then the leaf confirmed.
 *
 * A reader starts again only when a writer finished or began a change in exactly the node it was
 * reading, so some thread always makes progress. Nothing here writes.
 */
#include "base/check.h"
#include "memtable/memtable_search.h"

/* Goes down to the leaf of the probe's place; the leaf has not been searched yet. */
static bool
descend(const struct firn_memtable *table, struct firn_memtable_probe *probe,
        struct firn_memtable_node **out, uint64_t *out_version)
{
    /* Acquire pairs with the release store in grow_root (memtable.c). */
    struct firn_memtable_node *node = atomic_load_explicit(&table->root, memory_order_acquire);
    uint64_t version = firn_memtable_read_begin(node);
    if (atomic_load_explicit(&table->root, memory_order_acquire) != node) {
        return false;
    }
    if (probe->side == 0) {
        probe->side = firn_memtable_side_of(table, probe->key);
    }
    while (node->level > 0) {
        size_t slot = firn_memtable_child_of(node, probe);
        struct firn_memtable_node *child = firn_memtable_node_child(node, slot);
        if (child == NULL) {
            return false;
        }
        firn_memtable_prefetch(child);
        uint64_t child_version = firn_memtable_read_begin(child);
        if (!firn_memtable_read_valid(node, version)) {
            return false;
        }
        DCHECK(child->level + 1 == node->level);
        node = child;
        version = child_version;
    }
    *out = node;
    *out_version = version;
    return true;
}

bool
firn_memtable_seek_next_leaf(const struct firn_memtable_node *leaf, uint64_t version,
                             struct firn_memtable_position *out)
{
    DCHECK(leaf->level == 0);
    /* Acquire pairs with the release stores in link_leaf (memtable.c). */
    struct firn_memtable_node *next = atomic_load_explicit(&leaf->next, memory_order_acquire);
    out->leaf = next;
    out->slot = 0;
    out->entry = NULL;
    if (next == NULL) {
        return firn_memtable_read_valid(leaf, version);
    }
    out->version = firn_memtable_read_begin(next);
    if (!firn_memtable_read_valid(leaf, version)) {
        return false;
    }
    out->entry = firn_memtable_node_entry(next, 0);
    return firn_memtable_read_valid(next, out->version);
}

bool
firn_memtable_seek_prev_leaf(const struct firn_memtable_node *leaf, uint64_t version,
                             struct firn_memtable_position *out)
{
    DCHECK(leaf->level == 0);
    struct firn_memtable_node *prev = atomic_load_explicit(&leaf->prev, memory_order_acquire);
    out->leaf = prev;
    out->slot = 0;
    out->entry = NULL;
    if (prev == NULL) {
        return firn_memtable_read_valid(leaf, version);
    }
    out->version = firn_memtable_read_begin(prev);
    if (!firn_memtable_read_valid(leaf, version)) {
        return false;
    }
    size_t count = firn_memtable_node_count(prev);
    if (count > 0) {
        out->slot = count - 1;
        out->entry = firn_memtable_node_entry(prev, count - 1);
    }
    return firn_memtable_read_valid(prev, out->version);
}

static bool
try_seek(const struct firn_memtable *table, struct firn_memtable_probe probe,
         struct firn_memtable_position *out)
{
    struct firn_memtable_node *leaf;
    if (!descend(table, &probe, &leaf, &out->version)) {
        return false;
    }
    out->leaf = leaf;
    out->slot = firn_memtable_slot_of(leaf, &probe);
    if (out->slot < firn_memtable_node_count(leaf)) {
        out->entry = firn_memtable_node_entry(leaf, out->slot);
        return firn_memtable_read_valid(leaf, out->version);
    }
    return firn_memtable_seek_next_leaf(leaf, out->version, out);
}

static bool
try_seek_before(const struct firn_memtable *table, struct firn_memtable_probe probe,
                struct firn_memtable_position *out)
{
    struct firn_memtable_node *leaf;
    if (!descend(table, &probe, &leaf, &out->version)) {
        return false;
    }
    out->leaf = leaf;
    out->slot = firn_memtable_slot_of(leaf, &probe);
    if (out->slot > 0) {
        out->slot--;
        out->entry = firn_memtable_node_entry(leaf, out->slot);
        return firn_memtable_read_valid(leaf, out->version);
    }
    return firn_memtable_seek_prev_leaf(leaf, out->version, out);
}

void
firn_memtable_seek(const struct firn_memtable *table, const struct firn_memtable_probe *probe,
                   struct firn_memtable_position *out)
{
    while (!try_seek(table, *probe, out)) {
    }
}

void
firn_memtable_seek_before(const struct firn_memtable *table,
                          const struct firn_memtable_probe *probe,
                          struct firn_memtable_position *out)
{
    while (!try_seek_before(table, *probe, out)) {
    }
}
