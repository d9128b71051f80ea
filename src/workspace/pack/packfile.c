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

enum { ENTRY_SIZE = FI_PACKFILE_FORMAT_ENTRY_SIZE, POOL_FRAME_COUNT = 4 };

static int load_tables(struct firn_packfile *pack, firn_error *err);

int
fi_packfile_open(struct fi_os_dir *dir, const char *name, struct firn_packfile **out,
                 firn_error *err)
{
    *out = NULL;
    struct firn_packfile *pack = fi_alloc_zeroed(sizeof *pack);
    if (pack == NULL) {
        return fi_error_no_memory(err, "a pack");
    }
    fi_os_process_init_mark(&pack->mark);
    fi_packfile_scratch_pool_init(&pack->pool, fi_os_dir_os(dir), POOL_FRAME_COUNT);
    int rc = fi_block_reader_open(dir, name, FI_BLOCK_FILE_PACK, &pack->reader, err);
    if (rc == FIRN_OK) {
        rc = load_tables(pack, err);
    }
    if (rc != FIRN_OK) {
        fi_packfile_close(pack);
        return rc;
    }
    *out = pack;
    return FIRN_OK;
}

int
fi_packfile_open_path(struct fi_os *os, const char *path, struct firn_packfile **out,
                      firn_error *err)
{
    *out = NULL;
    struct fi_os_dir *dir;
    const char *name;
    int rc = fi_packfile_path_open_parent(os, path, &dir, &name, err);
    if (rc == FIRN_OK) {
        rc = fi_packfile_open(dir, name, out, err);
        fi_os_dir_close(dir);
    }
    return rc;
}

void
fi_packfile_close(struct firn_packfile *pack)
{
    if (pack == NULL) {
        return;
    }
    fi_packfile_scratch_pool_deinit(&pack->pool);
    fi_block_reader_close(pack->reader);
    fi_free(pack->frames);
    fi_free(pack->fences);
    fi_free(pack);
}

bool
fi_packfile_has_cells(const struct firn_packfile *pack)
{
    return (fi_block_reader_needs(pack->reader) & FI_BLOCK_NEEDS_CELLS) != 0;
}

const struct fi_block_file_id *
fi_packfile_id(const struct firn_packfile *pack)
{
    return fi_block_reader_id(pack->reader);
}

const char *
fi_packfile_path(const struct firn_packfile *pack)
{
    return fi_block_reader_path(pack->reader);
}

uint64_t
fi_packfile_count(const struct firn_packfile *pack)
{
    return pack->object_count;
}

struct fi_packfile_frame_size
fi_packfile_frame_size_of(const struct firn_packfile *pack, uint32_t number)
{
    DCHECK(number < pack->frame_count);
    const struct fi_block_ref *frame = &pack->frames[number];
    return (struct fi_packfile_frame_size){frame->stored_size, frame->raw_size};
}

uint64_t
fi_packfile_size_bytes(const struct firn_packfile *pack)
{
    return fi_block_reader_size_bytes(pack->reader);
}

int
fi_packfile_take_scratch(struct firn_packfile *pack, struct fi_packfile_scratch **out,
                         firn_error *err)
{
    return fi_packfile_scratch_pool_take(&pack->pool, out, err);
}

void
fi_packfile_give_scratch(struct firn_packfile *pack, struct fi_packfile_scratch *scratch)
{
    fi_packfile_scratch_pool_give(&pack->pool, scratch);
}

/* ---- opening ---- */

static int
pack_corrupt(const struct firn_packfile *pack, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': %s", fi_packfile_path(pack), what);
}

