/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys.c: the keys of a store.
 *
 *     secrets of people --> slots --> ring key --> the ring: master keys
 *
 * A slot seals the ring key, and not the master keys themselves. So a user who has opened one slot
 * can add a master key and write the file, without the secrets of the other slots. The ring is
 * sealed with a key that is derived from the ring key and a salt, which is random and made for each
 * writing; so that key seals one message, with nonce 0 (I1; not checked: nobody has seen all
 * salts). The seal covers everything before the ring, so changing, adding or removing a slot takes
 * the ring key.
 *
 * The price: the ring key stays when a slot is removed, and a user of that slot may have kept it.
 * fi_keys_renew makes another ring key, which the old slots do not have.
 *
 * Unlocking tries all slots of a kind, even after one of them has opened. So the time reveals how
 * many there are, as the file does, but not which one was right.
 */
#include "keys/keys.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "cipher/cipher.h"
#include "cipher/cipher_derive.h"
#include "keys/keys_internal.h"
#include "os/os_secret.h"

static int
ring_create(size_t count, struct fi_keys_ring **out, firn_error *err)
{
    void *memory;
    *out = NULL;
    DCHECK(count > 0 && count <= FI_KEYS_MASTERS_MAX);
    FI_TRY_RETURN(fi_os_secret_allocate(
        sizeof(struct fi_keys_ring) + count * sizeof(struct fi_keys_master), &memory, err));
    *out = memory;
    (*out)->count = count;
    return FIRN_OK;
}

/* Makes the last master key of a ring. */
static int
fill_last_master(struct fi_keys_ring *ring, struct fi_os *os, firn_error *err)
{
    struct fi_keys_master *last = &ring->masters[ring->count - 1];
    last->number = ring->count > 1 ? ring->masters[ring->count - 2].number + 1 : 1;
    last->made_ns = fi_os_now_ns(os);
    return fi_os_random(os, last->key, sizeof last->key, err);
}

/* ==== files ==== */

int
fi_keys_create(struct fi_os *os, struct fi_keys **out, firn_error *err)
{
    int rc;
    *out = NULL;
    struct fi_keys *keys = fi_alloc_zeroed(sizeof *keys);
    if (keys == NULL) {
        return fi_error_no_memory(err, "keys");
    }
    keys->head.next_slot = 1;
    keys->head.master_count = 1;
    FI_TRY(fi_os_random(os, keys->head.id, sizeof keys->head.id, err));
    FI_TRY(ring_create(1, &keys->ring, err));
    FI_TRY(fi_os_random(os, keys->ring->key, sizeof keys->ring->key, err));
    FI_TRY(fill_last_master(keys->ring, os, err));
    *out = keys;
out:
    if (rc != FIRN_OK) {
        fi_keys_destroy(keys);
    }
    return rc;
}

int
fi_keys_decode(firn_slice file, struct fi_keys **out, firn_error *err)
{
    int rc;
    *out = NULL;
    struct fi_keys *keys = fi_alloc_zeroed(sizeof *keys);
    if (keys == NULL) {
        return fi_error_no_memory(err, "keys");
    }
    FI_TRY(fi_keys_format_decode(file, &keys->head, err));
    rc = fi_buf_append_slice(&keys->file, file);
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "keys");
        goto out;
    }
    *out = keys;
out:
    if (rc != FIRN_OK) {
        fi_keys_destroy(keys);
    }
    return rc;
}

void
fi_keys_destroy(struct fi_keys *keys)
{
    if (keys != NULL) {
        fi_os_secret_free(keys->ring);
        fi_buf_deinit(&keys->file);
        fi_free(keys);
    }
}

bool
fi_keys_is_unlocked(const struct fi_keys *keys)
{
    return keys->ring != NULL && keys->ring->count > 0;
}

static int
require_unlocked(const struct fi_keys *keys, firn_error *err)
{
    if (!fi_keys_is_unlocked(keys)) {
        return fi_error_set(err, FIRN_MISUSE, "the keys are locked");
    }
    DCHECK(keys->ring->count == keys->head.master_count);
    return FIRN_OK;
}

