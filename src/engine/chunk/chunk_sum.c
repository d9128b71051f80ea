/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_sum.c: adding the values of a block.
 *
 * Integers are added exactly. Floating-point numbers of a block are added in eight partial sums,
 * number i to sum i mod 8, each from 0 and in ascending order; then as ((0 + 4) + (2 + 6)) + ((1 +
 * 5) + (3 + 7)), and the result is added to the sum so far. A value that is left out counts as +0,
 * which changes no sum that began with +0. So kernels need not branch, and every machine gets the
 * same bits.
 */
#include "base/check.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encoding_internal.h"

enum { PARTS = 8 };

__extension__ typedef unsigned __int128 u128;

static bool
is_chosen(const uint64_t *chosen, size_t i)
{
    return chosen == NULL || fi_chunk_has_bit(chosen, i);
}

/* Signed numbers are added with 2^63 more, so that all are positive. */
static u128
sum_integers(const uint64_t *numbers, size_t count, uint64_t sign, const uint64_t *chosen,
             uint64_t chosen_count)
{
    uint64_t low = 0;
    uint64_t high = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = chosen == NULL ? UINT64_MAX : 0 - (chosen[i / 64] >> i % 64 & 1);
        uint64_t number = (numbers[i] ^ sign) & bits;
        low += number & UINT32_MAX;
        high += number >> 32;
    }
    return low + ((u128)high << 32) - (u128)sign * chosen_count;
}

static double
sum_parts(const double parts[PARTS])
{
    return ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
           ((parts[1] + parts[5]) + (parts[3] + parts[7]));
}

static double
sum_f64(const double *numbers, size_t count, const uint64_t *chosen)
{
    double parts[PARTS] = {0};
    for (size_t i = 0; i < count; i++) {
        parts[i % PARTS] += is_chosen(chosen, i) ? numbers[i] : 0;
    }
    return sum_parts(parts);
}

static double
sum_f32(const float *numbers, size_t count, const uint64_t *chosen)
{
    double parts[PARTS] = {0};
    for (size_t i = 0; i < count; i++) {
        parts[i % PARTS] += is_chosen(chosen, i) ? (double)numbers[i] : 0;
    }
    return sum_parts(parts);
}

/* What mask and nulls leave, and how many; false where that is all of the block. */
static bool
chunk_sum_choose(size_t count, const uint64_t *valid, const uint64_t *mask,
                 uint64_t chosen[FI_CHUNK_MASK_WORDS], uint64_t *out_count)
{
    *out_count = count;
    if (mask == NULL && valid == NULL) {
        return false;
    }
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        chosen[i] = (mask == NULL ? UINT64_MAX : mask[i]) & (valid == NULL ? UINT64_MAX : valid[i]);
    }
    *out_count = fi_chunk_mask_count(chosen);
    DCHECK(*out_count <= count);
    return *out_count < count;
}

/* ---- where they are encoded ---- */

/* What codes add up to; false where they must be decoded. */
static bool
sum_codes(const struct fi_chunk *chunk, const struct fi_chunk_block *view, const uint64_t *chosen,
          u128 *out)
{
    *out = 0;
    if (chunk->encoding == FI_ENCODING_FRAME) {
        if (view->data.size != fi_chunk_bits_size(view->count, view->width)) {
            return false;
        }
        *out = fi_chunk_bits_sum(view->data.data, view->count, view->width, chosen);
        return true;
    }
    if (chunk->encoding != FI_ENCODING_RLE || chosen != NULL) {
        return false;
    }
    struct fi_chunk_runs runs;
    if (fi_chunk_read_runs(view, &runs, NULL) != FIRN_OK) {
        return false;
    }
    uint64_t start = 0;
    for (size_t i = 0; i < runs.count; i++) {
        *out += (u128)runs.codes[i] * (runs.ends[i] - start);
        start = runs.ends[i];
    }
    return true;
}

static bool
sum_encoded(const struct fi_chunk *chunk, const struct fi_chunk_block *view, const uint64_t *chosen,
            uint64_t count, struct fi_chunk_sum *sum)
{
    u128 codes;
    uint64_t sign = chunk->kind == FI_PHYSICAL_I64 ? FI_CHUNK_SIGN64 : 0;
    if (fi_chunk_is_float(chunk->kind) || !sum_codes(chunk, view, chosen, &codes)) {
        return false;
    }
    DCHECK(count > 0 && count <= view->count && chunk->parts.divisor > 0);
    uint64_t base = chunk->parts.minimum + chunk->parts.divisor * view->low;
    u128 total = codes * chunk->parts.divisor + (u128)base * count - (u128)sign * count;
    sum->integer = (fi_chunk_int128)((u128)sum->integer + total);
    sum->count += count;
    return true;
}

static void
sum_values(const struct fi_chunk_values *values, const uint64_t *chosen, uint64_t count,
           struct fi_chunk_sum *sum)
{
    u128 total = 0;
    DCHECK(count > 0 && count <= values->count);
    sum->count += count;
    switch (values->kind) {
    case FI_PHYSICAL_I64:
        total = sum_integers(values->as.u64, values->count, FI_CHUNK_SIGN64, chosen, count);
        break;
    case FI_PHYSICAL_U64:
        total = sum_integers(values->as.u64, values->count, 0, chosen, count);
        break;
    case FI_PHYSICAL_F32:
        sum->real += sum_f32(values->as.f32, values->count, chosen);
        break;
    case FI_PHYSICAL_F64:
        sum->real += sum_f64(values->as.f64, values->count, chosen);
        break;
    default:
        break;
    }
    sum->integer = (fi_chunk_int128)((u128)sum->integer + total);
}

int
fi_chunk_sum_block(const struct fi_chunk *chunk, size_t block, const uint64_t *mask,
                   struct fi_chunk_scratch *scratch, struct fi_chunk_sum *sum, firn_error *err)
{
    struct fi_chunk_block view;
    struct fi_chunk_values values;
    uint64_t memory[FI_CHUNK_MASK_WORDS];
    uint64_t count;
    DCHECK(block < fi_chunk_block_count(chunk));
    int rc = fi_chunk_block_at(chunk, block, &view, err);
    if (rc == FIRN_OK && view.null_count > 0) {
        rc = fi_chunk_block_valid(&view, scratch->valid, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    const uint64_t *valid = view.null_count > 0 ? scratch->valid : NULL;
    const uint64_t *chosen =
        chunk_sum_choose(view.count, valid, mask, memory, &count) ? memory : NULL;
    if (count == 0 || sum_encoded(chunk, &view, chosen, count, sum)) {
        return FIRN_OK;
    }
    rc = fi_chunk_read_block(chunk, block, chosen, scratch, &values, err);
    if (rc == FIRN_OK) {
        sum_values(&values, chosen, count, sum);
    }
    return rc;
}
