/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey.h: changes what opens an encrypted store. The public version is
 * include/firn/encryption.h; here the operating system is an argument, and secrets are those of
 * room keys. Any thread.
 */
#ifndef FIRN_REKEY_REKEY_H
#define FIRN_REKEY_REKEY_H

#include "firn/encryption.h"
#include "keys/keys.h"
#include "os/os.h"
#include "unlock/unlock.h"

/* Which store, and how to get at its keys. */
struct fi_rekey {
    struct fi_os *os;
    const char *path;                      /* of its directory */
    const struct fi_unlock_source *source; /* NULL: the environment alone */
    int64_t lock_timeout_ms;
};

/* What everyone can see of keys: visits the slots, and sets the numbers of slots and master keys.
 * on_slot may be NULL. */
FIRN_MUST_CHECK int fi_rekey_show(const struct fi_keys *keys,
                                  int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                                  firn_keys_info *out, firn_error *err);
/* As firn_keys_list. */
FIRN_MUST_CHECK int fi_rekey_list(struct fi_os *os, const char *path,
                                  int (*on_slot)(void *ctx, const firn_keys_slot *slot), void *ctx,
                                  firn_keys_info *out, firn_error *err);
/* As the public functions of these names. */
FIRN_MUST_CHECK int fi_rekey_add(const struct fi_rekey *rekey, const struct fi_keys_secret *secret,
                                 firn_slice label, uint16_t *out_number, firn_error *err);
FIRN_MUST_CHECK int fi_rekey_change(const struct fi_rekey *rekey, uint16_t number,
                                    const struct fi_keys_secret *secret, firn_error *err);
FIRN_MUST_CHECK int fi_rekey_remove(const struct fi_rekey *rekey, uint16_t number, firn_error *err);
FIRN_MUST_CHECK int fi_rekey_rotate(const struct fi_rekey *rekey, firn_error *err);
FIRN_MUST_CHECK int fi_rekey_remember(const struct fi_rekey *rekey, uint32_t seconds,
                                      firn_error *err);
/* path NULL: all. */
FIRN_MUST_CHECK int fi_rekey_forget(struct fi_os *os, const char *path, size_t *out_count,
                                    firn_error *err);

#endif
