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
 * given (I1; not checked: firn_os_stat and firn_os_dir_open do not follow).
 */
#include "base/check.h"
#include "trust/trust.h"

static int
has_entry(struct firn_os_dir *dir, const char *name, bool *out, firn_error *err)
{
    struct firn_os_stat stat;
    int rc = firn_os_stat(dir, name, &stat, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_trust_inside_is_store(struct firn_os_dir *dir, bool *out, firn_error *err)
{
    int rc = has_entry(dir, "FIRN", out, err);
    return rc == FIRN_OK && !*out ? has_entry(dir, "packs", out, err) : rc;
}

int
firn_trust_inside_holds(struct firn_os_dir *parent, bool *out, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    struct firn_os_stat root;
    struct firn_os_stat stat;
    *out = false;
    int rc = firn_os_stat(parent, FIRN_TRUST_INSIDE, &stat, err);
    if (rc != FIRN_OK || stat.kind != FIRN_OS_DIR) {
        return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
    }
    FIRN_TRY(firn_os_dir_stat(parent, &root, err));
    if (stat.uid != firn_os_user_id(firn_os_dir_os(parent)) && stat.uid != root.uid &&
        stat.uid != 0) {
        goto out; /* another user has put it there */
    }
    rc = firn_os_dir_open(parent, FIRN_TRUST_INSIDE, &dir, err);
    if (rc == FIRN_OK) {
        rc = firn_trust_inside_is_store(dir, out, err);
    }
    if (rc == FIRN_DENIED) { /* private, as stores are */
        *out = true;
        rc = FIRN_OK;
    } else if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
    }
out:
    firn_os_dir_close(dir);
    return rc;
}

int
firn_trust_inside_ignore(struct firn_os_dir *store, bool *out_made, firn_error *err)
{
    static const char name[] = ".gitignore";
    static const char text[] = "*\n";
    struct firn_os_file *file = NULL;
    struct firn_os_stat stat;
    *out_made = false;
    int rc = firn_os_stat(store, name, &stat, err);
    if (rc == FIRN_OK && (stat.kind != FIRN_OS_FILE || stat.size_bytes > 0)) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    unsigned flags = rc == FIRN_OK
                         ? FIRN_OS_WRITE /* (I2) */
                         : FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE | FIRN_OS_FOR_OWNER;
    FIRN_TRY(firn_os_file_open(store, name, flags, 0600, &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, text, sizeof text - 1, err));
    *out_made = true;
out:
    firn_os_file_close(file);
    return rc;
}
