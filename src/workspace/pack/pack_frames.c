/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_frames.c: the frames of a pack, and the pages of its object table.
 *
 * Both are listed at the end of the file: where each frame is, and a fence for each page of the
 * object table, its first hash. The lists are kept while the pack is open, 16 bytes for each frame
 * and 40 for each page of 728 entries; frames and pages are read when needed.
 *
 * Nothing from the file is used before it has been checked against the file's size and the format's
 * limits: the counts in the two sections must fit the sections' sizes exactly, frames must be
 * blocks of a possible size, fences must ascend. A page is checked for order, and against its fence
 * and the next one.
 */
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/reader.h"
#include "pack/pack.h"
#include "pack/pack_internal.h"

enum { ENTRY_SIZE = FI_PACK_FORMAT_ENTRY_SIZE };

static int
pack_corrupt(const struct firn_pack *pack, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': %s", fi_block_reader_path(pack->reader), what);
}

/* The one section of a kind. */
static int
find_section(const struct firn_pack *pack, uint32_t kind, struct fi_block_ref *out, firn_error *err)
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
read_section(struct firn_pack *pack, uint32_t kind, uint64_t size_max, struct fi_compress *compress,
             struct fi_buf *out, firn_error *err)
{
    struct fi_block_ref ref = {0};
    int rc = find_section(pack, kind, &ref, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (ref.raw_size > size_max) {
        return pack_corrupt(pack, "a table of the pack is larger than any can be", err);
    }
    if (pack->is_foreign &&
        ref.stored_size != ref.raw_size + fi_block_reader_overhead(pack->reader)) {
        return pack_corrupt(pack, "a table of the pack is compressed, as firn writes none", err);
    }
    return fi_block_reader_read(pack->reader, &ref, compress, out, err);
}

static int
decode_frames(struct firn_pack *pack, firn_slice bytes, firn_error *err)
{
    uint32_t count;
    uint32_t reserved;
    struct fi_reader reader = fi_reader_of(bytes);
    if (!fi_reader_le32(&reader, &count) || !fi_reader_le32(&reader, &reserved) || reserved != 0 ||
        count == 0 || count > FI_PACK_FRAMES_MAX ||
        fi_reader_left(&reader) != (size_t)count * FI_PACK_FORMAT_FRAMES_ITEM_SIZE) {
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
        if (!is_whole || frame->raw_size > FI_PACK_FORMAT_FRAME_SIZE_MAX ||
            frame->stored_size > fi_block_reader_stored_size_max(pack->reader, frame->raw_size)) {
            return pack_corrupt(pack, "the list of frames holds an impossible size", err);
        }
    }
    pack->frame_count = count;
    return FIRN_OK;
}

static int
decode_fences(struct firn_pack *pack, firn_slice bytes, firn_error *err)
{
    uint64_t count;
    uint32_t page_count;
    uint32_t reserved;
    struct fi_reader reader = fi_reader_of(bytes);
    if (!fi_reader_le64(&reader, &count) || !fi_reader_le32(&reader, &page_count) ||
        !fi_reader_le32(&reader, &reserved) || reserved != 0 || count == 0 ||
        count > FI_PACK_OBJECTS_MAX ||
        page_count != (count + FI_PACK_FORMAT_PAGE_ENTRIES - 1) / FI_PACK_FORMAT_PAGE_ENTRIES ||
        fi_reader_left(&reader) != (size_t)page_count * FI_PACK_FORMAT_FENCE_SIZE) {
        return pack_corrupt(pack, "the index of the object table is malformed", err);
    }
    pack->fences = fi_alloc_array(page_count, sizeof pack->fences[0]);
    if (pack->fences == NULL) {
        return fi_error_no_memory(err, "the index of an object table");
    }
    for (uint32_t i = 0; i < page_count; i++) {
        struct fi_pack_fence *fence = &pack->fences[i];
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

int
fi_pack_frames_load(struct firn_pack *pack, firn_error *err)
{
    const uint64_t page_count_max = FI_PACK_OBJECTS_MAX / FI_PACK_FORMAT_PAGE_ENTRIES + 1;
    struct fi_compress *compress = NULL;
    struct fi_buf bytes = {0};
    int rc;
    FI_TRY(fi_compress_create(&compress, err));
    FI_TRY(read_section(pack, FI_PACK_FORMAT_SECTION_FRAMES,
                        FI_PACK_FORMAT_FRAMES_HEAD_SIZE +
                            (uint64_t)FI_PACK_FRAMES_MAX * FI_PACK_FORMAT_FRAMES_ITEM_SIZE,
                        compress, &bytes, err));
    FI_TRY(decode_frames(pack, fi_buf_slice(&bytes), err));
    FI_TRY(
        read_section(pack, FI_PACK_FORMAT_SECTION_OBJECTS,
                     FI_PACK_FORMAT_OBJECTS_HEAD_SIZE + page_count_max * FI_PACK_FORMAT_FENCE_SIZE,
                     compress, &bytes, err));
    FI_TRY(decode_fences(pack, fi_buf_slice(&bytes), err));
out:
    fi_buf_deinit(&bytes);
    fi_compress_destroy(compress);
    return rc;
}

struct fi_block_ref
fi_pack_frames_page_ref(const struct firn_pack *pack, uint32_t page)
{
    uint64_t before = (uint64_t)page * FI_PACK_FORMAT_PAGE_ENTRIES;
    DCHECK(page < pack->page_count && before < pack->object_count);
    uint64_t left = pack->object_count - before;
    uint32_t entries =
        left < FI_PACK_FORMAT_PAGE_ENTRIES ? (uint32_t)left : FI_PACK_FORMAT_PAGE_ENTRIES;
    uint32_t size = entries * ENTRY_SIZE;
    return (struct fi_block_ref){pack->fences[page].offset,
                                 size + fi_block_reader_overhead(pack->reader), size};
}

int
fi_pack_frames_read_page(struct firn_pack *pack, uint32_t page, struct fi_compress *compress,
                         struct fi_buf *out, firn_error *err)
{
    struct fi_block_ref ref = fi_pack_frames_page_ref(pack, page);
    FI_TRY_RETURN(fi_block_reader_read(pack->reader, &ref, compress, out, err));
    DCHECK(out->size >= ENTRY_SIZE && out->size % ENTRY_SIZE == 0);
    const uint8_t *last = out->data + out->size - ENTRY_SIZE;
    bool fits = memcmp(out->data, pack->fences[page].first.bytes, sizeof(firn_hash)) == 0 &&
                (page + 1 == pack->page_count ||
                 memcmp(last, pack->fences[page + 1].first.bytes, sizeof(firn_hash)) < 0);
    if (!fits || !fi_pack_format_page_is_sound(fi_buf_slice(out), pack->frame_count)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the page of the object table at %llu is not in order or "
                            "impossible",
                            fi_block_reader_path(pack->reader), (unsigned long long)ref.offset);
    }
    return FIRN_OK;
}

int
fi_pack_frames_read(struct firn_pack *pack, uint32_t frame, struct fi_compress *compress,
                    struct fi_buf *out_raw, struct fi_pack_format_frame *out, firn_error *err)
{
    DCHECK(frame < pack->frame_count);
    const struct fi_block_ref *ref = &pack->frames[frame];
    int rc = fi_block_reader_read(pack->reader, ref, compress, out_raw, err);
    if (rc == FIRN_OK && !fi_pack_format_open_frame(fi_buf_slice(out_raw), out)) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': block at %llu is not a frame",
                          fi_block_reader_path(pack->reader), (unsigned long long)ref->offset);
    }
    return rc;
}

struct fi_block_ref
fi_pack_frames_ref(const struct firn_pack *pack, uint32_t frame)
{
    DCHECK(frame < pack->frame_count);
    return pack->frames[frame];
}
