/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_block.h: looking into a data block that firn_row_block_check has passed. Nothing is
 * checked again: hot paths are made of these.
 *
 * All functions from any thread; what they return is borrowed from the block's bytes.
 */
#ifndef FIRN_ROW_ROW_BLOCK_H
#define FIRN_ROW_ROW_BLOCK_H

#include "base/bytes.h"
#include "base/entry.h"
#include "base/error.h"
#include "row/row_format.h"

/* Where things are in the block. */
struct firn_row_block {
    firn_slice raw;
    const uint8_t *offsets;
    const uint8_t *heads;
    firn_slice prefix;
    uint64_t first_sequence;
    uint64_t sequence_mask;
    uint32_t count;
    uint32_t sequence_size;
    bool is_wide;
};

/* One entry. */
struct firn_row_slot {
    firn_slice rest;  /* the key behind the block's prefix */
    firn_slice value; /* or its locator, or a reference: see row_reference.h */
    uint64_t sequence;
    enum firn_entry_kind kind;
    bool is_elsewhere; /* value is one of the two */
};

/* What may be believed of bytes whose checksum is right: nothing, before this has returned FIRN_OK.
 * Its signature is that of firn_block_cache_check. Tags are left to firn_row_kind's check: a wrong
 * one can hide an entry, not more. */
FIRN_MUST_CHECK int firn_row_block_check(firn_slice raw, firn_error *err);

static inline void
firn_row_block_init(struct firn_row_block *block, firn_slice raw)
{
    const uint8_t *data = raw.data;
    size_t count = firn_load_le16(data);
    size_t prefix_size = firn_load_le16(data + 2);
    block->raw = raw;
    block->count = (uint32_t)count;
    block->sequence_size = data[4];
    block->sequence_mask =
        data[4] == 0 ? 0 : UINT64_MAX >> (64 - 8 * (unsigned)block->sequence_size);
    block->is_wide = (data[5] & FIRN_ROW_FORMAT_BLOCK_WIDE) != 0;
    block->first_sequence = firn_load_le64(data + 8);
    block->offsets = data + FIRN_ROW_FORMAT_BLOCK_HEADER_SIZE + firn_row_format_tags_size(count);
    block->heads = block->offsets + count * (block->is_wide ? 4 : 2);
    block->prefix = firn_bytes(block->heads + count * FIRN_ROW_FORMAT_SHORT_HEAD_SIZE, prefix_size);
}

static inline size_t
firn_row_block_offset(const struct firn_row_block *block, size_t i)
{
    return block->is_wide ? firn_load_le32(block->offsets + 4 * i)
                          : firn_load_le16(block->offsets + 2 * i);
}

static inline size_t
firn_row_block_slot_end(const struct firn_row_block *block, size_t i)
{
    return i + 1 < block->count ? firn_row_block_offset(block, i + 1) : block->raw.size;
}

static inline void
firn_row_block_slot(const struct firn_row_block *block, size_t i, struct firn_row_slot *out)
{
    const uint8_t *data = block->raw.data;
    size_t at = firn_row_block_offset(block, i);
    size_t end = firn_row_block_slot_end(block, i);
    uint64_t delta = 0;
    if (block->raw.size - at >= sizeof delta) {
        delta = firn_load_le64(data + at) & block->sequence_mask;
    } else {
        memcpy(&delta, data + at, block->sequence_size);
    }
    at += block->sequence_size;
    uint32_t word = data[at] & 0x7f;
    for (unsigned shift = 7; (data[at++] & 0x80) != 0; shift += 7) {
        word |= (uint32_t)(data[at] & 0x7f) << shift;
    }
    size_t rest_size = word >> FIRN_ROW_FORMAT_KIND_BITS;
    out->sequence = block->first_sequence + delta;
    out->rest = firn_bytes(data + at, rest_size);
    out->value = firn_bytes(data + at + rest_size, end - at - rest_size);
    out->kind = firn_row_format_kind(word);
    out->is_elsewhere = (word & FIRN_ROW_FORMAT_KIND_ELSEWHERE) != 0;
}

/* The tag of a key with this hash. */
static inline uint8_t
firn_row_block_tag(uint64_t key_hash)
{
    return (uint8_t)key_hash;
}

/* The first entry of a key, which is its newest version in the block; count if there is none. Fills
 * *out if there is one. */
size_t firn_row_block_find(const struct firn_row_block *block, firn_slice key, uint8_t tag,
                           struct firn_row_slot *out);
/* The first entry at or behind (key, sequence) in the order of entries; count if there is none. */
size_t firn_row_block_lower_bound(const struct firn_row_block *block, firn_slice key,
                                  uint64_t sequence);

/* Begins to bring near the processor the entries that lower_bound may compare, and lead to. */
void firn_row_block_prefetch(const struct firn_row_block *block, firn_slice key);

/* The numbers of a locator that passed the check. */
struct firn_row_locator {
    uint64_t value_size;
    uint64_t first_offset;
    const uint8_t *stored_sizes; /* 4 bytes each */
};
static inline void
firn_row_block_locator(firn_slice locator, struct firn_row_locator *out)
{
    out->value_size = firn_load_le64(locator.data);
    out->first_offset = firn_load_le64(locator.data + 8);
    out->stored_sizes = locator.data + FIRN_ROW_FORMAT_LOCATOR_SIZE;
}

#endif
