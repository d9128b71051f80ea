/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_block.c: data blocks: the check that each passes once, and the two searches in them.
 *
 * A block is slotted: entries follow each other in order, and offsets point to each, so any entry
 * is reached in one step, without decoding another. The common prefix of the block's keys is stored
 * once; entries have the rest. The size of a value is not stored: it ends where the next entry
 * begins.
 *
 * A lookup of one key compares tags, one byte of each key's hash, 16 at a time. Tags come right
 * after the header, in a cache line that has been fetched anyway. Of 36 entries, 0.14 on average
 * have the tag by accident, so nearly always one key is compared, and one entry's line fetched. A
 * search by order (cursors) compares heads, the first two bytes of each rest as a number. Only
 * among entries with the same head does it compare keys, in a binary search. A binary search over
 * all keys would fetch a cache line with each step.
 *
 * Versions of one key have the same tag and are adjacent, the newest first, so the first match is
 * the newest.
 *
 * Everything else depends on the check (it tests data, and refuses any other; builders assert that
 * what they write passes it):
 * (I1) There is at least one entry. Header, tags, offsets, heads, prefix and entries fill the block
 *      exactly, in this order; each entry's fields are inside it; unused bytes are zero.
 * (I2) Keys have at most FI_ENTRY_KEY_SIZE_MAX bytes; entries ascend strictly in the order of
 *      base/entry.h; no sequence wraps around.
 * (I3) A tombstone has no value, and a merge operand or an expiring put at least its head. A
 *      locator or a reference has as many pieces as its size requires, and its offsets do not wrap
 *      around.
 *
 * Whether the tags match the keys is not checked here, because that costs a hash an entry whenever
 * a block is read in. Builders write only correct tags, a checksum that depends on file and place
 * guards them, and row_check.c compares them.
 *
 * Limits: FI_ROW_FORMAT_BLOCK_SIZE_MAX bytes, FI_ROW_FORMAT_BLOCK_COUNT_MAX entries.
 */
#include "row/row_internal.h"

#include "base/checked.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "row/row_heads.h"

static inline bool
has_head(const struct fi_row_block *block, size_t i, uint16_t head)
{
    return fi_load_le16(block->heads + FI_ROW_FORMAT_SHORT_HEAD_SIZE * i) == head;
}

/* ---- the check ---- */

static int
row_block_refuse(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "a block of rows is malformed: %s", what);
}

