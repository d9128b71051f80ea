/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_bounds.c: the smallest and the largest of some values, and their sizes.
 */
#include "base/check.h"
#include "base/slice.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encoding_internal.h"

static uint64_t
bits_at(const struct fi_chunk_values *values, size_t i)
{
    DCHECK(i < values->count);
    if (values->kind == FI_PHYSICAL_F32) {
        uint32_t bits;
        memcpy(&bits, &values->as.f32[i], sizeof bits);
        return bits;
    }
    uint64_t bits;
    memcpy(&bits, &values->as.u64[i], sizeof bits);
    return bits;
}

static void
bounds_of_numbers(const struct fi_chunk_values *values, size_t start, size_t count,
                  struct fi_chunk_bounds *out)
{
    enum fi_physical kind = values->kind;
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    for (size_t i = start; i < start + count; i++) {
        if (values->valid != NULL && !fi_chunk_has_bit(values->valid, i)) {
            out->null_count++;
            continue;
        }
        uint64_t bits = bits_at(values, i);
        if (fi_chunk_is_nan(kind, bits)) {
            out->has_nan = true;
            continue;
        }
        uint64_t rank = fi_chunk_rank(kind, bits);
        low = rank < low ? rank : low;
        high = rank > high ? rank : high;
        out->is_empty = false;
    }
    DCHECK(out->is_empty || low <= high);
    if (!out->is_empty) {
        out->min = fi_chunk_cell_of(kind, fi_chunk_unorder(kind, low));
        out->max = fi_chunk_cell_of(kind, fi_chunk_unorder(kind, high));
    }
}

static firn_slice
chunk_bounds_cut(firn_slice bytes)
{
    bytes.size = bytes.size < FI_CHUNK_BOUND_SIZE ? bytes.size : FI_CHUNK_BOUND_SIZE;
    return bytes;
}

/* Up to eight bytes as a number, which orders what they begin differently; and the same of those
 * after them. */
static inline uint64_t
head_of(firn_slice bytes)
{
    return bytes.size >= sizeof(uint64_t)
               ? fi_load_be64(bytes.data)
               : __builtin_bswap64(fi_chunk_load_field(bytes.data, bytes.size));
}

static inline uint64_t
second_of(firn_slice bytes)
{
    return bytes.size > 8 ? head_of(firn_bytes(bytes.data + 8, bytes.size - 8)) : 0;
}

/* Whether a begins as b or before it, up to 16 bytes. */
static inline bool
begins_before(uint64_t a, uint64_t a_second, uint64_t b, uint64_t b_second)
{
    return a != b ? a < b : a_second <= b_second;
}

static void
bounds_of_bytes(const struct fi_chunk_values *values, size_t start, size_t count,
                struct fi_chunk_bounds *out)
{
    firn_slice low = {0};
    firn_slice high = {0};
    uint64_t low_head = UINT64_MAX;
    uint64_t low_second = UINT64_MAX;
    uint64_t high_head = 0;
    uint64_t high_second = 0;
    for (size_t i = start; i < start + count; i++) {
        if (values->valid != NULL && !fi_chunk_has_bit(values->valid, i)) {
            out->null_count++;
            continue;
        }
        firn_slice value = values->as.bytes[i];
        uint64_t head = head_of(value);
        uint64_t second = second_of(value);
        if (begins_before(head, second, low_head, low_second) &&
            (out->is_empty || fi_slice_compare(value, low) < 0)) {
            low = value;
            low_head = head;
            low_second = second;
        }
        if (begins_before(high_head, high_second, head, second) &&
            (out->is_empty || fi_slice_compare(value, high) > 0)) {
            high = value;
            high_head = head;
            high_second = second;
        }
        out->is_empty = false;
    }
    DCHECK(out->is_empty || fi_slice_compare(low, high) <= 0);
    if (!out->is_empty) {
        out->min.kind = out->max.kind = FI_PHYSICAL_BYTES;
        out->min.as.bytes = chunk_bounds_cut(low);
        out->max.as.bytes = chunk_bounds_cut(high);
        out->max_is_cut = high.size > FI_CHUNK_BOUND_SIZE;
    }
}

void
fi_chunk_bounds_of(const struct fi_chunk_values *values, size_t start, size_t count,
                   struct fi_chunk_bounds *out)
{
    *out = (struct fi_chunk_bounds){.is_empty = true};
    DCHECK(start <= values->count && count <= values->count - start);
    if (values->kind == FI_PHYSICAL_BYTES) {
        bounds_of_bytes(values, start, count, out);
    } else {
        bounds_of_numbers(values, start, count, out);
    }
    DCHECK(out->null_count <= count && (out->null_count < count || out->is_empty));
}

void
fi_chunk_bounds_sizes(const struct fi_chunk_values *values, struct fi_chunk_sizes *out)
{
    DCHECK(values->kind == FI_PHYSICAL_BYTES && values->count > 0);
    *out = (struct fi_chunk_sizes){.is_fixed = true};
    for (size_t start = 0; start < values->count; start += FI_CHUNK_BLOCK) {
        const size_t left = values->count - start;
        const size_t count = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        size_t min = SIZE_MAX;
        size_t max = 0;
        for (size_t i = start; i < start + count; i++) {
            const bool is_null = values->valid != NULL && !fi_chunk_has_bit(values->valid, i);
            const size_t size = is_null ? 0 : values->as.bytes[i].size;
            min = size < min ? size : min;
            max = size > max ? size : max;
            out->total += size;
            out->filled += size > 0;
            out->is_fixed = out->is_fixed && (is_null || size == values->fixed_size);
        }
        out->cost += 4 + fi_chunk_bits_size(count, fi_chunk_bits_width(max - min));
    }
    out->total = values->fixed_size != 0 ? values->count * values->fixed_size : out->total;
}
