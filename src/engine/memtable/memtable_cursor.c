/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_cursor.c: walking the leaves in both directions, concurrently with a writer.
 *
 * A cursor remembers its leaf, the slot, and the leaf's version. While the version is unchanged, a
 * step is a step in an array. Otherwise the leaf has changed, perhaps been split: the cursor looks
 * for its place again, after or before the entry that it was on. That entry is still there, because
 * entries are never removed, so no older one can be missed.
 *
 * A descent (memtable.c has the structure and its invariants) holds the version of one node at a
 * time. It reads the child's version before it validates the parent's: if the child was split in
 * between, the parent was marked as changing before the child was (I4 of memtable.c), so the
 * validation fails and the descent starts again. The same holds sideways: a leaf's neighbour is
 * read, then the leaf is validated. A reader starts again only if a writer began or finished a
 * change in the very node that it was reading, so some thread always makes progress. Nothing here
 * writes.
 */
#include "base/check.h"
#include "memtable/memtable_internal.h"

/* ---- finding a position without locks ---- */

/* Goes down to the leaf of the probe's place, without searching the leaf. */
static bool
memtable_cursor_descend(const struct fi_memtable *table, struct fi_memtable_probe *probe,
                        struct fi_memtable_node **out, uint64_t *out_version)
{
    /* Acquire pairs with the release store in grow_root (memtable.c). */
    struct fi_memtable_node *node = atomic_load_explicit(&table->root, memory_order_acquire);
    uint64_t version = fi_memtable_read_begin(node);
    if (atomic_load_explicit(&table->root, memory_order_acquire) != node) {
        return false;
    }
    if (probe->side == 0) {
        probe->side = fi_memtable_side_of(table, probe->key);
    }
    while (node->level > 0) {
        size_t slot = fi_memtable_child_of(node, probe);
        struct fi_memtable_node *child = fi_memtable_node_child(node, slot);
        if (child == NULL) {
            return false;
        }
        fi_memtable_prefetch(child);
        uint64_t child_version = fi_memtable_read_begin(child);
        if (!fi_memtable_read_valid(node, version)) {
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

/* From a leaf that was read at `version`: the first entry of the next leaf, or the last entry of
 * the previous leaf. out->entry is NULL at the table's end. False if a writer interfered: then *out
 * is undefined. */
static bool
seek_next_leaf(const struct fi_memtable_node *leaf, uint64_t version,
               struct fi_memtable_position *out)
{
    DCHECK(leaf->level == 0);
    /* Acquire pairs with the release stores in link_leaf (memtable.c). */
    struct fi_memtable_node *next = atomic_load_explicit(&leaf->next, memory_order_acquire);
    out->leaf = next;
    out->slot = 0;
    out->entry = NULL;
    if (next == NULL) {
        return fi_memtable_read_valid(leaf, version);
    }
    out->version = fi_memtable_read_begin(next);
    if (!fi_memtable_read_valid(leaf, version)) {
        return false;
    }
    out->entry = fi_memtable_node_entry(next, 0);
    return fi_memtable_read_valid(next, out->version);
}

static bool
seek_prev_leaf(const struct fi_memtable_node *leaf, uint64_t version,
               struct fi_memtable_position *out)
{
    DCHECK(leaf->level == 0);
    struct fi_memtable_node *prev = atomic_load_explicit(&leaf->prev, memory_order_acquire);
    out->leaf = prev;
    out->slot = 0;
    out->entry = NULL;
    if (prev == NULL) {
        return fi_memtable_read_valid(leaf, version);
    }
    out->version = fi_memtable_read_begin(prev);
    if (!fi_memtable_read_valid(leaf, version)) {
        return false;
    }
    size_t count = fi_memtable_node_count(prev);
    if (count > 0) {
        out->slot = count - 1;
        out->entry = fi_memtable_node_entry(prev, count - 1);
    }
    return fi_memtable_read_valid(prev, out->version);
}

static bool
try_seek(const struct fi_memtable *table, struct fi_memtable_probe probe,
         struct fi_memtable_position *out)
{
    struct fi_memtable_node *leaf;
    if (!memtable_cursor_descend(table, &probe, &leaf, &out->version)) {
        return false;
    }
    out->leaf = leaf;
    out->slot = fi_memtable_slot_of(leaf, &probe);
    if (out->slot < fi_memtable_node_count(leaf)) {
        out->entry = fi_memtable_node_entry(leaf, out->slot);
        return fi_memtable_read_valid(leaf, out->version);
    }
    return seek_next_leaf(leaf, out->version, out);
}

static bool
try_seek_before(const struct fi_memtable *table, struct fi_memtable_probe probe,
                struct fi_memtable_position *out)
{
    struct fi_memtable_node *leaf;
    if (!memtable_cursor_descend(table, &probe, &leaf, &out->version)) {
        return false;
    }
    out->leaf = leaf;
    out->slot = fi_memtable_slot_of(leaf, &probe);
    if (out->slot > 0) {
        out->slot--;
        out->entry = fi_memtable_node_entry(leaf, out->slot);
        return fi_memtable_read_valid(leaf, out->version);
    }
    return seek_prev_leaf(leaf, out->version, out);
}

void
fi_memtable_cursor_place(const struct fi_memtable *table, const struct fi_memtable_probe *probe,
                         struct fi_memtable_position *out)
{
    while (!try_seek(table, *probe, out)) {
    }
}

static void
memtable_seek_before(const struct fi_memtable *table, const struct fi_memtable_probe *probe,
                     struct fi_memtable_position *out)
{
    while (!try_seek_before(table, *probe, out)) {
    }
}

/* ---- walking the leaves ---- */

/* Entries are in memory in the order in which they were added; the one a few slots further is
 * prefetched while this one is used. */
enum { PREFETCH_DISTANCE = 6 };

static void
memtable_cursor_show(struct fi_memtable_cursor *cursor, const struct fi_memtable_position *position)
{
    DCHECK(position->entry == NULL || position->slot < FI_MEMTABLE_FANOUT);
    cursor->is_valid = position->entry != NULL;
    cursor->node = position->leaf;
    cursor->slot = position->slot;
    cursor->version = position->version;
    if (cursor->is_valid) {
        fi_memtable_decode(position->entry, &cursor->entry);
    }
}

static void
memtable_cursor_seek(struct fi_memtable_cursor *cursor, struct fi_memtable_probe probe)
{
    struct fi_memtable_position position;
    fi_memtable_cursor_place(cursor->table, &probe, &position);
    memtable_cursor_show(cursor, &position);
}

static void
seek_before(struct fi_memtable_cursor *cursor, struct fi_memtable_probe probe)
{
    struct fi_memtable_position position;
    memtable_seek_before(cursor->table, &probe, &position);
    memtable_cursor_show(cursor, &position);
}

void
fi_memtable_cursor_init(struct fi_memtable_cursor *cursor, const struct fi_memtable *table)
{
    *cursor = (struct fi_memtable_cursor){.table = table};
}

void
fi_memtable_cursor_seek(struct fi_memtable_cursor *cursor, firn_slice key, uint64_t sequence)
{
    memtable_cursor_seek(cursor, (struct fi_memtable_probe){.key = key, .sequence = sequence});
}

void
fi_memtable_cursor_seek_before(struct fi_memtable_cursor *cursor, firn_slice key, uint64_t sequence)
{
    seek_before(cursor, (struct fi_memtable_probe){.key = key, .sequence = sequence});
}

void
fi_memtable_cursor_first(struct fi_memtable_cursor *cursor)
{
    memtable_cursor_seek(cursor, (struct fi_memtable_probe){.side = -1});
}

void
fi_memtable_cursor_last(struct fi_memtable_cursor *cursor)
{
    seek_before(cursor, (struct fi_memtable_probe){.side = 1});
}

static void
prefetch_entry(const struct fi_memtable_node *leaf, size_t slot)
{
    __builtin_prefetch(fi_memtable_node_entry(leaf, slot));
}

void
fi_memtable_cursor_next(struct fi_memtable_cursor *cursor)
{
    DCHECK(cursor->is_valid);
    const struct fi_memtable_node *leaf = cursor->node;
    struct fi_memtable_position position = {
        .leaf = cursor->node, .slot = cursor->slot + 1, .version = cursor->version};
    bool is_known;
    if (position.slot < fi_memtable_node_count(leaf)) {
        position.entry = fi_memtable_node_entry(leaf, position.slot);
        is_known = fi_memtable_read_valid(leaf, cursor->version);
        if (position.slot + PREFETCH_DISTANCE < FI_MEMTABLE_FANOUT) {
            prefetch_entry(leaf, position.slot + PREFETCH_DISTANCE);
        }
    } else {
        is_known = seek_next_leaf(leaf, cursor->version, &position);
        for (size_t i = 1; is_known && position.leaf != NULL && i <= PREFETCH_DISTANCE; i++) {
            prefetch_entry(position.leaf, i);
        }
    }
    if (is_known) {
        memtable_cursor_show(cursor, &position);
        return;
    }
    memtable_cursor_seek(cursor, (struct fi_memtable_probe){.key = cursor->entry.key,
                                                            .sequence = cursor->entry.sequence,
                                                            .is_after = true});
}

void
fi_memtable_cursor_prev(struct fi_memtable_cursor *cursor)
{
    DCHECK(cursor->is_valid);
    const struct fi_memtable_node *leaf = cursor->node;
    struct fi_memtable_position position = {
        .leaf = cursor->node, .slot = cursor->slot, .version = cursor->version};
    bool is_known;
    if (position.slot > 0) {
        position.slot--;
        position.entry = fi_memtable_node_entry(leaf, position.slot);
        is_known = fi_memtable_read_valid(leaf, cursor->version);
        if (position.slot >= PREFETCH_DISTANCE) {
            prefetch_entry(leaf, position.slot - PREFETCH_DISTANCE);
        }
    } else {
        is_known = seek_prev_leaf(leaf, cursor->version, &position);
    }
    if (is_known) {
        memtable_cursor_show(cursor, &position);
        return;
    }
    seek_before(cursor, (struct fi_memtable_probe){.key = cursor->entry.key,
                                                   .sequence = cursor->entry.sequence});
}
