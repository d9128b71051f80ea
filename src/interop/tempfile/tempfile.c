/* SPDX-License-Identifier: Apache-2.0
 *
 * tempfile/tempfile.c: gives a file its name only when the file is complete.
 *
 * A file is written under a temporary name, synced, and only then renamed. So its own name never
 * shows an incomplete file, whatever fails. The rename is durable after a sync of the
 * directory. The caller does that, because it also decides which name must be durable before which.
 *
 * Temporary files of processes that died would stay forever, so each create removes them: a living
 * writer holds an exclusive lock on its own file, and a dead one cannot. (I1) Between the creation
 * and the lock another process may mistake the file for a dead one's. Therefore it is looked up
 * again by name once it is locked, and created again if it is gone (not checked: claim tests it,
 * since other processes decide). If the file system has no locks, nothing is removed.
 */
#include "tempfile/tempfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "codec/hex.h"

#define SUFFIX ".tmp"
enum {
    DIGITS = 16,
    /* Leftovers removed at once; the rest waits for the next create. */
    LEFTOVERS_MAX = 64,
    CREATE_TRIES = 16,
    MODE_BITS = 0777,
    MODE = 0600 /* of a new file: it has contents of a store, which is private too */
};

/* ".firn-<kind>-": the beginning of the names of one kind. */
struct prefix {
    char text[16];
    size_t size;
};

static struct prefix
prefix_of(const char *kind)
{
    struct prefix prefix;
    int size = snprintf(prefix.text, sizeof prefix.text, ".firn-%s-", kind);
    CHECK(size > 0 && (size_t)size < sizeof prefix.text);
    prefix.size = (size_t)size;
    return prefix;
}

static size_t
name_size(const struct prefix *prefix)
{
    DCHECK(prefix->size > 0);
    return prefix->size + DIGITS + sizeof SUFFIX - 1;
}

/* ---- leftovers ---- */

struct leftovers {
    const struct prefix *prefix;
    struct fi_buf names; /* each with its NUL */
};

static bool
is_temp_name(const struct prefix *prefix, const struct fi_os_dirent *entry)
{
    uint8_t random[DIGITS / 2];
    return entry->name_size == name_size(prefix) &&
           memcmp(entry->name, prefix->text, prefix->size) == 0 &&
           fi_hex_decode(entry->name + prefix->size, random, sizeof random) &&
           memcmp(entry->name + prefix->size + DIGITS, SUFFIX, sizeof SUFFIX) == 0;
}

static int
collect_leftover(void *ctx, const struct fi_os_dirent *entry)
{
    struct leftovers *leftovers = ctx;
    size_t size = name_size(leftovers->prefix) + 1;
    if (!is_temp_name(leftovers->prefix, entry) || leftovers->names.size / size >= LEFTOVERS_MAX) {
        return FIRN_OK;
    }
    return fi_buf_append(&leftovers->names, entry->name, size);
}

/* Removes the file if no process holds it. A failure to remove it is no reason not to write another
 * file. */
static void
remove_leftover(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_file *file = NULL;
    enum fi_os_lock_kind kind = FI_OS_LOCK_EXCLUSIVE;
    int rc = fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, &file, NULL);
    if (rc == FIRN_DENIED) { /* made read-only before its writer died; a living one excludes us */
        kind = FI_OS_LOCK_SHARED;
        rc = fi_os_file_open(dir, name, FI_OS_READ, 0, &file, NULL);
    }
    if (rc == FIRN_OK && fi_os_file_lock(file, kind, NULL) == FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(dir, name, NULL));
    }
    fi_os_file_close(file);
}

static int
remove_leftovers(struct fi_os_dir *dir, const struct prefix *prefix, firn_error *err)
{
    struct leftovers leftovers = {prefix, {0}};
    int rc = fi_os_dir_list(dir, collect_leftover, &leftovers, err);
    size_t size = name_size(prefix) + 1;
    for (size_t at = 0; rc == FIRN_OK && at < leftovers.names.size; at += size) {
        remove_leftover(dir, (const char *)leftovers.names.data + at);
    }
    fi_buf_deinit(&leftovers.names);
    return rc;
}

/* ---- creation ---- */

/* Passes on a failure whose text was kept separately, because it might not have counted. */
static int
pass_error(firn_error *err, int rc, const firn_error *problem)
{
    if (rc != FIRN_OK && err != NULL) {
        *err = *problem;
    }
    return rc;
}

