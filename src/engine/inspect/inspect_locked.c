/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect/inspect_locked.c: verifying an encrypted store without its key.
 *
 * All checksums of a store are over what is on the disk, so damage is found without decrypting
 * anything. FIRN and FIRN.keys are decoded; the checksum of the latter covers its seals. Log and
 * MANIFEST are read as by a read-only opening that may be locked: segment headers, their chain, and
 * the checksums of every record. In runs/ and packs/ each file with a name that the store gives is
 * verified from header to footer (block_verify.c). Other names there are temporary files, or none
 * of firn's. Of a store in a single file everything between and around its files is compared too.
 *
 * The directory is what says which files there are: MANIFEST and the catalog of packs are
 * encrypted. So a file that is missing is not noticed, and one that is left over from a crash is
 * verified as well. In a store inside a tree, files that firn did not make there are, too: nothing
 * of them is used.
 *
 * A store that is in use is verified as it is read. A lock of a reader keeps its runs; a file that
 * has gone nevertheless, as packs do, was not damaged. A log from which a segment has gone is read
 * again.
 *
 * After damage the check goes on with the next part. No key is asked for, and none is in memory.
 * Memory: the names of the files of one directory, and what one file needs (block_verify.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "archive/archive.h"
#include "base/check.h"
#include "base/sort.h"
#include "block/block_file.h"
#include "inspect/inspect.h"
#include "keys/keys.h"
#include "log/log.h"
#include "manifest/manifest.h"
#include "run/run_kind.h"
#include "store/db_store_handle.h"

enum { NAME_SIZE = 64, ATTEMPTS_MAX = 10, PAUSE_NS = 5000000 };

struct sealed_file {
    char name[NAME_SIZE];
    enum fi_block_file_kind kind;
};

struct locked_check {
    struct fi_os_dir *dir;
    struct fi_archive *archive; /* that the directory is in; NULL: none */
    const struct fi_inspect_check_options *options;
    bool skips_contents; /* of packs */
    firn_store_check_locked_result *report;
    firn_error first;           /* of the damage */
    const struct fi_step *step; /* of the phase; may be NULL */
    struct fi_buf files;        /* of struct sealed_file, of one directory */
    bool lists_packs;
};

static void
inspect_locked_report(void *ctx, const firn_error *found)
{
    struct locked_check *check = ctx;
    if (check->report->damaged_count++ == 0) {
        check->first = *found;
    }
    if (check->options->on_damage != NULL) {
        check->options->on_damage(check->options->ctx, found->text);
    }
}

static void
on_archive_damage(void *ctx, const char *text)
{
    firn_error found;
    (void)fi_error_set(&found, FIRN_CORRUPT, "%s", text);
    inspect_locked_report(ctx, &found);
}

/* FIRN_OK for damage, which is reported. A part that the disk does not give is damaged, too. */
static int
inspect_locked_note(struct locked_check *check, int rc, const firn_error *found, firn_error *err)
{
    if (rc == FIRN_CORRUPT || rc == FIRN_IO) {
        inspect_locked_report(check, found);
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        fi_error_copy(err, found);
    }
    return rc;
}

/* ---- identity, keys, logs ---- */

static int
has_file(const struct locked_check *check, const char *name, bool *out, firn_error *err)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(check->dir, name, &stat, err);
    *out = rc == FIRN_OK;
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* A damaged identity does not say whether the store is encrypted; that it has keys does. */
static int
check_identity(struct locked_check *check, firn_error *err)
{
    struct fi_storefile_identity identity;
    bool has_keys;
    firn_error found;
    int rc = fi_db_create_read_identity(check->dir, &identity, &found);
    if (rc == FIRN_OK && identity.cipher == 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "the store in '%s' is not encrypted: no key is needed to check it",
                            fi_os_dir_path(check->dir));
    }
    FI_TRY_RETURN(has_file(check, FI_STOREFILE_KEYS_NAME, &has_keys, err));
    if (rc != FIRN_OK && !has_keys) {
        fi_error_copy(err, &found);
        return rc;
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(&found, FIRN_CORRUPT, "'%s/%s' is missing", fi_os_dir_path(check->dir),
                          FI_STOREFILE_IDENTITY_NAME);
    }
    return inspect_locked_note(check, rc, &found, err);
}

