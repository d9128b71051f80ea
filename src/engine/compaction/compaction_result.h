/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_result.h: what a flush or a compaction wrote, from its writing until it is installed.
 */
#ifndef FIRN_COMPACTION_COMPACTION_RESULT_H
#define FIRN_COMPACTION_COMPACTION_RESULT_H

#include "compaction/compaction_output.h"
#include "lsm/lsm_internal.h"

/* In the caller's memory; zeroed at first. */
struct firn_compaction_result {
    struct firn_compaction_output runs;
    struct firn_run_file **removed;        /* owned; the files are those of the work's version */
    struct firn_version_added *moved;      /* owned; likewise */
    struct firn_lsm_install_change change; /* refers to these and to the work */
    /* Of a compaction: what it read. */
    uint64_t read_bytes;
    uint64_t entries;       /* of levels, history left out */
    uint64_t entries_above; /* of levels above the output's */
};

#endif
