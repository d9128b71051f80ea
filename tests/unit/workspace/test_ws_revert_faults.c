/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: a revert with its n-th call of the system, its n-th allocation and its n-th moment
 * of power gone. Afterwards each file is the old one or the merged one, the store is clean to the
 * last byte, and asking again brings the merged tree; or undo the old one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "os/os_fault.h"
#include "os/os_memory.h"
#include "support/test_alloc.h"
#include "ws_edit.h"
#include "ws_reverting.h"

/* A machine with two checkpoints and an edited tree, all durable. */
struct prepared {
    struct ws_world world;
    char *edited;
    char *merged; /* without times: that of a merged file is the one of the call */
};

static char *
dump_without_times(struct ws_world *world)
{
    static const char *const times[] = {"mtime="};
    char *dump = ws_dump(world);
    char *text = ws_edit_without(dump, times, 1);
    free(dump);
    return text;
}

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, seed);
    scan_put_text(tree, "text", "1\n2\n3\n4\n5\n");
    scan_put_text(tree, "gone/x/y", "y");
    scan_put_text(tree, "flip", "a file");
    scan_put_link(tree, "same", "flip");
    scan_put_symlink(tree, "link", "a");
    scan_put_text(tree, ".firnignore", "never\n");
    ws_save(world);
    scan_put_text(tree, "text", "1\n2\n3\n4\nfive\n");
    scan_remove_tree(tree, "gone");
    scan_remove_file(tree, "flip");
    scan_put_text(tree, "flip/now", "a directory");
    scan_remove_file(tree, "link");
    scan_put_text(tree, "new/one", "one");
    scan_put_text(tree, ".firnignore", "other\n");
    ws_save(world);
    scan_put_text(tree, "text", "one\n2\n3\n4\nfive\n");
    scan_put_text(tree, "later", "later");
    scan_put_text(tree, "new/own", "own");
    prepared->edited = ws_dump(world);
    assert_int_equal(firn_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);

    struct ws_world merged;
    ws_world_clone(world, &merged);
    ws_revert(&merged, "2");
    prepared->merged = dump_without_times(&merged);
    ws_world_close(&merged);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->edited);
    free(prepared->merged);
}

static void
assert_merged(struct ws_world *world, const struct prepared *prepared)
{
    char *now = dump_without_times(world);
    assert_string_equal(now, prepared->merged);
    free(now);
}

/* What must hold after any failure, and that it can be gone on with, or taken back. */
static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared, bool take_back)
{
    static const char *const times[] = {"mtime="};
    char *now = dump_without_times(world);
    char *edited = ws_edit_without(prepared->edited, times, 1);
    assert_true(ws_edit_is_mix(now, edited, prepared->merged));
    ws_assert_check_clean(world);
    if (take_back && strcmp(now, edited) != 0) {
        assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
        ws_assert_dump(world, prepared->edited);
    } else {
        ws_revert(world, "2");
        assert_merged(world, prepared);
    }
    ws_assert_check_clean(world);
    free(now);
    free(edited);
}

static void
fail_calls(bool for_ever, int error_number, bool dry_run)
{
    struct prepared prepared;
    prepare(&prepared, 61);
    bool was_hit = true;
    uint64_t failures = 0;
    for (uint64_t n = 1; was_hit; n++) {
        struct ws_world world;
        ws_world_clone(&prepared.world, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        struct firn_os_fault_plan plan = {.call = n,
                                          .for_ever = for_ever,
                                          .classes = FIRN_OS_FAULT_ALL,
                                          .error_number = error_number};
        firn_os_fault_set_plan(world.tree.outer, &plan);
        int rc = ws_try_revert(&world, NULL, "2", dry_run, NULL);
        was_hit = firn_os_fault_hits(world.tree.outer) > 0;
        firn_os_fault_set_plan(world.tree.outer, NULL);
        assert_true(was_hit || rc == FIRN_OK);
        failures += rc != FIRN_OK ? 1 : 0;
        if (dry_run) {
            ws_assert_dump(&world, prepared.edited);
        }
        assert_all_is_well(&world, &prepared, n % 2 == 0);
        ws_world_close(&world);
    }
    assert_true(failures > 5);
    prepared_deinit(&prepared);
}

static void
any_call_may_fail_once(void **state)
{
    (void)state;
    fail_calls(false, EIO, false);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    (void)state;
    fail_calls(true, ENOSPC, false);
}

static void
any_call_of_a_dry_run_may_fail(void **state)
{
    (void)state;
    fail_calls(false, EIO, true);
}

static void
fail_allocations(bool for_ever)
{
    struct prepared prepared;
    prepare(&prepared, 62);
    int rc = FIRN_NO_MEMORY;
    for (uint64_t n = 1;; n++) {
        struct ws_world world;
        ws_world_clone(&prepared.world, &world);
        test_alloc_fail_at(n, for_ever);
        rc = ws_try_revert(&world, NULL, "2", n % 4 == 3, NULL);
        uint64_t calls = test_alloc_calls();
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        assert_all_is_well(&world, &prepared, n % 2 == 0);
        ws_world_close(&world);
        if (calls < n && n % 4 != 3) {
            break;
        }
    }
    assert_int_equal(rc, FIRN_OK);
    prepared_deinit(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    test_alloc_install();
    fail_allocations(false);
    assert_int_equal(test_alloc_alive(), 0);
    fail_allocations(true);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    struct prepared prepared;
    prepare(&prepared, 63);
    uint64_t cuts = 0;
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 20 : 4;
    bool was_off = true;
    for (uint64_t k = 1; was_off; k++) {
        for (uint64_t seed = 0; seed < seeds; seed++) {
            struct ws_world world;
            ws_world_clone(&prepared.world, &world);
            firn_os_memory_set_cut_at(world.tree.os, firn_os_memory_calls(world.tree.os) + k);
            int rc = ws_try_revert(&world, NULL, "2", false, NULL);
            was_off = firn_os_memory_is_off(world.tree.os);
            assert_true(was_off || rc == FIRN_OK);
            firn_os_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
            firn_os_memory_set_cut_at(world.tree.os, 0);
            ws_world_reopen(&world);
            if (rc == FIRN_OK) {
                assert_merged(&world, &prepared);
            }
            assert_all_is_well(&world, &prepared, seed % 2 == 0);
            ws_world_close(&world);
            cuts++;
        }
    }
    printf("count: %llu power cuts of reverts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_call_of_a_dry_run_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_revert_faults", tests, NULL, NULL);
}
