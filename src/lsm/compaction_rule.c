/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/compaction_rule.c: which versions some live view still reads.
 *
 * A version is needed if there is a view that sees it and none of the newer versions of its key. So
 * per key one has to know, of each view, whether it has seen a version yet. There may be thousands
 * of views; what makes this cheap is that they are alike.
 *
 * Segments. The ends of all intervals of all views cut the sequences into segments; sequences of
 * one segment are seen by the same views. What concerns sequences is computed once a segment, when
 * the rule is made.
 *
 * Families. Checkpoints that were taken one after the other differ only in where their last
 * interval ends. Views that are equal but for that form a family, its members sorted by it; who of
 * a family sees a sequence is then always the members from some index on: `from`, 0 for all of
 * them, the number of members for none. Who has not seen a version yet is always the members below
 * some index: `unserved`. A version is needed if in some family from < unserved, and then unserved
 * becomes from. A thousand checkpoints without a restore are one family and cost what one view
 * costs; a thousand restores are a thousand families and cost that many comparisons a version.
 *
 * The first version of a key is needed if anybody sees it, which is one lookup; the table of the
 * unserved is only made for the second one in another segment.
 *
 * Merge operands ask without serving anybody. Of time, all that matters of a segment is the
 * earliest time of the views that see it: before that, nothing in it has expired for all of them.
 * It is the least of each family's members from `from` on.
 *
 * Memory: 4 bytes a segment and family. Time to make: that, and sorting the views. Views that see
 * nothing, and equal ones, count for nothing.
 */
#include "lsm/compaction_rule.h"

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/sort.h"

/* views[first] to views[first + count - 1], sorted by their ends, no two equal. */
struct family {
    size_t first;
    size_t count;
};

enum state { NOTHING_SERVED, ONE_SEGMENT_SERVED, SOME_SERVED };

struct firn_compaction_rule {
    uint64_t *bounds; /* segment i is [bounds[i], bounds[i + 1]); the last has no end */
    size_t segment_count;
    size_t family_count;
    uint32_t *from;     /* of segment i and family f: from[i * family_count + f] */
    bool *is_seen;      /* of each segment: whether any view sees it */
    bool *is_now;       /* of each segment: whether now sees it; NULL: there is no now */
    uint64_t *times_ms; /* of each segment: the earliest of the views that see it */
    size_t segment;     /* where the last lookup ended */
    /* Of the current key. */
    enum state state;
    size_t last_served;
    uint32_t *unserved; /* of each family; not made before SOME_SERVED */
};

/* ---- lookups ---- */

size_t
firn_compaction_rule_segment_count(const struct firn_compaction_rule *rule)
{
    return rule->segment_count;
}

