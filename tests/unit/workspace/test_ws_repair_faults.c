/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: repairs with the n-th call of the system, the n-th allocation and the n-th moment of
 * power gone. Whatever happened, another repair makes the store sound, the checkpoint that the damage
 * does not touch comes back exactly, and nothing is left beside the store.
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

#include "gc_support.h"
#include "os/os_fault.h"
#include "os/os_memory.h"
#include "support/test_alloc.h"

/* The log is gone; or the newer pack, which the older checkpoint does not need; or nothing. */
enum damage { LOG_GONE, PACK_GONE, NONE, DAMAGES };

struct prepared {
    struct ws_world world;
    char *first;
};

static void
remove_file(struct ws_world *world, const char *dir_path, const char *name)
{
    struct firn_os_dir *dir;
    assert_int_equal(firn_os_dir_open_path(world->tree.os, dir_path, &dir, NULL), FIRN_OK);
    assert_int_equal(firn_os_remove_file(dir, name, NULL), FIRN_OK);
    assert_int_equal(firn_os_dir_sync(dir, NULL), FIRN_OK);
    firn_os_dir_close(dir);
}

static void
prepare(struct prepared *prepared, enum damage damage)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, 71);
    scan_put_text(tree, "stays", "stays");
    scan_put_random(tree, "dir/changes", 1, 3000);
    ws_save(world);
    prepared->first = ws_dump(world);
    scan_put_random(tree, "dir/changes", 2, 3000);
    scan_put_text(tree, "new", "new");
    ws_save(world);
    if (damage == LOG_GONE) {
        remove_file(world, "/s", "wal-000001.log");
    } else if (damage == PACK_GONE) {
        remove_file(world, "/s/packs", "00000002.pack");
    }
    assert_int_equal(firn_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);
}

static void
prepared_deinit(struct prepared *prepared)
{
    free(prepared->first);
    ws_world_close(&prepared->world);
}

static uint64_t
step(uint64_t short_step)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 1 : short_step;
}

static int
repair(struct ws_world *world, bool dry_run, firn_repair_result *out)
{
    firn_repair_options options = FIRN_REPAIR_OPTIONS_INIT;
    options.dry_run = dry_run;
    return firn_ws_repair(world->ws, &options, out, &world->err);
}

static bool
is_beside(struct ws_world *world, const char *name)
{
    struct firn_os_dir *dir;
    struct firn_os_stat stat;
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/", &dir, NULL), FIRN_OK);
    int rc = firn_os_stat(dir, name, &stat, NULL);
    firn_os_dir_close(dir);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK;
}

static bool
is_kept(struct ws_world *world)
{
    struct firn_os_dir *dir;
    struct firn_os_stat stat;
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/s", &dir, NULL), FIRN_OK);
    int rc = firn_os_stat(dir, "damaged-1", &stat, NULL);
    bool has_identity = false;
    if (rc == FIRN_OK) {
        struct firn_os_dir *kept;
        assert_int_equal(firn_os_dir_open(dir, "damaged-1", &kept, NULL), FIRN_OK);
        has_identity = firn_os_stat(kept, "FIRN", &stat, NULL) == FIRN_OK;
        firn_os_dir_close(kept);
    }
    firn_os_dir_close(dir);
    return rc == FIRN_OK && !has_identity;
}

