/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_filter.c: finds the values of a block that fulfil a predicate.
 *
 * Bounds are tried first, then the encoded values if they are sufficient. Only then are values
 * decoded.
 */
#include "base/check.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"

static bool
is_zero(const uint64_t *mask)
{
    uint64_t any = 0;
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        any |= mask[i];
    }
    return any == 0;
}

/* ---- decoded values ---- */

static void
rank_numbers(const struct fi_chunk_values *values, uint64_t *ranks)
{
    for (size_t i = 0; i < values->count; i++) {
        uint32_t narrow;
        uint64_t bits;
        switch (values->kind) {
        case FI_PHYSICAL_F32:
            memcpy(&narrow, &values->as.f32[i], sizeof narrow);
            ranks[i] = fi_chunk_rank(FI_PHYSICAL_F32, narrow);
            break;
        case FI_PHYSICAL_F64:
            memcpy(&bits, &values->as.f64[i], sizeof bits);
            ranks[i] = fi_chunk_rank(FI_PHYSICAL_F64, bits);
            break;
        default:
            ranks[i] = fi_chunk_order(values->kind, values->as.u64[i]);
            break;
        }
    }
}

static void
filter_numbers(const struct fi_chunk_values *values, const struct fi_chunk_predicate *predicate,
               uint64_t *mask)
{
    uint64_t ranks[FI_CHUNK_BLOCK];
    rank_numbers(values, ranks);
    if (predicate->test == FI_CHUNK_IN) {
        for (size_t i = 0; i < values->count; i++) {
            if (fi_chunk_has_bit(mask, i) && !fi_chunk_assess_listed(predicate, ranks[i])) {
                mask[i / 64] &= ~(UINT64_C(1) << i % 64);
            }
        }
        return;
    }
    struct fi_chunk_interval interval = fi_chunk_assess_interval(predicate);
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
filter_bytes(const struct fi_chunk_values *values, const struct fi_chunk_predicate *predicate,
             uint64_t *mask)
{
    for (size_t i = 0; i < values->count; i++) {
        if (fi_chunk_has_bit(mask, i) && !fi_chunk_assess_bytes(predicate, values->as.bytes[i])) {
            mask[i / 64] &= ~(UINT64_C(1) << i % 64);
        }
    }
}

/* ---- encoded values ---- */

static void
chunk_filter_keep(uint64_t *mask, const uint64_t *bits, bool is_negated)
{
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        mask[i] &= is_negated ? ~bits[i] : bits[i];
    }
}

/* Codes from low to high less the block's smallest. */
struct code_range {
    uint64_t low;
    uint64_t high;
};

