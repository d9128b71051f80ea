/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: what a scan costs in memory.
 */
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_peak.h"
#include "support/workspace/scan_support.h"

static void
a_huge_flat_directory_costs_little_memory_an_entry(void **state)
{
    enum { COUNT = 60000 };
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    firn_error err;
    test_peak_install();
    scan_world_open_memory(&world, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        char name[32];
        struct fi_os_file *file;
        snprintf(name, sizeof name, "file-%07u.txt", i);
        assert_int_equal(
            fi_os_file_open(world.root, name, FI_OS_WRITE | FI_OS_CREATE, 0644, &file, &err),
            FIRN_OK);
        fi_os_file_close(file);
    }
    scan_sink_init(&sink);
    size_t before = test_peak_in_use();
    (void)test_peak_take();
    scan_run(&world, &sink, NULL, 1, &result);
    size_t per_entry = (test_peak_take() - before) / COUNT;
    print_message("%zu bytes an entry\n", per_entry);
    assert_true(per_entry <= 160);
    assert_int_equal(result.files, COUNT);
    fi_scan_result_deinit(&result);
    assert_int_equal(test_peak_in_use(), before);
    scan_sink_deinit(&sink);
    fi_os_dir_close(world.root);
    fi_sim_memory_destroy(world.os);
    test_peak_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_huge_flat_directory_costs_little_memory_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
