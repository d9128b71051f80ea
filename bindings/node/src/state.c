/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c: transactions, snapshots, checkpoints of a store, and its upkeep.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "monitor.h"

/* ---- transactions ---- */

struct txn_begin_call {
    struct call call;
    struct handle *store;
    firn_txn_options options;
    firn_txn *txn;
};

static bool
txn_begin_parse(struct args *args, struct call *call)
{
    struct txn_begin_call *self = (struct txn_begin_call *)(void *)call;
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    int isolation;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_enum(args, 1, "isolation", FIRN_ISOLATION_SERIALIZABLE, &isolation) ||
        !arg_bool(args, 2, "readOnly", &self->options.read_only)) {
        return false;
    }
    self->options.isolation = (firn_isolation)isolation;
    return true;
}

static int
txn_begin_run(struct call *call, firn_error *err)
{
    struct txn_begin_call *self = (struct txn_begin_call *)(void *)call;
    return firn_txn_begin(self->store->object, &self->options, &self->txn, err);
}

static napi_value
txn_begin_finish(napi_env env, struct call *call)
{
    struct txn_begin_call *self = (struct txn_begin_call *)(void *)call;
    void *txn = self->txn;
    return make_handle(env, call, HANDLE_TXN, self->store, &txn);
}

/* Ends a transaction, after its cursors and scans. */
struct txn_end_call {
    struct closing closing;
    firn_write_options options;
};

static bool
txn_end_parse(struct args *args, struct call *call)
{
    struct txn_end_call *self = (struct txn_end_call *)(void *)call;
    return arg_write_options(args, 1, CALL_ARGS_MAX, &self->options) &&
           arg_target(args, HANDLE_TXN, &self->closing.target);
}

static int
txn_commit_run(struct call *call, firn_error *err)
{
    struct txn_end_call *self = (struct txn_end_call *)(void *)call;
    struct handle *txn = self->closing.target;
    int code;
    handle_close_children(txn);
    code = firn_txn_commit(txn->object, &self->options, err);
    (void)!handle_close_objects(txn, NULL);
    return code;
}

struct savepoint_call {
    struct call call;
    struct handle *txn;
    uint64_t savepoint;
};

static bool
savepoint_parse(struct args *args, struct call *call)
{
    struct savepoint_call *self = (struct savepoint_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_TXN, &self->txn) &&
           arg_u64(args, 1, "savepoint", 0, &self->savepoint);
}

static int
savepoint_run(struct call *call, firn_error *err)
{
    struct savepoint_call *self = (struct savepoint_call *)(void *)call;
    return firn_txn_savepoint(self->txn->object, &self->savepoint, err);
}

static napi_value
savepoint_finish(napi_env env, struct call *call)
{
    return make_number(env, (double)((struct savepoint_call *)(void *)call)->savepoint);
}

static int
savepoint_rollback_run(struct call *call, firn_error *err)
{
    struct savepoint_call *self = (struct savepoint_call *)(void *)call;
    return firn_txn_rollback_to(self->txn->object, self->savepoint, err);
}

static int
savepoint_release_run(struct call *call, firn_error *err)
{
    struct savepoint_call *self = (struct savepoint_call *)(void *)call;
    return firn_txn_release(self->txn->object, self->savepoint, err);
}

/* ---- snapshots ---- */

struct snapshot_call {
    struct call call;
    struct handle *store;
    const char *reference;
    firn_snapshot *snapshot;
};

static bool
snapshot_parse(struct args *args, struct call *call)
{
    struct snapshot_call *self = (struct snapshot_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_STORE, &self->store) &&
           arg_text_or_none(args, 1, "checkpoint", &self->reference);
}

static int
snapshot_run(struct call *call, firn_error *err)
{
    struct snapshot_call *self = (struct snapshot_call *)(void *)call;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = self->reference;
    return firn_snapshot_open(self->store->object, &options, &self->snapshot, err);
}

static napi_value
snapshot_finish(napi_env env, struct call *call)
{
    struct snapshot_call *self = (struct snapshot_call *)(void *)call;
    void *snapshot = self->snapshot;
    return make_handle(env, call, HANDLE_SNAPSHOT, self->store, &snapshot);
}

/* ---- checkpoints ---- */

