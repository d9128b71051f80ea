/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_pending.c: restores that were interrupted.
 *
 * Commands that only read report it. Those that write handle it first: files under temporary names
 * are removed or put back (checkout_recover.c), and then an ordinary restore continues from what is
 * there, a mix of the old state, the new one and later edits. As always it first takes a safety
 * checkpoint of all that, so an edit that is displaced is never the only copy (I1; not checked
 * here: ws_restore_in_place.c does, before things move).
 *
 *   resume, save                           the target
 *   resume of one that is done but had     the target; undo brings back what was there before the
 *   to leave entries as they are           first try
 *   undo of a restore, or of a redo        what was there before it; a redo brings the target
 *   undo of an undo, redo of a redo        its target: the same command again finishes it
 *   redo of an undo                        what was there before it
 *   redo of a restore                      the target
 *   the same restore again                 the target; it continues
 *   a restore of another whole checkpoint  that checkpoint; undo brings back what is there now
 *
 * A restore that had moved nothing yet left the tree as it was. A save drops such a restore (I2): a
 * user who saves after a crash wants the tree as it is. To get the restore, the user has to ask for
 * it again.
 *
 * A pending restore that can never be finished does not prevent a save (I3; not checked; is_lasting
 * lists the failures). If a needed object is damaged or something is in the way, the restore is
 * ended and reported, and the tree is saved as it is. An undo still brings back what was there
 * before.
 *
 * A pending restore that this user has not begun in this root on this machine (trust_restore.c) is
 * foreign: it is reported and otherwise ignored (I4), and nothing is written because of it. Resume
 * and undo concern it and refuse, unless the caller trusts the journal.
 *
 * A reader of the store during a restore sees its journal, which looks like that of an interrupted
 * one. The lock tells the two apart (ws.c): a pending journal is reported as interrupted only if it
 * was the same before and after the lock was seen free (I5; not checked: other processes change
 * it).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"

int
fi_ws_pending_choose(struct fi_ws_restoring *restoring, bool resume, firn_error *err)
{
    const struct fi_catalog_journal *journal = &restoring->journal;
    if (!fi_catalog_journal_is_pending(journal) && !(resume && journal->is_partial)) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no interrupted restore");
    }
    if (restoring->path_count > 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "an interrupted restore is finished or taken back as a whole: give no "
                            "paths");
    }
    restoring->paths = journal->paths;
    restoring->path_count = journal->path_count;
    restoring->kind = resume ? journal->kind : restoring->kind;
    restoring->undo_to = resume ? journal->safety : journal->target;
    return fi_checkout_recover_record(restoring->opened, resume ? journal->target : journal->safety,
                                      &restoring->ws->record, &restoring->record, err);
}

void
fi_ws_pending_go_on(struct fi_ws_restoring *restoring)
{
    const struct fi_catalog_journal *journal = &restoring->journal;
    if (fi_catalog_journal_is_pending(journal) && restoring->path_count == 0 &&
        journal->path_count == 0 &&
        memcmp(journal->target, restoring->record.id, sizeof journal->target) == 0) {
        restoring->kind = journal->kind;
        restoring->undo_to = journal->safety;
    }
}

int
fi_ws_pending_rest(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_catalog_journal *journal = &restoring->journal;
    return fi_checkout_recover_rest(restoring->opened, journal, &restoring->options->callbacks,
                                    err);
}

static void
report_as(const firn_callbacks *callbacks, firn_notice_kind kind, const char *text)
{
    if (callbacks->on_notice != NULL) {
        firn_notice notice = {.kind = kind, .text = text};
        fi_os_callback_notice(callbacks, &notice);
    }
}

static void
ws_pending_report(const firn_callbacks *callbacks, const char *text)
{
    report_as(callbacks, FIRN_NOTICE_RESUMED, text);
}

static void
report_foreign(const firn_callbacks *callbacks)
{
    report_as(callbacks, FIRN_NOTICE_FOREIGN,
              "the store records an interrupted restore that you did not start here: it is left "
              "alone; firn restore --resume --trust-journal finishes it");
}

