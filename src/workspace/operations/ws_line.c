/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_line.c: undo and redo: the undo line, and which of its states is restored.
 *
 * The line lists the states of the workspace, each by a checkpoint and the kind of step that led to
 * it. A save adds one; a restore or revert adds the state before it, if that was not saved, and the
 * one that it made. The line is brought up to date with the saves when it is read, and it is written
 * in the commit that ends a restore (I1; not checked: nothing else writes it). A restore that comes
 * to nothing leaves it alone, and one that is pending will write it. Without an entry the line is
 * derived from the catalog and the journal of the last restore. A checkpoint that was deleted, and can be brought
 * back, is a state, too: else nothing would stand before the step that deleted it, and the directory would seem to
 * have edits.
 *
 * An undo of a directory that differs from the present state of the line brings that state back:
 * what it takes back are edits that were not saved. Its safety checkpoint becomes the next state, so
 * that a redo brings the edits back. Otherwise the undo goes to the state before. A step that is limited to
 * paths (ws_paths.c) is taken at these alone, and edits elsewhere are none to it. A redo goes to the next state, and only if the directory is as the undo left
 * it: new work ends the states that could be redone (I2; not checked: firn_ws_line_settle refuses).
 * Their checkpoints stay.
 *
 * The undo of a turn goes to the state in which the last turn of an agent began, by the times of the
 * states. A turn that is over is known from the checkpoint after it, one that was interrupted from
 * the note of its beginning (catalog_turns.c), until the next one of its session begins.
 *
 * Steps that change facts (ws_facts.c) stand between the states, where they were made. What takes back
 * or brings back files alone, of a turn or of some paths, leaves facts as they are; an undo of a turn
 * drops such steps after the state that it goes to (I4; not checked: two calls of drop_facts).
 *
 * "Differs" means that restoring the state would change something. Entries that rules exclude or
 * that cannot be restored do not count, nor does the time of a directory.
 */
#include "operations/operations_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog_line.h"
#include "handle/ws_opened.h"

/* ---- comparing states ---- */

/* Ends the walk at the first difference. */
static int
find_difference(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    (void)err;
    bool *is_different = ctx;
    *is_different =
        change->kind != FIRN_DIFFERENCE_WALK_SAME && !firn_difference_walk_is_dir_time(change);
    return *is_different ? FIRN_EXISTS : FIRN_OK;
}

static int
compare_sides(const struct firn_difference_walk_side *a, const struct firn_difference_walk_side *b,
              struct firn_tree_filter *filter, bool *out_is_different, firn_error *err)
{
    const struct firn_difference_walk_options options = {.filter = filter};
    *out_is_different = false;
    int rc = firn_difference_walk(a, b, &options, find_difference, out_is_different, err);
    return *out_is_different ? FIRN_OK : rc;
}

/* The record of a state, or of the one at the cursor; FIRN_NOT_FOUND if it was deleted. */
static int
read_state(struct firn_ws_opened *opened, uint64_t order, struct firn_buf *bytes,
           struct firn_catalog_record *out, firn_error *err)
{
    return firn_catalog_get(opened->catalog, opened->workspace.number, order, bytes, out, err);
}

/* Whether a tree is another one than that of the present state of the line. A tree that cannot be
 * read counts as another. */
static int
is_new_state(struct firn_ws_opened *opened, const struct firn_catalog_line *line,
             const struct firn_tree_entry *root, bool *out, firn_error *err)
{
    const struct firn_tree_source *trees = firn_objects_trees(opened->objects);
    struct firn_catalog_record here;
    struct firn_buf bytes = {0};
    firn_error cause;
    *out = true;
    if (firn_catalog_line_count(line) == 0) {
        return FIRN_OK;
    }
    size_t at = firn_catalog_line_state_at(line, line->cursor);
    int rc = read_state(opened, firn_catalog_line_at(line, at)->order, &bytes, &here, &cause);
    if (rc == FIRN_OK) {
        const struct firn_difference_walk_side a = {.source = trees, .root = &here.root};
        const struct firn_difference_walk_side b = {.source = trees, .root = root};
        rc = compare_sides(&a, &b, NULL, out, &cause);
    }
    if (rc == FIRN_NO_MEMORY) {
        firn_error_copy(err, &cause);
    } else if (rc != FIRN_OK) {
        *out = true;
        rc = FIRN_OK;
    }
    firn_buf_deinit(&bytes);
    return rc;
}

