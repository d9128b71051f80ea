/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/chunk.c: opening chunks, and reading the records of their blocks.
 *
 * firn_chunk_open checks the header, the encoding's part and every record. So afterwards, and after
 * firn_chunk_reopen with the same bytes,
 *
 * (I1) the data of a block is inside of the chunk, and the data of different blocks does not
 *      overlap;
 * (I2) a block has no more nulls than values, and codes of a record are in order and, in a
 *      dictionary, below the number of its entries;
 * (I3) a table that every block uses is inside of the chunk.
 *
 * (Not asserted: opening tests (I2) and (I3), with errors, because a chunk comes from a file.)
 *
 * The inside of a block's data is checked when the block is read: its size follows from the block's
 * count and widths.
 */
#include "base/check.h"
#include "encoding/chunk_alp.h"
#include "encoding/chunk_dictionary.h"
#include "encoding/chunk_format.h"
#include "encoding/chunk_texts.h"
#include "encoding/encoding_internal.h"

enum { LINE = 64 }; /* bytes that memory gives at once */

int(firn_chunk_corrupt)(firn_error *err, const char *what)
{
    return firn_error_set(err, FIRN_CORRUPT, "a column chunk is damaged: %s", what);
}

/* ---- records ---- */

static bool
has_codes(const struct firn_chunk *chunk)
{
    return chunk->encoding == FIRN_ENCODING_FRAME || chunk->encoding == FIRN_ENCODING_DELTA ||
           chunk->encoding == FIRN_ENCODING_RLE || chunk->encoding == FIRN_ENCODING_DICTIONARY;
}

bool
firn_chunk_has_width(const struct firn_chunk *chunk)
{
    if (chunk->encoding == FIRN_ENCODING_PLAIN) {
        return chunk->kind == FIRN_PHYSICAL_BYTES && chunk->fixed_size == 0;
    }
    return chunk->encoding != FIRN_ENCODING_CONSTANT;
}

/* Bytes that both bounds take in a record, but for those that are codes. */
static size_t
bounds_size(const struct firn_chunk *chunk)
{
    if (chunk->encoding == FIRN_ENCODING_CONSTANT) {
        return 0;
    }
    if (firn_chunk_is_float(chunk->kind)) {
        return 1 + 2 * firn_chunk_number_size(chunk->kind);
    }
    if (has_codes(chunk)) {
        return 0;
    }
    return chunk->kind == FIRN_PHYSICAL_BYTES ? 2 + 2 * (size_t)chunk->parts.field_size : 16;
}

size_t
firn_chunk_record_size(const struct firn_chunk *chunk)
{
    size_t size = 4 + (chunk->parts.has_nulls ? 2 : 0);
    if (chunk->encoding == FIRN_ENCODING_CONSTANT) {
        return chunk->parts.has_nulls && !chunk->parts.is_all_null ? size : 0;
    }
    return size + (firn_chunk_has_width(chunk) ? 1 : 0) +
           (has_codes(chunk) ? 2 * (size_t)chunk->parts.field_size : 0) + bounds_size(chunk);
}

/* A block's record, taken apart. */
struct record {
    uint32_t end;
    uint32_t null_count;
    unsigned width;
    uint64_t low;
    uint64_t high;
    const uint8_t *bounds;
};

static void
read_record(const struct firn_chunk *chunk, size_t block, struct record *out)
{
    static const uint8_t no_bounds[17] = {0};
    *out = (struct record){.bounds = no_bounds};
    if (chunk->parts.record_size == 0) {
        out->null_count =
            chunk->parts.is_all_null ? (uint32_t)firn_chunk_block_size(chunk, block) : 0;
        return;
    }
    const uint8_t *at = chunk->bytes.data + chunk->parts.records + block * chunk->parts.record_size;
    out->end = firn_load_le32(at);
    at += 4;
    if (chunk->parts.has_nulls) {
        out->null_count = firn_load_le16(at);
        at += 2;
    }
    if (firn_chunk_has_width(chunk)) {
        out->width = *at++;
    }
    if (has_codes(chunk)) {
        size_t size = chunk->parts.field_size;
        out->low = firn_chunk_load_field(at, size);
        out->high = firn_chunk_load_field(at + size, size);
        at += 2 * size;
    }
    out->bounds = at;
}

