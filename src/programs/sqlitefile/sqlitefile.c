/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile.c: SQLite's library, loaded when a database first needs it, and files
 * opened with care.
 *
 * No command waits for the library unless there is a database to copy or to compare. It stays
 * loaded until the program ends.
 *
 * What is opened here was written by others, and every file of others is opened here. So a
 * connection runs with SQLite's defensive settings: no function that a schema names is run unless
 * SQLite calls it harmless, no virtual table, trigger or view works, no extension can be loaded,
 * the sizes of cells are checked before they are used, and SQLite's limits are those of the table
 * below.
 *
 * The rows of a copy are bounded by its size (sqlitefile_pages.c), but what SQLite makes of a row
 * is not: one of six bytes may have 2,000 columns, each with a default of a mebibyte. So a
 * statement has a budget (struct fi_sqlitefile_budget), in steps of SQLite's machine and bytes of
 * values, of so many for each byte of the file, and a value has no more bytes than the file.
 */
#include "sqlitefile/sqlitefile_internal.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

/* The same name since SQLite 3; the library of the development package has another one. */
static const char library_name[] = "libsqlite3.so.0";

/* SQLITE_OPEN_NOFOLLOW, and the setting of triggers and views. */
enum { VERSION_MIN = 3031000 };

enum {
    VALUE_SIZE_MAX = 128 << 20,
    VALUE_SIZE_MIN =
        1
        /* what a file may have at least, however small: SQLite's own texts are values, too */
        << 20,
    STEPS_BETWEEN_LOOKS = 10000,
    /* A step reads a column, and a row of six bytes may have 30 that were added to its table after
     * it. */
    UNITS_PER_BYTE = 128,
    UNITS_MIN = 64 << 20
};

static const struct {
    int id;
    int value;
} limits[] = {
    {SQLITE_LIMIT_LENGTH, VALUE_SIZE_MAX},
    {SQLITE_LIMIT_SQL_LENGTH, 4 << 20}, /* our own statements name up to 2,000 columns */
    {SQLITE_LIMIT_COMPOUND_SELECT, 4},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 8},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

static struct fi_sqlitefile_library loaded;
static bool is_loaded;
static char why_not[512];
static pthread_once_t once = PTHREAD_ONCE_INIT;

struct name {
    const char *name;
    size_t offset;
};

#define NAME(field)                                                      \
    {                                                                    \
        "sqlite3_" #field, offsetof(struct fi_sqlitefile_library, field) \
    }
static const struct name names[] = {
    NAME(libversion_number),
    NAME(open_v2),
    NAME(close),
    NAME(errmsg),
    NAME(db_config),
    NAME(limit),
    NAME(exec),
    NAME(prepare_v2),
    NAME(step),
    NAME(finalize),
    NAME(column_count),
    NAME(column_type),
    NAME(column_int),
    NAME(column_int64),
    NAME(column_double),
    NAME(column_text),
    NAME(column_blob),
    NAME(column_bytes),
    NAME(file_control),
    NAME(progress_handler),
    NAME(backup_init),
    NAME(backup_step),
    NAME(backup_finish),
    NAME(wal_checkpoint_v2),
    NAME(drop_modules),
    NAME(bind_text),
    NAME(column_name),
};

/* A function pointer is read as what dlsym says it is. */
static bool
find_all(void *handle)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *symbol = dlsym(handle, names[i].name);
        if (symbol == NULL) {
            return false;
        }
        assert(sizeof symbol == sizeof(void (*)(void)));
        memcpy((char *)&loaded + names[i].offset, &symbol, sizeof symbol);
    }
    return true;
}

static void
sqlitefile_load(void)
{
    void *handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    is_loaded = handle != NULL && find_all(handle);
    if (!is_loaded) {
        const char *why = dlerror();
        (void)snprintf(why_not, sizeof why_not, "%.400s", why != NULL ? why : library_name);
    } else if (loaded.libversion_number() < VERSION_MIN) {
        is_loaded = false;
        (void)snprintf(why_not, sizeof why_not, "%s is older than 3.31", library_name);
    }
}

