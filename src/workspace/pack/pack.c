/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack.c: opens a pack, finds objects and reads them.
 *
 * Memory hardly grows with the number of objects (pack_frames.c).
 *
 * find: a binary search over the fences finds the one page that can contain the hash. One read of
 * 32 KiB follows, checked as a block and then for order, and a binary search inside it. Pages stay
 * in the scratch for a while.
 *
 * read: the frame from the scratch, or one pread and one decompression; then the object's bytes are
 * hashed and compared with its name, every time: the checksum of a frame proves that its bytes are
 * what was written, the name that they are what was requested. So if a location from outside (a
 * catalog) is wrong, the result is FIRN_CORRUPT, never other bytes. A list of pieces and a delta
 * are not named by their own bytes; the frame's list carries their names, and those are compared.
 *
 * Threads: the handle does not change after open, except for its pool of scratches; a scratch
 * belongs to one thread.
 */
#include "pack/pack.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/pack_internal.h"

enum { ENTRY_SIZE = FI_PACK_FORMAT_ENTRY_SIZE, POOL_FRAME_COUNT = 4 };

/* The rest of opening; closes the pack if that fails. rc is what opening its reader came to. */
static int
open_tables(struct firn_pack *pack, int rc, struct firn_pack **out, firn_error *err)
{
    if (rc == FIRN_OK) {
        rc = fi_pack_frames_load(pack, err);
    }
    if (rc != FIRN_OK) {
        fi_pack_close(pack);
        return rc;
    }
    *out = pack;
    return FIRN_OK;
}

static int
allocate(struct fi_os *os, struct firn_pack **out, firn_error *err)
{
    struct firn_pack *pack = fi_alloc_zeroed(sizeof *pack);
    if (pack == NULL) {
        return fi_error_no_memory(err, "a pack");
    }
    fi_os_process_init_mark(&pack->mark);
    pack->os = os;
    fi_pack_scratch_pool_init(&pack->pool, os, POOL_FRAME_COUNT);
    *out = pack;
    return FIRN_OK;
}

int
fi_pack_open(struct fi_os_dir *dir, const char *name, struct firn_pack **out, firn_error *err)
{
    struct firn_pack *pack;
    *out = NULL;
    FI_TRY_RETURN(allocate(fi_os_dir_os(dir), &pack, err));
    return open_tables(
        pack, fi_block_reader_open(dir, name, FI_BLOCK_FILE_PACK, &pack->reader, err), out, err);
}

int
fi_pack_open_source(struct fi_os *os, const struct fi_block_source *source, struct firn_pack **out,
                    firn_error *err)
{
    struct firn_pack *pack;
    *out = NULL;
    FI_TRY_RETURN(allocate(os, &pack, err));
    pack->is_foreign = true;
    return open_tables(pack,
                       fi_block_reader_open_source(source, FI_BLOCK_FILE_PACK, &pack->reader, err),
                       out, err);
}

int
fi_pack_open_path(struct fi_os *os, const char *path, struct firn_pack **out, firn_error *err)
{
    *out = NULL;
    struct fi_os_dir *dir;
    const char *name;
    int rc = fi_pack_path_open_parent(os, path, &dir, &name, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_open(dir, name, out, err);
        fi_os_dir_close(dir);
    }
    return rc;
}

void
fi_pack_close(struct firn_pack *pack)
{
    if (pack == NULL) {
        return;
    }
    fi_pack_scratch_pool_deinit(&pack->pool);
    fi_block_reader_close(pack->reader);
    fi_free(pack->frames);
    fi_free(pack->fences);
    fi_free(pack);
}

bool
fi_pack_has_cells(const struct firn_pack *pack)
{
    return (fi_block_reader_needs(pack->reader) & FI_BLOCK_NEEDS_CELLS) != 0;
}

const struct fi_block_file_id *
fi_pack_id(const struct firn_pack *pack)
{
    return fi_block_reader_id(pack->reader);
}

const char *
fi_pack_path(const struct firn_pack *pack)
{
    return fi_block_reader_path(pack->reader);
}

uint64_t
fi_pack_count(const struct firn_pack *pack)
{
    return pack->object_count;
}

