/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_sqlite.c: SQLite databases in the tree that a process has open.
 *
 * A database in use is up to four files: its own and, beside it, -wal, -journal and -shm. Reading
 * them one after the other would combine states that never existed together. So if a lock is held
 * on a database (on the bytes that its format names, as in checkout/checkout_sqlite.c) and a file
 * is beside it, the caller's copy function copies one committed state of it, through SQLite, to a
 * file that only this scan uses. The copy is saved under the database's name. The three files
 * beside the database are left out, since their content is in the copy.
 *
 * This is decided when the directory is visited, before any entry is read: which names are left out
 * depends on whether the copy could be made. A database that stays locked counts as a file that
 * cannot be read: it is carried over from the last checkpoint (scan_carry.c), and so are the files
 * beside it, because they fit together there. If a database cannot be copied for another reason
 * (there is no SQLite library, it only begins like a database, a hot journal has not been rolled
 * back), all files are saved as they are, and this is reported.
 *
 * A writer may come later, and create its journal and write pages while the file is read. The
 * file's times do not show this if the first page was written before the first look, and the last
 * one after the second. But such a writer holds a lock all that time. So after a database has been
 * read, and before the look that ends the reading, its lock is tested again (I1; not checked: it is
 * an order of system calls). If it is held, the next attempt reads a copy.
 *
 * The files beside the database would not fit that copy. Their names sort after the database's, so
 * they have not been read yet and are left out as well. Only in a directory of several segments may
 * another worker be reading them; there all files are saved as they are, and this is reported.
 *
 * A database that no process has open is a file like any other. So are the files beside it, from
 * which the next process that opens it recovers: they do not change, so they fit together. But a
 * process may open it between the reading of the database and of its journal or log. So it is
 * noted, at a moment when no lock is held and the database as it is read is complete, which of
 * these files is live: a log that is not empty, or a journal that has a header. One that was not
 * live then holds nothing of that database, and if it is live, or changes, when it is read, it is
 * left out (I3; not checked: another process decides). One that was live was left by a process that
 * ended without closing the database. If it has changed since then, somebody has recovered the
 * database; the files are saved as they are, and this is reported.
 *
 * A database with several names is treated as a plain file too: SQLite does not support these, and
 * closing one name would release the locks of another.
 *
 * The copies of a directory stay open until its object has been made. They have no print: no look
 * at the file of a database in use can show its state (I2).
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "scan/scan_internal.h"
#include "threads/os_callback.h"

/* A file that can make a database another one. */
enum { LOG, JOURNAL, LIVE_COUNT };
struct note {
    bool is_taken;
    struct beside {
        struct fi_os_stat stat; /* if it is live */
        bool is_live;
    } beside[LIVE_COUNT];
};

struct fi_scan_database {
    firn_slice name; /* of the listing */
    enum fi_scan_sqlite_state state;
    struct fi_os_file *copy; /* if it is COPIED */
    struct note note;        /* if it is PLAIN */
};

static const char *const suffixes[] = {[LOG] = "-wal", [JOURNAL] = "-journal", "-shm"};
static const uint8_t magic[16] = "SQLite format 3";
static const uint64_t locking_byte = UINT64_C(1) << 30;
enum { PAGE_SIZE_MIN = 512, LOCKING_SIZE = 512, COPY_PATH_SIZE = 4096 };

size_t
fi_scan_sqlite_beside_size(const char *name, size_t size)
{
    if (!fi_scan_sqlite_may_be_beside(name, size)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t suffix = strlen(suffixes[i]);
        if (size > suffix && memcmp(name + size - suffix, suffixes[i], suffix) == 0) {
            return size - suffix;
        }
    }
    return 0;
}

int
fi_scan_sqlite_is_database(struct fi_os_file *file, uint64_t size, bool *out, firn_error *err)
{
    uint8_t head[sizeof magic];
    size_t got = 0;
    *out = false;
    if (size < PAGE_SIZE_MIN || size % PAGE_SIZE_MIN != 0) {
        return FIRN_OK;
    }
    int rc = fi_os_file_read(file, 0, head, sizeof head, &got, err);
    *out = rc == FIRN_OK && got == sizeof head && memcmp(head, magic, sizeof magic) == 0;
    return rc;
}

static bool
is_locked(struct fi_os_file *file)
{
    bool is_held = false;
    /* A file system without locks counts as no lock held. */
    FI_IGNORE(fi_os_file_is_range_held(file, locking_byte, LOCKING_SIZE, &is_held, NULL));
    return is_held;
}

int
fi_scan_sqlite_is_in_use(struct fi_os_file *file, uint64_t size, bool *out, firn_error *err)
{
    int rc = fi_scan_sqlite_is_database(file, size, out, err);
    *out = *out && is_locked(file);
    return rc;
}

