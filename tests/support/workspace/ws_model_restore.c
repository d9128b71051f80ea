/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model_restore.c: all ways back.
 */
#include "base/slice.h"
#include "support/test.h"
#include "ws_edit.h"
#include "ws_model.h"
#include "ws_reverting.h"

static void
assert_counts(const firn_workspace_restore_result *result, const char *before, const char *after)
{
    struct ws_edit_counts counts = ws_edit_compare(before, after);
    assert_int_equal(result->added, counts.added);
    assert_int_equal(result->changed, counts.changed);
    assert_int_equal(result->removed, counts.removed);
    assert_int_equal(result->unchanged, counts.unchanged);
}

/* before and part (escaped, or NULL) are taken over. */
static void
remember_safety(struct ws_model *model, const char *safety_id, char *before, char *part)
{
    if (safety_id[0] == '\0') {
        free(before);
        free(part);
        return;
    }
    free(model->safety);
    free(model->safety_part);
    model->safety = before;
    model->safety_part = part;
}

static void
dry_run(struct ws_model *model, const char *reference, firn_workspace_restore_result *out)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.dry_run = true;
    options.threads = model->world.threads;
    uint64_t calls_before = ws_model_calls(model);
    ws_model_must(model,
                  fi_ws_restore(model->world.ws, reference, &options, out, &model->world.err));
    assert_int_equal(ws_model_calls(model), calls_before);
}

void
ws_model_restore(struct ws_model *model)
{
    char reference[32];
    size_t index = ws_model_pick(model);
    const char *wanted = model->checkpoints[index].dump;
    ws_model_reference_of(index, reference, sizeof reference);
    char *before = ws_dump(&model->world);
    firn_workspace_restore_result dry;
    dry_run(model, reference, &dry);
    ws_assert_dump(&model->world, before);
    assert_counts(&dry, before, wanted);
    firn_workspace_restore_result result = ws_restore(&model->world, reference);
    assert_counts(&result, before, wanted);
    assert_int_equal(result.incomplete, 0);
    ws_assert_dump(&model->world, wanted);
    assert_true(result.safety_id[0] != '\0' || strcmp(before, wanted) == 0);
    remember_safety(model, result.safety_id, before, NULL);
}

/* ---- a part of the tree ---- */

struct part {
    const char *path; /* escaped */
    bool inside;
};

static bool
is_in_part(void *ctx, const char *path, size_t size)
{
    const struct part *part = ctx;
    size_t part_size = strlen(part->path);
    bool is_inside = ws_edit_is_within(path, size, part->path);
    bool is_above = size < part_size && memcmp(path, part->path, size) == 0 &&
                    part->path[size] == '/'; /* may have to be made */
    return part->inside ? is_inside : !is_inside && !is_above;
}

/* What a restore of a part may be held to. Outside of it only contents: it moves the times of
 * directories above, and the metadata of an inode is that of all its names. */
static char *
lines_of_part(const char *dump, const struct part *part)
{
    const char *const loose[] = {"mode=", "uid=", "gid=", "mtime=", "xattrs=", "link="};
    char *lines = ws_edit_lines(dump, is_in_part, (void *)(uintptr_t)part);
    char *result =
        part->inside ? ws_edit_without(lines, loose + 5, 1) : ws_edit_without(lines, loose, 6);
    free(lines);
    return result;
}

static void
assert_same_part(const char *found, const char *wanted, const char *path, bool inside)
{
    const struct part part = {.path = path, .inside = inside};
    char *left = lines_of_part(found, &part);
    char *right = lines_of_part(wanted, &part);
    assert_string_equal(left, right);
    free(left);
    free(right);
}

/* ---- undo ---- */

void
ws_model_undo(struct ws_model *model)
{
    firn_workspace_restore_result result;
    if (model->safety == NULL) {
        assert_int_equal(ws_try_undo(&model->world, &result), FIRN_NOT_FOUND);
        return;
    }
    char *before = ws_dump(&model->world);
    int rc = ws_try_undo(&model->world, &result);
    if (rc == FIRN_CONFLICT && model->safety_part != NULL) {
        /* What was a directory above it is something else by now. */
        ws_assert_dump(&model->world, before);
        free(before);
        return;
    }
    ws_model_must(model, rc);
    char *part = NULL;
    if (model->safety_part == NULL) {
        assert_counts(&result, before, model->safety);
        ws_assert_dump(&model->world, model->safety);
    } else {
        char *after = ws_dump(&model->world);
        part = strdup(model->safety_part);
        assert_same_part(after, model->safety, part, true);
        assert_same_part(after, before, part, false);
        free(after);
    }
    remember_safety(model, result.safety_id, before, part);
}

void
ws_model_undo_twice(struct ws_model *model)
{
    char *before = ws_dump(&model->world);
    bool can = model->safety != NULL;
    ws_model_undo(model);
    if (can) {
        bool is_whole = model->safety_part == NULL;
        ws_model_undo(model);
        if (is_whole) {
            ws_assert_dump(&model->world, before);
        }
    }
    free(before);
}

/* ---- restoring a part ---- */

