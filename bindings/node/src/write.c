/* SPDX-License-Identifier: Apache-2.0
 *
 * write.c: single writes and batches.
 *
 * Asynchronous writes of a store take their turns (call.c). With full durability each would wait for a sync of its own, so
 * puts and deletes that have gathered are committed as one batch. If that is refused they are done one by one, which gives
 * each the error that is its own. So a program that starts a thousand puts and awaits them all waits for two syncs.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

enum write_operation {
    WRITE_PUT,
    WRITE_DELETE,
    WRITE_INSERT,
    WRITE_COMPARE,
    WRITE_MERGE,
    WRITE_DELETE_RANGE,
    WRITE_CLEAR,
    WRITE_OPERATIONS
};
enum { JOIN_SIZE_MAX = 64 << 10, FAST_SIZE = 2048 };

struct write_call {
    struct call call;
    struct handle *keyspace;
    struct handle *txn; /* NULL: a commit of its own */
    int operation;
    firn_slice key;   /* of a range the lower bound */
    firn_slice value; /* of a range the upper bound */
    firn_slice expected;
    int merge;
    firn_write_options options;
};

/* What a write calls its key and its value. */
static const char *
key_name(int operation)
{
    return operation == WRITE_DELETE_RANGE ? "the lower bound" : "key";
}

static const char *
value_name(int operation)
{
    return operation == WRITE_DELETE_RANGE ? "the upper bound" : "value";
}

bool
is_operator(int number)
{
    return strcmp(firn_merge_operator_name((firn_merge_operator)number), "unknown") != 0;
}

/* A merge operator; 0: none. */
static bool
arg_operator(struct args *args, size_t i, int *out)
{
    return arg_enum(args, i, "operator", UINT8_MAX, out) &&
           (*out == 0 || is_operator(*out) ||
            throw_invalid(args, "operator is not one of its values"));
}

static bool
write_parse(struct args *args, struct call *call)
{
    struct write_call *self = (struct write_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_KEYSPACE, &self->keyspace) ||
        !arg_context(args, 1, HANDLE_TXN, self->keyspace, &self->txn) ||
        !arg_enum(args, 2, "operation", WRITE_OPERATIONS - 1, &self->operation) ||
        (self->operation != WRITE_CLEAR &&
         !arg_bytes(args, 3, key_name(self->operation), &self->key)) ||
        (self->operation != WRITE_DELETE && self->operation != WRITE_CLEAR &&
         !arg_bytes(args, 4, value_name(self->operation), &self->value)) ||
        !arg_write_options(args, 5, 6, &self->options) ||
        !arg_bytes_or_none(args, 7, "the expected value", &self->expected) ||
        !arg_operator(args, 8, &self->merge)) {
        return false;
    }
    if (self->txn != NULL &&
        (self->operation == WRITE_INSERT || self->operation == WRITE_COMPARE)) {
        return throw_invalid(args,
                             "a transaction reads and puts instead: its commit finds conflicts");
    }
    if (self->operation == WRITE_MERGE && self->merge == 0) {
        return throw_invalid(args, "operator is missing");
    }
    if (self->operation == WRITE_COMPARE && self->expected.data == NULL) {
        return throw_invalid(args, "the expected value is missing");
    }
    call->lane = self->txn != NULL ? self->txn->lane : self->keyspace->parent;
    return true;
}

/* Deletes all keys: those before the last one as a range, and the last one, in one commit. It takes its turn among the writes of the
 * store or of the transaction, so none of the keys is of a write that was started later. */
