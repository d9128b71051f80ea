/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile.c: opens a pack, finds objects and reads them; and the lists of pieces.
 *
 * Memory hardly grows with the number of objects: 16 bytes for each frame and 40 for each page of
 * 728 entries are kept while the pack is open; the pages themselves are read when needed.
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
 * Nothing from the file is used before it has been checked against the file's size and the format's
 * limits: the counts in the two sections must fit the sections' sizes exactly, frames must be
 * blocks of a possible size, fences must ascend.
 *
 * Threads: the handle does not change after open, except for its pool of scratches; a scratch
 * belongs to one thread.
 */
#include "pack/packfile.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/packfile_internal.h"

enum { ENTRY_SIZE = FIRN_PACKFILE_FORMAT_ENTRY_SIZE, POOL_FRAME_COUNT = 4 };

static int load_tables(struct firn_packfile *pack, firn_error *err);

int
firn_packfile_open(struct firn_os_dir *dir, const char *name, struct firn_packfile **out,
                   firn_error *err)
{
    *out = NULL;
    struct firn_packfile *pack = firn_alloc_zeroed(sizeof *pack);
    if (pack == NULL) {
        return firn_error_no_memory(err, "a pack");
    }
    firn_os_process_init_mark(&pack->mark);
    firn_packfile_scratch_pool_init(&pack->pool, firn_os_dir_os(dir), POOL_FRAME_COUNT);
    int rc = firn_block_reader_open(dir, name, FIRN_BLOCK_FILE_PACK, &pack->reader, err);
    if (rc == FIRN_OK) {
        rc = load_tables(pack, err);
    }
    if (rc != FIRN_OK) {
        firn_packfile_close(pack);
        return rc;
    }
    *out = pack;
    return FIRN_OK;
}

int
firn_packfile_open_path(struct firn_os *os, const char *path, struct firn_packfile **out,
                        firn_error *err)
{
    *out = NULL;
    struct firn_os_dir *dir;
    const char *name;
    int rc = firn_packfile_path_open_parent(os, path, &dir, &name, err);
    if (rc == FIRN_OK) {
        rc = firn_packfile_open(dir, name, out, err);
        firn_os_dir_close(dir);
    }
    return rc;
}

void
firn_packfile_close(struct firn_packfile *pack)
{
    if (pack == NULL) {
        return;
    }
    firn_packfile_scratch_pool_deinit(&pack->pool);
    firn_block_reader_close(pack->reader);
    firn_free(pack->frames);
    firn_free(pack->fences);
    firn_free(pack);
}

bool
firn_packfile_has_cells(const struct firn_packfile *pack)
{
    return (firn_block_reader_needs(pack->reader) & FIRN_BLOCK_NEEDS_CELLS) != 0;
}

const struct firn_block_file_id *
firn_packfile_id(const struct firn_packfile *pack)
{
    return firn_block_reader_id(pack->reader);
}

const char *
firn_packfile_path(const struct firn_packfile *pack)
{
    return firn_block_reader_path(pack->reader);
}

uint64_t
firn_packfile_count(const struct firn_packfile *pack)
{
    return pack->object_count;
}

struct firn_packfile_frame_size
firn_packfile_frame_size_of(const struct firn_packfile *pack, uint32_t number)
{
    DCHECK(number < pack->frame_count);
    const struct firn_block_ref *frame = &pack->frames[number];
    return (struct firn_packfile_frame_size){frame->stored_size, frame->raw_size};
}

uint64_t
firn_packfile_size_bytes(const struct firn_packfile *pack)
{
    return firn_block_reader_size_bytes(pack->reader);
}

int
firn_packfile_take_scratch(struct firn_packfile *pack, struct firn_packfile_scratch **out,
                           firn_error *err)
{
    return firn_packfile_scratch_pool_take(&pack->pool, out, err);
}

void
firn_packfile_give_scratch(struct firn_packfile *pack, struct firn_packfile_scratch *scratch)
{
    firn_packfile_scratch_pool_give(&pack->pool, scratch);
}