/* Locks the new file; *out_is_ours is false if another process has already removed it (I1). */
static int
tempfile_claim(struct fi_tempfile *temp, bool *out_is_ours, firn_error *err)
{
    DCHECK(temp->file != NULL && temp->name[0] != '\0');
    *out_is_ours = false;
    firn_error problem;
    int rc = fi_os_file_lock(temp->file, FI_OS_LOCK_EXCLUSIVE, &problem);
    if (rc == FIRN_BUSY) {
        return FIRN_OK;
    }
    bool has_no_locks = rc == FIRN_UNSUPPORTED || (rc != FIRN_OK && problem.os_errno == ENOLCK);
    if (rc != FIRN_OK && !has_no_locks) {
        return pass_error(err, rc, &problem);
    }
    struct fi_os_stat opened;
    struct fi_os_stat named;
    rc = fi_os_file_stat(temp->file, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_os_stat(temp->dir, temp->name, &named, &problem);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    *out_is_ours = rc == FIRN_OK && opened.inode == named.inode && opened.device == named.device;
    return pass_error(err, rc, &problem);
}

static int
create_once(struct fi_tempfile *temp, const struct prefix *prefix, unsigned flags,
            bool *out_is_ours, firn_error *err)
{
    DCHECK(temp->file == NULL);
    uint8_t random[DIGITS / 2];
    char digits[DIGITS + 1];
    char name[sizeof temp->name];
    FI_TRY_RETURN(fi_os_random(fi_os_dir_os(temp->dir), random, sizeof random, err));
    fi_hex_encode(random, sizeof random, digits);
    int size = snprintf(name, sizeof name, "%s%s%s", prefix->text, digits, SUFFIX);
    CHECK(size > 0 && (size_t)size == name_size(prefix));
    FI_TRY_RETURN(fi_os_file_open(temp->dir, name,
                                  FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | flags,
                                  MODE, &temp->file, err));
    memcpy(temp->name, name, sizeof name);
    return tempfile_claim(temp, out_is_ours, err);
}

static int
create_any(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *kind, unsigned flags,
           firn_error *err)
{
    *temp = (struct fi_tempfile){.dir = dir};
    struct prefix prefix = prefix_of(kind);
    int rc = remove_leftovers(dir, &prefix, err);
    bool is_ours = false;
    for (int i = 0; rc == FIRN_OK && !is_ours && i < CREATE_TRIES; i++) {
        fi_tempfile_discard(temp);
        rc = create_once(temp, &prefix, flags, &is_ours, err);
    }
    if (rc == FIRN_OK && !is_ours) {
        rc = fi_error_set(err, FIRN_BUSY,
                          "could not keep a temporary file in '%s': another process removes them",
                          fi_os_dir_path(dir));
    }
    if (rc != FIRN_OK) {
        fi_tempfile_discard(temp);
    }
    return rc;
}

int
fi_tempfile_create(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *kind,
                   firn_error *err)
{
    return create_any(temp, dir, kind, 0, err);
}

int
fi_tempfile_create_sealed(struct fi_tempfile *temp, struct fi_os_dir *dir, const char *kind,
                          firn_error *err)
{
    return create_any(temp, dir, kind, FI_OS_SEALED, err);
}

void
fi_tempfile_discard(struct fi_tempfile *temp)
{
    if (temp->name[0] != '\0') {
        /* Best effort: the next create removes what stays. */
        FI_IGNORE(fi_os_remove_file(temp->dir, temp->name, NULL));
        temp->name[0] = '\0';
    }
    fi_os_file_close(temp->file);
    temp->file = NULL;
}

/* Gives the file the mode of the one that it replaces, if there is one. */
static int
take_mode(struct fi_tempfile *temp, const char *name, firn_error *err)
{
    struct fi_os_stat there;
    firn_error found;
    int rc = fi_os_stat(temp->dir, name, &there, &found);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return fi_error_set(err, rc, "%s", found.text);
    }
    if (rc != FIRN_OK || there.kind != FI_OS_FILE || (there.mode & MODE_BITS) == MODE) {
        return FIRN_OK;
    }
    const struct fi_os_node node = {.file = temp->file};
    return fi_os_set_mode(node, there.mode & MODE_BITS, err);
}

int
fi_tempfile_put(struct fi_tempfile *temp, const char *name, enum fi_os_rename_mode mode,
                firn_error *err)
{
    if (mode == FI_OS_RENAME_REPLACE) {
        FI_TRY_RETURN(take_mode(temp, name, err));
    }
    FI_TRY_RETURN(fi_os_file_sync(temp->file, err));
    FI_TRY_RETURN(fi_os_rename(temp->dir, temp->name, temp->dir, name, mode, err));
    temp->name[0] = '\0';
    return FIRN_OK;
}
