/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs_format.h: the bytes of an ALXS v1 table (docs/formats/alxs.md is the same in
 * prose).
 *
 *   header   0   4  "ALXS"
 *            4   2  version, 1
 *            6   2  zero
 *            8   8  number of records
 *   records  back to back from offset 16 to the footer, in ascending order of keys:
 *            0   4  size of the key
 *            4   4  size of the value
 *            8      key, value
 *   footer   the last 16 bytes of the file:
 *            0   4  "SSTF"
 *            4   8  number of records, again
 *            12  4  CRC-32 of all records, their sizes included; 0 if there are none
 *
 * Integers are little-endian.
 */
#ifndef FIRN_ALXS_ALXS_FORMAT_H
#define FIRN_ALXS_ALXS_FORMAT_H

#include <string.h>

#include "base/bytes.h"
#include "firn/types.h"

enum {
    FI_ALXS_VERSION = 1,
    FI_ALXS_HEADER_SIZE = 16,
    FI_ALXS_RECORD_HEAD_SIZE = 8,
    FI_ALXS_FOOTER_SIZE = 16,
    FI_ALXS_FILE_SIZE_MIN = FI_ALXS_HEADER_SIZE + FI_ALXS_FOOTER_SIZE
};

static const uint8_t fi_alxs_format_magic[4] = {'A', 'L', 'X', 'S'};
static const uint8_t fi_alxs_format_end_magic[4] = {'S', 'S', 'T', 'F'};

/* The order of keys: by their bytes, and a key before all longer keys that it is a prefix of. */
static inline int
fi_alxs_format_compare(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline void
fi_alxs_format_put_header(uint8_t out[FI_ALXS_HEADER_SIZE], uint64_t count)
{
    memcpy(out, fi_alxs_format_magic, 4);
    fi_store_le16(out + 4, FI_ALXS_VERSION);
    fi_store_le16(out + 6, 0);
    fi_store_le64(out + 8, count);
}

static inline void
fi_alxs_format_put_record_head(uint8_t out[FI_ALXS_RECORD_HEAD_SIZE], uint32_t key_size,
                               uint32_t value_size)
{
    fi_store_le32(out, key_size);
    fi_store_le32(out + 4, value_size);
}

/* The size of one record; at most 2^33 + 6. */
static inline uint64_t
fi_alxs_format_record_size(const uint8_t head[FI_ALXS_RECORD_HEAD_SIZE])
{
    return (uint64_t)FI_ALXS_RECORD_HEAD_SIZE + fi_load_le32(head) + fi_load_le32(head + 4);
}

static inline void
fi_alxs_format_put_footer(uint8_t out[FI_ALXS_FOOTER_SIZE], uint64_t count, uint32_t crc)
{
    memcpy(out, fi_alxs_format_end_magic, 4);
    fi_store_le64(out + 4, count);
    fi_store_le32(out + 12, crc);
}

#endif
