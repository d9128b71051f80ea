/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_seal.h: states of an encrypted remote: encrypted as a whole, with the keys of the
 * remote, and bound to its id and their number (docs/formats/remote.md).
 */
#ifndef FIRN_REMOTE_REMOTE_SEAL_H
#define FIRN_REMOTE_REMOTE_SEAL_H

#include "base/buf.h"
#include "base/error.h"
#include "cipher/cipher_keyring.h"
#include "os/os.h"
#include "remote/remote_marker.h"

struct fi_remote_seal {
    const struct fi_cipher_keyring *keyring; /* borrowed */
    uint8_t id[FI_REMOTE_MARKER_ID_SIZE];    /* of the remote */
    /* NULL, or asked to give the keyring the master key of a state that it does not have.
     * FIRN_NOT_FOUND: there is no newer one. */
    int (*renew)(void *ctx, firn_error *err);
    void *renew_ctx;
};

/* How much larger an encrypted state is, at most. */
enum { FI_REMOTE_SEAL_OVERHEAD_MAX = 512 };

/* Replaces *out with the encrypted form of a state. Each time with another key. */
FIRN_MUST_CHECK int fi_remote_seal_encrypt(const struct fi_remote_seal *seal, struct fi_os *os,
                                           uint64_t number, firn_slice state, struct fi_buf *out,
                                           firn_error *err);
/* Whether the encrypted form of a state is whole, as far as that shows without any key: its form
 * and its checksum. *out: what it says of its master key. FIRN_CORRUPT: it is damaged, or in clear.
 * FIRN_NEWER. */
FIRN_MUST_CHECK int fi_remote_seal_verify(uint64_t number, firn_slice sealed,
                                          struct fi_cipher_keyring_use *out, firn_error *err);
/* Replaces *out with the state. FIRN_CORRUPT: it is damaged, in clear, encrypted with another key,
 * of another remote, or of another number. FIRN_NEWER. Failures of renew. */
FIRN_MUST_CHECK int fi_remote_seal_decrypt(const struct fi_remote_seal *seal, uint64_t number,
                                           firn_slice sealed, struct fi_buf *out, firn_error *err);
/* Whether a state is encrypted with the newest master key of the seal, by its first
 * FI_REMOTE_SEAL_HEAD_SIZE bytes, or all it has; they need no key to be read. Not if they are no
 * such head. */
enum { FI_REMOTE_SEAL_HEAD_SIZE = 2048 + 30 };
bool fi_remote_seal_is_newest(const struct fi_remote_seal *seal, firn_slice head);

#endif
