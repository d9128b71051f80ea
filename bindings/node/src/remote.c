/* SPDX-License-Identifier: Apache-2.0
 *
 * remote.c: remotes of a workspace: pushing, pulling, pruning, checking, their names, lines and logs.
 *
 * The calls wait in the workspace's lane, as those of workspace.c do. A pull that finds damage brings the rest: damage is a
 * result with an error in it, of which JavaScript makes an error that says what came.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

enum { THREADS_MAX = 1024 };

struct remote_item {
    struct remote_item *next;
    const char *name;
    const char *url;
    const char *id;
    uint64_t not_pushed;
    int64_t failed_ns;
    const char *failure; /* NULL: none */
};

struct line_item {
    struct line_item *next;
    firn_workspace_line line; /* its texts are in the call */
};

struct change_item {
    struct change_item *next;
    firn_remote_change change; /* its texts are in the call */
};

struct remote_call {
    struct ws_call ws;
    const char *remote; /* NULL: the only one, or "origin" */
    const char *url;
    bool encrypt;
    struct remote_item *first;
    struct remote_item **end;
    struct line_item *first_line;
    struct line_item **end_line;
    union {
        struct {
            firn_push_options options;
            firn_push_result result;
        } push;
        struct {
            firn_pull_options options;
            firn_pull_result result;
            int failure; /* FIRN_OK: all came */
        } pull;
        struct {
            firn_prune_options options;
            firn_prune_result result;
        } prune;
        struct {
            firn_remote_rekey_options options;
            firn_remote_rekey_result result;
        } rekey;
        struct {
            firn_remote_check_options options;
            firn_remote_check_result result;
            bool is_damaged;
        } check;
        struct {
            firn_remote_check_locked_options options;
            firn_remote_check_locked_result result;
            bool is_damaged;
        } locked;
    } as;
    uint64_t limit;
    struct change_item *first_change;
    struct change_item **end_change;
};

static struct remote_call *
remote_call(struct call *call)
{
    return (struct remote_call *)(void *)call;
}

static firn_workspace *
workspace_of(const struct remote_call *self)
{
    return self->ws.handle->object;
}

/* Bytes in a second; what is larger than an option can say is no limit. */
static bool
arg_rate(struct args *args, size_t i, int64_t *out)
{
    uint64_t rate;
    if (!arg_u64(args, i, "bytesPerSecondMax", 0, &rate)) {
        return false;
    }
    *out = rate <= INT64_MAX ? (int64_t)rate : INT64_MAX;
    return true;
}

/* ---- push ---- */

/* wsPush(workspace, remote, references, bytesPerSecondMax, automatic, dryRun, monitor) */
static bool
ws_push_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result result = FIRN_PUSH_RESULT_INIT;
    self->as.push.options = options;
    self->as.push.result = result;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_texts(args, 2, "references", &self->as.push.options.references,
                     &self->as.push.options.reference_count) &&
           arg_rate(args, 3, &self->as.push.options.bytes_per_second_max) &&
           arg_bool(args, 4, "automatic", &self->as.push.options.automatic) &&
           arg_bool(args, 5, "dryRun", &self->as.push.options.dry_run) &&
           arg_monitor(args, 6, &self->as.push.options.callbacks);
}

static int
ws_push_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_workspace_push(workspace_of(self), self->remote, &self->as.push.options,
                               &self->as.push.result, err);
}

static napi_value
ws_push_finish(napi_env env, struct call *call)
{
    const struct remote_call *self = remote_call(call);
    const firn_push_result *result = &self->as.push.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "checkpoints", (double)result->checkpoints);
    set_number(env, object, "objects", (double)result->objects);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "requests", (double)result->requests);
    if (self->as.push.options.automatic) {
        set_bool(env, object, "due", result->is_due);
    }
    return object;
}

/* ---- pull ---- */

