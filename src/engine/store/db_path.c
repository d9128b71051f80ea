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

#include "archive/archive.h"
#include "base/mem.h"
#include "unlock/unlock.h"

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
make_dir(struct fi_os *os, const char *path, firn_error *err)
{
    struct fi_os_dir *parent = NULL;
    const char *parent_path = NULL;
    const char *name = NULL;
    int rc;
    char *text = fi_strdup(path);
    if (text == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    if (!cut_path(text, &parent_path, &name)) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "there is no directory '%s'", path);
        goto out;
    }
    FI_TRY(fi_os_dir_open_path(os, parent_path, &parent, err));
    rc = fi_os_make_dir(parent, name, 0700, err);
    if (rc == FIRN_EXISTS) {
        /* Created by another process meanwhile, or no directory: opening it will report that. */
        rc = FIRN_OK;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_sync(parent, err));
out:
    fi_os_dir_close(parent);
    fi_free(text);
    return rc;
}

int
fi_db_path_make(struct fi_os *os, const char *path, struct fi_os_dir **out, firn_error *err)
{
    int rc = fi_os_dir_open_path(os, path, out, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = make_dir(os, path, err);
        rc = rc == FIRN_OK ? fi_os_dir_open_path(os, path, out, err) : rc;
    }
    return rc;
}

static int
refuse_writing(const char *path, firn_error *err)
{
    return fi_error_set(err, FIRN_READ_ONLY,
                        "'%s' is an exported checkpoint, which cannot be changed; a store into "
                        "which it is imported can",
                        path);
}

static int
open_archive(struct fi_os *os, const char *path, const struct fi_db_options *options,
             struct firn_db **out, firn_error *err)
{
    struct fi_db_options own = *options;
    struct fi_unlock_source unlock = {.get = NULL};
    struct fi_archive *archive = NULL;
    struct fi_os_dir *dir = NULL;
    int rc;
    /* What is in the file has no environment. */
    unlock = options->unlock != NULL ? *options->unlock : unlock;
    unlock.os = os;
    own.unlock = &unlock;
    FI_TRY(fi_archive_open(os, path, &archive, err));
    FI_TRY(options->read_only ? FIRN_OK : refuse_writing(path, err));
    FI_TRY(fi_os_dir_open_path(archive->os, path, &dir, err));
    FI_TRY(fi_db_open_owned(dir, &own, out, err));
    (*out)->archive = archive;
    archive = NULL;
out:
    fi_archive_close(archive);
    return rc;
}

int
fi_db_path_open_dir(struct fi_os *os, const char *path, struct fi_archive **out_archive,
                    struct fi_os_dir **out, firn_error *err)
{
    firn_error found;
    *out_archive = NULL;
    int rc = fi_os_dir_open_path(os, path, out, &found);
    if (rc == FIRN_OK) {
        return rc;
    }
    if (!fi_archive_is_file(os, path)) {
        fi_error_copy(err, &found);
        return rc;
    }
    FI_TRY_RETURN(fi_archive_open(os, path, out_archive, err));
    rc = fi_os_dir_open_path((*out_archive)->os, path, out, err);
    if (rc != FIRN_OK) {
        fi_archive_close(*out_archive);
        *out_archive = NULL;
    }
    return rc;
}

int
fi_db_path_refuse_repair(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, "REPAIRING", &stat, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK
           : rc != FIRN_OK      ? rc
                                : fi_error_set(err, FIRN_BUSY, "the store '%s' is being repaired",
                                               fi_os_dir_path(dir));
}

int
fi_db_path_open(struct fi_os *os, const char *path, const struct fi_db_options *options,
                struct firn_db **out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    firn_error found;
    int rc;
    *out = NULL;
    bool may_make = options->create_if_missing && !options->read_only;
    rc = may_make ? fi_db_path_make(os, path, &dir, &found)
                  : fi_os_dir_open_path(os, path, &dir, &found);
    if (rc == FIRN_OK) {
        rc = options->prepare != NULL ? options->prepare(dir, options, err) : FIRN_OK;
        if (rc != FIRN_OK) {
            fi_os_dir_close(dir);
            return rc;
        }
        return fi_db_open_owned(dir, options, out, err);
    }
    if (fi_archive_is_file(os, path)) {
        return open_archive(os, path, options, out, err);
    }
    fi_error_copy(err, &found);
    return rc;
}

