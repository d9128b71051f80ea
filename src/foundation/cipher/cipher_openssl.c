/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_openssl.c: AES-256-GCM by libcrypto of OpenSSL 3. On processors for which libsodium
 * has no AES it takes all messages, else large ones (cipher_aes.c).
 *
 * OpenSSL expands a key in a context, which is in its own memory: ordinary memory, neither locked
 * nor kept out of core files and of children of fork.
 *
 * (I1) A context is there only while a message is computed: it is made for the message, and wiped
 *      and freed by OpenSSL after it. That takes 0.3 microseconds; a message of 4 KiB takes 1.1.
 *      Between messages the key is where other keys are. OpenSSL sees keys of single files and of
 *      logs, never a master key. Not checked here: a test counts what OpenSSL allocates.
 * (I2) Whatever fails leaves errors in OpenSSL's queue of the thread, where other users of the
 *      library, such as TLS in the same program, would take them for their own. So the queue is put
 *      back as it was. Not checked here: the same test looks into the queue.
 */
#include "cipher/cipher_openssl.h"

#include <string.h>

#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "posix/os_library.h"

enum {
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    GET_TAG = 0x10, /* EVP_CTRL_AEAD_GET_TAG */
    SET_TAG = 0x11  /* EVP_CTRL_AEAD_SET_TAG */
};

/* Written by start_openssl only. */
static struct fi_cipher_openssl_functions crypto;

/* In the order of the functions. */
static const char *const names[] = {
    "EVP_CIPHER_CTX_new", "EVP_CIPHER_CTX_free", "EVP_CIPHER_CTX_ctrl", "EVP_CIPHER_fetch",
    "EVP_EncryptInit_ex", "EVP_EncryptUpdate",   "EVP_EncryptFinal_ex", "EVP_DecryptInit_ex",
    "EVP_DecryptUpdate",  "EVP_DecryptFinal_ex", "ERR_set_mark",        "ERR_pop_to_mark",
};
enum { COUNT = sizeof names / sizeof names[0] };

static void *functions[COUNT];
static void *aes_256_gcm; /* written by start_openssl only */

static bool
start_openssl(void)
{
    _Static_assert(sizeof crypto == sizeof functions, "as many functions as names");
    memcpy(&crypto, functions, sizeof functions);
    (void)crypto.err_set_mark();
    aes_256_gcm = crypto.cipher_fetch(NULL, "AES-256-GCM", NULL);
    (void)crypto.err_pop_to_mark(); /* (I2) */
    return aes_256_gcm != NULL;
}

int
fi_cipher_openssl_load(const struct fi_cipher_openssl_functions **out, firn_error *err)
{
    static struct fi_os_library library = {.file_name = "libcrypto.so.3",
                                           .names = names,
                                           .functions = functions,
                                           .count = COUNT,
                                           .start = start_openssl};
    *out = NULL;
    if (!fi_os_library_load(&library)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "AES-256-GCM needs libsodium and a processor with instructions for "
                            "AES, or OpenSSL 3: apt install libsodium23 libssl3");
    }
    *out = &crypto;
    return FIRN_OK;
}

static int
openssl_load(firn_error *err)
{
    const struct fi_cipher_openssl_functions *loaded;
    return fi_cipher_openssl_load(&loaded, err);
}

/* The state is the key as it is. */
static size_t
openssl_state_size(void)
{
    return FI_CIPHER_KEY_SIZE;
}

static void
openssl_prepare(void *state, const uint8_t *key)
{
    memcpy(state, key, FI_CIPHER_KEY_SIZE);
}

static bool
update(void *context, fi_cipher_openssl_update *take, const struct fi_cipher_message *message)
{
    int size; /* sizes are below 2^30 */
    return (message->aad.size == 0 ||
            take(context, NULL, &size, message->aad.data, (int)message->aad.size) == 1) &&
           (message->size == 0 ||
            take(context, message->out, &size, message->in, (int)message->size) == 1);
}

static int
seal_with(void *context, const uint8_t *key, const struct fi_cipher_message *message)
{
    uint8_t rest[TAG_SIZE]; /* stays empty: GCM has no blocks to fill */
    int size;
    /* What has begun needs no more memory. */
    if (crypto.encrypt_init(context, aes_256_gcm, NULL, key, message->nonce) != 1) {
        return FIRN_NO_MEMORY;
    }
    bool is_done = update(context, crypto.encrypt_update, message) &&
                   crypto.encrypt_final(context, rest, &size) == 1 &&
                   crypto.context_control(context, GET_TAG, TAG_SIZE, message->tag) == 1;
    return is_done ? FIRN_OK : FIRN_INTERNAL;
}

static int
open_with(void *context, const uint8_t *key, const struct fi_cipher_message *message)
{
    uint8_t rest[TAG_SIZE];
    int size;
    if (crypto.decrypt_init(context, aes_256_gcm, NULL, key, message->nonce) != 1) {
        return FIRN_NO_MEMORY;
    }
    bool is_taken = update(context, crypto.decrypt_update, message) &&
                    crypto.context_control(context, SET_TAG, TAG_SIZE, message->tag) == 1;
    if (!is_taken) {
        return FIRN_INTERNAL;
    }
    return crypto.decrypt_final(context, rest, &size) == 1 ? FIRN_OK : FIRN_CORRUPT;
}

typedef int compute_with(void *context, const uint8_t *key,
                         const struct fi_cipher_message *message);

static int
run_openssl(compute_with *compute, const uint8_t *key, const struct fi_cipher_message *message)
{
    (void)crypto.err_set_mark();
    void *context = crypto.context_new();
    int rc = context != NULL ? compute(context, key, message) : FIRN_NO_MEMORY;
    crypto.context_free(context);   /* (I1); NULL is fine */
    (void)crypto.err_pop_to_mark(); /* (I2) */
    return rc;
}

static int
openssl_seal(void *state, const struct fi_cipher_message *message)
{
    return run_openssl(seal_with, state, message);
}

static int
openssl_open(void *state, const struct fi_cipher_message *message)
{
    return run_openssl(open_with, state, message);
}

const struct fi_cipher_backend fi_cipher_openssl = {
    .number = FI_CIPHER_AES_256_GCM,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "AES-256-GCM",
    .load = openssl_load,
    .state_size = openssl_state_size,
    .prepare = openssl_prepare,
    .seal = openssl_seal,
    .open = openssl_open,
};
