/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_adopt.h: segments of the log that a flush makes value files, instead of writing their
 * values again.
 */
#ifndef FIRN_COMPACTION_COMPACTION_ADOPT_H
#define FIRN_COMPACTION_COMPACTION_ADOPT_H

#include "lsm/lsm_internal.h"
#include "memtable/memtable_logged.h"

enum { FIRN_COMPACTION_ADOPT_SEGMENTS_MAX = 16 };

struct firn_compaction_adopt_segment {
    uint64_t number;            /* of the segment */
    uint64_t bytes;             /* of its values that a run may refer to, as far as was counted */
    struct firn_run_file *file; /* NULL: it was not adopted */
};

/* In the caller's memory. */
struct firn_compaction_adopt {
    struct firn_compaction_adopt_segment segments[FIRN_COMPACTION_ADOPT_SEGMENTS_MAX];
    size_t count;
};

/* Adopts what is worth it of the segments that have large values of the memtables which a flush
 * takes, under names that are durable when that of a later run is; removed again by the next
 * collection unless a run comes to refer to them. The log was synced through all of them. */
void firn_compaction_adopt_begin(const struct firn_compaction_work *work,
                                 struct firn_compaction_adopt *out);
/* The file that a value's segment has become; NULL: none. */
struct firn_run_file *firn_compaction_adopt_find(const struct firn_compaction_adopt *adopt,
                                                 const struct firn_memtable_logged *logged);
/* Lets go of the files. */
void firn_compaction_adopt_end(struct firn_compaction_adopt *adopt);

#endif
