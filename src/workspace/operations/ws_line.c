/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_line.c: undo and redo: the undo line, and which of its states is restored.
 *
 * The line lists the states of the workspace, each by a checkpoint. A save adds one; a restore or
 * revert adds the state before it, if that was not saved, and the one that it made. The line is
 * brought up to date with the saves when it is read, and it is written in the commit that ends a
 * restore (I1; not checked: nothing else writes it). A restore that comes to nothing
 * leaves it alone, and one that is pending will write it. Without an entry the line is derived from
 * the catalog and the journal of the last restore.
 *
 * An undo of a directory that differs from the present state of the line brings that state back:
 * what it takes back are edits that were not saved, or a restore of some paths. Its safety
 * checkpoint becomes the next state, so that a redo brings the edits back. Otherwise the undo goes
 * to the state before. A redo goes to the next state, and only if the directory is as the undo left
 * it: new work ends the states that could be redone (I2; not checked: firn_ws_line_settle refuses).
 * Their checkpoints stay.
 *
 * "Differs" means that restoring the state would change something. Entries that rules exclude or
 * that cannot be restored do not count, nor does the time of a directory.
 */
#include "operations/operations_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_line.h"
#include "handle/ws_opened.h"

/* ---- comparing states ---- */

static int
find_difference(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    (void)err;
    bool *is_different = ctx;
    *is_different = *is_different || (change->kind != FIRN_DIFFERENCE_WALK_SAME &&
                                      !firn_difference_walk_is_dir_time(change));
    return FIRN_OK;
}

