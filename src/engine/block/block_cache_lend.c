/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_lend.c: memory of the budget that is lent while no block needs it.
 *
 * What is lent counts as used (block_cache_memory.c). A block that finds no room because of that is
 * not kept, and the loan is recalled. Once it is back, the cache keeps for itself
 * what it uses and a quarter of the budget more, so it recalls at most four loans while it grows to
 * all of its budget.
 *
 * Any thread. Nothing here fails: there is memory to lend or not.
 */
#include "block/block_cache_internal.h"

#include "base/check.h"

size_t
firn_block_cache_lend(struct firn_block_cache *cache, size_t wanted_bytes)
{
    firn_os_mutex_lock(&cache->memory.mutex);
    size_t lent = firn_block_cache_lend_bytes(cache);
    size_t own = atomic_load_explicit(&cache->memory.used_bytes, memory_order_relaxed) - lent;
    size_t kept = own > cache->memory.kept_bytes ? own : cache->memory.kept_bytes;
    size_t most = firn_block_cache_lend_is_recalled(cache) || cache->budget_bytes - kept < lent
                      ? lent
                      : cache->budget_bytes - kept;
    lent = wanted_bytes < most ? wanted_bytes : most;
    DCHECK(own + lent <= cache->budget_bytes); /* (I1) */
    atomic_store_explicit(&cache->memory.used_bytes, own + lent, memory_order_relaxed);
    atomic_store_explicit(&cache->memory.lent_bytes, lent, memory_order_relaxed);
    if (lent == 0 && firn_block_cache_lend_is_recalled(cache)) {
        kept = own + cache->budget_bytes / 4;
        cache->memory.kept_bytes = kept < cache->budget_bytes ? kept : cache->budget_bytes;
        atomic_store_explicit(&cache->memory.is_recalled, false, memory_order_relaxed);
    }
    firn_os_mutex_unlock(&cache->memory.mutex);
    return lent;
}

size_t
firn_block_cache_lend_bytes(const struct firn_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.lent_bytes, memory_order_relaxed);
}

bool
firn_block_cache_lend_is_recalled(const struct firn_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.is_recalled, memory_order_relaxed);
}