/* The one section of a kind. */
static int
find_section(const struct firn_packfile *pack, uint32_t kind, struct fi_block_ref *out,
             firn_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < fi_block_reader_section_count(pack->reader); i++) {
        const struct fi_block_section *section = fi_block_reader_section(pack->reader, i);
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
             struct fi_compress *compress, struct fi_buf *out, firn_error *err)
{
    struct fi_block_ref ref = {0};
    int rc = find_section(pack, kind, &ref, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (ref.raw_size > size_max) {
        return pack_corrupt(pack, "a table of the pack is larger than any can be", err);
    }
    return fi_block_reader_read(pack->reader, &ref, compress, out, err);
}

static int
decode_frames(struct firn_packfile *pack, firn_slice bytes, firn_error *err)
{
    uint32_t count;
    uint32_t reserved;
    struct fi_reader reader = fi_reader_of(bytes);
    if (!fi_reader_le32(&reader, &count) || !fi_reader_le32(&reader, &reserved) || reserved != 0 ||
        count == 0 || count > FI_PACKFILE_FRAMES_MAX ||
        fi_reader_left(&reader) != (size_t)count * FI_PACKFILE_FORMAT_FRAMES_ITEM_SIZE) {
        return pack_corrupt(pack, "the list of frames is malformed", err);
    }
    pack->frames = fi_alloc_array(count, sizeof pack->frames[0]);
    if (pack->frames == NULL) {
        return fi_error_no_memory(err, "the list of frames");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct fi_block_ref *frame = &pack->frames[i];
        bool is_whole = fi_reader_le64(&reader, &frame->offset) &&
                        fi_reader_le32(&reader, &frame->stored_size) &&
                        fi_reader_le32(&reader, &frame->raw_size);
        if (!is_whole || frame->raw_size > FI_PACKFILE_FORMAT_FRAME_SIZE_MAX ||
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
    struct fi_reader reader = fi_reader_of(bytes);
    if (!fi_reader_le64(&reader, &count) || !fi_reader_le32(&reader, &page_count) ||
        !fi_reader_le32(&reader, &reserved) || reserved != 0 || count == 0 ||
        count > FI_PACKFILE_OBJECTS_MAX ||
        page_count !=
            (count + FI_PACKFILE_FORMAT_PAGE_ENTRIES - 1) / FI_PACKFILE_FORMAT_PAGE_ENTRIES ||
        fi_reader_left(&reader) != (size_t)page_count * FI_PACKFILE_FORMAT_FENCE_SIZE) {
        return pack_corrupt(pack, "the index of the object table is malformed", err);
    }
    pack->fences = fi_alloc_array(page_count, sizeof pack->fences[0]);
    if (pack->fences == NULL) {
        return fi_error_no_memory(err, "the index of an object table");
    }
    for (uint32_t i = 0; i < page_count; i++) {
        struct fi_packfile_fence *fence = &pack->fences[i];
        bool is_whole = fi_reader_copy(&reader, &fence->first, sizeof fence->first) &&
                        fi_reader_le64(&reader, &fence->offset);
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
    const uint64_t page_count_max = FI_PACKFILE_OBJECTS_MAX / FI_PACKFILE_FORMAT_PAGE_ENTRIES + 1;
    struct fi_compress *compress = NULL;
    struct fi_buf bytes = {0};
    int rc;
    FI_TRY(fi_compress_create(&compress, err));
    FI_TRY(read_section(pack, FI_PACKFILE_FORMAT_SECTION_FRAMES,
                        FI_PACKFILE_FORMAT_FRAMES_HEAD_SIZE +
                            (uint64_t)FI_PACKFILE_FRAMES_MAX * FI_PACKFILE_FORMAT_FRAMES_ITEM_SIZE,
                        compress, &bytes, err));
    FI_TRY(decode_frames(pack, fi_buf_slice(&bytes), err));
    FI_TRY(read_section(pack, FI_PACKFILE_FORMAT_SECTION_OBJECTS,
                        FI_PACKFILE_FORMAT_OBJECTS_HEAD_SIZE +
                            page_count_max * FI_PACKFILE_FORMAT_FENCE_SIZE,
                        compress, &bytes, err));
    FI_TRY(decode_fences(pack, fi_buf_slice(&bytes), err));
out:
    fi_buf_deinit(&bytes);
    fi_compress_destroy(compress);
    return rc;
}

/* ---- pages and frames ---- */

struct fi_block_ref
fi_packfile_page_ref(const struct firn_packfile *pack, uint32_t page)
{
    uint64_t before = (uint64_t)page * FI_PACKFILE_FORMAT_PAGE_ENTRIES;
    DCHECK(page < pack->page_count && before < pack->object_count);
    uint64_t left = pack->object_count - before;
    uint32_t entries =
        left < FI_PACKFILE_FORMAT_PAGE_ENTRIES ? (uint32_t)left : FI_PACKFILE_FORMAT_PAGE_ENTRIES;
    uint32_t size = entries * ENTRY_SIZE;
    return (struct fi_block_ref){pack->fences[page].offset, size, size};
}

int
fi_packfile_read_page(struct firn_packfile *pack, uint32_t page, struct fi_compress *compress,
                      struct fi_buf *out, firn_error *err)
{
    struct fi_block_ref ref = fi_packfile_page_ref(pack, page);
    FI_TRY_RETURN(fi_block_reader_read(pack->reader, &ref, compress, out, err));
    DCHECK(out->size >= ENTRY_SIZE && out->size % ENTRY_SIZE == 0);
    const uint8_t *last = out->data + out->size - ENTRY_SIZE;
    bool fits = memcmp(out->data, pack->fences[page].first.bytes, sizeof(firn_hash)) == 0 &&
                (page + 1 == pack->page_count ||
                 memcmp(last, pack->fences[page + 1].first.bytes, sizeof(firn_hash)) < 0);
    if (!fits || !fi_packfile_format_page_is_sound(fi_buf_slice(out), pack->frame_count)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the page of the object table at %llu is not in order or "
                            "impossible",
                            fi_packfile_path(pack), (unsigned long long)ref.offset);
    }
    return FIRN_OK;
}

int
fi_packfile_read_frame(struct firn_packfile *pack, uint32_t frame, struct fi_compress *compress,
                       struct fi_buf *out_raw, struct fi_packfile_format_frame *out,
                       firn_error *err)
{
    DCHECK(frame < pack->frame_count);
    const struct fi_block_ref *ref = &pack->frames[frame];
    int rc = fi_block_reader_read(pack->reader, ref, compress, out_raw, err);
    if (rc == FIRN_OK && !fi_packfile_format_open_frame(fi_buf_slice(out_raw), out)) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': block at %llu is not a frame",
                          fi_packfile_path(pack), (unsigned long long)ref->offset);
    }
    return rc;
}

uint32_t
fi_packfile_frame_count(const struct firn_packfile *pack)
{
    return pack->frame_count;
}

struct fi_block_ref
fi_packfile_frame_ref(const struct firn_packfile *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame];
}