static napi_value
checkpoint_to_js(napi_env env, const firn_store_checkpoint *checkpoint)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "number", (double)checkpoint->number);
    set_text(env, object, "id", checkpoint->id);
    set_text(env, object, "name", checkpoint->name);
    set_time(env, object, checkpoint->created_ns);
    set_bigint(env, object, "sequence", (int64_t)checkpoint->sequence);
    set_bool(env, object, "isSafety", checkpoint->is_safety);
    set_text(env, object, "restored", checkpoint->restored);
    return object;
}

struct checkpoint_call {
    struct call call;
    struct handle *store;
    const char *name; /* or a reference */
    const char *path;
    const char *const *references;
    size_t reference_count;
    bool include_safety;
    firn_store_checkpoint checkpoint;
    firn_store_restore_result restored;
    struct checkpoint_item {
        struct checkpoint_item *next;
        firn_store_checkpoint checkpoint;
    } * first, **end;
    size_t count;
};

static bool
checkpoint_parse(struct args *args, struct call *call)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
    firn_store_restore_result restored = FIRN_STORE_RESTORE_RESULT_INIT;
    self->checkpoint = checkpoint;
    self->restored = restored;
    self->end = &self->first;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_text_or_none(args, 1, "the name of a checkpoint", &self->name)) {
        return false;
    }
    call->lane =
        self->store; /* a checkpoint has the writes that were made before it, and no later ones */
    return true;
}

static bool
checkpoint_find_parse(struct args *args, struct call *call)
{
    if (!checkpoint_parse(args, call)) {
        return false;
    }
    if (((struct checkpoint_call *)(void *)call)->name == NULL) {
        return throw_invalid(args, "a reference to a checkpoint is missing");
    }
    return true;
}

static int
checkpoint_create_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    return firn_store_checkpoint_create(self->store->object, self->name, NULL, &self->checkpoint,
                                        err);
}

static int
checkpoint_find_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    return firn_store_checkpoint_find(self->store->object, self->name, &self->checkpoint, err);
}

static napi_value
checkpoint_finish(napi_env env, struct call *call)
{
    return checkpoint_to_js(env, &((struct checkpoint_call *)(void *)call)->checkpoint);
}

static int
restore_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    return firn_store_restore(self->store->object, self->name, &self->restored, err);
}

static int
undo_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    return firn_store_undo(self->store->object, &self->restored, err);
}

static napi_value
restore_finish(napi_env env, struct call *call)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_value(env, object, "restored", checkpoint_to_js(env, &self->restored.restored));
    set_value(env, object, "safety", checkpoint_to_js(env, &self->restored.safety));
    return object;
}

static bool
checkpoint_list_parse(struct args *args, struct call *call)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    self->end = &self->first;
    return arg_handle(args, 0, HANDLE_STORE, &self->store) &&
           arg_bool(args, 1, "safety", &self->include_safety);
}

static int
checkpoint_visit(void *ctx, const firn_store_checkpoint *checkpoint)
{
    struct checkpoint_call *self = ctx;
    struct checkpoint_item *item = arena_take(&self->call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->checkpoint = *checkpoint;
    *self->end = item;
    self->end = &item->next;
    self->count++;
    return FIRN_OK;
}

static int
checkpoint_list_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    options.include_safety = self->include_safety;
    return firn_store_checkpoint_list(self->store->object, &options, checkpoint_visit, self, err);
}

static napi_value
checkpoint_list_finish(napi_env env, struct call *call)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    const struct checkpoint_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array_with_length(env, self->count, &array);
    for (item = self->first; item != NULL && array != NULL; item = item->next) {
        (void)napi_set_element(env, array, i++, checkpoint_to_js(env, &item->checkpoint));
    }
    return array;
}

static bool
checkpoint_delete_parse(struct args *args, struct call *call)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_texts(args, 1, "references", &self->references, &self->reference_count)) {
        return false;
    }
    call->lane = self->store;
    return true;
}

static int
checkpoint_delete_run(struct call *call, firn_error *err)
{
    struct checkpoint_call *self = (struct checkpoint_call *)(void *)call;
    return firn_store_checkpoint_delete(self->store->object, self->references,
                                        self->reference_count, err);
}

/* ---- differences ---- */

struct diff_call {
    struct call call;
    struct handle *store;
    const char *before;
    const char *after;
    firn_store_diff_options options;
    uint64_t limit;
    uint64_t count;
    bool is_cut;
    struct diff_item {
        struct diff_item *next;
        firn_store_difference_kind kind;
        const char *keyspace;
        firn_slice key;
        firn_slice before;
        firn_slice after;
    } * first, **end;
};

