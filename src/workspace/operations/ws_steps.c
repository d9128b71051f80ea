/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_steps.c: the steps of the undo line, for those who watch an undo or a redo, and as
 * a list.
 *
 * A step leads from one state of the line to the next. What its undo or redo changes is counted
 * from the trees of the two states: only directories that differ are read. A step whose checkpoint
 * was deleted is told without one; trees that cannot be read are not counted. So a damaged object
 * does not prevent an undo of something else (I1; not checked: only FIRN_NO_MEMORY is passed on).
 *
 * Edits that are only on the disk are a step too, the newest. An undo knows them, because it has
 * compared the disk with the present state; the list compares as a dry run does.
 */
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_line.h"
#include "handle/ws_opened.h"
#include "operations/operations_internal.h"

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
read_base(struct fi_ws_opened *opened, const struct fi_catalog_line *line, size_t i,
          struct fi_buf *bytes, struct fi_catalog_record *out, firn_error *err)
{
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND && i > 0) {
        rc = fi_ws_line_state(opened, fi_catalog_line_at(line, --i)->order, bytes, out, err);
    }
    return rc;
}

/* A state, and the one before it, as a visitor gets them. */
struct told {
    firn_workspace_step step;
    struct fi_ws_facts_told facts;
    firn_workspace_checkpoint checkpoint;
    struct fi_catalog_record record;
    struct fi_catalog_record base;
    struct fi_buf bytes;
    struct fi_buf base_bytes;
};

static void
told_deinit(struct told *told)
{
    fi_buf_deinit(&told->bytes);
    fi_buf_deinit(&told->base_bytes);
    fi_ws_facts_told_deinit(&told->facts);
}

