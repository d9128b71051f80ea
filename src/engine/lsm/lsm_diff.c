/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_diff.c: the keys for which two snapshots see different things.
 *
 * A key can only differ if one snapshot sees a version, or a range delete over it, that the other
 * does not see. The sequences that only one of them sees are a set of intervals too. So, in one
 * tree, only keys that have versions in that set are walked; runs and blocks whose sequences are
 * outside it are not read (the index of a run has the smallest and the largest sequence of each
 * block). For each such key two cursors, one for each snapshot, show what the snapshots see.
 *
 * If the set has range deletes, all keys in their ranges that either snapshot has are compared.
 * Touching ranges are first joined to stretches. Between two trees all keys are one such stretch.
 *
 * A key is reported only if the values differ or only one snapshot has it: writing the same value
 * again makes no difference.
 *
 * Invariant: every key below `from` has been dealt with. `before` and `after`, once placed, are on
 * their first key that is not below the last key they were sent to, which is not above the next
 * one.
 *
 * Memory: what two cursors and a merge take, and 32 bytes a range delete in the set.
 */
#include "lsm/lsm_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"

/* This many steps without success, then a seek. */
enum { STEPS_MAX = 8 };

/* The keys in [lower, upper), or from lower on. */
struct stretch {
    firn_slice lower;
    firn_slice upper;
    bool has_upper;
};

struct side {
    struct fi_lsm_cursor *cursor; /* NULL: there is nothing */
    bool is_placed;
};

struct fi_lsm_diff {
    struct side before;
    struct side after;
    const struct fi_step *step;
    struct fi_lsm_cursor *changes; /* over versions in the set; NULL between two trees */
    struct fi_snapshot set;
    struct fi_snapshot_interval *intervals;
    /* From range deletes; the bounds are borrowed from the pins and the state. */
    struct fi_buf stretches; /* of struct stretch, ascending, apart */
    size_t next_stretch;
    struct fi_lsm_superversion *state;
    struct fi_buf pins; /* of struct fi_version_file_handle * */
    struct fi_buf from;
};

/* ---- the set ---- */

/* Ends of the intervals of both snapshots, each once: between two of them both snapshots see the
 * same sequences throughout. */
struct ends {
    uint64_t *at;
    size_t count;
};

static int
compare_ends(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void
add_ends(const struct fi_snapshot *snapshot, struct ends *ends)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        struct fi_snapshot_interval interval = fi_snapshot_at(snapshot, i);
        ends->at[ends->count++] = interval.first;
        if (interval.last < UINT64_MAX) {
            ends->at[ends->count++] = interval.last + 1;
        }
    }
}

/* Extends the previous interval if the two are adjacent. */
static void
add_interval(struct fi_lsm_diff *diff, uint64_t first, uint64_t last)
{
    struct fi_snapshot_interval *before =
        diff->set.count > 0 ? &diff->intervals[diff->set.count - 1] : NULL;
    DCHECK(first <= last && (before == NULL || before->last < first));
    if (before != NULL && before->last + 1 == first) {
        before->last = last;
    } else {
        diff->intervals[diff->set.count++] = (struct fi_snapshot_interval){first, last};
    }
}

static int
make_set(struct fi_lsm_diff *diff, const struct fi_snapshot *before,
         const struct fi_snapshot *after, firn_error *err)
{
    size_t room = 2 * (before->count + after->count);
    struct ends ends = {.at = fi_alloc_array(room, sizeof *ends.at)};
    diff->intervals = fi_alloc_array(room, sizeof *diff->intervals);
    if (ends.at == NULL || diff->intervals == NULL) {
        fi_free(ends.at);
        return fi_error_no_memory(err, "a comparison");
    }
    add_ends(before, &ends);
    add_ends(after, &ends);
    CHECK(ends.count <= room);
    fi_sort(ends.at, ends.count, sizeof *ends.at, compare_ends);
    for (size_t i = 0; i < ends.count; i++) {
        uint64_t first = ends.at[i];
        uint64_t last = i + 1 < ends.count ? ends.at[i + 1] - 1 : UINT64_MAX;
        if (first <= last && fi_snapshot_sees(before, first) != fi_snapshot_sees(after, first)) {
            add_interval(diff, first, last);
        }
    }
    CHECK(diff->set.count <= room);
    diff->set.intervals = diff->intervals;
    fi_free(ends.at);
    return FIRN_OK;
}

