/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_sodium.h: what of libsodium's interface is used, by the names of its sodium.h
 * without "crypto_". tests/unit/cipher compares them with that header where it is installed.
 */
#ifndef FIRN_CIPHER_CIPHER_SODIUM_H
#define FIRN_CIPHER_CIPHER_SODIUM_H

#include <stddef.h>

#include "base/error.h"

/* crypto_aead_*_encrypt_detached and _decrypt_detached. The secret nonce nsec is always NULL. */
typedef int fi_cipher_sodium_seal(unsigned char *out, unsigned char *tag,
                                  unsigned long long *tag_size, const unsigned char *in,
                                  unsigned long long size, const unsigned char *aad,
                                  unsigned long long aad_size, const unsigned char *nsec,
                                  const unsigned char *nonce, const void *key);
typedef int fi_cipher_sodium_open(unsigned char *out, unsigned char *nsec, const unsigned char *in,
                                  unsigned long long size, const unsigned char *tag,
                                  const unsigned char *aad, unsigned long long aad_size,
                                  const unsigned char *nonce, const void *key);

/* crypto_pwhash_ALG_ARGON2ID13 */
enum { FI_CIPHER_SODIUM_ARGON2ID13 = 2 };

struct fi_cipher_sodium {
    int (*init)(void);
    const char *(*version_string)(void);
    int (*core_hchacha20)(unsigned char *out, const unsigned char *in, const unsigned char *key,
                          const unsigned char *constant);
    fi_cipher_sodium_seal *chacha_seal; /* crypto_aead_chacha20poly1305_ietf */
    fi_cipher_sodium_open *chacha_open;
    int (*aes256gcm_is_available)(void);
    size_t (*aes256gcm_statebytes)(void);
    int (*aes256gcm_beforenm)(void *state, const unsigned char *key);
    fi_cipher_sodium_seal *aes256gcm_seal; /* _afternm: with the state as key */
    fi_cipher_sodium_open *aes256gcm_open;
    int (*pwhash)(unsigned char *out, unsigned long long out_size, const char *passphrase,
                  unsigned long long size, const unsigned char *salt, unsigned long long passes,
                  size_t memory_bytes, int algorithm);
};

/* What version 1.0.19 has added. */
struct fi_cipher_sodium_aegis {
    fi_cipher_sodium_seal *seal; /* crypto_aead_aegis256 */
    fi_cipher_sodium_open *open;
};

/* seal and open of a backend (cipher_internal.h), by a function of the library with its key. */
struct fi_cipher_message;
FIRN_MUST_CHECK int fi_cipher_sodium_run_seal(fi_cipher_sodium_seal *seal, const void *key,
                                              const struct fi_cipher_message *message);
FIRN_MUST_CHECK int fi_cipher_sodium_run_open(fi_cipher_sodium_open *open, const void *key,
                                              const struct fi_cipher_message *message);

/* FIRN_UNSUPPORTED: it is not installed. Any thread. */
FIRN_MUST_CHECK int fi_cipher_sodium_load(const struct fi_cipher_sodium **out, firn_error *err);
/* FIRN_UNSUPPORTED: it is not installed, or too old. Any thread. */
FIRN_MUST_CHECK int fi_cipher_sodium_load_aegis(const struct fi_cipher_sodium_aegis **out,
                                                firn_error *err);

#endif
