/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_sorted.c: RocksDB and LevelDB, whose C interfaces are one but for the names.
 *
 * RocksDB opens a database for reading only, while another process may write to it. LevelDB cannot
 * do that: opening replays its log into new files. So LevelDB opens a copy. A database that another
 * process has open is refused: its files could change while they are copied.
 *
 * Both are opened without comparator, merge operator or filter of their own. A database that needs
 * a comparator is refused by its library; values that need a merge operator cannot be read.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "term/term_try.h"

enum { KEYSPACES_MAX = 65536, OPEN_FILES_MAX = 1000 };

/* The handles of the libraries, none of which is looked into. */
struct options;
struct read_options;
struct database;
struct family;
struct iterator;

struct iterators {
    void (*seek_to_first)(struct iterator *iterator);
    unsigned char (*valid)(const struct iterator *iterator);
    void (*next)(struct iterator *iterator);
    const char *(*key)(const struct iterator *iterator, size_t *size);
    const char *(*value)(const struct iterator *iterator, size_t *size);
    void (*get_error)(const struct iterator *iterator, char **error);
    void (*destroy)(struct iterator *iterator);
};

/* The functions in the order of the tables of symbols. */
struct rocksdb {
    struct iterators iterators;
    struct options *(*options_create)(void);
    void (*options_set_max_open_files)(struct options *options, int count);
    struct read_options *(*readoptions_create)(void);
    void (*readoptions_set_fill_cache)(struct read_options *options, unsigned char is_set);
    void (*readoptions_set_verify_checksums)(struct read_options *options, unsigned char is_set);
    void (*readoptions_set_total_order_seek)(struct read_options *options, unsigned char is_set);
    char **(*list_column_families)(const struct options *options, const char *path, size_t *count,
                                   char **error);
    struct database *(*open)(const struct options *options, const char *path, int count,
                             const char *const *names, const struct options *const *family_options,
                             struct family **families, unsigned char refuses_log, char **error);
    struct iterator *(*create_iterator_cf)(struct database *database,
                                           const struct read_options *options,
                                           struct family *family);
};
static const char *const rocksdb_symbols[] = {"rocksdb_iter_seek_to_first",
                                              "rocksdb_iter_valid",
                                              "rocksdb_iter_next",
                                              "rocksdb_iter_key",
                                              "rocksdb_iter_value",
                                              "rocksdb_iter_get_error",
                                              "rocksdb_iter_destroy",
                                              "rocksdb_options_create",
                                              "rocksdb_options_set_max_open_files",
                                              "rocksdb_readoptions_create",
                                              "rocksdb_readoptions_set_fill_cache",
                                              "rocksdb_readoptions_set_verify_checksums",
                                              "rocksdb_readoptions_set_total_order_seek",
                                              "rocksdb_list_column_families",
                                              "rocksdb_open_for_read_only_column_families",
                                              "rocksdb_create_iterator_cf",
                                              NULL};
static const struct fi_migrate_library rocksdb_library = {
    .product = "RocksDB",
    .package = "librocksdb (librocksdb7.8 on Debian 12)",
    .soname = "librocksdb.so.",
    .major_max = 15,
    .minor_max = 30,
    .symbols = rocksdb_symbols,
};

struct leveldb {
    struct iterators iterators;
    struct options *(*options_create)(void);
    void (*options_set_paranoid_checks)(struct options *options, unsigned char is_set);
    struct read_options *(*readoptions_create)(void);
    void (*readoptions_set_fill_cache)(struct read_options *options, unsigned char is_set);
    void (*readoptions_set_verify_checksums)(struct read_options *options, unsigned char is_set);
    struct database *(*open)(const struct options *options, const char *path, char **error);
    struct iterator *(*create_iterator)(struct database *database,
                                        const struct read_options *options);
};
static const char *const leveldb_symbols[] = {"leveldb_iter_seek_to_first",
                                              "leveldb_iter_valid",
                                              "leveldb_iter_next",
                                              "leveldb_iter_key",
                                              "leveldb_iter_value",
                                              "leveldb_iter_get_error",
                                              "leveldb_iter_destroy",
                                              "leveldb_options_create",
                                              "leveldb_options_set_paranoid_checks",
                                              "leveldb_readoptions_create",
                                              "leveldb_readoptions_set_fill_cache",
                                              "leveldb_readoptions_set_verify_checksums",
                                              "leveldb_open",
                                              "leveldb_create_iterator",
                                              NULL};
static const struct fi_migrate_library leveldb_library = {
    .product = "LevelDB",
    .package = "libleveldb1d",
    .soname = "libleveldb.so.1d",
    .symbols = leveldb_symbols,
};

