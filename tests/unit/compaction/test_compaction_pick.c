/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/compaction: sizes of levels, which compactions are picked, and what they come to in space.
 */
#include "support/lsm/flat_views.h"
#include "support/lsm/lsm_fixture.h"

#include "compaction/compaction_internal.h"
#include "merge/merge.h"
#include "support/test_os.h"

static struct fixture fixture;

static int
setup(void **state)
{
    fixture_init_in_memory(&fixture, 0);
    return 0;
}

static int
teardown(void **state)
{
    fixture_deinit_in_memory(&fixture);
    return 0;
}

static void
open_fixture(void)
{
    firn_error err;
    TEST_OK(fixture_open(&fixture, &err), &err);
}

static void
get_stats(struct fi_lsm_stats *out)
{
    fi_lsm_stats(fixture.lsm, NULL, out);
}

/* ---- targets ---- */

static struct fi_compaction_pick_targets
targets_of(const uint64_t bytes[FI_VERSION_LEVELS])
{
    struct fi_version version = {.run_count = 0};
    struct fi_lsm_options options = {.level_bytes_base = 100, .level_factor = 10};
    struct fi_compaction_pick_targets targets;
    for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
        version.levels[level].bytes = bytes[level];
        version.levels[level].count = bytes[level] > 0;
    }
    fi_compaction_pick_targets_of(&version, &options, &targets);
    return targets;
}

static void
targets_follow_from_the_last_level(void **state)
{
    struct fi_compaction_pick_targets targets;
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){50});
    assert_int_equal(targets.base, 6);
    assert_int_equal(targets.bytes[6], 100);
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){0, 0, 0, 0, 0, 0, 100});
    assert_int_equal(targets.base, 6);
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){0, 0, 0, 0, 0, 0, 101});
    assert_int_equal(targets.base, 5);
    assert_int_equal(targets.bytes[5], 10);
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){0, 0, 0, 0, 0, 0, 25000});
    assert_int_equal(targets.base, 3);
    assert_int_equal(targets.bytes[5], 2500);
    assert_int_equal(targets.bytes[4], 250);
    assert_int_equal(targets.bytes[3], 25);
    assert_int_equal(targets.bytes[2], 0);
    /* More than six levels' worth. */
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){0, 0, 0, 0, 0, 0, 1000000000});
    assert_int_equal(targets.base, 1);
    assert_int_equal(targets.bytes[1], 10000);
    /* A tree that has shrunk: what is left above is not jumped over. */
    targets = targets_of((uint64_t[FI_VERSION_LEVELS]){0, 0, 7, 0, 0, 0, 300});
    assert_int_equal(targets.base, 2);
    assert_int_equal(targets.bytes[2], 0);
    assert_int_equal(targets.bytes[5], 30);
}

/* ---- what is picked ---- */

static struct fi_compaction_work *
pick(bool is_unhurried)
{
    firn_error err;
    struct fi_compaction_work *work;
    struct fi_compaction_work_wish wish = {
        .flushes = true, .compactions = true, .is_unhurried = is_unhurried};
    TEST_OK(fi_compaction_work_pick(fixture.lsm, &wish, &work, &err), &err);
    return work;
}

static void
level0_is_compacted_from_its_target_number_on(void **state)
{
    firn_error err;
    open_fixture();
    for (unsigned i = 0; i < 3; i++) {
        assert_null(pick(false));
        assert_int_equal(fixture_put(&fixture, 0, 20 + i, 30), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    struct fi_compaction_work *work = pick(false);
    assert_non_null(work);
    assert_int_equal(fi_compaction_work_kind(work), FI_COMPACTION_WORK_COMPACTION);
    assert_int_equal(work->plan.from, 0);
    assert_int_equal(work->plan.to, FI_VERSION_LEVELS - 1);
    assert_int_equal(work->plan.end[0] - work->plan.begin[0], 3);
    /* Its inputs are taken until it is given back. */
    assert_null(pick(true));
    fi_compaction_work_discard(work);
    work = pick(false);
    assert_non_null(work);
    /* A flush beside it; the new run stays where it is. */
    assert_int_equal(fixture_put(&fixture, 0, 20, 35), FIRN_OK);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fi_compaction_run(work, &err), &err);
    struct fi_lsm_stats stats;
    get_stats(&stats);
    assert_int_equal(stats.levels[0].runs, 1);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 3);
    assert_null(pick(false));
    fixture_compare_all(&fixture);
}

