/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace.c: directories: saving, comparing, restoring.
 *
 * Calls of one workspace run one after the other, off the event loop. Progress and notices go to a monitor;
 * lists of changes are gathered in the memory of the call and become JavaScript objects when it is done.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

/* ---- opening ---- */

struct ws_open_call {
    struct call call;
    const char *path;
    firn_workspace_options options;
    struct key *key; /* the handle's, once there is one */
    firn_keys_source source;
    firn_workspace *workspace;
};

static bool
ws_open_parse(struct args *args, struct call *call)
{
    struct ws_open_call *self = (struct ws_open_call *)(void *)call;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    int cipher;
    self->options = options;
    self->key = calloc(1, sizeof(*self->key));
    if (self->key == NULL) {
        return throw_no_memory(args->instance);
    }
    if (!arg_enum(args, 4, "cipher", FIRN_CIPHER_AUTOMATIC, &cipher) ||
        !arg_key(args, 5, self->key)) {
        return false;
    }
    self->options.cipher = (firn_cipher)cipher;
    self->source = key_source(self->key);
    self->options.key_source = self->key->is_given ? &self->source : NULL;
    return arg_text(args, 0, "path", &self->path) &&
           arg_text_or_none(args, 1, "store", &self->options.store_path) &&
           (arg_is_none(args, 2) ||
            arg_i64(args, 2, "lockTimeout", &self->options.lock_timeout_ms)) &&
           arg_bool(args, 3, "isRoot", &self->options.is_root);
}

static int
ws_open_run(struct call *call, firn_error *err)
{
    struct ws_open_call *self = (struct ws_open_call *)(void *)call;
    return firn_workspace_open(self->path, &self->options, &self->workspace, err);
}

static void
set_text_or_none(napi_env env, napi_value object, const char *name, const char *text)
{
    if (text != NULL) {
        set_text(env, object, name, text);
    }
}

static napi_value
ws_open_finish(napi_env env, struct call *call)
{
    struct ws_open_call *self = (struct ws_open_call *)(void *)call;
    firn_workspace *workspace = self->workspace;
    void *opened = workspace;
    napi_value object = NULL;
    napi_value made;
    double number;
    (void)napi_create_object(env, &object);
    set_text(env, object, "root", firn_workspace_root(workspace));
    set_text(env, object, "storePath", firn_workspace_store_path(workspace));
    set_text(env, object, "subpath", firn_workspace_subpath(workspace));
    set_text_or_none(env, object, "movedFrom", firn_workspace_moved_from(workspace));
    set_text_or_none(env, object, "tooBroad", firn_workspace_too_broad(workspace));
    made = make_handle(env, call, HANDLE_WORKSPACE, NULL, &opened);
    if (self->key->is_given && made != NULL &&
        napi_get_value_double(env, made, &number) == napi_ok) {
        handle_find(call->instance, number, HANDLE_WORKSPACE)->key = self->key;
        self->key = NULL;
    }
    set_value(env, object, "handle", made);
    return object;
}

static void
ws_open_release(struct call *call)
{
    key_destroy(((struct ws_open_call *)(void *)call)->key);
}

/* ---- shared by all calls ---- */

bool
ws_begin(struct args *args, struct ws_call *self)
{
    self->end_change = &self->first_change;
    self->end_conflict = &self->first_conflict;
    self->end_step = &self->first_step;
    self->end_logged = &self->first_logged;
    self->end_item = &self->first_item;
    return arg_handle(args, 0, HANDLE_WORKSPACE, &self->handle);
}

bool
ws_keep(struct ws_call *self, firn_slice from, firn_slice *out)
{
    out->data = arena_copy(&self->call.arena, from.data, from.size);
    out->size = from.size;
    return out->data != NULL;
}

bool
ws_keep_checkpoint(struct ws_call *self, const firn_workspace_checkpoint *from,
                   firn_workspace_checkpoint *out)
{
    *out = *from;
    return ws_keep(self, from->message, &out->message) &&
           ws_keep(self, from->turn.agent, &out->turn.agent) &&
           ws_keep(self, from->turn.session, &out->turn.session) &&
           ws_keep(self, from->turn.prompt, &out->turn.prompt);
}

