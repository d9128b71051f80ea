/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_facts_take.c: undo and redo of the steps that change facts: tags, pins, messages,
 * deletions.
 *
 * The undo of such a step gives each value back that it had before, its redo the one after, in the
 * commit that moves the line's cursor (I1; not checked: the two are in one batch). No file is
 * touched. Edits that were not saved are newer than any step, so an undo takes back those first.
 *
 * A value is given back only if it is the one that the step left (I2; not checked: take_value
 * compares). Any other value was given by something that is no step, such as an expiry, a repair or
 * an older version: it stays, and the caller is told, as of a file that a restore has to leave
 * alone. The step is taken nevertheless, so that those before it can be. The same holds for a
 * checkpoint that is gone: it can be neither tagged nor pinned.
 */
#include "base/check.h"
#include "base/slice.h"
#include "threads/os_callback.h"
#include "undo/undo.h"

struct taking {
    struct fi_ws_restoring *restoring;
    struct fi_catalog_facts facts;
    struct firn_db_batch *batch;
    struct fi_buf value;
    int64_t now_ns; /* of all that is deleted: it is one deletion */
    uint64_t changed;
    uint64_t left;
};

/* ---- values ---- */

/* Whether two values of a tag or a pin are about the same checkpoint, or both are none. The time
 * does not matter. */
static bool
is_same(firn_slice a, firn_slice b)
{
    enum { SIZE = 1 + FI_CATALOG_RECORD_ID_SIZE }; /* format and id */
    bool has_ids = a.size >= SIZE && b.size >= SIZE;
    return has_ids ? memcmp(a.data, b.data, SIZE) == 0 : fi_slice_equal(a, b);
}

static void
ws_facts_take_leave(struct taking *taking, firn_slice name, const char *why)
{
    const firn_callbacks *callbacks = &taking->restoring->options->callbacks;
    char text[FIRN_CHECKPOINT_ID_SIZE];
    uint64_t order;
    const uint8_t *id;
    taking->left++;
    if (callbacks->on_notice != NULL) {
        if (taking->facts.kind != FIRN_STEP_TAG && fi_catalog_facts_read_name(name, &order, &id)) {
            fi_catalog_record_id_text(id, text);
            name = firn_bytes(text, FIRN_CHECKPOINT_ID_SHORT);
        }
        firn_notice notice = {.kind = FIRN_NOTICE_NOT_RESTORED, .path = name, .text = why};
        fi_os_callback_notice(callbacks, &notice);
    }
}

static int
take_value(struct taking *taking, const struct fi_catalog_facts_change *change, firn_slice from,
           firn_slice to, firn_error *err)
{
    struct fi_ws_opened *opened = taking->restoring->opened;
    struct fi_catalog_facts *facts = &taking->facts;
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    enum fi_ws_facts_being being = FI_WS_FACTS_ALIVE;
    uint64_t order;
    int rc;
    FI_TRY(fi_catalog_facts_value(opened->catalog, opened->workspace.number, facts->kind,
                                  change->name, &taking->value, err));
    if (is_same(fi_buf_slice(&taking->value), to)) {
        goto out;
    }
    if (!is_same(fi_buf_slice(&taking->value), from)) { /* (I2) */
        ws_facts_take_leave(taking, change->name,
                            facts->kind == FIRN_STEP_TAG
                                ? "this tag was changed since by something else"
                                : "the pin of this checkpoint was changed since");
        goto out;
    }
    if (to.size > 0) {
        being = FI_WS_FACTS_GONE;
        if (fi_ws_facts_subject(facts->kind, change->name, to, &order, id)) {
            FI_TRY(fi_ws_facts_look_up(opened, order, id, &taking->value, &being, &order, err));
        }
    }
    if (being != FI_WS_FACTS_ALIVE) {
        ws_facts_take_leave(taking, change->name,
                            facts->kind == FIRN_STEP_TAG
                                ? "the checkpoint that had this tag was deleted"
                                : "this checkpoint was deleted");
        goto out;
    }
    taking->changed++;
    rc = fi_catalog_facts_set(opened->catalog, taking->batch, opened->workspace.number, facts,
                              change->name, to, err);
out:
    return rc;
}

/* Deletes a checkpoint again, unless it may not be deleted now. */
static int
delete_again(struct taking *taking, const struct fi_catalog_facts_change *change, uint64_t order,
             firn_error *err)
{
    struct fi_ws_opened *opened = taking->restoring->opened;
    struct fi_catalog_record record;
    bool is_kept;
    int rc;
    FI_TRY(fi_catalog_get(opened->catalog, opened->workspace.number, order, &taking->value, &record,
                          err));
    FI_TRY(fi_catalog_pins_has(opened->catalog, opened->workspace.number, &record, &is_kept, err));
    if (is_kept) {
        ws_facts_take_leave(taking, change->name, "this checkpoint is pinned");
        goto out;
    }
    taking->changed++;
    rc = fi_catalog_deleted_add(opened->catalog, taking->batch, opened->workspace.number, &record,
                                taking->now_ns, err);
out:
    return rc;
}

