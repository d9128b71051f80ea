/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_store.c: the stores of a connection, and how connections of one process share them.
 *
 * A store is open for writing once in the whole machine. So the connections of a process share a
 * handle: the first one opens it, the last one closes it. They are found by the real path of the
 * directory. A connection that only wants to read takes the handle that another one writes with, if
 * there is one: it sees commits at once then. A store in memory (":memory:") belongs to its
 * connection.
 *
 * A connection has a store once for each pair of path and state: `at` a checkpoint it is another
 * one, which nothing can be written to. It stays open until firn_detach, or the end of the
 * connection, whatever becomes of its virtual tables: SQLite makes those anew whenever it reads a
 * schema.
 *
 * Who names a path decides what becomes of it. One that a statement of the program names, in
 * firn_attach or in CREATE VIRTUAL TABLE, is opened. One that the schema of a database names when
 * SQLite connects a virtual table is not: the schema may come from somebody else, and SQLite
 * connects tables even to list them. Such a table finds the store that the program has attached, or
 * fails.
 *
 * A program that links this room can lend a store that it has open (fi_sql_store_lend):
 * connections of its process that attach the same path take that handle. Only the program closes
 * it, after it has taken it back; or it leaves it to its last connection, which calls the program's
 * function then (fi_sql_store_leave).
 *
 * Locking: shared_mutex guards the list of shared handles and their counts, and is held while a
 * store is opened or closed, so that two connections do not open it twice. All else is under the
 * mutex of its connection.
 *
 * After fork the child has handles that refuse everything (firn/types.h). It does not find those of
 * its parent here, and may open stores of its own.
 */
#include "sql/sql_internal.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
SQLITE_EXTENSION_INIT3

struct fi_sql_shared {
    struct fi_sql_shared *next;
    firn_store *store;
    char *path; /* real; NULL: in memory */
    bool read_only;
    bool is_lent;               /* by the program, whose store it is; of malloc */
    void (*release)(void *ctx); /* lent: set once the program has left it to the last connection */
    void *release_ctx;
    pid_t pid;
    int ref_count;
    atomic_uint_fast64_t generation;
};

/* Set by the program, if by anyone, before there are connections. */
static const firn_keys_source *key_source;

static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fi_sql_shared *shared_stores;

/* A path that a statement of the program has named, until the connection ends. */
struct fi_sql_named {
    struct fi_sql_named *next;
    bool may_write;
    char path[]; /* real, or as it was given where nothing is there */
};

struct options {
    char *name;
    char *prefix;
    char *at;
    bool read_only;
    bool create;
    firn_cipher cipher; /* with create */
    bool blob;
    int64_t timeout_ms;
    uint64_t memory_bytes; /* 0: firn's default */
    firn_durability durability;
};

/* ---- options ---- */

char *
fi_sql_store_unquote(const char *text)
{
    size_t size = strlen(text);
    char *out = sqlite3_malloc64(size + 1);
    if (out == NULL) {
        return NULL;
    }
    char quote = text[0];
    bool is_quoted = size >= 2 && (quote == '\'' || quote == '"') && text[size - 1] == quote;
    size_t at = 0;
    for (size_t i = is_quoted ? 1 : 0; i < size - (is_quoted ? 1 : 0); i++) {
        out[at++] = text[i];
        if (is_quoted && text[i] == quote && text[i + 1] == quote && i + 2 < size) {
            i++;
        }
    }
    out[at] = '\0';
    return out;
}

static void
options_deinit(struct options *options)
{
    sqlite3_free(options->name);
    sqlite3_free(options->prefix);
    sqlite3_free(options->at);
}

/* The value of an option "name=value"; NULL if the text is another option. */
static const char *
value_of(const char *text, const char *name)
{
    assert(name[0] != '\0');
    size_t size = strlen(name);
    if (sqlite3_strnicmp(text, name, (int)size) != 0) {
        return NULL;
    }
    text += size;
    text += strspn(text, " \t");
    if (*text != '=') {
        return NULL;
    }
    text++;
    return text + strspn(text, " \t");
}

