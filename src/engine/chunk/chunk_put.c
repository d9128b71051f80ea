/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_put.c: what encodings of all kinds write: packed numbers, packed sizes, and codes
 * in the places of nulls.
 */
#include "base/check.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encode.h"

int
fi_chunk_put_packed(struct fi_buf *out, const uint64_t *numbers, size_t count, unsigned width)
{
    size_t start = out->size;
    DCHECK(count > 0 && count <= FI_CHUNK_BLOCK);
    int rc = fi_buf_set_size(out, start + fi_chunk_bits_size(count, width));
    if (rc == FIRN_OK && width > 0) {
        fi_chunk_bits_encode(numbers, count, width, out->data + start);
    }
    return rc;
}

int
fi_chunk_put_sizes(struct fi_buf *out, uint64_t *sizes, size_t count, unsigned *out_width)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (size_t i = 0; i < count; i++) {
        min = sizes[i] < min ? sizes[i] : min;
        max = sizes[i] > max ? sizes[i] : max;
    }
    for (size_t i = 0; i < count; i++) {
        sizes[i] -= min;
    }
    DCHECK(count > 0 && max <= FI_CHUNK_BYTES_MAX);
    *out_width = fi_chunk_bits_width(max - min);
    int rc = fi_buf_append_le32(out, (uint32_t)min);
    return rc == FIRN_OK ? fi_chunk_put_packed(out, sizes, count, *out_width) : rc;
}

void
fi_chunk_put_nulls(const struct fi_chunk_values *values, uint64_t nothing_else, uint64_t *codes)
{
    for (size_t start = 0; values->valid != NULL && start < values->count;
         start += FI_CHUNK_BLOCK) {
        size_t left = values->count - start;
        size_t end = start + (left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK);
        size_t first = start;
        while (first < end && !fi_chunk_has_bit(values->valid, first)) {
            first++;
        }
        uint64_t code = first < end ? codes[first] : nothing_else;
        for (size_t i = start; i < end; i++) {
            if (fi_chunk_has_bit(values->valid, i)) {
                code = codes[i];
            } else {
                codes[i] = code;
            }
        }
    }
}
