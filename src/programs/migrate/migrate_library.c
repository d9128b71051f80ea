/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_library.c: the library of another database, loaded where it is needed.
 *
 * A library whose name has its version in it is looked for by every version that may be there, the
 * newest first.
 */
#include <assert.h>
#include <string.h>

#include "migrate/migrate_internal.h"

#ifdef FIRN_HAS_LIBRARIES
#include <dlfcn.h>

static void *
open_any(const struct fi_migrate_library *library)
{
    char name[64];
    if (library->major_max == 0) {
        return dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);
    }
    for (unsigned major = library->major_max; major > 0; major--) {
        for (unsigned minor = library->minor_max + 1; minor-- > 0;) {
            (void)snprintf(name, sizeof(name), "%s%u.%u", library->soname, major, minor);
            void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (handle != NULL) {
                return handle;
            }
        }
    }
    return NULL;
}

int
fi_migrate_library_load(const struct fi_migrate_library *library, void (**out)(void),
                        firn_error *err)
{
    assert(library->symbols[0] != NULL);
    void *handle = open_any(library);
    if (handle == NULL) {
        return fi_migrate_fail(err, FIRN_UNSUPPORTED, "could not load %s, install Debian's %s",
                               library->product, library->package);
    }
    for (size_t i = 0; library->symbols[i] != NULL; i++) {
        void *symbol = dlsym(handle, library->symbols[i]);
        if (symbol == NULL) {
            return fi_migrate_fail(err, FIRN_UNSUPPORTED, "the library of %s has no %s",
                                   library->product, library->symbols[i]);
        }
        /* A function pointer is read as what dlsym says it is. */
        assert(sizeof(symbol) == sizeof(out[i]));
        memcpy(&out[i], &symbol, sizeof(symbol));
    }
    return FIRN_OK; /* it stays loaded until the process ends */
}

#else

int
fi_migrate_library_load(const struct fi_migrate_library *library, void (**out)(void),
                        firn_error *err)
{
    (void)out;
    return fi_migrate_fail(err, FIRN_UNSUPPORTED,
                           "this program is static and cannot load the library of %s",
                           library->product);
}

#endif
