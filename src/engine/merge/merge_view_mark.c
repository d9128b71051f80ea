/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_view_mark.c: whether the views that a run was made for are still those that matter to it.
 *
 * A compaction at the bottom keeps old versions and tombstones only where a live view needs them.
 * When such a view goes (a checkpoint is deleted, a transaction ends) a rewriting of the run would
 * free them; while the same views live, it would change nothing. So each run carries a mark of the
 * views at its making, and is rewritten only under another mark. That also makes "compact until
 * there is nothing to do" come to an end.
 *
 * Only what a view sees of the run's own sequences counts. A new reader of now sees all of them, as
 * now does: the marks of existing runs stay the same under a stream of short readers.
 *
 * What now sees of them counts once more: it decides what lies in the last level and what in
 * history.
 *
 * A run that may hold tombstones for the sake of open transactions alone has another mark than one
 * without, so that they go when the transactions have gone.
 *
 * Likewise a run of the last level that lies beside history keeps tombstones which would go without.
 *
 * Time alone frees something too: what expires. That is no matter of the mark, but of the earliest
 * time of the views that see any of the run.
 *
 * A view that sees a segment of the map sees all that lies below the segment (merge_view_map.c, I2). So
 * what it sees of the run follows from the newest segment of the run that it sees, its tip there: a
 * segment whose span is larger than those of the segments right above it, within the run, together.
 * Each segment gets a hash of its sequences and of the hash below it; the mark is made of the hashes
 * of all tips. Neither order nor number of equal views matters, and the cost is that of the
 * segments, not of views times intervals.
 *
 * Limits: memory of 12 bytes a segment of the run and tree.
 */
#include "merge/merge_view_mark.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"

/* The finishing steps of the generator SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

bool
firn_merge_view_mark_sees_all(const struct firn_merge_view_map *views, uint64_t first,
                              uint64_t last)
{
    for (size_t tree = 0; tree < views->tree_count; tree++) {
        if (!firn_view_span_is_empty(firn_merge_view_map_hull(views, tree, first, last).common)) {
            return true;
        }
    }
    return false;
}

uint64_t
firn_merge_view_mark_time_ms(const struct firn_merge_view_map *views, uint64_t first, uint64_t last)
{
    DCHECK(first <= last);
    uint64_t time_ms = UINT64_MAX;
    size_t end = firn_merge_view_map_segment(views, last);
    for (size_t i = firn_merge_view_map_segment(views, first); i <= end; i++) {
        time_ms = views->times_ms[i] < time_ms ? views->times_ms[i] : time_ms;
    }
    return time_ms;
}

/* ---- marks ---- */

static uint64_t
hash_interval(uint64_t below, uint64_t first, uint64_t last)
{
    return mix(mix(below + UINT64_C(0x9e3779b97f4a7c15) + first) + last);
}

/* 0 for a view that sees nothing of [first, last]. */
static uint64_t
hash_view(const struct firn_view *view, uint64_t first, uint64_t last)
{
    uint64_t hash = 0;
    size_t begin = firn_view_count_from(view, first);
    size_t end = firn_view_count_from(view, last);
    for (size_t i = begin > 0 ? begin - 1 : 0; i < end; i++) {
        struct firn_view_interval interval = firn_view_at(view, i);
        if (interval.last >= first) {
            hash = hash_interval(hash, interval.first > first ? interval.first : first,
                                 interval.last < last ? interval.last : last);
        }
    }
    return hash;
}

/* The segments of the run. */
struct window {
    const struct firn_merge_view_map *views;
    uint64_t first; /* sequences */
    uint64_t last;
    size_t begin; /* segments */
    size_t end;
    uint64_t *hashes; /* of each segment; in the end those of the tips */
    uint32_t *above;  /* of each segment: how many of its views see one right above it */
    size_t hash_count;
};

/* Adds the tips of a tree to the hashes. */
static void
add_tips(struct window *window, size_t tree)
{
    const struct firn_merge_view_map *views = window->views;
    size_t count = window->end - window->begin;
    uint64_t *hashes = window->hashes + window->hash_count;
    memset(window->above, 0, count * sizeof *window->above);
    for (size_t i = 0; i < count; i++) {
        size_t segment = window->begin + i;
        struct firn_view_span span = firn_merge_view_map_seen(views, segment, tree);
        uint32_t older = views->older[segment * views->tree_count + tree];
        uint64_t end =
            segment + 1 < views->segment_count ? views->bounds[segment + 1] - 1 : UINT64_MAX;
        uint64_t first = views->bounds[segment];
        if (firn_view_span_is_empty(span)) {
            continue;
        }
        DCHECK(older == UINT32_MAX || older < segment);
        bool has_older = older != UINT32_MAX && older >= window->begin;
        if (has_older) {
            window->above[older - window->begin] += span.end - span.begin;
        }
        hashes[i] = hash_interval(has_older ? hashes[older - window->begin] : 0,
                                  first > window->first ? first : window->first,
                                  end < window->last ? end : window->last);
    }
    size_t tips = 0;
    for (size_t i = 0; i < count; i++) {
        struct firn_view_span span = firn_merge_view_map_seen(views, window->begin + i, tree);
        DCHECK(firn_view_span_is_empty(span) || window->above[i] <= span.end - span.begin);
        if (!firn_view_span_is_empty(span) && window->above[i] < span.end - span.begin) {
            hashes[tips++] = hashes[i];
        }
    }
    window->hash_count += tips;
}

static int
compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of what the trees have in common, once. */
static uint64_t
join_hashes(struct window *window)
{
    DCHECK(window->hash_count <= (window->end - window->begin) * window->views->tree_count);
    uint64_t mark = 1;
    if (window->views->tree_count > 1) {
        firn_sort(window->hashes, window->hash_count, sizeof *window->hashes, compare_hashes);
    }
    for (size_t i = 0; i < window->hash_count; i++) {
        if (window->views->tree_count == 1 || i == 0 ||
            window->hashes[i] != window->hashes[i - 1]) {
            mark += mix(window->hashes[i]);
        }
    }
    return mix(mark);
}

int
firn_merge_view_mark_of(const struct firn_merge_view_map *views, uint64_t first, uint64_t last,
                        uint64_t *out, firn_error *err)
{
    DCHECK(first <= last);
    struct window window = {.views = views,
                            .first = first,
                            .last = last,
                            .begin = firn_merge_view_map_segment(views, first)};
    window.end = firn_merge_view_map_segment(views, last) + 1;
    size_t count = window.end - window.begin;
    window.hashes = firn_alloc_array(count * views->tree_count, sizeof *window.hashes);
    window.above = firn_alloc_array(count, sizeof *window.above);
    int rc = FIRN_OK;
    if (window.hashes == NULL || window.above == NULL) {
        rc = firn_error_no_memory(err, "a mark of views");
        goto out;
    }
    for (size_t tree = 0; tree < views->tree_count; tree++) {
        add_tips(&window, tree);
    }
    uint64_t mark = join_hashes(&window);
    if (views->now != NULL) {
        mark = mix(mark + hash_view(views->now, first, last));
    }
    if (firn_view_list_keeps_tombstone(views->tombstones_kept_from, last)) {
        mark = mix(mark + mix(views->tombstones_kept_from));
    }
    *out = mark == 0 ? 1 : mark;
out:
    firn_free(window.hashes);
    firn_free(window.above);
    return rc;
}

uint64_t
firn_merge_view_mark_beside_history(uint64_t mark)
{
    mark = mix(mark + 1);
    return mark == 0 ? 1 : mark;
}
