/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_ranges.c: a sweep over range deletes.
 *
 * A range delete is a tombstone of every key that it covers, so the rule of merge_rule.c decides
 * about it for each key. Between two bounds of ranges it decides the same for all keys. The sweep
 * goes from bound to bound and keeps the parts of ranges that are needed there despite newer
 * ranges: the pieces. If every snapshot that sees a range also sees a newer range over the stretch,
 * the range has no piece there. A piece over neighbouring stretches is written as one range.
 *
 * The same snapshots see all ranges in one segment of the rule, so only the newest range of a
 * segment counts: the others delete nothing more. So each segment has a heap of the ranges that
 * cover the sweep's place, newest on top; ranges that have ended are removed when they come to the
 * top. The rule is asked about the tops, newest first. Bounds of ranges that are not on top, or not
 * needed, are not bounds of the sweep.
 *
 * At the bottom of the tree a range delete is needed only for keys of which an older version is
 * kept. There a piece is written only from the first to the last such key, which are marked, and
 * not at all if there is none. A piece that is kept for open transactions is written whole. The
 * bounds of older versions elsewhere in the tree (`older`) are bounds of the sweep too, so that a
 * piece is either wholly at the bottom or not at all.
 *
 * Of the needed ranges, now reads the newest one that it sees; the others belong to history
 * (merge_stream.c). A piece has one place: where the place changes, one piece ends and another
 * begins.
 *
 * Invariants.
 * (I1) Outside of process(), the pieces are the needed ranges at `place`, newest first, each with
 *      its first key; there is no bound between place and the key of the last advance.
 * (I2) Bounds of pieces come from ranges and `older`, which outlive the sweep, or from the arena,
 *      which lives until the cut after the one that writes them; a cut copies the bounds of pieces
 *      that continue. (Not checked: bytes do not show where they come from.)
 *
 * Cost, for n ranges and g segments that have any at one place: O(log n) for each range, and O(g)
 * questions to the rule at each bound where a top changes. All memory is allocated at the
 * beginning, except for ranges that wait to be written.
 */
#include "merge/merge_internal.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"

/* The ranges of a segment that cover the place, and some that have ended: a binary heap. */
struct heap {
    const struct fi_range **ranges;
    size_t count;
};

struct piece {
    uint64_t sequence;
    struct fi_compaction_place place;
    firn_slice begin;
    firn_slice first; /* marked; only while is_marked */
    struct fi_buf last;
    bool is_marked;
};

/* What waits to be written. */
struct done {
    struct fi_range range;
    struct fi_compaction_place place;
};

struct fi_merge_ranges {
    struct fi_merge_rule *rule;
    uint64_t tombstones_kept_from;
    const struct fi_range **starts; /* all, by lower bound */
    size_t count;
    size_t started;
    struct fi_compaction_span *older; /* by lower bound; none touch */
    size_t older_count;
    size_t older_at; /* the span that the place is in or before */
    bool is_in_older;
    struct heap *heaps; /* of each segment */
    const struct fi_range **heap_room;
    size_t *live; /* the segments whose heaps are not empty, newest first */
    size_t live_count;
    /* The newest range of each piece in its segment: it ends the piece. */
    const struct fi_range **tops;
    uint64_t *sequences;                /* of pieces */
    struct fi_compaction_place *places; /* likewise */
    struct piece *pieces;
    struct piece *pieces_before; /* while they are being replaced */
    size_t piece_count;
    bool is_dirty; /* a top may have changed */
    /* What waits to be written. */
    struct done *done;
    size_t done_count;
    size_t done_capacity;
    struct fi_arena arena;        /* bounds in done and in pieces */
    struct fi_arena arena_before; /* of the output before: its user may still look at them */
};

/* ---- heaps ---- */

