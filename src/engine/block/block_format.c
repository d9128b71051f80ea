/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_format.c: encoding and decoding headers, footers and block prefixes.
 *
 * Two checksums guard a block, for two questions. "Is this a block of this file at this place, and
 * how long is it?" is answered by the 32-bit check of the prefix, without the stored bytes: this
 * lets salvage step over a block with damaged bytes instead of searching through it. "Are its bytes
 * what was written?" is answered by the 64-bit checksum, which also depends on the prefix. Both
 * depend on the file's identity and the block's offset.
 *
 *   place    = identity (16) | offset (8) | prefix bytes 0..3 | prefix bytes 8..15   (36 bytes)
 *   checksum = XXH3-64(stored bytes, seed = XXH3-64(place, seed = 0))
 *   check    = low 32 bits of XXH3-64(place | checksum (8), seed = 0)
 *
 * Header and footer end with an XXH3-64 of the bytes before it. So a flipped bit in the version
 * number is damage, and only an intact header with version 2 is from a newer firn (I1: magic,
 * version and this checksum keep their places in all future versions. Not checked here: golden
 * files hold this version to it).
 *
 * Reserved fields are zero. If the checksums match and a reserved field is not zero, a newer firn
 * wrote the file: FIRN_NEWER.
 */
#include "block/block_format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/xxh3.h"

/* The eighth bit, both line ends and control-Z catch a transfer that took the file for text. */
static const uint8_t header_magic[8] = {0xf1, 'f', 'i', 'r', 'n', '\r', '\n', 0x1a};
static const uint8_t footer_magic[8] = {0xf1, 'f', 'i', 'r', 'n', 'e', 'n', 'd'};
static const uint8_t prefix_magic[2] = {0xb1, 0x0c};

enum {
    EDGE_SIZE = FI_BLOCK_FORMAT_HEADER_SIZE,
    EDGE_CHECKSUM_AT = 120,
    HEADER_SEAL_AT = 32,
    FOOTER_SEAL_AT = 88,
    PLACE_SIZE = 36
};
_Static_assert((int)FI_BLOCK_FORMAT_HEADER_SIZE == (int)FI_BLOCK_FORMAT_FOOTER_SIZE,
               "header and footer are sealed alike");

/* ---- header and footer ---- */

static void
encode_edge(const uint8_t magic[8], enum fi_block_file_kind kind, const struct fi_block_file_id *id,
            uint8_t out[EDGE_SIZE])
{
    DCHECK(kind >= FI_BLOCK_FILE_ROW && kind <= FI_BLOCK_FILE_VALUES);
    memset(out, 0, EDGE_SIZE);
    memcpy(out, magic, 8);
    fi_store_le32(out + 8, FI_BLOCK_FORMAT_VERSION);
    fi_store_le32(out + 12, (uint32_t)kind);
    memcpy(out + 16, id->bytes, sizeof id->bytes);
}

static void
seal_edge(uint8_t bytes[EDGE_SIZE])
{
    fi_store_le64(bytes + EDGE_CHECKSUM_AT, fi_xxh3(bytes, EDGE_CHECKSUM_AT, 0));
}

static const char *
kind_name(uint32_t kind)
{
    switch (kind) {
    case FI_BLOCK_FILE_ROW:
        return "a row run";
    case FI_BLOCK_FILE_COLUMN:
        return "a column run";
    case FI_BLOCK_FILE_VECTOR:
        return "a vector structure";
    case FI_BLOCK_FILE_PACK:
        return "a pack";
    case FI_BLOCK_FILE_STAT_CACHE:
        return "a stat cache";
    case FI_BLOCK_FILE_VALUES:
        return "a file of values";
    default:
        return "a file of unknown kind";
    }
}

/* What header and footer have in common; `edge` is the name of the one at hand. */
static int
decode_edge(const uint8_t bytes[EDGE_SIZE], const uint8_t magic[8], const char *edge,
            enum fi_block_file_kind kind, const char *path, firn_error *err)
{
    if (memcmp(bytes, magic, 8) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': no %s of a firn block file", path, edge);
    }
    uint64_t expected = fi_load_le64(bytes + EDGE_CHECKSUM_AT);
    uint64_t found = fi_xxh3(bytes, EDGE_CHECKSUM_AT, 0);
    if (expected != found) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': checksum of the %s is %016llx, expected %016llx", path, edge,
                            (unsigned long long)found, (unsigned long long)expected);
    }
    uint32_t version = fi_load_le32(bytes + 8);
    if (version != FI_BLOCK_FORMAT_VERSION) {
        return fi_error_set(err, version == 0 ? FIRN_CORRUPT : FIRN_NEWER,
                            "'%s': the %s says block format %u, this version reads %d", path, edge,
                            version, FI_BLOCK_FORMAT_VERSION);
    }
    uint32_t found_kind = fi_load_le32(bytes + 12);
    if (found_kind != (uint32_t)kind) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': the %s says %s (%u), expected %s", path, edge,
                            kind_name(found_kind), found_kind, kind_name((uint32_t)kind));
    }
    return FIRN_OK;
}

