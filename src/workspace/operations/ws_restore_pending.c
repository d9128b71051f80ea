/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_pending.c: a restore that was interrupted.
 *
 * Commands that only look report it. Those that write deal with it first: what stands under
 * temporary names is put to rest (checkout_recover.c), and then an ordinary restore goes on from what is
 * there, which is in part the old state, in part the new one, and in part what somebody edited
 * since. It takes a safety checkpoint of all that, as ever, so an edit is nowhere the only copy
 * when it is displaced (I1; checked where things move, ws_restore_in_place.c).
 *
 *   resume, save                           the target
 *   resume of one that is over, but had    the target; undo brings back what was there before the
 *   to leave entries as they are           first try
 *   undo of a restore                      what was there before it; then undo brings the target
 *   undo of an undo                        its target: the same command again finishes it
 *   the same restore again                 the target; it goes on
 *   a restore of another whole checkpoint  that checkpoint, from what is there, which undo brings back
 *
 * A restore of which nothing had moved yet left the tree as it was. A save drops it (I2): who saves
 * after a crash wants the tree as it is. Only who asks for it again gets it.
 *
 * A pending restore never stands in the way of a save (I3; not checked: what is_lasting does not
 * name fails it): where it cannot be finished, because a needed object is damaged or something is
 * in the way, it is put to rest and told, and the tree is saved as it is. An undo still brings back
 * what was there before.
 *
 * A pending restore that this user has not begun in this root on this machine (ws_begun.c) is told
 * and otherwise taken for none (I4): nothing is written because of it. Resume and undo are about it
 * and refuse, unless the caller trusts the journal.
 *
 * A look at the store while a restore is under way sees its journal, which is that of an interrupted one.
 * What tells them apart is the lock (ws.c); a pending journal is told as interrupted only when
 * it was the same before and after the lock was seen free (I5; not checked: others change it).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "handle/ws_internal.h"
#include "operations/ws_restore_internal.h"

int
firn_ws_restore_pending_choose(struct firn_ws_restoring *restoring, bool resume, firn_error *err)
{
    const struct firn_catalog_journal *journal = &restoring->journal;
    restoring->is_resumed = resume;
    if (!firn_catalog_journal_is_pending(journal) && !(resume && journal->is_partial)) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no interrupted restore");
    }
    if (restoring->path_count > 0) {
        return firn_error_set(
            err, FIRN_INVALID,
            "an interrupted restore is finished or taken back as a whole: give no "
            "paths");
    }
    restoring->paths = journal->paths;
    restoring->path_count = journal->path_count;
    restoring->is_undo = !resume || journal->is_undo;
    restoring->has_undo_to = true;
    memcpy(restoring->undo_to, resume ? journal->safety : journal->target,
           sizeof restoring->undo_to);
    return firn_checkout_recover_record(restoring->opened,
                                        resume ? journal->target : journal->safety,
                                        &restoring->ws->result, &restoring->record, err);
}

int
firn_ws_restore_pending_rest(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_catalog_journal *journal = &restoring->journal;
    return firn_checkout_recover_rest(restoring->opened, journal, &restoring->options->callbacks,
                                      err);
}

static void
tell_as(const firn_callbacks *callbacks, firn_notice_kind kind, const char *text)
{
    if (callbacks->on_notice != NULL) {
        firn_notice notice = {.kind = kind, .text = text};
        callbacks->on_notice(callbacks->ctx, &notice);
    }
}

static void
tell(const firn_callbacks *callbacks, const char *text)
{
    tell_as(callbacks, FIRN_NOTICE_RESUMED, text);
}

static void
tell_foreign(const firn_callbacks *callbacks)
{
    tell_as(callbacks, FIRN_NOTICE_FOREIGN,
            "the store tells of an interrupted restore that you did not begin here: it is left "
            "alone; firn restore --resume --trust-journal finishes it");
}

