/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_attach.c: firn_attach, firn_detach, firn_create and firn_drop.
 *
 * Attaching opens a store and makes a virtual table for each of its tables and keyspaces, in the
 * schema "temp": nothing is written to a database, and all of it is gone with the connection. A
 * name that the main database or the temporary schema has already is refused, because it would be
 * hidden, or hide.
 *
 * Names that differ only in case are one name for SQLite: all but the first of such tables are
 * shown with a number.
 *
 * Attaching again, and every change of definitions, makes virtual tables for what is new and drops
 * those whose table is gone.
 *
 * The functions act only in a statement of the program itself (sql_effect.c): a database that
 * somebody else made must not open stores.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

/* ---- names ---- */

enum { NUMBER_SIZE = 24 }; /* of what number_names appends */

static struct fi_sql_name *
make_name(const char *prefix, const char *table_name, bool is_keyspace)
{
    assert(table_name[0] != '\0');
    size_t prefix_size = strlen(prefix);
    size_t size = strlen(table_name) + 1;
    struct fi_sql_name *name =
        sqlite3_malloc64(sizeof *name + prefix_size + 2 * size + NUMBER_SIZE);
    if (name == NULL) {
        return NULL;
    }
    *name = (struct fi_sql_name){.is_keyspace = is_keyspace};
    name->table_name = (char *)(name + 1);
    name->name = name->table_name + size;
    memcpy(name->table_name, table_name, size);
    memcpy(name->name, prefix, prefix_size);
    memcpy(name->name + prefix_size, table_name, size);
    return name;
}

/* Of a name as SQLite compares it. */
static unsigned
hash_name(const char *name)
{
    unsigned hash = 2166136261U;
    for (; *name != '\0'; name++) {
        const char folded = (char)(*name >= 'A' && *name <= 'Z' ? *name + ('a' - 'A') : *name);
        hash = (hash ^ (unsigned char)folded) * 16777619U;
    }
    return hash;
}

/* A list of names by the names of their tables in the store; of those in one bucket the last in the
 * list comes first. */
struct names_index {
    struct fi_sql_name **buckets;
    size_t mask;
};

static bool
make_index(struct fi_sql_name *names, struct names_index *out)
{
    size_t count = 16;
    for (const struct fi_sql_name *name = names; name != NULL; name = name->next) {
        count++;
    }
    for (out->mask = 15; out->mask < count; out->mask = 2 * out->mask + 1) {
    }
    out->buckets = sqlite3_malloc64((out->mask + 1) * sizeof(void *));
    if (out->buckets == NULL) {
        return false;
    }
    memset(out->buckets, 0, (out->mask + 1) * sizeof(void *));
    for (struct fi_sql_name *name = names; name != NULL; name = name->next) {
        struct fi_sql_name **bucket = &out->buckets[hash_name(name->table_name) & out->mask];
        name->other = *bucket;
        *bucket = name;
    }
    return true;
}

static bool
is_same(const struct fi_sql_name *a, const struct fi_sql_name *b)
{
    return a->is_keyspace == b->is_keyspace && strcmp(a->table_name, b->table_name) == 0 &&
           strcmp(a->name, b->name) == 0;
}

static bool
is_in(const struct names_index *index, const struct fi_sql_name *wanted)
{
    assert(index->buckets != NULL);
    const struct fi_sql_name *at = index->buckets[hash_name(wanted->table_name) & index->mask];
    while (at != NULL && !is_same(at, wanted)) {
        at = at->other;
    }
    return at != NULL;
}

static bool
is_taken(const struct fi_sql_name *names, const struct fi_sql_name *name)
{
    while (names != NULL && (names == name || sqlite3_stricmp(names->name, name->name) != 0)) {
        names = names->next;
    }
    return names != NULL;
}

/* SQLite does not tell the names "t" and "T" from each other: the first in the order of bytes keeps
 * its name, the others get numbers, "t:2". The list is in the opposite order. What a name becomes
 * depends on nothing but the names. */
