/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_cursor.h: walking over all versions in a run. See block/run_kind.h.
 */
#ifndef FIRN_ROW_ROW_CURSOR_H
#define FIRN_ROW_ROW_CURSOR_H

#include "row/row.h"

FIRN_MUST_CHECK int firn_row_cursor_create(struct firn_run *run,
                                           const struct firn_run_cursor_options *options,
                                           struct firn_run_cursor **out, firn_error *err);
void firn_row_cursor_destroy(struct firn_run_cursor *cursor);
void firn_row_cursor_prepare(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence,
                             unsigned step);
FIRN_MUST_CHECK int firn_row_cursor_seek(struct firn_run_cursor *cursor, firn_slice key,
                                         uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int firn_row_cursor_seek_before(struct firn_run_cursor *cursor, firn_slice key,
                                                uint64_t sequence, firn_error *err);
FIRN_MUST_CHECK int firn_row_cursor_first(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_row_cursor_last(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_row_cursor_next(struct firn_run_cursor *cursor, firn_error *err);
FIRN_MUST_CHECK int firn_row_cursor_prev(struct firn_run_cursor *cursor, firn_error *err);

#endif
