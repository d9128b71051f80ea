/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_save.c: saving the present state of a workspace as a checkpoint.
 *
 *   scan     every file is read and hashed; what the store does not have goes into a new pack
 *            (ws_scan*.c)
 *   seal     the pack and its directory are durable, the index learns of it (ws_session.c)
 *   commit   one commit with full durability names the tree: from here on the checkpoint exists
 *            (ws_catalog.c)
 *   compare  with the checkpoint before, for what the caller is told
 *
 * The two halves, tree and record, are functions of their own, because a restore takes its safety
 * checkpoint in the same way but looks at the tree before it decides whether a record is worth
 * making.
 *
 * A failure before the commit leaves no checkpoint; what was written is removed (ws.c). The
 * comparison comes after the commit and cannot fail the save: if an old tree is damaged, that is
 * reported by a notice.
 */
#include "base/check.h"
#include "codec/blake3_hash.h"
#include "workspace/ws_internal.h"
#include "workspace/ws_restore_internal.h"

enum { COMPRESSION_LEVEL = 1, SCRATCH_FRAMES = 4 };

/* ---- the sink of a scan: a session ---- */

static int
sink_lane_open(void *ctx, void **out_lane, firn_error *err)
{
    struct firn_ws_session_lane *lane;
    int rc = firn_ws_session_lane_open(ctx, &lane, err);
    *out_lane = lane;
    return rc;
}

static int
sink_lane_close(void *ctx, void *lane, bool keep, firn_error *err)
{
    (void)ctx;
    return firn_ws_session_lane_close(lane, keep, err);
}

static int
sink_contains(void *ctx, const firn_hash *hash, bool *out, firn_error *err)
{
    return firn_ws_session_contains(ctx, hash, out, err);
}

static int
sink_add(void *lane, enum firn_packfile_kind kind, const firn_hash *hash, firn_slice content,
         bool *out_is_new, firn_error *err)
{
    return firn_ws_session_lane_add(lane, kind, hash, content, out_is_new, err);
}

/* ---- the tree ---- */

static int
pack_record(void *ctx, firn_slice bytes, firn_error *err)
{
    firn_hash hash;
    firn_blake3_hash_of(bytes.data, bytes.size, &hash);
    bool is_new;
    return firn_ws_session_lane_add(ctx, FIRN_PACKFILE_RECORD, &hash, bytes, &is_new, err);
}

/* Records of earlier checkpoints that stand in no pack yet join this one, if there is going to
 * be one. */
static int
pack_records(struct firn_ws_opened *opened, struct firn_ws_session *session, bool *out_packed,
             firn_error *err)
{
    *out_packed = false;
    if (firn_ws_session_object_count(session) == 0) {
        return FIRN_OK;
    }
    struct firn_ws_session_lane *lane;
    int rc = firn_ws_session_lane_open(session, &lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_catalog_unpacked(opened->catalog, pack_record, lane, err);
    int close_rc = firn_ws_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    *out_packed = rc == FIRN_OK;
    return rc;
}

int
firn_ws_save_tree(struct firn_ws_opened *opened, const struct firn_ws_save_request *request,
                  struct firn_ws_save_tree *out, firn_error *err)
{
    *out = (struct firn_ws_save_tree){0};
    struct firn_ws_scan_options options = firn_ws_scan_options_of(
        opened, request->include_deps, request->strict, request->threads, &request->callbacks);
    struct firn_ws_session *session = NULL;
    int rc;
    FIRN_TRY(firn_ws_session_begin(opened->objects, COMPRESSION_LEVEL, &session, err));
    struct firn_ws_sink sink = {.lane_open = sink_lane_open,
                                .lane_close = sink_lane_close,
                                .contains = sink_contains,
                                .add = sink_add,
                                .wants_content = true,
                                .ctx = session};
    FIRN_TRY(firn_ws_scan(opened->root, &options, &sink, &out->scan, err));
    FIRN_TRY(pack_records(opened, session, &out->records_were_packed, err));
    FIRN_TRY(firn_ws_session_commit(session, &out->added_bytes, err));
out:
    firn_ws_session_end(session);
    return rc;
}

/* ---- the record ---- */

static int
set_parent(struct firn_ws *ws, struct firn_ws_opened *opened, struct firn_ws_record *record,
           firn_error *err)
{
    struct firn_ws_record parent;
    int rc = firn_ws_catalog_newest(opened->catalog, opened->workspace.number, false, &ws->result,
                                    &parent, err);
    if (rc == FIRN_OK) {
        memcpy(record->parent, parent.id, sizeof record->parent);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_ws_save_record(struct firn_ws *ws, struct firn_ws_opened *opened,
                    const struct firn_ws_save_request *request,
                    const struct firn_ws_save_tree *tree, struct firn_ws_record *out,
                    firn_error *err)
{
    struct firn_ws_record record = {.is_safety = request->is_safety,
                                    .include_deps = request->include_deps,
                                    .order = opened->workspace.next_order,
                                    .number =
                                        request->is_safety ? 0 : opened->workspace.next_number,
                                    .created_ns = firn_os_now_ns(ws->os),
                                    .workspace_path = firn_str(ws->place.root),
                                    .message = request->message,
                                    .root = tree->scan.root,
                                    .files = tree->scan.files,
                                    .directories = tree->scan.directories,
                                    .bytes = tree->scan.bytes,
                                    .new_objects = tree->scan.new_objects,
                                    .added_bytes = tree->added_bytes,
                                    .excluded = tree->scan.excluded,
                                    .skipped = tree->scan.skipped};
    int rc;
    FIRN_TRY(firn_os_random(ws->os, record.id, sizeof record.id, err));
    FIRN_TRY(set_parent(ws, opened, &record, err));
    FIRN_TRY(firn_ws_catalog_commit(opened->catalog, firn_str(ws->place.catalog_root),
                                    &opened->workspace, &record, tree->records_were_packed,
                                    request->joint, err));
    *out = record;
out:
    return rc;
}

/* ---- comparing with the checkpoint before ---- */

static int
count_change(void *ctx, const struct firn_ws_diff_change *change, firn_error *err)
{
    (void)err;
    firn_save_result *result = ctx;
    bool was_file = change->before != NULL && change->before->kind != FIRN_TREE_DIR;
    bool is_file = change->after != NULL && change->after->kind != FIRN_TREE_DIR;
    result->changed += was_file && is_file ? 1 : 0;
    result->added += !was_file && is_file ? 1 : 0;
    result->removed += was_file && !is_file ? 1 : 0;
    bool only_time =
        change->kind == FIRN_WS_DIFF_CHANGED && change->what == FIRN_WS_DIFF_MTIME && !is_file;
    if (change->kind != FIRN_WS_DIFF_SAME && !only_time) {
        result->is_unchanged = false;
    }
    return FIRN_OK;
}

static int
compare_with_previous(struct firn_ws_opened *opened, const struct firn_ws_record *previous,
                      const struct firn_ws_record *record, firn_save_result *result,
                      firn_error *err)
{
    struct firn_packfile_scratch *before_scratch = NULL;
    struct firn_packfile_scratch *after_scratch = NULL;
    struct firn_ws_objects_source before;
    struct firn_ws_objects_source after;
    int rc;
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &before_scratch, err));
    FIRN_TRY(firn_packfile_scratch_create(SCRATCH_FRAMES, &after_scratch, err));
    firn_ws_objects_source_init(&before, opened->objects, before_scratch);
    firn_ws_objects_source_init(&after, opened->objects, after_scratch);
    struct firn_ws_diff_side before_side = {.source = &before.source, .root = &previous->root};
    struct firn_ws_diff_side after_side = {.source = &after.source, .root = &record->root};
    struct firn_ws_diff_options options = {0};
    result->is_unchanged = true;
    FIRN_TRY(firn_ws_diff(&before_side, &after_side, &options, count_change, result, err));
out:
    firn_packfile_scratch_destroy(before_scratch);
    firn_packfile_scratch_destroy(after_scratch);
    return rc;
}

static void
tell_damage(const firn_callbacks *callbacks, const firn_error *err)
{
    if (callbacks->on_notice != NULL) {
        firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .text = err->text};
        callbacks->on_notice(callbacks->ctx, &notice);
    }
}

