/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/compaction.h: merging runs into a deeper level.
 */
#ifndef FIRN_LSM_COMPACTION_H
#define FIRN_LSM_COMPACTION_H

#include "lsm/work_output.h"

/* Writes what a work of kind COMPACTION makes of its runs; as firn_flush_write. */
FIRN_MUST_CHECK int firn_compaction_write(struct firn_lsm_work *work,
                                          struct firn_block_publisher *publisher,
                                          struct firn_work_output *out, firn_error *err);
/* It was installed. */
void firn_compaction_count_locked(const struct firn_lsm_work *work,
                                  const struct firn_work_output *output);

#endif
