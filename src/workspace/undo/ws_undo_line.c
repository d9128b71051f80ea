/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_undo_line.c: the undo line: reading it, and writing it after a restore.
 *
 * The line lists the states of the workspace, each by a checkpoint and the kind of step that led to
 * it. A save adds one; a restore or revert adds the state before it, if that was not saved, and the
 * one that it made. The line is brought up to date with the saves when it is read, and it is
 * written in the commit that ends a restore (I1; not checked: nothing else writes it). A restore
 * that comes to nothing leaves it alone, and one that is pending will write it. Without an entry
 * the line is derived from the catalog and the journal of the last restore. A checkpoint that was
 * deleted, and can be brought back, is a state, too: else nothing would stand before the step that
 * deleted it, and the directory would seem to have edits.
 *
 * Steps that change facts (ws_facts.c) stand between the states, where they were made. What takes
 * back or brings back files alone, of a turn or of some paths, leaves facts as they are; an undo of
 * a turn drops such steps after the state that it goes to (I2; not checked: drop_facts is called
 * there).
 */
#include "undo/undo.h"

#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "catalog/catalog_undo_line.h"
#include "handle/ws_opened.h"

/* ---- comparing states ---- */

/* Ends the walk at the first difference. */
static int
find_difference(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    (void)err;
    bool *is_different = ctx;
    *is_different =
        change->kind != FI_DIFFERENCE_WALK_SAME && !fi_difference_walk_is_dir_time(change);
    return *is_different ? FIRN_EXISTS : FIRN_OK;
}

int
fi_ws_undo_line_compare(const struct fi_difference_walk_side *a,
                        const struct fi_difference_walk_side *b, struct fi_tree_filter *filter,
                        bool *out_is_different, firn_error *err)
{
    const struct fi_difference_walk_options options = {.filter = filter};
    *out_is_different = false;
    int rc = fi_difference_walk(a, b, &options, find_difference, out_is_different, err);
    return *out_is_different ? FIRN_OK : rc;
}

int
fi_ws_undo_line_state(struct fi_ws_opened *opened, uint64_t order, struct fi_buf *bytes,
                      struct fi_catalog_record *out, firn_error *err)
{
    return fi_catalog_get(opened->catalog, opened->workspace.number, order, bytes, out, err);
}

/* Whether a tree is another one than that of the present state of the line. A tree that cannot be
 * read counts as another. */
