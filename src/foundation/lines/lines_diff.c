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
 * Alternatively, patience diff (lines_patience.c) replaces steps 2 to 4. Its difference may be
 * longer, but is easier to read in places.
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
#include "lines/lines_internal.h"

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
               ? fi_lines_patience_mark(&lines, marks.before, marks.after, work_max,
                                        &out->is_minimal, err)
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
