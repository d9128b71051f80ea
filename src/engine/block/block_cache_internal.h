/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_internal.h: what the files block_cache*.c share.
 *
 * All mutexes here have one rank, so that no two are ever held at once; none is held during I/O or
 * while memory is allocated.
 *
 * A slot of the cache, and its states:
 *
 *            publish                claim
 *   owned ------------> visible ------------> owned
 *     |                    | abandon            ^
 *     | give back          v           claim    |
 *   free                 dropped ---------------+
 *
 * An owned slot belongs to one thread, which alone reads and writes its fields. A visible slot can
 * be pinned, and then its fields do not change until it is unpinned. A dropped slot can no longer
 * be pinned, and a thread that finds that its last pin is gone may claim it.
 *
 * The word `state` contains all of this: the number of pins, the two bits, and a version that each
 * publication advances, so that a claim fails if the slot was reused since it was looked at.
 *
 * (I1) A pin is taken by adding to the word, whatever the slot contains, and checked afterwards:
 *      what was visible at that instant stays. Otherwise the pin is taken back. So the count of an
 *      owned slot may be above 0 for an instant, and every change of the bits leaves the count
 *      alone.
 * (I2) Fields except state, used and hits are written only by the owner, and read only by the owner
 *      or under a pin.
 *
 * Synchronization: a publication (release) pairs with the pin that sees its bit (acquire), so that
 * the fields are seen; the last unpin (release) pairs with the claim (acquire), so that no thread
 * still reads what the owner overwrites. Pins and unpins in between are read-modify-writes and
 * continue both chains.
 */
#ifndef FIRN_BLOCK_BLOCK_CACHE_INTERNAL_H
#define FIRN_BLOCK_BLOCK_CACHE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/mem.h"
#include "block/block_cache.h"
#include "os/os_pages.h"
#include "threads/os_thread.h"

#define FI_BLOCK_CACHE_SLOT_PIN UINT64_C(1)
#define FI_BLOCK_CACHE_SLOT_PINS UINT64_C(0xffffffff)
#define FI_BLOCK_CACHE_SLOT_VISIBLE (UINT64_C(1) << 32)
#define FI_BLOCK_CACHE_SLOT_DROPPED (UINT64_C(1) << 33)
#define FI_BLOCK_CACHE_SLOT_VERSION (UINT64_C(1) << 34)

struct fi_block_cache_slot {
    _Alignas(64) _Atomic uint64_t state;
    uint64_t file;
    uint64_t offset;
    uint8_t *data;
    void *memory;          /* what data lies in, of a slot whose memory is its own; else NULL */
    _Atomic uint64_t hits; /* since the publication; threads that hit at once may count as one */
    uint32_t size;
    uint32_t next_free;
    _Atomic uint8_t used;  /* rounds of the clock that it may stay without a hit */
    bool is_beyond;        /* not the cache's: goes with its only pin */
    _Atomic uint32_t note; /* fi_block_cache_note */
};

/* Neither visible nor dropped: one thread's, or free. Others may pin it for an instant (I1). */
static inline bool
fi_block_cache_slot_is_owned(const struct fi_block_cache_slot *slot)
{
    return !(atomic_load_explicit(&slot->state, memory_order_relaxed) &
             (FI_BLOCK_CACHE_SLOT_VISIBLE | FI_BLOCK_CACHE_SLOT_DROPPED));
}

static inline bool
fi_block_cache_slot_is_pinned(const struct fi_block_cache_slot *slot)
{
    return (atomic_load_explicit(&slot->state, memory_order_relaxed) & FI_BLOCK_CACHE_SLOT_PINS) !=
           0;
}