static bool
diff_parse(struct args *args, struct call *call)
{
    struct diff_call *self = (struct diff_call *)(void *)call;
    firn_store_diff_options options = FIRN_STORE_DIFF_OPTIONS_INIT;
    self->options = options;
    self->end = &self->first;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_text_or_none(args, 1, "before", &self->before) ||
        !arg_text_or_none(args, 2, "after", &self->after) ||
        !arg_text_or_none(args, 3, "keyspace", &self->options.keyspace) ||
        !arg_u64(args, 4, "limit", UINT64_MAX, &self->limit) ||
        !arg_monitor(args, 5, &self->options.callbacks)) {
        return false;
    }
    return true;
}

static bool
diff_copy(struct diff_call *self, firn_slice from, firn_slice *out)
{
    *out = firn_bytes(NULL, 0);
    if (from.data != NULL) {
        *out = firn_bytes(arena_copy(&self->call.arena, from.data, from.size), from.size);
        return out->data != NULL;
    }
    return true;
}

static int
diff_visit(void *ctx, const firn_store_difference *difference)
{
    struct diff_call *self = ctx;
    struct diff_item *item;
    if (self->count == self->limit) {
        self->is_cut = true;
        return FIRN_CANCELLED;
    }
    item = arena_take(&self->call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->kind = difference->kind;
    item->keyspace = (const char *)arena_copy(&self->call.arena, difference->keyspace,
                                              strlen(difference->keyspace));
    if (item->keyspace == NULL || !diff_copy(self, difference->key, &item->key) ||
        !diff_copy(self, difference->before, &item->before) ||
        !diff_copy(self, difference->after, &item->after)) {
        return FIRN_NO_MEMORY;
    }
    *self->end = item;
    self->end = &item->next;
    self->count++;
    return FIRN_OK;
}

static int
diff_run(struct call *call, firn_error *err)
{
    struct diff_call *self = (struct diff_call *)(void *)call;
    int code = firn_store_diff(self->store->object, self->before, self->after, &self->options,
                               diff_visit, self, err);
    return code == FIRN_CANCELLED && self->is_cut ? FIRN_OK : code;
}

static napi_value
diff_finish(napi_env env, struct call *call)
{
    struct diff_call *self = (struct diff_call *)(void *)call;
    const struct diff_item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = self->first; item != NULL && array != NULL; item = item->next) {
        napi_handle_scope scope = NULL;
        napi_value object = NULL;
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_create_object(env, &object);
        set_text(env, object, "kind", firn_store_difference_kind_name(item->kind));
        set_text(env, object, "keyspace", item->keyspace);
        if (item->kind != FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED &&
            item->kind != FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED) {
            set_value(env, object, "key", make_buffer(env, item->key.data, item->key.size));
        }
        if (item->before.data != NULL) {
            set_value(env, object, "before",
                      make_buffer(env, item->before.data, item->before.size));
        }
        if (item->after.data != NULL) {
            set_value(env, object, "after", make_buffer(env, item->after.data, item->after.size));
        }
        (void)napi_set_element(env, array, i++, object);
        if (scope != NULL) {
            (void)napi_close_handle_scope(env, scope);
        }
    }
    return array;
}

/* ---- upkeep ---- */

enum upkeep {
    UPKEEP_SYNC,
    UPKEEP_FLUSH,
    UPKEEP_REFRESH,
    UPKEEP_COMPACT,
    UPKEEP_CLONE,
    UPKEEP_CHECK,
    UPKEEP_STATS,
    UPKEEP_EXPORT,
    UPKEEP_DROP_KEYSPACE,
    UPKEEP_KINDS
};

struct upkeep_call {
    struct call call;
    struct handle *store;
    int what;
    const char *text; /* a path or a name */
    const char *reference;
    bool replace;
    bool in_clear;
    struct key key;
    firn_callbacks callbacks;
    firn_store_check_result check;
    char *json;
};

