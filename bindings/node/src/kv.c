/* SPDX-License-Identifier: Apache-2.0
 *
 * kv.c: opening stores and keyspaces, and reading them: points, many keys, cursors.
 *
 * Two shapes of results spare Node-API calls, which cost more than most reads. Many values come as one Buffer with their
 * sizes in an array, and JavaScript cuts them out of it. A synchronous get copies the value into a Buffer that JavaScript
 * keeps for this (getInto), as Node's own small Buffers share one pool.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

/* ---- stores ---- */

struct open_call {
    struct call call;
    const char *path; /* NULL: in memory */
    uint64_t limit;
    firn_store_options options;
    firn_keys_source source;
    struct key key;
    firn_store *store;
};

static bool
open_parse(struct args *args, struct call *call)
{
    struct open_call *self = (struct open_call *)(void *)call;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    uint64_t threads;
    uint64_t wait;
    int durability;
    int compression;
    int cipher;
    bool no_create;
    self->options = options;
    if (!arg_text_or_none(args, 0, "path", &self->path) ||
        !arg_u64(args, 1, "limit", UINT64_MAX, &self->limit) ||
        !arg_bool(args, 2, "createIfMissing", &no_create) ||
        !arg_bool(args, 3, "failIfExists", &self->options.fail_if_exists) ||
        !arg_bool(args, 4, "readOnly", &self->options.read_only) ||
        !arg_enum(args, 5, "durability", FIRN_DURABILITY_OS, &durability) ||
        !arg_u64(args, 6, "lockTimeout", 0, &wait) ||
        !arg_u64(args, 7, "memory", 0, &self->options.memory_bytes) ||
        !arg_u64(args, 8, "threads", 0, &threads) ||
        !arg_enum(args, 9, "compression", FIRN_COMPRESSION_ZSTD, &compression) ||
        !arg_bool(args, 10, "readPending", &self->options.read_pending) ||
        !arg_enum(args, 11, "cipher", FIRN_CIPHER_AUTOMATIC, &cipher) ||
        !arg_key(args, 12, &self->key)) {
        return false;
    }
    self->source = key_source(&self->key);
    self->options.key_source = &self->source;
    self->options.cipher = (firn_cipher)cipher;
    if (threads > 1024 || wait > INT64_MAX) {
        return throw_invalid(args, "threads or lockTimeout is too large");
    }
    self->options.create_if_missing = !no_create;
    self->options.durability = (firn_durability)durability;
    self->options.compression = (firn_compression)compression;
    self->options.lock_timeout_ms = (int64_t)wait;
    self->options.threads = (unsigned)threads;
    return true;
}

static int
open_run(struct call *call, firn_error *err)
{
    struct open_call *self = (struct open_call *)(void *)call;
    int code = self->path == NULL
                   ? firn_store_open_memory(self->limit, &self->options, &self->store, err)
                   : firn_store_open(self->path, &self->options, &self->store, err);
    key_wipe(&self->key);
    return code;
}

static napi_value
open_finish(napi_env env, struct call *call)
{
    void *store = ((struct open_call *)(void *)call)->store;
    return make_handle(env, call, HANDLE_STORE, NULL, &store);
}

/* ---- closing anything ---- */

static bool
close_parse(struct args *args, struct call *call)
{
    return arg_target(args, UINT32_MAX, &((struct closing *)(void *)call)->target);
}

static int
close_run(struct call *call, firn_error *err)
{
    return handle_close_objects(((struct closing *)(void *)call)->target, err);
}

/* ---- keyspaces ---- */

struct keyspace_call {
    struct call call;
    struct handle *from; /* a store or a snapshot */
    const char *name;
    firn_keyspace_options options;
    firn_keyspace *keyspace;
};