static int
on_change(void *ctx, const firn_workspace_change *from)
{
    struct ws_call *self = ctx;
    struct change *change = arena_take(&self->call.arena, sizeof(*change));
    const firn_workspace_entry *entry = from->after != NULL ? from->after : from->before;
    if (change == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(change, 0, sizeof(*change));
    change->kind = from->kind;
    change->what = from->what;
    if (!ws_keep(self, entry->path, &change->path) ||
        (from->kind == FIRN_CHANGE_RENAMED && from->before != NULL &&
         !ws_keep(self, from->before->path, &change->from))) {
        return FIRN_NO_MEMORY;
    }
    *self->end_change = change;
    self->end_change = &change->next;
    self->change_count++;
    return FIRN_OK;
}

/* The options of restores and reverts have one ctx for everything, which is the call then: these pass on to the monitor. */
static void
pass_notice(void *ctx, const firn_notice *notice)
{
    const struct ws_call *self = ctx;
    if (self->callbacks.on_notice != NULL) {
        self->callbacks.on_notice(self->callbacks.ctx, notice);
    }
}

static int
pass_progress(void *ctx, const firn_progress *progress)
{
    const struct ws_call *self = ctx;
    return self->callbacks.on_progress == NULL
               ? FIRN_OK
               : self->callbacks.on_progress(self->callbacks.ctx, progress);
}

static napi_value
list_to_js(napi_env env, const struct change *change, size_t count)
{
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array_with_length(env, count, &array);
    for (; change != NULL && array != NULL; change = change->next) {
        napi_handle_scope scope = NULL;
        napi_value object = NULL;
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_create_object(env, &object);
        set_text(env, object, "kind", firn_workspace_change_kind_name(change->kind));
        set_slice(env, object, "path", change->path);
        if (change->from.data != NULL) {
            set_slice(env, object, "from", change->from);
        }
        set_number(env, object, "what", change->what);
        if (change->lines != FIRN_LINES_NONE) {
            set_text(env, object, "lines", firn_workspace_lines_kind_name(change->lines));
            set_number(env, object, "linesAdded", (double)change->lines_added);
            set_number(env, object, "linesRemoved", (double)change->lines_removed);
        }
        (void)napi_set_element(env, array, i++, object);
        (void)napi_close_handle_scope(env, scope);
    }
    return array;
}

static napi_value
changes_to_js(napi_env env, const struct ws_call *self)
{
    return list_to_js(env, self->first_change, self->change_count);
}

static napi_value
turn_to_js(napi_env env, const firn_workspace_turn *turn)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_slice(env, object, "agent", turn->agent);
    set_slice(env, object, "session", turn->session);
    if (turn->number != 0) {
        set_number(env, object, "number", (double)turn->number);
    }
    set_slice(env, object, "prompt", turn->prompt);
    return object;
}

napi_value
ws_checkpoint_to_js(napi_env env, const firn_workspace_checkpoint *checkpoint)
{
    napi_value object = NULL;
    char hex[FIRN_HASH_HEX_SIZE];
    (void)napi_create_object(env, &object);
    firn_hash_to_hex(&checkpoint->root, hex);
    set_number(env, object, "number", (double)checkpoint->number);
    set_text(env, object, "id", checkpoint->id);
    set_slice(env, object, "message", checkpoint->message);
    set_time(env, object, checkpoint->created_ns);
    set_text(env, object, "root", hex);
    set_bool(env, object, "isSafety", checkpoint->is_safety);
    set_bool(env, object, "includeDeps", checkpoint->include_deps);
    set_number(env, object, "files", (double)checkpoint->files);
    set_number(env, object, "directories", (double)checkpoint->directories);
    set_number(env, object, "bytes", (double)checkpoint->bytes);
    set_number(env, object, "newObjects", (double)checkpoint->new_objects);
    set_number(env, object, "addedBytes", (double)checkpoint->added_bytes);
    set_number(env, object, "excluded", (double)checkpoint->excluded);
    set_number(env, object, "skipped", (double)checkpoint->skipped);
    set_number(env, object, "forgotten", (double)checkpoint->forgotten);
    if (checkpoint->git.branch[0] != '\0') {
        set_slice(env, object, "gitBranch", firn_str(checkpoint->git.branch));
    }
    if (checkpoint->git.commit[0] != '\0') {
        set_text(env, object, "gitCommit", checkpoint->git.commit);
    }
    if (checkpoint->turn.agent.size > 0) {
        set_value(env, object, "turn", turn_to_js(env, &checkpoint->turn));
    }
    return object;
}

