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
#include "store/db.h"
#include "unlock/unlock.h"

/* Which store, and how to get at its keys. */
struct fi_rekey {
    struct fi_os *os;
    const char *path;                      /* of its directory */
    const struct fi_unlock_source *source; /* NULL: the environment alone */
    int64_t lock_timeout_ms;
    /* As in struct fi_db_options. */
    int (*prepare)(struct fi_os_dir *dir, const struct fi_db_options *options, firn_error *err);
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
FIRN_MUST_CHECK int fi_rekey_replace(const struct fi_rekey *rekey,
                                     const struct fi_keys_secret *secret, firn_slice label,
                                     uint16_t *out_number, firn_error *err);
/* FIRN_INVALID: the store is in clear. */
FIRN_MUST_CHECK int fi_rekey_check_encrypted(const struct fi_rekey *rekey, firn_error *err);

/* ==== writing anew what older keys, or none, have encrypted ==== */

/* From now on the store is one in clear that becomes an encrypted one: new files are encrypted, the
 * others are still in clear. cipher 0: the one that is usual. It may be called again for a store
 * that is becoming clear or encrypted. FIRN_EXISTS: it is encrypted; or what a repair has left is
 * beside it. FIRN_CORRUPT: FIRN says that it is in clear, and its files are not. */
FIRN_MUST_CHECK int fi_rekey_change_encrypt(const struct fi_rekey *rekey, unsigned cipher,
                                            firn_error *err);
/* The other way. FIRN_INVALID: the store is in clear. */
FIRN_MUST_CHECK int fi_rekey_change_decrypt(const struct fi_rekey *rekey, firn_error *err);
/* Writes anew the files of an open store, but for its packs, that are not encrypted with its newest
 * master key, or not in clear if new files are. *out_files were to be written. progress may be
 * NULL; after a failure or a cancellation, what was written by then stays. */
FIRN_MUST_CHECK int fi_rekey_renew_files(struct firn_db *db, struct fi_storefile_progress *progress,
                                         uint64_t *out_files, firn_error *err);
struct fi_rekey_left {
    uint64_t files; /* still to be written anew, or still in use by a reader */
    uint64_t packs; /* of them */
};
/* If nothing is left: drops all master keys but the newest, or ends the change. FIRN_EXISTS: what a
 * repair has put aside is in the store, with older keys or in clear. Requires: this process does
 * not have the store open for writing. */
FIRN_MUST_CHECK int fi_rekey_change_settle(const struct fi_rekey *rekey, struct fi_rekey_left *out,
                                           firn_error *err);
/* All of it: opens the store, renews its files, closes it, and settles. */
FIRN_MUST_CHECK int fi_rekey_renew_run(const struct fi_rekey *rekey,
                                       struct fi_storefile_progress *progress, uint64_t *out_files,
                                       struct fi_rekey_left *out_left, firn_error *err);

/* ==== without a key ==== */

struct fi_rekey_leftovers {
    bool is_dry;    /* the caller's: nothing is removed */
    uint64_t files; /* that were removed, or would be; regular files alone count */
    uint64_t bytes; /* in them */
    uint64_t busy;  /* folders that a push which is running needs */
};
/* Removes from an encrypted store the files that interrupted writes have left, as far as their
 * names and the locks alone tell that nothing can need them. Nobody is asked for a key. What is
 * counted in *leftovers is added. FIRN_INVALID: the store is in clear. FIRN_DENIED: it is becoming
 * encrypted or clear. FIRN_BUSY: it is written to, or being repaired. FIRN_CORRUPT, and nothing is
 * removed: FIRN or FIRN.keys is damaged. */
FIRN_MUST_CHECK int fi_rekey_leftovers_clear(const struct fi_rekey *rekey,
                                             struct fi_rekey_leftovers *leftovers, firn_error *err);

/* The same in the folder where a push or a pull stages packs, of any store. Requires: the lock of
 * the folder, or for a pull that of the store, is held. */
FIRN_MUST_CHECK int fi_rekey_leftovers_staged(struct fi_os_dir *folder,
                                              struct fi_rekey_leftovers *leftovers,
                                              firn_error *err);

FIRN_MUST_CHECK int fi_rekey_remember(const struct fi_rekey *rekey, uint32_t seconds,
                                      firn_error *err);
/* path NULL: all. */
FIRN_MUST_CHECK int fi_rekey_forget(struct fi_os *os, const char *path, size_t *out_count,
                                    firn_error *err);

#endif