static int
take_deletion(struct taking *taking, const struct fi_catalog_facts_change *change,
              bool is_to_be_deleted, firn_error *err)
{
    struct fi_ws_opened *opened = taking->restoring->opened;
    struct fi_catalog_deleted deleted;
    enum fi_ws_facts_being being = FI_WS_FACTS_GONE;
    const uint8_t *id;
    uint64_t order;
    uint64_t number;
    int rc = FIRN_OK;
    if (fi_catalog_facts_read_name(change->name, &order, &id)) {
        FI_TRY(fi_ws_facts_look_up(opened, order, id, &taking->value, &being, &number, err));
    }
    if (being == FI_WS_FACTS_GONE) {
        ws_facts_take_leave(taking, change->name, "this checkpoint is gone for good");
    } else if (is_to_be_deleted && being == FI_WS_FACTS_ALIVE) {
        rc = delete_again(taking, change, order, err);
    } else if (!is_to_be_deleted && being == FI_WS_FACTS_DELETED) {
        FI_TRY(fi_catalog_deleted_find(opened->catalog, opened->workspace.number, order,
                                       &taking->value, &deleted, err));
        taking->changed++;
        rc = fi_catalog_deleted_bring_back(opened->catalog, taking->batch, &deleted, err);
    }
out:
    return rc;
}

/* The message of a checkpoint: that of its record. */
static int
take_message(struct taking *taking, const struct fi_catalog_facts_change *change, firn_slice from,
             firn_slice to, firn_error *err)
{
    struct fi_ws_opened *opened = taking->restoring->opened;
    enum fi_ws_facts_being being = FI_WS_FACTS_GONE;
    struct fi_catalog_record record;
    const uint8_t *id;
    uint64_t order;
    uint64_t number;
    int rc = FIRN_OK;
    if (fi_catalog_facts_read_name(change->name, &order, &id)) {
        FI_TRY(fi_ws_facts_look_up(opened, order, id, &taking->value, &being, &number, err));
    }
    if (being != FI_WS_FACTS_ALIVE) {
        ws_facts_take_leave(taking, change->name, "this checkpoint was deleted");
        goto out;
    }
    FI_TRY(fi_catalog_record_decode(fi_buf_slice(&taking->value), &record, err));
    if (fi_slice_equal(record.message, to)) {
        goto out;
    }
    if (!fi_slice_equal(record.message, from)) { /* (I2) */
        ws_facts_take_leave(taking, change->name,
                            "the message of this checkpoint was changed since");
        goto out;
    }
    taking->changed++;
    record.message = to;
    rc = fi_catalog_put_record(opened->catalog, taking->batch, opened->workspace.number, &record,
                               err);
out:
    return rc;
}

/* ---- the step ---- */

static int
take_all(struct taking *taking, firn_error *err)
{
    struct fi_ws_restoring *restoring = taking->restoring;
    struct fi_ws_opened *opened = restoring->opened;
    const struct fi_catalog_undo_line_state *step =
        fi_catalog_undo_line_at(&restoring->line, restoring->step->facts_at);
    struct fi_catalog_facts_change change;
    int rc = fi_catalog_facts_get(opened->catalog, opened->workspace.number, step->order,
                                  &taking->facts, err);
    if (rc != FIRN_OK || taking->facts.kind != step->kind) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* passed over */
    }
    struct fi_reader changes = fi_catalog_facts_read(&taking->facts);
    while (rc == FIRN_OK && fi_catalog_facts_next(&changes, &change)) {
        firn_slice from = fi_ws_undo_line_is_forward(restoring) ? change.before : change.after;
        firn_slice to = fi_ws_undo_line_is_forward(restoring) ? change.after : change.before;
        rc = taking->facts.kind == FIRN_STEP_DELETE
                 ? take_deletion(taking, &change, to.size > 0, err)
             : taking->facts.kind == FIRN_STEP_DESCRIBE
                 ? take_message(taking, &change, from, to, err)
                 : take_value(taking, &change, from, to, err);
    }
    return rc;
}

static int
ws_facts_take(struct taking *taking, firn_error *err)
{
    struct fi_ws_restoring *restoring = taking->restoring;
    firn_workspace_restore_result *result = restoring->result;
    FI_TRY_RETURN(fi_db_batch_create(&taking->batch, err));
    FI_TRY_RETURN(take_all(taking, err));
    FI_TRY_RETURN(fi_ws_steps_report(restoring, err));
    restoring->step->is_clean = true;
    restoring->is_idle = taking->changed + taking->left == 0;
    if (!restoring->is_idle && !restoring->options->dry_run) {
        FI_TRY_RETURN(fi_ws_undo_line_put_facts(restoring, taking->batch, err)); /* (I1) */
        FI_TRY_RETURN(fi_db_write(restoring->opened->db, taking->batch, FIRN_DURABILITY_FULL, err));
    }
    result->not_restored = taking->left;
    result->unchanged = restoring->step->has_here ? restoring->step->here.files : 0;
    /* Where the line stands now: its state, or the last one before that was not deleted. */
    size_t at = restoring->step->to;
    int rc = fi_ws_choose_by_time(restoring, INT64_MAX, &at, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_given_checkpoint(restoring->ws, &restoring->record, &result->checkpoint, err);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_ws_facts_take(struct fi_ws_restoring *restoring, bool *out_differs, firn_error *err)
{
    struct taking taking = {.restoring = restoring, .now_ns = fi_os_now_ns(restoring->ws->os)};
    int rc = FIRN_OK;
    DCHECK(restoring->step->facts_at != 0 && !fi_ws_undo_line_is_turn(restoring));
    *out_differs = false;
    if (restoring->step->has_here) {
        FI_TRY(fi_ws_edits_inspect(restoring, true, out_differs, NULL, err));
    }
    if (*out_differs) {
        restoring->step->to = restoring->line.cursor;
        restoring->step->told_to = restoring->line.cursor;
    } else {
        rc = ws_facts_take(&taking, err);
    }
out:
    fi_db_batch_destroy(taking.batch);
    fi_catalog_facts_deinit(&taking.facts);
    fi_buf_deinit(&taking.value);
    return rc;
}
