/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: the backends, and which of them this machine has.
 */
#ifndef FIRN_UNIT_CIPHER_FIXTURE_H
#define FIRN_UNIT_CIPHER_FIXTURE_H

#include "cipher/cipher_internal.h"
#include "support/test.h"

static const struct fi_cipher_backend *const cipher_fixture_backends[] = {
    &fi_cipher_chacha, &fi_cipher_ipsec,   &fi_cipher_aes,
    &fi_cipher_gcm,    &fi_cipher_openssl, &fi_cipher_aegis,
};
enum {
    CIPHER_FIXTURE_BACKENDS = sizeof cipher_fixture_backends / sizeof cipher_fixture_backends[0]
};

static inline bool
cipher_fixture_has(const struct fi_cipher_backend *backend)
{
    firn_error err;
    int rc = backend->load(&err);
    assert_true(rc == FIRN_OK || rc == FIRN_UNSUPPORTED);
    static const struct fi_cipher_backend *last; /* said once is enough */
    if (rc != FIRN_OK && backend != last) {
        printf("SKIPPED: %s\n", err.text);
        last = backend;
    }
    return rc == FIRN_OK;
}

/* Whether a library is loaded. */
static inline bool
cipher_fixture_is_mapped(const char *library)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        found = found || strstr(line, library) != NULL;
    }
    fclose(maps);
    return found;
}

#endif