static void
heap_push(struct heap *heap, const struct fi_range *range)
{
    size_t at = heap->count++;
    while (at > 0 && heap->ranges[(at - 1) / 2]->sequence < range->sequence) {
        heap->ranges[at] = heap->ranges[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->ranges[at] = range;
}

static void
heap_pop(struct heap *heap)
{
    DCHECK(heap->count > 0);
    const struct fi_range *range = heap->ranges[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->ranges[child + 1]->sequence > heap->ranges[child]->sequence) {
            child++;
        }
        if (heap->ranges[child]->sequence <= range->sequence) {
            break;
        }
        heap->ranges[at] = heap->ranges[child];
        at = child;
    }
    heap->ranges[at] = range;
}

/* ---- what waits to be written ---- */

static int
push_done(struct fi_merge_ranges *ranges, const struct fi_range *range,
          struct fi_compaction_place place)
{
    FI_TRY_RETURN(
        FI_VEC_RESERVE(ranges->done, ranges->done_count + 1, ranges->done_capacity, NULL));
    ranges->done[ranges->done_count++] = (struct done){*range, place};
    return FIRN_OK;
}

static int
copy_key(struct fi_merge_ranges *ranges, firn_slice key, firn_slice *out)
{
    const uint8_t *copy = fi_arena_copy(&ranges->arena, key.data, key.size);
    *out = firn_bytes(copy, key.size);
    return copy != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

/* The part of a piece before end is complete. */
static int
close_piece(struct fi_merge_ranges *ranges, const struct piece *piece, firn_slice end)
{
    struct fi_range range = {piece->begin, end, piece->sequence};
    if (!ranges->is_in_older &&
        !fi_snapshot_list_keeps_tombstone(ranges->tombstones_kept_from, piece->sequence)) {
        if (!piece->is_marked) {
            return FIRN_OK;
        }
        range.lower = piece->first; /* ends right after the last key, which a zero byte does */
        int rc = copy_key(ranges, firn_bytes(piece->last.data, piece->last.size + 1), &range.upper);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_slice_compare(range.lower, range.upper) < 0 ? push_done(ranges, &range, piece->place)
                                                          : FIRN_OK;
}

static void
open_piece(struct piece *piece, uint64_t sequence, struct fi_compaction_place place,
           firn_slice begin)
{
    piece->sequence = sequence;
    piece->place = place;
    piece->begin = begin;
    piece->is_marked = false;
}

static int
close_pieces(struct fi_merge_ranges *ranges, firn_slice end)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < ranges->piece_count && rc == FIRN_OK; i++) {
        rc = close_piece(ranges, &ranges->pieces[i], end);
        open_piece(&ranges->pieces[i], ranges->pieces[i].sequence, ranges->pieces[i].place, end);
    }
    return rc;
}

/* ---- pieces ---- */

static void
swap_pieces(struct piece *a, struct piece *b)
{
    struct piece piece = *a;
    *a = *b;
    *b = piece;
}

/* Removes ended ranges from the heaps and asks the rule about the tops. Returns how many are
 * needed: tops and sequences, newest first. */
static size_t
find_needed(struct fi_merge_ranges *ranges, firn_slice place)
{
    size_t live = 0;
    size_t needed = 0;
    uint64_t hidden_by = 0; /* the oldest range so far that now sees */
    fi_merge_rule_begin_key(ranges->rule);
    for (size_t i = 0; i < ranges->live_count; i++) {
        struct heap *heap = &ranges->heaps[ranges->live[i]];
        while (heap->count > 0 && fi_slice_compare(heap->ranges[0]->upper, place) <= 0) {
            heap_pop(heap);
        }
        if (heap->count == 0) {
            continue;
        }
        ranges->live[live++] = ranges->live[i];
        uint64_t sequence = heap->ranges[0]->sequence;
        bool is_now = fi_merge_rule_now_sees(ranges->rule, sequence);
        if (fi_merge_rule_needs(ranges->rule, sequence)) {
            DCHECK(needed == 0 || ranges->sequences[needed - 1] > sequence); /* (I1) */
            ranges->tops[needed] = heap->ranges[0];
            ranges->places[needed] =
                (struct fi_compaction_place){!is_now || hidden_by != 0, is_now ? hidden_by : 0};
            ranges->sequences[needed++] = sequence;
        }
        hidden_by = is_now ? sequence : hidden_by;
    }
    ranges->live_count = live;
    return needed;
}

static bool
is_same_place(struct fi_compaction_place a, struct fi_compaction_place b)
{
    return a.is_history == b.is_history && a.newer == b.newer;
}

/* Makes pieces of the ranges that are needed from place on; existing pieces continue. */
static int
renew_pieces(struct fi_merge_ranges *ranges, firn_slice place)
{
    size_t before_count = ranges->piece_count;
    struct piece *before = ranges->pieces;
    ranges->pieces = ranges->pieces_before;
    ranges->pieces_before = before;
    ranges->piece_count = find_needed(ranges, place);
    size_t old = 0;
    for (size_t new = 0; new < ranges->piece_count; new ++) {
        uint64_t sequence = ranges->sequences[new];
        for (; old < before_count && before[old].sequence > sequence; old++) {
            int rc = close_piece(ranges, &before[old], place);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        if (old < before_count && before[old].sequence == sequence &&
            is_same_place(before[old].place, ranges->places[new])) {
            swap_pieces(&ranges->pieces[new], &before[old++]);
        } else {
            open_piece(&ranges->pieces[new], sequence, ranges->places[new], place);
        }
    }
    for (; old < before_count; old++) {
        int rc = close_piece(ranges, &before[old], place);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- the sweep ---- */

static void
make_live(struct fi_merge_ranges *ranges, size_t segment)
{
    size_t low = 0;
    size_t high = ranges->live_count;
    /* For the first segment that is not newer. */
    FI_SEARCH_FIRST(low, high, middle, ranges->live[middle] > segment);
    DCHECK(low == ranges->live_count || ranges->live[low] < segment);
    memmove(ranges->live + low + 1, ranges->live + low,
            (ranges->live_count - low) * sizeof *ranges->live);
    ranges->live[low] = segment;
    ranges->live_count++;
}

static void
start_range(struct fi_merge_ranges *ranges, const struct fi_range *range)
{
    size_t segment = fi_merge_rule_segment(ranges->rule, range->sequence);
    struct heap *heap = &ranges->heaps[segment];
    if (heap->count == 0) {
        make_live(ranges, segment);
    }
    heap_push(heap, range);
    ranges->is_dirty |= heap->ranges[0] == range;
}

/* The next place at which something may change. */
static bool
next_bound(const struct fi_merge_ranges *ranges, firn_slice *out)
{
    bool is_there = false;
    if (ranges->started < ranges->count) {
        *out = ranges->starts[ranges->started]->lower;
        is_there = true;
    }
    if (ranges->older_at < ranges->older_count) {
        const struct fi_compaction_span *span = &ranges->older[ranges->older_at];
        firn_slice bound = ranges->is_in_older ? span->upper : span->lower;
        if (!is_there || fi_slice_compare(bound, *out) < 0) {
            *out = bound;
        }
        is_there = true;
    }
    for (size_t i = 0; i < ranges->piece_count; i++) {
        if (!is_there || fi_slice_compare(ranges->tops[i]->upper, *out) < 0) {
            *out = ranges->tops[i]->upper;
        }
        is_there = true;
    }
    return is_there;
}

/* Handles all ranges and spans that begin or end at place. */
static int
process(struct fi_merge_ranges *ranges, firn_slice place)
{
    while (ranges->started < ranges->count &&
           fi_slice_compare(ranges->starts[ranges->started]->lower, place) <= 0) {
        start_range(ranges, ranges->starts[ranges->started++]);
    }
    for (size_t i = 0; i < ranges->piece_count; i++) {
        ranges->is_dirty |= fi_slice_compare(ranges->tops[i]->upper, place) <= 0;
    }
    if (ranges->is_dirty) {
        ranges->is_dirty = false;
        int rc = renew_pieces(ranges, place);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (ranges->older_at == ranges->older_count) {
        return FIRN_OK;
    }
    const struct fi_compaction_span *span = &ranges->older[ranges->older_at];
    if (fi_slice_compare(ranges->is_in_older ? span->upper : span->lower, place) > 0) {
        return FIRN_OK;
    }
    int rc = close_pieces(ranges, place);
    ranges->older_at += ranges->is_in_older;
    ranges->is_in_older = !ranges->is_in_older;
    return rc;
}

int
fi_merge_ranges_advance(struct fi_merge_ranges *ranges, const firn_slice *key, firn_error *err)
{
    firn_slice bound;
    while (next_bound(ranges, &bound) && (key == NULL || fi_slice_compare(bound, *key) <= 0)) {
        if (process(ranges, bound) != FIRN_OK) {
            return fi_error_no_memory(err, "range deletes of a compaction");
        }
    }
    /* (I1) After all bounds there is no piece. */
    DCHECK(key != NULL || (ranges->started == ranges->count && ranges->piece_count == 0));
    return FIRN_OK;
}

bool
fi_merge_ranges_is_bottom(const struct fi_merge_ranges *ranges)
{
    return !ranges->is_in_older;
}

const uint64_t *
fi_merge_ranges_sequences(const struct fi_merge_ranges *ranges, size_t *out_count)
{
    *out_count = ranges->piece_count;
    return ranges->sequences;
}

int
fi_merge_ranges_mark(struct fi_merge_ranges *ranges, uint64_t sequence, firn_slice key,
                     firn_error *err)
{
    size_t at = 0;
    while (at < ranges->piece_count && ranges->pieces[at].sequence != sequence) {
        at++;
    }
    CHECK(at < ranges->piece_count);
    DCHECK(!ranges->is_in_older);
    struct piece *piece = &ranges->pieces[at];
    fi_buf_clear(&piece->last);
    /* close_piece needs the zero byte after the key. */
    if (fi_buf_append_slice(&piece->last, key) != FIRN_OK ||
        fi_buf_append_u8(&piece->last, 0) != FIRN_OK ||
        (!piece->is_marked && copy_key(ranges, key, &piece->first) != FIRN_OK)) {
        return fi_error_no_memory(err, "range deletes of a compaction");
    }
    piece->last.size--;
    piece->is_marked = true;
    return FIRN_OK;
}

/* Pieces end at key and begin again there. */
static int
cut_pieces(struct fi_merge_ranges *ranges, firn_slice key)
{
    firn_slice end;
    if (ranges->piece_count == 0) {
        return FIRN_OK;
    }
    int rc = copy_key(ranges, key, &end);
    return rc == FIRN_OK ? close_pieces(ranges, end) : rc;
}

/* The output is done: pieces that continue must not use its memory. */
static int
begin_output(struct fi_merge_ranges *ranges, firn_slice key)
{
    firn_slice begin;
    struct fi_arena arena = ranges->arena_before;
    ranges->arena_before = ranges->arena;
    ranges->arena = arena;
    fi_arena_deinit(&ranges->arena);
    ranges->done_count = 0;
    if (ranges->piece_count == 0) {
        return FIRN_OK;
    }
    int rc = copy_key(ranges, key, &begin);
    for (size_t i = 0; i < ranges->piece_count && rc == FIRN_OK; i++) {
        ranges->pieces[i].begin = begin;
    }
    return rc;
}

int
fi_merge_ranges_cut(struct fi_merge_ranges *ranges, const firn_slice *key, fi_merge_stream_add add,
                    void *ctx, firn_error *err)
{
    if (key != NULL && cut_pieces(ranges, *key) != FIRN_OK) {
        return fi_error_no_memory(err, "range deletes of a compaction");
    }
    for (size_t i = 0; i < ranges->done_count; i++) {
        DCHECK(fi_slice_compare(ranges->done[i].range.lower, ranges->done[i].range.upper) < 0);
        int rc = add(ctx, &ranges->done[i].range, ranges->done[i].place, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (begin_output(ranges, key != NULL ? *key : firn_bytes(NULL, 0)) != FIRN_OK) {
        return fi_error_no_memory(err, "range deletes of a compaction");
    }
    return FIRN_OK;
}

/* ---- making ---- */

static int
compare_starts(const void *a, const void *b)
{
    const struct fi_range *left = *(const struct fi_range *const *)a;
    const struct fi_range *right = *(const struct fi_range *const *)b;
    return fi_slice_compare(left->lower, right->lower);
}

static int
compare_spans(const void *a, const void *b)
{
    const struct fi_compaction_span *left = a;
    const struct fi_compaction_span *right = b;
    return fi_slice_compare(left->lower, right->lower);
}

static int
count_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)range;
    (void)err;
    struct fi_merge_ranges *ranges = ctx;
    ranges->count++;
    return FIRN_OK;
}

static int
collect_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    struct fi_merge_ranges *ranges = ctx;
    ranges->starts[ranges->started++] = range;
    return FIRN_OK;
}

/* The inputs are immutable: memtables that are flushed are frozen. */
static int
collect_ranges(struct fi_merge_ranges *ranges, const struct fi_merge_stream_options *options,
               firn_error *err)
{
    for (size_t i = 0; i < options->range_set_count; i++) {
        FI_TRY_RETURN(fi_range_set_visit(options->ranges[i], NULL, NULL, count_range, ranges, err));
    }
    ranges->starts = fi_alloc_array(ranges->count, sizeof(const struct fi_range *));
    if (ranges->starts == NULL) {
        return fi_error_no_memory(err, "range deletes of a compaction");
    }
    for (size_t i = 0; i < options->range_set_count; i++) {
        FI_TRY_RETURN(
            fi_range_set_visit(options->ranges[i], NULL, NULL, collect_range, ranges, err));
    }
    CHECK(ranges->started == ranges->count);
    ranges->started = 0;
    fi_sort(ranges->starts, ranges->count, sizeof(const struct fi_range *), compare_starts);
    return FIRN_OK;
}

static int
collect_older(struct fi_merge_ranges *ranges, const struct fi_merge_stream_options *options)
{
    ranges->older = fi_alloc_array(options->older_count, sizeof *ranges->older);
    if (ranges->older == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (options->older_count > 0) {
        memcpy(ranges->older, options->older, options->older_count * sizeof *ranges->older);
    }
    fi_sort(ranges->older, options->older_count, sizeof *ranges->older, compare_spans);
    for (size_t i = 0; i < options->older_count; i++) {
        struct fi_compaction_span span = ranges->older[i];
        struct fi_compaction_span *before =
            ranges->older_count > 0 ? &ranges->older[ranges->older_count - 1] : NULL;
        if (before == NULL || fi_slice_compare(span.lower, before->upper) > 0) {
            ranges->older[ranges->older_count++] = span;
        } else if (fi_slice_compare(span.upper, before->upper) > 0) {
            before->upper = span.upper;
        }
    }
    return FIRN_OK;
}

/* Room for all of each segment's ranges at once. */
static int
make_heaps(struct fi_merge_ranges *ranges)
{
    size_t segments = fi_merge_rule_segment_count(ranges->rule);
    size_t tops = segments < ranges->count ? segments : ranges->count;
    ranges->heaps = fi_alloc_zeroed(segments * sizeof *ranges->heaps);
    ranges->heap_room = fi_alloc_array(ranges->count, sizeof(const struct fi_range *));
    ranges->live = fi_alloc_array(tops, sizeof *ranges->live);
    ranges->tops = fi_alloc_array(tops, sizeof(const struct fi_range *));
    ranges->sequences = fi_alloc_array(tops, sizeof *ranges->sequences);
    ranges->places = fi_alloc_array(tops, sizeof *ranges->places);
    ranges->pieces = fi_alloc_zeroed(tops * sizeof *ranges->pieces);
    ranges->pieces_before = fi_alloc_zeroed(tops * sizeof *ranges->pieces);
    if (ranges->heaps == NULL || ranges->heap_room == NULL || ranges->live == NULL ||
        ranges->tops == NULL || ranges->sequences == NULL || ranges->places == NULL ||
        ranges->pieces == NULL || ranges->pieces_before == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < ranges->count; i++) {
        size_t segment = fi_merge_rule_segment(ranges->rule, ranges->starts[i]->sequence);
        ranges->heaps[segment].count++;
    }
    const struct fi_range **room = ranges->heap_room;
    for (size_t i = 0; i < segments; i++) {
        ranges->heaps[i].ranges = room;
        room += ranges->heaps[i].count;
        ranges->heaps[i].count = 0;
    }
    DCHECK(room == ranges->heap_room + ranges->count);
    return FIRN_OK;
}

int
fi_merge_ranges_create(const struct fi_merge_stream_options *options, struct fi_merge_ranges **out,
                       firn_error *err)
{
    *out = NULL;
    struct fi_merge_ranges *ranges = fi_alloc_zeroed(sizeof *ranges);
    if (ranges == NULL) {
        return fi_error_no_memory(err, "range deletes of a compaction");
    }
    ranges->rule = options->rule;
    ranges->tombstones_kept_from = options->tombstones_kept_from;
    int rc = collect_ranges(ranges, options, err);
    if (rc == FIRN_OK &&
        (collect_older(ranges, options) != FIRN_OK || make_heaps(ranges) != FIRN_OK)) {
        rc = fi_error_no_memory(err, "range deletes of a compaction");
    }
    if (rc != FIRN_OK) {
        fi_merge_ranges_destroy(ranges);
        return rc;
    }
    *out = ranges;
    return FIRN_OK;
}

static void
destroy_pieces(struct piece *pieces, size_t count)
{
    for (size_t i = 0; pieces != NULL && i < count; i++) {
        fi_buf_deinit(&pieces[i].last);
    }
    fi_free(pieces);
}

void
fi_merge_ranges_destroy(struct fi_merge_ranges *ranges)
{
    if (ranges == NULL) {
        return;
    }
    size_t segments = fi_merge_rule_segment_count(ranges->rule);
    size_t tops = segments < ranges->count ? segments : ranges->count;
    destroy_pieces(ranges->pieces, tops);
    destroy_pieces(ranges->pieces_before, tops);
    fi_free(ranges->starts);
    fi_free(ranges->older);
    fi_free(ranges->heaps);
    fi_free(ranges->heap_room);
    fi_free(ranges->live);
    fi_free(ranges->tops);
    fi_free(ranges->sequences);
    fi_free(ranges->places);
    fi_free(ranges->done);
    fi_arena_deinit(&ranges->arena);
    fi_arena_deinit(&ranges->arena_before);
    fi_free(ranges);
}