/* Reads the journal, and whether what is pending is foreign. What only reads does so beside others:
 * a restore of this user that ends meanwhile has taken its note away, but is still in the journal
 * that was read. So a journal that looks foreign is read again until two reads see the same one. */
static int
inspect_journal(struct fi_ws_restoring *restoring, bool *out_is_foreign, firn_error *err)
{
    enum { LOOKS_MAX = 8 };
    const struct fi_ws_opened *opened = restoring->opened;
    struct fi_catalog_journal *journal = &restoring->journal;
    uint8_t last[FI_CATALOG_JOURNAL_TAG_SIZE];
    for (unsigned i = 0;; i++) {
        FI_TRY_RETURN(fi_catalog_journal_read(opened->db, opened->workspace.number, journal, err));
        FI_TRY_RETURN(fi_ws_begun_is_foreign(restoring->ws, opened, journal, out_is_foreign, err));
        if (!*out_is_foreign || !fi_db_is_read_only(opened->db) || i == LOOKS_MAX ||
            (i > 0 && memcmp(last, journal->tag, sizeof last) == 0)) {
            return FIRN_OK;
        }
        memcpy(last, journal->tag, sizeof last);
        fi_catalog_journal_deinit(journal);
        FI_TRY_RETURN(fi_db_refresh(opened->db, err));
    }
}

int
fi_ws_pending_read(struct fi_ws_restoring *restoring, enum fi_ws_pending_asked asked,
                   firn_error *err)
{
    const bool is_about_it = asked == FI_WS_PENDING_MEANT;
    bool is_foreign;
    int rc;
    FI_TRY(inspect_journal(restoring, &is_foreign, err));
    if (!is_foreign || (is_about_it && restoring->options->trust_journal)) {
        goto out;
    }
    if (is_about_it) {
        rc = fi_error_set(err, FIRN_UNTRUSTED,
                          "the store records an interrupted restore that you did not start "
                          "in '%.600s' on this machine",
                          restoring->ws->place.root);
        goto out;
    }
    if (asked == FI_WS_PENDING_TELL) {
        report_foreign(&restoring->options->callbacks);
    }
    fi_catalog_journal_deinit(&restoring->journal);
    DCHECK(!fi_catalog_journal_is_pending(&restoring->journal)); /* (I4) */
out:
    return rc;
}

/* Whether a pending restore, or an interrupted one that it continues, has moved anything. */
static int
has_moved(const struct fi_catalog_journal *journal, bool *out, firn_error *err)
{
    DCHECK(fi_catalog_journal_is_pending(journal));
    struct fi_catalog_journal previous = {0};
    int rc = journal->previous.size > 0
                 ? fi_catalog_journal_decode(journal->previous, &previous, err)
                 : FIRN_OK;
    *out = journal->state == FI_CATALOG_JOURNAL_BEGUN || fi_catalog_journal_is_pending(&previous);
    fi_catalog_journal_deinit(&previous);
    return rc;
}

/* Drops a restore that had moved nothing: the journal is set back to what it was before. */
static int
ws_pending_drop(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    CHECK(restoring->journal.state == FI_CATALOG_JOURNAL_PREPARED); /* (I2) */
    int rc = fi_ws_pending_rest(restoring, err);
    if (rc == FIRN_OK) {
        rc = fi_catalog_journal_write_bytes(opened->db, opened->workspace.number,
                                            restoring->journal.previous, err);
    }
    if (rc == FIRN_OK) {
        FI_IGNORE(fi_ws_begun_clear(restoring->ws, opened, NULL));
        ws_pending_report(&restoring->options->callbacks,
                          "an interrupted restore had changed nothing yet and was dropped");
    }
    return rc;
}

/* Whether a failure would recur at every new attempt. */
static bool
is_lasting(int code)
{
    return code == FIRN_CORRUPT || code == FIRN_CONFLICT || code == FIRN_NOT_FOUND ||
           code == FIRN_DENIED || code == FIRN_EXISTS || code == FIRN_UNSUPPORTED ||
           code == FIRN_INVALID;
}

