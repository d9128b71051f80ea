/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/chunk_encode_codes.c: numbers as codes, and blocks of codes.
 *
 * The code of a number is how far its order lies above the smallest one of the chunk, in steps of the
 * largest step that all of them are apart (times of whole seconds in microseconds, prices in hundreds, a
 * float kept as a double: its last 29 bits are 0). A block is packed as what its codes have above their
 * smallest, as the differences of neighbours, or as runs. What each takes follows from a block's smallest
 * and largest code and difference and its number of runs: one pass over the codes tells all.
 *
 * All arithmetic is modulo 2^64: a difference that does not fit is right again when it is added.
 */
#include "base/check.h"
#include "base/mem.h"
#include "encoding/bit_pack.h"
#include "encoding/chunk_encode.h"
#include "encoding/chunk_format.h"

/* ---- codes ---- */

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool
is_valid(const struct firn_chunk_values *values, size_t i)
{
    return values->valid == NULL || firn_chunk_has_bit(values->valid, i);
}

int
firn_chunk_encode_codes_make(struct firn_chunk_encoder *encoder)
{
    const struct firn_chunk_values *values = encoder->values;
    uint64_t minimum = UINT64_MAX;
    uint64_t divisor = 0;
    CHECK(values->kind != FIRN_PHYSICAL_BYTES && encoder->codes == NULL);
    uint64_t *codes = firn_alloc_array(values->count, sizeof *codes);
    if (codes == NULL) {
        return FIRN_NO_MEMORY;
    }
    encoder->codes = codes;
    for (size_t i = 0; i < values->count; i++) {
        codes[i] = firn_chunk_order(values->kind, firn_chunk_value_bits(values, i));
        minimum = is_valid(values, i) && codes[i] < minimum ? codes[i] : minimum;
    }
    for (size_t i = 0; i < values->count && divisor != 1; i++) {
        uint64_t above = codes[i] - minimum;
        if (is_valid(values, i) && (divisor == 0 || above % divisor != 0)) {
            divisor = common_divisor(above, divisor);
        }
    }
    divisor = divisor == 0 ? 1 : divisor;
    for (size_t i = 0; i < values->count; i++) {
        codes[i] -= minimum;
    }
    for (size_t i = 0; divisor > 1 && i < values->count; i++) {
        codes[i] /= divisor;
    }
    DCHECK(divisor > 0);
    firn_chunk_fill_nulls(values, 0, codes);
    encoder->chunk.parts.minimum = minimum;
    encoder->chunk.parts.divisor = divisor;
    return FIRN_OK;
}

/* ---- what a block takes ---- */

static void
find_stats(const uint64_t *codes, size_t count, struct firn_chunk_encode_codes_stats *out)
{
    DCHECK(count > 0 && count <= FIRN_CHUNK_BLOCK);
    *out = (struct firn_chunk_encode_codes_stats){.low = codes[0], .high = codes[0], .runs = 1};
    if (count > 1) {
        out->step_low = INT64_MAX;
        out->step_high = INT64_MIN;
    }
    for (size_t i = 1; i < count; i++) {
        int64_t step = (int64_t)(codes[i] - codes[i - 1]);
        out->low = codes[i] < out->low ? codes[i] : out->low;
        out->high = codes[i] > out->high ? codes[i] : out->high;
        out->step_low = step < out->step_low ? step : out->step_low;
        out->step_high = step > out->step_high ? step : out->step_high;
        out->runs += step != 0;
    }
    DCHECK(out->low <= out->high && out->runs <= count);
}

static unsigned
step_width(const struct firn_chunk_encode_codes_stats *stats)
{
    DCHECK(stats->step_low <= stats->step_high);
    return firn_bit_pack_width((uint64_t)stats->step_high - (uint64_t)stats->step_low);
}

