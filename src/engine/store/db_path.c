/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_path.c: opening a store by the path of its directory.
 *
 * Only the last component of a path is ever created, with mode 0700: a store is private to its
 * user. The new name is made durable in its parent before the store is created inside. So no commit
 * can be acknowledged in a directory that a power cut removes as a whole.
 *
 * A path may also lead to a file: an exported store (archive.h), which can only be read.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include <string.h>

#include "base/mem.h"
#include "storefile/archive.h"

/* Cuts "a/b/c///" into "a/b/" and "c"; false if there is no last component that could be created.
 * Both results point into text, which is modified. */
static bool
cut_path(char *text, const char **out_parent, const char **out_name)
{
    size_t size = strlen(text);
    while (size > 1 && text[size - 1] == '/') {
        size--;
    }
    text[size] = '\0';
    char *slash = strrchr(text, '/');
    const char *name = slash == NULL ? text : slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    DCHECK(strchr(name, '/') == NULL);
    *out_name = name;
    *out_parent = ".";
    if (slash == text) {
        *out_parent = "/";
    } else if (slash != NULL) {
        *slash = '\0';
        *out_parent = text;
    }
    return true;
}

static int
make_dir(struct firn_os *os, const char *path, firn_error *err)
{
    struct firn_os_dir *parent = NULL;
    const char *parent_path = NULL;
    const char *name = NULL;
    int rc;
    char *text = firn_strdup(path);
    if (text == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    if (!cut_path(text, &parent_path, &name)) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "there is no directory '%s'", path);
        goto out;
    }
    FIRN_TRY(firn_os_dir_open_path(os, parent_path, &parent, err));
    rc = firn_os_make_dir(parent, name, 0700, err);
    if (rc == FIRN_EXISTS) {
        /* Created by another process meanwhile, or no directory: opening it will report that. */
        rc = FIRN_OK;
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_os_dir_sync(parent, err));
out:
    firn_os_dir_close(parent);
    firn_free(text);
    return rc;
}

int
firn_db_path_make(struct firn_os *os, const char *path, struct firn_os_dir **out, firn_error *err)
{
    int rc = firn_os_dir_open_path(os, path, out, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = make_dir(os, path, err);
        rc = rc == FIRN_OK ? firn_os_dir_open_path(os, path, out, err) : rc;
    }
    return rc;
}

static int
refuse_writing(const char *path, firn_error *err)
{
    return firn_error_set(err, FIRN_READ_ONLY,
                          "'%s' is an exported checkpoint, which cannot be changed; a store into "
                          "which it is imported can",
                          path);
}

static int
open_archive(struct firn_os *os, const char *path, const struct firn_db_options *options,
             struct firn_db **out, firn_error *err)
{
    struct firn_archive *archive = NULL;
    struct firn_os_dir *dir = NULL;
    int rc;
    FIRN_TRY(firn_archive_open(os, path, &archive, err));
    FIRN_TRY(options->read_only ? FIRN_OK : refuse_writing(path, err));
    FIRN_TRY(firn_os_dir_open_path(archive->os, path, &dir, err));
    FIRN_TRY(firn_db_open_owned(dir, options, out, err));
    (*out)->archive = archive;
    archive = NULL;
out:
    firn_archive_close(archive);
    return rc;
}

int
firn_db_path_open(struct firn_os *os, const char *path, const struct firn_db_options *options,
                  struct firn_db **out, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    firn_error found;
    int rc;
    *out = NULL;
    bool may_make = options->create_if_missing && !options->read_only;
    rc = may_make ? firn_db_path_make(os, path, &dir, &found)
                  : firn_os_dir_open_path(os, path, &dir, &found);
    if (rc == FIRN_OK) {
        rc = options->prepare != NULL ? options->prepare(dir, options, err) : FIRN_OK;
        if (rc != FIRN_OK) {
            firn_os_dir_close(dir);
            return rc;
        }
        return firn_db_open_owned(dir, options, out, err);
    }
    if (firn_archive_is_file(os, path)) {
        return open_archive(os, path, options, out, err);
    }
    firn_error_copy(err, &found);
    return rc;
}

