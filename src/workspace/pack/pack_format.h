/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_format.h: the bytes inside a pack's blocks. docs/formats/pack.md is the same in
 * prose; the blocks are in a sealed block file (docs/formats/block.md).
 *
 *   frame (decoded)    magic (4) | list size (4) | object count (4) | list | contents
 *   list               for each object: kind (1) | varint size | name (32, of PIECES and DELTA)
 *   page               entries in ascending order of hashes:
 *                      hash (32) | frame (4) | offset (4) | size (4) | kind (1)
 *   section FRAMES     count (4) | zero (4) |
 *                      for each frame: offset (8) | stored size (4) | raw size (4)
 *   section OBJECTS    count (8) | page count (4) | zero (4) |
 *                      for each page: first hash (32) | offset (8)
 *
 * Only files of this folder and tests include it.
 */
#ifndef FIRN_PACK_PACK_FORMAT_H
#define FIRN_PACK_PACK_FORMAT_H

#include "base/reader.h"
#include "pack/pack.h"

enum {
    FI_PACK_FORMAT_SECTION_FRAMES = 1,
    FI_PACK_FORMAT_SECTION_OBJECTS = 2,

    FI_PACK_FORMAT_FRAME_HEAD_SIZE = 12,
    FI_PACK_FORMAT_LIST_SIZE_MAX = 64 << 10,
    FI_PACK_FORMAT_ITEM_SIZE_MAX = 1 + 5 + 32,
    FI_PACK_FORMAT_FRAME_SIZE_MAX =
        FI_PACK_FORMAT_FRAME_HEAD_SIZE + FI_PACK_FORMAT_LIST_SIZE_MAX + FI_PACK_OBJECT_SIZE_MAX,

    FI_PACK_FORMAT_ENTRY_SIZE = 45,
    FI_PACK_FORMAT_PAGE_ENTRIES = 728, /* of every page but the last: 32,760 bytes */
    FI_PACK_FORMAT_PAGE_SIZE = FI_PACK_FORMAT_PAGE_ENTRIES * FI_PACK_FORMAT_ENTRY_SIZE,

    FI_PACK_FORMAT_FRAMES_HEAD_SIZE = 8,
    FI_PACK_FORMAT_FRAMES_ITEM_SIZE = 16,
    FI_PACK_FORMAT_OBJECTS_HEAD_SIZE = 16,
    FI_PACK_FORMAT_FENCE_SIZE = 40
};

/* One object as its frame lists it. */
struct fi_pack_format_item {
    enum fi_pack_kind kind;
    uint32_t offset; /* in the contents */
    uint32_t size;
    firn_hash name; /* only for PIECES and DELTA: of what they stand for */
};

/* A decoded frame taken apart: slices of it. To visit the objects, fi_pack_format_next_item takes
 * items whose reader is at the start of the list. */
struct fi_pack_format_frame {
    firn_slice list;
    firn_slice contents;
    uint32_t count;
};
struct fi_pack_format_items {
    struct fi_reader reader;
    uint32_t left;
    uint64_t offset;
    uint64_t contents_size;
};

struct fi_pack_format_entry {
    firn_hash hash;
    struct fi_pack_location at;
};

/* Writes the head of a frame. */
void fi_pack_format_encode_frame_head(uint32_t list_size, uint32_t count,
                                      uint8_t out[FI_PACK_FORMAT_FRAME_HEAD_SIZE]);
/* Writes one item of a list; name is NULL except for PIECES and DELTA. Returns the item's size. */
size_t fi_pack_format_encode_item(enum fi_pack_kind kind, uint32_t size, const firn_hash *name,
                                  uint8_t out[FI_PACK_FORMAT_ITEM_SIZE_MAX]);
/* Whether raw is a frame; checks its head and the lengths, not the list. */
FIRN_MUST_CHECK bool fi_pack_format_open_frame(firn_slice raw, struct fi_pack_format_frame *out);
/* Whether stored bytes have the form of their kind: a list of pieces, a list of cells of that name,
 * or a delta; true for other kinds. */
FIRN_MUST_CHECK bool fi_pack_format_has_form(enum fi_pack_kind kind, const firn_hash *name,
                                             firn_slice stored);
struct fi_pack_format_items fi_pack_format_items_of(const struct fi_pack_format_frame *frame);
/* The next item; false if there is none, or it is malformed. */
FIRN_MUST_CHECK bool fi_pack_format_next_item(struct fi_pack_format_items *items,
                                              struct fi_pack_format_item *out);
/* Whether next_item reached a proper end: all items seen, nothing left of list or contents. */
FIRN_MUST_CHECK bool fi_pack_format_items_ended(const struct fi_pack_format_items *items);

void fi_pack_format_encode_entry(const struct fi_pack_format_entry *entry,
                                 uint8_t out[FI_PACK_FORMAT_ENTRY_SIZE]);
void fi_pack_format_decode_entry(const uint8_t bytes[FI_PACK_FORMAT_ENTRY_SIZE],
                                 struct fi_pack_format_entry *out);
/* Whether a page is in strict order and each entry possible in a pack of frame_count frames. */
FIRN_MUST_CHECK bool fi_pack_format_page_is_sound(firn_slice page, uint32_t frame_count);

#endif
