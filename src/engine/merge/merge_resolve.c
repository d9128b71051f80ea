/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_resolve.c: which of the merged versions a snapshot reads.
 *
 * Forwards. The versions of a key come newest first: the first one that the snapshot sees decides.
 * If it is a put that no newer range delete covers, it is shown in place, without a copy. The next
 * move passes the other versions of the key.
 *
 * Backwards. The versions of a key come oldest first, and the last one that the snapshot sees
 * decides. But when that is known, the merge is already on another key. So the version is copied
 * and shown from the copy, while the merge is before the key.
 *
 * Merge operands. If the newest version is an operand, older versions are read down to a put, a
 * tombstone, a range delete that covers what is older, or the end of the key. The result
 * (merge_fold.c) is shown from a copy, and the merge stays where this reading ended. Going
 * backwards, operands are found oldest first and there may be any number of them. So if the newest
 * version turns out to be one, the merge is placed on it, reads older versions in the same way, and
 * goes before the key again.
 *
 * Value files. For a large value the merge returns a reference. The value is read when the version
 * is shown or operands are applied to it, and shown from a copy: versions that are passed cost no
 * reads.
 *
 * Range deletes. The answer for a key usually holds for its neighbours. So two stretches of keys
 * are kept: in one, everything older than some sequence is deleted; in the other, nothing newer
 * than some sequence is deleted. The range sets are asked only about entries outside of both.
 *
 * Skipping. A few versions are stepped over, more are skipped by a seek: the rest of a key,
 * versions that are too new for the snapshot, and those that a range delete covers. In a covered
 * stretch, sources that have nothing newer than the range delete go to its end at once (merge.h);
 * the others step, because they may have newer versions. The stretch joins ranges that touch, so a
 * million small adjacent range deletes are one jump. Single tombstones are stepped over one by one.
 *
 * Invariant: while an entry is shown, the merge is
 * - going backwards: before all versions of its key, or nowhere if there is nothing before;
 * - forwards, and is_folded: after the version that is shown, on a version of the same key (which
 *   is in `key`) or of another, or nowhere;
 * - forwards otherwise: on the version that is shown.
 */
#include "merge/merge.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "run/run_value_file.h"

/* After this many steps without success a seek is tried, which costs about as much. */
enum { STEPS_MAX = 8, LOADED_KEPT_MAX = 4 << 20 };

struct fi_merge_resolve {
    struct fi_merge_resolve_options options;
    const struct fi_entry *shown; /* NULL: not valid */
    struct fi_entry entry;        /* the shown one, if it is not the merge's */
    bool is_backward;
    bool is_folded;
    struct fi_buf key;    /* of the versions that are looked at */
    struct fi_buf value;  /* going backwards, and of folded operands */
    struct fi_buf loaded; /* of a value file */
    struct fi_merge_fold fold;
    uint64_t expires_ms; /* of the shown value, or the one below the operands; 0: never */
    /* The known answers about range deletes; see above. */
    bool has_ranges;
    bool has_covered;
    bool has_free;
    bool is_skipped; /* sources that can skip the covered stretch have done so */
    unsigned covered_steps;
    struct fi_range_stretch covered;
    struct fi_range_stretch free;
};

/* ---- range deletes ---- */

static bool
merge_resolve_holds(const struct fi_range_stretch *stretch, firn_slice key)
{
    return (!stretch->has_lower || fi_slice_compare(stretch->lower, key) <= 0) &&
           (!stretch->has_upper || fi_slice_compare(key, stretch->upper) < 0);
}

static bool
query_ranges(struct fi_merge_resolve *resolve, firn_slice key, uint64_t sequence)
{
    const struct fi_merge_resolve_options *options = &resolve->options;
    struct fi_range_stretch stretch;
    for (size_t i = 0; i < options->range_set_count; i++) {
        if (fi_range_set_covered(options->ranges[i], key, options->snapshot, sequence, &stretch)) {
            resolve->covered = stretch;
            resolve->has_covered = true;
            resolve->is_skipped = false;
            resolve->covered_steps = 0;
            return true;
        }
    }
    stretch = (struct fi_range_stretch){.sequence = sequence};
    resolve->has_free = true;
    for (size_t i = 0; i < options->range_set_count && resolve->has_free; i++) {
        resolve->has_free =
            fi_range_set_free(options->ranges[i], key, options->snapshot, sequence, &stretch);
    }
    resolve->free = stretch;
    return false;
}

