/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey_leftovers.c: what interrupted pushes and pulls have left in a store.
 *
 * A push stages packs in one folder of the store, a pull in another. They may be in clear, or have
 * an older key, and nothing writes them anew; nothing needs them either, as a push or a pull that
 * finds none makes its own. So they are removed before a change of keys ends. The locks of the
 * folders stay: nothing of the store is in them.
 *
 * Packs of a push that is running are left alone, and keep the change from ending. A pull that is
 * running has the store's lock, so there is none.
 */
#include <string.h>

#include "os/os_names.h"
#include "rekey/rekey_internal.h"

static bool
is_staged(const struct fi_os_dirent *entry)
{
    return strcmp(entry->name, "LOCK") != 0 && strcmp(entry->name, "WAITING") != 0;
}

static int
remove_files(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    FI_TRY(fi_os_names_list(dir, is_staged, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(fi_os_remove_file(dir, name, err));
    }
    rc = fi_os_dir_sync(dir, err);
out:
    fi_buf_deinit(&names);
    return rc;
}

/* A push has its folder locked, a pull the store. *out_is_busy: a push uses it. */
static int
remove_staged(struct fi_os_dir *store, const char *folder, bool *out_is_busy, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *lock = NULL;
    *out_is_busy = false;
    int rc = fi_os_dir_open(store, folder, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    rc = fi_os_file_open(dir, "LOCK", FI_OS_READ | FI_OS_WRITE, 0, &lock, err);
    rc = rc == FIRN_OK ? fi_os_file_lock(lock, FI_OS_LOCK_EXCLUSIVE, err) : rc;
    *out_is_busy = rc == FIRN_BUSY;
    if (*out_is_busy) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    rc = remove_files(dir, err);
out:
    fi_os_file_close(lock);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_rekey_leftovers_remove(struct fi_os_dir *store, uint64_t *out_busy, firn_error *err)
{
    bool is_pushed;
    bool is_pulled;
    FI_TRY_RETURN(remove_staged(store, FI_STOREFILE_OUTGOING_NAME, &is_pushed, err));
    FI_TRY_RETURN(remove_staged(store, FI_STOREFILE_INCOMING_NAME, &is_pulled, err));
    *out_busy = (uint64_t)is_pushed + (uint64_t)is_pulled;
    return FIRN_OK;
}
