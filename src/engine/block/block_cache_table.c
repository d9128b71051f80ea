/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_table.c: finds the block of a file and offset. This is the writing side;
 * lookups are in block_cache_internal.h.
 *
 * Open addressing with linear probing, in one part for each shard. An entry holds the number of a
 * slot and 32 bits of the hash, so that a search hardly ever touches a slot other than the right
 * one. The parts have room for all slots at a load below a half, and a third more for blocks with
 * memory of their own.
 *
 * Entries are changed under the shard's mutex and read without it. A removed entry leaves no mark:
 * entries after it that belong in its place move up. A search that runs during such a move can miss
 * a block that is there; it is then repeated under the mutex, before anything is read from the
 * disk. A search cannot find a block that is not there, because it asks the slot itself, under a
 * pin.
 *
 * (I1) In each part at least one entry is 0, so that every search ends.
 * (I2) A slot has an entry exactly while it is visible, except between its claim and the removal
 *      by the thread that claimed it, and while it is being dropped under a pin. So a key may have
 *      two entries for an instant, one of which leads to a slot that cannot be pinned.
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
block_cache_table_load(const _Atomic uint64_t *entry)
{
    return atomic_load_explicit(entry, memory_order_relaxed);
}

/* Relaxed: a search acts on no entry before the slot's own word has confirmed it. */
static void
block_cache_table_store(_Atomic uint64_t *entry, uint64_t value)
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
    while (block_cache_table_load(&part[at]) != 0) {
        at = next_place(cache, at);
    }
    block_cache_table_store(&part[at], hash << 32 | (index + 1));
}

struct fi_block_cache_slot *
fi_block_cache_table_publish(struct fi_block_cache *cache, struct fi_block_cache_slot *slot)
{
    uint64_t hash = fi_block_cache_table_hash(slot->file, slot->offset);
    struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    uint32_t index = fi_block_cache_index_of(cache, slot);
    DCHECK(fi_block_cache_has_slot(cache, slot) && fi_block_cache_slot_is_owned(slot)); /* (I2) */
    fi_os_mutex_lock(&shard->mutex);
    struct fi_block_cache_slot *found =
        fi_block_cache_table_find(cache, hash, slot->file, slot->offset);
    if (found == NULL && shard->count + 1 < cache->part_size) { /* (I1) */
        atomic_store_explicit(&cache->owners[index], (uint32_t)slot->file, memory_order_relaxed);
        fi_block_cache_slot_publish(slot);
        insert_locked(cache, hash, index);
        shard->count++;
        found = slot;
    }
    fi_os_mutex_unlock(&shard->mutex);
    return found;
}

/* The place that the entry at `at` wants, which lies at or before it. */
static uint32_t
home_of(const struct fi_block_cache *cache, uint64_t entry)
{
    const struct fi_block_cache_slot *slot = cache->slots + (uint32_t)entry - 1;
    return place_of_hash(cache, fi_block_cache_table_hash(slot->file, slot->offset));
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
    for (uint64_t entry = block_cache_table_load(&part[at]); entry != 0;
         entry = block_cache_table_load(&part[at])) {
        uint32_t home = home_of(cache, entry);
        if (!is_on_the_way(next_place(cache, gap), home, next_place(cache, at))) {
            block_cache_table_store(&part[gap], entry);
            gap = at;
        }
        at = next_place(cache, at);
    }
    block_cache_table_store(&part[gap], 0);
}

void
fi_block_cache_table_remove(struct fi_block_cache *cache, struct fi_block_cache_slot *slot,
                            bool is_eviction)
{
    uint64_t hash = fi_block_cache_table_hash(slot->file, slot->offset);
    struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    uint64_t wanted = hash << 32 | (fi_block_cache_index_of(cache, slot) + 1);
    _Atomic uint64_t *part = part_of(cache, hash);
    DCHECK(fi_block_cache_slot_is_owned(slot) || fi_block_cache_slot_is_pinned(slot));
    fi_os_mutex_lock(&shard->mutex);
    uint32_t at = place_of_hash(cache, hash);
    while (block_cache_table_load(&part[at]) != wanted) {
        CHECK(block_cache_table_load(&part[at]) != 0); /* (I2) */
        at = next_place(cache, at);
    }
    DCHECK(shard->count > 0);
    close_gap_locked(cache, hash, at);
    shard->count--;
    shard->evictions += is_eviction;
    shard->hits_of_gone += atomic_load_explicit(&slot->hits, memory_order_relaxed);
    fi_os_mutex_unlock(&shard->mutex);
}
