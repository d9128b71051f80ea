/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_format.h: the bytes of a sealed block file, drawn once. The prose twin is
 * docs/formats/block.md.
 *
 *   0                  128                              toc             toc + toc_size
 *   +--------+---------+---------+-- … --+-------------+---------------+---------+
 *   | header | block   | block   |       | block       | contents      | footer  |
 *   | 128    | 24+n+pad| 24+n+pad|       | 24+n+pad    | 16+24·s+32·c  | 128     |
 *   +--------+---------+---------+-- … --+-------------+---------------+---------+
 *   |<------------------- body: one BLAKE3 a MiB ----->|
 *
 * Only files of this folder and tests include it.
 */
#ifndef FIRN_BLOCK_BLOCK_FORMAT_H
#define FIRN_BLOCK_BLOCK_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "block/block_file.h"

enum {
    FI_BLOCK_FORMAT_VERSION = 1,
    FI_BLOCK_FORMAT_HEADER_SIZE = 128,
    FI_BLOCK_FORMAT_FOOTER_SIZE = 128,
    FI_BLOCK_FORMAT_PREFIX_SIZE = 24, /* precedes the stored bytes of a block */
    FI_BLOCK_FORMAT_ALIGNMENT = 8,
    FI_BLOCK_FORMAT_TOC_HEADER_SIZE = 16,
    FI_BLOCK_FORMAT_SECTION_SIZE = 24,
    FI_BLOCK_FORMAT_CHUNK_SIZE = 1 << 20, /* of the body, for each BLAKE3 in the contents */
    FI_BLOCK_FORMAT_TAG_SIZE_MIN = 8,     /* of an encrypted block */
    FI_BLOCK_FORMAT_TAG_SIZE_MAX = 64
};
_Static_assert(5 + (int)FI_BLOCK_FORMAT_TAG_SIZE_MAX <= (int)FI_BLOCK_SEAL_SIZE_MAX,
               "an encrypted block fits");

/* Bytes that a block with so many stored bytes takes up in the file. */
static inline uint64_t
fi_block_format_span(uint32_t stored_size)
{
    return ((uint64_t)FI_BLOCK_FORMAT_PREFIX_SIZE + stored_size + 7) & ~UINT64_C(7);
}

/* Number of BLAKE3 hashes for a body that ends at toc_offset. */
static inline uint64_t
fi_block_format_chunk_count(uint64_t toc_offset)
{
    return toc_offset / FI_BLOCK_FORMAT_CHUNK_SIZE + (toc_offset % FI_BLOCK_FORMAT_CHUNK_SIZE != 0);
}

/* In a prefix: the block is encrypted (block_seal.h). */
enum { FI_BLOCK_FORMAT_SEALED = 1 };

/* What header and footer say of the encryption; all zero: there is none. */
struct fi_block_format_seal {
    uint32_t tag_size; /* of each block; 0: in clear */
    uint32_t cipher;   /* cipher/cipher.h; possibly unknown to this version */
    uint32_t key_number;
    uint8_t key_check[FI_BLOCK_KEY_CHECK_SIZE]; /* of the master key */
};

struct fi_block_format_footer {
    enum fi_block_file_kind kind;
    struct fi_block_file_id id;
    uint64_t toc_offset;
    uint64_t toc_size;
    uint64_t file_size;
    firn_hash toc_hash;
    struct fi_block_format_seal seal;
};

/* The fields of a block's prefix. */
struct fi_block_format_prefix {
    uint8_t codec; /* possibly unknown to this version */
    uint8_t flags;
    uint32_t stored_size;
    uint32_t raw_size;
    uint64_t checksum;
};

void fi_block_format_encode_header(enum fi_block_file_kind kind, const struct fi_block_file_id *id,
                                   const struct fi_block_format_seal *seal,
                                   uint8_t out[FI_BLOCK_FORMAT_HEADER_SIZE]);
/* What a header says of its kind; possibly none that is known. */
enum fi_block_file_kind
fi_block_format_header_kind(const uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE]);
/* FIRN_CORRUPT, or FIRN_NEWER, naming path and what was found. *out_id and *out_seal are filled
 * only on success. */
FIRN_MUST_CHECK int fi_block_format_decode_header(const uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE],
                                                  enum fi_block_file_kind kind, const char *path,
                                                  struct fi_block_file_id *out_id,
                                                  struct fi_block_format_seal *out_seal,
                                                  firn_error *err);

void fi_block_format_encode_footer(const struct fi_block_format_footer *footer,
                                   uint8_t out[FI_BLOCK_FORMAT_FOOTER_SIZE]);
/* Checks only the footer; the reader checks its places against the file. */
FIRN_MUST_CHECK int fi_block_format_decode_footer(const uint8_t bytes[FI_BLOCK_FORMAT_FOOTER_SIZE],
                                                  enum fi_block_file_kind kind, const char *path,
                                                  struct fi_block_format_footer *out,
                                                  firn_error *err);

/* Fills the prefix of a block, but for its checksums. */
void fi_block_format_encode_prefix(enum fi_codec codec, uint32_t stored_size, uint32_t raw_size,
                                   uint8_t out[FI_BLOCK_FORMAT_PREFIX_SIZE]);
/* Fills in both checksums of the prefix of a block of file `id` at `offset`, whose other fields are
 * set. */
void fi_block_format_seal_prefix(const struct fi_block_file_id *id, uint64_t offset,
                                 firn_slice stored, uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE]);
/* Whether these bytes are the prefix of a block of this file at this place. Its lengths can then be
 * believed, except against malice; _stored_matches verifies the stored bytes. */
FIRN_MUST_CHECK bool fi_block_format_decode_prefix(const struct fi_block_file_id *id,
                                                   uint64_t offset,
                                                   const uint8_t bytes[FI_BLOCK_FORMAT_PREFIX_SIZE],
                                                   struct fi_block_format_prefix *out);
FIRN_MUST_CHECK bool
fi_block_format_stored_matches(const struct fi_block_file_id *id, uint64_t offset,
                               const uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE],
                               firn_slice stored);

#endif
