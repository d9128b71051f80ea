/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_scratch.c: a temporary directory beside the target of an export.
 *
 * Its name is .firn-export-<16 hex digits>.tmp, and a file LOCK in it is locked while its process
 * works (storefile_lock.c). Creating another one in the same place first removes those whose lock
 * is free, because no process uses them any more.
 *
 * (I1) A process that has locked the file with the name LOCK in a directory has the directory to
 *      itself: removal begins with taking the lock, and removes the name while the lock is held.
 *      (Tested by check_lock: others may take it.)
 * Between creation and locking of a directory another process may take it for an abandoned one.
 * That process then has the lock, or, if it has finished, the locked file has lost its name. So
 * this is checked after locking, and another directory is created if necessary.
 *
 * Removal is best effort: what cannot be removed now is removed by the next export.
 */
#include "copy/copy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "os/os_names.h"
#include "storefile/storefile.h"

enum { ATTEMPTS_MAX = 10 };

static const char prefix[] = ".firn-export-";
static const char suffix[] = ".tmp";

/* ---- removing ---- */

void
fi_copy_scratch_remove(struct fi_copy_scratch *scratch)
{
    DCHECK(scratch->name[0] == '\0' || scratch->parent != NULL);
    if (scratch->name[0] != '\0') {
        FI_IGNORE(fi_storefile_remove_tree(scratch->parent, scratch->name, NULL));
    }
    fi_storefile_lock_release(scratch->lock);
    fi_os_dir_close(scratch->dir);
    *scratch = (struct fi_copy_scratch){0};
}

static bool
is_scratch(const struct fi_os_dirent *entry)
{
    size_t least = sizeof prefix - 1 + sizeof suffix - 1;
    return entry->name_size > least && memcmp(entry->name, prefix, sizeof prefix - 1) == 0 &&
           strcmp(entry->name + entry->name_size - (sizeof suffix - 1), suffix) == 0;
}

static void
remove_abandoned(struct fi_os_dir *parent, const char *name)
{
    struct fi_os_dir *dir;
    struct fi_storefile_lock *lock;
    if (fi_os_dir_open(parent, name, &dir, NULL) != FIRN_OK) {
        return;
    }
    if (fi_storefile_lock_acquire(dir, 0, &lock, NULL) == FIRN_OK) {
        FI_IGNORE(fi_storefile_remove_tree(parent, name, NULL));
        fi_storefile_lock_release(lock);
    }
    fi_os_dir_close(dir);
}

static void
remove_all_abandoned(struct fi_os_dir *parent)
{
    struct fi_buf names = {0};
    const char *name = NULL;
    struct fi_os_dir *own;
    /* A handle of its own: others may be listing the caller's. */
    if (fi_os_dir_open_beneath(parent, "", &own, NULL) != FIRN_OK) {
        return;
    }
    FI_IGNORE(fi_os_names_list(own, is_scratch, &names, NULL));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        remove_abandoned(parent, name);
    }
    fi_buf_deinit(&names);
    fi_os_dir_close(own);
}

/* ---- creating ---- */

static int
draw_name(struct fi_copy_scratch *scratch, firn_error *err)
{
    uint8_t bytes[8];
    int rc = fi_os_random(fi_os_dir_os(scratch->parent), bytes, sizeof bytes, err);
    if (rc == FIRN_OK) {
        int size = snprintf(scratch->name, sizeof scratch->name, "%s%016" PRIx64 "%s", prefix,
                            fi_load_le64(bytes), suffix);
        CHECK(size > 0 && (size_t)size < sizeof scratch->name);
    }
    return rc;
}

/* (I1); FIRN_NOT_FOUND and FIRN_BUSY. */
static int
check_lock(const struct fi_copy_scratch *scratch, firn_error *err)
{
    struct fi_os_stat held;
    struct fi_os_stat named;
    int rc;
    DCHECK(scratch->lock != NULL);
    FI_TRY(fi_os_file_stat(fi_storefile_lock_file(scratch->lock), &held, err));
    FI_TRY(fi_os_stat(scratch->dir, FI_STOREFILE_LOCK_NAME, &named, err));
    if (held.inode != named.inode) {
        rc = fi_error_set(err, FIRN_BUSY, "'%s' is locked by another process",
                          fi_os_dir_path(scratch->dir));
    }
out:
    return rc;
}

/* FIRN_BUSY or FIRN_NOT_FOUND if another process took it for an abandoned one. */
static int
copy_scratch_make(struct fi_copy_scratch *scratch, firn_error *err)
{
    char name[sizeof scratch->name];
    DCHECK(scratch->dir == NULL && scratch->lock == NULL && scratch->name[0] == '\0');
    FI_TRY_RETURN(draw_name(scratch, err));
    memcpy(name, scratch->name, sizeof name);
    scratch->name[0] = '\0';
    FI_TRY_RETURN(fi_os_make_dir(scratch->parent, name, 0700, err));
    memcpy(scratch->name, name, sizeof name);
    FI_TRY_RETURN(fi_os_dir_open(scratch->parent, name, &scratch->dir, err));
    FI_TRY_RETURN(fi_storefile_lock_acquire(scratch->dir, 0, &scratch->lock, err));
    return check_lock(scratch, err);
}

int
fi_copy_scratch_create(struct fi_copy_scratch *scratch, struct fi_os_dir *parent, firn_error *err)
{
    int rc = FIRN_BUSY;
    remove_all_abandoned(parent);
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        *scratch = (struct fi_copy_scratch){.parent = parent};
        rc = copy_scratch_make(scratch, err);
        if (rc == FIRN_OK) {
            break;
        }
        fi_copy_scratch_remove(scratch);
        if (rc != FIRN_BUSY && rc != FIRN_NOT_FOUND) {
            break;
        }
    }
    return rc;
}
