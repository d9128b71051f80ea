/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_peak.c: see the header. Each block is preceded by its size.
 */
#include "support/test_peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { FRONT = 16 };
static size_t in_use;
static size_t peak;

static void *
resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    uint8_t *block = memory == NULL ? NULL : (uint8_t *)memory - FRONT;
    size_t old = 0;
    if (block != NULL) {
        memcpy(&old, block, sizeof old);
    }
    block = realloc(block, size + FRONT);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    in_use = in_use - old + size;
    peak = in_use > peak ? in_use : peak;
    return block + FRONT;
}

static void
release(void *ctx, void *memory)
{
    (void)ctx;
    size_t size;
    uint8_t *block = (uint8_t *)memory - FRONT;
    memcpy(&size, block, sizeof size);
    in_use -= size;
    free(block);
}

void
test_peak_install(void)
{
    static const struct firn_allocator counting = {resize, release, NULL};
    in_use = 0;
    peak = 0;
    firn_mem_set_allocator(&counting);
}

void
test_peak_uninstall(void)
{
    assert_int_equal(in_use, 0);
    firn_mem_set_allocator(NULL);
}

size_t
test_peak_take(void)
{
    size_t taken = peak;
    peak = in_use;
    return taken;
}
