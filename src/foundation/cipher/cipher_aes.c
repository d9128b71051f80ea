/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_aes.c: AES-256-GCM by both libraries, where libsodium has it: small messages by
 * libsodium, large ones by libcrypto.
 *
 * libsodium 1.0.18 keeps the key expanded, and takes a quarter as long as OpenSSL 3.0 for a message
 * of 128 bytes. For one of 64 KiB it takes two and a half times as long; they are equal between 1
 * and 2 KiB (bench_cipher). Both give the same bytes, so which of them it was need not be
 * remembered.
 *
 * Loading libcrypto takes 1.6 ms of processor time, which it saves again on 5 to 8 MB. So it is
 * loaded after the process has had about as much in large messages: short commands never load it.
 * Where it is not installed, or older than version 3, libsodium goes on.
 *
 * If libcrypto has no memory for a context, libsodium takes the message: nothing is written
 * before there is a context.
 */
#include <stdatomic.h>

#include "cipher/cipher_internal.h"
#include "os/os_secret.h"

enum { FIRST_WORK = FI_CIPHER_AES_FIRST_WORK, LARGE = FI_CIPHER_AES_LARGE };

/* The state of fi_cipher_openssl, and after it, aligned, that of fi_cipher_gcm. */
static size_t
openssl_room(void)
{
    const size_t unit = FI_OS_SECRET_ALIGNMENT;
    return (fi_cipher_openssl.state_size() + unit - 1) / unit * unit;
}

static void *
gcm_of(void *state)
{
    return (uint8_t *)state + openssl_room();
}

static int
aes_load(firn_error *err)
{
    return fi_cipher_gcm.load(err);
}

static size_t
aes_state_size(void)
{
    return openssl_room() + fi_cipher_gcm.state_size();
}

static void
aes_prepare(void *state, const uint8_t *key)
{
    fi_cipher_openssl.prepare(state, key);
    fi_cipher_gcm.prepare(gcm_of(state), key);
}

/* Whether libcrypto is worth it, and there. */
static bool
takes_openssl(const struct fi_cipher_message *message)
{
    static _Atomic size_t done; /* bytes in large messages, of all keys, until it is enough */
    if (message->size < LARGE) {
        return false;
    }
    /* Relaxed: a count, which publishes nothing. It stops a message of each thread after FIRST_WORK
     * at the latest, so that it neither overflows nor is contended for. */
    if (atomic_load_explicit(&done, memory_order_relaxed) < FIRST_WORK) {
        (void)atomic_fetch_add_explicit(&done, message->size, memory_order_relaxed);
        return false;
    }
    return fi_cipher_openssl.load(NULL) == FIRN_OK;
}

static int
aes_seal(void *state, const struct fi_cipher_message *message)
{
    int rc = takes_openssl(message) ? fi_cipher_openssl.seal(state, message) : FIRN_NO_MEMORY;
    return rc == FIRN_NO_MEMORY ? fi_cipher_gcm.seal(gcm_of(state), message) : rc;
}

static int
aes_open(void *state, const struct fi_cipher_message *message)
{
    int rc = takes_openssl(message) ? fi_cipher_openssl.open(state, message) : FIRN_NO_MEMORY;
    return rc == FIRN_NO_MEMORY ? fi_cipher_gcm.open(gcm_of(state), message) : rc;
}

const struct fi_cipher_backend fi_cipher_aes = {
    .number = FI_CIPHER_AES_256_GCM,
    .nonce_size = 12,
    .tag_size = 16,
    .name = "AES-256-GCM",
    .load = aes_load,
    .state_size = aes_state_size,
    .prepare = aes_prepare,
    .seal = aes_seal,
    .open = aes_open,
};