/* The state before the restore joins the undo line; the tree is neither that nor the target. */
static int
write_set_aside(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    struct fi_catalog_journal before = restoring->journal; /* borrows */
    struct firn_db_batch *batch = NULL;
    int rc;
    memcpy(before.target, before.safety, sizeof before.target);
    before.kind = FI_CATALOG_JOURNAL_RESTORE;
    FI_TRY(fi_ws_undo_line_load(restoring, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_journal_put(opened->db, batch, opened->workspace.number, &restoring->journal,
                                  err));
    FI_TRY(fi_ws_undo_line_put(restoring, batch, &before, err));
    FI_TRY(fi_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* Leaves the tree as it is and marks the restore as done. */
static int
set_aside(struct fi_ws_restoring *restoring, const firn_error *cause, firn_error *err)
{
    struct fi_ws_opened *opened = restoring->opened;
    char text[FIRN_ERROR_TEXT_SIZE + 160];
    int rc;
    fi_catalog_journal_deinit(&restoring->journal);
    FI_TRY(fi_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    if (!fi_catalog_journal_is_pending(&restoring->journal)) {
        /* The restore was finished, and an entry that another process changed was kept. */
        ws_pending_report(&restoring->options->callbacks, cause->text);
        goto out;
    }
    FI_TRY(fi_ws_pending_rest(restoring, err));
    restoring->journal.state = FI_CATALOG_JOURNAL_DONE;
    restoring->journal.previous = firn_bytes(NULL, 0);
    FI_TRY(write_set_aside(restoring, err));
    FI_IGNORE(fi_ws_begun_clear(restoring->ws, opened, NULL));
    (void)snprintf(text, sizeof text,
                   "an interrupted restore could not be finished and is left as it is; undo brings "
                   "back the previous state: %s",
                   cause->text);
    ws_pending_report(&restoring->options->callbacks, text);
out:
    return rc;
}

static int
ws_pending_finish(struct fi_ws_restoring *restoring, firn_error *err)
{
    firn_error cause;
    int rc;
    DCHECK(fi_catalog_journal_is_pending(&restoring->journal) && restoring->path_count == 0);
    FI_TRY(fi_ws_pending_rest(restoring, err));
    rc = fi_ws_pending_choose(restoring, true, &cause);
    if (rc == FIRN_OK) {
        rc = fi_ws_restoring_set_filter(restoring, &cause);
    }
    if (rc == FIRN_OK) {
        rc = fi_ws_restore_in_place(restoring, &cause);
        fi_tree_filter_deinit(&restoring->filter);
    }
    if (rc == FIRN_OK) {
        char text[160];
        (void)snprintf(text, sizeof text, "an interrupted restore was finished first%s%.*s",
                       restoring->result->safety_id[0] == '\0' ? "" : "; the state before it is ",
                       FIRN_CHECKPOINT_ID_SHORT, restoring->result->safety_id);
        ws_pending_report(&restoring->options->callbacks, text);
    } else if (is_lasting(rc)) {
        rc = set_aside(restoring, &cause, err);
    } else {
        fi_error_copy(err, &cause);
    }
out:
    return rc;
}

int
fi_ws_pending_finish(struct firn_ws *ws, struct fi_ws_opened *opened, unsigned threads,
                     const firn_callbacks *callbacks, firn_error *err)
{
    const firn_workspace_restore_options options = {.threads = threads, .callbacks = *callbacks};
    firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    struct fi_ws_restoring restoring = {.ws = ws,
                                        .opened = opened,
                                        .options = &options,
                                        .result = &result,
                                        .begun_ns = fi_os_monotonic_ns(ws->os)};
    bool moved;
    int rc;
    FI_TRY(fi_ws_pending_read(&restoring, FI_WS_PENDING_TELL, err));
    if (fi_catalog_journal_is_pending(&restoring.journal)) {
        FI_TRY(has_moved(&restoring.journal, &moved, err));
        rc = moved ? ws_pending_finish(&restoring, err) : ws_pending_drop(&restoring, err);
    }
out:
    fi_ws_undo_line_deinit(&restoring);
    fi_catalog_journal_deinit(&restoring.journal);
    return rc;
}

/* ---- reporting an interrupted restore ---- */

static void
report_kind(enum fi_catalog_journal_kind kind, firn_workspace_pending_restore *out)
{
    out->is_undo = kind == FI_CATALOG_JOURNAL_UNDO;
    out->is_redo = kind == FI_CATALOG_JOURNAL_REDO;
    out->is_revert = kind == FI_CATALOG_JOURNAL_REVERT;
}

/* Fills in the checkpoint with this id; its number is 0 if the checkpoint is gone. */
static int
fill_checkpoint(struct firn_ws *ws, struct fi_ws_opened *opened,
                const uint8_t id[FI_CATALOG_RECORD_ID_SIZE], firn_workspace_pending_restore *out,
                firn_error *err)
{
    struct fi_catalog_record record;
    int rc = fi_checkout_recover_record(opened, id, &ws->record, &record, err);
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        fi_catalog_record_id_text(id, out->id);
        out->number = rc == FIRN_OK ? record.number : 0;
        rc = FIRN_OK;
    }
    return rc;
}

static int
fill_running(struct firn_ws *ws, struct fi_ws_opened *opened, const struct fi_ws_running *running,
             firn_workspace_pending_restore *out, firn_error *err)
{
    *out = (firn_workspace_pending_restore){.size = sizeof *out,
                                            .is_running = true,
                                            .has_begun = running->has_begun,
                                            .process = running->process,
                                            .started_ns = running->started_ns,
                                            .phase = running->phase,
                                            .files_done = running->done,
                                            .files_total = running->total};
    report_kind(running->kind, out);
    return out->is_revert ? FIRN_OK : fill_checkpoint(ws, opened, running->target, out, err);
}

/* Reads the journal once; *tag identifies one that is pending. */
static int
ws_pending_inspect(struct firn_ws *ws, struct fi_ws_opened *opened,
                   firn_workspace_pending_restore *out, uint8_t *tag, firn_error *err)
{
    struct fi_catalog_journal journal = {0};
    struct fi_ws_running running;
    bool is_running;
    int rc = FIRN_OK;
    if (opened->db == NULL || opened->workspace.number == 0) {
        goto out;
    }
    FI_TRY(fi_catalog_journal_read(opened->db, opened->workspace.number, &journal, err));
    FI_TRY(fi_ws_running_query(opened->db, opened->workspace.number, &running, &is_running, err));
    if (is_running) {
        rc = fill_running(ws, opened, &running, out, err);
        goto out;
    }
    if (!fi_catalog_journal_is_pending(&journal)) {
        goto out;
    }
    out->is_pending = true;
    report_kind(journal.kind, out);
    memcpy(tag, journal.tag, sizeof journal.tag);
    FI_TRY(fi_ws_begun_is_foreign(ws, opened, &journal, &out->is_foreign, err));
    FI_TRY(has_moved(&journal, &out->has_begun, err));
    fi_catalog_record_id_text(journal.safety, out->safety_id);
    rc = fill_checkpoint(ws, opened, journal.target, out, err);
out:
    fi_catalog_journal_deinit(&journal);
    return rc;
}

static int
inspect_once(struct firn_ws *ws, firn_workspace_pending_restore *out, uint8_t *tag, firn_error *err)
{
    *out = (firn_workspace_pending_restore)FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = ws_pending_inspect(ws, &opened, out, tag, err);
    DCHECK(!out->is_pending || !out->is_running);
    return fi_ws_opened_close(ws, &opened, rc, err);
}

/* When a restore ends meanwhile, the journal may be read before its end and the lock tested after
 * it. So a journal that looks interrupted is read again until two reads see the same one (I5). */
int
fi_ws_pending(struct firn_ws *ws, firn_workspace_pending_restore *out, firn_error *err)
{
    enum { LOOKS_MAX = 8 };
    uint8_t tag[FI_CATALOG_JOURNAL_TAG_SIZE];
    uint8_t last[FI_CATALOG_JOURNAL_TAG_SIZE];
    bool was_pending = false;
    int rc = FIRN_OK;
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        rc = inspect_once(ws, out, tag, err);
        if (rc != FIRN_OK || !out->is_pending ||
            (was_pending && memcmp(tag, last, sizeof tag) == 0)) {
            break;
        }
        was_pending = true;
        memcpy(last, tag, sizeof tag);
    }
    return rc;
}
