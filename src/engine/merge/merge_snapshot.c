/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_snapshot.c: a tree of snapshots, laid out flat.
 *
 * After k restores of a recent state a snapshot consists of k intervals, so n snapshots have n × k
 * of them. But they share nearly all of these: a restore begins a branch, and everything below the
 * fork is the same for all snapshots above it. So the snapshots of one history are places in a tree
 * of branches (base/snapshot.h), and the cost here grows with the sum of branches and snapshots,
 * not with their product.
 *
 * Positions. A branch has items: places, which see the branch up to a sequence, and branches that
 * fork off at a sequence. Going through the items in the order of these sequences, and recursively
 * through the items of each forked branch, gives each snapshot a position. A branch and all
 * branches above it then have a range of positions, the span of the branch. A sequence on a branch
 * is seen by every snapshot from the first item at or above the sequence to the end of the branch's
 * span. Thus:
 *
 * (I1) The snapshots that see a segment are those of one span, in each tree.
 * (I2) Two spans of one tree are disjoint, or one contains the other. If some snapshot sees both of
 *      two segments, the span of the newer one lies within that of the older one: a snapshot that
 *      sees a sequence sees all that lies below it.
 *
 * Pieces. The same snapshots see all sequences between two items of a branch: a piece. The pieces
 * of a tree do not overlap. Their ends, over all trees, are the bounds of segments. There is one
 * tree, and a second one beside it for the list of keyspaces (db_snapshot.c).
 *
 * Branches without a snapshot on them or above them are ignored.
 *
 * Memory: 36 bytes for each segment, with about two segments for a branch and one for a snapshot;
 * while the map is made, about 100 more. Time: sorting the items.
 */
#include "merge/merge.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"

/* ==== the mark of a run: whether the snapshots that matter to it have changed ====
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
 * A run that may hold tombstones only because of open transactions has a different mark, so that
 * the tombstones are dropped after the transactions have ended.
 *
 * Likewise a run of the last level with history beside it has a different mark: it keeps tombstones
 * that would otherwise be dropped.
 *
 * Expiry frees versions by the passing of time alone. That does not depend on the mark, but on the
 * earliest time of the snapshots that see any of the run.
 *
 * A snapshot that sees a segment of the map sees everything below the segment (I2). So the newest
 * segment of the run that a snapshot sees, its tip, determines what it sees of the run. A segment
 * is a tip if its span is larger than the spans of the segments right above it, within the run,
 * together. Each segment gets a hash of its sequences and of the hash below it, and the mark
 * combines the hashes of all tips. Neither the order nor the number of equal snapshots matters, and
 * the cost depends on the segments, not on snapshots times intervals.
 *
 * Memory: 12 bytes for each segment of the run and tree.
 */

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

/* ==== a tree of snapshots, laid out flat ==== */

/* A place, or a branch that forks off. */
struct item {
    uint64_t at;
    uint64_t time_ms; /* the earliest of it and of the items after it on the branch */
    uint32_t on;      /* the branch */
    uint32_t child;   /* FI_SNAPSHOT_ROOT: a place */
};

struct piece {
    uint64_t first;
    uint64_t last;
    uint64_t below; /* the next sequence that its snapshots see below it; 0: none */
    uint64_t time_ms;
    struct fi_snapshot_span span;
    uint32_t tree;
};

/* Working data for making a map. */
struct work {
    const struct fi_snapshot_list *list;
    struct item *items;
    size_t item_count;
    uint32_t *first_items; /* of each branch, and the end of the last one's */
    uint32_t *sizes;       /* of each branch: how many snapshots are on it and above it */
    uint32_t *begins;      /* likewise: the first of their positions */
    uint32_t *trees;       /* likewise: the number of the tree */
    struct piece *pieces;
    size_t piece_count;
};

/* ---- lookups ---- */

size_t
fi_merge_snapshot_map_segment(const struct fi_merge_snapshot_map *map, uint64_t sequence)
{
    size_t low = 1;
    size_t high = map->segment_count;
    FI_SEARCH_FIRST(low, high, middle, map->bounds[middle] <= sequence);
    DCHECK(map->bounds[low - 1] <= sequence);
    DCHECK(low == map->segment_count || sequence < map->bounds[low]);
    return low - 1;
}

