/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/encrypted.c: with FIRN_TEST_ENCRYPT=CIPHER every store that a test program makes is
 * encrypted with the cipher of that number, and opened with its key. So the tests of stores in clear
 * run on encrypted ones, too (firn_test_encrypted, cmake/FirnBuild.cmake).
 *
 * It stands before fi_db_open and fi_db_open_owned, and before fi_unlock_keys and fi_unlock_new_keys
 * for what opens stores otherwise, and for remotes: where rooms are linked statically by the linker's --wrap, where they are shared
 * libraries by having their names.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_internal.h"
#include "unlock/unlock.h"

typedef int open_store(struct fi_os_dir *dir, const struct fi_db_options *options,
                       struct firn_db **out, firn_error *err);
typedef int unlock(struct fi_os *os, const char *path, struct fi_keys *keys,
                   const struct fi_unlock_source *source, firn_error *err);
typedef int unlock_new(struct fi_os *os, const char *path, const struct fi_unlock_source *source,
                       struct fi_keys **out, firn_error *err);

#ifdef FIRN_TEST_SHARED
#define WRAPPED(name) name
static void *
real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    return found;
}
static open_store *
real_open(const char *name)
{
    open_store *found = NULL;
    *(void **)&found = real(name);
    return found;
}
static unlock *
real_unlock(const char *name)
{
    unlock *found = NULL;
    *(void **)&found = real(name);
    return found;
}
static unlock_new *
real_unlock_new(const char *name)
{
    unlock_new *found = NULL;
    *(void **)&found = real(name);
    return found;
}
#define REAL(name) real_open(#name)
#define REAL_UNLOCK(name) real_unlock(#name)
#define REAL_UNLOCK_NEW(name) real_unlock_new(#name)
#else
#define WRAPPED(name) __wrap_##name
#define REAL(name) __real_##name
#define REAL_UNLOCK(name) __real_##name
#define REAL_UNLOCK_NEW(name) __real_##name
unlock __real_fi_unlock_keys;
unlock_new __real_fi_unlock_new_keys;
open_store __real_fi_db_open;
open_store __real_fi_db_open_owned;
#endif
unlock WRAPPED(fi_unlock_keys);
unlock_new WRAPPED(fi_unlock_new_keys);
open_store WRAPPED(fi_db_open);
open_store WRAPPED(fi_db_open_owned);

static const char secret[] = "a key file for tests, of more than 32 bytes";

static int
get_secret(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
           firn_error *err)
{
    (void)ctx;
    (void)request;
    (void)err;
    memcpy(out->bytes, secret, sizeof secret - 1);
    out->size = sizeof secret - 1;
    out->kind = FI_KEYS_FILE;
    return FIRN_OK;
}
static const struct fi_unlock_source source = {.get = get_secret};

/* Whether the test leaves it to us to give a key. */
static bool
is_ours(const struct fi_unlock_source *given)
{
    return getenv("FIRN_TEST_ENCRYPT") != NULL && (given == NULL || given->get == NULL);
}

static int
open_encrypted(open_store *open, struct fi_os_dir *dir, const struct fi_db_options *options,
               struct firn_db **out, firn_error *err)
{
    struct fi_db_options own = *options;
    if (is_ours(own.unlock)) {
        own.unlock = &source;
        own.new_cipher = (unsigned)strtoul(getenv("FIRN_TEST_ENCRYPT"), NULL, 10);
    }
    return open(dir, &own, out, err);
}

int
WRAPPED(fi_db_open)(struct fi_os_dir *dir, const struct fi_db_options *options,
                    struct firn_db **out, firn_error *err)
{
    return open_encrypted(REAL(fi_db_open), dir, options, out, err);
}

int
WRAPPED(fi_db_open_owned)(struct fi_os_dir *dir, const struct fi_db_options *options,
                          struct firn_db **out, firn_error *err)
{
    return open_encrypted(REAL(fi_db_open_owned), dir, options, out, err);
}

int
WRAPPED(fi_unlock_keys)(struct fi_os *os, const char *path, struct fi_keys *keys,
                        const struct fi_unlock_source *given, firn_error *err)
{
    return REAL_UNLOCK(fi_unlock_keys)(os, path, keys, is_ours(given) ? &source : given, err);
}

int
WRAPPED(fi_unlock_new_keys)(struct fi_os *os, const char *path,
                            const struct fi_unlock_source *given, struct fi_keys **out,
                            firn_error *err)
{
    return REAL_UNLOCK_NEW(fi_unlock_new_keys)(os, path, is_ours(given) ? &source : given, out,
                                               err);
}