static bool
upkeep_parse(struct args *args, struct call *call)
{
    struct upkeep_call *self = (struct upkeep_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_STORE, &self->store) ||
        !arg_enum(args, 1, "operation", UPKEEP_KINDS - 1, &self->what) ||
        !arg_text_or_none(args, 2, "path", &self->text) ||
        !arg_text_or_none(args, 3, "checkpoint", &self->reference) ||
        !arg_bool(args, 4, "replace", &self->replace) || !arg_monitor(args, 5, &self->callbacks) ||
        !arg_bool(args, 6, "clear", &self->in_clear) || !arg_key(args, 7, &self->key)) {
        return false;
    }
    if (self->text == NULL && (self->what == UPKEEP_CLONE || self->what == UPKEEP_EXPORT ||
                               self->what == UPKEEP_DROP_KEYSPACE)) {
        return throw_invalid(args, "a path or name is missing");
    }
    if (self->what == UPKEEP_SYNC || self->what == UPKEEP_FLUSH ||
        self->what == UPKEEP_DROP_KEYSPACE || self->what == UPKEEP_CLONE) {
        call->lane = self->store; /* after the writes that were made before */
    }
    return true;
}

static int
upkeep_run(struct call *call, firn_error *err)
{
    struct upkeep_call *self = (struct upkeep_call *)(void *)call;
    firn_store *store = self->store->object;
    firn_store_maintenance_options maintenance = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    firn_store_check_options check = FIRN_STORE_CHECK_OPTIONS_INIT;
    firn_store_check_result checked = FIRN_STORE_CHECK_RESULT_INIT;
    firn_store_export_options export = FIRN_STORE_EXPORT_OPTIONS_INIT;
    int code;
    maintenance.callbacks = self->callbacks;
    check.callbacks = self->callbacks;
    export.callbacks = self->callbacks;
    export.replace_existing = self->replace;
    export.in_clear = self->in_clear;
    const firn_keys_source source = key_source(&self->key);
    export.key_source = self->key.is_given ? &source : NULL;
    switch ((enum upkeep)self->what) {
    case UPKEEP_SYNC:
        return firn_store_sync(store, err);
    case UPKEEP_FLUSH:
        return firn_store_flush(store, err);
    case UPKEEP_REFRESH:
        return firn_store_refresh(store, err);
    case UPKEEP_COMPACT:
        return firn_store_compact(store, &maintenance, err);
    case UPKEEP_CLONE:
        return firn_store_clone(store, self->text, &maintenance, err);
    case UPKEEP_CHECK:
        self->check = checked;
        code = firn_store_check(store, &check, &self->check, err);
        return code;
    case UPKEEP_STATS:
        return firn_store_stats_json(store, &self->json, err);
    case UPKEEP_EXPORT:
        code = firn_store_export(store, self->reference, self->text, &export, err);
        key_wipe(&self->key);
        return code;
    case UPKEEP_DROP_KEYSPACE:
        return firn_keyspace_drop(store, self->text, err);
    case UPKEEP_KINDS:
        break;
    }
    assert(false);
    return FIRN_INTERNAL;
}

static napi_value
upkeep_finish(napi_env env, struct call *call)
{
    struct upkeep_call *self = (struct upkeep_call *)(void *)call;
    napi_value object = NULL;
    if (self->what == UPKEEP_STATS) {
        return make_text(env, self->json, NAPI_AUTO_LENGTH);
    }
    if (self->what != UPKEEP_CHECK) {
        return NULL;
    }
    (void)napi_create_object(env, &object);
    set_number(env, object, "keyspaces", (double)self->check.keyspaces);
    set_number(env, object, "entries", (double)self->check.entries);
    set_number(env, object, "logRecords", (double)self->check.log_records);
    return object;
}

static void
upkeep_release(struct call *call)
{
    firn_release(((struct upkeep_call *)(void *)call)->json);
}

/* ---- without an open store ---- */

struct path_call {
    struct call call;
    const char *path;
    const char *file;
    firn_store_import_options options;
    struct key key;
    firn_store_checkpoint checkpoint;
};

static bool
path_parse(struct args *args, struct call *call)
{
    struct path_call *self = (struct path_call *)(void *)call;
    firn_store_import_options options = FIRN_STORE_IMPORT_OPTIONS_INIT;
    firn_store_checkpoint checkpoint = FIRN_STORE_CHECKPOINT_INIT;
    self->options = options;
    self->checkpoint = checkpoint;
    return arg_text(args, 0, "path", &self->path) &&
           arg_text_or_none(args, 1, "file", &self->file) &&
           arg_monitor(args, 2, &self->options.callbacks) && arg_key(args, 3, &self->key);
}

