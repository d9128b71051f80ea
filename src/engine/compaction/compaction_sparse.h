/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_sparse.h: which runs to write again, so that a value file may go.
 *
 * Under the mutex of lsm.
 */
#ifndef FIRN_COMPACTION_COMPACTION_SPARSE_H
#define FIRN_COMPACTION_COMPACTION_SPARSE_H

#include "compaction/compaction_pick.h"

/* A compaction that writes a run again in its place for that; false: there is none to be run now.
 * With room_bytes, unless that is 0, it empties one file, of which no more is alive. */
bool firn_compaction_sparse_pick_locked(struct firn_lsm_tree *tree,
                                        enum firn_compaction_pick_mode mode, uint64_t room_bytes,
                                        struct firn_compaction_plan *out);

#endif
