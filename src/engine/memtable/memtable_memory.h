/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_memory.h: where a memtable has its entries and nodes from. The writer's.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_MEMORY_H
#define FIRN_MEMTABLE_MEMTABLE_MEMORY_H

#include "memtable/memtable_node.h"
#include "memtable/memtable_pool.h"

/* last_slot of a node that no insertion went to since it was made. */
#define FIRN_MEMTABLE_MEMORY_NO_SLOT UINT32_MAX

/* Gives all of it back. */
void firn_memtable_memory_deinit(struct firn_memtable *table);
/* Makes what the table holds known to firn_memtable_size_bytes; the other functions do so too. */
void firn_memtable_memory_publish_size(struct firn_memtable *table);
/* Makes table->room hold at least size bytes; FIRN_OK or FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_memtable_memory_reserve_room(struct firn_memtable *table, size_t size);
/* Makes sure of that many spare leaves or inner nodes; FIRN_OK or FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_memtable_memory_reserve_nodes(struct firn_memtable *table, bool is_leaf,
                                                       size_t count);
/* An empty node of that level, which was reserved. */
struct firn_memtable_node *firn_memtable_memory_take_node(struct firn_memtable *table,
                                                          uint32_t level);

#endif
