/* SPDX-License-Identifier: Apache-2.0
 *
 * base/view.h: which commits a reading sees: a set of sequence intervals, almost always the single
 * one [1, n].
 */
#ifndef FIRN_BASE_VIEW_H
#define FIRN_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct firn_view_interval {
    uint64_t first; /* inclusive */
    uint64_t last;  /* inclusive, ≥ first */
};

/* Ascending, disjoint, not adjacent; immutable once shared. The intervals are borrowed from the
 * view's owner. */
struct firn_view {
    const struct firn_view_interval *intervals;
    size_t count;
};

/* The views of all that may still read: checkpoints, cursors, transactions, readers, and now. In no
 * order; borrowed like their intervals. */
struct firn_view_list {
    const struct firn_view *views;
    size_t count;
    /* Tombstones from this sequence on stay, also where they hide nothing: an open transaction asks
     * which keys were written since it began. 0: none need to. */
    uint64_t tombstones_kept_from;
    /* Of each, when it reads: milliseconds since 1970. What expires then or before is gone for it.
     * NULL: nothing is gone for anybody. */
    const uint64_t *times_ms;
};

/* Whether a tombstone must stay for the sake of open transactions. */
static inline bool
firn_view_list_keeps_tombstone(uint64_t tombstones_kept_from, uint64_t sequence)
{
    return tombstones_kept_from != 0 && sequence >= tombstones_kept_from;
}

static inline bool
firn_view_sees(const struct firn_view *view, uint64_t sequence)
{
    /* From the newest: nearly every question is about the last interval. */
    for (size_t i = view->count; i > 0; i--) {
        const struct firn_view_interval *interval = &view->intervals[i - 1];
        if (sequence > interval->last) {
            return false;
        }
        if (sequence >= interval->first) {
            return true;
        }
    }
    return false;
}

#endif
