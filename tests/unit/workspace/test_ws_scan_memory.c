/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: what a scan costs in memory.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/os_memory.h"
#include "scan_support.h"

static atomic_size_t bytes_now;
static atomic_size_t bytes_peak;

static void *
measuring_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    size_t before = memory == NULL ? 0 : malloc_usable_size(memory);
    void *result = realloc(memory, size);
    if (result != NULL) {
        size_t after = malloc_usable_size(result);
        size_t now = atomic_fetch_add(&bytes_now, after - before) + after - before;
        size_t peak = atomic_load(&bytes_peak);
        while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) {
        }
    }
    return result;
}

static void
measuring_release(void *ctx, void *memory)
{
    (void)ctx;
    if (memory != NULL) {
        atomic_fetch_sub(&bytes_now, malloc_usable_size(memory));
    }
    free(memory);
}

static void
a_huge_flat_directory_costs_little_memory_an_entry(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    static const struct firn_allocator measuring = {measuring_resize, measuring_release, NULL};
    struct scan_world world;
    struct scan_sink sink;
    struct firn_ws_scan_result result;
    firn_error err;
    firn_mem_set_allocator(&measuring);
    scan_world_open_memory(&world, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        struct firn_os_file *file;
        snprintf(name, sizeof name, "file-%07u.txt", i);
        assert_int_equal(
            firn_os_file_open(world.root, name, FIRN_OS_WRITE | FIRN_OS_CREATE, 0644, &file, &err),
            FIRN_OK);
        firn_os_file_close(file);
    }
    scan_sink_init(&sink);
    size_t before = atomic_load(&bytes_now);
    atomic_store(&bytes_peak, before);
    scan_run(&world, &sink, NULL, 1, &result);
    size_t per_entry = (atomic_load(&bytes_peak) - before) / COUNT;
    print_message("%zu bytes an entry\n", per_entry);
    assert_true(per_entry <= 160);
    assert_int_equal(result.files, COUNT);
    firn_ws_scan_result_deinit(&result);
    assert_int_equal(atomic_load(&bytes_now), before);
    scan_sink_deinit(&sink);
    firn_os_dir_close(world.root);
    firn_os_memory_destroy(world.os);
    assert_int_equal(atomic_load(&bytes_now), 0);
    firn_mem_set_allocator(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_huge_flat_directory_costs_little_memory_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