/* ---- opening ---- */

static int
pack_corrupt(const struct firn_packfile *pack, const char *what, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "'%s': %s", firn_packfile_path(pack), what);
}

/* The one section of a kind. */
static int
find_section(const struct firn_packfile *pack, uint32_t kind, struct firn_block_ref *out,
             firn_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < firn_block_reader_section_count(pack->reader); i++) {
        const struct firn_block_section *section = firn_block_reader_section(pack->reader, i);
        if (section->kind == kind) {
            *out = section->ref;
            found++;
        }
    }
    return found == 1 ? FIRN_OK
                      : pack_corrupt(pack, "a table of the pack is missing or there twice", err);
}

static int
read_section(struct firn_packfile *pack, uint32_t kind, uint64_t size_max,
             struct firn_compress *compress, struct firn_buf *out, firn_error *err)
{
    struct firn_block_ref ref = {0};
    int rc = find_section(pack, kind, &ref, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (ref.raw_size > size_max) {
        return pack_corrupt(pack, "a table of the pack is larger than any can be", err);
    }
    return firn_block_reader_read(pack->reader, &ref, compress, out, err);
}

static int
decode_frames(struct firn_packfile *pack, firn_slice bytes, firn_error *err)
{
    uint32_t count;
    uint32_t reserved;
    struct firn_reader reader = firn_reader_of(bytes);
    if (!firn_reader_le32(&reader, &count) || !firn_reader_le32(&reader, &reserved) ||
        reserved != 0 || count == 0 || count > FIRN_PACKFILE_FRAMES_MAX ||
        firn_reader_left(&reader) != (size_t)count * FIRN_PACKFILE_FORMAT_FRAMES_ITEM_SIZE) {
        return pack_corrupt(pack, "the list of frames is malformed", err);
    }
    pack->frames = firn_alloc_array(count, sizeof pack->frames[0]);
    if (pack->frames == NULL) {
        return firn_error_no_memory(err, "the list of frames");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct firn_block_ref *frame = &pack->frames[i];
        bool is_whole = firn_reader_le64(&reader, &frame->offset) &&
                        firn_reader_le32(&reader, &frame->stored_size) &&
                        firn_reader_le32(&reader, &frame->raw_size);
        if (!is_whole || frame->raw_size > FIRN_PACKFILE_FORMAT_FRAME_SIZE_MAX ||
            frame->stored_size > frame->raw_size) {
            return pack_corrupt(pack, "the list of frames holds an impossible size", err);
        }
    }
    pack->frame_count = count;
    return FIRN_OK;
}

static int
decode_fences(struct firn_packfile *pack, firn_slice bytes, firn_error *err)
{
    uint64_t count;
    uint32_t page_count;
    uint32_t reserved;
    struct firn_reader reader = firn_reader_of(bytes);
    if (!firn_reader_le64(&reader, &count) || !firn_reader_le32(&reader, &page_count) ||
        !firn_reader_le32(&reader, &reserved) || reserved != 0 || count == 0 ||
        count > FIRN_PACKFILE_OBJECTS_MAX ||
        page_count !=
            (count + FIRN_PACKFILE_FORMAT_PAGE_ENTRIES - 1) / FIRN_PACKFILE_FORMAT_PAGE_ENTRIES ||
        firn_reader_left(&reader) != (size_t)page_count * FIRN_PACKFILE_FORMAT_FENCE_SIZE) {
        return pack_corrupt(pack, "the index of the object table is malformed", err);
    }
    pack->fences = firn_alloc_array(page_count, sizeof pack->fences[0]);
    if (pack->fences == NULL) {
        return firn_error_no_memory(err, "the index of an object table");
    }
    for (uint32_t i = 0; i < page_count; i++) {
        struct firn_packfile_fence *fence = &pack->fences[i];
        bool is_whole = firn_reader_copy(&reader, &fence->first, sizeof fence->first) &&
                        firn_reader_le64(&reader, &fence->offset);
        if (!is_whole ||
            (i > 0 && memcmp(fence[-1].first.bytes, fence->first.bytes, sizeof(firn_hash)) >= 0)) {
            return pack_corrupt(pack, "the index of the object table is not in order", err);
        }
    }
    pack->page_count = page_count;
    pack->object_count = count;
    return FIRN_OK;
}

static int
load_tables(struct firn_packfile *pack, firn_error *err)
{
    const uint64_t page_count_max =
        FIRN_PACKFILE_OBJECTS_MAX / FIRN_PACKFILE_FORMAT_PAGE_ENTRIES + 1;
    struct firn_compress *compress = NULL;
    struct firn_buf bytes = {0};
    int rc;
    FIRN_TRY(firn_compress_create(&compress, err));
    FIRN_TRY(
        read_section(pack, FIRN_PACKFILE_FORMAT_SECTION_FRAMES,
                     FIRN_PACKFILE_FORMAT_FRAMES_HEAD_SIZE +
                         (uint64_t)FIRN_PACKFILE_FRAMES_MAX * FIRN_PACKFILE_FORMAT_FRAMES_ITEM_SIZE,
                     compress, &bytes, err));
    FIRN_TRY(decode_frames(pack, firn_buf_slice(&bytes), err));
    FIRN_TRY(read_section(pack, FIRN_PACKFILE_FORMAT_SECTION_OBJECTS,
                          FIRN_PACKFILE_FORMAT_OBJECTS_HEAD_SIZE +
                              page_count_max * FIRN_PACKFILE_FORMAT_FENCE_SIZE,
                          compress, &bytes, err));
    FIRN_TRY(decode_fences(pack, firn_buf_slice(&bytes), err));
out:
    firn_buf_deinit(&bytes);
    firn_compress_destroy(compress);
    return rc;
}

/* ---- pages and frames ---- */

struct firn_block_ref
firn_packfile_page_ref(const struct firn_packfile *pack, uint32_t page)
{
    uint64_t before = (uint64_t)page * FIRN_PACKFILE_FORMAT_PAGE_ENTRIES;
    DCHECK(page < pack->page_count && before < pack->object_count);
    uint64_t left = pack->object_count - before;
    uint32_t entries = left < FIRN_PACKFILE_FORMAT_PAGE_ENTRIES ? (uint32_t)left
                                                                : FIRN_PACKFILE_FORMAT_PAGE_ENTRIES;
    uint32_t size = entries * ENTRY_SIZE;
    return (struct firn_block_ref){pack->fences[page].offset, size, size};
}

int
firn_packfile_read_page(struct firn_packfile *pack, uint32_t page, struct firn_compress *compress,
                        struct firn_buf *out, firn_error *err)
{
    struct firn_block_ref ref = firn_packfile_page_ref(pack, page);
    FIRN_TRY_RETURN(firn_block_reader_read(pack->reader, &ref, compress, out, err));
    DCHECK(out->size >= ENTRY_SIZE && out->size % ENTRY_SIZE == 0);
    const uint8_t *last = out->data + out->size - ENTRY_SIZE;
    bool fits = memcmp(out->data, pack->fences[page].first.bytes, sizeof(firn_hash)) == 0 &&
                (page + 1 == pack->page_count ||
                 memcmp(last, pack->fences[page + 1].first.bytes, sizeof(firn_hash)) < 0);
    if (!fits || !firn_packfile_format_page_is_sound(firn_buf_slice(out), pack->frame_count)) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s': the page of the object table at %llu is not in order or "
                              "impossible",
                              firn_packfile_path(pack), (unsigned long long)ref.offset);
    }
    return FIRN_OK;
}