static int
keep_text(char **member, const char *text, firn_error *err)
{
    assert(text != NULL);
    sqlite3_free(*member);
    *member = fi_sql_store_unquote(text);
    return *member != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
}

static bool
read_number(const char *text, long long most, long long *out)
{
    assert(most >= 0);
    char *end;
    *out = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *out >= 0 && *out <= most;
}

static int
read_cipher(struct options *options, const char *word, firn_error *err)
{
    options->cipher = strcmp(word, "xchacha20") == 0 ? FIRN_CIPHER_XCHACHA20_POLY1305
                      : strcmp(word, "aes") == 0     ? FIRN_CIPHER_AES_256_GCM
                      : strcmp(word, "aegis") == 0   ? FIRN_CIPHER_AEGIS_256
                                                     : FIRN_CIPHER_NONE;
    return options->cipher != FIRN_CIPHER_NONE
               ? FIRN_OK
               : fi_sqlvalue_error(err, FIRN_INVALID, "cipher is xchacha20, aes or aegis, not %s",
                                   word);
}

static int
read_option(struct options *options, const char *text, firn_error *err)
{
    const char *value;
    if ((value = value_of(text, "name")) != NULL) {
        return keep_text(&options->name, value, err);
    }
    if ((value = value_of(text, "prefix")) != NULL) {
        return keep_text(&options->prefix, value, err);
    }
    if ((value = value_of(text, "at")) != NULL) {
        options->read_only = true;
        return keep_text(&options->at, value, err);
    }
    if ((value = value_of(text, "memory")) != NULL) {
        long long number;
        if (!read_number(value, 1 << 20, &number) || number == 0) {
            return fi_sqlvalue_error(err, FIRN_INVALID, "memory is a number of MiB, not %s", value);
        }
        options->memory_bytes = (uint64_t)number << 20;
    } else if ((value = value_of(text, "timeout")) != NULL) {
        long long number;
        if (!read_number(value, INT_MAX, &number)) {
            return fi_sqlvalue_error(err, FIRN_INVALID,
                                     "timeout is a number of milliseconds, not %s", value);
        }
        options->timeout_ms = number;
    } else if ((value = value_of(text, "durability")) != NULL &&
               (strcmp(value, "os") == 0 || strcmp(value, "full") == 0)) {
        options->durability = value[0] == 'o' ? FIRN_DURABILITY_OS : FIRN_DURABILITY_FULL;
    } else if (sqlite3_stricmp(text, "read-only") == 0 || sqlite3_stricmp(text, "readonly") == 0) {
        options->read_only = true;
    } else if (sqlite3_stricmp(text, "create") == 0) {
        options->create = true;
    } else if (sqlite3_stricmp(text, "encrypt") == 0) {
        options->cipher = FIRN_CIPHER_AUTOMATIC;
    } else if ((value = value_of(text, "cipher")) != NULL) {
        return read_cipher(options, value, err);
    } else if (sqlite3_stricmp(text, "blob") == 0) {
        options->blob = true;
    } else {
        return fi_sqlvalue_error(
            err, FIRN_INVALID,
            "there is no option '%s': name=, prefix=, at=, timeout=, memory=, durability=os, "
            "read-only, create, encrypt, cipher=, blob",
            text);
    }
    return FIRN_OK;
}

/* ---- keys of encrypted stores ---- */

void
fi_sql_store_ask(const firn_keys_source *source)
{
    key_source = source;
}

const firn_keys_source *
fi_sql_store_source(void)
{
    return key_source;
}

/* ---- handles that connections share ---- */

static struct fi_sql_shared *
find_shared_locked(const char *path, bool read_only)
{
    struct fi_sql_shared *best = NULL;
    pid_t pid = getpid();
    for (struct fi_sql_shared *shared = shared_stores; shared != NULL; shared = shared->next) {
        if (shared->pid == pid && strcmp(shared->path, path) == 0 &&
            (!shared->read_only || read_only) && (best == NULL || best->read_only)) {
            best = shared;
        }
    }
    return best;
}