static void
number_names(struct fi_sql_name *names, const struct names_index *index)
{
    assert(index->buckets != NULL);
    for (struct fi_sql_name *name = names; name != NULL; name = name->next) {
        char *end = name->name + strlen(name->name);
        unsigned number = 1;
        const struct fi_sql_name *later = index->buckets[hash_name(name->table_name) & index->mask];
        for (; later != name; later = later->other) {
            number += sqlite3_stricmp(later->table_name, name->table_name) == 0;
        }
        while (number > 1 && (*end == '\0' || is_taken(names, name))) {
            sqlite3_snprintf(NUMBER_SIZE, end, ":%u", number++);
        }
    }
}

struct listing {
    struct fi_sql_store *store;
    struct fi_sql_name *names;
    bool is_keyspace;
};

static int
note_name(void *ctx, const char *table_name)
{
    struct listing *listing = ctx;
    struct fi_sql_name *name = make_name(listing->store->prefix, table_name, listing->is_keyspace);
    if (name == NULL) {
        return FIRN_NO_MEMORY;
    }
    name->next = listing->names;
    listing->names = name;
    return FIRN_OK;
}

/* What the store has now, and the index of it, whose buckets the caller releases. */
static int
list_names(struct fi_sql_store *store, struct fi_sql_name **out, struct names_index *out_index,
           firn_error *err)
{
    struct listing listing = {.store = store};
    int rc = store->snapshot != NULL
                 ? firn_snapshot_table_list(store->snapshot, note_name, &listing, err)
                 : firn_table_list(store->store, note_name, &listing, err);
    listing.is_keyspace = true;
    if (rc == FIRN_OK) {
        rc = store->snapshot != NULL
                 ? firn_snapshot_keyspace_list(store->snapshot, note_name, &listing, err)
                 : firn_keyspace_list(store->store, note_name, &listing, err);
    }
    if (rc == FIRN_OK && !make_index(listing.names, out_index)) {
        rc = FIRN_NO_MEMORY;
    }
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_sqlvalue_no_memory(err);
    }
    if (rc != FIRN_OK) {
        fi_sql_store_free_names(listing.names);
        return rc;
    }
    number_names(listing.names, out_index);
    *out = listing.names;
    return FIRN_OK;
}

/* ---- virtual tables ---- */

/* Runs a statement; the caller gives the text away. */
static int
sql_attach_run(sqlite3 *db, char *text, firn_error *err)
{
    char *problem = NULL;
    if (text == NULL) {
        fi_sqlvalue_no_memory(err);
        return SQLITE_NOMEM;
    }
    int rc = sqlite3_exec(db, text, NULL, NULL, &problem);
    if (rc != SQLITE_OK) {
        fi_sqlvalue_error(err, FIRN_INVALID, "%s", problem != NULL ? problem : sqlite3_errmsg(db));
    }
    sqlite3_free(problem);
    sqlite3_free(text);
    return rc;
}