static int
is_new_state(struct fi_ws_opened *opened, const struct fi_catalog_undo_line *line,
             const struct fi_tree_entry *root, bool *out, firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(opened->objects);
    struct fi_catalog_record here;
    struct fi_buf bytes = {0};
    firn_error cause;
    *out = true;
    if (fi_catalog_undo_line_count(line) == 0) {
        return FIRN_OK;
    }
    size_t at = fi_catalog_undo_line_state_at(line, line->cursor);
    int rc = fi_ws_undo_line_state(opened, fi_catalog_undo_line_at(line, at)->order, &bytes, &here,
                                   &cause);
    if (rc == FIRN_OK) {
        const struct fi_difference_walk_side a = {.source = trees, .root = &here.root};
        const struct fi_difference_walk_side b = {.source = trees, .root = root};
        rc = fi_ws_undo_line_compare(&a, &b, NULL, out, &cause);
    }
    if (rc == FIRN_NO_MEMORY) {
        fi_error_copy(err, &cause);
    } else if (rc != FIRN_OK) {
        *out = true;
        rc = FIRN_OK;
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* A checkpoint that only ends a turn takes the place of the one of the same tree that was made in
 * that turn (ws_save.c). */
static int
end_turn(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line,
         const struct fi_catalog_record *record, firn_error *err)
{
    struct fi_catalog_undo_line_state *state =
        fi_catalog_undo_line_at(line, fi_catalog_undo_line_state_at(line, line->cursor));
    struct fi_catalog_record here;
    struct fi_buf bytes = {0};
    int rc = FIRN_OK;
    if (record->turn.agent.size == 0 || record->turn_begun_ns == 0 ||
        record->turn_begun_ns >= state->time_ns) {
        return FIRN_OK;
    }
    FI_TRY(fi_ws_undo_line_state(opened, state->order, &bytes, &here, err));
    if (state->kind != FIRN_STEP_SAVE || here.turn.agent.size == 0) {
        state->order = record->order;
        state->kind = FIRN_STEP_SAVE;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Adds a state, unless it is that at the cursor. */
static int
add_state(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line,
          const struct fi_catalog_record *record, firn_workspace_step_kind kind, int64_t time_ns,
          bool *out_added, firn_error *err)
{
    const struct fi_catalog_undo_line_state state = {record->order, time_ns, kind, false};
    *out_added = false;
    int rc = is_new_state(opened, line, &record->root, out_added, err);
    if (rc == FIRN_OK && !*out_added && kind == FIRN_STEP_SAVE) {
        return end_turn(opened, line, record, err);
    }
    return rc == FIRN_OK && *out_added ? fi_catalog_undo_line_add(line, &state, err) : rc;
}

/* A checkpoint that is gone is not added. A checkpoint that a restore goes to may be older than
 * that restore, which is made now; any other is as old as its step. */
static int
add_state_of_id(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line, const uint8_t *id,
                firn_workspace_step_kind kind, bool *out_added, firn_error *err)
{
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    *out_added = false;
    int rc = fi_checkout_recover_record(opened, id, &bytes, &record, err);
    if (rc == FIRN_OK) {
        rc = add_state(opened, line, &record, kind,
                       kind == FIRN_STEP_RESTORE ? fi_os_now_ns(fi_db_os(opened->db))
                                                 : record.created_ns,
                       out_added, err);
    }
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static firn_workspace_step_kind
kind_of_restore(const struct fi_catalog_journal *journal)
{
    return journal->kind == FI_CATALOG_JOURNAL_REVERT ? FIRN_STEP_REVERT : FIRN_STEP_RESTORE;
}

/* ---- reading ---- */

/* What is newer than the line, newest first. */
struct newer {
    const struct fi_catalog_undo_line *line;
    const uint8_t *safety; /* of the last restore; NULL: none is wanted */
    struct fi_buf orders;  /* of uint64_t */
    bool is_over;
};

static int
note_newer(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    (void)bytes;
    struct newer *newer = ctx;
    if (record->order <= newer->line->through ||
        newer->orders.size / sizeof record->order == FI_CATALOG_UNDO_LINE_STATES_MAX) {
        newer->is_over = true;
        return FIRN_EXISTS;
    }
    if (record->is_safety && (newer->safety == NULL ||
                              memcmp(record->id, newer->safety, FI_CATALOG_RECORD_ID_SIZE) != 0)) {
        return FIRN_OK;
    }
    return fi_buf_append(&newer->orders, &record->order, sizeof record->order) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "an undo line");
}

static int
note_newer_deleted(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    return note_newer(ctx, deleted->bytes, &deleted->record, err);
}

static int
add_facts(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line, uint64_t order,
          firn_error *err)
{
    struct fi_catalog_facts facts = {0};
    int rc = fi_catalog_facts_get(opened->catalog, opened->workspace.number, order, &facts, err);
    if (rc == FIRN_OK && fi_catalog_facts_is_kind(facts.kind)) {
        const struct fi_catalog_undo_line_state step = {order, facts.time_ns, facts.kind, false};
        rc = fi_catalog_undo_line_insert(line, &step, err);
    }
    fi_catalog_facts_deinit(&facts);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Adds a state, or a step that changed facts. Also what a line without an entry lacks from the last
 * restore, which is done. */
static int
add_newer(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line, uint64_t order,
          const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_catalog_record record;
    struct fi_catalog_deleted deleted;
    struct fi_ws_paths paths;
    struct fi_buf bytes = {0};
    bool is_added;
    bool is_of_paths = false;
    int rc = fi_ws_undo_line_state(opened, order, &bytes, &record, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_catalog_deleted_find(opened->catalog, opened->workspace.number, order, &bytes,
                                     &deleted, err);
        record = rc == FIRN_OK ? deleted.record : record;
    }
    if (rc == FIRN_OK && record.is_safety) {
        const struct fi_catalog_undo_line_state state = {.order = order, .kind = FIRN_STEP_RESTORE};
        rc = fi_ws_paths_read(opened, &state, &paths, err);
        is_of_paths = paths.count > 0;
        fi_ws_paths_deinit(&paths);
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
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? add_facts(opened, line, order, err) : rc;
}

/* Fills *out with the line and what was saved since. */
static int
ws_undo_line_load(struct fi_ws_opened *opened, const struct fi_catalog_journal *journal,
                  struct fi_catalog_undo_line *out, firn_error *err)
{
    struct newer newer = {.line = out};
    firn_error cause;
    bool is_there;
    int rc = fi_catalog_undo_line_read(opened->db, opened->workspace.number, out, &is_there, err);
    if (rc != FIRN_OK || opened->workspace.number == 0) {
        return rc;
    }
    newer.safety = !is_there && journal->state == FI_CATALOG_JOURNAL_DONE ? journal->safety : NULL;
    rc = fi_catalog_list(opened->catalog, opened->workspace.number, note_newer, &newer, &cause);
    if (rc != FIRN_OK && !newer.is_over && rc != FIRN_CORRUPT) { /* older ones are just not in it */
        fi_error_copy(err, &cause);
        goto out;
    }
    newer.is_over = false;
    rc = fi_catalog_deleted_list(opened->catalog, opened->workspace.number, note_newer_deleted,
                                 &newer, &cause);
    if (rc != FIRN_OK && !newer.is_over && rc != FIRN_CORRUPT) {
        fi_error_copy(err, &cause);
        goto out;
    }
    FI_TRY(fi_catalog_facts_newer(opened->catalog, opened->workspace.number, out->through,
                                  &newer.orders, err));
    const size_t count = newer.orders.size / sizeof(uint64_t);
    const uint64_t *orders = (const void *)newer.orders.data;
    fi_sort_u64((void *)newer.orders.data, count);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = add_newer(opened, out, orders[i], journal, err);
        out->through = orders[i];
    }
out:
    fi_buf_deinit(&newer.orders);
    return rc;
}

int
fi_ws_undo_line_load(struct fi_ws_restoring *restoring, firn_error *err)
{
    fi_catalog_undo_line_deinit(&restoring->line);
    return ws_undo_line_load(restoring->opened, &restoring->journal, &restoring->line, err);
}

void
fi_ws_undo_line_deinit(struct fi_ws_restoring *restoring)
{
    fi_catalog_undo_line_deinit(&restoring->line);
    if (restoring->step != NULL) {
        fi_ws_paths_deinit(&restoring->step->paths);
        fi_buf_deinit(&restoring->step->here_bytes);
        fi_buf_deinit(&restoring->step->open_bytes);
        restoring->step = NULL;
    }
}

/* ---- the paths of a step ---- */

/* The only state between the cursor and an item, with that of the two which is the later; SIZE_MAX
 * if there are more: what the step to the item is the undo or the redo of. */
static size_t
crossed_by(const struct fi_catalog_undo_line *line, size_t to)
{
    const size_t low = to < line->cursor ? to : line->cursor;
    const size_t high = to < line->cursor ? line->cursor : to;
    size_t found = SIZE_MAX;
    for (size_t i = low + 1; i <= high; i++) {
        if (!fi_catalog_undo_line_is_facts(line, i)) {
            if (found != SIZE_MAX) {
                return SIZE_MAX;
            }
            found = i;
        }
    }
    return found;
}

int
fi_ws_undo_line_paths(const struct fi_ws_restoring *restoring, size_t to, struct fi_ws_paths *out,
                      firn_error *err)
{
    const size_t crossed = crossed_by(&restoring->line, to);
    *out = (struct fi_ws_paths){.count = 0};
    return crossed == SIZE_MAX
               ? FIRN_OK
               : fi_ws_paths_read(restoring->opened,
                                  fi_catalog_undo_line_at(&restoring->line, crossed), out, err);
}

/* ---- writing ---- */

/* Moves the cursor to a state of the line, after a step from a directory that had the state
 * `before`. */
static int
ws_undo_line_move(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line, size_t to,
                  const uint8_t *before, bool is_clean, firn_error *err)
{
    bool is_full = line->cursor + 1 == FI_CATALOG_UNDO_LINE_STATES_MAX;
    bool is_added = false;
    int rc = FIRN_OK;
    DCHECK(to < fi_catalog_undo_line_count(line));
    if (!is_clean && to <= line->cursor) {
        rc = add_state_of_id(opened, line, before, FIRN_STEP_EDITS, &is_added, err);
    }
    if (rc == FIRN_OK) { /* the oldest state may have been dropped */
        fi_catalog_undo_line_move(line, to - (is_added && is_full && to > 0 ? 1 : 0));
    }
    return rc;
}

/* The order of a checkpoint; 0 if it is gone. */
static int
order_of(struct fi_ws_opened *opened, const uint8_t *id, uint64_t *out, firn_error *err)
{
    struct fi_catalog_record record;
    struct fi_buf bytes = {0};
    int rc = fi_checkout_recover_record(opened, id, &bytes, &record, err);
    *out = rc == FIRN_OK ? record.order : 0;
    fi_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
ws_undo_line_put(struct fi_ws_opened *opened, struct fi_catalog_undo_line *line,
                 struct firn_db_batch *batch, firn_error *err)
{
    if (opened->workspace.next_order > line->through) {
        line->through = opened->workspace.next_order - 1;
    }
    return fi_catalog_undo_line_put(opened->db, batch, opened->workspace.number, line, err);
}

int
fi_ws_undo_line_put_facts(struct fi_ws_restoring *restoring, struct firn_db_batch *batch,
                          firn_error *err)
{
    fi_catalog_undo_line_move(&restoring->line, restoring->step->to);
    return ws_undo_line_put(restoring->opened, &restoring->line, batch, err);
}

/* Adds the state that a restore made of another one, with the paths of the journal. A checkpoint
 * that is older than that other one was not made: an older version restored paths of it, which is
 * no state. */
static int
add_made(struct fi_ws_restoring *restoring, struct firn_db_batch *batch,
         const struct fi_catalog_journal *journal, const uint8_t *made, const uint8_t *of,
         firn_workspace_step_kind kind, bool *out_added, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    uint64_t made_order = 1;
    uint64_t order = 0;
    *out_added = false;
    if (journal->path_count > 0) {
        FI_TRY_RETURN(order_of(opened, made, &made_order, err));
        FI_TRY_RETURN(order_of(opened, of, &order, err));
    }
    if (made_order > order) {
        FI_TRY_RETURN(add_state_of_id(opened, &restoring->line, made, kind, out_added, err));
    }
    return *out_added && journal->path_count > 0
               ? fi_ws_paths_put(opened, batch, made_order, journal, err)
               : FIRN_OK;
}

/* An interrupted restore was taken back: a redo does it again. An interrupted step of the line was
 * taken back: the line is as it was, unless the directory had edits. */
static int
ws_undo_line_undo(struct fi_ws_restoring *restoring, struct firn_db_batch *batch,
                  const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    struct fi_catalog_undo_line *line = &restoring->line;
    bool was_step = fi_catalog_journal_is_step(restoring->journal.kind);
    bool is_added;
    if (was_step && journal->path_count > 0) {
        return FIRN_OK; /* edits are elsewhere, and stay */
    }
    FI_TRY_RETURN(add_state_of_id(opened, line, journal->target, FIRN_STEP_EDITS, &is_added, err));
    if (!was_step && fi_catalog_undo_line_count(line) > 0) {
        FI_TRY_RETURN(add_made(restoring, batch, journal, journal->safety, journal->target,
                               kind_of_restore(&restoring->journal), &is_added, err));
        line->cursor -= is_added ? 1 : 0;
    }
    return FIRN_OK;
}

/* Finds the item that an undo or a redo reaches. One that was interrupted is found by what it
 * restores. */
static int
find_step(const struct fi_ws_restoring *restoring, const struct fi_catalog_journal *journal,
          bool *out_is_step, size_t *out, firn_error *err)
{
    const struct fi_catalog_undo_line *line = &restoring->line;
    struct fi_ws_paths paths;
    uint64_t target;
    *out = restoring->step != NULL ? restoring->step->to : 0;
    *out_is_step = restoring->step != NULL && restoring->options->path_count == 0;
    if (restoring->step != NULL || !fi_catalog_journal_is_step(journal->kind)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(order_of(restoring->opened, journal->target, &target, err));
    *out_is_step = journal->kind == FI_CATALOG_JOURNAL_REDO
                       ? fi_catalog_undo_line_find_ahead(line, target, out)
                       : fi_catalog_undo_line_find_back(line, target, out);
    while (*out_is_step && *out < line->cursor && fi_catalog_undo_line_is_facts(line, *out + 1)) {
        ++*out; /* no undo of files takes these back */
    }
    if (!*out_is_step || journal->path_count == 0) {
        return FIRN_OK;
    }
    int rc = fi_ws_undo_line_paths(restoring, *out, &paths, err);
    *out_is_step = fi_ws_paths_are_of(&paths, journal);
    fi_ws_paths_deinit(&paths);
    return rc;
}

int
fi_ws_undo_line_put(struct fi_ws_restoring *restoring, struct firn_db_batch *batch,
                    const struct fi_catalog_journal *journal, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    struct fi_catalog_undo_line *line = &restoring->line;
    const struct fi_ws_step *step = restoring->step;
    const bool goes_along = fi_catalog_journal_is_step(journal->kind);
    const bool is_limited = journal->path_count > 0;
    bool is_step;
    bool is_added;
    size_t to;
    FI_TRY_RETURN(find_step(restoring, journal, &is_step, &to, err));
    if (is_step) {
        if (fi_ws_undo_line_is_turn(restoring)) {
            fi_catalog_undo_line_drop_facts(line, to, line->cursor); /* (I2) */
        }
        const bool is_clean = is_limited || (step != NULL && step->is_clean);
        FI_TRY_RETURN(ws_undo_line_move(opened, line, to, journal->safety, is_clean, err));
    } else if (goes_along && (!is_limited || fi_catalog_journal_is_pending(&restoring->journal))) {
        FI_TRY_RETURN(ws_undo_line_undo(restoring, batch, journal, err));
    } else {
        FI_TRY_RETURN(
            add_state_of_id(opened, line, journal->safety, FIRN_STEP_EDITS, &is_added, err));
        if (!goes_along) {
            FI_TRY_RETURN(add_made(restoring, batch, journal, journal->target, journal->safety,
                                   kind_of_restore(journal), &is_added, err));
        }
    }
    if (step != NULL && step->open_ns != 0) {
        line->turn_ns = step->open_ns;
    } else if (journal->kind == FI_CATALOG_JOURNAL_REDO) {
        line->turn_ns = 0;
    }
    return ws_undo_line_put(opened, line, batch, err);
}
