/* SPDX-License-Identifier: Apache-2.0
 *
 * base/reader.h: reading fields from untrusted bytes. Each function returns false, and leaves the
 * reader unchanged, if the bytes do not contain the field; no read goes past the end.
 */
#ifndef FIRN_BASE_READER_H
#define FIRN_BASE_READER_H

#include <stdbool.h>

#include "base/bytes.h"
#include "firn/types.h"

struct fi_reader {
    const uint8_t *at;
    const uint8_t *end;
};

inline struct fi_reader
fi_reader_of(firn_slice slice)
{
    /* Adding 0 to NULL is undefined, so an empty slice gets an address of its own. */
    static const uint8_t nothing[1] = {0};
    const uint8_t *data = slice.size == 0 ? nothing : slice.data;
    return (struct fi_reader){data, data + slice.size};
}

inline size_t
fi_reader_left(const struct fi_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

inline bool
fi_reader_bytes(struct fi_reader *reader, size_t size, firn_slice *out)
{
    if (fi_reader_left(reader) < size) {
        return false;
    }
    *out = (firn_slice){reader->at, size};
    reader->at += size;
    return true;
}

inline bool
fi_reader_copy(struct fi_reader *reader, void *out, size_t size)
{
    if (fi_reader_left(reader) < size) {
        return false;
    }
    memcpy(out, reader->at, size);
    reader->at += size;
    return true;
}

inline bool
fi_reader_u8(struct fi_reader *reader, uint8_t *out)
{
    return fi_reader_copy(reader, out, 1);
}

inline bool
fi_reader_le16(struct fi_reader *reader, uint16_t *out)
{
    return fi_reader_copy(reader, out, 2);
}

inline bool
fi_reader_le32(struct fi_reader *reader, uint32_t *out)
{
    return fi_reader_copy(reader, out, 4);
}

inline bool
fi_reader_le64(struct fi_reader *reader, uint64_t *out)
{
    return fi_reader_copy(reader, out, 8);
}

/* LEB128 in its shortest form only: a canonical encoding has one reading. */
inline bool
fi_reader_varint(struct fi_reader *reader, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *at = reader->at;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at == reader->end) {
            return false;
        }
        uint8_t byte = *at++;
        uint64_t bits = byte & 0x7f;
        if (shift == 63 && bits > 1) {
            return false;
        }
        value |= bits << shift;
        if ((byte & 0x80) == 0) {
            if (byte == 0 && shift > 0) {
                return false;
            }
            reader->at = at;
            *out = value;
            return true;
        }
    }
    return false;
}

/* A varint that must not exceed max. */
inline bool
fi_reader_varint_max(struct fi_reader *reader, uint64_t max, uint64_t *out)
{
    struct fi_reader saved = *reader;
    uint64_t value;
    if (!fi_reader_varint(reader, &value) || value > max) {
        *reader = saved;
        return false;
    }
    *out = value;
    return true;
}

/* A varint length of at most size_max, and that many bytes. */
inline bool
fi_reader_sized(struct fi_reader *reader, size_t size_max, firn_slice *out)
{
    struct fi_reader saved = *reader;
    uint64_t size;
    if (!fi_reader_varint_max(reader, size_max, &size) ||
        !fi_reader_bytes(reader, (size_t)size, out)) {
        *reader = saved;
        return false;
    }
    return true;
}

#endif
