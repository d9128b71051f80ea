/* SPDX-License-Identifier: Apache-2.0
 *
 * block/block_seal.c: see block_seal.h.
 *
 * (I1) A nonce is used once with a key: each writer has an identity of its own, gives each block
 *      another place ((I1) of block_writer.c), and puts the table of contents after all blocks. Not
 *      checked here.
 */
#include "block/block_seal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "cipher/cipher_keyring.h"

enum {
    INNER_SIZE = FI_BLOCK_SEAL_INNER_SIZE,
    PADDING_SIZE = FI_BLOCK_SEAL_PADDING_SIZE,
    PREFIX_SIZE = FI_BLOCK_FORMAT_PREFIX_SIZE,
    IS_PADDED = 0x80 /* in the encrypted codec */
};

/* What is authenticated beside a block: kind (4) | identity (16) | offset (8) | bytes 0 to 3 and 8
 * to 15 of the prefix. Of the sections: the same with zeros for the prefix. */
enum { AAD_SIZE = 4 + 16 + 8 + 12 };

static void
form_aad(const struct fi_block_seal *seal, uint64_t offset, const uint8_t *prefix,
         uint8_t out[AAD_SIZE])
{
    memset(out, 0, AAD_SIZE);
    fi_store_le32(out, (uint32_t)seal->kind);
    memcpy(out + 4, seal->id.bytes, sizeof seal->id.bytes);
    fi_store_le64(out + 20, offset);
    if (prefix != NULL) {
        memcpy(out + 28, prefix, 4);
        memcpy(out + 32, prefix + 8, 8);
    }
}

static uint64_t
nonce_of(uint64_t offset)
{
    DCHECK(offset % FI_BLOCK_FORMAT_ALIGNMENT == 0); /* (I1) */
    return offset / FI_BLOCK_FORMAT_ALIGNMENT;
}

/* ==== the key of a file ==== */

int
fi_block_seal_begin(struct fi_os_dir *dir, enum fi_block_file_kind kind,
                    const struct fi_block_file_id *id, struct fi_block_seal *out, firn_error *err)
{
    const struct fi_os_seal *seal = fi_os_dir_seal(dir);
    *out = (struct fi_block_seal){.kind = kind, .id = *id};
    if (seal == NULL || !fi_cipher_keyring_encrypts(fi_cipher_keyring_of(seal))) {
        return FIRN_OK;
    }
    struct fi_cipher_keyring_use use;
    FI_TRY_RETURN(
        fi_cipher_keyring_file_begin(fi_cipher_keyring_of(seal), id->bytes, &use, &out->key, err));
    out->format =
        (struct fi_block_format_seal){.tag_size = (uint32_t)fi_cipher_key_tag_size(out->key),
                                      .cipher = use.cipher,
                                      .key_number = use.number};
    memcpy(out->format.key_check, use.check, sizeof use.check);
    return FIRN_OK;
}

int
fi_block_seal_open(const struct fi_os_seal *seal, enum fi_block_file_kind kind,
                   const struct fi_block_file_id *id, const struct fi_block_format_seal *format,
                   const char *path, struct fi_block_seal *out, firn_error *err)
{
    *out = (struct fi_block_seal){.format = *format, .kind = kind, .id = *id};
    if (format->tag_size == 0) {
        /* Its bytes would count as ours, though anybody can have written them. */
        return seal == NULL || fi_cipher_keyring_is_changing(fi_cipher_keyring_of(seal))
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_CORRUPT, "'%s' is not encrypted, in an encrypted store",
                                  path);
    }
    if (seal == NULL) {
        return FIRN_OK;
    }
    struct fi_cipher_keyring_use use = {.number = format->key_number, .cipher = format->cipher};
    memcpy(use.check, format->key_check, sizeof use.check);
    int rc =
        fi_cipher_keyring_file_open(fi_cipher_keyring_of(seal), &use, id->bytes, &out->key, err);
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "'%s'", path);
        return rc;
    }
    if (fi_cipher_key_tag_size(out->key) != format->tag_size) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s': its cipher has no tags of %u bytes", path,
                            format->tag_size);
    }
    return FIRN_OK;
}

_Static_assert((int)FI_BLOCK_SEAL_HEADER_SIZE == (int)FI_BLOCK_FORMAT_HEADER_SIZE,
               "what callers read is a header");

int
fi_block_seal_header_is_current(const struct fi_os_seal *seal, firn_slice begin, const char *path,
                                bool *out, firn_error *err)
{
    const struct fi_cipher_keyring *keyring = seal != NULL ? fi_cipher_keyring_of(seal) : NULL;
    uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE] = {0};
    struct fi_block_format_seal format = {0};
    struct fi_block_file_id id;
    memcpy(bytes, begin.data, begin.size < sizeof bytes ? begin.size : sizeof bytes);
    if (fi_block_format_is_header(bytes)) {
        FI_TRY_RETURN(fi_block_format_decode_header(bytes, fi_block_format_header_kind(bytes), path,
                                                    &id, &format, err));
    }
    bool is_sealed = format.tag_size != 0;
    if (keyring == NULL || !fi_cipher_keyring_encrypts(keyring)) {
        *out = !is_sealed;
        return FIRN_OK;
    }
    struct fi_cipher_keyring_use use = {.number = format.key_number, .cipher = format.cipher};
    memcpy(use.check, format.key_check, sizeof use.check);
    *out = is_sealed && fi_cipher_keyring_is_newest(keyring, &use);
    return FIRN_OK;
}

