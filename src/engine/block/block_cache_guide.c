/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_guide.c: hits without the table.
 *
 * The table is large, so looking into it often waits for slow memory. A reader with an index of
 * blocks can keep a guide beside each block: the number of the slot in which it last saw the
 * block. A guide needs no care when blocks are evicted. A reader pins the slot, whatever it holds,
 * and then checks it, just as for an entry of the table (block_cache_internal.h). A wrong guide
 * costs one check.
 *
 * The place of the bytes follows from the number of the slot alone, so the slot and its bytes can
 * be prefetched together. That place is a hint too: the slab may have been given back, and
 * prefetching memory that is gone does nothing.
 *
 * (I1) A guide is 0 or the number of a slot that was there, plus one: slots are never unmade.
 *
 * Any thread; no mutex. Nothing here fails: a guide leads to the block or not.
 */
#include "block/block_cache_internal.h"

enum { LINE_SIZE = 64 };

bool
fi_block_cache_guide_follow(struct fi_block_cache *cache, const struct fi_block_guide *guide,
                            uint64_t file, const struct fi_block_ref *ref,
                            enum fi_block_cache_use use, struct fi_block_pin *out)
{
    /* Relaxed: the slot's own word says what it holds. */
    uint32_t place = atomic_load_explicit(&guide->place, memory_order_relaxed);
    uint64_t offset = ref->offset;
    uint32_t size = ref->raw_size;
    *out = (struct fi_block_pin){.data = NULL};
    if (place == 0) {
        return false;
    }
    struct fi_block_cache_slot *slot = cache->slots + place - 1;
    DCHECK(fi_block_cache_has_slot(cache, slot)); /* (I1) */
    if (!fi_block_cache_slot_pin(slot, file, offset)) {
        return false;
    }
    if (slot->size != size) { /* as in fi_block_cache_read */
        fi_block_cache_slot_unpin(slot);
        return false;
    }
    fi_block_cache_slot_touch(slot, fi_block_cache_used_max(use));
    fi_block_cache_fill_pin(slot, out);
    return true;
}

void
fi_block_cache_guide_note(const struct fi_block_cache *cache, const struct fi_block_pin *pin,
                          struct fi_block_guide *guide)
{
    const struct fi_block_cache_slot *slot = pin->slot;
    DCHECK(slot != NULL);
    if (!slot->is_beyond) {
        DCHECK(fi_block_cache_has_slot(cache, slot)); /* (I1) */
        DCHECK(fi_block_cache_slot_is_pinned(slot));
        atomic_store_explicit(&guide->place, fi_block_cache_index_of(cache, slot) + 1,
                              memory_order_relaxed);
    }
}

void
fi_block_cache_guide_prefetch(const struct fi_block_cache *cache,
                              const struct fi_block_guide *guide, size_t size)
{
    DCHECK(size <= FI_BLOCK_CACHE_SLOT_SIZE);
    uint32_t place = atomic_load_explicit(&guide->place, memory_order_relaxed);
    if (place == 0) {
        return;
    }
    uint32_t i = place - 1;
    DCHECK(i < cache->slot_count + cache->large_count); /* (I1) */
    __builtin_prefetch(cache->slots + i, 1);
    if (i < cache->slot_count) {
        const uint8_t *data = atomic_load_explicit(&cache->slabs[i / cache->slab_slots].last_data,
                                                   memory_order_relaxed);
        if (data != NULL) {
            data += (size_t)(i % cache->slab_slots) * FI_BLOCK_CACHE_SLOT_SIZE;
            for (size_t at = 0; at < size; at += LINE_SIZE) {
                __builtin_prefetch(data + at);
            }
        }
    }
}
