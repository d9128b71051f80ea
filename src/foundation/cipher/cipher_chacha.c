/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_chacha.c: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) by libsodium.
 *
 * XChaCha20-Poly1305 takes a nonce of 24 bytes. The first 16 of them and the key give a subkey, by
 * HChaCha20; the message is sealed by ChaCha20-Poly1305 (RFC 8439) with that subkey and a nonce of
 * four zeros and the last 8 bytes. Here the first 16 bytes are always zeros, so the subkey is
 * computed once for each key, and a message costs what ChaCha20-Poly1305 costs.
 */
#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "cipher/cipher_sodium.h"

enum { NONCE_SIZE = 12, TAG_SIZE = 16 };

struct chacha_state {
    const struct fi_cipher_sodium *sodium;
    uint8_t subkey[FI_CIPHER_KEY_SIZE];
};

static int
chacha_load(firn_error *err)
{
    const struct fi_cipher_sodium *sodium;
    return fi_cipher_sodium_load(&sodium, err);
}

static size_t
chacha_state_size(void)
{
    return sizeof(struct chacha_state);
}

void
fi_cipher_chacha_prepare(void *state, const uint8_t *key, const uint8_t *prefix)
{
    struct chacha_state *chacha = state;
    CHECK(fi_cipher_sodium_load(&chacha->sodium, NULL) == FIRN_OK);
    (void)chacha->sodium->core_hchacha20(chacha->subkey, prefix, key, NULL); /* always 0 */
}

static void
chacha_prepare(void *state, const uint8_t *key)
{
    static const uint8_t zeros[FI_CIPHER_CHACHA_PREFIX_SIZE];
    fi_cipher_chacha_prepare(state, key, zeros);
}

static int
chacha_seal(void *state, const struct fi_cipher_message *message)
{
    const struct chacha_state *chacha = state;
    return fi_cipher_sodium_run_seal(chacha->sodium->chacha_seal, chacha->subkey, message);
}

static int
chacha_open(void *state, const struct fi_cipher_message *message)
{
    const struct chacha_state *chacha = state;
    return fi_cipher_sodium_run_open(chacha->sodium->chacha_open, chacha->subkey, message);
}

const struct fi_cipher_backend fi_cipher_chacha = {
    .number = FI_CIPHER_XCHACHA20_POLY1305,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "XChaCha20-Poly1305",
    .load = chacha_load,
    .state_size = chacha_state_size,
    .prepare = chacha_prepare,
    .seal = chacha_seal,
    .open = chacha_open,
};
