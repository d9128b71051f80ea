/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_import.c: turns a store in a single file into a store in a directory.
 *
 * The file contains the files of a store, so they are copied out, each compared with its hash. The
 * new store is created like any other (db_create.c): FIRN.tmp, files, FIRN, and gets an identity of
 * its own. After a failure the files are removed, and the next attempt clears what is left; the
 * same holds after a power cut.
 *
 * Before anything is written, the store in the file is opened for reading: what cannot be read
 * there is not copied. So an encrypted file needs its key. Its files are copied as they are, with
 * FIRN.keys, so the new store opens with the same secret.
 */
#include "copy/copy.h"

#include <string.h>

#include "archive/archive.h"
#include "base/check.h"
#include "store/db_store_handle.h"

/* ---- the checkpoint in the file ---- */

static int
take_first(void *ctx, const struct fi_db_checkpoint_info *info)
{
    *(struct fi_db_checkpoint_info *)ctx = *info;
    return FIRN_CANCELLED;
}

static int
copy_import_inspect(struct fi_os *os, const char *file, const struct fi_unlock_source *unlock,
                    struct fi_db_checkpoint_info *out, unsigned *out_cipher, firn_error *err)
{
    const struct fi_db_options options = {
        .read_only = true, .memory_bytes = FIRN_STORE_MEMORY_MIN, .unlock = unlock};
    const struct fi_db_checkpoint_visitor visitor = {.visit = take_first, .ctx = out};
    struct firn_db *db;
    int rc = fi_db_path_open(os, file, &options, &db, err);
    if (rc == FIRN_OK) {
        *out_cipher = db->identity.cipher;
        rc = fi_db_checkpoint_list(db, &visitor, err);
        rc = rc == FIRN_CANCELLED ? FIRN_OK : rc;
        int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

/* ---- copying ---- */

/* Directories are created with their first files. */
struct target {
    struct fi_os_dir *root;
    struct fi_os_dir *inner; /* of the previous file; NULL: that was in the root */
    char name[FI_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1];
};

/* Makes the files in the directory durable. */
static int
leave_inner(struct target *target, firn_error *err)
{
    int rc = target->inner != NULL ? fi_os_dir_sync(target->inner, err) : FIRN_OK;
    fi_os_dir_close(target->inner);
    target->inner = NULL;
    target->name[0] = '\0';
    return rc;
}

static int
copy_import_enter(struct target *target, const char *path, struct fi_os_dir **out, firn_error *err)
{
    const char *slash = strchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    DCHECK((target->inner == NULL) == (target->name[0] == '\0'));
    CHECK(size < sizeof target->name);
    if (strlen(target->name) != size || strncmp(target->name, path, size) != 0) {
        FI_TRY_RETURN(leave_inner(target, err));
    }
    if (size > 0 && target->inner == NULL) {
        memcpy(target->name, path, size);
        target->name[size] = '\0';
        FI_TRY_RETURN(fi_os_make_dir(target->root, target->name, 0700, err));
        FI_TRY_RETURN(fi_os_dir_open(target->root, target->name, &target->inner, err));
    }
    *out = size > 0 ? target->inner : target->root;
    return FIRN_OK;
}

/* Refuses names that do not belong to a store. */
static int
check_path(struct fi_archive *archive, const char *path, firn_error *err)
{
    char name[FI_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1];
    const char *slash = strchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : strlen(path);
    CHECK(size < sizeof name); /* archive_format.c accepts no longer ones */
    memcpy(name, path, size);
    name[size] = '\0';
    return fi_db_create_is_data(name)
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT,
                              "'%s' is damaged: it has '%s', which is not a file of a store",
                              archive->path, path);
}

static int
copy_all(struct fi_archive *archive, struct fi_os_dir *to, struct fi_storefile_progress *progress,
         firn_error *err)
{
    struct target target = {.root = to};
    DCHECK(archive->path != NULL);
    size_t count = fi_archive_format_count(&archive->toc);
    uint64_t bytes = 0;
    int rc;
    for (size_t i = 0; i < count; i++) {
        bytes += fi_archive_format_at(&archive->toc, i)->size;
    }
    FI_TRY(fi_storefile_progress_begin(progress, "write", count, bytes, err));
    FI_TRY(fi_archive_check_begin(archive, err));
    for (size_t i = 0; i < count; i++) {
        const char *path = fi_archive_format_at(&archive->toc, i)->path;
        struct fi_os_dir *dir;
        if (strcmp(path, FI_STOREFILE_IDENTITY_NAME) == 0) {
            FI_TRY(fi_archive_check_file(archive, i, err));
            continue;
        }
        FI_TRY(check_path(archive, path, err));
        FI_TRY(copy_import_enter(&target, path, &dir, err));
        FI_TRY(fi_archive_copy_out(archive, i, dir, progress, err));
    }
    FI_TRY(leave_inner(&target, err));
    FI_TRY(fi_os_dir_sync(to, err));
out:
    fi_os_dir_close(target.inner);
    return rc;
}

/* ---- the store ---- */

static int
copy_import_fill(struct fi_archive *archive, unsigned cipher, struct fi_os_dir *to,
                 struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_storefile_identity identity = {.cipher = cipher};
    FI_TRY_RETURN(fi_db_create_begin(to, &identity, err));
    int rc = copy_all(archive, to, progress, err);
    if (rc != FIRN_OK) {
        /* The failure may be a full disk. FIRN.tmp is removed after their removal is durable: files
         * without it would look like a store that has lost its identity. */
        if (fi_db_create_clear(to, NULL) == FIRN_OK && fi_os_dir_sync(to, NULL) == FIRN_OK) {
            FI_IGNORE(fi_os_remove_file(to, FI_STOREFILE_IDENTITY_TMP_NAME, NULL));
        }
        return rc;
    }
    return fi_db_create_end(to, err);
}

static int
import_into(struct fi_archive *archive, unsigned cipher, struct fi_os_dir *to,
            struct fi_storefile_progress *progress, firn_error *err)
{
    struct fi_storefile_lock *lock = NULL;
    int rc;
    FI_TRY(fi_db_create_may(to, err));
    FI_TRY(fi_storefile_lock_acquire(to, 0, &lock, err));
    FI_TRY(fi_db_create_may(to, err));
    FI_TRY(copy_import_fill(archive, cipher, to, progress, err));
out:
    fi_storefile_lock_release(lock);
    return rc;
}

int
fi_copy_import(struct fi_os *os, const char *file, const char *path,
               const struct fi_unlock_source *unlock, struct fi_storefile_progress *progress,
               struct fi_db_checkpoint_info *out, firn_error *err)
{
    struct fi_archive *archive = NULL;
    struct fi_os_dir *to = NULL;
    unsigned cipher = 0;
    int rc;
    *out = (struct fi_db_checkpoint_info){0};
    FI_TRY(fi_archive_open(os, file, &archive, err));
    FI_TRY(copy_import_inspect(os, file, unlock, out, &cipher, err));
    FI_TRY(fi_db_path_make(os, path, &to, err));
    FI_TRY(import_into(archive, cipher, to, progress, err));
out:
    fi_os_dir_close(to);
    fi_archive_close(archive);
    return rc;
}
