/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_in_place.c: bringing a workspace to the state of a checkpoint.
 *
 *   scan      the present state into the store, as a save would: the safety checkpoint, and the
 *             tree to compare with; neither has what today's or the checkpoint's rules exclude
 *   plan      and verify (checkout.c): everything that will be needed is read; if nothing on the
 *             disk will be replaced or removed, only if the store turns out to be damaged
 *   commit    the safety checkpoint and, in the same commit, the journal: PREPARED
 *   prepare   everything new, beside its place, durable
 *   commit    the journal: BEGUN
 *   finish    everything in its place, durable
 *   commit    the journal: DONE; and the undo line (ws_undo_line.c)
 *
 * The tree to restore may be made from the present state (a target: ws_revert.c). Then a check
 * between scan and seal finds out whether the tree can be made, and the first commit enters that
 * tree as a safety checkpoint too: for recovery there is no difference.
 *
 * So at every power cut the journal names the restore that may be in progress (I1), and every entry
 * is in a checkpoint before it is displaced (I2). A restore that would change nothing takes no
 * safety checkpoint and leaves the journal alone. After a failure before anything has moved, the
 * journal is set back to what it was. After a later failure it stays: the restore is pending, as
 * after a crash, and the next restore, undo or save finishes it or takes it back.
 *
 * A restore that continues a pending one also takes a safety checkpoint of what it finds. The
 * journal then names two: the new one, with which recovery compares, and that of the interrupted
 * restore, which an undo brings back.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"

struct in_place {
    struct fi_ws_restoring *restoring;
    struct fi_ws_save_request request;
    struct fi_ws_save_tree tree;
    struct fi_ws_restore_unsaved unsaved;
    struct fi_checkout_stores stores;  /* changed by the restore; no writers until it is done */
    struct fi_catalog_journal journal; /* of this restore; borrows its paths and previous */
    struct fi_buf previous;            /* what the journal held */
    struct fi_checkout *checkout;
    struct fi_ws_running running; /* for other processes */
    int64_t scanned_ns;
    char safety_message[64];
};

static bool
changes_something(const struct fi_checkout *checkout)
{
    const struct fi_checkout_counts *counts = fi_checkout_counts(checkout);
    return counts->added + counts->changed + counts->removed + counts->directories > 0;
}

/* Files are new, or of directories only metadata changes: damage that is found while the new files
 * are written costs nothing on the disk. */
static bool
only_adds(const struct fi_checkout *checkout)
{
    const struct fi_checkout_counts *counts = fi_checkout_counts(checkout);
    return counts->changed + counts->removed == 0;
}

/* ---- the journal ---- */

static int
ws_restore_in_place_join(void *ctx, struct firn_db_batch *batch,
                         const struct fi_catalog_record *safety, firn_error *err)
{
    struct in_place *in_place = ctx;
    const struct fi_ws_restoring *restoring = in_place->restoring;
    struct fi_catalog_journal *journal = &in_place->journal;
    CHECK(journal->state == FI_CATALOG_JOURNAL_PREPARED && safety->is_safety); /* (I1) */
    memcpy(journal->before, safety->id, sizeof journal->before);
    memcpy(journal->safety, restoring->undo_to != NULL ? restoring->undo_to : safety->id,
           sizeof journal->safety);
    return fi_catalog_journal_put(restoring->opened->db, batch, restoring->opened->workspace.number,
                                  journal, err);
}

/* Keeps what the journal held, without the older journal inside it. */
static int
keep_previous(struct in_place *in_place, firn_error *err)
{
    struct fi_catalog_journal found = in_place->restoring->journal;
    if (found.state == FI_CATALOG_JOURNAL_NONE) {
        return FIRN_OK;
    }
    found.previous = firn_bytes(NULL, 0);
    int rc = fi_catalog_journal_encode(&found, &in_place->previous);
    return rc == FIRN_OK ? FIRN_OK : fi_catalog_journal_encode_error(rc, err);
}

static int
begin_journal(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    struct fi_catalog_journal *journal = &in_place->journal;
    DCHECK(journal->state == FI_CATALOG_JOURNAL_NONE && journal->previous.size == 0);
    journal->state = FI_CATALOG_JOURNAL_PREPARED;
    journal->kind = restoring->kind;
    journal->paths = restoring->paths;
    journal->path_count = restoring->path_count;
    memcpy(journal->target, restoring->record.id, sizeof journal->target);
    FI_TRY_RETURN(keep_previous(in_place, err));
    journal->previous = fi_buf_slice(&in_place->previous);
    return fi_os_random(restoring->ws->os, journal->tag, sizeof journal->tag, err);
}

