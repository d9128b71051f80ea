/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_keyring.h: secrets that the kernel keeps for the programs of a login session, in its
 * session keyring (keyrings(7)): in memory that is never swapped out, until a time-out. Every
 * program of the session can read them.
 *
 * A container may forbid keyrings, and a simulated machine has none: FIRN_UNSUPPORTED. Any thread.
 */
#ifndef FIRN_POSIX_OS_KEYRING_H
#define FIRN_POSIX_OS_KEYRING_H

#include "os/os.h"

enum { FI_OS_KEYRING_NAME_SIZE_MAX = 255 };

/* Keeps 1 to 32,767 bytes for so many seconds, at least one, in place of what has this name. */
FIRN_MUST_CHECK int fi_os_keyring_put(struct fi_os *os, const char *name, firn_slice secret,
                                      uint32_t seconds, firn_error *err);
/* Reads at most size bytes to out, which is memory for secrets (os/os_secret.h). FIRN_NOT_FOUND:
 * there is no such name, or its time is over, or it was revoked. FIRN_LIMIT: it has more bytes. */
FIRN_MUST_CHECK int fi_os_keyring_get(struct fi_os *os, const char *name, void *out, size_t size,
                                      size_t *out_size, firn_error *err);
/* Wipes it, for all programs. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_os_keyring_remove(struct fi_os *os, const char *name, firn_error *err);
/* Wipes all whose names begin so; *out_count is their number. */
FIRN_MUST_CHECK int fi_os_keyring_remove_all(struct fi_os *os, const char *prefix,
                                             size_t *out_count, firn_error *err);

#endif
