/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: deleting and collecting with the n-th call of the system, the n-th allocation and
 * the n-th moment of power gone. Whatever happened, afterwards the store is clean to the last byte,
 * every checkpoint that was not deleted comes back exactly, and the next collection leaves nothing
 * but what is alive.
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

enum { CHECKPOINTS = 6 };
static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;

/* Numbers 1 to CHECKPOINTS, of which 1 and 3 are deleted: some packs are dead, some mostly, all are
 * small. A safety checkpoint has had its time. */
struct prepared {
    struct ws_world world;
    char *dumps[CHECKPOINTS + 1];
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    const uint64_t offsets[] = {8192};
    ws_world_open_memory(world, seed);
    firn_os_memory_set_time(tree->os, INT64_C(1700000000) * 1000000000);
    scan_put_text(tree, "stays", "stays");
    scan_put_sparse(tree, "sparse", 65536, offsets, 1);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        scan_put_random(tree, "changes", seed + i, 3000);
        scan_put_text(tree, i % 2 == 0 ? "dir/even" : "dir/odd", i % 3 == 0 ? "three" : "other");
        ws_save(world);
        prepared->dumps[i] = ws_dump(world);
    }
    for (unsigned i = 0; i < 11; i++) {
        scan_put_random(tree, "lost", seed + 100 + i, 500);
        ws_restore(world, i % 2 == 0 ? "2" : "4");
    }
    firn_os_memory_set_time(tree->os, INT64_C(1700000000) * 1000000000 + 30 * DAY_NS);
    gc_delete(world, "1");
    gc_delete(world, "3");
    assert_int_equal(firn_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        free(prepared->dumps[i]);
    }
}

enum operation { DELETE, GC, GC_FULL, RECOMPRESS, GC_IN_PIECES, GC_AUTO, DRY_RUN, OPERATIONS };

/* Every moment is tried in a long run; in a short one some, other ones for each operation and each
 * way to fail. */
static uint64_t
step(enum operation operation, uint64_t short_step)
{
    uint64_t slow = operation == GC_IN_PIECES || operation == GC_AUTO ? 5 : 1;
    return getenv("FIRN_TEST_LONG") != NULL ? 1 : short_step * slow;
}

static uint64_t
first(enum operation operation, uint64_t short_step, bool for_ever)
{
    return 1 + (operation + (for_ever ? 3U : 0U)) % step(operation, short_step);
}

static int
run(struct ws_world *world, enum operation operation)
{
    firn_gc_options dry = FIRN_GC_OPTIONS_INIT;
    firn_gc_result result;
    dry.dry_run = true;
    switch (operation) {
    case DELETE:
        return gc_try_delete(world, "5");
    case RECOMPRESS:
        return gc_try_recompress(world, 9, NULL);
    case GC_IN_PIECES:
        return gc_try_in_pieces(world, NULL);
    case GC_AUTO:
        return gc_try_auto(world, NULL, NULL);
    case DRY_RUN:
        return firn_ws_gc(world->ws, &dry, &result, &world->err);
    default:
        return gc_try(world, operation == GC_FULL, NULL);
    }
}

static void
assert_comes_back(struct ws_world *world, const struct prepared *prepared, unsigned number)
{
    char reference[8];
    snprintf(reference, sizeof reference, "%u", number);
    ws_restore(world, reference);
    ws_assert_dump(world, prepared->dumps[number]);
}

static bool
is_there(struct ws_world *world, const char *reference)
{
    firn_checkpoint found;
    int rc = firn_ws_find(world->ws, reference, &found, &world->err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK;
}

static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared,
                   enum operation operation, int rc)
{
    ws_assert_check_clean(world);
    assert_false(is_there(world, "1"));
    assert_false(is_there(world, "3"));
    assert_comes_back(world, prepared, 2);
    assert_comes_back(world, prepared, 4);
    assert_comes_back(world, prepared, 6);
    if (operation != DELETE || (rc != FIRN_OK && is_there(world, "5"))) {
        assert_comes_back(world, prepared, 5);
    } else {
        assert_false(is_there(world, "5"));
    }
    gc_assert_exact(world);
    ws_assert_check_clean(world);
    assert_comes_back(world, prepared, 2);
    assert_int_equal(ws_save(world).checkpoint.number, CHECKPOINTS + 1);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    prepare(&prepared, 31);
    for (enum operation operation = DELETE; operation < OPERATIONS; operation++) {
        bool was_hit = true;
        uint64_t failures = 0;
        uint64_t start = first(operation, 13, for_ever);
        for (uint64_t n = start; was_hit; n += step(operation, 13)) {
            struct ws_world world;
            ws_world_clone(&prepared.world, &world);
            scan_world_wrap(&world.tree);
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
            assert_true(rc == FIRN_OK || world.err.text[0] != '\0');
            assert_all_is_well(&world, &prepared, operation, rc);
            ws_world_close(&world);
        }
        assert_true(failures > 1);
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
    prepare(&prepared, 32);
    for (enum operation operation = DELETE; operation < OPERATIONS; operation++) {
        int rc = FIRN_NO_MEMORY;
        for (uint64_t n = first(operation, 37, for_ever);; n += step(operation, 37)) {
            struct ws_world world;
            ws_world_clone(&prepared.world, &world);
            test_alloc_fail_at(n, for_ever);
            rc = run(&world, operation);
            uint64_t calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            /* Everything else costs much more than the operation itself. */
            ws_assert_check_clean(&world);
            if (n % 3 == 0 || calls < n) {
                assert_all_is_well(&world, &prepared, operation, rc);
            }
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
    return getenv("FIRN_TEST_LONG") != NULL ? 20 : 1;
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    struct prepared prepared;
    prepare(&prepared, 33);
    uint64_t cuts = 0;
    for (enum operation operation = DELETE; operation <= GC_AUTO; operation++) {
        bool was_off = true;
        for (uint64_t k = first(operation, 7, false); was_off; k += step(operation, 7)) {
            for (uint64_t seed = 0; seed < seeds_a_cut(); seed++) {
                struct ws_world world;
                ws_world_clone(&prepared.world, &world);
                firn_os_memory_set_cut_at(world.tree.os, firn_os_memory_calls(world.tree.os) + k);
                int rc = run(&world, operation);
                was_off = firn_os_memory_is_off(world.tree.os);
                assert_true(was_off || rc == FIRN_OK);
                firn_os_memory_power_cut(world.tree.os,
                                         seed == 0 && k % 2 == 0 ? 0 : seed * 1000 + k);
                firn_os_memory_set_cut_at(world.tree.os, 0);
                ws_world_reopen(&world);
                assert_all_is_well(&world, &prepared, operation, rc);
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
    return cmocka_run_group_tests_name("ws_gc_faults", tests, NULL, NULL);
}
