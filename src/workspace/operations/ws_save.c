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
 *   join     packs of many small saves become few (gc_join.c); if that fails, they stay
 *
 * Tree (ws_save_tree.c) and record (ws_save_record.c) are made by separate functions: a restore
 * takes its safety checkpoint in the same way, but looks at the tree before it decides whether to
 * make a record.
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
#include "catalog/catalog_undo_line.h"
#include "gc/gc.h"
#include "operations/operations_internal.h"
#include "threads/os_callback.h"
#include "watchlink/watchlink.h"

/* ---- comparing with the checkpoint before ---- */

struct counting {
    firn_workspace_save_result *result;
    struct fi_catalog_names *names;
};

static int
count_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    (void)err;
    const struct counting *counting = ctx;
    firn_workspace_save_result *result = counting->result;
    enum fi_difference_walk_kind kind = fi_difference_walk_of_file(change);
    result->added += kind == FI_DIFFERENCE_WALK_ADDED;
    result->changed += kind == FI_DIFFERENCE_WALK_CHANGED;
    result->removed += kind == FI_DIFFERENCE_WALK_REMOVED;
    if (change->kind != FI_DIFFERENCE_WALK_SAME && !fi_difference_walk_is_dir_time(change)) {
        result->is_unchanged = false;
        fi_catalog_names_add(counting->names, change->path);
    }
    if (change->is_entered) {
        fi_catalog_names_add_dir(counting->names, change->path);
    }
    return FIRN_OK;
}

static int
compare_with_previous(struct fi_ws_opened *opened, const struct fi_catalog_record *previous,
                      struct fi_ws_save_tree *tree, struct counting *counting, firn_error *err)
{
    const struct fi_tree_source *stored = fi_objects_trees(opened->objects);
    struct fi_tree_source now = fi_ws_save_tree_source(tree, stored);
    struct fi_difference_walk_side before = {.source = stored, .root = &previous->root};
    struct fi_difference_walk_side after = {.source = &now, .root = &tree->scan.root};
    struct fi_difference_walk_options options = {0};
    DCHECK(tree->session != NULL && tree->fresh != NULL); /* not sealed: it is read from memory */
    counting->result->is_unchanged = true;
    return fi_difference_walk(&before, &after, &options, count_change, counting, err);
}

/* ---- the turn of an agent ----
 *
 * A checkpoint has the turn that ended with it. The agent says that a turn is over, unless a person
 * has interrupted it: such a turn ends when the next one of its session begins, and the checkpoint
 * before that one is the interrupted turn's, unless it was undone. */

struct turn {
    const firn_workspace_turn *given; /* no turn if its agent is empty */
    bool begins;
    bool continues;                      /* it neither begins nor ends with this checkpoint */
    struct fi_buf begun;                 /* bytes of the turn that began */
    struct fi_catalog_turns_noted noted; /* that turn */
    struct fi_buf message;               /* with the first line of the prompt */
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
        message->size + sizeof separator + prompt.size > FI_CATALOG_RECORD_MESSAGE_SIZE_MAX) {
        return FIRN_OK;
    }
    if (fi_buf_append_slice(&turn->message, *message) != FIRN_OK ||
        (message->size > 0 && fi_buf_append_str(&turn->message, separator) != FIRN_OK) ||
        fi_buf_append_slice(&turn->message, prompt) != FIRN_OK) {
        return fi_error_no_memory(err, "a message");
    }
    *message = fi_buf_slice(&turn->message);
    DCHECK(message->size <= FI_CATALOG_RECORD_MESSAGE_SIZE_MAX);
    return FIRN_OK;
}

static int
check_turn(const firn_workspace_turn *turn, bool begins, firn_error *err)
{
    bool is_given = begins || turn->session.size > 0 || turn->prompt.size > 0;
    if ((is_given && turn->agent.size == 0) ||
        turn->agent.size > FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX ||
        turn->session.size > FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX) {
        return fi_error_set(
            err, FIRN_INVALID, "a turn's agent has 1 to %d bytes, its session up to %d",
            FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX, FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX);
    }
    return FIRN_OK;
}

