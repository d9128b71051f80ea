/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_nonces.c
 *
 * The libraries' functions are called through pointers, in memory that room cipher fills once. The
 * ones that encrypt are replaced there by others that note key and nonce, and then do the same.
 *
 * Keys of AES are noted as libsodium expands them, so that a pair is the same whichever library
 * meets it.
 */
#include "support/test_nonces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cipher/cipher_ipsec.h"
#include "cipher/cipher_openssl.h"
#include "cipher/cipher_sodium.h"
#include "codec/blake3_hash.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static firn_hash *table; /* open addressing, a power of two; zeros: free */
static uint64_t capacity;
static uint64_t count;
static uint64_t repeated;

static firn_hash *kept;
static uint64_t kept_capacity;
static uint64_t kept_count;

static struct fi_cipher_sodium library;
static struct fi_cipher_sodium_aegis aegis;
static struct fi_cipher_openssl_functions openssl;
static struct fi_cipher_ipsec_functions ipsec;

enum {
    CAPACITY_FIRST = 1 << 12,
    NONCE_CHACHA = 12,
    NONCE_GCM = 12,
    NONCE_AEGIS = 32,
    KEY_SIZE = 32,
    EXPANDED_SIZE_MAX = 1024
};

/* The place of a pair, or the free one where it would be. */
static firn_hash *
find(const firn_hash *pair)
{
    static const firn_hash zeros;
    uint64_t at;
    memcpy(&at, pair->bytes, sizeof at);
    for (at &= capacity - 1; memcmp(&table[at], &zeros, sizeof zeros) != 0;
         at = (at + 1) & (capacity - 1)) {
        if (memcmp(&table[at], pair, sizeof *pair) == 0) {
            break;
        }
    }
    return &table[at];
}

static void
grow(void)
{
    static const firn_hash zeros;
    firn_hash *old = table;
    const uint64_t old_capacity = capacity;
    capacity *= 2;
    table = calloc(capacity, sizeof *table);
    CHECK(table != NULL);
    for (uint64_t i = 0; i < old_capacity; i++) {
        if (memcmp(&old[i], &zeros, sizeof zeros) != 0) {
            *find(&old[i]) = old[i];
        }
    }
    free(old);
}

static void
note(const void *key, size_t key_size, const void *nonce, size_t nonce_size)
{
    struct fi_blake3_hash state;
    firn_hash pair;
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, key, key_size);
    fi_blake3_hash_update(&state, nonce, nonce_size);
    fi_blake3_hash_final(&state, &pair);
    (void)pthread_mutex_lock(&mutex);
    if (2 * count >= capacity) {
        grow();
    }
    firn_hash *place = find(&pair);
    repeated += memcmp(place, &pair, sizeof pair) == 0 ? 1 : 0;
    *place = pair;
    count++;
    (void)pthread_mutex_unlock(&mutex);
}

static int
seal_chacha(unsigned char *out, unsigned char *tag, unsigned long long *tag_size,
            const unsigned char *in, unsigned long long size, const unsigned char *aad,
            unsigned long long aad_size, const unsigned char *nsec, const unsigned char *nonce,
            const void *key)
{
    note(key, KEY_SIZE, nonce, NONCE_CHACHA);
    return library.chacha_seal(out, tag, tag_size, in, size, aad, aad_size, nsec, nonce, key);
}

static int
seal_gcm(unsigned char *out, unsigned char *tag, unsigned long long *tag_size,
         const unsigned char *in, unsigned long long size, const unsigned char *aad,
         unsigned long long aad_size, const unsigned char *nsec, const unsigned char *nonce,
         const void *key)
{
    note(key, library.aes256gcm_statebytes(), nonce, NONCE_GCM);
    return library.aes256gcm_seal(out, tag, tag_size, in, size, aad, aad_size, nsec, nonce, key);
}

static int
seal_aegis(unsigned char *out, unsigned char *tag, unsigned long long *tag_size,
           const unsigned char *in, unsigned long long size, const unsigned char *aad,
           unsigned long long aad_size, const unsigned char *nsec, const unsigned char *nonce,
           const void *key)
{
    note(key, KEY_SIZE, nonce, NONCE_AEGIS);
    return aegis.seal(out, tag, tag_size, in, size, aad, aad_size, nsec, nonce, key);
}

