/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/flush.h: frozen memtables become a run of level 0.
 */
#ifndef FIRN_LSM_FLUSH_H
#define FIRN_LSM_FLUSH_H

#include "lsm/work_output.h"

/* Writes what a work of kind FLUSH flushes; out says what is to be installed. The files are left to the
 * publisher, or durable where that is NULL. After a failure there is nothing in out. Requires: the log is
 * durable through everything that was applied. */
FIRN_MUST_CHECK int firn_flush_write(struct firn_lsm_work *work,
                                     struct firn_block_publisher *publisher,
                                     struct firn_work_output *out, firn_error *err);
/* It was installed. */
void firn_flush_count_locked(const struct firn_lsm_work *work,
                             const struct firn_work_output *output);

#endif
