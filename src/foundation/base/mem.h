/* SPDX-License-Identifier: Apache-2.0
 *
 * base/mem.h: the only source of memory, and arrays of it that grow. All allocations of firn,
 * including those of zstd's contexts, come from here.
 */
#ifndef FIRN_BASE_MEM_H
#define FIRN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "firn/error.h"

/* The replaceable allocator. resize(ctx, NULL, n) allocates, resize(ctx, p, n) resizes, release
 * frees; n is never 0. Both are called from any thread. NULL from resize means out of memory.
 * zeroed(ctx, n) allocates zeroed memory; if it is NULL, memory from resize is cleared. */
struct fi_allocator {
    void *(*resize)(void *ctx, void *memory, size_t size);
    void (*release)(void *ctx, void *memory);
    void *ctx;
    void *(*zeroed)(void *ctx, size_t size); /* may be NULL */
};

/* Replaces the allocator for the whole process; NULL restores the C library's. Requires: firn has
 * allocated nothing, and no other thread runs. */
void fi_mem_set_allocator(const struct fi_allocator *allocator);

/* Each returns NULL if memory runs out. A size of 0 yields a valid pointer. Contents are undefined,
 * except for _zeroed. */
void *fi_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *fi_alloc_zeroed(size_t size) __attribute__((malloc, warn_unused_result));
/* count * size bytes, or NULL if that overflows. */
void *fi_alloc_array(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* The old block stays valid when this returns NULL. */
void *fi_resize(void *memory, size_t size) __attribute__((warn_unused_result));
void *fi_resize_array(void *memory, size_t count, size_t size) __attribute__((warn_unused_result));
/* NULL is allowed. A call everywhere, as a thousand places free: copies of it would be larger, and
 * freeing takes longer than calling. */
__attribute__((noinline)) void fi_free(void *memory);

/* A copy on the heap; fi_strndup adds a NUL. NULL when memory is out. */
void *fi_memdup(const void *data, size_t size) __attribute__((warn_unused_result));
char *fi_strdup(const char *text) __attribute__((warn_unused_result));
char *fi_strndup(const char *text, size_t size) __attribute__((warn_unused_result));

/* Zero bytes, FI_ZEROS_SIZE of them, to write or hash for a hole. All users share one array,
 * which takes no space in the library file. */
enum { FI_ZEROS_SIZE = 64 << 10 };
const uint8_t *fi_zeros(void);

/* ---- arrays that grow ---- */

/* An array is three variables or fields: a pointer (NULL at first), a size_t for its count, and a
 * size_t for its capacity (0 at first). fi_free frees it. */

/* Makes room for at least `count` elements in all. A larger array has at least twice the old
 * capacity. The result is FIRN_OK or FIRN_NO_MEMORY; on failure (also if the size overflows), array
 * and capacity stay as they are. `array` is a pointer and `capacity` a size_t, both are variables;
 * each is evaluated once. `err` may be NULL. */
#define FI_VEC_RESERVE(array, count, capacity, err) \
    fi_vec_reserve(&(array), (count), &(capacity), FI_VEC_ELEMENT_SIZE(array), (err))
#define FI_VEC_ELEMENT_SIZE(array) (sizeof *(array)) /* NOLINT(bugprone-sizeof-expression) */

/* What FI_VEC_RESERVE calls: array is the address of the pointer, size is that of an element. */
FIRN_MUST_CHECK int fi_vec_grow(void *array, size_t count, size_t *capacity, size_t size,
                                firn_error *err);

FIRN_MUST_CHECK inline int
fi_vec_reserve(void *array, size_t count, size_t *capacity, size_t size, firn_error *err)
{
    return count <= *capacity ? FIRN_OK : fi_vec_grow(array, count, capacity, size, err);
}

#endif