/* Where the data of a block end; of a chunk that has records. */
static uint32_t
end_of(const struct firn_chunk *chunk, size_t block)
{
    DCHECK(chunk->parts.record_size > 0 && block < firn_chunk_block_count(chunk));
    return firn_load_le32(chunk->bytes.data + chunk->parts.records +
                          block * chunk->parts.record_size);
}

/* ---- opening ---- */

static bool
is_possible(const struct firn_chunk *chunk)
{
    switch (chunk->encoding) {
    case FIRN_ENCODING_FRAME:
    case FIRN_ENCODING_DELTA:
    case FIRN_ENCODING_RLE:
        return chunk->kind != FIRN_PHYSICAL_BYTES;
    case FIRN_ENCODING_ALP:
        return firn_chunk_is_float(chunk->kind);
    case FIRN_ENCODING_FSST:
    case FIRN_ENCODING_FRONT:
        return chunk->kind == FIRN_PHYSICAL_BYTES && chunk->fixed_size == 0;
    default:
        return true;
    }
}

/* Bytes from `at` on, if the chunk has them. */
static bool
take(const struct firn_chunk *chunk, size_t *at, size_t size, size_t *out)
{
    if (*at > chunk->bytes.size || size > chunk->bytes.size - *at) {
        return false;
    }
    *out = *at;
    *at += size;
    return true;
}

static bool
open_constant(const struct firn_chunk *chunk, size_t *at)
{
    size_t place;
    if (chunk->parts.is_all_null) {
        return true;
    }
    if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        return take(chunk, at, firn_chunk_number_size(chunk->kind), &place);
    }
    if (chunk->fixed_size != 0) {
        return take(chunk, at, chunk->fixed_size, &place);
    }
    return take(chunk, at, 4, &place) &&
           take(chunk, at, firn_load_le32(chunk->bytes.data + place), &place);
}

static bool
open_codes(struct firn_chunk *chunk, size_t *at)
{
    size_t place;
    if (!take(chunk, at, 16, &place)) {
        return false;
    }
    chunk->parts.minimum = firn_load_le64(chunk->bytes.data + place);
    chunk->parts.divisor = firn_load_le64(chunk->bytes.data + place + 8);
    return chunk->parts.divisor != 0;
}

/* What the encoding says of all blocks. */
static bool
open_part(struct firn_chunk *chunk, size_t *at)
{
    chunk->parts.part = (uint32_t)*at;
    switch (chunk->encoding) {
    case FIRN_ENCODING_PLAIN:
        return true;
    case FIRN_ENCODING_CONSTANT:
        return open_constant(chunk, at);
    case FIRN_ENCODING_ALP:
        return firn_chunk_alp_open(chunk, at);
    case FIRN_ENCODING_DICTIONARY:
        return firn_chunk_dictionary_open(chunk, at);
    case FIRN_ENCODING_FRAME:
    case FIRN_ENCODING_DELTA:
    case FIRN_ENCODING_RLE:
        return open_codes(chunk, at);
    case FIRN_ENCODING_FSST:
        return firn_chunk_fsst_open(chunk, at);
    default:
        return true;
    }
}

static int
check_records(const struct firn_chunk *chunk, firn_error *err)
{
    uint32_t start = 0;
    size_t left = chunk->bytes.size - chunk->parts.data;
    uint64_t nulls = 0;
    for (size_t i = 0; i < firn_chunk_block_count(chunk); i++) {
        struct record record;
        read_record(chunk, i, &record);
        if (record.end < start || record.end > left) {
            return firn_chunk_corrupt(err, "the data of a block lie outside");
        }
        if (record.null_count > firn_chunk_block_size(chunk, i)) {
            return firn_chunk_corrupt(err, "a block has more nulls than values");
        }
        if (record.low > record.high || (chunk->encoding == FIRN_ENCODING_DICTIONARY &&
                                         record.high >= chunk->parts.entry_count)) {
            return firn_chunk_corrupt(err, "a block's smallest and largest code do not fit");
        }
        if (record.width > 64) {
            return firn_chunk_corrupt(err, "a block's width is above 64");
        }
        if (chunk->kind == FIRN_PHYSICAL_BYTES && bounds_size(chunk) > 0 &&
            (record.bounds[0] > chunk->parts.field_size ||
             (record.bounds[1] & ~FIRN_CHUNK_FORMAT_CUT) > chunk->parts.field_size)) {
            return firn_chunk_corrupt(err, "a block's bounds are too long");
        }
        start = record.end;
        nulls += record.null_count;
    }
    if (start != left) {
        return firn_chunk_corrupt(err, "bytes are left after the last block");
    }
    if (chunk->parts.has_nulls != (nulls > 0)) {
        return firn_chunk_corrupt(err, "the header and the blocks count nulls differently");
    }
    return FIRN_OK;
}

