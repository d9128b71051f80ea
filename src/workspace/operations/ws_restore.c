/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore.c: bringing a workspace, or another directory, to the state of a
 * checkpoint: what is restored, and where.
 *
 * For restores in place see ws_restore_in_place.c. If an earlier restore is pending, it is recovered
 * first. A restore of the whole tree then starts from what is there; before a restore of some paths
 * the pending one is finished, so that the rest of the tree does not stay half done.
 *
 * A dry run compares in memory and stores nothing. Another directory must be empty or missing;
 * nothing in it can be lost, so nothing is saved first.
 *
 * Undo and redo restore a state of the undo line (ws_line.c). The undo of a pending restore takes
 * that restore back; the undo of a pending undo finishes it. Taking back restores
 * what the journal names: the safety checkpoint of the last restore that changed something, with the
 * paths of that restore. It is recorded in the journal too, so that taking back again brings back
 * what was taken away. A safety checkpoint that the journal does not name belongs to a restore that
 * came to nothing.
 */
#include "operations/operations_internal.h"

#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "reclaim/reclaim.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

struct firn_checkout_options
firn_ws_restore_apply_options(struct firn_ws_restoring *restoring, struct firn_os_dir *root,
                              const struct firn_difference_walk_side *before,
                              const struct firn_difference_walk_side *after)
{
    bool is_filtered = restoring->filter.count > 0;
    return (struct firn_checkout_options){.root = root,
                                          .objects = restoring->opened->objects,
                                          .before = *before,
                                          .after = *after,
                                          .filter = is_filtered ? &restoring->filter : NULL,
                                          .count_same = is_filtered,
                                          .threads = restoring->options->threads,
                                          .is_foreign = restoring->opened->is_foreign,
                                          .callbacks = restoring->options->callbacks,
                                          .visit = restoring->options->on_change};
}

struct firn_ws_rules_today
firn_ws_restore_today(const struct firn_ws_restoring *restoring)
{
    return (struct firn_ws_rules_today){.gitignore = restoring->options->gitignore,
                                        .is_asked_for = restoring->options->path_count > 0,
                                        .file_size_max = restoring->options->file_size_max};
}

void
firn_ws_restore_report(struct firn_ws_restoring *restoring, const struct firn_checkout *checkout)
{
    const struct firn_checkout_counts *counts = firn_checkout_counts(checkout);
    firn_workspace_restore_result *result = restoring->result;
    result->added = counts->added;
    result->changed = counts->changed;
    result->removed = counts->removed;
    result->unchanged = restoring->filter.count > 0 ? counts->same
                                                    : restoring->record.files - counts->added -
                                                          counts->changed - counts->left_files;
    restoring->is_idle =
        counts->added + counts->changed + counts->removed + counts->directories == 0;
    result->incomplete = counts->incomplete;
    result->left_alone = counts->left_alone;
    result->not_restored = counts->not_restored;
    if (counts->written_at_ns != 0) {
        DCHECK(counts->written_at_ns >= restoring->begun_ns);
        result->written_ns = counts->written_at_ns - restoring->begun_ns;
    }
}

void
firn_ws_restore_name(const struct firn_catalog_record *record, char out[FIRN_WS_RESTORE_NAME_SIZE])
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_catalog_record_id_text(record->id, id);
    if (record->is_safety) {
        (void)snprintf(out, FIRN_WS_RESTORE_NAME_SIZE, "%.*s", FIRN_CHECKPOINT_ID_SHORT, id);
    } else {
        (void)snprintf(out, FIRN_WS_RESTORE_NAME_SIZE, "%llu", (unsigned long long)record->number);
    }
}

/* Paths that come from the journal, or from a step, need not exist any more. */
int
firn_ws_restore_set_filter(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_tree_filter *filter = &restoring->filter;
    firn_tree_filter_deinit(filter);
    bool is_given = restoring->paths == restoring->options->paths;
    int rc = firn_tree_filter_init(filter, restoring->paths, restoring->path_count, err);
    for (size_t i = 0; i < filter->count && rc == FIRN_OK; i++) {
        firn_slice path = filter->paths[i];
        const char *reason = is_given ? firn_tree_reserved_path(path) : NULL;
        filter->was_met[i] = !is_given;
        if (reason != NULL) {
            rc = firn_error_set(err, FIRN_INVALID, "'%.*s' is never restored: it %s",
                                (int)(path.size < 512 ? path.size : 512), (const char *)path.data,
                                reason);
        }
    }
    return rc;
}

