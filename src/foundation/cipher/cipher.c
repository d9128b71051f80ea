/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher.c: the table of ciphers, and what all of them have in common.
 *
 * A cipher is computed by a backend (cipher_internal.h), which is chosen when a key is made.
 * AES-256-GCM has three: libIPSec_MB, where it is installed; libsodium, which needs the processor's
 * instructions, with libcrypto for large messages; and libcrypto alone, which works without them.
 * They give the same bytes.
 *
 * A key is one block of memory for secrets: the backend, and the state that the backend has made of
 * the key. The pointer to the backend is also what a child of fork finds zeroed (I1). A message is
 * never sealed with a key of zeros.
 *
 * A nonce is a number of 64 bits, in the last 8 bytes of what the cipher takes, little-endian; the
 * bytes before it are zeros. The caller chooses it: places in files, which are counted anyway. 64
 * bits are too few for nonces at random.
 *
 * If opening fails, the output is wiped here (I2), since libraries differ in what they leave there.
 */
#include "cipher/cipher.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "codec/cpu.h"
#include "os/os_secret.h"

enum { NONCE_SIZE_MAX = 32 };

struct fi_cipher_key {
    const struct fi_cipher_backend *backend; /* NULL: wiped by fork (I1) */
    _Alignas(FI_OS_SECRET_ALIGNMENT) uint8_t state[];
};

/* ==== the table ==== */

/* In the order of numbers; a later one for the same cipher is tried after the earlier one. */
static const struct fi_cipher_backend *const backends[] = {
    &fi_cipher_chacha, &fi_cipher_ipsec, &fi_cipher_aes, &fi_cipher_openssl, &fi_cipher_aegis,
};
enum { COUNT = sizeof backends / sizeof backends[0] };

static const struct fi_cipher_backend *
first_backend(unsigned number)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (backends[i]->number == number) {
            return backends[i];
        }
    }
    return NULL;
}

const char *
fi_cipher_name(unsigned number)
{
    const struct fi_cipher_backend *backend = first_backend(number);
    return backend != NULL ? backend->name : NULL;
}

size_t
fi_cipher_tag_size(unsigned number)
{
    const struct fi_cipher_backend *backend = first_backend(number);
    CHECK(backend != NULL && backend->tag_size <= FI_CIPHER_TAG_SIZE_MAX);
    return backend->tag_size;
}

/* A loaded backend. The error is that of the last one, which says what all of them need. */
static int
find_backend(unsigned number, const struct fi_cipher_backend **out, firn_error *err)
{
    int rc = FIRN_NEWER;
    *out = NULL;
    for (size_t i = 0; i < COUNT && rc != FIRN_OK; i++) {
        if (backends[i]->number == number) {
            rc = backends[i]->load(err);
            *out = rc == FIRN_OK ? backends[i] : NULL;
        }
    }
    if (rc == FIRN_NEWER) {
        return fi_error_set(err, FIRN_NEWER, "cipher %u is of a later version of firn", number);
    }
    return rc;
}

int
fi_cipher_check(unsigned number, firn_error *err)
{
    const struct fi_cipher_backend *backend;
    return find_backend(number, &backend, err);
}

unsigned
fi_cipher_choose(bool for_small)
{
    /* Without instructions for it AES is slow, and its time tells of the key. */
    return for_small && fi_cpu_has(FI_CPU_AES) &&
                   fi_cipher_check(FI_CIPHER_AES_256_GCM, NULL) == FIRN_OK
               ? FI_CIPHER_AES_256_GCM
               : FI_CIPHER_XCHACHA20_POLY1305;
}

/* ==== keys ==== */

int
fi_cipher_key_create_by(const struct fi_cipher_backend *backend, const uint8_t *key,
                        struct fi_cipher_key **out, firn_error *err)
{
    void *memory;
    *out = NULL;
    FI_TRY_RETURN(
        fi_os_secret_allocate(sizeof(struct fi_cipher_key) + backend->state_size(), &memory, err));
    struct fi_cipher_key *made = memory;
    made->backend = backend;
    backend->prepare(made->state, key);
    *out = made;
    return FIRN_OK;
}

