/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_turn_git.c: the undo of a turn together with git repositories.
 *
 * States of the undo line differ in files. A save whose files are those of the save before it is no
 * state, although its repositories may be other ones: an agent has committed, or has deleted a
 * branch. So where repositories are restored with a turn,
 *
 * - the last turn may be one that changed repositories alone. It is found among the checkpoints
 *   that are newer than the present state and have its files, and counts as one that is not over.
 * - repositories come from the newest checkpoint, made when the turn began or earlier, that has the
 *   files of the state. What was committed in an earlier turn stays committed.
 *
 * Which turns were undone says the time that the line notes of the last such undo, and the safety
 * checkpoint of an undo: a turn that is older than the one is newest, if there is the other.
 */
#include "undo/undo.h"

#include "base/check.h"
#include "base/slice.h"

/* A walk through the checkpoints of the workspace, newest first. */
struct search {
    struct fi_ws_restoring *restoring;
    const struct fi_catalog_record *state; /* none that is older, unless a turn is asked for */
    bool is_turn;                          /* a turn that ended; false: the state at a time */
    int64_t time_ns;                       /* turns that began later; the state no later */
    bool has_safety;                       /* one is newer */
    uint64_t order;                        /* what was found; 0: nothing */
};

/* Whether the files are those of the state. */
static int
has_files_of(const struct search *search, const struct fi_catalog_record *record, bool *out,
             firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(search->restoring->opened->objects);
    const struct fi_difference_walk_side a = {.source = trees, .root = &search->state->root};
    const struct fi_difference_walk_side b = {.source = trees, .root = &record->root};
    int rc = fi_ws_undo_line_compare(&a, &b, NULL, out, err);
    *out = !*out;
    return rc;
}

/* Whether a turn is the one that is to be undone, as far as its times tell. */
static bool
may_be_turn(const struct search *search, const struct fi_catalog_record *record)
{
    const int64_t undone_ns = search->restoring->line.turn_ns;
    const int64_t begun_ns = record->turn_begun_ns;
    if (search->restoring->options->turn != 0) {
        return record->number == search->restoring->options->turn && begun_ns != 0;
    }
    return record->turn.agent.size > 0 && begun_ns > search->time_ns &&
           (undone_ns == 0 || begun_ns < undone_ns ||
            (begun_ns > undone_ns && !search->has_safety));
}

static int
visit(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    struct search *search = ctx;
    bool is_it = true;
    (void)bytes;
    const bool is_asked_for = search->is_turn && search->restoring->options->turn != 0;
    if (record->order <= search->state->order && !is_asked_for) {
        return FIRN_EXISTS;
    }
    search->has_safety |= record->is_safety;
    if (record->is_safety ||
        (search->is_turn ? !may_be_turn(search, record) : record->created_ns > search->time_ns)) {
        return FIRN_OK;
    }
    if (!is_asked_for) {
        FI_TRY_RETURN(has_files_of(search, record, &is_it, err));
    }
    search->order = is_it ? record->order : 0;
    return is_it || !search->is_turn ? FIRN_EXISTS : FIRN_OK;
}

/* The checkpoint that a search finds; FIRN_NOT_FOUND if there is none. */
static int
find(struct search *search, struct fi_buf *bytes, struct fi_catalog_record *out, firn_error *err)
{
    struct fi_ws_opened *opened = search->restoring->opened;
    firn_error cause;
    int rc = fi_catalog_list(opened->catalog, opened->workspace.number, visit, search, &cause);
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        fi_error_copy(err, &cause);
        return rc;
    }
    return search->order == 0 ? FIRN_NOT_FOUND
                              : fi_ws_undo_line_state(opened, search->order, bytes, out, err);
}

int
fi_ws_turn_git_find(struct fi_ws_restoring *restoring, int64_t newer_than_ns, firn_error *err)
{
    struct fi_ws_step *step = restoring->step;
    struct fi_catalog_record record;
    struct search search = {
        .restoring = restoring, .state = &step->here, .is_turn = true, .time_ns = newer_than_ns};
    if (!restoring->options->git || !step->has_here || step->open_ns != 0) {
        return FIRN_OK;
    }
    int rc = find(&search, &step->open_bytes, &record, err);
    if (rc == FIRN_OK) {
        step->open_turn = record.turn;
        step->open_ns = record.turn_begun_ns;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_turn_git_read(struct fi_ws_restoring *restoring, const struct fi_catalog_record *state,
                    int64_t time_ns, struct fi_buf *bytes, struct fi_catalog_record *out,
                    firn_error *err)
{
    struct search search = {.restoring = restoring, .state = state, .time_ns = time_ns};
    DCHECK(restoring->options->git);
    struct fi_catalog_record found;
    int rc = time_ns != 0 ? find(&search, bytes, &found, err) : FIRN_NOT_FOUND;
    *out = rc == FIRN_OK ? found : *state;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_turn_git_note(struct fi_ws_restoring *restoring, firn_error *err)
{
    const struct fi_ws_opened *opened = restoring->opened;
    struct fi_catalog_undo_line *line = &restoring->line;
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_ws_undo_line_load(restoring, err));
    line->turn_ns = restoring->turn_ns;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_undo_line_put(opened->db, batch, opened->workspace.number, line, err));
    FI_TRY(fi_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    fi_catalog_undo_line_deinit(line);
    return rc;
}
