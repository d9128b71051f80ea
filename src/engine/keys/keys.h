/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys.h: the keys of an encrypted store, as the bytes of its `keys` file
 * (docs/formats/keys.md). Where that file is and how it is replaced is the caller's.
 *
 * The file has master keys, numbered; files of the store are encrypted with keys that are derived
 * from them, new ones from the newest. It has slots, each of which opens it: a passphrase, a key
 * file, a recovery code. Slots can be listed without any of them.
 *
 * One thread at a time uses a struct fi_keys. Secrets in it are in memory for secrets
 * (os/os_secret.h); what a caller passes as a secret it wipes itself.
 */
#ifndef FIRN_KEYS_KEYS_H
#define FIRN_KEYS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cipher/cipher_passphrase.h"
#include "keys/keys_format.h"
#include "os/os.h"

struct fi_keys;

/* What opens a slot. */
struct fi_keys_secret {
    enum fi_keys_kind kind;
    /* The passphrase, of at most FI_CIPHER_PASSPHRASE_SIZE_MAX bytes; what is in the key file, of
     * FI_KEYS_FILE_SIZE_MIN to FI_KEYS_FILE_SIZE_MAX bytes; the recovery code as it is typed. */
    firn_slice bytes;
    /* Of a new slot for a passphrase: how expensive guessing shall be. Unlocking ignores it. */
    struct fi_cipher_passphrase_cost cost;
};
enum { FI_KEYS_FILE_SIZE_MIN = 32, FI_KEYS_FILE_SIZE_MAX = 1 << 20 };

/* ==== files ==== */

/* New keys: a master key with number 1, and no slot. */
FIRN_MUST_CHECK int fi_keys_create(struct fi_os *os, struct fi_keys **out, firn_error *err);
/* The keys in a file, locked. FIRN_CORRUPT: it is damaged. FIRN_NEWER. FIRN_LIMIT: to try its
 * passphrases would cost more than firn accepts. */
FIRN_MUST_CHECK int fi_keys_decode(firn_slice file, struct fi_keys **out, firn_error *err);
/* Wipes them. NULL is allowed. */
void fi_keys_destroy(struct fi_keys *keys);

/* Appends the file that replaces the last one. Requires that they are unlocked (FIRN_MISUSE) and
 * have a slot (FIRN_INVALID). */
FIRN_MUST_CHECK int fi_keys_encode(struct fi_keys *keys, struct fi_os *os, struct fi_buf *out,
                                   firn_error *err);

/* Random bits that a keys file has from its beginning on; borrowed. */
const uint8_t *fi_keys_id(const struct fi_keys *keys);
/* How often the file was written: of two versions the one with the larger number is newer. */
uint32_t fi_keys_generation(const struct fi_keys *keys);

/* ==== unlocking ==== */

/* Tries the secret on all slots of its kind. The time does not depend on which of them it opens, or
 * whether it opens one. out_slot gets the number of that slot; it may be NULL.
 * FIRN_DENIED: it opens none. FIRN_NOT_FOUND: there is no slot of its kind. FIRN_INVALID: no
 * recovery code is like that, or no key file. FIRN_CORRUPT: somebody has changed the file who could
 * not unlock it. FIRN_UNSUPPORTED: no libsodium. FIRN_NO_MEMORY. FIRN_MISUSE: the keys were
 * unlocked before this process was forked. */
FIRN_MUST_CHECK int fi_keys_unlock(struct fi_keys *keys, const struct fi_keys_secret *secret,
                                   uint16_t *out_slot, firn_error *err);
bool fi_keys_is_unlocked(const struct fi_keys *keys);

/* The ring key, of FI_CIPHER_KEY_SIZE bytes: what all slots give. It opens this file, and each
 * version that replaces it, without Argon2id, until fi_keys_renew. It is as secret as all master
 * keys together. Borrowed as fi_keys_master. FIRN_MISUSE: they are locked. */
