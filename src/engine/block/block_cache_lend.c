/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_lend.c: memory that goes between the cache and other uses.
 *
 * Two kinds, in opposite directions:
 *   The owner of the cache adds memory to its budget while it needs that for nothing else. Only
 *   blocks larger than a slot use it: slots have slabs for the budget alone, and a slab with one
 *   pinned slot could not be given back. When the owner takes the memory back, blocks are evicted
 *   at once; a pinned block is evicted after it was unpinned, when the next block needs room. The
 *   cache lends memory of its budget while no block needs it. Lent memory counts as used
 *   (block_cache_memory.c). A block that finds no room because of that is not kept, and the loan is
 *   recalled. Once it is back, the cache keeps for itself what it uses and a quarter of the budget
 *   more, so it recalls at most four loans while it grows to all of its budget. What was added is
 *   never lent.
 *
 * Any thread. Nothing here fails: there is memory or not.
 */
#include "block/block_cache_internal.h"

/* ==== what is added to the budget ==== */

void
fi_block_cache_lend_set_extra(struct fi_block_cache *cache, size_t bytes)
{
    DCHECK(bytes <= SIZE_MAX - cache->budget_bytes);
    fi_os_mutex_lock(&cache->memory.mutex);
    bool has_less = bytes < fi_block_cache_lend_extra_bytes(cache);
    atomic_store_explicit(&cache->memory.extra_bytes, bytes, memory_order_relaxed);
    fi_os_mutex_unlock(&cache->memory.mutex);
    if (has_less) {
        fi_block_cache_memory_shrink(cache);
    }
}

size_t
fi_block_cache_lend_extra_bytes(const struct fi_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.extra_bytes, memory_order_relaxed);
}

/* ==== what is lent ==== */

size_t
fi_block_cache_lend(struct fi_block_cache *cache, size_t wanted_bytes)
{
    fi_os_mutex_lock(&cache->memory.mutex);
    size_t lent = fi_block_cache_lend_bytes(cache);
    size_t own = atomic_load_explicit(&cache->memory.used_bytes, memory_order_relaxed) - lent;
    size_t kept = own > cache->memory.kept_bytes ? own : cache->memory.kept_bytes;
    size_t left = kept < cache->budget_bytes ? cache->budget_bytes - kept : 0;
    size_t most = fi_block_cache_lend_is_recalled(cache) || left < lent ? lent : left;
    DCHECK(most == lent || own + most <= cache->budget_bytes); /* no block has to give way */
    lent = wanted_bytes < most ? wanted_bytes : most;
    atomic_store_explicit(&cache->memory.used_bytes, own + lent, memory_order_relaxed);
    atomic_store_explicit(&cache->memory.lent_bytes, lent, memory_order_relaxed);
    if (lent == 0 && fi_block_cache_lend_is_recalled(cache)) {
        kept = own + cache->budget_bytes / 4;
        cache->memory.kept_bytes = kept < cache->budget_bytes ? kept : cache->budget_bytes;
        atomic_store_explicit(&cache->memory.is_recalled, false, memory_order_relaxed);
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    return lent;
}

size_t
fi_block_cache_lend_bytes(const struct fi_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.lent_bytes, memory_order_relaxed);
}

bool
fi_block_cache_lend_is_recalled(const struct fi_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.is_recalled, memory_order_relaxed);
}
