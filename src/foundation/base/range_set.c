/* SPDX-License-Identifier: Apache-2.0
 *
 * base/range_set.c: a forest over ranges in the order of their age. Each tree records what its
 * ranges cover together.
 *
 * A node is a single range, or stands for PARTS nodes of the level below that are consecutive in
 * age. It contains its spans: the union of its ranges as a sorted list of intervals that do not
 * touch. The newest nodes without a parent form a chain, newest first. An added range goes to the
 * head of the chain as a node of level 0. Whenever the first PARTS nodes of the chain have the same
 * level they become the parts of a new node, so the chain has fewer than PARTS nodes of each level.
 *
 * To find out whether something newer than a version covers its key is thus a binary search in the
 * spans of a few nodes; finding that range is a walk down into the parts that cover the key. A walk
 * enters a node only if the snapshot sees some of its sequences but not all: of nodes that are seen
 * completely, the newest that covers the key contains the answer. If ranges are added oldest first,
 * one interval of a snapshot sees at most two nodes of each level partly. So no shape of ranges
 * (identical, nested, a million small ones with a thousand large ones) makes a lookup slow. An
 * interval tree with the newest sequence of each subtree would have no such bound.
 *
 * Spans that touch are merged: a thousand adjacent ranges are one span, over which a cursor can
 * jump at once (fi_range_set_covered).
 *
 * Invariants.
 * (I1) A node never changes and is never freed once it can be reached from root; `older` points
 *      from a node to the next older one, also from part to part, and from the oldest part out of
 *      its parent. (Not checked: readers are given const nodes.)
 * (I2) One release store to root publishes everything that one add makes: readers see all of it or
 *      nothing. (Not checked: publish is the only store.)
 * (I3) Sequences of the parts of a node are within its sequence_min and sequence_max.
 *
 * Memory. Nodes and bounds are cut from blocks that grow from 256 bytes to 64 KiB. An add allocates
 * everything that it may need before it changes anything; reserve does so for many future adds, by
 * counting which nodes those will complete. Merging is amortized: an add that completes a node of
 * level l copies up to PARTS^l spans.
 *
 * The idea of a logarithmic number of static structures is J. L. Bentley's and J. B. Saxe's
 * (Decomposable Searching Problems I, 1980); here the smaller ones stay inside the larger.
 */
#include "base/range_set.h"

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"

/* The keys in [first->lower, last->upper), all of them covered. */
struct span {
    const struct fi_range *first;
    const struct fi_range *last;
};

/* Followed in memory by the range (level 0) or by the spans. */
struct fi_range_node {
    const struct fi_range_node *older;
    const struct fi_range_node *parts; /* the newest of them; NULL in level 0 */
    uint64_t sequence_min;
    uint64_t sequence_max;
    size_t span_count;
    uint32_t part_count;
    uint32_t level;
};

static inline const struct fi_range *
range_of(const struct fi_range_node *node)
{
    return (const struct fi_range *)(const void *)(node + 1);
}

static inline struct span
span_at(const struct fi_range_node *node, size_t i)
{
    if (node->level == 0) {
        return (struct span){range_of(node), range_of(node)};
    }
    return ((const struct span *)(const void *)(node + 1))[i];
}

/* Nodes that follow one another: a chain, or the parts of a node. */
struct row {
    const struct fi_range_node *newest;
    size_t count;
};

static inline const struct fi_range_node *
range_set_pop(struct row *row)
{
    const struct fi_range_node *node = row->count == 0 ? NULL : row->newest;
    if (node != NULL) {
        row->newest = node->older;
        row->count--;
    }
    return node;
}

/* ==== what readers ask of a range set, beside a writer ====
 *
 * Every function takes the chain once and goes down from it. A node is passed by where the snapshot
 * sees none of its sequences or where its spans do not hold the key: that is one binary search for
 * all its ranges. Recursion is as deep as the forest is high, at most 32. Nothing here writes, and
 * only the visit in order allocates. The structure and its invariants are above.
 */

/* ---- looking at one node ---- */

/* How many spans begin at or before key. */
static size_t
spans_up_to(const struct fi_range_node *node, firn_slice key)
{
    size_t low = 0;
    size_t high = node->span_count;
    FI_SEARCH_FIRST(low, high, middle,
                    fi_slice_compare(span_at(node, middle).first->lower, key) <= 0);
    return low;
}

