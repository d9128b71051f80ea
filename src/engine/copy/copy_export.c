/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_export.c: one checkpoint as a store of its own in a single file.
 *
 * In order, in a directory of its own beside the file that is to be (storefile_scratch.c):
 *   1. a store is made, and what the checkpoint sees is copied into it (copy_view.c);
 *   2. that store gets the checkpoint too, with its number, id, time and name, so that it is found
 *      in the file under the same references;
 *   3. it is closed, and its files are moved into one file (archive_writer.h);
 *   4. the file is synced, and gets its name by a rename, which is made durable.
 * A crash leaves the old file or the new one, and perhaps the directory, which the next export to
 * the same place removes.
 *
 * The source is only read: one view is open while step 1 goes on.
 */
#include "copy/copy_export.h"

#include "base/check.h"
#include "copy/copy_view.h"
#include "os/os_user_path.h"
#include "store/db_internal.h"
#include "storefile/archive_writer.h"
#include "storefile/storefile_scratch.h"

#define STORE_NAME "store"
#define FILE_NAME "file"

/* ---- the store ---- */

/* What is exported: *out_view, and as what. */
static int
open_view(struct firn_db *db, const char *reference, struct firn_db_view **out_view,
          struct firn_db_checkpoint_info *out, firn_error *err)
{
    int rc;
    *out_view = NULL;
    if (reference != NULL) {
        rc = firn_db_checkpoint_find(db, reference, out, err);
        return rc == FIRN_OK ? firn_db_view_open_checkpoint(db, out->id, out_view, err) : rc;
    }
    *out = (struct firn_db_checkpoint_info){.number = 1};
    rc = firn_os_random(db->os, out->id, sizeof out->id, err);
    rc = rc == FIRN_OK ? firn_db_view_open(db, out_view, err) : rc;
    if (rc == FIRN_OK) {
        /* The view's own time: what is gone for it is gone in the file. */
        out->created_ns = (int64_t)((*out_view)->node.time_ms * 1000000);
    }
    return rc;
}

static int
fill_store(struct firn_db *from, const char *reference, struct firn_db *to,
           struct firn_storefile_progress *progress, struct firn_db_checkpoint_info *out,
           firn_error *err)
{
    struct firn_db_view *view;
    DCHECK(from != to && !to->is_read_only);
    int rc = open_view(from, reference, &view, out, err);
    rc = rc == FIRN_OK ? firn_copy_view(view, to, progress, err) : rc;
    rc = rc == FIRN_OK ? firn_db_checkpoint_adopt(to, out, err) : rc;
    firn_db_view_close(view);
    return rc;
}

static int
make_store(struct firn_db *from, const char *reference, struct firn_os_dir *dir,
           struct firn_storefile_progress *progress, struct firn_db_checkpoint_info *out,
           firn_error *err)
{
    const struct firn_db_options options = {.create_if_missing = true,
                                            .durability = FIRN_DURABILITY_OS,
                                            .memory_bytes = from->limits.memory,
                                            .threads = 1,
                                            .compression = from->compression};
    struct firn_db *to = NULL;
    int rc;
    FIRN_TRY(firn_db_open(dir, &options, &to, err));
    FIRN_TRY(fill_store(from, reference, to, progress, out, err));
    rc = firn_db_close(to, err);
    to = NULL;
out:
    firn_db_abandon(to);
    return rc;
}

/* ---- the file ---- */

static int
write_file(struct firn_storefile_scratch *scratch, struct firn_os_dir *store, int64_t time_ns,
           struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_file_open(scratch->dir, FILE_NAME,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_EXCLUSIVE,
                               0600, &file, err));
    FIRN_TRY(firn_archive_writer_run(store, file, time_ns, progress, err));
out:
    firn_os_file_close(file);
    return rc;
}

/* ---- all of it ---- */

/* FIRN_EXISTS, or FIRN_INVALID for what is no file. */
static int
check_target(const struct firn_os_user_path *place, const struct firn_copy_export_target *target,
             firn_error *err)
{
    struct firn_os_stat stat;
    firn_error found;
    int rc = firn_os_stat(place->dir, place->name, &stat, &found);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        return firn_error_set(err, found.code, "%s", found.text);
    }
    if (!target->replace_existing) {
        return firn_error_set(err, FIRN_EXISTS, "there is a '%s' already", target->path);
    }
    return stat.kind == FIRN_OS_FILE
               ? FIRN_OK
               : firn_error_set(err, FIRN_INVALID, "'%s' is not a file", target->path);
}

static int
put_in_place(struct firn_storefile_scratch *scratch, const struct firn_os_user_path *place,
             const struct firn_copy_export_target *target, firn_error *err)
{
    enum firn_os_rename_mode mode =
        target->replace_existing ? FIRN_OS_RENAME_REPLACE : FIRN_OS_RENAME_NO_REPLACE;
    int rc = firn_os_rename(scratch->dir, FILE_NAME, place->dir, place->name, mode, err);
    return rc == FIRN_OK ? firn_os_dir_sync(place->dir, err) : rc;
}

static int
export_in(struct firn_db *db, const char *reference, struct firn_storefile_scratch *scratch,
          struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_db_checkpoint_info info;
    struct firn_os_dir *store = NULL;
    int rc;
    DCHECK(scratch->lock != NULL);
    FIRN_TRY(firn_os_make_dir(scratch->dir, STORE_NAME, 0700, err));
    FIRN_TRY(firn_os_dir_open(scratch->dir, STORE_NAME, &store, err));
    FIRN_TRY(make_store(db, reference, store, progress, &info, err));
    FIRN_TRY(write_file(scratch, store, info.created_ns, progress, err));
out:
    firn_os_dir_close(store);
    return rc;
}

int
firn_copy_export(struct firn_db *db, const char *reference,
                 const struct firn_copy_export_target *target,
                 struct firn_storefile_progress *progress, firn_error *err)
{
    struct firn_os_user_path place = {0};
    struct firn_storefile_scratch scratch = {0};
    int rc;
    FIRN_TRY(firn_os_user_path_init(&place, target->os, target->path, err));
    FIRN_TRY(check_target(&place, target, err));
    FIRN_TRY(firn_storefile_scratch_create(&scratch, place.dir, err));
    FIRN_TRY(export_in(db, reference, &scratch, progress, err));
    FIRN_TRY(put_in_place(&scratch, &place, target, err));
out:
    firn_storefile_scratch_remove(&scratch);
    firn_os_user_path_deinit(&place);
    return rc;
}
