/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_internal.h: keys in memory, and what opens a slot. Only files of this folder and its
 * tests include it.
 */
#ifndef FIRN_KEYS_KEYS_INTERNAL_H
#define FIRN_KEYS_KEYS_INTERNAL_H

#include "cipher/cipher.h"
#include "keys/keys.h"
#include "keys/keys_recovery.h"

/* In memory for secrets. A child of fork finds no master key in it, and counts as locked. */
struct fi_keys_ring {
    uint8_t key[FI_CIPHER_KEY_SIZE]; /* what slots seal, and what the masters are sealed with */
    size_t count;
    struct fi_keys_master masters[];
};

struct fi_keys {
    struct fi_keys_head head;
    struct fi_keys_ring *ring; /* NULL: locked */
    struct fi_buf file;        /* while locked */
};

/* A secret that has been looked at; in memory for secrets. */
struct fi_keys_slot_secret {
    enum fi_keys_kind kind;
    firn_slice bytes; /* borrowed, or the code below */
    uint8_t code[FI_KEYS_RECOVERY_SIZE];
};

/* FIRN_INVALID: it cannot be a secret of its kind. fi_os_secret_free frees it. */
FIRN_MUST_CHECK int fi_keys_slot_prepare(const struct fi_keys_secret *secret,
                                         struct fi_keys_slot_secret **out, firn_error *err);
/* Sets check and sealed of a slot whose other fields are set. */
FIRN_MUST_CHECK int fi_keys_slot_seal(const uint8_t *id, const struct fi_keys_slot_secret *secret,
                                      const uint8_t *ring_key, struct fi_keys_slot *slot,
                                      firn_error *err);

/* 1 or 0, in a time that does not depend on the bytes. */
unsigned fi_keys_slot_equal(const uint8_t *a, const uint8_t *b, size_t size);

enum fi_keys_slot_answer { FI_KEYS_SLOT_OTHER, FI_KEYS_SLOT_OPENED, FI_KEYS_SLOT_BROKEN };
/* Tries a secret on a slot of its kind; each answer costs the same. Opened: out_key
 * has the ring key, else zeros. Broken: the secret is that of the slot, which somebody has changed.
 * A failure is one of this machine: no memory, no library. */
FIRN_MUST_CHECK int fi_keys_slot_open(const uint8_t *id, const struct fi_keys_slot_secret *secret,
                                      const struct fi_keys_slot *slot, uint8_t *out_key,
                                      enum fi_keys_slot_answer *out, firn_error *err);

#endif
