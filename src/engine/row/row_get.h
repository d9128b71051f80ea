/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_get.h: one key of a run. See get in block/run_kind.h.
 */
#ifndef FIRN_ROW_ROW_GET_H
#define FIRN_ROW_ROW_GET_H

#include "row/row_read.h"

FIRN_MUST_CHECK int firn_row_get(struct firn_run *run, firn_slice key, const struct firn_view *view,
                                 struct firn_run_hit *out, struct firn_buf *value, firn_error *err);
void firn_row_get_prefetch(const struct firn_run *run, firn_slice key, unsigned step);

#endif