static bool
has_table(sqlite3 *db, const char *schema, const char *name)
{
    return sqlite3_table_column_metadata(db, schema, name, NULL, NULL, NULL, NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* Where a table of that name is, which would hide the virtual table, or be hidden by it; NULL:
 * nowhere. */
static const char *
schema_of(sqlite3 *db, const char *name)
{
    return has_table(db, "temp", name) ? "temp" : has_table(db, "main", name) ? "main" : NULL;
}

/* What the statement that makes a name's virtual table ends with, as SQLite's schema has it, too;
 * of sqlite3_malloc. */
static char *
using_text(const struct fi_sql_store *store, const struct fi_sql_name *name)
{
    char *at = store->at != NULL ? sqlite3_mprintf(", at=%Q", store->at) : sqlite3_mprintf("");
    char *text = at == NULL
                     ? NULL
                     : sqlite3_mprintf("USING %s(%Q, %Q%s%s%s)",
                                       name->is_keyspace ? "firn_keyspace" : "firn",
                                       fi_sql_store_path(store), name->table_name, at,
                                       store->read_only && store->at == NULL ? ", read-only" : "",
                                       name->is_keyspace && store->blob ? ", blob" : "");
    sqlite3_free(at);
    return text;
}

/* What the virtual table is called now: a statement may have renamed it, or dropped it and made
 * something else of its name. *out is of sqlite3_malloc; NULL: it is gone. */
static int
find_shown(struct fi_sql_store *store, const struct fi_sql_name *name, char **out, firn_error *err)
{
    static const char sql[] = "SELECT name FROM temp.sqlite_master WHERE type = 'table' AND "
                              "substr(sql, -length(?1)) = ?1 ORDER BY name <> ?2 LIMIT 1";
    sqlite3 *db = store->sql->db;
    sqlite3_stmt *statement = NULL;
    char *text = using_text(store, name);
    *out = NULL;
    int rc = text != NULL ? sqlite3_prepare_v2(db, sql, -1, &statement, NULL) : SQLITE_NOMEM;
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC) : rc;
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 2, name->name, -1, SQLITE_STATIC) : rc;
    if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(statement, 0));
        rc = *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
    }
    const int end = sqlite3_finalize(statement);
    rc = rc == SQLITE_OK ? end : rc;
    sqlite3_free(text);
    if (rc != SQLITE_OK) {
        fi_sqlvalue_error(err, rc == SQLITE_NOMEM ? FIRN_NO_MEMORY : FIRN_INVALID, "%s",
                          sqlite3_errstr(rc));
        sqlite3_free(*out);
        *out = NULL;
    }
    return rc;
}

static int
make_table(struct fi_sql_store *store, const struct fi_sql_name *name, firn_error *err)
{
    assert(store->attached && name->name != NULL);
    sqlite3 *db = store->sql->db;
    const char *schema = schema_of(db, name->name);
    if (schema != NULL) {
        fi_sqlvalue_error(err, FIRN_EXISTS,
                          "there is a table %s.%s already: attach '%s' with the option prefix=",
                          schema, name->name, store->name);
        return SQLITE_ERROR;
    }
    char *text = using_text(store, name);
    if (text == NULL) {
        fi_sqlvalue_no_memory(err);
        return SQLITE_NOMEM;
    }
    int rc = sql_attach_run(
        db, sqlite3_mprintf("CREATE VIRTUAL TABLE temp.\"%w\" %s", name->name, text), err);
    sqlite3_free(text);
    return rc;
}

static int
drop_table(struct fi_sql_store *store, const struct fi_sql_name *name, firn_error *err)
{
    char *shown;
    int rc = find_shown(store, name, &shown, err);
    if (rc == SQLITE_OK && shown != NULL) {
        rc = sql_attach_run(store->sql->db, sqlite3_mprintf("DROP TABLE temp.\"%w\"", shown), err);
    }
    sqlite3_free(shown);
    return rc;
}

/* Drops the virtual tables of names that are not present; all of them, if that is NULL. */
static int
drop_gone(struct fi_sql_store *store, const struct names_index *present, firn_error *err)
{
    int rc = SQLITE_OK;
    for (struct fi_sql_name **at = &store->names; *at != NULL && rc == SQLITE_OK;) {
        struct fi_sql_name *name = *at;
        if (present != NULL && is_in(present, name)) {
            at = &name->next;
            continue;
        }
        rc = drop_table(store, name, err);
        if (rc == SQLITE_OK) {
            *at = name->next;
            sqlite3_free(name);
        }
    }
    return rc;
}

/* Forgets the names whose virtual tables statements have dropped, so that they are made again,
 * unless something else is called so. */
static int
forget_dropped(struct fi_sql_store *store, firn_error *err)
{
    int rc = SQLITE_OK;
    for (struct fi_sql_name **at = &store->names; *at != NULL && rc == SQLITE_OK;) {
        struct fi_sql_name *name = *at;
        char *shown = NULL;
        bool is_gone = schema_of(store->sql->db, name->name) == NULL;
        if (is_gone) { /* or has another name; this reads the whole schema */
            rc = find_shown(store, name, &shown, err);
            is_gone = rc == SQLITE_OK && shown == NULL;
        }
        if (is_gone) {
            *at = name->next;
            sqlite3_free(name);
        } else {
            at = &name->next;
        }
        sqlite3_free(shown);
    }
    return rc;
}