/* A checkpoint that only ends a turn takes the place of the one of the same tree that was made in that turn
 * (ws_save.c). */
static int
end_turn(struct firn_ws_opened *opened, struct firn_catalog_line *line,
         const struct firn_catalog_record *record, firn_error *err)
{
    struct firn_catalog_line_state *state =
        firn_catalog_line_at(line, firn_catalog_line_state_at(line, line->cursor));
    struct firn_catalog_record here;
    struct firn_buf bytes = {0};
    int rc = FIRN_OK;
    if (record->turn.agent.size == 0 || record->turn_begun_ns == 0 ||
        record->turn_begun_ns >= state->time_ns) {
        return FIRN_OK;
    }
    FIRN_TRY(read_state(opened, state->order, &bytes, &here, err));
    if (state->kind != FIRN_STEP_SAVE || here.turn.agent.size == 0) {
        state->order = record->order;
        state->kind = FIRN_STEP_SAVE;
    }
out:
    firn_buf_deinit(&bytes);
    return rc;
}

/* Adds a state, unless it is that at the cursor. */
static int
add_state(struct firn_ws_opened *opened, struct firn_catalog_line *line,
          const struct firn_catalog_record *record, firn_workspace_step_kind kind, int64_t time_ns,
          bool *out_added, firn_error *err)
{
    const struct firn_catalog_line_state state = {record->order, time_ns, kind, false};
    *out_added = false;
    int rc = is_new_state(opened, line, &record->root, out_added, err);
    if (rc == FIRN_OK && !*out_added && kind == FIRN_STEP_SAVE) {
        return end_turn(opened, line, record, err);
    }
    return rc == FIRN_OK && *out_added ? firn_catalog_line_add(line, &state, err) : rc;
}

/* A checkpoint that is gone is not added. A checkpoint that a restore goes to may be older than that
 * restore, which is made now; any other is as old as its step. */
