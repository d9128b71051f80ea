/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_cursor.c: walking the leaves in both directions beside a writer.
 *
 * A cursor remembers its leaf, the slot, and the leaf's version. While the version stands, a step
 * is a step in an array. When it does not, the leaf has changed, perhaps been split: the cursor
 * looks for its place again, behind or before the entry it stood on. That entry is still there,
 * because entries never go, so no older one can be missed.
 */
#include "base/check.h"
#include "memtable/memtable_search.h"

/* Entries lie in memory in the order they were added; those a few slots on are fetched while
 * this one is used. */
enum { PREFETCH_DISTANCE = 6 };

static void
settle(struct firn_memtable_cursor *cursor, const struct firn_memtable_position *position)
{
    DCHECK(position->entry == NULL || position->slot < FIRN_MEMTABLE_FANOUT);
    cursor->is_valid = position->entry != NULL;
    cursor->node = position->leaf;
    cursor->slot = position->slot;
    cursor->version = position->version;
    if (cursor->is_valid) {
        firn_memtable_decode(position->entry, &cursor->entry);
    }
}

static void
seek(struct firn_memtable_cursor *cursor, struct firn_memtable_probe probe)
{
    struct firn_memtable_position position;
    firn_memtable_seek(cursor->table, &probe, &position);
    settle(cursor, &position);
}

static void
seek_before(struct firn_memtable_cursor *cursor, struct firn_memtable_probe probe)
{
    struct firn_memtable_position position;
    firn_memtable_seek_before(cursor->table, &probe, &position);
    settle(cursor, &position);
}

void
firn_memtable_cursor_init(struct firn_memtable_cursor *cursor, const struct firn_memtable *table)
{
    *cursor = (struct firn_memtable_cursor){.table = table};
}

void
firn_memtable_cursor_seek(struct firn_memtable_cursor *cursor, firn_slice key, uint64_t sequence)
{
    seek(cursor, (struct firn_memtable_probe){.key = key, .sequence = sequence});
}

void
firn_memtable_cursor_seek_before(struct firn_memtable_cursor *cursor, firn_slice key,
                                 uint64_t sequence)
{
    seek_before(cursor, (struct firn_memtable_probe){.key = key, .sequence = sequence});
}

void
firn_memtable_cursor_first(struct firn_memtable_cursor *cursor)
{
    seek(cursor, (struct firn_memtable_probe){.side = -1});
}

void
firn_memtable_cursor_last(struct firn_memtable_cursor *cursor)
{
    seek_before(cursor, (struct firn_memtable_probe){.side = 1});
}

static void
prefetch_entry(const struct firn_memtable_node *leaf, size_t slot)
{
    __builtin_prefetch(firn_memtable_node_entry(leaf, slot));
}

void
firn_memtable_cursor_next(struct firn_memtable_cursor *cursor)
{
    DCHECK(cursor->is_valid);
    const struct firn_memtable_node *leaf = cursor->node;
    struct firn_memtable_position position = {
        .leaf = cursor->node, .slot = cursor->slot + 1, .version = cursor->version};
    bool is_known;
    if (position.slot < firn_memtable_node_count(leaf)) {
        position.entry = firn_memtable_node_entry(leaf, position.slot);
        is_known = firn_memtable_read_valid(leaf, cursor->version);
        if (position.slot + PREFETCH_DISTANCE < FIRN_MEMTABLE_FANOUT) {
            prefetch_entry(leaf, position.slot + PREFETCH_DISTANCE);
        }
    } else {
        is_known = firn_memtable_seek_next_leaf(leaf, cursor->version, &position);
        for (size_t i = 1; is_known && position.leaf != NULL && i <= PREFETCH_DISTANCE; i++) {
            prefetch_entry(position.leaf, i);
        }
    }
    if (is_known) {
        settle(cursor, &position);
        return;
    }
    seek(cursor, (struct firn_memtable_probe){.key = cursor->entry.key,
                                              .sequence = cursor->entry.sequence,
                                              .is_after = true});
}

void
firn_memtable_cursor_prev(struct firn_memtable_cursor *cursor)
{
    DCHECK(cursor->is_valid);
    const struct firn_memtable_node *leaf = cursor->node;
    struct firn_memtable_position position = {
        .leaf = cursor->node, .slot = cursor->slot, .version = cursor->version};
    bool is_known;
    if (position.slot > 0) {
        position.slot--;
        position.entry = firn_memtable_node_entry(leaf, position.slot);
        is_known = firn_memtable_read_valid(leaf, cursor->version);
        if (position.slot >= PREFETCH_DISTANCE) {
            prefetch_entry(leaf, position.slot - PREFETCH_DISTANCE);
        }
    } else {
        is_known = firn_memtable_seek_prev_leaf(leaf, cursor->version, &position);
    }
    if (is_known) {
        settle(cursor, &position);
        return;
    }
    seek_before(cursor, (struct firn_memtable_probe){.key = cursor->entry.key,
                                                     .sequence = cursor->entry.sequence});
}
