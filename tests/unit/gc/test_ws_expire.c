/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: checkpoints that expire by a policy, pins, and both while calls and allocations
 * fail and the power goes.
 */
#include <errno.h>

#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

enum { NUMBERS_MAX = 400 };
static const int64_t HOUR_NS = INT64_C(3600) * 1000000000;
static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;
static const int64_t START_NS = INT64_C(1800000000) / 86400 * 86400 * 1000000000;
static const char the_default[] = "all:1d hourly:7d daily:90d";

/* ---- what there is ---- */

struct numbers {
    size_t count;
    uint64_t safety;
    uint64_t numbers[NUMBERS_MAX]; /* newest first */
};

static int
note(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct numbers *numbers = ctx;
    assert_true(numbers->count < NUMBERS_MAX);
    if (checkpoint->is_safety) {
        numbers->safety++;
    } else {
        numbers->numbers[numbers->count++] = checkpoint->number;
    }
    return FIRN_OK;
}

static struct numbers
list(struct ws_world *world)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct numbers numbers = {.count = 0};
    options.include_safety = true;
    assert_int_equal(fi_ws_list(world->ws, &options, note, &numbers, &world->err), FIRN_OK);
    return numbers;
}

static bool
is_there(struct ws_world *world, uint64_t number)
{
    struct numbers numbers = list(world);
    for (size_t i = 0; i < numbers.count; i++) {
        if (numbers.numbers[i] == number) {
            return true;
        }
    }
    return false;
}

static int
try_save_keeping(struct ws_world *world, const char *keep, firn_workspace_save_result *out)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result ignored;
    options.keep = keep;
    options.threads = 1;
    return fi_ws_save(world->ws, &options, out != NULL ? out : &ignored, &world->err);
}

static firn_workspace_save_result
save_keeping(struct ws_world *world, const char *keep)
{
    firn_workspace_save_result result;
    assert_int_equal(try_save_keeping(world, keep, &result), FIRN_OK);
    return result;
}

static int
try_expire(struct ws_world *world, const char *keep, bool is_dry, struct numbers *out)
{
    firn_workspace_expire_options options = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    options.keep = keep;
    options.dry_run = is_dry;
    *out = (struct numbers){.count = 0};
    return fi_gc_expire_request(world->ws, &options, note, out, &world->err);
}

static int
try_pin(struct ws_world *world, const char *reference, bool is_pinned)
{
    return fi_ws_pin_set(world->ws, &reference, 1, is_pinned, NULL, NULL, &world->err);
}

static void
set_time(struct ws_world *world, int64_t since_start_ns)
{
    fi_sim_memory_set_time(world->tree.os, START_NS + since_start_ns);
}

/* One checkpoint an hour from the start on; number i + 1 was made in the hour i. */
static void
save_hourly(struct ws_world *world, unsigned hours)
{
    for (unsigned i = 0; i < hours; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        scan_put_text(&world->tree, "file", text);
        set_time(world, i * HOUR_NS);
        ws_save(world);
    }
}

/* ---- by a policy ---- */

static void
a_save_lets_go_what_the_policy_does_not_keep(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 41);
    unsigned kept_daily = 0;
    uint64_t expired = 0;
    for (unsigned i = 0; i < 12 * 24; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i / 2);
        scan_put_text(&world.tree, "file", text);
        set_time(&world, i * HOUR_NS);
        expired += save_keeping(&world, the_default).expired;
    }
    struct numbers left = list(&world);
    for (size_t i = 0; i < left.count; i++) {
        uint64_t hour = left.numbers[i] - 1;
        if (hour < 12 * 24 - 1 - 7 * 24) {
            assert_int_equal(hour % 24, 23); /* the newest of its day */
            kept_daily++;
        }
    }
    assert_int_equal(kept_daily, 4);
    assert_int_equal(left.count + expired, 12 * 24);
    assert_true(left.count > 7 * 24 && left.count < 8 * 24 + 4);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_restore(&world, "24");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
without_a_policy_nothing_goes(void **state)
{
    struct ws_world world;
    struct numbers gone;
    ws_world_open_memory(&world, 42);
    save_hourly(&world, 30);
    set_time(&world, 900 * DAY_NS);
    assert_int_equal(save_keeping(&world, NULL).expired, 0);
    assert_int_equal(try_expire(&world, NULL, false, &gone), FIRN_OK);
    assert_int_equal(gone.count, 0);
    assert_int_equal(gc_run(&world).expired, 0);
    assert_int_equal(save_keeping(&world, "forever").expired, 0);
    assert_int_equal(list(&world).count, 32);
    assert_int_equal(try_save_keeping(&world, "nonsense", NULL), FIRN_INVALID);
    assert_int_equal(try_expire(&world, "nonsense", false, &gone), FIRN_INVALID);
    assert_int_equal(list(&world).count, 32);
    ws_world_close(&world);
}

