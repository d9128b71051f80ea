/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_seal.h: a directory below which nothing is written in clear.
 *
 * A seal is attached to a handle of a directory, and applies to every handle that is opened from
 * it. It stands for the keys of an encrypted store, which this room knows nothing of. While a
 * handle has one, fi_os_file_open makes a file only for a caller that says what its bytes are:
 * FI_OS_SEALED, encrypted by the caller; or FI_OS_CLEAR, bytes that tell nothing of what the user
 * has stored. So code that forgets the keys writes nothing, and fails in the first test that runs
 * it on an encrypted store.
 */
#ifndef FIRN_OS_OS_SEAL_H
#define FIRN_OS_OS_SEAL_H

#include "os/os.h"

/* The first member of what has the keys. */
struct fi_os_seal {
    void (*destroy)(struct fi_os_seal *seal);
    /* A file that is removed is overwritten first: it may be one in clear. Whether the old bytes
     * are gone then is the file system's and the disk's: some write to other places. */
    bool wipes;
};

/* The handle owns the seal from now on: it is destroyed with the last handle that was opened from
 * it. Requires: the handle has none, and nothing was opened from it yet. */
void fi_os_dir_set_seal(struct fi_os_dir *dir, struct fi_os_seal *seal);
/* Opens a directory below another, as fi_os_dir_open, but with a seal of its own instead of the one
 * that applies to that. seal is destroyed if this fails. */
FIRN_MUST_CHECK int fi_os_dir_open_sealed(struct fi_os_dir *parent, const char *name,
                                          struct fi_os_seal *seal, struct fi_os_dir **out,
                                          firn_error *err);
/* The seal that applies to a handle, or NULL. */
struct fi_os_seal *fi_os_dir_seal(const struct fi_os_dir *dir);

#endif
