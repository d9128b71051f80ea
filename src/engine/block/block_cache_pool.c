/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_pool.c: what a thread reads blocks with: a decompression context and buffers.
 *
 * They are dear to make (zstd's context alone is some 100 KiB), so idle ones are kept: at most
 * KEPT_MAX, and of a buffer no more than KEPT_BUFFER_MAX. Any number of threads may read at once;
 * who finds none idle makes one.
 */
#include "block/block_cache_internal.h"

#include "base/check.h"
#include "base/mem.h"

enum { KEPT_MAX = 8, KEPT_BUFFER_MAX = 256 << 10 };

static void
destroy(struct firn_block_cache_scratch *scratch)
{
    firn_compress_destroy(scratch->compress);
    firn_buf_deinit(&scratch->stored);
    firn_buf_deinit(&scratch->raw);
    firn_free(scratch);
}

void
firn_block_cache_pool_init(struct firn_os *os, struct firn_block_cache_pool *pool)
{
    *pool = (struct firn_block_cache_pool){.first = NULL};
    firn_os_mutex_init(os, &pool->mutex, FIRN_LOCK_BLOCK_CACHE);
}

void
firn_block_cache_pool_deinit(struct firn_block_cache_pool *pool)
{
    while (pool->first != NULL) {
        struct firn_block_cache_scratch *scratch = pool->first;
        pool->first = scratch->next;
        destroy(scratch);
    }
    firn_os_mutex_deinit(&pool->mutex);
}

int
firn_block_cache_pool_take(struct firn_block_cache_pool *pool,
                           struct firn_block_cache_scratch **out, firn_error *err)
{
    firn_os_mutex_lock(&pool->mutex);
    struct firn_block_cache_scratch *scratch = pool->first;
    DCHECK((scratch != NULL) == (pool->count > 0));
    if (scratch != NULL) {
        pool->first = scratch->next;
        pool->count--;
    }
    firn_os_mutex_unlock(&pool->mutex);
    *out = scratch;
    if (scratch != NULL) {
        return FIRN_OK;
    }
    scratch = firn_alloc_zeroed(sizeof *scratch);
    if (scratch == NULL) {
        return firn_error_no_memory(err, "what a block is read with");
    }
    int rc = firn_compress_create(&scratch->compress, err);
    if (rc != FIRN_OK) {
        firn_free(scratch);
        return rc;
    }
    *out = scratch;
    return FIRN_OK;
}

static void
trim(struct firn_buf *buffer)
{
    if (buffer->capacity > KEPT_BUFFER_MAX) {
        firn_buf_deinit(buffer);
    }
}

void
firn_block_cache_pool_give(struct firn_block_cache_pool *pool,
                           struct firn_block_cache_scratch *scratch)
{
    trim(&scratch->stored);
    trim(&scratch->raw);
    firn_os_mutex_lock(&pool->mutex);
    DCHECK(pool->count <= KEPT_MAX && scratch != pool->first);
    bool is_kept = pool->count < KEPT_MAX;
    if (is_kept) {
        scratch->next = pool->first;
        pool->first = scratch;
        pool->count++;
    }
    firn_os_mutex_unlock(&pool->mutex);
    if (!is_kept) {
        destroy(scratch);
    }
}
