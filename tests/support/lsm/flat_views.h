/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm/flat_views.h: views that a test has as intervals, as a list of places on branches.
 */
#ifndef TESTS_UNIT_LSM_FLAT_VIEWS_H
#define TESTS_UNIT_LSM_FLAT_VIEWS_H

#include "base/view.h"
#include "merge/merge.h"

/* Views in the caller's hand. Those that can have come of one history, by restores, become one tree;
 * whatever does not fit becomes a tree of its own. times_ms and now may be NULL. */
struct fi_view_list flat_views_list(const struct fi_view *views, size_t count,
                                    const uint64_t *times_ms, const struct fi_view *now);
void flat_views_free(struct fi_view_list *list);

/* The same as a map. FIRN_NO_MEMORY only if the map has none. */
int flat_views_map(const struct fi_view *views, size_t count, const uint64_t *times_ms,
                   const struct fi_view *now, struct fi_merge_view_map *out);

#endif
