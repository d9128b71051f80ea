/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_lmdb.c: LMDB: one environment, whose named databases become keyspaces.
 *
 * All is read in one transaction. LMDB's lock file tells a process that has the environment open of
 * this reader. If there is no lock file, no process has the environment open, and none is created.
 *
 * The database without a name lists the named ones: such an entry is no data. What else it has
 * becomes the keyspace "default". In a database with MDB_DUPSORT a key may have several values. It
 * becomes a keyspace with empty values: its keys are key and value, as two texts of firn/key.h, in
 * the same order.
 *
 * A damaged tree may have no end. (I1) No more entries are sent than the database says it has.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "term/term_try.h"

/* LMDB's interface. */
enum {
    OPEN_NO_SUBDIR = 0x4000,
    OPEN_READ_ONLY = 0x20000,
    OPEN_NO_TLS = 0x200000,
    OPEN_NO_LOCK = 0x400000,
    FLAG_REVERSE_KEY = 0x02,
    FLAG_DUPLICATES = 0x04,
    FLAG_INTEGER_KEY = 0x08,
    FLAG_INTEGER_DUPLICATE = 0x20,
    FLAG_REVERSE_DUPLICATE = 0x40,
    RESULT_NOT_FOUND = -30798,
    RESULT_INCOMPATIBLE = -30784,
    CURSOR_FIRST = 0,
    CURSOR_NEXT = 8
};
struct lmdb_value {
    size_t size;
    void *data;
};
struct lmdb_stat {
    unsigned page_size;
    unsigned depth;
    size_t branch_pages;
    size_t leaf_pages;
    size_t overflow_pages;
    size_t entries;
};
struct environment;
struct transaction;
struct cursor;

enum {
    DATABASES_MAX = 16384,
    ODD_ORDER =
        FLAG_REVERSE_KEY | FLAG_INTEGER_KEY | FLAG_INTEGER_DUPLICATE | FLAG_REVERSE_DUPLICATE,
    RECORD_SIZE = 48, /* of the record of a named database */
    NAME_SIZE_MAX = 511
};

struct lmdb {
    int (*env_create)(struct environment **out);
    int (*env_set_maxdbs)(struct environment *environment, unsigned count);
    int (*env_open)(struct environment *environment, const char *path, unsigned flags, mode_t mode);
    int (*txn_begin)(struct environment *environment, struct transaction *parent, unsigned flags,
                     struct transaction **out);
    int (*dbi_open)(struct transaction *transaction, const char *name, unsigned flags,
                    unsigned *out);
    int (*dbi_flags)(struct transaction *transaction, unsigned database, unsigned *out);
    int (*stat)(struct transaction *transaction, unsigned database, struct lmdb_stat *out);
    int (*cursor_open)(struct transaction *transaction, unsigned database, struct cursor **out);
    int (*cursor_get)(struct cursor *cursor, struct lmdb_value *key, struct lmdb_value *value,
                      int operation);
    void (*cursor_close)(struct cursor *cursor);
    char *(*strerror)(int result);
};
static const char *const symbols[] = {"mdb_env_create",   "mdb_env_set_maxdbs", "mdb_env_open",
                                      "mdb_txn_begin",    "mdb_dbi_open",       "mdb_dbi_flags",
                                      "mdb_stat",         "mdb_cursor_open",    "mdb_cursor_get",
                                      "mdb_cursor_close", "mdb_strerror",       NULL};
static const struct fi_migrate_library library = {
    .product = "LMDB", .package = "liblmdb0", .soname = "liblmdb.so.0", .symbols = symbols};

struct reading {
    struct lmdb lmdb;
    struct fi_migrate_pipe *pipe;
    struct transaction *transaction;
    unsigned main;
    char **names; /* of the named databases */
    size_t count;
    size_t next;  /* of them, to be passed over */
    uint8_t *key; /* room for a key with its value */
    size_t key_capacity;
    firn_error *err;
};

static int
migrate_lmdb_fail(const struct reading *reading, int result)
{
    assert(result != 0);
    int code = result == 2 ? FIRN_NOT_FOUND : result > 0 ? FIRN_IO : FIRN_CORRUPT;
    return fi_migrate_fail(reading->err, code, "LMDB cannot read the database: %.400s",
                           reading->lmdb.strerror(result));
}

