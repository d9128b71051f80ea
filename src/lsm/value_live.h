/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/value_live.h: which runs to write again, so that a value file may go.
 *
 * Under the mutex of lsm.
 */
#ifndef FIRN_LSM_VALUE_LIVE_H
#define FIRN_LSM_VALUE_LIVE_H

#include "lsm/compaction_pick.h"

/* A compaction that writes a run again in its place for that; false: there is none to be run now.
 * With room_bytes, unless that is 0, it empties one file, of which no more is alive. */
bool firn_value_live_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                 uint64_t room_bytes, struct firn_compaction_plan *out);

#endif