static struct fi_snapshot_hull
hull_of_span(struct fi_snapshot_span span)
{
    static const struct fi_snapshot_span none = {UINT32_MAX, 0};
    return fi_snapshot_span_is_empty(span) ? (struct fi_snapshot_hull){none, none}
                                           : (struct fi_snapshot_hull){span, span};
}

static void
merge_snapshot_extend(struct fi_snapshot_hull *hull, struct fi_snapshot_hull by)
{
    struct fi_snapshot_span *common = &hull->common;
    struct fi_snapshot_span *any = &hull->any;
    common->begin = by.common.begin > common->begin ? by.common.begin : common->begin;
    common->end = by.common.end < common->end ? by.common.end : common->end;
    any->begin = by.any.begin < any->begin ? by.any.begin : any->begin;
    any->end = by.any.end > any->end ? by.any.end : any->end;
}

/* The neutral element of extend. */
static const struct fi_snapshot_hull no_segment = {{0, UINT32_MAX}, {UINT32_MAX, 0}};

struct fi_snapshot_hull
fi_merge_snapshot_map_hull(const struct fi_merge_snapshot_map *map, size_t tree, uint64_t first,
                           uint64_t last)
{
    DCHECK(first <= last && tree < map->tree_count);
    struct fi_snapshot_hull hull = no_segment;
    size_t segment = fi_merge_snapshot_map_segment(map, first);
    size_t end = fi_merge_snapshot_map_segment(map, last) + 1;
    while (segment < end) {
        if (segment % FI_MERGE_SNAPSHOT_MAP_BLOCK == 0 &&
            end - segment >= FI_MERGE_SNAPSHOT_MAP_BLOCK) {
            merge_snapshot_extend(
                &hull, map->blocks[segment / FI_MERGE_SNAPSHOT_MAP_BLOCK * map->tree_count + tree]);
            segment += FI_MERGE_SNAPSHOT_MAP_BLOCK;
        } else {
            merge_snapshot_extend(&hull,
                                  hull_of_span(fi_merge_snapshot_map_seen(map, segment, tree)));
            segment++;
        }
    }
    return hull;
}

/* ---- positions ---- */

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_items(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    return x->on != y->on ? compare_numbers(x->on, y->on) : compare_numbers(x->at, y->at);
}

static int
begin_work(struct work *work, const struct fi_snapshot_list *list)
{
    size_t items;
    *work = (struct work){.list = list};
    if (!fi_add_size(list->branch_count, list->place_count, &items) || items >= UINT32_MAX) {
        return FIRN_NO_MEMORY;
    }
    work->items = fi_alloc_array(items, sizeof *work->items);
    work->pieces = fi_alloc_array(items, sizeof *work->pieces);
    work->first_items = fi_alloc_array(list->branch_count + 1, sizeof *work->first_items);
    work->sizes = fi_alloc_array(list->branch_count, sizeof *work->sizes);
    work->begins = fi_alloc_array(list->branch_count, sizeof *work->begins);
    work->trees = fi_alloc_array(list->branch_count, sizeof *work->trees);
    return work->items != NULL && work->pieces != NULL && work->first_items != NULL &&
                   work->sizes != NULL && work->begins != NULL && work->trees != NULL
               ? FIRN_OK
               : FIRN_NO_MEMORY;
}

static void
end_work(struct work *work)
{
    fi_free(work->items);
    fi_free(work->pieces);
    fi_free(work->first_items);
    fi_free(work->sizes);
    fi_free(work->begins);
    fi_free(work->trees);
}

static void
sort_items(struct work *work)
{
    const struct fi_snapshot_list *list = work->list;
    for (size_t i = 0; i < list->place_count; i++) {
        const struct fi_snapshot_place *place = &list->places[i];
        CHECK(place->branch < list->branch_count);
        work->items[work->item_count++] =
            (struct item){place->last, place->time_ms, place->branch, FI_SNAPSHOT_ROOT};
    }
    for (size_t i = 0; i < list->branch_count; i++) {
        const struct fi_snapshot_branch *branch = &list->branches[i];
        if (branch->parent != FI_SNAPSHOT_ROOT) {
            CHECK(branch->parent < i);
            work->items[work->item_count++] =
                (struct item){branch->fork, UINT64_MAX, branch->parent, (uint32_t)i};
        }
    }
    fi_sort(work->items, work->item_count, sizeof *work->items, compare_items);
    size_t at = 0;
    for (size_t i = 0; i <= list->branch_count; i++) {
        while (at < work->item_count && work->items[at].on < i) {
            at++;
        }
        work->first_items[i] = (uint32_t)at;
    }
}

