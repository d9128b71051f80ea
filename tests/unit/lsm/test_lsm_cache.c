/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: what flushes and compactions hand over to the cache.
 */
#include "support/lsm/lsm_fixture.h"

#include "lsm/lsm_internal.h"
#include "support/test_os.h"

enum { VALUE_SIZE = 900, BLOCKS_MIN = FIXTURE_KEYS * VALUE_SIZE / 4096, MISSES_OF_OPENING = 2 };

static struct fixture fixture;

static int
setup(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, 2 << 20);
    fixture.options.run_bytes_target = 1 << 20;
    fixture.options.level_bytes_base = 1 << 20;
    TEST_OK(fixture_open(&fixture, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
    fixture_deinit_in_memory(&fixture);
    return 0;
}

static struct fi_block_cache_stats
stats(void)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(fixture.cache, &stats);
    return stats;
}

static void
put_all_and_flush(void)
{
    firn_error err;
    for (unsigned i = 0; i < FIXTURE_KEYS; i++) {
        assert_int_equal(fixture_put(&fixture, 0, i, VALUE_SIZE), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

static uint64_t
misses_of_reading_all(void)
{
    uint64_t misses = stats().misses;
    fixture_compare(&fixture, 0, 0);
    return stats().misses - misses;
}

static void
a_flush_takes_no_memory_for_the_cache(void **state)
{
    uint64_t used = stats().used_bytes;
    put_all_and_flush();
    assert_int_equal(stats().blocks, 0);
    assert_int_equal(stats().used_bytes, used);
}

static void
what_was_in_the_cache_is_there_after_a_compaction(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 4; i++) {
        put_all_and_flush();
    }
    (void)misses_of_reading_all();
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    struct fi_lsm_stats after;
    fi_lsm_stats(fixture.lsm, fixture.trees[0], &after);
    assert_int_equal(after.levels[0].runs, 0);
    assert_int_equal(after.levels[FI_VERSION_LEVELS - 1].entries, FIXTURE_KEYS);
    assert_true(misses_of_reading_all() <= MISSES_OF_OPENING);
}

static void
what_nobody_looks_at_between_two_compactions_goes(void **state)
{
    firn_error err;
    put_all_and_flush();
    (void)misses_of_reading_all();
    for (unsigned i = 0; i < 2; i++) {
        put_all_and_flush();
        TEST_OK(fixture_work(&fixture, true, &err), &err);
        assert_int_equal(stats().blocks >= BLOCKS_MIN, i == 0);
    }
}

static void
what_was_not_in_the_cache_does_not_come_there_by_a_compaction(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 2; i++) {
        put_all_and_flush();
    }
    fixture_close(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
    assert_int_equal(stats().blocks, 0);
    for (unsigned i = 0; i < 20; i++) { /* in few blocks */
        assert_int_equal(fixture_put(&fixture, 0, i, 50), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_true(misses_of_reading_all() >= BLOCKS_MIN * 3 / 4);
    fixture_check(&fixture);
}

static void
what_now_does_not_read_is_not_handed_over(void **state)
{
    firn_error err;
    put_all_and_flush();
    (void)fixture_checkpoint(&fixture);
    for (unsigned i = 0; i < 3; i++) {
        put_all_and_flush();
    }
    (void)misses_of_reading_all();
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    struct fi_lsm_stats after;
    fi_lsm_stats(fixture.lsm, fixture.trees[0], &after);
    assert_true(after.levels[FI_VERSION_HISTORY].entries > 0);
    uint64_t blocks = stats().blocks;
    assert_true(blocks >= BLOCKS_MIN && blocks < 2 * BLOCKS_MIN);
    fixture_compare_all(&fixture);
}

static void
runs_that_nobody_opened_leave_nothing_in_the_cache(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 2; i++) {
        put_all_and_flush();
    }
    (void)misses_of_reading_all();
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_true(stats().blocks >= BLOCKS_MIN);
    fixture_abandon(&fixture);
    assert_int_equal(stats().blocks, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flush_takes_no_memory_for_the_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_in_the_cache_is_there_after_a_compaction, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_nobody_looks_at_between_two_compactions_goes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            what_was_not_in_the_cache_does_not_come_there_by_a_compaction, setup, teardown),
        cmocka_unit_test_setup_teardown(what_now_does_not_read_is_not_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_that_nobody_opened_leave_nothing_in_the_cache, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("lsm_cache", tests, NULL, NULL);
}
