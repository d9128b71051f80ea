/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_pending.c: collects entries until they make a data block, then lays it out.
 *
 * The prefix of a block, and the width of its sequences, are known only after its last entry. So
 * keys and values wait in one buffer, whole, with an item for each. Meanwhile sums give the size of
 * the block, and the builder asks before each entry whether it still fits.
 *
 * The size is an upper bound: the varint of an entry counts the whole key instead of its rest,
 * since the shared prefix may still get shorter. It is too large by a byte an entry at most.
 * (I1) The encoded block is never larger than the bound.
 *
 * Offsets have 2 bytes unless the block is larger than 64 KiB, which takes large keys and values.
 *
 * Failure: only FIRN_NO_MEMORY, which changes nothing.
 */
#include "row/row_internal.h"

#include "base/mem.h"
#include "row/row_heads.h"

struct fi_row_pending_item {
    size_t at; /* of the key in bytes; the value lies after it */
    size_t key_size;
    size_t value_size;
    uint64_t sequence;
    uint8_t word_low; /* kind, and whether the value is elsewhere */
    uint8_t tag;
};

enum { NARROW_SIZE_MAX = 1 << 16 };

void
fi_row_pending_deinit(struct fi_row_pending *pending)
{
    fi_buf_deinit(&pending->bytes);
    fi_free(pending->items);
    *pending = (struct fi_row_pending){0};
}

void
fi_row_pending_clear(struct fi_row_pending *pending)
{
    fi_buf_clear(&pending->bytes);
    pending->sums = (struct fi_row_pending_sums){0};
}

static firn_slice
key_of(const struct fi_row_pending *pending, size_t i)
{
    const struct fi_row_pending_item *item = &pending->items[i];
    return firn_bytes(pending->bytes.data + item->at, item->key_size);
}

firn_slice
fi_row_pending_last_key(const struct fi_row_pending *pending)
{
    DCHECK(pending->sums.count > 0);
    return key_of(pending, pending->sums.count - 1);
}

/* ---- sizes ---- */

static size_t
word_size(size_t key_size)
{
    size_t word = key_size << FI_ROW_FORMAT_KIND_BITS;
    return word < 1U << 7 ? 1 : word < 1U << 14 ? 2 : word < 1U << 21 ? 3 : 4;
}

/* Bytes that hold every sequence as its distance from the smallest. */
static size_t
sequence_size(const struct fi_row_pending_sums *sums)
{
    uint64_t largest = sums->sequence_max - sums->sequence_min;
    DCHECK(sums->sequence_min <= sums->sequence_max);
    return largest == 0 ? 0 : 8 - (size_t)__builtin_clzll(largest) / 8;
}

static size_t
shared_size(firn_slice a, firn_slice b, size_t size_max)
{
    size_t size = 0;
    DCHECK(size_max <= a.size && size_max <= b.size);
    while (size_max - size >= 8) {
        uint64_t differs = fi_load_le64(a.data + size) ^ fi_load_le64(b.data + size);
        if (differs != 0) {
            return size + (size_t)__builtin_ctzll(differs) / 8;
        }
        size += 8;
    }
    while (size < size_max && a.data[size] == b.data[size]) {
        size++;
    }
    return size;
}

struct fi_row_pending_sums
fi_row_pending_with(const struct fi_row_pending *pending, const struct fi_entry *entry)
{
    struct fi_row_pending_sums sums = pending->sums;
    if (sums.count == 0) {
        sums.shared_size = entry->key.size;
        sums.sequence_min = entry->sequence;
        sums.sequence_max = entry->sequence;
    } else {
        size_t size_max = sums.shared_size < entry->key.size ? sums.shared_size : entry->key.size;
        sums.shared_size = shared_size(key_of(pending, 0), entry->key, size_max);
        if (entry->sequence < sums.sequence_min) {
            sums.sequence_min = entry->sequence;
        }
        if (entry->sequence > sums.sequence_max) {
            sums.sequence_max = entry->sequence;
        }
    }
    sums.count++;
    sums.key_bytes += entry->key.size;
    sums.value_bytes += entry->value.size;
    sums.word_bytes += word_size(entry->key.size);
    return sums;
}

/* The same with offsets of so many bytes and varints of so many in all. */
static size_t
size_of(const struct fi_row_pending_sums *sums, size_t offset_size)
{
    DCHECK(sums->count > 0 && sums->key_bytes >= sums->count * sums->shared_size);
    return FI_ROW_FORMAT_BLOCK_HEADER_SIZE + fi_row_format_tags_size(sums->count) +
           sums->count * (offset_size + FI_ROW_FORMAT_SHORT_HEAD_SIZE + sequence_size(sums)) +
           sums->shared_size + (sums->key_bytes - sums->count * sums->shared_size) +
           sums->word_bytes + sums->value_bytes;
}

size_t
fi_row_pending_size_max(const struct fi_row_pending_sums *sums)
{
    if (sums->count > FI_ROW_FORMAT_BLOCK_COUNT_MAX) {
        return SIZE_MAX;
    }
    size_t size = size_of(sums, 2);
    return size <= NARROW_SIZE_MAX ? size : size_of(sums, 4);
}

