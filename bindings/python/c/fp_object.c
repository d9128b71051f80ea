/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_object.c: when native handles live and end (fp.h says who owns whom).
 *
 * Invariants
 *   (I1) a child is in its store's list from fp_child_init until it is closed, and only then is its native handle open;
 *   (I2) a handle with users > 0 is never closed, neither alone nor with its store;
 *   (I3) an exclusive child has at most one user;
 *   (I4) a child is closed before the child that it reads through;
 *   (I5) a store with endings > 0 is not closed: another thread is ending the native handle of an object that was collected.
 * All of it is guarded by the GIL; only a core's count and its list of streams are used without it.
 */
#include "fp.h"

/* ---- cores ---- */

struct fp_core *
fp_core_create(firn_store *store)
{
    struct fp_core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        firn_error ignored;
        int code = firn_store_close(store, &ignored);
        (void)code;
        return NULL;
    }
    atomic_init(&core->ref_count, 1);
    core->store = store;
    pthread_mutex_init(&core->mutex, NULL);
    return core;
}

struct fp_core *
fp_core_ref(struct fp_core *core)
{
    int before = atomic_fetch_add_explicit(&core->ref_count, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return core;
}

void
fp_core_unref(struct fp_core *core)
{
    if (core == NULL || atomic_fetch_sub_explicit(&core->ref_count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    assert(core->streams == NULL);
    /* Nobody is left to be told of a failure; what was acknowledged is on disk. */
    firn_error ignored;
    int code = firn_store_close(core->store, &ignored);
    (void)code;
    pthread_mutex_destroy(&core->mutex);
    free(core);
}

/* ---- children ---- */

void
fp_child_init(fp_child *child, fp_store *store, fp_child *via, const char *what, bool is_exclusive,
              void (*close)(fp_child *child))
{
    assert(child->store == NULL && store->core != NULL);
    Py_INCREF(store);
    Py_XINCREF(via);
    child->store = store;
    child->via = via;
    child->what = what;
    child->is_exclusive = is_exclusive;
    child->close = close;
    child->next = store->children;
    child->place = &store->children;
    if (child->next != NULL) {
        child->next->place = &child->next;
    }
    store->children = child;
}

static void
unlink_child(fp_child *child)
{
    assert(*child->place == child);
    *child->place = child->next;
    if (child->next != NULL) {
        child->next->place = child->place;
    }
    child->next = NULL;
    child->place = NULL;
}

/* Ends the native handle, perhaps without the GIL: (I5). */
static void
end_child(fp_child *child)
{
    fp_store *store = child->store;
    unlink_child(child);
    store->endings++;
    child->close(child);
    store->endings--;
}

bool
fp_child_close(fp_child *child)
{
    if (!fp_child_is_open(child)) {
        return true;
    }
    if (child->users > 0) { /* (I2) */
        fp_raise_text(FIRN_MISUSE, "the %s is in use by another thread", child->what);
        return false;
    }
    if (!fp_child_close_readers(child)) { /* (I4) */
        return false;
    }
    end_child(child);
    return true;
}

bool
fp_child_close_readers(fp_child *via)
{
    fp_child *at = via->store->children;
    while (at != NULL) {
        fp_child *next = at->next;
        /* A reader has no readers of its own: only transactions and snapshots are read through. */
        if (at->via == via && !fp_child_close(at)) {
            return false;
        }
        at = next;
    }
    return true;
}

void
fp_child_deinit(fp_child *child)
{
    if (fp_child_is_open(child)) {
        assert(child->users == 0); /* a call holds a reference */
        end_child(child);
    }
    Py_CLEAR(child->via);
    Py_CLEAR(child->store);
}

/* ---- calls ---- */

_Thread_local int fp_callback_depth;

static bool
enter_child(fp_child *child)
{
    if (!fp_child_is_open(child)) {
        fp_raise_closed(child->what != NULL ? child->what : "object");
        return false;
    }
    if (child->is_exclusive && child->users > 0) { /* (I3) */
        fp_raise_text(FIRN_MISUSE,
                      "the %s is in use by another thread; one thread at a time may use it",
                      child->what);
        return false;
    }
    return true;
}

firn_store *
fp_enter(fp_store *store, fp_child *child)
{
    if (store->core == NULL || store->is_closing) {
        fp_raise_closed("store");
        return NULL;
    }
    if (child != NULL &&
        (!enter_child(child) || (child->via != NULL && !enter_child(child->via)))) {
        return NULL;
    }
    store->users++;
    if (child != NULL) {
        child->users++;
        if (child->via != NULL) {
            child->via->users++;
        }
    }
    return store->core->store;
}

void
fp_leave(fp_store *store, fp_child *child)
{
    assert(store->users > 0 && (child == NULL || child->users > 0));
    store->users--;
    if (child != NULL) {
        child->users--;
        if (child->via != NULL) {
            child->via->users--;
        }
    }
}

PyObject *
fp_get_member(PyObject *self, void *offset)
{
    PyObject *object = *(PyObject **)(void *)((char *)self + (uintptr_t)offset);
    Py_INCREF(object);
    return object;
}
