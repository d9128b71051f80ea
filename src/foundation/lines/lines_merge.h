/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_merge.h: merges two texts that were both derived from a third.
 *
 * The rule is that of diff3, as described by S. Khanna, K. Kunal and B. C. Pierce, "A Formal
 * Investigation of Diff3", FSTTCS 2007.
 */
#ifndef FIRN_LINES_LINES_MERGE_H
#define FIRN_LINES_LINES_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"

struct fi_lines_merge_texts {
    firn_slice base;
    firn_slice ours;
    firn_slice theirs;
};

struct fi_lines_merge {
    struct fi_buf text;           /* the merged text; in a conflict it has our lines */
    firn_merge_region *conflicts; /* ascending; at least one line that all have between two */
    size_t conflict_count;
};

/* Merges texts within the limits of lines/lines_diff.h; FIRN_LIMIT beyond. Lines are as there, and
 * so is work_max, for each of two comparisons. Exchanging ours and theirs changes only the text at
 * a conflict. The same texts and work_max give the same result everywhere. *out is empty after a
 * failure. */
FIRN_MUST_CHECK int fi_lines_merge_init(struct fi_lines_merge *out,
                                        const struct fi_lines_merge_texts *texts, uint64_t work_max,
                                        firn_error *err);
/* A zeroed struct is fine. */
void fi_lines_merge_deinit(struct fi_lines_merge *merge);

#endif