static int
open_header(struct firn_chunk *chunk, firn_error *err)
{
    const uint8_t *header = chunk->bytes.data;
    if (chunk->bytes.size < FIRN_CHUNK_FORMAT_HEADER_SIZE || chunk->bytes.size > UINT32_MAX) {
        return firn_chunk_corrupt(err, "it is too short or too long");
    }
    chunk->encoding = header[0];
    if (firn_encoding_name(chunk->encoding) == NULL) {
        return firn_error_set(err, FIRN_NEWER, "column chunk: encoding %u is not known",
                              chunk->encoding);
    }
    unsigned flags = header[2];
    chunk->parts.has_nulls = (flags & FIRN_CHUNK_FORMAT_NULLS) != 0;
    chunk->parts.is_all_null = (flags & FIRN_CHUNK_FORMAT_ALL_NULL) != 0;
    chunk->parts.field_size = header[3];
    if (header[1] != chunk->kind || firn_load_le32(header + 4) != chunk->count) {
        return firn_chunk_corrupt(err, "its kind or its count is another than the column's");
    }
    size_t field_max =
        has_codes(chunk) ? 8
        : chunk->kind == FIRN_PHYSICAL_BYTES && chunk->encoding != FIRN_ENCODING_CONSTANT
            ? FIRN_CHUNK_BOUND_SIZE
            : 0;
    if (!is_possible(chunk) || chunk->parts.field_size > field_max ||
        (flags & ~(unsigned)(FIRN_CHUNK_FORMAT_NULLS | FIRN_CHUNK_FORMAT_ALL_NULL)) != 0 ||
        (chunk->parts.is_all_null &&
         (!chunk->parts.has_nulls || chunk->encoding != FIRN_ENCODING_CONSTANT))) {
        return firn_chunk_corrupt(err, "its header contradicts itself");
    }
    return FIRN_OK;
}

/* Finds where things lie, all but (I2) and the ends of blocks checked. */
static int
find_parts(struct firn_chunk *chunk, firn_error *err)
{
    int rc = open_header(chunk, err);
    size_t at = FIRN_CHUNK_FORMAT_HEADER_SIZE;
    size_t place;
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!open_part(chunk, &at)) {
        return firn_chunk_corrupt(err,
                                  "the part of its encoding for all blocks is truncated or wrong");
    }
    chunk->parts.records = (uint32_t)at;
    chunk->parts.record_size = (uint8_t)firn_chunk_record_size(chunk);
    if (!take(chunk, &at, chunk->parts.record_size * firn_chunk_block_count(chunk), &place)) {
        return firn_chunk_corrupt(err, "its records are cut");
    }
    size_t zeros = (0 - at) % FIRN_CHUNK_FORMAT_ALIGNMENT;
    if (chunk->parts.record_size == 0) {
        return at == chunk->bytes.size ? FIRN_OK
                                       : firn_chunk_corrupt(err, "bytes are left at its end");
    }
    if (!take(chunk, &at, zeros, &place) ||
        firn_chunk_load_field(chunk->bytes.data + place, zeros) != 0) {
        return firn_chunk_corrupt(err, "there are no zeros after its records");
    }
    chunk->parts.data = (uint32_t)at;
    return FIRN_OK;
}

int
firn_chunk_open(firn_slice bytes, enum firn_physical kind, uint32_t fixed_size, uint32_t count,
                struct firn_chunk *out, firn_error *err)
{
    CHECK(kind >= FIRN_PHYSICAL_I64 && kind <= FIRN_PHYSICAL_BYTES);
    *out =
        (struct firn_chunk){.bytes = bytes, .kind = kind, .fixed_size = fixed_size, .count = count};
    if (count == 0 || count > FIRN_CHUNK_VALUES_MAX) {
        return firn_chunk_corrupt(err, "it cannot have that many values");
    }
    if (fixed_size != 0 && (kind != FIRN_PHYSICAL_BYTES || fixed_size > FIRN_CHUNK_BYTES_MAX)) {
        return firn_chunk_corrupt(err, "its values cannot have that size");
    }
    int rc = find_parts(out, err);
    if (rc == FIRN_OK && out->encoding == FIRN_ENCODING_FSST && !firn_chunk_fsst_check(out)) {
        rc = firn_chunk_corrupt(err,
                                "the part of its encoding for all blocks is truncated or wrong");
    }
    return rc == FIRN_OK && out->parts.record_size > 0 ? check_records(out, err) : rc;
}

