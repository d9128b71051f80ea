/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_origin.h: what runs are told of where they come from (block/run_origin.h), and the list of
 * files that are replaced and not yet removed, which goes into that.
 */
#ifndef FIRN_LSM_LSM_ORIGIN_H
#define FIRN_LSM_LSM_ORIGIN_H

#include "lsm/lsm_internal.h"

/* Of one flush, compaction or load. One thread. Zeroed: deinit is fine. */
struct firn_lsm_origin {
    struct firn_lsm_tree *tree;
    enum firn_run_origin_kind kind;
    uint64_t flushed; /* of a flush */
    uint64_t work;    /* 0: none is finished yet */
    uint32_t part;
    struct firn_buf inputs; /* numbers of a compaction's */
    struct firn_buf gone;
};
void firn_lsm_origin_begin(struct firn_lsm_origin *origin, struct firn_lsm_tree *tree,
                           enum firn_run_origin_kind kind);
/* Of a compaction: what it replaces. */
FIRN_MUST_CHECK int firn_lsm_origin_set_inputs(struct firn_lsm_origin *origin,
                                               struct firn_run_file *const *files, size_t count,
                                               firn_error *err);
/* Tells the run of that number, right before it is finished. */
FIRN_MUST_CHECK int firn_lsm_origin_tell(struct firn_lsm_origin *origin,
                                         struct firn_run_builder *builder, uint64_t number,
                                         bool is_last, firn_error *err);
void firn_lsm_origin_deinit(struct firn_lsm_origin *origin);
/* Tells a run that it belongs to no tree. */
FIRN_MUST_CHECK int firn_lsm_origin_tell_scratch(struct firn_run_builder *builder, firn_error *err);

/* The file of that number is going to be removed: MANIFEST has let go of it, or never gets to name
 * it. lsm's mutex is held. */
void firn_lsm_origin_note_gone_locked(struct firn_lsm *lsm, uint64_t number);
/* It has been removed. Any thread. */
void firn_lsm_origin_forget_gone(struct firn_lsm *lsm, uint64_t number);

#endif
