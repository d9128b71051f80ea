/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/memtable_pool.h: chunks of memory in large pages, from one memtable to the next.
 */
#ifndef FIRN_LSM_MEMTABLE_POOL_H
#define FIRN_LSM_MEMTABLE_POOL_H

#include <stddef.h>

#include "base/error.h"
#include "os/os_pages.h"
#include "os/os_thread.h"

/* The chunks of all tables of a store that are not in use. Embedded; any thread. */
struct firn_memtable_pool {
    struct firn_os *os;
    struct firn_os_mutex mutex;
    struct firn_memtable_chunk *free; /* linked by next */
    size_t free_count;
    size_t free_max; /* chunks that the largest table given back had */
};

enum { FIRN_MEMTABLE_POOL_CHUNK_SIZE = FIRN_OS_PAGES_LARGE_SIZE };

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
/* All chunks of a table, linked by next. */
void firn_memtable_pool_give(struct firn_memtable_pool *pool, struct firn_memtable_chunk *chunks);

#endif
