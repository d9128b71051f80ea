/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_guide.c: hits without the table.
 *
 * The table is large, so looking into it often waits for slow memory. A reader with an index of
 * blocks can keep a guide beside each block: the number of the frame in which it last saw the
 * block. A guide needs no care when blocks are evicted. A reader pins the frame, whatever it holds,
 * and then checks it, just as for an entry of the table (block_cache_internal.h). A wrong guide
 * costs one check.
 *
 * The place of the bytes follows from the number of the frame alone, so the frame and its bytes can
 * be prefetched together. That place is a hint too: the slab may have been given back, and
 * prefetching memory that is gone does nothing.
 *
 * (I1) A guide is 0 or the number of a frame that was there, plus one: frames are never unmade.
 *
 * Any thread; no mutex. Nothing here fails: a guide leads to the block or not.
 */
#include "block/block_cache_internal.h"

enum {
    LINE_SIZE = 64,
    LINES = 4 /* of a block: where a search in it begins */
};

bool
fi_block_cache_guide_follow(struct fi_block_cache *cache, const struct fi_block_guide *guide,
                            uint64_t file, const struct fi_block_ref *ref,
                            enum fi_block_cache_use use, struct fi_block_pin *out)
{
    /* Relaxed: the frame's own word says what it holds. */
    uint32_t place = atomic_load_explicit(&guide->place, memory_order_relaxed);
    uint64_t offset = ref->offset;
    uint32_t size = ref->raw_size;
    *out = (struct fi_block_pin){.data = NULL};
    if (place == 0) {
        return false;
    }
    struct fi_block_cache_frame *frame = cache->frames + place - 1;
    DCHECK(fi_block_cache_has_frame(cache, frame)); /* (I1) */
    if (!fi_block_cache_frame_pin(frame, file, offset)) {
        return false;
    }
    if (frame->size != size) { /* as in fi_block_cache_read */
        fi_block_cache_frame_unpin(frame);
        return false;
    }
    fi_block_cache_frame_touch(frame, fi_block_cache_used_max(use));
    fi_block_cache_fill_pin(frame, out);
    return true;
}

void
fi_block_cache_guide_note(const struct fi_block_cache *cache, const struct fi_block_pin *pin,
                          struct fi_block_guide *guide)
{
    const struct fi_block_cache_frame *frame = pin->frame;
    DCHECK(frame != NULL);
    if (!frame->is_beyond) {
        DCHECK(fi_block_cache_has_frame(cache, frame)); /* (I1) */
        DCHECK(fi_block_cache_frame_is_pinned(frame));
        atomic_store_explicit(&guide->place, fi_block_cache_index_of(cache, frame) + 1,
                              memory_order_relaxed);
    }
}

void
fi_block_cache_guide_prefetch(const struct fi_block_cache *cache,
                              const struct fi_block_guide *guide)
{
    uint32_t place = atomic_load_explicit(&guide->place, memory_order_relaxed);
    if (place == 0) {
        return;
    }
    uint32_t i = place - 1;
    DCHECK(i < cache->frame_count + cache->large_count); /* (I1) */
    __builtin_prefetch(cache->frames + i, 1);
    if (i < cache->frame_count) {
        const uint8_t *data = atomic_load_explicit(&cache->slabs[i / cache->slab_frames].last_data,
                                                   memory_order_relaxed);
        if (data != NULL) {
            data += (size_t)(i % cache->slab_frames) * FI_BLOCK_CACHE_FRAME_SIZE;
            for (unsigned line = 0; line < LINES; line++) {
                __builtin_prefetch(data + (size_t)line * LINE_SIZE);
            }
        }
    }
}