const struct fi_sqlitefile_library *
fi_sqlitefile_load(firn_error *err)
{
    (void)pthread_once(&once, sqlitefile_load);
    if (!is_loaded) {
        (void)fi_sqlitefile_fail(err, FIRN_UNSUPPORTED,
                                 "could not load SQLite, install Debian's libsqlite3-0: %s",
                                 why_not);
    }
    return is_loaded ? &loaded : NULL;
}

int
fi_sqlitefile_open(const struct fi_sqlitefile_library *library, const char *path, int flags,
                   sqlite3 **out)
{
    *out = NULL;
    assert(path[0] == '/'); /* else it could be a URI */
    FI_TRY_RETURN(library->open_v2(
        path, out, flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX,
        NULL));
    (void)library->db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, NULL);
    (void)library->db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)library->limit(*out, limits[i].id, limits[i].value);
    }
    (void)library->drop_modules(*out, NULL); /* those of PRAGMA come back when they are named */
    return library->exec(*out, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", NULL, NULL,
                         NULL);
}

/* ---- budgets ---- */

bool
fi_sqlitefile_spend(struct fi_sqlitefile_budget *budget, uint64_t units)
{
    budget->left = units < budget->left ? budget->left - units : 0;
    return budget->left > 0;
}

void
fi_sqlitefile_renew(struct fi_sqlitefile_budget *budget)
{
    assert(budget->whole > 0);
    budget->left = budget->whole;
}

/* For SQLite: whether the statement ends here. */
static int
is_over(void *ctx)
{
    return fi_term_signals_caught() != 0 || !fi_sqlitefile_spend(ctx, STEPS_BETWEEN_LOOKS);
}

static void
bound_by_size(const struct fi_sqlitefile_library *library, sqlite3 *db, uint64_t size,
              struct fi_sqlitefile_budget *budget)
{
    const uint64_t bytes = size < UINT64_MAX / (UINT64_C(2) * UNITS_PER_BYTE) ? size : 0;
    budget->whole = UNITS_MIN + UNITS_PER_BYTE * bytes;
    fi_sqlitefile_renew(budget);
    library->progress_handler(db, STEPS_BETWEEN_LOOKS, is_over, budget);
    if (size < VALUE_SIZE_MAX) { /* a text in UTF-16 may be longer in UTF-8, by a half */
        const uint64_t value = VALUE_SIZE_MIN + size + size / 2;
        (void)library->limit(db, SQLITE_LIMIT_LENGTH,
                             value < VALUE_SIZE_MAX ? (int)value : VALUE_SIZE_MAX);
    }
}

/* ---- copies ---- */

static int
sqlitefile_fail(const struct fi_sqlitefile_library *library, int rc, sqlite3 *db, firn_error *err)
{
    return fi_sqlitefile_fail(err, (rc & 0xff) == SQLITE_NOMEM ? FIRN_NO_MEMORY : FIRN_CORRUPT,
                              "%s", db != NULL ? library->errmsg(db) : "out of memory");
}

/* Moves what a log has into the file. A connection knows of a log once it has read: the number of
 * the schema is in the header, so no tree is looked at. */
static int
play_back(const struct fi_sqlitefile_library *library, sqlite3 *db, firn_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = library->prepare_v2(db, "PRAGMA schema_version", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        (void)library->step(statement);
        rc = library->finalize(statement);
    }
    if (rc == SQLITE_OK) {
        rc = library->wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    return rc == SQLITE_OK ? FIRN_OK : sqlitefile_fail(library, rc, db, err);
}

/* The first pages of all trees but the schema's, which was walked before. */
static int
walk_trees(const struct fi_sqlitefile_library *library, sqlite3 *db,
           struct fi_sqlitefile_pages *pages, firn_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = FIRN_OK;
    int rc = library->prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE rootpage <> 0", -1,
                                 &statement, NULL);
    while (rc == SQLITE_OK && code == FIRN_OK && (rc = library->step(statement)) == SQLITE_ROW) {
        const sqlite3_int64 root = library->column_int64(statement, 0);
        rc = SQLITE_OK;
        code = root > 0 && root <= UINT32_MAX
                   ? fi_sqlitefile_pages_walk(pages, (uint32_t)root, err)
                   : fi_sqlitefile_fail(err, FIRN_CORRUPT, "the schema names no page");
    }
    int end_rc = library->finalize(statement);
    rc = rc == SQLITE_OK || rc == SQLITE_DONE ? end_rc : rc;
    return code != FIRN_OK || rc == SQLITE_OK ? code : sqlitefile_fail(library, rc, db, err);
}

