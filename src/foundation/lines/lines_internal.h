/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_internal.h: what the files of the room share.
 */
#ifndef FIRN_LINES_LINES_INTERNAL_H
#define FIRN_LINES_LINES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

/* ==== the lines of two texts as numbers: equal lines have equal numbers ==== */

enum {
    FI_LINES_INTERN_TEXT_SIZE_MAX = 32 << 20, /* bytes of one text */
    FI_LINES_INTERN_LINES_MAX = 1 << 20       /* lines of one text */
};

struct fi_lines_intern {
    uint32_t *before; /* the number of each line, below number_count */
    uint32_t *after;
    uint32_t before_count;
    uint32_t after_count;
    uint32_t number_count;
};

/* A line ends after its '\n'; bytes after the last '\n' are a line too, which differs from the same
 * bytes with a '\n'. The texts are not needed afterwards. FIRN_LIMIT if one is too large. */
FIRN_MUST_CHECK int fi_lines_intern_init(struct fi_lines_intern *out, firn_slice before,
                                         firn_slice after, firn_error *err);
/* A zeroed struct is fine. */
void fi_lines_intern_deinit(struct fi_lines_intern *lines);

/* The shortest way from one sequence of numbers to another by removing and inserting numbers.
 *
 * The algorithm is that of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations",
 * Algorithmica 1 (1986), in its linear-space variation (section 4b).
 */

/* One of the two sequences. */
struct fi_lines_myers_side {
    const uint32_t *numbers;
    uint32_t count;        /* at most 2^29 */
    bool *is_changed;      /* set to true if a number is removed or inserted; else left */
    const uint32_t *place; /* of each number in is_changed; NULL: its own index */
};

/* Marks the changes: the numbers that are not marked are the same on both sides, in order. After
 * about work_max steps (comparisons and diagonals) the search for the shortest way ends and
 * a way is taken that may be longer; that takes at most some 200 more steps for each number.
 * *out_is_minimal is true if the search was completed. */
FIRN_MUST_CHECK int fi_lines_myers_mark(const struct fi_lines_myers_side *before,
                                        const struct fi_lines_myers_side *after, uint64_t work_max,
                                        bool *out_is_minimal, firn_error *err);

/* Patience difference: marks the changes of two texts whose lines are numbers: the lines that are
 * not marked are the same on both sides, in order. Requires: both arrays are all false and have an
 * element for each line. If nothing is unique, the shortest way is taken, in about work_max steps
 * in all. *out_is_minimal is true if the whole way is proved to be the shortest. */
FIRN_MUST_CHECK int fi_lines_patience_mark(const struct fi_lines_intern *lines,
                                           bool *before_changed, bool *after_changed,
                                           uint64_t work_max, bool *out_is_minimal,
                                           firn_error *err);

#endif