static void
set_checkpoint(napi_env env, napi_value object, const char *name,
               const firn_workspace_checkpoint *checkpoint)
{
    if (checkpoint != NULL) {
        set_value(env, object, name, ws_checkpoint_to_js(env, checkpoint));
    }
}

static void
set_counts(napi_env env, napi_value object, uint64_t added, uint64_t changed, uint64_t removed)
{
    set_number(env, object, "added", (double)added);
    set_number(env, object, "changed", (double)changed);
    set_number(env, object, "removed", (double)removed);
}

/* ---- save ---- */

static bool
ws_save_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    const char *message;
    self->as.save.options = options;
    self->as.save.result = result;
    if (!ws_begin(args, self) || !arg_text_or_none(args, 1, "message", &message) ||
        !arg_bool(args, 2, "ifChanged", &self->as.save.options.if_changed) ||
        !arg_bool(args, 3, "full", &self->as.save.options.full) ||
        !arg_bool(args, 4, "strict", &self->as.save.options.strict) ||
        !arg_bool(args, 5, "includeDeps", &self->as.save.options.include_deps) ||
        !arg_bool(args, 6, "gitignore", &self->as.save.options.gitignore) ||
        !arg_text_or_none(args, 7, "keep", &self->as.save.options.keep) ||
        !arg_u64(args, 8, "fileSizeMax", 0, &self->as.save.options.file_size_max) ||
        !arg_bool(args, 9, "withoutGit", &self->as.save.options.without_git) ||
        !arg_monitor(args, 10, &self->as.save.options.callbacks)) {
        return false;
    }
    if (message != NULL) {
        self->as.save.options.message = firn_str(message);
    }
    return true;
}

static int
ws_save_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_save(self->handle->object, &self->as.save.options, &self->as.save.result,
                               err);
}

static napi_value
ws_save_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_save_result *result = &self->as.save.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_checkpoint(env, object, "checkpoint", result->checkpoint);
    set_number(env, object, "previous", (double)result->previous);
    set_bool(env, object, "isMade", result->is_made);
    set_bool(env, object, "isUnchanged", result->is_unchanged);
    set_counts(env, object, result->added, result->changed, result->removed);
    set_number(env, object, "expired", (double)result->expired);
    set_bool(env, object, "gcIsDue", result->gc_is_due);
    return object;
}

static void
ws_save_release(struct call *call)
{
    firn_release(((struct ws_call *)(void *)call)->as.save.result.checkpoint);
}

/* ---- status and diff ---- */

static bool
ws_status_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    self->as.status.options = options;
    self->as.status.result = result;
    if (!ws_begin(args, self) ||
        !arg_text_or_none(args, 1, "reference", &self->as.status.options.reference) ||
        !arg_slices(args, 2, "paths", &self->paths, &self->path_count) ||
        !arg_bool(args, 3, "gitignore", &self->as.status.options.gitignore) ||
        !arg_u64(args, 4, "fileSizeMax", 0, &self->as.status.options.file_size_max) ||
        !arg_monitor(args, 5, &self->as.status.options.callbacks)) {
        return false;
    }
    self->as.status.options.paths = self->paths;
    self->as.status.options.path_count = self->path_count;
    return true;
}

static int
ws_status_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_status(self->handle->object, &self->as.status.options, on_change, self,
                                 &self->as.status.result, err);
}

static napi_value
ws_status_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_status_result *result = &self->as.status.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_checkpoint(env, object, "checkpoint", result->checkpoint);
    set_counts(env, object, result->added, result->changed, result->removed);
    set_number(env, object, "timesOnly", (double)result->times_only);
    set_number(env, object, "unchanged", (double)result->unchanged);
    set_number(env, object, "skipped", (double)result->skipped);
    set_bool(env, object, "isWatched", result->is_watched);
    set_bool(env, object, "gitTracksStore", result->git_tracks_store);
    set_value(env, object, "changes", changes_to_js(env, self));
    return object;
}

static void
ws_status_release(struct call *call)
{
    firn_release(((struct ws_call *)(void *)call)->as.status.result.checkpoint);
}

