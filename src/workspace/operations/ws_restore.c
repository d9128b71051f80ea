/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore.c: bringing a workspace, or another directory, to the state of a
 * checkpoint: what is restored, and where.
 *
 * For restores in place see ws_restore_in_place.c. If an earlier restore is pending (ws_pending.c),
 * it is recovered first. A restore of the whole tree then starts from what is there; before a
 * restore of some paths the pending one is finished, so that the rest of the tree does not stay
 * half done.
 *
 * A dry run compares in memory and stores nothing. Another directory must be empty or missing;
 * nothing in it can be lost, so nothing is saved first.
 *
 * Undo and redo restore a state of the undo line (ws_undo_line.c). The undo of a pending restore
 * takes that restore back, with its paths; the undo of a pending undo finishes it. Both are in the
 * journal too, so that taking back again brings back what was taken away. A safety checkpoint that
 * neither the journal nor the line names belongs to a restore that came to nothing.
 */
#include "operations/operations_internal.h"

#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "gc/gc.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

/* ---- a store that cannot be written ---- */

static int
explain_store(int rc, firn_error *err)
{
    if (rc == FIRN_READ_ONLY || rc == FIRN_DENIED) {
        fi_error_prefix(err, "the present state is saved first, and the store cannot be written");
    }
    return rc;
}

int
fi_ws_restore_open_store(struct firn_ws *ws, bool is_dry, struct fi_ws_opened *out, firn_error *err)
{
    int rc = fi_ws_opened_open(ws, is_dry ? FI_WS_READ : FI_WS_WRITE, out, err);
    return is_dry ? rc : explain_store(rc, err);
}

/* Fails as the restore would if the store cannot be written to: FIRN_READ_ONLY or FIRN_DENIED. */
static int
foretell_store(const struct fi_ws_opened *opened, firn_error *err)
{
    firn_error cause;
    int rc = opened->store_dir != NULL ? fi_os_dir_check_names(opened->store_dir, &cause) : FIRN_OK;
    if (rc != FIRN_READ_ONLY && rc != FIRN_DENIED) {
        return FIRN_OK; /* other failures will be reported by the restore itself */
    }
    fi_error_copy(err, &cause);
    return explain_store(rc, err);
}

/* ---- dry run ---- */

int
fi_ws_restore_dry_run(struct fi_ws_restoring *restoring, const struct fi_ws_restore_dry *dry,
                      firn_error *err)
{
    struct fi_ws_compare compare = {0};
    struct fi_checkout_stores stores = {.root = restoring->opened->root,
                                        .lock_timeout_ms = restoring->ws->lock_timeout_ms,
                                        .is_dry = true};
    struct fi_checkout *checkout = NULL;
    int rc;
    DCHECK(restoring->options->dry_run && restoring->target == NULL);
    DCHECK(dry->record != NULL && dry->choose != NULL);
    struct fi_checkout_options options;
    FI_TRY(fi_ws_restoring_compare(restoring, dry->record, dry->second,
                                   &restoring->options->callbacks, &compare, &options, err));
    FI_TRY(dry->choose(dry->ctx, &compare, &options, err));
    FI_TRY(fi_checkout_stores_find(&stores, fi_buf_slice(&compare.scan.stores), err));
    options.stores = &stores;
    FI_TRY(fi_checkout_create(&options, &checkout, err));
    FI_TRY(fi_checkout_plan(checkout, err));
    FI_TRY(fi_checkout_verify(checkout, err));
    fi_ws_restoring_report(restoring, checkout);
    rc = foretell_store(restoring->opened, err);
out:
    fi_checkout_stores_deinit(&stores);
    fi_checkout_destroy(checkout);
    fi_ws_compare_deinit(&compare);
    return rc;
}

static int
choose_after(void *ctx, const struct fi_ws_compare *compare, struct fi_checkout_options *options,
             firn_error *err)
{
    struct fi_ws_restoring *restoring = ctx;
    int rc = fi_ws_choose_resolve(restoring, &compare->disk_side, options, err);
    options->after.root = &restoring->record.root;
    return rc;
}

