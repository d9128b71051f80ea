/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache_memory.c: eviction, and the budget.
 *
 * Two kinds of memory share the budget with the tables: slabs, cut into slots of
 * FI_BLOCK_CACHE_SLOT_SIZE bytes, and the memory of larger blocks, allocated one by one. Both
 * are allocated only when there are blocks for them, so a cache with few blocks uses little memory.
 *
 * A slot is found in this order: a free one; one of a new slab, while the budget has room; the
 * next one that the clock releases. The clock goes round all slots: a slot that was hit since the
 * last round stays and its mark is lowered; a slot whose mark reaches zero is evicted. Hits set
 * marks (fi_block_cache_slot_touch), higher ones for blocks of indexes. A block that was made from
 * blocks in use has a mark from the beginning, and those lose theirs (compaction.c). The longer the
 * hand searches, the more it lowers marks, so no search goes round and round. In the steady state
 * none of this takes the mutex: the hand is an atomic counter, and a slot is claimed by its own
 * word.
 *
 * Larger blocks have a clock of their own. They are found, pinned and unpinned like slots; only
 * allocating and freeing their memory takes the mutex, once for each time that a block is read in.
 *
 * The two kinds of memory compete. If both miss, larger blocks hold at least a quarter of the
 * budget in addition to what is held for open files (block_cache.c; this cannot be taken away), and
 * at most half of the budget in all. Below the lower bound they take whole slabs from the slots;
 * above the upper one slots take from them. If only one kind misses, it gets the memory of the
 * other, as far as that is not in use. The need
 * of a kind is measured by the speed of its clock: how many blocks its hand has looked at lately,
 * for each byte that the kind holds. The measure is per byte because a slab of small blocks saves
 * more misses than one large block, if both are asked for as often. Whenever a kind has evicted a
 * slab's worth of its own, and its clock goes more than FASTER_RATIO times as fast, the hand of the
 * other advances by as much. Of the slots, one slab is looked at, its marks are lowered, and it is
 * given back if it had hardly any; of the larger blocks, those that are due are evicted. So blocks
 * that are in use stay, even during large scans.
 *
 * Why there is no slab for each size: a slot of a fixed set of sizes is an eighth empty on
 * average, each size holds slabs that it has not filled, and a slab that changes its size evicts
 * blocks that are in use. With 8 or 12 sizes, a mix of blocks of 3 to 64 KiB missed up to a tenth
 * more in budgets of 4 to 16 MiB. What this saved, allocating the memory, is cheap compared with
 * reading and verifying the block.
 *
 * (I1) Memory is charged only while used_bytes stays within budget_bytes and what was added to it
 *      (block_cache_lend.c), before it is allocated, and uncharged after it was released. So
 *      used_bytes is larger only while blocks are pinned that the cache kept when the addition was
 *      taken back. Lent memory counts as used.
 * (I2) Numbers of slots and the order of calls decide where a block is placed, never addresses.
 *      (Not checked: it is about what the code does not read.)
 *
 * Limits: a block larger than a quarter of the budget finds no room. A search looks at LOOKED_MAX
 * slots at most: if so many in a row are pinned, there is no room.
 */
#include "block/block_cache_internal.h"

#include "base/mem.h"

enum {
    SLOT_SIZE = FI_BLOCK_CACHE_SLOT_SIZE,
    ALIGNMENT = 64,
    LOOKED_MAX = 4096,
    LOOKED_PER_MARK = 64, /* each so many slots looked at in vain, marks fall by one more */
    ROUNDS_MAX = FI_BLOCK_CACHE_USED_INDEX_MAX + 2, /* after which only pins can be the reason */
    LARGE_TRIES_MAX = 1024,
    SLABS_IN_SMALL_PAGES = 2, /* a small cache does not take whole large pages */
    ROUNDS_KNOWN = 4,         /* of a clock; then what is known of both paces is halved */
    FASTER_RATIO = 4,
    MARKED_PART_MAX = 4 /* of a slab that may go at most one of so many blocks is marked */
};

/* ---- the clock ---- */

