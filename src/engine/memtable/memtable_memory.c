/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_memory.c: blocks for entries and slabs of nodes.
 *
 * Both grow with the table, so that a small table is small, and thousands of trees with a few
 * entries each fit into little memory: blocks from 128 bytes to 1 MiB, slabs from one node to 64.
 * An empty table has neither: its root is a leaf that all empty tables share. A table whose entries
 * fit into its root needs no spare nodes. Nothing is freed before the table is (I1 in memtable.c).
 * A table that has grown to CHUNKS_FROM takes the memory for both from chunks in large pages, if it
 * has a pool (memtable_pool.c); pieces that are too large for that are still allocated separately.
 *
 * Entries are cut from a room. When the room is too small for the next entry, the larger of its
 * rest and the rest of the room before is kept, so that a large entry does not waste the rest of a
 * new block. Nodes are aligned to cache lines, and are in lists of spares until they are taken.
 * Taking a reserved node cannot fail.
 *
 * Only for the writer, except for size_bytes, which any thread may read.
 */
#include "memtable/memtable_internal.h"

#include "base/check.h"

enum {
    CACHE_LINE = 64,
    BLOCK_SIZE_MIN = 128,
    BLOCK_SIZE_MAX = 1 << 20,
    SLAB_NODES_MAX = 64,
    CHUNKS_FROM = 8 << 20,
    BLOCK_IN_CHUNKS = 64 << 10,
    IN_CHUNKS_MAX = 256 << 10 /* limits the loss at a chunk's end, if the next piece does not fit */
};

static size_t
room_left(const struct fi_memtable_room *room)
{
    DCHECK(room->at <= room->end);
    return (size_t)(room->end - room->at);
}

/* The rest of a chunk does not count: it holds nothing yet, and the table's size should not grow in
 * such steps. */
void
fi_memtable_memory_publish_size(struct fi_memtable *table)
{
    DCHECK(table->chunk_bytes >= room_left(&table->rest));
    atomic_store_explicit(&table->size_bytes,
                          sizeof *table + table->blocks.total_bytes + table->chunk_bytes -
                              room_left(&table->rest) + fi_range_set_size_bytes(&table->ranges) +
                              fi_memtable_filter_size_bytes(table),
                          memory_order_relaxed);
}