static uint32_t
size_of(const struct work *work, const struct item *item)
{
    return item->child == FI_SNAPSHOT_ROOT ? 1 : work->sizes[item->child];
}

/* Branches come after their parents: going from the last one, everything above a branch is
 * known. */
static void
count_snapshots(struct work *work)
{
    for (size_t i = work->list->branch_count; i-- > 0;) {
        uint64_t time_ms = UINT64_MAX;
        work->sizes[i] = 0;
        for (size_t at = work->first_items[i + 1]; at-- > work->first_items[i];) {
            struct item *item = &work->items[at];
            if (item->child != FI_SNAPSHOT_ROOT) {
                size_t first = work->first_items[item->child];
                bool has_items = first < work->first_items[item->child + 1];
                item->time_ms = has_items ? work->items[first].time_ms : UINT64_MAX;
            }
            time_ms = item->time_ms < time_ms ? item->time_ms : time_ms;
            item->time_ms = time_ms;
            work->sizes[i] += size_of(work, item);
        }
    }
}

/* Returns how many trees there are. */
static size_t
give_positions(struct work *work)
{
    const struct fi_snapshot_list *list = work->list;
    uint32_t tree_count = 0;
    uint32_t next = 0;
    for (size_t i = 0; i < list->branch_count; i++) {
        if (list->branches[i].parent == FI_SNAPSHOT_ROOT) {
            work->begins[i] = next;
            work->trees[i] = tree_count;
            next += work->sizes[i];
            tree_count += work->sizes[i] > 0;
        }
        uint32_t position = work->begins[i];
        for (size_t at = work->first_items[i]; at < work->first_items[i + 1]; at++) {
            const struct item *item = &work->items[at];
            if (item->child != FI_SNAPSHOT_ROOT) {
                work->begins[item->child] = position;
                work->trees[item->child] = work->trees[i];
            }
            position += size_of(work, item);
        }
    }
    CHECK(next == list->place_count);
    return tree_count;
}

/* ---- pieces and segments ---- */

static void
cut_branch(struct work *work, size_t i)
{
    const struct fi_snapshot_branch *branch = &work->list->branches[i];
    const uint32_t end = work->begins[i] + work->sizes[i];
    uint64_t below = branch->parent == FI_SNAPSHOT_ROOT ? 0 : branch->fork;
    uint64_t first = branch->first;
    uint32_t position = work->begins[i];
    bool is_done = false;
    for (size_t at = work->first_items[i]; at < work->first_items[i + 1] && !is_done; at++) {
        const struct item *item = &work->items[at];
        if (size_of(work, item) > 0 && item->at >= first) {
            CHECK(work->piece_count < work->item_count);
            DCHECK(position < end);
            work->pieces[work->piece_count++] = (struct piece){
                first, item->at, below, item->time_ms, {position, end}, work->trees[i]};
            below = item->at;
            first = item->at + 1;
            is_done = item->at == UINT64_MAX;
        }
        position += size_of(work, item);
    }
    DCHECK(is_done || position == end); /* (I1) */
}

static int
find_segments(struct fi_merge_snapshot_map *map, struct work *work)
{
    size_t count = 0;
    for (size_t i = 0; i < work->list->branch_count; i++) {
        cut_branch(work, i);
    }
    map->bounds = fi_alloc_array(2 * work->piece_count + 1, sizeof *map->bounds);
    if (map->bounds == NULL) {
        return FIRN_NO_MEMORY;
    }
    DCHECK(work->piece_count <= work->item_count);
    map->bounds[count++] = 0;
    for (size_t i = 0; i < work->piece_count; i++) {
        map->bounds[count++] = work->pieces[i].first;
        if (work->pieces[i].last < UINT64_MAX) {
            map->bounds[count++] = work->pieces[i].last + 1;
        }
    }
    map->segment_count = fi_sort_unique_u64(map->bounds, count);
    return map->segment_count < UINT32_MAX ? FIRN_OK : FIRN_NO_MEMORY;
}