static int
dry_run(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_ws_restore_dry dry = {.record = &restoring->record,
                                          .second = fi_ws_undo_line_here(restoring),
                                          .choose = choose_after,
                                          .ctx = restoring};
    return fi_ws_restore_dry_run(restoring, &dry, err);
}

/* ---- into another directory ---- */

static int
open_target(struct fi_ws_restoring *restoring, struct fi_os_dir **out, firn_error *err)
{
    const char *path = restoring->options->to_dir;
    bool is_empty = true;
    int rc =
        fi_trust_home_open_dir(restoring->ws->os, path, !restoring->options->dry_run, out, err);
    if (rc == FIRN_NOT_FOUND && restoring->options->dry_run) {
        *out = NULL;
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        rc = fi_place_is_empty(*out, &is_empty, err);
    }
    if (rc == FIRN_OK && !is_empty) {
        rc = fi_error_set(err, FIRN_EXISTS,
                          "'%.512s' is not empty: restore into an empty or a new directory", path);
    }
    if (rc != FIRN_OK) {
        fi_os_dir_close(*out);
        *out = NULL;
    }
    return rc;
}

static int
into_directory(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(restoring->opened->objects);
    struct fi_os_dir *target = NULL;
    struct fi_checkout *checkout = NULL;
    int rc;
    FI_TRY(open_target(restoring, &target, err));
    DCHECK(target != NULL || restoring->options->dry_run);
    struct fi_difference_walk_side nothing = {.source = trees};
    struct fi_difference_walk_side after = {.source = trees, .root = &restoring->record.root};
    struct fi_checkout_options options = fi_ws_restoring_apply_options(
        restoring, target != NULL ? target : restoring->opened->store_dir, &nothing, &after, NULL);
    FI_TRY(fi_checkout_create(&options, &checkout, err));
    FI_TRY(fi_checkout_plan(checkout, err));
    if (restoring->options->dry_run) {
        FI_TRY(fi_checkout_verify(checkout, err));
    } else {
        FI_TRY(fi_checkout_prepare(checkout, err));
        FI_TRY(fi_checkout_finish(checkout, err));
    }
    fi_ws_restoring_report(restoring, checkout);
out:
    fi_checkout_destroy(checkout);
    fi_os_dir_close(target);
    return rc;
}

/* ---- what to restore ---- */

enum operation { RESTORE, TAKE_BACK, UNDO, REDO, RESUME };

struct request {
    enum operation operation;
    const char *reference; /* of RESTORE */
    bool is_foreign_told;  /* a pending foreign restore was reported earlier */
};

/* What the journal names, whatever was saved since. */
static int
choose_undo(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_catalog_journal *journal = &restoring->journal;
    if (journal->state == FI_CATALOG_JOURNAL_NONE) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is nothing to undo");
    }
    if (restoring->path_count == 0) {
        restoring->paths = journal->paths;
        restoring->path_count = journal->path_count;
    }
    return fi_checkout_recover_record(restoring->opened, journal->safety, &restoring->ws->record,
                                      &restoring->record, err);
}

static int
ws_restore_choose(struct fi_ws_restoring *restoring, const struct request *request,
                  struct fi_ws_step *step, firn_error *err)
{
    const bool is_pending = fi_catalog_journal_is_pending(&restoring->journal);
    const bool is_pending_undo = restoring->journal.kind == FI_CATALOG_JOURNAL_UNDO;
    restoring->paths = restoring->options->paths;
    restoring->path_count = restoring->options->path_count;
    restoring->kind = request->operation == RESTORE ? FI_CATALOG_JOURNAL_RESTORE
                      : request->operation == REDO  ? FI_CATALOG_JOURNAL_REDO
                                                    : FI_CATALOG_JOURNAL_UNDO;
    if (request->operation == RESTORE) {
        bool is_own;
        int rc = fi_ws_find_any(restoring->ws, restoring->opened, request->reference,
                                &restoring->record, &is_own, err);
        restoring->is_of_line = rc == FIRN_OK && !is_own;
        if (rc == FIRN_OK && is_own) {
            fi_ws_pending_go_on(restoring);
        }
        return rc;
    }
    if (request->operation == RESUME || is_pending) {
        /* The command that was interrupted finishes it, the opposite one takes it back. */
        bool finishes =
            request->operation == RESUME || (request->operation != REDO) == is_pending_undo;
        return fi_ws_pending_choose(restoring, finishes, err);
    }
    return request->operation == TAKE_BACK ? choose_undo(restoring, err)
                                           : fi_ws_choose(restoring, step, err);
}

