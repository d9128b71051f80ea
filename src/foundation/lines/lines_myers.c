/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_myers.c: Myers' search from both ends, box by box.
 *
 * The two sequences span a grid: x counts numbers of `before`, y of `after`. A way from the upper
 * left corner to the lower right one goes right (a number is removed), down (one is inserted), or,
 * if the numbers are equal, along the diagonal for nothing. Diagonal k holds the points with
 * x - y == k. After d steps right or down only the diagonals k0 - d, k0 - d + 2, …, k0 + d can have
 * been reached, and on each only the furthest point matters. So a front is one x for each diagonal,
 * and d rounds find a way of d changes.
 *
 * Keeping all fronts to walk back would take O(d^2) memory. Instead one front starts at each
 * corner, and where they first meet on a diagonal, a shortest way passes: the box is split there,
 * and both parts are searched in the same way. Before that, equal numbers at both ends of a box are
 * cut off; a box without width or height is all change. Each part has about half of the changes, so
 * the whole costs twice the first search: O((N + M) D) steps, in memory for two fronts.
 *
 * Two long sequences with little in common would take quadratic time. The steps are counted; when
 * they reach work_max, each box is split, after at most GIVEN_UP_ROUNDS rounds, at the furthest
 * point that one of the fronts has reached (I3). That is a valid way, too, but not always the
 * shortest. A round advances each front by at least one change, so such a box loses at least as
 * many numbers as it had rounds, for at most 2 * GIVEN_UP_ROUNDS steps each: linear time with a
 * fixed factor.
 *
 * (I1) A front's points are inside the box, or are nowhere. From a point outside a way could only
 * lead further outside, and any other point on its diagonal is less far than the points on the
 * adjacent diagonals: dropping both loses no shortest way.
 * (I2) After its ends are cut off, a box that has both width and height needs at least two changes.
 * The fronts then meet with at least one change on either side, so both parts are smaller.
 * (I4) The part with fewer numbers is processed first and the other put on the stack, which
 *      therefore
 * never holds more than one box for each halving of the whole.
 *
 * No locks. The only failure is a lack of memory, and that stack replaces recursion.
 */
#include "lines/lines_internal.h"

#include "base/check.h"
#include "base/mem.h"

enum { GIVEN_UP_ROUNDS = 32, STACK_MAX = 64 };

static const int32_t nowhere = INT32_MIN / 2;

struct box {
    int32_t x_from;
    int32_t x_to;
    int32_t y_from;
    int32_t y_to;
};

struct search {
    const struct fi_lines_myers_side *before;
    const struct fi_lines_myers_side *after;
    int32_t *forward; /* furthest x of each diagonal; diagonals may be negative */
    int32_t *backward;
    uint64_t work;
    uint64_t work_max;
};

/* A front: the diagonals low, low + 2, … high have points after this round. */
struct front {
    int32_t *x;
    int32_t low;
    int32_t high;
};

struct point {
    int32_t x;
    int32_t y;
};

static bool
is_inside(const struct box *box, struct point point)
{
    return point.x >= box->x_from && point.x <= box->x_to && point.y >= box->y_from &&
           point.y <= box->y_to;
}

static bool
is_given_up(const struct search *search)
{
    return search->work >= search->work_max;
}

static bool
is_equal(const struct search *search, int32_t x, int32_t y)
{
    return search->before->numbers[x] == search->after->numbers[y];
}

/* The diagonals of the next round: one more on each side, but none beyond the box's corners; there
 * the outermost has the other parity and is dropped. */
static void
lines_myers_widen(struct front *front, const struct box *box)
{
    if (front->low > box->x_from - box->y_to) {
        front->low--;
        front->x[front->low - 1] = nowhere;
    } else {
        front->low++;
    }
    if (front->high < box->x_to - box->y_from) {
        front->high++;
        front->x[front->high + 1] = nowhere;
    } else {
        front->high--;
    }
}

