/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_summary.h: what a run says of itself, and its range deletes, to bytes and back.
 *
 * Any thread.
 */
#ifndef FIRN_ROW_ROW_SUMMARY_H
#define FIRN_ROW_ROW_SUMMARY_H

#include "block/run_kind.h"

/* Appends the summary (all but file_bytes, which it cannot know). */
FIRN_MUST_CHECK int firn_row_summary_encode(const struct firn_run_summary *summary,
                                            struct firn_buf *out);
/* *out, zeroed before, is the caller's to deinit, whatever is returned. FIRN_CORRUPT for bytes that
 * no builder writes, FIRN_NEWER for another version's. */
FIRN_MUST_CHECK int firn_row_summary_decode(firn_slice raw, struct firn_run_summary *out,
                                            firn_error *err);

/* The largest bound of a range: a key with a zero byte behind it. */
enum { FIRN_ROW_SUMMARY_BOUND_SIZE_MAX = 65536 };

/* Appends one range. */
FIRN_MUST_CHECK int firn_row_summary_encode_range(const struct firn_range *range,
                                                  struct firn_buf *out);
/* Calls visit for each range of a block of them; a return other than FIRN_OK ends it and is
 * returned. FIRN_CORRUPT if there is anything else than ranges. */
FIRN_MUST_CHECK int firn_row_summary_decode_ranges(
    firn_slice raw, int (*visit)(void *ctx, const struct firn_range *range, firn_error *err),
    void *ctx, firn_error *err);

#endif
