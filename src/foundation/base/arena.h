/* SPDX-License-Identifier: Apache-2.0
 *
 * base/arena.h: memory for one operation, released all at once. A zeroed struct with chunk_size set
 * is an empty arena. Not safe for use by two threads at once.
 */
#ifndef FIRN_BASE_ARENA_H
#define FIRN_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct fi_arena_chunk;

struct fi_arena {
    struct fi_arena_chunk *chunks; /* newest first */
    uint8_t *at;
    uint8_t *end;
    size_t chunk_size;  /* 0 means 32 KiB */
    size_t total_bytes; /* memory taken from the allocator */
};

/* 8-byte aligned, undefined contents; NULL if memory runs out. Valid until deinit. */
void *fi_arena_alloc(struct fi_arena *arena, size_t size) __attribute__((warn_unused_result));
/* A copy in the arena, unaligned; _str adds a NUL. */
uint8_t *fi_arena_copy(struct fi_arena *arena, const void *data, size_t size)
    __attribute__((warn_unused_result));
char *fi_arena_str(struct fi_arena *arena, const char *text, size_t size)
    __attribute__((warn_unused_result));
/* Releases everything; the arena is empty and usable afterwards. */
void fi_arena_deinit(struct fi_arena *arena);

#endif