/* Whether a range delete that the snapshot sees hides that version. */
static bool
is_covered(struct fi_merge_resolve *resolve, firn_slice key, uint64_t sequence)
{
    if (!resolve->has_ranges) {
        return false;
    }
    if (resolve->has_free && sequence >= resolve->free.sequence &&
        merge_resolve_holds(&resolve->free, key)) {
        return false;
    }
    if (resolve->has_covered && sequence < resolve->covered.sequence &&
        merge_resolve_holds(&resolve->covered, key)) {
        resolve->covered_steps++;
        return true;
    }
    return query_ranges(resolve, key, sequence);
}

/* The active memtable may get more ranges: answers are kept until the next placement. */
static void
clear_ranges(struct fi_merge_resolve *resolve)
{
    const struct fi_merge_resolve_options *options = &resolve->options;
    resolve->has_covered = false;
    resolve->has_free = false;
    resolve->has_ranges = false;
    for (size_t i = 0; i < options->range_set_count; i++) {
        resolve->has_ranges |= !fi_range_set_is_empty(options->ranges[i]);
    }
}

/* After some steps in a covered stretch, once: moves the sources that can to its end. */
static int
skip_covered(struct fi_merge_resolve *resolve, firn_error *err)
{
    const struct fi_entry *entry = fi_merge_entry(resolve->options.merge);
    const struct fi_range_stretch *covered = &resolve->covered;
    if (entry == NULL || !resolve->has_covered || resolve->is_skipped ||
        resolve->covered_steps < STEPS_MAX || !merge_resolve_holds(covered, entry->key)) {
        return FIRN_OK;
    }
    DCHECK(resolve->is_backward ? covered->has_lower : covered->has_upper);
    resolve->is_skipped = true;
    return resolve->is_backward
               ? fi_merge_skip_back(resolve->options.merge, covered->lower, covered->sequence, err)
               : fi_merge_skip(resolve->options.merge, covered->upper, covered->sequence, err);
}

/* ---- versions ---- */

static int
keep_key(struct fi_merge_resolve *resolve, firn_slice key, firn_error *err)
{
    if (fi_buf_assign(&resolve->key, key) != FIRN_OK) {
        return fi_error_no_memory(err, "a key of a cursor");
    }
    return FIRN_OK;
}

static bool
has_kept_key(const struct fi_merge_resolve *resolve, const struct fi_entry *entry)
{
    return entry != NULL && fi_slice_equal(entry->key, fi_buf_slice(&resolve->key));
}

static bool
is_seen(const struct fi_merge_resolve *resolve, const struct fi_entry *entry)
{
    return fi_snapshot_sees(resolve->options.snapshot, entry->sequence);
}

/* The newest sequence that the snapshot sees and that is not above limit; 0 if there is none. */
static uint64_t
newest_seen(const struct fi_snapshot *snapshot, uint64_t limit)
{
    size_t from = fi_snapshot_count_from(snapshot, limit);
    if (from == 0) {
        return 0;
    }
    uint64_t last = fi_snapshot_at(snapshot, from - 1).last;
    return last < limit ? last : limit;
}

/* After all versions of the kept key. */
static int
seek_after_key(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    int rc = fi_merge_seek(merge, fi_buf_slice(&resolve->key), 0, err);
    while (rc == FIRN_OK && has_kept_key(resolve, fi_merge_entry(merge))) {
        rc = fi_merge_next(merge, err);
    }
    return rc;
}

/* From a version to the first one of another key. */
static int
pass_key(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    struct fi_merge_head head = fi_merge_head(merge);
    const struct fi_entry *entry = fi_merge_entry(merge);
    size_t size = entry->key.size;
    if (size > FI_MERGE_HEAD_SIZE) {
        FI_TRY_RETURN(keep_key(resolve, entry->key, err));
    }
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        FI_TRY_RETURN(fi_merge_next(merge, err));
        entry = fi_merge_entry(merge);
        if (entry == NULL || !fi_merge_head_equal(head, fi_merge_head(merge)) ||
            entry->key.size != size ||
            (size > FI_MERGE_HEAD_SIZE && !has_kept_key(resolve, entry))) {
            return FIRN_OK;
        }
    }
    FI_TRY_RETURN(keep_key(resolve, entry->key, err));
    return seek_after_key(resolve, err);
}

