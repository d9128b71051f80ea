/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: the same suite over the real disk, with and without openat2, and over the machine in memory. Each test
 * works in an empty directory and leaks nothing.
 */
#include "suite.h"

#include <sys/stat.h>

#include "os/os_memory.h"
#include "os/os_posix.h"
#include "support/test_alloc.h"

static struct suite current;

static int
setup_posix(void **state)
{
    test_alloc_install();
    current = (struct suite){.os = firn_os_default(), .dir = test_os_temp_dir(), .real = true};
    *state = &current;
    return 0;
}

static int
teardown_posix(void **state)
{
    (void)state;
    test_os_temp_dir_remove(current.dir);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static int
setup_by_hand(void **state)
{
    firn_os_posix_dir_use_openat2(false);
    return setup_posix(state);
}

static int
teardown_by_hand(void **state)
{
    firn_os_posix_dir_use_openat2(true);
    return teardown_posix(state);
}

static int
setup_memory(void **state)
{
    firn_error err;
    test_alloc_install();
    current = (struct suite){.real = false};
    TEST_OK(firn_os_memory_create(1, &current.os, &err), &err);
    current.dir = test_os_root(current.os);
    *state = &current;
    return 0;
}

static int
teardown_memory(void **state)
{
    (void)state;
    firn_os_dir_close(current.dir);
    firn_os_memory_destroy(current.os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
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
           run_suite("os: posix without openat2", setup_by_hand, teardown_by_hand) +
           run_suite("os: memory", setup_memory, teardown_memory);
}