int
fi_cipher_key_create(unsigned number, const uint8_t *key, struct fi_cipher_key **out,
                     firn_error *err)
{
    const struct fi_cipher_backend *backend;
    *out = NULL;
    FI_TRY_RETURN(find_backend(number, &backend, err));
    return fi_cipher_key_create_by(backend, key, out, err);
}

void
fi_cipher_key_destroy(struct fi_cipher_key *key)
{
    fi_os_secret_free(key);
}

size_t
fi_cipher_key_tag_size(const struct fi_cipher_key *key)
{
    return key->backend != NULL ? key->backend->tag_size : 0;
}

/* ==== messages ==== */

/* Zeros, and then the number. */
static void
fill_nonce(uint64_t nonce, size_t size, uint8_t *out)
{
    DCHECK(size >= sizeof nonce && size <= NONCE_SIZE_MAX);
    memset(out, 0, NONCE_SIZE_MAX); /* of constant size: no call */
    fi_store_le64(out + size - sizeof nonce, nonce);
}

static int
fail(int rc, firn_error *err)
{
    switch (rc) {
    case FIRN_CORRUPT:
        return fi_error_set(err, FIRN_CORRUPT,
                            "encrypted data is damaged, or belongs to another key or place");
    case FIRN_NO_MEMORY:
        return fi_error_no_memory(err, "encryption");
    default:
        return fi_error_set(err, FIRN_INTERNAL, "the library for encryption failed");
    }
}

static int
refuse_inherited(firn_error *err)
{
    return fi_error_set(err, FIRN_MISUSE,
                        "the key was unlocked before this process was forked; open the store anew");
}

int
fi_cipher_seal(struct fi_cipher_key *key, uint64_t nonce, firn_slice aad, firn_slice plain,
               uint8_t *out, firn_error *err)
{
    const struct fi_cipher_backend *backend = key->backend;
    if (backend == NULL) {
        return refuse_inherited(err); /* (I1) */
    }
    if (plain.size > FI_CIPHER_MESSAGE_SIZE_MAX || aad.size > FI_CIPHER_MESSAGE_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "more than 1 GiB cannot be encrypted at once");
    }
    uint8_t bytes[NONCE_SIZE_MAX];
    fill_nonce(nonce, backend->nonce_size, bytes);
    int rc = backend->seal(key->state, &(struct fi_cipher_message){.nonce = bytes,
                                                                   .aad = aad,
                                                                   .in = plain.data,
                                                                   .out = out,
                                                                   .size = plain.size,
                                                                   .tag = out + plain.size});
    return rc == FIRN_OK ? FIRN_OK : fail(rc, err);
}

int
fi_cipher_open(struct fi_cipher_key *key, uint64_t nonce, firn_slice aad, firn_slice sealed,
               uint8_t *out, firn_error *err)
{
    const struct fi_cipher_backend *backend = key->backend;
    if (backend == NULL) { /* the size of the tag is gone as well */
        return refuse_inherited(err);
    }
    const size_t tag_size = backend->tag_size;
    if (sealed.size < tag_size) {
        return fail(FIRN_CORRUPT, err);
    }
    const size_t size = sealed.size - tag_size;
    if (size > FI_CIPHER_MESSAGE_SIZE_MAX || aad.size > FI_CIPHER_MESSAGE_SIZE_MAX) {
        fi_os_secret_wipe(out, size);
        return fail(FIRN_CORRUPT, err);
    }
    uint8_t tag[FI_CIPHER_TAG_SIZE_MAX]; /* a copy: out may be sealed.data */
    memcpy(tag, sealed.data + size, tag_size);
    uint8_t bytes[NONCE_SIZE_MAX];
    fill_nonce(nonce, backend->nonce_size, bytes);
    int rc = backend->open(
        key->state,
        &(struct fi_cipher_message){
            .nonce = bytes, .aad = aad, .in = sealed.data, .out = out, .size = size, .tag = tag});
    if (rc != FIRN_OK) {
        fi_os_secret_wipe(out, size);
        DCHECK(fi_bytes_are_zero(out, size)); /* (I2) */
        return fail(rc, err);
    }
    return FIRN_OK;
}
