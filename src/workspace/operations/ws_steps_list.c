/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_steps_list.c: the steps of the undo line, as a list.
 *
 * First come those that a redo would take, the last one first, then those that an undo would, from
 * the newest to the oldest. Edits that are only on the disk are the newest step of an undo, except
 * for steps at whose paths there are none: these can be taken before. The disk is compared as by a
 * dry run.
 */
#include "operations/operations_internal.h"

struct listing {
    struct fi_ws_restoring restoring; /* to the present state, as a dry run */
    struct fi_ws_step step;
    const firn_workspace_steps_options *options;
    int (*visit)(void *ctx, const firn_workspace_step *step);
    void *ctx;
    firn_workspace_steps_result *result;
    struct fi_ws_edits_free free; /* with edits on the disk */
};

/* The index of the oldest item that an undo can go to. */
static int
find_oldest(struct fi_ws_restoring *restoring, size_t *out, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = FIRN_NOT_FOUND;
    for (*out = 0; *out <= line->cursor; ++*out) {
        rc = fi_ws_undo_line_state(restoring->opened, fi_catalog_undo_line_at(line, *out)->order,
                                   &bytes, &record, err);
        if (rc != FIRN_NOT_FOUND ||
            (*out < line->cursor && fi_catalog_undo_line_is_facts(line, *out + 1))) {
            break;
        }
    }
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
list_step(struct listing *listing, size_t i, bool is_forward, struct fi_ws_steps_told *told,
          firn_error *err)
{
    int rc = fi_ws_steps_report_state(listing->restoring.opened, &listing->restoring.line, i,
                                      is_forward, told, err);
    return rc == FIRN_OK ? fi_error_stopped(err, listing->visit(listing->ctx, &told->step)) : rc;
}

static int
list_edits(struct listing *listing, firn_error *err)
{
    firn_workspace_step step = listing->step.edits;
    step.kind = FIRN_STEP_EDITS;
    step.is_counted = true;
    return fi_error_stopped(err, listing->visit(listing->ctx, &step));
}

static int
list_steps(struct listing *listing, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &listing->restoring.line;
    const size_t cursor = line->cursor;
    const uint64_t limit = listing->options->limit;
    firn_workspace_steps_result *result = listing->result;
    struct fi_ws_steps_told told = {.step = {0}};
    size_t oldest;
    int rc;
    FI_TRY(find_oldest(&listing->restoring, &oldest, err));
    result->redo_steps =
        result->is_unsaved ? listing->free.ahead : fi_catalog_undo_line_count(line) - 1 - cursor;
    result->undo_steps = (oldest < cursor ? cursor - oldest : 0) + (result->is_unsaved ? 1 : 0);
    size_t ahead = (size_t)(result->redo_steps < limit ? result->redo_steps : limit);
    size_t back = (size_t)(result->undo_steps < limit ? result->undo_steps : limit);
    for (size_t i = cursor + ahead; i > cursor; i--) {
        FI_TRY(list_step(listing, i, true, &told, err));
    }
    for (size_t i = 0; i < back; i++) {
        const bool are_edits = result->is_unsaved && i == listing->free.back;
        const size_t newer = result->is_unsaved && i > listing->free.back ? i - 1 : i;
        FI_TRY(are_edits ? list_edits(listing, err)
                         : list_step(listing, cursor - newer, false, &told, err));
    }
out:
    fi_ws_steps_told_deinit(&told);
    return rc;
}

static int
list_opened(struct listing *listing, firn_error *err)
{
    struct fi_ws_restoring *restoring = &listing->restoring;
    struct fi_ws_opened *opened = restoring->opened;
    int rc;
    FI_TRY(fi_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    restoring->step = &listing->step;
    FI_TRY(fi_ws_undo_line_load(restoring, err));
    if (fi_catalog_undo_line_count(&restoring->line) == 0) {
        goto out;
    }
    FI_TRY(fi_ws_choose_read_here(restoring, err));
    if (restoring->step->has_here) {
        FI_TRY(fi_ws_given_checkpoint(restoring->ws, &restoring->step->here,
                                      &listing->result->checkpoint, err));
        FI_TRY(fi_ws_edits_inspect(restoring, false, &listing->result->is_unsaved, &listing->free,
                                   err));
    }
    rc = list_steps(listing, err);
out:
    fi_ws_undo_line_deinit(restoring);
    fi_catalog_journal_deinit(&restoring->journal);
    return rc;
}

int
fi_ws_steps_list(struct firn_ws *ws, const firn_workspace_steps_options *options,
                 int (*visit)(void *ctx, const firn_workspace_step *step), void *ctx,
                 firn_workspace_steps_result *out, firn_error *err)
{
    *out = (firn_workspace_steps_result)FIRN_WORKSPACE_STEPS_RESULT_INIT;
    const firn_workspace_restore_options restore = {.dry_run = true,
                                                    .threads = options->threads,
                                                    .callbacks = options->callbacks,
                                                    .gitignore = options->gitignore,
                                                    .file_size_max = options->file_size_max};
    struct fi_ws_opened opened;
    struct listing listing = {.restoring = {.ws = ws, .opened = &opened, .options = &restore},
                              .options = options,
                              .visit = visit,
                              .ctx = ctx,
                              .result = out};
    int rc = fi_ws_opened_open(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = opened.workspace.number == 0 ? FIRN_OK : list_opened(&listing, err);
    return fi_ws_opened_close(ws, &opened, rc, err);
}