int
fi_sqlitefile_open_copy(const struct fi_sqlitefile_library *library, const char *path,
                        struct fi_sqlitefile_budget *budget, sqlite3 **out, firn_error *err)
{
    struct fi_sqlitefile_pages *pages = NULL;
    struct stat info = {.st_size = 0};
    int rc = fi_sqlitefile_open(library, path, SQLITE_OPEN_READWRITE, out);
    int code =
        rc == SQLITE_OK ? play_back(library, *out, err) : sqlitefile_fail(library, rc, *out, err);
    if (code == FIRN_OK && stat(path, &info) != 0) {
        code = fi_sqlitefile_fail(err, FIRN_IO, "could not look at a copy: %s", strerror(errno));
    }
    if (code == FIRN_OK) {
        bound_by_size(library, *out, (uint64_t)info.st_size, budget);
    }
    if (code != FIRN_OK || info.st_size == 0) {
        return code; /* an empty file is an empty database */
    }
    /* Closing a file takes back the locks that SQLite has on it; nobody else has the copy. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) {
        return fi_sqlitefile_fail(err, FIRN_IO, "could not open a copy: %s", strerror(errno));
    }
    code = fi_sqlitefile_pages_open(file, &pages, err);
    code = code == FIRN_OK ? fi_sqlitefile_pages_walk(pages, 1, err) : code;
    code = code == FIRN_OK ? walk_trees(library, *out, pages, err) : code;
    fi_sqlitefile_pages_close(pages);
    return code;
}

/* ---- the place of copies ----
 *
 * What is in an encrypted store should not be on a disk in clear for the sake of a copy, which
 * stays there after it was removed. A database that is in use lies in the workspace in clear, but
 * that may be on a disk that is encrypted, and TMPDIR on another one. Memory takes copies of at
 * most FI_SQLITEFILE_HIDDEN_MAX bytes, and of a quarter of what a file system in memory has left,
 * since others need that, too. */

/* Set by the thread that opens workspaces, before copies are made for them. */
static atomic_bool is_hidden;

void
fi_sqlitefile_hide_for(const char *store_path)
{
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    if (firn_keys_list(store_path, NULL, NULL, &info, NULL) == FIRN_OK &&
        info.cipher != FIRN_CIPHER_NONE) {
        /* Relaxed: threads that copy are begun later. */
        atomic_store_explicit(&is_hidden, true, memory_order_relaxed);
    }
}

static bool
is_in_memory(const char *place, uint64_t bytes)
{
    struct statfs system;
    return place != NULL && place[0] == '/' && access(place, W_OK | X_OK) == 0 &&
           statfs(place, &system) == 0 && system.f_type == TMPFS_MAGIC &&
           bytes / (uint64_t)system.f_bsize < (uint64_t)system.f_bavail / 4;
}

const char *
fi_sqlitefile_place_for(uint64_t bytes)
{
    if (atomic_load_explicit(&is_hidden, memory_order_relaxed) &&
        bytes <= FI_SQLITEFILE_HIDDEN_MAX) {
        const char *const places[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm"};
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (is_in_memory(places[i], bytes)) {
                return places[i];
            }
        }
    }
    return fi_sqlitefile_place();
}

const char *
fi_sqlitefile_place(void)
{
    const char *place = getenv("TMPDIR");
    if (place != NULL && place[0] == '/' && access(place, W_OK | X_OK) == 0) {
        return place;
    }
    return access("/var/tmp", W_OK | X_OK) == 0 ? "/var/tmp" : "/tmp";
}