static void
pins_tags_and_what_an_undo_needs_stay(void **state)
{
    struct ws_world world;
    struct numbers gone;
    struct numbers dry;
    firn_workspace_checkpoint *ignored;
    ws_world_open_memory(&world, 43);
    save_hourly(&world, 10);
    assert_int_equal(try_pin(&world, "2", true), FIRN_OK);
    assert_int_equal(fi_ws_tag_set(world.ws, "tagged", "3", false, &ignored, &world.err), FIRN_OK);
    ws_restore(&world, "4");
    set_time(&world, 3 * DAY_NS);
    ws_save(&world);
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(try_expire(&world, "last:1", true, &dry), FIRN_OK);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    assert_int_equal(list(&world).count, 11);
    assert_int_equal(try_expire(&world, "last:1", false, &gone), FIRN_OK);
    assert_memory_equal(&gone, &dry, sizeof gone);
    struct numbers left = list(&world);
    assert_int_equal(left.count, 3);
    assert_true(is_there(&world, 2) && is_there(&world, 3) && is_there(&world, 11));
    assert_int_equal(left.safety, 1);
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);

    assert_int_equal(gc_try_delete(&world, "2"), FIRN_CONFLICT);
    assert_int_equal(try_pin(&world, "2", false), FIRN_OK);
    gc_delete(&world, "2");
    assert_int_equal(try_pin(&world, "2", true), FIRN_NOT_FOUND);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
clocks_are_not_trusted(void **state)
{
    struct ws_world world;
    struct numbers gone;
    ws_world_open_memory(&world, 44);
    save_hourly(&world, 10);
    /* Nothing that is younger than a day. */
    assert_int_equal(try_expire(&world, "last:1", false, &gone), FIRN_OK);
    assert_int_equal(gone.count, 0);
    set_time(&world, DAY_NS + HOUR_NS / 2);
    assert_int_equal(try_expire(&world, "last:1", true, &gone), FIRN_OK);
    assert_int_equal(gone.count, 1);
    /* Nothing from the future. */
    set_time(&world, -900 * DAY_NS);
    assert_int_equal(save_keeping(&world, "last:1").expired, 0);
    /* A clock that is ahead makes nothing old. */
    set_time(&world, 9000 * DAY_NS);
    assert_int_equal(save_keeping(&world, the_default).expired, 0);
    assert_int_equal(save_keeping(&world, the_default).expired, 0);
    assert_int_equal(list(&world).count, 13);
    ws_world_close(&world);
}

