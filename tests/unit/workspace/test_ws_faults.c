/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: every operation with its n-th call of the system, its n-th allocation and its
 * n-th moment of power gone. Afterwards the store opens, is clean to the last byte, has what was
 * acknowledged, and the operation can be done.
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
#include "support/test_file.h"
#include "ws_edit.h"
#include "ws_support.h"

/* A machine with checkpoint 1, checkpoint 2 and an edited tree, all durable. */
struct prepared {
    struct ws_world world;
    char *first;
    char *edited;
};

static void
sync_everything(struct ws_world *world)
{
    assert_int_equal(firn_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    const uint64_t offsets[] = {8192};
    struct ws_world *world = &prepared->world;
    ws_world_open_memory(world, seed);
    struct scan_world *tree = &world->tree;
    scan_put_text(tree, "a", "first");
    scan_put_text(tree, "dir/b", "in a directory");
    scan_put_text(tree, "dir/c", "and another");
    scan_put_text(tree, "gone/x/y", "y");
    scan_put_text(tree, "flip", "a file");
    scan_put_symlink(tree, "link", "a");
    scan_put_link(tree, "dir/same", "a");
    scan_put_sparse(tree, "sparse", 65536, offsets, 1);
    scan_set_xattr(tree, "a", "user.k", "v");
    scan_put_text(tree, ".firnignore", "never\n");
    ws_save(world);
    prepared->first = ws_dump(world);
    scan_put_text(tree, "a", "second");
    scan_put_text(tree, ".firnignore", "not/this/either\n"); /* both checkpoints name rules */
    ws_save(world);
    scan_remove_tree(tree, "gone");
    scan_put_text(tree, "dir/b", "edited");
    scan_put_text(tree, "added/q", "q");
    scan_remove_file(tree, "flip");
    scan_put_text(tree, "flip/now", "a directory");
    scan_remove_file(tree, "link");
    scan_remove_file(tree, ".firnignore");
    prepared->edited = ws_dump(world);
    sync_everything(world);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->first);
    free(prepared->edited);
}

enum operation { SAVE, RESTORE, CHECK, STATUS, LIST, ELSEWHERE, FIRST_SAVE, OPERATIONS };

static int
ignore_checkpoint(void *ctx, const firn_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

static int
run(struct ws_world *world, enum operation operation)
{
    firn_status_options status = FIRN_STATUS_OPTIONS_INIT;
    firn_status_result status_result;
    firn_list_options list = FIRN_LIST_OPTIONS_INIT;
    firn_restore_options elsewhere = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result restore_result;
    switch (operation) {
    case SAVE:
    case FIRST_SAVE:
        return ws_try_save(world, NULL);
    case RESTORE:
        return ws_try_restore(world, "1", NULL);
    case CHECK:
        return ws_try_check(world, NULL);
    case STATUS:
        return firn_ws_status(world->ws, &status, NULL, NULL, &status_result, &world->err);
    case LIST:
        return firn_ws_list(world->ws, &list, ignore_checkpoint, NULL, &world->err);
    default:
        elsewhere.to_dir = "/elsewhere/in";
        return firn_ws_restore(world->ws, "1", &elsewhere, &restore_result, &world->err);
    }
}

static bool
changes_tree(enum operation operation)
{
    return operation == RESTORE;
}

static void
assert_no_left_overs(struct ws_world *world)
{
    struct firn_os_dir *packs;
    int rc = firn_os_dir_open_path(world->tree.os, "/s/packs", &packs, NULL);
    if (rc == FIRN_NOT_FOUND) {
        return;
    }
    assert_int_equal(rc, FIRN_OK);
    for (unsigned i = 1; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%08u.pack.tmp", i);
        assert_false(test_file_exists(packs, name));
    }
    firn_os_dir_close(packs);
}

/* What must hold after any failure, and that everything can be done again. */
static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared,
                   enum operation operation, uint64_t acknowledged)
{
    ws_assert_check_clean(world);
    firn_checkpoint latest;
    if (operation == FIRST_SAVE) {
        int rc = firn_ws_find(world->ws, "latest", &latest, &world->err);
        assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && acknowledged == 0));
        ws_save(world);
        assert_no_left_overs(world);
        ws_assert_check_clean(world);
        return;
    }
    if (!changes_tree(operation)) {
        ws_assert_dump(world, prepared->edited);
    }
    assert_int_equal(firn_ws_find(world->ws, "latest", &latest, &world->err), FIRN_OK);
    assert_true(latest.number >= acknowledged);
    assert_true(latest.number <= acknowledged + 1);
    ws_restore(world, "1");
    ws_assert_dump(world, prepared->first);
    ws_save(world);
    assert_no_left_overs(world);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

