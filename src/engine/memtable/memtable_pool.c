/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_pool.c: chunks of memory for large memtables.
 *
 * A memtable under load has tens of megabytes, which are read and written at random, and is
 * replaced by an empty one twice a second. So its memory should be in large pages, which need few
 * address translations, and should not be returned to the system in between: the first touch of a
 * page costs more than everything done there afterwards. A flushed table gives its chunks to this
 * pool, and the next one takes them from it.
 *
 * If the pool is empty, a chunk comes from the system, which clears it when it is touched: half a
 * millisecond, and far more if a virtual machine has to get the memory first. So a background job
 * gets a few ahead (fill), as long as tables take more chunks than are given back.
 *
 * Apart from these, the pool keeps at most as many chunks as the largest recent table had: tables
 * in use and the pool together never have more than the tables had at their peak.
 *
 * A small table does not use the pool (memtable_memory.c).
 *
 * Locking: the mutex guards the list; memory is requested from the system without it.
 */
#include "memtable/memtable.h"

#include "base/check.h"

enum { PAGE_SIZE = 4096 /* or more; then some are touched more than once */ };

void
firn_memtable_pool_init(struct firn_memtable_pool *pool, struct firn_os *os)
{
    *pool = (struct firn_memtable_pool){.os = os};
    firn_os_mutex_init(os, &pool->mutex, FIRN_LOCK_LSM_MEMORY);
}

/* The head is in the memory that is freed. */
static void
release(struct firn_memtable_chunk *chunk)
{
    struct firn_os_pages pages = chunk->pages;
    firn_os_pages_unmap(&pages);
}

void
firn_memtable_pool_deinit(struct firn_memtable_pool *pool)
{
    while (pool->free != NULL) {
        struct firn_memtable_chunk *chunk = pool->free;
        pool->free = chunk->next;
        pool->free_count--;
        release(chunk);
    }
    DCHECK(pool->free_count == 0);
    firn_os_mutex_deinit(&pool->mutex);
}

static struct firn_memtable_chunk *
take_free(struct firn_memtable_pool *pool)
{
    firn_os_mutex_lock(&pool->mutex);
    struct firn_memtable_chunk *chunk = pool->free;
    DCHECK((chunk == NULL) == (pool->free_count == 0));
    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->free_count--;
    }
    if (pool->free_count < FIRN_MEMTABLE_POOL_AHEAD) {
        atomic_store_explicit(&pool->is_low, true, memory_order_relaxed);
    }
    firn_os_mutex_unlock(&pool->mutex);
    return chunk;
}

static struct firn_memtable_chunk *
make(struct firn_memtable_pool *pool)
{
    struct firn_os_pages pages;
    if (firn_os_pages_map(pool->os, FIRN_MEMTABLE_POOL_CHUNK_SIZE, &pages, NULL) != FIRN_OK) {
        return NULL;
    }
    (void)firn_os_pages_prefer_large(&pages);
    struct firn_memtable_chunk *chunk = (struct firn_memtable_chunk *)(void *)pages.data;
    chunk->pages = pages;
    return chunk;
}

struct firn_memtable_chunk *
firn_memtable_pool_take(struct firn_memtable_pool *pool)
{
    struct firn_memtable_chunk *chunk = take_free(pool);
    return chunk != NULL ? chunk : make(pool);
}

/* Whether there are fewer chunks than there should be. */
static bool
is_wanting(struct firn_memtable_pool *pool)
{
    firn_os_mutex_lock(&pool->mutex);
    bool is_low = pool->free_count < FIRN_MEMTABLE_POOL_AHEAD;
    atomic_store_explicit(&pool->is_low, false, memory_order_relaxed);
    firn_os_mutex_unlock(&pool->mutex);
    return is_low;
}

void
firn_memtable_pool_fill(struct firn_memtable_pool *pool)
{
    struct firn_memtable_chunk *chunk;
    while (is_wanting(pool) && (chunk = make(pool)) != NULL) {
        volatile uint8_t *memory = (uint8_t *)chunk;
        for (size_t at = sizeof *chunk; at < FIRN_MEMTABLE_POOL_CHUNK_SIZE; at += PAGE_SIZE) {
            memory[at] = 0;
        }
        firn_os_mutex_lock(&pool->mutex);
        chunk->next = pool->free;
        pool->free = chunk;
        pool->free_count++;
        firn_os_mutex_unlock(&pool->mutex);
    }
}

void
firn_memtable_pool_give(struct firn_memtable_pool *pool, struct firn_memtable_chunk *chunks)
{
    size_t count = 0;
    for (const struct firn_memtable_chunk *chunk = chunks; chunk != NULL; chunk = chunk->next) {
        count++;
    }
    firn_os_mutex_lock(&pool->mutex);
    pool->free_max = count > pool->free_max ? count : pool->free_max;
    while (chunks != NULL && pool->free_count < pool->free_max) {
        struct firn_memtable_chunk *next = chunks->next;
        chunks->next = pool->free;
        pool->free = chunks;
        pool->free_count++;
        chunks = next;
    }
    firn_os_mutex_unlock(&pool->mutex);
    while (chunks != NULL) {
        struct firn_memtable_chunk *next = chunks->next;
        release(chunks);
        chunks = next;
    }
}
