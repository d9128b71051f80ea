/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_snapshot_mark.c: the mark of a run: whether the snapshots that matter to it have
 * changed.
 *
 * A compaction at the bottom keeps old versions and tombstones only if a live snapshot needs them.
 * When such a snapshot goes (a checkpoint is deleted, a transaction ends), rewriting the run would
 * free them; while the snapshots stay the same, it would change nothing. So each run has a mark of
 * the snapshots at the time it was made, and is rewritten only if the mark would differ. This also
 * ensures that "compact until there is nothing to do" ends.
 *
 * Only what a snapshot sees of the run's own sequences counts. A new reader of now sees all of
 * them, as now does: the marks of existing runs stay the same under a stream of short readers.
 *
 * What now sees of them counts once more: it decides what is in the last level and what in history.
 *
 * Two kinds of runs have a mark of their own: a run that may hold tombstones only because of open
 * transactions, so that they are dropped after the transactions have ended; and a run of the last
 * level with history beside it, which keeps tombstones that would otherwise be dropped.
 *
 * Expiry frees versions by the passing of time alone. That does not depend on the mark, but on the
 * earliest time of the snapshots that see any of the run.
 *
 * A snapshot that sees a segment of the map sees everything below the segment (merge_snapshot.c,
 * I2). So the newest segment of the run that a snapshot sees, its tip, determines what it sees of
 * the run. A segment is a tip if its span is larger than the spans of the segments right above it,
 * within the run, together. Each segment gets a hash of its sequences and of the hash below it, and
 * the mark combines the hashes of all tips. Neither the order nor the number of equal snapshots
 * matters, and the cost depends on the segments, not on snapshots times intervals.
 *
 * Memory: 12 bytes for each segment of the run and tree.
 */
#include "merge/merge.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"

/* The finishing steps of the generator SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
merge_snapshot_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

bool
fi_merge_snapshot_mark_sees_all(const struct fi_merge_snapshot_map *snapshots, uint64_t first,
                                uint64_t last)
{
    for (size_t tree = 0; tree < snapshots->tree_count; tree++) {
        if (!fi_snapshot_span_is_empty(
                fi_merge_snapshot_map_hull(snapshots, tree, first, last).common)) {
            return true;
        }
    }
    return false;
}

uint64_t
fi_merge_snapshot_mark_time_ms(const struct fi_merge_snapshot_map *snapshots, uint64_t first,
                               uint64_t last)
{
    DCHECK(first <= last);
    uint64_t time_ms = UINT64_MAX;
    size_t end = fi_merge_snapshot_map_segment(snapshots, last);
    for (size_t i = fi_merge_snapshot_map_segment(snapshots, first); i <= end; i++) {
        time_ms = snapshots->times_ms[i] < time_ms ? snapshots->times_ms[i] : time_ms;
    }
    return time_ms;
}

/* ---- marks ---- */

static uint64_t
hash_interval(uint64_t below, uint64_t first, uint64_t last)
{
    return merge_snapshot_mix(merge_snapshot_mix(below + UINT64_C(0x9e3779b97f4a7c15) + first) +
                              last);
}

/* 0 for a snapshot that sees nothing of [first, last]. */
static uint64_t
hash_snapshot(const struct fi_snapshot *snapshot, uint64_t first, uint64_t last)
{
    uint64_t hash = 0;
    size_t begin = fi_snapshot_count_from(snapshot, first);
    size_t end = fi_snapshot_count_from(snapshot, last);
    for (size_t i = begin > 0 ? begin - 1 : 0; i < end; i++) {
        struct fi_snapshot_interval interval = fi_snapshot_at(snapshot, i);
        if (interval.last >= first) {
            hash = hash_interval(hash, interval.first > first ? interval.first : first,
                                 interval.last < last ? interval.last : last);
        }
    }
    return hash;
}

