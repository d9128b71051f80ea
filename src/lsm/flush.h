/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/flush.h: frozen memtables become a run of level 0.
 */
#ifndef FIRN_LSM_FLUSH_H
#define FIRN_LSM_FLUSH_H

#include "lsm/lsm_internal.h"

/* Runs a work of kind FLUSH; does not release it. */
FIRN_MUST_CHECK int firn_flush_run(struct firn_lsm_work *work, firn_error *err);

#endif
