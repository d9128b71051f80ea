/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_open.h: opening and closing a run. See block/run_kind.h.
 */
#ifndef FIRN_ROW_ROW_OPEN_H
#define FIRN_ROW_ROW_OPEN_H

#include "row/row_read.h"

FIRN_MUST_CHECK int firn_row_open(const struct firn_run_env *env, const char *name,
                                  struct firn_run **out, firn_error *err);
FIRN_MUST_CHECK int firn_row_open_origin(struct firn_run *run, struct firn_buf *numbers,
                                         struct firn_run_origin *out, firn_error *err);
void firn_row_open_close(struct firn_run *run);

#endif