static bool
ws_diff_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    self->as.diff.options = options;
    self->as.diff.result = result;
    if (!ws_begin(args, self) ||
        !arg_text_or_none(args, 1, "before", &self->as.diff.options.before) ||
        !arg_text_or_none(args, 2, "after", &self->as.diff.options.after) ||
        !arg_slices(args, 3, "paths", &self->paths, &self->path_count) ||
        !arg_bool(args, 4, "lines", &self->as.diff.options.with_lines) ||
        !arg_bool(args, 5, "renames", &self->as.diff.options.find_renames) ||
        !arg_bool(args, 6, "againstPrevious", &self->as.diff.options.against_previous) ||
        !arg_bool(args, 7, "gitignore", &self->as.diff.options.gitignore) ||
        !arg_monitor(args, 8, &self->as.diff.options.callbacks)) {
        return false;
    }
    self->as.diff.options.paths = self->paths;
    self->as.diff.options.path_count = self->path_count;
    return true;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct ws_call *self = ctx;
    struct change **end = self->end_change;
    int code = on_change(ctx, &difference->change);
    if (code == FIRN_OK) {
        (*end)->lines = difference->lines;
        (*end)->lines_added = difference->lines_added;
        (*end)->lines_removed = difference->lines_removed;
    }
    return code;
}

static int
ws_diff_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_diff(self->handle->object, &self->as.diff.options, on_difference, self,
                               &self->as.diff.result, err);
}

static napi_value
ws_diff_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_diff_result *result = &self->as.diff.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_checkpoint(env, object, "before", result->before);
    set_checkpoint(env, object, "after", result->after);
    set_counts(env, object, result->added, result->changed, result->removed);
    set_number(env, object, "timesOnly", (double)result->times_only);
    set_number(env, object, "renamed", (double)result->renamed);
    set_number(env, object, "skipped", (double)result->skipped);
    set_number(env, object, "linesAdded", (double)result->lines_added);
    set_number(env, object, "linesRemoved", (double)result->lines_removed);
    set_value(env, object, "changes", changes_to_js(env, self));
    return object;
}

static void
ws_diff_release(struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_release(self->as.diff.result.before);
    firn_release(self->as.diff.result.after);
}

/* ---- history ---- */

static bool
ws_log_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    bool is_without_renames = false;
    self->as.log.options = options;
    if (!ws_begin(args, self) || !arg_text_or_none(args, 1, "after", &self->as.log.options.after) ||
        !arg_text_or_none(args, 2, "before", &self->as.log.options.before) ||
        !arg_slices(args, 3, "paths", &self->paths, &self->path_count) ||
        !arg_u64(args, 4, "limit", UINT64_MAX, &self->as.log.left) ||
        !arg_bool(args, 5, "lines", &self->as.log.options.with_lines) ||
        !arg_bool(args, 6, "renames", &is_without_renames) ||
        !arg_bool(args, 7, "safety", &self->as.log.options.include_safety) ||
        !arg_monitor(args, 8, &self->as.log.options.callbacks) ||
        !arg_text_or_none(args, 9, "remote", &self->as.log.options.remote)) {
        return false;
    }
    self->as.log.options.find_renames = !is_without_renames;
    self->as.log.options.paths = self->paths;
    self->as.log.options.path_count = self->path_count;
    self->as.log.options.on_difference = on_difference;
    return true;
}

/* The changes since the last call become those of the checkpoint. With paths, a checkpoint that changed none of them
 * is passed over. */
static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct ws_call *self = ctx;
    if (self->path_count > 0 && self->change_count == 0) {
        return FIRN_OK;
    }
    struct logged *logged = arena_take(&self->call.arena, sizeof(*logged));
    if (logged == NULL) {
        return FIRN_NO_MEMORY;
    }
    memset(logged, 0, sizeof(*logged));
    logged->result = *result;
    logged->first_change = self->first_change;
    logged->change_count = self->change_count;
    self->first_change = NULL;
    self->end_change = &self->first_change;
    self->change_count = 0;
    if (!ws_keep_checkpoint(self, result->after, &logged->checkpoint)) {
        return FIRN_NO_MEMORY;
    }
    *self->end_logged = logged;
    self->end_logged = &logged->next;
    self->as.log.left--;
    return self->as.log.left > 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