int
fi_sql_attach_refresh(struct fi_sql_store *store, firn_error *err)
{
    assert(store->attached);
    struct fi_sql_name *present = NULL;
    struct names_index index = {.buckets = NULL};
    firn_error own;
    err = err != NULL ? err : &own;
    store->seen_generation = fi_sql_store_generation(store);
    int code = list_names(store, &present, &index, err);
    if (code != FIRN_OK) {
        return fi_sql_code(code);
    }
    int rc = drop_gone(store, &index, err);
    sqlite3_free(index.buckets);
    if (rc == SQLITE_OK && !make_index(store->names, &index)) {
        fi_sqlvalue_no_memory(err);
        rc = SQLITE_NOMEM;
    }
    const bool has_index = rc == SQLITE_OK;
    while (present != NULL && rc == SQLITE_OK) {
        struct fi_sql_name *name = present;
        present = name->next;
        name->next = NULL;
        /* SQLite keeps such names to itself: they need a prefix. */
        bool is_reserved = sqlite3_strnicmp(name->name, "sqlite_", 7) == 0;
        if (is_reserved || is_in(&index, name)) {
            sqlite3_free(name);
            continue;
        }
        rc = make_table(store, name, err);
        if (rc == SQLITE_OK) {
            name->next = store->names;
            store->names = name;
        } else {
            sqlite3_free(name);
        }
    }
    if (has_index) {
        sqlite3_free(index.buckets);
    }
    fi_sql_store_free_names(present);
    (void)fi_sql_reset(store->sql);
    return rc;
}

int
fi_sql_attach_changed(struct fi_sql_store *store)
{
    fi_sql_store_bump(store);
    return store->attached ? fi_sql_attach_refresh(store, NULL) : SQLITE_OK;
}

bool
fi_sql_attach_recheck(sqlite3 *db)
{
    struct fi_sql *sql = fi_sql_find(db);
    firn_error ignored;
    bool is_done = false;
    if (sql == NULL || sqlite3_get_autocommit(db) == 0) {
        return false;
    }
    for (struct fi_sql_store *store = sql->stores; store != NULL; store = store->next) {
        if (store->attached && store->snapshot == NULL &&
            (!store->read_only || firn_store_refresh(store->store, &ignored) == FIRN_OK)) {
            is_done = fi_sql_attach_refresh(store, &ignored) == SQLITE_OK || is_done;
        }
    }
    return is_done;
}

/* ---- one definition was changed ---- */

/* Makes a virtual table anew, so that SQLite is told of its columns again. False: SQLite has to
 * read its schemas again, because the virtual table is in use, or was renamed. */
static bool
remake_table(struct fi_sql_store *store, const struct fi_sql_name *name)
{
    firn_error ignored;
    char *shown;
    const bool is_fine = find_shown(store, name, &shown, &ignored) == SQLITE_OK && shown != NULL &&
                         strcmp(shown, name->name) == 0;
    sqlite3_free(shown);
    return is_fine && drop_table(store, name, &ignored) == SQLITE_OK &&
           make_table(store, name, &ignored) == SQLITE_OK;
}

/* The name of a virtual table, by that of its table or keyspace; *out_likes counts those that
 * SQLite does not tell from it. */
static struct fi_sql_name *
find_like(const struct fi_sql_store *store, const char *table_name, size_t *out_likes)
{
    struct fi_sql_name *found = NULL;
    *out_likes = 0;
    for (struct fi_sql_name *at = store->names; at != NULL; at = at->next) {
        if (sqlite3_stricmp(at->table_name, table_name) == 0) {
            found = strcmp(at->table_name, table_name) == 0 ? at : found;
            ++*out_likes;
        }
    }
    return found;
}

/* Shows SQLite what a statement has changed, and that alone: reading all of its schema again would
 * make each of many definitions as dear as there are tables. False: that has to be done. Requires:
 * nothing else was changed since the virtual tables were made. */
