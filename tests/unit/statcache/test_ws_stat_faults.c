/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/statcache: an incremental save that is interrupted anywhere, by a failed call, a failed
 * allocation or the power, and what the save after it finds: the tree that is there. After a power
 * cut that is any mixture of what was written and what was there before, under the times of either.
 */
#include <errno.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"

enum { FEW = 12, WIDE = 520 /* in parts */ };

static void
put_wide(struct ws_world *world, unsigned number, const char *text)
{
    char path[32];
    snprintf(path, sizeof path, "wide/%03u", number);
    scan_put_text(&world->tree, path, text);
}

/* Changes contents and puts size and time back. */
static void
change_in_place(struct ws_world *world, const char *path, const char *text)
{
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(world->tree.root, path, &stat, &world->err), FIRN_OK);
    scan_put_text(&world->tree, path, text);
    scan_set_mtime(&world->tree, path, stat.mtime_ns);
}

static void
edit(struct ws_world *world)
{
    change_in_place(world, "a", "2nd");
    scan_put_text(&world->tree, "d/b", "changed");
    scan_put_text(&world->tree, "d/new", "new");
    scan_remove_tree(&world->tree, "gone");
    put_wide(world, 7, "7 more");
    scan_rename(&world->tree, "moved", "to");
    scan_put_random(&world->tree, "version", 1, 3100); /* begins as it did */
}

static void
prepare(struct ws_world *world, uint64_t seed, unsigned count)
{
    ws_world_open_memory(world, seed);
    fi_sim_memory_set_granularity(world->tree.os, 4000000);
    scan_put_text(&world->tree, "a", "1st");
    scan_put_text(&world->tree, "d/b", "b");
    scan_put_link(&world->tree, "d/c", "a");
    scan_put_text(&world->tree, "gone/x/y", "y");
    scan_put_text(&world->tree, "moved/z", "z");
    scan_put_random(&world->tree, "version", 1, 3000);
    for (unsigned i = 0; i < count; i++) {
        put_wide(world, i, "w");
    }
    ws_save(world);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
    edit(world);
}

static void
assert_next_save_is_right(struct ws_world *world)
{
    struct scan_sink sink;
    struct fi_scan_result whole;
    for (unsigned i = 0; i < 2; i++) {
        firn_workspace_save_result saved = ws_save(world);
        scan_sink_init(&sink);
        scan_run(&world->tree, &sink, &world->notices, 1, &whole);
        assert_memory_equal(&saved.checkpoint->root, &whole.root.hash, sizeof whole.root.hash);
        assert_int_equal(saved.checkpoint->files, whole.files);
        fi_scan_result_deinit(&whole);
        scan_sink_deinit(&sink);
        if (i == 0) {
            put_wide(world, 8, "8");
        }
    }
    ws_assert_check_clean(world);
}

static void
any_call_of_an_incremental_save_may_fail(void **state)
{
    struct ws_world prepared;
    prepare(&prepared, 41, FEW);
    uint64_t failures = 0;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        test_fault_call(&fault, world.tree.outer);
        failures += ws_try_save(&world, NULL) != FIRN_OK ? 1 : 0;
        test_fault_end(&fault);
        change_in_place(&world, "a", "3rd");
        assert_next_save_is_right(&world);
        ws_world_close(&world);
    }
    assert_true(failures > 5);
    ws_world_close(&prepared);
}

static void
any_allocation_of_an_incremental_save_may_fail(void **state)
{
    struct ws_world prepared;
    test_alloc_install();
    prepare(&prepared, 42, FEW);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        test_fault_allocation(&fault);
        int rc = ws_try_save(&world, NULL);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_next_save_is_right(&world);
        ws_world_close(&world);
    }
    assert_true(fault.refused > 50);
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
after_a_power_cut_the_next_save_sees_what_is_there(void **state)
{
    struct ws_world prepared;
    unsigned seeds = getenv("FIRN_TEST_LONG") != NULL ? 50 : 2;
    uint64_t cuts = 0;
    prepare(&prepared, 43, WIDE);
    bool was_off = true;
    for (uint64_t k = 1; was_off; k++) {
        for (uint64_t seed = 0; seed < seeds; seed++) {
            struct ws_world world;
            ws_world_clone(&prepared, &world);
            fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
            int rc = ws_try_save(&world, NULL);
            was_off = fi_sim_memory_is_off(world.tree.os);
            assert_true(was_off || rc == FIRN_OK);
            /* Seed 1 would keep everything: nothing then was lost that a look does not show. */
            fi_sim_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
            fi_sim_memory_set_cut_at(world.tree.os, 0);
            ws_world_reopen(&world);
            assert_next_save_is_right(&world);
            ws_world_close(&world);
            cuts++;
        }
    }
    printf("%llu power cuts\n", (unsigned long long)cuts);
    ws_world_close(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_of_an_incremental_save_may_fail),
        cmocka_unit_test(any_allocation_of_an_incremental_save_may_fail),
        cmocka_unit_test(after_a_power_cut_the_next_save_sees_what_is_there),
    };
    return cmocka_run_group_tests_name("ws_stat_faults", tests, NULL, NULL);
}
