/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model_keep.c: which checkpoints and paths stay, what becomes of the room of the
 * others, and what of all that a damaged store.
 */
#include "base/slice.h"
#include "gc_support.h"
#include "operations/operations.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "ws_edit.h"
#include "ws_model.h"

static void
set_pin(struct ws_model *model, size_t index, bool is_pinned)
{
    char text[32];
    const char *reference = text;
    ws_model_reference_of(index, text, sizeof text);
    ws_model_must(model, fi_ws_pin_set(model->world.ws, &reference, 1, is_pinned, NULL, NULL,
                                       &model->world.err));
    model->checkpoints[index].is_pinned = is_pinned;
}

struct expiring {
    struct ws_model *model;
    size_t last; /* so many have to stay */
};

static int
meet_expired(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct expiring *expiring = ctx;
    struct ws_model *model = expiring->model;
    size_t newer = 0;
    if (checkpoint->is_safety) {
        return FIRN_OK;
    }
    size_t index = checkpoint->number - 1;
    assert_true(index < model->count && model->checkpoints[index].dump != NULL);
    assert_false(model->checkpoints[index].is_pinned);
    assert_true(fi_os_now_ns(model->world.tree.os) - checkpoint->created_ns >
                INT64_C(24) * 3600 * 1000000000);
    for (size_t i = index + 1; i < model->count; i++) {
        newer += model->checkpoints[i].dump != NULL ? 1 : 0;
    }
    assert_true(newer >= expiring->last);
    ws_model_forget_dump(model, index);
    return FIRN_OK;
}

/* Pins one, lets one go, or all that is too old. They are told newest first, so that the one that is met
 * has all that are newer and stay before him. */
void
ws_model_keep(struct ws_model *model)
{
    struct expiring expiring = {.model = model, .last = 1 + ws_model_below(model, 6)};
    firn_workspace_expire_options options = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    char policy[32];
    size_t index = ws_model_pick(model);
    if (ws_model_below(model, 2) == 0) {
        set_pin(model, index, !model->checkpoints[index].is_pinned);
        return;
    }
    snprintf(policy, sizeof policy, "last:%zu", expiring.last);
    options.keep = policy;
    ws_model_must(model, fi_gc_expire_request(model->world.ws, &options, meet_expired, &expiring,
                                              &model->world.err));
    ws_assert_check_clean(&model->world);
}

/* Deletes one checkpoint, but never the last. */
void
ws_model_delete_one(struct ws_model *model)
{
    if (model->live < 2) {
        return;
    }
    char text[32];
    const char *reference = text;
    size_t index = ws_model_pick(model);
    ws_model_reference_of(index, text, sizeof text);
    const firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    struct firn_ws *ws = model->world.ws;
    char *before = ws_dump(&model->world);
    if (model->checkpoints[index].is_pinned) {
        assert_int_equal(fi_gc_delete(ws, &reference, 1, &options, NULL, NULL, &model->world.err),
                         FIRN_CONFLICT);
        set_pin(model, index, false);
    }
    ws_model_must(model, fi_gc_delete(ws, &reference, 1, &options, NULL, NULL, &model->world.err));
    ws_model_forget_dump(model, index);
    firn_workspace_checkpoint *found;
    assert_int_equal(fi_ws_find(ws, reference, &found, &model->world.err), FIRN_NOT_FOUND);
    ws_assert_dump(&model->world, before);
    free(before);
}

/* By turns after a week in which safety checkpoints grew too old: the tree stays as it is, and all
 * checkpoints stay whole. */
void
ws_model_collect(struct ws_model *model)
{
    const int64_t week_and_more_ns = INT64_C(8) * 24 * 3600 * 1000 * 1000 * 1000;
    firn_workspace_gc_result result;
    struct ws_world *world = &model->world;
    struct fi_os *os = world->tree.os;
    uint64_t way = ws_model_below(model, 6);
    if (ws_model_is_in_memory(model) && ws_model_below(model, 2) == 0) {
        fi_sim_memory_set_time(os, fi_os_now_ns(os) + week_and_more_ns);
    }
    char *before = ws_dump(world);
    ws_model_must(model, way == 0   ? gc_try_auto(world, NULL, &result)
                         : way == 1 ? gc_try_recompress(world, 9, &result)
                         : way == 2 ? gc_try_in_pieces(world, &result)
                                    : gc_try(world, way == 3, &result));
    assert_int_equal(result.damaged, 0);
    ws_assert_dump(world, before);
    ws_assert_check_clean(world);
    free(before);
}