/* Whether RocksDB refuses a table because of the version of its format. A damaged one may have any
 * number. */
static bool
is_of_newer(const char *message)
{
    static const char refused[] = "unsupported format_version: ";
    const char *found = strstr(message, refused);
    const char *version = found != NULL ? found + sizeof refused - 1 : "";
    size_t digits = strspn(version, "0123456789");
    bool is_plausible = (digits == 1 && version[0] > '5') ||
                        (digits == 2 && (version[0] == '1' || version[0] == '2'));
    return is_plausible || strstr(message, "newer version of RocksDB") != NULL;
}

/* A message of a library, as an error. */
static int
migrate_sorted_fail(const char *product, const char *message, firn_error *err)
{
    if (is_of_newer(message)) {
        return fi_migrate_fail(err, FIRN_UNSUPPORTED,
                               "the database was written by a newer RocksDB than the library "
                               "here, which says: %.300s. Its tables have a newer format "
                               "(librocksdb 7.8 reads up to 5): install a newer librocksdb, or "
                               "let the application compact the database with format_version 5",
                               message);
    }
    /* LevelDB reads beyond the end of a file that was cut, and calls that so. */
    bool is_cut = strncmp(message, "IO error", 8) == 0 &&
                  strstr(message, "Invalid argument") != NULL &&
                  (strstr(message, ".ldb") != NULL || strstr(message, ".sst") != NULL);
    int code = is_cut                                          ? FIRN_CORRUPT
               : strstr(message, "No such file") != NULL       ? FIRN_NOT_FOUND
               : strstr(message, "does not exist") != NULL     ? FIRN_NOT_FOUND
               : strncmp(message, "IO error", 8) == 0          ? FIRN_IO
               : strncmp(message, "Invalid argument", 16) == 0 ? FIRN_UNSUPPORTED
               : strncmp(message, "Not implemented", 15) == 0  ? FIRN_UNSUPPORTED
                                                               : FIRN_CORRUPT;
    return fi_migrate_fail(err, code, "%s cannot read the database: %.400s", product, message);
}

/* Sends all entries of an iterator, in their order. */
static int
send_all(struct fi_migrate_pipe *pipe, const struct iterators *iterators, struct iterator *iterator,
         const char *product, firn_error *err)
{
    char *error = NULL;
    for (iterators->seek_to_first(iterator); iterators->valid(iterator);
         iterators->next(iterator)) {
        size_t key_size = 0;
        size_t value_size = 0;
        const char *key = iterators->key(iterator, &key_size);
        const char *value = iterators->value(iterator, &value_size);
        fi_migrate_child_put_entry(pipe, firn_bytes(key, key_size), firn_bytes(value, value_size));
    }
    iterators->get_error(iterator, &error);
    iterators->destroy(iterator);
    return error == NULL ? FIRN_OK : migrate_sorted_fail(product, error, err);
}

/* ---- RocksDB ---- */

static int
send_families(struct fi_migrate_pipe *pipe, const struct rocksdb *rocksdb,
              struct database *database, struct family *const *families, char *const *names,
              size_t count, firn_error *err)
{
    struct read_options *options = rocksdb->readoptions_create();
    rocksdb->readoptions_set_fill_cache(options, 0);
    rocksdb->readoptions_set_verify_checksums(options, 1);
    rocksdb->readoptions_set_total_order_seek(options, 1);
    int code = FIRN_OK;
    for (size_t i = 0; i < count && code == FIRN_OK; i++) {
        fi_migrate_child_put_keyspace(pipe, names[i], true);
        code =
            send_all(pipe, &rocksdb->iterators,
                     rocksdb->create_iterator_cf(database, options, families[i]), "RocksDB", err);
        if (code == FIRN_OK) {
            fi_migrate_child_put_end(pipe, false, 0);
        }
    }
    return code;
}