/* ---- range deletes ---- */

static int
keep_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    struct fi_lsm_diff *diff = ctx;
    const struct stretch stretch = {range->lower, range->upper, true};
    if (!fi_snapshot_sees(&diff->set, range->sequence)) {
        return FIRN_OK;
    }
    return fi_buf_append(&diff->stretches, &stretch, sizeof stretch) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a comparison");
}

static int
keep_ranges_of_run(struct fi_lsm_diff *diff, struct fi_version_file *file, firn_error *err)
{
    struct fi_version_file_handle *pin;
    const struct fi_manifest_run *info = &file->info;
    if (info->range_count == 0 ||
        !fi_snapshot_sees_any(&diff->set, info->sequence_min, info->sequence_max)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_version_file_pin(file, &pin, err));
    if (fi_buf_append(&diff->pins, &pin, sizeof(struct fi_version_file_handle *)) != FIRN_OK) {
        fi_version_file_unpin(pin);
        return fi_error_no_memory(err, "a comparison");
    }
    return fi_range_set_visit(pin->run->kind->ranges(pin->run), NULL, NULL, keep_range, diff, err);
}

static size_t
stretch_count(const struct fi_lsm_diff *diff)
{
    return diff->stretches.size / sizeof(struct stretch);
}

static struct stretch *
stretch_at(const struct fi_lsm_diff *diff, size_t i)
{
    DCHECK(i < stretch_count(diff));
    return (struct stretch *)(void *)diff->stretches.data + i;
}

static int
compare_stretches(const void *a, const void *b)
{
    return fi_slice_compare(((const struct stretch *)a)->lower, ((const struct stretch *)b)->lower);
}

/* Joins stretches that touch. */
static void
join_stretches(struct fi_lsm_diff *diff)
{
    size_t kept = 0;
    fi_sort(diff->stretches.data, stretch_count(diff), sizeof(struct stretch), compare_stretches);
    for (size_t i = 0; i < stretch_count(diff); i++) {
        struct stretch stretch = *stretch_at(diff, i);
        struct stretch *before = kept > 0 ? stretch_at(diff, kept - 1) : NULL;
        if (before == NULL || fi_slice_compare(before->upper, stretch.lower) < 0) {
            *stretch_at(diff, kept++) = stretch;
        } else if (fi_slice_compare(before->upper, stretch.upper) < 0) {
            before->upper = stretch.upper;
        }
    }
    diff->stretches.size = kept * sizeof(struct stretch);
}

static int
find_stretches(struct fi_lsm_diff *diff, firn_error *err)
{
    const struct fi_lsm_superversion *state = diff->state;
    for (size_t i = 0; i < state->memtable_count; i++) {
        FI_TRY_RETURN(fi_range_set_visit(fi_memtable_ranges(state->memtables[i]->table), NULL, NULL,
                                         keep_range, diff, err));
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &state->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            FI_TRY_RETURN(keep_ranges_of_run(diff, fi_version_file(level, i), err));
        }
    }
    join_stretches(diff);
    return FIRN_OK;
}

/* ---- creation ---- */

static int
open_side(const struct fi_lsm_diff_side *options, struct side *side, firn_error *err)
{
    const struct fi_lsm_cursor_options cursor = {.snapshot = options->snapshot,
                                                 .time_ms = options->time_ms};
    return options->tree == NULL ? FIRN_OK
                                 : fi_lsm_cursor_create(options->tree, &cursor, &side->cursor, err);
}

static int
open_same(struct fi_lsm_diff *diff, const struct fi_lsm_diff_side *before,
          const struct fi_lsm_diff_side *after, firn_error *err)
{
    DCHECK(before->tree == after->tree && before->time_ms == after->time_ms);
    FI_TRY_RETURN(make_set(diff, before->snapshot, after->snapshot, err));
    diff->state = fi_lsm_superversion_of(before->tree);
    FI_TRY_RETURN(find_stretches(diff, err));
    const struct fi_lsm_cursor_options options = {.only = &diff->set};
    FI_TRY_RETURN(fi_lsm_cursor_create(before->tree, &options, &diff->changes, err));
    return fi_lsm_cursor_first(diff->changes, err);
}

static int
open_different(struct fi_lsm_diff *diff, firn_error *err)
{
    static const struct stretch everything = {.has_upper = false};
    return fi_buf_append(&diff->stretches, &everything, sizeof everything) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a comparison");
}

