/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk.c: the records of a chunk's blocks, and where their data is.
 *
 * Everything here relies on (I1) to (I3) of chunk_open.c. The inside of a block's data is checked
 * when the block is read: its size follows from the block's count and widths.
 */
#include "base/check.h"
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"
#include "chunk/chunk_format.h"

enum { LINE = 64 }; /* bytes that memory gives at once */

int(fi_chunk_corrupt)(firn_error *err, const char *what)
{
    return fi_error_set(err, FIRN_CORRUPT, "a column chunk is damaged: %s", what);
}

/* ---- records ---- */

bool
fi_chunk_has_codes(const struct fi_chunk *chunk)
{
    return chunk->encoding == FI_ENCODING_FRAME || chunk->encoding == FI_ENCODING_DELTA ||
           chunk->encoding == FI_ENCODING_RLE || chunk->encoding == FI_ENCODING_DICTIONARY;
}

bool
fi_chunk_has_width(const struct fi_chunk *chunk)
{
    if (chunk->encoding == FI_ENCODING_PLAIN) {
        return chunk->kind == FI_PHYSICAL_BYTES && chunk->fixed_size == 0;
    }
    return chunk->encoding != FI_ENCODING_CONSTANT;
}

size_t
fi_chunk_bounds_size(const struct fi_chunk *chunk)
{
    if (chunk->encoding == FI_ENCODING_CONSTANT) {
        return 0;
    }
    if (fi_chunk_is_float(chunk->kind)) {
        return 1 + 2 * fi_chunk_number_size(chunk->kind);
    }
    if (fi_chunk_has_codes(chunk)) {
        return 0;
    }
    return chunk->kind == FI_PHYSICAL_BYTES ? 2 + 2 * (size_t)chunk->parts.field_size : 16;
}

size_t
fi_chunk_record_size(const struct fi_chunk *chunk)
{
    size_t size = 4 + (chunk->parts.has_nulls ? 2 : 0);
    if (chunk->encoding == FI_ENCODING_CONSTANT) {
        return chunk->parts.has_nulls && !chunk->parts.is_all_null ? size : 0;
    }
    return size + (fi_chunk_has_width(chunk) ? 1 : 0) +
           (fi_chunk_has_codes(chunk) ? 2 * (size_t)chunk->parts.field_size : 0) +
           fi_chunk_bounds_size(chunk);
}

void
fi_chunk_record(const struct fi_chunk *chunk, size_t block, struct fi_chunk_record *out)
{
    static const uint8_t no_bounds[17] = {0};
    *out = (struct fi_chunk_record){.bounds = no_bounds};
    if (chunk->parts.record_size == 0) {
        out->null_count =
            chunk->parts.is_all_null ? (uint32_t)fi_chunk_block_size(chunk, block) : 0;
        return;
    }
    const uint8_t *at = chunk->bytes.data + chunk->parts.records + block * chunk->parts.record_size;
    out->end = fi_load_le32(at);
    at += 4;
    if (chunk->parts.has_nulls) {
        out->null_count = fi_load_le16(at);
        at += 2;
    }
    if (fi_chunk_has_width(chunk)) {
        out->width = *at++;
    }
    if (fi_chunk_has_codes(chunk)) {
        size_t size = chunk->parts.field_size;
        out->low = fi_chunk_load_field(at, size);
        out->high = fi_chunk_load_field(at + size, size);
        at += 2 * size;
    }
    out->bounds = at;
}

/* Where the data of a block end; of a chunk that has records. */
static uint32_t
end_of(const struct fi_chunk *chunk, size_t block)
{
    DCHECK(chunk->parts.record_size > 0 && block < fi_chunk_block_count(chunk));
    return fi_load_le32(chunk->bytes.data + chunk->parts.records +
                        block * chunk->parts.record_size);
}

/* ---- blocks ---- */

