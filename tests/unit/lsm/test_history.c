/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: history runs: what they say of their sequences, and which views skip them; what compactions put aside and
 * bring back; when runs of history go, are merged, and stay; reading now, with a thousand checkpoints or restores,
 * touches none of them.
 */
#include "support/lsm/lsm_fixture.h"

#include "lsm/lsm_internal.h"
#include "support/test_file.h"
#include "support/test_os.h"
#include "version/version.h"

static struct fixture fixture;

static int
set_up(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, 0);
    TEST_OK(fixture_open(&fixture, &err), &err);
    return 0;
}

static int
tear_down(void **state)
{
    fixture_deinit_in_memory(&fixture);
    return 0;
}

/* ---- what a run says ---- */

enum { SEQUENCES = 40, INTERVALS = 5, VERSIONS = 12 };

static struct fi_snapshot
random_snapshot(struct test_random *random, struct fi_snapshot_interval *intervals)
{
    size_t count = 0;
    uint64_t at = 1;
    while (count < INTERVALS && (count == 0 || test_random_below(random, 3) > 0)) {
        uint64_t first = at + test_random_below(random, 6);
        at = first + test_random_below(random, 12);
        intervals[count++] = (struct fi_snapshot_interval){first, at};
        at += 2;
    }
    if (test_random_below(random, 2) == 0) {
        intervals[count - 1].last = UINT64_MAX;
    }
    return (struct fi_snapshot){intervals, count, 0, NULL};
}

/* A run made under one now, merged under another; any view that skips it reads none of its versions. */
static void
who_skips_a_run_reads_nothing_of_it(void **state)
{
    struct test_random random;
    unsigned skipped = 0;
    unsigned read = 0;
    test_random_init(&random, "groups", 1);
    for (unsigned round = 0; round < 5000; round++) {
        struct fi_snapshot_interval intervals[3][INTERVALS];
        struct fi_snapshot now = random_snapshot(&random, intervals[0]);
        struct fi_snapshot later = random_snapshot(&random, intervals[1]);
        struct fi_snapshot snapshot = random_snapshot(&random, intervals[2]);
        struct fi_version_history_groups groups;
        struct fi_version_history_groups merged;
        struct fi_manifest_run info = {.group_count = 0};
        struct fi_manifest_run merged_info = {.group_count = 0};
        uint64_t newer[VERSIONS];
        uint64_t versions[VERSIONS];
        size_t count = 1 + (size_t)test_random_below(&random, VERSIONS);
        assert_int_equal(fi_version_history_groups_init(&groups, &now, NULL), FIRN_OK);
        assert_int_equal(fi_version_history_groups_init(&merged, &later, NULL), FIRN_OK);
        for (size_t i = 0; i < count; i++) {
            do {
                versions[i] = 1 + test_random_below(&random, SEQUENCES);
                newer[i] = versions[i] + 1 + test_random_below(&random, 10);
            } while (fi_snapshot_sees(&now, versions[i]) && !fi_snapshot_sees(&now, newer[i]));
            newer[i] = fi_snapshot_sees(&now, versions[i]) ? newer[i] : 0;
            /* A tombstone that hides the version before alone names itself. */
            bool is_itself = i > 0 && versions[i] > versions[i - 1] && newer[i] > 0 &&
                             (newer[i - 1] == 0 || newer[i - 1] == versions[i]);
            newer[i] = is_itself && test_random_below(&random, 2) == 0 ? versions[i] : newer[i];
            fi_version_history_groups_add(&groups, versions[i], newer[i]);
        }
        assert_int_equal(fi_version_history_groups_list(&groups, &info, NULL), FIRN_OK);
        assert_true(info.group_count <= 2 * now.count + 1);
        for (size_t i = 0; i < info.group_count; i++) { /* as MANIFEST can say it */
            const struct fi_manifest_group *group = &info.groups[i];
            assert_true(group->newer_first == 0 || group->newer_first > group->first);
            assert_true(group->newer_first == 0 || group->newer_last >= group->last);
        }
        assert_true(fi_version_history_is_skipped(&info, &now));
        assert_int_equal(fi_version_history_groups_add_run(&merged, &info, NULL), FIRN_OK);
        assert_int_equal(fi_version_history_groups_add_run(&merged, &info, NULL), FIRN_OK);
        assert_int_equal(fi_version_history_groups_list(&merged, &merged_info, NULL), FIRN_OK);
        assert_int_equal(fi_version_history_is_skipped(&info, &later),
                         fi_version_history_is_skipped(&merged_info, &later));
        for (size_t i = 1; i < merged_info.group_count; i++) {
            assert_true(merged_info.groups[i - 1].first <= merged_info.groups[i].first);
        }
        bool reads = false;
        for (size_t i = 0; i < count; i++) {
            bool is_tombstone = newer[i] == versions[i];
            reads |= fi_snapshot_sees(&snapshot, versions[i]) && !is_tombstone &&
                     (newer[i] == 0 || !fi_snapshot_sees(&snapshot, newer[i]));
        }
        assert_false(reads && fi_version_history_is_skipped(&info, &snapshot));
        assert_false(reads && fi_version_history_is_skipped(&merged_info, &snapshot));
        skipped += fi_version_history_is_skipped(&info, &snapshot);
        read += reads;
        fi_version_history_groups_deinit(&groups);
        fi_version_history_groups_deinit(&merged);
    }
    assert_true(skipped > 200 && read > 200);
}

