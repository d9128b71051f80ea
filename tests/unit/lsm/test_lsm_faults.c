/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: the n-th allocation fails, the n-th call to the system fails, once and for ever: in
 * opening, writing, flushing, compacting, reading. Nothing leaks, nothing is lost, and what failed
 * may be tried again. FIRN_TEST_LONG=1 tries every point.
 */
#include "support/lsm/lsm_fixture.h"
#include "support/lsm/twin_kind.h"

#include <errno.h>

#include "base/buf.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_os.h"
#include "support/test_share.h"

struct world {
    struct fi_os *memory;
    struct fi_os *os;
    struct fixture fixture;
};

static void
world_init(struct world *world)
{
    firn_error err;
    TEST_OK(fi_sim_memory_create(3, &world->memory, &err), &err);
    TEST_OK(fi_sim_fault_create(world->memory, &world->os, &err), &err);
    fixture_init(&world->fixture, world->os);
    world->fixture.separates = true;
    world->fixture.options.kinds = twin_kinds;
    world->fixture.tree_kinds[1] = &twin_kind;
    twin_attaches = true;
    TEST_OK(fixture_open(&world->fixture, &err), &err);
}

static void
world_deinit(struct world *world)
{
    fixture_deinit(&world->fixture);
    fi_sim_fault_destroy(world->os);
    fi_sim_memory_destroy(world->memory);
}

/* Some runs in several levels, a checkpoint that was restored, and full memtables: so there is history, and what must
 * come back of it. */
static void
fill(struct fixture *fixture)
{
    firn_error err;
    struct test_random random = {.state = 9};
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < 80; i++) {
            assert_int_equal(fixture_commit_random(fixture, &random), FIRN_OK);
        }
        if (round == 2) {
            (void)fixture_checkpoint(fixture);
        }
        TEST_OK(fixture_flush(fixture, &err), &err);
        if (round < 4) {
            TEST_OK(fixture_work(fixture, false, &err), &err);
        }
    }
    (void)fixture_checkpoint(fixture);
    fixture_restore(fixture, 1);
    for (unsigned i = 0; i < 80; i++) {
        assert_int_equal(fixture_commit_random(fixture, &random), FIRN_OK);
    }
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        TEST_OK(fi_lsm_tree_freeze(fixture->trees[i], &err), &err);
    }
}

/* Reads all that a view sees of one tree, both ways and by gets; damage is none. */
static int
read_snapshot(struct fixture *fixture, size_t number, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_snapshot snapshot = fixture_snapshot_of(fixture, number);
    struct fi_lsm_cursor_options options = {.snapshot = &snapshot};
    struct fi_lsm_cursor *cursor = NULL;
    struct fi_buf value = {0};
    for (unsigned key = 0; key < FIXTURE_KEYS; key += 5) {
        char bytes[FIXTURE_KEY_SIZE];
        rc = fi_lsm_tree_get(fixture->trees[1], fixture_key(key, bytes), &snapshot, &value, err);
        if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            goto out;
        }
        rc = FIRN_OK;
    }
    FI_TRY(fi_lsm_cursor_create(fixture->trees[1], &options, &cursor, err));
    FI_TRY(fi_lsm_cursor_first(cursor, err));
    while (fi_lsm_cursor_valid(cursor)) {
        FI_TRY(fi_lsm_cursor_next(cursor, err));
    }
    FI_TRY(fi_lsm_cursor_last(cursor, err));
    while (fi_lsm_cursor_valid(cursor)) {
        FI_TRY(fi_lsm_cursor_prev(cursor, err));
    }
out:
    fi_lsm_cursor_destroy(cursor);
    fi_buf_deinit(&value);
    return rc;
}

/* Now, and a checkpoint. */
static int
read_all(struct fixture *fixture, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < 2 && rc == FIRN_OK; i++) {
        rc = read_snapshot(fixture, i, err);
    }
    return rc;
}

/* ---- memory ---- */

/* Every n-th point in a short run, every point in a long one. */
static uint64_t
stride(uint64_t of_short_run)
{
    return getenv("FIRN_TEST_LONG") == NULL ? of_short_run : 1;
}

static int
everything(struct fixture *fixture, firn_error *err)
{
    FI_TRY_RETURN(fi_lsm_tree_freeze(fixture->trees[0], err));
    FI_TRY_RETURN(fixture_work(fixture, false, err));
    FI_TRY_RETURN(read_all(fixture, err));
    return fixture_work(fixture, true, err);
}

