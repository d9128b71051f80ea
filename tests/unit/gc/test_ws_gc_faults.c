/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: deleting and collecting with the n-th call of the system, the n-th allocation and
 * the n-th moment of power gone. After any failure the store is clean to the last byte,
 * every checkpoint that was not deleted comes back exactly, and the next collection leaves nothing
 * but what is alive.
 */
#include <errno.h>

#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_share.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

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
    fi_sim_memory_set_time(tree->os, INT64_C(1700000000) * 1000000000);
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
    fi_sim_memory_set_time(tree->os, INT64_C(1700000000) * 1000000000 + 30 * DAY_NS);
    gc_delete(world, "1");
    gc_delete(world, "3");
    assert_int_equal(fi_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);
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

static int
run(struct ws_world *world, enum operation operation)
{
    firn_workspace_gc_options dry = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
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
        return fi_gc(world->ws, &dry, &result, &world->err);
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
    firn_workspace_checkpoint *found;
    int rc = fi_ws_find(world->ws, reference, &found, &world->err);
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
    assert_int_equal(ws_save(world).checkpoint->number, CHECKPOINTS + 1);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

struct broken_run {
    const struct prepared *prepared;
    enum operation operation;
    bool judges_all; /* else only some: that costs much more than the operation itself */
};

static int
do_run(void *ctx, struct ws_world *world)
{
    return run(world, ((const struct broken_run *)ctx)->operation);
}

static void
judge_run(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct broken_run *run = ctx;
    if (run->judges_all || broken->attempt % 3 == 0 || !broken->was_hit) {
        assert_all_is_well(world, run->prepared, run->operation, broken->rc);
    } else {
        ws_assert_check_clean(world);
    }
}

static struct ws_break
how_to_break(struct broken_run *run, uint64_t every)
{
    bool is_slow = run->operation == GC_IN_PIECES || run->operation == GC_AUTO;
    return (struct ws_break){.from = &run->prepared->world,
                             .run = do_run,
                             .judge = judge_run,
                             .ctx = run,
                             .every = is_slow ? 5 * every : every,
                             .loop = run->operation};
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    uint64_t failures = 0;
    prepare(&prepared, 31);
    for (enum operation operation = DELETE; operation < OPERATIONS; operation++) {
        struct broken_run run = {&prepared, operation, true};
        struct ws_break how = how_to_break(&run, 13);
        failures += ws_break_calls(&how, for_ever, error_number);
    }
    assert_true(failures > 1);
    prepared_deinit(&prepared);
}

static void
any_call_may_fail_once(void **state)
{
    fail_calls(false, EIO);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    fail_calls(true, ENOSPC);
}

/* ---- allocations ---- */

static void
fail_allocations(enum ws_break_memory kind)
{
    struct prepared prepared;
    prepare(&prepared, 32);
    for (enum operation operation = DELETE; operation < OPERATIONS; operation++) {
        struct broken_run run = {&prepared, operation, false};
        struct ws_break how = how_to_break(&run, 37);
        ws_break_allocations(&how, kind);
    }
    prepared_deinit(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_any_allocation(fail_allocations);
}

/* ---- power ---- */

static void
the_power_may_go_at_any_call(void **state)
{
    struct prepared prepared;
    uint64_t cuts = 0;
    prepare(&prepared, 33);
    for (enum operation operation = DELETE; operation <= GC_AUTO; operation++) {
        struct broken_run run = {&prepared, operation, true};
        struct ws_break how = how_to_break(&run, 7);
        cuts += ws_break_power(&how, test_is_long() ? 20 : 1);
    }
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
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
