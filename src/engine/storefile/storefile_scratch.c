/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_scratch.c: a directory beside what is being made.
 *
 * It is named .firn-export-<16 hex digits>.tmp, and a file LOCK in it is locked for as long as its
 * process works (storefile_lock.c). Whoever makes another one in the same place first removes those whose
 * lock he gets: nobody works in them any more.
 *
 * (I1) Who holds the lock of the file that has the name LOCK in a directory has the directory to
 *      himself: removing it begins with the lock, and takes the name away while it is held. (Tested
 *      by check_lock: others may take it.)
 * Between making a directory and locking it somebody else may take it for an abandoned one. Then
 * the lock is not to be had, or, when he is done already, the file that was locked has lost its name:
 * so that is looked at once more, and another directory is made.
 *
 * Removing is best effort: what cannot be removed now is removed by the next one.
 */
#include "storefile/storefile_scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "storefile/storefile.h"
#include "storefile/storefile_lock.h"

enum { ATTEMPTS_MAX = 10, DEPTH_MAX = 2 };

static const char prefix[] = ".firn-export-";
static const char suffix[] = ".tmp";

/* ---- removing ---- */

static int
keep_name(void *ctx, const struct firn_os_dirent *entry)
{
    return firn_buf_append(ctx, entry->name, entry->name_size + 1);
}

static void remove_dir(struct firn_os_dir *parent, const char *name, unsigned depth);

/* Nested no deeper than depth. */
static void
remove_contents(struct firn_os_dir *dir, unsigned depth)
{
    CHECK(depth <= DEPTH_MAX);
    struct firn_buf names = {0};
    FIRN_IGNORE(firn_os_dir_list(dir, keep_name, &names, NULL));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        if (firn_os_remove_file(dir, name, NULL) != FIRN_OK && depth > 0) {
            remove_dir(dir, name, depth - 1);
        }
        at += strlen(name) + 1;
    }
    firn_buf_deinit(&names);
}

static void
remove_dir(struct firn_os_dir *parent, const char *name, unsigned depth)
{
    struct firn_os_dir *dir;
    if (firn_os_dir_open(parent, name, &dir, NULL) == FIRN_OK) {
        remove_contents(dir, depth);
        firn_os_dir_close(dir);
        FIRN_IGNORE(firn_os_remove_dir(parent, name, NULL));
    }
}

void
firn_storefile_scratch_remove(struct firn_storefile_scratch *scratch)
{
    DCHECK(scratch->name[0] == '\0' || scratch->parent != NULL);
    if (scratch->name[0] != '\0') {
        remove_dir(scratch->parent, scratch->name, DEPTH_MAX);
    }
    firn_os_file_close(scratch->lock);
    firn_os_dir_close(scratch->dir);
    *scratch = (struct firn_storefile_scratch){0};
}

static bool
is_scratch(const struct firn_os_dirent *entry)
{
    size_t least = sizeof prefix - 1 + sizeof suffix - 1;
    return entry->name_size > least && memcmp(entry->name, prefix, sizeof prefix - 1) == 0 &&
           strcmp(entry->name + entry->name_size - (sizeof suffix - 1), suffix) == 0;
}

static int
keep_scratch(void *ctx, const struct firn_os_dirent *entry)
{
    return is_scratch(entry) ? keep_name(ctx, entry) : FIRN_OK;
}

static void
remove_abandoned(struct firn_os_dir *parent, const char *name)
{
    struct firn_os_dir *dir;
    struct firn_os_file *lock;
    if (firn_os_dir_open(parent, name, &dir, NULL) != FIRN_OK) {
        return;
    }
    if (firn_storefile_lock_acquire(dir, 0, &lock, NULL) == FIRN_OK) {
        remove_dir(parent, name, DEPTH_MAX);
        firn_os_file_close(lock);
    }
    firn_os_dir_close(dir);
}

static void
remove_all_abandoned(struct firn_os_dir *parent)
{
    struct firn_buf names = {0};
    struct firn_os_dir *own;
    /* A handle of its own: others may be listing the caller's. */
    if (firn_os_dir_open_beneath(parent, "", &own, NULL) != FIRN_OK) {
        return;
    }
    FIRN_IGNORE(firn_os_dir_list(own, keep_scratch, &names, NULL));
    for (size_t at = 0; at < names.size;) {
        const char *name = (const char *)names.data + at;
        remove_abandoned(parent, name);
        at += strlen(name) + 1;
    }
    firn_buf_deinit(&names);
    firn_os_dir_close(own);
}

/* ---- making ---- */

static int
draw_name(struct firn_storefile_scratch *scratch, firn_error *err)
{
    uint8_t bytes[8];
    int rc = firn_os_random(firn_os_dir_os(scratch->parent), bytes, sizeof bytes, err);
    if (rc == FIRN_OK) {
        int size = snprintf(scratch->name, sizeof scratch->name, "%s%016" PRIx64 "%s", prefix,
                            firn_load_le64(bytes), suffix);
        CHECK(size > 0 && (size_t)size < sizeof scratch->name);
    }
    return rc;
}

/* (I1); FIRN_NOT_FOUND and FIRN_BUSY. */
static int
check_lock(const struct firn_storefile_scratch *scratch, firn_error *err)
{
    struct firn_os_stat held;
    struct firn_os_stat named;
    int rc;
    DCHECK(scratch->lock != NULL);
    FIRN_TRY(firn_os_file_stat(scratch->lock, &held, err));
    FIRN_TRY(firn_os_stat(scratch->dir, FIRN_STOREFILE_LOCK_NAME, &named, err));
    if (held.inode != named.inode) {
        rc = firn_error_set(err, FIRN_BUSY, "'%s' is locked by another process",
                            firn_os_dir_path(scratch->dir));
    }
out:
    return rc;
}

/* FIRN_BUSY and FIRN_NOT_FOUND where somebody took it for an abandoned one. */
static int
make(struct firn_storefile_scratch *scratch, firn_error *err)
{
    char name[sizeof scratch->name];
    int rc;
    DCHECK(scratch->dir == NULL && scratch->lock == NULL && scratch->name[0] == '\0');
    FIRN_TRY(draw_name(scratch, err));
    memcpy(name, scratch->name, sizeof name);
    scratch->name[0] = '\0';
    FIRN_TRY(firn_os_make_dir(scratch->parent, name, 0700, err));
    memcpy(scratch->name, name, sizeof name);
    FIRN_TRY(firn_os_dir_open(scratch->parent, name, &scratch->dir, err));
    FIRN_TRY(firn_storefile_lock_acquire(scratch->dir, 0, &scratch->lock, err));
    FIRN_TRY(check_lock(scratch, err));
out:
    return rc;
}

int
firn_storefile_scratch_create(struct firn_storefile_scratch *scratch, struct firn_os_dir *parent,
                              firn_error *err)
{
    int rc = FIRN_BUSY;
    remove_all_abandoned(parent);
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        *scratch = (struct firn_storefile_scratch){.parent = parent};
        rc = make(scratch, err);
        if (rc == FIRN_OK) {
            break;
        }
        firn_storefile_scratch_remove(scratch);
        if (rc != FIRN_BUSY && rc != FIRN_NOT_FOUND) {
            break;
        }
    }
    return rc;
}
