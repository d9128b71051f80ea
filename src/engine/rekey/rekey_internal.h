/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey_internal.h: what the files of the room share.
 */
#ifndef FIRN_REKEY_REKEY_INTERNAL_H
#define FIRN_REKEY_REKEY_INTERNAL_H

#include "base/buf.h"
#include "rekey/rekey.h"
#include "store/db_store_handle.h"

/* ==== rekey.c: the store while its keys are changed ==== */

/* Its directory, prepared. */
FIRN_MUST_CHECK int fi_rekey_open_dir(const struct fi_rekey *rekey, bool may_write,
                                      struct fi_os_dir **out, firn_error *err);

struct fi_rekey_changing {
    struct fi_os_dir *dir;
    struct fi_storefile_lock *lock;
    struct fi_keys *keys; /* unlocked */
};
/* Without unlocking the keys. Failures leave what fi_rekey_change_end frees. */
FIRN_MUST_CHECK int fi_rekey_change_begin_locked(const struct fi_rekey *rekey,
                                                 struct fi_rekey_changing *out, firn_error *err);
/* FIRN_INVALID: the store has no keys. Failures leave what fi_rekey_change_end frees. */
FIRN_MUST_CHECK int fi_rekey_change_begin(const struct fi_rekey *rekey,
                                          struct fi_rekey_changing *out, firn_error *err);
void fi_rekey_change_end(struct fi_rekey_changing *changing);
/* FIRN_NOT_FOUND: there is no store. */
FIRN_MUST_CHECK int fi_rekey_read_identity(struct fi_os_dir *dir, struct fi_storefile_identity *out,
                                           firn_error *err);

/* ==== rekey_renew.c ==== */

/* Files that are not encrypted with the newest key of the handle, or not in clear where new ones
 * are. */
struct fi_rekey_outdated {
    uint64_t runs; /* and files of values, and graphs */
    uint64_t packs;
    uint64_t segments;     /* of the log and of MANIFEST */
    struct fi_buf numbers; /* uint64_t, of the runs, ascending; the caller frees it */
};
/* The store, for writing. */
FIRN_MUST_CHECK int fi_rekey_renew_open(const struct fi_rekey *rekey, struct firn_db **out,
                                        firn_error *err);
/* dir: with its keys. */
FIRN_MUST_CHECK int fi_rekey_renew_find(struct fi_os_dir *dir, struct fi_rekey_outdated *out,
                                        firn_error *err);

/* ==== rekey_leftovers.c ==== */

/* Removes the packs that pushes and pulls have left in a store. Requires: the lock of the store is
 * held. */
FIRN_MUST_CHECK int fi_rekey_leftovers_remove(struct fi_os_dir *store,
                                              struct fi_rekey_leftovers *leftovers,
                                              firn_error *err);

#endif
