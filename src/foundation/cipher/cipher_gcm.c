/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_gcm.c: AES-256-GCM (NIST SP 800-38D) by libsodium, where the processor has the
 * instructions that it asks for.
 */
#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "cipher/cipher_sodium.h"

enum { NONCE_SIZE = 12, TAG_SIZE = 16, ALIGNMENT = 16 };

struct gcm_state {
    const struct fi_cipher_sodium *sodium;
    _Alignas(ALIGNMENT) uint8_t expanded[];
};

static int
gcm_load(firn_error *err)
{
    const struct fi_cipher_sodium *sodium;
    FI_TRY_RETURN(fi_cipher_sodium_load(&sodium, err));
    if (!sodium->aes256gcm_is_available()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "the processor has no instructions for AES");
    }
    return FIRN_OK;
}

static size_t
gcm_state_size(void)
{
    const struct fi_cipher_sodium *sodium;
    CHECK(fi_cipher_sodium_load(&sodium, NULL) == FIRN_OK);
    return sizeof(struct gcm_state) + sodium->aes256gcm_statebytes();
}

static void
gcm_prepare(void *state, const uint8_t *key)
{
    struct gcm_state *gcm = state;
    CHECK(fi_cipher_sodium_load(&gcm->sodium, NULL) == FIRN_OK);
    CHECK(gcm->sodium->aes256gcm_beforenm(gcm->expanded, key) == 0);
}

static int
gcm_seal(void *state, const struct fi_cipher_message *message)
{
    const struct gcm_state *gcm = state;
    return fi_cipher_sodium_run_seal(gcm->sodium->aes256gcm_seal, gcm->expanded, message);
}

static int
gcm_open(void *state, const struct fi_cipher_message *message)
{
    const struct gcm_state *gcm = state;
    return fi_cipher_sodium_run_open(gcm->sodium->aes256gcm_open, gcm->expanded, message);
}

const struct fi_cipher_backend fi_cipher_gcm = {
    .number = FI_CIPHER_AES_256_GCM,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "AES-256-GCM",
    .load = gcm_load,
    .state_size = gcm_state_size,
    .prepare = gcm_prepare,
    .seal = gcm_seal,
    .open = gcm_open,
};
