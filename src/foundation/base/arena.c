/* SPDX-License-Identifier: Apache-2.0
 *
 * base/arena.c: bump allocation in chunks.
 *
 * A request larger than a quarter of a chunk gets a chunk of its own after the current one, so that
 * the rest of the current one is not wasted. Nothing is freed individually.
 */
#include "base/arena.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"

struct fi_arena_chunk {
    struct fi_arena_chunk *next;
    size_t reserved; /* keeps the data after it 16-byte aligned */
};

_Static_assert(sizeof(struct fi_arena_chunk) % 16 == 0, "the data after it is aligned");

enum { CHUNK_SIZE_DEFAULT = 32 * 1024 };

static struct fi_arena_chunk *
add_chunk(struct fi_arena *arena, size_t size)
{
    size_t total;
    if (!fi_add_size(size, sizeof(struct fi_arena_chunk), &total)) {
        return NULL;
    }
    struct fi_arena_chunk *chunk = fi_alloc(total);
    if (chunk != NULL) {
        chunk->reserved = size;
        arena->total_bytes += total;
    }
    return chunk;
}

static void *
alloc_aside(struct fi_arena *arena, size_t size)
{
    struct fi_arena_chunk *chunk = add_chunk(arena, size);
    if (chunk == NULL) {
        return NULL;
    }
    if (arena->chunks == NULL) {
        chunk->next = NULL;
        arena->chunks = chunk;
    } else {
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    }
    return chunk + 1;
}

static void *
arena_take(struct fi_arena *arena, size_t size, size_t align)
{
    size_t chunk_size = arena->chunk_size == 0 ? CHUNK_SIZE_DEFAULT : arena->chunk_size;
    DCHECK(align > 0 && (align & (align - 1)) == 0 && arena->at <= arena->end);
    size_t pad = (size_t)(-(uintptr_t)arena->at & (align - 1));
    if (arena->at != NULL && (size_t)(arena->end - arena->at) >= pad &&
        (size_t)(arena->end - arena->at) - pad >= size) {
        uint8_t *memory = arena->at + pad;
        arena->at = memory + size;
        return memory;
    }
    if (size > chunk_size / 4) {
        return alloc_aside(arena, size);
    }
    struct fi_arena_chunk *chunk = add_chunk(arena, chunk_size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    uint8_t *memory = (uint8_t *)(chunk + 1);
    DCHECK(size <= chunk_size && (uintptr_t)memory % align == 0);
    arena->at = memory + size;
    arena->end = memory + chunk_size;
    return memory;
}

void *
fi_arena_alloc(struct fi_arena *arena, size_t size)
{
    return arena_take(arena, size, 8);
}

uint8_t *
fi_arena_copy(struct fi_arena *arena, const void *data, size_t size)
{
    uint8_t *copy = arena_take(arena, size, 1);
    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *
fi_arena_str(struct fi_arena *arena, const char *text, size_t size)
{
    DCHECK(size < SIZE_MAX);
    char *copy = arena_take(arena, size + 1, 1);
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, text, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

void
fi_arena_deinit(struct fi_arena *arena)
{
    struct fi_arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct fi_arena_chunk *next = chunk->next;
        fi_free(chunk);
        chunk = next;
    }
    *arena = (struct fi_arena){.chunk_size = arena->chunk_size};
}