/* The segments of the run. */
struct window {
    const struct fi_merge_snapshot_map *snapshots;
    uint64_t first; /* sequences */
    uint64_t last;
    size_t begin; /* segments */
    size_t end;
    uint64_t *hashes; /* of each segment; in the end those of the tips */
    uint32_t *above;  /* of each segment: how many of its snapshots see one right above it */
    size_t hash_count;
};

/* Adds the tips of a tree to the hashes. */
static void
add_tips(struct window *window, size_t tree)
{
    const struct fi_merge_snapshot_map *snapshots = window->snapshots;
    size_t count = window->end - window->begin;
    uint64_t *hashes = window->hashes + window->hash_count;
    memset(window->above, 0, count * sizeof *window->above);
    for (size_t i = 0; i < count; i++) {
        size_t segment = window->begin + i;
        struct fi_snapshot_span span = fi_merge_snapshot_map_seen(snapshots, segment, tree);
        uint32_t older = snapshots->older[segment * snapshots->tree_count + tree];
        uint64_t end = segment + 1 < snapshots->segment_count ? snapshots->bounds[segment + 1] - 1
                                                              : UINT64_MAX;
        uint64_t first = snapshots->bounds[segment];
        if (fi_snapshot_span_is_empty(span)) {
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
        struct fi_snapshot_span span =
            fi_merge_snapshot_map_seen(snapshots, window->begin + i, tree);
        DCHECK(fi_snapshot_span_is_empty(span) || window->above[i] <= span.end - span.begin);
        if (!fi_snapshot_span_is_empty(span) && window->above[i] < span.end - span.begin) {
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

/* Counts what the trees have in common once. */
static uint64_t
join_hashes(struct window *window)
{
    DCHECK(window->hash_count <= (window->end - window->begin) * window->snapshots->tree_count);
    uint64_t mark = 1;
    if (window->snapshots->tree_count > 1) {
        fi_sort(window->hashes, window->hash_count, sizeof *window->hashes, compare_hashes);
    }
    for (size_t i = 0; i < window->hash_count; i++) {
        if (window->snapshots->tree_count == 1 || i == 0 ||
            window->hashes[i] != window->hashes[i - 1]) {
            mark += merge_snapshot_mix(window->hashes[i]);
        }
    }
    return merge_snapshot_mix(mark);
}

int
fi_merge_snapshot_mark_of(const struct fi_merge_snapshot_map *snapshots, uint64_t first,
                          uint64_t last, uint64_t *out, firn_error *err)
{
    DCHECK(first <= last);
    struct window window = {.snapshots = snapshots,
                            .first = first,
                            .last = last,
                            .begin = fi_merge_snapshot_map_segment(snapshots, first)};
    window.end = fi_merge_snapshot_map_segment(snapshots, last) + 1;
    size_t count = window.end - window.begin;
    window.hashes = fi_alloc_array(count * snapshots->tree_count, sizeof *window.hashes);
    window.above = fi_alloc_array(count, sizeof *window.above);
    int rc = FIRN_OK;
    if (window.hashes == NULL || window.above == NULL) {
        rc = fi_error_no_memory(err, "a mark of snapshots");
        goto out;
    }
    for (size_t tree = 0; tree < snapshots->tree_count; tree++) {
        add_tips(&window, tree);
    }
    uint64_t mark = join_hashes(&window);
    if (snapshots->now != NULL) {
        mark = merge_snapshot_mix(mark + hash_snapshot(snapshots->now, first, last));
    }
    if (fi_snapshot_list_keeps_tombstone(snapshots->tombstones_kept_from, last)) {
        mark = merge_snapshot_mix(mark + merge_snapshot_mix(snapshots->tombstones_kept_from));
    }
    *out = mark == 0 ? 1 : mark;
out:
    fi_free(window.hashes);
    fi_free(window.above);
    return rc;
}

uint64_t
fi_merge_snapshot_mark_beside_history(uint64_t mark)
{
    mark = merge_snapshot_mix(mark + 1);
    return mark == 0 ? 1 : mark;
}