void
fi_chunk_block_codes(const struct fi_chunk *chunk, size_t block, uint64_t *out_low,
                     uint64_t *out_high)
{
    DCHECK(fi_chunk_has_codes(chunk) && fi_chunk_has_width(chunk));
    DCHECK(block < fi_chunk_block_count(chunk));
    size_t size = chunk->parts.field_size;
    const uint8_t *at = chunk->bytes.data + chunk->parts.records +
                        block * chunk->parts.record_size + 4 + (chunk->parts.has_nulls ? 2 : 0) + 1;
    *out_low = fi_chunk_load_field(at, size);
    *out_high = fi_chunk_load_field(at + size, size);
}

size_t
fi_chunk_block_count(const struct fi_chunk *chunk)
{
    return (chunk->count + (size_t)FI_CHUNK_BLOCK - 1) / FI_CHUNK_BLOCK;
}

size_t
fi_chunk_block_size(const struct fi_chunk *chunk, size_t block)
{
    size_t start = block * FI_CHUNK_BLOCK;
    DCHECK(start < chunk->count);
    return chunk->count - start < FI_CHUNK_BLOCK ? chunk->count - start : FI_CHUNK_BLOCK;
}

void
fi_chunk_prefetch_place(const struct fi_chunk *chunk, size_t i)
{
    size_t block = i / FI_CHUNK_BLOCK;
    DCHECK(i < chunk->count);
    const uint8_t *record =
        chunk->bytes.data + chunk->parts.records + block * chunk->parts.record_size;
    if (chunk->parts.record_size > 0) {
        __builtin_prefetch(record - (block > 0 ? chunk->parts.record_size : 0));
        __builtin_prefetch(record + chunk->parts.record_size - 1);
    }
}

void
fi_chunk_prefetch(const struct fi_chunk *chunk, size_t i)
{
    size_t block = i / FI_CHUNK_BLOCK;
    DCHECK(i < chunk->count);
    if (chunk->parts.record_size == 0) {
        return;
    }
    size_t start = block > 0 ? end_of(chunk, block - 1) : 0;
    size_t end = end_of(chunk, block);
    DCHECK(start <= end && end <= chunk->bytes.size - chunk->parts.data); /* (I1) */
    const uint8_t *data = chunk->bytes.data + chunk->parts.data;
    /* Packed numbers lie in their order, more or less; what lies before them is small. */
    size_t near = start + (end - start) * (i % FI_CHUNK_BLOCK) / FI_CHUNK_BLOCK;
    __builtin_prefetch(data + start);
    __builtin_prefetch(data + (near < end ? near : start));
}

void
fi_chunk_prefetch_block(const struct fi_chunk *chunk, size_t block)
{
    DCHECK(block < fi_chunk_block_count(chunk));
    if (chunk->encoding != FI_ENCODING_FRAME && chunk->encoding != FI_ENCODING_DICTIONARY) {
        return; /* they are decoded from the first byte on: the processor sees that itself */
    }
    const uint8_t *data = chunk->bytes.data + chunk->parts.data;
    const size_t end = end_of(chunk, block);
    DCHECK(end <= chunk->bytes.size - chunk->parts.data); /* (I1) */
    /* Into the second-level cache: in the first one so many lines would delay the loads of the
     * block that is read now. */
    for (size_t at = block > 0 ? end_of(chunk, block - 1) : 0; at < end; at += LINE) {
        __builtin_prefetch(data + at, 0, 2);
    }
    /* Compilers take a function that only prefetches for one without effects, and leave out calls
     * of it. */
    __asm__ volatile("");
}

int
fi_chunk_block_at(const struct fi_chunk *chunk, size_t block, struct fi_chunk_block *out,
                  firn_error *err)
{
    struct fi_chunk_record record;
    CHECK(block < fi_chunk_block_count(chunk));
    fi_chunk_record(chunk, block, &record);
    *out = (struct fi_chunk_block){.count = fi_chunk_block_size(chunk, block),
                                   .null_count = record.null_count,
                                   .data = firn_bytes("", 0),
                                   .width = record.width,
                                   .low = record.low,
                                   .high = record.high};
    if (chunk->parts.record_size == 0) {
        return FIRN_OK;
    }
    uint32_t start = block > 0 ? end_of(chunk, block - 1) : 0;
    const uint8_t *data = chunk->bytes.data + chunk->parts.data;
    size_t mask_size = 0;
    if (out->null_count > 0 && out->null_count < out->count) {
        mask_size = (out->count + 7) / 8;
        if (record.end - start < mask_size) {
            return fi_chunk_corrupt(err, "a block's mask of nulls is cut");
        }
        out->mask = data + start;
    }
    out->data = firn_bytes(data + start + mask_size, record.end - start - mask_size);
    return FIRN_OK;
}

