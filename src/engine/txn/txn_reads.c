/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_reads.c: the read set of a serializable transaction.
 *
 * Reads are kept as ranges of keys. A key k is the range [k, k and a zero byte). A walk is the
 * range that it covered, gaps and ends included, because the walk also read that nothing was there.
 *
 * Ranges are appended as they come. When they take twice what the last merging left, they are
 * sorted and merged: ranges that overlap or touch become one. So a key that is read a million
 * times, or a keyspace that is walked over again and again, is one range. If that leaves more than
 * the limit, neighbours are joined across the gap between them, pair by pair, until half the limit
 * is free. The set then covers more than was read: the transaction may be refused because of a
 * write to a key that it never read, but a write to a key that it did read is never missed.
 *
 * Failure. Without memory reads continue; the set remembers that something is missing, and the
 * commit is refused.
 */
#include "txn/txn_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"

enum { TIDY_BYTES_MIN = 4 << 10 };

void
fi_txn_reads_deinit(struct fi_txn_reads *reads)
{
    fi_buf_deinit(&reads->ranges);
    fi_arena_deinit(&reads->arena);
    reads->content_bytes = 0;
}

size_t
fi_txn_reads_count(const struct fi_txn_reads *reads)
{
    return reads->ranges.size / sizeof(struct fi_txn_reads_range);
}

static struct fi_txn_reads_range *
range_at(const struct fi_txn_reads *reads, size_t i)
{
    return (struct fi_txn_reads_range *)(void *)reads->ranges.data + i;
}

const struct fi_txn_reads_range *
fi_txn_reads_at(const struct fi_txn_reads *reads, size_t i)
{
    DCHECK(i < fi_txn_reads_count(reads));
    return range_at(reads, i);
}

bool
fi_txn_reads_is_key(const struct fi_txn_reads_range *range)
{
    return range->has_upper && range->upper.size == range->lower.size + 1 &&
           range->upper.data[range->lower.size] == 0 &&
           fi_slice_has_prefix(range->upper, range->lower);
}

static size_t
bytes_of(const struct fi_txn_reads_range *range)
{
    return sizeof *range + range->lower.size + range->upper.size;
}

/* ---- merging ---- */

static int
txn_reads_compare(const void *a, const void *b)
{
    const struct fi_txn_reads_range *left = a;
    const struct fi_txn_reads_range *right = b;
    if (left->keyspace != right->keyspace) {
        return left->keyspace->id < right->keyspace->id ? -1 : 1;
    }
    return fi_slice_compare(left->lower, right->lower);
}

static bool
touches(const struct fi_txn_reads_range *range, const struct fi_txn_reads_range *next)
{
    return range->keyspace == next->keyspace &&
           (!range->has_upper || fi_slice_compare(next->lower, range->upper) <= 0);
}

/* Extends the range to the end of next, which begins after its beginning. */
static void
txn_reads_join(struct fi_txn_reads_range *range, const struct fi_txn_reads_range *next)
{
    DCHECK(range->keyspace == next->keyspace);
    DCHECK(fi_slice_compare(range->lower, next->lower) <= 0);
    if (range->has_upper && (!next->has_upper || fi_slice_compare(next->upper, range->upper) > 0)) {
        range->has_upper = next->has_upper;
        range->upper = next->upper;
    }
}

static void
txn_reads_merge(struct fi_txn_reads *reads)
{
    size_t count = fi_txn_reads_count(reads);
    size_t kept = 0;
    fi_sort(reads->ranges.data, count, sizeof(struct fi_txn_reads_range), txn_reads_compare);
    reads->content_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct fi_txn_reads_range *last = kept == 0 ? NULL : range_at(reads, kept - 1);
        const struct fi_txn_reads_range *range = range_at(reads, i);
        if (last != NULL && touches(last, range)) {
            txn_reads_join(last, range);
        } else {
            *range_at(reads, kept++) = *range;
        }
    }
    reads->ranges.size = kept * sizeof(struct fi_txn_reads_range);
    for (size_t i = 0; i < kept; i++) {
        reads->content_bytes += bytes_of(range_at(reads, i));
    }
}

/* Joins neighbours in pairs; false if none can be joined. */
static bool
coarsen(struct fi_txn_reads *reads)
{
    size_t count = fi_txn_reads_count(reads);
    size_t kept = 0;
    reads->content_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct fi_txn_reads_range range = *range_at(reads, i);
        if (i + 1 < count && range_at(reads, i + 1)->keyspace == range.keyspace) {
            txn_reads_join(&range, range_at(reads, ++i));
        }
        reads->content_bytes += bytes_of(&range);
        *range_at(reads, kept++) = range;
    }
    reads->ranges.size = kept * sizeof(struct fi_txn_reads_range);
    return kept < count;
}