static int
add_state_of_id(struct firn_ws_opened *opened, struct firn_catalog_line *line, const uint8_t *id,
                firn_workspace_step_kind kind, bool *out_added, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    *out_added = false;
    int rc = firn_checkout_recover_record(opened, id, &bytes, &record, err);
    if (rc == FIRN_OK) {
        rc = add_state(opened, line, &record, kind,
                       kind == FIRN_STEP_RESTORE ? firn_os_now_ns(firn_db_os(opened->db))
                                                 : record.created_ns,
                       out_added, err);
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static firn_workspace_step_kind
kind_of_restore(const struct firn_catalog_journal *journal)
{
    return journal->is_revert ? FIRN_STEP_REVERT : FIRN_STEP_RESTORE;
}

/* ---- reading ---- */

/* What is newer than the line, newest first. */
struct newer {
    const struct firn_catalog_line *line;
    const uint8_t *safety;  /* of the last restore; NULL: none is wanted */
    struct firn_buf orders; /* of uint64_t */
    bool is_over;
};

static int
note_newer(void *ctx, firn_slice bytes, const struct firn_catalog_record *record, firn_error *err)
{
    (void)bytes;
    struct newer *newer = ctx;
    if (record->order <= newer->line->through ||
        newer->orders.size / sizeof record->order == FIRN_CATALOG_LINE_STATES_MAX) {
        newer->is_over = true;
        return FIRN_EXISTS;
    }
    if (record->is_safety && (newer->safety == NULL || memcmp(record->id, newer->safety,
                                                              FIRN_CATALOG_RECORD_ID_SIZE) != 0)) {
        return FIRN_OK;
    }
    return firn_buf_append(&newer->orders, &record->order, sizeof record->order) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "an undo line");
}

static int
note_newer_deleted(void *ctx, const struct firn_catalog_deleted *deleted, firn_error *err)
{
    return note_newer(ctx, deleted->bytes, &deleted->record, err);
}

static int
add_facts(struct firn_ws_opened *opened, struct firn_catalog_line *line, uint64_t order,
          firn_error *err)
{
    struct firn_catalog_facts facts = {0};
    int rc = firn_catalog_facts_get(opened->catalog, opened->workspace.number, order, &facts, err);
    if (rc == FIRN_OK && firn_catalog_facts_is_kind(facts.kind)) {
        const struct firn_catalog_line_state step = {order, facts.time_ns, facts.kind, false};
        rc = firn_catalog_line_insert(line, &step, err);
    }
    firn_catalog_facts_deinit(&facts);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Adds a state, or a step that changed facts. Also what a line without an entry lacks from the last
 * restore, which is done. */
static int
add_newer(struct firn_ws_opened *opened, struct firn_catalog_line *line, uint64_t order,
          const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_catalog_deleted deleted;
    struct firn_ws_paths paths;
    struct firn_buf bytes = {0};
    bool is_added;
    bool is_of_paths = false;
    int rc = read_state(opened, order, &bytes, &record, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_catalog_deleted_find(opened->catalog, opened->workspace.number, order, &bytes,
                                       &deleted, err);
        record = rc == FIRN_OK ? deleted.record : record;
    }
    if (rc == FIRN_OK && record.is_safety) {
        const struct firn_catalog_line_state state = {.order = order, .kind = FIRN_STEP_RESTORE};
        rc = firn_ws_paths_read(opened, &state, &paths, err);
        is_of_paths = paths.count > 0;
        firn_ws_paths_deinit(&paths);
    }
    if (rc == FIRN_OK) {
        rc = add_state(opened, line, &record,
                       is_of_paths        ? FIRN_STEP_RESTORE
                       : record.is_safety ? FIRN_STEP_EDITS
                                          : FIRN_STEP_SAVE,
                       record.created_ns, &is_added, err);
    }
    if (rc == FIRN_OK && record.is_safety && !is_of_paths && journal->path_count == 0) {
        rc = add_state_of_id(opened, line, journal->target, kind_of_restore(journal), &is_added,
                             err);
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? add_facts(opened, line, order, err) : rc;
}

/* Fills *out with the line and what was saved since. */
static int
load(struct firn_ws_opened *opened, const struct firn_catalog_journal *journal,
     struct firn_catalog_line *out, firn_error *err)
{
    struct newer newer = {.line = out};
    firn_error cause;
    bool is_there;
    int rc = firn_catalog_line_read(opened->db, opened->workspace.number, out, &is_there, err);
    if (rc != FIRN_OK || opened->workspace.number == 0) {
        return rc;
    }
    newer.safety =
        !is_there && journal->state == FIRN_CATALOG_JOURNAL_DONE ? journal->safety : NULL;
    rc = firn_catalog_list(opened->catalog, opened->workspace.number, note_newer, &newer, &cause);
    if (rc != FIRN_OK && !newer.is_over && rc != FIRN_CORRUPT) { /* older ones are just not in it */
        firn_error_copy(err, &cause);
        goto out;
    }
    newer.is_over = false;
    rc = firn_catalog_deleted_list(opened->catalog, opened->workspace.number, note_newer_deleted,
                                   &newer, &cause);
    if (rc != FIRN_OK && !newer.is_over && rc != FIRN_CORRUPT) {
        firn_error_copy(err, &cause);
        goto out;
    }
    FIRN_TRY(firn_catalog_facts_newer(opened->catalog, opened->workspace.number, out->through,
                                      &newer.orders, err));
    const size_t count = newer.orders.size / sizeof(uint64_t);
    const uint64_t *orders = (const void *)newer.orders.data;
    firn_sort_u64((void *)newer.orders.data, count);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = add_newer(opened, out, orders[i], journal, err);
        out->through = orders[i];
    }
out:
    firn_buf_deinit(&newer.orders);
    return rc;
}

int
firn_ws_line_load(struct firn_ws_restoring *restoring, firn_error *err)
{
    firn_catalog_line_deinit(&restoring->line);
    return load(restoring->opened, &restoring->journal, &restoring->line, err);
}

void
firn_ws_line_deinit(struct firn_ws_restoring *restoring)
{
    firn_catalog_line_deinit(&restoring->line);
    firn_ws_paths_deinit(&restoring->step_paths);
    firn_buf_deinit(&restoring->here_bytes);
    firn_buf_deinit(&restoring->open_bytes);
}

/* ---- the paths of a step ---- */

/* The only state between the cursor and an item, with that of the two which is the later; SIZE_MAX if there
 * are more: what the step to the item is the undo or the redo of. */
static size_t
crossed_by(const struct firn_catalog_line *line, size_t to)
{
    const size_t low = to < line->cursor ? to : line->cursor;
    const size_t high = to < line->cursor ? line->cursor : to;
    size_t found = SIZE_MAX;
    for (size_t i = low + 1; i <= high; i++) {
        if (!firn_catalog_line_is_facts(line, i)) {
            if (found != SIZE_MAX) {
                return SIZE_MAX;
            }
            found = i;
        }
    }
    return found;
}

/* The paths to which the step from the cursor to an item is limited; none: to none. */
static int
read_paths(const struct firn_ws_restoring *restoring, size_t to, struct firn_ws_paths *out,
           firn_error *err)
{
    const size_t crossed = crossed_by(&restoring->line, to);
    *out = (struct firn_ws_paths){.count = 0};
    return crossed == SIZE_MAX
               ? FIRN_OK
               : firn_ws_paths_read(restoring->opened,
                                    firn_catalog_line_at(&restoring->line, crossed), out, err);
}

/* Limits what is to be restored to the paths of the step that is chosen, or to none. */
static int
limit(struct firn_ws_restoring *restoring, bool is_limited, firn_error *err)
{
    struct firn_ws_paths *paths = &restoring->step_paths;
    int rc = FIRN_OK;
    firn_ws_paths_deinit(paths);
    if (is_limited) {
        rc = read_paths(restoring, restoring->step_to, paths, err);
    }
    restoring->paths = paths->items;
    restoring->path_count = paths->count;
    return rc;
}

/* ---- choosing ---- */

static int
nothing_to(const struct firn_ws_restoring *restoring, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is %s",
                          restoring->is_turn      ? "no turn of an agent to undo"
                          : restoring->is_forward ? "nothing to redo"
                                                  : "nothing to undo");
}

/* Finds the nearest state before or after index *at that was not deleted, and moves *at there. With
 * only_stops not one that an undo has passed over. */
static int
find_next_of(struct firn_ws_restoring *restoring, bool only_stops, size_t *at, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    size_t count = firn_catalog_line_count(line);
    size_t i = *at;
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND && (restoring->is_forward ? i + 1 < count : i > 0)) {
        i = restoring->is_forward ? i + 1 : i - 1;
        if (restoring->is_forward && firn_catalog_line_is_facts(line, i)) {
            continue;
        }
        const struct firn_catalog_line_state *state =
            firn_catalog_line_at(line, firn_catalog_line_state_at(line, i));
        if (only_stops && state->is_passed) {
            continue;
        }
        rc = read_state(restoring->opened, state->order, &restoring->ws->record, &restoring->record,
                        err);
        *at = rc == FIRN_OK ? i : *at;
    }
    return rc;
}

