/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_memory_data.c: contents of files in memory, and their durability.
 *
 * A file is an array of slots of 4 KiB, each with the block that the machine sees (cache) and the
 * one that its disk holds (media). Blocks are counted and written only while they have one owner: a
 * write to a block that media or a clone shares makes a copy first. So a clean slot costs one
 * block, a sync is a matter of pointers, and a clone copies no contents at all.
 *
 * (I1) Cached bytes beyond cache_size are zero, and slots wholly beyond it hold no contents
 *   (reserved space at most).
 * (I2) Slots outside [dirty_from, dirty_to) are clean (cache == media) or lost (a sync failed over
 *   them).
 * (I3) truncated_to is the smallest size since media last held the size. As long as that truncation
 *      has not reached the disk, neither has anything that came later and lies beyond it: their
 *      blocks were given out after it.
 *
 * What reaches the disk by itself, or survives a power cut, is flush_some: a toss decides about the
 * truncation, then one about each sector that differs, then one about the size. Sectors whose write
 * was not kept but whose size was read as zero where nothing was before, as on file systems that
 * allocate late.
 *
 * Lost slots. Linux reports a failed write-back once and marks the pages clean: they can still be
 * read for a while, but no later sync writes them. `lose` does that to about half of the dirty
 * blocks, and takes back the others in the cache too, as if they had been evicted.
 *
 * Limits: contents up to 64 GiB from the start of a file (the array of slots is dense); holes
 * beyond need no slots.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/sim_memory_fs.h"

enum { SECTORS = FI_SIM_MEMORY_BLOCK_SIZE / FI_SIM_MEMORY_SECTOR_SIZE };

struct fi_sim_memory_block fi_sim_memory_data_reserved = {.refs = 1};

static struct fi_sim_memory_block *
ref(struct fi_sim_memory_block *block)
{
    if (block != NULL && block != &fi_sim_memory_data_reserved) {
        block->refs++;
    }
    return block;
}

static void
unref(struct fi_sim_memory_block *block)
{
    if (block != NULL && block != &fi_sim_memory_data_reserved && --block->refs == 0) {
        fi_free(block);
    }
}

static bool
has_contents(const struct fi_sim_memory_block *block)
{
    return block != NULL && block != &fi_sim_memory_data_reserved;
}

void
fi_sim_memory_data_init(struct fi_sim_memory_inode *file)
{
    file->contents = (struct fi_sim_memory_contents){.truncated_to = UINT64_MAX};
}

void
fi_sim_memory_data_deinit(struct fi_sim_memory_inode *file)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    for (size_t i = 0; i < contents->slot_count; i++) {
        unref(contents->slots[i].cache);
        unref(contents->slots[i].media);
    }
    file->fs->used_bytes -= contents->cached_blocks * FI_SIM_MEMORY_BLOCK_SIZE;
    fi_free(contents->slots);
    fi_sim_memory_data_init(file);
}

int
fi_sim_memory_data_copy(const struct fi_sim_memory_inode *from, struct fi_sim_memory_inode *to)
{
    size_t count = from->contents.slot_count;
    struct fi_sim_memory_slot *slots = fi_alloc_array(count, sizeof *slots);
    if (slots == NULL) {
        return ENOMEM;
    }
    to->contents = from->contents;
    to->contents.slots = slots;
    for (size_t i = 0; i < count; i++) {
        slots[i] = from->contents.slots[i];
        (void)ref(slots[i].cache);
        (void)ref(slots[i].media);
    }
    to->fs->used_bytes += to->contents.cached_blocks * FI_SIM_MEMORY_BLOCK_SIZE;
    return 0;
}

static void
mark_dirty(struct fi_sim_memory_contents *contents, size_t from, size_t to)
{
    if (contents->dirty_from == contents->dirty_to) {
        contents->dirty_from = from;
        contents->dirty_to = to;
        return;
    }
    contents->dirty_from = from < contents->dirty_from ? from : contents->dirty_from;
    contents->dirty_to = to > contents->dirty_to ? to : contents->dirty_to;
}

