/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_assess.c: evaluates predicates on single values and on bounds.
 *
 * All tests of numbers but IN are intervals of ranks, or the outside of one, so kinds of numbers
 * and tests need no code for each pair of them. Bytes are compared as they are.
 *
 * Bounds of bytes are cut, so they are less precise: the smallest value may be larger than min, and
 * the largest one larger than max if that is cut. Each comparison below is such that a cut bound
 * can only change the result to "the values must be read".
 */
#include "base/check.h"
#include "base/search.h"
#include "base/slice.h"
#include "chunk/chunk_encoding_internal.h"

static uint64_t
rank_of(const struct fi_cell *cell)
{
    DCHECK(cell->kind != FI_PHYSICAL_NONE && cell->kind != FI_PHYSICAL_BYTES);
    return fi_chunk_rank(cell->kind, fi_chunk_cell_bits(cell));
}

/* ---- values ---- */

struct fi_chunk_interval
fi_chunk_assess_interval(const struct fi_chunk_predicate *predicate)
{
    struct fi_chunk_interval interval = {.low = 0, .high = UINT64_MAX};
    uint64_t a = rank_of(&predicate->a);
    switch (predicate->test) {
    case FI_CHUNK_EQUAL:
    case FI_CHUNK_NOT_EQUAL:
        interval.low = interval.high = a;
        interval.is_negated = predicate->test == FI_CHUNK_NOT_EQUAL;
        break;
    case FI_CHUNK_LESS:
        interval.is_empty = a == 0;
        interval.high = a - 1;
        break;
    case FI_CHUNK_LESS_EQUAL:
        interval.high = a;
        break;
    case FI_CHUNK_GREATER:
        interval.is_empty = a == UINT64_MAX;
        interval.low = a + 1;
        break;
    case FI_CHUNK_GREATER_EQUAL:
        interval.low = a;
        break;
    default:
        CHECK(predicate->test == FI_CHUNK_BETWEEN);
        interval.low = a;
        interval.high = rank_of(&predicate->b);
        interval.is_empty = interval.low > interval.high;
        break;
    }
    return interval;
}

/* The first of the list whose rank is not below the one given. */
static size_t
first_number(const struct fi_chunk_predicate *predicate, uint64_t rank)
{
    size_t low = 0;
    size_t high = predicate->list_count;
    FI_SEARCH_FIRST(low, high, middle, rank_of(&predicate->list[middle]) < rank)
    return low;
}

bool
fi_chunk_assess_listed(const struct fi_chunk_predicate *predicate, uint64_t rank)
{
    size_t i = first_number(predicate, rank);
    return i < predicate->list_count && rank_of(&predicate->list[i]) == rank;
}

static size_t
first_bytes(const struct fi_chunk_predicate *predicate, firn_slice value)
{
    size_t low = 0;
    size_t high = predicate->list_count;
    FI_SEARCH_FIRST(low, high, middle,
                    fi_slice_compare(predicate->list[middle].as.bytes, value) < 0)
    return low;
}

bool
fi_chunk_assess_bytes(const struct fi_chunk_predicate *predicate, firn_slice value)
{
    firn_slice a = predicate->a.as.bytes;
    size_t i;
    switch (predicate->test) {
    case FI_CHUNK_EQUAL:
        return fi_slice_equal(value, a);
    case FI_CHUNK_NOT_EQUAL:
        return !fi_slice_equal(value, a);
    case FI_CHUNK_LESS:
        return fi_slice_compare(value, a) < 0;
    case FI_CHUNK_LESS_EQUAL:
        return fi_slice_compare(value, a) <= 0;
    case FI_CHUNK_GREATER:
        return fi_slice_compare(value, a) > 0;
    case FI_CHUNK_GREATER_EQUAL:
        return fi_slice_compare(value, a) >= 0;
    case FI_CHUNK_BETWEEN:
        return fi_slice_compare(value, a) >= 0 &&
               fi_slice_compare(value, predicate->b.as.bytes) <= 0;
    case FI_CHUNK_PREFIX:
        return fi_slice_has_prefix(value, a);
    default:
        CHECK(predicate->test == FI_CHUNK_IN);
        i = first_bytes(predicate, value);
        return i < predicate->list_count && fi_slice_equal(predicate->list[i].as.bytes, value);
    }
}

/* ---- bounds ---- */

static enum fi_chunk_verdict
verdict_of(bool none, bool all)
{
    return none ? FI_CHUNK_NONE : all ? FI_CHUNK_ALL : FI_CHUNK_SOME;
}

