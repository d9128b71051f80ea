/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_openssl.c: AES-256-GCM by libcrypto of OpenSSL 3. On processors for which libsodium
 * has no AES it takes all messages, else large ones (cipher_aes.c).
 *
 * OpenSSL keeps an expanded key in a context of its own, which one thread at a time may use. Making
 * one takes longer than sealing a small message. So a key keeps a few contexts for sealing and for
 * opening: a thread takes one by an atomic exchange and gives it back afterwards. Where there is
 * none it makes one, and where there is no place for it it frees it.
 *
 * The contexts are in OpenSSL's memory: it wipes them when they are freed, but does not lock them,
 * and they stay in core files and in children of fork.
 */
#include "cipher/cipher_openssl.h"

#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "posix/os_library.h"

enum {
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    KEPT = 4,
    GET_TAG = 0x10, /* EVP_CTRL_AEAD_GET_TAG */
    SET_TAG = 0x11  /* EVP_CTRL_AEAD_SET_TAG */
};

/* Written by start_openssl only. */
static struct fi_cipher_openssl_functions crypto;

/* In the order of the functions. */
static const char *const names[] = {
    "EVP_CIPHER_CTX_new", "EVP_CIPHER_CTX_free", "EVP_CIPHER_CTX_ctrl", "EVP_CIPHER_fetch",
    "EVP_EncryptInit_ex", "EVP_EncryptUpdate",   "EVP_EncryptFinal_ex", "EVP_DecryptInit_ex",
    "EVP_DecryptUpdate",  "EVP_DecryptFinal_ex",
};
enum { COUNT = sizeof names / sizeof names[0] };

static void *functions[COUNT];
static void *aes_256_gcm; /* written by start_openssl only */

struct openssl_state {
    uint8_t key[FI_CIPHER_KEY_SIZE];
    _Atomic(void *) sealers[KEPT]; /* contexts; NULL: taken, or not there yet */
    _Atomic(void *) openers[KEPT];
};

static bool
start_openssl(void)
{
    _Static_assert(sizeof crypto == sizeof functions, "as many functions as names");
    memcpy(&crypto, functions, sizeof functions);
    aes_256_gcm = crypto.cipher_fetch(NULL, "AES-256-GCM", NULL);
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

static size_t
openssl_state_size(void)
{
    return sizeof(struct openssl_state);
}

static void
openssl_prepare(void *state, const uint8_t *key)
{
    struct openssl_state *openssl = state;
    memcpy(openssl->key, key, sizeof openssl->key);
    for (size_t i = 0; i < KEPT; i++) {
        atomic_init(&openssl->sealers[i], NULL);
        atomic_init(&openssl->openers[i], NULL);
    }
}

/* Before the library is loaded there are no contexts. */
static void
free_contexts(_Atomic(void *) *kept)
{
    for (size_t i = 0; i < KEPT; i++) {
        void *context = atomic_load_explicit(&kept[i], memory_order_acquire);
        if (context != NULL) {
            crypto.context_free(context);
        }
    }
}

static void
openssl_forget(void *state)
{
    struct openssl_state *openssl = state;
    free_contexts(openssl->sealers);
    free_contexts(openssl->openers);
}

/* A context with the key in it, which is this thread's until it is given back. */
static void *
take_context(const struct openssl_state *openssl, _Atomic(void *) *kept,
             fi_cipher_openssl_init *init)
{
    for (size_t i = 0; i < KEPT; i++) {
        /* Pairs with the exchange below: the next user of a context sees what the last one did. */
        void *context = atomic_exchange_explicit(&kept[i], NULL, memory_order_acquire);
        if (context != NULL) {
            return context;
        }
    }
    void *context = crypto.context_new();
    if (context != NULL && init(context, aes_256_gcm, NULL, openssl->key, NULL) != 1) {
        crypto.context_free(context);
        return NULL;
    }
    return context;
}

static void
give_context_back(void *context, _Atomic(void *) *kept)
{
    for (size_t i = 0; i < KEPT; i++) {
        void *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&kept[i], &none, context, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    crypto.context_free(context);
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
openssl_seal(void *state, const struct fi_cipher_message *message)
{
    struct openssl_state *openssl = state;
    uint8_t rest[TAG_SIZE]; /* stays empty: GCM has no blocks to fill */
    int size;
    void *context = take_context(openssl, openssl->sealers, crypto.encrypt_init);
    if (context == NULL) {
        return FIRN_NO_MEMORY;
    }
    bool is_done = crypto.encrypt_init(context, NULL, NULL, NULL, message->nonce) == 1 &&
                   update(context, crypto.encrypt_update, message) &&
                   crypto.encrypt_final(context, rest, &size) == 1 &&
                   crypto.context_control(context, GET_TAG, TAG_SIZE, message->tag) == 1;
    give_context_back(context, openssl->sealers);
    return is_done ? FIRN_OK : FIRN_INTERNAL;
}

static int
openssl_open(void *state, const struct fi_cipher_message *message)
{
    struct openssl_state *openssl = state;
    uint8_t rest[TAG_SIZE];
    int size;
    void *context = take_context(openssl, openssl->openers, crypto.decrypt_init);
    if (context == NULL) {
        return FIRN_NO_MEMORY;
    }
    bool is_begun = crypto.decrypt_init(context, NULL, NULL, NULL, message->nonce) == 1 &&
                    update(context, crypto.decrypt_update, message) &&
                    crypto.context_control(context, SET_TAG, TAG_SIZE, message->tag) == 1;
    bool is_right = is_begun && crypto.decrypt_final(context, rest, &size) == 1;
    give_context_back(context, openssl->openers);
    return is_right ? FIRN_OK : is_begun ? FIRN_CORRUPT : FIRN_INTERNAL;
}

const struct fi_cipher_backend fi_cipher_openssl = {
    .number = FI_CIPHER_AES_256_GCM,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "AES-256-GCM",
    .load = openssl_load,
    .state_size = openssl_state_size,
    .prepare = openssl_prepare,
    .forget = openssl_forget,
    .seal = openssl_seal,
    .open = openssl_open,
};
