/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_scratch.c: one thread's working memory for reading packs: a decompressor, the last
 * few frames and the last few pages of object tables, of any packs.
 *
 * An entry is identified by the identity of its pack (128 random bits in the file) and its number
 * there, so what was read through one handle serves another handle of the same file. Cached frames
 * and pages were verified as blocks. Objects are still compared with their names at each read, so
 * not even two files with the same identity can yield a wrong object. The least recently used entry
 * is replaced; there are few entries, so both searches look at all of them.
 *
 * (I1) An entry is valid only while its number is set; the number is cleared before the buffer is
 *      filled again, so a failed read leaves no entry.
 *
 * Memory: frame_count_max decoded frames, each with its stored bytes after it (1.5 MiB together in
 * the pack of a save, 3 MiB in a joined one, at most 33 MiB), but no more than FRAMES_SIZE_MAX or
 * one of them; 8 pages, and the last object that was made from its base. A buffer that grew for an
 * unusually large frame or object is freed when another takes its place. The buffer of a frame that
 * has to go is the next one's: the system has given its pages already, which takes longer than
 * decompressing them. A walk through a history reads a few frames in turn, of joined packs.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "pack/pack.h"
#include "pack/pack_internal.h"

enum { PAGE_COUNT = 8, KEPT_SIZE_MAX = 4 << 20, FRAMES_SIZE_MAX = 16 << 20 };
enum { BUFFER_SIZE_STEP = 64 << 10 };

struct entry {
    struct fi_block_file_id id;
    uint32_t number;
    bool is_valid; /* (I1) */
    uint64_t used;
    struct fi_buf bytes;
};

struct fi_pack_scratch {
    struct fi_pack_scratch *next; /* in a pool */
    struct fi_compress *compress;
    struct fi_pack_scratch_delta delta;
    int (*tick)(void *ctx, firn_error *err); /* NULL: no call */
    void *tick_ctx;
    uint64_t decoded;  /* bytes of frames */
    uint64_t verified; /* bytes of the pack that is being verified */
    uint64_t clock;
    unsigned frame_count;
    struct entry pages[PAGE_COUNT];
    struct entry frames[];
};

int
fi_pack_scratch_create(unsigned frame_count_max, struct fi_pack_scratch **out, firn_error *err)
{
    *out = NULL;
    unsigned count = frame_count_max == 0 ? 1 : frame_count_max;
    struct fi_pack_scratch *scratch =
        fi_alloc_zeroed(sizeof *scratch + count * sizeof scratch->frames[0]);
    if (scratch == NULL) {
        return fi_error_no_memory(err, "working memory for packs");
    }
    scratch->frame_count = count;
    int rc = fi_compress_create(&scratch->compress, err);
    if (rc != FIRN_OK) {
        fi_pack_scratch_destroy(scratch);
        return rc;
    }
    *out = scratch;
    return FIRN_OK;
}

void
fi_pack_scratch_destroy(struct fi_pack_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        fi_buf_deinit(&scratch->pages[i].bytes);
    }
    for (size_t i = 0; i < scratch->frame_count; i++) {
        fi_buf_deinit(&scratch->frames[i].bytes);
    }
    fi_buf_deinit(&scratch->delta.stored);
    fi_buf_deinit(&scratch->delta.content);
    fi_compress_destroy(scratch->compress);
    fi_free(scratch);
}

void
fi_pack_scratch_set_tick(struct fi_pack_scratch *scratch, int (*tick)(void *ctx, firn_error *err),
                         void *ctx)
{
    scratch->tick = tick;
    scratch->tick_ctx = ctx;
}

int
fi_pack_scratch_tick(struct fi_pack_scratch *scratch, firn_error *err)
{
    return scratch->tick == NULL ? FIRN_OK : scratch->tick(scratch->tick_ctx, err);
}

uint64_t
fi_pack_scratch_decoded(const struct fi_pack_scratch *scratch)
{
    return scratch->decoded;
}