static enum fi_chunk_verdict
assess_numbers(const struct fi_chunk_bounds *bounds, const struct fi_chunk_predicate *predicate)
{
    uint64_t min = bounds->is_empty ? FI_CHUNK_RANK_NAN : rank_of(&bounds->min);
    uint64_t max = bounds->is_empty || bounds->has_nan ? FI_CHUNK_RANK_NAN : rank_of(&bounds->max);
    if (predicate->test == FI_CHUNK_IN) {
        size_t i = first_number(predicate, min);
        if (i == predicate->list_count || rank_of(&predicate->list[i]) > max) {
            return FI_CHUNK_NONE;
        }
        return min == max ? FI_CHUNK_ALL : FI_CHUNK_SOME;
    }
    struct fi_chunk_interval interval = fi_chunk_assess_interval(predicate);
    bool none = interval.is_empty || interval.low > max || interval.high < min;
    bool all = !none && interval.low <= min && max <= interval.high;
    return interval.is_negated ? verdict_of(all, none) : verdict_of(none, all);
}

/* Whether value is larger than all that a largest value of these bounds can be. */
static bool
is_above(const struct fi_chunk_bounds *bounds, firn_slice value)
{
    firn_slice max = bounds->max.as.bytes;
    DCHECK(bounds->max.kind == FI_PHYSICAL_BYTES && max.size <= FI_CHUNK_BOUND_SIZE);
    if (bounds->max_is_cut && value.size > max.size) {
        value.size = max.size;
    }
    return fi_slice_compare(value, max) > 0;
}

/* Whether no value is larger than this one. */
static bool
is_at_least_max(const struct fi_chunk_bounds *bounds, firn_slice value)
{
    return is_above(bounds, value) ||
           (!bounds->max_is_cut && fi_slice_equal(value, bounds->max.as.bytes));
}

static enum fi_chunk_verdict
assess_bytes(const struct fi_chunk_bounds *bounds, const struct fi_chunk_predicate *predicate)
{
    firn_slice min = bounds->min.as.bytes;
    firn_slice max = bounds->max.as.bytes;
    firn_slice a = predicate->a.as.bytes;
    firn_slice b = predicate->b.as.bytes;
    bool is_one = !bounds->max_is_cut && fi_slice_equal(min, max);
    switch (predicate->test) {
    case FI_CHUNK_EQUAL:
    case FI_CHUNK_NOT_EQUAL: {
        bool none = fi_slice_compare(a, min) < 0 || is_above(bounds, a);
        bool all = is_one && fi_slice_equal(a, min);
        return predicate->test == FI_CHUNK_EQUAL ? verdict_of(none, all) : verdict_of(all, none);
    }
    case FI_CHUNK_LESS:
        return verdict_of(fi_slice_compare(a, min) <= 0, is_above(bounds, a));
    case FI_CHUNK_LESS_EQUAL:
        return verdict_of(fi_slice_compare(a, min) < 0, is_at_least_max(bounds, a));
    case FI_CHUNK_GREATER:
        return verdict_of(is_at_least_max(bounds, a), fi_slice_compare(a, min) < 0);
    case FI_CHUNK_GREATER_EQUAL:
        return verdict_of(is_above(bounds, a), fi_slice_compare(a, min) <= 0);
    case FI_CHUNK_BETWEEN:
        return verdict_of(fi_slice_compare(a, b) > 0 || is_above(bounds, a) ||
                              fi_slice_compare(b, min) < 0,
                          fi_slice_compare(a, min) <= 0 && is_at_least_max(bounds, b));
    case FI_CHUNK_PREFIX:
        return verdict_of(is_above(bounds, a) ||
                              (fi_slice_compare(min, a) > 0 && !fi_slice_has_prefix(min, a)),
                          fi_slice_has_prefix(min, a) && fi_slice_has_prefix(max, a));
    default: {
        CHECK(predicate->test == FI_CHUNK_IN);
        size_t i = first_bytes(predicate, min);
        bool none = i == predicate->list_count || is_above(bounds, predicate->list[i].as.bytes);
        return verdict_of(none,
                          !none && is_one && fi_slice_equal(predicate->list[i].as.bytes, min));
    }
    }
}

enum fi_chunk_verdict
fi_chunk_assess(const struct fi_chunk_bounds *bounds, size_t count,
                const struct fi_chunk_predicate *predicate)
{
    enum fi_chunk_verdict verdict;
    DCHECK(bounds->null_count <= count);
    bool has_values = bounds->null_count < count;
    switch (predicate->test) {
    case FI_CHUNK_IS_NULL:
        return verdict_of(bounds->null_count == 0, !has_values);
    case FI_CHUNK_IS_NOT_NULL:
        return verdict_of(!has_values, bounds->null_count == 0);
    default:
        break;
    }
    if (!has_values) {
        return FI_CHUNK_NONE;
    }
    /* Empty bounds of values: they are NaNs. */
    bool is_bytes = !bounds->is_empty && bounds->min.kind == FI_PHYSICAL_BYTES;
    verdict = is_bytes ? assess_bytes(bounds, predicate) : assess_numbers(bounds, predicate);
    return verdict == FI_CHUNK_ALL && bounds->null_count > 0 ? FI_CHUNK_SOME : verdict;
}
