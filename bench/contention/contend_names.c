/* SPDX-License-Identifier: Apache-2.0
 *
 * contend_names.c: names for the code and the memory of the report.
 *
 * Code is looked up by addr2line in this program, which is linked at fixed addresses. Memory is
 * named after the function that allocated it: allocations are wrapped (CMakeLists.txt) and noted
 * with their callers. Frees are not: of two blocks that had an address, the later one counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "contend.h"

struct block {
    const char *start; /* NULL: the place is free */
    size_t size;
    uint64_t number;
    const void *callers[CONTEND_FRAMES];
};

static struct block *blocks;
static size_t block_count, block_capacity;
static uint64_t block_number;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

static struct block *
block_at(const char *start)
{
    size_t i = ((uint64_t)(uintptr_t)start * UINT64_C(0x9e3779b97f4a7c15)) >> 20;
    i &= block_capacity - 1;
    while (blocks[i].start != NULL && blocks[i].start != start) {
        i = (i + 1) & (block_capacity - 1);
    }
    return &blocks[i];
}

static void
grow(void)
{
    struct block *old = blocks;
    size_t count = block_capacity;
    block_capacity = count == 0 ? 1 << 14 : count * 2;
    blocks = __real_calloc(block_capacity, sizeof *blocks);
    if (blocks == NULL) {
        contend_turns_die("out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (old[i].start != NULL) {
            *block_at(old[i].start) = old[i];
        }
    }
    free(old);
}

static void *
note(void *memory, size_t size)
{
    if (memory == NULL || memory == MAP_FAILED || contend_turns_self() == NULL) {
        return memory;
    }
    if (block_count * 2 >= block_capacity) {
        grow();
    }
    struct block *block = block_at(memory);
    block_count += block->start == NULL;
    *block = (struct block){.start = memory, .size = size, .number = ++block_number};
    contend_turns_callers(block->callers);
    return memory;
}

void *
__wrap_malloc(size_t size)
{
    return note(__real_malloc(size), size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return note(__real_calloc(count, size), count * size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return note(__real_realloc(old, size), size);
}

void *
__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return note(__real_mmap(at, size, protection, flags, fd, offset), size);
}

/* ---- names ---- */

static void
read_line(FILE *in, char *out, size_t size)
{
    out[0] = '\0';
    if (fgets(out, (int)size, in) != NULL) {
        out[strcspn(out, "\n ")] = '\0';
    }
}

/* The function of an address of return, and its "file:line". */
static void
look_up(const void *place, char function[128], char line[128])
{
    char command[128];
    (void)snprintf(command, sizeof command, "exec addr2line -sfie /proc/%d/exe %p", (int)getpid(),
                   (const void *)((const char *)place - 1));
    function[0] = line[0] = '\0';
    FILE *in = popen(command, "r");
    if (in != NULL) {
        read_line(in, function, 128);
        read_line(in, line, 128);
        (void)pclose(in);
    }
}

const char *
contend_names_code(const void *place)
{
    static char text[300];
    char function[128];
    char line[128];
    look_up(place, function, line);
    (void)snprintf(text, sizeof text, "%s (%s)", function, line);
    return text;
}

/* The innermost function that is not one of those that allocate for others. */
static const char *
allocator_of(const struct block *block)
{
    static const char *const common[] = {"mem.c", "arena.c",    "buf.c",
                                         "buf.h", "os_pages.c", "mem.h"};
    static char function[128];
    char line[128];
    for (size_t i = 0; i < CONTEND_FRAMES && block->callers[i] != NULL; i++) {
        bool is_common = false;
        look_up(block->callers[i], function, line);
        for (size_t j = 0; j < sizeof common / sizeof common[0]; j++) {
            is_common |= strncmp(line, common[j], strlen(common[j])) == 0;
        }
        if (!is_common) {
            break;
        }
    }
    return function;
}

const char *
contend_names_memory(const void *at)
{
    static char text[300];
    const struct block *found = NULL;
    for (size_t i = 0; i < block_capacity; i++) {
        const struct block *block = &blocks[i];
        if (block->start != NULL && (const char *)at >= block->start &&
            (const char *)at < block->start + block->size &&
            (found == NULL || block->number > found->number)) {
            found = block;
        }
    }
    if (contend_turns_is_stack(at)) {
        return "a stack";
    }
    if (found == NULL) {
        return "static";
    }
    (void)snprintf(text, sizeof text, "%s + %zu of %zu", allocator_of(found),
                   (size_t)((const char *)at - found->start), found->size);
    return text;
}
