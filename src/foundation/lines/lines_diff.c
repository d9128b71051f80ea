/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_diff.c: finds the hunks in which two texts differ.
 *
 * 1. Lines become numbers (lines_intern.c).
 * 2. Equal lines at both ends are cut off: for most edits little is left.
 * 3. A line that the other text does not have at all is a change, and is left out of the search.
 *    That loses no shortest difference, and makes the usual expensive case small: a file of which
 *    much was rewritten.
 * 4. The remaining lines are searched by Myers' algorithm (lines_myers.c), which marks changes.
 * 5. The marks of both sides, read in step, give the hunks.
 *
 * Alternatively, patience diff (below) replaces steps 2 to 4. Its difference may be longer, but
 * is easier to read in places.
 *
 * (I1) The lines that are not marked are the same numbers in the same order on both sides. Step 5
 * checks this: a wrong difference is never returned, even if an earlier step is wrong.
 *
 * A long text that was changed all over has many differences of nearly the same length, and it does
 * not matter which one is shortest: after work_max steps a longer one is accepted, and is_minimal
 * is false.
 */
#include "lines/lines_diff.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "lines/lines_internal.h"

/* ==== patience difference ====
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
lines_diff_push(struct search *search, const struct patience_range *range)
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

/* Lists the lines that occur once on each side, in the order of before; returns how many. */
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
lines_diff_split(struct search *search, const struct patience_range *range, uint32_t last)
{
    struct patience_range part = *range;
    part.depth++;
    for (uint32_t i = last; i != NONE; i = search->anchors[i].previous) {
        const struct anchor *anchor = &search->anchors[i];
        DCHECK(anchor->before < part.before_to && anchor->after < part.after_to); /* both ascend */
        part.before_from = anchor->before + 1;
        part.after_from = anchor->after + 1;
        if (lines_diff_push(search, &part) != FIRN_OK) {
            return FIRN_NO_MEMORY;
        }
        part.before_to = anchor->before;
        part.after_to = anchor->after;
    }
    part.before_from = range->before_from;
    part.after_from = range->after_from;
    return lines_diff_push(search, &part);
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
lines_diff_handle(struct search *search, struct patience_range range, firn_error *err)
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
    return lines_diff_split(search, &range, last) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the comparison of two texts");
}

/* Marks the changes of two texts whose lines are numbers: the lines that are not marked are the
 * same on both sides, in order. Requires: both arrays are all false and have an element for each
 * line. If nothing is unique, the shortest way is taken, in about work_max steps in all
 * (lines/lines_internal.h). *out_is_minimal is true if the whole way is proved to be the
 * shortest. */
static int
patience_mark(const struct fi_lines_intern *lines, bool *before_changed, bool *after_changed,
              uint64_t work_max, bool *out_is_minimal, firn_error *err)
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
        lines_diff_push(&search, &whole) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the comparison of two texts");
    }
    while (rc == FIRN_OK && search.waiting > 0) {
        rc = lines_diff_handle(&search, search.stack[--search.waiting], err);
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

/* ==== from two texts to the hunks in which they differ ==== */

_Static_assert((int)FI_LINES_DIFF_TEXT_SIZE_MAX == (int)FI_LINES_INTERN_TEXT_SIZE_MAX &&
                   (int)FI_LINES_DIFF_LINES_MAX == (int)FI_LINES_INTERN_LINES_MAX,
               "the limits are those of lines_internal.h");

enum { BINARY_LOOK_SIZE = 8000, IN_BEFORE = 1, IN_AFTER = 2, IN_BOTH = 3 };

struct marks {
    bool *before; /* for each line: whether it is changed */
    bool *after;
};

/* The lines to be searched: those between equal ends that the other side has, too. */
struct searched {
    uint32_t *numbers;
    uint32_t *places;
    uint32_t count;
};

struct range {
    uint32_t from; /* the same on both sides */
    uint32_t before_to;
    uint32_t after_to;
};

static struct range
cut_ends(const struct fi_lines_intern *lines)
{
    struct range range = {0, lines->before_count, lines->after_count};
    while (range.from < range.before_to && range.from < range.after_to &&
           lines->before[range.from] == lines->after[range.from]) {
        range.from++;
    }
    while (range.from < range.before_to && range.from < range.after_to &&
           lines->before[range.before_to - 1] == lines->after[range.after_to - 1]) {
        range.before_to--;
        range.after_to--;
    }
    DCHECK(lines->before_count - range.before_to == lines->after_count - range.after_to);
    return range;
}

/* Marks the lines of one side that the other does not have; lists the others. */
static int
sift(const uint32_t *numbers, uint32_t from, uint32_t to, const uint8_t *sides, bool *marks,
     struct searched *out)
{
    DCHECK(from <= to);
    out->numbers = fi_alloc_array(to - from, sizeof *out->numbers);
    out->places = fi_alloc_array(to - from, sizeof *out->places);
    if (out->numbers == NULL || out->places == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (uint32_t i = from; i < to; i++) {
        if (sides[numbers[i]] != IN_BOTH) {
            marks[i] = true;
            continue;
        }
        out->numbers[out->count] = numbers[i];
        out->places[out->count++] = i;
    }
    return FIRN_OK;
}

/* Which side has each number, between the ends. */
static uint8_t *
sides_of(const struct fi_lines_intern *lines, const struct range *range)
{
    uint8_t *sides = fi_alloc_zeroed(lines->number_count);
    if (sides == NULL) {
        return NULL;
    }
    for (uint32_t i = range->from; i < range->before_to; i++) {
        sides[lines->before[i]] |= IN_BEFORE;
    }
    for (uint32_t i = range->from; i < range->after_to; i++) {
        sides[lines->after[i]] |= IN_AFTER;
    }
    return sides;
}

static int
mark_changes(const struct fi_lines_intern *lines, const struct range *range, struct marks *marks,
             uint64_t work_max, bool *out_is_minimal, firn_error *err)
{
    struct searched before = {0};
    struct searched after = {0};
    uint8_t *sides = sides_of(lines, range);
    int rc = FIRN_NO_MEMORY;
    if (sides == NULL ||
        sift(lines->before, range->from, range->before_to, sides, marks->before, &before) !=
            FIRN_OK ||
        sift(lines->after, range->from, range->after_to, sides, marks->after, &after) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the comparison of two texts");
        goto out;
    }
    const struct fi_lines_myers_side before_side = {before.numbers, before.count, marks->before,
                                                    before.places};
    const struct fi_lines_myers_side after_side = {after.numbers, after.count, marks->after,
                                                   after.places};
    rc = fi_lines_myers_mark(&before_side, &after_side, work_max, out_is_minimal, err);
out:
    fi_free(sides);
    fi_free(before.numbers);
    fi_free(before.places);
    fi_free(after.numbers);
    fi_free(after.places);
    return rc;
}

/* Reads the marks in step and calls for each hunk; checks that the rest is equal (I1). Returns how
 * many hunks there are; out may be NULL. */
static size_t
read_hunks(const struct fi_lines_intern *lines, const struct marks *marks, firn_hunk *out)
{
    size_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < lines->before_count || j < lines->after_count) {
        firn_hunk hunk = {.before_at = i, .after_at = j};
        while (i < lines->before_count && marks->before[i]) {
            i++;
        }
        while (j < lines->after_count && marks->after[j]) {
            j++;
        }
        hunk.before_count = i - hunk.before_at;
        hunk.after_count = j - hunk.after_at;
        if (hunk.before_count + hunk.after_count > 0) {
            if (out != NULL) {
                out[count] = hunk;
            }
            count++;
            continue;
        }
        CHECK(i < lines->before_count && j < lines->after_count &&
              lines->before[i] == lines->after[j]);
        i++;
        j++;
    }
    return count;
}

/* Whether hunks ascend, with at least one equal line between two, the same number on either
 * side. */
static bool
are_apart(const firn_hunk *hunks, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t before = hunks[i].before_at - (hunks[i - 1].before_at + hunks[i - 1].before_count);
        uint32_t after = hunks[i].after_at - (hunks[i - 1].after_at + hunks[i - 1].after_count);
        if (before == 0 || before != after || before > hunks[i].before_at) {
            return false;
        }
    }
    return true;
}