static int
open_store(const char *path, const struct options *options, firn_store **out, firn_error *err)
{
    assert(path != NULL);
    firn_store_options given = FIRN_STORE_OPTIONS_INIT;
    given.read_only = options->read_only;
    given.create_if_missing = options->create;
    given.lock_timeout_ms = options->timeout_ms;
    given.memory_bytes = options->memory_bytes;
    given.key_source = key_source;
    if (strcmp(path, ":memory:") == 0) {
        given.read_only = false;
        given.create_if_missing = true;
        return firn_store_open_memory(UINT64_MAX, &given, out, err);
    }
    given.cipher = options->cipher;
    int rc = firn_store_open(path, &given, out, err);
    if (rc == FIRN_NOT_FOUND && !options->create) {
        return fi_sqlvalue_error(err, rc, "there is no store '%s'; the option 'create' makes one",
                                 path);
    }
    return rc;
}

static int
make_shared(const char *path, const struct options *options, struct fi_sql_shared **out,
            firn_error *err)
{
    struct fi_sql_shared *shared = sqlite3_malloc64(sizeof *shared);
    if (shared == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    memset(shared, 0, sizeof *shared);
    int rc = open_store(path, options, &shared->store, err);
    if (rc != FIRN_OK) {
        sqlite3_free(shared);
        return rc;
    }
    shared->ref_count = 1;
    shared->read_only = options->read_only && strcmp(path, ":memory:") != 0;
    shared->pid = getpid();
    atomic_init(&shared->generation, 1);
    *out = shared;
    return FIRN_OK;
}

static void
remove_shared_locked(struct fi_sql_shared *shared)
{
    for (struct fi_sql_shared **at = &shared_stores; *at != NULL; at = &(*at)->next) {
        if (*at == shared) {
            *at = shared->next;
            break;
        }
    }
}

static void
release_shared(struct fi_sql_shared *shared)
{
    firn_error ignored;
    assert(shared != NULL);
    pthread_mutex_lock(&shared_mutex);
    assert(shared->ref_count > 0);
    shared->ref_count--;
    if (shared->ref_count == 0 && shared->release != NULL) {
        remove_shared_locked(shared);
        shared->release(shared->release_ctx);
        free(shared->path);
        free(shared);
    } else if (shared->ref_count == 0 && !shared->is_lent) {
        remove_shared_locked(shared);
        /* Nobody is left to be told of a failure; what was acknowledged is on disk. */
        int rc = firn_store_close(shared->store, &ignored);
        (void)rc;
        free(shared->path);
        sqlite3_free(shared);
    }
    pthread_mutex_unlock(&shared_mutex);
}

static int
take_shared_locked(const char *path, const struct options *options, struct fi_sql_shared **out,
                   firn_error *err)
{
    char *real = realpath(path, NULL);
    /* A store in memory is lent under a path that does not exist. */
    if ((*out = find_shared_locked(real != NULL ? real : path, options->read_only)) != NULL) {
        (*out)->ref_count++;
        free(real);
        return FIRN_OK;
    }
    int rc = make_shared(path, options, out, err);
    if (rc == FIRN_OK && real == NULL) {
        real = realpath(path, NULL);
    }
    if (rc != FIRN_OK || real == NULL) {
        /* Without a path nobody finds it: a store of this connection alone. */
        free(real);
        return rc;
    }
    assert(*out != NULL);
    (*out)->path = real;
    (*out)->next = shared_stores;
    shared_stores = *out;
    return FIRN_OK;
}

static int
take_shared(const char *path, const struct options *options, struct fi_sql_shared **out,
            firn_error *err)
{
    if (strcmp(path, ":memory:") == 0) {
        return make_shared(path, options, out, err);
    }
    pthread_mutex_lock(&shared_mutex);
    int rc = take_shared_locked(path, options, out, err);
    pthread_mutex_unlock(&shared_mutex);
    return rc;
}

int
fi_sql_store_lend(firn_store *store, const char *path, bool read_only)
{
    struct fi_sql_shared *shared = calloc(1, sizeof *shared);
    char *real = realpath(path, NULL);
    real = real != NULL ? real : strdup(path);
    if (shared == NULL || real == NULL) {
        free(shared);
        free(real);
        return FIRN_NO_MEMORY;
    }
    shared->store = store;
    shared->path = real;
    shared->read_only = read_only;
    shared->is_lent = true;
    shared->pid = getpid();
    atomic_init(&shared->generation, 1);
    pthread_mutex_lock(&shared_mutex);
    shared->next = shared_stores;
    shared_stores = shared;
    pthread_mutex_unlock(&shared_mutex);
    return FIRN_OK;
}

static struct fi_sql_shared *
find_lent_locked(const firn_store *store)
{
    struct fi_sql_shared *shared = shared_stores;
    while (shared != NULL && (shared->store != store || !shared->is_lent)) {
        shared = shared->next;
    }
    return shared;
}

static bool
is_lent(const char *path, bool read_only)
{
    char *real = realpath(path, NULL);
    pthread_mutex_lock(&shared_mutex);
    const struct fi_sql_shared *shared = find_shared_locked(real != NULL ? real : path, read_only);
    bool is = shared != NULL && shared->is_lent;
    pthread_mutex_unlock(&shared_mutex);
    free(real);
    return is;
}

int
fi_sql_store_undo(firn_store *store)
{
    int rc = FIRN_OK;
    pthread_mutex_lock(&shared_mutex);
    struct fi_sql_shared *shared = find_lent_locked(store);
    if (shared != NULL && shared->ref_count > 0) {
        rc = FIRN_BUSY;
    } else if (shared != NULL) {
        remove_shared_locked(shared);
        free(shared->path);
        free(shared);
    }
    pthread_mutex_unlock(&shared_mutex);
    return rc;
}

void
fi_sql_store_leave(firn_store *store, void (*release)(void *ctx), void *ctx)
{
    assert(release != NULL);
    pthread_mutex_lock(&shared_mutex);
    struct fi_sql_shared *shared = find_lent_locked(store);
    bool is_used = shared != NULL && shared->ref_count > 0;
    if (is_used) {
        shared->release = release;
        shared->release_ctx = ctx;
    } else if (shared != NULL) {
        remove_shared_locked(shared);
        free(shared->path);
        free(shared);
    }
    pthread_mutex_unlock(&shared_mutex);
    if (!is_used) {
        release(ctx);
    }
}

/* ---- stores of a connection ---- */

static bool
equal_or_null(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
fi_sql_store_free_names(struct fi_sql_name *name)
{
    while (name != NULL) {
        struct fi_sql_name *next = name->next;
        sqlite3_free(name);
        name = next;
    }
}

static void
destroy_store(struct fi_sql_store *store)
{
    assert(store->tables == NULL);
    fi_sql_view_close(store);
    fi_sql_store_free_names(store->names);
    firn_snapshot_close(store->snapshot);
    if (store->shared != NULL) {
        release_shared(store->shared);
    }
    sqlite3_free((void *)(uintptr_t)store->path);
    sqlite3_free((void *)(uintptr_t)store->name);
    sqlite3_free((void *)(uintptr_t)store->prefix);
    sqlite3_free((void *)(uintptr_t)store->at);
    sqlite3_free(store);
}

void
fi_sql_store_ref(struct fi_sql_store *store)
{
    assert(store->ref_count > 0);
    store->ref_count++;
}

void
fi_sql_store_unref(struct fi_sql_store *store)
{
    if (store != NULL) {
        assert(store->ref_count > 0);
        if (--store->ref_count == 0) {
            destroy_store(store);
        }
    }
}

void
fi_sql_store_remove(struct fi_sql_store *store)
{
    for (struct fi_sql_store **at = &store->sql->stores; *at != NULL; at = &(*at)->next) {
        if (*at == store) {
            *at = store->next;
            store->next = NULL;
            fi_sql_store_unref(store);
            return;
        }
    }
}

void
fi_sql_store_forget(struct fi_sql_store *store)
{
    store->attached = false;
    store->is_detached = true;
    /* Transactions end for the stores that are listed: one with virtual tables must be. */
    if (store->tables == NULL) {
        fi_sql_store_remove(store);
    }
}

void
fi_sql_store_detach_all(struct fi_sql *sql)
{
    while (sql->stores != NULL) {
        fi_sql_store_remove(sql->stores);
    }
    while (sql->named != NULL) {
        struct fi_sql_named *next = sql->named->next;
        sqlite3_free(sql->named);
        sql->named = next;
    }
}

/* "dir/app.firn" is called "app". */
static char *
make_name(const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    size_t from = size;
    while (from > 0 && path[from - 1] != '/') {
        from--;
    }
    if (size - from > 5 && strncmp(path + size - 5, ".firn", 5) == 0) {
        size -= 5;
    }
    return sqlite3_mprintf("%.*s", (int)(size - from), path + from);
}

/* Gives a store its name and what else only concerns its virtual tables. */
static int
name_store(struct fi_sql_store *store, const char *path, struct options *options, firn_error *err)
{
    char *name = options->name != NULL ? options->name : make_name(path);
    char *prefix = options->prefix != NULL ? options->prefix : sqlite3_mprintf("");
    options->name = options->prefix = NULL;
    if (name == NULL || prefix == NULL) {
        sqlite3_free(name);
        sqlite3_free(prefix);
        return fi_sqlvalue_no_memory(err);
    }
    sqlite3_free((void *)(uintptr_t)store->name);
    sqlite3_free((void *)(uintptr_t)store->prefix);
    store->name = name;
    store->prefix = prefix;
    store->blob = options->blob;
    store->durability = options->durability;
    return FIRN_OK;
}

static int
make_store(struct fi_sql *sql, const char *path, struct options *options,
           struct fi_sql_shared *shared, struct fi_sql_store **out, firn_error *err)
{
    struct fi_sql_store *store = sqlite3_malloc64(sizeof *store);
    if (store == NULL) {
        release_shared(shared);
        return fi_sqlvalue_no_memory(err);
    }
    assert(shared != NULL);
    memset(store, 0, sizeof *store);
    store->sql = sql;
    store->ref_count = 1;
    store->shared = shared;
    store->store = shared->store;
    store->read_only = options->read_only;
    store->path = sqlite3_mprintf("%s", path);
    store->at = options->at;
    options->at = NULL;
    int rc = name_store(store, path, options, err);
    if (rc == FIRN_OK && store->path == NULL) {
        rc = fi_sqlvalue_no_memory(err);
    }
    if (rc == FIRN_OK && store->at != NULL) {
        firn_snapshot_options given = FIRN_SNAPSHOT_OPTIONS_INIT;
        given.checkpoint = store->at;
        rc = firn_snapshot_open(store->store, &given, &store->snapshot, err);
    }
    if (rc != FIRN_OK) {
        fi_sql_store_unref(store);
        return rc;
    }
    store->next = sql->stores;
    sql->stores = store;
    *out = store;
    return FIRN_OK;
}

/* The store in memory that the connection has, if it has one. */
static int
take_memory(struct fi_sql *sql, struct fi_sql_shared **out)
{
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        if (store->shared->path == NULL && strcmp(store->path, ":memory:") == 0) {
            pthread_mutex_lock(&shared_mutex);
            store->shared->ref_count++;
            pthread_mutex_unlock(&shared_mutex);
            *out = store->shared;
            break;
        }
    }
    return FIRN_OK;
}

static struct fi_sql_named *
find_named(const struct fi_sql *sql, const char *path)
{
    char *real = realpath(path, NULL);
    struct fi_sql_named *named = sql->named;
    while (named != NULL && strcmp(named->path, real != NULL ? real : path) != 0) {
        named = named->next;
    }
    free(real);
    return named;
}

/* Remembers that a statement of the program has opened a path. */
static int
remember_named(struct fi_sql *sql, const char *path, bool may_write, firn_error *err)
{
    struct fi_sql_named *named = find_named(sql, path);
    if (named == NULL) {
        char *real = realpath(path, NULL);
        const char *text = real != NULL ? real : path;
        named = sqlite3_malloc64(sizeof *named + strlen(text) + 1);
        if (named != NULL) {
            named->next = sql->named;
            named->may_write = false;
            memcpy(named->path, text, strlen(text) + 1);
            sql->named = named;
        }
        free(real);
        if (named == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
    }
    named->may_write = named->may_write || may_write;
    return FIRN_OK;
}

/* A path that a schema names: only one that the program has named before, and no more than it
 * wanted of it, because a file that somebody else made may have brought the schema. */
static int
check_named(const struct fi_sql *sql, const char *path, const struct options *options,
            firn_error *err)
{
    const struct fi_sql_named *named = find_named(sql, path);
    if (named == NULL) {
        return fi_sqlvalue_error(err, FIRN_DENIED,
                                 "the schema of a database names the store '%.400s', which this "
                                 "connection has not attached: SELECT firn_attach('%.400s') first",
                                 path, path);
    }
    if (!named->may_write && !options->read_only) {
        return fi_sqlvalue_error(err, FIRN_DENIED,
                                 "the schema of a database wants to write to the store '%.400s', "
                                 "which this connection has attached for reading",
                                 path);
    }
    return FIRN_OK;
}

static int
open_or_find(struct fi_sql *sql, enum fi_sql_store_namer namer, const char *path,
             struct options *options, struct fi_sql_store **out, firn_error *err)
{
    struct fi_sql_shared *shared = NULL;
    int rc = strcmp(path, ":memory:") == 0 ? take_memory(sql, &shared) : FIRN_OK;
    rc = rc == FIRN_OK && shared == NULL ? take_shared(path, options, &shared, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        if (store->shared == shared && equal_or_null(store->at, options->at) &&
            (store->read_only == options->read_only)) {
            release_shared(shared);
            *out = store;
            return store->attached || namer == FI_SQL_BY_SCHEMA
                       ? FIRN_OK
                       : name_store(store, path, options, err);
        }
    }
    return make_store(sql, path, options, shared, out, err);
}

int
fi_sql_store_open(struct fi_sql *sql, enum fi_sql_store_namer namer, const char *path,
                  int option_count, const char *const *options, struct fi_sql_store **out,
                  firn_error *err)
{
    assert(path != NULL && option_count >= 0);
    struct options given = {.name = NULL};
    int rc = FIRN_OK;
    *out = NULL;
    for (int i = 0; i < option_count && rc == FIRN_OK; i++) {
        rc = read_option(&given, options[i], err);
    }
    /* What the program has open itself is not opened. */
    rc = rc == FIRN_OK && !is_lent(path, given.read_only) ? fi_sql_confine_check(sql, path, err)
                                                          : rc;
    if (rc == FIRN_OK && namer == FI_SQL_BY_SCHEMA) {
        rc = check_named(sql, path, &given, err);
    }
    if (rc == FIRN_OK) {
        rc = open_or_find(sql, namer, path, &given, out, err);
    }
    if (rc == FIRN_OK && namer == FI_SQL_BY_PROGRAM) {
        rc = remember_named(sql, path, !given.read_only, err);
    }
    if (rc == FIRN_OK) {
        assert(*out != NULL);
        (*out)->is_detached = false;
        fi_sql_store_ref(*out);
    }
    options_deinit(&given);
    return rc;
}

int
fi_sql_store_find(struct fi_sql *sql, const char *name, struct fi_sql_store **out, firn_error *err)
{
    size_t count = 0;
    *out = NULL;
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        if (name == NULL ? store->attached
                         : !store->is_detached &&
                               (strcmp(store->name, name) == 0 || strcmp(store->path, name) == 0)) {
            /* One that was attached comes before one that a virtual table opened. */
            if (*out == NULL || store->attached || !(*out)->attached) {
                *out = store;
            }
            count++;
        }
    }
    if (*out == NULL) {
        return name == NULL
                   ? fi_sqlvalue_error(err, FIRN_NOT_FOUND,
                                       "no store is attached: call firn_attach")
                   : fi_sqlvalue_error(err, FIRN_NOT_FOUND, "no store '%s' is attached", name);
    }
    if (name == NULL && count > 1) {
        *out = NULL;
        return fi_sqlvalue_error(err, FIRN_NOT_FOUND, "%zu stores are attached: say which one",
                                 count);
    }
    return FIRN_OK;
}

/* "app.people", where the alias is "app". */
static const char *
after_alias(const char *name, const struct fi_sql_store *store)
{
    size_t size = strlen(store->name);
    return strncmp(name, store->name, size) == 0 && name[size] == '.' ? name + size + 1 : NULL;
}

static const char *
find_in(const struct fi_sql_store *store, const char *name)
{
    const char *rest = after_alias(name, store);
    for (const struct fi_sql_name *at = store->names; at != NULL; at = at->next) {
        if (!at->is_keyspace && (sqlite3_stricmp(at->name, name) == 0 ||
                                 (rest != NULL && strcmp(at->table_name, rest) == 0))) {
            return at->table_name;
        }
    }
    for (const struct fi_sql_table *at = store->tables; at != NULL; at = at->next) {
        if (at->keyspace == NULL && (sqlite3_stricmp(at->name, name) == 0 ||
                                     (rest != NULL && strcmp(at->table_name, rest) == 0))) {
            return at->table_name;
        }
    }
    return NULL;
}

int
fi_sql_store_find_table(struct fi_sql *sql, const char *name, struct fi_sql_store **out,
                        const char **out_table, firn_error *err)
{
    *out = NULL;
    *out_table = NULL;
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        const char *found = find_in(store, name);
        if (found != NULL) {
            *out = store;
            *out_table = found;
            return FIRN_OK;
        }
    }
    return fi_sqlvalue_error(err, FIRN_NOT_FOUND, "no table '%s' of an attached store", name);
}

