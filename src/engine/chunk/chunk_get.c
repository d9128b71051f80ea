/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_get.c: reads one value of a chunk, without decoding its block if possible.
 *
 * A value that follows others of unknown size, or is the sum of the preceding ones, is found with
 * the sum of the packed numbers before it, which is added up in whole rows.
 */
#include "base/check.h"
#include "base/search.h"
#include "chunk/chunk_alp.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"
#include "chunk/chunk_format.h"
#include "chunk/chunk_texts.h"

enum {
    STEPS = 8,       /* differences that are added up at once */
    GUESS_STEPS = 24 /* at a place that was guessed */
};

/* ---- codes ---- */

static bool
get_delta(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i, uint64_t *out)
{
    size_t head = chunk->parts.field_size + (size_t)8;
    const uint8_t *at = view->data.data;
    if (view->data.size != head + fi_chunk_bits_size(view->count, view->width)) {
        return false;
    }
    uint64_t first = fi_chunk_bits_get(at + head, view->count, view->width, 0);
    *out = fi_chunk_load_field(at, chunk->parts.field_size) + i * fi_load_le64(at + head - 8) +
           (uint64_t)fi_chunk_bits_sum_first(at + head, view->count, view->width, i + 1) - first;
    return true;
}

/* The first run that ends at i or after it. */
static bool
get_run(const struct fi_chunk_block *view, size_t i, uint64_t *out)
{
    const uint8_t *at = view->data.data;
    size_t count = view->data.size < 2 ? 0 : fi_load_le16(at);
    size_t codes_size = count > view->count ? 0 : fi_chunk_bits_size(count, view->width);
    if (count == 0 || count > view->count ||
        view->data.size != 2 + codes_size + fi_chunk_bits_size(count, FI_CHUNK_FORMAT_END_WIDTH)) {
        return false;
    }
    const uint8_t *ends = at + 2 + codes_size;
    size_t low = 0;
    size_t high = count;
    FI_SEARCH_FIRST(low, high, middle,
                    fi_chunk_bits_get(ends, count, FI_CHUNK_FORMAT_END_WIDTH, middle) < i)
    if (low == count) {
        return false;
    }
    *out = view->low + fi_chunk_bits_get(at + 2, count, view->width, low);
    return true;
}

static bool
get_code(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i, uint64_t *out)
{
    switch (chunk->encoding) {
    case FI_ENCODING_DELTA:
        return get_delta(chunk, view, i, out);
    case FI_ENCODING_RLE:
        return get_run(view, i, out);
    default:
        if (view->data.size != fi_chunk_bits_size(view->count, view->width)) {
            return false;
        }
        *out = view->low + fi_chunk_bits_get(view->data.data, view->count, view->width, i);
        return chunk->encoding != FI_ENCODING_DICTIONARY || *out <= view->high;
    }
}

/* ---- plain values ---- */

static bool
get_plain_number(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
                 struct fi_cell *out)
{
    size_t size = fi_chunk_number_size(chunk->kind);
    if (view->data.size != view->count * size) {
        return false;
    }
    *out =
        fi_chunk_cell_of(chunk->kind, fi_chunk_load_bits(chunk->kind, view->data.data + i * size));
    return true;
}

static bool
get_plain_bytes(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
                firn_slice *out)
{
    const uint8_t *at = view->data.data;
    if (chunk->fixed_size != 0) {
        *out = firn_bytes(at + i * chunk->fixed_size, chunk->fixed_size);
        return view->data.size == view->count * chunk->fixed_size;
    }
    size_t head = 4 + fi_chunk_bits_size(view->count, view->width);
    if (view->data.size < head) {
        return false;
    }
    uint64_t min = fi_load_le32(at);
    fi_chunk_bits_sum128 start = fi_chunk_bits_sum_first(at + 4, view->count, view->width, i) +
                                 (fi_chunk_bits_sum128)min * i;
    fi_chunk_bits_sum128 size =
        (fi_chunk_bits_sum128)min + fi_chunk_bits_get(at + 4, view->count, view->width, i);
    if (start + size > view->data.size - head) {
        return false;
    }
    *out = firn_bytes(at + head + (size_t)start, (size_t)size);
    return true;
}

/* ---- finding a number ---- */

/* A block whose i-th value's order is base + step * i + factor * packed number i. */
struct line {
    const struct fi_chunk_block *view;
    const uint8_t *packed; /* NULL: there are none */
    uint64_t base;
    uint64_t step;
    uint64_t factor;
};

static inline uint64_t
order_on(const struct line *line, size_t i)
{
    uint64_t number = line->packed == NULL ? 0
                                           : fi_chunk_bits_get(line->packed, line->view->count,
                                                               line->view->width, i);
    return line->base + line->step * i + line->factor * number;
}

