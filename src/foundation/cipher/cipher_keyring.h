/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_keyring.h: the keys of an encrypted store while it is open.
 *
 * A keyring is attached to the handle of the store's directory as its seal (os/os_seal.h), and so
 * reaches every file of the store. It has master keys by number; new files get the newest. It never
 * changes but by fi_cipher_keyring_extend, which any number of threads may use it beside.
 */
#ifndef FIRN_CIPHER_CIPHER_KEYRING_H
#define FIRN_CIPHER_CIPHER_KEYRING_H

#include <stdint.h>

#include "cipher/cipher.h"
#include "cipher/cipher_derive.h"
#include "os/os_seal.h"

struct fi_cipher_keyring;

/* A master key of a store. */
struct fi_cipher_keyring_master {
    uint32_t number;    /* from 1 */
    const uint8_t *key; /* FI_CIPHER_KEY_SIZE bytes */
};
/* Copies the keys, of which there is at least one, in the order of their numbers. New files get the
 * cipher and the last key; cipher 0 is for a store that becomes one in clear. Codes of
 * fi_cipher_check, and FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_cipher_keyring_create(unsigned cipher,
                                             const struct fi_cipher_keyring_master *masters,
                                             size_t count, struct fi_cipher_keyring **out,
                                             firn_error *err);
/* The store is changing from clear to encrypted, or back: files may be either. New ones are in
 * clear if the keyring was created with cipher 0. Before the keyring is attached. */
void fi_cipher_keyring_set_changing(struct fi_cipher_keyring *keyring);
/* Whether files in clear are no damage. */
bool fi_cipher_keyring_is_changing(const struct fi_cipher_keyring *keyring);
/* Whether new files are encrypted. */
bool fi_cipher_keyring_encrypts(const struct fi_cipher_keyring *keyring);
/* From now on it has these instead, of which the last one is for new files. Requires: nobody else
 * extends it meanwhile. */
FIRN_MUST_CHECK int fi_cipher_keyring_extend(struct fi_cipher_keyring *keyring,
                                             const struct fi_cipher_keyring_master *masters,
                                             size_t count, firn_error *err);
/* What to attach to a directory, which then owns the keyring. */
struct fi_os_seal *fi_cipher_keyring_seal(struct fi_cipher_keyring *keyring);
const struct fi_cipher_keyring *fi_cipher_keyring_of(const struct fi_os_seal *seal);
/* The same keyring for another owner, who destroys it or attaches it. */
struct fi_cipher_keyring *fi_cipher_keyring_retain(struct fi_os_seal *seal);
/* One that was not attached. NULL is fine. */
void fi_cipher_keyring_destroy(struct fi_cipher_keyring *keyring);

/* By what contents are cut into chunks in this store. It is the table of the oldest master key, so
 * a new master key changes no cut point: what is stored already is still found, until older keys
 * are dropped. Borrowed from the keyring, in memory for secrets. */
const struct fi_cdc_table *fi_cipher_keyring_cut_table(const struct fi_cipher_keyring *keyring);

/* Which keys something was encrypted with: stored beside it, in clear. */
struct fi_cipher_keyring_use {
    uint32_t cipher;
    uint32_t number; /* of the master key */
    uint8_t check[FI_CIPHER_DERIVE_CHECK_SIZE];
};

/* Whether a new file would be encrypted with the same master key. */
bool fi_cipher_keyring_is_newest(const struct fi_cipher_keyring *keyring,
                                 const struct fi_cipher_keyring_use *use);
/* The key of a new file with that random identity, of FI_CIPHER_DERIVE_ID_SIZE bytes. FIRN_MISUSE:
 * the keyring was made before this process was forked. Requires: new files are encrypted. */
FIRN_MUST_CHECK int fi_cipher_keyring_file_begin(const struct fi_cipher_keyring *keyring,
                                                 const uint8_t *identity,
                                                 struct fi_cipher_keyring_use *out_use,
                                                 struct fi_cipher_key **out, firn_error *err);
/* The key of a file. FIRN_DENIED: the keyring does not have that master key, or has another one of
 * its number. FIRN_NEWER, FIRN_UNSUPPORTED: its cipher is unknown, or not on this machine. */
FIRN_MUST_CHECK int fi_cipher_keyring_file_open(const struct fi_cipher_keyring *keyring,
                                                const struct fi_cipher_keyring_use *use,
                                                const uint8_t *identity, struct fi_cipher_key **out,
                                                firn_error *err);
/* The same for records of a log. Requires of the first: the epoch is new. */
FIRN_MUST_CHECK int fi_cipher_keyring_log_begin(const struct fi_cipher_keyring *keyring,
                                                const struct fi_cipher_derive_log_place *place,
                                                struct fi_cipher_keyring_use *out_use,
                                                struct fi_cipher_key **out, firn_error *err);
FIRN_MUST_CHECK int fi_cipher_keyring_log_open(const struct fi_cipher_keyring *keyring,
                                               const struct fi_cipher_keyring_use *use,
                                               const struct fi_cipher_derive_log_place *place,
                                               struct fi_cipher_key **out, firn_error *err);

#endif