int
firn_ws_restore_pending_read(struct firn_ws_restoring *restoring, bool is_about_it, firn_error *err)
{
    const struct firn_ws_opened *opened = restoring->opened;
    bool is_foreign;
    int rc;
    FIRN_TRY(
        firn_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    FIRN_TRY(
        firn_ws_begun_is_foreign(restoring->ws, opened, &restoring->journal, &is_foreign, err));
    if (!is_foreign || (is_about_it && restoring->options->trust_journal)) {
        goto out;
    }
    if (is_about_it) {
        rc = firn_error_set(err, FIRN_UNTRUSTED,
                            "the store tells of an interrupted restore that was not begun by you "
                            "in '%.600s' on this machine",
                            restoring->ws->place.root);
        goto out;
    }
    if (!restoring->was_foreign_told) {
        tell_foreign(&restoring->options->callbacks);
    }
    firn_catalog_journal_deinit(&restoring->journal);
    DCHECK(!firn_catalog_journal_is_pending(&restoring->journal)); /* (I4) */
out:
    return rc;
}

/* Whether a pending restore, or an interrupted one from which it was to go on, has moved things. */
static int
has_moved(const struct firn_catalog_journal *journal, bool *out, firn_error *err)
{
    DCHECK(firn_catalog_journal_is_pending(journal));
    struct firn_catalog_journal previous = {0};
    int rc = journal->previous.size > 0
                 ? firn_catalog_journal_decode(journal->previous, &previous, err)
                 : FIRN_OK;
    *out =
        journal->state == FIRN_CATALOG_JOURNAL_BEGUN || firn_catalog_journal_is_pending(&previous);
    firn_catalog_journal_deinit(&previous);
    return rc;
}

/* Nothing had moved: the journal is as it was before that restore. */
static int
drop(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    CHECK(restoring->journal.state == FIRN_CATALOG_JOURNAL_PREPARED); /* (I2) */
    int rc = firn_ws_restore_pending_rest(restoring, err);
    if (rc == FIRN_OK) {
        rc = firn_catalog_journal_write_bytes(opened->db, opened->workspace.number,
                                              restoring->journal.previous, err);
    }
    if (rc == FIRN_OK) {
        FIRN_IGNORE(firn_ws_begun_clear(restoring->ws, opened, NULL));
        tell(&restoring->options->callbacks,
             "an interrupted restore had changed nothing yet and was dropped");
    }
    return rc;
}

/* Failures that would come again however often it is tried. */
static bool
is_lasting(int code)
{
    return code == FIRN_CORRUPT || code == FIRN_CONFLICT || code == FIRN_NOT_FOUND ||
           code == FIRN_DENIED || code == FIRN_EXISTS || code == FIRN_UNSUPPORTED ||
           code == FIRN_INVALID;
}

/* Leaves the tree as it is, and the restore as one that is over. */
static int
set_aside(struct firn_ws_restoring *restoring, const firn_error *cause, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    char text[FIRN_ERROR_TEXT_SIZE + 160];
    int rc;
    firn_catalog_journal_deinit(&restoring->journal);
    FIRN_TRY(
        firn_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    if (!firn_catalog_journal_is_pending(&restoring->journal)) {
        /* It was finished, and something that somebody else changed was kept. */
        tell(&restoring->options->callbacks, cause->text);
        goto out;
    }
    FIRN_TRY(firn_ws_restore_pending_rest(restoring, err));
    restoring->journal.state = FIRN_CATALOG_JOURNAL_DONE;
    restoring->journal.previous = firn_bytes(NULL, 0);
    FIRN_TRY(
        firn_catalog_journal_write(opened->db, opened->workspace.number, &restoring->journal, err));
    FIRN_IGNORE(firn_ws_begun_clear(restoring->ws, opened, NULL));
    (void)snprintf(text, sizeof text,
                   "an interrupted restore could not be finished and is left as it is; undo brings "
                   "back what was there before: %s",
                   cause->text);
    tell(&restoring->options->callbacks, text);
out:
    return rc;
}

static int
finish(struct firn_ws_restoring *restoring, firn_error *err)
{
    firn_error cause;
    int rc;
    DCHECK(firn_catalog_journal_is_pending(&restoring->journal) && restoring->path_count == 0);
    FIRN_TRY(firn_ws_restore_pending_rest(restoring, err));
    rc = firn_ws_restore_pending_choose(restoring, true, &cause);
    if (rc == FIRN_OK) {
        rc = firn_ws_restore_init_filter(restoring, &cause);
    }
    if (rc == FIRN_OK) {
        rc = firn_ws_restore_in_place(restoring, &cause);
        firn_tree_filter_deinit(&restoring->filter);
    }
    if (rc == FIRN_OK) {
        char text[160];
        (void)snprintf(text, sizeof text, "an interrupted restore was finished first%s%.*s",
                       restoring->result->safety_id[0] == '\0' ? "" : "; what was there is in ",
                       FIRN_CHECKPOINT_ID_SHORT, restoring->result->safety_id);
        tell(&restoring->options->callbacks, text);
    } else if (is_lasting(rc)) {
        rc = set_aside(restoring, &cause, err);
    } else if (err != NULL) {
        *err = cause;
    }
out:
    return rc;
}

int
firn_ws_restore_pending_finish(struct firn_ws *ws, struct firn_ws_opened *opened, unsigned threads,
                               const firn_callbacks *callbacks, firn_error *err)
{
    const firn_restore_options options = {.threads = threads, .callbacks = *callbacks};
    firn_restore_result result = {0};
    struct firn_ws_restoring restoring = {.ws = ws,
                                          .opened = opened,
                                          .options = &options,
                                          .result = &result,
                                          .begun_ns = firn_os_monotonic_ns(ws->os)};
    bool moved;
    int rc;
    FIRN_TRY(firn_ws_restore_pending_read(&restoring, false, err));
    if (firn_catalog_journal_is_pending(&restoring.journal)) {
        FIRN_TRY(has_moved(&restoring.journal, &moved, err));
        rc = moved ? finish(&restoring, err) : drop(&restoring, err);
    }
out:
    firn_catalog_journal_deinit(&restoring.journal);
    return rc;
}

/* ---- telling of it ---- */

/* Of the checkpoint with this id, or, where it is not there any more, the id. */
static int
fill_checkpoint(struct firn_ws *ws, struct firn_ws_opened *opened,
                const uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE], firn_checkpoint *out,
                firn_error *err)
{
    struct firn_catalog_record record;
    int rc = firn_checkout_recover_record(opened, id, &ws->result, &record, err);
    if (rc == FIRN_OK) {
        firn_catalog_record_to_checkpoint(&record, out);
    } else if (rc == FIRN_NOT_FOUND) {
        firn_catalog_record_id_text(id, out->id);
        rc = FIRN_OK;
    }
    return rc;
}

static int
fill_running(struct firn_ws *ws, struct firn_ws_opened *opened,
             const struct firn_ws_running *running, firn_pending_restore *out, firn_error *err)
{
    *out = (firn_pending_restore){.is_running = true,
                                  .is_undo = running->kind == FIRN_WS_RUNNING_UNDO,
                                  .is_revert = running->kind == FIRN_WS_RUNNING_REVERT,
                                  .has_begun = running->has_begun,
                                  .process = running->process,
                                  .started_ns = running->started_ns,
                                  .phase = running->phase,
                                  .files_done = running->done,
                                  .files_total = running->total};
    return out->is_revert ? FIRN_OK
                          : fill_checkpoint(ws, opened, running->target, &out->checkpoint, err);
}

/* What one look shows; tag is that of a journal that says pending. */
static int
look(struct firn_ws *ws, struct firn_ws_opened *opened, firn_pending_restore *out, uint8_t *tag,
     firn_error *err)
{
    struct firn_catalog_journal journal = {0};
    struct firn_ws_running running;
    bool is_running;
    int rc = FIRN_OK;
    if (opened->db == NULL || opened->workspace.number == 0) {
        goto out;
    }
    FIRN_TRY(firn_catalog_journal_read(opened->db, opened->workspace.number, &journal, err));
    FIRN_TRY(firn_ws_running_ask(opened->db, opened->workspace.number, &running, &is_running, err));
    if (is_running) {
        rc = fill_running(ws, opened, &running, out, err);
        goto out;
    }
    if (!firn_catalog_journal_is_pending(&journal)) {
        goto out;
    }
    out->is_pending = true;
    out->is_undo = journal.is_undo;
    memcpy(tag, journal.tag, sizeof journal.tag);
    FIRN_TRY(firn_ws_begun_is_foreign(ws, opened, &journal, &out->is_foreign, err));
    FIRN_TRY(has_moved(&journal, &out->has_begun, err));
    firn_catalog_record_id_text(journal.safety, out->safety_id);
    rc = fill_checkpoint(ws, opened, journal.target, &out->checkpoint, err);
out:
    firn_catalog_journal_deinit(&journal);
    return rc;
}

static int
look_once(struct firn_ws *ws, firn_pending_restore *out, uint8_t *tag, firn_error *err)
{
    *out = (firn_pending_restore){0};
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = look(ws, &opened, out, tag, err);
    DCHECK(!out->is_pending || !out->is_running);
    int close_rc = firn_ws_opened_close(ws, &opened, rc != FIRN_OK, err);
    return rc != FIRN_OK ? rc : close_rc;
}

/* Beside a restore that ends, the journal may be from before its end and the lock from after it: what
 * looks interrupted is looked at until two looks see the same one (I5). */
int
firn_ws_restore_pending(struct firn_ws *ws, firn_pending_restore *out, firn_error *err)
{
    enum { LOOKS_MAX = 8 };
    uint8_t tag[FIRN_CATALOG_JOURNAL_TAG_SIZE];
    uint8_t last[FIRN_CATALOG_JOURNAL_TAG_SIZE];
    bool was_pending = false;
    int rc = FIRN_OK;
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        rc = look_once(ws, out, tag, err);
        if (rc != FIRN_OK || !out->is_pending ||
            (was_pending && memcmp(tag, last, sizeof tag) == 0)) {
            break;
        }
        was_pending = true;
        memcpy(last, tag, sizeof tag);
    }
    return rc;
}