int
firn_chunk_reopen(firn_slice bytes, enum firn_physical kind, uint32_t fixed_size, uint32_t count,
                  struct firn_chunk *out, firn_error *err)
{
    DCHECK(count > 0 && count <= FIRN_CHUNK_VALUES_MAX);
    *out =
        (struct firn_chunk){.bytes = bytes, .kind = kind, .fixed_size = fixed_size, .count = count};
    return find_parts(out, err);
}

/* ---- blocks ---- */

void
firn_chunk_block_codes(const struct firn_chunk *chunk, size_t block, uint64_t *out_low,
                       uint64_t *out_high)
{
    DCHECK(has_codes(chunk) && firn_chunk_has_width(chunk));
    DCHECK(block < firn_chunk_block_count(chunk));
    size_t size = chunk->parts.field_size;
    const uint8_t *at = chunk->bytes.data + chunk->parts.records +
                        block * chunk->parts.record_size + 4 + (chunk->parts.has_nulls ? 2 : 0) + 1;
    *out_low = firn_chunk_load_field(at, size);
    *out_high = firn_chunk_load_field(at + size, size);
}

size_t
firn_chunk_block_count(const struct firn_chunk *chunk)
{
    return (chunk->count + (size_t)FIRN_CHUNK_BLOCK - 1) / FIRN_CHUNK_BLOCK;
}

size_t
firn_chunk_block_size(const struct firn_chunk *chunk, size_t block)
{
    size_t start = block * FIRN_CHUNK_BLOCK;
    DCHECK(start < chunk->count);
    return chunk->count - start < FIRN_CHUNK_BLOCK ? chunk->count - start : FIRN_CHUNK_BLOCK;
}

void
firn_chunk_prefetch_place(const struct firn_chunk *chunk, size_t i)
{
    size_t block = i / FIRN_CHUNK_BLOCK;
    DCHECK(i < chunk->count);
    const uint8_t *record =
        chunk->bytes.data + chunk->parts.records + block * chunk->parts.record_size;
    if (chunk->parts.record_size > 0) {
        __builtin_prefetch(record - (block > 0 ? chunk->parts.record_size : 0));
        __builtin_prefetch(record + chunk->parts.record_size - 1);
    }
}

void
firn_chunk_prefetch(const struct firn_chunk *chunk, size_t i)
{
    size_t block = i / FIRN_CHUNK_BLOCK;
    DCHECK(i < chunk->count);
    if (chunk->parts.record_size == 0) {
        return;
    }
    size_t start = block > 0 ? end_of(chunk, block - 1) : 0;
    size_t end = end_of(chunk, block);
    DCHECK(start <= end && end <= chunk->bytes.size - chunk->parts.data); /* (I1) */
    const uint8_t *data = chunk->bytes.data + chunk->parts.data;
    /* Packed numbers lie in their order, more or less; what lies before them is small. */
    size_t near = start + (end - start) * (i % FIRN_CHUNK_BLOCK) / FIRN_CHUNK_BLOCK;
    __builtin_prefetch(data + start);
    __builtin_prefetch(data + (near < end ? near : start));
}

