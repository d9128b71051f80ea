/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_steps.c: the steps of the undo line, for those who watch an undo or a redo, and as a
 * list.
 *
 * A step leads from one state of the line to the next. What its undo or redo changes is counted from
 * the trees of the two states: only directories that differ are read. A step whose checkpoint was
 * deleted is told without one; trees that cannot be read are not counted. So a damaged object does
 * not prevent an undo of something else (I1; not checked: only FIRN_NO_MEMORY is passed on).
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
count_change(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    (void)err;
    firn_workspace_step *step = ctx;
    enum firn_difference_walk_kind kind = firn_difference_walk_of_file(change);
    step->added += kind == FIRN_DIFFERENCE_WALK_ADDED;
    step->changed += kind == FIRN_DIFFERENCE_WALK_CHANGED;
    step->removed += kind == FIRN_DIFFERENCE_WALK_REMOVED;
    return FIRN_OK;
}

/* Trees that cannot be read are not counted. */
static int
count_step(struct firn_ws_opened *opened, const struct firn_tree_entry *before,
           const struct firn_tree_entry *after, firn_workspace_step *step, firn_error *err)
{
    const struct firn_tree_source *trees = firn_objects_trees(opened->objects);
    const struct firn_difference_walk_side a = {.source = trees, .root = before};
    const struct firn_difference_walk_side b = {.source = trees, .root = after};
    const struct firn_difference_walk_options options = {0};
    firn_error cause;
    int rc = firn_difference_walk(&a, &b, &options, count_change, step, &cause);
    if (rc == FIRN_NO_MEMORY) {
        firn_error_copy(err, &cause);
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
read_base(struct firn_ws_opened *opened, const struct firn_catalog_line *line, size_t i,
          struct firn_buf *bytes, struct firn_catalog_record *out, firn_error *err)
{
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND && i > 0) {
        rc = firn_ws_line_state(opened, firn_catalog_line_at(line, --i)->order, bytes, out, err);
    }
    return rc;
}

/* A state, and the one before it, as a visitor gets them. */
struct told {
    firn_workspace_step step;
    struct firn_ws_facts_told facts;
    firn_workspace_checkpoint checkpoint;
    struct firn_catalog_record record;
    struct firn_catalog_record base;
    struct firn_buf bytes;
    struct firn_buf base_bytes;
};

static void
told_deinit(struct told *told)
{
    firn_buf_deinit(&told->bytes);
    firn_buf_deinit(&told->base_bytes);
    firn_ws_facts_told_deinit(&told->facts);
}

/* Describes the step that led to a state, and counts what an undo, or a redo, of it changes. */
static int
tell_state(struct firn_ws_opened *opened, const struct firn_catalog_line *line, size_t i,
           bool is_forward, struct told *told, firn_error *err)
{
    const struct firn_catalog_line_state *state = firn_catalog_line_at(line, i);
    firn_workspace_step *step = &told->step;
    firn_error cause;
    *step = (firn_workspace_step){.kind = state->kind,
                                  .time_ns = state->time_ns,
                                  .is_redo = is_forward,
                                  .is_joined = is_forward && state->is_passed};
    if (firn_catalog_facts_is_kind(state->kind)) {
        return firn_ws_facts_tell(opened, state->order, &told->facts, step, err);
    }
    int rc = state->kind == FIRN_STEP_RESTORE
                 ? firn_ws_facts_tell(opened, state->order, &told->facts, step, &cause)
                 : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = firn_ws_line_state(opened, state->order, &told->bytes, &told->record, &cause);
    }
    if (rc == FIRN_OK) {
        firn_catalog_record_to_checkpoint(&told->record, &told->checkpoint);
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
        firn_error_copy(err, &cause);
        return rc;
    }
    return FIRN_OK;
}

static int
visit_step(struct firn_ws_restoring *restoring, const firn_workspace_step *step, firn_error *err)
{
    const firn_workspace_restore_options *options = restoring->options;
    restoring->result->steps++;
    return options->on_step == NULL
               ? FIRN_OK
               : firn_error_stopped(err, options->on_step(options->callbacks.ctx, step));
}