struct fi_pack_frame_size
fi_pack_frame_size_of(const struct firn_pack *pack, uint32_t number)
{
    DCHECK(number < pack->frame_count);
    const struct fi_block_ref *frame = &pack->frames[number];
    return (struct fi_pack_frame_size){frame->stored_size, frame->raw_size};
}

struct fi_pack_span
fi_pack_frame_span(const struct firn_pack *pack, uint32_t number)
{
    DCHECK(number < pack->frame_count);
    const struct fi_block_ref *frame = &pack->frames[number];
    return (struct fi_pack_span){frame->offset, fi_block_reader_span(frame)};
}

struct fi_pack_span
fi_pack_pages_span(const struct firn_pack *pack)
{
    const uint64_t body_end = fi_block_reader_body_end(pack->reader);
    uint64_t start = body_end;
    uint64_t end = 0;
    for (uint32_t i = 0; i < pack->page_count; i++) {
        const struct fi_block_ref page = fi_pack_frames_page_ref(pack, i);
        if (page.offset < body_end) { /* else reading it fails */
            const uint64_t left = body_end - page.offset;
            const uint64_t size = fi_block_reader_span(&page);
            start = page.offset < start ? page.offset : start;
            end = size < left && page.offset + size > end ? page.offset + size : end;
        }
    }
    return (struct fi_pack_span){start, end > start ? end - start : 0};
}

uint64_t
fi_pack_size_bytes(const struct firn_pack *pack)
{
    return fi_block_reader_size_bytes(pack->reader);
}

int
fi_pack_take_scratch(struct firn_pack *pack, struct fi_pack_scratch **out, firn_error *err)
{
    return fi_pack_scratch_pool_take(&pack->pool, out, err);
}

void
fi_pack_give_scratch(struct firn_pack *pack, struct fi_pack_scratch *scratch)
{
    fi_pack_scratch_pool_give(&pack->pool, scratch);
}

/* ---- opening ---- */

uint32_t
fi_pack_frame_count(const struct firn_pack *pack)
{
    return pack->frame_count;
}

uint64_t
fi_pack_frame_size(const struct firn_pack *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame].stored_size;
}

/* Whether the frame's own list is sound and has an object of this place, kind and, for PIECES,
 * name. */
static bool
list_has(const struct fi_pack_format_frame *frame, const firn_hash *hash,
         const struct fi_pack_location *at)
{
    bool found = false;
    struct fi_pack_format_item item;
    struct fi_pack_format_items items = fi_pack_format_items_of(frame);
    while (fi_pack_format_next_item(&items, &item)) {
        found |= item.offset == at->offset && item.size == at->size && item.kind == at->kind &&
                 (!fi_pack_kind_is_named(item.kind) || fi_hash_equal(&item.name, hash));
    }
    return found && fi_pack_format_items_ended(&items);
}

/* ---- finding and reading ---- */

/* The last page whose first hash is not above `hash`; false if there is none. */
static bool
choose_page(const struct firn_pack *pack, const firn_hash *hash, uint32_t *out)
{
    size_t above = 0;
    size_t end = pack->page_count;
    FI_SEARCH_FIRST(above, end, i,
                    memcmp(pack->fences[i].first.bytes, hash->bytes, sizeof hash->bytes) <= 0);
    DCHECK(above == pack->page_count ||
           memcmp(pack->fences[above].first.bytes, hash->bytes, sizeof hash->bytes) > 0);
    *out = (uint32_t)above - 1;
    return above > 0;
}

static bool
search_page(firn_slice page, const firn_hash *hash, struct fi_pack_format_entry *out)
{
    DCHECK(page.size % ENTRY_SIZE == 0);
    const size_t count = page.size / ENTRY_SIZE;
    size_t at = 0;
    size_t end = count;
    FI_SEARCH_FIRST(at, end, i,
                    memcmp(page.data + i * ENTRY_SIZE, hash->bytes, sizeof hash->bytes) < 0);
    const uint8_t *entry = page.data + at * ENTRY_SIZE;
    if (at == count || memcmp(entry, hash->bytes, sizeof hash->bytes) != 0) {
        return false;
    }
    fi_pack_format_decode_entry(entry, out);
    return true;
}