uint64_t
fi_pack_scratch_verified(const struct fi_pack_scratch *scratch)
{
    return scratch->verified;
}

void
fi_pack_scratch_set_verified(struct fi_pack_scratch *scratch, uint64_t bytes)
{
    scratch->verified = bytes;
}

static void
pack_scratch_shrink(struct fi_buf *buf)
{
    if (buf->capacity > KEPT_SIZE_MAX) {
        fi_buf_deinit(buf);
    }
}

struct fi_pack_scratch_delta *
fi_pack_scratch_delta(struct fi_pack_scratch *scratch)
{
    pack_scratch_shrink(&scratch->delta.stored);
    pack_scratch_shrink(&scratch->delta.content);
    return &scratch->delta;
}

struct fi_compress *
fi_pack_scratch_compress(struct fi_pack_scratch *scratch)
{
    return scratch->compress;
}

/* The link of scratches in a pool. */
static struct fi_pack_scratch **
scratch_link(struct fi_pack_scratch *scratch)
{
    return &scratch->next;
}

/* The entry of this pack and number, or the one to be filled with it (then not valid). */
static struct entry *
look_up(struct fi_pack_scratch *scratch, struct entry *entries, size_t count,
        const struct firn_pack *pack, uint32_t number)
{
    DCHECK(count > 0);
    const struct fi_block_file_id *id = fi_block_reader_id(pack->reader);
    struct entry *oldest = &entries[0];
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &entries[i];
        if (entry->is_valid && entry->number == number &&
            memcmp(entry->id.bytes, id->bytes, sizeof id->bytes) == 0) {
            entry->used = ++scratch->clock;
            return entry;
        }
        if (entry->used < oldest->used) {
            oldest = entry;
        }
    }
    oldest->id = *id;
    oldest->number = number;
    oldest->is_valid = false;
    oldest->used = ++scratch->clock;
    return oldest;
}

