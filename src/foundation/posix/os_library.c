/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_library.c: dlopen. A library is loaded under one lock for all, since libraries may not be
 * started by two threads at once. It is never unloaded: others may use it, too.
 *
 * A static program loads libraries with the system's own glibc, which has to be of the version that
 * it was linked with; otherwise nothing can be loaded.
 */
#include "posix/os_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

enum { UNKNOWN = 0, LOADED = 1, FAILED = 2 };

static bool
os_library_open(struct fi_os_library *library)
{
    void *handle = dlopen(library->file_name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL && library->other_name != NULL) {
        handle = dlopen(library->other_name, RTLD_NOW | RTLD_LOCAL);
    }
    if (handle == NULL) {
        return false;
    }
    for (size_t i = 0; i < library->count; i++) {
        library->functions[i] = dlsym(handle, library->names[i]);
        if (library->functions[i] == NULL) {
            return false;
        }
    }
    return library->start == NULL || library->start();
}

bool
fi_os_library_load(struct fi_os_library *library)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    /* Pairs with the store below: who sees the state sees the functions. */
    int known = atomic_load_explicit(&library->state, memory_order_acquire);
    if (known == UNKNOWN) {
        (void)pthread_mutex_lock(&lock);
        known = atomic_load_explicit(&library->state, memory_order_relaxed);
        if (known == UNKNOWN) {
            known = os_library_open(library) ? LOADED : FAILED;
            atomic_store_explicit(&library->state, known, memory_order_release);
        }
        (void)pthread_mutex_unlock(&lock);
    }
    return known == LOADED;
}