FIRN_MUST_CHECK int fi_keys_ring_key(const struct fi_keys *keys, const uint8_t **out,
                                     firn_error *err);
/* Unlocks with that. FIRN_DENIED: it is not the ring key of this file, or the file was changed by
 * somebody without it, which cannot be told apart. Else as fi_keys_unlock. */
FIRN_MUST_CHECK int fi_keys_unlock_ring(struct fi_keys *keys, const uint8_t *ring_key,
                                        firn_error *err);

/* A master key of FI_CIPHER_KEY_SIZE bytes, by its number; number 0: the newest. Borrowed until
 * keys are rotated, renewed or destroyed. FIRN_NOT_FOUND. FIRN_MISUSE: they are locked. */
FIRN_MUST_CHECK int fi_keys_master(const struct fi_keys *keys, uint32_t number,
                                   const uint8_t **out_key, uint32_t *out_number, firn_error *err);
/* How many there are, and when the i-th of them was made, in nanoseconds since 1970, and its
 * number. Requires: unlocked, i below the count. */
size_t fi_keys_master_count(const struct fi_keys *keys);
uint32_t fi_keys_master_number(const struct fi_keys *keys, size_t i, int64_t *out_made_ns);

/* ==== slots; all but the list require that the keys are unlocked (FIRN_MISUSE) ==== */

size_t fi_keys_slot_count(const struct fi_keys *keys);
/* Borrowed until slots change. Requires: i below the count. */
const struct fi_keys_slot *fi_keys_slot_at(const struct fi_keys *keys, size_t i);

/* A slot that this secret opens. label: for people, at most FI_KEYS_LABEL_SIZE_MAX bytes of UTF-8
 * without control characters. FIRN_LIMIT: there are FI_KEYS_SLOTS_MAX slots, or trying all
 * passphrases would cost too much. FIRN_INVALID: the secret or the label cannot be used. */
FIRN_MUST_CHECK int fi_keys_add_slot(struct fi_keys *keys, struct fi_os *os,
                                     const struct fi_keys_secret *secret, firn_slice label,
                                     uint16_t *out_number, firn_error *err);
/* FIRN_NOT_FOUND. FIRN_INVALID: it is the last one. A user of the slot may have kept the key that
 * it opens, and can open newer versions of the file with that; fi_keys_renew ends this. */
FIRN_MUST_CHECK int fi_keys_remove_slot(struct fi_keys *keys, uint16_t number, firn_error *err);
/* Another secret of the same kind for the slot. No rotation: the master keys stay. */
FIRN_MUST_CHECK int fi_keys_change_slot(struct fi_keys *keys, struct fi_os *os, uint16_t number,
                                        const struct fi_keys_secret *secret, firn_error *err);

/* ==== stores that become encrypted, or clear ==== */

/* It is authenticated with the keys: ask once they are unlocked. FI_KEYS_NO_CHANGE of new ones. */
enum fi_keys_change fi_keys_change(const struct fi_keys *keys);
void fi_keys_set_change(struct fi_keys *keys, enum fi_keys_change change);

/* ==== rotation ==== */

/* Adds a master key; older ones stay for what is encrypted with them. All slots open the new one as
 * well. FIRN_LIMIT: there are FI_KEYS_MASTERS_MAX. */
FIRN_MUST_CHECK int fi_keys_rotate(struct fi_keys *keys, struct fi_os *os, firn_error *err);
/* Forgets all master keys but the newest: nothing is encrypted with them any more. */
FIRN_MUST_CHECK int fi_keys_drop_old(struct fi_keys *keys, firn_error *err);
/* As fi_keys_rotate, and removes all slots: none of them, and no older version of the file, opens
 * what is written from now on. The caller adds the slots that shall go on. */
FIRN_MUST_CHECK int fi_keys_renew(struct fi_keys *keys, struct fi_os *os, firn_error *err);

#endif
