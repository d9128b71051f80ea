/* SPDX-License-Identifier: Apache-2.0
 *
 * base/mem.c: allocation through one replaceable table.
 *
 * Tests replace the table to fail the n-th allocation; an embedding program may replace it to
 * account for memory. The table is read without a lock: it is set before the first allocation and
 * while no other threads run.
 *
 * Zeroed memory has a function of its own: for a large block the C library uses the kernel's zero
 * pages, which cost nothing until they are touched.
 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"

static void *
libc_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    return realloc(memory, size);
}

static void
libc_release(void *ctx, void *memory)
{
    (void)ctx;
    free(memory);
}

/* Pages that the kernel has zeroed need not be zeroed again: worth it from this size on. */
enum { ZEROED_SMALL = 32 << 10 };

static void *
libc_zeroed(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}

static const struct fi_allocator libc_allocator = {libc_resize, libc_release, NULL, libc_zeroed};
static struct fi_allocator current = {libc_resize, libc_release, NULL, libc_zeroed};

void
fi_mem_set_allocator(const struct fi_allocator *allocator)
{
    DCHECK(allocator == NULL || (allocator->resize != NULL && allocator->release != NULL));
    current = allocator != NULL ? *allocator : libc_allocator;
}

void *
fi_resize(void *memory, size_t size)
{
    return current.resize(current.ctx, memory, size == 0 ? 1 : size);
}

void *
fi_alloc(size_t size)
{
    return fi_resize(NULL, size);
}

void *
fi_alloc_zeroed(size_t size)
{
    /* Small blocks come from a thread's cache, which glibc's calloc of Debian 12 does not look
     * at. */
    if (current.zeroed != NULL && size > ZEROED_SMALL) {
        return current.zeroed(current.ctx, size == 0 ? 1 : size);
    }
    void *memory = fi_alloc(size);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

void *
fi_resize_array(void *memory, size_t count, size_t size)
{
    size_t total;
    if (!fi_mul_size(count, size, &total)) {
        return NULL;
    }
    return fi_resize(memory, total);
}

void *
fi_alloc_array(size_t count, size_t size)
{
    return fi_resize_array(NULL, count, size);
}

void
fi_free(void *memory)
{
    if (memory != NULL) {
        current.release(current.ctx, memory);
    }
}

void *
fi_memdup(const void *data, size_t size)
{
    void *copy = fi_alloc(size);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *
fi_strndup(const char *text, size_t size)
{
    DCHECK(size < SIZE_MAX);
    char *copy = fi_alloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

char *
fi_strdup(const char *text)
{
    return fi_strndup(text, strlen(text));
}

/* "used": else the compiler sees that it is never written, and puts it into the file as a
 * constant. */
__attribute__((used)) static uint8_t zeros[FI_ZEROS_SIZE];

const uint8_t *
fi_zeros(void)
{
    return zeros;
}

enum { CAPACITY_LEAST = 8 };

/* The pointer has a type that is not known here, so it is read and written as bytes: all pointers
 * to objects have one representation. */
int
fi_vec_grow(void *array, size_t count, size_t *capacity, size_t size, firn_error *err)
{
    DCHECK(count > *capacity && size > 0);
    size_t room = CAPACITY_LEAST;
    if (*capacity >= CAPACITY_LEAST / 2 && !fi_mul_size(*capacity, 2, &room)) {
        return fi_error_no_memory(err, "a list");
    }
    room = room < count ? count : room;
    void *items;
    memcpy(&items, array, sizeof items);
    items = fi_resize_array(items, room, size);
    if (items == NULL) {
        return fi_error_no_memory(err, "a list");
    }
    memcpy(array, &items, sizeof items);
    *capacity = room;
    return FIRN_OK;
}