/* Whether an entry of the main database is a named one; then it is open. */
static bool
is_database(const struct reading *reading, const struct lmdb_value *key,
            const struct lmdb_value *value, char name[NAME_SIZE_MAX + 1], unsigned *out,
            int *result)
{
    *result = RESULT_INCOMPATIBLE;
    if (value->size == RECORD_SIZE && key->size > 0 && key->size <= NAME_SIZE_MAX &&
        memchr(key->data, '\0', key->size) == NULL) {
        memcpy(name, key->data, key->size);
        name[key->size] = '\0';
        *result = reading->lmdb.dbi_open(reading->transaction, name, 0, out);
    }
    return *result == 0;
}

/* Calls visit for each entry of a database. */
static int
migrate_lmdb_walk(struct reading *reading, unsigned database,
                  int (*visit)(struct reading *reading, const struct lmdb_value *key,
                               const struct lmdb_value *value))
{
    struct cursor *cursor = NULL;
    struct lmdb_value key = {0, NULL};
    struct lmdb_value value = {0, NULL};
    struct lmdb_stat stat = {.entries = 0};
    uint64_t walked = 0;
    int code = FIRN_OK;
    int result = reading->lmdb.stat(reading->transaction, database, &stat);
    result =
        result == 0 ? reading->lmdb.cursor_open(reading->transaction, database, &cursor) : result;
    result = result == 0 ? reading->lmdb.cursor_get(cursor, &key, &value, CURSOR_FIRST) : result;
    while (result == 0 && code == FIRN_OK) {
        code = ++walked > stat.entries
                   ? fi_migrate_fail(reading->err, FIRN_CORRUPT,
                                     "the database is damaged: it has more entries than it says")
                   : visit(reading, &key, &value);
        result = reading->lmdb.cursor_get(cursor, &key, &value, CURSOR_NEXT);
    }
    if (cursor != NULL) {
        reading->lmdb.cursor_close(cursor);
    }
    return code != FIRN_OK || result == 0 || result == RESULT_NOT_FOUND
               ? code
               : migrate_lmdb_fail(reading, result);
}

static int
find_database(struct reading *reading, const struct lmdb_value *key, const struct lmdb_value *value)
{
    char name[NAME_SIZE_MAX + 1];
    unsigned database;
    int result;
    if (!is_database(reading, key, value, name, &database, &result)) {
        return result == RESULT_INCOMPATIBLE || result == RESULT_NOT_FOUND
                   ? FIRN_OK
                   : migrate_lmdb_fail(reading, result);
    }
    char **grown = realloc(reading->names, (reading->count + 1) * sizeof(*grown));
    if (grown != NULL) {
        reading->names = grown;
        grown[reading->count] = strdup(name);
    }
    if (grown == NULL || grown[reading->count++] == NULL) {
        return fi_migrate_fail(reading->err, FIRN_NO_MEMORY, "out of memory");
    }
    return FIRN_OK;
}

static int
send_entry(struct reading *reading, const struct lmdb_value *key, const struct lmdb_value *value)
{
    fi_migrate_child_put_entry(reading->pipe, firn_bytes(key->data, key->size),
                               firn_bytes(value->data, value->size));
    return FIRN_OK;
}

/* As above, if it is no named database. */
static int
send_unnamed(struct reading *reading, const struct lmdb_value *key, const struct lmdb_value *value)
{
    const char *name = reading->next < reading->count ? reading->names[reading->next] : NULL;
    if (name != NULL && strlen(name) == key->size && memcmp(name, key->data, key->size) == 0) {
        reading->next++; /* they were found in the same order */
        return FIRN_OK;
    }
    return send_entry(reading, key, value);
}

static int
send_duplicate(struct reading *reading, const struct lmdb_value *key,
               const struct lmdb_value *value)
{
    if (key->size > FIRN_KEY_SIZE_MAX || value->size > FIRN_KEY_SIZE_MAX) {
        return fi_migrate_fail(reading->err, FIRN_CORRUPT,
                               "the database is damaged: a key has %zu bytes", key->size);
    }
    size_t wanted = 2 * (key->size + value->size) + 4;
    if (wanted > reading->key_capacity) {
        free(reading->key);
        reading->key = malloc(wanted);
        reading->key_capacity = wanted;
        if (reading->key == NULL) {
            return fi_migrate_fail(reading->err, FIRN_NO_MEMORY, "out of memory");
        }
    }
    firn_key built = firn_key_in(reading->key, reading->key_capacity);
    firn_key_add_text(&built, firn_bytes(key->data, key->size));
    firn_key_add_text(&built, firn_bytes(value->data, value->size));
    assert(firn_key_is_valid(&built));
    fi_migrate_child_put_entry(reading->pipe, firn_key_slice(&built), firn_str(""));
    return FIRN_OK;
}

