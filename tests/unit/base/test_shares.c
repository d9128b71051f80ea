/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: the shares of several builds in the points of a loop (support/test_share.h), without
 * which a point that nobody takes would go unnoticed.
 */
#include "support/test.h"
#include "support/test_share.h"

enum { POINTS = 500, BUILDS_MAX = 6, EVERY_MAX = 9, LOOPS = 20 };

/* Of a process with these in its environment; NULL: without. */
static struct test_share
share_with(const char *text, const char *is_long, uint64_t every, uint64_t loop)
{
    assert_int_equal(
        text == NULL ? unsetenv("FIRN_TEST_SHARE") : setenv("FIRN_TEST_SHARE", text, 1), 0);
    assert_int_equal(
        is_long == NULL ? unsetenv("FIRN_TEST_LONG") : setenv("FIRN_TEST_LONG", is_long, 1), 0);
    return test_share_of(every, loop);
}

static void
take(struct test_share share, unsigned taken[POINTS + 1])
{
    assert_true(share.first > 0 && share.step > 0);
    for (uint64_t n = share.first; n <= POINTS; n += share.step) {
        taken[n]++;
    }
}

static void
builds_take_each_point_once_between_them(void **state)
{
    for (unsigned builds = 1; builds <= BUILDS_MAX; builds++) {
        for (uint64_t every = 1; every <= EVERY_MAX; every++) {
            for (uint64_t loop = 0; loop < LOOPS; loop++) {
                unsigned wanted[POINTS + 1] = {0};
                unsigned taken[POINTS + 1] = {0};
                take(share_with(NULL, NULL, every, loop), wanted);
                for (unsigned i = 1; i <= builds; i++) {
                    char text[32];
                    (void)snprintf(text, sizeof text, "%u/%u", i, builds);
                    take(share_with(text, NULL, every, loop), taken);
                }
                assert_memory_equal(taken, wanted, sizeof wanted);
            }
        }
    }
}

/* A point in each `every`, in other loops other ones. */
static void
without_a_share_all_are_taken(void **state)
{
    for (uint64_t every = 1; every <= EVERY_MAX; every++) {
        unsigned taken[POINTS + 1] = {0};
        for (uint64_t loop = 0; loop < every; loop++) {
            struct test_share share = share_with(loop % 2 == 0 ? NULL : "", NULL, every, loop);
            assert_int_equal(share.step, every);
            take(share, taken);
        }
        for (unsigned n = 1; n <= POINTS; n++) {
            assert_int_equal(taken[n], 1);
        }
    }
}

static void
a_long_run_takes_all(void **state)
{
    struct test_share share = share_with("2/3", "1", 7, 5);
    assert_int_equal(share.first, 1);
    assert_int_equal(share.step, 1);
}

static void
half_of_the_random_runs_where_many_share_points(void **state)
{
    (void)share_with("2/6", NULL, 1, 0);
    assert_int_equal(test_share_of_seeds(8), 4);
    assert_int_equal(test_share_of_seeds(1), 1);
    (void)share_with("2/6", "1", 1, 0);
    assert_int_equal(test_share_of_seeds(8), 8);
    (void)share_with("2/3", NULL, 1, 0);
    assert_int_equal(test_share_of_seeds(8), 8);
    (void)share_with(NULL, NULL, 1, 0);
    assert_int_equal(test_share_of_seeds(8), 8);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_take_each_point_once_between_them),
        cmocka_unit_test(without_a_share_all_are_taken),
        cmocka_unit_test(a_long_run_takes_all),
        cmocka_unit_test(half_of_the_random_runs_where_many_share_points),
    };
    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