int
fi_lsm_diff_create(const struct fi_lsm_diff_side *before, const struct fi_lsm_diff_side *after,
                   const struct fi_step *step, struct fi_lsm_diff **out, firn_error *err)
{
    int rc;
    struct fi_lsm_diff *diff = fi_alloc_zeroed(sizeof *diff);
    *out = NULL;
    if (diff == NULL) {
        return fi_error_no_memory(err, "a comparison");
    }
    diff->step = step;
    FI_TRY(open_side(before, &diff->before, err));
    FI_TRY(open_side(after, &diff->after, err));
    FI_TRY(before->tree == after->tree && before->tree != NULL ? open_same(diff, before, after, err)
                                                               : open_different(diff, err));
    *out = diff;
    diff = NULL;
out:
    fi_lsm_diff_destroy(diff);
    return rc;
}

void
fi_lsm_diff_destroy(struct fi_lsm_diff *diff)
{
    if (diff == NULL) {
        return;
    }
    fi_lsm_cursor_destroy(diff->before.cursor);
    fi_lsm_cursor_destroy(diff->after.cursor);
    fi_lsm_cursor_destroy(diff->changes);
    for (size_t i = 0; i < diff->pins.size / sizeof(struct fi_version_file_handle *); i++) {
        fi_version_file_unpin(((struct fi_version_file_handle **)(void *)diff->pins.data)[i]);
    }
    fi_lsm_superversion_unref(diff->state);
    fi_buf_deinit(&diff->pins);
    fi_buf_deinit(&diff->stretches);
    fi_buf_deinit(&diff->from);
    fi_free(diff->intervals);
    fi_free(diff);
}

/* ---- walking ---- */

static const struct fi_entry *
entry_of(const struct side *side)
{
    bool is_valid = side->cursor != NULL && side->is_placed && fi_lsm_cursor_valid(side->cursor);
    return is_valid ? fi_lsm_cursor_entry(side->cursor) : NULL;
}

static bool
is_below(const struct fi_entry *entry, firn_slice key)
{
    return entry != NULL && fi_slice_compare(entry->key, key) < 0;
}

/* To the first key of the side that is not below key. */
static int
lsm_diff_advance(struct side *side, firn_slice key, firn_error *err)
{
    int rc = FIRN_OK;
    if (side->cursor == NULL) {
        return FIRN_OK;
    }
    for (unsigned i = 0; i < STEPS_MAX && rc == FIRN_OK && is_below(entry_of(side), key); i++) {
        rc = fi_lsm_cursor_next(side->cursor, err);
    }
    if (rc == FIRN_OK && (!side->is_placed || is_below(entry_of(side), key))) {
        rc = fi_lsm_cursor_seek(side->cursor, key, err);
        side->is_placed = rc == FIRN_OK;
    }
    return rc;
}

/* Everything up to key, key included, has been dealt with. */
static int
lsm_diff_pass(struct fi_lsm_diff *diff, firn_slice key, firn_error *err)
{
    int rc = fi_buf_assign(&diff->from, key);
    if (rc == FIRN_OK) {
        rc = fi_buf_append_u8(&diff->from, 0);
    }
    return rc == FIRN_OK ? rc : fi_error_no_memory(err, "a comparison");
}

static bool
is_at(const struct fi_entry *entry, firn_slice key)
{
    return entry != NULL && fi_slice_equal(entry->key, key);
}

/* Whether the sides, which are at or after key, differ in it. */
static bool
lsm_diff_compare(const struct fi_lsm_diff *diff, firn_slice key, struct fi_lsm_difference *out)
{
    const struct fi_entry *before = entry_of(&diff->before);
    const struct fi_entry *after = entry_of(&diff->after);
    *out = (struct fi_lsm_difference){
        .key = key, .is_before = is_at(before, key), .is_after = is_at(after, key)};
    if (out->is_before) {
        out->before = before->value;
    }
    if (out->is_after) {
        out->after = after->value;
    }
    return out->is_before != out->is_after ||
           (out->is_before && !fi_slice_equal(out->before, out->after));
}