int
firn_ws_steps_tell(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct told told = {.step = {0}};
    size_t to = restoring->step->to;
    bool is_forward = firn_ws_line_is_forward(restoring);
    int rc = FIRN_OK;
    DCHECK(restoring->step != NULL &&
           (is_forward ? restoring->step->told_to <= to : restoring->step->told_to >= to));
    while (rc == FIRN_OK && restoring->step->told_to != to) {
        size_t i = is_forward ? restoring->step->told_to + 1 : restoring->step->told_to;
        restoring->step->told_to = is_forward ? i : i - 1;
        if (firn_ws_line_is_turn(restoring) && firn_catalog_line_is_facts(&restoring->line, i)) {
            continue;
        }
        if (restoring->options->on_step == NULL) {
            restoring->result->steps++;
            continue;
        }
        rc = tell_state(restoring->opened, &restoring->line, i, is_forward, &told, err);
        if (restoring->step->open_ns != 0 &&
            firn_catalog_line_state_at(&restoring->line, restoring->step->told_to) ==
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
firn_ws_steps_tell_edits(struct firn_ws_restoring *restoring, firn_error *err)
{
    firn_workspace_step step = restoring->step->edits;
    step.kind = FIRN_STEP_EDITS;
    step.is_counted = true;
    step.turn = firn_ws_choose_is_open_turn(restoring) ? &restoring->step->open_turn : NULL;
    restoring->result->is_unsaved = true;
    return visit_step(restoring, &step, err);
}

/* Whether the step to or from an item is limited to paths, at which the directory has no edits. */
static int
is_free(struct firn_ws_restoring *restoring, size_t i, const struct firn_ws_compare *compare,
        const struct firn_checkout_options *options, bool *out, firn_error *err)
{
    struct firn_tree_filter filter = {0};
    struct firn_ws_paths paths;
    bool differs;
    int rc;
    *out = false;
    FIRN_TRY(firn_ws_paths_read(restoring->opened, firn_catalog_line_at(&restoring->line, i),
                                &paths, err));
    if (paths.count > 0) {
        FIRN_TRY(firn_tree_filter_init(&filter, paths.items, paths.count, err));
        memset(filter.was_met, true, filter.count * sizeof *filter.was_met);
        FIRN_TRY(firn_ws_choose_differs(restoring, &compare->disk_side, options, &filter, &differs,
                                        err));
        *out = !differs;
    }
out:
    firn_tree_filter_deinit(&filter);
    firn_ws_paths_deinit(&paths);
    return rc;
}

static int
count_free(struct firn_ws_restoring *restoring, const struct firn_ws_compare *compare,
           const struct firn_checkout_options *options, bool is_forward, size_t *out,
           firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    const size_t limit =
        is_forward ? firn_catalog_line_count(line) - 1 - line->cursor : line->cursor;
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    bool goes_on = true;
    int rc = FIRN_OK;
    for (*out = 0; rc == FIRN_OK && goes_on && *out < limit; *out += goes_on ? 1 : 0) {
        const size_t crossed = is_forward ? line->cursor + *out + 1 : line->cursor - *out;
        const struct firn_catalog_line_state *to = firn_catalog_line_at(
            line, firn_catalog_line_state_at(line, is_forward ? crossed : crossed - 1));
        FIRN_TRY(is_free(restoring, crossed, compare, options, &goes_on, err));
        if (goes_on && (!is_forward || !to->is_passed)) {
            rc = firn_ws_line_state(restoring->opened, to->order, &bytes, &record, err);
        }
        goes_on = goes_on && rc == FIRN_OK && (!is_forward || !to->is_passed);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
out:
    firn_buf_deinit(&bytes);
    return rc;
}

int
firn_ws_steps_look_at_disk(struct firn_ws_restoring *restoring, const firn_callbacks *outer,
                           bool *out_differs, struct firn_ws_steps_free *out_free, firn_error *err)
{
    struct firn_ws_compare compare = {0};
    struct firn_ws_restore_unsaved unsaved;
    firn_callbacks callbacks;
    int rc;
    DCHECK(restoring->step->has_here);
    firn_ws_restore_unsaved_init(&unsaved, outer, &callbacks);
    const struct firn_ws_compare_options given = {restoring->options->threads,
                                                  firn_ws_restore_today(restoring), &callbacks};
    FIRN_TRY(firn_ws_compare_init_for_restore(&compare, restoring->ws, restoring->opened,
                                              &restoring->step->here, NULL, &given, err));
    FIRN_TRY(firn_ws_restore_unsaved_check(&unsaved, err));
    struct firn_checkout_options options = firn_ws_restore_apply_options(
        restoring, restoring->opened->root, &compare.disk_side, &compare.checkpoint_side);
    options.unsaved_why = firn_ws_restore_unsaved_why;
    options.holds_unsaved = firn_ws_restore_unsaved_holds;
    options.unsaved = &unsaved;
    FIRN_TRY(
        firn_ws_choose_differs(restoring, &compare.disk_side, &options, NULL, out_differs, err));
    if (*out_differs && out_free != NULL) {
        const firn_workspace_step edits = restoring->step->edits;
        FIRN_TRY(count_free(restoring, &compare, &options, false, &out_free->back, err));
        FIRN_TRY(count_free(restoring, &compare, &options, true, &out_free->ahead, err));
        restoring->step->edits = edits;
    }
out:
    firn_ws_restore_unsaved_deinit(&unsaved);
    firn_ws_compare_deinit(&compare);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct firn_ws_restoring restoring; /* to the present state, as a dry run */
    struct firn_ws_step step;
    const firn_workspace_steps_options *options;
    int (*visit)(void *ctx, const firn_workspace_step *step);
    void *ctx;
    firn_workspace_steps_result *result;
    struct firn_ws_steps_free free; /* with edits on the disk */
};

/* The index of the oldest item that an undo can go to. */
static int
find_oldest(struct firn_ws_restoring *restoring, size_t *out, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    int rc = FIRN_NOT_FOUND;
    for (*out = 0; *out <= line->cursor; ++*out) {
        rc = firn_ws_line_state(restoring->opened, firn_catalog_line_at(line, *out)->order, &bytes,
                                &record, err);
        if (rc != FIRN_NOT_FOUND ||
            (*out < line->cursor && firn_catalog_line_is_facts(line, *out + 1))) {
            break;
        }
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
list_step(struct listing *listing, size_t i, bool is_forward, struct told *told, firn_error *err)
{
    int rc =
        tell_state(listing->restoring.opened, &listing->restoring.line, i, is_forward, told, err);
    return rc == FIRN_OK ? firn_error_stopped(err, listing->visit(listing->ctx, &told->step)) : rc;
}

static int
list_edits(struct listing *listing, firn_error *err)
{
    firn_workspace_step step = listing->step.edits;
    step.kind = FIRN_STEP_EDITS;
    step.is_counted = true;
    return firn_error_stopped(err, listing->visit(listing->ctx, &step));
}

static int
list_steps(struct listing *listing, firn_error *err)
{
    const struct firn_catalog_line *line = &listing->restoring.line;
    const size_t cursor = line->cursor;
    const uint64_t limit = listing->options->limit;
    firn_workspace_steps_result *result = listing->result;
    struct told told = {.step = {0}};
    size_t oldest;
    int rc;
    FIRN_TRY(find_oldest(&listing->restoring, &oldest, err));
    result->redo_steps =
        result->is_unsaved ? listing->free.ahead : firn_catalog_line_count(line) - 1 - cursor;
    result->undo_steps = (oldest < cursor ? cursor - oldest : 0) + (result->is_unsaved ? 1 : 0);
    size_t ahead = (size_t)(result->redo_steps < limit ? result->redo_steps : limit);
    size_t back = (size_t)(result->undo_steps < limit ? result->undo_steps : limit);
    for (size_t i = cursor + ahead; i > cursor; i--) {
        FIRN_TRY(list_step(listing, i, true, &told, err));
    }
    for (size_t i = 0; i < back; i++) {
        const bool are_edits = result->is_unsaved && i == listing->free.back;
        const size_t newer = result->is_unsaved && i > listing->free.back ? i - 1 : i;
        FIRN_TRY(are_edits ? list_edits(listing, err)
                           : list_step(listing, cursor - newer, false, &told, err));
    }
out:
    told_deinit(&told);
    return rc;
}

static int
list_opened(struct listing *listing, firn_error *err)
{
    struct firn_ws_restoring *restoring = &listing->restoring;
    struct firn_ws_opened *opened = restoring->opened;
    int rc;
    FIRN_TRY(
        firn_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    restoring->step = &listing->step;
    FIRN_TRY(firn_ws_line_load(restoring, err));
    if (firn_catalog_line_count(&restoring->line) == 0) {
        goto out;
    }
    FIRN_TRY(firn_ws_choose_read_here(restoring, err));
    if (restoring->step->has_here) {
        FIRN_TRY(firn_ws_given_checkpoint(restoring->ws, &restoring->step->here,
                                          &listing->result->checkpoint, err));
        FIRN_TRY(firn_ws_steps_look_at_disk(restoring, &listing->options->callbacks,
                                            &listing->result->is_unsaved, &listing->free, err));
    }
    rc = list_steps(listing, err);
out:
    firn_ws_line_deinit(restoring);
    firn_catalog_journal_deinit(&restoring->journal);
    return rc;
}

int
firn_ws_steps_list(struct firn_ws *ws, const firn_workspace_steps_options *options,
                   int (*visit)(void *ctx, const firn_workspace_step *step), void *ctx,
                   firn_workspace_steps_result *out, firn_error *err)
{
    *out = (firn_workspace_steps_result)FIRN_WORKSPACE_STEPS_RESULT_INIT;
    const firn_workspace_restore_options restore = {.dry_run = true,
                                                    .threads = options->threads,
                                                    .callbacks = options->callbacks,
                                                    .gitignore = options->gitignore,
                                                    .file_size_max = options->file_size_max};
    struct firn_ws_opened opened;
    struct listing listing = {.restoring = {.ws = ws, .opened = &opened, .options = &restore},
                              .options = options,
                              .visit = visit,
                              .ctx = ctx,
                              .result = out};
    int rc = firn_ws_opened_open(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = opened.workspace.number == 0 ? FIRN_OK : list_opened(&listing, err);
    return firn_ws_opened_close(ws, &opened, rc, err);
}