static int
check_run(const firn_workspace_run *run, firn_error *err)
{
    return run->command.size == 0 || run->exit_code <= FI_CATALOG_RECORD_EXIT_CODE_MAX
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID, "an exit code is at most %d, not %llu",
                              FI_CATALOG_RECORD_EXIT_CODE_MAX, (unsigned long long)run->exit_code);
}

/* Completes a turn by what the store has of it, and the message. */
static int
complete_turn(struct turn *turn, struct fi_ws_opened *opened, firn_workspace_turn *out,
              firn_slice *message, firn_error *err)
{
    struct fi_catalog_turns_noted *noted = &turn->noted;
    *out = *turn->given;
    if (turn->given->agent.size == 0) {
        return FIRN_OK;
    }
    out->prompt.size = cut_size(turn->given->prompt, FI_CATALOG_RECORD_PROMPT_SIZE_MAX);
    int rc = fi_catalog_turns_get(opened->catalog, opened->workspace.number, turn->given->agent,
                                  turn->given->session, &turn->begun, noted, err);
    /* With a damaged note only its prompt is lost; the save succeeds. */
    if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
        *noted = (struct fi_catalog_turns_noted){.is_over = true};
    } else if (rc != FIRN_OK) {
        return rc;
    }
    if (turn->begins && turn->continues) {
        turn->begins = noted->turn.agent.size == 0 || noted->is_over;
        turn->continues = !turn->begins;
    }
    if (!turn->begins && out->prompt.size == 0) {
        out->prompt = noted->turn.prompt;
    }
    out->number = noted->turn.number + (turn->begins ? 1 : 0);
    return complete_message(turn, out->prompt, message, err);
}

/* Whether the turn before the one that begins was interrupted, and not undone since. */
static int
was_interrupted(const struct turn *turn, struct fi_ws_opened *opened, bool *out, firn_error *err)
{
    struct fi_catalog_undo_line line;
    bool is_there;
    *out = false;
    if (!turn->begins || turn->noted.turn.agent.size == 0 || turn->noted.is_over) {
        return FIRN_OK;
    }
    int rc = fi_catalog_undo_line_read(opened->db, opened->workspace.number, &line, &is_there, err);
    *out = rc == FIRN_OK && (!is_there || turn->noted.begun_ns > line.turn_ns);
    fi_catalog_undo_line_deinit(&line);
    return rc;
}

/* Chooses the turn of the checkpoint: the one that ends with it. */
static int
choose_turn(const struct turn *turn, struct fi_ws_opened *opened,
            const firn_workspace_turn *completed, struct fi_ws_save_request *request,
            firn_error *err)
{
    bool interrupted;
    int rc = was_interrupted(turn, opened, &interrupted, err);
    bool ends = rc == FIRN_OK && (interrupted || !turn->begins);
    if (ends) {
        request->turn = interrupted ? turn->noted.turn : *completed;
        request->turn_begun_ns = turn->noted.begun_ns;
    }
    return rc;
}

static void
turn_deinit(struct turn *turn)
{
    fi_buf_deinit(&turn->begun);
    fi_buf_deinit(&turn->message);
}

/* ---- one save ---- */

struct saving {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    struct fi_ws_save_request request;
    struct turn turn;
    bool only_if_changed;
    bool has_previous;
    struct fi_catalog_record previous;
    struct fi_buf previous_bytes;
    struct fi_ws_save_tree tree;
    struct fi_catalog_told told; /* db NULL: nobody was told */
    struct fi_catalog_names names;
    firn_workspace_checkpoint *made; /* room for it */
    firn_workspace_save_result *result;
};

