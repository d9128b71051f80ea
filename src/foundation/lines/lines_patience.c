/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_patience.c: patience difference.
 *
 * The shortest difference is not always the one that a person would choose: if a function is
 * inserted before another one, it may pair the braces and empty lines of both. Lines that occur
 * exactly once on each side are rarely paired wrongly. So:
 *
 * 1. Equal lines at both ends of a range are kept.
 * 2. Of the lines that occur once in the range on each side, the longest sequence that ascends on
 *    both is kept: they are anchors, and between them there are smaller ranges, in which other
 *    lines may occur once.
 * 3. A range without such a line is left to Myers' algorithm (lines_myers.c).
 *
 * Ranges wait on a stack of their own. Each level of them costs one pass over the texts; below
 * DEPTH_MAX levels Myers' algorithm takes over (I1), so no text costs more than that many passes
 * and the steps of that algorithm. A range's share of those steps is its share of the lines.
 *
 * Memory: three arrays by number, and two by line.
 *
 * The idea is Bram Cohen's patience difference; the longest ascending sequence is found by patience
 * sorting (D. Aldous and P. Diaconis, "Longest increasing subsequences: from patience sorting to
 * the Baik-Deift-Johansson theorem", Bulletin of the AMS 36, 1999).
 */
#include "lines/lines_diff.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "lines/lines_internal.h"

enum { DEPTH_MAX = 32, WORK_MIN = 1024, NONE = UINT32_MAX / 2 };

struct patience_range {
    uint32_t before_from;
    uint32_t before_to;
    uint32_t after_from;
    uint32_t after_to;
    unsigned depth;
};

/* A line that occurs once on each side. */
struct anchor {
    uint32_t before;
    uint32_t after;
    uint32_t previous; /* index of the previous one in the longest sequence that ends here */
};

struct search {
    const struct fi_lines_intern *lines;
    bool *before_changed;
    bool *after_changed;
    uint64_t work_max;
    bool is_minimal;
    uint32_t *before_counts; /* by number; all 0 between two ranges */
    uint32_t *after_counts;
    uint32_t *after_places;
    struct anchor *anchors; /* of one range */
    uint32_t *tails; /* by length: the anchor that ends the sequence with the least `after` */
    struct patience_range *stack;
    size_t waiting;
    size_t capacity;
};

static int
lines_patience_push(struct search *search, const struct patience_range *range)
{
    DCHECK(range->before_from <= range->before_to && range->after_from <= range->after_to);
    if (range->before_from == range->before_to && range->after_from == range->after_to) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(search->stack, search->waiting + 1, search->capacity, NULL));
    search->stack[search->waiting++] = *range;
    return FIRN_OK;
}

static void
patience_cut_ends(const struct fi_lines_intern *lines, struct patience_range *range)
{
    while (range->before_from < range->before_to && range->after_from < range->after_to &&
           lines->before[range->before_from] == lines->after[range->after_from]) {
        range->before_from++;
        range->after_from++;
    }
    while (range->before_from < range->before_to && range->after_from < range->after_to &&
           lines->before[range->before_to - 1] == lines->after[range->after_to - 1]) {
        range->before_to--;
        range->after_to--;
    }
}

/* Collects the lines that occur exactly once on each side as anchors, in the order of the old text.
 * Returns their number. */
static uint32_t
find_unique(struct search *search, const struct patience_range *range)
{
    const struct fi_lines_intern *lines = search->lines;
    uint32_t count = 0;
    for (uint32_t i = range->before_from; i < range->before_to; i++) {
        search->before_counts[lines->before[i]]++;
    }
    for (uint32_t j = range->after_from; j < range->after_to; j++) {
        search->after_counts[lines->after[j]]++;
        search->after_places[lines->after[j]] = j;
    }
    for (uint32_t i = range->before_from; i < range->before_to; i++) {
        uint32_t number = lines->before[i];
        if (search->before_counts[number] == 1 && search->after_counts[number] == 1) {
            search->anchors[count++] = (struct anchor){i, search->after_places[number], NONE};
        }
    }
    for (uint32_t i = range->before_from; i < range->before_to; i++) {
        search->before_counts[lines->before[i]] = 0;
    }
    for (uint32_t j = range->after_from; j < range->after_to; j++) {
        search->after_counts[lines->after[j]] = 0;
    }
    return count;
}

/* The longest sequence of anchors that ascends in after: patience sorting. Returns its last one. */
static uint32_t
find_longest(struct search *search, uint32_t count)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t low = 0;
        size_t high = length;
        FI_SEARCH_FIRST(low, high, k,
                        search->anchors[search->tails[k]].after < search->anchors[i].after);
        search->anchors[i].previous = low > 0 ? search->tails[low - 1] : NONE;
        search->tails[low] = i;
        length = low == length ? length + 1 : length;
    }
    DCHECK(length <= count);
    return length > 0 ? search->tails[length - 1] : NONE;
}

