/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_save.c: saving the present state of a workspace as a checkpoint.
 *
 *   scan     what is new in the tree goes into a pack that is not sealed yet
 *   compare  with the checkpoint before, for the numbers in the result, and for callers that want
 *            no second checkpoint of the same state
 *   seal     the pack becomes durable, and is entered in the index and the stat cache
 *   commit   one commit with full durability names the tree: from here on the checkpoint exists
 *            (catalog.c)
 *   join     packs of many small saves become few (reclaim.c); if that fails, they stay
 *
 * Tree and record are made by separate functions: a restore takes its safety checkpoint in the same
 * way, but looks at the tree before it decides whether to make a record.
 *
 * While a watch runs, a save visits only what the watch does not report as unchanged, and reports
 * to the watch what it has visited (watchlink.c).
 *
 * A failure before the commit leaves no checkpoint; what was written is removed (ws.c). The
 * comparison cannot make the save fail: damage in an old tree is reported by a notice, and the tree
 * counts as changed.
 *
 * If no checkpoint is made (if_changed), the pack is dropped: directories that differ only in their
 * times are not worth a pack. The notes of the stat cache are dropped with it, unless everything
 * that they name is in the store.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "codec/blake3_hash.h"
#include "operations/operations_internal.h"
#include "reclaim/reclaim.h"
#include "statcache/statcache.h"
#include "threads/os_callback.h"
#include "watchlink/watchlink.h"

/* ---- the record ---- */

