/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_check.h: reading all of a run and judging it. See check in block/run_kind.h.
 */
#ifndef FIRN_ROW_ROW_CHECK_H
#define FIRN_ROW_ROW_CHECK_H

#include "row/row.h"

FIRN_MUST_CHECK int firn_row_check(struct firn_run *run,
                                   void (*on_damage)(void *ctx, const char *text), void *ctx,
                                   const struct firn_step *step, firn_error *err);

#endif
