/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_path.h: the writer's way from the root to the place of an entry.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_PATH_H
#define FIRN_MEMTABLE_MEMTABLE_PATH_H

#include "memtable/memtable_search.h"

/* The writer's alone, like all of this. */
static inline struct firn_memtable_node *
firn_memtable_path_root(const struct firn_memtable *table)
{
    return atomic_load_explicit(&table->root, memory_order_relaxed);
}

/* The way to where an entry of that key and sequence lies or belongs. The table is not empty, and
 * the key begins as all others do. */
void firn_memtable_path_find(struct firn_memtable *table, const struct firn_memtable_probe *probe,
                             struct firn_memtable_path *out);

/* firn_memtable_prepare. */
void firn_memtable_path_prepare(struct firn_memtable *table, firn_slice key, uint64_t sequence);

#endif