/* Opens the copy at a path, and removes its name. */
static int
open_copy(struct fi_os *os, char *path, struct fi_os_file **out, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    char *name = strrchr(path, '/');
    int rc;
    if (name == NULL || name == path) {
        return fi_error_set(err, FIRN_INVALID, "'%.512s' is no place for a copy", path);
    }
    *name++ = '\0';
    FI_TRY(fi_os_dir_open_path(os, path, &dir, err));
    rc = fi_os_file_open(dir, name, FI_OS_READ, 0, out, err);
    FI_IGNORE(fi_os_remove_file(dir, name, NULL));
out:
    fi_os_dir_close(dir);
    return rc;
}

static int
scan_sqlite_copy(struct fi_scan *scan, struct fi_os_dir *dir, const char *name,
                 struct fi_os_file **out, firn_error *err)
{
    const struct fi_scan_sqlite *sqlite = &scan->options->sqlite;
    struct fi_buf path = {0};
    char *place = fi_alloc(COPY_PATH_SIZE);
    int rc = place == NULL ? FIRN_NO_MEMORY : fi_os_dir_real_path(dir, &path, err);
    if (place == NULL ||
        (rc == FIRN_OK && (fi_buf_append_u8(&path, '/') != FIRN_OK ||
                           fi_buf_append(&path, name, strlen(name) + 1) != FIRN_OK))) {
        rc = fi_error_no_memory(err, "a copy of a database");
        goto out;
    }
    FI_TRY(rc);
    unsigned begun = fi_os_callback_begin();
    rc = sqlite->copy(sqlite->ctx, (const char *)path.data, place, COPY_PATH_SIZE, err);
    fi_os_callback_end(begun);
    rc = rc == FIRN_OK ? open_copy(scan->os, place, out, err) : rc;
out:
    fi_buf_deinit(&path);
    fi_free(place);
    return rc;
}

static uint64_t
database_hash(const void *record)
{
    const struct fi_scan_database *database = record;
    return fi_xxh3(database->name.data, database->name.size, 0);
}

static bool
database_equal(const void *record, const void *key)
{
    return fi_slice_equal(((const struct fi_scan_database *)record)->name,
                          ((const struct fi_scan_database *)key)->name);
}

static struct fi_scan_database *
scan_sqlite_find(const struct fi_scan_node *node, const char *name, size_t size)
{
    const struct fi_scan_database key = {.name = firn_bytes(name, size)};
    return node->databases.count == 0
               ? NULL
               : fi_hash_map_find(&node->databases, database_hash(&key), &key);
}

/* Whether a database may be recovered from a file beside it, by its size and its first byte. A
 * journal that its transaction has left has zeros for a header. What cannot be read counts as
 * live. */
static bool
is_live(unsigned kind, struct fi_os_file *file, uint64_t size)
{
    uint8_t first = 0;
    size_t got = 0;
    DCHECK(kind < LIVE_COUNT);
    return size > 0 &&
           (kind == LOG || fi_os_file_read(file, 0, &first, sizeof first, &got, NULL) != FIRN_OK ||
            (got > 0 && first != 0));
}

/* Notes the files beside a database (I3); false if none is live. */
static bool
note_beside(struct fi_os_dir *dir, firn_slice name, struct note *out)
{
    char path[FI_TREE_NAME_SIZE_MAX + 16];
    bool is_any_live = false;
    for (unsigned i = 0; i < LIVE_COUNT; i++) {
        struct fi_os_file *file = NULL;
        struct beside *beside = &out->beside[i];
        int size = snprintf(path, sizeof path, "%.*s%s", (int)name.size, (const char *)name.data,
                            suffixes[i]);
        if (size < 0 || (size_t)size >= sizeof path) {
            continue; /* no such name exists */
        }
        int rc = fi_os_file_open_stat(dir, path, FI_OS_READ | FI_OS_NO_ATIME, 0, &file,
                                      &beside->stat, NULL);
        beside->is_live =
            rc == FIRN_OK ? is_live(i, file, beside->stat.size_bytes) : rc != FIRN_NOT_FOUND;
        is_any_live = is_any_live || beside->is_live;
        fi_os_file_close(file);
    }
    return is_any_live;
}

/* Whether an open file is a database in use; if it is one that is not, the files beside it are
 * noted
 * (I3). A live one may have been begun since the first test, so the lock is tested once more. */
static int
test_use(const struct fi_scan_database *database, struct fi_os_dir *dir, struct fi_os_file *file,
         uint64_t size, struct note *out_note, bool *out_is_in_use, firn_error *err)
{
    *out_note = (struct note){.is_taken = false};
    int rc = fi_scan_sqlite_is_database(file, size, &out_note->is_taken, err);
    *out_is_in_use =
        out_note->is_taken &&
        (is_locked(file) || (note_beside(dir, database->name, out_note) && is_locked(file)));
    return rc;
}