static int
find_previous(struct saving *saving, firn_error *err)
{
    int rc = fi_catalog_newest(saving->opened->catalog, saving->opened->workspace.number,
                               &saving->previous_bytes, &saving->previous, err);
    saving->has_previous = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
query_watch(struct saving *saving, firn_error *err)
{
    const struct fi_watchlink_options options = {
        .tree = saving->has_previous ? &saving->previous.root.hash : NULL,
        .include_deps = saving->request.include_deps,
        .gitignore = saving->request.gitignore,
        .file_size_max = saving->request.file_size_max,
        .is_full = saving->request.is_full,
        .will_report = true};
    return fi_watchlink_begin(saving->ws, saving->opened, &options, &saving->request.watched, err);
}

static void
ws_save_compare(struct saving *saving)
{
    firn_workspace_save_result *result = saving->result;
    struct counting counting = {result, &saving->names};
    firn_error damage;
    if (!saving->has_previous) {
        result->added = saving->tree.scan.files;
        return;
    }
    result->previous = saving->previous.number;
    if (compare_with_previous(saving->opened, &saving->previous, &saving->tree, &counting,
                              &damage) != FIRN_OK) {
        result->is_unchanged = false;
        saving->names.is_full = true;
        fi_ws_report_damage(&saving->request.callbacks, damage.text);
    }
    result->is_unchanged = result->is_unchanged && !saving->tree.repositories_differ;
}

/* Whether a checkpoint that only ends a turn is made: the turn's changes are in one that somebody
 * else made meanwhile, a person, a watch, or the agent itself, which does not have the turn. */
static bool
ends_saved_turn(const struct saving *saving)
{
    const struct fi_ws_save_request *request = &saving->request;
    const struct fi_catalog_record *previous = &saving->previous;
    return request->turn.agent.size > 0 && request->turn_begun_ns != 0 && !saving->turn.continues &&
           !saving->turn.noted.is_over && previous->turn.agent.size == 0 &&
           previous->created_ns > request->turn_begun_ns;
}

/* Notes in the previous checkpoint's record which command was run in its tree. The commit is not
 * synced: nothing depends on it. */
static int
note_tried(struct saving *saving, firn_error *err)
{
    struct fi_ws_opened *opened = saving->opened;
    struct firn_db_batch *batch = NULL;
    struct fi_buf bytes = {0};
    int rc;
    saving->previous.tried = saving->request.run;
    FI_TRY(fi_catalog_record_encode(&saving->previous, &bytes) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a checkpoint's record"));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_put(opened->catalog, batch, opened->workspace.number, saving->previous.order,
                          fi_buf_slice(&bytes), err));
    FI_TRY(fi_db_write(opened->db, batch, FIRN_DURABILITY_OS, err));
out:
    fi_db_batch_destroy(batch);
    fi_buf_deinit(&bytes);
    return rc;
}

/* Makes no checkpoint: the tree has one already. */
static int
return_previous(struct saving *saving, firn_error *err)
{
    DCHECK(saving->has_previous && saving->result->is_unchanged && !saving->result->is_made);
    if (saving->request.run.command.size > 0) {
        FI_TRY_RETURN(note_tried(saving, err));
    }
    FI_TRY_RETURN(
        fi_ws_given_checkpoint(saving->ws, &saving->previous, &saving->result->checkpoint, err));
    if (fi_ws_save_tree_is_stored(&saving->tree)) {
        FI_TRY_RETURN(fi_ws_save_tree_seal(saving->opened, &saving->tree, err));
    }
    if (fi_hash_equal(&saving->tree.scan.root.hash, &saving->previous.root.hash)) {
        fi_watchlink_report(saving->request.watched, &saving->tree.scan);
    }
    return FIRN_OK;
}

/* The last point at which a save can be cancelled: the rest is short, or waits for the disk. */
static int
begin_sealing(struct saving *saving, firn_error *err)
{
    const firn_callbacks *callbacks = &saving->request.callbacks;
    const struct fi_scan_result *scan = &saving->tree.scan;
    firn_progress progress = {
        .phase = "sync", .files_done = scan->files, .bytes_done = scan->bytes};
    if (callbacks->on_progress == NULL) {
        return FIRN_OK;
    }
    if (fi_os_callback_progress(callbacks, &progress) != FIRN_OK) {
        return fi_error_set(err, FIRN_CANCELLED, "cancelled");
    }
    progress.is_finishing = true;
    (void)fi_os_callback_progress(callbacks, &progress);
    return FIRN_OK;
}

