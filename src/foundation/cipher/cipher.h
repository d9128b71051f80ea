/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher.h: authenticated encryption by number. The libraries that compute it are loaded
 * when they are first used: firn needs neither them nor their headers else.
 *
 * The caller must never seal two messages with one key and one nonce: that reveals both, and lets
 * others forge messages. Nothing here can notice it.
 */
#ifndef FIRN_CIPHER_CIPHER_H
#define FIRN_CIPHER_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

/* The numbers are on disk. */
enum fi_cipher_number {
    FI_CIPHER_XCHACHA20_POLY1305 = 1, /* on every machine: the default */
    FI_CIPHER_AES_256_GCM = 2,        /* the cheapest for small messages, given the instructions */
    FI_CIPHER_AEGIS_256 = 3           /* libsodium 1.0.19 and newer */
};

enum { FI_CIPHER_KEY_SIZE = 32, FI_CIPHER_TAG_SIZE_MAX = 32, FI_CIPHER_MESSAGE_SIZE_MAX = 1 << 30 };

/* A key that is expanded once, in memory for secrets (os/os_secret.h). Any number of threads may
 * use it at once. */
struct fi_cipher_key;

/* What people call it: "AES-256-GCM". NULL: there is no such cipher. */
const char *fi_cipher_name(unsigned number);
/* How much longer a sealed message is: 16 bytes; 32 of AEGIS-256. Requires: the cipher exists. */
size_t fi_cipher_tag_size(unsigned number);
/* Whether the cipher can be used on this machine; loads its library. FIRN_UNSUPPORTED: the text
 * says what is needed. FIRN_NEWER: there is no such cipher. */
FIRN_MUST_CHECK int fi_cipher_check(unsigned number, firn_error *err);

/* The cipher for a store that has no wish of its own. for_small: most messages have a few hundred
 * bytes, as records of a log of single puts have. */
unsigned fi_cipher_choose(bool for_small);

/* Codes as above, and FIRN_NO_MEMORY. key has FI_CIPHER_KEY_SIZE bytes, which the caller wipes. */
FIRN_MUST_CHECK int fi_cipher_key_create(unsigned number, const uint8_t *key,
                                         struct fi_cipher_key **out, firn_error *err);
/* Wipes it. NULL is allowed. */
void fi_cipher_key_destroy(struct fi_cipher_key *key);
size_t fi_cipher_key_tag_size(const struct fi_cipher_key *key);

/* Seals a message: out gets plain.size bytes and then the tag. aad is not in it; opening it
 * takes the same aad. out may be plain.data, and does not overlap it else. FIRN_LIMIT: the
 * message is larger than FI_CIPHER_MESSAGE_SIZE_MAX. FIRN_NO_MEMORY. FIRN_MISUSE: the key was made
 * before this process was forked. */
FIRN_MUST_CHECK int fi_cipher_seal(struct fi_cipher_key *key, uint64_t nonce, firn_slice aad,
                                   firn_slice plain, uint8_t *out, firn_error *err);
/* Opens a sealed message: out gets sealed.size less the tag's size. out may be sealed.data, and
 * does not overlap it else. FIRN_CORRUPT: bytes, key, nonce or aad are not those of a sealed
 * message. FIRN_NO_MEMORY. After both out is full of zeros: nothing that was not authenticated
 * stays in it. FIRN_MISUSE, as above: out is as it was. */
FIRN_MUST_CHECK int fi_cipher_open(struct fi_cipher_key *key, uint64_t nonce, firn_slice aad,
                                   firn_slice sealed, uint8_t *out, firn_error *err);

#endif