static bool
add_chunk(struct fi_memtable *table)
{
    struct fi_memtable_chunk *chunk = fi_memtable_pool_take(table->pool);
    if (chunk == NULL) {
        return false;
    }
    chunk->next = table->chunks;
    table->chunks = chunk;
    table->chunk_bytes += FI_MEMTABLE_POOL_CHUNK_SIZE;
    uint8_t *memory = (uint8_t *)chunk;
    size_t head = (sizeof *chunk + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    table->rest = (struct fi_memtable_room){memory + head, memory + FI_MEMTABLE_POOL_CHUNK_SIZE};
    return true;
}

/* Memory that begins at a cache line. */
static uint8_t *
memtable_memory_allocate(struct fi_memtable *table, size_t size)
{
    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    if (table->pool == NULL || size > IN_CHUNKS_MAX || table->blocks.total_bytes < CHUNKS_FROM) {
        uint8_t *memory = fi_arena_alloc(&table->blocks, size + CACHE_LINE);
        return memory == NULL ? NULL : memory + (-(uintptr_t)memory & (CACHE_LINE - 1));
    }
    if (room_left(&table->rest) < size && !add_chunk(table)) {
        return NULL;
    }
    uint8_t *memory = table->rest.at;
    CHECK(size <= room_left(&table->rest));
    DCHECK(((uintptr_t)memory & (CACHE_LINE - 1)) == 0);
    table->rest.at += size;
    return memory;
}

void
fi_memtable_memory_deinit(struct fi_memtable *table)
{
    DCHECK(table->chunks == NULL || table->pool != NULL);
    if (table->chunks != NULL) {
        fi_memtable_pool_give(table->pool, table->chunks);
    }
    fi_arena_deinit(&table->blocks);
}

static void
swap_rooms(struct fi_memtable *table)
{
    struct fi_memtable_room room = table->room;
    table->room = table->other_room;
    table->other_room = room;
}

/* Makes the current room hold at least size bytes. The larger of the rests of rooms is kept. */
int
fi_memtable_memory_reserve_room(struct fi_memtable *table, size_t size)
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
    if (table->pool != NULL && table->blocks.total_bytes >= CHUNKS_FROM) {
        block = BLOCK_IN_CHUNKS;
    }
    block = block < size ? size : block;
    uint8_t *memory = memtable_memory_allocate(table, block);
    if (memory == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (room_left(&table->room) > room_left(&table->other_room)) {
        swap_rooms(table);
    }
    table->room = (struct fi_memtable_room){memory, memory + block};
    DCHECK(room_left(&table->room) >= size);
    fi_memtable_memory_publish_size(table);
    return FIRN_OK;
}

static size_t
node_size(bool is_leaf)
{
    size_t size = is_leaf ? sizeof(struct fi_memtable_node) : sizeof(struct fi_memtable_inner);
    return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static void
push_spare(struct fi_memtable *table, struct fi_memtable_node *node, bool is_leaf)
{
    struct fi_memtable_node **list = is_leaf ? &table->spare_leaves : &table->spare_inners;
    atomic_init(&node->next, *list);
    *list = node;
    *(is_leaf ? &table->spare_leaf_count : &table->spare_inner_count) += 1;
}

int
fi_memtable_memory_reserve_nodes(struct fi_memtable *table, bool is_leaf, size_t count)
{
    const size_t *spares = is_leaf ? &table->spare_leaf_count : &table->spare_inner_count;
    if (*spares >= count) {
        return FIRN_OK;
    }
    size_t wanted = is_leaf ? table->node_count / 4 : 1;
    wanted = wanted > SLAB_NODES_MAX ? SLAB_NODES_MAX : wanted;
    wanted = wanted < count - *spares ? count - *spares : wanted;
    size_t size = node_size(is_leaf);
    uint8_t *slab = memtable_memory_allocate(table, wanted * size);
    if (slab == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(slab, 0, wanted * size);
    for (size_t i = 0; i < wanted; i++) {
        push_spare(table, (struct fi_memtable_node *)(void *)(slab + i * size), is_leaf);
    }
    DCHECK(*spares >= count);
    table->node_count += wanted;
    fi_memtable_memory_publish_size(table);
    return FIRN_OK;
}

struct fi_memtable_prepared *
fi_memtable_memory_take_prepared(struct fi_memtable *table)
{
    size_t size = FI_MEMTABLE_PREPARED * sizeof(struct fi_memtable_prepared);
    uint8_t *memory = memtable_memory_allocate(table, size);
    if (memory != NULL) {
        memset(memory, 0, size);
        fi_memtable_memory_publish_size(table);
    }
    return (struct fi_memtable_prepared *)(void *)memory;
}

/* Cannot fail: reserved before. */
struct fi_memtable_node *
fi_memtable_memory_take_node(struct fi_memtable *table, uint32_t level)
{
    bool is_leaf = level == 0;
    struct fi_memtable_node **list = is_leaf ? &table->spare_leaves : &table->spare_inners;
    struct fi_memtable_node *node = *list;
    CHECK(node != NULL);
    DCHECK((is_leaf ? table->spare_leaf_count : table->spare_inner_count) > 0);
    DCHECK(level < FI_MEMTABLE_HEIGHT_MAX);
    *list = atomic_load_explicit(&node->next, memory_order_relaxed);
    *(is_leaf ? &table->spare_leaf_count : &table->spare_inner_count) -= 1;
    atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    node->level = level;
    node->last_slot = FI_MEMTABLE_MEMORY_NO_SLOT;
    return node;
}
