/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_format.c: encodes and decodes frames' lists and table entries.
 *
 * Every decoder here takes bytes whose checksum was correct, and still trusts nothing: a checksum
 * detects accidents, not intent.
 */
#include "pack/pack_format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/slice.h"
#include "pack/pack.h"
#include "pack/pack_cells.h"

static const uint8_t frame_magic[4] = {0xf1, 'f', 'r', 'm'};

static bool
kind_is_known(uint32_t kind)
{
    return kind >= FI_PACK_BLOB && kind <= FI_PACK_DELTA;
}

/* ---- frames ---- */

void
fi_pack_format_encode_frame_head(uint32_t list_size, uint32_t count,
                                 uint8_t out[FI_PACK_FORMAT_FRAME_HEAD_SIZE])
{
    DCHECK(count > 0 && list_size <= FI_PACK_FORMAT_LIST_SIZE_MAX);
    memcpy(out, frame_magic, sizeof frame_magic);
    fi_store_le32(out + 4, list_size);
    fi_store_le32(out + 8, count);
}

size_t
fi_pack_format_encode_item(enum fi_pack_kind kind, uint32_t size, const firn_hash *name,
                           uint8_t out[FI_PACK_FORMAT_ITEM_SIZE_MAX])
{
    DCHECK(kind_is_known(kind) && size <= FI_PACK_OBJECT_SIZE_MAX);
    DCHECK(fi_pack_kind_is_named(kind) == (name != NULL));
    size_t at = 0;
    out[at++] = (uint8_t)kind;
    at += fi_store_varint(out + at, size);
    if (name != NULL) {
        memcpy(out + at, name->bytes, sizeof name->bytes);
        at += sizeof name->bytes;
    }
    DCHECK(at <= FI_PACK_FORMAT_ITEM_SIZE_MAX);
    return at;
}

bool
fi_pack_format_open_frame(firn_slice raw, struct fi_pack_format_frame *out)
{
    if (raw.size < FI_PACK_FORMAT_FRAME_HEAD_SIZE ||
        memcmp(raw.data, frame_magic, sizeof frame_magic) != 0) {
        return false;
    }
    uint32_t list_size = fi_load_le32(raw.data + 4);
    uint32_t count = fi_load_le32(raw.data + 8);
    size_t behind_head = raw.size - FI_PACK_FORMAT_FRAME_HEAD_SIZE;
    if (list_size > FI_PACK_FORMAT_LIST_SIZE_MAX || list_size > behind_head || count == 0) {
        return false;
    }
    const uint8_t *list = raw.data + FI_PACK_FORMAT_FRAME_HEAD_SIZE;
    out->list = firn_bytes(list, list_size);
    out->contents = firn_bytes(list + list_size, behind_head - list_size);
    out->count = count;
    return true;
}

struct fi_pack_format_items
fi_pack_format_items_of(const struct fi_pack_format_frame *frame)
{
    return (struct fi_pack_format_items){.reader = fi_reader_of(frame->list),
                                         .left = frame->count,
                                         .contents_size = frame->contents.size};
}

bool
fi_pack_format_next_item(struct fi_pack_format_items *items, struct fi_pack_format_item *out)
{
    uint8_t kind;
    uint64_t size;
    struct fi_reader reader = items->reader;
    if (items->left == 0 || !fi_reader_u8(&reader, &kind) || !kind_is_known(kind) ||
        !fi_reader_varint_max(&reader, FI_PACK_OBJECT_SIZE_MAX, &size) ||
        !fi_range_inside(items->offset, size, items->contents_size)) {
        return false;
    }
    memset(&out->name, 0, sizeof out->name);
    out->kind = (enum fi_pack_kind)kind;
    if (fi_pack_kind_is_named(out->kind) &&
        !fi_reader_copy(&reader, &out->name, sizeof out->name)) {
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
fi_pack_format_items_ended(const struct fi_pack_format_items *items)
{
    return items->left == 0 && fi_reader_left(&items->reader) == 0 &&
           items->offset == items->contents_size;
}

static bool
is_list_of_cells(const firn_hash *name, firn_slice stored)
{
    struct fi_pack_cells cells;
    firn_hash found;
    fi_pack_cells_name(stored, &found);
    return fi_hash_equal(&found, name) && fi_pack_cells_open(stored, &cells, NULL) == FIRN_OK;
}

bool
fi_pack_format_has_form(enum fi_pack_kind kind, const firn_hash *name, firn_slice stored)
{
    uint64_t total;
    struct fi_pack_delta delta;
    switch (kind) {
    case FI_PACK_PIECES:
        return fi_pack_cells_is_list(stored)
                   ? is_list_of_cells(name, stored)
                   : fi_pack_pieces_decode(stored, &total, NULL, NULL, NULL) == FIRN_OK;
    case FI_PACK_DELTA:
        return fi_pack_delta_decode(stored, &delta, NULL) == FIRN_OK;
    case FI_PACK_BLOB:
    case FI_PACK_TREE:
    case FI_PACK_RECORD:
        break;
    }
    return true;
}

/* ---- pages ---- */

void
fi_pack_format_encode_entry(const struct fi_pack_format_entry *entry,
                            uint8_t out[FI_PACK_FORMAT_ENTRY_SIZE])
{
    DCHECK(kind_is_known(entry->at.kind) && entry->at.size <= FI_PACK_OBJECT_SIZE_MAX);
    memcpy(out, entry->hash.bytes, 32);
    fi_store_le32(out + 32, entry->at.frame);
    fi_store_le32(out + 36, entry->at.offset);
    fi_store_le32(out + 40, entry->at.size);
    out[44] = (uint8_t)entry->at.kind;
}

void
fi_pack_format_decode_entry(const uint8_t bytes[FI_PACK_FORMAT_ENTRY_SIZE],
                            struct fi_pack_format_entry *out)
{
    memcpy(out->hash.bytes, bytes, 32);
    out->at.frame = fi_load_le32(bytes + 32);
    out->at.offset = fi_load_le32(bytes + 36);
    out->at.size = fi_load_le32(bytes + 40);
    out->at.kind = (enum fi_pack_kind)bytes[44];
}

bool
fi_pack_format_page_is_sound(firn_slice page, uint32_t frame_count)
{
    const uint8_t *previous = NULL;
    DCHECK(page.size % FI_PACK_FORMAT_ENTRY_SIZE == 0);
    for (size_t at = 0; at < page.size; at += FI_PACK_FORMAT_ENTRY_SIZE) {
        const uint8_t *bytes = page.data + at;
        if (previous != NULL && memcmp(previous, bytes, 32) >= 0) {
            return false;
        }
        if (fi_load_le32(bytes + 32) >= frame_count ||
            !fi_range_inside(fi_load_le32(bytes + 36), fi_load_le32(bytes + 40),
                             FI_PACK_FORMAT_FRAME_SIZE_MAX) ||
            fi_load_le32(bytes + 40) > FI_PACK_OBJECT_SIZE_MAX || !kind_is_known(bytes[44])) {
            return false;
        }
        previous = bytes;
    }
    return true;
}
