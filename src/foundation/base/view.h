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

#include "base/check.h"

struct firn_view_interval {
    uint64_t first; /* inclusive */
    uint64_t last;  /* inclusive, ≥ first */
};

/* Leads to an interval without a search among all of them: sequences from the first one's beginning
 * on fall into slots of equal width, a power of two. */
struct firn_view_guide {
    uint64_t first;  /* where the first interval begins */
    uint32_t slots;  /* the last of which has no end */
    uint32_t shift;  /* a slot is this power of two wide */
    uint32_t from[]; /* of each slot, and after the last: how many intervals begin before it */
};

/* Ascending, disjoint, not adjacent; immutable once shared. The intervals and the guide are borrowed
 * from the view's owner. */
struct firn_view {
    const struct firn_view_interval *intervals;
    size_t count;
    /* Where the newest interval ends, in place of its own end; 0: there. So that readings of one
     * history at different moments share their intervals. */
    uint64_t last;
    const struct firn_view_guide *guide; /* NULL: there is none */
};

/* Where views of one history part. A branch sees what its parent sees up to a sequence, the fork, and
 * all of its own sequences, which begin after that. */
struct firn_view_branch {
    uint64_t first;  /* of its own sequences */
    uint64_t fork;   /* in the parent's own sequences */
    uint32_t parent; /* its number, smaller than that of the branch; or FIRN_VIEW_ROOT */
};
#define FIRN_VIEW_ROOT UINT32_MAX

/* A view as a place on a branch: it sees that branch up to a sequence. */
struct firn_view_place {
    uint64_t last;
    /* When it reads: milliseconds since 1970. Values that expire then or before are gone for it. */
    uint64_t time_ms;
    uint32_t branch;
};

/* The views of all that may still read: checkpoints, cursors, transactions, readers, and now. Places
 * are in no order. Branches that have a root in common form a tree: within one, no sequence is seen
 * as the own of two branches. Borrowed. */
struct firn_view_list {
    const struct firn_view_branch *branches;
    size_t branch_count;
    const struct firn_view_place *places;
    size_t place_count;
    /* Tombstones from this sequence on stay, also where they hide nothing: an open transaction asks
     * which keys were written since it began. 0: none need to. */
    uint64_t tombstones_kept_from;
    /* Of the views, the one that reads what is written from here on, without an end; the versions
     * that it does not read are kept apart. NULL: no version is. */
    const struct firn_view *now;
};

/* Whether a tombstone must stay for the sake of open transactions. */
static inline bool
firn_view_list_keeps_tombstone(uint64_t tombstones_kept_from, uint64_t sequence)
{
    return tombstones_kept_from != 0 && sequence >= tombstones_kept_from;
}

/* Interval number i, i < count. */
static inline struct firn_view_interval
firn_view_at(const struct firn_view *view, size_t i)
{
    DCHECK(i < view->count);
    struct firn_view_interval interval = view->intervals[i];
    if (view->last != 0 && i + 1 == view->count) {
        interval.last = view->last;
    }
    return interval;
}

/* How many intervals begin at or below a sequence. Without branches that could be guessed wrong:
 * after many restores this is asked of every version. */
static inline size_t
firn_view_count_from(const struct firn_view *view, uint64_t sequence)
{
    size_t low = 0;
    size_t count = view->count;
    const struct firn_view_guide *guide = view->guide;
    if (guide != NULL) {
        if (sequence < guide->first) {
            return 0;
        }
        uint64_t slot = (sequence - guide->first) >> guide->shift;
        slot = slot < guide->slots ? slot : guide->slots - 1;
        low = guide->from[slot];
        count = guide->from[slot + 1] - low;
    }
    if (count == 0) {
        return low;
    }
    const struct firn_view_interval *at = view->intervals + low;
    while (count > 1) {
        size_t half = count / 2;
        at += (at[half].first <= sequence) * half;
        count -= half;
    }
    return (size_t)(at - view->intervals) + (at->first <= sequence);
}

/* What a guide to so many intervals takes; 0 where they are so few that none is made. */
size_t firn_view_guide_size_bytes(size_t count);
/* Fills it, for intervals[0] to intervals[count - 1]. */
void firn_view_guide_init(struct firn_view_guide *guide, const struct firn_view_interval *intervals,
                          size_t count);

static inline bool
firn_view_sees(const struct firn_view *view, uint64_t sequence)
{
    /* Nearly every question is about the newest interval. */
    if (view->count == 0) {
        return false;
    }
    struct firn_view_interval interval = firn_view_at(view, view->count - 1);
    if (sequence >= interval.first) {
        return sequence <= interval.last;
    }
    size_t from = firn_view_count_from(view, sequence);
    return from > 0 && sequence <= view->intervals[from - 1].last;
}

/* Whether it sees one of [first, last]. */
static inline bool
firn_view_sees_any(const struct firn_view *view, uint64_t first, uint64_t last)
{
    size_t from = firn_view_count_from(view, last);
    return from > 0 && firn_view_at(view, from - 1).last >= first;
}

/* Whether it sees all of [first, last]. */
static inline bool
firn_view_sees_all(const struct firn_view *view, uint64_t first, uint64_t last)
{
    size_t from = firn_view_count_from(view, first);
    return from > 0 && firn_view_at(view, from - 1).last >= last;
}

#endif
