/* SPDX-License-Identifier: Apache-2.0
 *
 * chkp/chkp_format.h: the bytes of a CHKP v1 pack (docs/formats/chkp.md is the same in
 * prose).
 *
 *   pack-<name>.dat                                    pack-<name>.idx
 *   0   4  "CHKP"                                      for each entry, in the order of hashes:
 *   4   4  version, 1                                  0   32  hash
 *   8   4  number of entries, at least 1               32   8  offset of the entry, at least 12
 *   12     entries, back to back to the file's end:    40   8  size of its frame
 *          0   32  BLAKE3-256 of the content
 *          32   8  size of the frame
 *          40      one zstd frame
 *
 * Integers are little-endian. <name> is the first 16 hex digits of BLAKE3(all bytes from 12 to the
 * end, then bytes 0 to 11).
 */
#ifndef FIRN_CHKP_CHKP_FORMAT_H
#define FIRN_CHKP_CHKP_FORMAT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "firn/chkp.h"

enum {
    FI_CHKP_VERSION = 1,
    FI_CHKP_HEADER_SIZE = 12,
    FI_CHKP_ENTRY_HEAD_SIZE = 40,
    FI_CHKP_INDEX_ENTRY_SIZE = 48,
    FI_CHKP_NAME_DIGITS = FIRN_CHKP_NAME_SIZE - 1
};

static const uint8_t fi_chkp_format_magic[4] = {'C', 'H', 'K', 'P'};

static inline void
fi_chkp_format_put_header(uint8_t out[FI_CHKP_HEADER_SIZE], uint32_t count)
{
    memcpy(out, fi_chkp_format_magic, 4);
    fi_store_le32(out + 4, FI_CHKP_VERSION);
    fi_store_le32(out + 8, count);
}

/* The place of an object in its pack. */
struct fi_chkp_entry {
    firn_hash hash;
    uint64_t offset;      /* of the entry in the .dat */
    uint64_t stored_size; /* of its frame */
};

static inline void
fi_chkp_format_put_entry_head(uint8_t out[FI_CHKP_ENTRY_HEAD_SIZE],
                              const struct fi_chkp_entry *entry)
{
    memcpy(out, entry->hash.bytes, 32);
    fi_store_le64(out + 32, entry->stored_size);
}

/* The caller must fill in the offset: the bytes do not contain it. */
static inline void
fi_chkp_format_get_entry_head(const uint8_t bytes[FI_CHKP_ENTRY_HEAD_SIZE],
                              struct fi_chkp_entry *out)
{
    memcpy(out->hash.bytes, bytes, 32);
    out->stored_size = fi_load_le64(bytes + 32);
}

static inline void
fi_chkp_format_put_index_entry(uint8_t out[FI_CHKP_INDEX_ENTRY_SIZE],
                               const struct fi_chkp_entry *entry)
{
    memcpy(out, entry->hash.bytes, 32);
    fi_store_le64(out + 32, entry->offset);
    fi_store_le64(out + 40, entry->stored_size);
}

static inline void
fi_chkp_format_get_index_entry(const uint8_t bytes[FI_CHKP_INDEX_ENTRY_SIZE],
                               struct fi_chkp_entry *out)
{
    memcpy(out->hash.bytes, bytes, 32);
    out->offset = fi_load_le64(bytes + 32);
    out->stored_size = fi_load_le64(bytes + 40);
}

static inline int
fi_chkp_format_compare_hash(const firn_hash *a, const firn_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* Whether the text is a name that finish can give: 16 lower-case hex digits. */
static inline bool
fi_chkp_format_is_name(const char *text, size_t size)
{
    bool is_name = size == FI_CHKP_NAME_DIGITS;
    for (size_t i = 0; is_name && i < size; i++) {
        is_name = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    }
    return is_name;
}

/* The name of one of a pack's two files. */
struct fi_chkp_format_file_name {
    char text[sizeof "pack-.dat" + FI_CHKP_NAME_DIGITS];
};

static inline struct fi_chkp_format_file_name
fi_chkp_format_dat_name(const char *name)
{
    struct fi_chkp_format_file_name out;
    int size = snprintf(out.text, sizeof out.text, "pack-%s.dat", name);
    CHECK(size > 0 && (size_t)size < sizeof out.text);
    return out;
}

static inline struct fi_chkp_format_file_name
fi_chkp_format_idx_name(const char *name)
{
    struct fi_chkp_format_file_name out = fi_chkp_format_dat_name(name);
    memcpy(out.text + strlen(out.text) - 3, "idx", 3);
    return out;
}

#endif
