/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/undo: tags, pins, messages and deletions, their undo and their redo, with their n-th call of the
 * system, their n-th allocation and their n-th moment of power gone. Afterwards the fact is changed and
 * its step can be taken back, or neither; and undo and redo change it again.
 */
#include <errno.h>

#include "base/slice.h"
#include "handle/ws_opened.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_support.h"

enum { FACTS = 4, WAYS = 3, OPERATIONS = FACTS * WAYS };

enum way { MAKE, UNDO, REDO };

static const firn_workspace_step_kind kinds[FACTS] = {FIRN_STEP_TAG, FIRN_STEP_PIN,
                                                      FIRN_STEP_DELETE, FIRN_STEP_DESCRIBE};

static const char new_message[] = "another message";

static int
make(struct ws_world *world, firn_workspace_step_kind kind)
{
    static const char *const reference = "1";
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    firn_workspace_checkpoint *given;
    switch (kind) {
    case FIRN_STEP_TAG:
        return fi_ws_tag_set(world->ws, "name", reference, false, &given, &world->err);
    case FIRN_STEP_PIN:
        return fi_ws_pin_set(world->ws, &reference, 1, true, NULL, NULL, &world->err);
    case FIRN_STEP_DESCRIBE:
        return fi_ws_describe(world->ws, reference, firn_str(new_message), &given, &world->err);
    default:
        return fi_gc_delete(world->ws, &reference, 1, &options, NULL, NULL, &world->err);
    }
}

static int
move(struct ws_world *world, enum way way)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    return way == REDO ? fi_ws_restore_redo(world->ws, &options, &result, &world->err)
                       : fi_ws_restore_undo(world->ws, &options, &result, &world->err);
}

static int
run(struct ws_world *world, int operation)
{
    enum way way = (enum way)(operation % WAYS);
    return way == MAKE ? make(world, kinds[operation / WAYS]) : move(world, way);
}

/* ---- judging ---- */

static int
count_tag(void *ctx, const firn_workspace_tag *tag)
{
    (void)tag;
    ++*(int *)ctx;
    return FIRN_OK;
}

static int
count_pin(void *ctx, const firn_workspace_pin *pin)
{
    (void)pin;
    ++*(int *)ctx;
    return FIRN_OK;
}

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(int *)ctx;
    return FIRN_OK;
}

static int
count_message(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    *(int *)ctx += fi_slice_equal(checkpoint->message, firn_str(new_message));
    return FIRN_OK;
}

static bool
is_changed(struct ws_world *world, firn_workspace_step_kind kind)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    int count = 0;
    int rc;
    options.deleted = true;
    if (kind == FIRN_STEP_TAG) {
        rc = fi_ws_tag_list(world->ws, count_tag, &count, &world->err);
    } else if (kind == FIRN_STEP_PIN) {
        rc = fi_ws_pin_list(world->ws, count_pin, &count, &world->err);
    } else if (kind == FIRN_STEP_DESCRIBE) {
        options.deleted = false;
        rc = fi_ws_list(world->ws, &options, count_message, &count, &world->err);
    } else {
        rc = fi_ws_list(world->ws, &options, count_checkpoint, &count, &world->err);
    }
    assert_int_equal(rc, FIRN_OK);
    assert_true(count <= 1);
    return count == 1;
}

/* The nearest steps. */
struct nearest {
    firn_workspace_step_kind undo; /* 0: none */
    firn_workspace_step_kind redo;
    size_t fact_count;
};

static int
take_step(void *ctx, const firn_workspace_step *step)
{
    struct nearest *nearest = ctx;
    if (step->is_redo) {
        nearest->redo = step->kind;
    } else {
        nearest->undo = step->kind;
    }
    nearest->fact_count += step->fact_count;
    return FIRN_OK;
}

static void
assert_nearest(struct ws_world *world, firn_workspace_step_kind kind, bool is_set, bool is_known)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result;
    struct nearest nearest = {.fact_count = 0};
    options.threads = world->threads;
    options.limit = 1;
    assert_int_equal(
        fi_ws_steps_list(world->ws, &options, take_step, &nearest, &result, &world->err), FIRN_OK);
    assert_int_equal(nearest.undo, is_set ? kind : FIRN_STEP_SAVE);
    assert_int_equal(nearest.redo, is_set || !is_known ? 0 : kind);
    assert_int_equal(nearest.fact_count, is_known ? 1 : 0);
}

static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    firn_workspace_step_kind kind = kinds[operation / WAYS];
    enum way way = (enum way)(operation % WAYS);
    bool is_set = is_changed(world, kind);
    bool is_known = way != MAKE || is_set;
    ws_assert_check_clean(world);
    if (broken->rc == FIRN_OK) {
        assert_int_equal(is_set, way != UNDO);
    }
    assert_nearest(world, kind, is_set, is_known);
    for (int i = 0; is_known && i < 2; i++) {
        assert_int_equal(move(world, is_set ? UNDO : REDO), FIRN_OK);
        is_set = !is_set;
        assert_int_equal(is_changed(world, kind), is_set);
        assert_nearest(world, kind, is_set, true);
    }
}

/* ---- breaking ---- */

static void
prepare(struct ws_world *world, int operation)
{
    firn_workspace_step_kind kind = kinds[operation / WAYS];
    ws_world_open_memory(world, 61 + (uint64_t)operation);
    scan_put_text(&world->tree, "a", "first");
    (void)ws_save(world);
    scan_put_text(&world->tree, "a", "second");
    (void)ws_save(world);
    scan_put_text(&world->tree, "a", "the third");
    (void)ws_save(world);
    if (operation % WAYS != MAKE) {
        assert_int_equal(make(world, kind), FIRN_OK);
    }
    if (operation % WAYS == REDO) {
        assert_int_equal(move(world, UNDO), FIRN_OK);
    }
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
break_all(void (*break_it)(const struct ws_break *how))
{
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct ws_world world;
        struct ws_break_numbered numbered = {run, judge, operation};
        prepare(&world, operation);
        struct ws_break how = ws_break_numbered(&world, &numbered, 8);
        break_it(&how);
        ws_world_close(&world);
    }
}

static void
any_call_may_fail(void **state)
{
    break_all(ws_break_any_call);
}

static void
the_power_may_go_at_any_call(void **state)
{
    break_all(ws_break_any_power);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_allocations_of(break_all);
}

static void
nothing_need_fail(void **state)
{
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct ws_world world;
        const struct ws_broken none = {.rc = FIRN_OK};
        prepare(&world, operation);
        assert_int_equal(run(&world, operation), FIRN_OK);
        judge(&world, operation, &none);
        ws_world_close(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_need_fail),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_facts_faults", tests, NULL, NULL);
}
