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
 * there is not copied.
 */
#include "copy/copy.h"

#include <string.h>

#include "base/check.h"
#include "store/db_store_handle.h"
#include "storefile/archive.h"

/* ---- the checkpoint in the file ---- */

static int
take_first(void *ctx, const struct firn_db_checkpoint_info *info)
{
    *(struct firn_db_checkpoint_info *)ctx = *info;
    return FIRN_CANCELLED;
}

static int
look(struct firn_os *os, const char *file, struct firn_db_checkpoint_info *out, firn_error *err)
{
    const struct firn_db_options options = {.read_only = true,
                                            .memory_bytes = FIRN_STORE_MEMORY_MIN};
    const struct firn_db_checkpoint_visitor visitor = {.visit = take_first, .ctx = out};
    struct firn_db *db;
    int rc = firn_db_path_open(os, file, &options, &db, err);
    if (rc == FIRN_OK) {
        rc = firn_db_checkpoint_list(db, &visitor, err);
        rc = rc == FIRN_CANCELLED ? FIRN_OK : rc;
        int close_rc = firn_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}

/* ---- copying ---- */

/* Directories are created with their first files. */
struct target {
    struct firn_os_dir *root;
    struct firn_os_dir *inner; /* of the previous file; NULL: that was in the root */
    char name[FIRN_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1];
};

/* Makes the files in the directory durable. */
static int
leave_inner(struct target *target, firn_error *err)
{
    int rc = target->inner != NULL ? firn_os_dir_sync(target->inner, err) : FIRN_OK;
    firn_os_dir_close(target->inner);
    target->inner = NULL;
    target->name[0] = '\0';
    return rc;
}

static int
enter(struct target *target, const char *path, struct firn_os_dir **out, firn_error *err)
{
    const char *slash = strchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    DCHECK((target->inner == NULL) == (target->name[0] == '\0'));
    CHECK(size < sizeof target->name);
    if (strlen(target->name) != size || strncmp(target->name, path, size) != 0) {
        FIRN_TRY_RETURN(leave_inner(target, err));
    }
    if (size > 0 && target->inner == NULL) {
        memcpy(target->name, path, size);
        target->name[size] = '\0';
        FIRN_TRY_RETURN(firn_os_make_dir(target->root, target->name, 0700, err));
        FIRN_TRY_RETURN(firn_os_dir_open(target->root, target->name, &target->inner, err));
    }
    *out = size > 0 ? target->inner : target->root;
    return FIRN_OK;
}

/* Refuses names that do not belong to a store. */
static int
check_path(struct firn_archive *archive, const char *path, firn_error *err)
{
    char name[FIRN_ARCHIVE_FORMAT_NAME_SIZE_MAX + 1];
    const char *slash = strchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : strlen(path);
    CHECK(size < sizeof name); /* archive_format.c accepts no longer ones */
    memcpy(name, path, size);
    name[size] = '\0';
    return firn_db_create_is_data(name)
               ? FIRN_OK
               : firn_error_set(err, FIRN_CORRUPT,
                                "'%s' is damaged: it has '%s', which is not a file of a store",
                                archive->path, path);
}

static int
copy_all(struct firn_archive *archive, struct firn_os_dir *to,
         struct firn_storefile_progress *progress, firn_error *err)
{
    struct target target = {.root = to};
    DCHECK(archive->path != NULL);
    size_t count = firn_archive_format_count(&archive->toc);
    uint64_t bytes = 0;
    int rc;
    for (size_t i = 0; i < count; i++) {
        bytes += firn_archive_format_at(&archive->toc, i)->size;
    }
    FIRN_TRY(firn_storefile_progress_begin(progress, "write", count, bytes, err));
    FIRN_TRY(firn_archive_check_begin(archive, err));
    for (size_t i = 0; i < count; i++) {
        const char *path = firn_archive_format_at(&archive->toc, i)->path;
        struct firn_os_dir *dir;
        if (strcmp(path, FIRN_STOREFILE_IDENTITY_NAME) == 0) {
            FIRN_TRY(firn_archive_check_file(archive, i, err));
            continue;
        }
        FIRN_TRY(check_path(archive, path, err));
        FIRN_TRY(enter(&target, path, &dir, err));
        FIRN_TRY(firn_archive_copy_out(archive, i, dir, progress, err));
    }
    FIRN_TRY(leave_inner(&target, err));
    FIRN_TRY(firn_os_dir_sync(to, err));
out:
    firn_os_dir_close(target.inner);
    return rc;
}

/* ---- the store ---- */

static int
fill(struct firn_archive *archive, struct firn_os_dir *to, struct firn_storefile_progress *progress,
     firn_error *err)
{
    struct firn_storefile_identity identity;
    FIRN_TRY_RETURN(firn_db_create_begin(to, &identity, err));
    int rc = copy_all(archive, to, progress, err);
    if (rc != FIRN_OK) {
        /* The failure may be a full disk. FIRN.tmp is removed after their removal is durable: files
         * without it would look like a store that has lost its identity. */
        if (firn_db_create_clear(to, NULL) == FIRN_OK && firn_os_dir_sync(to, NULL) == FIRN_OK) {
            FIRN_IGNORE(firn_os_remove_file(to, FIRN_STOREFILE_IDENTITY_TMP_NAME, NULL));
        }
        return rc;
    }
    return firn_db_create_end(to, err);
}

static int
import_into(struct firn_archive *archive, struct firn_os_dir *to,
            struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_storefile_lock *lock = NULL;
    int rc;
    FIRN_TRY(firn_db_create_may(to, err));
    FIRN_TRY(firn_storefile_lock_acquire(to, 0, &lock, err));
    FIRN_TRY(firn_db_create_may(to, err));
    FIRN_TRY(fill(archive, to, progress, err));
out:
    firn_storefile_lock_release(lock);
    return rc;
}

int
firn_copy_import(struct firn_os *os, const char *file, const char *path,
                 struct firn_storefile_progress *progress, struct firn_db_checkpoint_info *out,
                 firn_error *err)
{
    struct firn_archive *archive = NULL;
    struct firn_os_dir *to = NULL;
    int rc;
    *out = (struct firn_db_checkpoint_info){0};
    FIRN_TRY(firn_archive_open(os, file, &archive, err));
    FIRN_TRY(look(os, file, out, err));
    FIRN_TRY(firn_db_path_make(os, path, &to, err));
    FIRN_TRY(import_into(archive, to, progress, err));
out:
    firn_os_dir_close(to);
    firn_archive_close(archive);
    return rc;
}