static int
make_checkpoint(struct saving *saving, firn_error *err)
{
    struct fi_catalog_record record;
    DCHECK(saving->tree.session != NULL && !saving->result->is_made);
    FI_TRY_RETURN(begin_sealing(saving, err));
    FI_TRY_RETURN(fi_ws_save_tree_seal(saving->opened, &saving->tree, err));
    FI_TRY_RETURN(fi_ws_save_record(saving->ws, saving->opened, &saving->request, &saving->tree,
                                    &record, err));
    fi_ws_given_fill(saving->made, &record);
    saving->result->checkpoint = saving->made;
    saving->result->is_made = true;
    fi_watchlink_report(saving->request.watched, &saving->tree.scan);
    return FIRN_OK;
}

/* Notes that the turn has begun, or is over. Best effort: only its prompt would be missing later,
 * or it would count as interrupted. */
static void
note_turn(struct saving *saving, const firn_workspace_turn *turn)
{
    const struct turn *known = &saving->turn;
    struct fi_catalog *catalog = saving->opened->catalog;
    uint32_t workspace = saving->opened->workspace.number;
    if (known->begins) {
        FI_IGNORE(fi_catalog_turns_put(catalog, workspace, turn, fi_os_now_ns(saving->ws->os),
                                       false, NULL));
    } else if (known->noted.turn.agent.size > 0 && !known->continues) {
        FI_IGNORE(fi_catalog_turns_put(catalog, workspace, &known->noted.turn,
                                       known->noted.begun_ns, true, NULL));
    }
}

static int
save_opened(struct saving *saving, firn_error *err)
{
    firn_workspace_turn turn;
    int rc;
    DCHECK(!saving->request.is_safety && saving->opened->workspace.number != 0);
    FI_TRY(complete_turn(&saving->turn, saving->opened, &turn, &saving->request.message, err));
    FI_TRY(choose_turn(&saving->turn, saving->opened, &turn, &saving->request, err));
    /* Reserved now, so that nothing can fail once the checkpoint exists. */
    const struct fi_catalog_record texts = {.message = saving->request.message,
                                            .turn = saving->request.turn,
                                            .run = saving->request.run};
    FI_TRY(fi_ws_given_reserve(saving->ws, fi_ws_given_text_size(&texts), &saving->made, err));
    FI_TRY(find_previous(saving, err));
    if (saving->request.tree_path == NULL) {
        FI_TRY(query_watch(saving, err));
    }
    saving->request.is_to_be_compared = saving->has_previous;
    FI_TRY(fi_ws_save_tree_scan(saving->opened, &saving->request, &saving->tree, err));
    ws_save_compare(saving);
    FI_TRY(saving->only_if_changed && saving->result->is_unchanged && !ends_saved_turn(saving)
               ? return_previous(saving, err)
               : make_checkpoint(saving, err));
    note_turn(saving, &turn);
out:
    fi_ws_save_tree_deinit(&saving->tree);
    fi_watchlink_end(saving->request.watched);
    turn_deinit(&saving->turn);
    fi_buf_deinit(&saving->previous_bytes);
    return rc;
}

/* Adds to the commit of the checkpoint which entries were told, and which names changed. */
static int
ws_save_join(void *ctx, struct firn_db_batch *batch, const struct fi_catalog_record *record,
             firn_error *err)
{
    struct saving *saving = ctx;
    if (saving->told.db != NULL) {
        FI_TRY_RETURN(fi_catalog_told_join(&saving->told, batch, record, err));
    }
    return !saving->has_previous || saving->names.is_full
               ? FIRN_OK
               : fi_catalog_names_put(saving->opened->catalog, batch, &saving->names,
                                      saving->opened->workspace.number, record->order,
                                      &saving->previous.root.hash, &record->root.hash, err);
}

