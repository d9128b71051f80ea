/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_slot.c: a slot: the ring key, sealed with a key that one secret gives.
 *
 *     material   passphrase: Argon2id of it, with salt and cost of the slot; else its bytes
 *     slot key = derive("... slot", kind, id of the file, salt, material)
 *     check    = derive("... slot check", slot key), the first 16 bytes
 *     sealed   = XChaCha20-Poly1305 of the ring key with the slot key, bound to id and slot
 *
 * The salt is random and made for each sealing, so a slot key seals one message, with nonce 0.
 *
 * The check says whether a secret is that of the slot, before anything is opened. So a wrong secret
 * and a damaged slot are told apart; and no slot can be made that two secrets open, which the tag
 * of Poly1305 alone would not prevent. The check tells nothing of the slot key but this.
 *
 * Key files and recovery codes have enough random bits, and are not stretched.
 */
#include <string.h>

#include "base/check.h"
#include "cipher/cipher_derive.h"
#include "keys/keys_internal.h"
#include "os/os_secret.h"

struct slot_work {
    uint8_t stretched[FI_CIPHER_PASSPHRASE_OUT_SIZE];
    uint8_t key[FI_CIPHER_KEY_SIZE];
    uint8_t check[FI_CIPHER_KEY_SIZE];
};

_Static_assert(FI_KEYS_SEALED_SIZE == FI_CIPHER_KEY_SIZE + FI_KEYS_TAG_SIZE, "a sealed key");

int
fi_keys_slot_prepare(const struct fi_keys_secret *secret, struct fi_keys_slot_secret **out,
                     firn_error *err)
{
    void *memory;
    CHECK(secret->kind >= FI_KEYS_PASSPHRASE && secret->kind <= FI_KEYS_RECOVERY);
    *out = NULL;
    FI_TRY_RETURN(fi_os_secret_allocate(sizeof **out, &memory, err));
    struct fi_keys_slot_secret *made = memory;
    int rc = FIRN_OK;
    made->kind = secret->kind;
    made->bytes = secret->bytes;
    if (secret->kind == FI_KEYS_RECOVERY) {
        rc = fi_keys_recovery_decode(secret->bytes, made->code, err);
        made->bytes = firn_bytes(made->code, sizeof made->code);
    } else if (secret->kind == FI_KEYS_FILE && (secret->bytes.size < FI_KEYS_FILE_SIZE_MIN ||
                                                secret->bytes.size > FI_KEYS_FILE_SIZE_MAX)) {
        rc = fi_error_set(err, FIRN_INVALID, "a key file has %d to %d bytes", FI_KEYS_FILE_SIZE_MIN,
                          FI_KEYS_FILE_SIZE_MAX);
    } else if (secret->kind == FI_KEYS_PASSPHRASE &&
               (secret->bytes.size == 0 || secret->bytes.size > FI_CIPHER_PASSPHRASE_SIZE_MAX)) {
        rc = fi_error_set(err, FIRN_INVALID, "a passphrase has 1 to %d bytes",
                          FI_CIPHER_PASSPHRASE_SIZE_MAX);
    }
    if (rc != FIRN_OK) {
        fi_os_secret_free(made);
        return rc;
    }
    *out = made;
    return FIRN_OK;
}

/* Fills in work->key and work->check. */
static int
derive_slot_key(const uint8_t *id, const struct fi_keys_slot_secret *secret,
                const struct fi_keys_slot *slot, struct slot_work *work, firn_error *err)
{
    const uint8_t kind = (uint8_t)slot->kind;
    firn_slice material = secret->bytes;
    CHECK(secret->kind == slot->kind);
    if (slot->kind == FI_KEYS_PASSPHRASE) {
        FI_TRY_RETURN(
            fi_cipher_passphrase_stretch(material, slot->salt, &slot->cost, work->stretched, err));
        material = firn_bytes(work->stretched, sizeof work->stretched);
    }
    const firn_slice parts[] = {firn_bytes(&kind, 1), firn_bytes(id, FI_KEYS_ID_SIZE),
                                firn_bytes(slot->salt, sizeof slot->salt), material};
    const firn_slice key = firn_bytes(work->key, sizeof work->key);
    fi_cipher_derive_own("firn 2026-11-28 keys file slot", parts, sizeof parts / sizeof parts[0],
                         work->key);
    fi_cipher_derive_own("firn 2026-11-28 keys file slot check", &key, 1, work->check);
    return FIRN_OK;
}

