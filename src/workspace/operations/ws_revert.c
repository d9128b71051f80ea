/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_revert.c: taking back what one checkpoint changed, and keeping what came after.
 *
 * It is a three-way merge with the roles that "git revert" gives them: the base is the checkpoint
 * that is taken back, ours is what lies on the disk, theirs is the checkpoint before. What theirs
 * differs in from the base is the change, turned round; what ours differs in is what came after.
 *
 * The disk is scanned as a restore does it, under the rules of both checkpoints and of today; what
 * any of them excludes is in none of the business. The merged tree (ws_revert_merge.c) is restored
 * as if it were a checkpoint (ws_restore_in_place.c): so a crash, an undo and somebody's edit
 * meanwhile are met with what is there for restores (I1; not checked: nothing is written here).
 *
 * Paths that are asked for are a matter of the merge: what they leave out is as it is on the disk in
 * the tree that is restored, which is restored whole.
 *
 * A range is one change: everything between two checkpoints. The older one may be any; what a
 * checkpoint changed "itself" is taken against the one before it that is still there.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "handle/ws_internal.h"
#include "operations/ws_revert_internal.h"
#include "reclaim/reclaim_expire.h"

enum { NAME_SIZE = 24 };

static uint64_t
content_hash(const void *record)
{
    return firn_load_le64(((const firn_hash *)record)->bytes);
}

static bool
content_equal(const void *record, const void *key)
{
    return firn_hash_equal(record, key);
}

/* ---- what it is about ---- */

static void
name_of(const struct firn_catalog_record *record, char out[NAME_SIZE])
{
    char id[FIRN_CHECKPOINT_ID_SIZE];
    firn_catalog_record_id_text(record->id, id);
    if (record->is_safety) {
        (void)snprintf(out, NAME_SIZE, "%.*s", FIRN_CHECKPOINT_ID_SHORT, id);
    } else {
        (void)snprintf(out, NAME_SIZE, "%llu", (unsigned long long)record->number);
    }
}

/* The checkpoint before the one that is taken back. */
static int
find_one_before(struct firn_ws_revert *revert, struct firn_buf *bytes, firn_error *err)
{
    char name[NAME_SIZE];
    int rc = firn_ws_find_previous(revert->restoring.ws, revert->restoring.opened, &revert->after,
                                   bytes, &revert->before, err);
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    name_of(&revert->after, name);
    return firn_error_set(err, FIRN_NOT_FOUND,
                          "there is no checkpoint before %s, so what it changed is not known",
                          name);
}

static int
find_both(struct firn_ws_revert *revert, struct firn_buf *after_bytes,
          struct firn_buf *before_bytes, firn_error *err)
{
    const firn_revert_options *options = revert->options;
    char after[NAME_SIZE];
    char before[NAME_SIZE];
    int rc;
    struct firn_ws *ws = revert->restoring.ws;
    struct firn_ws_opened *opened = revert->restoring.opened;
    FIRN_TRY(firn_ws_find_own(ws, opened, options->after == NULL ? "latest" : options->after,
                              after_bytes, &revert->after, err));
    FIRN_TRY(options->before == NULL ? find_one_before(revert, before_bytes, err)
                                     : firn_ws_find_own(ws, opened, options->before, before_bytes,
                                                        &revert->before, err));
    name_of(&revert->after, after);
    name_of(&revert->before, before);
    if (revert->before.order >= revert->after.order) {
        return firn_error_set(err, FIRN_INVALID, "checkpoint %s is not older than %s", before,
                              after);
    }
    if (options->before == NULL) {
        (void)snprintf(revert->doing, sizeof revert->doing, "reverting %s", after);
    } else {
        (void)snprintf(revert->doing, sizeof revert->doing, "reverting %s..%s", before, after);
    }
    firn_catalog_record_to_checkpoint(&revert->after, &revert->result->after);
    firn_catalog_record_to_checkpoint(&revert->before, &revert->result->before);
out:
    return rc;
}

/* Puts both messages where the workspace's results live. */
static int
keep_messages(struct firn_ws_revert *revert, firn_error *err)
{
    firn_checkpoint *const both[] = {&revert->result->after, &revert->result->before};
    return firn_catalog_record_checkpoints_own(both, 2, &revert->restoring.ws->result) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "the message of a checkpoint");
}

/* ---- the whole ---- */

static void
report(struct firn_ws_revert *revert)
{
    const firn_restore_result *restored = revert->restoring.result;
    firn_revert_result *result = revert->result;
    DCHECK(result->conflicts == 0);
    DCHECK(!revert->options->dry_run || restored->safety_id[0] == '\0');
    memcpy(result->safety_id, restored->safety_id, sizeof result->safety_id);
    result->added = restored->added;
    result->changed = restored->changed;
    result->removed = restored->removed;
    result->incomplete += restored->incomplete;
    result->left_alone += restored->left_alone;
    result->not_restored = restored->not_restored;
}