/* ---- trees ---- */

static struct fi_lsm_stats
stats_of(void)
{
    struct fi_lsm_stats stats;
    fi_lsm_stats(fixture.lsm, fixture.trees[0], &stats);
    return stats;
}

static const struct fi_lsm_level_stats *
last_and_history(struct fi_lsm_stats *stats)
{
    *stats = stats_of();
    return &stats->levels[FI_VERSION_LEVELS - 1];
}

static void
put_all(unsigned first, unsigned end)
{
    for (unsigned key = first; key < end; key++) {
        assert_int_equal(fixture_put(&fixture, 0, key, 60), FIRN_OK);
    }
}

static void
settle(bool is_unhurried)
{
    firn_error err;
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, is_unhurried, &err), &err);
    fixture_compare_all(&fixture);
}

static bool
now_skips_all(void)
{
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    struct fi_version *version = atomic_load(&fixture.trees[0]->state)->version;
    return fi_version_history_is_all_skipped(version, &now) &&
           fi_version_history_is_all_skipped(version, &now); /* as it remembers, too */
}

static void
what_only_checkpoints_read_lies_apart(void **state)
{
    struct fi_lsm_stats stats;
    for (unsigned round = 0; round < 4; round++) {
        put_all(0, 100);
        (void)fixture_checkpoint(&fixture);
    }
    put_all(0, 100);
    settle(true);
    const struct fi_lsm_level_stats *last = last_and_history(&stats);
    assert_int_equal(last[0].entries, 100);
    assert_int_equal(last[1].entries, 400);
    assert_true(now_skips_all());
    fixture_check(&fixture);
    /* As they go, the oldest first or from amid the others, so does what only they read. */
    fixture_remove_snapshot(&fixture, 1);
    settle(true);
    last = last_and_history(&stats);
    assert_int_equal(last[0].entries, 100);
    assert_int_equal(last[1].entries, 300);
    while (fixture.snapshot_count > 1) {
        fixture_remove_snapshot(&fixture, 1);
    }
    settle(false);
    last = last_and_history(&stats);
    assert_int_equal(last[0].entries, 100);
    assert_int_equal(last[1].runs, 0);
}

static void
a_thousand_checkpoints_or_restores_leave_the_last_level_as_large(void **state)
{
    struct fi_lsm_stats stats;
    put_all(0, 100);
    settle(true);
    for (unsigned round = 0; round < 60; round++) {
        size_t snapshot = fixture_checkpoint(&fixture);
        put_all(round % 10 * 10, round % 10 * 10 + 10);
        if (round % 3 == 2 && fixture.snapshots[0].count + 2 < FIXTURE_INTERVALS_MAX) {
            fixture_restore(&fixture, snapshot);
        }
        settle(false);
        if (snapshot + 1 == FIXTURE_SNAPSHOTS_MAX) {
            fixture_remove_snapshot(&fixture, 1 + round % (FIXTURE_SNAPSHOTS_MAX - 1));
        }
    }
    settle(true);
    assert_int_equal(last_and_history(&stats)->entries, 100);
    assert_true(now_skips_all());
}