static int
compare_sides(const struct firn_difference_walk_side *a, const struct firn_difference_walk_side *b,
              bool *out_is_different, firn_error *err)
{
    const struct firn_difference_walk_options options = {0};
    *out_is_different = false;
    return firn_difference_walk(a, b, &options, find_difference, out_is_different, err);
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
    int rc = read_state(opened, firn_catalog_line_at(line, line->cursor), &bytes, &here, &cause);
    if (rc == FIRN_OK) {
        const struct firn_difference_walk_side a = {.source = trees, .root = &here.root};
        const struct firn_difference_walk_side b = {.source = trees, .root = root};
        rc = compare_sides(&a, &b, out, &cause);
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

/* Adds a state, unless it is that at the cursor. */
static int
add_state(struct firn_ws_opened *opened, struct firn_catalog_line *line,
          const struct firn_catalog_record *record, bool *out_added, firn_error *err)
{
    *out_added = false;
    int rc = is_new_state(opened, line, &record->root, out_added, err);
    return rc == FIRN_OK && *out_added ? firn_catalog_line_add(line, record->order, err) : rc;
}

/* A checkpoint that is gone is not added. */
static int
add_state_of_id(struct firn_ws_opened *opened, struct firn_catalog_line *line, const uint8_t *id,
                bool *out_added, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    *out_added = false;
    int rc = firn_checkout_recover_record(opened, id, &bytes, &record, err);
    if (rc == FIRN_OK) {
        rc = add_state(opened, line, &record, out_added, err);
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
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

/* Adds what a line without an entry lacks from the last restore, which is done. */
static int
add_newer(struct firn_ws_opened *opened, struct firn_catalog_line *line, uint64_t order,
          const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    bool is_added;
    int rc = read_state(opened, order, &bytes, &record, err);
    if (rc == FIRN_OK) {
        rc = add_state(opened, line, &record, &is_added, err);
    }
    if (rc == FIRN_OK && record.is_safety && journal->path_count == 0) {
        rc = add_state_of_id(opened, line, journal->target, &is_added, err);
    }
    firn_buf_deinit(&bytes);
    return rc;
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
    rc = FIRN_OK;
    const uint64_t *orders = (const void *)newer.orders.data;
    for (size_t i = newer.orders.size / sizeof *orders; i-- > 0 && rc == FIRN_OK;) {
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
    firn_buf_deinit(&restoring->here_bytes);
}

/* ---- choosing ---- */

static int
nothing_to(const struct firn_ws_restoring *restoring, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is nothing to %s",
                          restoring->is_forward ? "redo" : "undo");
}

/* Finds the nearest state before or after index *at that was not deleted, and moves *at there. */
static int
find_next(struct firn_ws_restoring *restoring, size_t *at, firn_error *err)
{
    const struct firn_catalog_line *line = &restoring->line;
    size_t count = firn_catalog_line_count(line);
    int rc = FIRN_NOT_FOUND;
    while (rc == FIRN_NOT_FOUND && (restoring->is_forward ? *at + 1 < count : *at > 0)) {
        *at = restoring->is_forward ? *at + 1 : *at - 1;
        rc = read_state(restoring->opened, firn_catalog_line_at(line, *at), &restoring->ws->record,
                        &restoring->record, err);
    }
    return rc;
}

int
firn_ws_line_choose(struct firn_ws_restoring *restoring, firn_error *err)
{
    int rc;
    DCHECK(!firn_catalog_journal_is_pending(&restoring->journal));
    restoring->is_undo = true;
    restoring->is_step = true;
    FIRN_TRY(firn_ws_line_load(restoring, err));
    restoring->step_to = restoring->line.cursor;
    if (firn_catalog_line_count(&restoring->line) == 0) {
        rc = nothing_to(restoring, err);
        goto out;
    }
    rc = read_state(restoring->opened, firn_catalog_line_at(&restoring->line, restoring->step_to),
                    &restoring->here_bytes, &restoring->here, err);
    restoring->has_here = rc == FIRN_OK;
    FIRN_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    FIRN_TRY(firn_ws_line_choose_next(restoring, err));
out:
    return rc;
}

int
firn_ws_line_choose_next(struct firn_ws_restoring *restoring, firn_error *err)
{
    int rc = find_next(restoring, &restoring->step_to, err);
    restoring->has_next = rc == FIRN_OK;
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (restoring->is_forward || !restoring->has_here || restoring->options->to_dir != NULL) {
        return nothing_to(restoring, err);
    }
    restoring->record = restoring->here; /* if the directory differs from it */
    return FIRN_OK;
}

/* Whether restoring the present state of the line would change the directory. */
static int
differs_from_here(struct firn_ws_restoring *restoring,
                  const struct firn_difference_walk_side *before,
                  const struct firn_checkout_options *options, bool *out, firn_error *err)
{
    const struct firn_difference_walk_side here = {
        .source = firn_objects_trees(restoring->opened->objects), .root = &restoring->here.root};
    struct firn_checkout_options quiet = *options;
    struct firn_checkout *apply = NULL;
    int rc = compare_sides(before, &here, out, err);
    if (rc != FIRN_OK || !*out) {
        return rc;
    }
    quiet.after = here;
    quiet.filter = NULL;
    quiet.count_same = false;
    quiet.callbacks = (firn_callbacks){0};
    quiet.visit = NULL;
    quiet.stores = NULL;
    quiet.on_step = NULL;
    FIRN_TRY(firn_checkout_create(&quiet, &apply, err));
    FIRN_TRY(firn_checkout_plan(apply, err));
    const struct firn_checkout_counts *counts = firn_checkout_counts(apply);
    *out = counts->added + counts->changed + counts->removed + counts->directories > 0;
out:
    firn_checkout_destroy(apply);
    return rc;
}

int
firn_ws_line_settle(struct firn_ws_restoring *restoring,
                    const struct firn_difference_walk_side *before,
                    const struct firn_checkout_options *options, firn_error *err)
{
    bool differs = true;
    int rc;
    if (!restoring->is_step) {
        return FIRN_OK;
    }
    if (restoring->has_here) {
        FIRN_TRY(differs_from_here(restoring, before, options, &differs, err));
    }
    restoring->is_clean = !differs;
    if (!differs || !restoring->has_here) {
        rc = restoring->has_next ? FIRN_OK : nothing_to(restoring, err);
    } else if (restoring->is_forward) { /* (I2) */
        rc = firn_error_set(err, FIRN_NOT_FOUND,
                            "there is nothing to redo: files were changed after the undo");
    } else {
        restoring->record = restoring->here;
        restoring->step_to = restoring->line.cursor;
        restoring->result->is_unsaved = true;
    }
    if (rc == FIRN_OK) {
        rc = firn_ws_given_checkpoint(restoring->ws, &restoring->record,
                                      &restoring->result->checkpoint, err);
    }
out:
    return rc;
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
        rc = add_state_of_id(opened, line, before, &is_added, err);
    }
    if (rc == FIRN_OK) { /* the oldest state may have been dropped */
        line->cursor = to - (is_added && is_full && to > 0 ? 1 : 0);
    }
    return rc;
}

/* An interrupted restore was taken back: a redo does it again. */
static int
take_back(struct firn_ws_opened *opened, struct firn_catalog_line *line,
          const struct firn_catalog_journal *journal, firn_error *err)
{
    bool is_added;
    int rc;
    FIRN_TRY(add_state_of_id(opened, line, journal->target, &is_added, err));
    if (firn_catalog_line_count(line) > 0) {
        FIRN_TRY(add_state_of_id(opened, line, journal->safety, &is_added, err));
        line->cursor -= is_added ? 1 : 0;
    }
out:
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

int
firn_ws_line_put(struct firn_ws_restoring *restoring, struct firn_db_batch *batch,
                 const struct firn_catalog_journal *journal, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    struct firn_catalog_line *line = &restoring->line;
    bool is_whole = journal->path_count == 0;
    size_t to = restoring->step_to;
    uint64_t target = 0;
    bool is_known = restoring->is_step;
    bool is_added;
    int rc = FIRN_OK;
    if (journal->is_undo && is_whole && !is_known) {
        FIRN_TRY(order_of(opened, journal->target, &target, err));
        is_known = firn_catalog_line_find(line, target, &to);
    }
    if (journal->is_undo && is_whole) {
        FIRN_TRY(is_known ? move(opened, line, to, journal->safety, restoring->is_clean, err)
                          : take_back(opened, line, journal, err));
    } else {
        FIRN_TRY(add_state_of_id(opened, line, journal->safety, &is_added, err));
        FIRN_TRY(is_whole ? add_state_of_id(opened, line, journal->target, &is_added, err)
                          : FIRN_OK);
    }
    if (opened->workspace.next_order > line->through) {
        line->through = opened->workspace.next_order - 1;
    }
    rc = firn_catalog_line_put(opened->db, batch, opened->workspace.number, line, err);
out:
    return rc;
}