static int
txn_reads_copy(struct fi_arena *arena, firn_slice *slice)
{
    const uint8_t *bytes = fi_arena_copy(arena, slice->data, slice->size);
    if (bytes == NULL) {
        return FIRN_NO_MEMORY;
    }
    slice->data = bytes;
    return FIRN_OK;
}

/* Frees the memory of bounds that are gone. Without memory for a copy, everything stays. */
static void
renew_arena(struct fi_txn_reads *reads)
{
    struct fi_arena arena = {0};
    struct fi_buf ranges = {0};
    size_t count = fi_txn_reads_count(reads);
    int rc;
    FI_TRY(fi_buf_append_slice(&ranges, fi_buf_slice(&reads->ranges)));
    for (size_t i = 0; i < count; i++) {
        struct fi_txn_reads_range *range = (struct fi_txn_reads_range *)(void *)ranges.data + i;
        FI_TRY(txn_reads_copy(&arena, &range->lower));
        FI_TRY(txn_reads_copy(&arena, &range->upper));
    }
    fi_buf_deinit(&reads->ranges);
    fi_arena_deinit(&reads->arena);
    reads->ranges = ranges;
    reads->arena = arena;
out:
    if (rc != FIRN_OK) {
        fi_buf_deinit(&ranges);
        fi_arena_deinit(&arena);
    }
}

/* Whether the ranges are in order, and none overlaps or touches the next one. */
static bool
is_tidy(const struct fi_txn_reads *reads)
{
    size_t count = fi_txn_reads_count(reads);
    for (size_t i = 1; i < count; i++) {
        const struct fi_txn_reads_range *before = range_at(reads, i - 1);
        if (txn_reads_compare(before, range_at(reads, i)) >= 0 ||
            touches(before, range_at(reads, i))) {
            return false;
        }
    }
    return true;
}

void
fi_txn_reads_tidy(struct fi_txn_reads *reads)
{
    txn_reads_merge(reads);
    if (reads->content_bytes > reads->limit_bytes) {
        while (reads->content_bytes > reads->limit_bytes / 2 && coarsen(reads)) {
        }
    }
    DCHECK(is_tidy(reads));
    renew_arena(reads);
    reads->tidy_at_bytes = 2 * reads->content_bytes;
    if (reads->tidy_at_bytes < TIDY_BYTES_MIN) {
        reads->tidy_at_bytes = TIDY_BYTES_MIN;
    }
}

/* ---- adding ---- */

static int
txn_reads_append(struct fi_txn_reads *reads, const struct fi_txn_reads_range *range)
{
    int rc = fi_buf_append(&reads->ranges, range, sizeof *range);
    if (rc == FIRN_OK) {
        reads->content_bytes += bytes_of(range);
        if (reads->content_bytes >
            (reads->tidy_at_bytes == 0 ? TIDY_BYTES_MIN : reads->tidy_at_bytes)) {
            fi_txn_reads_tidy(reads);
        }
    }
    return rc;
}

void
fi_txn_reads_add_key(struct fi_txn_reads *reads, struct firn_db_keyspace *keyspace, firn_slice key)
{
    /* Both bounds share one piece of memory: the zero byte follows the key. */
    uint8_t *bytes = fi_arena_alloc(&reads->arena, key.size + 1);
    if (bytes == NULL) {
        reads->is_incomplete = true;
        return;
    }
    if (key.size > 0) {
        memcpy(bytes, key.data, key.size);
    }
    bytes[key.size] = 0;
    const struct fi_txn_reads_range range = {.keyspace = keyspace,
                                             .lower = firn_bytes(bytes, key.size),
                                             .upper = firn_bytes(bytes, key.size + 1),
                                             .has_upper = true};
    reads->is_incomplete |= txn_reads_append(reads, &range) != FIRN_OK;
}

void
fi_txn_reads_add(struct fi_txn_reads *reads, const struct fi_txn_reads_range *range)
{
    DCHECK(!range->has_upper || fi_slice_compare(range->lower, range->upper) <= 0);
    struct fi_txn_reads_range added = *range;
    if (txn_reads_copy(&reads->arena, &added.lower) != FIRN_OK ||
        txn_reads_copy(&reads->arena, &added.upper) != FIRN_OK ||
        txn_reads_append(reads, &added) != FIRN_OK) {
        reads->is_incomplete = true;
    }
}