static int
send_database(struct reading *reading, unsigned database, const char *name)
{
    unsigned flags = 0;
    struct lmdb_stat stat = {.entries = 0};
    int result = reading->lmdb.dbi_flags(reading->transaction, database, &flags);
    result = result == 0 ? reading->lmdb.stat(reading->transaction, database, &stat) : result;
    if (result != 0) {
        return migrate_lmdb_fail(reading, result);
    }
    bool is_main = database == reading->main;
    size_t skipped = is_main ? reading->count : 0;
    if (is_main && skipped > 0 && stat.entries <= skipped) {
        return FIRN_OK; /* it has names only */
    }
    fi_migrate_child_put_keyspace(reading->pipe, name, (flags & ODD_ORDER) == 0);
    FI_TRY_RETURN(migrate_lmdb_walk(reading, database,
                                    (flags & FLAG_DUPLICATES) != 0 ? send_duplicate
                                    : is_main && skipped > 0       ? send_unnamed
                                                                   : send_entry));
    fi_migrate_child_put_end(reading->pipe, true, stat.entries - skipped);
    return FIRN_OK;
}

static int
open_environment(struct reading *reading, const char *path)
{
    struct environment *environment = NULL;
    struct stat info;
    char lock[PATH_MAX + 16];
    unsigned flags = OPEN_READ_ONLY | OPEN_NO_TLS;
    if (stat(path, &info) != 0) {
        return fi_migrate_fail(reading->err, FIRN_IO, "could not open '%.400s'", path);
    }
    bool is_file = !S_ISDIR(info.st_mode);
    int code = FIRN_OK;
    if (is_file && !S_ISREG(info.st_mode)) {
        code = fi_migrate_fail(reading->err, FIRN_CORRUPT, "'%.400s' is not a regular file", path);
    } else if (!is_file) {
        code = fi_migrate_files_check(path, reading->err);
    }
    if (code != FIRN_OK) {
        return code;
    }
    (void)snprintf(lock, sizeof(lock), is_file ? "%s-lock" : "%s/lock.mdb", path);
    flags |= is_file ? OPEN_NO_SUBDIR : 0;
    flags |= access(lock, F_OK) != 0 ? OPEN_NO_LOCK : 0;
    int result = reading->lmdb.env_create(&environment);
    result = result == 0 ? reading->lmdb.env_set_maxdbs(environment, DATABASES_MAX) : result;
    result = result == 0 ? reading->lmdb.env_open(environment, path, flags, 0600) : result;
    result = result == 0
                 ? reading->lmdb.txn_begin(environment, NULL, OPEN_READ_ONLY, &reading->transaction)
                 : result;
    result = result == 0 ? reading->lmdb.dbi_open(reading->transaction, NULL, 0, &reading->main)
                         : result;
    return result == 0 ? FIRN_OK : migrate_lmdb_fail(reading, result);
}

/* The memory is given back by the end of the process. */
int
fi_migrate_lmdb_read(struct fi_migrate_pipe *pipe, const char *path, const char *place,
                     firn_error *err)
{
    union {
        struct lmdb lmdb;
        void (*symbols[sizeof(struct lmdb) / sizeof(void (*)(void))])(void);
    } loaded;
    (void)place;
    _Static_assert(sizeof(loaded.symbols) == sizeof(symbols) - sizeof(symbols[0]), "one for each");
    FI_TRY_RETURN(fi_migrate_library_load(&library, loaded.symbols, err));
    struct reading reading = {.lmdb = loaded.lmdb, .pipe = pipe, .err = err};
    int code = open_environment(&reading, path);
    unsigned flags = 0;
    if (code == FIRN_OK && reading.lmdb.dbi_flags(reading.transaction, reading.main, &flags) == 0 &&
        (flags & FLAG_DUPLICATES) == 0) {
        code = migrate_lmdb_walk(&reading, reading.main, find_database);
    }
    if (code != FIRN_OK) {
        return code;
    }
    fi_migrate_child_put_opened(pipe);
    code = send_database(&reading, reading.main, "default");
    for (size_t i = 0; i < reading.count && code == FIRN_OK; i++) {
        unsigned database;
        int result = reading.lmdb.dbi_open(reading.transaction, reading.names[i], 0, &database);
        code = result == 0 ? send_database(&reading, database, reading.names[i])
                           : migrate_lmdb_fail(&reading, result);
    }
    return code;
}
