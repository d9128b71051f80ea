/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_filter.c: building the Bloom filter of a run.
 *
 * A key sets eight bits of one line of 64 bytes, one in each 8-byte word. So a lookup costs one
 * cache line and, if the key is absent, about two words of it. The upper half of the key's hash
 * selects the line; the hash multiplied by an odd number gives the bits, so that keys of one line
 * spread over all bits. The tags in a block of rows are the hash's lowest byte. At ten bits a key,
 * about one absent key in ninety passes.
 *
 * The hash of each key is kept until the end, because the number of lines depends on the number of
 * keys: 8 bytes a key while a run is built.
 *
 * Limits: beyond FI_BLOCK_SIZE_MAX bytes, 53 million keys, a key gets fewer bits.
 */
#include "run/run_parts.h"

#include "base/check.h"

enum { LINE_SIZE = FI_RUN_FILTER_LINE_SIZE };

int
fi_run_filter_check(firn_slice raw, firn_error *err)
{
    if (raw.size == 0 || raw.size % LINE_SIZE != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "a filter of a run has %zu bytes: no whole lines",
                            raw.size);
    }
    return FIRN_OK;
}

size_t
fi_run_filter_size_bytes(size_t count)
{
    const size_t keys_max = (size_t)FI_BLOCK_SIZE_MAX / FI_RUN_FILTER_BITS_PER_KEY * 8;
    if (count >= keys_max) {
        return FI_BLOCK_SIZE_MAX;
    }
    const size_t line_bits = (size_t)LINE_SIZE * 8;
    size_t lines = (count * FI_RUN_FILTER_BITS_PER_KEY + line_bits - 1) / line_bits;
    return (lines == 0 ? 1 : lines) * LINE_SIZE;
}

int
fi_run_filter_encode(const uint64_t *key_hashes, size_t count, struct fi_buf *out)
{
    size_t size = fi_run_filter_size_bytes(count);
    DCHECK(size > 0 && size % LINE_SIZE == 0 && size <= FI_BLOCK_SIZE_MAX);
    fi_buf_clear(out);
    if (fi_buf_set_size(out, size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    memset(out->data, 0, size);
    for (size_t k = 0; k < count; k++) {
        uint8_t *words =
            out->data + fi_run_filter_line(key_hashes[k], size / LINE_SIZE) * LINE_SIZE;
        uint64_t bits = fi_run_filter_bits(key_hashes[k]);
        for (size_t i = 0; i < LINE_SIZE / 8; i++, bits >>= 6) {
            uint64_t word = fi_load_le64(words + 8 * i) | UINT64_C(1) << (bits & 63);
            fi_store_le64(words + 8 * i, word);
        }
    }
    return FIRN_OK;
}
