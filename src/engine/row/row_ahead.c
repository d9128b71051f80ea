/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_ahead.c: reading ahead for cursors of which nobody said that they will walk far.
 *
 * A cursor that is placed and takes a few steps wants one block or two, and anything beyond would
 * be read in vain. One that goes on wants all that follow, and a call to the system for each of
 * them costs as much as all else that is done with it. So the first ALONE blocks that the cache
 * lacks are read one by one; where the next in order is lacking too, it is read with those behind
 * it, ROOM_FIRST bytes at once and then twice as many each time. What was read ahead lies in a
 * window (row_window.c) as it is in the file; a block is verified, decoded and put into the cache
 * when the cursor comes to it, like any other.
 *
 * A few blocks that the cache has may lie between: NEAR is how far the next one that it lacks may be.
 * Farther away the cursor begins anew, and the window's memory goes.
 *
 * Memory: at most FIRN_ROW_WINDOW_SIZE_MAX bytes, of a cursor that walks through what the cache
 * does not have.
 *
 * Failure: what cannot be read ahead is read alone.
 */
#include "row/row_ahead.h"

enum { ALONE = 2, NEAR = 4, ROOM_FIRST = 32 << 10 };

static void
grow(struct firn_row_window *window)
{
    size_t room = window->room == 0 ? ROOM_FIRST : 2 * window->room;
    if (room <= FIRN_ROW_WINDOW_SIZE_MAX) {
        firn_row_window_set_room(window, room);
    }
}

/* The stored bytes of a block that the cache lacks; NULL: it is to be read alone. */
static const uint8_t *
stored_of(struct firn_row_ahead *ahead, struct firn_row *run, const struct firn_row_index *index,
          size_t i, bool is_backward)
{
    DCHECK(i < index->block_count);
    size_t distance = is_backward ? ahead->missed - i : i - ahead->missed;
    ahead->missed = i;
    if (distance == 0 || distance > NEAR) { /* a step back is far too large */
        ahead->in_order = 0;
        firn_row_window_set_room(&ahead->window, 0);
        return NULL;
    }
    ahead->in_order++;
    if (ahead->in_order < ALONE) {
        return NULL;
    }
    struct firn_row_index_block block;
    firn_row_index_block(index, i, &block);
    if (!firn_row_window_holds(&ahead->window, &block.ref)) {
        grow(&ahead->window);
    }
    return firn_row_window_stored(&ahead->window, run, index, i, is_backward);
}

int
firn_row_ahead_read(struct firn_row_ahead *ahead, struct firn_row *run,
                    const struct firn_row_index *index, size_t i, bool is_backward,
                    struct firn_block_pin *out, firn_error *err)
{
    const uint8_t *stored = stored_of(ahead, run, index, i, is_backward);
    return firn_row_read_missing(run, index, i, stored, out, err);
}
