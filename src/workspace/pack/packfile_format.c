/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_format.c: encodes and decodes frames' lists and table entries.
 *
 * Every decoder here takes bytes whose checksum was correct, and still trusts nothing: a checksum
 * detects accidents, not intent.
 */
#include "pack/packfile_format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/slice.h"
#include "pack/packfile.h"
#include "pack/packfile_cells.h"

static const uint8_t frame_magic[4] = {0xf1, 'f', 'r', 'm'};

static bool
kind_is_known(uint32_t kind)
{
    return kind >= FIRN_PACKFILE_BLOB && kind <= FIRN_PACKFILE_DELTA;
}

/* ---- frames ---- */

void
firn_packfile_format_encode_frame_head(uint32_t list_size, uint32_t count,
                                       uint8_t out[FIRN_PACKFILE_FORMAT_FRAME_HEAD_SIZE])
{
    DCHECK(count > 0 && list_size <= FIRN_PACKFILE_FORMAT_LIST_SIZE_MAX);
    memcpy(out, frame_magic, sizeof frame_magic);
    firn_store_le32(out + 4, list_size);
    firn_store_le32(out + 8, count);
}

size_t
firn_packfile_format_encode_item(enum firn_packfile_kind kind, uint32_t size, const firn_hash *name,
                                 uint8_t out[FIRN_PACKFILE_FORMAT_ITEM_SIZE_MAX])
{
    DCHECK(kind_is_known(kind) && size <= FIRN_PACKFILE_OBJECT_SIZE_MAX);
    DCHECK(firn_packfile_kind_is_named(kind) == (name != NULL));
    size_t at = 0;
    out[at++] = (uint8_t)kind;
    at += firn_store_varint(out + at, size);
    if (name != NULL) {
        memcpy(out + at, name->bytes, sizeof name->bytes);
        at += sizeof name->bytes;
    }
    DCHECK(at <= FIRN_PACKFILE_FORMAT_ITEM_SIZE_MAX);
    return at;
}

bool
firn_packfile_format_open_frame(firn_slice raw, struct firn_packfile_format_frame *out)
{
    if (raw.size < FIRN_PACKFILE_FORMAT_FRAME_HEAD_SIZE ||
        memcmp(raw.data, frame_magic, sizeof frame_magic) != 0) {
        return false;
    }
    uint32_t list_size = firn_load_le32(raw.data + 4);
    uint32_t count = firn_load_le32(raw.data + 8);
    size_t behind_head = raw.size - FIRN_PACKFILE_FORMAT_FRAME_HEAD_SIZE;
    if (list_size > FIRN_PACKFILE_FORMAT_LIST_SIZE_MAX || list_size > behind_head || count == 0) {
        return false;
    }
    const uint8_t *list = raw.data + FIRN_PACKFILE_FORMAT_FRAME_HEAD_SIZE;
    out->list = firn_bytes(list, list_size);
    out->contents = firn_bytes(list + list_size, behind_head - list_size);
    out->count = count;
    return true;
}

struct firn_packfile_format_items
firn_packfile_format_items_of(const struct firn_packfile_format_frame *frame)
{
    return (struct firn_packfile_format_items){.reader = firn_reader_of(frame->list),
                                               .left = frame->count,
                                               .contents_size = frame->contents.size};
}

bool
firn_packfile_format_next_item(struct firn_packfile_format_items *items,
                               struct firn_packfile_format_item *out)
{
    uint8_t kind;
    uint64_t size;
    struct firn_reader reader = items->reader;
    if (items->left == 0 || !firn_reader_u8(&reader, &kind) || !kind_is_known(kind) ||
        !firn_reader_varint_max(&reader, FIRN_PACKFILE_OBJECT_SIZE_MAX, &size) ||
        !firn_range_inside(items->offset, size, items->contents_size)) {
        return false;
    }
    memset(&out->name, 0, sizeof out->name);
    out->kind = (enum firn_packfile_kind)kind;
    if (firn_packfile_kind_is_named(out->kind) &&
        !firn_reader_copy(&reader, &out->name, sizeof out->name)) {
        return false;
    }
    out->offset = (uint32_t)items->offset;
    out->size = (uint32_t)size;
    items->reader = reader;
    items->offset += size;
    items->left--;
    return true;
}