static int
make_hunks(struct fi_lines_diff *out, const struct fi_lines_intern *lines,
           const struct marks *marks, firn_error *err)
{
    out->hunk_count = read_hunks(lines, marks, NULL);
    out->hunks = fi_alloc_array(out->hunk_count, sizeof *out->hunks);
    if (out->hunks == NULL) {
        return fi_error_no_memory(err, "the differences of two texts");
    }
    size_t count = read_hunks(lines, marks, out->hunks);
    CHECK(count == out->hunk_count);
    DCHECK(are_apart(out->hunks, count));
    for (size_t i = 0; i < out->hunk_count; i++) {
        out->removed += out->hunks[i].before_count;
        out->added += out->hunks[i].after_count;
    }
    DCHECK(lines->before_count - out->removed == lines->after_count - out->added); /* (I1) */
    return FIRN_OK;
}

int
fi_lines_diff_init(struct fi_lines_diff *out, firn_slice before, firn_slice after,
                   uint64_t work_max, firn_error *err)
{
    return fi_lines_diff_init_by(out, before, after, FIRN_DIFF_MYERS, work_max, err);
}

int
fi_lines_diff_init_by(struct fi_lines_diff *out, firn_slice before, firn_slice after,
                      firn_diff_algorithm algorithm, uint64_t work_max, firn_error *err)
{
    *out = (struct fi_lines_diff){0};
    struct fi_lines_intern lines;
    struct marks marks = {NULL, NULL};
    int rc = fi_lines_intern_init(&lines, before, after, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    marks.before = fi_alloc_zeroed(lines.before_count);
    marks.after = fi_alloc_zeroed(lines.after_count);
    if (marks.before == NULL || marks.after == NULL) {
        rc = fi_error_no_memory(err, "the comparison of two texts");
        goto out;
    }
    struct range range = cut_ends(&lines);
    FI_TRY(algorithm == FIRN_DIFF_PATIENCE
               ? patience_mark(&lines, marks.before, marks.after, work_max, &out->is_minimal, err)
               : mark_changes(&lines, &range, &marks, work_max, &out->is_minimal, err));
    rc = make_hunks(out, &lines, &marks, err);
out:
    fi_free(marks.before);
    fi_free(marks.after);
    fi_lines_intern_deinit(&lines);
    if (rc != FIRN_OK) {
        fi_lines_diff_deinit(out);
    }
    return rc;
}

void
fi_lines_diff_deinit(struct fi_lines_diff *diff)
{
    fi_free(diff->hunks);
    *diff = (struct fi_lines_diff){0};
}

bool
fi_lines_diff_is_binary(firn_slice bytes)
{
    size_t size = bytes.size < BINARY_LOOK_SIZE ? bytes.size : BINARY_LOOK_SIZE;
    return size > 0 && memchr(bytes.data, 0, size) != NULL;
}
