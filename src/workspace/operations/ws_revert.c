/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_revert.c: taking back what one checkpoint changed, and keeping what came after.
 *
 * It is a three-way merge with the roles that "git revert" gives them: the base is the checkpoint
 * that is taken back, ours is the disk, theirs is the checkpoint before. The base and theirs differ
 * by the change, reversed; the base and ours differ by what came after.
 *
 * The disk is scanned as for a restore, under the rules of both checkpoints and of today; a path
 * that any of them excludes is not touched. The merged tree is restored as if it were a checkpoint
 * (ws_restore_in_place.c). So a crash, an undo and an edit meanwhile are handled as in any restore
 * (I1; not checked: nothing is written here).
 *
 * The merge changes only the paths that the caller asks for. All others are in the merged tree as
 * they are on the disk, and the merged tree is restored whole.
 *
 * A range is one change: everything between two checkpoints. The older one may be any checkpoint; a
 * single checkpoint is compared with the nearest earlier one that still exists.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "gc/gc.h"
#include "operations/operations_internal.h"

/* ---- which checkpoints ---- */

/* The checkpoint before the one that is taken back. */
static int
find_one_before(struct fi_ws_revert *revert, struct fi_buf *bytes, firn_error *err)
{
    char name[FI_WS_RESTORING_NAME_SIZE];
    int rc = fi_ws_find_previous(revert->restoring.ws, revert->restoring.opened, &revert->after,
                                 bytes, &revert->before, err);
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    fi_ws_restoring_name(&revert->after, name);
    return fi_error_set(err, FIRN_NOT_FOUND,
                        "there is no checkpoint before %s, so what it changed is not known", name);
}

static int
find_both(struct fi_ws_revert *revert, struct fi_buf *after_bytes, struct fi_buf *before_bytes,
          firn_error *err)
{
    const firn_workspace_revert_options *options = revert->options;
    char after[FI_WS_RESTORING_NAME_SIZE];
    char before[FI_WS_RESTORING_NAME_SIZE];
    struct firn_ws *ws = revert->restoring.ws;
    struct fi_ws_opened *opened = revert->restoring.opened;
    FI_TRY_RETURN(fi_ws_find_own(ws, opened, options->after == NULL ? "latest" : options->after,
                                 after_bytes, &revert->after, err));
    FI_TRY_RETURN(options->before == NULL ? find_one_before(revert, before_bytes, err)
                                          : fi_ws_find_own(ws, opened, options->before,
                                                           before_bytes, &revert->before, err));
    fi_ws_restoring_name(&revert->after, after);
    fi_ws_restoring_name(&revert->before, before);
    if (revert->before.order >= revert->after.order) {
        return fi_error_set(err, FIRN_INVALID, "checkpoint %s is not older than %s", before, after);
    }
    if (options->before == NULL) {
        (void)snprintf(revert->doing, sizeof revert->doing, "reverting %s", after);
    } else {
        (void)snprintf(revert->doing, sizeof revert->doing, "reverting %s..%s", before, after);
    }
    FI_TRY_RETURN(
        fi_ws_given_checkpoint(revert->restoring.ws, &revert->after, &revert->result->after, err));
    return fi_ws_given_checkpoint(revert->restoring.ws, &revert->before, &revert->result->before,
                                  err);
}

/* ---- the whole ---- */

static void
ws_revert_report(struct fi_ws_revert *revert)
{
    const firn_workspace_restore_result *restored = revert->restoring.result;
    firn_workspace_revert_result *result = revert->result;
    DCHECK(result->conflicts == 0);
    DCHECK(!revert->options->dry_run || restored->safety_id[0] == '\0');
    memcpy(result->safety_id, restored->safety_id, sizeof result->safety_id);
    result->added = restored->added;
    result->changed = restored->changed;
    result->removed = restored->removed;
    result->incomplete += restored->incomplete;
    result->left_alone += restored->left_alone;
    result->not_restored = restored->not_restored;
}