/* Pins what the slot holds if that is this block; one atomic operation where it is. */
static inline bool
fi_block_cache_slot_pin(struct fi_block_cache_slot *slot, uint64_t file, uint64_t offset)
{
    /* Acquire: pairs with publish. */
    uint64_t before =
        atomic_fetch_add_explicit(&slot->state, FI_BLOCK_CACHE_SLOT_PIN, memory_order_acquire);
    DCHECK((before & FI_BLOCK_CACHE_SLOT_PINS) != FI_BLOCK_CACHE_SLOT_PINS);
    if ((before & FI_BLOCK_CACHE_SLOT_VISIBLE) && slot->file == file && slot->offset == offset) {
        return true;
    }
    /* Release: the fields were read above; pairs with claim. */
    atomic_fetch_sub_explicit(&slot->state, FI_BLOCK_CACHE_SLOT_PIN, memory_order_release);
    return false;
}

static inline void
fi_block_cache_slot_unpin(struct fi_block_cache_slot *slot)
{
    /* Release: what was read under the pin; pairs with claim. */
    uint64_t before =
        atomic_fetch_sub_explicit(&slot->state, FI_BLOCK_CACHE_SLOT_PIN, memory_order_release);
    DCHECK((before & FI_BLOCK_CACHE_SLOT_PINS) > 0); /* (I1) */
}

/* Makes what the owner wrote visible, and keeps one pin. */
static inline void
fi_block_cache_slot_publish(struct fi_block_cache_slot *slot)
{
    DCHECK(fi_block_cache_slot_is_owned(slot)); /* (I2) */
    /* Release: the fields; pairs with pin. */
    atomic_fetch_add_explicit(&slot->state,
                              FI_BLOCK_CACHE_SLOT_VERSION + FI_BLOCK_CACHE_SLOT_VISIBLE +
                                  FI_BLOCK_CACHE_SLOT_PIN,
                              memory_order_release);
}

enum fi_block_cache_claim {
    FI_BLOCK_CACHE_CLAIM_NONE,    /* it is pinned, free, or another's */
    FI_BLOCK_CACHE_CLAIM_VISIBLE, /* the caller's now; its entry is still in the table */
    FI_BLOCK_CACHE_CLAIM_DROPPED  /* the caller's now; the table does not know it */
};

/* Takes an unpinned slot for the caller. */
static inline enum fi_block_cache_claim
fi_block_cache_slot_claim(struct fi_block_cache_slot *slot)
{
    const uint64_t bits = FI_BLOCK_CACHE_SLOT_VISIBLE | FI_BLOCK_CACHE_SLOT_DROPPED;
    uint64_t seen = atomic_load_explicit(&slot->state, memory_order_relaxed);
    if (!(seen & bits) || (seen & FI_BLOCK_CACHE_SLOT_PINS)) {
        return FI_BLOCK_CACHE_CLAIM_NONE;
    }
    /* Acquire: pairs with unpin. */
    if (!atomic_compare_exchange_strong_explicit(&slot->state, &seen, seen & ~bits,
                                                 memory_order_acquire, memory_order_relaxed)) {
        return FI_BLOCK_CACHE_CLAIM_NONE;
    }
    return seen & FI_BLOCK_CACHE_SLOT_VISIBLE ? FI_BLOCK_CACHE_CLAIM_VISIBLE
                                              : FI_BLOCK_CACHE_CLAIM_DROPPED;
}

/* Turns the caller's pin on a visible slot into ownership where it is the only one, else into
 * "dropped", which leaves the slot to the thread that claims it when the others have gone. Whether
 * the caller owns it. The table must not know it any more. */
