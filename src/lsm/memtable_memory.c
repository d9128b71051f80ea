/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/memtable_memory.c: blocks for entries and slabs of nodes.
 *
 * Both grow with the table, so that a small table is small: blocks from 4 KiB to 1 MiB, slabs from
 * one node to 64. Nothing is given back before the table goes (I1 in memtable.c).
 *
 * Entries are cut from a room; when it is too small for the next one, the larger of what is left of
 * it and of the room before is kept, so that a large entry does not cost a fresh block its rest.
 * Nodes lie at cache lines, in lists of spares until they are taken. What was reserved is taken
 * without fail.
 *
 * The writer's alone, but for size_bytes, which any thread reads.
 */
#include "lsm/memtable_memory.h"

#include "base/check.h"

enum { CACHE_LINE = 64, BLOCK_SIZE_MIN = 4 << 10, BLOCK_SIZE_MAX = 1 << 20, SLAB_NODES_MAX = 64 };

void
firn_memtable_memory_publish_size(struct firn_memtable *table)
{
    atomic_store_explicit(&table->size_bytes,
                          sizeof *table + table->blocks.total_bytes +
                              firn_range_set_size_bytes(&table->ranges),
                          memory_order_relaxed);
}

static size_t
room_left(const struct firn_memtable_room *room)
{
    return (size_t)(room->end - room->at);
}

static void
swap_rooms(struct firn_memtable *table)
{
    struct firn_memtable_room room = table->room;
    table->room = table->other_room;
    table->other_room = room;
}

/* Makes the current room hold at least size bytes. Of the rooms left over the larger one is
 * kept. */
int
firn_memtable_memory_reserve_room(struct firn_memtable *table, size_t size)
{
    if (room_left(&table->room) >= size) {
        return FIRN_OK;
    }
    if (room_left(&table->other_room) >= size) {
        swap_rooms(table);
        return FIRN_OK;
    }
    size_t block = table->blocks.total_bytes / 4;
    block = block < BLOCK_SIZE_MIN ? BLOCK_SIZE_MIN : block;
    block = block > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : block;
    block = block < size ? size : block;
    uint8_t *memory = firn_arena_alloc(&table->blocks, block);
    if (memory == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (room_left(&table->room) > room_left(&table->other_room)) {
        swap_rooms(table);
    }
    table->room = (struct firn_memtable_room){memory, memory + block};
    firn_memtable_memory_publish_size(table);
    return FIRN_OK;
}

static size_t
node_size(bool is_leaf)
{
    size_t size = is_leaf ? sizeof(struct firn_memtable_node) : sizeof(struct firn_memtable_inner);
    return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static void
push_spare(struct firn_memtable *table, struct firn_memtable_node *node, bool is_leaf)
{
    struct firn_memtable_node **list = is_leaf ? &table->spare_leaves : &table->spare_inners;
    atomic_init(&node->next, *list);
    *list = node;
    *(is_leaf ? &table->spare_leaf_count : &table->spare_inner_count) += 1;
}

int
firn_memtable_memory_reserve_nodes(struct firn_memtable *table, bool is_leaf, size_t count)
{
    const size_t *spares = is_leaf ? &table->spare_leaf_count : &table->spare_inner_count;
    if (*spares >= count) {
        return FIRN_OK;
    }
    size_t wanted = is_leaf ? table->node_count / 4 : 1;
    wanted = wanted > SLAB_NODES_MAX ? SLAB_NODES_MAX : wanted;
    wanted = wanted < count - *spares ? count - *spares : wanted;
    size_t size = node_size(is_leaf);
    uint8_t *slab = firn_arena_alloc(&table->blocks, wanted * size + CACHE_LINE);
    if (slab == NULL) {
        return FIRN_NO_MEMORY;
    }
    slab += -(uintptr_t)slab & (CACHE_LINE - 1);
    memset(slab, 0, wanted * size);
    for (size_t i = 0; i < wanted; i++) {
        push_spare(table, (struct firn_memtable_node *)(void *)(slab + i * size), is_leaf);
    }
    table->node_count += wanted;
    firn_memtable_memory_publish_size(table);
    return FIRN_OK;
}

/* Cannot fail: reserved before. */
struct firn_memtable_node *
firn_memtable_memory_take_node(struct firn_memtable *table, uint32_t level)
{
    bool is_leaf = level == 0;
    struct firn_memtable_node **list = is_leaf ? &table->spare_leaves : &table->spare_inners;
    struct firn_memtable_node *node = *list;
    CHECK(node != NULL);
    *list = atomic_load_explicit(&node->next, memory_order_relaxed);
    *(is_leaf ? &table->spare_leaf_count : &table->spare_inner_count) -= 1;
    atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    node->level = level;
    node->last_slot = FIRN_MEMTABLE_MEMORY_NO_SLOT;
    return node;
}