uint64_t
fi_packfile_frame_size(const struct firn_packfile *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame].stored_size;
}

/* Whether the frame's own list is sound and has an object of this place, kind and, for PIECES,
 * name. */
static bool
list_has(const struct fi_packfile_format_frame *frame, const firn_hash *hash,
         const struct fi_packfile_location *at)
{
    bool found = false;
    struct fi_packfile_format_item item;
    struct fi_packfile_format_items items = fi_packfile_format_items_of(frame);
    while (fi_packfile_format_next_item(&items, &item)) {
        found |= item.offset == at->offset && item.size == at->size && item.kind == at->kind &&
                 (!fi_packfile_kind_is_named(item.kind) || fi_hash_equal(&item.name, hash));
    }
    return found && fi_packfile_format_items_ended(&items);
}

/* ---- finding and reading ---- */

/* The last page whose first hash is not above `hash`; false if there is none. */
static bool
choose_page(const struct firn_packfile *pack, const firn_hash *hash, uint32_t *out)
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
search_page(firn_slice page, const firn_hash *hash, struct fi_packfile_format_entry *out)
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
    fi_packfile_format_decode_entry(entry, out);
    return true;
}

int
fi_packfile_find(struct firn_packfile *pack, struct fi_packfile_scratch *scratch,
                 const firn_hash *hash, struct fi_packfile_location *out, firn_error *err)
{
    uint32_t number;
    struct fi_packfile_format_entry entry;
    if (choose_page(pack, hash, &number)) {
        firn_slice page;
        int rc = fi_packfile_scratch_page(scratch, pack, number, &page, err);
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
    return fi_error_set(err, FIRN_NOT_FOUND, "'%s' has no object %s", fi_packfile_path(pack), hex);
}

static int
object_corrupt(const struct firn_packfile *pack, const firn_hash *hash,
               const struct fi_packfile_location *at, const char *what, firn_error *err)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    unsigned long long offset = at->frame < pack->frame_count ? pack->frames[at->frame].offset : 0;
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%s': object %s, %u bytes at %u of frame %u (at %llu): %s",
                        fi_packfile_path(pack), hex, at->size, at->offset, at->frame, offset, what);
}

