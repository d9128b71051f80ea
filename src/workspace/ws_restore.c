/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_restore.c: bringing a workspace, or another directory, to the state of a checkpoint.
 *
 * In place: the present state is scanned into the store, as a save would, which gives both the
 * safety checkpoint and the tree to compare with. Then plan and verify (ws_apply.c) look at
 * everything that will be needed, and only if they pass is the safety checkpoint committed and the
 * tree changed. A restore that would change nothing takes no safety checkpoint.
 *
 * A dry run compares in memory and stores nothing. Into another directory, which must be empty or
 * missing, nothing can be lost, so there is nothing to save first.
 *
 * Undo is a restore of the newest safety checkpoint. It takes one itself, so that undoing it again
 * brings back what it took away.
 */
#include <stdio.h>

#include "workspace/ws_apply.h"
#include "workspace/ws_compare.h"

enum { SCRATCH_FRAMES = 4 };

struct restoring {
    struct firn_ws *ws;
    struct firn_ws_opened opened;
    const firn_restore_options *options;
    struct firn_ws_record record; /* to be restored */
    struct firn_ws_filter filter;
    firn_restore_result *result;
    char safety_message[64];
    int64_t begun_ns;
};

static struct firn_ws_apply_options
apply_options(struct restoring *restoring, struct firn_os_dir *root,
              const struct firn_ws_diff_side *before, const struct firn_ws_diff_side *after)
{
    bool is_filtered = restoring->filter.count > 0;
    return (struct firn_ws_apply_options){.root = root,
                                          .objects = restoring->opened.objects,
                                          .before = *before,
                                          .after = *after,
                                          .filter = is_filtered ? &restoring->filter : NULL,
                                          .count_same = is_filtered,
                                          .threads = restoring->options->threads,
                                          .callbacks = restoring->options->callbacks,
                                          .visit = restoring->options->visit};
}

static void
report_counts(struct restoring *restoring, const struct firn_ws_apply *apply)
{
    const struct firn_ws_apply_counts *counts = firn_ws_apply_counts(apply);
    firn_restore_result *result = restoring->result;
    result->added = counts->added;
    result->changed = counts->changed;
    result->removed = counts->removed;
    result->unchanged = restoring->filter.count > 0
                            ? counts->same
                            : restoring->record.files - counts->added - counts->changed;
    result->incomplete = counts->incomplete;
    if (counts->written_at_ns != 0) {
        result->written_ns = counts->written_at_ns - restoring->begun_ns;
    }
}

static bool
changes_something(const struct firn_ws_apply *apply)
{
    const struct firn_ws_apply_counts *counts = firn_ws_apply_counts(apply);
    return counts->added + counts->changed + counts->removed + counts->directories > 0;
}

/* ---- dry run ---- */

static int
dry_run(struct restoring *restoring, firn_error *err)
{
    struct firn_ws_compare compare = {0};
    struct firn_ws_apply *apply = NULL;
    int rc;
    FIRN_TRY(firn_ws_compare_init(&compare, restoring->ws, &restoring->opened, &restoring->record,
                                  restoring->options->threads, &restoring->options->callbacks,
                                  err));
    struct firn_ws_apply_options options = apply_options(
        restoring, restoring->opened.root, &compare.disk_side, &compare.checkpoint_side);
    FIRN_TRY(firn_ws_apply_create(&options, &apply, err));
    FIRN_TRY(firn_ws_apply_plan(apply, err));
    FIRN_TRY(firn_ws_apply_verify(apply, err));
    report_counts(restoring, apply);
out:
    firn_ws_apply_destroy(apply);
    firn_ws_compare_deinit(&compare);
    return rc;
}

/* ---- in place ---- */

/* What a user calls a checkpoint: its number, or, of a safety checkpoint, the start of its id. */
static void
name_of(const struct firn_ws_record *record, char out[24])
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_ws_record_id_text(record->id, id);
    if (record->is_safety) {
        (void)snprintf(out, 24, "%.*s", FIRN_CHECKPOINT_ID_SHORT, id);
    } else {
        (void)snprintf(out, 24, "%llu", (unsigned long long)record->number);
    }
}