/* lost_by_chance: a reading that failed once may have been taken for damage. */
static void
assert_all_is_well(struct prepared *prepared, struct ws_world *world, bool lost_by_chance)
{
    firn_repair_result result;
    int rc = repair(world, false, &result);
    if (rc != FIRN_OK) {
        fail_msg("a second repair: %s: %s", firn_code_name(rc), world->err.text);
    }
    assert_false(is_beside(world, "s.repairing"));
    ws_assert_check_clean(world);
    if (!lost_by_chance) {
        ws_restore(world, "1");
        ws_assert_dump(world, prepared->first);
    }
    assert_int_equal(repair(world, false, &result), FIRN_OK);
    assert_true(result.was_intact);
    ws_save(world);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

static void
fail_calls(bool for_ever, int error_number)
{
    for (enum damage damage = LOG_GONE; damage < DAMAGES; damage++) {
        struct prepared prepared;
        bool was_hit = true;
        uint64_t failures = 0;
        prepare(&prepared, damage);
        for (uint64_t n = 1 + damage; was_hit; n += step(2)) {
            struct ws_world world;
            firn_repair_result result;
            ws_world_clone(&prepared.world, &world);
            scan_world_wrap(&world.tree);
            ws_world_reopen(&world);
            struct firn_os_fault_plan plan = {.call = n,
                                              .for_ever = for_ever,
                                              .classes = FIRN_OS_FAULT_ALL,
                                              .error_number = error_number};
            firn_os_fault_set_plan(world.tree.outer, &plan);
            int rc = repair(&world, false, &result);
            was_hit = firn_os_fault_hits(world.tree.outer) > 0;
            firn_os_fault_set_plan(world.tree.outer, NULL);
            assert_true(was_hit || rc == FIRN_OK);
            failures += rc != FIRN_OK ? 1 : 0;
            assert_true(rc == FIRN_OK || world.err.text[0] != '\0');
            assert_all_is_well(&prepared, &world, error_number == EIO && rc == FIRN_OK);
            ws_world_close(&world);
        }
        assert_true(failures > 1 || damage == NONE);
        prepared_deinit(&prepared);
    }
}

static void
any_call_may_fail_once(void **state)
{
    (void)state;
    fail_calls(false, EIO);
    fail_calls(false, ENOSPC);
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
    for (enum damage damage = LOG_GONE; damage < NONE; damage++) {
        struct prepared prepared;
        int rc = FIRN_NO_MEMORY;
        prepare(&prepared, damage);
        for (uint64_t n = 1 + damage;; n += step(3)) {
            struct ws_world world;
            firn_repair_result result;
            ws_world_clone(&prepared.world, &world);
            test_alloc_fail_at(n, for_ever);
            rc = repair(&world, false, &result);
            uint64_t calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) {
                fail_msg("allocation %llu: %s: %s", (unsigned long long)n, firn_code_name(rc),
                         world.err.text);
            }
            if (n % 3 == 0 || calls < n) {
                assert_all_is_well(&prepared, &world, false);
            }
            ws_world_close(&world);
            if (calls < n) {
                break;
            }
        }
        assert_int_equal(rc, FIRN_OK);
        prepared_deinit(&prepared);
    }
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

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    uint64_t cuts = 0;
    for (enum damage damage = LOG_GONE; damage < NONE; damage++) {
        struct prepared prepared;
        bool was_off = true;
        prepare(&prepared, damage);
        for (uint64_t k = 1 + damage; was_off; k += step(1)) {
            struct ws_world world;
            firn_repair_result result;
            ws_world_clone(&prepared.world, &world);
            firn_os_memory_set_cut_at(world.tree.os, firn_os_memory_calls(world.tree.os) + k);
            int rc = repair(&world, false, &result);
            was_off = firn_os_memory_is_off(world.tree.os);
            assert_true(was_off || rc == FIRN_OK);
            firn_os_memory_power_cut(world.tree.os, k % 2 == 0 ? 0 : k);
            firn_os_memory_set_cut_at(world.tree.os, 0);
            ws_world_reopen(&world);
            assert_all_is_well(&prepared, &world, false);
            assert_true(is_beside(&world, "s") && is_kept(&world));
            ws_world_close(&world);
            cuts++;
        }
        prepared_deinit(&prepared);
    }
    printf("%llu power cuts\n", (unsigned long long)cuts);
}

/* ---- what is beside ---- */

static void
a_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct prepared prepared;
    firn_repair_result result;
    prepare(&prepared, PACK_GONE);
    assert_int_equal(repair(&prepared.world, true, &result), FIRN_OK);
    assert_false(result.was_intact);
    assert_int_equal(result.intact, 1);
    assert_int_equal(result.lost, 1);
    assert_null(result.damaged_path);
    assert_false(is_beside(&prepared.world, "s.repairing"));
    assert_int_equal(ws_try_check(&prepared.world, NULL), FIRN_CORRUPT);
    assert_all_is_well(&prepared, &prepared.world, false);
    prepared_deinit(&prepared);
}

static void
what_is_somebody_elses_is_in_the_way(void **state)
{
    (void)state;
    struct prepared prepared;
    struct firn_os_dir *dir;
    firn_repair_result result;
    prepare(&prepared, PACK_GONE);
    assert_int_equal(firn_os_dir_open_path(prepared.world.tree.os, "/", &dir, NULL), FIRN_OK);
    assert_int_equal(firn_os_make_dir(dir, "s.repairing", 0755, NULL), FIRN_OK);
    struct scan_world other = {.os = prepared.world.tree.os};
    assert_int_equal(firn_os_dir_open(dir, "s.repairing", &other.root, NULL), FIRN_OK);
    scan_put_text(&other, "precious", "precious");
    assert_int_equal(repair(&prepared.world, false, &result), FIRN_EXISTS);
    assert_non_null(strstr(prepared.world.err.text, "is in the way"));
    assert_true(is_beside(&prepared.world, "s.repairing"));
    scan_remove_file(&other, "precious");
    firn_os_dir_close(other.root);
    firn_os_dir_close(dir);
    assert_all_is_well(&prepared, &prepared.world, false);
    prepared_deinit(&prepared);
}

static void
settings_stay(void **state)
{
    (void)state;
    struct prepared prepared;
    struct scan_world store;
    struct firn_os_stat stat;
    firn_repair_result result;
    prepare(&prepared, PACK_GONE);
    store = (struct scan_world){.os = prepared.world.tree.os};
    assert_int_equal(firn_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    scan_put_text(&store, "config", "gitignore = true\n");
    firn_os_dir_close(store.root);
    assert_int_equal(repair(&prepared.world, false, &result), FIRN_OK);
    assert_int_equal(firn_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    assert_int_equal(firn_os_stat(store.root, "config", &stat, NULL), FIRN_OK);
    assert_int_equal(stat.size_bytes, 17);
    firn_os_dir_close(store.root);
    assert_string_equal(result.damaged_path, "/s/damaged-1");
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(what_is_somebody_elses_is_in_the_way),
        cmocka_unit_test(settings_stay),
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_repair_faults", tests, NULL, NULL);
}
