/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/value_adopt.h: segments of the log that a flush makes value files, instead of writing their
 * values again.
 */
#ifndef FIRN_LSM_VALUE_ADOPT_H
#define FIRN_LSM_VALUE_ADOPT_H

#include "lsm/logged_value.h"
#include "lsm/lsm_internal.h"

enum { FIRN_VALUE_ADOPT_SEGMENTS_MAX = 16 };

struct firn_value_adopt_segment {
    uint64_t number;            /* of the segment */
    uint64_t bytes;             /* of its values that a run may refer to, as far as was counted */
    struct firn_lsm_file *file; /* NULL: it was not adopted */
};

/* In the caller's memory. */
struct firn_value_adopt {
    struct firn_value_adopt_segment segments[FIRN_VALUE_ADOPT_SEGMENTS_MAX];
    size_t count;
};

/* Adopts what is worth it of the segments that have large values of the memtables which a flush
 * takes, under names that are durable when that of a later run is; removed again by the next
 * collection unless a run comes to refer to them. The log was synced through all of them. */
void firn_value_adopt_begin(const struct firn_lsm_work *work, struct firn_value_adopt *out);
/* The file that a value's segment has become; NULL: none. */
struct firn_lsm_file *firn_value_adopt_find(const struct firn_value_adopt *adopt,
                                            const struct firn_logged_value *logged);
/* Lets go of the files. */
void firn_value_adopt_end(struct firn_value_adopt *adopt);

#endif