/* A work ends a while after it was installed. */
static void
what_has_been_installed_is_not_taken_away_again(void **state)
{
    firn_error err;
    struct fi_version_file *removed[3];
    struct fi_version_added added[3];
    bool is_certain;
    open_fixture();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + i, 30), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    struct fi_compaction_work *work = pick(false);
    assert_non_null(work);
    for (unsigned i = 0; i < 3; i++) {
        removed[i] = fi_version_file(&work->version->levels[0], i);
        added[i] = (struct fi_version_added){removed[i], FI_VERSION_LEVELS - 1};
    }
    const struct fi_lsm_install_change change = {.tree = work->tree,
                                                 .removed = removed,
                                                 .removed_count = 3,
                                                 .added = added,
                                                 .added_count = 3};
    TEST_OK(fi_lsm_install(fixture.lsm, &change, &is_certain, &err), &err);
    /* One run of level 0 demands nothing, wherever it lies. */
    assert_int_equal(fixture_put(&fixture, 0, 90, 30), FIRN_OK);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    struct fi_compaction_work *other = pick(false);
    assert_null(other);
    fi_compaction_work_discard(work);
    fixture_compare_all(&fixture);
}

/* Whatever was flushed how often; until it has grown. */
static void
keep_small_tree(size_t run_bytes_target, size_t memtable_bytes_target)
{
    firn_error err;
    struct fi_lsm_stats stats;
    fixture.options.run_bytes_target = run_bytes_target;
    fixture.options.memtable_bytes_target = memtable_bytes_target;
    fixture.options.level0_runs_target = 100;
    open_fixture();
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + i, 30), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
        TEST_OK(fixture_work(&fixture, false, &err), &err);
        get_stats(&stats);
        assert_int_equal(stats.levels[0].runs + stats.levels[FI_VERSION_LEVELS - 1].runs, 1);
        fixture_compare_all(&fixture);
    }
    for (unsigned key = 0; key < 60; key++) {
        assert_int_equal(fixture_put(&fixture, 0, 40 + key, 200), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    assert_null(pick(false));
    fixture_compare_all(&fixture);
}

static void
a_small_tree_is_kept_in_one_run(void **state)
{
    keep_small_tree(64 * 4000, 0);
}

static void
small_is_what_is_little_against_a_memtable(void **state)
{
    keep_small_tree(4 * 4000, 4 * 4000);
}

/* A run of `count` keys in level 0. */
static void
flush_keys(unsigned count)
{
    firn_error err;
    for (unsigned key = 0; key < count; key++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + key, 200), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

/* With a checkpoint what is replaced does not go; it becomes history. */
static void
replace_others(size_t run_bytes_target, bool has_checkpoint)
{
    firn_error err;
    fixture.options.run_bytes_target = run_bytes_target;
    fixture.options.level_bytes_base = 1 << 20;
    fixture.options.level0_bytes_target = 1 << 20;
    fixture.options.level0_runs_target = 100;
    open_fixture();
    flush_keys(60);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    if (has_checkpoint) {
        (void)fixture_checkpoint(&fixture);
    }
    /* So far all writes only added. */
    flush_keys(60);
    assert_null(pick(false));
    /* Their merge shows that these replaced others. From now on a third of the tree is too much. */
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    flush_keys(5);
    assert_null(pick(false));
    flush_keys(30);
    struct fi_compaction_work *work = pick(false);
    assert_non_null(work);
    assert_int_equal(work->plan.from, 0);
    fi_compaction_work_discard(work);
    fixture_compare_all(&fixture);
}

static void
level0_is_kept_small_where_writes_replace_others(void **state)
{
    replace_others(1 << 10, false);
}

static void
level0_is_kept_small_where_writes_make_history_of_others(void **state)
{
    replace_others(1 << 10, true);
}

static void
level0_is_kept_small_in_a_tree_of_less_than_a_run(void **state)
{
    replace_others(16 << 10, false);
}

static void
flushes_come_first_and_the_longest_waiting_tree_before_others(void **state)
{
    firn_error err;
    open_fixture();
    const unsigned order[] = {2, 0, 3};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fixture_put(&fixture, order[i], 20, 30), FIRN_OK);
        TEST_OK(fi_lsm_tree_freeze(fixture.trees[order[i]], &err), &err);
        /* A second one of the same tree goes along. */
        assert_int_equal(fixture_put(&fixture, order[i], 21, 30), FIRN_OK);
        TEST_OK(fi_lsm_tree_freeze(fixture.trees[order[i]], &err), &err);
        /* Nothing to freeze. */
        TEST_OK(fi_lsm_tree_freeze(fixture.trees[order[i]], &err), &err);
    }
    unsigned frozen;
    unsigned level0;
    fi_lsm_pressure(fixture.lsm, &frozen, &level0);
    assert_int_equal(frozen, 2);
    assert_int_equal(level0, 0);
    struct fi_compaction_work *works[3];
    for (unsigned i = 0; i < 3; i++) {
        works[i] = pick(false);
        assert_int_equal(fi_compaction_work_kind(works[i]), FI_COMPACTION_WORK_FLUSH);
        assert_ptr_equal(works[i]->tree, fixture.trees[order[i]]);
        assert_int_equal(works[i]->memtable_count, 2);
    }
    assert_null(pick(true));
    for (unsigned i = 0; i < 3; i++) {
        TEST_OK(fi_compaction_run(works[2 - i], &err), &err);
    }
    fi_lsm_pressure(fixture.lsm, &frozen, &level0);
    assert_int_equal(frozen, 0);
    assert_int_equal(level0, 1);
    fixture_compare_all(&fixture);
}