enum fi_block_file_kind
fi_block_format_header_kind(const uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE])
{
    return (enum fi_block_file_kind)fi_load_le32(bytes + 12);
}

bool
fi_block_format_is_header(const uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE])
{
    return memcmp(bytes, header_magic, sizeof header_magic) == 0;
}

/* What an edge says of the encryption: flags, then the size of tags, then 16 bytes. */
enum { SEAL_SIZE = 24, FLAG_SEALED = 1 };

static void
encode_seal(const struct fi_block_format_seal *seal, uint8_t *out)
{
    if (seal->tag_size != 0) {
        fi_store_le32(out, FLAG_SEALED);
        fi_store_le32(out + 4, seal->tag_size);
        fi_store_le32(out + 8, seal->cipher);
        fi_store_le32(out + 12, seal->key_number);
        memcpy(out + 16, seal->key_check, sizeof seal->key_check);
    }
}

/* `rest` follows, and is zero in this version. */
static int
decode_seal(const uint8_t *bytes, size_t rest_size, const char *path, const char *edge,
            struct fi_block_format_seal *out, firn_error *err)
{
    const uint32_t flags = fi_load_le32(bytes);
    const uint32_t tag_size = fi_load_le32(bytes + 4);
    const bool is_sealed = flags == FLAG_SEALED;
    if ((flags & ~(uint32_t)FLAG_SEALED) != 0 || !fi_bytes_are_zero(bytes + SEAL_SIZE, rest_size) ||
        (!is_sealed && !fi_bytes_are_zero(bytes, SEAL_SIZE)) ||
        (is_sealed &&
         (tag_size < FI_BLOCK_FORMAT_TAG_SIZE_MIN || tag_size > FI_BLOCK_FORMAT_TAG_SIZE_MAX))) {
        return fi_error_set(err, FIRN_NEWER,
                            "'%s': the %s uses features (flags %08x, tags of %u bytes) that this "
                            "version cannot read",
                            path, edge, flags, tag_size);
    }
    *out = (struct fi_block_format_seal){.tag_size = tag_size,
                                         .cipher = fi_load_le32(bytes + 8),
                                         .key_number = fi_load_le32(bytes + 12)};
    memcpy(out->key_check, bytes + 16, sizeof out->key_check);
    return FIRN_OK;
}

void
fi_block_format_encode_header(enum fi_block_file_kind kind, const struct fi_block_file_id *id,
                              const struct fi_block_format_seal *seal,
                              uint8_t out[FI_BLOCK_FORMAT_HEADER_SIZE])
{
    encode_edge(header_magic, kind, id, out);
    encode_seal(seal, out + HEADER_SEAL_AT);
    seal_edge(out);
}

int
fi_block_format_decode_header(const uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE],
                              enum fi_block_file_kind kind, const char *path,
                              struct fi_block_file_id *out_id,
                              struct fi_block_format_seal *out_seal, firn_error *err)
{
    FI_TRY_RETURN(decode_edge(bytes, header_magic, "header", kind, path, err));
    FI_TRY_RETURN(decode_seal(bytes + HEADER_SEAL_AT, EDGE_CHECKSUM_AT - HEADER_SEAL_AT - SEAL_SIZE,
                              path, "header", out_seal, err));
    memcpy(out_id->bytes, bytes + 16, sizeof out_id->bytes);
    return FIRN_OK;
}

void
fi_block_format_encode_footer(const struct fi_block_format_footer *footer,
                              uint8_t out[FI_BLOCK_FORMAT_FOOTER_SIZE])
{
    DCHECK(footer->toc_offset >= FI_BLOCK_BODY_START &&
           footer->toc_offset % FI_BLOCK_FORMAT_ALIGNMENT == 0);
    DCHECK(footer->toc_offset + footer->toc_size + FI_BLOCK_FORMAT_FOOTER_SIZE ==
           footer->file_size);
    encode_edge(footer_magic, footer->kind, &footer->id, out);
    fi_store_le64(out + 32, footer->toc_offset);
    fi_store_le64(out + 40, footer->toc_size);
    fi_store_le64(out + 48, footer->file_size);
    memcpy(out + 56, footer->toc_hash.bytes, sizeof footer->toc_hash.bytes);
    encode_seal(&footer->seal, out + FOOTER_SEAL_AT);
    seal_edge(out);
}