/* Whether a file with a single name is a database in use; false if it cannot be read. */
static bool
scan_sqlite_inspect(const struct fi_scan *scan, const struct fi_scan_node *node,
                    struct fi_os_dir *dir, struct fi_scan_database *database)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    bool is_in_use = false;
    if (fi_os_file_open_stat(dir, (const char *)database->name.data, FI_OS_READ | FI_OS_NO_ATIME, 0,
                             &file, &stat, NULL) == FIRN_OK &&
        stat.nlink == 1 && !fi_scan_is_too_large(scan, node, &stat) &&
        test_use(database, dir, file, stat.size_bytes, &database->note, &is_in_use, NULL) !=
            FIRN_OK) {
        is_in_use = false; /* the attempt to read it will report the cause */
    }
    fi_os_file_close(file); /* before SQLite opens it: closing would release SQLite's locks */
    return is_in_use;
}

int
fi_scan_sqlite_recheck(struct fi_scan_node *node, struct fi_os_dir *dir, const char *name,
                       struct fi_os_file *file, uint64_t size, bool *out_is_in_use, firn_error *err)
{
    struct fi_scan_database *database = scan_sqlite_find(node, name, strlen(name));
    struct note note;
    if (database == NULL || database->state != FI_SCAN_SQLITE_PLAIN) {
        return fi_scan_sqlite_is_in_use(file, size, out_is_in_use, err);
    }
    int rc = test_use(database, dir, file, size, &note, out_is_in_use, err);
    if (rc == FIRN_OK && node->segment_count == 1) { /* else other workers read the note */
        database->note = note;
    }
    return rc;
}

int
fi_scan_sqlite_assess_beside(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                             const char *name, struct fi_os_file *file,
                             const struct fi_os_stat *stat, bool *is_stable, bool *out_is_left_out,
                             firn_error *err)
{
    size_t size = node->databases.count == 0 ? 0 : fi_scan_sqlite_beside_size(name, strlen(name));
    const struct fi_scan_database *database = size == 0 ? NULL : scan_sqlite_find(node, name, size);
    *out_is_left_out = false;
    if (database == NULL || database->state != FI_SCAN_SQLITE_PLAIN || !database->note.is_taken) {
        return FIRN_OK;
    }
    for (unsigned i = 0; i < LIVE_COUNT; i++) {
        const struct beside *noted = &database->note.beside[i];
        if (strcmp(name + size, suffixes[i]) != 0) {
            continue;
        }
        if (!noted->is_live) {
            *out_is_left_out = !*is_stable || is_live(i, file, stat->size_bytes); /* (I3) */
            *is_stable = true;
        } else if (*is_stable && !fi_scan_is_same_stat(&noted->stat, stat)) {
            int rc = fi_error_set(err, FIRN_CONFLICT, "it was opened while its files were read");
            return fi_scan_report_sqlite(worker, node, (const char *)database->name.data, rc, err);
        }
    }
    return FIRN_OK;
}

static void
leave_databases(struct fi_scan_node *node)
{
    for (size_t i = 0; i < node->databases.count; i++) {
        const struct fi_scan_database *database = fi_hash_map_at(&node->databases, i);
        fi_os_file_close(database->copy);
    }
    fi_hash_map_deinit(&node->databases);
}

int
fi_scan_sqlite_enter(struct fi_scan_worker *worker, struct fi_scan_node *node,
                     struct fi_os_dir *dir, const char *name, firn_error *err)
{
    struct fi_scan_database *database = scan_sqlite_find(node, name, strlen(name));
    const struct fi_scan_database made = {.name = firn_str(name)};
    DCHECK(!node->is_in_store);
    if (database != NULL) {
        return FIRN_OK;
    }
    if (node->databases.count == 0) {
        fi_hash_map_init(&node->databases, sizeof made, database_hash, database_equal);
        node->leave_databases = leave_databases;
    }
    database = fi_hash_map_insert(&node->databases, database_hash(&made), &made);
    if (database == NULL) {
        return fi_error_no_memory(err, "a database");
    }
    if (!scan_sqlite_inspect(worker->scan, node, dir, database)) {
        return FIRN_OK;
    }
    node->has_more_to_tell = true; /* (I2) */
    int rc = scan_sqlite_copy(worker->scan, dir, name, &database->copy, err);
    if (rc != FIRN_OK && rc != FIRN_BUSY) {
        database->state = FI_SCAN_SQLITE_TOLD;
        return fi_scan_report_sqlite(worker, node, name, rc, err);
    }
    database->state = rc == FIRN_OK ? FI_SCAN_SQLITE_COPIED : FI_SCAN_SQLITE_LOCKED;
    DCHECK((database->copy == NULL) == (rc == FIRN_BUSY));
    return fi_scan_store_note(worker, node, name, FI_SCAN_DATABASE, err);
}

