/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_create.c: creating a store in a directory, and finding out what a directory contains.
 *
 * The order, under the directory's lock:
 *   1. the identity is written under its temporary name FIRN.tmp; file and directory are synced;
 *   2. the keys of an encrypted store are written (db_keys.c), then the empty log and an empty
 *      MANIFEST are created;
 *   3. FIRN.tmp is renamed to FIRN, and the directory is synced.
 * The store exists from the rename on. A crash before it leaves FIRN.tmp (or nothing but LOCK), and
 * the next creation clears the leftovers and begins again.
 *
 * (I1) A log is created only after the name FIRN.tmp is durable, and FIRN.tmp disappears only by
 *      becoming FIRN. So a log or MANIFEST with neither beside it belongs to a store whose identity
 *      was lost: its commits may be the only copy. Such a directory is refused as damaged, never
 *      treated as an unfinished creation. (Not checked: it is the order of the calls, which the
 *      tests cut between any two.)
 * (I2) A directory that contains anything else is refused: a mistyped path must not turn a user's
 *      directory into a store.
 *
 * Raising the version. Opening a store of an earlier version for writing overwrites the identity
 * with the current version, before anything is written that the earlier version does not know. From
 * then on programs of the earlier version refuse the store. A store of version 1 has all its data
 * in the log and no MANIFEST, so an empty one is created first. Here, and when a store begins to
 * change from clear to encrypted (rekey/), the file is not replaced, because it carries the locks
 * of readers (db_reader.c). Its 64 bytes are in one sector, which a power cut leaves old or new.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include <string.h>

#include "cipher/cipher.h"
#include "keys/keys.h"
#include "unlock/unlock.h"

static const char runs_name[] = "runs";

struct leftover_runs {
    uint64_t runs;
    uint64_t others;
};

bool
fi_db_create_is_data(const char *name)
{
    return fi_db_log_is_name(name) || fi_lsm_is_name(name) ||
           strcmp(name, FI_STOREFILE_PACKS_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_KEYS_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_KEYS_TMP_NAME) == 0;
}

static bool
is_ours(const char *name)
{
    return strcmp(name, FI_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0;
}

static int
survey_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_db_create_survey *survey = ctx;
    if (strcmp(entry->name, FI_STOREFILE_IDENTITY_NAME) == 0) {
        survey->has_identity = true;
    } else if (strcmp(entry->name, FI_STOREFILE_IDENTITY_TMP_NAME) == 0) {
        survey->is_unfinished = true;
    } else if (strcmp(entry->name, runs_name) == 0) {
        survey->has_runs = true;
    } else if (fi_db_create_is_data(entry->name)) {
        survey->has_data = true;
    } else if (!is_ours(entry->name) && survey->other[0] == '\0') {
        size_t size = entry->name_size < sizeof survey->other - 1 ? entry->name_size
                                                                  : sizeof survey->other - 1;
        memcpy(survey->other, entry->name, size);
        survey->other[size] = '\0';
    }
    return FIRN_OK;
}

/* Counts the runs and the other files of a directory "runs". */
static int
note_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct leftover_runs *found = ctx;
    if (fi_lsm_is_run_name(entry->name, fi_db_image_kinds)) {
        found->runs++;
    } else {
        found->others++;
    }
    return FIRN_OK;
}

static int
inspect_runs(struct fi_os_dir *dir, struct fi_db_create_survey *survey, firn_error *err)
{
    struct leftover_runs found = {0};
    struct fi_os_dir *runs;
    int rc = fi_os_dir_open(dir, runs_name, &runs, err);
    if (rc != FIRN_OK) {
        survey->has_data = true; /* opening the store will report the failure */
        return FIRN_OK;
    }
    rc = fi_os_dir_list(runs, note_run, &found, err);
    fi_os_dir_close(runs);
    bool is_foreign = rc == FIRN_OK && found.runs == 0 && found.others > 0;
    survey->has_data = survey->has_data || !is_foreign;
    if (is_foreign && survey->other[0] == '\0') {
        memcpy(survey->other, runs_name, sizeof runs_name);
    }
    return rc;
}

int
fi_db_create_inspect(struct fi_os_dir *dir, struct fi_db_create_survey *out, firn_error *err)
{
    /* A handle of its own: others may be listing the caller's. */
    struct fi_os_dir *own;
    memset(out, 0, sizeof *out);
    int rc = fi_os_dir_open_beneath(dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_list(own, survey_entry, out, err);
        if (rc == FIRN_OK && !out->has_identity) { /* a store, if not one that counts */
            rc = fi_os_dir_refuse_foreign_name(own, FI_STOREFILE_IDENTITY_NAME, err);
        }
        if (rc == FIRN_OK && out->has_runs && !out->has_identity) {
            rc = inspect_runs(own, out, err);
        }
        fi_os_dir_close(own);
    }
    return rc;
}