int
fi_chunk_block_valid(const struct fi_chunk_block *view, uint64_t valid[FI_CHUNK_MASK_WORDS],
                     firn_error *err)
{
    memset(valid, view->null_count == 0 ? 0xff : 0, FI_CHUNK_MASK_WORDS * sizeof *valid);
    if (view->mask != NULL) {
        memcpy(valid, view->mask, (view->count + 7) / 8);
    }
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        size_t start = i * 64;
        if (view->count < start + 64) {
            uint64_t inside = view->count <= start ? 0 : UINT64_MAX >> (64 - (view->count - start));
            if (view->mask != NULL && (valid[i] & ~inside) != 0) {
                return fi_chunk_corrupt(err, "a mask of nulls goes on after its block");
            }
            valid[i] &= inside;
        }
    }
    return fi_chunk_mask_count(valid) == view->count - view->null_count
               ? FIRN_OK
               : fi_chunk_corrupt(err, "a mask of nulls does not have as many as its record says");
}

struct fi_cell
fi_chunk_constant(const struct fi_chunk *chunk)
{
    const uint8_t *part = chunk->bytes.data + chunk->parts.part;
    DCHECK(chunk->encoding == FI_ENCODING_CONSTANT && !chunk->parts.is_all_null);
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        return fi_chunk_cell_of(chunk->kind, fi_chunk_load_bits(chunk->kind, part));
    }
    struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES};
    cell.as.bytes = chunk->fixed_size != 0 ? firn_bytes(part, chunk->fixed_size)
                                           : firn_bytes(part + 4, fi_load_le32(part));
    return cell;
}

/* ---- memory, codes ---- */

void
fi_chunk_scratch_deinit(struct fi_chunk_scratch *scratch)
{
    fi_buf_deinit(&scratch->numbers);
    fi_buf_deinit(&scratch->bytes);
}

size_t
fi_chunk_code_count(const struct fi_chunk *chunk)
{
    return chunk->encoding == FI_ENCODING_DICTIONARY ? chunk->parts.entry_count : 0;
}

int
fi_chunk_code_value(const struct fi_chunk *chunk, uint32_t code, struct fi_chunk_scratch *scratch,
                    struct fi_cell *out, firn_error *err)
{
    (void)scratch;
    CHECK(code < fi_chunk_code_count(chunk));
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        *out = fi_chunk_cell_of(chunk->kind, fi_chunk_dictionary_bits(chunk, code));
        return FIRN_OK;
    }
    out->kind = FI_PHYSICAL_BYTES;
    return fi_chunk_dictionary_bytes(chunk, code, &out->as.bytes)
               ? FIRN_OK
               : fi_chunk_corrupt(err, "an entry of its dictionary lies outside");
}

/* ---- bounds ---- */

static void
constant_bounds(const struct fi_chunk *chunk, size_t count, struct fi_chunk_bounds *out)
{
    struct fi_cell value;
    struct fi_chunk_values one = {.kind = chunk->kind, .count = 1};
    uint64_t null_count = out->null_count;
    if (out->null_count == count) {
        out->is_empty = true;
        return;
    }
    value = fi_chunk_constant(chunk);
    if (chunk->kind == FI_PHYSICAL_BYTES) {
        one.as.bytes = &value.as.bytes;
    } else {
        one.as.u64 = &value.as.u64;
    }
    fi_chunk_bounds_of(&one, 0, 1, out);
    out->null_count = null_count;
}

