/* SPDX-License-Identifier: Apache-2.0
 *
 * call.c: how a call runs.
 *
 * A call is parsed on the event loop, run, and finished on the event loop. `name` runs it in libuv's pool and returns a
 * promise, also for arguments that are refused; `nameSync` runs it at once and throws. Parsing copies keys, values and
 * texts, so JavaScript may change its buffers while the call is under way.
 *
 * Lanes. Handles of one thread (transactions with their cursors and scans, batches, bulk loads, workspaces) have a
 * lane: their calls run one after the other, in the order in which they were made. A synchronous call cannot wait for
 * its turn and fails with FIRN_BUSY. The writes of a store are in a lane as well, although firn would take them from many
 * threads: so they take effect in the order in which a program made them. Puts and deletes that have gathered in that lane
 * meanwhile are committed together (write_run_group), as group commit would for threads.
 *
 * Closing. A call that closes a handle waits for those that use the handle, and lets no new ones begin. If the handle is in the
 * lane of another one, as a cursor of a transaction is, the call waits for its turn there, too. What could not be closed, which
 * only a store can be, is open again afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

enum { GROUP_MAX = 1024 };

/* ---- arenas ---- */

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t capacity;
    max_align_t memory[];
};

void *
arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    size_t capacity;
    void *taken;
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (block == NULL || block->capacity - block->used < size) {
        capacity = size > 4096 ? size : 4096;
        block = malloc(sizeof(*block) + capacity);
        if (block == NULL) {
            return NULL;
        }
        block->used = 0;
        block->capacity = capacity;
        if (arena->blocks != NULL && size > 4096) { /* the block in use stays the first one */
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    taken = (uint8_t *)block->memory + block->used;
    block->used += size;
    assert(block->used <= block->capacity);
    return taken;
}

uint8_t *
arena_copy(struct arena *arena, const void *data, size_t size)
{
    uint8_t *copy = size == SIZE_MAX ? NULL : arena_take(arena, size + 1);
    if (copy != NULL) {
        if (size > 0) {
            memcpy(copy, data, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

void
arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

/* ---- the life of a call ---- */

static struct call *
call_create(struct instance *instance, const struct call_kind *kind)
{
    size_t size = (kind->size + 15) / 16 * 16;
    uint8_t *memory = malloc(size + sizeof(firn_error));
    struct call *call = (struct call *)(void *)memory;
    assert(kind->size >= sizeof(struct call));
    if (call != NULL) {
        memset(call, 0, size);
        call->kind = kind;
        call->instance = instance;
        call->err = (firn_error *)(void *)(memory + size);
        call->err->code = FIRN_OK;
        call->err->os_errno = 0;
        call->err->text[0] = '\0';
    }
    return call;
}

static void
call_destroy(struct call *call)
{
    if (call->kind->release != NULL) {
        call->kind->release(call);
    }
    arena_free(&call->arena);
    free(call);
}

static void call_schedule(struct call *call);
static void closer_schedule(struct call *call);

void
handle_unuse(struct handle *handle)
{
    struct handle *parent;
    for (; handle != NULL; handle = parent) {
        struct call *closer = handle->closer;
        parent = handle->parent;
        assert(handle->pending > 0);
        if (--handle->pending == 0 && closer != NULL) {
            handle->closer = NULL;
            closer_schedule(closer);
        }
    }
}

static void
call_unuse(struct call *call)
{
    size_t i;
    for (i = 0; i < call->use_count; i++) {
        handle_unuse(call->uses[i]);
    }
    call->use_count = 0;
}

/* Starts the next call of a lane, and those that can be committed with it. */
static void
lane_continue(struct handle *lane)
{
    struct call *call = lane->waiting;
    struct call *last = call;
    size_t count = 1;
    assert(!lane->is_busy);
    if (call == NULL) {
        return;
    }
    if ((call->kind->flags & CALL_GROUPS) != 0) {
        while (last->next != NULL && count < GROUP_MAX && write_can_join(call, last->next)) {
            last->group = last->next;
            last = last->next;
            count++;
        }
    }
    lane->waiting = last->next;
    if (lane->waiting == NULL) {
        lane->waiting_end = &lane->waiting;
    }
    lane->is_busy = true;
    call_schedule(call);
}

static void
work_run(napi_env env, void *data)
{
    struct call *call = data;
    (void)env;
    if (call->group != NULL) {
        write_run_group(call);
    } else {
        call->code = call->kind->run(call, call->err);
    }
}

/* The result of the call; NULL if it throws instead. */
static napi_value
call_result(napi_env env, struct call *call)
{
    napi_value result = NULL;
    if (call->code != FIRN_OK) {
        (void)throw_error(call->instance, call->code, call->err->os_errno, call->err->text);
        return NULL;
    }
    if (call->kind->finish != NULL) {
        result = call->kind->finish(env, call);
    }
    if (result == NULL) {
        (void)napi_get_undefined(env, &result);
    }
    return result;
}

static struct handle *
call_target(struct call *call)
{
    return (call->kind->flags & CALL_CLOSES) != 0 ? ((struct closing *)(void *)call)->target : NULL;
}

static void
call_settle(napi_env env, struct call *call)
{
    napi_handle_scope scope = NULL;
    napi_value value;
    napi_value error = NULL;
    bool threw = false;
    /* While an environment ends JavaScript cannot run and all of this may fail; what has to be freed is freed. */
    (void)napi_open_handle_scope(env, &scope);
    value = call_result(env, call);
    (void)napi_is_exception_pending(env, &threw);
    if (threw && napi_get_and_clear_last_exception(env, &error) == napi_ok) {
        (void)napi_reject_deferred(env, call->deferred, error);
    } else if (value != NULL) {
        (void)napi_resolve_deferred(env, call->deferred, value);
    }
    if (scope != NULL) {
        (void)napi_close_handle_scope(env, scope);
    }
}

/* After the call that closes it. It is not among the handles that the call uses. */
static void
target_end(struct handle *target)
{
    if (target->object != NULL) {
        handle_reopen(target);
    } else {
        handle_free(target);
    }
}

static void
work_complete(napi_env env, napi_status status, void *data)
{
    struct call *first = data;
    struct handle *lane = first->lane;
    struct call *call;
    struct call *next;
    if (status !=
        napi_ok) { /* no thread of the pool has run it; a close is done here, anything else fails */
        for (call = first; call != NULL; call = call->group) {
            call->code = FIRN_CANCELLED;
        }
        if (call_target(first) != NULL) {
            first->code = first->kind->run(first, first->err);
        }
    }
    for (call = first; call != NULL; call = call->group) {
        call_settle(env, call);
    }
    if (first->work != NULL) {
        (void)napi_delete_async_work(env, first->work);
    }
    if (call_target(first) != NULL) {
        target_end(call_target(first));
    }
    if (lane != NULL) {
        lane->is_busy = false;
        lane_continue(lane);
    }
    for (call = first; call != NULL; call = next) {
        next = call->group;
        call_unuse(call);
        call_destroy(call);
    }
}

static void
call_schedule(struct call *call)
{
    napi_env env = call->instance->env;
    napi_value name = NULL;
    if (napi_create_string_utf8(env, call->kind->name, NAPI_AUTO_LENGTH, &name) == napi_ok &&
        napi_create_async_work(env, NULL, name, work_run, work_complete, call, &call->work) ==
            napi_ok) {
        if (napi_queue_async_work(env, call->work) == napi_ok) {
            return;
        }
        (void)napi_delete_async_work(env, call->work);
        call->work = NULL;
    }
    work_complete(env, napi_cancelled, call);
}

static void
lane_enter(struct call *call)
{
    *call->lane->waiting_end = call;
    call->lane->waiting_end = &call->next;
    if (!call->lane->is_busy) {
        lane_continue(call->lane);
    }
}

/* A call that closes its target, which no other call uses any more. */
static void
closer_schedule(struct call *call)
{
    struct handle *target = call_target(call);
    assert(target->pending == 0);
    if (target->lane == target) {
        call_schedule(call);
    } else {
        call->lane = target->lane;
        lane_enter(call);
    }
}

/* Begins a call whose arguments are parsed. */
static void
call_start(struct call *call)
{
    struct handle *target = call_target(call);
    if (target != NULL) {
        handle_mark_closed(target);
        if (target->pending > 0) {
            target->closer = call;
        } else {
            closer_schedule(call);
        }
        return;
    }
    if (call->lane == NULL && (call->kind->flags & CALL_IN_LANE) != 0) {
        call->lane = call->uses[0]->lane;
    }
    if (call->lane == NULL) {
        call_schedule(call);
        return;
    }
    lane_enter(call);
}

/* ---- functions for JavaScript ---- */

bool
args_read(napi_env env, napi_callback_info info, struct args *args)
{
    void *instance = NULL;
    args->env = env;
    args->call = NULL;
    args->count = CALL_ARGS_MAX;
    if (napi_get_cb_info(env, info, &args->count, args->values, NULL, &instance) != napi_ok) {
        return false;
    }
    args->instance = instance;
    if (args->count > CALL_ARGS_MAX) {
        args->count = CALL_ARGS_MAX;
    }
    return true;
}

/* The data of one function of the addon. */
struct bound {
    struct instance *instance;
    const struct call_kind *kind;
};

static struct call *
call_parse(napi_env env, napi_callback_info info)
{
    struct args args;
    void *data = NULL;
    const struct bound *bound;
    struct call *call;
    args.env = env;
    args.count = CALL_ARGS_MAX;
    if (napi_get_cb_info(env, info, &args.count, args.values, NULL, &data) != napi_ok) {
        return NULL;
    }
    bound = data;
    args.instance = bound->instance;
    call = call_create(bound->instance, bound->kind);
    if (call == NULL) {
        (void)throw_no_memory(bound->instance);
        return NULL;
    }
    args.call = call;
    if (args.count > CALL_ARGS_MAX) {
        args.count = CALL_ARGS_MAX;
    }
    if (!bound->kind->parse(&args, call)) {
        call_unuse(call);
        call_destroy(call);
        return NULL;
    }
    return call;
}

static napi_value
call_async(napi_env env, napi_callback_info info)
{
    napi_value promise = NULL;
    napi_value error = NULL;
    napi_deferred deferred = NULL;
    struct call *call;
    if (napi_create_promise(env, &deferred, &promise) != napi_ok) {
        return NULL;
    }
    call = call_parse(env, info);
    if (call != NULL) {
        call->deferred = deferred;
        call_start(call);
    } else if (napi_get_and_clear_last_exception(env, &error) == napi_ok) {
        (void)napi_reject_deferred(env, deferred, error);
    }
    return promise;
}

/* Whether a synchronous call would use a handle of one thread while that thread is another. */
static bool
call_must_wait(const struct call *call)
{
    const struct handle *target = call_target((struct call *)(uintptr_t)call);
    const struct handle *lane = call->lane;
    if (target != NULL) {
        lane = target->lane != target ? target->lane : NULL;
        return target->pending > 0 || (lane != NULL && (lane->is_busy || lane->waiting != NULL));
    }
    if (lane == NULL && (call->kind->flags & CALL_IN_LANE) != 0) {
        lane = call->uses[0]->lane;
    }
    return lane != NULL && lane->kind != HANDLE_STORE && (lane->is_busy || lane->waiting != NULL);
}

static napi_value
call_sync(napi_env env, napi_callback_info info)
{
    struct call *call = call_parse(env, info);
    napi_value result;
    if (call == NULL) {
        return NULL;
    }
    if (call_must_wait(call)) {
        (void)throw_error(
            call->instance, FIRN_BUSY, 0,
            "an asynchronous call that uses the same handle has not finished: await it first");
        result = NULL;
    } else {
        call->is_sync = true;
        if (call_target(call) != NULL) {
            handle_mark_closed(call_target(call));
        }
        call->code = call->kind->run(call, call->err);
        result = call_result(env, call);
        if (call_target(call) != NULL) {
            target_end(call_target(call));
        }
    }
    call_unuse(call);
    call_destroy(call);
    return result;
}

static void
bound_free(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    free(data);
}

static bool
define(struct instance *instance, napi_value exports, const char *name, napi_callback function,
       const struct call_kind *kind)
{
    napi_env env = instance->env;
    napi_value value = NULL;
    struct bound *bound = malloc(sizeof(*bound));
    if (bound == NULL) {
        return false;
    }
    bound->instance = instance;
    bound->kind = kind;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, bound, &value) != napi_ok ||
        napi_add_finalizer(env, value, bound, bound_free, NULL, NULL) != napi_ok) {
        free(bound);
        return false;
    }
    return napi_set_named_property(env, exports, name, value) == napi_ok;
}

bool
function_define(struct instance *instance, napi_value exports, const char *name,
                napi_callback function)
{
    napi_value value = NULL;
    return napi_create_function(instance->env, name, NAPI_AUTO_LENGTH, function, instance,
                                &value) == napi_ok &&
           napi_set_named_property(instance->env, exports, name, value) == napi_ok;
}

bool
calls_define(struct instance *instance, napi_value exports, const struct call_kind *kinds)
{
    char name[64];
    for (; kinds->name != NULL; kinds++) {
        size_t size = strlen(kinds->name);
        assert(size + sizeof("Sync") <= sizeof(name));
        memcpy(name, kinds->name, size);
        memcpy(name + size, "Sync", sizeof("Sync"));
        if (!define(instance, exports, kinds->name, call_async, kinds) ||
            !define(instance, exports, name, call_sync, kinds)) {
            return false;
        }
    }
    return true;
}