static void
without_memory_nothing_is_lost_and_nothing_leaks(void **state)
{
    test_alloc_install();
    uint64_t failures = 0;
    for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
        static struct world world;
        firn_error err;
        world_init(&world);
        fill(&world.fixture);
        int rc = FIRN_NO_MEMORY;
        /* Steps grow so that a test ends in time; each failure goes on where the last one was. */
        for (uint64_t n = 1; rc != FIRN_OK; n += 1 + n / (stride(0) == 0 ? 8 : 400)) {
            test_alloc_fail_at(n, for_ever == 1);
            rc = everything(&world.fixture, &err);
            test_alloc_fail_at(0, false);
            if (rc == FIRN_FAILED) {
                /* The machine in memory has no memory for what is written: MANIFEST is latched. */
                fixture_abandon(&world.fixture);
                TEST_OK(fixture_open(&world.fixture, &err), &err);
            }
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY || rc == FIRN_FAILED);
            failures += rc != FIRN_OK;
            assert_int_equal(world.fixture.snapshots_taken, 0);
            assert_true(n < 10000000);
        }
        fixture_compare_all(&world.fixture);
        fixture_check(&world.fixture);
        fixture_close(&world.fixture);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        fixture_compare_all(&world.fixture);
        world_deinit(&world);
        assert_int_equal(test_alloc_alive(), 0);
    }
    assert_true(failures > 30);
    test_alloc_uninstall();
}

static void
opening_without_memory_fails_cleanly(void **state)
{
    test_alloc_install();
    static struct world world;
    firn_error err;
    world_init(&world);
    fill(&world.fixture);
    TEST_OK(fixture_work(&world.fixture, false, &err), &err);
    fixture_close(&world.fixture);
    int64_t alive = test_alloc_alive();
    struct fi_lsm *lsm = NULL;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        fault.for_ever = fault.n % 2 == 0;
        test_fault_allocation(&fault);
        int rc = fi_lsm_open(world.fixture.dir, &world.fixture.options, false, &lsm, &err);
        test_fault_end(&fault);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_null(lsm);
        }
        if (lsm != NULL) {
            fi_lsm_abandon(lsm);
        }
        assert_int_equal(test_alloc_alive(), alive);
    }
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    fixture_compare_all(&world.fixture);
    world_deinit(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- the system ---- */

static bool
is_expected(int rc)
{
    return rc == FIRN_OK || rc == FIRN_IO || rc == FIRN_NO_SPACE || rc == FIRN_FAILED;
}

/* The files of runs and of values are those that are in use. */
static void
assert_no_other_files(struct fixture *fixture)
{
    firn_error err;
    struct fi_lsm_stats stats;
    struct fi_os_dir *dir;
    uint64_t files;
    fi_lsm_collect(fixture->lsm);
    fi_lsm_stats(fixture->lsm, NULL, &stats);
    files = stats.values.files + stats.attachments.files;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        files += stats.levels[level].runs;
    }
    TEST_OK(fi_os_dir_open(fixture->dir, "runs", &dir, &err), &err);
    assert_int_equal(test_os_count(dir), files);
    fi_os_dir_close(dir);
}

/* Runs works while the n-th call fails; goes on or reopens, and compares. */
static void
fail_works(const struct fi_sim_fault_plan *sample, uint64_t step)
{
    static struct world world;
    firn_error err;
    uint64_t hits = 0;
    bool has_passed = false;
    const struct test_share share = test_share_of(step, sample->for_ever ? 1 : 0);
    for (uint64_t n = share.first; !has_passed; n += share.step) {
        world_init(&world);
        struct fixture *fixture = &world.fixture;
        fill(fixture);
        struct fi_sim_fault_plan plan = *sample;
        plan.call = n;
        fi_sim_fault_set_plan(world.os, &plan);
        int rc = fixture_work(fixture, true, &err);
        has_passed = fi_sim_fault_hits(world.os) == 0;
        hits += fi_sim_fault_hits(world.os);
        fi_sim_fault_set_plan(world.os, NULL);
        assert_true(is_expected(rc));
        assert_int_equal(fixture->snapshots_taken, 0);
        /* Reads go on, with MANIFEST in any state. */
        fixture_compare(fixture, 1, 0);
        int again = fixture_work(fixture, true, &err);
        assert_true(again == FIRN_OK || again == FIRN_FAILED);
        if (again == FIRN_OK && !plan.for_ever) {
            assert_no_other_files(fixture);
        }
        fixture_compare_all(fixture);
        fixture_abandon(fixture);
        TEST_OK(fixture_open(fixture, &err), &err);
        fixture_compare_all(fixture);
        fixture_check(fixture);
        assert_no_other_files(fixture);
        world_deinit(&world);
    }
    assert_true(hits * (share.step / step) > 10);
}