int
fi_pack_scratch_page(struct fi_pack_scratch *scratch, struct firn_pack *pack, uint32_t page,
                     firn_slice *out, firn_error *err)
{
    struct entry *entry = look_up(scratch, scratch->pages, PAGE_COUNT, pack, page);
    if (!entry->is_valid) {
        int rc = fi_pack_frames_read_page(pack, page, scratch->compress, &entry->bytes, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        entry->is_valid = true;
    }
    DCHECK(entry->bytes.size == fi_pack_frames_page_ref(pack, page).raw_size); /* (I1) */
    *out = fi_buf_slice(&entry->bytes);
    return FIRN_OK;
}

/* Gives an entry memory for so many bytes and not, as a buffer that grows, for twice as many. If
 * there is none, the read fails. */
static void
give_memory(struct entry *entry, size_t needed)
{
    if (entry->bytes.capacity >= needed) {
        return;
    }
    const size_t capacity = (needed / BUFFER_SIZE_STEP + 1) * BUFFER_SIZE_STEP;
    fi_buf_deinit(&entry->bytes);
    uint8_t *data = fi_alloc(capacity);
    if (data != NULL) {
        entry->bytes = (struct fi_buf){.data = data, .capacity = capacity};
    }
}

/* Frees frames, the least recently used first, until the next one fits beside the others, and gives
 * it memory: one of theirs, where that is large enough. */
static void
make_room(struct fi_pack_scratch *scratch, struct entry *next, struct fi_block_ref ref)
{
    const size_t needed = (size_t)ref.raw_size + ref.stored_size;
    size_t held = 0;
    pack_scratch_shrink(&next->bytes);
    for (unsigned i = 0; i < scratch->frame_count; i++) {
        held += &scratch->frames[i] == next ? 0 : scratch->frames[i].bytes.capacity;
    }
    while (held > 0 && held + needed > FRAMES_SIZE_MAX) {
        struct entry *oldest = NULL;
        for (unsigned i = 0; i < scratch->frame_count; i++) {
            struct entry *entry = &scratch->frames[i];
            if (entry != next && entry->bytes.capacity > 0 &&
                (oldest == NULL || entry->used < oldest->used)) {
                oldest = entry;
            }
        }
        held -= oldest->bytes.capacity;
        oldest->is_valid = false; /* (I1) */
        if (next->bytes.capacity < needed && oldest->bytes.capacity >= needed &&
            oldest->bytes.capacity <= KEPT_SIZE_MAX) {
            const struct fi_buf smaller = next->bytes;
            next->bytes = oldest->bytes;
            oldest->bytes = smaller;
        }
        fi_buf_deinit(&oldest->bytes);
    }
    give_memory(next, needed);
}

int
fi_pack_scratch_frame(struct fi_pack_scratch *scratch, struct firn_pack *pack, uint32_t frame,
                      struct fi_pack_format_frame *out, firn_error *err)
{
    struct entry *entry = look_up(scratch, scratch->frames, scratch->frame_count, pack, frame);
    if (entry->is_valid) {
        bool is_frame = fi_pack_format_open_frame(fi_buf_slice(&entry->bytes), out);
        CHECK(is_frame); /* (I1) */
        return FIRN_OK;
    }
    make_room(scratch, entry, fi_pack_frames_ref(pack, frame));
    int rc = fi_pack_frames_read(pack, frame, scratch->compress, &entry->bytes, out, err);
    entry->is_valid = rc == FIRN_OK;
    scratch->decoded += entry->bytes.size;
    return rc;
}

/* Working memory for reading packs, shared by threads one after the other.
 *
 * A taker gets the scratch that was given back last, which has the most recently read frames. The
 * pool makes as many as are in use at once; they stay until it is trimmed or destroyed. */

void
fi_pack_scratch_pool_init(struct fi_pack_pool *pool, struct fi_os *os, unsigned frame_count_max)
{
    *pool = (struct fi_pack_pool){.frame_count_max = frame_count_max};
    fi_os_mutex_init(os, &pool->mutex, FI_LOCK_PACK_SET);
}

void
fi_pack_scratch_pool_deinit(struct fi_pack_pool *pool)
{
    fi_pack_scratch_pool_trim(pool, 0);
    fi_os_mutex_deinit(&pool->mutex);
}

int
fi_pack_scratch_pool_take(struct fi_pack_pool *pool, struct fi_pack_scratch **out, firn_error *err)
{
    fi_os_mutex_lock(&pool->mutex);
    struct fi_pack_scratch *scratch = pool->first;
    if (scratch != NULL) {
        pool->first = *scratch_link(scratch);
    }
    fi_os_mutex_unlock(&pool->mutex);
    *out = scratch;
    return scratch != NULL ? FIRN_OK : fi_pack_scratch_create(pool->frame_count_max, out, err);
}

void
fi_pack_scratch_pool_give(struct fi_pack_pool *pool, struct fi_pack_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    fi_os_mutex_lock(&pool->mutex);
    DCHECK(scratch != pool->first);
    *scratch_link(scratch) = pool->first;
    pool->first = scratch;
    fi_os_mutex_unlock(&pool->mutex);
}

void
fi_pack_scratch_pool_trim(struct fi_pack_pool *pool, unsigned count_max)
{
    fi_os_mutex_lock(&pool->mutex);
    struct fi_pack_scratch **link = &pool->first;
    for (unsigned i = 0; i < count_max && *link != NULL; i++) {
        link = scratch_link(*link);
    }
    struct fi_pack_scratch *rest = *link;
    *link = NULL;
    fi_os_mutex_unlock(&pool->mutex);
    while (rest != NULL) {
        struct fi_pack_scratch *scratch = rest;
        rest = *scratch_link(scratch);
        fi_pack_scratch_destroy(scratch);
    }
}