static int
commit_safety(struct restoring *restoring, struct firn_ws_save_request *request,
              const struct firn_ws_save_tree *tree, firn_error *err)
{
    char name[24];
    name_of(&restoring->record, name);
    (void)snprintf(restoring->safety_message, sizeof restoring->safety_message,
                   "before restoring %s", name);
    request->message = firn_str(restoring->safety_message);
    struct firn_buf kept = {0};
    struct firn_ws_record safety;
    /* The record being restored lives in ws->result, which a commit uses as well. */
    struct firn_buf result = restoring->ws->result;
    restoring->ws->result = kept;
    int rc = firn_ws_save_record(restoring->ws, &restoring->opened, request, tree, &safety, err);
    kept = restoring->ws->result;
    restoring->ws->result = result;
    firn_buf_deinit(&kept);
    if (rc == FIRN_OK) {
        firn_ws_record_id_text(safety.id, restoring->result->safety_id);
    }
    return rc;
}

static int
apply_in_place(struct restoring *restoring, struct firn_ws_save_request *request,
               const struct firn_ws_save_tree *tree, firn_error *err)
{
    struct firn_packfile_scratch *before_scratch = NULL;
    struct firn_packfile_scratch *after_scratch = NULL;
    struct firn_ws_objects_source before;
    struct firn_ws_objects_source after;
    struct firn_ws_apply *apply = NULL;
    struct firn_ws_opened *opened = &restoring->opened;
    int rc;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &before_scratch, err));
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &after_scratch, err));
    firn_ws_objects_source_init(&before, opened->objects, before_scratch);
    firn_ws_objects_source_init(&after, opened->objects, after_scratch);
    struct firn_ws_diff_side before_side = {.source = &before.source, .root = &tree->scan.root};
    struct firn_ws_diff_side after_side = {.source = &after.source,
                                           .root = &restoring->record.root};
    struct firn_ws_apply_options options =
        apply_options(restoring, opened->root, &before_side, &after_side);
    FIRN_TRY(firn_ws_apply_create(&options, &apply, err));
    FIRN_TRY(firn_ws_apply_plan(apply, err));
    FIRN_TRY(firn_ws_apply_verify(apply, err));
    if (changes_something(apply)) {
        FIRN_TRY(commit_safety(restoring, request, tree, err));
        FIRN_TRY(firn_ws_apply_run(apply, err));
    }
    report_counts(restoring, apply);
out:
    firn_ws_apply_destroy(apply);
    firn_packfile_scratch_destroy(before_scratch);
    firn_packfile_scratch_destroy(after_scratch);
    return rc;
}

static int
in_place(struct restoring *restoring, firn_error *err)
{
    struct firn_ws_save_request request = {.is_safety = true,
                                           .include_deps = restoring->record.include_deps,
                                           .threads = restoring->options->threads,
                                           .callbacks = restoring->options->callbacks};
    struct firn_ws_save_tree tree = {0};
    int rc = firn_ws_save_tree(&restoring->opened, &request, &tree, err);
    if (rc == FIRN_OK) {
        rc = apply_in_place(restoring, &request, &tree, err);
    }
    firn_ws_scan_result_deinit(&tree.scan);
    return rc;
}

/* ---- into another directory ---- */

static int
count_name(void *ctx, const struct firn_os_dirent *entry)
{
    (void)entry;
    (*(uint64_t *)ctx)++;
    return FIRN_OK;
}

static int
open_target(struct restoring *restoring, struct firn_os_dir **out, firn_error *err)
{
    const char *path = restoring->options->to_dir;
    uint64_t names = 0;
    int rc =
        firn_ws_place_open_dir(restoring->ws->os, path, !restoring->options->dry_run, out, err);
    if (rc == FIRN_NOT_FOUND && restoring->options->dry_run) {
        *out = NULL;
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        rc = firn_os_dir_list(*out, count_name, &names, err);
    }
    if (rc == FIRN_OK && names > 0) {
        rc =
            firn_error_set(err, FIRN_EXISTS,
                           "'%.512s' is not empty: restore into an empty or a new directory", path);
    }
    if (rc != FIRN_OK) {
        firn_os_dir_close(*out);
        *out = NULL;
    }
    return rc;
}

