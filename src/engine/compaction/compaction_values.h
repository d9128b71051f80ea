/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_values.h: where the large values go of runs that are being written, and what the runs
 * refer to.
 *
 * One thread. Use: begin; place for each entry on its way into a run; list and hold when a run is
 * finished; finish when all are; end in any case.
 */
#ifndef FIRN_COMPACTION_COMPACTION_VALUES_H
#define FIRN_COMPACTION_COMPACTION_VALUES_H

#include "base/hash_map.h"
#include "block/value_writer.h"
#include "compaction/compaction_adopt.h"
#include "lsm/lsm_internal.h"

struct firn_compaction_values_options {
    struct firn_lsm *lsm;
    bool separates;     /* large values go to value files */
    bool is_thorough;   /* what is alive leaves every file with garbage */
    uint64_t values_of; /* as in struct firn_compaction_plan */
    enum firn_codec codec;
    const struct firn_compaction_adopt *adopt; /* of a flush; may be NULL */
    struct firn_block_publisher *publisher;    /* as in struct firn_run_builder_options */
};

/* In the caller's memory. */
struct firn_compaction_values {
    struct firn_compaction_values_options options;
    struct firn_value_writer *writer; /* NULL: no file is open */
    struct firn_run_file *file;       /* that it writes */
    struct firn_hash_map tallies; /* of all files that were referred to; see compaction_values.c */
    struct firn_buf written;      /* of struct firn_run_file *, each counted: own files */
    struct firn_buf references;   /* of struct firn_manifest_reference, for list */
    struct firn_buf stored;       /* the value of the entry that was placed last */
    struct firn_buf moved;
    uint64_t bytes; /* of finished files */
};

void firn_compaction_values_begin(struct firn_compaction_values *output,
                                  const struct firn_compaction_values_options *options);
/* Puts the value of an entry into a file, if that is where it belongs: *out is what the run gets,
 * borrowed until the next call. Notes what the run refers to. */
FIRN_MUST_CHECK int firn_compaction_values_place(struct firn_compaction_values *output,
                                                 const struct firn_entry *entry,
                                                 struct firn_entry *out, firn_error *err);
/* What the entries since the last hold refer to, into *info; borrowed until the next call. */
FIRN_MUST_CHECK int firn_compaction_values_list(struct firn_compaction_values *output,
                                                struct firn_manifest_run *info, firn_error *err);
/* Gives the file that was made of that info its value files. */
void firn_compaction_values_hold(struct firn_compaction_values *output, struct firn_run_file *run);
/* Makes all value files durable, or leaves that to the publisher. The runs, whom nobody knows yet, learn what is in them. */
FIRN_MUST_CHECK int firn_compaction_values_finish(struct firn_compaction_values *output,
                                                  const struct firn_version_added *runs,
                                                  size_t count, firn_error *err);
/* Lets go of the files: those that no run refers to, an unfinished one too, are removed. */
void firn_compaction_values_end(struct firn_compaction_values *output);

#endif
