/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_seal.c: states of an encrypted remote.
 *
 *     line      JSON, line feed: for people; it names nobody, and is not read
 *     header    u8 version = 2 | u8 cipher | le32 number of the master key | 8 bytes that tell it
 *               from others | 16 bytes, random: from them and the master key comes the key
 *     sealed    the state in clear, encrypted; tag
 *     checksum  32 bytes: BLAKE3 of all before it, for those who have no key
 *
 * Associated data: a fixed text, the id of the remote, the number of the state, the header. So a
 * state that somebody renames, or carries to another remote, is damaged. Each key seals one
 * message, so the nonce is always 0.
 */
#include "remote/remote_seal.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "remote/remote_state.h"

enum {
    VERSION_CLEAR = 1,
    VERSION = 2,
    LINE_SIZE_MAX = 2048,
    CIPHER_AT = 1,
    NUMBER_AT = 2,
    CHECK_AT = 6,
    IDENTITY_AT = 14,
    HEADER_SIZE = 30
};

#define CONTEXT "firn remote state 1"
enum { AAD_SIZE = sizeof CONTEXT - 1 + FI_REMOTE_MARKER_ID_SIZE + 8 + HEADER_SIZE };

static firn_slice
associated(const struct fi_remote_seal *seal, uint64_t number, const uint8_t *header,
           uint8_t out[AAD_SIZE])
{
    uint8_t *at = out;
    memcpy(at, CONTEXT, sizeof CONTEXT - 1);
    at += sizeof CONTEXT - 1;
    memcpy(at, seal->id, sizeof seal->id);
    at += sizeof seal->id;
    fi_store_be64(at, number);
    memcpy(at + 8, header, HEADER_SIZE);
    return firn_bytes(out, AAD_SIZE);
}

int
fi_remote_seal_encrypt(const struct fi_remote_seal *seal, struct fi_os *os, uint64_t number,
                       firn_slice state, struct fi_buf *out, firn_error *err)
{
    uint8_t header[HEADER_SIZE] = {VERSION};
    uint8_t aad[AAD_SIZE];
    struct fi_cipher_keyring_use use;
    struct fi_cipher_key *key = NULL;
    firn_hash sum;
    int rc;
    FI_TRY(fi_os_random(os, header + IDENTITY_AT, FI_CIPHER_DERIVE_ID_SIZE, err));
    FI_TRY(fi_cipher_keyring_file_begin(seal->keyring, header + IDENTITY_AT, &use, &key, err));
    header[CIPHER_AT] = (uint8_t)use.cipher;
    fi_store_le32(header + NUMBER_AT, use.number);
    memcpy(header + CHECK_AT, use.check, sizeof use.check);
    fi_buf_clear(out);
    const size_t sealed_size = state.size + fi_cipher_key_tag_size(key);
    if (fi_buf_append_format(out, "{\"firn\":\"state\",\"n\":%" PRIu64 ",\"encrypted\":true}\n",
                             number) != FIRN_OK ||
        fi_buf_append(out, header, sizeof header) != FIRN_OK ||
        fi_buf_reserve(out, sealed_size + sizeof sum) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a state of a remote");
        goto out;
    }
    FI_TRY(fi_cipher_seal(key, 0, associated(seal, number, header, aad), state,
                          out->data + out->size, err));
    out->size += sealed_size;
    fi_blake3_hash_of(out->data, out->size, &sum);
    rc = fi_buf_append(out, &sum, sizeof sum);
    CHECK(rc == FIRN_OK && out->size - state.size <= FI_REMOTE_SEAL_OVERHEAD_MAX); /* reserved */
out:
    fi_cipher_key_destroy(key);
    return rc;
}

/* Splits it; false if it is damaged. */
static bool
split(firn_slice all, const uint8_t **out_header, firn_slice *out_sealed)
{
    firn_hash sum;
    const size_t line_max = all.size < LINE_SIZE_MAX ? all.size : LINE_SIZE_MAX;
    const uint8_t *end = all.size > 0 ? memchr(all.data, '\n', line_max) : NULL;
    if (end == NULL || all.size - (size_t)(end + 1 - all.data) < HEADER_SIZE + sizeof sum) {
        return false;
    }
    fi_blake3_hash_of(all.data, all.size - sizeof sum, &sum);
    *out_header = end + 1;
    *out_sealed = firn_bytes(end + 1 + HEADER_SIZE,
                             all.size - (size_t)(end + 1 - all.data) - HEADER_SIZE - sizeof sum);
    return memcmp(all.data + all.size - sizeof sum, &sum, sizeof sum) == 0;
}

static int
refuse_damaged(uint64_t number, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "state %" PRIu64 " of the remote is damaged", number);
}