/* Claims the slot if its time has come, and takes it out of the table. */
static bool
claim_if_due(struct fi_block_cache *cache, struct fi_block_cache_slot *slot, unsigned looked)
{
    unsigned fall = 1 + looked / LOOKED_PER_MARK;
    uint8_t used = atomic_load_explicit(&slot->used, memory_order_relaxed);
    if (used > 0) {
        atomic_store_explicit(&slot->used, (uint8_t)(used > fall ? used - fall : 0),
                              memory_order_relaxed);
        return false;
    }
    enum fi_block_cache_claim claim = fi_block_cache_slot_claim(slot);
    if (claim == FI_BLOCK_CACHE_CLAIM_VISIBLE) {
        fi_block_cache_table_remove(cache, slot, true);
    }
    return claim != FI_BLOCK_CACHE_CLAIM_NONE;
}

/* How many slots a search looks at. */
static unsigned
looked_max(uint32_t count)
{
    return count < LOOKED_MAX / ROUNDS_MAX ? count * ROUNDS_MAX : LOOKED_MAX;
}

/* Moves the hand after the slab of slot i, if it is still before that. */
static void
skip_slab(struct fi_block_cache *cache, uint64_t hand)
{
    uint64_t to = hand - hand % cache->slab_slots + cache->slab_slots;
    uint64_t seen = hand + 1;
    (void)atomic_compare_exchange_strong_explicit(&cache->slot_hand, &seen, to,
                                                  memory_order_relaxed, memory_order_relaxed);
}

/* So many blocks were looked at to evict something. */
static void
count_looked(struct fi_block_cache_pace *pace, uint64_t looked)
{
    atomic_fetch_add_explicit(&pace->looked, looked, memory_order_relaxed);
}

static struct fi_block_cache_slot *
evict_slot(struct fi_block_cache *cache)
{
    unsigned limit = looked_max(cache->slot_count) + cache->slab_count;
    unsigned skipped = 0;
    for (unsigned looked = 0; looked < limit; looked++) {
        uint64_t hand = atomic_fetch_add_explicit(&cache->slot_hand, 1, memory_order_relaxed);
        uint32_t i = (uint32_t)(hand % cache->slot_count);
        if (!atomic_load_explicit(&cache->slabs[i / cache->slab_slots].is_taken,
                                  memory_order_relaxed)) {
            skip_slab(cache, hand);
            skipped++;
        } else if (claim_if_due(cache, &cache->slots[i], looked)) {
            count_looked(&cache->slot_pace, looked + 1 - skipped);
            return &cache->slots[i];
        }
    }
    return NULL;
}

/* ---- the budget ---- */

static size_t
used_bytes(const struct fi_block_cache *cache)
{
    return atomic_load_explicit(&cache->memory.used_bytes, memory_order_relaxed);
}

/* The budget with what was added to it. */
static size_t
limit_bytes(const struct fi_block_cache *cache)
{
    return cache->budget_bytes + fi_block_cache_lend_extra_bytes(cache);
}

static size_t
room_bytes(const struct fi_block_cache *cache)
{
    size_t used = used_bytes(cache);
    size_t limit = limit_bytes(cache);
    return used < limit ? limit - used : 0;
}

/* A block found no room: what is lent is recalled. */
static void
want_back(struct fi_block_cache *cache)
{
    if (fi_block_cache_lend_bytes(cache) > 0 && !fi_block_cache_lend_is_recalled(cache)) {
        atomic_store_explicit(&cache->memory.is_recalled, true, memory_order_relaxed);
    }
}

static bool
charge_locked(struct fi_block_cache *cache, size_t size)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    size_t used = used_bytes(cache);
    if (size > room_bytes(cache)) { /* else (I1) would not hold */
        want_back(cache);
        return false;
    }
    atomic_store_explicit(&cache->memory.used_bytes, used + size, memory_order_relaxed);
    return true;
}

static void
uncharge_locked(struct fi_block_cache *cache, size_t size)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    DCHECK(size <= used_bytes(cache)); /* (I1) */
    atomic_store_explicit(&cache->memory.used_bytes, used_bytes(cache) - size,
                          memory_order_relaxed);
}

static void
add_free_slots_locked(struct fi_block_cache *cache, uint32_t more)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    uint32_t free_slots =
        atomic_load_explicit(&cache->memory.free_slots, memory_order_relaxed) + more;
    DCHECK(free_slots <= cache->slot_count);
    atomic_store_explicit(&cache->memory.free_slots, free_slots, memory_order_relaxed);
}

static size_t
slab_size(const struct fi_block_cache *cache)
{
    return (size_t)cache->slab_slots * SLOT_SIZE;
}

static size_t
slab_cost(const struct fi_block_cache *cache)
{
    return fi_os_pages_cost_bytes(slab_size(cache));
}