static size_t
find_segment(const struct firn_compaction_rule *rule, uint64_t sequence)
{
    size_t low = 0;
    size_t high = rule->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (rule->bounds[middle] <= sequence) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t
firn_compaction_rule_segment(const struct firn_compaction_rule *rule, uint64_t sequence)
{
    size_t segment = rule->segment;
    bool is_same = sequence >= rule->bounds[segment] &&
                   (segment + 1 == rule->segment_count || sequence < rule->bounds[segment + 1]);
    return is_same ? segment : find_segment(rule, sequence);
}

void
firn_compaction_rule_begin_key(struct firn_compaction_rule *rule)
{
    rule->state = NOTHING_SERVED;
}

static const uint32_t *
from_of(const struct firn_compaction_rule *rule, size_t segment)
{
    return rule->from + segment * rule->family_count;
}

static bool
serve(struct firn_compaction_rule *rule, size_t segment)
{
    const uint32_t *from = from_of(rule, segment);
    uint32_t *unserved = rule->unserved;
    bool is_needed = false;
    for (size_t i = 0; i < rule->family_count; i++) {
        is_needed |= from[i] < unserved[i];
        unserved[i] = from[i] < unserved[i] ? from[i] : unserved[i];
    }
    return is_needed;
}

bool
firn_compaction_rule_needs(struct firn_compaction_rule *rule, uint64_t sequence)
{
    size_t segment = firn_compaction_rule_segment(rule, sequence);
    rule->segment = segment;
    if (!rule->is_seen[segment]) {
        return false;
    }
    if (rule->state == NOTHING_SERVED) {
        rule->state = ONE_SEGMENT_SERVED;
        rule->last_served = segment;
        return true;
    }
    if (segment == rule->last_served) {
        return false;
    }
    if (rule->state == ONE_SEGMENT_SERVED) {
        rule->state = SOME_SERVED;
        memcpy(rule->unserved, from_of(rule, rule->last_served),
               rule->family_count * sizeof *rule->unserved);
    }
    rule->last_served = segment;
    return serve(rule, segment);
}

/* Whether some view sees the segment and is unserved. */
static bool
has_unserved(const struct firn_compaction_rule *rule, size_t segment)
{
    const uint32_t *from = from_of(rule, segment);
    const uint32_t *unserved =
        rule->state == SOME_SERVED ? rule->unserved : from_of(rule, rule->last_served);
    for (size_t i = 0; i < rule->family_count; i++) {
        if (from[i] < unserved[i]) {
            return true;
        }
    }
    return false;
}

bool
firn_compaction_rule_needs_operand(struct firn_compaction_rule *rule, uint64_t sequence)
{
    size_t segment = firn_compaction_rule_segment(rule, sequence);
    rule->segment = segment;
    return rule->is_seen[segment] && (rule->state == NOTHING_SERVED || has_unserved(rule, segment));
}

uint64_t
firn_compaction_rule_time_ms(const struct firn_compaction_rule *rule, uint64_t sequence)
{
    return rule->times_ms[firn_compaction_rule_segment(rule, sequence)];
}

bool
firn_compaction_rule_now_sees(const struct firn_compaction_rule *rule, uint64_t sequence)
{
    return rule->is_now == NULL || rule->is_now[firn_compaction_rule_segment(rule, sequence)];
}

/* ---- making: families ---- */

static struct firn_view_interval
last_of(const struct firn_view *view)
{
    return firn_view_at(view, view->count - 1);
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By all that members of a family have in common: 0 within a family. */
static int
compare_families(const struct firn_view *a, const struct firn_view *b)
{
    int order = compare_numbers(a->count, b->count);
    for (size_t i = 0; i < a->count && order == 0; i++) {
        order = compare_numbers(a->intervals[i].first, b->intervals[i].first);
        if (order == 0 && i + 1 < a->count) {
            order = compare_numbers(a->intervals[i].last, b->intervals[i].last);
        }
    }
    return order;
}

/* A view and when it reads. */
struct timed {
    struct firn_view view;
    uint64_t time_ms;
};

static int
compare_views(const void *a, const void *b)
{
    const struct firn_view *left = &((const struct timed *)a)->view;
    const struct firn_view *right = &((const struct timed *)b)->view;
    int order = compare_families(left, right);
    return order != 0 ? order : compare_numbers(last_of(left).last, last_of(right).last);
}

/* What making a rule works with. */
struct work {
    struct timed *views; /* sorted, none empty, no two equal */
    size_t view_count;
    struct family *families;
    size_t family_count;
    uint64_t *bounds;
    size_t bound_count;
};

static void
work_deinit(struct work *work)
{
    firn_free(work->views);
    firn_free(work->families);
    firn_free(work->bounds);
}

static int
sort_views(struct work *work, const struct firn_view_list *views)
{
    work->views = firn_alloc_array(views->count, sizeof *work->views);
    work->families = firn_alloc_array(views->count, sizeof *work->families);
    if (work->views == NULL || work->families == NULL) {
        return FIRN_NO_MEMORY;
    }
    size_t count = 0;
    for (size_t i = 0; i < views->count; i++) {
        if (views->views[i].count > 0) {
            uint64_t time_ms = views->times_ms == NULL ? 0 : views->times_ms[i];
            work->views[count++] = (struct timed){views->views[i], time_ms};
        }
    }
    firn_sort(work->views, count, sizeof *work->views, compare_views);
    for (size_t i = 0; i < count; i++) {
        struct timed view = work->views[i];
        struct timed *before = work->view_count > 0 ? &work->views[work->view_count - 1] : NULL;
        if (before != NULL && compare_views(before, &view) == 0) {
            before->time_ms = view.time_ms < before->time_ms ? view.time_ms : before->time_ms;
            continue;
        }
        if (before == NULL || compare_families(&before->view, &view.view) != 0) {
            work->families[work->family_count++] = (struct family){.first = work->view_count};
        }
        work->families[work->family_count - 1].count++;
        work->views[work->view_count++] = view;
    }
    return FIRN_OK;
}

/* ---- making: segments ---- */

/* Restores repeat the intervals of what they restore: most bounds come again and again. What went
 * through lately is left out before the sorting. */
enum { FILTER_SIZE = 1024 };

static void
add_bound(struct work *work, uint64_t *filter, uint64_t bound)
{
    size_t at = (size_t)(bound * UINT64_C(0x9e3779b97f4a7c15) >> 54);
    if (filter[at] != bound) {
        filter[at] = bound;
        work->bounds[work->bound_count++] = bound;
    }
}

static void
add_interval(struct work *work, uint64_t *filter, const struct firn_view_interval *interval)
{
    add_bound(work, filter, interval->first);
    if (interval->last < UINT64_MAX) {
        add_bound(work, filter, interval->last + 1);
    }
}

static int
compare_bounds(const void *a, const void *b)
{
    return compare_numbers(*(const uint64_t *)a, *(const uint64_t *)b);
}

/* All bounds of intervals of a family: of what is common once, of the ends of each member. */
static bool
count_bounds(const struct work *work, size_t *out)
{
    size_t count = 1;
    for (size_t i = 0; i < work->family_count; i++) {
        const struct family *family = &work->families[i];
        size_t bounds;
        if (!firn_mul_size(2, work->views[family->first].view.count + family->count, &bounds) ||
            !firn_add_size(count, bounds, &count)) {
            return false;
        }
    }
    *out = count;
    return true;
}

static int
find_segments(struct work *work)
{
    size_t count;
    if (!count_bounds(work, &count)) {
        return FIRN_NO_MEMORY;
    }
    work->bounds = firn_alloc_array(count, sizeof *work->bounds);
    if (work->bounds == NULL) {
        return FIRN_NO_MEMORY;
    }
    uint64_t filter[FILTER_SIZE] = {0};
    work->bounds[work->bound_count++] = 0;
    for (size_t i = 0; i < work->family_count; i++) {
        const struct family *family = &work->families[i];
        const struct timed *views = &work->views[family->first];
        for (size_t j = 0; j + 1 < views->view.count; j++) {
            add_interval(work, filter, &views->view.intervals[j]);
        }
        for (size_t j = 0; j < family->count; j++) {
            struct firn_view_interval last = last_of(&views[j].view);
            add_interval(work, filter, &last);
        }
    }
    CHECK(work->bound_count <= count);
    firn_sort(work->bounds, work->bound_count, sizeof *work->bounds, compare_bounds);
    size_t distinct = 1;
    for (size_t i = 1; i < work->bound_count; i++) {
        if (work->bounds[i] != work->bounds[distinct - 1]) {
            work->bounds[distinct++] = work->bounds[i];
        }
    }
    work->bound_count = distinct;
    return FIRN_OK;
}

/* ---- making: who sees what ---- */

/* In one family the sequences of an interval are seen by the members from `from` on, the earliest
 * of which reads at a time. */
static void
set_from(struct firn_compaction_rule *rule, size_t family,
         const struct firn_view_interval *interval, uint32_t from, uint64_t time_ms)
{
    size_t segment = find_segment(rule, interval->first);
    while (segment < rule->segment_count && rule->bounds[segment] <= interval->last) {
        rule->from[segment * rule->family_count + family] = from;
        rule->is_seen[segment] = true;
        rule->times_ms[segment] =
            time_ms < rule->times_ms[segment] ? time_ms : rule->times_ms[segment];
        segment++;
    }
}

static void
set_family(struct firn_compaction_rule *rule, const struct work *work, size_t at)
{
    const struct family *family = &work->families[at];
    struct timed *views = &work->views[family->first];
    for (size_t i = 0; i < rule->segment_count; i++) {
        rule->from[i * rule->family_count + at] = (uint32_t)family->count;
    }
    /* Of each member, from here on: the earliest of it and those behind it. */
    for (size_t i = family->count - 1; i > 0; i--) {
        if (views[i].time_ms < views[i - 1].time_ms) {
            views[i - 1].time_ms = views[i].time_ms;
        }
    }
    for (size_t i = 0; i + 1 < views->view.count; i++) {
        set_from(rule, at, &views->view.intervals[i], 0, views->time_ms);
    }
    struct firn_view_interval rest = last_of(&views[0].view);
    for (size_t i = 0; i < family->count; i++) {
        rest.last = last_of(&views[i].view).last;
        set_from(rule, at, &rest, (uint32_t)i, views[i].time_ms);
        rest.first = rest.last + 1; /* of the next member, whose end is above this one's */
    }
}

static int
fill(struct firn_compaction_rule *rule, struct work *work)
{
    size_t cells;
    rule->segment_count = work->bound_count;
    rule->family_count = work->family_count;
    rule->bounds = work->bounds;
    work->bounds = NULL;
    if (!firn_mul_size(rule->segment_count, rule->family_count, &cells)) {
        return FIRN_NO_MEMORY;
    }
    rule->from = firn_alloc_array(cells, sizeof *rule->from);
    rule->is_seen = firn_alloc_zeroed(rule->segment_count * sizeof *rule->is_seen);
    rule->times_ms = firn_alloc_array(rule->segment_count, sizeof *rule->times_ms);
    rule->unserved = firn_alloc_array(rule->family_count, sizeof *rule->unserved);
    if (rule->from == NULL || rule->is_seen == NULL || rule->times_ms == NULL ||
        rule->unserved == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(rule->times_ms, 0xff, rule->segment_count * sizeof *rule->times_ms);
    for (size_t i = 0; i < work->family_count; i++) {
        set_family(rule, work, i);
    }
    return FIRN_OK;
}

/* Now is one of the views, so it sees all of a segment or nothing. */
static int
fill_now(struct firn_compaction_rule *rule, const struct firn_view *now)
{
    if (now == NULL) {
        return FIRN_OK;
    }
    rule->is_now = firn_alloc_array(rule->segment_count, sizeof *rule->is_now);
    for (size_t i = 0; rule->is_now != NULL && i < rule->segment_count; i++) {
        rule->is_now[i] = firn_view_sees(now, rule->bounds[i]);
    }
    return rule->is_now != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

int
firn_compaction_rule_create(const struct firn_view_list *views, struct firn_compaction_rule **out,
                            firn_error *err)
{
    *out = NULL;
    CHECK(views->count < UINT32_MAX);
    struct work work = {0};
    int rc = FIRN_NO_MEMORY;
    struct firn_compaction_rule *rule = firn_alloc_zeroed(sizeof *rule);
    if (rule == NULL) {
        goto out;
    }
    FIRN_TRY(sort_views(&work, views));
    FIRN_TRY(find_segments(&work));
    FIRN_TRY(fill(rule, &work));
    FIRN_TRY(fill_now(rule, views->now));
    *out = rule;
    rule = NULL;
out:
    work_deinit(&work);
    firn_compaction_rule_destroy(rule);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the rule of a compaction");
}

void
firn_compaction_rule_destroy(struct firn_compaction_rule *rule)
{
    if (rule != NULL) {
        firn_free(rule->bounds);
        firn_free(rule->from);
        firn_free(rule->is_seen);
        firn_free(rule->is_now);
        firn_free(rule->times_ms);
        firn_free(rule->unserved);
        firn_free(rule);
    }
}
