/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/line_myers.h: the shortest way from one sequence of numbers to another by taking some out
 * and putting some in.
 *
 * The algorithm is that of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations",
 * Algorithmica 1 (1986), in its linear-space variation (section 4b).
 */
#ifndef FIRN_LINES_LINE_MYERS_H
#define FIRN_LINES_LINE_MYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* One of the two sequences. */
struct firn_line_myers_side {
    const uint32_t *numbers;
    uint32_t count;        /* at most 2^29 */
    bool *is_changed;      /* set to true where a number is taken out, or put in; else left */
    const uint32_t *place; /* of each number in is_changed; NULL: its own index */
};

/* Marks the changes: the numbers that are not marked are the same on both sides, in order. After
 * about work_max steps (comparisons and diagonals) the search for the shortest way is given up and
 * a way is taken that may be longer; that takes at most some 200 steps a number more. *out_is_minimal
 * is true if it was not given up. */
FIRN_MUST_CHECK int firn_line_myers_mark(const struct firn_line_myers_side *before,
                                         const struct firn_line_myers_side *after,
                                         uint64_t work_max, bool *out_is_minimal, firn_error *err);

#endif