static int
reserve_slots(struct fi_sim_memory_contents *contents, uint64_t count)
{
    if (count <= contents->slot_count) {
        return 0;
    }
    if (count > FI_SIM_MEMORY_SLOTS_MAX) {
        return EFBIG;
    }
    size_t capacity = (size_t)count + contents->slot_count / 2;
    struct fi_sim_memory_slot *slots = fi_resize_array(contents->slots, capacity, sizeof *slots);
    if (slots == NULL) {
        return ENOMEM;
    }
    memset(&slots[contents->slot_count], 0, (capacity - contents->slot_count) * sizeof *slots);
    contents->slots = slots;
    contents->slot_count = capacity;
    return 0;
}

/* A block of one's own with the same bytes; gives the old reference back. NULL, and nothing
 * changed, without memory. */
static struct fi_sim_memory_block *
own_block(struct fi_sim_memory_block *block)
{
    if (has_contents(block) && block->refs == 1) {
        return block;
    }
    struct fi_sim_memory_block *own = fi_alloc(sizeof *own);
    if (own == NULL) {
        return NULL;
    }
    if (has_contents(block)) {
        memcpy(own->bytes, block->bytes, sizeof own->bytes);
    } else {
        memset(own->bytes, 0, sizeof own->bytes);
    }
    own->refs = 1;
    unref(block);
    return own;
}

static bool
space_for_a_block(const struct fi_sim_memory *fs)
{
    return fs->space_bytes >= FI_SIM_MEMORY_BLOCK_SIZE &&
           fs->used_bytes <= fs->space_bytes - FI_SIM_MEMORY_BLOCK_SIZE;
}

static void
count_cached_block(struct fi_sim_memory_inode *file)
{
    file->contents.cached_blocks++;
    file->fs->used_bytes += FI_SIM_MEMORY_BLOCK_SIZE;
}

static void
drop_cached(struct fi_sim_memory_inode *file, size_t index)
{
    struct fi_sim_memory_slot *slot = &file->contents.slots[index];
    if (slot->cache != NULL) {
        unref(slot->cache);
        slot->cache = NULL;
        slot->lost = false;
        file->contents.cached_blocks--;
        file->fs->used_bytes -= FI_SIM_MEMORY_BLOCK_SIZE;
    }
}

/* Makes the cached block of a slot one that may be written. */
static int
writable_block(struct fi_sim_memory_inode *file, size_t index, struct fi_sim_memory_block **out)
{
    struct fi_sim_memory_slot *slot = &file->contents.slots[index];
    bool new_space = slot->cache == NULL;
    if (new_space && !space_for_a_block(file->fs)) {
        return ENOSPC;
    }
    struct fi_sim_memory_block *block = own_block(slot->cache);
    if (block == NULL) {
        return ENOMEM;
    }
    if (new_space) {
        count_cached_block(file);
    }
    slot->cache = block;
    slot->lost = false;
    mark_dirty(&file->contents, index, index + 1);
    *out = block;
    return 0;
}

size_t
fi_sim_memory_data_read(const struct fi_sim_memory_inode *file, uint64_t offset, uint8_t *data,
                        size_t size)
{
    const struct fi_sim_memory_contents *contents = &file->contents;
    if (offset >= contents->cache_size) {
        return 0;
    }
    uint64_t left = contents->cache_size - offset;
    size = size < left ? size : (size_t)left;
    for (size_t done = 0; done < size;) {
        uint64_t index = (offset + done) / FI_SIM_MEMORY_BLOCK_SIZE;
        size_t start = (size_t)((offset + done) % FI_SIM_MEMORY_BLOCK_SIZE);
        size_t part = FI_SIM_MEMORY_BLOCK_SIZE - start;
        part = part < size - done ? part : size - done;
        const struct fi_sim_memory_block *block =
            index < contents->slot_count ? contents->slots[index].cache : NULL;
        if (has_contents(block)) {
            memcpy(data + done, block->bytes + start, part);
        } else {
            memset(data + done, 0, part);
        }
        done += part;
    }
    return size;
}

