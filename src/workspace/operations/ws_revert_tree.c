/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_revert_tree.c: the tree that a revert restores: checking that it can be made, and
 * making it.
 *
 *   check   the merge in memory (difference_merge.c): its conflicts, and whether hard links stay
 *           true; with conflicts the revert ends here, and nothing was written anywhere (I1)
 *   make    the same merge again, into a new pack. The result is the same (I2; tested, not
 *           asserted), because what it reads is verified by the hashes from the scan. Only where
 *           rules leave something out is the disk read again, and may have changed: then the root
 *           differs, and that is a conflict
 *
 * The pack of the scan is durably in the list of packs before another pack is made (I3; not
 * checked: only a power cut shows it). So a crash leaves at most one pack that the list does not
 * have (objects_leftovers.c).
 *
 * The resulting tree is a safety checkpoint, committed together with that of the present state
 * (ws_restore_in_place.c). A dry run is the check and the plan of a restore; contents made by the
 * merge are in no store then and need no verifying.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

_Static_assert((int)FI_DIFFERENCE_MERGE_CONTENT_SIZE_MAX <= (int)FI_SCAN_LARGE_SIZE,
               "what is merged is a whole object");

static uint64_t
content_hash(const void *record)
{
    return fi_load_le64(((const firn_hash *)record)->bytes);
}

static bool
content_equal(const void *record, const void *key)
{
    return fi_hash_equal(record, key);
}

/* ---- the options of the merge ---- */

static int
report_conflict(void *ctx, const firn_workspace_revert_conflict *conflict, firn_error *err)
{
    struct fi_ws_revert *revert = ctx;
    const firn_workspace_revert_options *options = revert->options;
    revert->result->conflicts++;
    if (options->on_conflict == NULL) {
        return FIRN_OK;
    }
    return fi_error_stopped(err, options->on_conflict(options->callbacks.ctx, conflict));
}

static int
report_left_alone(void *ctx, firn_slice path, firn_error *err)
{
    struct fi_ws_revert *revert = ctx;
    const firn_callbacks *callbacks = &revert->options->callbacks;
    (void)err;
    revert->result->left_alone++;
    if (callbacks->on_notice != NULL) {
        const firn_notice notice = {.kind = FIRN_NOTICE_EXCLUDED,
                                    .path = path,
                                    .text = "left out by a rule, so it is left as it is"};
        fi_os_callback_notice(callbacks, &notice);
    }
    return FIRN_OK;
}

static void
report_reserved(void *ctx, firn_slice path, const char *reason)
{
    struct fi_ws_revert *revert = ctx;
    const firn_callbacks *callbacks = &revert->options->callbacks;
    char text[128];
    revert->result->incomplete++;
    if (callbacks->on_notice != NULL) {
        (void)snprintf(text, sizeof text, "never restored: it %s", reason);
        const firn_notice notice = {.kind = FIRN_NOTICE_RESERVED, .path = path, .text = text};
        fi_os_callback_notice(callbacks, &notice);
    }
}

static int
ignore_conflict(void *ctx, const firn_workspace_revert_conflict *conflict, firn_error *err)
{
    (void)ctx;
    (void)conflict;
    return fi_error_set(err, FIRN_CONFLICT, "the workspace was changed meanwhile: run it again");
}

static int
ignore_left_alone(void *ctx, firn_slice path, firn_error *err)
{
    (void)ctx;
    (void)path;
    (void)err;
    return FIRN_OK;
}

static bool
is_at_hand(void *ctx, const firn_hash *content)
{
    const struct fi_ws_revert *revert = ctx;
    return fi_hash_map_find(&revert->made, fi_load_le64(content->bytes), content) != NULL;
}

/* Keeps directories, to be read back, and only the hashes of file contents. */
static int
put_in_memory(void *ctx, const struct fi_objects_object *object, firn_error *err)
{
    struct fi_ws_revert *revert = ctx;
    DCHECK(revert->session == NULL && revert->merged != NULL); /* (I1) */
    if (object->kind == FI_PACK_TREE) {
        return fi_objects_treesink_hold(revert->merged, &object->hash, object->content, err);
    }
    if (!is_at_hand(revert, &object->hash) &&
        fi_hash_map_insert(&revert->made, fi_load_le64(object->hash.bytes), &object->hash) ==
            NULL) {
        return fi_error_no_memory(err, "the files of a merge");
    }
    return FIRN_OK;
}

