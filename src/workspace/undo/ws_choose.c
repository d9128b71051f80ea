/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_choose.c: which state of the undo line an undo or a redo restores.
 *
 * An undo of a directory that differs from the present state of the line brings that state back:
 * what it takes back are edits that were not saved. Its safety checkpoint becomes the next state,
 * so that a redo brings the edits back. Otherwise the undo goes to the state before. A redo goes to
 * the next state, and only if the directory is as the undo left it: new work ends the states that
 * could be redone (I1; not checked: fi_ws_choose_resolve refuses). Their checkpoints stay.
 *
 * A step that is limited to paths (ws_paths.c) is compared, and taken, at these alone: edits
 * elsewhere are none to it, and stay. One that changes facts (ws_facts.c) is taken if there are no
 * edits at all.
 *
 * The undo of a turn goes to the state in which the last turn of an agent began, by the times of
 * the states. A turn that is over is known from the checkpoint after it, one that was interrupted
 * from the note of its beginning (catalog_turns.c), until the next one of its session begins. One
 * that is asked for by its checkpoint's number is looked for among the states up to the present
 * one.
 *
 * When the directory "differs" says ws_edits.c. For the undo of a turn with git repositories it
 * also does if these are not as the state has them (ws_turn_git.c).
 * Otherwise repositories have steps of their own (ws_repository_step.c), which are taken if no file
 * differs; if one does, and they are as they were saved, they stay.
 */
#include "base/check.h"
#include "base/slice.h"
#include "undo/undo.h"

/* ---- choosing ---- */

/* Limits what is to be restored to the paths of the step that is chosen, or to none. */
static int
limit(struct fi_ws_restoring *restoring, bool is_limited, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    struct fi_ws_paths *paths = &step->paths;
    int rc = FIRN_OK;
    fi_ws_paths_deinit(paths);
    if (is_limited) {
        rc = fi_ws_undo_line_paths(restoring, step->to, paths, err);
    }
    restoring->paths = paths->items;
    restoring->path_count = paths->count;
    return rc;
}

static int
nothing_to(const struct fi_ws_restoring *restoring, firn_error *err)
{
    if (fi_ws_undo_line_is_turn(restoring) && restoring->options->turn != 0) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "checkpoint %llu is not among the states that can be undone",
                            (unsigned long long)restoring->options->turn);
    }
    return fi_error_set(err, FIRN_NOT_FOUND, "there is %s",
                        fi_ws_undo_line_is_turn(restoring)      ? "no turn of an agent to undo"
                        : fi_ws_undo_line_is_forward(restoring) ? "nothing to redo"
                                                                : "nothing to undo");
}

/* Finds the nearest state before or after index *at that was not deleted, and moves *at there. With
 * only_stops not one that an undo has passed over. */
static int
find_next_of(struct fi_ws_restoring *restoring, bool only_stops, size_t *at, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    size_t count = fi_catalog_undo_line_count(line);
    size_t i = *at;
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND &&
           (fi_ws_undo_line_is_forward(restoring) ? i + 1 < count : i > 0)) {
        i = fi_ws_undo_line_is_forward(restoring) ? i + 1 : i - 1;
        if (fi_ws_undo_line_is_forward(restoring) && fi_catalog_undo_line_is_facts(line, i)) {
            continue;
        }
        const struct fi_catalog_undo_line_state *state =
            fi_catalog_undo_line_at(line, fi_catalog_undo_line_state_at(line, i));
        if (only_stops && state->is_passed) {
            continue;
        }
        rc = fi_ws_undo_line_state(restoring->opened, state->order, &restoring->ws->record,
                                   &restoring->record, err);
        *at = rc == FIRN_OK ? i : *at;
    }
    return rc;
}

/* A redo goes to where the undo was done (I2; not checked: fi_catalog_undo_line_move marks the
 * states in between), or to the nearest state if that one was deleted. */
