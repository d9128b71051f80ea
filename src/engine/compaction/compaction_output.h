/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_output.h: writing what a flush or a compaction keeps into new runs.
 */
#ifndef FIRN_COMPACTION_COMPACTION_OUTPUT_H
#define FIRN_COMPACTION_COMPACTION_OUTPUT_H

#include "compaction/compaction_adopt.h"
#include "lsm/lsm_origin.h"
#include "merge/merge_stream.h"
#include "merge/merge_view_map.h"

struct firn_compaction_output_options {
    struct firn_lsm *lsm;
    struct firn_lsm_origin *origin; /* of all runs that are written */
    /* What goes into the runs: the stream's options, but for the rule, which follows from views. */
    struct firn_merge_stream_options stream;
    const struct firn_merge_view_map *views;
    /* Where the runs will be; but for what now does not read, which goes to history. In history:
     * together they are what `history` was. */
    unsigned level;
    struct firn_run_file *const *history;
    size_t history_count;
    bool without_filter;
    uint64_t *found;                           /* as in struct firn_run_builder_options */
    bool separates;                            /* large values go to value files */
    const struct firn_compaction_adopt *adopt; /* where they lie already; may be NULL */
    bool is_thorough;                          /* as in struct firn_compaction_plan */
    uint64_t values_of;                        /* likewise */
    uint64_t run_bytes_target;                 /* a new run begins beyond it; 0: there is one run */
    /* The level behind that of the output: a run ends before it overlaps with too much there. NULL:
     * none. */
    const struct firn_version_level *next_level;
    struct firn_block_publisher *publisher; /* makes the files durable, later; NULL: at once */
};

/* In the caller's memory; zeroed at first. */
struct firn_compaction_output {
    struct firn_version_added *runs; /* each with a reference of the caller's */
    size_t count;
    size_t capacity;
    uint64_t bytes;
    uint64_t versions_dropped;
};

/* Writes everything. After a failure no file is left after the next collection, and out is empty.
 * There may be nothing to write. */
FIRN_MUST_CHECK int
firn_compaction_output_write(const struct firn_compaction_output_options *options,
                             struct firn_compaction_output *out, firn_error *err);
/* Gives back the references; the next collection removes the files. */
void firn_compaction_output_remove(struct firn_lsm *lsm, struct firn_compaction_output *output);
/* Gives back the references; the files stay. */
void firn_compaction_output_deinit(struct firn_compaction_output *output);

#endif