/* false: the block is none, or not sound. */
static bool
find_line(const struct fi_chunk *chunk, const struct fi_chunk_block *view, struct line *out)
{
    size_t head = chunk->parts.field_size + (size_t)8;
    uint64_t divisor = chunk->parts.divisor;
    *out = (struct line){.view = view, .base = chunk->parts.minimum, .factor = divisor};
    if (chunk->encoding == FI_ENCODING_DELTA && view->width == 0 && view->data.size == head) {
        const uint8_t *at = view->data.data;
        out->base += divisor * fi_chunk_load_field(at, chunk->parts.field_size);
        out->step = divisor * fi_load_le64(at + head - 8);
        return true;
    }
    if (chunk->encoding == FI_ENCODING_FRAME &&
        view->data.size == fi_chunk_bits_size(view->count, view->width)) {
        out->base += divisor * view->low;
        out->packed = view->data.data;
        return true;
    }
    return false;
}

/* The difference of value i of a block from the one before it, in the order. Requires: i > 0; the
 * block is sound. */
static inline uint64_t
step_to(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i)
{
    const uint8_t *packed = view->data.data + chunk->parts.field_size + 8;
    return chunk->parts.divisor *
           (fi_load_le64(packed - 8) + fi_chunk_bits_get(packed, view->count, view->width, i));
}

/* Among the values of a block of differences that ascend: looks where the number would be if all
 * differences were the same, and a few steps around that place. false: only adding them up
 * tells. */
static bool
guess_in_delta(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t wanted,
               size_t *out_first, size_t *out_end)
{
    const uint64_t divisor = chunk->parts.divisor;
    const uint64_t low = chunk->parts.minimum + divisor * view->low;
    const uint64_t span = divisor * (view->high - view->low);
    uint64_t code;
    if (span == 0 || wanted - low > span) {
        return false;
    }
    const size_t last = view->count - 1;
    size_t i = (size_t)((double)(wanted - low) / (double)span * (double)last);
    DCHECK(i <= last); /* rounding keeps the order, so the quotient is at most 1 */
    if (!get_delta(chunk, view, i, &code)) {
        return false;
    }
    uint64_t number = chunk->parts.minimum + divisor * code;
    size_t left = GUESS_STEPS;
    for (; number < wanted && i + 1 < view->count && left > 0; left--) {
        number += step_to(chunk, view, ++i);
    }
    for (; i > 0 && left > 0 && number - step_to(chunk, view, i) >= wanted; left--) {
        number -= step_to(chunk, view, i);
        i--;
    }
    if (number < wanted || left == 0) {
        return false;
    }
    *out_first = i;
    while (i < view->count && number == wanted) {
        i++;
        number += i < view->count ? step_to(chunk, view, i) : 0;
    }
    *out_end = i;
    return true;
}

/* Among the values of a block of differences, which are added up until they reach the number.
 * false: the block is not sound. */
static bool
find_in_delta(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t wanted,
              size_t *out_first, size_t *out_end)
{
    uint64_t steps[FI_CHUNK_BLOCK];
    size_t head = chunk->parts.field_size + (size_t)8;
    uint64_t divisor = chunk->parts.divisor;
    const uint8_t *at = view->data.data;
    DCHECK(chunk->encoding == FI_ENCODING_DELTA && view->count <= FI_CHUNK_BLOCK);
    if (view->data.size != head + fi_chunk_bits_size(view->count, view->width)) {
        return false;
    }
    uint64_t number =
        chunk->parts.minimum + divisor * fi_chunk_load_field(at, chunk->parts.field_size);
    fi_chunk_bits_decode(at + head, view->count, view->width, divisor * fi_load_le64(at + head - 8),
                         divisor, steps);
    size_t i = 0;
    for (; i + STEPS < view->count; i += STEPS) { /* over those that it lies after */
        uint64_t sum = 0;
        for (size_t k = 1; k <= STEPS; k++) {
            sum += steps[i + k];
        }
        if (number + sum >= wanted) {
            break;
        }
        number += sum;
    }
    while (number < wanted && ++i < view->count) {
        number += steps[i];
    }
    *out_first = i;
    while (i < view->count && number == wanted) {
        i++;
        number += i < view->count ? steps[i] : 0;
    }
    *out_end = i;
    return true;
}

