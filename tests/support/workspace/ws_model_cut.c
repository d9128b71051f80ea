/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model_cut.c: the power goes.
 */
#include "sim/sim_memory.h"
#include "support/test.h"
#include "ws_edit.h"
#include "ws_model.h"

/* ---- power ---- */

enum way_out { AGAIN, RESUME, UNDO, SAVE, WAYS_OUT };

static void
assert_is_either(struct ws_world *world, const char *a, const char *b)
{
    static const char *const loose[] = {"mtime="};
    const char *const wanted[] = {a, b};
    char *dump = ws_dump(world);
    char *now = ws_edit_without(dump, loose, 1);
    bool is_found = false;
    for (size_t i = 0; i < 2 && !is_found; i++) {
        char *text = ws_edit_without(wanted[i], loose, 1);
        is_found = strcmp(now, text) == 0;
        free(text);
    }
    assert_true(is_found);
    free(now);
    free(dump);
}

/* What is done with a restore of `wanted` over `before` that the power ended, if it was begun. */
static void
find_way_out(struct ws_model *other, const char *reference, const char *before, const char *wanted)
{
    struct ws_world *world = &other->world;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    firn_workspace_pending_restore pending;
    bool is_edited = ws_model_below(other, 3) == 0;
    enum way_out way = (enum way_out)ws_model_below(other, WAYS_OUT);
    options.threads = world->threads;
    ws_model_must(other, fi_ws_pending(world->ws, &pending, &world->err));
    if (is_edited) {
        ws_model_edit(other);
    }
    if (way == AGAIN || !pending.is_pending) {
        ws_restore(world, reference);
        ws_assert_dump(world, wanted);
        return;
    }
    if (way == RESUME) {
        ws_model_must(other, fi_ws_restore_resume(world->ws, &options, &result, &world->err));
    } else if (way == UNDO) {
        ws_model_must(other, ws_try_undo(world, NULL));
    } else {
        ws_save(world);
    }
    ws_model_must(other, fi_ws_pending(world->ws, &pending, &world->err));
    assert_false(pending.is_pending);
    if (!is_edited) {
        assert_is_either(world, way == RESUME ? wanted : before, way == UNDO ? before : wanted);
    }
}

/* On a machine of its own: a save or a restore with the power gone at a random call. */
void
ws_model_cut(struct ws_model *model)
{
    struct ws_model other = {.random = model->random};
    char reference[32];
    size_t index = ws_model_pick(model);
    bool is_save = ws_model_below(model, 2) == 0;
    ws_model_reference_of(index, reference, sizeof reference);
    ws_model_must(model, fi_os_dir_sync_filesystem(model->world.tree.root, &model->world.err));
    char *before = ws_dump(&model->world);
    ws_world_clone(&model->world, &other.world);
    struct fi_os *os = other.world.tree.os;
    uint64_t at = ws_model_below(model, is_save ? 30 : 300);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + 1 + at);
    int rc =
        is_save ? ws_try_save(&other.world, NULL) : ws_try_restore(&other.world, reference, NULL);
    assert_true(rc == FIRN_OK || fi_sim_memory_is_off(os));
    fi_sim_memory_power_cut(os, ws_model_below(model, 1000));
    fi_sim_memory_set_cut_at(os, 0);
    ws_world_reopen(&other.world);

    ws_assert_check_clean(&other.world);
    char *now = ws_dump(&other.world);
    const char *wanted = model->checkpoints[index].dump;
    if (is_save) {
        assert_string_equal(now, before);
        firn_workspace_checkpoint *newest;
        ws_model_must(&other, fi_ws_find(other.world.ws, "latest", &newest, &other.world.err));
        assert_true(newest->number == model->count + 1 ||
                    (rc != FIRN_OK && newest->number == ws_model_latest(model) + 1));
    } else {
        assert_true(rc != FIRN_OK || strcmp(now, wanted) == 0);
        assert_true(ws_edit_is_mix(now, before, wanted));
        find_way_out(&other, reference, before, wanted);
    }
    ws_restore(&other.world, reference);
    ws_assert_dump(&other.world, wanted);
    ws_save(&other.world);
    ws_assert_check_clean(&other.world);
    ws_world_close(&other.world);
    free(now);
    free(before);
}