/* Pushes the ranges between the anchors of the sequence that ends with `last`. */
static int
lines_patience_split(struct search *search, const struct patience_range *range, uint32_t last)
{
    struct patience_range part = *range;
    part.depth++;
    for (uint32_t i = last; i != NONE; i = search->anchors[i].previous) {
        const struct anchor *anchor = &search->anchors[i];
        DCHECK(anchor->before < part.before_to && anchor->after < part.after_to); /* both ascend */
        part.before_from = anchor->before + 1;
        part.after_from = anchor->after + 1;
        if (lines_patience_push(search, &part) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        part.before_to = anchor->before;
        part.after_to = anchor->after;
    }
    part.before_from = range->before_from;
    part.after_from = range->after_from;
    return lines_patience_push(search, &part);
}

static int
mark_shortest(struct search *search, const struct patience_range *range, firn_error *err)
{
    const struct fi_lines_intern *lines = search->lines;
    uint32_t before_count = range->before_to - range->before_from;
    uint32_t after_count = range->after_to - range->after_from;
    const struct fi_lines_myers_side before = {.numbers = lines->before + range->before_from,
                                               .count = before_count,
                                               .is_changed =
                                                   search->before_changed + range->before_from};
    const struct fi_lines_myers_side after = {.numbers = lines->after + range->after_from,
                                              .count = after_count,
                                              .is_changed =
                                                  search->after_changed + range->after_from};
    uint64_t all = (uint64_t)lines->before_count + lines->after_count;
    DCHECK(before_count > 0 && after_count > 0);
    uint64_t share = search->work_max / all * ((uint64_t)before_count + after_count);
    uint64_t work = share < UINT64_MAX - WORK_MIN ? share + WORK_MIN : UINT64_MAX;
    bool is_minimal;
    int rc = fi_lines_myers_mark(&before, &after, work, &is_minimal, err);
    search->is_minimal = search->is_minimal && rc == FIRN_OK && is_minimal;
    return rc;
}

static void
mark_all(bool *is_changed, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        is_changed[i] = true;
    }
}

static int
lines_patience_handle(struct search *search, struct patience_range range, firn_error *err)
{
    DCHECK(range.depth <= DEPTH_MAX); /* (I1) */
    patience_cut_ends(search->lines, &range);
    if (range.before_from == range.before_to || range.after_from == range.after_to) {
        mark_all(search->before_changed, range.before_from, range.before_to);
        mark_all(search->after_changed, range.after_from, range.after_to);
        return FIRN_OK;
    }
    uint32_t last = NONE;
    if (range.depth < DEPTH_MAX) { /* (I1) */
        last = find_longest(search, find_unique(search, &range));
    }
    if (last == NONE) {
        return mark_shortest(search, &range, err);
    }
    search->is_minimal = false;
    return lines_patience_split(search, &range, last) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the comparison of two texts");
}

int
fi_lines_patience_mark(const struct fi_lines_intern *lines, bool *before_changed,
                       bool *after_changed, uint64_t work_max, bool *out_is_minimal,
                       firn_error *err)
{
    struct search search = {.lines = lines,
                            .before_changed = before_changed,
                            .after_changed = after_changed,
                            .work_max = work_max,
                            .is_minimal = true,
                            .before_counts = fi_alloc_zeroed((size_t)lines->number_count * 4 + 4),
                            .after_counts = fi_alloc_zeroed((size_t)lines->number_count * 4 + 4),
                            .after_places = fi_alloc_array(lines->number_count, 4),
                            .anchors = fi_alloc_array(lines->before_count, sizeof(struct anchor)),
                            .tails = fi_alloc_array(lines->before_count, 4)};
    const struct patience_range whole = {.before_to = lines->before_count,
                                         .after_to = lines->after_count};
    int rc = FIRN_OK;
    if (search.before_counts == NULL || search.after_counts == NULL ||
        search.after_places == NULL || search.anchors == NULL || search.tails == NULL ||
        lines_patience_push(&search, &whole) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the comparison of two texts");
    }
    while (rc == FIRN_OK && search.waiting > 0) {
        rc = lines_patience_handle(&search, search.stack[--search.waiting], err);
    }
    *out_is_minimal = search.is_minimal;
    fi_free(search.before_counts);
    fi_free(search.after_counts);
    fi_free(search.after_places);
    fi_free(search.anchors);
    fi_free(search.tails);
    fi_free(search.stack);
    return rc;
}
