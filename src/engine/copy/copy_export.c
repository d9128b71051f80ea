/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_export.c: one checkpoint as a store of its own in a single file.
 *
 * In order, in a temporary directory beside the target file (copy_scratch.c):
 *   1. a store is created, and what the checkpoint sees is copied to it (copy_snapshot.c);
 *   2. that store gets the checkpoint too, with its number, id, time and name, so that the same
 *      references find it in the file;
 *   3. the store is closed, and its files are moved to one file (archive.h);
 *   4. the file is synced, and gets its name by a rename, which is made durable.
 * A crash leaves the old file or the new one, and perhaps the directory, which the next export to
 * the same place removes.
 *
 * The source is only read: one snapshot is open during step 1.
 *
 * (I1) The file of an encrypted store is in clear only if the caller has said so. Otherwise the
 *      temporary store is encrypted from its creation on, with keys of its own: the file has
 *      nothing that opens the store. (Not checked here: the temporary store has a seal.)
 */
#include "copy/copy_internal.h"

#include "archive/archive.h"
#include "base/check.h"
#include "cipher/cipher.h"
#include "os/os_user_path.h"
#include "store/db_store_handle.h"
#include "unlock/unlock.h"

#define STORE_NAME "store"
#define FILE_NAME "file"

/* ---- the store ---- */

/* Opens the snapshot to export, and sets *out to the checkpoint that it becomes. */
static int
open_snapshot(struct firn_db *db, const char *reference, struct firn_snapshot **out_snapshot,
              struct fi_db_checkpoint_info *out, firn_error *err)
{
    int rc;
    *out_snapshot = NULL;
    if (reference != NULL) {
        rc = fi_db_checkpoint_find(db, reference, out, err);
        return rc == FIRN_OK ? fi_db_snapshot_open_checkpoint(db, out->id, out_snapshot, err) : rc;
    }
    *out = (struct fi_db_checkpoint_info){.number = 1};
    rc = fi_os_random(db->os, out->id, sizeof out->id, err);
    rc = rc == FIRN_OK ? fi_db_snapshot_open(db, out_snapshot, err) : rc;
    if (rc == FIRN_OK) {
        /* The snapshot's own time: what has expired for it has expired in the file. */
        out->created_ns = (int64_t)((*out_snapshot)->node.time_ms * 1000000);
    }
    return rc;
}

static int
fill_store(struct firn_db *from, const char *reference, struct firn_db *to,
           struct fi_storefile_progress *progress, struct fi_db_checkpoint_info *out,
           firn_error *err)
{
    struct firn_snapshot *snapshot;
    DCHECK(from != to && !to->is_read_only);
    int rc = open_snapshot(from, reference, &snapshot, out, err);
    rc = rc == FIRN_OK ? fi_copy_snapshot(snapshot, to, progress, err) : rc;
    rc = rc == FIRN_OK ? fi_db_checkpoint_adopt(to, out, err) : rc;
    fi_db_snapshot_close(snapshot);
    return rc;
}

/* (I1) */
static unsigned
choose_cipher(const struct firn_db *from, const struct fi_copy_export_target *target)
{
    unsigned own = from->identity.cipher != 0 ? from->identity.cipher
                   : target->keys != NULL     ? (unsigned)FI_CIPHER_XCHACHA20_POLY1305
                                              : 0;
    return target->in_clear ? 0 : own;
}

static int
make_store(struct firn_db *from, const char *reference, struct fi_os_dir *dir,
           const struct fi_copy_export_target *target, struct fi_storefile_progress *progress,
           struct fi_db_checkpoint_info *out, firn_error *err)
{
    struct fi_unlock_source keys = {.get = NULL};
    const struct fi_db_options options = {.create_if_missing = true,
                                          .durability = FIRN_DURABILITY_OS,
                                          .memory_bytes = from->limits.memory,
                                          .threads = 1,
                                          .compression = from->compression,
                                          .new_cipher = choose_cipher(from, target),
                                          .unlock = &keys};
    struct firn_db *to = NULL;
    int rc;
    if (target->keys != NULL) {
        keys = *target->keys;
        keys.is_only = true;
    }
    keys.path = target->path;
    rc = fi_db_open(dir, &options, &to, err);
    if (rc == FIRN_DENIED && options.new_cipher != 0 && target->keys == NULL) {
        fi_error_prefix(err, "the store is encrypted, and so is an export of it, unless it is "
                             "asked for in clear");
    }
    FI_TRY(rc);
    FI_TRY(fill_store(from, reference, to, progress, out, err));
    rc = fi_db_close(to, err);
    to = NULL;
out:
    fi_db_abandon(to);
    return rc;
}