int
fi_pack_find(struct firn_pack *pack, struct fi_pack_scratch *scratch, const firn_hash *hash,
             struct fi_pack_location *out, firn_error *err)
{
    uint32_t number;
    struct fi_pack_format_entry entry;
    if (choose_page(pack, hash, &number)) {
        firn_slice page;
        int rc = fi_pack_scratch_page(scratch, pack, number, &page, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (search_page(page, hash, &entry)) {
            *out = entry.at;
            return FIRN_OK;
        }
    }
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_NOT_FOUND, "'%s' has no object %s", fi_pack_path(pack), hex);
}

static int
object_corrupt(const struct firn_pack *pack, const firn_hash *hash,
               const struct fi_pack_location *at, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    unsigned long long offset = at->frame < pack->frame_count ? pack->frames[at->frame].offset : 0;
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%s': object %s, %u bytes at %u of frame %u (at %llu): %s",
                        fi_pack_path(pack), hex, at->size, at->offset, at->frame, offset, what);
}

int
fi_pack_object_failed(const firn_hash *hash, int rc, firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    if (rc != FIRN_NO_MEMORY) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        fi_error_prefix(err, "object %s", hex);
    }
    return rc;
}

static bool
pack_matches(firn_slice content, const firn_hash *hash)
{
    firn_hash found;
    fi_blake3_hash_of(content.data, content.size, &found);
    return fi_hash_equal(&found, hash);
}

int
fi_pack_read_piece(struct firn_pack *pack, struct fi_pack_scratch *scratch, const firn_hash *hash,
                   const struct fi_pack_location *at, firn_slice *out, firn_error *err)
{
    *out = firn_bytes(NULL, 0);
    if (at->frame >= pack->frame_count) {
        return object_corrupt(pack, hash, at, "there is no such frame", err);
    }
    struct fi_pack_format_frame frame;
    int rc = fi_pack_scratch_frame(scratch, pack, at->frame, &frame, err);
    if (rc != FIRN_OK) {
        return fi_pack_object_failed(hash, rc, err);
    }
    if (!fi_range_inside(at->offset, at->size, frame.contents.size)) {
        return object_corrupt(pack, hash, at, "that is outside the frame", err);
    }
    firn_slice content = firn_bytes(frame.contents.data + at->offset, at->size);
    if (fi_pack_kind_is_named(at->kind) &&
        (!list_has(&frame, hash, at) || !fi_pack_format_has_form(at->kind, hash, content))) {
        return object_corrupt(pack, hash, at,
                              at->kind == FI_PACK_DELTA ? "it is not a delta of that name"
                                                        : "it is not a list of pieces of that name",
                              err);
    }
    *out = content;
    return FIRN_OK;
}

int
fi_pack_read(struct firn_pack *pack, struct fi_pack_scratch *scratch, const firn_hash *hash,
             const struct fi_pack_location *at, firn_slice *out, firn_error *err)
{
    int rc = fi_pack_read_piece(pack, scratch, hash, at, out, err);
    if (rc == FIRN_OK && !fi_pack_kind_is_named(at->kind) && !pack_matches(*out, hash)) {
        *out = firn_bytes(NULL, 0);
        return object_corrupt(pack, hash, at, "its bytes do not match its name", err);
    }
    return rc;
}

static int
list_page(firn_slice page,
          int (*visit)(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                       firn_error *err),
          void *ctx, firn_error *err)
{
    for (size_t at = 0; at < page.size; at += ENTRY_SIZE) {
        struct fi_pack_format_entry entry;
        fi_pack_format_decode_entry(page.data + at, &entry);
        int rc = visit(ctx, &entry.hash, &entry.at, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
fi_pack_list(struct firn_pack *pack, struct fi_pack_scratch *scratch,
             int (*visit)(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                          firn_error *err),
             void *ctx, firn_error *err)
{
    /* Not a page of the scratch: visit may use the scratch. */
    struct fi_buf page = {0};
    int rc = FIRN_OK;
    for (uint32_t i = 0; i < pack->page_count; i++) {
        FI_TRY(fi_pack_frames_read_page(pack, i, fi_pack_scratch_compress(scratch), &page, err));
        FI_TRY(list_page(fi_buf_slice(&page), visit, ctx, err));
    }
out:
    fi_buf_deinit(&page);
    return rc;
}
