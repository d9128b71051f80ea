/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_peak.c: see the header. Each block is preceded by its size.
 */
#include "support/test_peak.h"
#include "support/test.h"

#include <stdatomic.h>

#include "base/mem.h"

enum { FRONT = 16 };
static atomic_size_t in_use;
static atomic_size_t peak;

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
    size_t now = atomic_fetch_add(&in_use, size - old) + (size - old);
    size_t most = atomic_load(&peak);
    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {
    }
    return block + FRONT;
}

static void
release(void *ctx, void *memory)
{
    (void)ctx;
    size_t size;
    uint8_t *block = (uint8_t *)memory - FRONT;
    memcpy(&size, block, sizeof size);
    atomic_fetch_sub(&in_use, size);
    free(block);
}

void
test_peak_install(void)
{
    static const struct fi_allocator counting = {resize, release, NULL, NULL};
    atomic_store(&in_use, 0);
    atomic_store(&peak, 0);
    fi_mem_set_allocator(&counting);
}

void
test_peak_uninstall(void)
{
    assert_int_equal(test_peak_in_use(), 0);
    fi_mem_set_allocator(NULL);
}

size_t
test_peak_take(void)
{
    return atomic_exchange(&peak, atomic_load(&in_use));
}

size_t
test_peak_in_use(void)
{
    return atomic_load(&in_use);
}
