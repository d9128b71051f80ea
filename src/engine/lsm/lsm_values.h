/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_values.h: how much of each value file is alive. Under the mutex of lsm.
 */
#ifndef FIRN_LSM_LSM_VALUES_H
#define FIRN_LSM_LSM_VALUES_H

#include "lsm/lsm_internal.h"

/* A run has come into the newest version of a tree, or has left it. */
void firn_lsm_values_add_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run);
void firn_lsm_values_remove_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run);

/* Whether a compaction should write the live values of a file anew: where more than half of it is
 * dead, or, of one that is thorough, anything. (The mutex is not checked: a file does not know it.) */
bool firn_lsm_values_is_worth_moving_locked(const struct firn_run_file *values, bool is_thorough);

#endif
