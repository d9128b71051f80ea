/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_seal.c: encrypting and decrypting the records of a log.
 *
 * The key of a record follows from the master key, the segment's number and salt, and the epoch: 16
 * random bytes in the record EPOCH. The nonce is the record's offset divided by 8. A record is
 * encrypted before it gets its header; header and checksums are over what is stored. So a log is
 * judged, cut, copied and searched in the same way with a key and without one.
 *
 * (I17) No key meets a nonce twice. Each handle begins epochs of its own. An epoch ends with its
 *       segment. Within an epoch each record that is encrypted begins at a higher offset than all
 *       before it. A record that was encrypted and is not in the log, because there was no space or
 *       no memory for it, has used its offset up: the next one begins a new epoch. It does not
 *       matter whether any byte of it has reached the file.
 *
 * So neither a crash nor a copy of the directory nor a recycled file can repeat a pair: the next
 * handle that writes begins with an EPOCH. A key is used only when its EPOCH is in the log, and an
 * EPOCH that is in the log stays there. If the record after it could not be written, an EPOCH
 * without records remains, which means nothing.
 *
 * What is not noticed: a machine that is restored from a snapshot of its memory goes on with the
 * key and the offsets that it had.
 *
 * A record's number of segment, salt, offset, length, mark and type are authenticated with it, and
 * the place of its EPOCH. A record is therefore genuine only in its place. A record that was taken
 * away from the middle of an epoch is missed: only records of the log itself could fill its place
 * without the key, but END ends the epoch, and a copy of its EPOCH has another place. That records
 * were taken away from the end of an epoch is not noticed.
 */
#include "log/log_seal.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "log/log.h"
#include "os/os_seal.h"

enum { BUFFER_KEPT_MAX = 64 << 10 };

/* number of the segment (8) | its salt (8) | offset of the EPOCH (8) | offset of the record (8) |
 * bytes 4 to 13 of the record's header */
enum { AAD_SIZE = 8 + 8 + 8 + 8 + 10 };

static void
form_aad(const struct fi_log_seal *seal, uint64_t offset, const struct fi_log_format_record *header,
         uint8_t out[AAD_SIZE])
{
    fi_store_le64(out, seal->segment);
    fi_store_le64(out + 8, seal->salt);
    fi_store_le64(out + 16, seal->begins_at);
    fi_store_le64(out + 24, offset);
    fi_store_le32(out + 32, header->length);
    fi_store_le32(out + 36, (uint32_t)(header->durable / 8));
    out[40] = header->type;
    out[41] = 0;
}

static uint64_t
nonce_of(uint64_t offset)
{
    DCHECK(offset % 8 == 0);
    return offset / 8;
}

bool
fi_log_seal_encrypts(const struct fi_os_dir *dir)
{
    const struct fi_os_seal *seal = fi_os_dir_seal(dir);
    return seal != NULL && fi_cipher_keyring_encrypts(fi_cipher_keyring_of(seal));
}

bool
fi_log_seal_is_changing(const struct fi_log_seal *seal)
{
    return seal->keyring != NULL && fi_cipher_keyring_is_changing(seal->keyring);
}

void
fi_log_seal_init(struct fi_log_seal *seal, const struct fi_os_dir *dir)
{
    const struct fi_os_seal *found = fi_os_dir_seal(dir);
    *seal = (struct fi_log_seal){.keyring = found != NULL ? fi_cipher_keyring_of(found) : NULL,
                                 .encrypts = fi_log_seal_encrypts(dir)};
}

void
fi_log_seal_end(struct fi_log_seal *seal)
{
    fi_cipher_key_destroy(seal->key);
    seal->key = NULL;
    seal->is_locked = false;
    seal->encrypted_at = 0;
}

void
fi_log_seal_deinit(struct fi_log_seal *seal)
{
    fi_log_seal_end(seal);
    fi_buf_deinit(&seal->buffer);
}