static bool
keyspace_parse(struct args *args, struct call *call)
{
    struct keyspace_call *self = (struct keyspace_call *)(void *)call;
    firn_keyspace_options options = FIRN_KEYSPACE_OPTIONS_INIT;
    bool no_create;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_STORE | HANDLE_SNAPSHOT, &self->from) ||
        !arg_text(args, 1, "the name of a keyspace", &self->name) ||
        !arg_bool(args, 2, "createIfMissing", &no_create) ||
        !arg_bool(args, 3, "failIfExists", &self->options.fail_if_exists)) {
        return false;
    }
    self->options.create_if_missing = !no_create;
    return true;
}

static int
keyspace_run(struct call *call, firn_error *err)
{
    struct keyspace_call *self = (struct keyspace_call *)(void *)call;
    if (self->from->kind == HANDLE_SNAPSHOT) {
        return firn_snapshot_keyspace_open(self->from->object, self->name, &self->keyspace, err);
    }
    return firn_keyspace_open(self->from->object, self->name, &self->options, &self->keyspace, err);
}

static napi_value
keyspace_finish(napi_env env, struct call *call)
{
    struct keyspace_call *self = (struct keyspace_call *)(void *)call;
    void *keyspace = self->keyspace;
    /* The store owns it, also if it was found in a snapshot. */
    return make_handle(env, call, HANDLE_KEYSPACE,
                       self->from->kind == HANDLE_SNAPSHOT ? self->from->parent : self->from,
                       &keyspace);
}

/* ---- names of keyspaces and tables ---- */

struct names_call {
    struct call call;
    struct handle *from;
    bool of_tables;
    size_t count;
    struct name {
        struct name *next;
        const char *text;
    } * first, **end;
};

static bool
names_parse(struct args *args, struct call *call)
{
    struct names_call *self = (struct names_call *)(void *)call;
    self->end = &self->first;
    return arg_handle(args, 0, HANDLE_STORE | HANDLE_SNAPSHOT, &self->from) &&
           arg_bool(args, 1, "ofTables", &self->of_tables);
}

static int
names_visit(void *ctx, const char *text)
{
    struct names_call *self = ctx;
    struct name *name = arena_take(&self->call.arena, sizeof(*name));
    if (name == NULL ||
        (name->text = (const char *)arena_copy(&self->call.arena, text, strlen(text))) == NULL) {
        return FIRN_NO_MEMORY;
    }
    name->next = NULL;
    *self->end = name;
    self->end = &name->next;
    self->count++;
    return FIRN_OK;
}

static int
names_run(struct call *call, firn_error *err)
{
    struct names_call *self = (struct names_call *)(void *)call;
    void *object = self->from->object;
    if (self->from->kind == HANDLE_SNAPSHOT) {
        return self->of_tables ? firn_snapshot_table_list(object, names_visit, self, err)
                               : firn_snapshot_keyspace_list(object, names_visit, self, err);
    }
    return self->of_tables ? firn_table_list(object, names_visit, self, err)
                           : firn_keyspace_list(object, names_visit, self, err);
}

static napi_value
names_finish(napi_env env, struct call *call)
{
    struct names_call *self = (struct names_call *)(void *)call;
    const struct name *name;
    napi_value array = NULL;
    uint32_t i = 0;
    (void)napi_create_array_with_length(env, self->count, &array);
    for (name = self->first; name != NULL && array != NULL; name = name->next) {
        (void)napi_set_element(env, array, i++, make_text(env, name->text, NAPI_AUTO_LENGTH));
    }
    return array;
}

/* ---- one key ---- */

struct get_call {
    struct call call;
    struct handle *keyspace;
    struct handle *context; /* a snapshot, a transaction, or NULL */
    firn_slice key;
    bool only_exists;
    bool exists;
    uint8_t *value;
    size_t size;
};

static bool
get_parse(struct args *args, struct call *call)
{
    struct get_call *self = (struct get_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_KEYSPACE, &self->keyspace) ||
        !arg_context(args, 1, HANDLE_SNAPSHOT | HANDLE_TXN, self->keyspace, &self->context) ||
        !arg_bytes(args, 2, "key", &self->key) ||
        !arg_bool(args, 3, "onlyExists", &self->only_exists)) {
        return false;
    }
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        call->lane = self->context->lane;
    }
    return true;
}