static int
write_clear(const struct write_call *self, firn_error *err)
{
    firn_txn *txn = self->txn == NULL ? NULL : self->txn->object;
    firn_keyspace *keyspace = self->keyspace->object;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    const firn_slice first = firn_bytes("", 0);
    firn_cursor *cursor = NULL;
    firn_batch *batch = NULL;
    firn_slice last;
    int code;
    options.keys_only = true;
    code = txn != NULL ? firn_txn_cursor_open(txn, keyspace, &options, &cursor, err)
                       : firn_cursor_open(keyspace, &options, &cursor, err);
    if (code == FIRN_OK) {
        code = firn_cursor_last(cursor, err);
    }
    if (code != FIRN_OK || !firn_cursor_valid(cursor)) {
        goto out;
    }
    last = firn_cursor_key(cursor);
    if (txn != NULL) {
        code = firn_txn_delete_range(txn, keyspace, first, last, err);
        if (code == FIRN_OK) {
            code = firn_txn_delete(txn, keyspace, last, err);
        }
        goto out;
    }
    code = firn_batch_create(&batch, err);
    if (code == FIRN_OK) {
        code = firn_batch_delete_range(batch, keyspace, first, last, err);
    }
    if (code == FIRN_OK) {
        code = firn_batch_delete(batch, keyspace, last, err);
    }
    if (code == FIRN_OK) {
        code = firn_store_write(self->keyspace->parent->object, batch, &self->options, err);
    }
out:
    firn_batch_destroy(batch);
    firn_cursor_close(cursor);
    return code;
}

static int
write_in_txn(const struct write_call *self, firn_error *err)
{
    firn_txn *txn = self->txn->object;
    firn_keyspace *keyspace = self->keyspace->object;
    switch (self->operation) {
    case WRITE_PUT:
        return firn_txn_put_ttl(txn, keyspace, self->key, self->value, self->options.ttl_ms, err);
    case WRITE_DELETE:
        return firn_txn_delete(txn, keyspace, self->key, err);
    case WRITE_MERGE:
        return firn_txn_merge(txn, keyspace, self->key, (firn_merge_operator)self->merge,
                              self->value, err);
    case WRITE_CLEAR:
        return write_clear(self, err);
    default:
        assert(self->operation == WRITE_DELETE_RANGE);
        return firn_txn_delete_range(txn, keyspace, self->key, self->value, err);
    }
}

static int
write_run(struct call *call, firn_error *err)
{
    const struct write_call *self = (struct write_call *)(void *)call;
    firn_keyspace *keyspace = self->keyspace->object;
    if (self->txn != NULL) {
        return write_in_txn(self, err);
    }
    switch (self->operation) {
    case WRITE_PUT:
        return firn_put(keyspace, self->key, self->value, &self->options, err);
    case WRITE_DELETE:
        return firn_delete(keyspace, self->key, &self->options, err);
    case WRITE_INSERT:
        return firn_insert(keyspace, self->key, self->value, &self->options, err);
    case WRITE_COMPARE:
        return firn_compare_and_put(keyspace, self->key, self->expected, self->value,
                                    &self->options, err);
    case WRITE_MERGE:
        return firn_merge(keyspace, self->key, (firn_merge_operator)self->merge, self->value,
                          &self->options, err);
    case WRITE_CLEAR:
        return write_clear(self, err);
    default:
        assert(self->operation == WRITE_DELETE_RANGE);
        return firn_delete_range(keyspace, self->key, self->value, &self->options, err);
    }
}

static const struct write_call *
joinable(const struct call *call)
{
    const struct write_call *self;
    if ((call->kind->flags & CALL_GROUPS) == 0) {
        return NULL;
    }
    self = (const struct write_call *)(const void *)call;
    if (self->txn != NULL || self->operation > WRITE_DELETE ||
        self->key.size + self->value.size > JOIN_SIZE_MAX) {
        return NULL;
    }
    return self;
}

bool
write_can_join(const struct call *first, const struct call *next)
{
    const struct write_call *a = joinable(first);
    const struct write_call *b = joinable(next);
    return a != NULL && b != NULL && a->options.durability == b->options.durability;
}