/* The key that seals the ring in the file with this head (I1). */
static int
create_ring_cipher(const struct fi_keys_head *head, const uint8_t *ring_key,
                   struct fi_cipher_key **out, firn_error *err)
{
    const firn_slice parts[] = {firn_bytes(ring_key, FI_CIPHER_KEY_SIZE),
                                firn_bytes(head->salt, sizeof head->salt)};
    void *derived;
    *out = NULL;
    FI_TRY_RETURN(fi_os_secret_allocate(FI_CIPHER_KEY_SIZE, &derived, err));
    fi_cipher_derive_own("firn 2026-11-28 keys file ring", parts, 2, derived);
    int rc = fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, derived, out, err);
    fi_os_secret_free(derived);
    return rc;
}

/* What the ring of a file is bound to: all before it. */
static firn_slice
bound_to_ring(const struct fi_keys_head *head, const uint8_t *file)
{
    return firn_bytes(file, fi_keys_format_ring_offset(head));
}

/* Seals the ring at its place in a file whose head is there. */
static int
seal_ring(const struct fi_keys_ring *ring, const struct fi_keys_head *head, uint8_t *file,
          firn_error *err)
{
    const size_t offset = fi_keys_format_ring_offset(head);
    const size_t size = ring->count * FI_KEYS_MASTER_SIZE;
    struct fi_cipher_key *cipher = NULL;
    void *plain = NULL;
    int rc;
    FI_TRY(fi_os_secret_allocate(size, &plain, err));
    fi_keys_format_encode_masters(ring->masters, ring->count, plain);
    FI_TRY(create_ring_cipher(head, ring->key, &cipher, err));
    FI_TRY(fi_cipher_seal(cipher, 0, bound_to_ring(head, file), firn_bytes(plain, size),
                          file + offset, err));
out:
    fi_cipher_key_destroy(cipher);
    fi_os_secret_free(plain);
    return rc;
}

int
fi_keys_encode(struct fi_keys *keys, struct fi_os *os, struct fi_buf *out, firn_error *err)
{
    FI_TRY_RETURN(require_unlocked(keys, err));
    if (keys->head.slot_count == 0) {
        return fi_error_set(err, FIRN_INVALID, "keys without a slot could never be unlocked again");
    }
    if (keys->head.generation == UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the keys file was written too often");
    }
    struct fi_keys_head head = keys->head;
    head.generation++;
    FI_TRY_RETURN(fi_os_random(os, head.salt, sizeof head.salt, err)); /* (I1) */
    const size_t size = fi_keys_format_size(&head);
    if (fi_buf_reserve(out, size) != FIRN_OK) {
        return fi_error_no_memory(err, "the keys file");
    }
    uint8_t *file = out->data + out->size;
    fi_keys_format_encode_head(&head, file);
    FI_TRY_RETURN(seal_ring(keys->ring, &head, file, err));
    fi_keys_format_encode_checksum(file, size);
    out->size += size;
    keys->head = head;
    return FIRN_OK;
}

const uint8_t *
fi_keys_id(const struct fi_keys *keys)
{
    return keys->head.id;
}

uint32_t
fi_keys_generation(const struct fi_keys *keys)
{
    return keys->head.generation;
}

/* ==== unlocking ==== */

/* Opens the ring of a locked file. */
static int
open_ring(const struct fi_keys *keys, const uint8_t *ring_key, struct fi_keys_ring **out,
          firn_error *err)
{
    const size_t offset = fi_keys_format_ring_offset(&keys->head);
    const size_t size = keys->head.master_count * FI_KEYS_MASTER_SIZE;
    struct fi_cipher_key *cipher = NULL;
    struct fi_keys_ring *ring = NULL;
    void *plain = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_os_secret_allocate(size, &plain, err));
    FI_TRY(ring_create(keys->head.master_count, &ring, err));
    FI_TRY(create_ring_cipher(&keys->head, ring_key, &cipher, err));
    rc = fi_cipher_open(cipher, 0, bound_to_ring(&keys->head, keys->file.data),
                        firn_bytes(keys->file.data + offset, size + FI_KEYS_TAG_SIZE), plain, err);
    if (rc == FIRN_CORRUPT) {
        FI_IGNORE(
            fi_error_set(err, rc, "the keys file was changed by somebody who could not unlock it"));
    }
    FI_TRY(rc);
    FI_TRY(fi_keys_format_decode_masters(plain, ring->count, ring->masters, err));
    memcpy(ring->key, ring_key, sizeof ring->key);
    *out = ring;
    ring = NULL;
out:
    fi_os_secret_free(ring);
    fi_cipher_key_destroy(cipher);
    fi_os_secret_free(plain);
    return rc;
}

