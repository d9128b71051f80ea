/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_repository_step.c: which git repositories an undo or a redo restores, if it is to.
 *
 * The undo line has a state for each tree of files. Git changes its repositories while files stay
 * the same: a commit does. So one state may have several checkpoints, which differ in repositories
 * alone: those that were saved after it until the files were others, and the safety checkpoints of
 * undos among them. They are steps of their own, between those of files. There is no cursor for
 * them: the present repositories say where it is. If they are those of no checkpoint, they are
 * newer than all that were saved, and an undo takes them back to the newest; nothing can be redone
 * then. Repositories that several checkpoints have count as those of the oldest, and for a redo as
 * those of the newest that was saved. A safety checkpoint that was made while a repository was
 * missing is no step.
 *
 * A step of files leads to the newest repositories of the state that it goes to.
 */
#include "base/check.h"
#include "operations/operations_internal.h"

enum { CANDIDATES_MAX = 16 };

/* Checkpoints of a state, newest first. */
struct candidates {
    struct fi_ws_opened *opened;
    const struct fi_catalog_record *state;
    struct {
        uint64_t order;
        bool is_safety;
    } list[CANDIDATES_MAX];
    size_t count;
};

static bool
has_tree_of_state(const struct candidates *candidates, const struct fi_catalog_record *record)
{
    const struct fi_tree_source *trees = fi_objects_trees(candidates->opened->objects);
    const struct fi_difference_walk_side a = {.source = trees, .root = &candidates->state->root};
    const struct fi_difference_walk_side b = {.source = trees, .root = &record->root};
    firn_error ignored;
    bool differs = true;
    return fi_ws_undo_line_compare(&a, &b, NULL, &differs, &ignored) == FIRN_OK && !differs;
}

static int
add_candidate(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct candidates *candidates = ctx;
    bool is_whole = true;
    (void)bytes;
    if (record->order < candidates->state->order) {
        return FIRN_EXISTS;
    }
    if (record->is_safety && record->has_repositories) {
        FI_TRY_RETURN(fi_ws_repository_is_same(candidates->opened, candidates->state, record, true,
                                               &is_whole, err));
    }
    if (!has_tree_of_state(candidates, record)) {
        candidates->count = record->is_safety ? candidates->count : 0;
    } else if (record->has_repositories && is_whole && candidates->count < CANDIDATES_MAX) {
        candidates->list[candidates->count].order = record->order;
        candidates->list[candidates->count++].is_safety = record->is_safety;
    }
    return FIRN_OK;
}

static int
find_candidates(struct fi_ws_opened *opened, const struct fi_catalog_record *state,
                struct candidates *out, firn_error *err)
{
    *out = (struct candidates){.opened = opened, .state = state};
    int rc = fi_catalog_list(opened->catalog, opened->workspace.number, add_candidate, out, err);
    return rc == FIRN_EXISTS ? FIRN_OK : rc;
}

/* Reads one into restoring->git. */
static int
take_candidate(struct fi_ws_restoring *restoring, const struct candidates *candidates, size_t i,
               firn_error *err)
{
    DCHECK(i < candidates->count);
    return fi_ws_undo_line_state(restoring->opened, candidates->list[i].order,
                                 &restoring->git_bytes, &restoring->git, err);
}

/* Takes the newest one that is no safety checkpoint; if all are, the newest. */
static int
take_newest(struct fi_ws_restoring *restoring, const struct candidates *candidates, firn_error *err)
{
    size_t i = 0;
    while (i < candidates->count && candidates->list[i].is_safety) {
        i++;
    }
    return take_candidate(restoring, candidates, i < candidates->count ? i : 0, err);
}

/* Takes one, and looks whether the present repositories differ. */
static int
compare_candidate(struct fi_ws_restoring *restoring, const struct candidates *candidates, size_t i,
                  bool *out_differs, firn_error *err)
{
    const firn_callbacks none = FIRN_CALLBACKS_INIT;
    uint64_t differ;
    FI_TRY_RETURN(take_candidate(restoring, candidates, i, err));
    FI_TRY_RETURN(fi_ws_repository_tell_now(restoring->opened, &restoring->git, NULL,
                                            restoring->options->threads, &none, &differ, err));
    *out_differs = differ > 0;
    return FIRN_OK;
}

