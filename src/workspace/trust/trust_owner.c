/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_owner.c: whether another user may have written a store.
 *
 * What a store says about files is believed only as far as its author might have said it. A store
 * is this user's own if its directory, the file FIRN and whatever else is directly in the directory
 * belong to this user, and neither a group nor everybody may write to any of these. If others
 * cannot enter the directory (as firn makes it, 0700), only the directory and FIRN are looked at:
 * whoever could once write there could have put the others in as this user's.
 *
 * A store that is not own may be used where this user names it: a group may share one, and root may
 * work on another user's. But nothing from it grants rights (checkout_stage.c), and what its
 * catalog says about directories does not count (place_claim.c). A store that everybody may write
 * to is refused, as nobody can say whose it is.
 *
 * Databases (firn_store_open) are not asked here: their programs decide who shares them, and no
 * file outside of them depends on what they contain.
 *
 * (I1) What cannot be looked at is not own.
 */
#include "base/check.h"
#include "trust/trust.h"

enum { MODE_OTHERS_WRITE = 022, MODE_ALL_WRITE = 02, MODE_OTHERS_ENTER = 011 };

struct finding {
    struct fi_os_dir *dir;
    uint32_t user;
    bool is_own;
    firn_error *err;
};

static bool
is_private(const struct fi_os_stat *stat, uint32_t user)
{
    /* The mode of a link says nothing, and nothing follows it; that of a socket (of a watch) is
     * about who may connect. */
    bool has_mode = stat->kind != FI_OS_SYMLINK && stat->kind != FI_OS_SOCKET;
    return stat->uid == user && (!has_mode || (stat->mode & MODE_OTHERS_WRITE) == 0);
}

static int
inspect_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct finding *finding = ctx;
    struct fi_os_stat stat;
    int rc = fi_os_stat(finding->dir, entry->name, &stat, finding->err);
    if (rc == FIRN_NOT_FOUND) { /* removed meanwhile, as logs are */
        return FIRN_OK;
    }
    finding->is_own = rc == FIRN_OK && is_private(&stat, finding->user);
    return rc == FIRN_OK && !finding->is_own ? fi_error_set(finding->err, FIRN_CANCELLED, "not own")
                                             : rc;
}

int
fi_trust_owner_is_own(struct fi_os_dir *store, bool *out, firn_error *err)
{
    struct finding finding = {.dir = store, .user = fi_os_user_id(fi_os_dir_os(store)), .err = err};
    struct fi_os_stat stat;
    int rc;
    *out = false;
    FI_TRY(fi_os_dir_stat(store, &stat, err));
    if (!is_private(&stat, finding.user)) {
        goto out;
    }
    bool is_entered = (stat.mode & MODE_OTHERS_ENTER) != 0;
    rc = fi_os_stat(store, FI_STOREFILE_IDENTITY_NAME, &stat, err);
    finding.is_own = rc == FIRN_NOT_FOUND || (rc == FIRN_OK && is_private(&stat, finding.user));
    rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it is about to be made */
    if (rc == FIRN_OK && finding.is_own && is_entered) {
        rc = fi_os_dir_list(store, inspect_entry, &finding, err);
        rc = rc == FIRN_CANCELLED && !finding.is_own ? FIRN_OK : rc;
    }
    *out = rc == FIRN_OK && finding.is_own;
out:
    DCHECK(rc == FIRN_OK || !*out); /* (I1) */
    return rc;
}

int
fi_trust_owner_check(struct fi_os_dir *store, firn_error *err)
{
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_dir_stat(store, &stat, err));
    bool is_open = (stat.mode & MODE_ALL_WRITE) != 0;
    if (!is_open) {
        rc = fi_os_stat(store, FI_STOREFILE_IDENTITY_NAME, &stat, err);
        is_open = rc == FIRN_OK && (stat.mode & MODE_ALL_WRITE) != 0 && stat.kind == FI_OS_FILE;
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (rc == FIRN_OK && is_open) {
        rc = fi_error_set(err, FIRN_UNTRUSTED,
                          "'%.600s' is a store that everybody may write to: it is not used; make "
                          "it private first (chmod -R o= on it)",
                          fi_os_dir_path(store));
    }
out:
    return rc;
}
