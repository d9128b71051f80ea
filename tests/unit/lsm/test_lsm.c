/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: trees through their interface, case by case.
 */
#include "support/lsm/lsm_fixture.h"

#include "base/buf.h"
#include "lsm/lsm_internal.h"
#include "support/test_os.h"

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
reopen(void)
{
    firn_error err;
    fixture_close(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
}

static size_t
count_runs(void)
{
    firn_error err;
    struct fi_os_dir *runs;
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &runs, &err), &err);
    size_t count = test_os_count(runs);
    fi_os_dir_close(runs);
    return count;
}

static void
a_key_is_found_after_each_of_many_flushes_and_after_reopening(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20, 10 + i), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
        fixture_compare_all(&fixture);
        assert_int_equal(count_runs(), i + 1);
    }
    reopen();
    assert_int_equal(fi_lsm_tree_flushed(fixture.trees[0]), 6);
    assert_int_equal(fi_lsm_sequence(fixture.lsm), 6);
    assert_int_equal(fi_lsm_version(fixture.lsm), 6);
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

static void
what_was_not_flushed_comes_from_the_log_alone(void **state)
{
    firn_error err;
    for (unsigned i = 10; i < 40; i++) {
        assert_int_equal(fixture_put(&fixture, i % FIXTURE_TREES, i, 50), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    assert_int_equal(fi_lsm_log_floor(fixture.lsm), UINT64_MAX);
    for (unsigned i = 30; i < 60; i++) {
        assert_int_equal(fixture_put(&fixture, i % FIXTURE_TREES, i, 60), FIRN_OK);
    }
    assert_int_equal(fi_lsm_log_floor(fixture.lsm), 1);
    reopen();
    fixture_compare_all(&fixture);
}

static void
a_range_delete_covers_what_lies_in_older_runs(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < FIXTURE_KEYS; i++) {
        assert_int_equal(fixture_put(&fixture, 0, i, 30), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    size_t before = fixture_checkpoint(&fixture);
    assert_int_equal(fixture_delete_range(&fixture, 0, 2, 100), FIRN_OK);
    fixture_compare_all(&fixture);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    fixture_compare_all(&fixture);
    assert_int_equal(fixture_put(&fixture, 0, 50, 40), FIRN_OK);
    reopen();
    fixture_compare_all(&fixture);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fixture_compare_all(&fixture);
    fixture_remove_snapshot(&fixture, before);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fixture_compare_all(&fixture);
    struct fi_lsm_stats stats;
    fi_lsm_stats(fixture.lsm, fixture.trees[0], &stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, FIXTURE_KEYS - 98 + 1);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].tombstones, 0);
    assert_int_equal(stats.levels[0].runs, 0);
}

static void
compacting_to_the_bottom_leaves_one_version_of_each_key(void **state)
{
    firn_error err;
    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 40; i++) {
            assert_int_equal(fixture_put(&fixture, 1, 20 + i, 100), FIRN_OK);
        }
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(fixture_delete(&fixture, 1, 20 + i), FIRN_OK);
        }
        TEST_OK(fixture_flush(&fixture, &err), &err);
        TEST_OK(fixture_work(&fixture, false, &err), &err);
    }
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    struct fi_lsm_stats stats;
    fi_lsm_stats(fixture.lsm, NULL, &stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 30);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].tombstones, 0);
    for (unsigned level = 0; level < FI_VERSION_LEVELS - 1; level++) {
        assert_int_equal(stats.levels[level].runs, 0);
    }
    /* Flush left out the older versions within a memtable. */
    assert_true(stats.versions_dropped >= 30 * 10);
    fixture_compare_all(&fixture);
    assert_int_equal(count_runs(), stats.levels[FI_VERSION_LEVELS - 1].runs);
    fixture_check(&fixture);
}

static void
a_dropped_tree_is_gone_with_its_files(void **state)
{
    firn_error err;
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    assert_int_equal(fixture_put(&fixture, 0, 20, 10), FIRN_OK);
    assert_int_equal(fixture_put(&fixture, 1, 21, 10), FIRN_OK);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    assert_int_equal(count_runs(), 2);
    TEST_OK(fi_lsm_tree_drop(fixture.trees[0], &err), &err);
    assert_int_equal(count_runs(), 1);
    char key[FIXTURE_KEY_SIZE];
    assert_int_equal(fi_lsm_tree_get(fixture.trees[0], fixture_key(20, key), &now, NULL, &err),
                     FIRN_NOT_FOUND);
    fixture.tree_ids[0] = fixture.next_tree_id++;
    reopen();
    fixture_compare_all(&fixture);
    /* One that MANIFEST never named. */
    TEST_OK(fi_lsm_tree_drop(fixture.trees[2], &err), &err);
    fixture.tree_ids[2] = fixture.next_tree_id++;
    reopen();
    assert_int_equal(count_runs(), 1);
}

