/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_pool.h: chunks of memory in large pages, from one memtable to the next.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_POOL_H
#define FIRN_MEMTABLE_MEMTABLE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "os/os_pages.h"
#include "threads/os_thread.h"

/* The chunks of all tables of a store that are not in use. Embedded; any thread. */
struct firn_memtable_pool {
    struct firn_os *os;
    struct firn_os_mutex mutex;
    struct firn_memtable_chunk *free; /* linked by next */
    size_t free_count;
    size_t free_max; /* chunks that the largest table given back had */
    atomic_bool is_low;
};

enum {
    FIRN_MEMTABLE_POOL_CHUNK_SIZE = FIRN_OS_PAGES_LARGE_SIZE,
    FIRN_MEMTABLE_POOL_AHEAD = 2 /* chunks that are to be there before they are needed */
};

/* At the beginning of its own memory. */
struct firn_memtable_chunk {
    struct firn_memtable_chunk *next;
    struct firn_os_pages pages;
};

void firn_memtable_pool_init(struct firn_memtable_pool *pool, struct firn_os *os);
/* No table uses it any more. */
void firn_memtable_pool_deinit(struct firn_memtable_pool *pool);
/* FIRN_MEMTABLE_POOL_CHUNK_SIZE bytes with a chunk's head at their beginning, and anything behind
 * it; NULL when memory is out. */
FIRN_MUST_CHECK struct firn_memtable_chunk *
firn_memtable_pool_take(struct firn_memtable_pool *pool);
/* Whether chunks were taken and few are left: time for somebody to fill the pool. */
static inline bool
firn_memtable_pool_is_low(const struct firn_memtable_pool *pool)
{
    return atomic_load_explicit(&pool->is_low, memory_order_relaxed);
}
/* Gets chunks ahead, with pages that were touched, so that who takes them need not wait for the
 * system to clear them. Without memory it does what it can. */
void firn_memtable_pool_fill(struct firn_memtable_pool *pool);
/* All chunks of a table, linked by next. */
void firn_memtable_pool_give(struct firn_memtable_pool *pool, struct firn_memtable_chunk *chunks);

#endif