struct attempt {
    uint8_t ring_key[FI_CIPHER_KEY_SIZE];
    uint8_t opened[FI_CIPHER_KEY_SIZE]; /* by one slot; else zeros */
    unsigned slot_number;               /* 0: none was opened */
    bool is_broken;
};

/* Tries all slots of the kind; the time reveals only how many those are. */
static int
try_slots(const struct fi_keys_head *head, const struct fi_keys_slot_secret *secret,
          struct attempt *attempt, size_t *out_tried, firn_error *err)
{
    *out_tried = 0;
    for (size_t i = 0; i < head->slot_count; i++) {
        enum fi_keys_slot_answer answer;
        if (head->slots[i].kind != secret->kind) {
            continue;
        }
        FI_TRY_RETURN(
            fi_keys_slot_open(head->id, secret, &head->slots[i], attempt->opened, &answer, err));
        const unsigned mask = 0 - (unsigned)(answer == FI_KEYS_SLOT_OPENED);
        for (size_t j = 0; j < sizeof attempt->ring_key; j++) {
            attempt->ring_key[j] =
                (uint8_t)((attempt->ring_key[j] & ~mask) | (attempt->opened[j] & mask));
        }
        attempt->slot_number = (attempt->slot_number & ~mask) | (head->slots[i].number & mask);
        attempt->is_broken |= answer == FI_KEYS_SLOT_BROKEN;
        ++*out_tried;
    }
    return FIRN_OK;
}

static const char *
name_of_kind(enum fi_keys_kind kind)
{
    return kind == FI_KEYS_PASSPHRASE ? "passphrase"
           : kind == FI_KEYS_FILE     ? "key file"
                                      : "recovery code";
}

static int
judge(const struct attempt *attempt, enum fi_keys_kind kind, size_t tried, firn_error *err)
{
    if (tried == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "no slot of the keys file has a %s",
                            name_of_kind(kind));
    }
    if (attempt->slot_number == 0 && attempt->is_broken) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "the keys file is damaged: this %s is right, but its slot was changed",
                            name_of_kind(kind));
    }
    if (attempt->slot_number == 0) {
        return fi_error_set(err, FIRN_DENIED, "this %s opens no slot of the keys file",
                            name_of_kind(kind));
    }
    return FIRN_OK;
}

/* A child of fork has neither the ring nor the file that it was in. */
static int
require_readable(const struct fi_keys *keys, firn_error *err)
{
    return fi_keys_is_unlocked(keys) || keys->file.size > 0
               ? FIRN_OK
               : fi_error_set(
                     err, FIRN_MISUSE,
                     "the keys were unlocked before this process was forked; read them anew");
}

int
fi_keys_unlock(struct fi_keys *keys, const struct fi_keys_secret *secret, uint16_t *out_slot,
               firn_error *err)
{
    struct fi_keys_slot_secret *prepared = NULL;
    struct attempt *attempt;
    void *memory = NULL;
    size_t tried;
    int rc;
    if (out_slot != NULL) {
        *out_slot = 0;
    }
    FI_TRY(require_readable(keys, err));
    FI_TRY(fi_os_secret_allocate(sizeof *attempt, &memory, err));
    attempt = memory;
    FI_TRY(fi_keys_slot_prepare(secret, &prepared, err));
    FI_TRY(try_slots(&keys->head, prepared, attempt, &tried, err));
    FI_TRY(judge(attempt, secret->kind, tried, err));
    if (!fi_keys_is_unlocked(keys)) {
        FI_TRY(open_ring(keys, attempt->ring_key, &keys->ring, err));
        fi_buf_deinit(&keys->file);
    }
    if (out_slot != NULL) {
        *out_slot = (uint16_t)attempt->slot_number;
    }
out:
    fi_os_secret_free(prepared);
    fi_os_secret_free(memory);
    return rc;
}

int
fi_keys_ring_key(const struct fi_keys *keys, const uint8_t **out, firn_error *err)
{
    *out = NULL;
    FI_TRY_RETURN(require_unlocked(keys, err));
    *out = keys->ring->key;
    return FIRN_OK;
}

