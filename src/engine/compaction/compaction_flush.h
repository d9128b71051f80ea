/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_flush.h: frozen memtables become a run of level 0.
 */
#ifndef FIRN_COMPACTION_COMPACTION_FLUSH_H
#define FIRN_COMPACTION_COMPACTION_FLUSH_H

#include "compaction/compaction_result.h"

/* Writes what a work of kind FLUSH flushes; out says what is to be installed. The files are left to the
 * publisher, or durable where that is NULL. After a failure there is nothing in out. Requires: the log is
 * durable through everything that was applied. */
FIRN_MUST_CHECK int firn_compaction_flush_write(struct firn_compaction_work *work,
                                                struct firn_block_publisher *publisher,
                                                struct firn_compaction_result *out,
                                                firn_error *err);
/* It was installed. */
void firn_compaction_flush_count_locked(const struct firn_compaction_work *work,
                                        const struct firn_compaction_result *output);

#endif
