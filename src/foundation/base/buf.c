/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buf.c: a buffer that doubles.
 *
 * Capacity starts at 64 bytes and doubles, so n appends cost O(n). A buffer never shrinks by
 * itself: long-lived owners deinit it, short-lived ones clear and reuse it.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"

int
fi_buf_reserve(struct fi_buf *buf, size_t more)
{
    size_t wanted;
    DCHECK(buf->size <= buf->capacity && (buf->data != NULL) == (buf->capacity > 0));
    if (!fi_add_size(buf->size, more, &wanted)) {
        return FIRN_NO_MEMORY;
    }
    if (wanted <= buf->capacity) {
        return FIRN_OK;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < wanted) {
        if (!fi_mul_size(capacity, 2, &capacity)) {
            capacity = wanted;
        }
    }
    uint8_t *data = fi_resize(buf->is_borrowed ? NULL : buf->data, capacity);
    if (data == NULL) {
        return FIRN_NO_MEMORY;
    }
    if (buf->is_borrowed && buf->size > 0) {
        memcpy(data, buf->data, buf->size);
    }
    buf->is_borrowed = false;
    buf->data = data;
    buf->capacity = capacity;
    return FIRN_OK;
}

void
fi_buf_deinit(struct fi_buf *buf)
{
    if (!buf->is_borrowed) {
        fi_free(buf->data);
    }
    *buf = (struct fi_buf){0};
}

int
fi_buf_set_size(struct fi_buf *buf, size_t size)
{
    if (size > buf->size && fi_buf_reserve(buf, size - buf->size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    buf->size = size;
    return FIRN_OK;
}

/* Whether data lies in the buffer, which may move when it grows. */
static bool
is_own(const struct fi_buf *buf, const uint8_t *data)
{
    return (uintptr_t)data >= (uintptr_t)buf->data &&
           (uintptr_t)data < (uintptr_t)buf->data + buf->capacity;
}

int
fi_buf_append(struct fi_buf *buf, const void *data, size_t size)
{
    if (size == 0) {
        return FIRN_OK;
    }
    DCHECK(size <= buf->capacity - buf->size || !is_own(buf, data));
    if (fi_buf_reserve(buf, size) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return FIRN_OK;
}

int
fi_buf_append_slice(struct fi_buf *buf, firn_slice slice)
{
    return fi_buf_append(buf, slice.data, slice.size);
}

int
fi_buf_append_str(struct fi_buf *buf, const char *text)
{
    return fi_buf_append(buf, text, strlen(text));
}

int
fi_buf_append_u8(struct fi_buf *buf, uint8_t value)
{
    return fi_buf_append(buf, &value, 1);
}

int
fi_buf_append_le32(struct fi_buf *buf, uint32_t value)
{
    uint8_t bytes[4];
    fi_store_le32(bytes, value);
    return fi_buf_append(buf, bytes, sizeof bytes);
}

int
fi_buf_append_le64(struct fi_buf *buf, uint64_t value)
{
    uint8_t bytes[8];
    fi_store_le64(bytes, value);
    return fi_buf_append(buf, bytes, sizeof bytes);
}

int
fi_buf_append_varint(struct fi_buf *buf, uint64_t value)
{
    uint8_t bytes[FI_VARINT_SIZE_MAX];
    return fi_buf_append(buf, bytes, fi_store_varint(bytes, value));
}

int
fi_buf_append_sized(struct fi_buf *buf, firn_slice bytes)
{
    int rc = fi_buf_append_varint(buf, bytes.size);
    return rc == FIRN_OK ? fi_buf_append_slice(buf, bytes) : rc;
}

int
fi_buf_append_format(struct fi_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int rc = FIRN_NO_MEMORY;
    if (wanted >= 0 && fi_buf_reserve(buf, (size_t)wanted + 1) == FIRN_OK) {
        (void)vsnprintf((char *)buf->data + buf->size, (size_t)wanted + 1, format, again);
        buf->size += (size_t)wanted;
        rc = FIRN_OK;
    }
    va_end(again);
    return rc;
}

const char *
fi_buf_text(struct fi_buf *buf)
{
    if (fi_buf_reserve(buf, 1) != FIRN_OK) {
        return NULL;
    }
    buf->data[buf->size] = '\0';
    return (const char *)buf->data;
}