static int
filter_packed(const struct fi_chunk_block *view, const struct code_range *range, uint64_t *bits,
              firn_error *err)
{
    if (view->data.size != fi_chunk_bits_size(view->count, view->width)) {
        return fi_chunk_corrupt(err, "a block of packed numbers has another size than these");
    }
    fi_chunk_bits_range(view->data.data, view->count, view->width, range->low, range->high, bits);
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
filter_runs(const struct fi_chunk_block *view, const struct code_range *range, uint64_t *bits,
            firn_error *err)
{
    struct fi_chunk_runs runs;
    int rc = fi_chunk_read_runs(view, &runs, err);
    if (rc != FIRN_OK) {
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

/* The codes of the numbers in an interval of ranks, of a block or, where base is the number of code
 * 0, of a chunk without NaNs; false: there are none. */
static bool
range_of(const struct fi_chunk *chunk, uint64_t base, struct fi_chunk_interval interval,
         struct code_range *out)
{
    const uint64_t divisor = chunk->parts.divisor;
    *out = (struct code_range){.low = 0};
    if (fi_chunk_is_float(chunk->kind)) {
        /* The order of -0 is just below that of 0, and it is no number's rank. */
        uint64_t zero =
            chunk->kind == FI_PHYSICAL_F64 ? FI_CHUNK_RANK_ZERO_F64 : FI_CHUNK_RANK_ZERO_F32;
        interval.low -= interval.low == zero;
        interval.high -= interval.high == zero - 1;
    }
    if (interval.is_empty || interval.high < base) {
        return false;
    }
    out->low = interval.low <= base ? 0 : (interval.low - base - 1) / divisor + 1;
    out->high = (interval.high - base) / divisor;
    return out->low <= out->high;
}

/* Keeps the values of a block whose codes are in the range, or all others. */
static int
keep_codes(const struct fi_chunk *chunk, const struct fi_chunk_block *view,
           const struct code_range *range, bool is_negated, uint64_t *mask, firn_error *err)
{
    uint64_t bits[FI_CHUNK_MASK_WORDS];
    if (view->count < FI_CHUNK_BLOCK || chunk->encoding == FI_ENCODING_RLE) {
        memset(bits, 0, sizeof bits);
    }
    int rc =
        (chunk->encoding == FI_ENCODING_RLE ? filter_runs : filter_packed)(view, range, bits, err);
    if (rc == FIRN_OK) {
        chunk_filter_keep(mask, bits, is_negated);
    }
    return rc;
}

/* Of floating-point numbers, whose blocks say whether they have NaNs. */
static int
filter_reals(const struct fi_chunk *chunk, const struct fi_chunk_block *view,
             const struct fi_chunk_predicate *predicate, uint64_t *mask, firn_error *err)
{
    const struct fi_chunk_interval interval = fi_chunk_assess_interval(predicate);
    struct code_range range;
    if (!range_of(chunk, chunk->parts.minimum + chunk->parts.divisor * view->low, interval,
                  &range)) {
        if (!interval.is_negated) {
            memset(mask, 0, FI_CHUNK_MASK_WORDS * sizeof *mask);
        }
        return FIRN_OK;
    }
    return keep_codes(chunk, view, &range, interval.is_negated, mask, err);
}

/* Which codes are on the list, and then which values have them. */
static int
filter_listed_codes(const struct fi_chunk *chunk, size_t block,
                    const struct fi_chunk_predicate *predicate, uint64_t *mask, firn_error *err)
{
    uint64_t listed[FI_CHUNK_VALUES_MAX / 64 + 1] = {0};
    uint32_t codes[FI_CHUNK_BLOCK];
    for (size_t i = 0; i < predicate->list_count; i++) {
        struct fi_chunk_predicate one = {.test = FI_CHUNK_EQUAL, .a = predicate->list[i]};
        size_t low;
        size_t high;
        fi_chunk_dictionary_find(chunk, &one, &low, &high);
        set_bits(listed, low, high);
    }
    int rc = fi_chunk_read_codes(chunk, block, codes, err);
    const size_t count = fi_chunk_block_size(chunk, block);
    for (size_t first = 0; rc == FIRN_OK && first < count; first += 64) {
        const size_t rows = count - first < 64 ? count - first : 64;
        uint64_t kept = 0;
        for (size_t i = 0; i < rows; i++) {
            kept |= (uint64_t)fi_chunk_has_bit(listed, codes[first + i]) << i;
        }
        mask[first / 64] &= kept;
    }
    return rc;
}

/* Whether encoded floating-point numbers of a block can answer. */
static bool
can_stay_encoded(const struct fi_chunk *chunk, const struct fi_chunk_bounds *bounds,
                 const struct fi_chunk_predicate *predicate)
{
    return (chunk->encoding == FI_ENCODING_FRAME || chunk->encoding == FI_ENCODING_RLE) &&
           predicate->test != FI_CHUNK_IN && !bounds->has_nan;
}

/* ---- a chunk ---- */

void
fi_chunk_filter_init(struct fi_chunk_filter *filter, const struct fi_chunk *chunk,
                     const struct fi_chunk_predicate *predicate)
{
    struct fi_chunk_interval interval;
    struct code_range range;
    size_t low;
    size_t end;
    CHECK(predicate->test != FI_CHUNK_PREFIX || chunk->kind == FI_PHYSICAL_BYTES);
    *filter = (struct fi_chunk_filter){.predicate = predicate};
    switch (predicate->test) {
    case FI_CHUNK_IN:
    case FI_CHUNK_IS_NULL:
    case FI_CHUNK_IS_NOT_NULL:
        return;
    default:
        break;
    }
    if (chunk->encoding == FI_ENCODING_DICTIONARY) {
        filter->by_codes = true;
        filter->is_negated = fi_chunk_dictionary_find(chunk, predicate, &low, &end);
        filter->is_empty = low == end;
        filter->low = low;
        filter->high = end - (low < end);
    } else if ((chunk->encoding == FI_ENCODING_FRAME || chunk->encoding == FI_ENCODING_RLE) &&
               !fi_chunk_is_float(chunk->kind)) {
        interval = fi_chunk_assess_interval(predicate);
        filter->by_codes = true;
        filter->is_negated = interval.is_negated;
        filter->is_empty = !range_of(chunk, chunk->parts.minimum, interval, &range);
        filter->low = range.low;
        filter->high = range.high;
    }
    DCHECK(filter->is_empty || filter->low <= filter->high);
}

/* ---- a block ---- */

/* Lets through what is null, or what is not; false where that was not asked. */
static bool
filter_nulls(const struct fi_chunk_predicate *predicate, const uint64_t *valid, uint64_t *mask)
{
    bool is_null = predicate->test == FI_CHUNK_IS_NULL;
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        mask[i] &= is_null ? ~valid[i] : valid[i];
    }
    return is_null || predicate->test == FI_CHUNK_IS_NOT_NULL;
}

/* A block of a chunk whose codes are asked for. */
static int
apply_by_codes(const struct fi_chunk_filter *filter, const struct fi_chunk *chunk,
               const struct fi_chunk_block *view, uint64_t *mask,
               enum fi_chunk_verdict *out_verdict, firn_error *err)
{
    bool none = filter->is_empty || filter->low > view->high || filter->high < view->low ||
                view->null_count == view->count;
    bool all = !none && filter->low <= view->low && view->high <= filter->high;
    if (none || all) {
        const bool is_none = view->null_count == view->count || none != filter->is_negated;
        *out_verdict = is_none ? FI_CHUNK_NONE : FI_CHUNK_ALL;
        if (is_none) {
            memset(mask, 0, FI_CHUNK_MASK_WORDS * sizeof *mask);
        }
        return FIRN_OK;
    }
    const struct code_range range = {
        .low = filter->low < view->low ? 0 : filter->low - view->low,
        .high = (filter->high < view->high ? filter->high : view->high) - view->low};
    *out_verdict = FI_CHUNK_SOME;
    return keep_codes(chunk, view, &range, filter->is_negated, mask, err);
}

int
fi_chunk_filter_apply(const struct fi_chunk_filter *filter, const struct fi_chunk *chunk,
                      size_t block, struct fi_chunk_scratch *scratch, uint64_t *mask,
                      enum fi_chunk_verdict *out_verdict, firn_error *err)
{
    const struct fi_chunk_predicate *predicate = filter->predicate;
    struct fi_chunk_block view;
    struct fi_chunk_values values;
    struct fi_chunk_bounds bounds;
    DCHECK(block < fi_chunk_block_count(chunk));
    *out_verdict = FI_CHUNK_SOME;
    int rc = fi_chunk_block_at(chunk, block, &view, err);
    if (rc == FIRN_OK && (view.null_count > 0 || !filter->by_codes)) {
        rc = fi_chunk_block_valid(&view, scratch->valid, err);
        if (rc != FIRN_OK || filter_nulls(predicate, scratch->valid, mask) || is_zero(mask)) {
            return rc;
        }
    }
    if (rc != FIRN_OK || filter->by_codes) {
        return rc == FIRN_OK ? apply_by_codes(filter, chunk, &view, mask, out_verdict, err) : rc;
    }
    fi_chunk_block_bounds(chunk, block, &bounds);
    bounds.null_count = 0; /* nulls are out already */
    *out_verdict = fi_chunk_assess(&bounds, view.count, predicate);
    if (*out_verdict != FI_CHUNK_SOME) {
        if (*out_verdict == FI_CHUNK_NONE) {
            memset(mask, 0, FI_CHUNK_MASK_WORDS * sizeof *mask);
        }
        return FIRN_OK;
    }
    if (chunk->encoding == FI_ENCODING_DICTIONARY) {
        return filter_listed_codes(chunk, block, predicate, mask, err);
    }
    if (can_stay_encoded(chunk, &bounds, predicate)) {
        return filter_reals(chunk, &view, predicate, mask, err);
    }
    rc = fi_chunk_read_block(chunk, block, mask, scratch, &values, err);
    if (rc == FIRN_OK) {
        (chunk->kind == FI_PHYSICAL_BYTES ? filter_bytes : filter_numbers)(&values, predicate,
                                                                           mask);
    }
    return rc;
}

int
fi_chunk_filter_block(const struct fi_chunk *chunk, size_t block,
                      const struct fi_chunk_predicate *predicate, struct fi_chunk_scratch *scratch,
                      uint64_t *mask, firn_error *err)
{
    struct fi_chunk_filter filter;
    enum fi_chunk_verdict verdict;
    fi_chunk_filter_init(&filter, chunk, predicate);
    return fi_chunk_filter_apply(&filter, chunk, block, scratch, mask, &verdict, err);
}
