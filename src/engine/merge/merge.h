/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge.h: many sorted sources as one, in the order of base/entry.h, both ways.
 *
 * One thread. After an error the merge is nowhere; it may be placed again. Two sources that hold
 * the same version of a key are FIRN_CORRUPT, which names it and them: a version is in one place.
 */
#ifndef FIRN_MERGE_MERGE_H
#define FIRN_MERGE_MERGE_H

#include <stdbool.h>

#include "merge/merge_source.h"

struct firn_merge;

FIRN_MUST_CHECK int firn_merge_create(struct firn_merge **out, firn_error *err);
/* Destroys its sources. NULL is fine. */
void firn_merge_destroy(struct firn_merge *merge);
/* The source belongs to the merge from here on, whatever is returned; NULL is FIRN_OK. The merge is
 * nowhere afterwards. */
FIRN_MUST_CHECK int firn_merge_add(struct firn_merge *merge, struct firn_merge_source *source,
                                   firn_error *err);

FIRN_MUST_CHECK int firn_merge_first(struct firn_merge *merge, firn_error *err);
FIRN_MUST_CHECK int firn_merge_last(struct firn_merge *merge, firn_error *err);
/* To the first version at or after (key, sequence), or the last one before: a sequence of
 * UINT64_MAX is before all versions of key. The key may be the current entry's. */
FIRN_MUST_CHECK int firn_merge_seek(struct firn_merge *merge, firn_slice key, uint64_t sequence,
                                    firn_error *err);
FIRN_MUST_CHECK int firn_merge_seek_before(struct firn_merge *merge, firn_slice key,
                                           uint64_t sequence, firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int firn_merge_next(struct firn_merge *merge, firn_error *err);
FIRN_MUST_CHECK int firn_merge_prev(struct firn_merge *merge, firn_error *err);

/* Forwards, to the first entry that is at or after (key, UINT64_MAX) or newer than or as new as
 * `sequence`; some entries before key that are older may still come. Only while valid, and after a
 * move forwards. */
FIRN_MUST_CHECK int firn_merge_skip(struct firn_merge *merge, firn_slice key, uint64_t sequence,
                                    firn_error *err);
/* The same backwards: entries at or after (key, UINT64_MAX) that are older are left out, as far as
 * is cheap. */
FIRN_MUST_CHECK int firn_merge_skip_back(struct firn_merge *merge, firn_slice key,
                                         uint64_t sequence, firn_error *err);

/* The current version; NULL where there is none. Borrowed until the merge moves. */
const struct firn_entry *firn_merge_entry(const struct firn_merge *merge);

/* The first bytes of a key as a number of the same order, filled up with zeros: keys with different
 * heads are different, and of two that are not longer the heads and the sizes are all there is. */
enum { FIRN_MERGE_HEAD_SIZE = 16 };
struct firn_merge_head {
    uint64_t high;
    uint64_t low;
};
static inline bool
firn_merge_head_equal(struct firn_merge_head a, struct firn_merge_head b)
{
    return a.high == b.high && a.low == b.low;
}
/* Of the current version's key. Only while there is one. */
struct firn_merge_head firn_merge_head(const struct firn_merge *merge);

#endif