/* Advances the front from the upper left by one step onto diagonal k, and along it. */
static int32_t
step_forward(struct search *search, const struct front *front, const struct box *box, int32_t k)
{
    int32_t right = front->x[k - 1] + 1;
    int32_t down = front->x[k + 1];
    int32_t x = right > down ? right : down;
    int32_t y = x - k;
    if (x < box->x_from || x > box->x_to || y > box->y_to) {
        return nowhere;
    }
    int32_t start = x;
    while (x < box->x_to && y < box->y_to && is_equal(search, x, y)) {
        x++;
        y++;
    }
    search->work += (uint64_t)(x - start);
    return x;
}

/* The same from the lower right. The furthest point has the smallest x; since nowhere is smaller
 * than any x, it is tested for. */
static int32_t
step_backward(struct search *search, const struct front *front, const struct box *box, int32_t k)
{
    int32_t left = front->x[k + 1];
    int32_t up = front->x[k - 1];
    int32_t x = nowhere;
    if (left != nowhere) {
        x = left - 1;
    }
    if (up != nowhere && (x == nowhere || up < x)) {
        x = up;
    }
    int32_t y = x - k;
    if (x < box->x_from || y < box->y_from) {
        return nowhere;
    }
    int32_t start = x;
    while (x > box->x_from && y > box->y_from && is_equal(search, x - 1, y - 1)) {
        x--;
        y--;
    }
    search->work += (uint64_t)(start - x);
    return x;
}

/* Whether diagonal k belongs to a front and has a point there. */
static bool
has_point(const struct front *front, int32_t k)
{
    return k >= front->low && k <= front->high && ((k - front->low) & 1) == 0 &&
           front->x[k] != nowhere;
}

/* One round of the forward front; true if it meets the other. */
static bool
round_forward(struct search *search, struct front *front, const struct front *other,
              const struct box *box, bool may_meet, struct point *out)
{
    lines_myers_widen(front, box);
    search->work += (uint64_t)(front->high - front->low) / 2 + 1;
    for (int32_t k = front->low; k <= front->high; k += 2) {
        int32_t x = step_forward(search, front, box, k);
        DCHECK(x == nowhere || is_inside(box, (struct point){x, x - k})); /* (I1) */
        front->x[k] = x;
        if (may_meet && x != nowhere && has_point(other, k) && other->x[k] <= x) {
            *out = (struct point){x, x - k};
            return true;
        }
    }
    return false;
}

static bool
round_backward(struct search *search, struct front *front, const struct front *other,
               const struct box *box, bool may_meet, struct point *out)
{
    lines_myers_widen(front, box);
    search->work += (uint64_t)(front->high - front->low) / 2 + 1;
    for (int32_t k = front->low; k <= front->high; k += 2) {
        int32_t x = step_backward(search, front, box, k);
        DCHECK(x == nowhere || is_inside(box, (struct point){x, x - k})); /* (I1) */
        front->x[k] = x;
        if (may_meet && x != nowhere && has_point(other, k) && other->x[k] >= x) {
            *out = (struct point){x, x - k};
            return true;
        }
    }
    return false;
}

/* The furthest point that a front has reached, counted in numbers passed (I3). */
static struct point
furthest(const struct front *forward, const struct front *backward, const struct box *box)
{
    struct point best = {box->x_from, box->y_from};
    int64_t best_passed = -1;
    for (int32_t k = forward->low; k <= forward->high; k += 2) {
        int64_t passed =
            2 * (int64_t)forward->x[k] - k - ((int64_t)box->x_from + (int64_t)box->y_from);
        if (forward->x[k] != nowhere && passed > best_passed) {
            best_passed = passed;
            best = (struct point){forward->x[k], forward->x[k] - k};
        }
    }
    for (int32_t k = backward->low; k <= backward->high; k += 2) {
        int64_t passed =
            (int64_t)box->x_to + (int64_t)box->y_to - (2 * (int64_t)backward->x[k] - k);
        if (backward->x[k] != nowhere && passed > best_passed) {
            best_passed = passed;
            best = (struct point){backward->x[k], backward->x[k] - k};
        }
    }
    DCHECK(best_passed > 0); /* (I3) */
    return best;
}

/* A point inside a box with width and height, on a shortest way; after work_max steps, on any
 * way. */
