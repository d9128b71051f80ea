/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/oswatch: the table of handles, against a list.
 */
#include "oswatch/os_watch_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

enum { HANDLES = 500 };

/* Neighbours differ in little: in their size, their type or one byte. */
static struct fi_os_watch_handle
handle_of(uint32_t i)
{
    struct fi_os_watch_handle handle = {.type = (int32_t)(i % 3), .size = 4 + i % 21};
    memcpy(handle.bytes, &i, sizeof i);
    handle.bytes[0] = (uint8_t)(i / 5);
    return handle;
}

static void
handles_are_found_under_their_numbers(void **state)
{
    struct fi_os_watch_handles handles = {0};
    struct test_random random;
    int numbers[HANDLES];
    memset(numbers, 0xff, sizeof numbers);
    test_random_init(&random, "os_watch_handles", 1);
    for (int step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)test_random_below(&random, HANDLES);
        const struct fi_os_watch_handle handle = handle_of(i);
        assert_int_equal(fi_os_watch_handles_find(&handles, &handle), numbers[i]);
        if (numbers[i] < 0) {
            numbers[i] = fi_os_watch_handles_add(&handles, &handle);
            assert_true(numbers[i] >= 0);
            for (uint32_t other = 0; other < HANDLES; other++) {
                assert_true(other == i || numbers[other] != numbers[i]);
            }
            continue;
        }
        const struct fi_os_watch_handle *at = fi_os_watch_handles_at(&handles, numbers[i]);
        assert_memory_equal(at, &handle, sizeof handle);
        if (step % 3 > 0) {
            fi_os_watch_handles_remove(&handles, numbers[i]);
            assert_null(fi_os_watch_handles_at(&handles, numbers[i]));
            numbers[i] = -1;
        }
    }
    assert_null(fi_os_watch_handles_at(&handles, -1));
    assert_null(fi_os_watch_handles_at(&handles, (int)handles.slot_count));
    assert_true(handles.slot_count <= 512); /* a number that is free is given again */
    fi_os_watch_handles_deinit(&handles);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    for (uint64_t n = 1; n < 8; n++) {
        struct fi_os_watch_handles handles = {0};
        uint32_t count = 0;
        test_alloc_fail_at(n, false);
        for (uint32_t i = 0; i < HANDLES; i++) {
            const struct fi_os_watch_handle handle = handle_of(i);
            int number = fi_os_watch_handles_add(&handles, &handle);
            count += number >= 0 ? 1 : 0;
            assert_int_equal(fi_os_watch_handles_find(&handles, &handle), number);
        }
        test_alloc_fail_at(0, false);
        assert_int_equal(count, HANDLES - 1);
        fi_os_watch_handles_deinit(&handles);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_are_found_under_their_numbers),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
