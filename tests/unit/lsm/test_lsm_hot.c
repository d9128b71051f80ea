/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: gets that hot entries answer give what the runs would give, for every snapshot.
 */
#include "support/lsm/lsm_fixture.h"

#include <string.h>

#include "lsm/lsm_internal.h"
#include "support/test_os.h"
#include "support/test_random.h"
#include "version/version_hot.h"

enum { CACHE_SIZE = 16 << 20, VALUE_SIZE = 100, WARM_ROUNDS = 400 };

static struct fixture fixture;

static int
setup(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, CACHE_SIZE);
    TEST_OK(fixture_open(&fixture, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
    fixture_deinit_in_memory(&fixture);
    return 0;
}

static void
put_all(unsigned value_size)
{
    for (unsigned i = 0; i < FIXTURE_KEYS; i++) {
        assert_int_equal(fixture_put(&fixture, 0, i, value_size), FIRN_OK);
    }
}

static void
flush(void)
{
    firn_error err;
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

/* How many keys the version's hot entries have for a view. */
static unsigned
hot_keys(size_t view)
{
    const struct fi_lsm_superversion *now = atomic_load(&fixture.trees[0]->state);
    const struct fi_snapshot snapshot = fixture_snapshot_of(&fixture, view);
    unsigned found = 0;
    for (unsigned i = 0; i < FIXTURE_KEYS; i++) {
        char memory[FIXTURE_KEY_SIZE];
        firn_slice value;
        /* Number 0 is of a get that always asks, and is never the one that lets a version begin. */
        struct fi_version_hot_get get = {fixture_key(i, memory), &snapshot, 0, 0};
        found += fi_version_hot_wants(now->version, fixture.cache, &get) &&
                 fi_version_hot_find(now->version, &get, &value);
    }
    return found;
}

/* Reads all keys at a view until most of them are hot. */
static void
warm(size_t view)
{
    for (unsigned n = 0; n < WARM_ROUNDS && hot_keys(view) < FIXTURE_KEYS * 9 / 10; n++) {
        fixture_compare(&fixture, 0, view);
    }
    assert_true(hot_keys(view) >= FIXTURE_KEYS * 9 / 10);
    fixture_compare(&fixture, 0, view);
}

static void
what_is_read_often_becomes_hot(void **state)
{
    put_all(VALUE_SIZE);
    flush();
    assert_int_equal(hot_keys(0), 0);
    warm(0);
}

static void
a_flush_makes_a_version_without_hot_entries(void **state)
{
    put_all(VALUE_SIZE);
    flush();
    warm(0);
    put_all(VALUE_SIZE + 1);
    fixture_compare(&fixture, 0, 0);
    flush();
    assert_int_equal(hot_keys(0), 0);
    fixture_compare(&fixture, 0, 0);
    warm(0);
}

static void
memtables_come_first(void **state)
{
    put_all(VALUE_SIZE);
    flush();
    warm(0);
    assert_int_equal(fixture_delete(&fixture, 0, 3), FIRN_OK);
    assert_int_equal(fixture_put(&fixture, 0, 5, VALUE_SIZE * 2), FIRN_OK);
    assert_int_equal(fixture_delete_range(&fixture, 0, 20, 40), FIRN_OK);
    for (unsigned n = 0; n < 3; n++) {
        fixture_compare(&fixture, 0, 0);
    }
}

static void
a_range_delete_in_a_run_hides_its_keys(void **state)
{
    put_all(VALUE_SIZE);
    assert_int_equal(fixture_delete_range(&fixture, 0, 0, FIXTURE_KEYS / 20), FIRN_OK);
    flush();
    warm(0);
}

static void
each_snapshot_reads_its_own_version(void **state)
{
    put_all(VALUE_SIZE);
    size_t old = fixture_checkpoint(&fixture);
    put_all(VALUE_SIZE + 1);
    flush();
    warm(0);
    for (unsigned n = 0; n < 40; n++) {
        fixture_compare(&fixture, 0, old);
        fixture_compare(&fixture, 0, 0);
    }
    /* What is newer is never given to the older snapshot, and the older one does not see the end of
     * the version, so nothing was learned from it. */
    assert_int_equal(hot_keys(old), 0);
}

static void
a_restore_leaves_the_entries_of_its_line_behind(void **state)
{
    put_all(VALUE_SIZE);
    size_t old = fixture_checkpoint(&fixture);
    put_all(VALUE_SIZE + 1);
    flush();
    warm(0);
    fixture_restore(&fixture, old);
    assert_int_equal(fixture_put(&fixture, 0, 7, VALUE_SIZE * 3), FIRN_OK);
    assert_int_equal(hot_keys(0), 0);
    for (unsigned n = 0; n < 40; n++) {
        fixture_compare_all(&fixture);
    }
    warm(0);
    flush();
    warm(0);
    fixture_compare_all(&fixture);
}

static void
tables_that_are_full_stay_within_the_budget(void **state)
{
    struct fi_block_cache_stats stats;
    unsigned most = 0;
    put_all(CACHE_SIZE / 16 / 16 / 17);
    flush();
    for (unsigned n = 0; n < WARM_ROUNDS / 4; n++) {
        fixture_compare(&fixture, 0, 0);
        unsigned hot = hot_keys(0);
        most = hot > most ? hot : most;
        fi_block_cache_stats(fixture.cache, &stats);
        assert_true(stats.used_bytes <= CACHE_SIZE);
    }
    assert_true(most > 0);
}

static void
versions_give_their_memory_back(void **state)
{
    enum { CYCLES = 6, SETTLED = 2 };
    uint64_t settled = 0;
    for (unsigned n = 0; n < CYCLES; n++) {
        struct fi_block_cache_stats stats;
        firn_error err;
        put_all(VALUE_SIZE);
        flush();
        warm(0);
        fixture_close(&fixture);
        fi_block_cache_stats(fixture.cache, &stats);
        settled = n == SETTLED ? stats.used_bytes : settled;
        assert_true(n <= SETTLED || stats.used_bytes == settled);
        TEST_OK(fixture_open(&fixture, &err), &err);
    }
}

/* Random commits, checkpoints and restores, with gets in between. */
static void
random_histories_read_as_the_model_does(void **state)
{
    struct test_random random;
    firn_error err;
    test_random_init(&random, "random_histories_read_as_the_model_does", 1);
    for (unsigned n = 0; n < 16; n++) {
        for (unsigned i = 0; i < 30; i++) {
            assert_int_equal(fixture_commit_random(&fixture, &random), FIRN_OK);
        }
        if (test_random_below(&random, 3) == 0 && fixture.snapshot_count < FIXTURE_SNAPSHOTS_MAX) {
            (void)fixture_checkpoint(&fixture);
        } else if (test_random_below(&random, 3) == 0 && fixture.snapshot_count > 1) {
            size_t i = 1 + (size_t)test_random_below(&random, fixture.snapshot_count - 1);
            if (test_random_below(&random, 2) == 0) {
                fixture_restore(&fixture, i);
            } else {
                fixture_remove_snapshot(&fixture, i);
            }
        }
        TEST_OK(fixture_flush(&fixture, &err), &err);
        for (unsigned i = 0; i < 4; i++) {
            fixture_compare_all(&fixture);
        }
        if (test_random_below(&random, 4) == 0) {
            TEST_OK(fixture_work(&fixture, true, &err), &err);
            fixture_compare_all(&fixture);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_often_becomes_hot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flush_makes_a_version_without_hot_entries, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(memtables_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_delete_in_a_run_hides_its_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(each_snapshot_reads_its_own_version, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restore_leaves_the_entries_of_its_line_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tables_that_are_full_stay_within_the_budget, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(versions_give_their_memory_back, setup, teardown),
        cmocka_unit_test_setup_teardown(random_histories_read_as_the_model_does, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