/* Housekeeping: what could not be deleted now expires again at the next save. */
static void
ws_save_expire(struct fi_ws_opened *opened, const struct fi_catalog_policy *keep,
               firn_workspace_save_result *out)
{
    struct fi_gc_expire_counts expired;
    struct fi_gc_expire_rule rule = {.workspace = opened->workspace.number,
                                     .now_ns = fi_os_now_ns(fi_db_os(opened->db)),
                                     .keep = keep};
    if (keep != NULL && fi_gc_expire(opened, &rule, &expired, NULL) == FIRN_OK) {
        out->expired = expired.checkpoints;
    }
}

int
fi_ws_save(struct firn_ws *ws, const firn_workspace_save_options *options,
           firn_workspace_save_result *out, firn_error *err)
{
    *out = (firn_workspace_save_result)FIRN_WORKSPACE_SAVE_RESULT_INIT;
    if (options->message.size > FI_CATALOG_RECORD_MESSAGE_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a message may have at most %d bytes",
                            FI_CATALOG_RECORD_MESSAGE_SIZE_MAX);
    }
    struct fi_ws_save_request request = {.message = options->message,
                                         .include_deps = options->include_deps,
                                         .gitignore = options->gitignore,
                                         .file_size_max = options->file_size_max,
                                         .strict = options->strict,
                                         .is_full = options->full,
                                         .threads = options->threads,
                                         .tree_path = options->tree_path,
                                         .no_rules = options->no_rules,
                                         .gaps = options->gaps,
                                         .gap_count = options->gap_count,
                                         .created_ns = options->created_ns,
                                         .with_repositories = !options->without_git,
                                         .callbacks = options->callbacks};
    if (ws->group != NULL) {
        return fi_ws_group_save(ws, options, &request, out, err);
    }
    int rc = check_turn(&options->turn, options->turn_begins, err);
    rc = rc == FIRN_OK ? check_run(&options->run, err) : rc;
    if (rc == FIRN_OK && options->tag != NULL) {
        rc = fi_error_set(err, FIRN_INVALID, "only a save of a group takes a tag");
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_ws_opened opened;
    request.run = options->run;
    request.run.command.size = cut_size(options->run.command, FI_CATALOG_RECORD_COMMAND_SIZE_MAX);
    struct saving saving = {.ws = ws,
                            .opened = &opened,
                            .request = request,
                            .turn = {.given = &options->turn,
                                     .begins = options->turn_begins,
                                     .continues = options->turn_continues},
                            .only_if_changed = options->if_changed,
                            .result = out};
    struct fi_catalog_policy keep;
    rc = options->keep == NULL ? FIRN_OK
                               : fi_catalog_policy_read(firn_str(options->keep), &keep, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_opened_open(ws, FI_WS_CREATE, &opened, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_ws_pending_finish(ws, &opened, options->threads, &options->callbacks, err);
    const struct fi_catalog_joint joint = {.join = ws_save_join, .ctx = &saving};
    saving.request.joint = &joint;
    if (rc == FIRN_OK && options->marks_told) {
        rc = fi_catalog_told_init(&saving.told, opened.db, opened.workspace.number,
                                  &options->callbacks, &saving.request.callbacks, err);
    }
    if (rc == FIRN_OK) {
        rc = save_opened(&saving, err);
    }
    fi_catalog_told_deinit(&saving.told);
    if (rc == FIRN_OK && out->is_made) {
        ws_save_expire(&opened, options->keep == NULL ? NULL : &keep, out);
        FI_IGNORE(fi_gc_join(ws, &opened, &options->callbacks, NULL));
        FI_IGNORE(fi_catalog_due_query(opened.db, opened.objects, &out->gc_is_due, NULL));
    }
    /* The checkpoint is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    return rc;
}
