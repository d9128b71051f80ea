/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_secret.c: blocks for secrets, in a few chunks of pages.
 *
 * Locks and advice work on whole pages, of which a process may lock few: 64 KiB in all on some
 * systems. So blocks share chunks. A chunk is a mapping of its own, divided into cells of 64 bytes;
 * a block is a run of cells. What is known of cells is in ordinary memory beside it, where nothing
 * is secret.
 *
 * Each step is asked for and may be refused: mlock beyond the limit of the process, MADV_DONTDUMP
 * and MADV_WIPEONFORK by old kernels. Then the memory serves as it is: a store that cannot be
 * opened since a limit is low would help nobody.
 *
 * A child of fork has the chunks of its parent with zeros in them, and without their locks. It
 * never allocates from them, and maps its own (os_process.h tells them apart).
 *
 * Invariants: (I1) a free cell is zero, so blocks are zeroed once, when they are given back; (I2) a
 * chunk without blocks is unmapped.
 *
 * Locking: one mutex for all. It is held over a fork, so that no child inherits it locked.
 */
#include "os/os_secret.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "os/os_process.h"

enum { CELL_SIZE = FI_OS_SECRET_ALIGNMENT, CHUNK_SIZE = 16 << 10, STACK_SIZE = 4 << 10 };

_Static_assert(FI_OS_SECRET_SIZE_MAX / CELL_SIZE <= UINT16_MAX, "a run is counted in 16 bits");

struct chunk {
    struct chunk *next;
    struct fi_os_process_mark mark;
    uint8_t *memory;
    size_t cell_count;
    size_t block_count;
    uint16_t runs[]; /* cells of the block that begins at this cell; 0: none begins */
};

static pthread_mutex_t secrets_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *chunks;

static void
lock_secrets(void)
{
    (void)pthread_mutex_lock(&secrets_mutex);
}

static void
unlock_secrets(void)
{
    (void)pthread_mutex_unlock(&secrets_mutex);
}

static void
hold_over_forks(void)
{
    (void)pthread_atfork(lock_secrets, unlock_secrets, unlock_secrets);
}

static struct chunk *
chunk_create_locked(size_t cells)
{
    size_t count = cells > CHUNK_SIZE / CELL_SIZE ? cells : CHUNK_SIZE / CELL_SIZE;
    struct chunk *chunk = fi_alloc_zeroed(sizeof *chunk + count * sizeof chunk->runs[0]);
    if (chunk == NULL) {
        return NULL;
    }
    size_t size = count * CELL_SIZE;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fi_free(chunk);
        return NULL;
    }
    (void)madvise(memory, size, MADV_DONTDUMP);
#ifdef MADV_WIPEONFORK
    (void)madvise(memory, size, MADV_WIPEONFORK);
#endif
    (void)mlock(memory, size);
    fi_os_process_init_mark(&chunk->mark);
    chunk->memory = memory;
    chunk->cell_count = count;
    chunk->next = chunks;
    chunks = chunk;
    return chunk;
}

/* The first of so many free cells in a row; cell_count: there are none. */
static size_t
find_cells(const struct chunk *chunk, size_t cells)
{
    size_t free_cells = 0;
    for (size_t i = 0; i < chunk->cell_count;) {
        size_t run = chunk->runs[i];
        free_cells = run == 0 ? free_cells + 1 : 0;
        i += run == 0 ? 1 : run;
        if (free_cells == cells) {
            return i - cells;
        }
    }
    return chunk->cell_count;
}

static void *
allocate_locked(size_t cells)
{
    struct chunk *chunk = chunks;
    size_t first = 0;
    while (chunk != NULL) {
        first = fi_os_process_is_own(&chunk->mark) ? find_cells(chunk, cells) : chunk->cell_count;
        if (first < chunk->cell_count) {
            break;
        }
        chunk = chunk->next;
    }
    if (chunk == NULL) {
        chunk = chunk_create_locked(cells);
        first = 0;
    }
    if (chunk == NULL) {
        return NULL;
    }
    chunk->runs[first] = (uint16_t)cells;
    chunk->block_count++;
    DCHECK(fi_bytes_are_zero(chunk->memory + first * CELL_SIZE, cells * CELL_SIZE)); /* (I1) */
    return chunk->memory + first * CELL_SIZE;
}

int
fi_os_secret_allocate(size_t size, void **out, firn_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(size > 0 && size <= FI_OS_SECRET_SIZE_MAX);
    (void)pthread_once(&once, hold_over_forks);
    lock_secrets();
    *out = allocate_locked((size + CELL_SIZE - 1) / CELL_SIZE);
    unlock_secrets();
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "memory for a key");
}

/* The chunk that has this block, and in *out_link what points to it. */
static struct chunk *
chunk_of_locked(const uint8_t *memory, struct chunk ***out_link)
{
    struct chunk **link = &chunks;
    while (*link != NULL && (memory < (*link)->memory ||
                             memory >= (*link)->memory + (*link)->cell_count * CELL_SIZE)) {
        link = &(*link)->next;
    }
    *out_link = link;
    return *link;
}

void
fi_os_secret_free(void *memory)
{
    if (memory == NULL) {
        return;
    }
    struct chunk **link;
    lock_secrets();
    struct chunk *chunk = chunk_of_locked(memory, &link);
    CHECK(chunk != NULL);
    size_t first = (size_t)((uint8_t *)memory - chunk->memory) / CELL_SIZE;
    CHECK(chunk->runs[first] > 0);
    fi_os_secret_wipe(memory, (size_t)chunk->runs[first] * CELL_SIZE);
    chunk->runs[first] = 0;
    chunk->block_count--;
    if (chunk->block_count == 0) { /* (I2) */
        *link = chunk->next;
        (void)munmap(chunk->memory, chunk->cell_count * CELL_SIZE);
        fi_free(chunk);
    }
    unlock_secrets();
}

void
fi_os_secret_wipe(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}

__attribute__((noinline)) void
fi_os_secret_wipe_stack(void)
{
    uint8_t left[STACK_SIZE];
    explicit_bzero(left, sizeof left);
}