static int
check_locator(enum fi_entry_kind kind, firn_slice locator, firn_error *err)
{
    struct fi_run_locator fields;
    int rc = fi_run_pieces_check_locator(locator, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_run_pieces_locator(locator, &fields);
    return fields.value_size >= fi_entry_head_size(kind)
               ? FIRN_OK
               : row_block_refuse("the value of an entry is too short for its kind", err);
}

static int
check_kind(const struct fi_row_slot *slot, firn_error *err)
{
    if (fi_row_reference_is_one(slot)) {
        return fi_row_value_reference_is_sound(slot->value)
                   ? FIRN_OK
                   : row_block_refuse("the reference of a value does not fit its kind or size",
                                      err);
    }
    if (slot->kind == FI_ENTRY_DELETE && slot->value.size != 0) {
        return row_block_refuse("a tombstone has a value", err);
    }
    if (slot->is_elsewhere) {
        return check_locator(slot->kind, slot->value, err);
    }
    return slot->value.size >= fi_entry_head_size(slot->kind)
               ? FIRN_OK
               : row_block_refuse("the value of an entry is too short for its kind", err);
}

/* Reads an entry from its own bytes alone. */
static int
check_entry(const struct fi_row_block *block, firn_slice bytes, struct fi_row_slot *out,
            firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t delta = 0;
    uint64_t word;
    if (!fi_reader_copy(&reader, &delta, block->sequence_size) ||
        !fi_add_u64(block->first_sequence, delta, &out->sequence)) {
        return row_block_refuse("the sequence of an entry is too short or too large", err);
    }
    if (!fi_reader_varint_max(&reader,
                              ((uint64_t)FI_ENTRY_KEY_SIZE_MAX << FI_ROW_FORMAT_KIND_BITS) |
                                  FI_ROW_FORMAT_KIND_MASK,
                              &word) ||
        block->prefix.size + (word >> FI_ROW_FORMAT_KIND_BITS) > FI_ENTRY_KEY_SIZE_MAX ||
        !fi_reader_bytes(&reader, (size_t)(word >> FI_ROW_FORMAT_KIND_BITS), &out->rest)) {
        return row_block_refuse("the key of an entry is too long", err);
    }
    out->value = firn_bytes(reader.at, fi_reader_left(&reader));
    out->kind = fi_row_format_kind((uint32_t)word);
    out->is_elsewhere = (word & FI_ROW_FORMAT_KIND_ELSEWHERE) != 0;
    return check_kind(out, err);
}

static int
check_entries(const struct fi_row_block *block, firn_error *err)
{
    struct fi_row_slot before = {0};
    size_t start = (size_t)(block->prefix.data - block->raw.data) + block->prefix.size;
    for (size_t i = 0; i < block->count; i++) {
        struct fi_row_slot slot;
        size_t end = fi_row_block_slot_end(block, i);
        if (fi_row_block_offset(block, i) != start || end < start || end > block->raw.size) {
            return row_block_refuse("an offset leads outside", err);
        }
        int rc = check_entry(block, firn_bytes(block->raw.data + start, end - start), &slot, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (!has_head(block, i, fi_row_heads_short_of(slot.rest))) {
            return row_block_refuse("a head is not that of its key", err);
        }
        if (i > 0 &&
            fi_entry_compare(before.rest, before.sequence, slot.rest, slot.sequence) >= 0) {
            return row_block_refuse("its entries are out of order", err);
        }
        before = slot;
        start = end;
    }
    return FIRN_OK;
}

/* Whether header, tags, offsets, heads and prefix lie inside the block. */
static bool
has_room(firn_slice raw)
{
    size_t count = fi_load_le16(raw.data);
    size_t offset_size = (raw.data[5] & FI_ROW_FORMAT_BLOCK_WIDE) != 0 ? 4 : 2;
    return FI_ROW_FORMAT_BLOCK_HEADER_SIZE + fi_row_format_tags_size(count) +
               count * (offset_size + FI_ROW_FORMAT_SHORT_HEAD_SIZE) +
               (fi_load_le16(raw.data + 2) | (size_t)raw.data[6] << 16) <=
           raw.size;
}

int
fi_row_block_check(firn_slice raw, firn_error *err)
{
    if (raw.size < FI_ROW_FORMAT_BLOCK_HEADER_SIZE || raw.size > FI_ROW_FORMAT_BLOCK_SIZE_MAX) {
        return row_block_refuse("it is too short or too long", err);
    }
    if (raw.data[4] > sizeof(uint64_t) || (raw.data[5] & ~FI_ROW_FORMAT_BLOCK_WIDE) != 0 ||
        raw.data[7] != 0) {
        return row_block_refuse("its header has unknown fields", err);
    }
    if (fi_load_le16(raw.data) == 0 || !has_room(raw)) {
        return row_block_refuse("it is too short for its entries", err);
    }
    struct fi_row_block block;
    fi_row_block_init(&block, raw);
    const uint8_t *tags = raw.data + FI_ROW_FORMAT_BLOCK_HEADER_SIZE;
    for (size_t i = block.count; i < fi_row_format_tags_size(block.count); i++) {
        if (tags[i] != 0) {
            return row_block_refuse("there are tags without an entry", err);
        }
    }
    return check_entries(&block, err);
}

/* ---- searching ---- */

size_t
fi_row_block_find(const struct fi_row_block *block, firn_slice key, uint8_t tag,
                  struct fi_row_slot *out)
{
    if (!fi_slice_has_prefix(key, block->prefix)) {
        return block->count;
    }
    firn_slice rest = firn_bytes(key.data + block->prefix.size, key.size - block->prefix.size);
    const uint8_t *tags = block->raw.data + FI_ROW_FORMAT_BLOCK_HEADER_SIZE;
    for (size_t at = 0; at < block->count; at += FI_ROW_FORMAT_TAGS) {
        uint32_t matches = fi_row_tags_match(tags + at, tag);
        for (; matches != 0; matches &= matches - 1) {
            size_t i = at + (size_t)__builtin_ctz(matches);
            if (i >= block->count) {
                return block->count;
            }
            fi_row_block_slot(block, i, out);
            if (fi_slice_equal(out->rest, rest)) {
                return i;
            }
        }
    }
    return block->count;
}

/* The order of an entry against a place. */
static inline int
compare_slot(const struct fi_row_block *block, size_t i, firn_slice rest, uint64_t sequence)
{
    struct fi_row_slot slot;
    fi_row_block_slot(block, i, &slot);
    return fi_entry_compare(slot.rest, slot.sequence, rest, sequence);
}

/* Where a place lies by prefix and heads alone: not before *out_low, and not after *out_high. Where
 * these differ *out_rest is the key after the prefix, to be compared with entries. */
static void
row_block_narrow(const struct fi_row_block *block, firn_slice key, firn_slice *out_rest,
                 size_t *out_low, size_t *out_high)
{
    firn_slice prefix = block->prefix;
    size_t shared = key.size < prefix.size ? key.size : prefix.size;
    int order = shared == 0 ? 0 : memcmp(key.data, prefix.data, shared);
    *out_low = order > 0 ? block->count : 0;
    *out_high = *out_low;
    if (order != 0 || key.size < prefix.size) {
        return;
    }
    firn_slice rest = firn_bytes(key.data + prefix.size, key.size - prefix.size);
    uint16_t head = fi_row_heads_short_of(rest);
    size_t low = fi_row_heads_short_below(block->heads, block->count, head);
    size_t high = low;
    if (low < block->count && has_head(block, low, head)) {
        high = head == UINT16_MAX
                   ? block->count
                   : fi_row_heads_short_below(block->heads, block->count, (uint16_t)(head + 1));
    }
    DCHECK(low <= high && high <= block->count);
    *out_rest = rest;
    *out_low = low;
    *out_high = high;
}

/* The order of a whole key, prefix and rest, against another. */
static int
compare_whole(firn_slice prefix, firn_slice rest, firn_slice key)
{
    int order = fi_slice_compare(
        prefix, firn_bytes(key.data, key.size < prefix.size ? key.size : prefix.size));
    return order != 0
               ? order
               : fi_slice_compare(rest, firn_bytes(key.data + prefix.size, key.size - prefix.size));
}

/* Whether the i-th entry lies before a place: the plain twin of what heads lead to. */
static bool
is_before(const struct fi_row_block *block, size_t i, firn_slice key, uint64_t sequence)
{
    struct fi_row_slot slot;
    fi_row_block_slot(block, i, &slot);
    int order = compare_whole(block->prefix, slot.rest, key);
    return order < 0 || (order == 0 && slot.sequence > sequence);
}

size_t
fi_row_block_lower_bound(const struct fi_row_block *block, firn_slice key, uint64_t sequence)
{
    firn_slice rest = {NULL, 0};
    size_t low;
    size_t high;
    row_block_narrow(block, key, &rest, &low, &high);
    FI_SEARCH_FIRST(low, high, middle, compare_slot(block, middle, rest, sequence) < 0)
    DCHECK(low == 0 || is_before(block, low - 1, key, sequence));
    DCHECK(low == block->count || !is_before(block, low, key, sequence));
    return low;
}

void
fi_row_block_prefetch(const struct fi_row_block *block, firn_slice key)
{
    enum { LINE_SIZE = 64, ENTRIES_MAX = 6 };
    firn_slice rest = {NULL, 0};
    size_t low;
    size_t high;
    row_block_narrow(block, key, &rest, &low, &high);
    if (high - low >= ENTRIES_MAX) {
        low += (high - low - ENTRIES_MAX) / 2; /* around the middle, where halving begins */
    }
    for (size_t i = 0; i < ENTRIES_MAX && low + i <= high && low + i < block->count; i++) {
        const uint8_t *entry = block->raw.data + fi_row_block_offset(block, low + i);
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + LINE_SIZE);
    }
}
