/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_recovery.h: recovery codes: a secret of 160 random bits as text that a person writes
 * down and types again, perhaps years later. Any thread.
 */
#ifndef FIRN_KEYS_KEYS_RECOVERY_H
#define FIRN_KEYS_KEYS_RECOVERY_H

#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

enum {
    FI_KEYS_RECOVERY_SIZE = 20,
    FI_KEYS_RECOVERY_TEXT_SIZE = 48 /* eight groups of five with '-' between them, and a NUL */
};

void fi_keys_recovery_encode(const uint8_t *secret, char *out);
/* Case, spaces, '-' and line ends do not count; O is 0, I and L are 1. FIRN_INVALID: the text names
 * the group with a typing error. It has nothing of the code. */
FIRN_MUST_CHECK int fi_keys_recovery_decode(firn_slice text, uint8_t *out, firn_error *err);

#endif