static int
write_batch_of(struct call *first)
{
    const struct write_call *self = joinable(first);
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    firn_batch *batch = NULL;
    struct call *call;
    int code = firn_batch_create(&batch, NULL);
    for (call = first; call != NULL && code == FIRN_OK; call = call->group) {
        const struct write_call *write = joinable(call);
        firn_keyspace *keyspace = write->keyspace->object;
        if (write->operation == WRITE_DELETE) {
            code = firn_batch_delete(batch, keyspace, write->key, NULL);
        } else {
            code = firn_batch_put_ttl(batch, keyspace, write->key, write->value,
                                      write->options.ttl_ms, NULL);
        }
    }
    if (code == FIRN_OK) {
        options.durability = self->options.durability;
        code = firn_store_write(self->keyspace->parent->object, batch, &options, NULL);
    }
    firn_batch_destroy(batch);
    return code;
}

void
write_run_group(struct call *first)
{
    struct call *call;
    bool is_done = write_batch_of(first) == FIRN_OK;
    for (call = first; call != NULL; call = call->group) {
        call->code = is_done ? FIRN_OK : write_run(call, call->err);
    }
}

/* ---- the fast path ---- */

/* putSync(keyspace, key, value, durability, ttl) and delSync(keyspace, key, durability). */
static napi_value
write_fast(napi_env env, napi_callback_info info, bool is_put)
{
    struct args args;
    struct handle *keyspace;
    uint8_t key_buffer[FAST_SIZE];
    uint8_t value_buffer[FAST_SIZE];
    uint8_t *key_heap = NULL;
    uint8_t *value_heap = NULL;
    firn_slice key;
    firn_slice value;
    firn_write_options options;
    firn_error err;
    int code;
    if (args_read(env, info, &args) && arg_handle(&args, 0, HANDLE_KEYSPACE, &keyspace) &&
        fast_bytes(&args, 1, "key", key_buffer, sizeof(key_buffer), &key_heap, &key) &&
        (!is_put ||
         fast_bytes(&args, 2, "value", value_buffer, sizeof(value_buffer), &value_heap, &value)) &&
        arg_write_options(&args, is_put ? 3 : 2, is_put ? 4 : CALL_ARGS_MAX, &options)) {
        code = is_put ? firn_put(keyspace->object, key, value, &options, &err)
                      : firn_delete(keyspace->object, key, &options, &err);
        if (code != FIRN_OK) {
            (void)throw_error(args.instance, code, err.os_errno, err.text);
        }
    }
    free(key_heap);
    free(value_heap);
    return NULL;
}

static napi_value
put_fast(napi_env env, napi_callback_info info)
{
    return write_fast(env, info, true);
}

static napi_value
delete_fast(napi_env env, napi_callback_info info)
{
    return write_fast(env, info, false);
}

/* ---- batches ---- */

struct batch_call {
    struct call call;
    struct handle *handle; /* the store to create it for, or the batch */
    firn_batch *batch;
    firn_write_options options;
};

static bool
batch_create_parse(struct args *args, struct call *call)
{
    return arg_handle(args, 0, HANDLE_STORE, &((struct batch_call *)(void *)call)->handle);
}

static int
batch_create_run(struct call *call, firn_error *err)
{
    return firn_batch_create(&((struct batch_call *)(void *)call)->batch, err);
}

static napi_value
batch_create_finish(napi_env env, struct call *call)
{
    struct batch_call *self = (struct batch_call *)(void *)call;
    void *batch = self->batch;
    return make_handle(env, call, HANDLE_BATCH, self->handle, &batch);
}

static bool
batch_write_parse(struct args *args, struct call *call)
{
    struct batch_call *self = (struct batch_call *)(void *)call;
    if (!arg_handle(args, 0, HANDLE_BATCH, &self->handle) ||
        !arg_write_options(args, 1, CALL_ARGS_MAX, &self->options)) {
        return false;
    }
    call->lane = self->handle->parent; /* in turn with the store's other writes */
    return true;
}

static int
batch_write_run(struct call *call, firn_error *err)
{
    const struct batch_call *self = (struct batch_call *)(void *)call;
    return firn_store_write(self->handle->parent->object, self->handle->object, &self->options,
                            err);
}

