/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace_list.c: checkpoints of a workspace and what they contain: listing, naming, reading, deleting, checking.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

/* ---- lists: checkpoints, tags, entries ---- */

static struct item *
item_add(struct ws_call *self)
{
    struct item *item = arena_take(&self->call.arena, sizeof(*item));
    if (item != NULL) {
        memset(item, 0, sizeof(*item));
        *self->end_item = item;
        self->end_item = &item->next;
    }
    return item;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct ws_call *self = ctx;
    struct item *item = item_add(self);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    return ws_keep_checkpoint(self, checkpoint, &item->checkpoint) ? FIRN_OK : FIRN_NO_MEMORY;
}

static bool
ws_list_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    self->as.list.options = options;
    return ws_begin(args, self) &&
           arg_u64(args, 1, "limit", UINT64_MAX, &self->as.list.options.limit) &&
           arg_bool(args, 2, "safety", &self->as.list.options.include_safety) &&
           arg_text_or_none(args, 3, "remote", &self->as.list.options.remote);
}

static int
ws_list_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_list(self->handle->object, &self->as.list.options, on_checkpoint, self,
                               err);
}

static napi_value
items_to_js(napi_env env, const struct ws_call *self,
            napi_value (*make)(napi_env env, const struct item *item))
{
    const struct item *item;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array(env, &array);
    for (item = self->first_item; item != NULL && array != NULL; item = item->next) {
        napi_handle_scope scope = NULL;
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_set_element(env, array, i++, make(env, item));
        (void)napi_close_handle_scope(env, scope);
    }
    return array;
}

static napi_value
item_checkpoint(napi_env env, const struct item *item)
{
    return ws_checkpoint_to_js(env, &item->checkpoint);
}

static napi_value
ws_list_finish(napi_env env, struct call *call)
{
    return items_to_js(env, (struct ws_call *)(void *)call, item_checkpoint);
}

static bool
ws_reference_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return ws_begin(args, self) &&
           arg_text(args, 1, "a reference to a checkpoint", &self->reference);
}

static int
ws_find_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_find(self->handle->object, self->reference, &self->checkpoint, err);
}

static napi_value
ws_checkpoint_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return self->checkpoint == NULL ? NULL : ws_checkpoint_to_js(env, self->checkpoint);
}

static void
ws_checkpoint_release(struct call *call)
{
    firn_release(((struct ws_call *)(void *)call)->checkpoint);
}

static int
on_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct ws_call *self = ctx;
    struct item *item = item_add(self);
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->entry = *entry;
    return ws_keep(self, entry->path, &item->entry.path) &&
                   ws_keep(self, entry->link_target, &item->entry.link_target)
               ? FIRN_OK
               : FIRN_NO_MEMORY;
}

static int
ws_entries_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_entries(self->handle->object, self->reference, on_entry, self, err);
}

static napi_value
item_entry(napi_env env, const struct item *item)
{
    const firn_workspace_entry *entry = &item->entry;
    napi_value object = NULL;
    char hex[FIRN_HASH_HEX_SIZE];
    (void)napi_create_object(env, &object);
    set_slice(env, object, "path", entry->path);
    set_text(env, object, "type", firn_workspace_entry_type_name(entry->type));
    set_number(env, object, "mode", entry->mode);
    set_number(env, object, "size", (double)entry->size_bytes);
    set_bigint(env, object, "mtimeNs", entry->mtime_ns);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        set_slice(env, object, "target", entry->link_target);
    } else {
        firn_hash_to_hex(&entry->hash, hex);
        set_text(env, object, "hash", hex);
    }
    return object;
}

static napi_value
ws_entries_finish(napi_env env, struct call *call)
{
    return items_to_js(env, (struct ws_call *)(void *)call, item_entry);
}

/* ---- one file ---- */

static bool
ws_cat_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return ws_reference_parse(args, call) && arg_bytes(args, 2, "path", &self->as.cat.path) &&
           arg_text_or_none(args, 3, "remote", &self->as.cat.remote);
}

static int
keep_piece(void *ctx, firn_slice data, firn_error *err)
{
    struct ws_call *self = ctx;
    (void)err;
    if (data.size > self->as.cat.capacity - self->as.cat.size) {
        size_t capacity = self->as.cat.capacity < 65536 ? 65536 : 2 * self->as.cat.capacity;
        uint8_t *grown;
        capacity =
            capacity - self->as.cat.size < data.size ? self->as.cat.size + data.size : capacity;
        grown = realloc(self->as.cat.data, capacity);
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        self->as.cat.data = grown;
        self->as.cat.capacity = capacity;
    }
    memcpy(self->as.cat.data + self->as.cat.size, data.data, data.size);
    self->as.cat.size += data.size;
    return FIRN_OK;
}