int
fi_block_format_decode_footer(const uint8_t bytes[FI_BLOCK_FORMAT_FOOTER_SIZE],
                              enum fi_block_file_kind kind, const char *path,
                              struct fi_block_format_footer *out, firn_error *err)
{
    FI_TRY_RETURN(decode_edge(bytes, footer_magic, "footer", kind, path, err));
    FI_TRY_RETURN(decode_seal(bytes + FOOTER_SEAL_AT, EDGE_CHECKSUM_AT - FOOTER_SEAL_AT - SEAL_SIZE,
                              path, "footer", &out->seal, err));
    out->kind = kind;
    memcpy(out->id.bytes, bytes + 16, sizeof out->id.bytes);
    out->toc_offset = fi_load_le64(bytes + 32);
    out->toc_size = fi_load_le64(bytes + 40);
    out->file_size = fi_load_le64(bytes + 48);
    memcpy(out->toc_hash.bytes, bytes + 56, sizeof out->toc_hash.bytes);
    return FIRN_OK;
}

/* ---- blocks ---- */

/* Fills the first PLACE_SIZE bytes of out. */
static void
form_place(const struct fi_block_file_id *id, uint64_t offset,
           const uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE], uint8_t out[PLACE_SIZE + 8])
{
    memcpy(out, id->bytes, 16);
    fi_store_le64(out + 16, offset);
    memcpy(out + 24, prefix, 4);
    memcpy(out + 28, prefix + 8, 8);
}

static uint64_t
checksum_of(const uint8_t place[PLACE_SIZE], firn_slice stored)
{
    return fi_xxh3(stored.data, stored.size, fi_xxh3(place, PLACE_SIZE, 0));
}

static uint32_t
check_of(uint8_t place[PLACE_SIZE + 8], uint64_t checksum)
{
    fi_store_le64(place + PLACE_SIZE, checksum);
    return (uint32_t)fi_xxh3(place, PLACE_SIZE + 8, 0);
}

void
fi_block_format_encode_prefix(enum fi_codec codec, uint32_t stored_size, uint32_t raw_size,
                              uint8_t out[FI_BLOCK_FORMAT_PREFIX_SIZE])
{
    DCHECK(stored_size <= FI_BLOCK_STORED_SIZE_MAX && raw_size <= FI_BLOCK_SIZE_MAX);
    DCHECK(codec <= FI_CODEC_ZSTD);
    memset(out, 0, FI_BLOCK_FORMAT_PREFIX_SIZE);
    memcpy(out, prefix_magic, 2);
    out[2] = (uint8_t)codec;
    fi_store_le32(out + 8, stored_size);
    fi_store_le32(out + 12, raw_size);
}

void
fi_block_format_seal_prefix(const struct fi_block_file_id *id, uint64_t offset, firn_slice stored,
                            uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE])
{
    uint8_t place[PLACE_SIZE + 8];
    DCHECK(offset % FI_BLOCK_FORMAT_ALIGNMENT == 0);
    form_place(id, offset, prefix, place);
    uint64_t checksum = checksum_of(place, stored);
    fi_store_le64(prefix + 16, checksum);
    fi_store_le32(prefix + 4, check_of(place, checksum));
}

bool
fi_block_format_decode_prefix(const struct fi_block_file_id *id, uint64_t offset,
                              const uint8_t bytes[FI_BLOCK_FORMAT_PREFIX_SIZE],
                              struct fi_block_format_prefix *out)
{
    if (memcmp(bytes, prefix_magic, 2) != 0) {
        return false;
    }
    uint64_t checksum = fi_load_le64(bytes + 16);
    uint8_t place[PLACE_SIZE + 8];
    form_place(id, offset, bytes, place);
    if (check_of(place, checksum) != fi_load_le32(bytes + 4)) {
        return false;
    }
    *out = (struct fi_block_format_prefix){.codec = bytes[2],
                                           .flags = bytes[3],
                                           .stored_size = fi_load_le32(bytes + 8),
                                           .raw_size = fi_load_le32(bytes + 12),
                                           .checksum = checksum};
    return true;
}

bool
fi_block_format_stored_matches(const struct fi_block_file_id *id, uint64_t offset,
                               const uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE], firn_slice stored)
{
    uint8_t place[PLACE_SIZE + 8];
    form_place(id, offset, prefix, place);
    return checksum_of(place, stored) == fi_load_le64(prefix + 16);
}
