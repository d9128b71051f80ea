/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_window.c: one large read in the place of many small ones.
 *
 * Data blocks lie in the file in the order of their keys, side by side but for the pieces of large
 * values between them. A window is the longest stretch of them from the wanted block on (or up to
 * it, for a cursor that walks backwards) that fits into its room and has nothing else in between;
 * where it goes follows from the index. It is read with one call, and each block is verified and
 * decoded as it is asked for. So a merge of many runs costs the system one call for 256 KiB of
 * each, keeps no trace in the cache, and uses uncompressed blocks where they were read, without a
 * copy.
 *
 * A stretch that cannot be read may have one bad sector in it: then the wanted block is read alone,
 * and only what is really lost is reported.
 *
 * Memory: the room, and a decoded block. A block that is larger than the room is read alone.
 */
#include "row/row_window.h"

#include "base/mem.h"

void
firn_row_window_deinit(struct firn_row_window *window)
{
    firn_free(window->bytes);
    firn_buf_deinit(&window->raw);
    firn_compress_destroy(window->compress);
    *window = (struct firn_row_window){0};
}

void
firn_row_window_set_room(struct firn_row_window *window, size_t room)
{
    DCHECK(room <= FIRN_ROW_WINDOW_SIZE_MAX);
    firn_free(window->bytes);
    window->bytes = NULL;
    window->size = 0;
    window->room = room;
}

/* Takes the memory for stretches of the file. */
static bool
take_room(struct firn_row_window *window)
{
    if (window->room == 0) {
        window->room = FIRN_ROW_WINDOW_SIZE_MAX;
    }
    if (window->bytes == NULL) {
        window->bytes = firn_alloc(window->room);
    }
    return window->bytes != NULL;
}

bool
firn_row_window_holds(const struct firn_row_window *window, const struct firn_block_ref *ref)
{
    uint64_t span = firn_block_reader_span(ref);
    return ref->offset >= window->offset && ref->offset - window->offset <= window->size &&
           span <= window->size - (ref->offset - window->offset);
}

/* Sets place and size of the window around the i-th block. */
static void
extend(struct firn_row_window *window, const struct firn_row_index *index, size_t i,
       bool is_backward)
{
    struct firn_row_index_block block;
    firn_row_index_block(index, i, &block);
    const struct firn_block_ref wanted = block.ref;
    window->offset = block.ref.offset;
    uint64_t end = block.ref.offset + firn_block_reader_span(&block.ref);
    while (is_backward ? i-- > 0 : ++i < index->block_count) {
        firn_row_index_block(index, i, &block);
        uint64_t block_end = block.ref.offset + firn_block_reader_span(&block.ref);
        if (is_backward) {
            if (block_end != window->offset || end - block.ref.offset > window->room) {
                break;
            }
            window->offset = block.ref.offset;
        } else {
            if (block.ref.offset != end || block_end - window->offset > window->room) {
                break;
            }
            end = block_end;
        }
    }
    window->size = (size_t)(end - window->offset);
    DCHECK(firn_row_window_holds(window, &wanted));
}

/* Reads the window around the i-th block; leaves it empty where that fails, or makes no sense. */
static void
fill(struct firn_row_window *window, struct firn_row *run, const struct firn_row_index *index,
     size_t i, bool is_backward)
{
    DCHECK(window->bytes != NULL && i < index->block_count);
    extend(window, index, i, is_backward);
    if (window->size > window->room ||
        firn_block_reader_read_span(run->reader, window->offset, window->size, window->bytes,
                                    NULL) != FIRN_OK) {
        window->size = 0;
    }
}

const uint8_t *
firn_row_window_stored(struct firn_row_window *window, struct firn_row *run,
                       const struct firn_row_index *index, size_t i, bool is_backward)
{
    struct firn_row_index_block block;
    firn_row_index_block(index, i, &block);
    if (!firn_row_window_holds(window, &block.ref)) {
        if (!take_room(window)) {
            return NULL;
        }
        fill(window, run, index, i, is_backward);
    }
    return firn_row_window_holds(window, &block.ref)
               ? window->bytes + (block.ref.offset - window->offset)
               : NULL;
}

int
firn_row_window_read(struct firn_row_window *window, struct firn_row *run,
                     const struct firn_row_index *index, size_t i, bool is_backward,
                     firn_slice *out, firn_error *err)
{
    struct firn_row_index_block block;
    firn_row_index_block(index, i, &block);
    int rc = FIRN_OK;
    if (window->compress == NULL) {
        rc = firn_compress_create(&window->compress, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    const uint8_t *stored = firn_row_window_stored(window, run, index, i, is_backward);
    DCHECK(window->size <= window->room);
    if (stored != NULL) {
        rc = firn_block_reader_decode(run->reader, &block.ref, stored, window->compress,
                                      &window->raw, out, err);
    } else {
        rc = firn_block_reader_read(run->reader, &block.ref, window->compress, &window->raw, err);
        *out = firn_buf_slice(&window->raw);
    }
    if (rc == FIRN_OK) {
        rc = firn_row_block_check(*out, err);
    }
    return rc == FIRN_OK || err == NULL ? rc : firn_row_read_explain(run, index, i, err);
}
