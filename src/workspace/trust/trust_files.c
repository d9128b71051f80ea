/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_files.c: which files of a store inside of a tree firn made there.
 *
 * Whatever changes the tree, a pull or an archive, can put files into a store inside of it: a log,
 * a MANIFEST, a pack. By their contents they cannot be told from the store's own. So beside the
 * note about such a store there is a list of its files (hosted/os_known.h), and only these count:
 * others are as if they were not there, and are named. Where the store needs such a file, or one
 * that has replaced a file of the list, that is an error until the user accepts the files that are
 * there.
 *
 * A note of version 1 has no list. The files that are there when the store is first opened for
 * writing are taken then, under the store's lock; they counted before. The list is durable before
 * the note says that there is one, so a crash in between leaves a note of version 1 (I1; not
 * checked: the tests cut the power). A note that says so without a list, or with a damaged one, is
 * an error (I2): a store without its files would look empty.
 *
 * Not in the list: settings and rules for git, for which other notes exist, and stores that a
 * repair has put away, which nothing reads. LOCK, RESERVE and the mark of a repair have no contents
 * that count, and are known by name.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "hosted/os_known.h"
#include "storefile/storefile.h"
#include "trust/trust_internal.h"

static const char *const dirs[] = {"runs", FI_STOREFILE_PACKS_NAME, NULL};

static bool
has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool
is_beside(const char *name)
{
    static const char damaged[] = "damaged-";
    const char *number = name + (has_prefix(name, damaged) ? sizeof damaged - 1 : 0);
    bool is_put_away =
        number != name && number[0] != '\0' && number[strspn(number, "0123456789")] == '\0';
    return is_put_away || strcmp(name, "config") == 0 || strcmp(name, "config.new") == 0 ||
           has_prefix(name, "config.unread-") || strcmp(name, ".gitignore") == 0;
}

static bool
is_loose(const char *name)
{
    return strcmp(name, FI_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0 || strcmp(name, "REPAIRING") == 0 ||
           strcmp(name, FI_STOREFILE_KEYS_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_KEYS_TMP_NAME) == 0;
}

/* Whether a file has random numbers in its header, which does not change under this name: segments
 * of the log and of MANIFEST, runs and packs. FIRN has its id in the note. */
static bool
is_headed(const char *path)
{
    static const char log[] = ".log";
    static const char unfinished[] = ".tmp";
    size_t size = strlen(path);
    return strchr(path, '/') != NULL
               ? size < sizeof unfinished || strcmp(path + size - 4, unfinished) != 0
               : size >= sizeof log && strcmp(path + size - 4, log) == 0;
}

static const struct fi_os_known_rules rules = {dirs, is_beside, is_loose, is_headed};

void
fi_trust_files_list_name(const char *note, char out[FI_TRUST_FILES_NAME_SIZE])
{
    int size = snprintf(out, FI_TRUST_FILES_NAME_SIZE, "%s.files", note);
    CHECK(size > 0 && size < FI_TRUST_FILES_NAME_SIZE);
}

int
fi_trust_files_take(struct fi_os *os, struct fi_os_dir *store, const char *note, firn_error *err)
{
    struct fi_os_dir *notes = NULL;
    char list[FI_TRUST_FILES_NAME_SIZE];
    int rc;
    fi_trust_files_list_name(note, list);
    FI_TRY(fi_trust_private_open(os, FI_TRUST_PRIVATE_TRUSTED, true, &notes, err));
    rc = fi_os_known_survey_take(store, &rules, notes, list, err);
out:
    fi_os_dir_close(notes);
    return rc;
}

/* Takes the files of a store whose note has no list, unless another process has done so. */
static int
begin_list(struct fi_os_dir *store, int64_t lock_timeout_ms, struct fi_trust_store_note *note,
           firn_error *err)
{
    struct fi_storefile_lock *lock = NULL;
    int rc;
    FI_TRY(fi_storefile_lock_hold(store, false, lock_timeout_ms, &lock, err));
    fi_trust_store_note_deinit(note);
    FI_TRY(fi_trust_store_note_find(store, note, err));
    if (note->is_there && !note->has_list) {
        FI_TRY(fi_trust_files_take(fi_os_dir_os(store), store, note->name, err));
        FI_TRY(fi_trust_store_note_write(store, note, err)); /* (I1) */
        note->has_list = true;
    }
out:
    fi_storefile_lock_release(lock);
    return rc;
}

/* (I2) */
static int
refuse_without_list(struct fi_os_dir *store, const firn_error *why, firn_error *err)
{
    return fi_error_set(err, FIRN_UNTRUSTED,
                        "'%.300s' is a store inside of a tree, but which files in it are its own "
                        "cannot be told (%.400s): look at what is in it, then accept it with "
                        "firn trust",
                        fi_os_dir_path(store), why->text);
}

int
fi_trust_files_guard(struct fi_os_dir *store, bool may_write, int64_t lock_timeout_ms,
                     firn_error *err)
{
    struct fi_trust_store_note note;
    struct fi_os_dir *notes = NULL;
    char list[FI_TRUST_FILES_NAME_SIZE];
    firn_error why;
    int rc = fi_trust_store_note_find(store, &note, err);
    if (rc == FIRN_OK && note.is_there && !note.has_list && may_write) {
        rc = begin_list(store, lock_timeout_ms, &note, err);
    }
    FI_TRY(rc);
    if (!note.is_there || !note.has_list) {
        goto out;
    }
    fi_trust_files_list_name(note.name, list);
    FI_TRY(
        fi_trust_private_open(fi_os_dir_os(store), FI_TRUST_PRIVATE_TRUSTED, false, &notes, err));
    rc = fi_os_known_guard(store, &rules, notes, list, may_write, &why);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT || rc == FIRN_INVALID) {
        rc = refuse_without_list(store, &why, err);
    } else if (rc != FIRN_OK) {
        fi_error_copy(err, &why);
    }
out:
    fi_trust_store_note_deinit(&note);
    return rc;
}

int
fi_trust_files_survey(struct fi_os_dir *store, bool is_sole,
                      int (*visit)(void *ctx, const char *path, bool is_replaced), void *ctx,
                      firn_error *err)
{
    int rc = is_sole ? fi_trust_store_note_follow(store, err) : FIRN_OK;
    return rc == FIRN_OK ? fi_os_known_survey(store, is_sole, visit, ctx, err) : rc;
}

struct foreign {
    int (*visit)(void *ctx, const char *path, bool is_replaced);
    void *ctx;
    firn_error *err;
};

static int
pass_on(void *ctx, const char *path, bool is_replaced)
{
    const struct foreign *foreign = ctx;
    return fi_error_stopped(foreign->err, foreign->visit(foreign->ctx, path, is_replaced));
}

int
fi_trust_files_foreign(struct fi_os *os, const char *store_path,
                       int (*visit)(void *ctx, const char *path, bool is_replaced), void *ctx,
                       firn_error *err)
{
    struct foreign foreign = {visit, ctx, err};
    struct fi_os_dir *store;
    int rc = fi_trust_home_open_dir(os, store_path, false, &store, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_trust_files_guard(store, false, 0, err);
    rc = rc == FIRN_OK ? fi_trust_files_survey(store, false, pass_on, &foreign, err) : rc;
    fi_os_dir_close(store);
    return rc;
}
