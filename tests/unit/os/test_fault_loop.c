/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: the loop over all points at which an operation can be broken (support/test_fault.h): it takes each point once, ends with
 * the operation, and a test that fails within it names the call. A loop in which nothing fails fails. With TEST_FAULT_FAILS there
 * are tests that fail.
 */
#include "support/test_fault.h"

#include "base/mem.h"
#include "sim/sim_memory.h"
#include "support/test.h"

enum { STEPS = 5 };

static int
allocate(void)
{
    for (size_t i = 0; i < STEPS; i++) {
        void *memory = fi_alloc(100 + i);
        if (memory == NULL) {
            return FIRN_NO_MEMORY;
        }
        fi_free(memory);
    }
    return FIRN_OK;
}

static int
make_dirs(struct fi_os_dir *dir)
{
    static const char *const names[STEPS] = {"a", "b", "c", "d", "e"};
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < STEPS; i++) {
        rc = fi_os_make_dir(dir, names[i], 0700, NULL);
    }
    return rc;
}

static void
each_allocation_fails_once(void **state)
{
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        assert_int_equal(fault.n, fault.passes + 1);
        test_fault_allocation(&fault);
        int rc = allocate();
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_int_equal(allocate(), FIRN_OK);
    }
    assert_int_equal(fault.refused, STEPS);
    assert_int_equal(fault.passes, STEPS);
}

static void
each_call_fails_once(void **state)
{
    struct test_fault fault = {.classes = FI_SIM_FAULT_METADATA, .step = 2};
    while (test_fault_next(&fault)) {
        struct fi_os *inner;
        struct fi_os *os;
        struct fi_os_dir *dir;
        assert_int_equal(fi_sim_memory_create(1, &inner, NULL), FIRN_OK);
        assert_int_equal(fi_sim_fault_create(inner, &os, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_open_path(os, "/", &dir, NULL), FIRN_OK);
        test_fault_call(&fault, os);
        int rc = make_dirs(dir);
        if (getenv("TEST_FAULT_FAILS") != NULL && fault.n == 3) {
            assert_int_equal(rc, FIRN_OK); /* it says which call has failed */
        }
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_IO);
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(os);
        fi_sim_memory_destroy(inner);
    }
    assert_int_equal(fault.refused, (STEPS + 1) / 2); /* the first, third and fifth */
}

static void
a_failed_test_names_the_allocation(void **state)
{
    struct test_fault fault = {.counts = true, .for_ever = true};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = allocate();
        test_fault_end(&fault);
        if (getenv("TEST_FAULT_FAILS") != NULL && fault.n == 2) {
            assert_int_equal(rc, FIRN_OK);
        }
    }
}

/* The operation has fewer points than the loop leaves out. */
static void
a_late_share_takes_the_first_point(void **state)
{
    struct test_fault fault = {.counts = true, .every = STEPS + 3, .loop = STEPS + 1};
    uint64_t passes = 0;
    while (test_fault_next(&fault)) {
        passes++;
        test_fault_allocation(&fault);
        int rc = allocate();
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
    }
    assert_true(fault.refused >= 1);
    assert_true(passes > fault.refused);
}

static void
a_loop_in_which_nothing_fails_fails(void **state)
{
    struct test_fault fault = {.counts = true};
    while (getenv("TEST_FAULT_FAILS") != NULL && test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        test_fault_end(&fault);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(each_call_fails_once),
        cmocka_unit_test(a_failed_test_names_the_allocation),
        cmocka_unit_test(a_late_share_takes_the_first_point),
        cmocka_unit_test(a_loop_in_which_nothing_fails_fails),
    };
    return cmocka_run_group_tests_name("fault_loop", tests, NULL, NULL);
}