/* One that is pending was dealt with; what is pending still was told to be foreign. */
static int
read_journal(struct firn_ws_revert *revert, firn_error *err)
{
    struct firn_ws_restoring *restoring = &revert->restoring;
    const struct firn_ws_opened *opened = restoring->opened;
    bool is_foreign;
    int rc;
    FIRN_TRY(
        firn_catalog_journal_read(opened->db, opened->workspace.number, &restoring->journal, err));
    FIRN_TRY(
        firn_ws_begun_is_foreign(restoring->ws, opened, &restoring->journal, &is_foreign, err));
    if (is_foreign) {
        firn_catalog_journal_deinit(&restoring->journal);
    }
    DCHECK(revert->options->dry_run || !firn_catalog_journal_is_pending(&restoring->journal));
out:
    return rc;
}

static int
run(struct firn_ws_revert *revert, firn_error *err)
{
    struct firn_ws_restoring *restoring = &revert->restoring;
    struct firn_ws_opened *opened = restoring->opened;
    struct firn_buf after_bytes = {0};
    struct firn_buf before_bytes = {0};
    int rc;
    firn_hash_map_init(&revert->made, sizeof(firn_hash), content_hash, content_equal);
    FIRN_TRY(find_both(revert, &after_bytes, &before_bytes, err));
    DCHECK(revert->before.order < revert->after.order);
    FIRN_TRY(firn_tree_filter_init(&revert->filter, revert->options->paths,
                                   revert->options->path_count, err));
    revert->trees = firn_objects_trees(opened->objects);
    FIRN_TRY(read_journal(revert, err));
    FIRN_TRY(firn_ws_revert_merge(revert, err));
    report(revert);
    rc = keep_messages(revert, err);
out:
    firn_catalog_journal_deinit(&restoring->journal);
    firn_objects_treesink_destroy(revert->merged);
    firn_hash_map_deinit(&revert->made);
    firn_tree_filter_deinit(&revert->filter);
    firn_buf_deinit(&after_bytes);
    firn_buf_deinit(&before_bytes);
    return rc;
}

static int
revert_opened(struct firn_ws_revert *revert, firn_error *err)
{
    const firn_revert_options *options = revert->options;
    struct firn_ws_restoring *restoring = &revert->restoring;
    int rc = FIRN_OK;
    if (!options->dry_run) {
        rc = firn_ws_restore_pending_finish(restoring->ws, restoring->opened, options->threads,
                                            &options->callbacks, err);
    }
    if (rc == FIRN_OK) {
        rc = run(revert, err);
    }
    if (rc == FIRN_OK && !options->dry_run) {
        /* Housekeeping: what could not be deleted now expires again at the next restore. */
        struct firn_reclaim_expire_counts expired;
        struct firn_reclaim_expire_rule rule = {.workspace = restoring->opened->workspace.number,
                                                .now_ns = revert->now_ns};
        FIRN_IGNORE(firn_reclaim_expire(restoring->opened, &rule, &expired, NULL));
    }
    return rc;
}

int
firn_ws_revert(struct firn_ws *ws, const firn_revert_options *options, firn_revert_result *out,
               firn_error *err)
{
    *out = (firn_revert_result){0};
    struct firn_ws_opened opened;
    firn_restore_result restored = {0};
    const firn_restore_options restore_options = {.dry_run = options->dry_run,
                                                  .threads = options->threads,
                                                  .callbacks = options->callbacks,
                                                  .visit = options->visit,
                                                  .gitignore = options->gitignore,
                                                  .file_size_max = options->file_size_max};
    struct firn_ws_revert revert = {.options = options,
                                    .result = out,
                                    .restoring = {.ws = ws,
                                                  .opened = &opened,
                                                  .options = &restore_options,
                                                  .result = &restored,
                                                  .begun_ns = firn_os_monotonic_ns(ws->os)},
                                    .now_ns = firn_os_now_ns(ws->os)};
    int rc = firn_ws_restore_open_store(ws, options->dry_run, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = revert_opened(&revert, err);
    rc = rc == FIRN_OK && options->dry_run ? firn_ws_restore_foretell_store(&opened, err) : rc;
    if (rc != FIRN_OK) { /* what it names is gone; how much stood in the way is told */
        *out = (firn_revert_result){.conflicts = out->conflicts};
    }
    /* What was restored is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc != FIRN_OK, NULL));
    return rc;
}
