/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_sqlite.c: no SQLite database is restored while somebody has it open.
 *
 * A process that has a database open goes on with the file that it opened, whatever gets its name: what it writes later would be
 * lost, and a write-ahead log that it makes anew would be applied to another database than it was made for. So a
 * restore that is to change a database, or one of the files beside it (-wal, -journal, -shm), asks first whether a lock stands on
 * the database's locking bytes, as its file format says where they are: from 2^30, one byte that is pending, one that is
 * reserved, and 510 that are shared. Connections in WAL mode hold a shared lock for as long as they are open, others during
 * transactions. One that is open, without WAL and idle, cannot be distinguished from none; nor can a process on another
 * machine.
 *
 * (I1) What a scan found in use is saved as a copy, without the files beside it (scan/scan_sqlite.c). If nobody has it
 * open any more, a killed process may have left a log there that belongs to the old database: it must not stay
 * beside the restored one. So the restore begins anew with a scan, to which these files are files like others.
 *
 * A database is known by its first 16 bytes. Only files whose size is that of whole pages are opened for this, some one in 500 of
 * others. Nothing is locked, and nothing is waited for: any process can open the database afterwards, like any other file
 * that a restore replaces.
 */
#include "checkout/checkout_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "scan/scan.h"

/* Format of database files, 1.3.1 and 2.3.1 of SQLite's documentation. */
enum { PAGE_SIZE_MIN = 512, LOCKING_SIZE = 512 };
static const uint64_t locking_byte = UINT64_C(1) << 30;

static bool
is_file(const struct firn_tree_entry *entry)
{
    return entry != NULL && entry->kind == FIRN_TREE_FILE;
}

/* Whether what is there may be a database or belong to one, as far as the tree says. */
static bool
may_be_one(const struct firn_difference_walk_change *change, bool is_beside)
{
    if (is_beside) {
        return is_file(change->before) || is_file(change->after);
    }
    if (is_file(change->before) && is_file(change->after) &&
        firn_hash_equal(&change->before->hash, &change->after->hash)) {
        return false; /* its content stays */
    }
    return is_file(change->before) && change->before->size >= PAGE_SIZE_MIN &&
           change->before->size % PAGE_SIZE_MIN == 0;
}

static int
look(struct firn_os_file *file, firn_slice path, firn_error *err)
{
    bool is_locked;
    int rc = firn_scan_sqlite_is_in_use(file, PAGE_SIZE_MIN, &is_locked, err);
    if (rc != FIRN_OK || !is_locked) {
        return rc;
    }
    char holder[32] = "a process";
    uint64_t process = firn_os_file_range_holder(file, locking_byte, LOCKING_SIZE);
    if (process != 0) {
        (void)snprintf(holder, sizeof holder, "process %" PRIu64, process);
    }
    return firn_error_set(err, FIRN_BUSY,
                          "cannot restore the SQLite database '%.*s': %s has it open",
                          (int)path.size, (const char *)path.data, holder);
}

int
firn_checkout_sqlite_change(const struct firn_checkout_stores *stores,
                            const struct firn_difference_walk_change *change, firn_error *err)
{
    size_t size = firn_scan_sqlite_beside_size((const char *)change->path.data, change->path.size);
    firn_slice path = firn_bytes(change->path.data, size > 0 ? size : change->path.size);
    struct firn_buf text = {.data = NULL};
    struct firn_os_dir *dir = NULL;
    struct firn_os_file *file = NULL;
    int rc = FIRN_OK;
    if (!may_be_one(change, size > 0)) {
        return FIRN_OK;
    }
    DCHECK(path.size > 0);
    if (firn_buf_append(&text, path.data, path.size) != FIRN_OK ||
        firn_buf_append_u8(&text, 0) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a path");
        goto out;
    }
    char *name = (char *)text.data;
    char *slash = strrchr(name, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    rc = firn_os_dir_open_beneath(stores->root, slash != NULL ? name : "", &dir, err);
    if (rc == FIRN_OK) {
        rc = firn_os_file_open(dir, slash != NULL ? slash + 1 : name,
                               FIRN_OS_READ | FIRN_OS_NO_ATIME, 0, &file, err);
    }
    if (rc == FIRN_OK) {
        rc = look(file, path, err);
        if (rc == FIRN_OK && firn_checkout_stores_has_database(stores, path)) { /* (I1) */
            rc = firn_error_set(err, FIRN_BUSY,
                                "'%.*s' was in use until now; nothing was changed, run it again",
                                (int)path.size, (const char *)path.data);
        }
    } else if (rc != FIRN_NO_MEMORY) {
        rc = FIRN_OK; /* it is gone, no file, or not ours to read: what changes it tells */
    }
out:
    firn_os_file_close(file);
    firn_os_dir_close(dir);
    firn_buf_deinit(&text);
    return rc;
}