int
fi_block_seal_is_current(struct fi_os_dir *dir, const char *name, bool *out, firn_error *err)
{
    uint8_t bytes[FI_BLOCK_FORMAT_HEADER_SIZE];
    struct fi_os_file *file = NULL;
    size_t size;
    int rc;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    rc = fi_block_seal_header_is_current(fi_os_dir_seal(dir), firn_bytes(bytes, size),
                                         fi_os_file_path(file), out, err);
out:
    fi_os_file_close(file);
    return rc;
}

void
fi_block_seal_deinit(struct fi_block_seal *seal)
{
    fi_cipher_key_destroy(seal->key);
    seal->key = NULL;
}

/* ==== blocks ==== */

/* The index of the highest bit that is set. Requires: it is not 0. */
static unsigned
highest_bit(size_t number)
{
    unsigned bit = 0;
    while (number >> bit > 1) {
        bit++;
    }
    return bit;
}

size_t
fi_block_seal_padded_size(const struct fi_block_seal *seal, size_t encoded_size)
{
    if (seal->format.tag_size == 0) {
        return encoded_size;
    }
    const size_t size = fi_block_seal_size(seal, encoded_size) + PADDING_SIZE;
    const unsigned exponent = highest_bit(size);
    DCHECK(exponent > highest_bit(exponent));
    const size_t low = ((size_t)1 << (exponent - highest_bit(exponent) - 1)) - 1;
    return (size + low) & ~low;
}

/* Appends zeros and their number to bytes, of which there will be `end` then. */
static void
pad(uint8_t *bytes, size_t size, size_t end)
{
    const size_t zeros = end - size - PADDING_SIZE;
    DCHECK(end >= size + PADDING_SIZE && zeros <= UINT32_MAX);
    memset(bytes + size, 0, zeros);
    fi_store_le32(bytes + size + zeros, (uint32_t)zeros);
}

/* Takes them away; false: they are not as they must be. */
static bool
unpad(const uint8_t *bytes, size_t *size)
{
    if (*size < PADDING_SIZE) {
        return false;
    }
    const size_t zeros = fi_load_le32(bytes + *size - PADDING_SIZE);
    if (zeros > *size - PADDING_SIZE) {
        return false;
    }
    *size -= PADDING_SIZE + zeros;
    return fi_bytes_are_zero(bytes + *size, zeros);
}

int
fi_block_seal_encrypt(const struct fi_block_seal *seal, uint64_t offset, firn_slice encoded,
                      size_t stored_size, uint8_t prefix[PREFIX_SIZE], uint8_t *out,
                      firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    const size_t inner = stored_size - fi_block_seal_overhead(seal); /* where the codec is */
    const bool is_padded = inner > encoded.size;
    DCHECK(seal->key != NULL && inner >= encoded.size);
    if (encoded.size > 0) {
        memcpy(out, encoded.data, encoded.size);
    }
    if (is_padded) {
        pad(out, encoded.size, inner);
    }
    out[inner] = prefix[2] | (is_padded ? IS_PADDED : 0);
    memcpy(out + inner + 1, prefix + 12, 4);
    prefix[2] = 0;
    prefix[3] = FI_BLOCK_FORMAT_SEALED;
    fi_store_le32(prefix + 8, (uint32_t)stored_size);
    fi_store_le32(prefix + 12, 0);
    form_aad(seal, offset, prefix, aad);
    return fi_cipher_seal(seal->key, nonce_of(offset), firn_bytes(aad, sizeof aad),
                          firn_bytes(out, inner + INNER_SIZE), out, err);
}

int
fi_block_seal_decrypt(const struct fi_block_seal *seal, uint64_t offset,
                      const uint8_t bytes[PREFIX_SIZE], firn_slice stored, uint8_t *out,
                      size_t *out_size, struct fi_block_format_prefix *prefix, firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    const size_t extra = INNER_SIZE + seal->format.tag_size;
    DCHECK(seal->key != NULL);
    *out_size = 0;
    if (stored.size < extra) {
        return fi_error_set(err, FIRN_CORRUPT, "it is too short for an encrypted block");
    }
    form_aad(seal, offset, bytes, aad);
    FI_TRY_RETURN(
        fi_cipher_open(seal->key, nonce_of(offset), firn_bytes(aad, sizeof aad), stored, out, err));
    size_t size = stored.size - extra;
    const uint8_t codec = out[size];
    prefix->codec = codec & ~IS_PADDED & UINT8_MAX;
    prefix->raw_size = fi_load_le32(out + size + 1);
    if ((codec & IS_PADDED) != 0 && !unpad(out, &size)) {
        return fi_error_set(err, FIRN_CORRUPT, "its padding is malformed");
    }
    *out_size = size;
    return FIRN_OK;
}

/* ==== sections ==== */

int
fi_block_seal_encrypt_sections(const struct fi_block_seal *seal, uint64_t toc_offset,
                               struct fi_buf *sections, firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    const size_t size = sections->size;
    DCHECK(seal->key != NULL);
    if (fi_buf_set_size(sections, size + seal->format.tag_size) != FIRN_OK) {
        return fi_error_no_memory(err, "the list of sections");
    }
    form_aad(seal, toc_offset, NULL, aad);
    return fi_cipher_seal(seal->key, nonce_of(toc_offset), firn_bytes(aad, sizeof aad),
                          firn_bytes(sections->data, size), sections->data, err);
}

int
fi_block_seal_decrypt_sections(const struct fi_block_seal *seal, uint64_t toc_offset,
                               uint8_t *bytes, size_t sealed_size, firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    DCHECK(seal->key != NULL && sealed_size >= seal->format.tag_size);
    form_aad(seal, toc_offset, NULL, aad);
    return fi_cipher_open(seal->key, nonce_of(toc_offset), firn_bytes(aad, sizeof aad),
                          firn_bytes(bytes, sealed_size), bytes, err);
}