/* ---- a store that cannot be written ---- */

static int
explain_store(int rc, firn_error *err)
{
    return rc == FIRN_READ_ONLY || rc == FIRN_DENIED
               ? firn_error_prefix(
                     err, "the present state is saved first, and the store cannot be written")
               : rc;
}

int
firn_ws_restore_open_store(struct firn_ws *ws, bool is_dry, struct firn_ws_opened *out,
                           firn_error *err)
{
    int rc = firn_ws_opened_open(ws, is_dry ? FIRN_WS_READ : FIRN_WS_WRITE, out, err);
    return is_dry ? rc : explain_store(rc, err);
}

/* Fails as the restore would if the store cannot be written to: FIRN_READ_ONLY or FIRN_DENIED. */
static int
foretell_store(const struct firn_ws_opened *opened, firn_error *err)
{
    firn_error cause;
    int rc =
        opened->store_dir != NULL ? firn_os_dir_check_names(opened->store_dir, &cause) : FIRN_OK;
    if (rc != FIRN_READ_ONLY && rc != FIRN_DENIED) {
        return FIRN_OK; /* other failures will be reported by the restore itself */
    }
    firn_error_copy(err, &cause);
    return explain_store(rc, err);
}

/* ---- dry run ---- */

int
firn_ws_restore_dry_run(struct firn_ws_restoring *restoring, const struct firn_ws_restore_dry *dry,
                        firn_error *err)
{
    struct firn_ws_compare compare = {0};
    struct firn_ws_restore_unsaved unsaved;
    firn_callbacks callbacks;
    struct firn_checkout_stores stores = {.root = restoring->opened->root,
                                          .lock_timeout_ms = restoring->ws->lock_timeout_ms,
                                          .is_dry = true};
    struct firn_checkout *checkout = NULL;
    int rc;
    DCHECK(restoring->options->dry_run && restoring->target == NULL);
    DCHECK(dry->record != NULL && dry->choose != NULL);
    firn_ws_restore_unsaved_init(&unsaved, &restoring->options->callbacks, &callbacks);
    const struct firn_ws_compare_options given = {restoring->options->threads,
                                                  firn_ws_restore_today(restoring), &callbacks};
    FIRN_TRY(firn_ws_compare_init_for_restore(&compare, restoring->ws, restoring->opened,
                                              dry->record, dry->second, &given, err));
    FIRN_TRY(firn_ws_restore_unsaved_check(&unsaved, err));
    struct firn_checkout_options options = firn_ws_restore_apply_options(
        restoring, restoring->opened->root, &compare.disk_side, &compare.checkpoint_side);
    options.unsaved_why = firn_ws_restore_unsaved_why;
    options.holds_unsaved = firn_ws_restore_unsaved_holds;
    options.unsaved = &unsaved;
    FIRN_TRY(dry->choose(dry->ctx, &compare, &options, err));
    FIRN_TRY(firn_checkout_stores_find(&stores, firn_buf_slice(&compare.scan.stores), err));
    options.stores = &stores;
    FIRN_TRY(firn_checkout_create(&options, &checkout, err));
    FIRN_TRY(firn_checkout_plan(checkout, err));
    FIRN_TRY(firn_checkout_verify(checkout, err));
    firn_ws_restore_report(restoring, checkout);
    rc = foretell_store(restoring->opened, err);
out:
    firn_checkout_stores_deinit(&stores);
    firn_ws_restore_unsaved_deinit(&unsaved);
    firn_checkout_destroy(checkout);
    firn_ws_compare_deinit(&compare);
    return rc;
}

static int
choose_after(void *ctx, const struct firn_ws_compare *compare,
             struct firn_checkout_options *options, firn_error *err)
{
    struct firn_ws_restoring *restoring = ctx;
    int rc = firn_ws_line_settle(restoring, &compare->disk_side, options, err);
    options->after.root = &restoring->record.root;
    return rc;
}

