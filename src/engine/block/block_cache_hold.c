/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_hold.c: what stays in the cache for as long as a file is open.
 *
 * Who asks a file often wants its index, its filter and tables of its own at hand, without asking
 * the cache each time: it pins them when the file is opened. What is pinned cannot give way, so
 * pins of that kind are counted, and together they may have half of the budget: the other half is
 * left for what comes and goes. Who is refused pins for the time of an operation, as everybody
 * else.
 *
 * (I1) held_bytes <= budget_bytes / 2, always. It counts what its users mean to keep, not where
 *      that is: the memory itself is charged as it is taken (block_cache_memory.c).
 *
 * Memory that is taken here lies in a frame that is owned and never published: the table does not
 * know it and the clock passes it by.
 *
 * Any thread; no mutex but those of block_cache_memory.c. Nothing here fails: there is room or not.
 */
#include <string.h>

#include "block/block_cache_internal.h"

#include "base/check.h"

bool
firn_block_cache_hold(struct firn_block_cache *cache, size_t bytes)
{
    size_t most = cache->budget_bytes / 2;
    /* Relaxed: a count, by which nothing is published. */
    size_t held = atomic_load_explicit(&cache->held_bytes, memory_order_relaxed);
    DCHECK(held <= most); /* (I1) */
    do {
        if (bytes > most - held) { /* (I1) */
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&cache->held_bytes, &held, held + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void
firn_block_cache_hold_release(struct firn_block_cache *cache, size_t bytes)
{
    size_t held = atomic_fetch_sub_explicit(&cache->held_bytes, bytes, memory_order_relaxed);
    DCHECK(bytes <= held); /* else (I1) would hold no more for anybody */
}

bool
firn_block_cache_hold_take(struct firn_block_cache *cache, size_t size,
                           struct firn_block_memory *out)
{
    struct firn_block_cache_frame *frame = NULL;
    *out = (struct firn_block_memory){NULL, NULL};
    if (size <= FIRN_BLOCK_SIZE_MAX) {
        frame = firn_block_cache_memory_take(cache, (uint32_t)size);
    }
    if (frame == NULL) {
        return false;
    }
    memset(frame->data, 0, size);
    *out = (struct firn_block_memory){frame->data, frame};
    return true;
}

void
firn_block_cache_hold_give(struct firn_block_cache *cache, struct firn_block_memory *memory)
{
    if (memory->frame != NULL) {
        DCHECK(firn_block_cache_has_frame(cache, memory->frame));
        DCHECK(firn_block_cache_frame_is_owned(memory->frame));
        firn_block_cache_memory_give(cache, memory->frame);
    }
    *memory = (struct firn_block_memory){NULL, NULL};
}