/* ---- destroying ---- */

/* Refuses a directory that is no store, or more than one. FIRN.tmp alone is an unfinished
 * destruction. */
static int
check_destroyable(struct firn_os_dir *dir, firn_error *err)
{
    struct firn_db_create_survey survey;
    struct firn_os_stat stat;
    bool is_read = false;
    int rc;
    FIRN_TRY(firn_db_create_look(dir, &survey, err));
    if (!survey.has_identity && !survey.is_unfinished) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "there is no firn store in '%s'",
                            firn_os_dir_path(dir));
        goto out;
    }
    rc = firn_os_stat(dir, FIRN_STOREFILE_PACKS_NAME, &stat, NULL);
    if (rc == FIRN_OK) {
        rc = firn_error_set(err, FIRN_INVALID,
                            "the store in '%s' has the checkpoints of directories; 'firn "
                            "workspaces' removes these",
                            firn_os_dir_path(dir));
        goto out;
    }
    rc = FIRN_OK;
    if (survey.has_identity) {
        FIRN_TRY(firn_db_reader_is_any(dir, &is_read, err));
    }
    if (is_read) {
        rc = firn_error_set(err, FIRN_BUSY, "the store in '%s' is being read",
                            firn_os_dir_path(dir));
    }
out:
    return rc;
}

static int
remove_if_there(struct firn_os_dir *dir, const char *name, firn_error *err)
{
    firn_error found;
    int rc = firn_os_remove_file(dir, name, &found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && err != NULL) {
        *err = found;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Keeps a directory that contains anything else, and one that was reached by a link. */
static void
remove_own_dir(struct firn_os *os, const char *path)
{
    struct firn_os_dir *parent = NULL;
    const char *parent_path = NULL;
    const char *name = NULL;
    char *text = firn_strdup(path);
    if (text != NULL && cut_path(text, &parent_path, &name) &&
        firn_os_dir_open_path(os, parent_path, &parent, NULL) == FIRN_OK &&
        firn_os_remove_dir(parent, name, NULL) == FIRN_OK) {
        FIRN_IGNORE(firn_os_dir_sync(parent, NULL));
    }
    firn_os_dir_close(parent);
    firn_free(text);
}

/* Reverses the creation: from the rename on this is an unfinished one (db_create.c), which after a
 * crash the next destruction, or the next creation here, clears. LOCK is removed last, while it is
 * held. */
int
firn_db_path_destroy(struct firn_os *os, const char *path, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    struct firn_storefile_lock *lock = NULL;
    firn_error found;
    int rc;
    FIRN_TRY(firn_os_dir_open_path(os, path, &dir, err));
    FIRN_TRY(check_destroyable(dir, err));
    FIRN_TRY(firn_storefile_lock_acquire(dir, 0, &lock, err));
    FIRN_TRY(check_destroyable(dir, err));
    rc = firn_os_rename(dir, FIRN_STOREFILE_IDENTITY_NAME, dir, FIRN_STOREFILE_IDENTITY_TMP_NAME,
                        FIRN_OS_RENAME_REPLACE, &found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        firn_error_copy(err, &found);
        goto out;
    }
    /* After a crash both names may lead to one file, and a rename of those does nothing. */
    FIRN_TRY(remove_if_there(dir, FIRN_STOREFILE_IDENTITY_NAME, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
    FIRN_TRY(firn_db_create_clear(dir, err));
    FIRN_TRY(remove_if_there(dir, FIRN_STOREFILE_RESERVE_NAME, err));
    FIRN_TRY(
        firn_os_dir_sync(dir, err)); /* files without FIRN.tmp would look like a damaged store */
    FIRN_TRY(remove_if_there(dir, FIRN_STOREFILE_IDENTITY_TMP_NAME, err));
    FIRN_TRY(remove_if_there(dir, FIRN_STOREFILE_LOCK_NAME, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
    remove_own_dir(os, path);
out:
    firn_storefile_lock_release(lock);
    firn_os_dir_close(dir);
    return rc;
}