int
firn_packfile_read_frame(struct firn_packfile *pack, uint32_t frame, struct firn_compress *compress,
                         struct firn_buf *out_raw, struct firn_packfile_format_frame *out,
                         firn_error *err)
{
    DCHECK(frame < pack->frame_count);
    const struct firn_block_ref *ref = &pack->frames[frame];
    int rc = firn_block_reader_read(pack->reader, ref, compress, out_raw, err);
    if (rc == FIRN_OK && !firn_packfile_format_open_frame(firn_buf_slice(out_raw), out)) {
        rc = firn_error_set(err, FIRN_CORRUPT, "'%s': block at %llu is not a frame",
                            firn_packfile_path(pack), (unsigned long long)ref->offset);
    }
    return rc;
}

uint32_t
firn_packfile_frame_count(const struct firn_packfile *pack)
{
    return pack->frame_count;
}

struct firn_block_ref
firn_packfile_frame_ref(const struct firn_packfile *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame];
}

uint64_t
firn_packfile_frame_size(const struct firn_packfile *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame].stored_size;
}

/* Whether the frame's own list is sound and has an object of this place, kind and, for PIECES,
 * name. */
static bool
list_has(const struct firn_packfile_format_frame *frame, const firn_hash *hash,
         const struct firn_packfile_location *at)
{
    bool found = false;
    struct firn_packfile_format_item item;
    struct firn_packfile_format_items items = firn_packfile_format_items_of(frame);
    while (firn_packfile_format_next_item(&items, &item)) {
        found |= item.offset == at->offset && item.size == at->size && item.kind == at->kind &&
                 (!firn_packfile_kind_is_named(item.kind) || firn_hash_equal(&item.name, hash));
    }
    return found && firn_packfile_format_items_ended(&items);
}

