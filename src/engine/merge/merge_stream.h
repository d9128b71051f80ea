/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_stream.h: what a flush or a compaction has to write: the versions of a merge and
 * the range deletes beside them, without what may go.
 *
 * Use: entries come one by one from next; before an entry whose key is a new one the output may be
 * cut, which gives the range deletes that belong to the keys before it; finish gives the last
 * ones. The ranges of an output lie within [key of the cut before, key of this cut), so outputs do
 * not overlap.
 *
 * Memory: range deletes and what they become between two cuts, and one sequence a tombstone that
 * is held back; keys with millions of versions stream. One thread. After an error the stream may
 * only be destroyed.
 */
#ifndef FIRN_MERGE_MERGE_STREAM_H
#define FIRN_MERGE_MERGE_STREAM_H

#include <stdbool.h>

#include "base/range_set.h"
#include "base/step.h"
#include "merge/merge.h"
#include "merge/merge_rule.h"

struct firn_merge_stream;

/* The keys k with lower <= k < upper. */
struct firn_compaction_span {
    firn_slice lower;
    firn_slice upper;
};

/* Where something belongs that is kept: with what now reads, or with history (version.h). */
struct firn_compaction_place {
    bool is_history;
    uint64_t newer; /* of history: a version of the key that now sees, itself for a tombstone that
                       only hides what goes along; or 0: now does not see it */
};

struct firn_compaction_between {
    struct firn_compaction_span span;
    uint64_t sequence_max;
};

struct firn_merge_stream_options {
    struct firn_merge *merge; /* over the inputs; borrowed */
    /* Of the inputs, each of which may have none; borrowed. */
    const struct firn_range_set *const *ranges;
    size_t range_set_count;
    struct firn_merge_rule *rule; /* borrowed */
    /* Where there may be something older than the inputs, outside of them: the bounds of all runs
     * (and memtables) that are older. In any order, overlaps are fine; the array is copied, the
     * bytes are borrowed. All other keys are at the bottom. */
    const struct firn_compaction_span *older;
    size_t older_count;
    /* Where versions may lie outside of the inputs that are newer than some of these, and how new
     * they may be: operands are not folded onto what is not newer. As older in all else. */
    const struct firn_compaction_between *between;
    size_t between_count;
    uint64_t tombstones_kept_from; /* as in struct firn_view_list */
    const struct firn_step *step;  /* told of each version that is looked at; may be NULL */
};

FIRN_MUST_CHECK int firn_merge_stream_create(const struct firn_merge_stream_options *options,
                                             struct firn_merge_stream **out, firn_error *err);
/* NULL is fine. */
void firn_merge_stream_destroy(struct firn_merge_stream *stream);

/* The next version to write, NULL at the end. Borrowed until the next call. */
FIRN_MUST_CHECK int firn_merge_stream_next(struct firn_merge_stream *stream,
                                           const struct firn_entry **out, firn_error *err);
/* Whether the output may be cut before the entry that next gave: its key is not that of the one
 * before. */
bool firn_merge_stream_may_cut(const struct firn_merge_stream *stream);
/* Of the entry that next gave. */
struct firn_compaction_place firn_merge_stream_place(const struct firn_merge_stream *stream);
/* Gives the range deletes that belong to the output before the entry that next gave, and after the
 * last cut. After next has given NULL: the last ones. The bounds live until the next cut. */
typedef int (*firn_merge_stream_add)(void *ctx, const struct firn_range *range,
                                     struct firn_compaction_place place, firn_error *err);
FIRN_MUST_CHECK int firn_merge_stream_cut(struct firn_merge_stream *stream,
                                          firn_merge_stream_add add, void *ctx, firn_error *err);

/* Versions that were left out so far, range deletes not counted. */
uint64_t firn_merge_stream_dropped(const struct firn_merge_stream *stream);

#endif