static void
a_restore_needs_no_rewriting_and_history_comes_back(void **state)
{
    struct fi_lsm_stats stats;
    firn_error err;
    put_all(0, 100);
    size_t old = fixture_checkpoint(&fixture);
    put_all(0, 50);
    assert_int_equal(fixture_delete_range(&fixture, 0, 50, 80), FIRN_OK);
    assert_int_equal(fixture_delete(&fixture, 0, 90), FIRN_OK);
    (void)fixture_checkpoint(&fixture); /* as the store does */
    settle(true);
    const struct fi_lsm_level_stats *last = last_and_history(&stats);
    assert_true(last[1].entries >= 81);
    assert_true(now_skips_all());
    fixture_restore(&fixture, old);
    assert_false(now_skips_all());
    fixture_compare_all(&fixture);
    TEST_OK(fixture_work(&fixture, false, &err), &err);
    assert_true(now_skips_all());
    last = last_and_history(&stats);
    assert_int_equal(last[0].entries, 100);
    assert_int_equal(last[0].tombstones, 0);
    fixture_compare_all(&fixture);
    /* And forth again. */
    fixture_restore(&fixture, old + 1);
    fixture_compare_all(&fixture);
    settle(false);
    assert_true(now_skips_all());
    fixture_close(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

/* Keys that came after a checkpoint, and are not seen since it was restored. */
static void
what_now_does_not_see_leaves_the_last_level(void **state)
{
    struct fi_lsm_stats stats;
    put_all(0, 10);
    size_t old = fixture_checkpoint(&fixture);
    put_all(10, 150);
    settle(true);
    (void)fixture_checkpoint(&fixture);
    fixture_restore(&fixture, old);
    put_all(5, 6);
    settle(true);
    const struct fi_lsm_level_stats *last = last_and_history(&stats);
    assert_int_equal(last[0].entries, 10);
    assert_int_equal(last[1].entries, 141);
    assert_true(now_skips_all());
}

/* What a tombstone alone hides goes to history, and the tombstone with it: now walks over nothing. Views before it,
 * after it, and since a restore that passes it by read what they should. */
static void
tombstones_go_to_history_with_what_they_hide(void **state)
{
    struct fi_lsm_stats stats;
    firn_error err;
    put_all(0, 40);
    size_t full = fixture_checkpoint(&fixture);
    for (unsigned key = 0; key < 40; key += 1 + key % 3) {
        assert_int_equal(fixture_delete(&fixture, 0, key), FIRN_OK);
    }
    size_t partly = fixture_checkpoint(&fixture);
    put_all(10, 20);
    (void)fixture_checkpoint(&fixture);
    settle(true);
    const struct fi_lsm_level_stats *last = last_and_history(&stats);
    assert_int_equal(last[0].tombstones, 0);
    assert_true(last[1].tombstones > 5);
    assert_true(now_skips_all());
    fixture_restore(&fixture, full);
    put_all(30, 35);
    settle(true);
    assert_true(now_skips_all());
    fixture_restore(&fixture, partly);
    fixture_compare_all(&fixture);
    settle(true);
    fixture_close(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
    fixture_compare_all(&fixture);
    fixture_remove_snapshot(&fixture, full);
    settle(true);
    fixture_check(&fixture);
    while (fixture.snapshot_count > 1) {
        fixture_remove_snapshot(&fixture, 1);
    }
    settle(true);
    last = last_and_history(&stats);
    assert_int_equal(last[0].tombstones + last[1].entries, 0);
}

/* A tombstone stays as long as history has something that it hides, and no longer. */
static void
tombstones_hide_what_lies_in_history(void **state)
{
    struct fi_lsm_stats stats;
    firn_error err;
    put_all(0, 20);
    size_t old = fixture_checkpoint(&fixture);
    put_all(0, 20);
    settle(true);
    for (unsigned key = 0; key < 20; key++) {
        assert_int_equal(fixture_delete(&fixture, 0, key), FIRN_OK);
    }
    size_t empty = fixture_checkpoint(&fixture);
    settle(true);
    const struct fi_lsm_level_stats *last = last_and_history(&stats);
    assert_int_equal(last[0].tombstones, 20);
    fixture_compare(&fixture, 0, empty);
    fixture_remove_snapshot(&fixture, old);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    last = last_and_history(&stats);
    assert_int_equal(last[0].entries + last[1].entries, 0);
    fixture_compare_all(&fixture);
}

static void
small_runs_become_few(void **state)
{
    struct fi_lsm_stats stats;
    fixture.lsm->options.run_bytes_target = 256 << 10;
    fixture.lsm->options.history_runs_target = 4;
    put_all(0, 40);
    (void)fixture_checkpoint(&fixture);
    for (unsigned round = 0; round < 40; round++) {
        if (fixture.snapshot_count == FIXTURE_SNAPSHOTS_MAX) {
            fixture_remove_snapshot(&fixture, 2);
        }
        put_all(0, 40);
        (void)fixture_checkpoint(&fixture);
        settle(true);
        assert_true(last_and_history(&stats)[1].runs <= 12);
    }
    assert_true(now_skips_all());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_skips_a_run_reads_nothing_of_it),
        cmocka_unit_test_setup_teardown(what_only_checkpoints_read_lies_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_thousand_checkpoints_or_restores_leave_the_last_level_as_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restore_needs_no_rewriting_and_history_comes_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_now_does_not_see_leaves_the_last_level, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tombstones_go_to_history_with_what_they_hide, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tombstones_hide_what_lies_in_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_runs_become_few, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
