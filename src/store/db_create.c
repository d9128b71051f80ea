/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_create.c: making a store in a directory, and telling what a directory is.
 *
 * The order, under the directory's lock:
 *   1. the identity under its temporary name FIRN.tmp: written, synced, the directory synced;
 *   2. the empty log;
 *   3. FIRN.tmp renamed to FIRN, the directory synced. The store exists from the rename on. A crash
 *   before it leaves FIRN.tmp (or nothing but LOCK), and the next creation clears the leftovers and
 *   begins anew.
 *
 * (I1) A log is made only after the name FIRN.tmp is durable, and FIRN.tmp goes only by becoming
 * FIRN. So a log beside which neither lies belongs to a store whose identity was lost: its commits
 * may be somebody's only copy. Such a directory is refused as damaged, never taken for an
 * unfinished creation.
 * (I2) A directory that holds anything else is refused: a mistyped path must not turn a user's
 *   directory into a store.
 */
#include "store/db_internal.h"

#include <string.h>

static int
survey_entry(void *ctx, const struct firn_os_dirent *entry)
{
    struct firn_db_create_survey *survey = ctx;
    if (strcmp(entry->name, FIRN_DB_FORMAT_IDENTITY_NAME) == 0) {
        survey->has_identity = true;
    } else if (strcmp(entry->name, FIRN_DB_FORMAT_IDENTITY_TMP_NAME) == 0) {
        survey->is_unfinished = true;
    } else if (firn_db_log_is_name(entry->name)) {
        survey->has_log = true;
    } else if (strcmp(entry->name, FIRN_DB_FORMAT_LOCK_NAME) != 0 && survey->other[0] == '\0') {
        size_t size = entry->name_size < sizeof survey->other - 1 ? entry->name_size
                                                                  : sizeof survey->other - 1;
        memcpy(survey->other, entry->name, size);
        survey->other[size] = '\0';
    }
    return FIRN_OK;
}

int
firn_db_create_look(struct firn_os_dir *dir, struct firn_db_create_survey *out, firn_error *err)
{
    /* A handle of its own: others may be listing the caller's. */
    struct firn_os_dir *own;
    memset(out, 0, sizeof *out);
    int rc = firn_os_dir_open_beneath(dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = firn_os_dir_list(own, survey_entry, out, err);
        firn_os_dir_close(own);
    }
    return rc;
}

int
firn_db_create_allowed(struct firn_os_dir *dir, const struct firn_db_create_survey *survey,
                       firn_error *err)
{
    const char *path = firn_os_dir_path(dir);
    if (survey->has_log && !survey->is_unfinished) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s/%s' is missing, but the log of a store lies beside it", path,
                              FIRN_DB_FORMAT_IDENTITY_NAME);
    }
    if (survey->other[0] != '\0') {
        return firn_error_set(err, FIRN_INVALID,
                              "'%s' is not a firn store and not empty (it holds '%s')", path,
                              survey->other);
    }
    return FIRN_OK;
}

int
firn_db_create_read_identity(struct firn_os_dir *dir, struct firn_db_format_identity *out,
                             firn_error *err)
{
    struct firn_os_file *file = NULL;
    uint8_t bytes[FIRN_DB_FORMAT_IDENTITY_SIZE + 1]; /* one more, to see that it is too long */
    size_t size;
    int rc;
    FIRN_TRY(firn_os_file_open(dir, FIRN_DB_FORMAT_IDENTITY_NAME, FIRN_OS_READ, 0, &file, err));
    FIRN_TRY(firn_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    FIRN_TRY(
        firn_db_format_get_identity(firn_bytes(bytes, size), firn_os_file_path(file), out, err));
out:
    firn_os_file_close(file);
    return rc;
}

struct clearing {
    struct firn_os_dir *dir;
    firn_error *err;
    char name[256]; /* one that is to go; "" if there is none */
};

static int
find_log_file(void *ctx, const struct firn_os_dirent *entry)
{
    struct clearing *clearing = ctx;
    if (firn_db_log_is_name(entry->name) && entry->name_size < sizeof clearing->name) {
        memcpy(clearing->name, entry->name, entry->name_size + 1);
        return FIRN_CANCELLED;
    }
    return FIRN_OK;
}

/* Removes the log of an unfinished creation. The directory is listed anew after each removal:
 * there is one file, as a rule, and what a listing shows of names removed meanwhile is not told. */
static int
clear_log(struct firn_os_dir *dir, firn_error *err)
{
    for (;;) {
        struct clearing clearing = {.dir = dir};
        int rc = firn_os_dir_list(dir, find_log_file, &clearing, err);
        if (clearing.name[0] == '\0') {
            return rc;
        }
        rc = firn_os_remove_file(dir, clearing.name, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
}

static int
write_identity(struct firn_os_dir *dir, struct firn_db_format_identity *identity, firn_error *err)
{
    struct firn_os *os = firn_os_dir_os(dir);
    struct firn_os_file *file = NULL;
    uint8_t bytes[FIRN_DB_FORMAT_IDENTITY_SIZE];
    int rc;
    identity->created_ns = firn_os_now_ns(os);
    FIRN_TRY(firn_os_random(os, identity->id, sizeof identity->id, err));
    firn_db_format_put_identity(identity, bytes);
    FIRN_TRY(firn_os_file_open(dir, FIRN_DB_FORMAT_IDENTITY_TMP_NAME,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_TRUNCATE,
                               0600, &file, err));
    FIRN_TRY(firn_os_file_write(file, 0, bytes, sizeof bytes, err));
    FIRN_TRY(firn_os_file_sync(file, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    firn_os_file_close(file);
    return rc;
}

int
firn_db_create_store(struct firn_os_dir *dir, struct firn_db_format_identity *identity,
                     struct firn_log **log, firn_error *err)
{
    struct firn_log_options options = firn_db_log_options(false);
    int rc;
    *log = NULL;
    FIRN_TRY(clear_log(dir, err));
    FIRN_TRY(write_identity(dir, identity, err));
    FIRN_TRY(firn_log_create(dir, &options, log, err));
    FIRN_TRY(firn_os_rename(dir, FIRN_DB_FORMAT_IDENTITY_TMP_NAME, dir,
                            FIRN_DB_FORMAT_IDENTITY_NAME, FIRN_OS_RENAME_REPLACE, err));
    FIRN_TRY(firn_os_dir_sync(dir, err));
out:
    if (rc != FIRN_OK) {
        firn_log_abandon(*log);
        *log = NULL;
    }
    return rc;
}
