/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/chunk_judge.c: evaluates predicates on single values and on bounds.
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
#include "encoding/encoding_internal.h"

static uint64_t
rank_of(const struct firn_cell *cell)
{
    DCHECK(cell->kind != FIRN_PHYSICAL_NONE && cell->kind != FIRN_PHYSICAL_BYTES);
    return firn_chunk_rank(cell->kind, firn_chunk_cell_bits(cell));
}

/* ---- values ---- */

struct firn_chunk_interval
firn_chunk_judge_interval(const struct firn_chunk_predicate *predicate)
{
    struct firn_chunk_interval interval = {.low = 0, .high = UINT64_MAX};
    uint64_t a = rank_of(&predicate->a);
    switch (predicate->test) {
    case FIRN_CHUNK_EQUAL:
    case FIRN_CHUNK_NOT_EQUAL:
        interval.low = interval.high = a;
        interval.is_negated = predicate->test == FIRN_CHUNK_NOT_EQUAL;
        break;
    case FIRN_CHUNK_LESS:
        interval.is_empty = a == 0;
        interval.high = a - 1;
        break;
    case FIRN_CHUNK_LESS_EQUAL:
        interval.high = a;
        break;
    case FIRN_CHUNK_GREATER:
        interval.is_empty = a == UINT64_MAX;
        interval.low = a + 1;
        break;
    case FIRN_CHUNK_GREATER_EQUAL:
        interval.low = a;
        break;
    default:
        CHECK(predicate->test == FIRN_CHUNK_BETWEEN);
        interval.low = a;
        interval.high = rank_of(&predicate->b);
        interval.is_empty = interval.low > interval.high;
        break;
    }
    return interval;
}

/* The first of the list whose rank is not below the one given. */
static size_t
first_number(const struct firn_chunk_predicate *predicate, uint64_t rank)
{
    size_t low = 0;
    size_t high = predicate->list_count;
    FIRN_SEARCH_FIRST(low, high, middle, rank_of(&predicate->list[middle]) < rank)
    return low;
}

bool
firn_chunk_judge_listed(const struct firn_chunk_predicate *predicate, uint64_t rank)
{
    size_t i = first_number(predicate, rank);
    return i < predicate->list_count && rank_of(&predicate->list[i]) == rank;
}

static size_t
first_bytes(const struct firn_chunk_predicate *predicate, firn_slice value)
{
    size_t low = 0;
    size_t high = predicate->list_count;
    FIRN_SEARCH_FIRST(low, high, middle,
                      firn_slice_compare(predicate->list[middle].as.bytes, value) < 0)
    return low;
}

bool
firn_chunk_judge_bytes(const struct firn_chunk_predicate *predicate, firn_slice value)
{
    firn_slice a = predicate->a.as.bytes;
    size_t i;
    switch (predicate->test) {
    case FIRN_CHUNK_EQUAL:
        return firn_slice_equal(value, a);
    case FIRN_CHUNK_NOT_EQUAL:
        return !firn_slice_equal(value, a);
    case FIRN_CHUNK_LESS:
        return firn_slice_compare(value, a) < 0;
    case FIRN_CHUNK_LESS_EQUAL:
        return firn_slice_compare(value, a) <= 0;
    case FIRN_CHUNK_GREATER:
        return firn_slice_compare(value, a) > 0;
    case FIRN_CHUNK_GREATER_EQUAL:
        return firn_slice_compare(value, a) >= 0;
    case FIRN_CHUNK_BETWEEN:
        return firn_slice_compare(value, a) >= 0 &&
               firn_slice_compare(value, predicate->b.as.bytes) <= 0;
    case FIRN_CHUNK_PREFIX:
        return firn_slice_has_prefix(value, a);
    default:
        CHECK(predicate->test == FIRN_CHUNK_IN);
        i = first_bytes(predicate, value);
        return i < predicate->list_count && firn_slice_equal(predicate->list[i].as.bytes, value);
    }
}

/* ---- bounds ---- */

static enum firn_chunk_verdict
verdict_of(bool none, bool all)
{
    return none ? FIRN_CHUNK_NONE : all ? FIRN_CHUNK_ALL : FIRN_CHUNK_SOME;
}

static enum firn_chunk_verdict
judge_numbers(const struct firn_chunk_bounds *bounds, const struct firn_chunk_predicate *predicate)
{
    uint64_t min = bounds->is_empty ? FIRN_CHUNK_RANK_NAN : rank_of(&bounds->min);
    uint64_t max =
        bounds->is_empty || bounds->has_nan ? FIRN_CHUNK_RANK_NAN : rank_of(&bounds->max);
    if (predicate->test == FIRN_CHUNK_IN) {
        size_t i = first_number(predicate, min);
        if (i == predicate->list_count || rank_of(&predicate->list[i]) > max) {
            return FIRN_CHUNK_NONE;
        }
        return min == max ? FIRN_CHUNK_ALL : FIRN_CHUNK_SOME;
    }
    struct firn_chunk_interval interval = firn_chunk_judge_interval(predicate);
    bool none = interval.is_empty || interval.low > max || interval.high < min;
    bool all = !none && interval.low <= min && max <= interval.high;
    return interval.is_negated ? verdict_of(all, none) : verdict_of(none, all);
}

