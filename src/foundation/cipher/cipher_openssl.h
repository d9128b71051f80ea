/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_openssl.h: what of libcrypto's interface is used, by the names of openssl/evp.h
 * and err.h, without "EVP_". Only cipher_openssl.c calls it; tests listen in it.
 */
#ifndef FIRN_CIPHER_CIPHER_OPENSSL_H
#define FIRN_CIPHER_CIPHER_OPENSSL_H

#include <stdint.h>

#include "base/error.h"

typedef int fi_cipher_openssl_init(void *context, const void *cipher, void *engine,
                                   const uint8_t *key, const uint8_t *nonce);
typedef int fi_cipher_openssl_update(void *context, uint8_t *out, int *out_size, const uint8_t *in,
                                     int size);
typedef int fi_cipher_openssl_final(void *context, uint8_t *out, int *out_size);

struct fi_cipher_openssl_functions {
    void *(*context_new)(void);
    void (*context_free)(void *context);
    int (*context_control)(void *context, int type, int argument, void *pointer);
    void *(*cipher_fetch)(void *library, const char *algorithm, const char *properties);
    fi_cipher_openssl_init *encrypt_init;
    fi_cipher_openssl_update *encrypt_update;
    fi_cipher_openssl_final *encrypt_final;
    fi_cipher_openssl_init *decrypt_init;
    fi_cipher_openssl_update *decrypt_update;
    fi_cipher_openssl_final *decrypt_final;
    int (*err_set_mark)(void);
    int (*err_pop_to_mark)(void);
};

/* FIRN_UNSUPPORTED: it is not installed. Any thread. */
FIRN_MUST_CHECK int fi_cipher_openssl_load(const struct fi_cipher_openssl_functions **out,
                                           firn_error *err);

#endif