ws_log_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    if (self->as.log.left == 0) {
        return FIRN_OK;
    }
    int code =
        firn_workspace_log(self->handle->object, &self->as.log.options, on_compared, self, err);
    return code == FIRN_CANCELLED && self->as.log.left == 0 ? FIRN_OK : code;
}

static napi_value
ws_log_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const struct logged *logged;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (logged = self->first_logged; logged != NULL && array != NULL; logged = logged->next) {
        const firn_workspace_diff_result *result = &logged->result;
        napi_handle_scope scope = NULL;
        napi_value object = NULL;
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_create_object(env, &object);
        set_checkpoint(env, object, "checkpoint", &logged->checkpoint);
        set_counts(env, object, result->added, result->changed, result->removed);
        set_number(env, object, "renamed", (double)result->renamed);
        set_number(env, object, "timesOnly", (double)result->times_only);
        if (self->as.log.options.with_lines) {
            set_number(env, object, "linesAdded", (double)result->lines_added);
            set_number(env, object, "linesRemoved", (double)result->lines_removed);
        }
        set_value(env, object, "changes",
                  list_to_js(env, logged->first_change, logged->change_count));
        (void)napi_set_element(env, array, i++, object);
        (void)napi_close_handle_scope(env, scope);
    }
    return array;
}

/* ---- steps of undo and redo ---- */

static int
on_step(void *ctx, const firn_workspace_step *from)
{
    struct ws_call *self = ctx;
    struct step *step = arena_take(&self->call.arena, sizeof(*step));
    bool is_kept = step != NULL;
    if (!is_kept) {
        return FIRN_NO_MEMORY;
    }
    memset(step, 0, sizeof(*step));
    step->step = *from;
    if (from->checkpoint != NULL) {
        is_kept = ws_keep_checkpoint(self, from->checkpoint, &step->checkpoint);
    }
    if (from->turn != NULL) {
        is_kept = is_kept && ws_keep(self, from->turn->agent, &step->turn.agent) &&
                  ws_keep(self, from->turn->prompt, &step->turn.prompt);
    }
    *self->end_step = step;
    self->end_step = &step->next;
    return is_kept ? FIRN_OK : FIRN_NO_MEMORY;
}

static napi_value
step_to_js(napi_env env, const struct step *step)
{
    const firn_workspace_step *from = &step->step;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_text(env, object, "kind", firn_workspace_step_kind_name(from->kind));
    set_checkpoint(env, object, "checkpoint", from->checkpoint != NULL ? &step->checkpoint : NULL);
    if (from->turn != NULL) {
        set_slice(env, object, "agent", step->turn.agent);
        set_slice(env, object, "prompt", step->turn.prompt);
    }
    if (from->time_ns != 0) {
        set_time(env, object, from->time_ns);
    }
    set_bool(env, object, "isRedo", from->is_redo);
    if (from->is_counted) {
        set_counts(env, object, from->added, from->changed, from->removed);
    }
    return object;
}

static napi_value
steps_to_js(napi_env env, const struct ws_call *self)
{
    const struct step *step;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (step = self->first_step; step != NULL && array != NULL; step = step->next) {
        napi_handle_scope scope = NULL;
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_set_element(env, array, i++, step_to_js(env, step));
        (void)napi_close_handle_scope(env, scope);
    }
    return array;
}

static bool
ws_steps_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    self->as.steps.options = options;
    self->as.steps.result = result;
    return ws_begin(args, self) &&
           arg_u64(args, 1, "limit", UINT64_MAX, &self->as.steps.options.limit) &&
           arg_bool(args, 2, "gitignore", &self->as.steps.options.gitignore) &&
           arg_u64(args, 3, "fileSizeMax", 0, &self->as.steps.options.file_size_max) &&
           arg_monitor(args, 4, &self->as.steps.options.callbacks);
}

static int
ws_steps_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_steps(self->handle->object, &self->as.steps.options, on_step, self,
                                &self->as.steps.result, err);
}

static napi_value
ws_steps_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_steps_result *result = &self->as.steps.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_checkpoint(env, object, "checkpoint", result->checkpoint);
    set_bool(env, object, "isUnsaved", result->is_unsaved);
    set_number(env, object, "undoSteps", (double)result->undo_steps);
    set_number(env, object, "redoSteps", (double)result->redo_steps);
    set_value(env, object, "steps", steps_to_js(env, self));
    return object;
}