static int
dry_run(struct firn_ws_restoring *restoring, firn_error *err)
{
    const struct firn_ws_restore_dry dry = {.record = &restoring->record,
                                            .second = restoring->has_here ? &restoring->here : NULL,
                                            .choose = choose_after,
                                            .ctx = restoring};
    return firn_ws_restore_dry_run(restoring, &dry, err);
}

/* ---- into another directory ---- */

static int
open_target(struct firn_ws_restoring *restoring, struct firn_os_dir **out, firn_error *err)
{
    const char *path = restoring->options->to_dir;
    bool is_empty = true;
    int rc =
        firn_trust_home_open_dir(restoring->ws->os, path, !restoring->options->dry_run, out, err);
    if (rc == FIRN_NOT_FOUND && restoring->options->dry_run) {
        *out = NULL;
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        rc = firn_place_is_empty(*out, &is_empty, err);
    }
    if (rc == FIRN_OK && !is_empty) {
        rc =
            firn_error_set(err, FIRN_EXISTS,
                           "'%.512s' is not empty: restore into an empty or a new directory", path);
    }
    if (rc != FIRN_OK) {
        firn_os_dir_close(*out);
        *out = NULL;
    }
    return rc;
}

static int
into_directory(struct firn_ws_restoring *restoring, firn_error *err)
{
    const struct firn_tree_source *trees = firn_objects_trees(restoring->opened->objects);
    struct firn_os_dir *target = NULL;
    struct firn_checkout *checkout = NULL;
    int rc;
    FIRN_TRY(open_target(restoring, &target, err));
    DCHECK(target != NULL || restoring->options->dry_run);
    struct firn_difference_walk_side nothing = {.source = trees};
    struct firn_difference_walk_side after = {.source = trees, .root = &restoring->record.root};
    struct firn_checkout_options options = firn_ws_restore_apply_options(
        restoring, target != NULL ? target : restoring->opened->store_dir, &nothing, &after);
    FIRN_TRY(firn_checkout_create(&options, &checkout, err));
    FIRN_TRY(firn_checkout_plan(checkout, err));
    if (restoring->options->dry_run) {
        FIRN_TRY(firn_checkout_verify(checkout, err));
    } else {
        FIRN_TRY(firn_checkout_prepare(checkout, err));
        FIRN_TRY(firn_checkout_finish(checkout, err));
    }
    firn_ws_restore_report(restoring, checkout);
out:
    firn_checkout_destroy(checkout);
    firn_os_dir_close(target);
    return rc;
}

/* ---- what to restore ---- */

enum operation { RESTORE, TAKE_BACK, UNDO, REDO, RESUME };

struct request {
    enum operation operation;
    const char *reference; /* of RESTORE */
};

static void
take_paths(struct firn_ws_restoring *restoring, const firn_slice *paths, size_t count)
{
    restoring->paths = paths;
    restoring->path_count = count;
}

static int
choose_take_back(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    const struct firn_catalog_journal *journal = &restoring->journal;
    DCHECK(!firn_catalog_journal_is_pending(journal) && restoring->record.order == 0);
    restoring->is_undo = true;
    if (journal->state == FIRN_CATALOG_JOURNAL_NONE) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is nothing to undo");
    }
    if (restoring->path_count == 0) {
        take_paths(restoring, journal->paths, journal->path_count);
    }
    int rc = firn_checkout_recover_record(opened, journal->safety, &restoring->ws->record,
                                          &restoring->record, err);
    return rc != FIRN_NOT_FOUND ? rc
                                : firn_error_set(err, FIRN_NOT_FOUND,
                                                 "there is nothing to undo: the safety checkpoint "
                                                 "of the last restore was deleted");
}

/* A second request for the target of an interrupted restore continues that restore: an undo brings
 * back what was there before the first try. */
static void
go_on_with_pending(struct firn_ws_restoring *restoring)
{
    const struct firn_catalog_journal *journal = &restoring->journal;
    if (firn_catalog_journal_is_pending(journal) && restoring->path_count == 0 &&
        journal->path_count == 0 &&
        memcmp(journal->target, restoring->record.id, sizeof journal->target) == 0) {
        restoring->is_undo = journal->is_undo;
        restoring->is_forward = journal->is_redo;
        restoring->is_revert = journal->is_revert;
        restoring->has_undo_to = true;
        memcpy(restoring->undo_to, journal->safety, sizeof restoring->undo_to);
    }
}