static void
runs_apart_from_all_others_move_without_being_written(void **state)
{
    firn_error err;
    fixture.options.run_bytes_target = 1 << 10;
    open_fixture();
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned key = 0; key < 30; key++) {
            assert_int_equal(fixture_put(&fixture, 0, 20 + 30 * i + key, 100), FIRN_OK);
        }
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    TEST_OK(fixture_work(&fixture, false, &err), &err);
    struct fi_lsm_stats stats;
    get_stats(&stats);
    assert_int_equal(stats.moves, 1);
    assert_int_equal(stats.compaction_write_bytes, 0);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].runs, 3);
    fixture_compare_all(&fixture);
    fixture_close(&fixture);
    open_fixture();
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

static void
runs_with_garbage_are_written_anew_at_the_bottom(void **state)
{
    firn_error err;
    fixture.options.run_bytes_target = 1 << 10;
    open_fixture();
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned key = 0; key < 30; key++) {
            assert_int_equal(fixture_put(&fixture, 0, 20 + 30 * i + key, 100), FIRN_OK);
        }
        size_t snapshot = fixture_checkpoint(&fixture);
        /* Deletes of single keys would go to history with what they hide. */
        assert_int_equal(fixture_delete_range(&fixture, 0, 20 + 30 * i, 30 + 30 * i), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
        fixture_remove_snapshot(&fixture, snapshot);
    }
    struct fi_lsm_stats stats;
    get_stats(&stats);
    assert_int_equal(stats.levels[0].tombstones, 3);
    TEST_OK(fixture_work(&fixture, false, &err), &err);
    get_stats(&stats);
    assert_int_equal(stats.moves, 0);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 60);
    fixture_compare_all(&fixture);
}

static void
tombstones_do_not_wait_for_the_level_to_fill(void **state)
{
    firn_error err;
    open_fixture();
    for (unsigned key = 20; key < 140; key++) {
        assert_int_equal(fixture_put(&fixture, 0, key, 100), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    /* One range delete above much: one run in level 0, where three would be allowed. */
    assert_int_equal(fixture_delete_range(&fixture, 0, 0, 150), FIRN_OK);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, false, &err), &err);
    struct fi_lsm_stats stats;
    get_stats(&stats);
    for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
        assert_int_equal(stats.levels[level].runs, 0);
    }
    fixture_compare_all(&fixture);
}

static void
a_snapshot_that_goes_frees_what_was_kept_for_it(void **state)
{
    firn_error err;
    struct fi_lsm_stats stats;
    open_fixture();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned key = 20; key < 60; key++) {
            assert_int_equal(fixture_put(&fixture, 0, key, 100), FIRN_OK);
        }
        if (round == 0) {
            (void)fixture_checkpoint(&fixture);
        }
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    get_stats(&stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 40);
    assert_int_equal(stats.levels[FI_VERSION_HISTORY].entries, 40);
    /* Under the same views there is nothing to do, also after reopening, also with a new reader. */
    fixture_close(&fixture);
    open_fixture();
    assert_int_equal(fixture_put(&fixture, 1, 20, 10), FIRN_OK);
    (void)fixture_checkpoint(&fixture);
    assert_null(pick(true));
    fixture_remove_snapshot(&fixture, 1);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    get_stats(&stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 40);
    assert_int_equal(stats.levels[FI_VERSION_HISTORY].runs, 0);
    fixture_compare_all(&fixture);
}