void
firn_chunk_encode_codes_cost(const uint64_t *codes, size_t count,
                             struct firn_chunk_encode_codes_cost *out)
{
    out->frame = out->delta = out->rle = 0;
    out->high = 0;
    DCHECK(count > 0 && count <= FIRN_CHUNK_VALUES_MAX);
    for (size_t start = 0; start < count; start += FIRN_CHUNK_BLOCK) {
        struct firn_chunk_encode_codes_stats *stats = &out->stats[start / FIRN_CHUNK_BLOCK];
        size_t left = count - start;
        find_stats(codes + start, left < FIRN_CHUNK_BLOCK ? left : FIRN_CHUNK_BLOCK, stats);
        out->high = stats->high > out->high ? stats->high : out->high;
    }
    size_t field_size = firn_chunk_field_size(out->high);
    for (size_t start = 0; start < count; start += FIRN_CHUNK_BLOCK) {
        const struct firn_chunk_encode_codes_stats *stats = &out->stats[start / FIRN_CHUNK_BLOCK];
        size_t left = count - start;
        size_t block = left < FIRN_CHUNK_BLOCK ? left : FIRN_CHUNK_BLOCK;
        size_t record = 1 + 2 * field_size;
        unsigned width = firn_bit_pack_width(stats->high - stats->low);
        out->frame += record + firn_bit_pack_size(block, width);
        out->delta += record + field_size + 8 + firn_bit_pack_size(block, step_width(stats));
        out->rle += record + 2 + firn_bit_pack_size(stats->runs, width) +
                    firn_bit_pack_size(stats->runs, FIRN_CHUNK_FORMAT_END_WIDTH);
    }
}

/* ---- writing a block ---- */

static int
put_frame(const uint64_t *codes, const struct firn_chunk_encode_codes_stats *stats,
          struct firn_chunk_block *view, struct firn_buf *out)
{
    uint64_t packed[FIRN_CHUNK_BLOCK];
    view->width = firn_bit_pack_width(stats->high - stats->low);
    for (size_t i = 0; i < view->count; i++) {
        packed[i] = codes[i] - stats->low;
    }
    return firn_chunk_encode_packed(out, packed, view->count, view->width);
}

static int
put_delta(const uint64_t *codes, const struct firn_chunk_encode_codes_stats *stats,
          size_t field_size, struct firn_chunk_block *view, struct firn_buf *out)
{
    uint64_t packed[FIRN_CHUNK_BLOCK];
    DCHECK(field_size <= 8 && firn_chunk_field_size(codes[0]) <= field_size);
    view->width = step_width(stats);
    packed[0] = 0;
    for (size_t i = 1; i < view->count; i++) {
        packed[i] = codes[i] - codes[i - 1] - (uint64_t)stats->step_low;
    }
    int rc = firn_buf_append(out, codes, field_size);
    rc = rc == FIRN_OK ? firn_buf_append_le64(out, (uint64_t)stats->step_low) : rc;
    return rc == FIRN_OK ? firn_chunk_encode_packed(out, packed, view->count, view->width) : rc;
}

static int
put_runs(const uint64_t *codes, const struct firn_chunk_encode_codes_stats *stats,
         struct firn_chunk_block *view, struct firn_buf *out)
{
    uint64_t numbers[FIRN_CHUNK_BLOCK];
    uint64_t ends[FIRN_CHUNK_BLOCK];
    uint8_t head[2];
    size_t runs = 0;
    view->width = firn_bit_pack_width(stats->high - stats->low);
    for (size_t i = 0; i < view->count; i++) {
        if (i > 0 && codes[i] != codes[i - 1]) {
            runs++;
        }
        numbers[runs] = codes[i] - stats->low;
        ends[runs] = i;
    }
    runs++;
    CHECK(runs == stats->runs);
    firn_store_le16(head, (uint16_t)runs);
    int rc = firn_buf_append(out, head, sizeof head);
    rc = rc == FIRN_OK ? firn_chunk_encode_packed(out, numbers, runs, view->width) : rc;
    return rc == FIRN_OK ? firn_chunk_encode_packed(out, ends, runs, FIRN_CHUNK_FORMAT_END_WIDTH)
                         : rc;
}

int
firn_chunk_encode_codes_block(const struct firn_chunk *chunk, const uint64_t *codes,
                              const struct firn_chunk_encode_codes_stats *stats,
                              struct firn_chunk_block *view, struct firn_buf *out)
{
    view->low = stats->low;
    view->high = stats->high;
    DCHECK(firn_chunk_field_size(stats->high) <= chunk->parts.field_size);
    switch (chunk->encoding) {
    case FIRN_ENCODING_DELTA:
        return put_delta(codes, stats, chunk->parts.field_size, view, out);
    case FIRN_ENCODING_RLE:
        return put_runs(codes, stats, view, out);
    default:
        return put_frame(codes, stats, view, out);
    }
}