static struct point
find_split(struct search *search, const struct box *box)
{
    int32_t forward_start = box->x_from - box->y_from;
    int32_t backward_start = box->x_to - box->y_to;
    struct front forward = {search->forward, forward_start, forward_start};
    struct front backward = {search->backward, backward_start, backward_start};
    /* The parity of the number of changes is that of the corners' distance, and determines which
     * front takes the last step. */
    DCHECK(box->x_from < box->x_to && box->y_from < box->y_to);
    bool is_odd = ((forward_start - backward_start) & 1) != 0;
    struct point split;
    forward.x[forward_start] = box->x_from;
    forward.x[forward_start - 1] = nowhere;
    forward.x[forward_start + 1] = nowhere;
    backward.x[backward_start] = box->x_to;
    backward.x[backward_start - 1] = nowhere;
    backward.x[backward_start + 1] = nowhere;
    for (unsigned rounds = 1;; rounds++) {
        if (round_forward(search, &forward, &backward, box, is_odd, &split) ||
            round_backward(search, &backward, &forward, box, !is_odd, &split)) {
            return split;
        }
        if (is_given_up(search) && rounds >= GIVEN_UP_ROUNDS) {
            return furthest(&forward, &backward, box);
        }
    }
}

/* Cuts off equal numbers at both ends. */
static void
cut_ends(const struct search *search, struct box *box)
{
    while (box->x_from < box->x_to && box->y_from < box->y_to &&
           is_equal(search, box->x_from, box->y_from)) {
        box->x_from++;
        box->y_from++;
    }
    while (box->x_from < box->x_to && box->y_from < box->y_to &&
           is_equal(search, box->x_to - 1, box->y_to - 1)) {
        box->x_to--;
        box->y_to--;
    }
}

static void
lines_myers_mark(const struct fi_lines_myers_side *side, int32_t from, int32_t to)
{
    DCHECK(from <= to && to <= (int32_t)side->count);
    for (int32_t i = from; i < to; i++) {
        side->is_changed[side->place == NULL ? (uint32_t)i : side->place[i]] = true;
    }
}

static int64_t
size_of(const struct box *box)
{
    return (int64_t)(box->x_to - box->x_from) + (box->y_to - box->y_from);
}

static void
search_all(struct search *search)
{
    struct box stack[STACK_MAX];
    size_t depth = 0;
    stack[depth++] =
        (struct box){0, (int32_t)search->before->count, 0, (int32_t)search->after->count};
    while (depth > 0) {
        struct box box = stack[--depth];
        cut_ends(search, &box);
        if (box.x_from == box.x_to || box.y_from == box.y_to) {
            lines_myers_mark(search->before, box.x_from, box.x_to);
            lines_myers_mark(search->after, box.y_from, box.y_to);
            continue;
        }
        struct point split = find_split(search, &box);
        DCHECK(is_inside(&box, split));
        struct box first = {box.x_from, split.x, box.y_from, split.y};
        struct box second = {split.x, box.x_to, split.y, box.y_to};
        bool first_is_smaller = size_of(&first) < size_of(&second);
        CHECK(size_of(&first) > 0 && size_of(&second) > 0 && depth + 2 <= STACK_MAX); /* (I2) */
        stack[depth++] = first_is_smaller ? second : first;                           /* (I4) */
        stack[depth++] = first_is_smaller ? first : second;
    }
}

int
fi_lines_myers_mark(const struct fi_lines_myers_side *before,
                    const struct fi_lines_myers_side *after, uint64_t work_max,
                    bool *out_is_minimal, firn_error *err)
{
    *out_is_minimal = true;
    CHECK(before->count <= 1U << 29 && after->count <= 1U << 29);
    /* Diagonals -after->count … before->count, and one more on each side. */
    size_t diagonals = (size_t)before->count + after->count + 3;
    int32_t *fronts = fi_alloc_array(diagonals, 2 * sizeof *fronts);
    if (fronts == NULL) {
        return fi_error_no_memory(err, "the comparison of two texts");
    }
    struct search search = {.before = before,
                            .after = after,
                            .forward = fronts + after->count + 1,
                            .backward = fronts + diagonals + after->count + 1,
                            .work_max = work_max};
    search_all(&search);
    *out_is_minimal = !is_given_up(&search);
    fi_free(fronts);
    return FIRN_OK;
}
