/* SPDX-License-Identifier: Apache-2.0
 *
 * base/snapshot.h: which commits a reader sees: a set of sequence intervals, almost always the
 * single one [1, n].
 */
#ifndef FIRN_BASE_SNAPSHOT_H
#define FIRN_BASE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct fi_snapshot_interval {
    uint64_t first; /* inclusive */
    uint64_t last;  /* inclusive, ≥ first */
};

/* Leads to an interval without a search among all of them: sequences, from the beginning of the
 * first interval on, are divided into slots of equal width, a power of two. */
struct fi_snapshot_guide {
    uint64_t first;  /* where the first interval begins */
    uint32_t slots;  /* the last one is unbounded */
    uint32_t shift;  /* binary logarithm of a slot's width */
    uint32_t from[]; /* for each slot, and after the last: number of intervals that begin before
                        it */
};

/* Ascending, disjoint, not adjacent; immutable once shared. The intervals and the guide are
 * borrowed from the snapshot's owner. */
struct fi_snapshot {
    const struct fi_snapshot_interval *intervals;
    size_t count;
    /* The end of the newest interval, instead of its own; 0: its own. So readers of one history at
     * different times share their intervals. */
    uint64_t last;
    const struct fi_snapshot_guide *guide; /* NULL: there is none */
};

/* Where snapshots of one history diverge. A branch sees what its parent sees up to a sequence, the
 * fork, and all of its own sequences, which begin after that. */
struct fi_snapshot_branch {
    uint64_t first;  /* of its own sequences */
    uint64_t fork;   /* in the parent's own sequences */
    uint32_t parent; /* its number, smaller than that of the branch; or FI_SNAPSHOT_ROOT */
};
#define FI_SNAPSHOT_ROOT UINT32_MAX

/* A snapshot as a place on a branch: it sees that branch up to a sequence. */
struct fi_snapshot_place {
    uint64_t last;
    /* The time of reading: milliseconds since 1970. The snapshot does not see values that expire
     * then or earlier. */
    uint64_t time_ms;
    uint32_t branch;
};

/* The snapshots of everything that may still read: checkpoints, cursors, transactions, readers, and
 * now. Places are in no order. Branches with a common root form a tree, in which no sequence
 * belongs to two branches. Borrowed. */
struct fi_snapshot_list {
    const struct fi_snapshot_branch *branches;
    size_t branch_count;
    const struct fi_snapshot_place *places;
    size_t place_count;
    /* Tombstones from this sequence on are kept even if they hide nothing: an open transaction
     * checks which keys were written since it began. 0: none are needed. */
    uint64_t tombstones_kept_from;
    /* The snapshot that reads everything written from here on, without an end; versions that it
     * does not read are stored separately. NULL: no version is. */
    const struct fi_snapshot *now;
};

/* Whether open transactions need a tombstone. */
static inline bool
fi_snapshot_list_keeps_tombstone(uint64_t tombstones_kept_from, uint64_t sequence)
{
    return tombstones_kept_from != 0 && sequence >= tombstones_kept_from;
}

/* The interval with index i, i < count. */
static inline struct fi_snapshot_interval
fi_snapshot_at(const struct fi_snapshot *snapshot, size_t i)
{
    DCHECK(i < snapshot->count);
    struct fi_snapshot_interval interval = snapshot->intervals[i];
    if (snapshot->last != 0 && i + 1 == snapshot->count) {
        interval.last = snapshot->last;
    }
    return interval;
}

/* How many intervals begin at or below a sequence. Computed without unpredictable branches: after
 * many restores this is called for every version. */
static inline size_t
fi_snapshot_count_from(const struct fi_snapshot *snapshot, uint64_t sequence)
{
    size_t low = 0;
    size_t count = snapshot->count;
    const struct fi_snapshot_guide *guide = snapshot->guide;
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
    const struct fi_snapshot_interval *at = snapshot->intervals + low;
    while (count > 1) {
        size_t half = count / 2;
        at += (at[half].first <= sequence) * half;
        count -= half;
    }
    return (size_t)(at - snapshot->intervals) + (at->first <= sequence);
}

/* Size of a guide to so many intervals; 0 if they are too few for a guide. */
size_t fi_snapshot_guide_size_bytes(size_t count);
/* Initializes it, for intervals[0] to intervals[count - 1]. */
void fi_snapshot_guide_init(struct fi_snapshot_guide *guide,
                            const struct fi_snapshot_interval *intervals, size_t count);

static inline bool
fi_snapshot_sees(const struct fi_snapshot *snapshot, uint64_t sequence)
{
    /* Nearly every call is about the newest interval. */
    if (snapshot->count == 0) {
        return false;
    }
    struct fi_snapshot_interval interval = fi_snapshot_at(snapshot, snapshot->count - 1);
    if (sequence >= interval.first) {
        return sequence <= interval.last;
    }
    size_t from = fi_snapshot_count_from(snapshot, sequence);
    return from > 0 && sequence <= snapshot->intervals[from - 1].last;
}

/* Whether it sees one of [first, last]. */
static inline bool
fi_snapshot_sees_any(const struct fi_snapshot *snapshot, uint64_t first, uint64_t last)
{
    size_t from = fi_snapshot_count_from(snapshot, last);
    return from > 0 && fi_snapshot_at(snapshot, from - 1).last >= first;
}

/* Whether it sees all of [first, last]. */
static inline bool
fi_snapshot_sees_all(const struct fi_snapshot *snapshot, uint64_t first, uint64_t last)
{
    size_t from = fi_snapshot_count_from(snapshot, first);
    return from > 0 && fi_snapshot_at(snapshot, from - 1).last >= last;
}

#endif
