/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_value.h: large values, in pieces beside the blocks of entries.
 */
#ifndef FIRN_ROW_ROW_VALUE_H
#define FIRN_ROW_ROW_VALUE_H

#include "row/row_block.h"
#include "row/row_emit.h"

/* Writes a value that is larger than FIRN_ROW_FORMAT_INLINE_MAX; replaces the contents of
 * out_locator. */
FIRN_MUST_CHECK int firn_row_value_write(struct firn_row_emit *emit, firn_slice value,
                                         struct firn_buf *out_locator, firn_error *err);
/* Replaces the contents of out with the value. locator has passed firn_row_block_check. Beside the
 * value, memory for one piece. Any thread. */
FIRN_MUST_CHECK int firn_row_value_read(struct firn_block_reader *reader, firn_slice locator,
                                        struct firn_buf *out, firn_error *err);
/* Reads all pieces and keeps none. */
FIRN_MUST_CHECK int firn_row_value_check(struct firn_block_reader *reader, firn_slice locator,
                                         firn_error *err);

#endif
