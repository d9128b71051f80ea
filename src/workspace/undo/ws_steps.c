/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_steps.c: the steps of the undo line, for those who watch an undo or a redo.
 *
 * A step leads from one state of the line to the next. What its undo or redo changes is counted
 * from the trees of the two states: only directories that differ are read. A step whose checkpoint
 * was deleted is told without one; trees that cannot be read are not counted. So a damaged object
 * does not prevent an undo of something else (I1; not checked: only FIRN_NO_MEMORY is passed on).
 *
 * Edits that are only on the disk are a step too, the newest. An undo knows them, because it has
 * compared the disk with the present state (ws_edits.c).
 */
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_undo_line.h"
#include "handle/ws_opened.h"
#include "undo/undo.h"

static int
count_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    (void)err;
    firn_workspace_step *step = ctx;
    enum fi_difference_walk_kind kind = fi_difference_walk_of_file(change);
    step->added += kind == FI_DIFFERENCE_WALK_ADDED;
    step->changed += kind == FI_DIFFERENCE_WALK_CHANGED;
    step->removed += kind == FI_DIFFERENCE_WALK_REMOVED;
    return FIRN_OK;
}

/* Trees that cannot be read are not counted. */
static int
count_step(struct fi_ws_opened *opened, const struct fi_tree_entry *before,
           const struct fi_tree_entry *after, firn_workspace_step *step, firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(opened->objects);
    const struct fi_difference_walk_side a = {.source = trees, .root = before};
    const struct fi_difference_walk_side b = {.source = trees, .root = after};
    const struct fi_difference_walk_options options = {0};
    firn_error cause;
    int rc = fi_difference_walk(&a, &b, &options, count_change, step, &cause);
    if (rc == FIRN_NO_MEMORY) {
        fi_error_copy(err, &cause);
        return rc;
    }
    step->is_counted = rc == FIRN_OK;
    if (!step->is_counted) {
        step->added = step->changed = step->removed = 0;
    }
    return FIRN_OK;
}

/* The nearest state before one that was not deleted; FIRN_NOT_FOUND. */
static int
read_base(struct fi_ws_opened *opened, const struct fi_catalog_undo_line *line, size_t i,
          struct fi_buf *bytes, struct fi_catalog_record *out, firn_error *err)
{
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND && i > 0) {
        rc = fi_ws_undo_line_state(opened, fi_catalog_undo_line_at(line, --i)->order, bytes, out,
                                   err);
    }
    return rc;
}

void
fi_ws_steps_told_deinit(struct fi_ws_steps_told *told)
{
    fi_buf_deinit(&told->bytes);
    fi_buf_deinit(&told->base_bytes);
    fi_ws_facts_told_deinit(&told->facts);
}

int
fi_ws_steps_report_state(struct fi_ws_opened *opened, const struct fi_catalog_undo_line *line,
                         size_t i, bool is_forward, struct fi_ws_steps_told *told, firn_error *err)
{
    const struct fi_catalog_undo_line_state *state = fi_catalog_undo_line_at(line, i);
    firn_workspace_step *step = &told->step;
    firn_error cause;
    *step = (firn_workspace_step){.kind = state->kind,
                                  .time_ns = state->time_ns,
                                  .is_redo = is_forward,
                                  .is_joined = is_forward && state->is_passed};
    if (fi_catalog_facts_is_kind(state->kind)) {
        return fi_ws_facts_report(opened, state->order, &told->facts, step, err);
    }
    int rc = state->kind == FIRN_STEP_RESTORE
                 ? fi_ws_facts_report(opened, state->order, &told->facts, step, &cause)
                 : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_ws_undo_line_state(opened, state->order, &told->bytes, &told->record, &cause);
    }
    if (rc == FIRN_OK) {
        fi_catalog_record_to_checkpoint(&told->record, &told->checkpoint);
        step->checkpoint = &told->checkpoint;
        step->turn = state->kind == FIRN_STEP_SAVE && told->checkpoint.turn.agent.size > 0
                         ? &told->checkpoint.turn
                         : NULL;
        rc = read_base(opened, line, i, &told->base_bytes, &told->base, &cause);
    }
    if (rc == FIRN_OK) {
        return count_step(opened, is_forward ? &told->base.root : &told->record.root,
                          is_forward ? &told->record.root : &told->base.root, step, err);
    }
    if (rc == FIRN_NO_MEMORY) {
        fi_error_copy(err, &cause);
        return rc;
    }
    return FIRN_OK;
}

static int
visit_step(struct fi_ws_restoring *restoring, const firn_workspace_step *step, firn_error *err)
{
    const firn_workspace_restore_options *options = restoring->options;
    restoring->result->steps++;
    return options->on_step == NULL
               ? FIRN_OK
               : fi_error_stopped(err, options->on_step(options->callbacks.ctx, step));
}

int
fi_ws_steps_report(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_steps_told told = {.step = {0}};
    size_t to = restoring->step->to;
    bool is_forward = fi_ws_undo_line_is_forward(restoring);
    int rc = FIRN_OK;
    DCHECK(restoring->step != NULL &&
           (is_forward ? restoring->step->told_to <= to : restoring->step->told_to >= to));
    while (rc == FIRN_OK && restoring->step->told_to != to) {
        size_t i = is_forward ? restoring->step->told_to + 1 : restoring->step->told_to;
        restoring->step->told_to = is_forward ? i : i - 1;
        if (fi_ws_undo_line_is_turn(restoring) &&
            fi_catalog_undo_line_is_facts(&restoring->line, i)) {
            continue;
        }
        if (restoring->options->on_step == NULL) {
            restoring->result->steps++;
            continue;
        }
        rc = fi_ws_steps_report_state(restoring->opened, &restoring->line, i, is_forward, &told,
                                      err);
        if (restoring->step->open_ns != 0 &&
            fi_catalog_undo_line_state_at(&restoring->line, restoring->step->told_to) ==
                restoring->step->open_to &&
            told.step.turn == NULL) {
            told.step.turn = &restoring->step->open_turn; /* what was saved first since it began */
        }
        rc = rc == FIRN_OK ? visit_step(restoring, &told.step, err) : rc;
    }
    fi_ws_steps_told_deinit(&told);
    return rc;
}

int
fi_ws_steps_report_edits(struct fi_ws_restoring *restoring, firn_error *err)
{
    firn_workspace_step step = restoring->step->edits;
    step.kind = FIRN_STEP_EDITS;
    step.is_counted = true;
    step.turn = fi_ws_undo_line_is_open_turn(restoring) ? &restoring->step->open_turn : NULL;
    restoring->result->is_unsaved = true;
    return visit_step(restoring, &step, err);
}
