/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm/flat_views.c: the ends of all intervals cut the sequences into segments. A view is the list
 * of the segments that it sees. In a tree each segment is a branch, whose parent is the segment that
 * its views see below it; a view that sees another one below it is put into the next tree.
 */
#include "flat_views.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct build {
    uint64_t *bounds;
    size_t segment_count;
    uint32_t *numbers; /* of each tree and segment: of its branch; or FI_SNAPSHOT_ROOT */
    size_t tree_count;
    struct fi_snapshot_branch *branches;
    size_t branch_count;
    struct fi_snapshot_place *places;
    size_t place_count;
};

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
find_bounds(struct build *build, const struct fi_snapshot *snapshots, size_t count)
{
    size_t room = 1;
    size_t bounds = 0;
    for (size_t i = 0; i < count; i++) {
        room += 2 * snapshots[i].count;
    }
    build->bounds = malloc(room * sizeof *build->bounds);
    CHECK(build->bounds != NULL);
    build->bounds[bounds++] = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < snapshots[i].count; j++) {
            struct fi_snapshot_interval interval = fi_snapshot_at(&snapshots[i], j);
            build->bounds[bounds++] = interval.first;
            if (interval.last < UINT64_MAX) {
                build->bounds[bounds++] = interval.last + 1;
            }
        }
    }
    qsort(build->bounds, bounds, sizeof *build->bounds, compare);
    for (size_t i = 0; i < bounds; i++) {
        if (build->segment_count == 0 ||
            build->bounds[i] != build->bounds[build->segment_count - 1]) {
            build->bounds[build->segment_count++] = build->bounds[i];
        }
    }
}

static uint64_t
end_of(const struct build *build, size_t segment)
{
    return segment + 1 < build->segment_count ? build->bounds[segment + 1] - 1 : UINT64_MAX;
}

/* Adds a view to a tree, or finds out whether it fits. */
static bool
walk(struct build *build, size_t tree, const struct fi_snapshot *snapshot, bool adds,
     uint32_t *out_top)
{
    uint32_t *numbers = build->numbers + tree * build->segment_count;
    uint32_t top = FI_SNAPSHOT_ROOT;
    bool is_new = false;
    for (size_t i = 0; i < build->segment_count; i++) {
        if (!fi_snapshot_sees(snapshot, build->bounds[i])) {
            continue;
        }
        if (numbers[i] == FI_SNAPSHOT_ROOT && adds) {
            uint64_t fork = top == FI_SNAPSHOT_ROOT
                                ? 0
                                : end_of(build, fi_merge_snapshot_map_segment(
                                                    &(struct fi_merge_snapshot_map){
                                                        .bounds = build->bounds,
                                                        .segment_count = build->segment_count},
                                                    build->branches[top].first));
            numbers[i] = (uint32_t)build->branch_count;
            build->branches[build->branch_count++] =
                (struct fi_snapshot_branch){build->bounds[i], fork, top};
        } else if (numbers[i] == FI_SNAPSHOT_ROOT) {
            is_new = true;
        } else if (is_new || build->branches[numbers[i]].parent != top) {
            return false;
        }
        top = is_new ? top : numbers[i];
    }
    *out_top = top;
    return true;
}

static void
add_snapshot(struct build *build, const struct fi_snapshot *snapshot, uint64_t time_ms)
{
    uint32_t top = FI_SNAPSHOT_ROOT;
    size_t tree = 0;
    while (tree < build->tree_count && !walk(build, tree, snapshot, false, &top)) {
        tree++;
    }
    if (tree == build->tree_count) {
        memset(build->numbers + tree * build->segment_count, 0xff,
               build->segment_count * sizeof *build->numbers);
        build->tree_count++;
    }
    CHECK(walk(build, tree, snapshot, true, &top));
    if (top == FI_SNAPSHOT_ROOT) { /* sees nothing */
        build->branches[build->branch_count] = (struct fi_snapshot_branch){1, 0, FI_SNAPSHOT_ROOT};
        build->places[build->place_count++] =
            (struct fi_snapshot_place){0, time_ms, (uint32_t)build->branch_count++};
        return;
    }
    struct fi_snapshot_interval last = fi_snapshot_at(snapshot, snapshot->count - 1);
    build->places[build->place_count++] = (struct fi_snapshot_place){last.last, time_ms, top};
}

struct fi_snapshot_list
flat_snapshots_list(const struct fi_snapshot *snapshots, size_t count, const uint64_t *times_ms,
                    const struct fi_snapshot *now)
{
    struct build build = {0};
    find_bounds(&build, snapshots, count);
    build.numbers = malloc((count + 1) * build.segment_count * sizeof *build.numbers);
    build.branches = malloc((count + 1) * (build.segment_count + 1) * sizeof *build.branches);
    build.places = malloc((count + 1) * sizeof *build.places);
    CHECK(build.numbers != NULL && build.branches != NULL && build.places != NULL);
    for (size_t i = 0; i < count; i++) {
        add_snapshot(&build, &snapshots[i], times_ms == NULL ? 0 : times_ms[i]);
    }
    free(build.bounds);
    free(build.numbers);
    return (struct fi_snapshot_list){
        build.branches, build.branch_count, build.places, build.place_count, 0, now};
}

void
flat_snapshots_free(struct fi_snapshot_list *list)
{
    /* Allocated above; the list has it as const. */
    free((void *)(uintptr_t)list->branches);
    free((void *)(uintptr_t)list->places);
    *list = (struct fi_snapshot_list){0};
}

int
flat_snapshots_map(const struct fi_snapshot *snapshots, size_t count, const uint64_t *times_ms,
                   const struct fi_snapshot *now, struct fi_merge_snapshot_map *out)
{
    struct fi_snapshot_list list = flat_snapshots_list(snapshots, count, times_ms, now);
    int rc = fi_merge_snapshot_map_init(out, &list, NULL);
    flat_snapshots_free(&list);
    return rc;
}