int
fi_scan_sqlite_copy_late(struct fi_scan_worker *worker, struct fi_scan_node *node,
                         struct fi_os_dir *dir, const char *name, struct fi_os_file **out,
                         firn_error *err)
{
    struct fi_scan_database *database = scan_sqlite_find(node, name, strlen(name));
    *out = NULL;
    DCHECK(!node->is_in_store);
    /* In a directory of several segments, other workers may be reading the files beside it. */
    int rc = database != NULL && node->segment_count > 1
                 ? fi_error_set(err, FIRN_CONFLICT, "it was opened while its files were read")
                 : scan_sqlite_copy(worker->scan, dir, name, out, err);
    if (database != NULL && (rc == FIRN_OK || rc == FIRN_BUSY)) {
        DCHECK(database->state == FI_SCAN_SQLITE_PLAIN);
        database->state = rc == FIRN_OK ? FI_SCAN_SQLITE_LATE : FI_SCAN_SQLITE_LOCKED;
    }
    fi_os_mutex_lock(&worker->scan->mutex);
    node->has_more_to_tell = true; /* (I2) */
    fi_os_mutex_unlock(&worker->scan->mutex);
    if (rc != FIRN_OK && rc != FIRN_BUSY) { /* from now on it is saved as it is */
        return fi_scan_report_sqlite(worker, node, name, rc, err);
    }
    int note_rc = fi_scan_store_note(worker, node, name, FI_SCAN_DATABASE, err);
    return note_rc == FIRN_OK ? rc : note_rc;
}

enum fi_scan_sqlite_state
fi_scan_sqlite_state(const struct fi_scan_node *node, const char *name, size_t size,
                     struct fi_os_file **out_copy, firn_error *err)
{
    if (node->databases.count == 0) {
        *out_copy = NULL;
        return FI_SCAN_SQLITE_NONE;
    }
    const struct fi_scan_database *database = scan_sqlite_find(node, name, size);
    bool is_beside = database == NULL;
    *out_copy = database != NULL ? database->copy : NULL;
    if (is_beside) { /* of a database that is LOCKED? */
        size = fi_scan_sqlite_beside_size(name, size);
        database = size > 0 ? scan_sqlite_find(node, name, size) : NULL;
    }
    if (database != NULL && database->state == FI_SCAN_SQLITE_LOCKED) {
        (void)fi_error_set(err, FIRN_BUSY, "a process keeps the SQLite database '%.*s' locked",
                           (int)size, name);
        return is_beside ? FI_SCAN_SQLITE_BESIDE : FI_SCAN_SQLITE_LOCKED;
    }
    return is_beside ? FI_SCAN_SQLITE_NONE : database->state;
}

bool
fi_scan_sqlite_is_apart(const struct fi_scan_node *node, const char *name, size_t size)
{
    struct fi_os_file *copy;
    enum fi_scan_sqlite_state state = fi_scan_sqlite_state(node, name, size, &copy, NULL);
    return state == FI_SCAN_SQLITE_COPIED || state == FI_SCAN_SQLITE_LOCKED ||
           state == FI_SCAN_SQLITE_LATE;
}

const struct fi_scan_item *
fi_scan_sqlite_beside(const struct fi_scan_listing *listing, const struct fi_scan_item *item)
{
    size_t size = fi_scan_sqlite_beside_size(item->name.text, item->name_size);
    size_t low = 0;
    size_t high = size == 0 || item->kind != FI_OS_FILE ? 0 : listing->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fi_scan_item *found = &listing->items[middle];
        int order = fi_slice_compare(firn_bytes(found->name.text, found->name_size),
                                     firn_bytes(item->name.text, size));
        if (order == 0) {
            return found->kind == FI_OS_FILE ? found : NULL;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

bool
fi_scan_sqlite_leaves_out(const struct fi_scan_node *node, const struct fi_scan_item *item)
{
    struct fi_os_file *copy;
    size_t size = node->databases.count == 0
                      ? 0
                      : fi_scan_sqlite_beside_size(item->name.text, item->name_size);
    if (size == 0 || item->kind != FI_OS_FILE) {
        return false;
    }
    enum fi_scan_sqlite_state state =
        fi_scan_sqlite_state(node, item->name.text, size, &copy, NULL);
    return state == FI_SCAN_SQLITE_COPIED || state == FI_SCAN_SQLITE_LATE;
}
