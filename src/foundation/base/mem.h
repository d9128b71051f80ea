/* SPDX-License-Identifier: Apache-2.0
 *
 * base/mem.h: the only source of memory. All allocations of firn, including those of zstd's
 * contexts, come from here.
 */
#ifndef FIRN_BASE_MEM_H
#define FIRN_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* The replaceable allocator. resize(ctx, NULL, n) allocates, resize(ctx, p, n) resizes, release
 * frees; n is never 0. Both are called from any thread. NULL from resize means out of memory.
 * zeroed(ctx, n) allocates zeroed memory; if it is NULL, memory from resize is cleared. */
struct firn_allocator {
    void *(*resize)(void *ctx, void *memory, size_t size);
    void (*release)(void *ctx, void *memory);
    void *ctx;
    void *(*zeroed)(void *ctx, size_t size); /* may be NULL */
};

/* Replaces the allocator for the whole process; NULL restores the C library's. Requires: firn has
 * allocated nothing, and no other thread runs. */
void firn_mem_set_allocator(const struct firn_allocator *allocator);

/* Each returns NULL if memory runs out. A size of 0 yields a valid pointer. Contents are undefined,
 * except for _zeroed. */
void *firn_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *firn_alloc_zeroed(size_t size) __attribute__((malloc, warn_unused_result));
/* count * size bytes, or NULL if that overflows. */
void *firn_alloc_array(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* The old block stays valid when this returns NULL. */
void *firn_resize(void *memory, size_t size) __attribute__((warn_unused_result));
void *firn_resize_array(void *memory, size_t count, size_t size)
    __attribute__((warn_unused_result));
/* Memory for a growing array with at least count elements: the array itself if *capacity is that
 * large, else a larger one, at least twice as large, whose size is stored in *capacity. An array
 * of capacity 0 may be NULL. If this returns NULL, the old array is still valid, and so is
 * *capacity. */
void *firn_grow_array(void *array, size_t count, size_t *capacity, size_t size)
    __attribute__((warn_unused_result));
/* NULL is allowed. */
void firn_free(void *memory);

/* A copy on the heap; firn_strndup adds a NUL. NULL when memory is out. */
void *firn_memdup(const void *data, size_t size) __attribute__((warn_unused_result));
char *firn_strdup(const char *text) __attribute__((warn_unused_result));
char *firn_strndup(const char *text, size_t size) __attribute__((warn_unused_result));

/* Zero bytes, FIRN_ZEROS_SIZE of them, to write or hash for a hole. All users share one array,
 * which takes no space in the library file. */
enum { FIRN_ZEROS_SIZE = 64 << 10 };
const uint8_t *firn_zeros(void);

#endif