/* A restore that was interrupted.
 *
 * Commands that only read report it. Those that write handle it first: files under temporary names
 * are removed or put back (checkout_recover.c), and then an ordinary restore continues from what is there, a
 * mix of the old state, the new one and later edits. As always it first takes a safety checkpoint
 * of all that, so an edit that is displaced is never the only copy (I1; checked where things move,
 * ws_restore_in_place.c).
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
 * it). */

/* Chooses what to restore to finish the pending restore of the journal (resume) or to take it back;
 * the paths are those of the journal. */
static int
pending_choose(struct firn_ws_restoring *restoring, bool resume, firn_error *err)
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
    restoring->is_forward = resume ? journal->is_redo : restoring->is_forward;
    restoring->is_revert = resume && journal->is_revert;
    restoring->has_undo_to = true;
    memcpy(restoring->undo_to, resume ? journal->safety : journal->target,
           sizeof restoring->undo_to);
    return firn_checkout_recover_record(restoring->opened,
                                        resume ? journal->target : journal->safety,
                                        &restoring->ws->record, &restoring->record, err);
}

/* Settles what a pending restore left under temporary names (checkout_recover.c). */
static int
pending_rest(struct firn_ws_restoring *restoring, firn_error *err)
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
        firn_os_callback_notice(callbacks, &notice);
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
            "the store records an interrupted restore that you did not start here: it is left "
            "alone; firn restore --resume --trust-journal finishes it");
}

/* Reads the journal, and whether what is pending is foreign. What only reads does so beside others: a
 * restore of this user that ends meanwhile has taken its note away, but is still in the journal that was
 * read. So a journal that looks foreign is read again until two reads see the same one. */
static int
pending_look(struct firn_ws_restoring *restoring, bool *out_is_foreign, firn_error *err)
{
    enum { LOOKS_MAX = 8 };
    const struct firn_ws_opened *opened = restoring->opened;
    struct firn_catalog_journal *journal = &restoring->journal;
    uint8_t last[FIRN_CATALOG_JOURNAL_TAG_SIZE];
    for (unsigned i = 0;; i++) {
        FIRN_TRY_RETURN(
            firn_catalog_journal_read(opened->db, opened->workspace.number, journal, err));
        FIRN_TRY_RETURN(
            firn_ws_begun_is_foreign(restoring->ws, opened, journal, out_is_foreign, err));
        if (!*out_is_foreign || !firn_db_is_read_only(opened->db) || i == LOOKS_MAX ||
            (i > 0 && memcmp(last, journal->tag, sizeof last) == 0)) {
            return FIRN_OK;
        }
        memcpy(last, journal->tag, sizeof last);
        firn_catalog_journal_deinit(journal);
        FIRN_TRY_RETURN(firn_db_refresh(opened->db, err));
    }
}

/* Fills restoring->journal. If a foreign restore is pending (ws_internal.h): a resume or an undo
 * (is_about_it) fails with FIRN_UNTRUSTED unless the options trust the journal; for any other
 * operation the restore is reported and ignored. */
