/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/value_live.h: how much of each value file is alive, and which runs to write again so that a
 * file may go.
 *
 * Under the mutex of lsm.
 */
#ifndef FIRN_LSM_VALUE_LIVE_H
#define FIRN_LSM_VALUE_LIVE_H

#include "lsm/compaction_pick.h"

/* A run has come into the newest version of a tree, or has left it. */
void firn_value_live_add_locked(struct firn_lsm_tree *tree, const struct firn_lsm_file *run);
void firn_value_live_remove_locked(struct firn_lsm_tree *tree, const struct firn_lsm_file *run);

/* Whether a compaction should write the live values of a file anew: where more than half of it is
 * dead, or, of one that is thorough, anything. (The mutex is not checked: a file does not know it.) */
bool firn_value_live_is_worth_moving_locked(const struct firn_lsm_file *values, bool is_thorough);

/* A compaction that writes a run again in its place for that; false: there is none to be run now.
 * With room_bytes, unless that is 0, it empties one file, of which no more is alive. */
bool firn_value_live_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                 uint64_t room_bytes, struct firn_compaction_plan *out);

#endif