static void
a_call_that_fails_during_works_loses_nothing(void **state)
{
    const struct fi_sim_fault_plan once = {
        .classes = FI_SIM_FAULT_ALL, .kind = FI_SIM_FAULT_FAILS, .error_number = EIO};
    fail_works(&once, stride(13));
}

static void
calls_that_fail_for_ever_lose_nothing(void **state)
{
    const struct fi_sim_fault_plan for_ever = {.for_ever = true,
                                               .classes = FI_SIM_FAULT_ALL,
                                               .kind = FI_SIM_FAULT_FAILS,
                                               .error_number = EIO};
    fail_works(&for_ever, stride(41));
}

static void
a_full_disk_stops_works_until_there_is_space(void **state)
{
    static struct world world;
    firn_error err;
    unsigned failures = 0;
    int rc = FIRN_NO_SPACE;
    for (uint64_t space = 1; rc != FIRN_OK; space += 97 * stride(40)) {
        world_init(&world);
        fill(&world.fixture);
        /* What is there stays, and that is more than the room. */
        fi_sim_memory_set_space(world.memory, space);
        assert_int_equal(fixture_work(&world.fixture, true, &err), FIRN_NO_SPACE);
        world_deinit(&world);
        world_init(&world);
        fi_sim_memory_set_space(world.memory, 60000 + space);
        struct test_random random = {.state = 11};
        rc = FIRN_OK;
        for (unsigned i = 0; i < 400 && rc == FIRN_OK; i++) {
            assert_int_equal(fixture_commit_random(&world.fixture, &random), FIRN_OK);
            rc = i % 40 == 39 ? fixture_flush(&world.fixture, &err) : FIRN_OK;
            rc = rc == FIRN_OK && i % 80 == 79 ? fixture_work(&world.fixture, false, &err) : rc;
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
        failures += rc != FIRN_OK;
        fixture_compare_all(&world.fixture);
        /* As soon as there is space again, without reopening. */
        fi_sim_memory_set_space(world.memory, UINT64_MAX);
        TEST_OK(fixture_work(&world.fixture, true, &err), &err);
        fixture_compare_all(&world.fixture);
        fixture_check(&world.fixture);
        world_deinit(&world);
    }
    assert_true(failures > 3);
}

static void
reads_that_fail_say_so_and_work_again(void **state)
{
    static struct world world;
    firn_error err;
    world_init(&world);
    fill(&world.fixture);
    unsigned failures = 0;
    struct test_fault fault = {.classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS};
    while (test_fault_next(&fault)) {
        fixture_close(&world.fixture);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        test_fault_call(&fault, world.os);
        int rc = read_all(&world.fixture, &err);
        test_fault_end(&fault);
        /* A run without its filter is read all the same. */
        assert_true(rc == FIRN_IO || rc == FIRN_OK);
        failures += rc == FIRN_IO;
        fixture_compare(&world.fixture, 1, 0);
    }
    assert_true(failures > 20);
    world_deinit(&world);
}

static void
a_log_that_cannot_be_synced_keeps_memtables(void **state)
{
    static struct world world;
    firn_error err;
    world_init(&world);
    assert_int_equal(fixture_put(&world.fixture, 0, 20, 30), FIRN_OK);
    world.fixture.sync_fails = true;
    assert_int_equal(fixture_flush(&world.fixture, &err), FIRN_IO);
    struct fi_lsm_stats stats;
    fi_lsm_stats(world.fixture.lsm, NULL, &stats);
    assert_int_equal(stats.frozen_memtables, 1);
    assert_int_equal(stats.levels[0].runs, 0);
    fixture_compare_all(&world.fixture);
    world.fixture.sync_fails = false;
    TEST_OK(fixture_work(&world.fixture, false, &err), &err);
    fi_lsm_stats(world.fixture.lsm, NULL, &stats);
    assert_int_equal(stats.frozen_memtables, 0);
    fixture_compare_all(&world.fixture);
    world_deinit(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_lost_and_nothing_leaks),
        cmocka_unit_test(opening_without_memory_fails_cleanly),
        cmocka_unit_test(a_call_that_fails_during_works_loses_nothing),
        cmocka_unit_test(calls_that_fail_for_ever_lose_nothing),
        cmocka_unit_test(a_full_disk_stops_works_until_there_is_space),
        cmocka_unit_test(reads_that_fail_say_so_and_work_again),
        cmocka_unit_test(a_log_that_cannot_be_synced_keeps_memtables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
