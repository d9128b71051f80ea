/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction.h: merging runs into a deeper level.
 */
#ifndef FIRN_COMPACTION_COMPACTION_H
#define FIRN_COMPACTION_COMPACTION_H

#include "compaction/compaction_result.h"

/* Writes what a work of kind COMPACTION makes of its runs; as firn_compaction_flush_write. */
FIRN_MUST_CHECK int firn_compaction_write(struct firn_compaction_work *work,
                                          struct firn_block_publisher *publisher,
                                          struct firn_compaction_result *out, firn_error *err);
/* It was installed. */
void firn_compaction_count_locked(const struct firn_compaction_work *work,
                                  const struct firn_compaction_result *output);

#endif