int
fi_sim_memory_data_write(struct fi_sim_memory_inode *file, uint64_t offset, const uint8_t *data,
                         size_t size, size_t *out_size)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    uint64_t end_slot = (offset + size + FI_SIM_MEMORY_BLOCK_SIZE - 1) / FI_SIM_MEMORY_BLOCK_SIZE;
    int error_number = reserve_slots(contents, end_slot);
    size_t done = 0;
    while (error_number == 0 && done < size) {
        size_t index = (size_t)((offset + done) / FI_SIM_MEMORY_BLOCK_SIZE);
        size_t start = (size_t)((offset + done) % FI_SIM_MEMORY_BLOCK_SIZE);
        size_t part = FI_SIM_MEMORY_BLOCK_SIZE - start;
        part = part < size - done ? part : size - done;
        struct fi_sim_memory_block *block;
        error_number = writable_block(file, index, &block);
        if (error_number == 0) {
            memcpy(block->bytes + start, data + done, part);
            done += part;
        }
    }
    if (done > 0 && offset + done > contents->cache_size) {
        contents->cache_size = offset + done;
    }
    *out_size = done;
    return done > 0 ? 0 : error_number;
}

static size_t
slot_after(const struct fi_sim_memory_contents *contents, uint64_t size)
{
    uint64_t index = size / FI_SIM_MEMORY_BLOCK_SIZE + (size % FI_SIM_MEMORY_BLOCK_SIZE != 0);
    return index < contents->slot_count ? (size_t)index : contents->slot_count;
}

/* Zeroes the bytes of the block in *slot from size on, if size lies inside it. False without
 * memory. */
static bool
zero_tail(struct fi_sim_memory_block **slot, uint64_t size)
{
    size_t start = (size_t)(size % FI_SIM_MEMORY_BLOCK_SIZE);
    if (start == 0 || !has_contents(*slot)) {
        return true;
    }
    struct fi_sim_memory_block *block = own_block(*slot);
    if (block == NULL) {
        return false;
    }
    memset(block->bytes + start, 0, FI_SIM_MEMORY_BLOCK_SIZE - start);
    *slot = block;
    return true;
}

int
fi_sim_memory_data_truncate(struct fi_sim_memory_inode *file, uint64_t size)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    size_t first_beyond = slot_after(contents, size);
    uint64_t last = size / FI_SIM_MEMORY_BLOCK_SIZE;
    if (size < contents->cache_size) {
        if (last < contents->slot_count) {
            if (!zero_tail(&contents->slots[last].cache, size)) {
                return ENOMEM;
            }
            contents->slots[last].lost = false;
        }
        contents->truncated_to = size < contents->truncated_to ? size : contents->truncated_to;
        mark_dirty(contents, last < first_beyond ? (size_t)last : first_beyond,
                   contents->slot_count);
    }
    for (size_t i = first_beyond; i < contents->slot_count; i++) {
        if (contents->slots[i].cache != NULL) {
            drop_cached(file, i);
            mark_dirty(contents, i, i + 1);
        }
    }
    contents->cache_size = size;
    return 0;
}

int
fi_sim_memory_data_allocate(struct fi_sim_memory_inode *file, uint64_t size)
{
    uint64_t end = (size + FI_SIM_MEMORY_BLOCK_SIZE - 1) / FI_SIM_MEMORY_BLOCK_SIZE;
    int error_number = reserve_slots(&file->contents, end);
    for (size_t i = 0; error_number == 0 && i < end; i++) {
        if (file->contents.slots[i].cache == NULL) {
            if (!space_for_a_block(file->fs)) {
                return ENOSPC;
            }
            file->contents.slots[i].cache = &fi_sim_memory_data_reserved;
            mark_dirty(&file->contents, i, i + 1);
            count_cached_block(file);
        }
    }
    return error_number;
}