static int
ws_cat_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return self->as.cat.remote != NULL
               ? firn_remote_cat(self->handle->object, self->as.cat.remote, self->reference,
                                 self->as.cat.path, keep_piece, self, NULL, err)
               : firn_workspace_cat(self->handle->object, self->reference, self->as.cat.path,
                                    keep_piece, self, NULL, err);
}

static napi_value
ws_cat_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return make_buffer(env, self->as.cat.data, self->as.cat.size);
}

static void
ws_cat_release(struct call *call)
{
    free(((struct ws_call *)(void *)call)->as.cat.data);
}

/* ---- tags ---- */

static bool
ws_tag_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return ws_begin(args, self) && arg_text(args, 1, "tag", &self->other) &&
           arg_text_or_none(args, 2, "reference", &self->reference) &&
           arg_bool(args, 3, "replace", &self->as.other.replace);
}

static int
ws_tag_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    if (self->reference == NULL) {
        return firn_workspace_tag_delete(self->handle->object, self->other, err);
    }
    return firn_workspace_tag_set(self->handle->object, self->other, self->reference,
                                  self->as.other.replace, &self->checkpoint, err);
}

static bool
ws_describe_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return ws_begin(args, self) && arg_text(args, 1, "checkpoint", &self->reference) &&
           arg_text(args, 2, "message", &self->other);
}

static int
ws_describe_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_describe(self->handle->object, self->reference, firn_str(self->other),
                                   &self->checkpoint, err);
}

static int
on_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct ws_call *self = ctx;
    struct item *item = item_add(self);
    if (item == NULL || !ws_keep(self, tag->name, &item->name)) {
        return FIRN_NO_MEMORY;
    }
    item->checkpoint.number = tag->number;
    item->checkpoint.created_ns = tag->created_ns;
    memcpy(item->checkpoint.id, tag->id, sizeof(tag->id));
    return FIRN_OK;
}

static bool
ws_only_parse(struct args *args, struct call *call)
{
    return ws_begin(args, (struct ws_call *)(void *)call);
}

static int
ws_tags_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    return firn_workspace_tag_list(self->handle->object, on_tag, self, err);
}

static napi_value
item_tag(napi_env env, const struct item *item)
{
    napi_value object = NULL;
    (void)napi_create_object(env, &object);
    set_slice(env, object, "name", item->name);
    set_text(env, object, "id", item->checkpoint.id);
    set_number(env, object, "number", (double)item->checkpoint.number);
    set_time(env, object, item->checkpoint.created_ns);
    return object;
}

static napi_value
ws_tags_finish(napi_env env, struct call *call)
{
    return items_to_js(env, (struct ws_call *)(void *)call, item_tag);
}

/* ---- upkeep ---- */

enum { WS_DELETE, WS_PIN, WS_UNPIN, WS_ADOPT, WS_GC, WS_CHECK, WS_EXPIRE, WS_UNDELETE, WS_KINDS };

/* wsUpkeep(workspace, what, references, text, dryRun, flag, monitor, now, rekey,
 * withoutKey) */
static bool
ws_upkeep_parse(struct args *args, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace_gc_options gc = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result gc_result = FIRN_WORKSPACE_GC_RESULT_INIT;
    firn_workspace_check_options check = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result checked = FIRN_WORKSPACE_CHECK_RESULT_INIT;
    bool flag;
    self->as.other.gc = gc;
    self->as.other.gc_result = gc_result;
    self->as.other.check = check;
    self->as.other.checked = checked;
    if (!ws_begin(args, self) ||
        !arg_enum(args, 1, "operation", WS_KINDS - 1, &self->as.other.what) ||
        !arg_texts(args, 2, "references", &self->as.other.references, &self->as.other.count) ||
        !arg_text_or_none(args, 3, "text", &self->other) ||
        !arg_bool(args, 4, "dryRun", &self->as.other.gc.dry_run) ||
        !arg_bool(args, 5, self->as.other.what == WS_CHECK ? "readData" : "full", &flag) ||
        !arg_monitor(args, 6, &self->callbacks) ||
        !arg_bool(args, 7, "now", &self->as.other.gc.now) ||
        !arg_bool(args, 8, "rekey", &self->as.other.gc.rekey) ||
        !arg_bool(args, 9, "withoutKey", &self->as.other.gc.without_key)) {
        return false;
    }
    self->as.other.gc.full = flag;
    self->as.other.gc.callbacks = self->callbacks;
    self->as.other.check.read_data = flag;
    self->as.other.check.callbacks = self->callbacks;
    return true;
}