/* What a sealed ring key is bound to. */
enum { BOUND_SIZE = FI_KEYS_ID_SIZE + FI_KEYS_SLOT_BOUND_SIZE };

static void
fill_bound(const uint8_t *id, const struct fi_keys_slot *slot, uint8_t *out)
{
    uint8_t bytes[FI_KEYS_SLOT_SIZE];
    fi_keys_format_encode_slot(slot, bytes);
    memcpy(out, id, FI_KEYS_ID_SIZE);
    memcpy(out + FI_KEYS_ID_SIZE, bytes, FI_KEYS_SLOT_BOUND_SIZE);
}

int
fi_keys_slot_seal(const uint8_t *id, const struct fi_keys_slot_secret *secret,
                  const uint8_t *ring_key, struct fi_keys_slot *slot, firn_error *err)
{
    struct fi_cipher_key *key = NULL;
    uint8_t bound[BOUND_SIZE];
    struct slot_work *work;
    void *memory = NULL;
    int rc;
    FI_TRY(fi_os_secret_allocate(sizeof *work, &memory, err));
    work = memory;
    FI_TRY(derive_slot_key(id, secret, slot, work, err));
    memcpy(slot->check, work->check, sizeof slot->check);
    fill_bound(id, slot, bound);
    FI_TRY(fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, work->key, &key, err));
    FI_TRY(fi_cipher_seal(key, 0, firn_bytes(bound, sizeof bound),
                          firn_bytes(ring_key, FI_CIPHER_KEY_SIZE), slot->sealed, err));
out:
    fi_cipher_key_destroy(key);
    fi_os_secret_free(memory);
    return rc;
}

unsigned
fi_keys_slot_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    unsigned differences = 0;
    for (size_t i = 0; i < size; i++) {
        differences |= (unsigned)(a[i] ^ b[i]);
    }
    return (differences - 1) >> 31;
}

int
fi_keys_slot_open(const uint8_t *id, const struct fi_keys_slot_secret *secret,
                  const struct fi_keys_slot *slot, uint8_t *out_key, enum fi_keys_slot_answer *out,
                  firn_error *err)
{
    struct fi_cipher_key *key = NULL;
    uint8_t bound[BOUND_SIZE];
    struct slot_work *work;
    void *memory = NULL;
    int rc;
    *out = FI_KEYS_SLOT_OTHER;
    memset(out_key, 0, FI_CIPHER_KEY_SIZE);
    FI_TRY(fi_os_secret_allocate(sizeof *work, &memory, err));
    work = memory;
    FI_TRY(derive_slot_key(id, secret, slot, work, err));
    unsigned is_right = fi_keys_slot_equal(work->check, slot->check, sizeof slot->check);
    fill_bound(id, slot, bound);
    FI_TRY(fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, work->key, &key, err));
    rc = fi_cipher_open(key, 0, firn_bytes(bound, sizeof bound),
                        firn_bytes(slot->sealed, sizeof slot->sealed), out_key, err);
    if (rc == FIRN_OK || rc == FIRN_CORRUPT) {
        *out = !is_right       ? FI_KEYS_SLOT_OTHER
               : rc == FIRN_OK ? FI_KEYS_SLOT_OPENED
                               : FI_KEYS_SLOT_BROKEN;
        rc = FIRN_OK;
    }
out:
    if (*out != FI_KEYS_SLOT_OPENED) {
        fi_os_secret_wipe(out_key, FI_CIPHER_KEY_SIZE);
    }
    fi_cipher_key_destroy(key);
    fi_os_secret_free(memory);
    return rc;
}
