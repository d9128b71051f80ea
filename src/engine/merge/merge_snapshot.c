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
