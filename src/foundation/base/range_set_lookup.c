/* SPDX-License-Identifier: Apache-2.0
 *
 * base/range_set_lookup.c: what readers ask of a range set, beside a writer.
 *
 * Every function takes the chain once and goes down from it. A node is passed by where the view
 * sees none of its sequences or where its spans do not hold the key: that is one binary search for
 * all its ranges. Recursion is as deep as the forest is high, at most 32. Nothing here writes, and
 * only the visit in order allocates. The structure and its invariants are in range_set.c.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/range_set_node.h"
#include "base/sort.h"

/* ---- looking at one node ---- */

/* How many spans begin at or before key. */
static size_t
spans_up_to(const struct firn_range_node *node, firn_slice key)
{
    size_t low = 0;
    size_t high = node->span_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (firn_slice_compare(firn_range_span_at(node, middle).first->lower, key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The span that holds key. */
static bool
find_span(const struct firn_range_node *node, firn_slice key, struct firn_range_span *out)
{
    size_t below = spans_up_to(node, key);
    if (below == 0) {
        return false;
    }
    DCHECK(below <= node->span_count);
    *out = firn_range_span_at(node, below - 1);
    return firn_slice_compare(key, out->last->upper) < 0;
}

enum sight { SEES_NONE, SEES_SOME, SEES_ALL };

/* What a view sees of the sequences that a node may hold. */
static enum sight
sight_of(const struct firn_view *view, const struct firn_range_node *node)
{
    size_t low = 0;
    size_t high = view->count;
    while (low < high) { /* for the first interval that does not end before them */
        size_t middle = low + (high - low) / 2;
        if (firn_view_at(view, middle).last < node->sequence_min) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == view->count || view->intervals[low].first > node->sequence_max) {
        return SEES_NONE;
    }
    struct firn_view_interval interval = firn_view_at(view, low);
    return interval.first <= node->sequence_min && interval.last >= node->sequence_max ? SEES_ALL
                                                                                       : SEES_SOME;
}

/* ---- lookups ---- */

static struct firn_range_row
chain_of(const struct firn_range_set *set)
{
    /* Acquire pairs with the release store in publish (range_set.c). */
    return (struct firn_range_row){atomic_load_explicit(&set->root, memory_order_acquire),
                                   SIZE_MAX};
}

static struct firn_range_row
parts_of(const struct firn_range_node *node)
{
    return (struct firn_range_row){node->parts, node->part_count};
}

struct lookup {
    firn_slice key;
    const struct firn_view *view;
    uint64_t above;
};

static bool
may_cover(const struct lookup *lookup, const struct firn_range_node *node,
          struct firn_range_span *out)
{
    return node->sequence_max > lookup->above && sight_of(lookup->view, node) != SEES_NONE &&
           find_span(node, lookup->key, out);
}

/* Raises lookup->above to the newest sequence in the row that is asked for. Depth: the levels. */
static void
find_newest(struct firn_range_row row, struct lookup *lookup)
{
    const struct firn_range_node *node;
    struct firn_range_span span;
    while ((node = firn_range_pop(&row)) != NULL) {
        if (!may_cover(lookup, node, &span)) {
            continue;
        }
        if (node->level == 0) {
            DCHECK(node->sequence_max == firn_range_of(node)->sequence); /* (I3) */
            lookup->above = node->sequence_max;
        } else {
            find_newest(parts_of(node), lookup);
        }
    }
}

uint64_t
firn_range_set_covering(const struct firn_range_set *set, firn_slice key,
                        const struct firn_view *view, uint64_t above)
{
    struct lookup lookup = {key, view, above};
    find_newest(chain_of(set), &lookup);
    return lookup.above == above ? 0 : lookup.above;
}

/* A node that is seen whole answers for all its ranges at once. */
static bool
find_stretch(struct firn_range_row row, const struct lookup *lookup, struct firn_range_stretch *out)
{
    const struct firn_range_node *node;
    struct firn_range_span span;
    while ((node = firn_range_pop(&row)) != NULL) {
        if (!may_cover(lookup, node, &span)) {
            continue;
        }
        if (node->sequence_min > lookup->above && sight_of(lookup->view, node) == SEES_ALL) {
            *out = (struct firn_range_stretch){.lower = span.first->lower,
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
holds(const struct firn_range_stretch *stretch, firn_slice key)
{
    return (!stretch->has_lower || firn_slice_compare(stretch->lower, key) <= 0) &&
           (!stretch->has_upper || firn_slice_compare(key, stretch->upper) < 0);
}

bool
firn_range_set_covered(const struct firn_range_set *set, firn_slice key,
                       const struct firn_view *view, uint64_t above, struct firn_range_stretch *out)
{
    struct lookup lookup = {key, view, above};
    bool is_covered = find_stretch(chain_of(set), &lookup, out);
    DCHECK(!is_covered || (out->sequence > above && holds(out, key)));
    return is_covered;
}

static void
narrow_to_gap(const struct firn_range_node *node, size_t below, struct firn_range_stretch *stretch)
{
    if (below > 0) {
        firn_slice end = firn_range_span_at(node, below - 1).last->upper;
        if (!stretch->has_lower || firn_slice_compare(end, stretch->lower) > 0) {
            stretch->lower = end;
            stretch->has_lower = true;
        }
    }
    if (below < node->span_count) {
        firn_slice begin = firn_range_span_at(node, below).first->lower;
        if (!stretch->has_upper || firn_slice_compare(begin, stretch->upper) < 0) {
            stretch->upper = begin;
            stretch->has_upper = true;
        }
    }
}

static bool
narrow(struct firn_range_row row, const struct lookup *lookup, struct firn_range_stretch *stretch)
{
    const struct firn_range_node *node;
    while ((node = firn_range_pop(&row)) != NULL) {
        enum sight sight = sight_of(lookup->view, node);
        if (node->sequence_max <= lookup->above || sight == SEES_NONE) {
            continue;
        }
        bool is_whole = sight == SEES_ALL && node->sequence_min > lookup->above;
        size_t below = spans_up_to(node, lookup->key);
        if (below == 0 ||
            firn_slice_compare(lookup->key, firn_range_span_at(node, below - 1).last->upper) >= 0) {
            narrow_to_gap(node, below, stretch);
        } else if (is_whole || !narrow(parts_of(node), lookup, stretch)) {
            return false;
        }
    }
    return true;
}

bool
firn_range_set_free(const struct firn_range_set *set, firn_slice key, const struct firn_view *view,
                    uint64_t above, struct firn_range_stretch *stretch)
{
    struct lookup lookup = {key, view, above};
    DCHECK(holds(stretch, key));
    bool is_free = narrow(chain_of(set), &lookup, stretch);
    DCHECK(!is_free || holds(stretch, key));
    return is_free;
}

/* ---- visits ---- */

static void
visit_covering(struct firn_range_row row, firn_slice key,
               void (*visit)(void *ctx, const struct firn_range *range), void *ctx)
{
    const struct firn_range_node *node;
    struct firn_range_span span;
    while ((node = firn_range_pop(&row)) != NULL) {
        if (!find_span(node, key, &span)) {
            continue;
        }
        if (node->level == 0) {
            visit(ctx, firn_range_of(node));
        } else {
            visit_covering(parts_of(node), key, visit, ctx);
        }
    }
}

void
firn_range_set_visit_covering(const struct firn_range_set *set, firn_slice key,
                              void (*visit)(void *ctx, const struct firn_range *range), void *ctx)
{
    visit_covering(chain_of(set), key, visit, ctx);
}

/* The ranges that reach into bounds; counted first, then collected. */
struct collection {
    const firn_slice *lower;
    const firn_slice *upper;
    const struct firn_range **ranges; /* NULL while counting */
    size_t count;
};

/* Spans are disjoint, so the last one that begins before the upper bound decides. */
static bool
reaches_into(const struct firn_range_node *node, const struct collection *collection)
{
    size_t before = node->span_count;
    if (collection->upper != NULL) {
        before = spans_up_to(node, *collection->upper);
        if (before > 0 && firn_slice_equal(firn_range_span_at(node, before - 1).first->lower,
                                           *collection->upper)) {
            before--;
        }
    }
    return before > 0 && (collection->lower == NULL ||
                          firn_slice_compare(firn_range_span_at(node, before - 1).last->upper,
                                             *collection->lower) > 0);
}

static void
collect(struct firn_range_row row, struct collection *collection)
{
    const struct firn_range_node *node;
    while ((node = firn_range_pop(&row)) != NULL) {
        if (!reaches_into(node, collection)) {
            continue;
        }
        if (node->level > 0) {
            collect(parts_of(node), collection);
            continue;
        }
        if (collection->ranges != NULL) {
            collection->ranges[collection->count] = firn_range_of(node);
        }
        collection->count++;
    }
}

static int
compare_ranges(const void *a, const void *b)
{
    const struct firn_range *left = *(const struct firn_range *const *)a;
    const struct firn_range *right = *(const struct firn_range *const *)b;
    int order = firn_slice_compare(left->lower, right->lower);
    if (order == 0) {
        order = (left->sequence < right->sequence) - (left->sequence > right->sequence);
    }
    return order != 0 ? order : firn_slice_compare(left->upper, right->upper);
}

int
firn_range_set_visit(const struct firn_range_set *set, const firn_slice *lower,
                     const firn_slice *upper,
                     int (*visit)(void *ctx, const struct firn_range *range, firn_error *err),
                     void *ctx, firn_error *err)
{
    struct firn_range_row chain = chain_of(set);
    struct collection collection = {.lower = lower, .upper = upper};
    collect(chain, &collection);
    size_t count = collection.count;
    if (count == 0) {
        return FIRN_OK;
    }
    collection.ranges = firn_alloc_array(count, sizeof(const struct firn_range *));
    if (collection.ranges == NULL) {
        return firn_error_no_memory(err, "the order of range deletes");
    }
    collection.count = 0;
    collect(chain, &collection);
    CHECK(collection.count == count);
    firn_sort(collection.ranges, count, sizeof(const struct firn_range *), compare_ranges);
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = visit(ctx, collection.ranges[i], err);
    }
    firn_free(collection.ranges);
    return rc;
}