void
firn_chunk_prefetch_block(const struct firn_chunk *chunk, size_t block)
{
    DCHECK(block < firn_chunk_block_count(chunk));
    if (chunk->encoding != FIRN_ENCODING_FRAME && chunk->encoding != FIRN_ENCODING_DICTIONARY) {
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
firn_chunk_block_at(const struct firn_chunk *chunk, size_t block, struct firn_chunk_block *out,
                    firn_error *err)
{
    struct record record;
    CHECK(block < firn_chunk_block_count(chunk));
    read_record(chunk, block, &record);
    *out = (struct firn_chunk_block){.count = firn_chunk_block_size(chunk, block),
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
            return firn_chunk_corrupt(err, "a block's mask of nulls is cut");
        }
        out->mask = data + start;
    }
    out->data = firn_bytes(data + start + mask_size, record.end - start - mask_size);
    return FIRN_OK;
}

int
firn_chunk_block_valid(const struct firn_chunk_block *view, uint64_t valid[FIRN_CHUNK_MASK_WORDS],
                       firn_error *err)
{
    memset(valid, view->null_count == 0 ? 0xff : 0, FIRN_CHUNK_MASK_WORDS * sizeof *valid);
    if (view->mask != NULL) {
        memcpy(valid, view->mask, (view->count + 7) / 8);
    }
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        size_t start = i * 64;
        if (view->count < start + 64) {
            uint64_t inside = view->count <= start ? 0 : UINT64_MAX >> (64 - (view->count - start));
            if (view->mask != NULL && (valid[i] & ~inside) != 0) {
                return firn_chunk_corrupt(err, "a mask of nulls goes on after its block");
            }
            valid[i] &= inside;
        }
    }
    return firn_chunk_filter_mask_count(valid) == view->count - view->null_count
               ? FIRN_OK
               : firn_chunk_corrupt(err,
                                    "a mask of nulls does not have as many as its record says");
}

struct firn_cell
firn_chunk_constant(const struct firn_chunk *chunk)
{
    const uint8_t *part = chunk->bytes.data + chunk->parts.part;
    DCHECK(chunk->encoding == FIRN_ENCODING_CONSTANT && !chunk->parts.is_all_null);
    if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        return firn_chunk_cell_of(chunk->kind, firn_chunk_load_bits(chunk->kind, part));
    }
    struct firn_cell cell = {.kind = FIRN_PHYSICAL_BYTES};
    cell.as.bytes = chunk->fixed_size != 0 ? firn_bytes(part, chunk->fixed_size)
                                           : firn_bytes(part + 4, firn_load_le32(part));
    return cell;
}

/* ---- memory, codes ---- */

void
firn_chunk_scratch_deinit(struct firn_chunk_scratch *scratch)
{
    firn_buf_deinit(&scratch->numbers);
    firn_buf_deinit(&scratch->bytes);
}

size_t
firn_chunk_code_count(const struct firn_chunk *chunk)
{
    return chunk->encoding == FIRN_ENCODING_DICTIONARY ? chunk->parts.entry_count : 0;
}

int
firn_chunk_code_value(const struct firn_chunk *chunk, uint32_t code,
                      struct firn_chunk_scratch *scratch, struct firn_cell *out, firn_error *err)
{
    (void)scratch;
    CHECK(code < firn_chunk_code_count(chunk));
    if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        *out = firn_chunk_cell_of(chunk->kind, firn_chunk_dictionary_bits(chunk, code));
        return FIRN_OK;
    }
    out->kind = FIRN_PHYSICAL_BYTES;
    return firn_chunk_dictionary_bytes(chunk, code, &out->as.bytes)
               ? FIRN_OK
               : firn_chunk_corrupt(err, "an entry of its dictionary lies outside");
}

void
firn_chunk_fill_nulls(const struct firn_chunk_values *values, uint64_t nothing_else,
                      uint64_t *codes)
{
    for (size_t start = 0; values->valid != NULL && start < values->count;
         start += FIRN_CHUNK_BLOCK) {
        size_t left = values->count - start;
        size_t end = start + (left < FIRN_CHUNK_BLOCK ? left : FIRN_CHUNK_BLOCK);
        size_t first = start;
        while (first < end && !firn_chunk_has_bit(values->valid, first)) {
            first++;
        }
        uint64_t code = first < end ? codes[first] : nothing_else;
        for (size_t i = start; i < end; i++) {
            if (firn_chunk_has_bit(values->valid, i)) {
                code = codes[i];
            } else {
                codes[i] = code;
            }
        }
    }
}

/* ---- bounds ---- */

static void
constant_bounds(const struct firn_chunk *chunk, size_t count, struct firn_chunk_bounds *out)
{
    struct firn_cell value;
    struct firn_chunk_values one = {.kind = chunk->kind, .count = 1};
    uint64_t null_count = out->null_count;
    if (out->null_count == count) {
        out->is_empty = true;
        return;
    }
    value = firn_chunk_constant(chunk);
    if (chunk->kind == FIRN_PHYSICAL_BYTES) {
        one.as.bytes = &value.as.bytes;
    } else {
        one.as.u64 = &value.as.u64;
    }
    firn_chunk_bounds_of(&one, 0, 1, out);
    out->null_count = null_count;
}

