/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/encrypted.c: with FIRN_TEST_ENCRYPT=CIPHER every store that a test program makes is
 * encrypted with the cipher of that number, and opened with its key. So the tests of stores in clear
 * run on encrypted ones, too (firn_test_encrypted, cmake/FirnBuild.cmake).
 *
 * It stands before fi_db_open and fi_db_open_owned: where rooms are linked statically by the
 * linker's --wrap, where they are shared libraries by having their names.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "base/slice.h"
#include "keys/keys.h"
#include "store/db_internal.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "unlock/unlock.h"

typedef int open_store(struct fi_os_dir *dir, const struct fi_db_options *options,
                       struct firn_db **out, firn_error *err);

#ifdef FIRN_TEST_SHARED
#define WRAPPED(name) name
static open_store *
real(const char *name)
{
    open_store *found = NULL;
    *(void **)&found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    return found;
}
#define REAL(name) real(#name)
#else
#define WRAPPED(name) __wrap_##name
#define REAL(name) __real_##name
open_store __real_fi_db_open;
open_store __real_fi_db_open_owned;
#endif
open_store WRAPPED(fi_db_open);
open_store WRAPPED(fi_db_open_owned);

static const char secret[] = "a key file for tests, of more than 32 bytes";

static struct fi_keys *
new_keys(struct fi_os *os)
{
    const struct fi_keys_secret slot = {.kind = FI_KEYS_FILE, .bytes = firn_str(secret)};
    struct fi_keys *keys = NULL;
    uint16_t number;
    firn_error err;
    if (fi_keys_create(os, &keys, &err) != FIRN_OK ||
        fi_keys_add_slot(keys, os, &slot, firn_str("test"), &number, &err) != FIRN_OK) {
        fi_keys_destroy(keys);
        return NULL;
    }
    return keys;
}

/* Without keys, for want of memory or another fault, it opens as it fails. */
static int
open_encrypted(open_store *open, struct fi_os_dir *dir, const struct fi_db_options *options,
               struct firn_db **out, firn_error *err)
{
    const char *cipher = getenv("FIRN_TEST_ENCRYPT");
    struct fi_db_options own = *options;
    if (cipher == NULL) {
        return open(dir, options, out, err);
    }
    (void)setenv("FIRN_STUB_KEY", secret, 1);
    if (own.create_if_missing && !own.read_only && own.new_keys == NULL) {
        own.new_keys = new_keys(fi_os_dir_os(dir));
        if (own.new_keys == NULL) {
            *out = NULL;
            return fi_error_no_memory(err, "the keys of a test");
        }
        own.new_cipher = (unsigned)strtoul(cipher, NULL, 10);
    }
    int rc = open(dir, &own, out, err);
    if (own.new_keys != options->new_keys) {
        fi_keys_destroy(own.new_keys);
    }
    return rc;
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