/* A redo goes to where the undo was done (I3; not checked: firn_catalog_line_move marks the states
 * in between), or to the nearest state if that one was deleted. */
static int
find_next(struct firn_ws_restoring *restoring, size_t *at, firn_error *err)
{
    int rc = find_next_of(restoring, restoring->is_forward, at, err);
    return rc == FIRN_NOT_FOUND && restoring->is_forward ? find_next_of(restoring, false, at, err)
                                                         : rc;
}

int
firn_ws_line_read_here(struct firn_ws_restoring *restoring, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    size_t at = firn_catalog_line_state_at(line, line->cursor);
    int rc = read_state(restoring->opened, firn_catalog_line_at(line, at)->order,
                        &restoring->here_bytes, &restoring->here, err);
    restoring->has_here = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Moves *at to the newest state, at or before it, that was made no later than a time and was not
 * deleted. */
static int
find_by_time(struct firn_ws_restoring *restoring, int64_t time_ns, size_t *at, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    int rc = FIRN_NOT_FOUND;
    for (size_t i = *at + 1; rc == FIRN_NOT_FOUND && i-- > 0;) {
        const struct firn_catalog_line_state *state = firn_catalog_line_at(line, i);
        if (state->time_ns > time_ns) {
            continue;
        }
        rc = read_state(restoring->opened, state->order, &restoring->ws->record, &restoring->record,
                        err);
        *at = rc == FIRN_OK ? i : *at;
    }
    return rc;
}

/* Moves *at to the newest state, at or before it, that an agent's turn ended with. *out_begun_ns is 0
 * if the beginning of the turn is not known. */
static int
find_turn(struct firn_ws_restoring *restoring, size_t *at, int64_t *out_begun_ns, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    int rc = FIRN_NOT_FOUND;
    for (size_t i = *at + 1; rc == FIRN_NOT_FOUND && i-- > 0;) {
        const struct firn_catalog_line_state *state = firn_catalog_line_at(line, i);
        if (state->kind != FIRN_STEP_SAVE) {
            continue;
        }
        rc = read_state(restoring->opened, state->order, &bytes, &record, err);
        if (rc == FIRN_OK && record.turn.agent.size > 0) {
            *at = i;
            *out_begun_ns = record.turn_begun_ns;
        } else if (rc == FIRN_OK) {
            rc = FIRN_NOT_FOUND;
        }
    }
    firn_buf_deinit(&bytes);
    return rc;
}

/* Chooses the state in which the last turn that is over began, of those that ended at or before a
 * state. *out_begun_ns is when it began, as far as that is known. */
static int
choose_turn(struct firn_ws_restoring *restoring, size_t from, int64_t *out_begun_ns,
            firn_error *err)
{
    size_t at = from;
    int rc = find_turn(restoring, &at, out_begun_ns, err);
    if (rc == FIRN_OK && at == 0) {
        rc = FIRN_NOT_FOUND;
    }
    if (rc == FIRN_OK) {
        bool is_known = *out_begun_ns != 0;
        *out_begun_ns =
            is_known ? *out_begun_ns : firn_catalog_line_at(&restoring->line, at)->time_ns;
        restoring->step_to = at - 1;
        rc =
            find_by_time(restoring, is_known ? *out_begun_ns : INT64_MAX, &restoring->step_to, err);
    }
    restoring->has_next = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Finds the turn that has begun and is not over, unless one that is over began later, or it was
 * undone. */
static int
find_open_turn(struct firn_ws_restoring *restoring, int64_t newer_than_ns, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    const struct firn_ws_opened *opened = restoring->opened;
    int64_t begun_ns;
    firn_error cause;
    int rc =
        firn_catalog_turns_newest(opened->catalog, opened->workspace.number, &restoring->open_bytes,
                                  &restoring->open_turn, &begun_ns, &cause);
    if (rc == FIRN_OK && begun_ns > newer_than_ns && begun_ns > line->turn_ns) {
        restoring->open_to = line->cursor;
        rc = find_by_time(restoring, begun_ns, &restoring->open_to, &cause);
        restoring->open_ns = rc == FIRN_OK ? begun_ns : 0;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        firn_error_copy(err, &cause);
        return rc;
    }
    return FIRN_OK;
}

/* If nothing was saved since an interrupted turn began, only a look at the disk can tell whether the
 * turn changed anything; firn_ws_line_settle decides. */
static int
choose_last_turn(struct firn_ws_restoring *restoring, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    int64_t begun_ns;
    int rc;
    FIRN_TRY(choose_turn(restoring, line->cursor, &begun_ns, err));
    FIRN_TRY(find_open_turn(restoring, restoring->has_next ? begun_ns : INT64_MIN, err));
    if (restoring->open_ns != 0 && restoring->open_to < line->cursor) {
        restoring->step_to = restoring->open_to;
        restoring->has_next = true;
    } else if (restoring->has_next) {
        rc = read_state(restoring->opened, firn_catalog_line_at(line, restoring->step_to)->order,
                        &restoring->ws->record, &restoring->record, err);
    } else if (restoring->open_ns != 0 && restoring->has_here) {
        restoring->record = restoring->here; /* if the directory differs from it */
    } else {
        rc = nothing_to(restoring, err);
    }
out:
    return rc;
}

/* Whether files alone are to be taken from a state, not facts. */
static bool
is_of_files(const struct firn_ws_restoring *restoring)
{
    return restoring->is_turn || restoring->options->path_count > 0 ||
           restoring->options->to_dir != NULL;
}

int
firn_ws_line_choose(struct firn_ws_restoring *restoring, firn_error *err)
{
    DCHECK(!firn_catalog_journal_is_pending(&restoring->journal));
    struct firn_catalog_line *line = &restoring->line;
    restoring->is_undo = true;
    restoring->is_step = true;
    restoring->is_turn = restoring->options->last_turn && !restoring->is_forward;
    FIRN_TRY_RETURN(firn_ws_line_load(restoring, err));
    if (firn_catalog_line_count(line) == 0) {
        return nothing_to(restoring, err);
    }
    const size_t here = firn_catalog_line_state_at(line, line->cursor);
    if (restoring->is_turn) {
        firn_catalog_line_drop_facts(line, here, line->cursor); /* (I4) */
    }
    restoring->step_to = is_of_files(restoring) ? here : line->cursor;
    restoring->told_to = restoring->step_to;
    FIRN_TRY_RETURN(firn_ws_line_read_here(restoring, err));
    return restoring->is_turn ? choose_last_turn(restoring, err)
                              : firn_ws_line_choose_next(restoring, err);
}

static int
choose_next_turn(struct firn_ws_restoring *restoring, firn_error *err)
{
    int64_t begun_ns;
    restoring->open_ns = 0;
    int rc = choose_turn(restoring, restoring->step_to, &begun_ns, err);
    return rc != FIRN_OK || restoring->has_next ? rc : nothing_to(restoring, err);
}

/* Whether the next step changes facts: then it is chosen. */
static bool
choose_facts(struct firn_ws_restoring *restoring)
{
    const struct firn_catalog_line *line = &restoring->line;
    size_t at = restoring->step_to + (restoring->is_forward ? 1 : 0);
    bool is_facts = !is_of_files(restoring) && at < firn_catalog_line_count(line) &&
                    firn_catalog_line_is_facts(line, at);
    restoring->facts_at = is_facts ? at : 0;
    if (is_facts) {
        restoring->step_to = restoring->is_forward ? at : at - 1;
        restoring->has_next = true;
        restoring->record = restoring->here; /* if the directory differs from it */
    }
    return is_facts;
}

int
firn_ws_line_choose_next(struct firn_ws_restoring *restoring, firn_error *err)
{
    if (restoring->is_turn) {
        return choose_next_turn(restoring, err);
    }
    if (!is_of_files(restoring)) {
        FIRN_TRY_RETURN(limit(restoring, false, err));
    }
    if (choose_facts(restoring)) {
        return FIRN_OK;
    }
    int rc = find_next(restoring, &restoring->step_to, err);
    restoring->has_next = rc == FIRN_OK;
    if (rc == FIRN_OK && !is_of_files(restoring) && restoring->has_here) {
        rc = limit(restoring, true, err);
    }
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (restoring->is_forward || !restoring->has_here || restoring->options->to_dir != NULL) {
        return nothing_to(restoring, err);
    }
    restoring->record = restoring->here; /* if the directory differs from it */
    return FIRN_OK;
}

/* ---- settling ---- */

bool
firn_ws_line_is_open_turn(const struct firn_ws_restoring *restoring)
{
    return restoring->open_ns != 0 && restoring->open_to == restoring->line.cursor;
}

/* Whether a directory above a path is not there any more. */
static int
is_blocked(const struct firn_difference_walk_side *side, const struct firn_tree_filter *filter,
           bool *out, firn_error *err)
{
    struct firn_tree_lookup lookup;
    const struct firn_tree_entry *entry;
    int rc = FIRN_OK;
    *out = false;
    firn_tree_lookup_init(&lookup, side->source, &side->root->hash);
    for (size_t i = 0; i < filter->count; i++) {
        const firn_slice path = filter->paths[i];
        for (size_t end = 1; end < path.size && !*out; end++) {
            if (path.data[end] == '/') {
                FIRN_TRY(firn_tree_lookup_find(&lookup, firn_bytes(path.data, end), &entry, err));
                *out = entry == NULL || entry->kind != FIRN_TREE_DIR;
            }
        }
    }
out:
    firn_tree_lookup_deinit(&lookup);
    return rc;
}

int
firn_ws_line_differs(struct firn_ws_restoring *restoring,
                     const struct firn_difference_walk_side *before,
                     const struct firn_checkout_options *options, struct firn_tree_filter *filter,
                     bool *out, firn_error *err)
{
    const struct firn_difference_walk_side here = {
        .source = firn_objects_trees(restoring->opened->objects), .root = &restoring->here.root};
    struct firn_checkout_options quiet = *options;
    struct firn_checkout *apply = NULL;
    int rc = filter != NULL ? is_blocked(before, filter, out, err) : FIRN_OK;
    if (rc != FIRN_OK || (filter != NULL && *out)) {
        return rc;
    }
    rc = compare_sides(before, &here, filter, out, err);
    if (rc != FIRN_OK || !*out) {
        return rc;
    }
    quiet.after = here;
    quiet.filter = filter;
    quiet.count_same = false;
    quiet.callbacks = (firn_callbacks){0};
    quiet.visit = NULL;
    quiet.stores = NULL;
    quiet.on_step = NULL;
    FIRN_TRY(firn_checkout_create(&quiet, &apply, err));
    FIRN_TRY(firn_checkout_plan(apply, err));
    const struct firn_checkout_counts *counts = firn_checkout_counts(apply);
    *out = counts->added + counts->changed + counts->removed + counts->directories > 0;
    restoring->edits.added = counts->added;
    restoring->edits.changed = counts->changed;
    restoring->edits.removed = counts->removed;
out:
    firn_checkout_destroy(apply);
    return rc;
}

/* The directory has edits: an undo takes back those alone, the undo of a turn what it has chosen. */
static int
settle_edits(struct firn_ws_restoring *restoring, firn_error *err)
{
    if (restoring->is_forward) { /* (I2) */
        return firn_error_set(err, FIRN_NOT_FOUND,
                              "there is nothing to redo: files were changed after the undo");
    }
    if (!restoring->is_turn || firn_ws_line_is_open_turn(restoring)) {
        restoring->record = restoring->here;
        restoring->step_to = restoring->line.cursor;
        restoring->told_to = restoring->step_to;
    } else if (!restoring->has_next) {
        return nothing_to(restoring, err);
    }
    return firn_ws_steps_tell_edits(restoring, err);
}

int
firn_ws_line_settle(struct firn_ws_restoring *restoring,
                    const struct firn_difference_walk_side *before,
                    struct firn_checkout_options *options, firn_error *err)
{
    bool differs = true;
    if (!restoring->is_step) {
        return FIRN_OK;
    }
    if (restoring->step_paths.count > 0) { /* edits elsewhere stay as they are */
        FIRN_TRY_RETURN(
            firn_ws_line_differs(restoring, before, options, &restoring->filter, &differs, err));
        if (differs) {
            FIRN_TRY_RETURN(limit(restoring, false, err));
            FIRN_TRY_RETURN(firn_ws_restore_set_filter(restoring, err));
            options->filter = NULL;
            options->count_same = false;
        }
    }
    if (restoring->has_here && restoring->step_paths.count == 0) {
        FIRN_TRY_RETURN(firn_ws_line_differs(restoring, before, options, NULL, &differs, err));
    }
    restoring->is_clean = !differs;
    if (differs && restoring->has_here) {
        FIRN_TRY_RETURN(settle_edits(restoring, err));
    } else if (!restoring->has_next) {
        return nothing_to(restoring, err);
    }
    if (restoring->step_to != restoring->open_to) {
        restoring->open_ns = 0; /* the interrupted turn had changed nothing */
    }
    FIRN_TRY_RETURN(firn_ws_steps_tell(restoring, err));
    return firn_ws_given_checkpoint(restoring->ws, &restoring->record,
                                    &restoring->result->checkpoint, err);
}

/* ---- writing ---- */

/* Moves the cursor to a state of the line, after a step from a directory that had the state
 * `before`. */
static int
move(struct firn_ws_opened *opened, struct firn_catalog_line *line, size_t to,
     const uint8_t *before, bool is_clean, firn_error *err)
{
    bool is_full = line->cursor + 1 == FIRN_CATALOG_LINE_STATES_MAX;
    bool is_added = false;
    int rc = FIRN_OK;
    DCHECK(to < firn_catalog_line_count(line));
    if (!is_clean && to <= line->cursor) {
        rc = add_state_of_id(opened, line, before, FIRN_STEP_EDITS, &is_added, err);
    }
    if (rc == FIRN_OK) { /* the oldest state may have been dropped */
        firn_catalog_line_move(line, to - (is_added && is_full && to > 0 ? 1 : 0));
    }
    return rc;
}

/* The order of a checkpoint; 0 if it is gone. */
static int
order_of(struct firn_ws_opened *opened, const uint8_t *id, uint64_t *out, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    int rc = firn_checkout_recover_record(opened, id, &bytes, &record, err);
    *out = rc == FIRN_OK ? record.order : 0;
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
put(struct firn_ws_opened *opened, struct firn_catalog_line *line, struct firn_db_batch *batch,
    firn_error *err)
{
    if (opened->workspace.next_order > line->through) {
        line->through = opened->workspace.next_order - 1;
    }
    return firn_catalog_line_put(opened->db, batch, opened->workspace.number, line, err);
}

int
firn_ws_line_put_facts(struct firn_ws_restoring *restoring, struct firn_db_batch *batch,
                       firn_error *err)
{
    firn_catalog_line_move(&restoring->line, restoring->step_to);
    return put(restoring->opened, &restoring->line, batch, err);
}

/* Adds the state that a restore made of another one, with the paths of the journal. A checkpoint that is older
 * than that other one was not made: an older version restored paths of it, which is no state. */
static int
add_made(struct firn_ws_restoring *restoring, struct firn_db_batch *batch,
         const struct firn_catalog_journal *journal, const uint8_t *made, const uint8_t *of,
         firn_workspace_step_kind kind, bool *out_added, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    uint64_t made_order = 1;
    uint64_t order = 0;
    *out_added = false;
    if (journal->path_count > 0) {
        FIRN_TRY_RETURN(order_of(opened, made, &made_order, err));
        FIRN_TRY_RETURN(order_of(opened, of, &order, err));
    }
    if (made_order > order) {
        FIRN_TRY_RETURN(add_state_of_id(opened, &restoring->line, made, kind, out_added, err));
    }
    return *out_added && journal->path_count > 0
               ? firn_ws_paths_put(opened, batch, made_order, journal, err)
               : FIRN_OK;
}

/* An interrupted restore was taken back: a redo does it again. An interrupted step of the line was
 * taken back: the line is as it was, unless the directory had edits. */
static int
take_back(struct firn_ws_restoring *restoring, struct firn_db_batch *batch,
          const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    struct firn_catalog_line *line = &restoring->line;
    bool was_step = restoring->journal.is_undo;
    bool is_added;
    if (was_step && journal->path_count > 0) {
        return FIRN_OK; /* edits are elsewhere, and stay */
    }
    FIRN_TRY_RETURN(
        add_state_of_id(opened, line, journal->target, FIRN_STEP_EDITS, &is_added, err));
    if (!was_step && firn_catalog_line_count(line) > 0) {
        FIRN_TRY_RETURN(add_made(restoring, batch, journal, journal->safety, journal->target,
                                 kind_of_restore(&restoring->journal), &is_added, err));
        line->cursor -= is_added ? 1 : 0;
    }
    return FIRN_OK;
}

/* Finds the item that an undo or a redo reaches. One that was interrupted is found by what it restores. */
static int
find_step(const struct firn_ws_restoring *restoring, const struct firn_catalog_journal *journal,
          bool *out_is_step, size_t *out, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    struct firn_ws_paths paths;
    uint64_t target;
    *out = restoring->step_to;
    *out_is_step = restoring->is_step && restoring->options->path_count == 0;
    if (restoring->is_step || !journal->is_undo) {
        return FIRN_OK;
    }
    FIRN_TRY_RETURN(order_of(restoring->opened, journal->target, &target, err));
    *out_is_step = journal->is_redo ? firn_catalog_line_find_ahead(line, target, out)
                                    : firn_catalog_line_find_back(line, target, out);
    while (*out_is_step && *out < line->cursor && firn_catalog_line_is_facts(line, *out + 1)) {
        ++*out; /* no undo of files takes these back */
    }
    if (!*out_is_step || journal->path_count == 0) {
        return FIRN_OK;
    }
    int rc = read_paths(restoring, *out, &paths, err);
    *out_is_step = firn_ws_paths_are_of(&paths, journal);
    firn_ws_paths_deinit(&paths);
    return rc;
}

int
firn_ws_line_put(struct firn_ws_restoring *restoring, struct firn_db_batch *batch,
                 const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    struct firn_catalog_line *line = &restoring->line;
    const bool is_limited = journal->path_count > 0;
    bool is_step;
    bool is_added;
    size_t to;
    FIRN_TRY_RETURN(find_step(restoring, journal, &is_step, &to, err));
    if (is_step) {
        if (restoring->is_turn) {
            firn_catalog_line_drop_facts(line, to, line->cursor); /* (I4) */
        }
        FIRN_TRY_RETURN(
            move(opened, line, to, journal->safety, restoring->is_clean || is_limited, err));
    } else if (journal->is_undo &&
               (!is_limited || firn_catalog_journal_is_pending(&restoring->journal))) {
        FIRN_TRY_RETURN(take_back(restoring, batch, journal, err));
    } else {
        FIRN_TRY_RETURN(
            add_state_of_id(opened, line, journal->safety, FIRN_STEP_EDITS, &is_added, err));
        if (!journal->is_undo) {
            FIRN_TRY_RETURN(add_made(restoring, batch, journal, journal->target, journal->safety,
                                     kind_of_restore(journal), &is_added, err));
        }
    }
    if (restoring->is_step && restoring->open_ns != 0) {
        line->turn_ns = restoring->open_ns;
    } else if (journal->is_redo) {
        line->turn_ns = 0;
    }
    return put(opened, line, batch, err);
}