static int
set_state(struct in_place *in_place, enum fi_catalog_journal_state state, firn_error *err)
{
    struct fi_ws_opened *opened = in_place->restoring->opened;
    DCHECK(state == FI_CATALOG_JOURNAL_DONE ||
           (state == FI_CATALOG_JOURNAL_BEGUN &&
            in_place->journal.state == FI_CATALOG_JOURNAL_PREPARED));
    in_place->journal.state = state;
    in_place->journal.is_partial = state == FI_CATALOG_JOURNAL_DONE &&
                                   fi_checkout_counts(in_place->checkout)->not_restored > 0;
    in_place->journal.previous = firn_bytes(NULL, 0);
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_journal_put(opened->db, batch, opened->workspace.number, &in_place->journal,
                                  err));
    if (state == FI_CATALOG_JOURNAL_DONE) {
        FI_TRY(fi_ws_undo_line_put(in_place->restoring, batch, &in_place->journal, err));
    }
    FI_TRY(fi_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* Best effort: a note without a journal has no effect. */
static void
clear_note(struct in_place *in_place)
{
    FI_IGNORE(fi_ws_begun_clear(in_place->restoring->ws, in_place->restoring->opened, NULL));
}

/* Sets the journal back after a restore that came to nothing. If even that cannot be written,
 * recovery finds nothing to do. */
static void
put_journal_back(struct in_place *in_place)
{
    struct fi_ws_opened *opened = in_place->restoring->opened;
    DCHECK(in_place->journal.state != FI_CATALOG_JOURNAL_DONE);
    if (fi_checkout_is_undone(in_place->checkout) &&
        fi_catalog_journal_write_bytes(opened->db, opened->workspace.number,
                                       fi_buf_slice(&in_place->previous), NULL) == FIRN_OK &&
        !fi_catalog_journal_is_pending(&in_place->restoring->journal)) {
        clear_note(in_place);
    }
}

/* ---- the note for other processes ---- */

static void
on_step(void *ctx, const firn_progress *progress)
{
    struct in_place *in_place = ctx;
    struct fi_ws_running *running = &in_place->running;
    running->phase = progress->phase;
    running->has_begun = progress->is_finishing;
    running->done = progress->files_done;
    running->total = progress->files_total;
    fi_ws_running_report(in_place->restoring->opened->db, running);
}

static void
report_others(struct in_place *in_place)
{
    const struct fi_ws_restoring *restoring = in_place->restoring;
    in_place->running = (struct fi_ws_running){.kind = restoring->kind,
                                               .workspace = restoring->opened->workspace.number,
                                               .started_ns = fi_os_now_ns(restoring->ws->os)};
    if (restoring->kind != FI_CATALOG_JOURNAL_REVERT) {
        memcpy(in_place->running.target, restoring->record.id, sizeof in_place->running.target);
    }
    fi_ws_running_report(restoring->opened->db, &in_place->running);
}

/* ---- the steps ---- */

static int
commit_safety(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    char name[FI_WS_RESTORING_NAME_SIZE];
    const struct fi_ws_restore_target *target = restoring->target;
    fi_ws_restoring_name(&restoring->record, name);
    (void)snprintf(in_place->safety_message, sizeof in_place->safety_message, "before %s%s",
                   target != NULL ? target->doing : "restoring ", target != NULL ? "" : name);
    const struct fi_catalog_joint joint = {.join = ws_restore_in_place_join,
                                           .ctx = in_place,
                                           .also = target != NULL ? &restoring->record : NULL};
    in_place->request.message = firn_str(in_place->safety_message);
    in_place->request.joint = &joint;
    struct fi_catalog_record safety;
    /* The record being restored is in ws->record, which a commit overwrites. */
    struct fi_buf restored = restoring->ws->record;
    restoring->ws->record = (struct fi_buf){0};
    int rc = fi_ws_save_record(restoring->ws, restoring->opened, &in_place->request,
                               &in_place->tree, &safety, err);
    fi_buf_deinit(&restoring->ws->record);
    restoring->ws->record = restored;
    in_place->request.joint = NULL;
    if (rc == FIRN_OK) {
        fi_catalog_record_id_text(safety.id, restoring->result->safety_id);
    }
    return rc;
}

static int
say_kept(uint64_t kept, firn_error *err)
{
    return kept == 0
               ? FIRN_OK
               : fi_error_set(err, FIRN_CONFLICT,
                              "%llu entries were changed by other processes during the restore and "
                              "kept; everything else was restored: run it again",
                              (unsigned long long)kept);
}

/* After a failure for one damaged file: names all of them. Returns the failure. */
static int
name_damage(struct in_place *in_place, firn_error *err)
{
    firn_error all;
    if (fi_checkout_verify(in_place->checkout, &all) == FIRN_CORRUPT) {
        fi_error_copy(err, &all);
    }
    return FIRN_CORRUPT;
}

static int
change_tree(struct in_place *in_place, firn_error *err)
{
    CHECK(in_place->restoring->result->safety_id[0] != '\0'); /* (I2), (I1) of ws_pending.c */
    DCHECK(in_place->journal.state == FI_CATALOG_JOURNAL_PREPARED);
    int rc = fi_checkout_prepare(in_place->checkout, err);
    if (rc == FIRN_CORRUPT && only_adds(in_place->checkout)) {
        rc = name_damage(in_place, err);
    }
    if (rc == FIRN_OK) {
        rc = set_state(in_place, FI_CATALOG_JOURNAL_BEGUN, err);
        if (rc != FIRN_OK) {
            fi_checkout_give_up(in_place->checkout);
        }
    }
    if (rc == FIRN_OK) {
        CHECK(in_place->journal.state == FI_CATALOG_JOURNAL_BEGUN); /* (I1) */
        rc = fi_checkout_finish(in_place->checkout, err);
    }
    if (rc != FIRN_OK) {
        put_journal_back(in_place);
        return rc;
    }
    rc = set_state(in_place, FI_CATALOG_JOURNAL_DONE, err);
    if (rc == FIRN_OK) {
        clear_note(in_place);
    }
    return rc;
}

/* A pending restore had done everything except for its last commit. */
static int
close_pending(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    const struct fi_catalog_journal *found = &restoring->journal;
    const bool is_resumed = restoring->undo_to == found->safety;
    DCHECK(!changes_something(in_place->checkout));
    if (!fi_catalog_journal_is_pending(found) && !(found->is_partial && is_resumed)) {
        return FIRN_OK;
    }
    memcpy(in_place->journal.before, restoring->journal.before, sizeof in_place->journal.before);
    memcpy(in_place->journal.safety,
           restoring->undo_to != NULL ? restoring->undo_to : found->safety,
           sizeof in_place->journal.safety);
    int rc = set_state(in_place, FI_CATALOG_JOURNAL_DONE, err);
    if (rc == FIRN_OK) {
        clear_note(in_place);
    }
    return rc;
}

static int
apply_tree(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    struct fi_ws_opened *opened = restoring->opened;
    const struct fi_tree_source *trees = fi_objects_trees(opened->objects);
    int rc;
    struct fi_difference_walk_side before_side = {.source = trees,
                                                  .root = &in_place->tree.scan.root};
    struct fi_difference_walk_side after_side = {.source = trees, .root = &restoring->record.root};
    struct fi_checkout_options options = fi_ws_restoring_apply_options(
        restoring, opened->root, &before_side, &after_side, &in_place->unsaved);
    FI_TRY(fi_ws_choose_resolve(restoring, &before_side, &options, err));
    FI_TRY(begin_journal(in_place, err));
    if (restoring->target == NULL) {
        memcpy(in_place->running.target, restoring->record.id, sizeof in_place->running.target);
    }
    memcpy(options.tag, in_place->journal.tag, sizeof options.tag);
    options.scanned_ns = in_place->scanned_ns;
    in_place->stores.root = opened->root;
    in_place->stores.lock_timeout_ms = restoring->ws->lock_timeout_ms;
    FI_TRY(
        fi_checkout_stores_find(&in_place->stores, fi_buf_slice(&in_place->tree.scan.stores), err));
    options.stores = &in_place->stores;
    options.on_step = on_step;
    options.step_ctx = in_place;
    FI_TRY(fi_checkout_create(&options, &in_place->checkout, err));
    FI_TRY(fi_checkout_plan(in_place->checkout, err));
    FI_TRY(only_adds(in_place->checkout) ? FIRN_OK : fi_checkout_verify(in_place->checkout, err));
    if (changes_something(in_place->checkout)) {
        FI_TRY(fi_ws_begun_note(restoring->ws, opened, in_place->journal.tag, &restoring->journal,
                                err));
        FI_TRY(commit_safety(in_place, err));
        FI_TRY(change_tree(in_place, err));
        /* This only saves the next save some reading. */
        FI_IGNORE(
            fi_ws_refresh_statcache(opened, &in_place->request, &before_side, &after_side, NULL));
    } else {
        FI_TRY(close_pending(in_place, err));
    }
    fi_ws_restoring_report(restoring, in_place->checkout);
    rc = say_kept(fi_checkout_counts(in_place->checkout)->kept, err);
out:
    fi_checkout_destroy(in_place->checkout);
    return rc;
}

/* Makes the target, and its record: rules are those of the checkpoint that was to be restored. */
static int
make_target(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    const struct fi_ws_restore_target *target = restoring->target;
    const struct fi_ws_save_tree *tree = &in_place->tree;
    const struct fi_catalog_record from = restoring->record;
    struct fi_ws_restore_made made;
    int rc = target->make(target->ctx, tree, &made, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    restoring->record =
        (struct fi_catalog_record){.is_safety = true,
                                   .include_deps = from.include_deps,
                                   .is_narrow = from.is_narrow && !tree->has_rules,
                                   .created_ns = in_place->scanned_ns,
                                   .workspace_path = firn_str(restoring->ws->place.root),
                                   .message = target->message,
                                   .root = made.root,
                                   .files = made.counts.files,
                                   .directories = made.counts.directories,
                                   .bytes = made.counts.bytes,
                                   .added_bytes = made.added_bytes,
                                   .excluded = tree->scan.excluded,
                                   .skipped = tree->scan.skipped,
                                   .has_rules = tree->has_rules,
                                   .rules = tree->rules};
    return fi_os_random(restoring->ws->os, restoring->record.id, sizeof restoring->record.id, err);
}

/* Saves the present state in the store, and makes the target from it, if there is one. A target
 * that cannot be made leaves nothing in the store. */
static int
save_present(struct in_place *in_place, firn_error *err)
{
    struct fi_ws_restoring *restoring = in_place->restoring;
    const struct fi_ws_restore_target *target = restoring->target;
    struct fi_ws_save_tree *tree = &in_place->tree;
    DCHECK(in_place->request.is_safety && in_place->request.stored_rules != NULL);
    if (target == NULL) {
        return fi_ws_save_tree(restoring->opened, &in_place->request, tree, err);
    }
    in_place->request.is_to_be_compared = true;
    int rc = fi_ws_save_tree_scan(restoring->opened, &in_place->request, tree, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_ws_restore_unsaved_check(&in_place->unsaved, err);
    rc = rc == FIRN_OK ? target->check(target->ctx, tree, &in_place->unsaved, err) : rc;
    if (rc != FIRN_OK) {
        fi_ws_save_tree_deinit(tree);
        return rc;
    }
    rc = fi_ws_save_tree_seal(restoring->opened, tree, err);
    return rc == FIRN_OK ? make_target(in_place, err) : rc;
}

int
fi_ws_restore_in_place(struct fi_ws_restoring *restoring, firn_error *err)
{
    struct in_place in_place = {
        .restoring = restoring,
        .request = {.is_safety = true,
                    .with_repositories = restoring->options->git, /* an undo brings back both */
                    .threads = restoring->options->threads},
        .scanned_ns = fi_os_now_ns(restoring->ws->os)};
    fi_ws_restore_unsaved_init(&in_place.unsaved, &restoring->options->callbacks,
                               &in_place.request.callbacks);
    const struct fi_ws_rules_today today = fi_ws_restoring_today(restoring);
    struct fi_ws_rules rules = {0};
    int rc;
    CHECK(!restoring->options->dry_run && restoring->options->to_dir == NULL);
    DCHECK(restoring->opened->workspace.number != 0);
    report_others(&in_place);
    if (restoring->step == NULL) {
        FI_TRY(fi_ws_undo_line_load(restoring, err));
    }
    FI_TRY(fi_ws_rules_load_today(restoring->opened, &restoring->record,
                                  restoring->target != NULL ? restoring->target->also_rules
                                                            : fi_ws_undo_line_here(restoring),
                                  &today, &rules, err));
    in_place.request.include_deps = rules.include_deps;
    in_place.request.gitignore = rules.gitignore;
    in_place.request.file_size_max = rules.file_size_max;
    in_place.request.stored_rules = &rules.sets;
    FI_TRY(save_present(&in_place, err));
    FI_TRY(fi_ws_restore_unsaved_check(&in_place.unsaved, err));
    FI_TRY(apply_tree(&in_place, err));
out:
    fi_ws_rules_deinit(&rules);
    fi_scan_result_deinit(&in_place.tree.scan);
    fi_ws_restore_unsaved_deinit(&in_place.unsaved);
    fi_checkout_stores_deinit(&in_place.stores);
    fi_buf_deinit(&in_place.previous);
    return rc;
}