/* wsPull(workspace, remote, reference, bytesPerSecondMax, trust, threads, monitor) */
static bool
ws_pull_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_pull_options options = FIRN_PULL_OPTIONS_INIT;
    firn_pull_result result = FIRN_PULL_RESULT_INIT;
    uint64_t threads;
    self->as.pull.options = options;
    self->as.pull.result = result;
    if (!ws_begin(args, &self->ws) || !arg_text_or_none(args, 1, "remote", &self->remote) ||
        !arg_text_or_none(args, 2, "reference", &self->as.pull.options.reference) ||
        !arg_rate(args, 3, &self->as.pull.options.bytes_per_second_max) ||
        !arg_bool(args, 4, "trust", &self->as.pull.options.trust) ||
        !arg_u64(args, 5, "threads", 0, &threads)) {
        return false;
    }
    self->as.pull.options.threads = threads < THREADS_MAX ? (unsigned)threads : THREADS_MAX;
    return arg_monitor(args, 6, &self->as.pull.options.callbacks);
}

static int
ws_pull_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    int code = firn_workspace_pull(workspace_of(self), self->remote, &self->as.pull.options,
                                   &self->as.pull.result, err);
    self->as.pull.failure = code == FIRN_CORRUPT || code == FIRN_LIMIT ? code : FIRN_OK;
    return self->as.pull.failure == FIRN_OK ? code : FIRN_OK;
}

static napi_value
ws_pull_finish(napi_env env, struct call *call)
{
    const struct remote_call *self = remote_call(call);
    const firn_pull_result *result = &self->as.pull.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    if (self->as.pull.failure != FIRN_OK) {
        set_value(env, object, "error",
                  error_create(call->instance, self->as.pull.failure, call->err->os_errno,
                               call->err->text));
    }
    set_number(env, object, "checkpoints", (double)result->checkpoints);
    set_number(env, object, "lines", (double)result->lines);
    set_number(env, object, "skipped", (double)result->skipped);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "requests", (double)result->requests);
    return object;
}

/* ---- prune ---- */

/* wsPrune(workspace, remote, keep, dryRun, now, monitor) */
static bool
ws_prune_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result result = FIRN_PRUNE_RESULT_INIT;
    self->as.prune.options = options;
    self->as.prune.result = result;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_text_or_none(args, 2, "keep", &self->as.prune.options.keep) &&
           arg_bool(args, 3, "dryRun", &self->as.prune.options.dry_run) &&
           arg_bool(args, 4, "now", &self->as.prune.options.now) &&
           arg_monitor(args, 5, &self->as.prune.options.callbacks);
}

static int
ws_prune_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_remote_prune(workspace_of(self), self->remote, &self->as.prune.options,
                             &self->as.prune.result, err);
}

static napi_value
ws_prune_finish(napi_env env, struct call *call)
{
    const firn_prune_result *result = &remote_call(call)->as.prune.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "checkpoints", (double)result->checkpoints);
    set_number(env, object, "removedCheckpoints", (double)result->removed_checkpoints);
    set_number(env, object, "packs", (double)result->packs);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "removedPacks", (double)result->removed_packs);
    set_number(env, object, "removedBytes", (double)result->removed_bytes);
    set_number(env, object, "requests", (double)result->requests);
    return object;
}

/* ---- rekey ---- */

/* wsRemoteRekey(workspace, remote, bytesMax, bytesPerSecondMax, monitor) */
static bool
ws_remote_rekey_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_remote_rekey_options options = FIRN_REMOTE_REKEY_OPTIONS_INIT;
    firn_remote_rekey_result result = FIRN_REMOTE_REKEY_RESULT_INIT;
    self->as.rekey.options = options;
    self->as.rekey.result = result;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_u64(args, 2, "bytesMax", 0, &self->as.rekey.options.bytes_max) &&
           arg_rate(args, 3, &self->as.rekey.options.bytes_per_second_max) &&
           arg_monitor(args, 4, &self->as.rekey.options.callbacks);
}

static int
ws_remote_rekey_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_remote_rekey(workspace_of(self), self->remote, &self->as.rekey.options,
                             &self->as.rekey.result, err);
}