static int
find_next(struct fi_ws_restoring *restoring, size_t *at, firn_error *err)
{
    int rc = find_next_of(restoring, fi_ws_undo_line_is_forward(restoring), at, err);
    return rc == FIRN_NOT_FOUND && fi_ws_undo_line_is_forward(restoring)
               ? find_next_of(restoring, false, at, err)
               : rc;
}

int
fi_ws_choose_read_here(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    const struct fi_catalog_undo_line *line = &restoring->line;
    size_t at = fi_catalog_undo_line_state_at(line, line->cursor);
    int rc = fi_ws_undo_line_state(restoring->opened, fi_catalog_undo_line_at(line, at)->order,
                                   &step->here_bytes, &step->here, err);
    step->has_here = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_choose_by_time(struct fi_ws_restoring *restoring, int64_t time_ns, size_t *at,
                     firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    int rc = FIRN_NOT_FOUND;
    for (size_t i = *at + 1; rc == FIRN_NOT_FOUND && i-- > 0;) {
        const struct fi_catalog_undo_line_state *state = fi_catalog_undo_line_at(line, i);
        if (state->time_ns > time_ns) {
            continue;
        }
        rc = fi_ws_undo_line_state(restoring->opened, state->order, &restoring->ws->record,
                                   &restoring->record, err);
        *at = rc == FIRN_OK ? i : *at;
    }
    return rc;
}

/* Whether a turn ended with a checkpoint: the one that is asked for, which may also be a run or any
 * other save, or any. */
static bool
ends_turn(const struct fi_ws_restoring *restoring, const struct fi_catalog_record *record)
{
    const uint64_t asked = restoring->options->turn;
    return asked == 0 ? record->turn.agent.size > 0 : record->number == asked;
}

/* Moves *at to the newest state, at or before it, that an agent's turn ended with. *out_begun_ns is
 * 0 if the beginning of the turn is not known. */
static int
find_turn(struct fi_ws_restoring *restoring, size_t *at, int64_t *out_begun_ns, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = FIRN_NOT_FOUND;
    for (size_t i = *at + 1; rc == FIRN_NOT_FOUND && i-- > 0;) {
        const struct fi_catalog_undo_line_state *state = fi_catalog_undo_line_at(line, i);
        if (state->kind != FIRN_STEP_SAVE) {
            continue;
        }
        rc = fi_ws_undo_line_state(restoring->opened, state->order, &bytes, &record, err);
        if (rc == FIRN_OK && ends_turn(restoring, &record)) {
            *at = i;
            *out_begun_ns = record.turn.agent.size > 0 ? record.turn_begun_ns : record.run.begun_ns;
        } else if (rc == FIRN_OK) {
            rc = FIRN_NOT_FOUND;
        }
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* Chooses the state in which the last turn that is over began, of those that ended at or before a
 * state. *out_begun_ns is when it began, as far as that is known. */
static int
choose_turn(struct fi_ws_restoring *restoring, size_t from, int64_t *out_begun_ns, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    size_t at = from;
    int rc = find_turn(restoring, &at, out_begun_ns, err);
    if (rc == FIRN_OK && at == 0) {
        rc = FIRN_NOT_FOUND;
    }
    if (rc == FIRN_OK) {
        bool is_known = *out_begun_ns != 0;
        step->turn_ns = *out_begun_ns;
        *out_begun_ns =
            is_known ? *out_begun_ns : fi_catalog_undo_line_at(&restoring->line, at)->time_ns;
        step->to = at - 1;
        rc = fi_ws_choose_by_time(restoring, is_known ? *out_begun_ns : INT64_MAX, &step->to, err);
    }
    step->has_next = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Finds the turn that has begun and is not over, unless one that is over began later, or it was
 * undone. */
static int
find_open_turn(struct fi_ws_restoring *restoring, int64_t newer_than_ns, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    const struct fi_ws_opened *opened = restoring->opened;
    int64_t begun_ns;
    firn_error cause;
    int rc = fi_catalog_turns_newest(opened->catalog, opened->workspace.number, &step->open_bytes,
                                     &step->open_turn, &begun_ns, &cause);
    if (rc == FIRN_OK && begun_ns > newer_than_ns && begun_ns > restoring->line.turn_ns) {
        step->open_ns = begun_ns;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &cause);
        return rc;
    }
    return FIRN_OK;
}

/* Finds the state in which the open turn began. */
static int
find_open_state(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    int rc = FIRN_NOT_FOUND;
    step->open_to = restoring->line.cursor;
    if (step->open_ns != 0) {
        rc = fi_ws_choose_by_time(restoring, step->open_ns, &step->open_to, err);
    }
    step->open_ns = rc == FIRN_OK ? step->open_ns : 0;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* If nothing was saved since an interrupted turn began, only a look at the disk can tell whether
 * the turn changed anything; fi_ws_choose_resolve decides. */
static int
choose_last_turn(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    const struct fi_catalog_undo_line *line = &restoring->line;
    int64_t begun_ns;
    int rc;
    FI_TRY(choose_turn(restoring, line->cursor, &begun_ns, err));
    begun_ns = step->has_next ? begun_ns : INT64_MIN;
    if (restoring->options->turn == 0) {
        FI_TRY(find_open_turn(restoring, begun_ns, err));
    }
    if (restoring->options->turn == 0 || !step->has_next) {
        FI_TRY(fi_ws_turn_git_find(restoring, begun_ns, err));
    }
    FI_TRY(find_open_state(restoring, err));
    if (step->open_ns != 0 && step->open_to < line->cursor) {
        step->to = step->open_to;
        step->has_next = true;
    } else if (step->has_next) {
        rc =
            fi_ws_undo_line_state(restoring->opened, fi_catalog_undo_line_at(line, step->to)->order,
                                  &restoring->ws->record, &restoring->record, err);
    } else if (step->open_ns != 0 && step->has_here) {
        restoring->record = step->here; /* if the directory differs from it */
    } else {
        rc = nothing_to(restoring, err);
    }
out:
    return rc;
}

/* Whether files alone are to be taken from a state, not facts. */
static bool
is_of_files(const struct fi_ws_restoring *restoring)
{
    return fi_ws_undo_line_is_turn(restoring) || restoring->options->path_count > 0 ||
           restoring->options->to_dir != NULL;
}

int
fi_ws_choose(struct fi_ws_restoring *restoring, struct fi_ws_step *step, firn_error *err)
{
    DCHECK(!fi_catalog_journal_is_pending(&restoring->journal));
    struct fi_catalog_undo_line *line = &restoring->line;
    restoring->step = step;
    FI_TRY_RETURN(fi_ws_undo_line_load(restoring, err));
    if (fi_catalog_undo_line_count(line) == 0) {
        return nothing_to(restoring, err);
    }
    const size_t here = fi_catalog_undo_line_state_at(line, line->cursor);
    if (fi_ws_undo_line_is_turn(restoring)) {
        fi_catalog_undo_line_drop_facts(line, here, line->cursor); /* no undo of files drops them */
    }
    step->to = is_of_files(restoring) ? here : line->cursor;
    step->told_to = step->to;
    FI_TRY_RETURN(fi_ws_choose_read_here(restoring, err));
    return fi_ws_undo_line_is_turn(restoring) ? choose_last_turn(restoring, err)
                                              : fi_ws_choose_next(restoring, err);
}

static int
choose_next_turn(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    int64_t begun_ns;
    step->open_ns = 0;
    int rc = choose_turn(restoring, step->to, &begun_ns, err);
    return rc != FIRN_OK || step->has_next ? rc : nothing_to(restoring, err);
}

/* Whether the next step changes facts: then it is chosen. */
static bool
choose_facts(struct fi_ws_restoring *restoring)
{
    struct fi_ws_step *step = restoring->step;
    const struct fi_catalog_undo_line *line = &restoring->line;
    size_t at = step->to + (fi_ws_undo_line_is_forward(restoring) ? 1 : 0);
    bool is_facts = !is_of_files(restoring) && at < fi_catalog_undo_line_count(line) &&
                    fi_catalog_undo_line_is_facts(line, at);
    step->facts_at = is_facts ? at : 0;
    if (is_facts) {
        step->to = fi_ws_undo_line_is_forward(restoring) ? at : at - 1;
        step->has_next = true;
        restoring->record = step->here; /* if the directory differs from it */
    }
    return is_facts;
}

int
fi_ws_choose_next(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    if (fi_ws_undo_line_is_turn(restoring)) {
        return choose_next_turn(restoring, err);
    }
    if (!is_of_files(restoring)) {
        FI_TRY_RETURN(limit(restoring, false, err));
    }
    if (choose_facts(restoring)) {
        return FIRN_OK;
    }
    int rc = find_next(restoring, &step->to, err);
    step->has_next = rc == FIRN_OK;
    if (rc == FIRN_OK && !is_of_files(restoring) && step->has_here) {
        rc = limit(restoring, true, err);
    }
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (fi_ws_undo_line_is_forward(restoring) || !step->has_here ||
        restoring->options->to_dir != NULL) {
        return nothing_to(restoring, err);
    }
    restoring->record = step->here; /* if the directory differs from it */
    return FIRN_OK;
}

/* ---- settling ---- */

/* The directory has edits: an undo takes back those alone, the undo of a turn what it has
 * chosen. */
static int
resolve_edits(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    if (fi_ws_undo_line_is_forward(restoring)) { /* (I1) */
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is nothing to redo: files were changed after the undo");
    }
    if (!fi_ws_undo_line_is_turn(restoring) || fi_ws_undo_line_is_open_turn(restoring)) {
        restoring->record = step->here;
        step->to = restoring->line.cursor;
        step->told_to = step->to;
    } else if (!step->has_next) {
        return nothing_to(restoring, err);
    }
    return fi_ws_steps_report_edits(restoring, err);
}

int
fi_ws_choose_resolve(struct fi_ws_restoring *restoring,
                     const struct fi_difference_walk_side *before,
                     struct fi_checkout_options *options, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    bool differs = true;
    if (restoring->step == NULL) {
        return FIRN_OK;
    }
    if (step->paths.count > 0) { /* edits elsewhere stay as they are */
        FI_TRY_RETURN(
            fi_ws_edits_differ(restoring, before, options, &restoring->filter, &differs, err));
        if (differs) {
            FI_TRY_RETURN(limit(restoring, false, err));
            FI_TRY_RETURN(fi_ws_restoring_set_filter(restoring, err));
            options->filter = NULL;
            options->count_same = false;
        }
    }
    if (step->has_here && step->paths.count == 0) {
        FI_TRY_RETURN(fi_ws_edits_differ(restoring, before, options, NULL, &differs, err));
    }
    if (restoring->git_from == FI_WS_GIT_CHOSEN) {
        if (!differs) { /* a step of repositories alone */
            restoring->record = restoring->git;
            step->to = restoring->line.cursor;
            step->is_clean = true;
            return fi_ws_given_checkpoint(restoring->ws, &restoring->record,
                                          &restoring->result->checkpoint, err);
        }
        restoring->git_from = step->git_differs ? FI_WS_GIT_CHOSEN : FI_WS_GIT_STAYS;
    }
    differs = differs || step->git_differs;
    step->is_clean = !differs;
    if (differs && step->has_here) {
        FI_TRY_RETURN(resolve_edits(restoring, err));
    } else if (!step->has_next) {
        return nothing_to(restoring, err);
    }
    if (step->to != step->open_to) {
        step->open_ns = 0; /* the interrupted turn had changed nothing */
    }
    restoring->turn_ns = step->open_ns != 0 ? step->open_ns : step->turn_ns;
    FI_TRY_RETURN(fi_ws_steps_report(restoring, err));
    return fi_ws_given_checkpoint(restoring->ws, &restoring->record, &restoring->result->checkpoint,
                                  err);
}