/* Keeps the message in ws->result, where there is room for it, so that the public result may
 * borrow it. */
static void
keep_message(struct firn_ws *ws, firn_slice message, firn_checkpoint *checkpoint)
{
    firn_buf_clear(&ws->result);
    CHECK(firn_buf_append_slice(&ws->result, message) == FIRN_OK);
    checkpoint->message = firn_buf_slice(&ws->result);
}

static int
save_opened(struct firn_ws *ws, struct firn_ws_opened *opened,
            const struct firn_ws_save_request *request, firn_save_result *out, firn_error *err)
{
    struct firn_ws_save_tree tree = {0};
    struct firn_ws_record record;
    struct firn_ws_record previous;
    struct firn_buf previous_bytes = {0};
    int rc;
    /* Reserved now, so that nothing can fail once the checkpoint exists. */
    if (firn_buf_reserve(&ws->result, request->message.size) != FIRN_OK) {
        return firn_error_no_memory(err, "a result");
    }
    rc = firn_ws_catalog_newest(opened->catalog, opened->workspace.number, false, &previous_bytes,
                                &previous, err);
    bool has_previous = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        goto out;
    }
    FIRN_TRY(firn_ws_save_tree(opened, request, &tree, err));
    FIRN_TRY(firn_ws_save_record(ws, opened, request, &tree, &record, err));
    firn_ws_record_to_checkpoint(&record, &out->checkpoint);
    if (!has_previous) {
        out->added = record.files;
    } else {
        firn_error damage;
        out->previous = previous.number;
        if (compare_with_previous(opened, &previous, &record, out, &damage) != FIRN_OK) {
            out->is_unchanged = false;
            tell_damage(&request->callbacks, &damage);
        }
    }
    keep_message(ws, request->message, &out->checkpoint);
    rc = FIRN_OK;
out:
    firn_ws_scan_result_deinit(&tree.scan);
    firn_buf_deinit(&previous_bytes);
    return rc;
}

int
firn_ws_save(struct firn_ws *ws, const firn_save_options *options, firn_save_result *out,
             firn_error *err)
{
    *out = (firn_save_result){0};
    if (options->message.size > FIRN_WS_RECORD_MESSAGE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "a message may have at most %d bytes",
                              FIRN_WS_RECORD_MESSAGE_SIZE_MAX);
    }
    struct firn_ws_save_request request = {.message = options->message,
                                           .include_deps = options->include_deps,
                                           .strict = options->strict,
                                           .threads = options->threads,
                                           .callbacks = options->callbacks};
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open(ws, FIRN_WS_CREATE, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_restore_finish_pending(ws, &opened, options->threads, &options->callbacks, err);
    if (rc == FIRN_OK) {
        rc = save_opened(ws, &opened, &request, out, err);
    }
    /* The checkpoint is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc != FIRN_OK, NULL));
    return rc;
}