static napi_value
ws_remote_rekey_finish(napi_env env, struct call *call)
{
    const firn_remote_rekey_result *result = &remote_call(call)->as.rekey.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "packs", (double)result->packs);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "states", (double)result->states);
    set_number(env, object, "leftPacks", (double)result->left_packs);
    set_number(env, object, "leftStates", (double)result->left_states);
    set_number(env, object, "leftSeconds", (double)result->left_s);
    set_bool(env, object, "isDone", result->is_done);
    set_number(env, object, "requests", (double)result->requests);
    return object;
}

/* ---- check ---- */

/* wsRemoteCheck(workspace, remote, readData, repair, dropBroken, bytesPerSecondMax, monitor) */
static bool
ws_remote_check_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_remote_check_options options = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result result = FIRN_REMOTE_CHECK_RESULT_INIT;
    self->as.check.options = options;
    self->as.check.result = result;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_bool(args, 2, "readData", &self->as.check.options.read_data) &&
           arg_bool(args, 3, "repair", &self->as.check.options.repair) &&
           arg_bool(args, 4, "dropBroken", &self->as.check.options.drop_broken) &&
           arg_rate(args, 5, &self->as.check.options.bytes_per_second_max) &&
           arg_monitor(args, 6, &self->as.check.options.callbacks);
}

static int
ws_remote_check_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    int code = firn_remote_check(workspace_of(self), self->remote, &self->as.check.options,
                                 &self->as.check.result, err);
    self->as.check.is_damaged = code == FIRN_CORRUPT;
    return self->as.check.is_damaged ? FIRN_OK : code;
}

static napi_value
ws_remote_check_finish(napi_env env, struct call *call)
{
    const struct remote_call *self = remote_call(call);
    const firn_remote_check_result *result = &self->as.check.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    if (self->as.check.is_damaged) {
        set_value(env, object, "error",
                  error_create(call->instance, FIRN_CORRUPT, call->err->os_errno, call->err->text));
    }
    set_number(env, object, "state", (double)result->state);
    set_number(env, object, "checkpoints", (double)result->checkpoints);
    set_number(env, object, "packs", (double)result->packs);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "damaged", (double)result->damaged);
    set_number(env, object, "broken", (double)result->broken);
    set_number(env, object, "repaired", (double)result->repaired);
    set_number(env, object, "sent", (double)result->sent);
    set_number(env, object, "dropped", (double)result->dropped);
    set_number(env, object, "fetched", (double)result->fetched);
    set_number(env, object, "requests", (double)result->requests);
    return object;
}

/* wsRemoteCheckLocked(workspace, remote, readData, bytesPerSecondMax, monitor) */
static bool
ws_remote_check_locked_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    firn_remote_check_locked_options options = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    firn_remote_check_locked_result result = FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT;
    self->as.locked.options = options;
    self->as.locked.result = result;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_bool(args, 2, "readData", &self->as.locked.options.read_data) &&
           arg_rate(args, 3, &self->as.locked.options.bytes_per_second_max) &&
           arg_monitor(args, 4, &self->as.locked.options.callbacks);
}

static int
ws_remote_check_locked_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    int code = firn_remote_check_locked(workspace_of(self), self->remote, &self->as.locked.options,
                                        &self->as.locked.result, err);
    self->as.locked.is_damaged = code == FIRN_CORRUPT;
    return self->as.locked.is_damaged ? FIRN_OK : code;
}

static napi_value
ws_remote_check_locked_finish(napi_env env, struct call *call)
{
    const struct remote_call *self = remote_call(call);
    const firn_remote_check_locked_result *result = &self->as.locked.result;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    if (self->as.locked.is_damaged) {
        set_value(env, object, "error",
                  error_create(call->instance, FIRN_CORRUPT, call->err->os_errno, call->err->text));
    }
    set_number(env, object, "state", (double)result->state);
    set_number(env, object, "states", (double)result->states);
    set_number(env, object, "keys", (double)result->keys);
    set_number(env, object, "packs", (double)result->packs);
    set_number(env, object, "bytes", (double)result->bytes);
    set_number(env, object, "blocks", (double)result->blocks);
    set_number(env, object, "bytesRead", (double)result->bytes_read);
    set_number(env, object, "foreign", (double)result->foreign);
    set_number(env, object, "damaged", (double)result->damaged_count);
    set_number(env, object, "requests", (double)result->requests);
    return object;
}

