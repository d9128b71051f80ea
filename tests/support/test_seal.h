/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_seal.h: corrects the checksums of a sealed block file in memory after its bytes were
 * changed, so that tests and fuzz targets reach the code after the checks. The bytes may be
 * anything. Links base and codec, and folder block for blocks.
 */
#ifndef FIRN_TEST_SEAL_H
#define FIRN_TEST_SEAL_H

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/block_format.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"

/* Header and footer. */
static inline void
test_seal_edges(uint8_t *data, size_t size)
{
    if (size >= 256) {
        fi_store_le64(data + 120, fi_xxh3(data, 120, 0));
        fi_store_le64(data + size - 8, fi_xxh3(data + size - 128, 120, 0));
    }
}

/* Whether the footer gives the table of contents a place in the file. */
static inline bool
test_seal_toc_place(const uint8_t *data, size_t size, uint64_t *out_offset, uint64_t *out_size)
{
    if (size < 256) {
        return false;
    }
    *out_offset = fi_load_le64(data + size - 128 + 32);
    *out_size = fi_load_le64(data + size - 128 + 40);
    return *out_offset >= 128 && fi_range_inside(*out_offset, *out_size, size - 128) &&
           *out_size >= FI_BLOCK_FORMAT_TOC_HEADER_SIZE;
}

/* The table of contents: the hashes of the body's chunks in it, and its own in the footer. */
static inline void
test_seal_toc(uint8_t *data, size_t size)
{
    uint64_t toc_offset;
    uint64_t toc_size;
    if (!test_seal_toc_place(data, size, &toc_offset, &toc_size)) {
        return;
    }
    uint64_t hashes = FI_BLOCK_FORMAT_TOC_HEADER_SIZE +
                      fi_load_le32(data + toc_offset) * (uint64_t)FI_BLOCK_FORMAT_SECTION_SIZE +
                      fi_load_le32(data + size - 128 + 92); /* the tag of encrypted sections */
    uint64_t count = fi_block_format_chunk_count(toc_offset);
    for (uint64_t i = 0; i < count && fi_range_inside(hashes, (i + 1) * 32, toc_size); i++) {
        uint64_t start = i * FI_BLOCK_FORMAT_CHUNK_SIZE;
        uint64_t left = toc_offset - start;
        size_t chunk =
            left < FI_BLOCK_FORMAT_CHUNK_SIZE ? (size_t)left : FI_BLOCK_FORMAT_CHUNK_SIZE;
        firn_hash hash;
        fi_blake3_hash_of(data + start, chunk, &hash);
        memcpy(data + toc_offset + hashes + i * 32, hash.bytes, 32);
    }
    firn_hash toc_hash;
    fi_blake3_hash_of(data + toc_offset, (size_t)toc_size, &toc_hash);
    memcpy(data + size - 128 + 56, toc_hash.bytes, 32);
}

/* The blocks, from the first on, as long as their lengths make sense. */
static inline void
test_seal_blocks(uint8_t *data, size_t size)
{
    struct fi_block_file_id id;
    if (size < 256) {
        return;
    }
    memcpy(id.bytes, data + 16, 16);
    for (uint64_t at = 128; fi_range_inside(at, FI_BLOCK_FORMAT_PREFIX_SIZE, size - 128);) {
        uint32_t stored_size = fi_load_le32(data + at + 8);
        if (data[at] != 0xb1 || data[at + 1] != 0x0c ||
            !fi_range_inside(at, fi_block_format_span(stored_size), size - 128)) {
            return;
        }
        firn_slice stored = firn_bytes(data + at + FI_BLOCK_FORMAT_PREFIX_SIZE, stored_size);
        fi_block_format_seal_prefix(&id, at, stored, data + at);
        at += fi_block_format_span(stored_size);
    }
}

/* Everything, from the inside to the outside. */
static inline void
test_seal(uint8_t *data, size_t size)
{
    test_seal_blocks(data, size);
    test_seal_toc(data, size);
    test_seal_edges(data, size);
}

#endif