static void
number_bounds(const struct firn_chunk *chunk, const uint8_t *at, struct firn_chunk_bounds *out)
{
    size_t size = firn_chunk_number_size(chunk->kind);
    if (firn_chunk_is_float(chunk->kind)) {
        out->has_nan = (*at & FIRN_CHUNK_FORMAT_NAN) != 0;
        out->is_empty = out->is_empty || (*at & FIRN_CHUNK_FORMAT_EMPTY) != 0;
        at++;
    }
    if (!out->is_empty) {
        out->min = firn_chunk_cell_of(chunk->kind, firn_chunk_load_bits(chunk->kind, at));
        out->max = firn_chunk_cell_of(chunk->kind, firn_chunk_load_bits(chunk->kind, at + size));
    }
}

static void
bytes_bounds(const struct firn_chunk *chunk, const uint8_t *at, struct firn_chunk_bounds *out)
{
    const uint8_t *min = at + 2;
    out->max_is_cut = (at[1] & FIRN_CHUNK_FORMAT_CUT) != 0;
    out->min.kind = out->max.kind = FIRN_PHYSICAL_BYTES;
    out->min.as.bytes = firn_bytes(min, at[0]);
    out->max.as.bytes =
        firn_bytes(min + chunk->parts.field_size, at[1] & ~(unsigned)FIRN_CHUNK_FORMAT_CUT);
}

static void
dictionary_bounds(const struct firn_chunk *chunk, const struct record *record,
                  struct firn_chunk_bounds *out)
{
    out->min.kind = out->max.kind = chunk->kind;
    if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        out->min.as.u64 = firn_chunk_dictionary_bits(chunk, (size_t)record->low);
        out->max.as.u64 = firn_chunk_dictionary_bits(chunk, (size_t)record->high);
        return;
    }
    firn_slice *min = &out->min.as.bytes;
    firn_slice *max = &out->max.as.bytes;
    if (!firn_chunk_dictionary_bytes(chunk, (size_t)record->low, min) ||
        !firn_chunk_dictionary_bytes(chunk, (size_t)record->high, max)) {
        /* Bounds that leave nothing out: reading the values will say what is wrong. */
        *min = *max = firn_bytes("", 0);
        out->max_is_cut = true;
        return;
    }
    out->max_is_cut = max->size > FIRN_CHUNK_BOUND_SIZE;
    min->size = min->size > FIRN_CHUNK_BOUND_SIZE ? FIRN_CHUNK_BOUND_SIZE : min->size;
    max->size = max->size > FIRN_CHUNK_BOUND_SIZE ? FIRN_CHUNK_BOUND_SIZE : max->size;
}

static struct firn_cell
code_cell(const struct firn_chunk *chunk, uint64_t code)
{
    uint64_t order = chunk->parts.minimum + chunk->parts.divisor * code;
    return firn_chunk_cell_of(chunk->kind, firn_chunk_unorder(chunk->kind, order));
}

void
firn_chunk_block_bounds(const struct firn_chunk *chunk, size_t block, struct firn_chunk_bounds *out)
{
    struct record record;
    size_t count = firn_chunk_block_size(chunk, block);
    read_record(chunk, block, &record);
    *out = (struct firn_chunk_bounds){.null_count = record.null_count,
                                      .is_empty = record.null_count == count};
    if (chunk->encoding == FIRN_ENCODING_CONSTANT) {
        constant_bounds(chunk, count, out);
    } else if (out->is_empty) {
        return;
    } else if (chunk->encoding == FIRN_ENCODING_DICTIONARY && !firn_chunk_is_float(chunk->kind)) {
        dictionary_bounds(chunk, &record, out);
    } else if (has_codes(chunk) && !firn_chunk_is_float(chunk->kind)) {
        out->min = code_cell(chunk, record.low);
        out->max = code_cell(chunk, record.high);
    } else if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        number_bounds(chunk, record.bounds, out);
    } else {
        bytes_bounds(chunk, record.bounds, out);
    }
}