static void
what_no_snapshot_sees_after_a_restore_goes(void **state)
{
    firn_error err;
    struct fi_lsm_stats stats;
    open_fixture();
    assert_int_equal(fixture_put(&fixture, 0, 20, 100), FIRN_OK);
    size_t checkpoint = fixture_checkpoint(&fixture);
    for (unsigned key = 30; key < 60; key++) {
        assert_int_equal(fixture_put(&fixture, 0, key, 100), FIRN_OK);
    }
    size_t safety = fixture_checkpoint(&fixture);
    fixture_restore(&fixture, checkpoint);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    get_stats(&stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 1);
    assert_int_equal(stats.levels[FI_VERSION_HISTORY].entries, 30);
    fixture_remove_snapshot(&fixture, safety);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    get_stats(&stats);
    assert_int_equal(stats.levels[FI_VERSION_LEVELS - 1].entries, 1);
    assert_int_equal(stats.levels[FI_VERSION_HISTORY].runs, 0);
    fixture_compare_all(&fixture);
}

/* ---- marks of views ---- */

static uint64_t
mark_of(const struct fi_snapshot *snapshots, size_t count, uint64_t first, uint64_t last)
{
    firn_error err;
    uint64_t mark;
    struct fi_merge_snapshot_map map;
    assert_int_equal(flat_snapshots_map(snapshots, count, NULL, NULL, &map), FIRN_OK);
    TEST_OK(fi_merge_snapshot_mark_of(&map, first, last, &mark, &err), &err);
    assert_int_not_equal(mark, 0);
    fi_merge_snapshot_map_deinit(&map);
    return mark;
}

static void
a_mark_tells_only_what_matters_to_the_run(void **state)
{
    const struct fi_snapshot_interval now = {1, UINT64_MAX};
    const struct fi_snapshot_interval old = {1, 15};
    const struct fi_snapshot_interval newer = {1, 40};
    const struct fi_snapshot_interval older = {1, 5};
    const struct fi_snapshot_interval split[] = {{1, 12}, {18, UINT64_MAX}};
    const struct fi_snapshot snapshots[] = {{&now, 1, 0, NULL},
                                            {&old, 1, 0, NULL},
                                            {&newer, 1, 0, NULL},
                                            {&older, 1, 0, NULL},
                                            {split, 2, 0, NULL}};
    uint64_t alone = mark_of(snapshots, 1, 10, 20);
    /* One inside tells the run's sequences apart. */
    assert_int_not_equal(mark_of(snapshots, 2, 10, 20), alone);
    /* One beyond sees what now sees; one below sees nothing; their order does not matter. */
    const struct fi_snapshot others[] = {snapshots[3], snapshots[2], snapshots[1], snapshots[2],
                                         snapshots[0]};
    assert_int_equal(mark_of(others, 5, 10, 20), mark_of(snapshots, 2, 10, 20));
    assert_int_equal(mark_of(snapshots + 2, 2, 10, 20), alone);
    assert_int_not_equal(mark_of(snapshots + 4, 1, 10, 20), alone);
    assert_int_not_equal(mark_of(snapshots + 3, 1, 10, 20), alone);
    struct fi_merge_snapshot_map map;
    assert_int_equal(flat_snapshots_map(snapshots, 5, NULL, NULL, &map), FIRN_OK);
    assert_true(fi_merge_snapshot_mark_sees_all(&map, 10, 20));
    fi_merge_snapshot_map_deinit(&map);
    assert_int_equal(flat_snapshots_map(snapshots + 3, 2, NULL, NULL, &map), FIRN_OK);
    assert_false(fi_merge_snapshot_mark_sees_all(&map, 10, 20));
    assert_true(fi_merge_snapshot_mark_sees_all(&map, 18, 20));
    fi_merge_snapshot_map_deinit(&map);
}

static void
a_mark_tells_which_tombstones_had_to_stay(void **state)
{
    firn_error err;
    const struct fi_snapshot_interval now = {1, UINT64_MAX};
    const struct fi_snapshot snapshot = {&now, 1, 0, NULL};
    struct fi_merge_snapshot_map map;
    uint64_t mark;
    uint64_t alone = mark_of(&snapshot, 1, 10, 20);
    assert_int_equal(flat_snapshots_map(&snapshot, 1, NULL, NULL, &map), FIRN_OK);
    map.tombstones_kept_from = 20;
    TEST_OK(fi_merge_snapshot_mark_of(&map, 10, 20, &mark, &err), &err);
    assert_int_not_equal(mark, alone);
    map.tombstones_kept_from = 21;
    TEST_OK(fi_merge_snapshot_mark_of(&map, 10, 20, &mark, &err), &err);
    assert_int_equal(mark, alone);
    fi_merge_snapshot_map_deinit(&map);
}

