/* SPDX-License-Identifier: Apache-2.0
 *
 * rekey/rekey_renew.c: writing anew what is not encrypted with the newest master key: after keys
 * were rotated, and to encrypt a store in clear, or back.
 *
 * Every file of a store says with which key it is encrypted: a sealed file in its header, a segment
 * of the log or of MANIFEST in its first EPOCH. So which files are outdated is found out by looking
 * at all of them, and an interrupted run needs no record of how far it came. Runs and value files
 * are compacted (compaction/compaction_renew.c), log and MANIFEST begin anew
 * (upkeep/db_maintain.c). Packs are those of workspace/gc, whose collection writes them anew.
 *
 * It is the directory that is looked at, not what MANIFEST names: a file that only an older reader
 * needs, or that a crash has left, is one that a thief can read with the old key.
 */
#include <string.h>

#include "base/check.h"
#include "base/sort.h"
#include "block/block_file.h"
#include "cipher/cipher_keyring.h"
#include "compaction/compaction.h"
#include "log/log.h"
#include "manifest/manifest.h"
#include "os/os_names.h"
#include "os/os_seal.h"
#include "rekey/rekey_internal.h"

static bool
begins_with_digit(const struct fi_os_dirent *entry)
{
    return entry->name[0] >= '0' && entry->name[0] <= '9';
}

static bool
is_segment(const struct fi_os_dirent *entry)
{
    const size_t size = entry->name_size;
    return size > 4 && strcmp(entry->name + size - 4, ".log") == 0;
}

/* The digits at the beginning. */
static uint64_t
number_of(const char *text)
{
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < UINT64_MAX / 10 - 1; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
    }
    return number;
}

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ---- runs and packs ---- */

/* A damaged file stays what it is, and is nothing that a rewrite could change. */
static int
look_at_file(struct fi_os_dir *dir, const char *name, bool *out_is_current, firn_error *err)
{
    int rc = fi_block_seal_is_current(dir, name, out_is_current, err);
    if (rc == FIRN_NOT_FOUND) { /* removed meanwhile */
        *out_is_current = true;
        return FIRN_OK;
    }
    if (rc == FIRN_CORRUPT) {
        *out_is_current = false;
        return FIRN_OK;
    }
    return rc;
}

/* numbers may be NULL. */
static int
look_at_files(struct fi_os_dir *parent, const char *folder, struct fi_buf *numbers,
              uint64_t *out_count, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc = fi_os_dir_open(parent, folder, &dir, err);
    *out_count = 0;
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_names_list(dir, begins_with_digit, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        bool is_current;
        const uint64_t number = number_of(name);
        FI_TRY(look_at_file(dir, name, &is_current, err));
        *out_count += is_current ? 0 : 1;
        if (!is_current && numbers != NULL &&
            fi_buf_append(numbers, &number, sizeof number) != FIRN_OK) {
            FI_TRY(fi_error_no_memory(err, "a list of files"));
        }
    }
    if (numbers != NULL && numbers->size > 0) {
        fi_sort(numbers->data, numbers->size / sizeof(uint64_t), sizeof(uint64_t), compare_numbers);
    }
out:
    fi_buf_deinit(&names);
    fi_os_dir_close(dir);
    return rc;
}

/* ---- log and MANIFEST ---- */

/* "wal-000012.log". */
static int
look_at_segment(struct fi_os_dir *dir, const char *name, uint64_t *count, firn_error *err)
{
    char prefix[FI_LOG_SEGMENT_PREFIX_MAX];
    const char *dash = strchr(name, '-');
    const size_t size = dash != NULL ? (size_t)(dash - name) : sizeof prefix;
    bool is_current = true;
    if (size >= sizeof prefix) {
        return FIRN_OK;
    }
    memcpy(prefix, name, size);
    prefix[size] = '\0';
    int rc = fi_log_current_segment(dir, prefix, number_of(dash + 1), &is_current, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    *count += rc == FIRN_OK && is_current ? 0 : 1;
    return rc == FIRN_CORRUPT ? FIRN_OK : rc;
}

static int
look_at_segments(struct fi_os_dir *dir, uint64_t *out_count, firn_error *err)
{
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    *out_count = 0;
    FI_TRY(fi_os_names_list(dir, is_segment, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(look_at_segment(dir, name, out_count, err));
    }
out:
    fi_buf_deinit(&names);
    return rc;
}

/* ---- all of it ---- */

int
fi_rekey_renew_find(struct fi_os_dir *dir, struct fi_rekey_outdated *out, firn_error *err)
{
    struct fi_os_dir *own; /* others may be listing the caller's */
    *out = (struct fi_rekey_outdated){.runs = 0};
    FI_TRY_RETURN(fi_os_dir_open_beneath(dir, "", &own, err));
    int rc = look_at_files(own, "runs", &out->numbers, &out->runs, err);
    rc = rc == FIRN_OK ? look_at_files(own, FI_STOREFILE_PACKS_NAME, NULL, &out->packs, err) : rc;
    rc = rc == FIRN_OK ? look_at_segments(own, &out->segments, err) : rc;
    fi_os_dir_close(own);
    if (rc != FIRN_OK) {
        fi_buf_deinit(&out->numbers);
    }
    return rc;
}

int
fi_rekey_renew_files(struct firn_db *db, struct fi_storefile_progress *progress,
                     uint64_t *out_files, firn_error *err)
{
    struct fi_rekey_outdated outdated;
    const struct fi_os_seal *seal = fi_os_dir_seal(fi_db_dir(db));
    *out_files = 0;
    if (seal != NULL && !fi_cipher_keyring_encrypts(fi_cipher_keyring_of(seal))) {
        /* What was deleted while the store was encrypted does not come to be in clear. */
        FI_TRY_RETURN(fi_db_maintain_compact(db, progress, err));
    }
    FI_TRY_RETURN(fi_rekey_renew_find(fi_db_dir(db), &outdated, err));
    const struct fi_compaction_outdated runs = {
        .numbers = (const uint64_t *)(const void *)outdated.numbers.data,
        .count = outdated.numbers.size / sizeof(uint64_t)};
    int rc = outdated.runs + outdated.segments == 0
                 ? FIRN_OK
                 : fi_db_maintain_renew(db, &runs, progress, err);
    *out_files = outdated.runs + outdated.segments;
    fi_buf_deinit(&outdated.numbers);
    return rc;
}

int
fi_rekey_renew_open(const struct fi_rekey *rekey, struct firn_db **out, firn_error *err)
{
    const struct fi_db_options options = {.lock_timeout_ms = rekey->lock_timeout_ms,
                                          .unlock = rekey->source,
                                          .prepare = rekey->prepare};
    return fi_db_path_open(rekey->os, rekey->path, &options, out, err);
}

int
fi_rekey_renew_run(const struct fi_rekey *rekey, struct fi_storefile_progress *progress,
                   uint64_t *out_files, struct fi_rekey_left *out_left, firn_error *err)
{
    struct firn_db *db = NULL;
    int rc;
    *out_files = 0;
    *out_left = (struct fi_rekey_left){.files = 0};
    FI_TRY(fi_rekey_check_encrypted(rekey, err));
    FI_TRY(fi_rekey_renew_open(rekey, &db, err));
    FI_TRY(fi_rekey_renew_files(db, progress, out_files, err));
    rc = fi_db_close(db, err);
    db = NULL;
    rc = rc == FIRN_OK ? fi_rekey_change_settle(rekey, out_left, err) : rc;
out:
    if (db != NULL) {
        int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    return rc;
}