static int
get_run(struct call *call, firn_error *err)
{
    struct get_call *self = (struct get_call *)(void *)call;
    firn_keyspace *keyspace = self->keyspace->object;
    int code;
    if (self->context == NULL && self->only_exists) {
        return firn_exists(keyspace, self->key, &self->exists, err);
    }
    if (self->context == NULL) {
        code = firn_get(keyspace, self->key, &self->value, &self->size, err);
    } else if (self->context->kind == HANDLE_TXN) {
        code = firn_txn_get(self->context->object, keyspace, self->key, &self->value, &self->size,
                            err);
    } else {
        code = firn_snapshot_get(self->context->object, keyspace, self->key, &self->value,
                                 &self->size, err);
    }
    self->exists = code == FIRN_OK;
    return code == FIRN_NOT_FOUND ? FIRN_OK : code;
}

static napi_value
get_finish(napi_env env, struct call *call)
{
    struct get_call *self = (struct get_call *)(void *)call;
    uint8_t *value = self->value;
    if (self->only_exists) {
        return make_bool(env, self->exists);
    }
    if (!self->exists) {
        return NULL;
    }
    self->value = NULL;
    return make_buffer_of(env, value, self->size);
}

static void
get_release(struct call *call)
{
    firn_release(((struct get_call *)(void *)call)->value);
}

/* ---- many keys ---- */

struct get_many_call {
    struct call call;
    struct handle *keyspace;
    struct handle *context;
    firn_slice *keys;
    size_t count;
    uint8_t **values;
    size_t *sizes;
};

static bool
get_many_parse(struct args *args, struct call *call)
{
    struct get_many_call *self = (struct get_many_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_KEYSPACE, &self->keyspace) ||
        !arg_context(args, 1, HANDLE_SNAPSHOT | HANDLE_TXN, self->keyspace, &self->context) ||
        !arg_slices(args, 2, "keys", &self->keys, &self->count)) {
        return false;
    }
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        call->lane = self->context->lane;
    }
    self->values = arena_take(&call->arena, self->count * sizeof(*self->values) + 1);
    self->sizes = arena_take(&call->arena, self->count * sizeof(*self->sizes) + 1);
    if (self->values == NULL || self->sizes == NULL) {
        self->values = NULL;
        return throw_no_memory(args->instance);
    }
    memset(self->values, 0, self->count * sizeof(*self->values));
    memset(self->sizes, 0, self->count * sizeof(*self->sizes));
    return true;
}

static int
get_many_run(struct call *call, firn_error *err)
{
    struct get_many_call *self = (struct get_many_call *)(void *)call;
    int code = FIRN_OK;
    size_t i;
    if (self->context == NULL || self->context->kind == HANDLE_SNAPSHOT) {
        return firn_get_many(self->keyspace->object,
                             self->context == NULL ? NULL : self->context->object, self->keys,
                             self->count, self->values, self->sizes, err);
    }
    for (i = 0; i < self->count && code == FIRN_OK; i++) {
        code = firn_txn_get(self->context->object, self->keyspace->object, self->keys[i],
                            &self->values[i], &self->sizes[i], err);
        code = code == FIRN_NOT_FOUND ? FIRN_OK : code;
    }
    return code;
}

static napi_value
get_many_finish(napi_env env, struct call *call)
{
    struct get_many_call *self = (struct get_many_call *)(void *)call;
    napi_value pair = NULL;
    napi_value slab = NULL;
    napi_value sizes_memory = NULL;
    napi_value sizes = NULL;
    void *bytes = NULL;
    void *numbers = NULL;
    size_t total = 0;
    size_t i;
    for (i = 0; i < self->count; i++) {
        total += self->values[i] == NULL ? 0 : self->sizes[i];
    }
    if (napi_create_buffer(env, total, &bytes, &slab) != napi_ok ||
        napi_create_arraybuffer(env, self->count * sizeof(double), &numbers, &sizes_memory) !=
            napi_ok ||
        napi_create_typedarray(env, napi_float64_array, self->count, sizes_memory, 0, &sizes) !=
            napi_ok ||
        napi_create_array_with_length(env, 2, &pair) != napi_ok) {
        return NULL;
    }
    for (i = 0, total = 0; i < self->count; i++) {
        double size = self->values[i] == NULL ? -1 : (double)self->sizes[i];
        memcpy((uint8_t *)numbers + i * sizeof(double), &size, sizeof(size));
        if (self->values[i] != NULL && self->sizes[i] > 0) {
            memcpy((uint8_t *)bytes + total, self->values[i], self->sizes[i]);
            total += self->sizes[i];
        }
    }
    (void)napi_set_element(env, pair, 0, slab);
    (void)napi_set_element(env, pair, 1, sizes);
    return pair;
}

