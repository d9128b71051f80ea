/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_open.c: opens chunks: checks header, records, and the part of each encoding.
 *
 * fi_chunk_open checks the header, the encoding's part and every record. So afterwards, and after
 * fi_chunk_open_again with the same bytes,
 *
 * (I1) the data of a block is inside of the chunk, and the data of different blocks does not
 *      overlap;
 * (I2) a block has no more nulls than values, and codes of a record are in order and, in a
 *      dictionary, below the number of its entries;
 * (I3) a table that every block uses is inside of the chunk.
 *
 * (Not asserted: opening tests (I2) and (I3), with errors, because a chunk comes from a file.)
 *
 * The table of encodings is here, above the files of the encodings; what these share is below them,
 * in chunk.c.
 */
#include "base/check.h"
#include "chunk/chunk_alp.h"
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"
#include "chunk/chunk_format.h"
#include "chunk/chunk_texts.h"

static bool
is_possible(const struct fi_chunk *chunk)
{
    switch (chunk->encoding) {
    case FI_ENCODING_FRAME:
    case FI_ENCODING_DELTA:
    case FI_ENCODING_RLE:
        return chunk->kind != FI_PHYSICAL_BYTES;
    case FI_ENCODING_ALP:
        return fi_chunk_is_float(chunk->kind);
    case FI_ENCODING_FSST:
    case FI_ENCODING_FRONT:
        return chunk->kind == FI_PHYSICAL_BYTES && chunk->fixed_size == 0;
    default:
        return true;
    }
}

/* Bytes from `at` on, if the chunk has them. */
static bool
chunk_open_take(const struct fi_chunk *chunk, size_t *at, size_t size, size_t *out)
{
    if (*at > chunk->bytes.size || size > chunk->bytes.size - *at) {
        return false;
    }
    *out = *at;
    *at += size;
    return true;
}

static bool
open_constant(const struct fi_chunk *chunk, size_t *at)
{
    size_t place;
    if (chunk->parts.is_all_null) {
        return true;
    }
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        return chunk_open_take(chunk, at, fi_chunk_number_size(chunk->kind), &place);
    }
    if (chunk->fixed_size != 0) {
        return chunk_open_take(chunk, at, chunk->fixed_size, &place);
    }
    return chunk_open_take(chunk, at, 4, &place) &&
           chunk_open_take(chunk, at, fi_load_le32(chunk->bytes.data + place), &place);
}

static bool
open_codes(struct fi_chunk *chunk, size_t *at)
{
    size_t place;
    if (!chunk_open_take(chunk, at, 16, &place)) {
        return false;
    }
    chunk->parts.minimum = fi_load_le64(chunk->bytes.data + place);
    chunk->parts.divisor = fi_load_le64(chunk->bytes.data + place + 8);
    return chunk->parts.divisor != 0;
}

/* What the encoding says of all blocks. */
static bool
open_part(struct fi_chunk *chunk, size_t *at)
{
    chunk->parts.part = (uint32_t)*at;
    switch (chunk->encoding) {
    case FI_ENCODING_PLAIN:
        return true;
    case FI_ENCODING_CONSTANT:
        return open_constant(chunk, at);
    case FI_ENCODING_ALP:
        return fi_chunk_alp_open(chunk, at);
    case FI_ENCODING_DICTIONARY:
        return fi_chunk_dictionary_open(chunk, at);
    case FI_ENCODING_FRAME:
    case FI_ENCODING_DELTA:
    case FI_ENCODING_RLE:
        return open_codes(chunk, at);
    case FI_ENCODING_FSST:
        return fi_chunk_fsst_open(chunk, at);
    default:
        return true;
    }
}

static int
check_records(const struct fi_chunk *chunk, firn_error *err)
{
    uint32_t start = 0;
    size_t left = chunk->bytes.size - chunk->parts.data;
    uint64_t nulls = 0;
    for (size_t i = 0; i < fi_chunk_block_count(chunk); i++) {
        struct fi_chunk_record record;
        fi_chunk_record(chunk, i, &record);
        if (record.end < start || record.end > left) {
            return fi_chunk_corrupt(err, "the data of a block lie outside");
        }
        if (record.null_count > fi_chunk_block_size(chunk, i)) {
            return fi_chunk_corrupt(err, "a block has more nulls than values");
        }
        if (record.low > record.high || (chunk->encoding == FI_ENCODING_DICTIONARY &&
                                         record.high >= chunk->parts.entry_count)) {
            return fi_chunk_corrupt(err, "a block's smallest and largest code do not fit");
        }
        if (record.width > 64) {
            return fi_chunk_corrupt(err, "a block's width is above 64");
        }
        if (chunk->kind == FI_PHYSICAL_BYTES && fi_chunk_bounds_size(chunk) > 0 &&
            (record.bounds[0] > chunk->parts.field_size ||
             (record.bounds[1] & ~FI_CHUNK_FORMAT_CUT) > chunk->parts.field_size)) {
            return fi_chunk_corrupt(err, "a block's bounds are too long");
        }
        start = record.end;
        nulls += record.null_count;
    }
    if (start != left) {
        return fi_chunk_corrupt(err, "bytes are left after the last block");
    }
    if (chunk->parts.has_nulls != (nulls > 0)) {
        return fi_chunk_corrupt(err, "the header and the blocks count nulls differently");
    }
    return FIRN_OK;
}