/* ---- finding and reading ---- */

/* The last page whose first hash is not above `hash`; false if there is none. */
static bool
choose_page(const struct firn_packfile *pack, const firn_hash *hash, uint32_t *out)
{
    size_t above = 0;
    size_t end = pack->page_count;
    FIRN_SEARCH_FIRST(above, end, i,
                      memcmp(pack->fences[i].first.bytes, hash->bytes, sizeof hash->bytes) <= 0);
    DCHECK(above == pack->page_count ||
           memcmp(pack->fences[above].first.bytes, hash->bytes, sizeof hash->bytes) > 0);
    *out = (uint32_t)above - 1;
    return above > 0;
}

static bool
search_page(firn_slice page, const firn_hash *hash, struct firn_packfile_format_entry *out)
{
    DCHECK(page.size % ENTRY_SIZE == 0);
    const size_t count = page.size / ENTRY_SIZE;
    size_t at = 0;
    size_t end = count;
    FIRN_SEARCH_FIRST(at, end, i,
                      memcmp(page.data + i * ENTRY_SIZE, hash->bytes, sizeof hash->bytes) < 0);
    const uint8_t *entry = page.data + at * ENTRY_SIZE;
    if (at == count || memcmp(entry, hash->bytes, sizeof hash->bytes) != 0) {
        return false;
    }
    firn_packfile_format_decode_entry(entry, out);
    return true;
}