static bool
show_change(struct fi_sql_store *store, const struct fi_sqlcreate *create)
{
    size_t likes;
    struct fi_sql_name *name = find_like(store, create->table, &likes);
    const bool is_keyspace = create->kind == FI_SQLCREATE_KEYSPACE;
    if (create->kind == FI_SQLCREATE_DROP_TABLE) {
        return likes == 0; /* its virtual table is gone already */
    }
    if (!is_keyspace && create->kind != FI_SQLCREATE_TABLE) {
        return name != NULL && remake_table(store, name);
    }
    if (likes > 0) {
        return create->may_exist && likes == 1 && name != NULL && name->is_keyspace == is_keyspace;
    }
    name = make_name(store->prefix, create->table, is_keyspace);
    firn_error ignored;
    if (name == NULL || sqlite3_strnicmp(name->name, "sqlite_", 7) == 0 ||
        make_table(store, name, &ignored) != SQLITE_OK) {
        sqlite3_free(name);
        return false;
    }
    name->next = store->names;
    store->names = name;
    return true;
}

/* ---- firn_attach(PATH, OPTION, …), firn_detach(NAME) ---- */

static bool
take_texts(sqlite3_context *ctx, int count, sqlite3_value **values, const char **out)
{
    for (int i = 0; i < count; i++) {
        out[i] = (const char *)sqlite3_value_text(values[i]);
        if (out[i] == NULL) {
            if (sqlite3_value_type(values[i]) == SQLITE_NULL) {
                sqlite3_result_error(ctx, "NULL is no name", -1);
            } else {
                sqlite3_result_error_nomem(ctx);
            }
            return false;
        }
    }
    return true;
}

static int
check_alias(const struct fi_sql_store *store, firn_error *err)
{
    assert(store->name != NULL);
    for (const struct fi_sql_store *at = store->sql->stores; at != NULL; at = at->next) {
        if (at != store && at->attached && strcmp(at->name, store->name) == 0) {
            return fi_sqlvalue_error(
                err, FIRN_EXISTS,
                "a store is attached as '%s' already: use the option name=", store->name);
        }
    }
    return FIRN_OK;
}

static void
sql_attach(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    enum { ARGUMENTS_MAX = 16 };
    const char *texts[ARGUMENTS_MAX];
    struct fi_sql_store *store = NULL;
    firn_error err;
    if (count < 1 || count > ARGUMENTS_MAX) {
        sqlite3_result_error(ctx, "firn_attach wants the path of a store, and options", -1);
        return;
    }
    if (!take_texts(ctx, count, values, texts)) {
        return;
    }
    int rc = fi_sql_store_open(fi_sql_of(ctx), FI_SQL_BY_PROGRAM, texts[0], count - 1, texts + 1,
                               &store, &err);
    if (rc != FIRN_OK) {
        fi_sql_fail(ctx, &err);
        return;
    }
    bool was_attached = store->attached;
    rc = was_attached ? FIRN_OK : check_alias(store, &err);
    if (rc == FIRN_OK && was_attached && store->read_only && store->snapshot == NULL) {
        rc = firn_store_refresh(store->store, &err);
    }
    int code = SQLITE_OK;
    if (rc == FIRN_OK) {
        store->attached = true;
        code = forget_dropped(store, &err);
        code = code == SQLITE_OK ? fi_sql_attach_refresh(store, &err) : code;
    }
    if (rc != FIRN_OK || code != SQLITE_OK) {
        firn_error ignored;
        if (!was_attached && drop_gone(store, NULL, &ignored) == SQLITE_OK) {
            fi_sql_store_forget(store);
        }
        fi_sql_fail(ctx, &err);
        if (code != SQLITE_OK) {
            sqlite3_result_error_code(ctx, code);
        }
    } else {
        sqlite3_result_text(ctx, store->name, -1, SQLITE_TRANSIENT);
    }
    fi_sql_store_unref(store);
}