static void
ws_steps_release(struct call *call)
{
    firn_release(((struct ws_call *)(void *)call)->as.steps.result.checkpoint);
}

/* ---- restore, undo, resume ---- */

enum { RESTORE_TO, RESTORE_UNDO, RESTORE_RESUME, RESTORE_REDO, RESTORE_KINDS };

static bool
ws_restore_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    options.on_change = on_change;
    options.on_step = on_step;
    options.callbacks.on_notice = pass_notice;
    options.callbacks.on_progress = pass_progress;
    options.callbacks.ctx = self;
    self->as.restore.options = options;
    self->as.restore.result = result;
    if (!ws_begin(args, self) ||
        !arg_enum(args, 1, "operation", RESTORE_KINDS - 1, &self->as.restore.what) ||
        !arg_text_or_none(args, 2, "reference", &self->reference) ||
        !arg_slices(args, 3, "paths", &self->paths, &self->path_count) ||
        !arg_text_or_none(args, 4, "toDirectory", &self->as.restore.options.to_dir) ||
        !arg_bool(args, 5, "dryRun", &self->as.restore.options.dry_run) ||
        !arg_bool(args, 6, "gitignore", &self->as.restore.options.gitignore) ||
        !arg_bool(args, 7, "trustJournal", &self->as.restore.options.trust_journal) ||
        !arg_bool(args, 8, "lastTurn", &self->as.restore.options.last_turn) ||
        !arg_u64(args, 9, "turn", 0, &self->as.restore.options.turn) ||
        !arg_bool(args, 10, "git", &self->as.restore.options.git) ||
        !arg_bool(args, 11, "gitAll", &self->as.restore.options.git_all) ||
        !arg_monitor(args, 12, &self->callbacks)) {
        return false;
    }
    self->as.restore.options.git |= self->as.restore.options.git_all;
    self->as.restore.options.last_turn |= self->as.restore.options.turn != 0;
    self->as.restore.options.paths = self->paths;
    self->as.restore.options.path_count = self->path_count;
    return self->as.restore.what != RESTORE_TO || self->reference != NULL ||
           throw_invalid(args, "a reference to a checkpoint is missing");
}

static int
ws_restore_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace *workspace = self->handle->object;
    switch (self->as.restore.what) {
    case RESTORE_UNDO:
        return firn_workspace_undo(workspace, &self->as.restore.options, &self->as.restore.result,
                                   err);
    case RESTORE_REDO:
        return firn_workspace_redo(workspace, &self->as.restore.options, &self->as.restore.result,
                                   err);
    case RESTORE_RESUME:
        return firn_workspace_resume(workspace, &self->as.restore.options, &self->as.restore.result,
                                     err);
    default:
        return firn_workspace_restore(workspace, self->reference, &self->as.restore.options,
                                      &self->as.restore.result, err);
    }
}

static napi_value
ws_restore_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_restore_result *result = &self->as.restore.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_checkpoint(env, object, "checkpoint", result->checkpoint);
    set_text(env, object, "safetyId", result->safety_id);
    set_counts(env, object, result->added, result->changed, result->removed);
    set_number(env, object, "unchanged", (double)result->unchanged);
    set_number(env, object, "incomplete", (double)result->incomplete);
    set_number(env, object, "leftAlone", (double)result->left_alone);
    set_number(env, object, "notRestored", (double)result->not_restored);
    set_bool(env, object, "isUnsaved", result->is_unsaved);
    set_value(env, object, "steps", steps_to_js(env, self));
    set_value(env, object, "changes", changes_to_js(env, self));
    return object;
}

static void
ws_restore_release(struct call *call)
{
    firn_release(((struct ws_call *)(void *)call)->as.restore.result.checkpoint);
}

/* ---- revert ---- */

static bool
ws_revert_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result = FIRN_WORKSPACE_REVERT_RESULT_INIT;
    options.on_change = on_change;
    options.callbacks.on_notice = pass_notice;
    options.callbacks.on_progress = pass_progress;
    options.callbacks.ctx = self;
    self->as.revert.options = options;
    self->as.revert.result = result;
    if (!ws_begin(args, self) ||
        !arg_text_or_none(args, 1, "after", &self->as.revert.options.after) ||
        !arg_text_or_none(args, 2, "before", &self->as.revert.options.before) ||
        !arg_slices(args, 3, "paths", &self->paths, &self->path_count) ||
        !arg_bool(args, 4, "dryRun", &self->as.revert.options.dry_run) ||
        !arg_bool(args, 5, "gitignore", &self->as.revert.options.gitignore) ||
        !arg_monitor(args, 6, &self->callbacks)) {
        return false;
    }
    self->as.revert.options.paths = self->paths;
    self->as.revert.options.path_count = self->path_count;
    return true;
}

