/* SPDX-License-Identifier: Apache-2.0
 *
 * handle.c: the handles that JavaScript holds as numbers.
 *
 * A number is a slot of the environment's table and a generation, so that a number whose handle is gone finds nothing,
 * whatever JavaScript does with it. JavaScript objects own no memory of the addon: garbage collection only asks, by a
 * FinalizationRegistry, that a handle be closed, and so its order does not matter.
 *
 * Handles form a tree: a store has snapshots, transactions, cursors and scans below it; a transaction has its own cursors
 * and scans. Three rules keep firn's handles valid:
 * 1. A call that is under way counts in `pending` of its handles and of all their ancestors.
 * 2. An object is closed only while `pending` is 0, and after the objects below it. A close that comes earlier waits
 *    (`closer`) and starts when the last call ends.
 * 3. A closed handle is found by no new call; so is a child that was created below a closed handle.
 */
#include <stdlib.h>

#include "addon.h"
#include "statement.h"

enum { SLOTS_MAX = 1 << 20 };

static bool
slots_grow(struct instance *instance)
{
    uint32_t capacity = instance->slot_capacity == 0 ? 64 : 2 * instance->slot_capacity;
    struct handle **slots;
    uint32_t *numbers;
    if (capacity > SLOTS_MAX) {
        return false;
    }
    slots = realloc(instance->slots, capacity * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    instance->slots = slots;
    numbers = realloc(instance->generations, capacity * sizeof(*numbers));
    if (numbers == NULL) {
        return false;
    }
    instance->generations = numbers;
    numbers = realloc(instance->free_slots, capacity * sizeof(*numbers));
    if (numbers == NULL) {
        return false;
    }
    instance->free_slots = numbers;
    instance->slot_capacity = capacity;
    return true;
}

struct handle *
handle_create(struct instance *instance, enum handle_kind kind, struct handle *parent, void *object)
{
    struct handle *handle;
    uint32_t slot;
    assert(parent == NULL || parent->instance == instance);
    if (instance->free_count == 0 && instance->slot_count == instance->slot_capacity &&
        !slots_grow(instance)) {
        return NULL;
    }
    handle = calloc(1, sizeof(*handle));
    if (handle == NULL) {
        return NULL;
    }
    if (instance->free_count > 0) {
        slot = instance->free_slots[--instance->free_count];
    } else {
        slot = instance->slot_count++;
        instance->generations[slot] = 0;
    }
    instance->slots[slot] = handle;
    handle->kind = kind;
    handle->instance = instance;
    handle->slot = slot;
    handle->generation = ++instance->generations[slot];
    handle->parent = parent;
    handle->object = object;
    handle->lane =
        parent != NULL && (parent->kind & (HANDLE_TXN | HANDLE_SQL)) != 0 ? parent : handle;
    handle->waiting_end = &handle->waiting;
    if (parent != NULL) {
        handle->next_sibling = parent->first_child;
        parent->first_child = handle;
        handle->is_closed = parent->is_closed;
    }
    return handle;
}

double
handle_number(const struct handle *handle)
{
    return (double)((uint64_t)handle->generation * SLOTS_MAX + handle->slot);
}

struct handle *
handle_find(struct instance *instance, double number, unsigned kinds)
{
    uint64_t bits;
    struct handle *handle;
    if (!(number >= 0 && number <= 9007199254740991.0)) {
        return NULL;
    }
    bits = (uint64_t)number;
    if (bits % SLOTS_MAX >= instance->slot_count) {
        return NULL;
    }
    handle = instance->slots[bits % SLOTS_MAX];
    if (handle == NULL || handle->generation != bits / SLOTS_MAX || handle->is_closed ||
        ((unsigned)handle->kind & kinds) == 0) {
        return NULL;
    }
    return handle;
}

void
handle_use(struct handle *handle)
{
    for (; handle != NULL; handle = handle->parent) {
        handle->pending++;
    }
}

void
handle_mark_closed(struct handle *handle)
{
    struct handle *child;
    handle->is_closed = true;
    for (child = handle->first_child; child != NULL; child = child->next_sibling) {
        handle_mark_closed(child);
    }
}

static int
close_object(struct handle *handle, firn_error *err)
{
    void *object = handle->object;
    if (object == NULL) {
        return FIRN_OK;
    }
    if (handle->is_lent) {
        int code = sql_take_back(object, err);
        if (code != FIRN_OK) {
            return code;
        }
        handle->is_lent = false;
    }
    handle->object = NULL;
    switch (handle->kind) {
    case HANDLE_STORE:
        return firn_store_close(object, err);
    case HANDLE_SNAPSHOT:
        firn_snapshot_close(object);
        break;
    case HANDLE_TXN:
        firn_txn_close(object);
        break;
    case HANDLE_BATCH:
        firn_batch_destroy(object);
        break;
    case HANDLE_CURSOR:
        firn_cursor_close(object);
        break;
    case HANDLE_TABLE:
        table_object_destroy(object);
        break;
    case HANDLE_SCAN:
        firn_scan_close(object);
        break;
    case HANDLE_BULK:
        firn_table_bulk_close(object);
        break;
    case HANDLE_WORKSPACE:
        firn_workspace_close(object);
        key_destroy(handle->key);
        handle->key = NULL;
        break;
    case HANDLE_MONITOR:
        monitor_destroy(object);
        break;
    case HANDLE_SQL:
        sql_connection_close(object);
        break;
    case HANDLE_STATEMENT:
        sql_statement_close(object);
        break;
    case HANDLE_KEYSPACE:
    case HANDLE_NONE:
        break;
    }
    return FIRN_OK;
}

void
handle_close_children(struct handle *handle)
{
    struct handle *child;
    for (child = handle->first_child; child != NULL; child = child->next_sibling) {
        int code = handle_close_objects(child, NULL);
        assert(code == FIRN_OK); /* only stores fail to close, and they have no parents */
        (void)code;
    }
}

int
handle_close_objects(struct handle *handle, firn_error *err)
{
    handle_close_children(handle);
    return close_object(handle, err);
}

void
handle_free(struct handle *handle)
{
    struct instance *instance = handle->instance;
    assert(handle->object == NULL && handle->pending == 0 && handle->waiting == NULL);
    while (handle->first_child != NULL) {
        handle_free(handle->first_child);
    }
    if (handle->parent != NULL) {
        struct handle **at = &handle->parent->first_child;
        while (*at != handle) {
            at = &(*at)->next_sibling;
        }
        *at = handle->next_sibling;
    }
    assert(instance->slots[handle->slot] == handle);
    instance->slots[handle->slot] = NULL;
    /* A slot whose generations are used up is never used again. */
    if (handle->generation < UINT32_MAX) {
        instance->free_slots[instance->free_count++] = handle->slot;
    }
    free(handle);
}

void
handle_reopen(struct handle *handle)
{
    assert(handle->object != NULL && handle->pending == 0 && handle->parent == NULL);
    while (handle->first_child != NULL) {
        handle_free(handle->first_child);
    }
    handle->is_closed = false;
}

void
instance_close_all(struct instance *instance)
{
    uint32_t i;
    /* A connection may have attached another store than its own. */
    for (i = 0; i < instance->slot_count; i++) {
        struct handle *handle = instance->slots[i];
        if (handle != NULL && handle->kind == HANDLE_SQL && handle->pending == 0) {
            handle_mark_closed(handle);
            (void)!handle_close_objects(handle, NULL);
        }
    }
    for (i = 0; i < instance->slot_count; i++) {
        struct handle *handle = instance->slots[i];
        if (handle == NULL) {
            continue;
        }
        while (handle->parent != NULL) {
            handle = handle->parent;
        }
        /* Node runs calls that are under way to their end before an environment ends. Should one be left, its
         * handles are leaked rather than closed under it. */
        if (handle->pending > 0) {
            continue;
        }
        handle_mark_closed(handle);
        if (handle_close_objects(handle, NULL) == FIRN_BUSY && handle->object != NULL) {
            continue; /* SQL of another thread has it attached: it is leaked, too */
        }
        handle_free(handle);
    }
}