static int
once(struct fi_ws_restoring *restoring, firn_error *err)
{
    bool differs = true;
    if (restoring->step != NULL && restoring->step->facts_at != 0) {
        int rc = fi_ws_facts_take(restoring, &differs, err);
        if (rc != FIRN_OK || !differs) {
            return rc == FIRN_OK && restoring->options->dry_run
                       ? foretell_store(restoring->opened, err)
                       : rc;
        }
    }
    return restoring->options->dry_run ? dry_run(restoring, err)
                                       : fi_ws_restore_in_place(restoring, err);
}

/* A step to a state that is the same as the present one goes on to the next. */
static int
restore_in_place(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_ws_step *step = restoring->step;
    int rc = fi_ws_edits_look(restoring, err);
    rc = rc == FIRN_OK ? once(restoring, err) : rc;
    while (rc == FIRN_OK && step != NULL && restoring->is_idle && step->has_next &&
           (step->is_clean || !step->has_here) && restoring->options->path_count == 0 &&
           !restoring->options->git) {
        fi_ws_given_release(restoring->ws);
        restoring->result->checkpoint = NULL;
        rc = fi_ws_choose_next(restoring, err);
        rc = rc == FIRN_OK ? fi_ws_restoring_set_filter(restoring, err) : rc;
        rc = rc == FIRN_OK ? once(restoring, err) : rc;
    }
    return rc;
}

/* For the undo of a turn: whether repositories differ from the state in which it would begin, or
 * from the newest ones of the present state. */
