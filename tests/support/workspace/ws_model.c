/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model.c: the state of the model, and what changes it first of all: edits, saves,
 * moves.
 */
#include "ws_model.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "ws_edit.h"

uint64_t
ws_model_below(struct ws_model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

bool
ws_model_is_in_memory(const struct ws_model *model)
{
    return model->world.tree.temp_path == NULL;
}

uint64_t
ws_model_calls(const struct ws_model *model)
{
    return ws_model_is_in_memory(model) ? fi_sim_memory_calls(model->world.tree.os) : 0;
}

void
ws_model_must(struct ws_model *model, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
}

void
ws_model_reference_of(size_t index, char *out, size_t size)
{
    snprintf(out, size, "%zu", index + 1);
}

/* One that was not deleted. */
size_t
ws_model_pick(struct ws_model *model)
{
    size_t index;
    do {
        index = ws_model_below(model, model->count);
    } while (model->checkpoints[index].dump == NULL);
    return index;
}

char *
ws_model_pick_path(struct ws_model *model)
{
    struct ws_edit_list list;
    char *path = NULL;
    ws_edit_list_fill(&list, &model->world.tree);
    if (list.count > 0) {
        path = strdup(list.items[ws_model_below(model, list.count)].path);
        assert_non_null(path);
    }
    ws_edit_list_deinit(&list);
    return path;
}

/* The newest that was not deleted; its number is one more. */
size_t
ws_model_latest(const struct ws_model *model)
{
    size_t index = model->count - 1;
    while (model->checkpoints[index].dump == NULL) {
        index--;
    }
    return index;
}

void
ws_model_forget_dump(struct ws_model *model, size_t index)
{
    free(model->checkpoints[index].dump);
    model->checkpoints[index].dump = NULL;
    model->live--;
}

void
ws_model_edit(struct ws_model *model)
{
    for (uint64_t left = 1 + ws_model_below(model, 12); left > 0; left--) {
        ws_edit_step(&model->world.tree, &model->random);
    }
}

void
ws_model_save(struct ws_model *model)
{
    char *dump = ws_dump(&model->world);
    firn_workspace_save_result result = ws_save(&model->world);
    assert_int_equal(result.checkpoint->number, model->count + 1);
    assert_int_equal(result.checkpoint->skipped, 0);
    const char *previous = model->count == 0 ? "" : model->checkpoints[ws_model_latest(model)].dump;
    struct ws_edit_counts counts = ws_edit_compare(previous, dump);
    assert_int_equal(result.added, counts.added);
    assert_int_equal(result.changed, counts.changed);
    assert_int_equal(result.removed, counts.removed);
    assert_int_equal(result.checkpoint->files, counts.added + counts.changed + counts.unchanged);
    ws_assert_dump(&model->world, dump);
    model->checkpoints =
        realloc(model->checkpoints, (model->count + 1) * sizeof *model->checkpoints);
    assert_non_null(model->checkpoints);
    model->checkpoints[model->count++] =
        (struct ws_model_checkpoint){.dump = dump, .root_files = result.checkpoint->files};
    model->live++;
}

/* Renames the root; its history comes along when it is adopted. */
void
ws_model_move(struct ws_model *model)
{
    char to[32];
    snprintf(to, sizeof to, "/w%u", (unsigned)ws_model_below(model, 1000));
    if (strcmp(to, model->world.root_path) != 0) {
        ws_world_move(&model->world, to);
    }
}