/* A batch that is being written must not be changed. */
static bool
batch_of(struct args *args, struct handle **out)
{
    if (!arg_handle(args, 0, HANDLE_BATCH, out)) {
        return false;
    }
    if ((*out)->pending > 0) {
        return throw_error(args->instance, FIRN_BUSY, 0,
                           "the batch is being written: await that first");
    }
    return true;
}

static int
batch_add_operation(firn_batch *batch, const struct write_call *write, firn_error *err)
{
    firn_keyspace *keyspace = write->keyspace->object;
    switch (write->operation) {
    case WRITE_PUT:
        return firn_batch_put_ttl(batch, keyspace, write->key, write->value, write->options.ttl_ms,
                                  err);
    case WRITE_DELETE:
        return firn_batch_delete(batch, keyspace, write->key, err);
    case WRITE_MERGE:
        return firn_batch_merge(batch, keyspace, write->key, (firn_merge_operator)write->merge,
                                write->value, err);
    default:
        return firn_batch_delete_range(batch, keyspace, write->key, write->value, err);
    }
}

/* batchAdd(batch, keyspace, operation, key, value, ttl, operator) */
static napi_value
batch_add(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *batch;
    struct write_call write;
    uint8_t key_buffer[FAST_SIZE];
    uint8_t value_buffer[FAST_SIZE];
    uint8_t *key_heap = NULL;
    uint8_t *value_heap = NULL;
    firn_error err;
    int code;
    memset(&write, 0, sizeof(write));
    if (args_read(env, info, &args) && batch_of(&args, &batch) &&
        arg_handle(&args, 1, HANDLE_KEYSPACE, &write.keyspace) &&
        arg_enum(&args, 2, "operation", WRITE_OPERATIONS - 1, &write.operation) &&
        fast_bytes(&args, 3, key_name(write.operation), key_buffer, sizeof(key_buffer), &key_heap,
                   &write.key) &&
        (write.operation == WRITE_DELETE ||
         fast_bytes(&args, 4, value_name(write.operation), value_buffer, sizeof(value_buffer),
                    &value_heap, &write.value)) &&
        arg_u64(&args, 5, "ttl", 0, &write.options.ttl_ms) &&
        arg_operator(&args, 6, &write.merge)) {
        if (write.operation == WRITE_INSERT || write.operation == WRITE_COMPARE ||
            write.operation == WRITE_CLEAR ||
            (write.operation == WRITE_MERGE && write.merge == 0) ||
            write.keyspace->parent != batch->parent) {
            (void)throw_invalid(&args, write.keyspace->parent != batch->parent
                                           ? "the keyspace belongs to another store"
                                           : "a batch cannot do this");
        } else {
            code = batch_add_operation(batch->object, &write, &err);
            if (code != FIRN_OK) {
                (void)throw_error(args.instance, code, err.os_errno, err.text);
            }
        }
    }
    free(key_heap);
    free(value_heap);
    return NULL;
}

static napi_value
batch_clear(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *batch;
    if (args_read(env, info, &args) && batch_of(&args, &batch)) {
        firn_batch_clear(batch->object);
    }
    return NULL;
}

static napi_value
batch_count(napi_env env, napi_callback_info info)
{
    struct args args;
    struct handle *batch;
    if (!args_read(env, info, &args) || !batch_of(&args, &batch)) {
        return NULL;
    }
    return make_number(env, (double)firn_batch_count(batch->object));
}

bool
write_define(struct instance *instance, napi_value exports)
{
    return function_define(instance, exports, "putFast", put_fast) &&
           function_define(instance, exports, "delFast", delete_fast) &&
           function_define(instance, exports, "batchAdd", batch_add) &&
           function_define(instance, exports, "batchClear", batch_clear) &&
           function_define(instance, exports, "batchCount", batch_count);
}

const struct call_kind write_calls[] = {
    {"write", sizeof(struct write_call), CALL_GROUPS, write_parse, write_run, NULL, NULL},
    {"batchCreate", sizeof(struct batch_call), 0, batch_create_parse, batch_create_run,
     batch_create_finish, NULL},
    {"batchWrite", sizeof(struct batch_call), 0, batch_write_parse, batch_write_run, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