static bool
is_of_segment(const struct fi_log_seal *seal, const struct fi_log_format_segment *segment)
{
    return seal->segment == segment->number && seal->salt == segment->salt;
}

/* ==== epochs ==== */

_Static_assert(FI_LOG_FORMAT_EPOCH_SIZE ==
                   8 + (int)FI_CIPHER_DERIVE_CHECK_SIZE + (int)FI_CIPHER_DERIVE_ID_SIZE,
               "an epoch as drawn in log_format.h");

bool
fi_log_seal_needs_epoch(const struct fi_log_seal *seal, const struct fi_log_format_segment *segment,
                        uint64_t offset)
{
    return seal->key == NULL || !is_of_segment(seal, segment) || offset <= seal->encrypted_at;
}

int
fi_log_seal_begin(struct fi_log_seal *seal, struct fi_os *os,
                  const struct fi_log_format_segment *segment, uint64_t offset, firn_slice *out,
                  firn_error *err)
{
    struct fi_cipher_keyring_use use;
    uint8_t *epoch = seal->epoch + 16;
    DCHECK(seal->encrypts && (segment->flags & FI_LOG_FORMAT_SEALED) != 0);
    fi_log_seal_end(seal);
    FI_TRY_RETURN(fi_os_random(os, epoch, FI_CIPHER_DERIVE_ID_SIZE, err));
    const struct fi_cipher_derive_log_place place = {
        .segment = segment->number, .salt = segment->salt, .epoch = epoch};
    FI_TRY_RETURN(fi_cipher_keyring_log_begin(seal->keyring, &place, &use, &seal->key, err));
    seal->segment = segment->number;
    seal->salt = segment->salt;
    seal->begins_at = offset;
    seal->cipher = use.cipher;
    fi_store_le32(seal->epoch, use.cipher);
    fi_store_le32(seal->epoch + 4, use.number);
    memcpy(seal->epoch + 8, use.check, FI_CIPHER_DERIVE_CHECK_SIZE);
    *out = firn_bytes(seal->epoch, sizeof seal->epoch);
    return FIRN_OK;
}

int
fi_log_seal_read_epoch(struct fi_log_seal *seal, const struct fi_log_format_segment *segment,
                       uint64_t offset, firn_slice payload, firn_error *err)
{
    fi_log_seal_end(seal);
    if (payload.size != FI_LOG_FORMAT_EPOCH_SIZE || (segment->flags & FI_LOG_FORMAT_SEALED) == 0) {
        return fi_error_set(err, FIRN_CORRUPT, "the beginning of an epoch that contradicts itself");
    }
    struct fi_cipher_keyring_use use = {.cipher = fi_load_le32(payload.data),
                                        .number = fi_load_le32(payload.data + 4)};
    memcpy(use.check, payload.data + 8, sizeof use.check);
    if (fi_cipher_name(use.cipher) == NULL) {
        return fi_error_set(err, FIRN_NEWER, "cipher %" PRIu32 " is of a later version of firn",
                            use.cipher);
    }
    seal->segment = segment->number;
    seal->salt = segment->salt;
    seal->begins_at = offset;
    seal->cipher = use.cipher;
    seal->is_locked = seal->keyring == NULL;
    if (seal->is_locked) {
        return FIRN_OK;
    }
    const struct fi_cipher_derive_log_place place = {
        .segment = segment->number, .salt = segment->salt, .epoch = payload.data + 16};
    return fi_cipher_keyring_log_open(seal->keyring, &use, &place, &seal->key, err);
}

/* ==== records ==== */