static int
into_directory(struct restoring *restoring, firn_error *err)
{
    struct firn_packfile_scratch *scratch = NULL;
    struct firn_ws_objects_source source;
    struct firn_os_dir *target = NULL;
    struct firn_ws_apply *apply = NULL;
    int rc;
    FIRN_TRY(open_target(restoring, &target, err));
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &scratch, err));
    firn_ws_objects_source_init(&source, restoring->opened.objects, scratch);
    struct firn_ws_diff_side nothing = {.source = &source.source};
    struct firn_ws_diff_side after = {.source = &source.source, .root = &restoring->record.root};
    struct firn_ws_apply_options options = apply_options(
        restoring, target != NULL ? target : restoring->opened.root, &nothing, &after);
    FIRN_TRY(firn_ws_apply_create(&options, &apply, err));
    FIRN_TRY(firn_ws_apply_plan(apply, err));
    if (restoring->options->dry_run) {
        FIRN_TRY(firn_ws_apply_verify(apply, err));
    } else {
        FIRN_TRY(firn_ws_apply_run(apply, err));
    }
    report_counts(restoring, apply);
out:
    firn_ws_apply_destroy(apply);
    firn_packfile_scratch_destroy(scratch);
    firn_os_dir_close(target);
    return rc;
}

/* ---- all of them ---- */

static int
find_newest_safety(struct restoring *restoring, firn_error *err)
{
    struct firn_ws_opened *opened = &restoring->opened;
    if (opened->workspace.number == 0) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is nothing to undo");
    }
    return firn_ws_catalog_newest(opened->catalog, opened->workspace.number, true,
                                  &restoring->ws->result, &restoring->record, err);
}

static int
run(struct restoring *restoring, const char *reference, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_ws_filter_init(&restoring->filter, restoring->options->paths,
                                 restoring->options->path_count, err));
    if (reference == NULL) {
        FIRN_TRY(find_newest_safety(restoring, err));
    } else {
        FIRN_TRY(firn_ws_find_record(restoring->ws, &restoring->opened, reference,
                                     &restoring->record, err));
    }
    firn_ws_record_to_checkpoint(&restoring->record, &restoring->result->checkpoint);
    if (restoring->options->to_dir != NULL) {
        FIRN_TRY(into_directory(restoring, err));
    } else if (restoring->options->dry_run) {
        FIRN_TRY(dry_run(restoring, err));
    } else {
        FIRN_TRY(in_place(restoring, err));
    }
out:
    firn_ws_filter_deinit(&restoring->filter);
    return rc;
}

/* reference NULL: the newest safety checkpoint. */
static int
restore(struct firn_ws *ws, const char *reference, const firn_restore_options *options,
        firn_restore_result *out, firn_error *err)
{
    *out = (firn_restore_result){0};
    struct restoring restoring = {
        .ws = ws, .options = options, .result = out, .begun_ns = firn_os_monotonic_ns(ws->os)};
    bool only_reads = options->dry_run || options->to_dir != NULL;
    enum firn_ws_open_mode mode = only_reads ? FIRN_WS_READ : FIRN_WS_WRITE;
    int rc = firn_ws_opened_open(ws, mode, &restoring.opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = run(&restoring, reference, err);
    /* What was restored is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &restoring.opened, rc != FIRN_OK, NULL));
    return rc;
}

int
firn_ws_restore(struct firn_ws *ws, const char *reference, const firn_restore_options *options,
                firn_restore_result *out, firn_error *err)
{
    return restore(ws, reference, options, out, err);
}

int
firn_ws_restore_undo(struct firn_ws *ws, const firn_restore_options *options,
                     firn_restore_result *out, firn_error *err)
{
    return restore(ws, NULL, options, out, err);
}
