/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_inside.c: whether a directory is a store, or has one inside.
 *
 * A store inside a tree is the directory ".firn" in the root. Another user may have put one there,
 * in a directory that several users share: it does not count. Who made a store that counts, and
 * whether it is used, is for trust_store.c.
 *
 * A directory that this user may not read may be a store, as stores are private, and counts as one.
 * Other failures are errors: a store that is taken for missing would get a second history.
 *
 * Such a store holds a copy of everything that was saved, so git must not take it in: the file
 * .gitignore in it says so. One that is there stays as it is, also one that the user has changed.
 * It is not synced: if it is empty after a crash, it is written again (I2).
 *
 * To look, nothing is opened but directories, and nothing is followed below the directory that is
 * given (I1; not checked: fi_os_stat and fi_os_dir_open do not follow).
 */
#include "base/check.h"
#include "trust/trust.h"

static int
has_entry(struct fi_os_dir *dir, const char *name, bool *out, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_trust_inside_is_store(struct fi_os_dir *dir, bool *out, firn_error *err)
{
    int rc = has_entry(dir, "FIRN", out, err);
    return rc == FIRN_OK && !*out ? has_entry(dir, "packs", out, err) : rc;
}

int
fi_trust_inside_holds(struct fi_os_dir *parent, bool *out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat root;
    struct fi_os_stat stat;
    *out = false;
    int rc = fi_os_stat(parent, FI_TRUST_INSIDE, &stat, err);
    if (rc != FIRN_OK || stat.kind != FI_OS_DIR) {
        return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    FI_TRY(fi_os_dir_stat(parent, &root, err));
    if (stat.uid != fi_os_user_id(fi_os_dir_os(parent)) && stat.uid != root.uid && stat.uid != 0) {
        goto out; /* another user has put it there */
    }
    rc = fi_os_dir_open(parent, FI_TRUST_INSIDE, &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_trust_inside_is_store(dir, out, err);
    }
    if (rc == FIRN_DENIED) { /* private, as stores are */
        *out = true;
        rc = FIRN_OK;
    } else if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
    }
out:
    fi_os_dir_close(dir);
    return rc;
}

int
fi_trust_inside_ignore(struct fi_os_dir *store, bool *out_made, firn_error *err)
{
    static const char name[] = ".gitignore";
    static const char text[] = "*\n";
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    *out_made = false;
    int rc = fi_os_stat(store, name, &stat, err);
    if (rc == FIRN_OK && (stat.kind != FI_OS_FILE || stat.size_bytes > 0)) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    unsigned flags = rc == FIRN_OK ? FI_OS_WRITE /* (I2) */
                                   : FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE |
                                         FI_OS_FOR_OWNER | FI_OS_CLEAR;
    FI_TRY(fi_os_file_open(store, name, flags, 0600, &file, err));
    FI_TRY(fi_os_file_write(file, 0, text, sizeof text - 1, err));
    *out_made = true;
out:
    fi_os_file_close(file);
    return rc;
}