static int
set_parent(struct firn_ws *ws, struct firn_ws_opened *opened, struct firn_catalog_record *record,
           firn_error *err)
{
    struct firn_catalog_record parent;
    int rc =
        firn_catalog_newest(opened->catalog, opened->workspace.number, &ws->record, &parent, err);
    if (rc == FIRN_OK) {
        memcpy(record->parent, parent.id, sizeof record->parent);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_ws_save_record(struct firn_ws *ws, struct firn_ws_opened *opened,
                    const struct firn_ws_save_request *request,
                    const struct firn_ws_save_tree *tree, struct firn_catalog_record *out,
                    firn_error *err)
{
    struct firn_catalog_record record = {
        .is_safety = request->is_safety,
        .include_deps = request->include_deps,
        .is_narrow = !request->include_deps && !tree->has_rules,
        .order = opened->workspace.next_order,
        .number = request->is_safety ? 0 : opened->workspace.next_number,
        .created_ns = request->created_ns != 0 ? request->created_ns : firn_os_now_ns(ws->os),
        .workspace_path = firn_str(ws->place.root),
        .message = request->message,
        .turn = request->turn,
        .root = tree->scan.root,
        .files = tree->scan.files,
        .directories = tree->scan.directories,
        .bytes = tree->scan.bytes,
        .new_objects = tree->scan.new_objects,
        .added_bytes = tree->added_bytes,
        .excluded = tree->scan.excluded,
        .skipped = tree->scan.skipped,
        .has_rules = tree->has_rules,
        .rules = tree->rules};
    int rc;
    CHECK(tree->session == NULL && tree->stat == NULL); /* sealed: all objects are durable */
    DCHECK(opened->workspace.number != 0 && record.root.kind == FIRN_TREE_DIR);
    DCHECK(record.workspace_path.data[0] == '/');
    FIRN_TRY(firn_os_random(ws->os, record.id, sizeof record.id, err));
    FIRN_TRY(set_parent(ws, opened, &record, err));
    FIRN_TRY(firn_catalog_commit(opened->catalog, firn_str(ws->place.catalog_root),
                                 &opened->workspace, &record, tree->records_were_packed,
                                 request->joint, err));
    *out = record;
out:
    return rc;
}

/* ---- comparing with the checkpoint before ---- */

static int
count_change(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    (void)err;
    firn_workspace_save_result *result = ctx;
    enum firn_difference_walk_kind kind = firn_difference_walk_of_file(change);
    result->added += kind == FIRN_DIFFERENCE_WALK_ADDED;
    result->changed += kind == FIRN_DIFFERENCE_WALK_CHANGED;
    result->removed += kind == FIRN_DIFFERENCE_WALK_REMOVED;
    if (change->kind != FIRN_DIFFERENCE_WALK_SAME && !firn_difference_walk_is_dir_time(change)) {
        result->is_unchanged = false;
    }
    return FIRN_OK;
}

static int
compare_with_previous(struct firn_ws_opened *opened, const struct firn_catalog_record *previous,
                      struct firn_ws_save_tree *tree, firn_workspace_save_result *result,
                      firn_error *err)
{
    const struct firn_tree_source *stored = firn_objects_trees(opened->objects);
    struct firn_tree_source now = firn_ws_save_tree_source(tree, stored);
    struct firn_difference_walk_side before = {.source = stored, .root = &previous->root};
    struct firn_difference_walk_side after = {.source = &now, .root = &tree->scan.root};
    struct firn_difference_walk_options options = {0};
    DCHECK(tree->session != NULL && tree->fresh != NULL); /* not sealed: it is read from memory */
    result->is_unchanged = true;
    return firn_difference_walk(&before, &after, &options, count_change, result, err);
}

/* ---- the turn of an agent ---- */

struct turn {
    const firn_workspace_turn *given; /* no turn if its agent is empty */
    bool begins;
    struct firn_buf begun;   /* bytes of the turn that began */
    struct firn_buf message; /* with the first line of the prompt */
};

/* The size of the longest start of a text with at most `limit` bytes that ends between UTF-8
 * characters. */
static size_t
cut_size(firn_slice text, size_t limit)
{
    size_t size = text.size < limit ? text.size : limit;
    while (size > 0 && size < text.size && (text.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

/* The message that was given, followed by the first line of the prompt. */
static int
complete_message(struct turn *turn, firn_slice prompt, firn_slice *message, firn_error *err)
{
    enum { PROMPT_LINE_SIZE_MAX = 100 };
    static const char separator[] = ": ";
    size_t start = 0;
    size_t size = 0;
    while (start < prompt.size && strchr(" \t\r\n", prompt.data[start]) != NULL) {
        start++;
    }
    if (start == prompt.size) {
        return FIRN_OK;
    }
    prompt = firn_bytes(prompt.data + start, prompt.size - start);
    while (size < prompt.size && prompt.data[size] != '\n' && prompt.data[size] != '\r') {
        size++;
    }
    prompt.size = cut_size(firn_bytes(prompt.data, size), PROMPT_LINE_SIZE_MAX);
    if (prompt.size == 0 ||
        message->size + sizeof separator + prompt.size > FIRN_CATALOG_RECORD_MESSAGE_SIZE_MAX) {
        return FIRN_OK;
    }
    if (firn_buf_append_slice(&turn->message, *message) != FIRN_OK ||
        (message->size > 0 && firn_buf_append_str(&turn->message, separator) != FIRN_OK) ||
        firn_buf_append_slice(&turn->message, prompt) != FIRN_OK) {
        return firn_error_no_memory(err, "a message");
    }
    *message = firn_buf_slice(&turn->message);
    DCHECK(message->size <= FIRN_CATALOG_RECORD_MESSAGE_SIZE_MAX);
    return FIRN_OK;
}

static int
check_turn(const firn_workspace_turn *turn, bool begins, firn_error *err)
{
    bool is_given = begins || turn->session.size > 0 || turn->prompt.size > 0;
    if ((is_given && turn->agent.size == 0) ||
        turn->agent.size > FIRN_CATALOG_RECORD_TURN_NAME_SIZE_MAX ||
        turn->session.size > FIRN_CATALOG_RECORD_TURN_NAME_SIZE_MAX) {
        return firn_error_set(
            err, FIRN_INVALID, "a turn's agent has 1 to %d bytes, its session up to %d",
            FIRN_CATALOG_RECORD_TURN_NAME_SIZE_MAX, FIRN_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    }
    return FIRN_OK;
}

/* Fills in what the store has of the turn, and completes the message. */
static int
complete_turn(struct turn *turn, struct firn_ws_opened *opened,
              struct firn_ws_save_request *request, firn_error *err)
{
    firn_workspace_turn begun = {.number = 0};
    if (turn->given->agent.size == 0) {
        return FIRN_OK;
    }
    request->turn = *turn->given;
    request->turn.prompt.size = cut_size(turn->given->prompt, FIRN_CATALOG_RECORD_PROMPT_SIZE_MAX);
    int rc = firn_catalog_turns_get(opened->catalog, opened->workspace.number, turn->given->agent,
                                    turn->given->session, &turn->begun, &begun, err);
    /* With a damaged note only its prompt is lost; the save succeeds. */
    if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
        begun = (firn_workspace_turn){.number = 0};
    } else if (rc != FIRN_OK) {
        return rc;
    }
    if (!turn->begins && request->turn.prompt.size == 0) {
        request->turn.prompt = begun.prompt;
    }
    request->turn.number = begun.number + (turn->begins ? 1 : 0);
    return complete_message(turn, request->turn.prompt, &request->message, err);
}

static void
turn_deinit(struct turn *turn)
{
    firn_buf_deinit(&turn->begun);
    firn_buf_deinit(&turn->message);
}

/* ---- one save ---- */

struct saving {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    struct firn_ws_save_request request;
    struct turn turn;
    bool only_if_changed;
    bool has_previous;
    struct firn_catalog_record previous;
    struct firn_buf previous_bytes;
    struct firn_ws_save_tree tree;
    firn_workspace_checkpoint *made; /* room for it */
    firn_workspace_save_result *result;
};

static int
find_previous(struct saving *saving, firn_error *err)
{
    int rc = firn_catalog_newest(saving->opened->catalog, saving->opened->workspace.number,
                                 &saving->previous_bytes, &saving->previous, err);
    saving->has_previous = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
ask_watch(struct saving *saving, firn_error *err)
{
    const struct firn_watchlink_options options = {
        .tree = saving->has_previous ? &saving->previous.root.hash : NULL,
        .include_deps = saving->request.include_deps,
        .gitignore = saving->request.gitignore,
        .file_size_max = saving->request.file_size_max,
        .is_full = saving->request.is_full,
        .will_report = true};
    return firn_watchlink_begin(saving->ws, saving->opened, &options, &saving->request.watched,
                                err);
}

static void
compare(struct saving *saving)
{
    firn_workspace_save_result *result = saving->result;
    firn_error damage;
    if (!saving->has_previous) {
        result->added = saving->tree.scan.files;
        return;
    }
    result->previous = saving->previous.number;
    if (compare_with_previous(saving->opened, &saving->previous, &saving->tree, result, &damage) !=
        FIRN_OK) {
        result->is_unchanged = false;
        firn_ws_tell_damage(&saving->request.callbacks, damage.text);
    }
}

/* The tree of a save: scanned into a pack, compared, sealed.
 *
 *   scan   what has changed since the stat cache saw it is read and hashed; what the store does not
 *          have goes into a new pack (ws_scan*.c)
 *   seal   the pack and its directory become durable; the pack is entered in the index
 *          (objects_session.c), and then the new directories in the stat cache (statcache.c)
 *
 * Between the two the tree can be compared with another, and given up without a trace. Its new
 * directory objects are also kept in memory, because the pack cannot be read before it is sealed;
 * all others are in the store. Only a tree that will be compared keeps them.
 *
 * The stat cache may be wrong about the store (I1): an old directory object cannot be read or does
 * not match its entry in the cache, or the resulting root is not in the store. That is reported as
 * damage, the pack is dropped, and everything is scanned again without the cache. */

enum { SCRATCH_FRAMES = 4 };

/* ---- the sink of a scan: a session, and memory for what is not readable there yet ---- */

struct lane {
    struct firn_objects_session_lane *packed;
    struct firn_ws_save_tree *tree;
};

static int
sink_lane_open(void *ctx, void **out_lane, firn_error *err)
{
    struct firn_ws_save_tree *tree = ctx;
    DCHECK(tree->session != NULL);
    struct lane *lane = firn_alloc_zeroed(sizeof *lane);
    if (lane == NULL) {
        return firn_error_no_memory(err, "a save");
    }
    lane->tree = tree;
    int rc = firn_objects_session_lane_open(tree->session, &lane->packed, err);
    if (rc != FIRN_OK) {
        firn_free(lane);
        return rc;
    }
    *out_lane = lane;
    return FIRN_OK;
}

static int
sink_lane_close(void *ctx, void *opened, bool keep, firn_error *err)
{
    (void)ctx;
    struct lane *lane = opened;
    int rc = firn_objects_session_lane_close(lane->packed, keep, err);
    firn_free(lane);
    return rc;
}

static int
sink_contains(void *ctx, const firn_hash *hash, bool *out, firn_error *err)
{
    struct firn_ws_save_tree *tree = ctx;
    return firn_objects_session_contains(tree->session, hash, out, err);
}

static int
sink_add(void *opened, const struct firn_objects_object *object, bool *out_is_new, firn_error *err)
{
    struct lane *lane = opened;
    int rc = firn_objects_session_lane_add(lane->packed, object, out_is_new, err);
    if (rc == FIRN_OK && *out_is_new && object->kind == FIRN_PACKFILE_TREE &&
        lane->tree->fresh != NULL) {
        rc = firn_objects_treesink_hold(lane->tree->fresh, &object->hash, object->content, err);
    }
    return rc;
}

/* ---- scanning ---- */

static int
open_stat(struct firn_ws_opened *opened, bool is_blind, struct firn_ws_save_tree *tree,
          firn_error *err)
{
    struct firn_statcache_options options = {
        .objects = opened->objects, .workspace = opened->workspace.number, .is_blind = is_blind};
    return firn_statcache_open(opened->db, &options, &tree->stat, err);
}

/* (I1) */
static int
check_root(struct firn_ws_save_tree *tree, bool *out_is_there, firn_error *err)
{
    return firn_objects_session_contains(tree->session, &tree->scan.root.hash, out_is_there, err);
}

int
firn_ws_save_tree_last(struct firn_ws_opened *opened, struct firn_scan_last *out, firn_error *err)
{
    struct firn_catalog_record record;
    struct firn_buf bytes = {0};
    *out = (struct firn_scan_last){0};
    int rc = firn_catalog_newest(opened->catalog, opened->workspace.number, &bytes, &record, err);
    if (rc == FIRN_OK) {
        out->source = firn_objects_trees(opened->objects);
        out->root = record.root.hash;
    }
    firn_buf_deinit(&bytes);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* *out_is_usable is false if the cache was wrong, and *err has the reason. */
static int
scan(struct firn_ws_opened *opened, const struct firn_ws_save_request *request, bool is_blind,
     struct firn_ws_save_tree *tree, bool *out_is_usable, firn_error *err)
{
    struct firn_scan_options options = firn_ws_scan_options_of(
        opened, request->include_deps, request->strict, request->threads, &request->callbacks);
    struct firn_objects_sink sink = {.lane_open = sink_lane_open,
                                     .lane_close = sink_lane_close,
                                     .contains = sink_contains,
                                     .add = sink_add,
                                     .wants_content = true,
                                     .ctx = tree};
    options.gitignore = request->gitignore;
    options.file_size_max = request->file_size_max;
    options.stored_rules = request->stored_rules;
    bool has_root = true;
    struct firn_os_dir *given = NULL;
    int rc;
    DCHECK(tree->session == NULL && tree->stat == NULL && tree->fresh == NULL);
    *out_is_usable = true;
    if (request->tree_path != NULL) {
        FIRN_TRY(firn_os_dir_open_path(firn_db_os(opened->db), request->tree_path, &given, err));
        options.nested = NULL; /* nested stores are in the workspace's own tree */
        options.sqlite.copy = NULL;
    }
    /* A safety checkpoint has only what was there: what cannot be read is left out, so that an undo
     * leaves it alone. */
    if (!request->is_safety && given == NULL) {
        FIRN_TRY(firn_ws_save_tree_last(opened, &options.last, err));
    }
    FIRN_TRY(firn_objects_session_begin(opened->objects, FIRN_OBJECTS_SESSION_LEVEL, &tree->session,
                                        err));
    FIRN_TRY(open_stat(opened, is_blind, tree, err));
    if (request->is_to_be_compared) {
        FIRN_TRY(firn_objects_treesink_create(firn_db_os(opened->db), &tree->fresh, err));
    }
    options.stat = tree->stat;
    firn_watchlink_apply(request->watched, &options);
    rc = firn_scan(given != NULL ? given : opened->root, &options, &sink, &tree->scan, err);
    firn_objects_trees_trim(opened->objects);
    if (rc == FIRN_OK) {
        firn_watchlink_complete(request->watched, &tree->scan);
        FIRN_TRY(check_root(tree, &has_root, err));
    }
    if (!has_root) {
        rc = firn_error_set(err, FIRN_CORRUPT,
                            "the stat cache names a root directory that is not in the store");
    }
    DCHECK(rc != FIRN_OK || has_root); /* (I1) */
    *out_is_usable = has_root && !(rc != FIRN_OK && firn_statcache_is_broken(tree->stat));
    tree->has_rules = rc == FIRN_OK && tree->scan.rules.size > 0;
    if (tree->has_rules) {
        FIRN_TRY(
            firn_ws_rules_add(tree->session, firn_buf_slice(&tree->scan.rules), &tree->rules, err));
    }
out:
    firn_os_dir_close(given);
    return rc;
}

int
firn_ws_save_tree_scan(struct firn_ws_opened *opened, const struct firn_ws_save_request *request,
                       struct firn_ws_save_tree *out, firn_error *err)
{
    *out = (struct firn_ws_save_tree){0};
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    bool is_usable;
    int rc = scan(opened, request, request->is_full, out, &is_usable, err);
    if (rc == FIRN_CONFLICT && firn_watchlink_widen(request->watched)) {
        firn_ws_save_tree_deinit(out);
        rc = scan(opened, request, request->is_full, out, &is_usable, err);
    }
    if (rc != FIRN_OK && !is_usable && !request->is_full) {
        firn_ws_tell_damage(&request->callbacks, err->text);
        firn_ws_save_tree_deinit(out);
        (void)firn_watchlink_widen(request->watched);
        rc = scan(opened, request, true, out, &is_usable, err);
    }
    if (rc != FIRN_OK) {
        firn_ws_save_tree_deinit(out);
    }
    return rc;
}

void
firn_ws_save_tree_deinit(struct firn_ws_save_tree *tree)
{
    firn_scan_result_deinit(&tree->scan);
    firn_objects_session_end(tree->session);
    firn_statcache_close(tree->stat);
    firn_objects_treesink_destroy(tree->fresh);
    *tree = (struct firn_ws_save_tree){0};
}

struct firn_tree_source
firn_ws_save_tree_source(struct firn_ws_save_tree *tree, const struct firn_tree_source *stored)
{
    DCHECK(tree->fresh != NULL);
    return firn_objects_treesink_source(tree->fresh, stored);
}

/* Whether all of a scanned tree is in the store already. */
static bool
tree_is_stored(const struct firn_ws_save_tree *tree)
{
    return firn_objects_session_object_count(tree->session) == 0;
}

/* ---- sealing ---- */

static int
pack_record(void *ctx, firn_slice bytes, firn_error *err)
{
    struct firn_objects_object record = {.kind = FIRN_PACKFILE_RECORD, .content = bytes};
    bool is_new;
    firn_blake3_hash_of(bytes.data, bytes.size, &record.hash);
    return firn_objects_session_lane_add(ctx, &record, &is_new, err);
}

/* Copies the records of earlier checkpoints that are in no pack yet into this one, if there will be
 * a pack. */
static int
pack_records(struct firn_ws_opened *opened, struct firn_objects_session *session, bool *out_packed,
             firn_error *err)
{
    *out_packed = false;
    if (firn_objects_session_object_count(session) == 0) {
        return FIRN_OK;
    }
    struct firn_objects_session_lane *lane;
    int rc = firn_objects_session_lane_open(session, &lane, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_catalog_unpacked(opened->catalog, pack_record, lane, err);
    int close_rc = firn_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    *out_packed = rc == FIRN_OK;
    return rc;
}

int
firn_ws_save_tree_seal(struct firn_ws_opened *opened, struct firn_ws_save_tree *tree,
                       firn_error *err)
{
    int rc;
    DCHECK(tree->session != NULL && tree->stat != NULL);
    FIRN_TRY(pack_records(opened, tree->session, &tree->records_were_packed, err));
    FIRN_TRY(firn_objects_session_commit(tree->session, &tree->added_bytes, err));
    FIRN_TRY(firn_statcache_commit(tree->stat, err));
out:
    firn_objects_session_end(tree->session);
    firn_statcache_close(tree->stat);
    firn_objects_treesink_destroy(tree->fresh);
    tree->session = NULL;
    tree->stat = NULL;
    tree->fresh = NULL;
    return rc;
}

int
firn_ws_save_tree(struct firn_ws_opened *opened, const struct firn_ws_save_request *request,
                  struct firn_ws_save_tree *out, firn_error *err)
{
    int rc = firn_ws_save_tree_scan(opened, request, out, err);
    return rc == FIRN_OK ? firn_ws_save_tree_seal(opened, out, err) : rc;
}

/* Makes no checkpoint: the tree has one already. */
static int
return_previous(struct saving *saving, firn_error *err)
{
    int rc;
    DCHECK(saving->has_previous && saving->result->is_unchanged && !saving->result->is_made);
    FIRN_TRY(
        firn_ws_given_checkpoint(saving->ws, &saving->previous, &saving->result->checkpoint, err));
    if (tree_is_stored(&saving->tree)) {
        FIRN_TRY(firn_ws_save_tree_seal(saving->opened, &saving->tree, err));
    }
    if (firn_hash_equal(&saving->tree.scan.root.hash, &saving->previous.root.hash)) {
        firn_watchlink_tell(saving->request.watched, &saving->tree.scan);
    }
out:
    return rc;
}

/* The last point at which a save can be cancelled: the rest is short, or waits for the disk. */
static int
begin_sealing(struct saving *saving, firn_error *err)
{
    const firn_callbacks *callbacks = &saving->request.callbacks;
    const struct firn_scan_result *scan = &saving->tree.scan;
    firn_progress progress = {
        .phase = "sync", .files_done = scan->files, .bytes_done = scan->bytes};
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    if (firn_os_callback_progress(callbacks, &progress) != FIRN_OK) {
        return firn_error_set(err, FIRN_CANCELLED, "cancelled");
    }
    progress.is_finishing = true;
    (void)firn_os_callback_progress(callbacks, &progress);
    return FIRN_OK;
}

static int
make_checkpoint(struct saving *saving, firn_error *err)
{
    struct firn_catalog_record record;
    int rc;
    DCHECK(saving->tree.session != NULL && !saving->result->is_made);
    FIRN_TRY(begin_sealing(saving, err));
    FIRN_TRY(firn_ws_save_tree_seal(saving->opened, &saving->tree, err));
    FIRN_TRY(firn_ws_save_record(saving->ws, saving->opened, &saving->request, &saving->tree,
                                 &record, err));
    firn_ws_given_fill(saving->made, &record);
    saving->result->checkpoint = saving->made;
    saving->result->is_made = true;
    firn_watchlink_tell(saving->request.watched, &saving->tree.scan);
out:
    return rc;
}

static int
save_opened(struct saving *saving, firn_error *err)
{
    firn_workspace_turn turn;
    int rc;
    DCHECK(!saving->request.is_safety && saving->opened->workspace.number != 0);
    FIRN_TRY(complete_turn(&saving->turn, saving->opened, &saving->request, err));
    turn = saving->request.turn;
    if (saving->turn.begins) { /* no checkpoint has this turn yet */
        saving->request.turn = (firn_workspace_turn){.number = 0};
    }
    /* Reserved now, so that nothing can fail once the checkpoint exists. */
    FIRN_TRY(firn_ws_given_reserve(
        saving->ws, firn_ws_given_text_size(saving->request.message, &saving->request.turn),
        &saving->made, err));
    FIRN_TRY(find_previous(saving, err));
    if (saving->request.tree_path == NULL) {
        FIRN_TRY(ask_watch(saving, err));
    }
    saving->request.is_to_be_compared = saving->has_previous;
    FIRN_TRY(firn_ws_save_tree_scan(saving->opened, &saving->request, &saving->tree, err));
    compare(saving);
    FIRN_TRY(saving->only_if_changed && saving->result->is_unchanged
                 ? return_previous(saving, err)
                 : make_checkpoint(saving, err));
    if (saving->turn.begins) {
        /* Only its prompt would be missing later. */
        FIRN_IGNORE(firn_catalog_turns_put(saving->opened->catalog,
                                           saving->opened->workspace.number, &turn,
                                           firn_os_now_ns(saving->ws->os), NULL));
    }
out:
    firn_ws_save_tree_deinit(&saving->tree);
    firn_watchlink_end(saving->request.watched);
    turn_deinit(&saving->turn);
    firn_buf_deinit(&saving->previous_bytes);
    return rc;
}

/* Housekeeping: what could not be deleted now expires again at the next save. */
static void
expire(struct firn_ws_opened *opened, const struct firn_catalog_keep *keep,
       firn_workspace_save_result *out)
{
    struct firn_reclaim_expire_counts expired;
    struct firn_reclaim_expire_rule rule = {.workspace = opened->workspace.number,
                                            .now_ns = firn_os_now_ns(firn_db_os(opened->db)),
                                            .keep = keep};
    if (keep != NULL && firn_reclaim_expire(opened, &rule, &expired, NULL) == FIRN_OK) {
        out->expired = expired.checkpoints;
    }
}

int
firn_ws_save(struct firn_ws *ws, const firn_workspace_save_options *options,
             firn_workspace_save_result *out, firn_error *err)
{
    *out = (firn_workspace_save_result)FIRN_WORKSPACE_SAVE_RESULT_INIT;
    if (options->message.size > FIRN_CATALOG_RECORD_MESSAGE_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "a message may have at most %d bytes",
                              FIRN_CATALOG_RECORD_MESSAGE_SIZE_MAX);
    }
    int rc = check_turn(&options->turn, options->turn_begins, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_ws_opened opened;
    struct saving saving = {.ws = ws,
                            .opened = &opened,
                            .request = {.message = options->message,
                                        .include_deps = options->include_deps,
                                        .gitignore = options->gitignore,
                                        .file_size_max = options->file_size_max,
                                        .strict = options->strict,
                                        .is_full = options->full,
                                        .threads = options->threads,
                                        .tree_path = options->tree_path,
                                        .created_ns = options->created_ns,
                                        .callbacks = options->callbacks},
                            .turn = {.given = &options->turn, .begins = options->turn_begins},
                            .only_if_changed = options->if_changed,
                            .result = out};
    struct firn_catalog_keep keep;
    rc = options->keep == NULL ? FIRN_OK
                               : firn_catalog_keep_read(firn_str(options->keep), &keep, err);
    if (rc == FIRN_OK) {
        rc = firn_ws_opened_open(ws, FIRN_WS_CREATE, &opened, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_restore_pending_finish(ws, &opened, options->threads, &options->callbacks, err);
    struct firn_catalog_told told = {.db = NULL};
    const struct firn_catalog_joint joint = {.join = firn_catalog_told_join, .ctx = &told};
    if (rc == FIRN_OK && options->marks_told) {
        rc = firn_catalog_told_init(&told, opened.db, opened.workspace.number, &options->callbacks,
                                    &saving.request.callbacks, err);
        saving.request.joint = &joint;
    }
    if (rc == FIRN_OK) {
        rc = save_opened(&saving, err);
    }
    firn_catalog_told_deinit(&told);
    if (rc == FIRN_OK && out->is_made) {
        expire(&opened, options->keep == NULL ? NULL : &keep, out);
        FIRN_IGNORE(firn_reclaim_join(ws, &opened, &options->callbacks, NULL));
        FIRN_IGNORE(firn_catalog_due_ask(opened.db, opened.objects, &out->gc_is_due, NULL));
    }
    /* The checkpoint is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc, NULL));
    return rc;
}
