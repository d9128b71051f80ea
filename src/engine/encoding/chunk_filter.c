/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/chunk_filter.c: which values of a block fulfil a predicate.
 *
 * Bounds are asked first, then the encoded values where they can answer, and only then are values decoded.
 */
#include "base/check.h"
#include "encoding/bit_pack.h"
#include "encoding/chunk_dictionary.h"
#include "encoding/encoding_internal.h"

static bool
is_zero(const uint64_t *mask)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        any |= mask[i];
    }
    return any == 0;
}

/* ---- decoded values ---- */

static void
rank_numbers(const struct firn_chunk_values *values, uint64_t *ranks)
{
    for (size_t i = 0; i < values->count; i++) {
        uint32_t narrow;
        uint64_t bits;
        switch (values->kind) {
        case FIRN_PHYSICAL_F32:
            memcpy(&narrow, &values->as.f32[i], sizeof narrow);
            ranks[i] = firn_chunk_rank(FIRN_PHYSICAL_F32, narrow);
            break;
        case FIRN_PHYSICAL_F64:
            memcpy(&bits, &values->as.f64[i], sizeof bits);
            ranks[i] = firn_chunk_rank(FIRN_PHYSICAL_F64, bits);
            break;
        default:
            ranks[i] = firn_chunk_order(values->kind, values->as.u64[i]);
            break;
        }
    }
}

static void
filter_numbers(const struct firn_chunk_values *values, const struct firn_chunk_predicate *predicate,
               uint64_t *mask)
{
    uint64_t ranks[FIRN_CHUNK_BLOCK];
    rank_numbers(values, ranks);
    if (predicate->test == FIRN_CHUNK_IN) {
        for (size_t i = 0; i < values->count; i++) {
            if (firn_chunk_has_bit(mask, i) && !firn_chunk_judge_listed(predicate, ranks[i])) {
                mask[i / 64] &= ~(UINT64_C(1) << i % 64);
            }
        }
        return;
    }
    struct firn_chunk_interval interval = firn_chunk_judge_interval(predicate);
    uint64_t span = interval.high - interval.low;
    for (size_t start = 0; start < values->count; start += 64) {
        size_t count = values->count - start < 64 ? values->count - start : 64;
        uint64_t inside = 0;
        for (size_t i = 0; i < count && !interval.is_empty; i++) {
            inside |= (uint64_t)(ranks[start + i] - interval.low <= span) << i;
        }
        mask[start / 64] &= interval.is_negated ? ~inside : inside;
    }
}

static void
filter_bytes(const struct firn_chunk_values *values, const struct firn_chunk_predicate *predicate,
             uint64_t *mask)
{
    for (size_t i = 0; i < values->count; i++) {
        if (firn_chunk_has_bit(mask, i) &&
            !firn_chunk_judge_bytes(predicate, values->as.bytes[i])) {
            mask[i / 64] &= ~(UINT64_C(1) << i % 64);
        }
    }
}

/* ---- encoded values ---- */

static void
keep(uint64_t *mask, const uint64_t *bits, bool is_negated)
{
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        mask[i] &= is_negated ? ~bits[i] : bits[i];
    }
}

/* Codes from low to high, if there are any, less the block's smallest. */
struct code_range {
    uint64_t low;
    uint64_t high;
    bool is_empty;
};

static int
filter_packed(const struct firn_chunk_block *view, const struct code_range *range, uint64_t *bits,
              firn_error *err)
{
    if (view->data.size != firn_bit_pack_size(view->count, view->width)) {
        return firn_chunk_corrupt(err, "a block of packed numbers has another size than these");
    }
    if (!range->is_empty) {
        firn_bit_pack_range(view->data.data, view->count, view->width, range->low, range->high,
                            bits);
    }
    return FIRN_OK;
}

/* Sets the bits from start to end. */
static void
set_bits(uint64_t *bits, size_t start, size_t end)
{
    while (start < end) {
        size_t in_word = start % 64;
        size_t count = end - start < 64 - in_word ? end - start : 64 - in_word;
        bits[start / 64] |= (UINT64_MAX >> (64 - count)) << in_word;
        start += count;
    }
}

static int
filter_runs(const struct firn_chunk_block *view, const struct code_range *range, uint64_t *bits,
            firn_error *err)
{
    struct firn_chunk_runs runs;
    int rc = firn_chunk_read_runs(view, &runs, err);
    if (rc != FIRN_OK || range->is_empty) {
        return rc;
    }
    size_t start = 0;
    for (size_t i = 0; i < runs.count; i++) {
        if (runs.codes[i] - range->low <= range->high - range->low) {
            set_bits(bits, start, (size_t)runs.ends[i]);
        }
        start = (size_t)runs.ends[i];
    }
    return FIRN_OK;
}

/* The codes of the numbers in an interval of ranks, of a block without NaNs. */
static struct code_range
range_of(const struct firn_chunk *chunk, const struct firn_chunk_block *view,
         struct firn_chunk_interval interval)
{
    struct code_range range = {.is_empty = interval.is_empty};
    uint64_t divisor = chunk->parts.divisor;
    uint64_t base = chunk->parts.minimum + divisor * view->low;
    if (firn_chunk_is_float(chunk->kind)) {
        /* The order of -0 is just below that of 0, and it is no number's rank. */
        uint64_t zero =
            chunk->kind == FIRN_PHYSICAL_F64 ? FIRN_CHUNK_RANK_ZERO_F64 : FIRN_CHUNK_RANK_ZERO_F32;
        interval.low -= interval.low == zero;
        interval.high -= interval.high == zero - 1;
    }
    if (range.is_empty || interval.high < base) {
        range.is_empty = true;
        return range;
    }
    range.low = interval.low <= base ? 0 : (interval.low - base - 1) / divisor + 1;
    range.high = (interval.high - base) / divisor;
    range.is_empty = range.low > range.high;
    return range;
}