static inline bool
fi_block_cache_slot_abandon(struct fi_block_cache_slot *slot)
{
    uint64_t seen = atomic_load_explicit(&slot->state, memory_order_relaxed);
    uint64_t wanted;
    bool is_mine;
    DCHECK((seen & FI_BLOCK_CACHE_SLOT_VISIBLE) && (seen & FI_BLOCK_CACHE_SLOT_PINS));
    do {
        is_mine = (seen & FI_BLOCK_CACHE_SLOT_PINS) == FI_BLOCK_CACHE_SLOT_PIN;
        wanted = (seen & ~FI_BLOCK_CACHE_SLOT_VISIBLE) - FI_BLOCK_CACHE_SLOT_PIN;
        wanted |= is_mine ? 0 : FI_BLOCK_CACHE_SLOT_DROPPED;
        /* Acquire: where it becomes the caller's, as claim. Release: as unpin. */
    } while (!atomic_compare_exchange_weak_explicit(&slot->state, &seen, wanted,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return is_mine;
}

/* Counts a hit, and lets the slot stay for one more round of the clock, up to used_max. Under a
 * pin. */
static inline void
fi_block_cache_slot_touch(struct fi_block_cache_slot *slot, uint8_t used_max)
{
    DCHECK(fi_block_cache_slot_is_pinned(slot));
    /* Relaxed, load and store apart: a lost count does no harm, and the line is this thread's
     * already, since the pin was written to it. */
    uint64_t hits = atomic_load_explicit(&slot->hits, memory_order_relaxed);
    atomic_store_explicit(&slot->hits, hits + 1, memory_order_relaxed);
    uint8_t used = atomic_load_explicit(&slot->used, memory_order_relaxed);
    if (used < used_max) {
        atomic_store_explicit(&slot->used, (uint8_t)(used + 1), memory_order_relaxed);
    }
}

/* Directly before the data of a slot that has memory of its own: counts the users of that
 * memory. */
struct fi_block_lease {
    _Atomic size_t refs;  /* the slot's, and one for each lease */
    size_t counted_bytes; /* by each lease; 0: the cache does not keep it */
    void *memory;
};
enum { FI_BLOCK_CACHE_ALIGNMENT = 64 };
/* What the memory of such a slot has beyond the data. */
enum { FI_BLOCK_CACHE_LEASE_SIZE = sizeof(struct fi_block_lease) + FI_BLOCK_CACHE_ALIGNMENT - 1 };

static inline struct fi_block_lease *
fi_block_cache_lease_of(const struct fi_block_cache_slot *slot)
{
    DCHECK(slot->memory != NULL);
    return (struct fi_block_lease *)(void *)(slot->data - sizeof(struct fi_block_lease));
}

/* Places the data of a slot in its new memory, from `at` on. */
static inline void
fi_block_cache_place(struct fi_block_cache_slot *slot, void *memory, uint8_t *at,
                     size_t counted_bytes)
{
    at += sizeof(struct fi_block_lease);
    slot->memory = memory;
    slot->data = at + (0 - (uintptr_t)at) % FI_BLOCK_CACHE_ALIGNMENT;
    struct fi_block_lease *lease = fi_block_cache_lease_of(slot);
    atomic_init(&lease->refs, 1);
    lease->counted_bytes = counted_bytes;
    lease->memory = memory;
}

/* Gives a share of the memory up. */
static inline void
fi_block_cache_lease_unref(struct fi_block_lease *lease)
{
    /* Release: what was read; acquire: what others read before the memory goes. */
    if (atomic_fetch_sub_explicit(&lease->refs, 1, memory_order_acq_rel) == 1) {
        fi_free(lease->memory);
    }
}

/* What one thread reads a block with. */
struct fi_block_cache_scratch {
    struct fi_compress *compress;
    struct fi_buf stored;
    struct fi_buf raw;
    struct fi_block_cache_scratch *next;
};

/* Idle ones. */
struct fi_block_cache_pool {
    struct fi_os_mutex mutex;
    struct fi_block_cache_scratch *first;
    unsigned count;
};

/* The writing side of a part of the table; entries themselves lie in cache->entries. */
struct fi_block_cache_shard {
    _Alignas(64) struct fi_os_mutex mutex;
    uint64_t count; /* of entries */
    uint64_t misses;
    uint64_t evictions;
    uint64_t hits_of_gone; /* of slots that were evicted or dropped */
};

/* Memory for cache->slab_slots slots. */
struct fi_block_cache_slab {
    struct fi_os_pages pages;
    uint32_t first_free; /* index of a slot + 1 */
    uint32_t free_count;
    bool is_changing;     /* being taken or given back: not for others */
    atomic_bool is_taken; /* written under memory.mutex; the clock reads it as a hint */
    /* Where its memory was last: for prefetching, which may be of what is gone. */
    _Atomic(const uint8_t *) last_data;
};

/* How fast a clock goes: see block_cache_memory.c. */
struct fi_block_cache_pace {
    _Atomic uint64_t looked;        /* at so many blocks, lately */
    _Atomic uint64_t evicted_bytes; /* since memory of the other kind was looked at */
};

struct fi_block_cache {
    /* What a hit reads, in one cache line that no thread writes.
     *
     * The table: shard_count parts of part_size entries: tag << 32 | index of a slot + 1, or 0.
     * An entry lies at the place its hash names or after it, with no 0 between; see
     * block_cache_table.c. */
    _Atomic uint64_t *entries;
    uint32_t part_size;
    uint32_t shard_count; /* a power of two; 0 where nothing is kept */
    /* First slot_count that lie in slabs, then large_count with memory of their own. */
    struct fi_block_cache_slot *slots;
    struct fi_block_cache_shard *shards;
    struct fi_block_cache_slab *slabs;
    /* Of each slot the lower half of its file's number: what drop_file looks through. */
    _Atomic uint32_t *owners;
    struct fi_os *os;
    size_t budget_bytes;

    struct fi_os_pages pages; /* this struct and all tables */
    uint32_t slot_count;
    uint32_t large_count;
    uint32_t slab_count;
    uint32_t slab_slots;
    struct fi_block_cache_pace large_pace;
    struct fi_block_cache_pool pool;

    _Alignas(64) _Atomic uint64_t next_file;
    _Atomic uint64_t beyond_bytes;
    _Atomic size_t held_bytes;
    _Atomic uint64_t slot_hand; /* of the clock */
    _Atomic uint64_t large_hand;
    struct fi_block_cache_pace slot_pace;

    /* block_cache_memory.c; all but the mutex is written under it. */
    struct {
        _Alignas(64) struct fi_os_mutex mutex;
        _Atomic size_t used_bytes;  /* with what is lent; read without the mutex as a hint */
        _Atomic size_t lent_bytes;  /* likewise */
        _Atomic size_t extra_bytes; /* likewise; added to the budget */
        size_t kept_bytes;          /* for blocks and tables: never lent */
        size_t large_bytes;
        uint32_t slabs_taken;
        _Atomic uint32_t free_slots; /* likewise */
        uint32_t slab_hint;          /* where a free slot was seen last */
        uint32_t slab_hand;
        uint32_t first_free_large; /* index of a slot + 1 */
        uint32_t large_high;       /* large slots from here on were never used */
        bool has_large_pages;
        _Atomic bool is_recalled; /* what is lent; read as a hint, and set without the mutex */
    } memory;
};

/* How many rounds of the clock a block may stay without a hit: at first, and at most. A block of
 * data that is not read again is evicted in its first round. */
enum {
    FI_BLOCK_CACHE_USED_DATA_FIRST = 0,
    FI_BLOCK_CACHE_USED_MOVED_FIRST = 1, /* of a block that was made from blocks in use */
    FI_BLOCK_CACHE_USED_DATA_MAX = 3,
    FI_BLOCK_CACHE_USED_INDEX_FIRST = 4,
    FI_BLOCK_CACHE_USED_INDEX_MAX = 8
};

static inline uint8_t
fi_block_cache_used_max(enum fi_block_cache_use use)
{
    switch (use) {
    case FI_BLOCK_CACHE_DATA:
        return FI_BLOCK_CACHE_USED_DATA_MAX;
    case FI_BLOCK_CACHE_INDEX:
        return FI_BLOCK_CACHE_USED_INDEX_MAX;
    case FI_BLOCK_CACHE_SCAN:
        break;
    }
    return 0;
}

static inline void
fi_block_cache_fill_pin(struct fi_block_cache_slot *slot, struct fi_block_pin *out)
{
    *out = (struct fi_block_pin){.data = slot->data, .size = slot->size, .slot = slot};
}

static inline uint32_t
fi_block_cache_index_of(const struct fi_block_cache *cache, const struct fi_block_cache_slot *slot)
{
    return (uint32_t)(slot - cache->slots);
}

/* Whether a slot is one of the cache's tables: not another cache's, nor beyond the budget. */
static inline bool
fi_block_cache_has_slot(const struct fi_block_cache *cache, const struct fi_block_cache_slot *slot)
{
    return slot >= cache->slots && slot < cache->slots + cache->slot_count + cache->large_count;
}

/* ---- block_cache_table.c ---- */

static inline uint64_t
fi_block_cache_table_hash(uint64_t file, uint64_t offset)
{
    uint64_t h = (file * UINT64_C(0x9e3779b97f4a7c15)) ^ (offset * UINT64_C(0xd6e8feb86659fd93));
    h = (h ^ (h >> 32)) * UINT64_C(0xff51afd7ed558ccd);
    return h ^ (h >> 29);
}

static inline struct fi_block_cache_shard *
fi_block_cache_table_shard(const struct fi_block_cache *cache, uint64_t hash)
{
    return cache->shards + (hash & (cache->shard_count - 1));
}

/* The block's slot, pinned, or NULL. Without a mutex a block may be missed whose entry is just
 * being moved; under the shard's it cannot be. */
static inline struct fi_block_cache_slot *
fi_block_cache_table_find(const struct fi_block_cache *cache, uint64_t hash, uint64_t file,
                          uint64_t offset)
{
    uint32_t part_size = cache->part_size;
    const _Atomic uint64_t *part =
        cache->entries + (hash & (cache->shard_count - 1)) * (uint64_t)part_size;
    uint32_t at = (uint32_t)(((hash >> 32) * part_size) >> 32);
    for (uint32_t looked = 0; looked < part_size; looked++) {
        /* Relaxed: the slot's own word says what it holds. */
        uint64_t entry = atomic_load_explicit(&part[at], memory_order_relaxed);
        if (entry == 0) {
            return NULL;
        }
        if ((uint32_t)(entry >> 32) == (uint32_t)hash) {
            struct fi_block_cache_slot *slot = cache->slots + (uint32_t)entry - 1;
            if (fi_block_cache_slot_pin(slot, file, offset)) {
                return slot;
            }
        }
        at = at + 1 < part_size ? at + 1 : 0;
    }
    return NULL;
}

/* Publishes the caller's slot, unless the block is visible already or its part of the table is
 * full. The slot by which the block is visible, pinned for the caller; NULL where none is. A slot
 * that is not published stays the caller's. */
struct fi_block_cache_slot *fi_block_cache_table_publish(struct fi_block_cache *cache,
                                                         struct fi_block_cache_slot *slot);
/* Takes out the entry of a slot that the caller owns or has pinned. */
void fi_block_cache_table_remove(struct fi_block_cache *cache, struct fi_block_cache_slot *slot,
                                 bool is_eviction);

/* ---- block_cache_memory.c ---- */

/* The caller's slot with room for size bytes, its memory taken from what is free, or from blocks
 * that are evicted; NULL where there is no room. */
struct fi_block_cache_slot *fi_block_cache_memory_take(struct fi_block_cache *cache, uint32_t size);
/* Gives back a slot that the caller owns and the table does not know. */
void fi_block_cache_memory_give(struct fi_block_cache *cache, struct fi_block_cache_slot *slot);
/* Slots that may hold blocks lie in [*first, *end), to begin with *end 0; false when there are no
 * more. */
bool fi_block_cache_memory_next_slots(struct fi_block_cache *cache, uint32_t *first, uint32_t *end);
/* Frees the memory of all slots. */
/* Evicts until what is used is within the budget and what was added to it, or the rest is
 * pinned. */
void fi_block_cache_memory_shrink(struct fi_block_cache *cache);
void fi_block_cache_memory_deinit(struct fi_block_cache *cache);

/* ---- block_cache.c ---- */

#endif