static int
put_in_pack(void *ctx, const struct fi_objects_object *object, firn_error *err)
{
    bool is_new;
    struct fi_ws_revert *revert = ctx;
    DCHECK(revert->session != NULL);
    return fi_objects_session_lane_add(revert->lane, object, &is_new, err);
}

static struct fi_difference_merge_options
merge_options(struct fi_ws_revert *revert, const struct fi_tree_source *ours,
              const struct fi_tree_entry *root)
{
    struct fi_ws_restoring *restoring = &revert->restoring;
    return (struct fi_difference_merge_options){
        .base = {.source = revert->trees, .root = &revert->after.root},
        .ours = {.source = ours, .root = root},
        .theirs = {.source = revert->trees, .root = &revert->before.root},
        .filter = revert->filter.count > 0 ? &revert->filter : NULL,
        .objects = restoring->opened->objects,
        .disk = restoring->opened->root,
        .now_ns = revert->now_ns,
        .put = put_in_memory,
        .on_conflict = report_conflict,
        .on_left_alone = report_left_alone,
        .on_reserved = report_reserved,
        .ctx = revert};
}

/* ---- check ---- */

static int
find_in(struct fi_ws_revert *revert, const struct fi_catalog_record *record, firn_slice path,
        bool *out, firn_error *err)
{
    struct fi_tree_lookup lookup;
    const struct fi_tree_entry *entry;
    fi_tree_lookup_init(&lookup, revert->trees, &record->root.hash);
    int rc = fi_tree_lookup_find(&lookup, path, &entry, err);
    *out = rc == FIRN_OK && entry != NULL;
    fi_tree_lookup_deinit(&lookup);
    return rc;
}