static int
check_keys(struct locked_check *check, firn_error *err)
{
    struct fi_keys *keys = NULL;
    firn_error found;
    int rc = fi_db_keys_read(check->dir, &keys, &found);
    const int changing = rc == FIRN_OK ? fi_db_keys_refuse_change(check->dir, keys, err) : FIRN_OK;
    fi_keys_destroy(keys);
    return changing != FIRN_OK ? changing : inspect_locked_note(check, rc, &found, err);
}

/* One attempt. FIRN_BUSY: the writer has removed a segment that was to be read. */
static int
read_log(const struct locked_check *check, const char *prefix, uint64_t *out_count, firn_error *err)
{
    const struct fi_log_options options = {
        .prefix = prefix, .read_only = true, .may_be_locked = true};
    struct fi_log_recovery recovery = {0};
    struct fi_log *log = NULL;
    uint64_t newest = 0;
    int rc = fi_log_open(check->dir, &options, NULL, NULL, &log, &recovery, err);
    fi_log_abandon(log);
    *out_count = recovery.record_count;
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    FI_TRY_RETURN(fi_log_segment_newest(check->dir, prefix, &newest, err));
    return newest == 0 ? fi_error_set(err, FIRN_CORRUPT, "the store '%s' has no file %s-*.log",
                                      fi_os_dir_path(check->dir), prefix)
                       : fi_error_set(err, FIRN_BUSY,
                                      "the store '%s' is being written to, and its log changed "
                                      "each time that it was read",
                                      fi_os_dir_path(check->dir));
}

static int
check_log(struct locked_check *check, const char *prefix, firn_error *err)
{
    uint64_t count = 0;
    firn_error found;
    int rc = FIRN_BUSY;
    for (unsigned attempt = 0; rc == FIRN_BUSY && attempt < ATTEMPTS_MAX; attempt++) {
        if (attempt > 0) {
            fi_os_sleep_ns(fi_os_dir_os(check->dir), PAUSE_NS);
        }
        rc = read_log(check, prefix, &count, &found);
    }
    check->report->log_records += rc == FIRN_OK ? count : 0;
    return inspect_locked_note(check, rc, &found, err);
}

/* ---- sealed files ---- */

static bool
has_kind(const struct fi_run_kind *const *kinds, const char *name, enum fi_block_file_kind *out)
{
    for (size_t i = 0; kinds != NULL && kinds[i] != NULL; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            *out = kinds[i]->file_kind;
            return true;
        }
        if (has_kind(kinds[i]->attachment_kinds, name, out)) {
            return true;
        }
    }
    return false;
}

/* Whether a name in runs/ or packs/ is one that a store gives to a finished file: digits, and the
 * name of a kind after a dot. */
static bool
is_sealed_name(const struct locked_check *check, const char *name, enum fi_block_file_kind *out)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || name[digits] != '.' || strlen(name) >= NAME_SIZE) {
        return false;
    }
    const char *kind = name + digits + 1;
    if (check->lists_packs) {
        *out = FI_BLOCK_FILE_PACK;
        return strcmp(kind, "pack") == 0;
    }
    *out = FI_BLOCK_FILE_VALUES;
    return strcmp(kind, "values") == 0 || has_kind(fi_db_image_kinds, kind, out);
}

static int
add_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct locked_check *check = ctx;
    struct sealed_file file = {.name = ""};
    if (!is_sealed_name(check, entry->name, &file.kind)) {
        return FIRN_OK;
    }
    (void)snprintf(file.name, sizeof file.name, "%s", entry->name);
    return fi_buf_append(&check->files, &file, sizeof file);
}

static int
compare_files(const void *a, const void *b)
{
    return strcmp(((const struct sealed_file *)a)->name, ((const struct sealed_file *)b)->name);
}