static int
filter_codes(const struct firn_chunk *chunk, const struct firn_chunk_block *view,
             const struct firn_chunk_predicate *predicate, uint64_t *mask, firn_error *err)
{
    uint64_t bits[FIRN_CHUNK_MASK_WORDS] = {0};
    struct firn_chunk_interval interval = firn_chunk_judge_interval(predicate);
    struct code_range range = range_of(chunk, view, interval);
    int rc = (chunk->encoding == FIRN_ENCODING_RLE ? filter_runs : filter_packed)(view, &range,
                                                                                  bits, err);
    keep(mask, bits, interval.is_negated);
    return rc;
}

/* Which codes are on the list, and then which values have them. */
static int
filter_listed_codes(const struct firn_chunk *chunk, size_t block,
                    const struct firn_chunk_predicate *predicate, uint64_t *mask, firn_error *err)
{
    uint64_t listed[FIRN_CHUNK_VALUES_MAX / 64 + 1] = {0};
    uint32_t codes[FIRN_CHUNK_BLOCK];
    for (size_t i = 0; i < predicate->list_count; i++) {
        struct firn_chunk_predicate one = {.test = FIRN_CHUNK_EQUAL, .a = predicate->list[i]};
        size_t low;
        size_t high;
        firn_chunk_dictionary_find(chunk, &one, &low, &high);
        set_bits(listed, low, high);
    }
    int rc = firn_chunk_read_codes(chunk, block, codes, err);
    for (size_t i = 0; rc == FIRN_OK && i < firn_chunk_block_size(chunk, block); i++) {
        if (!firn_chunk_has_bit(listed, codes[i])) {
            mask[i / 64] &= ~(UINT64_C(1) << i % 64);
        }
    }
    return rc;
}

static int
filter_dictionary(const struct firn_chunk *chunk, const struct firn_chunk_block *view,
                  const struct firn_chunk_predicate *predicate, uint64_t *mask, firn_error *err)
{
    size_t low;
    size_t high;
    uint64_t bits[FIRN_CHUNK_MASK_WORDS] = {0};
    bool is_negated = firn_chunk_dictionary_find(chunk, predicate, &low, &high);
    struct code_range range = {.is_empty = low >= high || high <= view->low || low > view->high};
    if (!range.is_empty) {
        range.low = low < view->low ? 0 : low - view->low;
        range.high = high - 1 - view->low;
    }
    int rc = filter_packed(view, &range, bits, err);
    keep(mask, bits, is_negated);
    return rc;
}

/* Whether encoded values can answer. */
static bool
can_stay_encoded(const struct firn_chunk *chunk, const struct firn_chunk_bounds *bounds,
                 const struct firn_chunk_predicate *predicate)
{
    return (chunk->encoding == FIRN_ENCODING_FRAME || chunk->encoding == FIRN_ENCODING_RLE) &&
           predicate->test != FIRN_CHUNK_IN && !bounds->has_nan;
}

/* ---- a block ---- */

/* Lets through what is null, or what is not; false where that was not asked. */
static bool
filter_nulls(const struct firn_chunk_predicate *predicate, const uint64_t *valid, uint64_t *mask)
{
    bool is_null = predicate->test == FIRN_CHUNK_IS_NULL;
    for (size_t i = 0; i < FIRN_CHUNK_MASK_WORDS; i++) {
        mask[i] &= is_null ? ~valid[i] : valid[i];
    }
    return is_null || predicate->test == FIRN_CHUNK_IS_NOT_NULL;
}

int
firn_chunk_filter_block(const struct firn_chunk *chunk, size_t block,
                        const struct firn_chunk_predicate *predicate,
                        struct firn_chunk_scratch *scratch, uint64_t *mask, firn_error *err)
{
    struct firn_chunk_block view;
    struct firn_chunk_values values;
    struct firn_chunk_bounds bounds;
    CHECK(predicate->test != FIRN_CHUNK_PREFIX || chunk->kind == FIRN_PHYSICAL_BYTES);
    DCHECK(block < firn_chunk_block_count(chunk));
    int rc = firn_chunk_block_at(chunk, block, &view, err);
    if (rc == FIRN_OK) {
        rc = firn_chunk_block_valid(&view, scratch->valid, err);
    }
    if (rc != FIRN_OK || filter_nulls(predicate, scratch->valid, mask) || is_zero(mask)) {
        return rc;
    }
    firn_chunk_block_bounds(chunk, block, &bounds);
    bounds.null_count = 0; /* nulls are out already */
    switch (firn_chunk_judge(&bounds, view.count, predicate)) {
    case FIRN_CHUNK_NONE:
        memset(mask, 0, FIRN_CHUNK_MASK_WORDS * sizeof *mask);
        return FIRN_OK;
    case FIRN_CHUNK_ALL:
        return FIRN_OK;
    default:
        break;
    }
    if (chunk->encoding == FIRN_ENCODING_DICTIONARY) {
        return predicate->test == FIRN_CHUNK_IN
                   ? filter_listed_codes(chunk, block, predicate, mask, err)
                   : filter_dictionary(chunk, &view, predicate, mask, err);
    }
    if (can_stay_encoded(chunk, &bounds, predicate)) {
        return filter_codes(chunk, &view, predicate, mask, err);
    }
    rc = firn_chunk_read_block(chunk, block, mask, scratch, &values, err);
    if (rc == FIRN_OK) {
        (chunk->kind == FIRN_PHYSICAL_BYTES ? filter_bytes : filter_numbers)(&values, predicate,
                                                                             mask);
    }
    return rc;
}
