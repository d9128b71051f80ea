/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_diff.h: the differences between two texts, line by line.
 */
#ifndef FIRN_LINES_LINES_DIFF_H
#define FIRN_LINES_LINES_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

/* Limits for each text; FIRN_LIMIT beyond. The memory for one comparison stays below 128 MiB. */
enum { FI_LINES_DIFF_TEXT_SIZE_MAX = 32 << 20, FI_LINES_DIFF_LINES_MAX = 1 << 20 };

/* Steps of the search for the shortest difference: about a fifth of a second. */
#define FI_LINES_DIFF_WORK_DEFAULT ((uint64_t)1 << 27)

/* Outside the hunks the lines are equal. */
struct fi_lines_diff {
    firn_hunk *hunks; /* ascending; at least one equal line between two */
    size_t hunk_count;
    uint64_t removed; /* the sum of all before_count */
    uint64_t added;   /* the sum of all after_count */
    bool is_minimal;  /* proved: there is no difference with fewer lines */
};

/* Compares two texts. A line ends after '\n'; a last line without one differs from the same line
 * with one. If finding the shortest difference takes more than work_max steps, a longer one
 * is returned (see lines/lines_internal.h for the bound). The same texts and work_max give the same
 * result everywhere. */
FIRN_MUST_CHECK int fi_lines_diff_init(struct fi_lines_diff *out, firn_slice before,
                                       firn_slice after, uint64_t work_max, firn_error *err);
/* The same, by another algorithm: FIRN_DIFF_PATIENCE needs up to 32 MiB more. */
FIRN_MUST_CHECK int fi_lines_diff_init_by(struct fi_lines_diff *out, firn_slice before,
                                          firn_slice after, firn_diff_algorithm algorithm,
                                          uint64_t work_max, firn_error *err);
/* A zeroed struct is fine. */
void fi_lines_diff_deinit(struct fi_lines_diff *diff);

/* Whether bytes count as binary, not as text: they have a NUL among their first 8,000
 * bytes, which is git's rule. */
bool fi_lines_diff_is_binary(firn_slice bytes);

#endif