static int
destroy_run(struct call *call, firn_error *err)
{
    return firn_store_destroy(((struct path_call *)(void *)call)->path, err);
}

static int
import_run(struct call *call, firn_error *err)
{
    struct path_call *self = (struct path_call *)(void *)call;
    const firn_keys_source source = key_source(&self->key);
    self->options.key_source = self->key.is_given ? &source : NULL;
    int code = firn_store_import(self->file == NULL ? "" : self->file, self->path, &self->options,
                                 &self->checkpoint, err);
    key_wipe(&self->key);
    return code;
}

static napi_value
import_finish(napi_env env, struct call *call)
{
    return checkpoint_to_js(env, &((struct path_call *)(void *)call)->checkpoint);
}

struct locked_call {
    struct call call;
    const char *path;
    firn_store_check_locked_options options;
    firn_store_check_locked_result result;
};

static bool
locked_parse(struct args *args, struct call *call)
{
    struct locked_call *self = (struct locked_call *)(void *)call;
    firn_store_check_locked_options options = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result result = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    self->options = options;
    self->result = result;
    return arg_text(args, 0, "path", &self->path) &&
           arg_bool(args, 1, "skipContents", &self->options.skips_contents) &&
           arg_monitor(args, 2, &self->options.callbacks);
}

static int
locked_run(struct call *call, firn_error *err)
{
    struct locked_call *self = (struct locked_call *)(void *)call;
    return firn_store_check_locked(self->path, &self->options, &self->result, err);
}

static napi_value
locked_finish(napi_env env, struct call *call)
{
    struct locked_call *self = (struct locked_call *)(void *)call;
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_number(env, object, "files", (double)self->result.files);
    set_number(env, object, "blocks", (double)self->result.blocks);
    set_number(env, object, "bytesRead", (double)self->result.bytes_read);
    set_number(env, object, "logRecords", (double)self->result.log_records);
    return object;
}

const struct call_kind state_calls[] = {
    {"txnBegin", sizeof(struct txn_begin_call), 0, txn_begin_parse, txn_begin_run, txn_begin_finish,
     NULL},
    {"txnCommit", sizeof(struct txn_end_call), CALL_CLOSES, txn_end_parse, txn_commit_run, NULL,
     NULL},
    {"txnSavepoint", sizeof(struct savepoint_call), CALL_IN_LANE, savepoint_parse, savepoint_run,
     savepoint_finish, NULL},
    {"txnRollbackTo", sizeof(struct savepoint_call), CALL_IN_LANE, savepoint_parse,
     savepoint_rollback_run, NULL, NULL},
    {"txnRelease", sizeof(struct savepoint_call), CALL_IN_LANE, savepoint_parse,
     savepoint_release_run, NULL, NULL},
    {"snapshotOpen", sizeof(struct snapshot_call), 0, snapshot_parse, snapshot_run, snapshot_finish,
     NULL},
    {"checkpointCreate", sizeof(struct checkpoint_call), 0, checkpoint_parse, checkpoint_create_run,
     checkpoint_finish, NULL},
    {"checkpointFind", sizeof(struct checkpoint_call), 0, checkpoint_find_parse,
     checkpoint_find_run, checkpoint_finish, NULL},
    {"checkpointList", sizeof(struct checkpoint_call), 0, checkpoint_list_parse,
     checkpoint_list_run, checkpoint_list_finish, NULL},
    {"checkpointDelete", sizeof(struct checkpoint_call), 0, checkpoint_delete_parse,
     checkpoint_delete_run, NULL, NULL},
    {"restore", sizeof(struct checkpoint_call), 0, checkpoint_find_parse, restore_run,
     restore_finish, NULL},
    {"undo", sizeof(struct checkpoint_call), 0, checkpoint_parse, undo_run, restore_finish, NULL},
    {"diff", sizeof(struct diff_call), 0, diff_parse, diff_run, diff_finish, NULL},
    {"upkeep", sizeof(struct upkeep_call), 0, upkeep_parse, upkeep_run, upkeep_finish,
     upkeep_release},
    {"destroy", sizeof(struct path_call), 0, path_parse, destroy_run, NULL, NULL},
    {"checkLocked", sizeof(struct locked_call), 0, locked_parse, locked_run, locked_finish, NULL},
    {"importStore", sizeof(struct path_call), 0, path_parse, import_run, import_finish, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