static int
pending_read(struct firn_ws_restoring *restoring, bool is_about_it, firn_error *err)
{
    bool is_foreign;
    int rc;
    FIRN_TRY(pending_look(restoring, &is_foreign, err));
    if (!is_foreign || (is_about_it && restoring->options->trust_journal)) {
        goto out;
    }
    if (is_about_it) {
        rc = firn_error_set(err, FIRN_UNTRUSTED,
                            "the store records an interrupted restore that you did not start "
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

/* Whether a pending restore, or an interrupted one that it continues, has moved anything. */
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

/* Drops a restore that had moved nothing: the journal is set back to what it was before. */
static int
drop(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    CHECK(restoring->journal.state == FIRN_CATALOG_JOURNAL_PREPARED); /* (I2) */
    int rc = pending_rest(restoring, err);
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
write_set_aside(struct firn_ws_restoring *restoring, firn_error *err)
{
    struct firn_ws_opened *opened = restoring->opened;
    struct firn_catalog_journal before = restoring->journal; /* borrows */
    struct firn_db_batch *batch = NULL;
    int rc;
    memcpy(before.target, before.safety, sizeof before.target);
    before.is_undo = false;
    FIRN_TRY(firn_ws_line_load(restoring, err));
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(firn_catalog_journal_put(opened->db, batch, opened->workspace.number,
                                      &restoring->journal, err));
    FIRN_TRY(firn_ws_line_put(restoring, batch, &before, err));
    FIRN_TRY(firn_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err));
out:
    firn_db_batch_destroy(batch);
    return rc;
}

/* Leaves the tree as it is and marks the restore as done. */
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
        /* The restore was finished, and an entry that another process changed was kept. */
        tell(&restoring->options->callbacks, cause->text);
        goto out;
    }
    FIRN_TRY(pending_rest(restoring, err));
    restoring->journal.state = FIRN_CATALOG_JOURNAL_DONE;
    restoring->journal.previous = firn_bytes(NULL, 0);
    FIRN_TRY(write_set_aside(restoring, err));
    FIRN_IGNORE(firn_ws_begun_clear(restoring->ws, opened, NULL));
    (void)snprintf(text, sizeof text,
                   "an interrupted restore could not be finished and is left as it is; undo brings "
                   "back the previous state: %s",
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
    FIRN_TRY(pending_rest(restoring, err));
    rc = pending_choose(restoring, true, &cause);
    if (rc == FIRN_OK) {
        rc = firn_ws_restore_set_filter(restoring, &cause);
    }
    if (rc == FIRN_OK) {
        rc = firn_ws_restore_in_place(restoring, &cause);
        firn_tree_filter_deinit(&restoring->filter);
    }
    if (rc == FIRN_OK) {
        char text[160];
        (void)snprintf(text, sizeof text, "an interrupted restore was finished first%s%.*s",
                       restoring->result->safety_id[0] == '\0' ? "" : "; the state before it is ",
                       FIRN_CHECKPOINT_ID_SHORT, restoring->result->safety_id);
        tell(&restoring->options->callbacks, text);
    } else if (is_lasting(rc)) {
        rc = set_aside(restoring, &cause, err);
    } else
        firn_error_copy(err, &cause);
out:
    return rc;
}

int
firn_ws_restore_pending_finish(struct firn_ws *ws, struct firn_ws_opened *opened, unsigned threads,
                               const firn_callbacks *callbacks, firn_error *err)
{
    const firn_workspace_restore_options options = {.threads = threads, .callbacks = *callbacks};
    firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    struct firn_ws_restoring restoring = {.ws = ws,
                                          .opened = opened,
                                          .options = &options,
                                          .result = &result,
                                          .begun_ns = firn_os_monotonic_ns(ws->os)};
    bool moved;
    int rc;
    FIRN_TRY(pending_read(&restoring, false, err));
    if (firn_catalog_journal_is_pending(&restoring.journal)) {
        FIRN_TRY(has_moved(&restoring.journal, &moved, err));
        rc = moved ? finish(&restoring, err) : drop(&restoring, err);
    }
out:
    firn_ws_line_deinit(&restoring);
    firn_catalog_journal_deinit(&restoring.journal);
    return rc;
}

/* ---- reporting an interrupted restore ---- */

/* Fills in the checkpoint with this id; its number is 0 if the checkpoint is gone. */
static int
fill_checkpoint(struct firn_ws *ws, struct firn_ws_opened *opened,
                const uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE], firn_workspace_pending_restore *out,
                firn_error *err)
{
    struct firn_catalog_record record;
    int rc = firn_checkout_recover_record(opened, id, &ws->record, &record, err);
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        firn_catalog_record_id_text(id, out->id);
        out->number = rc == FIRN_OK ? record.number : 0;
        rc = FIRN_OK;
    }
    return rc;
}

static int
fill_running(struct firn_ws *ws, struct firn_ws_opened *opened,
             const struct firn_ws_running *running, firn_workspace_pending_restore *out,
             firn_error *err)
{
    *out = (firn_workspace_pending_restore){.size = sizeof *out,
                                            .is_running = true,
                                            .is_undo = running->kind == FIRN_WS_RUNNING_UNDO,
                                            .is_redo = running->kind == FIRN_WS_RUNNING_REDO,
                                            .is_revert = running->kind == FIRN_WS_RUNNING_REVERT,
                                            .has_begun = running->has_begun,
                                            .process = running->process,
                                            .started_ns = running->started_ns,
                                            .phase = running->phase,
                                            .files_done = running->done,
                                            .files_total = running->total};
    return out->is_revert ? FIRN_OK : fill_checkpoint(ws, opened, running->target, out, err);
}