static void
number_bounds(const struct fi_chunk *chunk, const uint8_t *at, struct fi_chunk_bounds *out)
{
    size_t size = fi_chunk_number_size(chunk->kind);
    if (fi_chunk_is_float(chunk->kind)) {
        out->has_nan = (*at & FI_CHUNK_FORMAT_NAN) != 0;
        out->is_empty = out->is_empty || (*at & FI_CHUNK_FORMAT_EMPTY) != 0;
        at++;
    }
    if (!out->is_empty) {
        out->min = fi_chunk_cell_of(chunk->kind, fi_chunk_load_bits(chunk->kind, at));
        out->max = fi_chunk_cell_of(chunk->kind, fi_chunk_load_bits(chunk->kind, at + size));
    }
}

static void
bytes_bounds(const struct fi_chunk *chunk, const uint8_t *at, struct fi_chunk_bounds *out)
{
    const uint8_t *min = at + 2;
    out->max_is_cut = (at[1] & FI_CHUNK_FORMAT_CUT) != 0;
    out->min.kind = out->max.kind = FI_PHYSICAL_BYTES;
    out->min.as.bytes = firn_bytes(min, at[0]);
    out->max.as.bytes =
        firn_bytes(min + chunk->parts.field_size, at[1] & ~(unsigned)FI_CHUNK_FORMAT_CUT);
}

static void
dictionary_bounds(const struct fi_chunk *chunk, const struct fi_chunk_record *record,
                  struct fi_chunk_bounds *out)
{
    out->min.kind = out->max.kind = chunk->kind;
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        out->min.as.u64 = fi_chunk_dictionary_bits(chunk, (size_t)record->low);
        out->max.as.u64 = fi_chunk_dictionary_bits(chunk, (size_t)record->high);
        return;
    }
    firn_slice *min = &out->min.as.bytes;
    firn_slice *max = &out->max.as.bytes;
    if (!fi_chunk_dictionary_bytes(chunk, (size_t)record->low, min) ||
        !fi_chunk_dictionary_bytes(chunk, (size_t)record->high, max)) {
        /* Bounds that leave nothing out: reading the values will say what is wrong. */
        *min = *max = firn_bytes("", 0);
        out->max_is_cut = true;
        return;
    }
    out->max_is_cut = max->size > FI_CHUNK_BOUND_SIZE;
    min->size = min->size > FI_CHUNK_BOUND_SIZE ? FI_CHUNK_BOUND_SIZE : min->size;
    max->size = max->size > FI_CHUNK_BOUND_SIZE ? FI_CHUNK_BOUND_SIZE : max->size;
}

static struct fi_cell
code_cell(const struct fi_chunk *chunk, uint64_t code)
{
    uint64_t order = chunk->parts.minimum + chunk->parts.divisor * code;
    return fi_chunk_cell_of(chunk->kind, fi_chunk_unorder(chunk->kind, order));
}

void
fi_chunk_block_bounds(const struct fi_chunk *chunk, size_t block, struct fi_chunk_bounds *out)
{
    struct fi_chunk_record record;
    size_t count = fi_chunk_block_size(chunk, block);
    fi_chunk_record(chunk, block, &record);
    *out = (struct fi_chunk_bounds){.null_count = record.null_count,
                                    .is_empty = record.null_count == count};
    if (chunk->encoding == FI_ENCODING_CONSTANT) {
        constant_bounds(chunk, count, out);
    } else if (out->is_empty) {
        return;
    } else if (chunk->encoding == FI_ENCODING_DICTIONARY && !fi_chunk_is_float(chunk->kind)) {
        dictionary_bounds(chunk, &record, out);
    } else if (fi_chunk_has_codes(chunk) && !fi_chunk_is_float(chunk->kind)) {
        out->min = code_cell(chunk, record.low);
        out->max = code_cell(chunk, record.high);
    } else if (chunk->kind != FI_PHYSICAL_BYTES) {
        number_bounds(chunk, record.bounds, out);
    } else {
        bytes_bounds(chunk, record.bounds, out);
    }
}