static int
look_at_repositories(struct fi_ws_restoring *restoring, const struct fi_catalog_record *state,
                     firn_error *err)
{
    const firn_callbacks none = FIRN_CALLBACKS_INIT;
    struct fi_catalog_record here;
    struct fi_buf bytes = {0};
    uint64_t differ;
    int rc;
    const int64_t time_ns =
        fi_ws_undo_line_is_open_turn(restoring) ? restoring->step->open_ns : INT64_MAX;
    FI_TRY(fi_ws_turn_git_read(restoring, state, time_ns, &bytes, &here, err));
    FI_TRY(fi_ws_repository_tell_now(restoring->opened, &here, NULL, restoring->options->threads,
                                     &none, &differ, err));
    restoring->step->git_differs = differ > 0;
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* For an undo or a redo with repositories: whether they have a step of their own to take. That of a
 * redo ends here. */
static int
choose_repositories(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_catalog_record *here = fi_ws_undo_line_here(restoring);
    if (!restoring->options->git || here == NULL) {
        return FIRN_OK;
    }
    if (fi_ws_undo_line_is_turn(restoring)) {
        return look_at_repositories(restoring, here, err);
    }
    restoring->git_from = FI_WS_GIT_OF_STATE;
    FI_TRY_RETURN(fi_ws_repository_step_choose(restoring, err));
    if (restoring->git_from == FI_WS_GIT_CHOSEN) {
        restoring->step->facts_at = 0;
    }
    return FIRN_OK;
}

/* A redo of a step of repositories alone. *out: it is one. */
static int
redo_repositories(struct fi_ws_restoring *restoring, const firn_error *cause, bool *out,
                  firn_error *err)
{
    const bool has_next = cause->code == FIRN_OK;
    FI_TRY_RETURN(choose_repositories(restoring, err));
    *out = restoring->git_from == FI_WS_GIT_CHOSEN;
    if (*out) {
        restoring->record = restoring->git;
        return fi_ws_given_checkpoint(restoring->ws, &restoring->record,
                                      &restoring->result->checkpoint, err);
    }
    if (!has_next) {
        fi_error_copy(err, cause);
    }
    return has_next ? FIRN_OK : FIRN_NOT_FOUND;
}

static int
ws_restore_run(struct fi_ws_restoring *restoring, const struct request *request, firn_error *err)
{
    bool only_reads = restoring->options->dry_run || restoring->options->to_dir != NULL;
    struct fi_ws_step step = {.to = 0};
    const firn_error none = {.code = FIRN_OK};
    firn_error cause;
    int rc;
    if (restoring->opened->db != NULL) {
        const enum fi_ws_pending_asked asked = request->operation != RESTORE ? FI_WS_PENDING_MEANT
                                               : request->is_foreign_told    ? FI_WS_PENDING_TOLD
                                                                             : FI_WS_PENDING_TELL;
        FI_TRY(fi_ws_pending_read(restoring, asked, err));
    }
    rc = ws_restore_choose(restoring, request, &step, &cause);
    if (request->operation == REDO && (rc == FIRN_OK || rc == FIRN_NOT_FOUND)) {
        bool is_done;
        FI_TRY(redo_repositories(restoring, rc == FIRN_OK ? &none : &cause, &is_done, err));
        if (is_done) {
            goto out;
        }
    } else if (rc != FIRN_OK) {
        fi_error_copy(err, &cause);
        goto out;
    }
    FI_TRY(request->operation == UNDO ? choose_repositories(restoring, err) : FIRN_OK);
    FI_TRY(restoring->options->git && restoring->git_from != FI_WS_GIT_CHOSEN &&
                   request->operation != REDO
               ? fi_ws_repository_check(restoring, err)
               : FIRN_OK);
    FI_TRY(fi_ws_restoring_set_filter(restoring, err));
    if (restoring->step == NULL || restoring->options->to_dir != NULL) {
        FI_TRY(fi_ws_given_checkpoint(restoring->ws, &restoring->record,
                                      &restoring->result->checkpoint, err));
    }
    if (only_reads) {
        rc = restoring->options->to_dir != NULL ? into_directory(restoring, err)
                                                : restore_in_place(restoring, err);
        goto out;
    }
    if (fi_catalog_journal_is_pending(&restoring->journal)) {
        FI_TRY(fi_ws_pending_rest(restoring, err));
    }
    rc = request->operation == RESTORE && restoring->filter.count > 0
             ? fi_ws_restore_paths(restoring, err)
         : restoring->is_of_line ? fi_ws_restore_line(restoring, err)
                                 : restore_in_place(restoring, err);
out:
    fi_tree_filter_deinit(&restoring->filter);
    fi_ws_undo_line_deinit(restoring);
    fi_catalog_journal_deinit(&restoring->journal);
    return rc;
}

/* Restores repositories; of a turn, as they were when it began. If no file had to change, the line
 * is told here. */
static int
restore_repositories(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_catalog_record state = restoring->record;
    if (restoring->turn_ns != 0) {
        FI_TRY_RETURN(fi_ws_turn_git_read(restoring, &state, restoring->turn_ns,
                                          &restoring->git_bytes, &restoring->record, err));
    }
    FI_TRY_RETURN(fi_ws_repository_restore(restoring, err));
    const bool is_step = restoring->turn_ns != 0 ? restoring->is_idle
                                                 : fi_ws_undo_line_is_forward(restoring) &&
                                                       restoring->git_from == FI_WS_GIT_CHOSEN;
    return is_step && !restoring->options->dry_run ? fi_ws_turn_git_note(restoring, err) : FIRN_OK;
}

/* The files are in place. Unless repositories are to be restored, those that differ are told; what
 * fails there does not make the restore fail. */
static int
after_files(struct fi_ws_restoring *restoring, firn_error *err)
{
    const firn_workspace_restore_options *options = restoring->options;
    firn_error ignored;
    if (options->git) {
        bool is_any;
        FI_TRY_RETURN(fi_ws_repository_step_take(restoring, &is_any, err));
        return is_any ? restore_repositories(restoring, err) : FIRN_OK;
    }
    if (options->path_count == 0 && restoring->opened->db != NULL) {
        FI_IGNORE(fi_ws_repository_tell_now(restoring->opened, &restoring->record, NULL,
                                            options->threads, &options->callbacks,
                                            &restoring->result->repositories_differ, &ignored));
    }
    return FIRN_OK;
}

static int
restore_repositories_only(struct fi_ws_restoring *restoring, const char *reference, firn_error *err)
{
    const firn_workspace_restore_options *options = restoring->options;
    bool is_own;
    if (!options->dry_run) {
        FI_TRY_RETURN(fi_ws_pending_finish(restoring->ws, restoring->opened, options->threads,
                                           &options->callbacks, err));
    }
    FI_TRY_RETURN(fi_ws_find_any(restoring->ws, restoring->opened, reference, &restoring->record,
                                 &is_own, err));
    restoring->is_of_line = !is_own;
    FI_TRY_RETURN(fi_ws_given_checkpoint(restoring->ws, &restoring->record,
                                         &restoring->result->checkpoint, err));
    return fi_ws_repository_restore(restoring, err);
}

static int
ws_restore(struct firn_ws *ws, enum operation operation, const char *reference,
           const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
           firn_error *err)
{
    *out = (firn_workspace_restore_result)FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    struct request request = {.operation = operation, .reference = reference};
    struct fi_ws_opened opened;
    struct fi_ws_restoring restoring = {.ws = ws,
                                        .opened = &opened,
                                        .options = options,
                                        .result = out,
                                        .begun_ns = fi_os_monotonic_ns(ws->os)};
    bool only_reads = options->dry_run || options->to_dir != NULL;
    if (options->git && (options->to_dir != NULL || options->path_count > 0)) {
        return fi_error_set(err, FIRN_INVALID, "repositories are restored in place, and whole");
    }
    int rc = options->to_dir != NULL ? fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err)
                                     : fi_ws_restore_open_store(ws, only_reads, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(only_reads || !fi_db_is_read_only(opened.db));
    /* A restore of some paths only: a pending restore is finished first. */
    if (!only_reads && request.operation == RESTORE && options->path_count > 0) {
        rc = fi_ws_pending_finish(ws, &opened, options->threads, &options->callbacks, err);
        request.is_foreign_told = true;
    }
    if (rc == FIRN_OK && options->git && options->git_only && request.operation == RESTORE) {
        rc = restore_repositories_only(&restoring, request.reference, err);
    } else if (rc == FIRN_OK) {
        rc = ws_restore_run(&restoring, &request, err);
        rc = rc == FIRN_OK && options->to_dir == NULL ? after_files(&restoring, err) : rc;
    }
    if (options->to_dir == NULL) {
        fi_place_git_read(ws->os, ws->place.root, &out->git);
    }
    if (rc == FIRN_OK && !only_reads) {
        /* Housekeeping: what could not be deleted now expires again at the next restore. */
        struct fi_gc_expire_counts expired;
        struct fi_gc_expire_rule rule = {.workspace = opened.workspace.number,
                                         .now_ns = fi_os_now_ns(ws->os)};
        FI_IGNORE(fi_gc_expire(&opened, &rule, &expired, NULL));
    }
    fi_buf_deinit(&restoring.git_bytes);
    /* What was restored is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    return rc;
}

int
fi_ws_restore(struct firn_ws *ws, const char *reference,
              const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
              firn_error *err)
{
    firn_workspace_restore_options given = *options;
    for (size_t i = 0; i < given.path_count; i++) {
        if (given.paths[i].size == 0) { /* the root: everything */
            given.path_count = 0;
        }
    }
    return ws_restore(ws, RESTORE, reference, &given, out, err);
}

int
fi_ws_restore_undo(struct firn_ws *ws, const firn_workspace_restore_options *options,
                   firn_workspace_restore_result *out, firn_error *err)
{
    return ws_restore(ws, UNDO, NULL, options, out, err);
}

int
fi_ws_restore_redo(struct firn_ws *ws, const firn_workspace_restore_options *options,
                   firn_workspace_restore_result *out, firn_error *err)
{
    return ws_restore(ws, REDO, NULL, options, out, err);
}

int
fi_ws_restore_take_back(struct firn_ws *ws, const firn_workspace_restore_options *options,
                        firn_workspace_restore_result *out, firn_error *err)
{
    return ws_restore(ws, TAKE_BACK, NULL, options, out, err);
}

int
fi_ws_restore_resume(struct firn_ws *ws, const firn_workspace_restore_options *options,
                     firn_workspace_restore_result *out, firn_error *err)
{
    return ws_restore(ws, RESUME, NULL, options, out, err);
}
