/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/view_mark.c: whether the views that a run was made for are still those that matter to it.
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
 * Each view becomes a hash of its intervals, cut to the run's; the hashes are sorted, so that
 * neither order nor number of equal ones matters.
 *
 * Limits: memory of 8 bytes a view.
 */
#include "lsm/view_mark.h"

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
firn_view_mark_sees_all(const struct firn_view_list *views, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < views->count; i++) {
        if (firn_view_sees_all(&views->views[i], first, last)) {
            return true;
        }
    }
    return false;
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
            uint64_t from = interval.first > first ? interval.first : first;
            uint64_t to = interval.last < last ? interval.last : last;
            hash = mix(mix(hash + UINT64_C(0x9e3779b97f4a7c15) + from) + to);
        }
    }
    return hash;
}

uint64_t
firn_view_mark_time_ms(const struct firn_view_list *views, uint64_t first, uint64_t last)
{
    uint64_t time_ms = UINT64_MAX;
    for (size_t i = 0; i < views->count; i++) {
        uint64_t of_view = views->times_ms == NULL ? 0 : views->times_ms[i];
        if (of_view < time_ms && hash_view(&views->views[i], first, last) != 0) {
            time_ms = of_view;
        }
    }
    return time_ms;
}

static int
compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t
firn_view_mark_beside_history(uint64_t mark)
{
    mark = mix(mark + 1);
    return mark == 0 ? 1 : mark;
}

int
firn_view_mark_of(const struct firn_view_list *views, uint64_t first, uint64_t last, uint64_t *out,
                  firn_error *err)
{
    uint64_t *hashes = firn_alloc_array(views->count, sizeof *hashes);
    if (hashes == NULL) {
        return firn_error_no_memory(err, "a mark of views");
    }
    for (size_t i = 0; i < views->count; i++) {
        hashes[i] = hash_view(&views->views[i], first, last);
    }
    firn_sort(hashes, views->count, sizeof *hashes, compare_hashes);
    uint64_t mark = 1;
    for (size_t i = 0; i < views->count; i++) {
        if (hashes[i] != 0 && (i == 0 || hashes[i] != hashes[i - 1])) {
            mark = mix(mark + hashes[i]);
        }
    }
    firn_free(hashes);
    if (views->now != NULL) {
        mark = mix(mark + hash_view(views->now, first, last));
    }
    if (firn_view_list_keeps_tombstone(views->tombstones_kept_from, last)) {
        mark = mix(mark + mix(views->tombstones_kept_from));
    }
    *out = mark == 0 ? 1 : mark;
    return FIRN_OK;
}
