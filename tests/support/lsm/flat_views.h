/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm/flat_views.h: views that a test has as intervals, as a list of places on branches.
 */
#ifndef TESTS_UNIT_LSM_FLAT_SNAPSHOTS_H
#define TESTS_UNIT_LSM_FLAT_SNAPSHOTS_H

#include "base/snapshot.h"
#include "merge/merge.h"

/* Views in the caller's hand. Those that can have come of one history, by restores, become one tree;
 * whatever does not fit becomes a tree of its own. times_ms and now may be NULL. */
struct fi_snapshot_list flat_snapshots_list(const struct fi_snapshot *snapshots, size_t count,
                                            const uint64_t *times_ms,
                                            const struct fi_snapshot *now);
void flat_snapshots_free(struct fi_snapshot_list *list);

/* The same as a map. FIRN_NO_MEMORY only if the map has none. */
int flat_snapshots_map(const struct fi_snapshot *snapshots, size_t count, const uint64_t *times_ms,
                       const struct fi_snapshot *now, struct fi_merge_snapshot_map *out);

#endif