int
fi_sql_store_check_change(struct fi_sql_store *store, const char *what, firn_error *err)
{
    assert(what[0] != '\0');
    if (store->read_only) {
        return fi_sqlvalue_error(
            err, FIRN_READ_ONLY, "cannot %s: the store '%s' %s", what, store->name,
            store->at != NULL ? "is attached at a checkpoint" : "is attached read-only");
    }
    if (sqlite3_get_autocommit(store->sql->db) == 0) {
        return fi_sqlvalue_error(err, FIRN_MISUSE, "cannot %s inside of a transaction", what);
    }
    return FIRN_OK;
}

const char *
fi_sql_store_path(const struct fi_sql_store *store)
{
    assert(store->shared != NULL);
    return store->shared->path != NULL ? store->shared->path : store->path;
}

uint64_t
fi_sql_store_generation(const struct fi_sql_store *store)
{
    assert(store->shared != NULL);
    return atomic_load_explicit(&store->shared->generation, memory_order_relaxed);
}

void
fi_sql_store_bump(struct fi_sql_store *store)
{
    atomic_fetch_add_explicit(&store->shared->generation, 1, memory_order_relaxed);
    fi_sql_view_renew(store);
}

int
fi_sql_store_find_past(struct fi_sql *sql, const char *name, struct fi_sql_store **out,
                       const char **out_table, firn_error *err)
{
    if (name == NULL) {
        return fi_sqlvalue_error(err, FIRN_INVALID, "a table is needed, not null");
    }
    int code = fi_sql_store_find_table(sql, name, out, out_table, err);
    if (code == FIRN_NOT_FOUND) { /* perhaps a table that only checkpoints have */
        firn_error other;
        *out_table = name;
        code = fi_sql_store_find(sql, NULL, out, &other) == FIRN_OK ? FIRN_OK : code;
    }
    return code;
}