/* ---- destroying ---- */

/* Refuses a directory that is no store, or more than one. FIRN.tmp alone is an unfinished
 * destruction. */
static int
check_destroyable(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_db_create_survey survey;
    struct fi_os_stat stat;
    bool is_read = false;
    int rc;
    FI_TRY(fi_db_create_inspect(dir, &survey, err));
    if (!survey.has_identity && !survey.is_unfinished) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "there is no firn store in '%s'",
                          fi_os_dir_path(dir));
        goto out;
    }
    rc = fi_os_stat(dir, FI_STOREFILE_PACKS_NAME, &stat, NULL);
    if (rc == FIRN_OK) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "the store in '%s' has the checkpoints of directories; 'firn "
                          "workspaces' removes these",
                          fi_os_dir_path(dir));
        goto out;
    }
    rc = FIRN_OK;
    if (survey.has_identity) {
        FI_TRY(fi_db_reader_is_any(dir, &is_read, err));
    }
    if (is_read) {
        rc = fi_error_set(err, FIRN_BUSY, "the store in '%s' is being read", fi_os_dir_path(dir));
    }
out:
    return rc;
}

static int
remove_if_there(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    firn_error found;
    int rc = fi_os_remove_file(dir, name, &found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && err != NULL) {
        *err = found;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Keeps a directory that contains anything else, and one that was reached by a link. */
static void
remove_own_dir(struct fi_os *os, const char *path)
{
    struct fi_os_dir *parent = NULL;
    const char *parent_path = NULL;
    const char *name = NULL;
    char *text = fi_strdup(path);
    if (text != NULL && cut_path(text, &parent_path, &name) &&
        fi_os_dir_open_path(os, parent_path, &parent, NULL) == FIRN_OK &&
        fi_os_remove_dir(parent, name, NULL) == FIRN_OK) {
        FI_IGNORE(fi_os_dir_sync(parent, NULL));
    }
    fi_os_dir_close(parent);
    fi_free(text);
}

/* Reverses the creation: from the rename on this is an unfinished one (db_create.c), which after a
 * crash the next destruction, or the next creation here, clears. LOCK is removed last, while it is
 * held. */
int
fi_db_path_destroy(struct fi_os *os, const char *path, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_storefile_lock *lock = NULL;
    firn_error found;
    int rc;
    FI_TRY(fi_os_dir_open_path(os, path, &dir, err));
    FI_TRY(check_destroyable(dir, err));
    FI_TRY(fi_storefile_lock_acquire(dir, 0, &lock, err));
    FI_TRY(check_destroyable(dir, err));
    rc = fi_os_rename(dir, FI_STOREFILE_IDENTITY_NAME, dir, FI_STOREFILE_IDENTITY_TMP_NAME,
                      FI_OS_RENAME_REPLACE, &found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &found);
        goto out;
    }
    /* After a crash both names may lead to one file, and a rename of those does nothing. */
    FI_TRY(remove_if_there(dir, FI_STOREFILE_IDENTITY_NAME, err));
    FI_TRY(fi_os_dir_sync(dir, err));
    FI_TRY(fi_db_create_clear(dir, err));
    FI_TRY(remove_if_there(dir, FI_STOREFILE_RESERVE_NAME, err));
    FI_TRY(fi_os_dir_sync(dir, err)); /* files without FIRN.tmp would look like a damaged store */
    FI_TRY(remove_if_there(dir, FI_STOREFILE_IDENTITY_TMP_NAME, err));
    FI_TRY(remove_if_there(dir, FI_STOREFILE_LOCK_NAME, err));
    FI_TRY(fi_os_dir_sync(dir, err));
    remove_own_dir(os, path);
out:
    fi_storefile_lock_release(lock);
    fi_os_dir_close(dir);
    return rc;
}
