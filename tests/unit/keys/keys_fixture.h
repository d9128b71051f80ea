/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/keys: secrets for tests, and whether this machine has libsodium.
 */
#ifndef FIRN_UNIT_KEYS_FIXTURE_H
#define FIRN_UNIT_KEYS_FIXTURE_H

#include "cipher/cipher.h"
#include "keys/keys.h"
#include "support/test.h"

static inline struct fi_keys_secret
keys_fixture_passphrase(const char *text)
{
    return (struct fi_keys_secret){
        .kind = FI_KEYS_PASSPHRASE, .bytes = firn_str(text), .cost = {1, 8}};
}

static inline struct fi_keys_secret
keys_fixture_file(const uint8_t *bytes, size_t size)
{
    return (struct fi_keys_secret){.kind = FI_KEYS_FILE, .bytes = firn_bytes(bytes, size)};
}

static inline struct fi_keys_secret
keys_fixture_recovery(const char *text)
{
    return (struct fi_keys_secret){.kind = FI_KEYS_RECOVERY, .bytes = firn_str(text)};
}

static inline bool
keys_fixture_has_sodium(void)
{
    firn_error err;
    bool has_sodium = fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) == FIRN_OK;
    if (!has_sodium) {
        printf("SKIPPED: keys: %s\n", err.text);
    }
    return has_sodium;
}

#endif