int
fi_keys_unlock_ring(struct fi_keys *keys, const uint8_t *ring_key, firn_error *err)
{
    FI_TRY_RETURN(require_readable(keys, err));
    bool is_right = fi_keys_is_unlocked(keys) &&
                    fi_keys_slot_equal(keys->ring->key, ring_key, FI_CIPHER_KEY_SIZE) == 1;
    if (!fi_keys_is_unlocked(keys)) {
        int rc = open_ring(keys, ring_key, &keys->ring, err);
        if (rc != FIRN_OK && rc != FIRN_CORRUPT) {
            return rc;
        }
        is_right = rc == FIRN_OK;
        if (is_right) {
            fi_buf_deinit(&keys->file);
        }
    }
    return is_right ? FIRN_OK
                    : fi_error_set(err, FIRN_DENIED,
                                   "the key that was kept does not open the keys file any more");
}

int
fi_keys_master(const struct fi_keys *keys, uint32_t number, const uint8_t **out_key,
               uint32_t *out_number, firn_error *err)
{
    *out_key = NULL;
    if (out_number != NULL) {
        *out_number = 0;
    }
    FI_TRY_RETURN(require_unlocked(keys, err));
    const struct fi_keys_ring *ring = keys->ring;
    for (size_t i = ring->count; i > 0; i--) {
        if (number == 0 || ring->masters[i - 1].number == number) {
            *out_key = ring->masters[i - 1].key;
            if (out_number != NULL) {
                *out_number = ring->masters[i - 1].number;
            }
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_NOT_FOUND, "the keys file has no master key %u", number);
}

size_t
fi_keys_master_count(const struct fi_keys *keys)
{
    return keys->head.master_count;
}

uint32_t
fi_keys_master_number(const struct fi_keys *keys, size_t i, int64_t *out_made_ns)
{
    CHECK(fi_keys_is_unlocked(keys) && i < keys->ring->count);
    *out_made_ns = keys->ring->masters[i].made_ns;
    return keys->ring->masters[i].number;
}

/* ==== slots ==== */

size_t
fi_keys_slot_count(const struct fi_keys *keys)
{
    return keys->head.slot_count;
}

const struct fi_keys_slot *
fi_keys_slot_at(const struct fi_keys *keys, size_t i)
{
    CHECK(i < keys->head.slot_count);
    return &keys->head.slots[i];
}

static int
find_slot(const struct fi_keys *keys, uint16_t number, size_t *out, firn_error *err)
{
    for (*out = 0; *out < keys->head.slot_count; ++*out) {
        if (keys->head.slots[*out].number == number) {
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_NOT_FOUND, "the keys file has no slot %u", number);
}

/* Puts a slot at the place i, instead of the one there or after the last one, with this secret. Its
 * number and label are set. */
static int
put_slot(struct fi_keys *keys, struct fi_os *os, const struct fi_keys_secret *secret, size_t i,
         struct fi_keys_slot *slot, firn_error *err)
{
    struct fi_keys_slot_secret *prepared = NULL;
    struct fi_keys_slot slots[FI_KEYS_SLOTS_MAX];
    int rc;
    slot->kind = secret->kind;
    slot->added_ns = fi_os_now_ns(os);
    slot->cost = (struct fi_cipher_passphrase_cost){0};
    if (secret->kind == FI_KEYS_PASSPHRASE) {
        slot->cost = secret->cost;
    }
    memcpy(slots, keys->head.slots, sizeof slots);
    slots[i] = *slot;
    FI_TRY(fi_keys_format_check_work(
        slots, i < keys->head.slot_count ? keys->head.slot_count : i + 1, err));
    FI_TRY(fi_keys_slot_prepare(secret, &prepared, err));
    FI_TRY(fi_os_random(os, slot->salt, sizeof slot->salt, err));
    FI_TRY(fi_keys_slot_seal(keys->head.id, prepared, keys->ring->key, slot, err));
    keys->head.slots[i] = *slot;
out:
    fi_os_secret_free(prepared);
    return rc;
}

int
fi_keys_add_slot(struct fi_keys *keys, struct fi_os *os, const struct fi_keys_secret *secret,
                 firn_slice label, uint16_t *out_number, firn_error *err)
{
    struct fi_keys_slot slot = {.number = keys->head.next_slot, .label_size = label.size};
    *out_number = 0;
    FI_TRY_RETURN(require_unlocked(keys, err));
    FI_TRY_RETURN(fi_keys_format_check_label(label, err));
    if (keys->head.slot_count == FI_KEYS_SLOTS_MAX || keys->head.next_slot == UINT16_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a keys file has at most %d slots; remove one first",
                            FI_KEYS_SLOTS_MAX);
    }
    if (label.size > 0) {
        memcpy(slot.label, label.data, label.size);
    }
    FI_TRY_RETURN(put_slot(keys, os, secret, keys->head.slot_count, &slot, err));
    keys->head.slot_count++;
    keys->head.next_slot++;
    *out_number = slot.number;
    return FIRN_OK;
}

int
fi_keys_remove_slot(struct fi_keys *keys, uint16_t number, firn_error *err)
{
    struct fi_keys_head *head = &keys->head;
    size_t i;
    FI_TRY_RETURN(require_unlocked(keys, err));
    FI_TRY_RETURN(find_slot(keys, number, &i, err));
    if (head->slot_count == 1) {
        return fi_error_set(err, FIRN_INVALID,
                            "slot %u is the last one: without it nobody could unlock the keys",
                            number);
    }
    head->slot_count--;
    memmove(&head->slots[i], &head->slots[i + 1], (head->slot_count - i) * sizeof head->slots[0]);
    return FIRN_OK;
}

int
fi_keys_change_slot(struct fi_keys *keys, struct fi_os *os, uint16_t number,
                    const struct fi_keys_secret *secret, firn_error *err)
{
    size_t i;
    FI_TRY_RETURN(require_unlocked(keys, err));
    FI_TRY_RETURN(find_slot(keys, number, &i, err));
    struct fi_keys_slot slot = keys->head.slots[i];
    if (slot.kind != secret->kind) {
        return fi_error_set(err, FIRN_INVALID, "slot %u has a %s, which only another %s replaces",
                            number, name_of_kind(slot.kind), name_of_kind(slot.kind));
    }
    return put_slot(keys, os, secret, i, &slot, err);
}

/* ==== rotation ==== */

/* The master keys, and a new one after them. */
static int
extend_ring(const struct fi_keys *keys, struct fi_os *os, struct fi_keys_ring **out,
            firn_error *err)
{
    *out = NULL;
    FI_TRY_RETURN(require_unlocked(keys, err));
    const struct fi_keys_ring *old = keys->ring;
    struct fi_keys_ring *ring;
    if (old->count == FI_KEYS_MASTERS_MAX || old->masters[old->count - 1].number == UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a keys file has at most %d master keys",
                            FI_KEYS_MASTERS_MAX);
    }
    FI_TRY_RETURN(ring_create(old->count + 1, &ring, err));
    memcpy(ring->key, old->key, sizeof ring->key);
    memcpy(ring->masters, old->masters, old->count * sizeof ring->masters[0]);
    int rc = fill_last_master(ring, os, err);
    if (rc != FIRN_OK) {
        fi_os_secret_free(ring);
        return rc;
    }
    *out = ring;
    return FIRN_OK;
}