static int
check_file(struct locked_check *check, struct fi_os_dir *dir, const struct sealed_file *file,
           firn_error *err)
{
    const struct fi_block_verify_host host = {.on_damage = inspect_locked_report,
                                              .ctx = check,
                                              .step = check->step,
                                              .must_be_encrypted = true,
                                              .edges_only =
                                                  check->lists_packs && check->skips_contents};
    struct fi_block_verify_counts counts;
    firn_error found;
    int rc = fi_block_verify(dir, file->name, file->kind, &host, &counts, &found);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK; /* removed meanwhile */
    }
    check->report->files++;
    check->report->blocks += counts.blocks;
    check->report->bytes_read += counts.bytes;
    FI_TRY_RETURN(inspect_locked_note(check, rc, &found, err));
    return fi_step_report(check->step, 1, 0, err);
}

/* A store may have no such directory. */
static int
check_directory(struct locked_check *check, const char *name, bool lists_packs, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_os_dir_open(check->dir, name, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    FI_TRY(rc);
    check->lists_packs = lists_packs;
    fi_buf_clear(&check->files);
    rc = fi_os_dir_list(dir, add_name, check, err);
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "a list of files");
    }
    FI_TRY(rc);
    struct sealed_file *files = (struct sealed_file *)(void *)check->files.data;
    const size_t count = check->files.size / sizeof *files;
    if (count > 0) {
        fi_sort(files, count, sizeof *files, compare_files);
    }
    FI_TRY(fi_storefile_progress_begin_steps(check->options->progress, "check", count, 0,
                                             &check->step, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY(check_file(check, dir, &files[i], err));
    }
out:
    fi_os_dir_close(dir);
    return rc;
}

/* Damage that the store's own checksums have found is not reported again. */
static int
check_archive(struct locked_check *check, firn_error *err)
{
    firn_error found;
    if (check->archive == NULL || check->report->damaged_count > 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_storefile_progress_begin_steps(check->options->progress, "check", 0, 0,
                                                    &check->step, err));
    int rc = fi_archive_check(check->archive, on_archive_damage, check, check->step, &found);
    return rc == FIRN_CORRUPT && check->report->damaged_count > 0
               ? FIRN_OK
               : inspect_locked_note(check, rc, &found, err);
}

/* ---- all of it ---- */

static int
inspect_locked_all(struct locked_check *check, firn_error *err)
{
    struct fi_os_file *lock = NULL;
    int rc;
    FI_TRY(check_identity(check, err));
    FI_TRY(fi_db_path_refuse_repair(check->dir, err));
    rc = fi_db_reader_lock_all(check->dir, &lock, err);
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc); /* its absence was reported */
    FI_TRY(check_keys(check, err));
    FI_TRY(check_log(check, FI_MANIFEST_NAME, err));
    FI_TRY(check_log(check, fi_db_log_options(true).prefix, err));
    FI_TRY(check_directory(check, "runs", false, err));
    FI_TRY(check_directory(check, FI_STOREFILE_PACKS_NAME, true, err));
    FI_TRY(check_archive(check, err));
out:
    fi_os_file_close(lock);
    return rc;
}

int
fi_inspect_locked(struct fi_os *os, const char *path, bool skips_contents,
                  const struct fi_inspect_check_options *options,
                  firn_store_check_locked_result *report, firn_error *err)
{
    static const struct fi_inspect_check_options none = {0};
    struct locked_check check = {.options = options != NULL ? options : &none,
                                 .skips_contents = skips_contents,
                                 .report = report};
    *report = (firn_store_check_locked_result){.size = sizeof *report};
    FI_TRY_RETURN(fi_db_path_open_dir(os, path, &check.archive, &check.dir, err));
    int rc = inspect_locked_all(&check, err);
    fi_buf_deinit(&check.files);
    fi_os_dir_close(check.dir);
    fi_archive_close(check.archive);
    if (rc == FIRN_OK && report->damaged_count > 0) {
        fi_error_copy(err, &check.first);
        rc = FIRN_CORRUPT;
    }
    return rc;
}