/* ---- names ---- */

/* wsRemoteAdd(workspace, name, url, encrypt) */
static bool
ws_remote_add_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    return ws_begin(args, &self->ws) && arg_text(args, 1, "name", &self->remote) &&
           arg_text(args, 2, "url", &self->url) && arg_bool(args, 3, "encrypt", &self->encrypt);
}

static int
ws_remote_add_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return self->encrypt
               ? firn_remote_add_encrypted(workspace_of(self), self->remote, self->url, err)
               : firn_remote_add(workspace_of(self), self->remote, self->url, err);
}

/* wsRemoteRemove(workspace, name) */
static bool
ws_remote_remove_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    return ws_begin(args, &self->ws) && arg_text(args, 1, "name", &self->remote);
}

static int
ws_remote_remove_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_remote_remove(workspace_of(self), self->remote, err);
}

/* wsRemotes(workspace) */
static bool
ws_remotes_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    self->end = &self->first;
    return ws_begin(args, &self->ws);
}

static const char *
keep_text(struct remote_call *self, const char *text)
{
    return (const char *)arena_copy(&self->ws.call.arena, text, strlen(text));
}

static int
on_remote(void *ctx, const firn_remote_info *remote)
{
    struct remote_call *self = ctx;
    struct remote_item *item = arena_take(&self->ws.call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->name = keep_text(self, remote->name);
    item->url = keep_text(self, remote->url);
    item->id = keep_text(self, remote->id);
    item->not_pushed = remote->not_pushed;
    item->failed_ns = remote->failed_ns;
    item->failure = remote->failed_text != NULL ? keep_text(self, remote->failed_text) : NULL;
    if (item->name == NULL || item->url == NULL || item->id == NULL ||
        (item->failure == NULL && remote->failed_text != NULL)) {
        return FIRN_NO_MEMORY;
    }
    *self->end = item;
    self->end = &item->next;
    return FIRN_OK;
}

static int
ws_remotes_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_remote_list(workspace_of(self), on_remote, self, err);
}

static napi_value
ws_remotes_finish(napi_env env, struct call *call)
{
    const struct remote_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = remote_call(call)->first; item != NULL && array != NULL; item = item->next) {
        napi_value object = NULL;
        (void)napi_create_object(env, &object);
        set_text(env, object, "name", item->name);
        set_text(env, object, "url", item->url);
        set_text(env, object, "id", item->id);
        set_number(env, object, "notPushed", (double)item->not_pushed);
        if (item->failure != NULL) {
            set_bigint(env, object, "failedNs", item->failed_ns);
            set_text(env, object, "failure", item->failure);
        }
        (void)napi_set_element(env, array, i++, object);
    }
    return array;
}

/* ---- lines ---- */

/* wsLines(workspace, remote) */
static bool
ws_lines_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    self->end_line = &self->first_line;
    return ws_begin(args, &self->ws) && arg_text(args, 1, "remote", &self->remote);
}

static int
on_line(void *ctx, const firn_workspace_line *line)
{
    struct remote_call *self = ctx;
    struct line_item *item = arena_take(&self->ws.call.arena, sizeof(*item));
    if (item == NULL || !ws_keep(&self->ws, line->remote, &item->line.remote) ||
        !ws_keep(&self->ws, line->name, &item->line.name) ||
        !ws_keep(&self->ws, line->label, &item->line.label) ||
        !ws_keep(&self->ws, line->id, &item->line.id)) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    *self->end_line = item;
    self->end_line = &item->next;
    return FIRN_OK;
}

/* The limit is 0, so none comes. */
static int
pass_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

static int
ws_lines_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.limit = 0;
    options.remote = self->remote;
    options.on_line = on_line;
    return firn_workspace_list(workspace_of(self), &options, pass_checkpoint, self, err);
}

static napi_value
ws_lines_finish(napi_env env, struct call *call)
{
    const struct line_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = remote_call(call)->first_line; item != NULL && array != NULL; item = item->next) {
        napi_value object = NULL;
        (void)napi_create_object(env, &object);
        set_slice(env, object, "remote", item->line.remote);
        set_slice(env, object, "name", item->line.name);
        set_slice(env, object, "label", item->line.label);
        set_slice(env, object, "id", item->line.id);
        (void)napi_set_element(env, array, i++, object);
    }
    return array;
}