/* Reads the journal once; *tag identifies one that is pending. */
static int
look(struct firn_ws *ws, struct firn_ws_opened *opened, firn_workspace_pending_restore *out,
     uint8_t *tag, firn_error *err)
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
    out->is_undo = journal.is_undo && !journal.is_redo;
    out->is_redo = journal.is_redo;
    out->is_revert = journal.is_revert;
    memcpy(tag, journal.tag, sizeof journal.tag);
    FIRN_TRY(firn_ws_begun_is_foreign(ws, opened, &journal, &out->is_foreign, err));
    FIRN_TRY(has_moved(&journal, &out->has_begun, err));
    firn_catalog_record_id_text(journal.safety, out->safety_id);
    rc = fill_checkpoint(ws, opened, journal.target, out, err);
out:
    firn_catalog_journal_deinit(&journal);
    return rc;
}

static int
look_once(struct firn_ws *ws, firn_workspace_pending_restore *out, uint8_t *tag, firn_error *err)
{
    *out = (firn_workspace_pending_restore)FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = look(ws, &opened, out, tag, err);
    DCHECK(!out->is_pending || !out->is_running);
    return firn_ws_opened_close(ws, &opened, rc, err);
}

/* When a restore ends meanwhile, the journal may be read before its end and the lock tested after
 * it. So a journal that looks interrupted is read again until two reads see the same one (I5). */
int
firn_ws_restore_pending(struct firn_ws *ws, firn_workspace_pending_restore *out, firn_error *err)
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

static int
choose(struct firn_ws_restoring *restoring, const struct request *request, firn_error *err)
{
    const struct firn_catalog_journal *journal = &restoring->journal;
    bool is_pending_undo = journal->is_undo && !journal->is_redo;
    int rc;
    take_paths(restoring, restoring->options->paths, restoring->options->path_count);
    restoring->is_forward = request->operation == REDO;
    switch (request->operation) {
    case RESTORE:
        rc = firn_ws_find_record(restoring->ws, restoring->opened, request->reference,
                                 &restoring->record, err);
        if (rc == FIRN_OK) {
            go_on_with_pending(restoring);
        }
        return rc;
    case RESUME:
        return pending_choose(restoring, true, err);
    default:
        break;
    }
    if (firn_catalog_journal_is_pending(journal)) {
        return pending_choose(restoring, restoring->is_forward ? !is_pending_undo : is_pending_undo,
                              err);
    }
    return request->operation == TAKE_BACK ? choose_take_back(restoring, err)
                                           : firn_ws_line_choose(restoring, err);
}

static int
once(struct firn_ws_restoring *restoring, firn_error *err)
{
    bool differs = true;
    if (restoring->facts_at != 0) {
        int rc = firn_ws_facts_take(restoring, &differs, err);
        if (rc != FIRN_OK || !differs) {
            return rc == FIRN_OK && restoring->options->dry_run
                       ? foretell_store(restoring->opened, err)
                       : rc;
        }
    }
    return restoring->options->dry_run ? dry_run(restoring, err)
                                       : firn_ws_restore_in_place(restoring, err);
}

/* A step to a state that is the same as the present one goes on to the next. */
static int
restore_in_place(struct firn_ws_restoring *restoring, firn_error *err)
{
    int rc = once(restoring, err);
    while (rc == FIRN_OK && restoring->is_step && restoring->is_idle && restoring->has_next &&
           (restoring->is_clean || !restoring->has_here) && restoring->options->path_count == 0) {
        firn_ws_given_release(restoring->ws);
        restoring->result->checkpoint = NULL;
        rc = firn_ws_line_choose_next(restoring, err);
        rc = rc == FIRN_OK ? firn_ws_restore_set_filter(restoring, err) : rc;
        rc = rc == FIRN_OK ? once(restoring, err) : rc;
    }
    return rc;
}