/* Whether value is larger than all that a largest value of these bounds can be. */
static bool
is_above(const struct firn_chunk_bounds *bounds, firn_slice value)
{
    firn_slice max = bounds->max.as.bytes;
    DCHECK(bounds->max.kind == FIRN_PHYSICAL_BYTES && max.size <= FIRN_CHUNK_BOUND_SIZE);
    if (bounds->max_is_cut && value.size > max.size) {
        value.size = max.size;
    }
    return firn_slice_compare(value, max) > 0;
}

/* Whether no value is larger than this one. */
static bool
is_at_least_max(const struct firn_chunk_bounds *bounds, firn_slice value)
{
    return is_above(bounds, value) ||
           (!bounds->max_is_cut && firn_slice_equal(value, bounds->max.as.bytes));
}

static enum firn_chunk_verdict
judge_bytes(const struct firn_chunk_bounds *bounds, const struct firn_chunk_predicate *predicate)
{
    firn_slice min = bounds->min.as.bytes;
    firn_slice max = bounds->max.as.bytes;
    firn_slice a = predicate->a.as.bytes;
    firn_slice b = predicate->b.as.bytes;
    bool is_one = !bounds->max_is_cut && firn_slice_equal(min, max);
    switch (predicate->test) {
    case FIRN_CHUNK_EQUAL:
    case FIRN_CHUNK_NOT_EQUAL: {
        bool none = firn_slice_compare(a, min) < 0 || is_above(bounds, a);
        bool all = is_one && firn_slice_equal(a, min);
        return predicate->test == FIRN_CHUNK_EQUAL ? verdict_of(none, all) : verdict_of(all, none);
    }
    case FIRN_CHUNK_LESS:
        return verdict_of(firn_slice_compare(a, min) <= 0, is_above(bounds, a));
    case FIRN_CHUNK_LESS_EQUAL:
        return verdict_of(firn_slice_compare(a, min) < 0, is_at_least_max(bounds, a));
    case FIRN_CHUNK_GREATER:
        return verdict_of(is_at_least_max(bounds, a), firn_slice_compare(a, min) < 0);
    case FIRN_CHUNK_GREATER_EQUAL:
        return verdict_of(is_above(bounds, a), firn_slice_compare(a, min) <= 0);
    case FIRN_CHUNK_BETWEEN:
        return verdict_of(firn_slice_compare(a, b) > 0 || is_above(bounds, a) ||
                              firn_slice_compare(b, min) < 0,
                          firn_slice_compare(a, min) <= 0 && is_at_least_max(bounds, b));
    case FIRN_CHUNK_PREFIX:
        return verdict_of(is_above(bounds, a) ||
                              (firn_slice_compare(min, a) > 0 && !firn_slice_has_prefix(min, a)),
                          firn_slice_has_prefix(min, a) && firn_slice_has_prefix(max, a));
    default: {
        CHECK(predicate->test == FIRN_CHUNK_IN);
        size_t i = first_bytes(predicate, min);
        bool none = i == predicate->list_count || is_above(bounds, predicate->list[i].as.bytes);
        return verdict_of(none,
                          !none && is_one && firn_slice_equal(predicate->list[i].as.bytes, min));
    }
    }
}

enum firn_chunk_verdict
firn_chunk_judge(const struct firn_chunk_bounds *bounds, size_t count,
                 const struct firn_chunk_predicate *predicate)
{
    enum firn_chunk_verdict verdict;
    DCHECK(bounds->null_count <= count);
    bool has_values = bounds->null_count < count;
    switch (predicate->test) {
    case FIRN_CHUNK_IS_NULL:
        return verdict_of(bounds->null_count == 0, !has_values);
    case FIRN_CHUNK_IS_NOT_NULL:
        return verdict_of(!has_values, bounds->null_count == 0);
    default:
        break;
    }
    if (!has_values) {
        return FIRN_CHUNK_NONE;
    }
    /* Empty bounds of values: they are NaNs. */
    bool is_bytes = !bounds->is_empty && bounds->min.kind == FIRN_PHYSICAL_BYTES;
    verdict = is_bytes ? judge_bytes(bounds, predicate) : judge_numbers(bounds, predicate);
    return verdict == FIRN_CHUNK_ALL && bounds->null_count > 0 ? FIRN_CHUNK_SOME : verdict;
}