bool
fi_sim_memory_data_is_written(const struct fi_sim_memory_inode *file, uint64_t offset,
                              uint64_t size)
{
    const struct fi_sim_memory_contents *contents = &file->contents;
    if (offset > contents->cache_size || size > contents->cache_size - offset) {
        return false;
    }
    uint64_t end = offset + size;
    for (uint64_t i = offset / FI_SIM_MEMORY_BLOCK_SIZE; i * FI_SIM_MEMORY_BLOCK_SIZE < end; i++) {
        if (i >= contents->slot_count || !has_contents(contents->slots[i].cache)) {
            return false;
        }
    }
    return true;
}

void
fi_sim_memory_data_next(const struct fi_sim_memory_inode *file, uint64_t offset,
                        uint64_t *out_start, uint64_t *out_end)
{
    const struct fi_sim_memory_contents *contents = &file->contents;
    *out_start = contents->cache_size;
    *out_end = contents->cache_size;
    if (offset >= contents->cache_size) {
        return;
    }
    size_t end_slot = slot_after(contents, contents->cache_size);
    uint64_t index = offset / FI_SIM_MEMORY_BLOCK_SIZE;
    while (index < end_slot && !has_contents(contents->slots[index].cache)) {
        index++;
    }
    if (index >= end_slot) {
        return;
    }
    uint64_t start = index * FI_SIM_MEMORY_BLOCK_SIZE;
    *out_start = start > offset ? start : offset;
    while (index < end_slot && has_contents(contents->slots[index].cache)) {
        index++;
    }
    uint64_t end = index * FI_SIM_MEMORY_BLOCK_SIZE;
    *out_end = end < contents->cache_size ? end : contents->cache_size;
}

/* ---- durability ---- */

bool
fi_sim_memory_data_toss(struct fi_os_prng *prng, struct fi_sim_memory_share share)
{
    return fi_os_prng_below(prng, share.of) < share.keep;
}

static void
set_media(struct fi_sim_memory_slot *slot, struct fi_sim_memory_block *block)
{
    (void)ref(block);
    unref(slot->media);
    slot->media = block;
}

void
fi_sim_memory_data_flush_all(struct fi_sim_memory_inode *file)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    for (size_t i = contents->dirty_from; i < contents->dirty_to; i++) {
        struct fi_sim_memory_slot *slot = &contents->slots[i];
        if (!slot->lost && slot->media != slot->cache) {
            set_media(slot, slot->cache);
        }
    }
    contents->dirty_from = contents->dirty_to = 0;
    contents->media_size = contents->cache_size;
    contents->truncated_to = UINT64_MAX;
}

/* Lets the truncation reach the disk: media ends there. False, and nothing changed, without
 * memory. */
static bool
flush_truncation(struct fi_sim_memory_contents *contents)
{
    uint64_t size = contents->truncated_to;
    uint64_t last = size / FI_SIM_MEMORY_BLOCK_SIZE;
    if (last < contents->slot_count && !zero_tail(&contents->slots[last].media, size)) {
        return false;
    }
    for (size_t i = slot_after(contents, size); i < contents->slot_count; i++) {
        set_media(&contents->slots[i], NULL);
    }
    contents->media_size = size < contents->media_size ? size : contents->media_size;
    contents->truncated_to = UINT64_MAX;
    return true;
}

static const uint8_t *
sector_of(const struct fi_sim_memory_block *block, unsigned sector)
{
    static const uint8_t zeros[FI_SIM_MEMORY_SECTOR_SIZE];
    return has_contents(block) ? block->bytes + (size_t)sector * FI_SIM_MEMORY_SECTOR_SIZE : zeros;
}

/* Copies those sectors of the cache that the toss keeps and that end at or before limit, an
 * offset in the block. */