/* A pending restore has been handled; one that is still pending was reported as foreign. */
static int
read_journal(struct fi_ws_revert *revert, firn_error *err)
{
    struct fi_ws_restoring *restoring = &revert->restoring;
    const struct fi_ws_opened *opened = restoring->opened;
    bool is_foreign;
    FI_TRY_RETURN(
        fi_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    FI_TRY_RETURN(
        fi_ws_begun_is_foreign(restoring->ws, opened, &restoring->journal, &is_foreign, err));
    if (is_foreign) {
        fi_catalog_journal_deinit(&restoring->journal);
    }
    DCHECK(revert->options->dry_run || !fi_catalog_journal_is_pending(&restoring->journal));
    return FIRN_OK;
}

static int
ws_revert_run(struct fi_ws_revert *revert, firn_error *err)
{
    struct fi_ws_restoring *restoring = &revert->restoring;
    struct fi_ws_opened *opened = restoring->opened;
    struct fi_buf after_bytes = {0};
    struct fi_buf before_bytes = {0};
    int rc;
    FI_TRY(find_both(revert, &after_bytes, &before_bytes, err));
    DCHECK(revert->before.order < revert->after.order);
    FI_TRY(fi_tree_filter_init(&revert->filter, revert->options->paths, revert->options->path_count,
                               err));
    revert->trees = fi_objects_trees(opened->objects);
    FI_TRY(read_journal(revert, err));
    FI_TRY(fi_ws_revert_tree(revert, err));
    ws_revert_report(revert);
out:
    fi_ws_undo_line_deinit(restoring);
    fi_catalog_journal_deinit(&restoring->journal);
    fi_objects_treesink_destroy(revert->merged);
    fi_hash_map_deinit(&revert->made);
    fi_tree_filter_deinit(&revert->filter);
    fi_buf_deinit(&after_bytes);
    fi_buf_deinit(&before_bytes);
    return rc;
}

static int
revert_opened(struct fi_ws_revert *revert, firn_error *err)
{
    const firn_workspace_revert_options *options = revert->options;
    struct fi_ws_restoring *restoring = &revert->restoring;
    int rc = FIRN_OK;
    if (!options->dry_run) {
        rc = fi_ws_pending_finish(restoring->ws, restoring->opened, options->threads,
                                  &options->callbacks, err);
    }
    if (rc == FIRN_OK) {
        rc = ws_revert_run(revert, err);
    }
    if (rc == FIRN_OK && !options->dry_run) {
        /* Housekeeping: what could not be deleted now expires again at the next restore. */
        struct fi_gc_expire_counts expired;
        struct fi_gc_expire_rule rule = {.workspace = restoring->opened->workspace.number,
                                         .now_ns = revert->now_ns};
        FI_IGNORE(fi_gc_expire(restoring->opened, &rule, &expired, NULL));
    }
    return rc;
}

int
fi_ws_revert(struct firn_ws *ws, const firn_workspace_revert_options *options,
             firn_workspace_revert_result *out, firn_error *err)
{
    *out = (firn_workspace_revert_result)FIRN_WORKSPACE_REVERT_RESULT_INIT;
    struct fi_ws_opened opened;
    firn_workspace_restore_result restored = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    const firn_workspace_restore_options restore_options = {.dry_run = options->dry_run,
                                                            .threads = options->threads,
                                                            .callbacks = options->callbacks,
                                                            .on_change = options->on_change,
                                                            .gitignore = options->gitignore,
                                                            .file_size_max =
                                                                options->file_size_max};
    struct fi_ws_revert revert = {.options = options,
                                  .result = out,
                                  .restoring = {.ws = ws,
                                                .kind = FI_CATALOG_JOURNAL_REVERT,
                                                .opened = &opened,
                                                .options = &restore_options,
                                                .result = &restored,
                                                .begun_ns = fi_os_monotonic_ns(ws->os)},
                                  .now_ns = fi_os_now_ns(ws->os)};
    int rc = fi_ws_restore_open_store(ws, options->dry_run, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = revert_opened(&revert, err);
    if (rc != FIRN_OK) { /* what the result names is gone; the number of conflicts is reported */
        *out = (firn_workspace_revert_result){.size = sizeof *out, .conflicts = out->conflicts};
    }
    /* What was restored is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    return rc;
}