int
fi_db_create_allowed(struct fi_os_dir *dir, const struct fi_db_create_survey *survey,
                     firn_error *err)
{
    const char *path = fi_os_dir_path(dir);
    if (survey->has_data && !survey->is_unfinished) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s/%s' is missing, but the data of a store lies beside it", path,
                            FI_STOREFILE_IDENTITY_NAME);
    }
    if (survey->other[0] != '\0') {
        return fi_error_set(err, FIRN_INVALID,
                            "'%s' is not a firn store and not empty (it holds '%s')", path,
                            survey->other);
    }
    return FIRN_OK;
}

int
fi_db_create_may(struct fi_os_dir *dir, firn_error *err)
{
    struct fi_db_create_survey survey;
    int rc = fi_db_create_inspect(dir, &survey, err);
    if (rc == FIRN_OK && survey.has_identity) {
        return fi_error_set(err, FIRN_EXISTS, "there is a firn store in '%s' already",
                            fi_os_dir_path(dir));
    }
    return rc == FIRN_OK ? fi_db_create_allowed(dir, &survey, err) : rc;
}

int
fi_db_create_read_identity(struct fi_os_dir *dir, struct fi_storefile_identity *out,
                           firn_error *err)
{
    struct fi_os_file *file = NULL;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE + 1]; /* one more, to see that it is too long */
    size_t size;
    int rc;
    FI_TRY(fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    FI_TRY(fi_storefile_get_identity(firn_bytes(bytes, size), fi_os_file_path(file), out, err));
out:
    fi_os_file_close(file);
    return rc;
}

/* Something to remove after an unfinished creation or destruction of a store. */
struct leftover {
    char name[256];  /* "": nothing is left */
    bool keeps_runs; /* it also has foreign files */
    bool is_of_runs; /* the listed directory is "runs" */
    bool has_other;  /* there are foreign files */
};

static int
take_leftover(struct leftover *leftover, const struct fi_os_dirent *entry)
{
    DCHECK(leftover->name[0] == '\0');
    if (entry->name_size >= sizeof leftover->name) {
        leftover->has_other = true;
        return FIRN_OK;
    }
    memcpy(leftover->name, entry->name, entry->name_size + 1);
    return FIRN_CANCELLED;
}

static int
find_leftover(void *ctx, const struct fi_os_dirent *entry)
{
    struct leftover *leftover = ctx;
    bool is_kept = leftover->keeps_runs && strcmp(entry->name, runs_name) == 0;
    return fi_db_create_is_data(entry->name) && !is_kept ? take_leftover(leftover, entry) : FIRN_OK;
}

static int
find_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct leftover *leftover = ctx;
    if (leftover->is_of_runs && !fi_lsm_is_run_name(entry->name, fi_db_image_kinds)) {
        leftover->has_other = true;
        return FIRN_OK;
    }
    return take_leftover(leftover, entry);
}

/* Removes a directory of runs or packs with its files, as an unfinished clone leaves it. A foreign
 * file among the runs stays, and so does the directory then. */
static int
remove_dir(struct fi_os_dir *parent, const char *name, bool *out_has_other, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open(parent, name, &dir, err);
    bool is_empty = rc != FIRN_OK;
    *out_has_other = false;
    if (rc != FIRN_OK) {
        return rc;
    }
    while (rc == FIRN_OK && !is_empty) {
        struct leftover leftover = {.is_of_runs = strcmp(name, runs_name) == 0};
        rc = fi_os_dir_list(dir, find_file, &leftover, err);
        is_empty = leftover.name[0] == '\0';
        *out_has_other = leftover.has_other;
        if (!is_empty) {
            CHECK(!leftover.is_of_runs || fi_lsm_is_run_name(leftover.name, fi_db_image_kinds));
            rc = fi_os_remove_file(dir, leftover.name, err);
        }
    }
    fi_os_dir_close(dir);
    return rc == FIRN_OK && !*out_has_other ? fi_os_remove_dir(parent, name, err) : rc;
}

static int
remove_any(struct fi_os_dir *dir, const char *name, bool *out_has_other, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, err);
    *out_has_other = false;
    if (rc != FIRN_OK) {
        return rc;
    }
    return stat.kind == FI_OS_DIR ? remove_dir(dir, name, out_has_other, err)
                                  : fi_os_remove_file(dir, name, err);
}

/* Removes what an unfinished creation left. The directory is listed again after each removal: a
 * listing may miss names if files are removed meanwhile. */