void
ws_model_restore_part(struct ws_model *model)
{
    char *path = ws_model_pick_path(model);
    if (path == NULL) {
        return;
    }
    char *escaped = ws_edit_escape(path);
    char reference[32];
    size_t index = ws_model_pick(model);
    const char *wanted = model->checkpoints[index].dump;
    ws_model_reference_of(index, reference, sizeof reference);
    firn_slice slice = firn_str(path);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result dry;
    firn_workspace_restore_result result;
    options.paths = &slice;
    options.path_count = 1;
    options.threads = model->world.threads;
    options.dry_run = true;
    char *before = ws_dump(&model->world);
    uint64_t calls_before = ws_model_calls(model);
    ws_model_must(model,
                  fi_ws_restore(model->world.ws, reference, &options, &dry, &model->world.err));
    assert_int_equal(ws_model_calls(model), calls_before);
    options.dry_run = false;
    ws_model_must(model,
                  fi_ws_restore(model->world.ws, reference, &options, &result, &model->world.err));
    assert_int_equal(result.added, dry.added);
    assert_int_equal(result.changed, dry.changed);
    assert_int_equal(result.removed, dry.removed);
    assert_int_equal(result.unchanged, dry.unchanged);
    char *after = ws_dump(&model->world);
    assert_same_part(after, wanted, escaped, true);
    assert_same_part(after, before, escaped, false);
    free(after);
    remember_safety(model, result.safety_id, before, escaped);
    free(path);
}

/* ---- elsewhere ---- */

void
ws_model_restore_elsewhere(struct ws_model *model)
{
    char reference[32];
    char target[1200];
    size_t index = ws_model_pick(model);
    ws_model_reference_of(index, reference, sizeof reference);
    snprintf(target, sizeof target, "%s.elsewhere", model->world.root_path);
    char *before = ws_dump(&model->world);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.to_dir = target;
    options.threads = model->world.threads;
    ws_model_must(model,
                  fi_ws_restore(model->world.ws, reference, &options, &result, &model->world.err));
    assert_int_equal(result.added, model->checkpoints[index].root_files);
    struct scan_world other = {.os = model->world.tree.os};
    ws_model_must(model, fi_os_dir_open_path(other.os, target, &other.root, &model->world.err));
    char *found = scan_dump_real(&other, true);
    assert_string_equal(found, model->checkpoints[index].dump);
    free(found);
    if (ws_model_is_in_memory(model)) {
        fi_os_dir_close(other.root);
        ws_model_must(model, fi_os_dir_open_path(other.os, "/", &other.root, &model->world.err));
        scan_remove_tree(&other, target + 1);
        fi_os_dir_close(other.root);
    } else {
        other.temp_path = strdup(target);
        scan_world_close(&other);
    }
    ws_assert_dump(&model->world, before);
    free(before);
}

/* ---- taking back ---- */

/* Two that were not deleted, the older one first; false if there is one alone. */
static bool
pick_two(struct ws_model *model, size_t *out_older, size_t *out_newer)
{
    if (model->live < 2) {
        return false;
    }
    do {
        *out_older = ws_model_pick(model);
        *out_newer = ws_model_pick(model);
    } while (*out_older >= *out_newer);
    return true;
}

/* From what the newer one was, the way back is to all that the older one was. From anything else it
 * is what test_ws_revert.c checks path by path; here, that it can be undone, or changes nothing. */
void
ws_model_revert(struct ws_model *model)
{
    char older[32];
    char newer[32];
    size_t from;
    size_t to;
    struct ws_reverting dry;
    struct ws_reverting reverting;
    if (!pick_two(model, &to, &from)) {
        return;
    }
    ws_model_reference_of(to, older, sizeof older);
    ws_model_reference_of(from, newer, sizeof newer);
    bool is_newer = ws_model_below(model, 2) == 0;
    if (is_newer) {
        char *before = ws_dump(&model->world);
        firn_workspace_restore_result result = ws_restore(&model->world, newer);
        remember_safety(model, result.safety_id, before, NULL);
    }
    char *before = ws_dump(&model->world);
    int dry_rc = ws_try_revert(&model->world, older, newer, true, &dry);
    ws_assert_dump(&model->world, before);
    int rc = ws_try_revert(&model->world, older, newer, false, &reverting);
    assert_int_equal(rc, dry_rc);
    assert_string_equal(reverting.conflicts, dry.conflicts);
    if (rc == FIRN_CONFLICT && !is_newer) {
        assert_true(reverting.conflict_count > 0);
        ws_assert_dump(&model->world, before);
        free(before);
        return;
    }
    ws_model_must(model, rc);
    char *after = ws_dump(&model->world);
    struct ws_edit_counts counts = ws_edit_compare(before, after);
    assert_int_equal(reverting.result.added, counts.added);
    assert_int_equal(reverting.result.changed, counts.changed);
    assert_int_equal(reverting.result.removed, counts.removed);
    if (is_newer) {
        assert_string_equal(after, model->checkpoints[to].dump);
    }
    assert_true(reverting.result.safety_id[0] != '\0' || strcmp(before, after) == 0);
    free(after);
    remember_safety(model, reverting.result.safety_id, before, NULL);
}