static int
ws_upkeep_run(struct call *call, firn_error *err)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    firn_workspace *workspace = self->handle->object;
    const char *const *references = self->as.other.references;
    size_t count = self->as.other.count;
    firn_workspace_delete_options delete_options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    firn_workspace_expire_options expire = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    switch (self->as.other.what) {
    case WS_DELETE:
        delete_options.dry_run = self->as.other.gc.dry_run;
        return firn_workspace_delete(workspace, references, count, &delete_options, on_checkpoint,
                                     self, err);
    case WS_UNDELETE:
        return firn_workspace_undelete(workspace, references, count, on_checkpoint, self, err);
    case WS_PIN:
    case WS_UNPIN:
        return firn_workspace_pin_set(workspace, references, count, self->as.other.what == WS_PIN,
                                      on_checkpoint, self, err);
    case WS_ADOPT:
        return firn_workspace_adopt(workspace, self->other, err);
    case WS_GC:
        return firn_workspace_gc(workspace, &self->as.other.gc, &self->as.other.gc_result, err);
    case WS_CHECK:
        return firn_workspace_check(workspace, &self->as.other.check, &self->as.other.checked, err);
    default:
        assert(self->as.other.what == WS_EXPIRE);
        expire.keep = self->other;
        expire.dry_run = self->as.other.gc.dry_run;
        return firn_workspace_expire(workspace, &expire, on_checkpoint, self, err);
    }
}

static napi_value
ws_upkeep_finish(napi_env env, struct call *call)
{
    struct ws_call *self = (struct ws_call *)(void *)call;
    const firn_workspace_gc_result *gc = &self->as.other.gc_result;
    const firn_workspace_check_result *checked = &self->as.other.checked;
    napi_value object = NULL;
    switch (self->as.other.what) {
    case WS_GC:
        (void)napi_create_object(env, &object);
        set_number(env, object, "safetyExpired", (double)gc->safety_expired);
        set_number(env, object, "objectsLive", (double)gc->objects_live);
        set_number(env, object, "objectsDead", (double)gc->objects_dead);
        set_number(env, object, "bytesBefore", (double)gc->bytes_before);
        set_number(env, object, "bytesAfter", (double)gc->bytes_after);
        set_number(env, object, "rekeyed", (double)gc->rekeyed);
        set_number(env, object, "rekeyLeft", (double)gc->rekey_left);
        set_number(env, object, "leftovers", (double)gc->leftovers);
        set_number(env, object, "leftoverBytes", (double)gc->leftover_bytes);
        return object;
    case WS_CHECK:
        (void)napi_create_object(env, &object);
        set_number(env, object, "checkpoints", (double)checked->checkpoints);
        set_number(env, object, "packs", (double)checked->packs);
        set_number(env, object, "objects", (double)checked->objects);
        set_number(env, object, "bytesRead", (double)checked->bytes_read);
        return object;
    case WS_ADOPT:
        return NULL;
    default:
        return items_to_js(env, self, item_checkpoint);
    }
}

const struct call_kind workspace_list_calls[] = {
    {"wsList", sizeof(struct ws_call), CALL_IN_LANE, ws_list_parse, ws_list_run, ws_list_finish,
     NULL},
    {"wsFind", sizeof(struct ws_call), CALL_IN_LANE, ws_reference_parse, ws_find_run,
     ws_checkpoint_finish, ws_checkpoint_release},
    {"wsEntries", sizeof(struct ws_call), CALL_IN_LANE, ws_reference_parse, ws_entries_run,
     ws_entries_finish, NULL},
    {"wsCat", sizeof(struct ws_call), CALL_IN_LANE, ws_cat_parse, ws_cat_run, ws_cat_finish,
     ws_cat_release},
    {"wsTag", sizeof(struct ws_call), CALL_IN_LANE, ws_tag_parse, ws_tag_run, ws_checkpoint_finish,
     ws_checkpoint_release},
    {"wsDescribe", sizeof(struct ws_call), CALL_IN_LANE, ws_describe_parse, ws_describe_run,
     ws_checkpoint_finish, ws_checkpoint_release},
    {"wsTags", sizeof(struct ws_call), CALL_IN_LANE, ws_only_parse, ws_tags_run, ws_tags_finish,
     NULL},
    {"wsUpkeep", sizeof(struct ws_call), CALL_IN_LANE, ws_upkeep_parse, ws_upkeep_run,
     ws_upkeep_finish, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