/* The same views, and another of them is now: after a restore. */
static void
a_mark_tells_what_now_sees(void **state)
{
    firn_error err;
    const struct fi_snapshot_interval all = {1, UINT64_MAX};
    const struct fi_snapshot_interval split[] = {{1, 12}, {18, UINT64_MAX}};
    const struct fi_snapshot snapshots[] = {{&all, 1, 0, NULL}, {split, 2, 0, NULL}};
    uint64_t marks[2];
    for (unsigned i = 0; i < 2; i++) {
        struct fi_merge_snapshot_map map;
        assert_int_equal(flat_snapshots_map(snapshots, 2, NULL, &snapshots[i], &map), FIRN_OK);
        TEST_OK(fi_merge_snapshot_mark_of(&map, 10, 20, &marks[i], &err), &err);
        fi_merge_snapshot_map_deinit(&map);
    }
    assert_int_not_equal(marks[0], marks[1]);
    assert_int_not_equal(fi_merge_snapshot_mark_beside_history(marks[0]), marks[0]);
}

/* ---- space ---- */

static uint64_t
bytes_of_runs(void)
{
    struct fi_lsm_stats stats;
    uint64_t bytes = 0;
    get_stats(&stats);
    for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
        bytes += stats.levels[level].bytes;
    }
    return bytes;
}

static void
few_keys_overwritten_for_ever_take_little_space(void **state)
{
    firn_error err;
    open_fixture();
    for (unsigned i = 0; i < 20000; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + i % 10, 1000), FIRN_OK);
        if (i % 500 == 499) {
            TEST_OK(fixture_flush(&fixture, &err), &err);
            TEST_OK(fixture_work(&fixture, false, &err), &err);
            assert_true(bytes_of_runs() < 6 * 20000);
        }
    }
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_true(bytes_of_runs() < 20000);
    fixture_compare_all(&fixture);
}

static uint64_t
bytes_with_cache(struct fi_block_cache *cache)
{
    firn_error err;
    fixture.options.cache = cache;
    open_fixture();
    for (unsigned i = 0; i < 120; i++) {
        assert_int_equal(fixture_put(&fixture, 0, 20 + i % 60, 10), FIRN_OK);
        if (i == 60) {
            TEST_OK(fixture_flush(&fixture, &err), &err);
        }
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fixture_compare_all(&fixture);
    uint64_t bytes = bytes_of_runs();
    fixture_close(&fixture);
    return bytes;
}

static void
the_last_level_has_filters_where_the_cache_has_room_for_them(void **state)
{
    firn_error err;
    struct fi_block_cache *small;
    TEST_OK(fi_block_cache_create(fixture.os, 0, &small, &err), &err);
    uint64_t with = bytes_with_cache(fixture.cache);
    uint64_t without = bytes_with_cache(small);
    assert_true(without + 60 < with);
    fi_block_cache_destroy(small);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_follow_from_the_last_level),
        cmocka_unit_test_setup_teardown(level0_is_compacted_from_its_target_number_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_has_been_installed_is_not_taken_away_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_small_tree_is_kept_in_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(small_is_what_is_little_against_a_memtable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(level0_is_kept_small_where_writes_replace_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(level0_is_kept_small_where_writes_make_history_of_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(level0_is_kept_small_in_a_tree_of_less_than_a_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            flushes_come_first_and_the_longest_waiting_tree_before_others, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_apart_from_all_others_move_without_being_written,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(runs_with_garbage_are_written_anew_at_the_bottom, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tombstones_do_not_wait_for_the_level_to_fill, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_that_goes_frees_what_was_kept_for_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_no_snapshot_sees_after_a_restore_goes, setup,
                                        teardown),
        cmocka_unit_test(a_mark_tells_only_what_matters_to_the_run),
        cmocka_unit_test(a_mark_tells_which_tombstones_had_to_stay),
        cmocka_unit_test(a_mark_tells_what_now_sees),
        cmocka_unit_test_setup_teardown(
            the_last_level_has_filters_where_the_cache_has_room_for_them, setup, teardown),
        cmocka_unit_test_setup_teardown(few_keys_overwritten_for_ever_take_little_space, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