int
fi_packfile_object_failed(const firn_hash *hash, int rc, firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    if (rc != FIRN_NO_MEMORY) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        (void)fi_error_prefix(err, "object %s", hex);
    }
    return rc;
}

static bool
matches(firn_slice content, const firn_hash *hash)
{
    firn_hash found;
    fi_blake3_hash_of(content.data, content.size, &found);
    return fi_hash_equal(&found, hash);
}

int
fi_packfile_read_piece(struct firn_packfile *pack, struct fi_packfile_scratch *scratch,
                       const firn_hash *hash, const struct fi_packfile_location *at,
                       firn_slice *out, firn_error *err)
{
    *out = firn_bytes(NULL, 0);
    if (at->frame >= pack->frame_count) {
        return object_corrupt(pack, hash, at, "there is no such frame", err);
    }
    struct fi_packfile_format_frame frame;
    int rc = fi_packfile_scratch_frame(scratch, pack, at->frame, &frame, err);
    if (rc != FIRN_OK) {
        return fi_packfile_object_failed(hash, rc, err);
    }
    if (!fi_range_inside(at->offset, at->size, frame.contents.size)) {
        return object_corrupt(pack, hash, at, "that is outside the frame", err);
    }
    firn_slice content = firn_bytes(frame.contents.data + at->offset, at->size);
    if (fi_packfile_kind_is_named(at->kind) &&
        (!list_has(&frame, hash, at) || !fi_packfile_format_has_form(at->kind, hash, content))) {
        return object_corrupt(pack, hash, at,
                              at->kind == FI_PACKFILE_DELTA
                                  ? "it is not a delta of that name"
                                  : "it is not a list of pieces of that name",
                              err);
    }
    *out = content;
    return FIRN_OK;
}

int
fi_packfile_read(struct firn_packfile *pack, struct fi_packfile_scratch *scratch,
                 const firn_hash *hash, const struct fi_packfile_location *at, firn_slice *out,
                 firn_error *err)
{
    int rc = fi_packfile_read_piece(pack, scratch, hash, at, out, err);
    if (rc == FIRN_OK && !fi_packfile_kind_is_named(at->kind) && !matches(*out, hash)) {
        *out = firn_bytes(NULL, 0);
        return object_corrupt(pack, hash, at, "its bytes do not match its name", err);
    }
    return rc;
}

static int
list_page(firn_slice page,
          int (*visit)(void *ctx, const firn_hash *hash, const struct fi_packfile_location *at,
                       firn_error *err),
          void *ctx, firn_error *err)
{
    for (size_t at = 0; at < page.size; at += ENTRY_SIZE) {
        struct fi_packfile_format_entry entry;
        fi_packfile_format_decode_entry(page.data + at, &entry);
        int rc = visit(ctx, &entry.hash, &entry.at, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

int
fi_packfile_list(struct firn_packfile *pack, struct fi_packfile_scratch *scratch,
                 int (*visit)(void *ctx, const firn_hash *hash,
                              const struct fi_packfile_location *at, firn_error *err),
                 void *ctx, firn_error *err)
{
    /* Not a page of the scratch: visit may use the scratch. */
    struct fi_buf page = {0};
    int rc = FIRN_OK;
    for (uint32_t i = 0; i < pack->page_count; i++) {
        FI_TRY(fi_packfile_read_page(pack, i, fi_packfile_scratch_compress(scratch), &page, err));
        FI_TRY(list_page(fi_buf_slice(&page), visit, ctx, err));
    }
out:
    fi_buf_deinit(&page);
    return rc;
}

/* ---- lists of pieces ---- */

int
fi_packfile_encode_pieces(const struct fi_packfile_piece *pieces, size_t count, struct fi_buf *out)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!fi_add_u64(total, pieces[i].size, &total)) {
            return FIRN_LIMIT;
        }
    }
    if (total > FI_PACKFILE_TOTAL_SIZE_MAX) {
        return FIRN_LIMIT;
    }
    FI_TRY_RETURN(fi_buf_append_varint(out, total));
    for (size_t i = 0; i < count; i++) {
        const struct fi_packfile_piece *piece = &pieces[i];
        FI_TRY_RETURN(fi_buf_append_varint(out, piece->size << 1 | (piece->is_hole ? 1 : 0)));
        if (!piece->is_hole) {
            FI_TRY_RETURN(fi_buf_append(out, piece->hash.bytes, sizeof piece->hash.bytes));
        }
    }
    return FIRN_OK;
}