/* From a version that the snapshot does not see to one that it does, or to another key. */
static int
pass_unseen(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const struct fi_entry *entry = fi_merge_entry(merge);
    int rc = keep_key(resolve, entry->key, err);
    for (unsigned steps = 0; rc == FIRN_OK && steps < STEPS_MAX; steps++) {
        rc = fi_merge_next(merge, err);
        entry = fi_merge_entry(merge);
        if (rc == FIRN_OK && (!has_kept_key(resolve, entry) || is_seen(resolve, entry))) {
            return FIRN_OK;
        }
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t newest = newest_seen(resolve->options.snapshot, entry->sequence);
    return newest == 0 ? seek_after_key(resolve, err)
                       : fi_merge_seek(merge, fi_buf_slice(&resolve->key), newest, err);
}

/* ---- values ---- */

static bool
is_expired(const struct fi_merge_resolve *resolve, firn_slice value)
{
    return fi_entry_expires_ms(value) <= resolve->options.time_ms;
}

/* The value of a put, without the head of an expiring one. References are followed only here: no
 * values of passed versions are read. */
static int
load_value(struct fi_merge_resolve *resolve, const struct fi_entry *entry, firn_slice *out,
           firn_error *err)
{
    DCHECK(entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_EXPIRING);
    size_t head = fi_entry_head_size(entry->kind);
    *out = firn_bytes(entry->value.data + head, entry->value.size - head);
    if (entry->values == NULL) {
        return FIRN_OK;
    }
    if (resolve->options.keys_only) {
        *out = firn_bytes(NULL, 0);
        return FIRN_OK;
    }
    fi_buf_clear(&resolve->loaded);
    if (resolve->loaded.capacity > LOADED_KEPT_MAX) {
        fi_buf_deinit(&resolve->loaded);
    }
    int rc = fi_run_value_cell_resolve(entry, FI_BLOCK_CACHE_SCAN, &resolve->loaded, err);
    *out = fi_buf_slice(&resolve->loaded);
    return rc;
}

/* Whether a version that no range delete covers has a value. */
static bool
has_value(const struct fi_merge_resolve *resolve, const struct fi_entry *entry)
{
    return entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_MERGE ||
           (entry->kind == FI_ENTRY_EXPIRING && !is_expired(resolve, entry->value));
}

/* Moves from an operand to the next older version that is seen; NULL if there is none, or if a
 * range delete covers it. */
static const struct fi_entry *
find_below(struct fi_merge_resolve *resolve, int *out_rc, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const struct fi_entry *entry;
    *out_rc = fi_merge_next(merge, err);
    while (*out_rc == FIRN_OK && has_kept_key(resolve, entry = fi_merge_entry(merge))) {
        if (is_seen(resolve, entry)) {
            return is_covered(resolve, entry->key, entry->sequence) ? NULL : entry;
        }
        *out_rc = pass_unseen(resolve, err);
    }
    return NULL;
}

/* Applies the gathered operands to the version below them (NULL: none). */
static int
fold_upon(struct fi_merge_resolve *resolve, const struct fi_entry *below, firn_error *err)
{
    firn_slice base = firn_bytes(NULL, 0);
    bool has_base = below != NULL && has_value(resolve, below);
    if (has_base && below->kind == FI_ENTRY_EXPIRING) {
        resolve->expires_ms = fi_entry_expires_ms(below->value);
    }
    FI_TRY_RETURN(has_base ? load_value(resolve, below, &base, err) : FIRN_OK);
    return fi_merge_fold_apply(&resolve->fold, has_base ? &base : NULL, &resolve->value, err);
}

/* Requires: the merge is on an operand, the newest version of its key that is seen. Makes the value
 * to be shown. */
static int
fold_key(struct fi_merge_resolve *resolve, firn_error *err)
{
    int rc;
    const struct fi_entry *entry = fi_merge_entry(resolve->options.merge);
    DCHECK(entry->kind == FI_ENTRY_MERGE && is_seen(resolve, entry));
    uint64_t sequence = entry->sequence;
    fi_merge_fold_clear(&resolve->fold);
    FI_TRY(keep_key(resolve, entry->key, err));
    while (entry != NULL && entry->kind == FI_ENTRY_MERGE) {
        FI_TRY(fi_merge_fold_push(&resolve->fold, entry->value, err));
        entry = find_below(resolve, &rc, err);
        FI_TRY(rc);
    }
    FI_TRY(fold_upon(resolve, entry, err));
    resolve->entry = (struct fi_entry){.key = fi_buf_slice(&resolve->key),
                                       .value = fi_buf_slice(&resolve->value),
                                       .sequence = sequence,
                                       .kind = FI_ENTRY_PUT};
out:
    return rc;
}

/* ---- forwards ---- */

/* Makes a plain put of a value with a head, or of one in a value file. */
static int
show_copy(struct fi_merge_resolve *resolve, const struct fi_entry *entry, firn_error *err)
{
    firn_slice value;
    FI_TRY_RETURN(load_value(resolve, entry, &value, err));
    if (entry->kind == FI_ENTRY_EXPIRING) {
        resolve->expires_ms = fi_entry_expires_ms(entry->value);
    }
    resolve->entry = *entry;
    resolve->entry.kind = FI_ENTRY_PUT;
    resolve->entry.value = value;
    resolve->entry.values = NULL;
    return FIRN_OK;
}

/* Shows the merge's version, which has a value. */
static int
merge_resolve_show(struct fi_merge_resolve *resolve, const struct fi_entry *entry, firn_error *err)
{
    DCHECK(is_seen(resolve, entry) && has_value(resolve, entry));
    int rc = FIRN_OK;
    resolve->shown = entry;
    resolve->expires_ms = 0;
    if (entry->kind == FI_ENTRY_PUT && entry->values == NULL) {
        return FIRN_OK;
    }
    if (entry->kind == FI_ENTRY_MERGE) {
        resolve->is_folded = true;
        rc = fold_key(resolve, err);
    } else {
        rc = show_copy(resolve, entry, err);
    }
    resolve->shown = rc == FIRN_OK ? &resolve->entry : NULL;
    return rc;
}

static bool
is_before_end(const struct fi_merge_resolve *resolve, const struct fi_entry *entry)
{
    const firn_slice *upper = resolve->options.upper;
    return entry != NULL && (upper == NULL || fi_slice_compare(entry->key, *upper) < 0);
}

/* Requires: the merge is before all versions of a key, or on one that is too new for the
 * snapshot. */
static int
find_forward(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const struct fi_entry *entry;
    int rc = FIRN_OK;
    resolve->is_backward = false;
    resolve->is_folded = false;
    resolve->covered_steps = 0;
    while (rc == FIRN_OK && is_before_end(resolve, entry = fi_merge_entry(merge))) {
        if (!is_seen(resolve, entry)) {
            rc = pass_unseen(resolve, err);
            continue;
        }
        if (has_value(resolve, entry) && !is_covered(resolve, entry->key, entry->sequence)) {
            return merge_resolve_show(resolve, entry, err);
        }
        rc = pass_key(resolve, err);
        if (rc == FIRN_OK) {
            rc = skip_covered(resolve, err);
        }
    }
    return rc;
}

/* ---- backwards ---- */

static bool
is_after_begin(const struct fi_merge_resolve *resolve, const struct fi_entry *entry)
{
    const firn_slice *lower = resolve->options.lower;
    return entry != NULL && (lower == NULL || fi_slice_compare(entry->key, *lower) >= 0);
}

/* Keeps the merge's version: the newest that is seen so far. */
static int
keep_version(struct fi_merge_resolve *resolve, const struct fi_entry *entry, firn_error *err)
{
    resolve->entry = *entry;
    if (fi_buf_assign(&resolve->value, entry->value) != FIRN_OK) {
        return fi_error_no_memory(err, "a value of a cursor");
    }
    return FIRN_OK;
}

/* The kept key has many versions: looks for the newest that is seen from the other end, then moves
 * before the key. */
static int
find_newest(struct fi_merge_resolve *resolve, bool *out_is_seen, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const struct fi_entry *entry;
    firn_slice key = fi_buf_slice(&resolve->key);
    uint64_t newest = newest_seen(resolve->options.snapshot, UINT64_MAX);
    FI_TRY_RETURN(fi_merge_seek(merge, key, newest, err));
    while (has_kept_key(resolve, entry = fi_merge_entry(merge)) && !is_seen(resolve, entry)) {
        newest = newest_seen(resolve->options.snapshot, entry->sequence);
        if (newest == 0) {
            break;
        }
        FI_TRY_RETURN(fi_merge_seek(merge, key, newest, err));
    }
    *out_is_seen = has_kept_key(resolve, entry) && is_seen(resolve, entry);
    if (*out_is_seen) {
        FI_TRY_RETURN(keep_version(resolve, entry, err));
    }
    return fi_merge_seek_before(merge, key, UINT64_MAX, err);
}

/* Goes back over all versions of the merge's key; keeps the newest that is seen. */
static int
take_key(struct fi_merge_resolve *resolve, bool *out_is_seen, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const struct fi_entry *entry = fi_merge_entry(merge);
    struct fi_merge_head head = fi_merge_head(merge);
    *out_is_seen = false;
    FI_TRY_RETURN(keep_key(resolve, entry->key, err));
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        if (is_seen(resolve, entry)) {
            *out_is_seen = true;
            FI_TRY_RETURN(keep_version(resolve, entry, err));
        }
        FI_TRY_RETURN(fi_merge_prev(merge, err));
        entry = fi_merge_entry(merge);
        if (entry == NULL || !fi_merge_head_equal(head, fi_merge_head(merge)) ||
            !has_kept_key(resolve, entry)) {
            return FIRN_OK;
        }
    }
    return find_newest(resolve, out_is_seen, err);
}

