/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_level.h: the runs of a level, whose keys do not overlap, as one source of a merge.
 *
 * A run is opened when the position comes to it and given back when it leaves: one at a time.
 */
#ifndef FIRN_MERGE_MERGE_LEVEL_H
#define FIRN_MERGE_MERGE_LEVEL_H

#include "merge/merge_source.h"

/* Keys k of a run have lower <= k < upper (struct firn_run_summary). */
struct firn_merge_level_run {
    firn_slice lower;
    firn_slice upper;
    uint64_t sequence_min;
    uint64_t sequence_max;
    void *run; /* the caller's: for open */
};

struct firn_merge_level_options {
    /* Ascending, each upper <= the next lower; borrowed. */
    const struct firn_merge_level_run *runs;
    size_t count;
    /* Gives the run, which stays open until release. */
    int (*open)(void *ctx, const struct firn_merge_level_run *run, struct firn_run **out,
                firn_error *err);
    void (*release)(void *ctx, const struct firn_merge_level_run *run, struct firn_run *opened);
    void *ctx;
    /* Runs without anything that cursor.only sees are left out, as there. */
    struct firn_run_cursor_options cursor;
    const char *name; /* for messages; borrowed */
};

/* The options are copied. */
FIRN_MUST_CHECK int firn_merge_level_create(const struct firn_merge_level_options *options,
                                            struct firn_merge_source **out, firn_error *err);

#endif