bool
firn_packfile_format_items_ended(const struct firn_packfile_format_items *items)
{
    return items->left == 0 && firn_reader_left(&items->reader) == 0 &&
           items->offset == items->contents_size;
}

static bool
is_list_of_cells(const firn_hash *name, firn_slice stored)
{
    struct firn_packfile_cells cells;
    firn_hash found;
    firn_packfile_cells_name(stored, &found);
    return firn_hash_equal(&found, name) &&
           firn_packfile_cells_open(stored, &cells, NULL) == FIRN_OK;
}

bool
firn_packfile_format_has_form(enum firn_packfile_kind kind, const firn_hash *name,
                              firn_slice stored)
{
    uint64_t total;
    struct firn_packfile_delta delta;
    switch (kind) {
    case FIRN_PACKFILE_PIECES:
        return firn_packfile_cells_is_list(stored)
                   ? is_list_of_cells(name, stored)
                   : firn_packfile_decode_pieces(stored, &total, NULL, NULL, NULL) == FIRN_OK;
    case FIRN_PACKFILE_DELTA:
        return firn_packfile_delta_decode(stored, &delta, NULL) == FIRN_OK;
    case FIRN_PACKFILE_BLOB:
    case FIRN_PACKFILE_TREE:
    case FIRN_PACKFILE_RECORD:
        break;
    }
    return true;
}

/* ---- pages ---- */

void
firn_packfile_format_encode_entry(const struct firn_packfile_format_entry *entry,
                                  uint8_t out[FIRN_PACKFILE_FORMAT_ENTRY_SIZE])
{
    DCHECK(kind_is_known(entry->at.kind) && entry->at.size <= FIRN_PACKFILE_OBJECT_SIZE_MAX);
    memcpy(out, entry->hash.bytes, 32);
    firn_store_le32(out + 32, entry->at.frame);
    firn_store_le32(out + 36, entry->at.offset);
    firn_store_le32(out + 40, entry->at.size);
    out[44] = (uint8_t)entry->at.kind;
}

void
firn_packfile_format_decode_entry(const uint8_t bytes[FIRN_PACKFILE_FORMAT_ENTRY_SIZE],
                                  struct firn_packfile_format_entry *out)
{
    memcpy(out->hash.bytes, bytes, 32);
    out->at.frame = firn_load_le32(bytes + 32);
    out->at.offset = firn_load_le32(bytes + 36);
    out->at.size = firn_load_le32(bytes + 40);
    out->at.kind = (enum firn_packfile_kind)bytes[44];
}

bool
firn_packfile_format_page_is_sound(firn_slice page, uint32_t frame_count)
{
    const uint8_t *previous = NULL;
    DCHECK(page.size % FIRN_PACKFILE_FORMAT_ENTRY_SIZE == 0);
    for (size_t at = 0; at < page.size; at += FIRN_PACKFILE_FORMAT_ENTRY_SIZE) {
        const uint8_t *bytes = page.data + at;
        if (previous != NULL && memcmp(previous, bytes, 32) >= 0) {
            return false;
        }
        if (firn_load_le32(bytes + 32) >= frame_count ||
            !firn_range_inside(firn_load_le32(bytes + 36), firn_load_le32(bytes + 40),
                               FIRN_PACKFILE_FORMAT_FRAME_SIZE_MAX) ||
            firn_load_le32(bytes + 40) > FIRN_PACKFILE_OBJECT_SIZE_MAX ||
            !kind_is_known(bytes[44])) {
            return false;
        }
        previous = bytes;
    }
    return true;
}