/* ---- entries ---- */

static int
row_pending_grow(struct fi_row_pending *pending)
{
    return FI_VEC_RESERVE(pending->items, pending->capacity + 1, pending->capacity, NULL);
}

static void
row_pending_copy(uint8_t *to, firn_slice from)
{
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
}

int
fi_row_pending_add(struct fi_row_pending *pending, const struct fi_entry *entry, bool is_elsewhere,
                   uint8_t tag, const struct fi_row_pending_sums *sums_with)
{
    struct fi_buf *bytes = &pending->bytes;
    DCHECK(sums_with->count == pending->sums.count + 1 &&
           sums_with->key_bytes == pending->sums.key_bytes + entry->key.size);
    if (pending->sums.count == pending->capacity && row_pending_grow(pending) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    /* At least one byte, so that an empty key has an address. */
    if (fi_buf_reserve(bytes, entry->key.size + entry->value.size + 1) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    row_pending_copy(bytes->data + bytes->size, entry->key);
    row_pending_copy(bytes->data + bytes->size + entry->key.size, entry->value);
    pending->items[pending->sums.count] = (struct fi_row_pending_item){
        .at = bytes->size,
        .key_size = entry->key.size,
        .value_size = entry->value.size,
        .sequence = entry->sequence,
        .word_low = (uint8_t)(fi_row_format_kind_bits(entry->kind) |
                              (is_elsewhere ? FI_ROW_FORMAT_KIND_ELSEWHERE : 0U)),
        .tag = tag};
    bytes->size += entry->key.size + entry->value.size;
    pending->sums = *sums_with;
    return FIRN_OK;
}

/* ---- the block ---- */

static uint8_t *
encode_entry(const struct fi_row_pending *pending, const struct fi_row_pending_item *item,
             size_t sequence_bytes, uint8_t *at)
{
    const struct fi_row_pending_sums *sums = &pending->sums;
    uint64_t delta = item->sequence - sums->sequence_min;
    DCHECK(item->sequence >= sums->sequence_min && item->sequence <= sums->sequence_max);
    DCHECK(item->key_size >= sums->shared_size);
    size_t rest_size = item->key_size - sums->shared_size;
    uint32_t word = ((uint32_t)rest_size << FI_ROW_FORMAT_KIND_BITS) | item->word_low;
    memcpy(at, &delta, sequence_bytes);
    at += sequence_bytes;
    at += fi_store_varint(at, word);
    size_t size = rest_size + item->value_size;
    if (size > 0) {
        memcpy(at, pending->bytes.data + item->at + sums->shared_size, size);
    }
    return at + size;
}

int
fi_row_pending_encode(const struct fi_row_pending *pending, struct fi_buf *out)
{
    const struct fi_row_pending_sums *sums = &pending->sums;
    size_t bound = fi_row_pending_size_max(sums);
    CHECK(sums->count > 0 && bound <= FI_ROW_FORMAT_BLOCK_SIZE_MAX);
    fi_buf_clear(out);
    if (fi_buf_reserve(out, bound) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    bool is_wide = bound > NARROW_SIZE_MAX;
    size_t sequence_bytes = sequence_size(sums);
    size_t tags_size = fi_row_format_tags_size(sums->count);
    uint8_t *tags = out->data + FI_ROW_FORMAT_BLOCK_HEADER_SIZE;
    uint8_t *offset = tags + tags_size;
    uint8_t *head = offset + sums->count * (is_wide ? 4 : 2);
    uint8_t *at = head + sums->count * FI_ROW_FORMAT_SHORT_HEAD_SIZE;
    memset(out->data, 0, FI_ROW_FORMAT_BLOCK_HEADER_SIZE + tags_size);
    fi_store_le16(out->data, (uint16_t)sums->count);
    fi_store_le16(out->data + 2, (uint16_t)sums->shared_size);
    out->data[6] = (uint8_t)(sums->shared_size >> 16);
    out->data[4] = (uint8_t)sequence_bytes;
    out->data[5] = is_wide ? FI_ROW_FORMAT_BLOCK_WIDE : 0;
    fi_store_le64(out->data + 8, sums->sequence_min);
    row_pending_copy(at, firn_bytes(pending->bytes.data + pending->items[0].at, sums->shared_size));
    at += sums->shared_size;
    for (size_t i = 0; i < sums->count; i++) {
        firn_slice key = key_of(pending, i);
        firn_slice rest = firn_bytes(key.data + sums->shared_size, key.size - sums->shared_size);
        tags[i] = pending->items[i].tag;
        fi_store_le16(head + FI_ROW_FORMAT_SHORT_HEAD_SIZE * i, fi_row_heads_short_of(rest));
        if (is_wide) {
            fi_store_le32(offset + 4 * i, (uint32_t)(at - out->data));
        } else {
            CHECK(at - out->data <= UINT16_MAX);
            fi_store_le16(offset + 2 * i, (uint16_t)(at - out->data));
        }
        at = encode_entry(pending, &pending->items[i], sequence_bytes, at);
    }
    out->size = (size_t)(at - out->data);
    CHECK(out->size <= bound); /* (I1) */
    return FIRN_OK;
}
