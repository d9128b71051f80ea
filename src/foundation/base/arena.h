/* SPDX-License-Identifier: Apache-2.0
 *
 * base/arena.h: memory for one operation, released all at once. A zeroed struct with chunk_size set
 * is an empty arena. Not safe for use by two threads at once.
 */
#ifndef FIRN_BASE_ARENA_H
#define FIRN_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct firn_arena_chunk;

struct firn_arena {
    struct firn_arena_chunk *chunks; /* newest first */
    uint8_t *at;
    uint8_t *end;
    size_t chunk_size;  /* 0 means 32 KiB */
    size_t total_bytes; /* memory taken from the allocator */
};

/* 8-byte aligned, undefined contents; NULL if memory runs out. Valid until deinit. */
void *firn_arena_alloc(struct firn_arena *arena, size_t size) __attribute__((warn_unused_result));
/* A copy in the arena, unaligned; _str adds a NUL. */
uint8_t *firn_arena_copy(struct firn_arena *arena, const void *data, size_t size)
    __attribute__((warn_unused_result));
char *firn_arena_str(struct firn_arena *arena, const char *text, size_t size)
    __attribute__((warn_unused_result));
/* Releases everything; the arena is empty and usable afterwards. */
void firn_arena_deinit(struct firn_arena *arena);

#endif
