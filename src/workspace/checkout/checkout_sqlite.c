/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_sqlite.c: no SQLite database is restored while a process has it open.
 *
 * A process continues to use the database file that it opened, even if another file gets its name:
 * later writes would be lost, and a new write-ahead log would be applied to the wrong database. So
 * before a restore changes a database, or one of the files beside it (-wal, -journal, -shm), it
 * checks for locks on the locking bytes of SQLite's file format: from offset 2^30, the pending
 * byte, the reserved byte and 510 shared bytes. Connections in WAL mode hold a shared lock as long
 * as they are open, others during transactions. An idle connection without WAL cannot be detected,
 * nor can a process on another machine.
 *
 * (I1) A database that a scan found in use is saved as a copy, without the files beside it
 * (scan/scan_sqlite.c). If no process has it open any more, a killed process may have left a log of
 * the old database, which must not stay beside the restored one. So the caller has to run the
 * restore again, with a new scan that sees these files as ordinary ones.
 *
 * A database is recognised by its first 16 bytes. Only files with a whole number of pages are
 * opened for this, about one in 500 of other files. The check takes no lock and does not wait: any
 * process can open the database afterwards, like any other file that a restore replaces.
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
is_file(const struct fi_tree_entry *entry)
{
    return entry != NULL && entry->kind == FI_TREE_FILE;
}

/* Whether an entry may be a database or belong to one, judged by the tree alone. */
static bool
may_be_one(const struct fi_difference_walk_change *change, bool is_beside)
{
    if (is_beside) {
        return is_file(change->before) || is_file(change->after);
    }
    if (is_file(change->before) && is_file(change->after) &&
        fi_hash_equal(&change->before->hash, &change->after->hash)) {
        return false; /* its content stays */
    }
    return is_file(change->before) && change->before->size >= PAGE_SIZE_MIN &&
           change->before->size % PAGE_SIZE_MIN == 0;
}

static int
checkout_sqlite_inspect(struct fi_os_file *file, firn_slice path, firn_error *err)
{
    bool is_locked;
    int rc = fi_scan_sqlite_is_in_use(file, PAGE_SIZE_MIN, &is_locked, err);
    if (rc != FIRN_OK || !is_locked) {
        return rc;
    }
    char holder[32] = "a process";
    uint64_t process = fi_os_file_range_holder(file, locking_byte, LOCKING_SIZE);
    if (process != 0) {
        (void)snprintf(holder, sizeof holder, "process %" PRIu64, process);
    }
    return fi_error_set(err, FIRN_BUSY, "cannot restore the SQLite database '%.*s': %s has it open",
                        (int)path.size, (const char *)path.data, holder);
}

int
fi_checkout_sqlite_change(const struct fi_checkout_stores *stores,
                          const struct fi_difference_walk_change *change, firn_error *err)
{
    size_t size = fi_scan_sqlite_beside_size((const char *)change->path.data, change->path.size);
    firn_slice path = firn_bytes(change->path.data, size > 0 ? size : change->path.size);
    struct fi_buf text = {.data = NULL};
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    int rc = FIRN_OK;
    if (!may_be_one(change, size > 0)) {
        return FIRN_OK;
    }
    DCHECK(path.size > 0);
    if (fi_buf_append(&text, path.data, path.size) != FIRN_OK ||
        fi_buf_append_u8(&text, 0) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    char *name = (char *)text.data;
    char *slash = strrchr(name, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    rc = fi_os_dir_open_beneath(stores->root, slash != NULL ? name : "", &dir, err);
    if (rc == FIRN_OK) {
        rc = fi_os_file_open(dir, slash != NULL ? slash + 1 : name, FI_OS_READ | FI_OS_NO_ATIME, 0,
                             &file, err);
    }
    if (rc == FIRN_OK) {
        rc = checkout_sqlite_inspect(file, path, err);
        if (rc == FIRN_OK && fi_checkout_stores_has_database(stores, path)) { /* (I1) */
            rc = fi_error_set(err, FIRN_BUSY,
                              "'%.*s' was in use until now; nothing was changed, run it again",
                              (int)path.size, (const char *)path.data);
        }
    } else if (rc != FIRN_NO_MEMORY) {
        rc = FIRN_OK; /* gone, not a file, or unreadable: the change itself will report it */
    }
out:
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc;
}
