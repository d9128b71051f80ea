/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buf.h: bytes that grow. A zeroed struct is an empty buffer.
 *
 * Every function that grows a buffer returns FIRN_OK or FIRN_NO_MEMORY, and leaves the contents
 * unchanged on failure.
 */
#ifndef FIRN_BASE_BUF_H
#define FIRN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

struct fi_buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool is_borrowed; /* the memory is the caller's: replaced when too small, never freed */
};

/* An empty buffer that uses the caller's memory as long as the contents fit into it. */
static inline struct fi_buf
fi_buf_borrowed(void *memory, size_t capacity)
{
    struct fi_buf buf = {capacity > 0 ? (uint8_t *)memory : NULL, 0, capacity, true};
    return buf;
}

/* Frees its memory, unless borrowed; the buffer is empty and usable afterwards. A call everywhere,
 * as fi_free. */
__attribute__((noinline)) void fi_buf_deinit(struct fi_buf *buf);

/* Forgets the contents, keeps the memory. */
static inline void
fi_buf_clear(struct fi_buf *buf)
{
    buf->size = 0;
}

/* Makes room for `more` bytes after the contents. */
FIRN_MUST_CHECK int fi_buf_reserve(struct fi_buf *buf, size_t more);
/* Sets the size; new bytes are undefined. */
FIRN_MUST_CHECK int fi_buf_set_size(struct fi_buf *buf, size_t size);

/* Replaces the contents with the slice, which must not be in buf. */
FIRN_MUST_CHECK inline int
fi_buf_assign(struct fi_buf *buf, firn_slice slice)
{
    if (slice.size > buf->capacity) {
        int rc = fi_buf_reserve(buf, slice.size - buf->size);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    if (slice.size > 0) {
        memcpy(buf->data, slice.data, slice.size);
    }
    buf->size = slice.size;
    return FIRN_OK;
}

FIRN_MUST_CHECK int fi_buf_append(struct fi_buf *buf, const void *data, size_t size);
FIRN_MUST_CHECK int fi_buf_append_slice(struct fi_buf *buf, firn_slice slice);
FIRN_MUST_CHECK int fi_buf_append_str(struct fi_buf *buf, const char *text);
FIRN_MUST_CHECK int fi_buf_append_u8(struct fi_buf *buf, uint8_t value);
FIRN_MUST_CHECK int fi_buf_append_le32(struct fi_buf *buf, uint32_t value);
FIRN_MUST_CHECK int fi_buf_append_le64(struct fi_buf *buf, uint64_t value);
/* LEB128, at most ten bytes: seven bits a byte, lowest first. */
FIRN_MUST_CHECK int fi_buf_append_varint(struct fi_buf *buf, uint64_t value);
/* The size as a varint, then the bytes. */
FIRN_MUST_CHECK int fi_buf_append_sized(struct fi_buf *buf, firn_slice bytes);
FIRN_MUST_CHECK int fi_buf_append_format(struct fi_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a NUL after the contents (not counted in size) and returns them as text; NULL if memory runs
 * out. */
FIRN_MUST_CHECK const char *fi_buf_text(struct fi_buf *buf);

static inline firn_slice
fi_buf_slice(const struct fi_buf *buf)
{
    return firn_bytes(buf->data, buf->size);
}

#endif