/* (I2): whether a span lies within the span of the next segment below, if a snapshot sees that. */
static bool
lies_within(struct fi_snapshot_span newer, struct fi_snapshot_span older)
{
    return fi_snapshot_span_is_empty(older) ||
           (older.begin <= newer.begin && newer.end <= older.end);
}

static void
fill_piece(struct fi_merge_snapshot_map *map, const struct piece *piece)
{
    size_t segment = fi_merge_snapshot_map_segment(map, piece->first);
    uint32_t older =
        piece->below == 0 ? UINT32_MAX : (uint32_t)fi_merge_snapshot_map_segment(map, piece->below);
    for (; segment < map->segment_count && map->bounds[segment] <= piece->last; segment++) {
        size_t cell = segment * map->tree_count + piece->tree;
        CHECK(fi_snapshot_span_is_empty(map->seen[cell])); /* the own of two branches */
        DCHECK(older == UINT32_MAX ||
               lies_within(piece->span, fi_merge_snapshot_map_seen(map, older, piece->tree)));
        map->seen[cell] = piece->span;
        map->older[cell] = older;
        older = (uint32_t)segment;
        if (piece->time_ms < map->times_ms[segment]) {
            map->times_ms[segment] = piece->time_ms;
        }
    }
}

static void
fill_blocks(struct fi_merge_snapshot_map *map, size_t block_count)
{
    for (size_t i = 0; i < block_count * map->tree_count; i++) {
        map->blocks[i] = no_segment;
    }
    for (size_t segment = 0; segment < map->segment_count; segment++) {
        for (size_t tree = 0; tree < map->tree_count; tree++) {
            merge_snapshot_extend(
                &map->blocks[segment / FI_MERGE_SNAPSHOT_MAP_BLOCK * map->tree_count + tree],
                hull_of_span(fi_merge_snapshot_map_seen(map, segment, tree)));
        }
    }
}

static int
merge_snapshot_fill(struct fi_merge_snapshot_map *map, const struct work *work)
{
    size_t cells;
    size_t block_count = map->segment_count / FI_MERGE_SNAPSHOT_MAP_BLOCK + 1;
    if (!fi_mul_size(map->segment_count, map->tree_count, &cells)) {
        return FIRN_NO_MEMORY;
    }
    map->seen = fi_alloc_array(cells, sizeof *map->seen);
    map->older = fi_alloc_array(cells, sizeof *map->older);
    map->times_ms = fi_alloc_array(map->segment_count, sizeof *map->times_ms);
    map->blocks = fi_alloc_array(block_count * map->tree_count, sizeof *map->blocks);
    if (map->seen == NULL || map->older == NULL || map->times_ms == NULL || map->blocks == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (cells > 0) {
        memset(map->seen, 0, cells * sizeof *map->seen);
        memset(map->older, 0xff, cells * sizeof *map->older);
    }
    memset(map->times_ms, 0xff, map->segment_count * sizeof *map->times_ms);
    for (size_t i = 0; i < work->piece_count; i++) {
        fill_piece(map, &work->pieces[i]);
    }
    fill_blocks(map, block_count);
    return FIRN_OK;
}

/* Once a compaction, so it is optimized for size (cmake/FirnSize.cmake). */
__attribute__((cold)) int
fi_merge_snapshot_map_init(struct fi_merge_snapshot_map *map, const struct fi_snapshot_list *list,
                           firn_error *err)
{
    struct work work;
    int rc;
    *map = (struct fi_merge_snapshot_map){.place_count = list->place_count,
                                          .tombstones_kept_from = list->tombstones_kept_from,
                                          .now = list->now};
    FI_TRY(begin_work(&work, list));
    sort_items(&work);
    count_snapshots(&work);
    map->tree_count = give_positions(&work);
    FI_TRY(find_segments(map, &work));
    FI_TRY(merge_snapshot_fill(map, &work));
out:
    end_work(&work);
    if (rc != FIRN_OK) {
        fi_merge_snapshot_map_deinit(map);
        return fi_error_no_memory(err, "the snapshots of a compaction");
    }
    return FIRN_OK;
}

void
fi_merge_snapshot_map_deinit(struct fi_merge_snapshot_map *map)
{
    fi_free(map->bounds);
    fi_free(map->seen);
    fi_free(map->older);
    fi_free(map->blocks);
    fi_free(map->times_ms);
    *map = (struct fi_merge_snapshot_map){0};
}