/* The oldest one that the present repositories are; the count if there is none. */
static int
find_present(struct fi_ws_restoring *restoring, const struct candidates *candidates, size_t *out,
             firn_error *err)
{
    bool differs = true;
    size_t i = candidates->count;
    while (differs && i > 0) {
        FI_TRY_RETURN(compare_candidate(restoring, candidates, --i, &differs, err));
    }
    *out = differs ? candidates->count : i;
    return FIRN_OK;
}

/* A redo goes on from the newest one that was saved: an undo of what was not saved went there. */
static int
find_newest_present(struct fi_ws_restoring *restoring, const struct candidates *candidates,
                    size_t *i, firn_error *err)
{
    bool differs = true;
    for (size_t k = 0; differs && k < *i; k++) {
        if (!candidates->list[k].is_safety) {
            FI_TRY_RETURN(compare_candidate(restoring, candidates, k, &differs, err));
            *i = differs ? *i : k;
        }
    }
    return FIRN_OK;
}

/* Whether a redo goes to a candidate: if it differs from what is there, and from all older ones. */
static int
is_next(struct fi_ws_restoring *restoring, const struct candidates *candidates, size_t i,
        bool *out_differs, firn_error *err)
{
    struct fi_catalog_record older;
    struct fi_buf bytes = {0};
    bool is_same = false;
    int rc;
    FI_TRY(compare_candidate(restoring, candidates, i, out_differs, err));
    for (size_t j = i + 1; *out_differs && j < candidates->count; j++) {
        FI_TRY(fi_ws_undo_line_state(restoring->opened, candidates->list[j].order, &bytes, &older,
                                     err));
        FI_TRY(fi_ws_repository_is_same(restoring->opened, &older, &restoring->git, false, &is_same,
                                        err));
        *out_differs = !is_same;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_ws_repository_step_choose(struct fi_ws_restoring *restoring, firn_error *err)
{
    const bool is_forward = fi_ws_undo_line_is_forward(restoring);
    struct candidates candidates;
    bool differs = false;
    size_t i;
    FI_TRY_RETURN(
        find_candidates(restoring->opened, fi_ws_undo_line_here(restoring), &candidates, err));
    if (candidates.count == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(find_present(restoring, &candidates, &i, err));
    restoring->step->git_differs = i == candidates.count;
    if (restoring->step->git_differs) {
        restoring->git_from = FI_WS_GIT_CHOSEN;
        return is_forward ? fi_error_set(err, FIRN_NOT_FOUND,
                                         "there is nothing to redo: git was at work since")
                          : take_newest(restoring, &candidates, err);
    }
    if (is_forward) {
        FI_TRY_RETURN(find_newest_present(restoring, &candidates, &i, err));
    }
    restoring->git_present = candidates.list[i].order;
    while (!differs && (is_forward ? i-- > 0 : ++i < candidates.count)) {
        FI_TRY_RETURN(is_forward ? is_next(restoring, &candidates, i, &differs, err)
                                 : compare_candidate(restoring, &candidates, i, &differs, err));
    }
    restoring->git_from = differs ? FI_WS_GIT_CHOSEN : restoring->git_from;
    return FIRN_OK;
}

int
fi_ws_repository_step_take(struct fi_ws_restoring *restoring, bool *out_is_any, firn_error *err)
{
    struct candidates candidates;
    *out_is_any = restoring->git_from != FI_WS_GIT_STAYS;
    if (restoring->git_from == FI_WS_GIT_OF_STATE) {
        FI_TRY_RETURN(find_candidates(restoring->opened, &restoring->record, &candidates, err));
        *out_is_any = candidates.count > 0;
        FI_TRY_RETURN(*out_is_any ? take_newest(restoring, &candidates, err) : FIRN_OK);
    }
    if (*out_is_any && restoring->git_from != FI_WS_GIT_OF_RECORD) {
        restoring->record = restoring->git;
    }
    return FIRN_OK;
}