static void
flush_sectors(struct fi_sim_memory_slot *slot, uint64_t limit, struct fi_os_prng *prng,
              struct fi_sim_memory_share share)
{
    for (unsigned i = 0; i < SECTORS; i++) {
        const uint8_t *cached = sector_of(slot->cache, i);
        if ((i + 1) * (uint64_t)FI_SIM_MEMORY_SECTOR_SIZE > limit ||
            memcmp(cached, sector_of(slot->media, i), FI_SIM_MEMORY_SECTOR_SIZE) == 0 ||
            !fi_sim_memory_data_toss(prng, share)) {
            continue;
        }
        struct fi_sim_memory_block *media = own_block(slot->media);
        if (media == NULL) {
            return; /* what is not copied is not kept */
        }
        slot->media = media;
        memcpy(media->bytes + (size_t)i * FI_SIM_MEMORY_SECTOR_SIZE, cached,
               FI_SIM_MEMORY_SECTOR_SIZE);
    }
}

static void
flush_size(struct fi_sim_memory_contents *contents, struct fi_os_prng *prng,
           struct fi_sim_memory_share share)
{
    if (contents->media_size >= contents->cache_size || !fi_sim_memory_data_toss(prng, share)) {
        return;
    }
    uint64_t grown = contents->cache_size - contents->media_size;
    if (share.keep < share.of && fi_os_prng_below(prng, 2) == 0) {
        grown = fi_os_prng_below(prng, grown) + 1;
    }
    contents->media_size += grown;
}

void
fi_sim_memory_data_flush_some(struct fi_sim_memory_inode *file, struct fi_os_prng *prng,
                              struct fi_sim_memory_share share)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    if (contents->truncated_to != UINT64_MAX && fi_sim_memory_data_toss(prng, share)) {
        (void)flush_truncation(contents);
    }
    uint64_t limit = contents->truncated_to; /* (I3) */
    for (size_t i = contents->dirty_from; i < contents->dirty_to; i++) {
        struct fi_sim_memory_slot *slot = &contents->slots[i];
        uint64_t start = (uint64_t)i * FI_SIM_MEMORY_BLOCK_SIZE;
        if (start >= limit) {
            break;
        }
        if (!slot->lost && slot->media != slot->cache) {
            flush_sectors(slot, limit - start, prng, share);
        }
    }
    if (limit == UINT64_MAX) {
        flush_size(contents, prng, share);
    }
}

void
fi_sim_memory_data_lose(struct fi_sim_memory_inode *file)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    struct fi_os_prng *prng = &file->fs->prng;
    if (contents->truncated_to != UINT64_MAX && !flush_truncation(contents)) {
        return;
    }
    fi_sim_memory_data_flush_some(file, prng, (struct fi_sim_memory_share){1, 4});
    for (size_t i = contents->dirty_from; i < contents->dirty_to; i++) {
        struct fi_sim_memory_slot *slot = &contents->slots[i];
        if (slot->cache == slot->media) {
            continue;
        }
        if (!has_contents(slot->cache)) {
            set_media(slot, slot->cache); /* holes are metadata, which the journal keeps */
            continue;
        }
        slot->lost = true;
        if (fi_os_prng_below(prng, 2) == 0 && has_contents(slot->media)) {
            unref(slot->cache);
            slot->cache = ref(slot->media);
        }
    }
    contents->dirty_from = contents->dirty_to = 0;
}

void
fi_sim_memory_data_forget_cache(struct fi_sim_memory_inode *file)
{
    struct fi_sim_memory_contents *contents = &file->contents;
    uint64_t size = contents->media_size;
    uint64_t last = size / FI_SIM_MEMORY_BLOCK_SIZE;
    if (last < contents->slot_count) {
        bool zeroed = zero_tail(&contents->slots[last].media, size);
        CHECK(zeroed); /* out of memory at a simulated power cut */
    }
    size_t first_beyond = slot_after(contents, size);
    for (size_t i = 0; i < contents->slot_count; i++) {
        struct fi_sim_memory_slot *slot = &contents->slots[i];
        if (i >= first_beyond) {
            set_media(slot, NULL);
        }
        slot->lost = false;
        if (slot->cache == slot->media) {
            continue;
        }
        drop_cached(file, i);
        slot->cache = ref(slot->media);
        if (slot->cache != NULL) {
            count_cached_block(file);
        }
    }
    contents->cache_size = size;
    contents->truncated_to = UINT64_MAX;
    contents->dirty_from = contents->dirty_to = 0;
}