static void
a_collection_lets_go_in_all_workspaces(void **state)
{
    struct ws_world world;
    struct ws_world neighbour;
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result dry;
    firn_workspace_gc_result result;
    ws_world_open_memory(&world, 45);
    save_hourly(&world, 5);
    gc_neighbour_open(&world, "/neighbour", &neighbour);
    save_hourly(&neighbour, 7);
    assert_int_equal(try_pin(&neighbour, "1", true), FIRN_OK);
    set_time(&world, 3 * DAY_NS);
    options.keep = "last:2";
    options.dry_run = true;
    assert_int_equal(fi_gc(world.ws, &options, &dry, &world.err), FIRN_OK);
    assert_int_equal(list(&world).count + list(&neighbour).count, 12);
    options.dry_run = false;
    assert_int_equal(fi_gc(world.ws, &options, &result, &world.err), FIRN_OK);
    assert_int_equal(result.expired, 3 + 4);
    assert_int_equal(dry.expired, result.expired);
    assert_int_equal(dry.objects_live, result.objects_live);
    assert_int_equal(list(&world).count, 2);
    assert_int_equal(list(&neighbour).count, 3);
    options.keep = "nonsense";
    assert_int_equal(fi_gc(world.ws, &options, &result, &world.err), FIRN_INVALID);
    gc_neighbour_close(&neighbour);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* ---- pins ---- */

static int
note_pin(void *ctx, const firn_workspace_pin *pin)
{
    struct numbers *numbers = ctx;
    assert_true(pin->created_ns >= START_NS);
    numbers->numbers[numbers->count++] = pin->number;
    return FIRN_OK;
}

static void
pins_are_set_together_and_listed(void **state)
{
    struct ws_world world;
    struct numbers pins = {.count = 0};
    struct numbers told = {.count = 0};
    ws_world_open_memory(&world, 46);
    assert_int_equal(fi_ws_pin_list(world.ws, note_pin, &pins, &world.err), FIRN_OK);
    assert_int_equal(try_pin(&world, "1", true), FIRN_NOT_FOUND);
    save_hourly(&world, 4);
    const char *const wrong[] = {"1", "9"};
    assert_int_equal(fi_ws_pin_set(world.ws, wrong, 2, true, note, &told, &world.err),
                     FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_pin_list(world.ws, note_pin, &pins, &world.err), FIRN_OK);
    assert_int_equal(pins.count + told.count, 0);
    const char *const right[] = {"1", "latest", "1"};
    assert_int_equal(fi_ws_pin_set(world.ws, right, 3, true, note, &told, &world.err), FIRN_OK);
    assert_int_equal(told.count, 3);
    assert_int_equal(fi_ws_pin_list(world.ws, note_pin, &pins, &world.err), FIRN_OK);
    assert_int_equal(pins.count, 2);
    assert_int_equal(pins.numbers[0], 4);
    assert_int_equal(pins.numbers[1], 1);
    assert_int_equal(try_pin(&world, "2", false), FIRN_OK);
    assert_int_equal(try_pin(&world, "4", false), FIRN_OK);
    pins.count = 0;
    ws_world_reopen(&world);
    assert_int_equal(fi_ws_pin_list(world.ws, note_pin, &pins, &world.err), FIRN_OK);
    assert_int_equal(pins.count, 1);
    ws_world_close(&world);
}

/* ---- faults ---- */

enum operation { PIN, UNPIN, EXPIRE, SAVE, COLLECT, OPERATIONS };
enum { CHECKPOINTS = 8 };

static void
prepare(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    save_hourly(world, CHECKPOINTS);
    assert_int_equal(try_pin(world, "3", true), FIRN_OK);
    set_time(world, 3 * DAY_NS);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static int
run(struct ws_world *world, int operation)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    struct numbers gone;
    switch (operation) {
    case PIN:
        return try_pin(world, "4", true);
    case UNPIN:
        return try_pin(world, "3", false);
    case EXPIRE:
        return try_expire(world, "last:2", false, &gone);
    case SAVE:
        return try_save_keeping(world, "last:2", NULL);
    default:
        options.keep = "last:2";
        return fi_gc(world->ws, &options, &result, &world->err);
    }
}

/* All of what was asked for, or nothing; what stays is whole, and asking again does it. */
static void
assert_all_or_nothing(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    struct numbers pins = {.count = 0};
    struct numbers left = list(world);
    assert_int_equal(fi_ws_pin_list(world->ws, note_pin, &pins, &world->err), FIRN_OK);
    if (operation == PIN || operation == UNPIN) {
        size_t done = operation == PIN ? 2 : 0;
        assert_int_equal(left.count, CHECKPOINTS);
        assert_true(pins.count == done || (broken->rc != FIRN_OK && pins.count == 1));
    } else {
        size_t made = left.numbers[0] - CHECKPOINTS;
        bool is_old = left.count == CHECKPOINTS + made;
        assert_true(is_old || left.count == 3);
        assert_true(operation != EXPIRE || broken->rc != FIRN_OK || !is_old);
        assert_true(is_there(world, 3) && is_there(world, CHECKPOINTS));
    }
    ws_assert_check_clean(world);
    ws_restore(world, "3");
    assert_int_equal(run(world, operation), FIRN_OK);
    gc_assert_exact(world);
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct ws_world prepared;
    uint64_t failures = 0;
    prepare(&prepared, 51);
    for (int operation = PIN; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared, &numbered, operation < EXPIRE ? 1 : 5);
        failures += ws_break_calls(&how, for_ever, error_number);
    }
    assert_true(failures > 1);
    ws_world_close(&prepared);
}

static void
any_call_may_fail(void **state)
{
    fail_calls(false, EIO);
    fail_calls(true, ENOSPC);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    prepare(&prepared, 52);
    for (int operation = PIN; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared, &numbered, 11);
        ws_break_allocations(&how, WS_BREAK_BY_TURNS);
    }
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct ws_world prepared;
    uint64_t cuts = 0;
    prepare(&prepared, 53);
    for (int operation = PIN; operation < OPERATIONS; operation++) {
        /* What a save or a collection let go may be there again: that was not synced. */
        struct ws_break_numbered numbered = {run, assert_all_or_nothing, operation};
        struct ws_break how = ws_break_numbered(&prepared, &numbered, operation < SAVE ? 1 : 3);
        cuts += ws_break_power(&how, 3);
    }
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
    ws_world_close(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_save_lets_go_what_the_policy_does_not_keep),
        cmocka_unit_test(without_a_policy_nothing_goes),
        cmocka_unit_test(pins_tags_and_what_an_undo_needs_stay),
        cmocka_unit_test(clocks_are_not_trusted),
        cmocka_unit_test(a_collection_lets_go_in_all_workspaces),
        cmocka_unit_test(pins_are_set_together_and_listed),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_expire", tests, NULL, NULL);
}
