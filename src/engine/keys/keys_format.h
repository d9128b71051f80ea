/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_format.h: the bytes of a keys file (docs/formats/keys.md). All numbers are
 * little-endian.
 *
 *     head       96   magic "firnkeys", u32 version, u32 generation, id[16], salt[32], u16 slots,
 *                     u16 next slot, u32 masters, u32 change, 20 zeros
 *     slots     168   each: u8 kind, u8 label size, u16 number, u32 passes, u32 memory in KiB,
 *                     4 zeros, i64 added, salt[16], check[16], sealed ring key[48], label[64]
 *     ring            sealed: masters of 44 each: u32 number, i64 made, key[32]; tag[16]
 *     checksum   32   BLAKE3 of all before
 */
#ifndef FIRN_KEYS_KEYS_FORMAT_H
#define FIRN_KEYS_KEYS_FORMAT_H

#include <stdint.h>

#include "base/error.h"
#include "cipher/cipher_passphrase.h"
#include "firn/types.h"

/* The numbers are on disk. */
enum fi_keys_kind { FI_KEYS_PASSPHRASE = 1, FI_KEYS_FILE = 2, FI_KEYS_RECOVERY = 3 };

/* What becomes of the store; on disk, too. */
enum fi_keys_change {
    FI_KEYS_NO_CHANGE = 0,
    FI_KEYS_ENCRYPTING = 1, /* new files are encrypted; others may be in clear still */
    FI_KEYS_DECRYPTING = 2  /* new files are in clear; others may be encrypted still */
};

enum {
    FI_KEYS_SLOTS_MAX = 16,
    FI_KEYS_MASTERS_MAX = 1024,
    FI_KEYS_LABEL_SIZE_MAX = 64,
    FI_KEYS_ID_SIZE = 16,
    FI_KEYS_SALT_SIZE = 32,
    FI_KEYS_CHECK_SIZE = 16,
    FI_KEYS_SEALED_SIZE = 48,
    FI_KEYS_HEAD_SIZE = 96,
    FI_KEYS_SLOT_SIZE = 168,
    FI_KEYS_SLOT_BOUND_SIZE = 56, /* of them bound to the sealed ring key: kind to check */
    FI_KEYS_MASTER_SIZE = 44,
    FI_KEYS_TAG_SIZE = 16,
    FI_KEYS_CHECKSUM_SIZE = 32,
    FI_KEYS_SIZE_MAX = FI_KEYS_HEAD_SIZE + FI_KEYS_SLOTS_MAX * FI_KEYS_SLOT_SIZE +
                       FI_KEYS_MASTERS_MAX * FI_KEYS_MASTER_SIZE + FI_KEYS_TAG_SIZE +
                       FI_KEYS_CHECKSUM_SIZE,
    /* Passes times memory of all slots for passphrases together: 16 seconds, in a foreign file,
     * too. */
    FI_KEYS_WORK_KIB_MAX = 16 << 20
};

/* What can be read of a slot without a secret. */
struct fi_keys_slot {
    enum fi_keys_kind kind;
    uint16_t number;                       /* not 0; never used again for another slot */
    struct fi_cipher_passphrase_cost cost; /* of a passphrase; else zeros */
    int64_t added_ns;                      /* since 1970 */
    size_t label_size;
    char label[FI_KEYS_LABEL_SIZE_MAX];
    uint8_t salt[FI_CIPHER_PASSPHRASE_SALT_SIZE];
    uint8_t check[FI_KEYS_CHECK_SIZE];
    uint8_t sealed[FI_KEYS_SEALED_SIZE];
};

struct fi_keys_head {
    uint32_t generation;
    uint8_t id[FI_KEYS_ID_SIZE];
    uint8_t salt[FI_KEYS_SALT_SIZE]; /* of this writing */
    size_t slot_count;
    uint16_t next_slot;
    size_t master_count;
    enum fi_keys_change change;
    struct fi_keys_slot slots[FI_KEYS_SLOTS_MAX];
};

struct fi_keys_master {
    uint32_t number; /* not 0; ascending */
    int64_t made_ns; /* since 1970 */
    uint8_t key[32];
};

/* Where the ring begins in a file. */
size_t fi_keys_format_ring_offset(const struct fi_keys_head *head);
/* The whole file. */
size_t fi_keys_format_size(const struct fi_keys_head *head);

/* Writes all before the ring. */
void fi_keys_format_encode_head(const struct fi_keys_head *head, uint8_t *out);
/* Writes FI_KEYS_SLOT_SIZE bytes. */
void fi_keys_format_encode_slot(const struct fi_keys_slot *slot, uint8_t *out);
/* Writes the checksum of a file at its end; size is that of the whole file. */
void fi_keys_format_encode_checksum(uint8_t *file, size_t size);
/* Verifies all of a file but the ring. Codes of fi_keys_decode. */
FIRN_MUST_CHECK int fi_keys_format_decode(firn_slice file, struct fi_keys_head *out,
                                          firn_error *err);

void fi_keys_format_encode_masters(const struct fi_keys_master *masters, size_t count,
                                   uint8_t *out);
/* Of an opened ring. FIRN_CORRUPT: numbers are not ascending. */
FIRN_MUST_CHECK int fi_keys_format_decode_masters(const uint8_t *ring, size_t count,
                                                  struct fi_keys_master *out, firn_error *err);

/* FIRN_INVALID: it is too long, or has something else than printable UTF-8. */
FIRN_MUST_CHECK int fi_keys_format_check_label(firn_slice label, firn_error *err);
/* FIRN_LIMIT: trying all passphrases would take too long. */
FIRN_MUST_CHECK int fi_keys_format_check_work(const struct fi_keys_slot *slots, size_t count,
                                              firn_error *err);

#endif
