/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey_leftovers.c: what interrupted writes, pushes and pulls have left in a store.
 *
 * A push stages packs in one folder of the store, a pull in another. They may be in clear, or have
 * an older key, and nothing writes them anew; nothing needs them either, as a push or a pull that
 * finds none makes its own. So they are removed before a change of keys ends. The locks of the
 * folders stay: nothing of the store is in them.
 *
 * Packs of a push that is running are left alone, and keep the change from ending. A pull that is
 * running has the store's lock, so there is none.
 *
 * Without the key of the store, the same files can be removed, and those under the temporary names
 * that writers give. Then only the name of a file tells what it is. These are all the names in a
 * store (docs/formats/store.md), and why the others stay:
 *
 *   outgoing, incoming   copies, as above
 *   runs, packs          N.row.tmp, N.pack.tmp and the like go: a file gets its own name when it is
 *                        whole, before anything names it, and no reader or repair reads it under
 *                        the other. Sorting spills to such names, too. Openings remove them. Others
 *                        stay: which of them are needed is encrypted.
 *   log, MANIFEST        N.log.tmp and wal-spare.tmp go: not a segment yet, or none any more; as
 *                        above. Segments stay: that they were given up, only the log as a whole
 *                        says, and it may be damaged.
 *   FIRN, FIRN.keys      stay, and so do FIRN.tmp and FIRN.keys.tmp: small, and of use to somebody
 *                        who has lost the others
 *   any other            stays: LOCK, RESERVE, config, .gitignore, watch-N, damaged-N, foreign-N-…
 *
 * (I1) Files are removed under the lock of the store, so no writer is making them; and those of
 *      outgoing under the lock of that folder, because a push has only that one. (Not checked: the
 *      tests hold each of them.)
 * (I2) A store whose FIRN or FIRN.keys is damaged, which is being repaired, or is becoming
 *      encrypted or clear, is left as it is. During such a change files in clear are overwritten
 *      before they are removed, which takes the keys (os/os_seal.h). (Not checked: the tests try
 *      each of these stores.)
 *
 * A restore, an undo and a deletion that were interrupted have left their journals inside of the
 * log and the runs, and staged files in the directory of the workspace: nothing of that is touched.
 */
#include <string.h>

#include "instance/db_handle.h"
#include "lsm/lsm.h"
#include "os/os_names.h"
#include "rekey/rekey_internal.h"

static bool
is_staged(const struct fi_os_dirent *entry)
{
    return strcmp(entry->name, "LOCK") != 0 && strcmp(entry->name, "WAITING") != 0;
}

static bool
is_unfinished_log(const struct fi_os_dirent *entry)
{
    return fi_os_names_end_with(entry->name, ".tmp") &&
           (fi_db_log_is_name(entry->name) || fi_lsm_is_name(entry->name));
}

static bool
is_unfinished_run(const struct fi_os_dirent *entry)
{
    return fi_os_names_end_with(entry->name, ".tmp") &&
           fi_lsm_is_run_name(entry->name, fi_db_image_kinds);
}

static bool
is_unfinished_pack(const struct fi_os_dirent *entry)
{
    const size_t digits = strspn(entry->name, "0123456789");
    return digits >= 8 && strcmp(entry->name + digits, ".pack.tmp") == 0;
}

static int
remove_file(struct fi_os_dir *dir, const char *name, struct fi_rekey_leftovers *leftovers,
            firn_error *err)
{
    struct fi_os_stat stat;
    FI_TRY_RETURN(fi_os_stat(dir, name, &stat, err));
    if (stat.kind != FI_OS_FILE) {
        return FIRN_OK; /* none of firn's, and empty if a socket */
    }
    FI_TRY_RETURN(leftovers->is_dry ? FIRN_OK : fi_os_remove_file(dir, name, err));
    leftovers->files++;
    leftovers->bytes += stat.size_bytes;
    return FIRN_OK;
}

static int
remove_files(struct fi_os_dir *dir, bool (*is_leftover)(const struct fi_os_dirent *entry),
             struct fi_rekey_leftovers *leftovers, firn_error *err)
{
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    FI_TRY(fi_os_names_list(dir, is_leftover, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(remove_file(dir, name, leftovers, err));
    }
    rc = leftovers->is_dry || names.size == 0 ? FIRN_OK : fi_os_dir_sync(dir, err);
out:
    fi_buf_deinit(&names);
    return rc;
}

int
fi_rekey_leftovers_staged(struct fi_os_dir *folder, struct fi_rekey_leftovers *leftovers,
                          firn_error *err)
{
    return remove_files(folder, is_staged, leftovers, err);
}

/* From a folder of the store, if it has that. A push has its folder locked, which is busy then; the
 * others have no such file. */
static int
remove_in(struct fi_os_dir *store, const char *folder,
          bool (*is_leftover)(const struct fi_os_dirent *entry),
          struct fi_rekey_leftovers *leftovers, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *lock = NULL;
    int rc = fi_os_dir_open(store, folder, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    rc = fi_os_file_open(dir, "LOCK", FI_OS_READ | FI_OS_WRITE, 0, &lock, err);
    rc = rc == FIRN_OK ? fi_os_file_lock(lock, FI_OS_LOCK_EXCLUSIVE, err) : rc;
    if (rc == FIRN_BUSY) {
        leftovers->busy++;
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    rc = remove_files(dir, is_leftover, leftovers, err);
out:
    fi_os_file_close(lock);
    fi_os_dir_close(dir);
    return rc;
}

int
fi_rekey_leftovers_remove(struct fi_os_dir *store, struct fi_rekey_leftovers *leftovers,
                          firn_error *err)
{
    FI_TRY_RETURN(remove_in(store, FI_STOREFILE_OUTGOING_NAME, is_staged, leftovers, err));
    return remove_in(store, FI_STOREFILE_INCOMING_NAME, is_staged, leftovers, err);
}

int
fi_rekey_leftovers_clear(const struct fi_rekey *rekey, struct fi_rekey_leftovers *leftovers,
                         firn_error *err)
{
    struct fi_rekey_changing locked;
    int rc;
    FI_TRY(fi_rekey_change_begin_locked(rekey, &locked, err)); /* (I1) */
    FI_TRY(fi_db_path_refuse_repair(locked.dir, err));         /* (I2) */
    FI_TRY(fi_db_keys_refuse_change(locked.dir, locked.keys, err));
    FI_TRY(remove_files(locked.dir, is_unfinished_log, leftovers, err));
    FI_TRY(remove_in(locked.dir, "runs", is_unfinished_run, leftovers, err));
    FI_TRY(remove_in(locked.dir, FI_STOREFILE_PACKS_NAME, is_unfinished_pack, leftovers, err));
    rc = fi_rekey_leftovers_remove(locked.dir, leftovers, err);
out:
    fi_rekey_change_end(&locked);
    return rc;
}
