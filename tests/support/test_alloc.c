/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_alloc.c: counters are atomic, so that threads of a store may allocate too.
 */
#include "support/test_alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/sim_note.h"

static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t bytes;
static atomic_uint_fast64_t fail_at;
static atomic_bool fail_for_ever;
static atomic_int_fast64_t alive;

static bool
may_allocate(size_t size)
{
    uint64_t call = atomic_fetch_add(&calls, 1) + 1;
    uint64_t limit = atomic_load(&fail_at);
    bool for_ever = atomic_load(&fail_for_ever);
    if (limit == 0 || call < limit || (call > limit && !for_ever)) {
        return true;
    }
    fi_sim_note("allocation %llu%s, of %zu bytes", (unsigned long long)call,
                for_ever ? " and all after it" : "", size);
    return false;
}

static void *
counting_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    if (!may_allocate(size)) {
        return NULL;
    }
    atomic_fetch_add(&bytes, size);
    void *result = realloc(memory, size);
    if (result != NULL && memory == NULL) {
        atomic_fetch_add(&alive, 1);
    }
    return result;
}

static void *
counting_zeroed(void *ctx, size_t size)
{
    (void)ctx;
    atomic_fetch_add(&bytes, size);
    void *result = may_allocate(size) ? calloc(1, size) : NULL;
    if (result != NULL) {
        atomic_fetch_add(&alive, 1);
    }
    return result;
}

static void
counting_release(void *ctx, void *memory)
{
    (void)ctx;
    atomic_fetch_sub(&alive, 1);
    free(memory);
}

void
test_alloc_install(void)
{
    static const struct fi_allocator counting = {counting_resize, counting_release, NULL,
                                                 counting_zeroed};
    atomic_store(&alive, 0);
    test_alloc_fail_at(0, false);
    fi_mem_set_allocator(&counting);
}

void
test_alloc_uninstall(void)
{
    fi_mem_set_allocator(NULL);
}

void
test_alloc_fail_at(uint64_t n, bool for_ever)
{
    if (n != 0) {
        fi_sim_note_clear();
    }
    atomic_store(&calls, 0);
    atomic_store(&bytes, 0);
    atomic_store(&fail_for_ever, for_ever);
    atomic_store(&fail_at, n);
}

uint64_t
test_alloc_calls(void)
{
    return atomic_load(&calls);
}

uint64_t
test_alloc_bytes(void)
{
    return atomic_load(&bytes);
}

int64_t
test_alloc_alive(void)
{
    return atomic_load(&alive);
}