/* Describes the step that led to a state, and counts what an undo, or a redo, of it changes. */
static int
tell_state(struct fi_ws_opened *opened, const struct fi_catalog_line *line, size_t i,
           bool is_forward, struct told *told, firn_error *err)
{
    const struct fi_catalog_line_state *state = fi_catalog_line_at(line, i);
    firn_workspace_step *step = &told->step;
    firn_error cause;
    *step = (firn_workspace_step){.kind = state->kind,
                                  .time_ns = state->time_ns,
                                  .is_redo = is_forward,
                                  .is_joined = is_forward && state->is_passed};
    if (fi_catalog_facts_is_kind(state->kind)) {
        return fi_ws_facts_tell(opened, state->order, &told->facts, step, err);
    }
    int rc = state->kind == FIRN_STEP_RESTORE
                 ? fi_ws_facts_tell(opened, state->order, &told->facts, step, &cause)
                 : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_ws_line_state(opened, state->order, &told->bytes, &told->record, &cause);
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
fi_ws_steps_tell(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct told told = {.step = {0}};
    size_t to = restoring->step->to;
    bool is_forward = fi_ws_line_is_forward(restoring);
    int rc = FIRN_OK;
    DCHECK(restoring->step != NULL &&
           (is_forward ? restoring->step->told_to <= to : restoring->step->told_to >= to));
    while (rc == FIRN_OK && restoring->step->told_to != to) {
        size_t i = is_forward ? restoring->step->told_to + 1 : restoring->step->told_to;
        restoring->step->told_to = is_forward ? i : i - 1;
        if (fi_ws_line_is_turn(restoring) && fi_catalog_line_is_facts(&restoring->line, i)) {
            continue;
        }
        if (restoring->options->on_step == NULL) {
            restoring->result->steps++;
            continue;
        }
        rc = tell_state(restoring->opened, &restoring->line, i, is_forward, &told, err);
        if (restoring->step->open_ns != 0 &&
            fi_catalog_line_state_at(&restoring->line, restoring->step->told_to) ==
                restoring->step->open_to &&
            told.step.turn == NULL) {
            told.step.turn = &restoring->step->open_turn; /* what was saved first since it began */
        }
        rc = rc == FIRN_OK ? visit_step(restoring, &told.step, err) : rc;
    }
    told_deinit(&told);
    return rc;
}

int
fi_ws_steps_tell_edits(struct fi_ws_restoring *restoring, firn_error *err)
{
    firn_workspace_step step = restoring->step->edits;
    step.kind = FIRN_STEP_EDITS;
    step.is_counted = true;
    step.turn = fi_ws_choose_is_open_turn(restoring) ? &restoring->step->open_turn : NULL;
    restoring->result->is_unsaved = true;
    return visit_step(restoring, &step, err);
}

/* Whether the step to or from an item is limited to paths, at which the directory has no edits. */
static int
is_free(struct fi_ws_restoring *restoring, size_t i, const struct fi_ws_compare *compare,
        const struct fi_checkout_options *options, bool *out, firn_error *err)
{
    struct fi_tree_filter filter = {0};
    struct fi_ws_paths paths;
    bool differs;
    int rc;
    *out = false;
    FI_TRY(
        fi_ws_paths_read(restoring->opened, fi_catalog_line_at(&restoring->line, i), &paths, err));
    if (paths.count > 0) {
        FI_TRY(fi_tree_filter_init(&filter, paths.items, paths.count, err));
        memset(filter.was_met, true, filter.count * sizeof *filter.was_met);
        FI_TRY(
            fi_ws_choose_differs(restoring, &compare->disk_side, options, &filter, &differs, err));
        *out = !differs;
    }
out:
    fi_tree_filter_deinit(&filter);
    fi_ws_paths_deinit(&paths);
    return rc;
}

static int
count_free(struct fi_ws_restoring *restoring, const struct fi_ws_compare *compare,
           const struct fi_checkout_options *options, bool is_forward, size_t *out, firn_error *err)
{
    const struct fi_catalog_line *line = &restoring->line;
    const size_t limit = is_forward ? fi_catalog_line_count(line) - 1 - line->cursor : line->cursor;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    bool goes_on = true;
    int rc = FIRN_OK;
    for (*out = 0; rc == FIRN_OK && goes_on && *out < limit; *out += goes_on ? 1 : 0) {
        const size_t crossed = is_forward ? line->cursor + *out + 1 : line->cursor - *out;
        const struct fi_catalog_line_state *to = fi_catalog_line_at(
            line, fi_catalog_line_state_at(line, is_forward ? crossed : crossed - 1));
        FI_TRY(is_free(restoring, crossed, compare, options, &goes_on, err));
        if (goes_on && (!is_forward || !to->is_passed)) {
            rc = fi_ws_line_state(restoring->opened, to->order, &bytes, &record, err);
        }
        goes_on = goes_on && rc == FIRN_OK && (!is_forward || !to->is_passed);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_ws_steps_look_at_disk(struct fi_ws_restoring *restoring, const firn_callbacks *outer,
                         bool *out_differs, struct fi_ws_steps_free *out_free, firn_error *err)
{
    struct fi_ws_compare compare = {0};
    struct fi_ws_restore_unsaved unsaved;
    firn_callbacks callbacks;
    int rc;
    DCHECK(restoring->step->has_here);
    fi_ws_restore_unsaved_init(&unsaved, outer, &callbacks);
    const struct fi_ws_compare_options given = {restoring->options->threads,
                                                fi_ws_restore_today(restoring), &callbacks};
    FI_TRY(fi_ws_compare_init_for_restore(&compare, restoring->ws, restoring->opened,
                                          &restoring->step->here, NULL, &given, err));
    FI_TRY(fi_ws_restore_unsaved_check(&unsaved, err));
    struct fi_checkout_options options = fi_ws_restore_apply_options(
        restoring, restoring->opened->root, &compare.disk_side, &compare.checkpoint_side);
    options.unsaved_why = fi_ws_restore_unsaved_why;
    options.holds_unsaved = fi_ws_restore_unsaved_holds;
    options.unsaved = &unsaved;
    FI_TRY(fi_ws_choose_differs(restoring, &compare.disk_side, &options, NULL, out_differs, err));
    if (*out_differs && out_free != NULL) {
        const firn_workspace_step edits = restoring->step->edits;
        FI_TRY(count_free(restoring, &compare, &options, false, &out_free->back, err));
        FI_TRY(count_free(restoring, &compare, &options, true, &out_free->ahead, err));
        restoring->step->edits = edits;
    }
out:
    fi_ws_restore_unsaved_deinit(&unsaved);
    fi_ws_compare_deinit(&compare);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct fi_ws_restoring restoring; /* to the present state, as a dry run */
    struct fi_ws_step step;
    const firn_workspace_steps_options *options;
    int (*visit)(void *ctx, const firn_workspace_step *step);
    void *ctx;
    firn_workspace_steps_result *result;
    struct fi_ws_steps_free free; /* with edits on the disk */
};

/* The index of the oldest item that an undo can go to. */
static int
find_oldest(struct fi_ws_restoring *restoring, size_t *out, firn_error *err)
{
    const struct fi_catalog_line *line = &restoring->line;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = FIRN_NOT_FOUND;
    for (*out = 0; *out <= line->cursor; ++*out) {
        rc = fi_ws_line_state(restoring->opened, fi_catalog_line_at(line, *out)->order, &bytes,
                              &record, err);
        if (rc != FIRN_NOT_FOUND ||
            (*out < line->cursor && fi_catalog_line_is_facts(line, *out + 1))) {
            break;
        }
    }
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
list_step(struct listing *listing, size_t i, bool is_forward, struct told *told, firn_error *err)
{
    int rc =
        tell_state(listing->restoring.opened, &listing->restoring.line, i, is_forward, told, err);
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
    const struct fi_catalog_line *line = &listing->restoring.line;
    const size_t cursor = line->cursor;
    const uint64_t limit = listing->options->limit;
    firn_workspace_steps_result *result = listing->result;
    struct told told = {.step = {0}};
    size_t oldest;
    int rc;
    FI_TRY(find_oldest(&listing->restoring, &oldest, err));
    result->redo_steps =
        result->is_unsaved ? listing->free.ahead : fi_catalog_line_count(line) - 1 - cursor;
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
    told_deinit(&told);
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
    FI_TRY(fi_ws_line_load(restoring, err));
    if (fi_catalog_line_count(&restoring->line) == 0) {
        goto out;
    }
    FI_TRY(fi_ws_choose_read_here(restoring, err));
    if (restoring->step->has_here) {
        FI_TRY(fi_ws_given_checkpoint(restoring->ws, &restoring->step->here,
                                      &listing->result->checkpoint, err));
        FI_TRY(fi_ws_steps_look_at_disk(restoring, &listing->options->callbacks,
                                        &listing->result->is_unsaved, &listing->free, err));
    }
    rc = list_steps(listing, err);
out:
    fi_ws_line_deinit(restoring);
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
