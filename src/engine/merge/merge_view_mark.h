/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_view_mark.h: a number that tells whether rewriting a run can be worth it: it stands for how
 * the live views divide the sequences of that run.
 *
 * Kept in MANIFEST with the run; compared for equality only. Two marks that are equal by chance, or
 * differ without need, cost space or one rewriting, never data.
 */
#ifndef FIRN_MERGE_MERGE_VIEW_MARK_H
#define FIRN_MERGE_MERGE_VIEW_MARK_H

#include <stdbool.h>

#include "base/error.h"
#include "merge/merge_view_map.h"

/* The mark of [first, last] under these views; never 0. Views that see the same part of [first,
 * last] count once; those that see nothing of it do not count. */
FIRN_MUST_CHECK int firn_merge_view_mark_of(const struct firn_merge_view_map *views, uint64_t first,
                                            uint64_t last, uint64_t *out, firn_error *err);

/* The mark of a run that has history beside it: tombstones in it have something to hide. */
uint64_t firn_merge_view_mark_beside_history(uint64_t mark);

/* Whether one of the views sees all of [first, last]. */
bool firn_merge_view_mark_sees_all(const struct firn_merge_view_map *views, uint64_t first,
                                   uint64_t last);
/* The earliest time of the views that see any of these sequences; UINT64_MAX if none does. */
uint64_t firn_merge_view_mark_time_ms(const struct firn_merge_view_map *views, uint64_t first,
                                      uint64_t last);

#endif
