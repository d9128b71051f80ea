/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/compaction.h: merging runs into a deeper level.
 */
#ifndef FIRN_LSM_COMPACTION_H
#define FIRN_LSM_COMPACTION_H

#include "lsm/lsm_internal.h"

/* Runs a work of kind COMPACTION; does not release it. */
FIRN_MUST_CHECK int firn_compaction_run(struct firn_lsm_work *work, firn_error *err);

#endif