static void
get_many_release(struct call *call)
{
    struct get_many_call *self = (struct get_many_call *)(void *)call;
    size_t i;
    for (i = 0; self->values != NULL && i < self->count; i++) {
        firn_release(self->values[i]);
    }
}

/* ---- cursors ---- */

struct cursor_open_call {
    struct call call;
    struct handle *keyspace;
    struct handle *context;
    firn_cursor_options options;
    firn_cursor *cursor;
};

static bool
cursor_open_parse(struct args *args, struct call *call)
{
    struct cursor_open_call *self = (struct cursor_open_call *)(void *)call;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_KEYSPACE, &self->keyspace) ||
        !arg_context(args, 1, HANDLE_SNAPSHOT | HANDLE_TXN, self->keyspace, &self->context) ||
        !arg_bytes_or_none(args, 2, "the lower bound", &self->options.lower) ||
        !arg_bytes_or_none(args, 3, "the upper bound", &self->options.upper) ||
        !arg_bytes_or_none(args, 4, "prefix", &self->options.prefix) ||
        !arg_bool(args, 5, "keysOnly", &self->options.keys_only)) {
        return false;
    }
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        call->lane = self->context->lane;
    } else if (self->context != NULL) {
        self->options.snapshot = self->context->object;
    }
    return true;
}

static int
cursor_open_run(struct call *call, firn_error *err)
{
    struct cursor_open_call *self = (struct cursor_open_call *)(void *)call;
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        return firn_txn_cursor_open(self->context->object, self->keyspace->object, &self->options,
                                    &self->cursor, err);
    }
    return firn_cursor_open(self->keyspace->object, &self->options, &self->cursor, err);
}

static napi_value
cursor_open_finish(napi_env env, struct call *call)
{
    struct cursor_open_call *self = (struct cursor_open_call *)(void *)call;
    void *cursor = self->cursor;
    bool in_txn = self->context != NULL && self->context->kind == HANDLE_TXN;
    return make_handle(env, call, HANDLE_CURSOR, in_txn ? self->context : self->keyspace->parent,
                       &cursor);
}

struct cursor_next_call {
    struct call call;
    struct handle *cursor;
    uint64_t entries_max;
    uint64_t bytes_max;
    bool reverse;
    bool is_first;
    bool is_done;
    uint8_t *slab; /* keys and values, one after the other */
    size_t size;
    size_t capacity;
    uint32_t *sizes; /* of key and value in turn */
    size_t count;    /* of entries */
    size_t sizes_capacity;
};

static bool
cursor_next_parse(struct args *args, struct call *call)
{
    struct cursor_next_call *self = (struct cursor_next_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_CURSOR, &self->cursor) &&
           arg_u64(args, 1, "the number of entries", 1, &self->entries_max) &&
           arg_u64(args, 2, "the number of bytes", 1, &self->bytes_max) &&
           arg_bool(args, 3, "reverse", &self->reverse) &&
           arg_bool(args, 4, "isFirst", &self->is_first);
}