/* ---- log ---- */

/* wsRemoteLog(workspace, remote, limit) */
static bool
ws_remote_log_parse(struct args *args, struct call *call)
{
    struct remote_call *self = remote_call(call);
    self->end_change = &self->first_change;
    return ws_begin(args, &self->ws) && arg_text_or_none(args, 1, "remote", &self->remote) &&
           arg_u64(args, 2, "limit", 0, &self->limit);
}

static int
on_change(void *ctx, const firn_remote_change *change)
{
    struct remote_call *self = ctx;
    struct change_item *item = arena_take(&self->ws.call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->change = *change;
    item->change.by = keep_text(self, change->by);
    if (item->change.by == NULL || !ws_keep(&self->ws, change->line, &item->change.line)) {
        return FIRN_NO_MEMORY;
    }
    *self->end_change = item;
    self->end_change = &item->next;
    return FIRN_OK;
}

static int
ws_remote_log_run(struct call *call, firn_error *err)
{
    struct remote_call *self = remote_call(call);
    return firn_remote_log(workspace_of(self), self->remote, self->limit, on_change, self, err);
}

static napi_value
ws_remote_log_finish(napi_env env, struct call *call)
{
    const struct change_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = remote_call(call)->first_change; item != NULL && array != NULL; item = item->next) {
        const firn_remote_change *change = &item->change;
        napi_value object = NULL;
        (void)napi_create_object(env, &object);
        set_number(env, object, "state", (double)change->state);
        set_text(env, object, "by", change->by);
        set_bigint(env, object, "atNs", change->at_ns);
        set_number(env, object, "checkpoints", (double)change->checkpoints);
        set_number(env, object, "lines", (double)change->lines);
        set_slice(env, object, "line", change->line);
        set_number(env, object, "packs", (double)change->packs);
        set_number(env, object, "bytes", (double)change->bytes);
        set_number(env, object, "tags", (double)change->tags);
        set_number(env, object, "removedCheckpoints", (double)change->removed_checkpoints);
        set_number(env, object, "removedPacks", (double)change->removed_packs);
        set_number(env, object, "removedBytes", (double)change->removed_bytes);
        (void)napi_set_element(env, array, i++, object);
    }
    return array;
}

const struct call_kind remote_calls[] = {
    {"wsRemoteCheck", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_check_parse,
     ws_remote_check_run, ws_remote_check_finish, NULL},
    {"wsRemoteCheckLocked", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_check_locked_parse,
     ws_remote_check_locked_run, ws_remote_check_locked_finish, NULL},
    {"wsRemoteRekey", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_rekey_parse,
     ws_remote_rekey_run, ws_remote_rekey_finish, NULL},
    {"wsRemoteLog", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_log_parse,
     ws_remote_log_run, ws_remote_log_finish, NULL},
    {"wsPush", sizeof(struct remote_call), CALL_IN_LANE, ws_push_parse, ws_push_run, ws_push_finish,
     NULL},
    {"wsPull", sizeof(struct remote_call), CALL_IN_LANE, ws_pull_parse, ws_pull_run, ws_pull_finish,
     NULL},
    {"wsPrune", sizeof(struct remote_call), CALL_IN_LANE, ws_prune_parse, ws_prune_run,
     ws_prune_finish, NULL},
    {"wsRemoteAdd", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_add_parse,
     ws_remote_add_run, NULL, NULL},
    {"wsRemoteRemove", sizeof(struct remote_call), CALL_IN_LANE, ws_remote_remove_parse,
     ws_remote_remove_run, NULL, NULL},
    {"wsRemotes", sizeof(struct remote_call), CALL_IN_LANE, ws_remotes_parse, ws_remotes_run,
     ws_remotes_finish, NULL},
    {"wsLines", sizeof(struct remote_call), CALL_IN_LANE, ws_lines_parse, ws_lines_run,
     ws_lines_finish, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
