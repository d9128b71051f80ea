/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: a workspace against a model (ws_model.h). Random trees are edited, saved,
 * restored, undone, taken back, compared, listed, checked and moved in a random order; checkpoints
 * are pinned, deleted or let go by their age, paths are forgotten, room is collected, stores are
 * damaged and repaired, the power is cut, with every way out of a restore that it interrupts.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs 5,000 steps for each of eight.
 */
#include "support/test.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_model.h"

/* More checkpoints would make the checks of a long run slow, and show nothing else. */
enum { LIVE_MAX = 24 };

static void
step(struct ws_model *model)
{
    switch (ws_model_below(model, 23)) {
    case 0:
    case 1:
        ws_model_save(model);
        break;
    case 2:
    case 3:
        ws_model_restore(model);
        break;
    case 4:
        ws_model_undo(model);
        break;
    case 5:
        ws_model_undo_twice(model);
        break;
    case 6:
        ws_model_restore_part(model);
        break;
    case 7:
        ws_model_restore_elsewhere(model);
        break;
    case 8:
        ws_model_status(model);
        break;
    case 9:
        ws_model_look(model);
        break;
    case 10:
        ws_assert_check_clean(&model->world);
        break;
    case 11:
        ws_world_reopen(&model->world);
        break;
    case 12:
        if (ws_model_is_in_memory(model)) {
            ws_model_cut(model);
        }
        break;
    case 13:
        ws_model_delete_one(model);
        break;
    case 14:
        ws_model_collect(model);
        break;
    case 15:
        if (ws_model_is_in_memory(model)) {
            ws_model_move(model);
        }
        break;
    case 16:
        ws_model_keep(model);
        break;
    case 17:
        if (ws_model_is_in_memory(model)) {
            ws_model_forget(model);
        }
        break;
    case 18:
        ws_model_diff(model);
        break;
    case 19:
        ws_model_revert(model);
        break;
    case 20:
        if (ws_model_is_in_memory(model) && ws_model_below(model, 4) == 0) {
            ws_model_repair(model);
        }
        break;
    default:
        ws_model_edit(model);
        break;
    }
    while (model->live > LIVE_MAX) {
        ws_model_delete_one(model);
    }
}

static void
run_model(struct ws_model *model, size_t entries, unsigned steps)
{
    ws_edit_grow(&model->world.tree, &model->random, entries);
    ws_model_save(model);
    for (unsigned i = 0; i < steps; i++) {
        step(model);
    }
    ws_assert_check_clean(&model->world);
    for (size_t i = 0; i < model->count; i++) {
        char reference[32];
        if (model->checkpoints[i].dump == NULL) {
            continue;
        }
        ws_model_reference_of(i, reference, sizeof reference);
        ws_restore(&model->world, reference);
        ws_assert_dump(&model->world, model->checkpoints[i].dump);
        free(model->checkpoints[i].dump);
    }
    free(model->checkpoints);
    free(model->safety);
    free(model->safety_part);
    ws_world_close(&model->world);
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
a_workspace_in_memory_is_what_the_model_says(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long() ? 8 : 4;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct ws_model model = {0};
        test_random_init(&model.random, "ws_model, in memory", seed);
        ws_world_open_memory(&model.world, seed);
        uint64_t entries =
            is_long() ? 40 + ws_model_below(&model, 161) : 20 + ws_model_below(&model, 60);
        run_model(&model, entries, is_long() ? 5000 : 80);
    }
}

static void
a_workspace_on_disk_is_what_the_model_says(void **state)
{
    struct ws_model model = {0};
    test_random_init(&model.random, "ws_model, on disk", 101);
    ws_world_open_disk(&model.world);
    model.world.threads = 4;
    run_model(&model, is_long() ? 2000 : 60, is_long() ? 500 : 30);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_in_memory_is_what_the_model_says),
        cmocka_unit_test(a_workspace_on_disk_is_what_the_model_says),
    };
    return cmocka_run_group_tests_name("ws_model", tests, NULL, NULL);
}
