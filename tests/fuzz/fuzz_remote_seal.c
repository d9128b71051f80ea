/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/remote_seal: a state of an encrypted remote, made of hostile bytes: the object without its
 * checksum, which is put right here. Nobody without the key makes one that is opened; one whose form
 * is wrong is refused without a key, too. The corpus has states that were sealed with this key, for
 * another number.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "cipher/cipher.h"
#include "codec/blake3_hash.h"
#include "remote/remote_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fi_cipher_keyring *keyring;
    struct fi_buf bytes = {0};
    struct fi_buf opened = {0};
    firn_hash hash;
    firn_error err = {0};
    if (keyring == NULL) {
        uint8_t key[FI_CIPHER_KEY_SIZE];
        const struct fi_cipher_keyring_master master = {1, key};
        memset(key, 1, sizeof key);
        if (fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, &master, 1, &keyring, &err) !=
            FIRN_OK) {
            return 0; /* no libsodium here */
        }
    }
    const struct fi_remote_seal seal = {.keyring = keyring};
    (void)fi_remote_seal_is_newest(&seal, firn_bytes(data, size)); /* which needs no key */
    fi_blake3_hash_of(data, size, &hash);
    CHECK(fi_buf_append(&bytes, data, size) == FIRN_OK);
    CHECK(fi_buf_append(&bytes, hash.bytes, sizeof hash.bytes) == FIRN_OK);
    int rc = fi_remote_seal_decrypt(&seal, 1, fi_buf_slice(&bytes), &opened, &err);
    CHECK(rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_UNSUPPORTED);
    struct fi_cipher_keyring_use use;
    int form = fi_remote_seal_verify(1, fi_buf_slice(&bytes), &use, &err);
    /* One without contents, of a cipher that is not known: each says what it comes to first. */
    CHECK(form == FIRN_OK || form == rc || (form == FIRN_CORRUPT && rc != FIRN_OK));
    bytes.data[size / 2] ^= 1; /* of the checksum, if there is nothing else */
    CHECK(fi_remote_seal_verify(1, fi_buf_slice(&bytes), &use, &err) == FIRN_CORRUPT);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&opened);
    return 0;
}