/* The span that holds key. */
static bool
find_span(const struct fi_range_node *node, firn_slice key, struct span *out)
{
    size_t below = spans_up_to(node, key);
    if (below == 0) {
        return false;
    }
    DCHECK(below <= node->span_count);
    *out = span_at(node, below - 1);
    return fi_slice_compare(key, out->last->upper) < 0;
}

enum sight { SEES_NONE, SEES_SOME, SEES_ALL };

/* What a snapshot sees of the sequences that a node may hold. */
static enum sight
sight_of(const struct fi_snapshot *snapshot, const struct fi_range_node *node)
{
    size_t low = 0;
    size_t high = snapshot->count;
    /* for the first interval that does not end before them */
    FI_SEARCH_FIRST(low, high, middle, fi_snapshot_at(snapshot, middle).last < node->sequence_min);
    if (low == snapshot->count || snapshot->intervals[low].first > node->sequence_max) {
        return SEES_NONE;
    }
    struct fi_snapshot_interval interval = fi_snapshot_at(snapshot, low);
    return interval.first <= node->sequence_min && interval.last >= node->sequence_max ? SEES_ALL
                                                                                       : SEES_SOME;
}

/* ---- lookups ---- */

static struct row
chain_of(const struct fi_range_set *set)
{
    /* Acquire pairs with the release store in publish. */
    return (struct row){atomic_load_explicit(&set->root, memory_order_acquire), SIZE_MAX};
}

static struct row
parts_of(const struct fi_range_node *node)
{
    return (struct row){node->parts, node->part_count};
}

struct lookup {
    firn_slice key;
    const struct fi_snapshot *snapshot;
    uint64_t above;
};

static bool
may_cover(const struct lookup *lookup, const struct fi_range_node *node, struct span *out)
{
    return node->sequence_max > lookup->above && sight_of(lookup->snapshot, node) != SEES_NONE &&
           find_span(node, lookup->key, out);
}

/* Raises lookup->above to the newest sequence in the row that is asked for. Depth: the levels. */
static void
find_newest(struct row row, struct lookup *lookup)
{
    const struct fi_range_node *node;
    struct span span;
    while ((node = range_set_pop(&row)) != NULL) {
        if (!may_cover(lookup, node, &span)) {
            continue;
        }
        if (node->level == 0) {
            DCHECK(node->sequence_max == range_of(node)->sequence); /* (I3) */
            lookup->above = node->sequence_max;
        } else {
            find_newest(parts_of(node), lookup);
        }
    }
}

uint64_t
fi_range_set_covering(const struct fi_range_set *set, firn_slice key,
                      const struct fi_snapshot *snapshot, uint64_t above)
{
    struct lookup lookup = {key, snapshot, above};
    find_newest(chain_of(set), &lookup);
    return lookup.above == above ? 0 : lookup.above;
}

/* A node that is seen whole answers for all its ranges at once. */
static bool
find_stretch(struct row row, const struct lookup *lookup, struct fi_range_stretch *out)
{
    const struct fi_range_node *node;
    struct span span;
    while ((node = range_set_pop(&row)) != NULL) {
        if (!may_cover(lookup, node, &span)) {
            continue;
        }
        if (node->sequence_min > lookup->above && sight_of(lookup->snapshot, node) == SEES_ALL) {
            *out = (struct fi_range_stretch){.lower = span.first->lower,
                                             .upper = span.last->upper,
                                             .has_lower = true,
                                             .has_upper = true,
                                             .sequence = node->sequence_min};
            return true;
        }
        if (node->level > 0 && find_stretch(parts_of(node), lookup, out)) {
            return true;
        }
    }
    return false;
}

static bool
range_set_holds(const struct fi_range_stretch *stretch, firn_slice key)
{
    return (!stretch->has_lower || fi_slice_compare(stretch->lower, key) <= 0) &&
           (!stretch->has_upper || fi_slice_compare(key, stretch->upper) < 0);
}

bool
fi_range_set_covered(const struct fi_range_set *set, firn_slice key,
                     const struct fi_snapshot *snapshot, uint64_t above,
                     struct fi_range_stretch *out)
{
    struct lookup lookup = {key, snapshot, above};
    bool is_covered = find_stretch(chain_of(set), &lookup, out);
    DCHECK(!is_covered || (out->sequence > above && range_set_holds(out, key)));
    return is_covered;
}