static int
check_version(uint8_t version, uint64_t number, firn_error *err)
{
    if (version == VERSION_CLEAR) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "state %" PRIu64 " of the remote is in clear, but the remote is "
                            "encrypted: somebody without its key has made it",
                            number);
    }
    return version == VERSION
               ? FIRN_OK
               : fi_error_set(err, FIRN_NEWER,
                              "state %" PRIu64 " of the remote has version %u, and this firn reads "
                              "no version above %d",
                              number, version, VERSION);
}

/* The parts of a state whose form and checksum are right, and what it says of its master key. */
static int
open_form(firn_slice sealed, uint64_t number, const uint8_t **out_header, firn_slice *out_body,
          struct fi_cipher_keyring_use *out, firn_error *err)
{
    if (!split(sealed, out_header, out_body)) {
        return refuse_damaged(number, err);
    }
    const uint8_t *header = *out_header;
    FI_TRY_RETURN(check_version(header[0], number, err));
    out->cipher = header[CIPHER_AT];
    out->number = fi_load_le32(header + NUMBER_AT);
    memcpy(out->check, header + CHECK_AT, sizeof out->check);
    return FIRN_OK;
}

int
fi_remote_seal_verify(uint64_t number, firn_slice sealed, struct fi_cipher_keyring_use *out,
                      firn_error *err)
{
    const uint8_t *header;
    firn_slice body;
    FI_TRY_RETURN(open_form(sealed, number, &header, &body, out, err));
    return body.size > 0 && body.size <= FI_REMOTE_STATE_SIZE_MAX + FI_REMOTE_SEAL_OVERHEAD_MAX
               ? FIRN_OK
               : refuse_damaged(number, err);
}

/* The keys may have been rotated since the keyring was made. */
static int
open_key(const struct fi_remote_seal *seal, uint64_t number,
         const struct fi_cipher_keyring_use *use, const uint8_t *identity,
         struct fi_cipher_key **out, firn_error *err)
{
    int rc = fi_cipher_keyring_file_open(seal->keyring, use, identity, out, err);
    if (rc == FIRN_DENIED && seal->renew != NULL) {
        rc = seal->renew(seal->renew_ctx, err);
        if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            return rc;
        }
        rc = fi_cipher_keyring_file_open(seal->keyring, use, identity, out, err);
    }
    return rc != FIRN_DENIED
               ? rc
               : fi_error_set(err, FIRN_CORRUPT,
                              "state %" PRIu64 " of the remote is encrypted with a key that is not "
                              "the remote's",
                              number);
}

_Static_assert((int)FI_REMOTE_SEAL_HEAD_SIZE == (int)LINE_SIZE_MAX + (int)HEADER_SIZE,
               "what callers read has the header");

bool
fi_remote_seal_is_newest(const struct fi_remote_seal *seal, firn_slice head)
{
    struct fi_cipher_keyring_use use;
    const size_t line_max = head.size < LINE_SIZE_MAX ? head.size : LINE_SIZE_MAX;
    const uint8_t *header = line_max > 0 ? memchr(head.data, '\n', line_max) : NULL;
    if (header == NULL || head.size - (size_t)(++header - head.data) < HEADER_SIZE ||
        header[0] != VERSION) {
        return false;
    }
    use.cipher = header[CIPHER_AT];
    use.number = fi_load_le32(header + NUMBER_AT);
    memcpy(use.check, header + CHECK_AT, sizeof use.check);
    return fi_cipher_keyring_is_newest(seal->keyring, &use);
}

int
fi_remote_seal_decrypt(const struct fi_remote_seal *seal, uint64_t number, firn_slice sealed,
                       struct fi_buf *out, firn_error *err)
{
    uint8_t aad[AAD_SIZE];
    struct fi_cipher_keyring_use use;
    struct fi_cipher_key *key = NULL;
    const uint8_t *header;
    firn_slice body;
    int rc;
    FI_TRY(open_form(sealed, number, &header, &body, &use, err));
    FI_TRY(open_key(seal, number, &use, header + IDENTITY_AT, &key, err));
    const size_t tag_size = fi_cipher_key_tag_size(key);
    if (body.size <= tag_size || body.size - tag_size > FI_REMOTE_STATE_SIZE_MAX) {
        rc = refuse_damaged(number, err);
        goto out;
    }
    if (fi_buf_set_size(out, body.size - tag_size) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a state of a remote");
        goto out;
    }
    rc = fi_cipher_open(key, 0, associated(seal, number, header, aad), body, out->data, err);
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "state %" PRIu64 " of the remote", number);
    }
out:
    fi_cipher_key_destroy(key);
    return rc;
}
