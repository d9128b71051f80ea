/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_break.c: see ws_break.h. A loop ends with the first attempt that comes to the
 * operation's end without having been broken; that one must succeed.
 */
#include <errno.h>

#include "gc/gc.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_share.h"
#include "ws_break.h"

static struct test_share
share_of(const struct ws_break *how, uint64_t kind)
{
    return test_share_of(how->every == 0 ? 1 : how->every, how->loop + kind);
}

static void
begin(const struct ws_break *how, struct ws_world *world)
{
    if (how->begin != NULL) {
        how->begin(how->ctx, world);
    }
}

/* Whatever broke, a collection without the key of an encrypted store must take nothing that the
 * next operations need. */
static void
collect_without_key(struct ws_world *world)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    firn_error err;
    options.without_key = true;
    int rc = fi_gc(world->ws, &options, &result, &err);
    bool is_refused =
        rc == FIRN_INVALID || rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_BUSY;
    if (rc != FIRN_OK && !is_refused) {
        fail_msg("a collection without the key: %s: %s", firn_code_name(rc), err.text);
    }
}

static void
judge(const struct ws_break *how, struct ws_world *world, const struct ws_broken *broken)
{
    collect_without_key(world);
    how->judge(how->ctx, world, broken);
}

uint64_t
ws_break_calls(const struct ws_break *how, bool for_ever, int error_number)
{
    struct test_share share = share_of(how, for_ever ? 1 : 0);
    struct ws_broken broken = {.n = share.first, .was_hit = true};
    uint64_t failures = 0;
    for (; broken.was_hit; broken.n += share.step, broken.attempt++) {
        struct ws_world world;
        ws_world_clone(how->from, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        begin(how, &world);
        struct fi_sim_fault_plan plan = {.call = broken.n,
                                         .for_ever = for_ever,
                                         .classes = FI_SIM_FAULT_ALL,
                                         .error_number = error_number};
        fi_sim_fault_set_plan(world.tree.outer, &plan);
        broken.rc = how->run(how->ctx, &world);
        broken.was_hit = fi_sim_fault_hits(world.tree.outer) > 0;
        fi_sim_fault_set_plan(world.tree.outer, NULL);
        assert_true(broken.was_hit || broken.rc == FIRN_OK);
        assert_true(broken.rc == FIRN_OK || world.err.text[0] != '\0');
        failures += broken.rc != FIRN_OK ? 1 : 0;
        judge(how, &world, &broken);
        ws_world_close(&world);
    }
    return failures;
}

uint64_t
ws_break_allocations(const struct ws_break *how, enum ws_break_memory kind)
{
    struct test_share share = share_of(how, kind);
    struct ws_broken broken = {.n = share.first, .was_hit = true};
    uint64_t failures = 0;
    for (; broken.was_hit; broken.n += share.step, broken.attempt++) {
        struct ws_world world;
        ws_world_clone(how->from, &world);
        begin(how, &world);
        test_alloc_fail_at(broken.n, kind == WS_BREAK_BY_TURNS ? broken.attempt % 2 == 1
                                                               : kind == WS_BREAK_FOR_EVER);
        broken.rc = how->run(how->ctx, &world);
        broken.was_hit = test_alloc_calls() >= broken.n;
        test_alloc_fail_at(0, false);
        if (broken.rc != FIRN_OK && (broken.rc != FIRN_NO_MEMORY || !broken.was_hit)) {
            fail_msg("allocation %llu: %s: %s", (unsigned long long)broken.n,
                     firn_code_name(broken.rc), world.err.text);
        }
        failures += broken.rc != FIRN_OK ? 1 : 0;
        judge(how, &world, &broken);
        ws_world_close(&world);
    }
    return failures;
}

void
ws_break_any_allocation(void (*loops)(enum ws_break_memory kind))
{
    test_alloc_install();
    loops(WS_BREAK_ONCE);
    assert_int_equal(test_alloc_alive(), 0);
    loops(WS_BREAK_FOR_EVER);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

uint64_t
ws_break_power(const struct ws_break *how, uint64_t seeds)
{
    struct test_share share = share_of(how, 0);
    struct ws_broken broken = {.n = share.first, .is_cut = true, .was_hit = true};
    uint64_t cuts = 0;
    for (; broken.was_hit; broken.n += share.step, broken.attempt++) {
        for (uint64_t seed = 0; seed < seeds; seed++, cuts++) {
            struct ws_world world;
            ws_world_clone(how->from, &world);
            begin(how, &world);
            fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + broken.n);
            broken.rc = how->run(how->ctx, &world);
            broken.was_hit = fi_sim_memory_is_off(world.tree.os);
            assert_true(broken.was_hit || broken.rc == FIRN_OK);
            /* With one seed, every other cut keeps nothing that was not synced. */
            bool keeps_nothing = seeds == 1 ? broken.attempt % 2 == 1 : seed == 0;
            broken.seed = keeps_nothing ? 0 : seed * 1000 + broken.n;
            fi_sim_memory_power_cut(world.tree.os, broken.seed);
            fi_sim_memory_set_cut_at(world.tree.os, 0);
            ws_world_reopen(&world);
            judge(how, &world, &broken);
            ws_world_close(&world);
        }
    }
    return cuts;
}

bool
ws_break_is_enough(uint64_t failures)
{
    return failures > 1 || test_share_of(1, 0).step > 1;
}

void
ws_break_any_call(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_calls(how, false, EIO)));
    assert_true(ws_break_is_enough(ws_break_calls(how, true, ENOSPC)));
}

void
ws_break_any_power(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_power(how, 2)));
}

/* ---- allocations of many operations ---- */

static enum ws_break_memory memory;
static void (*operations)(void (*break_it)(const struct ws_break *how));

static void
break_memory(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_allocations(how, memory)));
}

static void
break_operations(enum ws_break_memory kind)
{
    memory = kind;
    operations(break_memory);
}

void
ws_break_allocations_of(void (*all)(void (*break_it)(const struct ws_break *how)))
{
    operations = all;
    ws_break_any_allocation(break_operations);
}

/* ---- by number ---- */

static int
run_numbered(void *ctx, struct ws_world *world)
{
    const struct ws_break_numbered *numbered = ctx;
    return numbered->run(world, numbered->operation);
}

static void
judge_numbered(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct ws_break_numbered *numbered = ctx;
    numbered->judge(world, numbered->operation, broken);
}

struct ws_break
ws_break_numbered(const struct ws_world *from, struct ws_break_numbered *numbered, uint64_t every)
{
    return (struct ws_break){.from = from,
                             .run = run_numbered,
                             .judge = judge_numbered,
                             .ctx = numbered,
                             .every = every,
                             .loop = (uint64_t)numbered->operation};
}