/* The kept version is an operand: folds it with older versions, and goes before the key again. */
static int
fold_back(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    firn_slice key = fi_buf_slice(&resolve->key);
    FI_TRY_RETURN(fi_merge_seek(merge, key, resolve->entry.sequence, err));
    FI_TRY_RETURN(fold_key(resolve, err));
    return fi_merge_seek_before(merge, fi_buf_slice(&resolve->key), UINT64_MAX, err);
}

/* Shows the kept version, which has a value. */
static int
show_kept(struct fi_merge_resolve *resolve, firn_error *err)
{
    DCHECK(resolve->is_backward && has_value(resolve, &resolve->entry));
    struct fi_entry *entry = &resolve->entry;
    int rc = FIRN_OK;
    resolve->expires_ms = 0;
    if (entry->kind == FI_ENTRY_MERGE) {
        rc = fold_back(resolve, err);
    } else if (entry->kind == FI_ENTRY_EXPIRING || entry->values != NULL) {
        rc = show_copy(resolve, entry, err);
    }
    resolve->shown = rc == FIRN_OK ? entry : NULL;
    return rc;
}

/* Requires: the merge is after all versions of a key. */
static int
find_backward(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    int rc = FIRN_OK;
    resolve->is_backward = true;
    resolve->covered_steps = 0;
    while (rc == FIRN_OK && is_after_begin(resolve, fi_merge_entry(merge))) {
        bool has_seen = false;
        rc = take_key(resolve, &has_seen, err);
        if (rc != FIRN_OK) {
            break;
        }
        resolve->entry.key = fi_buf_slice(&resolve->key);
        resolve->entry.value = fi_buf_slice(&resolve->value);
        if (has_seen && has_value(resolve, &resolve->entry) &&
            !is_covered(resolve, resolve->entry.key, resolve->entry.sequence)) {
            return show_kept(resolve, err);
        }
        rc = skip_covered(resolve, err);
    }
    return rc;
}

