/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_window.h: reading data blocks ahead, for cursors that will want all of them.
 *
 * One thread. A zeroed struct is empty.
 */
#ifndef FIRN_ROW_ROW_WINDOW_H
#define FIRN_ROW_ROW_WINDOW_H

#include "row/row_read.h"

struct firn_row_window {
    uint8_t *bytes;      /* a stretch of the file */
    uint64_t offset;     /* where it begins there */
    size_t size;         /* 0: nothing is read */
    struct firn_buf raw; /* a block that was decoded */
    struct firn_compress *compress;
};

void firn_row_window_deinit(struct firn_row_window *window);
/* The bytes of the i-th data block, verified and checked, borrowed until the next call. Where
 * they are not there yet, reads them with the blocks that follow, or with those before where
 * is_backward. */
FIRN_MUST_CHECK int firn_row_window_read(struct firn_row_window *window, struct firn_row *run,
                                         const struct firn_row_index *index, size_t i,
                                         bool is_backward, firn_slice *out, firn_error *err);

#endif
