/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_aegis.c: AEGIS-256 (draft-irtf-cfrg-aegis-aead) by libsodium, with tags of 256
 * bits: those of 128, which the draft also has, libsodium neither makes nor verifies.
 */
#include <string.h>

#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "cipher/cipher_sodium.h"

enum { NONCE_SIZE = 32, TAG_SIZE = 32 };

struct aegis_state {
    const struct fi_cipher_sodium_aegis *sodium;
    uint8_t key[FI_CIPHER_KEY_SIZE];
};

static int
aegis_load(firn_error *err)
{
    const struct fi_cipher_sodium_aegis *sodium;
    return fi_cipher_sodium_load_aegis(&sodium, err);
}

static size_t
aegis_state_size(void)
{
    return sizeof(struct aegis_state);
}

static void
aegis_prepare(void *state, const uint8_t *key)
{
    struct aegis_state *aegis = state;
    CHECK(fi_cipher_sodium_load_aegis(&aegis->sodium, NULL) == FIRN_OK);
    memcpy(aegis->key, key, sizeof aegis->key);
}

static int
aegis_seal(void *state, const struct fi_cipher_message *message)
{
    const struct aegis_state *aegis = state;
    return fi_cipher_sodium_run_seal(aegis->sodium->seal, aegis->key, message);
}

static int
aegis_open(void *state, const struct fi_cipher_message *message)
{
    const struct aegis_state *aegis = state;
    return fi_cipher_sodium_run_open(aegis->sodium->open, aegis->key, message);
}

const struct fi_cipher_backend fi_cipher_aegis = {
    .number = FI_CIPHER_AEGIS_256,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "AEGIS-256",
    .load = aegis_load,
    .state_size = aegis_state_size,
    .prepare = aegis_prepare,
    .seal = aegis_seal,
    .open = aegis_open,
};