/* The end of the process frees the rest of the memory. */
int
fi_migrate_sorted_rocksdb(struct fi_migrate_pipe *pipe, const char *path, const char *place,
                          firn_error *err)
{
    union {
        struct rocksdb rocksdb;
        void (*symbols[sizeof(struct rocksdb) / sizeof(void (*)(void))])(void);
    } loaded;
    const struct rocksdb *rocksdb = &loaded.rocksdb;
    char *error = NULL;
    size_t count = 0;
    (void)place;
    _Static_assert(sizeof(loaded.symbols) == sizeof(rocksdb_symbols) - sizeof(rocksdb_symbols[0]),
                   "one for each");
    FI_TRY_RETURN(fi_migrate_library_load(&rocksdb_library, loaded.symbols, err));
    FI_TRY_RETURN(fi_migrate_files_check(path, err));
    struct options *options = rocksdb->options_create();
    rocksdb->options_set_max_open_files(options, OPEN_FILES_MAX);
    char **names = rocksdb->list_column_families(options, path, &count, &error);
    if (error != NULL) {
        return migrate_sorted_fail("RocksDB", error, err);
    }
    if (count > KEYSPACES_MAX) {
        return fi_migrate_fail(err, FIRN_LIMIT, "there are more than %d column families",
                               KEYSPACES_MAX);
    }
    struct family **families = calloc(count + 1, sizeof(struct family *));
    const struct options **each = calloc(count + 1, sizeof(struct options *));
    if (families == NULL || each == NULL) {
        free(families);
        free(each);
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        each[i] = options;
    }
    struct database *database = rocksdb->open(options, path, (int)count, (const char *const *)names,
                                              each, families, 0, &error);
    if (error != NULL) {
        return migrate_sorted_fail("RocksDB", error, err);
    }
    fi_migrate_child_put_opened(pipe);
    return send_families(pipe, rocksdb, database, families, names, count, err);
}

/* ---- LevelDB ---- */

/* Whether a process has the database open: it holds a lock on LOCK. */
static int
check_lock(const char *path, firn_error *err)
{
    char name[PATH_MAX + 8];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    (void)snprintf(name, sizeof(name), "%s/LOCK", path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return FIRN_OK; /* a process that has the database open has made one */
    }
    bool is_locked = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return is_locked ? fi_migrate_fail(err, FIRN_BUSY,
                                       "process %d has the database '%.400s' open, and LevelDB "
                                       "cannot share one",
                                       (int)lock.l_pid, path)
                     : FIRN_OK;
}

static bool
ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    return size >= strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

/* What belongs to the database; its own messages and its lock do not. */
static bool
is_wanted(const char *name)
{
    return strcmp(name, "CURRENT") == 0 || strncmp(name, "MANIFEST-", 9) == 0 ||
           ends_with(name, ".log") || ends_with(name, ".ldb") || ends_with(name, ".sst");
}

static int
copy_database(const char *path, const char *place, firn_error *err)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool is_database = false;
    int code = FIRN_OK;
    if (directory == NULL) {
        return fi_migrate_fail(err, FIRN_IO, "could not open '%.400s': %s", path, strerror(errno));
    }
    while (code == FIRN_OK && (entry = readdir(directory)) != NULL) {
        char from[PATH_MAX + 260];
        char to[PATH_MAX + 260];
        if (is_wanted(entry->d_name)) {
            (void)snprintf(from, sizeof(from), "%s/%s", path, entry->d_name);
            (void)snprintf(to, sizeof(to), "%s/%s", place, entry->d_name);
            code = fi_migrate_files_copy(from, to, err);
            is_database = is_database || strcmp(entry->d_name, "CURRENT") == 0;
        }
    }
    (void)closedir(directory);
    return code == FIRN_OK && !is_database
               ? fi_migrate_fail(err, FIRN_NOT_FOUND, "'%.400s' is no database of LevelDB", path)
               : code;
}

int
fi_migrate_sorted_leveldb(struct fi_migrate_pipe *pipe, const char *path, const char *place,
                          firn_error *err)
{
    union {
        struct leveldb leveldb;
        void (*symbols[sizeof(struct leveldb) / sizeof(void (*)(void))])(void);
    } loaded;
    const struct leveldb *leveldb = &loaded.leveldb;
    char *error = NULL;
    _Static_assert(sizeof(loaded.symbols) == sizeof(leveldb_symbols) - sizeof(leveldb_symbols[0]),
                   "one for each");
    FI_TRY_RETURN(fi_migrate_library_load(&leveldb_library, loaded.symbols, err));
    FI_TRY_RETURN(check_lock(path, err));
    FI_TRY_RETURN(copy_database(path, place, err));
    FI_TRY_RETURN(check_lock(path, err));
    struct options *options = leveldb->options_create();
    leveldb->options_set_paranoid_checks(options, 1);
    struct database *database = leveldb->open(options, place, &error);
    if (error != NULL) {
        return migrate_sorted_fail("LevelDB", error, err);
    }
    fi_migrate_child_put_opened(pipe);
    struct read_options *reading = leveldb->readoptions_create();
    leveldb->readoptions_set_fill_cache(reading, 0);
    leveldb->readoptions_set_verify_checksums(reading, 1);
    fi_migrate_child_put_keyspace(pipe, "default", true);
    FI_TRY_RETURN(send_all(pipe, &leveldb->iterators, leveldb->create_iterator(database, reading),
                           "LevelDB", err));
    fi_migrate_child_put_end(pipe, false, 0);
    return FIRN_OK;
}
