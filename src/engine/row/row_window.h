/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_window.h: many data blocks with one read, for cursors that will want all of them.
 *
 * One thread. A zeroed struct is empty.
 */
#ifndef FIRN_ROW_ROW_WINDOW_H
#define FIRN_ROW_ROW_WINDOW_H

#include "row/row_read.h"

enum { FIRN_ROW_WINDOW_SIZE_MAX = 256 << 10 };

struct firn_row_window {
    size_t room;         /* what is read at once at most; 0: FIRN_ROW_WINDOW_SIZE_MAX */
    uint8_t *bytes;      /* a stretch of the file; room bytes */
    uint64_t offset;     /* where it begins there */
    size_t size;         /* 0: nothing is read */
    struct firn_buf raw; /* a block that was decoded */
    struct firn_compress *compress;
};

/* It is empty afterwards. */
void firn_row_window_deinit(struct firn_row_window *window);
/* Empties it, and sets how much it reads at once. */
void firn_row_window_set_room(struct firn_row_window *window, size_t room);
/* Whether it has the stored bytes of a block. */
bool firn_row_window_holds(const struct firn_row_window *window, const struct firn_block_ref *ref);
/* The stored bytes of the i-th data block, nothing of them believed, borrowed until the next call;
 * reads what is not there as firn_row_window_read does. NULL where the block is larger than the
 * room, cannot be read with its neighbours, or memory is out: it may yet be read alone. */
const uint8_t *firn_row_window_stored(struct firn_row_window *window, struct firn_row *run,
                                      const struct firn_row_index *index, size_t i,
                                      bool is_backward);
/* The bytes of the i-th data block, verified and checked, borrowed until the next call. Where
 * they are not there yet, reads them with the blocks that follow, or with those before where
 * is_backward. */
FIRN_MUST_CHECK int firn_row_window_read(struct firn_row_window *window, struct firn_row *run,
                                         const struct firn_row_index *index, size_t i,
                                         bool is_backward, firn_slice *out, firn_error *err);

#endif