static void
narrow_to_gap(const struct fi_range_node *node, size_t below, struct fi_range_stretch *stretch)
{
    if (below > 0) {
        firn_slice end = span_at(node, below - 1).last->upper;
        if (!stretch->has_lower || fi_slice_compare(end, stretch->lower) > 0) {
            stretch->lower = end;
            stretch->has_lower = true;
        }
    }
    if (below < node->span_count) {
        firn_slice begin = span_at(node, below).first->lower;
        if (!stretch->has_upper || fi_slice_compare(begin, stretch->upper) < 0) {
            stretch->upper = begin;
            stretch->has_upper = true;
        }
    }
}

static bool
range_set_narrow(struct row row, const struct lookup *lookup, struct fi_range_stretch *stretch)
{
    const struct fi_range_node *node;
    while ((node = range_set_pop(&row)) != NULL) {
        enum sight sight = sight_of(lookup->snapshot, node);
        if (node->sequence_max <= lookup->above || sight == SEES_NONE) {
            continue;
        }
        bool is_whole = sight == SEES_ALL && node->sequence_min > lookup->above;
        size_t below = spans_up_to(node, lookup->key);
        if (below == 0 ||
            fi_slice_compare(lookup->key, span_at(node, below - 1).last->upper) >= 0) {
            narrow_to_gap(node, below, stretch);
        } else if (is_whole || !range_set_narrow(parts_of(node), lookup, stretch)) {
            return false;
        }
    }
    return true;
}

bool
fi_range_set_free(const struct fi_range_set *set, firn_slice key,
                  const struct fi_snapshot *snapshot, uint64_t above,
                  struct fi_range_stretch *stretch)
{
    struct lookup lookup = {key, snapshot, above};
    DCHECK(range_set_holds(stretch, key));
    bool is_free = range_set_narrow(chain_of(set), &lookup, stretch);
    DCHECK(!is_free || range_set_holds(stretch, key));
    return is_free;
}

/* ---- visits ---- */

/* The ranges that reach into bounds; counted first, then collected. */
struct collection {
    const firn_slice *lower;
    const firn_slice *upper;
    const struct fi_range **ranges; /* NULL while counting */
    size_t count;
};

/* Spans are disjoint, so the last one that begins before the upper bound decides. */
static bool
reaches_into(const struct fi_range_node *node, const struct collection *collection)
{
    size_t before = node->span_count;
    if (collection->upper != NULL) {
        before = spans_up_to(node, *collection->upper);
        if (before > 0 &&
            fi_slice_equal(span_at(node, before - 1).first->lower, *collection->upper)) {
            before--;
        }
    }
    return before > 0 &&
           (collection->lower == NULL ||
            fi_slice_compare(span_at(node, before - 1).last->upper, *collection->lower) > 0);
}

static void
range_set_collect(struct row row, struct collection *collection)
{
    const struct fi_range_node *node;
    while ((node = range_set_pop(&row)) != NULL) {
        if (!reaches_into(node, collection)) {
            continue;
        }
        if (node->level > 0) {
            range_set_collect(parts_of(node), collection);
            continue;
        }
        if (collection->ranges != NULL) {
            collection->ranges[collection->count] = range_of(node);
        }
        collection->count++;
    }
}

static int
compare_ranges(const void *a, const void *b)
{
    const struct fi_range *left = *(const struct fi_range *const *)a;
    const struct fi_range *right = *(const struct fi_range *const *)b;
    int order = fi_slice_compare(left->lower, right->lower);
    if (order == 0) {
        order = (left->sequence < right->sequence) - (left->sequence > right->sequence);
    }
    return order != 0 ? order : fi_slice_compare(left->upper, right->upper);
}

int
fi_range_set_visit(const struct fi_range_set *set, const firn_slice *lower, const firn_slice *upper,
                   int (*visit)(void *ctx, const struct fi_range *range, firn_error *err),
                   void *ctx, firn_error *err)
{
    struct row chain = chain_of(set);
    struct collection collection = {.lower = lower, .upper = upper};
    range_set_collect(chain, &collection);
    size_t count = collection.count;
    if (count == 0) {
        return FIRN_OK;
    }
    collection.ranges = fi_alloc_array(count, sizeof(const struct fi_range *));
    if (collection.ranges == NULL) {
        return fi_error_no_memory(err, "the order of range deletes");
    }
    collection.count = 0;
    range_set_collect(chain, &collection);
    CHECK(collection.count == count);
    fi_sort(collection.ranges, count, sizeof(const struct fi_range *), compare_ranges);
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = visit(ctx, collection.ranges[i], err);
    }
    fi_free(collection.ranges);
    return rc;
}