static void
sql_attach_detach(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    struct fi_sql *sql = fi_sql_of(ctx);
    struct fi_sql_store *store;
    const char *name;
    firn_error err;
    if (!take_texts(ctx, count, values, &name)) {
        return;
    }
    int rc = fi_sql_store_find(sql, name, &store, &err);
    if (rc == FIRN_OK && sqlite3_get_autocommit(sql->db) == 0) {
        rc = fi_sqlvalue_error(&err, FIRN_MISUSE, "cannot detach '%s' inside of a transaction",
                               name);
    }
    if (rc == FIRN_OK && drop_gone(store, NULL, &err) != SQLITE_OK) {
        rc = err.code;
    }
    if (rc != FIRN_OK) {
        fi_sql_fail(ctx, &err);
        return;
    }
    fi_sql_store_forget(store);
}

/* ---- firn_create(STATEMENT [, STORE]), firn_drop(TABLE [, STORE]) ---- */

static int
sql_attach_change(struct fi_sql *sql, const struct fi_sqlcreate *create, const char *store_name,
                  const char *what, firn_error *err)
{
    struct fi_sql_store *store;
    FI_TRY_RETURN(
        fi_sql_store_find(sql, store_name != NULL ? store_name : create->store, &store, err));
    FI_TRY_RETURN(fi_sql_store_check_change(store, what, err));
    firn_error inner;
    if (create->kind == FI_SQLCREATE_DROP_TABLE) {
        /* Its virtual table first: that fails if a statement is using it. */
        for (struct fi_sql_name **at = &store->names; *at != NULL; at = &(*at)->next) {
            struct fi_sql_name *name = *at;
            if (strcmp(name->table_name, create->table) == 0) {
                if (drop_table(store, name, err) != SQLITE_OK) {
                    return err->code;
                }
                *at = name->next;
                sqlite3_free(name);
                break;
            }
        }
    }
    const bool is_known =
        store->attached && store->seen_generation == fi_sql_store_generation(store);
    int rc = fi_sqlcreate_run(create, store->store, err);
    fi_sql_store_bump(store);
    if (rc == FIRN_OK && is_known && show_change(store, create)) {
        store->seen_generation = fi_sql_store_generation(store);
        return FIRN_OK;
    }
    if (fi_sql_attach_changed(store) != SQLITE_OK && rc == FIRN_OK &&
        fi_sql_attach_refresh(store, &inner) != SQLITE_OK) {
        rc = fi_sqlvalue_error(err, FIRN_INVALID,
                               "done, but the virtual table could not be made: %.900s", inner.text);
    }
    return rc;
}

static void
create(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    const char *texts[2] = {NULL, NULL};
    struct fi_sqlcreate create;
    firn_error err;
    if (!take_texts(ctx, count, values, texts)) {
        return;
    }
    int rc = fi_sqlcreate_parse(texts[0], &create, &err);
    if (rc == FIRN_OK) {
        rc = sql_attach_change(fi_sql_of(ctx), &create, texts[1], "change definitions", &err);
        fi_sqlcreate_deinit(&create);
    }
    if (rc != FIRN_OK) {
        fi_sql_fail(ctx, &err);
    }
}

static void
sql_attach_drop(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    const char *texts[2] = {NULL, NULL};
    firn_error err;
    if (!take_texts(ctx, count, values, texts)) {
        return;
    }
    struct fi_sqlcreate create = {.kind = FI_SQLCREATE_DROP_TABLE};
    create.table = sqlite3_mprintf("%s", texts[0]);
    int rc = create.table != NULL
                 ? sql_attach_change(fi_sql_of(ctx), &create, texts[1], "drop a table", &err)
                 : fi_sqlvalue_no_memory(&err);
    fi_sqlcreate_deinit(&create);
    if (rc != FIRN_OK) {
        fi_sql_fail(ctx, &err);
    }
}

int
fi_sql_attach_register(struct fi_sql *sql)
{
    static const struct {
        const char *name;
        int count;
        void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values);
    } functions[] = {
        {"firn_attach", -1, sql_attach},   {"firn_detach", 1, sql_attach_detach},
        {"firn_create", 1, create},        {"firn_create", 2, create},
        {"firn_drop", 1, sql_attach_drop}, {"firn_drop", 2, sql_attach_drop},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && rc == SQLITE_OK; i++) {
        rc = fi_sql_function(sql, functions[i].name, functions[i].count, FI_SQL_EFFECT,
                             functions[i].call);
    }
    return rc;
}