/* ---- forgetting ---- */

static bool
is_not_in_part(void *ctx, const char *path, size_t size)
{
    return !ws_edit_is_within(path, size, ctx);
}

/* Every checkpoint is what it was, but for the path; hard links may have another first name. */
static void
assert_forgotten(struct ws_model *other, const char *part)
{
    static const char *const loose[] = {"link="};
    for (size_t i = 0; i < other->count; i++) {
        char reference[32];
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result result;
        struct scan_world elsewhere = {.os = other->world.tree.os};
        if (other->checkpoints[i].dump == NULL) {
            continue;
        }
        ws_model_reference_of(i, reference, sizeof reference);
        options.to_dir = "/elsewhere";
        ws_model_must(
            other, fi_ws_restore(other->world.ws, reference, &options, &result, &other->world.err));
        ws_model_must(other, fi_os_dir_open_path(elsewhere.os, "/elsewhere", &elsewhere.root,
                                                 &other->world.err));
        char *dump = scan_dump_real(&elsewhere, true);
        char *lines =
            ws_edit_lines(other->checkpoints[i].dump, is_not_in_part, (void *)(uintptr_t)part);
        char *wanted = ws_edit_without(lines, loose, 1);
        char *found = ws_edit_without(dump, loose, 1);
        assert_string_equal(found, wanted);
        free(found);
        free(wanted);
        free(lines);
        free(dump);
        fi_os_dir_close(elsewhere.root);
        ws_model_must(other,
                      fi_os_dir_open_path(elsewhere.os, "/", &elsewhere.root, &other->world.err));
        scan_remove_tree(&elsewhere, "elsewhere");
        fi_os_dir_close(elsewhere.root);
    }
}

static int
forget_path(struct ws_model *other, const char *path)
{
    firn_workspace_forget_options options = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result result;
    firn_slice slice = firn_str(path);
    options.paths = &slice;
    options.path_count = 1;
    return fi_ws_forget(other->world.ws, &options, NULL, NULL, &result, &other->world.err);
}

/* On a machine of its own, sometimes with the power gone in between: something is forgotten, and
 * collected. */
void
ws_model_forget(struct ws_model *model)
{
    struct ws_model other = *model;
    char *path = ws_model_pick_path(model);
    if (path == NULL) {
        return;
    }
    char *escaped = ws_edit_escape(path);
    ws_model_must(model, fi_os_dir_sync_filesystem(model->world.tree.root, &model->world.err));
    ws_world_clone(&model->world, &other.world);
    struct fi_os *os = other.world.tree.os;
    if (ws_model_below(model, 2) == 0) {
        fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + 1 + ws_model_below(model, 40));
    }
    int rc = forget_path(&other, path);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND || fi_sim_memory_is_off(os));
    if (fi_sim_memory_is_off(os)) {
        fi_sim_memory_power_cut(os, ws_model_below(model, 1000));
        fi_sim_memory_set_cut_at(os, 0);
        ws_world_reopen(&other.world);
        ws_assert_check_clean(&other.world);
        rc = rc == FIRN_OK ? FIRN_OK : forget_path(&other, path);
    }
    fi_sim_memory_set_cut_at(os, 0);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    ws_assert_check_clean(&other.world);
    ws_model_collect(&other);
    assert_forgotten(&other, escaped);
    ws_world_close(&other.world);
    free(escaped);
    free(path);
}

/* ---- damage ---- */

struct repairing {
    struct ws_model *model;
    bool *must_be_there; /* of the model's checkpoints: intact, and in the workspace as before */
};

static void
meet_repaired(void *ctx, const firn_workspace_repair_checkpoint *found)
{
    struct repairing *repairing = ctx;
    const firn_workspace_checkpoint *checkpoint = found->checkpoint;
    if (!checkpoint->is_safety && checkpoint->number - 1 < repairing->model->count) {
        repairing->must_be_there[checkpoint->number - 1] =
            found->state == FIRN_REPAIR_STATE_INTACT && !found->was_found;
    }
}

