/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_table.c: finds the block of a file and offset. This is the writing side;
 * lookups are in block_cache_internal.h.
 *
 * Open addressing with linear probing, in one part for each shard. An entry holds the number of a
 * frame and 32 bits of the hash, so that a search hardly ever touches a frame other than the right
 * one. The parts have room for all frames at a load below a half, and a third more for blocks with
 * memory of their own.
 *
 * Entries are changed under the shard's mutex and read without it. A removed entry leaves no mark:
 * entries after it that belong in its place move up. A search that runs during such a move can miss
 * a block that is there; it is then repeated under the mutex, before anything is read from the
 * disk. A search cannot find a block that is not there, because it asks the frame itself, under a
 * pin.
 *
 * (I1) In each part at least one entry is 0, so that every search ends.
 * (I2) A frame has an entry exactly while it is visible, except between its claim and the removal
 *      by the thread that claimed it, and while it is being dropped under a pin. So a key may have
 *      two entries for an instant, one of which leads to a frame that cannot be pinned.
 */
#include "block/block_cache_internal.h"

static uint32_t
next_place(const struct fi_block_cache *cache, uint32_t at)
{
    return at + 1 < cache->part_size ? at + 1 : 0;
}

static uint32_t
place_of_hash(const struct fi_block_cache *cache, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * cache->part_size) >> 32);
}

static _Atomic uint64_t *
part_of(const struct fi_block_cache *cache, uint64_t hash)
{
    return cache->entries + (hash & (cache->shard_count - 1)) * (uint64_t)cache->part_size;
}

static uint64_t
load(const _Atomic uint64_t *entry)
{
    return atomic_load_explicit(entry, memory_order_relaxed);
}

/* Relaxed: a search acts on no entry before the frame's own word has confirmed it. */
static void
store(_Atomic uint64_t *entry, uint64_t value)
{
    atomic_store_explicit(entry, value, memory_order_relaxed);
}

static void
insert_locked(struct fi_block_cache *cache, uint64_t hash, uint32_t index)
{
    _Atomic uint64_t *part = part_of(cache, hash);
    uint32_t at = place_of_hash(cache, hash);
    const struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    fi_os_mutex_assert_held(&shard->mutex);
    DCHECK(shard->count + 1 < cache->part_size); /* (I1) */
    while (load(&part[at]) != 0) {
        at = next_place(cache, at);
    }
    store(&part[at], hash << 32 | (index + 1));
}

struct fi_block_cache_frame *
fi_block_cache_table_publish(struct fi_block_cache *cache, struct fi_block_cache_frame *frame)
{
    uint64_t hash = fi_block_cache_table_hash(frame->file, frame->offset);
    struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    uint32_t index = fi_block_cache_index_of(cache, frame);
    DCHECK(fi_block_cache_has_frame(cache, frame) &&
           fi_block_cache_frame_is_owned(frame)); /* (I2) */
    fi_os_mutex_lock(&shard->mutex);
    struct fi_block_cache_frame *found =
        fi_block_cache_table_find(cache, hash, frame->file, frame->offset);
    if (found == NULL && shard->count + 1 < cache->part_size) { /* (I1) */
        atomic_store_explicit(&cache->owners[index], (uint32_t)frame->file, memory_order_relaxed);
        fi_block_cache_frame_publish(frame);
        insert_locked(cache, hash, index);
        shard->count++;
        found = frame;
    }
    fi_os_mutex_unlock(&shard->mutex);
    return found;
}

/* The place that the entry at `at` wants, which lies at or before it. */
static uint32_t
home_of(const struct fi_block_cache *cache, uint64_t entry)
{
    const struct fi_block_cache_frame *frame = cache->frames + (uint32_t)entry - 1;
    return place_of_hash(cache, fi_block_cache_table_hash(frame->file, frame->offset));
}

/* Whether going on from `from` one comes to `to` before `end`. */
static bool
is_on_the_way(uint32_t from, uint32_t to, uint32_t end)
{
    return from <= end ? from <= to && to < end : to >= from || to < end;
}

/* Closes the gap at `gap`: an entry after it whose home does not lie between moves up. */
static void
close_gap_locked(const struct fi_block_cache *cache, uint64_t hash, uint32_t gap)
{
    _Atomic uint64_t *part = part_of(cache, hash);
    uint32_t at = next_place(cache, gap);
    fi_os_mutex_assert_held(&fi_block_cache_table_shard(cache, hash)->mutex);
    for (uint64_t entry = load(&part[at]); entry != 0; entry = load(&part[at])) {
        uint32_t home = home_of(cache, entry);
        if (!is_on_the_way(next_place(cache, gap), home, next_place(cache, at))) {
            store(&part[gap], entry);
            gap = at;
        }
        at = next_place(cache, at);
    }
    store(&part[gap], 0);
}

void
fi_block_cache_table_remove(struct fi_block_cache *cache, struct fi_block_cache_frame *frame,
                            bool is_eviction)
{
    uint64_t hash = fi_block_cache_table_hash(frame->file, frame->offset);
    struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    uint64_t wanted = hash << 32 | (fi_block_cache_index_of(cache, frame) + 1);
    _Atomic uint64_t *part = part_of(cache, hash);
    DCHECK(fi_block_cache_frame_is_owned(frame) || fi_block_cache_frame_is_pinned(frame));
    fi_os_mutex_lock(&shard->mutex);
    uint32_t at = place_of_hash(cache, hash);
    while (load(&part[at]) != wanted) {
        CHECK(load(&part[at]) != 0); /* (I2) */
        at = next_place(cache, at);
    }
    DCHECK(shard->count > 0);
    close_gap_locked(cache, hash, at);
    shard->count--;
    shard->evictions += is_eviction;
    shard->hits_of_gone += atomic_load_explicit(&frame->hits, memory_order_relaxed);
    fi_os_mutex_unlock(&shard->mutex);
}
