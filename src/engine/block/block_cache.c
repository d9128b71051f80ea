/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_cache.c: decoded blocks of all open files under one budget: reading through it,
 * dropping files, counting.
 *
 * A hit takes no mutex. The number of the file and the offset of the block give its place in the
 * table; the entry there names a slot; one atomic addition pins the slot, and what the slot held
 * at that instant decides whether it is the block (block_cache_internal.h). Unpinning is one more
 * atomic operation.
 *
 * A miss is looked up once more under the shard's mutex. The block is then read and verified into a
 * buffer of the reading thread, judged by the caller's check, and only then copied into a slot and
 * published. So no reader ever sees a byte that was not verified, even after failures. Threads that
 * miss the same block each read it; the first to publish wins and the others use its copy.
 *
 * A block that is not kept (of a scan, without room, with a budget of 0) is copied into memory that
 * is freed with its pin.
 *
 * A block may also be in the cache before its file is read for the first time: its writer hands
 * over what it has in memory, under the number with which the file will be read.
 *
 * Holding. A file that is asked often has its index, its filter and tables of its own at hand,
 * pinned when the file is opened, without asking the cache each time. A block that is pinned cannot
 * give way, so pins of that kind are counted, and together they may have half of the budget: the
 * other half is left for what comes and goes. A file that is refused pins for the time of an
 * operation, as all others do. Graphs are useless if they come and go: with them it may be seven
 * eighths. Memory for such tables lies in a slot that is owned and never published: the table does
 * not know it and the clock passes it by.
 *
 * Leases. To use the bytes of a block after its file was closed, a caller takes a lease: a share of
 * the block's memory, if the block has memory of its own. The slot has a share, too, and releases
 * it when its block is evicted. So a lease neither pins the slot nor refers to the cache, and ends
 * without a mutex, in any thread. Leased blocks that were evicted are beyond the budget: all leases
 * of a process, of blocks that caches keep, have at most half of the budget of the cache that is
 * asked. Blocks that are not kept do not count: a copy would take the same memory.
 *
 * Files in reading order: block_cache_internal.h (the states of a slot, the structures, finding),
 * this one, block_cache_table.c (publishing and removing), block_cache_guide.c (hits without the
 * table), block_cache_memory.c (the clock and the budget), block_cache_lend.c (adding to the
 * budget, and lending of it).
 *
 * (I1) Blocks, slots, tables and what is lent together stay within the budget and what was added
 *      to it (block_cache_lend.c). Pins beyond it, and buffers for reading blocks, come on top and
 *      are counted or bounded. (Checked in block_cache_memory.c, whenever something is charged.)
 * (I2) A block is identified only by file and offset, so it is always read with the same check. A
 *      ref with a wrong size for the block is refused when the block is read.
 * (I3) No mutex is held during I/O, and never two at once. (Not checked here: all mutexes here have
 *      a rank in the lock order, which is checked, and reading begins by taking the pool's.)
 * (I4) held_bytes <= 7/8 of budget_bytes, always. It counts what its users mean to keep, not where
 *      that is: the memory itself is charged as it is taken (block_cache_memory.c).
 *
 * Failure: an error of reading or of the check is returned to the caller. If memory runs out, the
 * block is not kept; the call fails only if there is no memory for the pin either.
 */
#include <string.h>

#include "base/mem.h"
#include "block/block_cache_internal.h"

/* ==== what a thread reads blocks with: a decompression context and buffers ====
 *
 * They are expensive to make (zstd's context alone is some 100 KiB), so idle ones are kept: at most
 * KEPT_MAX, each with a buffer of at most KEPT_BUFFER_MAX. Any number of threads may read at once;
 * a thread that finds no idle one makes one.
 */

enum { KEPT_MAX = 8, KEPT_BUFFER_MAX = 256 << 10 };

static void
block_cache_destroy(struct fi_block_cache_scratch *scratch)
{
    fi_compress_destroy(scratch->compress);
    fi_buf_deinit(&scratch->stored);
    fi_buf_deinit(&scratch->raw);
    fi_free(scratch);
}

static void
cache_pool_init(struct fi_os *os, struct fi_block_cache_pool *pool)
{
    *pool = (struct fi_block_cache_pool){.first = NULL};
    fi_os_mutex_init(os, &pool->mutex, FI_LOCK_BLOCK_CACHE);
}

static void
cache_pool_deinit(struct fi_block_cache_pool *pool)
{
    while (pool->first != NULL) {
        struct fi_block_cache_scratch *scratch = pool->first;
        pool->first = scratch->next;
        block_cache_destroy(scratch);
    }
    fi_os_mutex_deinit(&pool->mutex);
}

static int
cache_pool_take(struct fi_block_cache_pool *pool, struct fi_block_cache_scratch **out,
                firn_error *err)
{
    fi_os_mutex_lock(&pool->mutex);
    struct fi_block_cache_scratch *scratch = pool->first;
    DCHECK((scratch != NULL) == (pool->count > 0));
    if (scratch != NULL) {
        pool->first = scratch->next;
        pool->count--;
    }
    fi_os_mutex_unlock(&pool->mutex);
    *out = scratch;
    if (scratch != NULL) {
        return FIRN_OK;
    }
    scratch = fi_alloc_zeroed(sizeof *scratch);
    if (scratch == NULL) {
        return fi_error_no_memory(err, "what a block is read with");
    }
    int rc = fi_compress_create(&scratch->compress, err);
    if (rc != FIRN_OK) {
        fi_free(scratch);
        return rc;
    }
    *out = scratch;
    return FIRN_OK;
}

static void
block_cache_trim(struct fi_buf *buffer)
{
    if (buffer->capacity > KEPT_BUFFER_MAX) {
        fi_buf_deinit(buffer);
    }
}

static void
cache_pool_give(struct fi_block_cache_pool *pool, struct fi_block_cache_scratch *scratch)
{
    block_cache_trim(&scratch->stored);
    block_cache_trim(&scratch->raw);
    fi_os_mutex_lock(&pool->mutex);
    DCHECK(pool->count <= KEPT_MAX && scratch != pool->first);
    bool is_kept = pool->count < KEPT_MAX;
    if (is_kept) {
        scratch->next = pool->first;
        pool->first = scratch;
        pool->count++;
    }
    fi_os_mutex_unlock(&pool->mutex);
    if (!is_kept) {
        block_cache_destroy(scratch);
    }
}

enum {
    SLOT_SIZE = FI_BLOCK_CACHE_SLOT_SIZE,
    LARGE_SLABS_FROM_BYTES = 64 << 20, /* a budget from which slabs are large pages */
    SLABS_MIN = 32,                    /* that a smaller budget is cut into, if slots allow it */
    SLOTS_MAX = 1 << 28,
    SLOTS_PER_SHARD_MIN = 256,
    SHARDS_MAX = 64
};

/* ---- making one ---- */

/* How a budget is divided. */
struct plan {
    uint32_t slot_count;
    uint32_t large_count;
    uint32_t slab_slots;
    uint32_t shard_count;
    uint32_t part_size;
    size_t shards_at; /* offsets in the one stretch of tables */
    size_t slabs_at;
    size_t slots_at;
    size_t entries_at;
    size_t owners_at;
    size_t size;
};

static size_t
block_cache_place(size_t *end, size_t count, size_t size)
{
    size_t at = (*end + 63) & ~(size_t)63;
    *end = at + count * size;
    return at;
}

/* The tables for so many slots. */
static struct plan
plan_for(uint32_t slot_count, uint32_t slab_slots)
{
    struct plan plan = {.slot_count = slot_count, .slab_slots = slab_slots};
    plan.large_count = slot_count; /* with the smallest of them, nearly all of the budget */
    plan.shard_count = slot_count > 0;
    while (plan.shard_count > 0 && plan.shard_count < SHARDS_MAX &&
           plan.shard_count * SLOTS_PER_SHARD_MIN < slot_count) {
        plan.shard_count *= 2;
    }
    uint32_t all = slot_count + plan.large_count;
    plan.part_size = slot_count == 0 ? 0 : (uint32_t)((uint64_t)all * 3 / 2 / plan.shard_count) + 8;
    size_t end = sizeof(struct fi_block_cache);
    plan.shards_at = block_cache_place(&end, plan.shard_count, sizeof(struct fi_block_cache_shard));
    plan.slabs_at =
        block_cache_place(&end, slot_count / slab_slots, sizeof(struct fi_block_cache_slab));
    plan.slots_at = block_cache_place(&end, all, sizeof(struct fi_block_cache_slot));
    plan.entries_at =
        block_cache_place(&end, (size_t)plan.shard_count * plan.part_size, sizeof(uint64_t));
    plan.owners_at = block_cache_place(&end, all, sizeof(uint32_t));
    plan.size = end;
    /* The hand of the clock goes by whole slabs, hashes by masks; parts are never full. */
    DCHECK(slot_count % slab_slots == 0);
    DCHECK((plan.shard_count & (plan.shard_count - 1)) == 0);
    DCHECK((uint64_t)plan.shard_count * plan.part_size > all || all == 0);
    return plan;
}

/* The most slots that a budget has room for with their tables, in whole slabs. */
static struct plan
plan_of(size_t budget_bytes)
{
    uint32_t slab_slots = FI_OS_PAGES_LARGE_SIZE / SLOT_SIZE;
    while (slab_slots > 1 && budget_bytes < LARGE_SLABS_FROM_BYTES &&
           slab_slots > budget_bytes / SLABS_MIN / SLOT_SIZE) {
        slab_slots /= 2;
    }
    size_t most = budget_bytes / SLOT_SIZE;
    uint32_t slabs = (uint32_t)((most < SLOTS_MAX ? most : SLOTS_MAX) / slab_slots);
    for (;;) {
        struct plan plan = plan_for(slabs * slab_slots, slab_slots);
        size_t total = fi_os_pages_cost_bytes(plan.size) +
                       slabs * fi_os_pages_cost_bytes((size_t)slab_slots * SLOT_SIZE);
        if (slabs == 0 || total <= budget_bytes) {
            return plan;
        }
        size_t over = (total - budget_bytes) / SLOT_SIZE / slab_slots;
        slabs -= over > slabs / 64 ? slabs / 64 + 1 : (uint32_t)over + 1;
    }
}

static void
place_tables(struct fi_block_cache *cache, const struct plan *plan)
{
    uint8_t *base = cache->pages.data;
    DCHECK(plan->size <= cache->pages.size);
    cache->shards = (void *)(base + plan->shards_at);
    cache->slabs = (void *)(base + plan->slabs_at);
    cache->slots = (void *)(base + plan->slots_at);
    cache->entries = (void *)(base + plan->entries_at);
    cache->owners = (void *)(base + plan->owners_at);
    cache->part_size = plan->part_size;
    cache->shard_count = plan->shard_count;
    cache->slot_count = plan->slot_count;
    cache->large_count = plan->large_count;
    cache->slab_slots = plan->slab_slots;
    cache->slab_count = plan->slot_count / plan->slab_slots;
}

__attribute__((cold)) int
fi_block_cache_create(struct fi_os *os, size_t budget_bytes, struct fi_block_cache **out,
                      firn_error *err)
{
    *out = NULL;
    struct plan plan = plan_of(budget_bytes);
    struct fi_os_pages pages;
    FI_TRY_RETURN(fi_os_pages_map(os, plan.size, &pages, err));
    struct fi_block_cache *cache = (void *)pages.data;
    cache->os = os;
    cache->budget_bytes = budget_bytes;
    cache->pages = pages;
    place_tables(cache, &plan);
    atomic_init(&cache->memory.used_bytes,
                plan.slot_count > 0 ? fi_os_pages_cost_bytes(plan.size) : 0);
    DCHECK(atomic_load_explicit(&cache->memory.used_bytes, memory_order_relaxed) <=
           budget_bytes); /* (I1) */
    cache->memory.kept_bytes = budget_bytes / 4;
    fi_os_mutex_init(os, &cache->memory.mutex, FI_LOCK_BLOCK_CACHE);
    for (uint32_t i = 0; i < cache->shard_count; i++) {
        fi_os_mutex_init(os, &cache->shards[i].mutex, FI_LOCK_BLOCK_CACHE);
    }
    cache_pool_init(os, &cache->pool);
    *out = cache;
    return FIRN_OK;
}

static bool
has_pins(struct fi_block_cache *cache)
{
    uint32_t first;
    uint32_t end = 0;
    while (fi_block_cache_memory_next_slots(cache, &first, &end)) {
        for (uint32_t i = first; i < end; i++) {
            if (fi_block_cache_slot_is_pinned(&cache->slots[i])) {
                return true;
            }
        }
    }
    return false;
}

void
fi_block_cache_destroy(struct fi_block_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    CHECK(atomic_load_explicit(&cache->beyond_bytes, memory_order_relaxed) == 0);
    CHECK(atomic_load_explicit(&cache->held_bytes, memory_order_relaxed) == 0);
    DCHECK(!has_pins(cache));
    fi_block_cache_memory_deinit(cache);
    cache_pool_deinit(&cache->pool);
    for (uint32_t i = 0; i < cache->shard_count; i++) {
        fi_os_mutex_deinit(&cache->shards[i].mutex);
    }
    fi_os_mutex_deinit(&cache->memory.mutex);
    struct fi_os_pages pages = cache->pages;
    fi_os_pages_unmap(&pages);
}

size_t
fi_block_cache_budget_bytes(const struct fi_block_cache *cache)
{
    return cache->budget_bytes;
}

/* ---- hits ---- */

bool
fi_block_cache_find(struct fi_block_cache *cache, uint64_t file, uint64_t offset,
                    enum fi_block_cache_use use, struct fi_block_pin *out)
{
    *out = (struct fi_block_pin){.data = NULL};
    if (cache->shard_count == 0) {
        return false;
    }
    struct fi_block_cache_slot *slot =
        fi_block_cache_table_find(cache, fi_block_cache_table_hash(file, offset), file, offset);
    if (slot == NULL) {
        return false;
    }
    fi_block_cache_slot_touch(slot, fi_block_cache_used_max(use));
    fi_block_cache_fill_pin(slot, out);
    return true;
}

bool
fi_block_cache_was_found(const struct fi_block_pin *pin)
{
    const struct fi_block_cache_slot *slot = pin->slot;
    /* This pin is one of the hits. */
    return slot != NULL && atomic_load_explicit(&slot->hits, memory_order_relaxed) > 1;
}

void
fi_block_cache_give_way(const struct fi_block_pin *pin)
{
    struct fi_block_cache_slot *slot = pin->slot;
    if (slot != NULL) {
        atomic_store_explicit(&slot->used, 0, memory_order_relaxed);
    }
}

/* Relaxed: a note speaks of bytes that do not change, and a thread that has a pin sees those. */
uint32_t
fi_block_cache_note(const struct fi_block_pin *pin)
{
    const struct fi_block_cache_slot *slot = pin->slot;
    return slot != NULL ? atomic_load_explicit(&slot->note, memory_order_relaxed) : 0;
}

void
fi_block_cache_set_note(const struct fi_block_pin *pin, uint32_t note)
{
    struct fi_block_cache_slot *slot = pin->slot;
    DCHECK(slot != NULL);
    atomic_store_explicit(&slot->note, note, memory_order_relaxed);
}

/* ---- misses ---- */

/* A block, where it comes from, and how it is wanted. */
struct request {
    uint64_t file;
    struct fi_block_reader *reader;
    const struct fi_block_ref *ref;
    const uint8_t *stored; /* what the file has there; NULL: to be read */
    enum fi_block_cache_use use;
    fi_block_cache_check check;
    uint8_t used; /* rounds of the clock that it may stay without a hit, at first */
};

static uint8_t
used_first(enum fi_block_cache_use use)
{
    return use == FI_BLOCK_CACHE_INDEX ? FI_BLOCK_CACHE_USED_INDEX_FIRST
                                       : FI_BLOCK_CACHE_USED_DATA_FIRST;
}

/* Looks again, where nothing can be missed; counts the miss. */
static struct fi_block_cache_slot *
find_under_mutex(struct fi_block_cache *cache, const struct request *request)
{
    uint64_t hash = fi_block_cache_table_hash(request->file, request->ref->offset);
    struct fi_block_cache_shard *shard = fi_block_cache_table_shard(cache, hash);
    fi_os_mutex_lock(&shard->mutex);
    struct fi_block_cache_slot *slot =
        fi_block_cache_table_find(cache, hash, request->file, request->ref->offset);
    shard->misses += slot == NULL;
    fi_os_mutex_unlock(&shard->mutex);
    return slot;
}

/* Copies a block that was verified into a slot and publishes it; NULL where it finds no room. */
static struct fi_block_cache_slot *
block_cache_keep(struct fi_block_cache *cache, const struct request *request, firn_slice raw)
{
    DCHECK(request->file != 0 && raw.size <= FI_BLOCK_SIZE_MAX);
    if (request->use == FI_BLOCK_CACHE_SCAN) {
        return NULL;
    }
    struct fi_block_cache_slot *slot = fi_block_cache_memory_take(cache, (uint32_t)raw.size);
    if (slot == NULL) {
        return NULL;
    }
    DCHECK(fi_block_cache_slot_is_owned(slot) && slot->size == raw.size);
    if (raw.size > 0) {
        memcpy(slot->data, raw.data, raw.size);
    }
    slot->file = request->file;
    slot->offset = request->ref->offset;
    atomic_store_explicit(&slot->hits, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->note, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->used, request->used, memory_order_relaxed);
    struct fi_block_cache_slot *visible = fi_block_cache_table_publish(cache, slot);
    if (visible != slot) {
        fi_block_cache_memory_give(cache, slot);
    }
    return visible;
}

static void
keep_unpinned(struct fi_block_cache *cache, const struct request *request, firn_slice raw)
{
    struct fi_block_cache_slot *slot = block_cache_keep(cache, request, raw);
    if (slot != NULL) {
        fi_block_cache_slot_unpin(slot);
    }
}

/* What lies before the data of a pin beyond the budget. */
static size_t
beyond_size(size_t size)
{
    return sizeof(struct fi_block_cache_slot) + FI_BLOCK_CACHE_ALIGNMENT +
           FI_BLOCK_CACHE_LEASE_SIZE + size;
}

static int
copy_beyond(struct fi_block_cache *cache, firn_slice raw, struct fi_block_pin *out, firn_error *err)
{
    uint8_t *memory = fi_alloc(beyond_size(raw.size));
    if (memory == NULL) {
        return fi_error_no_memory(err, "a block");
    }
    uint8_t *aligned = memory + (64 - (uintptr_t)memory % 64) % 64;
    struct fi_block_cache_slot *slot = (void *)aligned;
    *slot = (struct fi_block_cache_slot){.size = (uint32_t)raw.size, .is_beyond = true};
    fi_block_cache_place(slot, memory, (uint8_t *)(slot + 1), 0);
    if (raw.size > 0) {
        memcpy(slot->data, raw.data, raw.size);
    }
    atomic_fetch_add_explicit(&cache->beyond_bytes, beyond_size(raw.size), memory_order_relaxed);
    fi_block_cache_fill_pin(slot, out);
    return FIRN_OK;
}

/* Reads, verifies and decodes the block; *out lies in scratch. */
static int
read_block(const struct request *request, struct fi_block_cache_scratch *scratch, firn_slice *out,
           firn_error *err)
{
    if (request->stored == NULL) {
        return fi_block_reader_read_in_place(request->reader, request->ref, scratch->compress,
                                             &scratch->stored, &scratch->raw, out, err);
    }
    return fi_block_reader_decode(request->reader, request->ref, request->stored, scratch->compress,
                                  &scratch->raw, out, err);
}

static int
read_and_keep(struct fi_block_cache *cache, const struct request *request, struct fi_block_pin *out,
              firn_error *err)
{
    struct fi_block_cache_scratch *scratch;
    int rc = cache_pool_take(&cache->pool, &scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_slice raw;
    FI_TRY(read_block(request, scratch, &raw, err));
    DCHECK(raw.size == request->ref->raw_size); /* (I2) */
    if (request->check != NULL) {
        FI_TRY(request->check(raw, err));
    }
    struct fi_block_cache_slot *slot = block_cache_keep(cache, request, raw);
    if (slot != NULL && slot->size == raw.size) {
        fi_block_cache_fill_pin(slot, out);
    } else {
        if (slot != NULL) {
            fi_block_cache_slot_unpin(slot);
        }
        FI_TRY(copy_beyond(cache, raw, out, err));
    }
out:
    cache_pool_give(&cache->pool, scratch);
    return rc;
}

void
fi_block_cache_add(struct fi_block_cache *cache, uint64_t file, uint64_t offset, firn_slice raw)
{
    const struct fi_block_ref ref = {.offset = offset};
    const struct request request = {.file = file,
                                    .ref = &ref,
                                    .use = FI_BLOCK_CACHE_DATA,
                                    .used = FI_BLOCK_CACHE_USED_MOVED_FIRST};
    if (cache->shard_count > 0) {
        keep_unpinned(cache, &request, raw);
    }
}

int
fi_block_cache_read(struct fi_block_cache *cache, uint64_t file, struct fi_block_reader *reader,
                    const struct fi_block_ref *ref, enum fi_block_cache_use use,
                    fi_block_cache_check check, struct fi_block_pin *out, firn_error *err)
{
    return fi_block_cache_read_from(cache, file, reader, ref, NULL, use, check, out, err);
}

int
fi_block_cache_read_from(struct fi_block_cache *cache, uint64_t file,
                         struct fi_block_reader *reader, const struct fi_block_ref *ref,
                         const uint8_t *stored, enum fi_block_cache_use use,
                         fi_block_cache_check check, struct fi_block_pin *out, firn_error *err)
{
    const struct request request = {file, reader, ref, stored, use, check, used_first(use)};
    *out = (struct fi_block_pin){.data = NULL};
    if (cache->shard_count == 0) {
        return read_and_keep(cache, &request, out, err);
    }
    struct fi_block_cache_slot *slot = fi_block_cache_table_find(
        cache, fi_block_cache_table_hash(file, ref->offset), file, ref->offset);
    if (slot == NULL) {
        slot = find_under_mutex(cache, &request);
        if (slot == NULL) {
            return read_and_keep(cache, &request, out, err);
        }
    }
    if (slot->size != ref->raw_size) { /* (I2) */
        fi_block_cache_slot_unpin(slot);
        return read_and_keep(cache, &request, out, err);
    }
    fi_block_cache_slot_touch(slot, fi_block_cache_used_max(use));
    fi_block_cache_fill_pin(slot, out);
    return FIRN_OK;
}

void
fi_block_cache_keep(struct fi_block_cache *cache, uint64_t file, uint64_t offset, firn_slice raw,
                    enum fi_block_cache_use use)
{
    const struct fi_block_ref ref = {.offset = offset};
    const struct request request = {.file = file, .ref = &ref, .use = use, .used = used_first(use)};
    if (cache->shard_count == 0) {
        return;
    }
    struct fi_block_cache_slot *slot = find_under_mutex(cache, &request);
    if (slot == NULL) {
        keep_unpinned(cache, &request, raw);
    } else {
        fi_block_cache_slot_unpin(slot);
    }
}

void
fi_block_cache_unpin(struct fi_block_cache *cache, struct fi_block_pin *pin)
{
    struct fi_block_cache_slot *slot = pin->slot;
    *pin = (struct fi_block_pin){.data = NULL};
    if (slot == NULL) {
        return;
    }
    if (!slot->is_beyond) {
        DCHECK(fi_block_cache_has_slot(cache, slot));
        fi_block_cache_slot_unpin(slot);
        return;
    }
    uint64_t beyond = atomic_fetch_sub_explicit(&cache->beyond_bytes, beyond_size(slot->size),
                                                memory_order_relaxed);
    DCHECK(beyond_size(slot->size) <= beyond);
    fi_block_cache_lease_unref(fi_block_cache_lease_of(slot));
}

/* ---- files ---- */

uint64_t
fi_block_cache_add_file(struct fi_block_cache *cache)
{
    return atomic_fetch_add_explicit(&cache->next_file, 1, memory_order_relaxed) + 1;
}

/* Drops what the slot holds if that is of the file. */
static void
drop_slot(struct fi_block_cache *cache, struct fi_block_cache_slot *slot, uint64_t file)
{
    uint64_t before =
        atomic_fetch_add_explicit(&slot->state, FI_BLOCK_CACHE_SLOT_PIN, memory_order_acquire);
    if (!(before & FI_BLOCK_CACHE_SLOT_VISIBLE) || slot->file != file) {
        fi_block_cache_slot_unpin(slot);
        return;
    }
    fi_block_cache_table_remove(cache, slot, false);
    if (fi_block_cache_slot_abandon(slot)) {
        fi_block_cache_memory_give(cache, slot);
    }
}

void
fi_block_cache_drop_file(struct fi_block_cache *cache, uint64_t file)
{
    uint32_t first;
    uint32_t end = 0;
    if (file == 0) {
        return;
    }
    DCHECK(file <= atomic_load_explicit(&cache->next_file, memory_order_relaxed));
    while (fi_block_cache_memory_next_slots(cache, &first, &end)) {
        for (uint32_t i = first; i < end; i++) {
            /* Relaxed: the thread that filled a block of this file handed the file on to the
             * caller. */
            if (atomic_load_explicit(&cache->owners[i], memory_order_relaxed) == (uint32_t)file) {
                drop_slot(cache, &cache->slots[i], file);
            }
        }
    }
}

/* ---- statistics ---- */

static uint64_t
hits_of_visible(struct fi_block_cache *cache)
{
    uint64_t hits = 0;
    uint32_t first;
    uint32_t end = 0;
    while (fi_block_cache_memory_next_slots(cache, &first, &end)) {
        for (uint32_t i = first; i < end; i++) {
            struct fi_block_cache_slot *slot = &cache->slots[i];
            if (atomic_load_explicit(&slot->state, memory_order_relaxed) &
                FI_BLOCK_CACHE_SLOT_VISIBLE) {
                hits += atomic_load_explicit(&slot->hits, memory_order_relaxed);
            }
        }
    }
    return hits;
}

void
fi_block_cache_stats(struct fi_block_cache *cache, struct fi_block_cache_stats *out)
{
    *out = (struct fi_block_cache_stats){0};
    for (uint32_t i = 0; i < cache->shard_count; i++) {
        struct fi_block_cache_shard *shard = &cache->shards[i];
        fi_os_mutex_lock(&shard->mutex);
        out->hits += shard->hits_of_gone;
        out->misses += shard->misses;
        out->evictions += shard->evictions;
        out->blocks += shard->count;
        fi_os_mutex_unlock(&shard->mutex);
    }
    out->hits += hits_of_visible(cache);
    fi_os_mutex_lock(&cache->memory.mutex);
    out->lent_bytes = atomic_load_explicit(&cache->memory.lent_bytes, memory_order_relaxed);
    out->used_bytes =
        atomic_load_explicit(&cache->memory.used_bytes, memory_order_relaxed) - out->lent_bytes;
    out->has_large_pages = cache->memory.has_large_pages;
    fi_os_mutex_unlock(&cache->memory.mutex);
    out->beyond_bytes = atomic_load_explicit(&cache->beyond_bytes, memory_order_relaxed);
}

/* ---- what stays in the cache for as long as a file is open ---- */

static bool
block_cache_hold(struct fi_block_cache *cache, size_t bytes, size_t most)
{
    /* Relaxed: a count, by which nothing is published. */
    size_t held = atomic_load_explicit(&cache->held_bytes, memory_order_relaxed);
    DCHECK(held <= cache->budget_bytes / 8 * 7); /* (I4) */
    do {
        if (held > most || bytes > most - held) { /* (I4) */
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&cache->held_bytes, &held, held + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool
fi_block_cache_hold(struct fi_block_cache *cache, size_t bytes)
{
    return block_cache_hold(cache, bytes, cache->budget_bytes / 2);
}

bool
fi_block_cache_hold_graph(struct fi_block_cache *cache, size_t bytes)
{
    return block_cache_hold(cache, bytes, cache->budget_bytes / 8 * 7);
}

void
fi_block_cache_hold_release(struct fi_block_cache *cache, size_t bytes)
{
    size_t held = atomic_fetch_sub_explicit(&cache->held_bytes, bytes, memory_order_relaxed);
    DCHECK(bytes <= held); /* else (I4) would not hold any more */
}

bool
fi_block_cache_hold_take(struct fi_block_cache *cache, size_t size, struct fi_block_memory *out)
{
    struct fi_block_cache_slot *slot = NULL;
    *out = (struct fi_block_memory){NULL, NULL};
    if (size <= FI_BLOCK_SIZE_MAX) {
        slot = fi_block_cache_memory_take(cache, (uint32_t)size);
    }
    if (slot == NULL) {
        return false;
    }
    memset(slot->data, 0, size);
    *out = (struct fi_block_memory){slot->data, slot};
    return true;
}

void
fi_block_cache_hold_give(struct fi_block_cache *cache, struct fi_block_memory *memory)
{
    if (memory->slot != NULL) {
        DCHECK(fi_block_cache_has_slot(cache, memory->slot));
        DCHECK(fi_block_cache_slot_is_owned(memory->slot));
        fi_block_cache_memory_give(cache, memory->slot);
    }
    *memory = (struct fi_block_memory){NULL, NULL};
}

/* ---- blocks that stay when the cache has gone ---- */

/* Relaxed, as all counts here: nothing is published by it. */
static _Atomic size_t leased_bytes;

struct fi_block_lease *
fi_block_cache_lease(const struct fi_block_cache *cache, const struct fi_block_pin *pin)
{
    const struct fi_block_cache_slot *slot = pin->slot;
    DCHECK(slot != NULL);
    if (slot->memory == NULL) {
        return NULL;
    }
    struct fi_block_lease *lease = fi_block_cache_lease_of(slot);
    size_t counted = lease->counted_bytes;
    size_t before = atomic_fetch_add_explicit(&leased_bytes, counted, memory_order_relaxed);
    if (counted > 0 && before + counted > cache->budget_bytes / 2) {
        atomic_fetch_sub_explicit(&leased_bytes, counted, memory_order_relaxed);
        return NULL;
    }
    /* Relaxed: the pin keeps the slot's share. */
    size_t refs = atomic_fetch_add_explicit(&lease->refs, 1, memory_order_relaxed);
    DCHECK(refs > 0);
    (void)refs;
    return lease;
}

void
fi_block_cache_lease_end(struct fi_block_lease *lease)
{
    if (lease != NULL) {
        size_t counted = lease->counted_bytes;
        size_t before = atomic_fetch_sub_explicit(&leased_bytes, counted, memory_order_relaxed);
        DCHECK(counted <= before);
        (void)before;
        fi_block_cache_lease_unref(lease);
    }
}