static int
on_conflict(void *ctx, const firn_workspace_revert_conflict *from)
{
    struct ws_call *self = ctx;
    struct conflict *conflict = arena_take(&self->call.arena, sizeof(*conflict));
    if (conflict == NULL || !ws_keep(self, from->path, &conflict->path)) {
        return FIRN_NO_MEMORY;
    }
    conflict->next = NULL;
    conflict->kind = from->kind;
    *self->end_conflict = conflict;
    self->end_conflict = &conflict->next;
    return FIRN_OK;
}

/* Conflicts are a result: JavaScript makes an error of them that lists them. */
static int
ws_revert_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    int code;
    self->as.revert.options.on_conflict = on_conflict;
    code = firn_workspace_revert(self->handle->object, &self->as.revert.options,
                                 &self->as.revert.result, err);
    self->as.revert.is_conflict = code == FIRN_CONFLICT && self->first_conflict != NULL;
    return self->as.revert.is_conflict ? FIRN_OK : code;
}

static napi_value
ws_revert_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_revert_result *result = &self->as.revert.result;
    const struct conflict *conflict;
    napi_value object = NULL;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &array);
    for (conflict = self->first_conflict; conflict != NULL && array != NULL;
         conflict = conflict->next) {
        napi_value one = NULL;
        (void)napi_create_object(env, &one);
        set_text(env, one, "kind", firn_workspace_revert_conflict_kind_name(conflict->kind));
        set_slice(env, one, "path", conflict->path);
        (void)napi_set_element(env, array, i++, one);
    }
    set_value(env, object, "conflicts", array);
    if (self->as.revert.is_conflict) {
        set_value(env, object, "error",
                  error_create(call->instance, FIRN_CONFLICT, 0, call->err->text));
    }
    set_checkpoint(env, object, "after", result->after);
    set_checkpoint(env, object, "before", result->before);
    set_text(env, object, "safetyId", result->safety_id);
    set_counts(env, object, result->added, result->changed, result->removed);
    set_number(env, object, "merged", (double)result->merged);
    set_number(env, object, "leftAlone", (double)result->left_alone);
    set_number(env, object, "incomplete", (double)result->incomplete);
    set_number(env, object, "notRestored", (double)result->not_restored);
    set_value(env, object, "changes", changes_to_js(env, self));
    return object;
}

static void
ws_revert_release(struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_release(self->as.revert.result.after);
    firn_release(self->as.revert.result.before);
}

const struct call_kind workspace_calls[] = {
    {"wsOpen", sizeof(struct ws_open_call), 0, ws_open_parse, ws_open_run, ws_open_finish,
     ws_open_release},
    {"wsSave", sizeof(struct ws_call), CALL_IN_LANE, ws_save_parse, ws_save_run, ws_save_finish,
     ws_save_release},
    {"wsStatus", sizeof(struct ws_call), CALL_IN_LANE, ws_status_parse, ws_status_run,
     ws_status_finish, ws_status_release},
    {"wsDiff", sizeof(struct ws_call), CALL_IN_LANE, ws_diff_parse, ws_diff_run, ws_diff_finish,
     ws_diff_release},
    {"wsRestore", sizeof(struct ws_call), CALL_IN_LANE, ws_restore_parse, ws_restore_run,
     ws_restore_finish, ws_restore_release},
    {"wsLog", sizeof(struct ws_call), CALL_IN_LANE, ws_log_parse, ws_log_run, ws_log_finish, NULL},
    {"wsSteps", sizeof(struct ws_call), CALL_IN_LANE, ws_steps_parse, ws_steps_run, ws_steps_finish,
     ws_steps_release},
    {"wsRevert", sizeof(struct ws_call), CALL_IN_LANE, ws_revert_parse, ws_revert_run,
     ws_revert_finish, ws_revert_release},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
