/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_ahead.h: data blocks through the cache, read ahead for a cursor that turns out to walk.
 *
 * One thread. A zeroed struct is ready.
 */
#ifndef FIRN_ROW_ROW_AHEAD_H
#define FIRN_ROW_ROW_AHEAD_H

#include "row/row_window.h"

struct firn_row_ahead {
    struct firn_row_window window;
    size_t missed;     /* the block that the cache lacked last */
    unsigned in_order; /* so many before it, each near the one before */
};

static inline void
firn_row_ahead_deinit(struct firn_row_ahead *ahead)
{
    firn_row_window_deinit(&ahead->window);
}
/* Pins the i-th data block, which firn_row_read_find has not found: reads it, for the cache to keep;
 * alone, or with what follows (or lies before, where is_backward) if blocks that were not there are
 * asked for in order. */
FIRN_MUST_CHECK int firn_row_ahead_read(struct firn_row_ahead *ahead, struct firn_row *run,
                                        const struct firn_row_index *index, size_t i,
                                        bool is_backward, struct firn_block_pin *out,
                                        firn_error *err);

#endif