static int
run(struct firn_ws_restoring *restoring, const struct request *request, firn_error *err)
{
    bool only_reads = restoring->options->dry_run || restoring->options->to_dir != NULL;
    int rc;
    if (restoring->opened->db != NULL) {
        FIRN_TRY(pending_read(restoring, request->operation != RESTORE, err));
    }
    FIRN_TRY(choose(restoring, request, err));
    FIRN_TRY(firn_ws_restore_set_filter(restoring, err));
    if (!restoring->is_step || restoring->options->to_dir != NULL) {
        FIRN_TRY(firn_ws_given_checkpoint(restoring->ws, &restoring->record,
                                          &restoring->result->checkpoint, err));
    }
    if (only_reads) {
        rc = restoring->options->to_dir != NULL ? into_directory(restoring, err)
                                                : restore_in_place(restoring, err);
        goto out;
    }
    if (firn_catalog_journal_is_pending(&restoring->journal)) {
        FIRN_TRY(pending_rest(restoring, err));
    }
    rc = request->operation == RESTORE && restoring->filter.count > 0
             ? firn_ws_paths_restore(restoring, err)
             : restore_in_place(restoring, err);
out:
    firn_tree_filter_deinit(&restoring->filter);
    firn_ws_line_deinit(restoring);
    firn_catalog_journal_deinit(&restoring->journal);
    return rc;
}

static int
restore(struct firn_ws *ws, const struct request *request,
        const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
        firn_error *err)
{
    *out = (firn_workspace_restore_result)FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    struct firn_ws_opened opened;
    struct firn_ws_restoring restoring = {.ws = ws,
                                          .opened = &opened,
                                          .options = options,
                                          .result = out,
                                          .begun_ns = firn_os_monotonic_ns(ws->os)};
    bool only_reads = options->dry_run || options->to_dir != NULL;
    int rc = options->to_dir != NULL ? firn_ws_opened_open_store(ws, FIRN_WS_READ, &opened, err)
                                     : firn_ws_restore_open_store(ws, only_reads, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(only_reads || !firn_db_is_read_only(opened.db));
    /* A restore of some paths only: a pending restore is finished first. */
    if (!only_reads && request->operation == RESTORE && options->path_count > 0) {
        rc =
            firn_ws_restore_pending_finish(ws, &opened, options->threads, &options->callbacks, err);
        restoring.was_foreign_told = true;
    }
    if (rc == FIRN_OK) {
        rc = run(&restoring, request, err);
    }
    if (options->to_dir == NULL) {
        firn_place_git_read(ws->os, ws->place.root, &out->git);
    }
    if (rc == FIRN_OK && !only_reads) {
        /* Housekeeping: what could not be deleted now expires again at the next restore. */
        struct firn_reclaim_expire_counts expired;
        struct firn_reclaim_expire_rule rule = {.workspace = opened.workspace.number,
                                                .now_ns = firn_os_now_ns(ws->os)};
        FIRN_IGNORE(firn_reclaim_expire(&opened, &rule, &expired, NULL));
    }
    /* What was restored is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc, NULL));
    return rc;
}

int
firn_ws_restore(struct firn_ws *ws, const char *reference,
                const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
                firn_error *err)
{
    const struct request request = {.operation = RESTORE, .reference = reference};
    firn_workspace_restore_options given = *options;
    for (size_t i = 0; i < given.path_count; i++) {
        if (given.paths[i].size == 0) { /* the root: everything */
            given.path_count = 0;
        }
    }
    return restore(ws, &request, &given, out, err);
}

int
firn_ws_restore_undo(struct firn_ws *ws, const firn_workspace_restore_options *options,
                     firn_workspace_restore_result *out, firn_error *err)
{
    const struct request request = {.operation = UNDO};
    return restore(ws, &request, options, out, err);
}

int
firn_ws_restore_redo(struct firn_ws *ws, const firn_workspace_restore_options *options,
                     firn_workspace_restore_result *out, firn_error *err)
{
    const struct request request = {.operation = REDO};
    return restore(ws, &request, options, out, err);
}

int
firn_ws_restore_take_back(struct firn_ws *ws, const firn_workspace_restore_options *options,
                          firn_workspace_restore_result *out, firn_error *err)
{
    const struct request request = {.operation = TAKE_BACK};
    return restore(ws, &request, options, out, err);
}

int
firn_ws_restore_resume(struct firn_ws *ws, const firn_workspace_restore_options *options,
                       firn_workspace_restore_result *out, firn_error *err)
{
    const struct request request = {.operation = RESUME};
    return restore(ws, &request, options, out, err);
}
