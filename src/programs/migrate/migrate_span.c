/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_span.c: what the readers of Alopex's files share: bytes of a part of a file,
 * their checksum, a buffer.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/migrate_internal.h"

enum { PIECE = 64 << 10 };

bool
fi_migrate_span_read(const struct fi_migrate_span *span, uint64_t offset, void *data, size_t size)
{
    assert(span->begin <= UINT64_MAX - span->size);
    return offset <= span->size && size <= span->size - offset &&
           (size == 0 || span->read(span->ctx, span->begin + offset, data, size));
}

bool
fi_migrate_span_near(struct fi_migrate_near *near, uint64_t offset, void *data, size_t size)
{
    assert(size <= FI_MIGRATE_NEAR_SIZE);
    if (offset < near->at || offset - near->at > near->size ||
        size > near->size - (size_t)(offset - near->at)) {
        uint64_t left = offset < near->span->size ? near->span->size - offset : 0;
        near->at = offset;
        near->size = left < sizeof(near->bytes) ? (size_t)left : sizeof(near->bytes);
        if (size > near->size ||
            !fi_migrate_span_read(near->span, offset, near->bytes, near->size)) {
            near->size = 0;
            return false;
        }
    }
    memcpy(data, near->bytes + (size_t)(offset - near->at), size);
    return true;
}

uint32_t
fi_migrate_span_crc_of(uint32_t crc, const uint8_t *data, size_t size)
{
    static uint32_t table[256];
    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++) {
            entry = (entry & 1) != 0 ? 0xedb88320U ^ entry >> 1 : entry >> 1;
        }
        table[i] = entry;
    }
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
    }
    return ~crc;
}

bool
fi_migrate_span_crc(const struct fi_migrate_span *span, uint64_t size, uint32_t *out)
{
    uint8_t piece[PIECE];
    *out = 0;
    for (uint64_t at = 0; at < size;) {
        size_t part = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (!fi_migrate_span_read(span, at, piece, part)) {
            return false;
        }
        *out = fi_migrate_span_crc_of(*out, piece, part);
        at += part;
    }
    return true;
}

uint32_t
fi_migrate_span_u32(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

uint64_t
fi_migrate_span_u64(const uint8_t *data)
{
    return fi_migrate_span_u32(data) | (uint64_t)fi_migrate_span_u32(data + 4) << 32;
}

void
fi_migrate_span_report(const struct fi_migrate_span *span, uint64_t offset,
                       const struct fi_migrate_taker *taker, const char *format, ...)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    unsigned long long at = span->begin + offset;
    int size = snprintf(text, sizeof(text), "at offset %llu: ", at);
    assert(size > 0 && (size_t)size < sizeof(text));
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text + size, sizeof(text) - (size_t)size, format, values);
    va_end(values);
    taker->damage(taker->ctx, text);
}

int
fi_migrate_span_room_reserve(struct fi_migrate_room *room, size_t size, firn_error *err)
{
    if (size <= room->capacity) {
        return FIRN_OK;
    }
    free(room->data);
    room->capacity = 0;
    room->data = malloc(size);
    if (room->data == NULL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    room->capacity = size;
    return FIRN_OK;
}

void
fi_migrate_span_room_deinit(struct fi_migrate_room *room)
{
    free(room->data);
    memset(room, 0, sizeof(*room));
}