static void
files_wait_for_cursors_and_for_readers_elsewhere(void **state)
{
    firn_error err;
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    struct fi_lsm_stats stats;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20, 10), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    struct fi_lsm_cursor *cursor;
    struct fi_lsm_cursor_options options = {.snapshot = &now};
    TEST_OK(fi_lsm_cursor_create(fixture.trees[0], &options, &cursor, &err), &err);
    fixture.reader_version = fi_lsm_version(fixture.lsm);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_int_equal(count_runs(), 4);
    fi_lsm_cursor_destroy(cursor);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(count_runs(), 4);
    fi_lsm_stats(fixture.lsm, NULL, &stats);
    assert_int_equal(stats.waiting_files, 3);
    reopen();
    assert_int_equal(count_runs(), 4);
    fixture.reader_version = fi_lsm_version(fixture.lsm);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(count_runs(), 1);
    fixture_compare_all(&fixture);
}

/* Twelve runs, of which three may be open. */
static void
make_more_runs_than_may_be_open(void)
{
    firn_error err;
    fixture.options.level0_runs_target = 100;
    reopen();
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + i, 10), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    fixture.lsm->files.open_max = 3;
}

static void
no_more_runs_are_open_than_allowed(void **state)
{
    firn_error err;
    make_more_runs_than_may_be_open();
    fixture_compare_all(&fixture);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(fixture.lsm->files.open_count, 3);
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    for (unsigned i = 0; i < 12; i++) {
        char key[FIXTURE_KEY_SIZE];
        TEST_OK(fi_lsm_tree_get(fixture.trees[0], fixture_key(20 + i, key), &now, NULL, &err),
                &err);
        assert_int_equal(fixture.lsm->files.open_count, 3);
        /* The one that made room for this one, at most: nobody has to write for it to be closed. */
        assert_true(fixture.lsm->files.leaving <= 1);
    }
}

/* Another thread's reading takes long. */
static void
a_reader_that_is_kept_waiting_does_not_let_files_be_opened_without_end(void **state)
{
    make_more_runs_than_may_be_open();
    size_t slot = fi_epoch_enter(&fixture.lsm->epoch);
    for (unsigned round = 0; round < 10; round++) {
        fixture_compare_all(&fixture);
        assert_true(fixture.lsm->files.leaving <= 3);
        assert_true(fixture.lsm->files.open_count <= 12);
    }
    fi_epoch_leave(&fixture.lsm->epoch, slot);
    fixture_compare_all(&fixture);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(fixture.lsm->files.leaving, 0);
    assert_int_equal(fixture.lsm->files.open_count, 3);
}

static size_t
manifest_bytes(void)
{
    size_t bytes = 0;
    for (unsigned i = 1; i < 100; i++) {
        char name[32];
        struct fi_os_stat stat;
        (void)snprintf(name, sizeof name, "manifest-%06u.log", i);
        if (fi_os_stat(fixture.dir, name, &stat, NULL) == FIRN_OK) {
            bytes += (size_t)stat.size_bytes;
        }
    }
    return bytes;
}

static void
manifest_stays_small_however_much_is_changed(void **state)
{
    firn_error err;
    size_t most = 0;
    for (unsigned i = 0; i < 2500; i++) {
        assert_int_equal(fixture_put(&fixture, i % 2, 20 + i % 50, 10), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
        TEST_OK(fixture_work(&fixture, i % 50 == 0, &err), &err);
        size_t bytes = manifest_bytes();
        most = bytes > most ? bytes : most;
    }
    /* An old segment stays until the next one is given up. */
    assert_true(most > 64 << 10 && most < 300 << 10);
    assert_false(test_os_has(fixture.dir, "manifest-000001.log"));
    fixture_check(&fixture);
    reopen();
    fixture_compare_all(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_key_is_found_after_each_of_many_flushes_and_after_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_flushed_comes_from_the_log_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_range_delete_covers_what_lies_in_older_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(compacting_to_the_bottom_leaves_one_version_of_each_key,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_tree_is_gone_with_its_files, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_runs_are_open_than_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_reader_that_is_kept_waiting_does_not_let_files_be_opened_without_end, setup,
            teardown),
        cmocka_unit_test_setup_teardown(manifest_stays_small_however_much_is_changed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_wait_for_cursors_and_for_readers_elsewhere, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