/* Checks that every requested path is in one of the checkpoints and may be written. */
static int
check_paths(struct fi_ws_revert *revert, firn_error *err)
{
    const struct fi_tree_filter *filter = &revert->filter;
    for (size_t i = 0; i < filter->count; i++) {
        firn_slice path = filter->paths[i];
        bool is_found = false;
        const char *reason = fi_tree_reserved_path(path);
        if (reason != NULL) {
            return fi_error_set(err, FIRN_INVALID, "'%.*s' is never restored: it %s",
                                (int)(path.size < 512 ? path.size : 512), (const char *)path.data,
                                reason);
        }
        int rc = find_in(revert, &revert->after, path, &is_found, err);
        if (rc == FIRN_OK && !is_found) {
            rc = find_in(revert, &revert->before, path, &is_found, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        if (!is_found) {
            return fi_error_set(err, FIRN_NOT_FOUND, "'%.*s' is in neither of the checkpoints",
                                (int)(path.size < 256 ? path.size : 256), (const char *)path.data);
        }
    }
    return FIRN_OK;
}

/* Merges in memory; ours is the disk. */
static int
check_merge(struct fi_ws_revert *revert, const struct fi_tree_source *ours,
            const struct fi_tree_entry *root, firn_error *err)
{
    firn_workspace_revert_result *result = revert->result;
    const struct fi_difference_merge_options options = merge_options(revert, ours, root);
    int rc;
    DCHECK(revert->merged == NULL && result->conflicts == 0);
    FI_TRY(check_paths(revert, err));
    FI_TRY(fi_objects_treesink_create(revert->restoring.ws->os, &revert->merged, err));
    FI_TRY(fi_difference_merge(&options, &revert->merge, err));
    revert->merged_source = fi_objects_treesink_source(revert->merged, ours);
    if (result->conflicts == 0) {
        const struct fi_difference_walk_side tree = {.source = &revert->merged_source,
                                                     .root = &revert->merge.root};
        FI_TRY(
            fi_difference_merge_links_check(&tree, report_conflict, revert, &revert->counts, err));
    }
    result->merged = revert->merge.lines_merged;
    if (result->conflicts > 0) {
        rc = fi_error_set(err, FIRN_CONFLICT,
                          "%llu path%s changed since in a way that cannot be merged: nothing was "
                          "changed",
                          (unsigned long long)result->conflicts,
                          result->conflicts == 1 ? " was" : "s were");
    }
out:
    return rc;
}

static int
ws_revert_tree_check(void *ctx, struct fi_ws_save_tree *tree, struct fi_ws_restore_unsaved *unsaved,
                     firn_error *err)
{
    (void)unsaved;
    struct fi_ws_revert *revert = ctx;
    struct fi_tree_source ours = fi_ws_save_tree_source(tree, revert->trees);
    return check_merge(revert, &ours, &tree->scan.root, err);
}

/* ---- make ---- */

static int
make_objects(struct fi_ws_revert *revert, const struct fi_difference_merge_options *options,
             struct fi_difference_merge_result *out, firn_error *err)
{
    int rc = fi_objects_session_lane_open(revert->session, &revert->lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_difference_merge(options, out, err);
    int close_rc =
        fi_objects_session_lane_close(revert->lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    return rc == FIRN_OK ? close_rc : rc;
}

static int
ws_revert_tree_make(void *ctx, const struct fi_ws_save_tree *tree, struct fi_ws_restore_made *out,
                    firn_error *err)
{
    struct fi_ws_revert *revert = ctx;
    struct fi_ws_restoring *restoring = &revert->restoring;
    struct fi_difference_merge_options options =
        merge_options(revert, revert->trees, &tree->scan.root);
    struct fi_difference_merge_result merged;
    int rc;
    CHECK(revert->result->conflicts == 0); /* (I1) */
    DCHECK(tree->session == NULL && revert->session == NULL);
    options.put = put_in_pack;
    options.on_conflict = ignore_conflict;
    options.on_left_alone = ignore_left_alone;
    options.on_reserved = NULL;
    FI_TRY(fi_db_log_sync(restoring->opened->db, err)); /* (I3) */
    FI_TRY(fi_objects_session_begin(restoring->opened->objects, FI_OBJECTS_SESSION_LEVEL,
                                    &revert->session, err));
    FI_TRY(make_objects(revert, &options, &merged, err));
    if (!fi_hash_equal(&merged.root.hash, &revert->merge.root.hash)) {
        rc = fi_error_set(err, FIRN_CONFLICT, /* (I2) */
                          "the workspace was changed meanwhile: run it again");
        goto out;
    }
    *out = (struct fi_ws_restore_made){.root = revert->merge.root, .counts = revert->counts};
    rc = fi_objects_session_commit(revert->session, &out->added_bytes, err);
out:
    fi_objects_session_end(revert->session);
    revert->session = NULL;
    return rc;
}

/* ---- a dry run ---- */

static int
choose_merged(void *ctx, const struct fi_ws_compare *compare, struct fi_checkout_options *options,
              firn_error *err)
{
    struct fi_ws_revert *revert = ctx;
    int rc = check_merge(revert, &compare->now, &compare->scan.root, err);
    revert->restoring.record.files = revert->counts.files;
    options->after = (struct fi_difference_walk_side){.source = &revert->merged_source,
                                                      .root = &revert->merge.root};
    options->is_at_hand = is_at_hand;
    options->at_hand = revert;
    return rc;
}

int
fi_ws_revert_tree(struct fi_ws_revert *revert, firn_error *err)
{
    const struct fi_ws_restore_target target = {.also_rules = &revert->before,
                                                .doing = revert->doing,
                                                .message = firn_str(revert->doing),
                                                .check = ws_revert_tree_check,
                                                .make = ws_revert_tree_make,
                                                .ctx = revert};
    fi_hash_map_init(&revert->made, sizeof(firn_hash), content_hash, content_equal);
    if (revert->options->dry_run) {
        const struct fi_ws_restore_dry dry = {.record = &revert->after,
                                              .second = &revert->before,
                                              .choose = choose_merged,
                                              .ctx = revert};
        return fi_ws_restore_dry_run(&revert->restoring, &dry, err);
    }
    DCHECK(revert->restoring.target == NULL && revert->before.order < revert->after.order);
    revert->restoring.record = revert->after;
    revert->restoring.target = &target;
    int rc = fi_ws_restore_in_place(&revert->restoring, err);
    revert->restoring.target = NULL;
    return rc;
}
