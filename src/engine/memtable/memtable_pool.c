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
fi_memtable_pool_init(struct fi_memtable_pool *pool, struct fi_os *os)
{
    *pool = (struct fi_memtable_pool){.os = os};
    fi_os_mutex_init(os, &pool->mutex, FI_LOCK_LSM_MEMORY);
}

/* The head is in the memory that is freed. */
static void
memtable_pool_release(struct fi_memtable_chunk *chunk)
{
    struct fi_os_pages pages = chunk->pages;
    fi_os_pages_unmap(&pages);
}

void
fi_memtable_pool_deinit(struct fi_memtable_pool *pool)
{
    while (pool->free != NULL) {
        struct fi_memtable_chunk *chunk = pool->free;
        pool->free = chunk->next;
        pool->free_count--;
        memtable_pool_release(chunk);
    }
    DCHECK(pool->free_count == 0);
    fi_os_mutex_deinit(&pool->mutex);
}

static struct fi_memtable_chunk *
take_free(struct fi_memtable_pool *pool)
{
    fi_os_mutex_lock(&pool->mutex);
    struct fi_memtable_chunk *chunk = pool->free;
    DCHECK((chunk == NULL) == (pool->free_count == 0));
    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->free_count--;
    }
    if (pool->free_count < FI_MEMTABLE_POOL_AHEAD) {
        atomic_store_explicit(&pool->is_low, true, memory_order_relaxed);
    }
    fi_os_mutex_unlock(&pool->mutex);
    return chunk;
}

static struct fi_memtable_chunk *
memtable_pool_make(struct fi_memtable_pool *pool)
{
    struct fi_os_pages pages;
    if (fi_os_pages_map(pool->os, FI_MEMTABLE_POOL_CHUNK_SIZE, &pages, NULL) != FIRN_OK) {
        return NULL;
    }
    (void)fi_os_pages_prefer_large(&pages);
    struct fi_memtable_chunk *chunk = (struct fi_memtable_chunk *)(void *)pages.data;
    chunk->pages = pages;
    return chunk;
}

struct fi_memtable_chunk *
fi_memtable_pool_take(struct fi_memtable_pool *pool)
{
    struct fi_memtable_chunk *chunk = take_free(pool);
    return chunk != NULL ? chunk : memtable_pool_make(pool);
}

/* Whether there are fewer chunks than there should be. */
static bool
is_wanting(struct fi_memtable_pool *pool)
{
    fi_os_mutex_lock(&pool->mutex);
    bool is_low = pool->free_count < FI_MEMTABLE_POOL_AHEAD;
    atomic_store_explicit(&pool->is_low, false, memory_order_relaxed);
    fi_os_mutex_unlock(&pool->mutex);
    return is_low;
}

void
fi_memtable_pool_fill(struct fi_memtable_pool *pool)
{
    struct fi_memtable_chunk *chunk;
    while (is_wanting(pool) && (chunk = memtable_pool_make(pool)) != NULL) {
        volatile uint8_t *memory = (uint8_t *)chunk;
        for (size_t at = sizeof *chunk; at < FI_MEMTABLE_POOL_CHUNK_SIZE; at += PAGE_SIZE) {
            memory[at] = 0;
        }
        fi_os_mutex_lock(&pool->mutex);
        chunk->next = pool->free;
        pool->free = chunk;
        pool->free_count++;
        fi_os_mutex_unlock(&pool->mutex);
    }
}

void
fi_memtable_pool_give(struct fi_memtable_pool *pool, struct fi_memtable_chunk *chunks)
{
    size_t count = 0;
    for (const struct fi_memtable_chunk *chunk = chunks; chunk != NULL; chunk = chunk->next) {
        count++;
    }
    fi_os_mutex_lock(&pool->mutex);
    pool->free_max = count > pool->free_max ? count : pool->free_max;
    while (chunks != NULL && pool->free_count < pool->free_max) {
        struct fi_memtable_chunk *next = chunks->next;
        chunks->next = pool->free;
        pool->free = chunks;
        pool->free_count++;
        chunks = next;
    }
    fi_os_mutex_unlock(&pool->mutex);
    while (chunks != NULL) {
        struct fi_memtable_chunk *next = chunks->next;
        memtable_pool_release(chunks);
        chunks = next;
    }
}