static void
start_first_save(struct ws_world *world, enum operation operation)
{
    if (operation == FIRST_SAVE) {
        free(world->store_path);
        world->store_path = strdup("/fresh/store");
        ws_world_reopen(world);
    }
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    prepare(&prepared, 21);
    for (enum operation operation = SAVE; operation < OPERATIONS; operation++) {
        bool was_hit = true;
        uint64_t failures = 0;
        for (uint64_t n = 1; was_hit; n++) {
            struct ws_world world;
            ws_world_clone(&prepared.world, &world);
            scan_world_wrap(&world.tree);
            start_first_save(&world, operation);
            ws_world_reopen(&world);
            struct firn_os_fault_plan plan = {.call = n,
                                              .for_ever = for_ever,
                                              .classes = FIRN_OS_FAULT_ALL,
                                              .error_number = error_number};
            firn_os_fault_set_plan(world.tree.outer, &plan);
            int rc = run(&world, operation);
            was_hit = firn_os_fault_hits(world.tree.outer) > 0;
            firn_os_fault_set_plan(world.tree.outer, NULL);
            assert_true(was_hit || rc == FIRN_OK);
            failures += rc != FIRN_OK ? 1 : 0;
            if (rc != FIRN_OK) {
                assert_true(world.err.text[0] != '\0');
            }
            uint64_t acknowledged = operation == FIRST_SAVE ? 0 : 2;
            acknowledged += (operation == SAVE || operation == FIRST_SAVE) && rc == FIRN_OK ? 1 : 0;
            assert_all_is_well(&world, &prepared, operation, acknowledged);
            ws_world_close(&world);
        }
        assert_true(failures > 5);
    }
    prepared_deinit(&prepared);
}

static void
any_call_may_fail_once(void **state)
{
    (void)state;
    fail_calls(false, EIO);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    (void)state;
    fail_calls(true, ENOSPC);
}

/* ---- allocations ---- */

static void
fail_allocations(bool for_ever)
{
    struct prepared prepared;
    prepare(&prepared, 22);
    for (enum operation operation = SAVE; operation < OPERATIONS; operation++) {
        int rc = FIRN_NO_MEMORY;
        for (uint64_t n = 1;; n++) {
            struct ws_world world;
            ws_world_clone(&prepared.world, &world);
            start_first_save(&world, operation);
            test_alloc_fail_at(n, for_ever);
            rc = run(&world, operation);
            uint64_t calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            uint64_t acknowledged = operation == FIRST_SAVE ? 0 : 2;
            acknowledged += (operation == SAVE || operation == FIRST_SAVE) && rc == FIRN_OK ? 1 : 0;
            assert_all_is_well(&world, &prepared, operation, acknowledged);
            ws_world_close(&world);
            if (calls < n) {
                break;
            }
        }
        assert_int_equal(rc, FIRN_OK);
    }
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

/* ---- power ---- */

static unsigned
seeds_a_cut(void)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 20 : 3;
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    struct prepared prepared;
    prepare(&prepared, 23);
    uint64_t cuts = 0;
    const enum operation operations[] = {SAVE, RESTORE, FIRST_SAVE};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        enum operation operation = operations[i];
        bool was_off = true;
        for (uint64_t k = 1; was_off; k++) {
            for (uint64_t seed = 0; seed < seeds_a_cut(); seed++) {
                struct ws_world world;
                ws_world_clone(&prepared.world, &world);
                start_first_save(&world, operation);
                firn_os_memory_set_cut_at(world.tree.os, firn_os_memory_calls(world.tree.os) + k);
                int rc = run(&world, operation);
                was_off = firn_os_memory_is_off(world.tree.os);
                assert_true(was_off || rc == FIRN_OK);
                firn_os_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
                firn_os_memory_set_cut_at(world.tree.os, 0);
                ws_world_reopen(&world);
                uint64_t acknowledged = operation == FIRST_SAVE ? 0 : 2;
                acknowledged +=
                    (operation == SAVE || operation == FIRST_SAVE) && rc == FIRN_OK ? 1 : 0;
                if (operation == RESTORE) {
                    char *now = ws_dump(&world);
                    assert_true(rc != FIRN_OK || strcmp(now, prepared.first) == 0);
                    assert_true(ws_edit_is_mix(now, prepared.edited, prepared.first));
                    free(now);
                }
                assert_all_is_well(&world, &prepared, operation, acknowledged);
                ws_world_close(&world);
                cuts++;
            }
        }
    }
    printf("%llu power cuts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_faults", tests, NULL, NULL);
}