int
firn_packfile_find(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                   const firn_hash *hash, struct firn_packfile_location *out, firn_error *err)
{
    uint32_t number;
    struct firn_packfile_format_entry entry;
    if (choose_page(pack, hash, &number)) {
        firn_slice page;
        int rc = firn_packfile_scratch_page(scratch, pack, number, &page, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (search_page(page, hash, &entry)) {
            *out = entry.at;
            return FIRN_OK;
        }
    }
    char hex[FIRN_HASH_HEX_SIZE];
    firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return firn_error_set(err, FIRN_NOT_FOUND, "'%s' has no object %s", firn_packfile_path(pack),
                          hex);
}

static int
object_corrupt(const struct firn_packfile *pack, const firn_hash *hash,
               const struct firn_packfile_location *at, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    unsigned long long offset = at->frame < pack->frame_count ? pack->frames[at->frame].offset : 0;
    return firn_error_set(
        err, FIRN_CORRUPT, "'%s': object %s, %u bytes at %u of frame %u (at %llu): %s",
        firn_packfile_path(pack), hex, at->size, at->offset, at->frame, offset, what);
}

int
firn_packfile_object_failed(const firn_hash *hash, int rc, firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    if (rc != FIRN_NO_MEMORY) {
        char hex[FIRN_HASH_HEX_SIZE];
        firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        (void)firn_error_prefix(err, "object %s", hex);
    }
    return rc;
}

static bool
matches(firn_slice content, const firn_hash *hash)
{
    firn_hash found;
    firn_blake3_hash_of(content.data, content.size, &found);
    return firn_hash_equal(&found, hash);
}

int
firn_packfile_read_piece(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                         const firn_hash *hash, const struct firn_packfile_location *at,
                         firn_slice *out, firn_error *err)
{
    *out = firn_bytes(NULL, 0);
    if (at->frame >= pack->frame_count) {
        return object_corrupt(pack, hash, at, "there is no such frame", err);
    }
    struct firn_packfile_format_frame frame;
    int rc = firn_packfile_scratch_frame(scratch, pack, at->frame, &frame, err);
    if (rc != FIRN_OK) {
        return firn_packfile_object_failed(hash, rc, err);
    }
    if (!firn_range_inside(at->offset, at->size, frame.contents.size)) {
        return object_corrupt(pack, hash, at, "that is outside the frame", err);
    }
    firn_slice content = firn_bytes(frame.contents.data + at->offset, at->size);
    if (firn_packfile_kind_is_named(at->kind) &&
        (!list_has(&frame, hash, at) || !firn_packfile_format_has_form(at->kind, hash, content))) {
        return object_corrupt(pack, hash, at,
                              at->kind == FIRN_PACKFILE_DELTA
                                  ? "it is not a delta of that name"
                                  : "it is not a list of pieces of that name",
                              err);
    }
    *out = content;
    return FIRN_OK;
}

int
firn_packfile_read(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                   const firn_hash *hash, const struct firn_packfile_location *at, firn_slice *out,
                   firn_error *err)
{
    int rc = firn_packfile_read_piece(pack, scratch, hash, at, out, err);
    if (rc == FIRN_OK && !firn_packfile_kind_is_named(at->kind) && !matches(*out, hash)) {
        *out = firn_bytes(NULL, 0);
        return object_corrupt(pack, hash, at, "its bytes do not match its name", err);
    }
    return rc;
}

static int
list_page(firn_slice page,
          int (*visit)(void *ctx, const firn_hash *hash, const struct firn_packfile_location *at,
                       firn_error *err),
          void *ctx, firn_error *err)
{
    for (size_t at = 0; at < page.size; at += ENTRY_SIZE) {
        struct firn_packfile_format_entry entry;
        firn_packfile_format_decode_entry(page.data + at, &entry);
        int rc = visit(ctx, &entry.hash, &entry.at, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
firn_packfile_list(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                   int (*visit)(void *ctx, const firn_hash *hash,
                                const struct firn_packfile_location *at, firn_error *err),
                   void *ctx, firn_error *err)
{
    /* Not a page of the scratch: visit may use the scratch. */
    struct firn_buf page = {0};
    int rc = FIRN_OK;
    for (uint32_t i = 0; i < pack->page_count; i++) {
        FIRN_TRY(
            firn_packfile_read_page(pack, i, firn_packfile_scratch_compress(scratch), &page, err));
        FIRN_TRY(list_page(firn_buf_slice(&page), visit, ctx, err));
    }
out:
    firn_buf_deinit(&page);
    return rc;
}

/* ---- lists of pieces ---- */

int
firn_packfile_encode_pieces(const struct firn_packfile_piece *pieces, size_t count,
                            struct firn_buf *out)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!firn_add_u64(total, pieces[i].size, &total)) {
            return FIRN_LIMIT;
        }
    }
    if (total > FIRN_PACKFILE_TOTAL_SIZE_MAX) {
        return FIRN_LIMIT;
    }
    FIRN_TRY_RETURN(firn_buf_append_varint(out, total));
    for (size_t i = 0; i < count; i++) {
        const struct firn_packfile_piece *piece = &pieces[i];
        FIRN_TRY_RETURN(firn_buf_append_varint(out, piece->size << 1 | (piece->is_hole ? 1 : 0)));
        if (!piece->is_hole) {
            FIRN_TRY_RETURN(firn_buf_append(out, piece->hash.bytes, sizeof piece->hash.bytes));
        }
    }
    return FIRN_OK;
}

/* Takes one piece off the front. */
static bool
next_piece(struct firn_reader *reader, struct firn_packfile_piece *out)
{
    uint64_t coded;
    if (!firn_reader_varint_max(reader, FIRN_PACKFILE_TOTAL_SIZE_MAX << 1 | 1, &coded)) {
        return false;
    }
    out->size = coded >> 1;
    out->is_hole = (coded & 1) != 0;
    memset(&out->hash, 0, sizeof out->hash);
    if (out->size == 0) {
        return false;
    }
    return out->is_hole || (out->size <= FIRN_PACKFILE_OBJECT_SIZE_MAX &&
                            firn_reader_copy(reader, &out->hash, sizeof out->hash));
}

/* Checks every rule of a list, before anything of it is used. */
static bool
pieces_are_sound(firn_slice encoded, uint64_t *out_total)
{
    uint64_t total;
    uint64_t sum = 0;
    bool after_hole = false;
    struct firn_packfile_piece piece;
    struct firn_reader reader = firn_reader_of(encoded);
    if (!firn_reader_varint_max(&reader, FIRN_PACKFILE_TOTAL_SIZE_MAX, &total) || total == 0) {
        return false;
    }
    while (firn_reader_left(&reader) > 0) {
        if (!next_piece(&reader, &piece) || (after_hole && piece.is_hole) ||
            piece.size > total - sum) {
            return false;
        }
        sum += piece.size;
        after_hole = piece.is_hole;
    }
    *out_total = total;
    return sum == total;
}

int
firn_packfile_open_pieces(firn_slice encoded, struct firn_reader *out, uint64_t *out_total_size,
                          firn_error *err)
{
    *out_total_size = 0;
    *out = firn_reader_of(encoded);
    uint64_t total;
    if (!pieces_are_sound(encoded, &total) || !firn_reader_varint(out, &total)) {
        return firn_error_set(err, FIRN_CORRUPT, "%zu bytes are not a list of pieces",
                              encoded.size);
    }
    *out_total_size = total;
    return FIRN_OK;
}

bool
firn_packfile_next_piece(struct firn_reader *reader, struct firn_packfile_piece *out)
{
    return firn_reader_left(reader) > 0 && next_piece(reader, out);
}

int
firn_packfile_decode_pieces(firn_slice encoded, uint64_t *out_total_size,
                            int (*visit)(void *ctx, uint64_t offset,
                                         const struct firn_packfile_piece *piece, firn_error *err),
                            void *ctx, firn_error *err)
{
    struct firn_reader reader;
    struct firn_packfile_piece piece;
    uint64_t offset = 0;
    uint64_t total;
    *out_total_size = 0;
    int rc = firn_packfile_open_pieces(encoded, &reader, &total, err);
    while (rc == FIRN_OK && visit != NULL && firn_packfile_next_piece(&reader, &piece)) {
        rc = visit(ctx, offset, &piece, err);
        offset += piece.size;
    }
    DCHECK(rc != FIRN_OK || visit == NULL || offset == total);
    *out_total_size = rc == FIRN_OK ? total : 0;
    return rc;
}

/* "some/where/x.pack" is the name x.pack in the directory some/where; "x.pack" is in "."; "/x" is
 * in "/". The operations of os/ check the name itself: they accept one component and follow no
 * link. */

int
firn_packfile_path_open_parent(struct firn_os *os, const char *path, struct firn_os_dir **out_dir,
                               const char **out_name, firn_error *err)
{
    *out_dir = NULL;
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return firn_os_dir_open_path(os, ".", out_dir, err);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    char *parent = firn_strndup(path, size);
    if (parent == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    int rc = firn_os_dir_open_path(os, parent, out_dir, err);
    firn_free(parent);
    return rc;
}