/* ---- the file ---- */

static int
write_file(struct fi_copy_scratch *scratch, struct fi_os_dir *store, int64_t time_ns,
           struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_os_file_open(scratch->dir, FILE_NAME,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE, 0600, &file,
                           err));
    FI_TRY(fi_archive_writer_run(store, file, time_ns, progress, err));
out:
    fi_os_file_close(file);
    return rc;
}

/* ---- the whole export ---- */

/* FIRN_EXISTS, or FIRN_INVALID if it is no file. */
static int
check_target(const struct fi_os_user_path *place, const struct fi_copy_export_target *target,
             firn_error *err)
{
    struct fi_os_stat stat;
    firn_error found;
    int rc = fi_os_stat(place->dir, place->name, &stat, &found);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return fi_error_set(err, found.code, "%s", found.text);
    }
    if (!target->replace_existing) {
        return fi_error_set(err, FIRN_EXISTS, "there is a '%s' already", target->path);
    }
    return stat.kind == FI_OS_FILE
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID, "'%s' is not a file", target->path);
}

/* A file that is replaced leaves its mode. */
static int
keep_mode(struct fi_copy_scratch *scratch, const struct fi_os_user_path *place, firn_error *err)
{
    struct fi_os_stat there;
    firn_error found;
    int rc = fi_os_stat(place->dir, place->name, &there, &found);
    const struct fi_os_node node = {.dir = scratch->dir, .name = FILE_NAME};
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : fi_error_set(err, rc, "%s", found.text);
    }
    return there.kind == FI_OS_FILE ? fi_os_set_mode(node, there.mode & 0777, err) : FIRN_OK;
}

static int
put_in_place(struct fi_copy_scratch *scratch, const struct fi_os_user_path *place,
             const struct fi_copy_export_target *target, firn_error *err)
{
    enum fi_os_rename_mode mode =
        target->replace_existing ? FI_OS_RENAME_REPLACE : FI_OS_RENAME_NO_REPLACE;
    int rc = target->replace_existing ? keep_mode(scratch, place, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_os_rename(scratch->dir, FILE_NAME, place->dir, place->name, mode, err);
    }
    return rc == FIRN_OK ? fi_os_dir_sync(place->dir, err) : rc;
}

static int
export_in(struct firn_db *db, const char *reference, struct fi_copy_scratch *scratch,
          const struct fi_copy_export_target *target, struct fi_storefile_progress *progress,
          firn_error *err)
{
    struct fi_db_checkpoint_info info;
    struct fi_os_dir *store = NULL;
    int rc;
    DCHECK(scratch->lock != NULL);
    FI_TRY(fi_os_make_dir(scratch->dir, STORE_NAME, 0700, err));
    FI_TRY(fi_os_dir_open(scratch->dir, STORE_NAME, &store, err));
    FI_TRY(make_store(db, reference, store, target, progress, &info, err));
    FI_TRY(write_file(scratch, store, info.created_ns, progress, err));
out:
    fi_os_dir_close(store);
    return rc;
}

int
fi_copy_export(struct firn_db *db, const char *reference,
               const struct fi_copy_export_target *target, struct fi_storefile_progress *progress,
               firn_error *err)
{
    struct fi_os_user_path place = {0};
    struct fi_copy_scratch scratch = {0};
    int rc;
    FI_TRY(fi_os_user_path_init(&place, target->os, target->path, err));
    FI_TRY(check_target(&place, target, err));
    FI_TRY(fi_copy_scratch_create(&scratch, place.dir, err));
    FI_TRY(export_in(db, reference, &scratch, target, progress, err));
    FI_TRY(put_in_place(&scratch, &place, target, err));
out:
    fi_copy_scratch_remove(&scratch);
    fi_os_user_path_deinit(&place);
    return rc;
}
