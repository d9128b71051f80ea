/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: a tree that is read, and not written, becomes one sorted run; no other one does.
 */
#include "support/lsm/lsm_fixture.h"

#include "lsm/lsm_internal.h"
#include "support/test_os.h"
#include "version/version_reads.h"

/* So many comparisons have more reads than are worth a merge (version_reads.c). */
#ifdef FIRN_DEBUG
enum { ROUNDS = 50 };
#else
enum { ROUNDS = 500 };
#endif
enum { VALUE_SIZE = 60, WRITES = 50 };

static struct fixture fixture;

static int
setup(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, 0);
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
put_and_flush(unsigned begin, unsigned end)
{
    firn_error err;
    for (unsigned i = begin; i < end; i++) {
        assert_int_equal(fixture_put(&fixture, 0, i, VALUE_SIZE), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

static void
work(void)
{
    firn_error err;
    TEST_OK(fixture_work(&fixture, false, &err), &err);
}

static const struct fi_version *
version_now(void)
{
    return atomic_load(&fixture.trees[0]->state)->version;
}

/* How many runs a key may be in. */
static size_t
sorted_runs(void)
{
    const struct fi_version *version = version_now();
    size_t count = version->levels[0].count;
    for (unsigned level = 1; level < FI_VERSION_LEVELS; level++) {
        count += version->levels[level].count > 0;
    }
    return count;
}

/* Runs that no demanded compaction merges: a full last level below some new runs. */
static void
make_several(void)
{
    firn_error err;
    put_and_flush(0, FIXTURE_KEYS);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_int_equal(sorted_runs(), 1);
    put_and_flush(10, 40);
    put_and_flush(30, 60);
    work();
    assert_true(sorted_runs() > 1);
}

static void
read_much(void)
{
    for (unsigned n = 0; n < ROUNDS && fixture.wishes == 0; n++) {
        fixture_compare(&fixture, 0, 0);
    }
}

static void
reads_bring_a_merge(void **state)
{
    make_several();
    work();
    assert_true(sorted_runs() > 1);
    read_much();
    assert_int_equal(fixture.wishes, 1);
    assert_true(fi_version_reads_is_due(version_now()));
    work();
    assert_int_equal(sorted_runs(), 1);
    assert_false(fi_version_reads_is_due(version_now()));
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

/* Nothing but level 0, with two runs: all of it is rewritten, however little that is. */
static void
several_runs_of_level_0_become_one(void **state)
{
    put_and_flush(0, FIXTURE_KEYS);
    put_and_flush(7, 9);
    assert_int_equal(version_now()->levels[0].count, 2);
    read_much();
    assert_int_equal(fixture.wishes, 1);
    work();
    assert_int_equal(sorted_runs(), 1);
}

static void
one_sorted_run_asks_for_nothing(void **state)
{
    firn_error err;
    put_and_flush(0, FIXTURE_KEYS);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    read_much();
    assert_int_equal(fixture.wishes, 0);
}

/* Each write forgets the reads before it, and a comparison has fewer than are wanted. */
static void
writes_between_reads_prevent_it(void **state)
{
    make_several();
    for (unsigned n = 0; n < WRITES; n++) {
        assert_int_equal(fixture_put(&fixture, 0, n, VALUE_SIZE), FIRN_OK);
        fixture_compare(&fixture, 0, 0);
    }
    assert_int_equal(fixture.wishes, 0);
    read_much();
    assert_int_equal(fixture.wishes, 1);
}

static void
a_flush_gives_up_what_was_due(void **state)
{
    make_several();
    read_much();
    put_and_flush(70, 75);
    assert_false(fi_version_reads_is_due(version_now()));
    fixture.wishes = 0;
    read_much();
    assert_int_equal(fixture.wishes, 1);
    work();
    assert_int_equal(sorted_runs(), 1);
    fixture_compare_all(&fixture);
}

static void
fill_last_level(void)
{
    firn_error err;
    for (unsigned i = 0; i < FIXTURE_KEYS; i++) {
        assert_int_equal(fixture_put(&fixture, 0, i, 40 * VALUE_SIZE), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_int_equal(sorted_runs(), 1);
}

/* Rewriting the last level for little would multiply what is written. */
static void
little_above_the_last_level_stays(void **state)
{
    fill_last_level();
    put_and_flush(0, 1);
    put_and_flush(0, 1);
    assert_true(sorted_runs() > 1);
    read_much();
    assert_int_equal(fixture.wishes, 0);
}

/* A step takes one run down, so before the last ones less is left than would begin a merge. */
static void
what_has_begun_is_finished(void **state)
{
    fill_last_level();
    for (unsigned i = 0; i < FIXTURE_KEYS; i += 8) {
        assert_int_equal(fixture_put(&fixture, 0, i, 40 * VALUE_SIZE), FIRN_OK);
        put_and_flush(i + 1, i + 2);
        work();
    }
    read_much();
    struct fi_compaction_work_wish wish = {.compactions = true};
    size_t steps = 0;
    while (sorted_runs() > 1) {
        firn_error err;
        struct fi_compaction_work *next;
        assert_true(fi_version_reads_is_due(version_now()));
        TEST_OK(fi_compaction_work_pick(fixture.lsm, &wish, &next, &err), &err);
        assert_non_null(next);
        TEST_OK(fi_compaction_run(next, &err), &err);
        steps++;
    }
    assert_true(steps >= 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_bring_a_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(several_runs_of_level_0_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(one_sorted_run_asks_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_between_reads_prevent_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flush_gives_up_what_was_due, setup, teardown),
        cmocka_unit_test_setup_teardown(little_above_the_last_level_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_has_begun_is_finished, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