static bool
cursor_add(struct cursor_next_call *self, firn_slice key, firn_slice value)
{
    size_t need = key.size + value.size; /* far below SIZE_MAX: both have limits */
    void *memory;
    if (need > self->capacity - self->size) {
        size_t capacity = self->capacity < 4096 ? 4096 : 2 * self->capacity;
        capacity = capacity - self->size < need ? self->size + need : capacity;
        memory = realloc(self->slab, capacity);
        if (memory == NULL) {
            return false;
        }
        self->slab = memory;
        self->capacity = capacity;
    }
    if (self->count == self->sizes_capacity) {
        size_t capacity = self->sizes_capacity == 0 ? 64 : 2 * self->sizes_capacity;
        memory = realloc(self->sizes, 2 * capacity * sizeof(*self->sizes));
        if (memory == NULL) {
            return false;
        }
        self->sizes = memory;
        self->sizes_capacity = capacity;
    }
    if (key.size > 0) {
        memcpy(self->slab + self->size, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(self->slab + self->size + key.size, value.data, value.size);
    }
    self->size += need;
    self->sizes[2 * self->count] = (uint32_t)key.size;
    self->sizes[2 * self->count + 1] = (uint32_t)value.size;
    self->count++;
    return true;
}

/* Each call leaves the cursor on the last entry that it gave, so that writes of the transaction up to the next call count. */
static int
cursor_next_run(struct call *call, firn_error *err)
{
    struct cursor_next_call *self = (struct cursor_next_call *)(void *)call;
    firn_cursor *cursor = self->cursor->object;
    bool is_first = self->is_first;
    while (self->count < self->entries_max && self->size < self->bytes_max) {
        int code;
        if (is_first) {
            code = self->reverse ? firn_cursor_last(cursor, err) : firn_cursor_first(cursor, err);
            is_first = false;
        } else {
            code = self->reverse ? firn_cursor_prev(cursor, err) : firn_cursor_next(cursor, err);
        }
        if (code != FIRN_OK) {
            return code;
        }
        if (!firn_cursor_valid(cursor)) {
            self->is_done = true;
            break;
        }
        if (!cursor_add(self, firn_cursor_key(cursor), firn_cursor_value(cursor))) {
            return FIRN_NO_MEMORY;
        }
    }
    return FIRN_OK;
}

static napi_value
cursor_next_finish(napi_env env, struct call *call)
{
    struct cursor_next_call *self = (struct cursor_next_call *)(void *)call;
    napi_value triple = NULL;
    napi_value memory = NULL;
    napi_value sizes = NULL;
    void *data = NULL;
    size_t size = 2 * self->count * sizeof(uint32_t);
    if (napi_create_arraybuffer(env, size, &data, &memory) != napi_ok ||
        napi_create_typedarray(env, napi_uint32_array, 2 * self->count, memory, 0, &sizes) !=
            napi_ok ||
        napi_create_array_with_length(env, 3, &triple) != napi_ok) {
        return NULL;
    }
    if (size > 0) {
        memcpy(data, self->sizes, size);
    }
    (void)napi_set_element(env, triple, 0, make_buffer(env, self->slab, self->size));
    (void)napi_set_element(env, triple, 1, sizes);
    (void)napi_set_element(env, triple, 2, make_bool(env, self->is_done));
    return triple;
}

static void
cursor_next_release(struct call *call)
{
    struct cursor_next_call *self = (struct cursor_next_call *)(void *)call;
    free(self->slab);
    free(self->sizes);
}

/* ---- the fast path: nothing is allocated, and nothing copied but the value ---- */

enum { FAST_KEY_MAX = 1024 };

bool
fast_bytes(struct args *args, size_t i, const char *what, uint8_t *buffer, size_t capacity,
           uint8_t **heap, firn_slice *out)
{
    void *data = NULL;
    size_t size = 0;
    napi_valuetype type;
    *heap = NULL;
    if (i >= args->count || napi_typeof(args->env, args->values[i], &type) != napi_ok) {
        return throw_invalid(args, "%s is missing", what);
    }
    if (type == napi_string) {
        /* A string that fills the buffer may have been cut. */
        if (napi_get_value_string_utf8(args->env, args->values[i], (char *)buffer, capacity,
                                       &size) != napi_ok) {
            return throw_invalid(args, "%s could not be read", what);
        }
        if (size + 4 < capacity) {
            *out = firn_bytes(buffer, size);
            return string_is_whole(args, args->values[i], buffer, size, what);
        }
        if (napi_get_value_string_utf8(args->env, args->values[i], NULL, 0, &size) != napi_ok ||
            (*heap = malloc(size + 1)) == NULL) {
            return throw_no_memory(args->instance);
        }
        (void)napi_get_value_string_utf8(args->env, args->values[i], (char *)*heap, size + 1,
                                         &size);
        *out = firn_bytes(*heap, size);
        if (!string_is_whole(args, args->values[i], *heap, size, what)) {
            free(*heap);
            *heap = NULL;
            return false;
        }
        return true;
    }
    if (type != napi_object ||
        (napi_get_buffer_info(args->env, args->values[i], &data, &size) != napi_ok &&
         napi_get_arraybuffer_info(args->env, args->values[i], &data, &size) != napi_ok)) {
        return throw_invalid(
            args, "%s must be a string, a Buffer or another view, or an ArrayBuffer", what);
    }
    size = data == NULL ? 0 : size;
    *out = firn_bytes(data == NULL ? buffer : data, size);
    return memory_is_there(args, args->values[i], size, what);
}

/* getInto(keyspace, key, buffer, offset): the size of the value, which may be more than there is room for; -1: none. */
static napi_value
get_into(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *keyspace;
    uint8_t key_buffer[FAST_KEY_MAX];
    uint8_t *heap;
    firn_slice key;
    firn_error err;
    void *data = NULL;
    size_t capacity = 0;
    size_t size = 0;
    uint64_t offset;
    int code;
    if (!args_read(env, info, &args) || !arg_handle(&args, 0, HANDLE_KEYSPACE, &keyspace)) {
        return NULL;
    }
    if (args.count < 3 || napi_get_buffer_info(env, args.values[2], &data, &capacity) != napi_ok) {
        (void)throw_invalid(&args, "the value goes into a Buffer or another view");
        return NULL;
    }
    if (!arg_u64(&args, 3, "offset", 0, &offset)) {
        return NULL;
    }
    if (offset > capacity) {
        (void)throw_invalid(&args, "offset is beyond the end of the buffer");
        return NULL;
    }
    if (!fast_bytes(&args, 1, "key", key_buffer, sizeof(key_buffer), &heap, &key)) {
        return NULL;
    }
    capacity -= (size_t)offset;
    code = firn_get_into(keyspace->object, key,
                         capacity == 0 ? (void *)key_buffer : (uint8_t *)data + offset, capacity,
                         &size, &err);
    free(heap);
    if (code == FIRN_OK || (code == FIRN_LIMIT && size > capacity)) {
        return make_number(env, (double)size);
    }
    if (code == FIRN_NOT_FOUND) {
        return make_number(env, -1);
    }
    (void)throw_error(args.instance, code, err.os_errno, err.text);
    return NULL;
}

bool
kv_define(struct instance *instance, napi_value exports)
{
    return function_define(instance, exports, "getInto", get_into);
}

const struct call_kind kv_calls[] = {
    {"open", sizeof(struct open_call), 0, open_parse, open_run, open_finish, NULL},
    {"close", sizeof(struct closing), CALL_CLOSES, close_parse, close_run, NULL, NULL},
    {"keyspaceOpen", sizeof(struct keyspace_call), 0, keyspace_parse, keyspace_run, keyspace_finish,
     NULL},
    {"names", sizeof(struct names_call), 0, names_parse, names_run, names_finish, NULL},
    {"get", sizeof(struct get_call), 0, get_parse, get_run, get_finish, get_release},
    {"getMany", sizeof(struct get_many_call), 0, get_many_parse, get_many_run, get_many_finish,
     get_many_release},
    {"cursorOpen", sizeof(struct cursor_open_call), 0, cursor_open_parse, cursor_open_run,
     cursor_open_finish, NULL},
    {"cursorNext", sizeof(struct cursor_next_call), CALL_IN_LANE, cursor_next_parse,
     cursor_next_run, cursor_next_finish, cursor_next_release},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
