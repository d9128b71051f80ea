/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_internal.h: what computes a cipher: a backend. Only files of this folder, its
 * tests and its benchmark include it.
 */
#ifndef FIRN_CIPHER_CIPHER_INTERNAL_H
#define FIRN_CIPHER_CIPHER_INTERNAL_H

#include "cipher/cipher.h"

struct fi_cipher_message {
    const uint8_t *nonce; /* nonce_size bytes */
    firn_slice aad;
    const uint8_t *in;
    uint8_t *out; /* in, or no part of it */
    size_t size;
    uint8_t *tag;
};

/* The functions return a code and fill no error. state is what prepare has made of a key: bytes,
 * which are wiped and owe nothing else. */
struct fi_cipher_backend {
    unsigned number; /* never zero */
    size_t nonce_size;
    size_t tag_size;
    const char *name;
    /* Loads the library. FIRN_UNSUPPORTED. */
    int (*load)(firn_error *err);
    /* The rest only after load has succeeded. */
    size_t (*state_size)(void);
    void (*prepare)(void *state, const uint8_t *key);
    int (*seal)(void *state, const struct fi_cipher_message *message);
    /* FIRN_CORRUPT: the tag is another one. out may have anything then. */
    int (*open)(void *state, const struct fi_cipher_message *message);
};

extern const struct fi_cipher_backend fi_cipher_chacha;
extern const struct fi_cipher_backend fi_cipher_ipsec;   /* AES-256-GCM by libIPSec_MB */
extern const struct fi_cipher_backend fi_cipher_aes;     /* the same by one of the next two */
extern const struct fi_cipher_backend fi_cipher_gcm;     /* by libsodium */
extern const struct fi_cipher_backend fi_cipher_openssl; /* by libcrypto */
extern const struct fi_cipher_backend fi_cipher_aegis;

/* When fi_cipher_aes takes libcrypto: for messages of LARGE bytes and more, after the process has
 * had FIRST_WORK bytes of them. */
enum { FI_CIPHER_AES_LARGE = 2048, FI_CIPHER_AES_FIRST_WORK = 4 << 20 };

/* Requires: the backend is loaded. */
FIRN_MUST_CHECK int fi_cipher_key_create_by(const struct fi_cipher_backend *backend,
                                            const uint8_t *key, struct fi_cipher_key **out,
                                            firn_error *err);

/* What prepare of fi_cipher_chacha does, for any first bytes of nonces; prepare takes zeros. */
enum { FI_CIPHER_CHACHA_PREFIX_SIZE = 16 };
void fi_cipher_chacha_prepare(void *state, const uint8_t *key, const uint8_t *prefix);

#endif
