/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted: the same suite over the real disk, with and without openat2 and renameat2, over the
 * machine in memory, over the file system in RAM (as far as it goes), and over two of them through
 * an implementation that could make calls fail but does not. Each test works in an empty directory
 * and leaks nothing.
 */
#include "suite.h"

#include <sys/stat.h>

#include "hosted/os_ram.h"
#include "posix/os_default.h"
#include "posix/os_posix.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"

static struct suite current;

static int
setup_posix(void **state)
{
    test_alloc_install();
    current = (struct suite){.os = fi_os_default(), .dir = test_os_temp_dir(), .real = true};
    *state = &current;
    return 0;
}

static int
teardown_posix(void **state)
{
    test_os_temp_dir_remove(current.dir);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static int
setup_by_hand(void **state)
{
    fi_os_posix_dir_use_openat2(false);
    fi_os_posix_name_use_renameat2(false);
    return setup_posix(state);
}

static int
teardown_by_hand(void **state)
{
    fi_os_posix_dir_use_openat2(true);
    fi_os_posix_name_use_renameat2(true);
    return teardown_posix(state);
}

static int
setup_memory(void **state)
{
    firn_error err;
    test_alloc_install();
    current = (struct suite){.real = false};
    TEST_OK(fi_sim_memory_create(1, &current.os, &err), &err);
    current.dir = test_os_root(current.os);
    *state = &current;
    return 0;
}

static int
teardown_memory(void **state)
{
    fi_os_dir_close(current.dir);
    fi_sim_memory_destroy(current.os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static int
setup_ram(void **state)
{
    firn_error err;
    test_alloc_install();
    current = (struct suite){.plain = true};
    TEST_OK(fi_os_ram_create(64 << 20, &current.os, &err), &err);
    current.dir = test_os_root(current.os);
    *state = &current;
    return 0;
}

static int
teardown_ram(void **state)
{
    fi_os_dir_close(current.dir);
    fi_os_ram_destroy(current.os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static struct fi_os *inner;

static int
setup_fault(void **state)
{
    firn_error err;
    test_alloc_install();
    current = (struct suite){.real = false};
    TEST_OK(fi_sim_memory_create(1, &inner, &err), &err);
    TEST_OK(fi_sim_fault_create(inner, &current.os, &err), &err);
    current.dir = test_os_root(current.os);
    *state = &current;
    return 0;
}

static int
teardown_fault(void **state)
{
    assert_int_equal(fi_sim_fault_hits(current.os), 0);
    fi_os_dir_close(current.dir);
    fi_sim_fault_destroy(current.os);
    fi_sim_memory_destroy(inner);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static int
setup_fault_over_posix(void **state)
{
    firn_error err;
    int rc = setup_posix(state);
    struct fi_os_dir *real = current.dir;
    TEST_OK(fi_sim_fault_create(current.os, &current.os, &err), &err);
    TEST_OK(fi_os_dir_open_path(current.os, fi_os_dir_path(real), &current.dir, &err), &err);
    fi_os_dir_close(real);
    return rc;
}

static int
teardown_fault_over_posix(void **state)
{
    struct fi_os *fault = current.os;
    int rc = 0;
    firn_error err;
    struct fi_os_dir *real;
    TEST_OK(fi_os_dir_open_path(fi_os_default(), fi_os_dir_path(current.dir), &real, &err), &err);
    fi_os_dir_close(current.dir);
    fi_sim_fault_destroy(fault);
    current.dir = real;
    return rc + teardown_posix(state);
}

static int
run_suite(const char *implementation, CMFixtureFunction setup, CMFixtureFunction teardown)
{
    return suite_names_run(implementation, setup, teardown) +
           suite_files_run(implementation, setup, teardown) +
           suite_nodes_run(implementation, setup, teardown);
}

int
main(void)
{
    (void)umask(022);
    return run_suite("os: posix", setup_posix, teardown_posix) +
           run_suite("os: posix without openat2 and renameat2", setup_by_hand, teardown_by_hand) +
           run_suite("os: memory", setup_memory, teardown_memory) +
           suite_names_run("os: ram", setup_ram, teardown_ram) +
           suite_files_run("os: ram", setup_ram, teardown_ram) +
           run_suite("os: fault over memory", setup_fault, teardown_fault) +
           run_suite("os: fault over posix", setup_fault_over_posix, teardown_fault_over_posix);
}