/* Among the values of one block; false: only decoding tells. */
static bool
find_in_block(const struct fi_chunk *chunk, size_t block, uint64_t wanted, size_t *out_first,
              size_t *out_end)
{
    struct fi_chunk_block view;
    struct line line;
    if (fi_chunk_block_at(chunk, block, &view, NULL) != FIRN_OK) {
        return false;
    }
    if (!find_line(chunk, &view, &line)) {
        return chunk->encoding == FI_ENCODING_DELTA &&
               (guess_in_delta(chunk, &view, wanted, out_first, out_end) ||
                find_in_delta(chunk, &view, wanted, out_first, out_end));
    }
    size_t low = 0;
    for (size_t high = view.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (order_on(&line, middle) < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_first = low;
    /* There are seldom more than a few of one number. */
    while (low < view.count && order_on(&line, low) == wanted) {
        low++;
    }
    *out_end = low;
    return true;
}

/* The first block, from low on, whose smallest or largest value is not below an order. */
static size_t
find_block(const struct fi_chunk *chunk, size_t low, bool by_largest, uint64_t wanted)
{
    for (size_t high = fi_chunk_block_count(chunk); low < high;) {
        size_t middle = low + (high - low) / 2;
        uint64_t codes[2];
        fi_chunk_block_codes(chunk, middle, &codes[0], &codes[1]);
        if (chunk->parts.minimum + chunk->parts.divisor * codes[by_largest ? 1 : 0] < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
fi_chunk_get_place(const struct fi_chunk *chunk, const struct fi_cell *number, size_t *out_first,
                   size_t *out_end, bool *out_is_exact)
{
    *out_is_exact = false;
    bool has_order = chunk->encoding == FI_ENCODING_FRAME || chunk->encoding == FI_ENCODING_DELTA ||
                     chunk->encoding == FI_ENCODING_RLE;
    if (!has_order || chunk->parts.has_nulls || number->kind != chunk->kind ||
        fi_chunk_is_float(chunk->kind)) {
        return false;
    }
    uint64_t wanted = fi_chunk_order(chunk->kind, fi_chunk_cell_bits(number));
    size_t count = chunk->count;
    size_t block = find_block(chunk, 0, true, wanted);
    size_t after = wanted == UINT64_MAX ? fi_chunk_block_count(chunk)
                                        : find_block(chunk, block, false, wanted + 1);
    size_t start = block * FI_CHUNK_BLOCK;
    *out_first = start < count ? start : count;
    *out_end = after * FI_CHUNK_BLOCK < count ? after * FI_CHUNK_BLOCK : count;
    if (after == block + 1 && find_in_block(chunk, block, wanted, out_first, out_end)) {
        *out_first += start;
        *out_end += start;
        *out_is_exact = true;
    }
    DCHECK(*out_first <= *out_end && *out_end <= count);
    return true;
}

/* ---- all encodings ---- */

static bool
get_by_code(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
            struct fi_cell *out)
{
    uint64_t code;
    if (!get_code(chunk, view, i, &code)) {
        return false;
    }
    if (chunk->encoding == FI_ENCODING_DICTIONARY) {
        return fi_chunk_code_value(chunk, (uint32_t)code, NULL, out, NULL) == FIRN_OK;
    }
    uint64_t order = chunk->parts.minimum + chunk->parts.divisor * code;
    *out = fi_chunk_cell_of(chunk->kind, fi_chunk_unorder(chunk->kind, order));
    return true;
}

int
fi_chunk_get(const struct fi_chunk *chunk, size_t i, struct fi_chunk_scratch *scratch,
             struct fi_cell *out, firn_error *err)
{
    struct fi_chunk_block view;
    size_t in_block = i % FI_CHUNK_BLOCK;
    bool is_sound = true;
    uint64_t bits;
    CHECK(i < chunk->count);
    *out = (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    int rc = fi_chunk_block_at(chunk, i / FI_CHUNK_BLOCK, &view, err);
    if (rc != FIRN_OK || view.null_count == view.count ||
        (view.mask != NULL && (view.mask[in_block / 8] >> in_block % 8 & 1) == 0)) {
        return rc;
    }
    switch (chunk->encoding) {
    case FI_ENCODING_CONSTANT:
        *out = fi_chunk_constant(chunk);
        break;
    case FI_ENCODING_PLAIN:
        if (chunk->kind == FI_PHYSICAL_BYTES) {
            is_sound = get_plain_bytes(chunk, &view, in_block, &out->as.bytes);
            out->kind = FI_PHYSICAL_BYTES;
        } else {
            is_sound = get_plain_number(chunk, &view, in_block, out);
        }
        break;
    case FI_ENCODING_FRAME:
    case FI_ENCODING_DELTA:
    case FI_ENCODING_RLE:
    case FI_ENCODING_DICTIONARY:
        is_sound = get_by_code(chunk, &view, in_block, out);
        break;
    case FI_ENCODING_ALP:
        is_sound = fi_chunk_alp_get(chunk, &view, in_block, &bits);
        *out = fi_chunk_cell_of(chunk->kind, is_sound ? bits : 0);
        break;
    case FI_ENCODING_FSST:
        out->kind = FI_PHYSICAL_BYTES;
        rc = fi_chunk_fsst_get(chunk, &view, in_block, scratch, &out->as.bytes, err);
        break;
    default:
        DCHECK(chunk->encoding == FI_ENCODING_FRONT);
        out->kind = FI_PHYSICAL_BYTES;
        rc = fi_chunk_front_get(&view, in_block, scratch, &out->as.bytes, err);
        break;
    }
    if (!is_sound) {
        rc = fi_chunk_corrupt(err, "a block does not have what its record says");
    }
    if (rc != FIRN_OK) {
        *out = (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    }
    return rc;
}