enum {
    PARTS = 4,
    LEVEL_SEALED = 31, /* above all levels that memory has room for */
    CHAIN_MAX = PARTS * LEVEL_SEALED,
    BLOCK_SIZE_MIN = 256,
    BLOCK_SIZE_MAX = 64 << 10,
    /* Arena chunks are never shared: each block is larger than a quarter of this. */
    ARENA_CHUNK_SIZE = 512
};

/* ---- memory ---- */

static size_t
round_up(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static size_t
room_left(const struct fi_range_room *room)
{
    DCHECK(room->at <= room->end);
    return (size_t)(room->end - room->at);
}

static void
swap_rooms(struct fi_range_set *set)
{
    struct fi_range_room room = set->room;
    set->room = set->other_room;
    set->other_room = room;
}

/* Makes the current room hold at least size bytes. Of the rooms left over the larger one is
 * kept. */
static int
reserve_room(struct fi_range_set *set, size_t size)
{
    if (room_left(&set->room) >= size) {
        return FIRN_OK;
    }
    if (room_left(&set->other_room) >= size) {
        swap_rooms(set);
        return FIRN_OK;
    }
    set->arena.chunk_size = ARENA_CHUNK_SIZE;
    size_t block = set->arena.total_bytes / 4;
    block = block < BLOCK_SIZE_MIN ? BLOCK_SIZE_MIN : block;
    block = block > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : block;
    block = round_up(block < size ? size : block);
    uint8_t *memory = fi_arena_alloc(&set->arena, block);
    if (memory == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (room_left(&set->room) > room_left(&set->other_room)) {
        swap_rooms(set);
    }
    set->room = (struct fi_range_room){memory, memory + block};
    DCHECK(block >= size && (uintptr_t)set->room.end % 8 == 0);
    return FIRN_OK;
}

/* Cannot fail: reserved before. */
static void *
range_set_cut(struct fi_range_set *set, size_t size)
{
    size = round_up(size);
    CHECK(room_left(&set->room) >= size);
    void *memory = set->room.at;
    set->room.at += size;
    return memory;
}

/* *total grows by count * size. */
static bool
add_product(size_t *total, size_t count, size_t size)
{
    size_t product;
    return fi_mul_size(count, size, &product) && fi_add_size(*total, product, total);
}

/* What the next range_count ranges take, at most. */
static bool
size_of_adds(const struct fi_range_set *set, size_t range_count, size_t content_bytes, size_t *out)
{
    size_t end;
    size_t total = 0;
    if (!fi_add_size(set->count, range_count, &end) || content_bytes > SIZE_MAX - 7 ||
        !add_product(&total, range_count,
                     sizeof(struct fi_range_node) + sizeof(struct fi_range) + 7) ||
        !fi_add_size(total, round_up(content_bytes), &total)) {
        return false;
    }
    for (size_t size = PARTS; size <= end; size *= PARTS) {
        size_t merges = end / size - set->count / size;
        size_t node_size;
        if (merges == 0) { /* nor on any level above */
            break;
        }
        if (!fi_mul_size(size, sizeof(struct span), &node_size) ||
            !fi_add_size(node_size, sizeof(struct fi_range_node), &node_size) ||
            !add_product(&total, merges, node_size)) {
            return false;
        }
        if (size > end / PARTS) {
            break;
        }
    }
    *out = total;
    return true;
}

int
fi_range_set_reserve(struct fi_range_set *set, size_t range_count, size_t content_bytes,
                     firn_error *err)
{
    size_t size;
    if (!size_of_adds(set, range_count, content_bytes, &size) || size > SIZE_MAX - 7 ||
        reserve_room(set, size) != FIRN_OK) {
        return fi_error_no_memory(err, "range deletes");
    }
    return FIRN_OK;
}

size_t
fi_range_set_size_bytes(const struct fi_range_set *set)
{
    return set->arena.total_bytes;
}

void
fi_range_set_deinit(struct fi_range_set *set)
{
    fi_arena_deinit(&set->arena);
    set->count = 0;
    set->room = (struct fi_range_room){0};
    set->other_room = (struct fi_range_room){0};
    set->newest = 0;
    set->is_unordered = false;
    set->is_sealed = false;
    atomic_store_explicit(&set->root, NULL, memory_order_relaxed);
}

/* ---- adding ---- */

static firn_slice
copy_slice(struct fi_range_set *set, firn_slice slice)
{
    uint8_t *bytes = set->room.at;
    CHECK(room_left(&set->room) >= slice.size);
    if (slice.size > 0) {
        memcpy(bytes, slice.data, slice.size);
    }
    set->room.at += slice.size;
    return firn_bytes(bytes, slice.size);
}

static const struct fi_range_node *
make_single(struct fi_range_set *set, const struct fi_range *range,
            const struct fi_range_node *older)
{
    struct fi_range_node *node =
        range_set_cut(set, sizeof(struct fi_range_node) + sizeof(struct fi_range));
    struct fi_range *copy = (struct fi_range *)(void *)(node + 1);
    *node = (struct fi_range_node){.older = older,
                                   .sequence_min = range->sequence,
                                   .sequence_max = range->sequence,
                                   .span_count = 1};
    copy->lower = copy_slice(set, range->lower);
    copy->upper = copy_slice(set, range->upper);
    copy->sequence = range->sequence;
    set->room.at += -(uintptr_t)set->room.at & 7;
    return node;
}

/* Where the uniting of parts stands in one of them. */
struct front {
    const struct fi_range_node *node;
    size_t at;
};

/* The front whose next span begins first; NULL when all are done. */
static struct front *
first_front(struct front *fronts, size_t count)
{
    struct front *first = NULL;
    for (size_t i = 0; i < count; i++) {
        struct front *front = &fronts[i];
        if (front->at < front->node->span_count &&
            (first == NULL || fi_slice_compare(span_at(front->node, front->at).first->lower,
                                               span_at(first->node, first->at).first->lower) < 0)) {
            first = front;
        }
    }
    return first;
}

/* Writes the union of the parts' spans; returns how many there are. */
static size_t
range_set_unite(struct row parts, struct span *out)
{
    struct front fronts[CHAIN_MAX];
    size_t front_count = 0;
    size_t count = 0;
    const struct fi_range_node *node;
    while ((node = range_set_pop(&parts)) != NULL) {
        CHECK(front_count < CHAIN_MAX);
        fronts[front_count++] = (struct front){.node = node};
    }
    struct front *front;
    while ((front = first_front(fronts, front_count)) != NULL) {
        struct span span = span_at(front->node, front->at++);
        struct span *before = count > 0 ? &out[count - 1] : NULL;
        if (before == NULL || fi_slice_compare(span.first->lower, before->last->upper) > 0) {
            out[count++] = span;
        } else if (fi_slice_compare(span.last->upper, before->last->upper) > 0) {
            before->last = span.last;
        }
    }
    return count;
}

/* Whether the spans of a node ascend and do not touch. */
static bool
is_disjoint(const struct fi_range_node *node)
{
    for (size_t i = 0; i < node->span_count; i++) {
        struct span span = span_at(node, i);
        if (fi_slice_compare(span.first->lower, span.last->upper) >= 0 ||
            (i > 0 && fi_slice_compare(span_at(node, i - 1).last->upper, span.first->lower) >= 0)) {
            return false;
        }
    }
    return node->span_count > 0;
}

/* A node over the parts, of which there are some; it takes their place in the chain. */
static const struct fi_range_node *
make_parent(struct fi_range_set *set, struct row parts, uint32_t level)
{
    struct fi_range_node *parent = range_set_cut(set, sizeof *parent);
    *parent = (struct fi_range_node){.parts = parts.newest,
                                     .sequence_min = UINT64_MAX,
                                     .part_count = (uint32_t)parts.count,
                                     .level = level};
    struct row rest = parts;
    const struct fi_range_node *part;
    while ((part = range_set_pop(&rest)) != NULL) {
        if (part->sequence_min < parent->sequence_min) {
            parent->sequence_min = part->sequence_min;
        }
        if (part->sequence_max > parent->sequence_max) {
            parent->sequence_max = part->sequence_max;
        }
        parent->older = part->older;
    }
    parent->span_count = range_set_unite(parts, (struct span *)(void *)(parent + 1));
    (void)range_set_cut(set, parent->span_count * sizeof(struct span));
    DCHECK(is_disjoint(parent));
    DCHECK(parent->sequence_min <= parent->sequence_max); /* (I3) */
    return parent;
}

static bool
is_complete(struct row parts)
{
    DCHECK(parts.count == PARTS);
    uint32_t level = parts.newest->level;
    size_t count = 0;
    const struct fi_range_node *part;
    while ((part = range_set_pop(&parts)) != NULL && part->level == level) {
        count++;
    }
    return count == PARTS;
}

static void
range_set_publish(struct fi_range_set *set, const struct fi_range_node *root)
{
    DCHECK(root != NULL);
    /* Pairs with the acquire loads in chain_of and fi_range_set_is_empty. */
    atomic_store_explicit(&set->root, root, memory_order_release);
}

int
fi_range_set_add(struct fi_range_set *set, const struct fi_range *range, firn_error *err)
{
    CHECK(!set->is_sealed);
    if (fi_slice_compare(range->lower, range->upper) >= 0) {
        return FIRN_OK;
    }
    size_t content_bytes;
    if (!fi_add_size(range->lower.size, range->upper.size, &content_bytes)) {
        return fi_error_no_memory(err, "a range delete");
    }
    FI_TRY_RETURN(fi_range_set_reserve(set, 1, content_bytes, err));
    const struct fi_range_node *root =
        make_single(set, range, atomic_load_explicit(&set->root, memory_order_relaxed));
    struct row parts = {root, PARTS};
    while (is_complete(parts)) {
        CHECK(parts.newest->level + 1 < LEVEL_SEALED);
        parts.newest = make_parent(set, parts, parts.newest->level + 1);
    }
    set->count++;
    set->is_unordered |= range->sequence < set->newest;
    set->newest = range->sequence;
    range_set_publish(set, parts.newest);
    return FIRN_OK;
}

/* ---- sealing ---- */

static int
push_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    const struct fi_range ***end = ctx;
    *(*end)++ = range;
    return FIRN_OK;
}

static int
compare_ages(const void *a, const void *b)
{
    const struct fi_range *left = *(const struct fi_range *const *)a;
    const struct fi_range *right = *(const struct fi_range *const *)b;
    return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* The same ranges in a set of their own, oldest first. */
static int
add_by_age(const struct fi_range_set *set, struct fi_range_set *out, firn_error *err)
{
    int rc = FIRN_OK;
    const struct fi_range **ranges = fi_alloc_array(set->count, sizeof(struct fi_range *));
    const struct fi_range **end = ranges;
    if (ranges == NULL) {
        return fi_error_no_memory(err, "the order of range deletes");
    }
    FI_TRY(fi_range_set_visit(set, NULL, NULL, push_range, &end, err));
    CHECK((size_t)(end - ranges) == set->count);
    fi_sort(ranges, set->count, sizeof(struct fi_range *), compare_ages);
    for (size_t i = 0; i < set->count; i++) {
        FI_TRY(fi_range_set_add(out, ranges[i], err));
    }
out:
    fi_free(ranges);
    return rc;
}

static int
put_in_order(struct fi_range_set *set, firn_error *err)
{
    struct fi_range_set ordered = {0};
    int rc = add_by_age(set, &ordered, err);
    if (rc != FIRN_OK) {
        fi_range_set_deinit(&ordered);
        return rc;
    }
    CHECK(ordered.count == set->count && !ordered.is_unordered); /* no range is lost */
    fi_range_set_deinit(set);
    set->arena = ordered.arena;
    set->count = ordered.count;
    set->room = ordered.room;
    set->other_room = ordered.other_room;
    set->newest = ordered.newest;
    range_set_publish(set, atomic_load_explicit(&ordered.root, memory_order_relaxed));
    return FIRN_OK;
}

static int
join_chain(struct fi_range_set *set, firn_error *err)
{
    const struct fi_range_node *root = atomic_load_explicit(&set->root, memory_order_relaxed);
    struct row chain = {root, 0};
    size_t span_count = 0;
    for (const struct fi_range_node *node = root; node != NULL; node = node->older) {
        span_count += node->span_count;
        chain.count++;
    }
    if (chain.count > 1) {
        size_t size = sizeof *root + span_count * sizeof(struct span);
        if (reserve_room(set, size) != FIRN_OK) {
            return fi_error_no_memory(err, "range deletes");
        }
        range_set_publish(set, make_parent(set, chain, LEVEL_SEALED));
    }
    return FIRN_OK;
}

int
fi_range_set_seal(struct fi_range_set *set, firn_error *err)
{
    CHECK(!set->is_sealed);
    int rc = set->is_unordered ? put_in_order(set, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = join_chain(set, err);
    }
    set->is_sealed = rc == FIRN_OK;
    return rc;
}
