/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_passphrase.h: keys out of passphrases, by Argon2id: slow, and in much memory, so
 * that guessing is expensive.
 */
#ifndef FIRN_CIPHER_CIPHER_PASSPHRASE_H
#define FIRN_CIPHER_CIPHER_PASSPHRASE_H

#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

enum {
    FI_CIPHER_PASSPHRASE_SIZE_MAX = 1024,
    FI_CIPHER_PASSPHRASE_SALT_SIZE = 16,
    FI_CIPHER_PASSPHRASE_OUT_SIZE = 32
};

/* Time is about the product: 1 GiB takes a second. */
struct fi_cipher_passphrase_cost {
    uint32_t passes;
    uint32_t memory_kib;
};

/* 0.1 s, and 0.7 s. */
static const struct fi_cipher_passphrase_cost fi_cipher_passphrase_local = {2, 64 << 10};
static const struct fi_cipher_passphrase_cost fi_cipher_passphrase_remote = {3, 256 << 10};

/* What one derivation may cost at most: 1 GiB of memory, four seconds. */
enum {
    FI_CIPHER_PASSPHRASE_MEMORY_KIB_MIN = 8,
    FI_CIPHER_PASSPHRASE_MEMORY_KIB_MAX = 1 << 20,
    FI_CIPHER_PASSPHRASE_WORK_KIB_MAX = 4 << 20 /* passes times memory */
};

/* FIRN_LIMIT: it is beyond these bounds. */
FIRN_MUST_CHECK int fi_cipher_passphrase_check(const struct fi_cipher_passphrase_cost *cost,
                                               firn_error *err);

/* salt has FI_CIPHER_PASSPHRASE_SALT_SIZE bytes, out FI_CIPHER_PASSPHRASE_OUT_SIZE. FIRN_LIMIT: as
 * above. FIRN_INVALID: the passphrase is empty, or longer than FI_CIPHER_PASSPHRASE_SIZE_MAX.
 * FIRN_NO_MEMORY: this machine has too little for the cost. FIRN_UNSUPPORTED: no libsodium. */
FIRN_MUST_CHECK int fi_cipher_passphrase_stretch(firn_slice passphrase, const uint8_t *salt,
                                                 const struct fi_cipher_passphrase_cost *cost,
                                                 uint8_t *out, firn_error *err);

#endif
