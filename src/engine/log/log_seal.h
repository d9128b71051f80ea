/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_seal.h: the records of an encrypted log (docs/formats/log.md).
 *
 *   payload as stored:  [ ciphertext of what the user has appended ] [ tag ]
 *
 * A log is encrypted if its directory has a seal (os/os_seal.h). The log's own records stay in
 * clear. One of them, EPOCH, says which key the user's records after it are encrypted with, up to
 * the next EPOCH or the end of the segment.
 *
 * Only files of this folder and tests include it.
 */
#ifndef FIRN_LOG_LOG_SEAL_H
#define FIRN_LOG_LOG_SEAL_H

#include "base/buf.h"
#include "cipher/cipher_keyring.h"
#include "log/log_format.h"
#include "os/os.h"

/* Embedded in the caller's memory. One writes or reads, and is used by one thread at a time. */
struct fi_log_seal {
    const struct fi_cipher_keyring *keyring; /* borrowed of the directory; NULL: it has no seal */
    bool encrypts;                           /* new segments */
    /* The present epoch. */
    struct fi_cipher_key *key; /* NULL: there is none, or its key is not here */
    bool is_locked;            /* reading: there is one, and its key is not here */
    uint64_t segment;          /* of which segment */
    uint64_t salt;
    uint64_t begins_at; /* offset of its EPOCH */
    uint32_t cipher;
    uint64_t encrypted_at; /* writing: the highest offset for which the key was used; 0: none */
    uint8_t epoch[FI_LOG_FORMAT_EPOCH_SIZE]; /* writing: the payload of EPOCH */
    struct fi_buf buffer;                    /* one payload of the user's */
};

void fi_log_seal_init(struct fi_log_seal *seal, const struct fi_os_dir *dir);
void fi_log_seal_deinit(struct fi_log_seal *seal);
/* Whether segments in clear and encrypted ones may follow each other. */
bool fi_log_seal_is_changing(const struct fi_log_seal *seal);
/* Whether new segments in the directory are encrypted. */
bool fi_log_seal_encrypts(const struct fi_os_dir *dir);
/* Ends the epoch: there is none. */
void fi_log_seal_end(struct fi_log_seal *seal);

/* ==== writing ==== */

/* Whether a record at that place needs a new EPOCH before it (I17). */
bool fi_log_seal_needs_epoch(const struct fi_log_seal *seal,
                             const struct fi_log_format_segment *segment, uint64_t offset);
/* Begins an epoch at that place. *out is the payload of the record EPOCH, borrowed until the next
 * call; the caller appends it, or else ends the epoch. Codes of fi_cipher_keyring_log_begin, and
 * those of a source of random bytes. Requires: there is a keyring. */
FIRN_MUST_CHECK int fi_log_seal_begin(struct fi_log_seal *seal, struct fi_os *os,
                                      const struct fi_log_format_segment *segment, uint64_t offset,
                                      firn_slice *out, firn_error *err);

/* Takes a copy of a record of these parts. FIRN_LIMIT, FIRN_NO_MEMORY: nothing has happened. */
FIRN_MUST_CHECK int fi_log_seal_gather(struct fi_log_seal *seal, const firn_slice *parts,
                                       size_t part_count, firn_error *err);
/* Encrypts what was gathered, for that place. *out is what is stored, borrowed until the next call.
 * header: with type and mark; its length is filled in. Requires: no epoch is needed. */
FIRN_MUST_CHECK int fi_log_seal_encrypt(struct fi_log_seal *seal, uint64_t offset,
                                        struct fi_log_format_record *header, firn_slice *out,
                                        firn_error *err);
/* Frees the memory of a large record. */
void fi_log_seal_release(struct fi_log_seal *seal);

/* ==== reading ==== */

/* Whether the segment is encrypted if and only if there are keys, or may_be_locked is true; while a
 * store is changing it may be either.
 * FIRN_DENIED: there are none. FIRN_CORRUPT: it is in clear, in an encrypted store. path: of its
 * file. */
FIRN_MUST_CHECK int fi_log_seal_check(const struct fi_log_seal *seal,
                                      const struct fi_log_format_segment *segment,
                                      bool may_be_locked, const char *path, firn_error *err);
/* Begins the epoch of a verified record EPOCH. FIRN_CORRUPT: it contradicts itself. Codes of
 * fi_cipher_keyring_log_open. After a failure there is no epoch. */
FIRN_MUST_CHECK int fi_log_seal_read_epoch(struct fi_log_seal *seal,
                                           const struct fi_log_format_segment *segment,
                                           uint64_t offset, firn_slice payload, firn_error *err);
/* Replaces the payload of a user's record by what was appended, borrowed until the next call;
 * leaves that of a log in clear, and of an epoch whose key is not here. FIRN_CORRUPT: the record
 * was not encrypted for this place, or no EPOCH is before it. */
FIRN_MUST_CHECK int fi_log_seal_decrypt(struct fi_log_seal *seal,
                                        const struct fi_log_format_segment *segment,
                                        uint64_t offset, const struct fi_log_format_record *header,
                                        firn_slice *payload, firn_error *err);

#endif