static void
cut_short(struct ws_model *other, struct scan_world *store, const char *path)
{
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    struct fi_os_stat stat;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char *parent = strndup(path, slash == NULL ? 0 : (size_t)(slash - path));
    firn_error *err = &other->world.err;
    ws_model_must(other, fi_os_dir_open_beneath(store->root, parent, &dir, err));
    ws_model_must(other, fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, &file, err));
    ws_model_must(other, fi_os_file_stat(file, &stat, err));
    uint64_t size = ws_model_below(other, stat.size_bytes + 1);
    ws_model_must(other, fi_os_file_truncate(file, size, err));
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    free(parent);
}

/* Cuts a file of the store short, or takes it away. */
static void
damage_store(struct ws_model *other)
{
    struct scan_world store = {.os = other->world.tree.os};
    struct ws_edit_list files;
    size_t index;
    ws_model_must(other, fi_os_dir_open_path(store.os, other->world.store_path, &store.root,
                                             &other->world.err));
    ws_edit_list_fill(&files, &store);
    do {
        index = ws_model_below(other, files.count);
    } while (files.items[index].kind != FI_OS_FILE);
    if (ws_model_below(other, 2) == 0) {
        scan_remove_file(&store, files.items[index].path);
    } else {
        cut_short(other, &store, files.items[index].path);
    }
    ws_edit_list_deinit(&files);
    fi_os_dir_close(store.root);
}

struct roots {
    size_t count;
    struct fi_buf first;
};

static int
take_root(void *ctx, const firn_workspace_info *info)
{
    struct roots *roots = ctx;
    if (roots->count++ == 0) {
        assert_int_equal(fi_buf_append_str(&roots->first, info->root), FIRN_OK);
    }
    return FIRN_OK;
}

/* That the root was moved may be what was last in the log, or what the catalog has lost: then the
 * workspace is known by its directory, or goes by the path that it had at its last checkpoint. False
 * where nothing tells which of several it is: some were found that nothing leads to. */
static bool
adopt_if_lost(struct ws_model *other)
{
    struct ws_world *world = &other->world;
    struct roots roots = {0};
    if (ws_try_check(world, NULL) == FIRN_CONFLICT) {
        ws_model_must(other, fi_ws_workspaces_adopt(world->ws, NULL, &world->err));
        ws_world_reopen(world);
        return true;
    }
    ws_model_must(other, fi_ws_workspaces_list(world->tree.os, world->store_path, take_root, &roots,
                                               &world->err));
    const char *root = fi_buf_text(&roots.first);
    assert_non_null(root);
    if (roots.count == 1 && strcmp(root, world->root_path) != 0) {
        ws_model_must(other, fi_ws_workspaces_adopt(world->ws, root, &world->err));
        ws_world_reopen(world);
    }
    fi_buf_deinit(&roots.first);
    return roots.count <= 1;
}

/* Whatever is told to be intact is what it was. */
void
ws_model_repair(struct ws_model *model)
{
    struct ws_model other = *model;
    firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result result;
    struct repairing repairing = {.model = model,
                                  .must_be_there = calloc(model->count, sizeof(bool))};
    assert_non_null(repairing.must_be_there);
    ws_model_must(model, fi_os_dir_sync_filesystem(model->world.tree.root, &model->world.err));
    ws_world_clone(&model->world, &other.world);
    damage_store(&other);
    ws_world_reopen(&other.world);
    options.on_checkpoint = meet_repaired;
    options.callbacks.ctx = &repairing;
    ws_model_must(&other, fi_repair(other.world.ws, &options, &result, &other.world.err));
    if (!adopt_if_lost(&other)) {
        memset(repairing.must_be_there, 0, model->count * sizeof(bool));
    }
    ws_assert_check_clean(&other.world);
    for (size_t i = 0; i < model->count; i++) {
        char reference[32];
        firn_workspace_checkpoint *found;
        if (model->checkpoints[i].dump == NULL) {
            continue;
        }
        ws_model_reference_of(i, reference, sizeof reference);
        /* What was last in the log may be missing without a trace, as if it had never been; and what
         * was found may be of a workspace of its own, where the root was moved. */
        int rc = fi_ws_find(other.world.ws, reference, &found, &other.world.err);
        assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && !repairing.must_be_there[i]));
        if (rc == FIRN_OK && (result.was_intact || repairing.must_be_there[i])) {
            ws_restore(&other.world, reference);
            ws_assert_dump(&other.world, model->checkpoints[i].dump);
        }
    }
    ws_save(&other.world);
    ws_assert_check_clean(&other.world);
    ws_world_close(&other.world);
    model->random = other.random;
    free(repairing.must_be_there);
}
