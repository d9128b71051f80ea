/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_ipsec.h: what of libIPSec_MB's interface is used. Only cipher_ipsec.c calls it;
 * tests listen in it.
 */
#ifndef FIRN_CIPHER_CIPHER_IPSEC_H
#define FIRN_CIPHER_CIPHER_IPSEC_H

#include <stdint.h>

#include "base/error.h"

/* The first 32 bytes of an expanded key are the key. */
typedef void fi_cipher_ipsec_expand(const void *key, void *expanded);
/* context: memory for its own use. tag: where the computed one goes, when decrypting, too. */
typedef void fi_cipher_ipsec_compute(const void *expanded, void *context, uint8_t *out,
                                     const uint8_t *in, uint64_t size, const uint8_t *nonce,
                                     const uint8_t *aad, uint64_t aad_size, uint8_t *tag,
                                     uint64_t tag_size);

/* aes_gcm_*_256 for this processor. */
struct fi_cipher_ipsec_functions {
    fi_cipher_ipsec_expand *expand;
    fi_cipher_ipsec_compute *encrypt;
    fi_cipher_ipsec_compute *decrypt;
};

/* FIRN_UNSUPPORTED: it is not installed, or the processor lacks what it needs. Any thread. */
FIRN_MUST_CHECK int fi_cipher_ipsec_load(const struct fi_cipher_ipsec_functions **out,
                                         firn_error *err);

#endif