/* Takes one piece off the front. */
static bool
next_piece(struct fi_reader *reader, struct fi_packfile_piece *out)
{
    uint64_t coded;
    if (!fi_reader_varint_max(reader, FI_PACKFILE_TOTAL_SIZE_MAX << 1 | 1, &coded)) {
        return false;
    }
    out->size = coded >> 1;
    out->is_hole = (coded & 1) != 0;
    memset(&out->hash, 0, sizeof out->hash);
    if (out->size == 0) {
        return false;
    }
    return out->is_hole || (out->size <= FI_PACKFILE_OBJECT_SIZE_MAX &&
                            fi_reader_copy(reader, &out->hash, sizeof out->hash));
}

/* Checks every rule of a list, before anything of it is used. */
static bool
pieces_are_sound(firn_slice encoded, uint64_t *out_total)
{
    uint64_t total;
    uint64_t sum = 0;
    bool after_hole = false;
    struct fi_packfile_piece piece;
    struct fi_reader reader = fi_reader_of(encoded);
    if (!fi_reader_varint_max(&reader, FI_PACKFILE_TOTAL_SIZE_MAX, &total) || total == 0) {
        return false;
    }
    while (fi_reader_left(&reader) > 0) {
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
fi_packfile_open_pieces(firn_slice encoded, struct fi_reader *out, uint64_t *out_total_size,
                        firn_error *err)
{
    *out_total_size = 0;
    *out = fi_reader_of(encoded);
    uint64_t total;
    if (!pieces_are_sound(encoded, &total) || !fi_reader_varint(out, &total)) {
        return fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not a list of pieces", encoded.size);
    }
    *out_total_size = total;
    return FIRN_OK;
}

bool
fi_packfile_next_piece(struct fi_reader *reader, struct fi_packfile_piece *out)
{
    return fi_reader_left(reader) > 0 && next_piece(reader, out);
}

int
fi_packfile_decode_pieces(firn_slice encoded, uint64_t *out_total_size,
                          int (*visit)(void *ctx, uint64_t offset,
                                       const struct fi_packfile_piece *piece, firn_error *err),
                          void *ctx, firn_error *err)
{
    struct fi_reader reader;
    struct fi_packfile_piece piece;
    uint64_t offset = 0;
    uint64_t total;
    *out_total_size = 0;
    int rc = fi_packfile_open_pieces(encoded, &reader, &total, err);
    while (rc == FIRN_OK && visit != NULL && fi_packfile_next_piece(&reader, &piece)) {
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
fi_packfile_path_open_parent(struct fi_os *os, const char *path, struct fi_os_dir **out_dir,
                             const char **out_name, firn_error *err)
{
    *out_dir = NULL;
    const char *slash = strrchr(path, '/');
    *out_name = slash == NULL ? path : slash + 1;
    if (slash == NULL) {
        return fi_os_dir_open_path(os, ".", out_dir, err);
    }
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    char *parent = fi_strndup(path, size);
    if (parent == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = fi_os_dir_open_path(os, parent, out_dir, err);
    fi_free(parent);
    return rc;
}