/* key: as it is. */
static void
note_gcm(const uint8_t *key, const uint8_t *nonce)
{
    _Alignas(64) uint8_t expanded[EXPANDED_SIZE_MAX] = {0};
    size_t size = KEY_SIZE;
    memcpy(expanded, key, KEY_SIZE);
    if (library.aes256gcm_is_available()) {
        size = library.aes256gcm_statebytes();
        CHECK(size <= sizeof expanded);
        CHECK(library.aes256gcm_beforenm(expanded, key) == 0);
    }
    note(expanded, size, nonce, NONCE_GCM);
}

static int
init_openssl(void *context, const void *cipher, void *engine, const uint8_t *key,
             const uint8_t *nonce)
{
    CHECK(key != NULL && nonce != NULL);
    note_gcm(key, nonce);
    return openssl.encrypt_init(context, cipher, engine, key, nonce);
}

static void
encrypt_ipsec(const void *expanded, void *context, uint8_t *out, const uint8_t *in, uint64_t size,
              const uint8_t *nonce, const uint8_t *aad, uint64_t aad_size, uint8_t *tag,
              uint64_t tag_size)
{
    note_gcm(expanded, nonce);
    ipsec.encrypt(expanded, context, out, in, size, nonce, aad, aad_size, tag, tag_size);
}

/* Room cipher shows its tables as constants; the memory is not. */
static void
listen(void)
{
    const struct fi_cipher_sodium *sodium;
    const struct fi_cipher_sodium_aegis *newer;
    const struct fi_cipher_openssl_functions *other;
    const struct fi_cipher_ipsec_functions *third;
    CHECK(fi_cipher_sodium_load(&sodium, NULL) == FIRN_OK);
    library = *sodium;
    struct fi_cipher_sodium *table_of_room = (struct fi_cipher_sodium *)(uintptr_t)sodium;
    table_of_room->chacha_seal = seal_chacha;
    table_of_room->aes256gcm_seal = seal_gcm;
    if (fi_cipher_sodium_load_aegis(&newer, NULL) == FIRN_OK) {
        aegis = *newer;
        ((struct fi_cipher_sodium_aegis *)(uintptr_t)newer)->seal = seal_aegis;
    }
    if (fi_cipher_openssl_load(&other, NULL) == FIRN_OK) {
        openssl = *other;
        ((struct fi_cipher_openssl_functions *)(uintptr_t)other)->encrypt_init = init_openssl;
    }
    if (fi_cipher_ipsec_load(&third, NULL) == FIRN_OK) {
        ipsec = *third;
        ((struct fi_cipher_ipsec_functions *)(uintptr_t)third)->encrypt = encrypt_ipsec;
    }
}

void
test_nonces_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, listen);
    (void)pthread_mutex_lock(&mutex);
    free(table);
    capacity = CAPACITY_FIRST;
    table = calloc(capacity, sizeof *table);
    CHECK(table != NULL);
    count = 0;
    repeated = 0;
    (void)pthread_mutex_unlock(&mutex);
}

static firn_hash *
copy_of(const firn_hash *of, uint64_t size)
{
    firn_hash *copy = calloc(size, sizeof *copy);
    CHECK(copy != NULL);
    memcpy(copy, of, size * sizeof *copy);
    return copy;
}

void
test_nonces_keep(void)
{
    (void)pthread_mutex_lock(&mutex);
    free(kept);
    kept = copy_of(table, capacity);
    kept_capacity = capacity;
    kept_count = count;
    (void)pthread_mutex_unlock(&mutex);
}

void
test_nonces_begin_again(void)
{
    (void)pthread_mutex_lock(&mutex);
    CHECK(kept != NULL);
    free(table);
    table = copy_of(kept, kept_capacity);
    capacity = kept_capacity;
    count = kept_count;
    repeated = 0;
    (void)pthread_mutex_unlock(&mutex);
}

uint64_t
test_nonces_count(void)
{
    (void)pthread_mutex_lock(&mutex);
    const uint64_t found = count;
    (void)pthread_mutex_unlock(&mutex);
    return found;
}

uint64_t
test_nonces_repeated(void)
{
    (void)pthread_mutex_lock(&mutex);
    const uint64_t found = repeated;
    (void)pthread_mutex_unlock(&mutex);
    return found;
}