/* ---- the interface ---- */

/* The merge was placed and returned rc. */
static int
begin_forward(struct fi_merge_resolve *resolve, int rc, firn_error *err)
{
    resolve->shown = NULL;
    clear_ranges(resolve);
    return rc == FIRN_OK && resolve->options.snapshot->count > 0 ? find_forward(resolve, err) : rc;
}

static int
begin_backward(struct fi_merge_resolve *resolve, int rc, firn_error *err)
{
    resolve->shown = NULL;
    clear_ranges(resolve);
    return rc == FIRN_OK && resolve->options.snapshot->count > 0 ? find_backward(resolve, err) : rc;
}

int
fi_merge_resolve_first(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const firn_slice *lower = resolve->options.lower;
    return begin_forward(resolve,
                         lower == NULL ? fi_merge_first(merge, err)
                                       : fi_merge_seek(merge, *lower, UINT64_MAX, err),
                         err);
}

int
fi_merge_resolve_last(struct fi_merge_resolve *resolve, firn_error *err)
{
    struct fi_merge *merge = resolve->options.merge;
    const firn_slice *upper = resolve->options.upper;
    return begin_backward(resolve,
                          upper == NULL ? fi_merge_last(merge, err)
                                        : fi_merge_seek_before(merge, *upper, UINT64_MAX, err),
                          err);
}

