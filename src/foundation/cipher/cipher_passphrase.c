/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_passphrase.c: Argon2id (RFC 9106), version 0x13, one lane, by libsodium.
 *
 * The cost is in the file that a passphrase opens, so it may be anybody's. It is checked against
 * bounds before any memory is asked for.
 */
#include "cipher/cipher_passphrase.h"

#include "cipher/cipher_sodium.h"

int
fi_cipher_passphrase_check(const struct fi_cipher_passphrase_cost *cost, firn_error *err)
{
    if (cost->passes == 0 || cost->memory_kib < FI_CIPHER_PASSPHRASE_MEMORY_KIB_MIN ||
        cost->memory_kib > FI_CIPHER_PASSPHRASE_MEMORY_KIB_MAX ||
        cost->passes > FI_CIPHER_PASSPHRASE_WORK_KIB_MAX / cost->memory_kib) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "%u passes over %u KiB of memory are not a cost that firn accepts for a "
            "passphrase",
            cost->passes, cost->memory_kib);
    }
    return FIRN_OK;
}

int
fi_cipher_passphrase_stretch(firn_slice passphrase, const uint8_t *salt,
                             const struct fi_cipher_passphrase_cost *cost, uint8_t *out,
                             firn_error *err)
{
    const struct fi_cipher_sodium *sodium;
    FI_TRY_RETURN(fi_cipher_passphrase_check(cost, err));
    if (passphrase.size == 0 || passphrase.size > FI_CIPHER_PASSPHRASE_SIZE_MAX) {
        return fi_error_set(err, FIRN_INVALID, "a passphrase has 1 to %d bytes",
                            FI_CIPHER_PASSPHRASE_SIZE_MAX);
    }
    FI_TRY_RETURN(fi_cipher_sodium_load(&sodium, err));
    if (sodium->pwhash(out, FI_CIPHER_PASSPHRASE_OUT_SIZE, (const char *)passphrase.data,
                       passphrase.size, salt, cost->passes, (size_t)cost->memory_kib << 10,
                       FI_CIPHER_SODIUM_ARGON2ID13) != 0) {
        return fi_error_set(err, FIRN_NO_MEMORY,
                            "trying the passphrase takes %u MiB of memory, which could not be had",
                            cost->memory_kib >> 10);
    }
    return FIRN_OK;
}
