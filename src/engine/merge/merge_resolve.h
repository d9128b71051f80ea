/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_resolve.h: from all versions to those that a view sees: the newest of each key, where that is
 * a put and no newer range delete covers it. What merge operands make of a value is shown as a put.
 *
 * One thread. After an error it is nowhere and may be placed again.
 */
#ifndef FIRN_MERGE_MERGE_RESOLVE_H
#define FIRN_MERGE_MERGE_RESOLVE_H

#include "base/range_set.h"
#include "merge/merge.h"

struct firn_merge_resolve;

/* All borrowed until destroy, bytes of bounds included. */
struct firn_merge_resolve_options {
    struct firn_merge *merge;
    /* Of all its sources, those without ranges may be left out. */
    const struct firn_range_set *const *ranges;
    size_t range_set_count;
    const struct firn_view *view;
    const firn_slice *lower; /* NULL: no bound */
    const firn_slice *upper;
    uint64_t time_ms; /* puts that expire then or before are gone */
    bool keys_only;   /* values in value files are not read, and taken for empty */
};

/* The options are copied, what they name is not. */
FIRN_MUST_CHECK int firn_merge_resolve_create(const struct firn_merge_resolve_options *options,
                                              struct firn_merge_resolve **out, firn_error *err);
/* NULL is fine; the merge stays. */
void firn_merge_resolve_destroy(struct firn_merge_resolve *resolve);

FIRN_MUST_CHECK int firn_merge_resolve_first(struct firn_merge_resolve *resolve, firn_error *err);
FIRN_MUST_CHECK int firn_merge_resolve_last(struct firn_merge_resolve *resolve, firn_error *err);
/* To the first key >= key, or the last key < key, within the bounds. */
FIRN_MUST_CHECK int firn_merge_resolve_seek(struct firn_merge_resolve *resolve, firn_slice key,
                                            firn_error *err);
FIRN_MUST_CHECK int firn_merge_resolve_seek_before(struct firn_merge_resolve *resolve,
                                                   firn_slice key, firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int firn_merge_resolve_next(struct firn_merge_resolve *resolve, firn_error *err);
FIRN_MUST_CHECK int firn_merge_resolve_prev(struct firn_merge_resolve *resolve, firn_error *err);

/* A FIRN_ENTRY_PUT; NULL where it is not valid. Borrowed until the next move. */
const struct firn_entry *firn_merge_resolve_entry(const struct firn_merge_resolve *resolve);
/* When the value that is shown, or the one that operands were folded upon, expires; 0: never. */
uint64_t firn_merge_resolve_expires_ms(const struct firn_merge_resolve *resolve);

#endif