static void
replace_ring(struct fi_keys *keys, struct fi_keys_ring *ring)
{
    fi_os_secret_free(keys->ring);
    keys->ring = ring;
    keys->head.master_count = ring->count;
}

int
fi_keys_rotate(struct fi_keys *keys, struct fi_os *os, firn_error *err)
{
    struct fi_keys_ring *ring;
    FI_TRY_RETURN(extend_ring(keys, os, &ring, err));
    replace_ring(keys, ring);
    return FIRN_OK;
}

enum fi_keys_change
fi_keys_change(const struct fi_keys *keys)
{
    return keys->head.change;
}

void
fi_keys_set_change(struct fi_keys *keys, enum fi_keys_change change)
{
    keys->head.change = change;
}

int
fi_keys_drop_old(struct fi_keys *keys, firn_error *err)
{
    struct fi_keys_ring *ring;
    FI_TRY_RETURN(require_unlocked(keys, err));
    FI_TRY_RETURN(ring_create(1, &ring, err));
    memcpy(ring->key, keys->ring->key, sizeof ring->key);
    ring->masters[0] = keys->ring->masters[keys->ring->count - 1];
    replace_ring(keys, ring);
    return FIRN_OK;
}

int
fi_keys_renew(struct fi_keys *keys, struct fi_os *os, firn_error *err)
{
    struct fi_keys_ring *ring;
    FI_TRY_RETURN(extend_ring(keys, os, &ring, err));
    int rc = fi_os_random(os, ring->key, sizeof ring->key, err);
    if (rc != FIRN_OK) {
        fi_os_secret_free(ring);
        return rc;
    }
    replace_ring(keys, ring);
    keys->head.slot_count = 0;
    return FIRN_OK;
}