int
fi_log_seal_gather(struct fi_log_seal *seal, const firn_slice *parts, size_t part_count,
                   firn_error *err)
{
    const size_t size_max = (size_t)FI_LOG_RECORD_SIZE_MAX - FI_CIPHER_TAG_SIZE_MAX;
    size_t size = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > size_max - size) {
            return fi_error_set(err, FIRN_LIMIT,
                                "cannot write an encrypted log record of more than %zu bytes",
                                size_max);
        }
        size += parts[i].size;
    }
    fi_buf_clear(&seal->buffer);
    if (fi_buf_reserve(&seal->buffer, size + FI_CIPHER_TAG_SIZE_MAX) != FIRN_OK) {
        return fi_error_no_memory(err, "a log record");
    }
    for (size_t i = 0; i < part_count; i++) { /* of every put: without a call for each part */
        if (parts[i].size > 0) {
            memcpy(seal->buffer.data + seal->buffer.size, parts[i].data, parts[i].size);
            seal->buffer.size += parts[i].size;
        }
    }
    DCHECK(seal->buffer.size == size);
    return FIRN_OK;
}

int
fi_log_seal_encrypt(struct fi_log_seal *seal, uint64_t offset, struct fi_log_format_record *header,
                    firn_slice *out, firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    const size_t size = seal->buffer.size;
    CHECK(seal->key != NULL && offset > seal->encrypted_at); /* (I17) */
    seal->encrypted_at = offset;
    seal->buffer.size += fi_cipher_key_tag_size(seal->key);
    CHECK(seal->buffer.size <= seal->buffer.capacity); /* reserved when it was gathered */
    header->length = (uint32_t)seal->buffer.size;
    form_aad(seal, offset, header, aad);
    *out = fi_buf_slice(&seal->buffer);
    return fi_cipher_seal(seal->key, nonce_of(offset), firn_bytes(aad, sizeof aad),
                          firn_bytes(seal->buffer.data, size), seal->buffer.data, err);
}

void
fi_log_seal_release(struct fi_log_seal *seal)
{
    if (seal->buffer.capacity > BUFFER_KEPT_MAX) {
        fi_buf_deinit(&seal->buffer);
    }
}

int
fi_log_seal_check(const struct fi_log_seal *seal, const struct fi_log_format_segment *segment,
                  bool may_be_locked, const char *path, firn_error *err)
{
    const bool is_sealed = (segment->flags & FI_LOG_FORMAT_SEALED) != 0;
    const bool is_changing = fi_log_seal_is_changing(seal);
    if (is_sealed && seal->keyring == NULL && !may_be_locked) {
        return fi_error_set(err, FIRN_DENIED, "'%s' is encrypted: the key of the store is needed",
                            path);
    }
    if (!is_sealed && !is_changing && (seal->keyring != NULL || may_be_locked)) {
        /* Its records would count as ours, though anybody can have written them. */
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset 12: not encrypted, in an encrypted store", path);
    }
    return FIRN_OK;
}

int
fi_log_seal_decrypt(struct fi_log_seal *seal, const struct fi_log_format_segment *segment,
                    uint64_t offset, const struct fi_log_format_record *header, firn_slice *payload,
                    firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    DCHECK(header->type >= FI_LOG_TYPE_USER && payload->size == header->length);
    if ((segment->flags & FI_LOG_FORMAT_SEALED) == 0) {
        DCHECK(seal->keyring == NULL || fi_cipher_keyring_is_changing(seal->keyring));
        return FIRN_OK;
    }
    if (!is_of_segment(seal, segment) || (seal->key == NULL && !seal->is_locked)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "a record that is not encrypted, in an encrypted log");
    }
    const size_t tag_size = fi_cipher_tag_size(seal->cipher);
    if (payload->size < tag_size) {
        return fi_error_set(err, FIRN_CORRUPT, "a record that is too short for an encrypted one");
    }
    if (seal->is_locked) {
        return FIRN_OK;
    }
    fi_buf_clear(&seal->buffer);
    if (fi_buf_set_size(&seal->buffer, payload->size) != FIRN_OK) {
        return fi_error_no_memory(err, "reading a log");
    }
    form_aad(seal, offset, header, aad);
    FI_TRY_RETURN(fi_cipher_open(seal->key, nonce_of(offset), firn_bytes(aad, sizeof aad), *payload,
                                 seal->buffer.data, err));
    *payload = firn_bytes(seal->buffer.data, payload->size - tag_size);
    return FIRN_OK;
}
