/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: large stretches of memory, of the real system and in simulation.
 */
#include <sys/mman.h>

#include "os/os_pages.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_os.h"

static const size_t sizes[] = {1,
                               4096,
                               5000,
                               FI_OS_PAGES_LARGE_SIZE - 1,
                               FI_OS_PAGES_LARGE_SIZE,
                               3 * (size_t)FI_OS_PAGES_LARGE_SIZE};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void
use_pages(struct fi_os *os, size_t size, size_t alignment)
{
    firn_error err;
    struct fi_os_pages pages;
    TEST_OK(fi_os_pages_map(os, size, &pages, &err), &err);
    assert_int_equal(pages.size, size);
    assert_int_equal((uintptr_t)pages.data % alignment, 0);
    (void)fi_os_pages_prefer_large(&pages); /* a kernel may refuse */
    for (size_t i = 0; i < size; i += 509) {
        assert_int_equal(pages.data[i], 0);
    }
    memset(pages.data, 0x5a, size);
    fi_os_pages_unmap(&pages);
    assert_null(pages.data);
    fi_os_pages_unmap(&pages);
    assert_false(fi_os_pages_prefer_large(&pages));
}

static void
pages_are_zeros_and_aligned(void **state)
{
    firn_error err;
    struct fi_os *os;
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    for (size_t i = 0; i < SIZES; i++) {
        bool is_large = sizes[i] % FI_OS_PAGES_LARGE_SIZE == 0;
        use_pages(fi_os_default(), sizes[i], is_large ? FI_OS_PAGES_LARGE_SIZE : 4096);
        use_pages(os, sizes[i], 64);
        assert_true(fi_os_pages_cost_bytes(sizes[i]) >= sizes[i] + 63);
    }
    fi_sim_memory_destroy(os);
}

static void
pages_take_no_memory_until_they_are_touched(void **state)
{
    enum { COUNT = 1024, PAGE = 4096 };
    firn_error err;
    struct fi_os_pages pages;
    unsigned char resident[COUNT];
    unsigned count = 0;
    TEST_OK(fi_os_pages_map(fi_os_default(), (size_t)COUNT * PAGE, &pages, &err), &err);
    pages.data[10 * PAGE] = 1;
    assert_int_equal(mincore(pages.data, (size_t)COUNT * PAGE, resident), 0);
    for (size_t i = 0; i < COUNT; i++) {
        count += resident[i] & 1;
    }
    /* One, or one large one where the system gives those unasked. */
    assert_true(count <= FI_OS_PAGES_LARGE_SIZE / PAGE);
    assert_true(resident[10] & 1);
    fi_os_pages_unmap(&pages);
}

static void
in_simulation_pages_are_counted_as_any_memory(void **state)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_pages pages;
    test_alloc_install();
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    int64_t before = test_alloc_alive();
    TEST_OK(fi_os_pages_map(os, 10000, &pages, &err), &err);
    assert_int_equal(test_alloc_alive(), before + 1);
    fi_os_pages_unmap(&pages);
    assert_int_equal(test_alloc_alive(), before);
    test_alloc_fail_at(1, false);
    assert_int_equal(fi_os_pages_map(os, 10000, &pages, &err), FIRN_NO_MEMORY);
    assert_null(pages.data);
    test_alloc_fail_at(0, false);
    fi_sim_memory_destroy(os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
more_than_there_is_is_refused(void **state)
{
    firn_error err;
    struct fi_os_pages pages;
    static const size_t huge[] = {SIZE_MAX, SIZE_MAX - FI_OS_PAGES_LARGE_SIZE + 1, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        assert_int_equal(fi_os_pages_map(fi_os_default(), huge[i], &pages, &err), FIRN_NO_MEMORY);
        assert_null(pages.data);
        fi_os_pages_unmap(&pages);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_zeros_and_aligned),
        cmocka_unit_test(pages_take_no_memory_until_they_are_touched),
        cmocka_unit_test(in_simulation_pages_are_counted_as_any_memory),
        cmocka_unit_test(more_than_there_is_is_refused),
    };
    return cmocka_run_group_tests_name("os_pages", tests, NULL, NULL);
}