/* ---- slabs ---- */

static void
push_free_locked(struct fi_block_cache *cache, struct fi_block_cache_slot *slot)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    uint32_t i = fi_block_cache_index_of(cache, slot);
    DCHECK(i < cache->slot_count && fi_block_cache_slot_is_owned(slot));
    struct fi_block_cache_slab *slab = &cache->slabs[i / cache->slab_slots];
    DCHECK(slab->free_count < cache->slab_slots);
    slot->next_free = slab->first_free;
    slab->first_free = i + 1;
    slab->free_count++;
    add_free_slots_locked(cache, 1);
}

static struct fi_block_cache_slot *
pop_free_locked(struct fi_block_cache *cache, struct fi_block_cache_slab *slab)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    DCHECK(slab->first_free != 0 && slab->free_count > 0 && !slab->is_changing);
    DCHECK(slab->first_free - 1 - (uint32_t)(slab - cache->slabs) * cache->slab_slots <
           cache->slab_slots); /* it is one of the slab's */
    struct fi_block_cache_slot *slot = &cache->slots[slab->first_free - 1];
    slab->first_free = slot->next_free;
    slab->free_count--;
    add_free_slots_locked(cache, UINT32_MAX);
    return slot;
}

/* A slot that lies free. */
static struct fi_block_cache_slot *
take_free(struct fi_block_cache *cache)
{
    if (atomic_load_explicit(&cache->memory.free_slots, memory_order_relaxed) == 0) {
        return NULL;
    }
    struct fi_block_cache_slot *slot = NULL;
    fi_os_mutex_lock(&cache->memory.mutex);
    for (uint32_t n = 0; slot == NULL && n < cache->slab_count; n++) {
        uint32_t i = (cache->memory.slab_hint + n) % cache->slab_count;
        if (cache->slabs[i].free_count > 0 && !cache->slabs[i].is_changing) {
            slot = pop_free_locked(cache, &cache->slabs[i]);
            cache->memory.slab_hint = i;
        }
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    return slot;
}

/* A slab that has no memory, charged; NULL where there is none or the budget has no room. */
static struct fi_block_cache_slab *
begin_slab(struct fi_block_cache *cache)
{
    struct fi_block_cache_slab *slab = NULL;
    if (slab_cost(cache) > room_bytes(cache)) {
        want_back(cache);
        return NULL;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    for (uint32_t i = 0; slab == NULL && i < cache->slab_count; i++) {
        struct fi_block_cache_slab *one = &cache->slabs[i];
        bool is_taken = atomic_load_explicit(&one->is_taken, memory_order_relaxed);
        if (!is_taken && !one->is_changing && charge_locked(cache, slab_cost(cache))) {
            one->is_changing = true;
            slab = one;
        }
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    return slab;
}

/* The slab's memory is there. Its slots lie free, but for the first, which is returned. */
static struct fi_block_cache_slot *
open_slab(struct fi_block_cache *cache, struct fi_block_cache_slab *slab,
          const struct fi_os_pages *pages)
{
    uint32_t first = (uint32_t)(slab - cache->slabs) * cache->slab_slots;
    for (uint32_t i = 0; i < cache->slab_slots; i++) {
        cache->slots[first + i].data = pages->data + (size_t)i * SLOT_SIZE;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    DCHECK(slab->is_changing && slab->pages.data == NULL && slab->free_count == 0);
    slab->pages = *pages;
    slab->is_changing = false;
    cache->memory.slabs_taken++;
    atomic_store_explicit(&slab->is_taken, true, memory_order_relaxed);
    atomic_store_explicit(&slab->last_data, pages->data, memory_order_relaxed);
    for (uint32_t i = cache->slab_slots; i > 0; i--) {
        push_free_locked(cache, &cache->slots[first + i - 1]);
    }
    cache->memory.slab_hint = (uint32_t)(slab - cache->slabs);
    struct fi_block_cache_slot *slot = pop_free_locked(cache, slab);
    fi_os_mutex_unlock(&cache->memory.mutex);
    return slot;
}

static void
cancel_slab(struct fi_block_cache *cache, struct fi_block_cache_slab *slab)
{
    fi_os_mutex_lock(&cache->memory.mutex);
    DCHECK(slab->is_changing && slab->pages.data == NULL); /* (I1): its memory has gone */
    slab->is_changing = false;
    uncharge_locked(cache, slab_cost(cache));
    fi_os_mutex_unlock(&cache->memory.mutex);
}

static void
prefer_large_pages(struct fi_block_cache *cache, const struct fi_block_cache_slab *slab,
                   const struct fi_os_pages *pages)
{
    uint32_t number = (uint32_t)(slab - cache->slabs);
    if (number < SLABS_IN_SMALL_PAGES || pages->size % FI_OS_PAGES_LARGE_SIZE != 0) {
        return;
    }
    bool agreed = fi_os_pages_prefer_large(pages);
    if (number == SLABS_IN_SMALL_PAGES) { /* the cache is going to be large: its tables too */
        agreed = fi_os_pages_prefer_large(&cache->pages) && agreed;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    cache->memory.has_large_pages = agreed;
    fi_os_mutex_unlock(&cache->memory.mutex);
}

/* A slot of a new slab. */
static struct fi_block_cache_slot *
take_from_new_slab(struct fi_block_cache *cache)
{
    struct fi_block_cache_slab *slab = begin_slab(cache);
    if (slab == NULL) {
        return NULL;
    }
    struct fi_os_pages pages;
    if (fi_os_pages_map(cache->os, slab_size(cache), &pages, NULL) != FIRN_OK) {
        cancel_slab(cache, slab);
        return NULL;
    }
    prefer_large_pages(cache, slab, &pages);
    return open_slab(cache, slab, &pages);
}

/* Chooses a slab to be freed; its free slots cannot be taken from now on. */
static struct fi_block_cache_slab *
begin_closing(struct fi_block_cache *cache)
{
    struct fi_block_cache_slab *slab = NULL;
    fi_os_mutex_lock(&cache->memory.mutex);
    for (uint32_t n = 0; slab == NULL && n < cache->slab_count; n++) {
        cache->memory.slab_hand = (cache->memory.slab_hand + 1) % cache->slab_count;
        struct fi_block_cache_slab *one = &cache->slabs[cache->memory.slab_hand];
        if (atomic_load_explicit(&one->is_taken, memory_order_relaxed) && !one->is_changing) {
            one->is_changing = true;
            slab = one;
        }
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    return slab;
}

/* Evicts all that is not pinned from the slab. */
static void
empty_slab(struct fi_block_cache *cache, struct fi_block_cache_slab *slab)
{
    uint32_t first = (uint32_t)(slab - cache->slabs) * cache->slab_slots;
    for (uint32_t i = first; i < first + cache->slab_slots; i++) {
        atomic_store_explicit(&cache->slots[i].used, 0, memory_order_relaxed);
        if (claim_if_due(cache, &cache->slots[i], 0)) {
            fi_block_cache_memory_give(cache, &cache->slots[i]);
        }
    }
}

/* Gives the slab's memory back if all its slots lie free. */
static bool
finish_closing(struct fi_block_cache *cache, struct fi_block_cache_slab *slab)
{
    struct fi_os_pages pages = {0};
    fi_os_mutex_lock(&cache->memory.mutex);
    DCHECK(slab->is_changing && slab->free_count <= cache->slab_slots);
    bool is_empty = slab->free_count == cache->slab_slots;
    if (is_empty) {
        pages = slab->pages;
        slab->pages = (struct fi_os_pages){0};
        slab->first_free = 0;
        slab->free_count = 0;
        add_free_slots_locked(cache, 0 - cache->slab_slots);
        DCHECK(cache->memory.slabs_taken > 0);
        cache->memory.slabs_taken--;
        atomic_store_explicit(&slab->is_taken, false, memory_order_relaxed);
    } else {
        slab->is_changing = false;
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    if (is_empty) {
        fi_os_pages_unmap(&pages);
        cancel_slab(cache, slab);
    }
    return is_empty;
}

static bool
close_a_slab(struct fi_block_cache *cache)
{
    struct fi_block_cache_slab *slab = begin_closing(cache);
    if (slab == NULL) {
        return false;
    }
    empty_slab(cache, slab);
    return finish_closing(cache, slab);
}

/* ---- larger blocks ---- */

static size_t
charge_of(uint32_t size)
{
    return (size_t)size + FI_BLOCK_CACHE_LEASE_SIZE;
}

static void
push_free_large_locked(struct fi_block_cache *cache, struct fi_block_cache_slot *slot)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    DCHECK(slot->memory == NULL && fi_block_cache_slot_is_owned(slot));
    slot->next_free = cache->memory.first_free_large;
    cache->memory.first_free_large = fi_block_cache_index_of(cache, slot) + 1;
}

static struct fi_block_cache_slot *
pop_free_large_locked(struct fi_block_cache *cache)
{
    fi_os_mutex_assert_held(&cache->memory.mutex);
    if (cache->memory.first_free_large != 0) {
        struct fi_block_cache_slot *slot = &cache->slots[cache->memory.first_free_large - 1];
        cache->memory.first_free_large = slot->next_free;
        DCHECK(slot->memory == NULL && fi_block_cache_slot_is_owned(slot));
        return slot;
    }
    if (cache->memory.large_high < cache->large_count) {
        return &cache->slots[cache->slot_count + cache->memory.large_high++];
    }
    return NULL;
}

/* Releases the memory of a large slot that the caller owns. */
static void
give_large(struct fi_block_cache *cache, struct fi_block_cache_slot *slot)
{
    size_t charge = charge_of(slot->size);
    if (slot->memory != NULL) {
        fi_block_cache_lease_unref(fi_block_cache_lease_of(slot));
        slot->memory = NULL;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    DCHECK(charge <= cache->memory.large_bytes && cache->memory.large_bytes <= used_bytes(cache));
    uncharge_locked(cache, charge);
    cache->memory.large_bytes -= charge;
    push_free_large_locked(cache, slot);
    fi_os_mutex_unlock(&cache->memory.mutex);
}

/* The bytes of the block that was evicted; 0: none. */
static size_t
evict_large(struct fi_block_cache *cache)
{
    fi_os_mutex_lock(&cache->memory.mutex);
    uint32_t count = cache->memory.large_high;
    fi_os_mutex_unlock(&cache->memory.mutex);
    unsigned limit = looked_max(count);
    for (unsigned looked = 0; looked < limit; looked++) {
        uint64_t hand = atomic_fetch_add_explicit(&cache->large_hand, 1, memory_order_relaxed);
        struct fi_block_cache_slot *slot = &cache->slots[cache->slot_count + hand % count];
        if (claim_if_due(cache, slot, looked)) {
            size_t bytes = charge_of(slot->size);
            give_large(cache, slot);
            count_looked(&cache->large_pace, looked + 1);
            return bytes;
        }
    }
    return 0;
}

/* ---- which of the two kinds gives way ---- */

/* Blocks looked at for each byte, as a fraction. */
struct speed {
    uint64_t looked;
    uint64_t bytes;
};

static bool
is_faster(const struct speed *speed, const struct speed *other)
{
    return speed->looked * (other->bytes / SLOT_SIZE) >
           FASTER_RATIO * other->looked * (speed->bytes / SLOT_SIZE);
}

static void
get_speeds(struct fi_block_cache *cache, struct speed *slots, struct speed *large)
{
    fi_os_mutex_lock(&cache->memory.mutex);
    slots->bytes = cache->memory.slabs_taken * (uint64_t)slab_size(cache);
    large->bytes = cache->memory.large_bytes;
    uint32_t large_count = cache->memory.large_high;
    fi_os_mutex_unlock(&cache->memory.mutex);
    slots->looked = atomic_load_explicit(&cache->slot_pace.looked, memory_order_relaxed);
    large->looked = atomic_load_explicit(&cache->large_pace.looked, memory_order_relaxed);
    if (slots->looked > ROUNDS_KNOWN * (uint64_t)cache->slot_count ||
        large->looked > ROUNDS_KNOWN * (uint64_t)large_count) {
        /* What was long ago counts less. A lost count does no harm. */
        atomic_store_explicit(&cache->slot_pace.looked, slots->looked / 2, memory_order_relaxed);
        atomic_store_explicit(&cache->large_pace.looked, large->looked / 2, memory_order_relaxed);
    }
}

/* Whether a slab's worth was evicted since this was last so. */
static bool
is_time(struct fi_block_cache *cache, struct fi_block_cache_pace *pace, size_t evicted)
{
    uint64_t bytes =
        atomic_fetch_add_explicit(&pace->evicted_bytes, evicted, memory_order_relaxed) + evicted;
    if (bytes < slab_size(cache)) {
        return false;
    }
    atomic_store_explicit(&pace->evicted_bytes, 0, memory_order_relaxed);
    return true;
}

/* Marks the blocks of a slab down, as the hand that goes by. Whether the slab may go: nothing in it
 * is pinned, and few of its blocks were marked. */
static bool
inspect_slab(struct fi_block_cache *cache, const struct fi_block_cache_slab *slab)
{
    uint32_t first = (uint32_t)(slab - cache->slabs) * cache->slab_slots;
    uint32_t marked = 0;
    bool has_pins = false;
    for (uint32_t i = first; i < first + cache->slab_slots; i++) {
        struct fi_block_cache_slot *slot = &cache->slots[i];
        uint8_t used = atomic_load_explicit(&slot->used, memory_order_relaxed);
        has_pins |= fi_block_cache_slot_is_pinned(slot);
        if (used > 0 && !fi_block_cache_slot_is_owned(slot)) {
            marked++;
            atomic_store_explicit(&slot->used, (uint8_t)(used - 1), memory_order_relaxed);
        }
    }
    count_looked(&cache->slot_pace, cache->slab_slots);
    return !has_pins && marked <= cache->slab_slots / MARKED_PART_MAX;
}

/* Larger blocks have evicted so many bytes of their own: perhaps a slab is needed less. */
static void
balance_for_large(struct fi_block_cache *cache, size_t evicted)
{
    struct speed slots;
    struct speed large;
    if (!is_time(cache, &cache->large_pace, evicted)) {
        return;
    }
    get_speeds(cache, &slots, &large);
    struct fi_block_cache_slab *slab = is_faster(&large, &slots) ? begin_closing(cache) : NULL;
    if (slab != NULL) {
        if (inspect_slab(cache, slab)) {
            empty_slab(cache, slab);
        }
        (void)finish_closing(cache, slab);
    }
}

/* Slots have evicted one of theirs: perhaps larger blocks are needed less. The hand of their clock
 * goes on by some slabs' worth, until what it lets go has room for a slab. */
static void
balance_for_slots(struct fi_block_cache *cache)
{
    enum { SLABS_LOOKED_AT = 2 };
    struct speed slots;
    struct speed large;
    if (!is_time(cache, &cache->slot_pace, SLOT_SIZE)) {
        return;
    }
    get_speeds(cache, &slots, &large);
    if (large.bytes == 0 || !is_faster(&slots, &large)) {
        return;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    uint32_t count = cache->memory.large_high;
    fi_os_mutex_unlock(&cache->memory.mutex);
    uint64_t limit = SLABS_LOOKED_AT * (uint64_t)slab_size(cache) * count / large.bytes + 1;
    uint64_t looked = 0;
    for (; looked < limit && slab_cost(cache) > room_bytes(cache); looked++) {
        uint64_t hand = atomic_fetch_add_explicit(&cache->large_hand, 1, memory_order_relaxed);
        struct fi_block_cache_slot *slot = &cache->slots[cache->slot_count + hand % count];
        if (claim_if_due(cache, slot, 0)) {
            give_large(cache, slot);
        }
    }
    count_looked(&cache->large_pace, looked);
}

/* A large slot without memory, charged for size bytes; NULL where there is no room now. */
static struct fi_block_cache_slot *
begin_large(struct fi_block_cache *cache, uint32_t size, bool *out_few)
{
    size_t charge = charge_of(size);
    struct fi_block_cache_slot *slot = NULL;
    fi_os_mutex_lock(&cache->memory.mutex);
    size_t held = atomic_load_explicit(&cache->held_bytes, memory_order_relaxed);
    *out_few = cache->memory.large_bytes + charge <= limit_bytes(cache) / 4 + held;
    if (charge_locked(cache, charge)) {
        slot = pop_free_large_locked(cache);
        if (slot != NULL) {
            cache->memory.large_bytes += charge;
        } else {
            uncharge_locked(cache, charge);
        }
    }
    fi_os_mutex_unlock(&cache->memory.mutex);
    return slot;
}

static struct fi_block_cache_slot *
take_large(struct fi_block_cache *cache, uint32_t size)
{
    struct fi_block_cache_slot *slot = NULL;
    if (charge_of(size) > cache->budget_bytes / 4) {
        return NULL;
    }
    size_t evicted = 0;
    for (unsigned tries = 0; slot == NULL; tries++) {
        bool few;
        slot = begin_large(cache, size, &few);
        if (slot == NULL && !(few && close_a_slab(cache))) {
            size_t bytes = evict_large(cache);
            if (bytes == 0) {
                return NULL;
            }
            evicted += bytes;
        }
        if (slot == NULL && tries == LARGE_TRIES_MAX) {
            return NULL;
        }
    }
    if (evicted > 0) {
        balance_for_large(cache, evicted);
    }
    slot->size = size;
    uint8_t *memory = fi_alloc(charge_of(size));
    if (memory == NULL) {
        give_large(cache, slot);
        return NULL;
    }
    fi_block_cache_place(slot, memory, memory, size);
    DCHECK(slot->data + size <= (uint8_t *)slot->memory + charge_of(size));
    return slot;
}

/* Takes a slab's worth from the larger blocks where they hold more than half of the budget. */
static bool
shrink_large(struct fi_block_cache *cache)
{
    fi_os_mutex_lock(&cache->memory.mutex);
    bool many = cache->memory.large_bytes > limit_bytes(cache) / 2;
    fi_os_mutex_unlock(&cache->memory.mutex);
    if (!many) {
        return false;
    }
    unsigned tries = 0;
    while (slab_cost(cache) > room_bytes(cache)) {
        if (++tries > LARGE_TRIES_MAX || evict_large(cache) == 0) {
            return false;
        }
    }
    return true;
}

/* Larger blocks give way until they hold no more than half of the limit, then slabs without pins
 * and larger blocks in turn. */
void
fi_block_cache_memory_shrink(struct fi_block_cache *cache)
{
    bool goes_on = true;
    while (goes_on && used_bytes(cache) > limit_bytes(cache)) {
        fi_os_mutex_lock(&cache->memory.mutex);
        bool many = cache->memory.large_bytes > limit_bytes(cache) / 2;
        fi_os_mutex_unlock(&cache->memory.mutex);
        goes_on = (!many && close_a_slab(cache)) || evict_large(cache) > 0;
    }
}

/* ---- what the others call ---- */

struct fi_block_cache_slot *
fi_block_cache_memory_take(struct fi_block_cache *cache, uint32_t size)
{
    DCHECK(size <= FI_BLOCK_SIZE_MAX);
    if (cache->slot_count == 0) {
        return NULL;
    }
    if (size > SLOT_SIZE) {
        return take_large(cache, size);
    }
    struct fi_block_cache_slot *slot = take_free(cache);
    if (slot == NULL) {
        slot = take_from_new_slab(cache);
    }
    if (slot == NULL && shrink_large(cache)) {
        slot = take_from_new_slab(cache);
    }
    if (slot == NULL) {
        slot = evict_slot(cache);
        if (slot != NULL) {
            balance_for_slots(cache);
        }
    }
    if (slot != NULL) {
        slot->size = size;
    }
    return slot;
}

void
fi_block_cache_memory_give(struct fi_block_cache *cache, struct fi_block_cache_slot *slot)
{
    DCHECK(fi_block_cache_has_slot(cache, slot));
    if (fi_block_cache_index_of(cache, slot) >= cache->slot_count) {
        give_large(cache, slot);
        return;
    }
    fi_os_mutex_lock(&cache->memory.mutex);
    push_free_locked(cache, slot);
    fi_os_mutex_unlock(&cache->memory.mutex);
}

bool
fi_block_cache_memory_next_slots(struct fi_block_cache *cache, uint32_t *first, uint32_t *end)
{
    *first = *end;
    /* Relaxed: a thread that knows of a block learned of it after its slab was taken. */
    while (*first < cache->slot_count &&
           !atomic_load_explicit(&cache->slabs[*first / cache->slab_slots].is_taken,
                                 memory_order_relaxed)) {
        *first += cache->slab_slots;
    }
    *end = *first + cache->slab_slots;
    if (*first == cache->slot_count) {
        fi_os_mutex_lock(&cache->memory.mutex);
        *end = *first + cache->memory.large_high;
        fi_os_mutex_unlock(&cache->memory.mutex);
    }
    return *first <= cache->slot_count && *first < *end;
}

void
fi_block_cache_memory_deinit(struct fi_block_cache *cache)
{
    for (uint32_t i = 0; i < cache->memory.large_high; i++) {
        const struct fi_block_cache_slot *slot = &cache->slots[cache->slot_count + i];
        if (slot->memory != NULL) {
            fi_block_cache_lease_unref(fi_block_cache_lease_of(slot));
        }
    }
    for (uint32_t i = 0; i < cache->slab_count; i++) {
        fi_os_pages_unmap(&cache->slabs[i].pages);
    }
}
