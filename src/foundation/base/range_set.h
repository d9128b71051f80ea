/* SPDX-License-Identifier: Apache-2.0
 *
 * base/range_set.h: the range deletes of a memtable or of a run, searched for the newest one that
 * covers a key.
 *
 * One writer at a time (the caller serializes); meanwhile any number of readers without locks.
 * Ranges live as long as the set, and so do the bounds that readers get from it.
 *
 * Costs, for n ranges. add: O(log n) amortized; one that completes 4^k ranges takes time for all of
 * them. covering, covered, free: O(log n) binary searches for each interval of the snapshot, for
 * any ranges, if they were added oldest first or sealed. Otherwise, if many overlap, time for all
 * that cover the key. Memory: 100 to 250 bytes a range beside its bounds, least if ranges overlap
 * or touch.
 */
#ifndef FIRN_BASE_RANGE_SET_H
#define FIRN_BASE_RANGE_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/snapshot.h"
#include "firn/types.h"

/* The keys in [lower, upper) are deleted for versions older than sequence. */
struct fi_range {
    firn_slice lower;
    firn_slice upper; /* > lower */
    uint64_t sequence;
};

struct fi_range_node;

/* A block of memory from which nodes are cut. */
struct fi_range_room {
    uint8_t *at;
    uint8_t *end;
};

/* Embedded in the caller's memory; zeroed is empty. */
struct fi_range_set {
    struct fi_arena arena;
    _Atomic(const struct fi_range_node *) root; /* release in add pairs with acquire in readers */
    size_t count;                               /* the writer's, like the following members */
    struct fi_range_room room;
    struct fi_range_room other_room;
    uint64_t newest;
    bool is_unordered; /* not added oldest first */
    bool is_sealed;
};

void fi_range_set_deinit(struct fi_range_set *set);
/* Copies the range. FIRN_NO_MEMORY: the set is unchanged. A range whose upper bound is not above
 * its lower one is ignored. */
FIRN_MUST_CHECK int fi_range_set_add(struct fi_range_set *set, const struct fi_range *range,
                                     firn_error *err);
/* Allocates memory for that many further ranges whose bounds have content_bytes in all: adding them
 * then cannot fail. */
FIRN_MUST_CHECK int fi_range_set_reserve(struct fi_range_set *set, size_t range_count,
                                         size_t content_bytes, firn_error *err);
/* Called after the last range was added and before the first reader. Sorts the ranges by age, if
 * they were not added so, and reduces lookups of uncovered keys to one search. This only affects
 * speed; FIRN_NO_MEMORY leaves the set unchanged. */
FIRN_MUST_CHECK int fi_range_set_seal(struct fi_range_set *set, firn_error *err);
/* Any thread. */
static inline bool
fi_range_set_is_empty(const struct fi_range_set *set)
{
    return atomic_load_explicit(&set->root, memory_order_acquire) == NULL;
}
/* The memory of the set, without its own struct. Only for the writer. */
size_t fi_range_set_size_bytes(const struct fi_range_set *set);

/* The sequence of the newest range that covers key, that snapshot sees, and that is newer than
 * `above`; 0 if there is none. Any thread. */
uint64_t fi_range_set_covering(const struct fi_range_set *set, firn_slice key,
                               const struct fi_snapshot *snapshot, uint64_t above);

/* An interval of keys, with bounds that belong to sets. */
struct fi_range_stretch {
    firn_slice lower;
    firn_slice upper;
    bool has_lower; /* else it is unbounded below */
    bool has_upper;
    uint64_t sequence;
};
/* Whether a range that snapshot sees and that is newer than `above` covers key. Then *out is an
 * interval around key in which all versions older than out->sequence (which is above `above`) are
 * covered; it is longer than one range if ranges touch or overlap. Any thread. */
bool fi_range_set_covered(const struct fi_range_set *set, firn_slice key,
                          const struct fi_snapshot *snapshot, uint64_t above,
                          struct fi_range_stretch *out);
/* Whether no range that snapshot sees and that is newer than `above` covers key. Then *stretch is
 * narrowed to the part around key for which this is true. Requires: *stretch contains key. Any
 * thread. */
bool fi_range_set_free(const struct fi_range_set *set, firn_slice key,
                       const struct fi_snapshot *snapshot, uint64_t above,
                       struct fi_range_stretch *stretch);

/* Calls visit for each present range that overlaps [lower, upper) (NULL: no bound), by lower bound,
 * then newest first. A result other than FIRN_OK ends the walk and is returned. Takes 8 bytes for
 * each visited range. Any thread. */
FIRN_MUST_CHECK int
fi_range_set_visit(const struct fi_range_set *set, const firn_slice *lower, const firn_slice *upper,
                   int (*visit)(void *ctx, const struct fi_range *range, firn_error *err),
                   void *ctx, firn_error *err);

#endif