int
fi_db_create_clear(struct fi_os_dir *dir, firn_error *err)
{
    bool keeps_runs = false;
    for (;;) {
        struct leftover leftover = {.keeps_runs = keeps_runs};
        bool has_other;
        int rc = fi_os_dir_list(dir, find_leftover, &leftover, err);
        if (leftover.name[0] == '\0') {
            return rc;
        }
        CHECK(fi_db_create_is_data(leftover.name)); /* (I2) */
        rc = remove_any(dir, leftover.name, &has_other, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        keeps_runs = keeps_runs || has_other;
    }
}

static int
write_identity(struct fi_os_dir *dir, struct fi_storefile_identity *identity, firn_error *err)
{
    struct fi_os *os = fi_os_dir_os(dir);
    struct fi_os_file *file = NULL;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    int rc;
    identity->version = FI_STOREFILE_VERSION;
    identity->created_ns = fi_os_now_ns(os);
    FI_TRY(fi_os_random(os, identity->id, sizeof identity->id, err));
    fi_storefile_put_identity(identity, bytes);
    FI_TRY(fi_os_file_open(dir, FI_STOREFILE_IDENTITY_TMP_NAME,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER |
                               FI_OS_TRUNCATE | FI_OS_CLEAR,
                           0600, &file, err));
    FI_TRY(fi_os_file_write(file, 0, bytes, sizeof bytes, err));
    FI_TRY(fi_os_file_sync(file, err));
    FI_TRY(fi_os_dir_sync(dir, err));
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_db_create_begin(struct fi_os_dir *dir, struct fi_storefile_identity *out, firn_error *err)
{
    int rc = fi_db_create_clear(dir, err);
    return rc == FIRN_OK ? write_identity(dir, out, err) : rc;
}

int
fi_db_create_end(struct fi_os_dir *dir, firn_error *err)
{
    int rc = fi_os_rename(dir, FI_STOREFILE_IDENTITY_TMP_NAME, dir, FI_STOREFILE_IDENTITY_NAME,
                          FI_OS_RENAME_REPLACE, err);
    return rc == FIRN_OK ? fi_os_dir_sync(dir, err) : rc;
}

/* keys: NULL, or those of an encrypted store. */
static int
create_with(struct firn_db *db, struct fi_keys *keys, firn_error *err)
{
    struct fi_log_options log = fi_db_log_options(false);
    struct fi_db_image *image = NULL;
    DCHECK(db->lock != NULL && db->log == NULL && db->readers == NULL);
    log.gate = fi_db_reader_gate(db);
    FI_TRY_RETURN(fi_db_create_begin(db->dir, &db->identity, err));
    FI_TRY_RETURN(keys != NULL ? fi_db_keys_create(db, keys, err) : FIRN_OK);
    FI_TRY_RETURN(fi_log_create(db->dir, &log, &db->log, err));
    /* There is no MANIFEST that could be missing. */
    db->identity.version = FI_STOREFILE_VERSION_LOG;
    int rc = fi_db_image_open(db, &image, err);
    db->identity.version = FI_STOREFILE_VERSION;
    FI_TRY_RETURN(rc);
    DCHECK(!fi_db_segments_has_commits(image));
    atomic_store_explicit(&db->image, image, memory_order_seq_cst);
    return fi_db_create_end(db->dir, err);
}

int
fi_db_create_store(struct firn_db *db, const struct fi_db_options *options, firn_error *err)
{
    struct fi_keys *keys = NULL;
    int rc;
    db->identity.cipher = options->new_cipher;
    if (options->new_cipher != 0) {
        /* Nothing is written if nobody gives a secret, or this machine lacks the cipher. */
        FI_TRY(fi_cipher_check(options->new_cipher, err));
        FI_TRY(fi_unlock_new_keys(db->os, fi_os_dir_path(db->dir), options->unlock, &keys, err));
    }
    rc = create_with(db, keys, err);
out:
    fi_keys_destroy(keys);
    return rc;
}

int
fi_db_create_set_identity(struct fi_os_dir *dir, const struct fi_storefile_identity *identity,
                          firn_error *err)
{
    struct fi_os_file *file = NULL;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    int rc;
    fi_storefile_put_identity(identity, bytes);
    FI_TRY(
        fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ | FI_OS_WRITE, 0, &file, err));
    FI_TRY(fi_os_file_write(file, 0, bytes, sizeof bytes, err));
    FI_TRY(fi_os_file_sync(file, err));
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_db_create_raise_version(struct firn_db *db, firn_error *err)
{
    struct fi_db_image *image;
    if (db->identity.version == FI_STOREFILE_VERSION) {
        return FIRN_OK;
    }
    DCHECK(db->identity.version < FI_STOREFILE_VERSION);
    DCHECK(db->lock != NULL && db->log == NULL);
    FI_TRY_RETURN(fi_db_image_open(db, &image, err));
    fi_db_image_abandon(image);
    db->identity.version = FI_STOREFILE_VERSION;
    return fi_db_create_set_identity(db->dir, &db->identity, err);
}