int
fi_merge_resolve_seek(struct fi_merge_resolve *resolve, firn_slice key, firn_error *err)
{
    const firn_slice *lower = resolve->options.lower;
    if (lower != NULL && fi_slice_compare(key, *lower) < 0) {
        key = *lower;
    }
    return begin_forward(resolve, fi_merge_seek(resolve->options.merge, key, UINT64_MAX, err), err);
}

int
fi_merge_resolve_seek_before(struct fi_merge_resolve *resolve, firn_slice key, firn_error *err)
{
    const firn_slice *upper = resolve->options.upper;
    if (upper != NULL && fi_slice_compare(key, *upper) > 0) {
        key = *upper;
    }
    return begin_backward(resolve,
                          fi_merge_seek_before(resolve->options.merge, key, UINT64_MAX, err), err);
}

/* Forwards, from a shown entry to the first version of another key. */
static int
leave_key(struct fi_merge_resolve *resolve, firn_error *err)
{
    bool is_left =
        resolve->is_folded && !has_kept_key(resolve, fi_merge_entry(resolve->options.merge));
    return is_left ? FIRN_OK : pass_key(resolve, err);
}

/* The invariant above, for an entry that is shown in place. */
static bool
stands_on_shown(const struct fi_merge_resolve *resolve)
{
    const struct fi_entry *entry = fi_merge_entry(resolve->options.merge);
    return resolve->is_backward || resolve->is_folded ||
           (entry != NULL && entry->sequence == resolve->shown->sequence &&
            fi_slice_equal(entry->key, resolve->shown->key));
}

int
fi_merge_resolve_next(struct fi_merge_resolve *resolve, firn_error *err)
{
    DCHECK(resolve->shown != NULL && stands_on_shown(resolve));
    resolve->shown = NULL;
    int rc = resolve->is_backward ? seek_after_key(resolve, err) : leave_key(resolve, err);
    return rc == FIRN_OK ? find_forward(resolve, err) : rc;
}

int
fi_merge_resolve_prev(struct fi_merge_resolve *resolve, firn_error *err)
{
    DCHECK(resolve->shown != NULL);
    firn_slice key = resolve->shown->key;
    resolve->shown = NULL;
    int rc = FIRN_OK;
    if (!resolve->is_backward) {
        rc = fi_merge_seek_before(resolve->options.merge, key, UINT64_MAX, err);
    }
    return rc == FIRN_OK ? find_backward(resolve, err) : rc;
}

const struct fi_entry *
fi_merge_resolve_entry(const struct fi_merge_resolve *resolve)
{
    return resolve->shown;
}

uint64_t
fi_merge_resolve_expires_ms(const struct fi_merge_resolve *resolve)
{
    return resolve->shown == NULL ? 0 : resolve->expires_ms;
}

int
fi_merge_resolve_create(const struct fi_merge_resolve_options *options,
                        struct fi_merge_resolve **out, firn_error *err)
{
    DCHECK(options->merge != NULL && options->snapshot != NULL);
    struct fi_merge_resolve *resolve = fi_alloc_zeroed(sizeof *resolve);
    *out = resolve;
    if (resolve == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    resolve->options = *options;
    return FIRN_OK;
}

void
fi_merge_resolve_destroy(struct fi_merge_resolve *resolve)
{
    if (resolve != NULL) {
        fi_buf_deinit(&resolve->key);
        fi_buf_deinit(&resolve->value);
        fi_buf_deinit(&resolve->loaded);
        fi_merge_fold_deinit(&resolve->fold);
        fi_free(resolve);
    }
}
