/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_seal.h: the blocks of an encrypted file (docs/formats/block.md).
 *
 *   stored bytes of a block:  [ ciphertext of: bytes as encoded | codec 1 | raw size 4 ] [ tag ]
 *
 * A padded block has zeros between the two, then the number of zeros in 4 bytes; bit 7 of its codec
 * is set.
 *
 * Each file has a key of its own, derived from a master key and the file's identity, which is
 * random and new for each attempt to write it. The nonce is the block's offset divided by 8, and
 * each offset is written once; so no key ever meets a nonce twice. What is authenticated beside the
 * bytes binds them to this file, this kind of file and this place. Both checksums of a block cover
 * the bytes on the disk, so a file can be verified, copied and repaired without a key.
 *
 * Only files of this folder and tests include it.
 */
#ifndef FIRN_BLOCK_BLOCK_SEAL_H
#define FIRN_BLOCK_BLOCK_SEAL_H

#include "block/block_format.h"
#include "cipher/cipher.h"

enum {
    FI_BLOCK_SEAL_INNER_SIZE = 5,  /* codec and raw size, after the bytes */
    FI_BLOCK_SEAL_PADDING_SIZE = 4 /* the number of zeros of a padded block, before them */
};

/* The key of one file. All zero: a file in clear. */
struct fi_block_seal {
    struct fi_block_format_seal format; /* what the edges of the file say */
    struct fi_cipher_key *key;          /* NULL: in clear, or the keys are not here */
    enum fi_block_file_kind kind;
    struct fi_block_file_id id;
};

/* For a new file of that identity: with a key if the directory has a seal (os/os_seal.h), else in
 * clear. */
FIRN_MUST_CHECK int fi_block_seal_begin(struct fi_os_dir *dir, enum fi_block_file_kind kind,
                                        const struct fi_block_file_id *id,
                                        struct fi_block_seal *out, firn_error *err);
/* For a file whose edges say `format`. seal: that of its directory; NULL: there are no keys, and
 * *out has none. FIRN_CORRUPT: a file in clear among encrypted ones. FIRN_DENIED: it has another
 * master key. */
FIRN_MUST_CHECK int fi_block_seal_open(const struct fi_os_seal *seal, enum fi_block_file_kind kind,
                                       const struct fi_block_file_id *id,
                                       const struct fi_block_format_seal *format, const char *path,
                                       struct fi_block_seal *out, firn_error *err);
void fi_block_seal_deinit(struct fi_block_seal *seal);

/* Whether blocks can be neither read nor written for want of the key. */
static inline bool
fi_block_seal_is_locked(const struct fi_block_seal *seal)
{
    return seal->format.tag_size != 0 && seal->key == NULL;
}

/* What a block is longer by. */
static inline uint32_t
fi_block_seal_overhead(const struct fi_block_seal *seal)
{
    return seal->format.tag_size == 0 ? 0 : FI_BLOCK_SEAL_INNER_SIZE + seal->format.tag_size;
}

/* The stored size of a block that was encoded to so many bytes. */
static inline size_t
fi_block_seal_size(const struct fi_block_seal *seal, size_t encoded_size)
{
    return encoded_size + fi_block_seal_overhead(seal);
}

/* The same of a padded block: rounded up to a number all of whose bits are 0 but the highest one
 * and the floor(log2(log2(number))) + 1 after it. So it tells little of the size, and is larger by
 * 12 % at most, for more than half a MiB by 6 % (Padme: Nikitin, Barman, Lueks, Underwood, Hubaux,
 * Ford, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs
 * 2019). In a file in clear nothing is padded. */
size_t fi_block_seal_padded_size(const struct fi_block_seal *seal, size_t encoded_size);

/* Encrypts a block to out, of stored_size bytes: fi_block_seal_size, or fi_block_seal_padded_size.
 * prefix: with all but its checksums; what it says of codec and raw size is moved into the
 * ciphertext. */
FIRN_MUST_CHECK int fi_block_seal_encrypt(const struct fi_block_seal *seal, uint64_t offset,
                                          firn_slice encoded, size_t stored_size,
                                          uint8_t prefix[FI_BLOCK_FORMAT_PREFIX_SIZE], uint8_t *out,
                                          firn_error *err);
/* Decrypts the stored bytes of a block, which may be out, and fills in what the prefix does not
 * say. out has as many bytes; *out_size of them are the block as it was encoded. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_block_seal_decrypt(const struct fi_block_seal *seal, uint64_t offset,
                                          const uint8_t bytes[FI_BLOCK_FORMAT_PREFIX_SIZE],
                                          firn_slice stored, uint8_t *out, size_t *out_size,
                                          struct fi_block_format_prefix *prefix, firn_error *err);
/* The same for the sections in the table of contents, whose place is that of the table. */
FIRN_MUST_CHECK int fi_block_seal_encrypt_sections(const struct fi_block_seal *seal,
                                                   uint64_t toc_offset, struct fi_buf *sections,
                                                   firn_error *err);
FIRN_MUST_CHECK int fi_block_seal_decrypt_sections(const struct fi_block_seal *seal,
                                                   uint64_t toc_offset, uint8_t *bytes,
                                                   size_t sealed_size, firn_error *err);

#endif