/* The smaller of the two sides' keys; false if both are at their end. */
static bool
smaller_key(const struct fi_lsm_diff *diff, firn_slice *out)
{
    const struct fi_entry *before = entry_of(&diff->before);
    const struct fi_entry *after = entry_of(&diff->after);
    if (before == NULL && after == NULL) {
        return false;
    }
    *out = before == NULL || (after != NULL && is_below(after, before->key)) ? after->key
                                                                             : before->key;
    return true;
}

/* The version in the set at or after `from`; NULL if there is none. */
static int
find_change(struct fi_lsm_diff *diff, const struct fi_entry **out, firn_error *err)
{
    const firn_slice from = fi_buf_slice(&diff->from);
    int rc = FIRN_OK;
    *out = NULL;
    while (rc == FIRN_OK && diff->changes != NULL && fi_lsm_cursor_valid(diff->changes)) {
        const struct fi_entry *entry = fi_lsm_cursor_entry(diff->changes);
        if (!is_below(entry, from) && fi_snapshot_sees(&diff->set, entry->sequence)) {
            *out = entry;
            break;
        }
        rc = fi_lsm_cursor_next(diff->changes, err);
    }
    return rc;
}

/* The stretch that ends after `from`; NULL if there is none. */
static const struct stretch *
find_stretch(struct fi_lsm_diff *diff)
{
    const firn_slice from = fi_buf_slice(&diff->from);
    while (diff->next_stretch < stretch_count(diff)) {
        const struct stretch *stretch = stretch_at(diff, diff->next_stretch);
        if (!stretch->has_upper || fi_slice_compare(from, stretch->upper) < 0) {
            return stretch;
        }
        diff->next_stretch++;
    }
    return NULL;
}

/* Looks for a difference in a stretch, from `from` on; without one, moves `from` past it. */
static int
inspect_stretch(struct fi_lsm_diff *diff, const struct stretch *stretch,
                struct fi_lsm_difference *out, bool *out_found, firn_error *err)
{
    DCHECK(stretch == stretch_at(diff, diff->next_stretch));
    int rc = FIRN_OK;
    firn_slice key = fi_buf_slice(&diff->from);
    if (fi_slice_compare(key, stretch->lower) < 0) {
        key = stretch->lower;
    }
    FI_TRY(lsm_diff_advance(&diff->before, key, err));
    FI_TRY(lsm_diff_advance(&diff->after, key, err));
    bool is_inside = smaller_key(diff, &key) &&
                     (!stretch->has_upper || fi_slice_compare(key, stretch->upper) < 0);
    if (is_inside) {
        *out_found = lsm_diff_compare(diff, key, out);
        FI_TRY(lsm_diff_pass(diff, key, err));
    } else {
        diff->next_stretch++;
        if (stretch->has_upper && fi_buf_assign(&diff->from, stretch->upper) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a comparison");
        }
    }
out:
    return rc;
}

static int
inspect_key(struct fi_lsm_diff *diff, firn_slice key, struct fi_lsm_difference *out,
            bool *out_found, firn_error *err)
{
    DCHECK(fi_slice_compare(fi_buf_slice(&diff->from), key) <= 0);
    FI_TRY_RETURN(lsm_diff_advance(&diff->before, key, err));
    FI_TRY_RETURN(lsm_diff_advance(&diff->after, key, err));
    *out_found = lsm_diff_compare(diff, key, out);
    return lsm_diff_pass(diff, key, err);
}

int
fi_lsm_diff_next(struct fi_lsm_diff *diff, struct fi_lsm_difference *out, bool *out_found,
                 firn_error *err)
{
    *out_found = false;
    while (!*out_found) {
        const struct fi_entry *change;
        FI_TRY_RETURN(fi_step_report(diff->step, 0, diff->from.size, err));
        FI_TRY_RETURN(find_change(diff, &change, err));
        const struct stretch *stretch = find_stretch(diff);
        if (stretch != NULL &&
            (change == NULL || fi_slice_compare(stretch->lower, change->key) <= 0)) {
            FI_TRY_RETURN(inspect_stretch(diff, stretch, out, out_found, err));
        } else if (change != NULL) {
            FI_TRY_RETURN(inspect_key(diff, change->key, out, out_found, err));
        } else {
            break;
        }
    }
    if (*out_found) {
        /* The bytes of `from`, not those of `changes`, which a later move may invalidate. */
        DCHECK(diff->from.size > 0 && (out->is_before || out->is_after));
        out->key = firn_bytes(diff->from.data, diff->from.size - 1);
    }
    return FIRN_OK;
}