static int
open_header(struct fi_chunk *chunk, firn_error *err)
{
    const uint8_t *header = chunk->bytes.data;
    if (chunk->bytes.size < FI_CHUNK_FORMAT_HEADER_SIZE || chunk->bytes.size > UINT32_MAX) {
        return fi_chunk_corrupt(err, "it is too short or too long");
    }
    chunk->encoding = header[0];
    if (fi_chunk_encoding_name(chunk->encoding) == NULL) {
        return fi_error_set(err, FIRN_NEWER, "column chunk: encoding %u is not known",
                            chunk->encoding);
    }
    unsigned flags = header[2];
    chunk->parts.has_nulls = (flags & FI_CHUNK_FORMAT_NULLS) != 0;
    chunk->parts.is_all_null = (flags & FI_CHUNK_FORMAT_ALL_NULL) != 0;
    chunk->parts.field_size = header[3];
    if (header[1] != chunk->kind || fi_load_le32(header + 4) != chunk->count) {
        return fi_chunk_corrupt(err, "its kind or its count is another than the column's");
    }
    size_t field_max = fi_chunk_has_codes(chunk) ? 8
                       : chunk->kind == FI_PHYSICAL_BYTES && chunk->encoding != FI_ENCODING_CONSTANT
                           ? FI_CHUNK_BOUND_SIZE
                           : 0;
    if (!is_possible(chunk) || chunk->parts.field_size > field_max ||
        (flags & ~(unsigned)(FI_CHUNK_FORMAT_NULLS | FI_CHUNK_FORMAT_ALL_NULL)) != 0 ||
        (chunk->parts.is_all_null &&
         (!chunk->parts.has_nulls || chunk->encoding != FI_ENCODING_CONSTANT))) {
        return fi_chunk_corrupt(err, "its header contradicts itself");
    }
    return FIRN_OK;
}

/* Finds where things lie, all but (I2) and the ends of blocks checked. */
static int
find_parts(struct fi_chunk *chunk, firn_error *err)
{
    int rc = open_header(chunk, err);
    size_t at = FI_CHUNK_FORMAT_HEADER_SIZE;
    size_t place;
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!open_part(chunk, &at)) {
        return fi_chunk_corrupt(err,
                                "the part of its encoding for all blocks is truncated or wrong");
    }
    chunk->parts.records = (uint32_t)at;
    chunk->parts.record_size = (uint8_t)fi_chunk_record_size(chunk);
    if (!chunk_open_take(chunk, &at, chunk->parts.record_size * fi_chunk_block_count(chunk),
                         &place)) {
        return fi_chunk_corrupt(err, "its records are cut");
    }
    size_t zeros = (0 - at) % FI_CHUNK_FORMAT_ALIGNMENT;
    if (chunk->parts.record_size == 0) {
        return at == chunk->bytes.size ? FIRN_OK
                                       : fi_chunk_corrupt(err, "bytes are left at its end");
    }
    if (!chunk_open_take(chunk, &at, zeros, &place) ||
        fi_chunk_load_field(chunk->bytes.data + place, zeros) != 0) {
        return fi_chunk_corrupt(err, "there are no zeros after its records");
    }
    chunk->parts.data = (uint32_t)at;
    return FIRN_OK;
}

int
fi_chunk_open(firn_slice bytes, enum fi_physical kind, uint32_t fixed_size, uint32_t count,
              struct fi_chunk *out, firn_error *err)
{
    CHECK(kind >= FI_PHYSICAL_I64 && kind <= FI_PHYSICAL_BYTES);
    *out =
        (struct fi_chunk){.bytes = bytes, .kind = kind, .fixed_size = fixed_size, .count = count};
    if (count == 0 || count > FI_CHUNK_VALUES_MAX) {
        return fi_chunk_corrupt(err, "it cannot have that many values");
    }
    if (fixed_size != 0 && (kind != FI_PHYSICAL_BYTES || fixed_size > FI_CHUNK_BYTES_MAX)) {
        return fi_chunk_corrupt(err, "its values cannot have that size");
    }
    int rc = find_parts(out, err);
    if (rc == FIRN_OK && out->encoding == FI_ENCODING_FSST && !fi_chunk_fsst_check(out)) {
        rc = fi_chunk_corrupt(err, "the part of its encoding for all blocks is truncated or wrong");
    }
    return rc == FIRN_OK && out->parts.record_size > 0 ? check_records(out, err) : rc;
}

int
fi_chunk_open_again(firn_slice bytes, enum fi_physical kind, uint32_t fixed_size, uint32_t count,
                    struct fi_chunk *out, firn_error *err)
{
    DCHECK(count > 0 && count <= FI_CHUNK_VALUES_MAX);
    *out =
        (struct fi_chunk){.bytes = bytes, .kind = kind, .fixed_size = fixed_size, .count = count};
    return find_parts(out, err);
}
