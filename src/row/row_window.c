/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_window.c: one large read in the place of many small ones.
 *
 * Data blocks lie in the file in the order of their keys, side by side but for the pieces of large
 * values between them. A window is the longest stretch of them from the wanted block on (or up to
 * it, for a cursor that walks backwards) that fits into SIZE bytes and has nothing else in between;
 * where it goes follows from the index. It is read with one call, and each block is verified and
 * decoded as it is asked for. So a merge of many runs costs the system one call for 256 KiB of
 * each, keeps no trace in the cache, and uses uncompressed blocks where they were read, without a
 * copy.
 *
 * A stretch that cannot be read may have one bad sector in it: then the wanted block is read alone,
 * and only what is really lost is reported.
 *
 * Memory: SIZE bytes, and a decoded block. A block that is larger than SIZE is a window of its own.
 */
#include "row/row_window.h"

#include "base/mem.h"

enum { SIZE = 256 << 10 };

void
firn_row_window_deinit(struct firn_row_window *window)
{
    firn_free(window->bytes);
    firn_buf_deinit(&window->raw);
    firn_compress_destroy(window->compress);
    *window = (struct firn_row_window){0};
}

static int
prepare(struct firn_row_window *window, firn_error *err)
{
    if (window->compress == NULL) {
        int rc = firn_compress_create(&window->compress, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (window->bytes == NULL) {
        window->bytes = firn_alloc(SIZE);
    }
    return window->bytes != NULL ? FIRN_OK : firn_error_no_memory(err, "a window of a run");
}

static bool
holds(const struct firn_row_window *window, const struct firn_block_ref *ref)
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
    window->offset = block.ref.offset;
    uint64_t end = block.ref.offset + firn_block_reader_span(&block.ref);
    while (is_backward ? i-- > 0 : ++i < index->block_count) {
        firn_row_index_block(index, i, &block);
        uint64_t block_end = block.ref.offset + firn_block_reader_span(&block.ref);
        if (is_backward) {
            if (block_end != window->offset || end - block.ref.offset > SIZE) {
                break;
            }
            window->offset = block.ref.offset;
        } else {
            if (block.ref.offset != end || block_end - window->offset > SIZE) {
                break;
            }
            end = block_end;
        }
    }
    window->size = (size_t)(end - window->offset);
}

/* Reads the window around the i-th block; leaves it empty where that fails, or makes no sense. */
static void
fill(struct firn_row_window *window, struct firn_row *run, const struct firn_row_index *index,
     size_t i, bool is_backward)
{
    extend(window, index, i, is_backward);
    if (window->size > SIZE ||
        firn_block_reader_read_span(run->reader, window->offset, window->size, window->bytes,
                                    NULL) != FIRN_OK) {
        window->size = 0;
    }
}

int
firn_row_window_read(struct firn_row_window *window, struct firn_row *run,
                     const struct firn_row_index *index, size_t i, bool is_backward,
                     firn_slice *out, firn_error *err)
{
    struct firn_row_index_block block;
    firn_row_index_block(index, i, &block);
    int rc = prepare(window, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!holds(window, &block.ref)) {
        fill(window, run, index, i, is_backward);
    }
    if (holds(window, &block.ref)) {
        rc = firn_block_reader_decode(run->reader, &block.ref,
                                      window->bytes + (block.ref.offset - window->offset),
                                      window->compress, &window->raw, out, err);
    } else {
        rc = firn_block_reader_read(run->reader, &block.ref, window->compress, &window->raw, err);
        *out = firn_buf_slice(&window->raw);
    }
    if (rc == FIRN_OK) {
        rc = firn_row_block_check(*out, err);
    }
    return rc == FIRN_OK || err == NULL ? rc : firn_row_read_explain(run, index, i, err);
}
