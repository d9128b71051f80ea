/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_sodium.c: loads libsodium once for the process. Versions since 1.0.19 are called
 * libsodium.so.26, older ones libsodium.so.23. All that is used but AEGIS is in both.
 */
#include "cipher/cipher_sodium.h"

#include <string.h>

#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "posix/os_library.h"

static const char *const names[] = {
    "sodium_init",
    "sodium_version_string",
    "crypto_core_hchacha20",
    "crypto_aead_chacha20poly1305_ietf_encrypt_detached",
    "crypto_aead_chacha20poly1305_ietf_decrypt_detached",
    "crypto_aead_aes256gcm_is_available",
    "crypto_aead_aes256gcm_statebytes",
    "crypto_aead_aes256gcm_beforenm",
    "crypto_aead_aes256gcm_encrypt_detached_afternm",
    "crypto_aead_aes256gcm_decrypt_detached_afternm",
    "crypto_pwhash",
};
static const char *const aegis_names[] = {
    "crypto_aead_aegis256_encrypt_detached",
    "crypto_aead_aegis256_decrypt_detached",
};
enum {
    COUNT = sizeof names / sizeof names[0],
    AEGIS_COUNT = sizeof aegis_names / sizeof aegis_names[0]
};

static void *functions[COUNT];
static void *aegis_functions[AEGIS_COUNT];
static struct fi_cipher_sodium loaded;             /* written by start_sodium only */
static struct fi_cipher_sodium_aegis loaded_aegis; /* by start_aegis */

/* A pointer to a function has the bytes of one to an object: dlsym(3) relies on it. */
static bool
start_sodium(void)
{
    enum { FAILED = -1 }; /* 1: another user of the library has started it */
    _Static_assert(sizeof loaded == sizeof functions, "as many functions as names");
    memcpy(&loaded, functions, sizeof functions);
    return loaded.init() != FAILED;
}

static bool
start_aegis(void)
{
    _Static_assert(sizeof loaded_aegis == sizeof aegis_functions, "as many functions as names");
    memcpy(&loaded_aegis, aegis_functions, sizeof aegis_functions);
    return true;
}

int
fi_cipher_sodium_load(const struct fi_cipher_sodium **out, firn_error *err)
{
    static struct fi_os_library library = {.file_name = "libsodium.so.26",
                                           .other_name = "libsodium.so.23",
                                           .names = names,
                                           .functions = functions,
                                           .count = COUNT,
                                           .start = start_sodium};
    *out = NULL;
    if (!fi_os_library_load(&library)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "encryption needs libsodium, which is not installed here: "
                            "apt install libsodium23");
    }
    *out = &loaded;
    return FIRN_OK;
}

int
fi_cipher_sodium_load_aegis(const struct fi_cipher_sodium_aegis **out, firn_error *err)
{
    static struct fi_os_library library = {.file_name = "libsodium.so.26",
                                           .other_name = "libsodium.so.23",
                                           .names = aegis_names,
                                           .functions = aegis_functions,
                                           .count = AEGIS_COUNT,
                                           .start = start_aegis};
    const struct fi_cipher_sodium *sodium;
    *out = NULL;
    FI_TRY_RETURN(fi_cipher_sodium_load(&sodium, err));
    if (!fi_os_library_load(&library)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "AEGIS-256 needs libsodium 1.0.19 or newer; here is %.40s",
                            sodium->version_string());
    }
    *out = &loaded_aegis;
    return FIRN_OK;
}

int
fi_cipher_sodium_run_seal(fi_cipher_sodium_seal *seal, const void *key,
                          const struct fi_cipher_message *message)
{
    int failed = seal(message->out, message->tag, NULL, message->in, message->size,
                      message->aad.data, message->aad.size, NULL, message->nonce, key);
    return failed == 0 ? FIRN_OK : FIRN_INTERNAL;
}

int
fi_cipher_sodium_run_open(fi_cipher_sodium_open *open, const void *key,
                          const struct fi_cipher_message *message)
{
    int failed = open(message->out, NULL, message->in, message->size, message->tag,
                      message->aad.data, message->aad.size, message->nonce, key);
    return failed == 0 ? FIRN_OK : FIRN_CORRUPT;
}
