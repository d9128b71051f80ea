/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_view_map.h: which live views see which sequences.
 *
 * Views have positions, from 0 on, such that the views that see a sequence lie side by side in each
 * tree of views. Sequences that the same views see form a segment. The map is made once a work, and
 * answers for flushes, compactions and history runs.
 */
#ifndef FIRN_MERGE_MERGE_VIEW_MAP_H
#define FIRN_MERGE_MERGE_VIEW_MAP_H

#include <stdbool.h>

#include "base/error.h"
#include "base/view.h"

/* The positions from begin to end - 1; none where they are equal. */
struct firn_view_span {
    uint32_t begin;
    uint32_t end;
};

/* What all spans of some segments have in common, and what they reach over. */
struct firn_view_hull {
    struct firn_view_span common; /* nobody where end is not above begin */
    struct firn_view_span any;    /* from the least to the largest position of any span */
};

/* Does not change. Of a segment and a tree: number segment * tree_count + tree. */
struct firn_merge_view_map {
    size_t place_count;
    size_t tree_count;
    size_t segment_count;
    uint64_t *bounds;            /* segment i is [bounds[i], bounds[i + 1]); the last has no end */
    struct firn_view_span *seen; /* of each segment and tree: by whom */
    /* Likewise: the segment that they see next below it; UINT32_MAX: none. */
    uint32_t *older;
    struct firn_view_hull *blocks; /* of FIRN_MERGE_VIEW_MAP_BLOCK segments each, and each tree */
    uint64_t *times_ms; /* of each segment: the earliest of the views that see it; or UINT64_MAX */
    uint64_t tombstones_kept_from;
    const struct firn_view *now; /* borrowed */
};
enum { FIRN_MERGE_VIEW_MAP_BLOCK = 16 };

/* Of the list only `now` is looked at later. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_merge_view_map_init(struct firn_merge_view_map *map,
                                             const struct firn_view_list *list, firn_error *err);
/* Zeroed is fine. */
void firn_merge_view_map_deinit(struct firn_merge_view_map *map);

/* The segment of a sequence. */
size_t firn_merge_view_map_segment(const struct firn_merge_view_map *map, uint64_t sequence);

/* Of the segments from that of first to that of last, in one tree. Requires: first ≤ last. */
struct firn_view_hull firn_merge_view_map_hull(const struct firn_merge_view_map *map, size_t tree,
                                               uint64_t first, uint64_t last);

static inline struct firn_view_span
firn_merge_view_map_seen(const struct firn_merge_view_map *map, size_t segment, size_t tree)
{
    return map->seen[segment * map->tree_count + tree];
}

static inline bool
firn_view_span_is_empty(struct firn_view_span span)
{
    return span.begin >= span.end;
}

#endif
